//! A member that breaks the rules: it writes with its own keys past its core, and says what it likes to others.

use std::collections::BTreeMap;

use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, ROOT};
use linli_core::authority::{Act, Grant, Revoked, Right, SpaceCertificate, Under};
use linli_core::identity::draw_signing_key;
use linli_core::payload::Content;
use linli_replica::batch::Shelf;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::{Frame, Naming, Pages, Spaces};
use linli_replica::id::{NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::limits::{DEMANDS_MAX, FRAME_BYTES_MAX};
use linli_replica::replica::Input;

use super::dice::Dice;
use super::town::{Happened, Town};
use crate::neighbourhood::forge::{Forger, read_record};
use crate::neighbourhood::{BEGIN, grant};

/// What crooked members write with: for each document their keys, and the document as they alone wrote it.
pub(super) type Forgers = BTreeMap<(NodeId, SpaceTag, String), (Forger, AutoCommit)>;

/// A document of a crook's to write to next.
struct Desk {
    crook: NodeId,
    space: SpaceTag,
    name: String,
    forger: Forger,
    doc: AutoCommit,
}

impl Town {
    /// Picks a space of which a crook has a key.
    fn crook_in(&self, dice: &mut Dice) -> Option<(NodeId, SpaceTag)> {
        let (crook, space) = (dice.pick(&self.crooks)?, dice.pick(&self.spaces)?);
        let node = self.net.node(crook);
        let record = node.disk.store.record(Shelf::Space, space.as_bytes())?;
        let (keys, _) = read_record(&record)?;
        (node.core.is_member(&space) && !keys.is_empty()).then_some((crook, space))
    }

    /// Sits down at a document of orders, where the crook wrote in it before.
    fn desk(&mut self, dice: &mut Dice) -> Option<Desk> {
        let (crook, space) = self.crook_in(dice)?;
        let name = format!("order/{}", dice.below(3));
        let known = self.forgers.remove(&(crook, space, name.clone()));
        let (forger, doc) = known.unwrap_or_else(|| {
            let mut forger = self.net.forger(crook, space, &name);
            self.fresh(&mut forger, dice);
            (forger, AutoCommit::new())
        });
        Some(Desk { crook, space, name, forger, doc })
    }

    /// Gives a forger a log of its own, so that its node's core has nothing to do with it.
    fn fresh(&mut self, forger: &mut Forger, dice: &mut Dice) {
        forger.log = draw_signing_key(&mut dice.0);
        (forger.sequence, forger.previous) = (1, Default::default());
    }

    /// Writes one fact, dated `at`; the model says whether it counts.
    fn forge_fact(&mut self, desk: &mut Desk, at: Timestamp, dice: &mut Dice) -> Entry {
        let value = self.value();
        desk.forger.at = at;
        let key = value.clone();
        let change = desk.forger.change(&mut desk.doc, |doc| {
            let put = doc.put(ROOT, key, value.as_str());
            debug_assert!(put.is_ok());
        });
        let entry = desk.forger.write(&mut dice.0, vec![change.raw_bytes().to_vec()]);
        let knew = self.known(desk.crook, desk.space);
        self.keep_entry(desk.crook, desk.space, (value.clone(), true, knew), entry.clone());
        self.facts.entry(value).and_modify(|fact| fact.at = at);
        entry
    }

    fn rise(&mut self, desk: Desk) {
        let Desk { crook, space, name, forger, doc } = desk;
        self.forgers.insert((crook, space, name), (forger, doc));
    }

    /// Gets an entry to somebody: over a connection, or in a courier file of somebody who took it along.
    fn slip(&mut self, crook: NodeId, to: NodeId, entries: &[Entry]) {
        let places = entries.iter().map(|entry| (entry.header().document, entry.header().space));
        self.space_of.extend(places);
        let page = entries.iter().map(|entry| entry.encode().into()).collect();
        let frame = Frame::Pages(Pages { pages: vec![page] });
        if self.net.wire.is_connected(crook, to) {
            self.net.wire.send(crook, to, Urgency::Normal, frame.encode());
        } else {
            let honest = self.honest.iter().copied().find(|id| *id != to);
            let from = honest.unwrap_or(to);
            self.net.input(to, Input::Carried { from, frame });
        }
    }

    fn victim(&self, space: SpaceTag, dice: &mut Dice) -> Option<NodeId> {
        dice.pick(&self.members(space))
    }

    fn clock_of(&self, id: NodeId) -> Timestamp {
        self.net.node(id).clock(self.net.now)
    }
}

pub(super) fn write(town: &mut Town, dice: &mut Dice) -> Happened {
    let at = town.crooks.first().map(|crook| town.clock_of(*crook));
    write_at(town, dice, at.unwrap_or(BEGIN))
}

pub(super) fn date_back(town: &mut Town, dice: &mut Dice) -> Happened {
    write_at(town, dice, BEGIN.plus_ms(1))
}

fn write_at(town: &mut Town, dice: &mut Dice, at: Timestamp) -> Happened {
    let Some(mut desk) = town.desk(dice) else { return Happened::Nothing };
    let (crook, space) = (desk.crook, desk.space);
    let Some(to) = town.victim(space, dice) else {
        town.rise(desk);
        return Happened::Nothing;
    };
    let known = town.known(to, space);
    let party = town.net.party(crook);
    let rights = town.rules.get(&space);
    let right = rights.and_then(|rules| rules.right(party, &known));
    let all: Vec<Entry> = town.written_by(&desk);
    let entry = town.forge_fact(&mut desk, at, dice);
    town.rise(desk);
    match right {
        Some(right) if right >= Right::Write => {}
        Some(_) => town.went_wrong("written without the right"),
        None => town.went_wrong("written after the removal"),
    }
    // Whoever gets it may lack what came before in the log.
    let entries: Vec<Entry> = all.into_iter().chain([entry]).collect();
    town.slip(crook, to, &entries);
    Happened::Done
}

impl Town {
    /// Lists what was written in a desk's log so far, in order; of a fork what the forger goes on from.
    fn written_by(&self, desk: &Desk) -> Vec<Entry> {
        let of: BTreeMap<_, &Entry> =
            self.facts.values().map(|fact| (fact.entry.id(), &fact.entry)).collect();
        let mut before = Vec::new();
        let mut at = desk.forger.previous;
        while let Some(entry) = of.get(&at) {
            before.push((*entry).clone());
            at = entry.header().previous;
        }
        before.reverse();
        before
    }
}

/// Says two things in one place, one to each of two members.
pub(super) fn fork(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some(mut desk) = town.desk(dice) else { return Happened::Nothing };
    let (crook, space) = (desk.crook, desk.space);
    let [Some(one), Some(other)] = [town.victim(space, dice), town.victim(space, dice)] else {
        town.rise(desk);
        return Happened::Nothing;
    };
    if !town.forked.insert(desk.forger.log_id()) {
        town.rise(desk);
        return Happened::Nothing;
    }
    let before = town.written_by(&desk);
    let (forger, doc) = (desk.forger.clone(), desk.doc.clone());
    let at = town.clock_of(crook);
    let first = town.forge_fact(&mut desk, at, dice);
    (desk.forger, desk.doc) = (forger, doc);
    let second = town.forge_fact(&mut desk, at, dice);
    for (to, entry) in [(one, first), (other, second)] {
        let entries: Vec<Entry> = before.iter().cloned().chain([entry]).collect();
        town.slip(crook, to, &entries);
    }
    town.rise(desk);
    Happened::Done
}

/// Writes under the name of somebody else's log.
pub(super) fn impersonate(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((crook, space)) = town.crook_in(dice) else { return Happened::Nothing };
    let Some(to) = town.victim(space, dice) else { return Happened::Nothing };
    let mut forger = town.net.forger(crook, space, "order/0");
    town.fresh(&mut forger, dice);
    let document = town.net.space(crook, space, |space| space.document("order/0"));
    let others = town.writers.keys().map(|log| linli_core::document::actor(*log, document));
    let others: Vec<ActorId> = others.collect();
    let Some(actor) = others.get(dice.below(others.len())) else { return Happened::Nothing };
    let value = town.value();
    let mut doc = AutoCommit::new();
    doc.set_actor(actor.clone());
    if doc.put(ROOT, value.clone(), value.as_str()).is_err() {
        return Happened::Nothing;
    }
    let hash = doc.commit();
    let Some(change) = hash.and_then(|hash| doc.get_change_by_hash(&hash)) else {
        return Happened::Nothing;
    };
    let entry = forger.write(&mut dice.0, vec![change.raw_bytes().to_vec()]);
    let knew = town.known(crook, space);
    town.keep_entry(crook, space, (value.clone(), true, knew), entry.clone());
    town.facts.entry(value).and_modify(|fact| fact.forged = true);
    town.slip(crook, to, &[entry]);
    Happened::Done
}

/// Grants itself the highest right, which it has not to give.
pub(super) fn forge_grant(town: &mut Town, dice: &mut Dice) -> Happened {
    let party = town.crooks.first().map(|crook| town.net.party(*crook)).unwrap_or_default();
    let given: Grant = grant(party, Right::Steward, true);
    forge(town, dice, Act::Grant(given))
}

/// Removes a member, which it has no right to.
pub(super) fn forge_removal(town: &mut Town, dice: &mut Dice) -> Happened {
    let parties: Vec<PartyId> = town.honest.iter().map(|id| town.net.party(*id)).collect();
    let Some(party) = dice.pick(&parties) else { return Happened::Nothing };
    forge(town, dice, Act::Revoke(Revoked::Party(party)))
}

fn forge(town: &mut Town, dice: &mut Dice, act: Act) -> Happened {
    let Some((crook, space)) = town.crook_in(dice) else { return Happened::Nothing };
    let Some(to) = town.victim(space, dice) else { return Happened::Nothing };
    let (state, party) = (town.net.state(crook, space), town.net.party(crook));
    let own = state.members.get(&party).and_then(|member| member.grants.first());
    let under = match own.filter(|_| dice.once_in(2)) {
        Some(grant) => Under::Grant(grant.id),
        None => Under::Genesis,
    };
    let mut forger = town.net.authority_forger(crook, space);
    town.fresh(&mut forger, dice);
    let at = town.clock_of(crook);
    let signed =
        SpaceCertificate::sign(&forger.node, state.space, party, under, state.heads, at, &act);
    let Ok(certificate) = signed else { return Happened::Nothing };
    let content = Content::Certificates(vec![certificate.encode().into()]);
    let entry = forger.write_content(&mut dice.0, content, None);
    town.slip(crook, to, &[entry]);
    Happened::Done
}

/// Fills a document with entries that nobody can read.
pub(super) fn flood(town: &mut Town, dice: &mut Dice) -> Happened {
    let Some((crook, space)) = town.crook_in(dice) else { return Happened::Nothing };
    let Some(to) = town.victim(space, dice) else { return Happened::Nothing };
    let mut forger = town.net.forger(crook, space, "flood");
    town.fresh(&mut forger, dice);
    let entries: Vec<Entry> =
        (0..60).map(|_| forger.write_raw(&mut dice.0, &[0xff; 300])).collect();
    town.slip(crook, to, &entries);
    Happened::Done
}

/// Says something to somebody over a connection.
fn say(town: &mut Town, dice: &mut Dice, frames: &[Vec<u8>]) -> Happened {
    let (Some(crook), Some(to)) = (dice.pick(&town.crooks), dice.pick(&town.honest)) else {
        return Happened::Nothing;
    };
    town.connect(crook, to);
    if !town.net.wire.is_connected(crook, to) {
        return Happened::Nothing;
    }
    for frame in frames {
        town.net.wire.send(crook, to, Urgency::Normal, frame.clone());
    }
    Happened::Done
}

/// Asks for more than an honest peer needs.
pub(super) fn demand(town: &mut Town, dice: &mut Dice) -> Happened {
    let ask = Frame::Spaces(Spaces { naming: Naming::Ask, names: vec![7; 160].into() });
    say(town, dice, &vec![ask.encode(); DEMANDS_MAX + 10])
}

pub(super) fn giant(town: &mut Town, dice: &mut Dice) -> Happened {
    say(town, dice, &[vec![0x82; FRAME_BYTES_MAX + 1]])
}

pub(super) fn garbage(town: &mut Town, dice: &mut Dice) -> Happened {
    let length = 1 + dice.below(2_000);
    let bytes: Vec<u8> = (0..length).map(|_| u8::try_from(dice.below(256)).unwrap_or(0)).collect();
    say(town, dice, &[bytes])
}
