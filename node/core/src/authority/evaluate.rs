//! The evaluation: each certificate judged by its own ancestors, then what of them still stands.

use std::collections::BTreeMap;

use linli_replica::id::{CertificateId, PartyId, Timestamp};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;

use super::certificate::{
    Act, Genesis, Grant, Owner, Revoked, Right, SpaceCertificate, SpaceId, Under,
};
use super::graph::Graph;
use super::set::SpaceCertificates;
use super::state::{Community, Death, Refusal, SpaceState};
use crate::limits::DELEGATION_MAX;

mod agree;
mod report;
mod title;

/// What a signer acts with.
#[derive(Debug, Clone)]
struct Authority {
    /// As the owner, whom nobody outranks; else as a steward, or less.
    owner: bool,
    right: Right,
    history: bool,
    ends: Option<Timestamp>,
    /// The grants it rests on, nearest first; the title's place for the steward it names.
    chain: Vec<usize>,
    /// What made the space the owner's on whose word it rests; the genesis rests on nobody's.
    title: Option<usize>,
}

impl Authority {
    fn owner(title: Option<usize>) -> Self {
        let (right, chain) = (Right::Steward, Vec::new());
        Self { owner: true, right, history: true, ends: None, chain, title }
    }
}

struct Evaluation<'a, C> {
    graph: &'a Graph<'a>,
    community: &'a C,
    space: SpaceId,
    /// The genesis, once it counts.
    genesis: Option<(usize, &'a Genesis)>,
    /// The authority behind each certificate that counts.
    accepted: BTreeMap<usize, Authority>,
    /// Removals that count, by what they take away.
    removals: BTreeMap<Revoked, Vec<usize>>,
    /// Hand-overs that count, by the title that each ends.
    hand_overs: BTreeMap<usize, Vec<usize>>,
    /// By what title the space was its owner's when a certificate was signed, from the first hand-over on.
    titles: BTreeMap<usize, usize>,
    refused: BTreeMap<CertificateId, Refusal>,
}

/// Judges the set; see `docs/spec/space-certificate.md` for the rules.
pub(super) fn evaluate(
    space: SpaceId,
    certificates: &SpaceCertificates,
    community: &impl Community,
) -> SpaceState {
    let (own, others): (Vec<_>, Vec<_>) =
        certificates.iter().partition(|(_, certificate)| certificate.space() == space);
    let graph = Graph::new(own.into_iter().map(|(id, certificate)| (*id, certificate)));
    let refused = others.into_iter().map(|(id, _)| (*id, Refusal::OtherSpace)).collect();
    let mut evaluation = Evaluation {
        graph: &graph,
        community,
        space,
        genesis: None,
        accepted: BTreeMap::new(),
        removals: BTreeMap::new(),
        hand_overs: BTreeMap::new(),
        titles: BTreeMap::new(),
        refused,
    };
    for (place, id, certificate) in graph.iter() {
        match evaluation.judge(place, certificate) {
            Ok(authority) => evaluation.accept(place, certificate, authority),
            Err(refusal) => {
                evaluation.refused.insert(id, refusal);
            }
        }
    }
    evaluation.state()
}

impl<'a, C: Community> Evaluation<'a, C> {
    fn accept(&mut self, place: usize, certificate: &'a SpaceCertificate, authority: Authority) {
        if !self.hand_overs.is_empty() {
            self.titles.extend(self.present_title(Some(place)).map(|title| (place, title)));
        }
        match certificate.act() {
            Some(Act::Genesis(genesis)) => self.genesis = Some((place, genesis)),
            Some(Act::Revoke(revoked)) => self.removals.entry(*revoked).or_default().push(place),
            Some(Act::HandOver(_)) => {
                let title = authority.title.unwrap_or(place);
                self.hand_overs.entry(title).or_default().push(place);
            }
            Some(
                Act::Grant(_)
                | Act::Epoch(_)
                | Act::Cut { .. }
                | Act::Admit { .. }
                | Act::Refuse { .. }
                | Act::Prune(_)
                | Act::Withdraw(_),
            )
            | None => {}
        }
        self.accepted.insert(place, authority);
    }

