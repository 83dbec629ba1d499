//! Writes batches into a transaction of the main file.

use std::collections::{BTreeMap, HashMap};

use linli_replica::audit::{Head, Linker};
use linli_replica::batch::{Batch, Erase, LogBase, Record, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::entry::Entry;
use linli_replica::frontier::{Branch, Tip};
use linli_replica::id::DocTag;
use rand_core::CryptoRng;
use redb::{ReadableTable, Table, WriteTransaction};

use crate::chain::{ChainId, Chains, Plan, Step, groups, plan};
use crate::error::StoreError;
use crate::key::{Place, Sealer};
use crate::layout::{self as rows, ChainRow};

/// One transaction's tables, and the chains it has touched.
pub(crate) struct Applier<'t> {
    meta: Table<'t, &'static str, &'static [u8]>,
    documents: Table<'t, &'static [u8; 64], u64>,
    tags: Table<'t, u64, &'static [u8; 64]>,
    spaces: Table<'t, &'static [u8; 40], ()>,
    logs: Table<'t, &'static [u8; 32], u32>,
    log_keys: Table<'t, u32, &'static [u8; 32]>,
    branches: Table<'t, &'static ChainRow, &'static [u8]>,
    entries: Table<'t, &'static rows::EntryRow, &'static [u8]>,
    certificates: Table<'t, &'static [u8; 32], &'static [u8]>,
    records: Table<'t, &'static rows::RecordRow, &'static [u8]>,
    audit: Table<'t, u64, &'static [u8]>,
    /// Where the chain of the audit ends, once a record was appended.
    audit_head: Option<Head>,
    linker: Linker,
    sealer: &'t Sealer,
    chains: HashMap<ChainId, Chain>,
    entry_bytes: u64,
}

#[derive(Debug, Clone, Default)]
struct Chain {
    row: Option<ChainRow>,
    branches: Vec<Branch>,
    changed: bool,
}

impl<'t> Applier<'t> {
    /// Opens the tables, making those that are missing.
    pub(crate) fn new(txn: &'t WriteTransaction, sealer: &'t Sealer) -> Result<Self, StoreError> {
        let meta = txn.open_table(rows::META)?;
        let entry_bytes = read_number(&meta, rows::META_ENTRY_BYTES)?;
        Ok(Self {
            meta,
            documents: txn.open_table(rows::DOCUMENTS)?,
            tags: txn.open_table(rows::TAGS)?,
            spaces: txn.open_table(rows::SPACES)?,
            logs: txn.open_table(rows::LOGS)?,
            log_keys: txn.open_table(rows::LOG_KEYS)?,
            branches: txn.open_table(rows::BRANCHES)?,
            entries: txn.open_table(rows::ENTRIES)?,
            certificates: txn.open_table(rows::CERTIFICATES)?,
            records: txn.open_table(rows::RECORDS)?,
            audit: txn.open_table(rows::AUDIT)?,
            audit_head: None,
            linker: Linker::default(),
            sealer,
            chains: HashMap::new(),
            entry_bytes,
        })
    }

    /// Returns the number of the last urgent batch that is in this file.
    pub(crate) fn settled(&self) -> Result<u64, StoreError> {
        read_number(&self.meta, rows::META_SETTLED)
    }

