//! One epoch's secret among n officers: Shamir over GF(256) (`vsss-rs`), each share sealed to its
//! officer with HPKE.

use linli_replica::certificate::OfficerSet;
use linli_replica::codec;
use linli_replica::id::{CertificateId, EpochId, OfficerId, SpaceTag};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use super::RecoveryError;
use crate::authority::{Epoch, EpochKey};
use crate::codec::{is_ascending, version};
use crate::identity::{officer_id, officer_seal_key, officer_seal_public};
use crate::kdf::{SHARE_HASH, derive};
use crate::limits::{OFFICERS_MAX, PARENTS_MAX, SPLIT_BYTES_MAX};
use crate::seal::{hpke_open, hpke_seal};
use crate::secret::{Plaintext, Secret};

const INFO: &[u8] = b"linli 1 recovery share";
/// Number of the share, then a byte for each of the secret's.
const SHARE_BYTES: usize = 1 + 32;

/// An officer's part of an epoch's secret: its number, from 1, then a byte for each of the secret's.
#[derive(Clone, PartialEq, Eq)]
pub struct Share(Plaintext);

/// A share as it stands in a split.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SealedShare {
    /// Hash of the share: says at once which share is wrong.
    #[n(0)]
    pub hash: ByteArray<32>,
    /// Encapsulated key (32 bytes) ‖ sealed share; empty where the officer's key is unusable.
    #[n(1)]
    pub sealed: ByteVec,
}

/// An epoch's secret, split among the officers of one set. Clear to whoever holds the space's
/// entries; it tells nothing of the secret to fewer than m officers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Split {
    #[n(0)]
    version: u8,
    /// The certificate that names the officers.
    #[n(1)]
    pub officers: CertificateId,
    /// How many shares make the secret.
    #[n(2)]
    pub threshold: u8,
    /// What the epoch's certificate commits to.
    #[n(3)]
    pub commitment: ByteArray<32>,
    /// Epochs that this one opens: whoever recovers this one needs no share of those.
    #[n(4)]
    pub parents: Vec<EpochId>,
    /// A share for each officer of the set, in its order.
    #[n(5)]
    pub shares: Vec<SealedShare>,
}

/// What a share is sealed for: it opens in no other place.
#[derive(Encode)]
struct Place {
    #[n(0)]
    space: SpaceTag,
    #[n(1)]
    epoch: EpochId,
    #[n(2)]
    officers: CertificateId,
    #[n(3)]
    threshold: u8,
    #[n(4)]
    commitment: ByteArray<32>,
    #[n(5)]
    officer: OfficerId,
}

impl Split {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Splits an epoch's secret among the officers of a set.
    ///
    /// # Errors
    /// [`RecoveryError::Unsplittable`]: the set is not m of n, or has more than 64 officers.
    pub fn new(
        rng: &mut impl CryptoRng,
        (space, id): (SpaceTag, EpochId),
        (set, officers): (CertificateId, &OfficerSet),
        epoch: &Epoch,
        secret: &Secret,
    ) -> Result<Self, RecoveryError> {
        let (n, m) = (officers.officers.len(), usize::from(officers.threshold));
        if n > OFFICERS_MAX {
            return Err(RecoveryError::Unsplittable);
        }
        let mut split = Self {
            version: Self::VERSION,
            officers: set,
            threshold: officers.threshold,
            commitment: epoch.commitment,
            parents: epoch.parents.iter().map(|parent| parent.epoch).collect(),
            shares: Vec::with_capacity(n),
        };
        let shares = parts(rng, m, n, secret)?;
        for (officer, share) in officers.officers.iter().zip(shares) {
            let aad = split.place(space, id, *officer);
            // An unusable key is its officer's loss: the others' shares are sealed all the same.
            let sealed = officer_seal_public(officer)
                .and_then(|key| hpke_seal(rng, &key, INFO, &aad, &share.0).ok())
                .unwrap_or_default();
            split.shares.push(SealedShare { hash: share.hash().into(), sealed: sealed.into() });
        }
        Ok(split)
    }

