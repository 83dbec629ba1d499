//! Opening a document: every entry of every log, decrypted, bound, judged and applied.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linli_model::author::{Author, PartyId};
use linli_replica::entry::Entry;
use linli_replica::frontier::Tip;
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, SpaceTag, Timestamp};
use linli_replica::planted::{self, Bug};

use super::receive::introduce_log;
use super::{Core, CoreError, Unsettled, World};
use crate::authority::Written;
use crate::checkpoint::{HeldLog, Part};
use crate::document::{Document, Judged, Withheld, WithheldEntry, read_change};
use crate::limits::OPEN_READ_BYTES;
use crate::payload::{Binding, Content, Payload};
use crate::person::PersonCertificate;
use crate::seal::{OpenError, open_entry};
use crate::space::Space;

mod chain;
mod rows;

pub(super) use chain::{Chain, Cuts};
pub(super) use rows::Table;

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
        let held = self.held_logs(world, space, tag)?;
        let mut pieces = Pieces::new(world, self.space_mut(world.directory, space)?, tag, &held);
        self.take_rows(world, space, tag, &mut pieces)?;
        let space = self.space_mut(world.directory, space)?;
        let reading = Reading::new(world, space, pieces);
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

    /// Reads every log of a document, and whose it is.
    pub(super) fn held_logs(
        &mut self,
        world: World<'_>,
        space: SpaceTag,
        tag: DocTag,
    ) -> Result<BTreeMap<LogKey, Vec<Entry>>, CoreError> {
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
        let mut bound = false;
        for (log, entries) in &logs {
            let late = world.index.base(&tag, log).is_some();
            bound |= introduce_log(space, tag, log, entries, late);
        }
        // What was opened before may look different.
        if bound {
            self.open.clear();
        }
        Ok(logs)
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

/// An entry that could be opened.
#[derive(Clone)]
struct Piece {
    document: DocTag,
    log: LogKey,
    sequence: u64,
    entry: EntryId,
    at: Timestamp,
    binding: Option<Binding>,
    changes: Arc<[automerge::Change]>,
    part: Option<Arc<Part>>,
    /// Who signed it, or why the signature is worth nothing.
    person: Result<Option<Arc<PersonCertificate>>, Withheld>,
}

/// An entry of a log, or a row of a checkpoint in the place of one that is not held.
struct Place {
    sequence: u64,
    entry: EntryId,
    previous: EntryId,
    piece: Result<Piece, Withheld>,
    /// Of a row the parties whose word it is, or why it does not count.
    attested_by: Option<Result<Arc<[PartyId]>, Withheld>>,
}

/// The entries of a document, opened, by log.
pub(super) struct Pieces {
    logs: BTreeMap<LogKey, Vec<Place>>,
    /// The logs that begin late, and the entry before their beginning.
    bases: BTreeMap<LogKey, Tip>,
}

impl Pieces {
    pub(super) fn new(
        world: World<'_>,
        space: &Space,
        document: DocTag,
        held: &BTreeMap<LogKey, Vec<Entry>>,
    ) -> Self {
        let place = |entry: &Entry| Place {
            sequence: entry.header().sequence,
            entry: entry.id(),
            previous: entry.header().previous,
            piece: open_piece(space, entry),
            attested_by: None,
        };
        let logs = held.iter().map(|(log, held)| (*log, held.iter().map(place).collect()));
        let bases = world.index.bases(&document).map(|(log, base)| (log, base.tip));
        Self { logs: logs.collect(), bases: bases.collect() }
    }

    fn chain(&self, log: &LogKey) -> Chain {
        let places = self.logs.get(log).into_iter().flatten();
        let places = places.map(|place| (place.sequence, place.entry, place.previous));
        Chain::new(places, self.bases.get(log).copied())
    }
}

/// The entries of a document, opened and judged.
#[derive(Default)]
pub(super) struct Reading {
    /// Entries that could be read, by log and in sequence.
    entries: BTreeMap<LogKey, Vec<(EntryId, Judged)>>,
    /// The branch that stands of each log with several.
    forked: BTreeMap<LogKey, Chain>,
    withheld: Vec<WithheldEntry>,
}

impl Reading {
    /// Judges the entries of each log, and the rows that stand for what is not held.
    pub(super) fn new(world: World<'_>, space: &Space, mut pieces: Pieces) -> Self {
        let mut reading = Self::default();
        for log in pieces.logs.keys().copied().collect::<Vec<_>>() {
            let chain = pieces.chain(&log);
            let places = pieces.logs.remove(&log).unwrap_or_default();
            reading.log(world, space, log, places, chain);
        }
        reading
    }

    fn log(
        &mut self,
        world: World<'_>,
        space: &Space,
        log: LogKey,
        places: Vec<Place>,
        chain: Chain,
    ) {
        let cuts = Cuts::new(world, space, log, &chain);
        let mut judged = Vec::with_capacity(places.len());
        for Place { sequence, entry, piece, attested_by, .. } in places {
            match piece {
                Ok(piece) => {
                    let mut piece = judge(world, space, piece, &cuts);
                    if let Some(attested_by) = attested_by {
                        piece.attest(attested_by);
                    }
                    judged.push((entry, piece));
                }
                Err(reason) => {
                    let (node, at) = (space.writer(&log), None);
                    self.withheld.push(WithheldEntry { log, sequence, node, reason, entry, at });
                }
            }
        }
        judged.sort_by_key(|(_, entry)| entry.sequence);
        if chain.is_forked() {
            self.forked.insert(log, chain);
        }
        self.entries.insert(log, judged);
    }

    /// Lists the entries that could be read, by log and in sequence, and says of each log whether it forked.
    pub(super) fn judged(
        &self,
    ) -> impl Iterator<Item = (LogKey, bool, impl Iterator<Item = &Judged>)> {
        self.entries.iter().map(|(log, entries)| {
            (*log, self.forked.contains_key(log), entries.iter().map(|(_, judged)| judged))
        })
    }

    /// Lists all entries by log and place, those that could not be opened too.
    pub(super) fn held(&self) -> BTreeMap<LogKey, HeldLog<'_>> {
        let mut held: BTreeMap<LogKey, HeldLog<'_>> = BTreeMap::new();
        let opened = self
            .entries
            .values()
            .flatten()
            .map(|(id, judged)| (judged.log, judged.sequence, *id, Some(judged)));
        let closed = self.withheld.iter().map(|e| (e.log, e.sequence, e.entry, None));
        for (log, sequence, entry, judged) in opened.chain(closed) {
            held.entry(log).or_default().entry(sequence).or_default().push((entry, judged));
        }
        held
    }

    /// Leaves one branch of each forked log. Past the fork only that of it counts on which others built or
    /// which a steward admitted: its author has said two things in one place.
    pub(super) fn finish(
        mut self,
        admitted: &BTreeSet<EntryId>,
    ) -> (Vec<Judged>, Vec<WithheldEntry>) {
        if planted::is(Bug::ForkStands) {
            self.forked.clear();
        }
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
        while let Some(branches) = chain.follow(at) {
            let worth = |id: &EntryId| {
                let descendants = chain.descendants(*id);
                let chosen = descendants.iter().any(|id| admitted.contains(id));
                let (counts, built_on) = self.worth(log, descendants, &own);
                (Reverse(counts), Reverse(chosen), Reverse(built_on), *id)
            };
            let next = match branches {
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

/// Decrypts an entry that is a part of a checkpoint; none where it is none, or cannot be opened.
pub(super) fn part(space: &Space, entry: &Entry) -> Option<Arc<Part>> {
    open_piece(space, entry).ok()?.part
}

/// Decrypts one entry and reads what it holds.
fn open_piece(space: &Space, entry: &Entry) -> Result<Piece, Withheld> {
    let header = entry.header();
    let payload = payload(space, entry)?;
    let (changes, part) = match &payload.content {
        Content::Changes(raw) => {
            (raw.iter().map(|bytes| read_change(bytes)).collect::<Result<_, _>>()?, None)
        }
        Content::Checkpoint(items) => {
            let part = Part::read(items).ok_or(Withheld::Damaged)?;
            (Vec::new(), Some(Arc::new(part)))
        }
        Content::Certificates(_) | Content::Recovery(_) => return Err(Withheld::Damaged),
    };
    let person = super::edit::signer(&payload, entry).map(|signer| signer.map(Arc::new));
    Ok(Piece {
        document: header.document,
        log: header.log,
        sequence: header.sequence,
        entry: entry.id(),
        at: payload.at,
        binding: payload.binding,
        changes: changes.into(),
        part,
        person,
    })
}

/// Judges whether an entry counts.
fn judge(world: World<'_>, space: &Space, piece: Piece, cuts: &Cuts) -> Judged {
    let node = space.writer(&piece.log);
    let standing = word_of(world, space, &piece, cuts);
    let Piece { log, sequence, entry, at, binding, changes, part, person, .. } = piece;
    let certificate = person.ok().flatten();
    Judged { log, sequence, node, entry, at, standing, binding, certificate, changes, part }
}

/// Says whose word an entry is.
fn word_of(
    world: World<'_>,
    space: &Space,
    piece: &Piece,
    cuts: &Cuts,
) -> Result<Author, Withheld> {
    let writer = space.writer(&piece.log).ok_or(Withheld::Unbound)?;
    let node = world.directory.node(&writer).ok_or(Withheld::UnknownAuthor)?;
    let author = author(world, writer).ok_or(Withheld::UnknownAuthor)?;
    if space.ended(node.ends, piece.entry, piece.at) {
        return Err(Withheld::Ended);
    }
    let Piece { log, document, sequence, entry, at, .. } = *piece;
    let written = Written { party: node.party, log, document, sequence, entry, at };
    space.counts(&written, |point| cuts.within(point, entry))?;
    let person = match piece.person.clone()? {
        None => None,
        Some(certificate) => {
            let admitted = space.state().admitted.contains(&piece.entry);
            let at = if admitted { Timestamp::default() } else { piece.at };
            Some(super::edit::person_of(world, &certificate, node.party, at)?)
        }
    };
    Ok(Author { person, ..author })
}

/// Returns the author that a node of the directory is, without a person.
pub(super) fn author(world: World<'_>, node: NodeId) -> Option<Author> {
    let member = world.directory.node(&node)?;
    Some(Author {
        node: linli_model::author::NodeId(node.0),
        party: PartyId(member.party.0),
        kind: kind(member.kind)?,
        person: None,
        attested_by: Vec::new(),
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
