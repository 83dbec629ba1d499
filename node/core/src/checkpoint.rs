//! Checkpoints: a whole document at a frontier, in consecutive entries of one log.
//!
//! `docs/spec/checkpoint.md` is the format. A part belongs to a checkpoint through its place in its log and
//! through nothing else, so nobody but the log's writer can add one. Everything is bounded before it is
//! taken in, and nothing of a change is decoded: its bytes are compared with those that are held.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use automerge::{Change, ChangeHash};
use linli_replica::codec;
use linli_replica::id::{EntryId, LogKey, NodeId, PartyId, SpaceTag, Timestamp};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Decoder, Encode};

use crate::document::{Cost, Judged, cost};
use crate::limits::{
    CHECKPOINT_BYTES_MAX, CHECKPOINT_CHANGES_MAX, CHECKPOINT_INFLATED_BYTES_MAX,
    CHECKPOINT_INFLATION_MAX, CHECKPOINT_PART_BYTES_MAX, CHECKPOINT_PARTS_MAX,
    CHECKPOINT_PEOPLE_MAX, CHECKPOINT_ROWS_MAX, CHECKPOINT_TEXT_BYTES_MAX, CHECKPOINT_VALUES_MAX,
    CUT_LOGS_MAX,
};
use crate::payload::{Binding, Content};
use crate::person::PersonCertificate;
use bare::Bare;

mod bare;
mod check;
mod join;

pub(crate) use check::{HeldLog, check, is_same};
pub(crate) use join::{Found, join};

/// How far something reaches in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Upto {
    /// The log.
    #[n(0)]
    pub log: LogKey,
    /// Sequence number of the last entry that it reaches.
    #[n(1)]
    pub sequence: u64,
    /// That entry.
    #[n(2)]
    pub entry: EntryId,
}

/// What the first part says of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// Format version, 1.
    #[n(0)]
    version: u8,
    /// How many parts there are, this one included.
    #[n(1)]
    pub parts: u32,
    /// Bytes of all parts together.
    #[n(2)]
    pub bytes: u32,
    /// Bytes of the table once it is inflated.
    #[n(3)]
    pub inflated: u32,
    /// BLAKE3 of the bytes of all parts together.
    #[n(4)]
    pub hash: ByteArray<32>,
    /// The last entry of each log that it stands for, in order of the logs.
    #[n(5)]
    pub frontier: Vec<Upto>,
}

/// One part, as an entry holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// In the first part only.
    pub(crate) manifest: Option<Manifest>,
    pub(crate) bytes: ByteVec,
}

/// What is put into a checkpoint of an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) entry: EntryId,
    pub(crate) at: Timestamp,
    /// The person who signed it.
    pub(crate) certificate: Option<Arc<PersonCertificate>>,
    pub(crate) changes: Arc<[Change]>,
}

/// A log from its first entry on, as it is put into a checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Covered {
    pub(crate) log: LogKey,
    pub(crate) binding: Binding,
    pub(crate) rows: Vec<Row>,
}

/// What a checkpoint is made of: at least one log, in order, each with at least one row.
#[derive(Debug, Clone)]
pub(crate) struct Whole(Vec<Covered>);

/// An entry as a checkpoint states it.
#[derive(Debug)]
pub(crate) struct StatedRow {
    pub(crate) entry: EntryId,
    pub(crate) at: Timestamp,
    /// The bytes of a person's certificate.
    pub(crate) certificate: Option<Arc<[u8]>>,
    /// The bytes of each change.
    pub(crate) changes: Vec<Vec<u8>>,
}

/// A log as a checkpoint states it, from its first entry on.
#[derive(Debug)]
pub(crate) struct StatedLog {
    pub(crate) log: LogKey,
    pub(crate) binding: Binding,
    pub(crate) rows: Vec<StatedRow>,
}

