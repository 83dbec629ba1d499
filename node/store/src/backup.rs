//! Backups: one file that holds a store as of one moment, still sealed.
//!
//! A backup is the main file of a store with every urgent batch settled. It may hold the sealed key
//! file too, so that it and the passphrase are all a restore needs.

use std::borrow::Borrow;
use std::fs::File;
use std::path::Path;

use linli_replica::batch::{Batch, Record, Shelf};
use rand::rngs::{StdRng, SysRng};
use rand_core::SeedableRng as _;
use redb::{
    Key, ReadTransaction, ReadableDatabase, ReadableTable as _, TableDefinition, Value,
    WriteTransaction,
};

use crate::apply::Applier;
use crate::error::StoreError;
use crate::key::{Sealer, StorageKey};
use crate::keyring::{self, SealedKey};
use crate::layout as rows;
use crate::limits::MAIN_CACHE_BYTES;
use crate::medium::{Directory, Medium as _, Part, sync_directory};
use crate::snapshot::Snapshot;
use crate::store::{Store, check};

/// The key, on [`Shelf::Own`], of the record that tells a node its store was restored.
///
/// Its value is CBOR `true`. A node that finds it starts fresh logs: other nodes may hold entries
/// of its former ones that the backup lacks, and writing on would fork them. It removes the record
/// once it has done so.
pub const RESTORED_KEY: &[u8] = b"restored";

const RESTORED_VALUE: &[u8] = &[0xf5];
const RESTORING_FILE: &str = "restoring.redb";

/// What a restore found, after reading every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Entries.
    pub entries: u64,
    /// Community certificates.
    pub certificates: u64,
    /// The node's own records, the mark of the restore not counted.
    pub records: u64,
}

impl Store {
    /// Writes a consistent copy of the live store into a new file.
    ///
    /// With `key_file`, the copy can be opened with the passphrase alone.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] where `to` exists, [`StoreError::Full`], or the files fail; then
    /// there is no file at `to`.
    pub fn backup(&self, to: &Path, key_file: Option<&SealedKey>) -> Result<(), StoreError> {
        if to.try_exists()? {
            return Err(StoreError::AlreadyExists);
        }
        let partial = to.with_extension("partial");
        let _ = std::fs::remove_file(&partial);
        let copied = self.copy(&partial, key_file).and_then(|()| {
            std::fs::rename(&partial, to)?;
            Ok(to.parent().filter(|p| *p != Path::new("")).map_or(Ok(()), sync_directory)?)
        });
        if copied.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        copied
    }

    fn copy(&self, to: &Path, key_file: Option<&SealedKey>) -> Result<(), StoreError> {
        let (snapshot, waiting) = self.view()?;
        let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(std::io::Error::other)?;
        let copy = redb::Builder::new().set_cache_size(MAIN_CACHE_BYTES).create(to)?;
        let txn = copy.begin_write()?;
        copy_tables(&snapshot.txn, &txn)?;
        if let Some(key_file) = key_file {
            let mut meta = txn.open_table(rows::META)?;
            meta.insert(rows::META_KEY_FILE, key_file.encode().as_slice())?;
        }
        let mut applier = Applier::new(&txn, &self.shared.sealer)?;
        let mut settled = applier.settled()?;
        for (number, batch) in &waiting {
            applier.apply(batch, false, &mut rng)?;
            settled = *number;
        }
        applier.finish(settled)?;
        txn.commit()?;
        copy.close()?;
        Ok(File::open(to)?.sync_all()?)
    }
}

fn copy_tables(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), StoreError> {
    copy_table(from, to, rows::META)?;
    copy_table(from, to, rows::DOCUMENTS)?;
    copy_table(from, to, rows::TAGS)?;
    copy_table(from, to, rows::SPACES)?;
    copy_table(from, to, rows::LOGS)?;
    copy_table(from, to, rows::LOG_KEYS)?;
    copy_table(from, to, rows::BRANCHES)?;
    copy_table(from, to, rows::ENTRIES)?;
    copy_table(from, to, rows::CERTIFICATES)?;
    copy_table(from, to, rows::RECORDS)?;
    if crate::audit::table(from)?.is_some() {
        copy_table(from, to, rows::AUDIT)?;
    }
    Ok(())
}

fn copy_table<K, V>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), StoreError>
where
    K: Key + 'static,
    V: Value + 'static,
    for<'a> K::SelfType<'a>: Borrow<K::SelfType<'a>>,
{
    let mut copy = to.open_table(table)?;
    for row in from.open_table(table)?.iter()? {
        let (key, value) = row?;
        copy.insert(key.value(), value.value())?;
    }
    Ok(())
}

