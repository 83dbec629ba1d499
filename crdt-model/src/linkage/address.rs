//! Addresses as far as they can be compared: the community, and the numbers of building, unit and room.

use crate::national_id::half_width;

/// What may end the name of a community; it is left away, for offices write it in many ways.
const COMMUNITY_ENDS: [&str; 8] = [
    "社区居民委员会",
    "社区居委会",
    "社区委会",
    "村民委员会",
    "居民委员会",
    "居委会",
    "村委会",
    "社区",
];

/// The characters that end the name of a division, so that the community's may begin after them.
const DIVISION_ENDS: [char; 12] =
    ['省', '市', '区', '县', '旗', '盟', '州', '镇', '乡', '道', '办', '处'];

/// The most characters of an address that are read.
const CHARS_MAX: usize = 200;

/// A parsed address. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    pub(super) community: String,
    pub(super) building: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) room: Option<String>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").finish_non_exhaustive()
    }
}

impl Address {
    /// Parses `西安市莲湖区桃园路街道丰镐东路社区居委会21号楼4单元1403`, `莲湖区丰镐东路社区 21#楼 4单元 1403室`,
    /// `桃园路街办丰镐东路社区21栋1403` and `丰镐东路社区居委会21-4-1403`: what stands before the first digit ends with
    /// the community; the last numbers are building, unit and room, or building and room, or the building alone.
    /// Earlier numbers belong to the name. None where no name stands before the numbers.
    pub fn read(text: &str) -> Option<Self> {
        let text: Vec<char> = text
            .chars()
            .take(CHARS_MAX)
            .map(half_width)
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect();
        let front: String = text.iter().take_while(|c| !c.is_ascii_digit()).collect();
        let mut community = community(&front).to_owned();
        if community.is_empty() {
            return None;
        }
        let rest: String = text.iter().skip_while(|c| !c.is_ascii_digit()).collect();
        let mut numbers: Vec<&str> = rest
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()))
            .map(|number| number.trim_start_matches('0'))
            .collect();
        let extra = numbers.len().saturating_sub(3);
        for number in numbers.drain(..extra) {
            community.push(' ');
            community.push_str(number);
        }
        let own = |number: &&str| Some((*number).to_owned());
        let (building, unit, room) = match numbers.as_slice() {
            [building, unit, room] => (own(building), own(unit), own(room)),
            [building, room] => (own(building), None, own(room)),
            [building] => (own(building), None, None),
            _ => (None, None, None),
        };
        Some(Self { community, building, unit, room })
    }
}

/// The last name of several.
fn community(front: &str) -> &str {
    let name = COMMUNITY_ENDS.iter().find_map(|end| front.strip_suffix(end)).unwrap_or(front);
    let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
    // A community may itself be called a 区: its last character ends no other name.
    let before_last = name.char_indices().next_back().map_or(0, |(at, _)| at);
    let begins = name.get(..before_last).and_then(|name| name.rfind(DIVISION_ENDS));
    let begins = begins.and_then(|at| name.get(at..)).map(|name| {
        let mut letters = name.chars();
        letters.next();
        letters.as_str()
    });
    begins.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_room_written_in_many_ways_is_one() {
        let whole =
            Address::read("西安市莲湖区桃园路街道丰镐东路社区居委会21号楼4单元1403").unwrap();
        for text in [
            "丰镐东路社区居委会21-4-1403",
            "莲湖区丰镐东路社区居委会 21#楼 4单元 1403室",
            "丰镐东路社区０２１－４－１４０３",
        ] {
            assert_eq!(Address::read(text).as_ref(), Some(&whole), "{text}");
        }
        let short = Address::read("桃园路街办丰镐东路社区居委会21栋1403").unwrap();
        assert_eq!((short.community.as_str(), short.unit.as_deref()), ("丰镐东路", None));
        assert_eq!((&short.building, &short.room), (&whole.building, &whole.room));
    }

    #[test]
    fn names_of_communities_are_found() {
        for (text, community) in [
            ("西安市莲湖区北关街道龙首东北区社区居委会20号楼2单元601", "龙首东北区"),
            ("龙首东北区社区居委会21-1-402", "龙首东北区"),
            ("西安市莲湖区西关街道西关正街居委会19号楼1单元502", "西关正街"),
            ("西安市莲湖区桃园路街道西十里铺村社区委会45号楼5单元1504", "西十里铺村"),
            ("枣园街办三四零二社区居委会18栋1601", "三四零二"),
            ("12 Peach Road", ""),
            ("桃园路81号院3号楼2单元501", "桃园路 81"),
        ] {
            let found = Address::read(text).map(|a| a.community).unwrap_or_default();
            assert_eq!(found, community, "{text}");
        }
        let house = Address::read("桃园路81号").unwrap();
        assert_eq!((house.building.as_deref(), house.room.as_deref()), (Some("81"), None));
        for text in ["", "81", "  ", "--"] {
            assert_eq!(Address::read(text), None, "{text}");
        }
    }
}
