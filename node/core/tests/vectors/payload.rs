use linli_core::payload::{Binding, Content, Payload, PersonStamp, StampPlace};
use linli_core::person::{PersonCertificate, PersonDetails};
use linli_replica::id::{DocTag, LogKey, PartyId, SpaceTag, Timestamp};

use super::*;

const SPACE: SpaceTag = SpaceTag([1; 32]);

fn place() -> StampPlace {
    StampPlace {
        space: SPACE,
        document: DocTag([2; 32]),
        log: LogKey(key(6).verifying_key().to_bytes()),
        sequence: 1,
        previous: EntryId::default(),
        at: Timestamp(1_700_000_000_000),
    }
}

fn payload() -> Payload {
    let person = key(7);
    let details = PersonDetails {
        key: person.verifying_key().to_bytes(),
        party: PartyId(key(8).verifying_key().to_bytes()),
        name: "王秀英".to_owned(),
        role: "carer".to_owned(),
        qualification: None,
        ends: Timestamp(1_800_000_000_000),
    };
    let certificate = PersonCertificate::sign(&key(8), details).unwrap();
    let content = Content::Changes(vec![vec![1, 2, 3].into()]);
    Payload {
        at: place().at,
        binding: Some(Binding::new(&key(9), &key(6), SPACE)),
        name: Some("profile".to_owned()),
        stamp: Some(PersonStamp::new(&certificate, &person, &place(), &content)),
        content,
    }
}

fn made() -> Vec<Value> {
    let good = payload().encode().to_vec();
    let mut later = good.clone();
    later[1] = 2;
    let other_log = Payload { binding: Some(Binding::new(&key(9), &key(5), SPACE)), ..payload() };
    let other_content =
        Payload { content: Content::Changes(vec![vec![1, 2, 4].into()]), ..payload() };
    let certificates = Payload {
        binding: None,
        name: None,
        stamp: None,
        content: Content::Certificates(vec![vec![5].into()]),
        ..payload()
    };
    let part = Payload {
        content: Content::Checkpoint(vec![vec![6].into(), vec![7].into()]),
        ..certificates.clone()
    };
    // [1, at, null, null, the content [2, [bytes]] as bytes, null]
    let checkpoint = vec![0x86, 1, 1, 0xf6, 0xf6, 0x44, 0x82, 2, 0x81, 0x40, 0xf6];
    let vectors = [
        ("a first entry", good.clone(), "Ok"),
        ("certificates", certificates.encode().to_vec(), "Ok"),
        ("a later version", later, "Version(2)"),
        ("cut short", good[..good.len() - 1].to_vec(), "Malformed"),
        ("something follows", [good.as_slice(), &[0]].concat(), "Malformed"),
        ("a part of a checkpoint", part.encode().to_vec(), "Ok"),
        ("a checkpoint that is no list", checkpoint, "Malformed"),
        ("bound to another log", other_log.encode().to_vec(), "BadBinding"),
        ("stamped for other content", other_content.encode().to_vec(), "BadStamp"),
    ];
    vectors
        .into_iter()
        .map(|(name, payload, expect)| {
            let log = hex::encode(place().log.0);
            json!({ "name": name, "payload": hex::encode(payload), "log": log, "expect": expect })
        })
        .collect()
}

#[test]
fn payloads() {
    for vector in vectors("payload.json", made()) {
        let place = StampPlace { log: LogKey(array(&vector["log"])), ..place() };
        let outcome = Payload::decode(&bytes(&vector["payload"])).and_then(|payload| {
            if let Some(binding) = &payload.binding {
                binding.verify(place.log, SPACE)?;
            }
            if let Some(stamp) = &payload.stamp {
                stamp.verify(&place, &payload.content)?;
            }
            Ok(())
        });
        let outcome = outcome.map_or_else(|error| format!("{error:?}"), |()| "Ok".to_owned());
        assert_eq!(vector["expect"], outcome, "{}", vector["name"]);
    }
}
