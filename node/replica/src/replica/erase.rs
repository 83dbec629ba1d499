//! Carrying orders to erase out.
//!
//! ```text
//! order becomes durable ─→ index forgets and refuses, sessions and queue drop ─→ Output::Erase
//!    the shell removes files of blobs ─→ Input::BlobsRemoved
//!    the shell drops keys and views ─→ Input::Erase ─→ with the former, one commit: entries, records, the note
//!    the note is durable ─→ Replica::unconfirmed ─→ the shell signs the confirmation
//! ```
//!
//! A crash leaves either the order without a note, and it is begun again at the next start, or all
//! of it done.

use std::collections::BTreeSet;

use super::api::{Output, Save, Saved};
use super::blobs::removals;
use super::commits::Parcel;
use super::{Replica, World};
use crate::batch::{Erase, Record, Shelf};
use crate::erasure::{Erasures, Order};
use crate::id::{BlobId, DocTag, OrderId, SpaceTag};

/// What the names of notes of orders that were carried out begin with, on the node's own shelf.
const NOTE_KEY: &[u8] = b"erased/";

/// An order that is not carried out yet.
#[derive(Debug)]
pub(crate) struct Erasing {
    pub(super) erase: Erase,
    /// Documents of which something was held.
    gone: BTreeSet<DocTag>,
    /// Blobs of it that were held, whole or in part, and all parts of which nobody knows whose they are.
    pub(super) blobs: BTreeSet<BlobId>,
    /// Those of them whose files are gone.
    removed: BTreeSet<BlobId>,
    /// Whether anything was held, or this node was a member.
    held: bool,
    /// Whether the shell was told.
    told: bool,
    /// The records that go with it, once the shell has said.
    records: Option<Vec<Record>>,
    /// Records of the pruning of what goes.
    pruning: Vec<Record>,
    /// Its commit, once it is asked for.
    save: Option<Save>,
}

fn note(order: OrderId, confirms: bool) -> Record {
    let key = [NOTE_KEY, order.as_bytes()].concat();
    Record { shelf: Shelf::Own, key, value: Some(vec![u8::from(confirms)]) }
}

impl World {
    /// Forgets in memory what an order takes away, and takes nothing of it in from here on.
    pub(crate) fn begin_erasing(&mut self, order: &Order) {
        let erase = order.erase().clone();
        let pruning = self.forget_pruning(&erase);
        let gone = self.index.erase(&erase);
        let mut blobs = self.blobs.erase(&erase);
        let mut held = !gone.is_empty() || !blobs.is_empty();
        blobs.extend(self.blobs.take_orphans());
        for (from, entries) in self.commits.purge(&erase, &gone) {
            held = true;
            if let Some(from) = from {
                self.dropped(&from, &entries);
            }
        }
        if erase.documents.is_none() {
            let space = &erase.space;
            held |= self.wanted.remove(space).is_some();
            held |= self.kept.remove(space);
            self.outboxes.remove(space);
            self.filled.remove(space);
            self.cells.forget(space);
            for agreement in self.agreements.values_mut() {
                agreement.shared.remove(space);
            }
        }
        for agreement in self.agreements.values_mut() {
            agreement.delivered.retain(|document, _| !gone.contains(document));
        }
        let (told, records, save) = (false, None, None);
        let removed = BTreeSet::new();
        let erasing = Erasing { erase, gone, blobs, removed, held, told, records, pruning, save };
        self.erasing.insert(order.id(), erasing);
    }

    /// Takes up the note of an order that was carried out in an earlier run.
    pub(crate) fn restore_note(&mut self, key: &[u8], value: &[u8]) {
        let order = key.strip_prefix(NOTE_KEY).and_then(|order| order.try_into().ok());
        let Some(order) = order.map(OrderId) else { return };
        self.erased.insert(order, value == [1]);
        if self.erasing.get(&order).is_some_and(|erasing| erasing.gone.is_empty()) {
            self.erasing.remove(&order);
        }
    }

    /// Lets a record go with the erasure of what it is about.
    pub(crate) fn goes_with_erasure(
        &mut self,
        space: &SpaceTag,
        document: &DocTag,
        record: Record,
    ) {
        let mut due = self.erasing.values_mut();
        if let Some(erasing) = due.find(|erasing| erasing.erase.covers(space, document)) {
            erasing.pruning.push(record);
        }
    }

    fn confirms(&self, erasing: &Erasing) -> bool {
        erasing.held || self.policy.carrier || self.is_carrier(&self.me)
    }

    /// Asks for the commit that carries an order out.
    fn commit_erasure(&mut self, order: OrderId) {
        let Some(erasing) = self.erasing.get(&order) else { return };
        let Some(records) = &erasing.records else { return };
        if !erasing.blobs.is_subset(&erasing.removed) {
            return;
        }
        let mut records = records.clone();
        records.push(note(order, self.confirms(erasing)));
        records.extend(removals(&erasing.blobs));
        let erase = vec![erasing.erase.clone()];
        self.commits.push_own(Parcel { erase, records, ..Parcel::default() });
        let save = self.commits.last_save();
        if let Some(erasing) = self.erasing.get_mut(&order) {
            erasing.save = Some(save);
        }
    }
}

