//! Spaces are begun, granted and read; documents merge with their authors.

use std::collections::BTreeSet;

use automerge::ChangeHash;
use linli_core::authority::Right;
use linli_core::document::Withheld;
use linli_core::engine::{Authored, Core, CoreError, World};
use linli_model::profile::ProfileField;
use linli_replica::batch::Shelf;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, grant};

const ADDRESS: &str = "4-2-301 PLANTED-MARKER-ADDRESS";

#[test]
fn a_member_learns_of_a_space_through_its_inbox_and_a_carrier_reads_nothing() {
    let mut net = Neighbourhood::new(1);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let carrier = net.join(PartyKind::Carrier);
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.set(a, space, ProfileField::Address, ADDRESS).unwrap();
    net.set(a, space, ProfileField::Name, "PLANTED-MARKER-NAME").unwrap();
    net.settle();
    // Everything passes the carrier: the members never meet.
    net.connect(a, carrier);
    net.settle();
    net.connect(b, carrier);
    net.settle();

    assert_eq!(net.values(b, space, "address"), [(ADDRESS.to_owned(), vec![a])]);
    let compared = net.check_same(&[a, b], space);
    assert!(compared >= 4, "{compared} changes compared");

    let carried = net.node(carrier).disk.image().len();
    assert!(carried > 4, "the carrier holds {carried} things");
    let held: usize = net.node(carrier).replica.index().documents(&space).count();
    assert_eq!(held, 3, "profile, certificates and shares are carried");
    for marker in ["PLANTED-MARKER", "address", "profile", "care"] {
        assert_eq!(net.finds(carrier, marker.as_bytes()), 0, "{marker} is in the carrier's bytes");
    }
    assert_eq!(net.view(carrier, space, "profile"), Err(CoreError::NoSuchSpace));
    assert!(net.spaces(carrier).is_empty());
}

#[test]
fn concurrent_edits_keep_both_values_and_both_authors() {
    let mut net = Neighbourhood::new(2);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let c = net.join(PartyKind::Station);
    let grants = [b, c].map(|id| grant(net.party(id), Right::Write, true)).to_vec();
    let space = net.begin(a, grants);
    net.set(a, space, ProfileField::Address, "before").unwrap();
    net.heal();
    net.isolate_all();
    net.set(a, space, ProfileField::Address, "by a").unwrap();
    net.set(b, space, ProfileField::Address, "by b").unwrap();
    net.set(b, space, ProfileField::Name, "Li").unwrap();
    net.heal();

    let expected = vec![("by a".to_owned(), vec![a]), ("by b".to_owned(), vec![b])];
    for id in [a, b, c] {
        assert_eq!(net.values(id, space, "address"), expected);
        let profile = net.profile(id, space).unwrap();
        assert_eq!(profile.conflicts(), ["address"]);
        let at = profile.fields["address"].values[0].by[0].at;
        assert!(at.0 >= linli_tests::neighbourhood::BEGIN.0, "{at:?} is in milliseconds");
    }
    assert!(net.check_same(&[a, b, c], space) >= 12);

    net.set(c, space, ProfileField::Address, "settled").unwrap();
    net.settle();
    assert_eq!(net.values(a, space, "address"), [("settled".to_owned(), vec![c])]);
    assert!(net.check_same(&[a, b, c], space) >= 15);
}

#[test]
fn facts_depend_on_no_other_author() {
    let mut net = Neighbourhood::new(3);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.heal();
    for round in 0..3 {
        for (id, name) in [(a, "a"), (b, "b")] {
            net.add_fact(id, space, "alert/1", &format!("{name}{round}"), Urgency::Urgent).unwrap();
            net.settle();
        }
    }
    assert!(net.check_same(&[a, b], space) >= 12);
    let now = net.now;
    let node = net.nodes.get_mut(&a).unwrap();
    node.with_core(now, |core, world, _| {
        let (doc, _) = core.document(world, space, "alert/1").unwrap().parts();
        let changes = doc.get_changes(&[]);
        assert_eq!(changes.len(), 6);
        let mut last: std::collections::BTreeMap<_, ChangeHash> = Default::default();
        for change in &changes {
            let own = last.insert(change.actor_id().clone(), change.hash());
            assert_eq!(change.deps(), own.into_iter().collect::<Vec<_>>(), "own history only");
        }
        assert_eq!(last.len(), 2);
        assert_eq!(doc.get_heads().len(), 2);
    });
}

