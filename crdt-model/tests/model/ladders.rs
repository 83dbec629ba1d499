//! The steps of a ladder: who begins which, and that nothing is done twice that is done once.

use std::collections::BTreeSet;

use automerge::AutoCommit;
use linli_model::alert::plan::{self, LadderOf};
use linli_model::alert::{
    self, AlertFact as F, AlertKind, AlertView, CallEnd, CauseId, Climb, Here, Ladder, LadderAct,
    LadderError, Outcome, STEPS_MAX, Stage, Step, Watch, Way, alert_id,
};
use linli_model::author::{PartyId, PartyKind, Role};
use linli_model::event::{FactId, Reason};
use linli_model::field::FieldName as _;
use linli_model::silence::{Broken, Silent};
use linli_model::time::{DAY_MS, MINUTE_MS, Timestamp};

use crate::community::{Directory, Node, commit, directory, node, sync};

const ALL: [Way; 6] =
    [Way::DutyDesk, Way::Party, Way::Contact, Way::Neighbour, Way::Siren, Way::DialOut];

fn cause() -> CauseId {
    CauseId("fall/7".to_owned())
}

fn step(after_ms: u64, does: LadderAct) -> Step {
    Step { after_ms, does }
}

fn dial() -> Step {
    step(MINUTE_MS, LadderAct::DialOut { phone: "120".into() })
}

fn ladder() -> Ladder {
    let party = LadderAct::Party { party: PartyId([3; 32]) };
    let steps =
        vec![step(0, LadderAct::DutyDesk), step(30_000, LadderAct::Siren), dial(), step(0, party)];
    Ladder::new(steps, MINUTE_MS).unwrap()
}

fn raise(drill: bool) -> F {
    let (what, ladder) = (AlertKind::Fall, ladder());
    F::Raised {
        cause: cause(),
        what,
        ladder,
        place: None,
        note: None,
        card: None,
        drill,
        happened: None,
    }
}

fn here(of: &Node, ways: &[Way]) -> Here {
    let ways: BTreeSet<Way> = ways.iter().copied().collect();
    Here { node: of.author.node, party: of.author.party, kind: of.author.kind, ways }
}

struct Scene {
    hub: Node,
    desk: Node,
    daughter: Node,
    people: Directory,
    doc: AutoCommit,
    raised: FactId,
}

fn scene() -> Scene {
    let hub = node(1, PartyKind::Household, None);
    let desk = node(2, PartyKind::Centre, Some(Role::Operator));
    let daughter = node(3, PartyKind::Family, Some(Role::Family));
    let people = directory(&[&hub, &desk, &daughter]);
    let mut doc = hub.doc();
    let raised = hub.say(&mut doc, &people, 0, raise(false));
    Scene { hub, desk, daughter, people, doc, raised }
}

impl Scene {
    fn say(&mut self, who: &Node, at: u64, fact: F) -> FactId {
        self.doc.set_actor(who.actor.clone());
        who.say(&mut self.doc, &self.people, at, fact)
    }

    fn view(&mut self) -> AlertView {
        alert::view(alert_id(&cause()), self.doc.document(), &self.people)
    }

    /// What falls to a node, by the kinds of steps.
    fn turns(&mut self, of: &Node, elapsed: u64, age: u64) -> Vec<Way> {
        let turns = self.view().turns(&here(of, &ALL), elapsed, |_| age);
        turns.iter().map(|turn| turn.step.does.way()).collect()
    }
}

#[test]
fn each_rings_where_it_is_and_only_what_it_can() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    assert_eq!(s.turns(&desk, 0, 0), [Way::DutyDesk]);
    assert_eq!(s.turns(&daughter, 0, 0), [Way::Party]);
    assert_eq!(s.turns(&hub, 29_999, 0), []);
    assert_eq!(s.turns(&hub, 30_000, 0), [Way::Siren]);
    let view = s.view();
    assert_eq!(view.turns(&here(&hub, &[Way::DialOut]), 30_000, |_| 0), []);
    let rings = |of: &Node, ways: &[Way], at| {
        let here = here(of, ways);
        view.rings(&here, at).map(|step| step.does.way()).collect::<Vec<_>>()
    };
    assert_eq!(rings(&hub, &ALL, DAY_MS), [Way::Siren]);
    assert_eq!(rings(&hub, &[Way::DutyDesk], DAY_MS), []);
    assert_eq!(rings(&desk, &ALL, 0), [Way::DutyDesk]);
}

