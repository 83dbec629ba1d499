//! The rules one by one.

use super::*;

#[test]
fn a_grant_gives_and_a_removal_takes() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let reader = world.act(1, Under::Grant(steward), &[], &grant(2, Right::Read));
    let state = world.state();
    let now = Timestamp(5_000);
    assert_eq!(state.right(&party(0), now), Some(Right::Steward));
    assert_eq!(state.right(&party(2), now), Some(Right::Read));
    assert_eq!(state.authority(&party(2), Right::Write, now), None);
    assert_eq!(state.authority(&party(0), Right::Write, now), Some(Under::Genesis));
    assert_eq!(state.authority(&party(1), Right::Write, now), Some(Under::Grant(steward)));
    assert_eq!(state.heads, [reader]);

    let removal = world.revoke(0, Under::Genesis, &[], 1);
    let state = world.state();
    assert!(!state.members.contains_key(&party(1)));
    assert!(!state.members.contains_key(&party(2)), "what was granted under a dead grant dies");
    assert_eq!(state.dead[&reader], Death { removal, link: steward });
    assert_eq!(state.former[&party(2)].grants[0].id, reader);
    assert_eq!(state.removals, BTreeSet::from([removal]));
}

#[test]
fn a_removed_party_returns_only_by_a_grant_that_cites_the_removal() {
    let mut world = World::owned();
    let first = world.grant(0, Under::Genesis, &[], 1);
    let removal = world.revoke(0, Under::Genesis, &[], 1);
    let apart = world.grant(0, Under::Genesis, &[first], 1);
    assert!(!world.is_member(1), "a grant made apart from the removal dies with it");
    assert!(world.state().dead.contains_key(&apart));
    world.grant(0, Under::Genesis, &[removal], 1);
    assert!(world.is_member(1));
}

#[test]
fn a_removed_steward_who_knew_is_refused() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let removal = world.revoke(0, Under::Genesis, &[], 1);
    let late = world.grant(1, Under::Grant(steward), &[removal], 2);
    assert_eq!(world.refusal(late), Some(Refusal::Removed));
    let backdated = world.grant(1, Under::Grant(steward), &[steward], 2);
    assert_eq!(world.refusal(backdated), None);
    assert!(!world.is_member(2), "backdating gains nothing");
}

#[test]
fn stewards_who_remove_each_other_are_both_out() {
    let mut world = World::owned();
    let a = world.grant(0, Under::Genesis, &[], 1);
    let b = world.grant(0, Under::Genesis, &[], 2);
    world.revoke(1, Under::Grant(a), &[b], 2);
    world.revoke(2, Under::Grant(b), &[b], 1);
    assert!(!world.is_member(1) && !world.is_member(2));
    assert!(world.is_member(0));
}

#[test]
fn the_owners_removal_voids_what_the_removed_did_apart_from_it() {
    let mut world = World::owned();
    let a = world.grant(0, Under::Genesis, &[], 1);
    let b = world.grant(0, Under::Genesis, &[], 2);
    let before = world.revoke(1, Under::Grant(a), &[b], 2);
    assert!(!world.is_member(2));
    let apart = world.revoke(0, Under::Genesis, &[b], 1);
    let state = world.state();
    assert_eq!(state.void, BTreeMap::from([(before, apart)]));
    assert!(state.members.contains_key(&party(2)), "the steward's removal is void");
    assert!(!state.members.contains_key(&party(1)));
}

#[test]
fn a_removal_that_the_owner_knew_stands() {
    let mut world = World::owned();
    let a = world.grant(0, Under::Genesis, &[], 1);
    world.grant(0, Under::Genesis, &[], 2);
    world.revoke(1, Under::Grant(a), &[], 2);
    world.revoke(0, Under::Genesis, &[], 1);
    assert!(!world.is_member(1) && !world.is_member(2));
    assert_eq!(world.state().void, BTreeMap::new());
}

#[test]
fn nobody_removes_the_owner() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let by_party = world.revoke(1, Under::Grant(steward), &[], 0);
    let by_grant =
        world.act(1, Under::Grant(steward), &[], &Act::Revoke(Revoked::Grant(world.root)));
    assert_eq!(world.refusal(by_party), Some(Refusal::OwnerStays));
    assert_eq!(world.refusal(by_grant), Some(Refusal::OwnerStays));
    assert!(world.is_member(0));
}

