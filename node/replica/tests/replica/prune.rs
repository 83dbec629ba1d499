//! Carriers drop what stewards ordered pruned, and everybody else goes on as before.

use ed25519_dalek::SigningKey;
use linli_replica::certificate::Act;
use linli_replica::entry::{Entry, Header, Suite, Urgency, VerifiedPage};
use linli_replica::erasure;
use linli_replica::frame::{Frame, Pages};
use linli_replica::frontier::Tip;
use linli_replica::id::{
    CommunityId, DocTag, EntryId, EpochId, LogKey, PruneId, SpaceTag, Timestamp,
};
use linli_replica::limits::PRUNE_DELAY_MS;
use linli_replica::prune::{Base, Checkpoint, Cut, Terms, document_tag};
use linli_replica::replica::{Input, Policy, Pruned};
use proptest::prelude::*;

use crate::community::{key, node};
use crate::network::{Network, document, entry};

mod begins;
mod branches;
mod edges;
mod orders;
mod paused;

const CARRIER_KEY: u8 = 77;
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// What the note of an order ends with that is done: `true` in CBOR.
const DONE: u8 = 0xf5;
const DELAY_HOURS: u64 = PRUNE_DELAY_MS / HOUR_MS;

/// A steward (1), another member (2) and others who come later (3, 4); a carrier (9) and another (8).
struct Town {
    network: Network,
    space: SpaceTag,
    document: DocTag,
}

impl Town {
    fn new(seed: u64) -> Self {
        let mut network = Network::new(seed, &[1, 2, 3, 4], &[8, 9]);
        network.now = Timestamp(100_000);
        let document = document(7, 1);
        let mut town = Self { network, space: SpaceTag::default(), document };
        town.space = town.terms().tag();
        for number in [1, 2, 3, 4, 8, 9] {
            let kind = if number < 8 { Policy::MEMBER } else { Policy::CARRIER };
            town.network.set_policy(node(number), Policy { prunes: true, ..kind });
        }
        town.last();
        for member in 1..=4 {
            town.network.want(node(member), town.space);
        }
        town
    }

    /// Lets everybody stay a member for years.
    fn last(&mut self) {
        let ends = Timestamp(1_000_000_000_000);
        let numbers = [1, 2, 3, 4, 8, 9];
        let extend = |n| Act::Extend { node: node(n), ends };
        let certificates = numbers.map(|n| self.network.community().says(n, 2, extend(n)));
        for number in numbers {
            self.network.certify(node(number), certificates.to_vec());
        }
        self.network.drain();
    }

    /// 20 entries of one member and 10 of another at the carrier, then a checkpoint of three.
    fn with_history(seed: u64) -> Self {
        let mut town = Self::new(seed);
        town.write(1, 20);
        town.write(2, 10);
        town.network.connect(node(1), node(9));
        town.network.connect(node(2), node(9));
        town.network.settle();
        town.write(1, 3);
        town.network.settle();
        town
    }

    fn write(&mut self, by: u8, count: usize) -> Vec<Entry> {
        self.network.write(node(by), self.space, self.document, Urgency::Normal, count, 300)
    }

    fn log(&self, by: u8) -> LogKey {
        LogKey(Network::log_key(node(by), self.space).verifying_key().to_bytes())
    }

    /// Terms that cut nothing yet.
    fn terms(&self) -> Terms {
        Terms {
            community: CommunityId(self.network.community().genesis.id().0),
            space: [7; 32].into(),
            carrier_key: key(CARRIER_KEY).verifying_key().to_bytes().into(),
            document: self.document,
            cuts: Vec::new(),
            checkpoint: None,
            withdraws: Vec::new(),
            at: self.network.now,
        }
    }

    /// The entries of a log at a node.
    fn held(&self, at: u8, by: u8) -> Vec<Entry> {
        let logs = &self.network.nodes[&node(at)].store.logs;
        let log = logs.get(&(self.document, self.log(by)));
        log.map(|log| log.values().cloned().collect()).unwrap_or_default()
    }

