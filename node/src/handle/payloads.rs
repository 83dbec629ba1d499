//! Payloads of Bluetooth devices: read, credited to nobody by guess, and taken in as readings.

use std::collections::BTreeSet;

use linli_model::bluetooth::{self, Doubt, Measurement, PayloadError};
use linli_model::limits::PAYLOAD_BYTES_MAX;
use linli_model::readings::{Measure, Reading};
use linli_model::time::{Offset, Timestamp};

use super::trends::word;
use super::{Outcome, elders, invalid, readings};
use crate::api::payloads::{PayloadAdd, PayloadAnswer, PayloadMissing, PayloadReading};
use crate::api::{ApiError, Code};
use crate::node::{Node, now};

/// What the UUIDs of characteristics end in, which the Bluetooth SIG numbered.
const BASE: &str = "-0000-1000-8000-00805f9b34fb";

pub(crate) fn add(node: &mut Node, request: PayloadAdd) -> Outcome<PayloadAnswer> {
    let characteristic =
        number(&request.characteristic).ok_or_else(|| invalid("error-payload-characteristic"))?;
    if request.payload.len() > 2 * PAYLOAD_BYTES_MAX {
        return Err(PayloadError::Long.into());
    }
    let bytes = hex::decode(&request.payload).map_err(|_| invalid("error-payload-hex"))?;
    let found = bluetooth::decode(characteristic, &bytes)?;
    // Of a device that knows several people, only who is named by its number.
    if found.user != request.user {
        let said = found.user.map_or_else(|| "–".to_owned(), |user| user.to_string());
        return Err(ApiError::new(Code::Conflict, "error-payload-user").with("user", said));
    }
    let elder = elders::find(node, &request.elder)?;
    let by_device = time_of(&found);
    let at = by_device.unwrap_or_else(|| Timestamp(now().0));
    let mut answer = PayloadAnswer {
        at_ms: at.0,
        by_device: by_device.is_some(),
        readings: Vec::new(),
        missing: found.missing.iter().map(missing).collect(),
        doubts: found.doubts.iter().map(word).collect(),
    };
    let mut saves = BTreeSet::new();
    // A height is what somebody told the scale.
    for (measure, value) in found.values.into_iter().filter(|(of, _)| *of != Measure::Height) {
        let reading = Reading { at, measure, device: request.device.clone(), value };
        let (taken, new) = readings::take(node, elder, &reading)?;
        saves.extend(new);
        let coding = measure.coding();
        answer.readings.push(PayloadReading {
            measure: word(&measure),
            code: coding.loinc.to_owned(),
            value: value.to_string(),
            unit: coding.ucum.to_owned(),
            plausible: reading.is_plausible(),
            new: taken.new,
            alert: taken.alert,
            raised: taken.raised,
        });
    }
    Ok((answer, saves))
}

/// The 16-bit number of a characteristic, by itself or as a UUID.
fn number(text: &str) -> Option<u16> {
    let text = text.to_ascii_lowercase();
    let short = match text.strip_suffix(BASE) {
        Some(long) => long.strip_prefix("0000")?,
        None => text.strip_prefix("0x").unwrap_or(&text),
    };
    let is_hex = short.len() == 4 && short.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(short, 16).ok()).flatten()
}

/// When it was measured, where the device's clock can be believed: a wall clock of China.
fn time_of(found: &Measurement) -> Option<Timestamp> {
    let doubted = [Doubt::ClockNotSet, Doubt::TimeFault];
    let at = found.at.filter(|_| doubted.iter().all(|doubt| !found.doubts.contains(doubt)))?;
    Timestamp::of_device(at, Offset::CHINA).ok()
}

fn missing((measure, why): &(Measure, bluetooth::NoValue)) -> PayloadMissing {
    PayloadMissing { measure: word(measure), why: word(why) }
}
