//! Stewards agree on checkpoints, carriers prune by their orders, seasons pass, and somebody comes late.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::{Act, Right};
use linli_core::checkpoint::{Manifest, Upto};
use linli_core::payload::Content;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, SpaceTag};
use linli_replica::prune::{Checkpoint, Cut, Order, Terms};

use super::beats::{Beat, beat};
use super::books::Book;
use super::dice::Dice;
use super::late::read;
use super::model::Extent;
use super::town::{Deed, Happened, Town};
use super::{Checked, broken};
use crate::neighbourhood::{Pruning, grant};

/// What people do besides where carriers prune, and how often.
pub(super) const ACTS: &[Deed] = &[
    Deed { name: "heartbeat", weight: 6, act: beat },
    Deed { name: "diary", weight: 14, act: diary },
    Deed { name: "checkpoint", weight: 5, act: make },
    Deed { name: "agreement", weight: 5, act: agree },
    Deed { name: "order to prune", weight: 5, act: order },
    Deed { name: "agreement of all, and order", weight: 14, act: agree_and_order },
    Deed { name: "checkpoint taken back", weight: 2, act: take_back },
    Deed { name: "weeks", weight: 8, act: weeks },
    Deed { name: "season", weight: 5, act: season },
    Deed { name: "away", weight: 5, act: go_away },
    Deed { name: "back", weight: 6, act: come_back },
    Deed { name: "latecomer", weight: 6, act: latecomer },
];

/// What goes wrong besides, and how often.
pub(super) const FAULTS: &[Deed] = &[
    Deed { name: "checkpoint that lies", weight: 4, act: lie },
    Deed { name: "order about alerts", weight: 3, act: order_alerts },
    Deed { name: "relay restored", weight: 3, act: restore_carrier },
];

/// What may be pruned of a space.
const NAMES: [&str; 3] = ["profile", "profile", "card"];

/// What is ordered pruned takes so long, with a day to spare.
const DELAY_HOURS: usize = 91 * 24;

/// A checkpoint that was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) space: SpaceTag,
    pub(super) document: DocTag,
    /// What was written for it; the last one is its last part.
    pub(super) parts: Vec<Entry>,
}

/// What the simulator knows of checkpoints and orders.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Whether carriers prune here.
    pub(super) on: bool,
    /// Members that nobody meets.
    pub(super) away: BTreeSet<NodeId>,
    /// Checkpoints, by their last part.
    pub(super) made: BTreeMap<EntryId, Made>,
    /// Those that lie.
    lies: BTreeSet<EntryId>,
    /// Heartbeats.
    pub(super) beats: BTreeSet<Beat>,
    /// What disks show of orders, by node.
    pub(super) books: BTreeMap<NodeId, Book>,
}

impl Town {
    /// Has a node do something about the checkpoints of a document, and looks at what it wrote.
    fn about(&mut self, (id, space): (NodeId, SpaceTag), name: &str, what: Pruning) -> Happened {
        let document = self.net.space(id, space, |space| space.document(name));
        let knew = self.known(id, space);
        match self.net.prune(id, (space, document), what) {
            Err(_) => return Happened::Refused,
            Ok(false) => return Happened::Nothing,
            Ok(true) => {}
        }
        let (entries, acts) = self.net.written.clone();
        self.learn(space, knew, &Extent::new());
        let looked_at = match what {
            Pruning::Make => {
                let of = |entry: &Entry| entry.header().document == document;
                let parts: Vec<Entry> = entries.into_iter().filter(of).collect();
                let last = parts.last().map(Entry::id);
                self.counts.reach("checkpoints", 1);
                self.ledger.made.extend(last.map(|last| (last, Made { space, document, parts })));
                Ok(())
            }
            Pruning::Agree => acts.iter().try_for_each(|act| match act.certificate.act() {
                Some(Act::Prune(prune)) => {
                    self.counts.reach("signatures for checkpoints", 1);
                    self.is_no_lie(id, document, prune.entry)
                }
                _ => Ok(()),
            }),
            Pruning::Order => entries.iter().try_for_each(|entry| self.ordered(id, entry)),
            Pruning::TakeBack(_) => Ok(()),
        };
        if let Err(failure) = looked_at {
            self.broken.get_or_insert(failure);
        }
        Happened::Done
    }

