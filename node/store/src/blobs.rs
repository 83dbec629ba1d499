//! Blobs: sealed files in a folder of their own, named by nothing but the hash of their bytes.
//!
//! ```text
//! <hash>        a whole blob: its bytes ‖ the hashes of its tree
//! <hash>.part   the beginning of one that is still to come; every byte of it was checked
//! <n>.draft     one that is being sealed here
//! ```
//!
//! A part counts once it is on the disk, a blob once all of it was read again and is what its name says. Parts are read
//! and written by one thread, so that a slow disk keeps nobody waiting but blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use linli_replica::blob::{self, Blob};
use linli_replica::id::BlobId;
use linli_replica::limits::{BLOB_BYTES_MAX, BLOB_PART_BYTES};
use linli_replica::replica::Written;

use crate::error::StoreError;
use crate::limits::{BLOB_PART_DAYS_MAX, BLOBS_LEAVE_BYTES};
use crate::medium::{make_private, private_options, sync_directory};

const PART: &str = "part";
const DRAFT: &str = "draft";

/// Told what has become of a part, and why it was not written.
pub type WrittenDone = Box<dyn FnOnce(Written, Option<StoreError>) + Send>;

/// Told the part with its proof; none where it cannot be read.
pub type ReadDone = Box<dyn FnOnce(Option<Vec<u8>>) + Send>;

/// Told whether blobs were removed.
pub type RemovedDone = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

enum Job {
    Write(Blob, u64, Vec<u8>, WrittenDone),
    Read(Blob, u64, ReadDone),
    Remove(BTreeSet<BlobId>, RemovedDone),
}

/// The blobs of a node. Dropping it writes what is queued.
#[derive(Debug)]
pub struct Blobs {
    folder: Arc<Folder>,
    jobs: Option<mpsc::Sender<Job>>,
    worker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Bytes of the disk that are left free.
    leave: u64,
    drafts: AtomicU64,
    /// What is to be removed: parts of it that are queued before are not written. Never locked while a disk is waited for.
    removed: Mutex<BTreeSet<BlobId>>,
}

/// What a folder of blobs holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that are whole.
    pub whole: BTreeSet<BlobId>,
    /// Bytes of those that are not.
    pub parts: BTreeMap<BlobId, u64>,
}

impl Blobs {
    /// Opens a folder of blobs, making it where it is missing. Drafts of an earlier run are removed, and parts of which
    /// nothing came for two weeks.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(path: &Path) -> Result<(Self, Found), StoreError> {
        Self::open_leaving(path, BLOBS_LEAVE_BYTES)
    }

    /// Opens a folder of blobs that leaves so many bytes of the disk free.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_leaving(path: &Path, leave: u64) -> Result<(Self, Found), StoreError> {
        make_private(path)?;
        let found = look(path)?;
        let folder = Arc::new(Folder {
            path: path.to_owned(),
            leave,
            drafts: AtomicU64::new(0),
            removed: Mutex::new(BTreeSet::new()),
        });
        let (jobs, queue) = mpsc::channel();
        let worked = Arc::clone(&folder);
        let run = move || queue.into_iter().for_each(|job| worked.run(job));
        let worker = std::thread::Builder::new().name("store-blobs".into()).spawn(run)?;
        Ok((Self { folder, jobs: Some(jobs), worker: Some(worker) }, found))
    }

    fn submit(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The worker ends when this is dropped, not before.
            let _ = jobs.send(job);
        }
    }

    /// Writes a part that was checked. `done` is told on the worker's thread once it is durable, and for the last one
    /// once the whole is durable and is what its id says.
    pub fn write(&self, blob: Blob, offset: u64, bytes: Vec<u8>, done: WrittenDone) {
        self.submit(Job::Write(blob, offset, bytes, done));
    }

    /// Reads a part with its proof.
    pub fn read(&self, blob: Blob, offset: u64, done: ReadDone) {
        self.submit(Job::Read(blob, offset, done));
    }

    /// Removes blobs, whole or in part, on the worker's thread. `done` is told there once they are gone, or that some could not
    /// be removed; what could be is.
    pub fn remove(&self, blobs: BTreeSet<BlobId>, done: RemovedDone) {
        self.folder.lock().extend(&blobs);
        self.submit(Job::Remove(blobs, done));
    }

    /// Removes blobs before it returns.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn remove_now(&self, blobs: BTreeSet<BlobId>) -> Result<(), StoreError> {
        let (done, told) = mpsc::channel();
        let done = move |removed| {
            // Somebody waits below.
            let _ = done.send(removed);
        };
        self.remove(blobs, Box::new(done));
        told.recv().unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::BrokenPipe).into()))
    }

    /// Begins a blob that is sealed here.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the folder cannot be written.
    pub fn draft(&self) -> Result<Draft, StoreError> {
        let number = self.folder.drafts.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path.join(number.to_string()).with_extension(DRAFT);
        let file = private_options().read(true).create(true).truncate(true).open(&path)?;
        Ok(Draft { folder: Arc::clone(&self.folder), path, file, size: 0 })
    }

    /// Opens a whole blob for reading: exactly its bytes.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn bytes(&self, blob: &Blob) -> Result<impl Read + Seek + Send + use<>, StoreError> {
        Ok(File::open(self.folder.whole(&blob.id))?.take(blob.size))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(worker) = self.worker.take() {
            // A panic in it was told by its thread.
            let _ = worker.join();
        }
    }
}