    fn sequences(&self, at: u8, by: u8) -> Vec<u64> {
        self.held(at, by).iter().map(|entry| entry.header().sequence).collect()
    }

    fn cut(&self, by: u8, sequence: u64) -> Cut {
        let entries = self.held(by, by);
        let entry = entries.iter().find(|entry| entry.header().sequence == sequence).unwrap();
        Cut { log: self.log(by), sequence, entry: entry.id() }
    }

    fn checkpoint(&self, first: u64, last: u64) -> Option<Checkpoint> {
        let Cut { log, entry, .. } = self.cut(1, last);
        Some(Checkpoint { log, first, last, entry })
    }

    /// Cuts the steward's log at 20 and the other member's at 10.
    fn order(&self) -> Terms {
        self.order_of(&[(1, 20), (2, 10)], (21, 23))
    }

    fn order_of(&self, cuts: &[(u8, u64)], (first, last): (u64, u64)) -> Terms {
        let mut cuts: Vec<Cut> = cuts.iter().map(|(by, at)| self.cut(*by, *at)).collect();
        cuts.sort();
        Terms { cuts, checkpoint: self.checkpoint(first, last), ..self.terms() }
    }

    /// The steward gives an order.
    fn give(&mut self, terms: &Terms) -> PruneId {
        self.give_signed(terms, &key(CARRIER_KEY))
    }

    fn give_signed(&mut self, terms: &Terms, by: &SigningKey) -> PruneId {
        let stands_in = document_tag(&self.space);
        let log = self.log(1);
        let log = self.network.nodes[&node(1)].store.logs.get(&(stands_in, log));
        let (sequence, previous) =
            log.and_then(|log| log.keys().last().copied()).unwrap_or_default();
        let page = self.page(&terms.sign(by), sequence + 1, previous);
        let (pages, certificates, records) = (vec![page], Vec::new(), Vec::new());
        self.network
            .input(node(1), Input::Authored { pages, certificates, records, urgent: false });
        self.network.settle();
        terms.id()
    }

    fn page(&self, content: &[u8], sequence: u64, previous: EntryId) -> VerifiedPage {
        self.page_by(1, content, sequence, previous)
    }

    fn page_by(&self, by: u8, content: &[u8], sequence: u64, previous: EntryId) -> VerifiedPage {
        let key = Network::log_key(node(by), self.space);
        let mut padded = u32::try_from(content.len()).unwrap().to_le_bytes().to_vec();
        padded.extend_from_slice(content);
        padded.resize(padded.len().next_multiple_of(256), 0);
        let header = Header {
            version: 1,
            suite: Suite::Prune,
            space: self.space,
            document: document_tag(&self.space),
            log: LogKey(key.verifying_key().to_bytes()),
            sequence,
            previous,
            epoch: EpochId::default(),
            urgency: Urgency::Normal,
            nonce: [0; 24].into(),
            length: u32::try_from(padded.len()).unwrap(),
        };
        VerifiedPage::assemble(&header, padded, &key).unwrap()
    }

    /// Somebody brings a node two entries that continue `image` of a member's log in another way.
    fn fork(&mut self, at: u8, by: u8, image: &[Entry]) {
        let key = Network::log_key(node(by), self.space);
        let mut entries = image.to_vec();
        for _ in 0..2 {
            let last = entries.last().unwrap().tip();
            let how = (Urgency::Normal, 300, 77);
            let (sequence, previous) = (last.sequence + 1, last.id);
            entries.push(entry(&key, self.space, self.document, sequence, previous, how));
        }
        let page = |entry: &Entry| vec![entry.encode().into()];
        let frame =
            Frame::Pages(Pages { pages: entries[image.len()..].iter().map(page).collect() });
        self.network.input(node(at), Input::Carried { from: node(4), frame });
        self.network.drain();
    }

    /// Lets hours pass at a carrier that is alone.
    fn pass(&mut self, carrier: u8, hours: u64) {
        for _ in 0..hours {
            self.network.now = self.network.now.plus_ms(HOUR_MS);
            self.network.input(node(carrier), Input::Tick);
            self.network.drain();
        }
    }

