//! This machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use linli_replica::id::Timestamp;

/// Reads the clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
}