    /// Judges one certificate by its ancestors, all of which have been judged.
    fn judge(&self, place: usize, certificate: &SpaceCertificate) -> Result<Authority, Refusal> {
        let body = certificate.body();
        let party = self.community.party_of(&body.by).ok_or(Refusal::UnknownNode)?;
        if party != body.party {
            return Err(Refusal::WrongParty);
        }
        let act = certificate.act().ok_or(Refusal::UnknownAct)?;
        if let Act::Genesis(genesis) = act {
            return judge_genesis(genesis, party, body.under);
        }
        let (root, _) = self.genesis.ok_or(Refusal::NoGenesis)?;
        if !self.graph.precedes(root, place) {
            return Err(Refusal::NoGenesis);
        }
        let authority = self.authority(place, certificate)?;
        if self.chain_death(&authority.chain, Some(place)).is_some() {
            return Err(Refusal::Removed);
        }
        if authority.ends.is_some_and(|ends| body.at > ends.plus_ms(CLOCK_SKEW_MS_MAX)) {
            return Err(Refusal::Ended);
        }
        let needed = if matches!(act, Act::Epoch(_)) { Right::Write } else { Right::Steward };
        if authority.right < needed {
            return Err(Refusal::Lacks(needed));
        }
        match act {
            Act::Grant(grant) => judge_grant(grant, &authority)?,
            Act::Revoke(revoked) => self.judge_removal(place, *revoked)?,
            Act::Cut { party, .. } => self.judge_cut(place, *party)?,
            Act::HandOver(_) if !authority.owner => return Err(Refusal::NotOwner),
            Act::HandOver(_) if !matches!(body.under, Under::Officers { .. }) => {
                return Err(Refusal::Unconfirmed);
            }
            Act::Genesis(_)
            | Act::HandOver(_)
            | Act::Epoch(_)
            | Act::Admit { .. }
            | Act::Refuse { .. }
            | Act::Prune(_)
            | Act::Withdraw(_) => {}
        }
        Ok(authority)
    }

    /// Finds what the signer acts with, dead or alive.
    fn authority(
        &self,
        place: usize,
        certificate: &SpaceCertificate,
    ) -> Result<Authority, Refusal> {
        let party = certificate.body().party;
        match certificate.body().under {
            Under::Genesis => self.by_title(place, self.named_title(place, None)?, party),
            Under::HandOver(id) => self.by_title(place, self.named_title(place, Some(id))?, party),
            Under::Grant(id) => {
                let (link, grant) = self.grant(&id, place).ok_or(Refusal::UnknownGrant)?;
                if grant.party == party {
                    self.granted(link, grant)
                } else {
                    Err(Refusal::NotYours)
                }
            }
            Under::Officers { set, title } => {
                let title = self.named_title(place, title)?;
                self.by_officers(place, certificate, (set, title))
            }
        }
    }

    /// Looks up a grant that counts among the ancestors of `place`.
    fn grant(&self, id: &CertificateId, place: usize) -> Option<(usize, &'a Grant)> {
        let link = self.graph.place_of(id).filter(|link| self.graph.precedes(*link, place))?;
        self.accepted.get(&link)?;
        Some((link, self.grant_at(link)?))
    }

