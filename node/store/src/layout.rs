//! The tables of the two files. `docs/spec/store.md` describes them.

use linli_replica::batch::Shelf;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frontier::{Branch, Tip};
use linli_replica::id::{DocTag, EntryId, SpaceTag};
use redb::TableDefinition;

/// The format version this program writes, and the latest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Facts about the file, by name.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Document tag ‖ space tag → the document's number.
pub(crate) const DOCUMENTS: TableDefinition<'_, &[u8; 64], u64> = TableDefinition::new("documents");
/// Document number → space tag ‖ document tag.
pub(crate) const TAGS: TableDefinition<'_, u64, &[u8; 64]> = TableDefinition::new("tags");
/// Space tag ‖ document number: the documents of a space.
pub(crate) const SPACES: TableDefinition<'_, &[u8; 40], ()> = TableDefinition::new("spaces");
/// Log key → the log's number.
pub(crate) const LOGS: TableDefinition<'_, &[u8; 32], u32> = TableDefinition::new("logs");
/// Log number → log key.
pub(crate) const LOG_KEYS: TableDefinition<'_, u32, &[u8; 32]> = TableDefinition::new("log keys");
/// Chain → its branches.
pub(crate) const BRANCHES: TableDefinition<'_, &ChainRow, &[u8]> = TableDefinition::new("branches");
/// Chain ‖ sequence ‖ start of the entry's id → the entry.
pub(crate) const ENTRIES: TableDefinition<'_, &EntryRow, &[u8]> = TableDefinition::new("entries");
/// Name → sealed certificate.
pub(crate) const CERTIFICATES: TableDefinition<'_, &[u8; 32], &[u8]> =
    TableDefinition::new("certificates");
/// Shelf ‖ name → sealed record.
pub(crate) const RECORDS: TableDefinition<'_, &RecordRow, &[u8]> = TableDefinition::new("records");
/// Number of a record of the audit → sealed: its hash in the chain, the record.
pub(crate) const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");
/// Urgent file: number → sealed batch.
pub(crate) const URGENT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("urgent");

/// Meta: the format version, 4 bytes, little-endian.
pub(crate) const META_FORMAT: &str = "format";
/// Meta: a sealed row that only the right key opens.
pub(crate) const META_CHECK: &str = "check";
/// Meta: when the file was made, ms since the Unix epoch, 8 bytes, little-endian.
pub(crate) const META_CREATED: &str = "created";
/// Meta: the last urgent batch that is in the main file, 8 bytes, little-endian.
pub(crate) const META_SETTLED: &str = "settled";
/// Meta: bytes of all entries held, 8 bytes, little-endian.
pub(crate) const META_ENTRY_BYTES: &str = "entry bytes";
/// Meta, in backups only: the sealed key file of the node.
pub(crate) const META_KEY_FILE: &str = "key file";

/// Document number (8) ‖ log number (4), big-endian.
pub(crate) type ChainRow = [u8; 12];
/// Chain row (12) ‖ sequence (8, big-endian) ‖ first half of the entry's id (16).
///
/// Half an id is enough to tell the branches of a fork apart even where their author searches for
/// two entries that collide: that takes 2^64 hashes.
pub(crate) type EntryRow = [u8; 36];
/// Shelf (1) ‖ name (32).
pub(crate) type RecordRow = [u8; 33];

/// Sequence (8, big-endian) ‖ entry id (32) ‖ urgency (1).
const BRANCH_BYTES: usize = 41;

pub(crate) fn join<const A: usize, const B: usize, const N: usize>(
    a: &[u8; A],
    b: &[u8; B],
) -> [u8; N] {
    const { assert!(A + B == N, "the parts do not fill the whole") };
    let mut whole = [0; N];
    for (to, from) in whole.iter_mut().zip(a.iter().chain(b)) {
        *to = *from;
    }
    whole
}

pub(crate) fn split<const A: usize, const B: usize, const N: usize>(
    whole: &[u8; N],
) -> ([u8; A], [u8; B]) {
    const { assert!(A + B == N, "the parts do not fill the whole") };
    let (mut a, mut b) = ([0; A], [0; B]);
    for (to, from) in a.iter_mut().chain(&mut b).zip(whole) {
        *to = *from;
    }
    (a, b)
}

pub(crate) fn document_row(space: SpaceTag, document: DocTag) -> [u8; 64] {
    join(&document.0, &space.0)
}

pub(crate) fn chain_row(document: u64, log: u32) -> ChainRow {
    join(&document.to_be_bytes(), &log.to_be_bytes())
}

pub(crate) fn split_chain_row(row: &ChainRow) -> (u64, u32) {
    let (document, log) = split(row);
    (u64::from_be_bytes(document), u32::from_be_bytes(log))
}

pub(crate) fn entry_row(chain: &ChainRow, tip: Tip) -> EntryRow {
    let (start, _): ([u8; 16], [u8; 16]) = split(&tip.id.0);
    let place: [u8; 20] = join(chain, &tip.sequence.to_be_bytes());
    join(&place, &start)
}

