//! Bounds of the relay, each with its reason.

use std::time::Duration;

/// How often time is told to the replica, the directory is looked at and problems are retried.
pub const TICK: Duration = Duration::from_secs(1);

/// Time for what was accepted to become durable when the relay stops. The store still writes what
/// is queued afterwards; nobody is answered for it any more.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the driver to answer a question about its state: it answers between two inputs, and
/// the longest of them takes milliseconds.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions about the state that may wait at once. They come from this machine only.
pub const QUESTIONS_MAX: usize = 16;

/// Milliseconds for which a relay extends its own certificate: a year.
pub const NODE_TERM_MS: u64 = 365 * DAY_MS;

/// Milliseconds before its end at which the certificate is extended: two months, so that the
/// extension reaches members who are rarely there.
pub const RENEW_BEFORE_MS: u64 = 60 * DAY_MS;

/// Bytes a second taken from each connection of a member at the relay server: a quarter of a line of 1 Gbit/s, which
/// four homes share when they all sync for the first time. The carrier's own connection is one of them.
pub const MEMBER_BYTES_PER_SECOND: u32 = 31_250_000;

/// Connections of one node to the relay server at once: one in use, and some that a lost network left behind and
/// that have not timed out yet. Each has a rate of its own.
pub const CONNECTIONS_MAX: usize = 8;

/// Node keys that the relay server remembers as well-formed: three times the nodes of a district. Whom a datagram is
/// for is its sender's word, so that any number of keys can be named; each remembered takes 100 bytes or so.
pub const KEYS_CACHED: usize = 16_384;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Bytes of a file with a certificate chain, a TLS key or a passphrase: a chain of four takes 8 KiB.
pub const FILE_BYTES_MAX: u64 = 64 << 10;
