//! How the entries of one log follow each other, and how far cuts reach in them.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::entry::Entry;
use linli_replica::frontier::Tip;
use linli_replica::id::{EntryId, LogKey};

use crate::authority::CutPoint;
use crate::engine::World;
use crate::space::Space;

/// How the entries of one log follow each other.
pub(in crate::engine) struct Chain {
    before: BTreeMap<EntryId, (u64, EntryId)>,
    after: BTreeMap<EntryId, Vec<EntryId>>,
    /// The entry before the beginning of a log that begins late.
    base: Option<Tip>,
}

impl Chain {
    pub(in crate::engine) fn new(
        places: impl Iterator<Item = (u64, EntryId, EntryId)>,
        base: Option<Tip>,
    ) -> Self {
        let mut chain = Self { before: BTreeMap::new(), after: BTreeMap::new(), base };
        for (sequence, entry, previous) in places {
            chain.before.insert(entry, (sequence, previous));
            chain.after.entry(previous).or_default().push(entry);
        }
        chain
    }

    pub(in crate::engine) fn of(entries: &[Entry], base: Option<Tip>) -> Self {
        let place = |entry: &Entry| {
            let header = entry.header();
            (header.sequence, entry.id(), header.previous)
        };
        Self::new(entries.iter().map(place), base)
    }

    /// Lists what follows an entry. Where nothing does before the log's base, it goes on from there.
    pub(super) fn follow(&self, at: EntryId) -> Option<&[EntryId]> {
        let from_base = || {
            let sequence = self.before.get(&at).map_or(0, |(sequence, _)| *sequence);
            let base = self.base.filter(|base| sequence < base.sequence)?;
            self.after.get(&base.id)
        };
        self.after.get(&at).or_else(from_base).map(Vec::as_slice)
    }

    /// Returns the last entry that all branches have before them, with its place; none where there is none.
    pub(in crate::engine) fn trunk(&self) -> Option<(u64, EntryId)> {
        let (mut at, mut last) = (EntryId::default(), None);
        while let Some([only]) = self.follow(at) {
            at = *only;
            last = self.before.get(&at).map(|(sequence, _)| (*sequence, at));
        }
        last
    }

    pub(super) fn is_forked(&self) -> bool {
        self.after.values().any(|branches| branches.len() > 1)
    }

    pub(super) fn descendants(&self, from: EntryId) -> Vec<EntryId> {
        let mut found = vec![from];
        let mut next = 0;
        while let Some(id) = found.get(next).copied() {
            found.extend(self.after.get(&id).into_iter().flatten().copied());
            next += 1;
        }
        found
    }

    /// Lists an entry and those before it; none where it is not held.
    fn path(&self, mut at: EntryId) -> Option<BTreeSet<EntryId>> {
        self.before.get(&at)?;
        let mut path = BTreeSet::new();
        while let Some((_, previous)) = self.before.get(&at) {
            path.insert(at);
            at = *previous;
        }
        Some(path)
    }
}

/// The entries of one log up to each point at which its party is cut.
#[derive(Default)]
pub(in crate::engine) struct Cuts(BTreeMap<EntryId, BTreeSet<EntryId>>);

impl Cuts {
    pub(in crate::engine) fn new(
        world: World<'_>,
        space: &Space,
        log: LogKey,
        chain: &Chain,
    ) -> Self {
        let writer = space.writer(&log).and_then(|node| world.directory.node(&node));
        let cuts = writer.and_then(|writer| space.state().cuts.get(&writer.party));
        let points = cuts.into_iter().flatten().flat_map(|cut| cut.logs.values());
        let points = points.filter(|point| point.log == log);
        Self(points.filter_map(|point| Some((point.entry, chain.path(point.entry)?))).collect())
    }

    /// Says whether an entry is a point's or before it. While the point's entry has not come, every
    /// branch may be the one it is on.
    pub(in crate::engine) fn within(&self, point: &CutPoint, entry: EntryId) -> bool {
        self.0.get(&point.entry).is_none_or(|path| path.contains(&entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> EntryId {
        EntryId([n; 32])
    }

    #[test]
    fn a_log_that_begins_late_is_followed_from_its_base() {
        let base = Some(Tip { sequence: 19, id: id(19) });
        // The first five are held and 20 to 22, behind which the log forks.
        let line = (1..=5).chain(20..=22).map(|n| (u64::from(n), id(n), id(n - 1)));
        let line = line.map(
            |(n, own, before)| if n == 1 { (n, own, EntryId::default()) } else { (n, own, before) },
        );
        let branches = [(23, id(23), id(22)), (23, id(123), id(22))];
        let places: Vec<_> = line.chain(branches).collect();
        let trunk = |from: usize, base| Chain::new(places[from..].iter().copied(), base).trunk();
        assert_eq!(trunk(0, base), Some((22, id(22))), "with a part of the beginning");
        assert_eq!(trunk(5, base), Some((22, id(22))), "without");
        assert_eq!(trunk(0, None), Some((5, id(5))));
        assert_eq!(trunk(5, None), None);
    }
}