    fn leave(&mut self) {
        for (a, b) in self.network.links.clone() {
            self.network.cut(a, b);
        }
    }

    /// A carrier that has pruned by an order, with entries that came after it; nobody is connected.
    fn pruned(seed: u64) -> (Self, PruneId) {
        let mut town = Self::with_history(seed);
        let terms = town.order();
        let order = town.give(&terms);
        town.write(1, 5);
        town.write(2, 4);
        town.network.settle();
        town.leave();
        town.pass(9, DELAY_HOURS + 2);
        (town, order)
    }

    fn base(&self, at: u8, by: u8) -> Option<Base> {
        self.network.nodes[&node(at)].replica.index().base(&self.document, &self.log(by))
    }

    /// How many orders a node knows, and whether it has done all of them.
    fn notes(&self, at: u8) -> (usize, bool) {
        let replica = &self.network.nodes[&node(at)];
        let orders = replica.replica.index().orders(&self.space, &self.document).count();
        let mut notes =
            replica.store.records.iter().filter(|((_, key), _)| key.starts_with(b"prune/"));
        (orders, notes.all(|(_, note)| note.last() == Some(&DONE)))
    }

    fn digest(&self, at: u8) -> Option<[u8; 32]> {
        self.network.nodes[&node(at)].replica.index().digest(&self.document)
    }

    /// Frames of pages of the document that were sent to a node.
    fn pages_to(&self, to: u8) -> usize {
        let sent = self.network.log.iter().filter(|(_, other, ..)| *other == node(to));
        let ours = |bytes: &[u8]| Entry::decode(bytes).unwrap().header().document == self.document;
        let pages =
            sent.filter_map(
                |(.., frame)| {
                    if let Frame::Pages(pages) = frame { Some(pages) } else { None }
                },
            );
        pages.filter(|pages| pages.pages.iter().any(|page| ours(&page[0]))).count()
    }

    /// Connects two and lets them compare; returns the frames that they exchanged.
    fn meet(&mut self, a: u8, b: u8) -> Vec<Frame> {
        self.network.log.clear();
        self.network.connect(node(a), node(b));
        self.network.settle();
        let frames = self.network.log.iter().map(|(.., frame)| frame.clone()).collect();
        self.network.cut(node(a), node(b));
        frames
    }

    /// Connects two, who stay connected.
    fn meet_and_stay(&mut self, a: u8, b: u8) {
        self.network.connect(node(a), node(b));
        self.network.settle();
    }

    /// A node's memory is what its disk says.
    fn check(&mut self, at: u8) {
        let (digest, bases) = (self.digest(at), [1, 2].map(|by| self.base(at, by)));
        self.network.crash(node(at));
        assert_eq!(self.digest(at), digest, "after a restart");
        assert_eq!([1, 2].map(|by| self.base(at, by)), bases, "after a restart");
    }
}

#[test]
fn a_pruned_carrier_and_full_members_have_nothing_to_do() {
    let mut town = Town::with_history(1);
    town.leave();
    let before = town.meet(1, 9).len();
    let (mut town, order) = Town::pruned(1);
    assert_eq!(town.sequences(9, 1), (20..=28).collect::<Vec<_>>());
    assert_eq!(town.sequences(9, 2), (10..=14).collect::<Vec<_>>());
    assert_eq!(town.sequences(1, 1).len(), 28, "a member keeps its history");
    let stays = town.cut(1, 20);
    let previous = town.held(1, 1)[18].tip();
    assert_eq!(town.base(9, 1), Some(Base { tip: previous, order }));
    assert_eq!(stays.sequence, previous.sequence + 1);
    assert_eq!(town.digest(9), town.digest(1));
    assert_eq!(town.meet(1, 9).len(), before, "a comparison costs what it did");
    assert_eq!(town.meet(2, 9).len(), before);
    assert_eq!(town.pages_to(9) + town.pages_to(2), 0);
    town.check(9);
    town.meet(1, 9);
    assert_eq!(town.pages_to(9) + town.pages_to(1), 0, "nor after a restart");

    // What is written afterwards passes as before.
    town.network.connect(node(1), node(9));
    town.network.connect(node(2), node(9));
    town.write(1, 1);
    town.write(2, 1);
    town.network.settle();
    assert_eq!(town.digest(9), town.digest(1));
    assert_eq!(town.digest(2), town.digest(1));
    let Pruned { entries, bytes } = town.network.nodes[&node(9)].replica.pruned();
    assert_eq!(entries, 0, "counted since the restart");
    assert_eq!(bytes, 0);
}

