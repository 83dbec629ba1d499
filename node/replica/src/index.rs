//! What this node holds, in memory: space → document → log → tips.
//!
//! Two levels. *Held* is durable: it alone is counted in a frontier, receipted, forwarded. *Admitted*
//! is verified and on its way to disk: it alone decides what of a page is still new.
//!
//! A document costs about 260 bytes with one log, so that 600,000 documents fit 160 MB.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::Erase;
use crate::entry::{Entry, Urgency, VerifiedPage};
use crate::frontier::{Branch, Frontier, Tip, digest};
use crate::held::{Held, HeldError};
use crate::id::{DocTag, EntryId, LogKey, SpaceTag};
use crate::limits::{BRANCHES_MAX, ENTRY_BYTES_MAX, LOGS_MAX};
use crate::prune::Base;

mod bases;
mod orders;

pub(crate) use bases::BaseKey;
use orders::Orders;
pub use orders::SeenCuts;
pub(crate) use orders::{Note, OrderKey};

/// One branch and the log it is of.
type LogBranch = (LogKey, Branch);

/// Numbers a space within this process, to keep a document's record small.
type SpaceNumber = u32;

#[derive(Debug, Clone, Default)]
struct Document {
    digest: [u8; 32],
    /// Sorted: the branches of one log are next to each other.
    branches: Box<[LogBranch]>,
}

/// What of one log is on its way to disk.
#[derive(Debug, Clone)]
struct Flight {
    /// Where they begin, if what is before is not held.
    base: Option<Base>,
    tips: Vec<Tip>,
    entries: BTreeSet<(u64, EntryId)>,
}

/// The index of a node.
#[derive(Debug, Clone, Default)]
pub struct Index {
    numbers: BTreeMap<SpaceTag, SpaceNumber>,
    tags: Vec<SpaceTag>,
    spaces: BTreeMap<DocTag, SpaceNumber>,
    documents: BTreeMap<(SpaceNumber, DocTag), Document>,
    flights: BTreeMap<(DocTag, LogKey), Flight>,
    bases: BTreeMap<BaseKey, Base>,
    orders: Orders,
    erased: Erased,
}

/// What is erased for good: nothing of it is taken in.
#[derive(Debug, Clone, Default)]
struct Erased {
    spaces: BTreeSet<SpaceTag>,
    documents: BTreeMap<DocTag, BTreeSet<SpaceTag>>,
}

/// What a verified page brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Nothing: all of it is held, or on its way to disk.
    Known,
    /// These entries continue their log.
    New(Vec<Entry>),
    /// These entries continue their log beside entries that are held: its writer forked it.
    Fork(Vec<Entry>),
    /// What comes before is missing. Nothing of the page is taken.
    Gap,
    /// The page is not taken.
    Refused(AdmissionRefusal),
}

/// Why a verified page is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum AdmissionRefusal {
    /// A steward of the space had it erased.
    #[error("it was erased by order of a steward and is not taken in again")]
    Erased,
    /// The document is held in another space.
    #[error("the document belongs to another space")]
    OtherSpace,
    /// One log more than a document may have.
    #[error("the document has {LOGS_MAX} logs already")]
    TooManyLogs,
    /// One branch more than is kept of a forked log.
    #[error("the log has {BRANCHES_MAX} branches already; its node must begin a fresh log")]
    TooManyBranches,
}

impl Index {
    /// Builds the index from every branch of every log that the store holds, in any order.
    #[must_use]
    pub fn load(held: impl IntoIterator<Item = (SpaceTag, DocTag, LogKey, Branch)>) -> Self {
        let mut index = Self::default();
        let mut last: Option<((SpaceNumber, DocTag), Vec<LogBranch>)> = None;
        for (space, document, log, branch) in held {
            let key = (index.number(space, document), document);
            match &mut last {
                Some((open, branches)) if *open == key => branches.push((log, branch)),
                Some(_) | None => {
                    if let Some((done, branches)) = last.replace((key, vec![(log, branch)])) {
                        index.extend(done, branches);
                    }
                }
            }
        }
        if let Some((done, branches)) = last {
            index.extend(done, branches);
        }
        index
    }

    fn extend(&mut self, key: (SpaceNumber, DocTag), mut branches: Vec<LogBranch>) {
        let document = self.documents.entry(key).or_default();
        branches.extend(document.branches.iter().copied());
        document.replace(branches);
    }

    fn number(&mut self, space: SpaceTag, document: DocTag) -> SpaceNumber {
        let next = SpaceNumber::try_from(self.tags.len()).unwrap_or(SpaceNumber::MAX);
        let number = *self.numbers.entry(space).or_insert(next);
        if number == next {
            self.tags.push(space);
        }
        *self.spaces.entry(document).or_insert(number)
    }

