//! The board of the duty desk: a row for each alert that is open or was resolved lately. A row is made again when
//! something about its alert changed, so that however many desks watch, a change costs one row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use linli_core::engine::Authored;
use linli_model::alert::{AlertView, Climb, Stage};
use linli_replica::id::{DocTag, SpaceTag};
use rand_core::CryptoRng;
use uuid::Uuid;

use crate::api::calls::CallRow;
use crate::api::plans::PlanInForce;
use crate::api::sensors::MonitoringOff;
use crate::api::watch::{AlertOwner, AlertRow, AlertStep, AlertWatched};
use crate::handle::alerts::{elder, read, word};
use crate::handle::{calls, elders};
use crate::node::{Node, now};
use crate::upkeep::DAY_MS;

/// A wall clock that is so far from where it should be was set.
const SET_MS: u64 = 1_000;

/// What a board shows.
#[derive(Debug)]
pub(crate) struct Board {
    /// Drawn at the start, so that a mark of another run is not taken for one of this.
    run: u64,
    revision: u64,
    /// Marks before this know of rows that are gone.
    known_from: u64,
    rows: BTreeMap<DocTag, Kept>,
    /// What is in force of each plan.
    plans: BTreeMap<DocTag, Vec<PlanInForce>>,
    /// Monitoring that is off.
    monitoring: Vec<MonitoringOff>,
    /// What may look different.
    stale: BTreeSet<DocTag>,
    /// Calls that nobody has seen to, and the revision of their last change.
    calls: (u64, Vec<CallRow>),
    calls_dropped: u64,
    calls_stale: bool,
    /// Whether every alert from before this start was looked at.
    complete: bool,
    /// A moment, by the clock that is never set and by the wall clock.
    clocks: (Instant, u64),
}

#[derive(Debug)]
struct Kept {
    revision: u64,
    space: Option<SpaceTag>,
    row: AlertRow,
}

