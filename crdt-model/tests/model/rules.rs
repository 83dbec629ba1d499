//! Rules: one event is one alert, and a clinician's thresholds stand for one elder.

use std::collections::BTreeSet;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ROOT};
use linli_model::alert::CauseId;
use linli_model::author::{PartyKind, Role};
use linli_model::document::{canonical, commit_options};
use linli_model::event::{FactId, Reason};
use linli_model::readings::{Measure, Reading};
use linli_model::rule::{
    self, OWN_MAX, REASON_MAX, RULE_ID_MAX, Rule, RuleFact as F, RulesView, Severity, Side, Source,
    Thresholds, in_force, judge, standard, standard_rules, trial,
};
use linli_model::time::{MINUTE_MS, Timestamp};
use proptest::prelude::*;

use crate::community::{Node, directory, node, sync};

fn doctor() -> Node {
    node(1, PartyKind::Provider, Some(Role::Clinician))
}

fn thresholds(rule: &str, limit: &str, clear: &str) -> Thresholds {
    let of = standard(rule);
    Thresholds {
        rule: rule.to_owned(),
        measure: of.as_ref().map_or(Measure::HeartRate, |of| of.measure),
        side: of.as_ref().map_or(Side::Below, |of| of.side),
        limit: limit.parse().unwrap(),
        clear: clear.parse().unwrap(),
        severity: Severity::High,
    }
}

fn set(rule: &str, limit: &str, clear: &str) -> F {
    F::Set { thresholds: thresholds(rule, limit, clear), reason: "COPD".into() }
}

fn reason_of(view: &RulesView, id: FactId) -> Option<Reason> {
    view.timeline.iter().find(|entry| entry.id == id).unwrap().not_standing.clone()
}

/// What a fact of somebody comes to.
fn judged(who: &Node, fact: F) -> Option<Reason> {
    let people = directory(&[who]);
    let mut doc = who.doc();
    let id = who.say(&mut doc, &people, 100, fact);
    reason_of(&rule::view(doc.document(), &people), id)
}

fn limits(rules: &[Rule], id: &str) -> Vec<String> {
    rules.iter().filter(|rule| rule.id == id).map(|rule| rule.limit.to_string()).collect()
}

#[test]
fn a_named_clinician_sets_thresholds_and_nobody_else() {
    let by = |kind, role| judged(&node(3, kind, role), set("oxygen-low", "88", "90"));
    for kind in [PartyKind::Provider, PartyKind::Centre, PartyKind::Station] {
        assert_eq!(by(kind, Some(Role::Clinician)), None, "{kind:?}");
    }
    assert_eq!(by(PartyKind::Provider, None), Some(Reason::PersonNeeded));
    for (kind, role) in [
        (PartyKind::Provider, Role::Carer),
        (PartyKind::Centre, Role::Operator),
        (PartyKind::Centre, Role::Steward),
        (PartyKind::Household, Role::Family),
        (PartyKind::Household, Role::Elder),
    ] {
        assert_eq!(by(kind, Some(role)), Some(Reason::RoleMayNot), "{role:?}");
    }
}

#[test]
fn a_rule_has_its_bounds() {
    let bad = Some(Reason::OutOfRange);
    let said = |rule: &str, limit: &str, clear: &str| judged(&doctor(), set(rule, limit, clear));
    assert_eq!(said("oxygen-low", "88", "88.1"), None);
    assert_eq!(said("oxygen-low", "88", "88"), bad, "at 88 it would end and begin");
    assert_eq!(said("glucose-low", "4", "4"), None, "4 is not below 4");
    assert_eq!(said("oxygen-low", "88", "87"), bad);
    assert_eq!(said("systolic-crisis", "160", "150"), None);
    assert_eq!(said("systolic-crisis", "160", "161"), bad);
    // Nobody silences a rule by a threshold at which nobody lives.
    assert_eq!(said("oxygen-low", "39.9", "90"), bad);
    assert_eq!(said("oxygen-low", "88", "100.1"), bad);
    // Where nothing is published a clinician names what is measured.
    assert_eq!(said("pulse-low", "45", "50"), None);
    let id = "a".repeat(RULE_ID_MAX);
    assert_eq!(said(&id, "45", "50"), None);
    for wrong in ["", "Pulse", "pulse low", "脉搏", &format!("{id}a")] {
        assert_eq!(said(wrong, "45", "50"), bad, "{wrong:?}");
    }
    let with = |measure, side, reason: &str| {
        let thresholds = Thresholds { measure, side, ..thresholds("oxygen-low", "88", "90") };
        judged(&doctor(), F::Set { thresholds, reason: reason.into() })
    };
    let (measure, side) = (Measure::OxygenSaturation, Side::AtMost);
    let long = "长".repeat(REASON_MAX);
    assert_eq!(with(measure, side, &long), None);
    for wrong in ["", "two\nlines", &format!("{long}x")] {
        assert_eq!(with(measure, side, wrong), bad, "{wrong:?}");
    }
    assert_eq!(with(measure, Side::Below, "x"), bad, "another side");
    assert_eq!(with(Measure::HeartRate, side, "x"), bad, "another measure");
}