    /// Adds a batch whole, or leaves the transaction as it was and returns [`StoreError::Gap`].
    ///
    /// Any other error leaves the transaction half written: it must be dropped.
    pub(crate) fn apply(
        &mut self,
        batch: &Batch,
        strict: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StoreError> {
        let plan = plan(self, &batch.bases, &batch.entries, strict)?;
        self.write_entries(&batch.entries, plan)?;
        for certificate in &batch.certificates {
            self.write_certificate(certificate, rng)?;
        }
        for erase in &batch.erase {
            self.erase(erase)?;
        }
        for base in &batch.prune {
            self.prune(base)?;
        }
        for record in &batch.records {
            self.write_record(record, rng)?;
        }
        Ok(())
    }

    /// Writes the branches and the facts about the file; the transaction can be committed afterwards.
    pub(crate) fn finish(mut self, settled: u64) -> Result<(), StoreError> {
        let changed: BTreeMap<ChainRow, &[Branch]> = self
            .chains
            .values()
            .filter(|chain| chain.changed)
            .filter_map(|chain| Some((chain.row?, chain.branches.as_slice())))
            .collect();
        for (row, branches) in changed {
            self.branches.insert(&row, rows::encode_branches(branches).as_slice())?;
        }
        self.meta.insert(rows::META_SETTLED, settled.to_le_bytes().as_slice())?;
        self.meta.insert(rows::META_ENTRY_BYTES, self.entry_bytes.to_le_bytes().as_slice())?;
        Ok(())
    }

    fn write_entries(&mut self, entries: &[Entry], plan: Plan) -> Result<(), StoreError> {
        let mut steps = plan.steps.iter();
        for group in groups(entries) {
            let Some(chain) = group.first().map(ChainId::of) else { continue };
            let mut row = self.chains.get(&chain).and_then(|known| known.row);
            for (entry, step) in group.iter().zip(steps.by_ref()) {
                if *step == Step::Skip {
                    continue;
                }
                let row = match row {
                    Some(row) => row,
                    None => *row.insert(self.number(&chain)?),
                };
                self.write_entry(&row, entry)?;
            }
        }
        for (id, branches) in plan.branches {
            let chain = self.chains.entry(id).or_default();
            chain.changed |= chain.branches != branches;
            chain.branches = branches;
        }
        Ok(())
    }

    fn write_entry(&mut self, chain: &ChainRow, entry: &Entry) -> Result<(), StoreError> {
        let bytes = entry.encode();
        self.entry_bytes = self.entry_bytes.saturating_add(size(&bytes));
        let old = self.entries.insert(&rows::entry_row(chain, entry.tip()), bytes.as_slice())?;
        if let Some(old) = old {
            self.entry_bytes = self.entry_bytes.saturating_sub(size(old.value()));
        }
        Ok(())
    }

    /// Gives the document and the log of a chain their numbers, in order of arrival.
    fn number(&mut self, chain: &ChainId) -> Result<ChainRow, StoreError> {
        let name = rows::document_row(chain.space, chain.document);
        let known = self.documents.get(&name)?.map(|number| number.value());
        let document = match known {
            Some(number) => number,
            None => {
                let last = self.tags.last()?.map_or(0, |(number, _)| number.value());
                let number = last.saturating_add(1);
                self.documents.insert(&name, number)?;
                self.tags.insert(number, &rows::join(&chain.space.0, &chain.document.0))?;
                self.spaces.insert(&rows::join(&chain.space.0, &number.to_be_bytes()), ())?;
                number
            }
        };
        let known = self.logs.get(&chain.log.0)?.map(|number| number.value());
        let log = match known {
            Some(number) => number,
            None => {
                let last = self.log_keys.last()?.map_or(0, |(number, _)| number.value());
                let number = last.checked_add(1).ok_or(StoreError::Full)?;
                self.logs.insert(&chain.log.0, number)?;
                self.log_keys.insert(number, &chain.log.0)?;
                number
            }
        };
        let row = rows::chain_row(document, log);
        self.chains.entry(*chain).or_default().row = Some(row);
        Ok(row)
    }

    /// Removes a space, or documents of it: their entries, branches and numbers. The numbers of logs
    /// stay: a log key that somebody uses in two spaces must still be found from the other.
    fn erase(&mut self, erase: &Erase) -> Result<(), StoreError> {
        let first: [u8; 40] = rows::join(&erase.space.0, &[0; 8]);
        let last: [u8; 40] = rows::join(&erase.space.0, &[u8::MAX; 8]);
        let mut found = Vec::new();
        for row in self.spaces.range::<&[u8; 40]>(&first..=&last)? {
            let row = *row?.0.value();
            let (_, number) = rows::split::<32, 8, 40>(&row);
            let number = u64::from_be_bytes(number);
            let tags = self.tags.get(number)?.ok_or(StoreError::Corrupted { table: "spaces" })?;
            let document = DocTag(rows::split::<32, 32, 64>(tags.value()).1);
            if erase.covers(&erase.space, &document) {
                found.push((row, number, document));
            }
        }
        for (row, number, document) in found {
            self.erase_document(number)?;
            self.documents.remove(&rows::document_row(erase.space, document))?;
            self.tags.remove(number)?;
            self.spaces.remove(&row)?;
        }
        self.chains.retain(|chain, _| !erase.covers(&chain.space, &chain.document));
        Ok(())
    }

    fn erase_document(&mut self, number: u64) -> Result<(), StoreError> {
        let (first, last) = (rows::chain_row(number, 0), rows::chain_row(number, u32::MAX));
        let (from, _) = rows::entry_rows(&first, 0).ok_or(StoreError::Full)?;
        let (_, to) = rows::entry_rows(&last, 0).ok_or(StoreError::Full)?;
        self.remove_entries(from..=to)?;
        self.branches.retain_in::<&ChainRow, _>(&first..=&last, |_, _| false)?;
        Ok(())
    }

    /// Removes the entries of a log up to a base. Its branches stay as they are.
    fn prune(&mut self, base: &LogBase) -> Result<(), StoreError> {
        let Some(row) = self.load(&ChainId::of_base(base))?.row else { return Ok(()) };
        let bounds = rows::entry_rows(&row, 0).zip(rows::entry_rows(&row, base.tip.sequence));
        let ((from, _), (to, _)) = bounds.ok_or(StoreError::Full)?;
        self.remove_entries(from..to)
    }

    fn remove_entries(
        &mut self,
        range: impl std::ops::RangeBounds<rows::EntryRow>,
    ) -> Result<(), StoreError> {
        let bounds = (range.start_bound(), range.end_bound());
        let mut bytes = 0_u64;
        self.entries.retain_in::<&rows::EntryRow, _>(bounds, |_, entry| {
            bytes = bytes.saturating_add(size(entry));
            false
        })?;
        self.entry_bytes = self.entry_bytes.saturating_sub(bytes);
        Ok(())
    }

    fn load(&mut self, id: &ChainId) -> Result<&Chain, StoreError> {
        if !self.chains.contains_key(id) {
            let name = rows::document_row(id.space, id.document);
            let document = self.documents.get(&name)?.map(|number| number.value());
            let log = self.logs.get(&id.log.0)?.map(|number| number.value());
            let row = document.zip(log).map(|(document, log)| rows::chain_row(document, log));
            let mut branches = Vec::new();
            if let Some(row) = row
                && let Some(bytes) = self.branches.get(&row)?
            {
                branches = rows::decode_branches(bytes.value())
                    .ok_or(StoreError::Corrupted { table: "branches" })?;
            }
            self.chains.insert(*id, Chain { row, branches, changed: false });
        }
        self.chains.get(id).ok_or(StoreError::Corrupted { table: "branches" })
    }

    fn write_certificate(
        &mut self,
        certificate: &Certificate,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StoreError> {
        let id = certificate.id();
        let name = self.sealer.name(CERTIFICATE_TABLE, id.as_bytes());
        let held = self.certificates.get(&name)?.map(|sealed| sealed.value().to_vec());
        let mut joined = match &held {
            Some(sealed) => open_certificate(self.sealer, &name, sealed)?,
            None => certificate.clone(),
        };
        if held.is_some() && !joined.merge(certificate) {
            return Ok(());
        }
        let place = Place { table: CERTIFICATE_TABLE, row: &name };
        let sealed = self.sealer.seal(rng, &place, id.as_bytes(), &joined.encode());
        self.certificates.insert(&name, sealed.as_slice())?;
        Ok(())
    }

    fn write_record(
        &mut self,
        record: &Record,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StoreError> {
        if record.shelf == Shelf::Audit {
            return record.value.iter().try_for_each(|bytes| self.append_audit(bytes, rng));
        }
        let row = record_row(self.sealer, record.shelf, &record.key);
        match &record.value {
            Some(value) => {
                let place = Place { table: rows::shelf_table(record.shelf), row: &row };
                let sealed = self.sealer.seal(rng, &place, &record.key, value);
                self.records.insert(&row, sealed.as_slice())?;
            }
            None => {
                self.records.remove(&row)?;
            }
        }
        Ok(())
    }
}

impl Applier<'_> {
    /// Links a record to the end of the audit.
    fn append_audit(&mut self, record: &[u8], rng: &mut impl CryptoRng) -> Result<(), StoreError> {
        let head = match self.audit_head {
            Some(head) => head,
            None => crate::audit::head(&self.audit, self.sealer)?,
        };
        let next = self.linker.next(&head, &self.linker.digest(record)).ok_or(StoreError::Full)?;
        let sealed = crate::audit::seal(self.sealer, &next, record, rng);
        self.audit.insert(next.sequence, sealed.as_slice())?;
        self.audit_head = Some(next);
        Ok(())
    }
}

impl Chains for Applier<'_> {
    fn branches(&mut self, chain: &ChainId) -> Result<Vec<Branch>, StoreError> {
        Ok(self.load(chain)?.branches.clone())
    }

    fn held(&mut self, chain: &ChainId, tip: Tip) -> Result<Option<bool>, StoreError> {
        let Some(row) = self.load(chain)?.row else { return Ok(None) };
        held_entry(&self.entries, &row, tip)
    }
}

/// Says whether the entry at `tip` of the chain at `row` is held, and whether it is signed.
pub(crate) fn held_entry(
    entries: &impl ReadableTable<&'static rows::EntryRow, &'static [u8]>,
    row: &ChainRow,
    tip: Tip,
) -> Result<Option<bool>, StoreError> {
    let row = rows::entry_row(row, tip);
    let Some(bytes) = entries.get(&row)? else { return Ok(None) };
    let entry = rows::decode_entry(&row, bytes.value())
        .ok_or(StoreError::Corrupted { table: "entries" })?;
    Ok((entry.id() == tip.id).then(|| entry.is_signed()))
}

/// The table named in a certificate's seal.
pub(crate) const CERTIFICATE_TABLE: &str = "certificates";

pub(crate) fn record_row(sealer: &Sealer, shelf: Shelf, key: &[u8]) -> rows::RecordRow {
    rows::join(&[rows::shelf_byte(shelf)], &sealer.name(rows::shelf_table(shelf), key))
}

pub(crate) fn open_certificate(
    sealer: &Sealer,
    name: &[u8; 32],
    sealed: &[u8],
) -> Result<Certificate, StoreError> {
    sealer
        .open(&Place { table: CERTIFICATE_TABLE, row: name }, sealed)
        .and_then(|(_, bytes)| Certificate::decode(&bytes).ok())
        .ok_or(StoreError::Corrupted { table: "certificates" })
}

/// Reads a number of the meta table; one that was never written is zero.
pub(crate) fn read_number(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<u64, StoreError> {
    let Some(bytes) = meta.get(name)? else { return Ok(0) };
    let bytes = bytes.value().try_into().map_err(|_| StoreError::Corrupted { table: "meta" })?;
    Ok(u64::from_le_bytes(bytes))
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
