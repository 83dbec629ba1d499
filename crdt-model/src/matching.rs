//! Which records are certainly one person, and what a clerk must decide.
//!
//! Two records with the same valid national id are one person, unless name, sex or date of birth speak against it:
//! numbers are borrowed, and couples' cards are mixed up. Then a clerk decides. What a record does not say speaks
//! against nothing; nor does the first of January of the same year, which offices write when they know the year only.
//! The records are compared with one another, not with the number: the question is whether they are one person, not
//! whose the number is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codes::Sex;
use crate::joins::{JoinFact, RecordRef};
use crate::national_id::NationalId;
use crate::private::Private;
use crate::time::Date;

/// The most records with one number whose every pair is compared; more are a misused number, and are compared with
/// the next one only, so that a hostile file cannot make the work grow with the square of its rows.
pub const GROUP_MAX: usize = 16;

/// What speaks against two records with one number being one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The names differ.
    Name,
    /// The sexes differ.
    Sex,
    /// The dates of birth differ.
    BirthDate,
    /// More records have this number than a person can have.
    Crowd,
}

/// What is compared of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The record.
    pub record: RecordRef,
    /// The name.
    pub name: Private,
    /// The sex, where it is stated.
    pub sex: Option<Sex>,
    /// The date of birth, where it is stated.
    pub birth_date: Option<Date>,
    /// The national id, where it is valid.
    pub national_id: Option<NationalId>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("record", &self.record).finish_non_exhaustive()
    }
}

/// Whether two records are one person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They are; nothing speaks against it.
    Certain,
    /// A clerk must decide, for these reasons.
    AskClerk(Vec<Doubt>),
}

/// Two records with the same valid national id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Match {
    /// A record.
    pub a: RecordRef,
    /// The other, higher one.
    pub b: RecordRef,
    /// Whether they are one person.
    pub verdict: Verdict,
}

impl Match {
    /// The fact for the joins document.
    pub fn proposal(&self) -> JoinFact {
        let (score, doubts) = match &self.verdict {
            Verdict::Certain => (100, Vec::new()),
            Verdict::AskClerk(doubts) => {
                let off = u8::try_from(doubts.len()).unwrap_or(u8::MAX).saturating_mul(20);
                (90_u8.saturating_sub(off), doubts.clone())
            }
        };
        JoinFact::Proposed { a: self.a.clone(), b: self.b.clone(), score, doubts }
    }
}

