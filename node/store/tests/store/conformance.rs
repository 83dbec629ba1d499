//! What every kind of store must do: the same cases for the store on disk and the one in memory.

use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::batch::{Batch, Erase, LogBase, Record, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frontier::{Branch, Tip};
use linli_replica::held::Held;
use linli_replica::id::{DocTag, LogKey, SpaceTag};
use linli_store::{MemoryStore, Stats, StorageKey, Store, StoreError};

use crate::support::{Log, certificate, officer, record};

/// A store under test.
trait Subject: Held {
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
    fn branches(&self) -> Vec<(SpaceTag, DocTag, LogKey, Branch)>;
    fn certificates(&self) -> Vec<Certificate>;
    fn records(&self, shelf: Shelf) -> Vec<(Vec<u8>, Vec<u8>)>;
    fn record(&self, shelf: Shelf, key: &[u8]) -> Option<Vec<u8>>;
    fn documents(&self, space: SpaceTag) -> Vec<DocTag>;
    fn stats(&self) -> Stats;
    fn audit(&self, first: u64, last: u64) -> Vec<Linked>;

    fn log(&self, log: &Log, after: u64, bytes_max: usize) -> Vec<Entry> {
        self.entries(log.document, log.log(), after, bytes_max).unwrap()
    }

    fn put(&self, urgent: bool, entries: &[Entry], records: Vec<Record>) {
        let batch = Batch { entries: entries.to_vec(), records, urgent, ..Batch::default() };
        self.commit(batch).unwrap();
    }
}

impl Subject for MemoryStore {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.commit(batch)
    }
    fn branches(&self) -> Vec<(SpaceTag, DocTag, LogKey, Branch)> {
        self.branches()
    }
    fn certificates(&self) -> Vec<Certificate> {
        self.certificates()
    }
    fn records(&self, shelf: Shelf) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.records(shelf)
    }
    fn record(&self, shelf: Shelf, key: &[u8]) -> Option<Vec<u8>> {
        self.record(shelf, key)
    }
    fn documents(&self, space: SpaceTag) -> Vec<DocTag> {
        self.documents(space)
    }
    fn stats(&self) -> Stats {
        self.stats()
    }
    fn audit(&self, first: u64, last: u64) -> Vec<Linked> {
        self.audit(first, last)
    }
}

impl Subject for Store {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.commit(batch)
    }
    fn branches(&self) -> Vec<(SpaceTag, DocTag, LogKey, Branch)> {
        let mut branches = self.branches().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        branches.sort();
        branches
    }
    fn certificates(&self) -> Vec<Certificate> {
        self.certificates().unwrap()
    }
    fn records(&self, shelf: Shelf) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.records(shelf).unwrap()
    }
    fn record(&self, shelf: Shelf, key: &[u8]) -> Option<Vec<u8>> {
        self.record(shelf, key).unwrap()
    }
    fn documents(&self, space: SpaceTag) -> Vec<DocTag> {
        self.documents(space).unwrap()
    }
    fn stats(&self) -> Stats {
        Stats { unsettled: 0, ..self.stats().unwrap() }
    }
    fn audit(&self, first: u64, last: u64) -> Vec<Linked> {
        let rows = self.audit(first, last).unwrap();
        let whole = self.audit(1, u64::MAX).unwrap();
        let head = whole.last().map_or(Head::default(), |last| last.head);
        assert_eq!(self.audit_head().unwrap(), head);
        rows
    }
}

/// Runs a case on every kind of store, with every batch sent as it is, as urgent, and mixed.
fn on_every_store(case: impl Fn(&dyn Subject, &dyn Fn(usize) -> bool)) {
    let ways: [&dyn Fn(usize) -> bool; 4] =
        [&|_| false, &|_| true, &|n| n % 2 == 0, &|n| n % 2 == 1];
    for urgent in ways {
        case(&MemoryStore::new(), urgent);
        let directory = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        case(&Store::create(directory.path(), &key).unwrap(), urgent);
    }
}

