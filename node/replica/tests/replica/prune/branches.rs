//! Branches that leave a log before its base, and nodes that hold a part of what was pruned.

use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::{Frame, Pages};
use linli_replica::replica::Input;

use super::{DELAY_HOURS, Town};
use crate::community::node;
use crate::network::{Network, entry};

/// How many receipts of the document a node has given.
fn receipts_of(town: &Town, by: u8) -> usize {
    let said = town.network.log.iter().filter(|(from, ..)| *from == node(by));
    let receipts =
        said.filter_map(
            |(.., frame)| {
                if let Frame::Receipt(receipt) = frame { Some(receipt) } else { None }
            },
        );
    receipts.flat_map(|receipt| &receipt.documents).filter(|d| d.document == town.document).count()
}

#[test]
fn a_branch_before_the_base_is_not_asked_for_without_end() {
    let mut town = Town::with_history(24);
    town.meet(1, 3);
    let terms = town.order();
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    let image = town.held(1, 1)[..18].to_vec();
    town.fork(3, 1, &image);
    town.network.log.clear();
    town.network.connect(node(3), node(9));
    let asked = |town: &mut Town| {
        for _ in 0..120 {
            town.network.tick(1_000);
            town.network.drain();
        }
        town.pages_to(9)
    };
    let first = asked(&mut town);
    assert!((1..=3).contains(&first), "{first} times");
    assert_eq!(asked(&mut town), first, "no more within five minutes");
    assert_eq!(town.sequences(9, 1), (20..=23).collect::<Vec<_>>());
}

#[test]
fn what_is_passed_over_and_not_held_is_not_receipted() {
    let (mut town, _) = Town::pruned(25);
    let image = town.held(1, 1)[..18].to_vec();
    bring(&mut town, 4, &image);
    town.fork(4, 1, &image);
    town.meet(4, 9);
    assert!(town.pages_to(9) > 0, "the carrier asks for it");
    assert_eq!(receipts_of(&town, 9), 0);
    assert_eq!(town.sequences(9, 1), (20..=28).collect::<Vec<_>>());
}

/// A courier brings a node entries, one in a page.
fn bring(town: &mut Town, to: u8, entries: &[Entry]) {
    let pages = entries.iter().map(|entry| vec![entry.encode().into()]).collect();
    let frame = Frame::Pages(Pages { pages });
    town.network.input(node(to), Input::Carried { from: node(2), frame });
    town.network.drain();
}

/// A carrier that has pruned, and a member that holds the first five entries of the steward's log.
fn with_a_part(seed: u64) -> Town {
    let mut town = Town::new(seed);
    town.write(1, 5);
    town.write(2, 1);
    town.meet(1, 3);
    town.meet(2, 3);
    town.write(1, 15);
    town.write(2, 9);
    town.network.connect(node(1), node(9));
    town.network.connect(node(2), node(9));
    town.network.settle();
    town.write(1, 3);
    town.network.settle();
    let terms = town.order();
    town.give(&terms);
    town.write(1, 1);
    town.network.settle();
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1), (20..=24).collect::<Vec<_>>());
    town
}

/// Lets a member be connected to the pruned carrier for minutes; returns the pages that it was sent.
fn minutes(town: &mut Town, member: u8, minutes: usize) -> usize {
    town.network.log.clear();
    for _ in 0..minutes * 60 {
        town.network.tick(1_000);
        town.network.drain();
    }
    town.pages_to(member)
}

#[test]
fn who_held_a_part_of_what_was_pruned_keeps_it_and_goes_on_from_the_base() {
    let mut town = with_a_part(3);
    town.write(1, 300);
    town.network.connect(node(1), node(9));
    town.network.settle();
    town.leave();
    town.network.connect(node(3), node(9));
    let asked = minutes(&mut town, 3, 4);
    assert!((1..=4).contains(&asked), "{asked} times for two logs, a page each");
    assert!(town.network.nodes[&node(3)].told.synced.contains(&node(9)), "the session goes on");
    assert_eq!(town.sequences(3, 1), (1..=5).chain(20..=324).collect::<Vec<_>>());
    assert_eq!(town.base(3, 1), town.base(9, 1));
    town.leave();
    town.meet(3, 1);
    assert_eq!(town.pages_to(3), 0, "what is before the base counts as held");
    town.meet(3, 2);
    assert_eq!(town.digest(3), town.digest(1));
    town.check(3);
}

#[test]
fn a_branch_that_a_member_holds_stays_with_it_beside_a_base() {
    let mut town = with_a_part(4);
    let image = town.held(1, 1)[..4].to_vec();
    // A disk image of the log's writer wrote another fifth entry.
    let key = Network::log_key(node(1), town.space);
    let how = (Urgency::Normal, 300, 77);
    let other = entry(&key, town.space, town.document, 5, image[3].id(), how);
    bring(&mut town, 4, &image);
    bring(&mut town, 4, std::slice::from_ref(&other));
    town.meet(4, 9);
    assert!(town.held(4, 1).iter().any(|e| e.tip() == other.tip()), "for its readers to compare");
    assert_eq!(town.sequences(4, 1), (1..=5).chain(20..=24).collect::<Vec<_>>());
    assert_eq!(town.base(4, 1), town.base(9, 1));
    town.meet(4, 1);
    assert_eq!(town.digest(4), town.digest(1));
    town.check(4);
}

#[test]
fn who_holds_both_branches_of_a_fork_takes_no_base() {
    let mut town = with_a_part(5);
    let previous = town.held(1, 1)[3].id();
    let key = Network::log_key(node(1), town.space);
    let how = (Urgency::Normal, 300, 77);
    let other = entry(&key, town.space, town.document, 5, previous, how);
    bring(&mut town, 3, &[other]);
    assert_eq!(town.held(3, 1).len(), 6, "it holds both");
    town.meet(3, 9);
    assert_eq!((town.held(3, 1).len(), town.base(3, 1)), (6, None));
    // Any member has what is between.
    town.meet(3, 1);
    assert_eq!(town.held(3, 1).len(), 25);
}
