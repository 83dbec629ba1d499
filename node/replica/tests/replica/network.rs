//! Nodes and the wire between them: lossy (a loss is a disconnect), with lanes that overtake each
//! other, and commits that take their time. Every frame that is sent is checked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::SigningKey;
use linli_replica::batch::{Batch, Shelf};
use linli_replica::blob::{self, Blob};
use linli_replica::certificate::Certificate;
use linli_replica::directory::Directory;
use linli_replica::entry::{Entry, Header, Page, Suite, Urgency};
use linli_replica::frame::Frame;
use linli_replica::frontier::{Frontier, Tip};
use linli_replica::id::{BlobId, DocTag, EntryId, EpochId, LogKey, NodeId, SpaceTag, Timestamp};
use linli_replica::limits::{FRAME_BYTES_MAX, LANE_FRAMES_MAX};
use linli_replica::prune::Judged;
use linli_replica::replica::{
    Carried, Ending, Input, Output, Policy, Refused, Replica, Ticket, Written,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::community::{Community, node};
use crate::store::Store;

pub(crate) const LANES: [Urgency; 3] = [Urgency::Urgent, Urgency::Normal, Urgency::Bulk];

pub(crate) fn space(number: u8) -> SpaceTag {
    SpaceTag([number; 32])
}

pub(crate) fn document(space: u8, number: u32) -> DocTag {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[space]).update(&number.to_le_bytes());
    DocTag(*hasher.finalize().as_bytes())
}

/// What a node has been told, beyond frames and commits.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) held: Vec<(Option<NodeId>, Entry)>,
    pub(crate) receipts: Vec<(NodeId, DocTag, Frontier)>,
    pub(crate) refused: Vec<(Option<NodeId>, Refused)>,
    pub(crate) ended: Vec<(NodeId, Ending)>,
    pub(crate) synced: Vec<NodeId>,
    pub(crate) forked: usize,
    pub(crate) erase: Vec<linli_replica::id::OrderId>,
    /// The counters of the heartbeats.
    pub(crate) heartbeats: Vec<u64>,
    pub(crate) carried: Carried,
    pub(crate) lacks: Vec<(DocTag, Vec<Tip>)>,
    /// How many receipts had come when each connection began.
    before: BTreeMap<NodeId, usize>,
}

impl Told {
    /// A peer that loses nothing holds of a log at least what it said over an earlier connection.
    fn goes_on(&self, peer: NodeId, document: DocTag, log: LogKey, tips: &[Tip]) {
        let last = |tips: &[Tip]| tips.iter().map(|tip| tip.sequence).max();
        let before = self.receipts.iter().take(*self.before.get(&peer).unwrap_or(&0));
        let before = before.filter(|(by, of, _)| (*by, *of) == (peer, document));
        let said = before.filter_map(|(.., held)| last(held.tips(&log))).max();
        assert!(said <= last(tips), "{peer:?} said {said:?} of {document:?} and holds {tips:?}");
    }
}

pub(crate) struct Node {
    pub(crate) replica: Replica,
    pub(crate) store: Store,
    pub(crate) told: Told,
    commits: VecDeque<(Ticket, Batch)>,
    policy: Policy,
    wanted: BTreeSet<SpaceTag>,
    /// The own log of each document, as far as it was written.
    writing: BTreeMap<DocTag, (u64, EntryId)>,
    /// Sends on each lane since the last `Writable`.
    sent: BTreeMap<(NodeId, Urgency), usize>,
    overdue: bool,
    pub(crate) disk: Disk,
}

/// The blobs of a node; what was written stays when the power fails.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) whole: BTreeMap<BlobId, Vec<u8>>,
    pub(crate) parts: BTreeMap<BlobId, Vec<u8>>,
    /// Nothing can be removed.
    pub(crate) stuck: bool,
    pub(crate) full: bool,
}

