//! When a log begins late, what is refused until then, and what stays whole.

use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::{Frame, Pages};
use linli_replica::id::PruneId;
use linli_replica::limits::{PRUNE_WITHDRAWALS_MAX, PRUNE_WITHDRAWN_MAX};
use linli_replica::prune::{Terms, document_tag};
use linli_replica::replica::{Input, Policy};

use super::{DELAY_HOURS, HOUR_MS, Town};
use crate::community::node;

/// A courier brings a node entries, one in a page.
fn bring(town: &mut Town, to: u8, entries: &[Entry]) {
    let pages = entries.iter().map(|entry| vec![entry.encode().into()]).collect();
    let frame = Frame::Pages(Pages { pages });
    town.network.input(node(to), Input::Carried { from: node(9), frame });
    town.network.drain();
}

/// A courier brings a node the orders that the carrier holds.
fn bring_orders(town: &mut Town, to: u8) {
    let stands_in = document_tag(&town.space);
    let logs = &town.network.nodes[&node(9)].store.logs;
    let logs = logs.iter().filter(|((document, _), _)| *document == stands_in);
    let entries: Vec<Entry> = logs.flat_map(|(_, log)| log.values().cloned()).collect();
    bring(town, to, &entries);
}

/// The pages of the document that a node was sent in a day.
fn pages_in_a_day(town: &mut Town, to: u8) -> usize {
    town.network.log.clear();
    for _ in 0..24 * 60 {
        town.network.tick(60_000);
        town.network.drain();
    }
    let sent = town.network.log.iter().filter(|(_, other, ..)| *other == node(to));
    let pages =
        sent.filter_map(
            |(.., frame)| {
                if let Frame::Pages(pages) = frame { Some(&pages.pages) } else { None }
            },
        );
    let ours = |page: &[minicbor::bytes::ByteVec]| {
        Entry::decode(&page[0]).unwrap().header().document == town.document
    };
    pages.flatten().filter(|page| ours(page)).count()
}

#[test]
fn a_log_begins_late_only_once_its_checkpoint_is_there() {
    let (mut town, _) = Town::pruned(60);
    bring_orders(&mut town, 3);
    let (steward, other) = (town.held(1, 1)[19..].to_vec(), town.held(2, 2)[9..].to_vec());
    bring(&mut town, 3, &other);
    assert_eq!(town.sequences(3, 2), Vec::<u64>::new(), "nothing stands for what is before");
    // The checkpoint is at 21 to 23 of the steward's log.
    bring(&mut town, 3, &steward[..3]);
    assert_eq!(town.sequences(3, 1), (20..=22).collect::<Vec<_>>());
    bring(&mut town, 3, &other);
    assert_eq!(town.sequences(3, 2), Vec::<u64>::new(), "a part of it is missing");
    bring(&mut town, 3, &steward[3..]);
    bring(&mut town, 3, &other);
    assert_eq!(town.sequences(3, 2), (10..=14).collect::<Vec<_>>());
    assert_eq!(town.digest(3), town.digest(1));
    town.check(3);
}

#[test]
fn what_waits_for_its_checkpoint_is_asked_for_once_that_is_there() {
    for seed in 0..8 {
        let (mut town, _) = Town::pruned(seed);
        bring_orders(&mut town, 3);
        town.network.connect(node(3), node(9));
        for _ in 0..3 {
            town.network.tick(1_000);
            town.network.drain();
        }
        assert_eq!(town.digest(3), town.digest(1), "{seed}");
    }
}

#[test]
fn a_log_that_was_given_up_is_wanted_again_as_soon_as_its_checkpoint_comes_another_way() {
    let (mut town, _) = Town::pruned(67);
    bring_orders(&mut town, 3);
    town.network.withheld_log = Some(town.log(1));
    town.network.connect(node(3), node(9));
    for _ in 0..60 {
        town.network.tick(1_000);
        town.network.drain();
    }
    assert_eq!(town.sequences(3, 2), Vec::<u64>::new());
    let steward = town.held(1, 1)[19..].to_vec();
    bring(&mut town, 3, &steward);
    for _ in 0..3 {
        town.network.tick(1_000);
        town.network.drain();
    }
    assert_eq!(town.sequences(3, 2), (10..=14).collect::<Vec<_>>());
}

#[test]
fn what_is_refused_costs_a_page_and_is_asked_for_ever_less() {
    let (mut town, _) = Town::pruned(61);
    town.write(1, 300);
    town.network.connect(node(1), node(9));
    town.network.settle();
    town.leave();
    town.network.withheld = Some((node(9), document_tag(&town.space)));
    town.network.connect(node(3), node(9));
    let first = pages_in_a_day(&mut town, 3);
    assert!((2..=72).contains(&first), "{first} pages of two logs");
    let second = pages_in_a_day(&mut town, 3);
    assert!((1..=48).contains(&second), "{second} pages on the next day: one an hour of each log");
    assert_eq!(town.sequences(3, 1), Vec::<u64>::new());
    // An order ends it at once.
    town.network.withheld = None;
    bring_orders(&mut town, 3);
    for _ in 0..10 {
        town.network.tick(60_000);
        town.network.drain();
    }
    assert_eq!(town.digest(3), town.digest(1));
}

