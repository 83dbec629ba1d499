//! Contact with elders who live alone: what counts, when it is due, and the alert that there was none.

use automerge::AutoCommit;
use linli_model::alert::{
    self, AlertFact, AlertKind, AlertView, Climb, Ladder, Outcome, Stage, Watch, alert_id,
};
use linli_model::author::{PartyKind, Role};
use linli_model::contact::{
    self, Contact, ContactFact as F, ContactsView, Due, Means, Rule, SKEW_MS, State, morning,
};
use linli_model::event::{FactId, Reason};
use linli_model::profile::{self, ProfileField};
use linli_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use uuid::Uuid;

use crate::community::{Directory, Node, commit, directory, node, sync};

const ELDER: Uuid = Uuid::from_u128(7);

/// Noon of the first of March 2027 in China.
fn noon() -> Timestamp {
    Timestamp::parse_rfc3339("2027-03-01T04:00:00Z").unwrap()
}

fn phone(when: u64) -> F {
    F::Noted { by: Means::Phone, when: Timestamp(when), note: None }
}

fn desk() -> Node {
    node(1, PartyKind::Centre, Some(Role::Operator))
}

fn verdicts(view: &ContactsView) -> Vec<Option<Reason>> {
    view.timeline.iter().map(|entry| entry.not_standing.clone()).collect()
}

/// What a fact of somebody comes to.
fn judged(who: &Node, fact: F) -> Option<Reason> {
    let people = directory(&[who]);
    let mut doc = who.doc();
    who.say(&mut doc, &people, 100, fact);
    verdicts(&contact::view(doc.document(), &people)).remove(0)
}

#[test]
fn a_person_who_serves_writes_contact_down_and_not_before_it_was() {
    assert_eq!(judged(&desk(), phone(100 + SKEW_MS)), None);
    assert_eq!(judged(&desk(), phone(101 + SKEW_MS)), Some(Reason::OutOfRange));
    let alert = F::Noted { by: Means::Alert, when: Timestamp(1), note: None };
    assert_eq!(judged(&desk(), alert), Some(Reason::OutOfRange));
    let as_who = |kind, role| judged(&node(3, kind, role), phone(1));
    assert_eq!(as_who(PartyKind::Centre, None), Some(Reason::PersonNeeded));
    assert_eq!(as_who(PartyKind::Household, Some(Role::Elder)), Some(Reason::RoleMayNot));
    assert_eq!(as_who(PartyKind::Household, Some(Role::Family)), None);
    assert_eq!(as_who(PartyKind::Provider, Some(Role::Carer)), None);
    assert_eq!(as_who(PartyKind::Regulator, Some(Role::Official)), Some(Reason::PartyMayNot));
}

#[test]
fn a_mistake_is_taken_back_by_who_made_it_or_a_centre() {
    let (desk, carer) = (desk(), node(2, PartyKind::Provider, Some(Role::Carer)));
    let people = directory(&[&desk, &carer]);
    let mut doc = carer.doc();
    let carers = carer.say(&mut doc, &people, 100, phone(90));
    doc.set_actor(desk.actor.clone());
    let desks = desk.say(&mut doc, &people, 101, phone(80));
    let seen = contact::view(doc.document(), &people);
    assert_eq!(seen.contacts.values().max().unwrap().fact, carers);
    desk.say(&mut doc, &people, 102, F::TakenBack { noted: carers });
    desk.say(&mut doc, &people, 103, F::TakenBack { noted: carers });
    doc.set_actor(carer.actor.clone());
    carer.say(&mut doc, &people, 104, F::TakenBack { noted: desks });
    let view = contact::view(doc.document(), &people);
    let why = [None, None, None, Some(Reason::AlreadyDone), Some(Reason::PartyMayNot)];
    assert_eq!(verdicts(&view), why);
    assert_eq!(view.contacts.keys().collect::<Vec<_>>(), [&desks]);
    assert_eq!(view.taken_back, [carers].into());
}

