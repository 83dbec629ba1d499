//! Checkpoints: written on demand, compared on demand with what is held, and told where they are wrong; signed for on
//! demand, and ordered where stewards agree.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use linli_core::audit::{AuditRecord, What};
use linli_core::authority::Prune;
use linli_core::checkpoint::{Checkpoint, Finding, Flaw};
use linli_core::engine::{Authored, CoreError, OrderFlaw, Unfounded};
use linli_replica::id::{DocTag, EntryId, PartyId, SpaceTag, Timestamp};
use linli_replica::limits::PRUNE_DELAY_MS;
use linli_replica::prune::Order;
use linli_replica::replica::Save;

use super::held::by;
use super::{Outcome, elders, invalid, not_found, now_known, spaces};
use crate::api::ApiError;
use crate::api::checkpoints::{
    CheckpointAnswer, CheckpointList, CheckpointRow, CheckpointWithdraw, CheckpointWithdrawn,
    KeysCheckpoint,
};
use crate::api::network::UnfoundedPrune;
use crate::node::{Node, now, world};

/// Spaces looked at by one request: an alert waits for no longer turn of the driver.
const SPACES_AT_ONCE: u64 = 8;

/// Documents whose checkpoints are compared when stewards have agreed: an alert waits for no longer turn of the driver.
const COMPARED_AT_ONCE: usize = 8;

/// How long what could not be ordered, and did not change, is not compared again: a day. Agreements that a later one
/// overtook stay unordered for ever.
const AGAIN_MS: u64 = 24 * 60 * 60 * 1_000;

/// How long an order rests on nothing until that is in the audit: the certificates it rests on may come after it.
const UNFOUNDED_MS: u64 = 10 * 60 * 1_000;

/// Documents listed of which orders to prune rest on nothing.
const UNFOUNDED_MAX: usize = 32;

/// Entries of a document for which somebody who asks gets a checkpoint: of fewer it saves nothing, for
/// each is sealed by itself and a checkpoint says whose each log is.
const WORTH_ENTRIES: u64 = 16;

/// What stewards agreed on and was compared to be ordered, so that certificates which come do not compare it anew each time.
#[derive(Debug, Default)]
pub(crate) struct Ordering {
    tried: BTreeMap<DocTag, Tried>,
    /// Documents of which it is in the audit that orders to prune them rest on nothing, since the start.
    unfounded: BTreeSet<DocTag>,
}

#[derive(Debug)]
struct Tried {
    at: Timestamp,
    of: Agreed,
}

/// What is agreed on of a document, and how many of its entries are held.
type Agreed = (BTreeSet<Prune>, u64);

impl Ordering {
    /// Takes of what is agreed on and not ordered what is to be compared at this time: what changed or waited for long, of
    /// that what was not compared for longest.
    fn take(&mut self, mut agreed: BTreeMap<DocTag, Agreed>, now: Timestamp) -> Vec<DocTag> {
        agreed.retain(|document, of| {
            let tried = self.tried.get(document);
            tried.is_none_or(|tried| tried.of != *of || now.since_ms(tried.at) >= AGAIN_MS)
        });
        let mut next: Vec<DocTag> = agreed.keys().copied().collect();
        next.sort_by_key(|document| self.tried.get(document).map(|tried| tried.at));
        next.truncate(COMPARED_AT_ONCE);
        let tried = next.iter().filter_map(|document| agreed.remove_entry(document));
        self.tried.extend(tried.map(|(document, of)| (document, Tried { at: now, of })));
        next
    }

    /// Forgets what was tried of documents that are erased.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) {
        self.tried.retain(|document, _| !gone.contains(document));
        self.unfounded.retain(|document| !gone.contains(document));
    }
}

