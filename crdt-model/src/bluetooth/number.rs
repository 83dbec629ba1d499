//! Numbers of IEEE 11073-20601: a mantissa times a power of ten, so they become decimals without a binary float.

use serde::Serialize;

use super::PayloadError;
use crate::decimal::Decimal;

/// Digits before the point that a [`Decimal`] reads back.
const WHOLE_DIGITS: u32 = 12;

/// Decimal places of a [`Decimal`].
const PLACES: u32 = 6;

/// A power of ten from which on a number other than 0 has more than 12 digits before the point, whatever its unit.
const HIGH: i32 = 13;

/// A power of ten below which a number is lost against the places that are kept, whatever its unit.
const LOW: i32 = -25;

/// Why there is no number where one was to be: the special values of SFLOAT and FLOAT, and what a device says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoValue {
    /// NaN: nothing was measured.
    NotANumber,
    /// NRes: the number cannot be said in this form.
    NotAtThisResolution,
    /// +INFINITY: more than the device can measure.
    AboveRange,
    /// -INFINITY: less than the device can measure.
    BelowRange,
    /// The special value that is reserved for future use.
    Reserved,
    /// The measurement did not succeed (weight), or is not there (oximeter).
    Unsuccessful,
    /// The device found its own measurement invalid (oximeter).
    Invalid,
    /// The payload has no number (glucose, height).
    NotSent,
}

/// The number `mantissa` × 10^`exponent`, exactly as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    mantissa: i32,
    exponent: i8,
}

/// How a number of one unit becomes one of a measure's unit: `(number - zero) × times / by`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    zero: i128,
    times: i128,
    by: i128,
    /// Places to round to; none where every number stays exact.
    places: Option<u32>,
}

impl Unit {
    /// The measure's own.
    pub(super) const SAME: Self = Self::exact(1, 1);
    /// mol/L as mmol/L.
    pub(super) const MOLE_PER_LITRE: Self = Self::exact(1_000, 1);
    /// kg/L as mmol/L: glucose has 180.156 g/mol.
    pub(super) const KILOGRAM_PER_LITRE: Self =
        Self { zero: 0, times: 1_000_000_000, by: 180_156, places: Some(2) };
    /// kPa as mm\[Hg\]: one is 133.322 Pa (UCUM).
    pub(super) const KILOPASCAL: Self =
        Self { zero: 0, times: 1_000_000, by: 133_322, places: Some(1) };
    /// °F as °C.
    pub(super) const FAHRENHEIT: Self = Self { zero: 32, times: 5, by: 9, places: Some(2) };
    /// Pounds as kg: one is 0.45359237 kg.
    pub(super) const POUND: Self =
        Self { zero: 0, times: 45_359_237, by: 100_000_000, places: Some(2) };
    /// Metres as cm.
    pub(super) const METRE: Self = Self::exact(100, 1);
    /// Inches as cm.
    pub(super) const INCH: Self = Self::exact(254, 100);

    const fn exact(times: i128, by: i128) -> Self {
        Self { zero: 0, times, by, places: None }
    }
}

/// Reads a 16-bit SFLOAT: 4 bits of exponent and 12 of mantissa, both signed.
///
/// # Errors
/// [`NoValue`] for the five special values.
pub fn sfloat(bits: u16) -> Result<Number, NoValue> {
    match bits {
        0x07FF => return Err(NoValue::NotANumber),
        0x0800 => return Err(NoValue::NotAtThisResolution),
        0x07FE => return Err(NoValue::AboveRange),
        0x0802 => return Err(NoValue::BelowRange),
        0x0801 => return Err(NoValue::Reserved),
        _ => {}
    }
    // The sign of each part is spread by shifting it to the top of its type and back.
    let [_, high] = bits.to_le_bytes();
    let mantissa = (bits << 4).cast_signed() >> 4;
    Ok(Number { mantissa: mantissa.into(), exponent: high.cast_signed() >> 4 })
}