#[test]
fn a_call_is_made_once_whoever_makes_it() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    // The household first; another after it had time to say so.
    assert_eq!(s.turns(&hub, MINUTE_MS, 0), [Way::Siren, Way::DialOut]);
    assert_eq!(s.turns(&desk, MINUTE_MS, 0), [Way::DutyDesk]);
    assert_eq!(s.turns(&desk, MINUTE_MS + 15_000, 0), [Way::DutyDesk, Way::DialOut]);

    let raise = s.raised;
    let begun = s.say(&hub, 1, F::Climbed { raise, step: dial() });
    assert_eq!(s.turns(&desk, DAY_MS, 0), [Way::DutyDesk]);
    // Whoever began it and stopped does it when it is back; others when they have waited.
    let again = s.view().turns(&here(&hub, &[Way::DialOut]), DAY_MS, |_| 0);
    assert_eq!(again.iter().map(|turn| turn.begun).collect::<Vec<_>>(), [Some(begun)]);
    assert_eq!(s.turns(&desk, DAY_MS, 2 * MINUTE_MS), [Way::DutyDesk, Way::DialOut]);

    s.say(&hub, 2, F::StepEnded { climbed: begun, done: true, call: None });
    assert_eq!(s.turns(&desk, DAY_MS, DAY_MS), [Way::DutyDesk]);
    assert_eq!(s.turns(&hub, DAY_MS, DAY_MS), [Way::Siren]);
}

#[test]
fn what_one_could_not_do_another_does_too() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let begun = s.say(&hub, 1, F::Climbed { raise, step: dial() });
    s.say(&hub, 2, F::StepEnded { climbed: begun, done: false, call: None });
    assert_eq!(s.turns(&desk, DAY_MS, 0), [Way::DutyDesk, Way::DialOut]);
    // And it tries again itself: the line may have been busy.
    let again = s.view().turns(&here(&hub, &[Way::DialOut]), DAY_MS, |_| 0);
    assert_eq!(again.iter().map(|turn| turn.begun).collect::<Vec<_>>(), [Some(begun)]);
    s.say(&hub, 3, F::StepEnded { climbed: begun, done: true, call: None });
    assert_eq!(s.turns(&desk, DAY_MS, 0), [Way::DutyDesk]);
}

#[test]
fn who_climbed_apart_does_nothing_again_after_they_meet() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let mut other = Scene { doc: s.doc.fork(), ..scene() };
    let a = s.say(&hub, 1, F::Climbed { raise, step: dial() });
    s.say(&hub, 2, F::StepEnded { climbed: a, done: true, call: None });
    let b = other.say(&desk, 1, F::Climbed { raise, step: dial() });
    other.say(&desk, 2, F::StepEnded { climbed: b, done: true, call: None });
    sync(&mut s.doc, &mut other.doc);
    assert_eq!(s.view(), other.view());
    assert_eq!(s.view().climbed.len(), 2);
    assert_eq!(s.turns(&desk, DAY_MS, DAY_MS), [Way::DutyDesk]);
    assert_eq!(s.turns(&hub, DAY_MS, DAY_MS), [Way::Siren]);
}

#[test]
fn a_new_round_begins_the_ladder_anew() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let begun = s.say(&hub, 1, F::Climbed { raise, step: dial() });
    s.say(&hub, 2, F::StepEnded { climbed: begun, done: true, call: None });
    let ack = s.say(&desk, 3, F::Acknowledged { raise });
    let resolved = s.say(&desk, 4, F::Resolved { ack, outcome: Outcome::Helped, note: None });
    s.say(&hub, 5, F::Reopened { resolved, note: None });
    assert_eq!(s.view().climbed, []);
    assert_eq!(s.turns(&hub, DAY_MS, 0), [Way::Siren, Way::DialOut]);
    let late = s.say(&hub, 6, F::Climbed { raise, step: dial() });
    let view = s.view();
    let reason = |id| view.timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone();
    assert_eq!(reason(late), Some(Reason::EarlierRound));
}

