//! Heartbeats: a hub says once a minute, in its household's standing alert space, that it is there.
//! Whoever reads the space remembers when that was.

use std::collections::BTreeMap;

use linli_replica::certificate::PartyKind;
use linli_replica::frame::Cell;
use linli_replica::id::{NodeId, SpaceTag, Timestamp};
use linli_replica::replica::Input;

use crate::catalogue::Row;
use crate::handle::spaces;
use crate::node::{Node, now, world};

/// Time between two heartbeats: a minute. At 4 KiB each they are six megabytes a day.
const INTERVAL_MS: u64 = 60_000;

/// What was said, and what was heard. In memory only: a heartbeat tells of the present.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    said: Timestamp,
    heard: BTreeMap<SpaceTag, BTreeMap<NodeId, Timestamp>>,
}

impl Heartbeats {
    /// When a hub of the household whose alert this is was last heard, by its own clock in
    /// milliseconds; none since this node started.
    pub(crate) fn of_alert(&self, alert: Option<&Row>) -> Option<u64> {
        self.heard.get(&alert?.space)?.values().map(|at| at.0).max()
    }
}

/// Says that this hub is there, where a minute has passed.
pub(crate) fn tick(node: &mut Node) {
    let at = now();
    let waits = at.0.abs_diff(node.heartbeats.said.0) < INTERVAL_MS;
    if waits || !spaces::own_kind(node).is_ok_and(|kind| kind == PartyKind::Household) {
        return;
    }
    let Some(space) = spaces::own(node, spaces::ALERT) else { return };
    node.heartbeats.said = at;
    let world = world(&node.replica, &node.store);
    match node.core.heartbeat(world, &mut node.rng, space) {
        Ok(Some(cell)) => node.feed(Input::Heartbeat(cell)),
        // Somebody was removed: what is said from the next minute on is not for them.
        Ok(None) => match node.core.rotate(world, &mut node.rng, space) {
            Ok(authored) => drop(node.author(authored)),
            Err(error) => tracing::warn!(%error, "no heartbeat: no epoch could be begun"),
        },
        Err(error) => tracing::warn!(%error, "no heartbeat"),
    }
}

/// Takes in a heartbeat that arrived.
pub(crate) fn take(node: &mut Node, cell: &Cell) {
    let world = world(&node.replica, &node.store);
    let Some(heard) = node.core.hear(world, cell) else {
        tracing::debug!("a heartbeat that does not count");
        return;
    };
    let last = node.heartbeats.heard.entry(heard.space).or_default();
    let last = last.entry(heard.node).or_default();
    *last = heard.at.max(*last);
}
