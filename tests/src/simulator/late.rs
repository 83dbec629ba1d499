//! What is read where logs begin late.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Change, ChangeHash};
use linli_core::authority::EpochKey;
use linli_core::document::Withheld;
use linli_core::payload::{Content, Payload};
use linli_core::seal::open_entry;
use linli_model::author::Authors as _;
use linli_replica::batch::Shelf;
use linli_replica::entry::Entry;
use linli_replica::id::{DocTag, EpochId, NodeId, SpaceTag};
use serde_json::Value;

use super::checks::{Seen, Sight};
use super::model::Fact;
use super::town::Town;
use super::{Checked, Failure, broken};
use crate::neighbourhood::forge::read_record;

const READ: &str = "what was pruned is read";

/// An entry that was dropped, and the changes that it held.
type Sought = (Entry, Vec<ChangeHash>);

/// What a document is where some of it is known from a checkpoint: who signed for that is not compared.
fn unmarked(canonical: &[u8]) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("attested_by");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(canonical).unwrap_or_default();
    strip(&mut value);
    value
}

/// Whether something of a document waits for keys or signatures.
fn waits(seen: &Seen) -> bool {
    let waits =
        |reason| matches!(reason, Withheld::NoKey | Withheld::Unbound | Withheld::Unattested);
    seen.withheld.iter().any(|held| waits(held.reason))
}

impl Town {
    pub(super) fn begins_late(&self, id: NodeId, document: &DocTag) -> bool {
        self.net.node(id).replica.index().bases(document).next().is_some()
    }

    /// Whether a document may differ between nodes that hold the same by their frontiers: one knows some of it from a
    /// checkpoint only, and another branch of a log below that stays with whoever has it.
    pub(super) fn may_differ(&self, nodes: [NodeId; 2], document: &DocTag) -> bool {
        let late = nodes.iter().any(|id| self.begins_late(*id, document));
        late && self.facts.values().any(|fact| {
            fact.document == *document && self.forked.contains(&fact.entry.header().log)
        })
    }

    /// Finds a document of which two nodes that hold the same show something else.
    pub(super) fn differ(
        &mut self,
        (one, first): (NodeId, &Sight),
        (other, second): (NodeId, &Sight),
    ) -> Option<DocTag> {
        let tags: BTreeSet<DocTag> = first.keys().chain(second.keys()).copied().collect();
        tags.into_iter().find(|tag| {
            let (Some(a), Some(b)) = (first.get(tag), second.get(tag)) else { return true };
            if !self.begins_late(one, tag) && !self.begins_late(other, tag) {
                return a != b;
            }
            if waits(a) || waits(b) || self.may_differ([one, other], tag) {
                return false;
            }
            self.counts.reach("late documents compared", 1);
            let same = (&a.heads, &a.withheld) == (&b.heads, &b.withheld);
            !same || unmarked(&a.canonical) != unmarked(&b.canonical)
        })
    }

    /// All keys of a space that anybody has.
    pub(super) fn keys_of(&self, space: SpaceTag) -> BTreeMap<EpochId, EpochKey> {
        let record = |id: &NodeId| {
            let record = self.net.node(*id).disk.store.record(Shelf::Space, space.as_bytes())?;
            Some(read_record(&record)?.0)
        };
        self.honest.iter().filter_map(record).flatten().collect()
    }

    /// Whoever reads a space finds what counted and was dropped in what the checkpoint says, or listed as waiting for
    /// signatures.
    pub(super) fn check_late(&mut self) -> Checked {
        for space in self.spaces.clone() {
            let keys = self.keys_of(space);
            for id in self.members(space) {
                if !self.is_erased_at(id, &space) && !self.net.node(id).disk.is_busy() {
                    self.check_rows(id, space, &keys)?;
                }
            }
        }
        Ok(())
    }

    fn check_rows(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        keys: &BTreeMap<EpochId, EpochKey>,
    ) -> Checked {
        let known = self.known(id, space);
        let Some(rules) = self.rules.get(&space) else { return Ok(()) };
        let index = self.net.node(id).replica.index();
        let held: BTreeSet<_> = self.net.entries(id, space).iter().map(Entry::id).collect();
        let dropped = |fact: &&Fact| {
            let header = fact.entry.header();
            let base = index.base(&fact.document, &header.log);
            fact.space == space
                && base.is_some_and(|base| header.sequence <= base.tip.sequence)
                && !held.contains(&fact.entry.id())
                && self.ledger.books.values().any(|book| book.held().contains(&fact.entry.id()))
                && !self.forked.contains(&header.log)
                && rules.counts(fact, &known)
        };
        let mut dropped_in: BTreeMap<DocTag, Vec<&Fact>> = BTreeMap::new();
        for fact in self.facts.values().filter(dropped) {
            dropped_in.entry(fact.document).or_default().push(fact);
        }
        let sought: Vec<(DocTag, Vec<Sought>)> = dropped_in
            .into_iter()
            .map(|(document, facts)| {
                let sought = facts.into_iter().map(|f| (f.entry.clone(), changes(&f.entry, keys)));
                (document, sought.collect())
            })
            .collect();
        for (document, sought) in sought {
            self.check_sought((id, space), document, &sought)?;
        }
        Ok(())
    }

