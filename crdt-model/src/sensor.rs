//! What should speak in an elder's home, and when nobody listens to it (document `<elder>/sensors`, in the care space).
//!
//! A smoke detector, a button's battery, a sensor of movement: each has a name and a longest silence. Whoever switches
//! monitoring off says until when and why. It ends by itself, and every node folds the same.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::author::{Author, Authors, PartyKind};
use crate::contact;
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Known, Reason, Refused, Waiting};
use crate::private::Private;
use crate::time::{DAY_MS, Timestamp};

/// Sensors of one elder: a large flat has a dozen.
pub const SENSORS_MAX: usize = 32;

/// Letters of a sensor's name.
pub const NAME_MAX: usize = 40;

/// Letters of why monitoring is off.
pub const REASON_MAX: usize = 200;

/// The longest silences there are, in milliseconds: from a second to a month, in which even a lock's battery is told once.
pub const SILENT_MS: std::ops::RangeInclusive<u64> = 1_000..=30 * DAY_MS;

/// For so long monitoring is switched off at most, in milliseconds: whoever wants longer says so again.
pub const OFF_MS_MAX: u64 = 30 * DAY_MS;

/// A fact of the sensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum SensorFact {
    /// A sensor should speak.
    Expected {
        /// Its name.
        sensor: Private,
        /// After how long it is thought to be dead, in milliseconds.
        silent_after_ms: u64,
    },
    /// It need not speak any more: it was taken away.
    Dropped {
        /// What expected it.
        expected: FactId,
    },
    /// Nobody listens for a while.
    SwitchedOff {
        /// To which sensor; none: to all.
        sensor: Option<Private>,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: Private,
    },
    /// Somebody listens again before that time.
    SwitchedOn {
        /// What switched it off.
        off: FactId,
    },
}

impl Body for SensorFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Expected { .. } | Self::SwitchedOff { .. } => Vec::new(),
            Self::Dropped { expected } => vec![*expected],
            Self::SwitchedOn { off } => vec![*off],
        }
    }
}

/// A sensor that should speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Its name.
    pub sensor: Private,
    /// After how long it is thought to be dead, in milliseconds.
    pub silent_after_ms: u64,
}

/// Monitoring that was switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Off {
    /// Of which sensor; none: of all.
    pub sensor: Option<Private>,
    /// Since when, by the author's clock.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: Private,
    /// Who switched it off.
    pub author: Author,
}

impl Off {
    /// Whether nobody listens at a time. What a clock ahead switched off is off once that time is near.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        !contact::is_ahead(self.at, now) && now < self.until
    }

    /// Whether it is about a sensor.
    pub fn is_of(&self, sensor: &str) -> bool {
        self.sensor.as_ref().is_none_or(|of| of.as_str() == sensor)
    }
}

/// The canonical view of an elder's sensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SensorsView {
    /// The document's schema.
    pub schema: Schema,
    /// What should speak, by the facts that say so. Said apart of one name, both stand.
    pub expected: BTreeMap<FactId, Expected>,
    /// What was switched off and neither on again nor said anew, by the facts; also where its time is over.
    pub off: BTreeMap<FactId, Off>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<SensorFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the sensors of an elder.
