//! An elder whom the centre serves gets a hub; a hub burns; a former owner is not honest.

use linli_core::authority::{HandOver, Owner, Right};
use linli_core::engine::CoreError;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::id::{NodeId, PartyId, SpaceTag};
use linli_tests::neighbourhood::{ENDS, Neighbourhood, grant};

const fn to(party: PartyId) -> HandOver {
    HandOver { to: Owner::Party(party), steward: None }
}

/// A centre that wrote about an elder under two epochs, and a provider that reads.
fn served(seed: u64) -> (Neighbourhood, [NodeId; 2], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let [centre, provider] = [PartyKind::Centre, PartyKind::Provider].map(|kind| net.join(kind));
    let space =
        net.begin_for_community(centre, vec![grant(net.party(provider), Right::Read, true)]);
    net.set(centre, space, ProfileField::Name, "Wang").unwrap();
    net.rotate(centre, space).unwrap();
    net.set(centre, space, ProfileField::Health, "stable").unwrap();
    net.heal();
    (net, [centre, provider], space)
}

/// A household's space that it hands over, which one of its nodes learns of late.
fn handed(seed: u64) -> (Neighbourhood, [NodeId; 5], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let [old, centre] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let [next, crony] = [PartyKind::Family, PartyKind::Provider].map(|kind| net.join(kind));
    let party = net.party(old);
    let second = net.join_node(party, ENDS);
    let space = net.begin(old, vec![grant(net.party(centre), Right::Steward, true)]);
    net.set(old, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    net.isolate(second);
    let to = net.party(next);
    net.hand_over(old, space, to, None).unwrap();
    net.settle();
    (net, [old, second, centre, next, crony], space)
}

#[test]
fn a_hub_that_joins_later_owns_what_the_centre_kept_and_reads_all_of_it() {
    let (mut net, [centre, provider], space) = served(200);
    let hub = net.join(PartyKind::Household);
    net.heal();
    let household = net.party(hub);
    let draft = net.signed_hand_over(centre, space, to(household)).unwrap();
    // While the file goes round among the officers, work goes on.
    net.set(centre, space, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    assert!(!net.spaces(hub).contains(&space));
    net.complete_hand_over(centre, space, draft).unwrap();
    net.heal();
    for id in [centre, provider, hub] {
        assert_eq!(net.owner(id, space), Some(Owner::Party(household)));
        assert_eq!(net.values(id, space, "name"), [("Wang".to_owned(), vec![centre])]);
        assert_eq!(net.values(id, space, "health"), [("stable".to_owned(), vec![centre])]);
        assert_eq!(net.values(id, space, "phone"), [("13800138000".to_owned(), vec![centre])]);
    }
    assert!(net.check_same(&[centre, provider, hub], space) >= 6);

    // The hub decides: another reader comes, the centre goes.
    let family = net.join(PartyKind::Family);
    net.heal();
    let (daughter, desk) = (net.party(family), net.party(centre));
    net.grant(hub, space, grant(daughter, Right::Read, true)).unwrap();
    net.revoke(hub, space, desk).unwrap();
    net.set(hub, space, ProfileField::Housing, "ground floor").unwrap();
    net.heal();
    for id in [hub, family] {
        assert_eq!(net.values(id, space, "name").len(), 1, "what the centre wrote stays");
        assert_eq!(net.values(id, space, "housing"), [("ground floor".to_owned(), vec![hub])]);
    }
    assert!(net.values(centre, space, "housing").is_empty());
    net.grant(centre, space, grant(net.party(provider), Right::Write, true)).unwrap_err();
    let later = net.entries(hub, space);
    let opened = net.opened_with_keys_of(centre, space, &later);
    assert!(!opened.is_empty() && opened.len() < later.len(), "only what is from before");
    assert_eq!(net.finds(centre, b"ground floor"), 0);
}

#[test]
fn a_hand_over_lacking_signatures_changes_nothing_and_nobody_else_completes_it() {
    let (mut net, [centre, provider], space) = served(201);
    let hub = net.join(PartyKind::Household);
    net.heal();
    let household = net.party(hub);
    let now = net.now;
    let draft = net.nodes.get_mut(&centre).unwrap();
    let draft = draft.with_core(now, |core, world, _| {
        core.draft_hand_over(world, space, to(household)).unwrap()
    });
    net.complete_hand_over(centre, space, draft).unwrap_err();
    net.heal();
    assert_eq!(net.owner(provider, space), Some(Owner::Community));
    assert!(!net.spaces(hub).contains(&space));
}

#[test]
fn what_a_former_owners_other_node_signs_apart_from_the_hand_over_is_worth_nothing() {
    let (mut net, [old, second, centre, next, crony], space) = handed(202);
    let [desk, helper] = [net.party(centre), net.party(crony)];
    net.grant(second, space, grant(helper, Right::Steward, true)).unwrap();
    net.revoke(second, space, desk).unwrap();
    net.set(second, space, ProfileField::Housing, "still written").unwrap();
    net.set(next, space, ProfileField::Health, "for who stays").unwrap();
    net.settle();
    net.heal();
    let owner = Some(Owner::Party(net.party(next)));
    for id in [centre, next] {
        assert_eq!(net.owner(id, space), owner);
        let members = net.members(id, space);
        assert!(members.contains(&desk), "the removal is void");
        assert!(!members.contains(&helper) && !members.contains(&net.party(old)));
        assert_eq!(net.values(id, space, "health"), [("for who stays".to_owned(), vec![next])]);
        // What it wrote before it knew counts until the next owner says how far.
        assert_eq!(net.values(id, space, "housing").len(), 1);
    }
    for id in [old, second, crony] {
        assert_eq!(net.finds(id, b"for who stays"), 0);
    }
    net.grant(second, space, grant(helper, Right::Steward, true)).unwrap_err();
    let former = net.party(old);
    net.revoke(next, space, former).unwrap();
    net.heal();
    assert!(net.check_same(&[centre, next], space) >= 2);
}

#[test]
fn two_nodes_of_an_owner_hand_over_apart_and_everybody_agrees_who_owns() {
    let (mut net, [_, second, centre, next, crony], space) = handed(203);
    let helper = net.party(crony);
    // The centre works on what it knows.
    net.grant(centre, space, grant(helper, Right::Read, true)).unwrap();
    net.settle();
    net.hand_over(second, space, helper, None).unwrap();
    net.settle();
    net.heal();
    let owner = Some(Owner::Party(net.party(next)));
    for id in [centre, next, crony] {
        assert_eq!(net.owner(id, space), owner);
        assert!(net.members(id, space).contains(&helper), "by the centre's grant");
    }
    net.revoke(crony, space, net.party(centre)).unwrap_err();
}

#[test]
fn what_the_former_owner_was_to_keep_it_keeps_until_it_is_revoked() {
    let mut net = Neighbourhood::new(204);
    let [old, next] = [PartyKind::Household, PartyKind::Family].map(|kind| net.join(kind));
    let space = net.begin(old, Vec::new());
    net.set(old, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let [former, owner] = [old, next].map(|id| net.party(id));
    net.hand_over(old, space, owner, Some(grant(former, Right::Write, true))).unwrap();
    net.set(old, space, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    for id in [old, next] {
        assert_eq!(net.owner(id, space), Some(Owner::Party(owner)));
        assert_eq!(net.values(id, space, "name").len(), 1);
        assert_eq!(net.values(id, space, "phone"), [("13800138000".to_owned(), vec![old])]);
    }
    net.revoke(next, space, former).unwrap();
    net.set(next, space, ProfileField::Health, "later").unwrap();
    net.heal();
    assert!(net.values(old, space, "health").is_empty());
    assert_eq!(net.values(next, space, "phone").len(), 1);
}

#[test]
fn what_the_owner_does_while_the_file_goes_round_is_not_undone() {
    let mut net = Neighbourhood::new(206);
    let [old, next] = [PartyKind::Household, PartyKind::Family].map(|kind| net.join(kind));
    let [stays, goes] = [PartyKind::Centre, PartyKind::Provider].map(|kind| net.join(kind));
    let readers = [stays, goes].map(|id| grant(net.party(id), Right::Read, true));
    let space = net.begin(old, readers.to_vec());
    net.set(old, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let [owner, out] = [next, goes].map(|id| net.party(id));
    let signed = net.signed_hand_over(old, space, to(owner)).unwrap();
    net.revoke(old, space, out).unwrap();
    net.set(old, space, ProfileField::Health, "not for who is out").unwrap();
    assert_eq!(net.complete_hand_over(old, space, signed), Err(CoreError::Overtaken));
    net.heal();
    for id in [old, stays] {
        assert_eq!(net.owner(id, space), Some(Owner::Party(net.party(old))));
        assert!(!net.members(id, space).contains(&out));
    }
    // Begun again it knows of the removal.
    net.hand_over(old, space, owner, None).unwrap();
    net.heal();
    for id in [stays, next] {
        assert_eq!(net.owner(id, space), Some(Owner::Party(owner)));
        assert!(!net.members(id, space).contains(&out));
        assert_eq!(net.values(id, space, "health").len(), 1);
    }
    assert_eq!(net.finds(goes, b"not for who is out"), 0);
}

#[test]
fn an_expelled_owner_cannot_hinder_the_officers_by_signing_on() {
    let mut net = Neighbourhood::new(207);
    let [hub, centre] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let [crony, family] = [PartyKind::Provider, PartyKind::Family].map(|kind| net.join(kind));
    let [household, desk, helper, daughter] = [hub, centre, crony, family].map(|id| net.party(id));
    let both = [grant(desk, Right::Write, true), grant(helper, Right::Write, true)];
    let space = net.begin(hub, both.to_vec());
    net.heal();
    net.isolate_all();
    let expelled = net.community.expel(household);
    net.certify(centre, vec![expelled]);
    net.settle();
    let signed = net.signed_hand_over(centre, space, to(daughter)).unwrap();
    // Somebody who has not heard of the expulsion brings what the thief of the hub signs.
    net.grant(hub, space, grant(helper, Right::Steward, true)).unwrap();
    net.connect(hub, crony);
    net.settle();
    net.cut(hub, crony);
    net.connect(crony, centre);
    net.settle();
    let brought = |net: &mut Neighbourhood| {
        let member = net.state(centre, space).members.remove(&helper).unwrap();
        member.grants.len()
    };
    assert_eq!(brought(&mut net), 2, "it has arrived at the centre");
    net.complete_hand_over(centre, space, signed).unwrap();
    assert_eq!(net.owner(centre, space), Some(Owner::Party(daughter)));
    assert_eq!(brought(&mut net), 1, "and is worth nothing");
}

#[test]
fn officers_hand_over_what_belonged_to_a_hub_that_is_gone() {
    let mut net = Neighbourhood::new(205);
    let [hub, centre] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let family = net.join(PartyKind::Family);
    let space = net.begin(hub, vec![grant(net.party(centre), Right::Write, true)]);
    net.set(hub, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let [household, desk, daughter] = [hub, centre, family].map(|id| net.party(id));
    let refused = net.signed_hand_over(centre, space, to(daughter));
    assert!(refused.is_err(), "the household is a member of the community");
    net.isolate(hub);
    let expelled = net.community.expel(household);
    for id in [centre, family] {
        net.certify(id, vec![expelled.clone()]);
    }
    net.settle();
    let over = HandOver { to: Owner::Community, steward: Some(desk) };
    let signed = net.signed_hand_over(centre, space, over).unwrap();
    net.complete_hand_over(centre, space, signed).unwrap();
    net.settle();
    // Whoever has the hub does what it can, apart from that.
    net.revoke(hub, space, desk).unwrap();
    net.hand_over(hub, space, net.party(hub), None).ok();
    net.set(centre, space, ProfileField::Health, "after the fire").unwrap();
    net.settle();
    let signed = net.signed_hand_over(centre, space, to(daughter)).unwrap();
    net.complete_hand_over(centre, space, signed).unwrap();
    net.heal();
    for id in [centre, family] {
        assert_eq!(net.owner(id, space), Some(Owner::Party(daughter)));
        assert_eq!(net.values(id, space, "name"), [("Wang".to_owned(), vec![hub])]);
        assert_eq!(net.values(id, space, "health"), [("after the fire".to_owned(), vec![centre])]);
        assert!(net.members(id, space).contains(&desk));
    }
    assert_eq!(net.finds(hub, b"after the fire"), 0);
    net.revoke(family, space, desk).unwrap();
}
