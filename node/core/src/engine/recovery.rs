//! Splitting epochs among the officers, and opening a space with what they gave.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use linli_replica::entry::{Entry, Suite, Urgency};
use linli_replica::id::{CertificateId, DocTag, EpochId, LogKey, NodeId, PartyId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::membership::authority_of;
use super::open::{payload, read_log};
use super::receive::{Arrival, News};
use super::{Authored, Core, CoreError, Slot, World};
use crate::authority::{Act, EpochKey, Right, SpaceCertificate, SpaceCertificates, open_parents};
use crate::kdf::recovery_tag;
use crate::limits::{OPEN_READ_BYTES, REQUEST_SPLITS_MAX};
use crate::payload::{Content, Payload};
use crate::recovery::{Candidate, Opened, Record, RecoveryError, Split};
use crate::seal::{Place, clear_page, open_entry, read_clear};
use crate::secret::Secret;
use crate::space::Space;

/// How long after the officers changed other stewards leave it to whoever began an epoch to split it
/// again: a day.
const STAND_IN_MS: u64 = 24 * 3_600_000;

/// A space that recovered secrets open, before anything is done with it.
#[derive(Debug)]
pub struct Proved {
    space: SpaceTag,
    certificates: SpaceCertificates,
    keys: BTreeMap<EpochId, EpochKey>,
}

impl Proved {
    /// Returns how many epochs of the space the recovered secrets open, former ones too.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.keys.len()
    }

    /// Returns what the space is for, such as `care`.
    #[must_use]
    pub fn kind(&self) -> &str {
        let genesis = self.certificates.iter().find_map(|(_, c)| c.genesis());
        genesis.map_or("", |genesis| genesis.kind.as_str())
    }
}

impl Core {
    /// Splits the present epoch of a space among the officers in force, in the space's recovery
    /// document: with the entry that begins the epoch, so that no officer need be there.
    pub(super) fn split(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        epoch: EpochId,
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let (set, officers) = world.directory.officers();
        let space = self.space_mut(world.directory, tag)?;
        let key = space.keys().get(&epoch).and_then(EpochKey::secret).cloned();
        let (Some(secret), Some(act)) = (key, epoch_act(space.certificates(), epoch)) else {
            return Ok(());
        };
        let split = Split::new(rng, (tag, epoch), (*set, officers), act, &secret);
        // A set that cannot be split among stands in no directory.
        let Ok(split) = split else { return Ok(()) };
        let (document, key) = (recovery_tag(&tag), space.log_key());
        let written = self.written(document, &key);
        let (sequence, previous) = draft.place(document, &key, written)?;
        let (space, urgency) = (tag, Urgency::Normal);
        let place = Place { space, document, log_key: &key, sequence, previous, urgency };
        draft.push(clear_page(&place, epoch, &split.encode())?);
        Ok(())
    }

