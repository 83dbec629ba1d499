//! A hub says that it is there: sealed, in the size of an alert, for the readers of its alert space.

use std::collections::BTreeSet;

use linli_core::authority::Right;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::frame::{Cell, Frame, Pages};
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, grant};

struct Street {
    world: Neighbourhood,
    hub: NodeId,
    centre: NodeId,
    other: NodeId,
    carrier: NodeId,
    alerts: SpaceTag,
}

/// A hub whose alerts a centre reads, all of them at a carrier and never at each other.
fn street(seed: u64) -> Street {
    let mut world = Neighbourhood::new(seed);
    let kinds = [PartyKind::Household, PartyKind::Centre, PartyKind::Centre, PartyKind::Carrier];
    let [hub, centre, other, carrier] = kinds.map(|kind| {
        let id = world.join(kind);
        world.settle();
        id
    });
    let party = world.party(centre);
    let alerts = world.begin(hub, vec![grant(party, Right::Write, true)]);
    world.settle();
    for end in [hub, centre, other] {
        world.connect(end, carrier);
    }
    world.settle();
    Street { world, hub, centre, other, carrier, alerts }
}

#[test]
fn a_heartbeat_reaches_who_reads_the_space_and_nobody_else() {
    let Street { mut world, hub, centre, other, carrier, alerts } = street(1);
    let before = world.now;
    let cell = world.heartbeat(hub, alerts).unwrap().unwrap();
    world.settle();
    let came = |id: NodeId| world.node(id).told.cells.as_slice() == [cell.clone()];
    assert!(came(centre) && came(carrier));
    assert!(world.node(other).told.cells.is_empty(), "it does not share the space");
    let heard = world.hear(centre, &cell).unwrap();
    assert_eq!((heard.space, heard.node, heard.at), (alerts, hub, before));
    assert_eq!(world.hear(other, &cell), None, "without a key nothing is read");
    assert_eq!(world.hear(carrier, &cell), None);
    assert_eq!(world.finds(carrier, &cell.content), 0, "it is not stored");
}

#[test]
fn what_is_forged_replayed_or_of_a_former_member_is_not_believed() {
    let Street { mut world, hub, centre, alerts, .. } = street(2);
    let cell = world.heartbeat(hub, alerts).unwrap().unwrap();
    assert!(world.hear(centre, &cell).is_some());
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let moved = Cell::new(alerts, cell.counter, cell.content.to_vec(), &stranger);
    let later = Cell { counter: cell.counter + 60_000, ..cell.clone() };
    let mut bytes = cell.content.to_vec();
    bytes[100] ^= 1;
    let flipped = Cell { content: bytes.into(), ..cell.clone() };
    let short = Cell { content: vec![1; 20].into(), ..cell.clone() };
    for forged in [moved, later, flipped, short] {
        assert_eq!(world.hear(centre, &forged), None);
    }
    // A clock that runs ahead by more than is forgiven.
    world.nodes.get_mut(&hub).unwrap().ahead_ms = 3_600_000;
    let early = world.heartbeat(hub, alerts).unwrap().unwrap();
    assert_eq!(world.hear(centre, &early), None);
    world.nodes.get_mut(&hub).unwrap().ahead_ms = 0;

    // The centre says it too, until it is put out of the space.
    let theirs = world.heartbeat(centre, alerts).unwrap().unwrap();
    assert_eq!(world.hear(hub, &theirs).map(|heard| heard.node), Some(centre));
    let party = world.party(centre);
    world.revoke(hub, alerts, party).unwrap();
    world.settle();
    assert_eq!(world.hear(hub, &theirs), None);
    let after = world.heartbeat(hub, alerts).unwrap().unwrap();
    assert_eq!(world.hear(centre, &after), None, "it is sealed under the next epoch");
    if let Some(stale) = world.heartbeat(centre, alerts).unwrap() {
        assert_eq!(world.hear(hub, &stale), None);
    }
}

#[test]
fn alerts_acknowledgements_and_heartbeats_look_alike_on_the_wire() {
    let Street { mut world, hub, centre, carrier, alerts, .. } = street(3);
    world.wire.watch(carrier);
    let raise = "x".repeat(1_500);
    for round in 0..20 {
        let what = if round == 0 { raise.as_str() } else { "seen" };
        world.add_fact(hub, alerts, "alert/1", &format!("{round}{what}"), Urgency::Urgent).unwrap();
        world.drain();
        world
            .add_fact(centre, alerts, "alert/1", &format!("ack {round}"), Urgency::Urgent)
            .unwrap();
        world.drain();
        world.now = world.now.plus_ms(60_000);
        world.heartbeat(hub, alerts).unwrap().unwrap();
        world.drain();
    }
    let mut sizes = BTreeSet::new();
    let mut counted = [0; 2];
    for seen in &world.wire.seen {
        let frame = Frame::decode(&seen.bytes).unwrap();
        let is_cell = matches!(frame, Frame::Cell(_));
        let is_entry = |pages: &Pages| pages.pages.iter().map(Vec::len).sum::<usize>() == 1;
        let fits = is_cell || matches!(&frame, Frame::Pages(pages) if is_entry(pages));
        if seen.lane != Urgency::Urgent || !fits {
            assert!(!is_cell, "on another lane");
            continue;
        }
        counted[usize::from(is_cell)] += 1;
        sizes.insert(seen.bytes.len());
    }
    println!("{counted:?} urgent entries and heartbeats, of {sizes:?} bytes");
    assert_eq!(counted, [80, 40], "each to the carrier and on");
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}

#[test]
fn what_does_not_fit_is_refused_as_urgent() {
    let Street { mut world, hub, alerts, .. } = street(4);
    let long = "x".repeat(4_000);
    let refused = world.add_fact(hub, alerts, "alert/1", &long, Urgency::Urgent).unwrap_err();
    assert!(refused.to_string().contains("urgent"), "{refused}");
    world.add_fact(hub, alerts, "alert/1", &long, Urgency::Normal).unwrap();
    world.add_fact(hub, alerts, "alert/1", "short", Urgency::Urgent).unwrap();
    world.settle();
    assert_eq!(world.node(hub).told.lost, 0);
}
