use ed25519_dalek::SigningKey;
use linli_replica::directory::Directory;
use linli_replica::entry::Urgency;
use linli_replica::frame::{Frame, Hello};
use linli_replica::frontier::{Branch, Tip};
use linli_replica::id::{CommunityId, DocTag, EntryId, LogKey, NodeId, Timestamp};
use linli_replica::index::Index;
use linli_replica::limits::COMPARE_INTERVAL_MS;
use linli_replica::replica::{Input, Output, Policy, Replica};

use crate::community::{Community, node};
use crate::network::{Network, document, space};
use crate::store::Store;

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

/// A carrier that has dialled the 400 households of its community; each has said hello and says nothing more.
fn hellos() -> Replica {
    let founded = Community::new("North");
    let mut directory = Directory::new(founded.genesis.clone()).unwrap();
    directory.add(founded.member(9, true));
    let key = |kind: u8, number: u32| {
        let mut seed = [kind; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        SigningKey::from_bytes(&seed)
    };
    let nodes: Vec<SigningKey> = (0..400).map(|number| key(2, number)).collect();
    let enrolled =
        (0..).zip(&nodes).flat_map(|(number, node)| founded.enrolled(&key(1, number), node));
    directory.add(enrolled.collect::<Vec<_>>());
    let mut replica = Replica::new(node(9), directory, Index::default(), Policy::CARRIER);
    let community = CommunityId(founded.genesis.id().0);
    let agreed = [0; 16].into();
    let hello = Hello { version: 1, community, agreed, spaces: 0, carrier: false };
    for node in &nodes {
        let peer = NodeId(node.verifying_key().to_bytes());
        let (lane, bytes) = (Urgency::Normal, Frame::Hello(hello).encode());
        let secret = peer.0;
        for input in [
            Input::Connected { peer, secret, initiator: true },
            Input::Frame { peer, lane, bytes },
            Input::Writable { peer, lane },
        ] {
            replica.handle(Timestamp(1_000), &Store::default(), input);
        }
    }
    replica
}

/// Whoever dialled compares every few minutes with each connected node; one that does not answer holds up little memory,
/// however many certificates the community has.
#[test]
fn comparisons_that_nobody_answers_cost_little() {
    let mut replica = hellos();
    let before = resident_kib();
    let later = Timestamp(1_001 + COMPARE_INTERVAL_MS);
    let outputs = replica.handle(later, &Store::default(), Input::Tick);
    let grown = resident_kib() - before;
    let ranges = |bytes: &[u8]| matches!(Frame::decode(bytes), Ok(Frame::Ranges(_)));
    let asked = |o: &&Output| matches!(o, Output::Send { bytes, .. } if ranges(bytes));
    let asked = outputs.iter().filter(asked).count();
    println!("400 comparisons of 803 certificates, begun: {grown} KiB");
    assert_eq!(asked, 400, "each has begun and waits for its answer");
    assert!(grown < 400 * 16, "{grown} KiB");
}

pub(crate) fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
