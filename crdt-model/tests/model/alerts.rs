//! Alerts: one owner, an acknowledgement is not a resolution, repeats join.

use automerge::AutoCommit;
use linli_model::alert::{
    self, AlertFact as F, AlertKind, AlertView, CauseId, Climb, Ladder, Outcome, Stage,
    WITHIN_MS_MAX, Watch, alert_id,
};
use linli_model::author::{PartyKind, Role};
use linli_model::document::canonical;
use linli_model::event::{FactId, Reason};
use linli_model::time::{MINUTE_MS, Timestamp};

use crate::community::{Directory, Node, directory, node, sibling, sync};

struct Scene {
    hub: Node,
    desk: Node,
    daughter: Node,
    people: Directory,
    doc: AutoCommit,
}

fn cause() -> CauseId {
    CauseId("fall/7".to_owned())
}

fn raise() -> F {
    F::Raised {
        cause: cause(),
        what: AlertKind::Fall,
        ladder: Ladder::default(),
        place: None,
        note: None,
        card: None,
        drill: false,
        happened: None,
    }
}

fn scene() -> Scene {
    let hub = node(1, PartyKind::Household, None);
    let desk = node(2, PartyKind::Centre, Some(Role::Operator));
    let daughter = node(3, PartyKind::Family, Some(Role::Family));
    let people = directory(&[
        &hub,
        &desk,
        &daughter,
        &sibling(&desk, 4),
        &node(5, PartyKind::Evaluator, None),
    ]);
    let doc = hub.doc();
    Scene { hub, desk, daughter, people, doc }
}

impl Scene {
    fn say(&mut self, who: &Node, at: u64, fact: F) -> FactId {
        self.doc.set_actor(who.actor.clone());
        who.say(&mut self.doc, &self.people, at, fact)
    }

    fn view(&mut self) -> AlertView {
        alert::view(alert_id(&cause()), self.doc.document(), &self.people)
    }

    /// A copy at which another node writes apart.
    fn apart(&mut self) -> Self {
        let doc = self.doc.fork();
        Self {
            hub: self.hub.clone(),
            desk: self.desk.clone(),
            daughter: self.daughter.clone(),
            people: self.people.clone(),
            doc,
        }
    }

    fn join(&mut self, other: &mut Self) {
        sync(&mut self.doc, &mut other.doc);
    }
}

/// How a node has watched that just started.
fn watch(held_since: Timestamp, now: Timestamp) -> Watch {
    Watch { held_since, now, ..Watch::default() }
}

fn reason(view: &AlertView, id: FactId) -> Option<Reason> {
    view.timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone()
}

#[test]
fn the_way_of_an_alert() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    assert_eq!(s.view().stage, Stage::Nothing);
    let raised = s.say(&hub, 1_000, raise());
    assert_eq!(s.view().stage, Stage::Raised);
    s.say(&desk, 1_400, F::Delivered { raise: raised });
    let view = s.view();
    assert_eq!(view.stage, Stage::Delivered);
    assert_eq!(view.delivered[&desk.author.node], Timestamp(1_400));
    assert!(view.owner.is_none());
    let ack = s.say(&desk, 9_000, F::Acknowledged { raise: raised });
    let view = s.view();
    assert_eq!(view.stage, Stage::Acknowledged);
    assert_eq!(view.owner.unwrap().person.id, "p2");
    s.say(&desk, 20_000, F::Responding { ack, within_ms: None });
    assert_eq!(s.view().stage, Stage::Responding);
    let resolved = s.say(&desk, 90_000, F::Resolved { ack, outcome: Outcome::Helped, note: None });
    let view = s.view();
    assert_eq!(
        (view.stage, view.resolved, view.outcome),
        (Stage::Resolved, Some(resolved), Some(Outcome::Helped))
    );
    let times: Vec<u64> = view.timeline.iter().map(|e| e.at.0).collect();
    assert_eq!(times, [1_000, 1_400, 9_000, 20_000, 90_000]);
    assert!(view.timeline.iter().all(|e| e.not_standing.is_none()));
}

