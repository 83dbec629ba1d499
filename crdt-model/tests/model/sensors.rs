//! What should speak in a home, and monitoring that is off: signed, bounded, the same in every order.

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ROOT};
use linli_model::alert::{
    self, AlertFact, AlertKind, AlertView, CauseId, Climb, Ladder, Watch, alert_id,
};
use linli_model::author::{PartyKind, Role};
use linli_model::contact::SKEW_MS;
use linli_model::document::{canonical, commit_options};
use linli_model::event::{FactId, Reason};
use linli_model::sensor::{
    self, NAME_MAX, OFF_MS_MAX, REASON_MAX, SENSORS_MAX, SILENT_MS, SensorFact as F, SensorsView,
    SilentSensor,
};
use linli_model::time::Timestamp;
use uuid::Uuid;

use crate::community::{Directory, Node, directory, node, sync};

const ELDER: Uuid = Uuid::from_u128(7);
const HOUR: u64 = 3_600_000;

fn daughter() -> Node {
    node(2, PartyKind::Household, Some(Role::Family))
}

fn desk() -> Node {
    node(1, PartyKind::Centre, Some(Role::Operator))
}

fn expected(sensor: &str, silent_after_ms: u64) -> F {
    F::Expected { sensor: sensor.into(), silent_after_ms }
}

fn off(sensor: Option<&str>, until: u64) -> F {
    F::SwitchedOff {
        sensor: sensor.map(Into::into),
        until: Timestamp(until),
        reason: "painting".into(),
    }
}

fn reason_of(view: &SensorsView, id: FactId) -> Option<Reason> {
    view.timeline.iter().find(|entry| entry.id == id).unwrap().not_standing.clone()
}

/// What a fact of somebody comes to, said at 100.
fn judged(who: &Node, fact: F) -> Option<Reason> {
    let people = directory(&[who]);
    let mut doc = who.doc();
    let id = who.say(&mut doc, &people, 100, fact);
    reason_of(&sensor::view(doc.document(), &people), id)
}

#[test]
fn a_named_person_of_those_who_live_or_serve_there_says_it() {
    for fact in [expected("smoke", HOUR), off(None, 101)] {
        let by = |kind, role| judged(&node(3, kind, role), fact.clone());
        assert_eq!(by(PartyKind::Household, Some(Role::Family)), None);
        assert_eq!(by(PartyKind::Household, Some(Role::Elder)), None, "it is their home");
        assert_eq!(by(PartyKind::Centre, Some(Role::Operator)), None);
        assert_eq!(by(PartyKind::Centre, None), Some(Reason::PersonNeeded));
        assert_eq!(by(PartyKind::Household, None), Some(Reason::PersonNeeded));
        assert_eq!(by(PartyKind::Provider, Some(Role::Carer)), Some(Reason::PartyMayNot));
    }
}

#[test]
fn what_is_said_has_its_bounds() {
    let bad = Some(Reason::OutOfRange);
    let who = daughter();
    let long = "长".repeat(NAME_MAX);
    assert_eq!(judged(&who, expected(&long, *SILENT_MS.start())), None);
    assert_eq!(judged(&who, expected("smoke", *SILENT_MS.end())), None);
    for wrong in ["", " smoke", "smo\nke", &format!("{long}x")] {
        assert_eq!(judged(&who, expected(wrong, HOUR)), bad, "{wrong:?}");
        assert_eq!(judged(&who, off(Some(wrong), 101)), bad, "{wrong:?}");
    }
    for wrong in [0, SILENT_MS.start() - 1, SILENT_MS.end() + 1, u64::MAX] {
        assert_eq!(judged(&who, expected("smoke", wrong)), bad, "{wrong}");
    }
    assert_eq!(judged(&who, off(None, 100 + OFF_MS_MAX)), None);
    // What ends before it begins was never off; and nothing is off for ever.
    for wrong in [0, 99, 100, 101 + OFF_MS_MAX, u64::MAX] {
        assert_eq!(judged(&who, off(None, wrong)), bad, "{wrong}");
    }
    let why = |reason: &str| {
        judged(&who, F::SwitchedOff { sensor: None, until: Timestamp(101), reason: reason.into() })
    };
    assert_eq!(why(&"因".repeat(REASON_MAX)), None);
    assert_eq!((why(""), why(&"因".repeat(REASON_MAX + 1))), (bad.clone(), bad));
}

