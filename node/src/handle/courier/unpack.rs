//! Taking a file in, a part at a time. Nothing of it is believed before it is checked, and nothing is
//! reported before it is durable.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use linli_core::audit::{AuditRecord, What};
use linli_core::courier::Opener;
use linli_core::engine::Authored;
use linli_replica::certificate::Certificate;
use linli_replica::courier::{CourierError, Head, Part, Reader};
use linli_replica::custody::Custody;
use linli_replica::directory::NotMember;
use linli_replica::frame::{Certificates, Frame, Naming};
use linli_replica::id::{DocTag, NodeId, Timestamp};
use linli_replica::limits::{CLOCK_SKEW_MS_MAX, FRAME_BYTES_MAX};
use linli_replica::replica::{Carried, Input, Refused, Save};
use serde_json::Value;

use super::stick::{Incoming, Piece};
use super::{Done, refusal};
use crate::api::courier::{CourierUnpack, CourierUnpacked, FileEnd};
use crate::api::{ApiError, Code};
use crate::courier::Named;
use crate::handle::refusals::unusable;
use crate::handle::{Work, json};
use crate::node::{Node, now};

/// Bytes of a file that are on their way to disk before more is read.
const PENDING_BYTES: usize = 4 << 20;
/// Bytes of certificates by which a packer may show that it is a member.
const PROOF_BYTES: usize = 4 << 20;
/// What each certificate and list of them is charged besides its bytes: they take memory even where they are empty.
const PROOF_ITEM_BYTES: usize = 64;
/// Certificates whose signatures are checked before the driver looks for other inputs: some 5 ms.
const CERTIFICATES_AT_ONCE: usize = 64;
/// Documents that are remembered until they are noted.
const DOCUMENTS: usize = 4_096;
/// How often a file is read, where each reading has brought spaces that the one before passed over.
const READINGS_MAX: u8 = 4;
/// Names that a node may leave with a carrier: one frame of them.
const NAMES_BYTES: usize = FRAME_BYTES_MAX;

/// A file that is being taken in.
struct Unpack {
    path: PathBuf,
    file: Incoming,
    opener: Option<Opener>,
    reader: Option<Reader>,
    head: Option<Head>,
    /// What is to show that the packer is a member, until it has.
    proof: Option<Proof>,
    /// The certificates that did, until they are taken in.
    proved: VecDeque<Certificates>,
    /// What came behind them.
    next: Option<Frame>,
    /// Whether nothing more is taken before all that came is durable.
    settles: bool,
    brought: Carried,
    documents: BTreeSet<DocTag>,
    all_documents: u64,
    receipts: u64,
    names: Vec<u8>,
    parts: u64,
    end: Option<Result<(), CourierError>>,
    /// How many spaces were wanted when this reading began, and which reading it is.
    wanted: usize,
    reading: u8,
    lost: u64,
    waits: bool,
    /// That it was taken in, and by whom.
    record: AuditRecord,
}

/// Certificates by which a packer may show that it is a member.
#[derive(Default)]
struct Proof {
    lists: VecDeque<Certificates>,
    bytes: usize,
    /// How many certificates of how many lists were read.
    read: (usize, usize),
    sound: Vec<Certificate>,
    /// Whether no more of them come.
    closed: bool,
}

impl Proof {
    /// Takes a list up, to be read.
    fn push(&mut self, list: Certificates) {
        let bytes = list.certificates.iter().map(|bytes| bytes.len() + PROOF_ITEM_BYTES);
        self.bytes += PROOF_ITEM_BYTES + bytes.sum::<usize>();
        self.closed = self.bytes > PROOF_BYTES;
        self.lists.push_back(list);
    }

    /// Reads some more of the certificates; false where all were.
    fn read_on(&mut self) -> bool {
        let Some(list) = self.lists.get(self.read.0) else { return false };
        let some = list.certificates.iter().skip(self.read.1).take(CERTIFICATES_AT_ONCE);
        self.sound.extend(some.filter_map(|bytes| Certificate::decode(bytes).ok()));
        self.read.1 += CERTIFICATES_AT_ONCE;
        if self.read.1 >= list.certificates.len() {
            self.read = (self.read.0 + 1, 0);
        }
        true
    }
}

