//! Contingency plans: who does what in a heat wave, an outbreak, a power cut (document `plan/<uuid>`).
//!
//! A plan stands in a space that everybody of the community reads, so it names no people: it names kinds of parties and
//! roles, and elders by a selection that each node looks up in what it holds. Whom a step reached is written in the elder's
//! own care space (document `<elder>/checks`), where only those read it who may.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::area;
use crate::author::{Author, Authors, PartyKind, Role};
use crate::codes::{AbilityLevel, LivingSituation};
use crate::dates;
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Refused, Waiting};
use crate::national_id::NationalId;
use crate::time::{Date, Timestamp};

mod check;
mod fold;

pub use check::{CheckFact, Checked, ChecksView, Found, checks};
pub use fold::may_decide;

/// Steps of a plan: more than anybody keeps in mind in a bad night.
pub const STEPS_MAX: usize = 48;

/// Characters of one text of a plan.
const TEXT_CHARS_MAX: usize = 400;

/// Characters of a step's id.
const ID_CHARS_MAX: usize = 32;

/// The longest time that a step may have, in minutes: a week.
const WITHIN_MINUTES_MAX: u32 = 7 * 24 * 60;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// A heat wave.
    Heat,
    /// Cold.
    Cold,
    /// An outbreak of a disease.
    Outbreak,
    /// A power cut.
    Power,
    /// Water.
    Flood,
    /// Something else.
    Other,
}

/// The elders that a step is about, looked up by each node in the profiles it holds.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// With whom they live; empty: with anybody.
    pub living: BTreeSet<LivingSituation>,
    /// Where, as addresses name it ([`area::lies_in`]); empty is everywhere.
    pub area: String,
    /// At this level of disability or a worse one.
    pub ability_from: Option<AbilityLevel>,
    /// At this age in years or above.
    pub age_from: Option<u16>,
}

/// What a node knows of an elder, all values that stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Known<'a> {
    /// `living_situation`.
    pub living: Vec<&'a str>,
    /// `address`.
    pub addresses: Vec<&'a str>,
    /// `ability_level`.
    pub ability: Vec<&'a str>,
    /// `birth_date`.
    pub birth_dates: Vec<&'a str>,
}

impl Selection {
    /// Whether an elder is among them. Of values that differ one is enough: nobody is left out for a slip of the pen. Who
    /// states no address lives in no area; who states no age or level has none.
    pub fn holds(&self, known: &Known<'_>, today: Date) -> bool {
        let living = |code: &&str| {
            LivingSituation::of_code(code).is_some_and(|code| self.living.contains(&code))
        };
        let ability = |code: &&str| {
            AbilityLevel::of_code(code).is_some_and(|is| Some(is) >= self.ability_from)
        };
        let age = |born: &&str| {
            let years = dates::parse(born).ok().map(|born| years(born, today));
            years.is_some_and(|years| self.age_from.is_none_or(|from| years >= i32::from(from)))
        };
        (self.living.is_empty() || known.living.iter().any(living))
            && (self.area.is_empty()
                || known.addresses.iter().any(|at| area::lies_in(at, &self.area)))
            && (self.ability_from.is_none() || known.ability.iter().any(ability))
            && (self.age_from.is_none() || known.birth_dates.iter().any(age))
    }
}

fn years(born: Date, today: Date) -> i32 {
    let before = (today.month(), today.day()) < (born.month(), born.day());
    i32::from(today.year()) - i32::from(born.year()) - i32::from(before)
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// By what it is ticked: small letters, digits and hyphens.
    pub id: String,
    /// What is done.
    pub does: String,
    /// Whose people do it; a centre's may always.
    #[serde(default)]
    pub who: BTreeSet<PartyKind>,
    /// What these people are.
    #[serde(default)]
    pub role: Option<Role>,
    /// Within how many minutes of the start.
    #[serde(default)]
    pub within_minutes: Option<u32>,
    /// Whom to call: the number of an office.
    #[serde(default)]
    pub phone: Option<String>,
    /// For each of these elders.
    #[serde(default)]
    pub each: Option<Selection>,
}

/// A plan, as one version of it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub hazard: Hazard,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Why something is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There are none, or too many.
    #[error("a plan has 1 to {STEPS_MAX} steps")]
    Steps,
    /// The id of a step has another form, or stands twice.
    #[error(
        "step {0}: the id is 1 to {ID_CHARS_MAX} small letters, digits and hyphens, and stands once"
    )]
    Id(usize),
    /// A text is empty or too long.
    #[error("step {0}: a text has 1 to {TEXT_CHARS_MAX} characters on one line")]
    Text(usize),
    /// A time is none.
    #[error("step {0}: the time is 1 minute to a week")]
    Within(usize),
    /// A number is none.
    #[error("step {0}: a telephone number has 3 to 20 digits, hyphens between them or not")]
    Phone(usize),
    /// It names a person.
    #[error(
        "step {0}: everybody of the community reads a plan: name roles and parties, and no national id or mobile number"
    )]
    Personal(usize),
}

