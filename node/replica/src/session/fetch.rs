//! Fetching: what the peer has and we lack, what we asked it for, and the pages that come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Session;
use crate::entry::{Entry, Page, Urgency, VerifiedPage};
use crate::frame::{Frame, Frontiers, Offer, Pages, Want, WantLog};
use crate::frontier::Tip;
use crate::held::{Held, HeldError};
use crate::id::{DocTag, EntryId, LogKey, NodeId, Timestamp};
use crate::index::{Admission, Index};
use crate::limits::{
    COMPARE_INTERVAL_MS, GAP_PAUSE_MS_MAX, GAPS_MAX, OFFERS_MAX, OVER_QUOTA_MAX,
    URGENT_RATE_BYTES_MAX, WANT_PATIENCE_MS,
};
use crate::planted::{self, Bug};
use crate::replica::api::{Output, Refused};
use crate::replica::commits::Parcel;
use crate::replica::parcels::{Fresh, Parcels};
use crate::replica::prune::Admitted;
use crate::replica::world::World;

type Key = (DocTag, LogKey);

#[derive(Debug, Default)]
pub(super) struct Fetch {
    /// What the peer has and we lacked when it said so.
    offers: BTreeMap<Key, Vec<Tip>>,
    /// Offers to look at, the urgent apart.
    fresh: [VecDeque<Key>; 2],
    /// Offers of logs that another peer was asked for.
    blocked: BTreeSet<Key>,
    /// What this peer was asked for, with the tips it offered.
    asked: BTreeMap<Key, Vec<Tip>>,
    /// When something last came, or was asked with nothing else under way.
    progress: Timestamp,
    /// Something was lost: only a comparison finds it again.
    pub(super) again: bool,
    /// Logs that the quota had no room for: they are not wanted again in this session.
    pub(super) over_quota: BTreeSet<Key>,
    /// Logs of which a page came that continues nothing held.
    gaps: BTreeMap<Key, Gap>,
    /// When they were last looked at.
    gaps_since: Timestamp,
}

/// A log of which the peer has sent what continues nothing held.
#[derive(Debug, Default)]
struct Gap {
    /// The entry that it follows.
    before: EntryId,
    /// Whether it is not wanted: asked again, the peer began at the same place.
    given_up: bool,
    /// Until when, at least, it is waited for, or not wanted.
    until: Timestamp,
    /// For how long it was given up last, in milliseconds.
    pause_ms: u64,
}

/// Pages of one frame, by whether they are urgent and whether they were just made.
type Sorted = Parcels<(bool, bool)>;

