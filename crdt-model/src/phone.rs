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
    fn refuses_what_is_no_number() {
        for text in ["", "1597476364", "12345678901", "+1 5551234567", "110"] {
            assert_eq!(Phone::parse(text), Err(PhoneError::Form), "{text}");
        }
        assert_eq!(Phone::parse("1597476364x"), Err(PhoneError::Character));
    }
}
