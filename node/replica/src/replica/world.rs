//! What all sessions of a node share.

use std::collections::{BTreeMap, BTreeSet};

use super::api::{Policy, Refused};
use super::backoff::Backoff;
use super::cells::Cells;
use super::commits::Commits;
use super::erase::Erasing;
use super::quota::Quotas;
use crate::batch::Record;
use crate::directory::Directory;
use crate::entry::Entry;
use crate::erasure::Erasures;
use crate::id::{DocTag, LogKey, NodeId, OrderId, SpaceTag, Timestamp, inbox_tag};
use crate::index::Index;
use crate::session::Delivered;

/// Counts the changes of what this node names, so that a pair remembers how much was named.
pub(crate) type Revision = u64;

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
    pub(crate) quotas: Quotas,
    /// Of the store: for urgent entries, and for all else.
    pub(crate) backoffs: [Backoff; 2],
    pub(crate) agreements: BTreeMap<NodeId, Agreement>,
    /// Which peer was asked for a log.
    pub(crate) asked: BTreeMap<(DocTag, LogKey), NodeId>,
    pub(crate) cells: Cells,
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
            quotas: Quotas::default(),
            backoffs: [Backoff::default(); 2],
            agreements: BTreeMap::new(),
            asked: BTreeMap::new(),
            cells: Cells::default(),
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
        let room = self.policy.carrier && self.quotas.adopt(&self.policy, peer, space);
        if room {
            self.kept.insert(space);
        }
        room
    }

    /// Says whether `peer` may have a page kept of a space that this node does not want itself.
    pub(crate) fn room(
        &self,
        peer: &NodeId,
        space: &SpaceTag,
        bytes: usize,
        urgent: bool,
    ) -> Result<(), Refused> {
        if self.wanted.contains_key(space) {
            return Ok(());
        }
        self.quotas.room(&self.policy, peer, bytes, urgent)
    }

    /// Counts entries against the quota of who sent them.
    pub(crate) fn carried(&mut self, peer: &NodeId, entries: &[Entry]) {
        let wanted = &self.wanted;
        let foreign = entries.iter().filter(|e| !wanted.contains_key(&e.header().space));
        self.quotas.add(peer, foreign);
    }

    /// Makes the records of what [`World::carried`] counted.
    pub(crate) fn usage(&self, peer: &NodeId, entries: &[Entry]) -> Vec<Record> {
        let spaces = entries.iter().map(|entry| entry.header().space);
        let foreign = spaces.filter(|space| !self.wanted.contains_key(space));
        self.quotas.records(peer, &foreign.collect())
    }

    /// Takes back what [`World::carried`] counted: it could not be stored.
    pub(crate) fn dropped(&mut self, peer: &NodeId, entries: &[Entry]) {
        let wanted = &self.wanted;
        let foreign = entries.iter().filter(|e| !wanted.contains_key(&e.header().space));
        self.quotas.drop(peer, foreign);
    }

    /// When the store is tried again, for urgent entries or for all else.
    pub(crate) const fn backoff(&mut self, urgent: bool) -> &mut Backoff {
        let [fast, slow] = &mut self.backoffs;
        if urgent { fast } else { slow }
    }

    /// Says whether the store failed just now.
    pub(crate) fn waits_for_store(&self) -> bool {
        self.backoffs.iter().any(Backoff::waits)
    }
}
