//! Arrival: letters become spaces and keys, certificates are judged, logs are bound and named.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, EpochId, LogKey, NodeId, SpaceTag};
use linli_replica::prune::Judged;
use rand_core::CryptoRng;

use super::draft::Draft;
use super::open::{payload, read_log};
use super::{Authored, Core, CoreError, Slot, Unsettled, World};
use crate::authority::{SpaceCertificate, SpaceCertificates};
use crate::inbox::{Letter, Wrap};
use crate::payload::Content;
use crate::seal::open_from_inbox;
use crate::secret::Secret;
use crate::space::Space;

/// A document that may look different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// The space.
    pub space: SpaceTag,
    /// The document.
    pub document: DocTag,
    /// Whether an urgent entry changed it.
    pub urgent: bool,
}

/// Spaces that may look different, with the epochs whose keys are new.
pub(super) type News = BTreeMap<SpaceTag, BTreeSet<EpochId>>;

/// What arrived entries amount to.
#[derive(Debug, Default)]
pub struct Arrival {
    /// Records to commit, and spaces to ask for.
    pub authored: Authored,
    /// Documents that may look different.
    pub changed: BTreeSet<Changed>,
    /// Letters that could not be taken, with the reason: nothing of them is shown.
    pub refused: Vec<String>,
    /// Erased spaces that a letter brought: nothing of them is taken, and their keys are not kept.
    pub declined: BTreeSet<SpaceTag>,
    /// Whether an entry of this node's own log arrived that it had not written: a disk image was
    /// restored, and fresh logs must be started ([`Core::renew_logs`]).
    pub own_log_elsewhere: bool,
    /// What was found of orders to prune that came, or of which what they rest on did.
    pub judged: Vec<Judged>,
}

impl Core {
    /// Takes in entries that have become durable. `from` is none for this node's own.
    ///
    /// # Errors
    /// The store or a space's record cannot be read.
    pub fn receive(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        from: Option<NodeId>,
        entries: &[Entry],
    ) -> Result<Arrival, CoreError> {
        let mut arrival = Arrival::default();
        let mut news = News::new();
        let (inbox, _) = crate::kdf::inbox(&self.keys.id());
        for entry in entries {
            let header = entry.header();
            let urgent = header.urgency == Urgency::Urgent;
            let (space, document) = (header.space, header.document);
            let news_of_own = from.is_none() && self.settled(entry);
            if space == inbox && from.is_some() {
                self.receive_letter(world, rng, entry, &mut arrival, &mut news)?;
                arrival.own_log_elsewhere |= self.is_own_inbox_log(entry);
            } else if self.is_member(&space) {
                if from.is_some() || news_of_own {
                    self.receive_entry(world, entry, &mut news)?;
                }
                if from.is_some() {
                    arrival.own_log_elsewhere |= self.is_own(world, entry)?;
                }
                arrival.changed.insert(Changed { space, document, urgent });
            }
        }
        self.settle(world, rng, news, &mut arrival)?;
        let mut changed: BTreeMap<SpaceTag, BTreeSet<DocTag>> = BTreeMap::new();
        for Changed { space, document, .. } in &arrival.changed {
            changed.entry(*space).or_default().insert(*document);
        }
        for (space, changed) in changed {
            arrival.judged.extend(self.judge_orders(world, space, Some(&changed))?);
        }
        Ok(arrival)
    }

    /// Notes that an entry of this node's is durable; says whether the space may have forgotten it
    /// meanwhile, because something else of it was lost.
    fn settled(&mut self, entry: &Entry) -> bool {
        let (document, log, sequence) =
            (entry.header().document, entry.header().log, entry.header().sequence);
        if let Some(Slot::Loaded(space)) = self.spaces.get_mut(&entry.header().space) {
            space.stored(entry.id());
        }
        let mut forgotten = false;
        let mut given = Vec::new();
        if let Some(entries) = self.unsettled.get_mut(&document) {
            entries.retain_mut(|own| {
                let header = own.entry.header();
                let done = header.log == log && header.sequence <= sequence;
                if done {
                    forgotten |= own.doubtful;
                    given.extend(own.given.take());
                }
                !done
            });
            if entries.is_empty() {
                self.unsettled.remove(&document);
            }
        }
        given.iter().for_each(|given| self.were_given(given));
        forgotten
    }

