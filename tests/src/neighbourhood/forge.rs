//! What a dishonest owner of a node can do: write with its own keys past its core's rules.

use std::collections::BTreeMap;

use automerge::{ActorId, AutoCommit, Change};
use ed25519_dalek::SigningKey;
use linli_core::authority::EpochKey;
use linli_core::identity::log_key;
use linli_core::payload::{Binding, Content, Payload, PersonStamp, StampPlace};
use linli_core::seal::{Place, open_entry, seal_entry};
use linli_core::secret::Secret;
use linli_core::space::Space;
use linli_replica::batch::Shelf;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, EntryId, EpochId, LogKey, NodeId, SpaceTag, Timestamp};

use super::Neighbourhood;

/// A node's keys, in the hands of somebody who writes what they like to one document.
#[derive(Debug, Clone)]
pub struct Forger {
    /// The node's own key.
    pub node: SigningKey,
    /// The key of its log.
    pub log: SigningKey,
    space: SpaceTag,
    document: DocTag,
    name: String,
    epoch: EpochId,
    content_key: Secret,
    /// The next place in the log.
    pub sequence: u64,
    /// The entry before it.
    pub previous: EntryId,
    /// The signed time of what is written next.
    pub at: Timestamp,
}

/// Somebody who stamps what they have not the right to.
pub type Stamp<'a> = &'a dyn Fn(&StampPlace, &Content) -> PersonStamp;

impl Neighbourhood {
    /// Takes a node's keys from its disk, to write after what its log holds there.
    ///
    /// # Panics
    /// The node is no member of the space, or has no key of it.
    pub fn forger(&mut self, id: NodeId, space: SpaceTag, name: &str) -> Forger {
        let document = self.space(id, space, |space| space.document(name));
        self.forger_of(id, space, document, name)
    }

    /// Takes a node's keys from its disk, to write certificates of a space after those of its log.
    ///
    /// # Panics
    /// See [`Self::forger`].
    pub fn authority_forger(&mut self, id: NodeId, space: SpaceTag) -> Forger {
        let document = self.space(id, space, Space::authority_document);
        self.forger_of(id, space, document, "")
    }

    fn forger_of(&mut self, id: NodeId, space: SpaceTag, document: DocTag, name: &str) -> Forger {
        let now = self.now;
        let node = self.node_mut(id);
        let record = node.disk.store.record(Shelf::Space, space.as_bytes()).expect("a member");
        let (keys, log) = read_record(&record).expect("a record of a space");
        let log = SigningKey::from_bytes(log.expose());
        let epoch = node.with_core(now, |core, world, _| {
            let space = core.space(world, space).expect("a member");
            space.state().writable_epoch(&std::collections::BTreeSet::new())
        });
        let epoch = epoch.filter(|epoch| keys.contains_key(epoch));
        let epoch = epoch.or_else(|| keys.keys().next().copied()).expect("a key of some epoch");
        let content_key = keys.get(&epoch).map(EpochKey::content_key).expect("a key");
        let tip = node.replica.index().tips(&document, &log_key(&log)).last().copied();
        let (sequence, previous) =
            tip.map_or((1, EntryId::default()), |tip| (tip.sequence + 1, tip.id));
        let node = node.keys.signing().clone();
        let name = name.to_owned();
        Forger { node, log, space, document, name, epoch, content_key, sequence, previous, at: now }
    }
}

/// Reads the keys of the epochs and the key of the log from a space's record.
pub(crate) fn read_record(record: &[u8]) -> Option<(BTreeMap<EpochId, EpochKey>, Secret)> {
    let mut decoder = minicbor::Decoder::new(record);
    decoder.array().ok()?;
    decoder.skip().ok()?;
    Some((decoder.decode().ok()?, decoder.decode().ok()?))
}

impl Forger {
    /// Returns the log.
    #[must_use]
    pub fn log_id(&self) -> LogKey {
        log_key(&self.log)
    }

    /// Returns the Automerge actor that belongs to the log.
    #[must_use]
    pub fn actor(&self) -> ActorId {
        linli_core::document::actor(self.log_id(), self.document)
    }

    /// Seals changes, given as bytes, as the next entry.
    pub fn write(&mut self, rng: &mut impl rand_core::CryptoRng, changes: Vec<Vec<u8>>) -> Entry {
        let content = Content::Changes(changes.into_iter().map(Into::into).collect());
        self.write_content(rng, content, None)
    }

    /// Seals any content as the next entry.
    ///
    /// # Panics
    /// The content does not fit an entry.
    pub fn write_content(
        &mut self,
        rng: &mut impl rand_core::CryptoRng,
        content: Content,
        stamp: Option<Stamp<'_>>,
    ) -> Entry {
        let (space, document, log) = (self.space, self.document, self.log_id());
        let (sequence, previous, at) = (self.sequence, self.previous, self.at);
        let place = StampPlace { space, document, log, sequence, previous, at };
        let stamp = stamp.map(|stamp| stamp(&place, &content));
        let first = sequence == 1;
        let binding = first.then(|| Binding::new(&self.node, &self.log, space));
        let name = first.then(|| self.name.clone());
        let payload = Payload { at, binding, name, content, stamp };
        self.write_raw(rng, &payload.encode())
    }

    /// Seals any bytes as the next entry.
    ///
    /// # Panics
    /// They do not fit an entry.
    pub fn write_raw(&mut self, rng: &mut impl rand_core::CryptoRng, content: &[u8]) -> Entry {
        let (space, document) = (self.space, self.document);
        let (sequence, previous, urgency) = (self.sequence, self.previous, Urgency::Normal);
        let place = Place { space, document, log_key: &self.log, sequence, previous, urgency };
        let entry = seal_entry(rng, &place, self.epoch, &self.content_key, content)
            .expect("it fits an entry");
        self.sequence += 1;
        self.previous = entry.id();
        entry
    }

    /// Reads what an entry holds that is sealed under the same key.
    #[must_use]
    pub fn open(&self, entry: &Entry) -> Option<Payload> {
        let content = open_entry(entry, |_| Some(self.content_key.clone())).ok()?;
        Payload::decode(&content).ok()
    }

    /// Makes one change to a document of this actor's, as bytes.
    ///
    /// # Panics
    /// The edit makes no change.
    pub fn change(&self, doc: &mut AutoCommit, edit: impl FnOnce(&mut AutoCommit)) -> Change {
        doc.set_actor(self.actor());
        edit(doc);
        let hash = doc.commit().expect("the edit changes something");
        doc.get_change_by_hash(&hash).expect("just made")
    }
}
