//! How the characters of names sound, for names are often taken down by ear.
//!
//! The table `readings.tsv` has one line a syllable: the syllable of Hanyu Pinyin without its tone, and the characters
//! common in names that sound so. A character with several readings stands with the one it has in names. A character
//! that is not in the table sounds like itself only.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("readings.tsv");

/// The reading of unknown characters begins here, above every line of the table.
const UNKNOWN: u32 = 0x1_0000;

static READINGS: LazyLock<BTreeMap<char, u32>> = LazyLock::new(|| {
    let lines = (0..UNKNOWN).zip(TABLE.lines());
    let characters = lines.filter_map(|(at, line)| line.split_once('\t').map(|(_, c)| (at, c)));
    characters.flat_map(|(at, characters)| characters.chars().map(move |c| (c, at))).collect()
});

/// The reading of a character: equal for two characters that sound alike.
pub(super) fn of(character: char) -> u32 {
    let unknown = || UNKNOWN.saturating_add(u32::from(character));
    READINGS.get(&character).copied().unwrap_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_syllable_and_no_character_stands_twice() {
        let mut all = Vec::new();
        let mut syllables = Vec::new();
        for line in TABLE.lines() {
            let (syllable, characters) = line.split_once('\t').unwrap();
            assert!(syllable.bytes().all(|b| b.is_ascii_lowercase()), "{line}");
            assert!(characters.chars().all(|c| u32::from(c) >= 0x4e00), "{line}");
            syllables.push(syllable);
            all.extend(characters.chars());
        }
        assert!(syllables.is_sorted());
        let count = all.len();
        all.sort_unstable();
        let doubled: Vec<char> = all.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
        assert_eq!(doubled, [], "of {count}");
    }

    #[test]
    fn homophones_sound_alike_and_others_do_not() {
        for (one, other) in [('珍', '贞'), ('张', '章'), ('闫', '阎'), ('育', '玉')] {
            assert_eq!(of(one), of(other));
        }
        assert_ne!(of('林'), of('玲'));
        assert_ne!(of('龘'), of('靐'));
        assert_eq!(of('龘'), of('龘'));
    }

    #[test]
    fn every_character_of_names_in_the_registers_is_known() {
        let north = include_bytes!("../../data/registers/register-north.csv");
        let west = include_bytes!("../../data/registers/register-west.csv");
        for bytes in [north.as_slice(), west.as_slice()] {
            for row in crate::register::read(bytes).unwrap().rows {
                let name = crate::matching::normal_name(row.name.as_str());
                let unknown: Vec<char> = name.chars().filter(|c| of(*c) >= UNKNOWN).collect();
                assert_eq!(unknown, []);
            }
        }
    }
}
