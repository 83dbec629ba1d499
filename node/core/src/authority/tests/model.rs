//! The rules once more, in the plainest form: sets and recursion, no index, no order of visit.

use super::*;

type Ids = BTreeSet<CertificateId>;

pub(super) struct Model<'a> {
    set: &'a SpaceCertificates,
    root: CertificateId,
    town: Town,
    ancestors: BTreeMap<CertificateId, Option<Ids>>,
    valid: BTreeMap<CertificateId, bool>,
}

impl<'a> Model<'a> {
    pub(super) fn new(set: &'a SpaceCertificates, root: CertificateId) -> Self {
        let town = Town::new();
        let mut model =
            Self { set, root, town, ancestors: BTreeMap::new(), valid: BTreeMap::new() };
        for (id, _) in set.iter() {
            model.find_ancestors(*id);
        }
        for (id, _) in set.iter() {
            model.find_valid(*id);
        }
        model
    }

    fn find_ancestors(&mut self, id: CertificateId) -> Option<Ids> {
        if let Some(known) = self.ancestors.get(&id) {
            return known.clone();
        }
        let mut found = Some(Ids::new());
        for head in self.set.get(&id)?.body().heads.clone() {
            let above = self.find_ancestors(head);
            found = found.zip(above).map(|(mut ids, above)| {
                ids.extend(above);
                ids.insert(head);
                ids
            });
        }
        self.ancestors.insert(id, found.clone());
        found
    }

    pub(super) fn knows(&self, id: CertificateId, other: CertificateId) -> bool {
        self.ancestors.get(&id).unwrap().as_ref().unwrap().contains(&other)
    }

    fn certificate(&self, id: CertificateId) -> &'a SpaceCertificate {
        self.set.get(&id).unwrap()
    }

    fn genesis(&self) -> &'a Genesis {
        self.certificate(self.root).genesis().unwrap()
    }

    fn is_owner(&self, id: CertificateId) -> bool {
        let body = self.certificate(id).body();
        body.under == Under::Genesis && self.genesis().owner == Owner::Party(body.party)
    }

    /// The grants a certificate rests on; the root for the first steward; empty for the owner.
    fn rests_on(&self, id: CertificateId) -> Vec<CertificateId> {
        match self.certificate(id).body().under {
            Under::Genesis if self.is_owner(id) => Vec::new(),
            Under::Genesis => vec![self.root],
            Under::Grant(grant) => [vec![grant], self.rests_on(grant)].concat(),
            Under::Officers(_) => unreachable!("the model has no officers"),
        }
    }

    fn hits(&self, removal: CertificateId, link: CertificateId) -> bool {
        let holder = match self.certificate(link).act() {
            Some(Act::Genesis(genesis)) => genesis.steward,
            Some(Act::Grant(grant)) => Some(grant.party),
            _ => None,
        };
        let unknown = link == self.root || !self.knows(link, removal);
        let subject = match self.certificate(removal).act() {
            Some(Act::Revoke(Revoked::Party(party))) => holder == Some(*party),
            Some(Act::Revoke(Revoked::Grant(grant))) => *grant == link,
            _ => false,
        };
        subject && unknown
    }

    pub(super) fn is_void(&self, id: CertificateId, view: &Ids) -> bool {
        view.iter().any(|owner| {
            self.is_owner(*owner)
                && !self.knows(id, *owner)
                && !self.knows(*owner, id)
                && self.rests_on(id).iter().any(|link| self.hits(*owner, *link))
        })
    }

    fn is_hit(&self, link: CertificateId, view: &Ids) -> bool {
        view.iter().any(|removal| self.hits(*removal, link) && !self.is_void(*removal, view))
    }

    pub(super) fn is_alive(&self, grant: CertificateId, view: &Ids) -> bool {
        let mut links = self.rests_on(grant);
        links.push(grant);
        links.iter().all(|link| !self.is_hit(*link, view))
    }

    fn find_valid(&mut self, id: CertificateId) -> bool {
        if let Some(known) = self.valid.get(&id) {
            return *known;
        }
        let Some(above) = self.ancestors.get(&id).cloned().flatten() else { return false };
        let view: Ids = above.into_iter().filter(|ancestor| self.find_valid(*ancestor)).collect();
        let valid = id == self.root || self.judge(id, &view);
        self.valid.insert(id, valid);
        valid
    }

    fn judge(&self, id: CertificateId, view: &Ids) -> bool {
        let certificate = self.certificate(id);
        let body = certificate.body();
        if self.town.party_of(&body.by) != Some(body.party) || !view.contains(&self.root) {
            return false;
        }
        let steward = self.genesis().steward == Some(body.party);
        let is_grant = |grant| {
            view.contains(grant) && matches!(self.certificate(*grant).act(), Some(Act::Grant(_)))
        };
        let right = match body.under {
            Under::Genesis if self.is_owner(id) || steward => Right::Steward,
            Under::Grant(grant) if is_grant(&grant) => match self.certificate(grant).act() {
                Some(Act::Grant(grant)) if grant.party == body.party => grant.right,
                _ => return false,
            },
            Under::Genesis | Under::Grant(_) | Under::Officers(_) => return false,
        };
        let links = self.rests_on(id);
        if links.iter().any(|link| self.is_hit(*link, view)) {
            return false;
        }
        match certificate.act() {
            Some(Act::Grant(_)) => right == Right::Steward && links.len() < 3,
            Some(Act::Revoke(Revoked::Party(party))) => {
                right == Right::Steward && Owner::Party(*party) != self.genesis().owner
            }
            Some(Act::Revoke(Revoked::Grant(grant))) => {
                let first = *grant == self.root && self.genesis().steward.is_some();
                right == Right::Steward && (first || is_grant(grant))
            }
            Some(Act::Epoch(_)) => right >= Right::Write,
            _ => unreachable!("the generator makes no other act"),
        }
    }

    pub(super) fn valid(&self) -> Ids {
        self.valid.iter().filter(|(_, valid)| **valid).map(|(id, _)| *id).collect()
    }

    /// The grants that stand, by party.
    pub(super) fn members(&self) -> BTreeMap<PartyId, Ids> {
        let valid = self.valid();
        let mut members: BTreeMap<PartyId, Ids> = BTreeMap::new();
        if let Owner::Party(owner) = self.genesis().owner {
            members.entry(owner).or_default().insert(self.root);
        }
        if let Some(steward) = self.genesis().steward
            && !self.is_hit(self.root, &valid)
        {
            members.entry(steward).or_default().insert(self.root);
        }
        for id in &valid {
            if let Some(Act::Grant(grant)) = self.certificate(*id).act()
                && self.is_alive(*id, &valid)
            {
                members.entry(grant.party).or_default().insert(*id);
            }
        }
        members
    }
}