/// Returns the first and last row of a chain after a sequence number.
pub(crate) fn entry_rows(chain: &ChainRow, after: u64) -> Option<(EntryRow, EntryRow)> {
    let first = Tip { sequence: after.checked_add(1)?, id: EntryId([0; 32]) };
    let last = Tip { sequence: u64::MAX, id: EntryId([u8::MAX; 32]) };
    Some((entry_row(chain, first), entry_row(chain, last)))
}

pub(crate) fn encode_branches(branches: &[Branch]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(branches.len() * BRANCH_BYTES);
    for Branch { tip, urgency } in branches {
        bytes.extend_from_slice(&tip.sequence.to_be_bytes());
        bytes.extend_from_slice(tip.id.as_bytes());
        bytes.push(urgency_byte(*urgency));
    }
    bytes
}

pub(crate) fn decode_branches(bytes: &[u8]) -> Option<Vec<Branch>> {
    let (chunks, rest) = bytes.as_chunks::<BRANCH_BYTES>();
    let branch = |chunk: &[u8; BRANCH_BYTES]| {
        let (tip, urgency): ([u8; 40], [u8; 1]) = split(chunk);
        let (sequence, id) = split(&tip);
        let tip = Tip { sequence: u64::from_be_bytes(sequence), id: EntryId(id) };
        let [byte] = urgency;
        let all = [Urgency::Urgent, Urgency::Normal, Urgency::Bulk];
        let urgency = all.into_iter().find(|urgency| urgency_byte(*urgency) == byte)?;
        Some(Branch { tip, urgency })
    };
    rest.is_empty().then(|| chunks.iter().map(branch).collect()).flatten()
}

const fn urgency_byte(urgency: Urgency) -> u8 {
    match urgency {
        Urgency::Urgent => 0,
        Urgency::Normal => 1,
        Urgency::Bulk => 2,
    }
}

/// Decodes a stored entry and checks that it is the one its row names.
pub(crate) fn decode_entry(row: &EntryRow, bytes: &[u8]) -> Option<Entry> {
    let entry = Entry::decode(bytes).ok()?;
    let (chain, _): (ChainRow, [u8; 24]) = split(row);
    (entry_row(&chain, entry.tip()) == *row).then_some(entry)
}

pub(crate) const fn shelf_byte(shelf: Shelf) -> u8 {
    match shelf {
        Shelf::Space => 1,
        Shelf::View => 2,
        Shelf::Pending => 3,
        Shelf::Receipt => 4,
        Shelf::Own => 5,
        Shelf::Audit => 6,
    }
}

pub(crate) fn shelf_of(byte: u8) -> Option<Shelf> {
    Shelf::ALL.into_iter().find(|shelf| shelf_byte(*shelf) == byte)
}

/// The table named in a record's seal: one a shelf, so that records cannot change shelves.
pub(crate) const fn shelf_table(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::Space => "records/space",
        Shelf::View => "records/view",
        Shelf::Pending => "records/pending",
        Shelf::Receipt => "records/receipt",
        Shelf::Own => "records/own",
        // In a table of its own, by number.
        Shelf::Audit => "audit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_order_by_document_log_and_sequence() {
        let tip = |sequence, id| Tip { sequence, id: EntryId([id; 32]) };
        let rows = [
            entry_row(&chain_row(1, 2), tip(3, 9)),
            entry_row(&chain_row(1, 2), tip(256, 0)),
            entry_row(&chain_row(1, 300), tip(1, 0)),
            entry_row(&chain_row(256, 0), tip(1, 0)),
        ];
        assert!(rows.is_sorted());
        let (first, last) = entry_rows(&chain_row(1, 2), 3).unwrap();
        assert!(rows[0] < first && first <= rows[1] && rows[1] <= last && last < rows[2]);
        assert_eq!(entry_rows(&chain_row(1, 2), u64::MAX), None);
        assert_eq!(split_chain_row(&chain_row(7, 8)), (7, 8));
    }

    #[test]
    fn branches_read_back_and_torn_ones_do_not() {
        let branch = |id, urgency| {
            let tip = Tip { sequence: u64::from(id), id: EntryId([id; 32]) };
            Branch { tip, urgency }
        };
        let branches =
            vec![branch(1, Urgency::Urgent), branch(2, Urgency::Normal), branch(3, Urgency::Bulk)];
        let bytes = encode_branches(&branches);
        assert_eq!(decode_branches(&bytes), Some(branches));
        assert_eq!(decode_branches(&bytes[1..]), None);
        assert_eq!(decode_branches(&[3; BRANCH_BYTES]), None, "no such urgency");
    }

    #[test]
    fn shelves_have_bytes_of_their_own() {
        for shelf in Shelf::ALL {
            assert_eq!(shelf_of(shelf_byte(shelf)), Some(shelf));
        }
        assert_eq!(shelf_of(0), None);
    }
}
