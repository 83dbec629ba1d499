//! What of the certificates still stands, told once all are judged.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::id::{CertificateId, EpochId, PartyId};

use super::super::certificate::{Act, CutPoint, Owner, Right, SpaceCertificate};
use super::super::state::{Community, Cut, EpochState, Member, SpaceState, StandingGrant};
use super::{Authority, Evaluation};
use crate::limits::HEADS_MAX;

impl<'a, C: Community> Evaluation<'a, C> {
    pub(super) fn state(self) -> SpaceState {
        let mut state = SpaceState {
            space: self.space,
            genesis: self.genesis.map(|(_, genesis)| genesis.clone()),
            owner: None,
            hand_overs: BTreeMap::new(),
            members: BTreeMap::new(),
            former: BTreeMap::new(),
            heads: self.heads(),
            epochs: BTreeMap::new(),
            removals: BTreeSet::new(),
            cuts: BTreeMap::new(),
            admitted: BTreeSet::new(),
            refused_entries: BTreeSet::new(),
            agreements: BTreeMap::new(),
            ever_stewards: BTreeSet::new(),
            refused: self.refused.clone(),
            waiting: self.graph.waiting.clone(),
            dead: BTreeMap::new(),
            void: BTreeMap::new(),
        };
        self.tell_owner(&mut state);
        self.tell_void(&mut state);
        self.tell_members(&mut state);
        self.tell_epochs(&mut state);
        self.tell_cuts(&mut state);
        self.tell_agreements(&mut state);
        state
    }

    /// Lists the certificates that count, ancestors first.
    pub(super) fn counting(
        &self,
    ) -> impl Iterator<Item = (usize, CertificateId, &'a SpaceCertificate, &Authority)> {
        self.graph.iter().filter_map(|(place, id, certificate)| {
            Some((place, id, certificate, self.accepted.get(&place)?))
        })
    }

    /// What counts and is cited by nothing that counts. Nobody need hold what does not count. Where there
    /// are more than a certificate can cite, what still stands goes first: nobody who signs apart from the
    /// others keeps them from signing.
    fn heads(&self) -> Vec<CertificateId> {
        let mut heads = BTreeSet::new();
        let mut places: Vec<usize> = Vec::new();
        // Ancestors come first, so that going backwards a certificate meets all that follow it.
        for (place, id, ..) in self.counting().collect::<Vec<_>>().into_iter().rev() {
            if !places.iter().any(|later| self.graph.precedes(place, *later)) {
                places.push(place);
                heads.insert(id);
            }
        }
        if heads.len() > HEADS_MAX {
            let stands = |id: &CertificateId| {
                self.graph.place_of(id).is_some_and(|place| {
                    let above =
                        self.accepted.get(&place).map(|authority| authority.chain.as_slice());
                    self.overruled(place, None).is_none()
                        && self.chain_death(above.unwrap_or_default(), None).is_none()
                })
            };
            let (standing, fallen): (Vec<_>, Vec<_>) = heads.into_iter().partition(stands);
            heads = standing.into_iter().chain(fallen).take(HEADS_MAX).collect();
        }
        heads.into_iter().collect()
    }

    fn tell_owner(&self, state: &mut SpaceState) {
        let Some((mut title, _)) = self.genesis else { return };
        while let Some(next) = self.next_title(title, None) {
            state.hand_overs.extend(self.graph.id(next).zip(self.graph.id(title)));
            title = next;
        }
        state.owner = self.title(title).map(|(owner, _)| owner);
    }

    fn tell_void(&self, state: &mut SpaceState) {
        for (place, id, certificate, _) in self.counting() {
            let overruling = match certificate.act() {
                Some(
                    Act::Revoke(_) | Act::HandOver(_) | Act::Admit { .. } | Act::Refuse { .. },
                ) => self.overruled(place, None),
                Some(Act::Cut { party, .. }) => {
                    self.overruled(place, None).or_else(|| self.groundless(place, *party))
                }
                Some(Act::Prune(_) | Act::Withdraw(_)) => self.retracted(place),
                Some(Act::Genesis(_) | Act::Grant(_) | Act::Epoch(_)) | None => continue,
            };
            if let Some(overruling) = overruling.and_then(|removal| self.graph.id(removal)) {
                state.void.insert(id, overruling);
            } else if matches!(certificate.act(), Some(Act::Revoke(_))) {
                state.removals.insert(id);
            }
        }
    }

    /// Finds what voided every removal that a cut followed.
    fn groundless(&self, cut: usize, party: PartyId) -> Option<usize> {
        let overruling: Option<Vec<usize>> =
            self.known_removals(cut, party).map(|removal| self.overruled(removal, None)).collect();
        overruling?.into_iter().min_by_key(|removal| self.graph.id(*removal))
    }

