//! Who must agree before what a checkpoint stands for may go, and is shown once it has gone.

use super::*;

pub(super) fn prune(hash: u8) -> Prune {
    Prune {
        document: DocTag([1; 32]),
        log: LogKey([2; 32]),
        first: 4,
        last: 5,
        entry: EntryId([3; 32]),
        hash: [hash; 32].into(),
    }
}

fn until(to: u8, ends: u64) -> Act {
    let Act::Grant(grant) = grant(to, Right::Steward) else { unreachable!() };
    Act::Grant(Grant { ends: Some(Timestamp(ends)), ..grant })
}

impl World {
    fn prunes(&mut self, by: u8, under: Under, heads: &[CertificateId], hash: u8) -> CertificateId {
        self.act(by, under, heads, &Act::Prune(prune(hash)))
    }

    fn takes_back(&mut self, by: u8, under: Under, heads: &[CertificateId]) -> CertificateId {
        self.act(by, under, heads, &Act::Withdraw(prune(1)))
    }

    /// Whether an order may be written, and whether what was pruned is shown.
    fn is_agreed(&self, hash: u8) -> (bool, bool) {
        self.is_agreed_without(hash, &[])
    }

    fn is_agreed_without(&self, hash: u8, out: &[u8]) -> (bool, bool) {
        let (state, prune) = (self.state(), prune(hash));
        let out = out.iter().copied().map(party).collect();
        let stewards = state.stewards(&out, Timestamp(self.at));
        let stands = state.agreements.get(&prune).is_some_and(Agreement::stands);
        (state.is_agreed(&prune, &stewards), stands)
    }
}

/// An owner and two stewards; the first steward and the owner have signed.
fn agreed() -> (World, Under, Under) {
    let mut world = World::owned();
    let one = Under::Grant(world.grant(0, Under::Genesis, &[], 1));
    let two = Under::Grant(world.grant(0, Under::Genesis, &[], 2));
    world.prunes(0, Under::Genesis, &[], 1);
    assert_eq!(world.is_agreed(1), (false, false), "the owner alone, beside two stewards");
    world.prunes(0, Under::Genesis, &[], 1);
    assert_eq!(world.is_agreed(1), (false, false), "twice the same party");
    world.prunes(1, one, &[], 2);
    assert_eq!(world.is_agreed(1), (false, false), "another checkpoint");
    world.prunes(1, one, &[], 1);
    assert_eq!((world.is_agreed(1), world.is_agreed(2)), ((true, true), (false, false)));
    (world, one, two)
}

#[test]
fn stewards_of_two_parties_agree_on_the_same_checkpoint() {
    let (world, ..) = agreed();
    let state = world.state();
    assert_eq!(state.agreements[&prune(1)].parties, BTreeSet::from([party(0), party(1)]));
    assert_eq!(state.ever_stewards, BTreeSet::from([0, 1, 2].map(party)));
}

#[test]
fn the_only_steward_that_there_ever_was_agrees_with_itself() {
    let mut world = World::owned();
    let before = world.root;
    world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let act = world.prunes(0, Under::Genesis, &[], 1);
    assert_eq!(world.is_agreed(1), (true, true));
    // A steward whom somebody appoints who knows of it changes nothing of what is shown.
    world.grant(0, Under::Genesis, &[act], 2);
    assert_eq!(world.is_agreed(1), (false, true));
    // One of whom it did not know does.
    world.grant(0, Under::Genesis, &[before], 3);
    assert_eq!(world.is_agreed(1), (false, false));
}

#[test]
fn whoever_removed_the_other_stewards_is_not_the_only_one() {
    let mut world = World::new(Owner::Community, Some(1));
    world.grant(1, Under::Genesis, &[], 2);
    world.revoke(1, Under::Genesis, &[], 2);
    world.prunes(1, Under::Genesis, &[], 1);
    assert_eq!(world.is_agreed(1), (false, false));
}

#[test]
fn the_expelled_the_ended_and_the_removed_count_for_no_order() {
    let (mut world, ..) = agreed();
    assert_eq!(world.is_agreed_without(1, &[1]), (false, true), "expelled");
    // Whoever removes it has seen what it signed: what was pruned stays as it is.
    world.revoke(0, Under::Genesis, &[], 1);
    assert_eq!(world.is_agreed(1), (false, true), "removed");

    let mut world = World::owned();
    let ends = world.at + 5;
    let one = world.act(0, Under::Genesis, &[], &until(1, ends));
    world.prunes(0, Under::Genesis, &[], 1);
    world.prunes(1, Under::Grant(one), &[], 1);
    assert_eq!(world.is_agreed(1), (true, true));
    world.at = ends + 1;
    assert_eq!(world.is_agreed(1), (false, true), "ended");
    // What it signs after its end counts for nothing.
    world.at = ends + CLOCK_SKEW_MS_MAX + 1;
    let late = world.prunes(1, Under::Grant(one), &[], 2);
    assert_eq!(world.refusal(late), Some(Refusal::Ended));
}

#[test]
fn a_removal_that_had_not_seen_a_signature_ends_it_until_it_is_given_again() {
    let (mut world, one, two) = agreed();
    let removal = {
        let before = vec![world.root];
        world.act(0, Under::Genesis, &before, &Act::Revoke(Revoked::Party(party(1))))
    };
    assert_eq!(world.is_agreed(1), (false, false));
    let state = world.state();
    assert!(state.void.values().all(|by| *by == removal) && !state.void.is_empty());
    // With old heads it is as though it had not known.
    let late = world.prunes(1, one, &[world.root, under(one)], 1);
    assert_eq!(world.state().void.get(&late), Some(&removal));
    assert_eq!(world.is_agreed(1), (false, false));
    world.prunes(2, two, &[], 1);
    assert_eq!(world.is_agreed(1), (true, true));
}

