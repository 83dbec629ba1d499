//! The facade: one [`Replica`] a node, driven by inputs, answering with outputs.
//!
//! The node and the keyless relay both drive it. The shell takes one input, calls
//! [`Replica::handle`], carries all outputs out in order, and waits for the next input. Nothing is
//! receipted, forwarded or counted in a frontier before the shell has said [`Input::Persisted`].

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::entry::{Entry, Urgency, VerifiedPage};
use crate::frame::{Cell, Frame, Pages};
use crate::held::Held;
use crate::id::{DocTag, LogKey, NodeId, SpaceTag, Timestamp, inbox_tag};
use crate::index::{Admission, Index};
use crate::limits::FORWARD_BYTES_MAX;
use crate::planted::{self, Bug};
use crate::session::Session;

pub mod api;
mod backoff;
mod blobs;
mod carried;
pub(crate) mod cells;
pub(crate) mod commits;
mod erase;
pub(crate) mod parcels;
pub(crate) mod prune;
mod quota;
pub(crate) mod world;

pub use api::{Carried, Ending, Input, Output, Policy, Refused, Save, Saved, Ticket, Written};
use backoff::Backoff;
pub use blobs::BlobCount;
use commits::Parcel;
pub use prune::Pruned;
use world::World;

/// A node's part in replication.
#[derive(Debug)]
pub struct Replica {
    world: World,
    sessions: BTreeMap<NodeId, Session>,
}

/// How a session stands, for people who look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStatus {
    /// Whether both have said who they are.
    pub open: bool,
    /// The spaces shared.
    pub shared: BTreeSet<SpaceTag>,
    /// Logs asked for that have not all come.
    pub asked: usize,
    /// Logs that the peer has and that are still to be asked for.
    pub offered: usize,
    /// Logs that are being sent to the peer.
    pub sending: usize,
}

impl Replica {
    /// Begins with what the store holds. The node's own inbox is always wanted.
    #[must_use]
    pub fn new(me: NodeId, directory: Directory, index: Index, policy: Policy) -> Self {
        Self { world: World::new(me, directory, index, policy), sessions: BTreeMap::new() }
    }

