use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn officers(seeds: &[u8], threshold: u8) -> OfficerSet {
    let mut officers: Vec<OfficerId> = seeds.iter().map(|s| OfficerId(public(*s))).collect();
    officers.sort();
    OfficerSet { officers, threshold }
}

fn signed(mut certificate: Certificate, seeds: &[u8]) -> Certificate {
    for seed in seeds {
        certificate.sign(&key(*seed));
    }
    certificate
}

fn genesis() -> Certificate {
    let act = Act::Genesis {
        name: "North".into(),
        officers: officers(&[1, 2, 3], 2),
        nonce: [0; 32].into(),
    };
    signed(Certificate::new(CommunityId::default(), Timestamp(1), act), &[1, 2])
}

struct World {
    community: CommunityId,
    set: CertificateId,
}

fn world() -> World {
    let id = genesis().id();
    World { community: CommunityId(id.0), set: id }
}

impl World {
    fn act(&self, act: Act, signers: &[u8]) -> Certificate {
        signed(Certificate::new(self.community, Timestamp(2), act), signers)
    }

    fn enrol(&self, party: u8, signers: &[u8]) -> Certificate {
        let act = Act::Enrol {
            under: self.set,
            party: PartyId(public(party)),
            kind: PartyKind::Centre,
            name: Some("Centre".into()),
        };
        self.act(act, signers)
    }

    fn node(&self, party: u8, node: u8, signers: &[u8]) -> Certificate {
        let act = Act::Node {
            party: PartyId(public(party)),
            node: NodeId(public(node)),
            seal_key: [4; 32].into(),
            ends: Timestamp(100),
            label: "box".into(),
            carrier: false,
        };
        self.act(act, signers)
    }

    fn extend(&self, node: u8, ends: u64, signers: &[u8]) -> Certificate {
        self.act(Act::Extend { node: NodeId(public(node)), ends: Timestamp(ends) }, signers)
    }

    fn expel(&self, subject: Subject, signers: &[u8]) -> Certificate {
        self.act(Act::Expel { under: self.set, subject }, signers)
    }

    fn officers(&self, previous: CertificateId, seeds: &[u8], signers: &[u8]) -> Certificate {
        self.act(Act::Officers { previous, officers: officers(seeds, 2), kept: None }, signers)
    }
}

fn directory(certificates: &[Certificate]) -> Directory {
    let mut directory = Directory::new(genesis()).unwrap();
    directory.add(certificates.iter().cloned());
    directory
}

#[test]
fn a_genesis_needs_its_own_officers() {
    assert!(Directory::new(genesis()).is_ok());
    let act = |threshold| Act::Genesis {
        name: "x".into(),
        officers: officers(&[1, 2, 3, 4], threshold),
        nonce: [0; 32].into(),
    };
    let make = |threshold, signers: &[u8]| {
        signed(Certificate::new(CommunityId::default(), Timestamp(1), act(threshold)), signers)
    };
    assert!(Directory::new(make(3, &[1, 2, 4])).is_ok());
    assert!(Directory::new(make(3, &[1, 2])).is_err(), "too few");
    assert!(Directory::new(make(3, &[1, 2, 9])).is_err(), "a stranger does not count");
    assert!(Directory::new(make(2, &[1, 2])).is_err(), "m must be more than half of n");
}

#[test]
fn a_member_is_enrolled_certified_and_in_time() {
    let w = world();
    let node = NodeId(public(20));
    let now = Timestamp(50);
    let half = directory(&[w.enrol(10, &[1]), w.node(10, 20, &[10])]);
    assert_eq!(half.admits(&node, now), Err(NotMember::Unknown));
    let pending = Refusal::Pending { signed: 1, needed: 2 };
    assert!(half.refused().values().any(|r| *r == pending), "{:?}", half.refused());

    let mut whole = half;
    assert_eq!(whole.add([w.enrol(10, &[3])]).len(), 1, "the second signature arrives apart");
    assert!(whole.admits(&node, now).is_ok());
    assert_eq!(whole.admits(&node, Timestamp(101)), Err(NotMember::Ended));
    whole.add([w.extend(20, 200, &[20])]);
    assert!(whole.admits(&node, Timestamp(101)).is_ok());
    whole.add([w.expel(Subject::Node(node), &[1, 3])]);
    assert_eq!(whole.admits(&node, now), Err(NotMember::Expelled));
    whole.add([w.extend(20, 900, &[20])]);
    assert_eq!(whole.admits(&node, now), Err(NotMember::Expelled), "extending does not bring back");
}

