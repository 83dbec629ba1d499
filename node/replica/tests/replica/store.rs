//! A store in memory: what is in it is durable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use linli_replica::batch::{Batch, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::entry::Entry;
use linli_replica::frontier::{Branch, Tip};
use linli_replica::held::{Held, HeldError};
use linli_replica::id::{CertificateId, DocTag, EntryId, LogKey, SpaceTag};
use linli_replica::index::Index;

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) logs: BTreeMap<(DocTag, LogKey), BTreeMap<(u64, EntryId), Entry>>,
    pub(crate) certificates: BTreeMap<CertificateId, Certificate>,
    /// Where logs begin whose beginning was never held, or was removed.
    pub(crate) bases: BTreeMap<(DocTag, LogKey), Tip>,
    pub(crate) records: BTreeMap<(Shelf, Vec<u8>), Vec<u8>>,
    pub(crate) broken: bool,
    /// The documents that were read, once for each reading.
    pub(crate) reads: RefCell<Vec<DocTag>>,
}

impl Store {
    pub(crate) fn commit(&mut self, batch: Batch) {
        assert!(!batch.urgent || batch.bases.is_empty() && batch.prune.is_empty());
        for base in batch.bases {
            self.bases.insert((base.document, base.log), base.tip);
        }
        for entry in batch.entries {
            let header = entry.header();
            let log = self.logs.entry((header.document, header.log)).or_default();
            let previous = (header.sequence - 1, header.previous);
            let base = self.bases.get(&(header.document, header.log));
            let begins = base.is_some_and(|base| (base.sequence, base.id) == previous);
            assert!(
                header.sequence == 1 || begins || log.contains_key(&previous),
                "a hole in a chain: sequence {} has no predecessor",
                header.sequence
            );
            let old = log.insert((header.sequence, entry.id()), entry);
            assert!(old.is_none(), "an entry was committed twice");
        }
        for certificate in batch.certificates {
            let held = self.certificates.entry(certificate.id());
            held.or_insert_with(|| certificate.clone()).merge(&certificate);
        }
        for erase in batch.erase {
            for log in self.logs.values_mut() {
                log.retain(|_, e| !erase.covers(&e.header().space, &e.header().document));
            }
        }
        for base in batch.prune {
            let key = (base.document, base.log);
            let log = self.logs.get_mut(&key).unwrap();
            log.retain(|(sequence, _), _| *sequence > base.tip.sequence);
            assert!(log.values().next().is_some_and(|e| e.header().previous == base.tip.id));
            self.bases.insert(key, base.tip);
        }
        for record in batch.records {
            let key = (record.shelf, record.key);
            match record.value {
                Some(value) => drop(self.records.insert(key, value)),
                None => drop(self.records.remove(&key)),
            }
        }
    }

    pub(crate) fn contains(&self, document: DocTag, log: LogKey, tip: Tip) -> bool {
        self.logs.get(&(document, log)).is_some_and(|log| log.contains_key(&(tip.sequence, tip.id)))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.logs.values().flat_map(BTreeMap::values)
    }

    pub(crate) fn ids(&self, spaces: &BTreeSet<SpaceTag>) -> BTreeSet<EntryId> {
        let within = self.entries().filter(|entry| spaces.contains(&entry.header().space));
        within.map(Entry::id).collect()
    }

    pub(crate) fn index(&self) -> Index {
        let mut branches = Vec::new();
        for ((document, log), entries) in &self.logs {
            let continued: BTreeSet<EntryId> =
                entries.values().map(|entry| entry.header().previous).collect();
            let base = self.bases.get(&(*document, *log)).map_or(0, |base| base.sequence);
            let ends = entries.values().filter(|entry| !continued.contains(&entry.id()));
            for entry in ends.filter(|entry| entry.header().sequence > base) {
                let mut branch = Branch::of(entry);
                let mut before = entries.values().find(|e| e.id() == entry.header().previous);
                while let Some(entry) = before {
                    branch.urgency = branch.urgency.min(entry.header().urgency);
                    before = entries.values().find(|e| e.id() == entry.header().previous);
                }
                branches.push((entry.header().space, *document, *log, branch));
            }
        }
        Index::load(branches)
    }
}

impl Held for Store {
    fn entries(
        &self,
        document: DocTag,
        log: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, HeldError> {
        if self.broken {
            return Err(HeldError("the test broke it".into()));
        }
        self.reads.borrow_mut().push(document);
        let mut found = Vec::new();
        let mut bytes = 0;
        let Some(entries) = self.logs.get(&(document, log)) else { return Ok(found) };
        for entry in entries.range((after + 1, EntryId([0; 32]))..).map(|(_, entry)| entry) {
            if bytes >= bytes_max {
                break;
            }
            bytes += entry.size_bytes();
            found.push(entry.clone());
        }
        Ok(found)
    }
}