#[test]
fn only_a_named_person_other_than_the_elder_acknowledges() {
    let mut s = scene();
    let hub = s.hub.clone();
    let raised = s.say(&hub, 1, raise());
    let nobody = s.say(&hub, 2, F::Acknowledged { raise: raised });
    let elder = node(1, PartyKind::Household, Some(Role::Elder));
    let by_elder = s.say(&elder, 3, F::Acknowledged { raise: raised });
    let evaluator = node(5, PartyKind::Evaluator, Some(Role::Evaluator));
    let by_evaluator = s.say(&evaluator, 4, F::Acknowledged { raise: raised });
    let view = s.view();
    assert!(view.owner.is_none());
    assert_eq!(reason(&view, nobody), Some(Reason::PersonNeeded));
    assert_eq!(reason(&view, by_elder), Some(Reason::RoleMayNot));
    assert_eq!(reason(&view, by_evaluator), Some(Reason::PartyMayNot));
}

#[test]
fn acknowledgements_made_apart_have_one_owner_and_the_other_is_told() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    let raised = s.say(&hub, 1, raise());
    let mut other = s.apart();
    let first = s.say(&desk, 5, F::Acknowledged { raise: raised });
    let second = other.say(&daughter, 4, F::Acknowledged { raise: raised });
    assert_eq!(s.view().owner.unwrap().fact, first);
    assert_eq!(other.view().owner.unwrap().fact, second);
    s.join(&mut other);
    let (a, b) = (s.view(), other.view());
    assert_eq!(canonical(&a).unwrap(), canonical(&b).unwrap());
    let winner = first.min(second);
    let loser = first.max(second);
    assert_eq!(a.owner.clone().unwrap().fact, winner);
    assert_eq!(reason(&a, loser), Some(Reason::OwnedByOther { by: winner }));

    // Who lost but acted in good faith, not knowing, may have resolved it; who knew may not.
    let mut known = s.apart();
    let loser_node = if loser == first { desk } else { daughter };
    known.say(&loser_node, 9, F::Resolved { ack: loser, outcome: Outcome::Helped, note: None });
    assert_eq!(known.view().stage, Stage::Acknowledged);
    let took = s.say(&loser_node, 9, F::TookOver { from: winner });
    assert_eq!(s.view().owner.unwrap().fact, took);
}

#[test]
fn a_resolution_in_good_faith_counts() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    let raised = s.say(&hub, 1, raise());
    let mut other = s.apart();
    let (a, b) = (
        s.say(&desk, 5, F::Acknowledged { raise: raised }),
        other.say(&daughter, 4, F::Acknowledged { raise: raised }),
    );
    s.say(&desk, 6, F::Resolved { ack: a, outcome: Outcome::Helped, note: None });
    other.say(&daughter, 6, F::Resolved { ack: b, outcome: Outcome::FalseAlarm, note: None });
    s.join(&mut other);
    let view = s.view();
    assert_eq!(view.stage, Stage::Resolved);
    let refused: Vec<_> = view.timeline.iter().filter_map(|e| e.not_standing.clone()).collect();
    assert_eq!(refused.len(), 2, "one acknowledgement and one resolution: {refused:?}");
    assert_eq!(canonical(&view).unwrap(), canonical(&other.view()).unwrap());
}

