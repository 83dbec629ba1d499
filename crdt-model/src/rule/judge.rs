//! Whether a reading raises an alert, goes on with one, or neither.

use super::{Episode, Rule, episodes};
use crate::alert::CauseId;
use crate::readings::Reading;

/// What a reading that fires comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The cause of the alert.
    pub cause: CauseId,
    /// Whether that alert was raised before.
    pub known: bool,
}

/// Judges a reading among the others of its elder, of any order, by the rules in force; none where no rule fires.
///
/// One event is one alert. The gravest rule that fires is the one that speaks; its episode goes on with an alert that it, or
/// a graver one, raised for any reading of that time, whichever device brought it and however late. What grows worse is a
/// new event. `is_raised` says whether there is an alert of a cause.
pub fn judge(
    rules: &[Rule],
    readings: &[&Reading],
    reading: &Reading,
    is_raised: impl Fn(&CauseId) -> bool,
) -> Option<Judged> {
    let fires = |rule: &&Rule| rule.measure == reading.measure && rule.fires(reading.value);
    let gravest = rules
        .iter()
        .filter(fires)
        .reduce(|gravest, rule| if is_graver(rule, gravest) { rule } else { gravest })?;
    let is_its = |episode: &Episode| {
        let within = episode.first.at..=episode.last.at;
        episode.first.device == reading.device && within.contains(&reading.at)
    };
    let episode = episodes(gravest, readings).into_iter().find(is_its)?;
    let known = alert_of(rules, gravest, &episode, readings, is_raised);
    let is_known = known.is_some();
    Some(Judged { cause: known.unwrap_or_else(|| episode.cause()), known: is_known })
}

/// The cause of the alert that an episode of a rule goes on with; none where there is no such alert.
pub fn alert_of(
    rules: &[Rule],
    rule: &Rule,
    episode: &Episode,
    readings: &[&Reading],
    is_raised: impl Fn(&CauseId) -> bool,
) -> Option<CauseId> {
    let side = (rule.measure, rule.side.is_low());
    let as_grave = rules.iter().filter(|of| (of.measure, of.side.is_low()) == side);
    let mut as_grave = as_grave.filter(|of| !is_graver(rule, of));
    as_grave.find_map(|of| {
        // Before values have stayed clear for so long nothing is over, whichever device says so.
        let is_same = |e: &Episode| e.overlaps(episode, of.clear_ms);
        let mut overlapping = episodes(of, readings).into_iter().filter(is_same);
        overlapping.find_map(|e| causes(of, &e, readings).find(|cause| is_raised(cause)))
    })
}

/// Whether a rule speaks before another: it is more severe, or its threshold lies further out.
fn is_graver(rule: &Rule, than: &Rule) -> bool {
    (rule.severity, rule.side.is_low()) == (than.severity, than.side.is_low())
        && rule.is_worse(rule.limit, than.limit)
        || rule.severity > than.severity
}

/// The causes of an episode, by each reading that may have been its first.
fn causes(rule: &Rule, episode: &Episode, readings: &[&Reading]) -> impl Iterator<Item = CauseId> {
    let within = episode.first.at..=episode.last.at;
    let mut first: Vec<&Reading> = readings
        .iter()
        .copied()
        .filter(|r| r.measure == rule.measure && r.device == episode.first.device)
        .filter(|r| r.is_plausible() && within.contains(&r.at) && rule.fires(r.value))
        .collect();
    first.sort();
    first.into_iter().map(|reading| episode.cause_at(reading))
}
