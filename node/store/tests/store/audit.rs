//! The audit where writes fail: what is shown, what is settled, and what is never there twice.

use std::sync::Arc;

use linli_replica::audit::{Head, Linker};
use linli_replica::batch::{Batch, Shelf};
use linli_store::{StorageKey, Store, StoreError};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::disk::{Disk, noise};
use crate::support::{Log, entries, record};

fn key() -> StorageKey {
    StorageKey::from_bytes([5; 32])
}

fn told(what: &[u8], urgent: bool) -> Batch {
    let records = vec![record(Shelf::Audit, what, Some(what))];
    Batch { records, urgent, ..Batch::default() }
}

/// Returns what the audit tells, having followed its links.
fn rows(store: &Store) -> Vec<Vec<u8>> {
    let linker = Linker::default();
    let mut head = Head::default();
    let linked = store.audit(1, u64::MAX).unwrap().into_iter();
    let rows = linked.map(|row| {
        head = linker.next(&head, &linker.digest(&row.record)).unwrap();
        assert_eq!(row.head, head, "the chain is broken");
        row.record
    });
    let rows = rows.collect();
    assert_eq!(store.audit_head().unwrap(), head);
    rows
}

/// Writes until nothing but an alert fits.
fn fill(store: &Store, disk: &Disk) {
    let mut rng = StdRng::seed_from_u64(1);
    disk.leave_free(0);
    let error = (0_u32..).find_map(|n| {
        let value = noise(&mut rng, 100_000);
        let records = vec![record(Shelf::View, &n.to_be_bytes(), Some(&value))];
        store.commit(Batch { records, ..Batch::default() }).err()
    });
    assert!(matches!(error, Some(StoreError::Full)), "{error:?}");
}

#[test]
fn what_is_not_in_the_main_file_is_shown_and_not_settled() {
    let disk = Disk::default();
    let store = Store::create_on(Arc::new(disk.clone()), &key()).unwrap();
    store.commit(told(b"begun", false)).unwrap();
    let settled = store.audit_settled().unwrap();
    assert_eq!((settled, settled.sequence), (store.audit_head().unwrap(), 1));

    // A full disk keeps the main file as it is: what is urgent stands apart.
    fill(&store, &disk);
    store.commit(told(b"alert", true)).unwrap();
    assert_eq!(rows(&store), [b"begun", b"alert"]);
    assert_eq!(store.audit_settled().unwrap(), settled, "its place may still be another");

    disk.free_all();
    store.commit(told(b"after", false)).unwrap();
    assert_eq!(rows(&store), [b"begun", b"alert", b"after"]);
    let settled = store.audit_settled().unwrap();
    assert_eq!((settled, settled.sequence), (store.audit_head().unwrap(), 3));
}

#[test]
fn a_record_of_a_write_that_failed_is_nowhere_and_is_there_once_when_it_is_written_again() {
    let disk = Disk::default();
    let store = Store::create_on(Arc::new(disk.clone()), &key()).unwrap();
    store.commit(told(b"begun", false)).unwrap();
    fill(&store, &disk);
    let lost = store.commit(told(b"again", false));
    assert!(matches!(lost, Err(StoreError::Full)), "{lost:?}");
    store.commit(told(b"alert", true)).unwrap();
    assert_eq!(rows(&store), [b"begun", b"alert"]);

    disk.free_all();
    // An act that cannot be stored leaves no record either, in whatever company it is written.
    let log = Log::new(1, 1, 1);
    let hole = entries(&log.chain(3, 0)[1..], false);
    let hole = Batch { records: told(b"never", false).records, ..hole };
    assert!(matches!(store.commit(hole.clone()), Err(StoreError::Gap)));
    let (answer, answered) = std::sync::mpsc::channel();
    for batch in [told(b"again", false), hole, told(b"after", false)] {
        let answer = answer.clone();
        store.submit(batch, Box::new(move |done| answer.send(done.is_ok()).unwrap()));
    }
    let mut done: Vec<bool> = answered.iter().take(3).collect();
    done.sort_unstable();
    assert_eq!(done, [false, true, true]);
    let expected = [b"begun", b"alert", b"again", b"after"];
    assert_eq!(rows(&store), expected);
    drop(store);
    let store = Store::open_on(Arc::new(disk), &key()).unwrap();
    assert_eq!(rows(&store), expected);
    assert_eq!(store.audit_settled().unwrap(), store.audit_head().unwrap());
}
