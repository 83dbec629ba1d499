//! Range-based set reconciliation: finds which keys differ between two sorted sets.
//!
//! After Meyer, "Range-Based Set Reconciliation" (2023). A set maps 32-byte keys to 32-byte digests.
//! One end asks about ranges of keys, the other answers each frame with one frame; both apply the
//! same rule ([`Snapshot::answer`]) to what they receive, so that neither keeps state between
//! frames but its snapshot:
//!
//! - a fingerprint that is equal needs no answer; one that differs is answered with the short ids of
//!   the items where they are few, with the fingerprints of parts of the range where they are many;
//! - short ids are answered with those of them that are missing here, and the items here that are
//!   not among them are known to differ;
//! - missing short ids name items here that differ.

use std::sync::{Arc, OnceLock};

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::fingerprint::{FINGERPRINT_BYTES, ITEM_BYTES, Salt, Sum, short};
use crate::limits::{RANGE_ITEMS_MAX, RANGE_PARTS_MAX};

/// One key's place in a sorted set, or a bound: a prefix, shorter than every key that begins with it.
type Bound = ByteVec;

/// A range of keys and what is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Range {
    /// The first key, included: a prefix of at most 32 bytes.
    #[n(0)]
    pub start: Bound,
    /// The key after the last: a prefix of at most 32 bytes, empty for no bound.
    #[n(1)]
    pub end: Bound,
    /// What is said.
    #[n(2)]
    pub claim: Claim,
}

impl Range {
    /// Says whether this is the fingerprint of everything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let whole = self.start.is_empty() && self.end.is_empty();
        whole && matches!(self.claim, Claim::Fingerprint(_))
    }
}

