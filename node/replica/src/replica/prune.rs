//! Orders to prune: taken note of by everybody, carried out by nodes that do nothing but carry.
//!
//! ```text
//! order admitted ─→ its note, in the commit of its entry ─→ 90 days awake ─→ looked at
//!    checkpoint held, logs as ordered ─→ entries counted, a few MiB a tick
//!    ─→ one commit: entries removed, where the logs begin, quotas, the note that it is done
//! ```
//!
//! Time is counted while this node is awake, from tick to tick, no more than an hour at once, and none of it
//! twice: a clock that is set forth hastens nothing, one that is set back delays by what it was set back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::api::Save;
use super::commits::Parcel;
use super::quota::Bytes;
use super::world::World;
use crate::batch::{Erase, LogBase, Record, Shelf};
use crate::codec;
use crate::entry::{Entry, Urgency, VerifiedPage};
use crate::frontier::Tip;
use crate::held::{Held, HeldError};
use crate::id::{DocTag, EntryId, LogKey, NodeId, PruneId, SpaceTag, Timestamp};
use crate::index::{Admission, BaseKey, Note, OrderKey};
use crate::limits::{
    AWAKE_STEP_MS_MAX, PAGE_BYTES_MAX, PRUNE_BYTES_MAX, PRUNE_DELAY_MS, PRUNE_LOOKS_MAX,
    PRUNE_RETRY_MS, PRUNE_RETRY_MS_MAX,
};
use crate::planted::{self, Bug};
use crate::prune::{Base, Checkpoint, Cut, Judged, Terms};

/// What the names of notes of orders begin with, on the node's own shelf: then space, document, order.
const NOTE_KEY: &[u8] = b"prune/";
/// What the names of records of where logs begin start with: then space, document, log.
const BASE_KEY: &[u8] = b"base/";
/// The record of how long this node was awake.
const AWAKE_KEY: &[u8] = b"awake";

/// What was removed since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Entries.
    pub entries: u64,
    /// About how many bytes they took.
    pub bytes: u64,
}

/// A page that was looked at, and what is to be written with what is new of it.
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    /// Where its log begins, if it continues nothing that is held.
    pub(crate) base: Option<LogBase>,
    pub(crate) records: Vec<Record>,
}

#[derive(Debug, Default)]
pub(crate) struct Pruning {
    /// How long this node was awake while orders waited.
    awake_ms: u64,
    saved_ms: u64,
    /// The latest time seen, and whether in this run: what lies before it was counted.
    latest: Timestamp,
    ticked: bool,
    /// Orders that are not done, each with when it is to be looked at, in time awake.
    queue: BTreeSet<(u64, OrderKey)>,
    /// The order whose entries are being counted.
    work: Option<Work>,
    commits: BTreeMap<Save, Done>,
    pruned: Pruned,
    /// Documents of which an order was taken in or looked at, or the checkpoint of one, until the sessions are told.
    ordered: BTreeSet<DocTag>,
}

/// An order that takes effect.
#[derive(Debug)]
struct Work {
    key: OrderKey,
    /// Logs that are still to be counted, and where they are to begin.
    logs: VecDeque<(LogKey, Base)>,
    /// Up to where the first of them was counted.
    after: u64,
    counted: Vec<(LogKey, Base)>,
    entries: u64,
    bytes: Bytes,
}

/// An order whose commit is under way, and what is taken back if it fails.
#[derive(Debug)]
struct Done {
    key: OrderKey,
    /// Where each log is to begin, and began.
    bases: Vec<(BaseKey, Base, Option<Base>)>,
    given: Vec<(NodeId, Bytes)>,
    pruned: Pruned,
}

/// How a checkpoint stands that an order rests on.
enum Stands {
    Whole,
    NotYet,
    /// Its log is forked or was cut into it, or holds another entry there.
    Never,
}

enum Verdict {
    /// There is nothing to do, and never will be.
    Nothing,
    Later,
    Due(Work),
}

/// How long a node was awake when an order's delay is over.
fn delayed_until_ms(note: &Note) -> u64 {
    if planted::is(Bug::PrunesEarly) {
        return note.since_ms;
    }
    note.since_ms.saturating_add(PRUNE_DELAY_MS)
}