pub fn view(doc: &Automerge, authors: &impl Authors) -> SensorsView {
    let facts = Facts::<SensorFact>::read(doc, authors);
    let mut view = SensorsView {
        schema: facts.schema,
        expected: BTreeMap::new(),
        off: BTreeMap::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        let verdict = apply(&facts, &mut view, known);
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}

fn apply(
    facts: &Facts<SensorFact>,
    view: &mut SensorsView,
    known: &Known<SensorFact>,
) -> Result<(), Reason> {
    may_write(&known.author)?;
    match known.fact.body.clone() {
        SensorFact::Expected { sensor, silent_after_ms } => {
            if !is_line(&sensor, NAME_MAX) || !SILENT_MS.contains(&silent_after_ms) {
                return Err(Reason::OutOfRange);
            }
            let names = view.sensors();
            if !names.contains_key(sensor.as_str()) && names.len() >= SENSORS_MAX {
                return Err(Reason::TooMany);
            }
            view.expected.retain(|id, old| old.sensor != sensor || !facts.had_seen(known.id, *id));
            view.expected.insert(known.id, Expected { sensor, silent_after_ms });
        }
        SensorFact::Dropped { expected } => {
            view.expected.remove(&expected).ok_or_else(|| over(view, expected))?;
        }
        SensorFact::SwitchedOff { sensor, until, reason } => {
            let at = known.fact.at;
            // What ends before it begins was never off.
            let is_span = until > at && until.ms_since(at) <= OFF_MS_MAX;
            let is_name = sensor.as_ref().is_none_or(|sensor| is_line(sensor, NAME_MAX));
            if !is_span || !is_name || !is_line(&reason, REASON_MAX) {
                return Err(Reason::OutOfRange);
            }
            view.off.retain(|id, old| old.sensor != sensor || !facts.had_seen(known.id, *id));
            let author = known.author.clone();
            view.off.insert(known.id, Off { sensor, at, until, reason, author });
        }
        SensorFact::SwitchedOn { off } => {
            view.off.remove(&off).ok_or_else(|| over(view, off))?;
        }
    }
    Ok(())
}

/// Why a fact cannot be ended that is not in force.
fn over(view: &SensorsView, id: FactId) -> Reason {
    let stood = |entry: &Entry<SensorFact>| entry.id == id && entry.not_standing.is_none();
    let begins = |entry: &Entry<SensorFact>| {
        matches!(entry.body, SensorFact::Expected { .. } | SensorFact::SwitchedOff { .. })
    };
    match view.timeline.iter().any(|entry| stood(entry) && begins(entry)) {
        true => Reason::AlreadyDone,
        false => Reason::WrongReference,
    }
}

/// Says whether an author may say what should speak, and switch monitoring off: a person of those who live or serve there;
/// the elder, too, whose home it is.
///
/// # Errors
/// The reason why it would not stand.
pub fn may_write(author: &Author) -> Result<(), Reason> {
    use PartyKind as K;
    if ![K::Household, K::Family, K::Centre, K::Station].contains(&author.kind) {
        return Err(Reason::PartyMayNot);
    }
    author.person.as_ref().map(drop).ok_or(Reason::PersonNeeded)
}

/// Whether a text is one line of 1 to `max` letters.
pub fn is_line(text: &Private, max: usize) -> bool {
    let text = text.as_str();
    let letters = text.chars().count();
    text.trim() == text && (1..=max).contains(&letters) && !text.chars().any(char::is_control)
}

impl SensorsView {
    /// The sensors that should speak, each with its longest silence in milliseconds: of what was said apart the shortest.
    pub fn sensors(&self) -> BTreeMap<String, u64> {
        let mut sensors = BTreeMap::new();
        for Expected { sensor, silent_after_ms } in self.expected.values() {
            let longest = sensors.entry(sensor.as_str().to_owned()).or_insert(*silent_after_ms);
            *longest = (*longest).min(*silent_after_ms);
        }
        sensors
    }

    /// What is switched off at a time.
    pub fn off_at(&self, now: Timestamp) -> impl Iterator<Item = (&FactId, &Off)> {
        self.off.iter().filter(move |(_, off)| off.is_in_force(now))
    }

    /// The facts that expect a sensor.
    pub fn facts_of(&self, sensor: &str) -> BTreeSet<FactId> {
        let of = self.expected.iter().filter(|(_, expected)| expected.sensor.as_str() == sensor);
        of.map(|(id, _)| *id).collect()
    }
}

/// A sensor that is silent, in an alert about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentSensor {
    /// Whose.
    pub elder: Uuid,
    /// Its name.
    pub sensor: Private,
    /// When it spoke last, by the hub's clock; none: never.
    pub seen: Option<Timestamp>,
}

/// How a sensor of an alert stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The sensor.
    #[serde(flatten)]
    pub silent: SilentSensor,
    /// When it spoke again.
    pub spoke: Option<Timestamp>,
}

impl SilentSensor {
    /// Whether it is the sensor of this name.
    pub fn is(&self, elder: Uuid, sensor: &Private) -> bool {
        self.elder == elder && self.sensor == *sensor
    }
}

impl Silence {
    /// A sensor that is silent.
    pub fn of(silent: &SilentSensor) -> Self {
        Self { silent: silent.clone(), spoke: None }
    }
}
