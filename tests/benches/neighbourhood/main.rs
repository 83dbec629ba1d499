//! Two real nodes on one machine: real stores, real QUIC on loopback, real sealed documents.
//!
//! Only ratios within one run are claims; absolute figures stand beside them.
//!
//! - first sync: 10,000 documents of 20 sealed changes to an empty node, against the same bytes over
//!   the same lanes, unchecked, into plain redb;
//! - nothing to do: what a comparison on an open connection costs;
//! - alert: from the button to the receipt, idle and during a first sync, against an echo of as many bytes and two
//!   commits into plain redb, and against `mosquitto` where that is installed;
//! - grant: from a party's grant until its node, connected, reads the document;
//! - at rest: the memory of a node with 10,000 elders, and how soon it answers;
//! - relayed: first sync and alerts through a relay, and everything into its carrier;
//! - idle: the memory that a connected node takes up at a relay;
//! - checkpoint: the bytes of a checkpoint and of what stays, against those of all that it stands for;
//! - size: the bytes of the released `linli-relay`.
//!
//! `cargo bench -p linli-tests -- sync` runs one of them: `sync`, `elders`, `alert`, `grant`, `rest`, `relayed`,
//! `idle`, `checkpoint` or `size`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a program that measures"
)]

/// The allocator of `linli`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod alert;
mod beside;
mod checkpoint;
mod echo;
mod grant;
mod idle;
mod mosquitto;
mod plain;
mod relayed;
mod rest;
mod site;
mod size;
mod street;
mod sync;
mod town;

use town::{Shape, Town};

/// 10,000 documents in spaces of a hundred.
const SHARED: Shape = Shape { spaces: 100, documents_each: 100 };

/// 10,000 documents, each in a space of its own, as an elder's profile is.
const ELDERS: Shape = Shape { spaces: 10_000, documents_each: 1 };

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [word, path] = words.as_slice()
        && word == rest::NODE
    {
        return rest::serve(path.as_ref());
    }
    if let [word, path, http, listen] = words.as_slice()
        && word == idle::RELAY
    {
        return idle::serve(path.as_ref(), http, listen);
    }
    let asked = |name| words.is_empty() || words.iter().any(|word| word == name);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let at = |name| directory.path().join(name);
    runtime.block_on(async {
        let town = Town::new();
        if asked("sync") || asked("alert") {
            let space = alert::prepare(&town, &at("hub"), &at("informed centre")).await;
            sync::fill(&town, &at("hub"), SHARED).await;
            if asked("sync") {
                sync::first(&town, directory.path(), &at("hub"), SHARED).await;
            }
            if asked("alert") {
                alert::measure(&town, directory.path(), space).await;
            }
        }
        if asked("elders") {
            town.found(&at("town hub"));
            sync::fill(&town, &at("town hub"), ELDERS).await;
            sync::first(&town, directory.path(), &at("town hub"), ELDERS).await;
        }
        if asked("grant") {
            grant::measure(&town, directory.path()).await;
        }
        if asked("rest") {
            rest::measure(directory.path()).await;
        }
        if asked("relayed") {
            relayed::measure(directory.path(), SHARED).await;
        }
        if asked("idle") {
            idle::measure(directory.path()).await;
        }
        if asked("checkpoint") {
            checkpoint::measure();
        }
        if asked("size") {
            size::measure();
        }
    });
}

/// Seconds of both processors that this process has used.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in parentheses: user and system time are fields 14 and 15, in 1/100 s.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// The value in the middle.
fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which `percent` of all lie.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() * percent / 100]
}
