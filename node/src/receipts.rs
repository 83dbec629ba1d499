//! What peers have said they hold durably.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::batch::{Record, Shelf};
use linli_replica::frontier::{Frontier, Tip, covers};
use linli_replica::id::{DocTag, LogKey, NodeId, Timestamp};
use linli_replica::index::Index;
use linli_replica::limits::{CLOCK_SKEW_MS_MAX, LOGS_MAX};

/// Receipts written at once: an alert waits for no longer turn of the driver than these take.
const SAVED_AT_ONCE: usize = 1_024;

/// How long it is said that a node went back, once it holds again what it had lost: a week.
const SAID_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What the names of the records of nodes that went back begin with, on the node's own shelf.
const WENT_BACK: &[u8] = b"went-back/";

/// What the names of the records of nodes begin with whose word was followed by a comparison, on the node's own shelf.
const COMPARED: &[u8] = b"compared/";

/// Receipts by document and node; kept sealed, so that they are true after a restart too.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    by_document: BTreeMap<DocTag, BTreeMap<NodeId, Frontier>>,
    unsaved: BTreeSet<(DocTag, NodeId)>,
    /// What each peer has spoken of since it connected. Lanes overtake each other, so that an older word
    /// may come after a newer one; no word outlasts its connection.
    fresh: BTreeMap<NodeId, BTreeSet<DocTag>>,
    /// Peers with which a comparison has ended since they first spoke on a connection: what they order to prune by has
    /// come as well as their word.
    compared: BTreeSet<NodeId>,
    /// Nodes of which that has changed.
    compared_unsaved: BTreeSet<NodeId>,
    went_back: BTreeMap<NodeId, WentBack>,
    /// Nodes of which that has changed.
    went_back_unsaved: BTreeSet<NodeId>,
}

/// A node holds less than it has said to hold: it lost it, or withholds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WentBack {
    /// When that was last noticed.
    pub(crate) at: Timestamp,
    /// In how many documents.
    pub(crate) documents: u64,
    /// What it said to hold, of documents where it has not said so again.
    missing: BTreeMap<DocTag, Frontier>,
}

impl WentBack {
    /// In how many documents that is still so.
    pub(crate) fn missing(&self) -> u64 {
        u64::try_from(self.missing.len()).unwrap_or(u64::MAX)
    }
}

/// Says whether a node that said to hold a log up to `before` and says `after` has lost something.
fn fell(before: &[Tip], after: &[Tip]) -> bool {
    let last = |tips: &[Tip]| tips.iter().map(|tip| tip.sequence).max();
    let branches = before.len() > 1 || after.len() > 1;
    match branches {
        // A branch that grew is another tip.
        true => after.len() < before.len() || last(after) < last(before),
        false => !covers(after, before),
    }
}

impl Receipts {
    pub(crate) fn load(
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        own: &[(Vec<u8>, Vec<u8>)],
    ) -> Self {
        let mut receipts = Self::default();
        for (key, value) in records {
            let Some((document, node)) = key.split_first_chunk::<32>() else { continue };
            let Ok(node) = node.try_into().map(NodeId) else { continue };
            if let Ok(frontier) = linli_replica::codec::decode(&value) {
                let of = receipts.by_document.entry(DocTag(*document)).or_default();
                of.insert(node, frontier);
            }
        }
        for (key, value) in own {
            let node = key.strip_prefix(COMPARED).and_then(|node| node.try_into().ok());
            receipts.compared.extend(node.map(NodeId));
            let node = key.strip_prefix(WENT_BACK).and_then(|node| node.try_into().ok());
            if let (Some(node), Ok((at, documents))) = (node, linli_replica::codec::decode(value)) {
                let went_back = WentBack { at, documents, missing: BTreeMap::new() };
                receipts.went_back.insert(NodeId(node), went_back);
            }
        }
        receipts
    }

