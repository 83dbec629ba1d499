//! The one order of facts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Body, FactId, Known, Waiting};

/// The facts that a fact names: those it acts upon and those its author had seen.
pub(super) fn names<B: Body>(known: &Known<B>) -> Vec<FactId> {
    let mut names = known.fact.body.builds_on();
    names.extend(&known.fact.after);
    names
}

/// Orders facts: each after those it names, the lower id first where nothing else decides.
///
/// A fact that acts upon one that is not here waits. One that only had seen it does not: what was held back must not
/// hold back those who saw it.
pub(super) fn order<B: Body>(
    mut facts: BTreeMap<FactId, Known<B>>,
) -> (Vec<Known<B>>, Vec<Waiting>) {
    let waiting = take_waiting(&mut facts);
    let mut open: BTreeMap<FactId, usize> = BTreeMap::new();
    let mut followers: BTreeMap<FactId, Vec<FactId>> = BTreeMap::new();
    let mut ready = BTreeSet::new();
    for (id, known) in &facts {
        let named: BTreeSet<FactId> =
            names(known).into_iter().filter(|n| facts.contains_key(n)).collect();
        if named.is_empty() {
            ready.insert(*id);
        }
        open.insert(*id, named.len());
        for name in named {
            followers.entry(name).or_default().push(*id);
        }
    }
    let mut ordered = Vec::with_capacity(facts.len());
    while let Some(id) = ready.pop_first() {
        for follower in followers.remove(&id).unwrap_or_default() {
            if let Some(count) = open.get_mut(&follower) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(follower);
                }
            }
        }
        ordered.extend(facts.remove(&id));
    }
    (ordered, waiting)
}

fn take_waiting<B: Body>(facts: &mut BTreeMap<FactId, Known<B>>) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    loop {
        let found: Vec<Waiting> = facts
            .values()
            .filter_map(|known| {
                let mut missing = known.fact.body.builds_on();
                missing.retain(|id| !facts.contains_key(id));
                (!missing.is_empty()).then_some(Waiting { id: known.id, missing })
            })
            .collect();
        if found.is_empty() {
            waiting.sort();
            return waiting;
        }
        for fact in found {
            facts.remove(&fact.id);
            waiting.push(fact);
        }
    }
}
