//! Serving: a cursor for each log that is to be sent, read from the store as the lanes can take it.

use std::collections::{BTreeMap, VecDeque};

use minicbor::bytes::ByteVec;

use super::{Session, slot};
use crate::entry::{Entry, Urgency};
use crate::frame::{Frame, Pages, Want, WantLog};
use crate::frontier::{Frontier, Tip};
use crate::held::{Held, HeldError};
use crate::id::{DocTag, EntryId, LogKey};
use crate::index::Index;
use crate::limits::{
    CURSORS_MAX, FORK_BYTES_MAX, FRAME_BYTES_FULL, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, WANTS_MAX,
};
use crate::prune::document_tag;
use crate::replica::api::{Ending, Output, Refused};
use crate::replica::world::World;

type Key = (DocTag, LogKey);

/// A page as it goes into a frame, and its bytes.
pub(crate) type Encoded = (Vec<ByteVec>, usize);

#[derive(Debug)]
pub(crate) struct Cursor {
    /// Everything up to this sequence was sent, or is held by the peer.
    after: u64,
    lane: Urgency,
    /// Whether only one page is sent: the peer is not sure to take what follows.
    tries: bool,
    /// Pages that were read and wait for the next frame.
    pub(crate) ready: VecDeque<Encoded>,
}

impl Cursor {
    pub(crate) const fn new(after: u64, lane: Urgency) -> Self {
        Self { after, lane, tries: false, ready: VecDeque::new() }
    }
}

/// What the peer has of a log with orders to prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orders {
    /// It has said to hold this much.
    Held(u64),
    /// It was sent what it lacked, because of a log that begins late.
    Sent,
    /// It has asked for it.
    Asked,
}

#[derive(Debug, Default)]
pub(super) struct Serve {
    cursors: BTreeMap<Key, Cursor>,
    /// Keys by lane; one that moved to another lane is skipped.
    queues: [VecDeque<Key>; 3],
    /// Logs with orders to prune, each of which goes once.
    orders: BTreeMap<Key, Orders>,
    /// Something was dropped: only a comparison finds it again.
    pub(super) again: bool,
}

impl Serve {
    /// Sends a log from after a sequence on; a log already being sent moves to the faster lane.
    fn add(&mut self, key: Key, after: u64, lane: Urgency) {
        let full = self.cursors.len() >= CURSORS_MAX;
        let mut queued = false;
        let cursor = match self.cursors.get_mut(&key) {
            Some(cursor) => cursor,
            None if full => {
                self.again = true;
                return;
            }
            None => {
                queued = true;
                self.cursors.entry(key).or_insert(Cursor::new(after, lane))
            }
        };
        if after < cursor.after {
            cursor.after = after;
            cursor.ready.clear();
        }
        if lane < cursor.lane {
            cursor.lane = lane;
            queued = true;
        }
        if queued && let Some(queue) = self.queues.get_mut(slot(lane)) {
            queue.push_back(key);
        }
    }

    /// Sends what a peer asks for, from after a sequence on: `tries` says that it is not sure to take it.
    fn answer(&mut self, index: &Index, key: Key, (after, lane): (u64, Urgency), tries: bool) {
        // The question and what was sent unasked met on the way.
        if has_orders(index, &key.0) && self.orders.insert(key, Orders::Asked) == Some(Orders::Sent)
        {
            return;
        }
        let lane = self.order_first(index, key, after, lane);
        self.add(key, after, lane);
        // Who takes one page asks on.
        if tries && let Some(cursor) = self.cursors.get_mut(&key) {
            cursor.tries = true;
        }
    }

    /// Sends what the peer lacks of the log with the order that says where a log begins, ahead of that log:
    /// the peer cannot take it without. Neither is urgent then; returns the lane for both.
    fn order_first(&mut self, index: &Index, key: Key, after: u64, lane: Urgency) -> Urgency {
        let Some(orders) = order_before(index, key, after) else { return lane };
        let lane = lane.max(Urgency::Normal);
        match *self.orders.entry(orders).or_insert(Orders::Held(0)) {
            Orders::Held(through) => {
                self.orders.insert(orders, Orders::Sent);
                self.add(orders, through, lane);
            }
            // What is still to be sent only changes to a faster lane.
            Orders::Sent | Orders::Asked => self.add(orders, u64::MAX, lane),
        }
        lane
    }

    /// Notes how far the peer holds the logs of a document, where orders to prune stand in it.
    pub(super) fn note_orders(&mut self, index: &Index, document: DocTag, held: &Frontier) {
        if !has_orders(index, &document) {
            return;
        }
        // A peer may name logs without end; only those held here are of interest.
        let ours = held.0.iter().filter(|(log, _)| !index.tips(&document, log).is_empty());
        for (log, tips) in ours {
            let through = tips.iter().map(|tip| tip.sequence).min().unwrap_or_default();
            self.orders.entry((document, *log)).or_insert(Orders::Held(through));
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.cursors.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.cursors.len()
    }
}

impl Session {
    /// Sends what has become durable of a log, from the entry after `after` on.
    pub(crate) fn push(&mut self, document: DocTag, log: LogKey, after: u64, lane: Urgency) {
        self.serve.add((document, log), after, lane);
        self.dirty = true;
    }

