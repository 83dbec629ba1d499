//! What is committed together: all of it is durable, or nothing.

use std::collections::BTreeSet;

use crate::certificate::Certificate;
use crate::entry::Entry;
use crate::frontier::Tip;
use crate::id::{DocTag, LogKey, SpaceTag};

/// One atomic addition to the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Logs whose entries here, or that follow, go on from an entry that is not held. Never in an urgent
    /// batch.
    pub bases: Vec<LogBase>,
    /// Entries of verified pages, in order within each log.
    pub entries: Vec<Entry>,
    /// Community certificates, or their copies with more signatures.
    pub certificates: Vec<Certificate>,
    /// What is removed, with every entry of it that is held or comes in this batch. Never in an
    /// urgent batch.
    pub erase: Vec<Erase>,
    /// Logs of which that entry and all before it are removed; they go on behind it. Never in an urgent
    /// batch.
    pub prune: Vec<LogBase>,
    /// The node's own records, sealed by the store under its storage key. Written last.
    pub records: Vec<Record>,
    /// Whether this may use the space reserved for alerts, and goes before others.
    pub urgent: bool,
    /// Whether nobody waits for it, so that the store may gather more before it writes.
    pub relaxed: bool,
}

/// An entry of a log before which nothing need be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBase {
    /// The space.
    pub space: SpaceTag,
    /// The document.
    pub document: DocTag,
    /// The log.
    pub log: LogKey,
    /// The entry.
    pub tip: Tip,
}

/// A space, or some documents of it, whose entries are to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// The space.
    pub space: SpaceTag,
    /// The documents; none for all of the space.
    pub documents: Option<BTreeSet<DocTag>>,
}

impl Erase {
    /// Says whether it takes a document of a space away.
    #[must_use]
    pub fn covers(&self, space: &SpaceTag, document: &DocTag) -> bool {
        self.space == *space
            && self.documents.as_ref().is_none_or(|documents| documents.contains(document))
    }
}

/// Where a record of the node's own is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// Keys, geneses and certificates of spaces this node is a member of.
    Space,
    /// What lists show of a document, so that it need not be opened.
    View,
    /// Entries that are held but could not be opened yet.
    Pending,
    /// What peers have said they hold.
    Receipt,
    /// The node's own state: its log keys, timers, people, settings.
    Own,
    /// The audit. The store appends each record to the chain of [`crate::audit`] and gives it its
    /// number; the key only has to differ from others of the same batch. None is ever removed.
    Audit,
}

impl Shelf {
    /// Every shelf.
    pub const ALL: [Self; 6] =
        [Self::Space, Self::View, Self::Pending, Self::Receipt, Self::Own, Self::Audit];
}

/// One of the node's own records; neither key nor value is ever in clear on disk.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The shelf.
    pub shelf: Shelf,
    /// The name on that shelf.
    pub key: Vec<u8>,
    /// The content; none removes the record.
    pub value: Option<Vec<u8>>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

impl Batch {
    /// Says whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.certificates.is_empty()
            && self.erase.is_empty()
            && self.prune.is_empty()
            && self.records.is_empty()
    }

    /// Adds what another batch holds.
    pub fn absorb(&mut self, other: Self) {
        self.bases.extend(other.bases);
        self.entries.extend(other.entries);
        self.certificates.extend(other.certificates);
        self.erase.extend(other.erase);
        self.prune.extend(other.prune);
        self.records.extend(other.records);
        self.urgent |= other.urgent;
        self.relaxed &= other.relaxed;
    }
}
