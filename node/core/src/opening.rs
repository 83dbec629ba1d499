//! Openings: what opens one epoch of a space to whoever reads it, members or not.
//!
//! An alert carries one of the elder's emergency space. It names the space by its genesis, and brings the epoch's
//! certificate, so that the key can be checked at once. It holds the content key and never the epoch's secret: nothing
//! from before the epoch opens. It gives no right: who reads by it is no member, writes nothing and passes nothing on.

use linli_replica::codec;
use linli_replica::id::{EpochId, SpaceTag};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::authority::{Act, EpochKey, Genesis, SpaceCertificate, SpaceCertificateError};
use crate::limits::OPENING_BYTES_MAX;
use crate::secret::{Plaintext, Secret};

/// What opens one epoch of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    space: SpaceTag,
    genesis: SpaceCertificate,
    epoch: SpaceCertificate,
    key: Secret,
}

/// Why an opening is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// It exceeds the cap.
    #[error("an opening of {0} bytes is larger than the limit of {OPENING_BYTES_MAX}")]
    TooLarge(usize),
    /// It cannot be read.
    #[error("this opening cannot be read; ask its sender for it again")]
    Malformed,
    /// A later format.
    #[error("this opening has format version {0}; update this node to read it")]
    Version(u8),
    /// A certificate in it is not sound.
    #[error("this opening holds a certificate that does not stand")]
    Certificate(#[source] SpaceCertificateError),
    /// The genesis is none, or the other certificate is not of an epoch of its space.
    #[error("this opening does not bring a space and an epoch of it")]
    OtherSpace,
    /// The key is not the one that the epoch commits to.
    #[error("the key of this opening is not its epoch's")]
    WrongKey,
}

#[derive(Encode, Decode)]
struct Shape {
    #[n(0)]
    version: u8,
    #[n(1)]
    genesis: ByteVec,
    #[n(2)]
    epoch: ByteVec,
    #[n(3)]
    key: Secret,
}

impl Opening {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Puts an opening together, after checking that its parts belong together.
    ///
    /// # Errors
    /// [`OpeningError::OtherSpace`] and [`OpeningError::WrongKey`].
    pub fn new(
        genesis: SpaceCertificate,
        epoch: SpaceCertificate,
        key: Secret,
    ) -> Result<Self, OpeningError> {
        let (space, _) = genesis.tags().ok_or(OpeningError::OtherSpace)?;
        match epoch.act() {
            Some(Act::Epoch(act)) if epoch.space() == genesis.space() => {
                let check = EpochKey::Content(key.clone()).check(act);
                check.map_err(|_| OpeningError::WrongKey)?;
            }
            Some(_) | None => return Err(OpeningError::OtherSpace),
        }
        Ok(Self { space, genesis, epoch, key })
    }

    /// Reads an opening and checks everything that it says of itself. Whether the space is the one that is looked for
    /// is for the reader to compare.
    ///
    /// # Errors
    /// See [`OpeningError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, OpeningError> {
        if bytes.len() > OPENING_BYTES_MAX {
            return Err(OpeningError::TooLarge(bytes.len()));
        }
        let version = crate::codec::version(bytes).ok_or(OpeningError::Malformed)?;
        if version != Self::VERSION {
            return Err(OpeningError::Version(version));
        }
        let shape: Shape = codec::decode(bytes).map_err(|_| OpeningError::Malformed)?;
        let certificate =
            |bytes: &[u8]| SpaceCertificate::decode(bytes).map_err(OpeningError::Certificate);
        Self::new(certificate(&shape.genesis)?, certificate(&shape.epoch)?, shape.key)
    }

    /// Returns the opening as bytes: for what is sealed, and for nothing else.
    ///
    /// # Errors
    /// [`OpeningError::TooLarge`]: the epoch joins too many former ones.
    pub fn encode(&self) -> Result<Plaintext, OpeningError> {
        let bytes = Plaintext::new(codec::encode(&Shape {
            version: Self::VERSION,
            genesis: self.genesis.encode().into(),
            epoch: self.epoch.encode().into(),
            key: self.key.clone(),
        }));
        if bytes.len() > OPENING_BYTES_MAX {
            return Err(OpeningError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Returns the space as carriers see it.
    #[must_use]
    pub const fn space(&self) -> SpaceTag {
        self.space
    }

    /// Returns the epoch that it opens.
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        EpochId(self.epoch.id().0)
    }

    /// Returns how the space began: whose it is, and what for.
    #[must_use]
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.genesis()
    }

    /// Returns the certificates it brings.
    pub(crate) fn certificates(&self) -> [&SpaceCertificate; 2] {
        [&self.genesis, &self.epoch]
    }

    pub(crate) fn key(&self) -> EpochKey {
        EpochKey::Content(self.key.clone())
    }
}
