//! The escalation ladders of open alerts: every node that holds an alert climbs by itself.
//!
//! ```text
//! each second, each open alert ─→ climb ─┬─ due and at this place ─→ the bells that ring now
//!                                        └─ due and done once ────→ Climbed ─ durable, or a second later ─→ call ─→ StepEnded
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linli_model::alert::{self, AlertFact, AlertView, Climb, Here, Step, Turn, Watch, Way};
use linli_model::author::Author;
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;

use crate::bells::Told;
use crate::catalogue::Name;
use crate::handle::facts;
use crate::node::{Node, now, world};
use crate::views;

/// A call waits so long for the word that it is begun to be on disk, and goes ahead then (promise 1).
const SAVED_PATIENCE: Duration = Duration::from_secs(1);

/// What could not be done is tried again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// How long an alert that could not be stored climbs on: nobody can take it, and a new press is another alert.
const LOST_MS: u64 = 30 * 60_000;

/// How far this node has climbed each open alert.
#[derive(Debug, Default)]
pub(crate) struct Ladders {
    open: BTreeMap<DocTag, State>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Since when this node holds the alert, by the wall clock.
    held_since: Timestamp,
    /// The same by the clock that is never set.
    noted: Instant,
    /// Steps that came due here.
    pub(crate) steps: usize,
    /// Since when facts of others are known: steps that they began, and who took the alert.
    known: BTreeMap<FactId, Instant>,
    /// What is done once, of which round.
    calls: BTreeMap<(FactId, Step), Call>,
    /// How the alert looked that was raised here.
    raised: Option<AlertView>,
    /// It could not be stored: this node alone knows of it.
    lost: bool,
}

/// What is done once, as far as this node did it.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// It is under way, or was put through.
    Done,
    /// It could not be done.
    Failed(Instant),
}

impl State {
    /// For how long the node has watched the alert as it is.
    pub(crate) fn watch(&self, view: &AlertView) -> Watch {
        let owner = view.owner.as_ref().and_then(|owner| self.known.get(&owner.fact));
        Watch {
            held_since: self.held_since,
            now: Timestamp(now().0),
            awake_ms: ms(self.noted),
            owned_ms: owner.map_or(0, |since| ms(*since)),
        }
    }

    pub(crate) const fn held_since(&self) -> Timestamp {
        self.held_since
    }

    fn see(&mut self, view: &AlertView) {
        let begun = view.climbed.iter().map(|begun| begun.fact);
        for fact in begun.chain(view.owner.as_ref().map(|owner| owner.fact)) {
            self.known.entry(fact).or_insert_with(Instant::now);
        }
    }

    /// Whether a step that is done once is to be begun.
    fn may_begin(&self, round: FactId, step: &Step) -> bool {
        match self.calls.get(&(round, step.clone())) {
            None => true,
            Some(Call::Done) => false,
            Some(Call::Failed(at)) => at.elapsed() >= AGAIN,
        }
    }
}

impl Ladders {
    /// Notes an alert that is held here.
    pub(crate) fn note(&mut self, document: DocTag) {
        let state = || State {
            held_since: Timestamp(now().0),
            noted: Instant::now(),
            steps: 0,
            known: BTreeMap::new(),
            calls: BTreeMap::new(),
            raised: None,
            lost: false,
        };
        self.open.entry(document).or_insert_with(state);
    }

    /// Keeps how an alert looks that is raised here: it climbs also where it cannot be stored.
    pub(crate) fn raised(&mut self, document: DocTag, view: &AlertView) {
        self.note(document);
        if let Some(state) = self.open.get_mut(&document) {
            if state.lost
                && let Some(round) = view.round
            {
                // What was lost and is raised again goes on: nobody is called for it once more.
                let calls = std::mem::take(&mut state.calls).into_iter();
                state.calls = calls.map(|((_, step), call)| ((round, step), call)).collect();
            }
            state.lost = false;
            state.raised = Some(view.clone());
        }
    }

    /// Notes that an alert could not be stored.
    pub(crate) fn lost(&mut self, document: &DocTag) {
        if let Some(state) = self.open.get_mut(document) {
            state.lost = true;
        }
    }

