//! What a carrier keeps for others, counted for whoever sent it first, by space.
//!
//! A sender has a quota, and the community has one. Beyond them only what is urgent throughout is
//! taken, out of a reserve that each sender has: an alert is not refused because something else
//! has used the quota up.

use std::collections::{BTreeMap, BTreeSet};

use super::api::{Policy, Refused};
use crate::batch::{Record, Shelf};
use crate::entry::{Entry, Urgency};
use crate::id::{NodeId, SpaceTag};

/// What the names of the records begin with, on the node's own shelf: then sender and space.
const KEY: &[u8] = b"carried/";

/// Bytes of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bytes {
    all: u64,
    /// Those of urgent entries.
    urgent: u64,
}

impl Bytes {
    pub(crate) const fn all(self) -> u64 {
        self.all
    }

    pub(crate) fn of(entry: &Entry) -> Self {
        let all = u64::try_from(entry.size_bytes()).unwrap_or(u64::MAX);
        let urgent = if entry.header().urgency == Urgency::Urgent { all } else { 0 };
        Self { all, urgent }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        let all = self.all.saturating_add(other.all);
        Self { all, urgent: self.urgent.saturating_add(other.urgent) }
    }

    const fn minus(self, other: Self) -> Self {
        let all = self.all.saturating_sub(other.all);
        Self { all, urgent: self.urgent.saturating_sub(other.urgent) }
    }
}

#[derive(Debug, Default)]
struct Sender {
    total: Bytes,
    /// Spaces that it had kept, and of which it sent something.
    spaces: BTreeMap<SpaceTag, Bytes>,
}

/// What is kept for all.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    senders: BTreeMap<NodeId, Sender>,
    total: u64,
}

impl Quotas {
    /// Bytes kept for a sender.
    pub(crate) fn bytes(&self, sender: &NodeId) -> u64 {
        self.of(sender).all
    }

    /// Spaces kept for a sender.
    pub(crate) fn spaces(&self, sender: &NodeId) -> usize {
        self.senders.get(sender).map_or(0, |sender| sender.spaces.len())
    }

