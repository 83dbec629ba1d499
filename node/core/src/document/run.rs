//! Which changes are applied, and in which order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use automerge::{ActorId, AutoCommit, Change, ChangeHash};
use linli_model::author::{Author, PartyId};
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, Timestamp};

use super::{Withheld, WithheldEntry, actor};
use crate::checkpoint::Part;
use crate::payload::Binding;
use crate::person::PersonCertificate;

/// An entry whose changes could be read, and whether they count.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) log: LogKey,
    pub(crate) sequence: u64,
    pub(crate) node: Option<NodeId>,
    pub(crate) entry: EntryId,
    pub(crate) at: Timestamp,
    /// Whose word it is, or why it is nobody's.
    pub(crate) standing: Result<Author, Withheld>,
    /// Who the log says it is, where this entry says so.
    pub(crate) binding: Option<Binding>,
    /// The person who signed it.
    pub(crate) certificate: Option<Arc<PersonCertificate>>,
    pub(crate) changes: Arc<[Change]>,
    /// What it holds of a checkpoint.
    pub(crate) part: Option<Arc<Part>>,
}

impl Judged {
    /// Says that it is known from a checkpoint only: by whose word, or why by nobody's.
    pub(crate) fn attest(&mut self, by: Result<Arc<[PartyId]>, Withheld>) {
        if let Ok(author) = &mut self.standing {
            match by {
                Ok(by) => author.attested_by = by.to_vec(),
                Err(reason) => self.standing = Err(reason),
            }
        }
    }

    pub(crate) fn withheld(&self, reason: Withheld) -> WithheldEntry {
        let Self { log, sequence, node, entry, at, .. } = *self;
        WithheldEntry { log, sequence, node, reason, entry, at: Some(at) }
    }
}

/// Makes a document of entries given in sequence within each log, and lists those withheld. Returns
/// it with the entries applied, in causal order.
///
/// A change that does not count is applied where one that counts builds on it.
pub(crate) fn apply(
    document: DocTag,
    entries: Vec<Judged>,
    withheld: &mut Vec<WithheldEntry>,
) -> (AutoCommit, Vec<Judged>) {
    let mut entries = entries;
    loop {
        let mut reasons = withheld.clone();
        let run = needed(causal_run(document, entries.clone(), &mut reasons), &mut reasons);
        let mut doc = AutoCommit::new();
        if doc.apply_changes(changes(&run)).is_ok() {
            *withheld = reasons;
            return (doc, run);
        }
        let Some(bad) = first_refused(&run) else {
            return (AutoCommit::new(), Vec::new());
        };
        // Automerge refuses it: it ends its log like any other change that breaks the rules.
        let (log, sequence) = bad;
        let (kept, ended): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|e| e.log != log || e.sequence < sequence);
        withheld.extend(ended.iter().map(|entry| entry.withheld(Withheld::BadChange)));
        entries = kept;
    }
}

fn changes(run: &[Judged]) -> Vec<Change> {
    run.iter().flat_map(|entry| entry.changes.iter().cloned()).collect()
}

