//! A node on its own: as of when it knows what others decided, and how it stays a member unattended.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use linli_replica::batch::{Record, Shelf};
use linli_replica::certificate::{Act, Certificate};
use linli_replica::codec;
use linli_replica::directory::Directory;
use linli_replica::id::{NodeId, PartyId, Timestamp};

use crate::authority::{Right, SpaceState};

/// Where the record is kept.
pub const HEARD_KEY: &[u8] = b"heard";

/// How often what is true while connected is written, in milliseconds: after a crash the date shown may be
/// so much too old, and never too young.
const SAVE_MS: u64 = 10 * 60 * 1_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A node's certificate runs for a year, in milliseconds, and is renewed when less than
/// [`RENEW_BEFORE_MS`] is left.
pub const NODE_TERM_MS: u64 = 365 * DAY_MS;
/// Two months: longer than the longest time that a node is expected to be cut off.
pub const RENEW_BEFORE_MS: u64 = 60 * DAY_MS;

/// When this node last compared what it holds with each other node, to the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    last: BTreeMap<NodeId, Timestamp>,
    /// Nodes with which a comparison has ended on a connection that is still open: what they learn
    /// comes at once.
    open: BTreeSet<NodeId>,
    saved: Timestamp,
    changed: bool,
}

impl Heard {
    /// Reads the record that was written before; one that cannot be read says that nobody was heard.
    #[must_use]
    pub fn load(record: &[u8]) -> Self {
        let last = codec::decode(record).unwrap_or_default();
        Self { last, ..Self::default() }
    }

    /// Notes that a comparison with a connected node has ended.
    pub fn compared(&mut self, peer: NodeId, at: Timestamp) {
        self.last.insert(peer, at);
        self.open.insert(peer);
        self.changed = true;
    }

    /// Notes that a connection is gone.
    pub fn closed(&mut self, peer: NodeId, at: Timestamp) {
        if self.open.remove(&peer) {
            self.last.insert(peer, at);
            self.changed = true;
        }
    }

    /// Returns when this node last compared with any other; `now` where one is connected, none where it never did.
    #[must_use]
    pub fn latest(&self, now: Timestamp) -> Option<Timestamp> {
        if self.open.is_empty() { self.last.values().max().copied() } else { Some(now) }
    }

    /// Returns when this node last compared what it holds with another.
    #[must_use]
    pub fn at(&self, peer: &NodeId) -> Option<Timestamp> {
        self.last.get(peer).copied()
    }

    /// Returns the record to be written at a time.
    pub fn record(&mut self, now: Timestamp) -> Record {
        self.last.extend(self.open.iter().map(|peer| (*peer, now)));
        self.saved = now;
        self.changed = false;
        let value = Some(codec::encode(&self.last));
        Record { shelf: Shelf::Own, key: HEARD_KEY.to_vec(), value }
    }

    /// Returns the record where it is time to write it.
    pub fn due(&mut self, now: Timestamp) -> Option<Record> {
        let news = self.changed || !self.open.is_empty();
        let due = news && now.since_ms(self.saved) >= SAVE_MS;
        due.then(|| self.record(now))
    }

    /// Returns as of when this node knows who may do what in a space: when it last compared with a node of
    /// another party that may decide there; `now` where one is connected, or no other party may. None
    /// where it never did.
    #[must_use]
    pub fn authority_at(
        &self,
        directory: &Directory,
        state: &SpaceState,
        own: PartyId,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let decides = |party: &PartyId| {
            let member = state.members.get(party).filter(|_| *party != own);
            member.is_some_and(|m| m.grants.iter().any(|grant| grant.right == Right::Steward))
        };
        if !state.members.keys().any(decides) {
            return Some(now);
        }
        let nodes = || directory.nodes().filter(|(_, node)| decides(&node.party)).map(|(id, _)| id);
        if nodes().any(|node| self.open.contains(node)) {
            return Some(now);
        }
        nodes().filter_map(|node| self.last.get(node)).max().copied()
    }
}

/// Extends a node's own certificate when its end comes near, so that an unattended hub is never locked
/// out; none where there is nothing to do, or officers expelled it.
#[must_use]
pub fn renewal(directory: &Directory, key: &SigningKey, now: Timestamp) -> Option<Certificate> {
    let node = NodeId(key.verifying_key().to_bytes());
    let own = directory.node(&node)?;
    if own.expelled || own.ends.since_ms(now) > RENEW_BEFORE_MS {
        return None;
    }
    let act = Act::Extend { node, ends: now.plus_ms(NODE_TERM_MS) };
    Some(Certificate::new(directory.community(), now, act).signed(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_true_after_a_restart_and_never_too_young() {
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        let mut heard = Heard::default();
        assert_eq!(heard.due(Timestamp(SAVE_MS)), None, "nobody was heard");
        heard.compared(one, Timestamp(10));
        heard.compared(other, Timestamp(20));
        heard.closed(other, Timestamp(30));
        heard.closed(other, Timestamp(40));
        assert_eq!(heard.latest(Timestamp(50)), Some(Timestamp(50)), "one is connected");
        let record = heard.due(Timestamp(SAVE_MS)).unwrap();
        assert_eq!(heard.due(Timestamp(2 * SAVE_MS - 1)), None, "written a moment ago");
        let again = Heard::load(&record.value.unwrap());
        assert_eq!(again.last, BTreeMap::from([(one, Timestamp(SAVE_MS)), (other, Timestamp(30))]));
        assert_eq!(again.latest(Timestamp(2 * SAVE_MS)), Some(Timestamp(SAVE_MS)));
        assert_eq!((again.at(&other), again.at(&NodeId([3; 32]))), (Some(Timestamp(30)), None));
        assert_eq!(Heard::default().latest(Timestamp(1)), None);
        assert!(again.open.is_empty(), "no connection outlasts a restart");
        heard.closed(one, Timestamp(3 * SAVE_MS));
        assert!(heard.due(Timestamp(3 * SAVE_MS)).is_some());
        assert_eq!(heard.due(Timestamp(9 * SAVE_MS)), None, "nothing has changed since");
        assert_eq!(Heard::load(b"damaged"), Heard::default());
    }
}
