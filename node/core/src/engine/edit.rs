//! Writing: one edit of one document becomes one sealed entry.

use std::collections::BTreeSet;

use automerge::AutoCommit;
use ed25519_dalek::SigningKey;
use linli_model::author::{Author, Person};
use linli_model::private::Private;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{EntryId, EpochId, LogKey, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use rand_core::CryptoRng;

use super::draft::Draft;
use super::membership::authority_of;
use super::{Authored, Core, CoreError, EditError, Unsettled, World, open};
use crate::authority::Right;
use crate::document::{Withheld, actor, read_change};
use crate::limits::CHANGE_BYTES_MAX;
use crate::payload::{Content, Payload, PersonStamp, StampPlace};
use crate::person::{PersonCertificate, PersonError, end};
use crate::seal::{Place, SealError, fits_urgent, seal_page};
use crate::secret::Secret;

/// Bytes of the change of one edit: what fits an entry beside binding, name and stamp.
const EDIT_BYTES_MAX: usize = CHANGE_BYTES_MAX - (8 << 10);

/// What is to be written where, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// The space.
    pub space: SpaceTag,
    /// The document's name.
    pub name: &'a str,
    /// How soon it must travel.
    pub urgency: Urgency,
    /// Whether it is a fact, which depends on no other author.
    pub isolated: bool,
    /// The person who acts, where one does.
    pub person: Option<&'a Acting>,
}

/// A person whose key is open, because they gave their PIN.
#[derive(Clone)]
pub struct Acting {
    /// What their party says of them.
    pub certificate: PersonCertificate,
    /// Their key.
    pub key: SigningKey,
}

impl std::fmt::Debug for Acting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acting(…)")
    }
}

impl Core {
    /// Writes to a document. None where the edit changed nothing.
    ///
    /// What is returned must be given to the replica before the next edit of the document.
    ///
    /// # Errors
    /// The certificates do not allow it, a key is missing, or `edit` refuses.
    pub fn edit<E: std::error::Error>(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        what: Edit<'_>,
        edit: impl FnOnce(&mut AutoCommit) -> Result<(), E>,
    ) -> Result<Option<Authored>, EditError<E>> {
        self.may_write(world, what)?;
        self.unstick(world, rng, what)?;
        let space = self.space_mut(world.directory, what.space)?;
        let tag = space.document(what.name);
        let log = space.own_log();
        let document = self.open(world, what.space, tag)?;
        let change = document
            .edit(actor(log, tag), what.isolated, world.now, edit)
            .map_err(EditError::Rules)?;
        let Some(change) = change else { return Ok(None) };
        let sealed = self.seal_change(world, rng, what, &change);
        let author = self.own_author(world, what.person);
        match (&sealed, author, self.open.get_mut(&tag)) {
            (Ok(_), Some(author), Some(opened)) => opened.document.authored(&change, author),
            (_, _, Some(_)) => drop(self.open.remove(&tag)),
            (_, _, None) => {}
        }
        Ok(Some(sealed?))
    }

    /// Refuses what every member would withhold.
    pub(super) fn may_write(&mut self, world: World<'_>, what: Edit<'_>) -> Result<(), CoreError> {
        let party = self.party;
        if world.index.is_space_erased(&what.space) {
            return Err(CoreError::Erased);
        }
        let space = self.space_mut(world.directory, what.space)?;
        if world.index.is_erased(&what.space, &space.document(what.name)) {
            return Err(CoreError::Erased);
        }
        let right = space.state().right(&party, world.now);
        let expelled = world.directory.party(&party).is_none_or(|party| party.expelled);
        if expelled || right.is_none_or(|right| right < Right::Write) {
            return Err(CoreError::Forbidden(Right::Write));
        }
        let node = world.directory.node(&self.keys.id()).ok_or(CoreError::UnknownParty)?;
        if world.now > node.ends.plus_ms(CLOCK_SKEW_MS_MAX) {
            return Err(CoreError::NodeEnded);
        }
        if let Some(acting) = what.person {
            let certificate = &acting.certificate;
            person_of_party(world, certificate, party, world.now).map_err(CoreError::Person)?;
        }
        Ok(())
    }

