//! What two nodes say to each other. `docs/spec/frames.md` is the format.
//!
//! A frame is the CBOR array `[kind, body]`. Bodies are indexed: fields that this version does not
//! know are ignored. [`Frame::decode`] bounds the size before it parses and the counts after.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::custody::Custody;
use crate::fingerprint::{FINGERPRINT_BYTES, NAME_BYTES};
use crate::frontier::{Frontier, Tip};
use crate::id::{BlobId, CommunityId, DocTag, LogKey, SpaceTag};
use crate::limits::{
    BLOB_SLICE_BYTES_MAX, BLOBS_IN_A_LIST_MAX, BRANCHES_MAX, CELL_BYTES_MAX, FRAME_BYTES_MAX,
    FRAME_ITEMS_MAX, LOGS_MAX, PAGE_ENTRIES_MAX, REQUEST_RANGES_MAX, WANTS_MAX,
};
use crate::reconcile::Range;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Frame {
    /// The first frame of each side, on the normal lane.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Names of spaces.
    #[n(1)]
    Spaces(#[n(0)] Spaces),
    /// Tags of spaces that a carrier is asked to keep.
    #[n(2)]
    Adopt(#[n(0)] Adopt),
    /// A question or an answer of reconciliation.
    #[n(3)]
    Ranges(#[n(0)] Ranges),
    /// Community certificates that the receiver seems to lack.
    #[n(4)]
    Certificates(#[n(0)] Certificates),
    /// How far the sender holds some documents.
    #[n(5)]
    Frontiers(#[n(0)] Frontiers),
    /// A request for entries.
    #[n(6)]
    Want(#[n(0)] Want),
    /// Entries, asked for or just made.
    #[n(7)]
    Pages(#[n(0)] Pages),
    /// The sender's word that it holds entries durably.
    #[n(8)]
    Receipt(#[n(0)] Receipt),
    /// A heartbeat in an alert space: not logged, only the latest is kept.
    #[n(9)]
    Cell(#[n(0)] Cell),
    /// The last frame of a session.
    #[n(10)]
    Bye(#[n(0)] Bye),
    /// A signed receipt, in a courier file: no connection proves who gave it.
    #[n(11)]
    Custody(#[n(0)] Custody),
    /// What is said about blobs, on the bulk lane.
    #[n(12)]
    Blobs(#[n(0)] Blobs),
}

/// Who speaks, and what it remembers of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// The community.
    #[n(1)]
    pub community: CommunityId,
    /// Digest, under the session's secret, of the spaces that the sender remembers as shared with
    /// the receiver, in order; of none where it remembers nothing.
    #[n(2)]
    pub agreed: ByteArray<NAME_BYTES>,
    /// How many spaces the sender would name. Where the digests differ, the side with fewer names
    /// them, the dialling side where both have as many.
    #[n(3)]
    pub spaces: u32,
    /// Whether the sender keeps entries it cannot read: it names nothing but its own inbox.
    #[n(4)]
    pub carrier: bool,
}

/// What a list of names is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Naming {
    /// The sender wants these spaces. Each such frame is answered.
    #[n(0)]
    Ask,
    /// Those of the names asked about that the sender shares: they are shared from here on.
    #[n(1)]
    Answer,
    /// The sender no longer shares these.
    #[n(2)]
    Gone,
    /// A carrier has come to keep these, which the receiver asked about in vain before: they are
    /// shared from here on.
    #[n(3)]
    Kept,
}

/// Spaces by their names under the session's secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Spaces {
    /// What the list is for.
    #[n(0)]
    pub naming: Naming,
    /// Names of 16 bytes each, joined.
    #[n(1)]
    pub names: ByteVec,
}

/// Spaces that a carrier is asked to keep, within the sender's quota.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Adopt {
    /// Their tags.
    #[n(0)]
    pub tags: Vec<SpaceTag>,
}

/// One step of reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ranges {
    /// Whether this answers a frame of ranges. A question is always answered, by one frame.
    #[n(0)]
    pub answer: bool,
    /// About certificates: id → hash of the envelope.
    #[n(1)]
    pub certificates: Vec<Range>,
    /// About the documents of the shared spaces: tag → digest of the frontier.
    #[n(2)]
    pub documents: Vec<Range>,
}

/// Community certificates as they were received.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certificates {
    /// Encoded envelopes.
    #[n(0)]
    pub certificates: Vec<ByteVec>,
}

/// How far the sender holds some documents.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Frontiers {
    /// The documents.
    #[n(0)]
    pub documents: Vec<Offer>,
}

/// How far the sender holds one document.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// The document.
    #[n(0)]
    pub document: DocTag,
    /// All its logs, or those that have just grown.
    #[n(1)]
    pub frontier: Frontier,
    /// Whether a log holds an urgent entry: it is to be asked for first, on the urgent lane.
    #[n(2)]
    pub urgent: bool,
}

/// A request for entries.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Want {
    /// The logs wanted.
    #[n(0)]
    pub logs: Vec<WantLog>,
}

/// A request for the entries of one log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WantLog {
    /// The document.
    #[n(0)]
    pub document: DocTag,
    /// The log.
    #[n(1)]
    pub log: LogKey,
    /// The tips that the sender holds; none for the whole log.
    #[n(2)]
    pub after: Vec<Tip>,
}

/// Entries, by pages.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pages {
    /// Each page: consecutive encoded entries of one log, the last of them signed.
    #[n(0)]
    pub pages: Vec<Vec<ByteVec>>,
}

/// The sender's word that it holds entries durably; the connection proves the sender.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// The documents, each with the logs that the receipt is about.
    #[n(0)]
    pub documents: Vec<Held>,
}

