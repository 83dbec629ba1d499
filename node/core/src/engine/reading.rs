//! What a party could read, and what an entry says that is not shown.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::history;
use linli_replica::entry::Entry;
use linli_replica::id::{
    CertificateId, DocTag, EntryId, EpochId, LogKey, PartyId, SpaceTag, Timestamp,
};

use super::open::{Chain, Cuts, payload, read_log};
use super::{Core, CoreError, World};
use crate::authority::{Right, StandingGrant, Written};
use crate::document::{Withheld, read_change};
use crate::payload::Content;
use crate::space::Space;

/// The entries of a document that are sealed under keys which a party was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The document.
    pub document: DocTag,
    /// Its name.
    pub name: String,
    /// By log the entries: place and signed time.
    pub entries: BTreeMap<LogKey, Vec<(u64, Timestamp)>>,
    /// The logs that a node of the party itself wrote.
    pub own: BTreeSet<LogKey>,
}

/// A write of an entry that is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldWrite {
    /// The key at the root of the document.
    pub key: String,
    /// The value as text, none for a deletion.
    pub value: Option<String>,
}

impl Core {
    /// Lists what a party could read of a space, if it holds every byte: entries under epochs whose
    /// keys it was given.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn readable_by(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        party: PartyId,
    ) -> Result<Vec<Readable>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let epochs = epochs_of(space, party);
        let authority = space.authority_document();
        let documents: Vec<DocTag> = world.index.documents(&tag).map(|(tag, _)| tag).collect();
        let mut all = Vec::new();
        for document in documents.into_iter().filter(|document| *document != authority) {
            let Some(name) = space.name_of(&document).map(str::to_owned) else { continue };
            let mut entries: BTreeMap<LogKey, Vec<(u64, Timestamp)>> = BTreeMap::new();
            for log in world.index.frontier(&document).unwrap_or_default().0.into_keys() {
                for entry in read_log(world, document, log)? {
                    let header = entry.header();
                    if epochs.contains(&header.epoch)
                        && let Ok(payload) = payload(space, &entry)
                    {
                        entries.entry(log).or_default().push((header.sequence, payload.at));
                    }
                }
            }
            if !entries.is_empty() {
                let writer = |log: &LogKey| world.directory.node(&space.writer(log)?);
                let own =
                    entries.keys().filter(|log| writer(log).is_some_and(|n| n.party == party));
                let own = own.copied().collect();
                all.push(Readable { document, name, entries, own });
            }
        }
        Ok(all)
    }

    /// Reads what an entry wrote, whether it counts or not.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn inspect(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
        log: LogKey,
        entry: EntryId,
    ) -> Result<Vec<HeldWrite>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let entries = read_log(world, document, log)?;
        let found = entries.iter().find(|held| held.id() == entry);
        Ok(found.map(|entry| writes(space, entry)).unwrap_or_default())
    }

    /// Counts the entries this node wrote in a space that lie past a cut of its party.
    ///
    /// # Errors
    /// This node is no member of the space.
    pub fn own_past_cut(&mut self, world: World<'_>, tag: SpaceTag) -> Result<u64, CoreError> {
        let (me, party) = (self.node(), self.party);
        let space = self.space_mut(world.directory, tag)?;
        if !space.state().cuts.contains_key(&party) {
            return Ok(0);
        }
        // Shares of epochs, orders to prune and checkpoints are nobody's work.
        let orders = linli_replica::prune::document_tag(&tag);
        let reserved = [space.authority_document(), crate::kdf::recovery_tag(&tag), orders];
        let mut past = 0;
        for (document, _) in world.index.documents(&tag).filter(|(tag, _)| !reserved.contains(tag))
        {
            let logs = world.index.frontier(&document).unwrap_or_default().0.into_keys();
            for log in logs.filter(|log| space.writer(log) == Some(me)) {
                let entries = read_log(world, document, log)?;
                let cuts = Cuts::new(world, space, log, &Chain::of(&entries, None));
                // A cut does not ask when an entry was written.
                let held = entries.iter().filter(|held| {
                    let (sequence, entry) = (held.header().sequence, held.id());
                    let at = Timestamp(0);
                    let written = Written { party, log, document, sequence, entry, at };
                    let counts = space.counts(&written, |point| cuts.within(point, entry));
                    counts == Err(Withheld::PastCut) && !is_part(space, held)
                });
                past += u64::try_from(held.count()).unwrap_or(u64::MAX);
            }
        }
        Ok(past)
    }
}

/// Says whether an entry is a part of a checkpoint.
fn is_part(space: &Space, entry: &Entry) -> bool {
    payload(space, entry).is_ok_and(|payload| matches!(payload.content, Content::Checkpoint(_)))
}

fn writes(space: &Space, entry: &Entry) -> Vec<HeldWrite> {
    let Ok(payload) = payload(space, entry) else { return Vec::new() };
    let Content::Changes(raw) = payload.content else { return Vec::new() };
    let changes = raw.iter().filter_map(|bytes| read_change(bytes).ok());
    let writes = changes.flat_map(|change| history::writes_of(&change));
    let shown = |write: history::Write| HeldWrite {
        key: write.key,
        value: write.value.map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        }),
    };
    writes.map(shown).collect()
}

/// Lists the epochs whose keys a party was given, by the certificates.
fn epochs_of(space: &Space, party: PartyId) -> BTreeSet<EpochId> {
    let state = space.state();
    let grants = [&state.members, &state.former].into_iter().filter_map(|of| of.get(&party));
    let grants: Vec<&StandingGrant> = grants
        .flat_map(|member| &member.grants)
        .filter(|grant| grant.right >= Right::Read)
        .collect();
    let given = |id: &EpochId, grant: &StandingGrant| {
        let epoch = CertificateId(id.0);
        let after = state.dead.get(&grant.id).is_some_and(|death| space.knew(epoch, death.removal));
        // Without history a party is given what was begun before the others knew of its grant, too.
        !after && (grant.history || !space.knew(grant.id, epoch))
    };
    state
        .epochs
        .iter()
        .filter(|(_, state)| !state.epoch.excludes.contains(&party))
        .filter(|(id, _)| grants.iter().any(|grant| given(id, grant)))
        .map(|(id, _)| *id)
        .collect()
}
