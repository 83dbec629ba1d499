//! People: who acts at a party's nodes, certified by the party, with a key behind a PIN.

use ed25519_dalek::SigningKey;
use linli_replica::codec;
use linli_replica::id::{CertificateId, NodeId, PartyId, Timestamp};
use linli_replica::signed::{Envelope, EnvelopeError};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use crate::identity::{self, KeyFileError, KeyKind, Sealed, Stretch, draw_signing_key};
use crate::kdf::{PIN_PEPPER, derive_secret};
use crate::limits::{CODE_BYTES_MAX, KEY_FILE_BYTES_MAX};
use crate::secret::Secret;

pub mod end;

/// What a party says of one of its people. Sealed wherever it is stored or sent.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Person {
    /// Format version, 1.
    #[n(0)]
    version: u8,
    /// The person's Ed25519 public key. Bytes here, where other certificates of version 1 differ.
    #[n(1)]
    pub key: ByteArray<32>,
    /// The party they act for.
    #[n(2)]
    pub party: PartyId,
    /// The node that certifies them; none where the party's root key does.
    #[n(3)]
    pub by: Option<NodeId>,
    /// Their name.
    #[n(4)]
    pub name: String,
    /// Their role: a code of the documents' schema.
    #[n(5)]
    pub role: String,
    /// Their qualification: a code or a certificate's number.
    #[n(6)]
    pub qualification: Option<String>,
    /// Their end date.
    #[n(7)]
    pub ends: Timestamp,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("party", &self.party).field("role", &self.role).finish()
    }
}

/// A person's certificate: whoever signed it, but not yet whether they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonCertificate {
    person: Person,
    envelope: Envelope,
}

/// Why a person's certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// The envelope is bad.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body cannot be read or a text in it is too long.
    #[error("the certificate of this person cannot be read; have it made again")]
    Malformed,
    /// A later format.
    #[error("this person's certificate has format version {0}; update this node to read it")]
    Version(u8),
    /// Not signed by the party's root key or by the node it names.
    #[error("this person's certificate is not signed by whoever it names")]
    Unsigned,
    /// The node that signed is not one of the party's stewards.
    #[error("this person was certified by a node that may not do so for their party")]
    NotSteward,
    /// The end date has passed.
    #[error("this person's certificate has ended; have it made again")]
    Ended,
}

impl PersonCertificate {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Certifies a person with a node's key, or with the party's root key.
    ///
    /// # Errors
    /// A text is too long.
    pub fn sign(signer: &SigningKey, details: PersonDetails) -> Result<Self, PersonError> {
        let public = signer.verifying_key().to_bytes();
        let by = (public != details.party.0).then_some(NodeId(public));
        let PersonDetails { key, party, name, role, qualification, ends } = details;
        let version = Self::VERSION;
        let key = key.into();
        let person = Person { version, key, party, by, name, role, qualification, ends };
        let mut envelope = Envelope::new(codec::encode(&person));
        envelope.sign(signer);
        Self::from_envelope(envelope)
    }

    /// Reads a certificate and checks its size and signature.
    ///
    /// # Errors
    /// See [`PersonError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PersonError> {
        Self::from_envelope(Envelope::decode(bytes)?)
    }

    fn from_envelope(envelope: Envelope) -> Result<Self, PersonError> {
        let version = crate::codec::version(envelope.body()).ok_or(PersonError::Malformed)?;
        if version != Self::VERSION {
            return Err(PersonError::Version(version));
        }
        let person: Person = codec::decode(envelope.body()).map_err(|_| PersonError::Malformed)?;
        let short = |text: &str| text.len() <= CODE_BYTES_MAX;
        let texts = [&person.name, &person.role].into_iter().chain(&person.qualification);
        if !texts.into_iter().all(|text| short(text)) {
            return Err(PersonError::Malformed);
        }
        let signer = person.by.map_or(person.party.0, |node| node.0);
        if !envelope.signed_by(&signer) {
            return Err(PersonError::Unsigned);
        }
        Ok(Self { person, envelope })
    }

    /// Checks that the signer may certify people of the party, and the end date against the time
    /// at which the person signed something.
    ///
    /// `may_certify` says whether a node is a steward of the party.
    ///
    /// # Errors
    /// [`PersonError::NotSteward`] or [`PersonError::Ended`].
    pub fn check(
        &self,
        at: Timestamp,
        may_certify: impl FnOnce(&NodeId, &PartyId) -> bool,
    ) -> Result<&Person, PersonError> {
        if self.person.by.is_some_and(|node| !may_certify(&node, &self.person.party)) {
            return Err(PersonError::NotSteward);
        }
        if at > self.person.ends { Err(PersonError::Ended) } else { Ok(&self.person) }
    }

    /// Returns what the certificate says, whoever signed it: [`Self::check`] it before use.
    #[must_use]
    pub const fn person(&self) -> &Person {
        &self.person
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        self.envelope.id()
    }

    /// Returns the certificate as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.envelope.encode()
    }
}

