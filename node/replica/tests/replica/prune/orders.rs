//! Which orders count, which hold, and what looking at them costs.

use linli_replica::entry::Urgency;
use linli_replica::frame::{Frame, Pages};
use linli_replica::id::{DocTag, LogKey, PruneId, Timestamp};
use linli_replica::index::SeenCuts;
use linli_replica::limits::{
    PRUNE_BYTES_MAX, PRUNE_DELAY_MS, PRUNE_ORDERS_MAX, PRUNE_WITHDRAWALS_MAX, PRUNE_WITHDRAWN_MAX,
};
use linli_replica::prune::{Cut, Order, PruneError, Terms, document_tag};
use linli_replica::replica::Input;

use super::{CARRIER_KEY, DELAY_HOURS, HOUR_MS, Town, removed};
use crate::community::{key, node};

/// How often the entries with orders were read at a node since this was last asked.
fn reads(town: &Town, at: u8) -> usize {
    let reads = town.network.nodes[&node(at)].store.reads.take();
    reads.into_iter().filter(|document| *document == document_tag(&town.space)).count()
}

/// The entries of a log at the first carrier, as a courier brings them to another node.
fn carry(town: &mut Town, of: DocTag, to: u8) -> usize {
    let logs = town.network.nodes[&node(9)].store.logs.iter().filter(|((d, _), _)| *d == of);
    let page = |log: &std::collections::BTreeMap<_, linli_replica::entry::Entry>| {
        log.values().map(|entry| entry.encode().into()).collect()
    };
    // That with the checkpoint comes first.
    let mut logs: Vec<_> = logs.collect();
    logs.sort_by_key(|((_, log), _)| *log != town.log(1));
    let pages: Vec<Vec<_>> = logs.into_iter().map(|(_, log)| page(log)).collect();
    town.network.nodes.get_mut(&node(to)).unwrap().told.carried = Default::default();
    let input = Input::Carried { from: node(9), frame: Frame::Pages(Pages { pages }) };
    town.network.input(node(to), input);
    town.network.drain();
    town.network.nodes[&node(to)].told.carried.entries
}

/// A courier brings the carrier the steward's entries of the prune document from a sequence on.
fn bring_orders(town: &mut Town, from: u64) {
    let log = &town.network.nodes[&node(1)].store.logs[&(document_tag(&town.space), town.log(1))];
    let entries = log.values().filter(|entry| entry.header().sequence >= from);
    let page = entries.map(|entry| entry.encode().into()).collect();
    let frame = Frame::Pages(Pages { pages: vec![page] });
    town.network.input(node(9), Input::Carried { from: node(2), frame });
}

/// How much of a log may be missing at others by the orders that a node holds, all of them read.
fn may_be_missing(at: &crate::network::Node, document: &DocTag, log: &LogKey) -> u64 {
    let (mut seen, mut budget) = (SeenCuts::default(), usize::MAX);
    let index = at.replica.index();
    index.may_be_missing((document, log), &mut seen, &mut budget, &at.store).unwrap()
}

fn withdrawal(town: &Town, withdraws: &[PruneId]) -> Terms {
    let mut withdraws = withdraws.to_vec();
    withdraws.sort();
    Terms { withdraws, ..town.terms() }
}

#[test]
fn looking_for_a_cut_or_for_a_withdrawal_reads_no_order() {
    let mut town = Town::with_history(30);
    let terms = town.order();
    let orders: Vec<PruneId> =
        (0..20).map(|n| town.give(&Terms { at: terms.at.plus_ms(n), ..terms.clone() })).collect();
    let back = withdrawal(&town, &orders);
    town.give(&back);
    town.leave();
    reads(&town, 9);
    // A page that continues nothing, though it begins where the log is cut.
    let page = town.held(1, 1)[19..].iter().map(|entry| entry.encode().into()).collect();
    let frame = Frame::Pages(Pages { pages: vec![page] });
    town.network.want(node(3), town.space);
    let stands_in = document_tag(&town.space);
    carry(&mut town, stands_in, 3);
    reads(&town, 3);
    for _ in 0..50 {
        town.network.input(node(3), Input::Carried { from: node(9), frame: frame.clone() });
    }
    assert_eq!((reads(&town, 3), town.sequences(3, 1).len()), (0, 0));
    town.pass(9, DELAY_HOURS + 30);
    assert_eq!((reads(&town, 9), town.notes(9)), (0, (21, true)));
    assert_eq!(town.sequences(9, 1).len(), 23);
    // Nor after a start, which reads the notes.
    town.network.crash(node(3));
    town.network.input(node(3), Input::Carried { from: node(9), frame });
    assert_eq!(reads(&town, 3), 0);
}

