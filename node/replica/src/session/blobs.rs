//! Blobs in a session: each side tells the fingerprints of what it holds, by space; where they differ the other asks
//! for the list. What is new is told as it comes. A part is asked for, read by the shell, sent when the bulk lane has
//! nothing else to say, and checked as it comes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Session;
use super::naming::LISTS_MAX;
use crate::blob::{Blob, open_slice, part_bytes};
use crate::fingerprint::{SpaceName, Sum};
use crate::frame::{BlobOffer, BlobSum, Blobs as Word, BlobsOfSpace, Frame};
use crate::id::{BlobId, SpaceTag, Timestamp};
use crate::limits::{
    BLOB_OFFERS_MAX, BLOB_PART_BYTES, BLOB_PATIENCE_MS, BLOB_PAUSE_MS, BLOB_READ_AHEAD,
    BLOB_WANTS_MAX, BLOB_WINDOW, BLOBS_IN_A_LIST_MAX,
};
use crate::replica::api::{Ending, Output, Refused};
use crate::replica::world::World;

#[derive(Debug, Default)]
pub(super) struct Blobs {
    /// Spaces whose fingerprints are to be told, and whose lists are to be given.
    sums: BTreeSet<SpaceTag>,
    lists: BTreeSet<SpaceTag>,
    /// Fingerprints that the peer told: of spaces, and of names that are not shared yet, for lanes overtake each other.
    told: BTreeMap<SpaceTag, [u8; 16]>,
    unplaced: BTreeMap<SpaceName, [u8; 16]>,
    /// What was last reckoned as the fingerprint of a space, and of which state of it.
    reckoned: BTreeMap<SpaceTag, (u64, [u8; 16])>,
    /// Blobs to be told of.
    telling: BTreeSet<BlobId>,
    /// Words said since the last tick that cost the peer a look at every shared space.
    said: usize,
    /// Blobs that the peer does not hold, or does not give.
    lacking: VecDeque<BlobId>,
    /// What the peer holds and this side lacked when it said so.
    offers: BTreeMap<BlobId, Blob>,
    /// Those of them that may be wanted.
    todo: BTreeSet<BlobId>,
    fetching: Option<Fetching>,
    paused: Timestamp,
    /// Parts that the peer asked for, those being read, and those that wait for the lane.
    wants: VecDeque<(Blob, u64)>,
    reading: usize,
    ready: VecDeque<Frame>,
}

#[derive(Debug)]
struct Fetching {
    blob: Blob,
    /// Where the next part begins that is to be asked for.
    ask: u64,
    /// Where the next part begins that is to come.
    come: u64,
    progress: Timestamp,
}

/// No fingerprint is this one.
const NO_SUM: [u8; 16] = [0; 16];

const WINDOW_BYTES: u64 = BLOB_WINDOW * BLOB_PART_BYTES as u64;

impl Session {
    /// Owes the fingerprints of spaces that have come to be shared.
    pub(super) fn owe_sums_of(&mut self, spaces: impl Iterator<Item = SpaceTag>) {
        for space in spaces {
            self.blobs.sums.insert(space);
            if !self.blobs.unplaced.is_empty()
                && let Some(sum) = self.blobs.unplaced.remove(&self.salt.name(&space))
            {
                self.blobs.told.insert(space, sum);
            }
        }
    }

    /// Notes the fingerprint of a space that is not shared yet.
    fn note_unplaced(&mut self, name: SpaceName, sum: [u8; 16]) {
        if self.blobs.unplaced.len() < BLOBS_IN_A_LIST_MAX {
            self.blobs.unplaced.insert(name, sum);
        }
    }

    /// Owes word of a blob that has come to be held.
    pub(crate) fn tell_blob(&mut self, space: &SpaceTag, blob: BlobId) {
        self.blobs.offers.remove(&blob);
        self.blobs.todo.remove(&blob);
        if self.shares(space) {
            self.blobs.telling.insert(blob);
        }
        self.dirty = true;
    }

    /// Looks whether the peer has a blob that has come to be wanted.
    pub(crate) fn look_for(&mut self, blob: &BlobId) {
        if self.blobs.offers.contains_key(blob) {
            self.blobs.todo.insert(*blob);
            self.dirty = true;
        }
    }

