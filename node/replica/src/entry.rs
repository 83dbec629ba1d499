//! Entries: the sealed, chained, signed batches that are stored, sent and carried.
//!
//! `docs/spec/entry.md` is the format. A header is read by everybody; the ciphertext only by the
//! audience. [`Entry::decode`] bounds and parses, [`Page::verify`] checks chain and signature, and
//! only a [`VerifiedPage`] can be stored.

use std::ops::Range;
use std::sync::Arc;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteSlice};
use minicbor::{Decode, Encode};

use crate::id::{DocTag, EntryId, EpochId, LogKey, SpaceTag};
use crate::limits::{ENTRY_BYTES_MAX, PAD_BUCKET_BYTES, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX};

const ID_CONTEXT: &str = "linli 1 entry id";
const SIGN_CONTEXT: &[u8] = b"linli 1 entry";
const TAG_BYTES: usize = 16;
/// Bytes before a byte string in CBOR (RFC 8949), at most, for strings as long as these.
const HEAD_BYTES_MAX: usize = 5;

/// How an entry is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Suite {
    /// XChaCha20-Poly1305 under the content key of the epoch that the header names.
    #[n(1)]
    Epoch,
    /// HPKE (RFC 9180) base mode, X25519-HKDF-SHA256 and ChaCha20-Poly1305, to the owner of an inbox.
    #[n(2)]
    Inbox,
    /// Not sealed: shares of the secret of the epoch that the header names, each sealed to its
    /// officer, in the space's recovery document.
    #[n(3)]
    Recovery,
    /// Not sealed: an order to carriers, in the space's prune document.
    #[n(4)]
    Prune,
}

/// How soon an entry must travel; also the lane it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Urgency {
    /// Alerts, their acknowledgements, heartbeats.
    #[n(0)]
    Urgent,
    /// Everyday work.
    #[n(1)]
    Normal,
    /// Readings by the month, photos, first copies.
    #[n(2)]
    Bulk,
}

/// The clear part of an entry, authenticated with the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// Format version, 1.
    #[n(0)]
    pub version: u8,
    /// How the ciphertext is sealed.
    #[n(1)]
    pub suite: Suite,
    /// The space as carriers see it.
    #[n(2)]
    pub space: SpaceTag,
    /// The document as carriers see it.
    #[n(3)]
    pub document: DocTag,
    /// The key that signs this log.
    #[n(4)]
    pub log: LogKey,
    /// Place in the log, from 1.
    #[n(5)]
    pub sequence: u64,
    /// The entry before this one; zero at sequence 1.
    #[n(6)]
    pub previous: EntryId,
    /// The epoch whose content key opens the ciphertext; zero in an inbox and in an order.
    #[n(7)]
    pub epoch: EpochId,
    /// How soon it must travel.
    #[n(8)]
    pub urgency: Urgency,
    /// The nonce of the suite; zero in an inbox.
    #[n(9)]
    pub nonce: ByteArray<24>,
    /// Bytes of the ciphertext, tag included.
    #[n(10)]
    pub length: u32,
}

impl Header {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Encodes the header: the associated data of the seal.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }
}

/// A sealed entry as received: well formed, but its chain and signature are not yet checked. Copies
/// share its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry(Arc<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    id: EntryId,
    header: Header,
    /// CBOR of header and ciphertext, one after the other, as it stands in the encoded entry.
    body: Vec<u8>,
    /// Where the header's bytes are in it; the ciphertext's are at the end.
    header_at: Range<usize>,
    signature: Option<ByteArray<64>>,
}

