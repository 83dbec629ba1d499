//! The two lanes of batches on their way to the writers.
//!
//! Every batch gets a number when it is submitted; the order of the numbers is the order in which
//! batches take effect. A lane is bounded in bytes: a submitter waits while it is full.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linli_replica::batch::Batch;

use crate::error::StoreError;
use crate::limits::{
    GATHER_MS, QUEUE_BYTES_MAX, SETTLE_AT_BATCHES, SETTLE_AT_BYTES, SETTLE_IDLE_MS,
    TRANSACTION_BYTES_MAX, TRANSACTION_ENTRIES_MAX, URGENT_QUEUE_BYTES_MAX,
};
use crate::unsettled::{Numbered, Unsettled, batch_bytes};

/// What is told about a batch once it is durable, or refused.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) batch: Arc<Batch>,
    pub(crate) done: Done,
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneName {
    Normal,
    Urgent,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Job>,
    running: Vec<Numbered>,
    bytes: usize,
    closed: bool,
}

struct State {
    next: u64,
    normal: Lane,
    urgent: Lane,
    /// Urgent batches are unsettled.
    unsettled: bool,
    /// They are to be settled without waiting for idle time.
    settle: bool,
}

/// Both lanes, shared by submitters and writers.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue(..)")
    }
}

impl State {
    const fn lane(&mut self, name: LaneName) -> &mut Lane {
        match name {
            LaneName::Normal => &mut self.normal,
            LaneName::Urgent => &mut self.urgent,
        }
    }
}

impl Lane {
    fn bytes_max(name: LaneName) -> usize {
        match name {
            LaneName::Normal => QUEUE_BYTES_MAX,
            LaneName::Urgent => URGENT_QUEUE_BYTES_MAX,
        }
    }

    /// Says whether a batch below `number` is not yet answered.
    fn owes_before(&self, number: u64) -> bool {
        let first = self.running.first().map(|(n, _)| *n);
        first.or_else(|| self.waiting.front().map(|job| job.number)).is_some_and(|n| n < number)
    }

    /// Says for how long more may come before what waits is written.
    fn gathers(&self) -> Option<Duration> {
        let (mut entries, mut bytes) = (0, 0);
        for job in &self.waiting {
            entries += job.batch.entries.len() + job.batch.records.len();
            bytes += batch_bytes(&job.batch);
        }
        let full = entries >= TRANSACTION_ENTRIES_MAX || bytes >= TRANSACTION_BYTES_MAX;
        if full || self.closed || self.waiting.iter().any(|job| !job.batch.relaxed) {
            return None;
        }
        let since = self.waiting.front()?.since.elapsed();
        Duration::from_millis(GATHER_MS).checked_sub(since).filter(|rest| !rest.is_zero())
    }

    /// Moves jobs from waiting to running until a transaction is full.
    fn start(&mut self) -> Vec<Job> {
        let (mut jobs, mut entries, mut bytes) = (Vec::new(), 0, 0);
        while entries < TRANSACTION_ENTRIES_MAX && bytes < TRANSACTION_BYTES_MAX {
            let Some(next) = self.waiting.front() else { break };
            entries += next.batch.entries.len() + next.batch.records.len();
            bytes += batch_bytes(&next.batch);
            // A batch may exceed the cap alone, never in company: it is atomic.
            if !jobs.is_empty() && entries > TRANSACTION_ENTRIES_MAX {
                break;
            }
            let Some(job) = self.waiting.pop_front() else { break };
            self.running.push((job.number, Arc::clone(&job.batch)));
            jobs.push(job);
        }
        jobs
    }
}

impl Queue {
    pub(crate) fn new(next: u64, unsettled: bool) -> Self {
        let (normal, urgent) = (Lane::default(), Lane::default());
        let state = Mutex::new(State { next, normal, urgent, unsettled, settle: unsettled });
        Self { state, changed: Condvar::new() }
    }

    /// Numbers a batch and queues it, waiting while its lane is full.
    pub(crate) fn submit(&self, batch: Batch, done: Done) {
        // What removes goes to the main file, after everything before it.
        let urgent = batch.urgent && batch.erase.is_empty();
        let name = if urgent { LaneName::Urgent } else { LaneName::Normal };
        let bytes = batch_bytes(&batch);
        let full = |state: &mut State| {
            let lane = state.lane(name);
            !lane.closed && lane.bytes > 0 && lane.bytes + bytes > Lane::bytes_max(name)
        };
        let mut state =
            self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        let number = state.next;
        let lane = state.lane(name);
        if lane.closed {
            drop(state);
            return done(Err(StoreError::Closed));
        }
        lane.bytes += bytes;
        lane.waiting.push_back(Job { number, batch: Arc::new(batch), done, since: Instant::now() });
        state.next = number.saturating_add(1);
        self.changed.notify_all();
    }