/// A name as it is compared: full-width letters, spaces, case and the kinds of middle dot do not matter.
pub fn normal_name(name: &str) -> String {
    name.chars()
        .map(crate::national_id::half_width)
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .map(|c| if matches!(c, '•' | '‧' | '・' | '．' | '.') { '·' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Compares two records that have the same valid number.
pub fn compare(a: &Identity, b: &Identity) -> Verdict {
    let mut doubts = Vec::new();
    if normal_name(a.name.as_str()) != normal_name(b.name.as_str()) {
        doubts.push(Doubt::Name);
    }
    if a.sex.zip(b.sex).is_some_and(|(a, b)| a != b) {
        doubts.push(Doubt::Sex);
    }
    if a.birth_date.zip(b.birth_date).is_some_and(|(a, b)| !dates_agree(a, b)) {
        doubts.push(Doubt::BirthDate);
    }
    if doubts.is_empty() { Verdict::Certain } else { Verdict::AskClerk(doubts) }
}

/// Equal, or of one year where one says the first of January.
fn dates_agree(a: Date, b: Date) -> bool {
    let year_only = |date: Date| date.month() == 1 && date.day() == 1;
    a == b || (a.year() == b.year() && (year_only(a) || year_only(b)))
}

/// Finds every pair of records with the same valid national id, within a register and across registers.
pub fn matches(records: &[Identity]) -> Vec<Match> {
    let mut by_number: BTreeMap<&str, Vec<&Identity>> = BTreeMap::new();
    for identity in records {
        if let Some(number) = &identity.national_id {
            by_number.entry(number.as_str()).or_default().push(identity);
        }
    }
    let mut found = Vec::new();
    for group in by_number.values_mut() {
        group.sort_by(|a, b| a.record.cmp(&b.record));
        group.dedup_by(|a, b| a.record == b.record);
        if group.len() > GROUP_MAX {
            found.extend(group.windows(2).filter_map(crowd));
            continue;
        }
        for (i, a) in group.iter().enumerate() {
            for b in group.iter().skip(i.saturating_add(1)) {
                let verdict = compare(a, b);
                found.push(Match { a: a.record.clone(), b: b.record.clone(), verdict });
            }
        }
    }
    found.sort();
    found
}

fn crowd(pair: &[&Identity]) -> Option<Match> {
    let [a, b] = pair else { return None };
    let mut doubts = match compare(a, b) {
        Verdict::Certain => Vec::new(),
        Verdict::AskClerk(doubts) => doubts,
    };
    doubts.push(Doubt::Crowd);
    let verdict = Verdict::AskClerk(doubts);
    Some(Match { a: a.record.clone(), b: b.record.clone(), verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(record: &str, name: &str, sex: Option<Sex>, birth: Option<&str>) -> Identity {
        Identity {
            record: RecordRef { source: "a".to_owned(), record: record.to_owned() },
            name: name.into(),
            sex,
            birth_date: birth.map(|b| crate::dates::parse(b).unwrap()),
            national_id: NationalId::parse("11010519491231002X").ok(),
        }
    }

    #[test]
    fn what_is_not_said_speaks_against_nothing() {
        let (a, b) = (
            identity("1", "王 秀英", None, None),
            identity("2", "王　秀英", Some(Sex::Female), None),
        );
        assert_eq!(compare(&a, &b), Verdict::Certain);
    }

    #[test]
    fn a_borrowed_number_ends_with_the_clerk() {
        let owner = identity("1", "王秀英", Some(Sex::Female), Some("1949-12-31"));
        let husband = identity("2", "李建国", Some(Sex::Male), Some("1947-03-02"));
        let all = vec![Doubt::Name, Doubt::Sex, Doubt::BirthDate];
        assert_eq!(compare(&owner, &husband), Verdict::AskClerk(all));
        let namesake = identity("3", "王秀英", Some(Sex::Female), Some("1950-12-31"));
        assert_eq!(compare(&owner, &namesake), Verdict::AskClerk(vec![Doubt::BirthDate]));
        let cousin = identity("4", "王秀英", Some(Sex::Male), None);
        assert_eq!(compare(&owner, &cousin), Verdict::AskClerk(vec![Doubt::Sex]));
    }

    #[test]
    fn the_first_of_january_is_a_year() {
        let exact = identity("1", "王秀英", None, Some("1949-12-31"));
        let year = identity("2", "王秀英", None, Some("1949-01-01"));
        let other = identity("3", "王秀英", None, Some("1950-01-01"));
        assert_eq!(compare(&exact, &year), Verdict::Certain);
        assert_eq!(compare(&exact, &other), Verdict::AskClerk(vec![Doubt::BirthDate]));
    }

    #[test]
    fn a_crowd_is_bounded_and_asked_about() {
        let crowd: Vec<Identity> =
            (0..1000).map(|i| identity(&format!("{i:04}"), "王秀英", None, None)).collect();
        let found = matches(&crowd);
        assert_eq!(found.len(), 999);
        assert!(found.iter().all(|m| m.verdict == Verdict::AskClerk(vec![Doubt::Crowd])));
    }

    #[test]
    fn spelling_of_names_does_not_matter() {
        for (a, b) in [
            ("阿依古丽•买买提", "阿依古丽·买买提"),
            ("ＬＩ Ming", "li ming"),
            ("欧阳 修", "欧阳修"),
        ] {
            assert_eq!(normal_name(a), normal_name(b));
        }
        assert_ne!(normal_name("刘秀珍"), normal_name("刘秀贞"));
    }
}