#[derive(Decode)]
struct Wire<'a> {
    #[b(0)]
    header: &'a ByteSlice,
    #[b(1)]
    ciphertext: &'a ByteSlice,
    #[n(2)]
    signature: Option<ByteArray<64>>,
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The bytes exceed the cap.
    #[error("an entry of {0} bytes is larger than the limit of {ENTRY_BYTES_MAX}; split the batch")]
    TooLarge(usize),
    /// The bytes are not the CBOR of an entry.
    #[error("these bytes are not an entry")]
    Malformed,
    /// A later format.
    #[error("this entry has format version {0}; update this node to read it")]
    Version(u8),
    /// The length in the header is not that of the ciphertext, or not a padded one.
    #[error("the ciphertext does not have the padded length its header states")]
    Length,
    /// The header names another log than that of the key which is to sign.
    #[error("the entry is to be signed with the key of its own log")]
    OtherLog,
    /// Sequence zero, or a first entry with a predecessor, or the reverse.
    #[error("the entry's sequence and its predecessor contradict each other")]
    Sequence,
}

impl Entry {
    /// Puts a sealed entry together and signs it with its log's key.
    ///
    /// # Errors
    /// The parts break a rule of the format; see [`EntryError`].
    pub fn assemble(
        header: &Header,
        ciphertext: Vec<u8>,
        key: &SigningKey,
    ) -> Result<Self, EntryError> {
        let header = header.encode();
        let signature = key.sign(&message(id(&header, &ciphertext))).to_bytes();
        let (header, ciphertext) = (header.as_slice().into(), ciphertext.as_slice().into());
        Self::from_wire(&Wire { header, ciphertext, signature: Some(signature.into()) })
    }

    /// Reads an entry, bounded before it is parsed.
    ///
    /// # Errors
    /// See [`EntryError`]; nothing of the bytes is kept.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        Self::from_wire(&crate::codec::decode(bytes).map_err(|_| EntryError::Malformed)?)
    }

    fn from_wire(wire: &Wire<'_>) -> Result<Self, EntryError> {
        let header: Header =
            crate::codec::decode(wire.header).map_err(|_| EntryError::Malformed)?;
        if header.version != Header::VERSION {
            return Err(EntryError::Version(header.version));
        }
        let length = wire.ciphertext.len();
        if length > ENTRY_BYTES_MAX {
            return Err(EntryError::TooLarge(length));
        }
        if usize::try_from(header.length) != Ok(length) || !is_padded(length, header.suite) {
            return Err(EntryError::Length);
        }
        let first = header.previous == EntryId::default();
        if header.sequence == 0 || (header.sequence == 1) != first {
            return Err(EntryError::Sequence);
        }
        let id = id(wire.header, wire.ciphertext);
        let mut body = Vec::with_capacity(wire.header.len() + length + 2 * HEAD_BYTES_MAX);
        crate::codec::append(wire.header, &mut body);
        let header_at = body.len() - wire.header.len()..body.len();
        crate::codec::append(wire.ciphertext, &mut body);
        Ok(Self(Arc::new(Parts { id, header, body, header_at, signature: wire.signature })))
    }

    /// Returns the entry as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(self.0.signature.as_ref())
    }

    /// Returns the entry as bytes without its signature, for a page whose later signature covers it.
    #[must_use]
    pub fn encode_unsigned(&self) -> Vec<u8> {
        self.encode_with(None)
    }

    fn encode_with(&self, signature: Option<&ByteArray<64>>) -> Vec<u8> {
        let Parts { body, .. } = &*self.0;
        let mut bytes = Vec::with_capacity(1 + body.len() + HEAD_BYTES_MAX + 64);
        crate::codec::begin_array(if signature.is_some() { 3 } else { 2 }, &mut bytes);
        bytes.extend_from_slice(body);
        if let Some(signature) = signature {
            crate::codec::append(signature, &mut bytes);
        }
        bytes
    }

    /// Returns the id: the hash of header and ciphertext.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.0.id
    }

    /// Returns the clear header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Returns the header as received: the associated data of the seal.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        self.0.body.get(self.0.header_at.clone()).unwrap_or_default()
    }

    /// Returns the sealed content.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        let length = usize::try_from(self.0.header.length).unwrap_or_default();
        self.0
            .body
            .len()
            .checked_sub(length)
            .and_then(|at| self.0.body.get(at..))
            .unwrap_or_default()
    }

    /// Says whether the entry carries a signature, so that a page may end with it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.0.signature.is_some()
    }

    /// Returns about how many bytes the entry takes on the wire.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.0.body.len() + 75
    }

    /// Says where this entry ends its log.
    #[must_use]
    pub fn tip(&self) -> crate::frontier::Tip {
        crate::frontier::Tip { sequence: self.0.header.sequence, id: self.0.id }
    }

    fn check_signature(&self) -> Result<(), PageError> {
        let Parts { id, header, signature, .. } = &*self.0;
        let signature = signature.as_ref().ok_or(PageError::Unsigned)?;
        VerifyingKey::from_bytes(header.log.as_bytes())
            .and_then(|key| key.verify_strict(&message(*id), &Signature::from_bytes(signature)))
            .map_err(|_| PageError::BadSignature)
    }
}

