use linli_replica::entry::Urgency;
use linli_replica::frame::Frame;
use linli_replica::id::{NodeId, inbox_tag};
use linli_replica::replica::Input;

use crate::community::node;
use crate::network::{LANES, Network, document, space};

/// Writes, cuts, crashes and heals at random for a while.
fn trouble(network: &mut Network, ids: &[NodeId], writers: &[NodeId], steps: usize) {
    for _ in 0..steps {
        match network.below(100) {
            0..8 => {
                let id = writers[network.below(writers.len())];
                let document = document(7, u32::try_from(network.below(12)).unwrap());
                let urgency = LANES[network.below(3)];
                let (count, bytes) = (1 + network.below(5), 1 << network.below(15));
                network.write(id, space(7), document, urgency, count, bytes);
            }
            8..12 => {
                let (a, b) = (ids[network.below(ids.len())], ids[network.below(ids.len())]);
                if a != b && network.below(3) == 0 {
                    network.cut(a, b);
                } else if a != b {
                    network.connect(a, b);
                }
            }
            12 => {
                if network.below(4) == 0 {
                    let id = ids[network.below(ids.len())];
                    network.crash(id);
                }
            }
            13 => network.tick(1_000),
            _ => {
                network.step();
            }
        }
    }
}

#[test]
fn two_and_three_nodes_converge_through_cuts_and_crashes() {
    let mut compared = 0;
    let mut checked = 0;
    for seed in 0..16 {
        let members: &[u8] = if seed % 2 == 0 { &[1, 2] } else { &[1, 2, 3] };
        let mut network = Network::new(seed, members, &[]);
        network.failures = if seed % 3 == 0 { 20 } else { 0 };
        let ids: Vec<NodeId> = members.iter().map(|n| node(*n)).collect();
        for id in &ids {
            network.want(*id, space(7));
        }
        trouble(&mut network, &ids, &ids, 1_500);
        network.failures = 0;
        for (at, a) in ids.iter().enumerate() {
            for b in &ids[at + 1..] {
                network.connect(*a, *b);
            }
        }
        network.settle();
        for pair in ids.windows(2) {
            let entries = network.check_equal(pair[0], pair[1], &[space(7)]);
            assert!(entries > 0, "seed {seed}: nothing was compared");
            compared += entries;
        }
        checked += network.checked;
        for id in &ids {
            let told = &network.nodes[id].told;
            assert!(told.ended.is_empty(), "seed {seed}: {:?}", told.ended);
        }
    }
    assert!(compared > 1_000 && checked > 5_000, "{compared} entries, {checked} statements");
}

