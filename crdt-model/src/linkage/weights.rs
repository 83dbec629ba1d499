//! What each level of agreement weighs, and how the weights are found from pairs that were judged.
//!
//! The weight of a level is log2(m/u): m is how often pairs that are one person are at this level, u how often pairs of
//! two people are that share a key ([`super::block`]). A pair's score is the sum over its fields (Fellegi and Sunter,
//! A Theory for Record Linkage, 1969). Weights and scores are whole tenths of bits.

use serde::Serialize;

use super::level::{Evidence, Field, PLACES};

/// A table of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Weights {
    /// Which table.
    pub version: u16,
    /// A weight for each level in the order of `level`, in tenths of bits.
    pub tenths: [i32; PLACES],
}

/// A field of a pair, how far it agrees, and what that weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The field.
    pub field: Field,
    /// How far it agrees, in a word.
    pub level: &'static str,
    /// What it weighs, in tenths of bits; against being one person where it is below 0.
    pub weight: i32,
}

/// Of a thousand pairs of one person, and of a thousand pairs of two people that share a key, how many are at each
/// level where nothing is known of the registers: people move and take new numbers, clerks make slips.
const EXPECTED: [(u64, u64); PLACES] = [
    // Id: equal, same digits, one digit off, swapped, different, two valid numbers.
    (860, 5),
    (60, 1),
    (40, 1),
    (20, 1),
    (15, 92),
    (5, 900),
    // Name: equal, sounds alike, one character off, different.
    (890, 120),
    (70, 20),
    (30, 60),
    (10, 800),
    // Birth: equal, same month, same year, swapped, one digit off, different.
    (920, 40),
    (10, 3),
    (30, 17),
    (15, 3),
    (20, 17),
    (5, 920),
    // Sex: equal, different.
    (995, 500),
    (5, 500),
    // Phone: equal, one digit off, different.
    (600, 150),
    (20, 2),
    (380, 848),
    // Address: same room, same building, same community, different.
    (850, 400),
    (15, 30),
    (35, 100),
    (100, 470),
];

/// As how many pairs of each kind the expectation counts beside those that were judged.
const EXPECTED_PAIRS: u64 = 200;

impl Weights {
    /// The published table.
    pub const PUBLISHED: Self = Self { version: 1, tenths: PUBLISHED };

    /// What a pair's levels weigh together, in tenths of bits.
    pub fn score(&self, evidence: &Evidence) -> i32 {
        self.why(evidence).iter().map(|why| why.weight).sum()
    }

    /// What each field of a pair weighs.
    pub fn why(&self, evidence: &Evidence) -> [Why; 6] {
        evidence.levels().map(|(field, level, place)| {
            let weight = place.and_then(|place| self.tenths.get(place)).copied().unwrap_or(0);
            Why { field, level, weight }
        })
    }
}

/// Finds a table from pairs that were judged: their evidence, and whether they are one person.
pub fn train(version: u16, judged: impl IntoIterator<Item = (Evidence, bool)>) -> Weights {
    let mut counts = [(0_u64, 0_u64); PLACES];
    // The pairs that say something of the field of a level, by the field.
    let mut fields: [(Field, u64, u64); 6] = [
        (Field::Id, 0, 0),
        (Field::Name, 0, 0),
        (Field::Birth, 0, 0),
        (Field::Sex, 0, 0),
        (Field::Phone, 0, 0),
        (Field::Address, 0, 0),
    ];
    for (evidence, same) in judged {
        let (m, u) = (u64::from(same), u64::from(!same));
        for ((_, _, place), all) in evidence.levels().into_iter().zip(&mut fields) {
            let Some(count) = place.and_then(|place| counts.get_mut(place)) else { continue };
            *count = (count.0.saturating_add(m), count.1.saturating_add(u));
            *all = (all.0, all.1.saturating_add(m), all.2.saturating_add(u));
        }
    }
    let mut tenths = [0; PLACES];
    for (((place, weight), count), expected) in
        tenths.iter_mut().enumerate().zip(counts).zip(EXPECTED)
    {
        let [id, name, birth, sex, phone, address] = fields;
        let (_, all_m, all_u) = match place {
            0..6 => id,
            6..10 => name,
            10..16 => birth,
            16..18 => sex,
            18..21 => phone,
            _ => address,
        };
        let share = |count: u64, expected: u64, all: u64| {
            let count =
                count.saturating_mul(1000).saturating_add(expected.saturating_mul(EXPECTED_PAIRS));
            (u128::from(count), u128::from(all.saturating_add(EXPECTED_PAIRS)))
        };
        let (m, u) = (share(count.0, expected.0, all_m), share(count.1, expected.1, all_u));
        *weight = log2_tenths(m.0.saturating_mul(u.1), u.0.saturating_mul(m.1));
    }
    Weights { version, tenths }
}

/// log2(`over` / `under`) in tenths, rounded to the nearest; 0 where one of them is 0. Whole numbers only, so that it
/// is the same on every machine.
fn log2_tenths(over: u128, under: u128) -> i32 {
    if over == 0 || under == 0 {
        return 0;
    }
    let (mut over, mut under, mut whole) = (over, under, 0_i32);
    while over < under {
        over = over.saturating_mul(2);
        whole = whole.saturating_sub(1);
    }
    while over >= under.saturating_mul(2) {
        under = under.saturating_mul(2);
        whole = whole.saturating_add(1);
    }
    // The rest lies between 1 and 2: its logarithm, bit by bit, by squaring.
    let mut rest = (over << 31).checked_div(under).unwrap_or(0);
    let mut bits = 0_i32;
    for _ in 0..10 {
        rest = rest.saturating_mul(rest) >> 31;
        bits = bits.saturating_mul(2);
        if rest >> 32 != 0 {
            rest >>= 1;
            bits = bits.saturating_add(1);
        }
    }
    let fine = whole.saturating_mul(1024).saturating_add(bits).saturating_mul(10);
    fine.saturating_add(512).div_euclid(1024)
}

/// Version 1: trained on the two registers of `data/registers` ([`train`] over their pairs that share a key).
const PUBLISHED: [i32; PLACES] = [
    82, 57, 64, 59, -28, -84, // id
    37, 29, -7, -77, // name
    20, 14, 9, 24, -1, -85, // birth
    10, -79, // sex
    14, 31, -11, // phone
    12, -13, -18, -37, // address
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right_to_a_tenth() {
        for over in 1..200_u32 {
            for under in [1_u32, 3, 7, 100, 1000] {
                let right = (f64::from(over) / f64::from(under)).log2() * 10.0;
                let found = f64::from(log2_tenths(over.into(), under.into()));
                assert!((right - found).abs() < 0.52, "{over}/{under}: {right} {found}");
            }
        }
        assert_eq!(log2_tenths(0, 1), 0);
        assert_eq!(log2_tenths(1, 0), 0);
    }

    #[test]
    fn what_is_expected_is_a_thousand_for_every_field() {
        for field in [0..6, 6..10, 10..16, 16..18, 18..21, 21..25] {
            let sums = EXPECTED[field].iter().fold((0, 0), |(m, u), e| (m + e.0, u + e.1));
            assert_eq!(sums, (1000, 1000));
        }
    }
}
