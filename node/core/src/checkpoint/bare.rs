//! Changes without what can be worked out.
//!
//! A change names each change that it builds on by its hash: 32 bytes that nothing compresses. A table has all
//! of them, so that it says their places instead, and who reads it works the hashes out again, in the order in which
//! changes build on each other. The format of a change is Automerge's, chunks of type 1
//! (<https://automerge.org/automerge-binary-format-spec/>).

use std::collections::BTreeMap;

use automerge::{Change, ChangeHash};
use sha2::{Digest as _, Sha256};

use crate::document::{CHUNK_TYPE_CHANGE, MAGIC, Reader};
use crate::limits::CHECKPOINT_INFLATED_BYTES_MAX;

/// Bytes of a chunk's magic, its checksum and its type.
const HEAD_BYTES: usize = 4 + 4 + 1;

/// A change as a table states it.
#[derive(Debug)]
pub(super) struct Bare<'a> {
    /// The places in the table of what it builds on, in its own order.
    pub(super) on: Vec<usize>,
    /// Its bytes after these hashes.
    pub(super) body: &'a [u8],
}

impl<'a> Bare<'a> {
    /// Takes from a change what the table has already; none where it builds on what has no place.
    pub(super) fn new(change: &'a Change, places: &BTreeMap<ChangeHash, usize>) -> Option<Self> {
        let mut chunk = Reader(change.raw_bytes());
        chunk.take(HEAD_BYTES as u64)?;
        chunk.unsigned()?;
        let count = chunk.unsigned()?;
        chunk.take(count.checked_mul(32)?)?;
        let on = change.deps().iter().map(|hash| places.get(hash).copied());
        Some(Self { on: on.collect::<Option<_>>()?, body: chunk.0 })
    }

    /// Returns the bytes of the change, and its hash.
    fn whole(&self, hashes: &[Hash]) -> Option<(Vec<u8>, Hash)> {
        let mut data = Vec::new();
        unsigned(self.on.len(), &mut data)?;
        for on in &self.on {
            data.extend_from_slice(hashes.get(*on)?);
        }
        data.extend_from_slice(self.body);
        let mut kind_and_length = vec![CHUNK_TYPE_CHANGE];
        unsigned(data.len(), &mut kind_and_length)?;
        let hash = Sha256::new().chain_update(&kind_and_length).chain_update(&data).finalize();
        let (checksum, _) = hash.split_first_chunk::<4>()?;
        let chunk = [MAGIC.as_slice(), checksum, &kind_and_length, &data].concat();
        Some((chunk, hash.into()))
    }
}

type Hash = [u8; 32];

/// Works out the bytes of all changes of a table, in their places. None where some build on each other in a circle,
/// or on what has no place, or where they would become larger than a table may be.
pub(super) fn whole(bare: &[Bare<'_>]) -> Option<Vec<Vec<u8>>> {
    let bytes = bare.iter().map(|change| change.body.len() + change.on.len() * size_of::<Hash>());
    if bytes.sum::<usize>() > CHECKPOINT_INFLATED_BYTES_MAX {
        return None;
    }
    let mut missing: Vec<usize> = bare.iter().map(|change| change.on.len()).collect();
    let mut built_on_by: Vec<Vec<usize>> = vec![Vec::new(); bare.len()];
    for (place, change) in bare.iter().enumerate() {
        for on in &change.on {
            built_on_by.get_mut(*on)?.push(place);
        }
    }
    let mut ready: Vec<usize> =
        (0..bare.len()).filter(|place| missing.get(*place) == Some(&0)).collect();
    let mut hashes = vec![Hash::default(); bare.len()];
    let mut all = vec![Vec::new(); bare.len()];
    while let Some(place) = ready.pop() {
        let (bytes, hash) = bare.get(place)?.whole(&hashes)?;
        *all.get_mut(place)? = bytes;
        *hashes.get_mut(place)? = hash;
        for next in built_on_by.get(place)? {
            let missing = missing.get_mut(*next)?;
            *missing -= 1;
            ready.extend((*missing == 0).then_some(*next));
        }
    }
    missing.iter().all(|missing| *missing == 0).then_some(all)
}

fn unsigned(value: usize, into: &mut Vec<u8>) -> Option<()> {
    leb128::write::unsigned(into, value as u64).ok().map(drop)
}
