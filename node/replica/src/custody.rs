//! Custody receipts: a node's signed word that it holds documents of a space durably. A courier
//! brings it back, so no connection proves who said it. `docs/spec/courier.md` is the format.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::codec;
use crate::frame::{self, Held};
use crate::id::{CommunityId, NodeId, SpaceTag, Timestamp};
use crate::limits::CUSTODY_DOCUMENTS_MAX;

const CONTEXT: &str = "linli 1 receipt";
const VERSION: u8 = 1;

/// What a node says that it holds: the terms, which are signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// The community.
    #[n(0)]
    pub community: CommunityId,
    /// Who says so.
    #[n(1)]
    pub by: NodeId,
    /// When, by its clock.
    #[n(2)]
    pub at: Timestamp,
    /// The space.
    #[n(3)]
    pub space: SpaceTag,
    /// Documents of it, each with the logs that this is about: at most
    /// [`CUSTODY_DOCUMENTS_MAX`].
    #[n(4)]
    pub documents: Vec<Held>,
}

/// A custody receipt as received: not yet believed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Custody {
    /// Format version, 1.
    #[n(0)]
    pub version: u8,
    /// The encoded terms.
    #[n(1)]
    pub terms: ByteVec,
    /// Ed25519 by the node over `linli 1 receipt` ‖ BLAKE3 (derive-key context `linli 1 receipt`)
    /// of the terms.
    #[n(2)]
    pub signature: ByteArray<64>,
}

/// Why a custody receipt is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// It cannot be read, or lists too much.
    #[error("this receipt cannot be read; its node gives it again with the next courier")]
    Malformed,
    /// A later format.
    #[error("this receipt has format version {0}; update this node to read it")]
    Version(u8),
    /// Given in another community.
    #[error("this receipt was given in another community")]
    OtherCommunity,
    /// Not signed by the node that it names.
    #[error("this receipt is not signed by the node that it names")]
    BadSignature,
}

impl Terms {
    /// Signs the terms with the key of the node that they name.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Custody {
        let terms = codec::encode(self);
        let signature = key.sign(&message(&terms)).to_bytes().into();
        Custody { version: VERSION, terms: terms.into(), signature }
    }
}

impl Custody {
    /// Checks the receipt and returns what it says. Whether its node is a member is for the
    /// directory to say.
    ///
    /// # Errors
    /// See [`CustodyError`].
    pub fn verify(&self, community: CommunityId) -> Result<Terms, CustodyError> {
        if self.version != VERSION {
            return Err(CustodyError::Version(self.version));
        }
        let terms: Terms = codec::decode(&self.terms).map_err(|_| CustodyError::Malformed)?;
        let sound = |held: &Held| frame::check(&held.frontier).is_ok();
        if terms.documents.len() > CUSTODY_DOCUMENTS_MAX || !terms.documents.iter().all(sound) {
            return Err(CustodyError::Malformed);
        }
        if terms.community != community {
            return Err(CustodyError::OtherCommunity);
        }
        VerifyingKey::from_bytes(terms.by.as_bytes())
            .and_then(|key| {
                let signature = Signature::from_bytes(&self.signature);
                key.verify_strict(&message(&self.terms), &signature)
            })
            .map_err(|_| CustodyError::BadSignature)?;
        Ok(terms)
    }
}

fn message(terms: &[u8]) -> Vec<u8> {
    [CONTEXT.as_bytes(), &blake3::derive_key(CONTEXT, terms)].concat()
}
