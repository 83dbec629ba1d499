//! Heartbeats: a hub says once a minute, in its household's standing alert space, that it is there.
//! Whoever reads the space remembers when that was; a centre raises an alert where a hub falls silent
//! ([`crate::silence`]).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linli_replica::batch::{Record, Shelf};
use linli_replica::certificate::PartyKind;
use linli_replica::frame::Cell;
use linli_replica::id::{NodeId, SpaceTag, Timestamp};
use linli_replica::replica::Input;

use crate::catalogue::Row;
use crate::handle::{alerts, spaces};
use crate::node::{Node, now, world};

/// Time between two heartbeats: a minute. At 4 KiB each they are six megabytes a day.
const INTERVAL_MS: u64 = 60_000;

/// How often it is written down when a hub was heard. What it repeats after a restart, of that time, counts anew.
const SAVE: Duration = Duration::from_secs(600);

/// What the keys of the records begin with.
const PREFIX: &[u8] = b"heartbeat/";

/// What was said, and what was heard.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    said: Timestamp,
    pub(crate) heard: BTreeMap<(SpaceTag, NodeId), Heard>,
}

/// A hub that was heard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// Its latest heartbeat, by its own clock.
    pub(crate) at: Timestamp,
    /// When that arrived; when this node began to listen, where it has not since.
    pub(crate) arrived: Instant,
    /// Who brought it.
    pub(crate) through: Option<NodeId>,
    /// That it is silent has been told.
    pub(crate) told: bool,
    saved: Instant,
}

impl Heard {
    /// When its latest heartbeat arrived, by this node's clock, in whole seconds so that it stays the same.
    fn arrived_ms(&self, now: Timestamp) -> u64 {
        let ago = u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX);
        now.0.saturating_sub(ago) / 1_000 * 1_000
    }
}

impl Heartbeats {
    /// Begins with the hubs that were heard before this start.
    pub(crate) fn load(own: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let began = Instant::now();
        let hub = |(key, value): &(Vec<u8>, Vec<u8>)| {
            let (space, node) = key.strip_prefix(PREFIX)?.split_first_chunk::<32>()?;
            let (at, told) = value.split_first_chunk::<8>()?;
            let heard = Heard {
                at: Timestamp(u64::from_be_bytes(*at)),
                arrived: began,
                through: None,
                told: told == [1],
                saved: began,
            };
            Some(((SpaceTag(*space), NodeId(node.try_into().ok()?)), heard))
        };
        Self { said: Timestamp::default(), heard: own.iter().filter_map(hub).collect() }
    }

    /// When a hub of the household whose alert this is was last heard, in milliseconds: by its own clock, which may run
    /// ahead, or when that arrived, to a second, whichever is earlier.
    pub(crate) fn of_alert(&self, alert: Option<&Row>, now: Timestamp) -> Option<u64> {
        let at = |(_, heard): (&NodeId, &Heard)| heard.at.0.min(heard.arrived_ms(now));
        self.of_space(alert?.space).map(at).max()
    }

    /// The latest heartbeat of a hub, by its own clock in milliseconds.
    pub(crate) fn of_node(&self, node: &NodeId) -> Option<u64> {
        let all = self.heard.iter().filter(|((_, hub), _)| hub == node);
        all.map(|(_, heard)| heard.at.0).max()
    }

    /// The hubs of a household's alert space.
    pub(crate) fn of_space(&self, space: SpaceTag) -> impl Iterator<Item = (&NodeId, &Heard)> {
        let all = (space, NodeId([0; 32]))..=(space, NodeId([u8::MAX; 32]));
        self.heard.range(all).map(|((_, node), heard)| (node, heard))
    }

    /// What is to be kept of a hub.
    pub(crate) fn record(&self, hub: &(SpaceTag, NodeId)) -> Option<Record> {
        let heard = self.heard.get(hub)?;
        let key = [PREFIX, hub.0.as_bytes(), hub.1.as_bytes()].concat();
        let value = [heard.at.0.to_be_bytes().as_slice(), &[u8::from(heard.told)]].concat();
        Some(Record { shelf: Shelf::Own, key, value: Some(value) })
    }
}

/// Says that this hub is there, where a minute has passed.
pub(crate) fn tick(node: &mut Node) {
    let at = now();
    let waits = at.0.abs_diff(node.heartbeats.said.0) < INTERVAL_MS;
    if waits || !spaces::own_kind(node).is_ok_and(|kind| kind == PartyKind::Household) {
        return;
    }
    // A hub that keeps somebody's records speaks before its first alert; and what lets others read that is with
    // them by then.
    if spaces::own(node, spaces::CARE).is_none() {
        return;
    }
    let space = match alerts::space(node) {
        Ok((space, _)) => space,
        Err(error) => return tracing::debug!(%error, "no heartbeat: no alert space could be begun"),
    };
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

/// Takes in a heartbeat that arrived. Only one that is later than what was heard tells that the hub is there:
/// anybody can repeat an old one.
pub(crate) fn take(node: &mut Node, through: NodeId, cell: &Cell) {
    let world = world(&node.replica, &node.store);
    let Some(beat) = node.core.hear(world, cell) else {
        tracing::debug!("a heartbeat that does not count");
        return;
    };
    let hub = (beat.space, beat.node);
    let before = node.heartbeats.heard.get(&hub).copied();
    if before.is_some_and(|before| beat.at <= before.at) {
        return;
    }
    let now = Instant::now();
    let save = before.is_none_or(|before| before.told || now - before.saved >= SAVE);
    let saved = before.map_or(now, |before| if save { now } else { before.saved });
    let heard = Heard { at: beat.at, arrived: now, through: Some(through), told: false, saved };
    node.heartbeats.heard.insert(hub, heard);
    node.board.heard(hub.0);
    if save {
        let records = node.heartbeats.record(&hub).into_iter().collect();
        node.feed(Input::Learned { pages: Vec::new(), records });
    }
    if before.is_some_and(|before| before.told) {
        crate::silence::ended(node, beat.node);
    }
}
