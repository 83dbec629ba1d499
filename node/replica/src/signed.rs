//! The envelope of every certificate: a body that is never re-encoded, and the signatures over it.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::id::CertificateId;
use crate::limits::{CERTIFICATE_BYTES_MAX, SIGNATURES_MAX};

const SIGN_CONTEXT: &[u8] = b"linli 1 certificate";
const ID_CONTEXT: &str = "linli 1 certificate id";

/// A body and the signatures under it, as received: not yet believed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    #[n(0)]
    body: ByteVec,
    #[n(1)]
    signatures: Vec<KeySignature>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct KeySignature {
    #[n(0)]
    key: ByteArray<32>,
    #[n(1)]
    signature: ByteArray<64>,
}

/// Why bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The bytes exceed the cap.
    #[error("a certificate of {0} bytes is larger than the limit of {CERTIFICATE_BYTES_MAX}")]
    TooLarge(usize),
    /// The bytes are not the CBOR of an envelope.
    #[error("these bytes are not a certificate; ask its sender for it again")]
    Malformed,
    /// More signatures than officers a community can have.
    #[error("a certificate carries at most {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A signature does not verify under the key it names.
    #[error("a signature on this certificate is wrong; it was damaged or forged")]
    BadSignature,
}

impl Envelope {
    /// Wraps a body, still unsigned.
    #[must_use]
    pub fn new(body: Vec<u8>) -> Self {
        Self { body: body.into(), signatures: Vec::new() }
    }

    /// Reads an envelope and checks the size and every signature.
    ///
    /// # Errors
    /// Says which of the checks failed; nothing of the bytes is kept.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope = Self::reopen(bytes)?;
        envelope.check()?;
        Ok(envelope)
    }

    /// Reads an envelope that this node has checked before and kept under a seal of its own: size and
    /// shape are looked at again, the signatures are not.
    ///
    /// # Errors
    /// Says what is wrong; nothing of the bytes is kept.
    pub fn reopen(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > CERTIFICATE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge(bytes.len()));
        }
        let mut decoder = minicbor::Decoder::new(bytes);
        let envelope: Self = decoder.decode().map_err(|_| EnvelopeError::Malformed)?;
        if decoder.position() != bytes.len() {
            return Err(EnvelopeError::Malformed);
        }
        if envelope.signatures.len() > SIGNATURES_MAX {
            return Err(EnvelopeError::TooManySignatures);
        }
        Ok(envelope)
    }

    /// Returns the envelope as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }

    /// Returns the id: the hash of the body, whoever signed it.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        CertificateId(blake3::derive_key(ID_CONTEXT, &self.body))
    }

    /// Returns the body exactly as it was signed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Adds the signature of `key`, once.
    pub fn sign(&mut self, key: &SigningKey) {
        let signature = key.sign(&self.message()).to_bytes();
        let public = key.verifying_key().to_bytes();
        if !self.signed_by(&public) {
            self.signatures.push(KeySignature { key: public.into(), signature: signature.into() });
            self.signatures.sort();
        }
    }

    /// Says whether `key` has signed.
    #[must_use]
    pub fn signed_by(&self, key: &[u8; 32]) -> bool {
        self.signatures.iter().any(|s| *s.key == *key)
    }

    /// Lists the keys that have signed, in order.
    pub fn signers(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.signatures.iter().map(|s| &*s.key)
    }

    /// Takes over the signatures of another copy of the same certificate; says whether any was new.
    pub fn merge(&mut self, other: &Self) -> bool {
        if other.id() != self.id() {
            return false;
        }
        let before = self.signatures.len();
        for signature in &other.signatures {
            if !self.signed_by(&signature.key) && self.signatures.len() < SIGNATURES_MAX {
                self.signatures.push(signature.clone());
            }
        }
        self.signatures.sort();
        self.signatures.len() > before
    }

    fn check(&self) -> Result<(), EnvelopeError> {
        let message = self.message();
        for pair in self.signatures.windows(2) {
            if let [a, b] = pair
                && a.key >= b.key
            {
                return Err(EnvelopeError::Malformed);
            }
        }
        for KeySignature { key, signature } in &self.signatures {
            VerifyingKey::from_bytes(key)
                .and_then(|key| key.verify_strict(&message, &Signature::from_bytes(signature)))
                .map_err(|_| EnvelopeError::BadSignature)?;
        }
        Ok(())
    }

    fn message(&self) -> Vec<u8> {
        [SIGN_CONTEXT, self.id().as_bytes()].concat()
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id())
            .field("signatures", &self.signatures.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    #[test]
    fn signatures_from_two_copies_are_joined() {
        let mut a = Envelope::new(b"body".to_vec());
        let mut b = a.clone();
        a.sign(&key(1));
        b.sign(&key(2));
        assert!(a.merge(&b));
        assert!(!a.merge(&b), "nothing is new the second time");
        assert_eq!(a.signers().count(), 2);
        assert_eq!(Envelope::decode(&a.encode()), Ok(a));
    }

    #[test]
    fn a_changed_byte_is_refused() {
        let mut envelope = Envelope::new(b"body".to_vec());
        envelope.sign(&key(1));
        let good = envelope.encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Envelope::decode(&bad).is_err(), "byte {at} was changed unnoticed");
        }
        let longer = [good, vec![0]].concat();
        assert_eq!(Envelope::decode(&longer), Err(EnvelopeError::Malformed));
        let huge = vec![0; CERTIFICATE_BYTES_MAX + 1];
        assert_eq!(Envelope::decode(&huge), Err(EnvelopeError::TooLarge(huge.len())));
    }
}