/// A checkpoint that a steward wrote, and what comparing it with what is held showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log that its parts are in.
    pub log: LogKey,
    /// Sequence number of the first part.
    pub first: u64,
    /// Sequence number of the last part that is held.
    pub last: u64,
    /// The last part.
    pub entry: EntryId,
    /// The node that wrote it.
    pub node: NodeId,
    /// The steward.
    pub party: PartyId,
    /// When it was signed.
    pub at: Timestamp,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What this node found.
    pub finding: Finding,
}

impl Checkpoint {
    /// Counts the entries that it stands for.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.manifest.covered()
    }
}

/// What comparing a checkpoint with what is held showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// It agrees with every entry that it stands for, and all of them are held here and count.
    Agrees,
    /// Not all of its parts are held.
    Incomplete,
    /// It contradicts nothing, and so many entries that it stands for are not held here, or do not count.
    Unknown(usize),
    /// It is wrong.
    Wrong(Flaw),
}

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Flaw {
    /// Its parts do not make what the first one announces, or it exceeds a limit.
    #[error("it cannot be read, or is not what its first part announces")]
    Unreadable,
    /// A log is not proved to be the node's that it names.
    #[error("it says of a log without proof whose it is")]
    Unbound,
    /// An entry that is held stands in another place, or is left out.
    #[error("it leaves out an entry that is held here, or puts another in its place")]
    OtherEntry,
    /// An entry is held with other changes.
    #[error("it gives an entry that is held here other changes")]
    OtherChanges,
    /// An entry is held with another author or signed time.
    #[error("it gives an entry that is held here another author or time")]
    OtherAuthor,
}

#[derive(Encode, Decode)]
struct WireLog {
    #[n(0)]
    binding: Binding,
    /// Ids of the entries, 32 bytes each.
    #[n(1)]
    entries: ByteVec,
    /// Signed times less the one before, 8 bytes each.
    #[n(2)]
    times: ByteVec,
    /// Who signed: 0 for nobody, else the place in the list of people from 1; 2 bytes each.
    #[n(3)]
    people: ByteVec,
    /// How many changes each entry has, 2 bytes each.
    #[n(4)]
    counts: ByteVec,
    /// On how many changes each change builds, 2 bytes each.
    #[n(5)]
    builds: ByteVec,
    /// For each of these its place in the table less the change's own, modulo 2³², 4 bytes each.
    #[n(6)]
    places: ByteVec,
    /// Bytes of each change's rest, 4 bytes each.
    #[n(7)]
    lengths: ByteVec,
    /// The rests of the changes one behind the other.
    #[n(8)]
    changes: ByteVec,
}

impl Manifest {
    const VERSION: u8 = 1;

    /// Counts the entries that it stands for.
    pub(crate) fn covered(&self) -> u64 {
        self.frontier.iter().fold(0, |sum, upto| sum.saturating_add(upto.sequence))
    }

    /// Says whether its numbers keep within the limits.
    fn is_sound(&self) -> bool {
        let (bytes, inflated) = (self.bytes as usize, self.inflated as usize);
        let logs: Vec<LogKey> = self.frontier.iter().map(|upto| upto.log).collect();
        self.version == Self::VERSION
            && (1..=CHECKPOINT_PARTS_MAX).contains(&self.parts)
            && bytes <= CHECKPOINT_BYTES_MAX
            && inflated <= CHECKPOINT_INFLATED_BYTES_MAX.min(bytes * CHECKPOINT_INFLATION_MAX)
            && (1..=CUT_LOGS_MAX).contains(&logs.len())
            && crate::codec::is_ascending(&logs)
            && self.frontier.iter().all(|upto| upto.sequence > 0)
            && self.covered() <= CHECKPOINT_ROWS_MAX as u64
    }
}