fn own(key: Vec<u8>, value: Option<Vec<u8>>) -> Record {
    Record { shelf: Shelf::Own, key, value }
}

fn name(kind: &[u8], space: &SpaceTag, document: &DocTag, last: &[u8; 32]) -> Vec<u8> {
    [kind, space.as_bytes(), document.as_bytes(), last].concat()
}

fn note_name((space, document, order): &OrderKey) -> Vec<u8> {
    name(NOTE_KEY, space, document, order.as_bytes())
}

fn base_name((space, document, log): &BaseKey) -> Vec<u8> {
    name(BASE_KEY, space, document, log.as_bytes())
}

fn note_record(key: &OrderKey, note: &Note) -> Record {
    own(note_name(key), Some(codec::encode(note)))
}

fn base_record(key: &BaseKey, base: &Base) -> Record {
    let sequence = base.tip.sequence.to_be_bytes();
    let value = [&sequence[..], base.tip.id.as_bytes(), base.order.as_bytes()].concat();
    own(base_name(key), Some(value))
}

/// Reads space, document and what else a record is about.
fn parts(key: &[u8], kind: &[u8]) -> Option<(SpaceTag, DocTag, [u8; 32])> {
    let (space, rest) = key.strip_prefix(kind)?.split_first_chunk()?;
    let (document, rest) = rest.split_first_chunk()?;
    Some((SpaceTag(*space), DocTag(*document), rest.try_into().ok()?))
}

fn read_base(value: &[u8]) -> Option<Base> {
    let (sequence, rest) = value.split_first_chunk()?;
    let (id, order) = rest.split_first_chunk()?;
    let tip = Tip { sequence: u64::from_be_bytes(*sequence), id: EntryId(*id) };
    Some(Base { tip, order: PruneId(order.try_into().ok()?) })
}

/// Says whether a record is about the pruning of something that is erased.
pub(crate) fn is_about(key: &[u8], erase: &Erase) -> bool {
    [NOTE_KEY, BASE_KEY]
        .iter()
        .filter_map(|kind| parts(key, kind))
        .any(|(space, document, _)| erase.covers(&space, &document))
}

impl World {
    /// Admits a page: what is new of it continues what is held, or begins where an order held here
    /// cuts its log. Takes note of orders in it. What comes `live` may come again: in a space that this node reads no log
    /// begins by an order that it has not looked at.
    pub(crate) fn admit(
        &mut self,
        page: VerifiedPage,
        live: bool,
        held: &dyn Held,
    ) -> Result<Admitted, HeldError> {
        let cut = match page.entries().first() {
            Some(first) => {
                let unjudged = !live || !self.wanted.contains_key(&first.header().space);
                self.index.cut_at(first, self.now, unjudged, held)?
            }
            None => None,
        };
        let again = cut.map(|cut| (cut, page.clone()));
        let mut admission = self.index.admit(page, held)?;
        let (mut base, mut records) = (None, Vec::new());
        if admission == Admission::Gap
            && let Some((cut, page)) = again
        {
            admission = self.index.admit_from(page, cut);
            if let Admission::New(entries) = &admission
                && let Some(header) = entries.first().map(Entry::header)
            {
                let (space, document, log) = (header.space, header.document, header.log);
                base = Some(LogBase { space, document, log, tip: cut.tip });
                records.push(base_record(&(space, document, log), &cut));
            }
        }
        if let Admission::New(entries) | Admission::Fork(entries) = &admission {
            records.extend(entries.iter().filter_map(|entry| self.learn_prune_order(entry)));
            if self.index.ends_checkpoint(entries) {
                self.pruning.ordered.extend(entries.first().map(|entry| entry.header().document));
            }
        }
        Ok(Admitted { admission, base, records })
    }

    fn learn_prune_order(&mut self, entry: &Entry) -> Option<Record> {
        let community = self.directory.community();
        let since_ms = self.pruning.awake_ms;
        let key = self.index.learn_order(entry, community, since_ms)?;
        let note = self.index.note(&key)?;
        let (until, record) = (delayed_until_ms(note), note_record(&key, note));
        self.look_at(until, key);
        self.pruning.ordered.insert(key.1);
        Some(record)
    }