#[test]
fn nobody_speaks_for_another_and_only_a_home_has_a_siren() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let siren = step(30_000, LadderAct::Siren);
    let wrong = s.say(&desk, 1, F::Climbed { raise, step: siren.clone() });
    let begun = s.say(&hub, 1, F::Climbed { raise, step: siren });
    let other = s.say(&desk, 2, F::StepEnded { climbed: begun, done: true, call: None });
    let view = s.view();
    let reason = |id| view.timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone();
    assert_eq!(reason(wrong), Some(Reason::PartyMayNot));
    assert_eq!(reason(other), Some(Reason::PartyMayNot));
    assert_eq!(view.climbed.iter().map(|begun| begun.done).collect::<Vec<_>>(), [None]);
}

#[test]
fn a_drill_that_somebody_raises_in_earnest_is_none() {
    let mut s = scene();
    let hub = s.hub.clone();
    s.doc = hub.doc();
    s.say(&hub, 0, raise(true));
    assert!(s.view().drill);
    s.say(&hub, 1, raise(false));
    assert!(!s.view().drill);
}

#[test]
fn a_clock_that_is_set_back_does_not_hold_a_ladder_up() {
    let mut s = scene();
    let view = s.view();
    let held = Timestamp(10 * MINUTE_MS);
    let watch = Watch { held_since: held, now: held, ..Watch::default() };
    assert_eq!(view.elapsed_ms(watch), 10 * MINUTE_MS);
    // The alert states a time of before; the clock goes back behind it.
    let back = Watch { awake_ms: 7 * MINUTE_MS, now: Timestamp(0), ..watch };
    assert_eq!(view.elapsed_ms(back), 7 * MINUTE_MS);
}

#[test]
fn nobody_keeps_the_household_from_calling() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let begun = s.say(&desk, 1, F::Climbed { raise, step: dial() });
    s.say(&desk, 2, F::StepEnded { climbed: begun, done: true, call: None });
    assert_eq!(s.turns(&hub, MINUTE_MS, 0), [Way::Siren, Way::DialOut]);
    // A provider neither calls nor says that it does.
    let provider = node(4, PartyKind::Provider, None);
    s.people.extend(directory(&[&provider]));
    let wrong = s.say(&provider, 3, F::Climbed { raise, step: dial() });
    let view = s.view();
    let reason = view.timeline.iter().find(|e| e.id == wrong).unwrap().not_standing.clone();
    assert_eq!(reason, Some(Reason::PartyMayNot));
    assert_eq!(s.turns(&provider, DAY_MS, 0), []);
}

#[test]
fn a_raise_of_somebody_who_knows_less_leaves_nobody_out() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let provider = node(4, PartyKind::Provider, None);
    s.people.extend(directory(&[&provider]));
    let with = |ladder: Ladder| {
        let (cause, what) = (cause(), AlertKind::Fall);
        let (place, note, card, drill) = (None, None, None, false);
        F::Raised { cause, what, ladder, place, note, card, drill, happened: None }
    };
    let empty = || Ladder { steps: Vec::new(), respond_ms: u64::MAX };
    // Whatever order the raises are in: their ids decide it.
    for first in [&desk, &hub] {
        s.doc = first.doc();
        s.say(first, 0, with(empty()));
        assert_eq!(s.view().ladder, Ladder::common(AlertKind::Fall));
        s.say(&desk, 1, with(Ladder::default()));
        s.say(&hub, 2, with(ladder()));
        // Nobody who provides services decides who is called.
        let phone = LadderAct::Contact { phone: "666".into() };
        s.say(&provider, 3, with(Ladder { steps: vec![step(0, phone)], respond_ms: 0 }));
        let view = s.view();
        let all = [Ladder::default().steps, ladder().steps].concat();
        assert!(all.iter().all(|step| view.ladder.steps.contains(step)), "{view:?}");
        assert_eq!((view.ladder.steps.len(), view.ladder.respond_ms), (6, MINUTE_MS));
    }
}

