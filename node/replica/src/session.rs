//! One session with one peer.
//!
//! What is to be said is kept as sets and cursors, not as queued frames, and becomes a frame only
//! when its lane can take one: a slow or silent peer costs no memory, and the urgent lane never
//! waits behind the others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use crate::entry::Urgency;
use crate::fingerprint::{Salt, SpaceName};
use crate::frame::{ByeReason, Cell, Certificates, Frame, Held as HeldDocument, Hello, Receipt};
use crate::frontier::Frontier;
use crate::held::Held;
use crate::id::{CertificateId, DocTag, LogKey, NodeId, SpaceTag, Timestamp};
use crate::limits::{
    CELLS_RATE_MAX, CLOCK_SKEW_MS_MAX, CONTROL_FRAMES_MAX, FRAME_BYTES_FULL, LANE_FRAMES_MAX,
    REFUSALS_MAX,
};
use crate::planted::{self, Bug};
use crate::replica::SessionStatus;
use crate::replica::api::{Ending, Output, Refused};
use crate::replica::cells::CellKey;
use crate::replica::world::{Revision, World};

mod blobs;
mod compare;
pub(crate) mod fetch;
mod inboxes;
mod naming;
pub(crate) mod serve;

use blobs::Blobs;
pub(crate) use compare::Comparison;
use fetch::Fetch;
pub(crate) use inboxes::Delivered;
use serve::Serve;

/// Logs of documents about which something is to be said.
type Logs = BTreeMap<DocTag, BTreeSet<LogKey>>;

#[derive(Debug)]
pub(crate) struct Session {
    peer: NodeId,
    initiator: bool,
    salt: Salt,
    /// What this side said first.
    own: Hello,
    /// What the peer said first.
    hello: Option<Hello>,
    /// Something may be waiting to be said.
    pub(crate) dirty: bool,
    credit: [usize; 3],
    /// Frames of the normal lane that answer the peer or open the session.
    control: VecDeque<Vec<u8>>,
    pub(crate) shared: BTreeSet<SpaceTag>,
    named_through: Revision,
    /// Lists of names that were sent and not yet answered.
    asks: usize,
    /// What this side asked about in vain is to be asked about again.
    ask_again: bool,
    /// Names that the peer asked a carrier about in vain, and how many of the spaces that the carrier
    /// keeps were looked up among them.
    unmet: BTreeSet<SpaceName>,
    met_through: usize,
    /// Lists of names sent since the last tick.
    asked_lists: usize,
    /// Lists of names taken, and comparisons begun, by the peer since the last tick.
    demands: usize,
    refusals: usize,
    /// Bytes of urgent entries taken since the last tick.
    urgent_bytes: usize,
    /// Heartbeats taken, and said, since the last tick.
    cells_taken: usize,
    cells_said: usize,
    /// Whether it was told since the last tick that something was refused through no fault of the
    /// peer's.
    told_blameless: bool,
    compare: Comparison,
    /// Documents whose whole frontier the peer is to be told, and logs that have just grown.
    offering: BTreeSet<DocTag>,
    announcing: Logs,
    certificates: BTreeSet<CertificateId>,
    receipts: [Logs; 2],
    cells: BTreeSet<CellKey>,
    /// Which was said last: they go round, so that no writer is said before all others have been.
    last_cell: Option<CellKey>,
    delivered: Delivered,
    fetch: Fetch,
    serve: Serve,
    blobs: Blobs,
}

const fn slot(lane: Urgency) -> usize {
    match lane {
        Urgency::Urgent => 0,
        Urgency::Normal => 1,
        Urgency::Bulk => 2,
    }
}

impl Session {
    pub(crate) fn new(world: &World, peer: NodeId, secret: &[u8; 32], initiator: bool) -> Self {
        let mut session = Self {
            peer,
            initiator,
            salt: Salt::new(secret),
            own: Hello {
                version: Frame::VERSION,
                community: world.directory.community(),
                agreed: [0; 16].into(),
                spaces: 0,
                carrier: false,
            },
            hello: None,
            dirty: true,
            credit: [LANE_FRAMES_MAX; 3],
            control: VecDeque::new(),
            shared: BTreeSet::new(),
            named_through: 0,
            asks: 0,
            ask_again: false,
            unmet: BTreeSet::new(),
            met_through: 0,
            asked_lists: 0,
            demands: 0,
            refusals: 0,
            urgent_bytes: 0,
            cells_taken: 0,
            cells_said: 0,
            told_blameless: false,
            compare: Comparison::default(),
            offering: BTreeSet::new(),
            announcing: Logs::new(),
            certificates: BTreeSet::new(),
            receipts: Default::default(),
            cells: BTreeSet::new(),
            last_cell: None,
            delivered: Delivered::new(),
            fetch: Fetch::default(),
            serve: Serve::default(),
            blobs: Blobs::default(),
        };
        session.own = session.hello(world);
        session.say(&Frame::Hello(session.own));
        session
    }

