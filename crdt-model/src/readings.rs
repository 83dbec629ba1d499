//! Readings of devices: a document a month, a root key an observation (document `readings/2024-01`).
//!
//! The key holds the whole observation, so a duplicate upload writes the same key and is the same observation. Values
//! are decimals, never floats; what cannot be true of a living body is kept and marked implausible.

use std::ops::Range;

use automerge::{Automerge, ObjId, ReadDoc as _, ScalarValue, transaction::Transactable};
use serde::{Deserialize, Serialize};

use crate::author::Authors;
use crate::decimal::Decimal;
use crate::document::{Schema, schema_of, state_schema};
use crate::field::Statement;
use crate::history;
use crate::limits::DEVICE_BYTES_MAX;
use crate::time::{Month, Timestamp};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Systolic blood pressure.
    Systolic,
    /// Diastolic blood pressure.
    Diastolic,
    /// Heart rate.
    HeartRate,
    /// Respiratory rate.
    RespiratoryRate,
    /// Oxygen saturation.
    OxygenSaturation,
    /// Body temperature.
    Temperature,
    /// Body weight.
    Weight,
    /// Body height.
    Height,
    /// Glucose in blood.
    Glucose,
    /// Glucose in blood by a fingerstick meter.
    GlucoseMeter,
    /// Steps in a day.
    Steps,
}

/// The LOINC code of the blood pressure panel, which is systolic and diastolic pressure together.
pub const BLOOD_PRESSURE: &str = "85354-9";

/// The code, unit and plausible range of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// The LOINC code.
    pub loinc: &'static str,
    /// The UCUM unit.
    pub ucum: &'static str,
    /// The lowest value a living body can have.
    pub low: Decimal,
    /// The highest value a living body can have.
    pub high: Decimal,
}

const fn coding(loinc: &'static str, ucum: &'static str, low: i64, high: i64) -> Coding {
    Coding { loinc, ucum, low: Decimal::new(low, 1), high: Decimal::new(high, 1) }
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 11] = [
        Self::Systolic,
        Self::Diastolic,
        Self::HeartRate,
        Self::RespiratoryRate,
        Self::OxygenSaturation,
        Self::Temperature,
        Self::Weight,
        Self::Height,
        Self::Glucose,
        Self::GlucoseMeter,
        Self::Steps,
    ];

    /// Code, unit and range. The ranges are our own: wide enough for every survivor, narrow enough to find a wrong unit
    /// (glucose in mg/dL, temperature in °F).
    pub fn coding(self) -> Coding {
        match self {
            Self::Systolic => coding("8480-6", "mm[Hg]", 400, 3_000),
            Self::Diastolic => coding("8462-4", "mm[Hg]", 200, 2_000),
            Self::HeartRate => coding("8867-4", "/min", 200, 3_000),
            Self::RespiratoryRate => coding("9279-1", "/min", 30, 800),
            Self::OxygenSaturation => coding("2708-6", "%", 400, 1_000),
            Self::Temperature => coding("8310-5", "Cel", 240, 450),
            Self::Weight => coding("29463-7", "kg", 150, 3_500),
            Self::Height => coding("8302-2", "cm", 800, 2_500),
            Self::Glucose => coding("15074-8", "mmol/L", 5, 350),
            Self::GlucoseMeter => coding("14743-9", "mmol/L", 5, 350),
            Self::Steps => coding("41950-7", "/d", 0, 1_000_000),
        }
    }

    /// The measures of a LOINC code: of the blood pressure panel two, of a code that is not known none.
    pub fn of_panel(loinc: &str) -> Vec<Self> {
        match loinc {
            BLOOD_PRESSURE => vec![Self::Systolic, Self::Diastolic],
            _ => Self::of_loinc(loinc).into_iter().collect(),
        }
    }

    /// The measure of a LOINC code.
    pub fn of_loinc(loinc: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.coding().loinc == loinc)
    }
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reading {
    /// When, by the device's clock.
    pub at: Timestamp,
    /// What was measured.
    pub measure: Measure,
    /// Which device: letters, digits and `. : _ -`.
    pub device: String,
    /// The value in the measure's unit.
    pub value: Decimal,
}

/// Why a reading was not written or is not shown as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum ReadingError {
    /// The key is no reading.
    #[error("this is no reading of a known form")]
    Key,
    /// The measure is not known here.
    #[error("the measure {loinc} is not known here: update this node")]
    Measure {
        /// Its code.
        loinc: String,
    },
    /// The device's name has other characters or is too long.
    #[error("a device's name has 1 to {DEVICE_BYTES_MAX} letters, digits and . : _ -")]
    Device,
    /// The unit is not the measure's.
    #[error("the unit is not the one of this measure: convert the value first")]
    Unit,
    /// The reading belongs into another month's document.
    #[error("the reading belongs into the document of another month")]
    Month,
    /// Nobody who counts here wrote it.
    #[error("its author is not known or is held back here")]
    UnknownAuthor,
}

