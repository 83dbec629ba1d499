//! Putting parts together as their log is read.

use linli_replica::id::{EntryId, Timestamp};

use super::{Manifest, Part};

/// A checkpoint as it stands in a log.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) manifest: &'a Manifest,
    /// Sequence numbers of the first and the last part that are there.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The last part.
    pub(crate) entry: EntryId,
    /// When the first part was signed.
    pub(crate) at: Timestamp,
    parts: Vec<&'a [u8]>,
}

impl Found<'_> {
    /// Says whether no part is missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.len() == self.manifest.parts as usize
    }

    /// Returns the bytes of all parts together. They may be others than the manifest says.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

/// Finds the checkpoints of one log, of which `entries` lists in sequence those that count: place, id,
/// signed time, and the part that one holds. Each entry is looked at once and nothing of it is copied.
pub(crate) fn join<'a>(
    entries: impl Iterator<Item = (u64, EntryId, Timestamp, Option<&'a Part>)>,
) -> Vec<Found<'a>> {
    let mut all: Vec<Found<'a>> = Vec::new();
    // Whether the last one may go on with the entry that follows it.
    let mut open = false;
    for (sequence, entry, at, part) in entries {
        let Some(part) = part else {
            open = false;
            continue;
        };
        if let Some(manifest) = &part.manifest {
            let parts = vec![part.bytes.as_slice()];
            all.push(Found { manifest, first: sequence, last: sequence, entry, at, parts });
            open = true;
        } else if let Some(found) = all.last_mut().filter(|found| {
            open && !found.is_whole() && found.last.checked_add(1) == Some(sequence)
        }) {
            found.parts.push(&part.bytes);
            (found.last, found.entry) = (sequence, entry);
        } else {
            open = false;
        }
    }
    all
}
