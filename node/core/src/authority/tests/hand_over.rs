//! Ownership that moves on.

use super::*;

const NOW: Timestamp = Timestamp(5_000);

fn to_community(steward: u8) -> Act {
    Act::HandOver(HandOver { to: Owner::Community, steward: Some(party(steward)) })
}

#[test]
fn the_next_owner_has_every_right_and_the_former_keeps_what_it_was_granted() {
    let mut world = World::owned();
    let before = world.grant(0, Under::Genesis, &[], 1);
    let kept = world.act(0, Under::Genesis, &[], &grant(0, Right::Write));
    let over = world.act(0, Under::Genesis, &[], &hand_over(2));
    let state = world.state();
    assert_eq!(state.owner, Some(Owner::Party(party(2))));
    assert_eq!(state.hand_overs, BTreeMap::from([(over, world.root)]));
    assert_eq!((state.title(), state.handed_over_by(&world.root)), (over, Some(over)));
    assert_eq!(state.authority(&party(2), Right::Steward, NOW), Some(Under::HandOver(over)));
    assert_eq!(state.authority(&party(0), Right::Steward, NOW), None);
    assert_eq!(state.authority(&party(0), Right::Write, NOW), Some(Under::Grant(kept)));
    assert!(state.members[&party(1)].grants.iter().any(|grant| grant.id == before));
    assert!(state.members[&party(2)].reads_history(NOW));

    let knew = world.grant(0, Under::Genesis, &[], 3);
    assert_eq!(world.refusal(knew), Some(Refusal::NotOwner));
    world.grant(2, Under::HandOver(over), &[], 3);
    world.revoke(2, Under::HandOver(over), &[], 0);
    assert!(world.is_member(3) && !world.is_member(0));
    let back = world.act(2, Under::HandOver(over), &[], &hand_over(0));
    assert_eq!(world.state().owner, Some(Owner::Party(party(0))));
    assert_eq!(world.state().title(), back);
    let by_the_first = world.grant(0, Under::Genesis, &[], 5);
    assert_eq!(world.refusal(by_the_first), Some(Refusal::NotOwner), "it is another title");
}

#[test]
fn what_a_former_owner_signed_apart_from_the_hand_over_is_worth_nothing() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let over = world.act(0, Under::Genesis, &[steward], &hand_over(2));
    let granted = world.grant(0, Under::Genesis, &[steward], 3);
    let removal = world.revoke(0, Under::Genesis, &[steward], 1);
    let entries = vec![EntryId([6; 32])];
    let admitted =
        world.act(0, Under::Genesis, &[steward], &Act::Admit { entries: entries.clone() });
    let refused = world.act(0, Under::Genesis, &[steward], &Act::Refuse { entries });
    let by_grantee = world.revoke(3, Under::Grant(granted), &[granted], 1);
    let epoch = Act::Epoch(mint(&mut rng(1), &BTreeMap::new(), []).unwrap().0);
    world.act(0, Under::Genesis, &[steward], &epoch);
    let state = world.state();
    assert_eq!(state.dead[&granted], Death { removal: over, link: granted });
    let void = [removal, admitted, refused, by_grantee].map(|id| (id, over));
    assert_eq!(state.void, void.into());
    assert!(state.members.contains_key(&party(1)) && !state.members.contains_key(&party(3)));
    assert!(state.removals.is_empty() && state.admitted.is_empty());
    assert!(state.refused_entries.is_empty());
    assert!(state.needs_new_epoch(&BTreeSet::new()), "it does not cover the hand-over");
    world.act(2, Under::HandOver(over), &[], &epoch);
    assert!(!world.state().needs_new_epoch(&BTreeSet::new()));
    let still = world.act(1, Under::Grant(steward), &[], &grant(5, Right::Read));
    assert_eq!(world.refusal(still), None, "what was granted before stands");
}