    /// Says what a checkpoint stands for, as its manifest says it.
    pub(super) fn frontier_of(&self, made: &Made) -> BTreeMap<LogKey, Upto> {
        let keys = self.keys_of(made.space);
        let manifest = made.parts.iter().find_map(|part| match read(part, &keys)? {
            Content::Checkpoint(items) => minicbor::decode::<Manifest>(items.first()?).ok(),
            _ => None,
        });
        let frontier = manifest.into_iter().flat_map(|manifest| manifest.frontier);
        frontier.map(|upto| (upto.log, upto)).collect()
    }

    fn is_no_lie(&mut self, id: NodeId, document: DocTag, checkpoint: EntryId) -> Checked {
        self.read_books(&[id])?;
        let held = self.ledger.books.get(&id).map(Book::held);
        let lies = self.ledger.lies.iter().filter(|lie| held.is_some_and(|h| h.contains(*lie)));
        self.counts.check("nobody signs for a lie", lies.count());
        if self.ledger.lies.contains(&checkpoint) {
            let what = format!("{id:?} signed for a checkpoint of {document:?} that lies");
            return broken("nobody signs for a lie", what);
        }
        Ok(())
    }

    /// An order cuts each log where its checkpoint ends, and rests on no lie.
    fn ordered(&mut self, id: NodeId, entry: &Entry) -> Checked {
        let community = self.net.node(id).replica.directory().community();
        let Ok(order) = Order::of_entry(entry, community) else { return Ok(()) };
        let terms = order.terms();
        let Some(checkpoint) = terms.checkpoint else { return Ok(()) };
        self.counts.reach("orders", 1);
        self.is_no_lie(id, terms.document, checkpoint.entry)?;
        let made = self.ledger.made.get(&checkpoint.entry);
        let frontier = made.map(|made| self.frontier_of(made)).unwrap_or_default();
        let covers = |cut: &Cut| {
            let upto = frontier.get(&cut.log);
            upto.is_some_and(|upto| (upto.sequence, upto.entry) == (cut.sequence, cut.entry))
        };
        self.counts.check("only what was ordered went", terms.cuts.len());
        match terms.cuts.iter().find(|cut| !covers(cut)) {
            None => Ok(()),
            Some(cut) => {
                let what = format!("{id:?} cuts {cut:?}, which the checkpoint does not cover");
                broken("only what was ordered went", what)
            }
        }
    }

    /// Lets some frames arrive and commits end.
    pub(super) fn run(&mut self, events: usize) {
        for _ in 0..events {
            if !self.net.step() {
                break;
            }
        }
    }

    /// Connects some with each of others.
    fn gather(&mut self, some: &[NodeId], others: &[NodeId]) {
        for (a, b) in some.iter().flat_map(|a| others.iter().map(move |b| (*a, *b))) {
            if a != b {
                self.connect(a, b);
            }
        }
    }

    /// Lets hours pass, and carriers look at their clocks in each.
    pub(super) fn hours(&mut self, hours: usize) -> Checked {
        let carriers = self.carriers.clone();
        for hour in 0..hours {
            self.net.tick_hour(&carriers);
            self.read_books(&carriers)?;
            if hour % 24 == 23 {
                self.run(40);
            }
        }
        self.net.tick(1_000);
        Ok(())
    }

    fn passed(&mut self, hours: usize) -> Happened {
        if let Err(failure) = self.hours(hours) {
            self.broken.get_or_insert(failure);
        }
        Happened::Done
    }

    /// Makes a checkpoint, has everybody sign who may and finds that it agrees, and whoever has the key give the order.
    fn agree_in(&mut self, space: SpaceTag, name: &str) -> Happened {
        let (members, carriers) = (self.members(space), self.carriers.clone());
        let made = members.iter().map(|id| self.about((*id, space), name, Pruning::Make));
        let made = made.collect::<Vec<_>>();
        self.gather(&members, &members);
        self.run(600);
        for id in &members {
            self.about((*id, space), name, Pruning::Agree);
        }
        self.run(600);
        let ordered: Vec<Happened> =
            members.iter().map(|id| self.about((*id, space), name, Pruning::Order)).collect();
        self.gather(&members, &carriers);
        self.run(600);
        let all = || made.iter().chain(&ordered);
        [Happened::Done, Happened::Refused]
            .into_iter()
            .find(|kind| all().any(|happened| happened == kind))
            .unwrap_or(Happened::Nothing)
    }

