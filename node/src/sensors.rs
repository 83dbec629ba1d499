//! Sensors of a home: the hub that hears them raises one alert for those that fell silent, and tells the duty desk of
//! monitoring that was switched off. Every node that reads an elder's records knows what is off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linli_core::engine::Authored;
use linli_model::alert::{AlertFact, AlertKind, AlertView, CauseId, alert_id};
use linli_model::author::PartyKind as AuthorKind;
use linli_model::event::FactId;
use linli_model::private::Private;
use linli_model::sensor::{self, Off, SilentSensor};
use linli_model::time::Timestamp;
use linli_replica::batch::{Record, Shelf};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;
use linli_replica::replica::Save;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::ApiError;
use crate::api::sensors::MonitoringOff;
use crate::contacts::is_of_record;
use crate::handle::{alerts, elders, facts, spaces};
use crate::node::{Node, now};
use crate::views;

/// How often it is looked at who is silent.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is written down how long each has been silent: so much of a silence a crash forgets.
const SAVE: Duration = Duration::from_secs(600);

/// The key of what is written down, all in one: it names sensors, and a value is sealed.
const KEY: &[u8] = b"sensors";

/// Sensors of one fact: an urgent entry has room for them, beside what else is in it.
const SENSORS_URGENT_MAX: usize = 8;

/// What is known of sensors.
#[derive(Debug)]
pub(crate) struct Sensors {
    elders: BTreeMap<Uuid, Known>,
    heard: BTreeMap<(Uuid, String), Heard>,
    looked: Instant,
    saved: Instant,
}

/// What an elder's document says.
#[derive(Debug)]
struct Known {
    document: DocTag,
    /// Each with its longest silence, in milliseconds.
    sensors: BTreeMap<String, u64>,
    off: BTreeMap<FactId, Off>,
}

impl Known {
    fn is_off(&self, sensor: &str, now: Timestamp) -> bool {
        self.off.values().any(|off| off.is_of(sensor) && off.is_in_force(now))
    }
}

/// How a sensor was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// When it spoke last, by the hub's clock.
    pub(crate) seen_ms: Option<u64>,
    /// How long it has been silent while the hub was there to hear it, in milliseconds.
    pub(crate) silent_ms: u64,
    /// That it is silent has been told.
    told: bool,
}

impl Sensors {
    /// Begins with what was written down before this start; what is damaged counts anew.
    pub(crate) fn load(own: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let value = own.iter().find(|(key, _)| key == KEY).map(|(_, value)| value);
        let rows = value.and_then(|value| serde_json::from_slice(value).ok());
        let rows: Vec<((Uuid, String), Heard)> = rows.unwrap_or_default();
        let began = Instant::now();
        let (elders, heard) = (BTreeMap::new(), rows.into_iter().collect());
        Self { elders, heard, looked: began, saved: began }
    }

    /// The elders that have a sensor of this name.
    pub(crate) fn named(&self, sensor: &str) -> Vec<Uuid> {
        let of = self.elders.iter().filter(|(_, known)| known.sensors.contains_key(sensor));
        of.map(|(elder, _)| *elder).collect()
    }

    /// Every elder of whom something is known.
    pub(crate) fn elders(&self) -> BTreeSet<Uuid> {
        self.elders.keys().copied().collect()
    }

