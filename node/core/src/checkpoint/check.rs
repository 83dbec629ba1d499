//! Comparing a checkpoint with what is held.

use std::collections::BTreeMap;

use automerge::Change;
use linli_replica::id::{EntryId, LogKey};

use super::{Covered, Flaw, Row, Whole};
use crate::document::Judged;

/// The entries of one log that are held, by place; several in one where the log forked. Those that could not
/// be opened have nothing to compare but their ids.
pub(crate) type HeldLog<'a> = BTreeMap<u64, Vec<(EntryId, Option<&'a Judged>)>>;

/// Compares every row with the entry that is held, and every entry that is held with its row. Says how many
/// rows nothing is known of: the entry is not held, or does not count here.
///
/// # Errors
/// A row contradicts an entry that is held.
pub(crate) fn check(whole: &Whole, held: &BTreeMap<LogKey, HeldLog<'_>>) -> Result<usize, Flaw> {
    let (mut unknown, nothing) = (0, HeldLog::new());
    for covered in whole.logs() {
        let log = held.get(&covered.log).unwrap_or(&nothing);
        for (row, sequence) in covered.rows.iter().zip(1_u64..) {
            let entries = log.get(&sequence).map_or(&[][..], Vec::as_slice);
            let known = match entries {
                [] => false,
                [(entry, _)] if *entry != row.entry => return Err(Flaw::OtherEntry),
                [(_, judged)] => agrees(covered, row, *judged)?,
                several if several.iter().all(|(entry, _)| *entry != row.entry) => {
                    return Err(Flaw::OtherEntry);
                }
                // Its author wrote two histories: nothing is to rest on either.
                _ => false,
            };
            unknown += usize::from(!known);
        }
    }
    Ok(unknown)
}

/// Says whether a row agrees with its entry, and the entry counts.
fn agrees(covered: &Covered, row: &Row, judged: Option<&Judged>) -> Result<bool, Flaw> {
    let Some(judged) = judged else { return Ok(false) };
    let hashes = row.changes.iter().map(Change::hash);
    if !hashes.eq(judged.changes.iter().map(Change::hash)) {
        return Err(Flaw::OtherChanges);
    }
    let same = judged.node.is_none_or(|node| node == covered.node())
        && judged.at == row.at
        && judged.certificate == row.certificate;
    if !same {
        return Err(Flaw::OtherAuthor);
    }
    Ok(judged.standing.is_ok())
}
