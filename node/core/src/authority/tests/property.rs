//! Random certificate graphs against the model, and against what no graph may do.

use proptest::prelude::*;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::model::Model;
use super::*;

const PARTIES: u8 = 5;

/// Draws a graph: mostly acts by somebody who holds a grant, citing a few certificates at random.
pub(super) fn world(seed: u64, size: usize) -> World {
    let mut rng = rng(seed);
    let mut world = World::new(Owner::Party(party(0)), rng.random_bool(0.5).then_some(1));
    let mut ids = vec![world.root];
    let mut grants: Vec<(u8, CertificateId)> = Vec::new();
    for _ in 0..size {
        let (by, under) = match grants.choose(&mut rng) {
            Some((to, id)) if rng.random_bool(0.7) => (*to, Under::Grant(*id)),
            _ => (rng.random_range(0..2), Under::Genesis),
        };
        let by = if rng.random_bool(0.03) { rng.random_range(0..PARTIES) } else { by };
        let mut heads: Vec<_> = match under {
            Under::Grant(id) if rng.random_bool(0.9) => vec![id],
            Under::Genesis | Under::Grant(_) | Under::Officers(_) => Vec::new(),
        };
        let recent = &ids[ids.len().saturating_sub(6)..];
        heads.extend(recent.sample(&mut rng, 2));
        let subject = rng.random_range(0..PARTIES);
        let act = match rng.random_range(0..10) {
            0..=4 => {
                let rights = [Right::Steward, Right::Steward, Right::Write, Right::Read];
                grant(subject, *rights.choose(&mut rng).unwrap())
            }
            5..=6 => Act::Revoke(Revoked::Party(party(subject))),
            7 => Act::Revoke(Revoked::Grant(grants.choose(&mut rng).map_or(world.root, |g| g.1))),
            _ => Act::Epoch(mint(&mut rng, &BTreeMap::new(), []).unwrap().0),
        };
        let id = world.act(by, under, &heads, &act);
        if matches!(act, Act::Grant(_)) {
            grants.push((subject, id));
        }
        ids.push(id);
    }
    world
}

fn grants_by_party(state: &SpaceState) -> BTreeMap<PartyId, BTreeSet<CertificateId>> {
    let ids = |member: &Member| member.grants.iter().map(|grant| grant.id).collect();
    state.members.iter().map(|(party, member)| (*party, ids(member))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_evaluation_agrees_with_the_model(seed: u64, size in 1_usize..40) {
        let world = world(seed, size);
        let (state, model) = (world.state(), Model::new(&world.set, world.root));
        prop_assert_eq!(grants_by_party(&state), model.members());
        let all = world.set.iter().map(|(id, _)| *id);
        let counting: BTreeSet<_> = all
            .filter(|id| !state.refused.contains_key(id) && !state.waiting.contains_key(id))
            .collect();
        prop_assert_eq!(&counting, &model.valid());
        let is_revoke = |id: &&CertificateId| {
            matches!(world.set.get(id).unwrap().act(), Some(Act::Revoke(_)))
        };
        for id in counting.iter().filter(is_revoke) {
            prop_assert_eq!(state.void.contains_key(id), model.is_void(*id, &counting));
            prop_assert_eq!(state.removals.contains(id), !state.void.contains_key(id));
        }
    }

    #[test]
    fn order_and_repetition_do_not_matter(seed: u64, size in 1_usize..40) {
        let world = world(seed, size);
        let expected = world.state();
        let mut certificates: Vec<_> = world.set.iter().map(|(_, c)| c.clone()).collect();
        certificates.extend(certificates.clone());
        certificates.shuffle(&mut rng(seed ^ 1));
        let mut set = SpaceCertificates::default();
        for (count, certificate) in certificates.into_iter().enumerate() {
            set.add(SpaceCertificate::decode(&certificate.encode()).unwrap());
            if count % 7 == 0 {
                // Judged half-way, the owner is there as soon as the genesis is.
                let partial = SpaceState::evaluate(world.space, &set, &Town::new());
                prop_assert_eq!(
                    partial.members.contains_key(&party(0)),
                    set.get(&world.root).is_some()
                );
            }
        }
        prop_assert_eq!(SpaceState::evaluate(world.space, &set, &Town::new()), expected);
    }

    #[test]
    fn nobody_returns_without_a_grant_that_cites_the_removal(seed: u64, size in 1_usize..40) {
        let world = world(seed, size);
        let (state, model) = (world.state(), Model::new(&world.set, world.root));
        for removal in &state.removals {
            let Some(Act::Revoke(Revoked::Party(out))) = world.set.get(removal).unwrap().act() else {
                continue;
            };
            prop_assert_ne!(*out, party(0));
            for grant in state.members.get(out).into_iter().flat_map(|member| &member.grants) {
                prop_assert!(model.knows(grant.id, *removal));
            }
        }
        prop_assert_eq!(state.right(&party(0), Timestamp(u64::MAX)), Some(Right::Steward));
    }

    #[test]
    fn the_chosen_epoch_covers_every_removal(seed: u64, size in 1_usize..40) {
        let world = world(seed, size);
        let (state, model) = (world.state(), Model::new(&world.set, world.root));
        if let Some(epoch) = state.writable_epoch(&BTreeSet::new()) {
            let id = CertificateId(epoch.0);
            prop_assert!(state.removals.iter().all(|removal| model.knows(id, *removal)));
            // Whoever knows the chosen one covers what it covers; it would have been chosen.
            let mut others = state.epochs.keys().map(|other| CertificateId(other.0));
            prop_assert!(!others.any(|other| model.knows(other, id)));
        } else {
            let covers = |epoch: &EpochId| {
                state.removals.iter().all(|r| model.knows(CertificateId(epoch.0), *r))
            };
            prop_assert!(!state.epochs.keys().any(covers));
        }
    }
}

/// The generator must reach what the rules are about, or agreement would say little.
#[test]
fn the_generator_reaches_every_rule() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..300 {
        let state = world(seed, 30).state();
        let counts = [
            ("dead", state.dead.len()),
            ("void", state.void.len()),
            ("regranted", state.members.keys().filter(|p| state.former.contains_key(p)).count()),
            ("writable", state.writable_epoch(&BTreeSet::new()).iter().count()),
            ("deep", state.refused.values().filter(|r| **r == Refusal::TooDeep).count()),
            ("removed", state.refused.values().filter(|r| **r == Refusal::Removed).count()),
        ];
        for (what, count) in counts {
            *seen.entry(what).or_default() += count;
        }
    }
    assert!(seen.values().all(|count| *count > 10), "{seen:?}");
}
