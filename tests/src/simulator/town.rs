//! Who is there, and what happens in a step.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::{Act, Right};
use linli_core::engine::SpaceAct;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::frontier::Tip;
use linli_replica::id::{CertificateId, DocTag, LogKey, NodeId, PartyId, SpaceTag};

use super::acts::ACTS;
use super::checks::Promised;
use super::counts::Counts;
use super::crooks::Forgers;
use super::dice::Dice;
use super::faults::FAULTS;
use super::model::{Extent, Fact, Rules, View};
use super::pruning::{self, Ledger};
use super::{Checked, Failure, Outcome};
use crate::neighbourhood::{BEGIN, Lanes, Neighbourhood, grant};

/// Frames and commits after which a neighbourhood is taken never to come to rest.
const EVENTS_MAX: usize = 300_000;

/// What everything that people write begins with: where it is found in clear, it has leaked.
pub(super) const MARK: &str = "plain words of linli ";

/// What came of something that was to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    Done,
    /// The node refused to do it.
    Refused,
    /// There was nothing to do it with.
    Nothing,
}

/// Something that may happen: its name, how often beside the others, and how.
pub(super) struct Deed {
    pub(super) name: &'static str,
    pub(super) weight: usize,
    pub(super) act: fn(&mut Town, &mut Dice) -> Happened,
}

/// A neighbourhood, and all that the simulator knows of it.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) net: Neighbourhood,
    /// Nodes of members that keep the rules.
    pub(super) honest: Vec<NodeId>,
    pub(super) carriers: Vec<NodeId>,
    /// Nodes of a member that breaks them.
    pub(super) crooks: Vec<NodeId>,
    pub(super) expelled: BTreeSet<PartyId>,
    /// Whom officers opened a space for.
    pub(super) recovered: BTreeSet<(SpaceTag, PartyId)>,
    pub(super) spaces: Vec<SpaceTag>,
    /// Spaces that somebody ordered to be erased.
    pub(super) erased: BTreeSet<SpaceTag>,
    /// Spaces that were handed over, or are about to be.
    pub(super) handed: BTreeSet<SpaceTag>,
    pub(super) rules: BTreeMap<SpaceTag, Rules>,
    /// What was written, by its value.
    pub(super) facts: BTreeMap<String, Fact>,
    /// Who writes a log.
    pub(super) writers: BTreeMap<LogKey, NodeId>,
    /// Which of two halves a node is in, while the neighbourhood is parted.
    pub(super) parts: BTreeMap<NodeId, usize>,
    /// What nodes said that they hold.
    pub(super) promised: Promised,
    /// Own entries that were said to be saved, by node.
    pub(super) saved: BTreeMap<NodeId, Vec<(DocTag, LogKey, Tip)>>,
    /// The space of each document that was written to.
    pub(super) space_of: BTreeMap<DocTag, SpaceTag>,
    /// Relays that lied at some time.
    pub(super) liars: BTreeSet<NodeId>,
    /// Nodes that were put back to an earlier state without being told, with how often they had noticed such before.
    pub(super) unnoticed: BTreeMap<NodeId, usize>,
    /// Logs in which somebody said two things in one place, or may have.
    pub(super) forked: BTreeSet<LogKey>,
    /// What crooked members write with.
    pub(super) forgers: Forgers,
    /// Checkpoints and orders.
    pub(super) ledger: Ledger,
    /// A promise that did not hold while something was done.
    pub(super) broken: Option<Failure>,
    pub(super) counts: Counts,
    pub(super) step: Option<usize>,
    trace: blake3::Hasher,
    done: BTreeMap<usize, String>,
    /// Where what happens in a step happens, for whoever reads of it.
    pub(super) place: String,
}