    /// Notes what this node found of orders as a reader; logs are asked for again that may begin by one.
    pub(crate) fn orders_judged(&mut self, judged: Vec<Judged>) {
        for Judged { space, document, order, is_followed } in judged {
            if self.index.judge_order((space, document, order), is_followed) && is_followed {
                self.pruning.ordered.insert(document);
            }
        }
    }

    /// Takes the documents of which an order was taken in or looked at, or the checkpoint of one.
    pub(crate) fn take_ordered(&mut self) -> BTreeSet<DocTag> {
        std::mem::take(&mut self.pruning.ordered)
    }

    /// Takes up a record of an earlier run; others are passed over.
    pub(crate) fn restore_pruning(&mut self, key: &[u8], value: &[u8]) {
        if key == AWAKE_KEY
            && let ([awake, latest], []) = value.as_chunks::<8>()
        {
            self.pruning.awake_ms = u64::from_be_bytes(*awake);
            self.pruning.saved_ms = self.pruning.awake_ms;
            self.pruning.latest = Timestamp(u64::from_be_bytes(*latest));
        }
        if let Some((space, document, _)) = parts(key, NOTE_KEY).or_else(|| parts(key, BASE_KEY))
            && self.index.is_erased(&space, &document)
        {
            return self.goes_with_erasure(&space, &document, own(key.to_vec(), None));
        }
        if let Some((space, document, order)) = parts(key, NOTE_KEY)
            && let Ok(note) = codec::decode::<Note>(value)
        {
            let key = (space, document, PruneId(order));
            if !note.done {
                self.look_at(delayed_until_ms(&note), key);
            }
            self.index.set_note(key, note);
        }
        if let Some((space, document, log)) = parts(key, BASE_KEY)
            && let Some(base) = read_base(value)
        {
            self.index.set_base((space, document, LogKey(log)), Some(base));
        }
    }

    /// Forgets what is known of the pruning of something that is erased; returns the records to remove.
    pub(crate) fn forget_pruning(&mut self, erase: &Erase) -> Vec<Record> {
        let (bases, orders) = self.index.erase_pruning(erase);
        let bases = bases.iter().map(|key| own(base_name(key), None));
        bases.chain(orders.iter().map(|key| own(note_name(key), None))).collect()
    }

    /// Looks at what is due, and goes on with what takes effect. Only at a node that does nothing but
    /// carry, and where it is to: members keep their history. Time awake is counted only there.
    pub(crate) fn tick_pruning(&mut self, held: &dyn Held) {
        if !self.policy.prunes || !self.policy.carrier || !self.directory.only_carries(&self.me) {
            return;
        }
        self.count_awake();
        let mut budget = PRUNE_BYTES_MAX;
        for _ in 0..PRUNE_LOOKS_MAX {
            let Some(mut work) = self.pruning.work.take().or_else(|| self.next_due(held)) else {
                return;
            };
            match self.count(&mut work, held, &mut budget) {
                Ok(true) => self.commit_pruning(&work, held),
                Ok(false) => {
                    self.pruning.work = Some(work);
                    return;
                }
                Err(_) => return self.look_later(work.key),
            }
        }
    }

    /// Counts the time that has passed, where orders wait: only beyond the latest time ever seen, so that a
    /// clock which is set back and forth counts nothing twice.
    fn count_awake(&mut self) {
        let Pruning { awake_ms, saved_ms, latest, ticked, queue, .. } = &mut self.pruning;
        let passed = self.now.since_ms(*latest).min(AWAKE_STEP_MS_MAX);
        *latest = self.now.max(*latest);
        if !std::mem::replace(ticked, true) || queue.is_empty() {
            return;
        }
        *awake_ms = awake_ms.saturating_add(passed);
        if *awake_ms - *saved_ms >= AWAKE_STEP_MS_MAX {
            *saved_ms = *awake_ms;
            let value = [awake_ms.to_be_bytes(), latest.0.to_be_bytes()].concat();
            let records = vec![own(AWAKE_KEY.to_vec(), Some(value))];
            self.commits.push_own(Parcel { records, ..Parcel::default() });
        }
    }

