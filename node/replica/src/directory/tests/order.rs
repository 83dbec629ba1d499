//! Enrolments, expulsions, ends and notices: the same directory in every order of arrival.

use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};

use super::succession::{in_every_order, same};
use super::*;

fn party(seed: u8) -> PartyId {
    PartyId(public(seed))
}

fn node(seed: u8) -> NodeId {
    NodeId(public(seed))
}

#[test]
fn an_expulsion_that_comes_before_who_it_expels() {
    let w = world();
    let all = [
        w.enrol(10, &[1, 2]),
        w.node(10, 20, &[10]),
        w.expel(Subject::Party(party(10)), &[1, 3]),
        w.enrol(11, &[1, 2]),
        w.node(11, 21, &[11]),
        w.expel(Subject::Node(node(21)), &[2, 3]),
    ];
    let d = in_every_order(&all);
    assert!(d.party(&party(10)).unwrap().expelled && !d.party(&party(11)).unwrap().expelled);
    for id in [20, 21] {
        assert_eq!(d.admits(&node(id), Timestamp(50)), Err(NotMember::Expelled));
    }
    assert!(d.refused().is_empty());
}

#[test]
fn an_end_that_is_extended_and_an_expulsion_that_no_extension_outlasts() {
    let w = world();
    let all = [
        w.enrol(10, &[1, 2]),
        w.node(10, 20, &[10]),
        w.extend(20, 500, &[20]),
        w.extend(20, 300, &[20]),
        w.extend(20, 900, &[21]),
    ];
    let d = in_every_order(&all);
    assert!(d.admits(&node(20), Timestamp(500)).is_ok());
    assert_eq!(d.admits(&node(20), Timestamp(501)), Err(NotMember::Ended));
    let expelled = w.expel(Subject::Node(node(20)), &[1, 2]);
    let d = in_every_order(&[&all[..4], &[expelled]].concat());
    assert_eq!(d.admits(&node(20), Timestamp(50)), Err(NotMember::Expelled));
}

#[test]
fn signatures_that_come_apart() {
    let w = world();
    let party_out = Subject::Party(party(10));
    let all = [
        w.enrol(10, &[1]),
        w.enrol(10, &[3]),
        w.node(10, 20, &[10]),
        w.expel(party_out, &[2]),
        w.enrol(11, &[3]),
    ];
    let d = in_every_order(&all);
    assert!(d.admits(&node(20), Timestamp(50)).is_ok(), "one officer expels nobody");
    assert!(d.party(&party(11)).is_none());
    let d = in_every_order(&[&all[..4], &[w.expel(party_out, &[1])]].concat());
    assert_eq!(d.admits(&node(20), Timestamp(50)), Err(NotMember::Expelled));
}

#[test]
fn two_who_claim_one_node_and_two_enrolments_of_one_party() {
    let w = world();
    let claims = [w.node(10, 20, &[10]), w.node(11, 20, &[11])];
    let stands = claims.iter().min_by_key(|claim| claim.id()).unwrap().id();
    let other = Act::Enrol { under: w.set, party: party(10), kind: PartyKind::Family, name: None };
    let enrolments = [w.enrol(10, &[1, 2]), w.act(other, &[1, 2])];
    let first = enrolments.iter().min_by_key(|enrolment| enrolment.id()).unwrap();
    let all = [&claims[..], &enrolments, &[w.enrol(11, &[1, 2]), w.extend(20, 300, &[20])]];
    let d = in_every_order(&all.concat());
    let owner = if stands == claims[0].id() { 10 } else { 11 };
    assert_eq!(d.node(&node(20)).map(|n| (n.party, n.ends)), Some((party(owner), Timestamp(300))));
    let Act::Enrol { kind, .. } = &first.body().act else { unreachable!() };
    assert_eq!(d.party(&party(10)).map(|p| p.kind), Some(*kind));
    assert_eq!(d.refused().len(), 2, "what does not stand is listed");
}

