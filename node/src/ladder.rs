//! The escalation ladders of open alerts: every node that holds an alert climbs by itself.
//!
//! ```text
//! each second, each open alert ─→ climb ─┬─ due and at this place ─→ the bells that ring now
//!                                        └─ due and done once ────→ Climbed ─ durable, or a second later ─→ call ─→ StepEnded
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use linli_core::engine::Acting;
use linli_model::alert::{
    self, AlertFact, AlertView, CallEnd, Climb, Here, Step, Turn, Watch, Way,
};
use linli_model::author::Author;
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::phone;
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;
use linli_replica::replica::{Replica, Save, Saved};
use rand_core::Rng as _;
use tokio::task::AbortHandle;

use crate::api::{ApiError, Code};
use crate::bells::{Means, Told, Went};
use crate::catalogue::Name;
use crate::handle::facts;
use crate::node::{Node, now, world};
use crate::views;

/// A call waits so long for the word that it is begun to be on disk, and goes ahead then (promise 1).
const SAVED_PATIENCE: Duration = Duration::from_secs(1);

/// What could not be done is tried again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// How often the time until then doubles where somebody was there: up to sixteen minutes.
const DOUBLINGS: u32 = 4;

/// An emergency service that answered so often, and could not be spoken to, is not called again by this node.
const ANSWERS_MAX: u32 = 3;

/// How long an alert that could not be stored climbs on: nobody can take it, and a new press is another alert. It is
/// shown until it is stored or ended.
const LOST_MS: u64 = 30 * 60_000;

/// Alerts that could not be stored and climb no more which are shown: a press every few minutes of a day.
const LOST_MAX: usize = 256;

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
    calls: BTreeMap<Which, Tried>,
    /// How the alert looked that was raised here, and what says whether that is on disk.
    raised: Option<(AlertView, Save)>,
    /// It could not be stored: this node alone knows of it.
    lost: bool,
}

/// What is done once: a step of a round, by how often the alert was opened again before it.
type Which = (usize, Step);

/// What is done once, as far as this node did it.
#[derive(Debug, Default)]
struct Tried {
    /// A call that is under way; it ends with this.
    under_way: Option<Cancel>,
    /// Since when it is known that it could not be done.
    failed: Option<Instant>,
    /// How often somebody answered in vain.
    answers: u32,
    /// How calls ended that were written down.
    said: BTreeSet<Option<CallEnd>>,
    /// Whether somebody answered the call that is under way.
    answered: Arc<AtomicBool>,
    /// Where it is written that the call is begun.
    climbed: Option<FactId>,
    /// A person decided upon it.
    is_decided: bool,
    /// It was hung up since somebody took the alert: it is made again where the ladder is climbed on.
    hung_up: bool,
}

/// A task that ends with this.
#[derive(Debug)]
struct Cancel(AbortHandle);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tried {
    /// Whether it is to be begun again.
    fn is_due(&self, step: &Step) -> bool {
        let is_emergency = || step.does.phone().is_some_and(|to| phone::is_emergency(to.as_str()));
        let wait = AGAIN * 2_u32.pow(self.answers.min(DOUBLINGS));
        (self.hung_up || self.failed.is_some_and(|at| at.elapsed() >= wait))
            && (self.answers < ANSWERS_MAX || !is_emergency())
    }

    /// Notes how it went; whether that is to be written down.
    fn ended(&mut self, went: Went) -> bool {
        (self.under_way, self.hung_up) = (None, false);
        self.failed = (!went.done).then(Instant::now);
        self.answers += u32::from(went.call.is_some_and(CallEnd::is_answered));
        // That it failed in one way is said once.
        self.said.insert(went.call) || went.done
    }
}

impl State {
    /// Hangs up what rings at nobody's word, since somebody has the alert; says which calls were begun.
    fn hang_up(&mut self) -> Vec<FactId> {
        let rings = |tried: &&mut Tried| {
            let rings = tried.under_way.is_some() && !tried.answered.load(Ordering::Relaxed);
            rings && !tried.is_decided
        };
        let hang_up = |tried: &mut Tried| {
            (tried.under_way, tried.hung_up) = (None, true);
            tried.climbed
        };
        self.calls.values_mut().filter(rings).filter_map(hang_up).collect()
    }

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

    /// How an alert looked that could not be stored.
    pub(crate) fn unstored(&self) -> Option<&AlertView> {
        self.raised.as_ref().filter(|_| self.lost).map(|(view, _)| view)
    }

