//! One moment of the main file.

use std::sync::Arc;

use linli_replica::audit::Linked;
use linli_replica::batch::{Batch, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::entry::Entry;
use linli_replica::frontier::{Branch, Tip};
use linli_replica::id::{DocTag, LogKey, SpaceTag};
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTableMetadata as _};

use crate::apply::{held_entry, open_certificate, read_number};
use crate::chain::{ChainId, Chains};
use crate::error::StoreError;
use crate::key::{KeyValue, Place, Sealer};
use crate::layout::{self as rows, ChainRow, EntryRow};

/// A read transaction; what is committed later is not seen.
pub(crate) struct Snapshot {
    pub(crate) txn: ReadTransaction,
}

impl Snapshot {
    pub(crate) fn of(database: &redb::Database) -> Result<Self, StoreError> {
        Ok(Self { txn: database.begin_read()? })
    }

    /// Returns the number of the last urgent batch that is part of this file.
    pub(crate) fn settled(&self) -> Result<u64, StoreError> {
        read_number(&self.txn.open_table(rows::META)?, rows::META_SETTLED)
    }

    /// Returns how many entries are held, and their bytes.
    pub(crate) fn entry_stats(&self) -> Result<(u64, u64), StoreError> {
        let count = self.txn.open_table(rows::ENTRIES)?.len()?;
        let bytes = read_number(&self.txn.open_table(rows::META)?, rows::META_ENTRY_BYTES)?;
        Ok((count, bytes))
    }

    pub(crate) fn document_count(&self) -> Result<u64, StoreError> {
        Ok(self.txn.open_table(rows::TAGS)?.len()?)
    }

    pub(crate) fn chain(&self, id: &ChainId) -> Result<Option<ChainRow>, StoreError> {
        let documents = self.txn.open_table(rows::DOCUMENTS)?;
        let document = documents.get(&rows::document_row(id.space, id.document))?;
        let log = self.txn.open_table(rows::LOGS)?.get(&id.log.0)?;
        Ok(document.zip(log).map(|(document, log)| rows::chain_row(document.value(), log.value())))
    }

    /// Returns entries of a log after a sequence number, from each space it stands in, ordered
    /// within each, until about `bytes_max`; entries of one sequence number are not separated.
    pub(crate) fn entries(
        &self,
        document: DocTag,
        log: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let logs = self.txn.open_table(rows::LOGS)?;
        let Some(log) = logs.get(&log.0)?.map(|number| number.value()) else {
            return Ok(Vec::new());
        };
        let (first, last) = (
            rows::document_row(SpaceTag([0; 32]), document),
            rows::document_row(SpaceTag([u8::MAX; 32]), document),
        );
        let entries = self.txn.open_table(rows::ENTRIES)?;
        let mut found = Vec::new();
        for document in self.txn.open_table(rows::DOCUMENTS)?.range::<&[u8; 64]>(&first..=&last)? {
            let chain = rows::chain_row(document?.1.value(), log);
            read_chain(&entries, &chain, after, bytes_max, &mut found)?;
        }
        Ok(found)
    }

    /// Returns the documents of a space, in order of arrival.
    pub(crate) fn documents(&self, space: SpaceTag) -> Result<Vec<DocTag>, StoreError> {
        let first: [u8; 40] = rows::join(&space.0, &[0; 8]);
        let last: [u8; 40] = rows::join(&space.0, &[u8::MAX; 8]);
        let tags = self.txn.open_table(rows::TAGS)?;
        let mut found = Vec::new();
        for row in self.txn.open_table(rows::SPACES)?.range::<&[u8; 40]>(&first..=&last)? {
            let (_, number) = rows::split::<32, 8, 40>(row?.0.value());
            let tag = tags
                .get(u64::from_be_bytes(number))?
                .ok_or(StoreError::Corrupted { table: "spaces" })?;
            found.push(DocTag(rows::split::<32, 32, 64>(tag.value()).1));
        }
        Ok(found)
    }

    pub(crate) fn certificates(&self, sealer: &Sealer) -> Result<Vec<Certificate>, StoreError> {
        let mut found = Vec::new();
        for row in self.txn.open_table(rows::CERTIFICATES)?.range::<&[u8; 32]>(..)? {
            let (name, sealed) = row?;
            found.push(open_certificate(sealer, name.value(), sealed.value())?);
        }
        Ok(found)
    }

    pub(crate) fn record(
        &self,
        sealer: &Sealer,
        shelf: Shelf,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = crate::apply::record_row(sealer, shelf, key);
        let records = self.txn.open_table(rows::RECORDS)?;
        let Some(sealed) = records.get(&row)? else { return Ok(None) };
        let place = Place { table: rows::shelf_table(shelf), row: &row };
        match sealer.open(&place, sealed.value()) {
            Some((held, value)) if held == key => Ok(Some(value)),
            _ => Err(StoreError::Corrupted { table: "records" }),
        }
    }