impl Plan {
    /// The plan, where it is one.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn checked(self) -> Result<Self, PlanError> {
        text(&self.name, 0)?;
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Err(PlanError::Steps);
        }
        let mut ids = BTreeSet::new();
        for (number, step) in (1..).zip(&self.steps) {
            let is_id =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let has_form =
                (1..=ID_CHARS_MAX).contains(&step.id.len()) && step.id.bytes().all(is_id);
            if !has_form || !ids.insert(&step.id) {
                return Err(PlanError::Id(number));
            }
            text(&step.does, number)?;
            let area = step.each.as_ref().map(|each| each.area.as_str());
            if let Some(area) = area.filter(|area| !area.is_empty()) {
                text(area, number)?;
            }
            if step.within_minutes.is_some_and(|at| !(1..=WITHIN_MINUTES_MAX).contains(&at)) {
                return Err(PlanError::Within(number));
            }
            if step.phone.as_ref().is_some_and(|phone| !is_phone(phone)) {
                return Err(PlanError::Phone(number));
            }
        }
        Ok(self)
    }

    /// A step by its id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }
}

fn text(text: &str, step: usize) -> Result<(), PlanError> {
    let length = text.chars().count();
    let fits = (1..=TEXT_CHARS_MAX).contains(&length) && !text.chars().any(char::is_control);
    if !fits || text.trim().is_empty() {
        return Err(PlanError::Text(step));
    }
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_mobile = |word: &str| {
        word.len() == 11 && word.starts_with('1') && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    match words.any(|word| is_mobile(word) || NationalId::parse(word).is_ok()) {
        true => Err(PlanError::Personal(step)),
        false => Ok(()),
    }
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b' ' | b'+');
    (3..=20).contains(&digits) && text.len() <= 32 && text.bytes().all(plain)
}

/// A fact of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PlanFact {
    /// A version, which replaces those its author had seen.
    Written {
        /// What it says.
        plan: Plan,
    },
    /// The plan comes into force.
    Started {
        /// The version.
        version: FactId,
        /// Nothing happened: the plan is tried.
        drill: bool,
    },
    /// A step is done, or is not after all.
    Ticked {
        /// The start.
        run: FactId,
        /// The step's id.
        step: String,
        /// Whether it is done.
        done: bool,
    },
    /// It is over.
    Stopped {
        /// The start.
        run: FactId,
    },
}

impl Body for PlanFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Written { .. } => Vec::new(),
            Self::Started { version, .. } => vec![*version],
            Self::Ticked { run, .. } | Self::Stopped { run } => vec![*run],
        }
    }
}

/// Somebody's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// When, by their clock.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
}

/// A version of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number: one more than those its author had seen.
    pub number: usize,
    /// What it says.
    pub plan: Plan,
    /// Who wrote it.
    pub said: Said,
}

/// A plan in force, or that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The version.
    pub version: FactId,
    /// Nothing happened: the plan was tried.
    pub drill: bool,
    /// Who started it.
    pub started: Said,
    /// The steps that are done, by whom.
    pub done: BTreeMap<String, Said>,
    /// Who stopped it.
    pub stopped: Option<Said>,
}

/// The canonical view of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanView {
    /// The plan's id.
    pub id: Uuid,
    /// The document's schema.
    pub schema: Schema,
    /// Every version.
    pub versions: BTreeMap<FactId, Version>,
    /// Those that nobody replaced; more than one were written apart, and a person writes the plan anew.
    pub current: BTreeSet<FactId>,
    /// Every time it was started.
    pub runs: BTreeMap<FactId, Run>,
    /// Starts that were made apart and joined: which is which.
    pub joined: BTreeMap<FactId, FactId>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<PlanFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the facts of a plan, for writing the next one.
pub fn facts(doc: &Automerge, authors: &impl Authors) -> Facts<PlanFact> {
    Facts::read(doc, authors)
}

/// Reads a plan.
pub fn view(id: Uuid, doc: &Automerge, authors: &impl Authors) -> PlanView {
    fold::fold(id, &facts(doc, authors))
}

impl PlanView {
    /// The version to start: of those that nobody replaced the one with the highest number, then the lowest id.
    pub fn version(&self) -> Option<(FactId, &Version)> {
        let current = self.current.iter().filter_map(|id| Some((*id, self.versions.get(id)?)));
        current.min_by_key(|(id, version)| (std::cmp::Reverse(version.number), *id))
    }

    /// A run by the start that somebody names, joined or not.
    pub fn run(&self, start: FactId) -> Option<(FactId, &Run)> {
        let id = self.joined.get(&start).copied().unwrap_or(start);
        Some((id, self.runs.get(&id)?))
    }

    /// What is in force: in earnest first.
    pub fn in_force(&self) -> impl Iterator<Item = (FactId, &Run, &Version)> {
        let open = |drill| {
            let runs = self.runs.iter().filter(move |(_, run)| run.drill == drill);
            runs.filter(|(_, run)| run.stopped.is_none())
        };
        let with = |(id, run): (&FactId, _)| {
            let run: &Run = run;
            Some((*id, run, self.versions.get(&run.version)?))
        };
        open(false).chain(open(true)).filter_map(with)
    }
}
