//! What is on its way to disk, and what waits to go.
//!
//! A log is in one commit at a time, so that a failed commit never leaves a hole in a chain. Urgent
//! and local parcels go at once; what peers send gathers while earlier commits run, so that batches
//! grow with the load. Local parcels become durable in the order in which they were made, for a later
//! one may need what an earlier one keeps: the key of a space that it writes to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::api::{Save, Saved, Ticket};
use super::{prune, quota};
use crate::batch::{Batch, Erase, LogBase, Record, Shelf};
use crate::certificate::Certificate;
use crate::entry::Entry;
use crate::id::{BlobId, DocTag, LogKey, NodeId, SpaceTag};
use crate::limits::{
    COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX, COMMITS_IN_FLIGHT_BYTES_MAX, COMMITS_IN_FLIGHT_MAX,
};
use crate::prune::document_tag;

/// What arrived or was made together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parcel {
    /// Who sent it; none for this node's own.
    pub(crate) from: Option<NodeId>,
    /// What this node's own parcel is called; none for a peer's.
    pub(crate) save: Option<Save>,
    /// Where logs of the entries begin that continue nothing held.
    pub(crate) bases: Vec<LogBase>,
    pub(crate) entries: Vec<Entry>,
    /// Bytes of the entries, once it is queued.
    pub(crate) bytes: usize,
    pub(crate) certificates: Vec<Certificate>,
    /// What is removed. Only in this node's own parcels, which are not urgent.
    pub(crate) erase: Vec<Erase>,
    /// What is removed of logs. Only in this node's own parcels, which are not urgent.
    pub(crate) prune: Vec<LogBase>,
    pub(crate) records: Vec<Record>,
    /// Blobs that the records make held.
    pub(crate) blobs: Vec<BlobId>,
    pub(crate) urgent: bool,
    /// Whether nobody waits for it: a copy of what a peer has long held, or what follows from one.
    pub(crate) relaxed: bool,
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
    /// How many of them are of what peers sent, and their bytes.
    remote: usize,
    remote_bytes: usize,
    waiting: VecDeque<Parcel>,
    /// How many of those that wait are urgent or local.
    prompt: usize,
    bytes: BTreeMap<NodeId, usize>,
    /// How many parcels of this node's own there were.
    own: u64,
    /// Those that are not durable yet, with their commit once it is under way.
    unsaved: BTreeMap<Save, Option<Ticket>>,
    /// The latest that were lost.
    lost: BTreeSet<Save>,
}

/// Lost parcels that are remembered until somebody asks.
const LOST_MAX: usize = 1_024;

type Logs = BTreeSet<(DocTag, LogKey)>;

impl Parcel {
    /// Lists the logs of the entries, each at least once.
    fn logs(&self) -> impl Iterator<Item = (DocTag, LogKey)> {
        let logs = self.entries.iter().map(|entry| (entry.header().document, entry.header().log));
        // Entries of one log mostly follow each other.
        let mut last = None;
        logs.filter(move |log| last.replace(*log) != Some(*log))
    }