#[test]
fn the_profile_says_after_how_many_days_and_the_fewest_count() {
    let (desk, hub) = (desk(), node(2, PartyKind::Household, None));
    let people = directory(&[&desk, &hub]);
    let write = |of: &Node, doc: &mut AutoCommit, at, field, value: &str| {
        doc.set_actor(of.actor.clone());
        profile::set(doc, field, value).unwrap();
        commit(doc, at);
    };
    let mut doc = desk.doc();
    let read = |doc: &mut AutoCommit| contact::rule(&profile::view(doc.document(), &people));
    write(&desk, &mut doc, 5, ProfileField::LivingSituation, "with_spouse");
    assert_eq!(read(&mut doc), Rule::default());
    write(&desk, &mut doc, 6, ProfileField::LivingSituation, "alone");
    let alone = Rule { lives_alone: true, since: Timestamp(6), ..Rule::default() };
    assert_eq!(read(&mut doc), alone);
    // Written apart: nobody's word is passed over.
    let mut other = doc.fork();
    write(&desk, &mut doc, 9, ProfileField::ContactDays, "0");
    assert_eq!(read(&mut doc).days, Some(0));
    write(&hub, &mut other, 8, ProfileField::ContactDays, "3");
    sync(&mut doc, &mut other);
    assert_eq!(read(&mut doc), Rule { days: Some(3), since: Timestamp(8), ..alone });
    assert_eq!(read(&mut doc), read(&mut other));
    for wrong in ["", "-1", "91", "03", "3.0", "three"] {
        assert!(profile::set(&mut doc, ProfileField::ContactDays, wrong).is_err(), "{wrong}");
    }
}

fn last(at: Timestamp) -> Contact {
    Contact { at, fact: FactId([4; 32]), by: Means::Phone, author: desk().author }
}

fn due(rule: &Rule, usual: Option<u16>, last: Option<&Contact>, now: Timestamp) -> Option<Due> {
    contact::due(ELDER, rule, usual, last, now)
}

#[test]
fn contact_is_due_when_the_days_are_over_by_the_calendar() {
    let rule = Rule { lives_alone: true, since: noon(), ..Rule::default() };
    assert_eq!(due(&rule, None, None, noon()), None, "nobody looks");
    assert_eq!(due(&rule, Some(0), None, noon()), None);
    let never = Rule { days: Some(0), ..rule.clone() };
    assert_eq!(due(&never, Some(3), None, noon()), None);
    let with_others = Rule { lives_alone: false, ..rule.clone() };
    assert_eq!(due(&with_others, Some(3), None, noon()), None);
    let own = Rule { days: Some(2), ..with_others };
    assert_eq!(due(&own, Some(3), None, noon()).unwrap().day, "2027-03-03");

    let state = |last: Option<&Contact>, days: u64, ms: u64| {
        let now = noon().plus_ms(days * DAY_MS + ms);
        due(&rule, Some(3), last, now).map(|due| (due.day, due.state)).unwrap()
    };
    assert_eq!(state(None, 2, 12 * HOUR_MS - 1), ("2027-03-04".to_owned(), State::Later));
    assert_eq!(state(None, 2, 12 * HOUR_MS).1, State::Today);
    assert_eq!(state(None, 3, 12 * HOUR_MS - 1).1, State::Today);
    assert_eq!(state(None, 3, 12 * HOUR_MS).1, State::Overdue);
    let contact = last(noon().plus_ms(2 * DAY_MS));
    assert_eq!(state(Some(&contact), 4, 0), ("2027-03-06".to_owned(), State::Later));
    // Older than the rule, and it is what there was.
    let long_ago = last(Timestamp(noon().0 - 30 * DAY_MS));
    assert_eq!(state(Some(&long_ago), 0, 0).1, State::Overdue);
    // A clock that was wrong, or this one was set back: nothing is raised for it, and it is told.
    let ahead = last(noon().plus_ms(SKEW_MS + 1));
    assert_eq!(state(Some(&ahead), 0, 0).1, State::Ahead);
    assert_eq!(state(Some(&last(noon().plus_ms(SKEW_MS))), 0, 0).1, State::Later);
}

#[test]
fn who_is_away_is_asked_on_the_day_after() {
    let away = Some("2027-03-10".to_owned());
    let rule = Rule { lives_alone: true, since: noon(), away_until: away, ..Rule::default() };
    let on = |days: u64| due(&rule, Some(3), None, noon().plus_ms(days * DAY_MS)).unwrap();
    assert_eq!(
        (on(9).state, on(10).state, on(11).state),
        (State::Away, State::Today, State::Overdue)
    );
    assert_eq!(on(0).day, "2027-03-11");
    let for_ever = Rule { away_until: Some("9999-12-31".to_owned()), ..rule };
    assert_eq!(
        due(&for_ever, Some(3), None, noon().plus_ms(90 * DAY_MS)).unwrap().state,
        State::Away
    );
}