/// A blob that is being sealed: what is written to it is on the disk only sealed. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    folder: Arc<Folder>,
    path: PathBuf,
    file: File,
    size: u64,
}

impl Draft {
    /// Makes it a blob, durably; returns its id and bytes.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the folder cannot be written.
    pub fn finish(mut self) -> Result<(BlobId, u64), StoreError> {
        self.file.seek(SeekFrom::Start(0))?;
        let (id, hashes) = blob::hash((&self.file).take(self.size), self.size)?;
        close(&mut self.file, &hashes)?;
        fs::rename(&self.path, self.folder.whole(&id))?;
        sync_directory(&self.folder.path)?;
        Ok((id, self.size))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len() as u64;
        if self.size.saturating_add(count) > BLOB_BYTES_MAX {
            return Err(io::Error::other("a blob is larger than any may be"));
        }
        self.folder.room(count)?;
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it became a blob.
        let _ = fs::remove_file(&self.path);
    }
}

/// Puts the hashes of the tree behind the bytes of a blob, and makes both durable.
fn close(file: &mut File, hashes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::End(0))?;
    file.write_all(hashes)?;
    file.sync_all()
}

impl Folder {
    fn whole(&self, blob: &BlobId) -> PathBuf {
        self.path.join(blob.to_string())
    }

    fn part(&self, blob: &BlobId) -> PathBuf {
        self.whole(blob).with_extension(PART)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<BlobId>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, bytes: u64) -> io::Result<()> {
        room(&self.path, bytes, self.leave)
    }

    fn run(&self, job: Job) {
        match job {
            Job::Write(blob, offset, bytes, done) => {
                let (written, error) = self.take(&blob, offset, &bytes);
                done(written, error);
            }
            Job::Read(blob, offset, done) => {
                let slice = self.slice(&blob, offset);
                if let Err(error) = &slice {
                    tracing::warn!(blob = ?blob.id, %error, "a part of a blob cannot be read");
                }
                done(slice.ok());
            }
            Job::Remove(blobs, done) => {
                let removed = self.remove(&blobs);
                // It may be written again from here on.
                self.lock().retain(|blob| !blobs.contains(blob));
                done(removed.map_err(StoreError::from));
            }
        }
    }

