//! Decimal numbers of measurements: exact, never a float.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A decimal number: `digits` × 10^-`places`, without trailing zeros, so that equal numbers have one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal {
    digits: i64,
    places: u8,
}

/// The text is no decimal number with at most 12 digits before and 6 after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no number like 3.9: at most 12 digits before the point and 6 after it")]
pub struct DecimalError;

impl Decimal {
    /// The number `digits` × 10^-`places`; more than 6 places are cut to the nearest form with 6.
    pub const fn new(digits: i64, places: u8) -> Self {
        let (mut digits, mut places) = (digits, places);
        while places > 6 {
            digits /= 10;
            places -= 1;
        }
        while places > 0 && digits % 10 == 0 {
            digits /= 10;
            places -= 1;
        }
        Self { digits, places }
    }

    /// The mean of numbers, to the nearest of two places; `None` of no numbers.
    pub fn mean(values: impl IntoIterator<Item = Self>) -> Option<Self> {
        let (sum, count) = values.into_iter().fold((0_i128, 0_i128), |(sum, count), value| {
            (sum.saturating_add(value.scaled()), count.saturating_add(1))
        });
        // Half a hundredth, in millionths, away from zero.
        let half = count.saturating_mul(5_000).saturating_mul(sum.signum());
        let hundredths = sum.saturating_add(half).checked_div(count.saturating_mul(10_000))?;
        Some(Self::new(i64::try_from(hundredths).ok()?, 2))
    }

    fn scaled(self) -> i128 {
        let missing = u32::from(6_u8.saturating_sub(self.places));
        i128::from(self.digits).saturating_mul(10_i128.pow(missing))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.scaled().cmp(&other.scaled())
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let places = usize::from(self.places);
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = places + 1);
        let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
        if part.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{part}") }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, number) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = match number.split_once('.') {
            Some((whole, part)) if !part.is_empty() => (whole, part),
            Some(_) => return Err(DecimalError),
            None => (number, ""),
        };
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 12 || part.len() > 6 || !plain(whole) || !plain(part) {
            return Err(DecimalError);
        }
        let digits: i64 = format!("{whole}{part}").parse().map_err(|_| DecimalError)?;
        let places = u8::try_from(part.len()).map_err(|_| DecimalError)?;
        Ok(Self::new(if negative { -digits } else { digits }, places))
    }
}

impl TryFrom<String> for Decimal {
    type Error = DecimalError;

    fn try_from(text: String) -> Result<Self, DecimalError> {
        text.parse()
    }
}

impl From<Decimal> for String {
    fn from(value: Decimal) -> Self {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_form() {
        for (text, form) in [
            ("2.00", "2"),
            ("-0.50", "-0.5"),
            ("007", "7"),
            ("0.0", "0"),
            ("-0", "0"),
            ("36.65", "36.65"),
            ("100", "100"),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), form);
        }
        assert!("3.9".parse::<Decimal>().unwrap() > "3.89".parse().unwrap());
        assert!("-1".parse::<Decimal>().unwrap() < "0.1".parse().unwrap());
    }

    #[test]
    fn a_mean_is_rounded_to_two_places_away_from_zero() {
        let mean = |text: &str| {
            let values = text.split_whitespace().map(|value| value.parse::<Decimal>().unwrap());
            Decimal::mean(values).map(|mean| mean.to_string())
        };
        assert_eq!(mean(""), None);
        for (text, form) in [
            ("3.9", "3.9"),
            ("70 71 73", "71.33"),
            ("0 0 0.02", "0.01"),
            ("0.01 0.02", "0.02"),
            ("-0.01 -0.02", "-0.02"),
            ("999999999999.999999", "1000000000000"),
        ] {
            assert_eq!(mean(text).as_deref(), Some(form), "{text}");
        }
    }

    #[test]
    fn refuses_other_forms() {
        for text in
            ["", ".", "1.", ".5", "1e3", "+1", "1,5", "NaN", "1.0000001", "1234567890123", "--1"]
        {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text}");
        }
    }
}