    /// Whether it could not be stored so long ago that it climbs no more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.lost && ms(self.noted) >= LOST_MS
    }

    /// Whether the alert is on this node's disk.
    pub(crate) fn is_stored(&self, replica: &Replica) -> bool {
        let saved = |(_, save): &(AlertView, Save)| replica.saved(*save) == Saved::Durable;
        !self.lost && self.raised.as_ref().is_none_or(saved)
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
    fn may_begin(&self, which: &Which) -> bool {
        self.calls.get(which).is_none_or(|tried| tried.is_due(&which.1))
    }

    /// Whether this node calls a number at this moment, by whatever step.
    fn calls(&self, step: &Step) -> bool {
        let number = |step: &Step| step.does.phone().and_then(|to| phone::comparable(to.as_str()));
        let mut under_way = self.calls.iter().filter(|(_, tried)| tried.under_way.is_some());
        under_way.any(|((_, other), _)| number(other) == number(step))
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

    /// Keeps how an alert looks that is raised here with a save: it climbs also where it cannot be stored.
    pub(crate) fn raised(&mut self, document: DocTag, view: &AlertView, save: Save) {
        self.note(document);
        if let Some(state) = self.open.get_mut(&document) {
            state.lost = false;
            state.raised = Some((view.clone(), save));
        }
    }

    /// Notes that an alert could not be stored.
    pub(crate) fn lost(&mut self, document: &DocTag) {
        if let Some(state) = self.open.get_mut(document) {
            state.lost = true;
        }
    }

    /// Forgets an alert that could not be stored: it is over.
    pub(crate) fn forget(&mut self, document: &DocTag) {
        self.open.remove(document);
    }

    /// The alert that could not be stored longest ago, where there are too many to be shown.
    fn one_too_many(&self) -> Option<DocTag> {
        let given_up = self.open.iter().filter(|(_, state)| state.is_given_up());
        let count = given_up.clone().count();
        let oldest = given_up.min_by_key(|(_, state)| state.noted).map(|(document, _)| *document);
        oldest.filter(|_| count > LOST_MAX)
    }

    pub(crate) fn state(&self, document: &DocTag) -> Option<&State> {
        self.open.get(document)
    }

    /// The alerts that could not be stored whose id begins so.
    pub(crate) fn find_lost(&self, text: &str) -> impl Iterator<Item = (DocTag, AlertView)> {
        let lost = self.open.iter().filter_map(|(at, state)| Some((*at, state.unstored()?)));
        let lost = lost.filter(move |(_, view)| view.id.to_string().starts_with(text));
        lost.map(|(document, view)| (document, view.clone()))
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
        let Some((view, climbs)) = look(node, document) else { continue };
        let (Some(here), Some(round)) = (here(node, &view, ways.clone()), view.round) else {
            continue;
        };
        for turn in view.decided(here.node, Timestamp(now().0)) {
            call(node, document, &view, round, turn, true);
        }
        let Some(elapsed) = climbs else { continue };
        let since = view.since.unwrap_or_default();
        wanted.extend(view.rings(&here, elapsed).map(|step| (since, told(&view, step))));
        let Some(state) = node.ladders.open.get(&document) else { continue };
        let age = |fact: FactId| state.known.get(&fact).map_or(0, |since| ms(*since));
        let (local, calls): (Vec<Turn>, Vec<Turn>) =
            view.turns(&here, elapsed, age).into_iter().partition(|turn| turn.step.does.is_local());
        rung.extend(local.into_iter().map(|turn| (document, round, turn)));
        for turn in calls {
            call(node, document, &view, round, turn, false);
        }
    }
    if let Some(document) = node.ladders.one_too_many() {
        tracing::error!("an alert that could not be stored is shown no more: there are too many");
        node.ladders.forget(&document);
        node.board.touch(document);
    }
    // Of several alerts a bell tells of the oldest that is no drill.
    wanted.sort_by_key(|(since, told)| (told.drill, *since));
    let wanted: Vec<Told> = wanted.into_iter().map(|(_, told)| told).collect();
    node.bells.ring(&wanted);
    for (document, round, turn) in rung {
        note_rung(node, document, round, turn);
    }
}

/// What a bell is told of a step.
fn told(view: &AlertView, step: &Step) -> Told {
    Told {
        alert: view.id,
        way: step.does.way(),
        what: view.what,
        drill: view.drill,
        phone: step.does.phone().cloned(),
    }
}

/// Reads an open alert, and for how long it has climbed; no time where it does not climb now.
fn look(node: &mut Node, document: DocTag) -> Option<(AlertView, Option<u64>)> {
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
        None if state.is_given_up() => {
            // What it does no more is seen on the board.
            node.board.touch(document);
            return None;
        }
        None if state.lost => state.unstored()?.clone(),
        None if is_listed => return None,
        // What is erased waits for nobody.
        None => {
            node.ladders.open.remove(&document);
            node.board.touch(document);
            return None;
        }
    };
    let watch = state.watch(&view);
    match view.climb(watch) {
        Climb::Over => {
            node.ladders.open.remove(&document);
            None
        }
        Climb::Paused { .. } => {
            for climbed in state.hang_up() {
                let went = Went { done: false, call: None };
                if let Err(error) = ended(node, document, climbed, went) {
                    tracing::warn!(%error, "that a call was hung up could not be written down");
                }
            }
            Some((view, None))
        }
        Climb::Climbing { due, .. } => {
            for step in state.steps..due {
                tracing::warn!(alert = %view.id, step, "nobody has this alert: the ladder goes on");
            }
            state.steps = state.steps.max(due);
            let elapsed = view.elapsed_ms(watch);
            Some((view, Some(elapsed)))
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
        Some(climbed) => ended(node, document, climbed, Went { done, call: None }),
        None => {
            let Some(row) = node.catalogue.get(&document) else { return };
            let (space, name) = (row.space, row.name.clone());
            let climbed = AlertFact::Climbed { raise, step: turn.step };
            let ended = |climbed| AlertFact::StepEnded { climbed, done, call: None };
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
    Went { done, call }: Went,
) -> Result<(), ApiError> {
    let fact = AlertFact::StepEnded { climbed, done, call };
    facts::add(node, document, Urgency::Urgent, None, fact).map(drop)
}

/// Does what is done once: says so first, so that nobody else does it too. Where that cannot be written down it is
/// done all the same.
fn call(
    node: &mut Node,
    document: DocTag,
    view: &AlertView,
    round: FactId,
    turn: Turn,
    is_decided: bool,
) {
    let (told, which) = (told(view, &turn.step), (view.reopenings(), turn.step));
    let state = node.ladders.open.get(&document);
    if !state.is_some_and(|state| state.may_begin(&which)) {
        return;
    }
    // It waits for a line, and another node may have one.
    let Some(means) = node.bells.means(&told) else { return };
    let (climbed, save) = match turn.begun {
        // Begun before this node stopped, or in vain: a second call is better than none.
        Some(climbed) => (Some(climbed), None),
        None => {
            let fact = AlertFact::Climbed { raise: round, step: which.1.clone() };
            match facts::add(node, document, Urgency::Urgent, None, fact) {
                Ok((climbed, saves)) => (Some(climbed), saves.into_iter().next_back()),
                Err(error) => {
                    tracing::warn!(%error, "a step of a ladder could not be written down");
                    (None, None)
                }
            }
        }
    };
    begin(node, document, which, (climbed, save), (&told, means), is_decided);
}

/// How long an alert has climbed here, in milliseconds.
pub(crate) fn elapsed_ms(node: &Node, document: DocTag, view: &AlertView) -> u64 {
    let state = node.ladders.state(&document);
    state.map_or(0, |state| view.elapsed_ms(state.watch(view)))
}

/// Makes a call that a person decided upon; the alert says who, where that can be written down.
pub(crate) fn dial(
    node: &mut Node,
    document: DocTag,
    view: &AlertView,
    round: FactId,
    step: Step,
    person: &Acting,
) -> Result<Option<BTreeSet<Save>>, ApiError> {
    node.ladders.note(document);
    if node.ladders.state(&document).is_some_and(|state| state.calls(&step)) {
        return Err(ApiError::new(Code::Conflict, "error-call-runs"));
    }
    let told = told(view, &step);
    let means = node
        .bells
        .means(&told)
        .ok_or_else(|| ApiError::new(Code::Conflict, "error-call-no-line"))?;
    let fact = AlertFact::Climbed { raise: round, step: step.clone() };
    let (climbed, saves) = match facts::add(node, document, Urgency::Urgent, Some(person), fact) {
        Ok((climbed, saves)) => (Some(climbed), Some(saves)),
        Err(error) if error.code == Code::Forbidden => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "a call that a person decided upon could not be written down");
            (None, None)
        }
    };
    let save = saves.as_ref().and_then(|saves| saves.iter().next_back().copied());
    begin(node, document, (view.reopenings(), step), (climbed, save), (&told, means), true);
    Ok(saves)
}

/// Calls once it is on disk that the call is begun, and writes down how it went.
fn begin(
    node: &mut Node,
    document: DocTag,
    which: Which,
    (climbed, save): (Option<FactId>, Option<Save>),
    (told, means): (&Told, Means),
    is_decided: bool,
) {
    let answered = Arc::new(AtomicBool::new(false));
    let saved = save.map(|save| node.watch(save));
    let mut drawn = [0; 16];
    node.rng.fill_bytes(&mut drawn);
    let put_through = node.bells.call(told, drawn, means, Arc::clone(&answered));
    let calls = node.calls.clone();
    let key = which.clone();
    let task = tokio::spawn(async move {
        if let Some(saved) = saved {
            // What is not on disk by then is done all the same.
            let _ = tokio::time::timeout(SAVED_PATIENCE, saved).await;
        }
        let went = put_through.await;
        let called = move |node: &mut Node| {
            let state = node.ladders.open.get_mut(&document);
            let tried = state.and_then(|state| state.calls.get_mut(&which));
            let said = climbed.filter(|_| tried.is_none_or(|tried| tried.ended(went)));
            if let Some(Err(error)) = said.map(|climbed| ended(node, document, climbed, went)) {
                tracing::warn!(%error, "how a call went could not be written down");
            }
        };
        // The node may have stopped meanwhile.
        let _ = calls.send(Box::new(called));
    });
    if let Some(state) = node.ladders.open.get_mut(&document) {
        let tried = state.calls.entry(key).or_default();
        (tried.under_way, tried.failed) = (Some(Cancel(task.abort_handle())), None);
        (tried.answered, tried.climbed, tried.hung_up) = (answered, climbed, false);
        // It is made again as what it was.
        tried.is_decided |= is_decided;
    }
}

#[cfg(test)]
mod tests {
    use linli_model::alert::LadderAct;

    use super::*;

    fn dial(number: &str) -> Step {
        Step { after_ms: 0, does: LadderAct::DialOut { phone: number.into() } }
    }

    /// Whether a call of which somebody answered so often in vain is due so many minutes after it failed.
    fn is_due(number: &str, call: CallEnd, answers: u32, minutes: u32) -> bool {
        let mut tried = Tried::default();
        for _ in 0..answers {
            tried.ended(Went { done: false, call: Some(call) });
        }
        tried.failed = Instant::now().checked_sub(AGAIN * minutes);
        tried.failed.is_some() && tried.is_due(&dial(number))
    }

    #[test]
    fn who_answers_in_vain_is_called_less_and_less_and_an_emergency_service_no_more() {
        let contact =
            |answers, minutes| is_due("13800138000", CallEnd::Unconfirmed, answers, minutes);
        assert!(contact(0, 1) && contact(1, 2) && contact(2, 4) && contact(9, 16));
        assert!(!contact(1, 1) && !contact(2, 3) && !contact(9, 15));
        assert!(is_due("120", CallEnd::Unconfirmed, 2, 4));
        assert!(!is_due("120", CallEnd::Unconfirmed, 3, 60));
        // A line that is busy or down is tried each minute.
        assert!(is_due("120", CallEnd::Busy, 9, 1) && is_due("120", CallEnd::NoLine, 9, 1));
    }

    #[test]
    fn that_a_call_failed_in_one_way_is_said_once() {
        let mut tried = Tried::default();
        let busy = Went { done: false, call: Some(CallEnd::Busy) };
        assert!(tried.ended(busy) && !tried.ended(busy));
        assert!(tried.ended(Went { done: true, ..busy }));
        assert_eq!(tried.failed, None);
    }

    #[tokio::test]
    async fn who_takes_an_alert_hangs_up_what_still_rings_and_nobody_asked_for() {
        let waits = || Some(Cancel(tokio::spawn(std::future::pending::<()>()).abort_handle()));
        let climbed = FactId([9; 32]);
        let rings = || Tried { under_way: waits(), climbed: Some(climbed), ..Tried::default() };
        let mut ladders = Ladders::default();
        ladders.note(DocTag([0; 32]));
        let state = ladders.open.get_mut(&DocTag([0; 32])).unwrap();
        state.calls.insert((0, dial("13800138001")), rings());
        let answered = Arc::new(AtomicBool::new(true));
        state.calls.insert((0, dial("13800138002")), Tried { answered, ..rings() });
        state.calls.insert((0, dial("120")), Tried { is_decided: true, ..rings() });
        let over = Tried { under_way: None, failed: Some(Instant::now()), ..rings() };
        state.calls.insert((0, dial("13800138003")), over);
        assert_eq!(state.hang_up(), [climbed]);
        let ringing = state.calls.iter().filter(|(_, tried)| tried.under_way.is_some());
        let ringing: Vec<Step> = ringing.map(|((_, step), _)| step.clone()).collect();
        assert_eq!(ringing, [dial("120"), dial("13800138002")]);
        assert!(state.may_begin(&(0, dial("13800138001"))), "it is called if the ladder goes on");
    }

    #[test]
    fn what_was_hung_up_is_not_forgotten_to_have_been_answered_in_vain() {
        let vain = Went { done: false, call: Some(CallEnd::Unconfirmed) };
        let mut tried = Tried { hung_up: true, ..Tried::default() };
        assert!(tried.is_due(&dial("120")), "at once");
        for _ in 0..ANSWERS_MAX {
            tried.ended(vain);
        }
        tried.hung_up = true;
        assert!(!tried.is_due(&dial("120")) && tried.is_due(&dial("13800138000")));
        // It was answered after all, as it was hung up.
        tried.ended(Went { done: true, call: Some(CallEnd::Accepted) });
        assert!(!tried.is_due(&dial("13800138000")));
    }
}
