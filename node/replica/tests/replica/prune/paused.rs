//! A node that does not prune, logs that are not asked for, and what ends that.

use linli_replica::entry::Urgency;
use linli_replica::frame::{Frame, Pages};
use linli_replica::index::SeenCuts;
use linli_replica::prune::{Terms, document_tag};
use linli_replica::replica::{Input, Policy};

use super::{DELAY_HOURS, Town, removed};
use crate::community::node;

/// Lets seconds pass for all.
fn wait(town: &mut Town, seconds: usize) {
    for _ in 0..seconds {
        town.network.tick(1_000);
        town.network.drain();
    }
}

#[test]
fn a_carrier_that_prunes_no_more_carries_out_nothing_and_hands_on_what_it_pruned() {
    let (mut town, _) = Town::pruned(90);
    town.network.set_policy(node(9), Policy { prunes: false, ..Policy::CARRIER });
    town.network.connect(node(1), node(9));
    town.network.connect(node(2), node(9));
    town.write(1, 2);
    town.network.settle();
    let terms = town.order_of(&[(1, 29), (2, 14)], (29, 30));
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1)[0], 20, "it keeps what it has");
    assert_eq!(town.notes(9), (2, false), "and takes note of what it is told");
    // Whoever comes begins late by the first order, and hands on in turn.
    town.meet(3, 9);
    assert_eq!(town.digest(3), town.digest(1));
    assert_eq!(town.base(3, 1), town.base(9, 1));
    town.network.set_policy(node(3), Policy::MEMBER);
    town.meet(4, 3);
    assert_eq!(town.digest(4), town.digest(1));
    // Switched on again, it waits for as long as it takes.
    town.network.set_policy(node(9), Policy { prunes: true, ..Policy::CARRIER });
    town.pass(9, DELAY_HOURS - 2);
    assert_eq!(town.sequences(9, 1)[0], 20);
    town.pass(9, 4);
    assert_eq!(town.sequences(9, 1), [29, 30]);
}

#[test]
fn an_order_is_taken_and_not_carried_out_where_a_carrier_keeps_all() {
    let mut town = Town::with_history(91);
    town.network.set_policy(node(9), Policy { prunes: false, ..Policy::CARRIER });
    town.network.connect(node(1), node(9));
    let terms = town.order();
    town.give(&terms);
    assert_eq!(town.notes(9).0, 1);
    assert_eq!(removed(&mut town, 2 * DELAY_HOURS), 0);
}

/// A member that asks for a log which the carrier has from a base on only, and does not get the order.
fn paused(seed: u64) -> Town {
    let (mut town, _) = Town::pruned(seed);
    town.network.withheld = Some((node(9), document_tag(&town.space)));
    town.network.connect(node(3), node(9));
    wait(&mut town, 120);
    assert_eq!(town.sequences(3, 1), Vec::<u64>::new());
    town
}

#[test]
fn a_log_that_is_not_asked_for_is_again_once_another_filled_it() {
    let mut town = paused(92);
    let asked = town.pages_to(3);
    // A courier brings the beginning, up to where the carrier goes on.
    let page = town.held(1, 1)[..24].iter().map(|entry| entry.encode().into()).collect();
    let frame = Frame::Pages(Pages { pages: vec![page] });
    town.network.input(node(3), Input::Carried { from: node(4), frame });
    town.network.drain();
    assert_eq!(town.sequences(3, 1).len(), 24);
    assert_eq!(town.pages_to(3), asked);
    // The author writes at another carrier's, and this one tells of it: it does not send what it has fetched itself.
    town.write(1, 1);
    town.meet_and_stay(1, 9);
    assert_eq!(town.sequences(3, 1).len(), 29, "told of it, it asks");
}

#[test]
fn what_is_urgent_is_asked_for_though_its_log_is_not() {
    let mut town = paused(93);
    let asked = town.pages_to(3);
    town.network.write(node(1), town.space, town.document, Urgency::Urgent, 1, 300);
    town.network.drain();
    // The carrier fetches it, so that it tells of it and does not send it.
    town.meet_and_stay(1, 9);
    assert!(town.pages_to(3) > asked);
}

#[test]
fn nothing_begins_late_by_a_checkpoint_that_could_not_be_stored() {
    let (mut town, _) = Town::pruned(94);
    let order = |town: &Town| {
        let log =
            &town.network.nodes[&node(1)].store.logs[&(document_tag(&town.space), town.log(1))];
        log.values().map(|entry| entry.encode().into()).collect::<Vec<_>>()
    };
    let of = |town: &Town, by| {
        town.held(9, by).iter().map(|entry| entry.encode().into()).collect::<Vec<_>>()
    };
    let bring = |town: &mut Town, page| {
        let frame = Frame::Pages(Pages { pages: vec![page] });
        town.network.input(node(3), Input::Carried { from: node(9), frame });
    };
    let first = order(&town);
    bring(&mut town, first);
    town.network.drain();
    let (checkpoint, late) = (of(&town, 1), of(&town, 2));
    bring(&mut town, checkpoint);
    let under_way = town.network.pending(node(3));
    bring(&mut town, late.clone());
    assert_eq!(town.network.pending(node(3)), under_way, "it waits for what it rests on");
    for ticket in under_way {
        town.network.fail(node(3), ticket);
    }
    town.network.drain();
    assert_eq!((town.sequences(3, 2).len(), town.base(3, 2)), (0, None));
    // Once the disk is tried again and the checkpoint is there it may.
    wait(&mut town, 60);
    let checkpoint = of(&town, 1);
    bring(&mut town, checkpoint);
    bring(&mut town, late);
    town.network.drain();
    assert_eq!(town.sequences(3, 2), (10..=14).collect::<Vec<_>>());
}

#[test]
fn orders_are_read_some_at_a_time_and_each_once() {
    let mut town = Town::with_history(95);
    let terms = town.order();
    for n in 0..3 {
        town.give(&Terms { at: terms.at.plus_ms(n), ..terms.clone() });
    }
    let carrier = &town.network.nodes[&node(9)];
    let (log, mut seen) = (town.log(1), SeenCuts::default());
    let mut read = |budget: usize| {
        let mut left = budget;
        let index = carrier.replica.index();
        let missing =
            index.may_be_missing((&town.document, &log), &mut seen, &mut left, &carrier.store);
        (missing.unwrap(), budget - left)
    };
    assert_eq!(read(2), (u64::MAX, 2), "what is not read counts as missing");
    assert_eq!(read(2), (19, 1));
    assert_eq!(read(0), (19, 0));
}

#[test]
fn an_order_that_waits_for_long_is_looked_at_ever_more_seldom() {
    let mut town = Town::with_history(96);
    // Its checkpoint never comes.
    let mut terms = town.order();
    terms.checkpoint.as_mut().unwrap().last += 1;
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS);
    let looks = |town: &mut Town, hours| {
        town.network.nodes[&node(9)].store.reads.take();
        town.pass(9, hours);
        let reads = town.network.nodes[&node(9)].store.reads.take();
        reads.into_iter().filter(|read| *read == document_tag(&town.space)).count()
    };
    let first = looks(&mut town, 24);
    let later = looks(&mut town, 1_000);
    assert!((4..=24).contains(&first), "{first}");
    assert!((20..=60).contains(&later), "{later} in six weeks");
}
