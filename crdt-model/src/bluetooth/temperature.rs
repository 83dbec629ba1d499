//! Temperature Measurement (0x2A1C).

use serde::Serialize;

use super::cursor::{Cursor, Flags};
use super::number::Unit;
use super::{Measurement, PayloadError};
use crate::readings::Measure;

const FAHRENHEIT: u8 = 1 << 0;
const TIME: u8 = 1 << 1;
const SITE: u8 = 1 << 2;

/// Where a temperature was measured: an armpit shows less than the mouth, a finger or toe less again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BodySite {
    /// The armpit.
    Armpit,
    /// The body, no part of it in particular.
    Body,
    /// The ear, mostly its lobe.
    Ear,
    /// A finger.
    Finger,
    /// The stomach or bowel.
    Gut,
    /// The mouth.
    Mouth,
    /// The rectum.
    Rectum,
    /// A toe.
    Toe,
    /// The ear drum.
    EarDrum,
}

impl BodySite {
    fn of(code: u8) -> Result<Self, PayloadError> {
        Ok(match code {
            1 => Self::Armpit,
            2 => Self::Body,
            3 => Self::Ear,
            4 => Self::Finger,
            5 => Self::Gut,
            6 => Self::Mouth,
            7 => Self::Rectum,
            8 => Self::Toe,
            9 => Self::EarDrum,
            _ => return Err(PayloadError::Reserved),
        })
    }
}

/// Flags, temperature, ? time, ? site.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Measurement, PayloadError> {
    let flags = Flags::read(cursor, FAHRENHEIT | TIME | SITE)?;
    let unit = if flags.has(FAHRENHEIT) { Unit::FAHRENHEIT } else { Unit::SAME };
    let mut measurement = Measurement::default();
    measurement.give(Measure::Temperature, cursor.float()?, unit)?;
    if flags.has(TIME) {
        measurement.time(cursor)?;
    }
    if flags.has(SITE) {
        measurement.site = Some(BodySite::of(cursor.u8()?)?);
    }
    Ok(measurement)
}
