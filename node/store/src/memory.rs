//! A store in memory, for tests: the same rules, nothing durable.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::batch::{Batch, Erase, LogBase, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::entry::Entry;
use linli_replica::frontier::{Branch, Tip};
use linli_replica::held::{Held, HeldError};
use linli_replica::id::{CertificateId, DocTag, EntryId, LogKey, SpaceTag};

use crate::chain::{ChainId, Chains, Step, plan};
use crate::error::StoreError;
use crate::key::KeyValue;
use crate::store::{Stats, in_order};

/// Holds what a [`crate::Store`] holds, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    content: RwLock<Content>,
}

#[derive(Default)]
struct Content {
    entries: BTreeMap<(DocTag, LogKey), BTreeMap<(u64, EntryId), Entry>>,
    branches: BTreeMap<ChainId, Vec<Branch>>,
    /// In order of arrival.
    documents: Vec<(SpaceTag, DocTag)>,
    certificates: BTreeMap<CertificateId, Certificate>,
    records: BTreeMap<(Shelf, Vec<u8>), Vec<u8>>,
    audit: Vec<Linked>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("chains", &self.branches.len()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits a batch.
    ///
    /// # Errors
    /// [`StoreError::Gap`] where a log would have a hole.
    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        let plan = plan(&mut *content, &batch.bases, &batch.entries, true)?;
        for (entry, step) in batch.entries.into_iter().zip(plan.steps) {
            if step != Step::Skip {
                content.insert(entry);
            }
        }
        content.branches.extend(plan.branches);
        for certificate in batch.certificates {
            match content.certificates.entry(certificate.id()) {
                std::collections::btree_map::Entry::Occupied(mut held) => {
                    held.get_mut().merge(&certificate);
                }
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(certificate);
                }
            }
        }
        for erase in &batch.erase {
            content.erase(erase);
        }
        for base in &batch.prune {
            content.prune(base);
        }
        for record in batch.records {
            if record.shelf == Shelf::Audit {
                record.value.into_iter().for_each(|record| content.append_audit(record));
                continue;
            }
            let key = (record.shelf, record.key);
            match record.value {
                Some(value) => content.records.insert(key, value),
                None => content.records.remove(&key),
            };
        }
        Ok(())
    }

    /// Lists the branches of every chain held.
    #[must_use]
    pub fn branches(&self) -> Vec<(SpaceTag, DocTag, LogKey, Branch)> {
        let content = self.read();
        let all = content.branches.iter().flat_map(|(chain, branches)| {
            branches.iter().map(|branch| (chain.space, chain.document, chain.log, *branch))
        });
        all.collect()
    }

    /// Returns all certificates, in order of id.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        self.read().certificates.values().cloned().collect()
    }

    /// Returns the records of a shelf as key and value, in order of key.
    #[must_use]
    pub fn records(&self, shelf: Shelf) -> Vec<KeyValue> {
        let content = self.read();
        if shelf == Shelf::Audit {
            let row = |l: &Linked| (l.head.sequence.to_be_bytes().to_vec(), l.record.clone());
            return content.audit.iter().map(row).collect();
        }
        let shelf = content.records.iter().filter(|((on, _), _)| *on == shelf);
        shelf.map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    /// Returns the records of the audit from one number to another, both included, in order.
    #[must_use]
    pub fn audit(&self, first: u64, last: u64) -> Vec<Linked> {
        let within = |linked: &&Linked| (first..=last).contains(&linked.head.sequence);
        self.read().audit.iter().filter(within).cloned().collect()
    }

    /// Returns one record, none where there is none.
    #[must_use]
    pub fn record(&self, shelf: Shelf, key: &[u8]) -> Option<Vec<u8>> {
        self.read().records.get(&(shelf, key.to_vec())).cloned()
    }

    /// Returns the documents held of a space, in order of arrival.
    #[must_use]
    pub fn documents(&self, space: SpaceTag) -> Vec<DocTag> {
        let content = self.read();
        let of_space = content.documents.iter().filter(|(of, _)| *of == space);
        of_space.map(|(_, document)| *document).collect()
    }

    /// Counts what is held.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let content = self.read();
        let documents = u64::try_from(content.documents.len()).unwrap_or(u64::MAX);
        let mut stats = Stats { documents, ..Stats::default() };
        for entry in content.entries.values().flat_map(BTreeMap::values) {
            stats.entries += 1;
            stats.entry_bytes += u64::try_from(entry.encode().len()).unwrap_or(0);
        }
        stats
    }

    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn append_audit(&mut self, record: Vec<u8>) {
        let linker = Linker::default();
        let head = self.audit.last().map_or(Head::default(), |last| last.head);
        if let Some(head) = linker.next(&head, &linker.digest(&record)) {
            self.audit.push(Linked { head, record });
        }
    }

    fn insert(&mut self, entry: Entry) {
        let header = entry.header();
        let document = (header.space, header.document);
        if !self.documents.contains(&document) {
            self.documents.push(document);
        }
        let log = self.entries.entry((header.document, header.log)).or_default();
        log.insert((header.sequence, entry.id()), entry);
    }

    fn erase(&mut self, erase: &Erase) {
        for log in self.entries.values_mut() {
            log.retain(|_, entry| !erase.covers(&entry.header().space, &entry.header().document));
        }
        self.entries.retain(|_, log| !log.is_empty());
        self.branches.retain(|chain, _| !erase.covers(&chain.space, &chain.document));
        self.documents.retain(|(space, document)| !erase.covers(space, document));
    }

    fn prune(&mut self, base: &LogBase) {
        let log = self.entries.get_mut(&(base.document, base.log));
        let goes = |entry: &Entry| {
            entry.header().space == base.space && entry.header().sequence <= base.tip.sequence
        };
        log.into_iter().for_each(|log| log.retain(|_, entry| !goes(entry)));
    }
}

impl Chains for Content {
    fn branches(&mut self, chain: &ChainId) -> Result<Vec<Branch>, StoreError> {
        Ok(self.branches.get(chain).cloned().unwrap_or_default())
    }

    fn held(&mut self, chain: &ChainId, tip: Tip) -> Result<Option<bool>, StoreError> {
        let log = self.entries.get(&(chain.document, chain.log));
        let entry = log.and_then(|log| log.get(&(tip.sequence, tip.id)));
        let entry = entry.filter(|entry| entry.header().space == chain.space);
        Ok(entry.map(Entry::is_signed))
    }
}

impl Held for MemoryStore {
    fn entries(
        &self,
        document: DocTag,
        log: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, HeldError> {
        let content = self.read();
        let Some(log) = content.entries.get(&(document, log)) else { return Ok(Vec::new()) };
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let after = log.range((first, EntryId([0; 32]))..).map(|(_, entry)| entry.clone());
        Ok(in_order(after, bytes_max))
    }
}