impl Part {
    /// Reads what an entry holds of a checkpoint; none where that is no part of any.
    pub(crate) fn read(items: &[ByteVec]) -> Option<Self> {
        let (manifest, bytes) = match items {
            [bytes] => (None, bytes),
            [manifest, bytes] => (Some(codec::decode::<Manifest>(manifest).ok()?), bytes),
            _ => return None,
        };
        let sound = manifest.as_ref().is_none_or(Manifest::is_sound)
            && (1..=CHECKPOINT_PART_BYTES_MAX).contains(&bytes.len());
        sound.then(|| Self { manifest, bytes: bytes.clone() })
    }
}

impl Whole {
    /// Puts logs together, given in order; none where there is nothing in them.
    pub(crate) fn new(logs: Vec<Covered>) -> Option<Self> {
        let logs: Vec<Covered> = logs.into_iter().filter(|log| !log.rows.is_empty()).collect();
        (!logs.is_empty()).then_some(Self(logs))
    }

    /// Returns the logs, in order.
    pub(crate) fn logs(&self) -> &[Covered] {
        &self.0
    }

    /// Returns the parts to be sealed, in order; none where it exceeds a limit.
    pub(crate) fn parts(&self) -> Option<Vec<Content>> {
        let table = self.table()?;
        let mut bytes = deflated(&table, flate2::Compression::best())?;
        // What shrinks more than a reader lets it grow again is sealed as it is.
        if table.len() > bytes.len() * CHECKPOINT_INFLATION_MAX {
            bytes = deflated(&table, flate2::Compression::none())?;
        }
        let chunks: Vec<&[u8]> = bytes.chunks(CHECKPOINT_PART_BYTES_MAX).collect();
        let manifest = Manifest {
            version: Manifest::VERSION,
            parts: u32::try_from(chunks.len()).ok()?,
            bytes: u32::try_from(bytes.len()).ok()?,
            inflated: u32::try_from(table.len()).ok()?,
            hash: (*blake3::hash(&bytes).as_bytes()).into(),
            frontier: self.frontier()?,
        };
        let mut first = manifest.is_sound().then(|| codec::encode(&manifest))?;
        let contents = chunks.into_iter().map(|chunk| {
            let manifest = Some(std::mem::take(&mut first)).filter(|bytes| !bytes.is_empty());
            let items = manifest.into_iter().chain([chunk.to_vec()]);
            Content::Checkpoint(items.map(ByteVec::from).collect())
        });
        Some(contents.collect())
    }

    fn frontier(&self) -> Option<Vec<Upto>> {
        let upto = |log: &Covered| {
            let sequence = u64::try_from(log.rows.len()).ok()?;
            Some(Upto { log: log.log, sequence, entry: log.rows.last()?.entry })
        };
        self.0.iter().map(upto).collect()
    }

    fn table(&self) -> Option<Vec<u8>> {
        let changes = || self.0.iter().flat_map(|log| &log.rows).flat_map(|row| row.changes.iter());
        let places: BTreeMap<ChangeHash, usize> = changes().map(Change::hash).zip(0..).collect();
        let bare: Option<Vec<Bare<'_>>> =
            changes().map(|change| Bare::new(change, &places)).collect();
        let (mut people, mut bare) = (People::default(), bare?.into_iter().zip(0..));
        let mut logs = Vec::new();
        for log in &self.0 {
            logs.push(WireLog::new(log, &mut people, &mut bare)?);
        }
        let mut bytes = Vec::new();
        codec::begin_array(2, &mut bytes);
        codec::begin_array(people.all.len() as u64, &mut bytes);
        for person in people.all {
            codec::append(&person, &mut bytes);
        }
        codec::begin_array(logs.len() as u64, &mut bytes);
        logs.iter().for_each(|log| codec::append(log, &mut bytes));
        Some(bytes)
    }
}