impl Town {
    /// Draws a neighbourhood: households and a centre, others where chance has it, and a space for each elder.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, u64::MAX);
        let n = 1 + dice.below(3);
        let (m, n) = (u8::try_from(n / 2 + 1).unwrap_or(1), u8::try_from(n).unwrap_or(1));
        let mut town = Self {
            net: Neighbourhood::with_officers(seed, m, n),
            honest: Vec::new(),
            carriers: Vec::new(),
            crooks: Vec::new(),
            expelled: BTreeSet::new(),
            recovered: BTreeSet::new(),
            spaces: Vec::new(),
            erased: BTreeSet::new(),
            handed: BTreeSet::new(),
            rules: BTreeMap::new(),
            facts: BTreeMap::new(),
            writers: BTreeMap::new(),
            parts: BTreeMap::new(),
            promised: Promised::default(),
            saved: BTreeMap::new(),
            space_of: BTreeMap::new(),
            liars: BTreeSet::new(),
            unnoticed: BTreeMap::new(),
            forked: BTreeSet::new(),
            forgers: Forgers::new(),
            ledger: Ledger::default(),
            broken: None,
            counts: Counts::default(),
            step: None,
            trace: blake3::Hasher::new_derive_key("linli 1 simulator trace"),
            done: BTreeMap::new(),
            place: String::new(),
        };
        town.net.lanes = Some(Lanes::default());
        // Drawn apart, so that in other seeds all is as it would be without; which quarter is of no matter.
        town.ledger.on = Dice::of(seed, u64::MAX - 3).below(4) == 3;
        town.net.prunes = town.ledger.on;
        town.people(&mut dice);
        town
    }

    fn people(&mut self, dice: &mut Dice) {
        let mut kinds = vec![PartyKind::Centre, PartyKind::Household];
        kinds.extend(dice.once_in(2).then_some(PartyKind::Household));
        let others =
            [PartyKind::Provider, PartyKind::Station, PartyKind::Family, PartyKind::Regulator];
        kinds.extend(others.into_iter().filter(|_| dice.once_in(2)));
        self.honest = kinds.into_iter().map(|kind| self.join(kind)).collect();
        if dice.below(3) > 0 {
            let crook = self.join(PartyKind::Provider);
            self.crooks.push(crook);
        }
        for _ in 0..dice.below(3).max(usize::from(self.ledger.on)) {
            let carrier = self.join(PartyKind::Carrier);
            self.carriers.push(carrier);
        }
        self.net.connect_all();
        self.net.drain();
        for at in 1..self.honest.len().min(3) {
            if let Some(household) = self.honest.get(at).copied() {
                self.begin_space(household, dice);
            }
        }
        self.net.settle();
    }

    /// Enrols a party; whoever comes next is told of it.
    fn join(&mut self, kind: PartyKind) -> NodeId {
        let id = self.net.join(kind);
        self.net.drain();
        id
    }

    /// Begins a space of a node's party, in which most have some right.
    pub(super) fn begin_space(&mut self, id: NodeId, dice: &mut Dice) {
        let own = self.net.party(id);
        let mut grants = BTreeMap::new();
        for other in self.honest.iter().chain(&self.crooks).copied() {
            let party = self.net.party(other);
            let rights = [Right::Read, Right::Write, Right::Write, Right::Steward];
            let right = dice.pick(&rights).unwrap_or(Right::Read);
            let crooked = self.crooks.contains(&other);
            let right = if crooked { right.min(Right::Write) } else { right };
            // No checkpoint is made where anybody reads from now on.
            if party != own && dice.below(4) > 0 {
                let history = dice.below(4) > 0 || self.ledger.on;
                grants.insert(party, grant(party, right, history));
            }
        }
        let grants = grants.into_values().collect();
        let of_community = dice.once_in(4);
        let space = match of_community {
            true => self.net.begin_for_community(id, grants),
            false => self.net.begin(id, grants),
        };
        self.spaces.push(space);
        self.learn(space, View::new(), &Extent::new());
    }

    /// Takes the acts that were just signed into the model, with what their signer knew before.
    pub(super) fn learn(&mut self, space: SpaceTag, mut knew: View, extent: &Extent) {
        let (_, acts) = std::mem::take(&mut self.net.written);
        for SpaceAct { certificate, .. } in acts.into_iter().filter(|act| act.space == space) {
            let id = certificate.id();
            let cut = matches!(certificate.act(), Some(Act::Cut { .. }));
            let extent = if cut { extent.clone() } else { Extent::new() };
            self.rules.entry(space).or_default().learn(certificate, knew.clone(), extent);
            knew.insert(id);
        }
    }

    /// Lists the acts of a space that count for a node, as far as the model has them.
    pub(super) fn known(&mut self, id: NodeId, space: SpaceTag) -> View {
        let now = self.net.now;
        let node = self.net.node_mut(id);
        let held: Vec<CertificateId> = node.with_core(now, |core, world, _| {
            let Ok(space) = core.space(world, space) else { return Vec::new() };
            let state = space.state();
            let aside = |id: &CertificateId| {
                state.refused.contains_key(id) || state.waiting.contains_key(id)
            };
            space.certificates().iter().map(|(id, _)| *id).filter(|id| !aside(id)).collect()
        });
        self.rules.get(&space).map(|rules| rules.known(held)).unwrap_or_default()
    }

    /// Has one thing happen, lets the network run and time pass, and checks what can be checked now.
    pub(super) fn take_step(&mut self, number: usize, mut dice: Dice) -> Checked {
        self.net.rng = dice.0.clone();
        let goes_wrong = dice.once_in(3);
        let of_pruning = self.ledger.on && dice.below(4) < if goes_wrong { 1 } else { 2 };
        let deeds = match (goes_wrong, of_pruning) {
            (false, false) => ACTS,
            (false, true) => pruning::ACTS,
            (true, false) => FAULTS,
            (true, true) => pruning::FAULTS,
        };
        let all = deeds.iter().map(|deed| deed.weight).sum();
        let mut at = dice.below(all);
        let deed = deeds.iter().find(|deed| {
            let found = at < deed.weight;
            at = at.saturating_sub(deed.weight);
            found
        });
        if let Some(deed) = deed {
            let happened = (deed.act)(self, &mut dice);
            self.note(number, deed, happened);
        }
        self.mend(&mut dice);
        self.meet(&mut dice);
        for _ in 0..dice.below(90) {
            if !self.net.step() {
                break;
            }
        }
        self.pass_time(&mut dice);
        self.counts.steps += 1;
        self.check_step(number.is_multiple_of(20))
    }

    fn note(&mut self, number: usize, deed: &Deed, happened: Happened) {
        let is_act = ACTS.iter().chain(pruning::ACTS).any(|act| act.name == deed.name);
        let counted = match (is_act, happened) {
            (true, Happened::Done) => &mut self.counts.acts,
            (true, Happened::Refused) => &mut self.counts.refused,
            (false, Happened::Done) => &mut self.counts.faults,
            (_, _) => return,
        };
        *counted.entry(deed.name.into()).or_default() += 1;
        let place = std::mem::take(&mut self.place);
        let how = if happened == Happened::Refused { ", refused" } else { "" };
        self.done.insert(number, format!("{}{place}{how}", deed.name));
        self.trace.update(deed.name.as_bytes());
        self.trace.update(&self.net.steps.to_le_bytes()).update(&self.net.now.0.to_le_bytes());
    }

    /// Counts a fault that is part of another.
    pub(super) fn went_wrong(&mut self, kind: &'static str) {
        *self.counts.faults.entry(kind.into()).or_default() += 1;
    }

    /// Some find each other again.
    fn meet(&mut self, dice: &mut Dice) {
        let all = self.everybody();
        for _ in 0..dice.below(5) {
            if let (Some(a), Some(b)) = (dice.pick(&all), dice.pick(&all)) {
                self.connect(a, b);
            }
        }
    }

    /// Connects two nodes, where no partition is between them.
    pub(super) fn connect(&mut self, a: NodeId, b: NodeId) {
        let away = [a, b].iter().any(|id| self.ledger.away.contains(id));
        if self.parts.get(&a) == self.parts.get(&b) && !away {
            self.net.connect(a, b);
        }
    }

    /// Lets all that is under way arrive, as far as it can.
    pub(super) fn drain(&mut self) -> Checked {
        let from = self.net.steps;
        while self.net.step() {
            if self.net.steps - from > EVENTS_MAX {
                return super::broken("goes on", "it never comes to rest".to_owned());
            }
        }
        Ok(())
    }

    /// Mostly seconds, now and then a day or a month.
    fn pass_time(&mut self, dice: &mut Dice) {
        const HOUR_MS: u64 = 3_600_000;
        let ms = match dice.below(40) {
            0 => 24 * 30 * HOUR_MS,
            1..4 => 24 * HOUR_MS,
            4..10 => HOUR_MS,
            10..20 => 60_000,
            _ => 1_000,
        };
        let times = u64::try_from(1 + dice.below(3)).unwrap_or(1);
        self.net.tick(ms * times);
    }

    /// Lists all nodes.
    pub(super) fn everybody(&self) -> Vec<NodeId> {
        self.net.nodes.keys().copied().collect()
    }

    /// Lists the nodes of honest members that are members of a space.
    pub(super) fn members(&self, space: SpaceTag) -> Vec<NodeId> {
        let member = |id: &NodeId| self.net.node(*id).core.is_member(&space);
        self.honest.iter().copied().filter(member).collect()
    }

    /// Picks an honest node and a space of which it is a member.
    pub(super) fn somebody(&mut self, dice: &mut Dice) -> Option<(NodeId, SpaceTag)> {
        let space = dice.pick(&self.spaces)?;
        let id = dice.pick(&self.members(space))?;
        self.place = format!(" by {id:?} in {space:?}");
        Some((id, space))
    }

    /// Says what another value is.
    pub(super) fn value(&self) -> String {
        format!("{MARK}{}", self.facts.len())
    }

    /// Keeps what a node has just written to a document.
    pub(super) fn keep_fact(
        &mut self,
        (id, space, name): (NodeId, SpaceTag, &str),
        value: String,
        (event, knew): (bool, View),
    ) {
        let document = self.net.space(id, space, |space| space.document(name));
        let (written, _) = std::mem::take(&mut self.net.written);
        let Some(entry) = written.into_iter().rfind(|e| e.header().document == document) else {
            return;
        };
        self.keep_entry(id, space, (value, event, knew), entry);
    }

    /// Keeps what an entry says.
    pub(super) fn keep_entry(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        (value, event, knew): (String, bool, View),
        entry: linli_replica::entry::Entry,
    ) {
        let node = self.net.node(id);
        let at = node.clock(self.net.now);
        let directory = node.replica.directory();
        let out = directory.parties().filter(|(_, party)| party.expelled);
        let expelled = out.map(|(id, _)| *id).collect();
        let (party, document, forged) = (node.party, entry.header().document, false);
        self.writers.insert(entry.header().log, id);
        self.space_of.insert(document, space);
        let author = id;
        let fact =
            Fact { space, document, event, author, party, entry, at, knew, expelled, forged };
        self.facts.insert(value, fact);
    }

    /// Lists what a node holds of a party's writing in a space, durably, in logs of which it can tell that they are that
    /// party's. What is known from a checkpoint counts as held.
    pub(super) fn extent(&mut self, id: NodeId, space: SpaceTag, party: PartyId) -> Extent {
        let mut extent = Extent::new();
        for entry in self.net.entries(id, space) {
            let place = (entry.header().log, entry.header().document);
            let writer = self.writers.get(&place.0).map(|writer| self.net.party(*writer));
            let known = self.net.space(id, space, |space| space.writer(&place.0).is_some());
            if writer == Some(party) && known {
                extent.entry(place).or_default().insert(entry.id());
            }
        }
        let index = self.net.node(id).replica.index();
        for fact in self.facts.values().filter(|fact| fact.space == space && fact.party == party) {
            let (log, sequence) = (fact.entry.header().log, fact.entry.header().sequence);
            let base = index.base(&fact.document, &log);
            if base.is_some_and(|base| sequence <= base.tip.sequence) {
                extent.entry((log, fact.document)).or_default().insert(fact.entry.id());
            }
        }
        extent
    }

    /// Whether an order to erase a space has come to a node.
    pub(super) fn is_erased_at(&self, id: NodeId, space: &SpaceTag) -> bool {
        self.net.node(id).replica.index().is_space_erased(space)
    }

    /// Ends the run.
    pub(super) fn close(mut self, failure: Option<Failure>) -> Outcome {
        self.counts.events = u64::try_from(self.net.steps).unwrap_or(u64::MAX);
        self.counts.virtual_ms = self.net.now.0 - BEGIN.0;
        for node in self.net.nodes.values() {
            let index = node.replica.index();
            for space in index.spaces() {
                for (document, digest) in index.documents(&space) {
                    self.trace.update(document.as_bytes()).update(&digest);
                }
            }
        }
        let trace = *self.trace.finalize().as_bytes();
        Outcome { counts: self.counts, trace, failure, done: self.done }
    }
}

/// Says how soon a kind of document travels.
pub(super) fn urgency_of(name: &str) -> Urgency {
    if name.starts_with("alert") { Urgency::Urgent } else { Urgency::Normal }
}
