//! Episodes: the times during which a rule fired.

use serde::Serialize;

use super::{Rule, Side, Source};
use crate::alert::CauseId;
use crate::decimal::Decimal;
use crate::readings::{Measure, Reading};
use crate::time::Timestamp;

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
        self.cause_at(&self.first)
    }

    /// The cause as it was while this reading was the first.
    pub fn cause_at(&self, first: &Reading) -> CauseId {
        CauseId(format!("rule/{}/{}/{}/{}", self.rule, self.version, first.device, first.at.0))
    }

    /// Whether it lies in the same time as another: the readings of two devices follow each other by less than `apart_ms`.
    pub fn overlaps(&self, other: &Self, apart_ms: u64) -> bool {
        self.first.at <= other.last.at.plus_ms(apart_ms)
            && other.first.at <= self.last.at.plus_ms(apart_ms)
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
    pub source: Source,
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

/// What a rule makes of past readings: also why it did not fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How many readings it looked at.
    pub readings: usize,
    /// How many it passed over, since no living body can have them.
    pub implausible: usize,
    /// The reading nearest to the threshold, or furthest beyond it; of equal ones the first.
    pub worst: Option<Reading>,
    /// When it would have fired.
    pub episodes: Vec<Episode>,
}

/// Tries a rule on readings of any measure and in any order.
pub fn trial(rule: &Rule, readings: &[&Reading]) -> Trial {
    let of = || readings.iter().copied().filter(|reading| reading.measure == rule.measure);
    let plausible = || of().filter(|reading| reading.is_plausible());
    let worst = plausible().reduce(|worst, reading| {
        let earlier = reading.value == worst.value && reading < worst;
        if earlier || rule.is_worse(reading.value, worst.value) { reading } else { worst }
    });
    Trial {
        readings: plausible().count(),
        implausible: of().filter(|reading| !reading.is_plausible()).count(),
        worst: worst.cloned(),
        episodes: episodes(rule, readings),
    }
}