#[test]
fn nothing_begins_late_by_an_order_that_is_not_due_or_taken_back() {
    let (mut town, order) = Town::pruned(31);
    let stands_in = document_tag(&town.space);
    carry(&mut town, stands_in, 3);
    let now = town.network.now;
    // The clock of whoever comes says that the order is too young.
    town.network.now = Timestamp(now.0 - 2 * HOUR_MS - 10_000);
    let document = town.document;
    assert_eq!(carry(&mut town, document, 3), 0);
    town.network.now = now;
    assert_eq!(carry(&mut town, document, 3), 14);

    // Whoever knows that it is taken back takes nothing, until an order is given again that holds.
    let back = withdrawal(&town, &[order]);
    town.give(&back);
    town.meet(1, 9);
    town.meet(4, 9);
    assert_eq!((town.sequences(4, 1).len(), town.base(4, 1)), (0, None));
    let again = Terms { at: town.network.now, ..town.order() };
    town.give(&again);
    town.meet(1, 9);
    town.meet(4, 9);
    assert_eq!(town.sequences(4, 1).len(), 0, "it is not due");
    town.pass(9, DELAY_HOURS + 2);
    town.meet(4, 9);
    assert_eq!(town.sequences(4, 1), (20..=28).collect::<Vec<_>>());
}

#[test]
fn what_is_taken_back_counts_beyond_the_orders_that_count() {
    let mut town = Town::with_history(32);
    let terms = town.order();
    let give = |town: &mut Town, from: usize, count: usize| -> Vec<PruneId> {
        let at = |n: usize| terms.at.plus_ms(u64::try_from(n).unwrap());
        let terms = (from..from + count).map(|n| Terms { at: at(n), ..terms.clone() });
        terms.collect::<Vec<_>>().iter().map(|terms| town.give(terms)).collect()
    };
    let first = give(&mut town, 0, PRUNE_ORDERS_MAX);
    assert_eq!(town.notes(9).0, PRUNE_ORDERS_MAX);
    give(&mut town, 1_000, 1);
    assert_eq!(town.notes(9).0, PRUNE_ORDERS_MAX, "one more counts no more");
    let carrier = &town.network.nodes[&node(9)];
    let missing = |by| {
        let (document, log) = (town.document, town.log(by));
        may_be_missing(carrier, &document, &log)
    };
    assert_eq!(missing(3), u64::MAX, "what it cuts is not known");
    for some in first.chunks(PRUNE_WITHDRAWN_MAX) {
        let back = withdrawal(&town, some);
        town.give(&back);
    }
    let orders = town.network.nodes[&node(9)].replica.index();
    assert!(first.iter().all(|id| orders.is_withdrawn(&town.space, &town.document, id)));
    town.network.crash(node(9));
    assert_eq!(removed(&mut town, DELAY_HOURS + 30), 0, "nor does it take their place");
    let (document, log) = (town.document, town.log(3));
    let carrier = &town.network.nodes[&node(9)];
    assert_eq!(may_be_missing(carrier, &document, &log), u64::MAX, "elsewhere it may count");
    town.network.connect(node(1), node(9));
    give(&mut town, 2_000, 1);
    assert_eq!(removed(&mut town, DELAY_HOURS + 30), 19, "those taken back leave room");
}