    /// Splits the present epochs of a space again where the officers have changed: by whoever began
    /// the epoch, or, a day later, by any steward. Nothing where all is done.
    ///
    /// # Errors
    /// A record or the store cannot be read.
    pub fn split_again(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<Authored, CoreError> {
        let mut held = splits(world, tag)?;
        for own in self.unsettled.get(&recovery_tag(&tag)).into_iter().flatten() {
            held.extend(read(&own.entry));
        }
        let me = (self.keys.id(), self.party);
        let due = match self.spaces.get(&tag).ok_or(CoreError::NoSuchSpace)? {
            Slot::Loaded(space) => due(world, space, me, &held),
            // Looked at without being kept: all spaces are, one after the other.
            Slot::Stored(stored) => due(world, &stored.open(world.directory)?, me, &held),
        };
        let mut draft = Draft::new(world);
        for epoch in due {
            self.bind_log(&mut draft, rng, tag, epoch)?;
            self.split(&mut draft, rng, tag, epoch)?;
        }
        let mut authored = Authored::default();
        self.finish(draft, rng, &mut authored)?;
        Ok(authored)
    }

    /// Says in the authority document whose log this is, where nothing has said it: a split counts as
    /// a member's only under a log that is bound.
    fn bind_log(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        epoch: EpochId,
    ) -> Result<(), CoreError> {
        let space = self.space_mut(draft.world().directory, tag)?;
        let (authority, key) = (space.authority_document(), space.log_key());
        let written = self.written(authority, &key);
        if draft.place(authority, &key, written)?.0 > 1 {
            return Ok(());
        }
        let nothing = Content::Certificates(Vec::new());
        self.write_under(draft, rng, epoch, authority_of(tag), nothing)
    }

    /// Opens a space at this node with what the officers gave, and writes the record of it there,
    /// where every member sees it. The node becomes no member by it: it reads what was recovered.
    ///
    /// # Errors
    /// The store or a record cannot be read.
    pub fn open_recovered(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        proved: Proved,
        record: &Record,
    ) -> Result<Arrival, CoreError> {
        let Proved { space: tag, certificates, keys } = proved;
        let mut arrival = Arrival::default();
        if !self.is_member(&tag) {
            let space = Space::new(certificates.clone(), Secret::draw(rng), world.directory);
            let space = space.filter(|space| space.tag() == tag).ok_or(CoreError::NoSuchSpace)?;
            self.spaces.insert(tag, Slot::Loaded(Box::new(space)));
            arrival.authored.wants.push(tag);
        }
        let space = self.space_mut(world.directory, tag)?;
        for (_, certificate) in certificates.iter() {
            space.add(certificate.clone());
        }
        let before: BTreeSet<EpochId> = space.keys().keys().copied().collect();
        for (epoch, key) in &keys {
            space.learn(*epoch, key.clone());
        }
        space.deepen();
        space.judge(world.directory);
        space.mark();
        // The record goes under the latest of the epochs that were recovered.
        let latest = space.latest_keys().map(|(epoch, _)| epoch).find(|e| keys.contains_key(e));
        let epoch = latest.or_else(|| keys.keys().next().copied()).ok_or(CoreError::NoKey)?;
        let known: BTreeSet<EpochId> = space.keys().keys().copied().collect();
        let authority = space.authority_document();
        let mut draft = Draft::new(world);
        let content = Content::Recovery(vec![record.encode().into()]);
        self.write_under(&mut draft, rng, epoch, authority_of(tag), content)?;
        self.finish(draft, rng, &mut arrival.authored)?;
        if let Some(own) = self.unsettled.get_mut(&authority).and_then(|own| own.last_mut()) {
            own.recovered = known.difference(&before).copied().collect();
        }
        self.settle(world, rng, News::from([(tag, known)]), &mut arrival)?;
        Ok(arrival)
    }

    /// Lists the recoveries that a space remembers, each once. Whether the officers were enough,
    /// [`Record::officers`] says.
    ///
    /// # Errors
    /// This node cannot read the space, or the store cannot be read.
    pub fn recoveries(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
    ) -> Result<Vec<Record>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let authority = space.authority_document();
        let mut found: BTreeMap<CertificateId, Record> = BTreeMap::new();
        for log in world.index.frontier(&authority).unwrap_or_default().0.keys() {
            for entry in read_log(world, authority, *log)? {
                let Ok(Payload { content: Content::Recovery(items), .. }) = payload(space, &entry)
                else {
                    continue;
                };
                let records = items.iter().filter_map(|bytes| Record::decode(bytes, tag).ok());
                found.extend(records.map(|record| (record.id(), record)));
            }
        }
        Ok(found.into_values().collect())
    }
}

/// A split as held, not judged: anybody enrolled can put one there.
#[derive(Debug, Clone)]
pub struct HeldSplit {
    /// The epoch it is said to be of.
    pub epoch: EpochId,
    /// The log it stands in.
    pub log: LogKey,
    /// The split.
    pub split: Split,
}

/// Lists the splits that are held of a space. It takes no key.
///
/// # Errors
/// The store cannot be read.
pub fn splits(world: World<'_>, space: SpaceTag) -> Result<Vec<HeldSplit>, CoreError> {
    let document = recovery_tag(&space);
    let mut found = Vec::new();
    for log in world.index.frontier(&document).unwrap_or_default().0.keys() {
        found.extend(read_log(world, document, *log)?.iter().filter_map(read));
    }
    Ok(found)
}

