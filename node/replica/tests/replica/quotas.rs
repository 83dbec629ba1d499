//! What a carrier keeps for others has bounds, and whoever reaches them is still served.

use linli_replica::entry::{Entry, Urgency};
use linli_replica::erasure::{self, Terms};
use linli_replica::fingerprint::Salt;
use linli_replica::frame::{Adopt, Cell, Frame, Hello, Naming, Pages, Spaces};
use linli_replica::id::{CommunityId, EntryId, NodeId, SpaceTag, Timestamp};
use linli_replica::limits::{
    CELLS_MAX, CELLS_OF_PEER_MAX, CELLS_RATE_MAX, REFUSALS_MAX, URGENT_RATE_BYTES_MAX,
};
use linli_replica::replica::{Ending, Input, Policy, Refused};

use crate::community::{key, node};
use crate::network::{LANES, Network, document, entry, space};

const SECRET: [u8; 32] = [42; 32];

/// Bytes of pages that were sent to a node.
fn bytes_sent(network: &Network, to: NodeId) -> usize {
    let sent = network.log.iter().filter(|(_, other, ..)| *other == to);
    let pages =
        sent.filter_map(
            |(.., frame)| {
                if let Frame::Pages(pages) = frame { Some(&pages.pages) } else { None }
            },
        );
    pages.flatten().flatten().map(|bytes| bytes.len()).sum()
}

fn refused(network: &Network, by: NodeId, peer: NodeId) -> Vec<Refused> {
    let refused = network.nodes[&by].told.refused.iter();
    refused.filter(|(from, _)| *from == Some(peer)).map(|(_, reason)| *reason).collect()
}

/// A member says whatever it likes to a carrier.
struct Liar {
    network: Network,
    carrier: NodeId,
    liar: NodeId,
}

impl Liar {
    fn new() -> Self {
        let network = Network::new(1, &[1, 3, 4], &[9]);
        let mut liar = Self { network, carrier: node(9), liar: node(3) };
        liar.dial();
        liar
    }

    fn dial(&mut self) {
        let (peer, secret) = (self.liar, SECRET);
        let community = CommunityId(self.network.community().genesis.id().0);
        let agreed = [0; 16].into();
        let hello = Hello { version: 1, community, agreed, spaces: 0, carrier: false };
        self.writable();
        self.network.input(self.carrier, Input::Connected { peer, secret, initiator: true });
        self.say(&Frame::Hello(hello));
    }

    fn writable(&mut self) {
        for lane in LANES {
            self.network.writable(self.carrier, self.liar, lane);
        }
    }

    fn say(&mut self, frame: &Frame) {
        self.writable();
        let (peer, lane, bytes) = (self.liar, Urgency::Normal, frame.encode());
        self.network.input(self.carrier, Input::Frame { peer, lane, bytes });
    }

    fn share(&mut self, tags: Vec<SpaceTag>) {
        let salt = Salt::new(&SECRET);
        let names: Vec<u8> = tags.iter().flat_map(|tag| salt.name(tag)).collect();
        self.say(&Frame::Adopt(Adopt { tags }));
        self.say(&Frame::Spaces(Spaces { naming: Naming::Ask, names: names.into() }));
    }

    fn cell(&mut self, space: SpaceTag, writer: u32) {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&writer.to_le_bytes());
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        self.say(&Frame::Cell(Cell::new(space, 1, vec![1; 4_096], &key)));
    }

    fn heartbeats(&self) -> usize {
        self.network.nodes[&self.carrier].told.heartbeats.len()
    }

    fn ended(&self) -> Option<Ending> {
        let ended = self.network.nodes[&self.carrier].told.ended.iter();
        ended.rev().find(|(peer, _)| *peer == self.liar).map(|(_, reason)| *reason)
    }
}