    /// Looks at an order again when its delay is over, or in an hour; ever more seldom where it has waited for long since.
    fn look_later(&mut self, key: OrderKey) {
        let awake = self.pruning.awake_ms;
        let over = self.index.note(&key).map_or(0, delayed_until_ms);
        let pause = (awake.saturating_sub(over) / 8).clamp(PRUNE_RETRY_MS, PRUNE_RETRY_MS_MAX);
        self.look_at(awake.saturating_add(pause).max(over), key);
    }

    /// Puts an order in the queue of a carrier. Others keep its note only.
    fn look_at(&mut self, awake_ms: u64, key: OrderKey) {
        if self.policy.carrier {
            self.pruning.queue.insert((awake_ms, key));
        }
    }

    /// Looks at orders whose time has come, until one takes effect.
    fn next_due(&mut self, held: &dyn Held) -> Option<Work> {
        for _ in 0..PRUNE_LOOKS_MAX {
            let (at, key) = *self.pruning.queue.first()?;
            if at > self.pruning.awake_ms {
                return None;
            }
            self.pruning.queue.pop_first();
            match self.judge(&key, held) {
                Ok(Verdict::Due(work)) => return Some(work),
                Ok(Verdict::Nothing) => self.end(&key),
                Ok(Verdict::Later) | Err(_) => self.look_later(key),
            }
        }
        None
    }

    /// Notes that nothing is left to do about an order.
    fn end(&mut self, key: &OrderKey) {
        if let Some(done) = self.note_done(key, true) {
            let records = vec![done];
            self.commits.push_own(Parcel { records, ..Parcel::default() });
        }
    }

    fn note_done(&mut self, key: &OrderKey, done: bool) -> Option<Record> {
        let note = Note { done, ..self.index.note(key)?.clone() };
        let record = note_record(key, &note);
        self.index.set_note(*key, note);
        Some(record)
    }

    fn judge(&self, key: &OrderKey, held: &dyn Held) -> Result<Verdict, HeldError> {
        let (space, document, id) = *key;
        let Some(note) = self.index.note(key).filter(|note| !note.done && !note.cuts.is_empty())
        else {
            return Ok(Verdict::Nothing);
        };
        let elsewhere = self.index.space_of(&document).is_some_and(|of| of != space);
        let lost_count = self.index.has_lost_count(key);
        if elsewhere || lost_count || self.index.is_withdrawn(&space, &document, &id) {
            return Ok(Verdict::Nothing);
        }
        // What asks may be left from an earlier coming of the order that could not be stored.
        if self.pruning.awake_ms < delayed_until_ms(note) {
            return Ok(Verdict::Later);
        }
        // What is under way may fail, and moves what this one is judged by.
        let mut commits = self.pruning.commits.values();
        let under_way = commits.any(|done| (done.key.0, done.key.1) == (space, document));
        if under_way || !note.is_due(self.now) || self.wanted.contains_key(&space) {
            return Ok(Verdict::Later);
        }
        let Some(order) = self.index.order(&space, &document, &id, held)? else {
            return Ok(Verdict::Later);
        };
        let terms = order.terms();
        let Some(checkpoint) = &terms.checkpoint else { return Ok(Verdict::Nothing) };
        if terms.cuts.iter().all(|cut| self.is_over(&document, cut)) {
            return Ok(Verdict::Nothing);
        }
        match self.stands(&document, checkpoint, held)? {
            Stands::Never => return Ok(Verdict::Nothing),
            Stands::NotYet => return Ok(Verdict::Later),
            Stands::Whole => {}
        }
        let mut logs = VecDeque::new();
        for cut in &terms.cuts {
            logs.extend(self.base_of(&document, cut, id, held)?.map(|base| (cut.log, base)));
        }
        if logs.is_empty() {
            return Ok(Verdict::Nothing);
        }
        if !self.leaves_checkpoints(&space, terms, &logs) {
            return Ok(Verdict::Later);
        }
        let (counted, bytes) = (Vec::new(), Bytes::default());
        Ok(Verdict::Due(Work { key: *key, logs, after: 0, counted, entries: 0, bytes }))
    }

