//! Logs that begin after an entry which is not held.

use super::{Admission, AdmissionRefusal, Index, LogBranch};
use crate::batch::{Erase, LogBase};
use crate::entry::{Entry, VerifiedPage};
use crate::frontier::{Branch, Tip, rebase};
use crate::held::{Held, HeldError};
use crate::id::{DocTag, LogKey, SpaceTag};
use crate::limits::LOGS_MAX;
use crate::prune::Base;

/// Space, document and log.
pub(crate) type BaseKey = (SpaceTag, DocTag, LogKey);

impl Base {
    /// Counts the entries of a page that stand at or before it: they are not taken in again. All of
    /// them where the page continues the log there in another way.
    pub(super) fn passed(&self, entries: &[Entry]) -> usize {
        let passed = entries.partition_point(|e| e.header().sequence <= self.tip.sequence);
        let next = entries.get(passed).map(Entry::header);
        let follows = next.filter(|header| header.sequence - 1 == self.tip.sequence);
        if follows.is_some_and(|header| header.previous != self.tip.id) {
            entries.len()
        } else {
            passed
        }
    }
}

impl Index {
    /// Returns where a log begins here; none where it is held from its first entry on, or not at all.
    /// The entry named there and all before it count as held, though they may be missing.
    #[must_use]
    pub fn base(&self, document: &DocTag, log: &LogKey) -> Option<Base> {
        let flying = self.flights.get(&(*document, *log)).and_then(|flight| flight.base);
        // Mostly none does.
        if self.bases.is_empty() {
            return flying;
        }
        let held = || self.bases.get(&(self.space_of(document)?, *document, *log)).copied();
        flying.or_else(held)
    }

    /// Says whether any log does not begin with its first entry here.
    pub(crate) fn has_bases(&self) -> bool {
        !self.bases.is_empty()
    }

    /// Counts the logs that do not begin with their first entry here.
    #[must_use]
    pub fn late_logs(&self) -> usize {
        self.bases.len()
    }

    /// Lists the logs of a document that do not begin with their first entry here, and where they do.
    pub fn bases(&self, document: &DocTag) -> impl Iterator<Item = (LogKey, Base)> {
        let space = self.space_of(document);
        let document = *document;
        space.into_iter().flat_map(move |space| {
            let key = |byte| (space, document, LogKey([byte; 32]));
            self.bases.range(key(0)..=key(0xff)).map(|((.., log), base)| (*log, *base))
        })
    }

    /// Sets where a log begins; returns where it began.
    pub(crate) fn set_base(&mut self, key: BaseKey, base: Option<Base>) -> Option<Base> {
        match base {
            Some(base) => self.bases.insert(key, base),
            None => self.bases.remove(&key),
        }
    }

    /// Sets where a log begins to what it was before, unless that has changed again.
    pub(crate) fn reset_base(&mut self, key: BaseKey, set: Base, before: Option<Base>) {
        if self.bases.get(&key) == Some(&set) {
            self.set_base(key, before);
        }
    }

    /// Forgets the bases of what is erased, and returns of which logs they were, with those on their way to disk.
    pub(super) fn erase_bases(&mut self, erase: &Erase) -> Vec<BaseKey> {
        let key = |byte| (erase.space, DocTag([byte; 32]), LogKey([byte; 32]));
        let found = self.bases.range(key(0)..=key(0xff)).map(|(key, _)| *key);
        let flying = self.flights.iter().filter(|(_, flight)| flight.base.is_some());
        let flying = flying
            .filter_map(|((document, log), _)| Some((self.space_of(document)?, *document, *log)));
        let gone: Vec<BaseKey> = found
            .chain(flying)
            .filter(|(space, document, _)| erase.covers(space, document))
            .collect();
        for key in &gone {
            self.bases.remove(key);
        }
        gone
    }

    /// Says whether an entry that is known is passed over all the same: it stands before the log's base, where
    /// nobody can say any more whether it is what was held, or on another branch that leaves the log there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn passes(
        &self,
        document: DocTag,
        log: LogKey,
        entry: Tip,
        held: &dyn Held,
    ) -> Result<bool, HeldError> {
        let Some(base) = self.base(&document, &log) else { return Ok(false) };
        Ok(entry.sequence < base.tip.sequence || !self.has(document, log, entry, held)?)
    }

    /// Admits a page that continues nothing held, from a base that an order names right before it. What is held of the
    /// log may end before the base: whether it is of the branch that the base stands for, its readers find. A gap remains
    /// where it forked, or some of it is on its way to disk.
    pub(crate) fn admit_from(&mut self, page: VerifiedPage, base: Base) -> Admission {
        let entries = page.into_entries();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Admission::Known;
        };
        let (space, document, log) =
            (first.header().space, first.header().document, first.header().log);
        let flying = self.flights.contains_key(&(document, log));
        match self.admitted_tips(&document, &log).as_slice() {
            [] if self.logs(&document) >= LOGS_MAX => {
                return Admission::Refused(AdmissionRefusal::TooManyLogs);
            }
            [] => {}
            [held] if !flying && held.sequence < base.tip.sequence => {}
            _ => return Admission::Gap,
        }
        let tip = last.tip();
        self.depart(space, vec![tip], &entries);
        if let Some(flight) = self.flights.get_mut(&(document, log)) {
            flight.base = Some(base);
        }
        Admission::New(entries)
    }

    /// Takes up where logs begin whose entries have become durable, before
    /// [`persisted`](Self::persisted).
    pub(crate) fn begun(&mut self, bases: &[LogBase]) {
        for LogBase { space, document, log, tip } in bases {
            let flying = self.flights.get_mut(&(*document, *log)).and_then(|f| f.base.take());
            let Some(base) = flying.filter(|base| base.tip == *tip) else { continue };
            self.bases.insert((*space, *document, *log), base);
            let number = self.number(*space, *document);
            let held = self.documents.entry((number, *document)).or_default();
            held.rebase(*log, *tip);
        }
    }
}

impl super::Document {
    fn rebase(&mut self, log: LogKey, tip: Tip) {
        let mut own: Vec<Branch> = self.branches(&log).collect();
        rebase(&mut own, tip);
        let others = self.branches.iter().copied().filter(|(of, _)| *of != log);
        let own = own.into_iter().map(|branch| (log, branch));
        let branches: Vec<LogBranch> = others.chain(own).collect();
        self.replace(branches);
    }
}
