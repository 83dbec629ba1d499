//! Who may write and read what: the rules in their plainest form, driven by the acts that the simulator had nodes do.
//!
//! It knows of each act who did it, by what authority, and which others that node knew; nothing of logs, graphs or keys.
//! A *view* is a set of acts that somebody knows. Everything here is a recursion over such sets.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::{Act, Owner, Revoked, Right, SpaceCertificate, Under};
use linli_replica::entry::Entry;
use linli_replica::id::{
    CertificateId, DocTag, EntryId, LogKey, NodeId, PartyId, SpaceTag, Timestamp,
};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;

/// Acts that somebody knows.
pub(super) type View = BTreeSet<CertificateId>;

/// How far a party's writing was held where it was removed: in each log, which entries.
pub(super) type Extent = BTreeMap<(LogKey, DocTag), BTreeSet<EntryId>>;

/// What somebody wrote.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    pub(super) space: SpaceTag,
    pub(super) document: DocTag,
    /// Whether it stands beside all others: nobody's later fact replaces it.
    pub(super) event: bool,
    pub(super) author: NodeId,
    pub(super) party: PartyId,
    pub(super) entry: Entry,
    /// When, by its author's clock.
    pub(super) at: Timestamp,
    /// What its author knew.
    pub(super) knew: View,
    /// Whom its author knew to be expelled.
    pub(super) expelled: BTreeSet<PartyId>,
    /// Whether it breaks a rule that no right can mend, so that nobody may show it.
    pub(super) forged: bool,
}

/// An act of authority.
#[derive(Debug)]
struct Done {
    certificate: SpaceCertificate,
    knew: View,
    /// Of a cut: how far the party's writing was held by whoever cut it.
    extent: Extent,
}

/// A right that somebody was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    id: CertificateId,
    right: Right,
    ends: Option<Timestamp>,
    history: bool,
    stands: bool,
}

/// The acts of one space.
#[derive(Debug, Default)]
pub(super) struct Rules {
    genesis: CertificateId,
    acts: BTreeMap<CertificateId, Done>,
}

impl Rules {
    /// Takes an act in, with what its signer knew.
    pub(super) fn learn(&mut self, certificate: SpaceCertificate, knew: View, extent: Extent) {
        let id = certificate.id();
        if matches!(certificate.act(), Some(Act::Genesis(_))) {
            self.genesis = id;
        }
        // What is published again, as after a backup, is no new act.
        self.acts.entry(id).or_insert(Done { certificate, knew, extent });
    }

    /// Leaves of what somebody holds only what the simulator had somebody do.
    pub(super) fn known(&self, held: impl IntoIterator<Item = CertificateId>) -> View {
        held.into_iter().filter(|id| self.acts.contains_key(id)).collect()
    }

    fn act(&self, id: CertificateId) -> Option<&Act> {
        self.acts.get(&id)?.certificate.act()
    }

    fn knows(&self, id: CertificateId, other: CertificateId) -> bool {
        self.acts.get(&id).is_some_and(|done| done.knew.contains(&other))
    }

    fn under(&self, id: CertificateId) -> Under {
        self.acts.get(&id).map_or(Under::Genesis, |done| done.certificate.body().under)
    }

    /// What made the space its owner's on whose word an act rests.
    fn title(&self, id: CertificateId) -> CertificateId {
        match self.under(id) {
            Under::Genesis => self.genesis,
            Under::HandOver(title) => title,
            Under::Officers { title, .. } => title.unwrap_or(self.genesis),
            Under::Grant(grant) => self.title(grant),
        }
    }

    /// To whom a title gives the space, and whom it names as steward.
    fn gives(&self, title: CertificateId) -> Option<(Owner, Option<PartyId>)> {
        self.acts.get(&title)?.certificate.title()
    }

    fn is_owners(&self, id: CertificateId) -> bool {
        let by = self.acts.get(&id).map(|done| done.certificate.body().party);
        match self.under(id) {
            Under::Officers { .. } => true,
            Under::Grant(_) => false,
            Under::Genesis | Under::HandOver(_) => {
                self.gives(self.title(id)).map(|(owner, _)| owner) == by.map(Owner::Party)
            }
        }
    }

