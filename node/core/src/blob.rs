//! Sealing files as blobs, and opening them: `docs/spec/blob.md`.
//!
//! A file is framed as length (8 bytes, little endian) ‖ content ‖ zeros up to a bucket, and sealed under a key of its
//! own in chunks, by STREAM ("Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", Hoang, Reyhanitabar,
//! Rogaway and Vizár, 2015) over ChaCha20-Poly1305: chunks cannot be left out, repeated or moved, and the last is known
//! as such. Neither end holds more than a chunk in memory.

use std::io::{self, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::Payload;
use linli_replica::limits::BLOB_BYTES_MAX;
use zeroize::Zeroizing;

use crate::limits::FILE_BYTES_MAX;
use crate::seal::bucket;
use crate::secret::{Plaintext, Secret};

/// Bytes of a sealed chunk; the last may be shorter.
const SEALED_BYTES: usize = 64 << 10;
/// Bytes of the tag of a chunk.
const TAG_BYTES: usize = 16;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = SEALED_BYTES - TAG_BYTES;
const PREFIX_BYTES: usize = 8;
const CONTEXT: &[u8] = b"linli 1 blob";

/// Why a file cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The file is larger than any may be.
    #[error("a file has at most {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file did not have the bytes that were counted.
    #[error("the file changed while it was read")]
    Changed,
    /// The blob does not open under this key.
    #[error("this blob does not open under its key: it was damaged, or sealed by mistake")]
    Damaged,
    /// One end could not be read or written.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
}

/// Returns the bytes that a file of so many takes as a blob.
#[must_use]
pub fn sealed_bytes(file: u64) -> u64 {
    let framed = framed_bytes(file) as u64;
    framed + framed.div_ceil(CHUNK_BYTES as u64) * TAG_BYTES as u64
}

fn framed_bytes(file: u64) -> usize {
    bucket(PREFIX_BYTES.saturating_add(usize::try_from(file).unwrap_or(usize::MAX / 2)))
}

/// Seals a file of `length` bytes under a key that is drawn for it and used for nothing else.
///
/// # Errors
/// See [`BlobError`]. What was written until then is of no use.
pub fn seal(
    key: &Secret,
    file: impl Read,
    length: u64,
    mut sealed: impl Write,
) -> Result<(), BlobError> {
    if length > FILE_BYTES_MAX {
        return Err(BlobError::TooLarge);
    }
    if length == 0 {
        return Err(BlobError::Empty);
    }
    let mut left = framed_bytes(length);
    let prefix = length.to_le_bytes();
    let padding = left.saturating_sub(PREFIX_BYTES) as u64 - length;
    let mut framed =
        prefix.chain(Exactly { file, left: length }).chain(io::repeat(0).take(padding));
    let mut stream = EncryptorBE32::<ChaCha20Poly1305>::new(&(*key.expose()).into(), &nonce());
    let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
    while left > CHUNK_BYTES {
        framed.read_exact(&mut chunk).map_err(changed)?;
        let bytes = stream.encrypt_next(payload(&chunk)).map_err(|_| BlobError::TooLarge)?;
        sealed.write_all(&bytes)?;
        left -= CHUNK_BYTES;
    }
    chunk.truncate(left);
    framed.read_exact(&mut chunk).map_err(changed)?;
    let bytes = stream.encrypt_last(payload(&chunk)).map_err(|_| BlobError::TooLarge)?;
    sealed.write_all(&bytes)?;
    let (rest, _) = framed.into_inner();
    let (_, mut rest) = rest.into_inner();
    // A file that has grown was another when it was counted.
    if rest.file.read(&mut [0])? > 0 { Err(BlobError::Changed) } else { Ok(()) }
}

/// Opens a blob of `size` bytes into `file`; returns the bytes of the file. What was written before an error is of no
/// use: the blob may have been cut short.
///
/// # Errors
/// See [`BlobError`].
pub fn open(
    key: &Secret,
    mut sealed: impl Read,
    size: u64,
    file: impl Write,
) -> Result<u64, BlobError> {
    let mut left = usize::try_from(size).map_err(|_| BlobError::TooLarge)?;
    if size > BLOB_BYTES_MAX {
        return Err(BlobError::TooLarge);
    }
    let mut stream = DecryptorBE32::<ChaCha20Poly1305>::new(&(*key.expose()).into(), &nonce());
    let mut framed = Unframed { file, length: None, left: 0 };
    let mut chunk = vec![0; SEALED_BYTES];
    while left > SEALED_BYTES {
        sealed.read_exact(&mut chunk)?;
        let bytes = stream.decrypt_next(payload(&chunk)).map_err(|_| BlobError::Damaged)?;
        framed.take(Zeroizing::new(bytes))?;
        left -= SEALED_BYTES;
    }
    chunk.truncate(left);
    sealed.read_exact(&mut chunk)?;
    let bytes = stream.decrypt_last(payload(&chunk)).map_err(|_| BlobError::Damaged)?;
    framed.take(Zeroizing::new(bytes))?;
    match framed.length {
        Some(length) if framed.left == 0 => Ok(length),
        Some(_) | None => Err(BlobError::Damaged),
    }
}

