//! Opening a document: every entry of every log, decrypted, bound, judged and applied.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::author::Author;
use linli_replica::entry::Entry;
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, SpaceTag};

use super::receive::introduce;
use super::{Core, CoreError, World};
use crate::document::{Authorized, Document, Withheld, WithheldEntry, read_change};
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

    fn read(&mut self, world: World<'_>, space: SpaceTag, tag: DocTag) -> Result<Document, CoreError> {
        let space = self.space_mut(world.directory, space)?;
        let mut reading = Reading::default();
        for log in world.index.frontier(&tag).unwrap_or_default().0.keys() {
            let entries = read_log(world, tag, *log)?;
            if let Some(first) = entries.first()
                && space.writer(log).is_none()
            {
                introduce(space, first);
            }
            reading.log(world, space, *log, &entries);
        }
        let (entries, withheld) = reading.finish();
        let own = LogKey(space.log_key().verifying_key().to_bytes());
        Ok(Document::build(tag, entries, withheld, own))
    }
}

/// Reads all entries of a log, every branch.
pub(super) fn read_log(world: World<'_>, tag: DocTag, log: LogKey) -> Result<Vec<Entry>, CoreError> {
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
    authorized: Vec<(EntryId, EntryId, Authorized)>,
    withheld: Vec<WithheldEntry>,
}

impl Reading {
    fn log(&mut self, world: World<'_>, space: &Space, log: LogKey, entries: &[Entry]) {
        for entry in entries {
            let sequence = entry.header().sequence;
            match judge(world, space, entry) {
                Ok(authorized) => {
                    self.authorized.push((entry.id(), entry.header().previous, authorized));
                }
                Err(reason) => {
                    let node = space.writer(&log);
                    self.withheld.push(WithheldEntry { log, sequence, node, reason });
                }
            }
        }
    }

    /// Leaves one branch of each forked log.
    fn finish(mut self) -> (Vec<Authorized>, Vec<WithheldEntry>) {
        let mut places: BTreeMap<(LogKey, u64), Vec<EntryId>> = BTreeMap::new();
        for (id, _, entry) in &self.authorized {
            places.entry((entry.log, entry.sequence)).or_default().push(*id);
        }
        let forked: BTreeSet<LogKey> =
            places.iter().filter(|(_, ids)| ids.len() > 1).map(|((log, _), _)| *log).collect();
        for log in forked {
            self.choose(log);
        }
        (self.authorized.into_iter().map(|(_, _, entry)| entry).collect(), self.withheld)
    }

    /// Keeps the branch that more other parties built on, then the one of lower id (at the fork).
    fn choose(&mut self, log: LogKey) {
        let (own, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.authorized).into_iter().partition(|(_, _, e)| e.log == log);
        self.authorized = rest;
        let mut children: BTreeMap<EntryId, BTreeSet<EntryId>> = BTreeMap::new();
        let mut by_id: BTreeMap<EntryId, Authorized> = BTreeMap::new();
        for (id, previous, entry) in own {
            children.entry(previous).or_default().insert(id);
            by_id.insert(id, entry);
        }
        let mut at = EntryId::default();
        while let Some(next) = children.get(&at).and_then(|branches| {
            branches.iter().copied().min_by_key(|id| {
                (std::cmp::Reverse(self.built_on(*id, &children, &by_id)), *id)
            })
        }) {
            if let Some(entry) = by_id.remove(&next) {
                self.authorized.push((next, at, entry));
            }
            at = next;
        }
        for entry in by_id.into_values() {
            let node = Some(NodeId(entry.author.node.0));
            let (sequence, reason) = (entry.sequence, Withheld::Forked);
            self.withheld.push(WithheldEntry { log, sequence, node, reason });
        }
    }

    /// Counts the other parties with a change that depends on one in the branch that begins at `from`.
    fn built_on(
        &self,
        from: EntryId,
        children: &BTreeMap<EntryId, BTreeSet<EntryId>>,
        by_id: &BTreeMap<EntryId, Authorized>,
    ) -> usize {
        let mut hashes = BTreeSet::new();
        let mut left = vec![from];
        let mut writer = None;
        while let Some(id) = left.pop() {
            if let Some(entry) = by_id.get(&id) {
                writer = Some(entry.author.party);
                hashes.extend(entry.changes.iter().map(automerge::Change::hash));
            }
            left.extend(children.get(&id).into_iter().flatten().copied());
        }
        let others: BTreeSet<_> = self
            .authorized
            .iter()
            .map(|(_, _, entry)| entry)
            .filter(|entry| Some(entry.author.party) != writer)
            .filter(|entry| {
                entry.changes.iter().any(|c| c.deps().iter().any(|dep| hashes.contains(dep)))
            })
            .map(|entry| entry.author.party)
            .collect();
        others.len()
    }
}

/// Decrypts one entry and judges whether it counts.
fn judge(world: World<'_>, space: &Space, entry: &Entry) -> Result<Authorized, Withheld> {
    let header = entry.header();
    let payload = payload(space, entry)?;
    let writer = space.writer(&header.log).ok_or(Withheld::Unbound)?;
    let node = world.directory.node(&writer).ok_or(Withheld::UnknownAuthor)?;
    let author = author(world, writer).ok_or(Withheld::UnknownAuthor)?;
    if space.ended(node.ends, entry, payload.at) {
        return Err(Withheld::Ended);
    }
    space.counts(&node.party, entry, payload.at)?;
    let person = match &payload.stamp {
        None => None,
        Some(_) => Some(super::edit::person_of(world, &payload, entry, writer)?),
    };
    let Content::Changes(raw) = &payload.content else { return Err(Withheld::Damaged) };
    let changes = raw.iter().map(|bytes| read_change(bytes)).collect::<Result<_, _>>()?;
    let author = Author { person, ..author };
    Ok(Authorized { log: header.log, sequence: header.sequence, author, changes })
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
