//! What is on its way to disk, and what waits to go.
//!
//! A log is in one commit at a time, so that a failed commit never leaves a hole in a chain. Urgent
//! and local parcels go at once; what peers send gathers while earlier commits run, so that batches
//! grow with the load.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::api::Ticket;
use crate::batch::{Batch, Record};
use crate::certificate::Certificate;
use crate::entry::Entry;
use crate::id::{DocTag, LogKey, NodeId};
use crate::limits::{COMMIT_ENTRIES_MAX, COMMITS_IN_FLIGHT_MAX};

/// What arrived or was made together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parcel {
    /// Who sent it; none for this node's own.
    pub(crate) from: Option<NodeId>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) records: Vec<Record>,
    pub(crate) urgent: bool,
    /// Whether it was just made, rather than fetched from what a peer has long held.
    pub(crate) live: bool,
}

/// One commit that the shell was asked for.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) parcels: Vec<Parcel>,
    kind: Kind,
}

/// Parcels of one kind share a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Urgent,
    Local,
    Remote,
}

#[derive(Debug, Default)]
pub(crate) struct Commits {
    last: u64,
    flights: BTreeMap<Ticket, Flight>,
    /// The logs in them.
    flying: Logs,
    /// How many of them are of what peers sent.
    remote: usize,
    waiting: VecDeque<Parcel>,
    /// How many of those that wait are urgent or local.
    prompt: usize,
    bytes: BTreeMap<NodeId, usize>,
}

type Logs = BTreeSet<(DocTag, LogKey)>;

impl Parcel {
    fn logs(&self) -> impl Iterator<Item = (DocTag, LogKey)> {
        self.entries.iter().map(|entry| (entry.header().document, entry.header().log))
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::size_bytes).sum()
    }

    const fn kind(&self) -> Kind {
        match (self.urgent, self.from) {
            (true, _) => Kind::Urgent,
            (false, None) => Kind::Local,
            (false, Some(_)) => Kind::Remote,
        }
    }
}

impl Commits {
    pub(crate) fn push(&mut self, parcel: Parcel) {
        if let Some(from) = parcel.from {
            *self.bytes.entry(from).or_default() += parcel.bytes();
        }
        self.prompt += usize::from(parcel.kind() != Kind::Remote);
        self.waiting.push_back(parcel);
    }

    /// Bytes of one peer that are not yet durable.
    pub(crate) fn bytes_of(&self, peer: &NodeId) -> usize {
        self.bytes.get(peer).copied().unwrap_or_default()
    }

    /// Says whether something of one peer is not yet durable.
    pub(crate) fn is_clear_of(&self, peer: &NodeId) -> bool {
        let all = self.flights.values().flat_map(|flight| &flight.parcels).chain(&self.waiting);
        !all.into_iter().any(|parcel| parcel.from == Some(*peer))
    }

    /// The batches that may go to the shell, the urgent first.
    pub(crate) fn due(&mut self) -> Vec<(Ticket, Batch)> {
        let remote_waits = self.remote >= COMMITS_IN_FLIGHT_MAX;
        if self.waiting.is_empty() || (remote_waits && self.prompt == 0) {
            return Vec::new();
        }
        self.promote();
        let mut taken = self.take(remote_waits);
        self.prompt = self.waiting.iter().filter(|p| p.kind() != Kind::Remote).count();
        let mut batches = Vec::new();
        for kind in [Kind::Urgent, Kind::Local, Kind::Remote] {
            if let Some(parcels) = taken.remove(&kind) {
                batches.push(self.depart(kind, parcels));
            }
        }
        batches
    }

