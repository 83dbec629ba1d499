//! Sealing entries and opening them: `docs/spec/keys.md`, and RFC 9180 for inboxes.
//!
//! Content is framed as length (4 bytes, little endian) ‖ content ‖ zeros up to a bucket. Buckets
//! are 256 bytes wide up to 4 KiB; above, as wide as the largest power of two in an eighth of the
//! size. What a carrier learns of a length is then at most its three leading bits, and padding adds
//! at most an eighth. Urgent content has one size, whatever it is.

use chacha20poly1305::aead::{Aead as _, Payload as Sealing};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use ed25519_dalek::SigningKey;
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _};
use linli_replica::entry::{
    Entry, EntryError, Header, Suite, Urgency, VerifiedPage, suite_overhead_bytes,
};
use linli_replica::id::{DocTag, EntryId, EpochId, LogKey, SpaceTag};
use linli_replica::limits::PAD_BUCKET_BYTES;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::identity::SealKey;
use crate::limits::{PLAINTEXT_BYTES_MAX, URGENT_BYTES};
use crate::secret::{Plaintext, Secret, draw};

pub(crate) type Kem = hpke::kem::X25519HkdfSha256;
pub(crate) type Kdf = hpke::kdf::HkdfSha256;
pub(crate) type InboxAead = hpke::aead::ChaCha20Poly1305;

const INBOX_INFO: &[u8] = b"linli 1 inbox";
const PREFIX_BYTES: usize = 4;
const ENCAPPED_BYTES: usize = 32;

/// Where an entry goes: all of its header that its maker decides.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The space as carriers see it.
    pub space: SpaceTag,
    /// The document as carriers see it.
    pub document: DocTag,
    /// The log's key, which signs.
    pub log_key: &'a SigningKey,
    /// Place in the log, from 1.
    pub sequence: u64,
    /// The entry before this one; zero at sequence 1.
    pub previous: EntryId,
    /// How soon it must travel.
    pub urgency: Urgency,
}

/// Why content cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The content exceeds the cap.
    #[error("{0} bytes do not fit one entry; the limit is {PLAINTEXT_BYTES_MAX}: split the batch")]
    TooLarge(usize),
    /// Urgent content exceeds the one size that it has.
    #[error(
        "{0} bytes are more than what is urgent may have; shorten the text, or send it with less haste"
    )]
    TooLargeForUrgent(usize),
    /// The recipient's HPKE key is not a usable X25519 key.
    #[error("the recipient's sealing key is not usable; its node must be certified again")]
    BadRecipient,
    /// The parts do not make an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// Why an entry cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed to an inbox where an epoch is expected, or the reverse.
    #[error("this entry is sealed for another purpose")]
    NotForUs,
    /// The key of its epoch is not held.
    #[error("the key of epoch {0:?} has not arrived yet; the entry waits for it")]
    UnknownEpoch(EpochId),
    /// It does not open under the key it names.
    #[error("this entry does not open under its key; it was damaged or sealed by mistake")]
    Damaged,
}

/// Seals content under an epoch's content key and signs it for its log.
///
/// # Errors
/// The content is too large, or the place contradicts itself.
pub fn seal_entry(
    rng: &mut impl CryptoRng,
    place: &Place<'_>,
    epoch: EpochId,
    content_key: &Secret,
    content: &[u8],
) -> Result<Entry, SealError> {
    let (header, ciphertext) = sealed(rng, place, epoch, content_key, content)?;
    Ok(Entry::assemble(&header, ciphertext, place.log_key)?)
}

/// As [`seal_entry`], as a page of its own.
pub(crate) fn seal_page(
    rng: &mut impl CryptoRng,
    place: &Place<'_>,
    epoch: EpochId,
    content_key: &Secret,
    content: &[u8],
) -> Result<VerifiedPage, SealError> {
    let (header, ciphertext) = sealed(rng, place, epoch, content_key, content)?;
    Ok(VerifiedPage::assemble(&header, ciphertext, place.log_key)?)
}

fn sealed(
    rng: &mut impl CryptoRng,
    place: &Place<'_>,
    epoch: EpochId,
    content_key: &Secret,
    content: &[u8],
) -> Result<(Header, Vec<u8>), SealError> {
    let padded = pad(content, place.urgency)?;
    let header = header(place, Suite::Epoch, epoch, draw(rng), padded.len())?;
    let sealing = Sealing { msg: &padded, aad: &header.encode() };
    let ciphertext = cipher(content_key)
        .encrypt(&XNonce::from(*header.nonce), sealing)
        .map_err(|_| SealError::TooLarge(content.len()))?;
    Ok((header, ciphertext))
}

