//! Opening a document: every entry of every log, decrypted, bound, judged and applied.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use linli_model::author::Author;
use linli_replica::entry::Entry;
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, SpaceTag};

use super::receive::introduce;
use super::{Core, CoreError, Unsettled, World};
use crate::authority::CutPoint;
use crate::document::{Document, Judged, Withheld, WithheldEntry, read_change};
use crate::limits::OPEN_READ_BYTES;
use crate::payload::{Content, Payload};
use crate::seal::{OpenError, open_entry};
use crate::space::Space;

impl Core {
    /// Opens a document by its name, or returns the open one.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn document(
        &mut self,
        world: World<'_>,
        space: SpaceTag,
        name: &str,
    ) -> Result<&mut Document, CoreError> {
        let tag = self.space_mut(world.directory, space)?.document(name);
        self.open(world, space, tag)
    }

    /// Opens a document by its tag, or returns the open one.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn open(
        &mut self,
        world: World<'_>,
        space: SpaceTag,
        tag: DocTag,
    ) -> Result<&mut Document, CoreError> {
        if !self.open.contains_key(&tag) {
            let document = self.read(world, space, tag)?;
            return Ok(self.remember(tag, document));
        }
        self.uses += 1;
        let uses = self.uses;
        let opened = self.open.get_mut(&tag).ok_or(CoreError::NoSuchSpace)?;
        opened.used = uses;
        Ok(&mut opened.document)
    }

    fn read(
        &mut self,
        world: World<'_>,
        space: SpaceTag,
        tag: DocTag,
    ) -> Result<Document, CoreError> {
        let mut logs: BTreeMap<LogKey, Vec<Entry>> = BTreeMap::new();
        for log in world.index.frontier(&tag).unwrap_or_default().0.into_keys() {
            logs.insert(log, read_log(world, tag, log)?);
        }
        for Unsettled { entry, .. } in self.unsettled.get(&tag).into_iter().flatten() {
            let log = entry.header().log;
            let held = logs.get(&log).is_some_and(|log| log.iter().any(|e| e.id() == entry.id()));
            if !held && world.index.has(tag, log, entry.tip(), world.held)? {
                logs.entry(log).or_default().push(entry.clone());
            }
        }
        let space = self.space_mut(world.directory, space)?;
        let mut reading = Reading::default();
        for (log, entries) in logs {
            if let Some(first) = entries.first()
                && space.writer(&log).is_none()
            {
                introduce(space, first);
            }
            reading.log(world, space, log, &entries);
        }
        let (entries, withheld) = reading.finish(&space.state().admitted);
        let own = space.own_log();
        let late = |reason: &Withheld| *reason == Withheld::PersonEnded;
        let place = (space.tag(), tag);
        let is_late = withheld.iter().any(|entry| late(&entry.reason))
            || entries.iter().any(|entry| entry.standing.as_ref().is_err_and(late));
        match is_late {
            true => self.signed_late.insert(place),
            false => self.signed_late.remove(&place),
        };
        Ok(Document::build(tag, entries, withheld, own))
    }
}

/// Reads all entries of a log, every branch.
pub(super) fn read_log(
    world: World<'_>,
    tag: DocTag,
    log: LogKey,
) -> Result<Vec<Entry>, CoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = entries.last().map_or(0, |entry| entry.header().sequence);
        let more = world.held.entries(tag, log, after, OPEN_READ_BYTES)?;
        if more.is_empty() {
            return Ok(entries);
        }
        entries.extend(more);
    }
}

/// Decrypts an entry and reads its content.
pub(super) fn payload(space: &Space, entry: &Entry) -> Result<Payload, Withheld> {
    let plaintext =
        open_entry(entry, |epoch| space.content_key(epoch)).map_err(|error| match error {
            OpenError::UnknownEpoch(_) => Withheld::NoKey,
            OpenError::NotForUs | OpenError::Damaged => Withheld::Damaged,
        })?;
    Payload::decode(&plaintext).map_err(|_| Withheld::Damaged)
}

#[derive(Default)]
struct Reading {
    /// Entries that could be read, by log and in sequence.
    entries: BTreeMap<LogKey, Vec<(EntryId, Judged)>>,
    /// The branch that stands of each log with several.
    forked: BTreeMap<LogKey, Chain>,
    withheld: Vec<WithheldEntry>,
}

impl Reading {
    fn log(&mut self, world: World<'_>, space: &Space, log: LogKey, entries: &[Entry]) {
        let chain = Chain::new(entries);
        let cuts = Cuts::new(world, space, log, &chain);
        let mut judged = Vec::with_capacity(entries.len());
        for entry in entries {
            match judge(world, space, entry, &cuts) {
                Ok(entry_judged) => judged.push((entry.id(), entry_judged)),
                Err(reason) => {
                    let (node, sequence) = (space.writer(&log), entry.header().sequence);
                    let (entry, at) = (entry.id(), None);
                    self.withheld.push(WithheldEntry { log, sequence, node, reason, entry, at });
                }
            }
        }
        if chain.is_forked() {
            self.forked.insert(log, chain);
        }
        self.entries.insert(log, judged);
    }

