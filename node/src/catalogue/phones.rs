//! Which elders are known by a telephone number: in memory, so that a caller is found before the second ring.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::phone;
use linli_replica::id::DocTag;
use serde::{Deserialize, Serialize};

/// Numbers of one elder that are kept: a whole family's.
const NUMBERS_MAX: usize = 24;

/// Documents that are found by one number: a home with one line for all who live there.
const FOUND_MAX: usize = 32;

/// What stands between several numbers in one field.
const BETWEEN: [char; 8] = ['/', ',', ';', '、', '，', '；', '或', '\n'];

/// The numbers by which a caller is known, as [`phone::comparable`] has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// The elder's own.
    own: Vec<String>,
    /// Those of contacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<String>,
}

impl Numbers {
    /// Reads numbers as offices write them, several in a field or one.
    pub(crate) fn new<'a>(own: Vec<String>, contacts: impl Iterator<Item = &'a str>) -> Self {
        let own = read(own.iter().map(String::as_str));
        let mut contacts = read(contacts);
        contacts.retain(|number| !own.contains(number));
        Self { own, contacts }
    }

    fn all(&self) -> impl Iterator<Item = (&String, bool)> {
        let own = self.own.iter().map(|number| (number, true));
        own.chain(self.contacts.iter().map(|number| (number, false)))
    }
}

fn read<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let parts = texts.flat_map(|text| text.split(BETWEEN)).filter_map(phone::comparable);
    let mut numbers: Vec<String> = parts.take(NUMBERS_MAX).collect();
    numbers.sort();
    numbers.dedup();
    numbers
}

/// How a number is kept: one that is written with its area code is also found without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// A mobile number, or a landline with its area code.
    Whole,
    /// The same landline without it.
    OfArea,
    /// A landline that is written without it.
    Alone,
    /// A number of another country.
    Foreign,
}

type Key = (Form, u64);

/// What one number is kept as, or looked for as.
type Keys = [Option<Key>; 2];

/// What a number is kept as, and what it is looked for as.
fn keys(number: &str) -> Option<(Keys, Keys)> {
    let key = |form, digits: &str| Some((form, digits.parse().ok()?));
    if let Some(foreign) = number.strip_prefix('+') {
        let both = [key(Form::Foreign, foreign), None];
        return Some((both, both));
    }
    let whole = key(Form::Whole, number);
    whole?;
    Some(match phone::split_area(number) {
        Some((_, local)) => ([whole, key(Form::OfArea, local)], [whole, key(Form::Alone, local)]),
        None if number.len() > 8 => ([whole, None], [whole, None]),
        None => {
            let alone = key(Form::Alone, number);
            ([alone, None], [alone, key(Form::OfArea, number)])
        }
    })
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct Phones {
    of: BTreeSet<(Key, DocTag, bool)>,
}

impl Phones {
    pub(super) fn put(&mut self, document: DocTag, numbers: &Numbers) {
        self.of.extend(rows(document, numbers));
    }

    pub(super) fn remove(&mut self, document: DocTag, numbers: &Numbers) {
        for row in rows(document, numbers) {
            self.of.remove(&row);
        }
    }

    /// The documents in which a number stands, and whether it is the elder's own.
    pub(super) fn of(&self, number: &str) -> BTreeMap<DocTag, bool> {
        let number = phone::comparable(number);
        let sought = number.as_deref().and_then(keys).map(|(_, sought)| sought);
        let mut found = BTreeMap::new();
        for key in sought.into_iter().flatten().flatten() {
            let range = (key, DocTag([0; 32]), false)..=(key, DocTag([0xff; 32]), true);
            for (_, document, is_own) in self.of.range(range).take(2 * FOUND_MAX) {
                if found.len() < FOUND_MAX || found.contains_key(document) {
                    *found.entry(*document).or_default() |= *is_own;
                }
            }
        }
        found
    }
}

fn rows(document: DocTag, numbers: &Numbers) -> impl Iterator<Item = (Key, DocTag, bool)> {
    numbers.all().flat_map(move |(number, is_own)| {
        let kept = keys(number).map(|(kept, _)| kept);
        kept.into_iter().flatten().flatten().map(move |key| (key, document, is_own))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(number: u8) -> DocTag {
        DocTag([number; 32])
    }

    fn numbers(own: &str, contacts: &[&str]) -> Numbers {
        Numbers::new(vec![own.to_owned()], contacts.iter().copied())
    }

    fn found(phones: &Phones, number: &str) -> Vec<(u8, bool)> {
        phones.of(number).into_iter().map(|(document, is_own)| (document.0[0], is_own)).collect()
    }

    #[test]
    fn callers_are_found_however_their_number_is_written() {
        let mut phones = Phones::default();
        phones.put(doc(1), &numbers("159-7476-3649", &["+86 13800138000", "13800138000"]));
        phones.put(doc(2), &numbers("(029) 8760-1234", &["13800138000"]));
        phones.put(doc(3), &numbers("87601234", &[]));
        phones.put(doc(4), &numbers("010-87601234/+49 30 1234567", &[]));
        for number in ["15974763649", "+8615974763649", "015974763649", "0086 159 7476 3649"] {
            assert_eq!(found(&phones, number), [(1, true)], "{number}");
        }
        assert_eq!(found(&phones, "13800138000"), [(1, false), (2, false)]);
        // With the area code: that number, and those of whom nobody wrote theirs.
        assert_eq!(found(&phones, "02987601234"), [(2, true), (3, true)]);
        assert_eq!(found(&phones, "+86 10 87601234"), [(3, true), (4, true)]);
        // A neighbour in the same area is shown without it.
        assert_eq!(found(&phones, "87601234"), [(2, true), (3, true), (4, true)]);
        assert_eq!(found(&phones, "0049301234567"), [(4, true)]);
        for number in ["76012345", "1597476364", "8760123", "120", "", "anonymous", "49301234567"] {
            assert_eq!(found(&phones, number), [], "{number}");
        }
    }

    #[test]
    fn what_is_taken_out_is_found_no_more() {
        let mut phones = Phones::default();
        let both = numbers("15974763649", &["02987601234"]);
        phones.put(doc(1), &both);
        phones.put(doc(2), &both);
        phones.remove(doc(1), &both);
        assert_eq!(found(&phones, "87601234"), [(2, false)]);
        phones.remove(doc(2), &both);
        assert!(phones.of.is_empty());
    }

    #[test]
    fn a_number_of_thousands_finds_a_few() {
        let mut phones = Phones::default();
        for number in 0..10_000_u32 {
            let tag = *blake3::hash(&number.to_be_bytes()).as_bytes();
            phones.put(DocTag(tag), &numbers("15974763649", &[]));
        }
        assert_eq!(phones.of("15974763649").len(), FOUND_MAX);
        let many = (0..100).map(|n| format!("1380013{n:04}")).collect();
        assert_eq!(Numbers::new(many, std::iter::empty()).own.len(), NUMBERS_MAX);
    }
}
