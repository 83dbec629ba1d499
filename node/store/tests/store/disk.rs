//! A disk that keeps what is durable apart from what is only written, tears writes at sectors when
//! the power is cut, and has an end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use linli_store::limits::RESERVE_BYTES;
use linli_store::medium::{Medium, Part};
use rand::RngExt as _;
use redb::StorageBackend;

const SECTOR: usize = 512;
const BLOCK: u64 = 4096;

/// A disk with both files of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    files: BTreeMap<Part, FileContent>,
    reserve: bool,
    /// Bytes of the whole disk; none means without end.
    size: Option<u64>,
    /// Bytes that others take.
    taken: u64,
    /// Writes and syncs so far.
    steps: u64,
    /// The power is cut at this step.
    cut_at: Option<u64>,
    off: bool,
}

#[derive(Debug, Default)]
struct FileContent {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
    /// Blocks that hold data, as on a file system with sparse files.
    blocks: BTreeSet<u64>,
}

#[derive(Debug)]
struct Backend {
    disk: Disk,
    part: Part,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }

    /// Cuts the power at the write or sync that comes `steps` from here.
    pub(crate) fn cut_power_after(&self, steps: u64) {
        let mut disk = self.lock();
        disk.cut_at = Some(disk.steps + steps);
    }

    pub(crate) fn is_off(&self) -> bool {
        self.lock().off
    }

    /// Ends the disk `bytes` after what it holds.
    pub(crate) fn leave_free(&self, bytes: u64) {
        let mut disk = self.lock();
        disk.size = Some(disk.used() + bytes);
    }

    pub(crate) fn free_all(&self) {
        self.lock().size = None;
    }

    pub(crate) fn has_reserve(&self) -> bool {
        self.lock().reserve
    }

    /// Returns a disk that holds what the power cut may have left: all that is durable, and of the
    /// rest any sectors: half of them, most or all.
    pub(crate) fn after_power_cut(&self, rng: &mut impl rand::Rng) -> Self {
        let content = self.lock();
        let kept = [0.5, 0.9, 1.0][rng.random_range(0..3)];
        let mut files = BTreeMap::new();
        for (part, file) in &content.files {
            let mut image = file.durable.clone();
            for (offset, data) in &file.pending {
                for (n, sector) in data.chunks(SECTOR).enumerate() {
                    let at = offset + n * SECTOR;
                    if rng.random_bool(kept)
                        && let Some(place) = image.get_mut(at..at + sector.len())
                    {
                        place.copy_from_slice(sector);
                    }
                }
            }
            let seen = image.clone();
            files.insert(*part, FileContent { seen, durable: image, ..FileContent::default() });
        }
        Self(Arc::new(Mutex::new(Content { files, ..Content::default() })))
    }

    /// Returns every byte a thief finds.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().files.values().flat_map(|file| file.seen.clone()).collect()
    }
}

impl Content {
    fn step(&mut self) {
        self.steps += 1;
        self.off |= self.cut_at.is_some_and(|at| self.steps >= at);
    }

    fn used(&self) -> u64 {
        let blocks: usize = self.files.values().map(|file| file.blocks.len()).sum();
        let reserve = if self.reserve { RESERVE_BYTES } else { 0 };
        blocks as u64 * BLOCK + reserve + self.taken
    }

    fn check(&self, more: u64) -> io::Result<()> {
        if self.off {
            return Err(io::Error::other("the power is cut"));
        }
        match self.size {
            Some(size) if self.used() + more > size => {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            _ => Ok(()),
        }
    }
}

impl Medium for Disk {
    fn exists(&self, part: Part) -> io::Result<bool> {
        Ok(self.lock().files.get(&part).is_some_and(|file| !file.seen.is_empty()))
    }

    fn open(&self, part: Part) -> io::Result<Box<dyn StorageBackend>> {
        let mut disk = self.lock();
        disk.check(0).or_else(|error| if disk.off { Err(error) } else { Ok(()) })?;
        disk.files.entry(part).or_default();
        Ok(Box::new(Backend { disk: self.clone(), part }))
    }

    fn hold_reserve(&self) -> io::Result<()> {
        let mut disk = self.lock();
        if !disk.reserve {
            disk.check(RESERVE_BYTES)?;
            disk.reserve = true;
        }
        Ok(())
    }

    fn release_reserve(&self) -> io::Result<bool> {
        Ok(std::mem::take(&mut self.lock().reserve))
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.lock().check(bytes).is_ok()
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[&self.part].seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.lock();
        let offset = usize::try_from(offset).unwrap();
        let seen = disk.files[&self.part].seen.get(offset..offset + out.len());
        out.copy_from_slice(seen.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        if disk.off {
            return Err(io::Error::other("the power is cut"));
        }
        let file = disk.files.get_mut(&self.part).unwrap();
        // As on a journalling file system, the length is durable before what is written there.
        for bytes in [&mut file.seen, &mut file.durable] {
            let mut resized = vec![0; usize::try_from(len).unwrap()];
            let kept = bytes.len().min(resized.len());
            resized[..kept].copy_from_slice(&bytes[..kept]);
            *bytes = resized;
        }
        file.blocks.retain(|block| block * BLOCK < len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.step();
        if disk.off {
            return Err(io::Error::other("the power is cut"));
        }
        let file = disk.files.get_mut(&self.part).unwrap();
        for (offset, data) in std::mem::take(&mut file.pending) {
            if let Some(place) = file.durable.get_mut(offset..offset + data.len()) {
                place.copy_from_slice(&data);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.step();
        let blocks: BTreeSet<u64> =
            (offset / BLOCK..=(offset + data.len() as u64 - 1) / BLOCK).collect();
        let more = blocks.difference(&disk.files[&self.part].blocks).count() as u64 * BLOCK;
        let verdict = if more == 0 && !disk.off { Ok(()) } else { disk.check(more) };
        let off = disk.off;
        let file = disk.files.get_mut(&self.part).unwrap();
        let offset = usize::try_from(offset).unwrap();
        if verdict.is_ok() || off {
            // What is written as the power goes may reach the disk in part.
            file.pending.push((offset, data.to_vec()));
        }
        verdict?;
        file.blocks.extend(blocks);
        file.seen[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// Returns what a search of a stolen disk for `plain` must not find.
pub(crate) fn traces(plain: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u16> = plain.encode_utf16().collect();
    vec![
        plain.as_bytes().to_vec(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        hex::encode(plain).into_bytes(),
        hex::encode_upper(plain).into_bytes(),
    ]
}

pub(crate) fn noise(rng: &mut impl rand::Rng, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    rng.fill_bytes(&mut noise);
    noise
}
