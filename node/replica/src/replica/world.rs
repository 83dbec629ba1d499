//! What all sessions of a node share.

use std::collections::{BTreeMap, BTreeSet};

use super::api::{Policy, Refused};
use super::backoff::Backoff;
use super::blobs::Blobs;
use super::cells::Cells;
use super::commits::Commits;
use super::erase::Erasing;
use super::prune::Pruning;
use super::quota::Quotas;
use crate::batch::Record;
use crate::certificate::Certificate;
use crate::directory::Directory;
use crate::entry::Entry;
use crate::erasure::Erasures;
use crate::id::{CertificateId, DocTag, LogKey, NodeId, OrderId, SpaceTag, Timestamp, inbox_tag};
use crate::index::Index;
use crate::limits::{CERTIFICATES_MAX, PENDING_BYTES_MAX};
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
    /// The revision of the latest of them.
    pub(crate) wanted_through: Revision,
    /// Inboxes of others that this node has written to; carriers are asked to keep them.
    pub(crate) outboxes: BTreeMap<SpaceTag, Revision>,
    /// Every member's inbox.
    pub(crate) inboxes: BTreeSet<SpaceTag>,
    /// Spaces of which something is held durably, each with the revision that brought it. Only of
    /// these a carrier is told the tag.
    pub(crate) filled: BTreeMap<SpaceTag, Revision>,
    /// Spaces this carrier was asked to keep, and in which order.
    pub(crate) kept: BTreeSet<SpaceTag>,
    pub(crate) kept_in_order: Vec<SpaceTag>,
    pub(crate) quotas: Quotas,
    pub(crate) blobs: Blobs,
    /// Bytes of urgent entries that couriers brought since the last tick.
    pub(crate) carried_urgent: usize,
    /// Of the store: for urgent entries, and for all else.
    pub(crate) backoffs: [Backoff; 2],
    pub(crate) agreements: BTreeMap<NodeId, Agreement>,
    /// Which peer was asked for a log.
    pub(crate) asked: BTreeMap<(DocTag, LogKey), NodeId>,
    pub(crate) cells: Cells,
    pub(crate) pruning: Pruning,
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
            wanted_through: 1,
            outboxes: BTreeMap::new(),
            inboxes: BTreeSet::new(),
            filled: BTreeMap::new(),
            kept: BTreeSet::new(),
            kept_in_order: Vec::new(),
            quotas: Quotas::default(),
            blobs: Blobs::default(),
            carried_urgent: 0,
            backoffs: [Backoff::default(); 2],
            agreements: BTreeMap::new(),
            asked: BTreeMap::new(),
            cells: Cells::default(),
            pruning: Pruning::default(),
            erasures: Erasures::default(),
            erasing: BTreeMap::new(),
            erased: BTreeMap::new(),
        };
        world.filled = world.index.spaces().map(|space| (space, 1)).collect();
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

    /// Notes that something of a space is durable. When it is the first, carriers are told of it.
    pub(crate) fn note_filled(&mut self, space: SpaceTag) {
        if !self.filled.contains_key(&space) {
            self.revision += u64::from(self.wanted.contains_key(&space));
            self.filled.insert(space, self.revision);
        }
    }

    /// Says whether there is something of a space to bring to a carrier.
    pub(crate) fn brings(&self, space: &SpaceTag) -> bool {
        self.filled.contains_key(space) || self.outboxes.contains_key(space)
    }

    /// The revision of the latest of what is named to `peer`.
    pub(crate) fn nameable_through(&self, peer: &NodeId) -> Revision {
        if self.is_carrier(peer) { self.revision } else { self.wanted_through }
    }

    /// Says whether entries of a space are taken in.
    pub(crate) fn keeps(&self, space: &SpaceTag) -> bool {
        self.wanted.contains_key(space)
            || (self.policy.carrier && (self.kept.contains(space) || self.index.has_space(space)))
    }

    /// Says whether a certificate is any business of `peer` and of this node.
    pub(crate) fn tells(&self, peer: &NodeId, certificate: &Certificate) -> bool {
        !self.only_carriage(peer) || certificate.is_for_carriers()
    }

    /// Says whether `peer`, or this node, does nothing but carry.
    pub(crate) fn only_carriage(&self, peer: &NodeId) -> bool {
        [peer, &self.me].into_iter().any(|node| self.directory.only_carries(node))
    }

    /// Says whether the directory lets `peer` carry for others.
    pub(crate) fn is_carrier(&self, peer: &NodeId) -> bool {
        self.directory.node(peer).is_some_and(|node| node.carrier)
    }

    /// Lists what is named to `peer`: what came after `since`, or all with zero.
    pub(crate) fn nameable(&self, peer: &NodeId, since: Revision) -> BTreeSet<SpaceTag> {
        let carrier = self.is_carrier(peer);
        let filled = |space| self.filled.get(space).copied().filter(|_| carrier);
        let wanted = self
            .wanted
            .iter()
            .map(|(space, revision)| (space, filled(space).unwrap_or_default().max(*revision)));
        let outboxes = self.outboxes.iter().filter(|_| carrier).map(|(space, at)| (space, *at));
        let mut names: BTreeSet<SpaceTag> = wanted
            .chain(outboxes)
            .filter(|(_, revision)| *revision > since)
            .map(|(space, _)| *space)
            .collect();
        if since == 0 {
            names.insert(inbox_tag(peer));
        }
        names
    }

    /// Lists everything that `peer` is served when it names it, some of it twice.
    pub(crate) fn served(&self, peer: &NodeId) -> impl Iterator<Item = SpaceTag> {
        let held = self.index.spaces().filter(|space| !self.kept.contains(space));
        let carried = self.policy.carrier.then(|| self.kept.iter().copied().chain(held));
        self.nameable(peer, 0).into_iter().chain(carried.into_iter().flatten())
    }

    /// Takes a space in for `peer`; says whether there was room.
    pub(crate) fn adopt(&mut self, space: SpaceTag, peer: &NodeId) -> bool {
        // Who names an erased space learns of the order in the same session.
        if self.keeps(&space) || self.index.is_space_erased(&space) {
            return true;
        }
        let room = self.policy.carrier && self.quotas.adopt(&self.policy, peer, space);
        if room && self.kept.insert(space) {
            self.kept_in_order.push(space);
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

    /// Says whether a page of `peer` is taken in, of which something or all is urgent.
    pub(crate) fn takes(
        &mut self,
        peer: &NodeId,
        space: &SpaceTag,
        bytes: usize,
        (urgent, throughout): (bool, bool),
    ) -> Result<(), Refused> {
        if !self.keeps(space) {
            return Err(Refused::UnknownSpace);
        }
        self.room(peer, space, bytes, throughout)?;
        // An alert is tried even so.
        let waits = !urgent && self.backoff(false).waits();
        if waits || self.commits.bytes_of(peer) + bytes > PENDING_BYTES_MAX {
            return Err(Refused::Congested);
        }
        Ok(())
    }

    /// Reads a certificate from outside; none where it brings nothing.
    pub(crate) fn sift(&self, peer: &NodeId, bytes: &[u8]) -> Result<Option<Certificate>, Refused> {
        let certificate = Certificate::decode(bytes).map_err(|_| Refused::BadCertificate)?;
        if !self.tells(peer, &certificate) {
            return Ok(None);
        }
        let community = self.directory.community();
        let ours = certificate.body().community == community
            || certificate.id() == CertificateId(community.0);
        let news = match self.directory.certificate(&certificate.id()) {
            Some(known) => known.clone().merge(&certificate),
            None => true,
        };
        if !ours || self.directory.certificates().count() >= CERTIFICATES_MAX {
            return Err(Refused::BadCertificate);
        }
        Ok(news.then_some(certificate))
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
