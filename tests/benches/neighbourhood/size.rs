//! The bytes of the released `linli-relay`: what whoever runs one fetches over a thin line.

use std::path::Path;
use std::process::Command;

/// Bytes that it stays below.
const RELAY_BYTES_MAX: u64 = 20_000_000;

pub(crate) fn check() {
    let built = Command::new(env!("CARGO")).args(["build", "--release"]).status().unwrap();
    assert!(built.success(), "{built}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let bytes = |name: &str| target.join("release").join(name).metadata().unwrap().len();
    println!("linli: {} bytes", bytes("linli"));
    let relay = bytes("linli-relay");
    println!("linli-relay: {relay} bytes, of {RELAY_BYTES_MAX}");
    assert!(relay < RELAY_BYTES_MAX, "linli-relay has {relay} bytes");
}