/// Opens an entry sealed under an epoch; `key` looks content keys up.
///
/// # Errors
/// See [`OpenError`].
pub fn open_entry(
    entry: &Entry,
    key: impl FnOnce(&EpochId) -> Option<Secret>,
) -> Result<Plaintext, OpenError> {
    let header = entry.header();
    if header.suite != Suite::Epoch {
        return Err(OpenError::NotForUs);
    }
    let key = key(&header.epoch).ok_or(OpenError::UnknownEpoch(header.epoch))?;
    let sealing = Sealing { msg: entry.ciphertext(), aad: entry.header_bytes() };
    let padded = cipher(&key)
        .decrypt(&XNonce::from(*header.nonce), sealing)
        .map_err(|_| OpenError::Damaged)?;
    unpad(Zeroizing::new(padded))
}

/// Seals content to the owner of an inbox (HPKE base mode) and signs it for its log.
///
/// # Errors
/// The content is too large, the recipient's key unusable, or the place contradicts itself.
pub fn seal_to_inbox(
    rng: &mut impl CryptoRng,
    place: &Place<'_>,
    recipient: &[u8; 32],
    content: &[u8],
) -> Result<Entry, SealError> {
    let (header, ciphertext) = sealed_to_inbox(rng, place, recipient, content)?;
    Ok(Entry::assemble(&header, ciphertext, place.log_key)?)
}

/// As [`seal_to_inbox`], as a page of its own.
pub(crate) fn seal_page_to_inbox(
    rng: &mut impl CryptoRng,
    place: &Place<'_>,
    recipient: &[u8; 32],
    content: &[u8],
) -> Result<VerifiedPage, SealError> {
    let (header, ciphertext) = sealed_to_inbox(rng, place, recipient, content)?;
    Ok(VerifiedPage::assemble(&header, ciphertext, place.log_key)?)
}

fn sealed_to_inbox(
    rng: &mut impl CryptoRng,
    place: &Place<'_>,
    recipient: &[u8; 32],
    content: &[u8],
) -> Result<(Header, Vec<u8>), SealError> {
    let padded = pad(content, place.urgency)?;
    let header = header(place, Suite::Inbox, EpochId::default(), [0; 24], padded.len())?;
    let ciphertext = hpke_seal(rng, recipient, INBOX_INFO, &header.encode(), &padded)?;
    Ok((header, ciphertext))
}

/// Seals bytes to whoever holds the private half of `recipient` (HPKE base mode): encapsulated key ‖
/// ciphertext. `info` says what for, `aad` where.
///
/// # Errors
/// The key is not a usable X25519 key.
pub(crate) fn hpke_seal(
    rng: &mut impl CryptoRng,
    recipient: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    bytes: &[u8],
) -> Result<Vec<u8>, SealError> {
    let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient)
        .map_err(|_| SealError::BadRecipient)?;
    let (encapped, sealed) = hpke::single_shot_seal_with_rng::<InboxAead, Kdf, Kem>(
        &OpModeS::Base,
        &recipient,
        info,
        bytes,
        aad,
        rng,
    )
    .map_err(|_| SealError::BadRecipient)?;
    Ok([encapped.to_bytes().as_slice(), &sealed].concat())
}

/// Opens what [`hpke_seal`] sealed; none where it does not open.
pub(crate) fn hpke_open(
    own: &SealKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Option<Plaintext> {
    let (encapped, sealed) = sealed.split_at_checked(ENCAPPED_BYTES)?;
    let encapped = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapped).ok()?;
    let mode = OpModeR::Base;
    hpke::single_shot_open::<InboxAead, Kdf, Kem>(
        &mode,
        own.private(),
        &encapped,
        info,
        sealed,
        aad,
    )
    .ok()
    .map(Zeroizing::new)
}

/// Puts content that is clear to carriers into an entry of the epoch it is about, a page of its own.
///
/// # Errors
/// The content is too large, or the place contradicts itself.
pub fn clear_page(
    place: &Place<'_>,
    epoch: EpochId,
    content: &[u8],
) -> Result<VerifiedPage, SealError> {
    let padded = pad(content, place.urgency)?;
    let header = header(place, Suite::Recovery, epoch, [0; 24], padded.len())?;
    Ok(VerifiedPage::assemble(&header, padded.to_vec(), place.log_key)?)
}