    /// Starts a fresh log where the present one was cut, before this party was let in again, or where
    /// an entry of it does not count: what follows there might not either.
    pub(super) fn unstick(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        what: Edit<'_>,
    ) -> Result<(), CoreError> {
        let party = self.party;
        let space = self.space_mut(world.directory, what.space)?;
        let (tag, cut) = (space.document(what.name), space.cuts_own_log(&party));
        if cut || self.open(world, what.space, tag)?.is_stuck() {
            self.space_mut(world.directory, what.space)?.renew_log(Secret::draw(rng));
            self.open.clear();
        }
        Ok(())
    }

    /// Returns the author of what this node writes, none while the directory does not know it.
    #[must_use]
    pub fn own_author(&self, world: World<'_>, person: Option<&Acting>) -> Option<Author> {
        let author = open::author(world, self.node())?;
        Some(Author { person: person.and_then(|acting| person_in(&acting.certificate)), ..author })
    }

    fn seal_change(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        what: Edit<'_>,
        change: &automerge::Change,
    ) -> Result<Authored, CoreError> {
        let raw = change.raw_bytes();
        if raw.len() > EDIT_BYTES_MAX || read_change(raw).is_err() {
            return Err(SealError::TooLarge(raw.len()).into());
        }
        let content = Content::Changes(vec![raw.to_vec().into()]);
        if what.urgency == Urgency::Urgent {
            self.check_urgent(world, what, &content)?;
        }
        let mut draft = Draft::new(world);
        self.write(&mut draft, rng, what, content)?;
        let space = self.space_mut(world.directory, what.space)?;
        let urgent = what.urgency == Urgency::Urgent;
        let brings = if urgent { space.is_overtaken() } else { space.is_changed() };
        let records = if brings { vec![space.record()] } else { Vec::new() };
        let mut authored = Authored { records, urgent, ..Authored::default() };
        self.finish(draft, rng, &mut authored)?;
        let mut entries = authored.pages.iter().flat_map(|page| page.entries());
        let last = entries.rfind(|entry| entry.header().space == what.space);
        if let Some(entry) = last.filter(|_| urgent && brings) {
            self.space_mut(world.directory, what.space)?.written_with(entry.id());
        }
        Ok(authored)
    }

    /// Refuses what does not fit the one size of urgent entries, wherever in a log it comes.
    fn check_urgent(
        &mut self,
        world: World<'_>,
        what: Edit<'_>,
        content: &Content,
    ) -> Result<(), CoreError> {
        let signing = self.keys.signing().clone();
        let space = self.space_mut(world.directory, what.space)?;
        let (document, previous) = (space.document(what.name), EntryId::default());
        let (log, binding) = (space.own_log(), Some(space.binding(&signing)));
        let place =
            StampPlace { space: what.space, document, log, sequence: 1, previous, at: world.now };
        let stamp = what
            .person
            .map(|acting| PersonStamp::new(&acting.certificate, &acting.key, &place, content));
        let (name, content) = (Some(what.name.to_owned()), content.clone());
        let bytes = Payload { at: world.now, binding, name, content, stamp }.encode().len();
        if fits_urgent(bytes) { Ok(()) } else { Err(SealError::TooLargeForUrgent(bytes).into()) }
    }

    pub(super) fn finish(
        &mut self,
        mut draft: Draft<'_>,
        rng: &mut impl CryptoRng,
        authored: &mut Authored,
    ) -> Result<(), CoreError> {
        self.post(&mut draft, rng)?;
        let (pages, acts) = draft.finish();
        authored.pages.extend(pages);
        authored.acts.extend(acts);
        for entry in authored.pages.iter().flat_map(|page| page.entries()) {
            let document = entry.header().document;
            let unsettled = self.unsettled.entry(document).or_default();
            let (entry, given) = (entry.clone(), draft.given(&document));
            let recovered = BTreeSet::new();
            unsettled.push(Unsettled { entry, doubtful: false, given, recovered });
        }
        if self.inbox_changed {
            authored.records.push(self.inbox_record());
        }
        Ok(())
    }

    /// Seals content as the next entry of this node's log, beginning an epoch where one is needed.
    pub(super) fn write(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        what: Edit<'_>,
        content: Content,
    ) -> Result<(), CoreError> {
        let epoch = self.writable_epoch(draft, rng, what.space)?;
        if content.is_of_document() {
            self.tie(draft, rng, epoch, what.space)?;
        }
        self.write_under(draft, rng, epoch, what, content)
    }

