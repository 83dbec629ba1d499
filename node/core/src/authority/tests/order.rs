//! The same state in every order of arrival: all orders of small sets, one for each way in which people
//! can cross each other, and random orders of large ones.

use proptest::prelude::*;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::property::world as random_world;
use super::*;

/// Acts that a large set has besides those of the generator.
const JUDGED: usize = 15;

/// All orders of a small set, by Heap's algorithm.
fn orders(mut items: Vec<SpaceCertificate>) -> Vec<Vec<SpaceCertificate>> {
    fn heap(n: usize, items: &mut Vec<SpaceCertificate>, all: &mut Vec<Vec<SpaceCertificate>>) {
        if n <= 1 {
            return all.push(items.clone());
        }
        for i in 0..n {
            heap(n - 1, items, all);
            items.swap(if n.is_multiple_of(2) { i } else { 0 }, n - 1);
        }
    }
    let mut all = Vec::new();
    heap(items.len(), &mut items, &mut all);
    all
}

/// Judges the set after each arrival, as a node does, and returns what it comes to.
fn arrive(world: &World, town: &Town, order: Vec<SpaceCertificate>) -> SpaceState {
    let mut set = SpaceCertificates::default();
    let mut state = SpaceState::evaluate(world.space, &set, town);
    for certificate in order {
        // A second copy, from another peer, brings nothing.
        let again = certificate.clone();
        assert!(set.add(certificate) && !set.add(again));
        state = SpaceState::evaluate(world.space, &set, town);
    }
    state
}

fn in_every_order(world: &World) -> SpaceState {
    let certificates: Vec<_> = world.set.iter().map(|(_, c)| c.clone()).collect();
    let count = certificates.len();
    assert!((3..=6).contains(&count), "{count} certificates");
    let orders = orders(certificates);
    assert_eq!(orders.len(), (1..=count).product::<usize>());
    let (expected, town) = (world.state(), Town::new());
    for order in orders {
        let ids: Vec<_> = order.iter().map(SpaceCertificate::id).collect();
        assert!(arrive(world, &town, order) == expected, "{ids:?}");
    }
    expected
}

fn out(index: u8) -> Act {
    Act::Revoke(Revoked::Party(party(index)))
}

fn epoch(seed: u64) -> Act {
    Act::Epoch(mint(&mut rng(seed), &BTreeMap::new(), []).unwrap().0)
}

fn cut(out: u8, sequence: u64) -> Act {
    let entry = EntryId([u8::try_from(sequence).unwrap(); 32]);
    let (log, document) = (LogKey([3; 32]), DocTag([4; 32]));
    let logs = vec![CutPoint { log, document, sequence, entry }];
    Act::Cut { party: party(out), logs }
}

fn members(state: &SpaceState) -> Vec<u8> {
    (0..10).filter(|index| state.members.contains_key(&party(*index))).collect()
}

#[test]
fn two_who_remove_each_other() {
    let mut world = World::owned();
    let one = world.grant(0, Under::Genesis, &[], 1);
    let two = world.grant(0, Under::Genesis, &[], 2);
    world.revoke(1, Under::Grant(one), &[two], 2);
    world.revoke(2, Under::Grant(two), &[two], 1);
    assert_eq!(members(&in_every_order(&world)), [0]);
}

#[test]
fn a_removal_and_a_grant_apart_and_a_grant_that_cites_the_removal() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let first = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let removal = world.revoke(0, Under::Genesis, &[first], 2);
    let apart = world.act(1, Under::Grant(steward), &[first], &grant(2, Right::Write));
    let state = in_every_order(&world);
    assert_eq!(members(&state), [0, 1]);
    assert_eq!(state.dead.keys().copied().collect::<BTreeSet<_>>(), [first, apart].into());
    world.act(1, Under::Grant(steward), &[removal], &grant(2, Right::Write));
    assert_eq!(members(&in_every_order(&world)), [0, 1, 2]);
}

#[test]
fn a_grant_by_a_removed_member_that_comes_late_or_is_back_dated() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let removal = world.revoke(0, Under::Genesis, &[], 1);
    world.grant(1, Under::Grant(steward), &[steward], 2);
    world.at = 500;
    let back_dated = world.grant(1, Under::Grant(steward), &[steward], 3);
    let knew = world.grant(1, Under::Grant(steward), &[removal], 4);
    let state = in_every_order(&world);
    assert_eq!(members(&state), [0]);
    assert!(state.dead.contains_key(&back_dated));
    assert_eq!(state.refused.get(&knew), Some(&Refusal::Removed));
}

