//! Power cuts: every acknowledged batch is found whole, and none is found in part.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use linli_replica::audit::{Head, Linker};
use linli_replica::batch::{Batch, Shelf};
use linli_replica::held::Held as _;
use linli_store::{StorageKey, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::disk::Disk;
use crate::support::{Log, record};

const ROUNDS: u64 = 250;
const BATCHES: usize = 25;

/// A batch of entries and a record that names it; both are found, or neither.
struct Sent {
    log: usize,
    last: u64,
    record: Vec<u8>,
}

#[test]
fn every_acknowledged_batch_is_found_whole_after_a_power_cut() {
    let key = StorageKey::from_bytes([5; 32]);
    let (mut cuts, mut found, mut kept_unasked) = (0, 0, 0);
    for seed in 0..ROUNDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let disk = Disk::default();
        let logs: Vec<Log> = (0..3).map(|n| Log::new(1, n, n)).collect();
        let store = Store::create_on(Arc::new(disk.clone()), &key).unwrap();
        disk.cut_power_after(rng.random_range(1..250));
        let (sent, acknowledged) = write_until_cut(store, &logs, &mut rng);
        cuts += u64::from(disk.is_off());

        let survived = disk.after_power_cut(&mut rng);
        let store = Store::open_on(Arc::new(survived), &key).unwrap();
        let mut held = BTreeMap::new();
        for (n, log) in logs.iter().enumerate() {
            let entries = store.entries(log.document, log.log(), 0, usize::MAX).unwrap();
            let expected: Vec<u64> = (1..=entries.len() as u64).collect();
            let sequences: Vec<u64> = entries.iter().map(|e| e.header().sequence).collect();
            assert_eq!(sequences, expected, "seed {seed}: a log has a hole");
            held.insert(n, entries.len() as u64);
        }
        for (n, batch) in sent.iter().enumerate() {
            let has_record = store.record(Shelf::Own, &batch.record).unwrap().is_some();
            let has_entries = held[&batch.log] >= batch.last;
            if acknowledged.contains(&n) {
                assert!(has_record, "seed {seed}: acknowledged batch {n} is lost");
                found += 1;
            } else if has_record {
                kept_unasked += 1;
            }
            // Its entries may come early with an urgent batch that builds on them, never late.
            assert!(!has_record || has_entries, "seed {seed}: batch {n} is there in part");
        }
        check_audit(&store, &sent, seed);
        let mut tips: Vec<u64> =
            store.branches().unwrap().map(|branch| branch.unwrap().3.tip.sequence).collect();
        let mut all: Vec<u64> = held.into_values().filter(|last| *last > 0).collect();
        all.sort_unstable();
        tips.sort_unstable();
        assert_eq!(tips, all, "seed {seed}: the tips are not those of the entries");
    }
    assert!(cuts > ROUNDS / 2, "only {cuts} power cuts");
    assert!(found > ROUNDS * 4, "only {found} acknowledged batches");
    assert!(kept_unasked > 0, "no cut came between durable and acknowledged");
}

/// A batch's record of the audit is there with the batch or not at all, and the chain has no gap.
fn check_audit(store: &Store, sent: &[Sent], seed: u64) {
    let linker = Linker::default();
    let (mut head, mut told) = (Head::default(), Vec::new());
    for linked in store.audit(1, u64::MAX).unwrap() {
        head = linker.next(&head, &linker.digest(&linked.record)).unwrap();
        assert_eq!(head, linked.head, "seed {seed}: the audit is broken");
        told.push(linked.record);
    }
    for batch in sent {
        let done = store.record(Shelf::Own, &batch.record).unwrap().is_some();
        let times = told.iter().filter(|record| **record == batch.record).count();
        assert_eq!(times, usize::from(done), "seed {seed}: an act and its record came apart");
    }
    assert!(told.len() <= sent.len());
}

fn write_until_cut(store: Store, logs: &[Log], rng: &mut StdRng) -> (Vec<Sent>, Vec<usize>) {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let (answer, answered) = mpsc::channel();
    let mut last = vec![None; logs.len()];
    let mut sent = Vec::new();
    for n in 0..BATCHES {
        let log = rng.random_range(0..logs.len());
        let mut batch = Batch { urgent: rng.random_bool(0.4), ..Batch::default() };
        for _ in 0..rng.random_range(1..6) {
            let entry = logs[log].entry(last[log].as_ref(), 0);
            last[log] = Some(entry.clone());
            batch.entries.push(entry);
        }
        let key = format!("batch {n}").into_bytes();
        let size = rng.random_range(10..1_500);
        batch.records.push(record(Shelf::Own, &key, Some(&vec![7; size])));
        batch.records.push(record(Shelf::Audit, &key, Some(&key)));
        let through = last[log].as_ref().map_or(0, |entry| entry.header().sequence);
        sent.push(Sent { log, last: through, record: key });
        let (acknowledged, answer) = (Arc::clone(&acknowledged), answer.clone());
        store.submit(
            batch,
            Box::new(move |result| {
                if result.is_ok() {
                    acknowledged.lock().unwrap().push(n);
                }
                let _ = answer.send(result.is_ok());
            }),
        );
        // Sometimes wait, so that groups of all sizes form.
        if rng.random_bool(0.5) {
            let _ = answered.recv();
        }
    }
    drop(store);
    let acknowledged = acknowledged.lock().unwrap().clone();
    (sent, acknowledged)
}
