//! Random certificate graphs against the model, and against what no graph may do.

use proptest::prelude::*;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::model::Model;
use super::prunes::prune;
use super::*;

const PARTIES: u8 = 5;

/// Draws a graph: mostly acts by somebody who holds a grant or the space, citing a few certificates at
/// random.
pub(super) fn world(seed: u64, size: usize) -> World {
    let mut rng = rng(seed);
    let owner = if rng.random_bool(0.3) { Owner::Community } else { Owner::Party(party(0)) };
    let steward = (owner == Owner::Community || rng.random_bool(0.5)).then_some(1);
    let mut world = World::new(owner, steward);
    let mut ids = vec![world.root];
    let mut grants: Vec<(u8, CertificateId)> = Vec::new();
    let mut titles: Vec<(Option<u8>, Option<CertificateId>)> =
        vec![((owner != Owner::Community).then_some(0), None)];
    for _ in 0..size {
        // Mostly the last title; at times one that was handed over meanwhile.
        let recent = &titles[titles.len().saturating_sub(2)..];
        let (owner, title) = *recent.choose(&mut rng).unwrap();
        let by_title = title.map_or(Under::Genesis, Under::HandOver);
        let officers = owner.is_none_or(|owner| owner == EXPELLED && rng.random_bool(0.5));
        let (by, under) = match grants.choose(&mut rng) {
            Some((to, id)) if rng.random_bool(0.5) => (*to, Under::Grant(*id)),
            _ if rng.random_bool(0.2) => (1, by_title),
            _ if officers => {
                (rng.random_range(0..PARTIES), Under::Officers { set: OFFICERS, title })
            }
            _ => (owner.unwrap_or(1), by_title),
        };
        let by = if rng.random_bool(0.03) { rng.random_range(0..PARTIES) } else { by };
        let mut heads: Vec<_> = match under {
            Under::Grant(id) | Under::HandOver(id) | Under::Officers { title: Some(id), .. }
                if rng.random_bool(0.9) =>
            {
                vec![id]
            }
            Under::Genesis | Under::Grant(_) | Under::HandOver(_) | Under::Officers { .. } => {
                Vec::new()
            }
        };
        let recent = &ids[ids.len().saturating_sub(6)..];
        heads.extend(recent.sample(&mut rng, 2));
        let subject = rng.random_range(0..PARTIES);
        let as_owner = !matches!(under, Under::Grant(_));
        let act = draw(&mut rng, as_owner, subject, (world.root, &grants, &titles));
        let under = match under {
            // The officers confirm what an owner hands over.
            Under::Genesis | Under::HandOver(_)
                if matches!(act, Act::HandOver(_)) && rng.random_bool(0.9) =>
            {
                Under::Officers { set: OFFICERS, title }
            }
            Under::Genesis | Under::HandOver(_) | Under::Grant(_) | Under::Officers { .. } => under,
        };
        let id = if let Under::Officers { title, .. } = under {
            let signed = if rng.random_bool(0.9) { 2 } else { 1 };
            world.officers((by, signed), title, &heads, &act)
        } else {
            world.act(by, under, &heads, &act)
        };
        if matches!(act, Act::Grant(_)) {
            grants.push((subject, id));
        } else if let Act::HandOver(over) = &act {
            titles.push(((over.to != Owner::Community).then_some(subject), Some(id)));
        }
        ids.push(id);
    }
    world
}

type Titles = [(Option<u8>, Option<CertificateId>)];

/// Draws what somebody does, to a party or to what there is.
fn draw(
    rng: &mut ChaCha20Rng,
    as_owner: bool,
    subject: u8,
    (root, grants, titles): (CertificateId, &[(u8, CertificateId)], &Titles),
) -> Act {
    match rng.random_range(0..10) {
        0..=2 if as_owner && rng.random_bool(0.6) => {
            let to = Owner::Party(party(subject));
            let to = if rng.random_bool(0.2) { Owner::Community } else { to };
            let steward = (to == Owner::Community || rng.random_bool(0.2)).then(|| party(1));
            Act::HandOver(HandOver { to, steward })
        }
        0..=4 => {
            let rights = [Right::Steward, Right::Steward, Right::Write, Right::Read];
            grant(subject, *rights.choose(rng).unwrap())
        }
        5..=6 => Act::Revoke(Revoked::Party(party(subject))),
        7 => {
            let title = titles.choose(rng).and_then(|(_, title)| *title);
            let link = if rng.random_bool(0.2) { title } else { None };
            let grant = grants.choose(rng).map(|(_, id)| *id);
            Act::Revoke(Revoked::Grant(link.or(grant).unwrap_or(root)))
        }
        8 => Act::Epoch(mint(rng, &BTreeMap::new(), []).unwrap().0),
        _ if rng.random_bool(0.7) => Act::Prune(prune(1)),
        _ => Act::Withdraw(prune(1)),
    }
}