/// Opens the bytes of all parts together, of a checkpoint in a space.
///
/// # Errors
/// It does not hold what its manifest says.
pub(crate) fn open(
    manifest: &Manifest,
    bytes: &[u8],
    space: SpaceTag,
) -> Result<Vec<StatedLog>, Flaw> {
    let table = inflate(manifest, bytes).ok_or(Flaw::Unreadable)?;
    let (people, logs) = read_table(&table).ok_or(Flaw::Unreadable)?;
    let changes: usize = logs.iter().map(|log| log.lengths.len() / 4).sum();
    if logs.len() != manifest.frontier.len() || changes > CHECKPOINT_CHANGES_MAX {
        return Err(Flaw::Unreadable);
    }
    let mut changes = read_changes(&logs).ok_or(Flaw::Unreadable)?.into_iter();
    let mut stated = Vec::with_capacity(logs.len());
    let mut sum = Cost::default();
    for (upto, log) in manifest.frontier.iter().zip(&logs) {
        log.binding.verify(upto.log, space).map_err(|_| Flaw::Unbound)?;
        let log = log.open(*upto, &people, &mut changes).ok_or(Flaw::Unreadable)?;
        for change in log.rows.iter().flat_map(|row| &row.changes) {
            sum.add(cost(change).filter(|_| is_moderate(sum)).ok_or(Flaw::Unreadable)?);
        }
        stated.push(log);
    }
    if is_moderate(sum) { Ok(stated) } else { Err(Flaw::Unreadable) }
}

/// Says whether changes may be decoded together.
const fn is_moderate(sum: Cost) -> bool {
    sum.values <= CHECKPOINT_VALUES_MAX && sum.text_bytes <= CHECKPOINT_TEXT_BYTES_MAX
}

/// How much of a checkpoint is left while it is put together. What changes unfold to is shared out among the logs: a
/// hundred bytes may claim much, and one writer's would leave no room for the others'.
#[derive(Debug)]
pub(crate) struct Room {
    rows: usize,
    changes: usize,
    bytes: usize,
    people: BTreeSet<Vec<u8>>,
    logs: BTreeMap<LogKey, Cost>,
    share: Cost,
}

impl Room {
    /// Bytes of a row without its changes.
    const ROW_BYTES: usize = 32 + 8 + 2 + 2;
    /// Bytes of what a log says of itself, and of the heads of its columns: at most.
    const LOG_BYTES: usize = 512;

    /// Begins to count, for so many logs.
    pub(crate) fn new(logs: usize) -> Self {
        let logs = u64::try_from(logs.max(1)).unwrap_or(u64::MAX);
        let share = Cost {
            values: CHECKPOINT_VALUES_MAX / logs,
            text_bytes: CHECKPOINT_TEXT_BYTES_MAX / logs,
        };
        let (people, logs) = (BTreeSet::new(), BTreeMap::new());
        Self { rows: 0, changes: 0, bytes: 0, people, logs, share }
    }

    /// Takes an entry in if it fits, and says whether it does. Whatever fits can be sealed even where nothing shrinks.
    pub(crate) fn take(&mut self, entry: &Judged) -> bool {
        let raw = entry.changes.iter().map(|change| change.raw_bytes().len() + 4);
        let mut own = self.logs.get(&entry.log).copied().unwrap_or_default();
        let costs = entry.changes.iter().filter_map(|change| cost(change.raw_bytes()));
        costs.for_each(|cost| own.add(cost));
        let person = entry.certificate.as_ref().map(|person| person.encode());
        let person = person.filter(|person| !self.people.contains(person));
        let bytes = Self::ROW_BYTES + person.as_ref().map_or(0, |person| person.len() + 8);
        let bytes = self.bytes + bytes + raw.sum::<usize>();
        let changes = self.changes + entry.changes.len();
        let fits = self.rows < CHECKPOINT_ROWS_MAX
            && changes <= CHECKPOINT_CHANGES_MAX
            && own.values <= self.share.values
            && own.text_bytes <= self.share.text_bytes
            && self.people.len() + usize::from(person.is_some()) <= CHECKPOINT_PEOPLE_MAX
            && bytes <= CHECKPOINT_BYTES_MAX - (CUT_LOGS_MAX + 64) * Self::LOG_BYTES;
        if fits {
            (self.rows, self.changes, self.bytes) = (self.rows + 1, changes, bytes);
            self.people.extend(person);
            self.logs.insert(entry.log, own);
        }
        fits
    }
}

