//! A failing run made smaller: steps are left out as long as the same promise fails.

use std::collections::BTreeSet;

use super::{Outcome, Run};

/// Runs that are lived to make one smaller.
const LIVES_MAX: usize = 300;

/// Leaves steps out of a failing run, first many at a time, as long as the same promise fails. Returns the smallest run
/// found, and what comes of it.
#[must_use]
pub fn shrink(run: &Run, outcome: Outcome) -> (Run, Outcome) {
    let Some(failure) = outcome.failure.clone() else { return (run.clone(), outcome) };
    let end = failure.step.map_or(run.steps, |step| step + 1);
    let steps: Vec<usize> =
        (0..end).filter(|at| run.keep.as_ref().is_none_or(|k| k.contains(at))).collect();
    let mut best = (Run { keep: Some(steps.iter().copied().collect()), ..run.clone() }, outcome);
    let mut kept = steps;
    let mut lives = 0;
    let mut size = kept.len().div_ceil(2);
    while size > 0 && lives < LIVES_MAX {
        let mut at = 0;
        let before = kept.len();
        while at < kept.len() && lives < LIVES_MAX {
            let rest = kept.iter().take(at).chain(kept.iter().skip(at + size)).copied();
            let keep: BTreeSet<usize> = rest.collect();
            let smaller = Run { keep: Some(keep.clone()), ..run.clone() };
            let outcome = smaller.live();
            lives += 1;
            if outcome.failure.as_ref().is_some_and(|found| found.promise == failure.promise) {
                kept = keep.into_iter().collect();
                best = (smaller, outcome);
            } else {
                at += size;
            }
        }
        if size == 1 && kept.len() == before {
            break;
        }
        size = if size == 1 { 1 } else { size / 2 };
    }
    best
}
