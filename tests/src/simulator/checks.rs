//! The promises, each as a check that counts what it compared.

use std::collections::{BTreeMap, BTreeSet};

use automerge::ChangeHash;
use linli_core::document::{Withheld, WithheldEntry};
use linli_model::document::canonical;
use linli_model::field::FieldsView;
use linli_model::profile;
use linli_replica::entry::Entry;
use linli_replica::frontier::Tip;
use linli_replica::id::{CertificateId, DocTag, EntryId, LogKey, NodeId, SpaceTag};
use linli_replica::limits::{
    CURSORS_MAX, LANE_FRAMES_MAX, OFFERS_MAX, PENDING_BYTES_MAX, WANTS_MAX,
};

use super::town::Town;
use super::{Checked, Failure, broken};

/// What is checked, with the number that the design's promise has.
pub const PROMISES: [(&str, u8); 22] = [
    ("what was saved stays", 1),
    ("what is held is durable", 1),
    ("only what was ordered went", 1),
    ("what was pruned is stood for", 1),
    ("what was pruned is read", 1),
    ("same entries, same view", 2),
    ("members come together", 2),
    ("a prepared collision is seen", 2),
    ("only the audience opens", 3),
    ("nothing in clear at a carrier", 3),
    ("only facts are shown", 4),
    ("what counts is shown", 4),
    ("what is held back is listed", 4),
    ("who wrote in vain is told", 4),
    ("nobody signs for a lie", 4),
    ("heartbeats are their writers'", 4),
    ("alerts keep to their lane", 6),
    ("an alert overtakes", 6),
    ("urgent logs stay whole", 6),
    ("memory is bounded", 7),
    ("the expelled are not served", 7),
    ("receipts are true", 9),
];

/// What nodes said that they hold, by node.
pub(super) type Promised = BTreeMap<NodeId, BTreeSet<(DocTag, LogKey, Tip)>>;

/// What a node shows of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) heads: Vec<ChangeHash>,
    pub(super) canonical: Vec<u8>,
    pub(super) withheld: Vec<WithheldEntry>,
    /// Values, with the nodes that are named as their authors.
    shown: BTreeMap<String, BTreeSet<NodeId>>,
}

/// All that a node shows of a space, by document.
pub(super) type Sight = BTreeMap<DocTag, Seen>;

impl Town {
    /// Checks what can be checked between two steps; `thoroughly` now and then.
    pub(super) fn check_step(&mut self, thoroughly: bool) -> Checked {
        if let Some(failure) = self.broken.take() {
            return Err(failure);
        }
        self.check_saved(thoroughly)?;
        self.check_receipts()?;
        self.check_lanes()?;
        self.check_bounds()?;
        self.check_expelled()?;
        self.read_books(&self.everybody())?;
        self.check_beats()?;
        if thoroughly {
            self.check_carried()?;
        }
        if thoroughly { self.check_views() } else { Ok(()) }
    }

    /// Nodes that keep the rules, whatever becomes of them.
    fn keepers(&self) -> Vec<NodeId> {
        let liars = &self.liars;
        self.honest.iter().chain(&self.carriers).copied().filter(|id| !liars.contains(id)).collect()
    }

    /// Whether an entry is on a node's disk, or was erased there, or dropped by a carrier that was ordered to.
    fn is_kept(&self, id: NodeId, (document, log, tip): (DocTag, LogKey, Tip)) -> bool {
        let node = self.net.node(id);
        let space = self.space_of.get(&document);
        let erased = space.is_some_and(|space| node.replica.index().is_erased(space, &document));
        let stored = || {
            use linli_replica::held::Held as _;
            let held =
                node.disk.store.entries(document, log, tip.sequence.saturating_sub(1), 1 << 20);
            held.unwrap_or_default().iter().any(|entry| entry.tip() == tip)
        };
        let base = node.replica.index().base(&document, &log);
        let dropped = self.carriers.contains(&id)
            && base.is_some_and(|base| tip.sequence <= base.tip.sequence);
        erased || dropped || stored()
    }

