//! The officers of a neighbourhood: one key that enrols, certifies and expels.

use ed25519_dalek::SigningKey;
use linli_core::identity::{NodeKeys, draw_signing_key, officer_id, party_id};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use linli_replica::id::{CommunityId, PartyId, Timestamp};
use rand_core::CryptoRng;

use super::BEGIN;

/// A community with one officer.
#[derive(Debug)]
pub struct Community {
    officer: SigningKey,
    genesis: Certificate,
}

impl Community {
    /// Begins a community.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let officer = draw_signing_key(rng);
        let officers = OfficerSet { officers: vec![officer_id(&officer)], threshold: 1 };
        let act = Act::Genesis { name: "North".into(), officers, nonce: [7; 32].into() };
        let genesis = Certificate::new(CommunityId::default(), BEGIN, act).signed(&officer);
        Self { officer, genesis }
    }

    /// Returns the certificate that begins it.
    #[must_use]
    pub const fn genesis(&self) -> &Certificate {
        &self.genesis
    }

    fn make(&self, act: Act) -> Certificate {
        Certificate::new(CommunityId(self.genesis.id().0), BEGIN, act)
    }

    /// Takes a party in.
    #[must_use]
    pub fn enrol(&self, root: &SigningKey, kind: PartyKind) -> Certificate {
        let (under, party) = (self.genesis.id(), party_id(root));
        self.make(Act::Enrol { under, party, kind, name: None }).signed(&self.officer)
    }

    /// Certifies a node with its party's root key.
    #[must_use]
    pub fn certify(
        &self,
        root: &SigningKey,
        keys: &NodeKeys,
        ends: Timestamp,
        carrier: bool,
    ) -> Certificate {
        let act = Act::Node {
            party: party_id(root),
            node: keys.id(),
            seal_key: (*keys.seal().public()).into(),
            ends,
            label: "hub".into(),
            carrier,
        };
        self.make(act).signed(root)
    }

    /// Signs as the officers what is to be signed with them.
    pub fn countersign(&self, certificate: &mut linli_core::authority::SpaceCertificate) {
        certificate.countersign(&self.officer);
    }

    /// Puts a party out.
    #[must_use]
    pub fn expel(&self, party: PartyId) -> Certificate {
        let (under, subject) = (self.genesis.id(), Subject::Party(party));
        self.make(Act::Expel { under, subject }).signed(&self.officer)
    }
}

/// Returns the party of a root key.
#[must_use]
pub fn party_of(root: &SigningKey) -> PartyId {
    party_id(root)
}
