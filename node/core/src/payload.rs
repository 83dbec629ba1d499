//! What an entry says once it is opened: `docs/spec/keys.md` holds the format.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use linli_replica::codec;
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, SpaceTag, Timestamp};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::limits::{BATCH_ITEMS_MAX, NAME_BYTES_MAX, PLAINTEXT_BYTES_MAX};
use crate::person::{PersonCertificate, PersonError};
use crate::secret::Plaintext;

const NODE_CONTEXT: &[u8] = b"linli 1 binding by node";
const LOG_CONTEXT: &[u8] = b"linli 1 binding by log";
const STAMP_CONTEXT: &str = "linli 1 person stamp";

/// The plaintext of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// When it was written, by the writer's clock: the signed time.
    pub at: Timestamp,
    /// Whose log this is: in the first entry of a log in each document, and repeated where asked.
    pub binding: Option<Binding>,
    /// The document's name, in the first entry of a log in it and of a checkpoint.
    pub name: Option<String>,
    /// What is written.
    pub content: Content,
    /// The person who did it.
    pub stamp: Option<PersonStamp>,
}

/// What an entry holds.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Content {
    /// Automerge changes, as their raw bytes, in causal order.
    #[n(0)]
    Changes(#[n(0)] Vec<ByteVec>),
    /// Certificates of the space, in the reserved document that holds them.
    #[n(1)]
    Certificates(#[n(0)] Vec<ByteVec>),
    /// A part of a checkpoint: its bytes, in the first part behind the manifest.
    #[n(2)]
    Checkpoint(#[n(0)] Vec<ByteVec>),
    /// Records of recoveries, in the same document.
    #[n(3)]
    Recovery(#[n(0)] Vec<ByteVec>),
}

/// Node and log key sign each other: neither can claim the other alone.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Binding {
    /// The node whose log it is.
    #[n(0)]
    pub node: NodeId,
    /// Signature of the node's key over space and log.
    #[n(1)]
    node_signature: ByteArray<64>,
    /// Signature of the log's key over space and node.
    #[n(2)]
    log_signature: ByteArray<64>,
}

/// Who acted, signed with the person's own key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PersonStamp {
    /// The [`PersonCertificate`], as bytes.
    #[n(0)]
    certificate: ByteVec,
    #[n(1)]
    signature: ByteArray<64>,
}

/// Where a stamp was set: it counts nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StampPlace {
    /// The space.
    pub space: SpaceTag,
    /// The document.
    pub document: DocTag,
    /// The log.
    pub log: LogKey,
    /// Place in the log.
    pub sequence: u64,
    /// The entry before.
    pub previous: EntryId,
    /// The signed time.
    pub at: Timestamp,
}

/// Why a plaintext cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It exceeds the cap.
    #[error("an entry's content of {0} bytes is larger than the limit of {PLAINTEXT_BYTES_MAX}")]
    TooLarge(usize),
    /// It is not the CBOR of a payload, or holds too many items.
    #[error("the content of this entry cannot be read; its author must write it again")]
    Malformed,
    /// A later format.
    #[error("this entry's content has format version {0}; update this node to read it")]
    Version(u8),
    /// The binding does not hold.
    #[error("this log is not proved to be the node's that it names")]
    BadBinding,
    /// The stamp is not that of the person it names.
    #[error("the person's signature under this entry is wrong")]
    BadStamp,
    /// The person's certificate is bad.
    #[error(transparent)]
    Person(#[from] PersonError),
}

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    version: u8,
    #[n(1)]
    at: Timestamp,
    #[n(2)]
    binding: Option<Binding>,
    #[n(3)]
    name: Option<String>,
    /// CBOR of the content.
    #[n(4)]
    content: ByteVec,
    #[n(5)]
    stamp: Option<PersonStamp>,
}

impl Payload {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Encodes the payload, to be sealed.
    #[must_use]
    pub fn encode(&self) -> Plaintext {
        let wire = Wire {
            version: Self::VERSION,
            at: self.at,
            binding: self.binding.clone(),
            name: self.name.clone(),
            content: codec::encode(&self.content).into(),
            stamp: self.stamp.clone(),
        };
        Plaintext::new(codec::encode(&wire))
    }