    /// Lists the documents in which stands what a log rests on that it begins late: the checkpoint and the order.
    fn rests_on(&self) -> impl Iterator<Item = DocTag> {
        self.bases.iter().flat_map(|base| [base.document, document_tag(&base.space)])
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
    pub(crate) fn push(&mut self, mut parcel: Parcel) {
        parcel.bytes = parcel.entries.iter().map(Entry::size_bytes).sum();
        if let Some(from) = parcel.from {
            *self.bytes.entry(from).or_default() += parcel.bytes;
        }
        self.prompt += usize::from(parcel.kind() != Kind::Remote);
        self.waiting.push_back(parcel);
    }

    /// Takes what is erased out of the parcels that wait; returns it with who sent it. What is under
    /// way reaches the store before the erasure does.
    pub(crate) fn purge(
        &mut self,
        erase: &Erase,
        gone: &BTreeSet<DocTag>,
    ) -> Vec<(Option<NodeId>, Vec<Entry>)> {
        let of_gone = |key: &[u8]| {
            key.first_chunk::<32>().is_some_and(|document| gone.contains(&DocTag(*document)))
        };
        let stays = |record: &Record| match record.shelf {
            Shelf::Space => erase.documents.is_some() || record.key != erase.space.as_bytes(),
            Shelf::View | Shelf::Receipt => !of_gone(&record.key),
            Shelf::Own => {
                let counts =
                    erase.documents.is_none() && quota::is_about(&record.key, &erase.space);
                !counts && !prune::is_about(&record.key, erase)
            }
            Shelf::Pending | Shelf::Audit => true,
        };
        let mut found = Vec::new();
        let mut emptied = Vec::new();
        for mut parcel in std::mem::take(&mut self.waiting) {
            let (erased, rest): (Vec<Entry>, Vec<Entry>) = std::mem::take(&mut parcel.entries)
                .into_iter()
                .partition(|e| erase.covers(&e.header().space, &e.header().document));
            parcel.entries = rest;
            parcel.bases.retain(|base| !erase.covers(&base.space, &base.document));
            parcel.records.retain(stays);
            if !erased.is_empty() {
                found.push((parcel.from, erased));
            }
            let empty = parcel.entries.is_empty() && parcel.certificates.is_empty();
            if parcel.from.is_some() && empty {
                emptied.push(parcel);
            } else {
                self.waiting.push_back(parcel);
            }
        }
        self.account(&emptied);
        self.prompt = self.waiting.iter().filter(|p| p.kind() != Kind::Remote).count();
        found
    }

    /// Queues a parcel of this node's own.
    pub(crate) fn push_own(&mut self, parcel: Parcel) {
        self.own += 1;
        let save = Save(self.own);
        self.unsaved.insert(save, None);
        self.push(Parcel { save: Some(save), ..parcel });
    }

    /// Counts a parcel of this node's own that was refused.
    pub(crate) fn refuse_own(&mut self) {
        self.own += 1;
        self.lose(Save(self.own));
    }

    fn lose(&mut self, save: Save) {
        self.unsaved.remove(&save);
        self.lost.insert(save);
        if self.lost.len() > LOST_MAX {
            self.lost.pop_first();
        }
    }

    /// The parcel of this node's own that was made last.
    pub(crate) const fn last_save(&self) -> Save {
        Save(self.own)
    }

    /// How far a parcel of this node's own is.
    pub(crate) fn saved(&self, save: Save) -> Saved {
        match self.unsaved.get(&save) {
            Some(ticket) => Saved::Pending(*ticket),
            None if self.lost.contains(&save) => Saved::Lost,
            None => Saved::Durable,
        }
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

    /// Says whether no entry of a space waits or is under way.
    pub(crate) fn is_clear_of_space(&self, space: &SpaceTag) -> bool {
        let all = self.flights.values().flat_map(|flight| &flight.parcels).chain(&self.waiting);
        all.flat_map(|parcel| &parcel.entries).all(|entry| entry.header().space != *space)
    }

    /// The batches that may go to the shell, the urgent first.
    pub(crate) fn due(&mut self) -> Vec<(Ticket, Batch)> {
        let remote_waits = self.remote >= COMMITS_IN_FLIGHT_MAX
            || self.remote_bytes >= COMMITS_IN_FLIGHT_BYTES_MAX;
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
    /// what continues a log taken into another commit, and what begins a log late until all that it may rest on is durable.
    fn take(&mut self, remote_waits: bool) -> BTreeMap<Kind, Vec<Parcel>> {
        // What was met so far: taken for a commit of some kind, or waiting.
        let mut logs: BTreeMap<(DocTag, LogKey), Option<Kind>> = BTreeMap::new();
        let mut taken: BTreeMap<Kind, Vec<Parcel>> = BTreeMap::new();
        let (mut remote_entries, mut remote_bytes) = (0, 0);
        let mut local_waits = false;
        for parcel in std::mem::take(&mut self.waiting) {
            let kind = parcel.kind();
            let full = remote_waits
                || remote_entries >= COMMIT_ENTRIES_MAX
                || remote_bytes >= COMMIT_BYTES_MAX;
            let blocked = |log| {
                self.flying.contains(&log)
                    || logs.get(&log).is_some_and(|taken| *taken != Some(kind))
            };
            let unsure = |document: DocTag| {
                let all = (document, LogKey([0; 32]))..=(document, LogKey([0xff; 32]));
                let taken = |(_, taken): (_, &Option<Kind>)| *taken == Some(kind);
                self.flying.range(all.clone()).next().is_some() || !logs.range(all).all(taken)
            };
            let waits = parcel.logs().any(blocked)
                || parcel.rests_on().any(unsure)
                || (kind == Kind::Remote && full)
                || (kind == Kind::Local && local_waits);
            local_waits |= waits && kind == Kind::Local;
            logs.extend(parcel.logs().map(|log| (log, (!waits).then_some(kind))));
            if waits {
                self.waiting.push_back(parcel);
                continue;
            }
            if kind == Kind::Remote {
                remote_entries += parcel.entries.len();
                remote_bytes += parcel.bytes;
            }
            if kind == Kind::Urgent {
                self.supersede(&parcel, &mut taken);
            }
            taken.entry(kind).or_default().push(parcel);
        }
        taken
    }

    /// An urgent parcel overtakes local ones that were made before it: their records that it writes
    /// anew would otherwise be the last to arrive. Those under way would be written again if they fail and are needed.
    fn supersede(&mut self, urgent: &Parcel, taken: &mut BTreeMap<Kind, Vec<Parcel>>) {
        let keys: BTreeSet<(Shelf, &[u8])> =
            urgent.records.iter().map(|record| (record.shelf, record.key.as_slice())).collect();
        let local = taken.get_mut(&Kind::Local).into_iter().flatten();
        let under_way = self.flights.values_mut().flat_map(|flight| &mut flight.parcels);
        let older = self.waiting.iter_mut().chain(local).chain(under_way);
        for parcel in older.filter(|parcel| parcel.from.is_none()) {
            parcel.records.retain(|record| !keys.contains(&(record.shelf, record.key.as_slice())));
        }
    }

    /// What an urgent parcel continues becomes urgent with it.
    fn promote(&mut self) {
        let mut urgent = Logs::new();
        for parcel in self.waiting.iter_mut().rev() {
            let needed = parcel.logs().any(|log| urgent.contains(&log));
            // What begins a log late is never urgent: what follows waits for it.
            parcel.urgent |= needed && parcel.bases.is_empty();
            if parcel.urgent {
                urgent.extend(parcel.logs());
            }
        }
    }

    fn depart(&mut self, kind: Kind, parcels: Vec<Parcel>) -> (Ticket, Batch) {
        self.last += 1;
        let ticket = Ticket(self.last);
        let relaxed = kind != Kind::Urgent && parcels.iter().all(|parcel| parcel.relaxed);
        let mut batch = Batch { urgent: kind == Kind::Urgent, relaxed, ..Batch::default() };
        for parcel in &parcels {
            batch.bases.extend(parcel.bases.iter().copied());
            batch.entries.extend(parcel.entries.iter().cloned());
            batch.certificates.extend(parcel.certificates.iter().cloned());
            batch.erase.extend(parcel.erase.iter().cloned());
            batch.prune.extend(parcel.prune.iter().copied());
            batch.records.extend(parcel.records.iter().cloned());
        }
        for save in parcels.iter().filter_map(|parcel| parcel.save) {
            self.unsaved.insert(save, Some(ticket));
        }
        self.flying.extend(parcels.iter().flat_map(Parcel::logs));
        if kind == Kind::Remote {
            self.remote += 1;
            self.remote_bytes += parcels.iter().map(|parcel| parcel.bytes).sum::<usize>();
        }
        self.flights.insert(ticket, Flight { parcels, kind });
        (ticket, batch)
    }

    /// The parcels of a commit that became durable.
    pub(crate) fn persisted(&mut self, ticket: Ticket) -> Vec<Parcel> {
        let parcels = self.land(ticket);
        for save in parcels.iter().filter_map(|parcel| parcel.save) {
            self.unsaved.remove(&save);
        }
        self.account(&parcels);
        parcels
    }

    /// The parcels of a commit that failed, and those that continue them or may rest on them. What something urgent continues is tried once
    /// more, as urgent as that: for it there may be room.
    pub(crate) fn failed(&mut self, ticket: Ticket) -> Vec<Parcel> {
        let mut lost = self.land(ticket);
        let again = self.take_needed(&mut lost);
        let mut logs: Logs = lost.iter().flat_map(Parcel::logs).collect();
        let documents: BTreeSet<DocTag> = logs.iter().map(|(document, _)| *document).collect();
        for parcel in std::mem::take(&mut self.waiting) {
            let unsure = parcel.rests_on().any(|document| documents.contains(&document));
            if unsure || parcel.logs().any(|log| logs.contains(&log)) {
                logs.extend(parcel.logs());
                lost.push(parcel);
            } else {
                self.waiting.push_back(parcel);
            }
        }
        for save in again.iter().filter_map(|parcel| parcel.save) {
            self.unsaved.insert(save, None);
        }
        for parcel in again.into_iter().rev() {
            self.waiting.push_front(parcel);
        }
        for save in lost.iter().filter_map(|parcel| parcel.save) {
            self.lose(save);
        }
        self.account(&lost);
        lost
    }

    /// Takes out of the parcels of a failed commit what something urgent continues that waits for it, as urgent. What was
    /// urgent already had its chance.
    fn take_needed(&mut self, failed: &mut Vec<Parcel>) -> Vec<Parcel> {
        self.promote();
        let waiting = self.waiting.iter().filter(|parcel| parcel.urgent);
        let mut logs: Logs = waiting.flat_map(Parcel::logs).collect();
        let mut needed = VecDeque::new();
        let mut rest = VecDeque::new();
        for mut parcel in std::mem::take(failed).into_iter().rev() {
            let promoted = !parcel.urgent && parcel.bases.is_empty();
            if promoted && parcel.logs().any(|log| logs.contains(&log)) {
                logs.extend(parcel.logs());
                parcel.urgent = true;
                needed.push_front(parcel);
            } else {
                rest.push_front(parcel);
            }
        }
        self.prompt += needed.len();
        failed.extend(rest);
        needed.into()
    }

    fn land(&mut self, ticket: Ticket) -> Vec<Parcel> {
        let Some(flight) = self.flights.remove(&ticket) else { return Vec::new() };
        for log in flight.parcels.iter().flat_map(Parcel::logs) {
            self.flying.remove(&log);
        }
        if flight.kind == Kind::Remote {
            self.remote -= 1;
            self.remote_bytes -= flight.parcels.iter().map(|parcel| parcel.bytes).sum::<usize>();
        }
        flight.parcels
    }

    fn account(&mut self, done: &[Parcel]) {
        for parcel in done {
            let Some(from) = parcel.from else { continue };
            if let Some(bytes) = self.bytes.get_mut(&from) {
                *bytes = bytes.saturating_sub(parcel.bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::chain;

    fn record(value: u8) -> Record {
        Record { shelf: Shelf::Space, key: vec![1], value: Some(vec![value]) }
    }

    fn parcel(entries: &[Entry], value: u8, urgent: bool) -> Parcel {
        Parcel {
            entries: entries.to_vec(),
            records: vec![record(value)],
            urgent,
            ..Parcel::default()
        }
    }

    #[test]
    fn local_parcels_become_durable_in_the_order_they_were_made() {
        let (shared, other) = (chain(1, DocTag([1; 32]), 2, 0), chain(1, DocTag([2; 32]), 1, 0));
        let mut commits = Commits::default();
        commits.push_own(parcel(&shared[..1], 1, false));
        let first = commits.due();
        assert_eq!(first.len(), 1);
        // The second continues the log that is under way; the third needs what the second keeps.
        commits.push_own(parcel(&shared[1..], 2, false));
        let second = commits.last_save();
        commits.push_own(parcel(&other, 3, false));
        let third = commits.last_save();
        assert!(commits.due().is_empty(), "the third does not overtake the second");
        assert_eq!(commits.saved(second), Saved::Pending(None));
        commits.persisted(first[0].0);
        let then = commits.due();
        assert_eq!(then[0].1.records, [record(2), record(3)]);
        assert_eq!(commits.saved(third), Saved::Pending(Some(then[0].0)));
        commits.persisted(then[0].0);
        assert_eq!([commits.saved(second), commits.saved(third)], [Saved::Durable; 2]);
    }

    #[test]
    fn what_waits_counts_nothing_of_a_space_that_is_erased() {
        let entries = chain(1, DocTag([1; 32]), 1, 0);
        let space = entries[0].header().space;
        let counted = |space: SpaceTag| Record {
            shelf: Shelf::Own,
            key: [b"carried/".as_slice(), &[4; 32], &space.0].concat(),
            value: Some(vec![0; 16]),
        };
        let (gone, stays) = (counted(space), counted(SpaceTag([9; 32])));
        let mut commits = Commits::default();
        let records = vec![gone, stays.clone()];
        commits.push(Parcel { entries: entries.clone(), records, ..Parcel::default() });
        let erase = Erase { space, documents: None };
        let purged = commits.purge(&erase, &BTreeSet::from([DocTag([1; 32])]));
        assert_eq!(purged, [(None, entries)]);
        assert_eq!(commits.due()[0].1.records, [stays]);
    }

    #[test]
    fn what_is_written_again_brings_no_older_record() {
        let (log, alert) = (chain(1, DocTag([1; 32]), 2, 0), chain(1, DocTag([2; 32]), 1, 0));
        let mut commits = Commits::default();
        commits.push_own(parcel(&log[..1], 1, false));
        let slow = commits.due()[0].0;
        commits.push_own(parcel(&alert, 2, true));
        let quick = commits.due()[0].0;
        commits.push_own(Parcel { records: Vec::new(), ..parcel(&log[1..], 0, true) });
        commits.persisted(quick);
        assert!(commits.failed(slow).is_empty(), "an urgent entry continues it");
        let again = commits.due();
        assert_eq!(again[0].1.entries, log);
        assert!(again[0].1.records.is_empty());
    }

    #[test]
    fn an_urgent_parcel_is_not_undone_by_an_older_record() {
        let (slow, alert) = (chain(1, DocTag([1; 32]), 1, 0), chain(1, DocTag([2; 32]), 1, 0));
        let mut commits = Commits::default();
        commits.push_own(parcel(&slow, 1, false));
        commits.push_own(parcel(&alert, 2, true));
        let batches: Vec<Batch> = commits.due().into_iter().map(|(_, batch)| batch).collect();
        assert!(batches[0].urgent, "the alert goes first");
        assert_eq!(batches[0].records, [record(2)]);
        assert!(batches[1].records.is_empty(), "the older record is not written after the newer");
    }

    /// A disk without room for anything but alerts refused the certificates that an alert continued, and lost the alert with
    /// them.
    #[test]
    fn what_an_alert_continues_is_tried_once_more() {
        let (shared, other) = (chain(1, DocTag([1; 32]), 2, 0), chain(1, DocTag([2; 32]), 1, 0));
        let mut commits = Commits::default();
        commits.push_own(parcel(&shared[..1], 1, false));
        let needed = commits.last_save();
        commits.push_own(parcel(&other, 2, false));
        let beside = commits.last_save();
        let first = commits.due();
        commits.push_own(parcel(&shared[1..], 3, true));
        let alert = commits.last_save();
        assert!(commits.due().is_empty(), "the alert waits for what it continues");
        assert_eq!(commits.failed(first[0].0).len(), 1);
        assert_eq!(commits.saved(beside), Saved::Lost, "nothing urgent continues it");
        let again = commits.due();
        assert!(again.len() == 1 && again[0].1.urgent);
        assert_eq!(again[0].1.entries, shared);
        assert_eq!(
            [commits.saved(needed), commits.saved(alert)],
            [Saved::Pending(Some(again[0].0)); 2]
        );
        assert_eq!(commits.failed(again[0].0).len(), 2, "it is not tried for ever");
        assert_eq!([commits.saved(needed), commits.saved(alert)], [Saved::Lost; 2]);
        assert!(commits.due().is_empty());
    }

    #[test]
    fn what_could_not_be_stored_is_said_to_be_lost() {
        let entries = chain(1, DocTag([1; 32]), 2, 0);
        let mut commits = Commits::default();
        commits.push_own(parcel(&entries[..1], 1, false));
        let first = commits.last_save();
        let batches = commits.due();
        commits.push_own(parcel(&entries[1..], 2, false));
        let second = commits.last_save();
        assert_eq!(commits.failed(batches[0].0).len(), 2, "what continues it is lost with it");
        assert_eq!([commits.saved(first), commits.saved(second)], [Saved::Lost; 2]);
        commits.refuse_own();
        assert_eq!(commits.saved(commits.last_save()), Saved::Lost);
    }
}
