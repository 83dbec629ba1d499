//! What all sessions of a node share.

use std::collections::{BTreeMap, BTreeSet};

use super::api::Policy;
use super::commits::Commits;
use super::erase::Erasing;
use crate::batch::{Record, Shelf};
use crate::directory::Directory;
use crate::entry::Entry;
use crate::erasure::Erasures;
use crate::frame::Cell;
use crate::id::{DocTag, LogKey, NodeId, OrderId, SpaceTag, Timestamp, inbox_tag};
use crate::index::Index;
use crate::limits::CELLS_MAX;
use crate::session::Delivered;

/// Counts the changes of what this node names, so that a pair remembers how much was named.
pub(crate) type Revision = u64;

/// What a carrier has taken in for one sending endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) bytes: u64,
    pub(crate) spaces: usize,
}

/// What a pair of nodes remembers between connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agreement {
    pub(crate) shared: BTreeSet<SpaceTag>,
    pub(crate) delivered: Delivered,
    pub(crate) named_through: Revision,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) me: NodeId,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
    pub(crate) directory: Directory,
    pub(crate) index: Index,
    pub(crate) commits: Commits,
    pub(crate) revision: Revision,
    /// Spaces this node wants, each with the revision that brought it.
    pub(crate) wanted: BTreeMap<SpaceTag, Revision>,
    /// Inboxes of others that this node has written to; carriers are asked to keep them.
    pub(crate) outboxes: BTreeMap<SpaceTag, Revision>,
    /// Every member's inbox.
    pub(crate) inboxes: BTreeSet<SpaceTag>,
    /// Spaces this carrier was asked to keep.
    pub(crate) kept: BTreeSet<SpaceTag>,
    pub(crate) usage: BTreeMap<NodeId, Usage>,
    pub(crate) agreements: BTreeMap<NodeId, Agreement>,
    /// Which peer was asked for a log.
    pub(crate) asked: BTreeMap<(DocTag, LogKey), NodeId>,
    pub(crate) cells: BTreeMap<(SpaceTag, LogKey), Cell>,
    pub(crate) erasures: Erasures,
    /// Orders to erase that are not carried out yet.
    pub(crate) erasing: BTreeMap<OrderId, Erasing>,
    /// Those that are, durably, and whether this node answers for them.
    pub(crate) erased: BTreeMap<OrderId, bool>,
}

impl World {
    pub(crate) fn new(me: NodeId, directory: Directory, index: Index, policy: Policy) -> Self {
        let mut world = Self {
            me,
            policy,
            now: Timestamp::default(),
            directory,
            index,
            commits: Commits::default(),
            revision: 1,
            wanted: BTreeMap::from([(inbox_tag(&me), 1)]),
            outboxes: BTreeMap::new(),
            inboxes: BTreeSet::new(),
            kept: BTreeSet::new(),
            usage: BTreeMap::new(),
            agreements: BTreeMap::new(),
            asked: BTreeMap::new(),
            cells: BTreeMap::new(),
            erasures: Erasures::default(),
            erasing: BTreeMap::new(),
            erased: BTreeMap::new(),
        };
        for order in world.erasures.learn(&world.directory) {
            world.begin_erasing(&order);
        }
        world.directory_changed();
        world
    }

    pub(crate) fn directory_changed(&mut self) {
        self.inboxes = self.directory.nodes().map(|(node, _)| inbox_tag(node)).collect();
        let spaces: Vec<SpaceTag> = self.index.spaces().collect();
        for space in spaces {
            self.note_outbox(space);
        }
    }

    /// Notes that something of a space is held: an inbox of another is named to carriers.
    pub(crate) fn note_outbox(&mut self, space: SpaceTag) {
        let is_outbox = self.inboxes.contains(&space) && !self.wanted.contains_key(&space);
        if is_outbox && !self.policy.carrier && !self.outboxes.contains_key(&space) {
            self.revision += 1;
            self.outboxes.insert(space, self.revision);
        }
    }

    /// Says whether entries of a space are taken in.
    pub(crate) fn keeps(&self, space: &SpaceTag) -> bool {
        self.wanted.contains_key(space)
            || (self.policy.carrier && (self.kept.contains(space) || self.index.has_space(space)))
    }

