//! Any order, any split: whatever happens on the way, members come to show the same.

use linli_core::authority::Right;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, grant};

const FIELDS: [ProfileField; 4] =
    [ProfileField::Name, ProfileField::Address, ProfileField::Health, ProfileField::Note];

/// One thing that people, the network or the power company do.
fn happen(net: &mut Neighbourhood, ids: &[NodeId], space: SpaceTag, serial: usize) {
    let (one, other) = (ids[net.below(ids.len())], ids[net.below(ids.len())]);
    let (owner, party) = (ids[0], net.party(other));
    // Whoever may not is refused; that is their core's to say.
    match net.below(100) {
        0..22 => {
            let field = FIELDS[net.below(FIELDS.len())];
            let _ = net.set(one, space, field, &format!("value {serial}"));
        }
        22..32 => {
            let urgency = if net.below(2) == 0 { Urgency::Urgent } else { Urgency::Normal };
            let name = ["alert/1", "order/1"][net.below(2)];
            let _ = net.add_fact(one, space, name, &format!("fact {serial}"), urgency);
        }
        32..35 if other != owner => {
            let right = [Right::Read, Right::Write, Right::Steward][net.below(3)];
            let _ = net.grant(one, space, grant(party, right, true));
        }
        35..37 if other != owner => {
            let _ = net.revoke(one, space, party);
        }
        37..42 => net.cut(one, other),
        42..48 => net.connect(one, other),
        48 => net.crash(one),
        49..51 => net.tick(1_000),
        51..53 => {
            let _ = net.views(one, space);
        }
        _ => {
            for _ in 0..4 {
                net.step();
            }
        }
    }
}

fn run(seed: u64) -> usize {
    let mut net = Neighbourhood::new(seed);
    let kinds = [PartyKind::Household, PartyKind::Centre, PartyKind::Provider, PartyKind::Family];
    let ids = kinds.map(|kind| net.join(kind));
    net.drain();
    let grants = ids[1..].iter().map(|id| grant(net.party(*id), Right::Write, true)).collect();
    let space = net.begin(ids[0], grants);
    net.drain();
    net.connect_all();
    net.failures = if seed.is_multiple_of(3) { 12 } else { 0 };
    for serial in 0..200 {
        happen(&mut net, &ids, space, serial);
    }
    net.heal();
    // Whoever was removed meanwhile is let in again, with history.
    for id in &ids[1..] {
        let party = net.party(*id);
        net.grant(ids[0], space, grant(party, Right::Write, true)).unwrap();
    }
    net.heal();
    for id in ids {
        net.set(id, space, ProfileField::Housing, &format!("last by {id}")).unwrap();
        net.settle();
    }
    net.heal();
    for id in ids {
        let own = net.node(id).told.refused_pages.iter().filter(|(peer, _)| peer.is_none());
        assert_eq!(own.count(), 0, "seed {seed}: an own page was refused");
        assert_eq!(net.node(id).told.own_log_elsewhere, 0, "seed {seed}");
    }
    let last = format!("last by {}", ids[3]);
    assert_eq!(net.values(ids[0], space, "housing"), [(last, vec![ids[3]])], "seed {seed}");
    let compared = net.check_same(&ids, space);
    // Whoever opens everything anew sees the same.
    for id in ids {
        net.crash(id);
    }
    assert_eq!(net.check_same(&ids, space), compared, "seed {seed}");
    compared
}

fn runs(seeds: std::ops::Range<u64>) {
    let mut compared = 0;
    for seed in seeds.clone() {
        let changes = run(seed);
        assert!(changes > 20, "seed {seed}: {changes} changes were compared");
        compared += changes;
    }
    assert!(compared > 30 * seeds.count(), "{compared} changes were compared");
}

#[test]
fn chance_comes_together_1() {
    runs(0..20);
}

#[test]
fn chance_comes_together_2() {
    runs(20..40);
}

#[test]
fn chance_comes_together_3() {
    runs(40..60);
}

/// A commit failed while a removal of the same space was on its way to disk: the removal became
/// durable, and the core of the node that had signed it knew nothing of it any more.
#[test]
fn chance_lets_a_commit_fail_beside_a_removal() {
    runs(1056..1057);
}

/// A commit that began an epoch failed, and an edit sealed under it became durable: nobody else could
/// ever read it.
#[test]
fn chance_lets_the_commit_of_an_epoch_fail_before_an_edit() {
    runs(3012..3013);
}

#[test]
fn the_order_of_opening_does_not_matter() {
    let mut net = Neighbourhood::new(99);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Write, true)]);
    net.heal();
    let names: Vec<String> = (0..6).map(|number| format!("order/{number}")).collect();
    for (at, name) in names.iter().enumerate() {
        for round in 0..=at {
            let id = [a, b][round % 2];
            net.add_fact(id, space, name, &format!("fact {round}"), Urgency::Normal).unwrap();
        }
    }
    net.heal();
    let expected: Vec<_> = names.iter().map(|n| net.view(a, space, n).unwrap()).collect();
    assert_eq!(expected.iter().map(|view| view.changes).sum::<usize>(), 21);
    for turn in 0..6 {
        net.crash(b);
        let mut order: Vec<usize> = (0..6).collect();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        for at in order {
            assert_eq!(net.view(b, space, &names[at]).unwrap(), expected[at]);
        }
    }
}