/// A reading could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The reading is not in order.
    #[error(transparent)]
    Reading(#[from] ReadingError),
    /// Automerge refused the write.
    #[error("the document could not be written")]
    Document(#[from] automerge::AutomergeError),
}

impl Reading {
    /// The key at the root: `reading/<loinc>/<device>/<ms>/<value>`.
    pub fn key(&self) -> String {
        let loinc = self.measure.coding().loinc;
        format!("reading/{loinc}/{}/{}/{}", self.device, self.at.0, self.value)
    }

    /// Reads a key. Only the spelling that [`Reading::key`] gives is one.
    ///
    /// # Errors
    /// [`ReadingError`] says which part is not in order.
    pub fn of_key(key: &str) -> Result<Self, ReadingError> {
        let mut parts = key.strip_prefix("reading/").ok_or(ReadingError::Key)?.split('/');
        let mut next = || parts.next().ok_or(ReadingError::Key);
        let (loinc, device, at, value) = (next()?, next()?, next()?, next()?);
        let measure = Measure::of_loinc(loinc)
            .ok_or_else(|| ReadingError::Measure { loinc: loinc.to_owned() })?;
        let at = Timestamp(at.parse().map_err(|_| ReadingError::Key)?);
        let value = value.parse().map_err(|_| ReadingError::Key)?;
        let reading = Self { at, measure, device: device.to_owned(), value };
        reading.check_device()?;
        if reading.key() == key { Ok(reading) } else { Err(ReadingError::Key) }
    }

    fn check_device(&self) -> Result<(), ReadingError> {
        let plain = self.device.bytes().all(|b| b.is_ascii_alphanumeric() || b".:_-".contains(&b));
        let sized = (1..=DEVICE_BYTES_MAX).contains(&self.device.len());
        if plain && sized { Ok(()) } else { Err(ReadingError::Device) }
    }

    /// The month whose document holds the reading.
    ///
    /// # Errors
    /// [`ReadingError::Month`] for a time after the year 9999.
    pub fn month(&self) -> Result<Month, ReadingError> {
        Month::of(self.at).map_err(|_| ReadingError::Month)
    }

    /// Says whether a living body can have this value.
    pub fn is_plausible(&self) -> bool {
        let coding = self.measure.coding();
        (coding.low..=coding.high).contains(&self.value)
    }
}

/// Writes a reading into the document of its month. Writing it again changes nothing.
///
/// # Errors
/// [`AddError`] when the device's name or the month is not in order; nothing is written then.
pub fn add(doc: &mut impl Transactable, month: Month, reading: &Reading) -> Result<(), AddError> {
    reading.check_device()?;
    if reading.month()? != month {
        return Err(ReadingError::Month.into());
    }
    state_schema(doc)?;
    doc.put(automerge::ROOT, reading.key(), reading.measure.coding().ucum)?;
    Ok(())
}

/// Says whether somebody who counts wrote a reading already, without reading the others.
pub fn is_known(doc: &Automerge, authors: &impl Authors, reading: &Reading) -> bool {
    let counts = |id: &ObjId| match id {
        ObjId::Id(counter, actor, _) => authors.author(actor, *counter).is_some(),
        ObjId::Root => false,
    };
    let unit = reading.measure.coding().ucum;
    let written = doc.get_all(automerge::ROOT, reading.key()).unwrap_or_default();
    written.iter().any(|(value, id)| value.as_str() == Some(unit) && counts(id))
}

/// The readings of a measure in a time, by every device, as the document holds them now: found by ranges of keys, without
/// reading the others. What somebody deleted is not among them; [`view`] has it all the same.
pub fn within(
    doc: &Automerge,
    authors: &impl Authors,
    measure: Measure,
    time: Range<Timestamp>,
) -> Vec<Reading> {
    let of = format!("reading/{}/", measure.coding().loinc);
    let mut found = Vec::new();
    let mut next = of.clone();
    // What follows `/` is `0`: the keys of a measure, and of a device, end there.
    let end = after(&of);
    while let Some(first) = doc.map_range(automerge::ROOT, next..end.clone()).next() {
        let Some((device, _)) = first.key.strip_prefix(&of).and_then(|rest| rest.split_once('/'))
        else {
            next = format!("{}\0", first.key);
            continue;
        };
        let of_device = format!("{of}{device}/");
        next = after(&of_device);
        let readings = doc.map_range(automerge::ROOT, keys(&of_device, &time));
        found.extend(
            readings
                .filter_map(|item| Reading::of_key(&item.key).ok())
                .filter(|reading| time.contains(&reading.at) && is_known(doc, authors, reading)),
        );
    }
    found
}

/// The keys of a device in a time. They are in the order of time only among numbers of as many digits.
fn keys(of: &str, time: &Range<Timestamp>) -> Range<String> {
    let (from, until) = (time.start.0.to_string(), time.end.0.to_string());
    match from.len() == until.len() {
        true => format!("{of}{from}")..format!("{of}{until}"),
        false => of.to_owned()..after(of),
    }
}

/// The first text after all that begin with this one, which ends with `/`.
fn after(of: &str) -> String {
    format!("{}0", of.trim_end_matches('/'))
}

/// A reading and who brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// The reading.
    #[serde(flatten)]
    pub reading: Reading,
    /// A living body can have this value.
    pub plausible: bool,
    /// Who brought it, earliest first.
    pub by: Vec<Statement>,
}

