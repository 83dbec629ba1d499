//! Pairing: the code people pass on, what both sides prove with it, and what they say.
//!
//! `docs/spec/pairing.md` is the protocol. The code names the inviter by 80 bits of the hash of its
//! key and carries an 80-bit secret. Each side proves the secret over the TLS exporter of their
//! connection (RFC 8446 §7.5), so that a proof is worth nothing on another connection.

use bech32::{Bech32m, Hrp};
use linli_replica::relays::RelayTold;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroize;

const PREFIX: Hrp = Hrp::parse_unchecked("linli");
const KEY_CONTEXT: &str = "linli 1 pairing";
const INVITER: &[u8] = b"inviter";
const JOINER: &[u8] = b"joiner";
const NUMBER: &[u8] = b"number";

/// Wrong proofs after which a code is void: one for a stale screen, one for a slip, and no room to
/// guess among 2^80.
pub const WRONG_PROOFS_MAX: u32 = 3;

/// A one-use pairing code.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// The first 80 bits of the hash of the inviter's key.
    pub inviter: [u8; 10],
    secret: [u8; 10],
}

/// The text is not a pairing code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a pairing code, or it was mistyped; type it again as the inviter's screen shows it"
)]
pub struct NotACode;

impl Code {
    /// Draws a code for an inviter.
    pub fn draw(inviter: [u8; 10], rng: &mut impl CryptoRng) -> Self {
        let mut secret = [0; 10];
        rng.fill_bytes(&mut secret);
        Self { inviter, secret }
    }

    /// Reads a code as people type it: any case, with spaces or dashes anywhere.
    ///
    /// # Errors
    /// It is no code, or a character is wrong (BIP 350 finds up to four wrong ones for certain).
    pub fn parse(text: &str) -> Result<Self, NotACode> {
        if text.len() > 128 {
            return Err(NotACode);
        }
        let text: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(&text)
            .map_err(|_| NotACode)?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let (inviter, secret) = bytes.split_at_checked(10).ok_or(NotACode)?;
        let inviter = inviter.try_into().map_err(|_| NotACode)?;
        let secret = secret.try_into().map_err(|_| NotACode)?;
        if checked.hrp() == PREFIX { Ok(Self { inviter, secret }) } else { Err(NotACode) }
    }

    /// Writes the code in groups of four characters.
    ///
    /// # Errors
    /// Never for a code of this length; the library's signature allows for it.
    pub fn text(&self) -> Result<String, NotACode> {
        let bytes = [self.inviter, self.secret].concat();
        let text = bech32::encode::<Bech32m>(PREFIX, &bytes).map_err(|_| NotACode)?;
        let mut grouped = String::with_capacity(text.len() * 5 / 4);
        for (at, c) in text.chars().enumerate() {
            if at > 0 && at % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(c);
        }
        Ok(grouped)
    }

