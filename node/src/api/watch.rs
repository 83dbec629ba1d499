//! The board of the duty desk: what those who answer alerts see of them.

use serde::{Deserialize, Serialize};

use super::{Acting, calls::CallRow, methods};

methods! {
    "alert.watch" AlertWatch => AlertWatched;
}

/// Waits until something about alerts changes, 30 s at most.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertWatch {
    /// `mark` of the answer before; none, or one that is not known any more: everything, at once.
    pub after: Option<String>,
    /// Resolved ones of the last 24 hours too.
    #[serde(default)]
    pub resolved: bool,
    /// Who looks; not looked at where only changes are asked for.
    pub acting: Option<Acting>,
}

/// What changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertWatched {
    /// What to ask with next.
    pub mark: String,
    /// Whether `alerts` are all there are, and not only those that changed.
    pub whole: bool,
    /// The alerts.
    pub alerts: Vec<AlertRow>,
    /// Alerts that were resolved, where those are not asked for.
    pub gone: Vec<String>,
    /// Whether the node has looked at all its alerts since it was started: until then some may not be among these.
    pub complete: bool,
    /// Calls that came in and that nobody has seen to, all of them; none where they did not change.
    pub calls: Option<Vec<CallRow>>,
    /// Calls that are not shown, since the node was started: there were too many.
    #[serde(default)]
    pub calls_dropped: u64,
    /// The plans that are in force, those in earnest first.
    #[serde(default)]
    pub plans: Vec<super::plans::PlanInForce>,
    /// Monitoring that is off, all of it.
    #[serde(default)]
    pub monitoring: Vec<super::sensors::MonitoringOff>,
}

/// An alert as a board shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRow {
    /// The id, a UUID.
    pub alert: String,
    /// The elder's id; none where it is about no one elder.
    pub elder: Option<String>,
    /// The elder's name; several where they differ, none where this node may not read it.
    pub names: Vec<String>,
    /// The kind, such as `button`.
    pub kind: Option<String>,
    /// Nothing happened: the chain is tested.
    pub drill: bool,
    /// The state, such as `raised`.
    pub state: String,
    /// Since when it climbs here: the stated time, or when this node had it, whichever is earlier.
    pub since_ms: u64,
    /// Who has it; none is nobody.
    pub owner: Option<AlertOwner>,
    /// When somebody is to be there, as who has it says.
    #[serde(default)]
    pub expected_ms: Option<u64>,
    /// When it happened, where that was before it could be raised.
    #[serde(default)]
    pub happened_ms: Option<u64>,
    /// When somebody was there.
    pub arrived_ms: Option<u64>,
    /// Whom it was handed to: `police`, `fire`, `ambulance`.
    pub handed_to: Vec<String>,
    /// The household says that nothing happened.
    pub called_off: bool,
    /// Whether it is on this node's disk.
    pub stored: bool,
    /// When a hub of its household last said that it is there: by its own clock, or when that came, whichever is earlier.
    pub hub_heard_ms: Option<u64>,
    /// The steps of its ladder, in the order of their times.
    pub steps: Vec<AlertStep>,
    /// Whether the ladder is climbed.
    pub climbs: bool,
    /// When it is climbed on, unless somebody acts by then.
    pub climbs_on_ms: Option<u64>,
    /// When it was resolved, by the clock of whoever did.
    pub resolved_ms: Option<u64>,
    /// How it ended, such as `helped`.
    pub outcome: Option<String>,
}

/// Who has an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertOwner {
    /// The person's id.
    pub person: String,
    /// The name.
    pub name: String,
    /// The party's id.
    pub party: String,
    /// Since when, by their clock.
    pub since_ms: u64,
}

/// A step of a ladder, without whom it calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertStep {
    /// `duty_desk`, `siren`, `neighbour`, `party`, `contact` or `dial_out`.
    pub way: String,
    /// How long after the alert, in milliseconds.
    pub after_ms: u64,
}
