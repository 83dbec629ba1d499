//! The national identity number, GB 11643-1999: 17 digits and a check character (ISO 7064 MOD 11-2).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::codes::Sex;
use crate::private::Private;

/// A valid number in its 18-character form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NationalId {
    text: Private,
    birth: Date,
    sex: Sex,
}

impl std::fmt::Debug for NationalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NationalId").finish_non_exhaustive()
    }
}

/// Why a text is no national id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NationalIdError {
    /// Neither 18 nor 15 characters.
    #[error("an identity number has 18 characters (or 15 before 2000): compare it with the card")]
    Length,
    /// Something other than digits, or X elsewhere than at the end.
    #[error(
        "an identity number has digits only, and X at most at its end: compare it with the card"
    )]
    Character,
    /// The date of birth within does not exist.
    #[error("the date of birth in the identity number does not exist: compare it with the card")]
    BirthDate,
    /// The check character is another one.
    #[error(
        "the check digit does not fit: one of the digits is mistyped, compare it with the card"
    )]
    CheckDigit,
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];

impl NationalId {
    /// Reads an 18-character number, or a 15-digit one of before 2000, which becomes 18 by the century 19 and the
    /// check character. Full-width characters, spaces and a small x do not matter.
    ///
    /// # Errors
    /// [`NationalIdError`] says which check failed. A 15-digit number carries no check, only its date.
    pub fn parse(text: &str) -> Result<Self, NationalIdError> {
        let typed: String = text
            .chars()
            .map(half_width)
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let (body, check) = match typed.chars().count() {
            18 => {
                let body: String = typed.chars().take(17).collect();
                (body, typed.chars().last())
            }
            15 => {
                let century = "19".chars();
                let body =
                    typed.chars().take(6).chain(century).chain(typed.chars().skip(6)).collect();
                (body, None)
            }
            _ => return Err(NationalIdError::Length),
        };
        Self::from_parts(&body, check)
    }

    fn from_parts(body: &str, check: Option<char>) -> Result<Self, NationalIdError> {
        let digits: Vec<u32> = body
            .chars()
            .map(|c| c.to_digit(10))
            .collect::<Option<_>>()
            .ok_or(NationalIdError::Character)?;
        if check.is_some_and(|c| !c.is_ascii_digit() && c != 'X') {
            return Err(NationalIdError::Character);
        }
        let birth = body
            .get(6..14)
            .and_then(|date| crate::dates::parse(date).ok())
            .ok_or(NationalIdError::BirthDate)?;
        let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
        let right = usize::try_from(sum % 11).ok().and_then(|i| CHECKS.get(i)).copied();
        let right = right.ok_or(NationalIdError::CheckDigit)?;
        if check.is_some_and(|c| c != right) {
            return Err(NationalIdError::CheckDigit);
        }
        let odd = digits.last().is_some_and(|digit| digit % 2 == 1);
        let sex = if odd { Sex::Male } else { Sex::Female };
        Ok(Self { text: Private::from(format!("{body}{right}")), birth, sex })
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The date of birth within the number.
    pub fn birth_date(&self) -> Date {
        self.birth
    }

    /// The sex within the number.
    pub fn sex(&self) -> Sex {
        self.sex
    }
}

impl TryFrom<String> for NationalId {
    type Error = NationalIdError;

    fn try_from(text: String) -> Result<Self, NationalIdError> {
        Self::parse(&text)
    }
}

impl From<NationalId> for String {
    fn from(id: NationalId) -> Self {
        id.as_str().to_owned()
    }
}

/// A full-width ASCII character as its ordinary one.
pub(crate) fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c).saturating_sub(0xfee0)).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_vectors_are_valid() {
        let id = NationalId::parse("11010519491231002X").unwrap();
        assert_eq!((id.birth_date().to_string().as_str(), id.sex()), ("1949-12-31", Sex::Female));
        let id = NationalId::parse("440524188001010014").unwrap();
        assert_eq!((id.birth_date().to_string().as_str(), id.sex()), ("1880-01-01", Sex::Male));
    }

    #[test]
    fn spelling_does_not_matter() {
        for text in [
            "11010519491231002x",
            " 110105 19491231 002X ",
            "１１０１０５１９４９１２３１００２Ｘ",
            "110105491231002",
        ] {
            assert_eq!(NationalId::parse(text).unwrap().as_str(), "11010519491231002X", "{text}");
        }
    }

    #[test]
    fn each_mistake_has_its_error() {
        use NationalIdError as E;
        for (text, error) in [
            ("", E::Length),
            ("1101051949123100", E::Length),
            ("1101051949123100211", E::Length),
            ("1101O519491231002X", E::Character),
            ("X10105194912310021", E::Character),
            ("11010519491231002Y", E::Character),
            ("110105194913310021", E::BirthDate),
            ("110105490230002", E::BirthDate),
            ("110105194912310020", E::CheckDigit),
            ("110105194912310202", E::CheckDigit),
        ] {
            assert_eq!(NationalId::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn any_single_mistyped_digit_is_found() {
        let right = "440524188001010014";
        for place in 0..18 {
            for digit in '0'..='9' {
                let mut typed: Vec<char> = right.chars().collect();
                if typed[place] != digit {
                    typed[place] = digit;
                    let typed: String = typed.into_iter().collect();
                    assert!(NationalId::parse(&typed).is_err(), "{typed}");
                }
            }
        }
    }
}
