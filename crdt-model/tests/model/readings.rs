//! Readings: a repeated upload is one observation, a swing about a threshold one alert.

use automerge::{ROOT, transaction::Transactable};
use linli_model::author::PartyKind;
use linli_model::document::canonical;
use linli_model::readings::{self, AddError, Measure, Reading, ReadingError};
use linli_model::rule::{self, Rule, Source};
use linli_model::time::{Month, Offset, Timestamp};
use proptest::prelude::*;

use crate::community::{commit, directory, node, sync};

const CGM: &str = include_str!("../../data/cgm-virtual-adult-001.csv");

fn cgm() -> Vec<Reading> {
    let line = |line: &str| {
        let (time, value) = line.trim().split_once(',').unwrap();
        Reading {
            at: Timestamp::parse_local(time, Offset::CHINA).unwrap(),
            measure: Measure::Glucose,
            device: "cgm-1".to_owned(),
            value: value.parse().unwrap(),
        }
    };
    CGM.lines().skip(1).map(line).collect()
}

fn low() -> Rule {
    rule::standard_rules().into_iter().find(|r| r.id == "glucose-low").unwrap()
}

#[test]
fn a_duplicate_upload_is_one_observation() {
    let (hub, phone) = (node(1, PartyKind::Household, None), node(2, PartyKind::Family, None));
    let people = directory(&[&hub, &phone]);
    let month: Month = "2024-01".parse().unwrap();
    let day: Vec<Reading> = cgm().into_iter().filter(|r| r.month() == Ok(month)).take(50).collect();
    let (mut a, mut b) = (hub.doc(), phone.doc());
    for (doc, at) in [(&mut a, 1), (&mut b, 2)] {
        for reading in day.iter().chain(day.iter().rev()) {
            readings::add(doc, month, reading).unwrap();
        }
        commit(doc, at);
    }
    sync(&mut a, &mut b);
    let view = readings::view(month, a.document(), &people);
    assert_eq!(view.observations.len(), 50);
    assert!(view.observations.iter().all(|o| o.by.len() == 2 && o.plausible));
    assert!(view.observations.is_sorted_by_key(|o| o.reading.at));
    assert!(view.refused.is_empty());
    let other = readings::view(month, b.document(), &people);
    assert_eq!(canonical(&view).unwrap(), canonical(&other).unwrap());
}

#[test]
fn deletions_and_strange_keys_hide_nothing_and_are_seen() {
    let (hub, phone) = (node(1, PartyKind::Household, None), node(2, PartyKind::Family, None));
    let people = directory(&[&hub]);
    let month: Month = "2024-01".parse().unwrap();
    let first = cgm()[200].clone();
    let mut doc = hub.doc();
    readings::add(&mut doc, month, &first).unwrap();
    let implausible = Reading { value: "70".parse().unwrap(), ..first.clone() };
    readings::add(&mut doc, month, &implausible).unwrap();
    let elsewhere = Reading { at: Timestamp(0), ..first.clone() };
    assert!(matches!(
        readings::add(&mut doc, month, &elsewhere),
        Err(AddError::Reading(ReadingError::Month))
    ));
    doc.put(ROOT, elsewhere.key(), "mmol/L").unwrap();
    doc.put(ROOT, "reading/15074-8/x/1704100680000/5", "mg/dL").unwrap();
    commit(&mut doc, 1);
    let mut doc = doc.fork().with_actor(phone.actor);
    doc.delete(ROOT, first.key()).unwrap();
    doc.put(ROOT, "reading/15074-8/y/1704100680000/5", "mmol/L").unwrap();
    commit(&mut doc, 2);
    let view = readings::view(month, doc.document(), &people);
    assert_eq!(view.observations.len(), 2);
    assert_eq!(view.observations.iter().filter(|o| o.plausible).count(), 1);
    assert_eq!(view.series(Measure::Glucose), [&first]);
    // Written by nobody who counts, it may be written again; and what was deleted as well.
    let strange = Reading { device: "y".to_owned(), value: "5".parse().unwrap(), ..first.clone() };
    let mut is_known = |reading| readings::is_known(doc.document(), &people, reading);
    let strange = Reading { at: Timestamp(1_704_100_680_000), ..strange };
    assert!(is_known(&implausible) && !is_known(&strange) && !is_known(&first));
    let mut reasons: Vec<_> = view.refused.iter().map(|(_, reason)| reason.clone()).collect();
    reasons.sort();
    assert_eq!(reasons, [ReadingError::Unit, ReadingError::Month, ReadingError::UnknownAuthor]);
}

