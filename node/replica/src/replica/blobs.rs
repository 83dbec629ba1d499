//! The blobs of a node: which it holds, which it wants, and for whom a carrier keeps them.
//!
//! ```text
//! a document names it, or somebody brings it to a carrier ─→ wanted
//!    parts, each checked, in order, of one peer after another ─→ Output::WritePart ─→ Input::PartWritten
//!    whole in the store ─→ one record ─→ durable ─→ held: told to all who share the space
//! ```

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use super::api::{Output, Refused, Save, Saved, Written};
use super::backoff::Backoff;
use super::commits::Parcel;
use super::{Policy, Replica, World};
use crate::batch::{Erase, Record, Shelf};
use crate::blob::{Blob, part_bytes};
use crate::codec;
use crate::id::{BlobId, NodeId, SpaceTag};
use crate::limits::{BLOB_PART_BYTES, BLOBS_AT_ONCE_MAX};

/// What the names of the records begin with, on the node's own shelf: then the id.
const KEY: &[u8] = b"blob/";

/// A blob, and for whom a carrier keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Kept {
    #[n(0)]
    blob: Blob,
    /// Who brought it first; none where this node is a member of the space.
    #[n(1)]
    from: Option<NodeId>,
}

/// A blob that is wanted.
#[derive(Debug)]
pub(crate) struct Wanted {
    kept: Kept,
    /// Bytes that are durable.
    written: u64,
    /// Bytes that the shell was given.
    given: u64,
    /// Whether all of it is in the store.
    whole: bool,
    /// The commit of its record.
    save: Option<Save>,
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobCount {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes, sealed.
    pub bytes: u64,
}

impl BlobCount {
    fn of<'a>(blobs: impl Iterator<Item = &'a Kept>) -> Self {
        blobs.fold(Self::default(), |count, kept| Self {
            blobs: count.blobs + 1,
            bytes: count.bytes.saturating_add(kept.blob.size),
        })
    }
}

/// What a node holds and wants of blobs.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    held: BTreeMap<BlobId, Kept>,
    spaces: BTreeMap<SpaceTag, BTreeSet<BlobId>>,
    wanted: BTreeMap<BlobId, Wanted>,
    /// Which peer is asked for them.
    asked: BTreeMap<BlobId, NodeId>,
    /// What an earlier run has of blobs that were not whole.
    parts: BTreeMap<BlobId, u64>,
    /// Bytes of all that is held or wanted, and of what is kept for each sending endpoint.
    all: u64,
    carried: BTreeMap<NodeId, u64>,
    backoff: Backoff,
}

fn record(kept: &Kept) -> Record {
    let key = [KEY, kept.blob.id.as_bytes()].concat();
    Record { shelf: Shelf::Own, key, value: Some(codec::encode(kept)) }
}

fn removal(blob: &BlobId) -> Record {
    Record { shelf: Shelf::Own, key: [KEY, blob.as_bytes()].concat(), value: None }
}

impl Blobs {
    pub(crate) fn held(&self, blob: &BlobId) -> Option<&Blob> {
        self.held.get(blob).map(|kept| &kept.blob)
    }

    /// The blobs held of a space.
    pub(crate) fn of_space(&self, space: &SpaceTag) -> impl Iterator<Item = &Blob> {
        let ids = self.spaces.get(space).into_iter().flatten();
        ids.filter_map(|id| self.held(id))
    }

    /// A blob that is wanted and not whole yet.
    pub(crate) fn lacks(&self, blob: &BlobId) -> Option<&Wanted> {
        self.wanted.get(blob).filter(|wanted| !wanted.whole)
    }

    /// Whether nothing is to be asked for: the store failed just now.
    pub(crate) const fn waits(&self) -> bool {
        self.backoff.waits()
    }

    fn count(&mut self, kept: &Kept) {
        self.all = self.all.saturating_add(kept.blob.size);
        if let Some(from) = kept.from {
            let bytes = self.carried.entry(from).or_default();
            *bytes = bytes.saturating_add(kept.blob.size);
        }
    }

