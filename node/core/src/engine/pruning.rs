//! Ordering carriers to prune: the order is signed, and written into the space's prune document.

use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, PruneId, SpaceTag};
use linli_replica::prune::{Checkpoint, Cut, Terms, document_tag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::{Authored, Core, CoreError, World};
use crate::authority::Right;
use crate::seal::{Place, order_page};

/// What carriers may drop of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prunable {
    /// The document.
    pub document: DocTag,
    /// The first entry that stays of each log, at most
    /// [`PRUNE_LOGS_MAX`](linli_replica::limits::PRUNE_LOGS_MAX).
    pub cuts: Vec<Cut>,
    /// What stands for everything before them; none where nothing is cut.
    pub checkpoint: Option<Checkpoint>,
    /// Earlier orders about the document that are not to take effect any more.
    pub withdraws: Vec<PruneId>,
}

impl Core {
    /// Orders carriers to prune a document, 90 days from now: signed with the space's carrier-order key, as
    /// an entry of the space's prune document. What it says is not judged here.
    ///
    /// # Errors
    /// This party is no steward of the space, or the key is kept at another node.
    pub fn order_pruning(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        prunable: Prunable,
    ) -> Result<Authored, CoreError> {
        let party = self.party;
        let space = self.space_mut(world.directory, tag)?;
        if space.state().right(&party, world.now) != Some(Right::Steward) {
            return Err(CoreError::Forbidden(Right::Steward));
        }
        let genesis = space.genesis().ok_or(CoreError::NoSuchSpace)?;
        let began = space.began_by().ok_or(CoreError::NoSuchSpace)?;
        let carrier_key = genesis.genesis().ok_or(CoreError::NoSuchSpace)?.carrier_key;
        let key = space.carrier_key().ok_or(CoreError::NoCarrierKey(began))?;
        let Prunable { document, mut cuts, checkpoint, mut withdraws } = prunable;
        cuts.sort_unstable();
        withdraws.sort_unstable();
        let terms = Terms {
            community: world.directory.community(),
            space: space.id().0.into(),
            carrier_key,
            document,
            cuts,
            checkpoint,
            withdraws,
            at: world.now,
        };
        let (stands_in, log_key) = (document_tag(&tag), space.log_key());
        let written = self.written(stands_in, &log_key);
        let mut draft = Draft::new(world);
        let (sequence, previous) = draft.place(stands_in, &log_key, written)?;
        let (document, urgency) = (stands_in, Urgency::Normal);
        let log_key = &log_key;
        let place = Place { space: tag, document, log_key, sequence, previous, urgency };
        draft.push(order_page(&place, &terms.sign(&key))?);
        let mut authored = Authored::default();
        self.finish(draft, rng, &mut authored)?;
        Ok(authored)
    }
}
