//! Entries of one frame, sorted by how they are committed.

use std::collections::BTreeMap;

use crate::batch::{LogBase, Record};
use crate::entry::Entry;
use crate::id::{DocTag, LogKey};

/// What is new of pages, and what is written with it.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    pub(crate) entries: Vec<Entry>,
    /// Where logs of them begin that continue nothing held.
    pub(crate) bases: Vec<LogBase>,
    pub(crate) records: Vec<Record>,
}

/// Entries sorted by kind, each log in the order in which it came: where its kind changes it goes on in a later
/// parcel, so that no commit holds an entry without those before it.
#[derive(Debug)]
pub(crate) struct Parcels<K> {
    parcels: Vec<(K, Fresh)>,
    /// Which parcel holds the last of a log.
    last: BTreeMap<(DocTag, LogKey), usize>,
}

impl<K: PartialEq> Parcels<K> {
    pub(crate) const fn new() -> Self {
        Self { parcels: Vec::new(), last: BTreeMap::new() }
    }

    /// Adds entries that follow each other in one log.
    pub(crate) fn add(&mut self, kind: K, fresh: Fresh) {
        let Some(header) = fresh.entries.first().map(Entry::header) else { return };
        let log = (header.document, header.log);
        let from = self.last.get(&log).copied().unwrap_or_default();
        let mut open = self.parcels.iter_mut().enumerate().skip(from);
        if let Some((at, (_, parcel))) = open.find(|(_, (of, _))| *of == kind) {
            parcel.entries.extend(fresh.entries);
            parcel.bases.extend(fresh.bases);
            parcel.records.extend(fresh.records);
            self.last.insert(log, at);
        } else {
            self.last.insert(log, self.parcels.len());
            self.parcels.push((kind, fresh));
        }
    }
}

impl<K> IntoIterator for Parcels<K> {
    type Item = (K, Fresh);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.parcels.into_iter()
    }
}