#[test]
fn whoever_comes_later_gets_what_is_left_and_passes_it_on() {
    let (mut town, order) = Town::pruned(2);
    town.meet(3, 9);
    assert_eq!(town.sequences(3, 1), (20..=28).collect::<Vec<_>>(), "checkpoint and what follows");
    assert_eq!(town.sequences(3, 2), (10..=14).collect::<Vec<_>>());
    assert_eq!(town.digest(3), town.digest(1));
    assert_eq!(town.base(3, 1), town.base(9, 1));
    town.check(3);

    // The order's terms are there for the keyed half.
    let member = &town.network.nodes[&node(3)];
    let index = member.replica.index();
    let bases: Vec<_> = index.bases(&town.document).collect();
    assert_eq!(bases.len(), 2);
    let found = index.order(&town.space, &town.document, &order, &member.store).unwrap().unwrap();
    assert_eq!(found.id(), order);
    assert!(bases.iter().all(|(log, base)| {
        found.terms().cut(log).is_some_and(|cut| cut.sequence == base.tip.sequence + 1)
    }));

    // A full member has nothing for it, nor it for a full member.
    town.meet(3, 1);
    assert_eq!(town.pages_to(3) + town.pages_to(1), 0);
    town.meet(4, 3);
    assert_eq!(town.sequences(4, 1), (20..=28).collect::<Vec<_>>());
    town.meet(8, 3);
    assert_eq!(town.digest(8), town.digest(1), "another carrier");
    let mut late = town.write(4, 2);
    town.network.drain();
    town.meet(4, 1);
    assert_eq!(town.held(1, 4).len(), late.split_off(0).len());
}

#[test]
fn without_the_order_a_log_is_not_taken_nor_asked_for_without_end() {
    let (mut town, _) = Town::pruned(4);
    town.network.withheld = Some((node(9), document_tag(&town.space)));
    town.network.connect(node(3), node(9));
    for _ in 0..120 {
        town.network.tick(1_000);
        town.network.drain();
    }
    let told = &town.network.nodes[&node(3)].told;
    assert_eq!((told.refused.len(), told.ended.len()), (0, 0), "nobody is blamed");
    assert_eq!(town.sequences(3, 1), Vec::<u64>::new());
    let asked = town.pages_to(3);
    assert!((1..=4).contains(&asked), "{asked} times for two logs");
    for _ in 0..120 {
        town.network.tick(1_000);
        town.network.drain();
    }
    assert_eq!(town.pages_to(3), asked, "no more within five minutes");

    // A full member fills it; or the order does.
    town.network.withheld = None;
    for _ in 0..60 {
        town.network.tick(1_000);
        town.network.drain();
    }
    assert_eq!(town.sequences(3, 1), (20..=28).collect::<Vec<_>>());
    assert_eq!(town.digest(3), town.digest(1));
}

#[test]
fn a_log_comes_whole_from_a_full_member_where_the_order_is_withheld() {
    let (mut town, _) = Town::pruned(5);
    town.network.withheld = Some((node(9), document_tag(&town.space)));
    town.network.connect(node(3), node(9));
    town.network.settle();
    town.network.connect(node(3), node(1));
    for _ in 0..60 {
        town.network.tick(1_000);
        town.network.drain();
    }
    assert_eq!(town.sequences(3, 1), (1..=28).collect::<Vec<_>>());
    assert_eq!(town.base(3, 1), None);
}

