//! Compares two records, field by field.

use super::address::Address;
use super::birth::Birth;
use super::level::{AddressLevel, BirthLevel, Evidence, IdLevel, NameLevel, PhoneLevel, SexLevel};
use super::person::{IdTyped, Person};

/// Compares two records. The order of the two does not matter.
pub fn compare(a: &Person, b: &Person) -> Evidence {
    Evidence {
        id: a.id.as_ref().zip(b.id.as_ref()).map_or(IdLevel::Missing, |(a, b)| ids(a, b)),
        name: names(a, b),
        birth: a.birth.zip(b.birth).map_or(BirthLevel::Missing, |(a, b)| births(a, b)),
        sex: match a.sex.zip(b.sex) {
            None => SexLevel::Missing,
            Some((a, b)) if a == b => SexLevel::Equal,
            Some(_) => SexLevel::Different,
        },
        phone: phones(a, b),
        address: a
            .address
            .as_ref()
            .zip(b.address.as_ref())
            .map_or(AddressLevel::Missing, |(a, b)| addresses(a, b)),
    }
}

fn ids(a: &IdTyped, b: &IdTyped) -> IdLevel {
    match slip(&a.body, &b.body) {
        Slip::None if a.valid && b.valid => IdLevel::Equal,
        Slip::None => IdLevel::SameDigits,
        _ if a.valid && b.valid => IdLevel::TwoValid,
        Slip::Changed => IdLevel::OneDigit,
        Slip::Swapped => IdLevel::Swapped,
        Slip::Lost | Slip::More => IdLevel::Different,
    }
}

fn names(a: &Person, b: &Person) -> NameLevel {
    if a.characters.is_empty() || b.characters.is_empty() {
        return NameLevel::Missing;
    }
    match slip(&a.characters, &b.characters) {
        Slip::None => NameLevel::Equal,
        _ if a.reading == b.reading => NameLevel::Homophone,
        Slip::Changed | Slip::Swapped | Slip::Lost
            if a.characters.len().max(b.characters.len()) > 1 =>
        {
            NameLevel::Near
        }
        Slip::Changed | Slip::Swapped | Slip::Lost | Slip::More => NameLevel::Different,
    }
}

fn births(a: Birth, b: Birth) -> BirthLevel {
    if let Some((one, other)) = a.digits().zip(b.digits()) {
        let turned = a.month_day().zip(b.month_day());
        let turned = turned.is_some_and(|(a, b)| a == (b.1, b.0));
        return match slip(&one, &other) {
            Slip::None => BirthLevel::Equal,
            _ if turned && a.year() == b.year() => BirthLevel::Swapped,
            Slip::Changed => BirthLevel::OneDigit,
            Slip::Swapped | Slip::Lost | Slip::More => BirthLevel::Different,
        };
    }
    if a.year() != b.year() {
        return BirthLevel::Different;
    }
    match a.month().zip(b.month()) {
        None => BirthLevel::Year,
        Some((a, b)) if a == b => BirthLevel::Month,
        Some(_) => BirthLevel::Different,
    }
}

fn phones(a: &Person, b: &Person) -> PhoneLevel {
    let pairs = a.phones.iter().flat_map(|one| b.phones.iter().map(move |other| (one, other)));
    let level = |(one, other): (&crate::private::Private, &crate::private::Private)| match slip(
        one.as_str().as_bytes(),
        other.as_str().as_bytes(),
    ) {
        Slip::None => PhoneLevel::Equal,
        Slip::Changed => PhoneLevel::OneDigit,
        Slip::Swapped | Slip::Lost | Slip::More => PhoneLevel::Different,
    };
    pairs.map(level).min().unwrap_or(PhoneLevel::Missing)
}

fn addresses(a: &Address, b: &Address) -> AddressLevel {
    if a.community != b.community {
        return AddressLevel::Different;
    }
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    // Some offices leave the unit away.
    let units_agree = a.unit.is_none() || b.unit.is_none() || a.unit == b.unit;
    if !same(&a.building, &b.building) {
        AddressLevel::Community
    } else if same(&a.room, &b.room) && units_agree {
        AddressLevel::Room
    } else {
        AddressLevel::Building
    }
}

/// What makes one sequence another.
enum Slip {
    None,
    /// One element is another.
    Changed,
    /// Two elements next to one another are swapped.
    Swapped,
    /// One element is missing in one of the two.
    Lost,
    More,
}

fn slip<T: PartialEq>(a: &[T], b: &[T]) -> Slip {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let front = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let back = short.iter().rev().zip(long.iter().rev()).take_while(|(a, b)| a == b).count();
    let differing = short.len().saturating_sub(front.saturating_add(back));
    match long.len().saturating_sub(short.len()) {
        0 if front == short.len() => Slip::None,
        0 if differing == 1 => Slip::Changed,
        0 if differing == 2 => {
            let middle = |all: &[T]| -> Option<bool> {
                let (first, second) = (front, front.checked_add(1)?);
                Some(all.get(first)? == b.get(second)? && all.get(second)? == b.get(first)?)
            };
            if middle(a).unwrap_or(false) { Slip::Swapped } else { Slip::More }
        }
        1 if front.saturating_add(back) >= short.len() => Slip::Lost,
        _ => Slip::More,
    }
}
