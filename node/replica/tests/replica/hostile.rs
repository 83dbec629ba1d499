//! A member that breaks every rule: it is refused or let go, and the honest go on.

use std::collections::BTreeSet;

use linli_replica::certificate::Certificate;
use linli_replica::directory::NotMember;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::fingerprint::Salt;
use linli_replica::frame::{
    Bye, ByeReason, Cell, Certificates, Frame, Frontiers, Held, Hello, Naming, Offer, Pages,
    Ranges, Receipt, Spaces, Want, WantLog,
};
use linli_replica::frontier::{Frontier, Tip};
use linli_replica::id::{CommunityId, EntryId, LogKey, NodeId, SpaceTag};
use linli_replica::index::AdmissionRefusal;
use linli_replica::limits::{BRANCHES_MAX, FRAME_BYTES_MAX, LOGS_MAX, PAGE_ENTRIES_MAX};
use linli_replica::reconcile::{Claim, Range};
use linli_replica::replica::{Ending, Input, Refused};

use crate::community::{Community, key, node};
use crate::network::{LANES, Network, document, entry, space};

const SECRET: [u8; 32] = [42; 32];

struct Attack {
    network: Network,
    victim: NodeId,
    honest: NodeId,
    attacker: NodeId,
}

impl Attack {
    /// A victim and an honest node share space 7; the attacker is a member.
    fn new() -> Self {
        let mut network = Network::new(1, &[1, 2, 3], &[9]);
        let (victim, honest, attacker) = (node(1), node(2), node(3));
        network.want(victim, space(7));
        network.want(honest, space(7));
        network.connect(victim, honest);
        network.write(victim, space(7), document(7, 1), Urgency::Normal, 5, 100);
        network.settle();
        Self { network, victim, honest, attacker }
    }

    fn dial(&mut self) {
        let (peer, secret) = (self.attacker, SECRET);
        self.reset();
        self.network.input(self.victim, Input::Connected { peer, secret, initiator: true });
        self.frame(&Frame::Hello(self.hello()));
    }

    fn reset(&mut self) {
        self.network.nodes.get_mut(&self.victim).unwrap().told.ended.clear();
        self.writable();
    }

    fn writable(&mut self) {
        for lane in LANES {
            self.network.writable(self.victim, self.attacker, lane);
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            version: 1,
            community: CommunityId(self.network.community().genesis.id().0),
            agreed: [0; 16].into(),
            spaces: 0,
            carrier: false,
        }
    }

    fn raw(&mut self, bytes: Vec<u8>) {
        self.writable();
        let (peer, lane) = (self.attacker, Urgency::Normal);
        self.network.input(self.victim, Input::Frame { peer, lane, bytes });
    }

    fn frame(&mut self, frame: &Frame) {
        self.raw(frame.encode());
    }

    fn page(&mut self, entries: &[Entry]) {
        let page = entries.iter().map(|entry| entry.encode().into()).collect();
        self.frame(&Frame::Pages(Pages { pages: vec![page] }));
    }

    fn ended(&self) -> Option<Ending> {
        let ended = &self.network.nodes[&self.victim].told.ended;
        ended.iter().rev().find(|(peer, _)| *peer == self.attacker).map(|(_, reason)| *reason)
    }

    fn refused(&self) -> Vec<Refused> {
        let refused = &self.network.nodes[&self.victim].told.refused;
        refused.iter().filter(|(from, _)| *from == Some(self.attacker)).map(|(_, r)| *r).collect()
    }

    fn persist(&mut self) {
        while self.network.persist(self.victim) {}
    }

    /// The honest two still exchange what is new.
    fn check_honest(&mut self) {
        let before = self.network.nodes[&self.honest].store.entries().count();
        self.network.write(self.victim, space(7), document(7, 2), Urgency::Urgent, 1, 100);
        self.network.write(self.honest, space(7), document(7, 3), Urgency::Normal, 1, 100);
        self.network.settle();
        self.network.check_equal(self.victim, self.honest, &[space(7)]);
        let after = self.network.nodes[&self.honest].store.entries().count();
        assert!(after >= before + 2, "the honest session does not go on");
        let own = self.network.nodes[&self.victim].told.ended.iter();
        assert!(own.clone().all(|(peer, _)| *peer != self.honest));
    }
}

