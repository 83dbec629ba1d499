//! Fetching: what the peer has and we lack, what we asked it for, and the pages that come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Session;
use crate::entry::{Entry, Page, Urgency, VerifiedPage};
use crate::frame::{Frame, Frontiers, Offer, Pages, Want, WantLog};
use crate::frontier::Tip;
use crate::held::{Held, HeldError};
use crate::id::{DocTag, LogKey, NodeId, Timestamp};
use crate::index::{Admission, Index};
use crate::limits::{OFFERS_MAX, OVER_QUOTA_MAX, URGENT_RATE_BYTES_MAX, WANT_PATIENCE_MS};
use crate::replica::api::{Output, Refused};
use crate::replica::commits::Parcel;
use crate::replica::parcels::Parcels;
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
        if self.over_quota.contains(&key) {
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

    pub(super) fn tick(&mut self, world: &mut World, now: Timestamp) {
        if !self.asked.is_empty() && now.since_ms(self.progress) >= WANT_PATIENCE_MS {
            self.drop_asked(world);
            self.again = true;
        }
        self.unblock();
    }

    /// Looks again at logs that another peer was asked for.
    pub(super) fn unblock(&mut self) {
        let [_, slow] = &mut self.fresh;
        slow.extend(std::mem::take(&mut self.blocked));
    }

    pub(super) fn drop_asked(&mut self, world: &mut World) {
        for key in std::mem::take(&mut self.asked).into_keys() {
            world.asked.remove(&key);
        }
    }

    /// Wants nothing more of documents that are erased.
    pub(super) fn drop_documents(&mut self, world: &mut World, gone: &BTreeSet<DocTag>) {
        self.offers.retain(|(document, _), _| !gone.contains(document));
        self.blocked.retain(|(document, _)| !gone.contains(document));
        self.over_quota.retain(|(document, _)| !gone.contains(document));
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
        for ((urgent, live), entries) in parcels {
            let from = Some(self.peer);
            let records = world.usage(&self.peer, &entries);
            world.commits.push(Parcel {
                from,
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
        match world.index.admit(page, held) {
            Ok(Admission::Known) => {
                if world.index.tips(&key.0, &key.1).iter().any(|held| held.sequence >= tip.sequence)
                {
                    self.owe_receipt(key.0, key.1, urgent);
                }
            }
            Ok(Admission::New(entries)) => {
                world.carried(&self.peer, &entries);
                parcels.add((urgent, live), entries);
            }
            Ok(Admission::Fork(entries)) => {
                if let Some(entry) = entries.first().cloned() {
                    outputs.push(Output::Forked { document: key.0, entry });
                }
                world.carried(&self.peer, &entries);
                parcels.add((urgent, live), entries);
            }
            Ok(Admission::Gap) => {
                // What is urgent does not wait for the answer to an earlier request.
                if urgent && self.fetch.asked.remove(&key).is_some() {
                    world.asked.remove(&key);
                }
                return self.fetch.offer(key, vec![tip], urgent);
            }
            Ok(Admission::Refused(reason)) => {
                self.fetch.offers.remove(&key);
                self.fetch.release(world, key);
                return self.refuse(Refused::Admission(reason), outputs);
            }
            Err(_) => {
                self.fetch.again = true;
                return self.refuse(Refused::Store, outputs);
            }
        }
        self.fetch.again |= self.fetch.came(world, key, held).is_err();
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
    let entries: Result<Vec<Entry>, _> = page.iter().map(|entry| Entry::decode(entry)).collect();
    Page(entries.ok()?).verify().ok()
}
