//! Writing a backup: a folder with a copy of the store and the blobs, all sealed as they lie here.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use linli_core::audit::{AuditRecord, What};
use linli_replica::blob::Blob;
use linli_replica::replica::Save;
use serde_json::Value;
use tempfile::TempDir;

use super::{Work, json};
use crate::api::network::Backup;
use crate::api::{ApiError, Code, Done};
use crate::node::Node;
use crate::setup::backup::{BLOBS, STORE};

/// A backup that is being written.
struct Writing {
    record: AuditRecord,
    written: Receiver<io::Result<()>>,
    waits: bool,
}

fn failed(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(Code::Internal, "error-backup-failed").because(error)
}

/// Copies the store; the blobs are copied beside the driver, and then the folder gets its name.
pub(super) fn begin(node: &mut Node, request: Backup) -> Result<Box<dyn Work>, ApiError> {
    let key = linli_store::keyring::read(node.home.path()).map_err(failed)?;
    let to = PathBuf::from(request.to);
    if to.symlink_metadata().is_ok() {
        return Err(ApiError::new(Code::Conflict, "error-path-taken"));
    }
    let parent = to.parent().unwrap_or(Path::new("/")).to_owned();
    let draft = tempfile::Builder::new().prefix(".backup").tempdir_in(parent).map_err(failed)?;
    node.store.backup(&draft.path().join(STORE), Some(&key)).map_err(failed)?;
    let blobs: Vec<Blob> = node.replica.blobs().copied().collect();
    let (from, (done, written)) = (node.home.blobs(), sync_channel(1));
    let write = move || {
        // Whoever asked may have gone.
        let _ = done.send(write(&draft, &from, &blobs).and_then(|()| settle(draft, &to)));
    };
    let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(write);
    thread.map_err(failed)?;
    let record = node.record_of(What::BackedUp);
    Ok(Box::new(Writing { record, written, waits: false }))
}

/// Copies the blobs, one after another, without the hashes of their trees.
fn write(draft: &TempDir, from: &Path, blobs: &[Blob]) -> io::Result<()> {
    let folder = draft.path().join(BLOBS);
    fs::create_dir(&folder)?;
    for blob in blobs {
        let name = blob.id.to_string();
        let sealed = match File::open(from.join(&name)) {
            Ok(sealed) => sealed,
            // It was removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut copy = File::create_new(folder.join(name))?;
        io::copy(&mut sealed.take(blob.size), &mut copy)?;
        copy.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

fn settle(draft: TempDir, to: &Path) -> io::Result<()> {
    File::open(draft.path())?.sync_all()?;
    fs::rename(draft.path(), to)?;
    // It has another name: there is nothing to be removed.
    let _ = draft.keep();
    to.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

impl Work for Writing {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        let written = match self.written.try_recv() {
            Ok(written) => written.map_err(failed),
            Err(TryRecvError::Empty) => {
                self.waits = true;
                return None;
            }
            Err(TryRecvError::Disconnected) => Err(failed("the thread that wrote it has ended")),
        };
        Some(written.and_then(|()| Ok((json(&Done {})?, [node.note(&self.record)].into()))))
    }

    fn waits(&self) -> bool {
        self.waits
    }
}