#[test]
fn notices_of_one_topic() {
    let w = world();
    let notice = |at: u64, topic: &str, body: u8| {
        let act = Act::Notice { node: node(20), topic: topic.into(), body: vec![body].into() };
        signed(Certificate::new(w.community, Timestamp(at), act), &[20])
    };
    let all = [
        w.enrol(10, &[1, 2]),
        w.node(10, 20, &[10]),
        notice(5, "offer", 1),
        notice(9, "offer", 2),
        notice(7, "offer", 3),
        notice(6, "hours", 4),
    ];
    let d = in_every_order(&all);
    let offers: Vec<u8> = d.notices("offer").iter().map(|notice| notice.body[0]).collect();
    assert_eq!(offers, [1, 3, 2], "by their time");
    assert_eq!(d.notices("hours").len(), 1);
}

/// Sixty certificates of a community that lives: it enrols, certifies, extends, expels, and changes its
/// officers, sometimes because a key was stolen; some are signed by too few, or by the wrong ones.
fn sixty(seed: u64) -> Vec<Certificate> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let w = world();
    let mut sets = vec![(w.set, vec![1, 2, 3])];
    let mut all: Vec<Certificate> = Vec::new();
    while all.len() < 60 {
        let (set, seeds) = sets.choose(&mut rng).unwrap().clone();
        let under = World { community: w.community, set };
        let few = rng.random_bool(0.15);
        let mut signers = seeds.clone();
        signers.shuffle(&mut rng);
        signers.truncate(if few { 1 } else { 2 });
        let (owner, device) = (10 + rng.random_range(0..6), 20 + rng.random_range(0..8));
        let root = if rng.random_bool(0.9) { owner } else { 19 };
        let ends = rng.random_range(100..1_000);
        let certificate = match rng.random_range(0..20) {
            0..6 => under.enrol(owner, &signers),
            6..11 => under.node(owner, device, &[root]),
            11..14 => under.extend(device, ends, &[device]),
            14 => under.expel(Subject::Party(party(owner)), &signers),
            15 => under.expel(Subject::Node(node(device)), &signers),
            16 => {
                let topic = "offer".to_owned();
                let body = vec![rng.random_range(0..9)].into();
                under.act(Act::Notice { node: node(device), topic, body }, &[device])
            }
            _ => {
                let gone = seeds.choose(&mut rng).copied().unwrap();
                let fresh = 30 + u8::try_from(sets.len()).unwrap();
                let next: Vec<u8> =
                    seeds.iter().map(|s| if *s == gone { fresh } else { *s }).collect();
                let kept = rng.random_bool(0.5).then(|| {
                    let mut ids: Vec<_> = all.iter().map(Certificate::id).collect();
                    ids.sort();
                    ids.dedup();
                    ids
                });
                let officers = officers(&next, 2);
                let act = Act::Officers { previous: set, officers, kept };
                let change = under.act(act, &signers);
                sets.push((change.id(), next));
                change
            }
        };
        if !all.contains(&certificate) {
            all.push(certificate);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn sixty_in_random_orders(seed: u64) {
        let all = sixty(seed);
        let whole = directory(&all);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed ^ 1);
        for _ in 0..3 {
            let mut order = all.clone();
            order.shuffle(&mut rng);
            let mut one = Directory::new(genesis()).unwrap();
            // One by one, and some at a time.
            let apart = order.split_off(30);
            order.into_iter().for_each(|certificate| drop(one.add([certificate])));
            apart.chunks(7).for_each(|some| drop(one.add(some.iter().cloned())));
            prop_assert!(same(&one, &whole));
        }
    }
}

/// The large sets must hold what their orders are about.
#[test]
fn sixty_reach_every_part_of_a_directory() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..60 {
        let d = directory(&sixty(seed));
        let is = |refusal: Refusal| d.refused().values().filter(|r| **r == refusal).count();
        let counts = [
            ("parties", d.parties.len()),
            ("nodes", d.nodes.len()),
            ("expelled", d.parties.values().filter(|party| party.expelled).count()),
            ("notices", d.notices.len()),
            ("officers that followed others", d.line().len() - 1),
            ("struck out", is(Refusal::StruckOut)),
            ("rivals", is(Refusal::RivalOfficers)),
            ("pending", is(Refusal::Pending { signed: 1, needed: 2 })),
        ];
        for (what, count) in counts {
            *seen.entry(what).or_default() += count;
        }
    }
    assert!(seen.len() == 8 && seen.values().all(|count| *count > 10), "{seen:?}");
}
