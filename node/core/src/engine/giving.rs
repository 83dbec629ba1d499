//! Giving: spaces and keys go in letters to those who are to have them.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::certificate::Certificate;
use linli_replica::entry::Urgency;
use linli_replica::id::{CertificateId, EpochId, NodeId, SpaceTag, Timestamp};
use rand_core::CryptoRng;

use super::draft::{Draft, Gift};
use super::{Authored, Core, CoreError, Slot, World};
use crate::authority::{Member, Right, SpaceCertificate};
use crate::inbox::{InboxItem, Letter, Wrap};
use crate::limits::GIVE_AGAIN_MS;
use crate::restored;
use crate::seal::{Place, SealError, seal_page_to_inbox};
use crate::space::Space;

/// Keys that a node was given in one letter, or in several of one batch.
#[derive(Debug)]
pub(super) struct Given {
    to: NodeId,
    keys: Vec<(SpaceTag, EpochId)>,
}

/// Spaces of which something was given that could not be made durable, and when it is given again.
#[derive(Debug, Default)]
pub(super) struct Owed {
    spaces: BTreeSet<SpaceTag>,
    at: Option<Timestamp>,
}

impl Core {
    /// Gives keys to nodes that are to have them and were not given them: a device that was added,
    /// or a member whose grant and the present epoch were signed apart. To be called after the
    /// community's certificates have changed.
    ///
    /// # Errors
    /// A space's record cannot be read.
    pub fn pass_keys_on(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Authored, CoreError> {
        let mut authored = Authored::default();
        let mut draft = Draft::new(world);
        for tag in self.spaces().collect::<Vec<_>>() {
            if self.pass_on(&mut draft, tag)? {
                authored.records.push(self.space_mut(world.directory, tag)?.record());
            }
        }
        self.finish(draft, rng, &mut authored)?;
        Ok(authored)
    }

    /// Gives keys again that were lost on their way to the disk, a minute later, for a disk that refused them is
    /// mostly full. To be called every second or so.
    ///
    /// # Errors
    /// A space's record cannot be read.
    pub fn give_again(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Authored, CoreError> {
        let mut authored = Authored::default();
        if self.owed.spaces.is_empty() {
            return Ok(authored);
        }
        // A clock that was set back puts it off by no more than that.
        let latest = world.now.plus_ms(GIVE_AGAIN_MS);
        let at = *self.owed.at.get_or_insert(latest);
        if world.now < at && at <= latest {
            return Ok(authored);
        }
        let mut draft = Draft::new(world);
        for tag in std::mem::take(&mut self.owed).spaces {
            if self.is_member(&tag) && self.pass_on(&mut draft, tag)? {
                authored.records.push(self.space_mut(world.directory, tag)?.record());
            }
        }
        self.finish(draft, rng, &mut authored)?;
        Ok(authored)
    }

    /// Returns the notice that this node was restored, until it is durable.
    #[must_use]
    pub fn restoration(&self, world: World<'_>) -> Option<Certificate> {
        let (at, me) = (self.restored_at?, self.keys.id());
        let said =
            restored::restored(world.directory).any(|(node, _, then)| (node, then) == (me, at));
        (!said).then(|| restored::notice(world.directory, at, self.keys.signing()))
    }

    /// Notes that keys are durably given.
    pub(super) fn were_given(&mut self, given: &Given) {
        for (space, epoch) in &given.keys {
            if let Some(space) = self.loaded(space) {
                space.note_sent(*epoch, given.to);
            }
        }
    }

    /// Notes that keys were not given.
    pub(super) fn were_not_given(&mut self, given: &Given) {
        for (tag, epoch) in &given.keys {
            // What is not loaded is as it is stored, and nothing of it is noted there.
            if let Some(space) = self.loaded(tag) {
                space.forget_wrap(*epoch, given.to);
            }
            self.owed.spaces.insert(*tag);
        }
    }

    fn loaded(&mut self, tag: &SpaceTag) -> Option<&mut Space> {
        match self.spaces.get_mut(tag) {
            Some(Slot::Loaded(space)) => Some(space),
            Some(Slot::Stored(_)) | None => None,
        }
    }

    /// Gives the keys of one space to those nodes for whom this one answers; says whether any was
    /// given.
    ///
    /// A node that says it was restored is given all keys anew, by everybody. Else whoever signed the later of grant and epoch
    /// answers, and both where neither knew the other. Where all of those were
    /// expelled, what they gave may have reached nobody, and everybody who has the key answers.
    pub(super) fn pass_on(
        &mut self,
        draft: &mut Draft<'_>,
        tag: SpaceTag,
    ) -> Result<bool, CoreError> {
        let world = draft.world();
        let me = self.keys.id();
        let space = self.space_mut(world.directory, tag)?;
        let out = space.out(world.directory, world.now);
        let is_gone = |node: &NodeId| world.directory.node(node).is_none_or(|node| node.expelled);
        let restored = restored::restored(world.directory)
            .filter(|(node, notice, _)| *node != me && space.owes_restored(*notice, *node));
        let restored: BTreeMap<NodeId, CertificateId> =
            restored.map(|(node, notice, _)| (node, notice)).collect();
        let mut lacking = BTreeSet::new();
        for (epoch, _) in space.latest_keys() {
            let epoch_certificate = CertificateId(epoch.0);
            for (party, member) in &space.state().members {
                let reads = member.right(world.now) >= Some(Right::Read);
                if out.contains(party) || !reads || !is_given(space, member, epoch, world.now) {
                    continue;
                }
                let answers = answering(space, member, epoch_certificate);
                let mine = answers.contains(&me) || answers.iter().all(is_gone);
                let nodes = world.directory.nodes_of(*party, world.now).map(|(id, _)| *id);
                lacking.extend(nodes.filter(|id| {
                    let due = mine && !space.has_wrapped(epoch, *id);
                    *id != me && (due || restored.contains_key(id))
                }));
            }
        }
        let space = self.space_mut(world.directory, tag)?;
        for (node, notice) in restored.into_iter().filter(|(node, _)| lacking.contains(node)) {
            space.answer_restored(notice, node);
            draft.answer(node, (tag, EpochId(notice.0)));
        }
        let lacking: Vec<NodeId> = lacking.into_iter().collect();
        self.wrap(draft, tag, &lacking, false)?;
        Ok(!lacking.is_empty())
    }

    /// Passes a space and the latest keys to readers, those they were given before too where `anew`, and
    /// always to this node's own inbox.
    /// Readers without history get the content keys; those with history the secrets, which open the
    /// former epochs.
    pub(super) fn wrap(
        &mut self,
        draft: &mut Draft<'_>,
        tag: SpaceTag,
        nodes: &[NodeId],
        anew: bool,
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let me = self.keys.id();
        let space = self.space_mut(world.directory, tag)?;
        let out = space.out(world.directory, world.now);
        let mut given: Vec<(NodeId, Vec<Wrap>)> = Vec::new();
        for node in nodes {
            let own = *node == me;
            let Some(party) = world.directory.node(node).map(|known| known.party) else { continue };
            let Some(member) = space.state().members.get(&party) else { continue };
            if out.contains(&party) || member.right(world.now) < Some(Right::Read) {
                continue;
            }
            let history = own || member.reads_history(world.now);
            let wraps: Vec<Wrap> = space
                .latest_keys()
                .filter(|(epoch, _)| own || anew || !space.has_wrapped(*epoch, *node))
                .filter(|(epoch, _)| own || is_given(space, member, *epoch, world.now))
                .map(|(epoch, key)| Wrap { epoch, key: key.for_member(history) })
                .collect();
            for wrap in &wraps {
                space.note_wrap(wrap.epoch, *node);
            }
            if !wraps.is_empty() {
                given.push((*node, wraps));
            }
        }
        let Some(genesis) = space.genesis().filter(|_| !given.is_empty()) else { return Ok(()) };
        let genesis = genesis.encode();
        let others = space.counting().filter(|certificate| certificate.genesis().is_none());
        let others: Vec<Vec<u8>> = others.map(SpaceCertificate::encode).collect();
        for (node, wraps) in given {
            draft.give(node, tag, InboxItem::space(genesis.clone(), &others, wraps));
        }
        Ok(())
    }

    /// Seals to each node what it is given.
    pub(super) fn post(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let signing = self.keys.signing().clone();
        for (node, Gift { items, keys }) in draft.take_gifts() {
            let Some(known) = world.directory.node(&node) else { continue };
            let (space, document) = crate::kdf::inbox(&node);
            for (space, epoch) in &keys {
                if let Some(space) = self.loaded(space) {
                    space.sending(*epoch, node);
                }
            }
            draft.gave(document, Given { to: node, keys });
            let key = self.inbox_log(node, rng);
            let written = self.written(document, &key);
            for items in Letter::fill(items) {
                let letter = Letter::sign(&signing, node, world.now, items);
                let (sequence, previous) = draft.place(document, &key, written)?;
                let urgency = Urgency::Normal;
                let place = Place { space, document, log_key: &key, sequence, previous, urgency };
                match seal_page_to_inbox(rng, &place, &known.seal_key, &letter) {
                    Ok(page) => draft.push(page),
                    // Its own fault: nobody else's keys wait for it.
                    Err(SealError::BadRecipient) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Lists who answers for a member's having the key of an epoch.
fn answering(space: &Space, member: &Member, epoch: CertificateId) -> BTreeSet<NodeId> {
    let by = |grant: &CertificateId| {
        let later = if space.knew(*grant, epoch) { grant } else { &epoch };
        let apart = !space.knew(*grant, epoch) && !space.knew(epoch, *grant);
        [space.signer(later), space.signer(grant).filter(|_| apart)]
    };
    member.grants.iter().flat_map(|grant| by(&grant.id)).flatten().collect()
}

/// Says whether a member is to have the key of an epoch: one that reads from now on has those of epochs
/// begun after a grant to it.
fn is_given(space: &Space, member: &Member, epoch: EpochId, now: Timestamp) -> bool {
    let epoch = CertificateId(epoch.0);
    let mut reading = member.grants.iter().filter(|grant| grant.right >= Right::Read);
    member.reads_history(now) || reading.any(|grant| space.knew(epoch, grant.id))
}