/// Returns the sealed key file that a backup holds, none where it holds none.
///
/// # Errors
/// [`StoreError::NotAStore`] where the file is not a backup, [`StoreError::Corrupted`] where the key
/// file in it cannot be read.
pub fn key_file(from: &Path) -> Result<Option<SealedKey>, StoreError> {
    if !from.is_file() {
        return Err(StoreError::NotAStore);
    }
    let database = redb::Builder::new().open_read_only(from)?;
    let txn = database.begin_read()?;
    let meta = match txn.open_table(rows::META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Err(StoreError::NotAStore),
        opened => opened?,
    };
    let Some(bytes) = meta.get(rows::META_KEY_FILE)? else { return Ok(None) };
    let key = SealedKey::decode(bytes.value());
    key.map(Some).map_err(|_| StoreError::Corrupted { table: "key file" })
}

/// Makes a store of a backup in a directory that has none, after reading every row of it, and marks
/// it with the record [`RESTORED_KEY`]. The backup's key file is put beside it.
///
/// # Errors
/// [`StoreError::AlreadyExists`], [`StoreError::NotAStore`], [`StoreError::Newer`],
/// [`StoreError::WrongKey`] or [`StoreError::Corrupted`]; then the directory has no store.
pub fn restore(from: &Path, directory: &Path, key: &StorageKey) -> Result<Restored, StoreError> {
    let key_file = key_file(from)?;
    let medium = Directory::open(directory, true)?;
    if medium.exists(Part::Main)? || medium.exists(Part::Urgent)? {
        return Err(StoreError::AlreadyExists);
    }
    let copy = directory.join(RESTORING_FILE);
    let restored = restore_to(from, &copy, key);
    if restored.is_err() {
        let _ = std::fs::remove_file(&copy);
        return restored;
    }
    if let Some(key_file) = key_file
        && !keyring::exists(directory)
    {
        keyring::write(directory, &key_file).map_err(std::io::Error::other)?;
    }
    std::fs::rename(&copy, medium.file(Part::Main))?;
    sync_directory(directory)?;
    restored
}

fn restore_to(from: &Path, copy: &Path, key: &StorageKey) -> Result<Restored, StoreError> {
    std::fs::copy(from, copy)?;
    let sealer = Sealer::new(key);
    let mut database = redb::Builder::new().set_cache_size(MAIN_CACHE_BYTES).open(copy)?;
    check(&database, &sealer)?;
    if !database.check_integrity()? {
        return Err(StoreError::Corrupted { table: "pages" });
    }
    let restored = verify(&database, &sealer)?;
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(std::io::Error::other)?;
    let mark = Record {
        shelf: Shelf::Own,
        key: RESTORED_KEY.to_vec(),
        value: Some(RESTORED_VALUE.to_vec()),
    };
    let txn = database.begin_write()?;
    txn.open_table(rows::META)?.remove(rows::META_KEY_FILE)?;
    let mut applier = Applier::new(&txn, &sealer)?;
    let settled = applier.settled()?;
    applier.apply(&Batch { records: vec![mark], ..Batch::default() }, true, &mut rng)?;
    applier.finish(settled)?;
    txn.commit()?;
    database.close()?;
    File::open(copy)?.sync_all()?;
    Ok(restored)
}

/// Reads every row: each opens under the key and is what its place says.
fn verify(database: &redb::Database, sealer: &Sealer) -> Result<Restored, StoreError> {
    let snapshot = Snapshot::of(database)?;
    let mut found = Restored::default();
    for row in snapshot.txn.open_table(rows::ENTRIES)?.iter()? {
        let (row, bytes) = row?;
        rows::decode_entry(row.value(), bytes.value())
            .ok_or(StoreError::Corrupted { table: "entries" })?;
        found.entries += 1;
    }
    for row in snapshot.txn.open_table(rows::BRANCHES)?.iter()? {
        let (chain, branches) = row?;
        let branches = rows::decode_branches(branches.value()).unwrap_or_default();
        let entries = snapshot.txn.open_table(rows::ENTRIES)?;
        for branch in &branches {
            crate::apply::held_entry(&entries, chain.value(), branch.tip)?
                .ok_or(StoreError::Corrupted { table: "branches" })?;
        }
        if branches.is_empty() {
            return Err(StoreError::Corrupted { table: "branches" });
        }
    }
    let certificates = snapshot.certificates(sealer)?.len();
    found.certificates = u64::try_from(certificates).unwrap_or(u64::MAX);
    snapshot.check_audit(sealer)?;
    for shelf in Shelf::ALL.into_iter().filter(|shelf| *shelf != Shelf::Audit) {
        let records = snapshot.records(sealer, shelf)?.len();
        found.records = found.records.saturating_add(u64::try_from(records).unwrap_or(u64::MAX));
    }
    Ok(found)
}
