//! The writers: one thread a file, many batches a transaction, an answer only once it is durable.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use linli_replica::batch::Batch;
use rand::rngs::{StdRng, SysRng};
use rand_core::SeedableRng as _;
use redb::{Durability, ReadableDatabase as _};

use crate::apply::Applier;
use crate::chain::{ChainId, plan};
use crate::database::Database;
use crate::error::StoreError;
use crate::key::{Place, Sealer};
use crate::layout::URGENT;
use crate::limits::{UNSETTLED_BATCHES_MAX, UNSETTLED_BYTES_MAX};
use crate::medium::Medium;
use crate::queue::{Job, LaneName, Queue};
use crate::snapshot::{Laid, Snapshot};
use crate::unsettled::{self, Numbered, Unsettled, batch_bytes};

/// What readers and both writers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) medium: Arc<dyn Medium>,
    pub(crate) main: Database,
    pub(crate) urgent: Database,
    pub(crate) sealer: Sealer,
    pub(crate) queue: Queue,
    pub(crate) unsettled: RwLock<Arc<Unsettled>>,
    /// The last urgent batch that is durably part of the main file.
    pub(crate) settled: AtomicU64,
    /// A write met a full disk; the reserve may be gone.
    pub(crate) full: AtomicBool,
}

type Verdicts = Vec<Result<(), StoreError>>;

impl Shared {
    /// Returns the urgent batches that are apart. Taken before a snapshot of the main file, the two
    /// together miss nothing.
    pub(crate) fn unsettled(&self) -> Arc<Unsettled> {
        Arc::clone(&self.unsettled.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace_unsettled(&self, change: impl FnOnce(&Unsettled) -> Unsettled) {
        let mut current = self.unsettled.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(change(&current));
    }
}

/// Writes normal batches, and urgent ones a second time, into the main file.
pub(crate) fn run_main(shared: &Shared) {
    let _stop = Abandon(shared, LaneName::Normal);
    while let Some((jobs, bound)) = shared.queue.next_normal() {
        let verdicts = commit_main(shared, &jobs, bound);
        shared.queue.finish(LaneName::Normal, || shared.unsettled());
        answer(jobs, verdicts);
    }
}

/// Writes urgent batches into the urgent file.
pub(crate) fn run_urgent(shared: &Shared) {
    let _stop = Abandon(shared, LaneName::Urgent);
    while let Some((jobs, pending)) = shared.queue.next_urgent() {
        let verdicts = commit_urgent(shared, &jobs, &pending);
        shared.queue.finish(LaneName::Urgent, || shared.unsettled());
        answer(jobs, verdicts);
    }
}

/// Answers those who wait even where a writer stops unexpectedly.
struct Abandon<'a>(&'a Shared, LaneName);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.queue.abandon(self.1);
    }
}

fn answer(jobs: Vec<Job>, verdicts: Verdicts) {
    for (job, verdict) in jobs.into_iter().zip(verdicts) {
        (job.done)(verdict);
    }
}

fn all(jobs: &[Job], error: &StoreError) -> Verdicts {
    jobs.iter().map(|_| Err(error.clone())).collect()
}

fn rng() -> Result<StdRng, StoreError> {
    StdRng::try_from_rng(&mut SysRng).map_err(|error| std::io::Error::other(error).into())
}

/// Writes these batches and the urgent ones below `bound`.
fn commit_main(shared: &Shared, jobs: &[Job], bound: u64) -> Verdicts {
    let urgent = shared.unsettled().before(bound);
    if shared.full.load(Ordering::Acquire) && !make_room(shared, jobs, &urgent) {
        return all(jobs, &StoreError::Full);
    }
    let attempt = || shared.main.write(|database| write_main(shared, database, jobs, &urgent));
    let result = match attempt() {
        Err(StoreError::Full) => Err(StoreError::Full),
        // The failure may be an earlier read's; the file is open anew.
        Err(error) if error.breaks_file() => attempt(),
        done => done,
    };
    match result {
        Ok(verdicts) => {
            if let Some(last) = urgent.last() {
                shared.settled.fetch_max(last, Ordering::AcqRel);
                shared.replace_unsettled(|now| Unsettled::new(now.after(last).to_vec()));
            }
            if jobs.iter().any(|job| !job.batch.erase.is_empty())
                && let Err(error) = purge_urgent(shared)
            {
                tracing::error!(%error, "what was erased is still in the urgent file");
                return unless_erasing(jobs, verdicts, &error);
            }
            verdicts
        }
        Err(error) => {
            if matches!(error, StoreError::Full) {
                shared.full.store(true, Ordering::Release);
            }
            tracing::error!(%error, batches = jobs.len(), "a transaction was not stored");
            all(jobs, &error)
        }
    }
}

