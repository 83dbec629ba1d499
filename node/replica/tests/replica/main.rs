//! Replicas in memory, over a modelled wire.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod blobs;
mod community;
mod convergence;
mod cost;
mod courier;
mod courier_large;
mod hostile;
mod lanes;
mod naming;
mod network;
mod prune;
mod quotas;
mod relays;
mod store;
mod vectors;
mod vectors_prune;