/// Chooses the splits to ask the officers for: under the officers in force where there are any of
/// theirs, else under the latest who have some. First of the epochs that no other opens, and of those
/// that were put there by whoever wrote most in the space; of the others as many as fit, for anybody
/// enrolled can put a split there, and say of it what they like.
#[must_use]
pub fn wanted(world: World<'_>, space: SpaceTag, held: Vec<HeldSplit>) -> Vec<(EpochId, Split)> {
    let since = |set: &CertificateId| {
        let at = world.directory.certificate(set).map(|certificate| certificate.body().at);
        (*set == world.directory.officers().0, at)
    };
    let set = held.iter().map(|held| held.split.officers).max_by_key(since);
    let opened: BTreeSet<EpochId> =
        held.iter().flat_map(|held| held.split.parents.iter().copied()).collect();
    let written = |log: &LogKey| -> u64 {
        let documents =
            world.index.documents(&space).filter(|(tag, _)| *tag != recovery_tag(&space));
        let tips = documents.flat_map(|(document, _)| world.index.tips(&document, log));
        tips.map(|tip| tip.sequence).sum()
    };
    let mut latest: Vec<_> = held
        .into_iter()
        .filter(|held| Some(held.split.officers) == set)
        .map(|held| ((opened.contains(&held.epoch), Reverse(written(&held.log))), held))
        .collect();
    latest.sort_by_key(|(order, _)| *order);
    let mut wanted: Vec<(EpochId, Split)> = Vec::new();
    for (_, HeldSplit { epoch, split, .. }) in latest {
        let known = wanted.iter().any(|(e, s)| (e, s) == (&epoch, &split));
        if !known && wanted.len() < REQUEST_SPLITS_MAX {
            wanted.push((epoch, split));
        }
    }
    wanted
}

/// Checks recovered secrets against the certificates of the space that they are to open: each is
/// that of its epoch, and the space is the one with this tag. Nothing is kept and no document read.
///
/// # Errors
/// [`RecoveryError::OtherKey`]: none of them is; or the store cannot be read.
pub fn prove(
    world: World<'_>,
    space: SpaceTag,
    opened: &Opened,
) -> Result<Result<Proved, RecoveryError>, CoreError> {
    let mut certificates = SpaceCertificates::default();
    let mut keys: BTreeMap<EpochId, EpochKey> = BTreeMap::new();
    for candidate in &opened.candidates {
        let Some(document) = authority(world, space, candidate)? else { continue };
        let mut entries = Vec::new();
        for log in world.index.frontier(&document).unwrap_or_default().0.keys() {
            entries.extend(read_log(world, document, *log)?);
        }
        unfold(&entries, candidate.clone(), &mut certificates, &mut keys);
    }
    // Somebody may have put certificates of a space of their own there, with keys to open them.
    let genesis = |c: &SpaceCertificate| c.tags().is_some_and(|(tag, _)| tag == space);
    let ours = certificates.iter().find(|(_, c)| genesis(c)).map(|(_, c)| c.space());
    let certificates: SpaceCertificates = certificates
        .iter()
        .filter(|(_, c)| Some(c.space()) == ours)
        .map(|(_, c)| c.clone())
        .collect();
    keys.retain(|epoch, _| epoch_act(&certificates, *epoch).is_some());
    if keys.is_empty() {
        return Ok(Err(RecoveryError::OtherKey));
    }
    Ok(Ok(Proved { space, certificates, keys }))
}

/// Opens what a secret opens of a space's certificates, which vouch for it and hold the secrets of its
/// parents, and so on.
fn unfold(
    entries: &[Entry],
    candidate: Candidate,
    certificates: &mut SpaceCertificates,
    keys: &mut BTreeMap<EpochId, EpochKey>,
) {
    let mut waiting = vec![candidate];
    while let Some(candidate) = waiting.pop() {
        let Candidate { epoch, secret } = &candidate;
        if keys.contains_key(epoch) {
            continue;
        }
        for content in entries.iter().filter_map(|entry| content(entry, &candidate)) {
            let Content::Certificates(items) = content else { continue };
            for certificate in items.iter().filter_map(|bytes| SpaceCertificate::decode(bytes).ok())
            {
                certificates.add(certificate);
            }
        }
        let key = EpochKey::Secret(secret.clone());
        let Some(act) = epoch_act(certificates, *epoch).filter(|act| key.check(act).is_ok()) else {
            continue;
        };
        let parents = open_parents(act, secret).into_iter();
        waiting.extend(
            parents.filter_map(|(epoch, secret)| Some(Candidate { epoch, secret: secret.ok()? })),
        );
        keys.insert(*epoch, key);
    }
}

