//! How a batch of entries joins the chains that are held: shared by every kind of store.

use std::collections::{BTreeMap, HashSet};

use linli_replica::batch::LogBase;
use linli_replica::entry::Entry;
use linli_replica::frontier::{Branch, Tip, rebase};
use linli_replica::id::{DocTag, EntryId, LogKey, SpaceTag};

use crate::error::StoreError;

/// One chain: a log's entries in one document of one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChainId {
    pub(crate) space: SpaceTag,
    pub(crate) document: DocTag,
    pub(crate) log: LogKey,
}

impl ChainId {
    pub(crate) fn of(entry: &Entry) -> Self {
        let header = entry.header();
        Self { space: header.space, document: header.document, log: header.log }
    }

    pub(crate) const fn of_base(base: &LogBase) -> Self {
        Self { space: base.space, document: base.document, log: base.log }
    }
}

/// What is held already, as far as joining needs to know.
pub(crate) trait Chains {
    /// Returns the branches of a chain, in order; none where nothing of it is held.
    fn branches(&mut self, chain: &ChainId) -> Result<Vec<Branch>, StoreError>;

    /// Says whether the entry at `tip` is held, and if so whether with its signature.
    fn held(&mut self, chain: &ChainId, tip: Tip) -> Result<Option<bool>, StoreError>;
}

/// What happens to one entry of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is stored.
    Insert,
    /// It replaces the same entry held without a signature.
    Sign,
    /// It is held already.
    Skip,
}

/// How a batch joins: a step for each entry, and the branches afterwards.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) branches: BTreeMap<ChainId, Vec<Branch>>,
}

/// Splits entries where one chain's end and another's begin.
pub(crate) fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|a, b| ChainId::of(a) == ChainId::of(b))
}

/// Plans how `entries` join, chains going on from `bases` where they are not held as far. With `strict`,
/// an entry whose predecessor is neither held nor in the batch is a [`StoreError::Gap`]; nothing is
/// changed either way.
pub(crate) fn plan(
    held: &mut impl Chains,
    bases: &[LogBase],
    entries: &[Entry],
    strict: bool,
) -> Result<Plan, StoreError> {
    let mut plan = Plan { steps: Vec::with_capacity(entries.len()), branches: BTreeMap::new() };
    for base in bases {
        let chain = ChainId::of_base(base);
        let mut branches = held.branches(&chain)?;
        rebase(&mut branches, base.tip);
        plan.branches.insert(chain, branches);
    }
    let mut fresh: HashSet<EntryId> = HashSet::new();
    for group in groups(entries) {
        let Some(chain) = group.first().map(ChainId::of) else { continue };
        let branches = match plan.branches.entry(chain) {
            std::collections::btree_map::Entry::Occupied(branches) => branches.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(held.branches(&chain)?)
            }
        };
        for entry in group {
            let step = step(held, &chain, branches, &fresh, entry, strict)?;
            if step == Step::Insert {
                advance(branches, entry);
                fresh.insert(entry.id());
            }
            plan.steps.push(step);
        }
    }
    Ok(plan)
}

fn step(
    held: &mut impl Chains,
    chain: &ChainId,
    branches: &[Branch],
    fresh: &HashSet<EntryId>,
    entry: &Entry,
    strict: bool,
) -> Result<Step, StoreError> {
    let header = entry.header();
    // Nothing held follows a tip, so what does is not held: the usual case needs no look-up.
    if branches.iter().any(|branch| branch.tip.id == header.previous) {
        return Ok(Step::Insert);
    }
    if fresh.contains(&entry.id()) {
        return Ok(Step::Skip);
    }
    if !branches.is_empty()
        && let Some(signed) = held.held(chain, entry.tip())?
    {
        return Ok(if entry.is_signed() && !signed { Step::Sign } else { Step::Skip });
    }
    let before = Tip { sequence: header.sequence.saturating_sub(1), id: header.previous };
    let follows = before.sequence == 0
        || fresh.contains(&before.id)
        || (!branches.is_empty() && held.held(chain, before)?.is_some());
    if follows || !strict { Ok(Step::Insert) } else { Err(StoreError::Gap) }
}

/// Moves the branch that `entry` follows, or adds a branch; `entry` was not held before.
pub(crate) fn advance(branches: &mut Vec<Branch>, entry: &Entry) {
    match branches.iter_mut().find(|branch| branch.tip.id == entry.header().previous) {
        Some(branch) => *branch = branch.then(entry),
        None => branches.push(Branch::of(entry)),
    }
    branches.sort_unstable();
}
