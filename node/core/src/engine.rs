//! The node's core: what arrives is opened and judged, what is written here is sealed.
//!
//! [`Core`] does no I/O. It reads what is held through [`World`] and answers with [`Authored`] (pages
//! and records for the shell to hand to [`linli_replica::replica::Replica`]) or with what has changed.
//!
//! ```text
//! Output::Held ─→ receive ─→ bound, named, keys learned ─→ Changed
//!                                 document ─→ Authorized ─→ applied, when it is looked at
//! edit ─→ change ─→ sealed entry ─→ Authored ─→ Input::Authored
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use linli_replica::batch::{Record, Shelf};
use linli_replica::directory::Directory;
use linli_replica::entry::{Entry, VerifiedPage};
use linli_replica::frontier::Tip;
use linli_replica::held::Held;
use linli_replica::id::{DocTag, EpochId, LogKey, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::index::Index;
use rand_core::CryptoRng;

use crate::authority::{Member, Owner, Right, SpaceCertificate};
use crate::checkpoint::Checkpoint;
use crate::document::Document;
use crate::identity::{NodeKeys, SealKey};
use crate::limits::OPEN_DOCUMENTS_MAX;
use crate::secret::Secret;
use crate::space::{BadSpaceRecord, Kept, Space};

mod agree;
mod checkpoint;
mod draft;
mod edit;
mod erase;
mod error;
mod fact;
mod giving;
mod hand_over;
mod membership;
mod open;
mod opening;
mod reading;
mod receive;
mod recovery;
mod removal;
mod times;
mod unfounded;

pub use edit::{Acting, Edit};
pub use error::{CoreError, EditError};
pub use membership::NewSpace;
pub use reading::{HeldWrite, Readable};
pub use receive::{Arrival, Changed};
pub use recovery::{HeldSplit, Proved, prove, splits, wanted};
pub use removal::Renewed;
pub use unfounded::{OrderFlaw, Unfounded};

/// Everything the core reads: the clock, the community, and what is held.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// This node's clock.
    pub now: Timestamp,
    /// The community.
    pub directory: &'a Directory,
    /// How far each log is held.
    pub index: &'a Index,
    /// The entries themselves.
    pub held: &'a dyn Held,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What this node wrote: to be committed as one batch, then sent.
#[derive(Debug, Default)]
pub struct Authored {
    /// Pages of this node's own logs.
    pub pages: Vec<VerifiedPage>,
    /// Its own records.
    pub records: Vec<Record>,
    /// Whether it goes before everything else.
    pub urgent: bool,
    /// Spaces this node has become a member of.
    pub wants: Vec<SpaceTag>,
    /// Acts of authority that this node signed, for its audit.
    pub acts: Vec<SpaceAct>,
}

/// An act of authority in a space, signed by this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceAct {
    /// The space.
    pub space: SpaceTag,
    /// The certificate.
    pub certificate: SpaceCertificate,
}

impl Authored {
    /// Adds what another act wrote. The two must not write to one log of one document.
    pub fn absorb(&mut self, other: Self) {
        self.pages.extend(other.pages);
        self.records.extend(other.records);
        self.urgent |= other.urgent;
        self.wants.extend(other.wants);
        self.acts.extend(other.acts);
    }
}

/// The keyed half of a node.
#[derive(Debug)]
pub struct Core {
    keys: NodeKeys,
    party: PartyId,
    spaces: BTreeMap<SpaceTag, Slot>,
    inbox_logs: BTreeMap<NodeId, Secret>,
    /// Their keys, worked out once.
    inbox_keys: BTreeMap<NodeId, SigningKey>,
    /// Whether their record is to be written with the next entry.
    inbox_changed: bool,
    open: BTreeMap<DocTag, Opened>,
    unsettled: BTreeMap<DocTag, Vec<Unsettled>>,
    owed: giving::Owed,
    /// When this node found that it was restored, since the start.
    restored_at: Option<Timestamp>,
    /// Documents that were opened and hold what a person signed after their end.
    signed_late: BTreeSet<(SpaceTag, DocTag)>,
    /// Checkpoints that contradicted what is held when they were last compared, since the start.
    wrong: BTreeMap<(SpaceTag, DocTag), Vec<Checkpoint>>,
    /// Orders to prune that rest on nothing, as they were looked at last, since the start.
    unfounded: BTreeMap<(SpaceTag, DocTag), Vec<Unfounded>>,
    /// The checkpoint that was last read from.
    table: open::Table,
    uses: u64,
}

/// A space: as stored until somebody looks at it.
#[derive(Debug)]
enum Slot {
    Stored(StoredSpace),
    Loaded(Box<Space>),
}

struct StoredSpace {
    record: Vec<u8>,
    /// What was learned after the record was written.
    kept: Kept,
    /// What lists asked for before.
    outline: Option<Box<Outline>>,
}