    fn grant_at(&self, place: usize) -> Option<&'a Grant> {
        match self.graph.certificate(place)?.act() {
            Some(Act::Grant(grant)) => Some(grant),
            _ => None,
        }
    }

    /// What a grant gives: its own terms within those it was made under.
    fn granted(&self, link: usize, grant: &Grant) -> Result<Authority, Refusal> {
        let above = self.accepted.get(&link).ok_or(Refusal::UnknownGrant)?;
        let ends = [grant.ends, above.ends].into_iter().flatten().min();
        let chain = [&[link], above.chain.as_slice()].concat();
        let (right, history, title) = (grant.right, grant.history, above.title);
        Ok(Authority { owner: false, right, history, ends, chain, title })
    }

    fn judge_removal(&self, place: usize, revoked: Revoked) -> Result<(), Refusal> {
        match revoked {
            Revoked::Party(party) => {
                let title = self.present_title(Some(place)).and_then(|title| self.title(title));
                let owns = title.is_some_and(|(owner, _)| owner == Owner::Party(party));
                if owns { Err(Refusal::OwnerStays) } else { Ok(()) }
            }
            Revoked::Grant(id) => {
                let known = self.graph.place_of(&id).filter(|at| self.graph.precedes(*at, place));
                let counts = known.filter(|at| self.accepted.contains_key(at));
                match counts.map(|at| (self.title(at), self.link_party(at))) {
                    Some((Some(_), None)) => Err(Refusal::OwnerStays),
                    Some((_, Some(_))) => Ok(()),
                    Some((None, None)) | None => Err(Refusal::UnknownGrant),
                }
            }
        }
    }

    /// A cut follows a removal that its signer knew.
    fn judge_cut(&self, place: usize, party: PartyId) -> Result<(), Refusal> {
        let mut known = self.known_removals(place, party);
        let stands = known.any(|removal| self.overruled(removal, Some(place)).is_none());
        if stands { Ok(()) } else { Err(Refusal::NotRemoved) }
    }

    /// Lists the removals of a party, or of a grant of it, among the ancestors of `place`.
    fn known_removals(&self, place: usize, party: PartyId) -> impl Iterator<Item = usize> {
        self.removals
            .iter()
            .filter(move |(revoked, _)| self.concerns(**revoked, party))
            .flat_map(|(_, removals)| removals.iter().copied())
            .filter(move |removal| self.graph.precedes(*removal, place))
    }

    fn concerns(&self, revoked: Revoked, party: PartyId) -> bool {
        match revoked {
            Revoked::Party(subject) => subject == party,
            Revoked::Grant(id) => {
                self.graph.place_of(&id).and_then(|link| self.link_party(link)) == Some(party)
            }
        }
    }

    /// The party that a link of a chain gives a right.
    fn link_party(&self, link: usize) -> Option<PartyId> {
        self.graph.certificate(link)?.holder()
    }

    /// A view is the ancestors of a certificate, or with none everything.
    fn in_view(&self, place: usize, view: Option<usize>) -> bool {
        view.is_none_or(|view| self.graph.precedes(place, view))
    }

    /// Lists the removals in view that hit one link of a chain and were not known when it was made.
    fn hits(&self, link: usize, view: Option<usize>) -> impl Iterator<Item = usize> {
        let party = self.link_party(link).map(Revoked::Party);
        let grant = self.graph.id(link).map(Revoked::Grant);
        [party, grant]
            .into_iter()
            .flatten()
            .filter_map(|revoked| self.removals.get(&revoked))
            .flatten()
            .copied()
            .filter(move |removal| {
                self.in_view(*removal, view) && !self.graph.precedes(*removal, link)
            })
    }

    /// Finds the removal by the owner that voids what a steward signed apart from it, or the hand-over
    /// that does so to what was signed on a former owner's word.
    ///
    /// Had the signer known of it, what it signed would not count in the first place.
    fn overruled(&self, place: usize, view: Option<usize>) -> Option<usize> {
        let authority = self.accepted.get(&place)?;
        let by_removal = || self.removed_by_owner(place, authority, view);
        self.disowned(place, view).or_else(by_removal)
    }

    fn removed_by_owner(
        &self,
        place: usize,
        authority: &Authority,
        view: Option<usize>,
    ) -> Option<usize> {
        authority
            .chain
            .iter()
            .flat_map(|link| self.hits(*link, view))
            .filter(|removal| {
                self.accepted.get(removal).is_some_and(|authority| authority.owner)
                    && self.disowned(*removal, view).is_none()
                    && !self.graph.precedes(place, *removal)
            })
            .min_by_key(|removal| self.graph.id(*removal))
    }

    /// Finds what ended one link.
    fn link_death(&self, link: usize, view: Option<usize>) -> Option<usize> {
        self.hits(link, view)
            .filter(|removal| self.overruled(*removal, view).is_none())
            .min_by_key(|removal| self.graph.id(*removal))
    }

    fn chain_death(&self, chain: &[usize], view: Option<usize>) -> Option<Death> {
        let death = |removal, link: &usize| {
            Some(Death { removal: self.graph.id(removal)?, link: self.graph.id(*link)? })
        };
        let top = chain.last()?;
        if let Some(hand_over) = self.disowned(*top, view) {
            return death(hand_over, top);
        }
        chain.iter().find_map(|link| death(self.link_death(*link, view)?, link))
    }
}

fn judge_genesis(genesis: &Genesis, party: PartyId, under: Under) -> Result<Authority, Refusal> {
    let begins = match genesis.owner {
        Owner::Party(owner) => owner == party,
        Owner::Community => genesis.steward == Some(party),
    };
    if begins && under == Under::Genesis {
        Ok(Authority::owner(None))
    } else {
        Err(Refusal::NotOwner)
    }
}

fn judge_grant(grant: &Grant, authority: &Authority) -> Result<(), Refusal> {
    if authority.chain.len() >= usize::from(DELEGATION_MAX) {
        Err(Refusal::TooDeep)
    } else if grant.history && !authority.history {
        Err(Refusal::Exceeds)
    } else {
        Ok(())
    }
}