fn chain(seed: u8, space: SpaceTag, number: u32, count: u64, salt: u8) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for sequence in 1..=count {
        let previous = entries.last().map_or_else(EntryId::default, Entry::id);
        let how = (Urgency::Normal, 100, salt);
        entries.push(entry(&key(seed), space, document(7, number), sequence, previous, how));
    }
    entries
}

#[test]
fn garbage_truncated_and_oversized_frames_end_the_session_with_the_reason() {
    let mut attack = Attack::new();
    attack.dial();
    attack.raw(vec![0xff; 100]);
    assert_eq!(attack.ended(), Some(Ending::Malformed));

    attack.dial();
    attack.raw(vec![0; FRAME_BYTES_MAX + 1]);
    assert_eq!(attack.ended(), Some(Ending::TooLarge));

    let good = Frame::Pages(Pages {
        pages: vec![chain(60, space(7), 9, 2, 1).iter().map(|e| e.encode().into()).collect()],
    })
    .encode();
    for length in [0, 1, 2, good.len() / 2, good.len() - 1] {
        attack.dial();
        attack.raw(good[..length].to_vec());
        assert_eq!(attack.ended(), Some(Ending::Malformed), "{length} bytes");
    }
    attack.dial();
    attack.raw([good, vec![0]].concat());
    assert_eq!(attack.ended(), Some(Ending::Malformed));

    // Random bytes, many times: whatever they are, nothing panics and nothing is stored.
    let before = attack.network.nodes[&attack.victim].store.entries().count();
    let mut seed = blake3::hash(b"garbage");
    for _ in 0..2_000 {
        seed = blake3::hash(seed.as_bytes());
        let length = usize::from(seed.as_bytes()[0]) % 33;
        let mut bytes = seed.as_bytes()[..length].to_vec();
        if let Some(first) = bytes.first_mut() {
            *first = 0x82;
        }
        attack.dial();
        attack.raw(bytes);
    }
    attack.persist();
    assert_eq!(attack.network.nodes[&attack.victim].store.entries().count(), before);
    attack.check_honest();
}

#[test]
fn frames_out_of_turn_end_the_session() {
    let mut attack = Attack::new();
    let spaces = |naming, names: Vec<u8>| Frame::Spaces(Spaces { naming, names: names.into() });
    let empty =
        |answer| Frame::Ranges(Ranges { answer, certificates: Vec::new(), documents: Vec::new() });
    let hello = Frame::Hello(attack.hello());
    for frame in [hello, spaces(Naming::Answer, vec![]), empty(true), empty(false)] {
        attack.dial();
        attack.frame(&frame);
        assert_eq!(attack.ended(), Some(Ending::OutOfTurn), "{frame:?}");
    }
    let (peer, secret) = (attack.attacker, SECRET);
    attack.reset();
    attack.network.input(attack.victim, Input::Connected { peer, secret, initiator: true });
    attack.frame(&spaces(Naming::Ask, vec![0; 16]));
    assert_eq!(attack.ended(), Some(Ending::OutOfTurn), "before the hello");
    attack.dial();
    attack.frame(&spaces(Naming::Ask, vec![0; 17]));
    assert_eq!(attack.ended(), Some(Ending::Malformed));
    attack.dial();
    attack.frame(&Frame::Bye(Bye { reason: ByeReason::Closing }));
    assert_eq!(attack.ended(), Some(Ending::Goodbye));
    attack.check_honest();
}