#[test]
fn nobody_resolves_what_somebody_else_owns() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    let raised = s.say(&hub, 1, raise());
    let ack = s.say(&desk, 2, F::Acknowledged { raise: raised });
    let early = s.say(&desk, 3, F::Resolved { ack: raised, outcome: Outcome::Helped, note: None });
    let foreign = s.say(&daughter, 4, F::Resolved { ack, outcome: Outcome::Helped, note: None });
    let second = s.say(&daughter, 5, F::Acknowledged { raise: raised });
    let view = s.view();
    assert_eq!(view.stage, Stage::Acknowledged);
    assert_eq!(reason(&view, early), Some(Reason::WrongReference));
    assert_eq!(reason(&view, foreign), Some(Reason::NotOwner));
    assert_eq!(reason(&view, second), Some(Reason::OwnedByOther { by: ack }));
    let took = s.say(&daughter, 6, F::TookOver { from: ack });
    let late = s.say(&desk, 7, F::Resolved { ack, outcome: Outcome::Helped, note: None });
    let view = s.view();
    assert_eq!(view.owner.clone().unwrap().fact, took);
    assert_eq!(reason(&view, late), Some(Reason::OwnedByOther { by: took }));
}

#[test]
fn raises_of_one_cause_join_and_another_cause_does_not() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let mut other = s.apart();
    let a = s.say(&hub, 50, raise());
    let b = other.say(&desk, 40, raise());
    let strange = other.say(
        &desk,
        41,
        F::Raised {
            cause: CauseId("else".to_owned()),
            what: AlertKind::Gas,
            ladder: Ladder::default(),
            place: None,
            note: None,
            card: None,
            drill: false,
            happened: None,
        },
    );
    s.join(&mut other);
    let view = s.view();
    let mut raises = view.raises.clone();
    raises.sort();
    assert_eq!(raises, [a.min(b), a.max(b)]);
    // Whichever is the first, at neither node does a round begin anew.
    assert_eq!((view.round, view.reopenings()), (view.raises.first().copied(), 0));
    assert_eq!(view.since, Some(Timestamp(40)));
    assert_eq!(view.what, Some(AlertKind::Fall));
    assert_eq!(reason(&view, strange), Some(Reason::OtherDocument));
    // Acknowledging either of them is acknowledging the alert.
    let ack = s.say(&desk, 60, F::Acknowledged { raise: a.max(b) });
    assert_eq!(s.view().owner.unwrap().fact, ack);
}

#[test]
fn a_raise_that_arrives_after_the_resolution_joins_it_and_a_new_one_reopens() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    let mut other = s.apart();
    let raised = s.say(&hub, 1, raise());
    let ack = s.say(&desk, 2, F::Acknowledged { raise: raised });
    let resolved = s.say(&desk, 3, F::Resolved { ack, outcome: Outcome::FalseAlarm, note: None });
    other.say(&daughter, 2, raise());
    s.join(&mut other);
    assert_eq!(s.view().stage, Stage::Resolved);
    assert_eq!(s.view().raises.len(), 2);

    let again = s.view().raise(raise());
    assert_eq!(again, F::Reopened { resolved, note: None });
    let plain = s.say(&hub, 9, raise());
    assert_eq!(reason(&s.view(), plain), Some(Reason::AlreadyResolved));
    let mut other = s.apart();
    let reopened = s.say(&hub, 10, again.clone());
    let view = s.view();
    assert_eq!(view.reopenings(), 1);
    assert_eq!((view.stage, view.owner, view.since), (Stage::Raised, None, Some(Timestamp(10))));
    assert_eq!(view.round, Some(reopened));
    let stale = s.say(&daughter, 11, F::Acknowledged { raise: raised });
    assert_eq!(reason(&s.view(), stale), Some(Reason::EarlierRound));
    s.say(&daughter, 12, F::Acknowledged { raise: reopened });
    assert_eq!(s.view().owner.unwrap().party, daughter.author.party);
    // Opened again apart it is one round.
    other.say(&desk, 11, again);
    assert_eq!(other.view().reopenings(), 1);
    s.join(&mut other);
    assert_eq!(s.view().reopenings(), 1);
}

#[test]
fn calling_off_does_not_end_an_alert() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raised = s.say(&hub, 1, raise());
    let by_desk = s.say(&desk, 2, F::CalledOff { raise: raised });
    assert!(!s.view().called_off);
    s.say(&hub, 3, F::CalledOff { raise: raised });
    let view = s.view();
    assert!(view.called_off);
    assert_eq!(view.stage, Stage::Raised);
    assert_eq!(reason(&view, by_desk), Some(Reason::PartyMayNot));
}

