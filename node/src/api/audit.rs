//! The audit: what was done by authority at this node, and who read what.

use linli_core::audit::{AuditRecord, Broken, Summary, Why};
use linli_replica::id::NodeId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Acting, methods};

methods! {
    "audit.list" AuditList => AuditPage;
    "audit.verify" AuditVerify => AuditVerdict;
    "audit.export" AuditExport => AuditExported;
}

/// Which records are meant; what is not given fits every record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditFilter {
    /// About this elder: the id, or a part of it or of the name that fits one elder only.
    pub elder: Option<String>,
    /// About this party: its id, the beginning of it, or its public name.
    pub party: Option<String>,
    /// Done or read by this person: the name, or the beginning of the id.
    pub person: Option<String>,
    /// Not before this time.
    pub since_ms: Option<u64>,
    /// Not after this time.
    pub until_ms: Option<u64>,
}

/// Lists records of the audit, the latest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditList {
    /// Which records.
    #[serde(default)]
    pub filter: AuditFilter,
    /// Only those with a lower number: `next` of the page before.
    pub before: Option<u64>,
    /// How many, at most 1,000.
    pub limit: u64,
    /// Who looks.
    pub acting: Option<Acting>,
}

/// A page of the audit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditPage {
    /// The records, the latest first.
    pub rows: Vec<AuditRow>,
    /// Where the next page begins; null at the end.
    pub next: Option<u64>,
}

/// One record of the audit. What does not apply is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number in this node's audit.
    pub sequence: u64,
    /// When, by the node's clock.
    pub at_ms: u64,
    /// What, such as `granted` or `read`; `unknown` for a kind of a later version.
    pub what: String,
    /// The number of that kind.
    pub kind: u16,
    /// The name of the person who acted; null where the node acted or nobody was named.
    pub person: Option<String>,
    /// That person's id.
    pub person_id: Option<String>,
    /// The elder's id.
    pub elder: Option<String>,
    /// The elder's name; several where they differ, none where it may not be read.
    pub names: Vec<String>,
    /// The party's id.
    pub party: Option<String>,
    /// The party's public name.
    pub party_name: Option<String>,
    /// The node's id.
    pub node: Option<String>,
    /// The space's tag.
    pub space: Option<String>,
    /// The kind of the space or party, or the method that was read by.
    pub of: Option<String>,
    /// The certificate's id.
    pub certificate: Option<String>,
    /// How many: signatures on a certificate, rows of a list, repeated readings.
    pub count: u64,
    /// What else is to be known, such as right and purpose of a grant.
    pub detail: Option<String>,
}

/// Checks the audit of this node from its first record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditVerify {}

/// What a check of an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// Whose audit it is.
    pub node: String,
    /// The number of the first record looked at.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// Records that a good signature of the node covers.
    pub verified: u64,
    /// Records after the last good signature: they prove nothing yet.
    pub unsigned: u64,
    /// Records of which an export holds the digest alone.
    pub withheld: u64,
    /// The first link that does not hold; null where all do.
    pub broken: Option<AuditBroken>,
}

/// The first link of an audit that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditBroken {
    /// The number of the record at which it shows.
    pub sequence: u64,
    /// Why: `malformed`, `hash`, `gap`, `order`, `signature`, `signer`, `unfinished` or `closing`.
    pub why: String,
}

/// Writes the audit into a file that somebody without a node can verify.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditExport {
    /// Where to: a file that does not exist yet. It is readable by its owner only, and in clear.
    pub to: String,
    /// Which records: of the others between the first and the last only digests are written.
    #[serde(default)]
    pub filter: AuditFilter,
    /// Who exports.
    pub acting: Option<Acting>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditExported {
    /// The number of the first record.
    pub first: u64,
    /// The number of the last; below the first where there is none.
    pub last: u64,
    /// Records that are whole in the file.
    pub shown: u64,
    /// Records of which only the digest is.
    pub withheld: u64,
}

impl AuditRow {
    /// Says what a record says, without the names that only a node could add.
    #[must_use]
    pub fn new(sequence: u64, record: AuditRecord) -> Self {
        let (name, key) = match record.person {
            Some(person) => (Some(person.name), Some(hex::encode(*person.key))),
            None => (None, None),
        };
        Self {
            sequence,
            at_ms: record.at.0,
            what: record.what.word().to_owned(),
            kind: record.what.number(),
            person: name,
            person_id: key,
            elder: record.elder.map(|id| Uuid::from_bytes(id.into()).to_string()),
            names: Vec::new(),
            party: record.party.map(|party| party.to_string()),
            party_name: None,
            node: record.node.map(|node| node.to_string()),
            space: record.space.map(|space| space.to_string()),
            of: record.of,
            certificate: record.certificate.map(|id| id.to_string()),
            count: record.count,
            detail: record.detail,
        }
    }
}

impl AuditVerdict {
    /// Says what a check came to.
    #[must_use]
    pub fn new(node: NodeId, summary: Summary, broken: Option<Broken>) -> Self {
        let Summary { first, last, verified, unsigned, withheld } = summary;
        let broken = broken.map(AuditBroken::from);
        Self { node: node.to_string(), first, last, verified, unsigned, withheld, broken }
    }
}

impl From<Broken> for AuditBroken {
    fn from(broken: Broken) -> Self {
        let why = match broken.why {
            Why::Malformed => "malformed",
            Why::Hash => "hash",
            Why::Gap => "gap",
            Why::Order => "order",
            Why::Signature => "signature",
            Why::Signer => "signer",
            Why::Unfinished => "unfinished",
            Why::Closing => "closing",
        };
        Self { sequence: broken.sequence, why: why.to_owned() }
    }
}
