//! Ownership that moves on.

use linli_core::authority::{Grant, HandOver, Owner, SpaceCertificate};
use linli_core::engine::{CoreError, NewSpace};
use linli_replica::id::{NodeId, PartyId, SpaceTag};

use super::Neighbourhood;

impl Neighbourhood {
    /// Begins a space of the community, with the node's party as steward.
    ///
    /// # Panics
    /// The core refuses.
    pub fn begin_for_community(&mut self, id: NodeId, grants: Vec<Grant>) -> SpaceTag {
        let steward = Some(self.party(id));
        let new = NewSpace { kind: "care", owner: Owner::Community, steward, grants };
        let mut begun = SpaceTag([0; 32]);
        self.act(id, |core, world, rng| {
            let (tag, authored) = core.begin_space(world, rng, new)?;
            begun = tag;
            Ok::<_, CoreError>(authored)
        })
        .expect("a centre begins spaces of the community");
        begun
    }

    /// Hands a space of the node's party over to another party.
    ///
    /// # Errors
    /// The core's.
    pub fn hand_over(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        to: PartyId,
        kept: Option<Grant>,
    ) -> Result<(), CoreError> {
        let over = HandOver { to: Owner::Party(to), steward: None };
        self.act(id, |core, world, rng| core.hand_over(world, rng, space, over, kept))
    }

    /// Drafts a hand-over at a node and has the officer sign it.
    ///
    /// # Errors
    /// The core's.
    pub fn signed_hand_over(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        over: HandOver,
    ) -> Result<SpaceCertificate, CoreError> {
        let now = self.now;
        let node = self.node_mut(id);
        let mut draft =
            node.with_core(now, |core, world, _| core.draft_hand_over(world, space, over))?;
        self.community.countersign(&mut draft);
        Ok(draft)
    }

    /// Takes a hand-over in that the officers have signed.
    ///
    /// # Errors
    /// The core's.
    pub fn complete_hand_over(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        signed: SpaceCertificate,
    ) -> Result<(), CoreError> {
        self.act(id, |core, world, rng| core.complete_hand_over(world, rng, space, signed))
    }

    /// Says whose a space is, as a node sees it.
    pub fn owner(&mut self, id: NodeId, space: SpaceTag) -> Option<Owner> {
        let now = self.now;
        self.node_mut(id)
            .with_core(now, |core, world, _| core.space(world, space).ok()?.state().owner)
    }
}
