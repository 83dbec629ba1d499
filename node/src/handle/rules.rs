//! Rules: which are in force for an elder, setting them, and trying them on past readings.

use std::collections::BTreeSet;

use linli_core::engine::Acting;
use linli_model::alert::{CauseId, alert_id};
use linli_model::document::DocumentName;
use linli_model::private::Private;
use linli_model::readings::{Measure, Reading};
use linli_model::rule::{
    self, OWN_MAX, REASON_MAX, Rule, RuleFact, RulesView, Severity, Source, Thresholds,
};
use linli_model::sensor::is_line;
use linli_model::time::Timestamp;
use linli_model::trend::Span;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::trends::{between, measures, word};
use super::{Outcome, elders, facts, invalid, not_found, now_known};
use crate::api::rules::{
    EpisodeRow, RuleList, RuleRow, RuleSet, RuleSetBy, RuleTry, RuleUnset, RulesAnswer,
    TrialReading, TrialRow, TrialsAnswer,
};
use crate::api::{ApiError, Code, Done};
use crate::catalogue::Name;
use crate::node::{Node, world};
use crate::views;

/// Episodes of one answer.
const EPISODES: usize = 100;

pub(crate) fn list(node: &mut Node, request: RuleList) -> Outcome<RulesAnswer> {
    let elder = elders::find(node, &request.elder)?;
    let rules = in_force(node, elder)?.iter().map(row).collect();
    now_known(RulesAnswer { elder: elder.to_string(), rules })
}

/// The rules in force for an elder, as far as this node may read them.
pub(crate) fn in_force(node: &mut Node, elder: Uuid) -> Result<Vec<Rule>, ApiError> {
    let rows = node.catalogue.of_elder(elder);
    let of = rows.filter(|(_, row)| matches!(row.name, Name::Elder(_, DocumentName::Rules)));
    let documents: Vec<DocTag> = of.map(|(document, _)| *document).collect();
    let mut known: Vec<RulesView> = Vec::new();
    for document in documents {
        let (doc, authors) = views::open(node, document)?.0.parts();
        known.push(rule::view(doc.document(), authors));
    }
    Ok(rule::in_force(&known))
}

pub(crate) fn set(node: &mut Node, request: RuleSet) -> Outcome<Done> {
    let person = clinician(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let id = &request.rule;
    let severity = request.severity.as_deref().map(of_word).transpose()?;
    let published = rule::standard(id).map(|of| of.severity);
    let severity = severity.or(published).unwrap_or(Severity::High);
    let values = (request.limit.as_str(), request.clear.as_str());
    let thresholds =
        thresholds(id, request.code.as_deref(), request.side.as_deref(), values, severity)?;
    let reason = Private::new(request.reason.trim());
    if !is_line(&reason, REASON_MAX) {
        return Err(invalid("error-rule-reason").with("max", REASON_MAX));
    }
    let space = elders::health(node, elder)?;
    let known = read(node, space, elder)?;
    if known.facts_of(id).is_empty() && known.own.len() >= OWN_MAX {
        return Err(ApiError::new(Code::Conflict, "error-rule-many").with("max", OWN_MAX));
    }
    Ok((Done {}, add(node, space, elder, &person, RuleFact::Set { thresholds, reason })?))
}

pub(crate) fn unset(node: &mut Node, request: RuleUnset) -> Outcome<Done> {
    let person = clinician(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let space = elders::health(node, elder)?;
    let facts = read(node, space, elder)?.facts_of(&request.rule);
    if facts.is_empty() {
        return Err(not_found("error-rule-none"));
    }
    let mut saves = BTreeSet::new();
    for set in facts {
        saves.extend(add(node, space, elder, &person, RuleFact::Unset { set })?);
    }
    Ok((Done {}, saves))
}

pub(crate) fn try_on(node: &mut Node, request: RuleTry) -> Outcome<TrialsAnswer> {
    let (from, until) = (Timestamp(request.from_ms), Timestamp(request.until_ms));
    Span::new(from, until).map_err(|_| invalid("error-reading-span"))?;
    let of = request.code.as_deref().map(measures).transpose()?;
    let elder = elders::find(node, &request.elder)?;
    let mut rules = in_force(node, elder)?;
    let in_force = rules.clone();
    rules.retain(|rule| {
        request.rule.as_ref().is_none_or(|id| rule.id == *id)
            && of.as_ref().is_none_or(|of| of.contains(&rule.measure))
    });
    if let (Some(id), Some(limit), Some(clear)) = (&request.rule, &request.limit, &request.clear) {
        let (code, side) = (request.code.as_deref(), request.side.as_deref());
        let tried = thresholds(id, code, side, (limit, clear), Severity::High)?;
        rules.push(tried.rule(0, Source::Proposed));
    } else if rules.is_empty() {
        return Err(not_found("error-rule-none"));
    }
    let known = between(node, elder, from, until)?;
    let readings: Vec<&Reading> = known.keys().collect();
    let is_raised = raised(node, elder);
    let trials = rules.iter().map(|rule| trial(&in_force, rule, &readings, &is_raised)).collect();
    let elder = elder.to_string();
    now_known(TrialsAnswer { elder, from_ms: from.0, until_ms: until.0, trials })
}

fn trial(
    in_force: &[Rule],
    rule: &Rule,
    readings: &[&Reading],
    is_raised: impl Fn(&CauseId) -> Option<Uuid>,
) -> TrialRow {
    let trial = rule::trial(rule, readings);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let latest = trial.episodes.iter().rev().take(EPISODES);
    let episodes = latest.map(|episode| {
        let known = |cause: &CauseId| is_raised(cause).is_some();
        let cause = rule::alert_of(in_force, rule, episode, readings, known);
        EpisodeRow {
            from_ms: episode.first.at.0,
            to_ms: episode.last.at.0,
            ended_ms: episode.ended.map(|at| at.0),
            worst: episode.worst.value.to_string(),
            device: episode.first.device.clone(),
            crossings: count(episode.crossings),
            alert: cause.and_then(|cause| is_raised(&cause)).map(|id| id.to_string()),
        }
    });
    TrialRow {
        rule: row(rule),
        proposed: rule.source == Source::Proposed,
        readings: count(trial.readings),
        implausible: count(trial.implausible),
        worst: trial.worst.as_ref().map(|worst| TrialReading {
            at_ms: worst.at.0,
            value: worst.value.to_string(),
            device: worst.device.clone(),
        }),
        fired: count(trial.episodes.len()),
        episodes: episodes.collect(),
    }
}

/// The cause of an elder's alert.
pub(super) fn cause_of(elder: Uuid, cause: &CauseId) -> CauseId {
    CauseId(format!("{elder}/{}", cause.0))
}

/// Which causes of an elder have an alert here.
pub(super) fn raised(node: &Node, elder: Uuid) -> impl Fn(&CauseId) -> Option<Uuid> + use<> {
    let alert = |name: &Name| match name {
        Name::Plain(DocumentName::Alert(id)) => Some(*id),
        Name::Plain(_) | Name::Elder(..) => None,
    };
    let known: BTreeSet<Uuid> =
        node.catalogue.rows().filter_map(|(_, row)| alert(&row.name)).collect();
    move |cause| Some(alert_id(&cause_of(elder, cause))).filter(|id| known.contains(id))
}

fn thresholds(
    id: &str,
    code: Option<&str>,
    side: Option<&str>,
    (limit, clear): (&str, &str),
    severity: Severity,
) -> Result<Thresholds, ApiError> {
    let published = rule::standard(id);
    let value = |text: &str| text.parse().map_err(|_| invalid("error-reading-value"));
    let measure = match code {
        Some(code) => Some(Measure::of_loinc(code).ok_or_else(|| invalid("error-reading-code"))?),
        None => published.as_ref().map(|of| of.measure),
    };
    let side = match side {
        Some(side) => Some(of_word(side)?),
        None => published.as_ref().map(|of| of.side),
    };
    let (Some(measure), Some(side)) = (measure, side) else {
        return Err(invalid("error-rule-unknown"));
    };
    let (limit, clear) = (value(limit)?, value(clear)?);
    let found = Thresholds { rule: id.to_owned(), measure, side, limit, clear, severity };
    if found.can_be() {
        return Ok(found);
    }
    let coding = measure.coding();
    Err(invalid("error-rule-bounds").with("low", coding.low).with("high", coding.high))
}

/// The value that a word stands for.
fn of_word<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    let value = Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|_| invalid("error-rule-word").with("word", text))
}