    /// Somebody comes of whom nobody but carriers tells anything.
    fn meet_carriers(&mut self, id: NodeId, events: usize) {
        let carriers = self.carriers.clone();
        self.net.isolate(id);
        self.gather(&[id], &carriers);
        self.run(events);
    }

    /// Carriers prune all that was ordered; then somebody comes who reads it from there, and everybody meets once more.
    pub(super) fn season_at_rest(&mut self) -> Checked {
        for space in self.spaces.clone() {
            self.agree_in(space, "profile");
        }
        self.drain()?;
        self.net.isolate_all();
        self.hours(DELAY_HOURS)?;
        let new = self.net.join(PartyKind::Family);
        self.honest.push(new);
        let party = self.net.party(new);
        for space in self.spaces.clone() {
            let given = |town: &mut Self, id: &NodeId| {
                let new = grant(party, Right::Read, true);
                town.sign((*id, space), None, |net| net.grant(*id, space, new)) == Happened::Done
            };
            let members = self.members(space);
            if let Some(by) = members.iter().find(|id| given(self, id)) {
                let carriers = self.carriers.clone();
                self.gather(&[*by], &carriers);
            }
        }
        self.drain()?;
        self.net.isolate_all();
        for _ in 0..3 {
            self.meet_carriers(new, 20_000);
            self.net.tick(70_000);
        }
        self.drain()?;
        self.check_step(true)?;
        self.check_late()
    }
}

fn named(town: &mut Town, dice: &mut Dice) -> Option<((NodeId, SpaceTag), &'static str)> {
    let place = town.somebody(dice)?;
    Some((place, dice.pick(&NAMES)?))
}

/// Somebody writes day after day.
fn diary(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(((id, space), name)) = named(town, dice) else { return Happened::Nothing };
    let mut happened = Happened::Nothing;
    for _ in 0..2 + dice.below(6) {
        let fields = [ProfileField::Note, ProfileField::Health];
        let field = dice.pick(&fields).unwrap_or(ProfileField::Note);
        happened = town.write_field(id, space, name, field);
        town.run(10);
    }
    happened
}

fn make(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((place, name)) = named(town, dice) else { return Happened::Nothing };
    town.about(place, name, Pruning::Make)
}

fn agree(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((place, name)) = named(town, dice) else { return Happened::Nothing };
    town.about(place, name, Pruning::Agree)
}

fn order(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((place, name)) = named(town, dice) else { return Happened::Nothing };
    town.about(place, name, Pruning::Order)
}

fn agree_and_order(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(((_, space), name)) = named(town, dice) else { return Happened::Nothing };
    town.agree_in(space, name)
}

fn take_back(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((place, name)) = named(town, dice) else { return Happened::Nothing };
    let document = town.net.space(place.0, place.1, |space| space.document(name));
    let made = town.ledger.made.iter().filter(|(_, made)| made.document == document);
    let made: Vec<EntryId> = made.map(|(id, _)| *id).collect();
    let Some(entry) = dice.pick(&made) else { return Happened::Nothing };
    let happened = town.about(place, name, Pruning::TakeBack(entry));
    town.counts.reach("agreements taken back", usize::from(happened == Happened::Done));
    happened
}

fn weeks(town: &mut Town, dice: &mut Dice) -> Happened {
    if dice.once_in(2) {
        town.net.isolate_all();
    }
    town.passed(7 * 24 * (1 + dice.below(4)))
}

/// So long that carriers prune what they were ordered before.
fn season(town: &mut Town, dice: &mut Dice) -> Happened {
    if dice.once_in(2) {
        town.net.isolate_all();
    }
    town.passed(DELAY_HOURS + dice.below(200))
}

fn go_away(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = dice.pick(&town.honest).filter(|_| town.ledger.away.len() < 2) else {
        return Happened::Nothing;
    };
    town.ledger.away.insert(id);
    town.net.isolate(id);
    Happened::Done
}

fn come_back(town: &mut Town, dice: &mut Dice) -> Happened {
    let away: Vec<NodeId> = town.ledger.away.iter().copied().collect();
    let Some(id) = dice.pick(&away) else { return Happened::Nothing };
    town.ledger.away.remove(&id);
    town.meet_carriers(id, 800);
    Happened::Done
}