    /// Queues a frame of the normal lane.
    fn say(&mut self, frame: &Frame) {
        self.control.push_back(frame.encode());
        self.dirty = true;
    }

    pub(crate) fn writable(&mut self, lane: Urgency) {
        if let Some(credit) = self.credit.get_mut(slot(lane)) {
            *credit = LANE_FRAMES_MAX;
        }
        self.dirty = true;
    }

    pub(crate) fn shares(&self, space: &SpaceTag) -> bool {
        self.shared.contains(space)
    }

    /// Whether both have said who they are.
    pub(crate) const fn is_open(&self) -> bool {
        self.hello.is_some()
    }

    pub(crate) fn frame(
        &mut self,
        world: &mut World,
        held: &dyn Held,
        bytes: &[u8],
        outputs: &mut Vec<Output>,
    ) -> Result<(), Ending> {
        let frame = Frame::decode(bytes).map_err(Ending::from)?;
        self.dirty = true;
        match frame {
            Frame::Hello(hello) => self.on_hello(world, hello)?,
            Frame::Bye(_) => return Err(Ending::Goodbye),
            // Couriers bring these; here the connection proves who speaks.
            Frame::Custody(_) => return Err(Ending::OutOfTurn),
            // Urgent pages may overtake the other lanes, even the hello.
            Frame::Pages(pages) => self.on_pages(world, held, pages, outputs),
            Frame::Blobs(blobs) => self.on_blobs(world, blobs, outputs)?,
            // So may these; there is nothing yet that they could be about.
            Frame::Receipt(_) | Frame::Cell(_) if self.hello.is_none() => {}
            _ if self.hello.is_none() => return Err(Ending::OutOfTurn),
            Frame::Spaces(spaces) => self.on_spaces(world, &spaces)?,
            Frame::Adopt(adopt) => self.on_adopt(world, adopt, outputs),
            Frame::Ranges(ranges) => self.on_ranges(world, &ranges)?,
            Frame::Certificates(list) => self.on_certificates(world, list, outputs),
            Frame::Frontiers(frontiers) => self.on_frontiers(world, held, frontiers, outputs),
            Frame::Want(want) => self.on_want(world, held, want, outputs)?,
            Frame::Receipt(receipt) => {
                for HeldDocument { document, mut frontier } in receipt.documents {
                    // A peer may name logs without end; only those held here are of interest.
                    frontier.0.retain(|log, _| !world.index.tips(&document, log).is_empty());
                    if world.index.space_of(&document).is_some_and(|space| self.shares(&space)) {
                        self.note_delivered(world, document, &frontier);
                        self.serve.note_orders(&world.index, document, &frontier);
                        outputs.push(Output::Receipt { peer: self.peer, document, frontier });
                    }
                }
            }
            Frame::Cell(cell) => match self.on_cell(world, &cell) {
                Ok(true) => outputs.push(Output::Heartbeat { peer: self.peer, cell }),
                Ok(false) => {}
                Err(reason) => self.refuse(reason, outputs),
            },
        }
        if self.refusals > REFUSALS_MAX || self.control.len() > CONTROL_FRAMES_MAX {
            return Err(Ending::TooMuch);
        }
        Ok(())
    }

    /// Takes a heartbeat; says whether it was the latest of its writer.
    fn on_cell(&mut self, world: &mut World, cell: &Cell) -> Result<bool, Refused> {
        self.cells_taken += 1;
        if self.cells_taken > CELLS_RATE_MAX {
            return Err(Refused::TooFast);
        }
        // What a member wants itself may overtake the answer by which it is shared.
        let shared = self.shares(&cell.space) || world.wanted.contains_key(&cell.space);
        if !shared || !cell.verify() {
            return Err(Refused::UnknownSpace);
        }
        // What is dated ahead would keep all that follows from being heard.
        if cell.counter > world.now.plus_ms(CLOCK_SKEW_MS_MAX).0 {
            return Err(Refused::Early);
        }
        world.cells.take(cell, Some(self.peer))
    }