#[test]
fn nobody_speaks_for_another() {
    let w = world();
    let d = directory(&[
        w.enrol(10, &[1, 2]),
        w.node(10, 20, &[11]),
        w.node(12, 21, &[12]),
        w.node(10, 22, &[10]),
        w.extend(22, 900, &[20]),
        w.expel(Subject::Party(PartyId(public(10))), &[1]),
    ]);
    assert!(d.node(&NodeId(public(20))).is_none());
    assert!(d.node(&NodeId(public(21))).is_none());
    assert_eq!(d.node(&NodeId(public(22))).map(|n| n.ends), Some(Timestamp(100)));
    assert!(!d.party(&PartyId(public(10))).unwrap().expelled);
    let mut reasons: Vec<Refusal> = d.refused().values().copied().collect();
    reasons.sort();
    let pending = Refusal::Pending { signed: 1, needed: 2 };
    assert_eq!(
        reasons,
        [pending, Refusal::WrongSigner, Refusal::WrongSigner, Refusal::UnknownParty]
    );
}

#[test]
fn rival_officers_stand_only_by_those_who_signed_one() {
    let w = world();
    let a = w.officers(w.set, &[1, 2, 4], &[1, 2]);
    let d = directory(std::slice::from_ref(&a));
    assert_eq!(d.officers().0, a.id());

    let b = w.officers(w.set, &[2, 3, 5], &[2, 3]);
    let mut d = directory(&[a.clone(), b]);
    assert_eq!(d.officers().0, w.set, "officer 2 signed both: neither stands");
    assert_eq!(d.refused().get(&a.id()), Some(&Refusal::RivalOfficers));

    let mut chosen = a;
    chosen.sign(&key(3));
    d.add([chosen.clone()]);
    assert_eq!(d.officers().0, w.set, "officer 3 signed both now as well");

    let again = w.officers(chosen.id(), &[7, 8, 9], &[1, 2]);
    d.add([again.clone()]);
    assert_eq!(d.refused().get(&again.id()), Some(&Refusal::UnknownOfficers));
}

#[test]
fn another_communitys_certificates_are_refused() {
    let w = World { community: CommunityId([9; 32]), set: world().set };
    let d = directory(&[w.enrol(10, &[1, 2])]);
    assert!(d.party(&PartyId(public(10))).is_none());
    assert_eq!(d.refused().values().next(), Some(&Refusal::OtherCommunity));
}

fn everything() -> Vec<Certificate> {
    let w = world();
    let next = w.officers(w.set, &[1, 2, 4], &[1, 2]);
    let under_next = World { community: w.community, set: next.id() };
    let notice = Act::Notice {
        node: NodeId(public(20)),
        topic: "standing-offer".into(),
        body: vec![1].into(),
    };
    vec![
        w.enrol(10, &[1]),
        w.enrol(10, &[2]),
        w.enrol(11, &[1, 3]),
        w.node(10, 20, &[10]),
        w.node(11, 20, &[11]),
        w.node(11, 21, &[11]),
        w.extend(20, 500, &[20]),
        w.expel(Subject::Party(PartyId(public(11))), &[2, 3]),
        w.act(notice, &[20]),
        under_next.enrol(12, &[1, 4]),
        next,
        w.officers(w.set, &[5, 6, 7], &[3]),
    ]
}

proptest! {
    #[test]
    fn order_of_arrival_never_matters(order in Just(everything()).prop_shuffle(), cut in 0usize..12) {
        let reference = directory(&everything());
        let (early, late) = order.split_at(cut);
        let mut d = directory(early);
        d.add(late.iter().cloned());
        d.add(early.iter().cloned());
        prop_assert_eq!(d.officers(), reference.officers());
        prop_assert_eq!(&d.parties, &reference.parties);
        prop_assert_eq!(&d.nodes, &reference.nodes);
        prop_assert_eq!(&d.notices, &reference.notices);
        prop_assert_eq!(d.refused(), reference.refused());
        prop_assert!(!reference.refused().is_empty() && reference.parties.len() == 3);
    }
}

mod order;
mod succession;
