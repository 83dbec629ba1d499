//! Backups and restores.

use std::fs;

use linli_replica::batch::{Batch, Shelf};
use linli_replica::held::Held as _;
use linli_store::backup::{self, RESTORED_KEY};
use linli_store::keyring::{self, Cost};
use linli_store::{StorageKey, Store, StoreError};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::support::{Log, certificate, entries, officer, record};

const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// Fills a store through both lanes.
fn fill(store: &Store, log: &Log) {
    let chain = log.chain(6, 0);
    store.commit(entries(&chain[..3], false)).unwrap();
    let certificates = vec![certificate(1).signed(&officer(1))];
    let records = vec![record(Shelf::Own, b"name", Some(b"value"))];
    store.commit(Batch { certificates, records, ..Batch::default() }).unwrap();
    // Urgent and last, so that it is not yet settled when the backup is made.
    store.commit(entries(&chain[3..], true)).unwrap();
}

#[test]
fn a_live_store_is_copied_whole_and_restored_with_a_mark() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let copy = directory.path().join("copy");
    let mut rng = StdRng::seed_from_u64(1);
    let key = keyring::create(&from, "three plain words", CHEAP, &mut rng).unwrap();
    let store = Store::create(&from, &key).unwrap();
    let log = Log::new(1, 1, 1);
    fill(&store, &log);
    store.backup(&copy, Some(&keyring::read(&from).unwrap())).unwrap();
    let again = store.backup(&copy, None);
    assert!(matches!(again, Err(StoreError::AlreadyExists)), "{again:?}");
    let chain = log.chain(7, 0);
    store.commit(entries(&chain[6..], false)).unwrap();

    let unlocked = backup::key_file(&copy).unwrap().unwrap().open("three plain words").unwrap();
    let restored = backup::restore(&copy, &to, &unlocked).unwrap();
    assert_eq!((restored.entries, restored.certificates, restored.records), (6, 1, 1));
    let key = keyring::unlock(&to, "three plain words").unwrap();
    let store = Store::open(&to, &key).unwrap();
    assert_eq!(store.entries(log.document, log.log(), 0, usize::MAX).unwrap(), chain[..6]);
    assert_eq!(store.record(Shelf::Own, b"name").unwrap(), Some(b"value".to_vec()));
    assert_eq!(store.record(Shelf::Own, RESTORED_KEY).unwrap(), Some(vec![0xf5]));
    assert_eq!(store.certificates().unwrap(), [certificate(1).signed(&officer(1))]);
    store.commit(entries(&chain[6..], true)).unwrap();
    drop(store);
    let again = backup::restore(&copy, &to, &key);
    assert!(matches!(again, Err(StoreError::AlreadyExists)), "{again:?}");
}

#[test]
fn a_bad_backup_leaves_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let copy = directory.path().join("copy");
    let key = StorageKey::from_bytes([1; 32]);
    let store = Store::create(&from, &key).unwrap();
    fill(&store, &Log::new(1, 1, 1));
    store.backup(&copy, None).unwrap();
    assert!(backup::key_file(&copy).unwrap().is_none());

    let refused = backup::restore(&copy, &to, &StorageKey::from_bytes([2; 32]));
    assert!(matches!(refused, Err(StoreError::WrongKey)), "{refused:?}");
    let refused = backup::restore(&directory.path().join("missing"), &to, &key);
    assert!(matches!(refused, Err(StoreError::NotAStore)), "{refused:?}");
    fs::write(directory.path().join("list"), b"a shopping list").unwrap();
    let refused = backup::restore(&directory.path().join("list"), &to, &key);
    assert!(matches!(refused, Err(StoreError::NotAStore)), "{refused:?}");

    // An entry of the copy, changed on the medium.
    let mut bytes = fs::read(&copy).unwrap();
    let entry = Log::new(1, 1, 1).chain(1, 0).remove(0).encode();
    let at = bytes.windows(100).position(|window| window == &entry[..100]).unwrap();
    bytes[at + 50] ^= 1;
    fs::write(&copy, bytes).unwrap();
    let refused = backup::restore(&copy, &to, &key);
    assert!(matches!(refused, Err(StoreError::Corrupted { .. })), "{refused:?}");
    assert!(matches!(Store::open(&to, &key), Err(StoreError::NotAStore)));
}
