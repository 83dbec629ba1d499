//! The carrier: a replica without content keys over a store, and how its outputs are carried out.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use iroh_relay::server::Server;
use linli_net::{Backlog, DialPolicy, EndpointId, Lane, NetHandle};
use linli_replica::certificate::{Act, Certificate, PartyKind};
use linli_replica::complaints::{Complaints, Of};
use linli_replica::directory::Node;
use linli_replica::entry::Urgency;
use linli_replica::erasure;
use linli_replica::id::NodeId;
use linli_replica::relays::{self, RelayTold};
use linli_replica::replica::{Input, Output, Replica, Save, Saved, Ticket};
use linli_store::{Blobs, Store, StoreError};
use tokio::sync::mpsc;

use crate::clock::now;
use crate::gate::Gate;
use crate::limits::{NODE_TERM_MS, RENEW_BEFORE_MS};

/// What has become of a commit.
pub(crate) type Stored = (Ticket, Result<(), StoreError>);

/// What has become of a part of a blob or of a removal, and why it failed.
pub(crate) type PartDone = (Option<Input>, Option<StoreError>);

/// What is held, and where its threads answer.
pub(crate) struct Held {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) stored: mpsc::UnboundedSender<Stored>,
    pub(crate) parts: mpsc::UnboundedSender<PartDone>,
}

/// A running carrier, beside the relay server whose gate it keeps.
pub(crate) struct Carrier {
    pub(crate) replica: Replica,
    pub(crate) store: Store,
    blobs: Blobs,
    parts: mpsc::UnboundedSender<PartDone>,
    pub(crate) net: NetHandle,
    pub(crate) gate: Arc<Gate>,
    pub(crate) problem: Option<StoreError>,
    pub(crate) over_quota: u64,
    pub(crate) complaints: Complaints,
    /// Where members reach the relay, as they are told.
    pub(crate) told: Vec<RelayTold>,
    /// Whether it has said so since it started.
    published: bool,
    key: SigningKey,
    members: BTreeSet<NodeId>,
    reachable: BTreeSet<EndpointId>,
    backlog: Backlog,
    confirming: Option<Save>,
    in_flight: usize,
    stored: mpsc::UnboundedSender<Stored>,
}

impl Carrier {
    pub(crate) fn new(
        replica: Replica,
        held: Held,
        net: NetHandle,
        gate: Arc<Gate>,
        key: SigningKey,
    ) -> Self {
        let Held { store, blobs, stored, parts } = held;
        Self {
            replica,
            store,
            blobs,
            parts,
            net,
            gate,
            problem: None,
            over_quota: 0,
            complaints: Complaints::default(),
            told: Vec::new(),
            published: false,
            key,
            members: BTreeSet::new(),
            reachable: BTreeSet::new(),
            backlog: Backlog::default(),
            confirming: None,
            in_flight: 0,
            stored,
        }
    }

    /// Says whether a commit is still under way.
    pub(crate) const fn is_storing(&self) -> bool {
        self.in_flight > 0
    }

    /// How many commits are under way.
    pub(crate) const fn storing(&self) -> usize {
        self.in_flight
    }