    pub(crate) fn state(&self, document: &DocTag) -> Option<&State> {
        self.open.get(document)
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = DocTag> {
        self.open.keys().copied()
    }

    /// How many alerts are open that are stored.
    pub(crate) fn open(&self) -> u64 {
        let stored = self.open.values().filter(|state| !state.lost).count();
        u64::try_from(stored).unwrap_or(u64::MAX)
    }
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Climbs every open alert as far as its time has come.
pub(crate) fn climb(node: &mut Node) {
    let ways = node.bells.ways();
    let mut wanted: Vec<(Timestamp, Told)> = Vec::new();
    let mut rung = Vec::new();
    for document in node.ladders.documents().collect::<Vec<_>>() {
        let Some((view, elapsed)) = look(node, document) else { continue };
        let (Some(here), Some(round)) = (here(node, &view, ways.clone()), view.round) else {
            continue;
        };
        let told = |step: &Step| Told {
            alert: view.id,
            way: step.does.way(),
            what: view.what,
            drill: view.drill,
            phone: step.does.phone().cloned(),
        };
        let since = view.since.unwrap_or_default();
        wanted.extend(view.rings(&here, elapsed).map(|step| (since, told(step))));
        let Some(state) = node.ladders.open.get(&document) else { continue };
        let age = |fact: FactId| state.known.get(&fact).map_or(0, |since| ms(*since));
        let (local, calls): (Vec<Turn>, Vec<Turn>) =
            view.turns(&here, elapsed, age).into_iter().partition(|turn| turn.step.does.is_local());
        rung.extend(local.into_iter().map(|turn| (document, round, turn)));
        for turn in calls {
            let told = told(&turn.step);
            call(node, document, round, turn, told);
        }
    }
    // Of several alerts a bell tells of the oldest that is no drill.
    wanted.sort_by_key(|(since, told)| (told.drill, *since));
    let wanted: Vec<Told> = wanted.into_iter().map(|(_, told)| told).collect();
    node.bells.ring(&wanted);
    for (document, round, turn) in rung {
        note_rung(node, document, round, turn);
    }
}

/// Reads an alert that climbs, and for how long it has; none where it does not climb now.
fn look(node: &mut Node, document: DocTag) -> Option<(AlertView, u64)> {
    let opened = match views::open(node, document) {
        Ok((opened, Name::Plain(DocumentName::Alert(id)))) => {
            let (doc, authors) = opened.parts();
            Some(alert::view(id, doc.document(), authors))
        }
        Ok(_) | Err(_) => None,
    };
    let is_listed = node.catalogue.get(&document).is_some();
    let state = node.ladders.open.get_mut(&document)?;
    let view = match opened {
        Some(view) => {
            state.see(&view);
            view
        }
        None if state.lost && ms(state.noted) < LOST_MS => state.raised.clone()?,
        None if is_listed => return None,
        // What is erased waits for nobody.
        None => {
            node.ladders.open.remove(&document);
            return None;
        }
    };
    let watch = state.watch(&view);
    match view.climb(watch) {
        Climb::Over => {
            node.ladders.open.remove(&document);
            None
        }
        Climb::Paused { .. } => None,
        Climb::Climbing { due, .. } => {
            for step in state.steps..due {
                tracing::warn!(alert = %view.id, step, "nobody has this alert: the ladder goes on");
            }
            state.steps = state.steps.max(due);
            let elapsed = view.elapsed_ms(watch);
            Some((view, elapsed))
        }
    }
}

/// This node as a ladder sees it. In a drill nobody outside is called.
fn here(node: &Node, view: &AlertView, mut ways: BTreeSet<Way>) -> Option<Here> {
    if view.drill {
        ways.remove(&Way::DialOut);
    }
    let Author { node, party, kind, .. } =
        node.core.own_author(world(&node.replica, &node.store), None)?;
    Some(Here { node, party, kind, ways })
}

/// Writes down that this node rings.
fn note_rung(node: &mut Node, document: DocTag, raise: FactId, turn: Turn) {
    let done = node.bells.rings(turn.step.does.way());
    let written = match turn.begun {
        Some(climbed) => ended(node, document, climbed, done),
        None => {
            let Some(row) = node.catalogue.get(&document) else { return };
            let (space, name) = (row.space, row.name.clone());
            let climbed = AlertFact::Climbed { raise, step: turn.step };
            let ended = |climbed| AlertFact::StepEnded { climbed, done };
            facts::add_both(node, space, &name, None, climbed, ended).map(drop)
        }
    };
    if let Err(error) = written {
        tracing::warn!(%error, "a step of a ladder could not be written down");
    }
}

fn ended(
    node: &mut Node,
    document: DocTag,
    climbed: FactId,
    done: bool,
) -> Result<(), crate::api::ApiError> {
    let fact = AlertFact::StepEnded { climbed, done };
    facts::add(node, document, Urgency::Urgent, None, fact).map(drop)
}

/// Does what is done once: says so first, so that nobody else does it too. Where that cannot be written down it is
/// done all the same.
fn call(node: &mut Node, document: DocTag, round: FactId, turn: Turn, told: Told) {
    let step = turn.step;
    let Some(state) = node.ladders.open.get_mut(&document) else { return };
    if !state.may_begin(round, &step) {
        return;
    }
    let failed_before = state.calls.insert((round, step.clone()), Call::Done).is_some();
    let (climbed, save) = match turn.begun {
        // Begun before this node stopped, or in vain: a second call is better than none.
        Some(climbed) => (Some(climbed), None),
        None => {
            let fact = AlertFact::Climbed { raise: round, step: step.clone() };
            match facts::add(node, document, Urgency::Urgent, None, fact) {
                Ok((climbed, saves)) => (Some(climbed), saves.into_iter().next_back()),
                Err(error) => {
                    tracing::warn!(%error, "a step of a ladder could not be written down");
                    (None, None)
                }
            }
        }
    };
    let saved = save.map(|save| node.watch(save));
    let (calls, put_through) = (node.calls.clone(), node.bells.call(&told));
    tokio::spawn(async move {
        if let Some(saved) = saved {
            // What is not on disk by then is done all the same.
            let _ = tokio::time::timeout(SAVED_PATIENCE, saved).await;
        }
        let done = put_through.await;
        let called = move |node: &mut Node| {
            if !done && let Some(state) = node.ladders.open.get_mut(&document) {
                // Raised anew meanwhile, it stands under another round.
                for (_, call) in state.calls.iter_mut().filter(|((_, of), _)| *of == step) {
                    *call = Call::Failed(Instant::now());
                }
            }
            // That it failed is said once.
            let said = climbed.filter(|_| done || !failed_before);
            if let Some(Err(error)) = said.map(|climbed| ended(node, document, climbed, done)) {
                tracing::warn!(%error, "how a call went could not be written down");
            }
        };
        // The node may have stopped meanwhile.
        let _ = calls.send(Box::new(called));
    });
}
