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

/// Says whether an author may write, start and stop plans: a named person of a centre who answers for it, not who
/// only visits.
///
/// # Errors
/// The reason why it would not stand.
pub fn may_decide(author: &Author) -> Result<(), Reason> {
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
            let id = run_of(view, *run);
            if open(view, id)?.stopped.is_some() {
                return Err(Reason::AlreadyDone);
            }
            let stops = stops(view, id);
            // What was started apart is in force until somebody stops it who knows of it.
            let is_over = starts(view, id).all(|start| {
                let mut all = stops.iter().chain([&known.id]);
                all.any(|stop| facts.had_seen(*stop, start))
            });
            if is_over {
                open(view, id)?.stopped = Some(said(known));
            }
            Ok(())
        }
    }
}

/// The starts of a run: the first, and those made apart that are the same.
fn starts(view: &PlanView, run: FactId) -> impl Iterator<Item = FactId> {
    let joined = view.joined.iter().filter(move |(_, of)| **of == run);
    std::iter::once(run).chain(joined.map(|(start, _)| *start))
}

/// The stops of a run that stand.
fn stops(view: &PlanView, run: FactId) -> Vec<FactId> {
    let standing = view.timeline.iter().filter(|entry| entry.not_standing.is_none());
    let of = |entry: &&Entry<PlanFact>| matches!(entry.body, PlanFact::Stopped { run: of } if run_of(view, of) == run);
    standing.filter(of).map(|entry| entry.id).collect()
}

/// Whether a run was over for whoever wrote a fact: every start that they had seen was stopped by somebody who had seen it.
fn is_over(facts: &Facts<PlanFact>, view: &PlanView, run: FactId, later: FactId) -> bool {
    let mut stops = stops(view, run);
    stops.retain(|stop| facts.had_seen(later, *stop));
    let mut seen = starts(view, run).filter(|start| facts.had_seen(later, *start));
    !stops.is_empty() && seen.all(|start| stops.iter().any(|stop| facts.had_seen(*stop, start)))
}

/// A start of what is in force already is none; made apart, it is the same one.
fn start(
    facts: &Facts<PlanFact>,
    view: &mut PlanView,
    known: &Known<PlanFact>,
    version: FactId,
    drill: bool,
) -> Result<(), Reason> {
    let is_same =
        |id: &FactId, run: &Run| run.drill == drill && !is_over(facts, view, *id, known.id);
    let mut same = view.runs.iter().filter(|(id, run)| is_same(id, run));
    if let Some((first, _)) = same.next() {
        let first = *first;
        if !facts.had_seen(known.id, first) {
            view.joined.insert(known.id, first);
            // Whoever stopped it did not know of this start.
            if let Some(run) = view.runs.get_mut(&first) {
                run.stopped = None;
            }
        }
        return Err(Reason::AlreadyDone);
    }
    let (started, done) = (said(known), BTreeMap::new());
    view.runs.insert(known.id, Run { version, drill, started, done, stopped: None });
    Ok(())
}

fn open(view: &mut PlanView, start: FactId) -> Result<&mut Run, Reason> {
    let id = run_of(view, start);
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
    if is_over(facts, view, run_of(view, start), known.id) {
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
