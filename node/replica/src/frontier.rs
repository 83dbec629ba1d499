//! Frontiers: how far a node holds each log of a document.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::entry::{Entry, Urgency};
use crate::id::{EntryId, LogKey};

const DIGEST_CONTEXT: &str = "linli 1 frontier";

/// The end of one branch of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Tip {
    /// Sequence number of the last entry held, from 1.
    #[n(0)]
    pub sequence: u64,
    /// Its id.
    #[n(1)]
    pub id: EntryId,
}

/// One branch of a log as it is held, the only one unless the log forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch {
    /// Where it ends.
    pub tip: Tip,
    /// How soon it must travel: as soon as the most urgent of its entries.
    pub urgency: Urgency,
}

impl Branch {
    /// Begins a branch with one entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        Self { tip: entry.tip(), urgency: entry.header().urgency }
    }

    /// Returns the branch after one more entry.
    #[must_use]
    pub fn then(self, entry: &Entry) -> Self {
        Self { tip: entry.tip(), urgency: self.urgency.min(entry.header().urgency) }
    }
}

/// Lets the branch of a log go on from an entry that is not held, past what is missing. Does nothing where
/// the log is forked or reaches further.
pub fn rebase(branches: &mut Vec<Branch>, tip: Tip) {
    match branches.as_mut_slice() {
        [] => branches.push(Branch { tip, urgency: Urgency::Bulk }),
        [branch] if branch.tip.sequence < tip.sequence => branch.tip = tip,
        _ => {}
    }
}

/// For each log of a document the tips of its branches, in order; one tip unless the log forked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Frontier(#[n(0)] pub BTreeMap<LogKey, Vec<Tip>>);

impl Frontier {
    /// Hashes the frontier. Equal digests mean equal frontiers, hence the same entries held.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        digest(self.0.iter().map(|(log, tips)| (log, tips.iter())))
    }

    /// Counts the entries behind the frontier, each branch of a fork up to its tip.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.0.values().flatten().fold(0, |sum, tip| sum.saturating_add(tip.sequence))
    }

    /// Returns the tips of one log, none where it is not held.
    #[must_use]
    pub fn tips(&self, log: &LogKey) -> &[Tip] {
        self.0.get(log).map_or(&[], Vec::as_slice)
    }

    /// Returns what both are sure to hold: of each log the earlier tip, nothing where branches differ.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let least = |(log, own): (&LogKey, &Vec<Tip>)| {
            let least = match (own.as_slice(), other.tips(log)) {
                (own, theirs) if own == theirs => own,
                ([a], [b]) if a.sequence < b.sequence => own,
                ([a], [b]) if a.sequence > b.sequence => other.tips(log),
                _ => return None,
            };
            Some((*log, least.to_vec()))
        };
        Self(self.0.iter().filter_map(least).collect())
    }

    /// Says whether every tip of `other` is a tip here or stands at or before the one tip here.
    ///
    /// For a forked log only an equal set of tips counts as covered.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(log, theirs)| covers(self.tips(log), theirs))
    }
}

/// As [`Frontier::covers`], for the tips of one log.
#[must_use]
pub fn covers(own: &[Tip], theirs: &[Tip]) -> bool {
    match (own, theirs) {
        (_, []) => true,
        ([own], [tip]) => own.sequence > tip.sequence || own == tip,
        (own, theirs) => theirs.iter().all(|tip| own.contains(tip)),
    }
}

/// Hashes the tips of a document's logs, both in order.
pub(crate) fn digest<'a, T>(logs: impl Iterator<Item = (&'a LogKey, T)>) -> [u8; 32]
where
    T: ExactSizeIterator<Item = &'a Tip>,
{
    let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
    for (log, tips) in logs {
        hasher.update(log.as_bytes());
        hasher.update(&u64::try_from(tips.len()).unwrap_or(u64::MAX).to_le_bytes());
        for tip in tips {
            hasher.update(&tip.sequence.to_le_bytes()).update(tip.id.as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontier(tips: &[(u8, u64, u8)]) -> Frontier {
        let mut frontier = Frontier::default();
        for (log, sequence, id) in tips {
            let tip = Tip { sequence: *sequence, id: EntryId([*id; 32]) };
            frontier.0.entry(LogKey([*log; 32])).or_default().push(tip);
        }
        frontier
    }

    #[test]
    fn covering_is_by_log() {
        let ours = frontier(&[(1, 5, 50), (2, 1, 10)]);
        assert!(ours.covers(&frontier(&[])));
        assert!(ours.covers(&frontier(&[(1, 4, 40)])));
        assert!(ours.covers(&ours));
        assert!(!ours.covers(&frontier(&[(1, 5, 51)])), "another entry at the same place");
        assert!(!ours.covers(&frontier(&[(3, 1, 1)])), "a log we do not hold");
        let forked = frontier(&[(1, 5, 50), (1, 5, 51)]);
        assert!(!ours.covers(&forked));
        assert!(forked.covers(&frontier(&[(1, 5, 50)])));
    }

    #[test]
    fn what_two_hold_both_is_the_earlier_of_each_log() {
        let ours = frontier(&[(1, 5, 50), (2, 1, 10), (3, 2, 20), (4, 3, 30)]);
        let theirs = frontier(&[(1, 4, 40), (2, 1, 10), (3, 2, 21), (5, 1, 1)]);
        let both = frontier(&[(1, 4, 40), (2, 1, 10)]);
        assert_eq!(ours.meet(&theirs), both);
        assert_eq!(theirs.meet(&ours), both);
    }

    #[test]
    fn digests_tell_frontiers_apart() {
        let all = [
            frontier(&[]),
            frontier(&[(1, 1, 1)]),
            frontier(&[(1, 2, 1)]),
            frontier(&[(2, 1, 1)]),
            frontier(&[(1, 1, 1), (1, 1, 2)]),
            frontier(&[(1, 1, 1), (2, 1, 1)]),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(i == j, a.digest() == b.digest());
            }
        }
    }
}
