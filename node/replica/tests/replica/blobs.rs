//! Blobs between nodes: through a carrier, resumed, from several peers, within quotas, gone when they are erased; and
//! whoever lies about them.

use std::collections::BTreeSet;

use linli_replica::blob::{self, Blob};
use linli_replica::entry::Urgency;
use linli_replica::erasure::{self, Terms};
use linli_replica::fingerprint::Salt;
use linli_replica::frame::{Adopt, BlobOffer, Blobs, BlobsOfSpace, Frame, Hello, Naming, Spaces};
use linli_replica::id::{BlobId, CommunityId, DocTag, NodeId, SpaceTag, Timestamp};
use linli_replica::limits::{
    BLOB_BYTES_MAX, BLOB_OFFER_MS, BLOB_PART_BYTES, BLOB_PATIENCE_MS, BLOB_WANTS_MAX, BLOB_WINDOW,
    REFUSALS_MAX,
};
use linli_replica::replica::{Ending, Input, Policy, Refused};

use crate::community::{key, node};
use crate::network::{LANES, Network, document, space};

const PART: u64 = BLOB_PART_BYTES as u64;
const SECRET: [u8; 32] = [42; 32];

/// Seven parts and a bit.
const SIZE: usize = 7 * BLOB_PART_BYTES + 240;