    /// Says what a node has to read from: the document's name, and of each order whether its checkpoint is held.
    fn orders_at(&mut self, id: NodeId, space: SpaceTag, document: DocTag) -> String {
        let now = self.net.now;
        let held: BTreeSet<_> = self.net.entries(id, space).iter().map(Entry::id).collect();
        let orders = self.net.node_mut(id).with_core(now, |core, world, _| {
            let orders = core.prune_orders(world, space, document).unwrap_or_default();
            let name = core.space(world, space).ok()?.name_of(&document)?.to_owned();
            Some((name, orders))
        });
        let Some((name, orders)) = orders else { return "a document without a name".to_owned() };
        let held = orders.iter().filter_map(|order| {
            let checkpoint = order.terms().checkpoint?;
            Some((checkpoint.entry, held.contains(&checkpoint.entry), order.terms().cuts.len()))
        });
        format!("{name} with {:?}", held.collect::<Vec<_>>())
    }

    fn check_sought(
        &mut self,
        (id, space): (NodeId, SpaceTag),
        document: DocTag,
        sought: &[Sought],
    ) -> Checked {
        let now = self.net.now;
        let opened = self.net.node_mut(id).with_core(now, |core, world, _| {
            let document = core.open(world, space, document)?;
            let withheld = document.withheld().to_vec();
            let (doc, authors) = document.parts();
            let found = sought.iter().map(|(entry, changes)| {
                let mut attested = Vec::new();
                for change in changes.iter().filter_map(|hash| doc.get_change_by_hash(hash)) {
                    let author = authors.author(change.actor_id(), change.start_op().get());
                    attested.push(author.is_some_and(|author| !author.attested_by.is_empty()));
                }
                let listed = withheld.iter().find(|held| held.entry == entry.id());
                (entry.id(), attested.len() == changes.len(), attested, listed.map(|h| h.reason))
            });
            let found = found.collect::<Vec<_>>();
            Ok::<_, linli_core::engine::CoreError>((found, withheld))
        });
        let (found, withheld) = opened.map_err(|error| Failure {
            promise: READ,
            step: None,
            what: format!("{id:?} cannot show {space:?}: {error}"),
        })?;
        // Parts of a checkpoint that do not count, or cannot be read, say nothing.
        let parts = self.ledger.made.values().flat_map(|made| &made.parts).map(Entry::id);
        let parts: BTreeSet<_> = parts.collect();
        let unread = withheld.iter().any(|held| parts.contains(&held.entry));
        for (entry, whole, attested, listed) in found {
            match listed {
                Some(Withheld::Unattested) => self.counts.reach("rows held back", 1),
                None if whole => {
                    let rows = attested.iter().filter(|attested| **attested).count();
                    self.counts.reach("rows read", rows);
                    self.counts.check(READ, attested.len());
                }
                None | Some(_) if unread => self.counts.reach("rows not read", 1),
                None | Some(_) => {
                    let orders = self.orders_at(id, space, document);
                    let what = format!("{id:?} lacks {entry:?}, {listed:?}, by {orders}");
                    return broken(READ, what);
                }
            }
        }
        Ok(())
    }
}

/// Reads what an entry holds.
pub(super) fn read(entry: &Entry, keys: &BTreeMap<EpochId, EpochKey>) -> Option<Content> {
    let content = open_entry(entry, |epoch| keys.get(epoch).map(EpochKey::content_key)).ok()?;
    Some(Payload::decode(&content).ok()?.content)
}

/// Lists the changes that an entry holds.
fn changes(entry: &Entry, keys: &BTreeMap<EpochId, EpochKey>) -> Vec<ChangeHash> {
    let Some(Content::Changes(changes)) = read(entry, keys) else { return Vec::new() };
    let read = changes.iter().filter_map(|raw| Change::from_bytes(raw.to_vec()).ok());
    read.map(|change| change.hash()).collect()
}
