//! An exported audit: a beginning, records or their digests, and a signature that closes it.
//!
//! Items follow each other in a file, each behind its length; whoever reads the file caps the length
//! with [`ITEM_BYTES_MAX`](crate::limits::AUDIT_HEADER_BYTES_MAX) before taking memory.

use ed25519_dalek::{Signer as _, SigningKey};
use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::certificate::{Act, Certificate, Subject};
use linli_replica::codec;
use linli_replica::directory::Directory;
use linli_replica::id::{NodeId, PartyId, Timestamp};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::verify::{Broken, Summary, Verifier, Why};
use super::{AuditRecord, message};
use crate::limits::AUDIT_HEADER_BYTES_MAX;

/// What the closing signature is made over: this ‖ node ‖ last number ‖ last hash, where the hash
/// is joined with that of the first item.
const CLOSE_CONTEXT: &[u8] = b"linli 1 audit export";
const CLOSE_HASH: &str = "linli 1 audit export end";
const MARK: &str = "linli audit";

/// One item of an exported audit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ExportItem {
    /// The beginning.
    #[n(0)]
    Header(#[n(0)] Header),
    /// A record.
    #[n(1)]
    Record {
        /// Its number.
        #[n(0)]
        sequence: u64,
        /// Its hash.
        #[n(1)]
        hash: ByteArray<32>,
        /// The record.
        #[n(2)]
        record: ByteVec,
    },
    /// A record that is withheld.
    #[n(2)]
    Withheld {
        /// Its number.
        #[n(0)]
        sequence: u64,
        /// Its hash.
        #[n(1)]
        hash: ByteArray<32>,
        /// Its digest.
        #[n(2)]
        digest: ByteArray<32>,
    },
    /// The end.
    #[n(3)]
    Closing {
        /// The number of the last record.
        #[n(0)]
        sequence: u64,
        /// Its hash.
        #[n(1)]
        hash: ByteArray<32>,
        /// The node's signature over beginning and end.
        #[n(2)]
        signature: ByteArray<64>,
    },
}

/// The beginning of an exported audit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    #[n(0)]
    version: u8,
    #[n(1)]
    mark: String,
    /// Whose audit it is.
    #[n(2)]
    pub node: NodeId,
    /// When it was exported, by that node's clock.
    #[n(3)]
    pub at: Timestamp,
    /// The number of the record before the first.
    #[n(4)]
    before: u64,
    /// Its hash.
    #[n(5)]
    hash: ByteArray<32>,
    /// Certificates of the community that say who the node is.
    #[n(6)]
    certificates: Vec<ByteVec>,
}

impl Header {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Begins an export behind a record, with what the directory says of the node.
    #[must_use]
    pub fn new(node: NodeId, at: Timestamp, before: Head, directory: &Directory) -> Self {
        let party = directory.node(&node).map(|node| node.party);
        let about = |certificate: &&Certificate| speaks_of(certificate, &node, party.as_ref());
        let certificates = directory.certificates().filter(about);
        Self {
            version: Self::VERSION,
            mark: MARK.to_owned(),
            node,
            at,
            before: before.sequence,
            hash: before.hash.into(),
            certificates: certificates.map(|certificate| certificate.encode().into()).collect(),
        }
    }

    /// Returns where the export begins: the head before its first record.
    #[must_use]
    pub fn before(&self) -> Head {
        Head { sequence: self.before, hash: self.hash.into() }
    }

    /// Returns the community as the certificates in the export make it; none where they do not hold.
    /// Whether it is the right community is for the reader to compare.
    #[must_use]
    pub fn community(&self) -> Option<Directory> {
        let certificates: Vec<Certificate> =
            self.certificates.iter().map_while(|bytes| Certificate::decode(bytes).ok()).collect();
        let is_genesis =
            |certificate: &&Certificate| matches!(certificate.body().act, Act::Genesis { .. });
        let genesis = certificates.iter().find(is_genesis)?.clone();
        let mut directory = Directory::new(genesis).ok()?;
        directory.add(certificates);
        Some(directory)
    }

    /// Returns the item.
    #[must_use]
    pub fn item(&self) -> Vec<u8> {
        codec::encode(&ExportItem::Header(self.clone()))
    }
}

/// Whether a certificate is needed to know who a node is and that it stands.
fn speaks_of(certificate: &Certificate, node: &NodeId, party: Option<&PartyId>) -> bool {
    match &certificate.body().act {
        Act::Genesis { .. } | Act::Officers { .. } => true,
        Act::Enrol { party: of, .. } => Some(of) == party,
        Act::Node { node: of, .. } | Act::Extend { node: of, .. } => of == node,
        Act::Expel { subject: Subject::Party(of), .. } => Some(of) == party,
        Act::Expel { subject: Subject::Node(of), .. } => of == node,
        Act::Notice { .. } => false,
    }
}