/// What a carrier has removed of the steward's log after the hours that follow an order.
fn removed(town: &mut Town, hours: u64) -> usize {
    town.leave();
    town.pass(9, hours);
    23 - town.sequences(9, 1).len()
}

#[test]
fn neither_the_date_of_an_order_nor_a_clock_hastens_it() {
    let mut town = Town::with_history(6);
    let backdated = Terms { at: Timestamp(0), ..town.order() };
    town.give(&backdated);
    assert_eq!(removed(&mut town, DELAY_HOURS - 2), 0, "not before it was held for 90 days");
    // A clock that jumps counts an hour; so does a restart, at most.
    town.network.now = town.network.now.plus_ms(PRUNE_DELAY_MS);
    town.network.input(node(9), Input::Tick);
    town.network.drain();
    assert_eq!(town.sequences(9, 1).len(), 23);
    town.network.crash(node(9));
    assert_eq!(removed(&mut town, 1), 0);
    assert_eq!(removed(&mut town, 4), 19);

    let mut town = Town::with_history(7);
    let ahead = Terms { at: town.network.now.plus_ms(10 * HOUR_MS), ..town.order() };
    town.give(&ahead);
    assert_eq!(removed(&mut town, DELAY_HOURS + 5), 0, "not before 90 days after its date");
    assert_eq!(removed(&mut town, 10), 19);

    let mut town = Town::with_history(8);
    let terms = town.order();
    town.give(&terms);
    town.leave();
    town.network.now = town.network.now.plus_ms(2 * PRUNE_DELAY_MS);
    assert_eq!(removed(&mut town, DELAY_HOURS - 2), 0, "a carrier that was off waits");
    assert_eq!(removed(&mut town, 4), 19);
}

#[test]
fn what_is_no_order_of_the_space_removes_nothing() {
    let other = |change: &dyn Fn(&mut Terms), by: u8| {
        let mut town = Town::with_history(9);
        let mut terms = town.order();
        change(&mut terms);
        town.give_signed(&terms, &key(by));
        assert_eq!(town.digest(9), town.digest(1), "it is held like every entry");
        let orders = town.network.nodes[&node(9)].replica.index();
        assert_eq!(orders.orders(&town.space, &town.document).count(), 0);
        removed(&mut town, DELAY_HOURS + 2)
    };
    assert_eq!(other(&|_| {}, 78), 0, "another key");
    assert_eq!(other(&|t| t.space = [8; 32].into(), CARRIER_KEY), 0, "another space");
    let own = key(78).verifying_key().to_bytes();
    assert_eq!(other(&|t| t.carrier_key = own.into(), 78), 0, "a space of one's own");
    assert_eq!(other(&|t| t.community = CommunityId([1; 32]), CARRIER_KEY), 0);
    assert_eq!(other(&|t| t.cuts.reverse(), CARRIER_KEY), 0, "unsorted");
}

#[test]
fn an_order_waits_for_what_it_rests_on() {
    let after = |change: &dyn Fn(&mut Terms)| {
        let mut town = Town::with_history(10);
        let mut terms = town.order();
        change(&mut terms);
        town.give(&terms);
        removed(&mut town, DELAY_HOURS + 3)
    };
    assert_eq!(after(&|_| {}), 19);
    let checkpoint =
        |change: fn(&mut Checkpoint)| after(&|terms| change(terms.checkpoint.as_mut().unwrap()));
    assert_eq!(checkpoint(|c| c.entry = EntryId([1; 32])), 0, "another entry");
    assert_eq!(checkpoint(|c| c.last += 1), 0, "not all of it is held");
    assert_eq!(checkpoint(|c| c.log = LogKey([0; 32])), 0, "a log that is not held");
    let steward = Town::with_history(10).log(1);
    let cut = |change: fn(&mut Cut)| {
        after(&|terms| {
            terms.cuts.iter_mut().filter(|cut| cut.log == steward).for_each(change);
        })
    };
    assert_eq!(cut(|cut| cut.entry = EntryId([1; 32])), 0, "another entry at that place");
    assert_eq!(cut(|cut| cut.sequence = 19), 0, "an entry of another place");
}

