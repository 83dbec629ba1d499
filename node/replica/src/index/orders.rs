//! Orders to prune that are held: what each cuts and withdraws, and where it stands.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::Index;
use crate::batch::Erase;
use crate::entry::{Entry, Suite};
use crate::frontier::Tip;
use crate::held::{Held, HeldError};
use crate::id::{CommunityId, DocTag, LogKey, PruneId, SpaceTag, Timestamp};
use crate::limits::{
    BRANCHES_MAX, ENTRY_BYTES_MAX, PRUNE_DELAY_MS, PRUNE_ORDERS_MAX, PRUNE_WITHDRAWALS_MAX,
};
use crate::prune::{Base, Checkpoint, Cut, Order, document_tag};

/// Space, document, and which of the orders about it.
pub(crate) type OrderKey = (SpaceTag, DocTag, PruneId);

/// What is kept in memory of an order whose signature was checked: about 250 bytes, 32 more for each log
/// that it cuts, and for each order that it withdraws.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Note {
    /// The log in the prune document that it stands in.
    #[n(0)]
    pub(crate) log: LogKey,
    /// Its place there.
    #[n(1)]
    pub(crate) sequence: u64,
    /// When it was given, by its signer's clock.
    #[n(2)]
    pub(crate) at: Timestamp,
    /// When it came, in milliseconds that this node was awake.
    #[n(3)]
    pub(crate) since_ms: u64,
    /// The hash of each cut, in order. None where it cuts nothing, or does not count.
    #[n(4)]
    pub(crate) cuts: Vec<ByteArray<32>>,
    /// What stands for what is before them.
    #[n(5)]
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Orders that it takes back.
    #[n(6)]
    pub(crate) withdraws: Vec<PruneId>,
    /// Whether there is nothing left to do about it here.
    #[n(7)]
    pub(crate) done: bool,
}

/// What was found of the orders about a document, for one of its logs.
#[derive(Debug, Clone, Default)]
pub struct SeenCuts {
    /// The last entry before the furthest cut.
    through: u64,
    orders: BTreeSet<PruneId>,
}

impl Note {
    /// Says whether the time has passed that stewards have to take it back.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.at.plus_ms(PRUNE_DELAY_MS)
    }
}

/// The orders of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    notes: BTreeMap<OrderKey, Note>,
    /// What the orders about a document take back.
    withdrawn: BTreeMap<(SpaceTag, DocTag), BTreeSet<PruneId>>,
    /// Documents of which more was taken back in this run than is remembered, though some of that was lost since.
    full: BTreeSet<(SpaceTag, DocTag)>,
    /// Orders that this node looked at as a reader, and whether logs may begin late by them. Found again at each start.
    judged: BTreeMap<OrderKey, bool>,
}

impl Orders {
    /// Forgets the order in an entry that could not be stored.
    pub(super) fn failed(&mut self, entry: &Entry) {
        let Some(order) = Order::again(entry) else { return };
        let (space, document) = (entry.header().space, order.terms().document);
        let place = (entry.header().log, entry.header().sequence);
        let key = (space, document, order.id());
        if self.notes.get(&key).is_some_and(|note| (note.log, note.sequence) == place) {
            self.notes.remove(&key);
            self.judged.remove(&key);
            let left = self.of(space, document).flat_map(|(_, note)| note.withdraws.clone());
            let left: BTreeSet<PruneId> = left.collect();
            self.withdrawn.insert((space, document), left);
        }
    }

    fn of(&self, space: SpaceTag, document: DocTag) -> impl Iterator<Item = (PruneId, &Note)> {
        let key = |order| (space, document, PruneId(order));
        let range = key([0; 32])..=key([0xff; 32]);
        self.notes.range(range).map(|((.., order), note)| (*order, note))
    }

    fn withdrawn(&self, (space, document, _): &OrderKey) -> Option<&BTreeSet<PruneId>> {
        self.withdrawn.get(&(*space, *document))
    }

    /// Says whether no more is remembered of what is taken back about a document.
    fn is_full(&self, key: &OrderKey) -> bool {
        self.full.contains(&(key.0, key.1))
            || self.withdrawn(key).is_some_and(|all| all.len() >= PRUNE_WITHDRAWALS_MAX)
    }

    fn is_withdrawn(&self, key: &OrderKey) -> bool {
        self.withdrawn(key).is_some_and(|all| all.contains(&key.2))
    }

    /// Says whether one more order about a document may count. One that is taken back takes no room.
    fn has_room(&self, (space, document, _): &OrderKey) -> bool {
        let counts = |(id, note): &(PruneId, &Note)| {
            !note.cuts.is_empty() && !self.is_withdrawn(&(*space, *document, *id))
        };
        self.of(*space, *document).filter(counts).count() < PRUNE_ORDERS_MAX
    }

    /// Says whether an order about a document came that does not count, since as many did.
    fn has_passed_over(&self, (space, document, _): &OrderKey) -> bool {
        self.of(*space, *document)
            .any(|(_, note)| note.cuts.is_empty() && note.checkpoint.is_some())
    }

