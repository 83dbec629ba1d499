//! Pruning: whole or not at all.

use std::sync::Arc;

use linli_replica::batch::{Batch, LogBase, Shelf};
use linli_replica::held::Held as _;
use linli_store::{StorageKey, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::disk::Disk;
use crate::support::{Log, entries, record};

const ROUNDS: u64 = 200;

#[test]
fn a_power_cut_leaves_all_of_it_or_nothing() {
    let key = StorageKey::from_bytes([5; 32]);
    let (mut whole, mut gone, mut unasked) = (0, 0, 0);
    for seed in 0..ROUNDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let disk = Disk::default();
        let log = Log::new(1, 1, 1);
        let chain = log.chain(12, 0);
        let store = Store::create_on(Arc::new(disk.clone()), &key).unwrap();
        store.commit(entries(&chain, seed % 2 == 0)).unwrap();
        let tip = chain[8].tip();
        let base = LogBase { space: log.space, document: log.document, log: log.log(), tip };
        let records = vec![record(Shelf::Own, b"base", Some(b"1"))];
        let prune = Batch { prune: vec![base], records, ..Batch::default() };
        disk.cut_power_after(rng.random_range(1..60));
        let acknowledged = store.commit(prune.clone()).is_ok();
        drop(store);

        let store = Store::open_on(Arc::new(disk.after_power_cut(&mut rng)), &key).unwrap();
        let held = store.entries(log.document, log.log(), 0, usize::MAX).unwrap();
        let note = store.record(Shelf::Own, b"base").unwrap().is_some();
        assert!(matches!((held.len(), note), (12, false) | (3, true)), "seed {seed}");
        assert!(note || !acknowledged, "seed {seed}: what was acknowledged is undone");
        let tips: Vec<_> = store.branches().unwrap().map(|branch| branch.unwrap().3.tip).collect();
        assert_eq!(tips, [chain[11].tip()], "seed {seed}: the log ends where it did");
        if note {
            gone += 1;
        } else {
            whole += 1;
        }
        unasked += u32::from(note && !acknowledged);
        store.commit(prune).unwrap();
        assert_eq!(store.stats().unwrap().entries, 3, "seed {seed}: it is done again");
    }
    assert!(whole > 10 && gone > 10, "{whole} cuts before and {gone} after");
    assert!(unasked > 0, "no cut came between durable and acknowledged");
}