#[test]
fn an_order_that_is_taken_back_removes_nothing() {
    let mut town = Town::with_history(11);
    let terms = town.order();
    let order = town.give(&terms);
    town.pass(9, 1_000);
    let withdrawal = Terms { withdraws: vec![order], ..town.terms() };
    town.give(&withdrawal);
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 0);

    // It may be given again, as another order.
    town.network.connect(node(1), node(9));
    let again = Terms { at: Timestamp(terms.at.0 + 1), ..terms };
    town.give(&again);
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 19);
}

#[test]
fn a_forked_log_stays_whole_and_the_others_go() {
    let mut town = Town::with_history(12);
    let image = town.held(2, 2)[..4].to_vec();
    town.fork(9, 2, &image);
    let terms = town.order();
    town.give(&terms);
    let (below, past) = (town.held(1, 1)[..4].to_vec(), town.held(1, 1)[..21].to_vec());
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1).len(), 4);
    assert_eq!(town.held(9, 2).len(), 12, "with both branches");
    assert_eq!(town.base(9, 2), None);

    // Branches that leave the log below its base, or right behind it, bring nothing back.
    let at_base = town.held(1, 1)[..19].to_vec();
    for image in [&below, &at_base] {
        town.fork(9, 1, image);
        town.fork(1, 1, image);
        town.meet(1, 9);
        assert_eq!(town.sequences(9, 1).len(), 4);
    }
    assert_eq!(town.held(1, 1).len(), 27, "a member keeps them");
    assert!(town.network.nodes[&node(9)].told.ended.is_empty());
    // One that leaves it later is held with both.
    town.fork(9, 1, &past);
    assert_eq!(town.sequences(9, 1).len(), 6);
    town.meet(9, 3);
    assert_eq!(town.sequences(3, 1).len(), 6);
    town.check(9);
    town.check(3);
}

#[test]
fn a_crash_or_a_failing_disk_leaves_all_or_nothing() {
    let mut town = Town::with_history(13);
    let terms = town.order();
    town.give(&terms);
    town.leave();
    town.pass(9, DELAY_HOURS - 3);
    let bytes = |town: &Town| town.network.nodes[&node(9)].replica.carried_in_all();
    let before = bytes(&town);
    let due = |town: &mut Town| {
        for _ in 0..8 {
            town.network.now = town.network.now.plus_ms(HOUR_MS);
            town.network.input(node(9), Input::Tick);
            let prunes = town.network.batches(node(9)).any(|batch| !batch.prune.is_empty());
            if prunes {
                return;
            }
            town.network.drain();
        }
        panic!("it was never carried out");
    };
    due(&mut town);
    town.network.crash(node(9));
    assert_eq!(town.sequences(9, 1).len(), 23, "nothing of it is durable");
    assert_eq!((town.base(9, 1), bytes(&town)), (None, before));
    due(&mut town);
    for ticket in town.network.pending(node(9)) {
        town.network.input(node(9), Input::Failed { ticket });
    }
    town.network.crash(node(9));
    assert_eq!((town.base(9, 1), bytes(&town)), (None, before));
    due(&mut town);
    town.network.drain();
    assert_eq!(town.sequences(9, 1).len(), 4);
    assert!(bytes(&town) < before);
}

#[test]
fn what_could_not_be_removed_is_removed_later() {
    let mut town = Town::with_history(14);
    let terms = town.order();
    town.give(&terms);
    town.leave();
    let before = town.network.nodes[&node(9)].replica.carried_in_all();
    town.network.failures = 1;
    town.pass(9, DELAY_HOURS + 5);
    assert_eq!((town.sequences(9, 1).len(), town.base(9, 1)), (23, None));
    assert_eq!(town.network.nodes[&node(9)].replica.carried_in_all(), before);
    town.network.failures = 0;
    town.pass(9, 2);
    assert_eq!(town.sequences(9, 1).len(), 4);
}

