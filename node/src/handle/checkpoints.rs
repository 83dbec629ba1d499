//! Checkpoints: written on demand and where a document has grown, signed for on demand where they agree with
//! what is held, listed, and told where they are wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use linli_core::audit::{AuditRecord, What};
use linli_core::authority::{Owner, SpaceState};
use linli_core::checkpoint::{Checkpoint, Finding, Flaw};
use linli_core::engine::CoreError;
use linli_replica::id::{DocTag, EntryId, SpaceTag, Timestamp};
use linli_replica::replica::Save;

use super::held::by;
use super::{Outcome, elders, invalid, now_known, rotation, spaces};
use crate::api::ApiError;
use crate::api::checkpoints::{CheckpointAnswer, CheckpointList, CheckpointRow, KeysCheckpoint};
use crate::node::{Node, now, world};

/// Spaces looked at by one request: an alert waits for no longer turn of the driver.
const SPACES_AT_ONCE: u64 = 8;

/// Entries of a document for which somebody who asks gets a checkpoint: of fewer it saves nothing, for
/// each is sealed by itself and a checkpoint says whose each log is.
const WORTH_ENTRIES: u64 = 16;

/// Entries by which a document has grown before the background writes a checkpoint: some 600 KiB, which
/// a slow link takes a minute for. It also waits until the document has grown to twice what the last one
/// stands for, so that all checkpoints of a document together stay as small as two of the last.
const GROWN_ENTRIES: u64 = 1_024;

/// How often all spaces are looked through.
const SWEEP_MS: u64 = 60 * 60 * 1_000;

/// Spaces looked at in one turn of the background.
const LOOKED_AT: usize = 32;

/// Where the background is on its way through the spaces.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    after: Option<SpaceTag>,
    under_way: bool,
    next: Timestamp,
    /// How many entries documents had when they were looked at.
    seen: BTreeMap<DocTag, u64>,
    /// Wrong checkpoints that the audit tells of.
    told: BTreeSet<EntryId>,
}

