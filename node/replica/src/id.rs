//! Names of things: 32-byte newtypes, and points in time.
//!
//! Every id prints as its first eight hex digits in `Debug` and in full in `Display`; none of them
//! says anything about a person.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Decoder, Encode, Encoder};

macro_rules! id {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// Returns the 32 bytes of the id.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(f, "{}({})", stringify!($name), hex::encode([a, b, c, d]))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError)?;
                Ok(Self(bytes))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                ctx: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                ByteArray::from(self.0).encode(e, ctx)
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(
                d: &mut Decoder<'b>,
                ctx: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                ByteArray::decode(d, ctx).map(|bytes| Self(bytes.into()))
            }
        }
    )*};
}

id! {
    /// A community: the hash of its genesis certificate.
    CommunityId;
    /// A party: its root Ed25519 public key.
    PartyId;
    /// A node: its Ed25519 public key, which is also its iroh endpoint id.
    NodeId;
    /// A privacy officer: an Ed25519 public key.
    OfficerId;
    /// What a carrier sees of a space.
    SpaceTag;
    /// What a carrier sees of a document.
    DocTag;
    /// The Ed25519 public key that signs one node's entries in one space.
    LogKey;
    /// An entry: the hash of its header and ciphertext.
    EntryId;
    /// One content key of a space: the hash of the certificate that begins it.
    EpochId;
    /// A certificate: the hash of its body.
    CertificateId;
    /// A blob: the BLAKE3 hash of its sealed bytes.
    BlobId;
    /// An erasure order: the hash of its terms, whoever publishes it.
    OrderId;
    /// An order to prune: the hash of its terms, in whatever entry it stands.
    PruneId;
}

/// The text was not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 64 hexadecimal digits; copy it again, whole")]
pub struct IdError;

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    minicbor::Encode,
    minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub u64);

impl Timestamp {
    /// Returns the time `ms` milliseconds later, or the last representable time.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the milliseconds from `earlier` to here, zero where `earlier` is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Returns the tag of a node's inbox: the reserved space of what is granted to it. Anybody who
/// knows the node can compute it.
#[must_use]
pub fn inbox_tag(node: &NodeId) -> SpaceTag {
    SpaceTag(blake3::derive_key("linli 1 inbox space tag", node.as_bytes()))
}

/// Returns the tag of the reserved document that holds the shares of a space's epochs. Whoever holds
/// the space can: a recovery begins where nobody has a key of it.
#[must_use]
pub fn recovery_tag(space: &SpaceTag) -> DocTag {
    DocTag(blake3::derive_key("linli 1 recovery document tag", space.as_bytes()))
}

/// Returns the tag under which carriers hold a space: what its id and the public half of its
/// carrier-order key make. Nobody can find the space from its tag.
#[must_use]
pub fn space_tag(space: &[u8; 32], carrier_key: &[u8; 32]) -> SpaceTag {
    SpaceTag(blake3::derive_key("linli 1 space tag", &[*space, *carrier_key].concat()))
}
