//! A record as it is compared with others: wider than [`crate::matching::Identity`], for nothing typed is thrown away.

use crate::codes::Sex;
use crate::joins::RecordRef;
use crate::matching::normal_name;
use crate::national_id::{NationalId, half_width};
use crate::private::Private;
use crate::profile::ProfileField as F;

use super::address::Address;
use super::birth::Birth;
use super::readings;

/// The most telephone numbers of one record that are compared.
pub const PHONES_MAX: usize = 4;

/// The most characters of a name that are compared.
const NAME_CHARS_MAX: usize = 40;

/// A person's record, ready to be compared. `Debug` shows the record's number only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The record.
    pub record: RecordRef,
    /// The name as typed.
    pub name: Private,
    /// The sex, where it is stated.
    pub sex: Option<Sex>,
    /// The date of birth, as far as it is known. Where only the year is stated, or nothing, the number's date counts.
    pub birth: Option<Birth>,
    /// The number of the identity card, as far as it has the length of one.
    pub id: Option<IdTyped>,
    /// Telephone numbers: digits without country and area code, sorted.
    pub phones: Vec<Private>,
    /// The address, as far as it could be parsed.
    pub address: Option<Address>,
    pub(super) characters: Vec<char>,
    pub(super) reading: Vec<u32>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("record", &self.record).finish_non_exhaustive()
    }
}

/// A number of an identity card as it was typed, right or wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdTyped {
    /// The 17 digits before the check character; those of the 15-digit form are completed by the century 19.
    pub(super) body: Vec<u8>,
    /// Whether it was typed with 18 characters and its check character is right.
    pub(super) valid: bool,
}

impl std::fmt::Debug for IdTyped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdTyped").field("valid", &self.valid).finish_non_exhaustive()
    }
}

impl IdTyped {
    /// Reads a number of 18 or 15 characters whose first 17 or 15 are digits, whether or not it checks; none for
    /// other texts.
    pub fn read(text: &str) -> Option<Self> {
        let typed: Vec<char> = text
            .chars()
            .map(half_width)
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_ascii_uppercase())
            .take(19)
            .collect();
        let digits: Vec<char> = match typed.len() {
            18 => typed.iter().copied().take(17).collect(),
            15 => {
                let (area, rest) = typed.split_at_checked(6)?;
                area.iter().chain(&['1', '9']).chain(rest).copied().collect()
            }
            _ => return None,
        };
        let digit = |c: char| c.to_digit(10).and_then(|d| u8::try_from(d).ok());
        let body = digits.into_iter().map(digit).collect::<Option<Vec<u8>>>()?;
        Some(Self { body, valid: typed.len() == 18 && NationalId::parse(text).is_ok() })
    }

    /// The date of birth within, where there is such a day.
    pub fn birth(&self) -> Option<Birth> {
        let digits: String = self.body.get(6..14)?.iter().map(u8::to_string).collect();
        crate::dates::parse(&digits).ok().map(Birth::day)
    }
}

/// What a record says, as it was typed.
#[derive(Clone, Copy, Default)]
pub struct Typed<'a> {
    /// The name.
    pub name: &'a str,
    /// The sex.
    pub sex: Option<Sex>,
    /// The date of birth: a day, a month or a year.
    pub birth: Option<&'a str>,
    /// The number of the identity card.
    pub id: Option<&'a str>,
    /// One or several telephone numbers.
    pub phone: Option<&'a str>,
    /// The address.
    pub address: Option<&'a str>,
}

impl std::fmt::Debug for Typed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Typed").finish_non_exhaustive()
    }
}

impl Person {
    /// Prepares a record for comparison. What cannot be read counts as missing.
    pub fn new(record: RecordRef, typed: Typed<'_>) -> Self {
        let id = typed.id.and_then(IdTyped::read);
        let stated = typed.birth.and_then(Birth::read);
        let within = id.as_ref().and_then(IdTyped::birth);
        let birth = match (stated, within) {
            (Some(stated), Some(within)) if stated.is_vague() && stated.year() == within.year() => {
                Some(within)
            }
            (Some(stated), _) => Some(stated),
            (None, within) => within,
        };
        let characters: Vec<char> = normal_name(typed.name).chars().take(NAME_CHARS_MAX).collect();
        Self {
            record,
            name: typed.name.into(),
            sex: typed.sex.filter(|sex| sex.is_known()),
            birth,
            id,
            phones: typed.phone.map(phones).unwrap_or_default(),
            address: typed.address.and_then(Address::read),
            reading: characters.iter().map(|c| readings::of(*c)).collect(),
            characters,
        }
    }

