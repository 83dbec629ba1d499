//! Rules: at which values of an elder an alert is raised, who set them, and what they make of past readings.

use serde::{Deserialize, Serialize};

use super::{Acting, Done, methods};

methods! {
    "rule.list" RuleList => RulesAnswer;
    "rule.set" RuleSet => Done;
    "rule.unset" RuleUnset => Done;
    "rule.try" RuleTry => TrialsAnswer;
}

/// Lists the rules in force for an elder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RuleList {
    /// The elder.
    pub elder: String,
}

/// The rules of an elder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RulesAnswer {
    /// The elder's id.
    pub elder: String,
    /// The rules in force.
    pub rules: Vec<RuleRow>,
}

/// A rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleRow {
    /// Its id.
    pub rule: String,
    /// Its version.
    pub version: u32,
    /// What it looks at, as `systolic`.
    pub measure: String,
    /// The measure's LOINC code.
    pub code: String,
    /// UCUM unit.
    pub unit: String,
    /// `below`, `at_most`, `at_least` or `above`.
    pub side: String,
    /// The threshold, a decimal number.
    pub limit: String,
    /// The value at which an episode begins to end.
    pub clear: String,
    /// `moderate` or `high`.
    pub severity: String,
    /// The guideline that it is from; none where a clinician set it, or where it is tried.
    pub source: Option<String>,
    /// Who set it; none where it is published, or tried.
    pub set: Option<RuleSetBy>,
}

/// Who set a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleSetBy {
    /// The fact that says so.
    pub fact: String,
    /// When, by that node's clock.
    pub at_ms: u64,
    /// The clinician.
    pub who: Option<String>,
    /// The clinician's party.
    pub party: String,
    /// Why.
    pub reason: String,
}

/// Sets a rule for one elder, in the place of the published one of its id.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct RuleSet {
    /// The elder.
    pub elder: String,
    /// The rule's id.
    pub rule: String,
    /// What it looks at, a LOINC code; needed where no rule of this id is published.
    #[serde(default)]
    pub code: Option<String>,
    /// `below`, `at_most`, `at_least` or `above`; needed where no rule of this id is published.
    #[serde(default)]
    pub side: Option<String>,
    /// The threshold, a decimal number.
    pub limit: String,
    /// The value at which an episode begins to end.
    pub clear: String,
    /// `moderate` or `high`; none: as published, or `high`.
    #[serde(default)]
    pub severity: Option<String>,
    /// Why: one line of at most 200 letters.
    pub reason: String,
    /// Who acts: a clinician.
    pub acting: Option<Acting>,
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RuleSet(…)")
    }
}

/// Takes back what clinicians set for a rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RuleUnset {
    /// The elder.
    pub elder: String,
    /// The rule's id.
    pub rule: String,
    /// Who acts: a clinician.
    pub acting: Option<Acting>,
}

/// Asks what rules make of past readings: those in force, and beside them one that is not yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RuleTry {
    /// The elder.
    pub elder: String,
    /// Of this id only.
    #[serde(default)]
    pub rule: Option<String>,
    /// Of this LOINC code only; `85354-9` is both blood pressures.
    #[serde(default)]
    pub code: Option<String>,
    /// From when, by the device's clock.
    pub from_ms: u64,
    /// Until when, that instant excluded: at most 400 days later.
    pub until_ms: u64,
    /// Another threshold to be tried.
    #[serde(default)]
    pub limit: Option<String>,
    /// Where its episodes would begin to end.
    #[serde(default)]
    pub clear: Option<String>,
    /// On which side; needed where no rule of this id is published.
    #[serde(default)]
    pub side: Option<String>,
}

/// What rules make of past readings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialsAnswer {
    /// The elder's id.
    pub elder: String,
    /// From when.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// The rules, the one that is tried last.
    pub trials: Vec<TrialRow>,
}

/// What a rule makes of past readings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialRow {
    /// The rule.
    pub rule: RuleRow,
    /// Whether it is only tried.
    pub proposed: bool,
    /// How many readings it looked at.
    pub readings: u64,
    /// How many it passed over, since no living body can have them.
    pub implausible: u64,
    /// The reading nearest to the threshold, or furthest beyond it.
    pub worst: Option<TrialReading>,
    /// How often it would have fired.
    pub fired: u64,
    /// The latest hundred of these times.
    pub episodes: Vec<EpisodeRow>,
}

/// A reading that a rule looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialReading {
    /// When, by the device's clock.
    pub at_ms: u64,
    /// The value, a decimal number.
    pub value: String,
    /// The device.
    pub device: String,
}

/// A time during which a rule fires.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EpisodeRow {
    /// The first reading that fires.
    pub from_ms: u64,
    /// The last one.
    pub to_ms: u64,
    /// When it ended; none: not yet.
    pub ended_ms: Option<u64>,
    /// The value furthest beyond the threshold.
    pub worst: String,
    /// The device.
    pub device: String,
    /// How often values crossed the threshold.
    pub crossings: u64,
    /// The alert that was raised; none: no rule in force then raised one.
    pub alert: Option<String>,
}
