//! Blood Pressure Measurement (0x2A35).

use super::cursor::{Cursor, Flags};
use super::doubt::{Doubt, doubts};
use super::number::Unit;
use super::{Measurement, PayloadError};
use crate::readings::Measure;

const KILOPASCAL: u8 = 1 << 0;
const TIME: u8 = 1 << 1;
const PULSE: u8 = 1 << 2;
const USER: u8 = 1 << 3;
const STATUS: u8 = 1 << 4;

/// The pulse is in a range (0), above (1) or below (2); 3 is reserved.
const RANGE: u16 = 0b11 << 3;

const DOUBTS: [(u8, Doubt); 4] = [
    (0, Doubt::BodyMoved),
    (1, Doubt::CuffLoose),
    (2, Doubt::IrregularPulse),
    (5, Doubt::Position),
];

/// Flags, systolic, diastolic and mean pressure, ? time, ? pulse, ? user, ? status.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let flags = Flags::read(cursor, KILOPASCAL | TIME | PULSE | USER | STATUS)?;
    let unit = if flags.has(KILOPASCAL) { Unit::KILOPASCAL } else { Unit::SAME };
    let mut measurement = Measurement::default();
    measurement.give(Measure::Systolic, cursor.sfloat()?, unit)?;
    measurement.give(Measure::Diastolic, cursor.sfloat()?, unit)?;
    // The mean pressure follows from the two others and is no measure here.
    let _ = cursor.sfloat()?;
    if flags.has(TIME) {
        measurement.time(cursor)?;
    }
    if flags.has(PULSE) {
        measurement.give(Measure::HeartRate, cursor.sfloat()?, Unit::SAME)?;
    }
    if flags.has(USER) {
        measurement.user(cursor)?;
    }
    if flags.has(STATUS) {
        let status = cursor.u16()?;
        measurement.doubts.extend(doubts((status & !RANGE).into(), &DOUBTS, 0));
        measurement.doubts.extend(match (status & RANGE) >> 3 {
            0 => None,
            1 => Some(Doubt::PulseAboveRange),
            2 => Some(Doubt::PulseBelowRange),
            _ => Some(Doubt::Other),
        });
    }
    Ok(measurement)
}