/// An alert that nobody was in contact, raised by the hub and the centre apart.
struct Scene {
    hub: Node,
    desk: Node,
    people: Directory,
    doc: AutoCommit,
    due: Due,
}

fn scene() -> Scene {
    let (hub, desk) = (node(2, PartyKind::Household, None), desk());
    let people = directory(&[&hub, &desk]);
    let rule = Rule { lives_alone: true, since: noon(), ..Rule::default() };
    let at = noon().plus_ms(9 * DAY_MS);
    let due = due(&rule, Some(3), Some(&last(noon())), at).unwrap();
    let raised = |cause| AlertFact::Raised {
        cause,
        what: AlertKind::NoContact,
        ladder: Ladder::common(AlertKind::NoContact),
        place: None,
        note: Some(ELDER.to_string().into()),
        card: None,
        drill: false,
        happened: None,
    };
    let mut doc = hub.doc();
    let mut other = desk.doc();
    hub.say(&mut doc, &people, at.0, raised(due.cause.clone()));
    // Whoever knows the same raises the same, whatever its clock says.
    let again = contact::due(ELDER, &rule, Some(9), Some(&last(noon())), at.plus_ms(DAY_MS));
    desk.say(&mut other, &people, at.0 + 1, raised(again.unwrap().cause));
    sync(&mut doc, &mut other);
    Scene { hub, desk, people, doc, due }
}

/// A day after the alert was raised.
fn later_on() -> Timestamp {
    noon().plus_ms(10 * DAY_MS)
}

fn ends(view: &AlertView, last: &Contact) -> bool {
    contact::ends(view, last, later_on())
}

impl Scene {
    fn view(&mut self) -> AlertView {
        alert::view(alert_id(&self.due.cause), self.doc.document(), &self.people)
    }

    fn say(&mut self, who: &Node, fact: AlertFact) -> Option<Reason> {
        self.doc.set_actor(who.actor.clone());
        let id = who.say(&mut self.doc, &self.people, later_on().0, fact);
        let view = self.view();
        view.timeline.into_iter().find(|entry| entry.id == id).unwrap().not_standing
    }

    fn acknowledged(&mut self, who: &Node) -> FactId {
        let raise = self.view().round.unwrap();
        assert_eq!(self.say(who, AlertFact::Acknowledged { raise }), None);
        self.view().owner.unwrap().fact
    }

    fn reopened(&mut self, who: &Node) {
        let resolved = self.view().resolved.unwrap();
        assert_eq!(self.say(who, AlertFact::Reopened { resolved, note: None }), None);
    }

    fn contacted(&mut self, who: &Node, when: Timestamp) -> Option<Reason> {
        let raise = self.view().round.unwrap();
        let (contact, by) = (FactId([6; 32]), Means::Visit);
        self.say(who, AlertFact::Contacted { raise, contact, by, when })
    }
}

#[test]
fn one_alert_is_over_with_the_next_contact_whoever_knows_of_it() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let view = s.view();
    assert_eq!((view.stage, view.raises.len()), (Stage::Raised, 2));
    assert!(!ends(&view, &last(noon())), "that is what it counts from");
    let later = last(Timestamp(noon().0 + 1));
    assert!(ends(&view, &later), "also of a day before it was raised");
    let ahead = last(later_on().plus_ms(SKEW_MS + 1));
    assert!(!ends(&view, &ahead), "a clock was wrong");
    assert!(ends(&view, &last(later_on().plus_ms(SKEW_MS))));
    for wrong in [noon(), ahead.at] {
        assert_eq!(s.contacted(&hub, wrong), Some(Reason::OutOfRange));
    }
    assert_eq!(s.contacted(&hub, later.at), None);
    let view = s.view();
    assert_eq!((view.stage, view.outcome), (Stage::Resolved, Some(Outcome::Contacted)));
    assert!(!ends(&view, &later));
    assert_eq!(s.contacted(&desk, later.at), Some(Reason::AlreadyResolved));
    // Who sees this alone knows of the contact, as the fact that it is.
    let known = contact::of_alert(&s.view());
    let [known] = &known[..] else { panic!("{known:?}") };
    assert_eq!((known.at, known.fact, known.by), (later.at, FactId([6; 32]), Means::Visit));
}