pub(crate) fn make(node: &mut Node, request: KeysCheckpoint) -> Outcome<CheckpointAnswer> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let after = match &request.after {
        None => Bound::Unbounded,
        Some(tag) => {
            Bound::Excluded(tag.parse::<SpaceTag>().map_err(|_| invalid("error-after-space"))?)
        }
    };
    let all: BTreeSet<SpaceTag> = match &request.elder {
        None => node.core.spaces().collect(),
        Some(elder) => {
            let elder = elders::find(node, elder)?;
            spaces::about(node, elder)?.into_iter().map(|(space, _)| space).collect()
        }
    };
    let limit = usize::try_from(request.limit.clamp(1, SPACES_AT_ONCE)).unwrap_or(usize::MAX);
    let page: Vec<SpaceTag> = all.range((after, Bound::Unbounded)).take(limit).copied().collect();
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let next = page.last().filter(|last| all.last() != Some(last)).map(ToString::to_string);
    let (total, seen) = (count(all.len()), count(page.len()));
    let mut answer = CheckpointAnswer { total, seen, next, ..CheckpointAnswer::default() };
    let mut saves = BTreeSet::new();
    for space in page {
        if !is_steward(node, space)? {
            continue;
        }
        for (document, entries) in documents(node, space) {
            if request.agree {
                sign(node, (space, document), &mut answer, &mut saves);
            } else if entries >= WORTH_ENTRIES {
                write(node, (space, document), &mut answer, &mut saves);
            }
        }
    }
    Ok((answer, saves))
}

/// Lists the documents of a space that hold records, with their entries.
fn documents(node: &Node, space: SpaceTag) -> Vec<(DocTag, u64)> {
    let index = node.replica.index();
    let entries = |document: &DocTag| index.frontier(document).map_or(0, |f| f.entries());
    index.documents(&space).map(|(document, _)| (document, entries(&document))).collect()
}

fn is_steward(node: &mut Node, space: SpaceTag) -> Result<bool, ApiError> {
    let own = node.core.party();
    let world = world(&node.replica, &node.store);
    Ok(node.core.glance(world, space, |s| spaces::is_steward(s.state(), &own, world.now))?)
}

/// Writes a checkpoint of a document where there is anything new for it.
fn write(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
    answer: &mut CheckpointAnswer,
    saves: &mut BTreeSet<Save>,
) {
    let world = world(&node.replica, &node.store);
    match node.core.checkpoint(world, &mut node.rng, space, document) {
        Ok(None) => {}
        Ok(Some(authored)) => {
            saves.insert(node.author(authored));
            answer.made += 1;
        }
        Err(CoreError::NotForAll | CoreError::TooLargeToCheckpoint) => answer.left += 1,
        Err(error) => failed(answer, space, &error),
    }
}

/// Signs for a checkpoint of a document, and gives the order where stewards have agreed and this node keeps the key.
fn sign(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
    answer: &mut CheckpointAnswer,
    saves: &mut BTreeSet<Save>,
) {
    let world = world(&node.replica, &node.store);
    let signed = node.core.agree(world, &mut node.rng, space, document);
    answer.signed += take(node, space, signed, answer, saves);
    let world = self::world(&node.replica, &node.store);
    let ordered = node.core.order_pruning(world, &mut node.rng, space, document);
    answer.ordered += take(node, space, ordered, answer, saves);
}

/// Gives the orders that follow from what stewards have agreed on in a space, where this node keeps the key that gives them:
/// the signature that was missing may be another's.
pub(crate) fn order_agreed(node: &mut Node, space: SpaceTag) {
    let world = world(&node.replica, &node.store);
    let agreed = node.core.agreed_unordered(world, space).unwrap_or_default();
    let index = node.replica.index();
    let entries = |document: &DocTag| index.frontier(document).map_or(0, |f| f.entries());
    let agreed = agreed.into_iter().map(|(document, of)| (document, (of, entries(&document))));
    for document in node.ordering.take(agreed.collect(), now()) {
        let world = self::world(&node.replica, &node.store);
        match node.core.order_pruning(world, &mut node.rng, space, document) {
            Ok(Some(authored)) => {
                node.author(authored);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, ?space, "what stewards agreed on could not be ordered");
            }
        }
    }
}

