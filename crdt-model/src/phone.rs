//! Telephone numbers of mainland China as offices write them.

use serde::{Deserialize, Serialize};

use crate::private::Private;

/// A telephone number: digits only, without the country code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(Private);

/// Why a text is no telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// There is something besides digits and separators.
    #[error("a telephone number has digits, spaces, brackets and hyphens only: correct it")]
    Character,
    /// It is neither a mobile number, nor a landline with its area code, nor a local number.
    #[error(
        "this is neither a mobile number (11 digits from 13 to 19) nor a landline (with area code, or 7 or 8 digits)"
    )]
    Form,
}

impl Phone {
    /// Reads a mobile number (11 digits from 13 to 19) or a landline (area code from 0, or 7 to 8 local digits).
    /// Spaces, hyphens, brackets, full-width digits and a leading `+86`/`0086` do not matter.
    ///
    /// # Errors
    /// [`PhoneError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let mut digits = String::new();
        let mut international = false;
        for (i, c) in text.trim().chars().map(crate::national_id::half_width).enumerate() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if i == 0 => international = true,
                ' ' | '-' | '(' | ')' | '\u{3000}' => {}
                _ => return Err(PhoneError::Character),
            }
        }
        let prefix = if international { "86" } else { "0086" };
        let national = match digits.strip_prefix(prefix) {
            Some(rest) => rest.to_owned(),
            None if international => return Err(PhoneError::Form),
            None => digits,
        };
        if is_mobile(&national) || is_landline(&national) {
            Ok(Self(Private::from(national)))
        } else {
            Err(PhoneError::Form)
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

fn is_landline(digits: &str) -> bool {
    match digits.as_bytes() {
        [b'0', b'1'..=b'9', ..] => (10..=12).contains(&digits.len()),
        [b'2'..=b'8', ..] => (7..=8).contains(&digits.len()),
        _ => false,
    }
}

/// A number as telephone networks and offices write it, so that two that are one compare equal: digits only, without the
/// mainland's country code, a `+` before those of other countries, and no `0` before a mobile number. None where it has
/// fewer than 3 or more than 20 digits.
pub fn comparable(text: &str) -> Option<String> {
    let half = text.trim().chars().map(crate::national_id::half_width);
    let kept: String = half.filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let digits: String = kept.chars().filter(char::is_ascii_digit).collect();
    if !(3..=20).contains(&digits.len()) {
        return None;
    }
    let code = if kept.starts_with('+') { "" } else { "00" };
    let abroad = digits.strip_prefix(code).filter(|_| kept.starts_with('+') || digits.len() > 11);
    let national = match abroad.map(|abroad| abroad.strip_prefix("86").ok_or(abroad)) {
        Some(Err(foreign)) => return Some(format!("+{foreign}")),
        // The 0 of an area code falls away behind a country code.
        Some(Ok(national))
            if !is_mobile(national) && !national.starts_with('0') && national.len() > 8 =>
        {
            format!("0{national}")
        }
        Some(Ok(national)) => national.to_owned(),
        None => match digits.strip_prefix("86") {
            Some(mobile) if is_mobile(mobile) => mobile.to_owned(),
            Some(_) | None => digits,
        },
    };
    let mobile = national.strip_prefix('0').filter(|mobile| is_mobile(mobile));
    Some(mobile.map(str::to_owned).unwrap_or(national))
}

/// The numbers of the emergency services: those of the mainland, and those that mobile networks take for them.
const EMERGENCY: [&str; 7] = ["110", "119", "120", "122", "112", "911", "999"];

/// What offices dial first to reach a line outside.
const OUTSIDE: [&str; 7] = ["", "9", "99", "0", "00", "8", "88"];

/// Whether a number reaches an emergency service: as it is, behind a country code, an area code, or what offices dial
/// first for a line outside.
pub fn is_emergency(text: &str) -> bool {
    let half = text.chars().map(crate::national_id::half_width);
    let digits: String = half.filter(char::is_ascii_digit).collect();
    let is_service = |number: &str| EMERGENCY.contains(&number);
    // The area without its 0, as it stands behind a country code.
    let in_area = |number: &str| {
        let service = EMERGENCY.into_iter().find(|service| number.ends_with(service));
        let area = service.and_then(|service| number.strip_suffix(service));
        area.is_some_and(|area| matches!(area.as_bytes(), b"10" | [b'2', _] | [b'3'..=b'9', _, _]))
    };
    let after_zero = |number: &str| number.strip_prefix('0').is_some_and(in_area);
    OUTSIDE.into_iter().filter_map(|outside| digits.strip_prefix(outside)).any(|number| {
        let code = if text.trim_start().starts_with(['+', '＋']) { "86" } else { "0086" };
        let abroad = number.strip_prefix(code);
        // Behind an 8 there are local numbers that look like an area and a service.
        let local = digits.len() != number.len() && digits.starts_with('8');
        is_service(number)
            || number.strip_prefix("86").is_some_and(is_service)
            || after_zero(number) && !local
            || abroad.is_some_and(|rest| is_service(rest) || in_area(rest) || after_zero(rest))
    })
}

/// Splits a landline's area code off: `010`, `02x`, and four digits elsewhere; none where the number has none.
pub fn split_area(digits: &str) -> Option<(&str, &str)> {
    let length = match digits.as_bytes() {
        [b'0', b'1', b'0', ..] | [b'0', b'2', ..] => 3,
        [b'0', ..] => 4,
        _ => return None,
    };
    digits.split_at_checked(length).filter(|(_, local)| local.len() >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for text in [
            "15974763649",
            "159-7476-3649",
            "159 7476 3649",
            "+86 159-7476-3649",
            "0086 15974763649",
            "１５９７４７６３６４９",
        ] {
            assert_eq!(Phone::parse(text).unwrap().as_str(), "15974763649", "{text}");
        }
        assert_eq!(Phone::parse("(029) 8760-1234").unwrap().as_str(), "02987601234");
        assert_eq!(Phone::parse("87601234").unwrap().as_str(), "87601234");
    }

    #[test]
    fn emergency_services_are_known_with_and_without_codes() {
        for text in ["110", "119", "120", "１２０", "+86120", "0086 119", "010-110", "0571120"] {
            assert!(is_emergency(text), "{text}");
        }
        // Behind a country code an area has no 0; offices dial a digit first.
        for text in ["+8610120", "0086571110", "+86 021 120", "+86 20 999", "9120", "0120"] {
            assert!(is_emergency(text), "{text}");
        }
        for text in ["99110", "00119", "8120", "9010120", "90571120", "9008610120", "86120"] {
            assert!(is_emergency(text), "{text}");
        }
        for text in ["13800138120", "1201", "87600120", "12", "01087600120", "", "95120"] {
            assert!(!is_emergency(text), "{text}");
        }
        for text in ["80571120", "80100120", "8610120", "+8613800138120", "12110", "+861081230120"]
        {
            assert!(!is_emergency(text), "{text}");
        }
    }

    #[test]
    fn one_number_written_in_many_ways_compares_equal() {
        for (text, same) in [
            ("+86 159-7476-3649", "15974763649"),
            ("8615974763649", "15974763649"),
            ("0086 15974763649", "15974763649"),
            ("015974763649", "15974763649"),
            ("１５９７４７６３６４９", "15974763649"),
            ("(029) 8760-1234", "02987601234"),
            ("+86 29 8760 1234", "02987601234"),
            ("+86 029 8760 1234", "02987601234"),
            ("8760 1234", "87601234"),
            ("+49 30 1234567", "+49301234567"),
            ("0049 30 1234567", "+49301234567"),
            ("120", "120"),
            ("95588", "95588"),
        ] {
            assert_eq!(comparable(text).as_deref(), Some(same), "{text}");
        }
        for text in ["", "12", "anonymous", "123456789012345678901"] {
            assert_eq!(comparable(text), None, "{text}");
        }
    }

    #[test]
    fn area_codes_have_three_or_four_digits() {
        assert_eq!(split_area("01087601234"), Some(("010", "87601234")));
        assert_eq!(split_area("02987601234"), Some(("029", "87601234")));
        assert_eq!(split_area("05718760123"), Some(("0571", "8760123")));
        for text in ["87601234", "15974763649", "0108", ""] {
            assert_eq!(split_area(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "1597476364", "12345678901", "+1 5551234567", "110"] {
            assert_eq!(Phone::parse(text), Err(PhoneError::Form), "{text}");
        }
        assert_eq!(Phone::parse("1597476364x"), Err(PhoneError::Character));
    }
}
