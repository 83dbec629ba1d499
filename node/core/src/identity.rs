//! Whose keys a node holds: its own, and for a while those of a party's root or of an officer.
//!
//! A node's keys live in its store, sealed. A party's root key and an officer's key live in files
//! sealed under a passphrase, kept apart from any running node: [`seal_key_file`].

use ed25519_dalek::{SigningKey, VerifyingKey};
use hpke::{Deserializable as _, Kem as _, Serializable as _};
use linli_replica::id::{LogKey, NodeId, OfficerId, PartyId};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::seal::Kem;
use crate::secret::{Secret, draw};

mod file;
mod word;

pub use file::{
    KeyFile, KeyFileError, KeyKind, Stretch, key_file_of, open_key_file, seal_key_file,
};
pub(crate) use file::{Sealed, open, seal};
pub use word::{NotAWord, is_printed, officer_word, printed_key, read_officer, read_printed};

/// Draws a signing key: a node's, a party's root, an officer's, a person's, or a log's.
///
/// A log key is drawn once for each node and space, and kept by the caller.
pub fn draw_signing_key(rng: &mut impl CryptoRng) -> SigningKey {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(draw(rng));
    SigningKey::from_bytes(&seed)
}

/// Returns the log that a key signs.
#[must_use]
pub fn log_key(key: &SigningKey) -> LogKey {
    LogKey(key.verifying_key().to_bytes())
}

/// Returns the party whose root key this is.
#[must_use]
pub fn party_id(key: &SigningKey) -> PartyId {
    PartyId(key.verifying_key().to_bytes())
}

/// Returns the officer whose key this is.
#[must_use]
pub fn officer_id(key: &SigningKey) -> OfficerId {
    OfficerId(key.verifying_key().to_bytes())
}

/// Returns the HPKE key pair of an officer: the X25519 form of the signing key (RFC 7748, section 4.1).
/// What it is proved safe for, `docs/decisions/0013-recovery.md` says.
#[must_use]
pub fn officer_seal_key(key: &SigningKey) -> Option<SealKey> {
    SealKey::from_secret(&Secret::new(key.to_scalar_bytes()))
}

/// Returns an officer's HPKE public key, which whoever knows the officer knows; none where the id is
/// no key.
#[must_use]
pub fn officer_seal_public(officer: &OfficerId) -> Option<[u8; 32]> {
    let key = VerifyingKey::from_bytes(officer.as_bytes()).ok()?;
    Some(key.to_montgomery().to_bytes())
}

/// The HPKE key pair to which an inbox or an officer's share is sealed (X25519, RFC 9180).
#[derive(Clone)]
pub struct SealKey {
    private: <Kem as hpke::Kem>::PrivateKey,
    public: [u8; 32],
}

impl SealKey {
    /// Draws a key pair.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let (private, public) = Kem::gen_keypair_with_rng(rng);
        Self { private, public: public.to_bytes().into() }
    }

    /// Takes the private key over. Any 32 bytes are one.
    #[must_use]
    pub fn from_secret(secret: &Secret) -> Option<Self> {
        let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret.expose()).ok()?;
        let public = Kem::sk_to_pk(&private).to_bytes().into();
        Some(Self { private, public })
    }

    /// Returns the private key.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.private.to_bytes().into())
    }

    /// Returns the public key, as it stands in the node's certificate.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    pub(crate) const fn private(&self) -> &<Kem as hpke::Kem>::PrivateKey {
        &self.private
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// The two keys of a node.
#[derive(Clone)]
pub struct NodeKeys {
    signing: SigningKey,
    seal: SealKey,
}

impl NodeKeys {
    /// Draws a node's keys.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        Self { signing: draw_signing_key(rng), seal: SealKey::draw(rng) }
    }

    /// Takes kept keys over: the signing key's seed, then the HPKE private key.
    #[must_use]
    pub fn from_secrets(signing: &Secret, seal: &Secret) -> Option<Self> {
        let signing = SigningKey::from_bytes(signing.expose());
        SealKey::from_secret(seal).map(|seal| Self { signing, seal })
    }

    /// Returns the keys to keep, in the order [`Self::from_secrets`] takes them.
    #[must_use]
    pub fn to_secrets(&self) -> (Secret, Secret) {
        (Secret::new(self.signing.to_bytes()), self.seal.to_secret())
    }

    /// Returns the node's id, which is also its iroh endpoint id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId(self.signing.verifying_key().to_bytes())
    }

    /// Returns the key that signs certificates, bindings and letters.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Returns the key that opens the node's inbox.
    #[must_use]
    pub const fn seal(&self) -> &SealKey {
        &self.seal
    }
}

impl std::fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeKeys").field("id", &self.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