#[test]
fn it_is_off_from_when_it_was_said_until_its_time_or_until_it_is_on() {
    let (who, desk) = (daughter(), desk());
    let people = directory(&[&who, &desk]);
    let mut doc = who.doc();
    let begun = 10 * SKEW_MS;
    let until = begun + HOUR;
    let all = who.say(&mut doc, &people, begun, off(None, until));
    let view = sensor::view(doc.document(), &people);
    let is_off = |view: &SensorsView, at: u64| view.off_at(Timestamp(at)).next().is_some();
    assert!(!is_off(&view, begun - SKEW_MS - 1), "said by a clock that is ahead");
    assert!(is_off(&view, begun - SKEW_MS) && is_off(&view, until - 1));
    assert!(!is_off(&view, until), "it ends by itself");
    assert!(view.off[&all].is_of("smoke"));
    doc.set_actor(desk.actor.clone());
    let smoke = desk.say(&mut doc, &people, begun + 1, off(Some("smoke"), until));
    let on = desk.say(&mut doc, &people, begun + 2, F::SwitchedOn { off: all });
    let again = desk.say(&mut doc, &people, begun + 3, F::SwitchedOn { off: all });
    let wrong = desk.say(&mut doc, &people, begun + 4, F::SwitchedOn { off: on });
    let view = sensor::view(doc.document(), &people);
    assert_eq!(view.off.keys().collect::<Vec<_>>(), [&smoke]);
    assert!(view.off[&smoke].is_of("smoke") && !view.off[&smoke].is_of("gas"));
    assert_eq!(reason_of(&view, on), None);
    assert_eq!(reason_of(&view, again), Some(Reason::AlreadyDone));
    assert_eq!(reason_of(&view, wrong), Some(Reason::WrongReference));
    // Who says it anew, having seen it, replaces it: also to a shorter time.
    let sooner = desk.say(&mut doc, &people, begun + 5, off(Some("smoke"), begun + 6));
    let view = sensor::view(doc.document(), &people);
    assert_eq!(view.off.keys().collect::<Vec<_>>(), [&sooner]);
}

#[test]
fn an_end_that_comes_before_its_beginning_waits_for_it() {
    let (who, desk) = (daughter(), desk());
    let people = directory(&[&who, &desk]);
    let mut begun = who.doc();
    let off = who.say(&mut begun, &people, 100, off(None, HOUR));
    // The desk has read the fact, and its own writing travels alone.
    let mut ended = desk.doc();
    let on = desk.say(&mut ended, &people, 101, F::SwitchedOn { off });
    let view = sensor::view(ended.document(), &people);
    assert_eq!((view.off.len(), view.timeline.len(), view.waiting.len()), (0, 0, 1));
    assert_eq!((view.waiting[0].id, view.waiting[0].missing.clone()), (on, vec![off]));
    sync(&mut begun, &mut ended);
    for doc in [&mut begun, &mut ended] {
        let view = sensor::view(doc.document(), &people);
        assert!(view.off.is_empty() && view.waiting.is_empty());
    }
}

