//! Keys sealed under a passphrase: Argon2id (RFC 9106) and XChaCha20-Poly1305.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload as Sealing};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use ed25519_dalek::SigningKey;
use linli_replica::codec;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::limits::{ARGON_LANES_MAX, ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX, KEY_FILE_BYTES_MAX};
use crate::secret::{Plaintext, Secret, draw};

const MAGIC: &str = "linli key";
const VERSION: u8 = 1;

/// What a key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyKind {
    /// A party's root key.
    #[n(0)]
    Party,
    /// A privacy officer's key.
    #[n(1)]
    Officer,
    /// A person's key, sealed under their PIN.
    #[n(2)]
    Person,
}

/// How hard a passphrase is to try out: the parameters of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Stretch {
    /// Memory in KiB, at least 8 a lane.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    #[n(1)]
    pub passes: u32,
    /// Lanes, at least 1.
    #[n(2)]
    pub lanes: u32,
}

impl Stretch {
    /// RFC 9106, section 4, the second recommended choice: 64 MiB, 3 passes, 4 lanes.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
}

/// An opened key file.
#[derive(Debug)]
pub struct KeyFile {
    /// What kind of key it is.
    pub kind: KeyKind,
    /// The key.
    pub key: SigningKey,
}

/// Why a key file cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Too large, or not a key file.
    #[error("this is not a linli key file; look for the file that was kept when the key was made")]
    Malformed,
    /// A later format.
    #[error("this key file has format version {0}; update linli to read it")]
    Version(u8),
    /// The parameters exceed the caps, or are not ones Argon2id takes.
    #[error("this key file asks for more memory or time than is allowed; it was not made by linli")]
    Stretch,
    /// There is not enough memory to stretch the passphrase.
    #[error("there is not enough free memory to check the passphrase; close something, try again")]
    OutOfMemory,
    /// The passphrase is wrong, or the file was changed.
    #[error("the passphrase is wrong, or the file was damaged; nothing was changed")]
    WrongPassphrase,
}

/// A small secret sealed under a passphrase, with all that opening it takes but the passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Sealed {
    #[n(0)]
    header: ByteVec,
    #[n(1)]
    ciphertext: ByteVec,
}

/// The associated data of the seal.
#[derive(Debug, Clone, Encode, Decode)]
struct Header {
    #[n(0)]
    version: u8,
    #[n(1)]
    magic: String,
    #[n(2)]
    kind: KeyKind,
    /// Public key: tells files apart, and is checked against the key inside.
    #[n(3)]
    public: ByteArray<32>,
    #[n(4)]
    stretch: Stretch,
    #[n(5)]
    salt: ByteArray<16>,
    #[n(6)]
    nonce: ByteArray<24>,
}

/// Seals a party's or an officer's key under a passphrase; returns the file's bytes.
///
/// # Errors
/// The parameters exceed the caps, or there is too little memory.
pub fn seal_key_file(
    rng: &mut impl CryptoRng,
    kind: KeyKind,
    key: &SigningKey,
    passphrase: &str,
    stretch: Stretch,
) -> Result<Vec<u8>, KeyFileError> {
    Ok(codec::encode(&seal(rng, kind, key, passphrase.as_bytes(), None, stretch)?))
}

/// Opens a key file; bounded before it is parsed, and before memory is taken for the passphrase.
///
/// # Errors
/// See [`KeyFileError`].
pub fn open_key_file(bytes: &[u8], passphrase: &str) -> Result<KeyFile, KeyFileError> {
    if bytes.len() > KEY_FILE_BYTES_MAX {
        return Err(KeyFileError::Malformed);
    }
    let sealed: Sealed = codec::decode(bytes).map_err(|_| KeyFileError::Malformed)?;
    open(&sealed, passphrase.as_bytes(), None)
}

/// Says whose key a file claims to hold, without its passphrase: the kind and the public key.
///
/// # Errors
/// It is no key file of this version.
pub fn key_file_of(bytes: &[u8]) -> Result<(KeyKind, [u8; 32]), KeyFileError> {
    if bytes.len() > KEY_FILE_BYTES_MAX {
        return Err(KeyFileError::Malformed);
    }
    let sealed: Sealed = codec::decode(bytes).map_err(|_| KeyFileError::Malformed)?;
    let header = header(&sealed)?;
    Ok((header.kind, *header.public))
}

/// Seals a key under a passphrase or PIN; `pepper` is mixed into the stretching.
pub(crate) fn seal(
    rng: &mut impl CryptoRng,
    kind: KeyKind,
    key: &SigningKey,
    passphrase: &[u8],
    pepper: Option<&Secret>,
    stretch: Stretch,
) -> Result<Sealed, KeyFileError> {
    let header = Header {
        version: VERSION,
        magic: MAGIC.to_owned(),
        kind,
        public: key.verifying_key().to_bytes().into(),
        stretch,
        salt: draw(rng).into(),
        nonce: draw(rng).into(),
    };
    let aad = codec::encode(&header);
    let seed = Zeroizing::new(key.to_bytes());
    let ciphertext = cipher(&header, passphrase, pepper)?
        .encrypt(&XNonce::from(*header.nonce), Sealing { msg: &*seed, aad: &aad })
        .map_err(|_| KeyFileError::Malformed)?;
    Ok(Sealed { header: aad.into(), ciphertext: ciphertext.into() })
}

fn header(sealed: &Sealed) -> Result<Header, KeyFileError> {
    let version = crate::codec::version(&sealed.header).ok_or(KeyFileError::Malformed)?;
    if version != VERSION {
        return Err(KeyFileError::Version(version));
    }
    let header: Header = codec::decode(&sealed.header).map_err(|_| KeyFileError::Malformed)?;
    if header.magic == MAGIC { Ok(header) } else { Err(KeyFileError::Malformed) }
}

pub(crate) fn open(
    sealed: &Sealed,
    passphrase: &[u8],
    pepper: Option<&Secret>,
) -> Result<KeyFile, KeyFileError> {
    let header = header(sealed)?;
    let sealing = Sealing { msg: &sealed.ciphertext, aad: &sealed.header };
    let seed: Plaintext = cipher(&header, passphrase, pepper)?
        .decrypt(&XNonce::from(*header.nonce), sealing)
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::WrongPassphrase)?;
    let seed = seed.as_slice().try_into().map_err(|_| KeyFileError::Malformed)?;
    let key = SigningKey::from_bytes(seed);
    if key.verifying_key().to_bytes() == *header.public {
        Ok(KeyFile { kind: header.kind, key })
    } else {
        Err(KeyFileError::Malformed)
    }
}

fn cipher(
    header: &Header,
    passphrase: &[u8],
    pepper: Option<&Secret>,
) -> Result<XChaCha20Poly1305, KeyFileError> {
    let Stretch { memory_kib, passes, lanes } = header.stretch;
    if memory_kib > ARGON_MEMORY_KIB_MAX || passes > ARGON_PASSES_MAX || lanes > ARGON_LANES_MAX {
        return Err(KeyFileError::Stretch);
    }
    let params =
        Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| KeyFileError::Stretch)?;
    let argon = match pepper {
        Some(pepper) => {
            Argon2::new_with_secret(pepper.expose(), Algorithm::Argon2id, Version::V0x13, params)
                .map_err(|_| KeyFileError::Stretch)?
        }
        None => Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
    };
    let mut key = Zeroizing::new([0; 32]);
    argon
        .hash_password_into(passphrase, header.salt.as_slice(), &mut *key)
        .map_err(|_| KeyFileError::OutOfMemory)?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}
