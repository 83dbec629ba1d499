//! Power cuts, failed commits and restored disks: nothing acknowledged is lost, and no log forks.

use std::collections::BTreeSet;

use linli_core::authority::Right;
use linli_core::document::Withheld;
use linli_model::profile::ProfileField;
use linli_replica::batch::Shelf;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::{Suite, Urgency};
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, grant};

/// Steps between two power cuts: every step is cut at by one of the three nodes in turn, over a run.
const STRIDE: usize = 11;

/// Runs a morning in which `victim`'s power fails after `at` steps; returns the steps it took.
fn morning(victim: usize, at: usize) -> usize {
    let mut net = Neighbourhood::new(30);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let c = net.join(PartyKind::Provider);
    net.drain();
    net.connect_all();
    net.drain();
    let from = net.steps;
    let mut crashed = false;
    let mut space = None;
    for act in 0..7 {
        let mut run = |net: &mut Neighbourhood, steps: usize| {
            for _ in 0..steps {
                if !crashed && net.steps - from >= at {
                    crashed = true;
                    net.crash([a, b, c][victim]);
                    net.connect_all();
                }
                if !net.step() {
                    break;
                }
            }
        };
        // What people do does not wait for the disk.
        match (act, space) {
            (0, _) => space = Some(net.begin(a, vec![grant(net.party(b), Right::Write, true)])),
            (1, Some(space)) if net.spaces(a).contains(&space) => {
                net.set(a, space, ProfileField::Name, "Wang").unwrap();
                net.add_fact(a, space, "alert/1", "raised", Urgency::Urgent).unwrap();
            }
            (2, Some(space)) if net.spaces(a).contains(&space) => {
                net.grant(a, space, grant(net.party(c), Right::Write, true)).unwrap();
                net.add_fact(a, space, "alert/1", "again", Urgency::Urgent).unwrap();
            }
            (3, Some(space)) if net.spaces(b).contains(&space) => {
                net.set(b, space, ProfileField::Phone, "13800138000").unwrap();
            }
            (4, Some(space)) if net.spaces(c).contains(&space) => {
                let _refused = net.set(c, space, ProfileField::Health, "well");
            }
            (5, Some(space)) if net.spaces(a).contains(&space) => {
                net.revoke(a, space, net.party(c)).unwrap();
                net.set(a, space, ProfileField::Housing, "lift").unwrap();
            }
            _ => {}
        }
        run(&mut net, if act == 6 { 100_000 } else { 40 });
    }
    net.heal();
    let Some(space) = space.filter(|space| net.spaces(a).contains(space)) else {
        return net.steps - from;
    };
    // The space may have been begun in vain; what is left of it works.
    net.set(a, space, ProfileField::Interests, "chess").unwrap();
    net.heal();
    if net.spaces(b).contains(&space) {
        net.set(b, space, ProfileField::Language, "zh").unwrap();
        net.heal();
        assert!(net.check_same(&[a, b], space) >= 4);
        assert_eq!(net.values(b, space, "interests").len(), 1, "victim {victim}, step {at}");
    }
    for id in [a, b, c] {
        check_acknowledged(&mut net, id, &[a, b], space);
    }
    net.steps - from
}

/// Checks that what was acknowledged is held at every reader, and that nothing forked.
fn check_acknowledged(net: &mut Neighbourhood, id: NodeId, readers: &[NodeId], space: SpaceTag) {
    let acknowledged = net.node(id).told.acknowledged.clone();
    for entry in acknowledged.iter().filter(|entry| entry.header().space == space) {
        let header = entry.header();
        for reader in readers.iter().filter(|reader| net.spaces(**reader).contains(&space)) {
            let index = net.node(*reader).replica.index();
            let held = &net.node(*reader).disk.store;
            let has = index.has(header.document, header.log, entry.tip(), held).unwrap();
            assert!(has, "an acknowledged entry is lost");
            assert_eq!(index.tips(&header.document, &header.log).len(), 1, "a log forked");
        }
    }
    for reader in readers {
        let views = net.views(*reader, space).unwrap_or_default();
        for withheld in views.values().flat_map(|view| &view.withheld) {
            assert_eq!(withheld.reason, Withheld::PastCut, "{withheld:?}");
        }
    }
    assert_eq!(net.node(id).told.own_log_elsewhere, 0);
    let own = net.node(id).told.refused_pages.iter().filter(|(peer, _)| peer.is_none());
    assert_eq!(own.count(), 0, "an own page was refused");
}

