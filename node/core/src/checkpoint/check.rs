//! Comparing a checkpoint with what is held.

use std::collections::BTreeMap;

use automerge::Change;
use linli_replica::id::{EntryId, LogKey, Timestamp};

use super::{Flaw, StatedLog, StatedRow};
use crate::document::Judged;
use crate::person::PersonCertificate;

/// The entries of one log that are held, by place; several in one where the log forked. Those that could not
/// be opened have nothing to compare but their ids.
pub(crate) type HeldLog<'a> = BTreeMap<u64, Vec<(EntryId, Option<&'a Judged>)>>;

/// Compares every row with the entry that is held in its place, by its bytes. Says how many rows nothing is
/// known of: the entry is not held, or does not count here.
///
/// # Errors
/// A row contradicts an entry that is held.
pub(crate) fn check(
    stated: &[StatedLog],
    held: &BTreeMap<LogKey, HeldLog<'_>>,
) -> Result<usize, Flaw> {
    let (mut unknown, nothing) = (0, HeldLog::new());
    for log in stated {
        let places = held.get(&log.log).unwrap_or(&nothing);
        let twice = is_bound_twice(places);
        for (row, sequence) in log.rows.iter().zip(1_u64..) {
            let known = match places.get(&sequence).map_or(&[][..], Vec::as_slice) {
                [] => false,
                several if several.iter().all(|(entry, _)| *entry != row.entry) => {
                    return Err(Flaw::OtherEntry);
                }
                [(_, Some(judged))] if !twice => {
                    agrees(log, row, judged)?;
                    judged.standing.is_ok()
                }
                // Its author said two things: nothing is to rest on either.
                _ => false,
            };
            unknown += usize::from(!known);
        }
    }
    Ok(unknown)
}

/// Says whether a log's first entry says that it is another node's than an entry in another document did.
fn is_bound_twice(places: &HeldLog<'_>) -> bool {
    let first = places.get(&1).into_iter().flatten().filter_map(|(_, judged)| *judged);
    let other = |judged: &Judged| {
        judged.binding.as_ref().is_some_and(|binding| Some(binding.node) != judged.node)
    };
    first.into_iter().any(other)
}

fn agrees(log: &StatedLog, row: &StatedRow, judged: &Judged) -> Result<(), Flaw> {
    if !has_changes(row, &judged.changes) {
        return Err(Flaw::OtherChanges);
    }
    let same = judged.node.is_none_or(|node| node == log.binding.node)
        && is_same(row, judged.at, judged.certificate.as_deref(), &judged.changes);
    if same { Ok(()) } else { Err(Flaw::OtherAuthor) }
}

fn has_changes(row: &StatedRow, changes: &[Change]) -> bool {
    row.changes.iter().map(Vec::as_slice).eq(changes.iter().map(Change::raw_bytes))
}

/// Says whether a row says of an entry what this says itself.
pub(crate) fn is_same(
    row: &StatedRow,
    at: Timestamp,
    person: Option<&PersonCertificate>,
    changes: &[Change],
) -> bool {
    row.at == at
        && row.certificate.as_deref() == person.map(PersonCertificate::encode).as_deref()
        && has_changes(row, changes)
}
