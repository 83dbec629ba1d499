//! The state of a running node, and how inputs become outputs.
//!
//! [`Node`] belongs to one task, the [driver](crate::driver). It feeds the replica, carries out what
//! the replica asks for, and lets the core open what has become durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use linli_core::apart::Heard;
use linli_core::clocks::Clocks;
use linli_core::engine::{Arrival, Authored, Core, World};
use linli_core::secret::Secret;
use linli_net::{Backlog, EndpointId, Lane, NetHandle};
use linli_replica::batch::Erase;
use linli_replica::complaints::{Complaints, Of};
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, NodeId, SpaceTag, Timestamp};
use linli_replica::replica::{Input, Output, Replica, Save, Saved, Ticket};
use linli_store::{Store, StoreError};
use rand::rngs::StdRng;
use rand_core::Rng as _;
use tokio::sync::{mpsc, oneshot};

use crate::audit::Audit;
use crate::catalogue::Catalogue;
use crate::courier::Courier;
use crate::people::People;
use crate::receipts::Receipts;
use crate::relays::Relays;
use crate::requests::Requests;

/// A running node.
pub(crate) struct Node {
    /// The officers' keys that the present request opened.
    pub(crate) officers: Vec<SigningKey>,
    pub(crate) replica: Replica,
    pub(crate) core: Core,
    pub(crate) store: Arc<Store>,
    pub(crate) net: NetHandle,
    pub(crate) rng: StdRng,
    pub(crate) pepper: Secret,
    pub(crate) label: String,
    pub(crate) home: crate::home::Home,
    pub(crate) relays: Relays,
    pub(crate) related: crate::dialling::Related,
    pub(crate) discovery: [u8; 32],
    pub(crate) catalogue: Catalogue,
    pub(crate) people: People,
    pub(crate) audit: Audit,
    pub(crate) leaving: crate::handle::leave::Leaving,
    pub(crate) ordering: crate::handle::checkpoints::Ordering,
    pub(crate) receipts: Receipts,
    pub(crate) courier: Courier,
    pub(crate) heard: Heard,
    pub(crate) clocks: Clocks,
    pub(crate) peers: BTreeMap<NodeId, Peer>,
    pub(crate) invitations: crate::invitation::Invitations,
    pub(crate) requests: Requests,
    pub(crate) warnings: BTreeMap<&'static str, String>,
    pub(crate) ladders: crate::ladder::Ladders,
    pub(crate) board: crate::board::Board,
    pub(crate) bells: crate::bells::Bells,
    pub(crate) callers: crate::callers::Callers,
    /// The tablets that show the page at home; none where it is not served.
    pub(crate) tablets: Option<Arc<crate::tablets::Tablets>>,
    /// Alerts and orders that the page at home shows no more.
    pub(crate) long_over: BTreeSet<DocTag>,
    /// Presses on that page which joined an earlier one, and what that is; the latest last.
    pub(crate) joined_presses: Vec<(uuid::Uuid, String)>,
    pub(crate) confirming: crate::erasures::Confirming,
    pub(crate) cards: crate::handle::cards::Cards,
    pub(crate) heartbeats: crate::heartbeats::Heartbeats,
    pub(crate) silence: crate::silence::Silence,
    pub(crate) contacts: crate::contacts::Contacts,
    pub(crate) sensors: crate::sensors::Sensors,
    /// After this a hub opens the card to alerts of others.
    pub(crate) open_card_after_ms: u64,
    pub(crate) resplit: crate::recovery::Resplit,
    /// Orders that wait for this hub's offer and that no standing offer covered.
    pub(crate) undecided: BTreeSet<DocTag>,
    /// Entries of this node's that are held back, by space.
    pub(crate) own_held_back: BTreeMap<SpaceTag, u64>,
    pub(crate) sweep: crate::handle::rotation::Sweep,
    pub(crate) service: linli_store::Service,
    /// Pieces of data of others that were refused, since the start.
    pub(crate) refused: u64,
    pub(crate) complaints: Complaints,
    pub(crate) blobs: linli_store::Blobs,
    pub(crate) named: crate::blobs::Named,
    /// What another thread wants done between two inputs.
    pub(crate) calls: mpsc::UnboundedSender<crate::driver::Call>,
    backlog: Backlog,
    members: BTreeSet<EndpointId>,
    stored: mpsc::UnboundedSender<(Ticket, Result<(), StoreError>)>,
    watchers: Vec<(Save, oneshot::Sender<bool>)>,
    /// Something of this run could not be stored: what lists are made from may lack what stands beside it.
    pub(crate) has_lost: bool,
}