    fn uncount(&mut self, kept: &Kept) {
        self.all = self.all.saturating_sub(kept.blob.size);
        if let Some(from) = kept.from {
            let bytes = self.carried.entry(from).or_default();
            *bytes = bytes.saturating_sub(kept.blob.size);
        }
    }

    fn room(&self, policy: &Policy, size: u64, from: Option<&NodeId>) -> Result<(), Refused> {
        let used = from.map(|from| self.carried.get(from).copied().unwrap_or_default());
        if used.is_some_and(|used| used.saturating_add(size) > policy.blob_bytes) {
            return Err(Refused::Quota);
        }
        if self.all.saturating_add(size) > policy.blob_bytes_all {
            return Err(Refused::CommunityQuota);
        }
        Ok(())
    }

    fn want(&mut self, kept: Kept) {
        let part = BLOB_PART_BYTES as u64;
        // The last part is fetched in any case: with it the store finds that the blob is whole.
        let last = kept.blob.size.saturating_sub(1) / part * part;
        let found = self.parts.remove(&kept.blob.id).unwrap_or_default();
        let written = (found / part * part).min(last);
        self.count(&kept);
        let wanted = Wanted { kept, written, given: written, whole: false, save: None };
        self.wanted.insert(kept.blob.id, wanted);
    }

    fn keep(&mut self, kept: Kept) {
        self.spaces.entry(kept.blob.space).or_default().insert(kept.blob.id);
        self.held.insert(kept.blob.id, kept);
    }

    /// Forgets a blob; says whether there was a record of it, or something in the store.
    fn forget(&mut self, blob: &BlobId) -> bool {
        let wanted = self.wanted.remove(blob).map(|wanted| wanted.kept);
        self.asked.remove(blob);
        let Some(kept) = self.held.remove(blob).or(wanted) else { return false };
        self.uncount(&kept);
        if let Some(of_space) = self.spaces.get_mut(&kept.blob.space) {
            of_space.remove(blob);
            if of_space.is_empty() {
                self.spaces.remove(&kept.blob.space);
            }
        }
        true
    }

    fn all(&self) -> impl Iterator<Item = &Kept> {
        self.held.values().chain(self.wanted.values().map(|wanted| &wanted.kept))
    }

    /// Forgets the blobs that an order to erase takes away.
    pub(crate) fn erase(&mut self, erase: &Erase) -> BTreeSet<BlobId> {
        let gone = self.all().filter(|kept| erase.covers(&kept.blob.space, &kept.blob.document));
        let gone: BTreeSet<BlobId> = gone.map(|kept| kept.blob.id).collect();
        for blob in &gone {
            self.forget(blob);
        }
        gone
    }

    /// Gives back what was asked of a peer.
    pub(crate) fn release(&mut self, blob: &BlobId, peer: &NodeId) {
        if self.asked.get(blob) == Some(peer) {
            self.asked.remove(blob);
        }
    }

    /// Says whether a peer is asked for a blob that is still wanted.
    pub(crate) fn is_asked(&self, blob: &BlobId, peer: &NodeId) -> bool {
        self.asked.get(blob) == Some(peer) && self.lacks(blob).is_some()
    }

    /// Asks a peer for a blob, where no other is asked and not too many are; says from where on.
    pub(crate) fn ask(&mut self, blob: &BlobId, peer: NodeId) -> Option<u64> {
        let from = self.lacks(blob)?.given;
        if self.asked.contains_key(blob) || self.asked.len() >= BLOBS_AT_ONCE_MAX {
            return None;
        }
        self.asked.insert(*blob, peer);
        Some(from)
    }
}

/// The records that go when blobs are erased.
pub(crate) fn removals(blobs: &BTreeSet<BlobId>) -> impl Iterator<Item = Record> {
    blobs.iter().map(removal)
}

impl Wanted {
    pub(crate) const fn blob(&self) -> &Blob {
        &self.kept.blob
    }

    pub(crate) const fn written(&self) -> u64 {
        self.written
    }
}