    /// Ties what is written to certificates of this node's that are not known to be durable, the
    /// epoch's perhaps: by continuing their log, so that both become durable or neither does.
    pub(super) fn tie(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        epoch: EpochId,
        tag: SpaceTag,
    ) -> Result<(), CoreError> {
        let space = self.space_mut(draft.world().directory, tag)?;
        let (authority, key) = (space.authority_document(), space.log_key());
        if self.written(authority, &key).is_some() {
            let nothing = Content::Certificates(Vec::new());
            self.write_under(draft, rng, epoch, authority_of(tag), nothing)?;
        }
        Ok(())
    }

    /// Seals content as the next entry of this node's log under an epoch.
    pub(super) fn write_under(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        epoch: EpochId,
        what: Edit<'_>,
        content: Content,
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let signing = self.keys.signing().clone();
        let space = self.space_mut(world.directory, what.space)?;
        let document = match content.is_of_document() {
            true => space.document(what.name),
            false => space.authority_document(),
        };
        let content_key = space.content_key(&epoch).ok_or(CoreError::NoKey)?;
        let key = space.log_key();
        let log: LogKey = crate::identity::log_key(&key);
        let written = self.written(document, &key);
        let (sequence, previous) = draft.place(document, &key, written)?;
        let space = self.space_mut(world.directory, what.space)?;
        let place =
            StampPlace { space: what.space, document, log, sequence, previous, at: world.now };
        let stamp = what
            .person
            .map(|acting| PersonStamp::new(&acting.certificate, &acting.key, &place, &content));
        let first = sequence == 1;
        let payload = Payload {
            at: world.now,
            binding: first.then(|| space.binding(&signing)),
            name: (first && content.is_of_document() || content.begins_checkpoint())
                .then(|| what.name.to_owned()),
            content,
            stamp,
        };
        space.bind(log, NodeId(signing.verifying_key().to_bytes()));
        space.note(document, what.name);
        let Edit { urgency, space, .. } = what;
        let place = Place { space, document, log_key: &key, sequence, previous, urgency };
        draft.push(seal_page(rng, &place, epoch, &content_key, &payload.encode())?);
        Ok(())
    }
}

/// Returns the certificate of the person who stamped an entry, once the stamp is theirs.
pub(super) fn signer(
    payload: &Payload,
    entry: &Entry,
) -> Result<Option<PersonCertificate>, Withheld> {
    let Some(stamp) = &payload.stamp else { return Ok(None) };
    let header = entry.header();
    let place = StampPlace {
        space: header.space,
        document: header.document,
        log: header.log,
        sequence: header.sequence,
        previous: header.previous,
        at: payload.at,
    };
    stamp.verify(&place, &payload.content).map(Some).map_err(|_| Withheld::BadStamp)
}

/// Returns the person whom a certificate names, where they acted for the party at a time.
pub(super) fn person_of(
    world: World<'_>,
    certificate: &PersonCertificate,
    party: PartyId,
    at: Timestamp,
) -> Result<Person, Withheld> {
    person_of_party(world, certificate, party, at).map_err(|error| match error {
        PersonError::Ended => Withheld::PersonEnded,
        PersonError::Envelope(_)
        | PersonError::Malformed
        | PersonError::Version(_)
        | PersonError::Unsigned
        | PersonError::NotSteward => Withheld::BadStamp,
    })?;
    person_in(certificate).ok_or(Withheld::BadStamp)
}

/// Checks that a person acts for a party at a time.
fn person_of_party(
    world: World<'_>,
    certificate: &PersonCertificate,
    party: PartyId,
    at: Timestamp,
) -> Result<(), PersonError> {
    let of_party = |node: &NodeId, party: &PartyId| {
        world.directory.node(node).is_some_and(|node| node.party == *party)
    };
    let person = certificate.check(Timestamp::default(), of_party)?;
    if person.party != party || person_in(certificate).is_none() {
        return Err(PersonError::NotSteward);
    }
    if at > end::end_of(world.directory, person) { Err(PersonError::Ended) } else { Ok(()) }
}

fn person_in(certificate: &PersonCertificate) -> Option<Person> {
    let person = certificate.person();
    let role = serde_json::from_value(serde_json::Value::String(person.role.clone())).ok()?;
    Some(Person { id: hex::encode(*person.key), name: Private::new(person.name.clone()), role })
}