/// Reads a 32-bit FLOAT: 8 bits of exponent and 24 of mantissa, both signed.
///
/// # Errors
/// [`NoValue`] for the five special values.
pub fn float(bits: u32) -> Result<Number, NoValue> {
    match bits {
        0x007F_FFFF => return Err(NoValue::NotANumber),
        0x0080_0000 => return Err(NoValue::NotAtThisResolution),
        0x007F_FFFE => return Err(NoValue::AboveRange),
        0x0080_0002 => return Err(NoValue::BelowRange),
        0x0080_0001 => return Err(NoValue::Reserved),
        _ => {}
    }
    let [_, _, _, exponent] = bits.to_le_bytes();
    Ok(Number { mantissa: (bits << 8).cast_signed() >> 8, exponent: exponent.cast_signed() })
}

impl Number {
    pub(super) const fn new(mantissa: i32, exponent: i8) -> Self {
        Self { mantissa, exponent }
    }

    /// The number as it is; `None` where a [`Decimal`] cannot hold it exactly: it has more than 6 places or more than 12
    /// digits before the point.
    pub fn exact(self) -> Option<Decimal> {
        self.convert(Unit::SAME).ok()
    }

    /// The number in the measure's unit, halves rounded away from zero.
    pub(super) fn convert(self, unit: Unit) -> Result<Decimal, PayloadError> {
        let (mantissa, exponent) = (i128::from(self.mantissa), i32::from(self.exponent));
        if exponent >= HIGH && mantissa != 0 {
            return Err(PayloadError::Number);
        }
        let exponent = exponent.clamp(LOW, HIGH);
        let power = 10_i128.pow(exponent.unsigned_abs());
        // The number as a fraction of integers, which i128 holds: 10^32 is the most that follows.
        let (over, under) = if exponent < 0 { (mantissa, power) } else { (mantissa * power, 1) };
        let places = unit.places.unwrap_or(PLACES);
        let over = (over - unit.zero * under) * unit.times * 10_i128.pow(places);
        let under = under * unit.by;
        if unit.places.is_none() && over % under != 0 {
            return Err(PayloadError::Number);
        }
        let digits = half_away(over, under);
        if digits.unsigned_abs() >= 10_u128.pow(WHOLE_DIGITS + places) {
            return Err(PayloadError::Number);
        }
        match (i64::try_from(digits), u8::try_from(places)) {
            (Ok(digits), Ok(places)) => Ok(Decimal::new(digits, places)),
            _ => Err(PayloadError::Number),
        }
    }
}

