//! Bringing a backup back: a folder with a copy of a store and its blobs.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use linli_replica::id::BlobId;
use linli_replica::limits::BLOB_BYTES_MAX;
use linli_store::{Blobs, StorageKey, StoreError};

use super::SetupError;
use crate::home::Home;

/// The copy of the store in a backup.
pub(crate) const STORE: &str = "store.redb";

/// The folder of the blobs in a backup, each named by its id.
pub(crate) const BLOBS: &str = "blobs";

/// What a backup brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Files in it; none where it has no folder of them.
    pub files: Option<u64>,
    /// How many of them could not be restored: damaged, unreadable, or without room.
    pub missing: u64,
}

/// Brings a backup back into an empty data directory. The node writes to fresh logs afterwards.
/// Interrupted at any instant it leaves no node, and is done again from the beginning.
///
/// # Errors
/// The file is no backup, the passphrase is wrong, or there is a node already.
pub fn restore(home: &Home, from: &Path, passphrase: &str) -> Result<Restored, SetupError> {
    if home.is_initialised() {
        return Err(SetupError::AlreadyInitialised(home.path().display().to_string()));
    }
    let store = from.join(STORE);
    let sealed = linli_store::backup::key_file(&store)?.ok_or(SetupError::Damaged)?;
    let key: StorageKey = sealed.open(passphrase)?;
    home.begin(&sealed.encode())?;
    linli_store::backup::restore(&store, &home.store(), &key)?;
    let restored = restore_blobs(home, &from.join(BLOBS))?;
    home.finish()?;
    Ok(restored)
}

/// Copies the blobs that can be read, as far as there is room: what is missing is asked of others. Each gets the name that its
/// bytes have: what is damaged is no blob of the store's, which removes it at the start.
fn restore_blobs(home: &Home, from: &Path) -> Result<Restored, StoreError> {
    let (blobs, _) = Blobs::open(&home.blobs())?;
    let Ok(entries) = fs::read_dir(from) else { return Ok(Restored { files: None, missing: 0 }) };
    let (mut files, mut missing) = (0, 0);
    for entry in entries {
        let copied = match &entry {
            Ok(entry) => match entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                Some(id) => copy(&blobs, &entry.path(), id),
                // Somebody else put it there.
                None => continue,
            },
            Err(error) => Err(io::Error::from(error.kind()).into()),
        };
        files += 1;
        if let Err(error) = copied {
            tracing::warn!(%error, "a file of the backup is not restored");
            missing += 1;
        }
    }
    Ok(Restored { files: Some(files), missing })
}

fn copy(blobs: &Blobs, from: &Path, id: BlobId) -> Result<(), StoreError> {
    let damaged = StoreError::Corrupted { table: "blobs" };
    let sealed = File::open(from)?;
    let meta = sealed.metadata()?;
    if !meta.is_file() || !(1..=BLOB_BYTES_MAX).contains(&meta.len()) {
        return Err(damaged);
    }
    let mut draft = blobs.draft()?;
    io::copy(&mut sealed.take(meta.len()), &mut draft)?;
    if draft.finish()?.0 == id { Ok(()) } else { Err(damaged) }
}
