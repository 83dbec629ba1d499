//! The key file: the storage key, sealed under a passphrase.
//!
//! `key.sealed` holds the CBOR of a [`SealedKey`]. The passphrase is stretched with Argon2id (RFC
//! 9106) and the result seals the storage key with XChaCha20-Poly1305. Changing the passphrase
//! seals the same storage key anew; no data is sealed again.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::key::StorageKey;
use crate::limits::{
    ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX, KEY_FILE_BYTES_MAX,
};
use crate::medium::{make_private, write_atomically};

/// The name of the key file in a data directory.
pub const KEY_FILE: &str = "key.sealed";

const CONTEXT: &[u8] = b"linli 1 key file";

/// What it costs to try one passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Cost {
    /// Memory in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over it.
    #[n(1)]
    pub passes: u32,
    /// Lanes.
    #[n(2)]
    pub lanes: u32,
}

impl Cost {
    /// The second recommended option of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes. A hub of
    /// 1 GiB of memory can pay it.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
}

/// A storage key sealed under a passphrase, as it stands in the key file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SealedKey {
    #[n(0)]
    version: u32,
    #[n(1)]
    cost: Cost,
    #[n(2)]
    salt: ByteArray<16>,
    #[n(3)]
    nonce: ByteArray<24>,
    #[n(4)]
    sealed: ByteVec,
}

/// Why a key file does not give its key.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyringError {
    /// The passphrase is another one, or the file was changed.
    #[error("the passphrase is wrong; type it again (nothing was changed)")]
    WrongPassphrase,
    /// There is no key file.
    #[error("there is no key file in the data directory; initialise it, or restore a backup")]
    Missing,
    /// There is one already.
    #[error("there is a key file already; it was not overwritten")]
    AlreadyExists,
    /// The bytes are not a key file, or demand more than any key file may.
    #[error("the key file is damaged; restore it from a backup")]
    Damaged,
    /// A later format.
    #[error(
        "the key file has format version {found}, this program knows up to {known}; update linli"
    )]
    Newer {
        /// The version found.
        found: u32,
        /// The latest version this program reads.
        known: u32,
    },
    /// The passphrase is empty.
    #[error("the passphrase is empty; choose one of several words")]
    Empty,
    /// The operating system refused.
    #[error("the key file cannot be read or written")]
    Io(#[source] Arc<io::Error>),
}

impl From<io::Error> for KeyringError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl SealedKey {
    /// The format version written here, and the latest read.
    pub const VERSION: u32 = 1;

