//! Linking the two registers, judged by the truth about them.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::joins::RecordRef;
use linli_model::linkage::{self, Linkage, Person, Weights};
use linli_model::register;

const NORTH: &[u8] = include_bytes!("../../data/registers/register-north.csv");
const WEST: &[u8] = include_bytes!("../../data/registers/register-west.csv");
const TRUTH: &str = include_str!("../../data/registers/truth.csv");

fn people() -> Vec<Person> {
    let mut people = Vec::new();
    for (source, bytes) in [("north", NORTH), ("west", WEST)] {
        for row in register::read(bytes).unwrap().rows {
            let record = RecordRef { source: source.to_owned(), record: row.record.clone() };
            let fields = row.fields(source);
            let fields = fields.iter().map(|(field, value)| (*field, value.as_str()));
            people.push(Person::of_fields(record, fields));
        }
    }
    people
}

/// The person of every record: the lowest record of those that are one.
pub(crate) fn persons(people: &[Person], pairs: &[(String, String)]) -> BTreeMap<String, String> {
    let own = people.iter().map(|p| (p.record.record.clone(), p.record.record.clone()));
    let mut persons: BTreeMap<String, String> = own.collect();
    for (a, b) in pairs {
        let (one, other) = (persons[a].clone(), persons[b].clone());
        let low = one.clone().min(other.clone());
        for person in persons.values_mut() {
            if *person == one || *person == other {
                person.clone_from(&low);
            }
        }
    }
    persons
}

fn truth() -> Vec<(String, String)> {
    let lines = TRUTH.lines().skip(1).filter_map(|line| line.trim().split_once(','));
    lines.map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// What was found, by the truth.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) rows: usize,
    pub(crate) pairs: usize,
    pub(crate) found: usize,
    pub(crate) found_with_questions: usize,
    pub(crate) false_joins: usize,
    pub(crate) questions: usize,
}

impl Score {
    /// Judges; a clerk answers every question right.
    pub(crate) fn of(linkage: &Linkage, persons: &BTreeMap<String, String>, rows: usize) -> Self {
        let mut score = Self { rows, questions: linkage.questions.len(), ..Self::default() };
        let mut of_person: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (record, person) in persons {
            of_person.entry(person).or_default().push(record);
        }
        // Every record with its group; then groups that a clerk joins.
        let mut group: BTreeMap<&str, &str> = persons.keys().map(|r| (&**r, &**r)).collect();
        for records in &linkage.groups {
            for record in records {
                group.insert(&record.record, &records[0].record);
            }
            for (i, a) in records.iter().enumerate() {
                let others = records.iter().skip(i + 1);
                let wrong = others.filter(|b| persons[&a.record] != persons[&b.record]);
                score.false_joins += wrong.count();
            }
        }
        let answered: Vec<_> = linkage
            .questions
            .iter()
            .filter(|q| persons[&q.a.record] == persons[&q.b.record])
            .map(|q| (group[q.a.record.as_str()], group[q.b.record.as_str()]))
            .collect();
        for records in of_person.values() {
            let mut answered_group: BTreeMap<&str, &str> =
                records.iter().map(|r| (group[r], group[r])).collect();
            for _ in records {
                for (a, b) in &answered {
                    if let (Some(one), Some(other)) =
                        (answered_group.get(a).copied(), answered_group.get(b).copied())
                    {
                        let low = one.min(other);
                        answered_group.insert(a, low);
                        answered_group.insert(b, low);
                    }
                }
            }
            for (i, a) in records.iter().enumerate() {
                for b in records.iter().skip(i + 1) {
                    score.pairs += 1;
                    score.found += usize::from(group[a] == group[b]);
                    let with = answered_group[group[a]] == answered_group[group[b]];
                    score.found_with_questions += usize::from(with);
                }
            }
        }
        score
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.pairs += other.pairs;
        self.found += other.found;
        self.found_with_questions += other.found_with_questions;
        self.false_joins += other.false_joins;
        self.questions += other.questions;
    }
}

#[test]
fn the_published_weights_link_the_registers() {
    let (people, truth) = (people(), truth());
    let persons = persons(&people, &truth);
    let found = linkage::link(&people, &Weights::PUBLISHED).unwrap();
    let score = Score::of(&found, &persons, people.len());
    println!("{score:?} compared {} left out {:?}", found.compared, found.left_out);
    assert_eq!((score.pairs, score.found, score.found_with_questions), (275, 273, 275));
    assert_eq!((score.false_joins, score.questions), (0, 2));
    assert!(found.left_out.is_empty());
}

#[test]
fn weights_from_four_folds_link_the_fifth() {
    let (people, truth) = (people(), truth());
    let persons = persons(&people, &truth);
    let order: BTreeMap<&String, usize> =
        persons.values().collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
    let fold = |person: &Person| order[&persons[&person.record.record]] % 5;
    let mut all = Score::default();
    for held in 0..5 {
        let (judged, learnt): (Vec<Person>, Vec<Person>) =
            people.iter().cloned().partition(|person| fold(person) == held);
        let weights = trained(&learnt, &persons);
        let own: BTreeMap<String, String> = judged
            .iter()
            .map(|p| (p.record.record.clone(), persons[&p.record.record].clone()))
            .collect();
        let found = linkage::link(&judged, &weights).unwrap();
        all.add(&Score::of(&found, &own, judged.len()));
    }
    println!("{all:?}");
    assert_eq!((all.rows, all.pairs, all.false_joins), (1159, 275, 0));
    assert!(all.found_with_questions + 1 >= all.pairs, "{all:?}");
    assert!(all.questions * 1000 <= 6 * all.rows, "{all:?}");
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    let mut people = people();
    let right = linkage::link(&people, &Weights::PUBLISHED).unwrap();
    people.reverse();
    for turn in [0, 1, 7, 400] {
        people.rotate_left(turn);
        assert_eq!(linkage::link(&people, &Weights::PUBLISHED).unwrap(), right);
    }
}

/// The weights from all pairs of these people.
fn trained(people: &[Person], persons: &BTreeMap<String, String>) -> Weights {
    let evidence = linkage::evidence(people).unwrap();
    let same = |a: &RecordRef, b: &RecordRef| persons[&a.record] == persons[&b.record];
    linkage::train(1, evidence.into_iter().map(|(a, b, evidence)| (evidence, same(&a, &b))))
}

#[test]
fn anybody_can_derive_the_published_weights() {
    let people = people();
    let weights = trained(&people, &persons(&people, &truth()));
    println!("{weights:?}");
    for (published, trained) in Weights::PUBLISHED.tenths.iter().zip(weights.tenths) {
        assert!((published - trained).abs() <= 1, "{weights:?}");
    }
}