#[test]
fn what_is_set_holds_until_it_is_unset() {
    let doctor = doctor();
    let people = directory(&[&doctor]);
    let mut doc = doctor.doc();
    let view = rule::view(doc.document(), &people);
    assert_eq!(in_force([&view]).len(), standard_rules().len());
    let first = doctor.say(&mut doc, &people, 100, set("oxygen-low", "88", "90"));
    let second = doctor.say(&mut doc, &people, 101, set("oxygen-low", "86", "88"));
    doctor.say(&mut doc, &people, 102, set("pulse-low", "45", "50"));
    let view = rule::view(doc.document(), &people);
    let rules = in_force([&view]);
    assert_eq!(limits(&rules, "oxygen-low"), ["86"]);
    assert_eq!(limits(&rules, "pulse-low"), ["45"]);
    assert_eq!(rules.len(), standard_rules().len() + 1);
    let own = &view.own[&second];
    assert_eq!(own.version, 2);
    assert!(matches!(&own.source, Source::Clinician { fact, by, at, .. }
        if (*fact, &**by, at.0) == (second, &doctor.author, 101)));
    let late = doctor.say(&mut doc, &people, 103, F::Unset { set: first });
    let unset = doctor.say(&mut doc, &people, 104, F::Unset { set: second });
    let wrong = doctor.say(&mut doc, &people, 105, F::Unset { set: unset });
    let view = rule::view(doc.document(), &people);
    assert_eq!(limits(&in_force([&view]), "oxygen-low"), ["92"]);
    assert_eq!(reason_of(&view, unset), None);
    assert_eq!(reason_of(&view, late), Some(Reason::AlreadyDone));
    assert_eq!(reason_of(&view, wrong), Some(Reason::WrongReference));
}

#[test]
fn what_was_set_apart_stands_side_by_side_whatever_the_order() {
    let (one, other) = (doctor(), node(2, PartyKind::Centre, Some(Role::Clinician)));
    let people = directory(&[&one, &other]);
    let (mut left, mut right) = (one.doc(), other.doc());
    one.say(&mut left, &people, 100, set("oxygen-low", "88", "90"));
    let theirs = other.say(&mut right, &people, 5, set("oxygen-low", "90", "93"));
    sync(&mut left, &mut right);
    let views = [&mut left, &mut right].map(|doc| rule::view(doc.document(), &people));
    assert_eq!(canonical(&views[0]).unwrap(), canonical(&views[1]).unwrap());
    let rules = in_force([&views[0]]);
    assert_eq!(
        limits(&rules, "oxygen-low").into_iter().collect::<BTreeSet<_>>(),
        ["88".to_owned(), "90".to_owned()].into()
    );
    // In two records of one elder as well.
    assert_eq!(in_force([&views[0], &views[1]]).len(), standard_rules().len() + 3);
    assert_eq!(views[0].facts_of("oxygen-low").len(), 2);
    one.say(&mut left, &people, 101, F::Unset { set: theirs });
    assert_eq!(limits(&in_force([&rule::view(left.document(), &people)]), "oxygen-low"), ["88"]);
}