impl Replica {
    /// Returns the orders to erase that stand, and who has confirmed them.
    #[must_use]
    pub const fn erasures(&self) -> &Erasures {
        &self.world.erasures
    }

    /// Says whether an order was carried out here, durably.
    #[must_use]
    pub fn has_erased(&self, order: &OrderId) -> bool {
        self.world.erased.contains_key(order)
    }

    /// Lists the orders that were carried out here and that this node has yet to confirm: it held
    /// something, it was given the space, or it is a carrier.
    #[must_use]
    pub fn unconfirmed(&self) -> Vec<OrderId> {
        let confirmed = |order: &&OrderId| self.world.erasures.has_confirmed(order, &self.world.me);
        let due = self.world.erased.iter().filter(|(_, confirms)| **confirms);
        due.map(|(order, _)| order).filter(|order| !confirmed(order)).copied().collect()
    }

    /// Begins to carry out the orders that have come.
    pub(super) fn learn_orders(&mut self) {
        for order in self.world.erasures.learn(&self.world.directory) {
            self.world.begin_erasing(&order);
            let Some(erasing) = self.world.erasing.get(&order.id()) else { continue };
            let gone = erasing.gone.clone();
            for session in self.sessions.values_mut() {
                if order.erase().documents.is_none() {
                    session.forget(&order.erase().space);
                }
                session.drop_documents(&mut self.world, &gone);
            }
        }
    }

    /// Tells the shell what is to be erased.
    pub(super) fn tell_erasing(&mut self, outputs: &mut Vec<Output>) {
        for (order, erasing) in self.world.erasing.iter_mut().filter(|(_, erasing)| !erasing.told) {
            erasing.told = true;
            if !erasing.blobs.is_empty() {
                outputs.push(Output::RemoveBlobs { blobs: erasing.blobs.clone() });
            }
            let (erase, gone) = (erasing.erase.clone(), erasing.gone.clone());
            outputs.push(Output::Erase { order: *order, erase, gone });
        }
    }

    /// Takes the shell's records that go with an order, and commits.
    pub(super) fn erase(&mut self, order: OrderId, mut records: Vec<Record>) {
        let Some(erasing) = self.world.erasing.get_mut(&order) else { return };
        if erasing.save.is_none() {
            erasing.held |= !records.is_empty();
            if erasing.erase.documents.is_none() {
                records.extend(self.world.quotas.forget(&erasing.erase.space));
            }
            records.append(&mut erasing.pruning);
            erasing.records = Some(records);
            self.world.commit_erasure(order);
            // There may be room now for what was refused.
            for session in self.sessions.values_mut() {
                session.quota_given_back();
            }
        }
    }

    /// Takes up which files of blobs are gone.
    pub(super) fn blobs_removed(&mut self, blobs: &BTreeSet<BlobId>) {
        let mut orders = Vec::new();
        for (order, erasing) in &mut self.world.erasing {
            erasing.removed.extend(blobs.intersection(&erasing.blobs));
            if erasing.save.is_none() {
                orders.push(*order);
            }
        }
        for order in orders {
            self.world.commit_erasure(order);
        }
    }

    /// Notes which orders a commit has carried out.
    pub(super) fn erased(&mut self, save: Save) {
        let done = |erasing: &Erasing| erasing.save == Some(save);
        let found = self.world.erasing.iter().find(|(_, erasing)| done(erasing));
        let Some(order) = found.map(|(order, _)| *order) else { return };
        if let Some(erasing) = self.world.erasing.remove(&order) {
            let confirms = self.world.confirms(&erasing);
            self.world.erased.insert(order, confirms);
        }
    }

    /// Commits again what could not be stored.
    pub(super) fn retry_erasing(&mut self) {
        let lost = |save| self.world.commits.saved(save) == Saved::Lost;
        let orders = self.world.erasing.iter();
        let orders = orders.filter(|(_, erasing)| erasing.save.is_some_and(lost));
        for order in orders.map(|(order, _)| *order).collect::<Vec<_>>() {
            self.world.commit_erasure(order);
        }
    }

    /// Notes that this node was given a space that is erased: it answers for it like a holder.
    pub(super) fn declined(&mut self, space: &SpaceTag) {
        let of_space =
            |order: &&Order| order.erase().space == *space && order.erase().documents.is_none();
        let orders: Vec<OrderId> =
            self.world.erasures.orders().filter(of_space).map(Order::id).collect();
        let mut records = Vec::new();
        for order in orders {
            if let Some(erasing) = self.world.erasing.get_mut(&order) {
                erasing.held = true;
                records.extend(erasing.save.map(|_| note(order, true)));
            } else if self.world.erased.get(&order) == Some(&false) {
                self.world.erased.insert(order, true);
                records.push(note(order, true));
            }
        }
        if !records.is_empty() {
            self.world.commits.push_own(Parcel { records, ..Parcel::default() });
        }
    }
}