#[test]
fn power_fails_at_every_step_and_nothing_acknowledged_is_lost() {
    let mut runs = 0;
    for victim in 0..3 {
        let mut at = victim;
        loop {
            let steps = morning(victim, at);
            runs += 1;
            at += STRIDE;
            if at > steps.min(300) {
                break;
            }
        }
    }
    assert!(runs >= 3 * 15, "{runs} runs");
}

#[test]
fn a_restored_disk_starts_fresh_logs() {
    let mut net = Neighbourhood::new(31);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let image = net.node(a).disk.commits();
    net.set(a, space, ProfileField::Phone, "13800138000").unwrap();
    net.set(a, space, ProfileField::Health, "after the image").unwrap();
    net.settle();
    let before = net.node(b).replica.index().documents(&space).count();
    net.restore(a, image);
    assert!(net.values(a, space, "health").is_empty());
    net.heal();
    assert_eq!(net.node(a).told.own_log_elsewhere, 1);
    assert_eq!(net.values(a, space, "health"), [("after the image".to_owned(), vec![a])]);
    net.set(a, space, ProfileField::Housing, "lift").unwrap();
    net.set(b, space, ProfileField::Interests, "chess").unwrap();
    net.settle();
    assert_eq!(net.values(b, space, "housing"), [("lift".to_owned(), vec![a])]);
    assert!(net.check_same(&[a, b], space) >= 10);
    let profile = net.profile(b, space).unwrap();
    assert_eq!(profile.fields.len(), 5);
    let view = net.view(b, space, "profile").unwrap();
    assert!(view.withheld.is_empty(), "no branch: {:?}", view.withheld);
    assert_eq!(net.node(b).replica.index().documents(&space).count(), before);
    let tag = *net.views(b, space).unwrap().keys().next().unwrap();
    let frontier = net.node(b).replica.index().frontier(&tag).unwrap();
    assert_eq!(frontier.0.len(), 3, "two logs of a's and one of b's");
    // Of everything that either sent, no place in a log and no nonce came twice.
    let entries: Vec<_> = [a, b].iter().flat_map(|id| &net.node(*id).told.acknowledged).collect();
    let places: BTreeSet<_> = entries
        .iter()
        .map(|e| (e.header().document, e.header().log, e.header().sequence))
        .collect();
    assert_eq!(places.len(), entries.len());
    let sealed: Vec<_> = entries.iter().filter(|e| e.header().suite == Suite::Epoch).collect();
    let nonces: BTreeSet<_> = sealed.iter().map(|e| *e.header().nonce).collect();
    assert!(nonces.len() == sealed.len() && nonces.len() > 5);
}

#[test]
fn a_restored_disk_gets_back_from_a_carrier_what_was_begun_after_it() {
    for wrote_alone in [false, true] {
        got_back(wrote_alone);
    }
}