#[test]
fn only_the_owner_hands_over() {
    let mut world = World::new(Owner::Party(party(0)), Some(1));
    let steward = world.grant(0, Under::Genesis, &[], 2);
    let cases = [
        world.act(1, Under::Genesis, &[], &hand_over(1)),
        world.act(2, Under::Grant(steward), &[], &hand_over(2)),
        world.act(2, Under::HandOver(steward), &[], &hand_over(2)),
        world.act(2, Under::HandOver(CertificateId([5; 32])), &[], &hand_over(2)),
        world.officers((3, 3), None, &[], &hand_over(2)),
    ];
    for id in cases {
        assert_eq!(world.refusal(id), Some(Refusal::NotOwner));
    }
    assert_eq!(world.state().owner, Some(Owner::Party(party(0))));
}

#[test]
fn of_two_hand_overs_the_one_built_on_stands_and_no_prepared_id_helps() {
    // Whatever the ids are: the former owner tries as often as it likes.
    for attempt in 0..8 {
        let mut world = World::owned();
        let steward = world.grant(0, Under::Genesis, &[], 1);
        let over = world.act(0, Under::Genesis, &[steward], &hand_over(2));
        world.grant(2, Under::HandOver(over), &[over], 3);
        world.at += attempt;
        let rival = world.act(0, Under::Genesis, &[steward], &hand_over(5));
        let theirs = world.act(5, Under::HandOver(rival), &[rival], &grant(6, Right::Read));
        world.act(1, Under::Grant(steward), &[over], &grant(7, Right::Read));
        let state = world.state();
        assert_eq!(state.owner, Some(Owner::Party(party(2))));
        assert_eq!(state.void, BTreeMap::from([(rival, over)]));
        assert_eq!(state.dead[&theirs], Death { removal: over, link: theirs });
        assert!(!state.members.contains_key(&party(5)) && state.former.contains_key(&party(5)));
        let knew = world.grant(5, Under::HandOver(rival), &[], 6);
        assert_eq!(world.refusal(knew), Some(Refusal::NotOwner));
    }
    let mut world = World::owned();
    let one = world.act(0, Under::Genesis, &[world.root], &hand_over(2));
    let other = world.act(0, Under::Genesis, &[world.root], &hand_over(3));
    assert_eq!(world.state().title(), one.min(other), "nobody built on either");
    assert_eq!(world.state().void, BTreeMap::from([(one.max(other), one.min(other))]));
}

#[test]
fn a_communitys_space_is_handed_over_by_enough_officers_and_its_steward_stays() {
    let mut world = World::new(Owner::Community, Some(1));
    let pending = world.officers((1, 1), None, &[], &hand_over(2));
    assert_eq!(world.refusal(pending), Some(Refusal::Pending { signed: 1, needed: 2 }));
    assert_eq!(world.state().owner, Some(Owner::Community));
    let over = world.officers((1, 2), None, &[], &hand_over(2));
    let state = world.state();
    assert_eq!(state.owner, Some(Owner::Party(party(2))));
    assert!(state.members.contains_key(&party(1)), "the first steward stays until it is revoked");
    let apart = world.officers((1, 2), None, &[world.root], &Act::Revoke(Revoked::Party(party(1))));
    assert_eq!(world.state().void, BTreeMap::from([(apart, over)]));
    let knew = world.officers((1, 2), None, &[], &Act::Revoke(Revoked::Party(party(1))));
    assert_eq!(world.refusal(knew), Some(Refusal::NotOwner));
    world.revoke(2, Under::HandOver(over), &[], 1);
    assert!(!world.is_member(1));
}