pub(in crate::handle) fn begin(
    node: &mut Node,
    request: CourierUnpack,
) -> Result<Box<dyn Work>, ApiError> {
    let path = PathBuf::from(request.file);
    let file = Incoming::open(&path).map_err(|error| unusable(&path, &error))?;
    Ok(Box::new(Unpack {
        path,
        file,
        opener: None,
        reader: None,
        head: None,
        proof: None,
        proved: VecDeque::new(),
        next: None,
        settles: false,
        brought: Carried::default(),
        documents: BTreeSet::new(),
        all_documents: 0,
        receipts: 0,
        names: Vec::new(),
        parts: 0,
        end: None,
        wanted: node.replica.wanted().count(),
        reading: 1,
        lost: node.courier.lost,
        waits: false,
        record: node.record_of(What::Unpacked),
    }))
}

impl Work for Unpack {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        self.waits = false;
        let done = self.some(node);
        if done.is_err() && self.brought.entries > 0 {
            let record = self.recorded();
            node.note(&record);
        }
        done.transpose()
    }

    fn waits(&self) -> bool {
        self.waits
    }
}

impl Unpack {
    fn some(&mut self, node: &mut Node) -> Done {
        if let Some(from) = self.from() {
            self.settles |= self.end.is_some() || self.documents.len() >= DOCUMENTS;
            let clear = node.replica.is_clear_of(&from);
            if (self.settles && !clear) || node.replica.pending_bytes(&from) > PENDING_BYTES {
                self.waits = true;
                return Ok(None);
            }
            self.check_stored(node)?;
            if self.settles {
                self.settles = false;
                self.note(node);
            }
        }
        if let Some(proof) = &mut self.proof {
            if proof.read_on() {
                return Ok(None);
            }
            if proof.closed {
                self.prove(node)?;
                return Ok(None);
            }
        }
        if let Some((from, list)) = self.from().zip(self.proved.pop_front()) {
            self.feed(node, from, Frame::Certificates(list))?;
            return Ok(None);
        }
        if let Some(end) = self.end {
            return self.finish(node, end);
        }
        if let Some(frame) = self.next.take() {
            self.frame(node, frame)?;
            return Ok(None);
        }
        match self.file.next() {
            None => self.waits = true,
            Some(Piece::Unreadable(error)) => return Err(unusable(&self.path, &error)),
            Some(Piece::End(end)) => self.ends(end)?,
            Some(Piece::Preamble(preamble)) => {
                self.reader = Some(Reader::new(&preamble));
                let opener = Opener::new(node.core.seal_key(), preamble);
                self.opener = opener.map_err(|_| refusal(CourierError::NotForUs))?;
            }
            Some(Piece::Chunk(chunk)) => match self.part(&chunk) {
                Ok(Part::Head(head)) => self.head(node, head)?,
                Ok(Part::Frame(frame)) => self.frame(node, frame)?,
                Ok(Part::End) => self.ends(Ok(()))?,
                Err(error) => self.ends(Err(error))?,
            },
        }
        Ok(None)
    }

    /// Who packed the file, once it is known that they may be heard.
    fn from(&self) -> Option<NodeId> {
        self.head.as_ref().filter(|_| self.proof.is_none()).map(|head| head.from)
    }

    fn part(&mut self, chunk: &[u8]) -> Result<Part, CourierError> {
        let reader = self.reader.as_mut().ok_or(CourierError::NotCourier)?;
        let part = super::part(reader, self.opener.as_mut(), chunk)?;
        self.parts = reader.parts();
        Ok(part)
    }

    fn head(&mut self, node: &Node, head: Head) -> Result<(), ApiError> {
        let directory = node.replica.directory();
        head.check(directory.community(), node.core.node()).map_err(refusal)?;
        match head.admitted(directory, now()) {
            Ok(()) => {}
            Err(CourierError::Stranger(NotMember::Unknown | NotMember::Ended)) => {
                self.proof = Some(Proof::default());
            }
            Err(error) => return Err(refusal(error)),
        }
        self.head = Some(head);
        Ok(())
    }