fn id(header: &[u8], ciphertext: &[u8]) -> EntryId {
    let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
    hasher.update(header).update(ciphertext);
    EntryId(*hasher.finalize().as_bytes())
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.0.id)
            .field("log", &self.0.header.log)
            .field("sequence", &self.0.header.sequence)
            .finish()
    }
}

fn message(id: EntryId) -> Vec<u8> {
    [SIGN_CONTEXT, id.as_bytes()].concat()
}

/// Bytes added to the padded content by each suite: the tag, and in an inbox the encapsulated key.
#[must_use]
pub const fn suite_overhead_bytes(suite: Suite) -> usize {
    match suite {
        Suite::Epoch => TAG_BYTES,
        Suite::Inbox => TAG_BYTES + 32,
        Suite::Recovery | Suite::Prune => 0,
    }
}

fn is_padded(length: usize, suite: Suite) -> bool {
    length
        .checked_sub(suite_overhead_bytes(suite))
        .is_some_and(|content| content > 0 && content.is_multiple_of(PAD_BUCKET_BYTES))
}

/// Consecutive entries of one log, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page(pub Vec<Entry>);

/// A page whose chain holds and whose last entry's signature is valid. Only this can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPage {
    entries: Vec<Entry>,
}

/// Why a page is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Nothing in it.
    #[error("the page is empty")]
    Empty,
    /// Too much in it.
    #[error("a page holds at most {PAGE_ENTRIES_MAX} entries")]
    TooMany,
    /// Too many bytes in it: it could not be sent on.
    #[error("a page of several entries holds at most {PAGE_BYTES_MAX} bytes")]
    TooLarge,
    /// The entries are of different logs or do not follow each other.
    #[error("the entries of the page do not form one chain")]
    Chain,
    /// The last entry carries no signature.
    #[error("the page does not end in a signature")]
    Unsigned,
    /// The last signature is wrong.
    #[error("the signature of the page is wrong; it was damaged or forged")]
    BadSignature,
}

impl Page {
    /// Checks that the entries form one chain of one log and that the last signature is valid.
    ///
    /// Signatures before the last are dropped: nobody has checked them, and the last one covers all.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn verify(mut self) -> Result<VerifiedPage, PageError> {
        if self.0.len() > PAGE_ENTRIES_MAX {
            return Err(PageError::TooMany);
        }
        let bytes: usize = self.0.iter().map(Entry::size_bytes).sum();
        if bytes > PAGE_BYTES_MAX && self.0.len() > 1 {
            return Err(PageError::TooLarge);
        }
        for pair in self.0.windows(2) {
            let [a, b] = pair else { continue };
            let (x, y) = (a.header(), b.header());
            let same = x.log == y.log && x.document == y.document && x.space == y.space;
            if !same || y.sequence != x.sequence.saturating_add(1) || y.previous != a.id() {
                return Err(PageError::Chain);
            }
        }
        let Some((last, covered)) = self.0.split_last_mut() else { return Err(PageError::Empty) };
        last.check_signature()?;
        for entry in covered {
            if entry.is_signed() {
                Arc::make_mut(&mut entry.0).signature = None;
            }
        }
        Ok(VerifiedPage { entries: self.0 })
    }
}

