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

/// Brings a backup back into an empty data directory. The node writes to fresh logs afterwards.
/// Interrupted at any instant it leaves no node, and is done again from the beginning.
///
/// # Errors
/// The file is no backup, the passphrase is wrong, or there is a node already.
pub fn restore(home: &Home, from: &Path, passphrase: &str) -> Result<(), SetupError> {
    if home.is_initialised() {
        return Err(SetupError::AlreadyInitialised(home.path().display().to_string()));
    }
    let store = from.join(STORE);
    let sealed = linli_store::backup::key_file(&store)?.ok_or(SetupError::Damaged)?;
    let key: StorageKey = sealed.open(passphrase)?;
    home.begin(&sealed.encode())?;
    linli_store::backup::restore(&store, &home.store(), &key)?;
    restore_blobs(home, &from.join(BLOBS))?;
    Ok(home.finish()?)
}

/// Copies the blobs. Each gets the name that its bytes have: what is damaged is no blob of the store's, which removes it at the
/// start and asks others for the right one.
fn restore_blobs(home: &Home, from: &Path) -> Result<(), StoreError> {
    let (blobs, _) = Blobs::open(&home.blobs())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let named = entry.file_name().to_str().is_some_and(|name| name.parse::<BlobId>().is_ok());
        let length = entry.metadata()?.len();
        if named && entry.file_type()?.is_file() && (1..=BLOB_BYTES_MAX).contains(&length) {
            let mut draft = blobs.draft()?;
            io::copy(&mut File::open(entry.path())?.take(length), &mut draft)?;
            draft.finish()?;
        }
    }
    Ok(())
}
