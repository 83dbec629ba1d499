//! The store of a node.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use linli_replica::audit::{Head, Linked};
use linli_replica::batch::{Batch, Shelf};
use linli_replica::certificate::Certificate;
use linli_replica::entry::Entry;
use linli_replica::held::{Held, HeldError};
use linli_replica::id::{CertificateId, DocTag, EntryId, LogKey, SpaceTag, Timestamp};
use rand::rngs::{StdRng, SysRng};
use rand_core::SeedableRng as _;
use redb::ReadableDatabase as _;

use crate::apply::{Applier, read_number};
use crate::branches::Branches;
use crate::chain::{ChainId, Chains as _};
use crate::database::Database;
use crate::error::StoreError;
use crate::key::{KeyValue, Place, Sealer, StorageKey};
use crate::layout::{self as rows, FORMAT_VERSION};
use crate::limits::{MAIN_CACHE_BYTES, URGENT_CACHE_BYTES};
use crate::medium::{Directory, Medium, Part};
use crate::queue::{Done, LaneName, Queue};
use crate::snapshot::{Snapshot, Taken};
use crate::unsettled::{Numbered, Unsettled};
use crate::writer::{Shared, read_unsettled, run_main, run_urgent};

/// Everything a node holds. Threads may share it; dropping it writes what is queued and closes.
#[derive(Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    writers: Vec<(LaneName, JoinHandle<()>)>,
}

/// How much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Documents of which at least one entry is held.
    pub documents: u64,
    /// Entries held.
    pub entries: u64,
    /// Bytes of all entries.
    pub entry_bytes: u64,
    /// Urgent batches not yet part of the main file.
    pub unsettled: usize,
    /// Whether the disk was full when something was last to be stored.
    pub full: bool,
}

impl Store {
    /// Makes an empty store in a directory, which is made where it is missing.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] where there is a store, otherwise as [`Store::open`].
    pub fn create(directory: &Path, key: &StorageKey) -> Result<Self, StoreError> {
        Self::create_on(Arc::new(Directory::open(directory, true)?), key)
    }

    /// Opens the store in a directory. After a crash this checks the whole file first.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`], [`StoreError::Locked`], [`StoreError::Newer`],
    /// [`StoreError::WrongKey`], [`StoreError::Corrupted`], [`StoreError::ReadOnly`],
    /// [`StoreError::Full`], [`StoreError::Io`] or [`StoreError::Database`].
    pub fn open(directory: &Path, key: &StorageKey) -> Result<Self, StoreError> {
        Self::open_on(Arc::new(Directory::open(directory, false)?), key)
    }