/// Removes what the main file has taken over: copies of what was erased may be among it.
fn purge_urgent(shared: &Shared) -> Result<(), StoreError> {
    let attempt = || shared.urgent.write(|database| write_urgent(shared, database, &[]));
    match attempt() {
        Err(error) if error.breaks_file() => attempt(),
        done => done,
    }
}

/// A removal that is not whole counts as not done; it is asked for again.
fn unless_erasing(jobs: &[Job], verdicts: Verdicts, error: &StoreError) -> Verdicts {
    let erases = |job: &Job| !job.batch.erase.is_empty();
    let verdict = |(job, verdict)| if erases(job) { Err(error.clone()) } else { verdict };
    jobs.iter().zip(verdicts).map(verdict).collect()
}

/// After the disk was full: takes the reserve back and looks for room beside it.
fn make_room(shared: &Shared, jobs: &[Job], urgent: &Unsettled) -> bool {
    let bytes: usize = jobs.iter().map(|job| batch_bytes(&job.batch)).sum();
    let rows: usize = jobs.iter().map(|job| job.batch.records.len() + 8).sum();
    // Pages are copied on write: each row may dirty one, and the trees above are a few more.
    let need = (bytes + urgent.bytes).saturating_mul(3).saturating_add(rows << 12);
    let room = shared.medium.hold_reserve().is_ok()
        && shared.medium.has_room(u64::try_from(need).unwrap_or(u64::MAX));
    if room {
        shared.full.store(false, Ordering::Release);
    }
    room
}

fn write_main(
    shared: &Shared,
    database: &redb::Database,
    jobs: &[Job],
    urgent: &Unsettled,
) -> Result<Verdicts, StoreError> {
    let mut rng = rng()?;
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    let mut verdicts = Vec::with_capacity(jobs.len());
    let mut applier = Applier::new(&txn, &shared.sealer)?;
    let settled = applier.settled()?;
    let mut urgent = urgent.after(settled).iter().peekable();
    let mut last = settled;
    let bound = jobs.iter().map(Some).chain([None]);
    for job in bound {
        // Urgent batches take effect in the order in which all batches were submitted.
        while let Some((number, batch)) =
            urgent.next_if(|(number, _)| job.is_none_or(|job| *number < job.number))
        {
            applier.apply(batch, false, &mut rng)?;
            last = *number;
        }
        let Some(job) = job else { break };
        match applier.apply(&job.batch, true, &mut rng) {
            Err(StoreError::Gap) => verdicts.push(Err(StoreError::Gap)),
            done => verdicts.push(done),
        }
        if let Some(Err(error)) = verdicts.last()
            && !matches!(error, StoreError::Gap)
        {
            return Err(error.clone());
        }
    }
    applier.finish(last)?;
    txn.commit()?;
    Ok(verdicts)
}

fn commit_urgent(shared: &Shared, jobs: &[Job], pending: &[Numbered]) -> Verdicts {
    let admitted = admit_urgent(shared, jobs, pending);
    let rows: Vec<Numbered> = admitted.iter().filter_map(|row| row.clone().ok()).collect();
    if rows.is_empty() {
        return admitted.into_iter().map(|row| row.map(drop)).collect();
    }
    let written = write_urgent_surely(shared, &rows);
    match &written {
        Ok(()) => shared.replace_unsettled(|now| {
            Unsettled::new(now.batches.iter().cloned().chain(rows).collect())
        }),
        Err(error) => {
            tracing::error!(%error, batches = rows.len(), "urgent batches were not stored");
            reload_unsettled(shared);
        }
    }
    admitted.into_iter().map(|row| row.and_then(|_| written.clone())).collect()
}