#[test]
fn where_more_is_taken_back_than_is_remembered_no_order_is_carried_out() {
    let mut town = Town::with_history(33);
    let terms = town.order();
    let early = town.give(&terms);
    for n in 0..PRUNE_WITHDRAWALS_MAX / PRUNE_WITHDRAWN_MAX {
        let id = |m: usize| PruneId(*blake3::hash(format!("{n} {m}").as_bytes()).as_bytes());
        let ids: Vec<PruneId> = (0..PRUNE_WITHDRAWN_MAX).map(id).collect();
        let back = withdrawal(&town, &ids);
        town.give(&back);
    }
    let known = town.notes(9).0;
    let unknown = withdrawal(&town, &[PruneId([1; 32])]);
    town.give(&unknown);
    town.give(&Terms { at: terms.at.plus_ms(1), ..terms });
    assert_eq!(town.notes(9).0, known + 1, "no more is remembered to be taken back");
    let index = town.network.nodes[&node(9)].replica.index();
    assert!(!index.is_withdrawn(&town.space, &town.document, &early));
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 0);
}

#[test]
fn orders_end_that_can_never_take_effect() {
    // Its one log is forked here, and its checkpoint never comes.
    let mut town = Town::with_history(34);
    let image = town.held(2, 2)[..4].to_vec();
    town.fork(9, 2, &image);
    let mut terms = town.order_of(&[(2, 10)], (21, 23));
    terms.checkpoint.iter_mut().for_each(|checkpoint| checkpoint.last += 1);
    town.give(&terms);
    // The checkpoint's last entry is another one.
    let mut wrong = town.order();
    wrong.checkpoint.iter_mut().for_each(|checkpoint| checkpoint.last -= 1);
    town.give(&wrong);
    assert_eq!(town.notes(9), (2, false));
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 0);
    assert_eq!(town.notes(9), (2, true));

    // Its log is not held, and a log that is none of it has begun late meanwhile.
    let mut town = Town::with_history(35);
    let late = town.write(4, 3);
    let cut = Cut { log: town.log(4), sequence: 2, entry: late[1].id() };
    let gone = Terms { cuts: vec![cut], ..town.order_of(&[(1, 20)], (21, 23)) };
    let whole = town.order();
    town.give(&gone);
    town.give(&whole);
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 19);
    assert_eq!(town.notes(9), (2, true));
    // Another whose checkpoint was cut into.
    town.write(2, 1);
    town.network.drain();
    town.network.connect(node(1), node(9));
    town.network.connect(node(2), node(9));
    let behind =
        Terms { checkpoint: town.checkpoint(19, 19), ..town.order_of(&[(2, 11)], (21, 23)) };
    town.give(&behind);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!((town.sequences(9, 2)[0], town.notes(9)), (10, (3, true)));
}

#[test]
fn several_orders_for_one_checkpoint_cut_a_document_together() {
    let mut town = Town::with_history(36);
    for cuts in [[(1, 20)], [(2, 5)]] {
        let terms = town.order_of(&cuts, (21, 23));
        town.give(&terms);
    }
    assert_eq!(removed(&mut town, DELAY_HOURS + 5), 19);
    assert_eq!(town.sequences(9, 2), (5..=10).collect::<Vec<_>>());
    assert_eq!(town.notes(9), (2, true));
    // The next two: what would cut into the first checkpoint waits for the other.
    town.network.connect(node(1), node(9));
    town.write(1, 2);
    town.network.settle();
    let last = town.order_of(&[(1, 24)], (24, 25));
    town.give(&last);
    town.leave();
    town.pass(9, DELAY_HOURS + 5);
    assert_eq!((town.sequences(9, 1)[0], town.notes(9)), (20, (3, false)));
    town.network.connect(node(1), node(9));
    let first = town.order_of(&[(2, 10)], (24, 25));
    town.give(&first);
    town.leave();
    // What waits for long is looked at once a day.
    town.pass(9, DELAY_HOURS + 30);
    assert_eq!((town.sequences(9, 1)[0], town.sequences(9, 2)[0]), (24, 10));
    assert_eq!(town.notes(9), (4, true));
    town.meet(3, 9);
    assert_eq!(town.digest(3), town.digest(1));
    town.check(3);
}

