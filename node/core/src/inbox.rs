//! What one node gives another: spaces, certificates and keys, signed inside and sealed to it.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use linli_replica::codec;
use linli_replica::id::{EpochId, NodeId, SpaceTag, Timestamp};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::authority::{EpochKey, SpaceCertificate};
use crate::limits::{BATCH_ITEMS_MAX, PLAINTEXT_BYTES_MAX, WRAPS_MAX};
use crate::secret::Plaintext;

const CONTEXT: &str = "linli 1 inbox item";
/// Bytes of an item that its lists do not take.
const FRAME_BYTES: usize = 1 << 10;
/// Bytes that one wrapped key takes, rounded up.
const WRAP_BYTES: usize = 80;

/// A key of one epoch, as given.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wrap {
    /// The epoch.
    #[n(0)]
    pub epoch: EpochId,
    /// Its secret, or its content key only.
    #[n(1)]
    pub key: EpochKey,
}

/// What is given.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum InboxItem {
    /// A space: whoever holds its genesis knows its tags.
    #[n(0)]
    Space {
        /// The genesis certificate.
        #[n(0)]
        genesis: ByteVec,
        /// Other certificates of the space, or as many as fit.
        #[n(1)]
        certificates: Vec<ByteVec>,
        /// The epochs opened to the recipient.
        #[n(2)]
        epochs: Vec<Wrap>,
    },
    /// News of a space that the recipient already holds.
    #[n(1)]
    News {
        /// Certificates.
        #[n(0)]
        certificates: Vec<ByteVec>,
        /// Epochs.
        #[n(1)]
        epochs: Vec<Wrap>,
    },
}

/// An item whose granter's signature is checked, and which is meant for this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Who gave it.
    pub from: NodeId,
    /// The space it is about, as carriers see it.
    pub space: SpaceTag,
    /// When, by the granter's clock.
    pub at: Timestamp,
    /// What.
    pub item: InboxItem,
}

/// Why an inbox item is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// It exceeds the cap.
    #[error("an inbox item of {0} bytes is larger than the limit of {PLAINTEXT_BYTES_MAX}")]
    TooLarge(usize),
    /// It cannot be read, or holds too much.
    #[error("this inbox item cannot be read; ask its sender for it again")]
    Malformed,
    /// A later format.
    #[error("this inbox item has format version {0}; update this node to read it")]
    Version(u8),
    /// Meant for another node: somebody passed it on.
    #[error("this inbox item was meant for another node")]
    NotForUs,
    /// The signature inside is not the granter's.
    #[error("this inbox item is not signed by whoever it names")]
    BadSignature,
    /// Its genesis is not one, or not that of the space it names.
    #[error("this inbox item names another space than the one it brings")]
    OtherSpace,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    version: u8,
    #[n(1)]
    body: ByteVec,
    #[n(2)]
    signature: ByteArray<64>,
}

#[derive(Encode, Decode)]
struct Body {
    #[n(0)]
    from: NodeId,
    #[n(1)]
    to: NodeId,
    #[n(2)]
    space: SpaceTag,
    #[n(3)]
    at: Timestamp,
    #[n(4)]
    item: InboxItem,
}

impl InboxItem {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Puts a space into as few items as hold it, each with the genesis.
    #[must_use]
    pub fn space(
        genesis: &SpaceCertificate,
        certificates: impl IntoIterator<Item = Vec<u8>>,
        epochs: Vec<Wrap>,
    ) -> Vec<Self> {
        let genesis: ByteVec = genesis.encode().into();
        let room = PLAINTEXT_BYTES_MAX.saturating_sub(FRAME_BYTES + genesis.len());
        let mut parts: Vec<(Vec<ByteVec>, Vec<Wrap>)> = vec![(Vec::new(), Vec::new())];
        let mut taken = 0_usize;
        let mut part = |bytes: usize, parts: &mut Vec<(Vec<ByteVec>, Vec<Wrap>)>| {
            let full = parts.last().is_some_and(|(certificates, epochs)| {
                certificates.len() >= BATCH_ITEMS_MAX || epochs.len() >= WRAPS_MAX
            });
            if full || taken.saturating_add(bytes) > room {
                parts.push((Vec::new(), Vec::new()));
                taken = 0;
            }
            taken = taken.saturating_add(bytes);
        };
        for certificate in certificates {
            part(certificate.len().saturating_add(5), &mut parts);
            if let Some((certificates, _)) = parts.last_mut() {
                certificates.push(certificate.into());
            }
        }
        for epoch in epochs {
            part(WRAP_BYTES, &mut parts);
            if let Some((_, epochs)) = parts.last_mut() {
                epochs.push(epoch);
            }
        }
        let item =
            |(certificates, epochs)| Self::Space { genesis: genesis.clone(), certificates, epochs };
        parts.into_iter().map(item).collect()
    }

