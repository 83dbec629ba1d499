//! What can go wrong with a store.

use std::io;
use std::sync::Arc;

/// Why the store did not do as asked. Cheap to clone: one failure answers a whole group of batches.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store is in use by another process{}; stop it first", holder(*pid))]
    Locked {
        /// The process, where it could be read.
        pid: Option<u32>,
    },
    /// The files cannot be written.
    #[error("the store's directory is read-only; make it writable and start again")]
    ReadOnly,
    /// The disk is full. What was acknowledged is safe; this was not stored.
    #[error(
        "the disk is full: nothing more is stored until space is freed; what was saved is safe"
    )]
    Full,
    /// The store was written by a later program.
    #[error("the store has format version {found}, this program knows up to {known}; update linli")]
    Newer {
        /// The version found.
        found: u32,
        /// The latest version this program reads.
        known: u32,
    },
    /// There is no store here, or the file is something else.
    #[error("there is no linli store here; check the data directory or initialise one")]
    NotAStore,
    /// There is something already where a store or a backup was to be made.
    #[error("a file of that name exists already; nothing was overwritten")]
    AlreadyExists,
    /// The storage key does not open this store.
    #[error("the storage key does not belong to this store; use the key file kept with it")]
    WrongKey,
    /// A row does not read back as it was written.
    #[error("the store is damaged in its table of {table}; restore a backup")]
    Corrupted {
        /// The table; never its content.
        table: &'static str,
    },
    /// An entry's predecessor is not held, so the log would have a hole.
    #[error("an entry does not follow from what is held of its log; fetch the log from there on")]
    Gap,
    /// Too many urgent batches wait for the main file to be writable again.
    #[error("too many urgent batches wait for the main file; free disk space and restart")]
    Backlog,
    /// The store is closing, or its writer has stopped.
    #[error("the store is closed")]
    Closed,
    /// The files are being read, so they cannot be compacted.
    #[error("the store is being read; try again later")]
    Busy,
    /// The operating system refused.
    #[error("the store's files cannot be read or written")]
    Io(#[source] Arc<io::Error>),
    /// The database refused.
    #[error("the store's database failed")]
    Database(#[source] Arc<redb::Error>),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

impl StoreError {
    /// Says whether the file must be opened anew before it can be used again.
    pub(crate) const fn breaks_file(&self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly | Self::Io(_) | Self::Database(_))
    }
}

impl From<io::Error> for StoreError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds are told alike")]
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            io::ErrorKind::InvalidData => Self::NotAStore,
            io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            _ => Self::Io(Arc::new(error)),
        }
    }
}

impl From<redb::Error> for StoreError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "redb's error is non-exhaustive")]
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(_) => Self::Corrupted { table: "pages" },
            redb::Error::DatabaseAlreadyOpen => Self::Locked { pid: None },
            redb::Error::TransactionInProgress => Self::Busy,
            redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. } => Self::Corrupted { table: "tables" },
            other => Self::Database(Arc::new(other)),
        }
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

from_redb!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError,
    redb::CompactionError,
    redb::SetDurabilityError
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_told_apart() {
        let told = |kind: io::ErrorKind| StoreError::from(io::Error::from(kind));
        assert!(matches!(told(io::ErrorKind::StorageFull), StoreError::Full));
        assert!(matches!(told(io::ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly));
        assert!(matches!(told(io::ErrorKind::PermissionDenied), StoreError::ReadOnly));
        assert!(matches!(told(io::ErrorKind::NotFound), StoreError::Io(_)));
        let nested = redb::Error::Io(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(StoreError::from(nested), StoreError::Full));
    }

    #[test]
    fn messages_name_what_to_do() {
        let newer = StoreError::Newer { found: 9, known: 1 }.to_string();
        assert!(newer.contains('9') && newer.contains('1') && newer.contains("update"), "{newer}");
        let locked = StoreError::Locked { pid: Some(41) }.to_string();
        assert!(locked.contains("pid 41"), "{locked}");
    }
}
