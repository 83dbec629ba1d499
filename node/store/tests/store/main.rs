//! The store as its users meet it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod audit;
mod backup;
mod blobs;
mod conformance;
mod disk;
mod erase;
mod full_disk;
mod keyring;
mod opening;
mod prune;
mod support;
mod torn_writes;
