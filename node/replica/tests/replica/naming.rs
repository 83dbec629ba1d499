//! A carrier learns the tag of a space when something of it is brought, and not before.

use std::collections::BTreeSet;

use linli_replica::certificate::Certificate;
use linli_replica::entry::Urgency;
use linli_replica::frame::{Frame, Naming};
use linli_replica::id::{NodeId, SpaceTag, inbox_tag};
use linli_replica::replica::Input;

use crate::community::node;
use crate::network::{Network, document, space};

/// The tags that were told to a node in clear.
fn told(network: &Network, to: NodeId) -> BTreeSet<SpaceTag> {
    let frames = network.log.iter().filter(|(_, other, ..)| *other == to);
    let tags = frames.filter_map(|(.., frame)| {
        if let Frame::Adopt(adopt) = frame { Some(adopt.tags.clone()) } else { None }
    });
    tags.flatten().collect()
}

/// How many names of a kind a node sent.
fn named(network: &Network, from: NodeId, naming: Naming) -> usize {
    let frames = network.log.iter().filter(|(sender, ..)| *sender == from);
    let lists =
        frames.filter_map(
            |(.., frame)| {
                if let Frame::Spaces(spaces) = frame { Some(spaces) } else { None }
            },
        );
    lists.filter(|list| list.naming == naming).map(|list| list.names.len() / 16).sum()
}

#[test]
fn a_carrier_learns_no_tag_of_a_space_of_which_nothing_is_brought() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    for number in 10..40 {
        network.want(a, space(number));
    }
    network.connect(a, carrier);
    network.settle();
    assert!(named(&network, a, Naming::Ask) >= 30, "it asks for all of them by name");
    assert_eq!(told(&network, carrier), BTreeSet::new());
    assert_eq!(network.nodes[&carrier].replica.status(&a).unwrap().shared.len(), 2, "inboxes");

    network.write(a, space(12), document(12, 1), Urgency::Normal, 1, 100);
    network.settle();
    assert_eq!(told(&network, carrier), BTreeSet::from([space(12)]), "what it brings");
    assert_eq!(network.check_equal(a, carrier, &[space(12)]), 1);

    network.want(b, space(12));
    network.connect(b, carrier);
    network.settle();
    assert_eq!(network.check_equal(a, b, &[space(12)]), 1);
}

#[test]
fn what_was_asked_about_in_vain_comes_when_somebody_brings_it() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    for id in [a, b] {
        network.want(id, space(12));
        network.connect(id, carrier);
    }
    network.settle();
    let before = network.log.len();
    network.write(b, space(12), document(12, 1), Urgency::Urgent, 1, 100);
    network.drain();
    assert_eq!(network.check_equal(a, b, &[space(12)]), 1, "without waiting for a comparison");
    let asks = network.log.iter().skip(before).filter(|(from, _, _, frame)| {
        *from == a && matches!(frame, Frame::Spaces(list) if list.naming == Naming::Ask)
    });
    assert_eq!(asks.count(), 0, "it was told");
    assert_eq!(told(&network, carrier), BTreeSet::from([space(12)]));
    assert_eq!(named(&network, carrier, Naming::Kept), 1);
    network.write(b, space(12), document(12, 1), Urgency::Urgent, 1, 100);
    network.drain();
    assert_eq!(network.check_equal(a, b, &[space(12)]), 2, "from then on it is pushed");
}

#[test]
fn what_was_asked_about_in_vain_is_asked_about_again_at_the_next_connection() {
    for crash in [false, true] {
        let mut network = Network::new(1, &[1, 2], &[9]);
        let (a, b, carrier) = (node(1), node(2), node(9));
        network.want(a, space(12));
        network.connect(a, carrier);
        network.settle();
        network.cut(a, carrier);
        network.want(b, space(12));
        network.write(b, space(12), document(12, 1), Urgency::Normal, 1, 100);
        network.connect(b, carrier);
        network.settle();
        network.cut(b, carrier);
        if crash {
            network.crash(carrier);
        }
        network.connect(a, carrier);
        network.settle();
        assert_eq!(network.check_equal(a, b, &[space(12)]), 1, "crash: {crash}");
    }
}

