//! At rest: everything is mended, everybody meets, and then what must be the same is the same.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::Right;
use linli_replica::batch::Shelf;
use linli_replica::entry::Urgency;
use linli_replica::frontier::Tip;
use linli_replica::id::{DocTag, LogKey, NodeId, SpaceTag};
use linli_replica::limits::STORE_RETRY_S_MAX;
use linli_replica::replica::Input;

use super::dice::Dice;
use super::model::View;
use super::town::{MARK, Town};
use super::{Checked, broken, collision};

/// How often everybody compares before they must have come together. A comparison finds one difference where a log
/// forked at its first entry, and a lying relay costs patience.
const ROUNDS: usize = 5;

impl Town {
    /// Mends what can be mended, lets everybody meet, and holds them to every promise.
    pub(super) fn come_to_rest(&mut self, seed: u64) -> Checked {
        let mut dice = Dice::of(seed, u64::MAX - 1);
        self.net.rng = dice.0.clone();
        self.mend_all();
        self.meet_all()?;
        self.check_rest()?;
        if self.ledger.on {
            self.season_at_rest()?;
            self.meet_all()?;
            self.check_rest()?;
        }
        self.check_audience()?;
        // Whoever opens everything anew sees the same.
        let before = self.sights()?;
        for id in self.everybody() {
            self.net.crash(id);
        }
        self.drain()?;
        if self.sights()? != before {
            return broken("same entries, same view", "a restart shows something else".to_owned());
        }
        self.check_step(true)?;
        if dice.once_in(4) { collision::check(self, &mut dice) } else { Ok(()) }
    }

    fn mend_all(&mut self) {
        self.parts.clear();
        self.ledger.away.clear();
        self.net.failures = 0;
        self.net.wire.stalled.clear();
        for node in self.net.nodes.values_mut() {
            node.ahead_ms = 0;
            (node.disk.full, node.disk.slow) = (false, false);
        }
    }

    fn meet_all(&mut self) -> Checked {
        // What a connection waits for since before is not waited for again.
        self.net.isolate_all();
        // A store that failed is tried again after so many ticks at most.
        for _ in 0..STORE_RETRY_S_MAX {
            self.net.tick(1_000);
        }
        for _ in 0..ROUNDS {
            self.net.connect_all();
            self.drain()?;
            self.net.tick(1_000);
            self.drain()?;
            let pairs: BTreeSet<(NodeId, NodeId)> = self.net.wire.links().collect();
            for (a, b) in pairs {
                self.net.input(a, Input::Reconcile { peer: b });
            }
            self.drain()?;
            self.net.tick(70_000);
            self.drain()?;
        }
        Ok(())
    }

    fn sights(
        &mut self,
    ) -> Result<BTreeMap<(NodeId, SpaceTag), super::checks::Sight>, super::Failure> {
        let mut sights = BTreeMap::new();
        for space in self.spaces.clone() {
            for id in self.members(space) {
                if !self.is_erased_at(id, &space) {
                    sights.insert((id, space), self.look_at(id, space)?);
                }
            }
        }
        Ok(sights)
    }

    fn check_rest(&mut self) -> Checked {
        self.check_step(true)?;
        for space in self.spaces.clone() {
            self.check_together(space)?;
            self.check_told(space)?;
        }
        self.check_late()?;
        self.check_erased()?;
        self.check_carriers()
    }

    /// Whether every node knows that it was put back to an earlier state. One whose own entries reached nobody whom it knows
    /// cannot: it lacks what it was given since.
    fn noticed(&self) -> bool {
        let told = |id: &NodeId| self.net.node(*id).told.own_log_elsewhere;
        self.unnoticed.iter().all(|(id, before)| told(id) > *before)
    }

    /// Nodes that nobody put out.
    fn inside(&self) -> Vec<NodeId> {
        let out = |id: &NodeId| self.expelled.contains(&self.net.party(*id));
        self.honest.iter().copied().filter(|id| !out(id)).collect()
    }

