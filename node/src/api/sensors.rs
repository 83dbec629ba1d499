//! What should speak in a home, whether it does, and monitoring that is off.

use serde::{Deserialize, Serialize};

use super::{Acting, Done, methods};

methods! {
    "sensor.expect" SensorExpect => Done;
    "sensor.drop" SensorDrop => Done;
    "sensor.seen" SensorSeen => Done;
    "sensor.list" SensorList => Vec<SensorRow>;
    "monitoring.off" SwitchOff => Done;
    "monitoring.on" SwitchOn => Done;
}

/// Says that a sensor should speak.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SensorExpect {
    /// The elder.
    pub elder: String,
    /// Its name: one line of at most 40 letters.
    pub sensor: String,
    /// After how long it is thought to be dead, in seconds: from one to those of 30 days.
    pub silent_after_s: u64,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

/// Says that a sensor need not speak any more.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SensorDrop {
    /// The elder.
    pub elder: String,
    /// Its name.
    pub sensor: String,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

/// A sensor says that it is alive, at the hub.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SensorSeen {
    /// Its name.
    pub sensor: String,
    /// The elder, where several have a sensor of this name.
    #[serde(default)]
    pub elder: Option<String>,
}

/// Lists what should speak, and whether it does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SensorList {}

/// A sensor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SensorRow {
    /// The elder's id.
    pub elder: String,
    /// The elder's name; several where they differ.
    pub names: Vec<String>,
    /// Its name.
    pub sensor: String,
    /// After how long it is thought to be dead, in seconds.
    pub silent_after_s: u64,
    /// When it spoke last; none: never, or this node is not the hub that hears it.
    pub seen_ms: Option<u64>,
    /// `speaks`, `silent`, `off`, or `elsewhere` where this node is not the hub that hears it.
    pub state: String,
}

/// Switches monitoring off for a while.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SwitchOff {
    /// The elder.
    pub elder: String,
    /// Of which sensor; none: of all.
    #[serde(default)]
    pub sensor: Option<String>,
    /// Until when: at most 30 days ahead.
    pub until_ms: u64,
    /// Why: one line of at most 200 letters.
    pub reason: String,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

impl std::fmt::Debug for SwitchOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SwitchOff(…)")
    }
}

/// Switches monitoring on again before its time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SwitchOn {
    /// The elder.
    pub elder: String,
    /// Of which sensor; none: what was switched off of all.
    #[serde(default)]
    pub sensor: Option<String>,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

/// Monitoring that is off: whoever it is of is not safe because nothing rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitoringOff {
    /// The elder's id.
    pub elder: String,
    /// The elder's name; several where they differ.
    pub names: Vec<String>,
    /// Of which sensor; none: of all.
    pub sensor: Option<String>,
    /// Since when, by the clock of whoever switched it off.
    pub since_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// Why.
    pub reason: String,
    /// Who switched it off.
    pub who: Option<String>,
}
