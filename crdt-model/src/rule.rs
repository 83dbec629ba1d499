//! Rules: from readings to episodes, and from an episode to the cause of one alert.
//!
//! A rule has a threshold at which an episode begins and another, further off and to be held for a while, at which it
//! ends. Values that swing about the threshold are one episode, and an episode has one cause.

use serde::Serialize;

use crate::alert::CauseId;
use crate::author::{Author, Role};
use crate::decimal::Decimal;
use crate::readings::{Measure, Reading};
use crate::time::{MINUTE_MS, Timestamp};

/// On which side of its threshold a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

/// How grave an episode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at.
    Moderate,
    /// To be acted upon.
    High,
}

/// A rule over one measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name, part of the cause.
    pub id: String,
    /// Its version, part of the cause.
    pub version: u32,
    /// Where the threshold comes from.
    pub source: String,
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
        match self.side {
            Side::Below => value < self.limit,
            Side::AtMost => value <= self.limit,
            Side::AtLeast => value >= self.limit,
            Side::Above => value > self.limit,
        }
    }

    fn clears(&self, value: Decimal) -> bool {
        match self.side {
            Side::Below | Side::AtMost => value >= self.clear,
            Side::AtLeast | Side::Above => value <= self.clear,
        }
    }

    fn is_worse(&self, value: Decimal, than: Decimal) -> bool {
        match self.side {
            Side::Below | Side::AtMost => value < than,
            Side::AtLeast | Side::Above => value > than,
        }
    }

    /// The rule with thresholds for one elder, as a clinician set them; the source names the clinician's party.
    ///
    /// # Errors
    /// [`OverrideError`] when the author is no clinician or the thresholds contradict each other.
    pub fn for_elder(
        &self,
        by: &Author,
        limit: Decimal,
        clear: Decimal,
    ) -> Result<Self, OverrideError> {
        let clinician = by.person.as_ref().filter(|p| p.role == Role::Clinician);
        if clinician.is_none_or(|p| !p.role.fits(by.kind)) {
            return Err(OverrideError::NotByClinician);
        }
        let source = format!("clinician of {}", by.party);
        let id = format!("{}@{limit}", self.id);
        let rule = Self { id, source, limit, clear, ..self.clone() };
        if rule.fires(clear) { Err(OverrideError::Contradictory) } else { Ok(rule) }
    }
}

/// A rule was not changed for an elder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Only a clinician may.
    #[error("only a clinician may set an elder's own thresholds: ask one")]
    NotByClinician,
    /// The value at which an episode ends would fire the rule.
    #[error("the value that ends an episode lies on the side that begins one: correct it")]
    Contradictory,
}

fn rule(id: &str, source: &str, measure: Measure, side: Side, limit: i64, clear: i64) -> Rule {
    Rule {
        id: id.to_owned(),
        version: 1,
        source: source.to_owned(),
        measure,
        side,
        limit: Decimal::new(limit, 1),
        clear: Decimal::new(clear, 1),
        clear_ms: 15 * MINUTE_MS,
        gap_ms: 120 * MINUTE_MS,
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

/// A time during which a rule fired, swings included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Episode {
    /// The rule.
    pub rule: String,
    /// The rule's version.
    pub version: u32,
    /// The first reading that fired.
    pub first: Reading,
    /// The last reading that fired.
    pub last: Reading,
    /// The value furthest beyond the threshold.
    pub worst: Reading,
    /// How often values crossed the threshold.
    pub crossings: usize,
    /// When it ended; `None` while it lasts.
    pub ended: Option<Timestamp>,
}

impl Episode {
    /// The cause for the alert: rule, version, device and time of the first reading that fired.
    pub fn cause(&self) -> CauseId {
        let Reading { device, at, .. } = &self.first;
        CauseId(format!("rule/{}/{}/{device}/{}", self.rule, self.version, at.0))
    }

    /// The cause under which this episode was raised before, of the causes known: a reading that arrives late may move an
    /// episode's beginning, and must not raise it a second time.
    pub fn known_cause<'a>(&self, known: impl IntoIterator<Item = &'a CauseId>) -> Option<CauseId> {
        let prefix = format!("rule/{}/{}/{}/", self.rule, self.version, self.first.device);
        let within = self.first.at.0..=self.last.at.0;
        let mut found: Vec<&CauseId> = known
            .into_iter()
            .filter(|cause| {
                let time = cause.0.strip_prefix(&prefix).and_then(|ms| ms.parse::<u64>().ok());
                time.is_some_and(|ms| within.contains(&ms))
            })
            .collect();
        found.sort();
        found.first().map(|cause| (*cause).clone())
    }
}

