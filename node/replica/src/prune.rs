//! Orders to prune: what carriers may drop because a checkpoint stands for it. `docs/spec/prune.md` is
//! the format.
//!
//! An order is an entry of suite 4 in the space's [`prune document`](document_tag), signed by the space's
//! carrier-order key as an order to erase is: whoever shows the space's id and that key, which make its
//! tag, speaks for a steward. It names for each log the first entry that stays. Everybody who holds
//! the space can check it; only nodes that do nothing but carry act on it.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::codec;
use crate::entry::{Entry, Suite};
use crate::frontier::Tip;
use crate::id::{
    CommunityId, DocTag, EntryId, LogKey, PruneId, SpaceTag, Timestamp, recovery_tag, space_tag,
};
use crate::limits::{CHECKPOINT_ENTRIES_MAX, PRUNE_LOGS_MAX, PRUNE_WITHDRAWN_MAX};

const CONTEXT: &str = "linli 1 prune order";
const DOCUMENT_CONTEXT: &str = "linli 1 prune document tag";
const VERSION: u8 = 1;

/// Returns the tag of the reserved document that holds a space's prune orders. Whoever holds the space
/// can, without a key.
#[must_use]
pub fn document_tag(space: &SpaceTag) -> DocTag {
    DocTag(blake3::derive_key(DOCUMENT_CONTEXT, space.as_bytes()))
}

/// Where a log is cut: everything before this entry may go, the entry itself stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Cut {
    /// The log.
    #[n(0)]
    pub log: LogKey,
    /// Sequence number of the first entry that stays, from 1.
    #[n(1)]
    pub sequence: u64,
    /// Its id.
    #[n(2)]
    pub entry: EntryId,
}

impl Cut {
    /// Returns the place of the first entry that stays.
    #[must_use]
    pub const fn tip(&self) -> Tip {
        Tip { sequence: self.sequence, id: self.entry }
    }

    /// Returns the hash of all that it says: by it a cut is found.
    pub(crate) fn hash(&self) -> ByteArray<32> {
        (*blake3::hash(&codec::encode(self)).as_bytes()).into()
    }
}

/// What a reader of the document found of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The space.
    pub space: SpaceTag,
    /// The document that it is about.
    pub document: DocTag,
    /// The order.
    pub order: PruneId,
    /// Whether logs may begin late here by it.
    pub is_followed: bool,
}

/// The entries that hold the checkpoint: consecutive, of one log of the same document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Checkpoint {
    /// The log.
    #[n(0)]
    pub log: LogKey,
    /// Sequence number of the first.
    #[n(1)]
    pub first: u64,
    /// Sequence number of the last, at most [`CHECKPOINT_ENTRIES_MAX`] entries in all.
    #[n(2)]
    pub last: u64,
    /// Id of the last.
    #[n(3)]
    pub entry: EntryId,
}

/// Where what is held of a log begins: the entry named here and all before it may be missing, and count
/// as held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The entry before the first that is held for certain.
    pub tip: Tip,
    /// The order that cuts the log right after it.
    pub order: PruneId,
}

/// What an order says: its terms, which are signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// The community in which it holds.
    #[n(0)]
    pub community: CommunityId,
    /// The space's id: the hash of its genesis.
    #[n(1)]
    pub space: ByteArray<32>,
    /// The public half of the space's carrier-order key.
    #[n(2)]
    pub carrier_key: ByteArray<32>,
    /// The document.
    #[n(3)]
    pub document: DocTag,
    /// In order of logs, each once, at most [`PRUNE_LOGS_MAX`].
    #[n(4)]
    pub cuts: Vec<Cut>,
    /// What stands for everything before the cuts; none in an order that cuts nothing.
    #[n(5)]
    pub checkpoint: Option<Checkpoint>,
    /// Earlier orders about the same document that are not to take effect any more: in order, each
    /// once, at most [`PRUNE_WITHDRAWN_MAX`].
    #[n(6)]
    pub withdraws: Vec<PruneId>,
    /// When it was given, by its signer's clock.
    #[n(7)]
    pub at: Timestamp,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    version: u8,
    #[n(1)]
    terms: ByteVec,
    #[n(2)]
    signature: ByteArray<64>,
}

/// An order whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    id: PruneId,
    terms: Terms,
}

/// Why an entry is not an order to prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PruneError {
    /// It cannot be read, lists too much or out of order, or contradicts itself.
    #[error("this order to prune cannot be read; its steward gives it again")]
    Malformed,
    /// A later format.
    #[error("this order to prune has format version {0}; update this node to carry it out")]
    Version(u8),
    /// Given in another community.
    #[error("this order to prune was given in another community")]
    OtherCommunity,
    /// About another space than that in which it stands, or in another document than the reserved one.
    #[error("this order to prune does not stand in the space that it is about")]
    OtherSpace,
    /// Not signed by the key that the space's tag commits to.
    #[error("this order to prune is not signed by the key of the space that it names")]
    BadSignature,
}

fn id(terms: &[u8]) -> PruneId {
    PruneId(blake3::derive_key(CONTEXT, terms))
}

fn message(terms: &[u8]) -> Vec<u8> {
    [CONTEXT.as_bytes(), &id(terms).0].concat()
}

