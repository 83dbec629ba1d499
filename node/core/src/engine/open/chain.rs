//! How the entries of one log follow each other, and how far cuts reach in them.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::entry::Entry;
use linli_replica::id::{EntryId, LogKey};

use crate::authority::CutPoint;
use crate::engine::World;
use crate::space::Space;

/// How the entries of one log follow each other.
pub(in crate::engine) struct Chain {
    before: BTreeMap<EntryId, (u64, EntryId)>,
    pub(super) after: BTreeMap<EntryId, Vec<EntryId>>,
}

impl Chain {
    pub(in crate::engine) fn new(entries: &[Entry]) -> Self {
        let mut chain = Self { before: BTreeMap::new(), after: BTreeMap::new() };
        for entry in entries {
            let header = entry.header();
            chain.add(header.sequence, entry.id(), header.previous);
        }
        chain
    }

    pub(super) fn add(&mut self, sequence: u64, entry: EntryId, previous: EntryId) {
        self.before.insert(entry, (sequence, previous));
        self.after.entry(previous).or_default().push(entry);
    }

    /// Returns the last entry that all branches have before them, with its place; none where there is none.
    pub(in crate::engine) fn trunk(&self) -> Option<(u64, EntryId)> {
        let (mut at, mut last) = (EntryId::default(), None);
        while let Some([only]) = self.after.get(&at).map(Vec::as_slice) {
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