/// Takes what was written, if anything; says how much.
fn take(
    node: &mut Node,
    space: SpaceTag,
    written: Result<Option<Authored>, CoreError>,
    answer: &mut CheckpointAnswer,
    saves: &mut BTreeSet<Save>,
) -> u64 {
    match written {
        Ok(Some(authored)) => {
            saves.insert(node.author(authored));
            return 1;
        }
        // Whoever keeps the key gives the order.
        Ok(None) | Err(CoreError::NoCarrierKey(_)) => {}
        Err(CoreError::NotForAll) => answer.left += 1,
        Err(error) => failed(answer, space, &error),
    }
    0
}

pub(crate) fn withdraw(
    node: &mut Node,
    request: CheckpointWithdraw,
) -> Outcome<CheckpointWithdrawn> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let mut fitting: BTreeSet<(SpaceTag, EntryId)> = BTreeSet::new();
    for (space, _) in spaces::about(node, elder)? {
        let world = world(&node.replica, &node.store);
        let agreements = &node.core.space(world, space)?.state().agreements;
        let signed = agreements.iter().filter(|(_, agreement)| agreement.is_signed());
        let named = signed.map(|(prune, _)| prune.entry);
        let named = named.filter(|entry| entry.to_string().starts_with(&request.entry));
        fitting.extend(named.map(|entry| (space, entry)));
    }
    let mut fitting = fitting.into_iter().filter(|_| !request.entry.is_empty());
    let (Some((space, entry)), None) = (fitting.next(), fitting.next()) else {
        return Err(not_found("error-checkpoint-none"));
    };
    let world = world(&node.replica, &node.store);
    let written = node.core.withdraw(world, &mut node.rng, space, entry)?;
    let saves = written.map(|authored| node.author(authored)).into_iter().collect();
    let world = self::world(&node.replica, &node.store);
    let agreements = &node.core.space(world, space)?.state().agreements;
    if agreements.iter().any(|(prune, of)| prune.entry == entry && of.stands()) {
        return Err(not_found("error-checkpoint-stays"));
    }
    let prunes_from = still_ordered(node, space, entry)?;
    let due = prunes_from.is_some_and(|from| from <= now());
    Ok((CheckpointWithdrawn { prunes_from_ms: prunes_from.map(|from| from.0), due }, saves))
}

/// From when on carriers prune by orders known here that rest on a checkpoint and are not taken back.
fn still_ordered(
    node: &mut Node,
    space: SpaceTag,
    entry: EntryId,
) -> Result<Option<Timestamp>, CoreError> {
    let world = world(&node.replica, &node.store);
    let mut first: Option<Timestamp> = None;
    for document in world.index.ordered(&space) {
        let orders = node.core.prune_orders(world, space, document)?;
        let by = |order: &&Order| order.terms().checkpoint.is_some_and(|c| c.entry == entry);
        let from = orders.iter().filter(by).map(|order| order.terms().at.plus_ms(PRUNE_DELAY_MS));
        first = first.into_iter().chain(from).min();
    }
    Ok(first)
}

/// Lists the documents of which carriers are told to drop the beginning, by orders that rest on nothing.
pub(crate) fn unfounded(node: &Node) -> Vec<UnfoundedPrune> {
    let mut rows: BTreeMap<DocTag, UnfoundedPrune> = BTreeMap::new();
    for (_, document, order) in node.core.unfounded(now()) {
        if rows.len() == UNFOUNDED_MAX && !rows.contains_key(&document) {
            continue;
        }
        let row = rows.entry(document).or_insert_with(|| {
            let name = node.catalogue.get(&document).map(|row| row.name.to_string());
            let (why, prunes_from_ms) = (flaw(order.flaw).to_owned(), order.due.0);
            let document = name.unwrap_or_else(|| document.to_string());
            UnfoundedPrune { document, why, orders: 0, prunes_from_ms }
        });
        row.orders += 1;
        row.prunes_from_ms = row.prunes_from_ms.min(order.due.0);
    }
    rows.into_values().collect()
}