#[test]
fn strangers_other_communities_and_other_versions_are_let_go() {
    let mut attack = Attack::new();
    let connect = |attack: &mut Attack, hello: Hello| {
        let (peer, secret) = (attack.attacker, SECRET);
        attack.reset();
        attack.network.input(attack.victim, Input::Connected { peer, secret, initiator: true });
        attack.frame(&Frame::Hello(hello));
    };
    let good = attack.hello();
    connect(&mut attack, Hello { community: CommunityId([1; 32]), ..good });
    assert_eq!(attack.ended(), Some(Ending::OtherCommunity));
    connect(&mut attack, Hello { version: 2, ..good });
    assert_eq!(attack.ended(), Some(Ending::Version(2)));
    attack.attacker = node(77);
    connect(&mut attack, good);
    assert_eq!(attack.ended(), Some(Ending::NotMember(NotMember::Unknown)));
    attack.check_honest();
}

#[test]
fn forged_broken_and_foreign_pages_are_refused_and_the_session_goes_on() {
    let mut attack = Attack::new();
    attack.dial();
    let good = chain(60, space(7), 9, 3, 1);
    let mut forged = good[2].encode();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = vec![vec![forged.into()]];
    attack.frame(&Frame::Pages(Pages { pages: forged }));
    attack.page(&[good[0].clone(), good[2].clone()]);
    attack.page(&[]);
    attack.page(&[chain(61, space(7), 9, 1, 1)[0].clone(), good[1].clone()]);
    assert_eq!(attack.refused(), [Refused::BadPage; 4]);
    attack.page(&chain(60, space(8), 9, 1, 1));
    attack.page(&chain(60, linli_replica::id::inbox_tag(&attack.honest), 9, 1, 1));
    assert_eq!(attack.refused()[4..], [Refused::UnknownSpace; 2]);
    attack.page(&good[1..]);
    assert!(attack.network.pending(attack.victim).is_empty(), "a gap is not stored");
    let want = attack.network.log.len();
    assert!(want > 0 && attack.ended().is_none());
    attack.page(&good);
    attack.page(&good);
    attack.page(&good[..1]);
    attack.persist();
    for _ in 0..50 {
        attack.page(&good);
    }
    assert!(attack.network.pending(attack.victim).is_empty(), "what is known is not stored again");
    attack.network.settle();
    let store = &attack.network.nodes[&attack.honest].store;
    assert!(store.contains(document(7, 9), good[0].header().log, good[2].tip()));
    // The document is known in space 7: it cannot be claimed for the victim's inbox.
    attack.page(&chain(62, linli_replica::id::inbox_tag(&attack.victim), 9, 1, 1));
    let other = Refused::Admission(AdmissionRefusal::OtherSpace);
    assert_eq!(attack.refused().last(), Some(&other));
    assert_eq!(attack.ended(), None);
    attack.check_honest();
}

#[test]
fn pages_beyond_the_limits_are_refused() {
    let mut attack = Attack::new();
    attack.dial();
    let many = chain(60, space(7), 9, PAGE_ENTRIES_MAX as u64 + 1, 1);
    attack.page(&many);
    assert_eq!(attack.ended(), Some(Ending::TooLarge));
    attack.dial();
    let mut large: Vec<Entry> = Vec::new();
    for sequence in 1..=3 {
        let previous = large.last().map_or_else(EntryId::default, Entry::id);
        let how = (Urgency::Normal, 100_000, 1);
        large.push(entry(&key(60), space(7), document(7, 9), sequence, previous, how));
    }
    attack.page(&large);
    assert_eq!(attack.refused(), [Refused::BadPage]);
    attack.check_honest();
}