/// How far one document is held.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Held {
    /// The document.
    #[n(0)]
    pub document: DocTag,
    /// The logs that the receipt is about.
    #[n(1)]
    pub frontier: Frontier,
}

/// The latest sign of life in an alert space.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Cell {
    /// The space.
    #[n(0)]
    pub space: SpaceTag,
    /// The log key of the writer, which signs.
    #[n(1)]
    pub log: LogKey,
    /// Grows with each cell of the writer; a higher one replaces a lower.
    #[n(2)]
    pub counter: u64,
    /// The sealed content, in the size of an alert.
    #[n(3)]
    pub content: ByteVec,
    /// Ed25519 over `linli 1 cell` and the BLAKE3 hash (derive-key context `linli 1 cell id`) of
    /// space, log, counter (8 bytes, little-endian) and content.
    #[n(4)]
    pub signature: ByteArray<64>,
}

impl Cell {
    /// Makes a cell and signs it with the writer's log key.
    #[must_use]
    pub fn new(space: SpaceTag, counter: u64, content: Vec<u8>, key: &SigningKey) -> Self {
        let mut cell = Self {
            space,
            log: LogKey(key.verifying_key().to_bytes()),
            counter,
            content: content.into(),
            signature: [0; 64].into(),
        };
        cell.signature = key.sign(&cell.message()).to_bytes().into();
        cell
    }

    /// Says whether the signature is the log key's.
    #[must_use]
    pub fn verify(&self) -> bool {
        VerifyingKey::from_bytes(self.log.as_bytes())
            .and_then(|key| {
                key.verify_strict(&self.message(), &Signature::from_bytes(&self.signature))
            })
            .is_ok()
    }

    fn message(&self) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_derive_key("linli 1 cell id");
        hasher.update(self.space.as_bytes()).update(self.log.as_bytes());
        hasher.update(&self.counter.to_le_bytes()).update(&self.content);
        [b"linli 1 cell".as_slice(), hasher.finalize().as_bytes()].concat()
    }
}

/// What is said about the blobs of shared spaces.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Blobs {
    /// Fingerprints of the blobs that the sender holds, by space.
    #[n(0)]
    Sums(#[n(0)] Vec<BlobSum>),
    /// Spaces whose blobs the sender wants listed: names of 16 bytes each, joined.
    #[n(1)]
    Ask(#[n(0)] ByteVec),
    /// Blobs that the sender holds whole.
    #[n(2)]
    Held(#[n(0)] Vec<BlobsOfSpace>),
    /// A request for the part of a blob that begins at an offset.
    #[n(3)]
    Want(#[n(0)] BlobId, #[n(1)] u64),
    /// The part of a blob that begins at an offset, as a slice that proves it.
    #[n(4)]
    Part(#[n(0)] BlobId, #[n(1)] u64, #[n(2)] ByteVec),
    /// The sender does not hold a blob that was asked for, or does not share its space.
    #[n(5)]
    Lacking(#[n(0)] BlobId),
}

/// The fingerprint of the blobs held of one space.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BlobSum {
    /// The space's name.
    #[n(0)]
    pub space: ByteArray<NAME_BYTES>,
    /// The fingerprint of blob → document.
    #[n(1)]
    pub sum: ByteArray<FINGERPRINT_BYTES>,
}

/// Blobs of one space.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BlobsOfSpace {
    /// The space's name.
    #[n(0)]
    pub space: ByteArray<NAME_BYTES>,
    /// Its blobs.
    #[n(1)]
    pub blobs: Vec<BlobOffer>,
}

/// A blob that the sender holds whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct BlobOffer {
    /// Its id.
    #[n(0)]
    pub blob: BlobId,
    /// The document that it stands beside.
    #[n(1)]
    pub document: DocTag,
    /// Bytes, sealed.
    #[n(2)]
    pub size: u64,
}

impl Blobs {
    fn check(&self) -> Result<(), FrameError> {
        let over = match self {
            Self::Sums(sums) => sums.len() > BLOBS_IN_A_LIST_MAX,
            Self::Ask(names) if !names.len().is_multiple_of(NAME_BYTES) => {
                return Err(FrameError::Malformed);
            }
            Self::Ask(names) => names.len() / NAME_BYTES > BLOBS_IN_A_LIST_MAX,
            Self::Held(spaces) => {
                let blobs: usize = spaces.iter().map(|space| 1 + space.blobs.len()).sum();
                blobs > 2 * BLOBS_IN_A_LIST_MAX
            }
            Self::Part(_, _, slice) => slice.len() > BLOB_SLICE_BYTES_MAX,
            Self::Want(..) | Self::Lacking(_) => false,
        };
        if over { Err(FrameError::TooMany) } else { Ok(()) }
    }
}

/// Why the sender ends the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Bye {
    /// Why.
    #[n(0)]
    pub reason: ByeReason,
}

/// Why a session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ByeReason {
    /// The sender closes down.
    #[n(0)]
    Closing,
    /// The receiver is not, or no longer, enrolled.
    #[n(1)]
    NotMember,
    /// The two speak different versions or belong to different communities.
    #[n(2)]
    Different,
    /// The receiver broke the protocol.
    #[n(3)]
    Broken,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes exceed the cap.
    #[error("a frame of {0} bytes is larger than the limit of {FRAME_BYTES_MAX}")]
    TooLarge(usize),
    /// The bytes are not the CBOR of a frame.
    #[error("these bytes are not a frame")]
    Malformed,
    /// A list in the frame exceeds its cap.
    #[error("a list in the frame is longer than its limit")]
    TooMany,
}