#[test]
fn what_was_said_apart_stands_side_by_side_whatever_the_order() {
    let (who, desk) = (daughter(), desk());
    let people = directory(&[&who, &desk]);
    let mut one = who.doc();
    let mut other = desk.doc();
    who.say(&mut one, &people, 100, expected("smoke", 9 * HOUR));
    who.say(&mut one, &people, 101, off(None, HOUR));
    let theirs = desk.say(&mut other, &people, 5, expected("smoke", 2 * HOUR));
    desk.say(&mut other, &people, 6, off(None, 2 * HOUR));
    let (mut left, mut right) = (one.fork(), other.fork());
    left.merge(&mut other).unwrap();
    right.merge(&mut one).unwrap();
    let views = [&mut left, &mut right].map(|doc| sensor::view(doc.document(), &people));
    assert_eq!(canonical(&views[0]).unwrap(), canonical(&views[1]).unwrap());
    let view = &views[0];
    assert_eq!(view.sensors(), [("smoke".to_owned(), 2 * HOUR)].into(), "the shortest silence");
    assert_eq!((view.expected.len(), view.off.len()), (2, 2));
    assert!(view.off_at(Timestamp(2 * HOUR - 1)).next().is_some(), "the longer one");
    left.set_actor(who.actor.clone());
    who.say(&mut left, &people, 200, F::Dropped { expected: theirs });
    let view = sensor::view(left.document(), &people);
    assert_eq!(view.sensors(), [("smoke".to_owned(), 9 * HOUR)].into());
    who.say(&mut left, &people, 201, expected("smoke", HOUR));
    let view = sensor::view(left.document(), &people);
    assert_eq!((view.expected.len(), view.sensors()["smoke"]), (1, HOUR), "replaced");
}

#[test]
fn an_elder_has_so_many_sensors_and_no_more() {
    let who = daughter();
    let people = directory(&[&who]);
    let mut doc = who.doc();
    for number in 0..SENSORS_MAX {
        who.say(&mut doc, &people, 100, expected(&format!("sensor {number}"), HOUR));
    }
    let over = who.say(&mut doc, &people, 101, expected("one more", HOUR));
    let same = who.say(&mut doc, &people, 102, expected("sensor 3", 2 * HOUR));
    let view = sensor::view(doc.document(), &people);
    assert_eq!(reason_of(&view, over), Some(Reason::TooMany));
    assert_eq!(reason_of(&view, same), None);
    assert_eq!((view.sensors().len(), view.sensors()["sensor 3"]), (SENSORS_MAX, 2 * HOUR));
}

/// An alert of a hub about its sensors.
struct Scene {
    hub: Node,
    desk: Node,
    people: Directory,
    doc: AutoCommit,
}

fn scene(what: AlertKind) -> Scene {
    let (hub, desk) = (node(2, PartyKind::Household, None), desk());
    let people = directory(&[&hub, &desk]);
    let mut doc = hub.doc();
    let cause = CauseId("sensors/x/1".to_owned());
    let ladder = Ladder::common(what);
    let note = Some(ELDER.to_string().into());
    let raised = AlertFact::Raised {
        cause,
        what,
        ladder,
        place: None,
        note,
        card: None,
        drill: false,
        happened: None,
    };
    hub.say(&mut doc, &people, 1_000, raised);
    Scene { hub, desk, people, doc }
}

fn silent(names: &[&str]) -> Vec<SilentSensor> {
    let of = |name: &&str| SilentSensor {
        elder: ELDER,
        sensor: (*name).into(),
        seen: Some(Timestamp(9)),
    };
    names.iter().map(of).collect()
}

impl Scene {
    fn view(&mut self) -> AlertView {
        let id = alert_id(&CauseId("sensors/x/1".to_owned()));
        alert::view(id, self.doc.document(), &self.people)
    }

    fn say(&mut self, who: &Node, fact: AlertFact) -> Option<Reason> {
        self.doc.set_actor(who.actor.clone());
        let id = who.say(&mut self.doc, &self.people, 2_000, fact);
        self.view().timeline.into_iter().find(|entry| entry.id == id).unwrap().not_standing
    }

    fn silent(&mut self, who: &Node, names: &[&str]) -> Option<Reason> {
        let raise = self.view().round.unwrap();
        self.say(who, AlertFact::SensorsSilent { raise, sensors: silent(names) })
    }

    fn spoke(&mut self, who: &Node, name: &str) -> Option<Reason> {
        let raise = self.view().round.unwrap();
        self.say(who, AlertFact::SensorSpoke { raise, elder: ELDER, sensor: name.into() })
    }