/// What a list over all spaces needs of one: so little that it is kept while the space is not.
#[derive(Debug, Clone)]
pub struct Outline {
    /// What it is for.
    pub kind: String,
    /// The log that this node writes to.
    pub log: LogKey,
    /// Its owner, and the steward named when it became so.
    pub owner: Option<(Owner, Option<PartyId>)>,
    /// Who has any right in it.
    pub members: Arc<BTreeSet<PartyId>>,
    /// Those of them who may write.
    pub writers: Arc<BTreeSet<PartyId>>,
    /// Who lost the right to write, and nothing says how far its writing counts.
    pub uncut: BTreeSet<PartyId>,
    /// The epochs that are written under: who began each, and when by its clock.
    pub epochs: Vec<(NodeId, Timestamp)>,
    /// Whether entries may be held back by a cut or by the end of a grant.
    pub may_hold_back: bool,
    /// When which party's grants end; none where all are without an end.
    pub ends: Option<Arc<[(Timestamp, PartyId)]>>,
}

impl Outline {
    fn of(space: &Space) -> Self {
        let state = space.state();
        let grants = state.members.iter().flat_map(|(party, member)| {
            member.grants.iter().filter_map(|grant| Some((grant.ends?, *party)))
        });
        let ends: Arc<[(Timestamp, PartyId)]> = grants.collect();
        let members: Arc<BTreeSet<PartyId>> = Arc::new(state.members.keys().copied().collect());
        let may_write = |member: &Member| member.grants.iter().any(|g| g.right >= Right::Write);
        let writers = state.members.iter().filter(|(_, member)| may_write(member));
        let writers: BTreeSet<PartyId> = writers.map(|(party, _)| *party).collect();
        // Mostly everybody writes.
        let writers = if writers == *members { Arc::clone(&members) } else { Arc::new(writers) };
        Self {
            kind: space.kind().to_owned(),
            log: space.own_log(),
            owner: state.owner.map(|owner| (owner, space.holder(&state.title()))),
            members,
            writers,
            uncut: state.uncut().collect(),
            epochs: space.latest_epochs().collect(),
            may_hold_back: space.may_hold_back(),
            ends: (!ends.is_empty()).then_some(ends),
        }
    }
}

impl StoredSpace {
    fn new(record: Vec<u8>) -> Self {
        Self { record, kept: Kept::default(), outline: None }
    }

    /// Reads the record, and adds what was learned after it.
    fn open(&self, directory: &Directory) -> Result<Space, BadSpaceRecord> {
        let mut space = Space::from_record(&self.record, directory)?;
        space.keep(&self.kept, directory);
        Ok(space)
    }
}

impl std::fmt::Debug for StoredSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredSpace(…)")
    }
}

/// An own entry that is not known to be durable.
#[derive(Debug)]
struct Unsettled {
    entry: Entry,
    /// Whether something of its space was lost since: then it may be, too.
    doubtful: bool,
    /// What it gives, where it is a letter.
    given: Option<Arc<giving::Given>>,
    /// The keys that officers recovered, where it is the record of that.
    recovered: BTreeSet<EpochId>,
}

#[derive(Debug)]
struct Opened {
    document: Document,
    used: u64,
}

const INBOX_LOGS: &[u8] = b"inbox logs";