/// Finds the episodes of a rule, device by device, in readings of any order. Implausible values are passed over.
pub fn episodes(rule: &Rule, readings: &[&Reading]) -> Vec<Episode> {
    let mut sorted: Vec<&Reading> = readings
        .iter()
        .copied()
        .filter(|r| r.measure == rule.measure && r.is_plausible())
        .collect();
    sorted.sort_by(|a, b| (&a.device, a.at, a.value).cmp(&(&b.device, b.at, b.value)));
    sorted.dedup();
    let mut episodes = Vec::new();
    for of_device in sorted.chunk_by(|a, b| a.device == b.device) {
        episodes.extend(of_one_device(rule, of_device));
    }
    episodes.sort_by(|a, b| (a.first.at, &a.first.device).cmp(&(b.first.at, &b.first.device)));
    episodes
}

fn of_one_device(rule: &Rule, readings: &[&Reading]) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    let mut open: Option<Episode> = None;
    let mut clear_since: Option<Timestamp> = None;
    let mut before: Option<&Reading> = None;
    for reading in readings {
        if let (Some(mut episode), Some(previous)) = (open.take(), before) {
            if reading.at.ms_since(previous.at) > rule.gap_ms {
                episode.ended = Some(previous.at);
                episodes.push(episode);
            } else {
                open = Some(episode);
            }
        }
        let fires = rule.fires(reading.value);
        match &mut open {
            None if fires => open = Some(begin(rule, reading)),
            None => {}
            Some(episode) if fires => {
                clear_since = None;
                extend(rule, episode, reading, before);
            }
            Some(_) if !rule.clears(reading.value) => clear_since = None,
            Some(_) => {
                let since = *clear_since.get_or_insert(reading.at);
                if reading.at.ms_since(since) >= rule.clear_ms
                    && let Some(mut episode) = open.take()
                {
                    episode.ended = Some(reading.at);
                    episodes.push(episode);
                }
            }
        }
        if open.is_none() {
            clear_since = None;
        }
        before = Some(reading);
    }
    episodes.extend(open);
    episodes
}

fn begin(rule: &Rule, reading: &Reading) -> Episode {
    Episode {
        rule: rule.id.clone(),
        version: rule.version,
        first: reading.clone(),
        last: reading.clone(),
        worst: reading.clone(),
        crossings: 1,
        ended: None,
    }
}

fn extend(rule: &Rule, episode: &mut Episode, reading: &Reading, before: Option<&Reading>) {
    if before.is_some_and(|r| !rule.fires(r.value)) {
        episode.crossings = episode.crossings.saturating_add(1);
    }
    if rule.is_worse(reading.value, episode.worst.value) {
        episode.worst = reading.clone();
    }
    episode.last = reading.clone();
}

/// Why a rule fired, for a reader: every part is a value a translation can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The rule.
    pub rule: String,
    /// Its version.
    pub version: u32,
    /// Where the threshold comes from.
    pub source: String,
    /// What was measured.
    pub measure: Measure,
    /// The measure's LOINC code.
    pub loinc: &'static str,
    /// The unit.
    pub unit: &'static str,
    /// On which side of the threshold it fires.
    pub side: Side,
    /// The threshold.
    pub limit: Decimal,
    /// The worst value.
    pub worst: Decimal,
    /// The device.
    pub device: String,
    /// The first time it fired.
    pub from: Timestamp,
    /// The last time it fired.
    pub to: Timestamp,
    /// How often values crossed the threshold.
    pub crossings: usize,
}

/// Explains an episode of a rule.
pub fn explain(rule: &Rule, episode: &Episode) -> Explanation {
    let coding = rule.measure.coding();
    Explanation {
        rule: rule.id.clone(),
        version: rule.version,
        source: rule.source.clone(),
        measure: rule.measure,
        loinc: coding.loinc,
        unit: coding.ucum,
        side: rule.side,
        limit: rule.limit,
        worst: episode.worst.value,
        device: episode.first.device.clone(),
        from: episode.first.at,
        to: episode.last.at,
        crossings: episode.crossings,
    }
}