    /// Returns every record of a shelf, as key and value, in no order.
    pub(crate) fn records(
        &self,
        sealer: &Sealer,
        shelf: Shelf,
    ) -> Result<Vec<KeyValue>, StoreError> {
        if shelf == Shelf::Audit {
            let all = self.audit(sealer, 1, u64::MAX)?;
            let row = |linked: Linked| (linked.head.sequence.to_be_bytes().to_vec(), linked.record);
            return Ok(all.into_iter().map(row).collect());
        }
        let byte = [rows::shelf_byte(shelf)];
        let first: rows::RecordRow = rows::join(&byte, &[0; 32]);
        let last: rows::RecordRow = rows::join(&byte, &[u8::MAX; 32]);
        let mut found = Vec::new();
        for row in self.txn.open_table(rows::RECORDS)?.range::<&rows::RecordRow>(&first..=&last)? {
            let (row, sealed) = row?;
            let place = Place { table: rows::shelf_table(shelf), row: row.value() };
            let clear = sealer.open(&place, sealed.value());
            found.push(clear.ok_or(StoreError::Corrupted { table: "records" })?);
        }
        Ok(found)
    }
}

fn read_chain(
    entries: &ReadOnlyTable<&'static EntryRow, &'static [u8]>,
    chain: &ChainRow,
    after: u64,
    bytes_max: usize,
    found: &mut Vec<Entry>,
) -> Result<(), StoreError> {
    let Some((first, last)) = rows::entry_rows(chain, after) else { return Ok(()) };
    let mut taken = Taken::new(bytes_max);
    for row in entries.range::<&EntryRow>(&first..=&last)? {
        let (row, bytes) = row?;
        let entry = rows::decode_entry(row.value(), bytes.value())
            .ok_or(StoreError::Corrupted { table: "entries" })?;
        if !taken.takes(&entry) {
            break;
        }
        found.push(entry);
    }
    Ok(())
}

/// Counts entries until about a number of bytes, without parting those of one sequence number.
#[derive(Debug)]
pub(crate) struct Taken {
    bytes: usize,
    bytes_max: usize,
    sequence: u64,
}

impl Taken {
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self { bytes: 0, bytes_max, sequence: 0 }
    }

    /// Says whether the next entry in order is still taken.
    pub(crate) fn takes(&mut self, entry: &Entry) -> bool {
        let sequence = entry.header().sequence;
        let size = entry.size_bytes();
        let fits = self.bytes == 0 || self.bytes.saturating_add(size) <= self.bytes_max;
        if !fits && sequence != self.sequence {
            return false;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.sequence = sequence;
        true
    }
}

impl Chains for &Snapshot {
    fn branches(&mut self, chain: &ChainId) -> Result<Vec<Branch>, StoreError> {
        let Some(row) = self.chain(chain)? else { return Ok(Vec::new()) };
        let branches = self.txn.open_table(rows::BRANCHES)?;
        let Some(bytes) = branches.get(&row)? else { return Ok(Vec::new()) };
        rows::decode_branches(bytes.value()).ok_or(StoreError::Corrupted { table: "branches" })
    }

    fn held(&mut self, chain: &ChainId, tip: Tip) -> Result<Option<bool>, StoreError> {
        let Some(row) = self.chain(chain)? else { return Ok(None) };
        held_entry(&self.txn.open_table(rows::ENTRIES)?, &row, tip)
    }
}

/// Batches laid over what is held elsewhere.
pub(crate) struct Laid<C> {
    /// None where it cannot be read: then nothing counts as held there.
    pub(crate) below: Option<C>,
    pub(crate) batches: Vec<Arc<Batch>>,
}

impl<C: Chains> Laid<C> {
    fn chain_entries(&self, chain: &ChainId) -> Vec<&Entry> {
        let entries = self.batches.iter().flat_map(|batch| &batch.entries);
        entries.filter(|entry| ChainId::of(entry) == *chain).collect()
    }
}

impl<C: Chains> Chains for Laid<C> {
    fn branches(&mut self, chain: &ChainId) -> Result<Vec<Branch>, StoreError> {
        let laid: Vec<Entry> = self.chain_entries(chain).into_iter().cloned().collect();
        match &mut self.below {
            Some(below) => {
                let mut plan = crate::chain::plan(below, &[], &laid, false)?;
                match plan.branches.remove(chain) {
                    Some(branches) => Ok(branches),
                    None => below.branches(chain),
                }
            }
            None => {
                let mut plan = crate::chain::plan(&mut Nothing, &[], &laid, false)?;
                Ok(plan.branches.remove(chain).unwrap_or_default())
            }
        }
    }

    fn held(&mut self, chain: &ChainId, tip: Tip) -> Result<Option<bool>, StoreError> {
        let laid = self.chain_entries(chain).into_iter().filter(|entry| entry.tip() == tip);
        let laid = laid.map(Entry::is_signed).max();
        match &mut self.below {
            Some(below) if laid != Some(true) => Ok(below.held(chain, tip)?.or(laid)),
            _ => Ok(laid),
        }
    }
}

/// Holds nothing.
struct Nothing;

impl Chains for Nothing {
    fn branches(&mut self, _chain: &ChainId) -> Result<Vec<Branch>, StoreError> {
        Ok(Vec::new())
    }

    fn held(&mut self, _chain: &ChainId, _tip: Tip) -> Result<Option<bool>, StoreError> {
        Ok(None)
    }
}
