//! Erasing: by order of a steward, at everybody who holds it, for good.

use std::collections::BTreeSet;

use linli_core::authority::Right;
use linli_core::engine::CoreError;
use linli_core::identity::draw_signing_key;
use linli_model::profile::ProfileField;
use linli_replica::batch::Shelf;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::erasure::Terms;
use linli_replica::id::{CommunityId, DocTag, NodeId, OrderId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, grant};

const MARKER: &str = "allergic to penicillin";

/// A centre with an elder's space, a household that writes too, a carrier, and somebody who is
/// enrolled and has no part in it. Everybody holds what they are to hold.
struct Town {
    net: Neighbourhood,
    centre: NodeId,
    hub: NodeId,
    carrier: NodeId,
    stranger: NodeId,
    space: SpaceTag,
    other: SpaceTag,
}

fn town(seed: u64) -> Town {
    let mut net = Neighbourhood::new(seed);
    let centre = net.join(PartyKind::Centre);
    let hub = net.join(PartyKind::Household);
    let carrier = net.join(PartyKind::Carrier);
    let stranger = net.join(PartyKind::Station);
    let grants = |net: &Neighbourhood| vec![grant(net.party(hub), Right::Write, true)];
    let (mine, theirs) = (grants(&net), grants(&net));
    let space = net.begin(centre, mine);
    let other = net.begin(centre, theirs);
    for space in [space, other] {
        net.set(centre, space, ProfileField::Name, "Wang").unwrap();
        net.set(centre, space, ProfileField::Health, MARKER).unwrap();
    }
    net.heal();
    net.set(hub, space, ProfileField::Housing, "lift").unwrap();
    net.heal();
    Town { net, centre, hub, carrier, stranger, space, other }
}

impl Town {
    fn order(&self) -> OrderId {
        let erasures = self.net.node(self.centre).replica.erasures();
        let orders: Vec<_> = erasures.orders().collect();
        assert_eq!(orders.len(), 1);
        orders[0].id()
    }

    fn confirmed(&self, at: NodeId) -> BTreeSet<NodeId> {
        let erasures = self.net.node(at).replica.erasures();
        erasures.confirmed(&self.order()).map(|(node, _)| node).collect()
    }

    /// Asserts that a node has nothing of the space: no entry, no key, no part in it.
    fn has_nothing(&mut self, id: NodeId) {
        let node = self.net.node(id);
        assert_eq!(node.disk.store.documents(self.space), []);
        assert!(node.disk.store.branches().iter().all(|(space, ..)| *space != self.space));
        assert_eq!(node.disk.store.record(Shelf::Space, self.space.as_bytes()), None);
        assert!(!node.replica.index().has_space(&self.space));
        assert!(!node.core.is_member(&self.space));
        assert!(node.replica.wanted().all(|space| space != self.space));
        assert!(self.net.view(id, self.space, "profile").is_err());
    }

    /// Asserts that the other space is as it was.
    fn spared(&mut self) {
        for id in [self.centre, self.hub] {
            assert_eq!(self.net.values(id, self.other, "health").len(), 1);
        }
        assert!(!self.net.node(self.carrier).disk.store.documents(self.other).is_empty());
    }
}

#[test]
fn everybody_who_holds_it_erases_and_says_so() {
    let mut town = town(70);
    assert!(!town.net.node(town.carrier).disk.store.documents(town.space).is_empty());
    town.net.order_erasure(town.centre, town.space, None).unwrap();
    town.net.heal();
    for id in [town.centre, town.hub, town.carrier, town.stranger] {
        town.has_nothing(id);
        assert_eq!(town.confirmed(id), [town.centre, town.hub, town.carrier].into(), "{id:?}");
    }
    town.spared();
    // Nothing more can be done there, and the order cannot be given twice.
    let again = town.net.set(town.hub, town.space, ProfileField::Phone, "13800138000");
    assert!(again.is_err());
    let again = town.net.order_erasure(town.centre, town.space, None);
    assert_eq!(again, Err(CoreError::NoSuchSpace));
}