/// The certificates that rows name, each once.
#[derive(Default)]
struct People {
    all: Vec<ByteVec>,
    /// Places in the list, from 1.
    places: BTreeMap<Vec<u8>, u16>,
}

impl People {
    fn place(&mut self, person: Option<&PersonCertificate>) -> Option<u16> {
        let Some(person) = person else { return Some(0) };
        let bytes = person.encode();
        if let Some(place) = self.places.get(&bytes) {
            return Some(*place);
        }
        let place = u16::try_from(self.all.len() + 1).ok()?;
        self.all.push(bytes.clone().into());
        self.places.insert(bytes, place);
        Some(place)
    }
}

impl WireLog {
    /// `bare` goes on with the changes of this log and their places.
    fn new<'a>(
        log: &Covered,
        people: &mut People,
        bare: &mut impl Iterator<Item = (Bare<'a>, usize)>,
    ) -> Option<Self> {
        let mut wire = Self {
            binding: log.binding.clone(),
            entries: Vec::with_capacity(log.rows.len() * 32).into(),
            times: Vec::new().into(),
            people: Vec::new().into(),
            counts: Vec::new().into(),
            builds: Vec::new().into(),
            places: Vec::new().into(),
            lengths: Vec::new().into(),
            changes: Vec::new().into(),
        };
        let mut before = 0;
        for row in &log.rows {
            let place = people.place(row.certificate.as_deref())?;
            wire.entries.extend_from_slice(row.entry.as_bytes());
            wire.times.extend_from_slice(&row.at.0.wrapping_sub(before).to_le_bytes());
            wire.people.extend_from_slice(&place.to_le_bytes());
            wire.counts.extend_from_slice(&u16::try_from(row.changes.len()).ok()?.to_le_bytes());
            for (change, place) in bare.by_ref().take(row.changes.len()) {
                wire.push(&change, u32::try_from(place).ok()?)?;
            }
            before = row.at.0;
        }
        Some(wire)
    }

    fn push(&mut self, change: &Bare<'_>, place: u32) -> Option<()> {
        self.builds.extend_from_slice(&u16::try_from(change.on.len()).ok()?.to_le_bytes());
        for on in &change.on {
            let apart = u32::try_from(*on).ok()?.wrapping_sub(place);
            self.places.extend_from_slice(&apart.to_le_bytes());
        }
        self.lengths.extend_from_slice(&u32::try_from(change.body.len()).ok()?.to_le_bytes());
        self.changes.extend_from_slice(change.body);
        Some(())
    }

    /// Reads its changes, of which so many stand before it in the table.
    fn bare(&self, before: usize) -> Option<Vec<Bare<'_>>> {
        let (builds, lengths) = (fixed::<2>(&self.builds)?, fixed::<4>(&self.lengths)?);
        let mut places = fixed::<4>(&self.places)?.iter();
        let mut rest = self.changes.as_slice();
        let mut all = Vec::with_capacity(lengths.len());
        for ((builds, length), own) in builds.iter().zip(lengths).zip(before..) {
            let own = u32::try_from(own).ok()?;
            let apart = places.by_ref().take(u16::from_le_bytes(*builds).into());
            let on = apart.map(|apart| own.wrapping_add(u32::from_le_bytes(*apart)) as usize);
            let on: Vec<usize> = on.collect();
            let (body, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            (on.len() == usize::from(u16::from_le_bytes(*builds))).then_some(())?;
            all.push(Bare { on, body });
            rest = after;
        }
        let even = builds.len() == lengths.len() && rest.is_empty() && places.next().is_none();
        even.then_some(all)
    }

