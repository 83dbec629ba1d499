use linli_replica::id::{CommunityId, PartyId};

use super::*;
use crate::authority::{Genesis, Owner};
use crate::secret::Secret;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn node(seed: u8) -> NodeId {
    NodeId(key(seed).verifying_key().to_bytes())
}

fn genesis() -> SpaceCertificate {
    let genesis = Genesis {
        community: CommunityId([9; 32]),
        owner: Owner::Party(PartyId([1; 32])),
        steward: None,
        kind: "care".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [2; 32].into(),
    };
    SpaceCertificate::begin(&key(1), PartyId([1; 32]), Timestamp(1), genesis).unwrap()
}

fn tag() -> SpaceTag {
    genesis().tags().unwrap().0
}

fn wrap() -> Wrap {
    Wrap { epoch: EpochId([3; 32]), key: EpochKey::Secret(Secret::new([0xab; 32])) }
}

#[test]
fn an_item_is_for_one_node_and_one_space() {
    let items = InboxItem::space(&genesis(), [vec![1, 2, 3]], vec![wrap()]);
    let [item] = items.as_slice() else { panic!("one item holds it") };
    let bytes = item.clone().sign(&key(1), node(2), tag(), Timestamp(5));
    let given = Given::decode(&bytes, node(2)).unwrap();
    assert_eq!((given.from, given.space, given.at), (node(1), tag(), Timestamp(5)));
    assert!(given.item == *item);
    assert!(!format!("{given:?}").contains("171"), "a key is not printed");
    assert_eq!(Given::decode(&bytes, node(3)), Err(InboxError::NotForUs));
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        assert!(Given::decode(&changed, node(2)).is_err(), "byte {at} was changed unnoticed");
        assert!(Given::decode(&bytes[..at], node(2)).is_err());
    }
    let elsewhere = item.clone().sign(&key(1), node(2), SpaceTag([9; 32]), Timestamp(5));
    assert_eq!(Given::decode(&elsewhere, node(2)), Err(InboxError::OtherSpace));
    let huge = vec![0; PLAINTEXT_BYTES_MAX + 1];
    assert_eq!(Given::decode(&huge, node(2)), Err(InboxError::TooLarge(huge.len())));
}

#[test]
fn a_large_space_is_given_in_parts_that_each_fit() {
    let certificates: Vec<Vec<u8>> = (0..900).map(|size| vec![7; 300 + size]).collect();
    let epochs = vec![wrap(); WRAPS_MAX + 40];
    let items = InboxItem::space(&genesis(), certificates.clone(), epochs.clone());
    assert!(items.len() > 2);
    let mut brought = (Vec::new(), Vec::new());
    for item in items {
        let bytes = item.sign(&key(1), node(2), tag(), Timestamp(5));
        let given = Given::decode(&bytes, node(2)).unwrap();
        brought.0.extend(given.item.certificates().skip(1).map(<[u8]>::to_vec));
        brought.1.extend(given.item.epochs().iter().cloned());
    }
    assert!(brought == (certificates, epochs));
}
