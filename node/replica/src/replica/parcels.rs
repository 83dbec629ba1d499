//! Entries of one frame, sorted by how they are committed.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::id::{DocTag, LogKey};

/// Entries sorted by kind, each log in the order in which it came: where its kind changes it goes on in a later
/// parcel, so that no commit holds an entry without those before it.
#[derive(Debug)]
pub(crate) struct Parcels<K> {
    parcels: Vec<(K, Vec<Entry>)>,
    /// Which parcel holds the last of a log.
    last: BTreeMap<(DocTag, LogKey), usize>,
}

impl<K: PartialEq> Parcels<K> {
    pub(crate) const fn new() -> Self {
        Self { parcels: Vec::new(), last: BTreeMap::new() }
    }

    /// Adds entries that follow each other in one log.
    pub(crate) fn add(&mut self, kind: K, entries: Vec<Entry>) {
        let Some(header) = entries.first().map(Entry::header) else { return };
        let log = (header.document, header.log);
        let from = self.last.get(&log).copied().unwrap_or_default();
        let mut open = self.parcels.iter_mut().enumerate().skip(from);
        if let Some((at, (_, parcel))) = open.find(|(_, (of, _))| *of == kind) {
            parcel.extend(entries);
            self.last.insert(log, at);
        } else {
            self.last.insert(log, self.parcels.len());
            self.parcels.push((kind, entries));
        }
    }
}

impl<K> IntoIterator for Parcels<K> {
    type Item = (K, Vec<Entry>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.parcels.into_iter()
    }
}
