use super::*;
use crate::id::Timestamp;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn set(seeds: &[u8]) -> OfficerSet {
    let mut officers: Vec<OfficerId> = seeds.iter().map(|s| OfficerId(public(*s))).collect();
    officers.sort();
    OfficerSet { officers, threshold: 2 }
}

fn unsigned_genesis(name: &str) -> Certificate {
    let act = Act::Genesis { name: name.into(), officers: set(&[1, 2, 3]), nonce: [0; 32].into() };
    Certificate::new(CommunityId::default(), Timestamp(1), act)
}

fn genesis(name: &str) -> Certificate {
    unsigned_genesis(name).signed(&key(1)).signed(&key(2))
}

fn act(genesis: &Certificate, act: Act) -> Certificate {
    Certificate::new(CommunityId(genesis.id().0), Timestamp(2), act)
}

fn enrol(genesis: &Certificate, party: u8) -> Certificate {
    let (party, kind) = (PartyId(public(party)), PartyKind::Household);
    act(genesis, Act::Enrol { under: genesis.id(), party, kind, name: None })
}

fn node(genesis: &Certificate, party: u8, node: u8, signer: u8) -> Certificate {
    let certify = Act::Node {
        party: PartyId(public(party)),
        node: NodeId(public(node)),
        seal_key: [4; 32].into(),
        ends: Timestamp(100),
        label: format!("hub {node}"),
        carrier: false,
    };
    act(genesis, certify).signed(&key(signer))
}

fn change(genesis: &Certificate, seeds: &[u8], kept: Option<Vec<CertificateId>>) -> Certificate {
    act(genesis, Act::Officers { previous: genesis.id(), officers: set(seeds), kept })
}

fn request() -> Request {
    let genesis = genesis("North");
    Request::new(vec![enrol(&genesis, 10)], vec![genesis.clone(), node(&genesis, 10, 20, 10)])
        .unwrap()
}

#[test]
fn a_request_goes_round_one_after_the_other_or_in_parallel() {
    let mut first = request();
    assert!(!first.is_signed() && first.signed().is_empty());
    let mut second = Request::decode(&first.encode()).unwrap();
    assert_eq!(second, first);
    assert_eq!(first.sign(&key(1)), Ok(true));
    assert_eq!(first.sign(&key(1)), Ok(false), "once");
    assert_eq!(second.sign(&key(3)), Ok(true));
    assert!(!first.is_signed() && !second.is_signed(), "one of two is too few");
    let mut third = Request::decode(&first.encode()).unwrap();
    third.sign(&key(3)).unwrap();
    assert_eq!(first.merge(&Request::decode(&second.encode()).unwrap()), Ok(true));
    assert_eq!(first.merge(&second), Ok(false));
    assert_eq!(first, third, "in parallel comes to the same as one after the other");
    assert!(first.is_signed());
    assert_eq!(first.signed().len(), 2);
    let mut directory = Directory::new(genesis("North")).unwrap();
    directory.add(first.acts().iter().chain(first.known()).cloned());
    assert!(directory.admits(&NodeId(public(20)), Timestamp(50)).is_ok(), "it counts");
}

#[test]
fn a_request_says_what_it_asks() {
    let genesis = genesis("North");
    let device = (NodeId(public(20)), "hub 20".to_owned());
    let joins = Deed::Enrol {
        party: PartyId(public(10)),
        kind: PartyKind::Household,
        name: None,
        nodes: vec![device.clone()],
    };
    assert_eq!(request().deeds(), [joins]);
    assert_eq!((request().name(), request().community().0), ("North", genesis.id().0));

    let swap = change(&genesis, &[1, 2, 4], Some(vec![genesis.id()]));
    let request = Request::new(vec![swap], vec![genesis.clone()]).unwrap();
    let mut stay = vec![OfficerId(public(1)), OfficerId(public(2))];
    stay.sort();
    let (come, go) = (vec![OfficerId(public(4))], vec![OfficerId(public(3))]);
    assert_eq!(request.deeds(), [Deed::Officers { come, go, stay, threshold: 2, struck: Some(1) }]);

    let mut directory = Directory::new(genesis.clone()).unwrap();
    let enrolled = enrol(&genesis, 10).signed(&key(1)).signed(&key(2));
    let others = enrol(&genesis, 11).signed(&key(1)).signed(&key(2));
    let forged = node(&genesis, 10, 22, 11);
    directory.add([enrolled, others, node(&genesis, 10, 20, 10), forged]);
    let about = |subject: Subject| {
        let expel = act(&genesis, Act::Expel { under: genesis.id(), subject });
        Request::new(vec![expel], explain(&directory, Some(&subject))).unwrap()
    };
    let party = about(Subject::Party(PartyId(public(10))));
    let known = Some((PartyKind::Household, None));
    let out = Deed::ExpelParty { party: PartyId(public(10)), known, nodes: vec![device] };
    assert_eq!(party.deeds(), [out], "neither another's device nor one it did not certify");
    assert_eq!(party.known().len(), 3, "and nothing of others comes along");
    let one = about(Subject::Node(NodeId(public(20))));
    let known = Some(("hub 20".to_owned(), PartyKind::Household, None));
    assert_eq!(one.deeds(), [Deed::ExpelNode { node: NodeId(public(20)), known }]);

    // A party that nobody enrolled calls somebody's device its own, to have it put out by a false name.
    let expel = act(
        &genesis,
        Act::Expel { under: genesis.id(), subject: Subject::Node(NodeId(public(20))) },
    );
    let liar = [enrol(&genesis, 12).signed(&key(1)), node(&genesis, 12, 20, 12)];
    let lie = Request::new(vec![expel], [&[genesis.clone()][..], &liar].concat()).unwrap();
    let unknown = Deed::ExpelNode { node: NodeId(public(20)), known: None };
    assert_eq!(lie.deeds(), [unknown]);
}