fn clinician(node: &mut Node, acting: Option<&crate::api::Acting>) -> Result<Acting, ApiError> {
    let person = node.people.acting(&node.pepper, acting)?;
    let refused = || ApiError::new(Code::Forbidden, "error-rule-clinician");
    let person = person.ok_or_else(refused)?;
    let world = world(&node.replica, &node.store);
    let author = node.core.own_author(world, Some(&person));
    let may = author.is_some_and(|author| rule::may_write(&author).is_ok());
    may.then_some(person).ok_or_else(refused)
}

fn read(node: &mut Node, space: SpaceTag, elder: Uuid) -> Result<RulesView, ApiError> {
    let name = Name::Elder(elder, DocumentName::Rules).to_string();
    let world = world(&node.replica, &node.store);
    let (doc, authors) = node.core.document(world, space, &name)?.parts();
    Ok(rule::view(doc.document(), authors))
}

fn add(
    node: &mut Node,
    space: SpaceTag,
    elder: Uuid,
    person: &Acting,
    fact: RuleFact,
) -> Result<BTreeSet<linli_replica::replica::Save>, ApiError> {
    let name = Name::Elder(elder, DocumentName::Rules);
    Ok(facts::add_to(node, space, &name, Urgency::Normal, Some(person), fact)?.1)
}

fn row(rule: &Rule) -> RuleRow {
    let coding = rule.measure.coding();
    let (source, set) = match &rule.source {
        Source::Published { text } => (Some((*text).to_owned()), None),
        Source::Clinician { fact, at, by, reason } => {
            let who = by.person.as_ref().map(|person| person.name.as_str().to_owned());
            let (fact, party) = (fact.to_string(), by.party.to_string());
            let reason = reason.as_str().to_owned();
            (None, Some(RuleSetBy { fact, at_ms: at.0, who, party, reason }))
        }
        Source::Proposed => (None, None),
    };
    RuleRow {
        rule: rule.id.clone(),
        version: rule.version,
        measure: word(&rule.measure),
        code: coding.loinc.to_owned(),
        unit: coding.ucum.to_owned(),
        side: word(&rule.side),
        limit: rule.limit.to_string(),
        clear: rule.clear.to_string(),
        severity: word(&rule.severity),
        source,
        set,
    }
}