impl World {
    /// Wants a blob that a peer offers to a carrier, or finds that it is wanted already; says whether it is.
    pub(crate) fn takes_blob(&mut self, peer: &NodeId, blob: &Blob) -> Result<bool, Refused> {
        if let Some(wanted) = self.blobs.wanted.get(&blob.id) {
            return Ok(wanted.kept.blob == *blob);
        }
        let own = self.wanted.contains_key(&blob.space);
        if own || !self.keeps(&blob.space) || self.blobs.held.contains_key(&blob.id) {
            return Ok(false);
        }
        self.blobs.room(&self.policy, blob.size, Some(peer))?;
        self.blobs.want(Kept { blob: *blob, from: Some(*peer) });
        Ok(true)
    }

    /// Takes the next part of a blob, which was checked: it is the shell's to write. None where it is not, or no
    /// longer, what this peer is asked for.
    pub(crate) fn take_part(
        &mut self,
        peer: &NodeId,
        blob: &BlobId,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Option<Output> {
        let asked = self.blobs.is_asked(blob, peer);
        let wanted = self.blobs.wanted.get_mut(blob)?;
        if !asked || wanted.given != offset {
            return None;
        }
        let blob = wanted.kept.blob;
        wanted.given = offset.saturating_add(part_bytes(blob.size, offset)?);
        Some(Output::WritePart { blob, offset, bytes })
    }

    /// Gives up a blob that a carrier was offered and got something else for: who offered it may have
    /// told a size that it has not.
    pub(crate) fn mistrust_blob(&mut self, peer: &NodeId, blob: &BlobId) -> Option<Output> {
        let wanted = self.blobs.wanted.get(blob)?;
        let nothing = wanted.kept.from == Some(*peer) && wanted.given == 0;
        (nothing && self.blobs.forget(blob))
            .then(|| Output::RemoveBlobs { blobs: BTreeSet::from([*blob]) })
    }

    fn record_blob(&mut self, blob: &BlobId) {
        let Some(wanted) = self.blobs.wanted.get_mut(blob) else { return };
        wanted.whole = true;
        let (records, blobs) = (vec![record(&wanted.kept)], vec![*blob]);
        self.commits.push_own(Parcel { records, blobs, ..Parcel::default() });
        wanted.save = Some(self.commits.last_save());
    }

    /// Takes up a record of an earlier run.
    pub(crate) fn restore_blob(&mut self, key: &[u8], value: &[u8]) {
        let id = key.strip_prefix(KEY).and_then(|id| id.try_into().ok()).map(BlobId);
        let kept = codec::decode::<Kept>(value).ok();
        let Some(kept) = kept.filter(|kept| Some(kept.blob.id) == id) else { return };
        let blob = kept.blob;
        // The order came, and was not carried out before the end of the run.
        let covers = |erase: &Erase| erase.covers(&blob.space, &blob.document);
        if let Some(erasing) = self.erasing.values_mut().find(|erasing| covers(&erasing.erase)) {
            erasing.blobs.insert(blob.id);
        } else if !self.index.is_erased(&blob.space, &blob.document) {
            self.blobs.count(&kept);
            self.blobs.keep(kept);
        }
    }
}

impl Replica {
    /// Takes up what the store has of blobs: `whole` those that are whole, `parts` the bytes of those that
    /// are not. To be called once, after [`Self::restore`]. Returns what the store is to remove.
    pub fn restore_blobs(
        &mut self,
        whole: &BTreeSet<BlobId>,
        parts: BTreeMap<BlobId, u64>,
    ) -> BTreeSet<BlobId> {
        let blobs = &mut self.world.blobs;
        let lost: Vec<BlobId> =
            blobs.held.keys().filter(|blob| !whole.contains(*blob)).copied().collect();
        for blob in &lost {
            blobs.forget(blob);
        }
        blobs.parts = parts;
        whole.iter().filter(|blob| !blobs.held.contains_key(*blob)).copied().collect()
    }

    /// Returns a blob that is held whole.
    #[must_use]
    pub fn blob(&self, blob: &BlobId) -> Option<&Blob> {
        self.world.blobs.held(blob)
    }

    /// Lists the blobs that are held whole.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.world.blobs.held.values().map(|kept| &kept.blob)
    }