/// Checks that each batch joins what is held, and that there is room for it in memory.
fn admit_urgent(
    shared: &Shared,
    jobs: &[Job],
    pending: &[Numbered],
) -> Vec<Result<Numbered, StoreError>> {
    let held = shared.unsettled();
    let snapshot = shared.main.read(Snapshot::of);
    if let Err(error) = &snapshot {
        tracing::error!(%error, "urgent batches are stored without reading the main file");
    }
    let batches = held.batches.iter().map(|(_, batch)| Arc::clone(batch)).collect();
    let mut laid = Laid { below: snapshot.as_ref().ok(), batches };
    let mut bytes = held.bytes;
    let mut admit = |job: &Job| {
        let batch = complete(&mut laid, job, pending)?;
        bytes = bytes.saturating_add(batch_bytes(&batch));
        if laid.batches.len() >= UNSETTLED_BATCHES_MAX || bytes > UNSETTLED_BYTES_MAX {
            return Err(StoreError::Backlog);
        }
        laid.batches.push(Arc::clone(&batch));
        Ok((job.number, batch))
    };
    jobs.iter().map(&mut admit).collect()
}

/// Adds the entries an urgent batch builds on where they wait in normal batches before it, so that
/// an alert neither waits for them nor leaves a hole in its log.
fn complete(
    laid: &mut Laid<&Snapshot>,
    job: &Job,
    pending: &[Numbered],
) -> Result<Arc<Batch>, StoreError> {
    let strict = laid.below.is_some();
    match plan(laid, &[], &job.batch.entries, strict) {
        Err(StoreError::Gap) => {}
        done => return done.map(|_| Arc::clone(&job.batch)),
    }
    let chains: BTreeSet<ChainId> = job.batch.entries.iter().map(ChainId::of).collect();
    let before = pending.iter().filter(|(number, _)| *number < job.number);
    let wanted = before.flat_map(|(_, batch)| &batch.entries);
    let mut batch = (*job.batch).clone();
    batch.entries = wanted.filter(|entry| chains.contains(&ChainId::of(entry))).cloned().collect();
    batch.entries.extend(job.batch.entries.iter().cloned());
    plan(laid, &[], &batch.entries, true)?;
    Ok(Arc::new(batch))
}

/// Writes rows of the urgent file; where the disk is full, out of the reserve.
fn write_urgent_surely(shared: &Shared, rows: &[Numbered]) -> Result<(), StoreError> {
    let attempt = || shared.urgent.write(|database| write_urgent(shared, database, rows));
    match attempt() {
        Err(StoreError::Full) => {
            shared.full.store(true, Ordering::Release);
            let released = shared.medium.release_reserve()?;
            tracing::warn!(released, "the disk is full; the reserve for alerts is in use");
            attempt()
        }
        Err(error) if error.breaks_file() => attempt(),
        done => done,
    }
}

fn write_urgent(
    shared: &Shared,
    database: &redb::Database,
    rows: &[Numbered],
) -> Result<(), StoreError> {
    let mut rng = rng()?;
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    {
        let mut table = txn.open_table(URGENT)?;
        table.retain_in(..=shared.settled.load(Ordering::Acquire), |_, _| false)?;
        for (number, batch) in rows {
            let key = number.to_be_bytes();
            let place = Place { table: "urgent", row: &key };
            let sealed = shared.sealer.seal(&mut rng, &place, &key, &unsettled::encode(batch));
            table.insert(number, sealed.as_slice())?;
        }
    }
    txn.commit()?;
    Ok(())
}

/// Reads the batches of the urgent file that the main file, settled up to `settled`, lacks.
pub(crate) fn read_unsettled(
    database: &redb::Database,
    sealer: &Sealer,
    settled: u64,
) -> Result<Vec<Numbered>, StoreError> {
    let txn = database.begin_read()?;
    let mut found = Vec::new();
    for row in txn.open_table(URGENT)?.range(settled.saturating_add(1)..)? {
        let (number, sealed) = row?;
        let key = number.value().to_be_bytes();
        let (_, bytes) = sealer
            .open(&Place { table: "urgent", row: &key }, sealed.value())
            .ok_or(StoreError::Corrupted { table: "urgent" })?;
        found.push((number.value(), Arc::new(unsettled::decode(&bytes)?)));
    }
    Ok(found)
}

/// After a failed commit: it may be there in spite of the failure, as a restart would find it.
fn reload_unsettled(shared: &Shared) {
    let settled = shared.settled.load(Ordering::Acquire);
    let found = shared.urgent.read(|database| read_unsettled(database, &shared.sealer, settled));
    match found {
        Ok(batches) => shared.replace_unsettled(|_| Unsettled::new(batches)),
        Err(error) => tracing::error!(%error, "the urgent file cannot be read back"),
    }
}
