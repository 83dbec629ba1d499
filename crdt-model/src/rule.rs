//! Rules: from readings to episodes, and from an episode to the cause of one alert.
//!
//! A rule has a threshold at which an episode begins and another, further off and to be held for a while, at which it
//! ends. Values that swing about the threshold are one episode, and an episode has one cause.

use serde::{Deserialize, Serialize};

use crate::author::Author;
use crate::decimal::Decimal;
use crate::event::FactId;
use crate::private::Private;
use crate::readings::Measure;
use crate::time::{MINUTE_MS, Timestamp};

mod episode;
mod judge;
mod own;

pub use episode::{Episode, Explanation, Trial, episodes, explain, trial};
pub use judge::{Judged, alert_of, judge};
pub use own::{
    OWN_MAX, REASON_MAX, RULE_ID_MAX, RuleFact, RulesView, Thresholds, in_force, may_write, view,
};

/// For how long values must stay clear, in milliseconds.
const CLEAR_MS: u64 = 15 * MINUTE_MS;
/// After how long without a value an episode is over, in milliseconds.
const GAP_MS: u64 = 120 * MINUTE_MS;

/// On which side of its threshold a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Below the threshold.
    Below,
    /// At the threshold or below.
    AtMost,
    /// At the threshold or above.
    AtLeast,
    /// Above the threshold.
    Above,
}

impl Side {
    /// Whether low values fire.
    pub const fn is_low(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }

    /// Whether a value fires at a threshold.
    pub fn fires(self, limit: Decimal, value: Decimal) -> bool {
        match self {
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::AtLeast => value >= limit,
            Self::Above => value > limit,
        }
    }
}

/// How grave an episode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at.
    Moderate,
    /// To be acted upon.
    High,
}

/// Where a threshold comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Source {
    /// A guideline.
    Published {
        /// Which.
        text: &'static str,
    },
    /// A clinician set it for this elder.
    Clinician {
        /// The fact that says so.
        fact: FactId,
        /// When, by the author's clock.
        at: Timestamp,
        /// Who.
        by: Box<Author>,
        /// Why.
        reason: Private,
    },
    /// Nobody set it yet: it is tried on past readings.
    Proposed,
}

/// A rule over one measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name, part of the cause.
    pub id: String,
    /// Its version, part of the cause.
    pub version: u32,
    /// Where the threshold comes from.
    pub source: Source,
    /// What it looks at.
    pub measure: Measure,
    /// On which side it fires.
    pub side: Side,
    /// The threshold.
    pub limit: Decimal,
    /// The value at which an episode begins to end; on the other side of the threshold.
    pub clear: Decimal,
    /// How long values must stay there until the episode is over, in milliseconds. Our own choice.
    pub clear_ms: u64,
    /// A gap between readings after which an episode is over, in milliseconds. Our own choice.
    pub gap_ms: u64,
    /// How grave.
    pub severity: Severity,
}

impl Rule {
    /// Says whether a value fires the rule.
    pub fn fires(&self, value: Decimal) -> bool {
        self.side.fires(self.limit, value)
    }

    /// Says whether an episode may end at a value.
    pub fn clears(&self, value: Decimal) -> bool {
        if self.side.is_low() { value >= self.clear } else { value <= self.clear }
    }

    /// Says whether a value lies further beyond the threshold, or nearer to it from this side, than another.
    pub fn is_worse(&self, value: Decimal, than: Decimal) -> bool {
        if self.side.is_low() { value < than } else { value > than }
    }
}

/// The rule of an id that holds unless a clinician set another.
pub fn standard(id: &str) -> Option<Rule> {
    standard_rules().into_iter().find(|rule| rule.id == id)
}

fn rule(
    id: &str,
    text: &'static str,
    measure: Measure,
    side: Side,
    limit: i64,
    clear: i64,
) -> Rule {
    Rule {
        id: id.to_owned(),
        version: 1,
        source: Source::Published { text },
        measure,
        side,
        limit: Decimal::new(limit, 1),
        clear: Decimal::new(clear, 1),
        clear_ms: CLEAR_MS,
        gap_ms: GAP_MS,
        severity: Severity::High,
    }
}

/// The rules that hold unless a clinician set others. Thresholds that differ between sources stand side by side.
pub fn standard_rules() -> Vec<Rule> {
    use Measure as M;
    use Side as S;
    const ADA: &str = "ADA Standards of Care, level 1 and 2 hypoglycaemia";
    const AHA: &str = "AHA, hypertensive crisis 180/120";
    const GPH: &str = "国家基本公共卫生服务规范";
    let moderate = |rule: Rule| Rule { severity: Severity::Moderate, ..rule };
    vec![
        rule("glucose-low", ADA, M::Glucose, S::Below, 39, 45),
        rule("glucose-very-low", ADA, M::Glucose, S::Below, 30, 39),
        rule("glucose-meter-low", ADA, M::GlucoseMeter, S::Below, 39, 45),
        rule("glucose-meter-very-low", ADA, M::GlucoseMeter, S::Below, 30, 39),
        moderate(rule("glucose-high", GPH, M::Glucose, S::AtLeast, 167, 150)),
        moderate(rule("glucose-meter-high", GPH, M::GlucoseMeter, S::AtLeast, 167, 150)),
        rule("systolic-crisis", AHA, M::Systolic, S::AtLeast, 1_800, 1_700),
        rule("diastolic-crisis", AHA, M::Diastolic, S::AtLeast, 1_200, 1_100),
        moderate(rule("diastolic-referral", GPH, M::Diastolic, S::AtLeast, 1_100, 1_050)),
        rule(
            "oxygen-low",
            "NHS England COVID home oximetry pathway",
            M::OxygenSaturation,
            S::AtMost,
            920,
            930,
        ),
    ]
}
