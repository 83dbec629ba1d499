//! Comparing: which certificates and documents differ, and telling the peer how far ours go.
//!
//! One side drives: it asks about ranges and ends with an empty question, which the other answers
//! when it has told all its frontiers. Both directions may run at once.

use std::collections::{BTreeSet, VecDeque};

use super::{Session, frontier_bytes, part};
use crate::entry::Urgency;
use crate::frame::{Certificates, Frame, Frontiers, Offer, Ranges};
use crate::id::{CertificateId, DocTag, Timestamp};
use crate::limits::{
    COMPARE_INTERVAL_MS, DEMANDS_MAX, FRAME_BYTES_FULL, REQUEST_RANGES_MAX, REQUESTS_IN_FLIGHT_MAX,
    ROUNDS_MAX,
};
use crate::reconcile::{Range, Snapshot};
use crate::replica::api::{Ending, Output};
use crate::replica::commits::Parcel;
use crate::replica::world::World;

#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// A comparison is to begin.
    pub(super) due: bool,
    /// A comparison has begun that was not yet reported as ended.
    running: bool,
    driver: Option<Driver>,
    responder: Option<Responder>,
    /// What was compared, until it is reported.
    ended: Option<Snapshots>,
    /// Comparisons begun here since the last tick.
    begun: usize,
    last: Timestamp,
}

#[derive(Debug)]
struct Snapshots {
    certificates: Snapshot,
    documents: Snapshot,
    /// Documents that the peer does not hold as they are held here.
    differing: BTreeSet<DocTag>,
    /// Frames that an honest comparison of these sets can take.
    frames_left: usize,
}

#[derive(Debug)]
struct Driver {
    snapshots: Snapshots,
    certificates: VecDeque<Range>,
    documents: VecDeque<Range>,
    in_flight: usize,
    opened: bool,
    finishing: bool,
}

#[derive(Debug)]
struct Responder {
    snapshots: Snapshots,
    finishing: bool,
}

impl Snapshots {
    fn take(session: &Session, world: &World) -> Self {
        let digests = world.directory.digests(world.only_carriage(&session.peer));
        let certificates = Snapshot::of(&session.salt, digests);
        let compared = session.shared.iter().filter(|space| session.compares(world, space));
        let documents = compared.flat_map(|space| world.index.documents(space));
        let documents =
            Snapshot::new(&session.salt, documents.map(|(tag, digest)| (tag.0, digest)));
        let items = certificates.len() + documents.len();
        let rounds = usize::try_from(ROUNDS_MAX).unwrap_or(usize::MAX);
        let frames_left = rounds.saturating_add(items);
        Self { certificates, documents, differing: BTreeSet::new(), frames_left }
    }

    /// Lists the documents that the peer holds as they are held here, then and now.
    fn alike(&self, world: &World) -> Vec<DocTag> {
        let unchanged = self.documents.unchanged(|key| world.index.digest(&DocTag(*key)));
        unchanged.map(DocTag).filter(|document| !self.differing.contains(document)).collect()
    }
}

impl Ranges {
    fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.documents.is_empty()
    }

    /// Says whether this begins a comparison: it is about everything at once.
    fn is_opening(&self) -> bool {
        let whole = |ranges: &[Range]| matches!(ranges, [range] if range.is_whole());
        whole(&self.certificates) && whole(&self.documents)
    }
}

impl Session {
    /// Judges ranges against snapshots; notes what differs and returns what is to be said.
    fn judge(&mut self, snapshots: &mut Snapshots, ranges: &Ranges) -> Result<Ranges, Ending> {
        snapshots.frames_left = snapshots.frames_left.checked_sub(1).ok_or(Ending::TooMuch)?;
        let malformed = |_| Ending::Malformed;
        let certificates =
            snapshots.certificates.answer(&ranges.certificates).map_err(malformed)?;
        let documents = snapshots.documents.answer(&ranges.documents).map_err(malformed)?;
        self.certificates.extend(certificates.differing.into_iter().map(CertificateId));
        for document in documents.differing.into_iter().map(DocTag) {
            snapshots.differing.insert(document);
            self.offering.insert(document);
        }
        let (certificates, documents) = (certificates.ranges, documents.ranges);
        Ok(Ranges { answer: true, certificates, documents })
    }

    pub(super) fn on_ranges(&mut self, world: &World, ranges: &Ranges) -> Result<(), Ending> {
        if ranges.answer { self.on_answer(ranges) } else { self.on_question(world, ranges) }
    }

    fn on_question(&mut self, world: &World, ranges: &Ranges) -> Result<(), Ending> {
        let opening = ranges.is_opening();
        let mut responder = match self.compare.responder.take() {
            Some(responder) if !opening => responder,
            _ if opening => {
                self.demand()?;
                self.compare.running = true;
                self.offer_inboxes(world);
                Responder { snapshots: Snapshots::take(self, world), finishing: false }
            }
            Some(_) | None => return Err(Ending::OutOfTurn),
        };
        if ranges.is_empty() {
            responder.finishing = true;
            self.compare.responder = Some(responder);
            return Ok(());
        }
        let answer = self.judge(&mut responder.snapshots, ranges)?;
        if opening && answer.is_empty() {
            self.compare.ended = Some(responder.snapshots);
        } else {
            self.compare.responder = Some(responder);
        }
        self.say(&Frame::Ranges(answer));
        Ok(())
    }