    /// Lists what an order takes back, as far as it is remembered: also what others do, for they may yet fail.
    fn remembered(&self, key: &OrderKey, withdraws: &[PruneId]) -> Vec<PruneId> {
        let known = |id: &PruneId| self.withdrawn(key).is_some_and(|all| all.contains(id));
        let full = self.is_full(key);
        withdraws.iter().copied().filter(|id| !full || known(id)).collect()
    }
}

impl Index {
    /// Lists the orders about a document, held or admitted, of which something counts: what they cut, or what they
    /// take back.
    pub fn orders(&self, space: &SpaceTag, document: &DocTag) -> impl Iterator<Item = PruneId> {
        let counts = |note: &Note| !note.cuts.is_empty() || !note.withdraws.is_empty();
        let orders = self.orders.of(*space, *document).filter(move |(_, note)| counts(note));
        orders.map(|(order, _)| order)
    }

    /// Lists the documents of a space about which there are orders, held or admitted.
    pub fn ordered(&self, space: &SpaceTag) -> BTreeSet<DocTag> {
        let key = |byte| (*space, DocTag([byte; 32]), PruneId([byte; 32]));
        self.orders.notes.range(key(0)..=key(0xff)).map(|((_, document, _), _)| *document).collect()
    }

    /// Says whether an order to prune that is held or admitted is taken back by another.
    #[must_use]
    pub fn is_withdrawn(&self, space: &SpaceTag, document: &DocTag, order: &PruneId) -> bool {
        self.orders.is_withdrawn(&(*space, *document, *order))
    }

    /// Says whether more orders about a document are taken back than are remembered: none is carried out then.
    pub(crate) fn has_lost_count(&self, key: &OrderKey) -> bool {
        self.orders.is_full(key)
    }

