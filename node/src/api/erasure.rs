//! Erasing what is held of an elder, everywhere, and who has confirmed it.

use serde::{Deserialize, Serialize};

use super::{Acting, methods};

methods! {
    "erasure.order" ErasureOrder => ErasureAnswer;
    "erasure.list" ErasureList => Vec<ErasureRow>;
}

/// Orders spaces of an elder to be erased at every node that holds them. It cannot be undone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErasureOrder {
    /// The elder.
    pub elder: String,
    /// `care`, `health`, `emergency` or `all` three.
    pub scope: String,
    /// Why; kept at this node only.
    pub reason: String,
    /// Only say what would be erased.
    pub dry_run: bool,
    /// Who orders it; a person is needed.
    pub acting: Option<Acting>,
}

/// What is ordered to be erased.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErasureAnswer {
    /// The elder's id.
    pub elder: String,
    /// The spaces.
    pub spaces: Vec<ErasedSpace>,
    /// Spaces that only another node can order to be erased: it began them and keeps their key.
    pub elsewhere: Vec<KeptElsewhere>,
}

/// A space that is ordered to be erased.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErasedSpace {
    /// What it is for, such as `care`.
    pub kind: String,
    /// The order's id; none where it was only asked what would be erased.
    pub order: Option<String>,
    /// Documents of it that are held here.
    pub documents: u64,
    /// Nodes that may hold it.
    pub nodes: u64,
}

/// A space whose key is at another node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptElsewhere {
    /// What it is for.
    pub kind: String,
    /// The node that can give the order.
    pub node: String,
    /// Its device's name.
    pub label: String,
}

/// Asks for the orders to erase.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ErasureList {}

/// An order to erase.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErasureRow {
    /// The order's id.
    pub order: String,
    /// When it was given, by the clock of who gave it.
    pub at_ms: u64,
    /// The space's tag.
    pub space: String,
    /// How many documents of it; none for all.
    pub documents: Option<u64>,
    /// The elder's id, the kind of space, why and by whom; none where another node gave the order.
    pub details: Option<ErasureDetails>,
    /// Whether it was carried out here.
    pub done_here: bool,
    /// Nodes that have confirmed it.
    pub confirmed: Vec<ErasureNode>,
    /// Nodes that may hold it and have not; none where another node gave the order, which alone
    /// knows them.
    pub unconfirmed: Option<Vec<ErasureNode>>,
}

/// What only the node that gave an order keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErasureDetails {
    /// The elder's id.
    pub elder: String,
    /// What the space was for.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// The id of the person who gave it.
    pub by: String,
}

/// A node, and how it stands to an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErasureNode {
    /// Its id.
    pub node: String,
    /// Its device's name.
    pub label: String,
    /// Its party's public name, none for a household.
    pub party_name: Option<String>,
    /// When it confirmed, by its clock; none where it has not.
    pub confirmed_ms: Option<u64>,
    /// When this node last heard of it; none where it has not since it was started.
    pub last_seen_ms: Option<u64>,
    /// Whether officers put it out: it may never learn of the order.
    pub expelled: bool,
}