/// Puts into the audit of which documents orders to prune have rested on nothing for a while.
pub(crate) fn note_unfounded(node: &mut Node) {
    let at = now();
    let noted = &node.ordering.unfounded;
    let found = node.core.unfounded(at).filter(|(_, document, order)| {
        at.since_ms(order.since) >= UNFOUNDED_MS && !noted.contains(document)
    });
    let found: BTreeMap<DocTag, (SpaceTag, Unfounded)> =
        found.map(|(space, document, order)| (document, (space, *order))).collect();
    for (document, (space, order)) in found {
        node.ordering.unfounded.insert(document);
        let record = AuditRecord {
            space: Some(space),
            of: Some(flaw(order.flaw).to_owned()),
            detail: Some(order.order.to_string()),
            ..AuditRecord::new(&mut node.rng, at, What::UnfoundedOrder)
        };
        node.note(&record);
    }
}

const fn flaw(flaw: OrderFlaw) -> &'static str {
    match flaw {
        OrderFlaw::OfFacts => "of_facts",
        OrderFlaw::NotAgreed => "not_agreed",
        OrderFlaw::CutsFurther => "cuts_further",
        OrderFlaw::Fallen => "fallen",
    }
}

fn failed(answer: &mut CheckpointAnswer, space: SpaceTag, error: &CoreError) {
    tracing::warn!(%error, ?space, "a document could not be looked at for a checkpoint");
    answer.failed += 1;
}

pub(crate) fn list(node: &mut Node, request: CheckpointList) -> Outcome<Vec<CheckpointRow>> {
    let mut all: Vec<(SpaceTag, DocTag, Checkpoint)> = Vec::new();
    match &request.elder {
        None => {
            let wrong = node.core.wrong_checkpoints();
            all.extend(wrong.map(|(space, document, found)| (space, document, found.clone())));
        }
        Some(elder) => {
            let elder = elders::find(node, elder)?;
            for (space, _) in spaces::about(node, elder)? {
                for (document, _) in documents(node, space) {
                    let found = compare(node, (space, document)).unwrap_or_else(|error| {
                        tracing::warn!(%error, ?space, "checkpoints could not be compared");
                        Vec::new()
                    });
                    all.extend(found.into_iter().map(|found| (space, document, found)));
                }
            }
        }
    }
    // A space may be gone that was there when they were compared.
    let rows = all
        .iter()
        .filter_map(|(space, document, found)| row(node, (*space, *document), found).ok());
    let mut rows: Vec<CheckpointRow> = rows.collect();
    rows.sort_by(|a, b| {
        (&a.document, a.entries, &a.entry).cmp(&(&b.document, b.entries, &b.entry))
    });
    now_known(rows)
}

/// Compares the checkpoints of a document with what is held, and puts those that turn out to be wrong into
/// the audit.
fn compare(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
) -> Result<Vec<Checkpoint>, CoreError> {
    let world = world(&node.replica, &node.store);
    // What has no name holds no record.
    if node.core.space(world, space)?.name_of(&document).is_none() {
        return Ok(Vec::new());
    }
    let known: BTreeSet<EntryId> =
        node.core.wrong_checkpoints().map(|(.., found)| found.entry).collect();
    let found = node.core.checkpoints(world, space, document)?;
    let wrong = found.iter().filter(|found| matches!(found.finding, Finding::Wrong(_)));
    for wrong in wrong.filter(|found| !known.contains(&found.entry)) {
        let record = AuditRecord {
            space: Some(space),
            party: Some(wrong.party),
            detail: Some(wrong.entry.to_string()),
            ..AuditRecord::new(&mut node.rng, now(), What::WrongCheckpoint)
        };
        node.note(&record);
    }
    Ok(found)
}

