//! All branches of a store, one after the other.

use std::collections::BTreeMap;

use linli_replica::frontier::Branch;
use linli_replica::id::{DocTag, LogKey, SpaceTag};
use redb::{Range, ReadableTable as _};

use crate::chain::{ChainId, plan};
use crate::error::StoreError;
use crate::layout::{self as rows, ChainRow};
use crate::snapshot::Snapshot;
use crate::unsettled::Numbered;

/// Iterates over the branches of every chain: by document in order of arrival, then those that urgent
/// batches have moved. Sees one moment of the store.
pub struct Branches {
    log_keys: BTreeMap<u32, LogKey>,
    rows: Range<'static, &'static ChainRow, &'static [u8]>,
    tags: Range<'static, u64, &'static [u8; 64]>,
    document: Option<(u64, SpaceTag, DocTag)>,
    /// Chains that urgent batches have changed, in place of those in the main file.
    changed: BTreeMap<ChainId, Vec<Branch>>,
    ready: Vec<(ChainId, Branch)>,
    ended: bool,
}

impl std::fmt::Debug for Branches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Branches").finish_non_exhaustive()
    }
}

const DAMAGED: StoreError = StoreError::Corrupted { table: "branches" };

impl Branches {
    pub(crate) fn new(snapshot: Snapshot, waiting: &[Numbered]) -> Result<Self, StoreError> {
        let entries: Vec<_> =
            waiting.iter().flat_map(|(_, batch)| batch.entries.iter().cloned()).collect();
        let changed = plan(&mut &snapshot, &[], &entries, false)?.branches;
        let mut log_keys = BTreeMap::new();
        for row in snapshot.txn.open_table(rows::LOG_KEYS)?.iter()? {
            let (number, key) = row?;
            log_keys.insert(number.value(), LogKey(*key.value()));
        }
        Ok(Self {
            log_keys,
            rows: snapshot.txn.open_table(rows::BRANCHES)?.range::<&ChainRow>(..)?,
            tags: snapshot.txn.open_table(rows::TAGS)?.range::<u64>(..)?,
            document: None,
            changed,
            ready: Vec::new(),
            ended: false,
        })
    }

    /// Makes the branches of the next chain ready; false at the end.
    fn advance(&mut self) -> Result<bool, StoreError> {
        let Some(row) = self.rows.next() else {
            let Some((chain, branches)) = self.changed.pop_first() else { return Ok(false) };
            self.ready = branches.into_iter().rev().map(|branch| (chain, branch)).collect();
            return Ok(true);
        };
        let (row, branches) = row?;
        let (document, log) = rows::split_chain_row(row.value());
        let branches = rows::decode_branches(branches.value()).ok_or(DAMAGED)?;
        let (space, tag) = self.tag(document)?;
        let log = *self.log_keys.get(&log).ok_or(DAMAGED)?;
        let chain = ChainId { space, document: tag, log };
        if !self.changed.contains_key(&chain) {
            self.ready = branches.into_iter().rev().map(|branch| (chain, branch)).collect();
        }
        Ok(true)
    }

    /// Both tables are in order of document number, so one pass over each is enough.
    fn tag(&mut self, document: u64) -> Result<(SpaceTag, DocTag), StoreError> {
        loop {
            match self.document {
                Some((number, space, tag)) if number == document => return Ok((space, tag)),
                Some((number, ..)) if number > document => return Err(DAMAGED),
                _ => {}
            }
            let (number, tags) = self.tags.next().ok_or(DAMAGED)??;
            let (space, tag) = rows::split(tags.value());
            self.document = Some((number.value(), SpaceTag(space), DocTag(tag)));
        }
    }
}

impl Iterator for Branches {
    type Item = Result<(SpaceTag, DocTag, LogKey, Branch), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            if let Some((chain, branch)) = self.ready.pop() {
                return Some(Ok((chain.space, chain.document, chain.log, branch)));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
