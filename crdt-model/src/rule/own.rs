//! The thresholds that a clinician set for one elder (document `<elder>/rules`, in the health space).
//!
//! What is published is made for everybody. Somebody with a lung disease lives well at an oxygen saturation at which another
//! needs help: so a clinician sets other thresholds, or a rule where none is published, and says why. Set apart, both stand.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use serde::{Deserialize, Serialize};

use super::{CLEAR_MS, GAP_MS, Rule, Severity, Side, Source, standard, standard_rules};
use crate::author::{Author, Authors, Role};
use crate::decimal::Decimal;
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Known, Reason, Refused, Waiting};
use crate::private::Private;
use crate::readings::Measure;
use crate::sensor::is_line;

/// Rules of one elder: three for each measure.
pub const OWN_MAX: usize = 32;

/// Letters of a rule's id.
pub const RULE_ID_MAX: usize = 40;

/// Letters of why a rule was set.
pub const REASON_MAX: usize = 200;

/// When a rule fires and when its episode ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The rule's id: that of a published one, or small letters, digits and hyphens.
    pub rule: String,
    /// What it looks at.
    pub measure: Measure,
    /// On which side it fires.
    pub side: Side,
    /// The threshold, in the measure's unit.
    pub limit: Decimal,
    /// The value at which an episode begins to end.
    pub clear: Decimal,
    /// How grave.
    pub severity: Severity,
}

/// A fact of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RuleFact {
    /// A rule for this elder, in the place of the published one of its id where there is one.
    Set {
        /// The rule.
        #[serde(flatten)]
        thresholds: Thresholds,
        /// Why.
        reason: Private,
    },
    /// The published one holds again, or none.
    Unset {
        /// What set it.
        set: FactId,
    },
}

impl Body for RuleFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Set { .. } => Vec::new(),
            Self::Unset { set } => vec![*set],
        }
    }
}

/// The canonical view of an elder's own rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulesView {
    /// The document's schema.
    pub schema: Schema,
    /// The rules that stand, by the facts that set them.
    pub own: BTreeMap<FactId, Rule>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<RuleFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the rules of an elder.
pub fn view(doc: &Automerge, authors: &impl Authors) -> RulesView {
    let facts = Facts::<RuleFact>::read(doc, authors);
    let mut view = RulesView {
        schema: facts.schema,
        own: BTreeMap::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        let verdict = apply(&facts, &mut view, known);
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}

fn apply(
    facts: &Facts<RuleFact>,
    view: &mut RulesView,
    known: &Known<RuleFact>,
) -> Result<(), Reason> {
    may_write(&known.author)?;
    match known.fact.body.clone() {
        RuleFact::Set { thresholds, reason } => {
            if !thresholds.can_be() || !is_line(&reason, REASON_MAX) {
                return Err(Reason::OutOfRange);
            }
            let id = &thresholds.rule;
            let is_seen =
                |fact: &FactId, old: &Rule| old.id == *id && facts.had_seen(known.id, *fact);
            let replaced = view.own.iter().filter(|(fact, old)| is_seen(fact, old));
            let replaced: BTreeMap<FactId, u32> =
                replaced.map(|(fact, old)| (*fact, old.version)).collect();
            if view.own.len() - replaced.len() >= OWN_MAX {
                return Err(Reason::TooMany);
            }
            let version = replaced.values().max().copied().unwrap_or(0).saturating_add(1);
            view.own.retain(|fact, _| !replaced.contains_key(fact));
            let by = Box::new(known.author.clone());
            let source = Source::Clinician { fact: known.id, at: known.fact.at, by, reason };
            view.own.insert(known.id, thresholds.rule(version, source));
        }
        RuleFact::Unset { set } => {
            if view.own.remove(&set).is_none() {
                let stood =
                    |entry: &Entry<RuleFact>| entry.id == set && entry.not_standing.is_none();
                let was_set = view.timeline.iter().filter(|entry| stood(entry));
                let mut was_set = was_set.filter(|e| matches!(e.body, RuleFact::Set { .. }));
                return Err(match was_set.next() {
                    Some(_) => Reason::AlreadyDone,
                    None => Reason::WrongReference,
                });
            }
        }
    }
    Ok(())
}

/// Says whether an author may set rules: a clinician, named.
///
/// # Errors
/// The reason why it would not stand.
pub fn may_write(author: &Author) -> Result<(), Reason> {
    let person = author.person.as_ref().ok_or(Reason::PersonNeeded)?;
    if person.role != Role::Clinician {
        return Err(Reason::RoleMayNot);
    }
    // Where clinicians are.
    if person.role.fits(author.kind) { Ok(()) } else { Err(Reason::PartyMayNot) }
}

impl Thresholds {
    /// Says whether this can be a rule: the value that ends an episode does not begin one, both are values that a living
    /// body can have, and a published rule keeps its measure and side.
    pub fn can_be(&self) -> bool {
        let Self { rule, measure, side, limit, clear, .. } = self;
        let coding = measure.coding();
        let lives = [limit, clear].iter().all(|value| (coding.low..=coding.high).contains(*value));
        let ends = if side.is_low() { clear >= limit } else { clear <= limit };
        let same = standard(rule).is_none_or(|of| (of.measure, of.side) == (*measure, *side));
        is_id(rule) && lives && ends && !side.fires(*limit, *clear) && same
    }

    /// The rule of a version and a source.
    pub fn rule(self, version: u32, source: Source) -> Rule {
        let Self { rule: id, measure, side, limit, clear, severity } = self;
        let (clear_ms, gap_ms) = (CLEAR_MS, GAP_MS);
        Rule { id, version, source, measure, side, limit, clear, clear_ms, gap_ms, severity }
    }
}

fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=RULE_ID_MAX).contains(&text.len()) && text.bytes().all(plain)
}

impl RulesView {
    /// The facts that set a rule.
    pub fn facts_of(&self, rule: &str) -> BTreeSet<FactId> {
        self.own.iter().filter(|(_, own)| own.id == rule).map(|(fact, _)| *fact).collect()
    }
}

/// The rules in force for an elder: what clinicians set in any of the elder's records, and what is published where they set
/// nothing.
pub fn in_force<'a>(views: impl IntoIterator<Item = &'a RulesView>) -> Vec<Rule> {
    let own: Vec<&Rule> = views.into_iter().flat_map(|view| view.own.values()).collect();
    let mut rules = standard_rules();
    rules.retain(|rule| own.iter().all(|own| own.id != rule.id));
    rules.extend(own.into_iter().cloned());
    rules.sort_by(|a, b| (a.measure, a.side, &a.id).cmp(&(b.measure, b.side, &b.id)));
    rules
}