    /// The rights that an act rests on, the nearest first; none for the owner's.
    fn rests_on(&self, id: CertificateId) -> Vec<CertificateId> {
        match self.under(id) {
            Under::Grant(grant) => [vec![grant], self.rests_on(grant)].concat(),
            _ if self.is_owners(id) => Vec::new(),
            Under::Genesis | Under::HandOver(_) | Under::Officers { .. } => vec![self.title(id)],
        }
    }

    /// What the owner itself signed of what an act rests on.
    fn word(&self, id: CertificateId) -> Option<CertificateId> {
        match self.under(id) {
            Under::Grant(grant) => self.word(grant),
            _ => self.is_owners(id).then_some(id),
        }
    }

    /// The hand-over that ended a title. The simulator hands a space over once, so there are no rivals.
    fn next(&self, title: CertificateId, view: &View) -> Option<CertificateId> {
        let over = |id: &CertificateId| matches!(self.act(*id), Some(Act::HandOver(_)));
        view.iter().copied().filter(over).find(|id| self.title(*id) == title)
    }

    fn present(&self, view: &View) -> CertificateId {
        let mut title = self.genesis;
        while let Some(next) = self.next(title, view) {
            title = next;
        }
        title
    }

    /// Whether a hand-over took the ground from under an act: it knew nothing of the owner's word for it.
    fn is_lost(&self, id: CertificateId, view: &View) -> bool {
        if id == self.genesis {
            return false;
        }
        let title = self.title(id);
        let apart = |word| {
            self.next(title, view).is_some_and(|next| next != word && !self.knows(next, word))
        };
        self.is_lost(title, view) || self.word(id).is_some_and(apart)
    }

    fn holder(&self, id: CertificateId) -> Option<PartyId> {
        self.acts.get(&id)?.certificate.holder()
    }

    /// Whether a removal takes a right away that was given without knowing of it.
    fn hits(&self, removal: CertificateId, right: CertificateId) -> bool {
        let subject = match self.act(removal) {
            Some(Act::Revoke(Revoked::Party(party))) => self.holder(right) == Some(*party),
            Some(Act::Revoke(Revoked::Grant(grant))) => *grant == right,
            _ => false,
        };
        subject && !self.knows(right, removal)
    }

    /// Whether the owner removed whoever signed it, apart from it; or a hand-over did.
    fn is_void(&self, id: CertificateId, view: &View) -> bool {
        let apart = |owner: &CertificateId| !self.knows(id, *owner) && !self.knows(*owner, id);
        let rests = self.rests_on(id);
        let overruled = view.iter().any(|owner| {
            rests.iter().any(|right| self.hits(*owner, *right))
                && self.is_owners(*owner)
                && apart(owner)
                && !self.is_lost(*owner, view)
        });
        overruled || self.is_lost(id, view)
    }

    fn stands(&self, right: CertificateId, view: &View) -> bool {
        let hit = |right: &CertificateId| {
            view.iter().any(|removal| self.hits(*removal, *right) && !self.is_void(*removal, view))
        };
        let mut rights = self.rests_on(right);
        rights.push(right);
        !rights.iter().any(hit) && !self.is_lost(right, view)
    }

    /// Lists what a party was ever given.
    pub(super) fn given(&self, party: PartyId, view: &View) -> Vec<Given> {
        let present = self.present(view);
        let mut given = Vec::new();
        for id in view {
            let title = |stands| Given {
                id: *id,
                right: Right::Steward,
                ends: None,
                history: true,
                stands,
            };
            match self.act(*id) {
                Some(Act::Grant(grant)) if grant.party == party => {
                    let ends = self.rests_on(*id).into_iter().filter_map(|above| self.ends(above));
                    let ends = ends.chain(grant.ends).min();
                    let (right, history) = (grant.right, grant.history);
                    given.push(Given {
                        id: *id,
                        right,
                        ends,
                        history,
                        stands: self.stands(*id, view),
                    });
                }
                Some(Act::Genesis(_) | Act::HandOver(_)) => {
                    let Some((owner, steward)) = self.gives(*id) else { continue };
                    if owner == Owner::Party(party) {
                        given.push(title(*id == present));
                    }
                    if steward == Some(party) {
                        given.push(title(self.stands(*id, view)));
                    }
                }
                _ => {}
            }
        }
        given
    }

    fn ends(&self, id: CertificateId) -> Option<Timestamp> {
        if let Some(Act::Grant(grant)) = self.act(id) { grant.ends } else { None }
    }