    /// Says whether the packer is a member by what its file shows: only then anything is kept of it.
    fn prove(&mut self, node: &Node) -> Result<(), ApiError> {
        let (Some(proof), Some(head)) = (self.proof.take(), &self.head) else { return Ok(()) };
        let mut directory = node.replica.directory().clone();
        directory.add(proof.sound);
        head.admitted(&directory, now()).map_err(refusal)?;
        self.proved = proof.lists;
        Ok(())
    }

    fn frame(&mut self, node: &mut Node, frame: Frame) -> Result<(), ApiError> {
        if let Some(proof) = &mut self.proof {
            if let Frame::Certificates(list) = frame {
                proof.push(list);
            } else {
                // The packer is a member once the certificates are durable.
                self.next = Some(frame);
                proof.closed = true;
            }
            return Ok(());
        }
        let Some(from) = self.from() else { return Ok(()) };
        if let Frame::Custody(custody) = &frame {
            self.custody(node, custody);
            return Ok(());
        }
        if let Frame::Spaces(spaces) = &frame
            && spaces.naming == Naming::Ask
        {
            let room = NAMES_BYTES.saturating_sub(self.names.len());
            self.names.extend(spaces.names.iter().take(room));
            return Ok(());
        }
        self.feed(node, from, frame)
    }

    fn feed(&mut self, node: &mut Node, from: NodeId, frame: Frame) -> Result<(), ApiError> {
        // Who signed a letter must be known before it is opened.
        self.settles |= matches!(frame, Frame::Certificates(_));
        node.feed(Input::Carried { from, frame });
        let mut carried = std::mem::take(&mut node.courier.carried);
        self.documents.extend(carried.take_documents());
        let failed = [Refused::Congested, Refused::Store];
        let failed = failed.iter().any(|reason| carried.refused.contains_key(reason));
        self.brought.absorb(carried);
        if failed { Err(not_stored(node)) } else { Ok(()) }
    }

    /// That so much of whose file was taken in.
    fn recorded(&self) -> AuditRecord {
        let count = u64::try_from(self.brought.entries).unwrap_or(u64::MAX);
        AuditRecord { node: self.from(), count, ..self.record.clone() }
    }

    fn check_stored(&self, node: &Node) -> Result<(), ApiError> {
        if node.courier.lost > self.lost { Err(not_stored(node)) } else { Ok(()) }
    }

    /// Believes a receipt of a member, and keeps it for others where this node carries.
    fn custody(&mut self, node: &mut Node, custody: &Custody) {
        let directory = node.replica.directory();
        let Ok(terms) = custody.verify(directory.community()) else {
            *self.brought.refused.entry(Refused::BadCertificate).or_default() += 1;
            return;
        };
        let member = directory.node(&terms.by).is_some_and(|member| !member.expelled);
        if !member || terms.by == node.core.node() {
            return;
        }
        self.receipts += 1;
        let mut trip = node.courier.trip(&terms.by);
        let heard = node.heard.at(&terms.by).map(|at| at.plus_ms(2 * CLOCK_SKEW_MS_MAX));
        let newest = terms.at >= trip.said.unwrap_or_default()
            && heard.is_none_or(|heard| terms.at > heard)
            && terms.at <= now().plus_ms(CLOCK_SKEW_MS_MAX);
        for held in terms.documents {
            if node.replica.index().space_of(&held.document) == Some(terms.space) {
                let (document, frontier) = (held.document, held.frontier);
                node.receipts.note_carried(terms.by, document, frontier, (newest, terms.at), now());
            }
        }
        let mut records = Vec::new();
        if newest {
            trip.said = Some(terms.at);
            records.push(node.courier.travelled(terms.by, trip));
        }
        if node.replica.carries() {
            records.extend(node.courier.keep(custody.clone(), terms.by, now()));
        }
        learned(node, records);
    }

    /// Remembers the documents of which something came: receipts of them are owed.
    fn note(&mut self, node: &mut Node) {
        let index = node.replica.index();
        let held: Vec<DocTag> = std::mem::take(&mut self.documents)
            .into_iter()
            .filter(|document| index.frontier(document).is_some())
            .collect();
        self.all_documents += u64::try_from(held.len()).unwrap_or(u64::MAX);
        let records = node.courier.grew(held, now());
        learned(node, records);
    }

