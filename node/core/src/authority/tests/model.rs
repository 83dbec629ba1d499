//! The rules once more, in the plainest form: sets and recursion, no index, no order of visit.

use std::cell::RefCell;

use super::*;

type Ids = BTreeSet<CertificateId>;

pub(super) struct Model<'a> {
    set: &'a SpaceCertificates,
    root: CertificateId,
    town: Town,
    ancestors: BTreeMap<CertificateId, Option<Ids>>,
    valid: BTreeMap<CertificateId, bool>,
    /// The title that stood for whoever signed a certificate, worked out once.
    stood: RefCell<BTreeMap<CertificateId, CertificateId>>,
}

impl<'a> Model<'a> {
    pub(super) fn new(set: &'a SpaceCertificates, root: CertificateId) -> Self {
        let town = Town::new();
        let mut model = Self {
            set,
            root,
            town,
            ancestors: BTreeMap::new(),
            valid: BTreeMap::new(),
            stood: RefCell::default(),
        };
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

    /// To whom the genesis or a hand-over gives the space, and whom it names as steward.
    fn gives(&self, title: CertificateId) -> (Owner, Option<PartyId>) {
        match self.certificate(title).act() {
            Some(Act::Genesis(genesis)) => (genesis.owner, genesis.steward),
            Some(Act::HandOver(over)) => (over.to, over.steward),
            _ => unreachable!("no title"),
        }
    }

    fn is_hand_over(&self, id: CertificateId) -> bool {
        matches!(self.certificate(id).act(), Some(Act::HandOver(_)))
    }

    /// What made the space the owner's on whose word a certificate rests.
    fn title(&self, id: CertificateId) -> CertificateId {
        match self.certificate(id).body().under {
            Under::Genesis => self.root,
            Under::HandOver(title) => title,
            Under::Officers { title, .. } => title.unwrap_or(self.root),
            Under::Grant(grant) => self.title(grant),
        }
    }

    fn is_owner(&self, id: CertificateId) -> bool {
        let body = self.certificate(id).body();
        match body.under {
            Under::Genesis | Under::HandOver(_) => {
                self.gives(self.title(id)).0 == Owner::Party(body.party)
            }
            Under::Officers { .. } => true,
            Under::Grant(_) => false,
        }
    }

    /// What the owner signed itself of what a certificate rests on: none where a steward whom the
    /// title names did.
    fn owners_word(&self, id: CertificateId) -> Option<CertificateId> {
        match self.certificate(id).body().under {
            Under::Grant(grant) => self.owners_word(grant),
            Under::Genesis | Under::HandOver(_) | Under::Officers { .. } => {
                self.is_owner(id).then_some(id)
            }
        }
    }

    /// The hand-over of a title that stands.
    fn next(&self, title: CertificateId, view: &Ids) -> Option<CertificateId> {
        let made = view.iter().filter(|id| self.is_hand_over(**id) && self.title(**id) == title);
        let party = |id: &CertificateId| self.certificate(*id).body().party;
        let weight = |made: &CertificateId| {
            let later = view.iter().filter(|later| self.stood_for(**later, *made));
            let others: BTreeSet<PartyId> =
                later.map(party).filter(|other| *other != party(made)).collect();
            (others.len(), std::cmp::Reverse(*made))
        };
        made.copied().max_by_key(weight)
    }

    /// Whether a hand-over stood by all that the signer of `later` knew.
    fn stood_for(&self, later: CertificateId, made: CertificateId) -> bool {
        if later == self.root || !self.knows(later, made) {
            return false;
        }
        let known = self.stood.borrow().get(&later).copied();
        let mut title = known.unwrap_or_else(|| {
            let above = self.ancestors.get(&later).unwrap().as_ref().unwrap().iter();
            let view: Ids = above.filter(|id| self.valid.get(id) == Some(&true)).copied().collect();
            self.present(&view)
        });
        self.stood.borrow_mut().insert(later, title);
        while title != self.root && title != made {
            title = self.title(title);
        }
        title == made
    }

    /// Whether a hand-over took the ground from under a certificate.
    pub(super) fn is_lost(&self, id: CertificateId, view: &Ids) -> bool {
        if id == self.root {
            return false;
        }
        let title = self.title(id);
        let apart = |word| {
            let next = self.next(title, view);
            next.is_some_and(|next| next != word && !self.knows(next, word))
        };
        self.is_lost(title, view) || self.owners_word(id).is_some_and(apart)
    }

    fn present(&self, view: &Ids) -> CertificateId {
        let mut title = self.root;
        while let Some(next) = self.next(title, view) {
            title = next;
        }
        title
    }

    /// The grants a certificate rests on; the title for the steward it names; empty for the owner.
    fn rests_on(&self, id: CertificateId) -> Vec<CertificateId> {
        match self.certificate(id).body().under {
            Under::Grant(grant) => [vec![grant], self.rests_on(grant)].concat(),
            _ if self.is_owner(id) => Vec::new(),
            Under::Genesis | Under::HandOver(_) | Under::Officers { .. } => vec![self.title(id)],
        }
    }

    fn hits(&self, removal: CertificateId, link: CertificateId) -> bool {
        let holder = match self.certificate(link).act() {
            Some(Act::Genesis(genesis)) => genesis.steward,
            Some(Act::HandOver(over)) => over.steward,
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
        let overruled = view.iter().any(|owner| {
            self.is_owner(*owner)
                && !self.is_lost(*owner, view)
                && !self.knows(id, *owner)
                && !self.knows(*owner, id)
                && self.rests_on(id).iter().any(|link| self.hits(*owner, *link))
        });
        overruled || self.is_lost(id, view)
    }

    fn is_hit(&self, link: CertificateId, view: &Ids) -> bool {
        view.iter().any(|removal| self.hits(*removal, link) && !self.is_void(*removal, view))
    }

    pub(super) fn is_alive(&self, grant: CertificateId, view: &Ids) -> bool {
        let mut links = self.rests_on(grant);
        links.push(grant);
        links.iter().all(|link| !self.is_hit(*link, view)) && !self.is_lost(grant, view)
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
        let is_grant = |grant| {
            view.contains(grant) && matches!(self.certificate(*grant).act(), Some(Act::Grant(_)))
        };
        let is_title =
            |id: CertificateId| id == self.root || (view.contains(&id) && self.is_hand_over(id));
        let is_over = |title| self.is_lost(title, view) || self.next(title, view).is_some();
        let right = match body.under {
            Under::Genesis | Under::HandOver(_) | Under::Officers { .. }
                if !is_title(self.title(id)) =>
            {
                return false;
            }
            Under::Genesis | Under::HandOver(_) if self.is_owner(id) => {
                if is_over(self.title(id)) {
                    return false;
                }
                Right::Steward
            }
            Under::Genesis | Under::HandOver(_)
                if self.gives(self.title(id)).1 == Some(body.party) =>
            {
                Right::Steward
            }
            Under::Officers { set, .. } => {
                let may = match self.gives(self.title(id)).0 {
                    Owner::Community => true,
                    Owner::Party(owner) => {
                        self.is_hand_over(id) && (owner == party(EXPELLED) || owner == body.party)
                    }
                };
                let keys = (0..3).map(|index| officer(index).verifying_key().to_bytes());
                let signed = keys.filter(|key| certificate.envelope().signed_by(key)).count();
                if !may || set != OFFICERS || signed < 2 || is_over(self.title(id)) {
                    return false;
                }
                Right::Steward
            }
            Under::Grant(grant) if is_grant(&grant) => match self.certificate(grant).act() {
                Some(Act::Grant(grant)) if grant.party == body.party => grant.right,
                _ => return false,
            },
            Under::Genesis | Under::Grant(_) | Under::HandOver(_) => return false,
        };
        let links = self.rests_on(id);
        if links.iter().any(|link| self.is_hit(*link, view) || self.is_lost(*link, view)) {
            return false;
        }
        match certificate.act() {
            Some(Act::Grant(_)) => right == Right::Steward && links.len() < 3,
            Some(Act::Revoke(Revoked::Party(party))) => {
                let owner = self.gives(self.present(view)).0;
                right == Right::Steward && owner != Owner::Party(*party)
            }
            Some(Act::Revoke(Revoked::Grant(grant))) => {
                let title = is_title(*grant) && self.gives(*grant).1.is_some();
                right == Right::Steward && (title || is_grant(grant))
            }
            Some(Act::HandOver(_)) => matches!(body.under, Under::Officers { .. }),
            Some(Act::Epoch(_)) => right >= Right::Write,
            Some(Act::Prune(_) | Act::Withdraw(_)) => right == Right::Steward,
            _ => unreachable!("the generator makes no other act"),
        }
    }

    pub(super) fn valid(&self) -> Ids {
        self.valid.iter().filter(|(_, valid)| **valid).map(|(id, _)| *id).collect()
    }

    /// Whose it is.
    pub(super) fn owner(&self) -> Owner {
        self.gives(self.present(&self.valid())).0
    }

    /// Who signed for the one checkpoint there is and is believed, and whether that suffices.
    pub(super) fn agreement(&self) -> (BTreeSet<PartyId>, bool) {
        let valid = self.valid();
        let act = |id: &CertificateId| self.certificate(*id).act();
        let removed_unseen = |id: CertificateId| {
            valid.iter().any(|removal| {
                !self.knows(*removal, id)
                    && !self.is_void(*removal, &valid)
                    && self.rests_on(id).iter().any(|link| self.hits(*removal, *link))
            })
        };
        let stands = |id: &&CertificateId| !removed_unseen(**id) && !self.is_void(**id, &valid);
        let back = valid.iter().filter(|id| matches!(act(id), Some(Act::Withdraw(_))));
        let back: Vec<CertificateId> = back.filter(stands).copied().collect();
        let by_officers = |id: &CertificateId| {
            matches!(self.certificate(*id).body().under, Under::Officers { .. })
        };
        let signed = valid.iter().filter(|id| matches!(act(id), Some(Act::Prune(_))));
        let signed: Vec<CertificateId> = signed
            .filter(stands)
            .filter(|id| !by_officers(id) && back.iter().all(|back| self.knows(**id, *back)))
            .copied()
            .collect();
        let party = |id: &CertificateId| self.certificate(*id).body().party;
        let alone = |id: &CertificateId| {
            valid.iter().filter(|given| !self.knows(**given, *id)).all(|given| {
                let steward = match act(given) {
                    Some(Act::Grant(grant)) if grant.right == Right::Steward => Some(grant.party),
                    Some(Act::Genesis(_) | Act::HandOver(_)) => self.gives(*given).1,
                    _ => None,
                };
                let owner = match act(given) {
                    Some(Act::Genesis(_) | Act::HandOver(_)) => match self.gives(*given).0 {
                        Owner::Party(owner) => Some(owner),
                        Owner::Community => None,
                    },
                    _ => None,
                };
                steward.into_iter().chain(owner).all(|steward| steward == party(id))
            })
        };
        let parties: BTreeSet<PartyId> = signed.iter().map(party).collect();
        let enough = parties.len() > 1 || signed.iter().any(alone);
        (parties, enough)
    }

    /// The grants that stand, by party.
    pub(super) fn members(&self) -> BTreeMap<PartyId, Ids> {
        let valid = self.valid();
        let mut members: BTreeMap<PartyId, Ids> = BTreeMap::new();
        let present = self.present(&valid);
        if let Owner::Party(owner) = self.gives(present).0 {
            members.entry(owner).or_default().insert(present);
        }
        for title in valid.iter().filter(|id| **id == self.root || self.is_hand_over(**id)) {
            if let Some(steward) = self.gives(*title).1
                && !self.is_hit(*title, &valid)
                && !self.is_lost(*title, &valid)
            {
                members.entry(steward).or_default().insert(*title);
            }
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