    /// Waits for normal batches to commit together, and for every urgent batch submitted before
    /// them. An empty group asks to settle urgent batches; none means the lane is closed and empty.
    /// The number is that of the first batch that still waits, or the next: urgent ones from there on are to be
    /// settled after it.
    pub(crate) fn next_normal(&self) -> Option<(Vec<Job>, u64)> {
        let idle = Duration::from_millis(SETTLE_IDLE_MS);
        let mut state = self.lock();
        loop {
            if !state.normal.waiting.is_empty() {
                let Some(rest) = state.normal.gathers() else { break };
                let waited = self.changed.wait_timeout(state, rest);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if std::mem::take(&mut state.settle) {
                return Some((Vec::new(), state.next));
            }
            if state.normal.closed {
                return None;
            }
            if state.unsettled {
                let (guard, waited) =
                    self.changed.wait_timeout(state, idle).unwrap_or_else(PoisonError::into_inner);
                state = guard;
                if waited.timed_out() && state.normal.waiting.is_empty() && state.unsettled {
                    return Some((Vec::new(), state.next));
                }
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        let jobs = state.normal.start();
        let last = jobs.last().map_or(0, |job| job.number);
        let state = self
            .changed
            .wait_while(state, |state| state.urgent.owes_before(last))
            .unwrap_or_else(PoisonError::into_inner);
        let bound = state.normal.waiting.front().map_or(state.next, |job| job.number);
        drop(state);
        Some((jobs, bound))
    }

    /// Waits for urgent batches. Returns them with the normal batches that are not yet durable;
    /// none when the lane is closed and empty.
    pub(crate) fn next_urgent(&self) -> Option<(Vec<Job>, Vec<Numbered>)> {
        let idle = |state: &mut State| state.urgent.waiting.is_empty() && !state.urgent.closed;
        let mut state =
            self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let jobs = state.urgent.start();
        if jobs.is_empty() {
            return None;
        }
        let waiting = state.normal.waiting.iter().map(|job| (job.number, Arc::clone(&job.batch)));
        let pending = state.normal.running.iter().cloned().chain(waiting).collect();
        Some((jobs, pending))
    }

    /// Forgets the batches a writer had taken and makes room. `unsettled` counts the urgent batches
    /// left to settle, and is called with the queue held so that no count overtakes another.
    pub(crate) fn finish(&self, name: LaneName, unsettled: impl FnOnce() -> Arc<Unsettled>) {
        let mut state = self.lock();
        let unsettled = unsettled();
        let (count, bytes_apart) = (unsettled.batches.len(), unsettled.bytes);
        let lane = state.lane(name);
        let bytes: usize =
            std::mem::take(&mut lane.running).iter().map(|(_, batch)| batch_bytes(batch)).sum();
        lane.bytes = lane.bytes.saturating_sub(bytes);
        state.unsettled = count > 0;
        let many = count >= SETTLE_AT_BATCHES || bytes_apart >= SETTLE_AT_BYTES;
        state.settle |= many && name == LaneName::Urgent;
        self.changed.notify_all();
    }

    /// Takes no further batch in a lane; what waits in it is still written.
    pub(crate) fn close(&self, name: LaneName) {
        let mut state = self.lock();
        state.lane(name).closed = true;
        state.settle |= state.unsettled;
        self.changed.notify_all();
    }

    /// Closes a lane whose writer has stopped, and answers what waits in it.
    pub(crate) fn abandon(&self, name: LaneName) {
        let mut state = self.lock();
        let lane = state.lane(name);
        lane.closed = true;
        lane.running.clear();
        lane.bytes = 0;
        let waiting = std::mem::take(&mut lane.waiting);
        self.changed.notify_all();
        drop(state);
        for job in waiting {
            (job.done)(Err(StoreError::Closed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use linli_replica::batch::{Record, Shelf};

    use super::*;

    fn asks_to_settle(batches: usize, bytes: usize) -> bool {
        let queue = Queue::new(1, false);
        let batches = (0..batches).map(|_| (1, Arc::default())).collect();
        queue.finish(LaneName::Urgent, || Arc::new(Unsettled { batches, bytes }));
        queue.lock().settle
    }

    fn waits(relaxed: &[bool], close: bool) -> bool {
        let queue = Queue::new(1, false);
        for relaxed in relaxed {
            queue.submit(Batch { relaxed: *relaxed, ..Batch::default() }, Box::new(drop));
        }
        if close {
            queue.close(LaneName::Normal);
        }
        queue.lock().normal.gathers().is_some()
    }

    #[test]
    fn only_what_nobody_waits_for_is_held_back() {
        assert!(waits(&[true, true], false));
        assert!(!waits(&[true, false], false), "somebody waits for the second");
        assert!(!waits(&[true], true), "nothing more comes");
        assert!(!waits(&[], false));
    }

    #[test]
    fn what_was_held_back_is_given_out_once_the_time_is_over() {
        let queue = Queue::new(1, false);
        queue.submit(Batch { relaxed: true, ..Batch::default() }, Box::new(drop));
        assert_eq!(queue.next_normal().map(|(jobs, _)| jobs.len()), Some(1));
    }

    #[test]
    fn urgent_batches_wait_for_what_was_submitted_before_them() {
        let queue = Queue::new(1, false);
        let record = |number: usize| Record {
            shelf: Shelf::Own,
            key: number.to_be_bytes().to_vec(),
            value: None,
        };
        let records: Vec<Record> = (0..TRANSACTION_ENTRIES_MAX).map(record).collect();
        for (records, urgent) in [(records, false), (Vec::new(), false), (Vec::new(), true)] {
            queue.submit(Batch { records, urgent, ..Batch::default() }, Box::new(drop));
        }
        let next = || {
            let (jobs, bound) = queue.next_normal().unwrap();
            queue.finish(LaneName::Normal, Arc::default);
            (jobs.iter().map(|job| job.number).collect::<Vec<_>>(), bound)
        };
        assert_eq!(next(), (vec![1], 2), "the second still waits");
        assert_eq!(next(), (vec![2], 4));
    }

    #[test]
    fn urgent_batches_are_settled_when_they_are_many_or_large() {
        assert!(!asks_to_settle(SETTLE_AT_BATCHES - 1, SETTLE_AT_BYTES - 1));
        assert!(asks_to_settle(SETTLE_AT_BATCHES, 0));
        assert!(
            asks_to_settle(1, SETTLE_AT_BYTES),
            "large ones use their room up before they are many"
        );
    }
}
