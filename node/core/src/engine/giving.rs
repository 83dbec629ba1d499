//! Giving: spaces and keys go in letters to those who are to have them.

use std::collections::BTreeSet;

use linli_replica::entry::Urgency;
use linli_replica::id::{CertificateId, EpochId, NodeId, SpaceTag, Timestamp};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::{Authored, Core, CoreError, World};
use crate::authority::{Member, Right, SpaceCertificate};
use crate::inbox::{InboxItem, Letter, Wrap};
use crate::seal::{Place, SealError, seal_page_to_inbox};
use crate::space::Space;

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

    /// Gives the keys of one space to those nodes for whom this one answers; says whether any was
    /// given.
    ///
    /// Whoever signed the later of grant and epoch answers, and both where neither knew the other.
    pub(super) fn pass_on(
        &mut self,
        draft: &mut Draft<'_>,
        tag: SpaceTag,
    ) -> Result<bool, CoreError> {
        let world = draft.world();
        let me = self.keys.id();
        let space = self.space_mut(world.directory, tag)?;
        let out = space.out(world.directory, world.now);
        let mut lacking = BTreeSet::new();
        for (epoch, _) in space.latest_keys() {
            let epoch_certificate = CertificateId(epoch.0);
            for (party, member) in &space.state().members {
                let reads = member.right(world.now) >= Some(Right::Read);
                if out.contains(party) || !reads || !is_given(space, member, epoch, world.now) {
                    continue;
                }
                let mine = member.grants.iter().any(|grant| {
                    let by = space.signer(if space.knew(grant.id, epoch_certificate) {
                        &grant.id
                    } else {
                        &epoch_certificate
                    });
                    by == Some(me)
                        || (space.signer(&grant.id) == Some(me)
                            && !space.knew(epoch_certificate, grant.id))
                });
                let nodes = world.directory.nodes_of(*party, world.now).map(|(id, _)| *id);
                let nodes = nodes.filter(|id| *id != me && !space.has_wrapped(epoch, *id));
                lacking.extend(nodes.filter(|_| mine));
            }
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
            draft.give(node, InboxItem::space(genesis.clone(), &others, wraps));
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
        for (node, items) in draft.take_given() {
            let Some(known) = world.directory.node(&node) else { continue };
            let (space, document) = crate::kdf::inbox(&node);
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

/// Says whether a member is to have the key of an epoch: one that reads from now on has those of epochs
/// begun after a grant to it.
fn is_given(space: &Space, member: &Member, epoch: EpochId, now: Timestamp) -> bool {
    let epoch = CertificateId(epoch.0);
    let mut reading = member.grants.iter().filter(|grant| grant.right >= Right::Read);
    member.reads_history(now) || reading.any(|grant| space.knew(epoch, grant.id))
}