#[test]
fn nodes_that_never_meet_converge_through_a_carrier() {
    let mut compared = 0;
    for seed in 0..10 {
        let mut network = Network::new(seed, &[1, 2], &[9]);
        let (a, b, carrier) = (node(1), node(2), node(9));
        network.want(a, space(7));
        network.want(b, space(7));
        for _ in 0..3 {
            for end in [a, b] {
                network.connect(end, carrier);
                trouble(&mut network, &[end], &[a, b], 200);
                network.cut(end, carrier);
            }
            if network.below(2) == 0 {
                network.crash(carrier);
            }
        }
        for end in [a, b, a] {
            network.connect(end, carrier);
            network.settle();
            network.cut(end, carrier);
        }
        let entries = network.check_equal(a, b, &[space(7)]);
        assert!(entries > 0, "seed {seed}: nothing was compared");
        compared += entries;
        assert!(!network.log.iter().any(|(x, y, _, _)| *x != carrier && *y != carrier));
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn a_live_change_passes_a_carrier_at_once() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    for end in [a, b] {
        network.want(end, space(7));
        network.connect(end, carrier);
        network.drain();
    }
    network.write(a, space(7), document(7, 0), Urgency::Normal, 1, 100);
    network.drain();
    network.nodes.get_mut(&carrier).unwrap().told.receipts.clear();
    network.write(a, space(7), document(7, 1), Urgency::Urgent, 1, 100);
    network.drain();
    assert_eq!(network.check_equal(a, b, &[space(7)]), 2);
    let from_b = network.nodes[&carrier].told.receipts.iter().filter(|(peer, ..)| *peer == b);
    assert_eq!(from_b.count(), 1, "the receipt comes back");
}

#[test]
fn an_inbox_is_reached_directly_and_through_a_carrier() {
    let mut network = Network::new(1, &[1, 2, 3], &[9]);
    let (a, b, c, carrier) = (node(1), node(2), node(3), node(9));
    // B's hub has told the carrier of its inbox at some time.
    network.connect(a, carrier);
    network.write(a, inbox_tag(&b), document(1, 1), Urgency::Normal, 2, 100);
    network.settle();
    network.connect(c, carrier);
    network.settle();
    assert_eq!(network.nodes[&c].store.entries().count(), 0, "an inbox is its owner's");
    network.connect(b, carrier);
    network.settle();
    assert_eq!(network.check_equal(a, b, &[inbox_tag(&b)]), 2);

    network.connect(a, c);
    network.write(a, inbox_tag(&c), document(1, 2), Urgency::Urgent, 1, 100);
    network.settle();
    assert_eq!(network.check_equal(a, c, &[inbox_tag(&c)]), 1);
}

#[test]
fn what_lies_in_an_inbox_goes_to_its_owner_and_to_carriers_only() {
    let mut network = Network::new(1, &[1, 2, 3], &[9]);
    let (writer, other, owner, carrier) = (node(1), node(2), node(3), node(9));
    let ends = [writer, other, owner];
    for end in ends {
        network.connect(end, carrier);
    }
    network.connect(writer, owner);
    let inbox = inbox_tag(&owner);
    for (from, entries) in [(writer, 2), (other, 5)] {
        network.write(from, inbox, document(1, 1), Urgency::Normal, entries, 100);
        network.settle();
    }
    assert_eq!(network.check_equal(owner, carrier, &[inbox]), 7);
    for (end, entries) in [(writer, 2), (other, 5)] {
        assert_eq!(network.nodes[&end].store.entries().count(), entries, "only what it wrote");
    }
    for (id, node) in &network.nodes {
        assert!(node.told.refused.is_empty(), "{id:?}: {:?}", node.told.refused);
    }

    // Once each has told the carrier what it holds, neither on the open connections nor when they are
    // made anew is anything said of it again.
    for end in ends {
        network.input(end, Input::Reconcile { peer: carrier });
    }
    network.settle();
    for again in [false, true] {
        network.log.clear();
        for end in ends {
            if again {
                network.cut(end, carrier);
                network.connect(end, carrier);
            } else {
                network.input(end, Input::Reconcile { peer: carrier });
            }
        }
        network.drain();
        let idle = |frame: &Frame| matches!(frame, Frame::Ranges(_) | Frame::Hello(_));
        assert!(!network.log.is_empty());
        assert!(network.log.iter().all(|(.., frame)| idle(frame)), "{:?}", network.log);
    }
}

#[test]
fn what_an_owner_sealed_to_itself_comes_back_from_a_carrier() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    network.may_go_back = true;
    let (owner, other, carrier) = (node(1), node(2), node(9));
    let inbox = inbox_tag(&owner);
    network.connect(owner, carrier);
    network.connect(owner, other);
    network.connect(other, carrier);
    network.write(owner, inbox, document(1, 1), Urgency::Normal, 3, 100);
    network.settle();
    assert_eq!(network.check_equal(owner, carrier, &[inbox]), 3);
    assert_eq!(network.nodes[&other].store.entries().count(), 0, "it is nobody else's");
    network.cut(owner, carrier);
    network.nodes.get_mut(&owner).unwrap().store.logs.clear();
    network.crash(owner);
    network.connect(owner, carrier);
    network.settle();
    assert_eq!(network.check_equal(owner, carrier, &[inbox]), 3);
}

#[test]
fn an_inbox_item_is_offered_again_to_who_has_lost_it() {
    let mut network = Network::new(1, &[1, 2], &[]);
    network.may_go_back = true;
    let (writer, owner) = (node(1), node(2));
    network.connect(writer, owner);
    network.write(writer, inbox_tag(&owner), document(1, 1), Urgency::Normal, 2, 100);
    network.drain();
    network.cut(writer, owner);
    // Restored from an older state: it has neither the items nor what was agreed.
    network.nodes.get_mut(&owner).unwrap().store.logs.clear();
    network.crash(owner);
    network.connect(writer, owner);
    network.settle();
    assert_eq!(network.check_equal(writer, owner, &[inbox_tag(&owner)]), 2);
}

#[test]
fn a_space_wanted_later_is_announced_in_the_open_session() {
    let mut network = Network::new(1, &[1, 2], &[]);
    let (a, b) = (node(1), node(2));
    network.want(a, space(7));
    network.write(a, space(7), document(7, 1), Urgency::Normal, 5, 100);
    network.connect(a, b);
    network.drain();
    assert_eq!(network.nodes[&b].store.entries().count(), 0);
    network.want(b, space(7));
    network.drain();
    assert_eq!(network.check_equal(a, b, &[space(7)]), 5);

    network.forget(b, space(7));
    network.drain();
    network.write(a, space(7), document(7, 1), Urgency::Normal, 1, 100);
    network.settle();
    assert_eq!(network.nodes[&b].store.entries().count(), 5, "what is forgotten stays and rests");
    network.cut(a, b);
    network.connect(a, b);
    network.settle();
    assert_eq!(network.nodes[&b].store.entries().count(), 5);
}

