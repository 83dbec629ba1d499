//! Whom a step of a plan reached (document `<elder>/checks`, in the elder's care space).

use std::collections::BTreeMap;

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Said;
use crate::author::Authors;
use crate::contact::{self, Contact, Means};
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Refused, Waiting};
use crate::private::Private;

/// How an elder was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// In need of something.
    NeedsHelp,
    /// Well.
    Well,
    /// Not reached.
    NotReached,
}

/// A fact of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CheckFact {
    /// Somebody looked after the elder as a step of a plan says.
    Checked {
        /// The plan.
        plan: Uuid,
        /// The start, of the plan's document.
        run: FactId,
        /// The step's id.
        step: String,
        /// Nothing happened: the plan is tried.
        drill: bool,
        /// How the elder was found.
        found: Found,
        /// What else.
        note: Option<Private>,
    },
}

impl Body for CheckFact {
    fn builds_on(&self) -> Vec<FactId> {
        Vec::new()
    }
}

/// A check as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The plan.
    pub plan: Uuid,
    /// The start.
    pub run: FactId,
    /// The step's id.
    pub step: String,
    /// Nothing happened.
    pub drill: bool,
    /// How the elder was found.
    pub found: Found,
    /// What else.
    pub note: Option<Private>,
    /// Who looked.
    pub said: Said,
}

/// The canonical view of an elder's checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChecksView {
    /// The document's schema.
    pub schema: Schema,
    /// The checks that nobody replaced who had seen them, by their facts.
    pub checks: BTreeMap<FactId, Checked>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<CheckFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the checks of an elder.
pub fn checks(doc: &Automerge, authors: &impl Authors) -> ChecksView {
    let facts = Facts::<CheckFact>::read(doc, authors);
    let mut view = ChecksView {
        schema: facts.schema,
        checks: BTreeMap::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        // Whoever may say that they were in contact may say how they found the elder.
        let verdict = contact::may_note(&known.author);
        if verdict.is_ok() {
            let CheckFact::Checked { plan, run, step, drill, found, note } =
                known.fact.body.clone();
            let said = Said { at: known.fact.at, author: known.author.clone() };
            let checked = Checked { plan, run, step, drill, found, note, said };
            // Who looks again replaces what they knew; found apart, both stand.
            view.checks
                .retain(|id, before| !is_same(before, &checked) || !facts.had_seen(known.id, *id));
            view.checks.insert(known.id, checked);
        }
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}

fn is_same(one: &Checked, other: &Checked) -> bool {
    (one.plan, one.run, &one.step) == (other.plan, other.run, &other.step)
}

impl ChecksView {
    /// How an elder was found in a step of a run: of what was found apart, need first, and that nobody was reached last.
    pub fn of(&self, plan: Uuid, is_run: impl Fn(FactId) -> bool, step: &str) -> Option<&Checked> {
        let of = |one: &&Checked| one.plan == plan && one.step == step && is_run(one.run);
        self.checks.values().filter(of).min_by_key(|one| one.found)
    }

    /// The contacts that the checks show: whoever was found, in earnest.
    pub fn contacts(&self) -> Vec<Contact> {
        let met = |CheckFact::Checked { drill, found, .. }: &CheckFact| {
            !drill && *found != Found::NotReached
        };
        let standing = self.timeline.iter().filter(|entry| entry.not_standing.is_none());
        let contact = |entry: &Entry<CheckFact>| Contact {
            at: entry.at,
            fact: entry.id,
            by: Means::Check,
            author: entry.author.clone(),
        };
        standing.filter(|entry| met(&entry.body)).map(contact).collect()
    }
}