    /// Makes an empty store on any medium.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_on(medium: Arc<dyn Medium>, key: &StorageKey) -> Result<Self, StoreError> {
        if medium.exists(Part::Main)? || medium.exists(Part::Urgent)? {
            return Err(StoreError::AlreadyExists);
        }
        let sealer = Sealer::new(key);
        let main = Database::open(Arc::clone(&medium), Part::Main, MAIN_CACHE_BYTES)?;
        main.write(|database| initialise(database, &sealer))?;
        Self::start(medium, main, sealer)
    }

    /// Opens the store on any medium.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(medium: Arc<dyn Medium>, key: &StorageKey) -> Result<Self, StoreError> {
        if !medium.exists(Part::Main)? {
            return Err(StoreError::NotAStore);
        }
        let sealer = Sealer::new(key);
        let main = Database::open(Arc::clone(&medium), Part::Main, MAIN_CACHE_BYTES)?;
        main.read(|database| check(database, &sealer))?;
        Self::start(medium, main, sealer)
    }

    fn start(medium: Arc<dyn Medium>, main: Database, sealer: Sealer) -> Result<Self, StoreError> {
        let urgent = Database::open(Arc::clone(&medium), Part::Urgent, URGENT_CACHE_BYTES)?;
        let settled = main.read(|database| Snapshot::of(database)?.settled())?;
        urgent.write(|database| {
            let txn = database.begin_write()?;
            // The main file has these, or has removed them again.
            txn.open_table(rows::URGENT)?.retain_in(..=settled, |_, _| false)?;
            Ok(txn.commit()?)
        })?;
        let waiting = urgent.read(|database| read_unsettled(database, &sealer, settled))?;
        let full = medium.hold_reserve().is_err();
        let next = waiting.last().map_or(settled, |(number, _)| *number).saturating_add(1);
        let shared = Arc::new(Shared {
            medium,
            main,
            urgent,
            sealer,
            queue: Queue::new(next, !waiting.is_empty()),
            unsettled: RwLock::new(Arc::new(Unsettled::new(waiting))),
            settled: AtomicU64::new(settled),
            full: AtomicBool::new(full),
        });
        let mut store = Self { shared, writers: Vec::new() };
        store.spawn(LaneName::Urgent, "store-urgent", run_urgent)?;
        store.spawn(LaneName::Normal, "store-main", run_main)?;
        Ok(store)
    }

    fn spawn(&mut self, lane: LaneName, name: &str, run: fn(&Shared)) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || run(&shared))?;
        self.writers.push((lane, thread));
        Ok(())
    }

    /// Queues a batch. `done` is called once, on a writer's thread, when the batch is durable or
    /// refused: it must not block. Blocks only while the lane's queue is full.
    ///
    /// After an error the batch is there whole or not at all, and counts as not acknowledged. The
    /// errors are [`StoreError::Gap`], [`StoreError::Full`], [`StoreError::Backlog`],
    /// [`StoreError::Closed`] and those of the file system.
    pub fn submit(&self, batch: Batch, done: Done) {
        self.shared.queue.submit(batch, done);
    }

    /// Commits a batch and waits until it is durable.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.submit(
            batch,
            Box::new(move |result| {
                // The receiver waits below.
                let _ = answer.send(result);
            }),
        );
        answered.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Returns a snapshot of the main file and the urgent batches it lacks.
    pub(crate) fn view(&self) -> Result<(Snapshot, Vec<Numbered>), StoreError> {
        // In this order: a batch that leaves the one in between has entered the other before.
        let unsettled = self.shared.unsettled();
        let snapshot = self.shared.main.read(Snapshot::of)?;
        let waiting = if unsettled.batches.is_empty() {
            Vec::new()
        } else {
            unsettled.after(snapshot.settled()?).to_vec()
        };
        Ok((snapshot, waiting))
    }

    fn reading<T>(
        &self,
        read: impl Fn(&Snapshot, &[Numbered]) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let once = || self.view().and_then(|(snapshot, waiting)| read(&snapshot, &waiting));
        match once() {
            // The file may have been opened anew in between.
            Err(error) if error.breaks_file() => once(),
            done => done,
        }
    }

    /// Lists the branches of every chain held, by document in order of arrival.
    ///
    /// # Errors
    /// The store cannot be read; the iterator ends with the error.
    pub fn branches(&self) -> Result<Branches, StoreError> {
        let (snapshot, waiting) = self.view()?;
        Branches::new(snapshot, &waiting)
    }

    /// Returns all community certificates, each with every signature seen, in order of id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn certificates(&self) -> Result<Vec<Certificate>, StoreError> {
        self.reading(|snapshot, waiting| {
            let mut found: BTreeMap<CertificateId, Certificate> = BTreeMap::new();
            let laid = waiting.iter().flat_map(|(_, batch)| batch.certificates.iter().cloned());
            for certificate in snapshot.certificates(&self.shared.sealer)?.into_iter().chain(laid) {
                match found.entry(certificate.id()) {
                    std::collections::btree_map::Entry::Occupied(mut held) => {
                        held.get_mut().merge(&certificate);
                    }
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert(certificate);
                    }
                }
            }
            Ok(found.into_values().collect())
        })
    }

    /// Returns the records of a shelf as key and value, in order of key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn records(&self, shelf: Shelf) -> Result<Vec<KeyValue>, StoreError> {
        if shelf == Shelf::Audit {
            let row = |linked: Linked| (linked.head.sequence.to_be_bytes().to_vec(), linked.record);
            return Ok(self.audit(1, u64::MAX)?.into_iter().map(row).collect());
        }
        self.reading(|snapshot, waiting| {
            let mut found: BTreeMap<Vec<u8>, Vec<u8>> =
                snapshot.records(&self.shared.sealer, shelf)?.into_iter().collect();
            for record in waiting.iter().flat_map(|(_, batch)| &batch.records) {
                if record.shelf != shelf {
                    continue;
                }
                match &record.value {
                    Some(value) => found.insert(record.key.clone(), value.clone()),
                    None => found.remove(&record.key),
                };
            }
            Ok(found.into_iter().collect())
        })
    }

    /// Returns the records of the audit from one number to another, both included, in order. Those
    /// after [`Self::audit_settled`] may still find another place.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit(&self, first: u64, last: u64) -> Result<Vec<Linked>, StoreError> {
        self.reading(|snapshot, waiting| {
            let mut found = snapshot.audit(&self.shared.sealer, first, last)?;
            let laid = crate::audit::laid(snapshot, &self.shared.sealer, waiting)?;
            let within = |linked: &Linked| (first..=last).contains(&linked.head.sequence);
            found.extend(laid.into_iter().filter(within));
            Ok(found)
        })
    }

    /// Says how far the audit reaches.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit_head(&self) -> Result<Head, StoreError> {
        self.reading(|snapshot, waiting| {
            let laid = crate::audit::laid(snapshot, &self.shared.sealer, waiting)?;
            match laid.last() {
                Some(last) => Ok(last.head),
                None => snapshot.audit_head(&self.shared.sealer),
            }
        })
    }

    /// Says how far the audit is settled: its records have their last place, and may be signed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit_settled(&self) -> Result<Head, StoreError> {
        self.reading(|snapshot, _| snapshot.audit_head(&self.shared.sealer))
    }

    /// Returns one record, none where there is none. Those of the audit have no names.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn record(&self, shelf: Shelf, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if shelf == Shelf::Audit {
            return Ok(None);
        }
        self.reading(|snapshot, waiting| {
            let laid = waiting.iter().rev().flat_map(|(_, batch)| batch.records.iter().rev());
            match laid.into_iter().find(|r| r.shelf == shelf && r.key == key) {
                Some(record) => Ok(record.value.clone()),
                None => snapshot.record(&self.shared.sealer, shelf, key),
            }
        })
    }

    /// Returns the documents held of a space, in order of arrival.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn documents(&self, space: SpaceTag) -> Result<Vec<DocTag>, StoreError> {
        self.reading(|snapshot, waiting| {
            let mut found = snapshot.documents(space)?;
            for entry in waiting.iter().flat_map(|(_, batch)| &batch.entries) {
                let header = entry.header();
                if header.space == space && !found.contains(&header.document) {
                    found.push(header.document);
                }
            }
            Ok(found)
        })
    }

    /// Counts what is held.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        self.reading(|mut snapshot, waiting| {
            let (mut entries, mut entry_bytes) = snapshot.entry_stats()?;
            let mut documents = snapshot.document_count()?;
            let (mut counted, mut begun) = (BTreeMap::new(), BTreeMap::new());
            for entry in waiting.iter().flat_map(|(_, batch)| &batch.entries) {
                let header = entry.header();
                let chain = ChainId::of(entry);
                if counted.insert(entry.id(), ()).is_some()
                    || snapshot.held(&chain, entry.tip())?.is_some()
                {
                    continue;
                }
                entries += 1;
                entry_bytes += u64::try_from(entry.encode().len()).unwrap_or(0);
                let document = (header.space, header.document);
                if begun.insert(document, ()).is_none()
                    && !snapshot.documents(header.space)?.contains(&header.document)
                {
                    documents += 1;
                }
            }
            let full = self.shared.full.load(Ordering::Acquire);
            Ok(Stats { documents, entries, entry_bytes, unsettled: waiting.len(), full })
        })
    }

    /// Gives space of removed and moved rows back to the file system. Readers and writers wait.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while an iterator of [`Store::branches`] is alive, or the file fails.
    pub fn compact(&self) -> Result<bool, StoreError> {
        self.shared.main.compact()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The urgent lane first: closing the other settles what it left.
        for (lane, writer) in self.writers.drain(..) {
            self.shared.queue.close(lane);
            if writer.join().is_err() {
                tracing::error!(?lane, "a writer of the store stopped unexpectedly");
            }
        }
    }
}