#[test]
fn who_stands_at_the_door_has_met_nobody_yet() {
    let mut s = scene();
    let desk = s.desk.clone();
    let ack = s.acknowledged(&desk);
    assert_eq!(s.say(&desk, AlertFact::Responding { ack, within_ms: None }), None);
    assert_eq!(s.say(&desk, AlertFact::Arrived { ack }), None);
    let view = s.view();
    assert!(view.arrived.is_some());
    assert_eq!((view.stage, contact::of_alert(&view)), (Stage::Responding, Vec::new()));
}

#[test]
fn what_was_opened_again_by_hand_is_over_with_a_later_contact_only() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let before = last(Timestamp(noon().0 + 1));
    assert_eq!(s.contacted(&hub, before.at), None);
    s.reopened(&desk);
    assert_eq!(contact::of_alert(&s.view()), Vec::new());
    assert!(!ends(&s.view(), &before), "somebody had their reason");
    assert!(ends(&s.view(), &last(later_on().plus_ms(1))));

    let ack = s.acknowledged(&desk);
    let outcome = Outcome::Helped;
    assert_eq!(s.say(&desk, AlertFact::Resolved { ack, outcome, note: None }), None);
    let [helped] = &contact::of_alert(&s.view())[..] else { panic!("{:?}", s.view()) };
    s.reopened(&desk);
    assert_eq!((contact::of_alert(&s.view()), ends(&s.view(), helped)), (Vec::new(), false));

    // A node does where a contact was taken back, and any other ends it.
    let mut s = scene();
    assert_eq!(s.contacted(&hub, before.at), None);
    s.reopened(&hub);
    assert!(ends(&s.view(), &before));
}

#[test]
fn an_alert_waits_for_somebody_of_the_party_that_raised_it() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let waits = |s: &mut Scene, who: &Node| contact::is_waiting(&s.view(), who.author.party);
    let other = node(5, PartyKind::Centre, None);
    assert_eq!([&hub, &desk, &other].map(|who| waits(&mut s, who)), [true, true, false]);
    s.acknowledged(&desk);
    assert!(!waits(&mut s, &desk), "somebody has it");
}

/// What an alert of a kind comes to that a centre's person ends.
fn ended(what: AlertKind, outcome: Outcome, drill: bool) -> AlertView {
    let desk = desk();
    let people = directory(&[&desk]);
    let cause = alert::CauseId("x/1".to_owned());
    let (place, note, card, ladder) = (None, None, None, Ladder::common(what));
    let mut doc = desk.doc();
    let raised = AlertFact::Raised {
        cause: cause.clone(),
        what,
        ladder,
        place,
        note,
        card,
        drill,
        happened: None,
    };
    let raise = desk.say(&mut doc, &people, 1, raised);
    let ack = desk.say(&mut doc, &people, 2, AlertFact::Acknowledged { raise });
    desk.say(&mut doc, &people, 3, AlertFact::Resolved { ack, outcome, note: None });
    alert::view(alert_id(&cause), doc.document(), &people)
}

#[test]
fn a_mended_line_is_no_contact() {
    use AlertKind as K;
    let contacts = |what, outcome| contact::of_alert(&ended(what, outcome, false)).len();
    for what in [K::Silence, K::Power, K::CardOpened] {
        assert_eq!(contacts(what, Outcome::Helped), 0, "{what:?}");
        assert_eq!(contacts(what, Outcome::Hospital), 1, "{what:?}");
    }
    for what in [K::Button, K::Fall, K::NoContact, K::Other] {
        assert_eq!(contacts(what, Outcome::Helped), 1, "{what:?}");
    }
    assert!(contact::of_alert(&ended(K::Fall, Outcome::Helped, true)).is_empty());
}