    /// Prepares a profile for comparison: its fields and their values, as [`crate::register::RegisterRow::fields`]
    /// gives them or a profile's view shows them. The first value of a field counts; what was kept unchecked counts
    /// where no checked value stands beside it.
    pub fn of_fields<'a>(
        record: RecordRef,
        fields: impl IntoIterator<Item = (F, &'a str)>,
    ) -> Self {
        let fields: Vec<(F, &str)> = fields.into_iter().collect();
        let get = |field: F| fields.iter().find(|(f, _)| *f == field).map(|(_, value)| *value);
        let typed = Typed {
            name: get(F::Name).unwrap_or(""),
            sex: get(F::Sex).and_then(Sex::of_code),
            birth: get(F::BirthDate).or_else(|| get(F::BirthDateUnchecked)),
            id: get(F::NationalId).or_else(|| get(F::NationalIdUnchecked)),
            phone: get(F::Phone).or_else(|| get(F::PhoneUnchecked)),
            address: get(F::Address),
        };
        Self::new(record, typed)
    }
}

/// The numbers of a cell, without area codes, so that a landline compares equal with and without its own.
fn phones(text: &str) -> Vec<Private> {
    let local = |number: String| match crate::phone::split_area(&number) {
        Some((_, local)) => local.to_owned(),
        None => number,
    };
    let mut numbers: Vec<Private> = text
        .split(['/', ',', ';', '、', '，', '；'])
        .take(PHONES_MAX)
        .filter_map(crate::phone::comparable)
        .map(|number| Private::from(local(number)))
        .filter(|number| number.as_str().len() >= 7)
        .collect();
    numbers.sort();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(typed: Typed<'_>) -> Person {
        Person::new(RecordRef { source: "a".to_owned(), record: "1".to_owned() }, typed)
    }

    #[test]
    fn an_old_number_is_completed_and_not_certain() {
        let new = IdTyped::read("11010519491231002x").unwrap();
        let old = IdTyped::read("110105491231002").unwrap();
        assert_eq!(new.body, old.body);
        assert!(new.valid && !old.valid);
        assert!(!IdTyped::read("110105194912310021").unwrap().valid);
        assert_eq!(IdTyped::read("X10105194912310021"), None);
        assert_eq!(IdTyped::read("1949"), None);
    }

    #[test]
    fn the_number_completes_a_vague_date_of_the_same_year() {
        let id = Some("11010519491231002X");
        for birth in [None, Some("1949-01-01"), Some("1949")] {
            let person = person(Typed { birth, id, ..Typed::default() });
            assert_eq!(person.birth, Birth::read("1949-12-31"));
        }
        let other = person(Typed { birth: Some("1950"), id, ..Typed::default() });
        assert_eq!(other.birth, Birth::read("1950"));
    }

    #[test]
    fn a_landline_has_no_area_code_and_a_cell_many_numbers() {
        let one = person(Typed { phone: Some("(029) 8760-1234"), ..Typed::default() });
        let two = person(Typed { phone: Some("159-7476-3649/87601234"), ..Typed::default() });
        assert_eq!(one.phones, [Private::from("87601234")]);
        assert_eq!(two.phones, [Private::from("15974763649"), Private::from("87601234")]);
    }

    #[test]
    fn nothing_about_a_person_is_in_debug_output() {
        let person = person(Typed {
            name: "王秀英",
            id: Some("11010519491231002X"),
            address: Some("桃园路 1"),
            ..Typed::default()
        });
        let shown = format!("{person:?} {:?} {:?}", person.id, person.address);
        for secret in ["王", "1949", "桃园"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