    /// Signs the item for one recipient; what is returned is sealed to that node's inbox.
    #[must_use]
    pub fn sign(
        self,
        granter: &SigningKey,
        recipient: NodeId,
        space: SpaceTag,
        at: Timestamp,
    ) -> Plaintext {
        let from = NodeId(granter.verifying_key().to_bytes());
        let body = codec::encode(&Body { from, to: recipient, space, at, item: self });
        let signature = granter.sign(&message(&body)).to_bytes().into();
        let signed = Signed { version: Self::VERSION, body: body.into(), signature };
        Plaintext::new(codec::encode(&signed))
    }

    /// Returns the certificates it brings, the genesis first where there is one.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let (genesis, certificates) = match self {
            Self::Space { genesis, certificates, .. } => (Some(genesis), certificates),
            Self::News { certificates, .. } => (None, certificates),
        };
        genesis.into_iter().chain(certificates).map(|bytes| bytes.as_slice())
    }

    /// Returns the keys it brings, to be checked against the epochs' certificates.
    #[must_use]
    pub fn epochs(&self) -> &[Wrap] {
        let (Self::Space { epochs, .. } | Self::News { epochs, .. }) = self;
        epochs
    }
}

impl std::fmt::Debug for InboxItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboxItem")
            .field("certificates", &self.certificates().count())
            .field("epochs", &self.epochs().len())
            .finish()
    }
}

impl Given {
    /// Reads an opened inbox entry: bounded, signed by whom it names, meant for `own`.
    ///
    /// Whether the granter may give the space is for the certificates to say.
    ///
    /// # Errors
    /// See [`InboxError`].
    pub fn decode(bytes: &[u8], own: NodeId) -> Result<Self, InboxError> {
        if bytes.len() > PLAINTEXT_BYTES_MAX {
            return Err(InboxError::TooLarge(bytes.len()));
        }
        let version = crate::codec::version(bytes).ok_or(InboxError::Malformed)?;
        if version != InboxItem::VERSION {
            return Err(InboxError::Version(version));
        }
        let signed: Signed = codec::decode(bytes).map_err(|_| InboxError::Malformed)?;
        let body: Body = codec::decode(&signed.body).map_err(|_| InboxError::Malformed)?;
        if body.to != own {
            return Err(InboxError::NotForUs);
        }
        VerifyingKey::from_bytes(body.from.as_bytes())
            .and_then(|key| {
                let signature = Signature::from_bytes(&signed.signature);
                key.verify_strict(&message(&signed.body), &signature)
            })
            .map_err(|_| InboxError::BadSignature)?;
        let Body { from, space, at, item, .. } = body;
        if item.certificates().count() > BATCH_ITEMS_MAX + 1 || item.epochs().len() > WRAPS_MAX {
            return Err(InboxError::Malformed);
        }
        if let InboxItem::Space { genesis, .. } = &item {
            let tags = SpaceCertificate::decode(genesis).ok().and_then(|genesis| genesis.tags());
            if tags.is_none_or(|(tag, _)| tag != space) {
                return Err(InboxError::OtherSpace);
            }
        }
        Ok(Self { from, space, at, item })
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    [CONTEXT.as_bytes(), &blake3::derive_key(CONTEXT, body)].concat()
}

#[cfg(test)]
mod tests;