#[test]
fn an_alert_that_ended_with_a_death_says_so_in_earnest_and_until_it_is_opened_again() {
    let died = |outcome, drill| contact::died(&ended(AlertKind::Fall, outcome, drill));
    assert!(died(Outcome::Died, false));
    assert!(!died(Outcome::Hospital, false) && !died(Outcome::Died, true));
    let mut s = scene();
    let desk = s.desk.clone();
    let family = node(6, PartyKind::Family, Some(Role::Family));
    s.people = directory(&[&s.hub, &desk, &family]);
    for (who, says) in [(&desk, true), (&family, false)] {
        let ack = s.acknowledged(who);
        let outcome = Outcome::Died;
        assert_eq!(s.say(who, AlertFact::Resolved { ack, outcome, note: None }), None);
        assert_eq!(contact::died(&s.view()), says, "a centre does");
        s.reopened(&desk);
        assert!(!contact::died(&s.view()));
    }
}

#[test]
fn only_an_alert_about_contact_ends_by_itself_and_nobody_says_so_by_hand() {
    let mut s = scene();
    let desk = s.desk.clone();
    let raise = s.view().round.unwrap();
    assert_eq!(s.say(&desk, AlertFact::Acknowledged { raise }), None);
    let ack = s.view().owner.unwrap().fact;
    let resolved = |outcome| AlertFact::Resolved { ack, outcome, note: None };
    assert_eq!(s.say(&desk, resolved(Outcome::Contacted)), Some(Reason::OutOfRange));
    assert_eq!(s.view().stage, Stage::Acknowledged);
    assert_eq!(s.say(&desk, resolved(Outcome::FalseAlarm)), None);
    assert_eq!(contact::of_alert(&s.view()).len(), 1, "somebody called");

    let people = directory(&[&desk]);
    let cause = alert::CauseId("fall/1".to_owned());
    let what = AlertKind::Fall;
    let ladder = Ladder::common(what);
    let (place, note, card) = (None, None, None);
    let fall = AlertFact::Raised {
        cause: cause.clone(),
        what,
        ladder,
        place,
        note,
        card,
        drill: false,
        happened: None,
    };
    let mut doc = desk.doc();
    let raise = desk.say(&mut doc, &people, 1, fall);
    let (contact, by, when) = (FactId([6; 32]), Means::Phone, Timestamp(2));
    desk.say(&mut doc, &people, 2, AlertFact::Contacted { raise, contact, by, when });
    let view = alert::view(alert_id(&cause), doc.document(), &people);
    assert_eq!(view.timeline[1].not_standing, Some(Reason::WrongReference));
    assert_eq!((view.resolved, contact::of_alert(&view)), (None, Vec::new()));
}

#[test]
fn it_waits_for_the_morning() {
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let eight = at("2027-03-02T00:00:00Z");
    assert_eq!(morning(noon()), None);
    assert_eq!(morning(at("2027-03-01T11:59:59Z")), None);
    assert_eq!(morning(at("2027-03-01T12:00:00Z")), Some(eight));
    assert_eq!(morning(at("2027-03-01T23:59:59Z")), Some(eight));
    assert_eq!(morning(eight), None);
    let mut s = scene();
    let view = s.view();
    let climb = |now: Timestamp| {
        view.climb(Watch { held_since: now, now, awake_ms: MINUTE_MS, owned_ms: 0 })
    };
    let day = noon().plus_ms(9 * DAY_MS);
    assert!(matches!(climb(day), Climb::Climbing { due: 1, .. }));
    let night = day.plus_ms(9 * HOUR_MS);
    assert_eq!(climb(night), Climb::Paused { until: morning(night) });
    // The night does not count: nobody's turn has passed when the day begins.
    let eight = morning(night).unwrap();
    let held = |now: Timestamp| Watch { held_since: day, now, awake_ms: DAY_MS, owned_ms: DAY_MS };
    assert_eq!(view.elapsed_ms(held(eight)), 0);
    assert_eq!(view.elapsed_ms(held(eight.plus_ms(HOUR_MS + 5))), HOUR_MS + 5);
    let desk = s.desk.clone();
    s.acknowledged(&desk);
    let view = s.view();
    let respond_ms = view.ladder.respond_ms;
    assert!(respond_ms > 0 && later_on().plus_ms(20 * HOUR_MS) == eight.plus_ms(DAY_MS));
    let owned = view.climb(held(eight.plus_ms(DAY_MS)));
    assert_eq!(owned, Climb::Paused { until: Some(eight.plus_ms(DAY_MS + respond_ms)) });
    assert!(!AlertKind::NoContact.is_emergency());
}