#[test]
fn heartbeats_of_one_node_take_a_bounded_part_of_a_carriers_memory() {
    let mut attack = Liar::new();
    let (honest, carrier) = (node(1), attack.carrier);
    attack.network.want(honest, space(200));
    attack.network.write(honest, space(200), document(200, 1), Urgency::Normal, 1, 100);
    attack.network.connect(honest, carrier);
    attack.network.settle();

    attack.cell(space(200), 0);
    assert_eq!(refused(&attack.network, carrier, attack.liar), [Refused::UnknownSpace]);
    assert_eq!(attack.heartbeats(), 0, "the carrier keeps the space, but not for this one");

    let spaces: Vec<SpaceTag> = (1..=30).map(space).collect();
    attack.share(spaces.clone());
    let mut sent = 0;
    for number in 0..60 {
        for space in &spaces {
            attack.cell(*space, number);
            sent += 1;
            if sent % CELLS_RATE_MAX == 0 {
                attack.network.tick(1_000);
            }
        }
    }
    assert!(sent > CELLS_OF_PEER_MAX + 500);
    assert_eq!(attack.heartbeats(), CELLS_OF_PEER_MAX);
    assert!(refused(&attack.network, carrier, attack.liar).contains(&Refused::Quota));
    assert_eq!(attack.ended(), None);

    let cell = Cell::new(space(200), 1, vec![1; 272], &Network::log_key(honest, space(200)));
    attack.network.input(honest, Input::Heartbeat(cell));
    attack.network.drain();
    assert_eq!(attack.heartbeats(), CELLS_OF_PEER_MAX + 1, "others' heartbeats are taken");
}

#[test]
fn whoever_makes_up_writers_of_a_space_displaces_no_heartbeat_but_its_own() {
    let mut attack = Liar::new();
    let (honest, carrier) = (node(1), attack.carrier);
    attack.network.want(honest, space(1));
    attack.network.connect(honest, carrier);
    attack.share(vec![space(1)]);
    attack.network.settle();
    let beat = |attack: &mut Liar, counter: u64| {
        let key = Network::log_key(honest, space(1));
        attack.network.now = Timestamp(counter);
        attack
            .network
            .input(honest, Input::Heartbeat(Cell::new(space(1), counter, vec![1; 272], &key)));
        attack.network.drain();
    };
    let writers = u32::try_from(2 * CELLS_MAX).unwrap();
    // Who came first has all places, and dates its own ahead.
    let flood = |attack: &mut Liar, writers: std::ops::Range<u32>, counter: u64| {
        for writer in writers {
            let mut seed = [7; 32];
            seed[..4].copy_from_slice(&writer.to_le_bytes());
            let key = ed25519_dalek::SigningKey::from_bytes(&seed);
            attack.say(&Frame::Cell(Cell::new(space(1), counter, vec![1; 272], &key)));
        }
    };
    flood(&mut attack, 0..writers, 20_000);
    beat(&mut attack, 10_000);
    attack.network.tick(1_000);
    flood(&mut attack, writers..2 * writers, 30_000);

    let reader = node(4);
    attack.network.want(reader, space(1));
    attack.network.connect(reader, carrier);
    for _ in 0..10 {
        attack.network.settle();
    }
    let told = attack.network.log.iter().filter(|(_, to, ..)| *to == reader);
    let told =
        told.filter_map(
            |(.., frame)| if let Frame::Cell(cell) = frame { Some(cell.counter) } else { None },
        );
    let told: Vec<u64> = told.collect();
    assert_eq!(told.len(), CELLS_MAX);
    assert_eq!(told.iter().filter(|counter| **counter == 10_000).count(), 1, "{told:?}");

    // Whom everything reaches through the carrier hears the hub all the same, each time.
    let mut heard = vec![10_000];
    for minute in 1..=3_u32 {
        flood(&mut attack, writers * (minute + 1)..writers * (minute + 2), 90_000);
        let counter = 10_000 + u64::from(minute);
        beat(&mut attack, counter);
        heard.push(counter);
        for second in 1..=10 {
            attack.network.tick(second * 1_000);
            attack.network.settle();
        }
    }
    let told = &attack.network.nodes[&reader].told.heartbeats;
    assert!(told.len() > CELLS_MAX, "the flood came through: {}", told.len());
    let honest: Vec<u64> = told.iter().filter(|counter| **counter < 20_000).copied().collect();
    assert_eq!(honest, heard);
}

#[test]
fn heartbeats_that_come_too_fast_are_refused_and_a_flood_of_them_ends_the_session() {
    let mut attack = Liar::new();
    attack.share((1..=30).map(space).collect());
    for number in 0..=CELLS_RATE_MAX {
        attack.cell(space(u8::try_from(number % 30 + 1).unwrap()), u32::try_from(number).unwrap());
    }
    assert_eq!(attack.heartbeats(), CELLS_RATE_MAX);
    assert_eq!(refused(&attack.network, attack.carrier, attack.liar), [Refused::TooFast]);
    assert_eq!(attack.ended(), None);
    attack.network.tick(1_000);
    attack.cell(space(1), 9_999);
    assert_eq!(attack.heartbeats(), CELLS_RATE_MAX + 1, "another second");
    for _ in 0..=CELLS_RATE_MAX + REFUSALS_MAX {
        attack.cell(space(1), 9_999);
    }
    assert_eq!(attack.ended(), Some(Ending::TooMuch));
}