#[test]
fn nothing_is_served_of_a_space_that_was_not_named() {
    let mut attack = Attack::new();
    attack.dial();
    let held = attack.network.nodes[&attack.victim].replica.index().frontier(&document(7, 1));
    let log = *held.unwrap().0.keys().next().unwrap();
    let want = |number| WantLog { document: document(7, number), log, after: Vec::new() };
    attack.network.log.clear();
    attack
        .network
        .links
        .insert((attack.victim.min(attack.attacker), attack.victim.max(attack.attacker)));
    attack.frame(&Frame::Want(Want { logs: vec![want(1), want(5)] }));
    assert_eq!(attack.refused(), [Refused::NotShared; 2]);
    // A name under another secret is no name.
    let name = |secret: [u8; 32], tag: u8| Salt::new(&secret).name(&space(tag)).to_vec();
    let ask = |names: Vec<u8>| Frame::Spaces(Spaces { naming: Naming::Ask, names: names.into() });
    attack.frame(&ask(name([43; 32], 7)));
    attack.frame(&ask(name(SECRET, 8)));
    attack.frame(&Frame::Want(Want { logs: vec![want(1)] }));
    assert_eq!(attack.refused().len(), 3);
    let pages = |attack: &Attack| {
        let frames = attack.network.log.iter().filter(|(_, to, ..)| *to == attack.attacker);
        frames.filter(|(.., frame)| matches!(frame, Frame::Pages(_) | Frame::Frontiers(_))).count()
    };
    assert_eq!(pages(&attack), 0);
    // Whoever knows the tag is a member of the space, for all a carrier can tell.
    attack.frame(&ask(name(SECRET, 7)));
    attack.frame(&Frame::Want(Want { logs: vec![want(1)] }));
    assert_eq!(pages(&attack), 1, "the same want is served once the space is named");
    for _ in 0..2 {
        attack.frame(&Frame::Want(Want { logs: vec![want(5); 600] }));
    }
    assert_eq!(attack.ended(), Some(Ending::TooMuch));
    attack.check_honest();
}

#[test]
fn endless_comparisons_and_lists_are_ended() {
    let whole = || Range {
        start: Vec::new().into(),
        end: Vec::new().into(),
        claim: Claim::Fingerprint([7; 16].into()),
    };
    let opening = Frame::Ranges(Ranges {
        answer: false,
        certificates: vec![whole()],
        documents: vec![whole()],
    });
    let again =
        Frame::Ranges(Ranges { answer: false, certificates: vec![whole()], documents: vec![] });
    let ask = Frame::Spaces(Spaces { naming: Naming::Ask, names: vec![1; 16].into() });
    let mut attack = Attack::new();
    for (first, then) in [(&opening, &opening), (&opening, &again), (&ask, &ask)] {
        attack.dial();
        attack.frame(first);
        assert_eq!(attack.ended(), None);
        let mut sent = 0;
        while attack.ended().is_none() {
            attack.frame(then);
            sent += 1;
            assert!(sent < 200, "it is never ended");
        }
        assert_eq!(attack.ended(), Some(Ending::TooMuch));
    }
    // Whoever asks and never reads is let go too.
    attack.dial();
    let peer = attack.attacker;
    let mut sent = 0;
    while attack.ended().is_none() {
        attack.network.tick(1_000);
        let (lane, bytes) = (Urgency::Normal, ask.encode());
        attack.network.input(attack.victim, Input::Frame { peer, lane, bytes });
        sent += 1;
        assert!(sent < 200, "it is never ended");
    }
    assert_eq!(attack.ended(), Some(Ending::TooMuch));
    attack.check_honest();
}

#[test]
fn fork_bombs_and_log_bombs_stop_at_the_limit() {
    let mut attack = Attack::new();
    attack.dial();
    for salt in 0..20 {
        attack.page(&chain(60, space(7), 9, 2, salt));
        attack.persist();
    }
    let index = attack.network.nodes[&attack.victim].replica.index();
    let frontier = index.frontier(&document(7, 9)).unwrap();
    assert_eq!(frontier.0.values().map(Vec::len).collect::<Vec<_>>(), [BRANCHES_MAX]);
    let full = Refused::Admission(AdmissionRefusal::TooManyBranches);
    assert_eq!(attack.refused(), [full; 16]);

    let mut pages = Vec::new();
    for number in 0..LOGS_MAX + 3 {
        let mut seed = [1; 32];
        seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let how = (Urgency::Normal, 1, 1);
        let one = entry(&key, space(7), document(7, 10), 1, EntryId::default(), how);
        pages.push(vec![one.encode().into()]);
    }
    for pages in pages.chunks(1_000) {
        attack.frame(&Frame::Pages(Pages { pages: pages.to_vec() }));
        attack.persist();
    }
    let full = Refused::Admission(AdmissionRefusal::TooManyLogs);
    assert_eq!(attack.refused()[16..], [full; 3]);
    attack.persist();
    assert_eq!(attack.ended(), None);
    attack.network.settle();
    attack.check_honest();
    let frontier = attack.network.nodes[&attack.honest].replica.index().frontier(&document(7, 10));
    assert_eq!(frontier.unwrap().0.len(), LOGS_MAX, "what was taken is passed on whole");
}