fn row(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
    found: &Checkpoint,
) -> Result<CheckpointRow, CoreError> {
    let world = world(&node.replica, &node.store);
    let orders = node.core.prune_orders(world, space, document)?;
    let held = node.core.space(world, space)?;
    let name = held.name_of(&document).unwrap_or_default().to_owned();
    let scope = held.kind().to_owned();
    let (terms, stewards) = (found.terms(document), held.stewards(world.directory, world.now));
    let signed = held.state().signed(&terms, &stewards);
    let agreed = held.state().is_agreed(&terms, &stewards);
    let missing = stewards.into_iter().filter(|party| !agreed && !signed.contains(party));
    let missing: Vec<PartyId> = missing.collect();
    let of = |order: &&Order| order.terms().checkpoint.is_some_and(|c| c.entry == found.entry);
    let ordered = orders.iter().find(of).map(|order| order.terms().at);
    let (finding, unknown, flaw) = words(found.finding);
    Ok(CheckpointRow {
        entry: found.entry.to_string(),
        document: name,
        scope,
        by: by(node, Some(found.node)),
        at_ms: found.at.0,
        entries: found.covered(),
        finding: finding.to_owned(),
        unknown,
        flaw: flaw.map(str::to_owned),
        signed: signed.into_iter().map(|party| spaces::party_ref(node, party)).collect(),
        missing: missing.into_iter().map(|party| spaces::party_ref(node, party)).collect(),
        agreed,
        ordered_ms: ordered.map(|at| at.0),
        prunes_from_ms: ordered.map(|at| at.plus_ms(PRUNE_DELAY_MS).0),
    })
}

fn words(finding: Finding) -> (&'static str, u64, Option<&'static str>) {
    match finding {
        Finding::Agrees => ("agrees", 0, None),
        Finding::Incomplete => ("incomplete", 0, None),
        Finding::Unknown(rows) => ("unknown", u64::try_from(rows).unwrap_or(u64::MAX), None),
        Finding::Wrong(flaw) => ("wrong", 0, Some(flaw_word(flaw))),
    }
}

const fn flaw_word(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Unreadable => "unreadable",
        Flaw::Unbound => "unbound",
        Flaw::OtherEntry => "other_entry",
        Flaw::OtherChanges => "other_changes",
        Flaw::OtherAuthor => "other_author",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn agreed(documents: u8, entries: u64) -> BTreeMap<DocTag, Agreed> {
        let of = |number| (DocTag([number; 32]), (BTreeSet::new(), entries));
        (0..documents).map(of).collect()
    }

    #[test]
    fn what_cannot_be_ordered_is_not_compared_again_each_time_and_keeps_nothing_else_waiting() {
        let mut ordering = Ordering::default();
        let mut take = |agreed, at| ordering.take(agreed, at).len();
        assert_eq!(take(agreed(9, 5), NOW), COMPARED_AT_ONCE);
        assert_eq!(take(agreed(9, 5), NOW.plus_ms(1)), 1, "the ninth");
        assert_eq!(take(agreed(9, 5), NOW.plus_ms(2)), 0, "nothing has changed");
        assert_eq!(take(agreed(2, 6), NOW.plus_ms(3)), 2, "entries came");
        let other = DocTag([8; 32]);
        let prune = Prune {
            document: other,
            log: linli_replica::id::LogKey([1; 32]),
            first: 1,
            last: 1,
            entry: EntryId([1; 32]),
            hash: [0; 32].into(),
        };
        let more = BTreeMap::from([(other, (BTreeSet::from([prune]), 5))]);
        assert_eq!(take(more, NOW.plus_ms(4)), 1, "more is agreed on");
        let next = ordering.take(agreed(9, 7), NOW.plus_ms(AGAIN_MS + 5));
        assert_eq!(next[0], DocTag([2; 32]), "what was not compared for longest");
        assert!(!next.contains(&other));
    }
}