impl Frame {
    /// The protocol version spoken here.
    pub const VERSION: u8 = 1;

    /// Encodes the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }

    /// Reads a frame, bounded before it is parsed.
    ///
    /// # Errors
    /// See [`FrameError`]; nothing of the bytes is kept.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge(bytes.len()));
        }
        let frame: Self = crate::codec::decode(bytes).map_err(|_| FrameError::Malformed)?;
        frame.check()?;
        Ok(frame)
    }

    fn check(&self) -> Result<(), FrameError> {
        let items = match self {
            Self::Hello(_) | Self::Bye(_) | Self::Custody(_) => 0,
            Self::Blobs(blobs) => {
                blobs.check()?;
                0
            }
            Self::Spaces(Spaces { names, .. }) if !names.len().is_multiple_of(NAME_BYTES) => {
                return Err(FrameError::Malformed);
            }
            Self::Spaces(spaces) => spaces.names.len() / NAME_BYTES,
            Self::Adopt(adopt) => adopt.tags.len(),
            Self::Ranges(ranges) if ranges.answer => {
                ranges.certificates.len() + ranges.documents.len()
            }
            Self::Ranges(Ranges { certificates, documents, .. }) => {
                let over = certificates.len().max(documents.len()) > REQUEST_RANGES_MAX;
                if over { usize::MAX } else { 0 }
            }
            Self::Certificates(list) => list.certificates.len(),
            Self::Frontiers(frontiers) => {
                frontiers.documents.iter().try_for_each(|offer| check(&offer.frontier))?;
                frontiers.documents.len()
            }
            Self::Want(Want { logs }) => {
                let tips = logs.iter().any(|log| log.after.len() > BRANCHES_MAX);
                if tips || logs.len() > WANTS_MAX { usize::MAX } else { 0 }
            }
            Self::Pages(Pages { pages }) => {
                let over = pages.iter().any(|page| page.len() > PAGE_ENTRIES_MAX);
                if over { usize::MAX } else { pages.len() }
            }
            Self::Receipt(receipt) => {
                receipt.documents.iter().try_for_each(|held| check(&held.frontier))?;
                receipt.documents.len()
            }
            Self::Cell(cell) if cell.content.len() > CELL_BYTES_MAX => usize::MAX,
            Self::Cell(_) => 0,
        };
        if items > FRAME_ITEMS_MAX { Err(FrameError::TooMany) } else { Ok(()) }
    }
}

/// Checks a frontier from outside: bounded, tips in order, each once, none empty.
pub(crate) fn check(frontier: &Frontier) -> Result<(), FrameError> {
    if frontier.0.len() > LOGS_MAX {
        return Err(FrameError::TooMany);
    }
    for tips in frontier.0.values() {
        if tips.len() > BRANCHES_MAX {
            return Err(FrameError::TooMany);
        }
        let ordered = tips.is_sorted_by(|a, b| a < b);
        if tips.is_empty() || !ordered || tips.iter().any(|tip| tip.sequence == 0) {
            return Err(FrameError::Malformed);
        }
    }
    Ok(())
}