#[test]
fn officers_hand_over_what_belongs_to_the_expelled_and_do_nothing_else_with_it() {
    let mut world = World::owned();
    let theirs = world.act(0, Under::Genesis, &[], &hand_over(EXPELLED));
    let granted = world.officers((1, 2), Some(theirs), &[], &grant(1, Right::Steward));
    assert_eq!(world.refusal(granted), Some(Refusal::NotOwner));
    let over = world.officers((1, 2), Some(theirs), &[theirs], &to_community(2));
    // What the expelled party signs meanwhile changes nothing, whatever its id and who helps.
    let rival = world.act(EXPELLED, Under::HandOver(theirs), &[theirs], &hand_over(5));
    for helper in [5, 6] {
        let epoch = Act::Epoch(mint(&mut rng(1), &BTreeMap::new(), []).unwrap().0);
        world.act(5, Under::HandOver(rival), &[rival], &grant(helper, Right::Steward));
        world.act(5, Under::HandOver(rival), &[rival], &epoch);
    }
    let state = world.state();
    assert_eq!(state.owner, Some(Owner::Community));
    assert_eq!(state.void.get(&rival), Some(&over));
    assert_eq!(state.authority(&party(2), Right::Steward, NOW), Some(Under::HandOver(over)));
    let by_steward = world.grant(2, Under::HandOver(over), &[], 3);
    assert_eq!(world.state().members[&party(3)].grants[0].depth, 2);
    assert_eq!(world.refusal(by_steward), None);
    // From the community it goes on as from any community.
    let next = world.officers((1, 2), Some(over), &[], &hand_over(7));
    assert_eq!(world.state().title(), next);
    assert!(world.is_member(2) && world.is_member(3));
    world.act(7, Under::HandOver(next), &[], &Act::Revoke(Revoked::Grant(over)));
    assert!(!world.is_member(2) && !world.is_member(3));
    let nobody = Act::HandOver(HandOver { to: Owner::Community, steward: None });
    let heads = vec![next];
    let under = Under::HandOver(next);
    let signed = SpaceCertificate::sign(&key(7), world.space, party(7), under, heads, NOW, &nobody);
    assert_eq!(signed, Err(SpaceCertificateError::Malformed), "somebody must be able to act");
}

#[test]
fn the_owner_of_the_moment_cannot_be_removed() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let writer = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let apart = world.revoke(1, Under::Grant(steward), &[writer], 2);
    let over = world.act(0, Under::Genesis, &[writer], &hand_over(2));
    let state = world.state();
    assert_eq!(state.refused.get(&apart), None);
    assert_eq!(state.dead[&writer].removal, apart);
    assert_eq!(state.owner, Some(Owner::Party(party(2))), "its title does not rest on a grant");
    let late = world.revoke(1, Under::Grant(steward), &[], 2);
    let by_title = world.act(1, Under::Grant(steward), &[], &Act::Revoke(Revoked::Grant(over)));
    assert_eq!(world.refusal(late), Some(Refusal::OwnerStays));
    assert_eq!(world.refusal(by_title), Some(Refusal::OwnerStays));
    let former = world.revoke(1, Under::Grant(steward), &[], 0);
    assert_eq!(world.refusal(former), None);
}

#[test]
fn what_a_former_owner_wrote_counts_until_a_cut() {
    let mut world = World::owned();
    let over = world.act(0, Under::Genesis, &[], &hand_over(2));
    let written = Written {
        party: party(0),
        log: LogKey([3; 32]),
        document: DocTag([4; 32]),
        sequence: 1,
        entry: EntryId([5; 32]),
        at: NOW,
    };
    assert_eq!(world.state().verdict(&written, |_| true), Verdict::Uncut);
    world.revoke(2, Under::HandOver(over), &[], 0);
    let cut = Act::Cut { party: party(0), logs: Vec::new() };
    let cut = world.act(2, Under::HandOver(over), &[], &cut);
    assert_eq!(world.state().verdict(&written, |_| true), Verdict::PastCut(cut));
}

#[test]
fn an_authority_is_written_as_before_where_no_hand_over_came() {
    use linli_replica::codec;
    let set = CertificateId([7; 32]);
    let plain = codec::encode(&Under::Officers { set, title: None });
    assert_eq!(plain, [&[0x82, 0x02, 0x81, 0x58, 0x20][..], &[7; 32]].concat());
    let title = Some(CertificateId([8; 32]));
    let under = Under::Officers { set, title };
    assert_eq!(codec::decode::<Under>(&codec::encode(&under)).unwrap(), under);
    assert_eq!(codec::decode::<Under>(&plain).unwrap(), Under::Officers { set, title: None });
}
