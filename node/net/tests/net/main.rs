//! The crate's API over real endpoints on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may stop at once and look for one event among many, helpers included"
)]

mod connect;
mod failover;
mod hostile;
mod lanes;
mod mdns;
mod pairing;
mod relay;
mod support;
mod vanish;