    /// Tells the peer that a log has grown.
    pub(crate) fn announce(&mut self, document: DocTag, log: LogKey) {
        self.announcing.entry(document).or_default().insert(log);
        self.dirty = true;
    }

    pub(super) fn on_want(
        &mut self,
        world: &World,
        held: &dyn Held,
        want: Want,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Ending> {
        if self.serve.cursors.len() + want.logs.len() > CURSORS_MAX + WANTS_MAX {
            return Err(Ending::TooMuch);
        }
        let mut logs = want.logs;
        // Nobody begins a log late before the order and the checkpoint are there that stand for the rest.
        if world.index.has_bases() {
            let index = &world.index;
            logs.sort_by_cached_key(|wanted| {
                (!has_orders(index, &wanted.document), !holds_checkpoint(index, wanted))
            });
        }
        for wanted in logs {
            let (document, log) = (wanted.document, wanted.log);
            let space = world.index.space_of(&document);
            if !space.is_some_and(|space| self.gives(world, &space)) {
                self.refuse(Refused::NotShared, outputs);
                continue;
            }
            match start(&world.index, held, (document, log), &wanted.after) {
                Ok(Some(from)) => {
                    let tries = is_to_begin(&world.index, held, (document, log), &wanted.after);
                    self.serve.answer(&world.index, (document, log), from, tries);
                }
                Ok(None) => {}
                Err(_) => self.refuse(Refused::Store, outputs),
            }
            let (peer, after) = (self.peer, wanted.after);
            outputs.push(Output::Lacks { peer, document, log, after });
        }
        Ok(())
    }

    pub(super) fn next_pages(
        &mut self,
        world: &World,
        held: &dyn Held,
        lane: Urgency,
        outputs: &mut Vec<Output>,
    ) -> Option<Frame> {
        let mut pages = Vec::new();
        let mut bytes = 0;
        while let Some(key) = self.serve.queues.get(slot(lane)).and_then(VecDeque::front).copied() {
            let given = world.index.space_of(&key.0).is_some_and(|s| self.gives(world, &s));
            let Some(cursor) = self.serve.cursors.get_mut(&key).filter(|c| c.lane == lane) else {
                self.advance(lane);
                continue;
            };
            if !given {
                self.serve.cursors.remove(&key);
                self.advance(lane);
                continue;
            }
            if cursor.ready.is_empty() && refill(&world.index, held, key, cursor).is_err() {
                self.serve.again = true;
                self.refuse(Refused::Store, outputs);
                self.serve.cursors.remove(&key);
                self.advance(lane);
                continue;
            }
            let Some((_, size)) = cursor.ready.front() else {
                self.serve.cursors.remove(&key);
                self.advance(lane);
                continue;
            };
            if bytes > 0 && bytes + size > FRAME_BYTES_FULL {
                break;
            }
            bytes += size;
            pages.extend(cursor.ready.pop_front().map(|(page, _)| page));
            if cursor.tries {
                self.serve.cursors.remove(&key);
                self.advance(lane);
            }
        }
        (!pages.is_empty()).then_some(Frame::Pages(Pages { pages }))
    }

    fn advance(&mut self, lane: Urgency) {
        if let Some(queue) = self.serve.queues.get_mut(slot(lane)) {
            queue.pop_front();
        }
    }
}

/// Where to begin for a peer that holds `tips` of a log, and on which lane; none where we hold
/// nothing of it. A peer on a branch that we do not know gets the whole log.
pub(crate) fn start(
    index: &Index,
    held: &dyn Held,
    (document, log): Key,
    tips: &[Tip],
) -> Result<Option<(u64, Urgency)>, HeldError> {
    let ours = index.tips(&document, &log);
    if ours.is_empty() {
        return Ok(None);
    }
    let mut after = tips.iter().map(|tip| tip.sequence).min().unwrap_or_default();
    for tip in tips {
        if !index.has(document, log, *tip, held)? {
            after = 0;
        }
    }
    // Branches may part before the peer's tip.
    if ours.len() > 1 {
        after = 0;
    }
    let lane = index.urgency(&document, &log).unwrap_or(Urgency::Bulk);
    Ok(Some((after, lane)))
}

/// Says whether a peer that holds `tips` of a log is to begin it late: nothing that it shows is behind the base here.
fn is_to_begin(index: &Index, held: &dyn Held, (document, log): Key, tips: &[Tip]) -> bool {
    let Some(base) = index.base(&document, &log) else { return false };
    let later = tips.iter().filter(|tip| tip.sequence >= base.tip.sequence);
    !later.into_iter().any(|tip| matches!(index.has(document, log, *tip, held), Ok(true)))
}

/// Says whether a log that is wanted holds a checkpoint on which others rest.
fn holds_checkpoint(index: &Index, wanted: &WantLog) -> bool {
    let space = index.space_of(&wanted.document);
    space.is_some_and(|of| index.checkpoint_logs(&of, &wanted.document).contains(&wanted.log))
}

/// Says whether a document holds orders to prune that may be needed for what begins late here.
fn has_orders(index: &Index, document: &DocTag) -> bool {
    index.has_bases()
        && index.space_of(document).is_some_and(|space| *document == document_tag(&space))
}

/// The log with the order that says where a log begins, for a peer that holds it up to `after`: it cannot
/// take it without. None where the log goes on from there.
pub(crate) fn order_before(index: &Index, (document, log): Key, after: u64) -> Option<Key> {
    let base = index.base(&document, &log).filter(|base| after < base.tip.sequence)?;
    let space = index.space_of(&document)?;
    let note = index.note(&(space, document, base.order))?;
    Some((document_tag(&space), note.log))
}

/// Reads on from a cursor and cuts what was read into pages, each ending in a signature.
pub(crate) fn refill(
    index: &Index,
    held: &dyn Held,
    (document, log): Key,
    cursor: &mut Cursor,
) -> Result<(), HeldError> {
    let tips = index.tips(&document, &log);
    let last = tips.iter().map(|tip| tip.sequence).max().unwrap_or_default();
    // What lies before may be missing.
    let base = index.base(&document, &log).map_or(0, |base| base.tip.sequence);
    cursor.after = cursor.after.max(base);
    if cursor.after >= last {
        return Ok(());
    }
    let bytes_max = if tips.len() > 1 { FORK_BYTES_MAX } else { 2 * PAGE_BYTES_MAX };
    let mut entries = held.entries(document, log, cursor.after, bytes_max)?;
    entries.retain(|entry| entry.header().sequence <= last);
    let mut reached = None;
    for chain in chains(entries) {
        let Some(first) = chain.first() else { continue };
        let mut sent = Tip { sequence: first.header().sequence - 1, id: first.header().previous };
        for page in cut(chain) {
            sent = page.last().map_or(sent, Entry::tip);
            cursor.ready.push_back(encode(&page));
        }
        // A branch that ends in this chunk is done; of the others the shortest decides.
        if !tips.contains(&sent) {
            let least = reached.unwrap_or(sent.sequence);
            reached = Some(sent.sequence.min(least));
        }
    }
    let reached = reached.unwrap_or(last);
    cursor.after = if cursor.ready.is_empty() { last } else { reached.max(cursor.after + 1) };
    Ok(())
}

/// Sorts the entries of a log, lower sequences first, into chains that each continue by one.
fn chains(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let continues = |pair: &[Entry]| matches!(pair, [a, b] if b.header().previous == a.id());
    if entries.windows(2).all(continues) {
        return vec![entries];
    }
    let mut chains: Vec<Vec<Entry>> = Vec::new();
    let mut ends: BTreeMap<EntryId, usize> = BTreeMap::new();
    for entry in entries {
        let at = ends.remove(&entry.header().previous).unwrap_or(chains.len());
        ends.insert(entry.id(), at);
        match chains.get_mut(at) {
            Some(chain) => chain.push(entry),
            None => chains.push(vec![entry]),
        }
    }
    chains
}

/// Cuts a chain into pages. What follows the last signature is left for the next reading. Where
/// signatures allow, a page is urgent throughout or not at all: an alert shares neither the fate nor the
/// time of what stands beside it.
fn cut(chain: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut pages = Vec::new();
    let mut page: Vec<Entry> = Vec::new();
    let mut signed = 0;
    let mut bytes = 0;
    for entry in chain {
        let size = entry.size_bytes();
        let full = page.len() >= PAGE_ENTRIES_MAX || bytes + size > PAGE_BYTES_MAX;
        let turns = page.last().is_some_and(|last| is_urgent(last) != is_urgent(&entry));
        if (full || turns) && signed > 0 {
            let rest = page.split_off(signed);
            pages.push(std::mem::replace(&mut page, rest));
            bytes = page.iter().map(Entry::size_bytes).sum();
            signed = 0;
        }
        bytes += size;
        let is_signed = entry.is_signed();
        page.push(entry);
        if is_signed {
            signed = page.len();
        }
    }
    page.truncate(signed);
    if !page.is_empty() {
        pages.push(page);
    }
    pages
}

fn is_urgent(entry: &Entry) -> bool {
    entry.header().urgency == Urgency::Urgent
}

/// Encodes a page; only its last signature is checked, so only that one travels.
fn encode(page: &[Entry]) -> Encoded {
    let last = page.len().saturating_sub(1);
    let encoded: Vec<ByteVec> = page
        .iter()
        .enumerate()
        .map(|(at, entry)| if at == last { entry.encode() } else { entry.encode_unsigned() })
        .map(ByteVec::from)
        .collect();
    let bytes = encoded.iter().map(|entry| entry.len() + 5).sum();
    (encoded, bytes)
}
