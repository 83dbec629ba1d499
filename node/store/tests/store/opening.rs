//! Opening, refusing, closing; and what a thief finds.

use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};

use linli_replica::batch::{Batch, Shelf};
use linli_replica::held::Held as _;
use linli_store::layout::FORMAT_VERSION;
use linli_store::medium::{Part, file_name};
use linli_store::{StorageKey, Store, StoreError};
use redb::TableDefinition;

use crate::disk::{Disk, traces};
use crate::support::{Log, certificate, entries, officer, record};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

fn key() -> StorageKey {
    StorageKey::from_bytes([5; 32])
}

fn main_file(directory: &Path) -> std::path::PathBuf {
    directory.join(file_name(Part::Main))
}

/// Damages or changes the closed main file.
fn with_main(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(main_file(directory)).unwrap();
    let txn = database.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::new(1, 1, 1);
    let chain = log.chain(6, 0);
    for round in 0..3_usize {
        let store = match round {
            0 => Store::create(directory.path(), &key()).unwrap(),
            _ => Store::open(directory.path(), &key()).unwrap(),
        };
        store.commit(entries(&chain[round * 2..round * 2 + 1], round % 2 == 0)).unwrap();
        store.commit(entries(&chain[round * 2 + 1..round * 2 + 2], round % 2 == 1)).unwrap();
        let held = store.entries(log.document, log.log(), 0, usize::MAX).unwrap();
        assert_eq!(held, chain[..round * 2 + 2]);
    }
    assert!(matches!(Store::create(directory.path(), &key()), Err(StoreError::AlreadyExists)));
}

#[test]
fn a_store_in_use_says_by_whom() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path(), &key()).unwrap();
    let error = Store::open(directory.path(), &key()).unwrap_err();
    let own = std::process::id();
    assert!(matches!(error, StoreError::Locked { pid: Some(pid) } if pid == own), "{error:?}");
    drop(store);
    Store::open(directory.path(), &key()).unwrap();
}

#[test]
fn another_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::create(directory.path(), &key()).unwrap());
    let other = StorageKey::from_bytes([6; 32]);
    assert!(matches!(Store::open(directory.path(), &other), Err(StoreError::WrongKey)));
    Store::open(directory.path(), &key()).unwrap();
}

#[test]
fn a_newer_format_is_refused_and_both_versions_are_named() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::create(directory.path(), &key()).unwrap());
    with_main(directory.path(), |txn| {
        let newer = (FORMAT_VERSION + 1).to_le_bytes();
        txn.open_table(META).unwrap().insert("format", newer.as_slice()).unwrap();
    });
    let error = Store::open(directory.path(), &key()).unwrap_err();
    let StoreError::Newer { found, known } = error else { panic!("{error:?}") };
    assert_eq!((found, known), (FORMAT_VERSION + 1, FORMAT_VERSION));
}

#[test]
fn what_is_no_store_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    assert!(matches!(Store::open(&missing, &key()), Err(StoreError::NotAStore)));
    assert!(!missing.exists(), "nothing is made by opening");
    assert!(matches!(Store::open(directory.path(), &key()), Err(StoreError::NotAStore)));
    fs::write(main_file(directory.path()), b"this is a shopping list, not a store").unwrap();
    assert!(matches!(Store::open(directory.path(), &key()), Err(StoreError::NotAStore)));
    fs::remove_file(main_file(directory.path())).unwrap();
    redb::Database::create(main_file(directory.path())).unwrap();
    assert!(matches!(Store::open(directory.path(), &key()), Err(StoreError::NotAStore)));
}

