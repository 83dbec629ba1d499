//! New keys after an expulsion.

use std::hint::black_box;
use std::time::Instant;

use hpke::{Deserializable as _, OpModeS};
use linli_core::engine::Core;
use linli_replica::entry::{Entry, suite_overhead_bytes};
use linli_replica::id::{PartyId, SpaceTag};

use crate::town::{Nothing, Town, is_item};

type Kem = hpke::kem::X25519HkdfSha256;

const READERS: usize = 8;
/// Spaces between two looks at the clock: what is measured and its reference are taken in turn.
const AT_ONCE: usize = 500;

/// Takes the rights of an expelled party in every space and passes a new key to the eight readers
/// left. Compared with the HPKE wraps alone: the same number of items of the same length.
pub(crate) fn after_an_expulsion(spaces: usize) {
    let (mut rotated, mut wrapped, mut items, mut done) = (0.0, 0.0, 0_usize, 0_usize);
    while done < spaces {
        let count = AT_ONCE.min(spaces - done);
        let mut town = Town::new(READERS + 2);
        let (mut centre, mut held) = (town.core(0), Nothing::default());
        let parties: Vec<PartyId> =
            town.members.iter().skip(1).map(|member| member.party).collect();
        let tags: Vec<SpaceTag> =
            (0..count).map(|_| town.begin(&mut centre, &mut held, &parties).0).collect();
        town.expel(parties[READERS]);
        centre.directory_changed(&town.directory);
        let (took, written) = rotate(&mut town, &mut centre, &mut held, &tags, parties[READERS]);
        rotated += took;
        wrapped += wrap(&town, &written);
        items += written.len();
        done += count;
    }
    // Each reader is given one item, and the centre its own.
    assert_eq!(items, done * (READERS + 1));
    let each = rotated / f64::from(u32::try_from(done).unwrap());
    println!(
        "{done} spaces × {READERS} readers rotated in {rotated:.2} s on one core, {:.2} ms each; the \
         {items} HPKE wraps alone {wrapped:.2} s; ratio {:.2}",
        each * 1e3,
        rotated / wrapped
    );
}

fn rotate(
    town: &mut Town,
    centre: &mut Core,
    held: &mut Nothing,
    tags: &[SpaceTag],
    out: PartyId,
) -> (f64, Vec<Entry>) {
    let (mut took, mut written) = (0.0, Vec::new());
    for tag in tags {
        let mut rng = town.rng.clone();
        let before = Instant::now();
        let outline = centre.outline(town.world(held), *tag).unwrap();
        assert!(outline.members.contains(&out));
        let authored = centre.revoke(town.world(held), &mut rng, *tag, out).unwrap();
        took += before.elapsed().as_secs_f64();
        town.rng = rng;
        let entries = town.store(centre, held, authored);
        written.extend(entries.into_iter().filter(is_item));
    }
    (took, written)
}

fn wrap(town: &Town, items: &[Entry]) -> f64 {
    let keys: Vec<<Kem as hpke::Kem>::PublicKey> = town
        .members
        .iter()
        .map(|member| <Kem as hpke::Kem>::PublicKey::from_bytes(member.keys.seal().public()))
        .collect::<Result<_, _>>()
        .unwrap();
    let mut rng = town.rng.clone();
    let mut took = 0.0;
    for (item, key) in items.iter().zip(keys.iter().cycle()) {
        let content = vec![7; item.ciphertext().len() - suite_overhead_bytes(item.header().suite)];
        let before = Instant::now();
        let sealed =
            hpke::single_shot_seal_with_rng::<
                hpke::aead::ChaCha20Poly1305,
                hpke::kdf::HkdfSha256,
                Kem,
            >(
                &OpModeS::Base, key, b"linli 1 inbox", &content, item.header_bytes(), &mut rng
            );
        black_box(sealed.unwrap());
        took += before.elapsed().as_secs_f64();
    }
    took
}
