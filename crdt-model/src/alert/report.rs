//! How fast alerts were answered: numbers and no people.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AlertFact, AlertKind, AlertView, Outcome};
use crate::time::{MINUTE_MS, Timestamp};

/// In which time a telecare centre answers, and how many of a thousand alerts: TSA's key performance indicators.
pub const ANSWERED: [(u64, u32); 2] = [(MINUTE_MS, 975), (3 * MINUTE_MS, 990)];

/// Times from the raise to something, in milliseconds, by the nearest rank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    /// Of how many alerts.
    pub count: usize,
    /// Half of them took at most this.
    pub p50_ms: u64,
    /// Nine of ten.
    pub p90_ms: u64,
    /// Ninety-nine of a hundred.
    pub p99_ms: u64,
}

/// What alerts of a period came to.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Alerts that were raised in earnest.
    pub alerts: usize,
    /// Drills, which count for nothing else here.
    pub drills: usize,
    /// Those nobody acknowledged.
    pub unanswered: usize,
    /// Those that are not resolved.
    pub open: usize,
    /// How many of each kind; those that are no emergency count for nothing else here.
    pub kinds: BTreeMap<AlertKind, usize>,
    /// How they ended.
    pub outcomes: BTreeMap<Outcome, usize>,
    /// From the raise until a person acknowledged.
    pub acknowledged: Option<Times>,
    /// From the raise until somebody was there.
    pub arrived: Option<Times>,
    /// How many of a thousand were answered within each of [`ANSWERED`]; alerts that nobody answered count.
    pub answered_permille: Vec<u32>,
}

/// Counts alerts, each by its first round. Clocks of several nodes meet here: what was answered before it was raised
/// was answered at once.
pub fn report<'a>(alerts: impl Iterator<Item = &'a AlertView>) -> Report {
    let mut report = Report::default();
    let (mut acknowledged, mut arrived) = (Vec::new(), Vec::new());
    for view in alerts {
        if view.drill {
            report.drills += 1;
            continue;
        }
        let Some(raised) = first(view, |fact| matches!(fact, AlertFact::Raised { .. })) else {
            continue;
        };
        if let Some(kind) = view.what {
            *report.kinds.entry(kind).or_default() += 1;
        }
        if !view.what.is_none_or(AlertKind::is_emergency) {
            continue;
        }
        report.alerts += 1;
        report.open += usize::from(view.resolved.is_none());
        if let Some(outcome) = view.outcome {
            *report.outcomes.entry(outcome).or_default() += 1;
        }
        let after = |at: Timestamp| at.ms_since(raised);
        match first(view, |fact| matches!(fact, AlertFact::Acknowledged { .. })) {
            Some(at) => acknowledged.push(after(at)),
            None => report.unanswered += 1,
        }
        arrived.extend(first(view, |fact| matches!(fact, AlertFact::Arrived { .. })).map(after));
    }
    report.answered_permille = answered(&acknowledged, report.alerts);
    (report.acknowledged, report.arrived) = (times(acknowledged), times(arrived));
    report
}

/// When the first such fact that stands was made.
fn first(view: &AlertView, is: impl Fn(&AlertFact) -> bool) -> Option<Timestamp> {
    let standing = view.timeline.iter().filter(|entry| entry.not_standing.is_none());
    standing.filter(|entry| is(&entry.body)).map(|entry| entry.at).next()
}

fn answered(times: &[u64], alerts: usize) -> Vec<u32> {
    if alerts == 0 {
        return Vec::new();
    }
    let within = |(limit, _): (u64, u32)| {
        let met = times.iter().filter(|time| **time <= limit).count();
        u32::try_from(met * 1_000 / alerts).unwrap_or(u32::MAX)
    };
    ANSWERED.into_iter().map(within).collect()
}

fn times(mut times: Vec<u64>) -> Option<Times> {
    times.sort_unstable();
    let count = times.len();
    let rank = |percent: usize| times.get((count * percent).div_ceil(100).max(1) - 1).copied();
    Some(Times { count, p50_ms: rank(50)?, p90_ms: rank(90)?, p99_ms: rank(99)? })
}