fn has_all(
    index: &Index,
    (document, log): Key,
    tips: &[Tip],
    held: &dyn Held,
) -> Result<bool, HeldError> {
    for tip in tips {
        if !index.has(document, log, *tip, held)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Fetch {
    fn offer(&mut self, key: Key, tips: Vec<Tip>, urgent: bool) {
        let paused = || self.gaps.get(&key).is_some_and(|gap| gap.given_up);
        if self.over_quota.contains(&key) || (!urgent && paused()) {
            return;
        }
        if self.offers.len() >= OFFERS_MAX && !self.offers.contains_key(&key) {
            self.again = true;
            return;
        }
        let [fast, slow] = &mut self.fresh;
        if self.offers.insert(key, tips).is_none() || urgent {
            if urgent { fast } else { slow }.push_back(key);
        }
    }

    /// Settles what was asked for once all of it has come.
    fn came(&mut self, world: &mut World, key: Key, held: &dyn Held) -> Result<(), HeldError> {
        self.progress = world.now;
        let Some(tips) = self.asked.get(&key) else { return Ok(()) };
        if has_all(&world.index, key, tips, held)? {
            self.release(world, key);
        }
        Ok(())
    }

    /// Gives up waiting for a log; what else the peer offered of it is looked at again.
    fn release(&mut self, world: &mut World, key: Key) {
        if self.asked.remove(&key).is_some() {
            world.asked.remove(&key);
        }
        if self.offers.contains_key(&key) {
            let [_, slow] = &mut self.fresh;
            slow.push_back(key);
        }
    }

    /// Gives up a log that the quota has no room for.
    fn give_up(&mut self, world: &mut World, key: Key) {
        self.offers.remove(&key);
        self.release(world, key);
        if self.over_quota.len() < OVER_QUOTA_MAX {
            self.over_quota.insert(key);
        }
    }

    /// Says whether a peer that was asked for a log begins again with the same entry, which continues
    /// nothing held: it has the log from there on only, and no order is held here that says so.
    fn is_stuck(&mut self, key: Key, before: EntryId, now: Timestamp) -> bool {
        if !self.asked.contains_key(&key) {
            return false;
        }
        let full = self.gaps.len() >= GAPS_MAX && !self.gaps.contains_key(&key);
        match self.gaps.get(&key) {
            Some(known) => known.before == before,
            None if full => true,
            None => {
                let until = now.plus_ms(WANT_PATIENCE_MS);
                self.gaps.insert(key, Gap { before, until, ..Gap::default() });
                false
            }
        }
    }

    /// Says whether all has come that a peer was asked for of a log, and some of it is a branch that stands
    /// before what is held here: it is passed over, however often it comes.
    fn is_passed(&self, index: &Index, key: Key, tip: Tip, held: &dyn Held) -> bool {
        let Some(tips) = self.asked.get(&key) else { return false };
        index.base(&key.0, &key.1).is_some()
            && tips.contains(&tip)
            && matches!(has_all(index, key, tips, held), Ok(false))
    }

    /// Wants a log no more that the peer cannot give, until an order says where it begins, or for a while: each time
    /// for twice as long.
    fn give_up_until_ordered(&mut self, world: &mut World, key: Key) {
        self.offers.remove(&key);
        self.release(world, key);
        if self.gaps.len() < GAPS_MAX || self.gaps.contains_key(&key) {
            let gap = self.gaps.entry(key).or_default();
            gap.given_up = true;
            gap.until = world.now.plus_ms(gap.pause_ms);
            gap.pause_ms = (2 * gap.pause_ms).clamp(COMPARE_INTERVAL_MS, GAP_PAUSE_MS_MAX);
        }
    }

    /// An order about a document was taken in, or the checkpoint of one has come: its logs are wanted again.
    pub(super) fn ordered(&mut self, world: &mut World, document: &DocTag) {
        let range = (*document, LogKey([0; 32]))..=(*document, LogKey([0xff; 32]));
        let found: Vec<Key> = self.gaps.range(range).map(|(key, _)| *key).collect();
        for key in found {
            self.again |= self.gaps.remove(&key).is_some();
            self.release(world, key);
        }
    }

    /// More of a log has become durable, whoever brought it: it is wanted again of this peer.
    pub(super) fn filled(&mut self, key: &Key) {
        self.gaps.remove(key);
    }

    /// Asks on for a log of which the peer has sent one page, to see whether it is taken.
    fn ask_on(&mut self, world: &mut World, key: Key) {
        if let Some(tips) = self.asked.get(&key).cloned() {
            self.offers.insert(key, tips);
            self.release(world, key);
        }
    }

    pub(super) fn tick(&mut self, world: &mut World, now: Timestamp) {
        // A clock that is set back does not make anything wait for longer.
        self.progress = self.progress.min(now);
        self.gaps_since = self.gaps_since.min(now);
        if !self.asked.is_empty() && now.since_ms(self.progress) >= WANT_PATIENCE_MS {
            self.drop_asked(world);
            self.again = true;
        }
        self.drop_gaps(world, now);
        self.unblock();
        if now.since_ms(self.gaps_since) >= COMPARE_INTERVAL_MS {
            // What comes again at the same place is given up at once.
            for gap in self.gaps.values_mut() {
                gap.until = gap.until.min(now.plus_ms(GAP_PAUSE_MS_MAX));
                gap.given_up &= now < gap.until;
            }
            self.gaps_since = now;
        }
    }

    /// Asks anew, of whoever has it, for what this peer sent from a later place on only, though other logs still come.
    fn drop_gaps(&mut self, world: &mut World, now: Timestamp) {
        let is_late = |key: &Key| self.gaps.get(key).is_some_and(|gap| now >= gap.until);
        let asked = self.asked.keys().filter(|key| self.offers.contains_key(key) && is_late(key));
        for key in asked.copied().collect::<Vec<_>>() {
            self.release(world, key);
        }
    }

    /// Looks again at logs that another peer was asked for.
    pub(super) fn unblock(&mut self) {
        let [_, slow] = &mut self.fresh;
        slow.extend(std::mem::take(&mut self.blocked));
    }

    pub(super) fn drop_asked(&mut self, world: &mut World) {
        while let Some((key, _)) = self.asked.pop_first() {
            world.asked.remove(&key);
            // What else the peer offered of it is looked at again.
            if self.offers.contains_key(&key) {
                let [_, slow] = &mut self.fresh;
                slow.push_back(key);
            }
        }
    }

    /// Wants nothing more of documents that are erased.
    pub(super) fn drop_documents(&mut self, world: &mut World, gone: &BTreeSet<DocTag>) {
        self.offers.retain(|(document, _), _| !gone.contains(document));
        self.blocked.retain(|(document, _)| !gone.contains(document));
        self.over_quota.retain(|(document, _)| !gone.contains(document));
        self.gaps.retain(|(document, _), _| !gone.contains(document));
        self.asked.retain(|key, _| {
            let goes = gone.contains(&key.0);
            if goes {
                world.asked.remove(key);
            }
            !goes
        });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.offers.is_empty() && self.asked.is_empty()
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        (self.asked.len(), self.offers.len())
    }

    /// The next logs to ask for, within the window.
    fn wants(
        &mut self,
        world: &mut World,
        peer: NodeId,
        urgent: bool,
        held: &dyn Held,
    ) -> Result<Vec<WantLog>, HeldError> {
        let mut logs = Vec::new();
        let window = world.backoff(urgent).window();
        while self.asked.len() < window {
            let [fast, slow] = &mut self.fresh;
            let Some(key) = if urgent { fast } else { slow }.pop_front() else { break };
            let Some(tips) = self.offers.get(&key) else { continue };
            if self.asked.contains_key(&key) {
                continue;
            }
            if has_all(&world.index, key, tips, held)? {
                self.offers.remove(&key);
                continue;
            }
            if world.asked.get(&key).is_some_and(|other| *other != peer) && !urgent {
                self.blocked.insert(key);
                continue;
            }
            if self.asked.is_empty() {
                self.progress = world.now;
            }
            let tips = self.offers.remove(&key).unwrap_or_default();
            self.asked.insert(key, tips);
            world.asked.insert(key, peer);
            if let Some(gap) = self.gaps.get_mut(&key) {
                gap.until = gap.until.max(world.now.plus_ms(WANT_PATIENCE_MS));
            }
            let (document, log) = key;
            let after = world.index.admitted_tips(&document, &log);
            logs.push(WantLog { document, log, after });
        }
        Ok(logs)
    }
}

impl Session {
    pub(super) fn on_frontiers(
        &mut self,
        world: &World,
        held: &dyn Held,
        frontiers: Frontiers,
        outputs: &mut Vec<Output>,
    ) {
        for Offer { document, frontier, urgent } in frontiers.documents {
            let space = world.index.space_of(&document);
            if space.is_some_and(|space| !self.shares(&space)) {
                self.refuse(Refused::NotShared, outputs);
                continue;
            }
            // The peer has yet to learn that it was erased.
            if space.is_none() && world.index.erased_in(&document).any(|of| self.shares(of)) {
                continue;
            }
            self.serve.note_orders(&world.index, document, &frontier);
            for (log, tips) in &frontier.0 {
                match has_all(&world.index, (document, *log), tips, held) {
                    // The peer asks nothing more of an inbox that is not compared: it is told.
                    Ok(true) if space.is_some_and(|space| !self.compares(world, &space)) => {
                        self.owe_receipt(document, *log, urgent);
                    }
                    Ok(true) => {}
                    Ok(false) => self.fetch.offer((document, *log), tips.clone(), urgent),
                    Err(_) => {
                        self.fetch.again = true;
                        self.refuse(Refused::Store, outputs);
                    }
                }
            }
            outputs.push(Output::Receipt { peer: self.peer, document, frontier });
        }
    }

    pub(super) fn next_want(
        &mut self,
        world: &mut World,
        held: &dyn Held,
        urgent: bool,
    ) -> Option<Frame> {
        let Ok(logs) = self.fetch.wants(world, self.peer, urgent, held) else {
            self.fetch.again = true;
            return None;
        };
        (!logs.is_empty()).then_some(Frame::Want(Want { logs }))
    }

    pub(super) fn on_pages(
        &mut self,
        world: &mut World,
        held: &dyn Held,
        pages: Pages,
        outputs: &mut Vec<Output>,
    ) {
        let mut parcels = Sorted::new();
        for page in pages.pages {
            match verify(&page) {
                Some(page) => self.on_page(world, held, page, &mut parcels, outputs),
                None => self.refuse(Refused::BadPage, outputs),
            }
        }
        for ((urgent, live), Fresh { entries, bases, mut records }) in parcels {
            let from = Some(self.peer);
            records.extend(world.usage(&self.peer, &entries));
            world.commits.push(Parcel {
                from,
                bases,
                entries,
                records,
                urgent,
                relaxed: !live,
                live,
                ..Parcel::default()
            });
        }
    }

    fn on_page(
        &mut self,
        world: &mut World,
        held: &dyn Held,
        page: VerifiedPage,
        parcels: &mut Sorted,
        outputs: &mut Vec<Output>,
    ) {
        let Some(last) = page.entries().last() else { return };
        let (space, tip) = (last.header().space, last.tip());
        let before = page.entries().first().map_or_else(Default::default, |e| e.header().previous);
        let key = (last.header().document, last.header().log);
        let is_urgent = |entry: &Entry| entry.header().urgency == Urgency::Urgent;
        let bytes: usize = page.entries().iter().map(Entry::size_bytes).sum();
        let urgent = page.entries().iter().any(is_urgent) && self.is_in_time(bytes);
        let throughout = page.entries().iter().all(is_urgent);
        let live = !self.fetch.asked.contains_key(&key);
        if let Err(reason) = world.takes(&self.peer, &space, bytes, (urgent, throughout)) {
            if reason.is_quota() {
                self.fetch.give_up(world, key);
            } else {
                self.fetch.release(world, key);
                self.fetch.again |= reason == Refused::Congested;
            }
            return self.refuse(reason, outputs);
        }
        let Ok(Admitted { admission, base, records }) = world.admit(page, true, held) else {
            self.fetch.again = true;
            return self.refuse(Refused::Store, outputs);
        };
        let forked = matches!(admission, Admission::Fork(_));
        let begins = base.is_some();
        match admission {
            Admission::Known => {
                let held_to = world.index.tips(&key.0, &key.1);
                if held_to.iter().any(|held| held.sequence >= tip.sequence)
                    && matches!(world.index.passes(key.0, key.1, tip, held), Ok(false))
                {
                    self.owe_receipt(key.0, key.1, urgent);
                }
                if self.fetch.is_passed(&world.index, key, tip, held) {
                    return self.fetch.give_up_until_ordered(world, key);
                }
            }
            Admission::New(entries) | Admission::Fork(entries) => {
                self.fetch.gaps.remove(&key);
                if forked && let Some(entry) = entries.first().cloned() {
                    outputs.push(Output::Forked { document: key.0, entry });
                }
                world.carried(&self.peer, &entries);
                let fresh = Fresh { entries, bases: base.into_iter().collect(), records };
                // What begins a log late is never urgent.
                parcels.add((urgent && fresh.bases.is_empty(), live), fresh);
                if planted::is(Bug::FalseReceipt) {
                    self.owe_receipt(key.0, key.1, urgent);
                }
            }
            Admission::Gap if self.fetch.is_stuck(key, before, world.now) => {
                return self.fetch.give_up_until_ordered(world, key);
            }
            Admission::Gap => {
                // What is urgent does not wait for the answer to an earlier request.
                if urgent && self.fetch.asked.remove(&key).is_some() {
                    world.asked.remove(&key);
                }
                return self.fetch.offer(key, vec![tip], urgent);
            }
            Admission::Refused(reason) => {
                self.fetch.offers.remove(&key);
                self.fetch.release(world, key);
                return self.refuse(Refused::Admission(reason), outputs);
            }
        }
        self.fetch.again |= self.fetch.came(world, key, held).is_err();
        if begins {
            self.fetch.ask_on(world, key);
        }
    }

    /// Says whether a page of urgent entries is within what one peer may hurry others with. What is
    /// beyond is taken as if it were not urgent.
    const fn is_in_time(&mut self, bytes: usize) -> bool {
        self.urgent_bytes = self.urgent_bytes.saturating_add(bytes);
        self.urgent_bytes <= URGENT_RATE_BYTES_MAX
    }
}

/// Checks a page from the wire: its entries, their chain and the last signature.
pub(crate) fn verify(page: &[minicbor::bytes::ByteVec]) -> Option<VerifiedPage> {
    let entries = page.iter().map(|entry| Entry::decode(entry).ok());
    Page(entries.collect::<Option<Vec<Entry>>>()?).verify().ok()
}