    /// Who may read a space, by the model, is a member with the same certificates and the same entries.
    fn check_together(&mut self, space: SpaceTag) -> Checked {
        let inside = self.inside();
        let members: Vec<NodeId> =
            self.members(space).into_iter().filter(|id| inside.contains(id)).collect();
        let mut all = View::new();
        for id in &members {
            all.extend(self.known(*id, space));
        }
        let Some(rules) = self.rules.get(&space) else { return Ok(()) };
        let reads = |id: &NodeId| {
            let party = self.net.party(*id);
            rules.right(party, &all) >= Some(Right::Read) && rules.is_endless(party, &all)
        };
        let readers: Vec<NodeId> = inside.into_iter().filter(reads).collect();
        let mut first: Option<(NodeId, BTreeMap<DocTag, [u8; 32]>)> = None;
        for id in readers {
            let known = self.known(id, space);
            if self.noticed() && (!members.contains(&id) || known != all) {
                let what = format!(
                    "{id:?} may read {space:?} and knows {} of {} certificates",
                    known.len(),
                    all.len()
                );
                return broken("members come together", what);
            }
            if !members.contains(&id) {
                continue;
            }
            let index = self.net.node(id).replica.index();
            let held: BTreeMap<DocTag, [u8; 32]> = index.documents(&space).collect();
            self.counts.check("members come together", held.len());
            let alike = |(other, expected): &(NodeId, BTreeMap<DocTag, [u8; 32]>)| {
                held.keys().chain(expected.keys()).all(|document| {
                    held.get(document) == expected.get(document)
                        || self.may_differ([id, *other], document)
                })
            };
            match &first {
                None => first = Some((id, held)),
                Some(first) if alike(first) => {}
                Some((other, _)) => {
                    let apart = self.apart([*other, id], space);
                    let what = format!("{other:?} and {id:?} hold different entries of {space:?}");
                    return broken("members come together", format!("{what}: {apart:?}"));
                }
            }
        }
        Ok(())
    }

    /// Lists the logs of which two nodes hold something else, and what.
    fn apart(&self, nodes: [NodeId; 2], space: SpaceTag) -> Vec<(DocTag, LogKey, [Vec<Tip>; 2])> {
        let indexes = nodes.map(|id| self.net.node(id).replica.index());
        let mut logs = BTreeSet::new();
        for index in indexes {
            for (document, _) in index.documents(&space) {
                let frontier = index.frontier(&document).unwrap_or_default();
                logs.extend(frontier.0.into_keys().map(|log| (document, log)));
            }
        }
        let held =
            |(document, log)| (document, log, indexes.map(|index| index.tips(&document, &log)));
        logs.into_iter().map(held).filter(|(.., [one, other])| one != other).collect()
    }

    /// Whoever wrote something that lies past a cut is told so by their own node, and nobody else is.
    fn check_told(&mut self, space: SpaceTag) -> Checked {
        for id in self.members(space) {
            let known = self.known(id, space);
            let Some(rules) = self.rules.get(&space) else { continue };
            let held: BTreeSet<_> = self.net.entries(id, space).iter().map(|e| e.id()).collect();
            let own = self.facts.values().filter(|fact| fact.space == space && fact.author == id);
            let past = own
                .filter(|fact| held.contains(&fact.entry.id()) && rules.is_past_cut(fact, &known))
                .count();
            let told = self.net.own_past_cut(id, space);
            self.counts.check("who wrote in vain is told", 1 + past);
            if (past > 0) != (told > 0) {
                let what = format!("{id:?} was told of {told}, and wrote {past} in vain");
                return broken("who wrote in vain is told", what);
            }
        }
        Ok(())
    }

    /// Of an erased space nobody has anything who was told.
    fn check_erased(&mut self) -> Checked {
        for space in &self.erased {
            for id in self.inside().into_iter().filter(|id| self.is_erased_at(*id, space)) {
                let node = self.net.node(id);
                let record = node.disk.store.record(Shelf::Space, space.as_bytes());
                if record.is_some() || !node.disk.store.documents(*space).is_empty() {
                    let what = format!("{id:?} still has something of {space:?}, which is erased");
                    return broken("members come together", what);
                }
            }
        }
        Ok(())
    }

    /// On the disks of carriers stands nothing of what people wrote.
    fn check_carriers(&mut self) -> Checked {
        for id in self.carriers.clone() {
            let found = self.net.finds(id, MARK.as_bytes());
            self.counts.check("nothing in clear at a carrier", self.net.node(id).disk.commits());
            if found > 0 {
                let what = format!("{found} pieces of plain text at {id:?}");
                return broken("nothing in clear at a carrier", what);
            }
        }
        Ok(())
    }

    /// Waits for an alert to arrive over a connection that brings nothing but what is urgent.
    pub(super) fn expect_alert(&mut self, from: NodeId, to: NodeId, name: &str, space: SpaceTag) {
        let document = self.net.space(from, space, |space| space.document(name));
        let arrived = |town: &Self| town.net.node(to).replica.index().frontier(&document).is_some();
        for _ in 0..2_000 {
            if arrived(self) || !self.net.step() {
                break;
            }
        }
        self.counts.check("an alert overtakes", 1);
        if !arrived(self) && self.net.wire.is_connected(from, to) {
            let what = format!("an alert of {from:?} waits behind bulk on its way to {to:?}");
            self.broken = broken("an alert overtakes", what).err();
        }
        for lane in [Urgency::Normal, Urgency::Bulk] {
            self.net.wire.stalled.remove(&(from, to, lane));
        }
    }
}
