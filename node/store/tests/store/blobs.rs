//! The folder of blobs: crashes, damage, a full disk, removal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::channel;

use linli_replica::blob::{self, Blob, open_slice, part_bytes};
use linli_replica::id::{DocTag, SpaceTag};
use linli_replica::limits::BLOB_PART_BYTES;
use linli_replica::replica::Written;
use linli_store::{Blobs, StoreError};
use tempfile::TempDir;

const PART: u64 = BLOB_PART_BYTES as u64;
/// Two parts and a bit.
const SIZE: usize = 2 * BLOB_PART_BYTES + 77;

fn made(seed: u8) -> (Blob, Vec<u8>) {
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    let size = SIZE as u64;
    let (id, _) = blob::hash(&bytes[..], size).unwrap();
    (Blob { id, space: SpaceTag([1; 32]), document: DocTag([2; 32]), size }, bytes)
}

/// Writes the part at an offset and waits for what becomes of it.
fn write(blobs: &Blobs, blob: &Blob, bytes: &[u8], offset: u64) -> (Written, Option<StoreError>) {
    let count = part_bytes(blob.size, offset).unwrap();
    let [from, to] = [offset, offset + count].map(|at| usize::try_from(at).unwrap());
    let (done, told) = channel();
    let done = move |written, error| done.send((written, error)).unwrap();
    blobs.write(*blob, offset, bytes[from..to].to_vec(), Box::new(done));
    told.recv().unwrap()
}

fn read(blobs: &Blobs, blob: &Blob, offset: u64) -> Option<Vec<u8>> {
    let (done, told) = channel();
    blobs.read(*blob, offset, Box::new(move |slice| done.send(slice).unwrap()));
    open_slice(&blob.id, blob.size, offset, &told.recv().unwrap()?)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

#[test]
fn parts_outlive_a_crash_and_the_rest_completes_them() {
    let folder = folder();
    let path = folder.path().join("blobs");
    let (blob, bytes) = made(1);
    let (blobs, found) = Blobs::open(&path).unwrap();
    assert_eq!(found, linli_store::blobs::Found::default());
    assert_eq!(write(&blobs, &blob, &bytes, 0).0, Written::Part { to: PART });
    assert!(read(&blobs, &blob, 0).is_none(), "it is not whole");
    // Nothing that a process does at its end is needed.
    std::mem::forget(blobs);
    let (blobs, found) = Blobs::open(&path).unwrap();
    assert_eq!(found.parts, BTreeMap::from([(blob.id, PART)]));
    // What lies behind what was reported is written again.
    assert_eq!(write(&blobs, &blob, &bytes, PART).0, Written::Part { to: 2 * PART });
    assert_eq!(write(&blobs, &blob, &bytes, PART).0, Written::Part { to: 2 * PART });
    assert_eq!(write(&blobs, &blob, &bytes, 2 * PART).0, Written::Whole);
    for offset in [0, PART, 2 * PART] {
        let from = usize::try_from(offset).unwrap();
        let part = read(&blobs, &blob, offset).unwrap();
        assert_eq!(part, bytes[from..from + part.len()]);
    }
    let mut whole = Vec::new();
    blobs.bytes(&blob).unwrap().read_to_end(&mut whole).unwrap();
    assert!(whole == bytes, "exactly its bytes");
    drop(blobs);
    assert_eq!(names(&path), BTreeSet::from([blob.id.to_string()]));
    assert_eq!(Blobs::open(&path).unwrap().1.whole, BTreeSet::from([blob.id]));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join(blob.id.to_string())), 0o600);
}

