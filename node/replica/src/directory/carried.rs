//! What nodes that do nothing but carry are told of the community.
//!
//! They need to know who is enrolled, whom they serve and what is to be erased. What else members
//! publish, such as that a person has left, is none of their business (`docs/spec/relay.md`).

use super::Directory;
use crate::certificate::{Act, Certificate, PartyKind};
use crate::erasure::{CONFIRMATION_TOPIC, ORDER_TOPIC};
use crate::id::NodeId;

/// The topic of the notices that tell the community of recoveries.
pub const RECOVERY_TOPIC: &str = "recovery";

/// Topics of the notices that a carrier acts on or must not hold up: orders to erase, their
/// confirmations, where relays are, and recoveries, of which an owner learns wherever it is.
const TOPICS: [&str; 4] = [ORDER_TOPIC, CONFIRMATION_TOPIC, crate::relays::TOPIC, RECOVERY_TOPIC];

impl Certificate {
    /// Says whether nodes that only carry are told this.
    #[must_use]
    pub fn is_for_carriers(&self) -> bool {
        match &self.body().act {
            Act::Notice { topic, .. } => TOPICS.contains(&topic.as_str()),
            Act::Genesis { .. }
            | Act::Officers { .. }
            | Act::Enrol { .. }
            | Act::Expel { .. }
            | Act::Node { .. }
            | Act::Extend { .. } => true,
        }
    }
}

impl Directory {
    /// Says whether a node does nothing but carry: a relay's. A provider's node carries too, but has
    /// people of its own.
    #[must_use]
    pub fn only_carries(&self, node: &NodeId) -> bool {
        self.node(node).is_some_and(|node| node.kind == PartyKind::Carrier)
    }
}