#[test]
fn a_node_that_returns_after_months_erases_and_brings_nothing_back() {
    let mut town = town(71);
    let (centre, hub, carrier) = (town.centre, town.hub, town.carrier);
    town.net.isolate(hub);
    town.net.set(hub, town.space, ProfileField::Interests, "written while away").unwrap();
    town.net.settle();
    town.net.order_erasure(centre, town.space, None).unwrap();
    town.net.settle();
    town.has_nothing(carrier);
    assert_eq!(town.confirmed(centre), [centre, carrier].into(), "the hub is missing");
    town.net.tick(90 * 24 * 3_600_000);
    assert_eq!(town.net.values(hub, town.space, "interests").len(), 1);

    // It meets the carrier alone, which has the order from the centre.
    town.net.isolate(carrier);
    let before = [centre, carrier].map(|id| town.net.node(id).told.refused_pages.len());
    town.net.connect(hub, carrier);
    while town.net.step() {
        assert_eq!(town.net.node(carrier).disk.store.documents(town.space), []);
    }
    town.net.settle();
    town.has_nothing(hub);
    town.net.heal();
    for id in [centre, hub, carrier] {
        town.has_nothing(id);
        assert_eq!(town.confirmed(id), [centre, hub, carrier].into());
    }
    let after = [centre, carrier].map(|id| town.net.node(id).told.refused_pages.len());
    assert_eq!(before, after, "it did not even try");
    town.spared();
}

#[test]
fn a_restored_disk_erases_again_and_never_reads_what_its_inbox_still_holds() {
    let mut town = town(72);
    let (centre, hub) = (town.centre, town.hub);
    let image = town.net.node(hub).disk.commits();
    town.net.order_erasure(centre, town.space, None).unwrap();
    town.net.heal();
    town.has_nothing(hub);
    town.net.restore(hub, image);
    assert_eq!(town.net.values(hub, town.space, "health").len(), 1, "the image holds it");
    town.net.heal();
    town.has_nothing(hub);
    // Everything of its inbox is looked at again after a crash: keys of the space are in it.
    town.net.crash(hub);
    town.net.heal();
    town.has_nothing(hub);
    town.has_nothing(centre);
    town.spared();
}

#[test]
fn whoever_was_given_it_and_comes_late_answers_too() {
    let mut town = town(73);
    let late = town.net.join(PartyKind::Family);
    town.net.settle();
    town.net.isolate(late);
    let party = town.net.party(late);
    town.net.grant(town.centre, town.space, grant(party, Right::Read, true)).unwrap();
    town.net.settle();
    town.net.order_erasure(town.centre, town.space, None).unwrap();
    town.net.settle();
    assert!(!town.confirmed(town.centre).contains(&late));
    town.net.heal();
    town.has_nothing(late);
    assert!(town.confirmed(town.centre).contains(&late));
    assert!(!town.confirmed(town.centre).contains(&town.stranger), "it never had a part in it");
}

#[test]
fn an_order_without_the_spaces_key_erases_nothing() {
    let mut town = town(74);
    let community = town.net.node(town.centre).replica.directory().community();
    let now = town.net.now;
    let (centre, space) = (town.centre, town.space);
    let right = {
        let mut probe = Vec::new();
        town.net
            .act(centre, |core, world, _| {
                probe = core.order_erasure(world, space, None)?;
                Ok::<_, CoreError>(Default::default())
            })
            .unwrap();
        probe
    };
    // A member without the key, and one who is no steward.
    let refused = town.net.order_erasure(town.hub, space, None);
    assert_eq!(refused, Err(CoreError::Forbidden(Right::Steward)));

    let forger = draw_signing_key(&mut town.net.rng);
    let public = forger.verifying_key().to_bytes();
    let terms = |community, carrier_key: [u8; 32]| Terms {
        community,
        space: [1; 32].into(),
        carrier_key: carrier_key.into(),
        documents: None,
        at: now,
    };
    // An own key makes another tag; the tag itself is no id; another community's; a broken one.
    let tag_as_id = Terms { space: space.0.into(), ..terms(community, public) };
    let mut broken = right.clone();
    *broken.last_mut().unwrap() ^= 1;
    let elsewhere = terms(CommunityId([9; 32]), public).sign(&forger);
    for body in [terms(community, public).sign(&forger), tag_as_id.sign(&forger), elsewhere, broken]
    {
        for id in [town.hub, town.stranger, town.carrier] {
            town.net.publish_order(id, body.clone());
        }
    }
    town.net.heal();
    for id in [town.centre, town.hub] {
        assert_eq!(town.net.values(id, space, "health").len(), 1);
    }
    assert!(!town.net.node(town.carrier).disk.store.documents(space).is_empty());
    assert_eq!(town.net.node(town.hub).replica.erasures().refused().len(), 6);

    // The same order published by somebody else is the order.
    town.net.publish_order(town.stranger, right.clone());
    town.net.heal();
    town.net.publish_order(town.hub, right);
    town.net.heal();
    for id in [town.centre, town.hub, town.carrier] {
        town.has_nothing(id);
    }
    town.spared();
}

