//! The data directory: everything a node keeps.
//!
//! ```text
//! key.sealed      the node's keys, sealed under the passphrase
//! linli.toml      the configuration, written by the operator
//! store/          the store; in it blobs/, the sealed files beside documents
//! officers/       sealed key files of privacy officers, where this node holds any
//! node.lock       held while a program works in here; empty
//! control.sock    where the running node takes requests
//! control.token   the bearer token of the device interface
//! party.key       the party's root key, sealed, until it is kept apart
//! key.sealed.new  a node is being made here: there is none until it becomes `key.sealed`
//! ```
//!
//! It belongs to one user of the machine and nobody else can look into it (mode 0700).

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use crate::config::Environment;

/// The node's keys, sealed under the passphrase.
pub const KEY_FILE: &str = "key.sealed";
/// The file of the keys while a node is being made. It becomes [`KEY_FILE`] as the last act, so that
/// nothing beside it has ever been a node's.
const KEY_DRAFT: &str = "key.sealed.new";
/// What stands for the PIN of whoever has taken the seat of a shared desk.
pub const SEAT_FILE: &str = "seat";
/// The party's root key, sealed.
pub const PARTY_KEY_FILE: &str = "party.key";
/// The configuration.
pub const CONFIG_FILE: &str = "linli.toml";
/// The store's folder.
pub const STORE_DIR: &str = "store";
/// The folder of blobs, in the store's.
pub const BLOBS_DIR: &str = "blobs";
/// The folder of sealed officer keys.
pub const OFFICERS_DIR: &str = "officers";
/// Locked while a program works in the directory.
pub const LOCK_FILE: &str = "node.lock";
/// The control socket.
pub const SOCKET_FILE: &str = "control.sock";
/// The bearer token of the device interface.
pub const TOKEN_FILE: &str = "control.token";

/// The paired tablets.
pub const TABLETS_FILE: &str = "tablets";

/// What making a node leaves in the directory when it is interrupted.
const UNFINISHED: [&str; 4] = [KEY_DRAFT, STORE_DIR, PARTY_KEY_FILE, "party.key.new"];

/// Nobody but the owner may look into the directory.
const DIR_MODE: u32 = 0o700;
/// Nobody but the owner may read what is private.
const FILE_MODE: u32 = 0o600;
/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// A data directory that exists, belongs to this user and is closed to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

/// The right to work in a data directory. Ends when it is dropped or its process dies.
#[derive(Debug)]
pub struct HomeLock {
    home: Home,
    /// The open file is the lock.
    _file: File,
}

impl HomeLock {
    /// The directory that is locked.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `LINLI_DATA` nor `XDG_DATA_HOME` nor `HOME` says where it is.
    #[error("no place for the data: set LINLI_DATA, or pass --data DIR")]
    NoPlace,
    /// There is none.
    #[error("there is no node in {path}: make one with `linli init`, or pass --data DIR")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It holds a node already.
    #[error("{path} holds a node already: use it, or choose another directory with --data DIR")]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// It is a file, or holds other things.
    #[error("{path} is not a data directory of linli: choose an empty or a new directory")]
    NotOurs {
        /// What is there.
        path: PathBuf,
    },
    /// Somebody else owns it.
    #[error(
        "{path} belongs to another user (uid {owner}): run linli as that user, or choose another directory"
    )]
    OtherOwner {
        /// The directory or file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Others could look into it.
    #[error("{path} is open to other users (mode {mode:04o}): close it with `chmod go-rwx {path}`")]
    Open {
        /// The directory or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another program works in it.
    #[error(
        "a node is already running in {path}: stop it with `linli stop`, or choose another directory with --data DIR"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file system takes no writes.
    #[error(
        "{path} is read-only: remount it writable, or choose another directory with --data DIR"
    )]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
    },
    /// The file system has no room.
    #[error("no room left to write {path}: free some space and try again; nothing was changed")]
    Full {
        /// What was to be written.
        path: PathBuf,
    },
    /// The user may not.
    #[error("not allowed to use {path}: check its owner and permissions")]
    Denied {
        /// What was to be read or written.
        path: PathBuf,
    },
    /// Anything else the operating system says.
    #[error("cannot use {path}")]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl HomeError {
    /// Tells apart what a person can do something about.
    #[must_use]
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let (path, kind) = (path.to_owned(), source.kind());
        if kind == io::ErrorKind::ReadOnlyFilesystem {
            return Self::ReadOnly { path };
        }
        if kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded {
            return Self::Full { path };
        }
        match kind == io::ErrorKind::PermissionDenied {
            true => Self::Denied { path },
            false => Self::Io { path, source },
        }
    }
}