#[test]
fn who_has_no_right_to_write_is_withheld_until_a_grant_comes() {
    let mut net = Neighbourhood::new(4);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let r = net.join(PartyKind::Family);
    let grants =
        vec![grant(net.party(b), Right::Write, true), grant(net.party(r), Right::Read, true)];
    let space = net.begin(a, grants);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    assert!(net.set(r, space, ProfileField::Name, "refused").is_err(), "its own core refuses");
    let before = net.views(a, space).unwrap();

    let mut forger = net.forger(r, space, "profile");
    let mut doc = automerge::AutoCommit::new();
    let change = forger.change(&mut doc, |doc| {
        linli_model::profile::set(doc, ProfileField::Name, "forged").unwrap();
    });
    let mut rng = net.rng.clone();
    let entry = forger.write(&mut rng, vec![change.raw_bytes().to_vec()]);
    net.inject(r, &[entry]);
    net.heal();
    for id in [a, b] {
        let view = net.view(id, space, "profile").unwrap();
        let withheld: Vec<_> = view.withheld.iter().map(|w| (w.node, w.reason)).collect();
        assert_eq!(withheld, [(Some(r), Withheld::NoRight)]);
        let honest = before.values().next().unwrap();
        assert_eq!((&view.heads, &view.canonical), (&honest.heads, &honest.canonical));
    }
    // What honest nodes write does not lean on it.
    net.set(b, space, ProfileField::Health, "well").unwrap();
    net.settle();
    assert!(net.check_same(&[a, b], space) >= 4);

    net.grant(a, space, grant(net.party(r), Right::Write, true)).unwrap();
    net.heal();
    for id in [a, b, r] {
        assert!(net.view(id, space, "profile").unwrap().withheld.is_empty());
        let values = net.values(id, space, "name");
        assert!(values.contains(&("forged".to_owned(), vec![r])), "{values:?}");
        assert_eq!(values.len(), 2, "it was written apart");
    }
    assert!(net.check_same(&[a, b, r], space) >= 9);
}

/// The names of the documents that a core read from the records of a node knows.
fn names(net: &Neighbourhood, id: NodeId, space: SpaceTag) -> BTreeSet<String> {
    let node = net.node(id);
    let records = node.disk.store.records(Shelf::Space);
    let records = records.into_iter().map(|(key, value)| (Shelf::Space, key, value));
    let mut core = Core::load(node.keys.clone(), node.party, records).unwrap();
    let (directory, index) = (node.replica.directory(), node.replica.index());
    let now = linli_tests::neighbourhood::BEGIN;
    let world = World { now, directory, index, held: &node.disk.store };
    let space = core.space(world, space).unwrap();
    space.documents().map(|(_, name)| name.to_owned()).collect()
}

/// Stores what a node stores when it is closed in order.
fn close(net: &mut Neighbourhood, id: NodeId) {
    net.act(id, |core, world, _| {
        let records = core.close(world.directory)?;
        Ok::<_, CoreError>(Authored { records, ..Authored::default() })
    })
    .unwrap();
}

#[test]
fn names_of_documents_do_not_rewrite_the_record_and_are_kept_when_a_node_closes() {
    let mut net = Neighbourhood::new(9);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let record = |net: &Neighbourhood, id: NodeId| {
        net.node(id).disk.store.record(Shelf::Space, space.as_bytes()).unwrap()
    };
    let before = [a, b].map(|id| record(&net, id));
    let visits: Vec<String> = (1..=3).map(|number| format!("visit/{number}")).collect();
    for name in &visits {
        net.add_fact(a, space, name, "came", Urgency::Normal).unwrap();
    }
    net.heal();
    assert_eq!([a, b].map(|id| record(&net, id)), before, "the entries say it");
    for id in [a, b] {
        assert!(!names(&net, id, space).contains(&visits[0]));
        close(&mut net, id);
        net.settle();
        let known = names(&net, id, space);
        assert!(visits.iter().all(|name| known.contains(name)), "{known:?}");
    }
}

#[test]
fn names_of_documents_are_found_again_after_a_crash() {
    let mut net = Neighbourhood::new(10);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.heal();
    net.add_fact(a, space, "visit/1", "came", Urgency::Normal).unwrap();
    net.heal();
    for id in [a, b] {
        net.crash(id);
        net.heal();
        assert!(names(&net, id, space).contains("visit/1"));
    }
}

#[test]
fn names_of_documents_outlast_an_act_that_failed() {
    let mut net = Neighbourhood::new(11);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.heal();
    // The first entry binds the log, which writes the record; the second names a document only.
    for name in ["visit/0", "visit/1"] {
        net.add_fact(b, space, name, "came", Urgency::Normal).unwrap();
        net.heal();
    }
    // A writer may not revoke: the space is as it was before it tried.
    let refused = net.revoke(b, space, net.party(a));
    assert!(matches!(refused, Err(CoreError::Forbidden(Right::Steward))), "{refused:?}");
    assert!(!names(&net, b, space).contains("visit/1"));
    close(&mut net, b);
    net.settle();
    assert!(names(&net, b, space).contains("visit/1"));
}