    /// Reads an order to prune a document of a space; none where it is not held.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn order(
        &self,
        space: &SpaceTag,
        document: &DocTag,
        order: &PruneId,
        held: &dyn Held,
    ) -> Result<Option<Order>, HeldError> {
        let Some(note) = self.note(&(*space, *document, *order)) else { return Ok(None) };
        let stands_in = document_tag(space);
        let forked = self.tips(&stands_in, &note.log).len() > 1;
        let bytes_max = if forked { BRANCHES_MAX * ENTRY_BYTES_MAX } else { 1 };
        let found = held.entries(stands_in, note.log, note.sequence - 1, bytes_max)?;
        let mut orders = found.iter().filter_map(Order::again);
        Ok(orders.find(|found| found.id() == *order))
    }

    /// Returns how much of a log may be missing, by the orders held here, at whoever says to hold it: the
    /// sequence of the last entry before the furthest cut, due or not, and though it be taken back since. All of it where more
    /// orders ever came than count, or than `budget` allows to be read: asked again with the same `seen` it goes on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn may_be_missing(
        &self,
        (document, log): (&DocTag, &LogKey),
        seen: &mut SeenCuts,
        budget: &mut usize,
        held: &dyn Held,
    ) -> Result<u64, HeldError> {
        let Some(space) = self.space_of(document) else { return Ok(0) };
        let key = (space, *document, PruneId([0; 32]));
        if !self.orders.has_room(&key) || self.orders.has_passed_over(&key) {
            return Ok(u64::MAX);
        }
        let cutting = self.orders.of(space, *document).filter(|(_, note)| !note.cuts.is_empty());
        for (id, _) in cutting {
            if seen.orders.contains(&id) {
                continue;
            }
            let Some(left) = budget.checked_sub(1) else { return Ok(u64::MAX) };
            *budget = left;
            // On its way to disk: what it cuts is seen once it is there.
            let Some(order) = self.order(&space, document, &id, held)? else {
                return Ok(u64::MAX);
            };
            let through = order.terms().cut(log).map_or(0, |cut| cut.sequence - 1);
            seen.through = seen.through.max(through);
            seen.orders.insert(id);
        }
        Ok(seen.through)
    }

    /// Returns the base that an order gives to the log of an entry at which it cuts: one that is held or
    /// admitted, is due, is not taken back, and whose checkpoint is held or admitted, all of it. The checkpoint may still be on
    /// its way where it stands in this very log, of which it follows. Readers do not follow what they found to rest on
    /// nothing; `unjudged` says whether what was not looked at is followed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn cut_at(
        &self,
        entry: &Entry,
        now: Timestamp,
        unjudged: bool,
        held: &dyn Held,
    ) -> Result<Option<Base>, HeldError> {
        let header = entry.header();
        let (space, document) = (header.space, header.document);
        let Some(sequence) = header.sequence.checked_sub(1).filter(|sequence| *sequence > 0) else {
            return Ok(None);
        };
        let cut = Cut { log: header.log, sequence: header.sequence, entry: entry.id() }.hash();
        for (order, note) in self.orders.of(space, document) {
            if note.cuts.binary_search(&cut).is_ok()
                && note.is_due(now)
                && self.orders.judged.get(&(space, document, order)).copied().unwrap_or(unjudged)
                && !self.orders.is_withdrawn(&(space, document, order))
                && let Some(checkpoint) = &note.checkpoint
                && (checkpoint.log == header.log
                    || self.has_checkpoint(&document, checkpoint, held)?)
            {
                return Ok(Some(Base { tip: Tip { sequence, id: header.previous }, order }));
            }
        }
        Ok(None)
    }

    /// Says whether a checkpoint's entries are held or admitted, all of them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn has_checkpoint(
        &self,
        document: &DocTag,
        checkpoint: &Checkpoint,
        held: &dyn Held,
    ) -> Result<bool, HeldError> {
        let Checkpoint { log, first, last, entry } = *checkpoint;
        let cut_into = self.base(document, &log).is_some_and(|base| base.tip.sequence >= first);
        Ok(!cut_into && self.has(*document, log, Tip { sequence: last, id: entry }, held)?)
    }

    /// Says whether one of these entries is the last of a checkpoint that an order held or admitted rests on.
    pub(crate) fn ends_checkpoint(&self, entries: &[Entry]) -> bool {
        let Some(header) = entries.first().map(Entry::header) else { return false };
        let mut checkpoints =
            self.orders.of(header.space, header.document).filter_map(|(_, note)| note.checkpoint);
        checkpoints.any(|checkpoint| {
            let last = Tip { sequence: checkpoint.last, id: checkpoint.entry };
            checkpoint.log == header.log && entries.iter().any(|entry| entry.tip() == last)
        })
    }

    /// Lists the logs of a document in which checkpoints stand that orders rest on.
    pub(crate) fn checkpoint_logs(&self, space: &SpaceTag, document: &DocTag) -> BTreeSet<LogKey> {
        let notes = self.orders.of(*space, *document);
        notes.filter_map(|(_, note)| Some(note.checkpoint?.log)).collect()
    }

    /// Notes an admitted entry that is an order which counts and is not known. Of an order beyond those that
    /// count, what it takes back does.
    pub(crate) fn learn_order(
        &mut self,
        entry: &Entry,
        community: CommunityId,
        since_ms: u64,
    ) -> Option<OrderKey> {
        if entry.header().suite != Suite::Prune {
            return None;
        }
        let order = Order::of_entry(entry, community).ok()?;
        let terms = order.terms();
        let (space, document) = (entry.header().space, terms.document);
        let key = (space, document, order.id());
        if self.note(&key).is_some() || self.is_erased(&space, &document) {
            return None;
        }
        let withdraws = self.orders.remembered(&key, &terms.withdraws);
        if withdraws.len() < terms.withdraws.len() {
            self.orders.full.insert((space, document));
        }
        let mut cuts: Vec<ByteArray<32>> = terms.cuts.iter().map(Cut::hash).collect();
        cuts.sort_unstable();
        if !self.orders.has_room(&key) {
            cuts.clear();
        }
        // Of those that do not count one is remembered: elsewhere they may have come before others.
        let is_noted = terms.checkpoint.is_none() || self.orders.has_passed_over(&key);
        if cuts.is_empty() && withdraws.is_empty() && is_noted {
            return None;
        }
        let (log, sequence) = (entry.header().log, entry.header().sequence);
        let (at, checkpoint, done) = (terms.at, terms.checkpoint, false);
        let note = Note { log, sequence, at, since_ms, cuts, checkpoint, withdraws, done };
        self.set_note(key, note);
        Some(key)
    }

    /// Notes what a reader found of an order; says whether that is news.
    pub(crate) fn judge_order(&mut self, key: OrderKey, is_followed: bool) -> bool {
        self.orders.notes.contains_key(&key)
            && self.orders.judged.insert(key, is_followed) != Some(is_followed)
    }

    /// Returns the note of an order.
    pub(crate) fn note(&self, key: &OrderKey) -> Option<&Note> {
        self.orders.notes.get(key)
    }

    /// Writes the note of an order.
    pub(crate) fn set_note(&mut self, key: OrderKey, note: Note) {
        if !note.withdraws.is_empty() {
            let withdrawn = self.orders.withdrawn.entry((key.0, key.1)).or_default();
            withdrawn.extend(&note.withdraws);
        }
        self.orders.notes.insert(key, note);
    }

    /// Forgets the orders about what is erased, and returns which they were.
    pub(super) fn erase_orders(&mut self, erase: &Erase) -> Vec<OrderKey> {
        let key = |byte| (erase.space, DocTag([byte; 32]), PruneId([byte; 32]));
        let found = self.orders.notes.range(key(0)..=key(0xff)).map(|(key, _)| *key);
        let gone: Vec<OrderKey> =
            found.filter(|(space, document, _)| erase.covers(space, document)).collect();
        for key in &gone {
            self.orders.notes.remove(key);
            self.orders.judged.remove(key);
            self.orders.withdrawn.remove(&(key.0, key.1));
            self.orders.full.remove(&(key.0, key.1));
        }
        gone
    }
}