    /// Reads an opened entry, bounded before it is parsed. Binding and stamp are checked apart.
    ///
    /// # Errors
    /// See [`PayloadError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > PLAINTEXT_BYTES_MAX {
            return Err(PayloadError::TooLarge(bytes.len()));
        }
        let version = crate::codec::version(bytes).ok_or(PayloadError::Malformed)?;
        if version != Self::VERSION {
            return Err(PayloadError::Version(version));
        }
        let wire: Wire = codec::decode(bytes).map_err(|_| PayloadError::Malformed)?;
        let content: Content = codec::decode(&wire.content).map_err(|_| PayloadError::Malformed)?;
        let named = wire.name.as_ref().is_none_or(|name| name.len() <= NAME_BYTES_MAX);
        if !named || content.items().len() > BATCH_ITEMS_MAX {
            return Err(PayloadError::Malformed);
        }
        let Wire { at, binding, name, stamp, .. } = wire;
        Ok(Self { at, binding, name, content, stamp })
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload")
            .field("at", &self.at)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl Content {
    /// Returns the changes, certificates, records, or what a part of a checkpoint is made of.
    #[must_use]
    pub fn items(&self) -> &[ByteVec] {
        let (Self::Changes(items)
        | Self::Certificates(items)
        | Self::Checkpoint(items)
        | Self::Recovery(items)) = self;
        items
    }

    /// Says whether it is the first part of a checkpoint, which says the document's name again.
    pub(crate) const fn begins_checkpoint(&self) -> bool {
        matches!(self, Self::Checkpoint(items) if items.len() == 2)
    }

    /// Says whether it belongs into a document that has a name: not into the one of the certificates.
    pub(crate) const fn is_of_document(&self) -> bool {
        matches!(self, Self::Changes(_) | Self::Checkpoint(_))
    }

    /// Hashes the content into `hasher`: its kind, then each item behind its length.
    fn hash_into(&self, hasher: &mut blake3::Hasher) {
        let kind: &[u8] = match self {
            Self::Changes(_) => b"changes",
            Self::Certificates(_) => b"certificates",
            Self::Checkpoint(_) => b"checkpoint",
            Self::Recovery(_) => b"recovery",
        };
        hasher.update(kind);
        for item in self.items() {
            hasher.update(&u64::try_from(item.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(item);
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Self::Changes(_) => "Changes",
            Self::Certificates(_) => "Certificates",
            Self::Checkpoint(_) => "Checkpoint",
            Self::Recovery(_) => "Recovery",
        };
        write!(f, "{kind}({})", self.items().len())
    }
}

impl Binding {
    /// Binds a log to its node.
    #[must_use]
    pub fn new(node: &SigningKey, log: &SigningKey, space: SpaceTag) -> Self {
        let node_id = NodeId(node.verifying_key().to_bytes());
        let log_key = crate::identity::log_key(log);
        let node_signature = node.sign(&bound_by_node(&space, &log_key)).to_bytes().into();
        let log_signature = log.sign(&bound_by_log(&space, &node_id)).to_bytes().into();
        Self { node: node_id, node_signature, log_signature }
    }

    /// Checks that the log, of an entry of this space, is the node's.
    ///
    /// # Errors
    /// [`PayloadError::BadBinding`].
    pub fn verify(&self, log: LogKey, space: SpaceTag) -> Result<NodeId, PayloadError> {
        let by_node = bound_by_node(&space, &log);
        let by_log = bound_by_log(&space, &self.node);
        let holds = verify(self.node.as_bytes(), &by_node, &self.node_signature)
            && verify(log.as_bytes(), &by_log, &self.log_signature);
        if holds { Ok(self.node) } else { Err(PayloadError::BadBinding) }
    }
}

fn bound_by_node(space: &SpaceTag, log: &LogKey) -> Vec<u8> {
    [NODE_CONTEXT, space.as_bytes(), log.as_bytes()].concat()
}

fn bound_by_log(space: &SpaceTag, node: &NodeId) -> Vec<u8> {
    [LOG_CONTEXT, space.as_bytes(), node.as_bytes()].concat()
}

fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

impl PersonStamp {
    /// Stamps content with a person's key.
    #[must_use]
    pub fn new(
        certificate: &PersonCertificate,
        key: &SigningKey,
        place: &StampPlace,
        content: &Content,
    ) -> Self {
        let signature = key.sign(&place.message(content)).to_bytes().into();
        Self { certificate: certificate.encode().into(), signature }
    }

    /// Checks that the person signed this content in this place; whether their party's certificate
    /// counts is [`PersonCertificate::check`]'s to say.
    ///
    /// # Errors
    /// The certificate cannot be read, or the signature is not the person's.
    pub fn verify(
        &self,
        place: &StampPlace,
        content: &Content,
    ) -> Result<PersonCertificate, PayloadError> {
        let certificate = PersonCertificate::decode(&self.certificate)?;
        if verify(&certificate.person().key, &place.message(content), &self.signature) {
            Ok(certificate)
        } else {
            Err(PayloadError::BadStamp)
        }
    }
}

impl StampPlace {
    /// The message a person signs: context ‖ hash of the place and the content.
    fn message(&self, content: &Content) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_derive_key(STAMP_CONTEXT);
        hasher.update(self.space.as_bytes()).update(self.document.as_bytes());
        hasher.update(self.log.as_bytes()).update(&self.sequence.to_le_bytes());
        hasher.update(self.previous.as_bytes()).update(&self.at.0.to_le_bytes());
        content.hash_into(&mut hasher);
        [STAMP_CONTEXT.as_bytes(), hasher.finalize().as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests;