impl Disk {
    fn read(&self, blob: &Blob, offset: u64) -> Option<Vec<u8>> {
        let bytes = self.whole.get(&blob.id)?;
        let (_, hashes) = blob::hash(&bytes[..], blob.size).unwrap();
        blob::slice(&blob.id, blob.size, offset, &bytes[..], &hashes[..]).ok()
    }

    /// Removes blobs; says whether they are gone.
    fn remove(&mut self, blobs: &BTreeSet<BlobId>) -> bool {
        if !self.stuck {
            self.whole.retain(|blob, _| !blobs.contains(blob));
            self.parts.retain(|blob, _| !blobs.contains(blob));
        }
        !self.stuck
    }

    fn write(&mut self, blob: &Blob, offset: u64, bytes: &[u8]) -> Written {
        if self.full {
            return Written::Failed { to: offset };
        }
        let part = self.parts.entry(blob.id).or_default();
        assert!(part.len() as u64 >= offset, "parts come in order");
        part.truncate(usize::try_from(offset).unwrap());
        part.extend_from_slice(bytes);
        if (part.len() as u64) < blob.size {
            return Written::Part { to: part.len() as u64 };
        }
        let whole = self.parts.remove(&blob.id).unwrap();
        assert_eq!(blob.id.0, *blake3::hash(&whole).as_bytes(), "every part was checked");
        self.whole.insert(blob.id, whole);
        Written::Whole
    }
}

/// Frames under way from one node to another, by lane.
type Way = [VecDeque<Vec<u8>>; 3];

pub(crate) struct Network {
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) now: Timestamp,
    pub(crate) links: BTreeSet<(NodeId, NodeId)>,
    ways: BTreeMap<(NodeId, NodeId), Way>,
    community: Community,
    rng: ChaCha8Rng,
    connections: u64,
    /// What was sent on the wire, in order.
    pub(crate) log: Vec<(NodeId, NodeId, Urgency, Frame)>,
    pub(crate) bytes: usize,
    /// How many statements of holding were checked.
    pub(crate) checked: usize,
    /// One commit in this many fails; zero for none.
    pub(crate) failures: u64,
    /// A document whose pages a node withholds.
    pub(crate) withheld: Option<(NodeId, DocTag)>,
    /// A log whose pages everybody withholds.
    pub(crate) withheld_log: Option<LogKey>,
    /// Whether a node may hold less than it said over an earlier connection.
    pub(crate) may_go_back: bool,
}

impl Network {
    pub(crate) fn new(seed: u64, members: &[u8], carriers: &[u8]) -> Self {
        let mut network = Self {
            nodes: BTreeMap::new(),
            now: Timestamp(10),
            links: BTreeSet::new(),
            ways: BTreeMap::new(),
            community: Community::new("North"),
            rng: ChaCha8Rng::seed_from_u64(seed),
            connections: 0,
            log: Vec::new(),
            bytes: 0,
            checked: 0,
            failures: 0,
            withheld: None,
            withheld_log: None,
            may_go_back: false,
        };
        let all = members.iter().map(|n| (*n, false)).chain(carriers.iter().map(|n| (*n, true)));
        let certificates: Vec<Certificate> =
            all.clone().flat_map(|(n, carrier)| network.community.member(n, carrier)).collect();
        for (number, carrier) in all {
            let policy = if carrier { Policy::CARRIER } else { Policy::MEMBER };
            network.add(number, policy, &certificates);
        }
        network
    }

    pub(crate) const fn community(&self) -> &Community {
        &self.community
    }

    fn add(&mut self, number: u8, policy: Policy, certificates: &[Certificate]) {
        let mut store = Store::default();
        let mut batch = Batch::default();
        batch.certificates.push(self.community.genesis.clone());
        batch.certificates.extend_from_slice(certificates);
        store.commit(batch);
        let id = node(number);
        let replica = self.replica(id, &store, policy);
        let node = Node {
            replica,
            store,
            told: Told::default(),
            commits: VecDeque::new(),
            policy,
            wanted: BTreeSet::new(),
            writing: BTreeMap::new(),
            sent: BTreeMap::new(),
            overdue: false,
            disk: Disk::default(),
        };
        self.nodes.insert(id, node);
    }