/// Finds the first entry of a run that Automerge refuses after those before it.
fn first_refused(run: &[Judged]) -> Option<(LogKey, u64)> {
    let applies = |count: usize| {
        let prefix = run.get(..count).unwrap_or_default();
        AutoCommit::new().apply_changes(changes(prefix)).is_ok()
    };
    let (mut good, mut bad) = (0, run.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if applies(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    run.get(good).map(|entry| (entry.log, entry.sequence))
}

/// Leaves those entries that count and what they build on; lists those that do not count.
fn needed(run: Vec<Judged>, withheld: &mut Vec<WithheldEntry>) -> Vec<Judged> {
    let mut wanted: BTreeSet<ChangeHash> = BTreeSet::new();
    let mut kept = VecDeque::new();
    for entry in run.into_iter().rev() {
        if let Err(reason) = entry.standing {
            withheld.push(entry.withheld(reason));
            if !entry.changes.iter().any(|change| wanted.contains(&change.hash())) {
                continue;
            }
        }
        wanted.extend(entry.changes.iter().flat_map(|change| change.deps().iter().copied()));
        kept.push_front(entry);
    }
    kept.into()
}

/// Orders entries so that each comes after what it builds on; the rest is withheld.
fn causal_run(
    document: DocTag,
    entries: Vec<Judged>,
    withheld: &mut Vec<WithheldEntry>,
) -> Vec<Judged> {
    let mut logs: BTreeMap<LogKey, VecDeque<Judged>> = BTreeMap::new();
    for entry in entries {
        logs.entry(entry.log).or_default().push_back(entry);
    }
    let queues = logs.into_iter().map(|(log, entries)| Queue::new(actor(log, document), entries));
    let mut queues: Vec<Queue> = queues.collect();
    let mut applied = BTreeMap::new();
    let mut run = Vec::new();
    loop {
        let before = run.len();
        for queue in &mut queues {
            queue.advance(&mut applied, &mut run, withheld);
        }
        if run.len() == before {
            break;
        }
    }
    for entry in queues.into_iter().flat_map(|queue| queue.entries) {
        let reason = entry.standing.as_ref().err().copied();
        withheld.push(entry.withheld(reason.unwrap_or(Withheld::MissingDependency)));
    }
    run
}

/// One log on its way into the run.
struct Queue {
    actor: ActorId,
    /// The log's last change, with its sequence number.
    last: Option<(u64, ChangeHash)>,
    entries: VecDeque<Judged>,
}

/// What came before, by change.
type Applied = BTreeMap<ChangeHash, Before>;

/// What a change knows of that builds on another.
#[derive(Clone)]
struct Before {
    /// Counter of the other's last operation.
    end: u64,
    /// Who wrote it and all that it builds on. Automerge panics over an actor whom nothing brought.
    actors: Arc<BTreeSet<ActorId>>,
}

/// Joins who wrote several changes and what they build on; mostly one of them knows of all.
fn joined(before: &[Before]) -> Arc<BTreeSet<ActorId>> {
    let mut all = Arc::default();
    for Before { actors, .. } in before {
        if actors.is_superset(&all) {
            all = Arc::clone(actors);
        } else if !all.is_superset(actors) {
            Arc::make_mut(&mut all).extend(actors.iter().cloned());
        }
    }
    all
}

impl Queue {
    const fn new(actor: ActorId, entries: VecDeque<Judged>) -> Self {
        Self { actor, last: None, entries }
    }

    /// Takes entries from the front while all that they build on is there.
    ///
    /// An entry is taken whole or not at all; one that breaks a rule ends its log.
    fn advance(
        &mut self,
        applied: &mut Applied,
        run: &mut Vec<Judged>,
        withheld: &mut Vec<WithheldEntry>,
    ) {
        while let Some(entry) = self.entries.front() {
            let mut inside = Applied::new();
            let mut last = self.last;
            let (mut ready, mut sound) = (true, true);
            for change in entry.changes.iter() {
                let (next, own) = last.map_or((1, None), |(seq, hash)| (seq + 1, Some(hash)));
                let known = |dep| inside.get(dep).or_else(|| applied.get(dep)).cloned();
                let before: Option<Vec<Before>> = change.deps().iter().map(known).collect();
                ready &= before.is_some();
                let before = before.unwrap_or_default();
                let mut actors = joined(&before);
                // Counters only grow, and a log builds on itself: Automerge's own writers keep both.
                sound &= *change.actor_id() == self.actor
                    && change.seq() == next
                    && own.is_none_or(|own| change.deps().contains(&own))
                    && before.iter().all(|before| before.end < change.start_op().get())
                    && change.other_actor_ids().iter().all(|other| actors.contains(other));
                last = Some((change.seq(), change.hash()));
                if !actors.contains(&self.actor) {
                    Arc::make_mut(&mut actors).insert(self.actor.clone());
                }
                inside.insert(change.hash(), Before { end: change.max_op(), actors });
            }
            if !ready {
                return;
            }
            if !sound {
                let ended = self.entries.drain(..);
                withheld.extend(ended.map(|entry| entry.withheld(Withheld::BadChange)));
                return;
            }
            let Some(entry) = self.entries.pop_front() else { return };
            self.last = last;
            applied.extend(inside);
            run.push(entry);
        }
    }
}
