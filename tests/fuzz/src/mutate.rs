//! Changes an input, by chance that is an argument: the same bytes and seed always give the same.

use crate::cbor::Value;

/// A sequence of numbers (splitmix64: Steele, Lea and Flood, 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`, or 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }
}

/// Numbers at which something mostly changes.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    23,
    24,
    63,
    64,
    255,
    256,
    65_535,
    65_536,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes bytes a few times: their tree where they are one, else the bytes themselves.
pub(crate) fn mutate(bytes: &mut Vec<u8>, bytes_max: usize, chance: &mut Chance) {
    for _ in 0..=chance.below(3) {
        let tree = Value::read(bytes).filter(|_| chance.below(8) > 0);
        match tree {
            Some(mut value) => {
                mutate_tree(&mut value, chance);
                *bytes = value.bytes();
            }
            None => mutate_bytes(bytes, chance),
        }
    }
    bytes.truncate(bytes_max);
}

fn mutate_tree(tree: &mut Value, chance: &mut Chance) {
    let count = tree.count();
    let mut from = chance.below(count);
    let other = nth(tree, &mut from).cloned();
    let mut at = chance.below(count);
    let Some(value) = nth(tree, &mut at) else { return };
    if chance.below(6) == 0 {
        *value = other.unwrap_or(Value::Simple(22));
        return;
    }
    match value {
        Value::Number(number) | Value::Negative(number) => match chance.below(3) {
            0 => *number = EDGES[chance.below(EDGES.len())],
            1 => *number = number.wrapping_add(1),
            _ => *number = number.wrapping_sub(1),
        },
        Value::Bytes(bytes) | Value::Text(bytes) => mutate_bytes(bytes, chance),
        Value::List(list) | Value::Map(list) => mutate_list(list, other, chance),
        Value::Nested(inner) => {
            let mut bytes = inner.bytes();
            mutate_bytes(&mut bytes, chance);
            *value = Value::Bytes(bytes);
        }
        Value::Simple(simple) => *simple = [20, 21, 22][chance.below(3)],
    }
}

fn mutate_list(list: &mut Vec<Value>, other: Option<Value>, chance: &mut Chance) {
    let (at, len) = (chance.below(list.len()), list.len());
    match chance.below(6) {
        0 if len > 0 => drop(list.remove(at)),
        1 if len > 0 => list.insert(at, list[at].clone()),
        2 if len > 1 => list.swap(at, chance.below(len)),
        3 if len > 0 => {
            let again = list[at].clone();
            let times = 1 << chance.below(11);
            list.extend(std::iter::repeat_n(again, times));
        }
        4 => list.truncate(at),
        _ => list.insert(at, other.unwrap_or(Value::Number(0))),
    }
}

/// Finds a value of the tree by its number, counted from the root.
fn nth<'a>(tree: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(tree);
    }
    *at -= 1;
    tree.parts().iter_mut().find_map(|part| nth(part, at))
}

fn mutate_bytes(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let (at, len) = (chance.below(bytes.len()), bytes.len());
    match chance.below(7) {
        0 if len > 0 => bytes[at] ^= 1 << chance.below(8),
        1 if len > 0 => bytes[at] = chance.next() as u8,
        2 if len > 0 => drop(bytes.drain(at..(at + 1 + chance.below(8)).min(len))),
        3 if len > 0 => {
            let piece = bytes[at..(at + 1 + chance.below(32)).min(len)].to_vec();
            let to = chance.below(len);
            bytes.splice(to..to, piece);
        }
        4 => bytes.truncate(at),
        5 => {
            let edge = EDGES[chance.below(EDGES.len())].to_le_bytes();
            let width = 1 << chance.below(4);
            let to = (at + width).min(len);
            bytes.splice(at..to, edge[..width].iter().copied());
        }
        _ => bytes.insert(at, chance.next() as u8),
    }
}