    /// `changes` goes on with those of this log.
    fn open(
        &self,
        upto: Upto,
        people: &[Arc<[u8]>],
        changes: &mut impl Iterator<Item = Vec<u8>>,
    ) -> Option<StatedLog> {
        let entries = fixed::<32>(&self.entries)?;
        let times = fixed::<8>(&self.times)?;
        let signers = fixed::<2>(&self.people)?;
        let counts = fixed::<2>(&self.counts)?;
        let count = entries.len();
        let even = [times.len(), signers.len(), counts.len()].iter().all(|other| *other == count);
        let ends = entries.last().map(|entry| EntryId(*entry)) == Some(upto.entry);
        let of_rows = counts.iter().map(|count| usize::from(u16::from_le_bytes(*count)));
        let all = of_rows.clone().sum::<usize>() == self.lengths.len() / 4;
        if !even || !ends || !all || upto.sequence != count as u64 {
            return None;
        }
        let (mut rows, mut at) = (Vec::with_capacity(count), 0_u64);
        for (((entry, time), signer), count) in entries.iter().zip(times).zip(signers).zip(of_rows)
        {
            at = at.wrapping_add(u64::from_le_bytes(*time));
            let certificate = match usize::from(u16::from_le_bytes(*signer)).checked_sub(1) {
                None => None,
                Some(place) => Some(Arc::clone(people.get(place)?)),
            };
            rows.push(StatedRow {
                entry: EntryId(*entry),
                at: Timestamp(at),
                certificate,
                changes: changes.take(count).collect(),
            });
        }
        Some(StatedLog { log: upto.log, binding: self.binding.clone(), rows })
    }
}

/// Works out the changes of all logs, one behind the other.
fn read_changes(logs: &[WireLog]) -> Option<Vec<Vec<u8>>> {
    let mut bare = Vec::new();
    for log in logs {
        bare.extend(log.bare(bare.len())?);
    }
    bare::whole(&bare)
}

fn deflated(table: &[u8], level: flate2::Compression) -> Option<Vec<u8>> {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
    deflate.write_all(table).ok()?;
    deflate.finish().ok()
}

/// Cuts bytes into pieces of one size; none where some are left over.
fn fixed<const SIZE: usize>(bytes: &[u8]) -> Option<&[[u8; SIZE]]> {
    let (pieces, rest) = bytes.as_chunks::<SIZE>();
    rest.is_empty().then_some(pieces)
}

/// Inflates the bytes of all parts, of which the manifest has said how much that makes.
fn inflate(manifest: &Manifest, bytes: &[u8]) -> Option<Vec<u8>> {
    let announced = manifest.is_sound()
        && bytes.len() == manifest.bytes as usize
        && blake3::hash(bytes) == *manifest.hash;
    if !announced {
        return None;
    }
    let mut table = Vec::with_capacity(manifest.inflated as usize);
    let inflated = flate2::read::DeflateDecoder::new(bytes);
    inflated.take(u64::from(manifest.inflated) + 1).read_to_end(&mut table).ok()?;
    (table.len() == manifest.inflated as usize).then_some(table)
}

type Table = (Vec<Arc<[u8]>>, Vec<WireLog>);

/// Reads the table. The lengths of its lists are known to be small before they are read.
fn read_table(table: &[u8]) -> Option<Table> {
    let mut decoder = Decoder::new(table);
    if decoder.array().ok()? != Some(2) {
        return None;
    }
    let mut people = Vec::new();
    for _ in 0..decoder.array().ok()?.filter(|count| *count <= CHECKPOINT_PEOPLE_MAX as u64)? {
        people.push(Arc::from(decoder.bytes().ok()?));
    }
    let mut logs = Vec::new();
    for _ in 0..decoder.array().ok()?.filter(|count| *count <= CUT_LOGS_MAX as u64)? {
        logs.push(decoder.decode().ok()?);
    }
    (decoder.position() == table.len()).then_some((people, logs))
}

#[cfg(test)]
mod tests;