    pub(super) fn tick_blobs(&mut self, world: &mut World, now: Timestamp) {
        self.blobs.said = 0;
        let late = |fetching: &Fetching| now.since_ms(fetching.progress) >= BLOB_PATIENCE_MS;
        if self.blobs.fetching.as_ref().is_some_and(late) {
            self.blobs.paused = now.plus_ms(BLOB_PAUSE_MS);
            self.release_blob(world);
        }
    }

    /// Gives up what is asked of the peer.
    pub(super) fn release_blob(&mut self, world: &mut World) {
        if let Some(fetching) = self.blobs.fetching.take() {
            world.blobs.release(&fetching.blob.id, &self.peer);
        }
    }

    pub(super) fn on_blobs(
        &mut self,
        world: &mut World,
        word: Word,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Ending> {
        match word {
            Word::Sums(sums) => {
                self.demand()?;
                let names = sums.iter().map(|of| *of.space);
                let known = self.look_up(self.shared.iter().copied(), names);
                for BlobSum { space, sum } in sums {
                    match known.get(&*space) {
                        Some(space) => drop(self.blobs.told.insert(*space, *sum)),
                        None => self.note_unplaced(*space, *sum),
                    }
                }
            }
            Word::Ask(names) => {
                self.demand()?;
                let names = names.as_chunks().0.iter().copied();
                let found = self.look_up(self.shared.iter().copied(), names);
                self.blobs.lists.extend(found.into_values());
            }
            Word::Held(spaces) => {
                self.demand()?;
                self.on_held(world, spaces, outputs);
            }
            Word::Want(blob, offset) => self.on_want_part(world, blob, offset, outputs)?,
            Word::Part(blob, offset, slice) => self.on_part(world, &blob, offset, &slice, outputs),
            Word::Lacking(blob) => {
                self.blobs.offers.remove(&blob);
                self.blobs.todo.remove(&blob);
                world.blobs.note_lacking(&blob, &self.peer);
                if self.blobs.fetching.as_ref().is_some_and(|of| of.blob.id == blob) {
                    self.release_blob(world);
                }
            }
        }
        Ok(())
    }

    fn sum(&mut self, world: &World, space: &SpaceTag) -> [u8; 16] {
        let state = world.blobs.state(space);
        if let Some((_, sum)) = self.blobs.reckoned.get(space).filter(|(of, _)| *of == state) {
            return *sum;
        }
        let mut sum = Sum::default();
        for blob in world.blobs.of_space(space) {
            sum.add(&self.salt.item(blob.id.as_bytes(), blob.document.as_bytes()));
        }
        let sum = self.salt.close(&sum);
        self.blobs.reckoned.insert(*space, (state, sum));
        sum
    }

    fn on_held(&mut self, world: &mut World, spaces: Vec<BlobsOfSpace>, outputs: &mut Vec<Output>) {
        self.blobs.paused = Timestamp::default();
        let names = spaces.iter().map(|of| *of.space);
        let known = self.look_up(self.shared.iter().copied(), names);
        for of in spaces {
            let Some(space) = known.get(&*of.space).copied() else {
                // It is asked about once it is shared.
                self.note_unplaced(*of.space, NO_SUM);
                continue;
            };
            for BlobOffer { blob: id, document, size } in of.blobs {
                let blob = Blob { id, space, document, size };
                if let Err(reason) = self.on_offer(world, blob) {
                    self.refuse(reason, outputs);
                }
            }
        }
    }

    fn on_offer(&mut self, world: &mut World, blob: Blob) -> Result<(), Refused> {
        if !blob.is_sized() {
            return Err(Refused::BadBlob);
        }
        if world.inboxes.contains(&blob.space) {
            return Err(Refused::UnknownSpace);
        }
        let held = world.blobs.held(&blob.id).copied();
        if held == Some(blob) {
            world.blobs.note_elsewhere(&blob.id, self.peer);
        }
        if held.is_some() || world.index.is_erased(&blob.space, &blob.document) {
            return Ok(());
        }
        let full = self.blobs.offers.len() >= BLOB_OFFERS_MAX;
        if full && !self.blobs.offers.contains_key(&blob.id) {
            return Ok(());
        }
        self.blobs.offers.insert(blob.id, blob);
        if world.takes_blob(&self.peer, &blob)? {
            self.blobs.todo.insert(blob.id);
        }
        Ok(())
    }

    fn on_want_part(
        &mut self,
        world: &World,
        id: BlobId,
        offset: u64,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Ending> {
        let waiting = self.blobs.wants.len() + self.blobs.lacking.len();
        if waiting >= BLOB_WANTS_MAX {
            return Err(Ending::TooMuch);
        }
        let held = world.blobs.held(&id);
        match held.filter(|blob| self.shares(&blob.space)) {
            Some(blob) if part_bytes(blob.size, offset).is_some() => {
                self.blobs.wants.push_back((*blob, offset));
            }
            Some(_) => self.refuse(Refused::BadBlob, outputs),
            None => {
                if held.is_some() {
                    self.refuse(Refused::NotShared, outputs);
                }
                self.blobs.lacking.push_back(id);
            }
        }
        Ok(())
    }

    /// Asks the shell for parts that the peer wants, a few at a time.
    pub(super) fn read_parts(&mut self, world: &World, outputs: &mut Vec<Output>) {
        while self.blobs.reading + self.blobs.ready.len() < BLOB_READ_AHEAD {
            let Some((blob, offset)) = self.blobs.wants.pop_front() else { break };
            if world.blobs.held(&blob.id).is_none() || !self.shares(&blob.space) {
                self.blobs.lacking.push_back(blob.id);
                self.dirty = true;
                continue;
            }
            self.blobs.reading += 1;
            outputs.push(Output::ReadPart { peer: self.peer, blob, offset });
        }
    }

    /// Takes a part from the shell, to be sent.
    pub(crate) fn part_read(&mut self, blob: BlobId, offset: u64, slice: Option<Vec<u8>>) {
        self.blobs.reading = self.blobs.reading.saturating_sub(1);
        match slice {
            Some(slice) => {
                let part = Word::Part(blob, offset, slice.into());
                self.blobs.ready.push_back(Frame::Blobs(part));
            }
            None => self.blobs.lacking.push_back(blob),
        }
        self.dirty = true;
    }

    fn on_part(
        &mut self,
        world: &mut World,
        id: &BlobId,
        offset: u64,
        slice: &[u8],
        outputs: &mut Vec<Output>,
    ) {
        let asked = |of: &&mut Fetching| of.blob.id == *id && of.come == offset && offset < of.ask;
        let Some(fetching) = self.blobs.fetching.as_mut().filter(asked) else {
            return self.refuse(Refused::Unasked, outputs);
        };
        let part = open_slice(id, fetching.blob.size, offset, slice);
        let Some(part) = part else {
            self.blobs.offers.remove(id);
            self.blobs.todo.remove(id);
            self.release_blob(world);
            world.mistrust_blob(&self.peer, id);
            return self.refuse(Refused::BadBlob, outputs);
        };
        fetching.progress = world.now;
        fetching.come += u64::try_from(part.len()).unwrap_or(u64::MAX);
        let whole = fetching.come >= fetching.blob.size;
        match world.take_part(&self.peer, id, offset, part) {
            Some(write) => outputs.push(write),
            // Nobody wants it any more.
            None => self.blobs.fetching = None,
        }
        if whole {
            self.blobs.fetching = None;
        }
    }

    /// The next word about blobs that is not a part.
    pub(super) fn next_blob_word(&mut self, world: &mut World) -> Option<Frame> {
        let word = self.next_lacking().or_else(|| self.next_part_want(world));
        let mut list = |session: &mut Self| {
            (session.blobs.said < LISTS_MAX).then(|| session.next_list(world)).flatten()
        };
        let word = word.or_else(|| {
            let word = list(self)?;
            self.blobs.said += 1;
            Some(word)
        });
        word.map(Frame::Blobs)
    }

    fn next_lacking(&mut self) -> Option<Word> {
        self.blobs.lacking.pop_front().map(Word::Lacking)
    }

    pub(super) fn next_part(&mut self) -> Option<Frame> {
        self.blobs.ready.pop_front()
    }

    fn next_list(&mut self, world: &mut World) -> Option<Word> {
        self.next_ask(world).or_else(|| self.next_held(world)).or_else(|| self.next_sums(world))
    }

    fn next_sums(&mut self, world: &World) -> Option<Word> {
        let mut sums = Vec::new();
        while sums.len() < BLOBS_IN_A_LIST_MAX {
            let Some(space) = self.blobs.sums.pop_first() else { break };
            if self.shares(&space) && world.blobs.of_space(&space).next().is_some() {
                let sum = self.sum(world, &space).into();
                sums.push(BlobSum { space: self.salt.name(&space).into(), sum });
            }
        }
        (!sums.is_empty()).then_some(Word::Sums(sums))
    }

    fn next_ask(&mut self, world: &mut World) -> Option<Word> {
        let mut names = Vec::new();
        while names.len() < BLOBS_IN_A_LIST_MAX {
            let Some((space, sum)) = self.blobs.told.pop_first() else { break };
            if !self.shares(&space) {
                continue;
            }
            if self.sum(world, &space) == sum {
                world.blobs.note_alike(&space, self.peer);
            } else {
                names.push(self.salt.name(&space));
            }
        }
        (!names.is_empty()).then(|| Word::Ask(names.concat().into()))
    }

    fn next_held(&mut self, world: &World) -> Option<Word> {
        let mut spaces: BTreeMap<SpaceTag, Vec<BlobOffer>> = BTreeMap::new();
        let mut count = 0;
        while count < BLOBS_IN_A_LIST_MAX {
            if let Some(blob) = self.blobs.telling.pop_first() {
                let Some(blob) = world.blobs.held(&blob) else { continue };
                if self.shares(&blob.space) {
                    spaces.entry(blob.space).or_default().push(offer(blob));
                    count += 1;
                }
            } else if let Some(space) = self.blobs.lists.pop_first() {
                // What does not fit follows one by one.
                self.blobs.telling.extend(world.blobs.of_space(&space).map(|blob| blob.id));
            } else {
                break;
            }
        }
        let named = |(space, blobs): (SpaceTag, Vec<BlobOffer>)| BlobsOfSpace {
            space: self.salt.name(&space).into(),
            blobs,
        };
        let spaces: Vec<BlobsOfSpace> = spaces.into_iter().map(named).collect();
        (!spaces.is_empty()).then_some(Word::Held(spaces))
    }

    /// The next part to ask for, within the window.
    fn next_part_want(&mut self, world: &mut World) -> Option<Word> {
        if world.blobs.waits() {
            return None;
        }
        let peer = self.peer;
        let lost = |of: &Fetching| !world.blobs.is_asked(&of.blob.id, &peer);
        if self.blobs.fetching.as_ref().is_some_and(lost) {
            self.blobs.fetching = None;
        }
        if self.blobs.fetching.is_none() {
            self.blobs.fetching = self.begin_blob(world);
        }
        let fetching = self.blobs.fetching.as_mut()?;
        let written = world.blobs.lacks(&fetching.blob.id)?.written();
        let part = part_bytes(fetching.blob.size, fetching.ask)?;
        if fetching.ask.saturating_sub(written) >= WINDOW_BYTES {
            return None;
        }
        let offset = fetching.ask;
        fetching.ask += part;
        Some(Word::Want(fetching.blob.id, offset))
    }

    /// Takes the first blob that the peer offers, that is wanted, and that no other is asked for.
    fn begin_blob(&mut self, world: &mut World) -> Option<Fetching> {
        if world.now < self.blobs.paused {
            return None;
        }
        let (peer, progress) = (self.peer, world.now);
        let offers = &self.blobs.offers;
        self.blobs.todo.retain(|id| {
            let wanted = world.blobs.lacks(id).map(|wanted| wanted.blob());
            wanted.is_some() && wanted == offers.get(id)
        });
        self.blobs.todo.iter().find_map(|id| {
            let (blob, from) = (*offers.get(id)?, world.ask_blob(id, peer)?);
            Some(Fetching { blob, ask: from, come: from, progress })
        })
    }
}

fn offer(blob: &Blob) -> BlobOffer {
    BlobOffer { blob: blob.id, document: blob.document, size: blob.size }
}
