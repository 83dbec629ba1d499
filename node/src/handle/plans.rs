//! Contingency plans: written, started, ticked, and how the elders of a step were found.

use std::collections::BTreeMap;

use linli_core::authority::Right;
use linli_core::engine::Acting;
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::plan::{
    self, CheckFact, Known, Plan, PlanFact, PlanView, Run, Selection, Step, Version,
};
use linli_model::private::Private;
use linli_model::time::{Date, MINUTE_MS, Offset, Timestamp};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, alerts, elders, facts, invalid, not_found, now_known, spaces};
use crate::api::plans::{
    PlanAct, PlanAnswer, PlanCheck, PlanInForce, PlanList, PlanRow, PlanShow, PlanWrite,
};
use crate::api::{ApiError, Code, Done};
use crate::catalogue::{ElderSummary, Name};
use crate::node::{Node, now, world};
use crate::views;

/// Bytes of a plan as it is typed: with what the fact has beside it, it fits a fact.
const TEXT_BYTES_MAX: usize = 12 * 1024;

/// Who ticks steps.
pub(super) const WRITERS: [PartyKind; 3] =
    [PartyKind::Centre, PartyKind::Station, PartyKind::Provider];

/// Who else reads plans.
pub(super) const READERS: [PartyKind; 4] =
    [PartyKind::Household, PartyKind::Family, PartyKind::Regulator, PartyKind::Evaluator];

/// Letters of a line that are told where it is wrong.
const FIELD_CHARS_MAX: usize = 40;

pub(crate) fn write(node: &mut Node, request: PlanWrite) -> Outcome<PlanAnswer> {
    let person = person(node, request.acting.as_ref())?;
    decides(node, &person)?;
    if request.text.len() > TEXT_BYTES_MAX {
        return Err(invalid("error-plan-large").with("max", TEXT_BYTES_MAX));
    }
    let plan: Plan = toml::from_str(&request.text).map_err(|error| {
        let (line, field) = place_of(&request.text, &error);
        let error = invalid("error-plan-form").because(error.message());
        error.with("line", line).with("field", field)
    })?;
    let plan = plan.checked()?;
    let fact = PlanFact::Written { plan };
    let (id, saves) = match request.plan {
        Some(text) => {
            let (document, view) = find(node, &text)?;
            let (_, saves) = facts::add(node, document, Urgency::Normal, Some(&person), fact)?;
            (view.id, saves)
        }
        None => {
            let space = match spaces::own(node, spaces::PLANS) {
                Some(space) => space,
                None => {
                    let mut grants = spaces::grants_to(node, &WRITERS, Right::Write, spaces::PLANS);
                    grants.extend(spaces::grants_to(node, &READERS, Right::Read, spaces::PLANS));
                    elders::begin_other(node, spaces::PLANS, grants)?
                }
            };
            let id = node.draw_uuid();
            let name = Name::Plain(DocumentName::Plan(id));
            let (_, saves) =
                facts::add_to(node, space, &name, Urgency::Normal, Some(&person), fact)?;
            (id, saves)
        }
    };
    Ok((PlanAnswer { plan: id.to_string() }, saves))
}

/// The line of a plan's text at which it is wrong, from 1, and the field there.
fn place_of(text: &str, error: &toml::de::Error) -> (usize, String) {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
    // A field that is missing or not known is named by the reader, one with a wrong value stands in the line.
    let named = error.message().split_once(" field `").and_then(|(_, rest)| rest.split_once('`'));
    let here =
        text.lines().nth(line - 1).map(|line| line.split_once('=').map_or(line, |(key, _)| key));
    let field = named.map(|(field, _)| field).or(here).unwrap_or_default();
    (line, field.trim().chars().take(FIELD_CHARS_MAX).collect())
}

fn person(node: &mut Node, acting: Option<&crate::api::Acting>) -> Result<Acting, ApiError> {
    let person = node.people.acting(&node.pepper, acting)?;
    person.ok_or_else(|| ApiError::new(Code::Forbidden, "error-plan-person"))
}

fn decides(node: &Node, person: &Acting) -> Result<(), ApiError> {
    let author = node.core.own_author(world(&node.replica, &node.store), Some(person));
    let may = author.is_some_and(|author| plan::may_decide(&author).is_ok());
    if may { Ok(()) } else { Err(ApiError::new(Code::Forbidden, "error-plan-decides")) }
}

/// Every plan that this node reads.
fn all(node: &mut Node) -> Vec<(DocTag, PlanView)> {
    crate::reactions::react(node);
    let is_plan = |name: &Name| matches!(name, Name::Plain(DocumentName::Plan(_)));
    let rows = node.catalogue.rows().filter(|(_, row)| is_plan(&row.name));
    let documents: Vec<DocTag> = rows.map(|(document, _)| *document).collect();
    let view = |document| Some((document, read(node, document)?));
    documents.into_iter().filter_map(view).collect()
}

