//! Handing a space over to its next owner.

use std::collections::BTreeSet;

use linli_replica::id::{CertificateId, EpochId, NodeId, PartyId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::membership::authority_of;
use super::{Authored, Core, CoreError, World};
use crate::authority::{Act, HandOver, Owner, Refusal, Right, SpaceCertificate, SpaceState, Under};
use crate::payload::Content;

impl Core {
    /// Drafts a hand-over that officers are to sign: of what this party owns, the community, or a party
    /// that was expelled. Nothing changes until [`Core::complete_hand_over`].
    ///
    /// # Errors
    /// The space belongs to another party that is not expelled.
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
            let before = fallen(space.state());
            let owner = space.state().owner;
            let is_out = |party| world.directory.party(&party).is_some_and(|known| known.expelled);
            let out = matches!(owner, Some(Owner::Party(party)) if is_out(party));
            space.add(certificate.clone());
            space.judge(world.directory);
            if !space.state().hand_overs.contains_key(&certificate.id()) {
                return Err(CoreError::Forbidden(Right::Steward));
            }
            // What the owner gave or took away while the file went round would be undone; what an expelled
            // one did is to be.
            if !out && !fallen(space.state()).is_subset(&before) {
                return Err(CoreError::Overtaken);
            }
            core.announce(&mut draft, rng, (tag, epoch), certificate)?;
            core.published(draft, rng, tag)
        })
    }

    /// Tells the members under an epoch that they know, the former owner among them; gives the next
    /// owner and the steward the keys, and begins an epoch where this party still may.
    fn announce(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        (tag, epoch): (SpaceTag, EpochId),
        certificate: SpaceCertificate,
    ) -> Result<(), CoreError> {
        let world = draft.world();
        draft.act(tag, &certificate);
        let content = Content::Certificates(vec![certificate.encode().into()]);
        self.write_under(draft, rng, epoch, authority_of(tag), content)?;
        let own = self.party;
        let state = self.space_mut(world.directory, tag)?.state();
        let title = state.title();
        let given = |(_, member): &(&PartyId, &crate::authority::Member)| {
            member.grants.iter().any(|grant| grant.id == title)
        };
        let to: Vec<PartyId> = state.members.iter().filter(given).map(|(id, _)| *id).collect();
        if state.right(&own, world.now) >= Some(Right::Write) {
            self.mint(draft, rng, tag)?;
        }
        let nodes: Vec<NodeId> =
            to.into_iter().flat_map(|party| self.others_of(world, party)).collect();
        self.wrap(draft, tag, &nodes, true)?;
        // What the parties wrote before is judged by what they are from here on.
        self.open.clear();
        Ok(())
    }
}

/// What somebody signed and does not stand any more.
fn fallen(state: &SpaceState) -> BTreeSet<CertificateId> {
    state.dead.keys().chain(state.void.keys()).copied().collect()
}
