//! What a node holds, as the pure cores may read it.

use crate::entry::Entry;
use crate::id::{DocTag, LogKey};

/// A synchronous, read-only view of the entries held durably. Redb in production, memory in tests.
pub trait Held {
    /// Returns entries of one log in order of sequence, those after `after`, until about
    /// `bytes_max` bytes are reached (at least one entry where there is one). The entries of all
    /// branches of a forked log come, lower sequence first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn entries(
        &self,
        document: DocTag,
        log: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, HeldError>;
}

/// The store could not be read; the shell knows the reason and has logged it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct HeldError(pub String);
