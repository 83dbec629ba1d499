//! Grants opened into state.

use std::hint::black_box;
use std::time::Instant;

use ed25519_dalek::{Signature, Signer as _};
use linli_core::authority::{
    Act, Genesis, Owner, SpaceCertificate, SpaceCertificates, SpaceState, Under,
};
use linli_core::seal::open_from_inbox;
use linli_replica::entry::Entry;
use linli_replica::id::{CommunityId, PartyId};

use crate::median;
use crate::town::{NOW, Nothing, Town, grant, is_item};

const GRANTS: usize = 10_000;
const PAIRS: usize = 5;

/// Ten thousand grants of one owner, each of which knew the one before: from bytes to who may do what.
pub(crate) fn of_one_space() {
    let town = Town::new(1);
    let owner = &town.members[0];
    let key = owner.keys.signing();
    let genesis = Genesis {
        community: CommunityId(town.directory.community().0),
        owner: Owner::Party(owner.party),
        steward: None,
        kind: "care".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [2; 32].into(),
    };
    let first = SpaceCertificate::begin(key, owner.party, NOW, genesis).unwrap();
    let (space, mut head) = (first.space(), first.id());
    let mut encoded = vec![first.encode()];
    for number in 0..GRANTS {
        let mut party = [0; 32];
        party[..8].copy_from_slice(&number.to_le_bytes());
        let act = Act::Grant(grant(PartyId(party)));
        let heads = vec![head];
        let under = Under::Genesis;
        let signed = SpaceCertificate::sign(key, space, owner.party, under, heads, NOW, &act);
        let signed = signed.unwrap();
        head = signed.id();
        encoded.push(signed.encode());
    }
    let messages: Vec<([u8; 51], Signature)> = (0..=GRANTS)
        .map(|number| {
            let mut message = [0; 51];
            message[..8].copy_from_slice(&number.to_le_bytes());
            (message, key.sign(&message))
        })
        .collect();
    let public = key.verifying_key();
    let (mut opened, mut checked, mut judged, mut ratios) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let before = Instant::now();
        let set: SpaceCertificates =
            encoded.iter().map(|bytes| SpaceCertificate::decode(bytes).unwrap()).collect();
        let begin = Instant::now();
        let state = SpaceState::evaluate(space, &set, &town.directory);
        let (open, judge) = (before.elapsed().as_secs_f64(), begin.elapsed().as_secs_f64());
        assert_eq!(black_box(state).members.len(), GRANTS + 1);
        let before = Instant::now();
        for (message, signature) in &messages {
            public.verify_strict(black_box(message), signature).unwrap();
        }
        let check = before.elapsed().as_secs_f64();
        opened.push(open);
        checked.push(check);
        judged.push(judge);
        ratios.push(open / check);
    }
    println!(
        "{GRANTS} grants of one space into state {:.2} s, of that judging {:.3} s; as many signatures \
         alone {:.2} s; ratio {:.2}",
        median(&mut opened),
        median(&mut judged),
        median(&mut checked),
        median(&mut ratios)
    );
}

/// One grant each in ten thousand spaces, as they lie in a new node's inbox.
pub(crate) fn of_many_spaces() {
    let mut town = Town::new(2);
    let reader = town.members[1].party;
    let (mut centre, mut held) = (town.core(0), Nothing::default());
    let inbox = linli_replica::id::inbox_tag(&town.members[1].keys.id());
    let mut items: Vec<Entry> = Vec::new();
    for _ in 0..GRANTS {
        let (_, entries) = town.begin(&mut centre, &mut held, &[reader]);
        let to_reader = |entry: &Entry| is_item(entry) && entry.header().space == inbox;
        items.extend(entries.into_iter().filter(to_reader));
    }
    assert_eq!(items.len(), GRANTS);
    drop(centre);
    let (mut opened, mut alone, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let from = Some(town.members[0].keys.id());
    for _ in 0..PAIRS {
        let (mut node, mut rng) = (town.core(1), town.rng.clone());
        let nothing = Nothing::default();
        let before = Instant::now();
        for item in &items {
            let item = std::slice::from_ref(item);
            let arrival = node.receive(town.world(&nothing), &mut rng, from, item).unwrap();
            assert!(arrival.refused.is_empty());
        }
        let open = before.elapsed().as_secs_f64();
        assert_eq!(node.spaces().count(), GRANTS);
        let before = Instant::now();
        for item in &items {
            black_box(open_from_inbox(item, town.members[1].keys.seal()).unwrap());
        }
        let hpke = before.elapsed().as_secs_f64();
        opened.push(open);
        alone.push(hpke);
        ratios.push(open / hpke);
    }
    println!(
        "a grant each in {GRANTS} spaces into state {:.2} s; HPKE alone {:.2} s; ratio {:.2}",
        median(&mut opened),
        median(&mut alone),
        median(&mut ratios)
    );
}