#[test]
fn only_a_centre_says_what_is_silent_and_of_a_silence_only() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let party = hub.author.party;
    let silent = || Silent { broken: Broken::Line, heard: Timestamp(0), parties: vec![party] };
    // The alert is a fall.
    s.say(&desk, 1, F::Silent { raise, silent: silent() });
    s.say(&desk, 2, F::HeardAgain { raise, party });
    assert!(s.view().silent.is_empty() && s.view().heard_again.is_empty());
}

#[test]
fn a_silence_that_is_over_climbs_no_further_and_sounds_no_siren() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    s.doc = desk.doc();
    let (what, ladder) = (AlertKind::Silence, Ladder::common(AlertKind::Silence));
    let (place, note, card, drill) = (None, None, None, false);
    let raised =
        F::Raised { cause: cause(), what, ladder, place, note, card, drill, happened: None };
    let raise = s.say(&desk, 0, raised);
    // Nobody else speaks of it.
    let of = |parties| Silent { broken: Broken::Line, heard: Timestamp(0), parties };
    s.say(&hub, 1, F::Silent { raise, silent: of(vec![desk.author.party]) });
    let parties = vec![hub.author.party, daughter.author.party];
    s.say(&desk, 1, F::Silent { raise, silent: of(parties) });
    let climbs = |s: &mut Scene| {
        let watch = Watch { now: Timestamp(1), ..Watch::default() };
        let climb = s.view().climb(watch);
        matches!(climb, Climb::Climbing { .. })
    };
    s.say(&desk, 2, F::HeardAgain { raise, party: hub.author.party });
    assert!(climbs(&mut s));
    s.say(&desk, 3, F::HeardAgain { raise, party: daughter.author.party });
    assert!(!climbs(&mut s));
    assert_eq!(s.view().stage, Stage::Raised);
    let sounds = |kind| Ladder::common(kind).steps.iter().any(|s| s.does == LadderAct::Siren);
    assert!(!sounds(AlertKind::Silence) && sounds(AlertKind::Button));
    let call = Ladder::common(AlertKind::Call);
    assert!(!sounds(AlertKind::Call) && call.steps.contains(&step(0, LadderAct::DutyDesk)));
}

#[test]
fn ladders_are_in_order_and_within_bounds() {
    let of = |steps| Ladder::new(steps, 0);
    assert_eq!(of(vec![]), Err(LadderError::Steps));
    let many = (0..=STEPS_MAX as u64).map(|at| step(at, LadderAct::Siren)).collect();
    assert_eq!(of(many), Err(LadderError::Steps));
    assert_eq!(of(vec![step(DAY_MS + 1, LadderAct::Siren)]), Err(LadderError::TooLate));
    for phone in ["", "12", "1a0", "++86138", "138 0013", "123456789012345678901"] {
        let contact = LadderAct::Contact { phone: phone.into() };
        assert_eq!(of(vec![step(0, contact)]), Err(LadderError::Phone), "{phone}");
    }
    let both = of(vec![step(9, LadderAct::Siren), step(0, LadderAct::DutyDesk)]).unwrap();
    assert_eq!(both.steps.iter().map(|step| step.after_ms).collect::<Vec<_>>(), [0, 9]);
}