#[test]
fn certificates_reach_everybody_and_an_expelled_node_is_let_go() {
    let mut network = Network::new(1, &[1, 2, 3], &[]);
    let (a, b, c) = (node(1), node(2), node(3));
    let notice = network.community().notice(1, "open on Sunday");
    let id = notice.id();
    network.certify(a, vec![notice]);
    network.connect(a, b);
    network.connect(b, c);
    network.settle();
    for node in [a, b, c] {
        assert!(network.nodes[&node].replica.directory().certificate(&id).is_some());
        assert!(network.nodes[&node].store.certificates.contains_key(&id), "and is durable");
    }
    let expel = network.community().expel(3);
    network.certify(a, vec![expel]);
    network.settle();
    assert!(network.nodes[&b].replica.directory().node(&c).unwrap().expelled);
    assert!(!network.links.iter().any(|(x, y)| *x == c || *y == c));
    network.connect(b, c);
    network.drain();
    assert!(!network.links.iter().any(|(x, y)| *x == c || *y == c));
}

#[test]
fn a_forked_log_converges_with_both_branches() {
    for seed in 0..10 {
        let mut network = Network::new(seed, &[1, 2, 3], &[]);
        let (a, b, c) = (node(1), node(2), node(3));
        for id in [a, b, c] {
            network.want(id, space(7));
        }
        let tag = document(7, 1);
        network.write(a, space(7), tag, Urgency::Normal, 70, 100);
        network.connect(a, b);
        network.settle();
        network.cut(a, b);
        // The disk image of 70 entries is restored: both go on from it.
        let entries: Vec<_> = network.nodes[&a].store.entries().cloned().collect();
        network.write(a, space(7), tag, Urgency::Normal, 80, 5_000);
        network.drain();
        let other = network.fork(a, c, &entries, 90);
        assert_eq!(other, 160);
        network.connect(a, b);
        network.connect(b, c);
        network.settle();
        for (x, y) in [(a, b), (b, c)] {
            network.input(x, Input::Reconcile { peer: y });
        }
        network.settle();
        assert_eq!(network.check_equal(a, b, &[space(7)]), 240, "seed {seed}");
        assert_eq!(network.check_equal(b, c, &[space(7)]), 240);
        let frontier = network.nodes[&b].replica.index().frontier(&tag).unwrap();
        assert_eq!(frontier.0.values().map(Vec::len).collect::<Vec<_>>(), [2]);
        assert!(network.nodes[&b].told.forked > 0);
    }
}

#[test]
fn a_comparison_makes_up_for_a_receipt_that_was_lost_with_its_connection() {
    let mut network = Network::new(40, &[1, 2], &[]);
    let (a, b) = (node(1), node(2));
    for id in [a, b] {
        network.want(id, space(7));
    }
    network.connect(a, b);
    network.settle();
    for number in 1..=3 {
        network.write(a, space(7), document(7, number), Urgency::Normal, 1, 100);
    }
    while network.persist(a) {}
    for lane in [Urgency::Urgent, Urgency::Normal, Urgency::Bulk] {
        while network.deliver(a, b, lane) {}
    }
    while network.persist(b) {}
    let said = |network: &Network, number| {
        let of = document(7, number);
        let receipts = &network.nodes[&a].told.receipts;
        receipts.iter().filter(|(by, document, _)| *by == b && *document == of).count()
    };
    assert_eq!(network.nodes[&b].replica.index().len(), 3, "all is durable there");
    assert_eq!([1, 2, 3].map(|number| said(&network, number)), [0; 3], "and nobody was told");
    network.cut(a, b);
    network.connect(a, b);
    network.settle();
    assert_eq!([1, 2, 3].map(|number| said(&network, number)), [1; 3]);
    // What was written since the comparison began is not taken for held.
    network.cut(a, b);
    network.write(a, space(7), document(7, 1), Urgency::Normal, 1, 100);
    while network.persist(a) {}
    network.connect(a, b);
    network.settle();
    let own = network.nodes[&a].replica.index().frontier(&document(7, 1)).unwrap();
    assert_eq!(own.entries(), 2);
    let last = network.nodes[&a].told.receipts.iter().rfind(|(_, of, _)| *of == document(7, 1));
    assert_eq!(last.unwrap().2, own, "after it was sent and stored");
}

#[test]
fn a_carrier_whose_disk_is_lost_asks_for_what_it_has_receipted_and_gets_it() {
    let mut network = Network::new(5, &[1], &[9]);
    let (member, carrier) = (node(1), node(9));
    network.want(member, space(7));
    for number in 0..5 {
        network.write(member, space(7), document(7, number), Urgency::Normal, 3, 300);
    }
    network.connect(member, carrier);
    network.settle();
    assert_eq!(network.check_equal(member, carrier, &[space(7)]), 15);
    assert_eq!(network.nodes[&member].told.lacks.len(), 5, "all of it was asked for once");
    network.may_go_back = true;
    network.nodes.get_mut(&carrier).unwrap().store.logs.clear();
    network.crash(carrier);
    network.nodes.get_mut(&member).unwrap().told.lacks.clear();
    network.connect(member, carrier);
    network.settle();
    let lacks = &network.nodes[&member].told.lacks;
    assert_eq!(lacks.len(), 5);
    assert!(lacks.iter().all(|(_, after)| after.is_empty()), "{lacks:?}");
    assert_eq!(network.check_equal(member, carrier, &[space(7)]), 15);
}