#[test]
fn what_is_not_wanted_any_more_is_not_shared_when_it_comes() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    for id in [a, b] {
        network.want(id, space(12));
        network.connect(id, carrier);
    }
    network.settle();
    network.forget(a, space(12));
    network.write(b, space(12), document(12, 1), Urgency::Normal, 1, 100);
    network.settle();
    for end in [a, carrier] {
        let peer = if end == a { carrier } else { a };
        let shared = network.nodes[&end].replica.status(&peer).unwrap().shared;
        assert!(!shared.contains(&space(12)));
    }
    assert_eq!(network.nodes[&a].store.entries().count(), 0);
    assert!(network.nodes[&a].told.refused.is_empty());
}

/// A provider's node has spaces of its own and carries for others; a relay carries for it.
#[test]
fn a_carrier_with_spaces_of_its_own_has_them_kept_by_another() {
    let mut network = Network::new(1, &[1], &[8, 9]);
    let (member, provider, relay) = (node(1), node(8), node(9));
    for number in 10..15 {
        network.want(provider, space(number));
        network.want(member, space(number));
    }
    network.write(member, space(12), document(12, 1), Urgency::Normal, 1, 100);
    for end in [member, provider, member] {
        network.connect(end, relay);
        network.settle();
        network.cut(end, relay);
        if end == provider {
            assert_eq!(network.check_equal(member, provider, &[space(12)]), 1);
            network.write(provider, space(12), document(12, 2), Urgency::Normal, 1, 100);
            network.settle();
            network.connect(end, relay);
            network.settle();
            network.cut(end, relay);
        }
    }
    assert_eq!(network.check_equal(member, provider, &[space(12)]), 2);
    assert_eq!(told(&network, relay), BTreeSet::from([space(12)]), "no other tag was told");
}

#[test]
fn what_a_node_seals_to_itself_goes_to_the_carrier() {
    for before in [true, false] {
        let mut network = Network::new(1, &[1], &[9]);
        let (a, carrier) = (node(1), node(9));
        let own = inbox_tag(&a);
        if !before {
            network.connect(a, carrier);
            network.settle();
            assert_eq!(told(&network, carrier), BTreeSet::new(), "there is nothing to bring");
        }
        network.write(a, own, document(1, 1), Urgency::Normal, 2, 100);
        network.settle();
        network.connect(a, carrier);
        network.settle();
        assert_eq!(network.check_equal(a, carrier, &[own]), 2, "before: {before}");
        assert_eq!(told(&network, carrier), BTreeSet::from([own]));
        assert!(network.nodes[&carrier].told.refused.is_empty());
    }
}

#[test]
fn relays_are_told_what_concerns_them_and_nothing_else() {
    let mut network = Network::new(1, &[1, 2], &[8, 9]);
    let (a, b, relay) = (node(1), node(2), node(9));
    network.connect(a, relay);
    network.connect(b, relay);
    network.connect(node(8), relay);
    network.settle();
    let private = network.community().notice(1, "somebody has left");
    let order = network.community().notice_of(1, "erased", "an order");
    let expel = network.community().expel(8);
    let news = [&private, &order, &expel].map(Certificate::clone);
    network.certify(a, news.to_vec());
    network.settle();
    network.input(a, Input::Reconcile { peer: relay });
    network.settle();
    let knows = |id: NodeId, certificate: &Certificate| {
        network.nodes[&id].replica.directory().certificate(&certificate.id()).is_some()
    };
    assert!(!knows(relay, &private));
    for id in [a, relay, b] {
        assert!(knows(id, &order) && knows(id, &expel));
    }
    assert!(!knows(b, &private), "it comes when the two meet");
    assert!(network.nodes[&relay].told.refused.is_empty());

    network.connect(a, b);
    network.settle();
    let knows =
        |id: NodeId| network.nodes[&id].replica.directory().certificate(&private.id()).is_some();
    assert!(knows(b) && !knows(relay));
    // Comparing a relay with a member finds nothing to say of what the relay is not told.
    network.log.clear();
    network.input(a, Input::Reconcile { peer: relay });
    network.drain();
    assert_eq!(network.log.len(), 2, "one round trip: {:?}", network.log);
}
