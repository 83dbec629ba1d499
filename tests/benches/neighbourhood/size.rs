//! The bytes of the released `linli-relay`: what whoever runs one fetches over a thin line.

use std::path::Path;
use std::process::Command;

/// Bytes that it is to stay below.
const RELAY_BYTES_WANTED: u64 = 20_000_000;

pub(crate) fn measure() {
    let built = Command::new(env!("CARGO")).args(["build", "--release"]).status().unwrap();
    assert!(built.success(), "{built}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let bytes = |name: &str| target.join("release").join(name).metadata().unwrap().len();
    println!("linli: {} bytes", bytes("linli"));
    let relay = bytes("linli-relay");
    let ratio = relay as f64 / RELAY_BYTES_WANTED as f64;
    println!("linli-relay: {relay} bytes, ÷ the {RELAY_BYTES_WANTED} wanted {ratio:.2}");
}