    /// Says whether nothing of a log goes by a cut: it begins there or behind it, or stays whole.
    fn is_over(&self, document: &DocTag, cut: &Cut) -> bool {
        let base = self.index.base(document, &cut.log);
        let begun = base.is_some_and(|base| cut.sequence <= base.tip.sequence.saturating_add(1));
        begun || self.stays_whole(document, &cut.log)
    }

    /// Says whether nothing goes of a log: it is forked, is not held, or holds something urgent. Documents of alerts are
    /// never ordered pruned; nothing of one goes by the word of whoever has the key all the same.
    fn stays_whole(&self, document: &DocTag, log: &LogKey) -> bool {
        self.index.admitted_tips(document, log).len() != 1
            || self.index.urgency(document, log) == Some(Urgency::Urgent)
    }

    /// Says whether a checkpoint's entries are held, all of them and durably, in a log that is not forked.
    fn stands(
        &self,
        document: &DocTag,
        checkpoint: &Checkpoint,
        held: &dyn Held,
    ) -> Result<Stands, HeldError> {
        let Checkpoint { log, last, .. } = *checkpoint;
        let reaches = |tips: &[Tip]| tips.iter().any(|tip| tip.sequence >= last);
        let admitted = self.index.admitted_tips(document, &log);
        let whole = self.index.has_checkpoint(document, checkpoint, held)?;
        Ok(match whole && admitted.len() == 1 {
            true if reaches(&self.index.tips(document, &log)) => Stands::Whole,
            false if admitted.len() > 1 || reaches(&admitted) => Stands::Never,
            true | false => Stands::NotYet,
        })
    }

    /// Says whether an order leaves the checkpoint whole on which each log rests that begins late here and
    /// that is not among those which it cuts again.
    fn leaves_checkpoints(
        &self,
        space: &SpaceTag,
        terms: &Terms,
        logs: &VecDeque<(LogKey, Base)>,
    ) -> bool {
        self.index.bases(&terms.document).all(|(log, base)| {
            let again = logs.iter().any(|(of, _)| *of == log);
            let rests_on = || self.index.note(&(*space, terms.document, base.order))?.checkpoint;
            let stays = |checkpoint: Checkpoint| {
                let cut = terms.cut(&checkpoint.log);
                cut.is_none_or(|cut| cut.sequence <= checkpoint.first)
            };
            again || rests_on().is_some_and(stays)
        })
    }

    /// Returns where a log is to begin by its cut. None where it stays whole, is not held as far, or begins behind it already.
    /// Where it begins there, nothing goes, but it rests on this order from here on.
    fn base_of(
        &self,
        document: &DocTag,
        cut: &Cut,
        order: PruneId,
        held: &dyn Held,
    ) -> Result<Option<Base>, HeldError> {
        let begins = self.index.base(document, &cut.log).map_or(0, |base| base.tip.sequence);
        if self.stays_whole(document, &cut.log) || cut.sequence <= begins.max(1) {
            return Ok(None);
        }
        let read_bytes = if planted::is(Bug::PrunesUncovered) { PAGE_BYTES_MAX } else { 1 };
        let stay = held.entries(*document, cut.log, cut.sequence - 1, read_bytes)?;
        let is_held = stay.first().is_some_and(|entry| entry.tip() == cut.tip());
        Ok(stay.last().filter(|_| is_held).map(|entry| {
            let header = entry.header();
            let tip = Tip { sequence: header.sequence - 1, id: header.previous };
            Base { tip, order }
        }))
    }

    /// Counts what goes, as far as the budget reaches; says whether all is counted.
    fn count(
        &self,
        work: &mut Work,
        held: &dyn Held,
        budget: &mut usize,
    ) -> Result<bool, HeldError> {
        let (_, document, _) = work.key;
        while let Some((log, base)) = work.logs.front().copied() {
            if *budget == 0 {
                return Ok(false);
            }
            let entries = held.entries(document, log, work.after, PAGE_BYTES_MAX)?;
            let goes = |entry: &&Entry| entry.header().sequence <= base.tip.sequence;
            let going: Vec<&Entry> = entries.iter().take_while(goes).collect();
            for entry in &going {
                *budget = budget.saturating_sub(entry.size_bytes());
                work.bytes = work.bytes.plus(Bytes::of(entry));
                work.entries += 1;
                work.after = entry.header().sequence;
            }
            if going.len() < entries.len() || entries.is_empty() {
                work.counted.extend(work.logs.pop_front());
                work.after = 0;
            }
        }
        Ok(true)
    }

