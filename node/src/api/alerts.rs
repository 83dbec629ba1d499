//! Alerts, and whom they call.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Acting, Done, methods};

methods! {
    "alert.raise" AlertRaise => AlertAnswer;
    "alert.list" AlertList => Vec<Value>;
    "alert.show" AlertShow => Value;
    "alert.act" AlertAct => AlertAnswer;
    "alert.dial" AlertDial => AlertAnswer;
    "alert.report" AlertReport => Value;
    "position.set" PositionSet => Done;
    "alert.ladder" AlertLadder => Value;
    "alert.ladder.set" AlertLadderSet => Done;
}

/// Raises an alert.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertRaise {
    /// The elder.
    pub elder: String,
    /// The kind, such as `button`.
    pub kind: String,
    /// What joins repeats of one cause; drawn from kind and elder where it is not given.
    pub cause: Option<String>,
    /// Nothing happened: the chain is tested.
    #[serde(default)]
    pub drill: bool,
    /// Who acts, where somebody does.
    pub acting: Option<Acting>,
}

/// An alert's id and state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertAnswer {
    /// The id, a UUID.
    pub alert: String,
    /// The state, such as `raised`.
    pub state: String,
    /// Whether it is on disk; an alert goes out even where it is not yet.
    pub stored: bool,
}

/// Lists alerts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertList {
    /// Resolved ones too.
    pub all: bool,
}

/// Asks for one alert with its timeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertShow {
    /// The alert, or a part of its id that fits one only.
    pub alert: String,
}

/// Does something with an alert.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertAct {
    /// The alert.
    pub alert: String,
    /// `ack`, `take-over`, `respond`, `arrive`, `hand-to`, `resolve`, `false-alarm`, `reopen`, `call-off`,
    /// `refuse-card`.
    pub act: String,
    /// With `resolve`: `helped`, `hospital`, `drill` or `died`.
    pub outcome: Option<String>,
    /// With `hand-to`: `police`, `fire` or `ambulance`.
    #[serde(default)]
    pub service: Option<String>,
    /// With `take-over`: from whom, a person's id; refused where somebody else has it by now. None: whoever has it.
    #[serde(default)]
    pub from: Option<String>,
    /// With `respond`: within how many minutes somebody is there, at most 240; none: not said.
    #[serde(default)]
    pub within_minutes: Option<u32>,
    /// Who acts: an acknowledgement needs a named person.
    pub acting: Option<Acting>,
}

/// Has this node call a number about an alert, by a person's decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertDial {
    /// The alert.
    pub alert: String,
    /// Digits, a `+` before them or not, such as `120`.
    pub number: String,
    /// Who decides: it needs a named person.
    pub acting: Option<Acting>,
}

/// Asks how fast alerts were answered: numbers and no people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertReport {
    /// Of alerts raised from this time on, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Of alerts raised before this time.
    pub until_ms: Option<u64>,
}

/// Says where an elder is (WGS 84). The household's node keeps the latest in memory, and tells it to open alerts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionSet {
    /// The elder.
    pub elder: String,
    /// Degrees north as a decimal number.
    pub latitude: String,
    /// Degrees east as a decimal number.
    pub longitude: String,
    /// Within how many metres it lies there.
    pub accuracy_m: Option<u32>,
    /// When it was measured, by the device's clock.
    pub time_ms: u64,
}

impl std::fmt::Debug for PositionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PositionSet(…)")
    }
}

/// Asks whom an elder's alerts call, and when: `others` for every kind that `kinds` does not name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertLadder {
    /// The elder.
    pub elder: String,
}

/// Says whom an elder's alerts call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertLadderSet {
    /// The elder.
    pub elder: String,
    /// For alerts of this kind only.
    pub kind: Option<String>,
    /// Whom, and when; none takes the ladder away.
    pub steps: Vec<LadderStep>,
    /// How long who took an alert may take until somebody acts, in seconds.
    pub respond_s: u64,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// A step of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderStep {
    /// `desk`, `siren`, `neighbour`, `party`, `contact` or `dial-out`.
    pub way: String,
    /// The party, or the number.
    pub who: Option<String>,
    /// How long after the alert, in seconds.
    pub after_s: u64,
}