    /// The right that a party has, whatever its end date.
    pub(super) fn right(&self, party: PartyId, view: &View) -> Option<Right> {
        let standing = self.given(party, view).into_iter().filter(|given| given.stands);
        standing.map(|given| given.right).max()
    }

    /// Whether all that a party was ever given is without an end.
    pub(super) fn is_endless(&self, party: PartyId, view: &View) -> bool {
        self.given(party, view).iter().all(|given| given.ends.is_none())
    }

    /// Lists the cuts of a party that stand.
    fn cuts(&self, party: PartyId, view: &View) -> Vec<CertificateId> {
        let of = |id: &CertificateId| matches!(self.act(*id), Some(Act::Cut { party: cut, .. }) if *cut == party);
        let concerns = |id: &CertificateId| match self.act(*id) {
            Some(Act::Revoke(Revoked::Party(subject))) => *subject == party,
            Some(Act::Revoke(Revoked::Grant(grant))) => self.holder(*grant) == Some(party),
            _ => false,
        };
        let grounded = |cut: &CertificateId| {
            let known = view.iter().filter(|id| concerns(id) && self.knows(*cut, **id));
            known.into_iter().any(|removal| !self.is_void(*removal, view))
        };
        let cuts = view.iter().copied().filter(of);
        cuts.filter(|cut| !self.is_void(*cut, view) && grounded(cut)).collect()
    }

    fn admits(&self, entry: EntryId, view: &View) -> impl Iterator<Item = CertificateId> {
        let admits = move |id: &CertificateId| matches!(self.act(*id), Some(Act::Admit { entries }) if entries.contains(&entry));
        let found = view.iter().copied().filter(admits);
        found.filter(|id| !self.is_void(*id, view)).collect::<Vec<_>>().into_iter()
    }

    /// Whether what somebody wrote lies past a cut.
    pub(super) fn is_past_cut(&self, fact: &Fact, view: &View) -> bool {
        let (entry, header) = (fact.entry.id(), fact.entry.header());
        let place = (header.log, header.document);
        let given = self.given(fact.party, view);
        let cuts = self.cuts(fact.party, view);
        cuts.iter().any(|cut| {
            let admitted = self.admits(entry, view).any(|admission| self.knows(admission, *cut));
            let again = given.iter().any(|given| given.stands && !self.knows(*cut, given.id));
            let extent =
                |cut: &CertificateId| self.acts.get(cut).and_then(|d| d.extent.get(&place));
            let later =
                cuts.iter().any(|later| self.knows(*later, *cut) && extent(later).is_some());
            let lets = extent(cut).map_or(again || later, |held| held.contains(&entry));
            !lets && !admitted
        })
    }

    /// Whether what somebody wrote counts for whoever knows `view`.
    pub(super) fn counts(&self, fact: &Fact, view: &View) -> bool {
        let given = self.given(fact.party, view);
        let writes = || given.iter().filter(|given| given.right >= Right::Write);
        let signed = Timestamp(fact.at.0.saturating_sub(CLOCK_SKEW_MS_MAX));
        let in_time = writes().any(|given| given.ends.is_none_or(|ends| signed <= ends));
        let admitted = || self.admits(fact.entry.id(), view).next().is_some();
        writes().next().is_some()
            && !self.is_past_cut(fact, view)
            && (in_time || admitted())
            && !fact.forged
    }

    /// Whether a steward let an entry count.
    pub(super) fn is_admitted(&self, entry: EntryId, view: &View) -> bool {
        self.admits(entry, view).next().is_some()
    }

    /// Whether a party may come to read what somebody wrote, by all that anybody ever did: it was a reader when it was
    /// written, as far as the author knew, or was let in apart from that, or later, with history.
    pub(super) fn may_open(&self, party: PartyId, fact: &Fact) -> bool {
        let all: View = self.acts.keys().copied().collect();
        party == fact.party
            || self.given(party, &all).iter().any(|given| {
                let mut view = fact.knew.clone();
                let known = !view.insert(given.id);
                let let_in = if known { !fact.expelled.contains(&party) } else { given.history };
                let standing = self.given(party, &view);
                let stands = standing.iter().any(|other| other.id == given.id && other.stands);
                given.right >= Right::Read && let_in && stands
            })
    }
}