impl Board {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            run: rng.next_u64(),
            revision: 0,
            known_from: 0,
            rows: BTreeMap::new(),
            plans: BTreeMap::new(),
            monitoring: Vec::new(),
            stale: BTreeSet::new(),
            calls: (0, Vec::new()),
            calls_dropped: 0,
            calls_stale: false,
            complete: false,
            clocks: (Instant::now(), now().0),
        }
    }

    /// Notes that an alert may look different.
    pub(crate) fn touch(&mut self, document: DocTag) {
        self.stale.insert(document);
    }

    /// Notes that an alert may look different, unless it was resolved too long ago to be shown.
    pub(crate) fn changed(&mut self, document: DocTag, resolved_ms: Option<u64>) {
        if is_shown(resolved_ms, now().0) || self.rows.contains_key(&document) {
            self.touch(document);
        }
    }

    /// Notes that a hub was heard.
    pub(crate) fn heard(&mut self, space: SpaceTag) {
        let of = |kept: &Kept| kept.space == Some(space) && kept.row.resolved_ms.is_none();
        self.touch_those(of);
    }

    /// Notes that a name may differ.
    pub(crate) fn renamed(&mut self, elder: Uuid) {
        let elder = elder.to_string();
        self.touch_those(|kept| kept.row.elder.as_ref() == Some(&elder));
    }

    /// Notes that something became durable.
    pub(crate) fn stored(&mut self) {
        self.touch_those(|kept| !kept.row.stored);
    }

    /// Notes that calls may look different.
    pub(crate) const fn touch_calls(&mut self) {
        self.calls_stale = true;
    }

    /// Has every row made again.
    pub(crate) fn touch_all(&mut self) {
        self.touch_calls();
        self.touch_those(|_| true);
    }

    fn touch_those(&mut self, which: impl Fn(&Kept) -> bool) {
        let those = self.rows.iter().filter(|(_, kept)| which(kept));
        self.stale.extend(those.map(|(document, _)| *document));
    }

    /// Notes that time passed: rows hold times by the wall clock, and are made again where it was set. What was resolved
    /// too long ago is forgotten; whoever has not heard of that yet asks for everything.
    fn passed(&mut self, steady: Instant, wall: u64) {
        let (before, was) = std::mem::replace(&mut self.clocks, (steady, wall));
        let passed = steady.saturating_duration_since(before).as_millis();
        let due = was.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
        if wall.abs_diff(due) >= SET_MS {
            self.touch_all();
        }
        let old = |_: &DocTag, kept: &mut Kept| !is_shown(kept.row.resolved_ms, wall);
        for (_, kept) in self.rows.extract_if(.., old) {
            self.known_from = self.known_from.max(kept.revision);
        }
    }

    /// Notes that every alert from before this start was looked at, which is told like a change.
    const fn completed(&mut self) {
        if !self.complete {
            self.complete = true;
            self.revision += 1;
        }
    }

    /// Notes what is in force of a plan, which is told like a change.
    pub(crate) fn in_force(&mut self, document: DocTag, rows: Vec<PlanInForce>) {
        if self.plans.get(&document).map_or(&[][..], Vec::as_slice) == rows {
            return;
        }
        self.revision += 1;
        match rows.is_empty() {
            true => drop(self.plans.remove(&document)),
            false => drop(self.plans.insert(document, rows)),
        }
    }

    /// Notes what monitoring is off, which is told like a change.
    pub(crate) fn put_monitoring(&mut self, rows: Vec<MonitoringOff>) {
        if self.monitoring != rows {
            self.revision += 1;
            self.monitoring = rows;
        }
    }

    /// Monitoring that is off.
    pub(crate) fn monitoring(&self) -> &[MonitoringOff] {
        &self.monitoring
    }

    /// Forgets plans that are erased.
    pub(crate) fn erase_plans(&mut self, gone: &BTreeSet<DocTag>) {
        for document in gone {
            self.in_force(*document, Vec::new());
        }
    }

    /// The plans that are in force, what is in earnest first.
    pub(crate) fn plans(&self) -> Vec<PlanInForce> {
        let mut plans: Vec<PlanInForce> = self.plans.values().flatten().cloned().collect();
        plans.sort_by_key(|plan| (plan.drill, plan.since_ms));
        plans
    }

    /// The number that grows with every change.
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    /// Reads a mark; none where changes since then are not known.
    pub(crate) fn revision_of(&self, mark: &str) -> Option<u64> {
        let (run, revision) = mark.split_once('.')?;
        let revision = revision.parse().ok()?;
        let is_ours = run == format!("{:016x}", self.run);
        (is_ours && (self.known_from..=self.revision).contains(&revision)).then_some(revision)
    }

    fn put(&mut self, document: DocTag, made: Option<(Option<SpaceTag>, AlertRow)>) {
        match made {
            Some((_, row)) if self.rows.get(&document).is_some_and(|kept| kept.row == row) => {}
            Some((space, row)) => {
                self.revision += 1;
                let revision = self.revision;
                self.rows.insert(document, Kept { revision, space, row });
            }
            None => {
                if self.rows.remove(&document).is_some() {
                    self.revision += 1;
                    self.known_from = self.revision;
                }
            }
        }
    }

    fn put_calls(&mut self, rows: Vec<CallRow>, dropped: u64) {
        if self.calls.1 != rows || self.calls_dropped != dropped {
            self.revision += 1;
            (self.calls, self.calls_dropped) = ((self.revision, rows), dropped);
        }
    }

    /// What changed after a revision; everything after none. A watcher whose revision is not known any more is
    /// answered as if nothing had changed, and learns it when it asks again.
    pub(crate) fn since(&self, after: Option<u64>, resolved: bool) -> AlertWatched {
        let from = after.unwrap_or(0);
        let told =
            if after.is_some_and(|after| after < self.known_from) { from } else { self.revision };
        let mut answer = AlertWatched {
            mark: format!("{:016x}.{told}", self.run),
            whole: after.is_none(),
            alerts: Vec::new(),
            gone: Vec::new(),
            complete: self.complete,
            calls: None,
            calls_dropped: self.calls_dropped,
            plans: self.plans(),
            monitoring: self.monitoring.clone(),
        };
        let (changed, calls) = &self.calls;
        if answer.whole || (from < *changed && *changed <= told) {
            answer.calls = Some(calls.clone());
        }
        let changed =
            self.rows.values().filter(|kept| from < kept.revision && kept.revision <= told);
        for Kept { row, .. } in changed {
            if row.resolved_ms.is_none() || resolved {
                answer.alerts.push(row.clone());
            } else if !answer.whole {
                answer.gone.push(row.alert.clone());
            }
        }
        answer
    }
}

