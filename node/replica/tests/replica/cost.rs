use linli_replica::entry::Urgency;
use linli_replica::frame::Frame;
use linli_replica::frontier::{Branch, Tip};
use linli_replica::id::NodeId;
use linli_replica::id::{DocTag, EntryId, LogKey};
use linli_replica::index::Index;
use linli_replica::replica::Input;

use crate::community::node;
use crate::network::{Network, document, space};

const DOCUMENTS: u32 = 2_000;

/// Two nodes that hold the same 2,000 documents, connected.
fn synced() -> (Network, NodeId, NodeId) {
    let mut network = Network::new(1, &[1, 2], &[]);
    let (a, b) = (node(1), node(2));
    network.want(a, space(7));
    network.want(b, space(7));
    for number in 0..DOCUMENTS {
        network.write(a, space(7), document(7, number), Urgency::Bulk, 1, 100);
        while network.persist(a) {}
    }
    network.connect(a, b);
    network.settle();
    assert_eq!(network.check_equal(a, b, &[space(7)]), 2_000);
    network.log.clear();
    network.bytes = 0;
    (network, a, b)
}

#[test]
fn nothing_to_do_costs_one_round_trip_of_small_frames() {
    let (mut network, a, b) = synced();
    network.input(a, Input::Reconcile { peer: b });
    network.drain();
    let frames = network.log.len();
    println!("nothing to do on an open connection: {frames} frames, {} bytes", network.bytes);
    assert_eq!(frames, 2, "{:?}", network.log);
    assert!(network.bytes <= 64, "{} bytes", network.bytes);
    assert_eq!(network.nodes[&a].told.synced.last(), Some(&b));
}

#[test]
fn nothing_to_do_after_reconnecting_is_small() {
    let (mut network, a, b) = synced();
    for number in 100..200 {
        network.want(a, space(number));
        network.want(b, space(number));
    }
    network.settle();
    network.cut(a, b);
    network.log.clear();
    network.bytes = 0;
    network.connect(a, b);
    network.drain();
    println!(
        "nothing to do after reconnecting: {} frames, {} bytes",
        network.log.len(),
        network.bytes
    );
    assert_eq!(network.log.len(), 4, "two hellos, a question, an answer: {:?}", network.log);
    assert!(network.bytes <= 256, "{} bytes", network.bytes);
    assert_eq!(network.nodes[&b].replica.status(&a).unwrap().shared.len(), 103);
}

#[test]
fn one_percent_of_the_documents_takes_three_round_trips() {
    let (mut network, a, b) = synced();
    network.cut(a, b);
    for number in (0..DOCUMENTS).step_by(100) {
        network.write(a, space(7), document(7, number), Urgency::Normal, 1, 100);
    }
    network.drain();
    network.connect(a, b);
    // The hellos are no part of the comparison.
    network.round();
    network.log.clear();
    let mut rounds = 0;
    let mut asked = 0;
    while network.round() > 0 {
        rounds += 1;
        if network.log.iter().any(|(.., frame)| matches!(frame, Frame::Want(_))) && asked == 0 {
            asked = rounds + 1;
        }
        while network.persist(a) || network.persist(b) {}
    }
    let bytes: usize = network
        .log
        .iter()
        .filter(|(.., frame)| !matches!(frame, Frame::Pages(_) | Frame::Receipt(_)))
        .map(|(.., frame)| frame.encode().len())
        .sum();
    println!("1 % of 2,000 documents: the want arrives after {asked} one-way trips, {bytes} bytes");
    assert!(asked > 0 && asked <= 6, "three round trips, not {asked} one-way trips");
    assert_eq!(network.check_equal(a, b, &[space(7)]), 2_020);
    assert!(bytes <= 16_000, "{bytes} bytes");
}

#[test]
fn a_hundred_thousand_documents_fit_memory() {
    let branches = (0..100_000u32).map(|number| {
        let tag = document(7, number);
        let tip = Tip { sequence: 1, id: EntryId(tag.0) };
        let branch = Branch { tip, urgency: Urgency::Normal };
        (space(u8::try_from(number % 200).unwrap()), tag, LogKey(tag.0), branch)
    });
    let index = Index::load(branches);
    assert_eq!(index.len(), 100_000);
    let before = resident_kib();
    let copy = index.clone();
    let grown = resident_kib() - before;
    println!("100,000 documents of one log: {grown} KiB");
    assert_eq!(copy.digest(&DocTag(document(7, 5).0)), index.digest(&document(7, 5)));
    assert!(grown > 0 && grown < 50_000, "{grown} KiB");
}

fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
