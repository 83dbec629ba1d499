//! What a node holds, durably and sealed: entries, community certificates and the node's own
//! records, in two redb files.
//!
//! ```text
//! submit(batch) → queue ─ urgent ─→ urgent.redb ─ settled with the next transaction ─→ main.redb
//!                       └ normal ────────────────────────────────────────────────────→ main.redb
//! read          → urgent batches not yet settled, laid over a snapshot of main.redb
//! ```
//!
//! An urgent batch commits alone into its own small file, so it never waits behind a bulk
//! transaction; it becomes part of the main file with a later transaction. Batches take effect in
//! the order in which they were submitted, whichever file they went to. A batch is durable whole or
//! not at all, and [`Store::submit`] answers only once it is durable.
//!
//! All but the entries' own bytes and the tags carriers see is sealed under a [`StorageKey`], which
//! a passphrase unlocks ([`keyring`]). `docs/spec/store.md` is the format.

pub mod backup;
pub mod blobs;
pub mod error;
pub mod key;
pub mod keyring;
pub mod layout;
pub mod limits;
pub mod medium;
pub mod memory;
pub mod store;

mod apply;
mod audit;
mod branches;
mod chain;
mod database;
mod hardening;
mod queue;
mod service;
mod snapshot;
mod unsettled;
mod writer;

pub use blobs::Blobs;
pub use branches::Branches;
pub use error::StoreError;
pub use hardening::harden;
pub use key::{KeyValue, StorageKey};
pub use memory::MemoryStore;
pub use queue::Done;
pub use service::Service;
pub use store::{Stats, Store};
