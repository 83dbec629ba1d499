//! Which checkpoints stewards have agreed on.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::id::PartyId;

use super::super::certificate::{Act, Owner, Right, Under};
use super::super::prune::Prune;
use super::super::state::{Community, SpaceState};
use super::Evaluation;

impl<C: Community> Evaluation<'_, C> {
    pub(super) fn tell_agreements(&self, state: &mut SpaceState) {
        let made = self.accepted.keys().map(|place| (*place, self.made_stewards(*place)));
        let made: Vec<_> = made.filter(|(_, stewards)| !stewards.is_empty()).collect();
        state.ever_stewards = made.iter().flat_map(|(_, stewards)| stewards).copied().collect();
        let counts = |id| !state.void.contains_key(&id);
        let counting: Vec<_> =
            self.counting().map(|(place, id, of, _)| (place, counts(id), of)).collect();
        let mut withdrawn: BTreeMap<&Prune, Vec<usize>> = BTreeMap::new();
        for (place, _, certificate) in counting.iter().filter(|(_, counts, _)| *counts) {
            if let Some(Act::Withdraw(of)) = certificate.act() {
                withdrawn.entry(of).or_default().push(*place);
            }
        }
        let mut ever: BTreeMap<&Prune, BTreeSet<PartyId>> = BTreeMap::new();
        for (place, counts, certificate) in counting {
            let Some(Act::Prune(prune)) = certificate.act() else { continue };
            let agreement = state.agreements.entry(*prune).or_default();
            // Officers have nothing to compare it with.
            if matches!(certificate.body().under, Under::Officers { .. }) {
                continue;
            }
            let party = certificate.body().party;
            let alone = self.was_only_steward(place, party, &made);
            let signed = ever.entry(prune).or_default();
            signed.insert(party);
            agreement.was_reached |= alone || signed.len() > 1;
            let mut against = withdrawn.get(prune).into_iter().flatten();
            if counts && against.all(|withdrawal| self.graph.precedes(*withdrawal, place)) {
                agreement.parties.insert(party);
                agreement.alone |= alone;
            }
        }
    }

    /// Finds what takes the worth from a steward's signature for a checkpoint, or against one: whoever removed it
    /// and had not seen that. A removal by somebody who had leaves it as it was.
    pub(super) fn retracted(&self, place: usize) -> Option<usize> {
        let chain = self.accepted.get(&place)?.chain.iter();
        let unseen = chain
            .flat_map(|link| self.hits(*link, None))
            .filter(|removal| !self.graph.precedes(place, *removal))
            .filter(|removal| self.overruled(*removal, None).is_none())
            .min_by_key(|removal| self.graph.id(*removal));
        self.overruled(place, None).or(unseen)
    }

    /// Says whether nobody but a party was ever made a steward, other than by certificates that follow what it
    /// signed. Whoever removes the others does not thereby become the only one.
    fn was_only_steward(
        &self,
        place: usize,
        party: PartyId,
        made: &[(usize, BTreeSet<PartyId>)],
    ) -> bool {
        let mut apart = made.iter().filter(|(given, _)| !self.graph.precedes(place, *given));
        apart.all(|(_, stewards)| stewards.iter().all(|steward| *steward == party))
    }

    /// Lists whom a certificate makes stewards.
    fn made_stewards(&self, place: usize) -> BTreeSet<PartyId> {
        match self.graph.certificate(place).and_then(|certificate| certificate.act()) {
            Some(Act::Grant(grant)) if grant.right == Right::Steward => [grant.party].into(),
            Some(Act::Genesis(_) | Act::HandOver(_)) => {
                let (owner, steward) = self.title(place).unzip();
                let owner = match owner {
                    Some(Owner::Party(owner)) => Some(owner),
                    Some(Owner::Community) | None => None,
                };
                owner.into_iter().chain(steward.flatten()).collect()
            }
            _ => BTreeSet::new(),
        }
    }
}