    /// Takes what may go out of the queue. What continues a log that is under way stays, so does
    /// what continues a log taken into another commit.
    fn take(&mut self, remote_waits: bool) -> BTreeMap<Kind, Vec<Parcel>> {
        // What was met so far: taken for a commit of some kind, or waiting.
        let mut logs: BTreeMap<(DocTag, LogKey), Option<Kind>> = BTreeMap::new();
        let mut taken: BTreeMap<Kind, Vec<Parcel>> = BTreeMap::new();
        let mut remote_entries = 0;
        for parcel in std::mem::take(&mut self.waiting) {
            let kind = parcel.kind();
            let full = remote_waits || remote_entries >= COMMIT_ENTRIES_MAX;
            let blocked = |log| {
                self.flying.contains(&log)
                    || logs.get(&log).is_some_and(|taken| *taken != Some(kind))
            };
            let waits = parcel.logs().any(blocked) || (kind == Kind::Remote && full);
            logs.extend(parcel.logs().map(|log| (log, (!waits).then_some(kind))));
            if waits {
                self.waiting.push_back(parcel);
                continue;
            }
            if kind == Kind::Remote {
                remote_entries += parcel.entries.len();
            }
            taken.entry(kind).or_default().push(parcel);
        }
        taken
    }

    /// What an urgent parcel continues becomes urgent with it.
    fn promote(&mut self) {
        let mut urgent = Logs::new();
        for parcel in self.waiting.iter_mut().rev() {
            let needed = parcel.logs().any(|log| urgent.contains(&log));
            parcel.urgent |= needed;
            if parcel.urgent {
                urgent.extend(parcel.logs());
            }
        }
    }

    fn depart(&mut self, kind: Kind, parcels: Vec<Parcel>) -> (Ticket, Batch) {
        self.last += 1;
        let ticket = Ticket(self.last);
        let mut batch = Batch { urgent: kind == Kind::Urgent, ..Batch::default() };
        for parcel in &parcels {
            batch.entries.extend(parcel.entries.iter().cloned());
            batch.certificates.extend(parcel.certificates.iter().cloned());
            batch.records.extend(parcel.records.iter().cloned());
        }
        self.flying.extend(parcels.iter().flat_map(Parcel::logs));
        self.remote += usize::from(kind == Kind::Remote);
        self.flights.insert(ticket, Flight { parcels, kind });
        (ticket, batch)
    }

    /// The parcels of a commit that became durable.
    pub(crate) fn persisted(&mut self, ticket: Ticket) -> Vec<Parcel> {
        let parcels = self.land(ticket);
        self.account(&parcels);
        parcels
    }

    /// The parcels of a commit that failed, and those that continue them.
    pub(crate) fn failed(&mut self, ticket: Ticket) -> Vec<Parcel> {
        let mut lost = self.land(ticket);
        let mut logs: Logs = lost.iter().flat_map(Parcel::logs).collect();
        for parcel in std::mem::take(&mut self.waiting) {
            if parcel.logs().any(|log| logs.contains(&log)) {
                logs.extend(parcel.logs());
                lost.push(parcel);
            } else {
                self.waiting.push_back(parcel);
            }
        }
        self.account(&lost);
        lost
    }

    fn land(&mut self, ticket: Ticket) -> Vec<Parcel> {
        let Some(flight) = self.flights.remove(&ticket) else { return Vec::new() };
        for log in flight.parcels.iter().flat_map(Parcel::logs) {
            self.flying.remove(&log);
        }
        self.remote -= usize::from(flight.kind == Kind::Remote);
        flight.parcels
    }

    fn account(&mut self, done: &[Parcel]) {
        for parcel in done {
            let Some(from) = parcel.from else { continue };
            if let Some(bytes) = self.bytes.get_mut(&from) {
                *bytes = bytes.saturating_sub(parcel.bytes());
                if *bytes == 0 {
                    self.bytes.remove(&from);
                }
            }
        }
    }

    /// This node's own entries in a commit that is still under way.
    pub(crate) fn own(&self, ticket: Ticket) -> impl Iterator<Item = &Entry> {
        let parcels = self.flights.get(&ticket).map_or(&[][..], |flight| &flight.parcels);
        parcels.iter().filter(|parcel| parcel.from.is_none()).flat_map(|parcel| &parcel.entries)
    }
}
