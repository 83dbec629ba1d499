//! Which prunings stewards agreed on.

use linli_replica::id::PartyId;

use super::super::certificate::{Act, Owner, Right};
use super::super::prune::Prune;
use super::super::state::{Community, SpaceState};
use super::Evaluation;

impl<C: Community> Evaluation<'_, C> {
    pub(super) fn tell_prunes(&self, state: &mut SpaceState) {
        let acts = self.graph.iter().filter_map(|(place, id, certificate)| {
            let Some(Act::Prune(prune)) = certificate.act() else { return None };
            let counts = self.accepted.contains_key(&place) && !state.void.contains_key(&id);
            counts.then_some((place, certificate.body().party, prune))
        });
        let acts: Vec<(usize, PartyId, &Prune)> = acts.collect();
        for (place, party, prune) in acts {
            let agreement = state.prunes.entry(prune.clone()).or_default();
            agreement.parties.insert(party);
            agreement.alone |= self.is_only_steward(place, party);
        }
    }

    /// Finds what takes the worth from what a steward signed about itself alone: whoever removed it apart
    /// from that. Its removal by somebody who knew of it leaves it as it was.
    pub(super) fn retracted(&self, place: usize) -> Option<usize> {
        let chain = self.accepted.get(&place)?.chain.iter();
        let removed = chain
            .flat_map(|link| self.hits(*link, None))
            .filter(|removal| !self.graph.precedes(place, *removal))
            .filter(|removal| self.overruled(*removal, None).is_none())
            .min_by_key(|removal| self.graph.id(*removal));
        self.overruled(place, None).or(removed)
    }

    /// Says whether nobody but a party is a steward: by all that was known when something was signed, and
    /// by whatever was signed apart from it. Who becomes one later, by somebody who knows of it, changes
    /// nothing.
    fn is_only_steward(&self, place: usize, party: PartyId) -> bool {
        self.accepted.keys().all(|given| {
            let others = self.stewards_by(*given).into_iter().flatten();
            let mut others = others.filter(|(steward, _)| *steward != party);
            self.graph.precedes(place, *given)
                || others.all(|(_, chain)| {
                    self.graph.precedes(*given, place)
                        && self.is_gone(*given, &chain, Some(place))
                        && self.is_gone(*given, &chain, None)
                })
        })
    }

    /// Lists whom a certificate makes stewards, with the links that each rests on.
    fn stewards_by(&self, place: usize) -> [Option<(PartyId, Vec<usize>)>; 2] {
        let certificate = self.graph.certificate(place);
        match certificate.and_then(|certificate| certificate.act()) {
            Some(Act::Grant(grant)) if grant.right == Right::Steward => {
                let above = self.accepted.get(&place).map(|above| above.chain.as_slice());
                [Some((grant.party, [&[place], above.unwrap_or_default()].concat())), None]
            }
            Some(Act::Genesis(_) | Act::HandOver(_)) => {
                let title = self.title(place);
                let owner = match title {
                    Some((Owner::Party(owner), _)) => Some((owner, Vec::new())),
                    Some((Owner::Community, _)) | None => None,
                };
                [owner, title.and_then(|(_, steward)| Some((steward?, vec![place])))]
            }
            _ => [None, None],
        }
    }

    fn is_gone(&self, given: usize, chain: &[usize], view: Option<usize>) -> bool {
        if chain.is_empty() {
            return self.present_title(view) != Some(given);
        }
        self.chain_death(chain, view).is_some()
    }
}
