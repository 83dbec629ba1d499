//! Urgent batches that are durable in the urgent file and not yet part of the main file.

use std::sync::Arc;

use linli_replica::batch::{Batch, Record};
use linli_replica::certificate::Certificate;
use linli_replica::entry::Entry;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::error::StoreError;
use crate::layout::{shelf_byte, shelf_of};

/// A batch and its place in the order in which batches were submitted.
pub(crate) type Numbered = (u64, Arc<Batch>);

/// Urgent batches in order of their numbers. A snapshot is a clone of the `Arc` around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unsettled {
    pub(crate) batches: Vec<Numbered>,
    pub(crate) bytes: usize,
}

impl Unsettled {
    pub(crate) fn new(batches: Vec<Numbered>) -> Self {
        let bytes = batches.iter().map(|(_, batch)| batch_bytes(batch)).sum();
        Self { batches, bytes }
    }

    /// Returns the batches that are not part of a main file settled up to `settled`.
    pub(crate) fn after(&self, settled: u64) -> &[Numbered] {
        let start = self.batches.partition_point(|(number, _)| *number <= settled);
        self.batches.get(start..).unwrap_or_default()
    }

    /// Returns those below `bound`.
    pub(crate) fn before(&self, bound: u64) -> Self {
        let below = self.batches.iter().take_while(|(number, _)| *number < bound);
        Self::new(below.cloned().collect())
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.batches.last().map(|(number, _)| *number)
    }
}

/// Returns about how many bytes a batch holds.
pub(crate) fn batch_bytes(batch: &Batch) -> usize {
    let entries: usize = batch.entries.iter().map(Entry::size_bytes).sum();
    let records: usize = batch
        .records
        .iter()
        .map(|record| record.key.len() + record.value.as_ref().map_or(0, Vec::len) + 64)
        .sum();
    // A certificate's size is not known without encoding it; most have one to three signatures.
    entries + records + batch.certificates.len() * 512
}

#[derive(Encode, Decode)]
struct StoredBatch {
    #[n(0)]
    entries: Vec<ByteVec>,
    #[n(1)]
    certificates: Vec<ByteVec>,
    #[n(2)]
    records: Vec<StoredRecord>,
}

#[derive(Encode, Decode)]
struct StoredRecord {
    #[n(0)]
    shelf: u8,
    #[n(1)]
    key: ByteVec,
    #[n(2)]
    value: Option<ByteVec>,
}

/// Encodes a batch for a row of the urgent file.
pub(crate) fn encode(batch: &Batch) -> Vec<u8> {
    let record = |record: &Record| StoredRecord {
        shelf: shelf_byte(record.shelf),
        key: record.key.clone().into(),
        value: record.value.clone().map(ByteVec::from),
    };
    linli_replica::codec::encode(&StoredBatch {
        entries: batch.entries.iter().map(|entry| entry.encode().into()).collect(),
        certificates: batch.certificates.iter().map(|c| c.encode().into()).collect(),
        records: batch.records.iter().map(record).collect(),
    })
}

/// Decodes a row of the urgent file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Batch, StoreError> {
    const DAMAGED: StoreError = StoreError::Corrupted { table: "urgent" };
    let stored: StoredBatch = linli_replica::codec::decode(bytes).map_err(|_| DAMAGED)?;
    let mut batch = Batch { urgent: true, ..Batch::default() };
    for bytes in &stored.entries {
        batch.entries.push(Entry::decode(bytes).map_err(|_| DAMAGED)?);
    }
    for bytes in &stored.certificates {
        batch.certificates.push(Certificate::decode(bytes).map_err(|_| DAMAGED)?);
    }
    for record in stored.records {
        let shelf = shelf_of(record.shelf).ok_or(DAMAGED)?;
        let value = record.value.map(Vec::from);
        batch.records.push(Record { shelf, key: record.key.into(), value });
    }
    Ok(batch)
}