    /// Seals a storage key under a passphrase.
    ///
    /// # Errors
    /// [`KeyringError::Empty`], or [`KeyringError::Damaged`] where `cost` is out of bounds.
    pub fn seal(
        key: &StorageKey,
        passphrase: &str,
        cost: Cost,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, KeyringError> {
        if passphrase.is_empty() {
            return Err(KeyringError::Empty);
        }
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let (salt, nonce) = (salt.into(), nonce.into());
        let mut whole =
            Self { version: Self::VERSION, cost, salt, nonce, sealed: Vec::new().into() };
        let payload = Payload { msg: key.as_bytes(), aad: &whole.associated() };
        let nonce = XNonce::from(*whole.nonce);
        let sealed = whole.cipher(passphrase)?.encrypt(&nonce, payload);
        whole.sealed = sealed.map_err(|_| KeyringError::Damaged)?.into();
        Ok(whole)
    }

    /// Opens the storage key. Takes as long as [`Cost`] says.
    ///
    /// # Errors
    /// [`KeyringError::WrongPassphrase`].
    pub fn open(&self, passphrase: &str) -> Result<StorageKey, KeyringError> {
        let payload = Payload { msg: &self.sealed, aad: &self.associated() };
        let clear = self
            .cipher(passphrase)?
            .decrypt(&XNonce::from(*self.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| KeyringError::WrongPassphrase)?;
        let bytes = clear.as_slice().try_into().map_err(|_| KeyringError::Damaged)?;
        Ok(StorageKey::from_bytes(bytes))
    }

    /// Returns the bytes of the key file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        linli_replica::codec::encode(self)
    }

    /// Reads the bytes of a key file and checks its bounds.
    ///
    /// # Errors
    /// [`KeyringError::Damaged`] or [`KeyringError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > KEY_FILE_BYTES_MAX) {
            return Err(KeyringError::Damaged);
        }
        // The version comes first, so that it can be told even where the rest has changed.
        let mut decoder = minicbor::Decoder::new(bytes);
        let found = decoder.array().and_then(|_| decoder.u32());
        match found.map_err(|_| KeyringError::Damaged)? {
            Self::VERSION => {}
            found => return Err(KeyringError::Newer { found, known: Self::VERSION }),
        }
        let key: Self = linli_replica::codec::decode(bytes).map_err(|_| KeyringError::Damaged)?;
        let Cost { memory_kib, passes, lanes } = key.cost;
        let bounded = memory_kib <= ARGON2_MEMORY_KIB_MAX
            && passes <= ARGON2_PASSES_MAX
            && lanes <= ARGON2_LANES_MAX;
        if bounded { Ok(key) } else { Err(KeyringError::Damaged) }
    }

    fn associated(&self) -> Vec<u8> {
        let head = (self.version, self.cost, self.salt);
        [CONTEXT, &linli_replica::codec::encode(&head)].concat()
    }

    fn cipher(&self, passphrase: &str) -> Result<XChaCha20Poly1305, KeyringError> {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let params = Params::new(memory_kib, passes, lanes, Some(32));
        let params = params.map_err(|_| KeyringError::Damaged)?;
        let mut stretched = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &*self.salt, &mut *stretched)
            .map_err(|_| KeyringError::Damaged)?;
        Ok(XChaCha20Poly1305::new((&*stretched).into()))
    }
}

/// Says whether a data directory has a key file.
#[must_use]
pub fn exists(directory: &Path) -> bool {
    path(directory).is_file()
}

/// Draws a storage key and writes it, sealed, into a data directory.
///
/// # Errors
/// [`KeyringError::AlreadyExists`], [`KeyringError::Empty`] or [`KeyringError::Io`].
pub fn create(
    directory: &Path,
    passphrase: &str,
    cost: Cost,
    rng: &mut impl CryptoRng,
) -> Result<StorageKey, KeyringError> {
    if exists(directory) {
        return Err(KeyringError::AlreadyExists);
    }
    make_private(directory)?;
    let key = StorageKey::generate(rng);
    write(directory, &SealedKey::seal(&key, passphrase, cost, rng)?)?;
    Ok(key)
}

/// Opens the storage key of a data directory.
///
/// # Errors
/// [`KeyringError::WrongPassphrase`], or why the file cannot be read.
pub fn unlock(directory: &Path, passphrase: &str) -> Result<StorageKey, KeyringError> {
    read(directory)?.open(passphrase)
}

/// Seals the storage key of a data directory under another passphrase.
///
/// The former file may still stand on the medium's unused blocks: where the former passphrase is
/// known to a thief, make a new store instead.
///
/// # Errors
/// [`KeyringError::WrongPassphrase`] where `from` is not the passphrase; then nothing is changed.
pub fn change_passphrase(
    directory: &Path,
    from: &str,
    to: &str,
    cost: Cost,
    rng: &mut impl CryptoRng,
) -> Result<(), KeyringError> {
    let key = unlock(directory, from)?;
    write(directory, &SealedKey::seal(&key, to, cost, rng)?)
}

/// Reads the key file of a data directory, still sealed.
///
/// # Errors
/// [`KeyringError::Missing`], [`KeyringError::Damaged`], [`KeyringError::Newer`] or
/// [`KeyringError::Io`].
pub fn read(directory: &Path) -> Result<SealedKey, KeyringError> {
    let file = match File::open(path(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyringError::Missing),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    SealedKey::decode(&bytes)
}

/// Writes a key file whole or not at all.
///
/// # Errors
/// [`KeyringError::Io`]; a file that was there is unchanged.
pub fn write(directory: &Path, key: &SealedKey) -> Result<(), KeyringError> {
    Ok(write_atomically(&path(directory), &key.encode())?)
}

fn path(directory: &Path) -> PathBuf {
    directory.join(KEY_FILE)
}
