//! Keys that were given and reached nobody: a disk refused them, or their giver was put out or put back.

use linli_core::authority::Right;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::{ENDS, Neighbourhood, grant};

/// Three parties; the first begins a space in which the second writes.
fn scene(seed: u64) -> (Neighbourhood, [NodeId; 3], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let kinds = [PartyKind::Centre, PartyKind::Household, PartyKind::Family];
    let nodes = kinds.map(|kind| net.join(kind));
    let space = net.begin(nodes[0], vec![grant(net.party(nodes[1]), Right::Write, true)]);
    net.set(nodes[0], space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    (net, nodes, space)
}

/// A centre's disk was full when a second device of a hub's was enrolled: the letter with the keys was lost, and noted as sent.
#[test]
fn keys_that_a_full_disk_refused_are_given_again() {
    let (mut net, [centre, hub, _], space) = scene(401);
    net.isolate_all();
    let device = net.join_node(net.party(hub), ENDS);
    // The certificate is stored, the letter that follows from it is not.
    net.persist(centre);
    net.set_full(centre, true);
    net.drain();
    assert_eq!(net.node(centre).told.lost, 1);
    net.set_full(centre, false);
    net.connect(centre, device);
    net.settle();
    assert!(net.spaces(device).is_empty());
    net.tick(60_000);
    net.settle();
    assert_eq!(net.spaces(device), [space]);
    assert_eq!(net.values(device, space, "name"), [("Wang".to_owned(), vec![centre])]);
    let letters = net.node(centre).disk.commits();
    net.tick(120_000);
    net.settle();
    assert_eq!(net.node(centre).disk.commits(), letters, "they are not given for ever");
}

/// An alert's record went to disk before the letter that it said had been sent, and the power failed between the two.
#[test]
fn what_an_alert_overtook_on_its_way_to_disk_is_not_noted_as_given() {
    let (mut net, [centre, hub, _], space) = scene(402);
    net.isolate_all();
    let device = net.join_node(net.party(hub), ENDS);
    net.persist(centre);
    net.add_fact(centre, space, "alert/1", "raised", Urgency::Urgent).unwrap();
    // The alert overtakes by chance.
    while net.node(centre).disk.urgent_under_way().is_some() {
        net.persist(centre);
    }
    assert!(net.node(centre).disk.is_busy(), "the letter is on its way still");
    net.crash(centre);
    net.connect(centre, device);
    net.settle();
    assert_eq!(net.spaces(device), [space]);
}

/// A centre let a family in and was expelled before it met them: the hub knew of the grant, and nobody gave the keys.
#[test]
fn keys_that_who_was_expelled_gave_come_from_those_who_stay() {
    let (mut net, [centre, hub, family], space) = scene(403);
    net.isolate_all();
    net.connect(centre, hub);
    net.grant(centre, space, grant(net.party(family), Right::Read, true)).unwrap();
    net.settle();
    net.isolate_all();
    let expelled = net.community.expel(net.party(centre));
    for id in [hub, family] {
        net.certify(id, vec![expelled.clone()]);
    }
    net.connect(hub, family);
    net.settle();
    assert_eq!(net.spaces(family), [space]);
    assert_eq!(net.values(family, space, "name"), [("Wang".to_owned(), vec![centre])]);
}

/// A centre began an epoch that only a hub heard of, and was put back: neither it nor the family could read on.
#[test]
fn keys_that_were_lost_with_a_disk_come_from_those_who_have_them() {
    for told in [true, false] {
        let (mut net, [centre, hub, family], space) = scene(404);
        net.grant(centre, space, grant(net.party(family), Right::Read, true)).unwrap();
        net.heal();
        net.isolate_all();
        let image = net.node(centre).disk.commits();
        net.connect(centre, hub);
        net.rotate(centre, space).unwrap();
        net.settle();
        net.set(hub, space, ProfileField::Health, "after the image").unwrap();
        net.isolate_all();
        net.restore(centre, image);
        if told {
            net.tell_restored(centre);
        }
        net.heal();
        for id in [centre, family] {
            let read = net.values(id, space, "health");
            assert_eq!(read, [("after the image".to_owned(), vec![hub])], "told: {told}");
        }
        let commits: Vec<usize> = net.nodes.values().map(|node| node.disk.commits()).collect();
        net.tick(120_000);
        net.settle();
        let after: Vec<usize> = net.nodes.values().map(|node| node.disk.commits()).collect();
        assert_eq!(after, commits, "a notice is answered once");
    }
}

/// An alert continued an epoch's certificate that was on its way to a full disk, and was lost with it.
#[test]
fn an_alert_takes_the_epoch_it_needs_along_onto_a_full_disk() {
    let (mut net, [centre, hub, _], space) = scene(405);
    net.rotate(hub, space).unwrap();
    net.set_full(hub, true);
    net.add_fact(hub, space, "alert/1", "raised", Urgency::Urgent).unwrap();
    net.settle();
    assert_eq!(net.node(hub).told.lost, 0);
    assert_eq!(net.view(centre, space, "alert/1").unwrap().changes, 1);
    net.crash(hub);
    assert_eq!(net.view(hub, space, "alert/1").unwrap().changes, 1);
}
