//! Sealed entries and how they travel: logs, frontiers, certificates of the community,
//! reconciliation and sessions. Needs no key and does no I/O.
//!
//! Bytes from outside become types step by step, and each step is the only way to the next:
//!
//! ```text
//! bytes → entry::Entry (bounded, well formed) → entry::Page → entry::VerifiedPage (chain, signature)
//!       → index::Index::admit (what of it is not yet held) → the shell commits → index::Index::persisted
//! ```
//!
//! What a node may read of its own store comes in through [`held::Held`]; the clock and randomness
//! come in as arguments.

pub mod audit;
pub mod batch;
pub mod blob;
pub mod certificate;
pub mod codec;
pub mod complaints;
pub mod courier;
pub mod custody;
pub mod directory;
pub mod entry;
pub mod erasure;
pub mod fingerprint;
pub mod frame;
pub mod frontier;
pub mod held;
pub mod id;
pub mod index;
pub mod limits;
pub mod planted;
pub mod prune;
pub mod reconcile;
pub mod relays;
pub mod replica;
pub mod request;
mod session;
pub mod signed;
