use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use linli_replica::certificate::OfficerSet;
use linli_replica::id::{
    CertificateId, CommunityId, DocTag, EntryId, EpochId, LogKey, NodeId, OfficerId, PartyId,
    Timestamp,
};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

mod cuts;
mod epochs;
mod hand_over;
mod model;
mod order;
mod property;
mod prunes;
mod rules;

const OFFICERS: CertificateId = CertificateId([0xee; 32]);

fn key(index: u8) -> SigningKey {
    SigningKey::from_bytes(&[index; 32])
}

fn party(index: u8) -> PartyId {
    PartyId([100 + index; 32])
}

fn officer(index: u8) -> SigningKey {
    SigningKey::from_bytes(&[200 + index; 32])
}

/// A party that was expelled for good.
const EXPELLED: u8 = 4;

/// Ten parties with a node each, and three officers of whom two must sign.
struct Town(BTreeMap<NodeId, PartyId>, OfficerSet);

impl Town {
    fn new() -> Self {
        let nodes = (0..10)
            .map(|index| (NodeId(key(index).verifying_key().to_bytes()), party(index)))
            .collect();
        let mut officers: Vec<_> =
            (0..3).map(|index| OfficerId(officer(index).verifying_key().to_bytes())).collect();
        officers.sort();
        Self(nodes, OfficerSet { officers, threshold: 2 })
    }
}

impl Community for Town {
    fn party_of(&self, node: &NodeId) -> Option<PartyId> {
        self.0.get(node).copied()
    }

    fn officers(&self, set: &CertificateId) -> Option<&OfficerSet> {
        (*set == OFFICERS).then_some(&self.1)
    }

    fn is_expelled(&self, of: &PartyId) -> bool {
        *of == party(EXPELLED)
    }
}

/// A space in the making: party 0 owns it unless it is the community's, whose steward is party 1.
#[derive(Clone)]
struct World {
    space: SpaceId,
    root: CertificateId,
    set: SpaceCertificates,
    at: u64,
}

impl World {
    fn new(owner: Owner, steward: Option<u8>) -> Self {
        let genesis = Genesis {
            community: CommunityId([9; 32]),
            owner,
            steward: steward.map(party),
            kind: "care".to_owned(),
            carrier_key: [1; 32].into(),
            nonce: [2; 32].into(),
        };
        let by = if owner == Owner::Community { 1 } else { 0 };
        let first =
            SpaceCertificate::begin(&key(by), party(by), Timestamp(1_000), genesis).unwrap();
        let (space, root) = (first.space(), first.id());
        Self { space, root, set: [first].into_iter().collect(), at: 1_000 }
    }

    fn owned() -> Self {
        Self::new(Owner::Party(party(0)), None)
    }

    /// Signs an act that cites `heads`, all known heads where there are none.
    fn act(&mut self, by: u8, under: Under, heads: &[CertificateId], act: &Act) -> CertificateId {
        let certificate = self.sign(by, under, heads, act);
        let id = certificate.id();
        self.set.add(certificate);
        id
    }

    fn sign(
        &mut self,
        by: u8,
        under: Under,
        heads: &[CertificateId],
        act: &Act,
    ) -> SpaceCertificate {
        self.at += 1;
        let heads = if heads.is_empty() { self.state().heads } else { heads.to_vec() };
        let at = Timestamp(self.at);
        SpaceCertificate::sign(&key(by), self.space, party(by), under, heads, at, act).unwrap()
    }

    fn grant(&mut self, by: u8, under: Under, heads: &[CertificateId], to: u8) -> CertificateId {
        self.act(by, under, heads, &grant(to, Right::Steward))
    }

    fn revoke(&mut self, by: u8, under: Under, heads: &[CertificateId], out: u8) -> CertificateId {
        self.act(by, under, heads, &Act::Revoke(Revoked::Party(party(out))))
    }

    /// Adds what the first officers sign too, as many as `signed`.
    fn officers(
        &mut self,
        (by, signed): (u8, u8),
        title: Option<CertificateId>,
        heads: &[CertificateId],
        act: &Act,
    ) -> CertificateId {
        let under = Under::Officers { set: OFFICERS, title };
        let mut certificate = self.sign(by, under, heads, act);
        (0..signed).for_each(|index| certificate.countersign(&officer(index)));
        let id = certificate.id();
        self.set.add(certificate);
        id
    }

    fn state(&self) -> SpaceState {
        SpaceState::evaluate(self.space, &self.set, &Town::new())
    }

    fn is_member(&self, index: u8) -> bool {
        self.state().members.contains_key(&party(index))
    }

    fn refusal(&self, id: CertificateId) -> Option<Refusal> {
        self.state().refused.get(&id).copied()
    }
}

fn grant(to: u8, right: Right) -> Act {
    Act::Grant(Grant {
        party: party(to),
        right,
        purpose: "care".to_owned(),
        ends: None,
        consent: None,
        history: true,
    })
}

fn hand_over(to: u8) -> Act {
    Act::HandOver(HandOver { to: Owner::Party(party(to)), steward: None })
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}
