//! Courier files: what others lack, on a stick.

use linli_replica::courier::CourierError;
use serde::{Deserialize, Serialize};

use super::methods;

methods! {
    "courier.pack" CourierPack => CourierPacked;
    "courier.list" CourierList => CourierListed;
    "courier.unpack" CourierUnpack => CourierUnpacked;
}

/// Packs what a node, or everybody, is not known to hold into a file that does not exist yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CourierPack {
    /// A node's id or the beginning of it, its device's name, or the name of a party with one node; `all` for
    /// everybody.
    #[serde(rename = "for")]
    pub to: String,
    /// Where to, an absolute path.
    pub file: String,
    /// Whether to pack everything, whatever the node has said to hold.
    #[serde(default)]
    pub whole: bool,
}

/// What was packed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CourierPacked {
    /// The node it is sealed to; none for everybody.
    pub node: Option<String>,
    /// That node's device.
    pub label: Option<String>,
    /// Whether there was anything to pack: else no file was written.
    pub written: bool,
    /// Documents of which something is in it.
    pub documents: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of the sealed entries and certificates that the receiver lacks.
    pub needed_bytes: u64,
    /// Certificates of the community.
    pub certificates: u64,
    /// Receipts that it takes along.
    pub receipts: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Looks at a courier file, and takes nothing of it in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CourierList {
    /// The file, an absolute path.
    pub file: String,
}

/// What a courier file is, as far as this node can see.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CourierListed {
    /// Whether it is sealed to one node: else it is for all.
    pub sealed: bool,
    /// The node that packed it; none where it is sealed to another node.
    pub node: Option<String>,
    /// That node's device.
    pub label: Option<String>,
    /// When it was packed, by that node's clock.
    pub packed_ms: Option<u64>,
    /// Entries in it.
    pub entries: u64,
    /// Certificates of the community in it.
    pub certificates: u64,
    /// Receipts in it.
    pub receipts: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// How many parts of it are whole; of one that is sealed to another node, how many there are.
    pub parts: u64,
    /// How it ends; none where it is sealed to another node.
    pub end: Option<FileEnd>,
}

/// Takes a courier file in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CourierUnpack {
    /// The file, an absolute path.
    pub file: String,
}

/// What a courier file brought. What is counted as new is durable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CourierUnpacked {
    /// The node that packed it.
    pub node: String,
    /// That node's device.
    pub label: Option<String>,
    /// When it was packed, by that node's clock.
    pub packed_ms: u64,
    /// Documents of which something was in it, new or known.
    pub documents: u64,
    /// Entries that are new here.
    pub entries: u64,
    /// Certificates of the community that are new here.
    pub certificates: u64,
    /// Receipts of other nodes.
    pub receipts: u64,
    /// Pages of spaces that are none of this node's business.
    pub elsewhere: u64,
    /// Pages whose predecessors are missing here: another file has to be fed first, or a whole one packed.
    pub gaps: u64,
    /// Pages that the packer's quota at this carrier had no room for.
    pub over_quota: u64,
    /// Pages and certificates that were not taken for another reason.
    pub refused: u64,
    /// How the file ended.
    pub end: FileEnd,
    /// How many parts of it were whole.
    pub parts: u64,
}

/// How a courier file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileEnd {
    /// All of it was read.
    Whole,
    /// It was cut off: what stood before was taken.
    Cut,
    /// It was changed on the way: what stood before was taken.
    Damaged,
}

impl FileEnd {
    pub(crate) const fn of(end: Result<(), CourierError>) -> Self {
        match end {
            Ok(()) => Self::Whole,
            Err(CourierError::Cut { .. }) => Self::Cut,
            Err(_) => Self::Damaged,
        }
    }
}
