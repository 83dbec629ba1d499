//! Who holds which kind of data, for what purpose and for how long.

use serde::{Deserialize, Serialize};

use super::grants::{NodeRef, PartyRef};
use super::methods;

methods! {
    "keys.datamap" Datamap => DatamapAnswer;
}

/// Asks who holds which kind of data for what purpose and for how long, as this node knows it: the
/// record of the impact on personal information (PIPL 55, 56). It names no elder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Datamap {
    /// What is over too: whoever had it may keep what it had read.
    pub all: bool,
}

/// Who holds what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatamapAnswer {
    /// The node's clock.
    pub at_ms: u64,
    /// The node that was asked: spaces that it is no member of are not in its answer.
    pub node: NodeRef,
    /// Spaces with data about elders that it is a member of.
    pub spaces: u64,
    /// Elders that these are about, as far as this node can read whom.
    pub elders: u64,
    /// A row for each party, kind of data, purpose, right, ground and time of keeping.
    pub rows: Vec<DatamapRow>,
    /// Grants that found no place in so many rows.
    pub left_out: u64,
    /// The nodes of each party of the rows, where the data lies and can be opened.
    pub holders: Vec<DatamapHolder>,
    /// Nodes that carry sealed data which they cannot open.
    pub carriers: Vec<DatamapCarrier>,
}

/// What one party may do with one kind of data for one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatamapRow {
    /// The party.
    pub party: PartyRef,
    /// `standing`, or with `all`: `ended`, `revoked`, `handed_over` or `expelled`.
    pub state: String,
    /// `care`, `health`, `emergency`, `alert`, `order` or `registry`.
    pub category: String,
    /// `owner`, `steward`, `write` or `read`.
    pub right: String,
    /// What for; empty for the owner and the first steward.
    pub purpose: String,
    /// `household` (its own or its family's data), `consent`, `order` (what it was ordered to do),
    /// `care` (a centre or station, on a ground that is not written down here) or `none`.
    pub ground: String,
    /// How many elders it is about, as far as this node can read whom.
    pub elders: u64,
    /// How many spaces.
    pub spaces: u64,
    /// Since when, the earliest.
    pub since_ms: u64,
    /// Until when, the latest; none where one of them has no end.
    pub until_ms: Option<u64>,
    /// How many days the party keeps what it read, as it was explained.
    pub keep_days: Option<u32>,
    /// Why it is needed, as it was explained: each wording once, the first few, and none that names
    /// an elder whom it is about.
    pub necessity: Vec<String>,
}

/// The nodes of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatamapHolder {
    /// The party.
    pub party: PartyRef,
    /// Its nodes that may connect.
    pub nodes: Vec<NodeRef>,
}

/// A node that carries what it cannot open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatamapCarrier {
    /// The node.
    pub node: NodeRef,
    /// Of the documents about elders here, in spaces that its party was never given, how many it has
    /// said to hold something of.
    pub documents: u64,
}
