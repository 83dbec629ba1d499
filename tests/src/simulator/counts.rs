//! What was done, went wrong and was compared.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each kind was met.
pub(super) type Kinds = BTreeMap<Cow<'static, str>, u64>;

/// Counts of a run, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// What people did.
    pub acts: Kinds,
    /// What people tried and their node refused.
    pub refused: Kinds,
    /// What went wrong.
    pub faults: Kinds,
    /// What was come upon on the way, such as logs that carriers pruned.
    #[serde(default)]
    pub reached: Kinds,
    /// What was compared, by promise.
    pub checks: Kinds,
    /// Steps of the plans.
    pub steps: u64,
    /// Frames that arrived and commits that ended.
    pub events: u64,
    /// Milliseconds of virtual time.
    pub virtual_ms: u64,
}

impl Counts {
    pub(super) fn check(&mut self, promise: &'static str, compared: usize) {
        let compared = u64::try_from(compared).unwrap_or(u64::MAX);
        *self.checks.entry(promise.into()).or_default() += compared;
    }

    pub(super) fn reach(&mut self, state: &'static str, times: usize) {
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        *self.reached.entry(state.into()).or_default() += times;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.acts, &other.acts),
            (&mut self.refused, &other.refused),
            (&mut self.faults, &other.faults),
            (&mut self.reached, &other.reached),
            (&mut self.checks, &other.checks),
        ];
        for (own, theirs) in pairs {
            for (kind, count) in theirs {
                *own.entry(kind.clone()).or_default() += count;
            }
        }
        self.steps += other.steps;
        self.events += other.events;
        self.virtual_ms += other.virtual_ms;
    }
}