#[test]
fn delegation_goes_three_deep() {
    let mut world = World::owned();
    let one = world.grant(0, Under::Genesis, &[], 1);
    let two = world.grant(1, Under::Grant(one), &[], 2);
    let three = world.grant(2, Under::Grant(two), &[], 3);
    assert_eq!(world.state().members[&party(3)].grants[0].depth, 3);
    let four = world.grant(3, Under::Grant(three), &[], 4);
    assert_eq!(world.refusal(four), Some(Refusal::TooDeep));
}

#[test]
fn what_a_signer_does_not_have_it_cannot_use() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let writer = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let cases = [
        (world.grant(1, Under::Genesis, &[], 3), Refusal::NotOwner),
        (world.grant(2, Under::Grant(steward), &[], 3), Refusal::NotYours),
        (world.grant(2, Under::Grant(writer), &[], 3), Refusal::Lacks(Right::Steward)),
        (world.grant(1, Under::Grant(CertificateId([5; 32])), &[], 3), Refusal::UnknownGrant),
        (world.grant(1, Under::Grant(steward), &[world.root], 3), Refusal::UnknownGrant),
        (world.grant(1, Under::Officers { set: OFFICERS, title: None }, &[], 3), Refusal::NotOwner),
        (world.revoke(77, Under::Genesis, &[], 1), Refusal::UnknownNode),
    ];
    for (id, refusal) in cases {
        assert_eq!(world.refusal(id), Some(refusal));
        assert!(!world.state().heads.contains(&id), "nobody cites what does not count");
    }
    assert!(!world.is_member(3));
}

#[test]
fn a_node_cannot_speak_for_another_party() {
    let mut world = World::owned();
    let (space, heads) = (world.space, vec![world.root]);
    let at = Timestamp(2_000);
    let act = grant(5, Right::Steward);
    let forged =
        SpaceCertificate::sign(&key(5), space, party(0), Under::Genesis, heads, at, &act).unwrap();
    let id = forged.id();
    world.set.add(forged);
    assert_eq!(world.refusal(id), Some(Refusal::WrongParty));
}

#[test]
fn history_and_end_dates_are_inherited() {
    let mut world = World::owned();
    let end = Timestamp(10_000_000);
    let terms = |to, right, ends, history| {
        let Act::Grant(base) = grant(to, right) else { unreachable!() };
        Act::Grant(Grant { ends, history, ..base })
    };
    let steward = world.act(0, Under::Genesis, &[], &terms(1, Right::Steward, Some(end), false));
    let opens = world.act(1, Under::Grant(steward), &[], &terms(2, Right::Read, None, true));
    assert_eq!(world.refusal(opens), Some(Refusal::Exceeds));
    world.act(1, Under::Grant(steward), &[], &terms(3, Right::Read, None, false));
    let state = world.state();
    assert_eq!(state.members[&party(3)].grants[0].ends, Some(end));
    assert!(!state.members[&party(3)].reads_history(Timestamp(0)));
    assert_eq!(state.right(&party(3), end), Some(Right::Read));
    assert_eq!(state.right(&party(3), end.plus_ms(1)), None);
    let signed = |ms| state.members[&party(3)].right_when_signed(end.plus_ms(ms));
    assert_eq!(signed(CLOCK_SKEW_MS_MAX), Some(Right::Read));
    assert_eq!(signed(CLOCK_SKEW_MS_MAX + 1), None);
    assert_eq!(state.ended(end.plus_ms(1)), BTreeSet::from([party(1), party(3)]));

    world.at = end.0 + CLOCK_SKEW_MS_MAX - 1;
    let in_time = world.act(1, Under::Grant(steward), &[], &terms(4, Right::Read, None, false));
    let late = world.act(1, Under::Grant(steward), &[], &terms(5, Right::Read, None, false));
    assert_eq!(world.refusal(in_time), None);
    assert_eq!(world.refusal(late), Some(Refusal::Ended));
}

#[test]
fn what_cites_the_unknown_waits() {
    let mut world = World::owned();
    let unseen = world.sign(0, Under::Genesis, &[], &grant(1, Right::Steward));
    let child = world.grant(1, Under::Grant(unseen.id()), &[unseen.id()], 2);
    let grandchild = world.grant(0, Under::Genesis, &[child], 3);
    let state = world.state();
    let waiting = BTreeMap::from([(child, vec![unseen.id()]), (grandchild, vec![child])]);
    assert_eq!(state.waiting, waiting);
    assert_eq!(state.heads, [world.root]);
    world.set.add(unseen);
    assert!(world.is_member(1) && world.is_member(2) && world.is_member(3));
    assert!(world.state().waiting.is_empty());
}