#[test]
fn heartbeats_of_many_spaces_are_passed_on_without_haste() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    for number in 1..=5 {
        network.want(a, space(number));
        network.want(b, space(number));
        network.write(a, space(number), document(number, 1), Urgency::Normal, 1, 100);
    }
    network.connect(a, carrier);
    network.settle();
    for number in 0..200 {
        let seed = ed25519_dalek::SigningKey::from_bytes(&[number; 32]);
        let cell = Cell::new(space(number % 5 + 1), 1, vec![1; 272], &seed);
        network.input(a, Input::Heartbeat(cell));
    }
    network.drain();
    assert_eq!(network.nodes[&carrier].told.heartbeats.len(), CELLS_RATE_MAX / 8);
    for _ in 0..10 {
        network.tick(1_000);
        network.drain();
    }
    assert_eq!(network.nodes[&carrier].told.heartbeats.len(), 200);
    network.connect(b, carrier);
    for _ in 0..10 {
        network.drain();
        network.tick(1_000);
    }
    assert_eq!(network.nodes[&b].told.heartbeats.len(), 200);
}

#[test]
fn what_one_node_sends_beyond_the_rate_of_alerts_goes_before_nothing() {
    let mut attack = Liar::new();
    attack.share(vec![space(1)]);
    let alert = |number: u32| {
        let how = (Urgency::Urgent, 4_096, 1);
        entry(&key(60), space(1), document(1, number), 1, EntryId::default(), how)
    };
    let say = |attack: &mut Liar, number: u32| {
        let page = vec![alert(number).encode().into()];
        attack.say(&Frame::Pages(Pages { pages: vec![page] }));
    };
    let hurried = |attack: &Liar| -> usize {
        let batches = attack.network.batches(attack.carrier).filter(|batch| batch.urgent);
        batches.flat_map(|batch| &batch.entries).map(Entry::size_bytes).sum()
    };
    for number in 0..100 {
        say(&mut attack, number);
    }
    let first = hurried(&attack);
    assert!(first <= URGENT_RATE_BYTES_MAX, "{first} bytes");
    assert!(first > URGENT_RATE_BYTES_MAX / 2, "{first} bytes");
    attack.network.tick(1_000);
    say(&mut attack, 100);
    assert_eq!(hurried(&attack), first + alert(0).size_bytes(), "another second");
    attack.network.drain();
    let held = attack.network.nodes[&attack.carrier].store.entries().count();
    assert_eq!(held, 101, "nothing of it is refused");
}

#[test]
fn a_carrier_keeps_within_the_quota_of_each_sender() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    let policy = Policy { quota_bytes: 20_000, spaces_max: 3, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    for id in [a, b] {
        network.want(id, space(id.0[0]));
        network.connect(id, carrier);
    }
    network.settle();
    network.write(a, space(a.0[0]), document(1, 1), Urgency::Normal, 60, 1_000);
    network.write(b, space(b.0[0]), document(2, 1), Urgency::Normal, 5, 1_000);
    network.settle();
    let refused = &network.nodes[&carrier].told.refused;
    assert!(refused.contains(&(Some(a), Refused::Quota)), "{refused:?}");
    assert!(network.nodes[&carrier].replica.carried_bytes(&a) <= 20_000);
    assert_eq!(network.check_equal(b, carrier, &[space(b.0[0])]), 5);
    for number in 100..110 {
        network.want(a, space(number));
    }
    network.settle();
    let shared = network.nodes[&a].replica.status(&carrier).unwrap().shared;
    assert!(shared.len() <= 5, "three kept, and the inboxes: {}", shared.len());
    let adopt = Frame::Adopt(Adopt { tags: vec![space(1)] });
    assert!(Frame::decode(&adopt.encode()).is_ok());
}

