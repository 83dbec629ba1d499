//! The fold of a plan's facts.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{PlanFact, PlanView, Run, Said, Version};
use crate::author::{Author, PartyKind, Role};
use crate::event::{Entry, FactId, Facts, Known, Reason};

pub(super) fn fold(id: Uuid, facts: &Facts<PlanFact>) -> PlanView {
    let mut view = PlanView {
        id,
        schema: facts.schema,
        versions: BTreeMap::new(),
        current: BTreeSet::new(),
        runs: BTreeMap::new(),
        joined: BTreeMap::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        let verdict = apply(facts, &mut view, known);
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}

/// A named person of a centre who answers for it: not who only visits.
pub(super) fn may_decide(author: &Author) -> Result<(), Reason> {
    if author.kind != PartyKind::Centre {
        return Err(Reason::PartyMayNot);
    }
    let person = author.person.as_ref().ok_or(Reason::PersonNeeded)?;
    match person.role {
        Role::Carer | Role::Volunteer | Role::Clinician => Err(Reason::RoleMayNot),
        Role::Steward | Role::Operator | Role::SocialWorker | Role::GridWorker | Role::Clerk => {
            Ok(())
        }
        // No centre has them.
        Role::Elder | Role::Family | Role::Official | Role::Evaluator => Err(Reason::RoleMayNot),
    }
}

fn said(known: &Known<PlanFact>) -> Said {
    Said { at: known.fact.at, author: known.author.clone() }
}

fn apply(
    facts: &Facts<PlanFact>,
    view: &mut PlanView,
    known: &Known<PlanFact>,
) -> Result<(), Reason> {
    match &known.fact.body {
        PlanFact::Written { plan } => {
            may_decide(&known.author)?;
            let plan = plan.clone().checked().map_err(|_| Reason::OutOfRange)?;
            let saw = |id: &FactId| facts.had_seen(known.id, *id);
            let number = view.versions.keys().filter(|id| saw(id)).count() + 1;
            view.current.retain(|id| !saw(id));
            view.current.insert(known.id);
            view.versions.insert(known.id, Version { number, plan, said: said(known) });
            Ok(())
        }
        PlanFact::Started { version, drill } => {
            may_decide(&known.author)?;
            if !view.versions.contains_key(version) {
                return Err(Reason::WrongReference);
            }
            start(facts, view, known, *version, *drill)
        }
        PlanFact::Ticked { run, step, done } => tick(facts, view, known, *run, step, *done),
        PlanFact::Stopped { run } => {
            may_decide(&known.author)?;
            let run = open(view, *run)?;
            if run.stopped.is_some() {
                return Err(Reason::AlreadyDone);
            }
            run.stopped = Some(said(known));
            Ok(())
        }
    }
}

/// A start of what is in force already is none; made apart, it is the same one.
fn start(
    facts: &Facts<PlanFact>,
    view: &mut PlanView,
    known: &Known<PlanFact>,
    version: FactId,
    drill: bool,
) -> Result<(), Reason> {
    let stop_seen = |run: &FactId| {
        facts.known.iter().any(|other| {
            matches!(&other.fact.body, PlanFact::Stopped { run: of } if view.joined.get(of).unwrap_or(of) == run)
                && facts.had_seen(known.id, other.id)
        })
    };
    let mut same = view.runs.iter().filter(|(id, run)| run.drill == drill && !stop_seen(id));
    if let Some((first, _)) = same.next() {
        let first = *first;
        if !facts.had_seen(known.id, first) {
            view.joined.insert(known.id, first);
        }
        return Err(Reason::AlreadyDone);
    }
    let (started, done) = (said(known), BTreeMap::new());
    view.runs.insert(known.id, Run { version, drill, started, done, stopped: None });
    Ok(())
}

fn open(view: &mut PlanView, start: FactId) -> Result<&mut Run, Reason> {
    let id = view.joined.get(&start).copied().unwrap_or(start);
    view.runs.get_mut(&id).ok_or(Reason::WrongReference)
}

fn tick(
    facts: &Facts<PlanFact>,
    view: &mut PlanView,
    known: &Known<PlanFact>,
    start: FactId,
    id: &str,
    done: bool,
) -> Result<(), Reason> {
    let author = &known.author;
    let person = author.person.as_ref().ok_or(Reason::PersonNeeded)?;
    let version = open(view, start)?.version;
    let version = view.versions.get(&version).ok_or(Reason::WrongReference)?;
    let step = version.plan.step(id).ok_or(Reason::WrongReference)?;
    let at_centre = author.kind == PartyKind::Centre;
    if !at_centre && !step.who.contains(&author.kind) {
        return Err(Reason::PartyMayNot);
    }
    if !at_centre && step.role.is_some_and(|role| role != person.role) {
        return Err(Reason::RoleMayNot);
    }
    let over = view.timeline.iter().any(|entry| {
        entry.not_standing.is_none()
            && matches!(entry.body, PlanFact::Stopped { run } if run_of(view, run) == run_of(view, start))
            && facts.had_seen(known.id, entry.id)
    });
    if over {
        return Err(Reason::Stopped);
    }
    let word = said(known);
    let run = open(view, start)?;
    match (done, run.done.contains_key(id)) {
        (true, false) => drop(run.done.insert(id.to_owned(), word)),
        (false, true) => drop(run.done.remove(id)),
        (true, true) | (false, false) => return Err(Reason::AlreadyDone),
    }
    Ok(())
}

fn run_of(view: &PlanView, start: FactId) -> FactId {
    view.joined.get(&start).copied().unwrap_or(start)
}
