//! A community of a centre, homes and carriers, all keys from small numbers.

use ed25519_dalek::SigningKey;
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use linli_replica::id::{CertificateId, CommunityId, NodeId, OfficerId, PartyId, Timestamp};

pub(crate) const ENDS: Timestamp = Timestamp(1_000_000_000);

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

/// Nodes 1..=99 belong to a party whose key is 100 more.
pub(crate) fn node(number: u8) -> NodeId {
    NodeId(public(number))
}

pub(crate) const OFFICER: u8 = 250;

pub(crate) struct Community {
    pub(crate) genesis: Certificate,
}

impl Community {
    pub(crate) fn new(name: &str) -> Self {
        let act = Act::Genesis {
            name: name.into(),
            officers: OfficerSet { officers: vec![OfficerId(public(OFFICER))], threshold: 1 },
            nonce: [0; 32].into(),
        };
        let genesis = Certificate::new(CommunityId::default(), Timestamp(1), act);
        Self { genesis: genesis.signed(&key(OFFICER)) }
    }

    fn make(&self, act: Act, signer: u8) -> Certificate {
        let community = CommunityId(self.genesis.id().0);
        Certificate::new(community, Timestamp(1), act).signed(&key(signer))
    }

    fn under(&self) -> CertificateId {
        self.genesis.id()
    }

    /// The certificates that make a node a member.
    pub(crate) fn member(&self, number: u8, carrier: bool) -> [Certificate; 2] {
        let party = PartyId(public(number + 100));
        let kind = if carrier { PartyKind::Carrier } else { PartyKind::Household };
        let enrol = Act::Enrol { under: self.under(), party, kind, name: None };
        let certify = Act::Node {
            party,
            node: node(number),
            seal_key: [3; 32].into(),
            ends: ENDS,
            label: "box".into(),
            carrier,
        };
        [self.make(enrol, OFFICER), self.make(certify, number + 100)]
    }

    /// The certificates that make a household's node with these keys a member.
    pub(crate) fn enrolled(&self, party_key: &SigningKey, node: &SigningKey) -> [Certificate; 2] {
        let party = PartyId(party_key.verifying_key().to_bytes());
        let under = self.under();
        let enrol = Act::Enrol { under, party, kind: PartyKind::Household, name: None };
        let certify = Act::Node {
            party,
            node: NodeId(node.verifying_key().to_bytes()),
            seal_key: [3; 32].into(),
            ends: ENDS,
            label: "box".into(),
            carrier: false,
        };
        let community = CommunityId(self.genesis.id().0);
        let certify = Certificate::new(community, Timestamp(1), certify).signed(party_key);
        [self.make(enrol, OFFICER), certify]
    }

    /// Officers who follow the first: the same one and another, both must sign.
    pub(crate) fn officers(&self, kept: Option<Vec<CertificateId>>) -> Certificate {
        let mut officers = vec![OfficerId(public(OFFICER)), OfficerId(public(OFFICER - 1))];
        officers.sort();
        let officers = OfficerSet { officers, threshold: 2 };
        self.make(Act::Officers { previous: self.under(), officers, kept }, OFFICER)
    }

    /// An enrolment that no officer has signed.
    pub(crate) fn unsigned(&self, number: u8) -> Certificate {
        let party = PartyId(public(number + 100));
        let act = Act::Enrol { under: self.under(), party, kind: PartyKind::Household, name: None };
        Certificate::new(CommunityId(self.genesis.id().0), Timestamp(1), act)
    }

    pub(crate) fn expel(&self, number: u8) -> Certificate {
        let subject = Subject::Node(node(number));
        self.make(Act::Expel { under: self.under(), subject }, OFFICER)
    }

    /// What a node says at some time.
    pub(crate) fn says(&self, number: u8, at: u64, act: Act) -> Certificate {
        let community = CommunityId(self.genesis.id().0);
        Certificate::new(community, Timestamp(at), act).signed(&key(number))
    }

    pub(crate) fn notice(&self, number: u8, text: &str) -> Certificate {
        self.notice_of(number, "test", text)
    }

    pub(crate) fn notice_of(&self, number: u8, topic: &str, text: &str) -> Certificate {
        let act = Act::Notice {
            node: node(number),
            topic: topic.into(),
            body: text.as_bytes().to_vec().into(),
        };
        self.make(act, number)
    }
}