    /// Gives the replica one input and carries all outputs out, in order.
    pub(crate) fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.replica.handle(now(), &self.store, input) {
                if let Output::Erase { order, .. } = &output {
                    // A relay keeps no records about spaces.
                    inputs.push_back(Input::Erase { order: *order, records: Vec::new() });
                }
                self.carry_out(output);
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { peer, lane, bytes } => self.send(peer, lane, bytes),
            Output::Commit { ticket, batch } => {
                self.in_flight += 1;
                let stored = self.stored.clone();
                let done = move |result| {
                    // Nobody listens only where stopping took too long.
                    let _ = stored.send((ticket, result));
                };
                self.store.submit(batch, Box::new(done));
            }
            Output::ReadPart { peer, blob, offset } => {
                let parts = self.parts.clone();
                let done = move |slice| {
                    let input = Input::PartRead { peer, blob: blob.id, offset, slice };
                    // Nobody listens only where stopping took too long.
                    let _ = parts.send((Some(input), None));
                };
                self.blobs.read(blob, offset, Box::new(done));
            }
            Output::WritePart { blob, offset, bytes } => {
                let parts = self.parts.clone();
                let done = move |written, error| {
                    // As above.
                    let input = Input::PartWritten { blob: blob.id, written };
                    let _ = parts.send((Some(input), error));
                };
                self.blobs.write(blob, offset, bytes, Box::new(done));
            }
            Output::RemoveBlobs { blobs } => {
                let (parts, gone) = (self.parts.clone(), blobs.clone());
                let done = move |removed: Result<(), StoreError>| {
                    let input = removed.is_ok().then_some(Input::BlobsRemoved(gone));
                    // As above. What could not be removed is removed at the next start.
                    let _ = parts.send((input, removed.err()));
                };
                self.blobs.remove(blobs, Box::new(done));
            }
            Output::Directory { .. } => self.gate.update(self.replica.directory()),
            Output::Disconnect { peer, reason } => {
                if let Some(times) = self.complaints.note(peer, Of::Ended, now()) {
                    tracing::warn!(?peer, %reason, times, "session ended");
                }
                if let Some(endpoint) = endpoint(&peer) {
                    self.net.disconnect(endpoint);
                }
            }
            Output::Refused { peer, reason } => {
                self.over_quota += u64::from(reason.is_quota());
                if let Some(times) = self.complaints.note(peer, Of::Refused(reason), now()) {
                    tracing::warn!(?peer, %reason, times, "something was refused");
                }
            }
            Output::Forked { entry, .. } => {
                tracing::warn!(log = ?entry.header().log, "a log has two branches");
            }
            // Stewards judge receipts, and only those who can open an entry act on it.
            Output::Held { .. }
            | Output::Lost { .. }
            | Output::Erase { .. }
            | Output::Receipt { .. }
            | Output::Heartbeat { .. }
            | Output::Synced { .. }
            | Output::Carried { .. }
            | Output::Lacks { .. } => {}
        }
    }

    /// Takes up what has become of a commit.
    pub(crate) fn stored(&mut self, (ticket, result): Stored) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match result {
            Ok(()) => {
                self.problem = None;
                self.feed(Input::Persisted { ticket });
            }
            Err(error) => {
                tracing::error!(%error, "a batch could not be stored");
                self.problem = Some(error);
                self.feed(Input::Failed { ticket });
            }
        }
    }

    /// Takes up what has become of a part of a blob, or of a removal.
    pub(crate) fn part_done(&mut self, (input, error): PartDone) {
        if let Some(error) = error {
            tracing::warn!(%error, "blobs could not be written or removed; it is tried again later");
        }
        if let Some(input) = input {
            self.feed(input);
        }
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

    pub(crate) fn disconnected(&mut self, peer: NodeId) {
        if let Some(endpoint) = endpoint(&peer) {
            self.backlog.forget(&endpoint);
        }
        self.feed(Input::Disconnected { peer });
    }

    pub(crate) fn frame(&mut self, peer: NodeId, on: Lane, bytes: Vec<u8>) {
        self.feed(Input::Frame { peer, lane: urgency(on), bytes });
    }

    /// What is done each second: sessions, the certificate, and who may be here.
    pub(crate) fn tick(&mut self, server: &Server) {
        self.feed(Input::Tick);
        self.renew();
        self.publish();
        self.confirm();
        self.admit(server);
    }

    /// Tells the endpoint who may connect, and the relay server who may stay.
    pub(crate) fn admit(&mut self, server: &Server) {
        let members = self.gate.members(now());
        if let Some(service) = server.relay_service() {
            for gone in self.gate.connected().difference(&members).filter_map(endpoint) {
                service.clients().disconnect(gone, None);
            }
        }
        self.dial();
        if members != self.members {
            let me = self.replica.me();
            let others = members.iter().filter(|node| **node != me).filter_map(endpoint);
            self.net.set_members(others.collect());
            self.members = members;
        }
    }

    /// Dials whoever has a known address or is at the relay now. The others cannot be reached, and
    /// dial the carrier by themselves when they are back.
    fn dial(&mut self) {
        let known = self.net.peers().into_iter().filter(|peer| !peer.addresses.is_empty());
        let at_relay = self.gate.connected();
        let reachable: BTreeSet<EndpointId> =
            known.map(|peer| peer.peer).chain(at_relay.iter().filter_map(endpoint)).collect();
        if reachable != self.reachable {
            self.net.set_dial_policy(DialPolicy::Only(reachable.clone()));
            self.reachable = reachable;
        }
    }

    /// Says so where members will not ask this node to keep anything.
    pub(crate) fn warn_where_no_carrier(&self) {
        let own = self.replica.directory().node(&self.replica.me());
        if !own.is_some_and(|node| node.carrier) {
            tracing::warn!(
                "the certificate of this node does not name it as a carrier: connections are \
                 forwarded, but members ask it to keep nothing"
            );
        }
    }

    /// Confirms the orders to erase that were carried out and are not confirmed yet.
    pub(crate) fn confirm(&mut self) {
        let pending = |save| matches!(self.replica.saved(save), Saved::Pending(_));
        let orders = self.replica.unconfirmed();
        if orders.is_empty() || self.confirming.is_some_and(pending) {
            return;
        }
        let community = self.replica.directory().community();
        let certificate = erasure::confirm(orders, community, now(), &self.key);
        self.feed(Input::Authored {
            pages: Vec::new(),
            certificates: vec![certificate],
            records: Vec::new(),
            urgent: false,
        });
        self.confirming = Some(self.replica.last_save());
    }

    /// Tells members where the relay is, where it is another place than they were told last.
    pub(crate) fn publish(&mut self) {
        let (me, directory) = (self.replica.me(), self.replica.directory());
        let is_carrier = |node: &Node| node.kind == PartyKind::Carrier && !node.expelled;
        // One attempt at a time.
        if self.is_storing() || !directory.node(&me).is_some_and(is_carrier) {
            return;
        }
        if relays::published_by(directory, &me).unwrap_or_default() == self.told {
            return;
        }
        // Where another machine runs under the same key, the two would undo each other without end.
        if std::mem::replace(&mut self.published, true) {
            return;
        }
        let act = relays::notice(me, self.told.clone());
        let at = relays::next_at(directory, &me, now());
        let certificate = Certificate::new(directory.community(), at, act).signed(&self.key);
        self.feed(Input::Authored {
            pages: Vec::new(),
            certificates: vec![certificate],
            records: Vec::new(),
            urgent: false,
        });
    }

    /// Extends the relay's own certificate, so that it serves on when nobody looks after it.
    pub(crate) fn renew(&mut self) {
        let (me, at) = (self.replica.me(), now());
        let directory = self.replica.directory();
        let Some(own) = directory.node(&me) else { return };
        // One attempt at a time.
        if own.expelled || own.ends.since_ms(at) > RENEW_BEFORE_MS || self.is_storing() {
            return;
        }
        let act = Act::Extend { node: me, ends: at.plus_ms(NODE_TERM_MS) };
        let certificate = Certificate::new(directory.community(), at, act).signed(&self.key);
        self.feed(Input::Authored {
            pages: Vec::new(),
            certificates: vec![certificate],
            records: Vec::new(),
            urgent: false,
        });
    }
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
