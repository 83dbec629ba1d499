//! Epochs: one content key each. Secrets are minted here and checked against what a certificate
//! commits to; which epoch is written under is [`super::SpaceState::writable_epoch`]'s to say.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead as _, Payload as Sealing};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use linli_replica::id::{EpochId, PartyId};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::certificate::Parent;
use crate::kdf::{CONTENT_KEY, EPOCH_COMMITMENT, HISTORY_KEY, derive, derive_secret};
use crate::limits::PARENTS_MAX;
use crate::secret::{Secret, draw};

/// Begins an epoch. Its id is its certificate's, and it covers what the certificate cites.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Epoch {
    /// Former epochs that readers with history open from here; in order, each once.
    #[n(0)]
    pub parents: Vec<Parent>,
    /// Hash of the content key: whoever is given a key checks it against this.
    #[n(1)]
    pub commitment: ByteArray<32>,
    /// Parties that hold a grant and are not given the key, being expelled or past their end date
    /// by the minter's clock; in order, each once.
    #[n(2)]
    pub excludes: Vec<PartyId>,
}

/// What a member is given of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum EpochKey {
    /// The epoch's secret: the content key, and the way to the epochs before.
    #[n(0)]
    Secret(#[n(0)] Secret),
    /// The content key only: for whoever reads from now, and in alerts.
    #[n(1)]
    Content(#[n(0)] Secret),
}

/// Why a key is not an epoch's, or an epoch cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    /// The key is not the one that the epoch's certificate commits to.
    #[error("this key is not the one its epoch commits to; ask another member for it")]
    WrongKey,
    /// More parents than an epoch may name.
    #[error("an epoch names at most {PARENTS_MAX} former epochs")]
    TooManyParents,
    /// A former epoch's secret does not open under the history key of the epoch that names it.
    #[error("the key of the former epoch {0:?} does not open; ask another member for it")]
    Damaged(EpochId),
}

impl EpochKey {
    /// Returns the key that seals and opens content.
    #[must_use]
    pub fn content_key(&self) -> Secret {
        match self {
            Self::Secret(secret) => derive_secret(CONTENT_KEY, secret),
            Self::Content(key) => key.clone(),
        }
    }

    /// Returns the secret, where it was given.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::Content(_) => None,
        }
    }

    /// Returns what to give a member: the secret to one with history, else the content key.
    #[must_use]
    pub fn for_member(&self, history: bool) -> Self {
        if history { self.clone() } else { Self::Content(self.content_key()) }
    }

    /// Returns what the certificate of this key's epoch commits to.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        derive(EPOCH_COMMITMENT, self.content_key().expose())
    }

    /// Checks the key against what the epoch's certificate commits to.
    ///
    /// # Errors
    /// It is another key.
    pub fn check(&self, epoch: &Epoch) -> Result<(), EpochError> {
        if blake3::Hash::from_bytes(self.commitment())
            == blake3::Hash::from_bytes(*epoch.commitment)
        {
            Ok(())
        } else {
            Err(EpochError::WrongKey)
        }
    }
}

/// Draws the secret of an epoch and seals in it the secrets of its parents.
///
/// `excludes`: parties with a grant that are not given the key. The act counts once it is signed in
/// a certificate that cites every head known; that certificate's id is the epoch's.
///
/// # Errors
/// More than [`PARENTS_MAX`] parents.
pub fn mint(
    rng: &mut impl CryptoRng,
    parents: &BTreeMap<EpochId, Secret>,
    excludes: impl IntoIterator<Item = PartyId>,
) -> Result<(Epoch, Secret), EpochError> {
    if parents.len() > PARENTS_MAX {
        return Err(EpochError::TooManyParents);
    }
    let secret = Secret::draw(rng);
    let history = history_cipher(&secret);
    let mut sealed_parents = Vec::with_capacity(parents.len());
    for (epoch, parent) in parents {
        let nonce: [u8; 24] = draw(rng);
        let sealing = Sealing { msg: parent.expose(), aad: epoch.as_bytes() };
        let sealed = history
            .encrypt(&XNonce::from(nonce), sealing)
            .map_err(|_| EpochError::Damaged(*epoch))?;
        let sealed = [nonce.as_slice(), &sealed].concat().into();
        sealed_parents.push(Parent { epoch: *epoch, sealed });
    }
    let key = derive_secret(CONTENT_KEY, &secret);
    let mut excludes: Vec<PartyId> = excludes.into_iter().collect();
    excludes.sort();
    excludes.dedup();
    let commitment = derive(EPOCH_COMMITMENT, key.expose()).into();
    Ok((Epoch { parents: sealed_parents, commitment, excludes }, secret))
}

/// Opens the secrets of an epoch's parents, each on its own: one bad parent hides no other.
///
/// Check each with [`EpochKey::check`] before use; whoever minted the epoch may have sealed anything.
#[must_use]
pub fn open_parents(
    epoch: &Epoch,
    secret: &Secret,
) -> BTreeMap<EpochId, Result<Secret, EpochError>> {
    let history = history_cipher(secret);
    let open = |parent: &Parent| {
        let (nonce, sealed) = parent.sealed.split_first_chunk::<24>()?;
        let sealing = Sealing { msg: sealed, aad: parent.epoch.as_bytes() };
        let bytes = Zeroizing::new(history.decrypt(&XNonce::from(*nonce), sealing).ok()?);
        Some(Secret::new(bytes.as_slice().try_into().ok()?))
    };
    let open = |parent| open(parent).ok_or(EpochError::Damaged(parent.epoch));
    epoch.parents.iter().map(|parent| (parent.epoch, open(parent))).collect()
}

fn history_cipher(secret: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(derive_secret(HISTORY_KEY, secret).expose().into())
}
