//! Contingency plans.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Acting, Done, methods};

methods! {
    "plan.write" PlanWrite => PlanAnswer;
    "plan.list" PlanList => Vec<PlanRow>;
    "plan.show" PlanShow => Value;
    "plan.act" PlanAct => Done;
    "plan.check" PlanCheck => Done;
}

/// Writes a plan, or a new version of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlanWrite {
    /// The plan of which it is a new version; none: a new plan.
    pub plan: Option<String>,
    /// What it says, in TOML.
    pub text: String,
    /// Who acts: it needs a named person of a centre.
    pub acting: Option<Acting>,
}

/// A plan's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// The id, a UUID.
    pub plan: String,
}

/// Lists plans.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlanList {}

/// A plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanRow {
    /// The id, a UUID.
    pub plan: String,
    /// Its name.
    pub name: String,
    /// What it is for, such as `heat`.
    pub hazard: String,
    /// The number of the version that would be started.
    pub version: usize,
    /// Versions were written apart: somebody writes the plan anew.
    pub conflict: bool,
    /// What of it is in force, what is in earnest first.
    pub in_force: Vec<PlanInForce>,
}

/// A plan that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanInForce {
    /// The plan.
    pub plan: String,
    /// The start.
    pub run: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub hazard: String,
    /// Nothing happened: the plan is tried.
    pub drill: bool,
    /// Since when, by the clock of whoever started it.
    pub since_ms: u64,
    /// How many steps it has.
    pub steps: usize,
    /// How many of them are done.
    pub done: usize,
}

/// Asks for one plan, and how it stands or stood where it was started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlanShow {
    /// The id or name, or a part that fits one only.
    pub plan: String,
    /// A start, or the beginning of its id; none: what is in force, or was last.
    #[serde(default)]
    pub run: Option<String>,
}

/// Does something with a plan.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlanAct {
    /// The plan.
    pub plan: String,
    /// `start`, `drill`, `stop`, `tick` or `untick`.
    pub act: String,
    /// With `tick` and `untick`: the step.
    #[serde(default)]
    pub step: Option<String>,
    /// Which start, as in [`PlanShow`].
    #[serde(default)]
    pub run: Option<String>,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

/// Writes down how an elder was found in a step of a plan.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlanCheck {
    /// The plan.
    pub plan: String,
    /// The step.
    pub step: String,
    /// The elder.
    pub elder: String,
    /// `well`, `needs_help` or `not_reached`.
    pub found: String,
    /// What else.
    #[serde(default)]
    pub note: Option<String>,
    /// Which start, as in [`PlanShow`].
    #[serde(default)]
    pub run: Option<String>,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}