/// Puts an order to carriers ([`Terms::sign`](linli_replica::prune::Terms::sign)) into an entry of the
/// space's prune document, a page of its own.
///
/// # Errors
/// The content is too large, or the place contradicts itself.
pub fn order_page(place: &Place<'_>, order: &[u8]) -> Result<VerifiedPage, SealError> {
    let padded = pad(order, place.urgency)?;
    let header = header(place, Suite::Prune, EpochId::default(), [0; 24], padded.len())?;
    Ok(VerifiedPage::assemble(&header, padded.to_vec(), place.log_key)?)
}

/// Takes the content out of an entry that is clear to carriers.
///
/// # Errors
/// See [`OpenError`].
pub fn read_clear(entry: &Entry) -> Result<Plaintext, OpenError> {
    if entry.header().suite != Suite::Recovery {
        return Err(OpenError::NotForUs);
    }
    unpad(Zeroizing::new(entry.ciphertext().to_vec()))
}

/// Opens an entry of one's own inbox.
///
/// # Errors
/// See [`OpenError`].
pub fn open_from_inbox(entry: &Entry, own: &SealKey) -> Result<Plaintext, OpenError> {
    if entry.header().suite != Suite::Inbox {
        return Err(OpenError::NotForUs);
    }
    let padded = hpke_open(own, INBOX_INFO, entry.header_bytes(), entry.ciphertext());
    unpad(padded.ok_or(OpenError::Damaged)?)
}

pub(crate) fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

fn header(
    place: &Place<'_>,
    suite: Suite,
    epoch: EpochId,
    nonce: [u8; 24],
    padded_bytes: usize,
) -> Result<Header, SealError> {
    let length = padded_bytes.saturating_add(suite_overhead_bytes(suite));
    Ok(Header {
        version: Header::VERSION,
        suite,
        space: place.space,
        document: place.document,
        log: LogKey(place.log_key.verifying_key().to_bytes()),
        sequence: place.sequence,
        previous: place.previous,
        epoch,
        urgency: place.urgency,
        nonce: nonce.into(),
        length: u32::try_from(length).map_err(|_| SealError::TooLarge(padded_bytes))?,
    })
}

/// Says whether content of `bytes` may be sealed as urgent.
pub(crate) const fn fits_urgent(bytes: usize) -> bool {
    bytes <= URGENT_BYTES - PREFIX_BYTES
}

/// Returns the bytes that framed content of `bytes` takes in its bucket.
pub(crate) fn bucket(bytes: usize) -> usize {
    let step = match (bytes / 8).checked_ilog2() {
        Some(bits) => (1_usize << bits).max(PAD_BUCKET_BYTES),
        None => PAD_BUCKET_BYTES,
    };
    bytes.next_multiple_of(step).max(PAD_BUCKET_BYTES)
}

fn pad(content: &[u8], urgency: Urgency) -> Result<Plaintext, SealError> {
    let bytes = content.len();
    if bytes > PLAINTEXT_BYTES_MAX {
        return Err(SealError::TooLarge(bytes));
    }
    if urgency != Urgency::Urgent {
        pad_to(content, bucket(PREFIX_BYTES + bytes))
    } else if fits_urgent(bytes) {
        pad_to(content, URGENT_BYTES)
    } else {
        Err(SealError::TooLargeForUrgent(bytes))
    }
}

/// Frames content in `size` bytes, which have room for it.
pub(crate) fn pad_to(content: &[u8], size: usize) -> Result<Plaintext, SealError> {
    let length = u32::try_from(content.len()).map_err(|_| SealError::TooLarge(content.len()))?;
    // Sized once: growing would leave copies of the content behind in memory.
    let mut padded = Zeroizing::new(Vec::with_capacity(size));
    padded.extend_from_slice(&length.to_le_bytes());
    padded.extend_from_slice(content);
    padded.resize(size, 0);
    Ok(padded)
}

/// Takes the content out of its frame. The sealer vouches for the frame; a wrong one is its mistake.
pub(crate) fn unpad(mut padded: Plaintext) -> Result<Plaintext, OpenError> {
    let (prefix, rest) = padded.split_first_chunk().ok_or(OpenError::Damaged)?;
    let length = usize::try_from(u32::from_le_bytes(*prefix)).map_err(|_| OpenError::Damaged)?;
    let (_, padding) = rest.split_at_checked(length).ok_or(OpenError::Damaged)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(OpenError::Damaged);
    }
    padded.drain(..PREFIX_BYTES);
    padded.truncate(length);
    Ok(padded)
}

#[cfg(test)]
mod tests;