#[test]
fn a_communitys_space_is_its_officers_to_decide() {
    let mut world = World::new(Owner::Community, Some(1));
    assert!(world.is_member(1), "the centre that opened it is its steward");
    let steward = world.grant(1, Under::Genesis, &[], 2);
    let mut removal = world.sign(
        3,
        Under::Officers { set: OFFICERS, title: None },
        &[steward],
        &Act::Revoke(Revoked::Party(party(1))),
    );
    removal.countersign(&officer(0));
    world.set.add(removal.clone());
    let pending = Refusal::Pending { signed: 1, needed: 2 };
    assert_eq!(world.refusal(removal.id()), Some(pending));
    assert!(world.is_member(1));
    removal.countersign(&officer(1));
    assert!(world.set.add(removal.clone()), "another signature is news");
    let state = world.state();
    assert_eq!(state.refused.get(&removal.id()), None);
    assert!(!state.members.contains_key(&party(1)));
    assert_eq!(state.dead[&steward], Death { removal: removal.id(), link: world.root });
}

#[test]
fn a_space_begins_only_by_its_owner_or_its_first_steward() {
    let genesis = Genesis {
        community: CommunityId([9; 32]),
        owner: Owner::Party(party(0)),
        steward: Some(party(1)),
        kind: "care".to_owned(),
        carrier_key: [1; 32].into(),
        nonce: [2; 32].into(),
    };
    let stolen = SpaceCertificate::begin(&key(1), party(1), Timestamp(1), genesis).unwrap();
    let set: SpaceCertificates = [stolen.clone()].into_iter().collect();
    let state = SpaceState::evaluate(stolen.space(), &set, &Town::new());
    assert_eq!(state.refused[&stolen.id()], Refusal::NotOwner);
    assert!(state.members.is_empty() && state.genesis.is_none());

    let other = World::owned();
    let mut world = World::new(Owner::Party(party(0)), Some(1));
    assert!(world.is_member(0) && world.is_member(1));
    world.set.add(other.set.get(&other.root).unwrap().clone());
    assert_eq!(world.refusal(other.root), Some(Refusal::OtherSpace));
}

#[test]
fn an_act_of_a_later_version_keeps_its_place() {
    use linli_replica::codec;
    use linli_replica::signed::Envelope;
    use minicbor::bytes::ByteVec;

    let mut world = World::owned();
    let heads = vec![world.root];
    let by = NodeId(key(0).verifying_key().to_bytes());
    // Body as in `docs/spec/space-certificate.md`, with an act of number 7.
    let act: ByteVec = vec![0x82, 0x07, 0x80].into();
    let mut body = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut body);
    encoder.array(8).unwrap().u8(1).unwrap().bytes(&world.space.0).unwrap();
    encoder.encode(by).unwrap().encode(party(0)).unwrap().encode(Under::Genesis).unwrap();
    encoder.encode(heads).unwrap().encode(Timestamp(7)).unwrap().encode(act).unwrap();
    let mut envelope = Envelope::new(body.clone());
    assert_eq!(SpaceCertificate::decode(&envelope.encode()), Err(SpaceCertificateError::Unsigned));
    envelope.sign(&key(0));
    let unknown = SpaceCertificate::decode(&envelope.encode()).unwrap();
    assert_eq!(unknown.act(), None);
    assert!(
        codec::decode::<linli_replica::certificate::Body>(&body).is_err(),
        "no certificate of a space reads as one of the community"
    );
    let id = unknown.id();
    world.set.add(unknown);
    assert_eq!(world.refusal(id), Some(Refusal::UnknownAct));
    world.grant(0, Under::Genesis, &[id], 1);
    assert!(world.is_member(1), "what follows it counts");
}

#[test]
fn a_genesis_is_not_printed_with_its_nonce() {
    let world = World::owned();
    let genesis = world.set.get(&world.root).unwrap();
    let nonce = format!("{:?}", [2; 32]);
    assert!(!format!("{genesis:?} {:?}", world.state()).contains(&nonce[1..20]));
}
