use super::*;
use crate::certificate::{OfficerSet, PartyKind};
use crate::id::{OfficerId, PartyId};

const AT: Timestamp = Timestamp(1_704_067_200_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn terms(community: CommunityId) -> Terms {
    let (space, carrier_key) = ([7; 32].into(), public(9).into());
    Terms { community, space, carrier_key, documents: None, at: AT }
}

fn make(community: CommunityId, act: Act, signer: u8) -> Certificate {
    Certificate::new(community, AT, act).signed(&key(signer))
}

/// A genesis, and the certificates of a party (2) with its node (3).
fn community() -> (Directory, Vec<Certificate>) {
    let officers = OfficerSet { officers: vec![OfficerId(public(1))], threshold: 1 };
    let act = Act::Genesis { name: "North".into(), officers, nonce: [7; 32].into() };
    let genesis = make(CommunityId::default(), act, 1);
    let (id, under) = (CommunityId(genesis.id().0), genesis.id());
    let party = PartyId(public(2));
    let enrol = Act::Enrol { under, party, kind: PartyKind::Centre, name: None };
    let (node, seal_key) = (NodeId(public(3)), [1; 32].into());
    let label = "hub".to_owned();
    let ends = AT.plus_ms(1_000_000);
    let certify = Act::Node { party, node, seal_key, ends, label, carrier: false };
    let certificates = vec![make(id, enrol, 1), make(id, certify, 2)];
    (Directory::new(genesis).unwrap(), certificates)
}

#[test]
fn an_order_is_checked_without_any_key() {
    let community = CommunityId([1; 32]);
    let terms = terms(community);
    let order = Order::decode(&terms.sign(&key(9)), community).unwrap();
    assert_eq!(order.erase(), &Erase { space: terms.tag(), documents: None });
    assert_eq!(order.at(), AT);
    let two = Some(vec![DocTag([1; 32]), DocTag([2; 32])]);
    let some = Terms { documents: two, ..terms };
    let order = Order::decode(&some.sign(&key(9)), community).unwrap();
    assert_eq!(order.erase().documents.as_ref().unwrap().len(), 2);

    let refused = |bytes: &[u8]| Order::decode(bytes, community).unwrap_err();
    assert_eq!(refused(&terms.sign(&key(8))), OrderError::BadSignature, "another key");
    let other = Terms { carrier_key: public(8).into(), ..terms.clone() };
    assert_ne!(
        Order::decode(&other.sign(&key(8)), community).unwrap().erase().space,
        terms.tag(),
        "whoever names an own key names another space"
    );
    let elsewhere = Terms { community: CommunityId([2; 32]), ..terms.clone() };
    assert_eq!(refused(&elsewhere.sign(&key(9))), OrderError::OtherCommunity);
    for documents in [vec![], vec![DocTag([2; 32]), DocTag([1; 32])], vec![DocTag([1; 32]); 2]] {
        let bad = Terms { documents: Some(documents), ..terms.clone() };
        assert_eq!(refused(&bad.sign(&key(9))), OrderError::Malformed);
    }
    let many = (0..=ERASE_DOCUMENTS_MAX).map(|n| {
        let mut tag = [0; 32];
        tag[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        DocTag(tag)
    });
    let bad = Terms { documents: Some(many.collect()), ..terms };
    assert_eq!(refused(&bad.sign(&key(9))), OrderError::Malformed);

    let good = terms.sign(&key(9));
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert!(Order::decode(&bytes, community).is_err(), "byte {at} was changed unnoticed");
        assert!(Order::decode(&good[..at], community).is_err(), "cut at {at}");
    }
}

#[test]
fn orders_and_confirmations_are_the_same_in_every_order_of_arrival() {
    let (directory, mut certificates) = community();
    let id = directory.community();
    let (order, copy) = (terms(id).sign(&key(9)), AT.plus_ms(1));
    let order_id = Order::decode(&order, id).unwrap().id();
    // Published twice, confirmed twice and before it is known, and once by nobody of the community.
    certificates.push(publish(order.clone(), id, AT, &key(3)));
    certificates.push(publish(order.clone(), id, copy, &key(3)));
    certificates.push(publish(order, id, AT, &key(5)));
    certificates.push(publish(b"nothing".to_vec(), id, AT, &key(3)));
    certificates.push(confirm([order_id], id, AT.plus_ms(5), &key(3)));
    certificates.push(confirm([order_id], id, AT.plus_ms(4), &key(3)));
    certificates.push(confirm([order_id], id, AT.plus_ms(1), &key(5)));
    for turn in 0..certificates.len() {
        let mut directory = directory.clone();
        let (mut erasures, mut news) = (Erasures::default(), 0);
        certificates.rotate_left(1);
        for certificate in certificates.iter().skip(turn % 2).chain(certificates.first()) {
            directory.add([certificate.clone()]);
            news += erasures.learn(&directory).len();
        }
        assert_eq!(news, 1, "an order is new once");
        assert_eq!(erasures.orders().map(Order::id).collect::<Vec<_>>(), [order_id]);
        let confirmed: Vec<_> = erasures.confirmed(&order_id).collect();
        assert_eq!(confirmed, [(NodeId(public(3)), AT.plus_ms(4))]);
        assert!(erasures.has_confirmed(&order_id, &NodeId(public(3))));
        assert!(!erasures.has_confirmed(&order_id, &NodeId(public(5))));
        assert_eq!(erasures.refused().len(), 1);
    }
}

#[test]
fn an_order_fits_a_certificate_and_a_confirmation_too() {
    let id = CommunityId([1; 32]);
    let tag = |n: usize| {
        let mut tag = [0xff; 32];
        tag[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        tag
    };
    let documents = (0..ERASE_DOCUMENTS_MAX).map(|n| DocTag(tag(n))).collect();
    let order = Terms { documents: Some(documents), ..terms(id) }.sign(&key(9));
    assert!(Order::decode(&order, id).is_ok());
    let orders = (0..CONFIRMED_ORDERS_MAX * 2).map(|n| OrderId(tag(n)));
    for certificate in [publish(order, id, AT, &key(3)), confirm(orders, id, AT, &key(3))] {
        assert!(Certificate::decode(&certificate.encode()).is_ok());
    }
}