    fn ends(&mut self, end: Result<(), CourierError>) -> Result<(), ApiError> {
        match end {
            // Nothing could be believed so far.
            Err(error) if self.head.is_none() => return Err(refusal(error)),
            end => self.end = Some(end),
        }
        if let Some(proof) = &mut self.proof {
            proof.closed = true;
        }
        Ok(())
    }

    fn finish(&mut self, node: &mut Node, end: Result<(), CourierError>) -> Done {
        let wanted = node.replica.wanted().count();
        let elsewhere = self.brought.refused.remove(&Refused::UnknownSpace).unwrap_or(0);
        if elsewhere > 0 && wanted > self.wanted && self.reading < READINGS_MAX {
            self.again(wanted)?;
            return Ok(None);
        }
        let Some(head) = self.head.clone() else { return Err(refusal(CourierError::NotCourier)) };
        let mut trip = node.courier.trip(&head.from);
        let is_latest = trip.taken.is_none_or(|taken| taken <= head.at);
        // A certificate that was refused is to be packed again.
        if end.is_ok() && !self.brought.refused.contains_key(&Refused::BadCertificate) {
            trip.taken = trip.taken.max(Some(head.at));
        }
        // A packer can only have taken what was packed here before.
        let acknowledged = head.taken.filter(|taken| *taken <= now());
        trip.acknowledged = trip.acknowledged.max(acknowledged);
        if is_latest && end.is_ok() && head.to.is_some() && !self.names.is_empty() {
            let names = std::mem::take(&mut self.names).into();
            trip.named = Some(Named { secret: head.secret, names });
        }
        let record = self.recorded().for_store();
        let records = vec![node.courier.travelled(head.from, trip), record];
        let save = node.author(Authored { records, ..Authored::default() });
        let answer = self.answer(node, &head, end, elsewhere);
        Ok(Some((json(&answer)?, [save].into())))
    }

    /// Reads the file once more: it has brought spaces whose pages were passed over.
    fn again(&mut self, wanted: usize) -> Result<(), ApiError> {
        self.file = Incoming::open(&self.path).map_err(|error| unusable(&self.path, &error))?;
        (self.opener, self.reader, self.head, self.end) = (None, None, None, None);
        (self.receipts, self.all_documents, self.brought.gaps) = (0, 0, 0);
        self.names.clear();
        self.wanted = wanted;
        self.reading += 1;
        Ok(())
    }

    fn answer(
        &self,
        node: &Node,
        head: &Head,
        end: Result<(), CourierError>,
        elsewhere: u64,
    ) -> CourierUnpacked {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let refused = |quota: bool| {
            let of = self.brought.refused.iter().filter(|(reason, _)| reason.is_quota() == quota);
            of.map(|(_, count)| count).sum()
        };
        let Timestamp(packed_ms) = head.at;
        CourierUnpacked {
            node: head.from.to_string(),
            label: node.replica.directory().node(&head.from).map(|member| member.label.clone()),
            packed_ms,
            documents: self.all_documents,
            entries: count(self.brought.entries),
            certificates: count(self.brought.certificates),
            receipts: self.receipts,
            elsewhere,
            gaps: count(self.brought.gaps),
            over_quota: refused(true),
            refused: refused(false),
            end: FileEnd::of(end),
            parts: self.parts,
        }
    }
}

fn learned(node: &mut Node, records: Vec<linli_replica::batch::Record>) {
    if !records.is_empty() {
        node.feed(Input::Learned { pages: Vec::new(), records });
    }
}

fn not_stored(node: &Node) -> ApiError {
    let full = node.store.stats().is_ok_and(|stats| stats.full);
    let code = if full { Code::Full } else { Code::Internal };
    ApiError::new(code, "error-courier-not-stored")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_takes_of_the_room_for_a_proof_too() {
        let mut proof = Proof::default();
        let empty = || Certificates { certificates: vec![Vec::new().into(); 1_000] };
        let lists = (1..).find(|_| {
            proof.push(empty());
            proof.closed
        });
        assert!(lists.is_some_and(|lists| lists <= PROOF_BYTES / (1_000 * PROOF_ITEM_BYTES) + 1));
    }
}
