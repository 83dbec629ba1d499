//! The escalation ladder: who is told, when, as long as nobody takes care.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AlertKind, AlertView, Stage};
use crate::author::{NodeId, PartyId, PartyKind};
use crate::contact;
use crate::event::FactId;
use crate::phone::{comparable, is_emergency};
use crate::private::Private;
use crate::time::{DAY_MS, MINUTE_MS, Timestamp};

/// Steps of one ladder: four rounds of everybody whom an elder has.
pub const STEPS_MAX: usize = 24;

/// After this another node takes over a step of which the one that began it says nothing, in milliseconds: long enough
/// for a call to be answered.
const CLAIM_MS: u64 = 2 * MINUTE_MS;

/// How much later than the household another node does what only one needs to do, in milliseconds: the alert of the
/// one that does it is there by then, where there is a way.
const OTHERS_LATER_MS: u64 = 15_000;

/// How long a call that a person decided upon is made again where it could not be made, in milliseconds: afterwards the
/// person has seen in the alert that it was not.
const DECIDED_MS: u64 = 5 * MINUTE_MS;

/// For so long the ladder waits for whoever is late, in milliseconds: traffic, a staircase.
const LATE_MS: u64 = 5 * MINUTE_MS;

/// Digits of a telephone number that is dialled at most: E.164 has 15, and a prefix.
const DIGITS_MAX: usize = 20;

/// What a step of the ladder does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// The kinds of steps: the words by which a node is told what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Ring the duty desk.
    DutyDesk,
    /// Ring a party's nodes.
    Party,
    /// Ring a contact.
    Contact,
    /// Ring the neighbour.
    Neighbour,
    /// Sound the siren.
    Siren,
    /// Dial out.
    DialOut,
}

impl LadderAct {
    /// Which kind of step it is.
    pub fn way(&self) -> Way {
        match self {
            Self::DutyDesk => Way::DutyDesk,
            Self::Party { .. } => Way::Party,
            Self::Contact { .. } => Way::Contact,
            Self::Neighbour => Way::Neighbour,
            Self::Siren => Way::Siren,
            Self::DialOut { .. } => Way::DialOut,
        }
    }

    /// The number that is dialled.
    pub fn phone(&self) -> Option<&Private> {
        match self {
            Self::Contact { phone } | Self::DialOut { phone } => Some(phone),
            Self::DutyDesk | Self::Party { .. } | Self::Neighbour | Self::Siren => None,
        }
    }

    /// Whether it is done where it rings, at each such node, and not once by any.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::DutyDesk | Self::Party { .. } | Self::Siren)
    }

    /// Whether nodes of a party do it.
    pub(super) fn is_of(&self, party: PartyId, kind: PartyKind) -> bool {
        use PartyKind as K;
        match self {
            Self::DutyDesk => kind == K::Centre,
            Self::Siren => kind == K::Household,
            Self::Party { party: named } => *named == party,
            Self::Contact { .. } | Self::Neighbour | Self::DialOut { .. } => {
                matches!(kind, K::Household | K::Family | K::Centre | K::Station)
            }
        }
    }
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// A ladder that helps nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// It rings nobody.
    #[error("a ladder has 1 to {STEPS_MAX} steps, such as desk@0s siren@1m")]
    Steps,
    /// A step comes too late.
    #[error("every step and the time to respond lie within a day")]
    TooLate,
    /// What is to be dialled is no number.
    #[error("a telephone number has 3 to {DIGITS_MAX} digits, a + before them or not")]
    Phone,
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

impl Ladder {
    /// The common ladder of a kind. Who asks to be called is told at the desk and to nobody else. A silence and an opened
    /// card are no reason to sound a siren: at a hub that is back it would frighten whoever is well.
    pub fn common(kind: AlertKind) -> Self {
        let mut ladder = Self::default();
        if !kind.is_emergency() {
            ladder.steps.retain(|step| step.does == LadderAct::DutyDesk);
        }
        if matches!(kind, AlertKind::Silence | AlertKind::CardOpened) {
            ladder.steps.retain(|step| step.does != LadderAct::Siren);
        }
        ladder
    }

    /// A ladder as somebody wrote it; none where it is none.
    pub(super) fn checked(self) -> Option<Self> {
        Self::new(self.steps, self.respond_ms).ok()
    }