    fn climbs(&mut self) -> bool {
        let watch = Watch {
            held_since: Timestamp(1_000),
            now: Timestamp(9_000),
            awake_ms: 8_000,
            owned_ms: 0,
        };
        matches!(self.view().climb(watch), Climb::Climbing { .. })
    }
}

#[test]
fn sensors_of_a_home_are_one_alert_that_rests_once_all_spoke_again() {
    let mut s = scene(AlertKind::Sensors);
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    assert_eq!(s.silent(&hub, &["smoke"]), None);
    assert_eq!(s.silent(&hub, &["gas", "smoke"]), None);
    assert_eq!(s.view().sensors.len(), 2, "each once");
    assert_eq!(s.spoke(&hub, "smoke"), None);
    assert!(s.climbs(), "the other is silent still");
    assert_eq!(s.spoke(&hub, "water"), Some(Reason::WrongReference));
    assert_eq!(s.spoke(&desk, "gas"), Some(Reason::PartyMayNot), "who hears them says so");
    assert_eq!(s.silent(&desk, &["bed"]), Some(Reason::PartyMayNot));
    assert_eq!(s.spoke(&hub, "gas"), None);
    assert!(!s.climbs());
    assert_eq!(s.silent(&hub, &["gas"]), None);
    assert!(s.climbs(), "and fell silent again");
    assert!(!AlertKind::Sensors.is_emergency() && !AlertKind::MonitoringOff.is_emergency());
    // The desk alone is rung, by day and by night.
    assert_eq!(Ladder::common(AlertKind::Sensors).steps.len(), 1);
    let mut other = scene(AlertKind::Button);
    assert_eq!(other.silent(&hub, &["smoke"]), Some(Reason::WrongReference));
}

#[test]
fn an_alert_tells_of_so_many_sensors_and_no_more() {
    let mut s = scene(AlertKind::Sensors);
    let hub = s.hub.clone();
    let names: Vec<String> = (0..256).map(|number| number.to_string()).collect();
    for some in names.chunks(32) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        assert_eq!(s.silent(&hub, &some), None);
    }
    assert_eq!(s.silent(&hub, &["over"]), Some(Reason::TooMany));
    assert_eq!(s.view().sensors.len(), 256);
}

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    author: VectorAuthor,
    body: serde_json::Value,
    verdict: String,
}

#[derive(serde::Deserialize)]
struct VectorAuthor {
    kind: PartyKind,
    role: Option<Role>,
}

/// What becomes of a fact that somebody else's program wrote at 1, by the words of the specification.
#[test]
fn vectors_are_accepted_and_refused() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/sensors.json")).unwrap();
    for vector in &vectors {
        let writer = node(1, vector.author.kind, vector.author.role);
        let (people, mut doc) = (directory(&[&writer]), writer.doc());
        let text = serde_json::json!({
            "at": 1,
            "node": writer.author.node,
            "person": writer.author.person,
            "after": [],
            "body": vector.body,
        })
        .to_string();
        doc.put(ROOT, FactId::of(&text).key(), text).unwrap();
        doc.commit_with(commit_options(Timestamp(1)));
        let view = sensor::view(doc.document(), &people);
        let reason = |reason: &Reason| serde_json::to_value(reason).unwrap()["reason"].clone();
        let verdict = match (&view.timeline[..], &view.refused[..], &view.waiting[..]) {
            ([entry], [], []) => entry.not_standing.as_ref().map_or("stands".into(), reason),
            ([], [refused], []) => reason(&refused.reason),
            ([], [], [_]) => "waits".into(),
            other => unreachable!("one fact has one verdict: {other:?}"),
        };
        assert_eq!(verdict, vector.verdict, "{}", vector.name);
        let stands = usize::from(vector.verdict == "stands");
        assert_eq!(view.expected.len() + view.off.len(), stands, "{}", vector.name);
    }
    assert!(vectors.iter().filter(|vector| vector.verdict == "stands").count() >= 7);
}
