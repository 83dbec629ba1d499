//! The bytes of `linli-relay`, built to be small: what whoever runs one fetches over a thin line.

use std::path::Path;
use std::process::Command;

/// Bytes that it is to stay below.
const RELAY_BYTES_WANTED: u64 = 20_000_000;

pub(crate) fn measure() {
    let words = ["build", "--profile", "small", "-p", "linli-relay", "--bin", "linli-relay"];
    let built = Command::new(env!("CARGO")).args(words).status().unwrap();
    assert!(built.success(), "{built}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let relay = target.join("small").join("linli-relay").metadata().unwrap().len();
    let ratio = relay as f64 / RELAY_BYTES_WANTED as f64;
    println!("linli-relay: {relay} bytes, ÷ the {RELAY_BYTES_WANTED} wanted {ratio:.2}");
}