#[test]
fn a_clock_that_goes_forth_and_back_counts_nothing_twice() {
    let mut town = Town::with_history(37);
    let terms = Terms { at: Timestamp(0), ..town.order() };
    town.give(&terms);
    town.leave();
    let now = town.network.now;
    let tick = |town: &mut Town, at: Timestamp| {
        town.network.now = at;
        town.network.input(node(9), Input::Tick);
        town.network.drain();
    };
    let ahead = now.plus_ms(PRUNE_DELAY_MS);
    for _ in 0..DELAY_HOURS + 10 {
        tick(&mut town, ahead);
        tick(&mut town, now);
    }
    for _ in 0..DELAY_HOURS + 10 {
        town.network.crash(node(9));
        tick(&mut town, now);
        tick(&mut town, ahead);
    }
    assert_eq!(town.sequences(9, 1).len(), 23);
    town.network.now = ahead;
    town.pass(9, DELAY_HOURS - 2);
    assert_eq!(town.sequences(9, 1).len(), 23);
    town.pass(9, 4);
    assert_eq!(town.sequences(9, 1).len(), 4);
}

#[test]
fn the_log_of_orders_goes_once_ahead_of_what_begins_late_and_never_urgently() {
    // Chance says which of the questions comes first.
    (0..16).for_each(the_log_of_orders_goes_once);
}

fn the_log_of_orders_goes_once(seed: u64) {
    let mut town = Town::with_history(seed);
    let stands_in = document_tag(&town.space);
    let first = withdrawal(&town, &[PruneId([9; 32])]);
    town.give(&first);
    assert_eq!(carry(&mut town, stands_in, 4), 1);
    let terms = town.order();
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    town.network.write(node(1), town.space, town.document, Urgency::Urgent, 1, 300);
    town.network.drain();
    town.meet(1, 9);
    for (member, lacks) in [(3, 2), (4, 1)] {
        town.meet(member, 9);
        assert_eq!(town.digest(member), town.digest(1));
        let mut sent = Vec::new();
        for (_, to, lane, frame) in &town.network.log {
            let Frame::Pages(pages) = frame else { continue };
            if *to == node(member) {
                let entries = pages.pages.iter().flatten();
                let entries =
                    entries.map(|bytes| linli_replica::entry::Entry::decode(bytes).unwrap());
                sent.extend(entries.map(|entry| (entry.header().document, *lane, entry.id())));
            }
        }
        let orders = sent.iter().filter(|(document, ..)| *document == stands_in);
        // A question on the urgent lane overtakes the word of what is held: then all of it goes.
        assert!((lacks..=2).contains(&orders.clone().count()), "what is lacked");
        assert!(orders.clone().all(|(_, lane, _)| *lane != Urgency::Urgent));
        let late = sent.iter().position(|(document, ..)| *document == town.document);
        let order = sent.iter().rposition(|(document, ..)| *document == stands_in);
        assert!(order < late, "the order is there first");
        let mut times = std::collections::BTreeMap::<_, usize>::new();
        for (document, _, id) in &sent {
            *times.entry((*document == stands_in, *id)).or_default() += 1;
        }
        // What a log begins with is asked for once more where the order was not looked at yet, and again once it was.
        let most = |is_order: bool| if is_order { 1 } else { 3 };
        assert!(times.iter().all(|((is_order, _), times)| *times <= most(*is_order)), "{times:?}");
        assert_eq!(times.keys().filter(|(is_order, _)| !is_order).count(), 5 + 1);
    }
}

#[test]
fn whoever_gives_an_order_checks_it_as_whoever_takes_it() {
    let town = Town::with_history(39);
    let key = key(CARRIER_KEY);
    let (order, content) = Order::give(&town.order(), &key).unwrap();
    assert_eq!(Order::decode(&content, town.order().community), Ok(order));
    let mut unsorted = town.order();
    unsorted.cuts.reverse();
    assert_eq!(Order::give(&unsorted, &key), Err(PruneError::Malformed));
    let nothing = town.terms();
    assert_eq!(Order::give(&nothing, &key), Err(PruneError::Malformed));
    let other = crate::community::key(78);
    assert_eq!(Order::give(&town.order(), &other), Err(PruneError::BadSignature));
}