#[test]
fn a_branch_that_is_passed_over_is_asked_for_ever_less() {
    let (mut town, _) = Town::pruned(62);
    // A member holds both branches of the steward's log: it can only send all of it.
    let image = town.held(1, 1)[..18].to_vec();
    town.fork(2, 1, &image);
    town.network.connect(node(2), node(9));
    let asked = pages_in_a_day(&mut town, 9);
    assert!((1..=72).contains(&asked), "{asked} pages");
    assert!(pages_in_a_day(&mut town, 9) <= 48);
    assert_eq!(town.sequences(9, 1), (20..=28).collect::<Vec<_>>());
}

#[test]
fn nothing_goes_of_a_log_with_something_urgent() {
    let mut town = Town::with_history(63);
    town.network.write(node(2), town.space, town.document, Urgency::Urgent, 1, 300);
    town.network.settle();
    let terms = town.order();
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1), (20..=23).collect::<Vec<_>>());
    assert_eq!(town.sequences(9, 2), (1..=11).collect::<Vec<_>>());
    assert_eq!(town.notes(9), (1, true));
}

#[test]
fn a_log_that_stays_whole_keeps_the_checkpoint_that_it_rests_on() {
    let (mut town, _) = Town::pruned(64);
    let image = town.held(2, 2)[..12].to_vec();
    town.fork(9, 2, &image);
    town.write(1, 2);
    town.network.connect(node(1), node(9));
    town.network.settle();
    let terms = town.order_of(&[(1, 29), (2, 12)], (29, 30));
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!((town.sequences(9, 1)[0], town.sequences(9, 2)[0]), (20, 10));
    assert_eq!(town.notes(9), (2, false), "it waits");
}

#[test]
fn what_was_pruned_is_handed_on_though_more_is_taken_back_than_is_remembered() {
    let (mut town, _) = Town::pruned(65);
    for n in 0..PRUNE_WITHDRAWALS_MAX / PRUNE_WITHDRAWN_MAX {
        let id = |m: usize| PruneId(*blake3::hash(format!("{n} {m}").as_bytes()).as_bytes());
        let mut withdraws: Vec<PruneId> = (0..PRUNE_WITHDRAWN_MAX).map(id).collect();
        withdraws.sort();
        let back = Terms { withdraws, ..town.terms() };
        town.give(&back);
    }
    town.network.connect(node(1), node(9));
    town.network.settle();
    let late = town.order_of(&[(1, 24)], (25, 25));
    town.give(&late);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1)[0], 20, "nothing more goes");
    town.meet(3, 9);
    assert_eq!(town.digest(3), town.digest(1));
    assert_eq!(town.sequences(3, 1)[0], 20);
}

#[test]
fn quotas_count_what_is_there_where_removing_it_failed_and_something_came_meanwhile() {
    let mut town = Town::with_history(66);
    let terms = town.order();
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS - 2);
    let bytes = |town: &Town| town.network.nodes[&node(9)].replica.carried_in_all();
    let before = bytes(&town);
    let news = town.write(2, 1);
    let removal = loop {
        town.network.now = town.network.now.plus_ms(HOUR_MS);
        town.network.input(node(9), Input::Tick);
        let removes = town.network.batches(node(9)).position(|batch| !batch.prune.is_empty());
        if let Some(at) = removes {
            break town.network.pending(node(9))[at];
        }
        town.network.drain();
    };
    // The counts with what came are lower than what is held once the removal has failed.
    let page = news.iter().map(|entry| entry.encode().into()).collect();
    let frame = Frame::Pages(Pages { pages: vec![page] });
    town.network.input(node(9), Input::Carried { from: node(2), frame });
    let others = town.network.pending(node(9));
    for ticket in others.into_iter().filter(|ticket| *ticket != removal) {
        town.network.persist_one(node(9), ticket);
    }
    town.network.fail(node(9), removal);
    town.network.drain();
    let held = bytes(&town);
    assert!(held > before, "what came is counted, and nothing is given back");
    town.network.crash(node(9));
    assert_eq!(bytes(&town), held);
}

#[test]
fn a_member_that_carries_for_others_keeps_what_it_carries() {
    let mut town = Town::with_history(69);
    town.write(1, 1);
    let terms = town.order();
    town.give(&terms);
    town.meet(1, 4);
    town.leave();
    // It is of a household: what it does not want itself it holds for others.
    town.network.forget(node(4), town.space);
    town.network.set_policy(node(4), Policy { prunes: true, ..Policy::CARRIER });
    assert_eq!(town.notes(4).0, 1);
    town.pass(4, DELAY_HOURS + 2);
    assert_eq!(town.sequences(4, 1).len(), 24);
}