#[test]
fn entries_come_back_in_order() {
    on_every_store(|store, urgent| {
        let log = Log::new(1, 1, 1);
        let chain = log.chain(10, 0);
        for (n, entry) in chain.iter().enumerate() {
            store.put(urgent(n), std::slice::from_ref(entry), vec![]);
        }
        assert_eq!(store.log(&log, 0, usize::MAX), chain);
        assert_eq!(store.log(&log, 7, usize::MAX), chain[7..]);
        assert_eq!(store.log(&log, 10, usize::MAX), []);
        assert_eq!(store.log(&log, u64::MAX, usize::MAX), []);
        assert_eq!(store.log(&Log::new(1, 2, 1), 0, usize::MAX), []);
        assert_eq!(store.log(&Log::new(1, 1, 2), 0, usize::MAX), []);
    });
}

#[test]
fn reading_stops_near_the_bytes_asked_for_but_gives_one() {
    on_every_store(|store, urgent| {
        let log = Log::new(1, 1, 1);
        let chain = log.chain(10, 0);
        for (n, entry) in chain.iter().enumerate() {
            store.put(urgent(n), std::slice::from_ref(entry), vec![]);
        }
        let size = chain[0].size_bytes();
        assert_eq!(store.log(&log, 0, 0), chain[..1]);
        assert_eq!(store.log(&log, 3, size * 4 + 20), chain[3..7]);
        let (mut read, mut after) = (Vec::new(), 0);
        while let Some(last) = store.log(&log, after, size * 3).last().map(|e| e.header().sequence)
        {
            read.extend(store.log(&log, after, size * 3));
            after = last;
        }
        assert_eq!(read, chain, "reading piece by piece misses nothing");
    });
}

#[test]
fn a_fork_keeps_both_branches_and_both_tips() {
    on_every_store(|store, urgent| {
        let log = Log::new(1, 1, 1);
        let (left, right) = (log.chain(5, 0), log.branch(2, 4, 9));
        store.put(urgent(0), &left, vec![]);
        store.put(urgent(1), &right, vec![]);
        let mut tips = vec![left[4].tip(), right[1].tip()];
        tips.sort();
        let held: Vec<Tip> = store.branches().into_iter().map(|(.., branch)| branch.tip).collect();
        assert_eq!(held, tips);
        let read = store.log(&log, 0, usize::MAX);
        assert_eq!(read.len(), 7);
        assert!(read.is_sorted_by_key(|entry| (entry.header().sequence, entry.id())));
        // Two entries share sequence 3: a piece that ends there has both.
        let piece = store.log(&log, 2, 1);
        assert_eq!(piece.iter().map(|e| e.header().sequence).collect::<Vec<_>>(), [3, 3]);
    });
}

#[test]
fn branches_move_through_both_lanes() {
    on_every_store(|store, urgent| {
        let logs = [Log::new(1, 1, 1), Log::new(1, 1, 2), Log::new(1, 2, 1), Log::new(2, 1, 3)];
        let mut expected = Vec::new();
        for (n, log) in logs.iter().enumerate() {
            let chain = log.chain(3, 0);
            store.put(urgent(n), &chain[..1], vec![]);
            store.put(urgent(n + 1), &chain[1..], vec![]);
            let branch = Branch { tip: chain[2].tip(), urgency: Urgency::Normal };
            expected.push((log.space, log.document, log.log(), branch));
        }
        expected.sort();
        assert_eq!(store.branches(), expected);
        assert_eq!(store.documents(SpaceTag([1; 32])), [DocTag([1; 32]), DocTag([2; 32])]);
        assert_eq!(store.documents(SpaceTag([2; 32])), [DocTag([1; 32])]);
        assert_eq!(store.documents(SpaceTag([9; 32])), []);
    });
}

#[test]
fn one_document_tag_in_two_spaces_is_two_documents() {
    on_every_store(|store, urgent| {
        let (mine, theirs) = (Log::new(1, 7, 1), Log::new(2, 7, 2));
        store.put(urgent(0), &theirs.chain(1, 0), vec![]);
        store.put(urgent(1), &mine.chain(2, 0), vec![]);
        assert_eq!(store.documents(SpaceTag([1; 32])), [DocTag([7; 32])]);
        assert_eq!(store.log(&mine, 0, usize::MAX).len(), 2);
        assert_eq!(store.stats().documents, 2);
    });
}