/// `over` / `under` to the nearest integer, halves away from zero; `under` is positive.
fn half_away(over: i128, under: i128) -> i128 {
    let half = if over < 0 { -(under / 2) } else { under / 2 };
    (over + half) / under
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: Result<Number, NoValue>) -> String {
        number.unwrap().exact().unwrap().to_string()
    }

    fn convert(mantissa: i32, exponent: i8, unit: Unit) -> String {
        Number::new(mantissa, exponent).convert(unit).unwrap().to_string()
    }

    #[test]
    fn sfloats_become_decimals() {
        for (bits, form) in [
            (0x0002, "2"),
            (0xF014, "2"),
            (0xE0C8, "2"),
            (0x00B6, "182"),
            (0xF16D, "36.5"),
            (0xB03A, "0.00058"),
            (0x0000, "0"),
            (0xF000, "0"),
            (0x0FFF, "-1"),
            (0xFFFF, "-0.1"),
            (0x07FD, "2045"),
            (0x0803, "-2045"),
            (0x77FD, "20450000000"),
            // Special values have an exponent of 0; another makes a number of the same mantissa.
            (0xF7FF, "204.7"),
            (0xF800, "-204.8"),
            (0x8064, "0.000001"),
        ] {
            assert_eq!(text(sfloat(bits)), form, "{bits:04X}");
        }
        assert_eq!(sfloat(0x8001).unwrap().exact(), None, "8 places");
    }

    #[test]
    fn floats_become_decimals() {
        for (bits, form) in [
            (0x0000_0002, "2"),
            (0xFF00_016D, "36.5"),
            (0xFE00_0E42, "36.5"),
            (0xFDFF_FFFF, "-0.001"),
            (0x007F_FFFD, "8388605"),
            (0x7F00_0000, "0"),
            (0x8000_0000, "0"),
            (0x057F_FFFD, "838860500000"),
        ] {
            assert_eq!(text(float(bits)), form, "{bits:08X}");
        }
        for bits in [0x067F_FFFD, 0x7F00_0001, 0xF900_0001, 0x8000_0001, 0x807F_FFFF, 0x0DFF_FFFF] {
            assert_eq!(float(bits).unwrap().exact(), None, "{bits:08X}");
        }
    }

    #[test]
    fn special_values_are_no_numbers() {
        use NoValue as N;
        for (short, long, why) in [
            (0x07FF, 0x007F_FFFF, N::NotANumber),
            (0x0800, 0x0080_0000, N::NotAtThisResolution),
            (0x07FE, 0x007F_FFFE, N::AboveRange),
            (0x0802, 0x0080_0002, N::BelowRange),
            (0x0801, 0x0080_0001, N::Reserved),
        ] {
            assert_eq!(sfloat(short), Err(why));
            assert_eq!(float(long), Err(why));
        }
    }

    #[test]
    fn units_are_converted_with_a_stated_rounding() {
        // 58 mg/dL and 100 mg/dL.
        assert_eq!(convert(58, -5, Unit::KILOGRAM_PER_LITRE), "3.22");
        assert_eq!(convert(1, -3, Unit::KILOGRAM_PER_LITRE), "5.55");
        assert_eq!(convert(558, -5, Unit::MOLE_PER_LITRE), "5.58");
        assert_eq!(convert(160, -1, Unit::KILOPASCAL), "120");
        assert_eq!(convert(133_322, -4, Unit::KILOPASCAL), "100");
        assert_eq!(convert(107, -1, Unit::KILOPASCAL), "80.3");
        assert_eq!(convert(986, -1, Unit::FAHRENHEIT), "37");
        assert_eq!(convert(1_004, -1, Unit::FAHRENHEIT), "38");
        assert_eq!(convert(1_003, -1, Unit::FAHRENHEIT), "37.94");
        assert_eq!(convert(-40, 0, Unit::FAHRENHEIT), "-40");
        assert_eq!(convert(0, 127, Unit::FAHRENHEIT), "-17.78");
        assert_eq!(convert(8_388_607, -128, Unit::FAHRENHEIT), "-17.78");
        assert_eq!(convert(15_430, -2, Unit::POUND), "69.99");
        assert_eq!(convert(1_735, -3, Unit::METRE), "173.5");
        assert_eq!(convert(683, -1, Unit::INCH), "173.482");
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (over, under, whole) in [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 9, 0), (5, 9, 1)] {
            assert_eq!(half_away(over, under), whole, "{over}/{under}");
        }
    }

    #[test]
    fn every_sfloat_and_many_floats_convert_or_are_refused() {
        let units = [
            Unit::SAME,
            Unit::MOLE_PER_LITRE,
            Unit::KILOGRAM_PER_LITRE,
            Unit::KILOPASCAL,
            Unit::FAHRENHEIT,
            Unit::POUND,
            Unit::METRE,
            Unit::INCH,
        ];
        let longs = (0..=u16::MAX).map(|at| float(u32::from(at) << 16 | 0xFFFD));
        for number in (0..=u16::MAX).map(sfloat).chain(longs).flatten() {
            for unit in units {
                // What is converted is a decimal that reads back.
                if let Ok(value) = number.convert(unit) {
                    assert_eq!(value.to_string().parse(), Ok(value));
                }
            }
        }
    }
}
