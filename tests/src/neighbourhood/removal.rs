//! What stewards do about removals, and what the removed could do with every byte there is.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::StandingGrant;
use linli_core::engine::{Core, CoreError, World};
use linli_core::inbox::{InboxItem, Letter};
use linli_core::seal::{open_entry, open_from_inbox};
use linli_core::secret::Secret;
use linli_replica::batch::Shelf;
use linli_replica::entry::Entry;
use linli_replica::held::Held as _;
use linli_replica::id::{
    CertificateId, DocTag, EntryId, EpochId, LogKey, NodeId, PartyId, SpaceTag, Timestamp,
};

use super::Neighbourhood;
use super::forge::read_record;

impl Neighbourhood {
    /// Begins an epoch.
    ///
    /// # Errors
    /// The core's.
    pub fn rotate(&mut self, id: NodeId, space: SpaceTag) -> Result<(), CoreError> {
        self.act(id, |core, world, rng| core.rotate(world, rng, space))
    }

    /// Takes parties' rights and begins epochs in several spaces at once; returns where it failed.
    ///
    /// # Errors
    /// The core's.
    pub fn renew(
        &mut self,
        id: NodeId,
        due: &BTreeMap<SpaceTag, BTreeSet<PartyId>>,
    ) -> Result<BTreeSet<SpaceTag>, CoreError> {
        let mut failed = BTreeSet::new();
        self.act(id, |core, world, rng| {
            let renewed = core.renew(world, rng, due)?;
            failed.extend(renewed.failed.into_keys());
            Ok::<_, CoreError>(renewed.authored)
        })?;
        Ok(failed)
    }

    /// Takes single grants away.
    ///
    /// # Errors
    /// The core's.
    pub fn revoke_grants(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        grants: &BTreeSet<CertificateId>,
    ) -> Result<(), CoreError> {
        self.act(id, |core, world, rng| core.revoke_grants(world, rng, space, grants))
    }

    /// Lets held-back entries count, or says that they stay so.
    ///
    /// # Errors
    /// The core's.
    pub fn judge(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        entries: &[EntryId],
        admit: bool,
    ) -> Result<(), CoreError> {
        let entries: BTreeSet<EntryId> = entries.iter().copied().collect();
        self.act(id, |core, world, rng| match admit {
            true => core.admit(world, rng, space, &entries),
            false => core.refuse(world, rng, space, &entries),
        })
    }

    fn ask<T>(&mut self, id: NodeId, ask: impl FnOnce(&mut Core, World<'_>) -> T) -> T {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| ask(core, world))
    }

    /// Lists the parties with a right, as a node sees them.
    ///
    /// # Panics
    /// The node is no member of the space; so with the others below.
    pub fn members(&mut self, id: NodeId, space: SpaceTag) -> BTreeSet<PartyId> {
        self.ask(id, |core, world| {
            let state = core.space(world, space).expect("a member").state();
            state.members.keys().copied().collect()
        })
    }

    /// Lists the grants that removals ended.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn dead(&mut self, id: NodeId, space: SpaceTag) -> BTreeSet<CertificateId> {
        self.ask(id, |core, world| {
            let state = core.space(world, space).expect("a member").state();
            state.dead.keys().copied().collect()
        })
    }

