//! The chain of the audit: what ties one record to those before it.
//!
//! `docs/spec/audit.md` is the format. The store links records in the order in which they become
//! durable, so that a batch that fails leaves no gap; no key is needed for it. A link covers only the
//! digest of a record: an export can withhold a record and its chain still holds.

/// How far a chain reaches: the last record's number and the hash that covers it and all before it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The number of the last record, from 1; 0 where there is none.
    pub sequence: u64,
    /// The hash, zeros where there is none.
    pub hash: [u8; 32],
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, ..] = self.hash;
        write!(f, "Head({}, {})", self.sequence, hex::encode([a, b, c, d]))
    }
}

/// One record of the chain as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Linked {
    /// Its number and its hash.
    pub head: Head,
    /// The record, as its writer encoded it.
    pub record: Vec<u8>,
}

impl std::fmt::Debug for Linked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Linked").field(&self.head).finish()
    }
}

/// Links records: the keys of the two hashes, derived once.
#[derive(Debug, Clone)]
pub struct Linker {
    record: [u8; 32],
    link: [u8; 32],
}

impl Default for Linker {
    fn default() -> Self {
        Self {
            record: blake3::derive_key("linli 1 audit record", &[]),
            link: blake3::derive_key("linli 1 audit link", &[]),
        }
    }
}

impl Linker {
    /// Returns the digest of a record.
    #[must_use]
    pub fn digest(&self, record: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.record, record).as_bytes()
    }

    /// Returns the head after one more record; none after 2^64 − 1 of them.
    #[must_use]
    pub fn next(&self, head: &Head, digest: &[u8; 32]) -> Option<Head> {
        let sequence = head.sequence.checked_add(1)?;
        let mut linked = [0; 72];
        let number = sequence.to_le_bytes();
        let parts = head.hash.iter().chain(digest).chain(&number);
        for (to, from) in linked.iter_mut().zip(parts) {
            *to = *from;
        }
        Some(Head { sequence, hash: *blake3::keyed_hash(&self.link, &linked).as_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_covers_number_digest_and_all_before() {
        let linker = Linker::default();
        let (a, b) = (linker.digest(b"a"), linker.digest(b"b"));
        assert_ne!(a, b);
        let first = linker.next(&Head::default(), &a).unwrap();
        let second = linker.next(&first, &b).unwrap();
        assert_eq!((first.sequence, second.sequence), (1, 2));
        let swapped = linker.next(&linker.next(&Head::default(), &b).unwrap(), &a).unwrap();
        assert_ne!(second, swapped);
        let later = linker.next(&Head { sequence: 7, ..first }, &b).unwrap();
        assert_ne!(second.hash, later.hash, "the number is covered");
        assert_eq!(linker.next(&Head { sequence: u64::MAX, ..first }, &b), None);
    }
}
