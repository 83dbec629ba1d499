//! The certificates of a space, as signed.

use ed25519_dalek::SigningKey;
use linli_replica::codec;
use linli_replica::id::{
    CertificateId, CommunityId, DocTag, EntryId, EpochId, LogKey, NodeId, PartyId, SpaceTag,
    Timestamp,
};
use linli_replica::signed::{Envelope, EnvelopeError};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::epoch::Epoch;
use super::prune::Prune;
use crate::kdf::{self, DocumentSecret};
use crate::limits::{CODE_BYTES_MAX, CUT_LOGS_MAX, HEADS_MAX, PARENTS_MAX};

/// A space: the hash of its genesis certificate. Known to its members only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct SpaceId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl std::fmt::Debug for SpaceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "SpaceId({})", hex::encode([a, b, c, d]))
    }
}

impl std::fmt::Display for SpaceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What a member may do; each right includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Right {
    /// Hold and pass on what it cannot read.
    #[n(0)]
    Carry,
    /// Read.
    #[n(1)]
    Read,
    /// Write, and begin epochs.
    #[n(2)]
    Write,
    /// Grant, revoke, cut, admit.
    #[n(3)]
    Steward,
}

/// Whose space it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Owner {
    /// A party: the household, a provider.
    #[n(0)]
    Party(#[n(0)] PartyId),
    /// The community: m of its officers sign together what an owner signs.
    #[n(1)]
    Community,
}

/// Begins a space; its certificate's hash is the space's id.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Genesis {
    /// The community it is part of.
    #[n(0)]
    pub community: CommunityId,
    /// Whose it is.
    #[n(1)]
    pub owner: Owner,
    /// A steward from the beginning: the centre that opens a space for an elder without a device.
    #[n(2)]
    pub steward: Option<PartyId>,
    /// What it is for, such as `care` or `order`: a code of the documents' schema.
    #[n(3)]
    pub kind: String,
    /// Ed25519 public key that signs orders to carriers; its secret is the stewards'.
    #[n(4)]
    pub carrier_key: ByteArray<32>,
    /// Random and secret; document tags derive from it.
    #[n(5)]
    pub nonce: ByteArray<32>,
}

impl std::fmt::Debug for Genesis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Genesis").field("owner", &self.owner).field("kind", &self.kind).finish()
    }
}

/// Gives a party a right.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// To whom.
    #[n(0)]
    pub party: PartyId,
    /// What it may do.
    #[n(1)]
    pub right: Right,
    /// What for: a code, such as `care` or `visit`.
    #[n(2)]
    pub purpose: String,
    /// Until when; none where it stands until it is revoked.
    #[n(3)]
    pub ends: Option<Timestamp>,
    /// The consent it rests on: a reference into the space's documents.
    #[n(4)]
    pub consent: Option<String>,
    /// Whether it opens what was written before.
    #[n(5)]
    pub history: bool,
}

/// What a revocation takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Revoked {
    /// Every grant to a party that does not cite the revocation.
    #[n(0)]
    Party(#[n(0)] PartyId),
    /// One grant, and what was granted under it.
    #[n(1)]
    Grant(#[n(0)] CertificateId),
}

/// A former epoch, whose secret is sealed under the history key of the one that names it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Parent {
    /// The former epoch.
    #[n(0)]
    pub epoch: EpochId,
    /// nonce (24 bytes) ‖ sealed secret ‖ tag (16 bytes).
    #[n(1)]
    pub sealed: ByteVec,
}

/// How far one log of a removed party counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct CutPoint {
    /// The log's key.
    #[n(0)]
    pub log: LogKey,
    /// The document the chain belongs to.
    #[n(1)]
    pub document: DocTag,
    /// Sequence number of the last entry that counts.
    #[n(2)]
    pub sequence: u64,
    /// That entry.
    #[n(3)]
    pub entry: EntryId,
}

/// Makes a space somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct HandOver {
    /// Whose it is from here on.
    #[n(0)]
    pub to: Owner,
    /// Who acts as steward for the next owner: where that is the community, somebody must.
    #[n(1)]
    pub steward: Option<PartyId>,
}

