//! The audit's table: records linked in the order in which they became durable.

use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::batch::Shelf;
use rand_core::CryptoRng;
use redb::{ReadTransaction, ReadableTable};

use crate::error::StoreError;
use crate::key::{Place, Sealer};
use crate::layout as rows;
use crate::snapshot::Snapshot;
use crate::unsettled::Numbered;

const TABLE: &str = "audit";
const DAMAGED: StoreError = StoreError::Corrupted { table: TABLE };

type AuditTable = redb::ReadOnlyTable<u64, &'static [u8]>;

/// Opens the table, none where the store was made before there was one.
pub(crate) fn table(txn: &ReadTransaction) -> Result<Option<AuditTable>, StoreError> {
    match txn.open_table(rows::AUDIT) {
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Seals a record with its hash for its place.
pub(crate) fn seal(
    sealer: &Sealer,
    head: &Head,
    record: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let row = head.sequence.to_be_bytes();
    sealer.seal(rng, &Place { table: TABLE, row: &row }, &head.hash, record)
}

fn open(sealer: &Sealer, sequence: u64, sealed: &[u8]) -> Result<Linked, StoreError> {
    let row = sequence.to_be_bytes();
    let (hash, record) = sealer.open(&Place { table: TABLE, row: &row }, sealed).ok_or(DAMAGED)?;
    let hash = hash.try_into().map_err(|_| DAMAGED)?;
    Ok(Linked { head: Head { sequence, hash }, record })
}

/// Returns where the chain of a table ends.
pub(crate) fn head(
    table: &impl ReadableTable<u64, &'static [u8]>,
    sealer: &Sealer,
) -> Result<Head, StoreError> {
    let Some((sequence, sealed)) = table.last()? else { return Ok(Head::default()) };
    Ok(open(sealer, sequence.value(), sealed.value())?.head)
}

impl Snapshot {
    /// Returns the records of the audit in this file from one number to another, in order.
    pub(crate) fn audit(
        &self,
        sealer: &Sealer,
        first: u64,
        last: u64,
    ) -> Result<Vec<Linked>, StoreError> {
        let Some(table) = table(&self.txn)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for row in table.range(first..=last)? {
            let (sequence, sealed) = row?;
            found.push(open(sealer, sequence.value(), sealed.value())?);
        }
        Ok(found)
    }

    /// Returns where the chain in this file ends.
    pub(crate) fn audit_head(&self, sealer: &Sealer) -> Result<Head, StoreError> {
        table(&self.txn)?.map_or(Ok(Head::default()), |table| head(&table, sealer))
    }

    /// Opens every record of the audit, one at a time.
    pub(crate) fn check_audit(&self, sealer: &Sealer) -> Result<(), StoreError> {
        let Some(table) = table(&self.txn)? else { return Ok(()) };
        for row in table.iter()? {
            let (sequence, sealed) = row?;
            open(sealer, sequence.value(), sealed.value())?;
        }
        Ok(())
    }
}

/// Links the records of urgent batches that the file lacks, as they will be when they are settled:
/// what is not settled is later than all that is.
pub(crate) fn laid(
    snapshot: &Snapshot,
    sealer: &Sealer,
    waiting: &[Numbered],
) -> Result<Vec<Linked>, StoreError> {
    let records = waiting.iter().flat_map(|(_, batch)| &batch.records);
    let mut records = records
        .filter(|record| record.shelf == Shelf::Audit)
        .filter_map(|record| record.value.as_ref())
        .peekable();
    if records.peek().is_none() {
        return Ok(Vec::new());
    }
    let linker = Linker::default();
    let mut head = snapshot.audit_head(sealer)?;
    let mut linked = Vec::new();
    for record in records {
        head = linker.next(&head, &linker.digest(record)).ok_or(StoreError::Full)?;
        linked.push(Linked { head, record: record.clone() });
    }
    Ok(linked)
}