    /// Leaves one branch of each forked log. Past the fork only that of it counts on which others built or
    /// which a steward admitted: its author has said two things in one place.
    fn finish(mut self, admitted: &BTreeSet<EntryId>) -> (Vec<Judged>, Vec<WithheldEntry>) {
        let standing: BTreeMap<LogKey, Standing> = self
            .forked
            .iter()
            .map(|(log, chain)| (*log, self.choose(*log, chain, admitted)))
            .collect();
        for (log, branch) in standing {
            let entries = self.entries.remove(&log).unwrap_or_default();
            let (mut kept, rest): (Vec<_>, Vec<_>) = entries
                .into_iter()
                .partition(|(id, _)| branch.counts.contains(id) || branch.frozen.contains(id));
            self.withheld.extend(rest.into_iter().map(|(_, entry)| {
                let reason = entry.standing.as_ref().err().copied();
                entry.withheld(reason.unwrap_or(Withheld::Forked))
            }));
            for (id, entry) in &mut kept {
                if branch.frozen.contains(id) && entry.standing.is_ok() {
                    entry.standing = Err(Withheld::Forked);
                }
            }
            self.entries.insert(log, kept);
        }
        let entries = self.entries.into_values().flatten().map(|(_, entry)| entry);
        (entries.collect(), self.withheld)
    }

    /// Chooses the branch that stands: of those with an entry that counts one that a steward admitted, then
    /// the one that more other parties built on, then the one of lower id (at the fork).
    fn choose(&self, log: LogKey, chain: &Chain, admitted: &BTreeSet<EntryId>) -> Standing {
        let own: BTreeMap<EntryId, &Judged> =
            self.entries.get(&log).into_iter().flatten().map(|(id, entry)| (*id, entry)).collect();
        let (mut branch, mut fork) = (Vec::new(), None);
        let mut at = EntryId::default();
        while let Some(branches) = chain.after.get(&at) {
            let worth = |id: &EntryId| {
                let descendants = chain.descendants(*id);
                let chosen = descendants.iter().any(|id| admitted.contains(id));
                let (counts, built_on) = self.worth(log, descendants, &own);
                (Reverse(counts), Reverse(chosen), Reverse(built_on), *id)
            };
            let next = match branches.as_slice() {
                [only] => Some(*only),
                several => {
                    fork = fork.or(Some(branch.len()));
                    several.iter().copied().min_by_key(worth)
                }
            };
            let Some(next) = next else { break };
            branch.push(next);
            at = next;
        }
        let stands = |id: &EntryId| admitted.contains(id) || self.worth(log, vec![*id], &own).1 > 0;
        let last = branch.iter().rposition(stands).map_or(0, |last| last + 1);
        let frozen = branch.split_off(last.max(fork.unwrap_or(branch.len())));
        Standing { counts: branch.into_iter().collect(), frozen: frozen.into_iter().collect() }
    }

    /// Says whether one of these entries of a log counts, and how many other parties built on them.
    fn worth(
        &self,
        log: LogKey,
        ids: Vec<EntryId>,
        own: &BTreeMap<EntryId, &Judged>,
    ) -> (bool, usize) {
        let entries: Vec<&Judged> = ids.iter().filter_map(|id| own.get(id).copied()).collect();
        let writer = entries.iter().find_map(|entry| Some(entry.standing.as_ref().ok()?.party));
        let hashes: BTreeSet<_> =
            entries.iter().flat_map(|e| e.changes.iter().map(automerge::Change::hash)).collect();
        let others = self.entries.iter().filter(|(other, _)| **other != log);
        let parties: BTreeSet<_> = others
            .flat_map(|(_, entries)| entries)
            .filter(|(_, e)| e.changes.iter().any(|c| c.deps().iter().any(|d| hashes.contains(d))))
            .filter_map(|(_, entry)| Some(entry.standing.as_ref().ok()?.party))
            .filter(|party| Some(*party) != writer)
            .collect();
        (writer.is_some(), parties.len())
    }
}

/// The branch that stands of a forked log.
struct Standing {
    /// What counts of it.
    counts: BTreeSet<EntryId>,
    /// What lies past the fork, and nobody else has built on it.
    frozen: BTreeSet<EntryId>,
}

/// How the entries of one log follow each other.
pub(super) struct Chain {
    before: BTreeMap<EntryId, (u64, EntryId)>,
    after: BTreeMap<EntryId, Vec<EntryId>>,
}

