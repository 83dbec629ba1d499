//! Blobs: large sealed files beside a document, named by the BLAKE3 hash of their sealed bytes, and the proof that a
//! part belongs to one. `docs/spec/blob.md` is the format.
//!
//! The proof is a Bao slice over groups of 16 KiB, as iroh-blobs uses it: whoever knows the hash checks each part as it
//! comes, whoever sent it.

use std::io;

use bao_tree::io::outboard::PreOrderOutboard;
pub use bao_tree::io::sync::ReadAt;
use bao_tree::io::sync::{DecodeResponseIter, encode_ranges_validated, outboard};
use bao_tree::io::{BaoContentItem, DecodeError, EncodeError};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use minicbor::{Decode, Encode};

use crate::id::{BlobId, DocTag, SpaceTag};
use crate::limits::{BLOB_BYTES_MAX, BLOB_PART_BYTES};

/// Groups of 2^4 chunks of 1 KiB.
const GROUP: BlockSize = BlockSize::from_chunk_log(4);

/// Bytes of a part.
const PART: u64 = BLOB_PART_BYTES as u64;

/// Bytes of a group.
const GROUP_BYTES: u64 = 16 << 10;

/// The least that a file takes on a disk.
const DISK_BYTES: u64 = 4 << 10;

/// Bytes of a sealed chunk, and of the tag in it.
const SEALED_BYTES: u64 = 64 << 10;
const TAG_BYTES: u64 = 16;

/// A blob as it stands beside a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Blob {
    /// Its id.
    #[n(0)]
    pub id: BlobId,
    /// The space of its document.
    #[n(1)]
    pub space: SpaceTag,
    /// Its document.
    #[n(2)]
    pub document: DocTag,
    /// Bytes, sealed; at most [`BLOB_BYTES_MAX`], and one of those that [`is_sealed_size`] knows.
    #[n(3)]
    pub size: u64,
}

impl Blob {
    /// Says whether its size is one that a blob may have.
    #[must_use]
    pub const fn is_sized(&self) -> bool {
        is_sealed_size(self.size)
    }

    /// Returns the bytes that it takes on a disk: with the hashes of its tree, and no less than 4 KiB.
    #[must_use]
    pub const fn stored_bytes(&self) -> u64 {
        let hashes = self.size.div_ceil(GROUP_BYTES).saturating_sub(1).saturating_mul(64);
        let bytes = self.size.saturating_add(hashes);
        if bytes < DISK_BYTES { DISK_BYTES } else { bytes }
    }
}

/// Says whether sealing gives blobs of `size` bytes: whole buckets, and a tag for each chunk of them.
#[must_use]
pub const fn is_sealed_size(size: u64) -> bool {
    if size == 0 || size > BLOB_BYTES_MAX {
        return false;
    }
    let framed = size.saturating_sub(size.div_ceil(SEALED_BYTES).saturating_mul(TAG_BYTES));
    let tags = framed.div_ceil(SEALED_BYTES - TAG_BYTES).saturating_mul(TAG_BYTES);
    let step = match (framed / 8).checked_ilog2() {
        Some(bits) if bits > 8 => 1 << bits,
        Some(_) | None => 256,
    };
    framed > 0 && framed.is_multiple_of(step) && framed + tags == size
}

/// Returns the bytes of the part of a blob of `size` bytes that begins at `offset`; none where no part begins there.
#[must_use]
pub const fn part_bytes(size: u64, offset: u64) -> Option<u64> {
    if size > BLOB_BYTES_MAX || offset >= size || !offset.is_multiple_of(PART) {
        return None;
    }
    let left = size - offset;
    Some(if left < PART { left } else { PART })
}

/// Returns the id of sealed bytes and the hashes of their tree, in pre-order, 64 bytes for each two groups.
///
/// # Errors
/// The bytes cannot be read, or are not `size`.
pub fn hash(bytes: impl io::Read, size: u64) -> io::Result<(BlobId, Vec<u8>)> {
    let tree = BaoTree::new(size, GROUP);
    let data = vec![0; usize::try_from(tree.outboard_size()).map_err(io::Error::other)?];
    let mut hashes = PreOrderOutboard { root: [0; 32].into(), tree, data };
    let root = outboard(bytes, tree, &mut hashes)?;
    Ok((BlobId(*root.as_bytes()), hashes.data))
}

