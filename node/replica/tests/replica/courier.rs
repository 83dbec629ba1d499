//! Courier files between replicas that never meet: what they bring, and what is refused.

use linli_replica::courier::{
    CourierError, Head, Load, PREAMBLE_BYTES, Packed, Packer, Part, Preamble, Reader, Writer,
    chunk, chunk_bytes,
};
use linli_replica::directory::{Directory, NotMember};
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::{Adopt, Certificates, Frame, Pages};
use linli_replica::frontier::Frontier;
use linli_replica::id::{CommunityId, DocTag, NodeId, Timestamp};
use linli_replica::replica::{Carried, Input, Policy, Refused};

use crate::community::{Community, ENDS, key, node};
use crate::network::{Network, document, space};

/// Signing keys are numbered as nodes are.
const SECRET: [u8; 32] = [77; 32];

fn head(network: &Network, from: u8, to: Option<NodeId>) -> Head {
    let community = CommunityId(network.community().genesis.id().0);
    let at = network.now;
    Head { community, from: node(from), to, at, secret: SECRET.into(), taken: None }
}

/// Writes a file of frames; what would be sealed is left clear.
fn file(head: &Head, by: u8, frames: &[Frame]) -> Vec<u8> {
    let preamble = Preamble { encapped: head.to.map(|_| [1; 32]) };
    let key = key(by);
    let (mut writer, first) = Writer::begin(&preamble, head, &key);
    let mut bytes = [preamble.encode().to_vec(), chunk(&first)].concat();
    for frame in frames {
        bytes.extend(chunk(&writer.frame(frame, &key)));
    }
    bytes.extend(chunk(&writer.end(&key)));
    bytes
}

/// Reads a file as far as it can be believed.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Part>, Result<(), CourierError>) {
    let mut parts = Vec::new();
    let Some((first, mut rest)) = bytes.split_first_chunk::<PREAMBLE_BYTES>() else {
        return (parts, Err(CourierError::NotCourier));
    };
    let preamble = match Preamble::decode(first) {
        Ok(preamble) => preamble,
        Err(error) => return (parts, Err(error)),
    };
    let mut reader = Reader::new(&preamble);
    while let Some((prefix, after)) = rest.split_first_chunk::<4>() {
        let damaged = CourierError::Damaged { part: reader.parts() };
        let Some(length) = chunk_bytes(*prefix) else { return (parts, Err(damaged)) };
        let Some((part, after)) = after.split_at_checked(length) else { break };
        match reader.part(part) {
            Ok(part) => parts.push(part),
            Err(error) => return (parts, Err(error)),
        }
        rest = after;
    }
    let whole = parts.last() == Some(&Part::End) && rest.is_empty();
    let cut = CourierError::Cut { parts: reader.parts() };
    (parts, if whole { Ok(()) } else { Err(cut) })
}

/// Packs what `to` lacks of some documents, as far as `known` says what it holds.
fn pack(
    network: &Network,
    from: NodeId,
    load: Load,
    known: impl Fn(&DocTag) -> Frontier,
) -> (Vec<Frame>, Packed) {
    let node = &network.nodes[&from];
    let index = node.replica.index();
    let spaces: Vec<_> = index.spaces().collect();
    let documents = spaces.iter().flat_map(|space| index.documents(space));
    let documents = documents.map(|(document, _)| (document, known(&document)));
    let mut packer = Packer::new(index, &SECRET, None, load, documents);
    let mut frames = Vec::new();
    while let Some(frame) = packer.next(index, node.replica.directory(), &node.store).unwrap() {
        frames.push(frame);
    }
    (frames, packer.packed())
}

fn held_by(network: &Network, node: NodeId) -> impl Fn(&DocTag) -> Frontier {
    let index = network.nodes[&node].replica.index();
    |document| index.frontier(document).unwrap_or_default()
}

/// Feeds what a file brings to a node, and waits until it is durable.
fn feed(network: &mut Network, to: NodeId, from: NodeId, frames: Vec<Frame>) -> Carried {
    network.nodes.get_mut(&to).unwrap().told.carried = Carried::default();
    for frame in frames {
        network.input(to, Input::Carried { from, frame });
    }
    network.drain();
    std::mem::take(&mut network.nodes.get_mut(&to).unwrap().told.carried)
}

fn entries(frames: &[Frame]) -> Vec<Entry> {
    let pages = frames.iter().filter_map(|frame| {
        if let Frame::Pages(Pages { pages }) = frame { Some(pages) } else { None }
    });
    pages.flatten().flatten().map(|bytes| Entry::decode(bytes).unwrap()).collect()
}