/// The canonical view of a month of readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadingsView {
    /// The document's schema.
    pub schema: Schema,
    /// The observations, by time.
    pub observations: Vec<Observation>,
    /// Keys that are no observation, and why.
    pub refused: Vec<(String, ReadingError)>,
}

impl ReadingsView {
    /// The plausible readings of a measure, by time.
    pub fn series(&self, measure: Measure) -> Vec<&Reading> {
        let plausible = self.observations.iter().filter(|o| o.plausible);
        plausible.map(|o| &o.reading).filter(|r| r.measure == measure).collect()
    }
}

/// Reads a month of readings. Readings are never deleted or replaced: a later write to a key counts as one more word for
/// it, and a deletion as none.
pub fn view(month: Month, doc: &Automerge, authors: &impl Authors) -> ReadingsView {
    let writes = history::writes(doc);
    let mut found: std::collections::BTreeMap<Reading, Vec<Statement>> = Default::default();
    let mut refused = std::collections::BTreeSet::new();
    for write in writes.iter().filter(|w| w.key != crate::document::SCHEMA_KEY) {
        let Some(value) = &write.value else { continue };
        let checked = authors
            .author(&write.id.actor, write.id.counter)
            .ok_or(ReadingError::UnknownAuthor)
            .and_then(|author| Ok((author, check(month, &write.key, value)?)));
        match checked {
            Ok((author, reading)) => {
                let statement = Statement { at: write.at, author: author.clone() };
                found.entry(reading).or_default().push(statement);
            }
            Err(error) => {
                refused.insert((write.key.clone(), error));
            }
        }
    }
    let observations = found
        .into_iter()
        .map(|(reading, mut by)| {
            by.sort();
            by.dedup();
            Observation { plausible: reading.is_plausible(), reading, by }
        })
        .collect();
    let refused = refused.into_iter().collect();
    ReadingsView { schema: schema_of(&writes), observations, refused }
}

fn check(month: Month, key: &str, value: &ScalarValue) -> Result<Reading, ReadingError> {
    let reading = Reading::of_key(key)?;
    if reading.month()? != month {
        return Err(ReadingError::Month);
    }
    let unit = reading.measure.coding().ucum;
    if matches!(value, ScalarValue::Str(text) if text == unit) {
        Ok(reading)
    } else {
        Err(ReadingError::Unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(value: &str) -> Reading {
        Reading {
            at: Timestamp(1_704_100_680_000),
            measure: Measure::Glucose,
            device: "cgm-1".to_owned(),
            value: value.parse().unwrap(),
        }
    }

    #[test]
    fn the_key_is_the_observation() {
        let key = "reading/15074-8/cgm-1/1704100680000/3.87";
        assert_eq!(reading("3.870").key(), key);
        assert_eq!(Reading::of_key(key), Ok(reading("3.87")));
    }

    #[test]
    fn other_spellings_are_refused() {
        use ReadingError as E;
        for (key, error) in [
            ("reading/15074-8/cgm-1/1704100680000/3.870", E::Key),
            ("reading/15074-8/cgm-1/01704100680000/3.87", E::Key),
            ("reading/15074-8/cgm-1/1704100680000/3.87/x", E::Key),
            ("reading/15074-8/cgm-1/1704100680000", E::Key),
            ("reading/15074-8/cgm-1/1704100680000/NaN", E::Key),
            ("reading/15074-8/cgm 1/1704100680000/3.87", E::Device),
            ("reading/15074-8//1704100680000/3.87", E::Device),
            ("reading/1-1/cgm-1/1704100680000/3.87", E::Measure { loinc: "1-1".to_owned() }),
            ("profile", E::Key),
        ] {
            assert_eq!(Reading::of_key(key), Err(error), "{key}");
        }
    }

    #[test]
    fn a_wrong_unit_is_implausible() {
        assert!(reading("3.87").is_plausible());
        assert!(!reading("70").is_plausible());
        assert!(!reading("0").is_plausible());
    }

    #[test]
    fn every_measure_reads_back_by_its_code() {
        for measure in Measure::ALL {
            assert_eq!(Measure::of_loinc(measure.coding().loinc), Some(measure));
        }
    }
}