/// Returns one part of a blob with its proof. `hashes` are those of its tree.
///
/// # Errors
/// There is no such part, or what is stored cannot be read or is damaged.
pub fn slice(
    id: &BlobId,
    size: u64,
    offset: u64,
    bytes: impl ReadAt,
    hashes: impl ReadAt,
) -> io::Result<Vec<u8>> {
    let count = part_bytes(size, offset)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no part begins there"))?;
    let tree = BaoTree::new(size, GROUP);
    let hashes = PreOrderOutboard { root: id.0.into(), tree, data: hashes };
    let mut slice = Vec::new();
    encode_ranges_validated(bytes, hashes, &ranges(offset, count), &mut slice).map_err(
        |error| match error {
            EncodeError::Io(error) => error,
            other @ (EncodeError::ParentHashMismatch(_)
            | EncodeError::LeafHashMismatch(_)
            | EncodeError::ParentWrite(_)
            | EncodeError::LeafWrite(_)
            | EncodeError::SizeMismatch) => io::Error::new(io::ErrorKind::InvalidData, other),
        },
    )?;
    Ok(slice)
}

/// Takes the bytes of a part out of its slice, where it proves that they stand at `offset` of the blob.
#[must_use]
pub fn open_slice(id: &BlobId, size: u64, offset: u64, slice: &[u8]) -> Option<Vec<u8>> {
    let count = part_bytes(size, offset)?;
    let tree = BaoTree::new(size, GROUP);
    let ranges = ranges(offset, count);
    let mut rest = slice;
    let mut part = Vec::with_capacity(usize::try_from(count).ok()?);
    for item in DecodeResponseIter::new(id.0.into(), tree, &mut rest, &ranges) {
        let item: Result<BaoContentItem, DecodeError> = item;
        if let BaoContentItem::Leaf(leaf) = item.ok()? {
            part.extend_from_slice(&leaf.data);
        }
    }
    (rest.is_empty() && u64::try_from(part.len()) == Ok(count)).then_some(part)
}

fn ranges(offset: u64, count: u64) -> ChunkRanges {
    ChunkRanges::from(ChunkNum::full_chunks(offset)..ChunkNum::chunks(offset + count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        blake3::Hasher::new().update(b"blob").finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn every_part_proves_itself_and_together_they_are_the_blob() {
        for size in [1, 1_000, 16_384, 16_385, BLOB_PART_BYTES, BLOB_PART_BYTES + 1, 700_001] {
            let bytes = bytes(size);
            let size = size as u64;
            let (id, hashes) = hash(&bytes[..], size).unwrap();
            assert_eq!(id.0, *blake3::hash(&bytes).as_bytes(), "content-addressed");
            let mut whole = Vec::new();
            while (whole.len() as u64) < size {
                let offset = whole.len() as u64;
                let slice = slice(&id, size, offset, &bytes[..], &hashes[..]).unwrap();
                assert!(slice.len() <= crate::limits::BLOB_SLICE_BYTES_MAX);
                whole.extend(open_slice(&id, size, offset, &slice).unwrap());
            }
            assert_eq!(whole, bytes);
        }
    }

    #[test]
    fn a_part_that_is_another_or_changed_or_too_long_or_of_another_size_is_none() {
        let bytes = bytes(600_000);
        let (id, hashes) = hash(&bytes[..], 600_000).unwrap();
        let part = BLOB_PART_BYTES as u64;
        let good = slice(&id, 600_000, part, &bytes[..], &hashes[..]).unwrap();
        assert!(open_slice(&id, 600_000, part, &good).is_some());
        assert!(open_slice(&id, 600_000, 0, &good).is_none());
        assert!(open_slice(&id, 600_000, part + 1, &good).is_none(), "no part begins there");
        assert!(open_slice(&id, 600_000 * 4, part, &good).is_none());
        assert!(open_slice(&id, part * 2, part, &good).is_none());
        assert!(open_slice(&BlobId([1; 32]), 600_000, part, &good).is_none());
        assert!(open_slice(&id, 600_000, part, &good[..good.len() - 1]).is_none());
        assert!(open_slice(&id, 600_000, part, &[&good[..], &[0]].concat()).is_none());
        for at in (0..good.len()).step_by(997) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(open_slice(&id, 600_000, part, &bad).is_none(), "byte {at}");
        }
        assert!(open_slice(&id, u64::MAX, 0, &good).is_none(), "nothing has this size");
    }

    #[test]
    fn damage_on_the_disk_is_not_sent() {
        let mut bytes = bytes(300_000);
        let (id, hashes) = hash(&bytes[..], 300_000).unwrap();
        bytes[5] ^= 1;
        assert!(slice(&id, 300_000, 0, &bytes[..], &hashes[..]).is_err());
        assert!(slice(&id, 300_000, 131_072, &bytes[..], &hashes[..]).is_ok(), "the rest is whole");
    }
}
