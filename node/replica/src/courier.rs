//! Courier files: frames on a stick, each signed by whoever packed them. `docs/spec/courier.md` is
//! the format.
//!
//! ```text
//! file → preamble ‖ chunk*          chunk → part: itself, or opened by whoever holds the key
//! part → Reader (signature, order) → Head | Frame | End
//! ```
//!
//! A file is hostile until checked, and often cut: what stands before a cut is whole by itself.
//! This module needs no key but the packer's; sealing is `linli_core::courier`.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::directory::{Directory, NotMember};
use crate::frame::Frame;
use crate::id::{CommunityId, NodeId, Timestamp};
use crate::limits::FRAME_BYTES_MAX;

mod packer;

pub use packer::{Load, Packed, Packer};

/// Bytes of the preamble: what a file is, and the encapsulated key where it is sealed.
pub const PREAMBLE_BYTES: usize = 49;
/// Bytes of a signature, at the beginning of a part.
const SIGNATURE_BYTES: usize = 64;
/// Bytes that sealing adds to a part (RFC 9180, ChaCha20-Poly1305).
pub const SEAL_BYTES: usize = 16;
/// Bytes of one chunk: a frame, its signature, and its seal.
pub const CHUNK_BYTES_MAX: usize = FRAME_BYTES_MAX + SIGNATURE_BYTES + SEAL_BYTES;

const KIND: &[u8; 14] = b"linli courier ";
const VERSION: &[u8; 2] = b"1\n";
const HEAD_CONTEXT: &str = "linli 1 courier head";
const PART_CONTEXT: &str = "linli 1 courier part";
const SIGN_CONTEXT: &[u8] = b"linli 1 courier";

/// What a file begins with: the only part that is never sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preamble {
    /// The encapsulated key, where the file is sealed to one node.
    pub encapped: Option<[u8; 32]>,
}

/// Who packed a file, and for whom.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// The community.
    #[n(0)]
    pub community: CommunityId,
    /// Who packed it, and signs every part.
    #[n(1)]
    pub from: NodeId,
    /// For whom, where it is sealed; none where it is for everybody who takes it.
    #[n(2)]
    pub to: Option<NodeId>,
    /// When, by the packer's clock.
    #[n(3)]
    pub at: Timestamp,
    /// Drawn for this file. Spaces are named under it, as under a connection's secret.
    #[n(4)]
    pub secret: ByteArray<32>,
    /// The time of the latest file of the receiver's that the packer has taken whole.
    #[n(5)]
    pub taken: Option<Timestamp>,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// A part whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The first.
    Head(Head),
    /// One of those between.
    Frame(Frame),
    /// The last: nothing was cut off.
    End,
}

/// Why a courier file is not taken, or not to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// It does not begin like one.
    #[error("this is not a courier file")]
    NotCourier,
    /// A later format.
    #[error("this courier file has a later format; update this node to take it")]
    Version,
    /// Packed in another community.
    #[error("this courier file belongs to another community")]
    OtherCommunity,
    /// Sealed to another node.
    #[error("this courier file is for another node, or its beginning is damaged")]
    NotForUs,
    /// The directory does not admit who packed it.
    #[error("whoever packed this courier file is not served here: {0}")]
    Stranger(NotMember),
    /// A part does not verify, or has no place where it stands.
    #[error("part {part} of this courier file is damaged or forged")]
    Damaged {
        /// Which, from 0.
        part: u64,
    },
    /// It ends before its last part.
    #[error("this courier file was cut off after {parts} parts")]
    Cut {
        /// How many parts are whole.
        parts: u64,
    },
}

impl Preamble {
    /// Encodes the preamble.
    #[must_use]
    pub fn encode(&self) -> [u8; PREAMBLE_BYTES] {
        let mut bytes = [0; PREAMBLE_BYTES];
        let mut whole = KIND.to_vec();
        whole.extend_from_slice(VERSION);
        whole.push(u8::from(self.encapped.is_some()));
        whole.extend_from_slice(&self.encapped.unwrap_or_default());
        bytes.copy_from_slice(&whole);
        bytes
    }

    /// Reads a preamble.
    ///
    /// # Errors
    /// The file is no courier file, or of a later format.
    pub fn decode(bytes: &[u8; PREAMBLE_BYTES]) -> Result<Self, CourierError> {
        let rest = bytes.strip_prefix(KIND.as_slice()).ok_or(CourierError::NotCourier)?;
        let rest = rest.strip_prefix(VERSION.as_slice()).ok_or(CourierError::Version)?;
        let Some((sealed, encapped)) = rest.split_first() else {
            return Err(CourierError::NotCourier);
        };
        let encapped: [u8; 32] = encapped.try_into().map_err(|_| CourierError::NotCourier)?;
        match sealed {
            0 if encapped == [0; 32] => Ok(Self { encapped: None }),
            1 => Ok(Self { encapped: Some(encapped) }),
            _ => Err(CourierError::NotCourier),
        }
    }
}

