//! What stewards agree on before carriers drop what a checkpoint stands for. The rules are in
//! `docs/spec/checkpoint.md`.

use std::collections::BTreeSet;

use linli_replica::id::{DocTag, EntryId, LogKey, PartyId, Timestamp};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::certificate::Right;
use super::state::SpaceState;
use crate::limits::CHECKPOINT_PARTS_MAX;

/// One checkpoint of a document: what a signature, an order to prune and a reader mean by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Prune {
    /// The document.
    #[n(0)]
    pub document: DocTag,
    /// The log in which the checkpoint is.
    #[n(1)]
    pub log: LogKey,
    /// Sequence number of its first part.
    #[n(2)]
    pub first: u64,
    /// Sequence number of its last part.
    #[n(3)]
    pub last: u64,
    /// Its last part.
    #[n(4)]
    pub entry: EntryId,
    /// BLAKE3 of the bytes of all parts together.
    #[n(5)]
    pub hash: ByteArray<32>,
}

/// Who has signed for one checkpoint, of those whose signature stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// The stewards.
    pub parties: BTreeSet<PartyId>,
    /// Whether one of them signed while nobody else had ever been a steward: whoever became one did so by a
    /// certificate that follows the signature.
    pub alone: bool,
    /// Whether it stood at any time, whatever fell since: carriers may have pruned by it.
    pub was_reached: bool,
}

impl Agreement {
    /// Says whether anybody's signature stands.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !self.parties.is_empty()
    }

    /// Says whether it stands: what was pruned by it is shown. No clock enters here.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.parties.len() > 1 || self.alone
    }
}

impl Prune {
    pub(super) fn is_sound(&self) -> bool {
        let parts = self.last.checked_sub(self.first);
        self.first > 0 && parts.is_some_and(|parts| parts < u64::from(CHECKPOINT_PARTS_MAX))
    }
}

impl SpaceState {
    /// Lists the stewards at `now`; `out` are none, whatever their grants say: they were expelled, or have ended.
    #[must_use]
    pub fn stewards(&self, out: &BTreeSet<PartyId>, now: Timestamp) -> BTreeSet<PartyId> {
        let steward = |party: &&PartyId| self.right(party, now) == Some(Right::Steward);
        let members = self.members.keys().filter(|party| !out.contains(party));
        members.filter(steward).copied().collect()
    }

    /// Lists those of the `stewards` whose signature for a checkpoint stands.
    #[must_use]
    pub fn signed(&self, prune: &Prune, stewards: &BTreeSet<PartyId>) -> BTreeSet<PartyId> {
        let agreement = self.agreements.get(prune);
        agreement.map(|agreement| &agreement.parties & stewards).unwrap_or_default()
    }

    /// Says whether an order to prune may be written for a checkpoint: two of the `stewards` of this time have signed
    /// for it, or the only one that there ever was.
    #[must_use]
    pub fn is_agreed(&self, prune: &Prune, stewards: &BTreeSet<PartyId>) -> bool {
        let signed = self.signed(prune, stewards).len();
        signed > 1 || (signed == 1 && self.ever_stewards.len() == 1)
    }
}
