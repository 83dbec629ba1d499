//! Orders to prune that are held: where each stands, so that it is read when it is needed.

use std::collections::BTreeMap;

use super::Index;
use crate::batch::Erase;
use crate::entry::{Entry, Suite};
use crate::frontier::Tip;
use crate::held::{Held, HeldError};
use crate::id::{CommunityId, DocTag, EntryId, LogKey, PruneId, SpaceTag, Timestamp};
use crate::limits::{BRANCHES_MAX, ENTRY_BYTES_MAX, PRUNE_ORDERS_MAX};
use crate::prune::{Base, Order, document_tag};

/// Space, document, and which of the orders about it.
pub(crate) type OrderKey = (SpaceTag, DocTag, PruneId);

/// What is kept in memory of an order whose signature was checked: about 200 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    /// The log in the prune document that it stands in.
    pub(crate) log: LogKey,
    /// Its place there.
    pub(crate) sequence: u64,
    /// When it was given, by its signer's clock.
    pub(crate) at: Timestamp,
    /// When it came, in milliseconds that this node was awake.
    pub(crate) since_ms: u64,
    /// Whether there is nothing left to do about it here.
    pub(crate) done: bool,
}

/// The orders of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    notes: BTreeMap<OrderKey, Note>,
    /// Those on their way to disk, by the entry they stand in.
    fresh: BTreeMap<EntryId, Order>,
}

impl Orders {
    pub(super) fn persisted(&mut self, entry: &EntryId) {
        self.fresh.remove(entry);
    }

    pub(super) fn failed(&mut self, entry: &EntryId) {
        if let Some(order) = self.fresh.remove(entry) {
            let terms = order.terms();
            self.notes.remove(&(terms.tag(), terms.document, order.id()));
        }
    }

    fn of(&self, space: SpaceTag, document: DocTag) -> impl Iterator<Item = (PruneId, Note)> {
        let key = |order| (space, document, PruneId(order));
        let range = key([0; 32])..=key([0xff; 32]);
        self.notes.range(range).map(|((.., order), note)| (*order, *note))
    }
}

impl Index {
    /// Lists the orders to prune a document that are held or admitted.
    pub fn orders(&self, space: &SpaceTag, document: &DocTag) -> impl Iterator<Item = PruneId> {
        self.orders.of(*space, *document).map(|(order, _)| order)
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
        if let Some(order) = self.orders.fresh.values().find(|fresh| fresh.id() == *order) {
            return Ok(Some(order.clone()));
        }
        let Some(note) = self.note(&(*space, *document, *order)) else { return Ok(None) };
        let stands_in = document_tag(space);
        let forked = self.tips(&stands_in, &note.log).len() > 1;
        let bytes_max = if forked { BRANCHES_MAX * ENTRY_BYTES_MAX } else { 1 };
        let found = held.entries(stands_in, note.log, note.sequence - 1, bytes_max)?;
        let mut orders = found.iter().filter_map(Order::again);
        Ok(orders.find(|found| found.id() == *order))
    }

    /// Returns the base that an order held or admitted gives to a log which it cuts at `entry`.
    pub(crate) fn cut_at(&self, entry: &Entry, held: &dyn Held) -> Result<Option<Base>, HeldError> {
        let header = entry.header();
        for (id, _) in self.orders.of(header.space, header.document) {
            let order = self.order(&header.space, &header.document, &id, held)?;
            let cut = order.as_ref().and_then(|order| order.terms().cut(&header.log));
            if header.sequence > 1 && cut.is_some_and(|cut| cut.tip() == entry.tip()) {
                let tip = Tip { sequence: header.sequence - 1, id: header.previous };
                return Ok(Some(Base { tip, order: id }));
            }
        }
        Ok(None)
    }

    /// Notes an admitted entry that is an order which counts and is not known.
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
        let (space, document) = (entry.header().space, order.terms().document);
        let key = (space, document, order.id());
        let full = self.orders.of(space, document).count() >= PRUNE_ORDERS_MAX;
        if full || self.note(&key).is_some() || self.is_erased(&space, &document) {
            return None;
        }
        let (log, sequence) = (entry.header().log, entry.header().sequence);
        let at = order.terms().at;
        self.set_note(key, Note { log, sequence, at, since_ms, done: false });
        self.orders.fresh.insert(entry.id(), order);
        Some(key)
    }

    /// Returns the note of an order.
    pub(crate) fn note(&self, key: &OrderKey) -> Option<Note> {
        self.orders.notes.get(key).copied()
    }

    /// Writes the note of an order.
    pub(crate) fn set_note(&mut self, key: OrderKey, note: Note) {
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
        }
        gone
    }
}
