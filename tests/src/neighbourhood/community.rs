//! The officers of a neighbourhood: they enrol, certify and expel.

use ed25519_dalek::SigningKey;
use linli_core::authority::SpaceCertificate;
use linli_core::identity::{NodeKeys, draw_signing_key, officer_id, party_id};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use linli_replica::id::{CertificateId, CommunityId, NodeId, OfficerId, PartyId, Timestamp};
use rand_core::CryptoRng;

use super::BEGIN;

/// A community: one officer, unless it is begun with more.
#[derive(Debug)]
pub struct Community {
    officers: Vec<SigningKey>,
    under: CertificateId,
    genesis: Certificate,
}

impl Community {
    /// Begins a community.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self::with_officers(rng, 1, 1)
    }

    /// Begins a community of `n` officers, `m` of whom must sign.
    pub fn with_officers(rng: &mut impl CryptoRng, m: u8, n: u8) -> Self {
        let officers: Vec<SigningKey> = (0..n).map(|_| draw_signing_key(rng)).collect();
        let act = Act::Genesis {
            name: "North".into(),
            officers: set_of(&officers, m),
            nonce: [7; 32].into(),
        };
        let genesis = Certificate::new(CommunityId::default(), BEGIN, act);
        let genesis = signed(genesis, &officers);
        Self { officers, under: genesis.id(), genesis }
    }

    /// Replaces the officers, at a time.
    pub fn replace_officers(
        &mut self,
        rng: &mut impl CryptoRng,
        (m, n): (u8, u8),
        at: Timestamp,
    ) -> Certificate {
        let next: Vec<SigningKey> = (0..n).map(|_| draw_signing_key(rng)).collect();
        let act = Act::Officers { previous: self.under, officers: set_of(&next, m), kept: None };
        let certificate = Certificate::new(CommunityId(self.genesis.id().0), at, act);
        let certificate = signed(certificate, &self.officers);
        (self.officers, self.under) = (next, certificate.id());
        certificate
    }

    /// Returns the officers' keys.
    #[must_use]
    pub fn officers(&self) -> &[SigningKey] {
        &self.officers
    }

    /// Returns the certificate that begins it.
    #[must_use]
    pub const fn genesis(&self) -> &Certificate {
        &self.genesis
    }

    fn make(&self, act: Act) -> Certificate {
        Certificate::new(CommunityId(self.genesis.id().0), BEGIN, act)
    }

    /// Returns the set of officers, as certificates name it.
    #[must_use]
    pub const fn under(&self) -> CertificateId {
        self.under
    }

    /// Signs a space's certificate as the officers.
    pub fn countersign(&self, certificate: &mut SpaceCertificate) {
        self.officers.iter().for_each(|officer| certificate.countersign(officer));
    }

    /// Takes a party in.
    #[must_use]
    pub fn enrol(&self, root: &SigningKey, kind: PartyKind) -> Certificate {
        let (under, party) = (self.under, party_id(root));
        signed(self.make(Act::Enrol { under, party, kind, name: None }), &self.officers)
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

    /// Puts a party out.
    #[must_use]
    pub fn expel(&self, party: PartyId) -> Certificate {
        self.put_out(Subject::Party(party))
    }

    /// Puts a node out.
    #[must_use]
    pub fn expel_node(&self, node: NodeId) -> Certificate {
        self.put_out(Subject::Node(node))
    }

    fn put_out(&self, subject: Subject) -> Certificate {
        signed(self.make(Act::Expel { under: self.under, subject }), &self.officers)
    }
}

fn set_of(officers: &[SigningKey], threshold: u8) -> OfficerSet {
    let mut officers: Vec<OfficerId> = officers.iter().map(officer_id).collect();
    officers.sort();
    OfficerSet { officers, threshold }
}

fn signed(mut certificate: Certificate, officers: &[SigningKey]) -> Certificate {
    officers.iter().for_each(|officer| certificate.sign(officer));
    certificate
}

/// Returns the party of a root key.
#[must_use]
pub fn party_of(root: &SigningKey) -> PartyId {
    party_id(root)
}