fn bytes(seed: u8, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

fn made(seed: u8, space: SpaceTag, document: DocTag, size: usize) -> (Blob, Vec<u8>) {
    let bytes = bytes(seed, size);
    let size = size as u64;
    let (id, _) = blob::hash(&bytes[..], size).unwrap();
    (Blob { id, space, document, size }, bytes)
}

/// Puts a blob beside a document of a node.
fn keep(network: &mut Network, id: NodeId, seed: u8, space: SpaceTag, document: DocTag) -> Blob {
    let (blob, bytes) = made(seed, space, document, SIZE);
    network.nodes.get_mut(&id).unwrap().disk.whole.insert(blob.id, bytes);
    network.input(id, Input::KeepBlob(blob));
    network.drain();
    blob
}

/// Members 1 and 2 share a space of which 1 has a document with a blob; 9 carries.
fn scene() -> (Network, Blob) {
    scene_of(1)
}

/// The same, with what is under way delivered in another order.
fn scene_of(seed: u64) -> (Network, Blob) {
    let mut network = Network::new(seed, &[1, 2, 3], &[9]);
    for member in [1, 2] {
        network.want(node(member), space(5));
    }
    network.write(node(1), space(5), document(5, 1), Urgency::Normal, 1, 500);
    network.drain();
    let blob = keep(&mut network, node(1), 1, space(5), document(5, 1));
    (network, blob)
}

fn holds(network: &Network, id: NodeId, blob: &Blob) -> bool {
    let node = &network.nodes[&id];
    let there = node.disk.whole.contains_key(&blob.id);
    assert_eq!(node.replica.blob(&blob.id).is_some(), there);
    there
}

/// The offsets of the parts that one node sent to another.
fn parts(network: &Network, from: NodeId, to: NodeId) -> Vec<u64> {
    let sent = network.log.iter().filter(|(a, b, ..)| (*a, *b) == (from, to));
    let part = |frame: &Frame| {
        if let Frame::Blobs(Blobs::Part(_, offset, _)) = frame { Some(*offset) } else { None }
    };
    sent.filter_map(|(.., frame)| part(frame)).collect()
}

fn refused(network: &Network, by: NodeId) -> Vec<Refused> {
    network.nodes[&by].told.refused.iter().map(|(_, reason)| *reason).collect()
}

#[test]
fn a_carrier_keeps_a_blob_for_who_is_away() {
    let (mut network, blob) = scene();
    let (a, b, carrier) = (node(1), node(2), node(9));
    network.connect(a, carrier);
    network.settle();
    assert!(holds(&network, carrier, &blob));
    assert_eq!(network.nodes[&carrier].replica.carried_blob_bytes(&a), blob.stored_bytes());
    assert_eq!(network.nodes[&a].replica.blob_elsewhere(&blob.id), 1);
    network.cut(a, carrier);
    network.connect(b, carrier);
    network.settle();
    assert!(!holds(&network, b, &blob), "no document that it read names it");
    network.input(b, Input::WantBlobs(vec![blob]));
    network.settle();
    assert!(holds(&network, b, &blob));
    let lanes: BTreeSet<_> = network
        .log
        .iter()
        .filter(|(.., frame)| matches!(frame, Frame::Blobs(_)))
        .map(|(_, _, lane, _)| *lane as u8)
        .collect();
    assert_eq!(lanes, BTreeSet::from([Urgency::Bulk as u8]));
    // All are told once, and nothing is sent twice.
    assert_eq!(parts(&network, a, carrier).len(), 8);
    assert_eq!(parts(&network, carrier, b).len(), 8);
    // Whoever comes back with the same has nothing to fetch.
    network.log.clear();
    network.crash(a);
    assert_eq!(network.nodes[&a].replica.blob_elsewhere(&blob.id), 0, "not known");
    network.connect(a, carrier);
    network.settle();
    let more = network.log.iter().filter(|(.., f)| matches!(f, Frame::Blobs(Blobs::Held(_))));
    assert_eq!(more.count(), 0, "the sums are equal");
    assert_eq!(network.nodes[&a].replica.blob_elsewhere(&blob.id), 1, "by the sum");
}

#[test]
fn a_blob_that_is_new_is_told_at_once() {
    let (mut network, _) = scene();
    let (a, b) = (node(1), node(2));
    network.connect(a, b);
    network.settle();
    let (blob, _) = made(2, space(5), document(5, 1), SIZE);
    network.input(b, Input::WantBlobs(vec![blob]));
    network.drain();
    let kept = keep(&mut network, a, 2, space(5), document(5, 1));
    assert_eq!(kept, blob);
    network.drain();
    assert!(holds(&network, b, &blob));
}

#[test]
fn a_transfer_goes_on_where_it_stopped_whoever_goes_on() {
    (0..30).for_each(goes_on);
}

fn goes_on(seed: u64) {
    let (mut network, blob) = scene_of(seed);
    let (a, b, carrier) = (node(1), node(2), node(9));
    network.connect(a, carrier);
    network.settle();
    network.input(b, Input::WantBlobs(vec![blob]));
    network.connect(a, b);
    while network.nodes[&b].replica.blob_bytes(&blob.id).unwrap() < 3 * PART {
        assert!(network.step());
    }
    // The power fails at the receiver, and the sender is gone.
    network.crash(b);
    network.input(b, Input::WantBlobs(vec![blob]));
    let came = network.nodes[&b].replica.blob_bytes(&blob.id).unwrap();
    assert!(came >= 3 * PART);
    network.connect(b, carrier);
    network.settle();
    assert!(holds(&network, b, &blob));
    let rest: Vec<u64> = (came / PART..8).map(|part| part * PART).collect();
    assert_eq!(parts(&network, carrier, b), rest);
}

#[test]
fn a_peer_that_falls_silent_is_relieved_by_another() {
    let (mut network, blob) = scene();
    let (a, b, carrier) = (node(1), node(2), node(9));
    network.connect(a, carrier);
    network.settle();
    network.input(b, Input::WantBlobs(vec![blob]));
    network.connect(a, b);
    while network.nodes[&b].replica.blob_bytes(&blob.id).unwrap() < 2 * PART {
        assert!(network.step());
    }
    network.connect(b, carrier);
    // Nothing of the first comes any more, though the connection stands.
    network.silence(a, b);
    network.settle();
    assert!(!holds(&network, b, &blob));
    assert!(parts(&network, carrier, b).is_empty(), "one peer at a time");
    network.tick(BLOB_PATIENCE_MS);
    network.settle();
    assert!(holds(&network, b, &blob));
    assert!(parts(&network, carrier, b).iter().all(|offset| *offset >= 2 * PART));
}

#[test]
fn an_alert_goes_before_a_blob() {
    let (mut network, blob) = scene();
    let (a, b) = (node(1), node(2));
    network.connect(a, b);
    network.settle();
    network.input(b, Input::WantBlobs(vec![blob]));
    while parts(&network, a, b).is_empty() {
        assert!(network.round() > 0);
    }
    let alert = network.write(a, space(5), document(5, 2), Urgency::Urgent, 1, 500);
    while network.persist(a) {}
    let after = network.log.len();
    network.round();
    while network.persist(b) {}
    let held = |network: &Network| {
        network.nodes[&b].told.held.iter().any(|(_, entry)| entry.id() == alert[0].id())
    };
    assert!(held(&network), "one round after it was made");
    assert!(!holds(&network, b, &blob));
    // Parts under way at once are few: that is all an alert could wait for.
    let window = usize::try_from(BLOB_WINDOW).unwrap();
    assert!(network.log[after..].len() < 8 + window);
    network.settle();
    assert!(holds(&network, b, &blob));
}

#[test]
fn a_full_disk_is_tried_again_and_nothing_is_fetched_meanwhile() {
    let (mut network, blob) = scene();
    let (a, b) = (node(1), node(2));
    network.nodes.get_mut(&b).unwrap().disk.full = true;
    network.input(b, Input::WantBlobs(vec![blob]));
    network.connect(a, b);
    network.drain();
    let tried = parts(&network, a, b).len();
    assert!((1..=4).contains(&tried), "{tried}");
    for _ in 0..60 {
        network.tick(1_000);
        network.drain();
    }
    let tried = parts(&network, a, b).len();
    assert!(tried <= 8 * 4, "attempts become rarer: {tried}");
    network.write(a, space(5), document(5, 3), Urgency::Normal, 1, 100);
    network.settle();
    network.check_equal(a, b, &[space(5)]);
    network.nodes.get_mut(&b).unwrap().disk.full = false;
    for _ in 0..61 {
        network.tick(1_000);
        network.drain();
    }
    assert!(holds(&network, b, &blob));
}

#[test]
fn the_quota_of_blobs_is_apart_from_that_of_entries() {
    let (mut network, blob) = scene();
    let (a, carrier) = (node(1), node(9));
    let policy = Policy { blob_bytes: blob.stored_bytes() + 10, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    network.connect(a, carrier);
    network.settle();
    let second = keep(&mut network, a, 2, space(5), document(5, 1));
    network.write(a, space(5), document(5, 4), Urgency::Normal, 1, 100);
    network.settle();
    assert!(holds(&network, carrier, &blob) && !holds(&network, carrier, &second));
    assert!(refused(&network, carrier).contains(&Refused::Quota));
    network.check_equal(a, carrier, &[space(5)]);
    // A restart keeps the count.
    network.crash(carrier);
    assert_eq!(network.nodes[&carrier].replica.carried_blob_bytes(&a), blob.stored_bytes());
    network.connect(a, carrier);
    network.settle();
    assert!(!holds(&network, carrier, &second));
}

#[test]
fn a_member_keeps_no_more_than_its_bound() {
    let (mut network, blob) = scene();
    let (a, b) = (node(1), node(2));
    network.set_policy(b, Policy { blob_bytes_all: blob.size * 3 / 2, ..Policy::MEMBER });
    let second = keep(&mut network, a, 2, space(5), document(5, 1));
    // What is only named takes no room.
    let phantoms = (0..100).map(|n| Blob { id: BlobId([n; 32]), ..blob });
    network.input(b, Input::WantBlobs(phantoms.collect()));
    network.input(b, Input::WantBlobs(vec![blob]));
    network.connect(a, b);
    network.settle();
    network.input(b, Input::WantBlobs(vec![second]));
    network.settle();
    assert!(holds(&network, b, &blob) && !holds(&network, b, &second));
    network.input(b, Input::DropBlobs(BTreeSet::from([blob.id])));
    network.settle();
    assert!(!holds(&network, b, &blob) && holds(&network, b, &second));
    network.crash(b);
    assert!(!holds(&network, b, &blob) && holds(&network, b, &second), "durably");
}

#[test]
fn an_erased_space_takes_its_blobs_along_at_members_and_carriers() {
    let mut network = Network::new(1, &[1, 2], &[9]);
    let (a, b, carrier) = (node(1), node(2), node(9));
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
    let mut blobs = Vec::new();
    for (at, tag) in [(1, erased), (2, space(7))] {
        network.want(a, tag);
        network.want(b, tag);
        network.write(a, tag, document(at, 1), Urgency::Normal, 1, 500);
        network.drain();
        blobs.push(keep(&mut network, a, at, tag, document(at, 1)));
    }
    network.input(b, Input::WantBlobs(blobs.clone()));
    network.connect(a, carrier);
    network.connect(a, b);
    network.settle();
    let all = [a, b, carrier];
    assert!(all.iter().all(|id| holds(&network, *id, &blobs[0])));
    let order = erasure::publish(terms.sign(&order_key), community, Timestamp(1), &key(1));
    network.certify(a, vec![order]);
    network.settle();
    for id in all {
        assert!(!holds(&network, id, &blobs[0]), "{id:?}");
        assert!(holds(&network, id, &blobs[1]), "the other space stays");
        network.crash(id);
        assert!(!holds(&network, id, &blobs[0]) && holds(&network, id, &blobs[1]));
    }
    assert_eq!(network.nodes[&carrier].replica.carried_blob_bytes(&a), blobs[1].stored_bytes());
    // Whoever names it again brings nothing back.
    network.input(b, Input::WantBlobs(vec![blobs[0]]));
    assert_eq!(network.nodes[&b].replica.blob_bytes(&blobs[0].id), None);
}

#[test]
fn an_erasure_waits_for_the_files_and_takes_parts_of_unknown_spaces_along() {
    let (mut network, _) = scene();
    let a = node(1);
    let order_key = key(88);
    let community = CommunityId(network.community().genesis.id().0);
    let terms = Terms {
        community,
        space: [5; 32].into(),
        carrier_key: order_key.verifying_key().to_bytes().into(),
        documents: None,
        at: Timestamp(1),
    };
    let tag = terms.tag();
    network.want(a, tag);
    network.write(a, tag, document(1, 1), Urgency::Normal, 1, 500);
    let blob = keep(&mut network, a, 7, tag, document(1, 1));
    let (orphan, bytes) = made(8, tag, document(1, 1), SIZE);
    let disk = &mut network.nodes.get_mut(&a).unwrap().disk;
    disk.parts.insert(orphan.id, bytes[..BLOB_PART_BYTES].to_vec());
    network.crash(a);
    let disk = &mut network.nodes.get_mut(&a).unwrap().disk;
    assert_eq!(disk.parts.len(), 1);
    disk.stuck = true;
    let order = erasure::publish(terms.sign(&order_key), community, Timestamp(1), &key(1));
    network.certify(a, vec![order]);
    network.settle();
    assert!(network.nodes[&a].replica.unconfirmed().is_empty(), "the files are there");
    // It is begun again after a restart.
    network.nodes.get_mut(&a).unwrap().disk.stuck = false;
    network.crash(a);
    network.settle();
    assert_eq!(network.nodes[&a].replica.unconfirmed().len(), 1);
    let disk = &network.nodes[&a].disk;
    assert!(disk.parts.is_empty() && !disk.whole.contains_key(&blob.id));
}

#[test]
fn a_carrier_bounds_what_it_is_offered_and_forgets_what_does_not_come() {
    let (mut network, _) = scene();
    network.set_policy(node(9), Policy { blobs_max: 5, ..Policy::CARRIER });
    let mut liar = Liar::new(network, node(9));
    liar.share(space(6));
    let (of, _) = made(9, space(6), document(6, 1), SIZE);
    for number in 0..7 {
        liar.offer(&Blob { id: BlobId([number; 32]), ..of });
    }
    assert_eq!(refused(&liar.network, liar.victim), [Refused::Quota], "said once");
    let wanted = |liar: &Liar| liar.network.nodes[&liar.victim].replica.wanted_blobs().count();
    assert_eq!(wanted(&liar), 5);
    liar.network.tick(BLOB_OFFER_MS - 1);
    assert_eq!(wanted(&liar), 5);
    liar.network.tick(60_000);
    assert_eq!(wanted(&liar), 0);
    let carrier = &liar.network.nodes[&liar.victim].replica;
    assert_eq!(carrier.carried_blob_bytes(&liar.liar), 0);
}

/// A member says whatever it likes to a node.
struct Liar {
    network: Network,
    victim: NodeId,
    liar: NodeId,
}

impl Liar {
    fn new(network: Network, victim: NodeId) -> Self {
        let mut liar = Self { network, victim, liar: node(3) };
        let (peer, secret) = (liar.liar, SECRET);
        let community = CommunityId(liar.network.community().genesis.id().0);
        let agreed = [0; 16].into();
        let hello = Hello { version: 1, community, agreed, spaces: 0, carrier: false };
        liar.writable();
        liar.network.input(victim, Input::Connected { peer, secret, initiator: true });
        liar.say(&Frame::Hello(hello));
        liar
    }

    fn writable(&mut self) {
        for lane in LANES {
            self.network.writable(self.victim, self.liar, lane);
        }
    }

    fn say(&mut self, frame: &Frame) {
        let (peer, bytes) = (self.liar, frame.encode());
        self.network.input(self.victim, Input::Frame { peer, lane: Urgency::Bulk, bytes });
        while self.network.persist(self.victim) {}
    }

    /// Comes to share a space with a carrier.
    fn share(&mut self, tag: SpaceTag) {
        let names = Salt::new(&SECRET).name(&tag).to_vec().into();
        self.say(&Frame::Adopt(Adopt { tags: vec![tag] }));
        self.say(&Frame::Spaces(Spaces { naming: Naming::Ask, names }));
    }

    fn offer(&mut self, blob: &Blob) {
        let space = Salt::new(&SECRET).name(&blob.space).into();
        let offer = BlobOffer { blob: blob.id, document: blob.document, size: blob.size };
        self.say(&Frame::Blobs(Blobs::Held(vec![BlobsOfSpace { space, blobs: vec![offer] }])));
    }

    fn ended(&self) -> Vec<Ending> {
        let ended = self.network.nodes[&self.victim].told.ended.iter();
        ended.filter(|(peer, _)| *peer == self.liar).map(|(_, ending)| *ending).collect()
    }
}

/// A carrier that keeps a blob of a space that the liar has nothing to do with.
fn carried() -> (Liar, Blob) {
    let (mut network, blob) = scene();
    network.connect(node(1), node(9));
    network.settle();
    network.cut(node(1), node(9));
    (Liar::new(network, node(9)), blob)
}

#[test]
fn a_carrier_gives_a_blob_only_to_who_names_its_space() {
    let (mut liar, blob) = carried();
    let read_before = refused(&liar.network, liar.victim).len();
    liar.say(&Frame::Blobs(Blobs::Want(blob.id, 0)));
    assert_eq!(refused(&liar.network, liar.victim)[read_before..], [Refused::NotShared]);
    // Nor is it another space's because somebody says so.
    liar.share(space(6));
    liar.offer(&Blob { space: space(6), ..blob });
    liar.say(&Frame::Blobs(Blobs::Want(blob.id, 0)));
    let said = liar.network.nodes[&liar.victim].replica.blob(&blob.id);
    assert_eq!(said, Some(&blob));
    let reasons = &refused(&liar.network, liar.victim)[read_before..];
    assert!(reasons.iter().all(|reason| *reason == Refused::NotShared), "{reasons:?}");
    assert!(liar.ended().is_empty());
}

#[test]
fn a_part_that_is_wrong_or_that_nobody_asked_for_is_refused() {
    let (network, _) = scene();
    let mut liar = Liar::new(network, node(9));
    liar.share(space(6));
    let (good, bytes) = made(9, space(6), document(6, 1), SIZE);
    let (_, hashes) = blob::hash(&bytes[..], good.size).unwrap();
    let slice = |offset| blob::slice(&good.id, good.size, offset, &bytes[..], &hashes[..]).unwrap();
    let part = |offset, bytes: Vec<u8>| Frame::Blobs(Blobs::Part(good.id, offset, bytes.into()));
    liar.say(&part(0, slice(0)));
    assert_eq!(refused(&liar.network, liar.victim), [Refused::Unasked]);
    // A size that it has not: the honest one is taken all the same.
    liar.offer(&Blob { size: 2_884_304, ..good });
    liar.say(&part(0, slice(0)));
    assert_eq!(refused(&liar.network, liar.victim)[1..], [Refused::BadBlob]);
    for size in [BLOB_BYTES_MAX + 1, good.size + 1, 1] {
        liar.offer(&Blob { size, ..good });
    }
    assert_eq!(refused(&liar.network, liar.victim)[2..], [Refused::BadBlob; 3]);
    liar.offer(&good);
    liar.writable();
    liar.say(&part(0, slice(0)));
    let mut wrong = slice(PART);
    *wrong.last_mut().unwrap() ^= 1;
    liar.say(&part(PART, wrong));
    assert_eq!(refused(&liar.network, liar.victim)[5..], [Refused::BadBlob]);
    let came = liar.network.nodes[&liar.victim].disk.parts[&good.id].len() as u64;
    assert_eq!(came, PART, "what was checked stays");
    assert!(liar.ended().is_empty());
}

#[test]
fn floods_end_the_session() {
    // Of a space that is not shared every want is answered that it is lacking: the lane takes four, sixteen wait.
    let (mut liar, blob) = carried();
    for at in 0..4 + BLOB_WANTS_MAX {
        liar.say(&Frame::Blobs(Blobs::Want(blob.id, 0)));
        assert!(liar.ended().is_empty(), "{at}");
    }
    liar.say(&Frame::Blobs(Blobs::Want(blob.id, 0)));
    assert_eq!(liar.ended(), [Ending::TooMuch]);
    let (mut liar, _) = carried();
    liar.network.settle();
    for number in 0..=REFUSALS_MAX {
        let id = BlobId([u8::try_from(number % 251).unwrap(); 32]);
        liar.say(&Frame::Blobs(Blobs::Part(id, 0, vec![0; 100].into())));
    }
    assert_eq!(liar.ended(), [Ending::TooMuch]);
    let (mut liar, blob) = carried();
    let name = Salt::new(&SECRET).name(&space(5));
    for _ in 0..=64 {
        liar.say(&Frame::Blobs(Blobs::Ask(name.to_vec().into())));
    }
    assert_eq!(liar.ended(), [Ending::TooMuch]);
    assert!(holds(&liar.network, liar.victim, &blob));
}

#[test]
fn wants_beyond_what_an_honest_peer_has_under_way_end_the_session() {
    let (mut liar, blob) = carried();
    liar.share(space(5));
    // The bulk lane takes four frames, one of them the sums; then two are read ahead, and sixteen wait.
    for at in 0..3 + 2 + BLOB_WANTS_MAX {
        liar.say(&Frame::Blobs(Blobs::Want(blob.id, 0)));
        assert!(liar.ended().is_empty(), "{at}");
    }
    liar.say(&Frame::Blobs(Blobs::Want(blob.id, 0)));
    assert_eq!(liar.ended(), [Ending::TooMuch]);
}