/// Somebody is given a space, and meets carriers before any member.
fn latecomer(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((by, space)) = town.somebody(dice) else { return Happened::Nothing };
    let id = if town.honest.len() < 8 {
        let id = town.net.join(PartyKind::Family);
        town.honest.push(id);
        id
    } else {
        let members = town.members(space);
        let others: Vec<NodeId> =
            town.honest.iter().copied().filter(|id| !members.contains(id)).collect();
        let Some(id) = dice.pick(&others) else { return Happened::Nothing };
        id
    };
    town.net.isolate(id);
    let right = dice.pick(&[Right::Read, Right::Write, Right::Steward]).unwrap_or(Right::Read);
    let new = grant(town.net.party(id), right, true);
    let happened = town.sign((by, space), None, |net| net.grant(by, space, new));
    let carriers = town.carriers.clone();
    town.gather(&[by], &carriers);
    town.run(400);
    town.meet_carriers(id, 800);
    happened
}

impl Town {
    /// Has a node hold what its core did not write, and begin again from there.
    fn slip_in(&mut self, id: NodeId, entry: Entry) {
        self.net.inject(id, &[entry]);
        while self.net.node(id).disk.is_busy() {
            self.net.persist(id);
        }
        self.net.crash(id);
    }

    /// Whether what somebody writes now is durable at once.
    fn writes(&self, id: NodeId) -> bool {
        let disk = &self.net.node(id).disk;
        self.net.failures == 0 && !disk.full && !disk.is_busy()
    }
}

/// A steward's device makes a checkpoint, and then another that says something else of the same entries.
fn lie(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(((id, space), name)) = named(town, dice) else { return Happened::Nothing };
    town.about((id, space), name, Pruning::Make);
    town.run(100);
    if !town.writes(id) || !town.net.has_key(id, space) {
        return Happened::Nothing;
    }
    let lied = town.net.forge_checkpoint(id, (space, name), |table| {
        let at = dice.below(table.len());
        if let Some(byte) = table.get_mut(at) {
            *byte ^= 1 << dice.below(8);
        }
    });
    let Some(entry) = lied else { return Happened::Nothing };
    town.ledger.lies.insert(entry.id());
    town.slip_in(id, entry);
    let members = town.members(space);
    town.gather(&[id], &members);
    town.run(300);
    for id in members {
        town.about((id, space), name, Pruning::Agree);
    }
    Happened::Done
}

/// Whoever keeps the key orders alerts pruned, which nobody may.
fn order_alerts(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((id, space)) = town.somebody(dice) else { return Happened::Nothing };
    let name = format!("alert/ordered-{}", town.facts.len());
    for _ in 0..3 {
        if town.write_fact(id, space, &name, (Urgency::Urgent, 0)) != Happened::Done {
            return Happened::Refused;
        }
    }
    town.run(200);
    let keeper = town.members(space).into_iter().find(|id| town.net.keeps_carrier_key(*id, space));
    let Some(keeper) = keeper.filter(|keeper| town.writes(*keeper)) else {
        return Happened::Nothing;
    };
    let document = town.net.space(id, space, |space| space.document(&name));
    let of = |entry: &Entry| entry.header().document == document;
    let Some(last) = town.net.entries(keeper, space).into_iter().filter(of).last() else {
        return Happened::Nothing;
    };
    let (log, tip) = (last.header().log, last.tip());
    let cut = Cut { log, sequence: tip.sequence, entry: tip.id };
    let stands = Checkpoint { log, first: tip.sequence, last: tip.sequence, entry: tip.id };
    let terms = Terms {
        community: Default::default(),
        space: [0; 32].into(),
        carrier_key: [0; 32].into(),
        document,
        cuts: vec![cut],
        checkpoint: Some(stands),
        withdraws: Vec::new(),
        at: town.net.now,
    };
    town.net.order_pruning(keeper, space, terms);
    while town.net.node(keeper).disk.is_busy() {
        town.net.persist(keeper);
    }
    let carriers = town.carriers.clone();
    town.gather(&[id, keeper], &carriers);
    town.run(400);
    Happened::Done
}

/// A carrier's disk goes back to what it was before; what it was ordered since comes again.
fn restore_carrier(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(id) = dice.pick(&town.carriers) else { return Happened::Nothing };
    let commits = town.net.node(id).disk.commits();
    town.put_back(id, 1 + dice.below(commits));
    Happened::Done
}