/// Reads a plan; none where it does not open.
fn read(node: &mut Node, document: DocTag) -> Option<PlanView> {
    let (opened, name) = views::open(node, document).ok()?;
    let Name::Plain(DocumentName::Plan(id)) = name else { return None };
    let (doc, authors) = opened.parts();
    Some(plan::view(id, doc.document(), authors))
}

fn find(node: &mut Node, text: &str) -> Result<(DocTag, PlanView), ApiError> {
    let fits = |(_, view): &(DocTag, PlanView)| {
        let named = view.version().is_some_and(|(_, version)| version.plan.name.contains(text));
        named || view.id.to_string().starts_with(text)
    };
    let mut found = all(node).into_iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(not_found("error-plan-none")),
        (Some(_), Some(_)) => Err(not_found("error-plan-several")),
    }
}

/// The start that is meant: by its id, else what is in force, else what was last.
fn run_of<'a>(view: &'a PlanView, wanted: Option<&str>) -> Result<(FactId, &'a Run), ApiError> {
    let last = || view.runs.iter().max_by_key(|(id, run)| (run.started.at, **id));
    let found = match wanted {
        None => view
            .in_force()
            .next()
            .map(|(id, run, _)| (id, run))
            .or(last().map(|(id, run)| (*id, run))),
        Some(text) => {
            let known = view.runs.keys().chain(view.joined.keys());
            let mut fits = known.filter(|id| id.to_string().starts_with(text));
            match (fits.next(), fits.next()) {
                (Some(start), None) => view.run(*start),
                (_, _) => None,
            }
        }
    };
    found.ok_or_else(|| not_found("error-plan-run"))
}

/// What is in force of a plan.
pub(crate) fn in_force(node: &mut Node, document: DocTag) -> Vec<PlanInForce> {
    read(node, document).map(|view| rows(&view)).unwrap_or_default()
}

fn rows(view: &PlanView) -> Vec<PlanInForce> {
    let row = |(id, run, version): (FactId, &Run, &Version)| PlanInForce {
        plan: view.id.to_string(),
        run: id.to_string(),
        name: version.plan.name.clone(),
        hazard: alerts::word(&version.plan.hazard),
        drill: run.drill,
        since_ms: run.started.at.0,
        steps: version.plan.steps.len(),
        done: run.done.len(),
    };
    view.in_force().map(row).collect()
}

pub(crate) fn list(node: &mut Node, _: PlanList) -> Outcome<Vec<PlanRow>> {
    let row = |(_, view): &(DocTag, PlanView)| {
        let (_, version) = view.version()?;
        Some(PlanRow {
            plan: view.id.to_string(),
            name: version.plan.name.clone(),
            hazard: alerts::word(&version.plan.hazard),
            version: version.number,
            conflict: view.current.len() > 1,
            in_force: rows(view),
        })
    };
    now_known(all(node).iter().filter_map(row).collect())
}

pub(crate) fn act(node: &mut Node, request: PlanAct) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let (document, view) = find(node, &request.plan)?;
    let conflict = |key| ApiError::new(Code::Conflict, key);
    let run = || run_of(&view, request.run.as_deref());
    let open = || match run()? {
        (id, run) if run.stopped.is_none() => Ok(id),
        _ => Err(conflict("error-plan-not-in-force")),
    };
    let fact = match request.act.as_str() {
        act @ ("start" | "drill") => {
            decides(node, &person)?;
            let drill = act == "drill";
            if view.in_force().any(|(_, run, _)| run.drill == drill) {
                return Err(conflict("error-plan-in-force"));
            }
            let (version, _) = view.version().ok_or_else(|| not_found("error-plan-empty"))?;
            PlanFact::Started { version, drill }
        }
        "stop" => {
            decides(node, &person)?;
            PlanFact::Stopped { run: open()? }
        }
        act @ ("tick" | "untick") => {
            let step = request.step.clone().unwrap_or_default();
            let (_, of) = run()?;
            let version = view.versions.get(&of.version);
            if version.and_then(|version| version.plan.step(&step)).is_none() {
                return Err(not_found("error-plan-step"));
            }
            let done = act == "tick";
            if of.done.contains_key(&step) == done {
                return Err(conflict("error-plan-ticked"));
            }
            PlanFact::Ticked { run: open()?, step, done }
        }
        _ => return Err(invalid("error-plan-act")),
    };
    let (id, saves) = facts::add(node, document, Urgency::Normal, Some(&person), fact)?;
    let entry =
        read(node, document).and_then(|view| view.timeline.into_iter().find(|of| of.id == id));
    match entry.and_then(|entry| entry.not_standing) {
        Some(why) => Err(ApiError::new(Code::Forbidden, "error-plan-refused").because(why)),
        None => Ok((Done {}, saves)),
    }
}

