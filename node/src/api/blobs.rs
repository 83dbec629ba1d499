//! Photos and documents of elders, and beside orders: photo proof.

use serde::{Deserialize, Serialize};

use super::{Acting, Done, methods};

methods! {
    "photo.add" PhotoAdd => FileRow;
    "photo.list" PhotoList => Vec<FileRow>;
    "photo.save" PhotoSave => FileRow;
    "photo.remove" PhotoRemove => Done;
}

/// Seals a file and keeps it with an elder or an order: proof of the service where this party holds the order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PhotoAdd {
    /// The elder, where it is not an order.
    pub elder: Option<String>,
    /// The order, or a part of its id that fits one only.
    pub order: Option<String>,
    /// The file, as a path on the node's machine; at most 50 MiB.
    pub path: String,
    /// What it is called; the file's name where it is not given.
    pub title: Option<String>,
    /// Where an elder's stands: `health`, where it is not given, or `care` for what is not medical.
    pub scope: Option<String>,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// A file of an elder or an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// The file's id, 64 hexadecimal digits.
    pub file: String,
    /// The fact that attached it, 64 hexadecimal digits: tells apart where several parties attached one file.
    pub fact: String,
    /// Where an elder's stands: `health` or `care`.
    pub scope: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// The media type, such as `image/jpeg`.
    pub content_type: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// When it was attached.
    pub at_ms: u64,
    /// The party that attached it.
    pub party: String,
    /// The name of the person who did, where one is named.
    pub person: Option<String>,
    /// Whether it is proof of the service: that party held the order.
    pub proof: bool,
    /// Whether it is whole at this node.
    pub here: bool,
    /// Bytes of its blob at this node.
    pub come: u64,
    /// Bytes of its blob.
    pub sealed: u64,
}

/// Lists the files of an elder or an order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PhotoList {
    /// The elder, where it is not an order.
    pub elder: Option<String>,
    /// The order, or a part of its id that fits one only.
    pub order: Option<String>,
}

/// Opens a file and writes it where the node's machine can read it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PhotoSave {
    /// The elder, where it is not an order.
    pub elder: Option<String>,
    /// The order, or a part of its id that fits one only.
    pub order: Option<String>,
    /// The file's id, or a part that fits one only.
    pub file: String,
    /// Where to, as a path on the node's machine; nothing may be there.
    pub path: String,
}

/// Takes a file away. Nodes that know of it remove its blob.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PhotoRemove {
    /// The elder, where it is not an order.
    pub elder: Option<String>,
    /// The order, or a part of its id that fits one only.
    pub order: Option<String>,
    /// The file's id, or a part that fits one only.
    pub file: String,
    /// Who acts.
    pub acting: Option<Acting>,
}