#[test]
fn the_ladder_climbs_until_somebody_cares_and_goes_on_when_nobody_acts() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let held = Timestamp(1_000);
    assert_eq!(s.view().climb(watch(held, held)), Climb::Over);
    let raised = s.say(&hub, 1_000, raise());
    let view = s.view();
    let at = |ms| Timestamp(1_000 + ms);
    assert_eq!(
        view.climb(watch(held, at(0))),
        Climb::Climbing { due: 1, next_at: Some(at(MINUTE_MS)) }
    );
    assert_eq!(
        view.climb(watch(held, at(MINUTE_MS))),
        Climb::Climbing { due: 2, next_at: Some(at(2 * MINUTE_MS)) }
    );
    assert_eq!(
        view.climb(watch(held, at(5 * MINUTE_MS))),
        Climb::Climbing { due: 3, next_at: None }
    );
    // A raise dated in the future counts from when this node held it.
    let early = Timestamp(10);
    assert_eq!(
        view.climb(watch(early, Timestamp(10 + MINUTE_MS))),
        Climb::Climbing { due: 2, next_at: Some(Timestamp(10 + 2 * MINUTE_MS)) }
    );

    let ack = s.say(&desk, 1_000 + MINUTE_MS, F::Acknowledged { raise: raised });
    let view = s.view();
    let until = at(11 * MINUTE_MS);
    assert_eq!(view.climb(watch(held, at(5 * MINUTE_MS))), Climb::Paused { until: Some(until) });
    assert_eq!(view.climb(watch(held, until)), Climb::Climbing { due: 3, next_at: None });
    // An owner whose clock runs ahead has no more time than others.
    let owned = Watch { owned_ms: 10 * MINUTE_MS, ..watch(held, at(MINUTE_MS)) };
    assert_eq!(view.climb(owned), Climb::Climbing { due: 2, next_at: Some(at(2 * MINUTE_MS)) });
    s.say(&desk, 1_000 + 2 * MINUTE_MS, F::Responding { ack, within_ms: None });
    assert_eq!(s.view().climb(watch(held, at(60 * MINUTE_MS))), Climb::Paused { until: None });
    s.say(&desk, 9, F::Resolved { ack, outcome: Outcome::Helped, note: None });
    assert_eq!(s.view().climb(watch(held, at(60 * MINUTE_MS))), Climb::Over);
}

#[test]
fn a_report_counts_answers_and_leaves_drills_out() {
    let view = |raised: u64, acked: Option<u64>, drill: bool| {
        let mut s = scene();
        let (hub, desk) = (s.hub.clone(), s.desk.clone());
        let F::Raised { cause, what, ladder, .. } = raise() else { return s.view() };
        let (place, note, card) = (None, None, None);
        let raise = F::Raised { cause, what, ladder, place, note, card, drill, happened: None };
        let raise = s.say(&hub, raised, raise);
        if let Some(at) = acked {
            let ack = s.say(&desk, at, F::Acknowledged { raise });
            s.say(&desk, at + 1_000, F::Arrived { ack });
            let view = s.view();
            assert_eq!(
                (view.stage, view.arrived),
                (Stage::Responding, Some(Timestamp(at + 1_000)))
            );
            s.say(&desk, at, F::Resolved { ack, outcome: Outcome::Helped, note: None });
        }
        s.view()
    };
    // Of ten, one after two minutes, one never, one by a clock that runs behind.
    let mut views: Vec<AlertView> =
        (1..8).map(|n| view(1_000, Some(1_000 + n * 1_000), false)).collect();
    views.push(view(1_000, Some(1_000 + 2 * MINUTE_MS), false));
    views.push(view(9_000, Some(8_000), false));
    views.push(view(1_000, None, false));
    views.push(view(1_000, Some(9_000_000), true));
    // Who asked to be called was in no need.
    let mut call = view(1_000, None, false);
    call.what = Some(AlertKind::Call);
    views.push(call);
    let report = alert::report::report(views.iter());
    assert_eq!((report.alerts, report.drills, report.unanswered, report.open), (10, 1, 1, 1));
    assert_eq!((report.kinds[&AlertKind::Fall], report.outcomes[&Outcome::Helped]), (10, 9));
    assert_eq!(report.kinds[&AlertKind::Call], 1);
    let times = report.acknowledged.unwrap();
    assert_eq!((times.count, times.p50_ms), (9, 4_000));
    assert_eq!((times.p90_ms, times.p99_ms), (2 * MINUTE_MS, 2 * MINUTE_MS));
    assert_eq!(report.arrived.unwrap().p50_ms, 5_000);
    assert_eq!(report.answered_permille, [800, 900]);
    let none = alert::report::report(std::iter::empty());
    assert_eq!((none.acknowledged, none.answered_permille), (None, vec![]));
}