    /// Lists the blobs that are wanted and not whole.
    pub fn wanted_blobs(&self) -> impl Iterator<Item = &Blob> {
        self.world.blobs.wanted.values().map(|wanted| &wanted.kept.blob)
    }

    /// Says how many bytes of a blob that is wanted are durable.
    #[must_use]
    pub fn blob_bytes(&self, blob: &BlobId) -> Option<u64> {
        self.world.blobs.wanted.get(blob).map(|wanted| wanted.written)
    }

    /// Counts the blobs that are held.
    #[must_use]
    pub fn blobs_held(&self) -> BlobCount {
        BlobCount::of(self.world.blobs.held.values())
    }

    /// Counts the blobs that are wanted and not whole.
    #[must_use]
    pub fn blobs_missing(&self) -> BlobCount {
        BlobCount::of(self.world.blobs.wanted.values().map(|wanted| &wanted.kept))
    }

    /// Returns the bytes of blobs that a carrier keeps for a sending endpoint.
    #[must_use]
    pub fn carried_blob_bytes(&self, peer: &NodeId) -> u64 {
        self.world.blobs.carried.get(peer).copied().unwrap_or_default()
    }

    pub(super) fn want_blob(&mut self, blob: Blob) {
        let world = &mut self.world;
        let known =
            world.blobs.held.contains_key(&blob.id) || world.blobs.wanted.contains_key(&blob.id);
        let erased = world.index.is_erased(&blob.space, &blob.document);
        let room = world.blobs.room(&world.policy, blob.size, None).is_ok();
        if known || erased || !room || !blob.is_sized() {
            return;
        }
        world.blobs.want(Kept { blob, from: None });
        for session in self.sessions.values_mut() {
            session.look_for(&blob.id);
        }
    }

    pub(super) fn keep_blob(&mut self, blob: Blob) {
        self.world.blobs.want(Kept { blob, from: None });
        self.world.record_blob(&blob.id);
    }

    pub(super) fn drop_blobs(&mut self, mut blobs: BTreeSet<BlobId>, outputs: &mut Vec<Output>) {
        blobs.retain(|blob| self.world.blobs.forget(blob));
        if !blobs.is_empty() {
            let records = removals(&blobs).collect();
            self.world.commits.push_own(Parcel { records, ..Parcel::default() });
            outputs.push(Output::RemoveBlobs { blobs });
        }
    }

    pub(super) fn part_written(&mut self, blob: &BlobId, written: Written) {
        let blobs = &mut self.world.blobs;
        let Some(wanted) = blobs.wanted.get_mut(blob).filter(|wanted| !wanted.whole) else {
            return;
        };
        match written {
            Written::Part { to } => {
                wanted.written = to;
                blobs.backoff.worked();
            }
            Written::Whole => {
                blobs.asked.remove(blob);
                blobs.backoff.worked();
                self.world.record_blob(blob);
            }
            Written::Failed { to } => {
                (wanted.written, wanted.given) = (to, to);
                blobs.asked.remove(blob);
                blobs.backoff.failed();
            }
        }
        self.all_dirty();
    }

    /// Takes up that the records of blobs are durable, and tells the others.
    pub(super) fn blobs_kept(&mut self, blobs: &[BlobId]) {
        for blob in blobs {
            let Some(wanted) = self.world.blobs.wanted.remove(blob) else { continue };
            let space = wanted.kept.blob.space;
            self.world.blobs.keep(wanted.kept);
            for session in self.sessions.values_mut() {
                session.tell_blob(&space, *blob);
            }
        }
    }

    /// Records again what could not be recorded.
    pub(super) fn retry_blobs(&mut self) {
        self.world.blobs.backoff.tick();
        let lost = |save| self.world.commits.saved(save) == Saved::Lost;
        let wanted = self.world.blobs.wanted.iter();
        let lost = wanted.filter(|(_, wanted)| wanted.save.is_some_and(lost));
        for blob in lost.map(|(blob, _)| *blob).collect::<Vec<_>>() {
            self.world.record_blob(&blob);
        }
    }
}
