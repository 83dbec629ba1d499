//! Where the two files live: a directory in production, a faulty disk in tests.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::error::StoreError;
use crate::limits::RESERVE_BYTES;

/// One of the files of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What is held.
    Main,
    /// Urgent batches on their way into the main file.
    Urgent,
}

/// Keeps the files of one store and the space reserved for alerts.
pub trait Medium: std::fmt::Debug + Send + Sync + 'static {
    /// Says whether the file is there and not empty.
    ///
    /// # Errors
    /// The medium cannot be read.
    fn exists(&self, part: Part) -> io::Result<bool>;

    /// Opens the file, making it where it is missing.
    ///
    /// # Errors
    /// The medium cannot be read or written.
    fn open(&self, part: Part) -> io::Result<Box<dyn StorageBackend>>;

    /// Sets the reserve aside; does nothing where that is done already.
    ///
    /// # Errors
    /// There is no room for it.
    fn hold_reserve(&self) -> io::Result<()>;

    /// Gives the reserve up; says whether there was one.
    ///
    /// # Errors
    /// The medium cannot be written.
    fn release_reserve(&self) -> io::Result<bool>;

    /// Says whether about `bytes` more can be written beside the reserve.
    fn has_room(&self, bytes: u64) -> bool;
}

/// A directory of a file system, locked for this process while the value lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

const LOCK_FILE: &str = "lock";
const RESERVE_FILE: &str = "reserve";
const PROBE_FILE: &str = "probe";

impl Directory {
    /// Opens and locks a directory, making it where it is missing and `create` says so.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another process holds it, [`StoreError::NotAStore`] where it is
    /// missing, [`StoreError::ReadOnly`], [`StoreError::Full`] or [`StoreError::Io`].
    pub fn open(path: &Path, create: bool) -> Result<Self, StoreError> {
        if create {
            make_private(path)?;
        } else if !path.join(file_name(Part::Main)).is_file() {
            return Err(StoreError::NotAStore);
        }
        let lock = lock(&path.join(LOCK_FILE))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Returns the path of one of the files.
    #[must_use]
    pub fn file(&self, part: Part) -> PathBuf {
        self.path.join(file_name(part))
    }

    fn write_filler(&self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.path.join(name);
        let written = fill(&path, bytes);
        if written.is_err() {
            // A filler half written holds space that nobody counts on.
            let _ = std::fs::remove_file(&path);
        }
        written
    }
}

/// Returns the name of a file of the store within its directory.
#[must_use]
pub const fn file_name(part: Part) -> &'static str {
    match part {
        Part::Main => "main.redb",
        Part::Urgent => "urgent.redb",
    }
}

impl Medium for Directory {
    fn exists(&self, part: Part) -> io::Result<bool> {
        match std::fs::metadata(self.file(part)) {
            Ok(file) => Ok(file.is_file() && file.len() > 0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn open(&self, part: Part) -> io::Result<Box<dyn StorageBackend>> {
        let file = private_options().read(true).create(true).open(self.file(part))?;
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        sync_directory(&self.path)?;
        Ok(Box::new(backend))
    }

    fn hold_reserve(&self) -> io::Result<()> {
        let held = std::fs::metadata(self.path.join(RESERVE_FILE));
        if held.is_ok_and(|file| file.len() == RESERVE_BYTES) {
            return Ok(());
        }
        self.write_filler(RESERVE_FILE, RESERVE_BYTES)
    }

    fn release_reserve(&self) -> io::Result<bool> {
        match std::fs::remove_file(self.path.join(RESERVE_FILE)) {
            Ok(()) => sync_directory(&self.path).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn has_room(&self, bytes: u64) -> bool {
        let room = self.write_filler(PROBE_FILE, bytes).is_ok();
        let _ = std::fs::remove_file(self.path.join(PROBE_FILE));
        room
    }
}

/// Writes a file of `bytes` that no file system stores in fewer.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = private_options().create(true).truncate(true).open(path)?;
    let mut noise = blake3::Hasher::new_derive_key("linli 1 store filler").finalize_xof();
    let mut block = vec![0; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        let Some(part) = block.get_mut(..count) else { break };
        noise.fill(part);
        file.write_all(part)?;
        left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
    }
    file.sync_all()
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut file = private_options().read(true).create(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(32).read_to_string(&mut holder);
            return Err(StoreError::Locked { pid: holder.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    // The holder's number only helps people; a full disk must not keep the store shut.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

pub(crate) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Writes a file whole or not at all, readable by its owner only.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = private_options().create(true).truncate(true).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}