#[test]
fn a_store_that_fails_is_not_sent_everything_again_each_second() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    let mut bytes = 0;
    for (id, number) in [(a, 1), (b, 2)] {
        network.want(id, space(number));
        for at in 0..50 {
            let how = (Urgency::Normal, 3, 1_000);
            let name = document(number, at);
            let written = network.write(id, space(number), name, how.0, how.1, how.2);
            bytes += written.iter().map(Entry::size_bytes).sum::<usize>();
        }
    }
    network.settle();
    network.failures = 1;
    network.connect(a, carrier);
    network.connect(b, carrier);
    for _ in 0..200 {
        network.drain();
        network.tick(1_000);
    }
    let sent = bytes_sent(&network, carrier);
    assert!(sent > 0, "nothing was tried");
    assert!(sent < 2 * bytes, "{sent} bytes were sent of {bytes}");
    assert_eq!(network.nodes[&carrier].store.entries().count(), 0);
    assert!(network.nodes[&carrier].told.synced.is_empty(), "nothing is held alike");

    network.failures = 0;
    for _ in 0..61 {
        network.drain();
        network.tick(1_000);
    }
    network.settle();
    assert_eq!(network.check_equal(a, carrier, &[space(1)]), 150);
    assert_eq!(network.check_equal(b, carrier, &[space(2)]), 150);
}

#[test]
fn what_is_over_quota_is_sent_once_and_ends_no_session() {
    let mut network = Network::new(1, &[1], &[9]);
    let (a, carrier) = (node(1), node(9));
    network.set_policy(carrier, Policy { quota_bytes: 20_000, ..Policy::CARRIER });
    network.want(a, space(1));
    let logs = u32::try_from(REFUSALS_MAX).unwrap() + 200;
    for at in 0..logs {
        network.write(a, space(1), document(1, at), Urgency::Normal, 1, 100);
    }
    network.settle();
    network.connect(a, carrier);
    network.settle();
    assert!(refused(&network, carrier, a).contains(&Refused::Quota));
    let ended = &network.nodes[&carrier].told.ended;
    assert!(ended.is_empty(), "the session of an honest node ends: {ended:?}");
    let sent = bytes_sent(&network, carrier);
    for _ in 0..4 {
        network.tick(5 * 60 * 1_000);
        network.settle();
    }
    assert_eq!(bytes_sent(&network, carrier), sent, "what was refused is not wanted again");
    assert!(network.nodes[&carrier].replica.carried_bytes(&a) <= 20_000);
}

#[test]
fn an_alert_passes_a_full_quota_until_its_own_reserve_is_used_up() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    let policy = Policy { quota_bytes: 20_000, urgent_bytes: 30_000, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    for id in [a, b] {
        network.want(id, space(1));
    }
    network.connect(a, carrier);
    network.write(a, space(1), document(1, 1), Urgency::Normal, 60, 1_000);
    network.settle();
    assert!(refused(&network, carrier, a).contains(&Refused::Quota));
    let alert = network.write(a, space(1), document(1, 2), Urgency::Urgent, 1, 4_096);
    network.settle();
    network.connect(b, carrier);
    network.settle();
    let reader = &network.nodes[&b].store;
    assert!(reader.contains(document(1, 2), alert[0].header().log, alert[0].tip()));
    for at in 0..20 {
        network.write(a, space(1), document(1, 10 + at), Urgency::Urgent, 1, 4_096);
    }
    network.settle();
    let used = network.nodes[&carrier].replica.carried_bytes(&a);
    assert!((40_000..=50_000).contains(&used), "{used} bytes");
}

#[test]
fn an_alert_passes_a_full_quota_whatever_stands_beside_it_in_its_log() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    let policy = Policy { quota_bytes: 2_000, urgent_bytes: 1 << 20, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    for id in [a, b] {
        network.want(id, space(1));
    }
    // There is room for what goes before it, and none for what follows.
    for (urgency, bytes) in
        [(Urgency::Normal, 100), (Urgency::Urgent, 4_096), (Urgency::Normal, 9_000)]
    {
        network.write(a, space(1), document(1, 1), urgency, 1, bytes);
    }
    network.settle();
    network.connect(a, carrier);
    network.settle();
    network.connect(b, carrier);
    network.settle();
    let held = |id| {
        let entries = network.nodes[&id].store.entries();
        entries.map(|entry| entry.header().urgency).collect::<Vec<_>>()
    };
    assert_eq!(held(carrier), [Urgency::Normal, Urgency::Urgent]);
    assert_eq!(held(b), held(carrier));
    assert!(refused(&network, carrier, a).contains(&Refused::Quota));
}