/// What a certificate of a space does. Numbers 6 and 7 are kept for carrier keys and erasure; a
/// certificate with an unknown number keeps its place in the graph.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// Begins the space.
    #[n(0)]
    Genesis(#[n(0)] Genesis),
    /// Gives a right.
    #[n(1)]
    Grant(#[n(0)] Grant),
    /// Takes rights away.
    #[n(2)]
    Revoke(#[n(0)] Revoked),
    /// Begins an epoch.
    #[n(3)]
    Epoch(#[n(0)] Epoch),
    /// Says how far a removed party's logs count; logs not listed do not count at all.
    #[n(4)]
    Cut {
        /// The removed party.
        #[n(0)]
        party: PartyId,
        /// Its logs, in order, each once.
        #[n(1)]
        logs: Vec<CutPoint>,
    },
    /// Lets entries count that are held back by cuts it cites, or by an end date.
    #[n(5)]
    Admit {
        /// The entries, in order.
        #[n(0)]
        entries: Vec<EntryId>,
    },
    /// Makes the space somebody else's; only its owner may.
    #[n(8)]
    HandOver(#[n(0)] HandOver),
    /// Says that entries which are held back stay so: they wait for nobody's judgement.
    #[n(9)]
    Refuse {
        /// The entries, in order.
        #[n(0)]
        entries: Vec<EntryId>,
    },
    /// Says that a checkpoint agrees with what its signer holds: carriers may drop what it stands for.
    #[n(10)]
    Prune(#[n(0)] Prune),
    /// Takes back what was signed for a checkpoint, by whomever, except by those who had seen this.
    #[n(11)]
    Withdraw(#[n(0)] Prune),
}

/// By what authority a signer acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Under {
    /// By the genesis: as the owner, or as the steward it names.
    #[n(0)]
    Genesis,
    /// By a grant to the signer's party.
    #[n(1)]
    Grant(#[n(0)] CertificateId),
    /// As the owner of a community's space: enough officers of a set sign the certificate too. They
    /// also hand over what belongs to a party that was expelled.
    #[n(2)]
    Officers {
        /// The certificate that names the officers.
        #[n(0)]
        set: CertificateId,
        /// The hand-over by which the space is whose it is; none where it is so by the genesis.
        #[n(1)]
        title: Option<CertificateId>,
    },
    /// By a hand-over: as the owner it names, or as the steward.
    #[n(3)]
    HandOver(#[n(0)] CertificateId),
}

/// The signed content of a space certificate.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Body {
    /// Format version, 1.
    #[n(0)]
    pub version: u8,
    /// The space; zero in the genesis, whose hash it is. Bytes here where a community certificate
    /// has a number two fields on: neither reads as the other.
    #[n(1)]
    pub space: SpaceId,
    /// The node that signs.
    #[n(2)]
    pub by: NodeId,
    /// The party it signs for.
    #[n(3)]
    pub party: PartyId,
    /// By what authority.
    #[n(4)]
    pub under: Under,
    /// The heads of the space's certificate graph that the signer knew; in order, each once.
    #[n(5)]
    pub heads: Vec<CertificateId>,
    /// When it was signed, by the signer's clock.
    #[n(6)]
    pub at: Timestamp,
    /// CBOR of the [`Act`].
    #[n(7)]
    act: ByteVec,
}

/// A space certificate that its node has signed: a parsed body and the envelope it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct SpaceCertificate {
    body: Body,
    act: Option<Act>,
    envelope: Envelope,
}

// Neither prints the bytes of the act: a genesis holds the space's nonce.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("space", &self.space)
            .field("by", &self.by)
            .field("party", &self.party)
            .field("under", &self.under)
            .field("heads", &self.heads)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SpaceCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpaceCertificate")
            .field("id", &self.id())
            .field("body", &self.body)
            .field("act", &self.act)
            .finish()
    }
}

/// Why bytes are not a space certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceCertificateError {
    /// The envelope is bad.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body cannot be read, or a list in it is too long or out of order.
    #[error("the body of this space certificate cannot be read; ask its sender for it again")]
    Malformed,
    /// A later format.
    #[error("this space certificate has format version {0}; update this node to read it")]
    Version(u8),
    /// The node that it names has not signed it.
    #[error("this space certificate is not signed by the node it names")]
    Unsigned,
}

impl SpaceCertificate {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Makes the genesis of a space, signed by a node of the owner or of the first steward.
    ///
    /// # Errors
    /// A field exceeds its limit.
    pub fn begin(
        key: &SigningKey,
        party: PartyId,
        at: Timestamp,
        genesis: Genesis,
    ) -> Result<Self, SpaceCertificateError> {
        let act = Act::Genesis(genesis);
        Self::sign(key, SpaceId::default(), party, Under::Genesis, Vec::new(), at, &act)
    }

    /// Makes a certificate signed by the node whose key is `key`, citing `heads`.
    ///
    /// # Errors
    /// A list or text in it exceeds its limit, or `heads` is empty.
    pub fn sign(
        key: &SigningKey,
        space: SpaceId,
        party: PartyId,
        under: Under,
        mut heads: Vec<CertificateId>,
        at: Timestamp,
        act: &Act,
    ) -> Result<Self, SpaceCertificateError> {
        heads.sort();
        heads.dedup();
        let by = NodeId(key.verifying_key().to_bytes());
        let act = codec::encode(act).into();
        let body = Body { version: Self::VERSION, space, by, party, under, heads, at, act };
        let mut envelope = Envelope::new(codec::encode(&body));
        envelope.sign(key);
        Self::from_envelope(envelope)
    }

    /// Reads a certificate and checks its size, its shape and every signature on it.
    ///
    /// # Errors
    /// See [`SpaceCertificateError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SpaceCertificateError> {
        Self::from_envelope(Envelope::decode(bytes)?)
    }

    /// Reads a certificate of a record that this node sealed: its signatures were checked before.
    ///
    /// # Errors
    /// See [`SpaceCertificateError`].
    pub(crate) fn reopen(bytes: &[u8]) -> Result<Self, SpaceCertificateError> {
        Self::from_envelope(Envelope::reopen(bytes)?)
    }

    fn from_envelope(envelope: Envelope) -> Result<Self, SpaceCertificateError> {
        use SpaceCertificateError::{Malformed, Unsigned, Version};
        let version = crate::codec::version(envelope.body()).ok_or(Malformed)?;
        if version != Self::VERSION {
            return Err(Version(version));
        }
        let body: Body = codec::decode(envelope.body()).map_err(|_| Malformed)?;
        if !envelope.signed_by(body.by.as_bytes()) {
            return Err(Unsigned);
        }
        let act = match codec::decode::<Act>(&body.act) {
            Ok(act) => Some(act),
            Err(error) if error.is_unknown_variant() => None,
            Err(_) => return Err(Malformed),
        };
        let begins = matches!(act, Some(Act::Genesis(_)));
        let sound = body.heads.len() <= HEADS_MAX
            && crate::codec::is_ascending(&body.heads)
            && body.heads.is_empty() == begins
            && (body.space == SpaceId::default()) == begins
            && act.as_ref().is_none_or(Act::is_sound);
        if sound { Ok(Self { body, act, envelope }) } else { Err(Malformed) }
    }

    /// Adds an officer's signature, for an act of a community as owner.
    pub fn countersign(&mut self, officer: &SigningKey) {
        self.envelope.sign(officer);
    }

    /// Takes over the signatures of another copy; says whether any was new.
    pub fn merge(&mut self, other: &Self) -> bool {
        self.envelope.merge(&other.envelope)
    }

    /// Returns the certificate as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.envelope.encode()
    }

    /// Returns the id, the same whoever has signed so far.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        self.envelope.id()
    }

    /// Returns the space it belongs to; in a genesis, the one it begins.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        if self.genesis().is_some() { SpaceId(self.id().0) } else { self.body.space }
    }

    /// Returns the tag of the space this genesis begins, and the secret behind its document tags.
    #[must_use]
    pub fn tags(&self) -> Option<(SpaceTag, DocumentSecret)> {
        let genesis = self.genesis()?;
        let tag = kdf::space_tag(&self.space(), &genesis.carrier_key);
        Some((tag, DocumentSecret::of_genesis(&genesis.nonce)))
    }

    /// Returns the content apart from the act.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Returns what it does; none where this version does not know the act.
    #[must_use]
    pub const fn act(&self) -> Option<&Act> {
        self.act.as_ref()
    }

    /// Says to whom it gives the space and whom it names as steward, where it is a title: the genesis, or
    /// a hand-over.
    #[must_use]
    pub const fn title(&self) -> Option<(Owner, Option<PartyId>)> {
        match &self.act {
            Some(Act::Genesis(genesis)) => Some((genesis.owner, genesis.steward)),
            Some(Act::HandOver(over)) => Some((over.to, over.steward)),
            _ => None,
        }
    }

    /// Returns the party to which it gives a right: a grant's, or the steward whom a title names.
    #[must_use]
    pub const fn holder(&self) -> Option<PartyId> {
        match (&self.act, self.title()) {
            (Some(Act::Grant(grant)), _) => Some(grant.party),
            (_, Some((_, steward))) => steward,
            (_, None) => None,
        }
    }

    /// Returns the genesis, where it is one.
    #[must_use]
    pub const fn genesis(&self) -> Option<&Genesis> {
        match &self.act {
            Some(Act::Genesis(genesis)) => Some(genesis),
            _ => None,
        }
    }

    /// Returns the envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

