//! From evidence to a verdict: two thresholds, and rules that no score overrules.

use serde::Serialize;

use super::level::{AddressLevel, BirthLevel, Evidence, IdLevel, NameLevel, PhoneLevel, SexLevel};
use super::weights::Weights;

/// From this score on, in tenths of bits, two records are one person unless a rule says otherwise.
pub const SAME_FROM: i32 = 45;

/// From this score on, in tenths of bits, a clerk is asked unless a rule says otherwise.
pub const ASK_FROM: i32 = 15;

/// Whether two records are one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They are not.
    Apart,
    /// A clerk must decide.
    Ask,
    /// They are; they are joined.
    Same,
}

/// A rule that no score overrules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Two valid numbers are two people until a clerk says otherwise.
    TwoNumbers,
    /// Couples share address and telephone: two sexes are two people, but that a clerk is asked where the same name
    /// has the same number.
    TwoSexes,
    /// Two names are two people, but that a clerk is asked where the same number has the same date of birth.
    TwoNames,
    /// Namesakes born on other days are two people, but that a clerk is asked where the number is the same, or name,
    /// room and telephone are.
    TwoBirthDates,
    /// Brothers and sisters have names that differ in one character: without the number a clerk is asked.
    NearName,
    /// Their groups hold records that contradict one another.
    Contradiction,
}

/// What the rules allow at most, and the strictest of them that applies.
pub fn allowed(evidence: &Evidence) -> (Verdict, Option<Rule>) {
    let number = matches!(evidence.id, IdLevel::Equal | IdLevel::SameDigits);
    let near_number = number || matches!(evidence.id, IdLevel::OneDigit | IdLevel::Swapped);
    let name = matches!(evidence.name, NameLevel::Equal | NameLevel::Homophone);
    let same_day = evidence.birth == BirthLevel::Equal;
    let place = evidence.address == AddressLevel::Room && evidence.phone == PhoneLevel::Equal;
    let ask_if = |may: bool| if may { Verdict::Ask } else { Verdict::Apart };
    let mut rules: Vec<(Verdict, Rule)> = Vec::new();
    if evidence.sex == SexLevel::Different {
        rules.push((ask_if(name && number), Rule::TwoSexes));
    }
    if matches!(evidence.name, NameLevel::Different) {
        rules.push((ask_if(number && same_day), Rule::TwoNames));
    }
    if evidence.birth == BirthLevel::Different {
        rules.push((ask_if(name && (number || place)), Rule::TwoBirthDates));
    }
    if evidence.id == IdLevel::TwoValid {
        rules.push((Verdict::Ask, Rule::TwoNumbers));
    }
    if matches!(evidence.name, NameLevel::Near | NameLevel::Missing) && !near_number {
        rules.push((Verdict::Ask, Rule::NearName));
    }
    let strictest = rules.into_iter().min_by_key(|(verdict, _)| *verdict);
    strictest.map_or((Verdict::Same, None), |(verdict, rule)| (verdict, Some(rule)))
}

/// Judges a pair: the score's verdict, held down by the rules. The rule is named where it held the verdict down.
pub fn judge(weights: &Weights, evidence: &Evidence) -> (i32, Verdict, Option<Rule>) {
    let score = weights.score(evidence);
    let scored = if score >= SAME_FROM {
        Verdict::Same
    } else if score >= ASK_FROM {
        Verdict::Ask
    } else {
        Verdict::Apart
    };
    let (most, rule) = allowed(evidence);
    if scored > most { (score, most, rule) } else { (score, scored, None) }
}