#[test]
fn what_is_held_already_changes_nothing() {
    on_every_store(|store, urgent| {
        let log = Log::new(1, 1, 1);
        let chain = log.chain(4, 0);
        store.put(urgent(0), &chain, vec![]);
        let (branches, stats) = (store.branches(), store.stats());
        store.put(urgent(1), &chain[1..3], vec![]);
        store.put(urgent(2), &[chain[3].clone(), chain[3].clone()], vec![]);
        assert_eq!(store.branches(), branches);
        assert_eq!(store.stats(), stats);
        assert_eq!(stats.entries, 4);
        let bytes: usize = chain.iter().map(|entry| entry.encode().len()).sum();
        assert_eq!(stats.entry_bytes, bytes as u64);
    });
}

#[test]
fn a_signature_that_was_missing_is_added() {
    on_every_store(|store, urgent| {
        let log = Log::new(1, 1, 1);
        let signed = log.chain(2, 0);
        let page = log.page(2, 0);
        assert!(!page[0].is_signed());
        store.put(urgent(0), &page, vec![]);
        store.put(urgent(1), &signed[..1], vec![]);
        assert_eq!(store.log(&log, 0, usize::MAX), signed);
        store.put(urgent(2), &page, vec![]);
        assert_eq!(store.log(&log, 0, usize::MAX), signed);
    });
}

#[test]
fn a_hole_is_refused_and_nothing_of_its_batch_is_kept() {
    on_every_store(|store, urgent| {
        let (log, other) = (Log::new(1, 1, 1), Log::new(1, 2, 1));
        let chain = log.chain(4, 0);
        store.put(urgent(0), &chain[..1], vec![]);
        let batch = Batch {
            entries: [other.chain(1, 0), chain[2..].to_vec()].concat(),
            records: vec![record(Shelf::Own, b"k", Some(b"v"))],
            urgent: urgent(1),
            ..Batch::default()
        };
        assert!(matches!(store.commit(batch), Err(StoreError::Gap)));
        assert_eq!(store.log(&other, 0, usize::MAX), []);
        assert_eq!(store.record(Shelf::Own, b"k"), None);
        assert_eq!(store.branches().len(), 1);
        store.put(urgent(2), &chain[1..], vec![]);
        assert_eq!(store.log(&log, 0, usize::MAX), chain);
    });
}

#[test]
fn the_later_record_stands() {
    on_every_store(|store, urgent| {
        for n in 0..6_u8 {
            let records = vec![
                record(Shelf::Own, b"k", Some(&[n])),
                record(Shelf::View, b"k", (n % 2 == 0).then_some(&[n][..])),
            ];
            store.put(urgent(n.into()), &[], records);
            assert_eq!(store.record(Shelf::Own, b"k"), Some(vec![n]));
            assert_eq!(store.record(Shelf::View, b"k").is_some(), n % 2 == 0);
        }
        let twice = vec![
            record(Shelf::View, b"z", Some(b"1")),
            record(Shelf::View, b"z", Some(b"2")),
            record(Shelf::View, b"a", Some(b"")),
        ];
        store.put(urgent(6), &[], twice);
        let expected = vec![(b"a".to_vec(), vec![]), (b"z".to_vec(), b"2".to_vec())];
        assert_eq!(store.records(Shelf::View), expected);
        assert_eq!(store.records(Shelf::Receipt), []);
    });
}

#[test]
fn certificates_join_their_signatures() {
    on_every_store(|store, urgent| {
        let (first, second) = (certificate(1), certificate(2));
        let copies = [
            first.clone().signed(&officer(1)),
            second.clone().signed(&officer(1)),
            first.clone().signed(&officer(2)),
            first.clone(),
        ];
        for (n, copy) in copies.into_iter().enumerate() {
            let certificates = vec![copy];
            let batch = Batch { certificates, urgent: urgent(n), ..Batch::default() };
            store.commit(batch).unwrap();
        }
        let mut expected =
            vec![first.signed(&officer(1)).signed(&officer(2)), second.signed(&officer(1))];
        expected.sort_by_key(Certificate::id);
        assert_eq!(store.certificates(), expected);
    });
}

#[test]
fn an_empty_batch_is_answered() {
    on_every_store(|store, urgent| {
        store.put(urgent(0), &[], vec![]);
        assert_eq!(store.stats(), Stats::default());
        assert_eq!(store.branches(), []);
    });
}

