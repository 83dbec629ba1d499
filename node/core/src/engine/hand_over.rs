//! Handing a space over to its next owner.

use linli_replica::id::{EpochId, NodeId, PartyId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::membership::{authority_of, counted};
use super::{Authored, Core, CoreError, World};
use crate::authority::{
    Act, Grant, HandOver, Owner, Refusal, Right, SpaceCertificate, SpaceState, Under,
};
use crate::payload::Content;

impl Core {
    /// Hands a space that this party owns over: the next owner gets every key, and this party keeps
    /// `kept` at most, until the next owner revokes it.
    ///
    /// # Errors
    /// This party is not the owner.
    pub fn hand_over(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        over: HandOver,
        kept: Option<Grant>,
    ) -> Result<Authored, CoreError> {
        let own = Some(Owner::Party(self.party));
        if self.space_mut(world.directory, tag)?.state().owner != own {
            return Err(CoreError::Forbidden(Right::Steward));
        }
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let epoch = core.writable_epoch(&mut draft, rng, tag)?;
            let mut certificates = Vec::new();
            if let Some(grant) = kept {
                certificates.push(core.act(world, tag, Act::Grant(grant))?);
            }
            certificates.push(core.act(world, tag, Act::HandOver(over))?);
            core.announce(&mut draft, rng, (tag, epoch), &certificates)?;
            core.published(draft, tag)
        })
    }

    /// Drafts a hand-over that officers are to sign: of what the community owns, or a party that was
    /// expelled. Nothing changes until [`Core::complete_hand_over`].
    ///
    /// # Errors
    /// The space belongs to a party that is a member.
    pub fn draft_hand_over(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        over: HandOver,
    ) -> Result<SpaceCertificate, CoreError> {
        let (signing, party) = (self.keys.signing().clone(), self.party);
        let space = self.space_mut(world.directory, tag)?;
        let state = space.state();
        let title = Some(state.title()).filter(|title| title.0 != space.id().0);
        let under = Under::Officers { set: world.directory.officers().0, title };
        let (heads, act) = (state.heads.clone(), Act::HandOver(over));
        let drafted =
            SpaceCertificate::sign(&signing, space.id(), party, under, heads, world.now, &act)?;
        let mut certificates = space.certificates().clone();
        certificates.add(drafted.clone());
        let state = SpaceState::evaluate(space.id(), &certificates, world.directory);
        match state.refused.get(&drafted.id()) {
            Some(Refusal::Pending { .. }) => Ok(drafted),
            Some(_) | None => Err(CoreError::Forbidden(Right::Steward)),
        }
    }

    /// Takes in a hand-over that enough officers have signed, tells the members and gives the next
    /// owner every key that this node has.
    ///
    /// # Errors
    /// It does not count, or this node has no key of the space.
    pub fn complete_hand_over(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        certificate: SpaceCertificate,
    ) -> Result<Authored, CoreError> {
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let space = core.space_mut(world.directory, tag)?;
            let epoch = space.state().writable_epoch(&space.out(world.directory, world.now));
            let latest = || space.latest_keys().map(|(epoch, _)| epoch).next();
            let held = epoch.filter(|epoch| space.content_key(epoch).is_some());
            let epoch = held.or_else(latest).ok_or(CoreError::NoKey)?;
            space.add(certificate.clone());
            space.judge(world.directory);
            counted(space, &certificate)?;
            if space.state().void.contains_key(&certificate.id()) {
                return Err(CoreError::Forbidden(Right::Steward));
            }
            core.announce(&mut draft, rng, (tag, epoch), &[certificate])?;
            core.published(draft, tag)
        })
    }

    /// Tells the members under an epoch that they know, the former owner among them; gives the next
    /// owner and the steward the keys, and begins an epoch where this party still may.
    fn announce(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        (tag, epoch): (SpaceTag, EpochId),
        certificates: &[SpaceCertificate],
    ) -> Result<(), CoreError> {
        let world = draft.world();
        for certificate in certificates {
            draft.act(tag, certificate);
        }
        let items = certificates.iter().map(|c| c.encode().into()).collect();
        self.write_under(draft, rng, epoch, authority_of(tag), Content::Certificates(items))?;
        let (me, own) = (self.keys.id(), self.party);
        let state = self.space_mut(world.directory, tag)?.state();
        let title = state.title();
        let given = |(_, member): &(&PartyId, &crate::authority::Member)| {
            member.grants.iter().any(|grant| grant.id == title)
        };
        let to: Vec<PartyId> = state.members.iter().filter(given).map(|(id, _)| *id).collect();
        if state.right(&own, world.now) >= Some(Right::Write) {
            self.mint(draft, rng, tag)?;
        }
        for party in to {
            let nodes = world.directory.nodes_of(party, world.now).map(|(id, _)| *id);
            let nodes: Vec<NodeId> = nodes.filter(|id| *id != me).collect();
            for node in nodes {
                self.wrap(draft, rng, tag, node, true)?;
            }
        }
        // What the parties wrote before is judged by what they are from here on.
        self.open.clear();
        Ok(())
    }
}
