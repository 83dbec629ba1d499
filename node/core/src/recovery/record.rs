//! What is kept of a recovery, where owner and officers see it.

use std::collections::BTreeSet;

use linli_replica::codec;
use linli_replica::directory::Directory;
use linli_replica::id::{CertificateId, OfficerId, SpaceTag, Timestamp};
use linli_replica::signed::Envelope;
use minicbor::{Decode, Encode};

use super::RecoveryError;
use super::request::Statement;

/// The topic of the notices that tell the community of recoveries.
pub const NOTICE_TOPIC: &str = linli_replica::directory::RECOVERY_TOPIC;

/// A recovery as its space remembers it: what was asked, signed by the node that asked and by the
/// officers who gave their shares. Sealed in the space's authority document: it says why, and who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    statement: Statement,
    envelope: Envelope,
}

impl Record {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    pub(super) const fn new(statement: Statement, envelope: Envelope) -> Self {
        Self { statement, envelope }
    }

    /// Reads a record of a space: bounded, every signature on it checked.
    ///
    /// # Errors
    /// See [`RecoveryError`]; [`RecoveryError::OtherKey`] where it is another space's.
    pub fn decode(bytes: &[u8], space: SpaceTag) -> Result<Self, RecoveryError> {
        let record = Self::read(bytes)?;
        if record.statement.space == space { Ok(record) } else { Err(RecoveryError::OtherKey) }
    }

    /// Reads a record of any space: bounded, every signature on it checked.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub fn read(bytes: &[u8]) -> Result<Self, RecoveryError> {
        let (envelope, statement) = Statement::decode(bytes)?;
        Ok(Self { statement, envelope })
    }

    /// Encodes the record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.envelope.encode()
    }

    /// Returns the id, which is the request's.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        self.envelope.id()
    }

    /// Returns what was asked.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Lists the officers who signed, and says whether they are enough of a set that stands or stood.
    #[must_use]
    pub fn officers(&self, directory: &Directory) -> (BTreeSet<OfficerId>, bool) {
        let Some(set) = super::officers(directory, &self.statement.officers) else {
            return (BTreeSet::new(), false);
        };
        let signed = |officer: &&OfficerId| self.envelope.signed_by(officer.as_bytes());
        let signers: BTreeSet<OfficerId> = set.officers.iter().filter(signed).copied().collect();
        let enough = signers.len() >= usize::from(set.threshold);
        (signers, enough && self.statement.community == directory.community())
    }
}

/// What the whole community is told of a recovery: clear to the enrolled, and no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RecoveryNotice {
    #[n(0)]
    version: u8,
    /// The record's id.
    #[n(1)]
    pub record: CertificateId,
    /// The space that was opened.
    #[n(2)]
    pub space: SpaceTag,
    /// When it was asked for.
    #[n(3)]
    pub at: Timestamp,
    /// The officers who gave their shares; the record in the space holds their signatures.
    #[n(4)]
    pub officers: Vec<OfficerId>,
}

impl RecoveryNotice {
    /// Tells of a record.
    #[must_use]
    pub fn of(record: &Record, directory: &Directory) -> Self {
        let Statement { space, at, .. } = record.statement();
        let officers = record.officers(directory).0.into_iter().collect();
        Self { version: Record::VERSION, record: record.id(), space: *space, at: *at, officers }
    }

    /// Encodes the notice's body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a notice's body; none where it is none, or of a later format.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let notice: Self = codec::decode(bytes).ok()?;
        (notice.version == Record::VERSION).then_some(notice)
    }
}
