//! Record linkage: finds the same person across registers, and within one.
//!
//! [`crate::matching`] compares equal valid numbers only. Here records are compared that share any of several keys
//! ([`Key`]); every field's agreement is a typed level ([`Evidence`]) with a published weight ([`Weights`]); the sum of
//! the weights and a few hard rules ([`Rule`]) give the verdict: the records are joined, a clerk is asked, or they stay
//! apart. Joined pairs become groups; a link that would bring a contradiction into a group is asked about instead.
//!
//! The result is the same for any order of the records, on every machine: scores are whole tenths of bits.

use serde::Serialize;

use crate::joins::RecordRef;

mod address;
mod birth;
mod block;
mod compare;
mod group;
mod level;
mod person;
mod readings;
mod verdict;
mod weights;

pub use address::Address;
pub use birth::Birth;
pub use block::{BLOCK_MAX, Key, LeftOut};
pub use compare::compare;
pub use level::{
    AddressLevel, BirthLevel, Evidence, Field, IdLevel, NameLevel, PLACES, PhoneLevel, SexLevel,
};
pub use person::{IdTyped, PHONES_MAX, Person, Typed};
pub use verdict::{ASK_FROM, Rule, SAME_FROM, Verdict, allowed, judge};
pub use weights::{Weights, Why, train};

/// The most records that are linked at once: two registers of the largest size.
pub const PEOPLE_MAX: usize = 2 * crate::limits::REGISTER_ROWS_MAX;

/// Why records were not linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkageError {
    /// There are too many.
    #[error(
        "{rows} records are too many, at most {PEOPLE_MAX} are linked at once: link fewer registers"
    )]
    TooMany {
        /// How many there are.
        rows: usize,
    },
}

/// Two records that are one person, or may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// A record.
    pub a: RecordRef,
    /// The other, higher one.
    pub b: RecordRef,
    /// What their levels weigh together, in tenths of bits.
    pub score: i32,
    /// Whether they are one person.
    pub verdict: Verdict,
    /// The rule that held the verdict down.
    pub rule: Option<Rule>,
    /// How far they agree.
    pub evidence: Evidence,
}

impl Link {
    /// Why, for a person to read: every field with its level and weight.
    pub fn why(&self, weights: &Weights) -> [Why; 6] {
        weights.why(&self.evidence)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Linkage {
    /// Records that are one person, two or more a group; groups and records sorted.
    pub groups: Vec<Vec<RecordRef>>,
    /// The links within the groups, sorted.
    pub joined: Vec<Link>,
    /// The links a clerk must decide, sorted; at most one between two groups.
    pub questions: Vec<Link>,
    /// How many pairs were compared.
    pub compared: usize,
    /// How many blocks were too large and split.
    pub split: usize,
    /// The blocks that were left out because they were too large even so, sorted.
    pub left_out: Vec<LeftOut>,
}

/// Links records. Of several with one record number the first by content counts.
///
/// # Errors
/// [`LinkageError`] for too many records.
pub fn link(people: &[Person], weights: &Weights) -> Result<Linkage, LinkageError> {
    let people = sorted(people)?;
    let candidates = block::candidates(&people);
    let judged = candidates.pairs.iter().filter_map(|(a, b)| {
        let (one, other) = (people.get(*a)?, people.get(*b)?);
        let evidence = compare(one, other);
        let (score, verdict, rule) = judge(weights, &evidence);
        let link = || {
            let (a, b) = (one.record.clone(), other.record.clone());
            Link { a, b, score, verdict, rule, evidence }
        };
        (verdict > Verdict::Apart).then(|| group::Judged { a: *a, b: *b, link: link() })
    });
    let linkage = group::group(&people, judged.collect());
    let compared = candidates.pairs.len();
    Ok(Linkage { compared, split: candidates.split, left_out: candidates.left_out, ..linkage })
}

/// The evidence of every pair that shares a key, as [`train`] needs it: the records, the lower first, and how far they
/// agree.
///
/// # Errors
/// [`LinkageError`] for too many records.
pub fn evidence(people: &[Person]) -> Result<Vec<(RecordRef, RecordRef, Evidence)>, LinkageError> {
    let people = sorted(people)?;
    let pairs = block::candidates(&people).pairs;
    let pairs = pairs.iter().filter_map(|(a, b)| people.get(*a).zip(people.get(*b)));
    Ok(pairs.map(|(a, b)| (a.record.clone(), b.record.clone(), compare(a, b))).collect())
}

fn sorted(people: &[Person]) -> Result<Vec<Person>, LinkageError> {
    if people.len() > PEOPLE_MAX {
        return Err(LinkageError::TooMany { rows: people.len() });
    }
    let mut people = people.to_vec();
    people.sort_unstable();
    people.dedup_by(|a, b| a.record == b.record);
    Ok(people)
}
