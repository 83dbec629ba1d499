//! Bounds on everything that comes from outside, each with its reason.

/// Bytes of one frame on the wire. Holds four of the largest entries; a reader allocates no more
/// than this for a peer's next word.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes of one encoded entry. A month of readings at three-minute intervals seals into less.
pub const ENTRY_BYTES_MAX: usize = 256 << 10;

/// Bytes of ciphertext padding to the next bucket: small entries look alike in steps of 256 bytes.
pub const PAD_BUCKET_BYTES: usize = 256;

/// Entries in one page. One signature covers a page, so that 64 entries cost one check.
pub const PAGE_ENTRIES_MAX: usize = 64;

/// Branches held of one forked log: enough to prove the fork and keep what others built on.
pub const BRANCHES_MAX: usize = 4;

/// Logs in one document. A document shared by a whole district's 545 nodes fits seven times over.
pub const LOGS_MAX: usize = 4_096;

/// Bytes of one certificate: a genesis of 64 officers takes 3 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 64 << 10;

/// Signatures on one certificate: as many as a community may have officers.
pub const SIGNATURES_MAX: usize = 64;

/// Rounds of range reconciliation in one session. 2^32 documents differ in 16 ways each within 8.
pub const ROUNDS_MAX: u32 = 64;

/// Clock difference that is forgiven between two nodes: ten minutes.
pub const CLOCK_SKEW_MS_MAX: u64 = 10 * 60 * 1_000;