/// What is known of a connected or formerly connected peer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    pub(crate) connected: bool,
    pub(crate) since_ms: Option<u64>,
    pub(crate) last_seen_ms: Option<u64>,
    pub(crate) synced: bool,
}

/// What the parts of a node are made of.
pub(crate) struct Parts {
    pub(crate) replica: Replica,
    pub(crate) core: Core,
    pub(crate) store: Arc<Store>,
    pub(crate) net: NetHandle,
    pub(crate) rng: StdRng,
    pub(crate) pepper: Secret,
    pub(crate) label: String,
    pub(crate) home: crate::home::Home,
    pub(crate) relays: Relays,
    pub(crate) related: crate::dialling::Related,
    pub(crate) discovery: [u8; 32],
    pub(crate) people: People,
    pub(crate) audit: Audit,
    pub(crate) requests: Requests,
    pub(crate) catalogue: Catalogue,
    pub(crate) receipts: Receipts,
    pub(crate) courier: Courier,
    pub(crate) heard: Heard,
    pub(crate) open_card_after_ms: u64,
    pub(crate) heartbeats: crate::heartbeats::Heartbeats,
    pub(crate) sensors: crate::sensors::Sensors,
    pub(crate) callers: crate::callers::Callers,
    pub(crate) stored: mpsc::UnboundedSender<(Ticket, Result<(), StoreError>)>,
    pub(crate) calls: mpsc::UnboundedSender<crate::driver::Call>,
    pub(crate) blobs: linli_store::Blobs,
}

/// Reads this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
}

/// Everything the core reads, borrowed from the parts that do not change meanwhile.
pub(crate) fn world<'a>(replica: &'a Replica, store: &'a Store) -> World<'a> {
    World { now: now(), directory: replica.directory(), index: replica.index(), held: store }
}

/// Returns the network's name of a node.
pub(crate) fn endpoint(node: &NodeId) -> Option<EndpointId> {
    EndpointId::from_bytes(node.as_bytes()).ok()
}

/// Returns the node behind an endpoint.
pub(crate) fn node_id(endpoint: &EndpointId) -> NodeId {
    NodeId(*endpoint.as_bytes())
}

const fn lane(urgency: Urgency) -> Lane {
    match urgency {
        Urgency::Urgent => Lane::Urgent,
        Urgency::Normal => Lane::Normal,
        Urgency::Bulk => Lane::Bulk,
    }
}

const fn urgency(lane: Lane) -> Urgency {
    match lane {
        Lane::Urgent => Urgency::Urgent,
        Lane::Normal => Urgency::Normal,
        Lane::Bulk => Urgency::Bulk,
    }
}