/// Two homes have met, are cut off from each other, and one goes on writing.
fn apart() -> (Network, [NodeId; 2], usize) {
    let (one, other) = (node(1), node(2));
    let mut network = Network::new(3, &[1, 2, 3], &[9]);
    for id in [one, other] {
        network.want(id, space(1));
        network.want(id, space(2));
    }
    for number in 0..6 {
        network.write(one, space(1), document(1, number), Urgency::Normal, 5, 300);
    }
    network.connect(one, other);
    network.settle();
    network.cut(one, other);
    let mut lacked = 0;
    for (number, count) in [(0, 3), (2, 70), (7, 4)] {
        lacked += count;
        network.write(one, space(1), document(1, number), Urgency::Normal, count, 700);
        network.drain();
    }
    network.write(one, space(2), document(2, 1), Urgency::Bulk, 3, 200_000);
    network.write(one, space(2), document(2, 2), Urgency::Urgent, 2, 4_000);
    network.drain();
    (network, [one, other], lacked + 5)
}

#[test]
fn a_file_brings_exactly_what_lacked_and_alerts_first() {
    let (mut network, [one, other], lacked) = apart();
    let (frames, packed) = pack(&network, one, Load::default(), held_by(&network, other));
    assert_eq!(entries(&frames).len(), lacked);
    let at_most = |n: usize| u64::try_from(n).unwrap();
    assert_eq!((packed.entries, packed.documents), (at_most(lacked), 5));
    let urgent: Vec<bool> =
        entries(&frames).iter().map(|e| e.header().urgency == Urgency::Urgent).collect();
    assert!(urgent[..2].iter().all(|urgent| *urgent), "alerts go first");
    let bulk = entries(&frames).iter().position(|e| e.header().urgency == Urgency::Bulk).unwrap();
    assert_eq!(bulk, lacked - 3, "what nobody hurries for goes last");
    // What is written is hardly more than what is needed.
    let bytes = file(&head(&network, 1, Some(other)), 1, &frames).len();
    let needed: usize = entries(&frames).iter().map(|e| e.encode_unsigned().len()).sum();
    assert!(bytes * 100 <= needed * 110, "{bytes} bytes for {needed}");

    let brought = feed(&mut network, other, one, frames.clone());
    assert_eq!((brought.entries, brought.known, brought.gaps), (lacked, 0, 0));
    assert!(brought.refused.is_empty(), "{:?}", brought.refused);
    assert_eq!(brought.documents.len(), 5);
    assert_eq!(network.check_equal(one, other, &[space(1), space(2)]), 30 + lacked);
    // Fed again it brings nothing and costs no commit.
    let again = feed(&mut network, other, one, frames);
    assert_eq!((again.entries, again.gaps, again.documents.len()), (0, 0, 5));
    assert!(again.known > 0);
    let (frames, packed) = pack(&network, one, Load::default(), held_by(&network, other));
    assert_eq!((frames, packed), (Vec::new(), Packed::default()), "nothing is packed twice");
}

#[test]
fn an_alert_in_a_file_goes_on_to_those_who_are_connected() {
    let (mut network, [one, other], _) = apart();
    let third = node(3);
    network.want(third, space(2));
    network.connect(other, third);
    network.settle();
    network.log.clear();
    let (frames, _) = pack(&network, one, Load::default(), held_by(&network, other));
    feed(&mut network, other, one, frames);
    let sent = network.log.iter().position(|(from, _, lane, frame)| {
        *from == other && *lane == Urgency::Urgent && matches!(frame, Frame::Pages(_))
    });
    let asked = network.log.iter().position(|(from, _, lane, frame)| {
        *from == third && *lane == Urgency::Urgent && matches!(frame, Frame::Want(_))
    });
    assert!(sent.is_some() && asked.is_none(), "the alert is sent on without being asked for");
    network.settle();
    network.check_equal(other, third, &[space(2)]);
}

#[test]
fn what_a_node_does_not_want_and_what_has_no_beginning_is_not_taken() {
    let (mut network, [one, other], _) = apart();
    network.forget(other, space(2));
    let (frames, _) = pack(&network, one, Load::default(), held_by(&network, other));
    let brought = feed(&mut network, other, one, frames);
    assert_eq!(brought.refused.keys().copied().collect::<Vec<_>>(), [Refused::UnknownSpace]);
    // Somebody believes the receiver to hold more than it does.
    network.write(one, space(1), document(1, 0), Urgency::Normal, 4, 300);
    network.drain();
    let before = held_by(&network, one)(&document(1, 0));
    network.write(one, space(1), document(1, 0), Urgency::Normal, 1, 300);
    network.drain();
    let (frames, _) = pack(&network, one, Load::default(), |document| {
        let held = network.nodes[&one].replica.index().frontier(document).unwrap_or_default();
        if *document == self::document(1, 0) { before.clone() } else { held }
    });
    let brought = feed(&mut network, other, one, frames);
    assert_eq!((brought.gaps, brought.entries, brought.documents.len()), (1, 0, 1));
}