    fn tell_members(&self, state: &mut SpaceState) {
        let present = self.present_title(None);
        for (place, id, certificate, above) in self.counting() {
            let by = certificate.body().party;
            let given = match certificate.act() {
                Some(Act::Genesis(_) | Act::HandOver(_)) => self.given_by_title(place, id, by),
                Some(Act::Grant(grant)) => {
                    let chain = [&[place], above.chain.as_slice()].concat();
                    let standing = StandingGrant {
                        id,
                        right: grant.right,
                        purpose: grant.purpose.clone(),
                        consent: grant.consent.clone(),
                        ends: [grant.ends, above.ends].into_iter().flatten().min(),
                        history: grant.history,
                        depth: u8::try_from(chain.len()).unwrap_or(u8::MAX),
                        by,
                    };
                    vec![(grant.party, standing, chain)]
                }
                Some(
                    Act::Revoke(_)
                    | Act::Epoch(_)
                    | Act::Cut { .. }
                    | Act::Admit { .. }
                    | Act::Refuse { .. }
                    | Act::Prune(_)
                    | Act::Withdraw(_),
                )
                | None => continue,
            };
            for (party, standing, chain) in given {
                let death = self.chain_death(&chain, None);
                let gone = death.is_some() || (chain.is_empty() && present != Some(place));
                let side = if gone { &mut state.former } else { &mut state.members };
                side.entry(party).or_insert_with(Member::default).grants.push(standing);
                if let Some(death) = death {
                    state.dead.insert(id, death);
                }
            }
        }
        for member in state.members.values_mut().chain(state.former.values_mut()) {
            member.grants.sort_by_key(|grant| (grant.id, grant.depth));
        }
    }

    /// The right of the owner by a title, and that of the steward whom it names.
    fn given_by_title(
        &self,
        place: usize,
        id: CertificateId,
        by: PartyId,
    ) -> Vec<(PartyId, StandingGrant, Vec<usize>)> {
        let standing = |depth| StandingGrant {
            id,
            right: Right::Steward,
            purpose: String::new(),
            consent: None,
            ends: None,
            history: true,
            depth,
            by,
        };
        let Some((owner, steward)) = self.title(place) else { return Vec::new() };
        let owner = match owner {
            Owner::Party(party) => Some((party, standing(0), Vec::new())),
            Owner::Community => None,
        };
        let steward = steward.map(|party| (party, standing(1), vec![place]));
        owner.into_iter().chain(steward).collect()
    }

    /// Lists the grants of each member that reads nothing from before: an epoch begun apart from all of
    /// them may hold such.
    fn read_from_now(&self, state: &SpaceState) -> Vec<Vec<usize>> {
        let places = |member: &Member| {
            let reading = || member.grants.iter().filter(|grant| grant.right >= Right::Read);
            let from_now = reading().all(|grant| !grant.history);
            let places: Vec<usize> =
                reading().filter_map(|grant| self.graph.place_of(&grant.id)).collect();
            Some(places).filter(|places| from_now && !places.is_empty())
        };
        state.members.values().filter_map(places).collect()
    }

    fn tell_epochs(&self, state: &mut SpaceState) {
        // Whoever the space was taken from, and whoever it let in meanwhile, is not to read on.
        let ends = state.removals.iter().chain(state.hand_overs.keys());
        let removals: Vec<usize> = ends.filter_map(|id| self.graph.place_of(id)).collect();
        let from_now = self.read_from_now(state);
        let mut covering: Vec<(usize, EpochId)> = Vec::new();
        for (place, id, certificate, _) in self.counting() {
            let Some(Act::Epoch(epoch)) = certificate.act() else { continue };
            let id = EpochId(id.0);
            let knows = |earlier: &usize| self.graph.precedes(*earlier, place);
            let covers = self.disowned(place, None).is_none()
                && removals.iter().all(knows)
                && from_now.iter().all(|grants| grants.iter().any(knows));
            let mut after = BTreeSet::new();
            if covers {
                let known = covering.iter().filter(|(at, _)| self.graph.precedes(*at, place));
                after.extend(known.map(|(_, epoch)| *epoch));
                covering.push((place, id));
            }
            let by = certificate.body().party;
            state.epochs.insert(id, EpochState { epoch: epoch.clone(), by, covers, after });
        }
    }

    fn tell_cuts(&self, state: &mut SpaceState) {
        let mut admissions: Vec<(usize, &[_])> = Vec::new();
        let mut cuts: Vec<(usize, CertificateId, PartyId, &[CutPoint])> = Vec::new();
        for (place, id, certificate, _) in self.counting() {
            match certificate.act() {
                Some(_) if state.void.contains_key(&id) => {}
                Some(Act::Admit { entries }) => admissions.push((place, entries)),
                Some(Act::Refuse { entries }) => state.refused_entries.extend(entries),
                Some(Act::Cut { party, logs }) => cuts.push((place, id, *party, logs)),
                Some(
                    Act::Genesis(_)
                    | Act::Grant(_)
                    | Act::Revoke(_)
                    | Act::Epoch(_)
                    | Act::HandOver(_)
                    | Act::Prune(_)
                    | Act::Withdraw(_),
                )
                | None => {}
            }
        }
        state.admitted = admissions.iter().flat_map(|(_, entries)| *entries).copied().collect();
        // An admission outweighs a refusal, whichever came first.
        state.refused_entries.retain(|entry| !state.admitted.contains(entry));
        cuts.sort_by_key(|(_, id, ..)| *id);
        for &(place, id, party, logs) in &cuts {
            let admitted = admissions
                .iter()
                .filter(|(admission, _)| self.graph.precedes(place, *admission))
                .flat_map(|(_, entries)| *entries)
                .copied()
                .collect();
            let reopened = state.members.get(&party).is_some_and(|member| {
                let mut places = member.grants.iter().filter_map(|g| self.graph.place_of(&g.id));
                places.any(|grant| !self.graph.precedes(grant, place))
            });
            let later = cuts
                .iter()
                .filter(|(at, _, of, _)| *of == party && self.graph.precedes(place, *at))
                .flat_map(|(.., logs)| *logs)
                .map(|point| (point.log, point.document))
                .collect();
            let logs = logs.iter().map(|point| ((point.log, point.document), *point)).collect();
            let cut = Cut { id, logs, admitted, reopened, later };
            state.cuts.entry(party).or_default().push(cut);
        }
    }
}