/// Returns the item of a record that is shown.
#[must_use]
pub fn record_item(linked: &Linked) -> Vec<u8> {
    let Head { sequence, hash } = linked.head;
    let record = linked.record.clone().into();
    codec::encode(&ExportItem::Record { sequence, hash: hash.into(), record })
}

/// Returns the item of a record that is withheld.
#[must_use]
pub fn withheld_item(linked: &Linked, linker: &Linker) -> Vec<u8> {
    let Head { sequence, hash } = linked.head;
    let digest = linker.digest(&linked.record).into();
    codec::encode(&ExportItem::Withheld { sequence, hash: hash.into(), digest })
}

/// Returns the item that closes an export: the node's signature over its first item and its last head.
#[must_use]
pub fn closing(key: &SigningKey, header: &[u8], last: &Head) -> Vec<u8> {
    let node = NodeId(key.verifying_key().to_bytes());
    let signature = key.sign(&message(CLOSE_CONTEXT, &node, &end(header, last))).to_bytes().into();
    let Head { sequence, hash } = *last;
    codec::encode(&ExportItem::Closing { sequence, hash: hash.into(), signature })
}

/// What the closing signature covers: the last number, and a hash of the first item and the last hash.
fn end(header: &[u8], last: &Head) -> Head {
    let mut hasher = blake3::Hasher::new_derive_key(CLOSE_HASH);
    hasher.update(header).update(&last.hash);
    Head { sequence: last.sequence, hash: *hasher.finalize().as_bytes() }
}

/// What one item of an export says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The beginning.
    Header,
    /// A record, with its number; none where this version cannot read it.
    Record(u64, Option<Box<AuditRecord>>),
    /// A record that is withheld.
    Withheld(u64),
    /// The end; nothing may follow.
    Closing,
}

/// Reads and checks an export, item by item.
#[derive(Debug)]
pub struct ExportReader {
    header: Header,
    first: Vec<u8>,
    verifier: Verifier,
    closed: bool,
}

impl ExportReader {
    /// Begins with the first item.
    ///
    /// # Errors
    /// It is not the beginning of an exported audit, or of a later version.
    pub fn begin(item: &[u8]) -> Result<Self, Broken> {
        let malformed = Broken { sequence: 0, why: Why::Malformed };
        let ExportItem::Header(header) = read(item).ok_or(malformed)? else {
            return Err(malformed);
        };
        if header.version != Header::VERSION || header.mark != MARK {
            return Err(malformed);
        }
        let verifier = Verifier::new(header.node, header.before());
        Ok(Self { verifier, first: item.to_vec(), header, closed: false })
    }

    /// Returns the beginning. It is proved only when [`Self::finish`] has been.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Takes the next item.
    ///
    /// # Errors
    /// The first link that does not hold.
    pub fn item(&mut self, item: &[u8]) -> Result<Shown, Broken> {
        let next = self.verifier.head().sequence.saturating_add(1);
        let malformed = Broken { sequence: next, why: Why::Malformed };
        if self.closed {
            return Err(Broken { sequence: next, why: Why::Order });
        }
        match read(item).ok_or(malformed)? {
            ExportItem::Header(_) => Err(Broken { sequence: next, why: Why::Order }),
            ExportItem::Record { sequence, hash, record } => {
                self.verifier.record(&Head { sequence, hash: hash.into() }, &record)?;
                Ok(Shown::Record(sequence, AuditRecord::decode(&record).ok().map(Box::new)))
            }
            ExportItem::Withheld { sequence, hash, digest } => {
                self.verifier.withheld(&Head { sequence, hash: hash.into() }, &digest)?;
                Ok(Shown::Withheld(sequence))
            }
            ExportItem::Closing { sequence, hash, signature } => {
                let head = self.verifier.head();
                if sequence > head.sequence {
                    return Err(Broken { sequence, why: Why::Gap });
                }
                if (Head { sequence, hash: hash.into() }) != head {
                    return Err(Broken { sequence, why: Why::Closing });
                }
                let end = end(&self.first, &head);
                self.verifier.check(CLOSE_CONTEXT, &end, &signature, Why::Closing)?;
                self.verifier.close();
                self.closed = true;
                Ok(Shown::Closing)
            }
        }
    }

    /// Returns what was found, when the file has ended.
    ///
    /// # Errors
    /// [`Why::Unfinished`] where it was not closed.
    pub fn finish(&self) -> Result<Summary, Broken> {
        if self.closed {
            return Ok(self.verifier.finish());
        }
        Err(Broken { sequence: self.verifier.head().sequence, why: Why::Unfinished })
    }
}

/// Reads an item in the one way it is written: no byte of it is without meaning.
fn read(item: &[u8]) -> Option<ExportItem> {
    if item.len() > AUDIT_HEADER_BYTES_MAX {
        return None;
    }
    codec::decode(item).ok().filter(|read| codec::encode(read) == item)
}