impl Home {
    /// Returns where the data directory is: `LINLI_DATA`, else `$XDG_DATA_HOME/linli`, else
    /// `$HOME/.local/share/linli` (XDG Base Directory Specification 0.8).
    ///
    /// # Errors
    /// When none of the three variables is set to an absolute path (`LINLI_DATA` may be relative).
    pub fn default_path(environment: &Environment) -> Result<PathBuf, HomeError> {
        let absolute = |name| environment.path(name).filter(|path: &PathBuf| path.is_absolute());
        environment
            .path("LINLI_DATA")
            .or_else(|| absolute("XDG_DATA_HOME").map(|base| base.join("linli")))
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share/linli")))
            .ok_or(HomeError::NoPlace)
    }

    /// Makes a data directory, mode 0700, or takes one that is there, empty but for the configuration
    /// and what making a node left when it was interrupted.
    ///
    /// # Errors
    /// When it holds a node already or other things, belongs to somebody else, is open to others, or
    /// cannot be written.
    pub fn create(path: &Path) -> Result<Self, HomeError> {
        let at = |error| HomeError::from_io(path, error);
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(DIR_MODE).create(path).map_err(at)?;
            }
            Err(error) => return Err(at(error)),
            Ok(_) => {
                let home = Self::checked(path)?;
                if home.is_initialised() {
                    return Err(HomeError::Exists { path: home.path });
                }
                let unfinished = home.path.join(KEY_DRAFT).exists();
                for item in fs::read_dir(path).map_err(at)? {
                    let name = item.map_err(at)?.file_name();
                    let left = unfinished && UNFINISHED.iter().any(|left| name == *left);
                    if name != CONFIG_FILE && name != LOCK_FILE && !left {
                        return Err(HomeError::NotOurs { path: home.path });
                    }
                }
            }
        }
        Self::checked(path)
    }

    /// Opens the data directory of a node that was made before.
    ///
    /// # Errors
    /// When there is none, it belongs to somebody else, or it is open to others.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let home = match Self::checked(path) {
            Err(HomeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(HomeError::Missing { path: path.to_owned() });
            }
            other => other?,
        };
        match home.is_initialised() {
            true => Ok(home),
            false => Err(HomeError::Missing { path: home.path }),
        }
    }

    /// Takes the path as a data directory when it is one's own, closed directory.
    fn checked(path: &Path) -> Result<Self, HomeError> {
        let metadata = fs::metadata(path).map_err(|error| HomeError::from_io(path, error))?;
        if !metadata.is_dir() {
            return Err(HomeError::NotOurs { path: path.to_owned() });
        }
        check_private(path, &metadata)?;
        let path = fs::canonicalize(path).map_err(|error| HomeError::from_io(path, error))?;
        Ok(Self { path })
    }

    /// Says whether a node was made here.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.key().exists()
    }

    /// Begins to make a node: keeps its sealed keys as a draft, which [`Home::finish`] makes valid.
    /// Clears away what an attempt that was interrupted left; no node ever used that.
    ///
    /// # Errors
    /// There is a node already, or the directory cannot be written.
    pub fn begin(&self, sealed: &[u8]) -> Result<(), HomeError> {
        if self.is_initialised() {
            return Err(HomeError::Exists { path: self.path.clone() });
        }
        let draft = self.path.join(KEY_DRAFT);
        if draft.exists() {
            // The draft itself stays: it says that the rest may be cleared away.
            for name in UNFINISHED.into_iter().filter(|name| *name != KEY_DRAFT) {
                remove(&self.path.join(name))?;
            }
        }
        write_durably(&draft, sealed)
            .and_then(|()| sync_dir(&self.path))
            .map_err(|error| HomeError::from_io(&draft, error))
    }

    /// Makes the node valid, durably: everything else has been written before.
    ///
    /// # Errors
    /// [`Home::begin`] was not called before, or the directory cannot be written.
    pub fn finish(&self) -> Result<(), HomeError> {
        // The names of the rest are durable before the one that makes them count.
        sync_dir(&self.path)
            .and_then(|()| fs::rename(self.path.join(KEY_DRAFT), self.key()))
            .and_then(|()| sync_dir(&self.path))
            .map_err(|error| HomeError::from_io(&self.key(), error))
    }

    /// Takes the right to work in here, alone.
    ///
    /// # Errors
    /// [`HomeError::InUse`] while another program has it; else when the lock cannot be written.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        let path = self.path.join(LOCK_FILE);
        let at = |error| HomeError::from_io(&path, error);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(FILE_MODE);
        let file = options.open(&path).map_err(at)?;
        match file.try_lock() {
            Ok(()) => Ok(HomeLock { home: self.clone(), _file: file }),
            Err(TryLockError::WouldBlock) => Err(HomeError::InUse { path: self.path.clone() }),
            Err(TryLockError::Error(error)) => Err(at(error)),
        }
    }

    /// Writes a private file (mode 0600) whole and durably: after a crash the old or the new one is
    /// there, never a part.
    ///
    /// # Errors
    /// When it cannot be written; the old file is then still there.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        let path = self.path.join(name);
        let draft = self.path.join(format!("{name}.new"));
        let result = write_durably(&draft, bytes)
            .and_then(|()| fs::rename(&draft, &path))
            .and_then(|()| sync_dir(path.parent().unwrap_or(&self.path)));
        result.map_err(|error| {
            // The draft is of no use; that it may stay is no further harm.
            let _ = fs::remove_file(&draft);
            HomeError::from_io(&path, error)
        })
    }

    /// Reads a private file; `None` where there is none.
    ///
    /// # Errors
    /// When it belongs to somebody else, is open to others, or cannot be read.
    pub fn read_private(&self, name: &str) -> Result<Option<Vec<u8>>, HomeError> {
        let path = self.path.join(name);
        let at = |error| HomeError::from_io(&path, error);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(error)),
            Ok(metadata) => check_private(&path, &metadata)?,
        }
        fs::read(&path).map(Some).map_err(at)
    }

    /// Removes a private file, where there is one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_private(&self, name: &str) -> Result<(), HomeError> {
        remove(&self.path.join(name))
    }

    /// Makes a folder in here, mode 0700, durably, where there is none yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_dir(&self, name: &str) -> Result<PathBuf, HomeError> {
        let path = self.path.join(name);
        let made = DirBuilder::new().recursive(true).mode(DIR_MODE).create(&path);
        made.and_then(|()| sync_dir(&self.path))
            .map_err(|error| HomeError::from_io(&path, error))?;
        Ok(path)
    }

    /// Gives a folder in here another name, the first free one of `NAME.1`, `NAME.2` and so on; does
    /// nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn set_aside(&self, name: &str) -> Result<(), HomeError> {
        let path = self.path.join(name);
        if !path.exists() {
            return Ok(());
        }
        let free = (1_u32..).map(|number| self.path.join(format!("{name}.{number}")));
        let Some(aside) = free.into_iter().find(|aside| !aside.exists()) else { return Ok(()) };
        fs::rename(&path, aside)
            .and_then(|()| sync_dir(&self.path))
            .map_err(|error| HomeError::from_io(&path, error))
    }

    /// The directory itself, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The node's sealed keys.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path.join(KEY_FILE)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG_FILE)
    }

    /// The store's folder.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.path.join(STORE_DIR)
    }

    /// The folder of blobs.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.store().join(BLOBS_DIR)
    }

    /// The folder of sealed officer keys.
    #[must_use]
    pub fn officers(&self) -> PathBuf {
        self.path.join(OFFICERS_DIR)
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join(SOCKET_FILE)
    }

    /// The bearer token of the device interface.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.path.join(TOKEN_FILE)
    }
}

/// Refuses what belongs to somebody else or is open to others.
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), HomeError> {
    let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != own {
        return Err(HomeError::OtherOwner { path: path.to_owned(), owner });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(HomeError::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Removes a file, or a folder with all that is in it, where there is one.
fn remove(path: &Path) -> Result<(), HomeError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(HomeError::from_io(path, error))
        }
        _ => Ok(()),
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a rename in the directory durable.
fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