    /// Takes in again everything that is held, after the node was not stopped in order.
    ///
    /// # Errors
    /// The store or a space's record cannot be read.
    pub fn recover(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Arrival, CoreError> {
        let mut arrival = Arrival::default();
        let mut news = News::new();
        let (_, inbox) = crate::kdf::inbox(&self.keys.id());
        for log in world.index.frontier(&inbox).unwrap_or_default().0.keys() {
            for entry in read_log(world, inbox, *log)? {
                self.receive_letter(world, rng, &entry, &mut arrival, &mut news)?;
            }
        }
        for tag in self.spaces().collect::<Vec<_>>() {
            let keys = self.space_mut(world.directory, tag)?.keys().keys().copied().collect();
            news.insert(tag, keys);
        }
        for tag in self.spaces().collect::<Vec<_>>() {
            arrival.authored.absorb(self.publish_again(world, rng, tag)?);
        }
        self.settle(world, rng, news, &mut arrival)?;
        Ok(arrival)
    }

    /// Looks at spaces whose certificates or keys are new, passes keys on, and writes their records.
    pub(super) fn settle(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        news: News,
        arrival: &mut Arrival,
    ) -> Result<(), CoreError> {
        let mut draft = Draft::new(world);
        for (tag, keys) in &news {
            self.scan(world, *tag, keys, arrival)?;
            self.pass_on(&mut draft, *tag)?;
            match self.withdraw_orders(&mut draft, *tag) {
                // What has arrived is not held up by it: a fresh log is to be started.
                Ok(()) | Err(CoreError::ForkedLog) => {}
                Err(error) => return Err(error),
            }
        }
        for tag in news.into_keys() {
            let space = self.space_mut(world.directory, tag)?;
            arrival.authored.records.push(space.record());
        }
        self.finish(draft, rng, &mut arrival.authored)
    }

    fn receive_letter(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        entry: &Entry,
        arrival: &mut Arrival,
        news: &mut News,
    ) -> Result<(), CoreError> {
        let own = self.keys.id();
        let letter = open_from_inbox(entry, self.keys.seal())
            .map_err(|error| error.to_string())
            .and_then(|content| Letter::decode(&content, own).map_err(|error| error.to_string()));
        let letter = match letter {
            Ok(letter) => letter,
            Err(reason) => {
                arrival.refused.push(reason);
                return Ok(());
            }
        };
        for item in &letter.items {
            let certificates: SpaceCertificates =
                item.certificates().filter_map(|b| SpaceCertificate::decode(b).ok()).collect();
            let genesis = item.certificates().next().map(SpaceCertificate::decode);
            let Some((tag, _)) = genesis.and_then(|genesis| genesis.ok()?.tags()) else {
                arrival.refused.push("a letter brings a space without its genesis".to_owned());
                continue;
            };
            if world.index.is_space_erased(&tag) {
                arrival.declined.insert(tag);
                continue;
            }
            self.take_in(world, rng, tag, certificates, item.epochs(), arrival, news)?;
        }
        Ok(())
    }

    /// Takes in what was given of a space: its certificates and keys. Nothing of an erased one is kept.
    #[expect(clippy::too_many_arguments, reason = "what is given, and where news of it goes")]
    pub(super) fn take_in(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        certificates: SpaceCertificates,
        keys: &[Wrap],
        arrival: &mut Arrival,
        news: &mut News,
    ) -> Result<(), CoreError> {
        if world.index.is_space_erased(&tag) {
            return Ok(());
        }
        if !self.is_member(&tag) {
            match Space::new(certificates.clone(), Secret::draw(rng), world.directory) {
                Some(space) if space.tag() == tag => {
                    self.spaces.insert(tag, Slot::Loaded(Box::new(space)));
                    arrival.authored.wants.push(tag);
                    news.entry(tag).or_default();
                }
                Some(_) | None => return Ok(()),
            }
        }
        let space = self.space_mut(world.directory, tag)?;
        let mut changed = false;
        for (_, certificate) in certificates.iter() {
            changed |= space.add(certificate.clone());
        }
        let known: BTreeSet<EpochId> = space.keys().keys().copied().collect();
        for wrap in keys {
            changed |= space.learn(wrap.epoch, wrap.key.clone());
        }
        if changed {
            space.deepen();
            space.judge(world.directory);
            let keys = space.keys().keys().filter(|epoch| !known.contains(*epoch));
            news.entry(tag).or_default().extend(keys);
        }
        Ok(())
    }

    /// Says whether an entry is of the log that this node writes to.
    fn is_own(&mut self, world: World<'_>, entry: &Entry) -> Result<bool, CoreError> {
        let space = self.space_mut(world.directory, entry.header().space)?;
        Ok(entry.header().log == space.own_log())
    }

    /// Says whether an entry is of the log in which this node writes to its own inbox.
    fn is_own_inbox_log(&self, entry: &Entry) -> bool {
        let log = self.inbox_logs.get(&self.keys.id());
        log.is_some_and(|log| {
            let key = ed25519_dalek::SigningKey::from_bytes(log.expose());
            entry.header().log == crate::identity::log_key(&key)
        })
    }

    fn receive_entry(
        &mut self,
        world: World<'_>,
        entry: &Entry,
        news: &mut News,
    ) -> Result<(), CoreError> {
        let header = entry.header();
        let space = self.space_mut(world.directory, header.space)?;
        let authority = header.document == space.authority_document();
        if authority && take_certificates(space, entry) {
            let known: BTreeSet<EpochId> = space.keys().keys().copied().collect();
            space.deepen();
            space.judge(world.directory);
            let keys = space.keys().keys().filter(|epoch| !known.contains(*epoch));
            news.entry(header.space).or_default().extend(keys);
        }
        // Of what begins late the first entry, which names the document, may never come.
        let late = || world.index.base(&header.document, &header.log).is_some();
        let names = header.sequence == 1 || (space.name_of(&header.document).is_none() && late());
        if names && introduce(space, entry) {
            news.entry(header.space).or_default();
        }
        self.open.remove(&header.document);
        Ok(())
    }

    /// Looks at the documents of a space anew. Reads the certificates of the space that were sealed
    /// under new `keys`, and binds and names its logs, as far as those reach.
    fn scan(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        keys: &BTreeSet<EpochId>,
        arrival: &mut Arrival,
    ) -> Result<(), CoreError> {
        // Those too that this node has begun and that are on their way to its disk.
        let of_space = |own: &Unsettled| own.entry.header().space == tag;
        let begun = self.unsettled.iter().filter(|(_, own)| own.iter().any(of_space));
        let held = world.index.documents(&tag).map(|(document, _)| document);
        let documents: BTreeSet<DocTag> = begun.map(|(tag, _)| *tag).chain(held).collect();
        for document in &documents {
            self.open.remove(document);
            arrival.changed.insert(Changed { space: tag, document: *document, urgent: false });
        }
        if keys.is_empty() {
            return Ok(());
        }
        let space = self.space_mut(world.directory, tag)?;
        let authority = space.authority_document();
        let mut keys = keys.clone();
        while !keys.is_empty() {
            let known: BTreeSet<EpochId> = space.keys().keys().copied().collect();
            let mut found = false;
            for log in world.index.frontier(&authority).unwrap_or_default().0.keys() {
                for entry in read_log(world, authority, *log)? {
                    found |=
                        keys.contains(&entry.header().epoch) && take_certificates(space, &entry);
                }
            }
            if found {
                space.deepen();
                space.judge(world.directory);
            }
            keys = space.keys().keys().copied().filter(|epoch| !known.contains(epoch)).collect();
        }
        for document in &documents {
            for log in world.index.frontier(document).unwrap_or_default().0.keys() {
                if space.writer(log).is_some() && space.name_of(document).is_some() {
                    continue;
                }
                let late = world.index.base(document, log).is_some();
                let entries = match late {
                    true => read_log(world, *document, *log)?,
                    false => world.held.entries(*document, *log, 0, 1)?,
                };
                introduce_log(space, *document, log, &entries, late);
            }
        }
        Ok(())
    }
}

/// Lists the certificates in an entry of the authority document.
pub(super) fn certificates_in(space: &Space, entry: &Entry) -> Vec<SpaceCertificate> {
    let Ok(payload) = payload(space, entry) else { return Vec::new() };
    let Content::Certificates(items) = payload.content else { return Vec::new() };
    items.iter().filter_map(|bytes| SpaceCertificate::decode(bytes).ok()).collect()
}

/// Adds the certificates in an entry of the authority document; says whether any was new.
fn take_certificates(space: &mut Space, entry: &Entry) -> bool {
    let mut news = false;
    for certificate in certificates_in(space, entry) {
        news |= space.add(certificate);
    }
    news
}

/// Binds a log to its node from its first entry that is held. Of one that begins late any entry may name the document,
/// as the first part of a checkpoint does. Says whether the log was unbound until now.
pub(super) fn introduce_log(
    space: &mut Space,
    document: DocTag,
    log: &LogKey,
    entries: &[Entry],
    late: bool,
) -> bool {
    let unbound = space.writer(log).is_none();
    let first = entries.first().filter(|_| unbound || space.name_of(&document).is_none());
    let bound = first.is_some_and(|first| introduce(space, first));
    for entry in entries.iter().skip(1).filter(|_| late) {
        if space.name_of(&document).is_some() {
            break;
        }
        introduce(space, entry);
    }
    bound
}

/// Binds a log to its node and notes the document's name, from the log's first entry. Says whether
/// the log was unbound until now.
fn introduce(space: &mut Space, entry: &Entry) -> bool {
    let header = entry.header();
    let bound = space.writer(&header.log).is_some();
    if bound && space.name_of(&header.document).is_some() {
        return false;
    }
    let Ok(payload) = payload(space, entry) else { return false };
    if let Some(name) = payload.name {
        space.note(header.document, &name);
    }
    // The first binding stands, and each costs two signatures.
    let binding = payload.binding.filter(|_| !bound);
    binding
        .and_then(|binding| binding.verify(header.log, header.space).ok())
        .is_some_and(|node| space.bind(header.log, node))
}
