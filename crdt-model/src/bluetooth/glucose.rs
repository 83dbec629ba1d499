//! Glucose Measurement (0x2A18).

use serde::Serialize;

use super::cursor::{Cursor, Flags};
use super::doubt::{Doubt, doubts};
use super::number::{NoValue, Unit};
use super::{Measurement, PayloadError};
use crate::readings::Measure;

const OFFSET: u8 = 1 << 0;
const CONCENTRATION: u8 = 1 << 1;
const MOLE_PER_LITRE: u8 = 1 << 2;
const STATUS: u8 = 1 << 3;
/// Meals and medicines follow in another characteristic (0x2A34), which is not read.
const CONTEXT: u8 = 1 << 4;

const DOUBTS: [(u8, Doubt); 12] = [
    (0, Doubt::BatteryLow),
    (1, Doubt::SensorMalfunction),
    (2, Doubt::SampleInsufficient),
    (3, Doubt::StripInsertion),
    (4, Doubt::StripType),
    (5, Doubt::AboveRange),
    (6, Doubt::BelowRange),
    (7, Doubt::TooWarm),
    (8, Doubt::TooCold),
    (9, Doubt::StripPulledEarly),
    (10, Doubt::DeviceFault),
    (11, Doubt::TimeFault),
];

/// What glucose was measured in, and where that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Sample {
    /// What it is.
    pub kind: SampleKind,
    /// Where it was taken; none where the device does not say.
    pub site: Option<SampleSite>,
}

/// What glucose was measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// Capillary whole blood.
    CapillaryWholeBlood,
    /// Capillary plasma: whole blood of a fingertip, stated as its plasma would have it.
    CapillaryPlasma,
    /// Venous whole blood.
    VenousWholeBlood,
    /// Venous plasma.
    VenousPlasma,
    /// Arterial whole blood.
    ArterialWholeBlood,
    /// Arterial plasma.
    ArterialPlasma,
    /// Whole blood from anywhere.
    WholeBlood,
    /// Plasma from anywhere.
    Plasma,
    /// The fluid between cells, where a sensor in the skin measures. It follows the blood by some minutes.
    InterstitialFluid,
}

/// Where a sample was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleSite {
    /// A finger.
    Finger,
    /// Another site that the device allows: palm, forearm.
    Alternate,
    /// An ear lobe.
    Earlobe,
}

impl Sample {
    /// Two nibbles, the lower one the kind.
    fn of(byte: u8) -> Result<Self, PayloadError> {
        let (kind, site) = (byte & 0x0F, byte >> 4);
        // Either is enough: such a value must never stand as a person's.
        if kind == 10 || site == 4 {
            return Err(PayloadError::ControlSolution);
        }
        let kind = match kind {
            1 => SampleKind::CapillaryWholeBlood,
            2 => SampleKind::CapillaryPlasma,
            3 => SampleKind::VenousWholeBlood,
            4 => SampleKind::VenousPlasma,
            5 => SampleKind::ArterialWholeBlood,
            6 => SampleKind::ArterialPlasma,
            7 => SampleKind::WholeBlood,
            8 => SampleKind::Plasma,
            9 => SampleKind::InterstitialFluid,
            _ => return Err(PayloadError::Reserved),
        };
        let site = match site {
            1 => Some(SampleSite::Finger),
            2 => Some(SampleSite::Alternate),
            3 => Some(SampleSite::Earlobe),
            15 => None,
            _ => return Err(PayloadError::Reserved),
        };
        Ok(Self { kind, site })
    }

    /// Capillary blood is a meter's; whatever else there is stays apart from it, for only a meter's values are compared
    /// with one another. What a sensor in the skin measures is kept where other such sensors' values are.
    fn measure(self) -> Measure {
        match self.kind {
            SampleKind::CapillaryWholeBlood | SampleKind::CapillaryPlasma => Measure::GlucoseMeter,
            SampleKind::VenousWholeBlood
            | SampleKind::VenousPlasma
            | SampleKind::ArterialWholeBlood
            | SampleKind::ArterialPlasma
            | SampleKind::WholeBlood
            | SampleKind::Plasma
            | SampleKind::InterstitialFluid => Measure::Glucose,
        }
    }
}

/// Flags, sequence number, time, ? offset of the time, ? concentration and sample, ? status.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let known = OFFSET | CONCENTRATION | MOLE_PER_LITRE | STATUS | CONTEXT;
    let flags = Flags::read(cursor, known)?;
    let mut measurement = Measurement { sequence: Some(cursor.u16()?), ..Measurement::default() };
    measurement.time(cursor)?;
    if flags.has(OFFSET) {
        shift(&mut measurement, cursor.i16()?)?;
    }
    if flags.has(CONCENTRATION) {
        let unit =
            if flags.has(MOLE_PER_LITRE) { Unit::MOLE_PER_LITRE } else { Unit::KILOGRAM_PER_LITRE };
        let number = cursor.sfloat()?;
        let sample = Sample::of(cursor.u8()?)?;
        measurement.give(sample.measure(), number, unit)?;
        measurement.sample = Some(sample);
    } else {
        measurement.missing.push((Measure::GlucoseMeter, NoValue::NotSent));
    }
    if flags.has(STATUS) {
        measurement.doubts.extend(doubts(cursor.u16()?.into(), &DOUBTS, 0));
    }
    Ok(measurement)
}

/// The time that the person reads is the base time and the offset, by which they set the clock since. The outermost
/// offsets stand for all beyond.
fn shift(measurement: &mut Measurement, minutes: i16) -> Result<(), PayloadError> {
    let Some(base) = measurement.at else { return Ok(()) };
    if minutes == i16::MAX || minutes == i16::MIN {
        measurement.at = None;
        measurement.doubts.insert(Doubt::TimeUnknown);
    } else {
        let at = base.plus_minutes(minutes).map_err(|_| PayloadError::Time)?;
        measurement.at = Some(at);
    }
    Ok(())
}