    fn on_answer(&mut self, ranges: &Ranges) -> Result<(), Ending> {
        let mut driver = self.compare.driver.take().ok_or(Ending::OutOfTurn)?;
        driver.in_flight = driver.in_flight.checked_sub(1).ok_or(Ending::OutOfTurn)?;
        let opened = std::mem::replace(&mut driver.opened, true);
        if driver.finishing || (!opened && ranges.is_empty()) {
            self.compare.ended = Some(driver.snapshots);
            return Ok(());
        }
        let next = self.judge(&mut driver.snapshots, ranges)?;
        driver.certificates.extend(next.certificates);
        driver.documents.extend(next.documents);
        self.compare.driver = Some(driver);
        Ok(())
    }

    /// Begins a comparison where one is due.
    pub(super) fn begin(&mut self, world: &World) {
        let waits = self.asks > 0 || self.compare.driver.is_some();
        if !self.compare.due || waits || self.compare.begun >= DEMANDS_MAX / 8 {
            return;
        }
        self.compare.due = false;
        self.compare.running = true;
        self.compare.begun += 1;
        self.compare.last = world.now;
        self.offer_inboxes(world);
        let snapshots = Snapshots::take(self, world);
        let certificates = VecDeque::from([snapshots.certificates.opening()]);
        let documents = VecDeque::from([snapshots.documents.opening()]);
        self.compare.driver = Some(Driver {
            snapshots,
            certificates,
            documents,
            in_flight: 0,
            opened: false,
            finishing: false,
        });
    }

    pub(crate) fn compare_again(&mut self) {
        self.compare.due = true;
        self.dirty = true;
    }

    pub(super) fn tick_compare(&mut self, world: &World, now: Timestamp) {
        self.compare.begun = 0;
        self.compare.last = self.compare.last.min(now);
        let old = now.since_ms(self.compare.last) >= COMPARE_INTERVAL_MS;
        let unread = std::mem::take(&mut self.serve.again);
        // What was lost waits until the store is tried again.
        let lost = !world.waits_for_store() && std::mem::take(&mut self.fetch.again);
        self.compare.due |= self.is_open() && ((self.initiator && old) || lost || unread);
    }

    pub(super) fn next_ranges(&mut self) -> Option<Frame> {
        let told = self.offering.is_empty() && self.certificates.is_empty();
        let nothing = |answer| {
            let (certificates, documents) = (Vec::new(), Vec::new());
            Some(Frame::Ranges(Ranges { answer, certificates, documents }))
        };
        if told && let Some(done) = self.compare.responder.take_if(|responder| responder.finishing)
        {
            self.compare.ended = Some(done.snapshots);
            return nothing(true);
        }
        let driver = self.compare.driver.as_mut()?;
        if driver.certificates.is_empty() && driver.documents.is_empty() {
            if driver.in_flight > 0 || driver.finishing || !told {
                return None;
            }
            driver.finishing = true;
            driver.in_flight = 1;
            return nothing(false);
        }
        if driver.in_flight >= REQUESTS_IN_FLIGHT_MAX {
            return None;
        }
        driver.in_flight += 1;
        let take = |queue: &mut VecDeque<Range>| -> Vec<Range> {
            let count = queue.len().min(REQUEST_RANGES_MAX);
            let mut ranges: Vec<Range> = queue.drain(..count).collect();
            ranges.sort_by(|a, b| a.start.cmp(&b.start));
            ranges
        };
        let (certificates, documents) =
            (take(&mut driver.certificates), take(&mut driver.documents));
        Some(Frame::Ranges(Ranges { answer: false, certificates, documents }))
    }

    pub(super) fn next_frontiers(&mut self, world: &World) -> Option<Frame> {
        let mut documents = Vec::new();
        let mut bytes = 0;
        while bytes < FRAME_BYTES_FULL {
            let (document, frontier) = if let Some((document, logs)) = self.announcing.pop_first() {
                (document, part(world, document, &logs))
            } else if let Some(document) = self.offering.pop_first() {
                (document, world.index.frontier(&document).unwrap_or_default())
            } else {
                break;
            };
            let space = world.index.space_of(&document);
            if space.is_some_and(|space| self.gives(world, &space)) && !frontier.0.is_empty() {
                bytes += frontier_bytes(&frontier);
                let mut logs = frontier.0.keys();
                let urgent =
                    logs.any(|log| world.index.urgency(&document, log) == Some(Urgency::Urgent));
                documents.push(Offer { document, frontier, urgent });
            }
        }
        (!documents.is_empty()).then_some(Frame::Frontiers(Frontiers { documents }))
    }

    pub(super) fn on_certificates(
        &mut self,
        world: &mut World,
        list: Certificates,
        outputs: &mut Vec<Output>,
    ) {
        let mut parcel = Parcel { from: Some(self.peer), ..Parcel::default() };
        for bytes in list.certificates {
            match world.sift(&self.peer, &bytes) {
                Ok(certificate) => parcel.certificates.extend(certificate),
                Err(reason) => self.refuse(reason, outputs),
            }
        }
        if !parcel.certificates.is_empty() {
            world.commits.push(parcel);
        }
    }

    /// Reports the end of a comparison once all it found is fetched, durable and sent.
    pub(super) fn settle(&mut self, world: &World, outputs: &mut Vec<Output>) {
        let compared = self.compare.driver.is_none() && self.compare.responder.is_none();
        let told = self.offering.is_empty() && self.certificates.is_empty() && self.serve.is_idle();
        if self.compare.running
            && !self.compare.due
            && !self.fetch.again
            && compared
            && told
            && self.control.is_empty()
            && self.fetch.is_idle()
            && world.commits.is_clear_of(&self.peer)
        {
            self.compare.running = false;
            let ended = self.compare.ended.take();
            let alike = ended.map(|ended| ended.alike(world)).unwrap_or_default();
            outputs.push(Output::Synced { peer: self.peer, alike });
        }
    }
}