    /// Whatever an honest node says that it holds is on its disk.
    pub(super) fn check_receipts(&mut self) -> Checked {
        let keepers: BTreeSet<NodeId> = self.keepers().into_iter().collect();
        for id in &keepers {
            let told = std::mem::take(&mut self.net.node_mut(*id).told.receipts);
            for (holder, document, frontier) in told {
                if !keepers.contains(&holder) {
                    continue;
                }
                for (log, tips) in frontier.0 {
                    for tip in tips {
                        let new = self.promised.entry(holder).or_default();
                        if !new.insert((document, log, tip)) {
                            continue;
                        }
                        self.counts.check("receipts are true", 1);
                        if !self.is_kept(holder, (document, log, tip)) {
                            let what =
                                format!("{holder:?} said that it holds {document:?} {tip:?}");
                            return broken("receipts are true", what);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Whatever was said to be saved is on the disk; looked at again `thoroughly`, with all receipts.
    fn check_saved(&mut self, thoroughly: bool) -> Checked {
        for id in self.honest.clone() {
            let new = std::mem::take(&mut self.net.node_mut(id).told.acknowledged);
            let places = new.iter().map(|entry| (entry.header().document, entry.header().space));
            self.space_of.extend(places);
            let new: Vec<_> = new
                .iter()
                .map(|entry| (entry.header().document, entry.header().log, entry.tip()))
                .collect();
            let saved = self.saved.entry(id).or_default();
            saved.extend(new.iter().copied());
            let looked_at = if thoroughly { saved.clone() } else { new };
            self.counts.check("what was saved stays", looked_at.len());
            for place in looked_at {
                if !self.is_kept(id, place) {
                    return broken(
                        "what was saved stays",
                        format!("{place:?} is gone from {id:?}"),
                    );
                }
            }
        }
        if !thoroughly {
            return Ok(());
        }
        for (holder, places) in self.promised.clone() {
            self.counts.check("receipts are true", places.len());
            for place in places {
                if !self.is_kept(holder, place) {
                    let what = format!("{holder:?} held {place:?}, and holds it no more");
                    return broken("receipts are true", what);
                }
            }
        }
        self.check_durable()
    }

    /// What a node counts as held is on its disk.
    fn check_durable(&mut self) -> Checked {
        for id in self.everybody() {
            let node = self.net.node(id);
            let (index, disk) = (node.replica.index(), node.disk.index());
            let mut compared = 0;
            for space in index.spaces() {
                for (document, digest) in index.documents(&space) {
                    compared += 1;
                    if disk.digest(&document) != Some(digest) {
                        let what =
                            format!("{id:?} counts on {document:?} otherwise than it is stored");
                        return broken("what is held is durable", what);
                    }
                }
            }
            self.counts.check("what is held is durable", compared);
        }
        Ok(())
    }

    fn check_lanes(&mut self) -> Checked {
        let crooks = &self.crooks;
        let Some(lanes) = &mut self.net.lanes else { return Ok(()) };
        let seen = std::mem::take(&mut lanes.urgent);
        let off = std::mem::take(&mut lanes.elsewhere);
        self.counts.check("alerts keep to their lane", seen);
        match off.into_iter().find(|(from, _)| !crooks.contains(from)) {
            None => Ok(()),
            Some((from, entry)) => {
                let what = format!("{from:?} sent {entry:?}, which is urgent, on another lane");
                broken("alerts keep to their lane", what)
            }
        }
    }

    /// Queues and tables stay within their limits.
    fn check_bounds(&mut self) -> Checked {
        for id in self.keepers() {
            let replica = &self.net.node(id).replica;
            let peers: Vec<NodeId> = replica.peers().collect();
            self.counts.check("memory is bounded", 1);
            let lane = self.net.wire.longest_from(id);
            let over = peers.iter().find(|peer| {
                let waits = replica.status(peer).is_some_and(|status| {
                    status.asked > WANTS_MAX
                        || status.offered > OFFERS_MAX
                        || status.sending > CURSORS_MAX
                });
                waits || replica.pending_bytes(peer) > PENDING_BYTES_MAX
            });
            if lane > LANE_FRAMES_MAX || over.is_some() {
                let what =
                    format!("{id:?} keeps too much: {lane} frames on a lane, or for {over:?}");
                return broken("memory is bounded", what);
            }
        }
        Ok(())
    }

    /// No honest node has a session with somebody of whom it knows that they were expelled.
    fn check_expelled(&mut self) -> Checked {
        let mut compared = 0;
        for id in self.keepers() {
            let replica = &self.net.node(id).replica;
            let out = |node: &NodeId| replica.directory().node(node).is_some_and(|n| n.expelled);
            let known = replica.directory().nodes().filter(|(_, node)| node.expelled).count();
            compared += known;
            if let Some(peer) = replica.peers().find(out) {
                let what =
                    format!("{id:?} serves {peer:?}, of whom it knows that they were expelled");
                return broken("the expelled are not served", what);
            }
        }
        self.counts.check("the expelled are not served", compared);
        Ok(())
    }

    /// Checks all that honest nodes show, against the model and with each other.
    pub(super) fn check_views(&mut self) -> Checked {
        for space in self.spaces.clone() {
            let mut alike: BTreeMap<Vec<u8>, (NodeId, Sight)> = BTreeMap::new();
            for id in self.members(space) {
                if self.is_erased_at(id, &space) {
                    continue;
                }
                let sight = self.look_at(id, space)?;
                self.check_shown(id, space, &sight)?;
                if self.net.node(id).disk.is_busy() {
                    continue;
                }
                let basis = self.basis(id, space, &sight);
                let Some((other, first)) = alike.get(&basis) else {
                    alike.insert(basis, (id, sight));
                    continue;
                };
                self.counts.check("same entries, same view", sight.len());
                if let Some(document) = self.differ((*other, first), (id, &sight)) {
                    let what = format!("{other:?} and {id:?} show {document:?} differently");
                    return broken("same entries, same view", what);
                }
            }
        }
        Ok(())
    }

    /// Reads all that a node shows of a space.
    pub(super) fn look_at(&mut self, id: NodeId, space: SpaceTag) -> Result<Sight, Failure> {
        let now = self.net.now;
        let sight = self.net.node_mut(id).with_core(now, |core, world, _| {
            let authority = core.space(world, space)?.authority_document();
            let orders = linli_replica::prune::document_tag(&space);
            let reserved = [authority, linli_core::kdf::recovery_tag(&space), orders];
            let tags: Vec<DocTag> = world.index.documents(&space).map(|(tag, _)| tag).collect();
            let tags = tags.into_iter().filter(|tag| !reserved.contains(tag));
            tags.map(|tag| {
                let document = core.open(world, space, tag)?;
                let (heads, withheld) = (document.heads(), document.withheld().to_vec());
                let (doc, authors) = document.parts();
                let view = profile::view(doc.document(), authors);
                let canonical = canonical(&view).unwrap_or_default();
                let shown = values(&view);
                Ok((tag, Seen { heads, canonical, withheld, shown }))
            })
            .collect::<Result<Sight, linli_core::engine::CoreError>>()
        });
        sight.map_err(|error| Failure {
            promise: "same entries, same view",
            step: None,
            what: format!("{id:?} cannot show {space:?}: {error}"),
        })
    }

    /// All that a view may depend on: entries, certificates, and which keys a node was given.
    fn basis(&mut self, id: NodeId, space: SpaceTag, sight: &Sight) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        let certificates: Vec<CertificateId> = self.net.certificates(id, space);
        for certificate in certificates {
            hasher.update(certificate.as_bytes());
        }
        let node = self.net.node(id);
        for (document, digest) in node.replica.index().documents(&space) {
            hasher.update(document.as_bytes()).update(&digest);
        }
        for (id, digest) in node.replica.directory().digests(false).iter() {
            hasher.update(id).update(digest);
        }
        let closed = sight.values().flat_map(|seen| &seen.withheld);
        let keyless =
            |held: &&WithheldEntry| matches!(held.reason, Withheld::NoKey | Withheld::Unbound);
        for held in closed.filter(keyless) {
            hasher.update(held.entry.as_bytes());
        }
        hasher.finalize().as_bytes().to_vec()
    }

    /// Holds what a node shows against the model: nothing that does not count, by nobody but its author; everything that
    /// counts; and of the rest that it is held back.
    fn check_shown(&mut self, id: NodeId, space: SpaceTag, sight: &Sight) -> Checked {
        let known = self.known(id, space);
        let held: BTreeMap<EntryId, Entry> =
            self.net.entries(id, space).into_iter().map(|entry| (entry.id(), entry)).collect();
        let past = past_forks(held.values());
        let Some(rules) = self.rules.get(&space) else { return Ok(()) };
        let (mut shown, mut counted, mut listed) = (0, 0, 0);
        for (tag, seen) in sight {
            for (value, authors) in &seen.shown {
                shown += 1;
                let fact = self.facts.get(value).filter(|fact| fact.document == *tag);
                let right = |fact: &super::model::Fact| {
                    let past = fact.event && past.contains(&fact.entry.id());
                    let admitted = || {
                        let mut after = branch_after(&held, &fact.entry);
                        after.any(|entry| rules.is_admitted(entry, &known))
                    };
                    authors.iter().eq([&fact.author])
                        && rules.counts(fact, &known)
                        && (!past || admitted())
                };
                if !fact.is_some_and(right) {
                    let who = fact.map(|fact| (fact.author, rules.counts(fact, &known)));
                    let what = format!("{id:?} shows {:?} of {authors:?}: {who:?}", value.trim());
                    return broken("only facts are shown", what);
                }
            }
        }
        for (value, fact) in self.facts.iter().filter(|(_, fact)| fact.space == space) {
            let Some(seen) = sight.get(&fact.document) else { continue };
            let entry = fact.entry.id();
            let directory = self.net.node(id).replica.directory();
            if !held.contains_key(&entry) || directory.node(&fact.author).is_none() {
                continue;
            }
            let unread =
                |held: &WithheldEntry| matches!(held.reason, Withheld::NoKey | Withheld::Unbound);
            let is_listed = seen.withheld.iter().any(|held| held.entry == entry);
            let counts = rules.counts(fact, &known);
            let whole = !seen.withheld.iter().any(unread)
                && !self.forked.contains(&fact.entry.header().log);
            let is_shown = seen.shown.contains_key(value);
            if !counts {
                listed += 1;
                if !is_listed {
                    let what = format!("{id:?} neither counts nor lists {:?}", value.trim());
                    return broken("what is held back is listed", what);
                }
            } else if fact.event && whole && !past.contains(&entry) {
                counted += 1;
                if !is_shown {
                    let why = seen.withheld.iter().find(|held| held.entry == entry);
                    let what = format!("{id:?} does not show {:?}: {why:?}", value.trim());
                    return broken("what counts is shown", what);
                }
            }
        }
        self.counts.check("only facts are shown", shown);
        self.counts.check("what counts is shown", counted);
        self.counts.check("what is held back is listed", listed);
        Ok(())
    }
}

fn values(view: &FieldsView) -> BTreeMap<String, BTreeSet<NodeId>> {
    let stated = view.fields.values().chain(view.unknown.values()).flat_map(|field| &field.values);
    let named = stated.map(|stated| {
        let by = stated.by.iter().map(|by| NodeId(by.author.node.0)).collect();
        (stated.value.as_str().to_owned(), by)
    });
    named.collect()
}

/// Lists an entry and those that continue its log from it: where one of them is admitted past a fork, all before it count.
fn branch_after<'a>(
    held: &'a BTreeMap<EntryId, Entry>,
    first: &'a Entry,
) -> impl Iterator<Item = EntryId> {
    let follows = |entry: &&Entry| {
        let mut at = Some(*entry);
        while let Some(entry) = at.filter(|entry| entry.id() != first.id()) {
            at = held.get(&entry.header().previous);
        }
        at.is_some()
    };
    let log = first.header().log;
    let of_log = held.values().filter(move |entry| entry.header().log == log);
    of_log.filter(follows).map(Entry::id)
}

/// Lists the entries that lie past a fork of their log.
fn past_forks<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeSet<EntryId> {
    let mut after: BTreeMap<(DocTag, LogKey, EntryId), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let header = entry.header();
        after.entry((header.document, header.log, header.previous)).or_default().push(entry);
    }
    let forks: Vec<&Entry> =
        after.values().filter(|next| next.len() > 1).flatten().copied().collect();
    let mut past = BTreeSet::new();
    let mut next = forks;
    while let Some(entry) = next.pop() {
        if past.insert(entry.id()) {
            let place = (entry.header().document, entry.header().log, entry.id());
            next.extend(after.get(&place).into_iter().flatten());
        }
    }
    past
}
