//! Salted, additive fingerprints of sets.
//!
//! Each item is hashed under a key that both ends of a connection derive and nobody else knows, and
//! the hashes are added modulo 2^256. A sum, unlike an exclusive or, cannot be steered by somebody
//! who may choose items (Wagner's generalised birthday attack needs the hashes, and their key is
//! secret), and what is sent is a hash of the sum and the count.

use crate::id::SpaceTag;
use crate::planted::{self, Bug};

/// Bytes of a fingerprint on the wire.
pub const FINGERPRINT_BYTES: usize = 16;

/// Bytes of an item's short id on the wire. Only compared within one range of a few dozen items.
pub const ITEM_BYTES: usize = 8;

/// Bytes of a space's name on the wire.
pub const NAME_BYTES: usize = 16;

/// A space's name between two nodes: its tag hashed under their connection's secret.
pub type SpaceName = [u8; NAME_BYTES];

/// The keys that both ends of one connection derive from its secret.
#[derive(Clone)]
pub struct Salt {
    items: [u8; 32],
    sums: [u8; 32],
    names: [u8; 32],
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Salt {
    /// Derives the keys from the 32 bytes that the TLS exporter gave both ends (RFC 5705).
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            items: blake3::derive_key("linli 1 session items", secret),
            sums: blake3::derive_key("linli 1 session sums", secret),
            names: blake3::derive_key("linli 1 session names", secret),
        }
    }

    /// Hashes one item: a key and the digest of what is held under it.
    #[must_use]
    pub fn item(&self, key: &[u8; 32], digest: &[u8; 32]) -> [u8; 32] {
        let mut bytes = [0; 64];
        let (left, right) = bytes.split_at_mut(32);
        left.copy_from_slice(key);
        right.copy_from_slice(digest);
        *blake3::keyed_hash(&self.items, &bytes).as_bytes()
    }

    /// Names a space to the other end: whoever does not know the tag learns nothing from the name.
    #[must_use]
    pub fn name(&self, space: &SpaceTag) -> SpaceName {
        first(blake3::keyed_hash(&self.names, space.as_bytes()).as_bytes())
    }

    /// Names spaces, in the order of their names: that of the tags would tell something of them.
    #[must_use]
    pub fn names<'a>(&self, spaces: impl IntoIterator<Item = &'a SpaceTag>) -> Vec<SpaceName> {
        let mut names: Vec<SpaceName> = spaces.into_iter().map(|tag| self.name(tag)).collect();
        names.sort_unstable();
        names
    }

    /// Hashes an ordered list of spaces, to compare what two ends remember of each other.
    #[must_use]
    pub fn agreement<'a>(&self, spaces: impl IntoIterator<Item = &'a SpaceTag>) -> SpaceName {
        let mut hasher = blake3::Hasher::new_keyed(&self.sums);
        for space in spaces {
            hasher.update(space.as_bytes());
        }
        first(hasher.finalize().as_bytes())
    }

    /// Closes a sum into what is sent.
    #[must_use]
    pub fn close(&self, sum: &Sum) -> [u8; FINGERPRINT_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.sums);
        for limb in sum.limbs {
            hasher.update(&limb.to_le_bytes());
        }
        hasher.update(&sum.count.to_le_bytes());
        first(hasher.finalize().as_bytes())
    }
}

/// The sum of items' hashes modulo 2^256, and their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    limbs: [u64; 4],
    count: u64,
}

impl Sum {
    /// Adds one item's hash, read as a little-endian number.
    pub fn add(&mut self, hash: &[u8; 32]) {
        if planted::is(Bug::XorSums) {
            for (limb, bytes) in self.limbs.iter_mut().zip(hash.as_chunks::<8>().0) {
                *limb ^= u64::from_le_bytes(*bytes);
            }
            self.count = self.count.wrapping_add(1);
            return;
        }
        let mut carry = false;
        for (limb, bytes) in self.limbs.iter_mut().zip(hash.as_chunks::<8>().0) {
            let (sum, over) = limb.overflowing_add(u64::from_le_bytes(*bytes));
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || again;
        }
        self.count = self.count.wrapping_add(1);
    }
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    let mut short = [0; N];
    for (to, from) in short.iter_mut().zip(bytes) {
        *to = *from;
    }
    short
}

/// Returns an item's short id: the first bytes of its hash.
#[must_use]
pub fn short(hash: &[u8; 32]) -> [u8; ITEM_BYTES] {
    first(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_carry_and_do_not_depend_on_order() {
        let mut one = [0; 32];
        one[0] = 1;
        let mut sum = Sum::default();
        sum.add(&[0xff; 32]);
        sum.add(&one);
        assert_eq!(sum, Sum { limbs: [0; 4], count: 2 }, "2^256 - 1 + 1 = 0");

        let hashes: Vec<[u8; 32]> = (0..50u8).map(|i| *blake3::hash(&[i]).as_bytes()).collect();
        let total = |order: &mut dyn Iterator<Item = &[u8; 32]>| {
            let mut sum = Sum::default();
            order.for_each(|hash| sum.add(hash));
            sum
        };
        assert_eq!(total(&mut hashes.iter()), total(&mut hashes.iter().rev()));
        assert_ne!(total(&mut hashes.iter()), total(&mut hashes.iter().skip(1)));
    }

    #[test]
    fn an_item_twice_is_not_no_item() {
        let salt = Salt::new(&[1; 32]);
        let mut twice = Sum::default();
        twice.add(&[7; 32]);
        twice.add(&[7; 32]);
        assert_ne!(salt.close(&twice), salt.close(&Sum::default()), "as with an exclusive or");
    }

    #[test]
    fn another_connection_names_everything_differently() {
        let (a, b) = (Salt::new(&[1; 32]), Salt::new(&[2; 32]));
        let space = SpaceTag([5; 32]);
        assert_ne!(a.name(&space), b.name(&space));
        assert_ne!(a.item(&[1; 32], &[2; 32]), b.item(&[1; 32], &[2; 32]));
        assert_ne!(a.close(&Sum::default()), b.close(&Sum::default()));
        assert_ne!(a.item(&[1; 32], &[2; 32]), a.item(&[2; 32], &[1; 32]));
        assert_eq!(a.name(&space), Salt::new(&[1; 32]).name(&space));
    }
}