    /// A peer has connected: what it says from here on is newer than all it said before.
    pub(crate) fn connected(&mut self, peer: &NodeId) {
        self.fresh.remove(peer);
    }

    /// Notes what a connected peer says: for the logs it speaks of, how far.
    pub(crate) fn note(
        &mut self,
        peer: NodeId,
        document: DocTag,
        frontier: Frontier,
        now: Timestamp,
    ) {
        if !self.fresh.contains_key(&peer) && self.compared.remove(&peer) {
            self.compared_unsaved.insert(peer);
        }
        let before = self.of(&document, &peer).cloned().unwrap_or_default();
        let is_old = self.fresh.get(&peer).is_none_or(|spoken| !spoken.contains(&document));
        if is_old {
            for (log, tips) in frontier.0.iter().filter(|(log, _)| before.0.contains_key(*log)) {
                self.fell_back(peer, document, (*log, before.tips(log)), tips, now);
            }
        }
        self.fresh.entry(peer).or_default().insert(document);
        self.put(peer, document, frontier);
    }

    /// Notes what a courier has brought of a peer's word, given `said_at`. It may be older than what is
    /// known: then it only adds to it, and not where the peer has gone back since.
    pub(crate) fn note_carried(
        &mut self,
        peer: NodeId,
        document: DocTag,
        mut frontier: Frontier,
        (newest, said_at): (bool, Timestamp),
        now: Timestamp,
    ) {
        let went_back =
            self.went_back.get(&peer).map(|back| back.at.plus_ms(2 * CLOCK_SKEW_MS_MAX));
        if !newest && went_back.is_some_and(|back| said_at <= back) {
            return;
        }
        let before = self.of(&document, &peer).cloned().unwrap_or_default();
        if newest {
            for (log, tips) in frontier.0.iter().filter(|(log, _)| before.0.contains_key(*log)) {
                self.fell_back(peer, document, (*log, before.tips(log)), tips, now);
            }
        } else {
            frontier.0.retain(|log, tips| !fell(before.tips(log), tips));
        }
        self.put(peer, document, frontier);
    }

    /// Notes that a connected peer asks for a log from `after` on: more of it, it does not hold.
    pub(crate) fn note_lacking(
        &mut self,
        peer: NodeId,
        document: DocTag,
        log: LogKey,
        after: Vec<Tip>,
        now: Timestamp,
    ) {
        let Some(held) = self.by_document.get_mut(&document).and_then(|of| of.get_mut(&peer))
        else {
            return;
        };
        let before = held.tips(&log).to_vec();
        let spoken = self.fresh.get(&peer).is_some_and(|spoken| spoken.contains(&document));
        if spoken || !fell(&before, &after) {
            return;
        }
        match after.is_empty() {
            true => drop(held.0.remove(&log)),
            false => drop(held.0.insert(log, after.clone())),
        }
        self.unsaved.insert((document, peer));
        self.fell_back(peer, document, (log, &before), &after, now);
    }

    fn fell_back(
        &mut self,
        peer: NodeId,
        document: DocTag,
        (log, before): (LogKey, &[Tip]),
        after: &[Tip],
        now: Timestamp,
    ) {
        if !fell(before, after) {
            return;
        }
        let went_back = self.went_back.entry(peer).or_default();
        went_back.documents += u64::from(!went_back.missing.contains_key(&document));
        went_back.at = now;
        went_back.missing.entry(document).or_default().0.insert(log, before.to_vec());
        self.went_back_unsaved.insert(peer);
    }

    /// Lists the nodes that hold less than they have said to hold, until a week after.
    pub(crate) fn went_back(&self, now: Timestamp) -> impl Iterator<Item = (&NodeId, &WentBack)> {
        self.went_back.iter().filter(move |(_, went_back)| {
            !went_back.missing.is_empty() || now.since_ms(went_back.at) < SAID_MS
        })
    }

