//! Whether all that was written here is safe with others.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::Prune;
use linli_replica::id::{BlobId, DocTag, LogKey, NodeId};
use linli_replica::index::SeenCuts;

use super::network::{Own, own_documents, own_former};
use super::{Outcome, now_known};
use crate::api::network::{Leave, LeaveAnswer};
use crate::node::{Node, now, world};

/// Documents whose checkpoints are compared by one request: an alert waits for no longer turn of the driver. Asked again
/// it compares others.
const COMPARED_AT_ONCE: usize = 8;

/// Orders to prune that are read by one request, 160 KiB each at most. Asked again it reads others.
const ORDERS_AT_ONCE: usize = 64;

/// What was found of what was written here, so that a later request goes on from there.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    known: BTreeMap<(DocTag, LogKey), Known>,
    /// Of which log checkpoints were compared last.
    last: Option<(DocTag, LogKey)>,
}

#[derive(Debug, Default)]
struct Known {
    cuts: SeenCuts,
    /// The checkpoint last found to stand for the beginning of what was written, and how far.
    stands: Option<(Prune, u64)>,
}

/// What one request may still do.
struct Budget {
    comparisons: usize,
    orders: usize,
}

impl Leaving {
    /// Forgets what was found of documents that are erased.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) {
        self.known.retain(|(document, _), _| !gone.contains(document));
    }
}

pub(crate) fn leave(node: &mut Node, request: Leave) -> Outcome<LeaveAnswer> {
    let copies = usize::try_from(request.copies.max(1)).unwrap_or(usize::MAX);
    super::elders::refresh(node);
    let (directory, at) = (node.replica.directory(), now());
    let peers = directory.nodes().map(|(id, _)| *id).filter(|id| directory.admits(id, at).is_ok());
    let peers: Vec<NodeId> = peers.collect();
    let mut budget = Budget { comparisons: COMPARED_AT_ONCE, orders: ORDERS_AT_ONCE };
    let mut waiting_entries = 0;
    let mut written = [own_documents(node), own_former(node)].concat();
    let last = node.leaving.last;
    let last = written.iter().position(|own| Some((own.document, own.log)) == last);
    written.rotate_left(last.map_or(0, |last| last + 1));
    for own in written {
        let heard = peers.iter().filter(|peer| counts(node, &own.document, peer));
        let safe = nth(heard.map(|peer| own.held_by(node, peer)), copies);
        let missing = missing(node, &own, &mut budget.orders);
        let stood_for =
            if missing > 0 { stood_for(node, &own, missing, &mut budget) } else { None };
        let stood_for = stood_for.filter(|(prune, _)| {
            let heard = peers.iter().filter(|peer| counts(node, &own.document, peer));
            heard.filter(|peer| holds(node, &own.document, peer, prune)).count() >= copies
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

/// Says whether what a peer said of a document is to be counted: not before all has come that it has, for it may have begun
/// late by an order that is not here yet. Members keep their history; a carrier may have pruned since, and only what it said
/// in this connection counts.
fn counts(node: &Node, document: &DocTag, peer: &NodeId) -> bool {
    let connected = || node.peers.get(peer).is_some_and(|peer| peer.connected);
    let now = || connected() && node.receipts.has_spoken(peer, document);
    node.receipts.has_compared(peer) && (!node.replica.directory().only_carries(peer) || now())
}

/// Says whether a peer said to hold a checkpoint: its log as far at least, on no other branch than here.
fn holds(node: &Node, document: &DocTag, peer: &NodeId, prune: &Prune) -> bool {
    let frontier = node.receipts.of(document, peer);
    let Some([tip]) = frontier.map(|frontier| frontier.tips(&prune.log)) else { return false };
    let index = node.replica.index();
    tip.sequence >= prune.last
        && index.tips(document, &prune.log).len() == 1
        && matches!(index.has(*document, prune.log, *tip, &*node.store), Ok(true))
}

/// How far so many of all have come.
fn nth(far: impl Iterator<Item = u64>, copies: usize) -> u64 {
    let mut far: Vec<u64> = far.collect();
    far.sort_unstable_by(|a, b| b.cmp(a));
    far.get(copies - 1).copied().unwrap_or(0)
}

/// How much of what was written may be missing at whoever says to hold it: a carrier has pruned it, and others began
/// behind it.
fn missing(node: &mut Node, own: &Own, orders: &mut usize) -> u64 {
    let seen = &mut node.leaving.known.entry((own.document, own.log)).or_default().cuts;
    let of = (&own.document, &own.log);
    let missing = node.replica.index().may_be_missing(of, seen, orders, &*node.store);
    // What cannot be read counts as held by nobody.
    missing.unwrap_or(own.sequence).min(own.sequence)
}

/// The checkpoint that stands for what may be missing of what was written, and how far. Whether stewards still agree on it, and
/// it was not found wrong since, is asked each time.
fn stood_for(
    node: &mut Node,
    own: &Own,
    missing: u64,
    budget: &mut Budget,
) -> Option<(Prune, u64)> {
    let key = (own.document, own.log);
    let space = node.replica.index().space_of(&own.document)?;
    let known = node.leaving.known.get(&key).and_then(|known| known.stands);
    if let Some((prune, upto)) = known.filter(|(_, upto)| *upto >= missing)
        && is_sound(node, own.document, &prune)
        && let Ok(true) = node.core.glance(world(&node.replica, &node.store), space, |space| {
            space.state().agreements.get(&prune).is_some_and(|agreement| agreement.stands())
        })
    {
        return Some((prune, upto));
    }
    budget.comparisons = budget.comparisons.checked_sub(1)?;
    node.leaving.last = Some(key);
    let world = world(&node.replica, &node.store);
    let found = node.core.stands_for(world, space, own.document, &own.log).ok()?;
    node.leaving.known.entry(key).or_default().stands = found;
    found
}

/// Says whether a checkpoint was not found to contradict what is held here.
fn is_sound(node: &Node, document: DocTag, prune: &Prune) -> bool {
    let mut wrong = node.core.wrong_checkpoints();
    !wrong.any(|(_, of, found)| of == document && found.terms(document) == *prune)
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
