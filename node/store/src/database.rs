//! One redb file that is opened anew after a failure.
//!
//! redb refuses all work after the first I/O error, reads included, until it is opened again. A
//! full disk must not end reading, nor storing once there is space.

use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use redb::{BackendError, StorageBackend};

use crate::error::StoreError;
use crate::medium::{Medium, Part};

#[derive(Debug)]
pub(crate) struct Database {
    medium: Arc<dyn Medium>,
    part: Part,
    cache_bytes: usize,
    state: RwLock<State>,
}

struct State {
    /// How often the file was opened, so that one failure leads to one reopening.
    opened: u64,
    database: Option<redb::Database>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Database {
    pub(crate) fn open(
        medium: Arc<dyn Medium>,
        part: Part,
        cache_bytes: usize,
    ) -> Result<Self, StoreError> {
        let database = open(&*medium, part, cache_bytes)?;
        let state = RwLock::new(State { opened: 0, database: Some(database) });
        Ok(Self { medium, part, cache_bytes, state })
    }

    /// Reads; after an I/O error opens the file anew and tries once more.
    pub(crate) fn read<T>(
        &self,
        work: impl Fn(&redb::Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (opened, first) = self.attempt(&work);
        match first {
            Err(error) if error.breaks_file() => {
                self.reopen(opened)?;
                self.attempt(&work).1
            }
            done => done,
        }
    }

    /// Writes once; after an I/O error the file is open anew, where that is possible.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (opened, is_open) = {
            let state = self.lock();
            (state.opened, state.database.is_some())
        };
        if !is_open {
            self.reopen(opened)?;
        }
        let (opened, result) = self.attempt(work);
        if let Err(error) = &result
            && error.breaks_file()
            && let Err(again) = self.reopen(opened)
        {
            tracing::error!(part = ?self.part, error = %again, "a file of the store stays closed");
        }
        result
    }

    /// Gives the space of removed rows back to the file system; waits for current reads.
    pub(crate) fn compact(&self) -> Result<bool, StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        Ok(state.database.as_mut().ok_or(StoreError::Closed)?.compact()?)
    }

    fn attempt<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, StoreError>,
    ) -> (u64, Result<T, StoreError>) {
        let state = self.lock();
        let result = match &state.database {
            Some(database) => work(database),
            None => Err(StoreError::Database(Arc::new(redb::Error::DatabaseClosed))),
        };
        (state.opened, result)
    }

    fn lock(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen(&self, seen: u64) -> Result<(), StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.opened != seen {
            return Ok(());
        }
        state.opened = state.opened.wrapping_add(1);
        state.database = None;
        state.database = Some(open(&*self.medium, self.part, self.cache_bytes)?);
        Ok(())
    }
}

fn open(medium: &dyn Medium, part: Part, cache_bytes: usize) -> Result<redb::Database, StoreError> {
    let backend = Backend(medium.open(part)?);
    Ok(redb::Builder::new().set_cache_size(cache_bytes).create_with_backend(backend)?)
}

/// Lets redb use a boxed backend.
#[derive(Debug)]
struct Backend(Box<dyn StorageBackend>);

impl StorageBackend for Backend {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> std::io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }
}