/// What is held of logs: entries, branches, documents and their counts.
fn everything(store: &dyn Subject, logs: &[&Log]) -> (Vec<Vec<Entry>>, usize, Vec<usize>, Stats) {
    let entries = logs.iter().map(|log| store.log(log, 0, usize::MAX)).collect();
    let documents = [1, 2].map(|space| store.documents(SpaceTag([space; 32])).len());
    (entries, store.branches().len(), documents.to_vec(), store.stats())
}

#[test]
fn a_space_is_erased_and_nothing_else() {
    on_every_store(|store, urgent| {
        // The second space is written to under a log key of the first: nobody forbids it.
        let logs = [Log::new(1, 1, 1), Log::new(1, 2, 1), Log::new(2, 3, 1), Log::new(2, 4, 2)];
        let [a, b, c, d] = &logs;
        store.put(urgent(0), &c.chain(3, 0), vec![]);
        store.put(urgent(1), &d.chain(2, 0), vec![]);
        let alone = everything(store, &[a, b, c, d]);
        store.put(urgent(2), &a.chain(5, 0), vec![record(Shelf::Space, b"keys", Some(b"1"))]);
        store.put(urgent(3), &b.chain(4, 0), vec![]);
        store.put(urgent(4), &a.branch(2, 6, 1), vec![]);
        let erase = vec![Erase { space: SpaceTag([1; 32]), documents: None }];
        let records =
            vec![record(Shelf::Space, b"keys", None), record(Shelf::Own, b"erased", Some(b"1"))];
        let batch = Batch { erase, records, ..Batch::default() };
        store.commit(batch.clone()).unwrap();
        assert_eq!(everything(store, &[a, b, c, d]), alone);
        assert_eq!(store.record(Shelf::Space, b"keys"), None);
        assert_eq!(store.record(Shelf::Own, b"erased"), Some(b"1".to_vec()));
        // Once more, and of what comes with it.
        store.commit(Batch { entries: a.chain(1, 0), ..batch }).unwrap();
        assert_eq!(everything(store, &[a, b, c, d]), alone);
        store.put(urgent(5), &c.chain(4, 0), vec![]);
        assert_eq!(store.log(c, 0, usize::MAX).len(), 4, "the other space goes on");
        store.put(urgent(6), &a.chain(2, 0), vec![]);
        assert_eq!(store.log(a, 0, usize::MAX).len(), 2, "the store itself refuses nothing");
    });
}

/// Where a log goes on from the entry at a place of a chain.
fn after(log: &Log, chain: &[Entry], sequence: usize) -> Vec<LogBase> {
    let tip = chain[sequence - 1].tip();
    vec![LogBase { space: log.space, document: log.document, log: log.log(), tip }]
}

#[test]
fn a_log_is_pruned_and_goes_on() {
    on_every_store(|store, urgent| {
        let (log, other, twin) = (Log::new(1, 1, 1), Log::new(1, 1, 2), Log::new(2, 1, 1));
        let (chain, kept) = (log.chain(9, 0), other.chain(3, 0));
        store.put(urgent(0), &chain[..7], vec![]);
        store.put(urgent(1), &kept, vec![]);
        store.put(urgent(2), &twin.chain(2, 0), vec![]);
        let (branches, before) = (store.branches(), store.stats());
        let records = vec![record(Shelf::Own, b"base", Some(b"1"))];
        let prune = after(&log, &chain, 4);
        let batch = Batch { prune, records, ..Batch::default() };
        store.commit(batch.clone()).unwrap();
        store.commit(batch).unwrap();
        let held = |after| {
            let entries = store.log(&log, after, usize::MAX).into_iter();
            entries.filter(|entry| entry.header().space == log.space).collect::<Vec<_>>()
        };
        assert_eq!(held(0), chain[4..7]);
        assert_eq!(store.log(&other, 0, usize::MAX), kept, "the other log stays");
        assert_eq!(store.log(&twin, 0, usize::MAX).len(), 5, "and the key's log in another space");
        assert_eq!(store.branches(), branches, "nothing shows in what is held");
        assert_eq!(store.stats().entries, before.entries - 4);
        let gone: usize = chain[..4].iter().map(|entry| entry.encode().len()).sum();
        assert_eq!(store.stats().entry_bytes, before.entry_bytes - gone as u64);
        assert_eq!(store.record(Shelf::Own, b"base"), Some(b"1".to_vec()));
        // What is before it cannot be continued in another way, what is behind it can.
        let batch = Batch { entries: log.branch(2, 4, 1), ..Batch::default() };
        assert!(matches!(store.commit(batch), Err(StoreError::Gap)));
        store.put(urgent(3), &chain[7..], vec![]);
        store.put(urgent(4), &log.branch(6, 8, 2), vec![]);
        assert_eq!(held(4).len(), 7);
        assert_eq!(store.branches().len(), branches.len() + 1);
    });
}