#[test]
fn offers_that_are_never_kept_do_not_hold_others_up() {
    let mut attack = Attack::new();
    attack.dial();
    let name = Salt::new(&SECRET).name(&space(7)).to_vec().into();
    attack.frame(&Frame::Spaces(Spaces { naming: Naming::Ask, names: name }));
    // The attacker claims to have what the honest node is about to write, and then says nothing.
    let log = Network::log_key(attack.honest, space(7)).verifying_key().to_bytes();
    let tips = vec![Tip { sequence: 1_000, id: EntryId([1; 32]) }];
    let frontier = Frontier([(LogKey(log), tips)].into());
    let offer = Offer { document: document(7, 50), frontier, urgent: false };
    attack.frame(&Frame::Frontiers(Frontiers { documents: vec![offer] }));
    attack.network.cut(attack.victim, attack.honest);
    attack.network.write(attack.honest, space(7), document(7, 50), Urgency::Normal, 3, 100);
    attack.network.drain();
    attack.network.connect(attack.victim, attack.honest);
    attack.network.drain();
    attack.network.tick(21_000);
    attack.network.settle();
    let entries = attack.network.check_equal(attack.victim, attack.honest, &[space(7)]);
    assert_eq!(entries, 8);
}

#[test]
fn certificates_of_others_and_damaged_ones_are_refused() {
    let mut attack = Attack::new();
    attack.dial();
    let other = Community::new("South").member(5, false);
    let mut damaged = attack.network.community().notice(3, "x").encode();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut certificates: Vec<_> = other.iter().map(Certificate::encode).map(Into::into).collect();
    certificates.push(damaged.into());
    attack.frame(&Frame::Certificates(Certificates { certificates }));
    assert_eq!(attack.refused(), [Refused::BadCertificate; 3]);
    assert!(attack.network.pending(attack.victim).is_empty());
    attack.check_honest();
}

#[test]
fn forged_heartbeats_are_refused() {
    let mut attack = Attack::new();
    attack.dial();
    let mut cell = Cell::new(space(7), 1, vec![1; 272], &key(60));
    cell.counter = 2;
    attack.frame(&Frame::Cell(cell));
    assert_eq!(attack.refused().len(), 1);
    assert_eq!(attack.network.nodes[&attack.victim].told.heartbeats, [0_u64; 0]);
}

#[test]
fn receipts_for_logs_that_nobody_has_leave_nothing_behind() {
    let mut attack = Attack::new();
    let inbox = linli_replica::id::inbox_tag(&attack.victim);
    attack.dial();
    let names = Salt::new(&SECRET).name(&inbox).to_vec().into();
    attack.frame(&Frame::Spaces(Spaces { naming: Naming::Ask, names }));
    let page = chain(60, inbox, 20, 1, 1);
    attack.page(&page);
    attack.persist();
    let held = page[0].header().log;
    for number in 0..100 {
        let invented = LogKey([number; 32]);
        let tips = vec![page[0].tip()];
        let frontier = Frontier([(held, tips.clone()), (invented, tips)].into());
        let documents = vec![Held { document: document(7, 20), frontier }];
        attack.frame(&Frame::Receipt(Receipt { documents }));
    }
    let told = &attack.network.nodes[&attack.victim].told.receipts;
    let told = told.iter().filter(|(peer, ..)| *peer == attack.attacker);
    let logs: BTreeSet<LogKey> =
        told.flat_map(|(_, _, frontier)| frontier.0.keys().copied()).collect();
    assert_eq!(logs, [held].into(), "only what is held here is noted");
    assert_eq!(attack.ended(), None);
    attack.check_honest();
}
