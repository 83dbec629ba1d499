//! Heartbeats: the latest of each writer, in memory only, counted for whoever sent it.
//!
//! Where a space has as many as are kept, a further writer's takes the place of the one that came first of who sent
//! most of them: whoever makes writers up displaces its own. This node's own are always kept.

use std::collections::BTreeMap;

use super::api::Refused;
use crate::frame::Cell;
use crate::id::{LogKey, NodeId, SpaceTag};
use crate::limits::{CELLS_MAX, CELLS_OF_PEER_MAX};

/// Whose heartbeat in which space.
pub(crate) type CellKey = (SpaceTag, LogKey);

#[derive(Debug)]
struct Latest {
    cell: Cell,
    /// None for this node's own.
    sender: Option<NodeId>,
    /// The how manieth it was that came.
    number: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Cells {
    latest: BTreeMap<CellKey, Latest>,
    /// How many of them each sender has.
    senders: BTreeMap<NodeId, usize>,
    /// How many came.
    came: u64,
}

impl Cells {
    /// Keeps a cell where it is the writer's latest; says whether it was.
    pub(crate) fn take(&mut self, cell: &Cell, from: Option<NodeId>) -> Result<bool, Refused> {
        let key = (cell.space, cell.log);
        // Which one makes room: the writer's former one, or where the space is full another's.
        let goes = match self.latest.get(&key) {
            Some(held) if from.is_some() && held.cell.counter >= cell.counter => return Ok(false),
            Some(_) => Some(key),
            None if self.latest.range(of_space(&cell.space)).count() < CELLS_MAX => None,
            None => match self.displaced(&cell.space, from) {
                None => return Ok(false),
                displaced => displaced,
            },
        };
        let before = goes.and_then(|key| self.latest.get(&key)).and_then(|held| held.sender);
        if before != from {
            let count = |peer: NodeId| self.senders.get(&peer).copied().unwrap_or_default();
            if from.is_some_and(|peer| count(peer) >= CELLS_OF_PEER_MAX) {
                return Err(Refused::Quota);
            }
            self.uncount(before);
            if let Some(peer) = from {
                *self.senders.entry(peer).or_default() += 1;
            }
        }
        if let Some(gone) = goes {
            self.latest.remove(&gone);
        }
        self.came += 1;
        self.latest.insert(key, Latest { cell: cell.clone(), sender: from, number: self.came });
        Ok(true)
    }

    /// Which heartbeat of a full space gives way to one of a further writer; none where all are this node's own.
    fn displaced(&self, space: &SpaceTag, from: Option<NodeId>) -> Option<CellKey> {
        let mut counts: BTreeMap<NodeId, usize> = from.map(|peer| (peer, 1)).into_iter().collect();
        let held = || self.latest.range(of_space(space));
        for peer in held().filter_map(|(_, held)| held.sender) {
            *counts.entry(peer).or_default() += 1;
        }
        let most = counts.values().max();
        let of_most =
            held().filter(|(_, held)| held.sender.is_some_and(|peer| counts.get(&peer) == most));
        of_most.min_by_key(|(_, held)| held.number).map(|(key, _)| *key)
    }

    pub(crate) fn get(&self, key: &CellKey) -> Option<&Cell> {
        self.latest.get(key).map(|held| &held.cell)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &CellKey> {
        self.latest.keys()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// Forgets those of a space.
    pub(crate) fn forget(&mut self, space: &SpaceTag) {
        let gone: Vec<CellKey> = self.latest.range(of_space(space)).map(|(key, _)| *key).collect();
        for key in gone {
            if let Some(held) = self.latest.remove(&key) {
                self.uncount(held.sender);
            }
        }
    }

    fn uncount(&mut self, sender: Option<NodeId>) {
        let Some(sender) = sender else { return };
        if let Some(count) = self.senders.get_mut(&sender) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.senders.remove(&sender);
            }
        }
    }
}

const fn of_space(space: &SpaceTag) -> std::ops::RangeInclusive<CellKey> {
    (*space, LogKey([0; 32]))..=(*space, LogKey([0xff; 32]))
}