#[test]
fn a_log_begins_late_and_keeps_what_it_held() {
    on_every_store(|store, urgent| {
        let log = Log::new(1, 1, 1);
        let chain = log.chain(9, 0);
        for held in [0, 3] {
            let log = Log::new(1, 10 + u8::try_from(held).unwrap(), 1);
            let chain = log.chain(9, 0);
            store.put(urgent(0), &chain[..held], vec![]);
            let bases = after(&log, &chain, 5);
            let gap = Batch { entries: chain[5..8].to_vec(), ..Batch::default() };
            assert!(matches!(store.commit(gap.clone()), Err(StoreError::Gap)));
            store.commit(Batch { bases, ..gap }).unwrap();
            let whole = [&chain[..held], &chain[5..8]].concat();
            assert_eq!(store.log(&log, 0, usize::MAX), whole);
            store.put(urgent(1), &chain[8..], vec![]);
            let of = |branch: &&(_, DocTag, _, Branch)| branch.1 == log.document;
            let tips: Vec<Tip> = store.branches().iter().filter(of).map(|b| b.3.tip).collect();
            assert_eq!(tips, [chain[8].tip()], "one branch");
        }
        // A base within what is held changes nothing.
        store.put(urgent(2), &chain, vec![]);
        let bases = after(&log, &chain, 5);
        store.commit(Batch { bases, entries: chain.clone(), ..Batch::default() }).unwrap();
        assert_eq!(store.log(&log, 0, usize::MAX), chain);
    });
}

#[test]
fn documents_are_erased_one_by_one() {
    on_every_store(|store, urgent| {
        let logs = [Log::new(1, 1, 1), Log::new(1, 2, 1), Log::new(2, 1, 3)];
        let [gone, stays, elsewhere] = &logs;
        store.put(urgent(0), &stays.chain(3, 0), vec![]);
        let alone = everything(store, &[gone, stays]);
        store.put(urgent(1), &gone.chain(3, 0), vec![]);
        let documents = [gone.document, elsewhere.document, DocTag([9; 32])].into();
        let erase = vec![Erase { space: gone.space, documents: Some(documents) }];
        store.commit(Batch { erase, ..Batch::default() }).unwrap();
        assert_eq!(everything(store, &[gone, stays]), alone);
    });
}

#[test]
fn the_audit_is_linked_in_the_order_in_which_batches_take_effect() {
    on_every_store(|store, urgent| {
        let linker = Linker::default();
        let mut expected: Vec<Linked> = Vec::new();
        for n in 0..12_u8 {
            let told = [[n, 1].to_vec(), [n, 2].to_vec()];
            let mut records: Vec<Record> =
                told.iter().map(|told| record(Shelf::Audit, &[n], Some(told))).collect();
            // None is removed, whatever is asked for.
            records.push(record(Shelf::Audit, &[n], None));
            store.put(urgent(n.into()), &[], records);
            for told in told {
                let head = expected.last().map_or(Head::default(), |last| last.head);
                let head = linker.next(&head, &linker.digest(&told)).unwrap();
                expected.push(Linked { head, record: told });
            }
            assert_eq!(store.audit(1, u64::MAX), expected);
        }
        assert_eq!(store.audit(3, 5), expected[2..5]);
        assert_eq!(store.audit(0, 1), expected[..1]);
        assert_eq!(store.audit(25, u64::MAX), []);
        let rows: Vec<Vec<u8>> =
            store.records(Shelf::Audit).into_iter().map(|(_, told)| told).collect();
        assert_eq!(rows, expected.iter().map(|linked| linked.record.clone()).collect::<Vec<_>>());
        assert_eq!(store.record(Shelf::Audit, &[1]), None, "they have no names");
    });
}