    fn refuse(&mut self, reason: Refused, outputs: &mut Vec<Output>) {
        // An honest peer does not know that a quota or the disk is full: it goes on, and is told
        // about once a second.
        let blameless = reason.is_quota() || reason == Refused::Congested;
        if !blameless {
            self.refusals += 1;
        } else if std::mem::replace(&mut self.told_blameless, true) {
            return;
        }
        outputs.push(Output::Refused { peer: Some(self.peer), reason });
    }

    pub(crate) fn tick(&mut self, world: &mut World, now: Timestamp) {
        self.demands = 0;
        self.asked_lists = 0;
        self.refusals = 0;
        self.urgent_bytes = 0;
        self.cells_taken = 0;
        self.cells_said = 0;
        self.told_blameless = false;
        self.dirty = true;
        self.fetch.tick(world, now);
        self.tick_blobs(world, now);
        self.tick_compare(world, now);
    }

    pub(crate) fn owe_receipt(&mut self, document: DocTag, log: LogKey, urgent: bool) {
        let [fast, slow] = &mut self.receipts;
        let due = if urgent { fast } else { slow };
        due.entry(document).or_default().insert(log);
        self.dirty = true;
    }

    pub(crate) fn owe_certificate(&mut self, world: &World, id: CertificateId) {
        let certificate = world.directory.certificate(&id);
        if certificate.is_some_and(|certificate| world.tells(&self.peer, certificate)) {
            self.certificates.insert(id);
            self.dirty = true;
        }
    }

    pub(crate) fn owe_cell(&mut self, space: SpaceTag, log: LogKey) {
        self.cells.insert((space, log));
        self.dirty = true;
    }

    /// Says all that is to be said and that the lanes can take.
    pub(crate) fn pump(&mut self, world: &mut World, held: &dyn Held, outputs: &mut Vec<Output>) {
        self.dirty = false;
        if self.is_open() {
            self.pump_naming(world);
            self.pump_kept(world);
            self.begin(world);
        }
        for lane in [Urgency::Urgent, Urgency::Normal, Urgency::Bulk] {
            while self.credit.get(slot(lane)).is_some_and(|credit| *credit > 0) {
                let Some(bytes) = self.next(world, held, lane, outputs) else { break };
                if let Some(credit) = self.credit.get_mut(slot(lane)) {
                    *credit -= 1;
                }
                outputs.push(Output::Send { peer: self.peer, lane, bytes });
            }
        }
        if self.is_open() {
            self.read_parts(world, outputs);
            self.settle(world, outputs);
        }
    }

    fn next(
        &mut self,
        world: &mut World,
        held: &dyn Held,
        lane: Urgency,
        outputs: &mut Vec<Output>,
    ) -> Option<Vec<u8>> {
        if lane == Urgency::Normal
            && let Some(frame) = self.control.pop_front()
        {
            return Some(frame);
        }
        if !self.is_open() {
            return None;
        }
        let frame = match lane {
            Urgency::Urgent => self
                .next_receipt(world, true)
                .or_else(|| self.next_cell(world))
                .or_else(|| self.next_want(world, held, true)),
            Urgency::Normal => self
                .next_certificates(world)
                .or_else(|| self.next_receipt(world, false))
                .or_else(|| self.next_ranges())
                .or_else(|| self.next_frontiers(world))
                .or_else(|| self.next_want(world, held, false)),
            Urgency::Bulk => self.next_blob_word(world),
        };
        let frame = frame.or_else(|| self.next_pages(world, held, lane, outputs));
        let frame = frame.or_else(|| (lane == Urgency::Bulk).then(|| self.next_part()).flatten());
        frame.map(|frame| frame.encode())
    }

    fn next_receipt(&mut self, world: &World, urgent: bool) -> Option<Frame> {
        let [fast, slow] = &mut self.receipts;
        let due = if urgent { fast } else { slow };
        let mut documents = Vec::new();
        let mut bytes = 0;
        while bytes < FRAME_BYTES_FULL {
            let Some((document, logs)) = due.pop_first() else { break };
            let frontier = part(world, document, &logs);
            bytes += frontier_bytes(&frontier);
            if !frontier.0.is_empty() {
                documents.push(HeldDocument { document, frontier });
            }
        }
        let receipt = Receipt { documents };
        (!receipt.documents.is_empty()).then_some(Frame::Receipt(receipt))
    }

    fn next_cell(&mut self, world: &World) -> Option<Frame> {
        while self.cells_said < CELLS_RATE_MAX / 8 {
            let after = self.last_cell.map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.cells.range((after, Bound::Unbounded)).next();
            let key = next.or_else(|| self.cells.first()).copied()?;
            self.cells.remove(&key);
            self.last_cell = Some(key);
            if let Some(cell) = world.cells.get(&key).filter(|cell| self.shares(&cell.space)) {
                self.cells_said += 1;
                return Some(Frame::Cell(cell.clone()));
            }
        }
        None
    }