#[test]
fn documents_go_one_by_one() {
    let mut town = town(75);
    let (centre, hub, carrier) = (town.centre, town.hub, town.carrier);
    town.net.add_fact(hub, town.space, "order/1", "a", Urgency::Normal).unwrap();
    town.net.heal();
    let profile = {
        let (now, space) = (town.net.now, town.space);
        let _ = now;
        let mut tag = DocTag([0; 32]);
        town.net
            .act(centre, |core, world, _| {
                tag = core.space(world, space)?.document("profile");
                Ok::<_, CoreError>(Default::default())
            })
            .unwrap();
        tag
    };
    town.net.isolate(hub);
    town.net.set(hub, town.space, ProfileField::Interests, "written while away").unwrap();
    town.net.settle();
    town.net.order_erasure(centre, town.space, Some(&[profile].into())).unwrap();
    town.net.settle();
    let all = [centre, hub, carrier];
    let before = all.map(|id| town.net.node(id).told.refused_pages.len());
    town.net.heal();
    for id in all {
        let documents = town.net.node(id).disk.store.documents(town.space);
        assert!(!documents.contains(&profile) && !documents.is_empty(), "{id:?}");
        assert_eq!(town.confirmed(id), all.into());
    }
    let after = all.map(|id| town.net.node(id).told.refused_pages.len());
    assert_eq!(before, after, "what is erased is not even asked for");
    for id in [centre, hub] {
        assert_eq!(town.net.view(id, town.space, "order/1").unwrap().changes, 1);
        assert!(town.net.values(id, town.space, "health").is_empty());
        let again = town.net.set(id, town.space, ProfileField::Health, "again");
        assert_eq!(again.unwrap_err().to_string(), CoreError::Erased.to_string());
    }
    town.spared();
}

#[test]
fn chance_leaves_the_same_whatever_came_first() {
    for seed in 0..24 {
        let mut town = town(700 + seed);
        let all = [town.centre, town.hub, town.carrier, town.stranger];
        town.net.isolate_all();
        town.net.failures = 5;
        // Everybody goes on; the order is given somewhere in between.
        for turn in 0..12 {
            let (a, b) = (all[town.net.below(4)], all[town.net.below(4)]);
            town.net.connect(a, b);
            let value = format!("{MARKER} {turn}");
            for id in [town.centre, town.hub] {
                // Refused once it knows of the order, and where the disk failed.
                let written = town.net.set(id, town.space, ProfileField::Interests, &value);
                drop(written);
            }
            if turn == 4 {
                while town.net.order_erasure(town.centre, town.space, None).is_ok()
                    && town.net.node(town.centre).replica.erasures().orders().next().is_none()
                {
                    town.net.drain();
                }
            }
            for _ in 0..town.net.below(30) {
                town.net.step();
            }
            match town.net.below(6) {
                0 => town.net.crash(b),
                1 => town.net.isolate(a),
                _ => {}
            }
        }
        town.net.heal();
        town.net.heal();
        let holders: BTreeSet<NodeId> = [town.centre, town.hub, town.carrier].into();
        for id in all {
            town.has_nothing(id);
            assert!(town.confirmed(id).is_superset(&holders), "seed {seed}: {id:?}");
        }
        town.spared();
    }
}
