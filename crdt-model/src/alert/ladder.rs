//! The escalation ladder: who is told, when, as long as nobody takes care.

use serde::{Deserialize, Serialize};

use super::{AlertView, Stage};
use crate::author::PartyId;
use crate::private::Private;
use crate::time::{MINUTE_MS, Timestamp};

/// What a step of the ladder does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act")]
pub enum LadderAct {
    /// Ring the duty desk.
    DutyDesk,
    /// Ring a party's nodes.
    Party {
        /// The party.
        party: PartyId,
    },
    /// Ring a contact of the profile.
    Contact {
        /// The contact's number.
        phone: Private,
    },
    /// Ring the neighbour.
    Neighbour,
    /// Sound the siren at the household.
    Siren,
    /// Dial out over the telephone network.
    DialOut {
        /// The number.
        phone: Private,
    },
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How long after the raise, in milliseconds, when nobody has taken care.
    pub after_ms: u64,
    /// What is done.
    pub does: LadderAct,
}

/// The escalation ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// The steps, in the order of their times.
    pub steps: Vec<Step>,
    /// How long an owner may take until somebody is acting, in milliseconds; afterwards the ladder goes on.
    pub respond_ms: u64,
}

impl Default for Ladder {
    /// The desk at once, the siren after one minute, the neighbour after two: within the 60 and 180 seconds that
    /// telecare answers to. An owner has ten minutes to act.
    fn default() -> Self {
        let steps = vec![
            Step { after_ms: 0, does: LadderAct::DutyDesk },
            Step { after_ms: MINUTE_MS, does: LadderAct::Siren },
            Step { after_ms: 2 * MINUTE_MS, does: LadderAct::Neighbour },
        ];
        Self { steps, respond_ms: 10 * MINUTE_MS }
    }
}

/// Where an alert stands on its ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "climb")]
pub enum Climb {
    /// Nothing to climb: nothing raised, or resolved.
    Over,
    /// An owner takes care; the ladder goes on at `until` when nobody is acting by then.
    Paused {
        /// When the ladder goes on; `None` when the owner is acting.
        until: Option<Timestamp>,
    },
    /// Nobody takes care.
    Climbing {
        /// How many steps are due, from the first.
        due: usize,
        /// When the next one is due.
        next_at: Option<Timestamp>,
    },
}

impl AlertView {
    /// Where the alert stands on its ladder at `now`, on a node that holds it since `held_since`.
    ///
    /// The ladder counts from the earlier of the stated time and `held_since`, so that a raising clock that runs ahead
    /// does not delay it.
    pub fn climb(&self, held_since: Timestamp, now: Timestamp) -> Climb {
        let since = match self.since {
            Some(since) if self.stage != Stage::Resolved => since.min(held_since),
            _ => return Climb::Over,
        };
        if let Some(owner) = &self.owner {
            if self.responding.is_some() {
                return Climb::Paused { until: None };
            }
            let until = owner.since.min(now).plus_ms(self.ladder.respond_ms);
            if now < until {
                return Climb::Paused { until: Some(until) };
            }
        }
        let mut times: Vec<u64> = self.ladder.steps.iter().map(|s| s.after_ms).collect();
        times.sort_unstable();
        let elapsed = now.ms_since(since);
        let due = times.iter().filter(|after| **after <= elapsed).count();
        Climb::Climbing { due, next_at: times.get(due).map(|after| since.plus_ms(*after)) }
    }
}