#[test]
fn an_elder_has_so_many_rules_and_no_more() {
    let doctor = doctor();
    let people = directory(&[&doctor]);
    let mut doc = doctor.doc();
    for number in 0..OWN_MAX {
        doctor.say(&mut doc, &people, 100, set(&format!("rule-{number}"), "45", "50"));
    }
    let over = doctor.say(&mut doc, &people, 101, set("one-more", "45", "50"));
    let same = doctor.say(&mut doc, &people, 102, set("rule-3", "44", "50"));
    let view = rule::view(doc.document(), &people);
    assert_eq!((reason_of(&view, over), reason_of(&view, same)), (Some(Reason::TooMany), None));
    assert_eq!(view.own.len(), OWN_MAX);
}

/// A reading so many minutes after the start.
fn reading(minute: u64, device: &str, value: &str) -> Reading {
    Reading {
        at: Timestamp(1_704_100_000_000 + minute * MINUTE_MS),
        measure: Measure::Glucose,
        device: device.to_owned(),
        value: value.parse().unwrap(),
    }
}

/// The alerts that readings raise as they arrive one by one: which reading raised one.
fn arrive(rules: &[Rule], readings: &[Reading]) -> Vec<Reading> {
    let mut raised: BTreeSet<String> = BTreeSet::new();
    let mut by = Vec::new();
    for (count, reading) in (1..).zip(readings) {
        let known: Vec<&Reading> = readings.iter().take(count).collect();
        let is_raised = |cause: &CauseId| raised.contains(&cause.0);
        if let Some(judged) = judge(rules, &known, reading, is_raised) {
            assert_eq!(judged.known, raised.contains(&judged.cause.0));
            if raised.insert(judged.cause.0) {
                by.push(reading.clone());
            }
        }
    }
    by
}

#[test]
fn one_event_is_one_alert_and_what_grows_worse_another() {
    let rules = standard_rules();
    let low = |minute, value| reading(minute, "cgm", value);
    let swing = [low(0, "3.8"), low(3, "4.1"), low(6, "3.7"), low(9, "3.5")];
    assert_eq!(arrive(&rules, &swing), [low(0, "3.8")]);
    let worse = [low(0, "3.8"), low(3, "2.8"), low(6, "2.7"), low(9, "3.5"), low(12, "3.8")];
    assert_eq!(arrive(&rules, &worse), [low(0, "3.8"), low(3, "2.8")]);
    let at_once = [low(0, "2.8"), low(3, "3.5"), low(6, "2.9")];
    assert_eq!(arrive(&rules, &at_once), [low(0, "2.8")]);
    // It ended and began again.
    let twice = [low(0, "3.8"), low(3, "4.6"), low(18, "4.6"), low(30, "3.8")];
    assert_eq!(arrive(&rules, &twice), [low(0, "3.8"), low(30, "3.8")]);
    assert_eq!(arrive(&rules, &[low(0, "5"), low(3, "70")]), []);
}

#[test]
fn two_devices_tell_of_one_event() {
    let rules = standard_rules();
    let all = [reading(0, "cgm", "3.8"), reading(9, "cgm", "3.6"), reading(5, "old", "3.7")];
    assert_eq!(arrive(&rules, &all), [reading(0, "cgm", "3.8")]);
    let once = [reading(0, "cgm", "3.8"), reading(15, "old", "3.6"), reading(31, "cgm", "3.7")];
    assert_eq!(arrive(&rules, &once), [reading(0, "cgm", "3.8")]);
    let later = [reading(0, "cgm", "3.8"), reading(16, "old", "3.6")];
    assert_eq!(arrive(&rules, &later), later, "nothing in between says that it went on");
    // One that is well does not speak for the other.
    let apart = [reading(0, "cgm", "3.8"), reading(1, "old", "6"), reading(2, "cgm", "3.8")];
    assert_eq!(arrive(&rules, &apart), [reading(0, "cgm", "3.8")]);
}