impl Core {
    /// Begins with what the store keeps on [`Shelf::Space`] and [`Shelf::Own`].
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn load(
        keys: NodeKeys,
        party: PartyId,
        records: impl IntoIterator<Item = (Shelf, Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, BadSpaceRecord> {
        let mut core = Self {
            keys,
            party,
            spaces: BTreeMap::new(),
            inbox_logs: BTreeMap::new(),
            inbox_keys: BTreeMap::new(),
            inbox_changed: false,
            open: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            owed: giving::Owed::default(),
            restored_at: None,
            signed_late: BTreeSet::new(),
            table: open::Table::default(),
            wrong: BTreeMap::new(),
            unfounded: BTreeMap::new(),
            uses: 0,
        };
        for (shelf, key, value) in records {
            match shelf {
                Shelf::Space => {
                    let tag = key.try_into().map_err(|_| BadSpaceRecord)?;
                    core.spaces.insert(SpaceTag(tag), Slot::Stored(StoredSpace::new(value)));
                }
                Shelf::Own if key == INBOX_LOGS => {
                    core.inbox_logs =
                        linli_replica::codec::decode(&value).map_err(|_| BadSpaceRecord)?;
                }
                Shelf::Own | Shelf::View | Shelf::Pending | Shelf::Receipt | Shelf::Audit => {}
            }
        }
        Ok(core)
    }

    /// Returns this node's id.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.keys.id()
    }

    /// Returns the key that signs this node's certificates.
    #[must_use]
    pub const fn signing_key(&self) -> &SigningKey {
        self.keys.signing()
    }

    /// Returns the key that opens what is sealed to this node.
    #[must_use]
    pub const fn seal_key(&self) -> &SealKey {
        self.keys.seal()
    }

    /// Returns this node's party.
    #[must_use]
    pub const fn party(&self) -> PartyId {
        self.party
    }

    /// Lists the spaces this node is a member of.
    pub fn spaces(&self) -> impl Iterator<Item = SpaceTag> {
        self.spaces.keys().copied()
    }

    /// Lists the spaces this node is a member of from one on, in order.
    pub fn spaces_from(&self, from: Bound<SpaceTag>) -> impl Iterator<Item = SpaceTag> {
        self.spaces.range((from, Bound::Unbounded)).map(|(tag, _)| *tag)
    }

    /// Says whether this node is a member of a space.
    #[must_use]
    pub fn is_member(&self, space: &SpaceTag) -> bool {
        self.spaces.contains_key(space)
    }

    /// Looks a space up, reading its record the first time.
    ///
    /// # Errors
    /// This node is no member of it, or its record cannot be read.
    pub fn space(&mut self, world: World<'_>, tag: SpaceTag) -> Result<&Space, CoreError> {
        self.space_mut(world.directory, tag).map(|space| &*space)
    }

    fn space_mut(&mut self, directory: &Directory, tag: SpaceTag) -> Result<&mut Space, CoreError> {
        let slot = self.spaces.get_mut(&tag).ok_or(CoreError::NoSuchSpace)?;
        if let Slot::Stored(stored) = slot {
            *slot = Slot::Loaded(Box::new(stored.open(directory)?));
        }
        match slot {
            Slot::Loaded(space) => Ok(space),
            Slot::Stored(_) => Err(CoreError::NoSuchSpace),
        }
    }

    /// Returns what lists need of a space, without keeping it loaded.
    ///
    /// # Errors
    /// As [`Core::space`].
    pub fn outline(&mut self, world: World<'_>, tag: SpaceTag) -> Result<Outline, CoreError> {
        match self.spaces.get_mut(&tag).ok_or(CoreError::NoSuchSpace)? {
            Slot::Loaded(space) => Ok(Outline::of(space)),
            Slot::Stored(StoredSpace { outline: Some(outline), .. }) => Ok(Outline::clone(outline)),
            Slot::Stored(stored) => {
                let space = stored.open(world.directory)?;
                Ok(Outline::clone(stored.outline.insert(Box::new(Outline::of(&space)))))
            }
        }
    }

    /// Says whether documents of a space that were opened since the start hold what a person signed after
    /// their end. Nothing but opening a document tells who signed in it.
    #[must_use]
    pub fn has_signed_late(&self, space: SpaceTag) -> bool {
        let mut of = self.signed_late.range((space, DocTag([0; 32]))..=(space, DocTag([255; 32])));
        of.next().is_some()
    }

    /// Looks at a space as it is stored, without keeping it loaded.
    ///
    /// # Errors
    /// As [`Core::space`].
    pub fn glance<T>(
        &self,
        world: World<'_>,
        tag: SpaceTag,
        look: impl FnOnce(&Space) -> T,
    ) -> Result<T, CoreError> {
        match self.spaces.get(&tag).ok_or(CoreError::NoSuchSpace)? {
            Slot::Loaded(space) => Ok(look(space)),
            Slot::Stored(stored) => Ok(look(&stored.open(world.directory)?)),
        }
    }

    /// Counts the entries that are held but not shown, in the documents open at this moment.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        let count = |opened: &Opened| opened.document.withheld().len();
        self.open.values().map(|o| u64::try_from(count(o)).unwrap_or(u64::MAX)).sum()
    }

    /// Judges everything again after certificates of the community arrived.
    pub fn directory_changed(&mut self, directory: &Directory) {
        for slot in self.spaces.values_mut() {
            match slot {
                Slot::Loaded(space) => space.judge(directory),
                Slot::Stored(stored) => stored.outline = None,
            }
        }
        self.open.clear();
    }