/// What a party says of a person when it certifies them.
#[derive(Clone)]
pub struct PersonDetails {
    /// Their Ed25519 public key.
    pub key: [u8; 32],
    /// The party they act for.
    pub party: PartyId,
    /// Their name.
    pub name: String,
    /// Their role: a code of the documents' schema.
    pub role: String,
    /// Their qualification.
    pub qualification: Option<String>,
    /// Their end date.
    pub ends: Timestamp,
}

impl std::fmt::Debug for PersonDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonDetails").field("party", &self.party).finish_non_exhaustive()
    }
}

/// Why a person's key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The PIN is wrong, or the key was sealed at another node, or damaged.
    #[error("the PIN is wrong; try again, or have the person set up again at this node")]
    WrongPin,
    /// The sealed key cannot be read, or asks for too much.
    #[error("the stored key of this person cannot be used; have them set up again at this node")]
    Unusable(#[source] KeyFileError),
}

/// Draws a person's key and seals it under their PIN and the node's storage key.
///
/// A PIN is short: without the storage key nobody can try PINs out on a copy of the disk. The caller
/// counts wrong attempts.
///
/// # Errors
/// [`PinError::Unusable`] where the parameters exceed the caps or memory is short.
pub fn draw_person_key(
    rng: &mut impl CryptoRng,
    pin: &str,
    storage_key: &Secret,
    stretch: Stretch,
) -> Result<(SigningKey, Vec<u8>), PinError> {
    let key = draw_signing_key(rng);
    let sealed = seal_person_key(rng, &key, pin, storage_key, stretch)?;
    Ok((key, sealed))
}

/// Seals a person's key, under a changed PIN say.
///
/// # Errors
/// As [`draw_person_key`].
pub fn seal_person_key(
    rng: &mut impl CryptoRng,
    key: &SigningKey,
    pin: &str,
    storage_key: &Secret,
    stretch: Stretch,
) -> Result<Vec<u8>, PinError> {
    let pepper = derive_secret(PIN_PEPPER, storage_key);
    identity::seal(rng, KeyKind::Person, key, pin.as_bytes(), Some(&pepper), stretch)
        .map(|sealed| codec::encode(&sealed))
        .map_err(PinError::Unusable)
}

/// Opens a person's key.
///
/// # Errors
/// See [`PinError`].
pub fn open_person_key(
    sealed: &[u8],
    pin: &str,
    storage_key: &Secret,
) -> Result<SigningKey, PinError> {
    if sealed.len() > KEY_FILE_BYTES_MAX {
        return Err(PinError::Unusable(KeyFileError::Malformed));
    }
    let sealed: Sealed =
        codec::decode(sealed).map_err(|_| PinError::Unusable(KeyFileError::Malformed))?;
    let pepper = derive_secret(PIN_PEPPER, storage_key);
    match identity::open(&sealed, pin.as_bytes(), Some(&pepper)) {
        Ok(file) if file.kind == KeyKind::Person => Ok(file.key),
        Ok(_) => Err(PinError::Unusable(KeyFileError::Malformed)),
        Err(KeyFileError::WrongPassphrase) => Err(PinError::WrongPin),
        Err(error) => Err(PinError::Unusable(error)),
    }
}

#[cfg(test)]
mod tests;