    /// Lists the grants of a party that stand.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn grants(&mut self, id: NodeId, space: SpaceTag, party: PartyId) -> Vec<StandingGrant> {
        self.ask(id, |core, world| {
            let state = core.space(world, space).expect("a member").state();
            state.members.get(&party).map(|member| member.grants.clone()).unwrap_or_default()
        })
    }

    /// Lists the entries that stewards refused.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn refused_entries(&mut self, id: NodeId, space: SpaceTag) -> BTreeSet<EntryId> {
        self.ask(id, |core, world| {
            core.space(world, space).expect("a member").state().refused_entries.clone()
        })
    }

    /// Returns who began the newest epoch, and when.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn newest_epoch(&mut self, id: NodeId, space: SpaceTag) -> Option<(NodeId, Timestamp)> {
        self.ask(id, |core, world| {
            core.space(world, space).expect("a member").latest_epochs().max_by_key(|(_, at)| *at)
        })
    }

    /// Counts a node's own entries past a cut.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn own_past_cut(&mut self, id: NodeId, space: SpaceTag) -> u64 {
        self.ask(id, |core, world| core.own_past_cut(world, space).expect("a member"))
    }

    /// Shows what an entry wrote.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn inspect(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        name: &str,
        entry: EntryId,
    ) -> Vec<(String, Option<String>)> {
        let held = self.entries(id, space).into_iter().find(|held| held.id() == entry);
        let Some(log) = held.map(|held| held.header().log) else { return Vec::new() };
        self.ask(id, |core, world| {
            let document = core.space(world, space).expect("a member").document(name);
            let writes = core.inspect(world, space, document, log, entry).expect("it is held");
            writes.into_iter().map(|write| (write.key, write.value)).collect()
        })
    }

    /// Lists the entries in which a removal of a party is told.
    ///
    /// # Panics
    /// See [`Self::members`].
    pub fn removal_entries(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        party: PartyId,
    ) -> BTreeSet<EntryId> {
        let (told, authority): (BTreeMap<LogKey, u64>, DocTag) = self.ask(id, |core, world| {
            let authority = core.space(world, space).expect("a member").authority_document();
            (core.removal_entries(world, space, party).expect("a member"), authority)
        });
        let told = |entry: &&Entry| {
            let header = entry.header();
            header.document == authority && told.get(&header.log) == Some(&header.sequence)
        };
        self.entries(id, space).iter().filter(told).map(Entry::id).collect()
    }

    /// Lists every entry of a space that a node's disk holds.
    ///
    /// # Panics
    /// The disk cannot be read; so with the others below.
    #[must_use]
    pub fn entries(&self, id: NodeId, space: SpaceTag) -> Vec<Entry> {
        let node = self.node(id);
        let index = node.replica.index();
        let mut entries = Vec::new();
        for (document, _) in index.documents(&space) {
            for log in index.frontier(&document).unwrap_or_default().0.into_keys() {
                let held = node.disk.store.entries(document, log, 0, usize::MAX);
                entries.extend(held.expect("the disk can be read"));
            }
        }
        entries
    }

    /// Lists every key of a space that a node has, or could take from any letter anywhere.
    fn loot(&self, id: NodeId, space: SpaceTag) -> BTreeMap<EpochId, Secret> {
        let thief = self.node(id);
        let record = thief.disk.store.record(Shelf::Space, space.as_bytes()).expect("a member");
        let (keys, _) = read_record(&record).expect("a record of a space");
        let mut keys: BTreeMap<EpochId, Secret> =
            keys.into_iter().map(|(epoch, key)| (epoch, key.content_key())).collect();
        let inboxes: Vec<SpaceTag> = self.nodes.keys().map(linli_replica::id::inbox_tag).collect();
        for node in self.nodes.keys() {
            let items = inboxes.iter().flat_map(|inbox| self.entries(*node, *inbox));
            for item in items {
                let Ok(content) = open_from_inbox(&item, thief.keys.seal()) else { continue };
                let Ok(letter) = Letter::decode(&content, id) else { continue };
                let wraps = letter.items.iter().flat_map(InboxItem::epochs);
                keys.extend(wraps.map(|wrap| (wrap.epoch, wrap.key.content_key())));
            }
        }
        keys
    }

    /// Lists those of some entries that open with every key a node has or could take from the network.
    ///
    /// # Panics
    /// See [`Self::entries`].
    #[must_use]
    pub fn opened_with_keys_of(
        &self,
        id: NodeId,
        space: SpaceTag,
        entries: &[Entry],
    ) -> BTreeSet<EntryId> {
        let keys = self.loot(id, space);
        let opens = |entry: &&Entry| {
            // Whatever the header says of the epoch, every key is tried.
            keys.values().any(|key| open_entry(entry, |_| Some(key.clone())).is_ok())
        };
        entries.iter().filter(opens).map(Entry::id).collect()
    }
}
