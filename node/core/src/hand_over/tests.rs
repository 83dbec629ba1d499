use linli_replica::certificate::Act as CommunityAct;

use super::*;
use crate::authority::{Genesis, Right, SpaceId};

const CENTRE: u8 = 10;
const HUB: u8 = 11;

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

/// A community of three officers with a centre and a hub; each party's node has its key plus ten.
fn town() -> Directory {
    let nonce = [0; 32].into();
    let act = CommunityAct::Genesis { name: "North".into(), officers: set(&[1, 2, 3]), nonce };
    let genesis =
        Certificate::new(CommunityId::default(), Timestamp(1), act).signed(&key(1)).signed(&key(2));
    let under = genesis.id();
    let act = |act| Certificate::new(CommunityId(under.0), Timestamp(2), act);
    let mut directory = Directory::new(genesis).unwrap();
    for (seed, kind) in [(CENTRE, PartyKind::Centre), (HUB, PartyKind::Household)] {
        let party = PartyId(public(seed));
        let name = (seed == CENTRE).then(|| "North centre".to_owned());
        let enrol = act(CommunityAct::Enrol { under, party, kind, name });
        let certify = CommunityAct::Node {
            party,
            node: NodeId(public(seed + 10)),
            seal_key: [4; 32].into(),
            ends: Timestamp(100),
            label: format!("device {seed}"),
            carrier: false,
        };
        let enrol = enrol.signed(&key(1)).signed(&key(3));
        directory.add([enrol, act(certify).signed(&key(seed))]);
    }
    directory
}

fn draft(directory: &Directory, nonce: u8, to: u8) -> (SpaceTag, String, SpaceCertificate) {
    let genesis = Genesis {
        community: directory.community(),
        owner: Owner::Community,
        steward: Some(PartyId(public(CENTRE))),
        kind: "care".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [nonce; 32].into(),
    };
    let centre = PartyId(public(CENTRE));
    let node = key(CENTRE + 10);
    let begun = SpaceCertificate::begin(&node, centre, Timestamp(3), genesis).unwrap();
    let under = Under::Officers { set: directory.officers().0, title: None };
    let over = HandOver { to: Owner::Party(PartyId(public(to))), steward: None };
    let heads = vec![begun.id()];
    let act = Act::HandOver(over);
    let space: SpaceId = begun.space();
    let drafted =
        SpaceCertificate::sign(&node, space, centre, under, heads, Timestamp(4), &act).unwrap();
    (begun.tags().unwrap().0, "care".to_owned(), drafted)
}

fn request() -> HandOverRequest {
    let directory = town();
    let drafts = vec![draft(&directory, 2, HUB), draft(&directory, 3, HUB)];
    let words = ("Wang Xiuying".to_owned(), None);
    HandOverRequest::new(&key(CENTRE + 10), &directory, words, drafts, Timestamp(5)).unwrap()
}

/// The request with its parts changed.
fn changed(change: impl FnOnce(&mut Wire)) -> Result<HandOverRequest, RequestError> {
    let mut wire: Wire = codec::decode(&request().encode()).unwrap();
    change(&mut wire);
    HandOverRequest::decode(&codec::encode(&wire))
}

/// The statement with something else in it, signed again by `by`.
fn restated(by: u8, change: impl FnOnce(&mut Statement)) -> Result<HandOverRequest, RequestError> {
    let mut statement = request().statement;
    change(&mut statement);
    let mut envelope = Envelope::new(codec::encode(&statement));
    envelope.sign(&key(by));
    changed(|wire| wire.statement = envelope.encode().into())
}

