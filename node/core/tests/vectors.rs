//! The formats of `docs/spec/keys.md`, `docs/spec/space-certificate.md`, `docs/spec/recovery.md`, `docs/spec/audit.md` and `docs/spec/blob.md` as fixed bytes: what must
//! be accepted, with what it says, and what must be refused, with the reason.
//!
//! Each file is read and judged; and it must be what the seeds below make, byte for byte, so that
//! no format changes unnoticed. A file that differs is written anew beside the test binaries.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; a panic is a failed test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use ed25519_dalek::SigningKey;
use linli_core::secret::Secret;
use linli_replica::id::{EntryId, EpochId};
use serde_json::{Value, json};

#[path = "vectors/space_certificate.rs"]
mod space_certificate;

#[path = "vectors/audit.rs"]
mod audit;
#[path = "vectors/blob.rs"]
mod blob;
#[path = "vectors/opening.rs"]
mod opening;

#[path = "vectors/payload.rs"]
mod payload;

#[path = "vectors/recovery.rs"]
mod recovery;

#[path = "vectors/seal.rs"]
mod seal;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

/// Reads a file of vectors, after checking that it is what `made` makes.
fn vectors(name: &str, made: Vec<Value>) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let made = serde_json::to_string_pretty(&made).unwrap() + "\n";
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    if held != made {
        let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&beside, made).unwrap();
        panic!("{} is not what its seeds make; compare {}", path.display(), beside.display());
    }
    serde_json::from_str(&held).unwrap()
}