#[test]
fn alerts_that_come_too_fast_pass_a_full_quota_too() {
    let mut network = Network::new(1, &[1], &[9]);
    let (a, carrier) = (node(1), node(9));
    let policy = Policy { quota_bytes: 1_000, urgent_bytes: 1 << 20, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    network.want(a, space(1));
    let mut bytes = 0;
    for at in 0..100 {
        let alert = network.write(a, space(1), document(1, at), Urgency::Urgent, 1, 4_096);
        bytes += alert[0].size_bytes();
    }
    network.settle();
    assert!(bytes > URGENT_RATE_BYTES_MAX);
    network.connect(a, carrier);
    network.settle();
    assert_eq!(network.check_equal(a, carrier, &[space(1)]), 100);
}

#[test]
fn the_community_has_a_quota_and_each_node_its_reserve_beyond_it() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
    let quotas = (30_000, 30_000, 10_000);
    let (quota_bytes, community_bytes, urgent_bytes) = quotas;
    let policy = Policy { quota_bytes, urgent_bytes, community_bytes, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    for (id, number) in [(a, 1), (b, 2)] {
        network.want(id, space(number));
        network.connect(id, carrier);
        for at in 20..35 {
            network.write(id, space(number), document(number, at), Urgency::Normal, 1, 1_000);
        }
        network.settle();
    }
    let used = network.nodes[&carrier].replica.carried_in_all();
    assert!((28_000..=30_000).contains(&used), "{used} bytes");
    assert!(refused(&network, carrier, a).is_empty(), "who came first has its quota");
    assert!(refused(&network, carrier, b).contains(&Refused::CommunityQuota));
    // What is urgent of one node leaves the reserve of the other alone.
    for (id, number) in [(a, 1), (b, 2)] {
        for at in 10..20 {
            network.write(id, space(number), document(number, at), Urgency::Urgent, 1, 4_096);
        }
        network.settle();
    }
    let carrier = &network.nodes[&carrier];
    let urgent = |of: u8| {
        let of_space = carrier.store.entries().filter(|e| e.header().space == space(of));
        of_space.filter(|e| e.header().urgency == Urgency::Urgent).count()
    };
    assert_eq!([urgent(1), urgent(2)], [2, 2]);
    assert!(carrier.replica.carried_in_all() <= community_bytes + 2 * urgent_bytes);
}

#[test]
fn a_restart_keeps_the_count_and_an_erasure_gives_it_back() {
    let mut network = Network::new(1, &[1], &[9]);
    let (a, carrier) = (node(1), node(9));
    let policy = Policy { spaces_max: 3, quota_bytes: 30_000, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    let order_key = key(88);
    let community = CommunityId(network.community().genesis.id().0);
    let terms = Terms {
        community,
        space: [5; 32].into(),
        carrier_key: order_key.verifying_key().to_bytes().into(),
        documents: None,
        at: Timestamp(1),
    };
    let erased = terms.tag();
    network.connect(a, carrier);
    for (at, tag) in [(1, space(1)), (2, erased)] {
        network.want(a, tag);
        network.write(a, tag, document(at, 1), Urgency::Normal, 8, 1_000);
    }
    network.settle();
    let counts = |network: &Network| {
        let replica = &network.nodes[&carrier].replica;
        (replica.carried_bytes(&a), replica.carried_spaces(&a), replica.carried_in_all())
    };
    let before = counts(&network);
    assert!(before.0 > 16_000 && before.1 >= 2, "{before:?}");
    // The inbox of the writer is kept too, with nothing in it: it is asked for again.
    network.crash(carrier);
    assert_eq!(counts(&network), (before.0, 2, before.2), "before anybody is back");
    network.connect(a, carrier);
    network.settle();
    assert_eq!(counts(&network), before);

    let order = erasure::publish(terms.sign(&order_key), community, Timestamp(1), &key(1));
    network.certify(a, vec![order]);
    network.settle();
    let after = counts(&network);
    assert_eq!(after, (before.0 / 2, before.1 - 1, before.2 / 2));
    network.crash(carrier);
    assert_eq!(counts(&network).0, after.0, "its records are gone too");
    network.connect(a, carrier);
    network.want(a, space(3));
    network.write(a, space(3), document(3, 1), Urgency::Normal, 8, 1_000);
    network.settle();
    assert_eq!(network.check_equal(a, carrier, &[space(3)]), 8, "there is room again");
}
