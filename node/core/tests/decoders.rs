//! Any bytes get a typed refusal: what is decoded is decoded again after damage.
#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use linli_core::audit::AuditRecord;
use linli_core::authority::{Act, EpochKey, Genesis, Owner, SpaceCertificate, Under, mint};
use linli_core::identity::{KeyKind, Stretch, open_key_file, seal_key_file};
use linli_core::inbox::{InboxItem, Letter};
use linli_core::opening::Opening;
use linli_core::payload::{Content, Payload};
use linli_core::person::{PersonCertificate, PersonDetails};
use linli_replica::id::{CommunityId, NodeId, PartyId, Timestamp};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

/// Decodes as every format there is; counts what was accepted.
fn accepted(bytes: &[u8]) -> usize {
    let outcomes = [
        SpaceCertificate::decode(bytes).is_ok(),
        PersonCertificate::decode(bytes).is_ok(),
        Payload::decode(bytes).is_ok(),
        Letter::decode(bytes, node()).is_ok(),
        Opening::decode(bytes).is_ok(),
        open_key_file(bytes, "passphrase").is_ok(),
        AuditRecord::decode(bytes).is_ok(),
    ];
    outcomes.into_iter().filter(|accepted| *accepted).count()
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn node() -> NodeId {
    NodeId(key().verifying_key().to_bytes())
}

fn samples() -> Vec<Vec<u8>> {
    let party = PartyId([2; 32]);
    let genesis = Genesis {
        community: CommunityId([9; 32]),
        owner: Owner::Party(party),
        steward: None,
        kind: "care".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [2; 32].into(),
    };
    let genesis = SpaceCertificate::begin(&key(), party, Timestamp(1), genesis).unwrap();
    let details = PersonDetails {
        key: [3; 32],
        party,
        name: "n".to_owned(),
        role: "r".to_owned(),
        qualification: None,
        ends: Timestamp(1),
    };
    let person = PersonCertificate::sign(&key(), details).unwrap();
    let content = Content::Changes(vec![vec![1].into()]);
    let payload =
        Payload { at: Timestamp(1), binding: None, name: None, content, stamp: None }.encode();
    let items = InboxItem::space(genesis.encode(), &[genesis.encode()], Vec::new());
    let stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    vec![
        genesis.encode(),
        person.encode(),
        payload.to_vec(),
        Letter::sign(&key(), node(), Timestamp(1), items).to_vec(),
        seal_key_file(&mut rng, KeyKind::Party, &key(), "passphrase", stretch).unwrap(),
        opening(&genesis),
    ]
}

fn opening(genesis: &SpaceCertificate) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (epoch, secret) = mint(&mut rng, &BTreeMap::new(), []).unwrap();
    let (space, party, heads) = (genesis.space(), genesis.body().party, vec![genesis.id()]);
    let (under, act) = (Under::Genesis, Act::Epoch(epoch));
    let epoch =
        SpaceCertificate::sign(&key(), space, party, under, heads, Timestamp(2), &act).unwrap();
    let content = EpochKey::Secret(secret).content_key();
    Opening::new(genesis.clone(), epoch, content).unwrap().encode().unwrap().to_vec()
}

#[test]
fn no_format_reads_as_another() {
    for sample in samples() {
        assert_eq!(accepted(&sample), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(accepted(&bytes), 0);
    }

    #[test]
    fn signed_and_sealed_bytes_do_not_survive_damage(
        which in 0_usize..6,
        at: prop::sample::Index,
        by in 1_u8..,
    ) {
        let mut bytes = samples().swap_remove(which);
        let at = at.index(bytes.len());
        bytes.as_mut_slice()[at] ^= by;
        // A payload is protected by the seal around it; here it must only not panic.
        prop_assert!(which == 2 || accepted(&bytes) == 0);
    }
}