#[test]
fn who_is_on_the_way_says_when_they_come_and_others_are_told_where_they_do_not() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.say(&hub, 1_000, raise());
    let ack = s.say(&desk, 2_000, F::Acknowledged { raise });
    let minutes = |minutes: u64| Some(minutes * MINUTE_MS);
    let far = s.say(&desk, 3_000, F::Responding { ack, within_ms: Some(WITHIN_MS_MAX + 1) });
    let entry = s.view().timeline.into_iter().find(|entry| entry.id == far).unwrap();
    assert_eq!(entry.not_standing, Some(Reason::OutOfRange));
    assert_eq!(s.view().stage, Stage::Acknowledged);
    s.say(&desk, 4_000, F::Responding { ack, within_ms: minutes(20) });
    let climb = |s: &mut Scene, now: u64| {
        let now = Timestamp(now);
        let held_since = Timestamp(1_000);
        s.view().climb(Watch { held_since, now, awake_ms: now.0 - 1_000, owned_ms: 0 })
    };
    let late = 4_000 + 25 * MINUTE_MS;
    assert_eq!(climb(&mut s, late - 1), Climb::Paused { until: Some(Timestamp(late)) });
    assert!(matches!(climb(&mut s, late), Climb::Climbing { .. }), "they have not come");
    // What was said last counts; without a time nobody is late.
    s.say(&desk, late, F::Responding { ack, within_ms: minutes(10) });
    assert_eq!(s.view().expected, Some(Timestamp(late + 10 * MINUTE_MS)));
    assert!(matches!(climb(&mut s, late + 1), Climb::Paused { .. }));
    s.say(&desk, late + 2, F::Responding { ack, within_ms: None });
    assert_eq!(climb(&mut s, 100 * late), Climb::Paused { until: None });
    s.say(&desk, late + 3, F::Responding { ack, within_ms: minutes(0) });
    s.say(&desk, late + 4, F::Arrived { ack });
    assert_eq!(climb(&mut s, 100 * late), Climb::Paused { until: None }, "somebody is there");
}

#[test]
fn what_happened_before_it_could_be_raised_says_when() {
    let mut s = scene();
    let (hub, daughter) = (s.hub.clone(), s.daughter.clone());
    let pressed = |at: u64| {
        let F::Raised { cause, what, ladder, place, note, card, drill, .. } = raise() else {
            unreachable!()
        };
        let happened = Some(Timestamp(at));
        F::Raised { cause, what, ladder, place, note, card, drill, happened }
    };
    s.say(&hub, 9_000, pressed(9_000));
    assert_eq!(s.view().happened, None, "it is the time of the raise");
    s.say(&hub, 9_001, pressed(8_000));
    s.say(&daughter, 9_002, pressed(8_500));
    assert_eq!(s.view().happened, Some(Timestamp(8_000)), "the earliest");
    assert_eq!(s.view().since, Some(Timestamp(9_000)), "the ladder counts from the raise");
}