/// What the core wrote, as an input; none where it wrote nothing.
fn input(authored: Authored) -> Option<Input> {
    let Authored { pages, records, urgent, .. } = authored;
    let nothing = pages.is_empty() && records.is_empty();
    (!nothing).then(|| Input::Authored { pages, certificates: Vec::new(), records, urgent })
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { replica, core, store, net, mut rng, pepper, label, home, relays, .. } = parts;
        let board = crate::board::Board::new(&mut rng);
        Self {
            replica,
            core,
            store,
            net,
            rng,
            pepper,
            label,
            home,
            relays,
            related: parts.related,
            discovery: parts.discovery,
            catalogue: parts.catalogue,
            people: parts.people,
            audit: parts.audit,
            officers: Vec::new(),
            requests: parts.requests,
            receipts: parts.receipts,
            leaving: crate::handle::leave::Leaving::default(),
            ordering: crate::handle::checkpoints::Ordering::default(),
            courier: parts.courier,
            heard: parts.heard,
            clocks: Clocks::default(),
            peers: BTreeMap::new(),
            invitations: crate::invitation::Invitations::default(),
            warnings: BTreeMap::new(),
            ladders: crate::ladder::Ladders::default(),
            board,
            bells: crate::bells::Bells::default(),
            callers: parts.callers,
            tablets: None,
            long_over: BTreeSet::new(),
            joined_presses: Vec::new(),
            confirming: crate::erasures::Confirming::default(),
            cards: crate::handle::cards::Cards::default(),
            heartbeats: parts.heartbeats,
            silence: crate::silence::Silence::new(None),
            contacts: crate::contacts::Contacts::new(None),
            sensors: parts.sensors,
            open_card_after_ms: parts.open_card_after_ms,
            resplit: crate::recovery::Resplit::default(),
            undecided: BTreeSet::new(),
            own_held_back: BTreeMap::new(),
            sweep: crate::handle::rotation::Sweep::default(),
            service: linli_store::Service::default(),
            refused: 0,
            complaints: Complaints::default(),
            blobs: parts.blobs,
            named: crate::blobs::Named::default(),
            calls: parts.calls,
            backlog: Backlog::default(),
            members: BTreeSet::new(),
            stored: parts.stored,
            watchers: Vec::new(),
            has_lost: false,
        }
    }

    /// Draws an id.
    pub(crate) fn draw_uuid(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Commits and sends what the core wrote; [`Replica::saved`] says when it is durable.
    pub(crate) fn author(&mut self, authored: Authored) -> Save {
        let authored = self.audited(authored);
        for space in authored.wants {
            self.feed(Input::Want(space));
        }
        self.feed(Input::Authored {
            pages: authored.pages,
            certificates: Vec::new(),
            records: authored.records,
            urgent: authored.urgent,
        });
        self.replica.last_save()
    }

    /// Gives the replica one input and carries all outputs out, in order.
    pub(crate) fn feed(&mut self, input: Input) {
        let now = now();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let input = self.audited_input(input);
            let outputs = self.replica.handle(now, self.store.as_ref(), input);
            for output in outputs {
                match output {
                    Output::Send { peer, lane, bytes } => self.send(peer, lane, bytes),
                    Output::Commit { ticket: of, batch } => {
                        let stored = self.stored.clone();
                        let done = Box::new(move |result| {
                            // The driver is gone only when the node stops.
                            let _ = stored.send((of, result));
                        });
                        self.store.submit(batch, done);
                    }
                    other @ (Output::Held { .. }
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
                    | Output::Disconnect { .. }
                    | Output::Refused { .. }) => inputs.extend(self.output(other)),
                }
            }
        }
    }

    /// Tells once whether something made here has become durable.
    pub(crate) fn watch(&mut self, save: Save) -> oneshot::Receiver<bool> {
        let (watcher, watched) = oneshot::channel();
        self.watchers.push((save, watcher));
        watched
    }

    /// Tells the replica and whoever waits that a batch is durable, or is not.
    pub(crate) fn stored(&mut self, ticket: Ticket, result: Result<(), StoreError>) {
        let input = match &result {
            Ok(()) => {
                self.warnings.remove("store");
                Input::Persisted { ticket }
            }
            Err(error) => {
                tracing::error!(error = %error, "a batch could not be stored");
                self.warnings.insert("store", error.to_string());
                self.has_lost = true;
                Input::Failed { ticket }
            }
        };
        self.feed(input);
        self.board.stored();
        for (save, watcher) in std::mem::take(&mut self.watchers) {
            match self.replica.saved(save) {
                Saved::Pending(_) => self.watchers.push((save, watcher)),
                // Whoever watched may be gone.
                done @ (Saved::Durable | Saved::Lost) => drop(watcher.send(done == Saved::Durable)),
            }
        }
    }

    fn output(&mut self, output: Output) -> Vec<Input> {
        match output {
            Output::Held { from, entries, .. } => return self.held(from, &entries),
            Output::Lost { from: None, entries, .. } => return self.lost(&entries),
            Output::Erase { order, erase, gone } => {
                return crate::erasures::carry_out(self, order, &erase, &gone)
                    .into_iter()
                    .collect();
            }
            Output::Directory { changed } => {
                let records = self.courier.arrived(&changed, now());
                let noted = Input::Learned { pages: Vec::new(), records };
                return std::iter::once(noted).chain(self.directory_changed()).collect();
            }
            Output::ReadPart { peer, blob, offset } => crate::blobs::read(self, peer, blob, offset),
            Output::WritePart { blob, offset, bytes } => {
                crate::blobs::write(self, blob, offset, bytes);
            }
            Output::RemoveBlobs { blobs } => crate::blobs::remove(self, blobs),
            Output::Carried { carried, .. } => self.courier.carried.absorb(carried),
            Output::Lacks { peer, document, log, after } => {
                self.receipts.note_lacking(peer, document, log, after, now());
            }
            Output::Receipt { peer, document, frontier } => {
                self.receipts.note(peer, document, frontier, now());
            }
            Output::Synced { peer, alike } => {
                let index = self.replica.index();
                self.receipts.note_alike(peer, alike, index);
                self.heard.compared(peer, now());
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.synced = true;
                }
            }
            Output::Disconnect { peer, reason } => {
                if let Some(times) = self.complaints.note(peer, Of::Ended, now()) {
                    tracing::warn!(peer = ?peer, %reason, times, "session ended");
                }
                if let Some(endpoint) = endpoint(&peer) {
                    self.net.disconnect(endpoint);
                }
            }
            Output::Refused { peer, reason } => {
                self.refused = self.refused.saturating_add(1);
                if let Some(times) = self.complaints.note(peer, Of::Refused(reason), now()) {
                    tracing::warn!(peer = ?peer, %reason, times, "something was refused");
                }
            }
            Output::Forked { entry, .. } => {
                tracing::warn!(log = ?entry.header().log, "a log has two branches");
            }
            Output::Heartbeat { peer, cell } => crate::heartbeats::take(self, peer, &cell),
            Output::Lost { from: Some(_), entries, .. } => {
                // Without entries it was certificates.
                let lost = u64::try_from(entries.len().max(1)).unwrap_or(u64::MAX);
                self.courier.lost = self.courier.lost.saturating_add(lost);
            }
            Output::Send { .. } | Output::Commit { .. } => {}
        }
        Vec::new()
    }

    fn send(&mut self, peer: NodeId, urgency: Urgency, bytes: Vec<u8>) {
        if let Some(endpoint) = endpoint(&peer) {
            self.backlog.send(&self.net, endpoint, lane(urgency), bytes);
        }
    }

    /// A lane takes frames again.
    pub(crate) fn writable(&mut self, peer: EndpointId, lane: Lane) {
        self.backlog.writable(&self.net, peer, lane);
    }

    /// Says whether [`Self::send_more`] has something to do.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.has_free()
    }

    /// Composes what one lane can take now.
    pub(crate) fn send_more(&mut self) {
        if let Some((peer, lane)) = self.backlog.next_free() {
            self.feed(Input::Writable { peer: node_id(&peer), lane: urgency(lane) });
        }
    }

    pub(crate) fn connected(&mut self, peer: NodeId, secret: [u8; 32], initiator: bool) {
        let at = now().0;
        let state = self.peers.entry(peer).or_default();
        *state =
            Peer { connected: true, since_ms: Some(at), last_seen_ms: Some(at), synced: false };
        self.receipts.connected(&peer);
        self.feed(Input::Connected { peer, secret, initiator });
    }

    pub(crate) fn disconnected(&mut self, peer: NodeId) {
        let at = now().0;
        let state = self.peers.entry(peer).or_default();
        *state = Peer { since_ms: Some(at), last_seen_ms: Some(at), ..Peer::default() };
        if let Some(endpoint) = endpoint(&peer) {
            self.backlog.forget(&endpoint);
        }
        self.heard.closed(peer, now());
        self.feed(Input::Disconnected { peer });
    }

    pub(crate) fn frame(&mut self, peer: NodeId, on: Lane, bytes: Vec<u8>) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.last_seen_ms = Some(now().0);
        }
        self.feed(Input::Frame { peer, lane: urgency(on), bytes });
    }

    fn held(&mut self, from: Option<NodeId>, entries: &[Entry]) -> Vec<Input> {
        let world = world(&self.replica, &self.store);
        match self.core.receive(world, &mut self.rng, from, entries) {
            Ok(arrival) => {
                crate::reach::note_clock(self, from, entries);
                self.arrived(arrival)
            }
            Err(error) => {
                tracing::error!(%error, "arrived entries could not be looked at");
                Vec::new()
            }
        }
    }

    /// Follows up on what arrived: records to keep, spaces to ask for, views to renew.
    pub(crate) fn arrived(&mut self, arrival: Arrival) -> Vec<Input> {
        let Authored { pages, records, wants, .. } = self.audited(arrival.authored);
        let mut inputs: Vec<Input> = wants.into_iter().map(Input::Want).collect();
        if !pages.is_empty() || !records.is_empty() {
            inputs.push(Input::Learned { pages, records });
        }
        inputs.extend(arrival.declined.into_iter().map(Input::Declined));
        if !arrival.judged.is_empty() {
            inputs.push(Input::Judged(arrival.judged));
        }
        for reason in arrival.refused {
            tracing::warn!(%reason, "a letter was refused");
        }
        if arrival.own_log_elsewhere {
            let world = world(&self.replica, &self.store);
            match self.core.renew_logs(world, &mut self.rng) {
                Ok(authored) => {
                    self.warnings.insert(
                        "log",
                        "this device's data was copied or restored from an older state; it now writes to fresh logs"
                            .to_owned(),
                    );
                    let certificates = self.core.restoration(world);
                    let Authored { pages, records, urgent, .. } = self.audited(authored);
                    let certificates = certificates.into_iter().collect();
                    inputs.push(Input::Authored { pages, certificates, records, urgent });
                }
                Err(error) => tracing::error!(%error, "fresh logs could not be started"),
            }
        }
        self.catalogue.changed(arrival.changed);
        inputs
    }

    fn lost(&mut self, entries: &[Entry]) -> Vec<Input> {
        let store = Arc::clone(&self.store);
        self.core.lost(entries, |space| {
            store.record(linli_replica::batch::Shelf::Space, space.as_bytes()).ok().flatten()
        });
        // What was begun with them is not there, and lists do not show it.
        let mut records = Vec::new();
        for header in entries.iter().map(Entry::header) {
            let (space, document) = (header.space, header.document);
            self.board.touch(document);
            if self.replica.index().space_of(&document).is_none() {
                let documents = Some([document].into());
                self.ladders.lost(&document);
                records.extend(self.catalogue.erase(&Erase { space, documents }));
            }
        }
        match records.is_empty() {
            true => Vec::new(),
            false => vec![Input::Learned { pages: Vec::new(), records }],
        }
    }

    fn directory_changed(&mut self) -> Vec<Input> {
        self.core.directory_changed(self.replica.directory());
        self.people.learn(self.replica.directory());
        self.tell_members();
        self.catalogue.directory_changed();
        // Another one may have an alert, or nobody.
        self.board.touch_all();
        let world = world(&self.replica, &self.store);
        match self.core.pass_keys_on(world, &mut self.rng) {
            Ok(authored) => input(self.audited(authored)).into_iter().collect(),
            Err(error) => {
                tracing::error!(%error, "keys could not be passed on");
                Vec::new()
            }
        }
    }

    /// Tells the network who may connect, and whom to dial.
    pub(crate) fn tell_members(&mut self) {
        let now = now();
        let directory = self.replica.directory();
        let me = self.core.node();
        let members: BTreeSet<EndpointId> = directory
            .nodes()
            .filter(|(id, _)| **id != me && directory.admits(id, now).is_ok())
            .filter_map(|(id, _)| endpoint(id))
            .collect();
        crate::relays::follow(self);
        crate::dialling::tell(self, &members);
        if members != self.members {
            self.members.clone_from(&members);
            self.net.set_members(members);
        }
    }
}
