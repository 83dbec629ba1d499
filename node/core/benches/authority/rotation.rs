//! New keys after an expulsion.

use std::hint::black_box;
use std::time::Instant;

use hpke::{Deserializable as _, OpModeS};
use linli_core::engine::Core;
use linli_replica::id::{PartyId, SpaceTag};

use crate::town::{Nothing, Town, is_item};

type Kem = hpke::kem::X25519HkdfSha256;

const READERS: usize = 8;
/// Spaces between two looks at the clock: what is measured and its reference are taken in turn.
const AT_ONCE: usize = 512;
/// Spaces that are rotated in one act, as the node does it.
const IN_ONE_ACT: usize = 32;
/// Bytes of an epoch's secret and id, with what is around them.
const WRAP_BYTES: usize = 80;

/// Takes the rights of an expelled party in every space and passes a new key to the eight readers
/// left. Compared with the HPKE wraps alone: one of each epoch's key for each reader.
pub(crate) fn after_an_expulsion(spaces: usize) {
    let (mut rotated, mut wrapped, mut letters, mut done) = (0.0, 0.0, 0_usize, 0_usize);
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
        wrapped += wrap(&town, count);
        letters += written;
        done += count;
    }
    let each = rotated / f64::from(u32::try_from(done).unwrap());
    println!(
        "{done} spaces × {READERS} readers rotated in {rotated:.2} s on one core, {:.2} ms each, in \
         {letters} letters; {} HPKE wraps alone {wrapped:.2} s; ratio {:.2}",
        each * 1e3,
        done * READERS,
        rotated / wrapped
    );
}

fn rotate(
    town: &mut Town,
    centre: &mut Core,
    held: &mut Nothing,
    tags: &[SpaceTag],
    out: PartyId,
) -> (f64, usize) {
    let (mut took, mut letters) = (0.0, 0);
    for tags in tags.chunks(IN_ONE_ACT) {
        let mut rng = town.rng.clone();
        let before = Instant::now();
        for tag in tags {
            let outline = centre.outline(town.world(held), *tag).unwrap();
            assert!(outline.members.contains(&out));
        }
        let due = tags.iter().map(|tag| (*tag, [out].into())).collect();
        let renewed = centre.renew(town.world(held), &mut rng, &due).unwrap();
        took += before.elapsed().as_secs_f64();
        assert!(renewed.failed.is_empty());
        town.rng = rng;
        let entries = town.store(centre, held, renewed.authored);
        letters += entries.iter().filter(|entry| is_item(entry)).count();
    }
    (took, letters)
}

fn wrap(town: &Town, spaces: usize) -> f64 {
    let keys: Vec<<Kem as hpke::Kem>::PublicKey> = town
        .members
        .iter()
        .skip(1)
        .take(READERS)
        .map(|member| <Kem as hpke::Kem>::PublicKey::from_bytes(member.keys.seal().public()))
        .collect::<Result<_, _>>()
        .unwrap();
    let mut rng = town.rng.clone();
    let before = Instant::now();
    for key in (0..spaces).flat_map(|_| &keys) {
        let sealed = hpke::single_shot_seal_with_rng::<
            hpke::aead::ChaCha20Poly1305,
            hpke::kdf::HkdfSha256,
            Kem,
        >(
            &OpModeS::Base, key, b"linli 1 inbox", &[7; WRAP_BYTES], &[7; 200], &mut rng
        );
        black_box(sealed.unwrap());
    }
    before.elapsed().as_secs_f64()
}