/// Does each second what is to be done, also where nobody watches: whoever begins to finds little left to be looked at.
pub(crate) fn tick(node: &mut Node) {
    node.board.passed(Instant::now(), now().0);
    node.callers.forget();
    if let Some(record) = node.callers.unsaved() {
        node.author(Authored { records: vec![record], ..Authored::default() });
    }
    // It rings for a while, and a profile's numbers may have changed.
    node.board.touch_calls();
    refresh(node);
}

/// Makes the rows again that may look different.
pub(crate) fn refresh(node: &mut Node) {
    let stale = std::mem::take(&mut node.board.stale);
    let seen: Vec<(DocTag, Option<AlertView>)> =
        stale.into_iter().map(|document| (document, look(node, document))).collect();
    let about = seen.iter().filter_map(|(_, view)| elder(view.as_ref()?)).collect();
    let names = elders::names(node, &about);
    for (document, view) in seen {
        let made = view.map(|view| {
            let names = elder(&view).and_then(|elder| names.get(&elder));
            let names = names.into_iter().flatten().cloned().collect();
            let space = node.catalogue.get(&document).map(|row| row.space);
            (space, row(node, document, &view, names))
        });
        node.board.put(document, made);
    }
    if std::mem::take(&mut node.board.calls_stale) {
        let rows = calls::open(node);
        node.board.put_calls(rows, node.callers.dropped());
    }
    if !node.catalogue.has_alerts_to_see() {
        node.board.completed();
    }
}

/// Reads an alert that is open or was resolved lately, also one that could not be stored.
fn look(node: &mut Node, document: DocTag) -> Option<AlertView> {
    let view = read(node, document).ok();
    let view = view.or_else(|| node.ladders.state(&document)?.unstored().cloned())?;
    (view.stage != Stage::Nothing && is_shown(resolved_ms(&view), now().0)).then_some(view)
}

/// Whether an alert is open, or was resolved within a day.
fn is_shown(resolved_ms: Option<u64>, now: u64) -> bool {
    resolved_ms.is_none_or(|at| now.saturating_sub(at) < DAY_MS)
}

/// When an alert was resolved, by the clock of whoever did.
pub(crate) fn resolved_ms(view: &AlertView) -> Option<u64> {
    let resolved = view.timeline.iter().find(|entry| Some(entry.id) == view.resolved)?;
    Some(resolved.at.0)
}

