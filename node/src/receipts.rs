//! What peers have said they hold durably.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::batch::{Record, Shelf};
use linli_replica::frontier::Frontier;
use linli_replica::id::{DocTag, NodeId};
use linli_replica::index::Index;
use linli_replica::limits::LOGS_MAX;

/// Receipts written at once: an alert waits for no longer turn of the driver than these take.
const SAVED_AT_ONCE: usize = 1_024;

/// Receipts by document and node; kept sealed, so that they are true after a restart too.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    by_document: BTreeMap<DocTag, BTreeMap<NodeId, Frontier>>,
    unsaved: BTreeSet<(DocTag, NodeId)>,
}

impl Receipts {
    pub(crate) fn load(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut receipts = Self::default();
        for (key, value) in records {
            let Some((document, node)) = key.split_first_chunk::<32>() else { continue };
            let Ok(node) = node.try_into().map(NodeId) else { continue };
            if let Ok(frontier) = linli_replica::codec::decode(&value) {
                let of = receipts.by_document.entry(DocTag(*document)).or_default();
                of.insert(node, frontier);
            }
        }
        receipts
    }

    /// Notes what a peer says: for the logs it speaks of, how far.
    pub(crate) fn note(&mut self, peer: NodeId, document: DocTag, frontier: Frontier) {
        let held = self.by_document.entry(document).or_default().entry(peer).or_default();
        for (log, tips) in frontier.0 {
            // A peer may name logs without end; a document has no more than these.
            if held.0.len() < LOGS_MAX || held.0.contains_key(&log) {
                held.0.insert(log, tips);
            }
        }
        self.unsaved.insert((document, peer));
    }

    /// Notes that a peer holds documents as they are held here.
    pub(crate) fn note_alike(&mut self, peer: NodeId, documents: Vec<DocTag>, index: &Index) {
        for document in documents {
            let Some(frontier) = index.frontier(&document) else { continue };
            if self.of(&document, &peer) != Some(&frontier) {
                self.note(peer, document, frontier);
            }
        }
    }

    /// Forgets what was said of documents that are erased; returns the records to remove.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) -> Vec<Record> {
        self.unsaved.retain(|(document, _)| !gone.contains(document));
        let record = |document: DocTag, node: NodeId| {
            let key = [document.0, node.0].concat();
            Record { shelf: Shelf::Receipt, key, value: None }
        };
        let of = gone
            .iter()
            .filter_map(|document| Some((*document, self.by_document.remove(document)?)));
        of.flat_map(|(document, by)| by.into_keys().map(move |node| record(document, node)))
            .collect()
    }

    /// Lists the nodes that hold at least `frontier` of a document.
    pub(crate) fn holders(&self, document: &DocTag, frontier: &Frontier) -> Vec<NodeId> {
        let of = self.by_document.get(document).into_iter().flatten();
        of.filter(|(_, held)| held.covers(frontier)).map(|(node, _)| *node).collect()
    }

    /// Returns what a peer has said it holds of a document.
    pub(crate) fn of(&self, document: &DocTag, peer: &NodeId) -> Option<&Frontier> {
        self.by_document.get(document)?.get(peer)
    }

    /// Takes records that are not stored yet, some at a time: a peer may hold everything.
    pub(crate) fn take_unsaved(&mut self) -> Vec<Record> {
        let unsaved: Vec<_> =
            std::iter::from_fn(|| self.unsaved.pop_first()).take(SAVED_AT_ONCE).collect();
        let record = |(document, node): (DocTag, NodeId)| {
            let frontier = self.by_document.get(&document)?.get(&node)?;
            let key = [document.0, node.0].concat();
            let value = Some(linli_replica::codec::encode(frontier));
            Some(Record { shelf: Shelf::Receipt, key, value })
        };
        unsaved.into_iter().filter_map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_receipts_are_written_some_at_a_time() {
        let mut receipts = Receipts::default();
        for number in 0..SAVED_AT_ONCE + 1 {
            let mut tag = [0; 32];
            tag[..8].copy_from_slice(&(number as u64).to_le_bytes());
            receipts.note(NodeId([1; 32]), DocTag(tag), Frontier::default());
        }
        assert_eq!([(); 3].map(|()| receipts.take_unsaved().len()), [SAVED_AT_ONCE, 1, 0]);
    }
}