#[test]
fn a_community_begins_with_a_request() {
    let begin = unsigned_genesis("North");
    let mut founding = Request::new(vec![begin.clone(), enrol(&begin, 10)], Vec::new()).unwrap();
    assert_eq!(founding.community().0, begin.id().0);
    assert_eq!(founding.deeds().first(), Some(&Deed::Found { officers: set(&[1, 2, 3]) }));
    founding.sign(&key(2)).unwrap();
    assert!(!founding.is_signed());
    founding.sign(&key(3)).unwrap();
    assert!(founding.is_signed());
    let mut directory = Directory::new(founding.acts()[0].clone()).unwrap();
    directory.add(founding.acts().iter().cloned());
    assert!(directory.party(&PartyId(public(10))).is_some());
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (north, south) = (genesis("North"), genesis("South"));
    let new = |acts: Vec<Certificate>, known: &[&Certificate]| {
        Request::new(acts, known.iter().copied().cloned().collect()).map(drop).unwrap_err()
    };
    assert_eq!(new(Vec::new(), &[&north]), RequestError::Acts);
    assert_eq!(new(vec![enrol(&north, 10); 9], &[&north]), RequestError::Acts);
    assert_eq!(new(vec![enrol(&north, 10); 2], &[&north]), RequestError::Mixed, "twice the same");
    assert_eq!(new(vec![enrol(&north, 10)], &[]), RequestError::UnknownOfficers);
    assert_eq!(new(vec![enrol(&north, 10)], &[&south]), RequestError::UnknownOfficers);
    assert_eq!(new(vec![enrol(&north, 10), enrol(&south, 11)], &[&north]), RequestError::Mixed);
    assert_eq!(new(vec![node(&north, 10, 20, 10)], &[&north]), RequestError::NotForOfficers);
    let half = unsigned_genesis("North").signed(&key(1));
    assert_eq!(new(vec![enrol(&north, 10)], &[&half]), RequestError::UnknownOfficers);
    // South's officers are the same people; what they sign for North is not asked in South's name.
    let posing = Act::Enrol {
        under: south.id(),
        party: PartyId(public(10)),
        kind: PartyKind::Household,
        name: None,
    };
    assert_eq!(new(vec![act(&north, posing)], &[&south]), RequestError::Mixed);
    let strange = enrol(&north, 10).signed(&key(9));
    assert_eq!(new(vec![strange], &[&north]), RequestError::Stranger);
    assert_eq!(request().sign(&key(9)), Err(RequestError::NotOfficer));
    let other = Request::new(vec![enrol(&north, 11)], vec![north.clone()]).unwrap();
    assert_eq!(request().merge(&other), Err(RequestError::OtherRequest));

    let next = change(&north, &[1, 2, 4], None).signed(&key(1)).signed(&key(2));
    assert_eq!(new(vec![enrol(&north, 10)], &[&north, &next]), RequestError::OldOfficers);
    let under = Act::Enrol {
        under: next.id(),
        party: PartyId(public(10)),
        kind: PartyKind::Household,
        name: None,
    };
    let mut late = Request::new(vec![act(&north, under)], vec![north, next]).unwrap();
    assert_eq!(late.sign(&key(3)), Err(RequestError::NotOfficer), "no longer");
    assert_eq!(late.sign(&key(4)), Ok(true));
}

#[test]
fn no_changed_byte_passes_for_what_was_signed() {
    let mut signed = request();
    signed.sign(&key(1)).unwrap();
    signed.sign(&key(2)).unwrap();
    let good = signed.encode();
    for at in 0..good.len() {
        for bit in [1, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            // What comes along unsigned by officers may vanish; what is signed cannot change.
            if let Ok(read) = Request::decode(&bad) {
                assert_eq!(read.acts(), signed.acts(), "byte {at}");
                assert_eq!(read.officers(), signed.officers(), "byte {at}");
            }
        }
    }
    for length in 0..good.len() {
        assert!(Request::decode(&good[..length]).is_err(), "cut after {length}");
    }
    let huge = vec![0; REQUEST_BYTES_MAX + 1];
    assert_eq!(Request::decode(&huge), Err(RequestError::TooLarge(huge.len())));
}
