//! The relay as members meet it: over loopback, with real endpoints, stores and processes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed"
)]

mod access;
mod carrying;
mod community;
mod forwarding;
mod home;
mod hostile;
mod member;
mod process;
mod published;
mod reports;
mod starting;

use std::time::Duration;

/// Far longer than anything here takes; a test that reaches it has failed.
const LIMIT: Duration = Duration::from_secs(60);