    /// Removes what can be removed; returns the first error.
    fn remove(&self, blobs: &BTreeSet<BlobId>) -> io::Result<()> {
        let paths = blobs.iter().flat_map(|blob| [self.whole(blob), self.part(blob)]);
        let removed = paths.map(|path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        });
        removed.fold(Ok(()), io::Result::and).and(sync_directory(&self.path))
    }

    fn slice(&self, blob: &Blob, offset: u64) -> io::Result<Vec<u8>> {
        let file = File::open(self.whole(&blob.id))?;
        blob::slice(&blob.id, blob.size, offset, &file, Behind { file: &file, by: blob.size })
    }

    fn take(&self, blob: &Blob, offset: u64, bytes: &[u8]) -> (Written, Option<StoreError>) {
        if self.lock().contains(&blob.id) {
            return (Written::Failed { to: 0 }, None);
        }
        let to = offset + bytes.len() as u64;
        match self.append(blob, offset, bytes) {
            Err((at, error)) => (Written::Failed { to: at }, Some(error.into())),
            Ok(_) if to < blob.size => (Written::Part { to }, None),
            Ok(file) => match self.complete(blob, file) {
                Ok(true) => (Written::Whole, None),
                Ok(false) if self.lock().contains(&blob.id) => (Written::Failed { to: 0 }, None),
                Ok(false) => {
                    (Written::Failed { to: 0 }, Some(StoreError::Corrupted { table: "blobs" }))
                }
                Err(error) => (Written::Failed { to: offset }, Some(error.into())),
            },
        }
    }

    /// Writes a part behind what is there; where that fails, says from where on it is to come again.
    fn append(&self, blob: &Blob, offset: u64, bytes: &[u8]) -> Result<File, (u64, io::Error)> {
        let failed = |error| (offset, error);
        self.room(bytes.len() as u64).map_err(failed)?;
        let mut options = private_options();
        let mut file =
            options.read(true).create(offset == 0).open(self.part(&blob.id)).map_err(|e| (0, e))?;
        let there = file.metadata().map_err(|error| (0, error))?.len();
        if there < offset {
            let part = BLOB_PART_BYTES as u64;
            return Err((there / part * part, io::ErrorKind::UnexpectedEof.into()));
        }
        // What lies behind was not reported as written.
        file.set_len(offset).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(file)
    }

    /// Reads a blob again, and gives it its name where it is what that says.
    fn complete(&self, blob: &Blob, mut file: File) -> io::Result<bool> {
        file.seek(SeekFrom::Start(0))?;
        let (id, hashes) = blob::hash((&file).take(blob.size), blob.size)?;
        if id != blob.id {
            fs::remove_file(self.part(&blob.id))?;
            return Ok(false);
        }
        close(&mut file, &hashes)?;
        if self.lock().contains(&blob.id) {
            return Ok(false);
        }
        fs::rename(self.part(&blob.id), self.whole(&blob.id))?;
        sync_directory(&self.path)?;
        Ok(true)
    }
}

/// Says whether so many bytes may be written in a folder where so many are left free.
///
/// # Errors
/// [`io::ErrorKind::StorageFull`], or the folder cannot be looked at.
pub fn room(folder: &Path, bytes: u64, leave: u64) -> io::Result<()> {
    let disk = rustix::fs::statvfs(folder)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < bytes.saturating_add(leave) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// What of a file lies behind its first bytes.
struct Behind<'a> {
    file: &'a File,
    by: u64,
}

impl blob::ReadAt for Behind<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        blob::ReadAt::read_at(self.file, self.by.saturating_add(offset), buffer)
    }
}

fn look(path: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let old = Duration::from_secs(BLOB_PART_DAYS_MAX * 24 * 60 * 60);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        let extension = name.extension().and_then(|extension| extension.to_str());
        let id = name.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let meta = entry.metadata()?;
        let age = |of: SystemTime| SystemTime::now().duration_since(of).unwrap_or_default();
        match (id, extension) {
            (Some(id), None) => {
                found.whole.insert(id);
            }
            (Some(id), Some(PART)) if age(meta.modified()?) < old => {
                found.parts.insert(id, meta.len());
            }
            (Some(_), Some(PART)) | (None, Some(DRAFT)) => fs::remove_file(entry.path())?,
            // Somebody else put it there.
            _ => {}
        }
    }
    Ok(found)
}