fn grants_by_party(state: &SpaceState) -> BTreeMap<PartyId, BTreeSet<CertificateId>> {
    let ids = |member: &Member| member.grants.iter().map(|grant| grant.id).collect();
    state.members.iter().map(|(party, member)| (*party, ids(member))).collect()
}

/// Whose signatures for the checkpoint stand.
fn stands(state: &SpaceState) -> BTreeSet<PartyId> {
    let agreement = state.agreements.get(&prune(1));
    agreement.map(|agreement| agreement.parties.clone()).unwrap_or_default()
}

/// What a new epoch must cover.
fn ends(state: &SpaceState) -> impl Iterator<Item = &CertificateId> {
    state.removals.iter().chain(state.hand_overs.keys())
}

fn owner_by(world: &World, title: CertificateId) -> Option<Owner> {
    world.set.get(&title)?.title().map(|(owner, _)| owner)
}

fn owner_is_member(state: &SpaceState) -> bool {
    match state.owner {
        Some(Owner::Party(owner)) => {
            let title = state.title();
            let member = state.members.get(&owner);
            member.is_some_and(|member| member.grants.iter().any(|grant| grant.id == title))
        }
        Some(Owner::Community) | None => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_evaluation_agrees_with_the_model(seed: u64, size in 1_usize..40) {
        let world = world(seed, size);
        let (state, model) = (world.state(), Model::new(&world.set, world.root));
        prop_assert_eq!(grants_by_party(&state), model.members());
        prop_assert_eq!(state.owner, Some(model.owner()));
        let all = world.set.iter().map(|(id, _)| *id);
        let counting: BTreeSet<_> = all
            .filter(|id| !state.refused.contains_key(id) && !state.waiting.contains_key(id))
            .collect();
        prop_assert_eq!(&counting, &model.valid());
        let stands = state.agreements.get(&prune(1)).map(Agreement::stands);
        let told = (self::stands(&state), stands.unwrap_or_default());
        prop_assert_eq!(told, model.agreement());
        let is_removal = |id: &&CertificateId| {
            matches!(world.set.get(id).unwrap().act(), Some(Act::Revoke(_) | Act::HandOver(_)))
        };
        for id in counting.iter().filter(is_removal) {
            prop_assert_eq!(state.void.contains_key(id), model.is_void(*id, &counting));
            let told = state.removals.contains(id) || state.hand_overs.contains_key(id);
            prop_assert_eq!(told, !state.void.contains_key(id));
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
                // Judged half-way, there is an owner as soon as the genesis is there.
                let partial = SpaceState::evaluate(world.space, &set, &Town::new());
                prop_assert_eq!(partial.owner.is_some(), set.get(&world.root).is_some());
                prop_assert!(owner_is_member(&partial));
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
            let grants = state.members.get(out).into_iter().flat_map(|member| &member.grants);
            // No removal touches what its owner has.
            for grant in grants.filter(|grant| grant.depth > 0) {
                prop_assert!(model.knows(grant.id, *removal));
            }
        }
        prop_assert!(owner_is_member(&state));
    }

    #[test]
    fn a_former_owner_who_backdates_gains_nothing(seed: u64, size in 1_usize..40) {
        let mut world = world(seed, size);
        let before = world.state();
        let mut rng = rng(seed ^ 2);
        let epoch = mint(&mut rng, &BTreeMap::new(), []).unwrap().0;
        for (hand_over, title) in &before.hand_overs {
            let body = world.set.get(hand_over).unwrap().body().clone();
            let Some(Owner::Party(owner)) = owner_by(&world, *title) else { continue };
            let by = owner.as_bytes()[0] - 100;
            let under = if *title == world.root { Under::Genesis } else { Under::HandOver(*title) };
            let mine = world.act(by, under, &body.heads, &grant(3, Right::Steward));
            let acts = [
                Act::Revoke(Revoked::Party(party(1))),
                Act::Revoke(Revoked::Grant(*title)),
                Act::Admit { entries: vec![EntryId([7; 32])] },
                Act::Refuse { entries: vec![EntryId([8; 32])] },
                Act::Prune(prune(1)),
                Act::Withdraw(prune(1)),
                Act::Epoch(epoch.clone()),
            ];
            for act in acts {
                world.act(by, under, &body.heads, &act);
                world.act(3, Under::Grant(mine), &[mine], &act);
            }
        }
        let after = world.state();
        prop_assert_eq!(grants_by_party(&after), grants_by_party(&before));
        prop_assert_eq!(after.owner, before.owner);
        prop_assert_eq!(&after.hand_overs, &before.hand_overs);
        prop_assert_eq!(&after.removals, &before.removals);
        prop_assert_eq!(stands(&after), stands(&before));
        prop_assert_eq!(&after.admitted, &before.admitted);
        prop_assert_eq!(&after.refused_entries, &before.refused_entries);
        let nobody = BTreeSet::new();
        prop_assert_eq!(after.writable_epoch(&nobody), before.writable_epoch(&nobody));
    }

    #[test]
    fn the_chosen_epoch_covers_every_removal(seed: u64, size in 1_usize..40) {
        let world = world(seed, size);
        let (state, model) = (world.state(), Model::new(&world.set, world.root));
        if let Some(epoch) = state.writable_epoch(&BTreeSet::new()) {
            let id = CertificateId(epoch.0);
            prop_assert!(ends(&state).all(|end| model.knows(id, *end)));
            // Whoever knows the chosen one covers what it covers; it would have been chosen.
            let mut others = state.epochs.keys().map(|other| CertificateId(other.0));
            prop_assert!(!others.any(|other| model.knows(other, id)));
        } else {
            let covers = |epoch: &EpochId| {
                let id = CertificateId(epoch.0);
                !model.is_lost(id, &model.valid())
                    && ends(&state).all(|end| model.knows(id, *end))
            };
            prop_assert!(!state.epochs.keys().any(covers));
        }
    }
}

impl World {
    fn is_hand_over(&self, id: CertificateId) -> bool {
        matches!(self.set.get(&id).unwrap().act(), Some(Act::HandOver(_)))
    }

    fn dead_by_hand_over(&self, state: &SpaceState) -> usize {
        state.dead.values().filter(|death| self.is_hand_over(death.removal)).count()
    }

    /// Counts hand-overs that officers signed for an expelled party.
    fn handed_over_by_officers(&self, state: &SpaceState) -> usize {
        let for_another = |(id, title): &(&CertificateId, &CertificateId)| {
            let by = self.set.get(id).unwrap().body().party;
            matches!(owner_by(self, **title), Some(Owner::Party(owner)) if owner != by)
        };
        state.hand_overs.iter().filter(for_another).count()
    }
}

/// The generator must reach what the rules are about, or agreement would say little.
#[test]
fn the_generator_reaches_every_rule() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..600 {
        let world = world(seed, 30);
        let state = world.state();
        let counts = [
            ("dead", state.dead.len()),
            ("void", state.void.len()),
            ("regranted", state.members.keys().filter(|p| state.former.contains_key(p)).count()),
            ("writable", state.writable_epoch(&BTreeSet::new()).iter().count()),
            ("deep", state.refused.values().filter(|r| **r == Refusal::TooDeep).count()),
            ("agreed", state.agreements.values().filter(|a| a.parties.len() > 1).count()),
            ("agreed alone", state.agreements.values().filter(|a| a.alone).count()),
            ("unsigned", state.agreements.values().filter(|a| a.parties.is_empty()).count()),
            ("handed over", state.hand_overs.len()),
            ("handed over twice", usize::from(state.hand_overs.len() > 1)),
            ("rivals", state.void.keys().filter(|id| world.is_hand_over(**id)).count()),
            ("by hand-over", state.void.values().filter(|id| world.is_hand_over(**id)).count()),
            ("given by a former owner", world.dead_by_hand_over(&state)),
            ("for the expelled", world.handed_over_by_officers(&state)),
            (
                "not the owner's",
                state.refused.values().filter(|r| **r == Refusal::NotOwner).count(),
            ),
            ("removed", state.refused.values().filter(|r| **r == Refusal::Removed).count()),
        ];
        for (what, count) in counts {
            *seen.entry(what).or_default() += count;
        }
    }
    assert!(seen.values().all(|count| *count > 10), "{seen:?}");
}
