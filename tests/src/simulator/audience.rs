//! Everybody tries to open everything, with every key they have, ever had, or could take from any letter.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::EpochKey;
use linli_core::inbox::{InboxItem, Letter};
use linli_core::seal::{open_entry, open_from_inbox};
use linli_core::secret::Secret;
use linli_replica::batch::Shelf;
use linli_replica::entry::Entry;
use linli_replica::id::{EntryId, EpochId, NodeId, inbox_tag};

use super::model::Fact;
use super::town::Town;
use super::{Checked, broken};
use crate::neighbourhood::forge::read_record;

impl Town {
    /// Whoever the model does not let read something opens it with no key.
    pub(super) fn check_audience(&mut self) -> Checked {
        let letters = self.letters();
        for thief in self.everybody() {
            let keys = self.loot(thief, letters.values());
            let party = self.net.party(thief);
            let mut tried = 0;
            for fact in self.facts.values() {
                let (Some(rules), place) = (self.rules.get(&fact.space), (fact.space, party))
                else {
                    continue;
                };
                // What a crook seals it may seal under any key it ever had.
                let crooked = self.crooks.contains(&fact.author);
                if crooked || rules.may_open(party, fact) || self.recovered.contains(&place) {
                    continue;
                }
                tried += 1;
                // Whatever the header says of the epoch, every key is tried.
                if keys.values().any(|key| open_entry(&fact.entry, |_| Some(key.clone())).is_ok()) {
                    let what = format!(
                        "{thief:?} opens what {:?} wrote in {:?}, and may not",
                        fact.author, fact.space
                    );
                    return broken("only the audience opens", what);
                }
            }
            self.check_checkpoints(thief, &keys)?;
            self.counts.check("only the audience opens", tried);
        }
        Ok(())
    }

    /// Whoever opens a checkpoint may read all that it stands for.
    fn check_checkpoints(
        &mut self,
        thief: NodeId,
        keys: &BTreeMap<(EpochId, bool), Secret>,
    ) -> Checked {
        let party = self.net.party(thief);
        for made in self.ledger.made.values() {
            let opens = |part: &Entry| {
                keys.values().any(|key| open_entry(part, |_| Some(key.clone())).is_ok())
            };
            let place = (made.space, party);
            let Some(rules) = self.rules.get(&made.space) else { continue };
            if self.recovered.contains(&place) || !made.parts.iter().any(opens) {
                continue;
            }
            let frontier = self.frontier_of(made);
            let covered = |fact: &&Fact| {
                let header = fact.entry.header();
                let upto = frontier.get(&header.log);
                fact.document == made.document
                    && upto.is_some_and(|upto| header.sequence <= upto.sequence)
            };
            let covered: Vec<&Fact> = self.facts.values().filter(covered).collect();
            self.counts.check("only the audience opens", covered.len());
            if let Some(fact) = covered.into_iter().find(|fact| !rules.may_open(party, fact)) {
                let what = format!(
                    "{thief:?} reads in a checkpoint what {:?} wrote in {:?}, and may not",
                    fact.author, fact.space
                );
                return broken("only the audience opens", what);
            }
        }
        Ok(())
    }

    /// Every letter that lies anywhere.
    fn letters(&self) -> BTreeMap<EntryId, Entry> {
        let inboxes: Vec<_> = self.net.nodes.keys().map(inbox_tag).collect();
        let all = self
            .net
            .nodes
            .keys()
            .flat_map(|node| inboxes.iter().flat_map(|inbox| self.net.entries(*node, *inbox)));
        all.map(|letter| (letter.id(), letter)).collect()
    }

    /// Every key that somebody has, had at any time, or finds in a letter.
    fn loot<'a>(
        &self,
        thief: NodeId,
        letters: impl Iterator<Item = &'a Entry>,
    ) -> BTreeMap<(EpochId, bool), Secret> {
        let node = self.net.node(thief);
        let mut keys = BTreeMap::new();
        let mut take = |epoch: EpochId, key: &EpochKey| {
            keys.insert((epoch, key.secret().is_some()), key.content_key());
        };
        let records = node.disk.history().iter().flat_map(|batch| &batch.records);
        let seen: BTreeSet<&[u8]> = records
            .filter(|record| record.shelf == Shelf::Space)
            .filter_map(|record| record.value.as_deref())
            .collect();
        for (epochs, _) in seen.into_iter().filter_map(read_record) {
            epochs.iter().for_each(|(epoch, key)| take(*epoch, key));
        }
        for letter in letters {
            let Ok(content) = open_from_inbox(letter, node.keys.seal()) else { continue };
            let Ok(letter) = Letter::decode(&content, thief) else { continue };
            let wraps = letter.items.iter().flat_map(InboxItem::epochs);
            wraps.for_each(|wrap| take(wrap.epoch, &wrap.key));
        }
        keys
    }
}