    fn next_certificates(&mut self, world: &World) -> Option<Frame> {
        let mut certificates = Vec::new();
        let mut bytes = 0;
        while bytes < FRAME_BYTES_FULL {
            let Some(id) = self.certificates.pop_first() else { break };
            let Some(certificate) = world.directory.certificate(&id) else { continue };
            let encoded = certificate.encode();
            bytes += encoded.len();
            certificates.push(encoded.into());
        }
        let list = Certificates { certificates };
        (!list.certificates.is_empty()).then_some(Frame::Certificates(list))
    }

    /// Sends a frame on the urgent lane at once, whether it has room or not: it is not tried again.
    pub(crate) fn send_urgent(&mut self, frame: &Frame, outputs: &mut Vec<Output>) {
        let (peer, lane) = (self.peer, Urgency::Urgent);
        if let Some(credit) = self.credit.get_mut(slot(lane)) {
            *credit = credit.saturating_sub(1);
            outputs.push(Output::Send { peer, lane, bytes: frame.encode() });
        }
    }

    pub(crate) fn status(&self) -> SessionStatus {
        let (asked, offered) = self.fetch.counts();
        SessionStatus {
            open: self.is_open(),
            shared: self.shared.clone(),
            asked,
            offered,
            sending: self.serve.count(),
        }
    }

    /// Gives back what was asked of the peer: it is gone.
    pub(crate) fn abandon(&mut self, world: &mut World) {
        self.fetch.drop_asked(world);
        self.release_blob(world);
    }

    /// Drops what was to be said and fetched of documents that are erased.
    pub(crate) fn drop_documents(&mut self, world: &mut World, gone: &BTreeSet<DocTag>) {
        self.fetch.drop_documents(world, gone);
        self.offering.retain(|document| !gone.contains(document));
        self.announcing.retain(|document, _| !gone.contains(document));
        self.delivered.retain(|document, _| !gone.contains(document));
        for due in &mut self.receipts {
            due.retain(|document, _| !gone.contains(document));
        }
        self.dirty = true;
    }

    /// An order to prune a document was taken in, or the checkpoint of one has come.
    pub(crate) fn ordered(&mut self, world: &mut World, document: &DocTag) {
        self.fetch.ordered(world, document);
        self.dirty = true;
    }

    /// More of a log has become durable: where it was not wanted because something of it was missing, it is again.
    pub(crate) fn filled(&mut self, document: DocTag, log: LogKey) {
        self.fetch.filled(&(document, log));
    }

    /// Something of what this node kept for others is gone.
    pub(crate) fn quota_given_back(&mut self) {
        self.fetch.over_quota.clear();
    }

    pub(crate) fn unblock(&mut self) {
        self.fetch.unblock();
        self.dirty = true;
    }

    /// Something that the peer sent could not be stored: it is found again at the next tick.
    pub(crate) const fn lost(&mut self) {
        self.fetch.again = true;
    }

    /// The goodbye that fits an ending; none where the peer is gone already.
    pub(crate) fn goodbye(&mut self, reason: Ending) -> Option<Vec<u8>> {
        let credit = self.credit.get_mut(slot(Urgency::Normal))?;
        *credit = credit.checked_sub(1)?;
        let reason = match reason {
            Ending::Goodbye => return None,
            Ending::NotMember(_) => ByeReason::NotMember,
            Ending::OtherCommunity | Ending::Version(_) => ByeReason::Different,
            Ending::Malformed | Ending::TooLarge | Ending::OutOfTurn | Ending::TooMuch => {
                ByeReason::Broken
            }
        };
        Some(Frame::Bye(crate::frame::Bye { reason }).encode())
    }
}

/// The part of a document's frontier that is about `logs`.
fn part(world: &World, document: DocTag, logs: &BTreeSet<LogKey>) -> Frontier {
    let tips = |log: &LogKey| match planted::is(Bug::FalseReceipt) {
        true => world.index.admitted_tips(&document, log),
        false => world.index.tips(&document, log),
    };
    let tips = logs.iter().map(|log| (*log, tips(log)));
    Frontier(tips.filter(|(_, tips)| !tips.is_empty()).collect())
}

/// About how many bytes a frontier takes in a frame, its document's tag included.
fn frontier_bytes(frontier: &Frontier) -> usize {
    let tips: usize = frontier.0.values().map(|tips| 36 + tips.len() * 46).sum();
    40 + tips
}