#[test]
fn a_carrier_takes_a_file_in_within_its_quota_and_packs_it_on() {
    let (mut network, [one, other], lacked) = apart();
    let carrier = node(9);
    let load = Load { adopt: true, ..Load::default() };
    let (frames, _) = pack(&network, one, load, |_| Frontier::default());
    let tags = frames.iter().find_map(|frame| {
        if let Frame::Adopt(Adopt { tags }) = frame { Some(tags.clone()) } else { None }
    });
    assert_eq!(tags, Some(vec![space(1), space(2)]));
    let without: Vec<Frame> =
        frames.iter().filter(|f| !matches!(f, Frame::Adopt(_))).cloned().collect();
    let brought = feed(&mut network, carrier, one, without);
    assert_eq!(brought.entries, 0, "a carrier keeps what it is asked to keep");
    feed(&mut network, carrier, one, frames.clone());
    network.check_equal(one, carrier, &[space(1), space(2)]);
    assert!(network.nodes[&carrier].replica.carried_bytes(&one) > 600_000);
    let (on, packed) = pack(&network, carrier, Load::default(), held_by(&network, other));
    assert_eq!(packed.entries, u64::try_from(lacked).unwrap());
    feed(&mut network, other, carrier, on);
    network.check_equal(one, other, &[space(1), space(2)]);

    let (mut network, [one, _], _) = apart();
    let quota_bytes = 20_000;
    let policy = Policy { quota_bytes, urgent_bytes: 10_000, ..Policy::CARRIER };
    network.set_policy(carrier, policy);
    let brought = feed(&mut network, carrier, one, frames);
    assert!(brought.refused.contains_key(&Refused::Quota), "{:?}", brought.refused);
    let carried = network.nodes[&carrier].replica.carried_bytes(&one);
    assert!(carried > 8_000 && carried <= quota_bytes + 10_000, "{carried} bytes");
}

#[test]
fn whoever_is_expelled_meanwhile_brings_nothing_more() {
    let (mut network, [one, other], _) = apart();
    let (frames, _) = pack(&network, one, Load::default(), held_by(&network, other));
    let expel = network.community().expel(1);
    network.certify(other, vec![expel]);
    network.drain();
    let brought = feed(&mut network, other, one, frames);
    assert_eq!(brought.entries, 0);
    assert_eq!(brought.refused.keys().copied().collect::<Vec<_>>(), [Refused::NotShared]);
}

/// A file of three frames, small enough to be tried at every byte.
fn small() -> (Network, Vec<u8>) {
    let network = Network::new(1, &[1, 2], &[]);
    let certificates = network.community().member(1, false);
    let certificates = certificates.iter().map(|c| c.encode().into()).collect();
    let frames = [
        Frame::Certificates(Certificates { certificates }),
        Frame::Adopt(Adopt { tags: vec![space(1)] }),
        Frame::Adopt(Adopt { tags: vec![space(2), space(3)] }),
    ];
    let bytes = file(&head(&network, 1, Some(node(2))), 1, &frames);
    (network, bytes)
}

#[test]
fn a_file_that_is_cut_anywhere_gives_what_stands_before_the_cut() {
    let (_, bytes) = small();
    let (whole, end) = read(&bytes);
    assert_eq!((whole.len(), end), (5, Ok(())));
    let mut lengths = std::collections::BTreeSet::new();
    for at in 0..bytes.len() {
        let (parts, end) = read(&bytes[..at]);
        assert_eq!(parts[..], whole[..parts.len()], "cut at {at}");
        let parts = u64::try_from(parts.len()).unwrap();
        match end {
            Err(CourierError::NotCourier) => assert!(at < PREAMBLE_BYTES),
            Err(CourierError::Cut { parts: said }) => assert_eq!(said, parts, "cut at {at}"),
            other => panic!("cut at {at}: {other:?}"),
        }
        lengths.insert(parts);
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let longer = [bytes.as_slice(), &chunk(&[0; 64])].concat();
    assert_eq!(read(&longer).1, Err(CourierError::Damaged { part: 5 }));
}

#[test]
fn every_flipped_byte_is_noticed_at_its_part() {
    let (_, bytes) = small();
    let (whole, _) = read(&bytes);
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        let (parts, end) = read(&bad);
        assert!(end.is_err(), "byte {at} was changed unnoticed");
        assert!(parts.len() < whole.len(), "byte {at}");
        assert_eq!(parts[..], whole[..parts.len()], "byte {at}");
    }
}

