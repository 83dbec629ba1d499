use std::collections::BTreeMap;

use linli_core::authority::{Act, Genesis, Owner, SpaceCertificate, Under, mint};
use linli_core::opening::{Opening, OpeningError};
use linli_replica::codec;
use linli_replica::id::{CommunityId, PartyId, Timestamp};
use minicbor::bytes::ByteVec;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

const PARTY: PartyId = PartyId([2; 32]);

fn genesis(nonce: u8) -> SpaceCertificate {
    let genesis = Genesis {
        community: CommunityId([9; 32]),
        owner: Owner::Party(PARTY),
        steward: None,
        kind: "emergency".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [nonce; 32].into(),
    };
    SpaceCertificate::begin(&key(1), PARTY, Timestamp(1), genesis).unwrap()
}

fn epoch(genesis: &SpaceCertificate, seed: u64) -> (SpaceCertificate, Secret) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (epoch, secret) = mint(&mut rng, &BTreeMap::new(), []).unwrap();
    let heads = vec![genesis.id()];
    let (space, act) = (genesis.space(), Act::Epoch(epoch));
    let under = Under::Genesis;
    let signed = SpaceCertificate::sign(&key(1), space, PARTY, under, heads, Timestamp(2), &act);
    let content = linli_core::authority::EpochKey::Secret(secret).content_key();
    (signed.unwrap(), content)
}

/// An opening as its bytes are written, whatever it holds.
fn raw(version: u8, genesis: &[u8], epoch: &[u8], key: &[u8; 32]) -> Vec<u8> {
    let shape: (u8, ByteVec, ByteVec, ByteVec) =
        (version, genesis.to_vec().into(), epoch.to_vec().into(), key.to_vec().into());
    codec::encode(&shape)
}

fn made() -> Vec<Value> {
    let (own, other) = (genesis(3), genesis(4));
    let (certificate, content) = epoch(&own, 1);
    let (strange, _) = epoch(&other, 1);
    let (own, epoch) = (own.encode(), certificate.encode());
    let good = Opening::decode(&raw(1, &own, &epoch, content.expose())).unwrap();
    assert_eq!(*good.encode().unwrap(), raw(1, &own, &epoch, content.expose()));
    let mut forged = epoch.clone();
    *forged.last_mut().unwrap() ^= 1;
    let [key, wrong] = [content.expose(), &[7; 32]];
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 1].to_vec();
    let large = vec![0; linli_core::limits::OPENING_BYTES_MAX + 1];
    [
        ("an opening", raw(1, &own, &epoch, key), good.epoch().to_string()),
        ("another key", raw(1, &own, &epoch, wrong), "WrongKey".to_owned()),
        ("an epoch of another space", raw(1, &own, &strange.encode(), key), "OtherSpace".into()),
        ("no genesis", raw(1, &epoch, &epoch, key), "OtherSpace".into()),
        ("no epoch", raw(1, &own, &own, key), "OtherSpace".into()),
        ("a forged certificate", raw(1, &own, &forged, key), "Certificate".into()),
        ("a later version", raw(2, &own, &epoch, key), "Version".into()),
        ("cut short", cut(raw(1, &own, &epoch, key)), "Malformed".into()),
        ("too large", large, "TooLarge".into()),
    ]
    .into_iter()
    .map(|(name, opening, expect)| {
        json!({ "name": name, "opening": hex::encode(opening), "expect": expect })
    })
    .collect()
}

#[test]
fn openings() {
    for vector in vectors("opening.json", made()) {
        let said = match Opening::decode(&bytes(&vector["opening"])) {
            Ok(opening) => {
                assert_eq!(opening.genesis().unwrap().kind, "emergency");
                opening.epoch().to_string()
            }
            Err(OpeningError::TooLarge(_)) => "TooLarge".to_owned(),
            Err(OpeningError::Malformed) => "Malformed".to_owned(),
            Err(OpeningError::Version(_)) => "Version".to_owned(),
            Err(OpeningError::Certificate(_)) => "Certificate".to_owned(),
            Err(OpeningError::OtherSpace) => "OtherSpace".to_owned(),
            Err(OpeningError::WrongKey) => "WrongKey".to_owned(),
        };
        assert_eq!(vector["expect"], said, "{}", vector["name"]);
    }
}