/// What one end says about a range.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Claim {
    /// The fingerprint of the items.
    #[n(0)]
    Fingerprint(#[n(0)] ByteArray<FINGERPRINT_BYTES>),
    /// The short ids of all items, joined.
    #[n(1)]
    Items(#[n(0)] ByteVec),
    /// Short ids of the other end's items that are missing here, joined.
    #[n(2)]
    Missing(#[n(0)] ByteVec),
}

/// What follows from a frame of ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// What is to be said in return; nothing where all is settled.
    pub ranges: Vec<Range>,
    /// Keys held here that the other end lacks or holds differently.
    pub differing: Vec<[u8; 32]>,
}

/// The ranges of a frame overlap, or a claim has the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ranges of a frame are malformed or overlap")]
pub struct BadRanges;

/// A key and its digest.
pub type Item = ([u8; 32], [u8; 32]);

/// A set at one moment, for a connection. Where both ends hold the same it costs no memory of its own: the set is
/// shared, and the hashes under the connection's salt are kept only where the ends have to narrow down what differs.
#[derive(Debug, Clone)]
pub struct Snapshot {
    salt: Salt,
    /// Sorted by key, each key once.
    set: Arc<[Item]>,
    /// Key and item hash of each, in the same order.
    hashed: OnceLock<Vec<Item>>,
}

impl Snapshot {
    /// Takes a set of keys and digests, in any order.
    #[must_use]
    pub fn new(salt: &Salt, set: impl IntoIterator<Item = ([u8; 32], [u8; 32])>) -> Self {
        let mut set: Vec<Item> = set.into_iter().collect();
        set.sort_unstable();
        set.dedup_by_key(|(key, _)| *key);
        Self::of(salt, set.into())
    }

    /// Takes a set that is sorted by key and holds each key once; it is shared, not copied.
    #[must_use]
    pub fn of(salt: &Salt, set: Arc<[Item]>) -> Self {
        Self { salt: salt.clone(), set, hashed: OnceLock::new() }
    }

    fn items(&self) -> &[Item] {
        self.hashed.get_or_init(|| {
            self.set.iter().map(|(key, digest)| (*key, self.salt.item(key, digest))).collect()
        })
    }

    /// The fingerprint of everything.
    fn whole(&self) -> Claim {
        let mut sum = Sum::default();
        for (key, digest) in &*self.set {
            sum.add(&self.salt.item(key, digest));
        }
        Claim::Fingerprint(self.salt.close(&sum).into())
    }

    /// Lists the keys under which the same is held as when the set was taken; `digest` says what is
    /// held now.
    pub fn unchanged(
        &self,
        digest: impl Fn(&[u8; 32]) -> Option<[u8; 32]>,
    ) -> impl Iterator<Item = [u8; 32]> {
        let same = move |(key, kept): &&Item| digest(key).is_some_and(|digest| digest == *kept);
        self.set.iter().filter(same).map(|(key, _)| *key)
    }

    /// Counts the items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Says whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Says what opens a reconciliation: the fingerprint of everything.
    #[must_use]
    pub fn opening(&self) -> Range {
        Range { start: Vec::new().into(), end: Vec::new().into(), claim: self.whole() }
    }

    fn fingerprint(&self, items: &[Item]) -> Claim {
        let mut sum = Sum::default();
        for (_, hash) in items {
            sum.add(hash);
        }
        Claim::Fingerprint(self.salt.close(&sum).into())
    }

    /// Judges what the other end said; see the rule at the top of this module.
    ///
    /// # Errors
    /// The ranges are malformed or overlap.
    pub fn answer(&self, ranges: &[Range]) -> Result<Answer, BadRanges> {
        let mut answer = Answer::default();
        if let [range] = ranges
            && range.is_whole()
            && range.claim == self.whole()
        {
            return Ok(answer);
        }
        let all = self.items();
        let mut from: &[u8] = &[];
        let mut open = false;
        for range in ranges {
            let (start, end) = (range.start.as_slice(), range.end.as_slice());
            let forward = start >= from && (end.is_empty() || start < end);
            if open || !forward || start.len() > 32 || end.len() > 32 {
                return Err(BadRanges);
            }
            from = end;
            open = end.is_empty();
            let low = self.place(start);
            let high = if open { all.len() } else { self.place(end) };
            let items = all.get(low..high).ok_or(BadRanges)?;
            self.judge(range, items, &mut answer)?;
        }
        Ok(answer)
    }

    /// The number of items before a bound.
    fn place(&self, bound: &[u8]) -> usize {
        self.set.partition_point(|(key, _)| key.as_slice() < bound)
    }

    fn judge(&self, range: &Range, items: &[Item], answer: &mut Answer) -> Result<(), BadRanges> {
        let say = |claim| Range { start: range.start.clone(), end: range.end.clone(), claim };
        match &range.claim {
            claim @ Claim::Fingerprint(_) if *claim == self.fingerprint(items) => {}
            Claim::Fingerprint(_) if items.len() <= RANGE_ITEMS_MAX => {
                let ids = items.iter().flat_map(|(_, hash)| short(hash)).collect::<Vec<u8>>();
                answer.ranges.push(say(Claim::Items(ids.into())));
            }
            Claim::Fingerprint(_) => self.split(range, items, answer),
            Claim::Items(ids) => {
                let theirs = sorted(ids)?;
                let mut ours = Vec::new();
                for (key, hash) in items {
                    let id = short(hash);
                    if theirs.binary_search(&id).is_err() {
                        answer.differing.push(*key);
                    }
                    ours.push(id);
                }
                ours.sort_unstable();
                let missing = theirs.iter().filter(|id| ours.binary_search(id).is_err());
                let missing: Vec<u8> = missing.flatten().copied().collect();
                if !missing.is_empty() {
                    answer.ranges.push(say(Claim::Missing(missing.into())));
                }
            }
            Claim::Missing(ids) => {
                let missing = sorted(ids)?;
                let lacking =
                    items.iter().filter(|(_, h)| missing.binary_search(&short(h)).is_ok());
                answer.differing.extend(lacking.map(|(key, _)| *key));
            }
        }
        Ok(())
    }

    /// Answers with fingerprints of parts of about equal size.
    fn split(&self, range: &Range, items: &[Item], answer: &mut Answer) {
        let parts = (items.len() * 2).div_ceil(RANGE_ITEMS_MAX).clamp(2, RANGE_PARTS_MAX);
        let size = items.len().div_ceil(parts);
        let mut start = range.start.clone();
        let mut chunks = items.chunks(size).peekable();
        while let Some(chunk) = chunks.next() {
            let end = match (chunk.last(), chunks.peek().and_then(|next| next.first())) {
                (Some((last, _)), Some((next, _))) => between(last, next),
                _ => range.end.clone(),
            };
            let claim = self.fingerprint(chunk);
            answer.ranges.push(Range { start, end: end.clone(), claim });
            start = end;
        }
    }
}

/// The shortest prefix of `next` that comes after `last`.
fn between(last: &[u8; 32], next: &[u8; 32]) -> Bound {
    let common = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    next.iter().take(common + 1).copied().collect::<Vec<u8>>().into()
}

fn sorted(ids: &ByteVec) -> Result<Vec<[u8; ITEM_BYTES]>, BadRanges> {
    let (chunks, rest) = ids.as_chunks::<ITEM_BYTES>();
    if !rest.is_empty() {
        return Err(BadRanges);
    }
    let mut ids = chunks.to_vec();
    ids.sort_unstable();
    Ok(ids)
}

#[cfg(test)]
mod tests;
