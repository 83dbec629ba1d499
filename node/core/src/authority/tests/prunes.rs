//! Who must agree before what a checkpoint stands for may go.

use super::*;
use crate::checkpoint::Upto;

fn prune(hash: u8) -> Prune {
    let cut = |log: u8| Upto { log: LogKey([log; 32]), sequence: 3, entry: EntryId([log; 32]) };
    Prune {
        document: DocTag([1; 32]),
        log: LogKey([2; 32]),
        first: 4,
        last: 5,
        entry: EntryId([3; 32]),
        hash: [hash; 32].into(),
        cuts: vec![cut(1), cut(2)],
    }
}

impl World {
    fn prunes(&mut self, by: u8, under: Under, heads: &[CertificateId], hash: u8) -> CertificateId {
        self.act(by, under, heads, &Act::Prune(prune(hash)))
    }

    fn is_agreed(&self, hash: u8) -> bool {
        self.state().prunes.get(&prune(hash)).is_some_and(Agreement::is_reached)
    }
}

#[test]
fn stewards_of_two_parties_agree_on_the_same_terms() {
    let mut world = World::owned();
    let one = world.grant(0, Under::Genesis, &[], 1);
    let two = world.grant(0, Under::Genesis, &[], 2);
    world.prunes(0, Under::Genesis, &[], 1);
    assert!(!world.is_agreed(1), "the owner alone, beside two stewards");
    world.prunes(0, Under::Genesis, &[], 1);
    assert!(!world.is_agreed(1), "twice the same party");
    world.prunes(1, Under::Grant(one), &[], 2);
    assert!(!world.is_agreed(1) && !world.is_agreed(2), "others terms");
    world.prunes(2, Under::Grant(two), &[], 1);
    assert!(world.is_agreed(1) && !world.is_agreed(2));
    let state = world.state();
    assert_eq!(state.prunes[&prune(1)].parties, BTreeSet::from([party(0), party(2)]));
}

#[test]
fn the_only_steward_agrees_with_itself() {
    let mut world = World::owned();
    let before = world.root;
    world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let act = world.prunes(0, Under::Genesis, &[], 1);
    assert!(world.is_agreed(1));
    // A steward whom somebody appoints who knows of it changes nothing.
    world.grant(0, Under::Genesis, &[act], 2);
    assert!(world.is_agreed(1));
    // One of whom it did not know does.
    world.grant(0, Under::Genesis, &[before], 3);
    assert!(!world.is_agreed(1));
}

#[test]
fn whoever_removed_the_other_stewards_is_alone_while_that_stands() {
    let mut world = World::new(Owner::Community, Some(1));
    let two = world.grant(1, Under::Genesis, &[], 2);
    let before = world.state().heads;
    let removal = world.revoke(1, Under::Genesis, &[], 2);
    world.prunes(1, Under::Genesis, &[removal], 1);
    assert!(world.is_agreed(1));
    // It did not know that the other one removed it: now nobody's word is worth anything.
    world.revoke(2, Under::Grant(two), &before, 1);
    assert!(!world.is_agreed(1));
}

#[test]
fn the_owner_is_a_steward_too_and_stays_one() {
    let mut world = World::owned();
    let one = world.grant(0, Under::Genesis, &[], 1);
    world.prunes(1, Under::Grant(one), &[], 1);
    assert!(!world.is_agreed(1));
    world.prunes(0, Under::Genesis, &[], 1);
    assert!(world.is_agreed(1));
}

#[test]
fn former_stewards_do_not_count() {
    let mut world = World::owned();
    let one = world.grant(0, Under::Genesis, &[], 1);
    let two = world.grant(0, Under::Genesis, &[], 2);
    let before = world.state().heads;
    world.prunes(2, Under::Grant(two), &[], 1);
    let removal = world.revoke(0, Under::Genesis, &[], 1);
    // With a false date and old heads: as though it had not known.
    let late = world.prunes(1, Under::Grant(one), &before, 1);
    assert!(!world.is_agreed(1));
    assert_eq!(world.state().void.get(&late), Some(&removal));
    let known = world.prunes(1, Under::Grant(one), &[removal], 1);
    assert_eq!(world.refusal(known), Some(Refusal::Removed));
    assert!(!world.is_agreed(1));
}

#[test]
fn another_steward_s_removal_apart_from_it_voids_it_and_a_later_one_does_not() {
    let mut world = World::owned();
    let one = world.grant(0, Under::Genesis, &[], 1);
    let two = world.grant(0, Under::Genesis, &[], 2);
    let before = world.state().heads;
    let own = world.prunes(1, Under::Grant(one), &[], 1);
    let other = world.prunes(2, Under::Grant(two), &[], 1);
    assert!(world.is_agreed(1));
    // What was agreed and is known stays agreed.
    world.revoke(2, Under::Grant(two), &[own, other], 1);
    assert!(world.is_agreed(1));
    world.revoke(0, Under::Genesis, &before, 1);
    assert!(!world.is_agreed(1));
}

#[test]
fn nobody_less_than_a_steward_signs_it() {
    let mut world = World::owned();
    let write = world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let id = world.prunes(1, Under::Grant(write), &[], 1);
    assert_eq!(world.refusal(id), Some(Refusal::Lacks(Right::Steward)));
    world.prunes(0, Under::Genesis, &[], 1);
    assert_eq!(world.state().prunes[&prune(1)].parties, BTreeSet::from([party(0)]));
}

#[test]
fn terms_that_contradict_themselves_are_refused() {
    let world = World::owned();
    let sign = |prune: Prune| {
        let (heads, at) = (vec![world.root], Timestamp(2_000));
        let act = Act::Prune(prune);
        SpaceCertificate::sign(&key(0), world.space, party(0), Under::Genesis, heads, at, &act)
    };
    assert!(sign(prune(1)).is_ok());
    let good = prune(1);
    let mut itself = good.clone();
    itself.cuts[1].sequence = 4;
    let mut nothing = good.clone();
    nothing.cuts[0].sequence = 0;
    let twice = Prune { cuts: vec![good.cuts[0], good.cuts[0]], ..good.clone() };
    let bad = [
        itself,
        nothing,
        twice,
        Prune { cuts: Vec::new(), ..good.clone() },
        Prune { first: 0, ..good.clone() },
        Prune { first: 6, ..good.clone() },
        Prune { last: 4 + 64, ..good },
    ];
    for (which, prune) in bad.into_iter().enumerate() {
        assert_eq!(sign(prune), Err(SpaceCertificateError::Malformed), "the one numbered {which}");
    }
}