impl Terms {
    /// Signs the terms with the space's carrier-order key, whatever they say; what is returned is an entry's
    /// content. Whoever gives an order calls [`Order::give`].
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let terms = codec::encode(self);
        let signature = key.sign(&message(&terms)).to_bytes().into();
        codec::encode(&Signed { version: VERSION, terms: terms.into(), signature })
    }

    /// Returns the id of the order that has these terms.
    #[must_use]
    pub fn id(&self) -> PruneId {
        id(&codec::encode(self))
    }

    /// Returns the tag of the space.
    #[must_use]
    pub fn tag(&self) -> SpaceTag {
        space_tag(&self.space, &self.carrier_key)
    }

    /// Returns where a log is cut.
    #[must_use]
    pub fn cut(&self, log: &LogKey) -> Option<&Cut> {
        let at = self.cuts.binary_search_by(|cut| cut.log.cmp(log)).ok()?;
        self.cuts.get(at)
    }

    fn is_sound(&self) -> bool {
        let logs = self.cuts.windows(2).all(|pair| match pair {
            [a, b] => a.log < b.log,
            _ => false,
        });
        let withdraws = self.withdraws.windows(2).all(|pair| pair.first() < pair.last());
        let bounded = self.cuts.len() <= PRUNE_LOGS_MAX
            && self.withdraws.len() <= PRUNE_WITHDRAWN_MAX
            && self.cuts.iter().all(|cut| cut.sequence > 0);
        let stands = match &self.checkpoint {
            None => self.cuts.is_empty() && !self.withdraws.is_empty(),
            Some(checkpoint) => {
                let kept = self.cut(&checkpoint.log).is_none_or(|c| c.sequence <= checkpoint.first);
                !self.cuts.is_empty() && checkpoint.is_sound() && kept
            }
        };
        logs && withdraws && bounded && stands && !is_reserved(&self.tag(), &self.document)
    }
}

impl Checkpoint {
    fn is_sound(&self) -> bool {
        let entries = self.last.checked_sub(self.first);
        self.first > 0 && entries.is_some_and(|entries| entries < CHECKPOINT_ENTRIES_MAX)
    }
}

/// Says whether a document holds what must be found without a key, and is never pruned.
fn is_reserved(space: &SpaceTag, document: &DocTag) -> bool {
    *document == document_tag(space) || *document == recovery_tag(space)
}

impl Order {
    /// Makes an order: signs its terms with the space's carrier-order key, and checks what came of it as
    /// whoever receives it does. What is returned with it is an entry's content.
    ///
    /// # Errors
    /// See [`PruneError`].
    pub fn give(terms: &Terms, key: &SigningKey) -> Result<(Self, Vec<u8>), PruneError> {
        let content = terms.sign(key);
        Ok((Self::decode(&content, terms.community)?, content))
    }

    /// Reads the order in an entry of the space's prune document, and checks its signature.
    ///
    /// # Errors
    /// See [`PruneError`].
    pub fn of_entry(entry: &Entry, community: CommunityId) -> Result<Self, PruneError> {
        let header = entry.header();
        let content = content(entry).ok_or(PruneError::Malformed)?;
        let order = Self::decode(content, community)?;
        let stands =
            order.terms.tag() == header.space && header.document == document_tag(&header.space);
        if stands { Ok(order) } else { Err(PruneError::OtherSpace) }
    }

    /// Reads an order and checks its signature.
    ///
    /// # Errors
    /// See [`PruneError`].
    pub fn decode(bytes: &[u8], community: CommunityId) -> Result<Self, PruneError> {
        let (order, signed) = Self::parse(bytes)?;
        if order.terms.community != community {
            return Err(PruneError::OtherCommunity);
        }
        VerifyingKey::from_bytes(&order.terms.carrier_key)
            .and_then(|key| {
                let signature = Signature::from_bytes(&signed.signature);
                key.verify_strict(&message(&signed.terms), &signature)
            })
            .map_err(|_| PruneError::BadSignature)?;
        if order.terms.is_sound() { Ok(order) } else { Err(PruneError::Malformed) }
    }

    /// Reads an order again that was checked when it came.
    pub(crate) fn again(entry: &Entry) -> Option<Self> {
        Self::parse(content(entry)?).ok().map(|(order, _)| order)
    }

    fn parse(bytes: &[u8]) -> Result<(Self, Signed), PruneError> {
        let signed: Signed = codec::decode(bytes).map_err(|_| PruneError::Malformed)?;
        if signed.version != VERSION {
            return Err(PruneError::Version(signed.version));
        }
        let terms: Terms = codec::decode(&signed.terms).map_err(|_| PruneError::Malformed)?;
        Ok((Self { id: id(&signed.terms), terms }, signed))
    }

    /// Returns the id: the hash of the terms, the same in whatever entry the order stands.
    #[must_use]
    pub const fn id(&self) -> PruneId {
        self.id
    }

    /// Returns what it says.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// Takes the content out of an entry of suite 4: length (4 bytes, little-endian) ‖ content ‖ zeros.
fn content(entry: &Entry) -> Option<&[u8]> {
    if entry.header().suite != Suite::Prune {
        return None;
    }
    let (length, rest) = entry.ciphertext().split_first_chunk()?;
    let (content, padding) =
        rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    padding.iter().all(|byte| *byte == 0).then_some(content)
}

#[cfg(test)]
mod tests;
