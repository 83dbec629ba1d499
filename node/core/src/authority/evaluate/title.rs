//! Whose the space is, and what rests on an ownership that was handed over.
//!
//! A *title* makes a space somebody's: the genesis, and each hand-over after it. A hand-over is signed
//! under the title that it ends.

use std::collections::BTreeSet;

use linli_replica::id::PartyId;

use super::super::certificate::{Act, Owner, SpaceCertificate};
use super::super::state::{Community, Refusal};
use super::{Authority, Evaluation};

impl<C: Community> Evaluation<'_, C> {
    /// Says to whom a title gives the space, and whom it names as steward.
    pub(super) fn title(&self, title: usize) -> Option<(Owner, Option<PartyId>)> {
        self.graph.certificate(title)?.title()
    }

    /// Finds the hand-over of a title that stands in a view. Of several made apart from each other the
    /// one that more other parties built on, then the lowest id.
    pub(super) fn next_title(&self, title: usize, view: Option<usize>) -> Option<usize> {
        let made = self.hand_overs.get(&title)?.iter().copied();
        let mut rivals = made.filter(|place| self.in_view(*place, view));
        let first = rivals.next()?;
        let rivals: Vec<usize> = std::iter::once(first).chain(rivals).collect();
        if rivals.len() == 1 {
            return Some(first);
        }
        rivals.into_iter().min_by_key(|place| {
            let built_on = self.builders(*place, view).len();
            (std::cmp::Reverse(built_on), self.graph.id(*place))
        })
    }

    /// The parties other than its signer's that signed something which counts, in view, while by all they
    /// knew this hand-over stood. Merely to have heard of it is no vote: who cites what came says so.
    fn builders(&self, place: usize, view: Option<usize>) -> BTreeSet<PartyId> {
        let party = |place: usize| Some(self.graph.certificate(place)?.body().party);
        self.accepted
            .keys()
            .filter(|later| self.in_view(**later, view) && self.stood_for(place, **later))
            .filter_map(|later| party(*later))
            .filter(|builder| Some(*builder) != party(place))
            .collect()
    }

    /// Says whether a hand-over stood in the view of what was signed later.
    fn stood_for(&self, hand_over: usize, later: usize) -> bool {
        let mut title = self.titles.get(&later).copied();
        while let Some(place) = title {
            if place == hand_over {
                return true;
            }
            title = self.accepted.get(&place).and_then(|authority| authority.title);
        }
        false
    }

    /// Returns the title that makes the space its owner's in a view.
    pub(super) fn present_title(&self, view: Option<usize>) -> Option<usize> {
        let (mut title, _) = self.genesis?;
        // Each hand-over follows the title that it ends.
        while let Some(next) = self.next_title(title, view) {
            title = next;
        }
        Some(title)
    }

    /// Finds the hand-over that takes the ground from what an owner signed, and from what rests on
    /// that: the owner signed it apart from handing over, or never was the owner.
    pub(super) fn disowned(&self, place: usize, view: Option<usize>) -> Option<usize> {
        if self.hand_overs.is_empty() {
            return None;
        }
        let authority = self.accepted.get(&place)?;
        let title = authority.title?;
        if let Some(outranking) = self.disowned(title, view) {
            return Some(outranking);
        }
        let signed = match authority.chain.last() {
            None => place,
            // The steward whom the title names: its right came with the title.
            Some(last) if *last == title => return None,
            Some(last) => *last,
        };
        let next = self.next_title(title, view)?;
        (signed != next && !self.graph.precedes(signed, next)).then_some(next)
    }

    /// Judges what is signed as the owner by a title, or as the steward whom it names.
    pub(super) fn by_title(
        &self,
        place: usize,
        title: usize,
        party: PartyId,
    ) -> Result<Authority, Refusal> {
        let (owner, steward) = self.title(title).ok_or(Refusal::NotOwner)?;
        if owner == Owner::Party(party) {
            self.as_owner(place, title)
        } else if steward == Some(party) {
            Ok(Authority { owner: false, chain: vec![title], ..Authority::owner(Some(title)) })
        } else {
            Err(Refusal::NotOwner)
        }
    }

    fn as_owner(&self, place: usize, title: usize) -> Result<Authority, Refusal> {
        let view = Some(place);
        if self.disowned(title, view).is_some() || self.next_title(title, view).is_some() {
            return Err(Refusal::NotOwner);
        }
        Ok(Authority::owner(Some(title)))
    }

    /// Judges what officers sign: all that the owner may where that is the community; and the handing
    /// over, which nobody does without them, by the owner, or by anybody once that is expelled.
    pub(super) fn by_officers(
        &self,
        place: usize,
        certificate: &SpaceCertificate,
        (set, title): (linli_replica::id::CertificateId, usize),
    ) -> Result<Authority, Refusal> {
        let may = match self.title(title) {
            Some((Owner::Community, _)) => true,
            Some((Owner::Party(party), _)) => {
                matches!(certificate.act(), Some(Act::HandOver(_)))
                    && (party == certificate.body().party || self.community.is_expelled(&party))
            }
            None => false,
        };
        if !may {
            return Err(Refusal::NotOwner);
        }
        let set = self.community.officers(&set).ok_or(Refusal::UnknownOfficers)?;
        let signed = set
            .officers
            .iter()
            .filter(|officer| certificate.envelope().signed_by(officer.as_bytes()))
            .count();
        let needed = usize::from(set.threshold);
        if signed < needed {
            return Err(Refusal::Pending { signed, needed });
        }
        self.as_owner(place, title)
    }

    /// Looks up the title by which somebody signs, among the ancestors of what is signed.
    pub(super) fn named_title(
        &self,
        place: usize,
        hand_over: Option<linli_replica::id::CertificateId>,
    ) -> Result<usize, Refusal> {
        let Some(id) = hand_over else {
            return self.genesis.map(|(root, _)| root).ok_or(Refusal::NoGenesis);
        };
        let title = self.graph.place_of(&id).filter(|title| self.graph.precedes(*title, place));
        let counts = |title: &usize| {
            let act = self.graph.certificate(*title).and_then(SpaceCertificate::act);
            self.accepted.contains_key(title) && matches!(act, Some(Act::HandOver(_)))
        };
        title.filter(counts).ok_or(Refusal::NotOwner)
    }
}