    /// Encodes the split.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a split, bounded before it is parsed.
    ///
    /// # Errors
    /// It is none, or of a later format.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecoveryError> {
        if bytes.len() > SPLIT_BYTES_MAX {
            return Err(RecoveryError::Malformed);
        }
        let version = version(bytes).ok_or(RecoveryError::Malformed)?;
        if version != Self::VERSION {
            return Err(RecoveryError::Version(version));
        }
        let split: Self = codec::decode(bytes).map_err(|_| RecoveryError::Malformed)?;
        let (n, m) = (split.shares.len(), usize::from(split.threshold));
        let counts = n <= OFFICERS_MAX && (1..=n).contains(&m);
        let parents = split.parents.len() <= PARENTS_MAX && is_ascending(&split.parents);
        if counts && parents { Ok(split) } else { Err(RecoveryError::Malformed) }
    }

    /// Opens the share of an officer of `officers`, the set that the split names.
    ///
    /// # Errors
    /// The key is none of theirs, or the share does not open or is not the one of the hash.
    pub fn open_share(
        &self,
        (space, epoch): (SpaceTag, EpochId),
        officers: &OfficerSet,
        key: &ed25519_dalek::SigningKey,
    ) -> Result<Share, RecoveryError> {
        let officer = officer_id(key);
        let at = officers.officers.iter().position(|o| *o == officer);
        let sealed = at.and_then(|at| self.shares.get(at)).ok_or(RecoveryError::NoOfficer)?;
        let aad = self.place(space, epoch, officer);
        let share = officer_seal_key(key)
            .and_then(|own| hpke_open(&own, INFO, &aad, &sealed.sealed))
            .and_then(Share::decode)
            .ok_or(RecoveryError::Sealed(officer))?;
        self.check(officers, officer, &share)?;
        Ok(share)
    }

    /// Checks that a share is the one that was sealed to an officer.
    ///
    /// # Errors
    /// It is another, or the officer is not of the set.
    pub fn check(
        &self,
        officers: &OfficerSet,
        officer: OfficerId,
        share: &Share,
    ) -> Result<(), RecoveryError> {
        let at = officers.officers.iter().position(|o| *o == officer);
        let sealed = at.and_then(|at| self.shares.get(at)).ok_or(RecoveryError::NoOfficer)?;
        let right =
            blake3::Hash::from_bytes(share.hash()) == blake3::Hash::from_bytes(*sealed.hash);
        let number = at.and_then(|at| u8::try_from(at + 1).ok());
        if right && share.0.first().copied() == number {
            Ok(())
        } else {
            Err(RecoveryError::WrongShare(officer))
        }
    }

    /// Makes the secret of m shares, each checked against its hash, and checks it against the
    /// commitment. What is given beyond m is checked, too, and not used.
    ///
    /// # Errors
    /// A share is wrong, there are too few, or they do not make the secret.
    pub fn combine(
        &self,
        officers: &OfficerSet,
        shares: &[(OfficerId, Share)],
    ) -> Result<Secret, RecoveryError> {
        let needed = usize::from(self.threshold);
        let mut parts: Vec<&Share> = Vec::new();
        for (officer, share) in shares {
            self.check(officers, *officer, share)?;
            if !parts.contains(&share) {
                parts.push(share);
            }
        }
        if parts.len() < needed {
            return Err(RecoveryError::Missing { had: parts.len(), needed });
        }
        let secret = whole(parts.into_iter().take(needed)).ok_or(RecoveryError::BadSplit)?;
        if EpochKey::Secret(secret.clone()).commitment() == *self.commitment {
            Ok(secret)
        } else {
            Err(RecoveryError::BadSplit)
        }
    }

    fn place(&self, space: SpaceTag, epoch: EpochId, officer: OfficerId) -> Vec<u8> {
        codec::encode(&Place {
            space,
            epoch,
            officers: self.officers,
            threshold: self.threshold,
            commitment: self.commitment,
            officer,
        })
    }
}

impl Share {
    /// Takes a share's bytes over; none where they are none.
    #[must_use]
    pub fn decode(bytes: Plaintext) -> Option<Self> {
        (bytes.len() == SHARE_BYTES).then_some(Self(bytes))
    }

    /// Returns the bytes; whoever asks takes care of them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    fn hash(&self) -> [u8; 32] {
        derive(SHARE_HASH, &self.0)
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share(…)")
    }
}

/// Makes n shares of which m make the secret; where one is enough, each is the secret.
fn parts(
    rng: &mut impl CryptoRng,
    m: usize,
    n: usize,
    secret: &Secret,
) -> Result<Vec<Share>, RecoveryError> {
    if m == 1 {
        let numbers = (1..=n).filter_map(|number| u8::try_from(number).ok());
        let whole =
            |number| Share(Zeroizing::new([&[number], secret.expose().as_slice()].concat()));
        return Ok(numbers.map(whole).collect());
    }
    let shares =
        Gf256::split_bytes(m, n, secret.expose(), rng).map_err(|_| RecoveryError::Unsplittable)?;
    let shares = shares.into_iter().map(|share| Share::decode(Zeroizing::new(share)));
    shares.collect::<Option<_>>().ok_or(RecoveryError::Unsplittable)
}

fn whole<'a>(shares: impl Iterator<Item = &'a Share>) -> Option<Secret> {
    let shares: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(shares.map(|s| s.0.to_vec()).collect());
    let bytes = match shares.as_slice() {
        [only] => Zeroizing::new(only.get(1..)?.to_vec()),
        several => Zeroizing::new(Gf256::combine_bytes(several).ok()?),
    };
    Some(Secret::new(bytes.as_slice().try_into().ok()?))
}