/// Restores a hub's disk; it may write before it meets the carrier, which forks its inbox's log.
fn got_back(wrote_alone: bool) {
    let mut net = Neighbourhood::new(34);
    let hub = net.join(PartyKind::Household);
    let centre = net.join(PartyKind::Centre);
    let carrier = net.join(PartyKind::Carrier);
    let before = net.begin(hub, Vec::new());
    net.set(hub, before, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let image = net.node(hub).disk.commits();

    // One space that nobody else may read, one that a neighbour was let into and out of again.
    let alone = net.begin(hub, Vec::new());
    net.set(hub, alone, ProfileField::Name, "Li").unwrap();
    net.add_fact(hub, alone, "alert/1", "raised", Urgency::Urgent).unwrap();
    let shared = net.begin(hub, vec![grant(net.party(centre), Right::Write, true)]);
    net.set(hub, shared, ProfileField::Name, "Zhao").unwrap();
    net.heal();
    net.set(centre, shared, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    net.revoke(hub, shared, net.party(centre)).unwrap();
    net.set(hub, shared, ProfileField::Health, "under the second epoch").unwrap();
    net.settle();
    let spaces = [before, alone, shared];
    let expected = spaces.map(|space| net.views(hub, space).unwrap());
    assert_eq!(net.node(hub).told.refused_items, Vec::<String>::new());

    // The centre is gone: all comes from the carrier, which can open nothing.
    net.isolate_all();
    net.restore(hub, image);
    assert_eq!(net.spaces(hub), [before]);
    let meanwhile = wrote_alone.then(|| net.begin(hub, Vec::new()));
    net.connect(hub, carrier);
    net.settle();
    assert!(meanwhile.is_none_or(|space| net.spaces(hub).contains(&space)));
    assert_eq!(net.node(hub).told.own_log_elsewhere, 1);
    for (space, expected) in spaces.into_iter().zip(&expected) {
        assert!(net.spaces(hub).contains(&space), "a space is missing");
        assert_eq!(&net.views(hub, space).unwrap(), expected);
    }
    assert_eq!(net.values(hub, alone, "name"), [("Li".to_owned(), vec![hub])]);
    assert_eq!(net.spaces(carrier), []);

    // It goes on there, in logs that fork none of its former ones.
    for space in spaces {
        net.set(hub, space, ProfileField::Housing, "lift").unwrap();
    }
    let after = net.begin(hub, Vec::new());
    net.heal();
    for space in spaces {
        assert_eq!(net.values(hub, space, "housing"), [("lift".to_owned(), vec![hub])]);
        assert!(net.check_same(&[hub], space) >= 2);
        let index = net.node(carrier).replica.index();
        for (document, _) in index.documents(&space) {
            let frontier = index.frontier(&document).unwrap();
            assert!(frontier.0.values().all(|tips| tips.len() == 1), "a log forked");
        }
    }
    assert!(net.spaces(hub).contains(&after));
    let own = net.node(hub).told.refused_pages.iter().filter(|(peer, _)| peer.is_none());
    assert_eq!(own.count(), 0, "an own page was refused");
}

#[test]
fn a_failed_commit_leaves_nothing_behind_and_can_be_repeated() {
    let mut net = Neighbourhood::new(32);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    net.drain();
    net.failures = 1;
    let vain = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.drain();
    assert!(!net.spaces(a).contains(&vain), "a space that is not durable does not exist");
    net.failures = 0;
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    let before = net.views(a, space).unwrap();
    for round in 0..3 {
        net.failures = 1;
        net.set(a, space, ProfileField::Phone, "13800138000").unwrap();
        net.set(a, space, ProfileField::Health, "well").unwrap();
        net.revoke(a, space, net.party(b)).unwrap();
        net.drain();
        assert_eq!(net.views(a, space).unwrap(), before, "round {round}");
    }
    assert!(net.node(a).told.lost >= 4);
    net.failures = 0;
    net.set(a, space, ProfileField::Phone, "13800138000").unwrap();
    net.set(b, space, ProfileField::Health, "well").unwrap();
    net.heal();
    assert!(net.check_same(&[a, b], space) >= 6);
    assert_eq!(net.values(b, space, "phone").len(), 1);
    let view = net.view(b, space, "profile").unwrap();
    assert!(view.withheld.is_empty(), "{:?}", view.withheld);
}

#[test]
fn what_arrives_while_an_own_entry_is_on_its_way_to_disk_forks_nothing() {
    let mut net = Neighbourhood::new(33);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.heal();
    for round in 0..40 {
        for id in [a, b] {
            net.set(id, space, ProfileField::Note, &format!("round {round} of {id}")).unwrap();
            for _ in 0..net.below(6) {
                net.step();
            }
        }
    }
    net.heal();
    assert_eq!(net.check_same(&[a, b], space), 160);
    let view = net.view(a, space, "profile").unwrap();
    assert!(view.withheld.is_empty(), "{:?}", view.withheld);
}

/// Raises an alert; says how often the record of its space goes to disk with what is urgent.
fn brings(net: &mut Neighbourhood, id: NodeId, space: SpaceTag, alerts: &[&str]) -> usize {
    let before = net.node(id).disk.history().len();
    for alert in alerts {
        net.add_fact(id, space, alert, "raised", Urgency::Urgent).unwrap();
    }
    net.drain();
    let batches = net.node(id).disk.history().iter().skip(before).filter(|batch| batch.urgent);
    let records = batches.flat_map(|batch| &batch.records);
    records.filter(|record| record.shelf == Shelf::Space && record.key == space.0).count()
}

#[test]
fn an_alert_brings_the_record_of_its_space_until_one_did_and_is_durable() {
    let mut net = Neighbourhood::new(32);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    net.drain();
    let space = net.begin(a, vec![]);
    assert_eq!(brings(&mut net, a, space, &["alert/1", "alert/2"]), 2, "none of them is durable");
    assert_eq!(brings(&mut net, a, space, &["alert/3", "alert/4"]), 0);
    net.grant(a, space, grant(net.party(b), Right::Write, true)).unwrap();
    assert_eq!(brings(&mut net, a, space, &["alert/5"]), 1, "the record with the grant may wait");
    assert_eq!(brings(&mut net, a, space, &["alert/6"]), 0);
    net.crash(a);
    assert_eq!(brings(&mut net, a, space, &["alert/7"]), 1, "who starts does not know");
}