fn row(node: &Node, document: DocTag, view: &AlertView, names: Vec<String>) -> AlertRow {
    let state = node.ladders.state(&document);
    let watch = state.map(|state| state.watch(view));
    let climbing = state.filter(|state| !state.is_given_up()).and(watch);
    let since = watch.map(|watch| watch.now.0.saturating_sub(view.elapsed_ms(watch)));
    let (climbs, climbs_on_ms) = match climbing.map(|watch| view.climb(watch)) {
        Some(Climb::Climbing { .. }) => (true, None),
        Some(Climb::Paused { until }) => (false, until.map(|until| until.0)),
        Some(Climb::Over) | None => (false, None),
    };
    let owner = |owner: &linli_model::alert::Owner| AlertOwner {
        person: owner.person.id.clone(),
        name: owner.person.name.as_str().to_owned(),
        party: owner.party.to_string(),
        since_ms: owner.since.0,
    };
    let step = |step: &linli_model::alert::Step| AlertStep {
        way: word(&step.does.way()),
        after_ms: step.after_ms,
    };
    AlertRow {
        alert: view.id.to_string(),
        elder: elder(view).map(|elder| elder.to_string()),
        names,
        kind: view.what.as_ref().map(word),
        drill: view.drill,
        state: word(&view.stage),
        since_ms: since.or(view.since.map(|since| since.0)).unwrap_or_default(),
        owner: view.owner.as_ref().map(owner),
        expected_ms: view.expected.map(|at| at.0),
        happened_ms: view.happened.map(|at| at.0),
        arrived_ms: view.arrived.map(|at| at.0),
        handed_to: view.handed_to.iter().map(word).collect(),
        called_off: view.called_off,
        stored: state.is_none_or(|state| state.is_stored(&node.replica)),
        hub_heard_ms: node.heartbeats.of_alert(node.catalogue.get(&document), now()),
        steps: view.ladder.steps.iter().map(step).collect(),
        climbs,
        climbs_on_ms,
        resolved_ms: resolved_ms(view),
        outcome: view.outcome.as_ref().map(word),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn board() -> Board {
        Board::new(&mut StdRng::seed_from_u64(7))
    }

    fn put(board: &mut Board, number: u8, resolved_ms: Option<u64>) {
        let row = AlertRow { alert: number.to_string(), resolved_ms, ..AlertRow::default() };
        board.put(DocTag([number; 32]), Some((None, row)));
    }

    fn ids(answer: &AlertWatched) -> Vec<&str> {
        answer.alerts.iter().map(|row| row.alert.as_str()).collect()
    }

    #[test]
    fn who_watches_is_told_each_change_once() {
        let mut board = board();
        put(&mut board, 1, None);
        put(&mut board, 2, None);
        let first = board.since(None, false);
        assert_eq!((ids(&first), first.whole), (vec!["1", "2"], true));
        let after = board.revision_of(&first.mark);
        assert!(after.is_some());
        // What looks as it did is no change.
        put(&mut board, 2, None);
        assert_eq!(board.revision_of(&first.mark), Some(board.revision()));
        put(&mut board, 1, Some(5));
        put(&mut board, 3, None);
        let second = board.since(after, false);
        assert_eq!((ids(&second), &second.gone[..]), (vec!["3"], &["1".to_owned()][..]));
        assert!(!second.whole);
        assert_eq!(ids(&board.since(after, true)), ["1", "3"]);
        let third = board.since(board.revision_of(&second.mark), true);
        assert!(third.alerts.is_empty() && third.gone.is_empty());
    }

    #[test]
    fn a_mark_that_is_not_known_asks_for_everything() {
        let mut board = board();
        put(&mut board, 1, None);
        put(&mut board, 2, None);
        let mark = board.since(None, false).mark;
        for wrong in ["", ".", "x.1", "1", &format!("{mark}0"), "0000000000000000.1"] {
            assert_eq!(board.revision_of(wrong), None, "{wrong}");
        }
        let other = Board::new(&mut StdRng::seed_from_u64(8)).since(None, false).mark;
        assert_eq!(board.revision_of(&other), None, "of another run");
        // What was erased is shown to nobody, and whoever has it learns that it is gone.
        let after = board.revision_of(&mark);
        board.put(DocTag([1; 32]), None);
        let told = board.since(after, false);
        assert!(told.alerts.is_empty() && told.mark == mark);
        assert_eq!(board.revision_of(&told.mark), None);
        assert_eq!(ids(&board.since(None, false)), ["2"]);
    }

    #[test]
    fn nothing_piles_up_where_nobody_watches() {
        let mut board = board();
        let wall = now().0;
        board.changed(DocTag([1; 32]), None);
        board.changed(DocTag([2; 32]), Some(wall - DAY_MS / 2));
        board.changed(DocTag([3; 32]), Some(wall - 2 * DAY_MS));
        assert_eq!(board.stale, BTreeSet::from([DocTag([1; 32]), DocTag([2; 32])]));
        // What is on the board is looked at once more, and leaves it.
        put(&mut board, 3, None);
        board.changed(DocTag([3; 32]), Some(wall - 2 * DAY_MS));
        assert_eq!(board.stale.len(), 3);
    }

    #[test]
    fn what_was_resolved_long_ago_is_forgotten_by_who_has_heard_of_it() {
        let mut board = board();
        let (steady, wall) = board.clocks;
        put(&mut board, 1, None);
        let asleep = board.since(None, true).mark;
        put(&mut board, 1, Some(wall));
        put(&mut board, 2, None);
        let awake = board.since(None, true).mark;
        let day = Duration::from_millis(DAY_MS);
        board.passed(steady + day / 2, wall + DAY_MS / 2);
        assert_eq!(board.rows.len(), 2);
        board.passed(steady + day, wall + DAY_MS);
        assert_eq!(ids(&board.since(None, true)), ["2"]);
        assert!(board.revision_of(&awake).is_some());
        assert_eq!(
            board.revision_of(&asleep),
            None,
            "whoever sleeps does not see it open for ever"
        );
    }

    #[test]
    fn rows_are_made_again_where_the_clock_was_set() {
        let mut board = board();
        let (steady, wall) = board.clocks;
        put(&mut board, 1, None);
        let second = |number: u32| steady + Duration::from_secs(1) * number;
        board.passed(second(1), wall + 1_000);
        assert!(board.stale.is_empty());
        board.passed(second(2), wall + 2_000 - 3_600_000);
        assert_eq!(std::mem::take(&mut board.stale).len(), 1);
        board.passed(second(3), wall + 3_000 - 3_600_000);
        assert!(board.stale.is_empty(), "once");
    }

    #[test]
    fn who_watches_is_told_once_all_was_looked_at() {
        let mut board = board();
        put(&mut board, 1, None);
        let first = board.since(None, false);
        assert!(first.whole && !first.complete);
        let after = board.revision_of(&first.mark);
        board.completed();
        assert!(after < Some(board.revision()));
        let second = board.since(after, false);
        assert!(second.complete && !second.whole && second.alerts.is_empty());
        board.completed();
        assert_eq!(board.revision_of(&second.mark), Some(board.revision()), "and once only");
    }

    #[test]
    fn calls_are_told_once_and_as_a_whole() {
        let mut board = board();
        put(&mut board, 1, None);
        let first = board.since(None, false);
        assert_eq!(first.calls, Some(vec![]));
        let call = CallRow { call: "c".to_owned(), rings: true, ..CallRow::default() };
        board.put_calls(vec![call.clone()], 0);
        let second = board.since(board.revision_of(&first.mark), false);
        assert_eq!((second.calls, second.alerts.len()), (Some(vec![call.clone()]), 0));
        put(&mut board, 2, None);
        board.put_calls(vec![call], 0);
        let third = board.since(board.revision_of(&second.mark), false);
        assert_eq!((third.calls, third.alerts.len()), (None, 1));
        board.put_calls(vec![], 0);
        let fourth = board.since(board.revision_of(&third.mark), false);
        assert_eq!((fourth.calls, fourth.calls_dropped), (Some(vec![]), 0));
        board.put_calls(vec![], 7);
        assert!(board.revision_of(&fourth.mark) < Some(board.revision()));
        assert_eq!(board.since(None, false).calls_dropped, 7);
    }
}