impl Act {
    fn is_sound(&self) -> bool {
        let code = |text: &str| text.len() <= CODE_BYTES_MAX;
        match self {
            Self::Genesis(genesis) => code(&genesis.kind),
            Self::Grant(grant) => code(&grant.purpose) && grant.consent.as_deref().is_none_or(code),
            Self::Revoke(_) => true,
            // A community has no node of its own that could act from day to day.
            Self::HandOver(over) => over.to != Owner::Community || over.steward.is_some(),
            Self::Epoch(epoch) => {
                let parents: Vec<EpochId> = epoch.parents.iter().map(|p| p.epoch).collect();
                parents.len() <= PARENTS_MAX
                    && crate::codec::is_ascending(&parents)
                    && crate::codec::is_ascending(&epoch.excludes)
            }
            Self::Cut { logs, .. } => {
                let keys: Vec<_> = logs.iter().map(|point| (point.log, point.document)).collect();
                logs.len() <= CUT_LOGS_MAX
                    && crate::codec::is_ascending(&keys)
                    && logs.iter().all(|point| point.sequence > 0)
            }
            Self::Admit { entries } | Self::Refuse { entries } => {
                crate::codec::is_ascending(entries)
            }
            Self::Prune(prune) | Self::Withdraw(prune) => prune.is_sound(),
        }
    }
}