    /// Bytes kept for all.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    fn of(&self, sender: &NodeId) -> Bytes {
        self.senders.get(sender).map(|sender| sender.total).unwrap_or_default()
    }

    /// Counts a space that a sender has kept from here on; says whether there was room.
    pub(crate) fn adopt(&mut self, policy: &Policy, sender: &NodeId, space: SpaceTag) -> bool {
        let room = self.spaces(sender) < policy.spaces_max;
        if room {
            self.senders.entry(*sender).or_default().spaces.entry(space).or_default();
        }
        room
    }

    /// Says whether a page may be kept for a sender; `urgent` where all of it is.
    pub(crate) fn room(
        &self,
        policy: &Policy,
        sender: &NodeId,
        bytes: usize,
        urgent: bool,
    ) -> Result<(), Refused> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let used = self.of(sender);
        let reserve = if urgent { policy.urgent_bytes } else { 0 };
        if used.all.saturating_add(bytes) > policy.quota_bytes.saturating_add(reserve) {
            return Err(Refused::Quota);
        }
        let full = self.total.saturating_add(bytes) > policy.community_bytes;
        // In what is left over each sender has its own part, which no other can use up.
        if full && used.urgent.saturating_add(bytes) > reserve {
            return Err(Refused::CommunityQuota);
        }
        Ok(())
    }

    /// Counts entries for whoever sent them.
    pub(crate) fn add<'a>(&mut self, sender: &NodeId, entries: impl Iterator<Item = &'a Entry>) {
        for entry in entries {
            self.count(sender, entry.header().space, Bytes::of(entry));
        }
    }

    fn count(&mut self, sender: &NodeId, space: SpaceTag, bytes: Bytes) {
        self.total = self.total.saturating_add(bytes.all);
        let sender = self.senders.entry(*sender).or_default();
        sender.total = sender.total.plus(bytes);
        let kept = sender.spaces.entry(space).or_default();
        *kept = kept.plus(bytes);
    }

    /// Makes the records that keep what is counted for a sender in some spaces.
    pub(crate) fn records(&self, sender: &NodeId, spaces: &BTreeSet<SpaceTag>) -> Vec<Record> {
        let Some(counted) = self.senders.get(sender) else { return Vec::new() };
        let kept = spaces.iter().filter_map(|space| counted.spaces.get_key_value(space));
        let record = |(space, bytes): (&SpaceTag, &Bytes)| {
            let value = [bytes.all.to_be_bytes(), bytes.urgent.to_be_bytes()].concat();
            Record { shelf: Shelf::Own, key: key(sender, space), value: Some(value) }
        };
        kept.map(record).collect()
    }

    /// Takes back what was counted for entries: they could not be stored.
    pub(crate) fn drop<'a>(&mut self, sender: &NodeId, entries: impl Iterator<Item = &'a Entry>) {
        let Some(sender) = self.senders.get_mut(sender) else { return };
        for entry in entries {
            let Some(kept) = sender.spaces.get_mut(&entry.header().space) else { continue };
            let bytes = Bytes::of(entry);
            *kept = kept.minus(bytes);
            sender.total = sender.total.minus(bytes);
            self.total = self.total.saturating_sub(bytes.all);
        }
    }

    /// Gives back what was counted for a space; returns the records to remove.
    pub(crate) fn forget(&mut self, space: &SpaceTag) -> Vec<Record> {
        let mut records = Vec::new();
        for (name, sender) in &mut self.senders {
            let Some(bytes) = sender.spaces.remove(space) else { continue };
            sender.total = sender.total.minus(bytes);
            self.total = self.total.saturating_sub(bytes.all);
            records.push(Record { shelf: Shelf::Own, key: key(name, space), value: None });
        }
        records
    }

    /// Gives bytes of a space back, of which nobody remembers who sent what: to each sender in proportion
    /// to what is counted for it there. Returns who got what.
    pub(crate) fn give_back(&mut self, space: &SpaceTag, bytes: Bytes) -> Vec<(NodeId, Bytes)> {
        let senders = self.senders.iter();
        let counted: Vec<(NodeId, Bytes)> = senders
            .filter_map(|(name, sender)| Some((*name, *sender.spaces.get(space)?)))
            .collect();
        let urgent: Vec<u64> = counted.iter().map(|(_, bytes)| bytes.urgent).collect();
        let rest: Vec<u64> =
            counted.iter().map(|(_, bytes)| bytes.all.saturating_sub(bytes.urgent)).collect();
        let urgent = shares(bytes.urgent, &urgent);
        let rest = shares(bytes.all.saturating_sub(bytes.urgent), &rest);
        let parts = urgent.into_iter().zip(rest);
        let given: Vec<(NodeId, Bytes)> = counted
            .iter()
            .zip(parts)
            .map(|((name, _), (urgent, rest))| (*name, Bytes { all: urgent + rest, urgent }))
            .filter(|(_, bytes)| bytes.all > 0)
            .collect();
        for (name, bytes) in &given {
            let Some(sender) = self.senders.get_mut(name) else { continue };
            let Some(kept) = sender.spaces.get_mut(space) else { continue };
            *kept = kept.minus(*bytes);
            sender.total = sender.total.minus(*bytes);
            self.total = self.total.saturating_sub(bytes.all);
        }
        given
    }

    /// Counts again what was given back.
    pub(crate) fn take_back(&mut self, space: &SpaceTag, given: &[(NodeId, Bytes)]) {
        for (sender, bytes) in given {
            self.count(sender, *space, *bytes);
        }
    }

    /// Takes up a record of an earlier run; others are passed over.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) {
        let Some((sender, space)) = parts(key) else { return };
        let (numbers, []) = value.as_chunks::<8>() else { return };
        let [all, urgent] = numbers else { return };
        let (all, urgent) = (u64::from_be_bytes(*all), u64::from_be_bytes(*urgent));
        self.count(&sender, space, Bytes { all, urgent });
    }
}

/// Divides `whole` in proportion to what each has, nobody more than that; what division leaves over goes
/// to the first who have more.
fn shares(whole: u64, has: &[u64]) -> Vec<u64> {
    let all: u128 = has.iter().map(|part| u128::from(*part)).sum();
    let whole = u128::from(whole).min(all);
    let share = |part: &u64| {
        let share = (whole * u128::from(*part)).checked_div(all).unwrap_or_default();
        u64::try_from(share).unwrap_or(*part)
    };
    let mut shares: Vec<u64> = has.iter().map(share).collect();
    let mut left = whole - shares.iter().map(|share| u128::from(*share)).sum::<u128>();
    for (share, part) in shares.iter_mut().zip(has) {
        if left > 0 && *share < *part {
            *share += 1;
            left -= 1;
        }
    }
    shares
}

fn key(sender: &NodeId, space: &SpaceTag) -> Vec<u8> {
    [KEY, sender.as_bytes(), space.as_bytes()].concat()
}

fn parts(key: &[u8]) -> Option<(NodeId, SpaceTag)> {
    let (sender, space) = key.strip_prefix(KEY)?.split_first_chunk::<32>()?;
    Some((NodeId(*sender), SpaceTag(space.try_into().ok()?)))
}

/// Says whether a record counts something of a space.
pub(crate) fn is_about(key: &[u8], space: &SpaceTag) -> bool {
    parts(key).is_some_and(|(_, of)| of == *space)
}
