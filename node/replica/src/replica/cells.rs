//! Heartbeats: the latest of each writer, in memory only, counted for whoever sent it.

use std::collections::BTreeMap;

use super::api::Refused;
use crate::frame::Cell;
use crate::id::{LogKey, NodeId, SpaceTag};
use crate::limits::{CELLS_MAX, CELLS_OF_PEER_MAX};

/// Whose heartbeat in which space.
pub(crate) type CellKey = (SpaceTag, LogKey);

#[derive(Debug, Default)]
pub(crate) struct Cells {
    /// Each with who sent it; none for this node's own.
    latest: BTreeMap<CellKey, (Cell, Option<NodeId>)>,
    /// How many of them each sender has.
    senders: BTreeMap<NodeId, usize>,
}

impl Cells {
    /// Keeps a cell where it is the writer's latest; says whether it was.
    pub(crate) fn take(&mut self, cell: &Cell, from: Option<NodeId>) -> Result<bool, Refused> {
        let key = (cell.space, cell.log);
        let known = self.latest.get(&key);
        let is_new = match known {
            Some((held, _)) => from.is_none() || held.counter < cell.counter,
            None => self.latest.range(of_space(&cell.space)).count() < CELLS_MAX,
        };
        if !is_new {
            return Ok(false);
        }
        let before = known.and_then(|(_, sender)| *sender);
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
        self.latest.insert(key, (cell.clone(), from));
        Ok(true)
    }

    pub(crate) fn get(&self, key: &CellKey) -> Option<&Cell> {
        self.latest.get(key).map(|(cell, _)| cell)
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
            if let Some((_, from)) = self.latest.remove(&key) {
                self.uncount(from);
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
