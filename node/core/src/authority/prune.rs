//! What stewards agree on before carriers drop what a checkpoint stands for.

use std::collections::BTreeSet;

use linli_replica::id::{DocTag, EntryId, LogKey, PartyId};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::checkpoint::Upto;
use crate::limits::{CHECKPOINT_PARTS_MAX, CUT_LOGS_MAX};

/// Says that a checkpoint stands for what lies up to the cuts: its signer holds all of that, and the
/// checkpoint agrees with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
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
    /// BLAKE3 of the whole.
    #[n(5)]
    pub hash: ByteArray<32>,
    /// How far it stands for each log: in order, each log once.
    #[n(6)]
    pub cuts: Vec<Upto>,
}

/// Who has signed the same terms of a [`Prune`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// The stewards, where nothing voids what they signed.
    pub parties: BTreeSet<PartyId>,
    /// Whether one of them is the only steward there is, by all it knew and by all that is known and that its
    /// signature does not precede.
    pub alone: bool,
}

impl Agreement {
    /// Says whether stewards of two parties have signed, or the only one there is.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.parties.len() > 1 || self.alone
    }
}

impl Prune {
    pub(super) fn is_sound(&self) -> bool {
        let logs: Vec<LogKey> = self.cuts.iter().map(|cut| cut.log).collect();
        let parts = self.last.checked_sub(self.first);
        let before = |cut: &Upto| cut.log != self.log || cut.sequence < self.first;
        self.first > 0
            && parts.is_some_and(|parts| parts < u64::from(CHECKPOINT_PARTS_MAX))
            && (1..=CUT_LOGS_MAX).contains(&logs.len())
            && crate::codec::is_ascending(&logs)
            && self.cuts.iter().all(|cut| cut.sequence > 0 && before(cut))
    }
}
