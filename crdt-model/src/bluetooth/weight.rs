//! Weight Measurement (0x2A9D).

use super::cursor::{Cursor, Flags};
use super::number::{NoValue, Number, Unit};
use super::{Measurement, PayloadError};
use crate::readings::Measure;

const IMPERIAL: u8 = 1 << 0;
const TIME: u8 = 1 << 1;
const USER: u8 = 1 << 2;
const HEIGHT: u8 = 1 << 3;

/// A weight that was not found.
const UNSUCCESSFUL: u16 = 0xFFFF;

/// Flags, weight, ? time, ? user, ? body mass index and height.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let flags = Flags::read(cursor, IMPERIAL | TIME | USER | HEIGHT)?;
    let imperial = flags.has(IMPERIAL);
    let weight = cursor.u16()?;
    // Steps of 5 g, or of a hundredth of a pound.
    let (number, unit) = if imperial {
        (Number::new(weight.into(), -2), Unit::POUND)
    } else {
        (Number::new(i32::from(weight) * 5, -3), Unit::SAME)
    };
    let number = if weight == UNSUCCESSFUL { Err(NoValue::Unsuccessful) } else { Ok(number) };
    let mut measurement = Measurement::default();
    measurement.give(Measure::Weight, number, unit)?;
    if flags.has(TIME) {
        measurement.time(cursor)?;
    }
    if flags.has(USER) {
        measurement.user(cursor)?;
    }
    if flags.has(HEIGHT) {
        // The height is what somebody told the scale. The index follows from weight and height.
        let (_, height) = (cursor.u16()?, cursor.u16()?);
        // Steps of 1 mm, or of a tenth of an inch.
        let (number, unit) = if imperial {
            (Number::new(height.into(), -1), Unit::INCH)
        } else {
            (Number::new(height.into(), -3), Unit::METRE)
        };
        // Nobody told the scale.
        let number = if height == 0 { Err(NoValue::NotSent) } else { Ok(number) };
        measurement.give(Measure::Height, number, unit)?;
    }
    Ok(measurement)
}