    /// Every sensor that should speak: whose, its name and its longest silence in milliseconds.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Uuid, &str, u64)> {
        self.elders.iter().flat_map(|(elder, known)| {
            known.sensors.iter().map(|(sensor, after)| (*elder, sensor.as_str(), *after))
        })
    }

    pub(crate) fn heard(&self, elder: Uuid, sensor: &str) -> Option<Heard> {
        self.heard.get(&(elder, sensor.to_owned())).copied()
    }

    pub(crate) fn is_off(&self, elder: Uuid, sensor: &str, now: Timestamp) -> bool {
        self.elders.get(&elder).is_some_and(|known| known.is_off(sensor, now))
    }

    /// What is switched off at a time, by elder.
    fn off_at(&self, now: Timestamp) -> impl Iterator<Item = (Uuid, FactId, &Off)> {
        self.elders.iter().flat_map(move |(elder, known)| {
            let off = known.off.iter().filter(move |(_, off)| off.is_in_force(now));
            off.map(|(id, off)| (*elder, *id, off))
        })
    }

    /// Counts the time that passed; returns the sensors whose silence is to be told.
    fn passed(&mut self, ms: u64, now: Timestamp) -> Vec<(Uuid, String)> {
        let mut heard = std::mem::take(&mut self.heard);
        let mut dead = Vec::new();
        for (elder, known) in &self.elders {
            for (sensor, after) in &known.sensors {
                let key = (*elder, sensor.clone());
                let mut of = heard.remove(&key).unwrap_or_default();
                // Nobody listens: what is silent then is not told, and has all its time afterwards, also what was told before.
                if known.is_off(sensor, now) {
                    (of.silent_ms, of.told) = (0, false);
                } else {
                    of.silent_ms = of.silent_ms.saturating_add(ms);
                }
                if of.silent_ms >= *after && !of.told {
                    dead.push(key.clone());
                }
                self.heard.insert(key, of);
            }
        }
        // What is not read yet after a start is not forgotten.
        let kept = heard.into_iter().filter(|((elder, _), _)| !self.elders.contains_key(elder));
        self.heard.extend(kept);
        dead
    }

    /// What is to be written down.
    fn record(&mut self) -> Record {
        self.saved = Instant::now();
        let rows: Vec<_> = self.heard.iter().collect();
        let value = serde_json::to_vec(&rows).unwrap_or_default();
        Record { shelf: Shelf::Own, key: KEY.to_vec(), value: Some(value) }
    }

    /// Forgets what stood in documents that are erased; returns what is to be written down then.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) -> Option<Record> {
        let before = self.elders.len();
        self.elders.retain(|_, known| !gone.contains(&known.document));
        if self.elders.len() == before {
            return None;
        }
        let elders = &self.elders;
        self.heard.retain(|(elder, _), _| elders.contains_key(elder));
        Some(self.record())
    }
}

/// Takes what an elder's document says.
pub(crate) fn changed(node: &mut Node, document: DocTag, elder: Uuid) {
    if !is_of_record(node, document, elder) {
        return;
    }
    let Ok((opened, _)) = views::open(node, document) else { return };
    let (doc, authors) = opened.parts();
    let view = sensor::view(doc.document(), authors);
    let (sensors, off) = (view.sensors(), view.off);
    node.sensors.elders.insert(elder, Known { document, sensors, off });
}

/// A sensor spoke.
pub(crate) fn seen(node: &mut Node, elder: Uuid, sensor: String) -> BTreeSet<Save> {
    let heard = Heard { seen_ms: Some(now().0), silent_ms: 0, told: false };
    let before = node.sensors.heard.insert((elder, sensor.clone()), heard);
    if !before.is_some_and(|before| before.told) {
        return BTreeSet::new();
    }
    spoke(node, elder, &Private::new(sensor));
    // A power cut that forgot it would leave its next silence untold.
    [node.replica.last_save(), save(node)].into()
}

fn save(node: &mut Node) -> Save {
    let records = vec![node.sensors.record()];
    node.author(Authored { records, ..Authored::default() })
}

/// The open alerts about sensors of this home.
fn open(node: &mut Node) -> Vec<(DocTag, AlertView)> {
    let documents: Vec<DocTag> = node.ladders.documents().collect();
    let views = documents.into_iter().filter_map(|document| {
        let view = alerts::read(node, document).ok()?;
        let is_open = view.what == Some(AlertKind::Sensors) && view.resolved.is_none();
        is_open.then_some((document, view))
    });
    views.collect()
}

/// Says whether an alert tells that a sensor is silent.
fn tells(view: &AlertView, elder: Uuid, sensor: &Private) -> bool {
    view.sensors.iter().any(|told| told.silent.is(elder, sensor) && told.spoke.is_none())
}

/// Writes into the open alert that a sensor spoke again.
fn spoke(node: &mut Node, elder: Uuid, sensor: &Private) {
    for (document, view) in open(node) {
        let (Some(raise), true) = (view.round, tells(&view, elder, sensor)) else { continue };
        let fact = AlertFact::SensorSpoke { raise, elder, sensor: sensor.clone() };
        if let Err(error) = facts::add(node, document, Urgency::Urgent, None, fact) {
            tracing::warn!(%error, "that a sensor speaks again could not be written down");
        }
    }
}

/// Raises an alert where sensors fell silent, and where monitoring was switched off.
pub(crate) fn tick(node: &mut Node) {
    let elapsed = node.sensors.looked.elapsed();
    if elapsed < LOOK {
        return;
    }
    node.sensors.looked = Instant::now();
    let at = Timestamp(now().0);
    let rows = rows(node, at);
    node.board.put_monitoring(rows);
    if !spaces::own_kind(node).is_ok_and(|kind| kind == PartyKind::Household) {
        return;
    }
    tell_off(node, at);
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let dead = node.sensors.passed(ms, at);
    if !dead.is_empty() {
        match raise(node, &dead) {
            Ok(()) => {
                for key in &dead {
                    node.sensors.heard.entry(key.clone()).and_modify(|heard| heard.told = true);
                }
                save(node);
            }
            Err(error) => {
                tracing::error!(%error, sensors = dead.len(), "sensors are silent and no alert could be raised")
            }
        }
    } else if node.sensors.saved.elapsed() >= SAVE && !node.sensors.heard.is_empty() {
        save(node);
    }
}

