use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

const FAST: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn details() -> PersonDetails {
    PersonDetails {
        key: key(7).verifying_key().to_bytes(),
        party: identity::party_id(&key(1)),
        name: "王秀英".to_owned(),
        role: "carer".to_owned(),
        qualification: Some("HL-2231".to_owned()),
        ends: Timestamp(100),
    }
}

#[test]
fn a_pin_opens_at_its_node_only() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let storage = Secret::new([1; 32]);
    let (key, sealed) = draw_person_key(&mut rng, "4711", &storage, FAST).unwrap();
    assert_eq!(open_person_key(&sealed, "4711", &storage).unwrap(), key);
    let refusal = |bytes: &[u8], pin, storage| open_person_key(bytes, pin, &storage).unwrap_err();
    assert_eq!(refusal(&sealed, "4712", storage.clone()), PinError::WrongPin);
    assert_eq!(refusal(&sealed, "4711", Secret::new([2; 32])), PinError::WrongPin);
    let unusable = PinError::Unusable(KeyFileError::Malformed);
    assert_eq!(refusal(&sealed[1..], "4711", storage.clone()), unusable);
    let changed = seal_person_key(&mut rng, &key, "0815", &storage, FAST).unwrap();
    assert_eq!(open_person_key(&changed, "0815", &storage).unwrap(), key);
}

#[test]
fn people_are_certified_by_their_party() {
    let by_root = PersonCertificate::sign(&key(1), details()).unwrap();
    let read = PersonCertificate::decode(&by_root.encode()).unwrap();
    assert_eq!(read, by_root);
    let nobody = |_: &NodeId, _: &PartyId| false;
    assert_eq!(read.check(Timestamp(100), nobody).unwrap().name, "王秀英");
    assert_eq!(read.check(Timestamp(101), nobody).unwrap_err(), PersonError::Ended);
    assert!(!format!("{read:?} {:?}", details()).contains('王'), "a name is not printed");

    let by_node = PersonCertificate::sign(&key(2), details()).unwrap();
    let steward = |node: &NodeId, party: &PartyId| {
        node.0 == key(2).verifying_key().to_bytes() && *party == details().party
    };
    assert!(by_node.check(Timestamp(1), steward).is_ok());
    assert_eq!(by_node.check(Timestamp(1), nobody).unwrap_err(), PersonError::NotSteward);
}

#[test]
fn bad_person_certificates_are_refused() {
    let long = PersonDetails { role: "x".repeat(CODE_BYTES_MAX + 1), ..details() };
    assert_eq!(PersonCertificate::sign(&key(1), long).unwrap_err(), PersonError::Malformed);
    let good = PersonCertificate::sign(&key(1), details()).unwrap();
    let mut stolen = Envelope::new(good.envelope.body().to_vec());
    assert_eq!(PersonCertificate::decode(&stolen.encode()), Err(PersonError::Unsigned));
    stolen.sign(&key(3));
    assert_eq!(PersonCertificate::decode(&stolen.encode()), Err(PersonError::Unsigned));
    let bytes = good.encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(PersonCertificate::decode(&changed).is_err(), "byte {at} was changed unnoticed");
    }
}
