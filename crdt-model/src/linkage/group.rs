//! From judged pairs to groups of records that are one person.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::compare;
use super::person::Person;
use super::verdict::{Rule, Verdict, allowed};
use super::{Link, Linkage};
use crate::matching::GROUP_MAX;

/// A judged pair with the places of its records.
pub(super) struct Judged {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) link: Link,
}

/// Groups of records; the records of a group in the order of their places.
struct Groups {
    of: Vec<usize>,
    members: BTreeMap<usize, Vec<usize>>,
}

impl Groups {
    fn new(rows: usize) -> Self {
        Self { of: (0..rows).collect(), members: (0..rows).map(|row| (row, vec![row])).collect() }
    }

    fn of(&self, row: usize) -> usize {
        self.of.get(row).copied().unwrap_or(row)
    }

    fn members(&self, group: usize) -> &[usize] {
        self.members.get(&group).map_or(&[], Vec::as_slice)
    }

    fn join(&mut self, one: usize, other: usize) {
        let (low, high) = (one.min(other), one.max(other));
        let moved = self.members.remove(&high).unwrap_or_default();
        for row in &moved {
            if let Some(of) = self.of.get_mut(*row) {
                *of = low;
            }
        }
        let members = self.members.entry(low).or_default();
        members.extend(moved);
        members.sort_unstable();
    }
}

/// Joins what is the same, the strongest link first; a link between groups that contradict one another is asked about
/// instead. Between two groups one question is asked, the strongest.
pub(super) fn group(people: &[Person], mut judged: Vec<Judged>) -> Linkage {
    judged.sort_unstable_by_key(|j| (std::cmp::Reverse(j.link.score), j.a, j.b));
    let mut groups = Groups::new(people.len());
    let mut asked: Vec<Judged> = Vec::new();
    let mut joined: Vec<Judged> = Vec::new();
    for mut judged in judged {
        let (one, other) = (groups.of(judged.a), groups.of(judged.b));
        match judged.link.verdict {
            Verdict::Apart => {}
            Verdict::Ask => asked.push(judged),
            Verdict::Same if one == other => joined.push(judged),
            Verdict::Same if agree(people, groups.members(one), groups.members(other)) => {
                groups.join(one, other);
                joined.push(judged);
            }
            Verdict::Same => {
                judged.link.verdict = Verdict::Ask;
                judged.link.rule = Some(Rule::Contradiction);
                asked.push(judged);
            }
        }
    }
    let mut between: BTreeSet<(usize, usize)> = BTreeSet::new();
    asked.sort_unstable_by_key(|j| (std::cmp::Reverse(j.link.score), j.a, j.b));
    asked.retain(|judged| {
        let (one, other) = (groups.of(judged.a), groups.of(judged.b));
        one != other && between.insert((one.min(other), one.max(other)))
    });
    let records = |rows: &Vec<usize>| {
        rows.iter().filter_map(|at| people.get(*at)).map(|p| p.record.clone()).collect()
    };
    let sorted = |judged: Vec<Judged>| {
        let mut links: Vec<Link> = judged.into_iter().map(|j| j.link).collect();
        links.sort_unstable_by(|x, y| (&x.a, &x.b).cmp(&(&y.a, &y.b)));
        links
    };
    Linkage {
        groups: groups.members.values().filter(|rows| rows.len() > 1).map(records).collect(),
        joined: sorted(joined),
        questions: sorted(asked),
        ..Linkage::default()
    }
}

/// Whether no record of the one group contradicts one of the other. Larger groups than a person can have do not agree.
fn agree(people: &[Person], one: &[usize], other: &[usize]) -> bool {
    let speaks_against = |(a, b): (&Person, &Person)| {
        let (most, rule) = allowed(&compare(a, b));
        most < Verdict::Same && rule != Some(Rule::NearName)
    };
    let mut pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    one.len().saturating_add(other.len()) <= GROUP_MAX
        && !pairs.any(|(a, b)| people.get(*a).zip(people.get(*b)).is_some_and(speaks_against))
}