/// Tells of sensors: in an open alert that nobody has, or else in one of their own, which rings.
fn raise(node: &mut Node, dead: &[(Uuid, String)]) -> Result<(), ApiError> {
    let silent: Vec<SilentSensor> = dead
        .iter()
        .map(|(elder, sensor)| SilentSensor {
            elder: *elder,
            sensor: Private::new(sensor.clone()),
            seen: node.sensors.heard(*elder, sensor).and_then(|of| of.seen_ms).map(Timestamp),
        })
        .collect();
    let open = open(node);
    // Told before a crash that forgot it, or before monitoring was off.
    let is_told =
        |of: &SilentSensor| open.iter().any(|(_, view)| tells(view, of.elder, &of.sensor));
    let silent: Vec<SilentSensor> = silent.into_iter().filter(|of| !is_told(of)).collect();
    if silent.is_empty() {
        return Ok(());
    }
    let unowned = open.into_iter().filter(|(_, view)| view.owner.is_none());
    let (document, view, silent) = match unowned.max_by_key(|(_, view)| view.since) {
        Some((document, view)) => (document, view, silent),
        None => begin(node, silent)?,
    };
    let Some(raise) = view.round else { return Ok(()) };
    for some in silent.chunks(SENSORS_URGENT_MAX) {
        let fact = AlertFact::SensorsSilent { raise, sensors: some.to_vec() };
        facts::add(node, document, Urgency::Urgent, None, fact)?;
    }
    tracing::warn!(sensors = dead.len(), "sensors are silent");
    Ok(())
}

/// Raises the alert with the first sensors; returns it with those that are left.
fn begin(
    node: &mut Node,
    mut silent: Vec<SilentSensor>,
) -> Result<(DocTag, AlertView, Vec<SilentSensor>), ApiError> {
    let (space, _) = alerts::space(node)?;
    let rest = silent.split_off(silent.len().min(SENSORS_URGENT_MAX));
    let cause = CauseId(format!("sensors/{space}/{}", now().0));
    let event = alerts::Event::now(cause, AlertKind::Sensors);
    let elder = silent.first().map(|of| of.elder);
    let first = |raise| AlertFact::SensorsSilent { raise, sensors: silent };
    let document = alerts::raise_both(node, space, elder, event, first)?;
    Ok((document, alerts::read(node, document)?, rest))
}

/// Raises an alert for each time monitoring was switched off by others than a centre, whose desk knows.
fn tell_off(node: &mut Node, at: Timestamp) {
    let off = node.sensors.off_at(at).filter(|(.., off)| off.author.kind != AuthorKind::Centre);
    let off: Vec<(Uuid, FactId)> = off.map(|(elder, id, _)| (elder, id)).collect();
    for (elder, id) in off {
        let cause = CauseId(format!("monitoring/{elder}/{id}"));
        if alerts::find(node, &alert_id(&cause).to_string()).is_ok() {
            continue;
        }
        let event = alerts::Event::now(cause, AlertKind::MonitoringOff);
        if let Err(error) = alerts::raise_cause(node, elder, event, None) {
            tracing::error!(%error, "monitoring is off and no alert could be raised");
        }
    }
}

/// What is off, as desks and `status` show it.
fn rows(node: &mut Node, at: Timestamp) -> Vec<MonitoringOff> {
    let elders: BTreeSet<Uuid> = node.sensors.off_at(at).map(|(elder, ..)| elder).collect();
    if elders.is_empty() {
        return Vec::new();
    }
    let names = elders::names(node, &elders);
    let row = |(elder, _, off): (Uuid, FactId, &Off)| MonitoringOff {
        elder: elder.to_string(),
        names: names.get(&elder).into_iter().flatten().cloned().collect(),
        sensor: off.sensor.as_ref().map(|sensor| sensor.as_str().to_owned()),
        since_ms: off.at.0,
        until_ms: off.until.0,
        reason: off.reason.as_str().to_owned(),
        who: off.author.person.as_ref().map(|person| person.name.as_str().to_owned()),
    };
    node.sensors.off_at(at).map(row).collect()
}
