//! Certificates of a community: who its officers, parties and nodes are. Clear to the enrolled.
//!
//! `docs/spec/certificate.md` is the format. A certificate is an [`Envelope`] whose body is a
//! [`Body`]; whether it counts is decided by [`crate::directory::Directory`], from the set alone.

use ed25519_dalek::SigningKey;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::id::{CertificateId, CommunityId, NodeId, OfficerId, PartyId, Timestamp};
use crate::signed::{Envelope, EnvelopeError};

/// What a party is to the community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum PartyKind {
    /// An elder's home.
    #[n(0)]
    Household,
    /// A community centre.
    #[n(1)]
    Centre,
    /// A day-care station.
    #[n(2)]
    Station,
    /// A service provider.
    #[n(3)]
    Provider,
    /// A family living elsewhere.
    #[n(4)]
    Family,
    /// A civil-affairs office.
    #[n(5)]
    Regulator,
    /// A third-party evaluator.
    #[n(6)]
    Evaluator,
    /// A relay or another carrier that reads nothing.
    #[n(7)]
    Carrier,
}

/// The officers of a community at one time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfficerSet {
    /// Their keys, each once, in order.
    #[n(0)]
    pub officers: Vec<OfficerId>,
    /// How many must sign: more than half of them.
    #[n(1)]
    pub threshold: u8,
}

impl OfficerSet {
    /// Checks m > n/2, m ≤ n, and that the keys are in order, each once.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let (n, m) = (self.officers.len(), usize::from(self.threshold));
        m * 2 > n && m <= n && self.officers.windows(2).all(|pair| pair.first() < pair.last())
    }
}

/// Whom an expulsion removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Subject {
    /// A party with all its nodes.
    #[n(0)]
    Party(#[n(0)] PartyId),
    /// One node.
    #[n(1)]
    Node(#[n(0)] NodeId),
}

/// What a certificate of the community does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// Begins a community. Its id is the community's; signed by `threshold` of its officers.
    #[n(0)]
    Genesis {
        /// The community's name, public.
        #[n(0)]
        name: String,
        /// The first officers.
        #[n(1)]
        officers: OfficerSet,
        /// Makes two communities of one name differ.
        #[n(2)]
        nonce: ByteArray<32>,
    },
    /// Replaces the officers; signed by the threshold of the set it names as previous.
    #[n(1)]
    Officers {
        /// The genesis or officers certificate that named the set before.
        #[n(0)]
        previous: CertificateId,
        /// The officers from here on.
        #[n(1)]
        officers: OfficerSet,
        /// None: who leaves does so in good standing, and all they signed counts. Else their keys are
        /// struck out, as lost or stolen: of what needs such a signature to count, only these
        /// certificates go on counting. In order, each once, at most
        /// [`KEPT_MAX`](crate::limits::KEPT_MAX).
        #[n(2)]
        kept: Option<Vec<CertificateId>>,
    },
    /// Takes a party in; signed by officers.
    #[n(2)]
    Enrol {
        /// The officer set whose signatures count.
        #[n(0)]
        under: CertificateId,
        /// The party's root key.
        #[n(1)]
        party: PartyId,
        /// What it is.
        #[n(2)]
        kind: PartyKind,
        /// Its public name; none for a household, which stands here as a bare key.
        #[n(3)]
        name: Option<String>,
    },
    /// Puts a party or a node out for good; signed by officers.
    #[n(3)]
    Expel {
        /// The officer set whose signatures count.
        #[n(0)]
        under: CertificateId,
        /// Who is out.
        #[n(1)]
        subject: Subject,
    },
    /// Certifies a node of a party; signed by the party's root key.
    #[n(4)]
    Node {
        /// The party.
        #[n(0)]
        party: PartyId,
        /// The node's key.
        #[n(1)]
        node: NodeId,
        /// The node's HPKE public key (X25519).
        #[n(2)]
        seal_key: ByteArray<32>,
        /// Its end date.
        #[n(3)]
        ends: Timestamp,
        /// A name for the device, without personal data.
        #[n(4)]
        label: String,
        /// Whether it lends space to entries it cannot read.
        #[n(5)]
        carrier: bool,
    },
    /// Moves a node's end date; signed by the node itself.
    #[n(5)]
    Extend {
        /// The node.
        #[n(0)]
        node: NodeId,
        /// Its end date from here on, where later.
        #[n(1)]
        ends: Timestamp,
    },
    /// Publishes something every member may read, such as a standing offer; signed by the node.
    #[n(6)]
    Notice {
        /// The node that publishes.
        #[n(0)]
        node: NodeId,
        /// What it is about, such as `standing-offer`.
        #[n(1)]
        topic: String,
        /// The content, in the format of the topic. No personal data.
        #[n(2)]
        body: ByteVec,
    },
}

/// The signed content of a community certificate.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Body {
    /// Format version, 1.
    #[n(0)]
    pub version: u8,
    /// The community; zero in the genesis, whose hash it is.
    #[n(1)]
    pub community: CommunityId,
    /// When it was made, by its maker's clock. Tells people; decides nothing.
    #[n(2)]
    pub at: Timestamp,
    /// What it does.
    #[n(3)]
    pub act: Act,
}

/// A community certificate: a parsed body and the envelope it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    body: Body,
    envelope: Envelope,
}

/// Why bytes are not a community certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The envelope is bad.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is not a certificate body.
    #[error("the body of this certificate cannot be read")]
    Malformed,
    /// A later format.
    #[error("this certificate has format version {0}; update this node to read it")]
    Version(u8),
}

impl Certificate {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Makes an unsigned certificate.
    #[must_use]
    pub fn new(community: CommunityId, at: Timestamp, act: Act) -> Self {
        let body = Body { version: Self::VERSION, community, at, act };
        Self { envelope: Envelope::new(crate::codec::encode(&body)), body }
    }

    /// Reads a certificate and checks its size and every signature on it.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        let envelope = Envelope::decode(bytes)?;
        let body: Body =
            crate::codec::decode(envelope.body()).map_err(|_| CertificateError::Malformed)?;
        if body.version != Self::VERSION {
            return Err(CertificateError::Version(body.version));
        }
        Ok(Self { body, envelope })
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

    /// Returns the content.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Returns the envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Adds a signature.
    pub fn sign(&mut self, key: &SigningKey) {
        self.envelope.sign(key);
    }

    /// Adds a signature and returns the certificate.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.sign(key);
        self
    }

    /// Takes over the signatures of another copy; says whether any was new.
    pub fn merge(&mut self, other: &Self) -> bool {
        self.envelope.merge(&other.envelope)
    }
}
