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
use crate::id::{BlobId, NodeId, SpaceTag, Timestamp};
use crate::limits::{BLOB_OFFER_MS, BLOB_PART_BYTES, BLOBS_AT_ONCE_MAX};

/// What the names of the records begin with, on the node's own shelf: then the id.
const KEY: &[u8] = b"blob/";

/// How often a carrier looks for offers of which nothing came.
const LOOK_MS: u64 = 60_000;

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
    /// Bytes that it counts for: all at a carrier, and where a peer is asked for it; else what was given.
    counted: u64,
    /// When something last came of it.
    progress: Timestamp,
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
    /// With the number of the last change of each.
    spaces: BTreeMap<SpaceTag, (u64, BTreeSet<BlobId>)>,
    changes: u64,
    wanted: BTreeMap<BlobId, Wanted>,
    /// Who said to hold what is held here, since the start.
    elsewhere: BTreeMap<BlobId, BTreeSet<NodeId>>,
    /// Which peer is asked for them.
    asked: BTreeMap<BlobId, NodeId>,
    /// What an earlier run has of blobs that were not whole.
    parts: BTreeMap<BlobId, u64>,
    /// Bytes of all that is held or wanted; what is kept for each sending endpoint, and how many for all of them.
    all: u64,
    carried: BTreeMap<NodeId, BlobCount>,
    carried_all: u64,
    looked: Timestamp,
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
        let ids = self.spaces.get(space).into_iter().flat_map(|(_, ids)| ids);
        ids.filter_map(|id| self.held(id))
    }

    /// Numbers what is held of a space: another number wherever something else is.
    pub(crate) fn state(&self, space: &SpaceTag) -> u64 {
        self.spaces.get(space).map_or(0, |(change, _)| *change)
    }

    /// A blob that is wanted and not whole yet.
    pub(crate) fn lacks(&self, blob: &BlobId) -> Option<&Wanted> {
        self.wanted.get(blob).filter(|wanted| !wanted.whole)
    }

    /// Whether nothing is to be asked for: the store failed just now.
    pub(crate) const fn waits(&self) -> bool {
        self.backoff.waits()
    }

    fn count(&mut self, from: Option<NodeId>, bytes: u64) {
        self.all = self.all.saturating_add(bytes);
        if let Some(from) = from {
            let of = self.carried.entry(from).or_default();
            of.bytes = of.bytes.saturating_add(bytes);
        }
    }

    fn uncount(&mut self, from: Option<NodeId>, bytes: u64) {
        self.all = self.all.saturating_sub(bytes);
        if let Some(of) = from.and_then(|from| self.carried.get_mut(&from)) {
            of.bytes = of.bytes.saturating_sub(bytes);
        }
    }

    /// Counts one blob more.
    fn enter(&mut self, from: Option<NodeId>, bytes: u64) {
        self.count(from, bytes);
        if let Some(from) = from {
            self.carried.entry(from).or_default().blobs += 1;
            self.carried_all += 1;
        }
    }

    /// Counts one blob less.
    fn withdraw(&mut self, from: Option<NodeId>, bytes: u64) {
        self.uncount(from, bytes);
        let Some(from) = from else { return };
        self.carried_all = self.carried_all.saturating_sub(1);
        if let Some(of) = self.carried.get_mut(&from) {
            of.blobs = of.blobs.saturating_sub(1);
            if of.blobs == 0 {
                self.carried.remove(&from);
            }
        }
    }

    /// Counts other bytes for a blob that is wanted.
    fn recount(&mut self, blob: &BlobId, bytes: u64) {
        let Some(wanted) = self.wanted.get_mut(blob) else { return };
        let (before, from) = (wanted.counted, wanted.kept.from);
        wanted.counted = bytes;
        self.uncount(from, before);
        self.count(from, bytes);
    }

    /// Whether a carrier keeps one more blob for an endpoint.
    fn admits(&self, policy: &Policy, bytes: u64, from: &NodeId) -> Result<(), Refused> {
        let used = self.carried.get(from).copied().unwrap_or_default();
        if used.blobs >= policy.blobs_max || used.bytes.saturating_add(bytes) > policy.blob_bytes {
            return Err(Refused::Quota);
        }
        if self.carried_all >= policy.blobs_max_all || !self.has_room(policy, bytes) {
            return Err(Refused::CommunityQuota);
        }
        Ok(())
    }

    const fn has_room(&self, policy: &Policy, bytes: u64) -> bool {
        self.all.saturating_add(bytes) <= policy.blob_bytes_all
    }

    fn want(&mut self, kept: Kept, now: Timestamp) {
        let part = BLOB_PART_BYTES as u64;
        // The last part is fetched in any case: with it the store finds that the blob is whole.
        let last = kept.blob.size.saturating_sub(1) / part * part;
        let found = self.parts.get(&kept.blob.id).copied().unwrap_or_default();
        let written = (found / part * part).min(last);
        if written > 0 {
            self.parts.remove(&kept.blob.id);
        }
        let counted = kept.from.map_or(written, |_| kept.blob.stored_bytes());
        self.enter(kept.from, counted);
        let (whole, save, progress) = (false, None, now);
        let wanted = Wanted { kept, written, given: written, counted, progress, whole, save };
        self.wanted.insert(kept.blob.id, wanted);
    }

    fn keep(&mut self, kept: Kept) {
        self.changes += 1;
        let (change, ids) = self.spaces.entry(kept.blob.space).or_default();
        *change = self.changes;
        ids.insert(kept.blob.id);
        self.held.insert(kept.blob.id, kept);
    }

    /// Forgets a blob; says whether there was a record of it, or something in the store.
    fn forget(&mut self, blob: &BlobId) -> bool {
        self.asked.remove(blob);
        if let Some(wanted) = self.wanted.remove(blob) {
            self.withdraw(wanted.kept.from, wanted.counted);
            return true;
        }
        self.elsewhere.remove(blob);
        let Some(kept) = self.held.remove(blob) else { return false };
        self.withdraw(kept.from, kept.blob.stored_bytes());
        self.changes += 1;
        if let Some((change, ids)) = self.spaces.get_mut(&kept.blob.space) {
            *change = self.changes;
            ids.remove(blob);
            if ids.is_empty() {
                self.spaces.remove(&kept.blob.space);
            }
        }
        true
    }

    /// Notes that a peer holds a blob that is held here.
    pub(crate) fn note_elsewhere(&mut self, blob: &BlobId, peer: NodeId) {
        if self.held.contains_key(blob) {
            self.elsewhere.entry(*blob).or_default().insert(peer);
        }
    }

    /// Notes that a peer holds all that is held here of a space.
    pub(crate) fn note_alike(&mut self, space: &SpaceTag, peer: NodeId) {
        for blob in self.spaces.get(space).into_iter().flat_map(|(_, ids)| ids) {
            self.elsewhere.entry(*blob).or_default().insert(peer);
        }
    }

    /// Notes that a peer does not hold a blob, or does not give it.
    pub(crate) fn note_lacking(&mut self, blob: &BlobId, peer: &NodeId) {
        if let Some(peers) = self.elsewhere.get_mut(blob) {
            peers.remove(peer);
        }
    }

    /// Gives up what an earlier run has of blobs that nobody named since: whose they are is not known.
    pub(crate) fn take_orphans(&mut self) -> BTreeSet<BlobId> {
        let parts = std::mem::take(&mut self.parts);
        let unknown =
            |blob: &BlobId| !self.held.contains_key(blob) && !self.wanted.contains_key(blob);
        parts.into_keys().filter(unknown).collect()
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
            self.unask(blob);
        }
    }

    /// Nobody is asked for a blob any more: at a member it counts for what there is of it.
    fn unask(&mut self, blob: &BlobId) {
        self.asked.remove(blob);
        let own = self.lacks(blob).filter(|wanted| wanted.kept.from.is_none());
        if let Some(given) = own.map(|wanted| wanted.given) {
            self.recount(blob, given);
        }
    }

    /// Says whether a peer is asked for a blob that is still wanted.
    pub(crate) fn is_asked(&self, blob: &BlobId, peer: &NodeId) -> bool {
        self.asked.get(blob) == Some(peer) && self.lacks(blob).is_some()
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
    /// Asks a peer for a blob, where no other is asked, not too many are and there is room for it; says from where on.
    pub(crate) fn ask_blob(&mut self, blob: &BlobId, peer: NodeId) -> Option<u64> {
        let blobs = &mut self.blobs;
        let wanted = blobs.lacks(blob)?;
        let (from, all) = (wanted.given, wanted.kept.blob.stored_bytes());
        let more = all.saturating_sub(wanted.counted);
        let busy = blobs.asked.contains_key(blob) || blobs.asked.len() >= BLOBS_AT_ONCE_MAX;
        if busy || (more > 0 && !blobs.has_room(&self.policy, more)) {
            return None;
        }
        blobs.recount(blob, all);
        blobs.asked.insert(*blob, peer);
        Some(from)
    }

    /// Wants a blob that a peer offers to a carrier, or finds that it is wanted already; says whether it is.
    pub(crate) fn takes_blob(&mut self, peer: &NodeId, blob: &Blob) -> Result<bool, Refused> {
        if let Some(wanted) = self.blobs.wanted.get(&blob.id) {
            return Ok(wanted.kept.blob == *blob);
        }
        let own = self.wanted.contains_key(&blob.space);
        if own || !self.keeps(&blob.space) || self.blobs.held.contains_key(&blob.id) {
            return Ok(false);
        }
        self.blobs.admits(&self.policy, blob.stored_bytes(), peer)?;
        self.blobs.want(Kept { blob: *blob, from: Some(*peer) }, self.now);
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
        wanted.progress = self.now;
        wanted.given = offset.saturating_add(part_bytes(blob.size, offset)?);
        Some(Output::WritePart { blob, offset, bytes })
    }

    /// Gives up a blob that a carrier was offered and got something else for: who offered it may have
    /// told a size that it has not.
    pub(crate) fn mistrust_blob(&mut self, peer: &NodeId, blob: &BlobId) {
        let of = |wanted: &&Wanted| wanted.kept.from == Some(*peer) && wanted.given == 0;
        if self.blobs.wanted.get(blob).filter(of).is_some() {
            self.blobs.forget(blob);
        }
    }

    fn record_blob(&mut self, blob: &BlobId) {
        let Some(wanted) = self.blobs.wanted.get_mut(blob) else { return };
        wanted.whole = true;
        let (records, blobs) = (vec![record(&wanted.kept)], vec![*blob]);
        self.commits.push_own(Parcel { records, blobs, ..Parcel::default() });
        wanted.save = Some(self.commits.last_save());
        let all = wanted.kept.blob.stored_bytes();
        self.blobs.recount(blob, all);
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
            self.blobs.enter(kept.from, blob.stored_bytes());
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
        let erases = !self.world.erasing.is_empty();
        let blobs = &mut self.world.blobs;
        let lost: Vec<BlobId> =
            blobs.held.keys().filter(|blob| !whole.contains(*blob)).copied().collect();
        for blob in &lost {
            blobs.forget(blob);
        }
        blobs.parts = parts;
        // Whose the parts are is not known: they may be of what is being erased.
        let mut gone = if erases { blobs.take_orphans() } else { BTreeSet::new() };
        gone.extend(whole.iter().filter(|blob| !blobs.held.contains_key(*blob)));
        gone
    }

    /// Returns a blob that is held whole.
    #[must_use]
    pub fn blob(&self, blob: &BlobId) -> Option<&Blob> {
        self.world.blobs.held(blob)
    }

    /// Counts the members that said since the start to hold a blob that is held here.
    #[must_use]
    pub fn blob_elsewhere(&self, blob: &BlobId) -> usize {
        let World { blobs, directory, now, .. } = &self.world;
        let peers = blobs.elsewhere.get(blob).into_iter().flatten();
        peers.filter(|peer| directory.admits(peer, *now).is_ok()).count()
    }

    /// Says whether a node said since the start to hold a blob that is held here.
    #[must_use]
    pub fn blob_is_at(&self, blob: &BlobId, peer: &NodeId) -> bool {
        self.world.blobs.elsewhere.get(blob).is_some_and(|peers| peers.contains(peer))
    }

    /// Lists the blobs that are held whole.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.world.blobs.held.values().map(|kept| &kept.blob)
    }

    /// Lists the blobs that are wanted and not whole.
    pub fn wanted_blobs(&self) -> impl Iterator<Item = &Blob> {
        self.world.blobs.wanted.values().map(|wanted| &wanted.kept.blob)
    }

    /// Returns a blob that is wanted and not held.
    #[must_use]
    pub fn wanted_blob(&self, blob: &BlobId) -> Option<&Blob> {
        self.world.blobs.wanted.get(blob).map(|wanted| &wanted.kept.blob)
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

    /// Returns the bytes of disk that blobs take which a carrier keeps for a sending endpoint.
    #[must_use]
    pub fn carried_blob_bytes(&self, peer: &NodeId) -> u64 {
        self.world.blobs.carried.get(peer).map_or(0, |of| of.bytes)
    }

    pub(super) fn want_blob(&mut self, blob: Blob) {
        let world = &mut self.world;
        let known =
            world.blobs.held.contains_key(&blob.id) || world.blobs.wanted.contains_key(&blob.id);
        let erased = world.index.is_erased(&blob.space, &blob.document);
        if known || erased || !blob.is_sized() {
            return;
        }
        world.blobs.want(Kept { blob, from: None }, world.now);
        for session in self.sessions.values_mut() {
            session.look_for(&blob.id);
        }
    }

    pub(super) fn keep_blob(&mut self, blob: Blob) {
        self.world.blobs.want(Kept { blob, from: None }, self.world.now);
        self.world.record_blob(&blob.id);
    }

    pub(super) fn drop_blobs(&mut self, mut blobs: BTreeSet<BlobId>, outputs: &mut Vec<Output>) {
        blobs.retain(|blob| self.world.blobs.forget(blob));
        if !blobs.is_empty() {
            let records = removals(&blobs).collect();
            self.world.commits.push_own(Parcel { records, ..Parcel::default() });
            outputs.push(Output::RemoveBlobs { blobs });
            // There may be room now for what is wanted.
            self.all_dirty();
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
                blobs.unask(blob);
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

    /// Records again what could not be recorded, and forgets at a carrier what it was offered in vain.
    pub(super) fn retry_blobs(&mut self, outputs: &mut Vec<Output>) {
        self.forget_offers(outputs);
        self.world.blobs.backoff.tick();
        let lost = |save| self.world.commits.saved(save) == Saved::Lost;
        let wanted = self.world.blobs.wanted.iter();
        let lost = wanted.filter(|(_, wanted)| wanted.save.is_some_and(lost));
        for blob in lost.map(|(blob, _)| *blob).collect::<Vec<_>>() {
            self.world.record_blob(&blob);
        }
    }

    /// Forgets blobs of which nothing came for an hour, or whose offerer is no member any more.
    fn forget_offers(&mut self, outputs: &mut Vec<Output>) {
        let World { blobs, directory, now, .. } = &mut self.world;
        let now = *now;
        if now >= blobs.looked && now.since_ms(blobs.looked) < LOOK_MS {
            return;
        }
        blobs.looked = now;
        let vain = |wanted: &&Wanted| {
            let late = now.since_ms(wanted.progress) >= BLOB_OFFER_MS;
            let from = wanted.kept.from.filter(|_| !wanted.whole);
            from.is_some_and(|from| late || directory.admits(&from, now).is_err())
        };
        let vain: BTreeSet<BlobId> =
            blobs.wanted.values().filter(vain).map(|wanted| wanted.kept.blob.id).collect();
        self.drop_blobs(vain, outputs);
    }
}
