//! A full disk: alerts still fit, nothing acknowledged is lost, and work goes on afterwards.

use std::sync::Arc;

use linli_replica::batch::{Batch, Shelf};
use linli_replica::held::Held as _;
use linli_store::{StorageKey, Store, StoreError};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::disk::{Disk, noise};
use crate::support::{Log, entries, record};

fn bulk(n: usize, rng: &mut StdRng) -> Batch {
    let value = noise(rng, 100_000);
    let records = vec![record(Shelf::View, &n.to_be_bytes(), Some(&value))];
    Batch { records, ..Batch::default() }
}

#[test]
fn alerts_fit_where_nothing_else_does() {
    let key = StorageKey::from_bytes([5; 32]);
    let mut rng = StdRng::seed_from_u64(1);
    let disk = Disk::default();
    let store = Store::create_on(Arc::new(disk.clone()), &key).unwrap();
    disk.leave_free(3 << 20);
    let mut saved = 0;
    let error = loop {
        match store.commit(bulk(saved, &mut rng)) {
            Ok(()) => saved += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert!(saved > 0 && store.stats().unwrap().full);
    disk.leave_free(0);

    let log = Log::new(1, 1, 1);
    let alerts = log.chain(200, 0);
    for alert in &alerts {
        store.commit(entries(std::slice::from_ref(alert), true)).unwrap();
    }
    assert!(!disk.has_reserve(), "the alerts cannot have fitted without the reserve");
    assert!(matches!(store.commit(bulk(saved, &mut rng)), Err(StoreError::Full)));
    let held = store.entries(log.document, log.log(), 0, usize::MAX).unwrap();
    assert_eq!(held, alerts, "what was stored is read while the disk is full");
    assert_eq!(store.records(Shelf::View).unwrap().len(), saved);
    drop(store);

    // Also across a restart on the full disk.
    let store = Store::open_on(Arc::new(disk.clone()), &key).unwrap();
    assert_eq!(store.entries(log.document, log.log(), 0, usize::MAX).unwrap(), alerts);
    assert_eq!(store.records(Shelf::View).unwrap().len(), saved);

    disk.free_all();
    store.commit(bulk(saved, &mut rng)).unwrap();
    assert!(disk.has_reserve(), "the reserve is set aside again");
    assert!(!store.stats().unwrap().full);
    assert_eq!(store.stats().unwrap().unsettled, 0);
    assert_eq!(store.entries(log.document, log.log(), 0, usize::MAX).unwrap(), alerts);
    assert_eq!(store.records(Shelf::View).unwrap().len(), saved + 1);
}