#[test]
fn late_readings_keep_the_alert_that_was_raised() {
    let rules = standard_rules();
    let low = |minute| reading(minute, "cgm", "3.5");
    for order in [[0, 5, 10], [10, 5, 0], [5, 0, 10], [5, 10, 0]] {
        let all = order.map(low);
        assert_eq!(arrive(&rules, &all).len(), 1, "{order:?}");
    }
    // What was kept and not raised, since the power went between, is raised by the next one.
    let known = [low(0), low(5)];
    let refs: Vec<&Reading> = known.iter().collect();
    let judged = judge(&rules, &refs, &known[1], |_| false).unwrap();
    assert!(!judged.known);
    assert_eq!(
        judge(&rules, &refs, &known[1], |cause| *cause == judged.cause),
        Some(rule::Judged { known: true, ..judged })
    );
}

proptest! {
    /// Nobody falls below a threshold without an alert of that very rule or a graver one, in whatever order readings come.
    #[test]
    fn every_reading_that_fires_has_an_alert(
        minutes in prop::collection::vec((0_u64..600, 20_i64..60, 0_usize..2), 1..40),
    ) {
        let rules = standard_rules();
        let devices = ["a", "b"];
        let readings: Vec<Reading> = minutes
            .iter()
            .map(|(minute, value, device)| Reading {
                value: linli_model::decimal::Decimal::new(*value, 1),
                ..reading(*minute, devices[*device], "1")
            })
            .collect();
        let mut raised: BTreeSet<String> = BTreeSet::new();
        for (count, reading) in (1..).zip(&readings) {
            let known: Vec<&Reading> = readings.iter().take(count).collect();
            let found = judge(&rules, &known, reading, |cause| raised.contains(&cause.0));
            let fires = rules.iter().any(|rule| rule.measure == reading.measure && rule.fires(reading.value));
            prop_assert_eq!(found.is_some(), fires);
            if let Some(found) = found {
                if reading.value < "3".parse().unwrap() {
                    prop_assert!(found.cause.0.contains("very-low"));
                }
                raised.insert(found.cause.0);
            }
        }
    }
}

#[test]
fn a_trial_says_why_a_rule_did_not_fire() {
    let day = [reading(0, "cgm", "5"), reading(3, "cgm", "4.2"), reading(6, "cgm", "70")];
    let all: Vec<&Reading> = day.iter().collect();
    let low = standard("glucose-low").unwrap();
    let tried = trial(&low, &all);
    assert_eq!((tried.readings, tried.implausible, tried.episodes.len()), (2, 1, 0));
    assert_eq!(tried.worst, Some(day[1].clone()));
    let own = Rule { limit: "4.4".parse().unwrap(), clear: "5".parse().unwrap(), ..low };
    assert_eq!(trial(&own, &all).episodes.len(), 1);
    let other = standard("oxygen-low").unwrap();
    assert_eq!((trial(&other, &all).readings, trial(&other, &all).worst), (0, None));
}

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    author: VectorAuthor,
    body: serde_json::Value,
    verdict: serde_json::Value,
}

#[derive(serde::Deserialize)]
struct VectorAuthor {
    kind: PartyKind,
    role: Option<Role>,
}

/// What becomes of a fact that somebody else's program wrote at 1, by the words of the specification.
#[test]
fn vectors_are_accepted_and_refused() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../vectors/rules.json")).unwrap();
    for vector in &vectors {
        let writer = node(1, vector.author.kind, vector.author.role);
        let (people, mut doc): (_, AutoCommit) = (directory(&[&writer]), writer.doc());
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
        let view = rule::view(doc.document(), &people);
        let reason = |reason: &Reason| serde_json::to_value(reason).unwrap()["reason"].clone();
        let verdict = match (&view.timeline[..], &view.refused[..], &view.waiting[..]) {
            ([entry], [], []) => entry.not_standing.as_ref().map_or("stands".into(), reason),
            ([], [refused], []) => reason(&refused.reason),
            ([], [], [_]) => "waits".into(),
            other => unreachable!("one fact has one verdict: {other:?}"),
        };
        assert_eq!(verdict, vector.verdict, "{}", vector.name);
        assert_eq!(view.own.len(), usize::from(vector.verdict == "stands"), "{}", vector.name);
    }
    assert!(vectors.iter().filter(|vector| vector.verdict == "stands").count() >= 3);
}
