//! What Bluetooth devices send: payloads of characteristics, as a gateway passes them on.

use serde::{Deserialize, Serialize};

use super::methods;

methods! {
    "reading.payload" PayloadAdd => PayloadAnswer;
}

/// Takes in what a Bluetooth device notified.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct PayloadAdd {
    /// The elder.
    pub elder: String,
    /// The characteristic: its 16-bit number in hexadecimal digits, such as `2A35`, or its UUID.
    pub characteristic: String,
    /// The bytes, in hexadecimal digits.
    pub payload: String,
    /// The device.
    pub device: String,
    /// The device's own number for the elder, where the device is used by several people.
    #[serde(default)]
    pub user: Option<u8>,
}

impl std::fmt::Debug for PayloadAdd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PayloadAdd(…)")
    }
}

/// What was in it, and what became of that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PayloadAnswer {
    /// When it was measured.
    pub at_ms: u64,
    /// Whether the device said so; else it is when this node received it.
    pub by_device: bool,
    /// What was measured.
    pub readings: Vec<PayloadReading>,
    /// What was to be measured and was not.
    pub missing: Vec<PayloadMissing>,
    /// What the device doubts, as `body_moved`.
    pub doubts: Vec<String>,
}

/// A value of a payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PayloadReading {
    /// What was measured, as `systolic`.
    pub measure: String,
    /// Its LOINC code.
    pub code: String,
    /// The value, a decimal number.
    pub value: String,
    /// UCUM unit.
    pub unit: String,
    /// Whether a living body can have this value.
    pub plausible: bool,
    /// Whether it was new.
    pub new: bool,
    /// The alert that it raised or joined.
    pub alert: Option<String>,
    /// Whether that alert began with it.
    pub raised: bool,
}

/// A value that a payload does not have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PayloadMissing {
    /// What was to be measured.
    pub measure: String,
    /// Why there is no value, as `not_a_number`.
    pub why: String,
}