/// The key is used for one blob: a nonce would tell nothing apart.
fn nonce() -> aead_stream::Nonce<ChaCha20Poly1305, aead_stream::StreamBE32<ChaCha20Poly1305>> {
    [0; 7].into()
}

const fn payload(bytes: &[u8]) -> Payload<'_, 'static> {
    Payload { msg: bytes, aad: CONTEXT }
}

fn changed(error: io::Error) -> BlobError {
    match error.kind() == io::ErrorKind::UnexpectedEof {
        true => BlobError::Changed,
        false => BlobError::Io(error),
    }
}

/// As many bytes of a file as were counted.
struct Exactly<R> {
    file: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut self.file).take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Takes content out of its frame as it comes.
struct Unframed<W> {
    file: W,
    length: Option<u64>,
    left: u64,
}

impl<W: Write> Unframed<W> {
    fn take(&mut self, framed: Plaintext) -> Result<(), BlobError> {
        let mut rest = framed.as_slice();
        if self.length.is_none() {
            let (prefix, behind) = rest.split_first_chunk().ok_or(BlobError::Damaged)?;
            self.left = u64::from_le_bytes(*prefix);
            self.length = Some(self.left);
            rest = behind;
        }
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
        let (content, padding) = rest.split_at(count);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BlobError::Damaged);
        }
        self.left -= count as u64;
        Ok(self.file.write_all(content)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Secret = Secret::new([7; 32]);

    fn sealed(file: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        seal(&KEY, file, file.len() as u64, &mut sealed).unwrap();
        sealed
    }

    fn opened(sealed: &[u8]) -> Result<Vec<u8>, BlobError> {
        let mut file = Vec::new();
        let count = open(&KEY, sealed, sealed.len() as u64, &mut file)?;
        assert_eq!(count, file.len() as u64);
        Ok(file)
    }

    #[test]
    fn files_come_back_and_their_lengths_are_in_buckets() {
        for length in [1, 248, 249, 4_000, 57_336, 65_512, 65_513, 131_072, 1_000_000] {
            let file: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let blob = sealed(&file);
            assert_eq!(blob.len() as u64, sealed_bytes(length));
            assert_eq!(linli_model::attachment::sealed_bytes(length), sealed_bytes(length));
            assert!(linli_replica::blob::is_sealed_size(sealed_bytes(length)));
            assert_eq!(opened(&blob).unwrap(), file, "{length}");
        }
        assert_eq!(sealed_bytes(1), sealed_bytes(248));
        assert_eq!(sealed_bytes(900_000), sealed_bytes(910_000));
        assert!(sealed_bytes(FILE_BYTES_MAX) <= BLOB_BYTES_MAX);
    }

    #[test]
    fn what_was_changed_cut_moved_or_sealed_for_another_does_not_open() {
        let file = vec![3; 200_000];
        let good = sealed(&file);
        for at in [0, 65_535, 65_536, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(matches!(opened(&bad), Err(BlobError::Damaged)), "byte {at}");
        }
        // Cut between two chunks, the chunk before is whole but not the last.
        assert!(matches!(opened(&good[..SEALED_BYTES * 2]), Err(BlobError::Damaged)));
        let mut moved = good.clone();
        let (a, b) = moved.split_at_mut(SEALED_BYTES);
        a.swap_with_slice(&mut b[..SEALED_BYTES]);
        assert!(matches!(opened(&moved), Err(BlobError::Damaged)));
        let mut out = Vec::new();
        let other = Secret::new([8; 32]);
        let size = good.len() as u64;
        assert!(matches!(open(&other, &good[..], size, &mut out), Err(BlobError::Damaged)));
    }

    #[test]
    fn a_file_that_is_none_or_too_large_or_changes_is_refused() {
        let seal = |file: &[u8], length| seal(&KEY, file, length, io::sink());
        assert!(matches!(seal(&[], 0), Err(BlobError::Empty)));
        assert!(matches!(seal(&[1], FILE_BYTES_MAX + 1), Err(BlobError::TooLarge)));
        assert!(matches!(seal(&[1, 2], 3), Err(BlobError::Changed)));
        assert!(matches!(seal(&[1, 2, 3], 2), Err(BlobError::Changed)));
    }
}