/// Reads how many bytes a chunk has; none where it cannot be one.
#[must_use]
pub fn chunk_bytes(prefix: [u8; 4]) -> Option<usize> {
    let bytes = usize::try_from(u32::from_be_bytes(prefix)).ok()?;
    (SIGNATURE_BYTES..=CHUNK_BYTES_MAX).contains(&bytes).then_some(bytes)
}

/// Puts a part, sealed or not, into the file.
#[must_use]
pub fn chunk(part: &[u8]) -> Vec<u8> {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes();
    [length.as_slice(), part].concat()
}

/// What binds a part to its file and place.
#[derive(Debug, Clone)]
struct Chain {
    /// The preamble, then the hash of the head as well.
    file: Vec<u8>,
    parts: u64,
}

impl Chain {
    fn new(preamble: &Preamble) -> Self {
        Self { file: preamble.encode().to_vec(), parts: 0 }
    }

    fn message(&self, body: &[u8]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_derive_key(PART_CONTEXT);
        hasher.update(&self.file).update(&self.parts.to_le_bytes()).update(body);
        [SIGN_CONTEXT, hasher.finalize().as_bytes()].concat()
    }

    fn advance(&mut self, body: &[u8]) {
        if self.parts == 0 {
            self.file.extend_from_slice(&blake3::derive_key(HEAD_CONTEXT, body));
        }
        self.parts += 1;
    }
}

/// Makes the parts of a file, in order.
#[derive(Debug)]
pub struct Writer(Chain);

impl Writer {
    /// Begins a file; returns its first part too.
    #[must_use]
    pub fn begin(preamble: &Preamble, head: &Head, key: &SigningKey) -> (Self, Vec<u8>) {
        let mut writer = Self(Chain::new(preamble));
        let part = writer.part(&crate::codec::encode(head), key);
        (writer, part)
    }

    /// Makes the part of a frame.
    #[must_use]
    pub fn frame(&mut self, frame: &Frame, key: &SigningKey) -> Vec<u8> {
        self.part(&frame.encode(), key)
    }

    /// Makes the last part.
    #[must_use]
    pub fn end(mut self, key: &SigningKey) -> Vec<u8> {
        self.part(&[], key)
    }

    fn part(&mut self, body: &[u8], key: &SigningKey) -> Vec<u8> {
        let signature = key.sign(&self.0.message(body)).to_bytes();
        self.0.advance(body);
        [signature.as_slice(), body].concat()
    }
}

/// Reads the parts of a file, in order.
#[derive(Debug)]
pub struct Reader {
    sealed: bool,
    chain: Chain,
    from: Option<VerifyingKey>,
    ended: bool,
}

impl Reader {
    /// Begins behind a preamble.
    #[must_use]
    pub fn new(preamble: &Preamble) -> Self {
        let sealed = preamble.encapped.is_some();
        Self { sealed, chain: Chain::new(preamble), from: None, ended: false }
    }

    /// How many parts were whole so far.
    #[must_use]
    pub const fn parts(&self) -> u64 {
        self.chain.parts
    }

    /// Takes the next part in, with its seal taken off.
    ///
    /// # Errors
    /// [`CourierError::Damaged`]: nothing after it can be believed.
    pub fn part(&mut self, bytes: &[u8]) -> Result<Part, CourierError> {
        let damaged = CourierError::Damaged { part: self.chain.parts };
        if bytes.len() > CHUNK_BYTES_MAX || self.ended {
            return Err(damaged);
        }
        let (signature, body) = bytes.split_first_chunk::<SIGNATURE_BYTES>().ok_or(damaged)?;
        let (key, part) = match self.from {
            None => {
                let head: Head = crate::codec::decode(body).map_err(|_| damaged)?;
                if self.sealed != head.to.is_some() {
                    return Err(damaged);
                }
                let key = VerifyingKey::from_bytes(head.from.as_bytes()).map_err(|_| damaged)?;
                (key, Some(Part::Head(head)))
            }
            Some(key) => (key, None),
        };
        let message = self.chain.message(body);
        key.verify_strict(&message, &Signature::from_bytes(signature)).map_err(|_| damaged)?;
        let part = match part {
            Some(head) => head,
            None if body.is_empty() => Part::End,
            None => Part::Frame(Frame::decode(body).map_err(|_| damaged)?),
        };
        self.chain.advance(body);
        self.from = Some(key);
        self.ended = part == Part::End;
        Ok(part)
    }
}

impl Head {
    /// Checks that the file is of this community and for this node.
    ///
    /// # Errors
    /// [`CourierError::OtherCommunity`] or [`CourierError::NotForUs`].
    pub fn check(&self, community: CommunityId, me: NodeId) -> Result<(), CourierError> {
        if self.community != community {
            return Err(CourierError::OtherCommunity);
        }
        match self.to {
            Some(to) if to != me => Err(CourierError::NotForUs),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that a directory admits who packed the file.
    ///
    /// # Errors
    /// [`CourierError::Stranger`] with the reason.
    pub fn admitted(&self, directory: &Directory, now: Timestamp) -> Result<(), CourierError> {
        directory.admits(&self.from, now).map(drop).map_err(CourierError::Stranger)
    }
}
