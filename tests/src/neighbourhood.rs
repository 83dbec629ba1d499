//! A neighbourhood in memory: nodes over the real replica, core and store rules, driven by chance.
//!
//! Nothing here waits, dials or reads a clock: time is virtual, and everything that happens is drawn
//! from one seed. A run can therefore be repeated exactly.
//!
//! ```text
//! act (edit, grant …) ─→ Core ─→ Input::Authored ─→ Replica ─→ Commit ─→ Disk ─┐
//!                          ↑                           ↑                        │ answered late,
//!                     Output::Held ←───────────────────┴── Persisted | Failed ←─┘ or never
//!                                                      ↑
//!                    Wire: lanes overtake each other, a cut loses what is under way
//! ```
//!
//! [`Neighbourhood::step`] lets one thing happen; [`Neighbourhood::settle`] all of it.

#![expect(clippy::expect_used, reason = "a simulator stops at the first thing that cannot be")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::SigningKey;
use linli_core::engine::SpaceAct;
use linli_replica::certificate::{Certificate, PartyKind};
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::Frame;
use linli_replica::id::{EntryId, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::replica::{Input, Output, Policy};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

mod acts;
pub mod community;
pub mod crooked;
pub mod disk;
pub mod forge;
mod hand_over;
pub mod node;
mod prune;
mod removal;
pub mod view;
pub mod wire;

pub use acts::grant;
pub use community::Community;
pub use node::Node;
pub use view::View;

use crooked::Crooked;
use disk::Answer;
use wire::Wire;

/// When a run begins: 2024-01-01T00:00:00Z.
pub const BEGIN: Timestamp = Timestamp(1_704_067_200_000);

/// When certificates of nodes end unless a test says otherwise: ten years later.
pub const ENDS: Timestamp = Timestamp(BEGIN.0 + 10 * 365 * 24 * 3_600_000);

/// Steps after which a run is taken to never end.
const STEPS_MAX: usize = 2_000_000;

/// Nodes, the wire between them, and the time.
#[derive(Debug)]
pub struct Neighbourhood {
    /// The time; a node's clock may show another ([`Node::ahead_ms`]).
    pub now: Timestamp,
    /// Who enrols and expels.
    pub community: Community,
    /// Roots of the parties.
    pub roots: BTreeMap<PartyId, SigningKey>,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Connections and the frames under way.
    pub wire: Wire,
    /// One commit in this many fails; zero for none.
    pub failures: u64,
    /// Whether carriers that join carry out orders to prune.
    pub prunes: bool,
    /// Nodes that lie in what they send.
    pub crooked: BTreeMap<NodeId, Crooked>,
    /// Every choice of chance.
    pub rng: ChaCha8Rng,
    /// How many steps were taken.
    pub steps: usize,
    /// What the last act of a core wrote, and what it signed.
    pub written: (Vec<Entry>, Vec<SpaceAct>),
    /// On which lanes urgent entries go, where that is looked at.
    pub lanes: Option<Lanes>,
}

/// On which lanes honest nodes sent urgent entries.
#[derive(Debug, Default)]
pub struct Lanes {
    /// How many went on the urgent one.
    pub urgent: usize,
    /// Those that went on another, with who sent them.
    pub elsewhere: Vec<(NodeId, EntryId)>,
}

impl Neighbourhood {
    /// Begins a community without members.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_officers(seed, 1, 1)
    }

    /// Begins a community without members, with `n` officers of whom `m` must sign.
    #[must_use]
    pub fn with_officers(seed: u64, m: u8, n: u8) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            now: BEGIN,
            community: Community::with_officers(&mut rng, m, n),
            roots: BTreeMap::new(),
            nodes: BTreeMap::new(),
            wire: Wire::default(),
            failures: 0,
            prunes: false,
            crooked: BTreeMap::new(),
            rng,
            steps: 0,
            written: (Vec::new(), Vec::new()),
            lanes: None,
        }
    }

    /// Enrols a party with one node; every node that is there learns of it.
    pub fn join(&mut self, kind: PartyKind) -> NodeId {
        let root = linli_core::identity::draw_signing_key(&mut self.rng);
        let enrolled = self.community.enrol(&root, kind);
        self.roots.insert(community::party_of(&root), root.clone());
        self.add_node(&root, vec![enrolled], kind == PartyKind::Carrier, ENDS)
    }

    /// Gives a party another node.
    ///
    /// # Panics
    /// The party was not enrolled here.
    pub fn join_node(&mut self, party: PartyId, ends: Timestamp) -> NodeId {
        let root = self.roots.get(&party).expect("an enrolled party").clone();
        self.add_node(&root, Vec::new(), false, ends)
    }

    fn add_node(
        &mut self,
        root: &SigningKey,
        mut news: Vec<Certificate>,
        carrier: bool,
        ends: Timestamp,
    ) -> NodeId {
        let policy = if carrier { Policy::CARRIER } else { Policy::MEMBER };
        let policy = Policy { prunes: self.prunes, ..policy };
        let keys = linli_core::identity::NodeKeys::draw(&mut self.rng);
        news.push(self.community.certify(root, &keys, ends, carrier));
        let known: Vec<Certificate> = self
            .nodes
            .values()
            .next()
            .map(|node| node.replica.directory().certificates().cloned().collect())
            .unwrap_or_else(|| vec![self.community.genesis().clone()]);
        let seed = self.rng.next_u64();
        let all = known.into_iter().chain(news.iter().cloned());
        let node = Node::new(keys, community::party_of(root), policy, seed, all);
        let id = node.id();
        let others: Vec<NodeId> = self.nodes.keys().copied().collect();
        self.nodes.insert(id, node);
        for other in others {
            self.certify(other, news.clone());
        }
        id
    }

    /// Hands community certificates to one node.
    pub fn certify(&mut self, id: NodeId, certificates: Vec<Certificate>) {
        let (pages, records, urgent) = (Vec::new(), Vec::new(), false);
        self.input(id, Input::Authored { pages, certificates, records, urgent });
    }

    /// Returns the party of a node.
    #[must_use]
    pub fn party(&self, id: NodeId) -> PartyId {
        self.node(id).party
    }

    /// Looks a node up.
    ///
    /// # Panics
    /// There is no such node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(&id).expect("a node of this neighbourhood")
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of this neighbourhood")
    }

    /// Draws a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.rng.next_u64() % bound).unwrap_or(0)
    }

    /// Gives a node one input, carries its outputs out, and so on until it is quiet.
    pub fn input(&mut self, id: NodeId, input: Input) {
        let now = self.now;
        let mut inputs = VecDeque::from([(id, input)]);
        while let Some((id, input)) = inputs.pop_front() {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            for output in node.handle(now, input) {
                match output {
                    Output::Send { peer, lane, bytes } => self.send(id, peer, lane, bytes),
                    Output::Disconnect { peer, .. } => {
                        inputs.extend(self.wire.cut(id, peer).into_iter().flatten());
                    }
                    output @ (Output::Commit { .. }
                    | Output::Held { .. }
                    | Output::Lost { .. }
                    | Output::Erase { .. }
                    | Output::Directory { .. }
                    | Output::Receipt { .. }
                    | Output::Forked { .. }
                    | Output::Heartbeat { .. }
                    | Output::Synced { .. }
                    | Output::Carried { .. }
                    | Output::Lacks { .. }
                    | Output::ReadPart { .. }
                    | Output::WritePart { .. }
                    | Output::RemoveBlobs { .. }
                    | Output::Refused { .. }) => {
                        let follow = self.node_mut(id).follow(now, output);
                        inputs.extend(follow.into_iter().map(|input| (id, input)));
                    }
                }
            }
        }
    }

    /// Puts a frame on its way, or what a crooked node makes of it.
    fn send(&mut self, from: NodeId, to: NodeId, lane: Urgency, bytes: Vec<u8>) {
        if let Some(lanes) = self.lanes.as_mut().filter(|_| !self.crooked.contains_key(&from)) {
            let urgent = urgent_in(&bytes);
            match lane {
                Urgency::Urgent => lanes.urgent += urgent.len(),
                Urgency::Normal | Urgency::Bulk => {
                    lanes.elsewhere.extend(urgent.into_iter().map(|entry| (from, entry)));
                }
            }
        }
        let frames = match self.crooked.get_mut(&from) {
            Some(crooked) => crooked.twist(to, lane, bytes),
            None => vec![(to, lane, bytes)],
        };
        for (to, lane, bytes) in frames {
            self.wire.send(from, to, lane, bytes);
        }
    }

    /// Connects two nodes, unless they are.
    pub fn connect(&mut self, a: NodeId, b: NodeId) {
        for (id, input) in self.wire.connect(a, b).into_iter().flatten() {
            self.input(id, input);
        }
    }

    /// Connects every two nodes.
    pub fn connect_all(&mut self) {
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for (at, a) in ids.iter().enumerate() {
            for b in ids.iter().skip(at + 1) {
                self.connect(*a, *b);
            }
        }
    }

    /// Breaks a connection; what was under way is lost.
    pub fn cut(&mut self, a: NodeId, b: NodeId) {
        for (id, input) in self.wire.cut(a, b).into_iter().flatten() {
            self.input(id, input);
        }
    }

    /// Cuts a node off from everybody.
    pub fn isolate(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            self.cut(id, other);
        }
    }

    /// Cuts everybody off.
    pub fn isolate_all(&mut self) {
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.isolate(id);
        }
    }

    /// The power of a node fails and comes back: what was not durable is gone.
    pub fn crash(&mut self, id: NodeId) {
        self.isolate(id);
        self.node_mut(id).disk.power_fails();
        self.restart(id);
    }

    /// The power of a node fails before it has heard that its first commits ended.
    pub fn crash_after(&mut self, id: NodeId, commits: usize) {
        self.isolate(id);
        self.node_mut(id).disk.power_fails_after(commits);
        self.restart(id);
    }

    /// Puts an earlier state of a node's disk back, as a restored image does.
    pub fn restore(&mut self, id: NodeId, commits: usize) {
        self.isolate(id);
        self.node_mut(id).disk.restore(commits);
        self.restart(id);
    }

    /// Tells a node that an earlier state of its disk was put back, as whoever restores a backup does.
    pub fn tell_restored(&mut self, id: NodeId) {
        let now = self.now;
        let input = self.node_mut(id).renew_logs(now);
        self.input(id, input);
    }

    fn restart(&mut self, id: NodeId) {
        let now = self.now;
        for input in self.node_mut(id).restart(now) {
            self.input(id, input);
        }
    }

    /// Lets one thing happen, chosen by chance: a frame arrives or a commit ends. Says whether
    /// anything could.
    pub fn step(&mut self) -> bool {
        let mut choices: Vec<(NodeId, NodeId, Option<Urgency>)> = self.wire.under_way();
        let busy = || self.nodes.iter().filter(|(_, node)| node.disk.is_busy());
        choices.extend(busy().filter(|(_, node)| !node.disk.slow).map(|(id, _)| (*id, *id, None)));
        // A slow disk goes on when nothing else does.
        if choices.is_empty() {
            choices.extend(busy().map(|(id, _)| (*id, *id, None)));
        }
        if choices.is_empty() {
            return false;
        }
        self.steps += 1;
        self.now = self.now.plus_ms(1);
        let at = self.below(choices.len());
        match choices.get(at).copied() {
            Some((from, to, Some(lane))) => self.deliver(from, to, lane),
            Some((id, _, None)) => self.persist(id),
            None => {}
        }
        true
    }

    fn deliver(&mut self, from: NodeId, to: NodeId, lane: Urgency) {
        let Some((bytes, empty)) = self.wire.take(from, to, lane) else { return };
        self.input(to, Input::Frame { peer: from, lane, bytes });
        if empty && self.wire.is_connected(from, to) {
            self.input(from, Input::Writable { peer: to, lane });
        }
    }

    /// Ends one commit of a node: it is durable, or it failed.
    pub fn persist(&mut self, id: NodeId) {
        let fails = self.failures > 0 && self.rng.next_u64().is_multiple_of(self.failures);
        let at = usize::try_from(self.rng.next_u64() % 8).unwrap_or(0);
        match self.node_mut(id).disk.end_one(at, fails) {
            Some(Answer::Durable(ticket)) => self.input(id, Input::Persisted { ticket }),
            Some(Answer::Failed(ticket)) => self.input(id, Input::Failed { ticket }),
            None => {}
        }
    }

    /// Fills a node's disk up but for what is urgent, or makes room on it.
    pub fn set_full(&mut self, id: NodeId, full: bool) {
        self.node_mut(id).disk.full = full;
    }

    /// Lets time pass.
    pub fn tick(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.input(id, Input::Tick);
            self.confirm(id);
            self.give_again(id);
        }
        let late = |(id, crooked): (&NodeId, &mut Crooked)| (*id, crooked.take_late());
        for (from, frames) in self.crooked.iter_mut().map(late).collect::<Vec<_>>() {
            for (to, lane, bytes) in frames {
                self.wire.send(from, to, lane, bytes);
            }
        }
    }

    /// Runs until nothing is under way, through a few seconds.
    ///
    /// # Panics
    /// It never ends.
    pub fn settle(&mut self) {
        for _ in 0..4 {
            self.drain();
            self.tick(1_000);
        }
        self.drain();
    }

    /// Runs until nothing is under way.
    ///
    /// # Panics
    /// It never ends.
    pub fn drain(&mut self) {
        let from = self.steps;
        while self.step() {
            assert!(self.steps - from < STEPS_MAX, "the neighbourhood never comes to rest");
        }
    }

    /// Connects everybody, waits, and compares once more what everybody holds.
    pub fn heal(&mut self) {
        self.failures = 0;
        self.drain();
        self.connect_all();
        self.settle();
        let pairs: BTreeSet<(NodeId, NodeId)> = self.wire.links().collect();
        for (a, b) in pairs {
            self.input(a, Input::Reconcile { peer: b });
        }
        self.settle();
    }

    /// Returns how many bytes of anything a node's disk holds that contain `marker`.
    #[must_use]
    pub fn finds(&self, id: NodeId, marker: &[u8]) -> usize {
        let images = self.node(id).disk.image();
        images.iter().filter(|bytes| bytes.windows(marker.len()).any(|w| w == marker)).count()
    }

    /// Lists the spaces in which `id` is a member.
    #[must_use]
    pub fn spaces(&self, id: NodeId) -> Vec<SpaceTag> {
        self.node(id).core.spaces().collect()
    }
}

/// Lists the urgent entries in a frame.
fn urgent_in(bytes: &[u8]) -> Vec<EntryId> {
    let Ok(Frame::Pages(pages)) = Frame::decode(bytes) else { return Vec::new() };
    let entries = pages.pages.iter().flatten().filter_map(|entry| Entry::decode(entry).ok());
    entries.filter(|entry| entry.header().urgency == Urgency::Urgent).map(|e| e.id()).collect()
}