    /// A ladder of these steps, in the order of their times.
    ///
    /// # Errors
    /// [`LadderError`] where it rings nobody, rings after a day only, or dials what is no number.
    pub fn new(mut steps: Vec<Step>, respond_ms: u64) -> Result<Self, LadderError> {
        steps.sort();
        steps.dedup();
        if steps.is_empty() || steps.len() > STEPS_MAX {
            return Err(LadderError::Steps);
        }
        if respond_ms > DAY_MS || steps.iter().any(|step| step.after_ms > DAY_MS) {
            return Err(LadderError::TooLate);
        }
        let numbers = || steps.iter().filter_map(|step| step.does.phone());
        match numbers().all(|phone| is_number(phone.as_str())) {
            true => Ok(Self { steps, respond_ms }),
            false => Err(LadderError::Phone),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where an alert stands on its ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "climb")]
pub enum Climb {
    /// Nothing to climb: nothing raised, or resolved.
    Over,
    /// An owner takes care; the ladder goes on at `until` when nobody is acting by then. Or the silence is over, or what
    /// is no emergency waits for the morning.
    Paused {
        /// When the ladder goes on; `None` when the owner is acting and no time was said, or what was silent is heard again.
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

/// A step that a node began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Climbed {
    /// The fact that says so.
    pub fact: FactId,
    /// The step.
    pub step: Step,
    /// The node.
    pub node: NodeId,
    /// Its party.
    pub party: PartyId,
    /// What that party is.
    pub kind: PartyKind,
    /// When, by its clock.
    pub at: Timestamp,
    /// Whether a person decided upon it.
    pub decided: bool,
    /// Whether it was carried out; `None` while the node has not said.
    pub done: Option<bool>,
    /// How its call ended that it said last; `None` where a program called, or nobody yet.
    pub call: Option<CallEnd>,
}

/// How a call ended that a node made itself.
///
/// None of them is an acknowledgement: whoever presses a key is nobody that the community knows, and no signature says
/// who it was. The ladder goes on as without it, until a named person has the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// Somebody answered and pressed 1: they come.
    Accepted,
    /// Somebody answered and pressed 2: they cannot.
    Declined,
    /// An emergency service answered and was spoken to. Whether anybody listened is not known.
    Spoken,
    /// It was answered, by a person or a machine, and neither key was pressed.
    Unconfirmed,
    /// The line was busy.
    Busy,
    /// The call was turned away.
    Rejected,
    /// Nobody answered.
    NoAnswer,
    /// Nobody has this number.
    NoNumber,
    /// The telephone network does not let this node in: the user or the password is wrong.
    NotAllowed,
    /// The telephone network did not answer, or could not put the call through.
    NoLine,
}

impl CallEnd {
    /// Whether the step is carried out: the call need not be made again.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Accepted | Self::Declined | Self::Spoken)
    }

    /// Whether somebody was there: calling at once again disturbs whoever it was.
    pub fn is_answered(self) -> bool {
        self.is_done() || matches!(self, Self::Unconfirmed | Self::Rejected)
    }
}

/// The node that climbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// The node.
    pub node: NodeId,
    /// Its party.
    pub party: PartyId,
    /// What that party is.
    pub kind: PartyKind,
    /// What it can do.
    pub ways: BTreeSet<Way>,
}

impl Here {
    /// Whether this node does a step.
    fn does(&self, act: &LadderAct) -> bool {
        act.is_of(self.party, self.kind) && self.ways.contains(&act.way())
    }
}

/// For how long a node has watched an alert, by its own clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Since when it holds the alert, by the wall clock.
    pub held_since: Timestamp,
    /// What the wall clock shows.
    pub now: Timestamp,
    /// How long it has been awake with the alert, by a clock that is never set, in milliseconds.
    pub awake_ms: u64,
    /// How long it has known who owns the alert, by the same clock.
    pub owned_ms: u64,
}

/// A step that falls to a node now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The step.
    pub step: Step,
    /// Where this node said before that it begins it, and not how it went.
    pub begun: Option<FactId>,
}

impl AlertView {
    /// How long an alert has climbed for a node, in milliseconds.
    ///
    /// It counts from the earlier of the stated time and `held_since`, so that a raising clock that runs ahead does not
    /// delay it; and at least what the node was awake, so that its own clock that is set back does not either. An alert
    /// that waits for the morning begins its ladder anew each day.
    pub fn elapsed_ms(&self, watch: Watch) -> u64 {
        let since = self.since.unwrap_or(watch.held_since).min(watch.held_since);
        self.by_day(watch.now.ms_since(since).max(watch.awake_ms), watch.now)
    }

    /// What counts of a time that has passed: where an alert waits for the morning the night does not.
    fn by_day(&self, passed_ms: u64, now: Timestamp) -> u64 {
        let waits = self.what == Some(AlertKind::NoContact);
        let day = contact::day_ms(now).filter(|_| waits);
        day.map_or(passed_ms, |day| passed_ms.min(day))
    }

