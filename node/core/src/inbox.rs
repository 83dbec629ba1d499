//! What one node gives another: spaces, certificates and keys, signed inside and sealed to it.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use linli_replica::codec;
use linli_replica::id::{EpochId, NodeId, Timestamp};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::authority::EpochKey;
use crate::limits::{
    BATCH_ITEMS_MAX, LETTER_BYTES, LETTER_ITEMS_MAX, PLAINTEXT_BYTES_MAX, WRAPS_MAX,
};
use crate::secret::Plaintext;

const CONTEXT: &str = "linli 1 letter";
/// Bytes of a letter that its lists do not take.
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

/// A space as it is given: whoever holds its genesis knows its tags.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct InboxItem {
    #[n(0)]
    genesis: ByteVec,
    /// Other certificates of the space, or as many as fit.
    #[n(1)]
    certificates: Vec<ByteVec>,
    /// The epochs opened to the recipient.
    #[n(2)]
    epochs: Vec<Wrap>,
}

/// What one inbox entry holds: spaces for one node, signed by whoever gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who gave them.
    pub from: NodeId,
    /// When, by the granter's clock.
    pub at: Timestamp,
    /// What.
    pub items: Vec<InboxItem>,
}

/// Why a letter is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// It exceeds the cap.
    #[error("a letter of {0} bytes is larger than the limit of {PLAINTEXT_BYTES_MAX}")]
    TooLarge(usize),
    /// It cannot be read, or holds too much.
    #[error("this letter cannot be read; ask its sender for it again")]
    Malformed,
    /// A later format.
    #[error("this letter has format version {0}; update this node to read it")]
    Version(u8),
    /// Meant for another node: somebody passed it on.
    #[error("this letter was meant for another node")]
    NotForUs,
    /// The signature inside is not the granter's.
    #[error("this letter is not signed by whoever it names")]
    BadSignature,
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
    at: Timestamp,
    #[n(3)]
    items: Vec<InboxItem>,
}

impl InboxItem {
    /// Puts a space into as few items as hold it, each with the genesis.
    #[must_use]
    pub fn space(genesis: Vec<u8>, certificates: &[Vec<u8>], epochs: Vec<Wrap>) -> Vec<Self> {
        let genesis: ByteVec = genesis.into();
        let room = PLAINTEXT_BYTES_MAX.saturating_sub(FRAME_BYTES + genesis.len());
        let item =
            || Self { genesis: genesis.clone(), certificates: Vec::new(), epochs: Vec::new() };
        let mut items = Vec::new();
        let (mut last, mut taken) = (item(), 0_usize);
        let mut make_room = |last: &mut Self, bytes: usize| {
            let full = last.certificates.len() >= BATCH_ITEMS_MAX || last.epochs.len() >= WRAPS_MAX;
            if full || taken.saturating_add(bytes) > room {
                items.push(std::mem::replace(last, item()));
                taken = 0;
            }
            taken = taken.saturating_add(bytes);
        };
        for certificate in certificates {
            make_room(&mut last, certificate.len().saturating_add(5));
            last.certificates.push(certificate.clone().into());
        }
        for epoch in epochs {
            make_room(&mut last, WRAP_BYTES);
            last.epochs.push(epoch);
        }
        items.push(last);
        items
    }

    /// Returns the certificates it brings, the genesis first.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.genesis).chain(&self.certificates).map(|bytes| bytes.as_slice())
    }

    /// Returns the keys it brings, to be checked against the epochs' certificates.
    #[must_use]
    pub fn epochs(&self) -> &[Wrap] {
        &self.epochs
    }

    /// Bytes that it takes, rounded up.
    fn bytes(&self) -> usize {
        let certificates: usize =
            self.certificates().map(|bytes| bytes.len().saturating_add(5)).sum();
        certificates.saturating_add(self.epochs.len() * WRAP_BYTES).saturating_add(16)
    }
}

impl std::fmt::Debug for InboxItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboxItem")
            .field("certificates", &self.certificates().count())
            .field("epochs", &self.epochs.len())
            .finish()
    }
}

impl Letter {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Puts items for one recipient into letters of [`LETTER_BYTES`], or of one item where that is larger.
    #[must_use]
    pub fn fill(items: Vec<InboxItem>) -> Vec<Vec<InboxItem>> {
        let mut letters: Vec<Vec<InboxItem>> = Vec::new();
        let mut taken = 0_usize;
        for item in items {
            let bytes = item.bytes();
            taken = taken.saturating_add(bytes);
            match letters.last_mut() {
                Some(letter) if taken <= LETTER_BYTES && letter.len() < LETTER_ITEMS_MAX => {
                    letter.push(item);
                }
                Some(_) | None => {
                    letters.push(vec![item]);
                    taken = bytes;
                }
            }
        }
        letters
    }

    /// Signs items for one recipient; what is returned is sealed to that node's inbox.
    #[must_use]
    pub fn sign(
        granter: &SigningKey,
        recipient: NodeId,
        at: Timestamp,
        items: Vec<InboxItem>,
    ) -> Plaintext {
        let from = NodeId(granter.verifying_key().to_bytes());
        let body = codec::encode(&Body { from, to: recipient, at, items });
        let signature = granter.sign(&message(&body)).to_bytes().into();
        let signed = Signed { version: Self::VERSION, body: body.into(), signature };
        Plaintext::new(codec::encode(&signed))
    }

    /// Reads an opened inbox entry: bounded, signed by whom it names, meant for `own`.
    ///
    /// Whether the granter may give the spaces is for the certificates to say.
    ///
    /// # Errors
    /// See [`InboxError`].
    pub fn decode(bytes: &[u8], own: NodeId) -> Result<Self, InboxError> {
        if bytes.len() > PLAINTEXT_BYTES_MAX {
            return Err(InboxError::TooLarge(bytes.len()));
        }
        let version = crate::codec::version(bytes).ok_or(InboxError::Malformed)?;
        if version != Self::VERSION {
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
        let Body { from, at, items, .. } = body;
        let large = |item: &InboxItem| {
            item.certificates.len() > BATCH_ITEMS_MAX || item.epochs.len() > WRAPS_MAX
        };
        if items.len() > LETTER_ITEMS_MAX || items.iter().any(large) {
            return Err(InboxError::Malformed);
        }
        Ok(Self { from, at, items })
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    [CONTEXT.as_bytes(), &blake3::derive_key(CONTEXT, body)].concat()
}

#[cfg(test)]
mod tests;
