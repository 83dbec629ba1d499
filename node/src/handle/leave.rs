//! Whether all that was written here is safe with others.

use linli_core::authority::Prune;
use linli_replica::id::{BlobId, NodeId};

use super::network::{Own, own_documents, own_former};
use super::{Outcome, now_known};
use crate::api::network::{Leave, LeaveAnswer};
use crate::node::{Node, now, world};

/// Documents whose checkpoints are compared by one request: an alert waits for no longer turn of the driver. Asked again
/// it compares others.
const COMPARED_AT_ONCE: usize = 8;

pub(crate) fn leave(node: &mut Node, request: Leave) -> Outcome<LeaveAnswer> {
    let copies = usize::try_from(request.copies.max(1)).unwrap_or(usize::MAX);
    super::elders::refresh(node);
    let (directory, at) = (node.replica.directory(), now());
    let peers = directory.nodes().map(|(id, _)| *id).filter(|id| directory.admits(id, at).is_ok());
    let peers: Vec<NodeId> = peers.collect();
    let (mut waiting_entries, mut budget) = (0, COMPARED_AT_ONCE);
    let written = [own_documents(node), own_former(node)].concat();
    for own in written {
        let safe = nth(peers.iter().map(|peer| own.held_by(node, peer)), copies);
        let missing = missing(node, &own);
        let stood_for =
            if missing > 0 { stood_for(node, &own, missing, &mut budget) } else { None };
        let stood_for = stood_for.filter(|(prune, _)| {
            let of_checkpoint = |peer| node.receipts.furthest(&own.document, peer, &prune.log);
            nth(peers.iter().map(of_checkpoint), copies) >= prune.last
        });
        waiting_entries +=
            waiting(own.sequence, safe, missing, stood_for.map_or(0, |(_, upto)| upto));
    }
    let replica = &node.replica;
    let waits =
        |blob: &&BlobId| replica.blob(blob).is_some() && replica.blob_elsewhere(blob) < copies;
    let waiting_files = node.named.own().filter(waits).count() as u64;
    let may_leave = waiting_entries == 0 && waiting_files == 0;
    now_known(LeaveAnswer { may_leave, waiting_entries, waiting_files })
}

/// How far so many of all have come.
fn nth(far: impl Iterator<Item = u64>, copies: usize) -> u64 {
    let mut far: Vec<u64> = far.collect();
    far.sort_unstable_by(|a, b| b.cmp(a));
    far.get(copies - 1).copied().unwrap_or(0)
}

/// How much of what was written may be missing at whoever says to hold it: a carrier has pruned it, and others began
/// behind it.
fn missing(node: &Node, own: &Own) -> u64 {
    let missing = node.replica.index().may_be_missing(&own.document, &own.log, &*node.store);
    // What cannot be read counts as held by nobody.
    missing.unwrap_or(own.sequence).min(own.sequence)
}

/// The checkpoint that stands for what may be missing of what was written, and how far. Whether stewards still agree on it
/// is asked each time.
fn stood_for(node: &mut Node, own: &Own, missing: u64, budget: &mut usize) -> Option<(Prune, u64)> {
    let space = node.replica.index().space_of(&own.document)?;
    let world = world(&node.replica, &node.store);
    if let Some((prune, upto)) = node.stood_for.get(&own.document).filter(|f| f.1 >= missing)
        && let Ok(true) = node.core.glance(world, space, |space| {
            space.state().agreements.get(prune).is_some_and(|agreement| agreement.stands())
        })
    {
        return Some((*prune, *upto));
    }
    *budget = budget.checked_sub(1)?;
    let found = node.core.stands_for(world, space, own.document, &own.log).ok()??;
    node.stood_for.insert(own.document, found);
    Some(found)
}

/// Counts the entries that are not safe, where enough others say to hold them up to `safe`, those up to `missing` may not be
/// there, and enough others say to hold what stands for those up to `stood_for`.
fn waiting(written: u64, safe: u64, missing: u64, stood_for: u64) -> u64 {
    written.saturating_sub(safe.max(missing)) + missing.saturating_sub(stood_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_missing_at_others_is_safe_only_where_something_stands_for_it() {
        let of = |cases: [(u64, u64, u64); 4]| {
            cases.map(|(safe, missing, stood_for)| waiting(10, safe, missing, stood_for))
        };
        assert_eq!(of([(10, 0, 0), (7, 0, 0), (0, 0, 0), (7, 0, 9)]), [0, 3, 10, 3]);
        assert_eq!(of([(10, 4, 0), (7, 4, 0), (3, 4, 0), (10, 10, 0)]), [4, 7, 10, 10]);
        assert_eq!(of([(10, 4, 3), (10, 4, 5), (7, 4, 5), (3, 4, 10)]), [1, 0, 3, 6]);
    }

    #[test]
    fn as_many_copies_count_as_are_asked_for() {
        let far = [3, 9, 5];
        assert_eq!([1, 2, 3, 4].map(|copies| nth(far.into_iter(), copies)), [9, 5, 3, 0]);
    }
}
