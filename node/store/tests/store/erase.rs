//! Removing for good: whole or not at all, and out of the urgent file too.

use std::path::Path;
use std::sync::Arc;

use linli_replica::batch::{Batch, Erase, Shelf};
use linli_replica::held::Held as _;
use linli_replica::id::SpaceTag;
use linli_store::{StorageKey, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redb::{Database, ReadableDatabase as _, ReadableTableMetadata as _, TableDefinition};

use crate::disk::Disk;
use crate::support::{Log, entries, record};

const ROUNDS: u64 = 200;

fn key() -> StorageKey {
    StorageKey::from_bytes([5; 32])
}

fn erase(space: u8) -> Batch {
    let erase = vec![Erase { space: SpaceTag([space; 32]), documents: None }];
    let records =
        vec![record(Shelf::Space, b"keys", None), record(Shelf::Own, b"erased", Some(b"1"))];
    Batch { erase, records, ..Batch::default() }
}

#[test]
fn a_power_cut_leaves_all_of_it_or_nothing() {
    let (mut whole, mut gone, mut unasked) = (0, 0, 0);
    for seed in 0..ROUNDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let disk = Disk::default();
        let (doomed, other) = (Log::new(1, 1, 1), Log::new(2, 2, 2));
        let store = Store::create_on(Arc::new(disk.clone()), &key()).unwrap();
        let keys = vec![record(Shelf::Space, b"keys", Some(b"secret"))];
        store.commit(Batch { records: keys, ..entries(&doomed.chain(8, 0), true) }).unwrap();
        store.commit(entries(&other.chain(3, 0), seed % 2 == 0)).unwrap();
        disk.cut_power_after(rng.random_range(1..60));
        let acknowledged = store.commit(erase(1)).is_ok();
        drop(store);

        let store = Store::open_on(Arc::new(disk.after_power_cut(&mut rng)), &key()).unwrap();
        let held = store.entries(doomed.document, doomed.log(), 0, usize::MAX).unwrap().len();
        let note = store.record(Shelf::Own, b"erased").unwrap().is_some();
        let keys = store.record(Shelf::Space, b"keys").unwrap().is_some();
        assert!(matches!((held, note, keys), (8, false, true) | (0, true, false)), "seed {seed}");
        assert!(note || !acknowledged, "seed {seed}: what was acknowledged is undone");
        let kept = store.entries(other.document, other.log(), 0, usize::MAX).unwrap().len();
        assert_eq!(kept, 3, "seed {seed}: the other space has lost something");
        if note {
            gone += 1
        } else {
            whole += 1
        }
        unasked += u32::from(note && !acknowledged);
        // Whichever it was, the order is carried out again.
        store.commit(erase(1)).unwrap();
        assert_eq!(store.stats().unwrap().entries, 3);
    }
    assert!(whole > 10 && gone > 10, "{whole} cuts before and {gone} after");
    assert!(unasked > 0, "no cut came between durable and acknowledged");
}

/// Counts the rows of the urgent file of a store that is closed.
fn urgent_rows(folder: &Path) -> u64 {
    let table: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("urgent");
    let database = Database::open(folder.join("urgent.redb")).unwrap();
    database.begin_read().unwrap().open_table(table).unwrap().len().unwrap()
}

#[test]
fn nothing_stays_in_the_urgent_file() {
    let folder = tempfile::tempdir().unwrap();
    for erased in [false, true] {
        let path = folder.path().join(erased.to_string());
        let store = Store::create(&path, &key()).unwrap();
        store.commit(entries(&Log::new(1, 1, 1).chain(3, 0), true)).unwrap();
        store.commit(if erased { erase(1) } else { Batch::default() }).unwrap();
        drop(store);
        assert_eq!(urgent_rows(&path), u64::from(!erased));
        // Nor does it after the next start.
        drop(Store::open(&path, &key()).unwrap());
        assert_eq!(urgent_rows(&path), 0);
    }
}
