//! Makes signatures good again that a change to an input broke, where the key is known here: what stands behind them
//! is reached, as somebody reaches it who holds keys and means ill.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::cbor::Value;

/// How terms are signed that stand as version, terms and signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What the signature is over, before the hash of the terms, and what that hash is derived for.
    pub(crate) context: &'static str,
    /// Which of the terms is the key.
    pub(crate) key_at: usize,
}

/// Returns the key that is made of one byte.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn ring() -> &'static BTreeMap<[u8; 32], SigningKey> {
    static RING: OnceLock<BTreeMap<[u8; 32], SigningKey>> = OnceLock::new();
    RING.get_or_init(|| {
        let all = (0..=u8::MAX).map(|seed| (key(seed).verifying_key().to_bytes(), key(seed)));
        all.collect()
    })
}

fn holder(public: &Value) -> Option<&'static SigningKey> {
    let public: [u8; 32] = public.as_bytes()?.try_into().ok()?;
    ring().get(&public)
}

/// Signs again what is signed in an input with a key of one byte; none where nothing is.
pub(crate) fn healed(bytes: &[u8], terms: Option<Terms>) -> Option<Vec<u8>> {
    let mut value = Value::read(bytes)?;
    heal(&mut value, terms).then(|| value.bytes())
}

fn heal(value: &mut Value, terms: Option<Terms>) -> bool {
    let mut inside = false;
    for part in value.parts().iter_mut() {
        inside |= heal(part, terms);
    }
    let Value::List(list) = value else { return inside };
    let here = match list.as_mut_slice() {
        [body, Value::List(signatures)] => body.as_bytes().map(|body| envelope(&body, signatures)),
        [Value::Number(_), sealed, signature] => {
            terms.and_then(|terms| signed_terms(terms, sealed, signature))
        }
        [header, sealed, signature] => entry(header, sealed, signature),
        _ => None,
    };
    inside || here.unwrap_or(false)
}

fn envelope(body: &[u8], signatures: &mut [Value]) -> bool {
    let id = blake3::derive_key("linli 1 certificate id", body);
    let message = [b"linli 1 certificate".as_slice(), &id].concat();
    let mut any = false;
    for signature in signatures {
        let Value::List(pair) = signature else { continue };
        if let [public, signature] = pair.as_mut_slice()
            && let Some(key) = holder(public)
        {
            *signature = Value::Bytes(key.sign(&message).to_bytes().to_vec());
            any = true;
        }
    }
    any
}

fn entry(header: &Value, sealed: &Value, signature: &mut Value) -> Option<bool> {
    let Value::Nested(fields) = header else { return None };
    let key = holder(fields.as_list()?.get(4)?)?;
    let mut hasher = blake3::Hasher::new_derive_key("linli 1 entry id");
    hasher.update(&header.as_bytes()?).update(&sealed.as_bytes()?);
    let message = [b"linli 1 entry".as_slice(), hasher.finalize().as_bytes()].concat();
    *signature = Value::Bytes(key.sign(&message).to_bytes().to_vec());
    Some(true)
}

fn signed_terms(how: Terms, terms: &Value, signature: &mut Value) -> Option<bool> {
    let Value::Nested(fields) = terms else { return None };
    let key = holder(fields.as_list()?.get(how.key_at)?)?;
    let hash = blake3::derive_key(how.context, &terms.as_bytes()?);
    let message = [how.context.as_bytes(), &hash].concat();
    *signature = Value::Bytes(key.sign(&message).to_bytes().to_vec());
    Some(true)
}
