//! What cuffs, meters, thermometers, oximeters and scales send over Bluetooth, as the values of a reading.
//!
//! A device that speaks one of the health services of the Bluetooth SIG sends a payload for each measurement, as
//! notification or indication of a characteristic. [`decode`] reads one; finding devices and speaking to them is for
//! others. What is given is meant for [`crate::readings::Reading`]: measures in their units, exact or with a stated
//! rounding. Beside them stand the device's time, whom it measured as far as it knows, and what it doubts; whose reading
//! it is, when it counts as taken and whether the doubts count is for the caller to say.
//!
//! A payload that is too short, too long or has a flag that is not known is refused as a whole, for its numbers may then
//! stand elsewhere. The forms, the units and the sources are in `docs/spec/bluetooth.md`.

mod cursor;
mod doubt;
mod glucose;
mod number;
mod pressure;
mod pulse;
mod temperature;
mod weight;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::decimal::Decimal;
use crate::limits::PAYLOAD_BYTES_MAX;
use crate::readings::Measure;
use crate::time::DeviceTime;
use cursor::Cursor;
pub use doubt::Doubt;
pub use glucose::{Sample, SampleKind, SampleSite};
use number::Unit;
pub use number::{NoValue, Number, float, sfloat};
pub use temperature::BodySite;

/// Blood Pressure Measurement.
pub const BLOOD_PRESSURE: u16 = 0x2A35;
/// Glucose Measurement.
pub const GLUCOSE: u16 = 0x2A18;
/// Temperature Measurement.
pub const TEMPERATURE: u16 = 0x2A1C;
/// Heart Rate Measurement.
pub const HEART_RATE: u16 = 0x2A37;
/// PLX Spot-check Measurement: an oximeter that measured once.
pub const OXIMETER_SPOT: u16 = 0x2A5E;
/// PLX Continuous Measurement: an oximeter that goes on measuring.
pub const OXIMETER_CONTINUOUS: u16 = 0x2A5F;
/// Weight Measurement.
pub const WEIGHT: u16 = 0x2A9D;

/// The service and the characteristic of everything that [`decode`] reads.
pub const CHARACTERISTICS: [(u16, u16); 7] = [
    (0x1810, BLOOD_PRESSURE),
    (0x1808, GLUCOSE),
    (0x1809, TEMPERATURE),
    (0x180D, HEART_RATE),
    (0x1822, OXIMETER_SPOT),
    (0x1822, OXIMETER_CONTINUOUS),
    (0x181D, WEIGHT),
];

/// A user id that says that the device does not know.
const USER_UNKNOWN: u8 = 0xFF;

/// What one payload says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// What was measured, in the unit of [`Measure::coding`]; each measure at most once.
    pub values: Vec<(Measure, Decimal)>,
    /// What should have been measured and has no value.
    pub missing: Vec<(Measure, NoValue)>,
    /// When, by the device's clock and without an offset; none where no time was sent or none is known.
    pub at: Option<DeviceTime>,
    /// Which of the people the device knows (0 to 254), by its own numbers. None where it tells nobody apart or does not
    /// know ([`Doubt::UserUnknown`]): two people may use it, so whose reading it is must be asked, never guessed.
    pub user: Option<u8>,
    /// The number of the record in the device's memory (glucose). It begins again at 0 after 65535.
    pub sequence: Option<u16>,
    /// What was measured in (glucose).
    pub sample: Option<Sample>,
    /// Where it was measured (temperature).
    pub site: Option<BodySite>,
    /// What the device says against the measurement.
    pub doubts: BTreeSet<Doubt>,
}

/// Why a payload gives no measurement of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum PayloadError {
    /// Not one of [`CHARACTERISTICS`].
    #[error(
        "the characteristic {characteristic:#06X} is not read here: subscribe to one of blood pressure, glucose, temperature, heart rate, oximeter or weight"
    )]
    Characteristic {
        /// Its number.
        characteristic: u16,
    },
    /// More than [`PAYLOAD_BYTES_MAX`] bytes.
    #[error(
        "no device sends more than {PAYLOAD_BYTES_MAX} bytes: this is no payload of a measurement"
    )]
    Long,
    /// A field is cut off.
    #[error("the payload ends too soon: measure again with the device nearer")]
    Short,
    /// Bytes are left over.
    #[error(
        "the payload has more bytes than its flags say: the device does not keep to its specification"
    )]
    Trailing,
    /// A flag or a code that is reserved for future use.
    #[error(
        "the device uses something that its specification reserves: update this node, or write the value by hand"
    )]
    Reserved,
    /// A date or time that does not exist.
    #[error("the device states a time that does not exist: set its clock and measure again")]
    Time,
    /// A number with more than 12 digits before the point or more than 6 after it.
    #[error("the device sent a number that no reading can hold: measure again")]
    Number,
    /// A control solution was measured.
    #[error("a control solution was measured and not a person: this is no reading")]
    ControlSolution,
    /// The device demonstrates or tests itself.
    #[error("the device demonstrates or tests itself and measured nobody: this is no reading")]
    Demonstration,
}

/// Reads the payload of a characteristic, given by its 16-bit number (`0x2A35` of `00002A35-0000-1000-8000-00805F9B34FB`).
///
/// # Errors
/// [`PayloadError`] for a payload that is not as its specification says or that measured no person. A device that
/// measured nothing, or doubts what it measured, is no error: see [`Measurement::missing`] and [`Measurement::doubts`].
pub fn decode(characteristic: u16, payload: &[u8]) -> Result<Measurement, PayloadError> {
    let read = match characteristic {
        BLOOD_PRESSURE => pressure::read,
        GLUCOSE => glucose::read,
        TEMPERATURE => temperature::read,
        HEART_RATE => pulse::read_rate,
        OXIMETER_SPOT => pulse::read_spot,
        OXIMETER_CONTINUOUS => pulse::read_continuous,
        WEIGHT => weight::read,
        _ => return Err(PayloadError::Characteristic { characteristic }),
    };
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(PayloadError::Long);
    }
    let mut cursor = Cursor::new(payload);
    let measurement = read(&mut cursor)?;
    cursor.end()?;
    Ok(measurement)
}

impl Measurement {
    fn give(
        &mut self,
        measure: Measure,
        number: Result<Number, NoValue>,
        unit: Unit,
    ) -> Result<(), PayloadError> {
        match number {
            Ok(number) => self.values.push((measure, number.convert(unit)?)),
            Err(why) => self.missing.push((measure, why)),
        }
        Ok(())
    }

    /// Every value is missing, and this is why.
    fn withdraw(&mut self, why: NoValue) {
        let withdrawn = self.values.drain(..).map(|(measure, _)| (measure, why));
        self.missing.extend(withdrawn);
    }

    fn time(&mut self, cursor: &mut Cursor<'_>) -> Result<(), PayloadError> {
        self.at = cursor.date_time()?;
        if self.at.is_none() {
            self.doubts.insert(Doubt::TimeUnknown);
        }
        Ok(())
    }

    fn user(&mut self, cursor: &mut Cursor<'_>) -> Result<(), PayloadError> {
        match cursor.u8()? {
            USER_UNKNOWN => {
                self.doubts.insert(Doubt::UserUnknown);
            }
            user => self.user = Some(user),
        }
        Ok(())
    }
}
