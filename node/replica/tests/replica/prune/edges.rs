//! Orders that meet each other.

use linli_replica::replica::Input;

use super::{DELAY_HOURS, HOUR_MS, Town};
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
fn a_log_that_is_cut_again_at_the_same_place_rests_on_the_later_order() {
    let (mut town, first) = Town::pruned(48);
    town.write(1, 2);
    town.network.connect(node(1), node(9));
    town.network.settle();
    let terms = town.order_of(&[(1, 29), (2, 10)], (29, 30));
    let second = town.give(&terms);
    assert_eq!(town.base(9, 2).map(|base| base.order), Some(first));
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!((town.sequences(9, 1)[0], town.sequences(9, 2)[0]), (29, 10));
    assert_eq!(town.base(9, 2).map(|base| base.order), Some(second));
    town.check(9);

    // What cuts into the checkpoint on which the other log rests waits.
    town.write(1, 2);
    town.network.drain();
    town.network.connect(node(1), node(9));
    let into = town.order_of(&[(1, 31)], (31, 32));
    town.give(&into);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!((town.sequences(9, 1)[0], town.notes(9)), (29, (3, false)));
}
