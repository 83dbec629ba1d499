use super::*;
use crate::person::PersonDetails;
use linli_replica::id::PartyId;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn changes() -> Content {
    Content::Changes(vec![vec![1, 2, 3].into(), vec![4].into()])
}

fn place() -> StampPlace {
    StampPlace {
        space: SpaceTag([1; 32]),
        document: DocTag([2; 32]),
        log: LogKey([3; 32]),
        sequence: 4,
        previous: EntryId([5; 32]),
        at: Timestamp(6),
    }
}

fn certificate(person: &SigningKey) -> PersonCertificate {
    let details = PersonDetails {
        key: person.verifying_key().to_bytes(),
        party: PartyId(key(1).verifying_key().to_bytes()),
        name: "王秀英".to_owned(),
        role: "carer".to_owned(),
        qualification: None,
        ends: Timestamp(100),
    };
    PersonCertificate::sign(&key(1), details).unwrap()
}

#[test]
fn a_payload_survives_the_way() {
    let person = key(7);
    let payload = Payload {
        at: Timestamp(6),
        binding: Some(Binding::new(&key(1), &key(2), SpaceTag([1; 32]))),
        name: Some("readings/2024-01".to_owned()),
        content: changes(),
        stamp: Some(PersonStamp::new(&certificate(&person), &person, &place(), &changes())),
    };
    let read = Payload::decode(&payload.encode()).unwrap();
    assert!(read == payload);
    let debug = format!("{read:?}");
    assert!(!debug.contains("readings") && !debug.contains("王"), "{debug}");
}

#[test]
fn bad_payloads_are_refused_with_the_reason() {
    let payload =
        Payload { at: Timestamp(6), binding: None, name: None, content: changes(), stamp: None };
    let refusal = |bytes: &[u8]| Payload::decode(bytes).unwrap_err();
    let good = payload.encode();
    for end in 0..good.len() {
        assert_eq!(refusal(&good[..end]), PayloadError::Malformed, "cut at {end}");
    }
    assert_eq!(refusal(&[good.as_slice(), &[0]].concat()), PayloadError::Malformed);
    let mut later = good.to_vec();
    later[1] = 2;
    assert_eq!(refusal(&later), PayloadError::Version(2));
    let huge = vec![0; PLAINTEXT_BYTES_MAX + 1];
    assert_eq!(refusal(&huge), PayloadError::TooLarge(huge.len()));
    let long = Payload { name: Some("x".repeat(NAME_BYTES_MAX + 1)), ..payload.clone() };
    assert_eq!(refusal(&long.encode()), PayloadError::Malformed);
    let many = Content::Changes(vec![Vec::new().into(); BATCH_ITEMS_MAX + 1]);
    assert_eq!(refusal(&Payload { content: many, ..payload }.encode()), PayloadError::Malformed);
    let wire = |content: Vec<u8>| {
        codec::encode(&Wire {
            version: 1,
            at: Timestamp(6),
            binding: None,
            name: None,
            content: content.into(),
            stamp: None,
        })
    };
    for number in [2, 3, 4] {
        let malformed = refusal(&wire(vec![0x82, number, 0x81, 0x40]));
        assert_eq!(malformed, PayloadError::Malformed);
    }
}

#[test]
fn a_binding_holds_for_its_node_log_and_space_only() {
    let (node, log, space) = (key(1), key(2), SpaceTag([1; 32]));
    let log_id = crate::identity::log_key(&log);
    let good = Binding::new(&node, &log, space);
    assert_eq!(good.verify(log_id, space), Ok(NodeId(node.verifying_key().to_bytes())));
    let bad = Err(PayloadError::BadBinding);
    assert_eq!(good.verify(log_id, SpaceTag([2; 32])), bad);
    assert_eq!(good.verify(LogKey([9; 32]), space), bad);
    let thief = Binding { node: NodeId(key(3).verifying_key().to_bytes()), ..good };
    assert_eq!(thief.verify(log_id, space), bad, "a node cannot claim a log");
    let theirs = Binding::new(&key(3), &log, space);
    let mixed = Binding { log_signature: theirs.log_signature, ..good };
    assert_eq!(mixed.verify(log_id, space), bad, "a log cannot claim a node");
}

#[test]
fn a_stamp_counts_where_it_was_set() {
    let person = key(7);
    let stamp = PersonStamp::new(&certificate(&person), &person, &place(), &changes());
    assert_eq!(stamp.verify(&place(), &changes()), Ok(certificate(&person)));
    let bad = Err(PayloadError::BadStamp);
    let elsewhere = [
        StampPlace { space: SpaceTag([9; 32]), ..place() },
        StampPlace { document: DocTag([9; 32]), ..place() },
        StampPlace { log: LogKey([9; 32]), ..place() },
        StampPlace { sequence: 9, ..place() },
        StampPlace { previous: EntryId([9; 32]), ..place() },
        StampPlace { at: Timestamp(9), ..place() },
    ];
    for place in elsewhere {
        assert_eq!(stamp.verify(&place, &changes()), bad);
    }
    // The same bytes, divided otherwise or of another kind.
    let divided = Content::Changes(vec![vec![1, 2].into(), vec![3, 4].into()]);
    let other = Content::Certificates(changes().items().to_vec());
    for content in [divided, other] {
        assert_eq!(stamp.verify(&place(), &content), bad);
    }
    let forged = PersonStamp::new(&certificate(&person), &key(8), &place(), &changes());
    assert_eq!(forged.verify(&place(), &changes()), bad);
}
