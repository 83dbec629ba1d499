//! What carriers dropped, read from their disks batch by batch, and held against what they were ordered.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::batch::{Batch, LogBase};
use linli_replica::entry::{Entry, Suite, Urgency};
use linli_replica::held::Held as _;
use linli_replica::id::{DocTag, EntryId, NodeId, PruneId};
use linli_replica::limits::PRUNE_DELAY_MS;
use linli_replica::prune::{Checkpoint, Order, Terms};

use super::town::Town;
use super::{Checked, broken};

/// Between two ticks an hour counts at most, so that a delay of 90 days takes so many: less a day, for what a step notes
/// when it is over.
const DELAY_TICKS: u64 = 89 * 24;

/// How far two clocks may be apart.
const CLOCKS_MS: u64 = 101 * 3_600_000;

const ORDERED: &str = "only what was ordered went";
const STANDS: &str = "what was pruned is stood for";
const URGENT: &str = "urgent logs stay whole";

/// What one disk shows of orders to prune.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Batches that were read.
    read: usize,
    /// Orders, with the ticks at which they were durable.
    orders: BTreeMap<PruneId, (Terms, u64)>,
    withdrawn: BTreeSet<(DocTag, PruneId)>,
    held: BTreeSet<EntryId>,
}

impl Book {
    /// Lists the entries that ever became durable.
    pub(super) const fn held(&self) -> &BTreeSet<EntryId> {
        &self.held
    }

    /// Returns the checkpoint on which an order rests.
    fn checkpoint(&self, order: &PruneId) -> Option<Checkpoint> {
        self.orders.get(order)?.0.checkpoint
    }
}

impl Town {
    /// Reads what became durable at nodes since.
    pub(super) fn read_books(&mut self, ids: &[NodeId]) -> Checked {
        for id in ids {
            let mut book = self.ledger.books.remove(id).unwrap_or_default();
            let read = self.read_on(*id, &mut book);
            self.ledger.books.insert(*id, book);
            read?;
        }
        Ok(())
    }

    /// Reads a disk from the beginning that was put back to an earlier state. What is still there came when it came.
    pub(super) fn read_again(&mut self, id: NodeId) {
        let before = self.ledger.books.remove(&id).unwrap_or_default();
        let mut book = Book::default();
        self.learn_orders(id, &mut book);
        for (order, (_, since)) in &mut book.orders {
            *since = before.orders.get(order).map_or(*since, |(_, since)| *since);
        }
        book.read = self.net.node(id).disk.history().len();
        self.ledger.books.insert(id, book);
    }

    fn learn_orders(&self, id: NodeId, book: &mut Book) {
        let node = self.net.node(id);
        for entry in node.disk.history().iter().flat_map(|batch| &batch.entries) {
            self.learn_order(id, book, entry);
        }
    }

    fn learn_order(&self, id: NodeId, book: &mut Book, entry: &Entry) {
        let node = self.net.node(id);
        book.held.insert(entry.id());
        if entry.header().suite != Suite::Prune {
            return;
        }
        if let Ok(order) = Order::of_entry(entry, node.replica.directory().community()) {
            let terms = order.terms();
            book.withdrawn.extend(terms.withdraws.iter().map(|of| (terms.document, *of)));
            book.orders.entry(order.id()).or_insert((terms.clone(), node.ticks));
        }
    }

    fn read_on(&mut self, id: NodeId, book: &mut Book) -> Checked {
        let history = self.net.node(id).disk.history();
        let batches: Vec<Batch> = history.iter().skip(book.read).cloned().collect();
        book.read += batches.len();
        for batch in batches {
            for entry in &batch.entries {
                self.learn_order(id, book, entry);
            }
            for base in &batch.bases {
                self.counts.reach("logs begun late", 1);
                self.check_begun(id, book, base, false)?;
            }
            for base in &batch.prune {
                self.counts.reach("logs pruned", 1);
                self.check_begun(id, book, base, true)?;
            }
        }
        Ok(())
    }

    /// A log begins late only where an order cuts it that is due, is not taken back and rests on a checkpoint; it is pruned
    /// only at carriers, after the delay, with the checkpoint at hand, and where nothing in it is urgent.
    fn check_begun(&mut self, id: NodeId, book: &Book, base: &LogBase, pruned: bool) -> Checked {
        let node = self.net.node(id);
        let clock = node.clock(self.net.now);
        let allows = |(order, (terms, since)): (&PruneId, &(Terms, u64))| {
            let cut = terms.cut(&base.log).filter(|_| terms.document == base.document);
            let rests = terms.checkpoint.is_some_and(|of| book.held.contains(&of.entry));
            cut.is_some_and(|cut| cut.sequence == base.tip.sequence + 1)
                && !book.withdrawn.contains(&(terms.document, *order))
                && clock.plus_ms(CLOCKS_MS) >= terms.at.plus_ms(PRUNE_DELAY_MS)
                && (!pruned || (rests && node.ticks >= since + DELAY_TICKS))
        };
        let allowed = book.orders.iter().any(allows) && (!pruned || self.carriers.contains(&id));
        self.counts.check(ORDERED, 1);
        if !allowed {
            let how = if pruned { "dropped" } else { "began behind" };
            let ticks = book.orders.values().map(|(_, since)| node.ticks - since).max();
            let what = format!("{id:?} {how} {base:?}, awake for {ticks:?} hours at most");
            return broken(ORDERED, what);
        }
        let urgent = self.facts.values().find(|fact| {
            let header = fact.entry.header();
            (header.log, header.document) == (base.log, base.document)
                && header.urgency == Urgency::Urgent
        });
        match urgent {
            None => Ok(()),
            Some(fact) => {
                broken(URGENT, format!("{id:?} dropped what is before {:?}", fact.entry.id()))
            }
        }
    }

    /// What carriers dropped is stood for by checkpoints that they hold whole, and alerts begin at their beginning.
    pub(super) fn check_carried(&mut self) -> Checked {
        let (mut bases, mut urgent) = (0, 0);
        for id in self.carriers.clone() {
            let node = self.net.node(id);
            let (index, Some(book)) = (node.replica.index(), self.ledger.books.get(&id)) else {
                continue;
            };
            let documents: BTreeSet<DocTag> = self.space_of.keys().copied().collect();
            for document in documents {
                for (log, base) in index.bases(&document) {
                    bases += 1;
                    let stands = book.checkpoint(&base.order).filter(|of| {
                        let held = node.disk.store.entries(document, of.log, of.first - 1, 1 << 30);
                        let held = held.unwrap_or_default();
                        let part = |at| held.iter().any(|entry| entry.header().sequence == at);
                        held.iter().any(|entry| entry.id() == of.entry)
                            && (of.first..=of.last).all(part)
                    });
                    if stands.is_none() && !node.disk.is_busy() {
                        let what = format!("nothing stands at {id:?} for what {log:?} began with");
                        return broken(STANDS, what);
                    }
                }
            }
            for fact in self.facts.values() {
                let header = fact.entry.header();
                let held = index.frontier(&header.document);
                if header.urgency != Urgency::Urgent
                    || held.is_none_or(|held| !held.0.contains_key(&header.log))
                {
                    continue;
                }
                urgent += 1;
                if index.base(&header.document, &header.log).is_some() {
                    return broken(URGENT, format!("{id:?} dropped some of {:?}", header.log));
                }
            }
        }
        self.counts.check(STANDS, bases);
        self.counts.check(URGENT, urgent);
        Ok(())
    }
}