#[test]
fn a_part_that_a_power_cut_tore_is_found_when_the_blob_is_whole() {
    let folder = folder();
    let (blob, bytes) = made(1);
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    write(&blobs, &blob, &bytes, 0);
    let file = folder.path().join(format!("{}.part", blob.id));
    let mut torn = fs::read(&file).unwrap();
    torn[70_000..74_096].fill(0);
    fs::write(&file, torn).unwrap();
    write(&blobs, &blob, &bytes, PART);
    let (written, error) = write(&blobs, &blob, &bytes, 2 * PART);
    assert_eq!(written, Written::Failed { to: 0 }, "all of it is fetched again");
    assert!(matches!(error, Some(StoreError::Corrupted { .. })));
    assert!(names(folder.path()).is_empty());
    for offset in [0, PART, 2 * PART] {
        write(&blobs, &blob, &bytes, offset);
    }
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn a_part_that_is_missing_is_asked_for_again() {
    let folder = folder();
    let (blob, bytes) = made(1);
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    write(&blobs, &blob, &bytes, 0);
    assert_eq!(write(&blobs, &blob, &bytes, 2 * PART).0, Written::Failed { to: PART });
    assert_eq!(write(&blobs, &made(2).0, &bytes, PART).0, Written::Failed { to: 0 });
}

#[test]
fn damage_of_a_whole_blob_is_not_given_to_others() {
    let folder = folder();
    let (blob, bytes) = made(1);
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    for offset in [0, PART, 2 * PART] {
        write(&blobs, &blob, &bytes, offset);
    }
    let file = folder.path().join(blob.id.to_string());
    let mut damaged = fs::read(&file).unwrap();
    damaged[3] ^= 1;
    fs::write(&file, damaged).unwrap();
    assert!(read(&blobs, &blob, 0).is_none());
    assert!(read(&blobs, &blob, PART).is_some());
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_part_and_keeps_what_was_there() {
    let folder = folder();
    let (blob, bytes) = made(1);
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    write(&blobs, &blob, &bytes, 0);
    drop(blobs);
    let (blobs, _) = Blobs::open_leaving(folder.path(), u64::MAX / 2).unwrap();
    let (written, error) = write(&blobs, &blob, &bytes, PART);
    assert_eq!(written, Written::Failed { to: PART });
    assert!(matches!(error, Some(StoreError::Full)), "{error:?}");
    let mut draft = blobs.draft().unwrap();
    let error = draft.write_all(&bytes).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    drop(draft);
    drop(blobs);
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    assert_eq!(write(&blobs, &blob, &bytes, PART).0, Written::Part { to: 2 * PART });
}

#[test]
fn what_is_removed_stays_so_whatever_was_queued_and_may_come_again() {
    let folder = folder();
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    let all: Vec<(Blob, Vec<u8>)> = (0..20).map(made).collect();
    let (done, told) = channel();
    for (blob, bytes) in &all {
        let done = done.clone();
        let part = bytes[..BLOB_PART_BYTES].to_vec();
        blobs.write(*blob, 0, part, Box::new(move |written, _| done.send(written).unwrap()));
    }
    let ids: BTreeSet<_> = all.iter().map(|(blob, _)| blob.id).collect();
    blobs.remove_now(ids).unwrap();
    assert_eq!(told.iter().take(20).count(), 20);
    assert!(names(folder.path()).is_empty(), "what was queued was not written");
    let (blob, bytes) = &all[0];
    for offset in [0, PART, 2 * PART] {
        write(&blobs, blob, bytes, offset);
    }
    assert_eq!(names(folder.path()), BTreeSet::from([blob.id.to_string()]));
}

#[test]
fn a_draft_becomes_a_blob_or_nothing() {
    let folder = folder();
    let (blob, bytes) = made(1);
    let (blobs, _) = Blobs::open(folder.path()).unwrap();
    let mut draft = blobs.draft().unwrap();
    draft.write_all(&bytes).unwrap();
    assert_eq!(draft.finish().unwrap(), (blob.id, blob.size));
    assert!(read(&blobs, &blob, PART).is_some());
    let mut dropped = blobs.draft().unwrap();
    dropped.write_all(b"half a photo").unwrap();
    drop(dropped);
    let mut left = blobs.draft().unwrap();
    left.write_all(b"of a process that was killed").unwrap();
    std::mem::forget(left);
    fs::write(folder.path().join("readme"), "somebody else's").unwrap();
    drop(blobs);
    let (_, found) = Blobs::open(folder.path()).unwrap();
    assert_eq!((found.whole.len(), found.parts.len()), (1, 0));
    let there = BTreeSet::from([blob.id.to_string(), "readme".to_owned()]);
    assert_eq!(names(folder.path()), there);
}