#[test]
fn quotas_get_back_exactly_what_was_removed() {
    let (mut town, _) = Town::pruned(15);
    let carrier = &town.network.nodes[&node(9)];
    let kept: usize = carrier.store.entries().map(Entry::size_bytes).sum();
    let of = |town: &Town, by: u8| town.network.nodes[&node(9)].replica.carried_bytes(&node(by));
    assert_eq!(carrier.replica.carried_in_all(), u64::try_from(kept).unwrap());
    let each = [of(&town, 1), of(&town, 2)];
    assert_eq!(each.iter().sum::<u64>(), u64::try_from(kept).unwrap());
    let Pruned { entries, bytes } = carrier.replica.pruned();
    let gone: usize = town.held(1, 1)[..19].iter().map(Entry::size_bytes).sum();
    let others: usize = town.held(2, 2)[..9].iter().map(Entry::size_bytes).sum();
    assert_eq!((entries, bytes), (28, u64::try_from(gone + others).unwrap()));
    town.network.crash(node(9));
    assert_eq!([of(&town, 1), of(&town, 2)], each, "after a restart");
}

#[test]
fn a_later_order_cuts_further_and_only_with_every_log_again() {
    let (mut town, _) = Town::pruned(16);
    // 29 to 30 hold the next checkpoint.
    town.write(1, 2);
    town.network.connect(node(1), node(9));
    town.network.settle();
    let partly = town.order_of(&[(1, 29)], (29, 30));
    town.give(&partly);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1).first(), Some(&20), "the other log rests on the first one");
    town.network.connect(node(1), node(9));
    town.network.connect(node(2), node(9));
    let whole = town.order_of(&[(1, 29), (2, 14)], (29, 30));
    town.give(&whole);
    town.leave();
    town.pass(9, DELAY_HOURS + 2);
    assert_eq!(town.sequences(9, 1), [29, 30]);
    assert_eq!(town.sequences(9, 2), [14]);
    assert_eq!(town.digest(9), town.digest(1));
    // Who knows the first base only comes up to the second.
    town.meet(3, 9);
    assert_eq!(town.sequences(3, 1), [29, 30]);
    town.check(9);
}

#[test]
fn members_and_carriers_that_want_a_space_keep_it() {
    let mut town = Town::with_history(17);
    town.network.want(node(9), town.space);
    let terms = town.order();
    town.give(&terms);
    assert_eq!(removed(&mut town, DELAY_HOURS + 2), 0);
    town.pass(1, DELAY_HOURS + 2);
    assert_eq!(town.sequences(1, 1).len(), 23);
}

#[test]
fn an_erased_space_takes_its_pruning_along() {
    let (mut town, _) = Town::pruned(18);
    let about = |town: &Town, space: SpaceTag| {
        let records = &town.network.nodes[&node(9)].store.records;
        let about = |key: &[u8]| key.windows(32).any(|part| part == space.as_bytes());
        records.keys().filter(|(_, key)| about(key)).count()
    };
    assert!(about(&town, town.space) >= 3);
    let at = town.network.now;
    let terms = erasure::Terms {
        community: CommunityId(town.network.community().genesis.id().0),
        space: [7; 32].into(),
        carrier_key: key(CARRIER_KEY).verifying_key().to_bytes().into(),
        documents: None,
        at,
    };
    let community = terms.community;
    let order = erasure::publish(terms.sign(&key(CARRIER_KEY)), community, at, &key(9));
    town.network.certify(node(9), vec![order]);
    town.network.settle();
    assert_eq!(town.network.nodes[&node(9)].store.entries().count(), 0);
    assert_eq!(about(&town, town.space), 0);
    assert_eq!(town.base(9, 1), None);
}

