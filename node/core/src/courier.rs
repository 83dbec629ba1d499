//! The seal of a courier file: HPKE (RFC 9180) base mode to the receiver, one context for the whole
//! file, so that its parts can neither be changed, moved nor put into another file.
//! `docs/spec/courier.md` is the format.

use hpke::aead::{AeadCtxR, AeadCtxS};
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _};
use linli_replica::courier::Preamble;
use rand_core::CryptoRng;

use crate::identity::SealKey;
use crate::seal::{InboxAead, Kdf, Kem, SealError};
use crate::secret::Plaintext;

const INFO: &[u8] = b"linli 1 courier";

/// Seals the parts of one file, in order.
pub struct Sealer {
    context: AeadCtxS<InboxAead, Kdf, Kem>,
    preamble: Preamble,
}

/// Opens the parts of one file, in order.
pub struct Opener {
    context: AeadCtxR<InboxAead, Kdf, Kem>,
    preamble: Preamble,
}

/// A part does not open: it is damaged, or sealed to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this part does not open under this node's key")]
pub struct DoesNotOpen;

impl Sealer {
    /// Begins a file that only the holder of `recipient`'s private half opens.
    ///
    /// # Errors
    /// The key is not a usable X25519 key.
    pub fn new(rng: &mut impl CryptoRng, recipient: &[u8; 32]) -> Result<Self, SealError> {
        let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient)
            .map_err(|_| SealError::BadRecipient)?;
        let (encapped, context) = hpke::setup_sender_with_rng::<InboxAead, Kdf, Kem>(
            &OpModeS::Base,
            &recipient,
            INFO,
            rng,
        )
        .map_err(|_| SealError::BadRecipient)?;
        let preamble = Preamble { encapped: Some(encapped.to_bytes().into()) };
        Ok(Self { context, preamble })
    }

    /// Returns what the file begins with.
    #[must_use]
    pub const fn preamble(&self) -> Preamble {
        self.preamble
    }

    /// Seals the next part.
    ///
    /// # Errors
    /// More parts than one context seals, which no file reaches.
    pub fn seal(&mut self, part: &[u8]) -> Result<Vec<u8>, SealError> {
        let sealed = self.context.seal(part, &self.preamble.encode());
        sealed.map_err(|_| SealError::TooLarge(part.len()))
    }
}

impl Opener {
    /// Begins a sealed file; none where the file is not sealed.
    ///
    /// # Errors
    /// The encapsulated key is not one.
    pub fn new(own: &SealKey, preamble: Preamble) -> Result<Option<Self>, DoesNotOpen> {
        let Some(encapped) = preamble.encapped else { return Ok(None) };
        let encapped =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(&encapped).map_err(|_| DoesNotOpen)?;
        let context = hpke::setup_receiver::<InboxAead, Kdf, Kem>(
            &OpModeR::Base,
            own.private(),
            &encapped,
            INFO,
        )
        .map_err(|_| DoesNotOpen)?;
        Ok(Some(Self { context, preamble }))
    }

    /// Opens the next part.
    ///
    /// # Errors
    /// It is damaged, out of order, of another file, or sealed to another node.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Plaintext, DoesNotOpen> {
        let part = self.context.open(sealed, &self.preamble.encode());
        part.map(Plaintext::new).map_err(|_| DoesNotOpen)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn parts_open_in_order_for_their_receiver_and_nobody_else() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [own, other] = [(); 2].map(|()| SealKey::draw(&mut rng));
        let mut sealer = Sealer::new(&mut rng, own.public()).unwrap();
        let preamble = sealer.preamble();
        let sealed: Vec<Vec<u8>> =
            [b"one", b"two", b"six"].map(|part| sealer.seal(part).unwrap()).to_vec();
        let opener = |key| Opener::new(key, preamble).unwrap().unwrap();
        let mut opens = opener(&own);
        let opened: Vec<_> = sealed.iter().map(|part| opens.open(part).unwrap()).collect();
        assert_eq!(*opened[1], b"two");
        assert_eq!(opener(&other).open(&sealed[0]), Err(DoesNotOpen));
        assert_eq!(opener(&own).open(&sealed[1]), Err(DoesNotOpen), "out of order");
        let mut bad = sealed[0].clone();
        bad[2] ^= 1;
        assert_eq!(opener(&own).open(&bad), Err(DoesNotOpen));
        let mut again = Sealer::new(&mut rng, own.public()).unwrap();
        let part = again.seal(b"one").unwrap();
        assert_eq!(opener(&own).open(&part), Err(DoesNotOpen), "of another file");
        assert!(Opener::new(&own, Preamble { encapped: None }).unwrap().is_none());
        assert!(Sealer::new(&mut rng, &[0; 32]).is_err(), "a key of no order");
    }
}