    pub(crate) fn set_policy(&mut self, id: NodeId, policy: Policy) {
        self.nodes.get_mut(&id).unwrap().policy = policy;
        self.crash(id);
    }

    fn replica(&self, id: NodeId, store: &Store, policy: Policy) -> Replica {
        let mut directory = Directory::new(self.community.genesis.clone()).unwrap();
        directory.add(store.certificates.values().cloned());
        let mut replica = Replica::new(id, directory, store.index(), policy);
        let own = store.records.iter().filter(|((shelf, _), _)| *shelf == Shelf::Own);
        replica.restore(own.map(|((_, key), value)| (key.as_slice(), value.as_slice())));
        replica
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn want(&mut self, id: NodeId, space: SpaceTag) {
        self.nodes.get_mut(&id).unwrap().wanted.insert(space);
        self.input(id, Input::Want(space));
    }

    pub(crate) fn forget(&mut self, id: NodeId, space: SpaceTag) {
        self.nodes.get_mut(&id).unwrap().wanted.remove(&space);
        self.input(id, Input::Forget(space));
    }

    /// Gives a node one input and carries its outputs out.
    pub(crate) fn input(&mut self, id: NodeId, input: Input) {
        let now = self.now;
        let node = self.nodes.get_mut(&id).unwrap();
        node.overdue = matches!(input, Input::Overdue { .. });
        let outputs = node.replica.handle(now, &node.store, input);
        for output in outputs {
            self.carry(id, output);
        }
    }

    fn carry(&mut self, id: NodeId, output: Output) {
        let node = self.nodes.get_mut(&id).unwrap();
        match output {
            Output::Send { peer, lane, bytes } => self.send(id, peer, lane, bytes),
            Output::Commit { ticket, batch } => {
                assert!(!batch.is_empty() || !batch.urgent, "an empty urgent commit");
                if batch.urgent {
                    node.commits.push_front((ticket, batch));
                } else {
                    node.commits.push_back((ticket, batch));
                }
            }
            Output::Held { from, entries, .. } => self.held(id, from, entries),
            Output::Lost { from, entries, .. } => {
                for entry in entries.iter().filter(|_| from.is_none()) {
                    node.writing.remove(&entry.header().document);
                }
            }
            Output::Receipt { peer, document, frontier } => {
                // Honest peers say only what is true, and lose nothing.
                let told = &mut self.nodes.get_mut(&id).unwrap().told;
                for (log, tips) in frontier.0.iter().filter(|_| !self.may_go_back) {
                    told.goes_on(peer, document, *log, tips);
                }
                told.receipts.push((peer, document, frontier));
            }
            Output::Disconnect { peer, reason } => {
                node.told.ended.push((peer, reason));
                self.cut(id, peer);
            }
            Output::Refused { peer, reason } => node.told.refused.push((peer, reason)),
            Output::Synced { peer, alike } => {
                let held = |document| node.replica.index().frontier(&document).unwrap();
                let receipts: Vec<_> =
                    alike.into_iter().map(|document| (peer, document, held(document))).collect();
                node.told.synced.push(peer);
                node.told.receipts.extend(receipts);
            }
            Output::Erase { order, .. } => {
                node.told.erase.push(order);
                self.input(id, Input::Erase { order, records: Vec::new() });
            }
            Output::Forked { .. } => node.told.forked += 1,
            Output::Heartbeat { cell, .. } => node.told.heartbeats.push(cell.counter),
            Output::Lacks { peer, document, log, after } => {
                if !self.may_go_back {
                    node.told.goes_on(peer, document, log, &after);
                }
                node.told.lacks.push((document, after));
            }
            Output::ReadPart { peer, blob, offset } => {
                let (slice, blob) = (node.disk.read(&blob, offset), blob.id);
                self.input(id, Input::PartRead { peer, blob, offset, slice });
            }
            Output::WritePart { blob, offset, bytes } => {
                let (written, blob) = (node.disk.write(&blob, offset, &bytes), blob.id);
                self.input(id, Input::PartWritten { blob, written });
            }
            Output::RemoveBlobs { blobs } => {
                if node.disk.remove(&blobs) {
                    self.input(id, Input::BlobsRemoved(blobs));
                }
            }
            Output::Carried { carried, .. } => node.told.carried.absorb(carried),
            Output::Directory { .. } => {}
        }
    }

    /// Checks what an honest node says, and puts it on the wire.
    fn send(&mut self, id: NodeId, peer: NodeId, lane: Urgency, bytes: Vec<u8>) {
        assert!(bytes.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", bytes.len());
        let frame = Frame::decode(&bytes).expect("nodes send what they take");
        let node = self.nodes.get_mut(&id).unwrap();
        let sent = node.sent.entry((peer, lane)).or_default();
        *sent += 1;
        assert!(
            node.overdue || *sent <= LANE_FRAMES_MAX,
            "more frames than the lane has credit for"
        );
        let store = &node.store;
        let mut holds = |document: DocTag, frontier: &Frontier| {
            for (log, tips) in &frontier.0 {
                for tip in tips {
                    assert!(store.contains(document, *log, *tip), "said before it is durable");
                    self.checked += 1;
                }
            }
        };
        if let Frame::Receipt(receipt) = &frame {
            receipt.documents.iter().for_each(|held| holds(held.document, &held.frontier));
        }
        if let Frame::Frontiers(frontiers) = &frame {
            frontiers.documents.iter().for_each(|offer| holds(offer.document, &offer.frontier));
        }
        if let Frame::Pages(pages) = &frame
            && !node.overdue
        {
            for bytes in pages.pages.iter().flatten() {
                let entry = Entry::decode(bytes).unwrap();
                let frontier = Frontier([(entry.header().log, vec![entry.tip()])].into());
                holds(entry.header().document, &frontier);
            }
        }
        let (bytes, frame) = self.without_withheld(id, bytes, frame);
        if self.links.contains(&link(id, peer)) {
            self.bytes += bytes.len();
            self.ways.entry((id, peer)).or_default()[lane_slot(lane)].push_back(bytes);
            self.log.push((id, peer, lane, frame));
        }
    }

    fn without_withheld(&self, id: NodeId, bytes: Vec<u8>, frame: Frame) -> (Vec<u8>, Frame) {
        let Frame::Pages(mut pages) = frame else { return (bytes, frame) };
        let withheld = self.withheld.filter(|(by, _)| *by == id);
        pages.pages.retain(|page| {
            let header = Entry::decode(&page[0]).unwrap().header().clone();
            withheld.is_none_or(|(_, document)| header.document != document)
                && self.withheld_log != Some(header.log)
        });
        let frame = Frame::Pages(pages);
        (frame.encode(), frame)
    }

    pub(crate) fn connect(&mut self, a: NodeId, b: NodeId) {
        if !self.links.insert(link(a, b)) {
            return;
        }
        self.connections += 1;
        let secret = *blake3::hash(&self.connections.to_le_bytes()).as_bytes();
        for (id, peer, initiator) in [(a, b, true), (b, a, false)] {
            let told = &mut self.nodes.get_mut(&id).unwrap().told;
            told.before.insert(peer, told.receipts.len());
            for lane in LANES {
                self.nodes.get_mut(&id).unwrap().sent.insert((peer, lane), 0);
            }
            self.input(id, Input::Connected { peer, secret, initiator });
        }
    }

    /// The connection breaks; what was under way is lost.
    pub(crate) fn cut(&mut self, a: NodeId, b: NodeId) {
        if self.links.remove(&link(a, b)) {
            self.ways.remove(&(a, b));
            self.ways.remove(&(b, a));
            self.input(a, Input::Disconnected { peer: b });
            self.input(b, Input::Disconnected { peer: a });
        }
    }

    /// What one node has sent to another gets lost, though the connection stands.
    pub(crate) fn silence(&mut self, from: NodeId, to: NodeId) {
        self.ways.remove(&(from, to));
    }

    /// The power fails: what was not durable is gone.
    pub(crate) fn crash(&mut self, id: NodeId) {
        let peers: Vec<NodeId> = self.nodes.keys().copied().filter(|peer| *peer != id).collect();
        for peer in peers {
            if self.links.remove(&link(id, peer)) {
                self.ways.remove(&(id, peer));
                self.ways.remove(&(peer, id));
                self.input(peer, Input::Disconnected { peer: id });
            }
        }
        let node = &self.nodes[&id];
        let replica = self.replica(id, &node.store, node.policy);
        let node = self.nodes.get_mut(&id).unwrap();
        node.replica = replica;
        let whole = node.disk.whole.keys().copied().collect();
        let parts = node.disk.parts.iter().map(|(blob, part)| (*blob, part.len() as u64));
        for blob in node.replica.restore_blobs(&whole, parts.collect()) {
            node.disk.whole.remove(&blob);
            node.disk.parts.remove(&blob);
        }
        node.commits.clear();
        node.writing.clear();
        for space in node.wanted.clone() {
            self.input(id, Input::Want(space));
            self.judge_orders(id, space);
        }
    }

    fn held(&mut self, id: NodeId, from: Option<NodeId>, entries: Vec<Entry>) {
        let node = self.nodes.get_mut(&id).unwrap();
        let mut ordered = BTreeSet::new();
        for entry in entries {
            let header = entry.header();
            assert!(node.store.contains(header.document, header.log, entry.tip()));
            ordered.extend((header.suite == Suite::Prune).then_some(header.space));
            node.told.held.push((from, entry));
        }
        ordered.into_iter().for_each(|space| self.judge_orders(id, space));
    }

    /// Finds nothing wrong with the orders to prune of a space.
    fn judge_orders(&mut self, id: NodeId, space: SpaceTag) {
        let index = self.nodes[&id].replica.index();
        let judged = index.ordered(&space).into_iter().flat_map(|document| {
            let orders = index.orders(&space, &document);
            let judged = orders.map(|order| Judged { space, document, order, is_followed: true });
            judged.collect::<Vec<_>>()
        });
        let judged = Input::Judged(judged.collect());
        self.input(id, judged);
    }

    /// The key of a node's log in a space.
    pub(crate) fn log_key(id: NodeId, space: SpaceTag) -> SigningKey {
        let mut hasher = blake3::Hasher::new();
        hasher.update(id.as_bytes()).update(space.as_bytes());
        SigningKey::from_bytes(hasher.finalize().as_bytes())
    }

    /// Makes entries of `content` bytes in a node's log of a document.
    pub(crate) fn write(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        document: DocTag,
        urgency: Urgency,
        count: usize,
        content: usize,
    ) -> Vec<Entry> {
        let key = Self::log_key(id, space);
        let log = LogKey(key.verifying_key().to_bytes());
        let node = self.nodes.get_mut(&id).unwrap();
        let last = node.store.logs.get(&(document, log)).and_then(|log| log.keys().last().copied());
        let (mut sequence, mut previous) =
            node.writing.get(&document).copied().or(last).unwrap_or_default();
        let mut entries = Vec::new();
        for _ in 0..count {
            sequence += 1;
            let salt = u8::try_from(self.rng.next_u64() % 256).unwrap();
            let entry = entry(&key, space, document, sequence, previous, (urgency, content, salt));
            previous = entry.id();
            entries.push(entry);
        }
        let node = self.nodes.get_mut(&id).unwrap();
        node.writing.insert(document, (sequence, previous));
        let pages =
            entries.iter().map(|entry| Page(vec![entry.clone()]).verify().unwrap()).collect();
        let urgent = urgency == Urgency::Urgent;
        let (certificates, records) = (Vec::new(), Vec::new());
        self.input(id, Input::Authored { pages, certificates, records, urgent });
        entries
    }

    pub(crate) fn certify(&mut self, id: NodeId, certificates: Vec<Certificate>) {
        let (pages, records, urgent) = (Vec::new(), Vec::new(), false);
        self.input(id, Input::Authored { pages, certificates, records, urgent });
    }

    /// Finishes one of a node's commits, whichever; says whether there was one.
    pub(crate) fn persist(&mut self, id: NodeId) -> bool {
        let count = self.nodes[&id].commits.len();
        let at = self.below(count);
        let fails = self.failures > 0 && self.rng.next_u64().is_multiple_of(self.failures);
        let node = self.nodes.get_mut(&id).unwrap();
        let Some((ticket, batch)) = node.commits.remove(at) else { return false };
        if fails {
            self.input(id, Input::Failed { ticket });
        } else {
            node.store.commit(batch);
            self.input(id, Input::Persisted { ticket });
        }
        true
    }

    /// A commit of a node fails.
    pub(crate) fn fail(&mut self, id: NodeId, ticket: Ticket) {
        self.nodes.get_mut(&id).unwrap().commits.retain(|(other, _)| *other != ticket);
        self.input(id, Input::Failed { ticket });
    }

    /// A commit of a node becomes durable.
    pub(crate) fn persist_one(&mut self, id: NodeId, ticket: Ticket) {
        let node = self.nodes.get_mut(&id).unwrap();
        let at = node.commits.iter().position(|(other, _)| *other == ticket).unwrap();
        let (_, batch) = node.commits.remove(at).unwrap();
        node.store.commit(batch);
        self.input(id, Input::Persisted { ticket });
    }

    pub(crate) fn pending(&self, id: NodeId) -> Vec<Ticket> {
        self.nodes[&id].commits.iter().map(|(ticket, _)| *ticket).collect()
    }

    /// The batches of a node that are not durable yet.
    pub(crate) fn batches(&self, id: NodeId) -> impl Iterator<Item = &Batch> {
        self.nodes[&id].commits.iter().map(|(_, batch)| batch)
    }

    /// Delivers the next frame of one lane; says whether there was one.
    pub(crate) fn deliver(&mut self, from: NodeId, to: NodeId, lane: Urgency) -> bool {
        let Some(way) = self.ways.get_mut(&(from, to)) else { return false };
        let Some(bytes) = way[lane_slot(lane)].pop_front() else { return false };
        let empty = way[lane_slot(lane)].is_empty();
        self.input(to, Input::Frame { peer: from, lane, bytes });
        if empty && self.links.contains(&link(from, to)) {
            self.writable(from, to, lane);
        }
        true
    }

    /// Delivers all that is under way, and nothing that it causes; says how many frames it was.
    pub(crate) fn round(&mut self) -> usize {
        let mut under_way = Vec::new();
        for ((from, to), way) in &self.ways {
            for lane in LANES {
                under_way.push((*from, *to, lane, way[lane_slot(lane)].len()));
            }
        }
        let mut moved = 0;
        for (from, to, lane, count) in under_way {
            for _ in 0..count {
                moved += usize::from(self.deliver(from, to, lane));
            }
        }
        moved
    }

    /// A second device goes on from `image`, an old image of `writer`'s disk, and gives `count`
    /// entries to `friend`. Returns how many entries `friend` holds then.
    pub(crate) fn fork(
        &mut self,
        writer: NodeId,
        friend: NodeId,
        image: &[Entry],
        count: u64,
    ) -> usize {
        let last = image.last().unwrap();
        let (space, document) = (last.header().space, last.header().document);
        let key = Self::log_key(writer, space);
        let mut entries = image.to_vec();
        for _ in 0..count {
            let last = entries.last().unwrap();
            let (sequence, previous) = (last.header().sequence + 1, last.id());
            let how = (Urgency::Normal, 3_000, 77);
            entries.push(entry(&key, space, document, sequence, previous, how));
        }
        let pages =
            entries.iter().map(|entry| Page(vec![entry.clone()]).verify().unwrap()).collect();
        let (certificates, records) = (Vec::new(), Vec::new());
        self.input(friend, Input::Authored { pages, certificates, records, urgent: false });
        while self.persist(friend) {}
        self.nodes[&friend].store.entries().count()
    }

    pub(crate) fn writable(&mut self, id: NodeId, peer: NodeId, lane: Urgency) {
        self.nodes.get_mut(&id).unwrap().sent.insert((peer, lane), 0);
        self.input(id, Input::Writable { peer, lane });
    }

    /// One thing happens, chosen by chance; says whether anything could.
    pub(crate) fn step(&mut self) -> bool {
        let mut choices: Vec<(NodeId, NodeId, Option<Urgency>)> = Vec::new();
        for ((from, to), way) in &self.ways {
            for lane in LANES.into_iter().filter(|lane| !way[lane_slot(*lane)].is_empty()) {
                choices.push((*from, *to, Some(lane)));
            }
        }
        let busy = self.nodes.iter().filter(|(_, node)| !node.commits.is_empty());
        choices.extend(busy.map(|(id, _)| (*id, *id, None)));
        if choices.is_empty() {
            return false;
        }
        let at = self.below(choices.len());
        match choices[at] {
            (from, to, Some(lane)) => self.deliver(from, to, lane),
            (id, _, None) => self.persist(id),
        }
    }

    pub(crate) fn tick(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in ids {
            self.input(id, Input::Tick);
        }
    }

    /// Runs until nothing is under way, through a few ticks.
    pub(crate) fn settle(&mut self) {
        for _ in 0..4 {
            let mut steps = 0;
            while self.step() {
                steps += 1;
                assert!(steps < 2_000_000, "it never ends");
            }
            self.tick(1_000);
        }
        while self.step() {}
    }

    /// Runs until nothing is under way, without ticks.
    pub(crate) fn drain(&mut self) {
        while self.step() {}
    }

    /// Checks that two nodes hold the same of some spaces; returns how many entries it compared.
    pub(crate) fn check_equal(&self, a: NodeId, b: NodeId, spaces: &[SpaceTag]) -> usize {
        let spaces: BTreeSet<SpaceTag> = spaces.iter().copied().collect();
        let (x, y) = (&self.nodes[&a], &self.nodes[&b]);
        let ids = x.store.ids(&spaces);
        let others = y.store.ids(&spaces);
        let missing = (others.difference(&ids).count(), ids.difference(&others).count());
        assert_eq!(missing, (0, 0), "of {} and {} entries", ids.len(), others.len());
        let durable = x.store.index();
        for space in &spaces {
            let left: Vec<_> = x.replica.index().documents(space).collect();
            let right: Vec<_> = y.replica.index().documents(space).collect();
            assert_eq!(left, right, "two nodes have different frontiers");
            for (document, digest) in left {
                let frontier = x.replica.index().frontier(&document).unwrap();
                assert_eq!(frontier.digest(), digest);
                assert_eq!(durable.frontier(&document), Some(frontier));
            }
        }
        ids.len()
    }
}

pub(crate) fn entry(
    key: &SigningKey,
    space: SpaceTag,
    document: DocTag,
    sequence: u64,
    previous: EntryId,
    (urgency, content, salt): (Urgency, usize, u8),
) -> Entry {
    let length = content.div_ceil(256).max(1) * 256 + 16;
    let header = Header {
        version: 1,
        suite: Suite::Epoch,
        space,
        document,
        log: LogKey(key.verifying_key().to_bytes()),
        sequence,
        previous,
        epoch: EpochId([9; 32]),
        urgency,
        nonce: [salt; 24].into(),
        length: u32::try_from(length).unwrap(),
    };
    Entry::assemble(&header, vec![salt; length], key).unwrap()
}

pub(crate) const fn lane_slot(lane: Urgency) -> usize {
    match lane {
        Urgency::Urgent => 0,
        Urgency::Normal => 1,
        Urgency::Bulk => 2,
    }
}

fn link(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a < b { (a, b) } else { (b, a) }
}
