//! A modelled disk: commits end late, in order but for urgent ones, or fail; a power cut loses what
//! has not ended.

use std::collections::{BTreeMap, VecDeque};

use linli_replica::batch::{Batch, Shelf};
use linli_replica::index::Index;
use linli_replica::replica::Ticket;
use linli_store::MemoryStore;

/// What is durable, and what is on its way.
#[derive(Debug, Default)]
pub struct Disk {
    /// What is durable.
    pub store: MemoryStore,
    /// Every batch that became durable, in order.
    history: Vec<Batch>,
    waiting: VecDeque<(Ticket, u64, Batch)>,
    submitted: u64,
    /// The submission that last wrote a record: batches take effect in the order of submission.
    written: BTreeMap<(Shelf, Vec<u8>), u64>,
    /// Whether there is room for nothing but what is urgent.
    pub full: bool,
    /// Whether a commit seldom ends.
    pub slow: bool,
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is durable.
    Durable(Ticket),
    /// Nothing of it is.
    Failed(Ticket),
}

impl Disk {
    /// Takes a batch; it becomes durable later.
    pub fn submit(&mut self, ticket: Ticket, batch: Batch) {
        self.submitted += 1;
        self.waiting.push_back((ticket, self.submitted, batch));
    }

    /// Says whether a commit is on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Counts the batches that have become durable.
    #[must_use]
    pub const fn commits(&self) -> usize {
        self.history.len()
    }

    /// Ends the commit that came first, or by `chance` an urgent one ahead of it.
    ///
    /// # Panics
    /// The batch breaks a rule of the store: the replica never makes such a one.
    pub fn end_one(&mut self, chance: usize, fails: bool) -> Option<Answer> {
        let urgent = self.waiting.iter().position(|(_, _, batch)| batch.urgent);
        let at = urgent.filter(|at| chance.is_multiple_of(2) || *at == 0).unwrap_or(0);
        let (ticket, number, batch) = self.waiting.remove(at)?;
        if fails || (self.full && !batch.urgent) {
            return Some(Answer::Failed(ticket));
        }
        self.write(number, batch);
        Some(Answer::Durable(ticket))
    }

    fn write(&mut self, number: u64, mut batch: Batch) {
        batch.records.retain(|record| {
            let last = self.written.entry((record.shelf, record.key.clone())).or_default();
            let newer = *last <= number;
            *last = number.max(*last);
            newer
        });
        self.history.push(batch.clone());
        self.store.commit(batch).expect("a batch that continues what is held");
    }

    /// Writes a batch at once: what a node is set up with.
    pub fn set_up(&mut self, batch: Batch) {
        self.write(0, batch);
    }

    /// Forgets what was on its way.
    pub fn power_fails(&mut self) {
        self.waiting.clear();
    }

    /// Makes what came first of what is on its way durable, and forgets the rest: the power fails before the
    /// answer.
    pub fn power_fails_after(&mut self, commits: usize) {
        for _ in 0..commits {
            if self.full || self.end_one(1, false).is_none() {
                break;
            }
        }
        self.power_fails();
    }

    /// Returns the ticket of an urgent commit that is on its way.
    #[must_use]
    pub fn urgent_under_way(&self) -> Option<Ticket> {
        self.waiting.iter().find(|(_, _, batch)| batch.urgent).map(|(ticket, ..)| *ticket)
    }

    /// Goes back to the state after the first `commits` batches.
    ///
    /// # Panics
    /// Never: the batches were committed in this order before.
    pub fn restore(&mut self, commits: usize) {
        let history: Vec<Batch> = self.history.drain(..).take(commits).collect();
        *self = Self { submitted: self.submitted, ..Self::default() };
        for batch in history {
            self.write(0, batch);
        }
    }

    /// Lists every batch that became durable, in order.
    #[must_use]
    pub fn history(&self) -> &[Batch] {
        &self.history
    }

    /// Returns the index of what is durable.
    #[must_use]
    pub fn index(&self) -> Index {
        Index::load(self.store.branches())
    }

    /// Returns everything that is durable, as bytes.
    #[must_use]
    pub fn image(&self) -> Vec<Vec<u8>> {
        let entries = self.history.iter().flat_map(|batch| &batch.entries).map(|e| e.encode());
        let certificates =
            self.history.iter().flat_map(|batch| &batch.certificates).map(|c| c.encode());
        let records = self.history.iter().flat_map(|batch| &batch.records);
        let records = records.flat_map(|record| {
            [Some(record.key.clone()), record.value.clone()].into_iter().flatten()
        });
        entries.chain(certificates).chain(records).collect()
    }
}
