//! Orders that meet each other, and pruning that is switched off.

use linli_replica::prune::Terms;
use linli_replica::replica::{Input, Policy, Refused};

use super::{DELAY_HOURS, HOUR_MS, Town, removed};
use crate::community::node;

/// Two orders of one document that are due at the same time, and a carrier that is about to look at them.
fn two_orders(seed: u64) -> Town {
    let mut town = Town::with_history(seed);
    town.write(1, 4);
    town.network.settle();
    for (cuts, checkpoint) in [([(1, 20), (2, 5)], (21, 23)), ([(1, 24), (2, 10)], (24, 27))] {
        let terms = town.order_of(&cuts, checkpoint);
        town.give(&terms);
    }
    town.leave();
    town.pass(9, DELAY_HOURS - 3);
    town
}

#[test]
fn two_orders_of_a_document_are_carried_out_one_after_the_other() {
    let mut town = two_orders(22);
    let bytes = |town: &Town| town.network.nodes[&node(9)].replica.carried_in_all();
    let before = bytes(&town);
    let mut commits = 0;
    for _ in 0..8 {
        town.network.now = town.network.now.plus_ms(HOUR_MS);
        town.network.input(node(9), Input::Tick);
        commits = town.network.batches(node(9)).filter(|batch| !batch.prune.is_empty()).count();
        if commits > 0 {
            break;
        }
        town.network.drain();
    }
    assert_eq!(commits, 1);
    for ticket in town.network.pending(node(9)) {
        town.network.input(node(9), Input::Failed { ticket });
    }
    assert_eq!((town.base(9, 1), bytes(&town)), (None, before));
    town.network.drain();
    town.pass(9, 4);
    assert_eq!(town.sequences(9, 1), [24, 25, 26, 27]);
    assert_eq!(town.sequences(9, 2), [10]);
    assert_eq!(town.notes(9), (2, true));
    town.check(9);
}

#[test]
fn an_order_that_others_went_beyond_ends() {
    let (mut town, _) = Town::pruned(23);
    town.network.connect(node(1), node(9));
    let behind = town.order_of(&[(1, 19)], (21, 23));
    town.give(&behind);
    town.leave();
    assert_eq!(town.notes(9), (2, false));
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.notes(9), (2, true));
    assert_eq!(town.sequences(9, 1), (20..=28).collect::<Vec<_>>());
}

#[test]
fn with_pruning_off_an_order_and_what_it_leaves_change_nothing() {
    let (mut town, _) = Town::pruned(25);
    town.network.set_policy(node(3), Policy::MEMBER);
    town.network.connect(node(3), node(9));
    for _ in 0..60 {
        town.network.tick(1_000);
        town.network.drain();
    }
    town.leave();
    let refused = &town.network.nodes[&node(3)].told.refused;
    assert!(!refused.is_empty(), "the order came");
    assert!(refused.iter().all(|(_, reason)| *reason == Refused::BadPage), "{refused:?}");
    assert_eq!((town.notes(3).0, town.base(3, 1)), (0, None));
    assert_eq!(town.network.nodes[&node(3)].store.entries().count(), 0);

    // An order that it holds from before, or gives itself.
    let mut town = Town::with_history(26);
    let terms = town.order();
    town.give(&terms);
    assert_eq!(town.notes(9).0, 1);
    town.network.set_policy(node(9), Policy::CARRIER);
    town.network.set_policy(node(1), Policy::MEMBER);
    let again = Terms { at: town.network.now.plus_ms(1), ..terms };
    town.give(&again);
    assert_eq!((town.notes(9).0, town.notes(1).0), (0, 0));
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 0);
}