#[test]
fn a_courier_brings_what_a_pruned_carrier_has() {
    let (mut town, _) = Town::pruned(19);
    let pages = |town: &Town, document: DocTag, skip: usize| {
        let logs = town.network.nodes[&node(9)].store.logs.iter();
        let logs = logs.filter(|((of, _), _)| *of == document);
        let page = |log: &std::collections::BTreeMap<(u64, EntryId), Entry>| {
            log.values().skip(skip).map(|entry| entry.encode().into()).collect()
        };
        // That with the checkpoint comes first.
        let mut logs: Vec<_> = logs.collect();
        logs.sort_by_key(|((_, log), _)| *log != town.log(1));
        let pages: Vec<Vec<_>> = logs.into_iter().map(|(_, log)| page(log)).collect();
        Frame::Pages(Pages { pages })
    };
    let from = node(9);
    let carry = |town: &mut Town, frame: Frame| {
        town.network.nodes.get_mut(&node(3)).unwrap().told.carried = Default::default();
        town.network.input(node(3), Input::Carried { from, frame });
        town.network.drain();
        town.network.nodes[&node(3)].told.carried.clone()
    };
    let (late, order) = (pages(&town, town.document, 0), document_tag(&town.space));
    assert_eq!(carry(&mut town, late.clone()).gaps, 2, "not without the order");
    let order = pages(&town, order, 0);
    assert_eq!(carry(&mut town, order).entries, 1);
    let beyond = pages(&town, town.document, 1);
    assert_eq!(carry(&mut town, beyond).gaps, 2, "nothing beyond what the order says is hidden");
    let image = town.held(1, 1)[..19].to_vec();
    town.fork(3, 1, &image);
    assert_eq!(town.sequences(3, 1).len(), 0, "nor another entry at the place of the cut");
    assert_eq!(carry(&mut town, late).entries, 14);
    assert_eq!(town.digest(3), town.digest(1));
    town.check(3);
}

#[test]
fn a_packer_puts_orders_first() {
    let (town, _) = Town::pruned(20);
    let carrier = &town.network.nodes[&node(9)];
    let index = carrier.replica.index();
    let documents =
        index.documents(&town.space).map(|(document, _)| (document, Default::default()));
    let load = linli_replica::courier::Load::default();
    let mut packer = linli_replica::courier::Packer::new(index, &[1; 32], None, load, documents);
    let frame = packer.next(index, carrier.replica.directory(), &carrier.store).unwrap().unwrap();
    let mut town = town;
    town.network.input(node(3), Input::Carried { from: node(9), frame });
    town.network.drain();
    assert_eq!(town.network.nodes[&node(3)].told.carried.gaps, 0);
    assert_eq!(town.digest(3), town.digest(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever was written and cut, and whoever had how much of it: all come to the same frontier, and
    /// whoever holds an entry holds what follows it.
    #[test]
    fn all_come_to_the_same(
        seed in 0_u64..1_000,
        counts in (1_usize..30, 1_usize..30),
        cuts in (1_u64..30, 1_u64..30),
        part in 0_usize..20,
        tail in (0_usize..4, 0_usize..4),
    ) {
        let mut town = Town::new(seed);
        town.write(1, counts.0.min(part.max(1)));
        town.write(2, 1);
        if part > 0 {
            town.meet(1, 3);
        }
        town.write(1, counts.0);
        town.write(2, counts.1);
        town.network.connect(node(1), node(9));
        town.network.connect(node(2), node(9));
        town.network.settle();
        let last = u64::try_from(town.held(1, 1).len()).unwrap();
        town.write(1, 2);
        town.network.settle();
        let other = u64::try_from(town.held(2, 2).len()).unwrap();
        let cuts = [(1, cuts.0.min(last)), (2, cuts.1.min(other))];
        let terms = town.order_of(&cuts, (last + 1, last + 2));
        town.give(&terms);
        town.write(1, tail.0);
        town.write(2, tail.1);
        town.network.settle();
        town.leave();
        town.pass(9, DELAY_HOURS + 2);
        for (by, at) in cuts {
            prop_assert_eq!(town.sequences(9, by)[0], at);
        }
        for at in [3, 4] {
            town.meet(at, 9);
        }
        town.meet(8, 4);
        town.meet(3, 1);
        for at in [2, 3, 4, 8, 9] {
            prop_assert_eq!(town.digest(at), town.digest(1));
            town.check(at);
        }
        let tip = |at: u8| -> Tip { town.held(at, 1).last().unwrap().tip() };
        prop_assert_eq!(tip(4), tip(1));
    }
}