proptest! {
    /// Whatever devices are called and whenever they measured, ranges of keys find what the view has.
    #[test]
    fn ranges_of_keys_find_what_a_view_has(
        all in prop::collection::vec(("[a-c./:-]{1,3}", 0_usize..4, 0_u64..40, 0_usize..2), 0..60),
        from in 0_u64..40,
        length in 0_u64..20,
    ) {
        let hub = node(1, PartyKind::Household, None);
        let people = directory(&[&hub]);
        // The first month has times of few digits.
        let month: Month = "1970-01".parse().unwrap();
        let time = |step: u64| Timestamp(step * 30_000_000);
        let mut doc = hub.doc();
        for (device, measure, step, more) in &all {
            let reading = Reading {
                at: time(*step).plus_ms([0, 1][*more]),
                measure: Measure::ALL[*measure],
                device: device.replace('/', "_"),
                value: "90".parse().unwrap(),
            };
            readings::add(&mut doc, month, &reading).unwrap();
        }
        commit(&mut doc, 1);
        let view = readings::view(month, doc.document(), &people);
        let span = time(from)..time(from + length);
        for measure in &Measure::ALL[..4] {
            let mut found = readings::within(doc.document(), &people, *measure, span.clone());
            found.sort();
            let of = view.observations.iter().map(|o| &o.reading);
            let of = of.filter(|r| r.measure == *measure && span.contains(&r.at));
            let mut expected: Vec<Reading> = of.cloned().collect();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
        let nobody = directory(&[]);
        prop_assert!(readings::within(doc.document(), &nobody, Measure::Systolic, span).is_empty());
    }
}

#[test]
fn three_crossings_of_one_episode_are_one_cause() {
    let day = cgm();
    let series: Vec<&Reading> = day.iter().collect();
    let found = rule::episodes(&low(), &series);
    assert_eq!(found.len(), 1);
    let episode = &found[0];
    assert_eq!(episode.crossings, 3);
    assert_eq!(episode.worst.value.to_string(), "3.27");
    let start = Timestamp::parse_local("2024-01-01 17:18:00", Offset::CHINA).unwrap();
    assert_eq!(episode.first.at, start);
    assert_eq!(episode.cause().0, format!("rule/glucose-low/1/cgm-1/{}", start.0));
    assert_eq!(
        episode.ended,
        Some(Timestamp::parse_local("2024-01-01 19:21:00", Offset::CHINA).unwrap())
    );
    let explained = rule::explain(&low(), episode);
    assert_eq!((explained.loinc, explained.unit), ("15074-8", "mmol/L"));
    assert_eq!(explained.limit.to_string(), "3.9");
    assert!(matches!(explained.source, Source::Published { text } if text.contains("ADA")));
}

#[test]
fn every_beginning_of_the_day_gives_the_same_cause() {
    let day = cgm();
    let whole: Vec<&Reading> = day.iter().collect();
    let cause = rule::episodes(&low(), &whole)[0].cause();
    for end in 0..whole.len() {
        let found = rule::episodes(&low(), &whole[..end]);
        assert!(found.len() <= 1 && found.iter().all(|e| e.cause() == cause), "{end}");
    }
    let mut shuffled = whole.clone();
    shuffled.reverse();
    shuffled.extend(&whole);
    assert_eq!(rule::episodes(&low(), &shuffled), rule::episodes(&low(), &whole));
}

#[test]
fn two_episodes_far_apart_are_two_causes() {
    let mut day = cgm();
    let next: Vec<Reading> =
        day.iter().map(|r| Reading { at: r.at.plus_ms(30 * 3_600_000), ..r.clone() }).collect();
    day.extend(next);
    let series: Vec<&Reading> = day.iter().collect();
    let found = rule::episodes(&low(), &series);
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].cause(), found[1].cause());
}
