//! Joins: what is certain joins itself, a clerk's no is never overruled, everything can be undone.

use automerge::AutoCommit;
use linli_model::author::{PartyKind, Role};
use linli_model::event::{FactId, Reason};
use linli_model::joins::{self, JoinFact as F, JoinsView, Pair, RecordRef, Why};
use linli_model::matching::Doubt;

use crate::community::{Directory, Node, directory, node, sync};

struct Scene {
    machine: Node,
    clerk: Node,
    people: Directory,
    doc: AutoCommit,
}

fn scene() -> Scene {
    let machine = node(1, PartyKind::Centre, None);
    let clerk = node(2, PartyKind::Centre, Some(Role::Clerk));
    let people = directory(&[
        &machine,
        &clerk,
        &node(3, PartyKind::Provider, None),
        &node(4, PartyKind::Station, None),
    ]);
    let doc = machine.doc();
    Scene { machine, clerk, people, doc }
}

impl Scene {
    fn say(&mut self, who: &Node, fact: F) -> FactId {
        self.doc.set_actor(who.actor.clone());
        who.say(&mut self.doc, &self.people, 1, fact)
    }

    fn propose(&mut self, a: &str, b: &str, doubts: &[Doubt]) -> FactId {
        let fact = F::Proposed { a: record(a), b: record(b), score: 90, doubts: doubts.to_vec() };
        let machine = self.machine.clone();
        self.say(&machine, fact)
    }

    fn decide(&mut self, a: &str, b: &str, same: bool) -> FactId {
        let clerk = self.clerk.clone();
        self.say(&clerk, F::Decided { a: record(a), b: record(b), same, note: None })
    }

    fn undo(&mut self, fact: FactId) -> FactId {
        let clerk = self.clerk.clone();
        self.say(&clerk, F::Undone { fact })
    }

    fn view(&mut self) -> JoinsView {
        joins::view(self.doc.document(), &self.people)
    }

    fn clusters(&mut self) -> Vec<Vec<String>> {
        let names = |c: &std::collections::BTreeSet<RecordRef>| {
            c.iter().map(|r| r.record.clone()).collect()
        };
        self.view().clusters.iter().map(names).collect()
    }
}

fn record(name: &str) -> RecordRef {
    RecordRef { source: "north".to_owned(), record: name.to_owned() }
}

fn pair(a: &str, b: &str) -> Pair {
    Pair::new(record(a), record(b)).unwrap()
}

#[test]
fn the_certain_is_joined_and_the_doubtful_waits() {
    let mut s = scene();
    s.propose("a", "b", &[]);
    s.propose("b", "c", &[]);
    s.propose("x", "y", &[Doubt::Name]);
    assert_eq!(s.clusters(), [["a", "b", "c"]]);
    let open = s.view().open;
    assert_eq!((open.len(), &open[0].pair, open[0].why), (1, &pair("x", "y"), Why::Doubt));
    assert_eq!(open[0].doubts, [Doubt::Name]);
    s.decide("y", "x", true);
    assert_eq!(s.clusters(), [vec!["a", "b", "c"], vec!["x", "y"]]);
    assert!(s.view().open.is_empty());
}

#[test]
fn a_clerks_no_is_never_overruled_by_a_machine() {
    let mut s = scene();
    s.decide("a", "c", false);
    s.propose("a", "c", &[]);
    assert!(s.clusters().is_empty());
    // Not by way of a third record either: nobody knows which of the two joins is wrong, so a clerk is asked of both.
    s.propose("a", "b", &[]);
    s.propose("b", "c", &[]);
    assert!(s.clusters().is_empty());
    let open = s.view().open;
    assert_eq!(
        open.iter().map(|o| o.pair.clone()).collect::<Vec<_>>(),
        [pair("a", "b"), pair("b", "c")]
    );
    assert!(open.iter().all(|o| o.why == Why::AgainstRefusal));
    s.decide("a", "b", true);
    assert_eq!(s.clusters(), [["a", "b"]]);
    assert_eq!(s.view().open.len(), 1);
}

#[test]
fn every_decision_can_be_undone() {
    let mut s = scene();
    let proposal = s.propose("a", "b", &[]);
    let undone = s.undo(proposal);
    assert!(s.clusters().is_empty());
    let no = s.decide("a", "b", false);
    assert_eq!(s.view().refused_pairs.len(), 1);
    s.undo(no);
    assert!(s.view().refused_pairs.is_empty());
    let twice = s.undo(no);
    let view = s.view();
    let reason = |id| view.timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone();
    assert_eq!(reason(proposal), Some(Reason::Replaced { by: undone }));
    assert_eq!(reason(twice), Some(Reason::AlreadyDone));
}

#[test]
fn a_later_decision_replaces_an_earlier_one_and_clerks_apart_are_asked_again() {
    let mut s = scene();
    let no = s.decide("a", "b", false);
    let yes = s.decide("a", "b", true);
    assert_eq!(s.clusters(), [["a", "b"]]);
    let view = s.view();
    assert_eq!(view.timeline[0].id, no);
    assert_eq!(view.timeline[0].not_standing, Some(Reason::Replaced { by: yes }));

    let mut s = scene();
    let other = node(4, PartyKind::Station, Some(Role::Clerk));
    let mut apart = other.doc();
    s.decide("a", "b", true);
    s.propose("a", "b", &[]);
    let fact = F::Decided { a: record("a"), b: record("b"), same: false, note: None };
    other.say(&mut apart, &s.people, 1, fact);
    sync(&mut s.doc, &mut apart);
    assert!(s.clusters().is_empty());
    assert_eq!(s.view().open[0].why, Why::ClerksDisagree);
    s.decide("a", "b", true);
    assert_eq!(s.clusters(), [["a", "b"]]);
}

#[test]
fn who_may_not_decide_does_not() {
    let mut s = scene();
    let machine = s.machine.clone();
    let by_machine = F::Decided { a: record("a"), b: record("b"), same: true, note: None };
    let a = s.say(&machine, by_machine.clone());
    let provider = node(3, PartyKind::Provider, Some(Role::Carer));
    let b = s.say(&provider, by_machine);
    let c = s.propose("a", "a", &[]);
    let view = s.view();
    let reason = |id| view.timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone();
    assert_eq!(reason(a), Some(Reason::PersonNeeded));
    assert_eq!(reason(b), Some(Reason::PartyMayNot));
    assert_eq!(reason(c), Some(Reason::SameRecord));
    assert!(view.clusters.is_empty());
}