    fn document(&self, document: &DocTag) -> Option<&Document> {
        let number = self.spaces.get(document)?;
        self.documents.get(&(*number, *document))
    }

    /// Returns how far each log of a document is held; none where nothing of it is held.
    #[must_use]
    pub fn frontier(&self, document: &DocTag) -> Option<Frontier> {
        self.document(document).map(Document::frontier)
    }

    /// Returns the digest of a document's frontier, kept up to date.
    #[must_use]
    pub fn digest(&self, document: &DocTag) -> Option<[u8; 32]> {
        self.document(document).map(|document| document.digest)
    }

    /// Returns the tips held of one log, in order.
    #[must_use]
    pub fn tips(&self, document: &DocTag, log: &LogKey) -> Vec<Tip> {
        self.document(document).map_or_else(Vec::new, |document| document.tips(log).collect())
    }

    /// Says how soon a log must travel: as soon as the most urgent entry held of it.
    #[must_use]
    pub fn urgency(&self, document: &DocTag, log: &LogKey) -> Option<Urgency> {
        self.document(document)?.branches(log).map(|branch| branch.urgency).min()
    }

    /// Returns the tips of one log with what is on its way to disk, in order.
    #[must_use]
    pub fn admitted_tips(&self, document: &DocTag, log: &LogKey) -> Vec<Tip> {
        self.flights
            .get(&(*document, *log))
            .map_or_else(|| self.tips(document, log), |flight| flight.tips.clone())
    }

    /// Returns the space of a document that is held or admitted.
    #[must_use]
    pub fn space_of(&self, document: &DocTag) -> Option<SpaceTag> {
        self.tags.get(usize::try_from(*self.spaces.get(document)?).ok()?).copied()
    }

    /// Lists the documents held in a space with the digests of their frontiers, in order.
    pub fn documents(&self, space: &SpaceTag) -> impl Iterator<Item = (DocTag, [u8; 32])> {
        let number = self.numbers.get(space).copied();
        number.into_iter().flat_map(|number| {
            let range = (number, DocTag([0; 32]))..=(number, DocTag([0xff; 32]));
            self.documents.range(range).map(|((_, tag), document)| (*tag, document.digest))
        })
    }

    /// Lists the spaces of which something is held or admitted, in order.
    pub fn spaces(&self) -> impl Iterator<Item = SpaceTag> {
        self.numbers.keys().copied()
    }

    /// Says whether anything of a space is held or admitted.
    #[must_use]
    pub fn has_space(&self, space: &SpaceTag) -> bool {
        self.numbers.contains_key(space)
    }

    /// Counts the documents held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Says whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Decides what of a verified page is new, and counts it as admitted.
    ///
    /// # Errors
    /// The store cannot be read, which is needed where the page does not continue a tip.
    pub fn admit(&mut self, page: VerifiedPage, held: &dyn Held) -> Result<Admission, HeldError> {
        let entries = page.into_entries();
        let Some(first) = entries.first() else { return Ok(Admission::Known) };
        let (space, document, log) =
            (first.header().space, first.header().document, first.header().log);
        if self.is_erased(&space, &document) {
            return Ok(Admission::Refused(AdmissionRefusal::Erased));
        }
        if self.space_of(&document).is_some_and(|known| known != space) {
            return Ok(Admission::Refused(AdmissionRefusal::OtherSpace));
        }
        let tips = self.admitted_tips(&document, &log);
        if tips.is_empty() && self.logs(&document) >= LOGS_MAX {
            return Ok(Admission::Refused(AdmissionRefusal::TooManyLogs));
        }
        let Some((known, grown)) = self.known(&entries, &tips, held)? else {
            return Ok(Admission::Gap);
        };
        let fresh: Vec<Entry> = entries.into_iter().skip(known).collect();
        let Some(last) = fresh.last() else { return Ok(Admission::Known) };
        if grown.is_none() && tips.len() >= BRANCHES_MAX {
            return Ok(Admission::Refused(AdmissionRefusal::TooManyBranches));
        }
        let mut after: Vec<Tip> = tips.iter().copied().filter(|tip| Some(*tip) != grown).collect();
        after.push(last.tip());
        after.sort_unstable();
        self.depart(space, after, &fresh);
        let continues = grown.is_some() || tips.is_empty();
        Ok(if continues { Admission::New(fresh) } else { Admission::Fork(fresh) })
    }