#[test]
fn parts_of_two_files_do_not_mix_and_do_not_change_places() {
    let (network, bytes) = small();
    let other = head(&network, 1, Some(node(2)));
    let other = Head { secret: [78; 32].into(), ..other };
    let tags = |n| Frame::Adopt(Adopt { tags: vec![space(n)] });
    let elsewhere = file(&other, 1, &[tags(7), tags(8)]);
    let split = |bytes: &[u8]| {
        let mut rest = &bytes[PREAMBLE_BYTES..];
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let length = 4 + chunk_bytes(rest[..4].try_into().unwrap()).unwrap();
            chunks.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        chunks
    };
    let joined = |chunks: &[Vec<u8>]| [&bytes[..PREAMBLE_BYTES], &chunks.concat()].concat();
    let (ours, theirs) = (split(&bytes), split(&elsewhere));
    assert_eq!(read(&joined(&ours)).1, Ok(()));
    let damaged = |chunks: &[Vec<u8>], part| {
        assert_eq!(read(&joined(chunks)).1, Err(CourierError::Damaged { part }));
    };
    let mut mixed = ours.clone();
    mixed[1] = theirs[1].clone();
    damaged(&mixed, 1);
    let mut swapped = ours.clone();
    swapped.swap(2, 3);
    damaged(&swapped, 2);
    let mut ended = ours;
    ended.swap(1, 4);
    damaged(&ended, 1);
}

#[test]
fn whose_file_it_is_and_for_whom_is_looked_at_first() {
    let network = Network::new(1, &[1, 2], &[]);
    let community = CommunityId(network.community().genesis.id().0);
    let ours = head(&network, 1, Some(node(2)));
    assert_eq!(ours.check(community, node(2)), Ok(()));
    assert_eq!(ours.check(community, node(3)), Err(CourierError::NotForUs));
    assert_eq!(head(&network, 1, None).check(community, node(3)), Ok(()));
    let elsewhere = Community::new("South").genesis.id();
    let elsewhere = CommunityId(elsewhere.0);
    assert_eq!(ours.check(elsewhere, node(2)), Err(CourierError::OtherCommunity));

    let directory: &Directory = network.nodes[&node(2)].replica.directory();
    assert_eq!(ours.admitted(directory, network.now), Ok(()));
    let stranger = |reason| Err(CourierError::Stranger(reason));
    let unknown = head(&network, 5, None);
    assert_eq!(unknown.admitted(directory, network.now), stranger(NotMember::Unknown));
    let late = ENDS.plus_ms(1);
    assert_eq!(ours.admitted(directory, late), stranger(NotMember::Ended));
    let mut directory = directory.clone();
    directory.add([network.community().expel(1)]);
    assert_eq!(ours.admitted(&directory, network.now), stranger(NotMember::Expelled));
    // The file shows that its packer was enrolled while the receiver was away.
    directory.add(network.community().member(5, false));
    assert_eq!(unknown.admitted(&directory, network.now), Ok(()));
}

/// The files of `docs/spec/courier.md`: what is accepted, and what is refused.
pub(crate) fn vectors() -> Vec<(&'static str, Vec<u8>)> {
    let (network, sealed) = small();
    let at = Timestamp(1_704_067_200_000);
    let clear = Head { at, taken: Some(Timestamp(5)), ..head(&network, 1, None) };
    let adopt = Frame::Adopt(Adopt { tags: vec![space(1)] });
    let good = file(&clear, 1, std::slice::from_ref(&adopt));
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let end = 4 + 64;
    vec![
        ("clear", good.clone()),
        ("sealed-parts", sealed),
        ("nothing-in-it", file(&clear, 1, &[])),
        ("another-key", file(&clear, 2, &[])),
        ("version-2", flipped(14)),
        ("not-a-courier", flipped(0)),
        ("clear-with-a-key", flipped(40)),
        (
            "unknown-preamble",
            flipped(16)
                .into_iter()
                .enumerate()
                .map(|(n, byte)| if n == 16 { 2 } else { byte })
                .collect(),
        ),
        ("clear-for-one-node", {
            let preamble = Preamble { encapped: None };
            let head = head(&network, 1, Some(node(2)));
            let (_, first) = Writer::begin(&preamble, &head, &key(1));
            [preamble.encode().to_vec(), chunk(&first)].concat()
        }),
        ("head-flipped", flipped(PREAMBLE_BYTES + 80)),
        ("frame-flipped", flipped(good.len() - end - 1)),
        ("without-its-end", good[..good.len() - end].to_vec()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("chunk-too-short", [&good[..good.len() - end], &[0, 0, 0, 63]].concat()),
        ("chunk-too-long", [&good[..good.len() - end], &[0x00, 0x11, 0, 0]].concat()),
        ("after-the-end", [good.as_slice(), &good[good.len() - end..]].concat()),
        ("empty", Vec::new()),
    ]
}