impl Held for Store {
    fn entries(
        &self,
        document: DocTag,
        log: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, HeldError> {
        let read = self.reading(|snapshot, waiting| {
            let held = snapshot.entries(document, log, after, bytes_max)?;
            if waiting.is_empty() && held.is_sorted_by_key(place) {
                return Ok(held);
            }
            let laid = waiting.iter().flat_map(|(_, batch)| batch.entries.iter().cloned());
            let of_log = laid.filter(|entry| {
                let header = entry.header();
                header.document == document && header.log == log && header.sequence > after
            });
            Ok(in_order(held.into_iter().chain(of_log), bytes_max))
        });
        read.map_err(|error| {
            tracing::error!(%error, "the store cannot be read");
            HeldError(error.to_string())
        })
    }
}

fn place(entry: &Entry) -> (u64, EntryId) {
    (entry.header().sequence, entry.id())
}

/// Puts entries of one log in order, each once, until about a number of bytes.
pub(crate) fn in_order(entries: impl Iterator<Item = Entry>, bytes_max: usize) -> Vec<Entry> {
    let mut ordered: BTreeMap<(u64, EntryId), Entry> = BTreeMap::new();
    for entry in entries {
        let held = ordered.entry(place(&entry)).or_insert_with(|| entry.clone());
        if entry.is_signed() && !held.is_signed() {
            *held = entry;
        }
    }
    let mut taken = Taken::new(bytes_max);
    ordered.into_values().take_while(|entry| taken.takes(entry)).collect()
}

const CHECK: (&str, &[u8]) = ("meta", b"check");

fn initialise(database: &redb::Database, sealer: &Sealer) -> Result<(), StoreError> {
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(std::io::Error::other)?;
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let created = Timestamp(u64::try_from(created).unwrap_or(u64::MAX));
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(rows::META)?;
        let check = sealer.seal(&mut rng, &Place { table: CHECK.0, row: CHECK.1 }, CHECK.1, &[]);
        meta.insert(rows::META_FORMAT, FORMAT_VERSION.to_le_bytes().as_slice())?;
        meta.insert(rows::META_CREATED, created.0.to_le_bytes().as_slice())?;
        meta.insert(rows::META_CHECK, check.as_slice())?;
    }
    Applier::new(&txn, sealer)?.finish(0)?;
    Ok(txn.commit()?)
}

/// Checks that the file is a store of a known version and that the key is its own.
pub(crate) fn check(database: &redb::Database, sealer: &Sealer) -> Result<(), StoreError> {
    let txn = database.begin_read()?;
    let meta = match txn.open_table(rows::META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Err(StoreError::NotAStore),
        opened => opened?,
    };
    let format = meta.get(rows::META_FORMAT)?.ok_or(StoreError::NotAStore)?;
    let found = format.value().try_into().map(u32::from_le_bytes);
    let found = found.map_err(|_| StoreError::NotAStore)?;
    if found > FORMAT_VERSION {
        return Err(StoreError::Newer { found, known: FORMAT_VERSION });
    }
    let sealed = meta.get(rows::META_CHECK)?.ok_or(StoreError::NotAStore)?;
    let place = Place { table: CHECK.0, row: CHECK.1 };
    sealer.open(&place, sealed.value()).ok_or(StoreError::WrongKey)?;
    read_number(&meta, rows::META_SETTLED).map(drop)
}