/// Finds the document that holds the certificates of a space of which only a secret is known.
fn authority(
    world: World<'_>,
    space: SpaceTag,
    candidate: &Candidate,
) -> Result<Option<DocTag>, CoreError> {
    'documents: for (document, _) in world.index.documents(&space) {
        for log in world.index.frontier(&document).unwrap_or_default().0.keys() {
            let mut after = 0;
            loop {
                let entries = world.held.entries(document, *log, after, OPEN_READ_BYTES)?;
                let Some(last) = entries.last() else { break };
                after = last.header().sequence;
                match entries.iter().find_map(|entry| content(entry, candidate)) {
                    Some(Content::Certificates(_) | Content::Recovery(_)) => {
                        return Ok(Some(document));
                    }
                    Some(Content::Changes(_) | Content::Checkpoint(_)) => continue 'documents,
                    None => {}
                }
            }
        }
    }
    Ok(None)
}

/// What an entry holds, where it is of a secret's epoch and opens under it.
fn content(entry: &Entry, Candidate { epoch, secret }: &Candidate) -> Option<Content> {
    if entry.header().epoch != *epoch || entry.header().suite != Suite::Epoch {
        return None;
    }
    let key = EpochKey::Secret(secret.clone()).content_key();
    let plaintext = open_entry(entry, |_| Some(key)).ok()?;
    Some(Payload::decode(&plaintext).ok()?.content)
}

/// Lists the present epochs of a space that a node has to split among the officers in force: those
/// whose shares no member has put there.
fn due(
    world: World<'_>,
    space: &Space,
    (me, party): (NodeId, PartyId),
    held: &[HeldSplit],
) -> Vec<EpochId> {
    let (set, _) = world.directory.officers();
    let since = world.directory.certificate(set).map(|certificate| certificate.body().at);
    let late = since.is_some_and(|since| world.now.since_ms(since) > STAND_IN_MS);
    let steward = space.state().right(&party, world.now) == Some(Right::Steward);
    let mine =
        |epoch: &EpochId| space.signer(&CertificateId(epoch.0)) == Some(me) || (steward && late);
    let lacks = |epoch: &EpochId| {
        let Some(act) = epoch_act(space.certificates(), *epoch) else { return false };
        !held.iter().any(|held| {
            let writer = space.writer(&held.log).and_then(|node| world.directory.node(&node));
            let right = writer.and_then(|writer| space.state().right(&writer.party, world.now));
            let same = held.epoch == *epoch && held.split.officers == *set;
            same && held.split.commitment == act.commitment && right >= Some(Right::Write)
        })
    };
    let latest = space.latest_keys().filter(|(_, key)| key.secret().is_some());
    latest.map(|(epoch, _)| epoch).filter(|epoch| mine(epoch) && lacks(epoch)).collect()
}

fn read(entry: &Entry) -> Option<HeldSplit> {
    let header = entry.header();
    let split = Split::decode(&read_clear(entry).ok()?).ok()?;
    Some(HeldSplit { epoch: header.epoch, log: header.log, split })
}

fn epoch_act(certificates: &SpaceCertificates, epoch: EpochId) -> Option<&crate::authority::Epoch> {
    match certificates.get(&CertificateId(epoch.0))?.act() {
        Some(Act::Epoch(act)) => Some(act),
        Some(
            Act::Genesis(_)
            | Act::Grant(_)
            | Act::Revoke(_)
            | Act::HandOver(_)
            | Act::Cut { .. }
            | Act::Admit { .. }
            | Act::Refuse { .. }
            | Act::Prune(_)
            | Act::Withdraw(_),
        )
        | None => None,
    }
}