    /// Asks for the commit that carries an order out, or puts it off. It is judged once more: while its entries
    /// were counted it may have been taken back, a log may have forked, or what it rests on may have been lost.
    fn commit_pruning(&mut self, work: &Work, held: &dyn Held) {
        let (space, document, _) = work.key;
        match self.judge(&work.key, held) {
            // The counts of the space are written anew: no older ones may arrive after them.
            Ok(Verdict::Due(again))
                if again.logs == work.counted && self.commits.is_clear_of_space(&space) => {}
            Ok(Verdict::Nothing) => return self.end(&work.key),
            Ok(Verdict::Due(_) | Verdict::Later) | Err(_) => return self.look_later(work.key),
        }
        let given = self.quotas.give_back(&space, work.bytes);
        let senders = given.iter().map(|(sender, _)| sender);
        let mut records: Vec<Record> = senders
            .flat_map(|sender| self.quotas.records(sender, &BTreeSet::from([space])))
            .collect();
        let (mut prune, mut bases) = (Vec::new(), Vec::new());
        for (log, base) in &work.counted {
            let key = (space, document, *log);
            let before = self.index.set_base(key, Some(*base));
            if before.is_none_or(|before| before.tip != base.tip) {
                prune.push(LogBase { space, document, log: *log, tip: base.tip });
            }
            records.push(base_record(&key, base));
            bases.push((key, *base, before));
        }
        records.extend(self.note_done(&work.key, true));
        self.commits.push_own(Parcel { prune, records, ..Parcel::default() });
        let pruned = Pruned { entries: work.entries, bytes: work.bytes.all() };
        let done = Done { key: work.key, bases, given, pruned };
        self.pruning.commits.insert(self.commits.last_save(), done);
    }

    /// Notes that a commit has become durable; says whether it carried an order out.
    pub(crate) fn pruned(&mut self, save: Save) -> bool {
        let Some(done) = self.pruning.commits.remove(&save) else { return false };
        let Pruned { entries, bytes } = &mut self.pruning.pruned;
        *entries = entries.saturating_add(done.pruned.entries);
        *bytes = bytes.saturating_add(done.pruned.bytes);
        true
    }

    /// Takes back what a commit would have done that was lost.
    pub(crate) fn not_pruned(&mut self, save: Save) {
        let Some(done) = self.pruning.commits.remove(&save) else { return };
        let (space, document, _) = done.key;
        if self.index.is_erased(&space, &document) {
            return;
        }
        for (key, set, before) in done.bases {
            self.index.reset_base(key, set, before);
        }
        self.quotas.take_back(&space, &done.given);
        // What became durable of these counts meanwhile is too low.
        let senders = done.given.iter().map(|(sender, _)| sender);
        let records: Vec<Record> = senders
            .flat_map(|sender| self.quotas.records(sender, &BTreeSet::from([space])))
            .collect();
        self.commits.push_own(Parcel { records, ..Parcel::default() });
        self.note_done(&done.key, false);
        self.look_later(done.key);
    }

    /// How many orders wait that no other withdraws.
    pub(crate) fn prune_orders_waiting(&self) -> usize {
        let under_way = self.pruning.work.iter().map(|work| &work.key);
        let waiting = self.pruning.queue.iter().map(|(_, key)| key).chain(under_way);
        let waits = |(space, document, order): &&OrderKey| {
            let note = self.index.note(&(*space, *document, *order));
            note.is_some_and(|note| !note.done && !note.cuts.is_empty())
                && !self.index.is_withdrawn(space, document, order)
        };
        waiting.filter(waits).collect::<BTreeSet<_>>().len()
    }

    /// What was removed by orders to prune since the start.
    pub(crate) const fn pruned_so_far(&self) -> Pruned {
        self.pruning.pruned
    }
}