#[test]
fn a_removal_of_what_is_not_known_yet() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let reader = world.act(1, Under::Grant(steward), &[], &grant(2, Right::Read));
    let by_grant = Act::Revoke(Revoked::Grant(reader));
    world.act(0, Under::Genesis, &[reader], &by_grant);
    let unknown = Act::Revoke(Revoked::Grant(CertificateId([5; 32])));
    let never = world.act(0, Under::Genesis, &[steward], &unknown);
    let state = in_every_order(&world);
    assert_eq!(members(&state), [0, 1]);
    assert_eq!(state.refused.get(&never), Some(&Refusal::UnknownGrant));
}

#[test]
fn a_delegation_that_goes_too_deep() {
    let mut world = World::owned();
    let mut under = Under::Genesis;
    for to in 1..=4 {
        under = Under::Grant(world.grant(to - 1, under, &[], to));
    }
    let Under::Grant(fourth) = under else { unreachable!() };
    let beyond = world.grant(4, under, &[fourth], 5);
    let state = in_every_order(&world);
    assert_eq!(members(&state), [0, 1, 2, 3]);
    assert_eq!(state.refused.get(&fourth), Some(&Refusal::TooDeep));
    assert_eq!(state.refused.get(&beyond), Some(&Refusal::UnknownGrant));
}

#[test]
fn a_stolen_steward_that_back_dates_removals_of_everybody() {
    let mut world = World::owned();
    let stolen = world.grant(0, Under::Genesis, &[], 1);
    let last = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let overruling = world.revoke(0, Under::Genesis, &[], 1);
    world.at = 500;
    let removal = world.revoke(1, Under::Grant(stolen), &[last], 2);
    let cut = world.act(1, Under::Grant(stolen), &[removal], &cut(2, 1));
    let state = in_every_order(&world);
    assert_eq!(members(&state), [0, 2]);
    assert_eq!(state.void, BTreeMap::from([(removal, overruling), (cut, overruling)]));
    assert!(state.cuts.is_empty());
}

#[test]
fn cuts_that_disagree_and_an_admission_that_cites_one_of_them() {
    let mut world = World::owned();
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let removal = world.revoke(0, Under::Genesis, &[], 2);
    let cited = world.act(0, Under::Genesis, &[removal], &cut(2, 5));
    world.act(0, Under::Genesis, &[removal], &cut(2, 3));
    let late = EntryId([8; 32]);
    world.act(0, Under::Genesis, &[cited], &Act::Admit { entries: vec![late] });
    let state = in_every_order(&world);
    let cuts = &state.cuts[&party(2)];
    assert_eq!(cuts.len(), 2);
    for found in cuts {
        assert_eq!(found.admitted.contains(&late), found.id == cited);
    }
}

#[test]
fn two_epochs_begun_apart_and_one_that_joins_them() {
    let mut world = World::owned();
    let writer = world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let a = world.act(0, Under::Genesis, &[writer], &epoch(1));
    let b = world.act(1, Under::Grant(writer), &[writer], &epoch(2));
    let state = in_every_order(&world);
    assert_eq!(state.writable_epoch(&BTreeSet::new()), Some(EpochId(a.min(b).0)));
    let joint = world.act(1, Under::Grant(writer), &[a, b], &epoch(3));
    let state = in_every_order(&world);
    assert_eq!(state.writable_epoch(&BTreeSet::new()), Some(EpochId(joint.0)));
}

#[test]
fn an_epoch_begun_apart_from_a_grant_that_reads_from_now_on() {
    let mut world = World::owned();
    let writer = world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let Act::Grant(terms) = grant(2, Right::Read) else { unreachable!() };
    let from_now = Act::Grant(Grant { history: false, ..terms.clone() });
    let reader = world.act(0, Under::Genesis, &[writer], &from_now);
    let apart = world.act(1, Under::Grant(writer), &[writer], &epoch(1));
    let nobody = BTreeSet::new();
    let state = in_every_order(&world);
    assert!(state.needs_new_epoch(&nobody), "what is apart may be older than the grant");
    let joint = world.act(1, Under::Grant(writer), &[reader, apart], &epoch(2));
    assert_eq!(in_every_order(&world).writable_epoch(&nobody), Some(EpochId(joint.0)));
    // With a grant that opens history besides, it may read the older one too.
    let mut world = World::owned();
    let writer = world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let apart = world.act(1, Under::Grant(writer), &[writer], &epoch(1));
    world.act(0, Under::Genesis, &[writer], &from_now);
    world.act(0, Under::Genesis, &[writer], &Act::Grant(terms));
    assert_eq!(in_every_order(&world).writable_epoch(&nobody), Some(EpochId(apart.0)));
}