pub(crate) fn check(node: &mut Node, request: PlanCheck) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let (_, view) = find(node, &request.plan)?;
    let elder = elders::find(node, &request.elder)?;
    let (run, of) = run_of(&view, request.run.as_deref())?;
    if of.stopped.is_some() {
        return Err(ApiError::new(Code::Conflict, "error-plan-not-in-force"));
    }
    let version = view.versions.get(&of.version);
    let step = version.and_then(|version| version.plan.step(&request.step));
    if step.is_none_or(|step| step.each.is_none()) {
        return Err(not_found("error-plan-step-each"));
    }
    let found = serde_json::from_value(Value::String(request.found))
        .map_err(|_| invalid("error-plan-found"))?;
    let space = elders::care_of(node, elder).ok_or_else(|| not_found("error-elder-no-profile"))?;
    let note = request.note.filter(|note| !note.trim().is_empty()).map(Private::from);
    let (plan, drill, step) = (view.id, of.drill, request.step);
    let fact = CheckFact::Checked { plan, run, step, drill, found, note };
    let name = Name::Elder(elder, DocumentName::Checks);
    let (_, saves) = facts::add_to(node, space, &name, Urgency::Normal, Some(&person), fact)?;
    Ok((Done {}, saves))
}

pub(crate) fn show(node: &mut Node, request: PlanShow) -> Outcome<Value> {
    elders::refresh(node);
    let (_, view) = find(node, &request.plan)?;
    let run = match run_of(&view, request.run.as_deref()) {
        Err(error) if request.run.is_some() => return Err(error),
        run => run.ok(),
    };
    let version = run.and_then(|(_, run)| view.versions.get(&run.version));
    let version = version.or(view.version().map(|(_, version)| version));
    let version = version.ok_or_else(|| not_found("error-plan-empty"))?;
    let steps: Vec<Value> =
        version.plan.steps.iter().map(|step| of_step(node, &view, run, step)).collect();
    now_known(json!({
        "plan": view.id.to_string(),
        "name": version.plan.name,
        "hazard": version.plan.hazard,
        "version": version.number,
        "versions": view.versions.len(),
        "conflict": view.current.len() > 1,
        "written": version.said,
        "run": run.map(|(id, run)| json!({
            "run": id, "drill": run.drill, "started": run.started, "stopped": run.stopped,
        })),
        "runs": view.runs.iter().map(|(id, run)| json!({
            "run": id, "drill": run.drill, "since_ms": run.started.at, "stopped_ms": run.stopped.as_ref().map(|said| said.at),
        })).collect::<Vec<_>>(),
        "steps": steps,
    }))
}

/// A step, who did it, and the elders it is about of whom this node knows.
fn of_step(node: &Node, view: &PlanView, run: Option<(FactId, &Run)>, step: &Step) -> Value {
    let within = step.within_minutes.map(|minutes| u64::from(minutes) * MINUTE_MS);
    let due = run.and_then(|(_, run)| Some(run.started.at.plus_ms(within?)));
    let elders = step.each.as_ref().map(|each| {
        let rows = selected(node, each);
        let rows = rows.into_iter().map(|(elder, summary)| {
            let said = run.and_then(|(run, _)| {
                let is_run = |start| view.run(start).is_some_and(|(id, _)| id == run);
                node.contacts.found(elder, view.id, is_run, &step.id)
            });
            json!({
                "elder": elder.to_string(),
                "names": summary.names,
                "phone": summary.phone,
                "addresses": summary.addresses,
                "checked": said,
            })
        });
        rows.collect::<Vec<_>>()
    });
    json!({
        "step": step,
        "due_ms": due,
        "done": run.and_then(|(_, run)| run.done.get(&step.id)),
        "elders": elders,
    })
}

/// The elders of a selection of whom this node has the profile.
fn selected(node: &Node, selection: &Selection) -> BTreeMap<Uuid, ElderSummary> {
    let Ok(today) = Timestamp(now().0).date(Offset::CHINA) else { return BTreeMap::new() };
    let rows = node.catalogue.elders().filter(|(_, _, summary)| holds(selection, summary, today));
    rows.map(|(elder, _, summary)| (elder, summary.clone())).collect()
}

fn holds(selection: &Selection, summary: &ElderSummary, today: Date) -> bool {
    fn texts(all: &[String]) -> Vec<&str> {
        all.iter().map(String::as_str).collect()
    }
    let known = Known {
        living: texts(&summary.living),
        addresses: texts(&summary.addresses),
        ability: texts(&summary.ability),
        birth_dates: texts(&summary.birth_dates),
    };
    selection.holds(&known, today)
}