#[test]
fn ladders_written_apart_are_all_climbed_until_somebody_chooses() {
    let hub = node(1, PartyKind::Household, None);
    let desk = node(2, PartyKind::Centre, None);
    let provider = node(3, PartyKind::Provider, None);
    let people = directory(&[&hub, &desk, &provider]);
    let (fall, others) = (LadderOf::Kind(AlertKind::Fall), LadderOf::Others);
    let one = |at, does, respond| Ladder::new(vec![step(at, does)], respond).unwrap();
    let mut doc = hub.doc();
    plan::set(&mut doc, others, &one(0, LadderAct::DutyDesk, 9)).unwrap();
    commit(&mut doc, 1);
    let mut apart = doc.fork().with_actor(desk.actor);
    plan::set(&mut doc, fall, &one(5, LadderAct::Siren, 9)).unwrap();
    commit(&mut doc, 2);
    plan::set(&mut apart, fall, &one(0, LadderAct::Neighbour, 7)).unwrap();
    commit(&mut apart, 2);
    sync(&mut doc, &mut apart);
    let view = plan::view(doc.document(), &people);
    let both = Ladder {
        steps: vec![step(0, LadderAct::Neighbour), step(5, LadderAct::Siren)],
        respond_ms: 7,
    };
    assert_eq!(plan::ladder(&view, AlertKind::Fall), Some(both));
    assert_eq!(plan::ladder(&view, AlertKind::Gas), Some(one(0, LadderAct::DutyDesk, 9)));
    // A provider decides about nobody's ladder.
    let mut doc = doc.with_actor(provider.actor);
    plan::set(&mut doc, fall, &one(1, LadderAct::DutyDesk, 1)).unwrap();
    commit(&mut doc, 3);
    let view = plan::view(doc.document(), &people);
    assert_eq!(plan::ladder(&view, AlertKind::Fall), Some(one(0, LadderAct::DutyDesk, 9)));
    plan::clear(&mut doc, others).unwrap();
    commit(&mut doc, 4);
    assert_eq!(plan::ladder(&plan::view(doc.document(), &people), AlertKind::Gas), None);
}

#[test]
fn who_asks_to_be_called_is_told_at_the_desk_alone() {
    let common = Ladder::common(AlertKind::Call);
    assert_eq!(common.steps, [step(0, LadderAct::DutyDesk)]);
    let hub = node(1, PartyKind::Household, None);
    let people = directory(&[&hub]);
    let mut doc = hub.doc();
    plan::set(&mut doc, LadderOf::Others, &ladder()).unwrap();
    commit(&mut doc, 1);
    let view = plan::view(doc.document(), &people);
    assert_eq!(plan::ladder(&view, AlertKind::Button), Some(ladder()));
    assert_eq!(plan::ladder(&view, AlertKind::Call), None);
    let own = Ladder::new(vec![step(1, LadderAct::Neighbour)], 0).unwrap();
    plan::set(&mut doc, LadderOf::Kind(AlertKind::Call), &own).unwrap();
    commit(&mut doc, 2);
    let view = plan::view(doc.document(), &people);
    assert_eq!(plan::ladder(&view, AlertKind::Call), Some(own));
}

#[test]
fn each_kind_has_the_word_that_documents_have() {
    for kind in AlertKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        assert_eq!(LadderOf::of_key(kind.word()), Some(LadderOf::Kind(kind)));
    }
}

#[test]
fn whoever_presses_a_key_is_no_owner_and_holds_no_step_up() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let before = (s.view().owner, s.view().stage, s.view().climb(Watch::default()));
    let begun = s.say(&hub, 1, F::Climbed { raise, step: dial() });
    let call = Some(CallEnd::Busy);
    s.say(&hub, 2, F::StepEnded { climbed: begun, done: false, call });
    assert_eq!(s.turns(&desk, DAY_MS, 0), [Way::DutyDesk, Way::DialOut]);
    let call = Some(CallEnd::Accepted);
    s.say(&hub, 3, F::StepEnded { climbed: begun, done: true, call });
    let view = s.view();
    assert_eq!((view.climbed[0].call, view.climbed[0].done), (call, Some(true)));
    assert_eq!((view.owner.clone(), view.stage, view.climb(Watch::default())), before);
    // The call is not made again; all else is done as before.
    assert_eq!(s.turns(&desk, DAY_MS, DAY_MS), [Way::DutyDesk]);
    assert_eq!(s.turns(&hub, DAY_MS, DAY_MS), [Way::Siren]);
    // Nobody says it of a step that another began.
    s.say(&desk, 4, F::StepEnded { climbed: begun, done: true, call: Some(CallEnd::Declined) });
    assert_eq!(s.view().climbed[0].call, call);
}

