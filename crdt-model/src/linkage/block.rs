//! Which pairs are compared at all: those that share a key.
//!
//! Every record has a few keys, each robust against another kind of slip. Records with a key in common are a block, and
//! its pairs are compared. A block too large (a station's telephone, a misused number) is split by the surname, then
//! the whole name, then the date of birth; what is then still too large is left out and told, so that the work grows
//! with the rows and not with their square.

use std::collections::BTreeSet;

use serde::Serialize;

use super::person::Person;

/// The most records of a block whose every pair is compared.
pub const BLOCK_MAX: usize = 32;

/// What the records of a block have in common. Names count by their sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The 17 digits of the number.
    Id,
    /// The same digits of the number in another order.
    IdSorted,
    /// The day of birth.
    Birth,
    /// Year of birth and surname; month and day in either order.
    BirthTurned,
    /// Name and year of birth.
    NameYear,
    /// Name, and month and day of birth.
    NameDay,
    /// Name and community.
    NameCommunity,
    /// A telephone number.
    Phone,
    /// The room and the year of birth.
    RoomYear,
}

/// A block that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// What its records have in common.
    pub key: Key,
    /// How many they are.
    pub rows: usize,
}

/// The pairs to compare.
#[derive(Debug)]
pub(super) struct Candidates {
    /// Places of two records, the lower first; sorted, each pair once.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Blocks that were split.
    pub(super) split: usize,
    /// Blocks that were left out.
    pub(super) left_out: Vec<LeftOut>,
}

pub(super) fn candidates(people: &[Person]) -> Candidates {
    let mut keyed: Vec<(Key, String, usize)> = Vec::new();
    for (at, person) in people.iter().enumerate() {
        keyed.extend(keys(person).into_iter().map(|(key, text)| (key, text, at)));
    }
    keyed.sort_unstable();
    let mut found = Candidates { pairs: Vec::new(), split: 0, left_out: Vec::new() };
    for block in keyed.chunk_by(|a, b| (a.0, &a.1) == (b.0, &b.1)) {
        let Some((key, _, _)) = block.first() else { continue };
        let mut rows: Vec<usize> = block.iter().map(|(_, _, at)| *at).collect();
        rows.dedup();
        pairs(people, *key, &rows, 0, &mut found);
    }
    found.pairs.sort_unstable();
    found.pairs.dedup();
    found.left_out.sort_unstable();
    found
}

/// Adds the pairs of a block, after splitting it by what `depth` names where it is too large.
fn pairs(people: &[Person], key: Key, rows: &[usize], depth: u8, found: &mut Candidates) {
    if rows.len() <= BLOCK_MAX {
        for (i, a) in rows.iter().enumerate() {
            found.pairs.extend(rows.iter().skip(i.saturating_add(1)).map(|b| (*a, *b)));
        }
        return;
    }
    let Some(part): Option<fn(&Person) -> String> = (match depth {
        0 => Some(surname),
        1 => Some(name),
        2 => Some(birth),
        _ => None,
    }) else {
        found.left_out.push(LeftOut { key, rows: rows.len() });
        return;
    };
    if depth == 0 {
        found.split = found.split.saturating_add(1);
    }
    let mut parts: Vec<(String, usize)> =
        rows.iter().filter_map(|at| people.get(*at).map(|person| (part(person), *at))).collect();
    parts.sort_unstable();
    for block in parts.chunk_by(|a, b| a.0 == b.0) {
        let rows: Vec<usize> = block.iter().map(|(_, at)| *at).collect();
        pairs(people, key, &rows, depth.saturating_add(1), found);
    }
}

fn surname(person: &Person) -> String {
    person.reading.first().map(|reading| format!("{reading:x}")).unwrap_or_default()
}

fn name(person: &Person) -> String {
    person.reading.iter().map(|reading| format!("{reading:x} ")).collect()
}

fn birth(person: &Person) -> String {
    let digits = person.birth.and_then(super::birth::Birth::digits).unwrap_or_default();
    digits.into_iter().map(char::from).collect()
}

fn keys(person: &Person) -> BTreeSet<(Key, String)> {
    let mut keys = BTreeSet::new();
    let (name, surname) = (name(person), surname(person));
    let named = !name.is_empty();
    if let Some(id) = &person.id {
        let mut digits = id.body.clone();
        let text = |digits: &[u8]| digits.iter().map(u8::to_string).collect::<String>();
        keys.insert((Key::Id, text(&digits)));
        digits.sort_unstable();
        keys.insert((Key::IdSorted, text(&digits)));
    }
    if let Some(birth) = person.birth {
        let year = birth.year();
        if named {
            keys.insert((Key::NameYear, format!("{name}/{year}")));
        }
        if let Some((month, day)) = birth.month_day() {
            keys.insert((Key::Birth, format!("{year}-{month}-{day}")));
            if day <= 12 {
                let (low, high) = (month.min(day), month.max(day));
                keys.insert((Key::BirthTurned, format!("{surname}/{year}-{low}-{high}")));
            }
            if named {
                keys.insert((Key::NameDay, format!("{name}/{month}-{day}")));
            }
        }
    }
    for phone in &person.phones {
        keys.insert((Key::Phone, phone.as_str().to_owned()));
    }
    if let Some(address) = &person.address {
        let community = &address.community;
        if named {
            keys.insert((Key::NameCommunity, format!("{name}/{community}")));
        }
        let room = address.building.as_deref().zip(address.room.as_deref()).zip(person.birth);
        if let Some(((building, room), birth)) = room {
            let year = birth.year();
            keys.insert((Key::RoomYear, format!("{year}/{building}/{room}/{community}")));
        }
    }
    keys
}
