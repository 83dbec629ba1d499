//! The storage key, and how rows are sealed under it.
//!
//! `docs/spec/store.md` is the format. Rows are sealed with XChaCha20-Poly1305 (RFC 8439 with the
//! extended nonce of draft-irtf-cfrg-xchacha) under random nonces; their names are keyed BLAKE3.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::limits::PAD_BYTES;

const SEAL_CONTEXT: &str = "linli 1 store seal";
const NAME_CONTEXT: &str = "linli 1 store row name";
const NONCE_BYTES: usize = 24;

/// The 32-byte key under which a node seals all it stores. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StorageKey([u8; 32]);

impl StorageKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Takes over a key of 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

/// A row in clear: its true key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Names, seals and opens rows.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    naming: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    pub(crate) fn new(key: &StorageKey) -> Self {
        let sealing = Zeroizing::new(blake3::derive_key(SEAL_CONTEXT, key.as_bytes()));
        let cipher = XChaCha20Poly1305::new((&*sealing).into());
        Self { cipher, naming: Zeroizing::new(blake3::derive_key(NAME_CONTEXT, key.as_bytes())) }
    }

    /// Returns the name under which the row of `key` in `table` is kept.
    pub(crate) fn name(&self, table: &str, key: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.naming);
        hasher.update(table.as_bytes()).update(&[0]).update(key);
        *hasher.finalize().as_bytes()
    }

    /// Seals a row for its place; the result opens nowhere else.
    pub(crate) fn seal(
        &self,
        rng: &mut impl CryptoRng,
        place: &Place<'_>,
        key: &[u8],
        value: &[u8],
    ) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let clear = Zeroizing::new(pack(key, value));
        let payload = Payload { msg: &clear, aad: &place.bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        assert!(sealed.is_ok(), "a row is far smaller than the cipher's limit of 256 GiB");
        [&nonce[..], &sealed.unwrap_or_default()].concat()
    }

    /// Opens a row sealed for `place`; none where key, place or bytes do not fit.
    pub(crate) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Option<KeyValue> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &place.bytes() };
        let clear = Zeroizing::new(self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?);
        let mut decoder = minicbor::Decoder::new(&clear);
        let key = decoder.bytes().ok()?.to_vec();
        Some((key, decoder.bytes().ok()?.to_vec()))
    }
}

/// Where a row stands: bound into its seal, so that rows cannot change places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) row: &'a [u8],
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.table.as_bytes(), &[0], self.row].concat()
    }
}

fn pack(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + value.len() + PAD_BYTES + 18);
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    let result = encoder.bytes(key).and_then(|e| e.bytes(value)).map(|_| ());
    assert!(result.is_ok(), "encoding into memory failed");
    bytes.resize(bytes.len().next_multiple_of(PAD_BYTES), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const PLACE: Place<'_> = Place { table: "records", row: b"row" };

    #[test]
    fn a_row_opens_in_its_own_place_only() {
        let mut rng = StdRng::seed_from_u64(1);
        let sealer = Sealer::new(&StorageKey::from_bytes([7; 32]));
        let sealed = sealer.seal(&mut rng, &PLACE, b"key", b"value");
        assert_eq!(sealer.open(&PLACE, &sealed), Some((b"key".to_vec(), b"value".to_vec())));
        assert_eq!(sealer.open(&Place { row: b"rox", ..PLACE }, &sealed), None);
        assert_eq!(sealer.open(&Place { table: "urgent", ..PLACE }, &sealed), None);
        assert_eq!(Sealer::new(&StorageKey::from_bytes([8; 32])).open(&PLACE, &sealed), None);
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert_eq!(sealer.open(&PLACE, &bad), None, "byte {at} was changed unnoticed");
        }
        assert_eq!(sealer.open(&PLACE, &sealed[..10]), None);
    }

    #[test]
    fn lengths_are_told_in_steps() {
        let mut rng = StdRng::seed_from_u64(1);
        let sealer = Sealer::new(&StorageKey::from_bytes([7; 32]));
        let mut length = |n: usize| sealer.seal(&mut rng, &PLACE, b"k", &vec![0; n]).len();
        assert_eq!(length(1), length(40));
        assert_ne!(length(1), length(100));
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", StorageKey::from_bytes([7; 32])), "StorageKey(..)");
    }
}