pub(crate) fn make(node: &mut Node, request: KeysCheckpoint) -> Outcome<CheckpointAnswer> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let after = match &request.after {
        None => Bound::Unbounded,
        Some(tag) => {
            Bound::Excluded(tag.parse::<SpaceTag>().map_err(|_| invalid("`after` is no space"))?)
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
            if entries >= WORTH_ENTRIES {
                write(node, (space, document), &mut answer, &mut saves);
            }
            sign(node, (space, document), &mut answer, &mut saves);
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

/// Signs for a checkpoint of a document where one agrees with what is held.
fn sign(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
    answer: &mut CheckpointAnswer,
    saves: &mut BTreeSet<Save>,
) {
    let world = world(&node.replica, &node.store);
    match node.core.agree(world, &mut node.rng, space, document) {
        Ok(None) => {}
        Ok(Some(authored)) => {
            saves.insert(node.author(authored));
            answer.signed += 1;
        }
        Err(error) => failed(answer, space, &error),
    }
}

fn failed(answer: &mut CheckpointAnswer, space: SpaceTag, error: &CoreError) {
    tracing::warn!(%error, ?space, "a document could not be looked at for a checkpoint");
    answer.failed += 1;
}

pub(crate) fn list(node: &mut Node, request: CheckpointList) -> Outcome<Vec<CheckpointRow>> {
    let mut rows = Vec::new();
    match &request.elder {
        None => {
            let wrong = node.core.wrong_checkpoints();
            let wrong: Vec<_> = wrong.map(|(s, d, found)| (s, d, found.clone())).collect();
            for (space, document, found) in wrong {
                rows.push(row(node, (space, document), &found)?);
            }
        }
        Some(elder) => {
            let elder = elders::find(node, elder)?;
            for (space, _) in spaces::about(node, elder)? {
                for (document, _) in documents(node, space) {
                    let world = world(&node.replica, &node.store);
                    if node.core.space(world, space)?.name_of(&document).is_none() {
                        continue;
                    }
                    let found = node.core.open(world, space, document)?.checkpoints().to_vec();
                    for found in &found {
                        rows.push(row(node, (space, document), found)?);
                    }
                }
            }
        }
    }
    rows.sort_by(|a, b| (&a.document, a.at_ms, &a.entry).cmp(&(&b.document, b.at_ms, &b.entry)));
    now_known(rows)
}

fn row(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
    found: &Checkpoint,
) -> Result<CheckpointRow, ApiError> {
    let world = world(&node.replica, &node.store);
    let held = node.core.space(world, space)?;
    let name = held.name_of(&document).unwrap_or_default().to_owned();
    let (scope, signed) = (held.kind().to_owned(), held.state().prunes.get(&found.terms(document)));
    let signed = signed.cloned().unwrap_or_default();
    let (finding, unknown, flaw) = words(found.finding);
    Ok(CheckpointRow {
        entry: found.entry.to_string(),
        document: name,
        scope,
        by: by(node, Some(found.node)),
        at_ms: found.at.0,
        entries: found.manifest.frontier.iter().map(|upto| upto.sequence).sum(),
        finding: finding.to_owned(),
        unknown,
        flaw: flaw.map(str::to_owned),
        signed: signed.parties.iter().map(|party| spaces::party_ref(node, *party)).collect(),
        agreed: signed.is_reached(),
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
        Flaw::BadChange => "bad_change",
        Flaw::OtherEntry => "other_entry",
        Flaw::OtherChanges => "other_changes",
        Flaw::OtherAuthor => "other_author",
    }
}

/// Goes on through the spaces, some at a time: writes checkpoints of what has grown. What is wrong goes into the
/// audit. Signing for one is somebody's decision.
pub(crate) fn sweep(node: &mut Node) {
    tell(node);
    let at = now();
    if !node.checkpoints.under_way {
        if at < node.checkpoints.next {
            return;
        }
        (node.checkpoints.under_way, node.checkpoints.after) = (true, None);
    }
    let after = node.checkpoints.after.map_or(Bound::Unbounded, Bound::Excluded);
    let page: Vec<SpaceTag> = node.core.spaces_from(after).take(LOOKED_AT).collect();
    for space in &page {
        node.checkpoints.after = Some(*space);
        match in_background(node, *space, at) {
            Ok(false) => {}
            // One at a time: others wait for their turn.
            Ok(true) => return,
            Err(error) => {
                tracing::warn!(%error, ?space, "a space could not be looked at for checkpoints");
            }
        }
    }
    if page.len() < LOOKED_AT {
        node.checkpoints.under_way = false;
        node.checkpoints.next = at.plus_ms(SWEEP_MS);
    }
}

/// Does what is due in a space; says whether that was anything.
fn in_background(node: &mut Node, space: SpaceTag, at: Timestamp) -> Result<bool, ApiError> {
    let mut grown = documents(node, space);
    grown.retain(|(_, entries)| *entries >= GROWN_ENTRIES);
    if grown.is_empty() || !rotation::is_first_node(node, at) || !is_steward(node, space)? {
        return Ok(false);
    }
    let own = node.core.party();
    let world = world(&node.replica, &node.store);
    let others = |state: &SpaceState| matches!(state.owner, Some(Owner::Party(p)) if p != own);
    let first = node.core.glance(world, space, |s| !others(s.state()))?;
    let (mut answer, mut saves) = (CheckpointAnswer::default(), BTreeSet::new());
    for (document, entries) in grown {
        let seen = node.checkpoints.seen.get(&document).copied().unwrap_or(0);
        if entries < seen.saturating_add(GROWN_ENTRIES) {
            continue;
        }
        node.checkpoints.seen.insert(document, entries);
        if is_due(node, (space, document), entries, first)? {
            write(node, (space, document), &mut answer, &mut saves);
        }
    }
    Ok(answer != CheckpointAnswer::default())
}

/// Says whether a document has grown enough since its latest sound checkpoint. Whoever does not own it
/// leaves it to the owner for as long again.
fn is_due(
    node: &mut Node,
    (space, document): (SpaceTag, DocTag),
    entries: u64,
    first: bool,
) -> Result<bool, ApiError> {
    let world = world(&node.replica, &node.store);
    let found = node.core.open(world, space, document)?.checkpoints().iter();
    let sound = found.filter(|found| found.finding == Finding::Agrees);
    let covered = |found: &Checkpoint| found.manifest.frontier.iter().map(|u| u.sequence).sum();
    let covered: u64 = sound.map(covered).max().unwrap_or(0);
    let enough = covered.max(GROWN_ENTRIES);
    let enough = if first { enough } else { enough.saturating_mul(2) };
    Ok(entries.saturating_sub(covered) >= enough)
}

/// Puts checkpoints that are wrong into the audit, each once since the start.
fn tell(node: &mut Node) {
    let told = &node.checkpoints.told;
    let wrong = node.core.wrong_checkpoints().filter(|(.., found)| !told.contains(&found.entry));
    let wrong: Vec<_> = wrong.map(|(space, _, found)| (space, found.entry, found.party)).collect();
    for (space, entry, party) in wrong {
        node.checkpoints.told.insert(entry);
        let detail = Some(entry.to_string());
        let record = AuditRecord {
            space: Some(space),
            party: Some(party),
            detail,
            ..AuditRecord::new(&mut node.rng, now(), What::WrongCheckpoint)
        };
        node.note(&record);
    }
}
