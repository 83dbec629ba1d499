//! Where an address lies: areas in words, as offices write them.
//!
//! An area is the beginning of a name such as `桃园路街道` or `东桃园社区`, or several names in the order of the address.
//! An address lies in it where it has the area's letters and digits next to one another, beginning where a name
//! begins: at the front, after a space or punctuation, or after a character that ends the name of a division. So
//! `莲湖区东桃园社区 14栋` lies in `东桃园社区` and not in `桃园社区`. Full-width forms, spaces, punctuation and case do
//! not matter; a number counts whole: `桃园路81号` does not lie in `桃园路8`.

use crate::national_id::half_width;

/// The characters that end the name of a province, city, district, county, banner, prefecture, town, township or
/// subdistrict (`街道`, `街办`, `办事处`), so that another name may begin after them.
const DIVISION_ENDS: &str = "省市区县旗盟州镇乡道办处";

/// Says whether an address lies in an area. Every address lies in the area that names nothing.
#[must_use]
pub fn lies_in(address: &str, area: &str) -> bool {
    let (address, area) = (letters(address), letters(area));
    let Some(last) = area.last() else { return true };
    let fits = |(at, part): (usize, &[Letter])| {
        let alike = part.iter().zip(&area).all(|(one, other)| one.letter == other.letter);
        let next = at.checked_add(area.len()).and_then(|end| address.get(end));
        let cut = next.is_some_and(|next| !next.begins && both_ascii(last.letter, next.letter));
        part.first().is_some_and(|first| first.begins) && alike && !cut
    };
    address.windows(area.len()).enumerate().any(fits)
}

fn both_ascii(one: char, other: char) -> bool {
    one.is_ascii() && other.is_ascii()
}

/// A letter or digit of an address.
struct Letter {
    letter: char,
    /// Whether a name may begin here.
    begins: bool,
}

fn letters(text: &str) -> Vec<Letter> {
    let (mut letters, mut begins) = (Vec::new(), true);
    for letter in text.chars().map(half_width).flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            letters.push(Letter { letter, begins });
            begins = DIVISION_ENDS.contains(letter);
        } else {
            begins = true;
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_the_areas_it_names() {
        let street = "西安市莲湖区桃园路街道丰镐东路社区居委会21号楼4单元1403";
        for area in [
            "",
            " ",
            "西安市",
            "莲湖区",
            "桃园路街道",
            "桃园路",
            "丰镐东路社区",
            "莲湖区 桃园路街道",
        ] {
            assert!(lies_in(street, area), "{area}");
        }
        for area in ["碑林区", "镐东路社区", "东路社区", "莲湖区丰镐东路", "园路街道", "桃园南路"]
        {
            assert!(!lies_in(street, area), "{area}");
        }
    }

    #[test]
    fn a_name_begins_where_a_division_ends() {
        let east = "西关街办东桃园社区居委会14栋1801";
        assert!(lies_in(east, "东桃园社区") && !lies_in(east, "桃园社区"));
        assert!(lies_in("锦园社区居委会45-2-1002", "锦园社区"));
        assert!(lies_in("莲湖区大土门开远社区 28#楼", "大土门开远社区"));
        assert!(lies_in("12 Peach Road, North Gate", "north gate"));
        assert!(!lies_in("12 Peach Road, Northgate", "gate"));
    }

    #[test]
    fn writing_does_not_matter_and_numbers_count_whole() {
        assert!(lies_in("莲湖区桃园路８号楼", "莲湖区 桃园路 8"));
        assert!(lies_in("莲湖区桃园路 8 1单元", "桃园路8"));
        assert!(!lies_in("莲湖区桃园路81号", "桃园路8"));
        assert!(!lies_in("", "桃园路"));
    }
}