#[test]
fn officers_far_from_any_node_sign_one_after_the_other_or_in_parallel() {
    let mut first = request();
    assert!(HandOverRequest::is_one(&first.encode()));
    assert!(!HandOverRequest::is_one(b"something else"));
    assert_eq!((first.name(), first.officers()), ("North", &set(&[1, 2, 3])));
    assert_eq!(first.statement().elder, "Wang Xiuying");
    let hub = first.known(PartyId(public(HUB)));
    assert_eq!(hub.enrolled, Some((PartyKind::Household, None)));
    assert_eq!(hub.nodes, [(NodeId(public(HUB + 10)), "device 11".to_owned())]);
    assert!(!hub.expelled);

    let mut second = HandOverRequest::decode(&first.encode()).unwrap();
    assert_eq!(second, first);
    assert_eq!(first.sign(&key(1)), Ok(true));
    assert_eq!(first.sign(&key(1)), Ok(false), "once");
    assert_eq!(first.sign(&key(9)), Err(RequestError::NotOfficer));
    assert_eq!(second.sign(&key(3)), Ok(true));
    assert!(!first.is_signed() && !second.is_signed());
    assert_eq!(first.merge(&HandOverRequest::decode(&second.encode()).unwrap()), Ok(true));
    assert_eq!(first.merge(&second), Ok(false));
    assert!(first.is_signed());
    assert_eq!(first.id(), request().id(), "the same whoever has signed");
    assert_eq!(first.signed().len(), 2);
    for (_, act) in first.acts() {
        assert!(act.envelope().signed_by(&public(1)) && act.envelope().signed_by(&public(3)));
    }
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    use RequestError::{
        Malformed, OldOfficers, OtherRequest, Stranger, TooLarge, UnknownOfficers, Version,
    };
    let node = CENTRE + 10;
    assert_eq!(restated(node, |_| {}).unwrap(), request());
    // Other words about the same acts are another request; only the node that asks may choose them.
    let other = restated(node, |statement| statement.elder = "Li Ming".to_owned()).unwrap();
    assert_eq!(request().merge(&other), Err(OtherRequest));
    assert_eq!(
        restated(HUB + 10, |statement| statement.elder = "Li Ming".to_owned()),
        Err(forged())
    );
    assert_eq!(restated(1, |_| {}), Err(forged()));
    assert_eq!(restated(node, |statement| statement.elder = "x".repeat(257)), Err(Malformed));
    assert_eq!(restated(node, |statement| statement.spaces.reverse()), Err(Malformed));
    assert_eq!(restated(node, |s| drop(s.spaces.pop())), Err(Malformed));
    assert_eq!(restated(node, |s| s.officers = CertificateId([5; 32])), Err(Malformed));
    assert_eq!(restated(node, |s| s.version = 2), Err(Version(2)));
    assert_eq!(restated(node, |s| s.community = CommunityId([5; 32])), Err(UnknownOfficers));

    assert_eq!(changed(|wire| wire.version = 2), Err(Version(2)));
    assert_eq!(changed(|wire| wire.magic = "linli request".to_owned()), Err(Malformed));
    assert_eq!(changed(|wire| wire.acts.clear()), Err(Malformed));
    assert_eq!(changed(|wire| wire.acts.swap(0, 1)), Err(Malformed));
    assert_eq!(changed(|wire| drop(wire.known.remove(0))), Err(UnknownOfficers));
    let flip = |bytes: &mut ByteVec| *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(changed(|wire| flip(&mut wire.acts[0])), Err(forged()));
    assert_eq!(changed(|wire| flip(&mut wire.known[0])), Err(forged()));
    let mut signed = request();
    signed.acts.iter_mut().for_each(|act| act.countersign(&key(9)));
    assert_eq!(HandOverRequest::decode(&signed.encode()), Err(Stranger));
    let bytes = request().encode();
    assert_eq!(HandOverRequest::decode(&bytes[..bytes.len() - 1]), Err(Malformed));
    let large = REQUEST_BYTES_MAX + 1;
    assert_eq!(HandOverRequest::decode(&vec![0; large]), Err(TooLarge(large)));

    // The officers changed meanwhile.
    let directory = town();
    let previous = directory.officers().0;
    let act = CommunityAct::Officers { previous, officers: set(&[2, 3, 4]), kept: None };
    let next = Certificate::new(directory.community(), Timestamp(6), act);
    let next = next.signed(&key(2)).signed(&key(3)).signed(&key(4));
    assert_eq!(changed(|wire| wire.known.push(next.encode().into())), Err(OldOfficers));
}

#[test]
fn officers_are_shown_only_what_officers_signed_before() {
    let directory = town();
    let act = |act| Certificate::new(directory.community(), Timestamp(2), act);
    let (under, party) = (directory.officers().0, PartyId(public(HUB)));
    let kind = PartyKind::Centre;
    let name = Some("North centre".to_owned());
    // By the officers' number, and signed by nobody.
    let forged = act(CommunityAct::Enrol { under, party, kind, name }).signed(&key(HUB));
    let told = changed(|wire| wire.known.push(forged.encode().into()));
    let told = told.map(|request| request.known(party).enrolled);
    assert_eq!(told, Ok(Some((PartyKind::Household, None))));

    let node = CENTRE + 10;
    assert_eq!(restated(node, |s| s.from = Some(PartyId(public(CENTRE)))).map(drop), Ok(()));
    let from = restated(node, |s| s.from = Some(PartyId(public(HUB))));
    assert_eq!(from, Err(RequestError::Malformed), "a member hands over what is its own");
    let from = restated(node, |s| s.from = Some(PartyId([77; 32])));
    assert_eq!(from, Err(RequestError::Malformed), "nobody knows that it was put out");
    let ask = |to| {
        let (words, drafts) = (("Wang".to_owned(), None), vec![draft(&directory, 2, to)]);
        HandOverRequest::new(&key(node), &directory, words, drafts, Timestamp(5)).map(drop)
    };
    assert_eq!(ask(99), Err(RequestError::Malformed), "nobody knows who that is");
    let (under, subject) = (directory.officers().0, Subject::Party(PartyId(public(HUB))));
    let expel = act(CommunityAct::Expel { under, subject }).signed(&key(1)).signed(&key(2));
    let told = changed(|wire| wire.known.push(expel.encode().into()));
    assert_eq!(told, Err(RequestError::Malformed), "it was put out meanwhile");
}

#[test]
fn one_request_does_one_thing() {
    let directory = town();
    let node = key(CENTRE + 10);
    let ask = |drafts| {
        let words = ("Wang".to_owned(), None);
        HandOverRequest::new(&node, &directory, words, drafts, Timestamp(5)).map(drop)
    };
    assert_eq!(ask(vec![draft(&directory, 2, HUB)]), Ok(()));
    assert_eq!(ask(Vec::new()), Err(RequestError::Malformed));
    let twice = vec![draft(&directory, 2, HUB), draft(&directory, 2, HUB)];
    assert_eq!(ask(twice), Err(RequestError::Malformed));
    let mixed = vec![draft(&directory, 2, HUB), draft(&directory, 3, CENTRE)];
    assert_eq!(ask(mixed), Err(RequestError::Malformed));
    // A grant under the officers' name is no hand-over.
    let (tag, kind, over) = draft(&directory, 2, HUB);
    let body = over.body().clone();
    let grant = Act::Grant(crate::authority::Grant {
        party: PartyId(public(HUB)),
        right: Right::Steward,
        purpose: "care".to_owned(),
        ends: None,
        consent: None,
        history: true,
    });
    let (under, heads) = (body.under, body.heads);
    let granted =
        SpaceCertificate::sign(&node, over.space(), body.party, under, heads, Timestamp(4), &grant);
    assert_eq!(ask(vec![(tag, kind, granted.unwrap())]), Err(RequestError::Malformed));
}