    /// Counts entries of one log as on their way to disk, after which it has these tips.
    fn depart(&mut self, space: SpaceTag, tips: Vec<Tip>, fresh: &[Entry]) {
        let Some(header) = fresh.first().map(Entry::header) else { return };
        self.number(space, header.document);
        let none = || Flight { base: None, tips: Vec::new(), entries: BTreeSet::new() };
        let flight = self.flights.entry((header.document, header.log)).or_insert_with(none);
        flight.tips = tips;
        flight.entries.extend(fresh.iter().map(|entry| (entry.header().sequence, entry.id())));
    }

    /// Counts how many entries of a page are known already, and finds the tip that the others
    /// continue. None where they continue nothing that is known.
    fn known(
        &self,
        entries: &[Entry],
        tips: &[Tip],
        held: &dyn Held,
    ) -> Result<Option<(usize, Option<Tip>)>, HeldError> {
        let Some(first) = entries.first() else { return Ok(None) };
        let (document, log) = (first.header().document, first.header().log);
        let base = self.base(&document, &log);
        let passed = base.map_or(0, |base| base.passed(entries));
        if passed > 0 {
            let rest = entries.get(passed..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Some((passed, None)));
            }
            let known = self.known(rest, tips, held)?;
            return Ok(known.map(|(count, tip)| (passed + count, tip)));
        }
        let starts = first.header().sequence == 1;
        if tips.is_empty() {
            return Ok(starts.then_some((0, None)));
        }
        let before = Tip { sequence: first.header().sequence - 1, id: first.header().previous };
        if tips.contains(&before) {
            return Ok(Some((0, Some(before))));
        }
        if let Some(at) = entries.iter().position(|entry| tips.contains(&entry.tip())) {
            return Ok(Some((at + 1, entries.get(at).map(Entry::tip))));
        }
        for (at, entry) in entries.iter().enumerate().rev() {
            if self.has(entry.header().document, entry.header().log, entry.tip(), held)? {
                return Ok(Some((at + 1, None)));
            }
        }
        if base.is_some_and(|base| base.tip == before) {
            // Another entry where the log begins here: what it continues is not held.
            return Ok(Some((entries.len(), None)));
        }
        let continues = starts || self.has(document, log, before, held)?;
        Ok(continues.then_some((0, None)))
    }

    /// Says whether one entry of a log is held or admitted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has(
        &self,
        document: DocTag,
        log: LogKey,
        entry: Tip,
        held: &dyn Held,
    ) -> Result<bool, HeldError> {
        let flying = self.flights.get(&(document, log));
        if flying.is_some_and(|flight| flight.entries.contains(&(entry.sequence, entry.id))) {
            return Ok(true);
        }
        if let Some(base) = self.base(&document, &log).filter(|b| entry.sequence <= b.tip.sequence)
        {
            return Ok(entry.sequence < base.tip.sequence || entry == base.tip);
        }
        let tips = self.tips(&document, &log);
        if tips.contains(&entry) {
            return Ok(true);
        }
        if entry.sequence == 0 || tips.iter().all(|tip| tip.sequence < entry.sequence) {
            return Ok(false);
        }
        // A forked log has several entries at one place: read enough for one of each branch.
        let bytes_max = if tips.len() > 1 { BRANCHES_MAX * ENTRY_BYTES_MAX } else { 1 };
        let found = held.entries(document, log, entry.sequence - 1, bytes_max)?;
        Ok(found.iter().any(|candidate| candidate.tip() == entry))
    }

    fn logs(&self, document: &DocTag) -> usize {
        let held = self
            .document(document)
            .map_or(0, |document| document.branches.chunk_by(|(a, _), (b, _)| a == b).count());
        let range = (*document, LogKey([0; 32]))..=(*document, LogKey([0xff; 32]));
        let flying = self.flights.range(range).map(|((_, log), _)| log);
        held + flying.filter(|log| self.tips(document, log).is_empty()).count()
    }

    /// Forgets what an order erases and takes nothing of it in from here on. Returns the documents
    /// of which something was held or admitted.
    pub fn erase(&mut self, erase: &Erase) -> BTreeSet<DocTag> {
        let Erase { space, documents } = erase;
        match documents {
            None => drop(self.erased.spaces.insert(*space)),
            Some(documents) => {
                for document in documents {
                    self.erased.documents.entry(*document).or_default().insert(*space);
                }
            }
        }
        let Some(number) = self.numbers.get(space).copied() else { return BTreeSet::new() };
        let mut gone: BTreeSet<DocTag> = match documents {
            None => self.documents(space).map(|(document, _)| document).collect(),
            Some(documents) => documents.clone(),
        };
        if documents.is_none() {
            gone.extend(self.flights.keys().map(|(document, _)| *document));
        }
        gone.retain(|document| self.spaces.get(document) == Some(&number));
        for document in &gone {
            self.spaces.remove(document);
            self.documents.remove(&(number, *document));
        }
        self.flights.retain(|(document, _), _| !gone.contains(document));
        if documents.is_none() {
            self.numbers.remove(space);
        }
        gone
    }

    /// Forgets where logs begin of what is erased, and the orders about it; returns what was known.
    pub(crate) fn erase_pruning(&mut self, erase: &Erase) -> (Vec<BaseKey>, Vec<OrderKey>) {
        (self.erase_bases(erase), self.erase_orders(erase))
    }

    /// Says whether a document of a space is erased, with its space or by itself.
    #[must_use]
    pub fn is_erased(&self, space: &SpaceTag, document: &DocTag) -> bool {
        self.is_space_erased(space)
            || self.erased.documents.get(document).is_some_and(|spaces| spaces.contains(space))
    }

    /// Says whether a whole space is erased.
    #[must_use]
    pub fn is_space_erased(&self, space: &SpaceTag) -> bool {
        self.erased.spaces.contains(space)
    }

    /// Lists the spaces in which a document by this tag is erased by itself.
    pub(crate) fn erased_in(&self, document: &DocTag) -> impl Iterator<Item = &SpaceTag> {
        self.erased.documents.get(document).into_iter().flatten()
    }

    /// Counts admitted entries as held: they are durable. In order within each log.
    pub fn persisted(&mut self, entries: &[Entry]) {
        let mut changed: BTreeMap<DocTag, Vec<LogBranch>> = BTreeMap::new();
        let log = |entry: &Entry| (entry.header().document, entry.header().log);
        for group in entries.chunk_by(|a, b| log(a) == log(b)) {
            let Some(first) = group.first() else { continue };
            let header = first.header();
            self.number(header.space, header.document);
            let branches = changed.entry(header.document).or_insert_with(|| {
                let number = self.spaces.get(&header.document).copied().unwrap_or_default();
                let held = self.documents.get(&(number, header.document));
                held.map_or_else(Vec::new, |document| document.branches.to_vec())
            });
            for entry in group {
                let header = entry.header();
                let previous = Tip { sequence: header.sequence - 1, id: header.previous };
                let continued =
                    branches.iter_mut().find(|(log, b)| *log == header.log && b.tip == previous);
                match continued {
                    Some((_, branch)) => *branch = branch.then(entry),
                    None => branches.push((header.log, Branch::of(entry))),
                }
            }
            self.landed(log(first), group);
        }
        for (document, branches) in changed {
            let number = self.spaces.get(&document).copied().unwrap_or_default();
            self.documents.entry((number, document)).or_default().replace(branches);
        }
    }

    fn landed(&mut self, key: (DocTag, LogKey), entries: &[Entry]) {
        if let Some(flight) = self.flights.get_mut(&key) {
            for entry in entries {
                flight.entries.remove(&(entry.header().sequence, entry.id()));
            }
            if flight.entries.is_empty() {
                self.flights.remove(&key);
            }
        }
    }

    /// Takes admitted entries back, all that are in flight of their logs: the store failed.
    pub fn failed<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            let document = entry.header().document;
            self.orders.failed(entry);
            self.flights.remove(&(document, entry.header().log));
            let range = (document, LogKey([0; 32]))..=(document, LogKey([0xff; 32]));
            if self.document(&document).is_none() && self.flights.range(range).next().is_none() {
                self.spaces.remove(&document);
            }
        }
    }
}

impl Document {
    fn branches(&self, log: &LogKey) -> impl Iterator<Item = Branch> {
        let start = self.branches.partition_point(|(key, _)| key < log);
        let rest = self.branches.get(start..).unwrap_or_default();
        rest.iter().take_while(move |(key, _)| key == log).map(|(_, branch)| *branch)
    }

    fn tips(&self, log: &LogKey) -> impl Iterator<Item = Tip> {
        self.branches(log).map(|branch| branch.tip)
    }

    fn frontier(&self) -> Frontier {
        let mut frontier = Frontier::default();
        for (log, branch) in &self.branches {
            frontier.0.entry(*log).or_default().push(branch.tip);
        }
        frontier
    }

    fn replace(&mut self, mut branches: Vec<LogBranch>) {
        branches.sort_unstable();
        branches.dedup();
        self.branches = branches.into_boxed_slice();
        let logs = self.branches.chunk_by(|(a, _), (b, _)| a == b);
        self.digest = digest(logs.filter_map(|tips| {
            let (log, _) = tips.first()?;
            Some((log, tips.iter().map(|(_, branch)| &branch.tip)))
        }));
    }
}

#[cfg(test)]
mod tests;
