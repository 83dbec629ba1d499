use linli_replica::id::{CommunityId, PartyId};

use super::*;
use crate::authority::{Genesis, Owner, SpaceCertificate};
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

fn wrap() -> Wrap {
    Wrap { epoch: EpochId([3; 32]), key: EpochKey::Secret(Secret::new([0xab; 32])) }
}

#[test]
fn a_letter_is_for_one_node() {
    let items = InboxItem::space(genesis().encode(), &[vec![1, 2, 3]], vec![wrap()]);
    assert_eq!(items.len(), 1, "one item holds it");
    let bytes = Letter::sign(&key(1), node(2), Timestamp(5), items.clone());
    let letter = Letter::decode(&bytes, node(2)).unwrap();
    assert_eq!(letter, Letter { from: node(1), at: Timestamp(5), items });
    assert!(!format!("{letter:?}").contains("171"), "a key is not printed");
    assert_eq!(Letter::decode(&bytes, node(3)), Err(InboxError::NotForUs));
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        assert!(Letter::decode(&changed, node(2)).is_err(), "byte {at} was changed unnoticed");
        assert!(Letter::decode(&bytes[..at], node(2)).is_err());
    }
    let huge = vec![0; PLAINTEXT_BYTES_MAX + 1];
    assert_eq!(Letter::decode(&huge, node(2)), Err(InboxError::TooLarge(huge.len())));
}

#[test]
fn a_large_space_is_given_in_parts_that_each_fit() {
    let certificates: Vec<Vec<u8>> = (0..900).map(|size| vec![7; 300 + size]).collect();
    let epochs = vec![wrap(); WRAPS_MAX + 40];
    let items = InboxItem::space(genesis().encode(), &certificates, epochs.clone());
    assert!(items.len() > 2);
    let mut brought = (Vec::new(), Vec::new());
    for items in Letter::fill(items) {
        assert_eq!(items.len(), 1, "each is larger than a letter is to be");
        let bytes = Letter::sign(&key(1), node(2), Timestamp(5), items);
        for item in Letter::decode(&bytes, node(2)).unwrap().items {
            brought.0.extend(item.certificates().skip(1).map(<[u8]>::to_vec));
            brought.1.extend(item.epochs().iter().cloned());
        }
    }
    assert!(brought == (certificates, epochs));
}

#[test]
fn many_spaces_share_a_letter_as_far_as_it_goes() {
    let item = || InboxItem::space(genesis().encode(), &[vec![7; 2_000]], vec![wrap()]).remove(0);
    let items: Vec<InboxItem> = (0..100).map(|_| item()).collect();
    let letters = Letter::fill(items.clone());
    assert!((3..=5).contains(&letters.len()), "{} letters", letters.len());
    for items in &letters {
        let bytes = Letter::sign(&key(1), node(2), Timestamp(5), items.clone());
        assert!(bytes.len() <= LETTER_BYTES + FRAME_BYTES, "{} bytes", bytes.len());
    }
    assert!(letters.concat() == items);
    assert!(Letter::fill(Vec::new()).is_empty());
    let none = InboxItem::space(Vec::new(), &[], Vec::new()).remove(0);
    let letters = Letter::fill(vec![none.clone(); LETTER_ITEMS_MAX + 1]);
    assert_eq!(letters.iter().map(Vec::len).collect::<Vec<_>>(), [LETTER_ITEMS_MAX, 1]);
    let bytes = Letter::sign(&key(1), node(2), Timestamp(5), vec![none; LETTER_ITEMS_MAX + 1]);
    assert_eq!(Letter::decode(&bytes, node(2)), Err(InboxError::Malformed));
}