    /// Forgets what was written and could not be made durable: the documents are opened again from
    /// what is held, and spaces go back to their records, given by `record`. Keys that were in it
    /// [`Core::give_again`] gives again.
    pub fn lost(&mut self, entries: &[Entry], record: impl Fn(SpaceTag) -> Option<Vec<u8>>) {
        let spaces: BTreeSet<SpaceTag> = entries.iter().map(|entry| entry.header().space).collect();
        let me = self.keys.id();
        // Nobody reads by a recovery of which the space has no record.
        let is_lost = |own: &&Unsettled| entries.iter().any(|entry| entry.id() == own.entry.id());
        let lost = self.unsettled.values().flatten().filter(is_lost);
        let unread = lost.flat_map(|own| own.recovered.iter().copied()).collect();
        self.open.clear();
        self.inbox_changed = true;
        for own in self.unsettled.values_mut().flatten() {
            own.doubtful |= spaces.contains(&own.entry.header().space);
        }
        for tag in spaces {
            let Some(slot) = self.spaces.remove(&tag) else { continue };
            let Some(value) = record(tag) else { continue };
            // Something sealed under a key of what is forgotten may still become durable.
            let mut kept = match slot {
                Slot::Loaded(former) => {
                    let authority = former.authority_document();
                    let acts = entries.iter().filter(|e| e.header().document == authority);
                    let acts = acts.flat_map(|entry| receive::certificates_in(&former, entry));
                    let acts = acts.map(|certificate| certificate.id()).collect();
                    former.into_kept(me, &acts)
                }
                Slot::Stored(former) => former.kept,
            };
            kept.forget(&unread);
            let stored = StoredSpace { kept, ..StoredSpace::new(value) };
            self.spaces.insert(tag, Slot::Stored(stored));
        }
        for slot in self.spaces.values_mut() {
            if let Slot::Loaded(space) = slot {
                space.mark();
            }
        }
        for entry in entries {
            let own = self.unsettled.get_mut(&entry.header().document).into_iter().flatten();
            let mut letters = own.filter(|own| own.entry.id() == entry.id());
            if let Some(given) = letters.find_map(|own| own.given.take()) {
                self.were_not_given(&given);
            }
        }
    }

    /// Returns the records that are to be stored before the node is closed in order: of spaces with
    /// documents that were named after their record was written. After a crash
    /// [`Core::recover`] finds the names in the entries.
    ///
    /// # Errors
    /// A space's record cannot be read.
    pub fn close(&mut self, directory: &Directory) -> Result<Vec<Record>, CoreError> {
        let unsaved = |slot: &Slot| match slot {
            Slot::Loaded(space) => space.is_named(),
            Slot::Stored(stored) => !stored.kept.is_empty(),
        };
        let tags: Vec<SpaceTag> =
            self.spaces.iter().filter(|(_, slot)| unsaved(slot)).map(|(tag, _)| *tag).collect();
        tags.into_iter().map(|tag| Ok(self.space_mut(directory, tag)?.record())).collect()
    }

    /// Gives this node a fresh log in every space: after a backup was restored, or when an entry of
    /// its own log arrives that it does not hold. [`Core::restoration`] is to be published with it.
    ///
    /// # Errors
    /// A space's record cannot be read.
    pub fn renew_logs(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Authored, CoreError> {
        let mut authored = Authored::default();
        self.restored_at = Some(world.now);
        for tag in self.spaces().collect::<Vec<_>>() {
            let space = self.space_mut(world.directory, tag)?;
            space.renew_log(Secret::draw(rng));
            authored.records.push(space.record());
        }
        self.inbox_logs.clear();
        self.inbox_keys.clear();
        authored.records.push(self.inbox_record());
        self.open.clear();
        Ok(authored)
    }

    fn inbox_record(&mut self) -> Record {
        self.inbox_changed = false;
        let value = Some(linli_replica::codec::encode(&self.inbox_logs));
        Record { shelf: Shelf::Own, key: INBOX_LOGS.to_vec(), value }
    }

    fn inbox_log(&mut self, node: NodeId, rng: &mut impl CryptoRng) -> SigningKey {
        if let Some(key) = self.inbox_keys.get(&node) {
            return key.clone();
        }
        let secret = self.inbox_logs.entry(node).or_insert_with(|| {
            self.inbox_changed = true;
            Secret::draw(rng)
        });
        let key = SigningKey::from_bytes(secret.expose());
        self.inbox_keys.insert(node, key.clone());
        key
    }

    /// Returns where the log of a key continues after what this node has written itself.
    fn written(&self, document: DocTag, key: &SigningKey) -> Option<Tip> {
        let log = crate::identity::log_key(key);
        let own = self.unsettled.get(&document)?.iter();
        let sure = own.filter(|own| own.entry.header().log == log && !own.doubtful);
        sure.map(|own| own.entry.tip()).next_back()
    }

    fn remember(&mut self, tag: DocTag, document: Document) -> &mut Document {
        self.uses += 1;
        if self.open.len() >= OPEN_DOCUMENTS_MAX {
            let oldest =
                self.open.iter().min_by_key(|(_, opened)| opened.used).map(|(tag, _)| *tag);
            if let Some(oldest) = oldest {
                self.open.remove(&oldest);
            }
        }
        let used = self.uses;
        &mut self.open.entry(tag).insert_entry(Opened { document, used }).into_mut().document
    }
}
