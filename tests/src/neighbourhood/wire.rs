//! Connections: lanes keep their order and overtake each other; a cut loses what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use linli_replica::entry::Urgency;
use linli_replica::id::NodeId;
use linli_replica::replica::Input;

/// The lanes of a connection.
pub const LANES: [Urgency; 3] = [Urgency::Urgent, Urgency::Normal, Urgency::Bulk];

/// Every connection, and the frames under way.
#[derive(Debug, Default)]
pub struct Wire {
    links: BTreeSet<(NodeId, NodeId)>,
    ways: BTreeMap<(NodeId, NodeId, Urgency), VecDeque<Vec<u8>>>,
    connections: u64,
    secrets: BTreeMap<(NodeId, NodeId), [u8; 32]>,
    watched: BTreeSet<NodeId>,
    /// Every frame that a watched node sent or was sent, in order.
    pub seen: Vec<Seen>,
    /// Lanes on which nothing arrives for the time being.
    pub stalled: BTreeSet<(NodeId, NodeId, Urgency)>,
}

/// A frame that went over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// On which lane.
    pub lane: Urgency,
    /// The frame.
    pub bytes: Vec<u8>,
    /// The secret of the connection.
    pub secret: [u8; 32],
}

/// What the two ends of a connection are told.
pub type Told = Option<[(NodeId, Input); 2]>;

fn link(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a < b { (a, b) } else { (b, a) }
}

impl Wire {
    /// Connects two nodes; none where they are connected, or the same.
    pub fn connect(&mut self, a: NodeId, b: NodeId) -> Told {
        if a == b || !self.links.insert(link(a, b)) {
            return None;
        }
        let secret = self.next_secret();
        self.connections += 1;
        self.secrets.insert(link(a, b), secret);
        Some([
            (a, Input::Connected { peer: b, secret, initiator: true }),
            (b, Input::Connected { peer: a, secret, initiator: false }),
        ])
    }

    /// Returns the secret of the connection that is made next.
    #[must_use]
    pub fn next_secret(&self) -> [u8; 32] {
        *blake3::hash(&(self.connections + 1).to_le_bytes()).as_bytes()
    }

    /// Breaks a connection; none where there was none.
    pub fn cut(&mut self, a: NodeId, b: NodeId) -> Told {
        if !self.links.remove(&link(a, b)) {
            return None;
        }
        for lane in LANES {
            self.ways.remove(&(a, b, lane));
            self.ways.remove(&(b, a, lane));
        }
        Some([(a, Input::Disconnected { peer: b }), (b, Input::Disconnected { peer: a })])
    }

    /// Says whether two nodes are connected.
    #[must_use]
    pub fn is_connected(&self, a: NodeId, b: NodeId) -> bool {
        self.links.contains(&link(a, b))
    }

    /// Lists the connections.
    pub fn links(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.links.iter().copied()
    }

    /// Keeps what a node says and is told from here on.
    pub fn watch(&mut self, node: NodeId) {
        self.watched.insert(node);
    }

    /// Puts a frame on its way, unless the connection is gone.
    pub fn send(&mut self, from: NodeId, to: NodeId, lane: Urgency, bytes: Vec<u8>) {
        if self.is_connected(from, to) {
            if [from, to].iter().any(|node| self.watched.contains(node)) {
                let secret = self.secrets.get(&link(from, to)).copied().unwrap_or_default();
                self.seen.push(Seen { from, to, lane, bytes: bytes.clone(), secret });
            }
            self.ways.entry((from, to, lane)).or_default().push_back(bytes);
        }
    }

    /// Lists the lanes on which something is under way.
    #[must_use]
    pub fn under_way(&self) -> Vec<(NodeId, NodeId, Option<Urgency>)> {
        let full = self.ways.iter().filter(|(_, way)| !way.is_empty());
        let full = full.filter(|(way, _)| !self.stalled.contains(way));
        full.map(|((from, to, lane), _)| (*from, *to, Some(*lane))).collect()
    }

    /// Returns how many frames wait on the fullest lane of those that a node sends on.
    #[must_use]
    pub fn longest_from(&self, node: NodeId) -> usize {
        let own = self.ways.iter().filter(|((from, ..), _)| *from == node);
        own.map(|(_, way)| way.len()).max().unwrap_or_default()
    }

    /// Takes the next frame of a lane, and says whether the lane is empty then.
    pub fn take(&mut self, from: NodeId, to: NodeId, lane: Urgency) -> Option<(Vec<u8>, bool)> {
        let way = self.ways.get_mut(&(from, to, lane))?;
        let bytes = way.pop_front()?;
        Some((bytes, way.is_empty()))
    }
}