    /// Says whether the directory lets `peer` carry for others.
    pub(crate) fn is_carrier(&self, peer: &NodeId) -> bool {
        self.directory.node(peer).is_some_and(|node| node.carrier)
    }

    /// Lists what is named to `peer`: what came after `since`, or all with zero.
    pub(crate) fn nameable(&self, peer: &NodeId, since: Revision) -> BTreeSet<SpaceTag> {
        let outboxes = self.is_carrier(peer).then_some(&self.outboxes).into_iter().flatten();
        let mut names: BTreeSet<SpaceTag> = self
            .wanted
            .iter()
            .chain(outboxes)
            .filter(|(_, revision)| **revision > since)
            .map(|(space, _)| *space)
            .collect();
        if since == 0 {
            names.insert(inbox_tag(peer));
        }
        names
    }

    /// Lists everything that `peer` is served when it names it.
    pub(crate) fn served(&self, peer: &NodeId) -> BTreeSet<SpaceTag> {
        let mut all = self.nameable(peer, 0);
        if self.policy.carrier {
            all.extend(&self.kept);
            all.extend(self.index.spaces());
        }
        all
    }

    /// Takes a space in for `peer`; says whether there was room.
    pub(crate) fn adopt(&mut self, space: SpaceTag, peer: &NodeId) -> bool {
        // Who names an erased space learns of the order in the same session.
        if self.keeps(&space) || self.index.is_space_erased(&space) {
            return true;
        }
        let usage = self.usage.entry(*peer).or_default();
        if !self.policy.carrier || usage.spaces >= self.policy.spaces_max {
            return false;
        }
        usage.spaces += 1;
        self.kept.insert(space)
    }

    /// Keeps a cell where it is the writer's latest; says whether it was.
    pub(crate) fn cell(&mut self, cell: &Cell) -> bool {
        let range = (cell.space, LogKey([0; 32]))..=(cell.space, LogKey([0xff; 32]));
        let key = (cell.space, cell.log);
        let latest = match self.cells.get(&key) {
            Some(held) => held.counter < cell.counter,
            None => self.cells.range(range).count() < CELLS_MAX,
        };
        if latest {
            self.cells.insert(key, cell.clone());
        }
        latest
    }

    /// Says whether `peer` may have more kept of a space that this node does not want itself.
    pub(crate) fn has_quota(&self, peer: &NodeId, space: &SpaceTag, bytes: usize) -> bool {
        let used = self.usage.get(peer).map_or(0, |usage| usage.bytes);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.wanted.contains_key(space) || used.saturating_add(bytes) <= self.policy.quota_bytes
    }

    /// Counts entries against the quota of who sent them.
    pub(crate) fn carried(&mut self, peer: &NodeId, entries: &[Entry]) -> Vec<Record> {
        let bytes = self.foreign_bytes(entries);
        if bytes == 0 {
            return Vec::new();
        }
        let usage = self.usage.entry(*peer).or_default();
        usage.bytes = usage.bytes.saturating_add(bytes);
        let (key, value) = ([USAGE_KEY, peer.as_bytes()].concat(), usage.bytes.to_be_bytes());
        vec![Record { shelf: Shelf::Own, key, value: Some(value.to_vec()) }]
    }

    /// Takes back what [`World::carried`] counted: it could not be stored.
    pub(crate) fn dropped(&mut self, peer: &NodeId, entries: &[Entry]) {
        let bytes = self.foreign_bytes(entries);
        if let Some(usage) = self.usage.get_mut(peer) {
            usage.bytes = usage.bytes.saturating_sub(bytes);
        }
    }

    fn foreign_bytes(&self, entries: &[Entry]) -> u64 {
        let foreign = entries.iter().filter(|e| !self.wanted.contains_key(&e.header().space));
        let bytes: usize = foreign.map(Entry::size_bytes).sum();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Takes up a record that [`World::carried`] made in an earlier run.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) {
        let peer = key.strip_prefix(USAGE_KEY).and_then(|peer| peer.try_into().ok());
        if let (Some(peer), Ok(bytes)) = (peer, value.try_into()) {
            let bytes = u64::from_be_bytes(bytes);
            self.usage.entry(NodeId(peer)).or_default().bytes = bytes;
        }
    }
}

/// What the names of the records of usage begin with, on the node's own shelf.
const USAGE_KEY: &[u8] = b"carried/";