    /// Where the alert stands on its ladder: see [`AlertView::elapsed_ms`]. An owner has the time of the ladder from when
    /// they state, or from when the node knows of them, whichever has passed first: their clock may be wrong.
    pub fn climb(&self, watch: Watch) -> Climb {
        if self.since.is_none() || self.stage == Stage::Resolved {
            return Climb::Over;
        }
        if self.is_heard_again() || self.is_spoken_again() {
            return Climb::Paused { until: None };
        }
        let (elapsed, now) = (self.elapsed_ms(watch), watch.now);
        let waits = self.what == Some(AlertKind::NoContact);
        if let Some(morning) = contact::morning(now).filter(|_| waits) {
            return Climb::Paused { until: Some(morning) };
        }
        if let Some(owner) = &self.owner {
            match (self.responding, self.expected.filter(|_| self.arrived.is_none())) {
                (Some(_), None) => return Climb::Paused { until: None },
                // Who is expected and does not come is waited for a while, and then others are told.
                (Some(_), Some(expected)) => {
                    let until = expected.plus_ms(LATE_MS);
                    if now < until {
                        return Climb::Paused { until: Some(until) };
                    }
                }
                (None, _) => {}
            }
            let owned = self.by_day(now.ms_since(owner.since).max(watch.owned_ms), now);
            if self.responding.is_none() && owned < self.ladder.respond_ms {
                let until = now.plus_ms(self.ladder.respond_ms - owned);
                return Climb::Paused { until: Some(until) };
            }
        }
        let steps = &self.ladder.steps;
        let due = steps.partition_point(|step| step.after_ms <= elapsed);
        let left = |step: &Step| now.plus_ms(step.after_ms - elapsed);
        Climb::Climbing { due, next_at: steps.get(due).map(left) }
    }

    /// Whether the alert is about silence, and every hub was heard again.
    fn is_heard_again(&self) -> bool {
        let mut silent = self.silent.values().flat_map(|silent| &silent.parties).peekable();
        silent.peek().is_some() && silent.all(|party| self.heard_again.contains_key(party))
    }

    /// Whether the alert is about sensors, and every one spoke again.
    fn is_spoken_again(&self) -> bool {
        !self.sensors.is_empty() && self.sensors.iter().all(|of| of.spoke.is_some())
    }

    /// The steps that ring at this place, `elapsed_ms` after the alert began for it, as long as nobody takes care.
    pub fn rings(&self, here: &Here, elapsed_ms: u64) -> impl Iterator<Item = &Step> {
        let due = move |step: &&Step| step.does.is_local() && step.after_ms <= elapsed_ms;
        self.ladder.steps.iter().filter(due).filter(move |step| here.does(&step.does))
    }

    /// The steps that a node begins, `elapsed_ms` after the alert began for it. `age_ms` says how long the node has known
    /// that another began a step.
    ///
    /// Where it rings at a place (desk, siren, a party) each node of the place does it. What is done once (a call, the
    /// neighbour) the household does first, whatever others say that they do; another only where nobody began it, or the
    /// one that did says nothing for two minutes, or could not. Whoever could not tries again. An emergency service that
    /// was called by another step is not called by this one too. In a drill nobody calls one.
    pub fn turns(&self, here: &Here, elapsed_ms: u64, age_ms: impl Fn(FactId) -> u64) -> Vec<Turn> {
        let at_home = here.kind == PartyKind::Household;
        let turn = |step: &Step| {
            let emergency = step.does.phone().filter(|phone| is_emergency(phone.as_str()));
            if self.drill && emergency.is_some() {
                return None;
            }
            let same = |begun: &Climbed| {
                let number = |phone: &Private| comparable(phone.as_str());
                emergency.is_some()
                    && begun.step.does.phone().and_then(number) == emergency.and_then(number)
            };
            let begun = || self.climbed.iter().filter(|begun| begun.step == *step);
            let mine = begun().find(|begun| begun.node == here.node);
            let is_local = step.does.is_local();
            let done = |b: &Climbed| b.done == Some(true) || is_local && b.done.is_some();
            if !here.does(&step.does) || mine.is_some_and(done) {
                return None;
            }
            let taken = |b: &Climbed| match b.done {
                Some(done) => done,
                None => age_ms(b.fact) < CLAIM_MS,
            };
            let yields = |b: &Climbed| b.node != here.node && (!at_home || b.party == here.party);
            if !is_local && begun().any(|b| yields(b) && taken(b)) {
                return None;
            }
            let mut others = self.climbed.iter().filter(|b| b.step != *step && same(b));
            if others.any(|b| (b.node == here.node || yields(b)) && taken(b)) {
                return None;
            }
            let later = if is_local || at_home { 0 } else { OTHERS_LATER_MS };
            let due = step.after_ms.saturating_add(later) <= elapsed_ms;
            due.then(|| Turn { step: step.clone(), begun: mine.map(|begun| begun.fact) })
        };
        self.ladder.steps.iter().filter_map(turn).collect()
    }

    /// The calls that a person decided upon at a node and that could not be made yet: for five minutes, whoever has the
    /// alert.
    pub fn decided(&self, node: NodeId, now: Timestamp) -> impl Iterator<Item = Turn> {
        let open = self.round.is_some() && self.stage != Stage::Resolved;
        let due = move |begun: &&Climbed| {
            let is_recent = now.ms_since(begun.at) < DECIDED_MS;
            open && begun.decided && begun.node == node && begun.done != Some(true) && is_recent
        };
        let turn = |begun: &Climbed| Turn { step: begun.step.clone(), begun: Some(begun.fact) };
        self.climbed.iter().filter(due).map(turn)
    }
}
