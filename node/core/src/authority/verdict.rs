//! Whether what somebody wrote counts: a function of the certificates and of the entry's own words.

use linli_replica::id::{CertificateId, DocTag, EntryId, LogKey, PartyId, Timestamp};

use super::certificate::{CutPoint, Right};
use super::state::{Cut, Member, SpaceState};

/// What is asked about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The party whose node the log is bound to.
    pub party: PartyId,
    /// The log.
    pub log: LogKey,
    /// The document.
    pub document: DocTag,
    /// Place in the log.
    pub sequence: u64,
    /// The entry.
    pub entry: EntryId,
    /// Its signed time.
    pub at: Timestamp,
}

/// Whether an entry counts, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It counts.
    Counts,
    /// It counts until somebody says how far: its party was removed and no cut has come.
    Uncut,
    /// Its party was never given the right to write here.
    NoRight,
    /// It was signed after its party's end date; a steward can admit it.
    Ended,
    /// It lies past this cut; a steward can admit it.
    PastCut(CertificateId),
}

impl SpaceState {
    /// Lists who lost every right to write and was not cut: a former owner, or whoever was let in by a
    /// word that fell.
    pub fn uncut(&self) -> impl Iterator<Item = PartyId> {
        let wrote = |member: &Member| member.grants.iter().any(|g| g.right >= Right::Write);
        let writes = move |party| self.members.get(party).is_some_and(wrote);
        let lost = self.former.iter().filter(move |(_, former)| wrote(former));
        let uncut = lost.filter(move |(party, _)| !writes(party) && !self.cuts.contains_key(party));
        uncut.map(|(party, _)| *party)
    }

    /// Judges an entry. `within` says whether it is the entry of a cut's point, or before it in the
    /// same branch of its log.
    #[must_use]
    pub fn verdict(&self, written: &Written, within: impl Fn(&CutPoint) -> bool) -> Verdict {
        let member = self.members.get(&written.party);
        let former = self.former.get(&written.party);
        let writes = |member: Option<&Member>, at: Timestamp| {
            member.is_some_and(|member| member.right_when_signed(at) >= Some(Right::Write))
        };
        // Nothing had ended at the beginning of time.
        if !writes(member, Timestamp(0)) && !writes(former, Timestamp(0)) {
            return Verdict::NoRight;
        }
        let cuts = self.cuts.get(&written.party).map_or(&[][..], Vec::as_slice);
        if let Some(cut) = cuts.iter().find(|cut| !cut.lets(written, &within)) {
            return Verdict::PastCut(cut.id);
        }
        if writes(member, written.at) {
            return Verdict::Counts;
        }
        if !writes(former, written.at) && !self.admitted.contains(&written.entry) {
            return Verdict::Ended;
        }
        if writes(former, written.at) && cuts.is_empty() { Verdict::Uncut } else { Verdict::Counts }
    }
}

impl Cut {
    fn lets(&self, written: &Written, within: impl Fn(&CutPoint) -> bool) -> bool {
        let log = (written.log, written.document);
        let unlisted = || self.reopened || self.later.contains(&log);
        self.admitted.contains(&written.entry)
            || self
                .logs
                .get(&log)
                .map_or_else(unlisted, |p| written.sequence <= p.sequence && within(p))
    }
}