#[test]
fn a_damaged_row_names_its_table_only() {
    const RECORDS: TableDefinition<'_, &[u8; 33], &[u8]> = TableDefinition::new("records");
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path(), &key()).unwrap();
    let records =
        vec![record(Shelf::Own, b"a", Some(b"first")), record(Shelf::Own, b"b", Some(b"second"))];
    store.commit(Batch { records, ..Batch::default() }).unwrap();
    drop(store);
    // Two sealed rows change places.
    with_main(directory.path(), |txn| {
        let mut table = txn.open_table(RECORDS).unwrap();
        let rows: Vec<([u8; 33], Vec<u8>)> = redb::ReadableTable::iter(&table)
            .unwrap()
            .map(|row| row.map(|(key, value)| (*key.value(), value.value().to_vec())).unwrap())
            .collect();
        table.insert(&rows[0].0, rows[1].1.as_slice()).unwrap();
        table.insert(&rows[1].0, rows[0].1.as_slice()).unwrap();
    });
    let store = Store::open(directory.path(), &key()).unwrap();
    for error in
        [store.record(Shelf::Own, b"a").unwrap_err(), store.records(Shelf::Own).unwrap_err()]
    {
        assert!(matches!(error, StoreError::Corrupted { table: "records" }), "{error:?}");
    }
    assert_eq!(store.record(Shelf::Own, b"c").unwrap(), None);
}

#[test]
fn an_alert_does_not_leave_a_hole_where_what_it_builds_on_waits() {
    // The power is cut while a chain's normal batches wait; the alert at its end is acknowledged.
    let disk = Disk::default();
    let store = Store::create_on(Arc::new(disk), &key()).unwrap();
    let log = Log::new(1, 1, 1);
    let chain = log.chain(40, 0);
    let (answer, answered) = mpsc::channel();
    for entry in &chain[..39] {
        let answer = answer.clone();
        let done = Box::new(move |result: Result<(), StoreError>| {
            result.unwrap();
            let _ = answer.send(());
        });
        store.submit(entries(std::slice::from_ref(entry), false), done);
    }
    store.commit(entries(&chain[39..], true)).unwrap();
    let held = store.entries(log.document, log.log(), 0, usize::MAX).unwrap();
    assert_eq!(held, chain);
    drop(answer);
    assert_eq!(answered.iter().count(), 39);
    assert_eq!(store.branches().unwrap().count(), 1);
}

#[test]
fn answers_come_in_order_and_none_is_forgotten_on_closing() {
    let store = Store::create_on(Arc::new(Disk::default()), &key()).unwrap();
    let log = Log::new(1, 1, 1);
    let (answer, answered) = mpsc::channel();
    for (n, entry) in log.chain(500, 0).iter().enumerate() {
        let answer = answer.clone();
        let done = Box::new(move |result: Result<(), StoreError>| {
            let _ = answer.send((n, result.is_ok()));
        });
        store.submit(entries(std::slice::from_ref(entry), false), done);
    }
    drop((store, answer));
    let answers: Vec<(usize, bool)> = answered.iter().collect();
    let expected: Vec<(usize, bool)> = (0..500).map(|n| (n, true)).collect();
    assert_eq!(answers, expected);
}

#[test]
fn a_thief_finds_nothing_in_clear() {
    let disk = Disk::default();
    let store = Store::create_on(Arc::new(disk.clone()), &key()).unwrap();
    let planted = ["王秀英 allergic to penicillin", "contact/0b6d/phone", "13812345678"];
    for (n, plain) in planted.iter().enumerate() {
        let records = Shelf::ALL
            .iter()
            .flat_map(|shelf| {
                [
                    record(*shelf, plain.as_bytes(), Some(b"x")),
                    record(*shelf, &[1, 2], Some(plain.as_bytes())),
                ]
            })
            .collect();
        let certificates = vec![certificate(1).signed(&officer(1))];
        store
            .commit(Batch { records, certificates, urgent: n % 2 == 0, ..Batch::default() })
            .unwrap();
    }
    let log = Log::new(1, 1, 1);
    store.commit(entries(&log.chain(1, 0), true)).unwrap();
    let while_open = disk.bytes();
    drop(store);
    let finds = |bytes: &[u8], wanted: &[u8]| bytes.windows(wanted.len()).any(|w| w == wanted);
    for bytes in [while_open, disk.bytes()] {
        for trace in planted.iter().flat_map(|plain| traces(plain)) {
            assert!(!finds(&bytes, &trace), "planted text is on the disk");
        }
        let signed = certificate(1).signed(&officer(1)).encode();
        assert!(!finds(&bytes, &signed[8..40]), "a certificate is on the disk in clear");
    }
    // The search itself works: a log's key is one of the things a disk shows.
    assert!(finds(&disk.bytes(), log.log().as_bytes()));
}