    fn put(&mut self, peer: NodeId, document: DocTag, frontier: Frontier) {
        let held = self.by_document.entry(document).or_default().entry(peer).or_default();
        for (log, tips) in frontier.0 {
            // A peer may name logs without end; a document has no more than these.
            if held.0.len() < LOGS_MAX || held.0.contains_key(&log) {
                held.0.insert(log, tips);
            }
        }
        self.unsaved.insert((document, peer));
        if let Some(went_back) = self.went_back.get_mut(&peer)
            && went_back.missing.get(&document).is_some_and(|missing| held.covers(missing))
        {
            went_back.missing.remove(&document);
        }
    }

    /// Notes that a comparison with a connected peer has ended, which holds documents as they are held here.
    pub(crate) fn note_alike(&mut self, peer: NodeId, documents: Vec<DocTag>, index: &Index) {
        self.fresh.entry(peer).or_default();
        if self.compared.insert(peer) {
            self.compared_unsaved.insert(peer);
        }
        for document in documents {
            let Some(frontier) = index.frontier(&document) else { continue };
            self.fresh.entry(peer).or_default().insert(document);
            if self.of(&document, &peer) != Some(&frontier) {
                self.put(peer, document, frontier);
            }
        }
    }

    /// Forgets what was said of documents that are erased; returns the records to remove.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) -> Vec<Record> {
        self.unsaved.retain(|(document, _)| !gone.contains(document));
        for went_back in self.went_back.values_mut() {
            went_back.missing.retain(|document, _| !gone.contains(document));
        }
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

    /// Says whether a comparison with a peer has ended, on the last connection on which it spoke: in an earlier run, too.
    pub(crate) fn has_compared(&self, peer: &NodeId) -> bool {
        self.compared.contains(peer)
    }

    /// Says whether a peer has spoken of a document since it connected.
    pub(crate) fn has_spoken(&self, peer: &NodeId, document: &DocTag) -> bool {
        self.fresh.get(peer).is_some_and(|spoken| spoken.contains(document))
    }

    /// Returns how far a peer has said it holds a log of a document.
    pub(crate) fn furthest(&self, document: &DocTag, peer: &NodeId, log: &LogKey) -> u64 {
        let tips = self.of(document, peer).map(|frontier| frontier.tips(log)).unwrap_or_default();
        tips.iter().map(|tip| tip.sequence).max().unwrap_or(0)
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
        let nodes = std::mem::take(&mut self.went_back_unsaved);
        let noted = nodes.into_iter().filter_map(|node| {
            let went_back = self.went_back.get(&node)?;
            let value = linli_replica::codec::encode(&(went_back.at, went_back.documents));
            let key = [WENT_BACK, node.as_bytes()].concat();
            Some(Record { shelf: Shelf::Own, key, value: Some(value) })
        });
        let peers = std::mem::take(&mut self.compared_unsaved);
        let compared = peers.into_iter().map(|peer| {
            let value = self.compared.contains(&peer).then(Vec::new);
            let key = [COMPARED, peer.as_bytes()].concat();
            Record { shelf: Shelf::Own, key, value }
        });
        unsaved.into_iter().filter_map(record).chain(noted).chain(compared).collect()
    }

    /// Lists the documents of which a peer has said to hold something.
    pub(crate) fn documents_of(&self, peer: &NodeId) -> impl Iterator<Item = DocTag> {
        let of = self.by_document.iter().filter(|(_, by)| by.contains_key(peer));
        of.map(|(document, _)| *document)
    }
}

#[cfg(test)]
mod tests {
    use linli_replica::id::EntryId;

    use super::*;

    #[test]
    fn all_receipts_are_written_some_at_a_time() {
        let mut receipts = Receipts::default();
        for number in 0..SAVED_AT_ONCE + 1 {
            let mut tag = [0; 32];
            tag[..8].copy_from_slice(&(number as u64).to_le_bytes());
            receipts.note(NodeId([1; 32]), DocTag(tag), Frontier::default(), Timestamp(1));
        }
        assert_eq!([(); 3].map(|()| receipts.take_unsaved().len()), [SAVED_AT_ONCE, 1, 0]);
    }

