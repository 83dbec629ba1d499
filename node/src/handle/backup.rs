//! Writing a backup: a folder with a copy of the store and the blobs, all sealed as they lie here.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use linli_core::audit::What;
use linli_replica::blob::Blob;
use linli_replica::id::SpaceTag;
use linli_replica::replica::Save;
use linli_store::blobs::room;
use linli_store::limits::BLOBS_LEAVE_BYTES;
use serde_json::Value;

use super::{Work, json};
use crate::api::network::{Backup, BackupAnswer};
use crate::api::{ApiError, Code};
use crate::node::Node;
use crate::setup::backup::{BLOBS, STORE};

/// The folder that a backup is written in, beside where it will stand.
const DRAFT: &str = ".linli-backup.partial";

/// A backup that is being written.
struct Writing {
    saves: BTreeSet<Save>,
    written: Receiver<io::Result<BackupAnswer>>,
    waits: bool,
}

/// The folder of a backup that has yet to get its name, locked while this lives. It is removed where it gets none; one that a
/// power cut left is removed by the next backup.
#[derive(Debug)]
struct Draft {
    path: PathBuf,
    settled: bool,
    _lock: File,
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
    let draft = Draft::begin(to.parent().unwrap_or(Path::new("/")))?;
    node.store.backup(&draft.path.join(STORE), Some(&key)).map_err(failed)?;
    // It may be read from here on, whatever becomes of the blobs.
    let record = node.record_of(What::BackedUp);
    let saves = BTreeSet::from([node.note(&record)]);
    // What is carried for others they have.
    let wanted: BTreeSet<SpaceTag> = node.replica.wanted().collect();
    let blobs = node.replica.blobs().filter(|blob| wanted.contains(&blob.space));
    let mut blobs: Vec<Blob> = blobs.copied().collect();
    // Where there is no room for all, there is for the most.
    blobs.sort_by_key(|blob| (blob.size, blob.id));
    let (from, (done, written)) = (node.home.blobs(), sync_channel(1));
    let write = move || {
        let missing = write(&draft.path.join(BLOBS), &from, &blobs);
        let settled = missing.and_then(|missing| {
            draft.settle(&to)?;
            Ok(BackupAnswer { files: blobs.len() as u64, missing })
        });
        // Whoever asked may have gone.
        let _ = done.send(settled);
    };
    let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(write);
    thread.map_err(failed)?;
    Ok(Box::new(Writing { saves, written, waits: false }))
}

/// Copies the blobs, one after another, without the hashes of their trees; returns how many could not be copied.
fn write(folder: &Path, from: &Path, blobs: &[Blob]) -> io::Result<u64> {
    fs::create_dir(folder)?;
    let mut missing = 0;
    for blob in blobs {
        let to = folder.join(blob.id.to_string());
        if let Err(error) = copy(blob, from, &to) {
            tracing::warn!(blob = ?blob.id, %error, "a blob is not in the backup");
            // There is none where it could not be begun.
            let _ = fs::remove_file(to);
            missing += 1;
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(missing)
}

fn copy(blob: &Blob, from: &Path, to: &Path) -> io::Result<()> {
    let sealed = File::open(from.join(blob.id.to_string()))?;
    room(to.parent().unwrap_or(to), blob.size, BLOBS_LEAVE_BYTES)?;
    let mut copy = File::create_new(to)?;
    if io::copy(&mut sealed.take(blob.size), &mut copy)? < blob.size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    copy.sync_all()
}

impl Draft {
    fn begin(parent: &Path) -> Result<Self, ApiError> {
        let path = parent.join(DRAFT);
        let locked = |folder: &File| {
            let runs = |_| ApiError::new(Code::Conflict, "error-backup-runs");
            folder.try_lock().map_err(runs)
        };
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            left => {
                locked(&left.map_err(failed)?)?;
                fs::remove_dir_all(&path).map_err(failed)?;
            }
        }
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        let folder = File::open(&path).map_err(failed)?;
        locked(&folder)?;
        Ok(Self { path, settled: false, _lock: folder })
    }

    fn settle(mut self, to: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, to)?;
        self.settled = true;
        to.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.settled {
            // The next backup tries again.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl Work for Writing {
    fn step(&mut self, _: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        let written = match self.written.try_recv() {
            Ok(written) => written.map_err(failed),
            Err(TryRecvError::Empty) => {
                self.waits = true;
                return None;
            }
            Err(TryRecvError::Disconnected) => Err(failed("the thread that wrote it has ended")),
        };
        let saves = std::mem::take(&mut self.saves);
        Some(written.and_then(|answer| Ok((json(&answer)?, saves))))
    }

    fn waits(&self) -> bool {
        self.waits
    }
}
