//! Heart Rate Measurement (0x2A37), PLX Spot-check (0x2A5E) and Continuous Measurement (0x2A5F).

use super::cursor::{Cursor, Flags};
use super::doubt::{Doubt, doubts};
use super::number::{NoValue, Number, Unit};
use super::{Measurement, PayloadError};
use crate::readings::Measure;

const WIDE: u8 = 1 << 0;
const CONTACT: u8 = 1 << 1;
const CONTACT_SUPPORTED: u8 = 1 << 2;
const ENERGY: u8 = 1 << 3;
const INTERVALS: u8 = 1 << 4;

const SPOT_TIME: u8 = 1 << 0;
const SPOT_STATUS: u8 = 1 << 1;
const SPOT_SENSOR: u8 = 1 << 2;
const SPOT_AMPLITUDE: u8 = 1 << 3;
const SPOT_CLOCK_NOT_SET: u8 = 1 << 4;

const FAST: u8 = 1 << 0;
const SLOW: u8 = 1 << 1;
const STATUS: u8 = 1 << 2;
const SENSOR: u8 = 1 << 3;
const AMPLITUDE: u8 = 1 << 4;

/// Validated, fully qualified, from the device's memory: nothing is said against the value.
const STATUS_SILENT: u16 = 1 << 7 | 1 << 8 | 1 << 9;
const STATUS_DEMONSTRATION: u16 = 1 << 10;
const STATUS_TEST: u16 = 1 << 11;
const STATUS_UNAVAILABLE: u16 = 1 << 13;
const STATUS_INVALID: u16 = 1 << 15;

const STATUS_DOUBTS: [(u8, Doubt); 4] = [
    (5, Doubt::Ongoing),
    (6, Doubt::EarlyEstimate),
    (12, Doubt::Calibrating),
    (14, Doubt::Questionable),
];

const SENSOR_DOUBTS: [(u8, Doubt); 16] = [
    (0, Doubt::UpdateDelayed),
    (1, Doubt::DeviceFault),
    (2, Doubt::SignalIrregular),
    (3, Doubt::SignalInadequate),
    (4, Doubt::SignalPoor),
    (5, Doubt::LowPerfusion),
    (6, Doubt::SignalErratic),
    (7, Doubt::NoPulse),
    (8, Doubt::QuestionablePulse),
    (9, Doubt::AnalysisOngoing),
    (10, Doubt::SensorInterference),
    (11, Doubt::NoContact),
    (12, Doubt::UnknownSensor),
    (13, Doubt::SensorDisplaced),
    (14, Doubt::SensorMalfunction),
    (15, Doubt::SensorDisconnected),
];

/// Flags, heart rate, ? energy spent, ? intervals between beats to the end.
pub(super) fn read_rate(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let flags = Flags::read(cursor, WIDE | CONTACT | CONTACT_SUPPORTED | ENERGY | INTERVALS)?;
    let rate = if flags.has(WIDE) { cursor.u16()? } else { cursor.u8()?.into() };
    let mut measurement = Measurement::default();
    measurement.give(Measure::HeartRate, Ok(Number::new(rate.into(), 0)), Unit::SAME)?;
    // A strap that cannot tell has neither bit.
    if flags.has(CONTACT_SUPPORTED) && !flags.has(CONTACT) {
        measurement.doubts.insert(Doubt::NoContact);
    }
    // Neither energy nor intervals are measures here, but they must be whole.
    if flags.has(ENERGY) {
        let _ = cursor.u16()?;
    }
    if flags.has(INTERVALS) {
        let _ = cursor.u16()?;
        while !cursor.is_empty() {
            let _ = cursor.u16()?;
        }
    }
    Ok(measurement)
}

/// Flags, saturation and pulse, ? time, ? status, ? status of the sensor, ? amplitude.
pub(super) fn read_spot(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let known = SPOT_TIME | SPOT_STATUS | SPOT_SENSOR | SPOT_AMPLITUDE | SPOT_CLOCK_NOT_SET;
    let flags = Flags::read(cursor, known)?;
    let mut measurement = saturation(cursor)?;
    if flags.has(SPOT_TIME) {
        measurement.time(cursor)?;
    }
    if flags.has(SPOT_CLOCK_NOT_SET) {
        measurement.at = None;
        measurement.doubts.insert(Doubt::ClockNotSet);
    }
    if flags.has(SPOT_STATUS) {
        status(&mut measurement, cursor.u16()?)?;
    }
    if flags.has(SPOT_SENSOR) {
        measurement.doubts.extend(doubts(cursor.u24()?, &SENSOR_DOUBTS, 0));
    }
    if flags.has(SPOT_AMPLITUDE) {
        let _ = cursor.sfloat()?;
    }
    Ok(measurement)
}

/// Flags, saturation and pulse, ? both fast, ? both slow, ? status, ? status of the sensor, ? amplitude.
pub(super) fn read_continuous(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let flags = Flags::read(cursor, FAST | SLOW | STATUS | SENSOR | AMPLITUDE)?;
    let mut measurement = saturation(cursor)?;
    // The same two numbers, averaged over less and over more time.
    for other in [FAST, SLOW] {
        if flags.has(other) {
            let _ = (cursor.sfloat()?, cursor.sfloat()?);
        }
    }
    if flags.has(STATUS) {
        status(&mut measurement, cursor.u16()?)?;
    }
    if flags.has(SENSOR) {
        measurement.doubts.extend(doubts(cursor.u24()?, &SENSOR_DOUBTS, 0));
    }
    if flags.has(AMPLITUDE) {
        let _ = cursor.sfloat()?;
    }
    Ok(measurement)
}

fn saturation(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let mut measurement = Measurement::default();
    measurement.give(Measure::OxygenSaturation, cursor.sfloat()?, Unit::SAME)?;
    measurement.give(Measure::HeartRate, cursor.sfloat()?, Unit::SAME)?;
    Ok(measurement)
}

/// The status of a measurement. What the device itself calls invalid or not there is no doubt about a value: there is
/// none.
fn status(measurement: &mut Measurement, status: u16) -> Result<(), PayloadError> {
    if status & (STATUS_DEMONSTRATION | STATUS_TEST) != 0 {
        return Err(PayloadError::Demonstration);
    }
    if status & STATUS_INVALID != 0 {
        measurement.withdraw(NoValue::Invalid);
    }
    if status & STATUS_UNAVAILABLE != 0 {
        measurement.withdraw(NoValue::Unsuccessful);
    }
    let silent = STATUS_SILENT | STATUS_INVALID | STATUS_UNAVAILABLE;
    measurement.doubts.extend(doubts(status.into(), &STATUS_DOUBTS, silent.into()));
    Ok(())
}