    const PEER: NodeId = NodeId([1; 32]);
    const DOCUMENT: DocTag = DocTag([2; 32]);
    const LOG: LogKey = LogKey([3; 32]);
    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn tip(sequence: u64, id: u8) -> Tip {
        Tip { sequence, id: EntryId([id; 32]) }
    }

    fn up_to(tips: &[Tip]) -> Frontier {
        Frontier([(LOG, tips.to_vec())].into())
    }

    /// In how many documents the peer went back, and in how many that is still so.
    fn said(receipts: &Receipts, now: Timestamp) -> Option<(u64, u64)> {
        receipts.went_back(now).next().map(|(_, back)| (back.documents, back.missing()))
    }

    #[test]
    fn a_node_that_went_back_is_noticed_until_a_week_after_it_holds_all_again() {
        let mut receipts = Receipts::default();
        receipts.note(PEER, DOCUMENT, up_to(&[tip(5, 5)]), NOW);
        receipts.note(PEER, DOCUMENT, up_to(&[tip(4, 4)]), NOW);
        assert_eq!(said(&receipts, NOW), None, "an older word was overtaken on its way");
        receipts.note(PEER, DOCUMENT, up_to(&[tip(5, 5)]), NOW);
        receipts.connected(&PEER);
        receipts.note(PEER, DOCUMENT, up_to(&[tip(3, 3)]), NOW);
        assert_eq!(said(&receipts, NOW), Some((1, 1)));
        assert_eq!(receipts.of(&DOCUMENT, &PEER), Some(&up_to(&[tip(3, 3)])), "it is sent again");
        receipts.note(PEER, DOCUMENT, up_to(&[tip(4, 4)]), NOW);
        assert_eq!(said(&receipts, NOW), Some((1, 1)));
        receipts.note(PEER, DOCUMENT, up_to(&[tip(6, 6)]), NOW);
        assert_eq!(said(&receipts, NOW), Some((1, 0)));
        assert_eq!(said(&receipts, NOW.plus_ms(SAID_MS)), None);
        // It is kept for that long.
        let records = receipts.take_unsaved();
        let (own, others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.shelf == Shelf::Own);
        let pairs = |records: Vec<Record>| {
            let pair = |record: Record| (record.key, record.value.unwrap());
            records.into_iter().map(pair).collect::<Vec<_>>()
        };
        let again = Receipts::load(pairs(others), &pairs(own));
        assert_eq!(said(&again, NOW), Some((1, 0)));
    }

    #[test]
    fn a_node_that_asks_for_what_it_has_receipted_went_back() {
        let mut receipts = Receipts::default();
        receipts.note(PEER, DOCUMENT, up_to(&[tip(5, 5)]), NOW);
        receipts.note_lacking(PEER, DOCUMENT, LOG, Vec::new(), NOW);
        assert_eq!(said(&receipts, NOW), None, "it asked before it had it, on a slower lane");
        receipts.connected(&PEER);
        receipts.note_lacking(PEER, DOCUMENT, LOG, vec![tip(5, 5)], NOW);
        receipts.note_lacking(PEER, DocTag([9; 32]), LOG, Vec::new(), NOW);
        assert_eq!(said(&receipts, NOW), None, "it holds what it said");
        receipts.note_lacking(PEER, DOCUMENT, LOG, Vec::new(), NOW);
        assert_eq!(said(&receipts, NOW), Some((1, 1)));
        assert_eq!(receipts.of(&DOCUMENT, &PEER), Some(&Frontier::default()));
        let gone = BTreeSet::from([DOCUMENT]);
        receipts.erase(&gone);
        assert_eq!(said(&receipts, NOW), Some((1, 0)), "what is erased is not missed");
    }