fn under(grant: Under) -> CertificateId {
    let Under::Grant(id) = grant else { unreachable!() };
    id
}

#[test]
fn another_steward_who_had_not_seen_it_ends_it_too() {
    let (mut world, one, two) = agreed();
    let before = [under(one), under(two)];
    world.revoke(2, two, &before, 1);
    assert_eq!(world.is_agreed(1), (false, false));
    // That steward is removed by the owner, who had not seen its removal either: it is void.
    world.revoke(0, Under::Genesis, &before, 2);
    assert_eq!(world.is_agreed(1), (true, true));
}

#[test]
fn any_steward_takes_an_agreement_back_and_it_can_be_made_again() {
    let (mut world, one, two) = agreed();
    let before = world.state().heads;
    let back = world.takes_back(2, two, &[]);
    assert_eq!(world.is_agreed(1), (false, false));
    // Signed apart from it, it is no answer to it.
    world.prunes(1, one, &before, 1);
    world.prunes(0, Under::Genesis, &before, 1);
    assert_eq!(world.is_agreed(1), (false, false));
    world.prunes(1, one, &[back], 1);
    assert_eq!(world.is_agreed(1), (false, false), "one of two");
    world.prunes(0, Under::Genesis, &[back], 1);
    assert_eq!(world.is_agreed(1), (true, true));
    assert!(!world.is_agreed(2).1, "about another one it says nothing");
}

#[test]
fn whoever_was_removed_takes_nothing_back_by_a_false_date() {
    let (mut world, _, two) = agreed();
    let before = world.state().heads;
    let removal = world.revoke(0, Under::Genesis, &[], 2);
    let back = world.takes_back(2, two, &before);
    assert_eq!(world.state().void.get(&back), Some(&removal));
    assert_eq!(world.is_agreed(1), (true, true));
    // Between stewards, too.
    let (mut world, one, two) = agreed();
    let before = world.state().heads;
    let removal = world.revoke(1, one, &[], 2);
    let back = world.takes_back(2, two, &before);
    assert_eq!(world.state().void.get(&back), Some(&removal));
    assert_eq!(world.is_agreed(1), (true, true));
}

#[test]
fn officers_take_back_in_a_space_of_the_community_and_sign_for_nothing() {
    let mut world = World::new(Owner::Community, Some(1));
    world.officers((3, 2), None, &[], &Act::Prune(prune(1)));
    assert_eq!(world.is_agreed(1), (false, false));
    world.prunes(1, Under::Genesis, &[], 1);
    assert_eq!(world.is_agreed(1), (true, true));
    let few = world.officers((3, 1), None, &[], &Act::Withdraw(prune(1)));
    assert_eq!(world.refusal(few), Some(Refusal::Pending { signed: 1, needed: 2 }));
    assert_eq!(world.is_agreed(1), (true, true));
    world.officers((3, 2), None, &[], &Act::Withdraw(prune(1)));
    assert_eq!(world.is_agreed(1), (false, false));
}

#[test]
fn nobody_less_than_a_steward_signs_or_takes_back() {
    let mut world = World::owned();
    let write = Under::Grant(world.act(0, Under::Genesis, &[], &grant(1, Right::Write)));
    let id = world.prunes(1, write, &[], 1);
    assert_eq!(world.refusal(id), Some(Refusal::Lacks(Right::Steward)));
    world.prunes(0, Under::Genesis, &[], 1);
    let back = world.takes_back(1, write, &[]);
    assert_eq!(world.refusal(back), Some(Refusal::Lacks(Right::Steward)));
    assert_eq!(world.is_agreed(1), (true, true));
}

#[test]
fn a_former_owner_signs_for_nothing_apart_from_handing_over() {
    let mut world = World::owned();
    let one = Under::Grant(world.grant(0, Under::Genesis, &[], 1));
    world.prunes(1, one, &[], 1);
    let before = world.state().heads;
    let over = world.officers((0, 2), None, &[], &hand_over(2));
    let late = world.prunes(0, Under::Genesis, &before, 1);
    assert_eq!(world.state().void.get(&late), Some(&over));
    assert_eq!(world.is_agreed(1), (false, false));
}

#[test]
fn terms_that_contradict_themselves_are_refused() {
    let world = World::owned();
    let sign = |act: Act| {
        let (heads, at) = (vec![world.root], Timestamp(2_000));
        SpaceCertificate::sign(&key(0), world.space, party(0), Under::Genesis, heads, at, &act)
    };
    let good = prune(1);
    assert!(sign(Act::Prune(good)).is_ok() && sign(Act::Withdraw(good)).is_ok());
    let most = Prune { last: good.first + 63, ..good };
    assert!(sign(Act::Prune(most)).is_ok());
    let bad = [
        Prune { first: 0, ..good },
        Prune { first: 6, ..good },
        Prune { last: good.first + 64, ..good },
    ];
    for prune in bad {
        for act in [Act::Prune(prune), Act::Withdraw(prune)] {
            assert_eq!(sign(act), Err(SpaceCertificateError::Malformed), "{prune:?}");
        }
    }
}