#[test]
fn a_communitys_space_whose_only_steward_is_gone() {
    let mut world = World::new(Owner::Community, Some(1));
    let named = |world: &mut World, heads: &[CertificateId], act: &Act, by: u8| {
        let mut certificate =
            world.sign(by, Under::Officers { set: OFFICERS, title: None }, heads, act);
        certificate.countersign(&officer(0));
        certificate.countersign(&officer(2));
        let id = certificate.id();
        world.set.add(certificate);
        id
    };
    let removal = named(&mut world, &[], &out(1), 3);
    let heir = named(&mut world, &[removal], &grant(2, Right::Steward), 3);
    world.act(2, Under::Grant(heir), &[], &grant(3, Right::Write));
    let late = world.grant(1, Under::Genesis, &[world.root], 4);
    let state = in_every_order(&world);
    assert_eq!(members(&state), [2, 3]);
    assert!(state.dead.contains_key(&late), "the first steward's right is gone");
}

#[test]
fn signatures_of_officers_that_come_apart() {
    let mut world = World::new(Owner::Community, Some(1));
    let bare = world.sign(3, Under::Officers { set: OFFICERS, title: None }, &[], &out(1));
    let copies: Vec<_> = [0, 2]
        .map(|index| {
            let mut copy = bare.clone();
            copy.countersign(&officer(index));
            copy
        })
        .into();
    let genesis = world.set.get(&world.root).unwrap().clone();
    let all = [vec![genesis, bare.clone()], copies].concat();
    let mut states = Vec::new();
    for order in orders(all) {
        let mut set = SpaceCertificates::default();
        for (count, certificate) in order.into_iter().enumerate() {
            set.add(certificate);
            let state = SpaceState::evaluate(world.space, &set, &Town::new());
            let stands = state.removals.contains(&bare.id());
            assert!(!stands || count >= 2, "one officer is not enough");
            if count == 3 {
                states.push(state);
            }
        }
    }
    assert_eq!(states.len(), 24);
    assert!(states.iter().all(|state| *state == states[0] && state.members.is_empty()));
}

/// A graph as the generator makes one, with cuts, admissions and refusals of whoever may judge.
fn large(seed: u64) -> World {
    let mut world = random_world(seed, 60 - JUDGED - 1);
    let mut rng = rng(seed ^ 7);
    let ids: Vec<CertificateId> = world.set.iter().map(|(id, _)| *id).collect();
    let mut judged = Vec::new();
    for number in 0..JUDGED {
        let removed: Vec<CertificateId> = world.state().removals.into_iter().collect();
        let mut heads: Vec<CertificateId> = judged.sample(&mut rng, 2).copied().collect();
        heads.extend(removed.choose(&mut rng));
        heads.extend(ids.choose(&mut rng));
        let number = u8::try_from(number).unwrap();
        let entries = vec![EntryId([number / 2; 32])];
        let act = match number % 3 {
            0 => cut(number % 5, u64::from(number) + 1),
            1 => Act::Admit { entries },
            _ => Act::Refuse { entries },
        };
        judged.push(world.act(0, Under::Genesis, &heads, &act));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn sixty_in_random_orders(seed: u64) {
        let world = large(seed);
        prop_assert_eq!(world.set.len(), 60);
        let (expected, town) = (world.state(), Town::new());
        let mut certificates: Vec<_> = world.set.iter().map(|(_, c)| c.clone()).collect();
        for _ in 0..3 {
            certificates.shuffle(&mut rng(seed ^ 3));
            prop_assert!(arrive(&world, &town, certificates.clone()) == expected);
        }
    }
}

/// The large sets must hold what their orders are about.
#[test]
fn large_sets_reach_every_part_of_a_state() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..100 {
        let state = large(seed).state();
        let counts = [
            ("members", state.members.len()),
            ("removals", state.removals.len()),
            ("cuts", state.cuts.len()),
            ("admitted past a cut", state.cuts.values().flatten().map(|c| c.admitted.len()).sum()),
            ("refused entries", state.refused_entries.len()),
            ("epochs", state.epochs.len()),
            ("dead", state.dead.len()),
            ("void", state.void.len()),
            ("refused", state.refused.len()),
        ];
        for (what, count) in counts {
            *seen.entry(what).or_default() += count;
        }
    }
    assert!(seen.len() == 9 && seen.values().all(|count| *count >= 5), "{seen:?}");
}