    /// Takes up what a carrier had counted against its senders' quotas, which blobs are held, which orders to erase were
    /// carried out, which orders to prune are held, and which logs begin late: the node's own records, as they were
    /// committed. Other records are passed over.
    pub fn restore<'a>(&mut self, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) {
        for (key, value) in records {
            self.world.quotas.restore(key, value);
            self.world.restore_blob(key, value);
            self.world.restore_note(key, value);
            self.world.restore_pruning(key, value);
        }
    }

    /// Returns whose part this is.
    #[must_use]
    pub const fn me(&self) -> NodeId {
        self.world.me
    }

    /// Returns the community as its certificates make it.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.world.directory
    }

    /// Returns what is held.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.world.index
    }

    /// Lists the spaces this node wants, its own inbox among them.
    pub fn wanted(&self) -> impl Iterator<Item = SpaceTag> {
        self.world.wanted.keys().copied()
    }

    /// Lists the peers with a session.
    pub fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.sessions.keys().copied()
    }

    /// Says how the session with a peer stands.
    #[must_use]
    pub fn status(&self, peer: &NodeId) -> Option<SessionStatus> {
        self.sessions.get(peer).map(Session::status)
    }

    /// Returns the bytes of entries that came from a node and are not durable yet.
    #[must_use]
    pub fn pending_bytes(&self, from: &NodeId) -> usize {
        self.world.commits.bytes_of(from)
    }

    /// Says whether all that came from a node, certificates included, is durable or was lost.
    #[must_use]
    pub fn is_clear_of(&self, from: &NodeId) -> bool {
        self.world.commits.is_clear_of(from)
    }

    /// Lists the spaces that this node names to a peer: those it wants, and to a carrier those of the
    /// inboxes that it has written to.
    #[must_use]
    pub fn nameable(&self, peer: &NodeId) -> BTreeSet<SpaceTag> {
        self.world.nameable(peer, 0)
    }

    /// Lists the spaces that are shared with a peer, or were when its session ended.
    #[must_use]
    pub fn shared_with(&self, peer: &NodeId) -> BTreeSet<SpaceTag> {
        let session = self.sessions.get(peer).map(|session| &session.shared);
        let agreed = || self.world.agreements.get(peer).map(|agreement| &agreement.shared);
        session.or_else(agreed).cloned().unwrap_or_default()
    }

    /// Says whether this node keeps entries for others.
    #[must_use]
    pub const fn carries(&self) -> bool {
        self.world.policy.carrier
    }

    /// Returns the bytes of sealed entries that a carrier keeps for a sending endpoint.
    #[must_use]
    pub fn carried_bytes(&self, peer: &NodeId) -> u64 {
        self.world.quotas.bytes(peer)
    }

    /// Returns how many spaces a carrier keeps for a sending endpoint.
    #[must_use]
    pub fn carried_spaces(&self, peer: &NodeId) -> usize {
        self.world.quotas.spaces(peer)
    }

    /// Returns the bytes of sealed entries that a carrier keeps for all endpoints.
    #[must_use]
    pub const fn carried_in_all(&self) -> u64 {
        self.world.quotas.total()
    }

    /// Returns what was removed by orders to prune since the start.
    #[must_use]
    pub const fn pruned(&self) -> Pruned {
        self.world.pruned_so_far()
    }

    /// Returns how many orders to prune a carrier holds that are neither carried out nor taken back.
    #[must_use]
    pub fn prune_orders_waiting(&self) -> usize {
        self.world.prune_orders_waiting()
    }

    /// Takes one input in at time `now` and says what is to be done. `held` is what the store holds
    /// at this moment, with everything that was said to be persisted.
    pub fn handle(&mut self, now: Timestamp, held: &dyn Held, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        let out = &mut outputs;
        self.world.now = now;
        match input {
            Input::Connected { peer, secret, initiator } => {
                self.connected(peer, &secret, initiator, out);
            }
            Input::Disconnected { peer } => self.close(&peer),
            Input::Frame { peer, bytes, .. } => self.frame(peer, held, &bytes, out),
            Input::Writable { peer, lane } => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.writable(lane);
                }
            }
            Input::Persisted { ticket } => self.persisted(ticket, out),
            Input::Failed { ticket } => self.failed(ticket, out),
            Input::Overdue { ticket } => self.overdue(ticket, out),
            Input::Authored { pages, certificates, records, urgent } => {
                let live = true;
                let parcel = Parcel { certificates, records, urgent, live, ..Parcel::default() };
                self.authored(held, pages, parcel, out);
            }
            Input::Learned { pages, records } => {
                let (relaxed, live) = (true, true);
                let parcel = Parcel { records, relaxed, live, ..Parcel::default() };
                self.authored(held, pages, parcel, out);
            }
            Input::Carried { from, frame } => self.world.carried_frame(held, from, frame, out),
            Input::Erase { order, records } => self.erase(order, records),
            Input::Declined(space) => self.declined(&space),
            Input::Want(space) => self.want(space),
            Input::Judged(judged) => self.world.orders_judged(judged),
            Input::Forget(space) => self.forget(&space),
            Input::Reconcile { peer } => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.compare_again();
                }
            }
            Input::WantBlobs(blobs) => blobs.into_iter().for_each(|blob| self.want_blob(blob)),
            Input::KeepBlob(blob) => self.keep_blob(blob),
            Input::DropBlobs(blobs) => self.drop_blobs(blobs, out),
            Input::PartRead { peer, blob, offset, slice } => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.part_read(blob, offset, slice);
                }
            }
            Input::PartWritten { blob, written } => self.part_written(&blob, written),
            Input::BlobsRemoved(blobs) => self.blobs_removed(&blobs),
            Input::Heartbeat(cell) => self.heartbeat(&cell, None),
            Input::Tick => {
                self.tick(now, out);
                self.world.tick_pruning(held);
            }
        }
        self.tell_ordered();
        self.tell_erasing(out);
        self.pump(held, out);
        for (ticket, batch) in self.world.commits.due() {
            out.push(Output::Commit { ticket, batch });
            if planted::is(Bug::EarlyAnswer) {
                self.persisted(ticket, out);
            }
        }
        outputs
    }

    /// Lets sessions ask again for logs of which an order says where they begin.
    fn tell_ordered(&mut self) {
        for document in self.world.take_ordered() {
            for session in self.sessions.values_mut() {
                session.ordered(&mut self.world, &document);
            }
        }
    }

    fn pump(&mut self, held: &dyn Held, outputs: &mut Vec<Output>) {
        for session in self.sessions.values_mut().filter(|session| session.dirty) {
            session.pump(&mut self.world, held, outputs);
        }
    }

    fn connected(
        &mut self,
        peer: NodeId,
        secret: &[u8; 32],
        initiator: bool,
        outputs: &mut Vec<Output>,
    ) {
        self.close(&peer);
        match self.world.directory.admits(&peer, self.world.now) {
            Ok(_) => {
                let session = Session::new(&self.world, peer, secret, initiator);
                self.sessions.insert(peer, session);
            }
            Err(reason) => {
                outputs.push(Output::Disconnect { peer, reason: Ending::NotMember(reason) });
            }
        }
    }

    /// Forgets a session, and remembers what was agreed in it.
    fn close(&mut self, peer: &NodeId) {
        let Some(mut session) = self.sessions.remove(peer) else { return };
        session.abandon(&mut self.world);
        if let Some(agreement) = session.agreement() {
            self.world.agreements.insert(*peer, agreement);
        }
        for other in self.sessions.values_mut() {
            other.unblock();
        }
    }

    /// Ends a session for a reason of this side's.
    fn end(&mut self, peer: &NodeId, reason: Ending, outputs: &mut Vec<Output>) {
        if let Some(bytes) = self.sessions.get_mut(peer).and_then(|s| s.goodbye(reason)) {
            outputs.push(Output::Send { peer: *peer, lane: Urgency::Normal, bytes });
        }
        self.close(peer);
        outputs.push(Output::Disconnect { peer: *peer, reason });
    }

    fn frame(&mut self, peer: NodeId, held: &dyn Held, bytes: &[u8], outputs: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let before = outputs.len();
        let kept = self.world.kept_in_order.len();
        if let Err(reason) = session.frame(&mut self.world, held, bytes, outputs) {
            return self.end(&peer, reason, outputs);
        }
        if self.world.kept_in_order.len() > kept {
            for session in self.sessions.values_mut().filter(|session| session.awaits()) {
                session.dirty = true;
            }
        }
        let cells: Vec<Cell> = outputs
            .iter()
            .skip(before)
            .filter_map(|output| {
                if let Output::Heartbeat { cell, .. } = output { Some(cell.clone()) } else { None }
            })
            .collect();
        for cell in cells {
            self.heartbeat(&cell, Some(peer));
        }
    }

    fn heartbeat(&mut self, cell: &Cell, from: Option<NodeId>) {
        if from.is_none() && !matches!(self.world.cells.take(cell, None), Ok(true)) {
            return;
        }
        for (peer, session) in &mut self.sessions {
            if Some(*peer) != from && session.shares(&cell.space) {
                session.owe_cell(cell.space, cell.log);
            }
        }
    }

    fn authored(
        &mut self,
        held: &dyn Held,
        pages: Vec<VerifiedPage>,
        mut parcel: Parcel,
        outputs: &mut Vec<Output>,
    ) {
        let mut sound = true;
        let mut refuse = |reason| {
            sound = false;
            outputs.push(Output::Refused { peer: None, reason });
        };
        for page in pages {
            let Ok(admitted) = self.world.admit(page, false, held) else {
                refuse(Refused::Store);
                continue;
            };
            match admitted.admission {
                Admission::New(entries) => {
                    parcel.bases.extend(admitted.base);
                    parcel.records.extend(admitted.records);
                    parcel.entries.extend(entries);
                }
                Admission::Known => {}
                Admission::Refused(reason) => refuse(Refused::Admission(reason)),
                Admission::Fork(entries) => {
                    self.world.index.failed(&entries);
                    refuse(Refused::OwnChain);
                }
                Admission::Gap => refuse(Refused::OwnChain),
            }
        }
        if sound {
            self.world.commits.push_own(parcel);
        } else {
            self.world.index.failed(&parcel.entries);
            self.world.commits.refuse_own();
        }
    }

    /// Returns the name of the last [`Input::Authored`].
    #[must_use]
    pub fn last_save(&self) -> Save {
        self.world.commits.last_save()
    }

    /// Returns how far an [`Input::Authored`] is on its way to disk.
    #[must_use]
    pub fn saved(&self, save: Save) -> Saved {
        self.world.commits.saved(save)
    }

    fn persisted(&mut self, ticket: Ticket, outputs: &mut Vec<Output>) {
        let mut certificates = Vec::new();
        let mut sources = BTreeSet::new();
        for mut parcel in self.world.commits.persisted(ticket) {
            if !parcel.entries.is_empty() {
                self.world.backoff(parcel.urgent).worked();
            }
            let index = &mut self.world.index;
            // What was on its way when its erasure was ordered is removed by a later commit.
            parcel.entries.retain(|e| !index.is_erased(&e.header().space, &e.header().document));
            parcel.bases.retain(|base| !index.is_erased(&base.space, &base.document));
            index.begun(&parcel.bases);
            index.persisted(&parcel.entries);
            if parcel.save.is_some_and(|save| self.world.pruned(save)) {
                for session in self.sessions.values_mut() {
                    session.quota_given_back();
                }
            }
            if let Some(save) = parcel.save.filter(|_| !parcel.erase.is_empty()) {
                self.erased(save);
            }
            self.spread(&parcel);
            self.blobs_kept(&parcel.blobs);
            sources.extend(parcel.certificates.iter().map(|c| (parcel.from, c.id())));
            certificates.extend(parcel.certificates);
            if !parcel.entries.is_empty() {
                let (from, entries) = (parcel.from, parcel.entries);
                outputs.push(Output::Held { ticket, from, entries });
            }
        }
        let changed = self.world.directory.add(certificates);
        if changed.is_empty() {
            return;
        }
        for (peer, session) in &mut self.sessions {
            for id in changed.iter().filter(|id| !sources.contains(&(Some(*peer), **id))) {
                session.owe_certificate(&self.world, *id);
            }
        }
        self.learn_orders();
        self.tell_erasing(outputs);
        self.world.directory_changed();
        self.expel(outputs);
        outputs.push(Output::Directory { changed });
    }

    /// Owes receipts for what has become durable, and sends or announces it to the others.
    fn spread(&mut self, parcel: &Parcel) {
        let mut grown: BTreeMap<(DocTag, LogKey), Grown> = BTreeMap::new();
        for entry in &parcel.entries {
            let header = entry.header();
            let new = || Grown::new(header.space, header.sequence - 1);
            let log = grown.entry((header.document, header.log)).or_insert_with(new);
            log.after = log.after.min(header.sequence - 1);
            if !planted::is(Bug::AlertWaits) {
                log.lane = log.lane.min(header.urgency);
            }
            log.bytes += entry.size_bytes();
        }
        for ((document, log), grown) in grown {
            self.world.note_outbox(grown.space);
            self.world.note_filled(grown.space);
            let urgent = grown.lane == Urgency::Urgent;
            let small = parcel.from.is_none() || grown.bytes <= FORWARD_BYTES_MAX;
            for (peer, session) in &mut self.sessions {
                session.filled(document, log);
                let source = Some(*peer) == parcel.from;
                if source {
                    session.owe_receipt(document, log, urgent);
                } else if session.gives(&self.world, &grown.space) {
                    if parcel.live && (small || urgent) {
                        session.push(document, log, grown.after, grown.lane);
                    } else {
                        session.announce(document, log);
                    }
                    if parcel.from.is_some() && parcel.live {
                        session.owe_receipt(document, log, urgent);
                    }
                }
                session.dirty = true;
            }
        }
    }

    fn failed(&mut self, ticket: Ticket, outputs: &mut Vec<Output>) {
        for parcel in self.world.commits.failed(ticket) {
            self.world.backoff(parcel.urgent).failed();
            self.world.index.failed(&parcel.entries);
            if let Some(save) = parcel.save {
                self.world.not_pruned(save);
            }
            if let Some(from) = parcel.from {
                self.world.dropped(&from, &parcel.entries);
                if let Some(session) = self.sessions.get_mut(&from) {
                    session.lost();
                }
            }
            let (from, entries) = (parcel.from, parcel.entries);
            outputs.push(Output::Lost { ticket, from, entries });
        }
    }

    /// Sends an urgent batch of this node's own ahead of its commit.
    fn overdue(&mut self, ticket: Ticket, outputs: &mut Vec<Output>) {
        let entries: Vec<Entry> = self.world.commits.own(ticket).cloned().collect();
        for session in self.sessions.values_mut() {
            for entry in &entries {
                if entry.header().urgency == Urgency::Urgent
                    && session.gives(&self.world, &entry.header().space)
                {
                    let frame = Frame::Pages(Pages { pages: vec![vec![entry.encode().into()]] });
                    session.send_urgent(&frame, outputs);
                }
            }
        }
    }

    fn want(&mut self, space: SpaceTag) {
        let erased = self.world.index.is_space_erased(&space);
        if !erased && !self.world.wanted.contains_key(&space) {
            self.world.revision += 1;
            self.world.wanted_through = self.world.revision;
            self.world.wanted.insert(space, self.world.revision);
            self.world.outboxes.remove(&space);
            self.all_dirty();
        }
    }

    fn forget(&mut self, space: &SpaceTag) {
        if *space == inbox_tag(&self.world.me) || self.world.wanted.remove(space).is_none() {
            return;
        }
        for agreement in self.world.agreements.values_mut() {
            agreement.shared.remove(space);
        }
        for session in self.sessions.values_mut() {
            session.forget(space);
        }
    }

    fn all_dirty(&mut self) {
        for session in self.sessions.values_mut() {
            session.dirty = true;
        }
    }

    fn tick(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        self.expel(outputs);
        self.retry_erasing();
        self.retry_blobs(outputs);
        self.world.backoffs.iter_mut().for_each(Backoff::tick);
        self.world.carried_urgent = 0;
        for session in self.sessions.values_mut() {
            session.tick(&mut self.world, now);
        }
    }

    /// Ends the sessions of those whom the directory admits no longer.
    fn expel(&mut self, outputs: &mut Vec<Output>) {
        let now = self.world.now;
        let out: Vec<(NodeId, Ending)> = self
            .sessions
            .keys()
            .filter_map(|peer| {
                let verdict = self.world.directory.admits(peer, now);
                verdict.err().map(|reason| (*peer, Ending::NotMember(reason)))
            })
            .collect();
        for (peer, reason) in out {
            self.end(&peer, reason, outputs);
        }
    }
}

/// What has become durable of one log.
struct Grown {
    space: SpaceTag,
    after: u64,
    lane: Urgency,
    bytes: usize,
}

impl Grown {
    const fn new(space: SpaceTag, after: u64) -> Self {
        Self { space, after, lane: Urgency::Bulk, bytes: 0 }
    }
}