impl Chain {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let mut chain = Self { before: BTreeMap::new(), after: BTreeMap::new() };
        for entry in entries {
            let header = entry.header();
            chain.before.insert(entry.id(), (header.sequence, header.previous));
            chain.after.entry(header.previous).or_default().push(entry.id());
        }
        chain
    }

    /// Returns the last entry that all branches have before them, with its place; none where there is none.
    pub(super) fn trunk(&self) -> Option<(u64, EntryId)> {
        let (mut at, mut last) = (EntryId::default(), None);
        while let Some([only]) = self.after.get(&at).map(Vec::as_slice) {
            at = *only;
            last = self.before.get(&at).map(|(sequence, _)| (*sequence, at));
        }
        last
    }

    fn is_forked(&self) -> bool {
        self.after.values().any(|branches| branches.len() > 1)
    }

    fn descendants(&self, from: EntryId) -> Vec<EntryId> {
        let mut found = vec![from];
        let mut next = 0;
        while let Some(id) = found.get(next).copied() {
            found.extend(self.after.get(&id).into_iter().flatten().copied());
            next += 1;
        }
        found
    }

    /// Lists an entry and those before it; none where it is not held.
    fn path(&self, mut at: EntryId) -> Option<BTreeSet<EntryId>> {
        self.before.get(&at)?;
        let mut path = BTreeSet::new();
        while let Some((_, previous)) = self.before.get(&at) {
            path.insert(at);
            at = *previous;
        }
        Some(path)
    }
}

/// The entries of one log up to each point at which its party is cut.
#[derive(Default)]
pub(super) struct Cuts(BTreeMap<EntryId, BTreeSet<EntryId>>);

impl Cuts {
    pub(super) fn new(world: World<'_>, space: &Space, log: LogKey, chain: &Chain) -> Self {
        let writer = space.writer(&log).and_then(|node| world.directory.node(&node));
        let cuts = writer.and_then(|writer| space.state().cuts.get(&writer.party));
        let points = cuts.into_iter().flatten().flat_map(|cut| cut.logs.values());
        let points = points.filter(|point| point.log == log);
        Self(points.filter_map(|point| Some((point.entry, chain.path(point.entry)?))).collect())
    }

    /// Says whether an entry is a point's or before it. While the point's entry has not come, every
    /// branch may be the one it is on.
    pub(super) fn within(&self, point: &CutPoint, entry: EntryId) -> bool {
        self.0.get(&point.entry).is_none_or(|path| path.contains(&entry))
    }
}

/// Decrypts one entry and judges whether it counts.
fn judge(world: World<'_>, space: &Space, entry: &Entry, cuts: &Cuts) -> Result<Judged, Withheld> {
    let header = entry.header();
    let payload = payload(space, entry)?;
    let Content::Changes(raw) = &payload.content else { return Err(Withheld::Damaged) };
    let changes = raw.iter().map(|bytes| read_change(bytes)).collect::<Result<_, _>>()?;
    let (log, sequence, node) = (header.log, header.sequence, space.writer(&header.log));
    let standing = word_of(world, space, entry, &payload, cuts);
    Ok(Judged { log, sequence, node, entry: entry.id(), at: payload.at, standing, changes })
}

/// Says whose word an entry is.
fn word_of(
    world: World<'_>,
    space: &Space,
    entry: &Entry,
    payload: &Payload,
    cuts: &Cuts,
) -> Result<Author, Withheld> {
    let writer = space.writer(&entry.header().log).ok_or(Withheld::Unbound)?;
    let node = world.directory.node(&writer).ok_or(Withheld::UnknownAuthor)?;
    let author = author(world, writer).ok_or(Withheld::UnknownAuthor)?;
    if space.ended(node.ends, entry, payload.at) {
        return Err(Withheld::Ended);
    }
    space.counts(&node.party, entry, payload.at, |point| cuts.within(point, entry.id()))?;
    let person = match &payload.stamp {
        None => None,
        Some(_) => {
            let admitted = space.state().admitted.contains(&entry.id());
            Some(super::edit::person_of(world, payload, entry, writer, admitted)?)
        }
    };
    Ok(Author { person, ..author })
}

/// Returns the author that a node of the directory is, without a person.
pub(super) fn author(world: World<'_>, node: NodeId) -> Option<Author> {
    let member = world.directory.node(&node)?;
    Some(Author {
        node: linli_model::author::NodeId(node.0),
        party: linli_model::author::PartyId(member.party.0),
        kind: kind(member.kind)?,
        person: None,
    })
}

fn kind(kind: linli_replica::certificate::PartyKind) -> Option<linli_model::author::PartyKind> {
    use linli_model::author::PartyKind as Model;
    use linli_replica::certificate::PartyKind as Wire;
    Some(match kind {
        Wire::Household => Model::Household,
        Wire::Centre => Model::Centre,
        Wire::Station => Model::Station,
        Wire::Provider => Model::Provider,
        Wire::Family => Model::Family,
        Wire::Regulator => Model::Regulator,
        Wire::Evaluator => Model::Evaluator,
        Wire::Carrier => return None,
    })
}