    #[test]
    fn a_log_that_forked_has_not_gone_back() {
        let mut receipts = Receipts::default();
        receipts.note(PEER, DOCUMENT, up_to(&[tip(5, 5)]), NOW);
        for tips in [vec![tip(5, 5), tip(5, 6)], vec![tip(5, 6), tip(6, 7)]] {
            receipts.connected(&PEER);
            receipts.note(PEER, DOCUMENT, up_to(&tips), NOW);
            assert_eq!(said(&receipts, NOW), None, "{tips:?}");
        }
        receipts.connected(&PEER);
        receipts.note(PEER, DOCUMENT, up_to(&[tip(6, 7)]), NOW);
        assert_eq!(said(&receipts, NOW), Some((1, 1)), "a branch is gone");
    }

    #[test]
    fn a_word_is_followed_by_a_comparison_on_its_connection_or_counts_for_nothing() {
        let mut receipts = Receipts::default();
        let said = || up_to(&[tip(5, 5)]);
        receipts.note_carried(PEER, DOCUMENT, said(), (true, NOW), NOW);
        receipts.connected(&PEER);
        receipts.note(PEER, DOCUMENT, said(), NOW);
        assert!(!receipts.has_compared(&PEER), "the connection may end before the orders come");
        receipts.note_alike(PEER, Vec::new(), &Index::default());
        receipts.note(PEER, DOCUMENT, said(), NOW);
        assert!(receipts.has_compared(&PEER));
        let kept = |receipts: &mut Receipts| {
            let records = receipts.take_unsaved();
            let own = records.into_iter().filter(|record| record.shelf == Shelf::Own);
            own.map(|record| (record.key, record.value)).collect::<Vec<_>>()
        };
        let own: Vec<_> =
            kept(&mut receipts).into_iter().map(|(key, value)| (key, value.unwrap())).collect();
        let mut again = Receipts::load(Vec::new(), &own);
        assert!(again.has_compared(&PEER), "in an earlier run");
        again.connected(&PEER);
        assert!(again.has_compared(&PEER), "it has said nothing yet");
        again.note(PEER, DOCUMENT, said(), NOW);
        assert!(!again.has_compared(&PEER));
        assert_eq!(kept(&mut again), [(own[0].0.clone(), None)]);
        // What is said for the first time on a connection where nothing was alike stays believed.
        again.connected(&PEER);
        again.note_alike(PEER, Vec::new(), &Index::default());
        again.note(PEER, DOCUMENT, said(), NOW);
        assert!(again.has_compared(&PEER));
    }

    #[test]
    fn an_old_word_that_a_courier_brings_lowers_nothing() {
        let mut receipts = Receipts::default();
        receipts.note(PEER, DOCUMENT, up_to(&[tip(5, 5)]), NOW);
        receipts.note_carried(PEER, DOCUMENT, up_to(&[tip(3, 3)]), (false, NOW), NOW);
        assert_eq!(receipts.of(&DOCUMENT, &PEER), Some(&up_to(&[tip(5, 5)])));
        receipts.note_carried(PEER, DOCUMENT, up_to(&[tip(7, 7)]), (false, NOW), NOW);
        assert_eq!(receipts.of(&DOCUMENT, &PEER), Some(&up_to(&[tip(7, 7)])));
        assert_eq!(said(&receipts, NOW), None);
        receipts.note_carried(PEER, DOCUMENT, up_to(&[tip(3, 3)]), (true, NOW), NOW);
        assert_eq!(receipts.of(&DOCUMENT, &PEER), Some(&up_to(&[tip(3, 3)])));
        assert_eq!(said(&receipts, NOW), Some((1, 1)));
        receipts.note_carried(PEER, DOCUMENT, up_to(&[tip(5, 5)]), (false, NOW), NOW);
        assert_eq!(receipts.of(&DOCUMENT, &PEER), Some(&up_to(&[tip(3, 3)])), "it lost that since");
    }
}
