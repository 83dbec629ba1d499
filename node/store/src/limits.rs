//! Bounds of the store, each with its reason.

/// Entries after which a bulk transaction takes no further batch, so that an alert's fsync does not
/// queue behind a long one, and at least some: a transaction has a cost of its own.
pub const TRANSACTION_ENTRIES_MAX: usize = 2_000;

/// Bytes after which a bulk transaction takes no further batch: the same for large entries.
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// Milliseconds for which a batch that nobody waits for is held back, so that others share its
/// transaction: each costs a few milliseconds of processor and disk, however little is in it.
pub const GATHER_MS: u64 = 20;

/// Bytes of normal batches that wait for the writer before [`crate::Store::submit`] blocks. Eight
/// transactions: enough that the writer never idles.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Bytes of urgent batches that wait for the writer. An alert takes about 2 KiB.
pub const URGENT_QUEUE_BYTES_MAX: usize = 8 << 20;

/// Urgent batches kept apart before they are settled into the main file without waiting for idle
/// time. They are held in memory and searched one by one.
pub const SETTLE_AT_BATCHES: usize = 256;

/// Bytes of urgent batches after which they are settled without waiting either: a quarter of what
/// they may take, since some bring the record of their space, which grows with the documents in it.
pub const SETTLE_AT_BYTES: usize = 4 << 20;

/// Urgent batches kept apart at most, reached only where the main file cannot be written. A day of
/// one alert every 20 seconds.
pub const UNSETTLED_BATCHES_MAX: usize = 4_096;

/// Bytes of unsettled urgent batches at most, all of them in memory.
pub const UNSETTLED_BYTES_MAX: usize = 16 << 20;

/// Milliseconds without other work after which urgent batches are settled.
pub const SETTLE_IDLE_MS: u64 = 1_000;

/// Bytes of disk set aside for alerts: about 2,000 of them on a disk that is otherwise full.
pub const RESERVE_BYTES: u64 = 4 << 20;

/// Bytes of cache for the main file. A node's working set is its branches and recent entries.
pub const MAIN_CACHE_BYTES: usize = 64 << 20;

/// Bytes of cache for the urgent file, which is nearly empty.
pub const URGENT_CACHE_BYTES: usize = 4 << 20;

/// Sealed records are padded to a multiple of this, so that a stolen disk tells lengths roughly.
pub const PAD_BYTES: usize = 64;

/// Bytes of a sealed key file at most; one takes about 120.
pub const KEY_FILE_BYTES_MAX: u64 = 1 << 10;

/// Memory a key file may demand, in KiB: 1 GiB. A planted file must not exhaust a hub.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 1 << 20;

/// Passes a key file may demand.
pub const ARGON2_PASSES_MAX: u32 = 16;

/// Lanes a key file may demand.
pub const ARGON2_LANES_MAX: u32 = 16;

/// Bytes of disk that blobs leave free, so that they never keep an entry or an alert from being stored: more than a
/// day's entries and the reserve.
pub const BLOBS_LEAVE_BYTES: u64 = 64 << 20;

/// Days after which a blob that is not whole is removed at the start, where nothing more of it came.
pub const BLOB_PART_DAYS_MAX: u64 = 14;
