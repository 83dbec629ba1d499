//! What the store costs, each figure beside a floor measured in the same run.
//!
//! - bulk: 200,000 entries of about 600 bytes through [`Store::submit`], against plain redb puts of
//!   the same bytes under the same ordered keys in transactions of the same size;
//! - alert: one urgent batch, durable, against one plain redb commit of the same bytes; idle, and
//!   while bulk is written;
//! - start: opening, and listing the tips of 100,000 documents.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a program that measures"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use linli_replica::batch::Batch;
use linli_replica::entry::{Entry, Header, Page, Suite, Urgency};
use linli_replica::id::{DocTag, EntryId, EpochId, LogKey, SpaceTag};
use linli_store::limits::TRANSACTION_ENTRIES_MAX;
use linli_store::{StorageKey, Store};
use redb::{Durability, TableDefinition};

const PLAIN: TableDefinition<'_, &[u8; 36], &[u8]> = TableDefinition::new("plain");
const DOCUMENTS: u64 = 10_000;
const ENTRIES_EACH: u64 = 20;
const PAIRS: usize = 5;

fn main() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let key = SigningKey::from_bytes(&[1; 32]);
    let batches: Vec<Batch> =
        (0..DOCUMENTS).map(|n| page(&key, n, ENTRIES_EACH, Urgency::Bulk)).collect();
    let bytes: usize = batches.iter().flat_map(|b| &b.entries).map(Entry::size_bytes).sum();
    println!("{} entries, {} MB", DOCUMENTS * ENTRIES_EACH, bytes / 1_000_000);

    let mut ratios = Vec::new();
    for round in 0..PAIRS {
        let ours = bulk(&directory.path().join(format!("ours {round}")), &batches);
        let plain = plain_bulk(&directory.path().join(format!("plain {round}")), &batches);
        ratios.push(ours.as_secs_f64() / plain.as_secs_f64());
        println!("bulk {round}: ours {ours:.2?}, plain redb {plain:.2?}");
    }
    println!("bulk: ours ÷ plain redb, median {:.2}", median(&mut ratios));
    alerts(directory.path(), &key, &batches);
    start(&directory.path().join("ours 0"));
    many_documents(&directory.path().join("many"), &key);
}

fn page(key: &SigningKey, document: u64, count: u64, urgency: Urgency) -> Batch {
    let mut tag = [0; 32];
    tag[..8].copy_from_slice(&document.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let mut chain: Vec<Entry> = Vec::new();
    for sequence in 1..=count {
        let header = Header {
            version: 1,
            suite: Suite::Epoch,
            space: SpaceTag([1; 32]),
            document: DocTag(tag),
            log: LogKey(key.verifying_key().to_bytes()),
            sequence,
            previous: chain.last().map_or(EntryId::default(), Entry::id),
            epoch: EpochId([9; 32]),
            urgency,
            nonce: [7; 24].into(),
            length: 272,
        };
        chain.push(Entry::assemble(&header, vec![7; 272], key).unwrap());
    }
    let entries = Page(chain).verify().unwrap().into_entries();
    Batch { entries, urgent: urgency == Urgency::Urgent, ..Batch::default() }
}

fn create(path: &Path) -> Store {
    Store::create(path, &StorageKey::from_bytes([1; 32])).unwrap()
}

/// Submits everything and waits until the last answer.
fn write_all(store: &Store, batches: Vec<Batch>) {
    let (answer, answered) = mpsc::channel();
    for batch in batches {
        let answer = answer.clone();
        let done = Box::new(move |result: Result<(), _>| answer.send(result).unwrap());
        store.submit(batch, done);
    }
    drop(answer);
    for result in answered {
        result.unwrap();
    }
}

fn bulk(path: &Path, batches: &[Batch]) -> Duration {
    let store = create(path);
    let batches = batches.to_vec();
    let start = Instant::now();
    write_all(&store, batches);
    start.elapsed()
}

fn plain_bulk(path: &Path, batches: &[Batch]) -> Duration {
    let database = redb::Builder::new().set_cache_size(64 << 20).create(path).unwrap();
    let entries: Vec<&Entry> = batches.iter().flat_map(|batch| &batch.entries).collect();
    let encoded: Vec<Vec<u8>> = entries.iter().map(|entry| entry.encode()).collect();
    let start = Instant::now();
    let mut number = 0_u64;
    for chunk in encoded.chunks(TRANSACTION_ENTRIES_MAX) {
        let mut txn = database.begin_write().unwrap();
        txn.set_durability(Durability::Immediate).unwrap();
        {
            let mut table = txn.open_table(PLAIN).unwrap();
            for bytes in chunk {
                number += 1;
                let mut key = [0; 36];
                key[..8].copy_from_slice(&number.to_be_bytes());
                table.insert(&key, bytes.as_slice()).unwrap();
            }
        }
        txn.commit().unwrap();
    }
    start.elapsed()
}

fn alerts(path: &Path, key: &SigningKey, batches: &[Batch]) {
    let store = create(&path.join("alerts"));
    let plain = redb::Database::create(path.join("plain alerts")).unwrap();
    let mut numbers = 1_000_000..;
    let mut next = || page(key, numbers.next().unwrap_or(0), 1, Urgency::Urgent);
    let mut alert = || {
        let batch = next();
        let start = Instant::now();
        store.commit(batch).unwrap();
        start.elapsed().as_secs_f64() * 1e3
    };
    let commit = |n: u64, bytes: &[u8]| {
        let start = Instant::now();
        let txn = plain.begin_write().unwrap();
        let mut row = [0; 36];
        row[..8].copy_from_slice(&n.to_be_bytes());
        txn.open_table(PLAIN).unwrap().insert(&row, bytes).unwrap();
        txn.commit().unwrap();
        start.elapsed().as_secs_f64() * 1e3
    };
    let bytes = vec![7; 700];
    let (mut idle, mut floor) = (Vec::new(), Vec::new());
    for n in 0..300 {
        idle.push(alert());
        floor.push(commit(n, &bytes));
    }
    let busy_for = AtomicBool::new(true);
    let mut busy = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for part in batches.chunks(100) {
                write_all(&store, part.to_vec());
            }
            busy_for.store(false, Ordering::Release);
        });
        while busy_for.load(Ordering::Acquire) {
            busy.push(alert());
        }
    });
    let (p50, base) = (median(&mut idle), median(&mut floor));
    println!("alert idle: p50 {p50:.2} ms, ÷ plain redb commit {:.2}", p50 / base);
    let p99 = |sorted: &mut Vec<f64>| {
        median(sorted);
        sorted[sorted.len() * 99 / 100]
    };
    let (quiet, loud) = (p99(&mut idle), p99(&mut busy));
    println!(
        "alert p99: idle {quiet:.2} ms, during bulk {loud:.2} ms ({} alerts), ratio {:.2}",
        busy.len(),
        loud / quiet
    );
}

fn start(path: &Path) {
    let before = Instant::now();
    let store = Store::open(path, &StorageKey::from_bytes([1; 32])).unwrap();
    let opened = before.elapsed();
    let branches = store.branches().unwrap().count();
    println!("open {opened:.2?}; {branches} branches listed after {:.2?}", before.elapsed());
}

fn many_documents(path: &Path, key: &SigningKey) {
    let batches: Vec<Batch> = (0..100_000_u64)
        .step_by(500)
        .map(|first| {
            let mut batch = Batch::default();
            for n in first..first + 500 {
                batch.absorb(page(key, n, 1, Urgency::Normal));
            }
            batch
        })
        .collect();
    write_all(&create(path), batches);
    start(path);
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