    /// Binds the secret to one connection.
    #[must_use]
    pub fn bind(&self, exporter: &[u8; 32]) -> Bound {
        let mut material = [self.secret.as_slice(), exporter].concat();
        let key = blake3::derive_key(KEY_CONTEXT, &material);
        material.zeroize();
        Bound { key }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// A code's secret bound to one connection.
#[derive(Clone)]
pub struct Bound {
    key: [u8; 32],
}

impl Bound {
    /// What the joiner proves the secret with.
    #[must_use]
    pub fn joiner_proof(&self) -> Proof {
        self.proof(JOINER)
    }

    /// What the inviter proves the secret with.
    #[must_use]
    pub fn inviter_proof(&self) -> Proof {
        self.proof(INVITER)
    }

    /// Checks the joiner's proof, in constant time.
    #[must_use]
    pub fn checks_joiner(&self, proof: &Proof) -> bool {
        blake3::Hash::from_bytes(*self.joiner_proof().0) == blake3::Hash::from_bytes(*proof.0)
    }

    /// Checks the inviter's proof, in constant time.
    #[must_use]
    pub fn checks_inviter(&self, proof: &Proof) -> bool {
        blake3::Hash::from_bytes(*self.inviter_proof().0) == blake3::Hash::from_bytes(*proof.0)
    }

    /// Returns the six digits that both screens show.
    #[must_use]
    pub fn number(&self) -> String {
        let hash = blake3::keyed_hash(&self.key, NUMBER);
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000)
    }

    fn proof(&self, role: &[u8]) -> Proof {
        Proof(ByteArray::from(*blake3::keyed_hash(&self.key, role).as_bytes()))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bound(…)")
    }
}

/// That its sender knows the code, on this connection.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(transparent)]
pub struct Proof(#[n(0)] ByteArray<32>);

/// What the two say, each a frame of at most 64 KiB.
#[derive(Debug, Clone, Encode, Decode)]
pub enum Message {
    /// The joiner's first word.
    #[n(0)]
    Hello(#[n(0)] Proof),
    /// The inviter's answer once the joiner's proof was right.
    #[n(1)]
    Welcome {
        /// The inviter's proof.
        #[n(0)]
        proof: Proof,
        /// The community's genesis certificate.
        #[n(1)]
        genesis: ByteVec,
    },
    /// The joiner's certificate for its node, signed by its party's root key.
    #[n(2)]
    Apply(#[n(0)] ByteVec),
    /// A part of the community's certificates; more follow until `Enrolled`.
    #[n(3)]
    Certificates(#[n(0)] Vec<ByteVec>),
    /// The joiner is a member once it holds the certificates.
    #[n(4)]
    Enrolled {
        /// What members recognise each other by on a LAN.
        #[n(0)]
        discovery: ByteArray<32>,
        /// Relays of the community, as the configuration writes them.
        #[n(1)]
        relays: Vec<String>,
        /// The same relays with what else is to be known of them.
        #[n(2)]
        told: Option<Vec<RelayTold>>,
    },
    /// More officers must sign; the joiner asks again later with `Resume`.
    #[n(5)]
    AwaitingOfficers {
        /// How many have signed.
        #[n(0)]
        signed: u64,
        /// How many must.
        #[n(1)]
        needed: u64,
    },
    /// No, and why.
    #[n(6)]
    Refused(#[n(0)] String),
    /// The first word of a joiner that was confirmed before and asks whether it is a member. It proves
    /// nothing: the connection proves whose node it is.
    #[n(7)]
    Resume,
}

impl Message {
    /// Encodes the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        linli_replica::codec::encode(self)
    }

    /// Reads a message; its frame was bounded by the network.
    ///
    /// # Errors
    /// The bytes are no message of this protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, minicbor::decode::Error> {
        linli_replica::codec::decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn code() -> Code {
        Code::draw([5; 10], &mut rand::rngs::StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_code_is_typed_in_any_way() {
        let text = code().text().unwrap();
        assert_eq!(Code::parse(&text), Ok(code()));
        assert_eq!(Code::parse(&text.to_uppercase().replace('-', " ")), Ok(code()));
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_ne!(Code::parse(&wrong), Ok(code()), "{wrong}");
        }
        assert_eq!(Code::parse(""), Err(NotACode));
        assert_eq!(Code::parse(&"q".repeat(200)), Err(NotACode));
    }

    #[test]
    fn a_proof_holds_on_its_own_connection_and_for_its_own_side() {
        let (here, there) = (code().bind(&[1; 32]), code().bind(&[2; 32]));
        assert!(here.checks_joiner(&here.joiner_proof()));
        assert!(here.checks_inviter(&here.inviter_proof()));
        assert!(!here.checks_joiner(&here.inviter_proof()), "reflected");
        assert!(!there.checks_joiner(&here.joiner_proof()), "relayed to another connection");
        let other = Code::draw([5; 10], &mut rand::rngs::StdRng::seed_from_u64(2));
        assert!(!other.bind(&[1; 32]).checks_joiner(&here.joiner_proof()));
        assert_eq!(here.number().len(), 6);
        assert_ne!(here.number(), there.number());
    }
}