impl VerifiedPage {
    /// Puts a sealed entry together and signs it with its log's key: a page whose signature was made here
    /// and need not be checked.
    ///
    /// # Errors
    /// The parts break a rule of the format, or the key is another log's; see [`EntryError`].
    pub fn assemble(
        header: &Header,
        ciphertext: Vec<u8>,
        key: &SigningKey,
    ) -> Result<Self, EntryError> {
        if header.log.as_bytes() != key.verifying_key().as_bytes() {
            return Err(EntryError::OtherLog);
        }
        Ok(Self { entries: vec![Entry::assemble(header, ciphertext, key)?] })
    }

    /// Returns the entries, in order, at least one.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes the entries out.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    pub(crate) fn chain(seed: u8, document: DocTag, count: u64, salt: u8) -> Vec<Entry> {
        let key = key(seed);
        let mut previous = EntryId::default();
        let mut entries = Vec::new();
        for sequence in 1..=count {
            let header = Header {
                version: 1,
                suite: Suite::Epoch,
                space: SpaceTag([7; 32]),
                document,
                log: LogKey(key.verifying_key().to_bytes()),
                sequence,
                previous,
                epoch: EpochId([9; 32]),
                urgency: Urgency::Normal,
                nonce: [salt; 24].into(),
                length: 272,
            };
            let entry = Entry::assemble(&header, vec![salt; 272], &key).unwrap();
            previous = entry.id();
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn a_chain_verifies_and_only_its_last_signature_is_kept() {
        let page = Page(chain(1, DocTag([1; 32]), 5, 0)).verify().unwrap();
        let signed: Vec<bool> = page.entries().iter().map(Entry::is_signed).collect();
        assert_eq!(signed, [false, false, false, false, true]);
        for entry in page.entries() {
            assert_eq!(Entry::decode(&entry.encode()).unwrap(), *entry);
        }
    }

    #[test]
    fn what_is_assembled_with_its_logs_key_verifies_and_with_another_is_refused() {
        let entry = chain(1, DocTag([1; 32]), 1, 0).remove(0);
        let assemble = |by| VerifiedPage::assemble(entry.header(), vec![0; 272], &key(by));
        let page = assemble(1).unwrap();
        assert_eq!(Page(page.entries().to_vec()).verify(), Ok(page));
        assert_eq!(assemble(2), Err(EntryError::OtherLog));
    }

    #[test]
    fn broken_chains_and_signatures_are_refused() {
        let good = chain(1, DocTag([1; 32]), 3, 0);
        let gap = vec![good[0].clone(), good[2].clone()];
        assert_eq!(Page(gap).verify(), Err(PageError::Chain));
        assert_eq!(Page(vec![]).verify(), Err(PageError::Empty));
        let other = chain(2, DocTag([1; 32]), 2, 0);
        assert_eq!(Page(vec![good[0].clone(), other[1].clone()]).verify(), Err(PageError::Chain));
        let mut unsigned = good.clone();
        Arc::make_mut(&mut unsigned[2].0).signature = None;
        assert_eq!(Page(unsigned).verify(), Err(PageError::Unsigned));
        let mut forged = good.clone();
        Arc::make_mut(&mut forged[2].0).signature = good[1].0.signature;
        assert_eq!(Page(forged).verify(), Err(PageError::BadSignature));
        let long = chain(1, DocTag([1; 32]), PAGE_ENTRIES_MAX as u64 + 1, 0);
        assert_eq!(Page(long).verify(), Err(PageError::TooMany));
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let good = chain(1, DocTag([1; 32]), 1, 0).remove(0).encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x01;
            let verdict = Entry::decode(&bad).map(|e| Page(vec![e]).verify());
            assert!(!matches!(verdict, Ok(Ok(_))), "byte {at} was changed unnoticed");
        }
        assert_eq!(Entry::decode(&good[..good.len() - 1]), Err(EntryError::Malformed));
        let huge = vec![0; ENTRY_BYTES_MAX + 1];
        assert_eq!(Entry::decode(&huge), Err(EntryError::TooLarge(huge.len())));
    }
}