/// A node learns that the document is to be erased.
fn erase(town: &mut Town, at: u8) {
    let now = town.network.now;
    let terms = linli_replica::erasure::Terms {
        community: town.terms().community,
        space: [7; 32].into(),
        carrier_key: town.terms().carrier_key,
        documents: Some(vec![town.document]),
        at: now,
    };
    let community = terms.community;
    let body = terms.sign(&key(CARRIER_KEY));
    let order = linli_replica::erasure::publish(body, community, now, &key(at));
    town.network.certify(node(at), vec![order]);
}

#[test]
fn an_order_on_its_way_to_disk_goes_with_the_document_that_it_is_about() {
    let mut town = Town::with_history(40);
    let content = town.order().sign(&key(CARRIER_KEY));
    let page = town.page(&content, 1, Default::default());
    let (pages, certificates, records) = (vec![page], Vec::new(), Vec::new());
    town.network.input(node(1), Input::Authored { pages, certificates, records, urgent: false });
    assert_eq!(town.notes(1).0, 1);
    erase(&mut town, 1);
    town.network.settle();
    assert_eq!(town.notes(1), (0, true));
    let records = &town.network.nodes[&node(1)].store.records;
    assert!(!records.keys().any(|(_, key)| key.starts_with(b"prune/")));
    assert_eq!(town.network.nodes[&node(9)].store.entries().count(), 1, "the order's entry stays");
}

#[test]
fn where_a_log_begins_goes_with_its_document_also_on_its_way_to_disk() {
    let (mut town, _) = Town::pruned(47);
    let stands_in = document_tag(&town.space);
    carry(&mut town, stands_in, 3);
    let page = town.held(9, 1).iter().map(|entry| entry.encode().into()).collect();
    let frame = Frame::Pages(Pages { pages: vec![page] });
    town.network.input(node(3), Input::Carried { from: node(9), frame });
    assert!(town.base(3, 1).is_some() && town.sequences(3, 1).is_empty(), "it is on its way");
    erase(&mut town, 3);
    town.network.settle();
    let records = &town.network.nodes[&node(3)].store.records;
    assert!(!records.keys().any(|(_, key)| key.starts_with(b"base/")));
}

#[test]
fn what_is_before_a_cut_may_be_missing_at_others() {
    let missing = |town: &Town| {
        let member = &town.network.nodes[&node(2)];
        let of = |by| (town.document, town.log(by));
        [1, 2, 3].map(of).map(|(document, log)| may_be_missing(member, &document, &log))
    };
    let mut town = Town::with_history(41);
    assert_eq!(missing(&town), [0, 0, 0]);
    let terms = town.order();
    let order = town.give(&terms);
    town.meet(1, 2);
    assert_eq!(missing(&town), [19, 9, 0], "whatever this node's clock says");
    let back = withdrawal(&town, &[order]);
    town.give(&back);
    town.meet(1, 2);
    let index = town.network.nodes[&node(2)].replica.index();
    assert!(index.is_withdrawn(&town.space, &town.document, &order));
    assert_eq!(missing(&town), [19, 9, 0], "it may have been carried out before");

    // What takes it back comes first.
    let mut town = Town::with_history(42);
    let terms = town.order();
    let back = withdrawal(&town, &[terms.id()]);
    town.give(&back);
    town.give(&terms);
    town.meet(1, 2);
    assert_eq!(missing(&town), [19, 9, 0]);
}

