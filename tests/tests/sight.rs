//! What a carrier sees in a busy day is what `docs/spec/relay.md` lists, and a leak would be found.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests stop at the first thing that cannot be"
)]

#[path = "sight/day.rs"]
mod day;
#[path = "sight/leaks.rs"]
mod leaks;
#[path = "sight/relay.rs"]
mod relay;

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::batch::Shelf;
use linli_tests::sight::{Allowed, Item, Sight};

use day::Day;

/// Reads everything that the carrier of a day was told, said and stored.
fn look(day: &Day) -> Sight<'_> {
    let mut sight = Sight::new(&day.known);
    let mut kinds: BTreeMap<u64, usize> = BTreeMap::new();
    for seen in &day.net.wire.seen {
        if let Some(kind) = sight.frame(&seen.bytes, &seen.secret) {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    let disk = &day.net.node(day.carrier).disk;
    let mut stored = [0; 3];
    for batch in disk.history() {
        for entry in &batch.entries {
            sight.entry(&entry.encode());
            stored[0] += 1;
        }
        for certificate in &batch.certificates {
            sight.certificate(&certificate.encode());
            stored[1] += 1;
        }
    }
    assert!(!day.net.node(day.carrier).blobs.is_empty(), "no blob was kept");
    for bytes in day.net.node(day.carrier).blobs.values() {
        sight.search("a blob", bytes, Allowed::Nothing);
    }
    for shelf in Shelf::ALL {
        for (key, value) in disk.store.records(shelf) {
            sight.record(&key, &value);
            stored[2] += 1;
        }
    }
    println!(
        "frames by kind: {kinds:?}; entries, certificates, records stored: {stored:?}; {} values, \
         {} bytes searched for {} traces",
        sight.values,
        sight.bytes,
        day.known.forbidden(),
    );
    println!("seen: {:?}", sight.saw);
    let all: BTreeSet<u64> = kinds.keys().copied().collect();
    assert!(
        (0..=9).chain([12]).all(|kind| all.contains(&kind)),
        "frames of some kinds were never seen"
    );
    assert!(stored.iter().all(|count| *count > 0), "something was never stored");
    assert!(sight.values > 10_000 && sight.bytes > 1_000_000 && day.known.forbidden() > 50);
    for item in Item::ALL {
        assert!(sight.saw.contains_key(&item), "{item:?} was never looked at");
    }
    sight
}

#[test]
fn a_carrier_learns_what_the_list_says_and_nothing_else() {
    for seed in 1..=3 {
        let mut day = Day::run(seed);
        day.quarter();
        let sight = look(&day);
        let some: Vec<&String> = sight.findings.iter().take(20).collect();
        assert!(sight.findings.is_empty(), "{} findings: {some:#?}", sight.findings.len());
    }
}

/// The numbers in the schema are those of the list.
#[test]
fn every_item_has_its_line_in_the_list() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/spec/relay.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("## What a carrier may learn").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter_map(|line| line.split_once(". **"));
    let listed: Vec<(usize, String)> = lines
        .filter_map(|(number, rest)| Some((number.parse().ok()?, rest.to_lowercase())))
        .collect();
    assert_eq!(listed.len(), Item::ALL.len());
    let words = [
        "community",
        "endpoints",
        "spaces",
        "documents",
        "logs",
        "epochs",
        "sizes",
        "urgency",
        "names",
        "holdings",
        "inboxes",
        "shares",
        "heartbeats",
        "erasures",
        "sums",
        "counts",
        "blobs",
        "prunes",
    ];
    for (at, item) in Item::ALL.into_iter().enumerate() {
        let (number, line) = &listed[at];
        assert_eq!((*number, item as usize), (at + 1, at + 1));
        assert!(line.contains(words[at]), "line {number} is about {line}");
        assert_eq!(format!("{item:?}").to_lowercase(), words[at]);
    }
}
