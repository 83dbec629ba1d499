//! The escalation ladders of open alerts: every node that holds an alert climbs by itself.
//!
//! ```text
//! each second, each open alert ─→ climb ─┬─ due and at this place ─→ the bells that ring now
//!                                        └─ due and done once ────→ Climbed ─ durable, or a second later ─→ call ─→ StepEnded
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linli_model::alert::{self, AlertFact, AlertView, Climb, Here, Step, Turn, Way};
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

/// How far this node has climbed each open alert.
#[derive(Debug, Default)]
pub(crate) struct Ladders {
    open: BTreeMap<DocTag, State>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Since when this node holds the alert, by the wall clock.
    pub(crate) held_since: Timestamp,
    /// Steps that came due here.
    pub(crate) steps: usize,
    /// The same by the clock that is never set.
    noted: Instant,
    /// Since when it is known that others began a step.
    begun: BTreeMap<FactId, Instant>,
    /// Calls under way.
    calls: BTreeSet<FactId>,
}

impl State {
    /// For how long the node has been awake with the alert, in milliseconds.
    pub(crate) fn awake_ms(&self) -> u64 {
        ms(self.noted)
    }
}

impl Ladders {
    /// Notes an alert that is held here.
    pub(crate) fn note(&mut self, document: DocTag) {
        let state = || State {
            held_since: Timestamp(now().0),
            steps: 0,
            noted: Instant::now(),
            begun: BTreeMap::new(),
            calls: BTreeSet::new(),
        };
        self.open.entry(document).or_insert_with(state);
    }

    pub(crate) fn state(&self, document: &DocTag) -> Option<&State> {
        self.open.get(document)
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = DocTag> {
        self.open.keys().copied()
    }

    pub(crate) fn open(&self) -> u64 {
        u64::try_from(self.open.len()).unwrap_or(u64::MAX)
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
    for document in node.ladders.open.keys().copied().collect::<Vec<_>>() {
        let Some((view, elapsed)) = look(node, document) else { continue };
        let Some(here) = here(node, &view, ways.clone()) else { continue };
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
        let age = |fact: FactId| state.begun.get(&fact).map_or(0, |since| ms(*since));
        let turns = view.turns(&here, elapsed, age);
        for turn in turns {
            let told = told(&turn.step);
            match turn.step.does.is_local() {
                true => rung.push((document, view.round, turn)),
                false => call(node, document, view.round, turn, told),
            }
        }
    }
    // Of several alerts a bell tells of the oldest.
    wanted.sort_by_key(|(since, _)| *since);
    let wanted: Vec<Told> = wanted.into_iter().map(|(_, told)| told).collect();
    node.bells.ring(&wanted);
    for (document, round, turn) in rung {
        note_rung(node, document, round, turn);
    }
}

/// Reads an alert that climbs, and for how long it has; none where it does not climb now.
fn look(node: &mut Node, document: DocTag) -> Option<(AlertView, u64)> {
    let at = Timestamp(now().0);
    let Ok((opened, Name::Plain(DocumentName::Alert(id)))) = views::open(node, document) else {
        // What is erased, or was lost with a full disk, waits for nobody.
        if node.catalogue.get(&document).is_none() {
            node.ladders.open.remove(&document);
        }
        return None;
    };
    let (doc, authors) = opened.parts();
    let view = alert::view(id, doc.document(), authors);
    let state = node.ladders.open.get_mut(&document)?;
    for begun in &view.climbed {
        state.begun.entry(begun.fact).or_insert_with(Instant::now);
    }
    match view.climb(state.held_since, state.awake_ms(), at) {
        Climb::Over => {
            node.ladders.open.remove(&document);
            None
        }
        Climb::Paused { .. } => None,
        Climb::Climbing { due, .. } => {
            for step in state.steps..due {
                tracing::warn!(alert = %id, step, "nobody has this alert: the ladder goes on");
            }
            state.steps = state.steps.max(due);
            let elapsed = view.elapsed_ms(state.held_since, state.awake_ms(), at);
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
fn note_rung(node: &mut Node, document: DocTag, round: Option<FactId>, turn: Turn) {
    let Some(raise) = round else { return };
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

/// Does what is done once: says so first, so that nobody else does it too.
fn call(node: &mut Node, document: DocTag, round: Option<FactId>, turn: Turn, told: Told) {
    let Some(raise) = round else { return };
    let is_under_way = |begun: &FactId| {
        node.ladders.open.get(&document).is_some_and(|state| state.calls.contains(begun))
    };
    if turn.begun.as_ref().is_some_and(is_under_way) {
        return;
    }
    let (climbed, saves) = match turn.begun {
        // Begun before this node stopped: a second call is better than none.
        Some(climbed) => (Some(climbed), BTreeSet::new()),
        None => {
            let fact = AlertFact::Climbed { raise, step: turn.step };
            match facts::add(node, document, Urgency::Urgent, None, fact) {
                Ok((climbed, saves)) => (Some(climbed), saves),
                Err(error) => {
                    tracing::warn!(%error, "a step of a ladder could not be written down");
                    (None, BTreeSet::new())
                }
            }
        }
    };
    let Some(climbed) = climbed else { return };
    if let Some(state) = node.ladders.open.get_mut(&document) {
        state.calls.insert(climbed);
    }
    let saved = saves.into_iter().next_back().map(|save| node.watch(save));
    let (calls, bells) = (node.calls.clone(), node.bells.call(&told));
    tokio::spawn(async move {
        if let Some(saved) = saved {
            // What is not on disk by then is done all the same.
            let _ = tokio::time::timeout(SAVED_PATIENCE, saved).await;
        }
        let done = bells.await;
        let ended = move |node: &mut Node| {
            if let Err(error) = ended(node, document, climbed, done) {
                tracing::warn!(%error, "how a call went could not be written down");
            }
        };
        // The node may have stopped meanwhile.
        let _ = calls.send(Box::new(ended));
    });
}