#[test]
fn in_a_drill_no_step_calls_an_emergency_service() {
    let mut s = scene();
    let phone = |number: &str| LadderAct::Contact { phone: number.into() };
    let neighbours = [phone("+86120"), phone("13800138000"), phone("110")];
    let steps = neighbours.map(|does| Step { after_ms: 0, does });
    let mut view = s.view();
    view.ladder.steps = steps.to_vec();
    let hub = here(&s.hub, &[Way::Contact]);
    assert_eq!(view.turns(&hub, 0, |_| 0).len(), 3);
    view.drill = true;
    let turns = view.turns(&hub, 0, |_| 0);
    assert_eq!(turns.iter().map(|turn| &turn.step).collect::<Vec<_>>(), [&steps[1]]);
}

#[test]
fn what_ends_a_step_is_a_key_or_an_emergency_service_that_was_spoken_to() {
    use CallEnd as E;
    for (end, done, answered) in [
        (E::Accepted, true, true),
        (E::Declined, true, true),
        (E::Spoken, true, true),
        (E::Unconfirmed, false, true),
        (E::Rejected, false, true),
        (E::Busy, false, false),
        (E::NoAnswer, false, false),
        (E::NoNumber, false, false),
        (E::NotAllowed, false, false),
        (E::NoLine, false, false),
    ] {
        assert_eq!((end.is_done(), end.is_answered()), (done, answered), "{end:?}");
    }
}

#[test]
fn a_call_that_a_person_decided_upon_is_made_again_for_five_minutes() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let own = step(7, LadderAct::DialOut { phone: "120".into() });
    let begun = s.say(&desk, 1_000, F::Climbed { raise, step: own.clone() });
    // Whoever has the alert.
    s.say(&desk, 1_000, F::Acknowledged { raise });
    let decided = |s: &mut Scene, of: &Node, minute: u64| {
        let now = Timestamp(1_000 + minute * MINUTE_MS);
        s.view().decided(of.author.node, now).collect::<Vec<_>>()
    };
    let turns = decided(&mut s, &desk, 1);
    assert_eq!(turns.len(), 1);
    assert_eq!((&turns[0].step, turns[0].begun), (&own, Some(begun)));
    assert_eq!(decided(&mut s, &hub, 1), []);
    s.say(&desk, 1_001, F::StepEnded { climbed: begun, done: false, call: Some(CallEnd::Busy) });
    assert_eq!(decided(&mut s, &desk, 4).len(), 1);
    assert_eq!(decided(&mut s, &desk, 5), []);
    s.say(&desk, 1_002, F::StepEnded { climbed: begun, done: true, call: Some(CallEnd::Spoken) });
    assert_eq!(decided(&mut s, &desk, 1), []);
    // A step of a ladder is decided upon by nobody.
    s.say(&hub, 1_003, F::Climbed { raise, step: dial() });
    assert_eq!(decided(&mut s, &hub, 0), []);
}

#[test]
fn an_emergency_service_is_called_once_by_whatever_step() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raise = s.raised;
    let own = step(7, LadderAct::Contact { phone: "+86120".into() });
    let begun = s.say(&desk, 1, F::Climbed { raise, step: own });
    assert_eq!(s.turns(&desk, DAY_MS, 0), [Way::DutyDesk]);
    // The household calls, whatever others say.
    assert_eq!(s.turns(&hub, DAY_MS, 0), [Way::Siren, Way::DialOut]);
    // The one that began it says nothing, or could not.
    assert_eq!(s.turns(&desk, DAY_MS, 2 * MINUTE_MS), [Way::DutyDesk, Way::DialOut]);
    s.say(&desk, 2, F::StepEnded { climbed: begun, done: false, call: Some(CallEnd::Busy) });
    assert_eq!(s.turns(&desk, DAY_MS, 0), [Way::DutyDesk, Way::DialOut]);
    s.say(&desk, 3, F::StepEnded { climbed: begun, done: true, call: Some(CallEnd::Spoken) });
    assert_eq!(s.turns(&desk, DAY_MS, DAY_MS), [Way::DutyDesk]);
}