#[test]
fn a_log_begins_late_only_where_the_cut_names_it_and_the_place() {
    let begun = |change: &dyn Fn(&Town, &mut Cut)| {
        let mut town = Town::with_history(43);
        let mut terms = town.order_of(&[(1, 20)], (21, 23));
        terms.cuts.iter_mut().for_each(|cut| change(&town, cut));
        town.give(&terms);
        town.leave();
        town.network.now = town.network.now.plus_ms(PRUNE_DELAY_MS + HOUR_MS);
        let stands_in = document_tag(&town.space);
        assert_eq!(carry(&mut town, stands_in, 3), 1);
        let page = town.held(1, 1)[19..].iter().map(|entry| entry.encode().into()).collect();
        let frame = Frame::Pages(Pages { pages: vec![page] });
        town.network.input(node(3), Input::Carried { from: node(9), frame });
        town.network.drain();
        town.sequences(3, 1).len()
    };
    assert_eq!(begun(&|_, _| {}), 4);
    assert_eq!(begun(&|_, cut| cut.sequence = 2), 0, "another place");
    assert_eq!(begun(&|town, cut| cut.log = town.log(2)), 0, "another log");
}

#[test]
fn an_order_that_could_not_be_stored_waits_anew_when_it_comes_again() {
    let mut town = Town::with_history(44);
    town.leave();
    let terms = town.order();
    town.give(&terms);
    bring_orders(&mut town, 1);
    town.network.failures = 1;
    town.network.drain();
    town.network.failures = 0;
    assert_eq!(town.notes(9).0, 0);
    town.pass(9, DELAY_HOURS - 24);
    bring_orders(&mut town, 1);
    town.network.drain();
    assert_eq!(town.notes(9).0, 1);
    assert_eq!(removed(&mut town, DELAY_HOURS - 2), 0);
    assert_eq!(removed(&mut town, 4), 19);
}

#[test]
fn what_is_taken_back_twice_stays_taken_back_where_one_of_the_two_is_lost() {
    let mut town = Town::with_history(45);
    let terms = town.order();
    let order = town.give(&terms);
    town.leave();
    let first = withdrawal(&town, &[order]);
    town.give(&first);
    bring_orders(&mut town, 2);
    let lost = town.network.pending(node(9));
    assert_eq!(lost.len(), 1);
    let second = Terms { at: terms.at.plus_ms(1), ..first };
    let page = town.page_by(2, &second.sign(&key(CARRIER_KEY)), 1, Default::default());
    let page = page.entries().iter().map(|entry| entry.encode().into()).collect();
    let frame = Frame::Pages(Pages { pages: vec![page] });
    town.network.input(node(9), Input::Carried { from: node(2), frame });
    town.network.fail(node(9), lost[0]);
    town.network.drain();
    assert_eq!(town.notes(9).0, 2, "the order, and who took it back second");
    for _ in 0..2 {
        let index = town.network.nodes[&node(9)].replica.index();
        assert!(index.is_withdrawn(&town.space, &town.document, &order));
        town.network.crash(node(9));
    }
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 0);
}

/// After how many hours a carrier has pruned more than it counts in one tick, where it learns after some of them that
/// the order is taken back.
fn hours_until_pruned(taken_back_after: Option<u64>) -> Option<u64> {
    let mut town = Town::new(46);
    town.network.connect(node(1), node(9));
    let count = PRUNE_BYTES_MAX / 100_000 + 10;
    town.network.write(node(1), town.space, town.document, Urgency::Normal, count, 100_000);
    town.network.settle();
    let last = town.held(9, 1).last().unwrap().header().sequence;
    let terms = town.order_of(&[(1, last)], (last, last));
    let order = town.give(&terms);
    town.leave();
    let back = withdrawal(&town, &[order]);
    town.give(&back);
    (1..DELAY_HOURS + 10).find(|hour| {
        town.pass(9, 1);
        if taken_back_after == Some(*hour) {
            bring_orders(&mut town, 2);
            town.network.drain();
        }
        town.base(9, 1).is_some()
    })
}

#[test]
fn an_order_that_is_taken_back_while_its_entries_are_counted_removes_nothing() {
    let hours = hours_until_pruned(None).unwrap();
    assert_eq!(hours_until_pruned(Some(hours - 1)), None);
}
