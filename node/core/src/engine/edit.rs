//! Writing: one edit of one document becomes one sealed entry.

use automerge::AutoCommit;
use ed25519_dalek::SigningKey;
use linli_model::author::{Author, Person};
use linli_model::private::Private;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{LogKey, NodeId, PartyId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::{Authored, Core, CoreError, EditError, World, open};
use crate::authority::Right;
use crate::document::{Withheld, actor};
use crate::payload::{Binding, Content, Payload, PersonStamp, StampPlace};
use crate::person::PersonCertificate;
use crate::seal::{Place, seal_entry};

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
        self.may_write(world, what.space)?;
        let space = self.space_mut(world.directory, what.space)?;
        let tag = space.document(what.name);
        let key = space.log_key();
        let log = crate::identity::log_key(&key);
        let seconds = i64::try_from(world.now.0 / 1_000).unwrap_or(i64::MAX);
        let document = self.open(world, what.space, tag)?;
        let change = document
            .edit(actor(log, tag), what.isolated, seconds, edit)
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

    fn may_write(&mut self, world: World<'_>, space: SpaceTag) -> Result<(), CoreError> {
        let party = self.party;
        let right = self.space_mut(world.directory, space)?.state().right(&party, world.now);
        let expelled = world.directory.party(&party).is_none_or(|party| party.expelled);
        if expelled || right.is_none_or(|right| right < Right::Write) {
            return Err(CoreError::Forbidden(Right::Write));
        }
        Ok(())
    }

    fn own_author(&self, world: World<'_>, person: Option<&Acting>) -> Option<Author> {
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
        let mut draft = Draft::new(world);
        let content = Content::Changes(vec![change.raw_bytes().to_vec().into()]);
        self.write(&mut draft, rng, what, content)?;
        let space = self.space_mut(world.directory, what.space)?;
        let records = vec![space.record()];
        let urgent = what.urgency == Urgency::Urgent;
        let mut authored = Authored { records, urgent, ..Authored::default() };
        self.finish(draft, &mut authored)?;
        Ok(authored)
    }

    pub(super) fn finish(&self, draft: Draft<'_>, authored: &mut Authored) -> Result<(), CoreError> {
        authored.pages.extend(draft.finish()?);
        if authored.pages.iter().flat_map(|p| p.entries()).any(|e| self.is_inbox_entry(e)) {
            authored.records.push(self.inbox_record());
        }
        Ok(())
    }

    fn is_inbox_entry(&self, entry: &Entry) -> bool {
        entry.header().suite == linli_replica::entry::Suite::Inbox
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
        let world = draft.world();
        let signing = self.keys.signing().clone();
        let space = self.space_mut(world.directory, what.space)?;
        let document = match &content {
            Content::Changes(_) => space.document(what.name),
            Content::Certificates(_) => space.authority_document(),
        };
        let content_key = space.content_key(&epoch).ok_or(CoreError::NoKey)?;
        let key = space.log_key();
        let log: LogKey = crate::identity::log_key(&key);
        let (sequence, previous) = draft.place(document, &key)?;
        let place = StampPlace { space: what.space, document, log, sequence, previous, at: world.now };
        let stamp = what
            .person
            .map(|acting| PersonStamp::new(&acting.certificate, &acting.key, &place, &content));
        let first = sequence == 1;
        let payload = Payload {
            at: world.now,
            binding: first.then(|| Binding::new(&signing, &key, what.space)),
            name: (first && matches!(content, Content::Changes(_))).then(|| what.name.to_owned()),
            content,
            stamp,
        };
        space.bind(log, NodeId(signing.verifying_key().to_bytes()));
        space.note(document, what.name);
        let Edit { urgency, space, .. } = what;
        let place = Place { space, document, log_key: &key, sequence, previous, urgency };
        draft.push(seal_entry(rng, &place, epoch, &content_key, &payload.encode())?);
        Ok(())
    }
}

/// Checks the stamp of an entry and returns the person.
pub(super) fn person_of(
    world: World<'_>,
    payload: &Payload,
    entry: &Entry,
    writer: NodeId,
) -> Result<Person, Withheld> {
    let stamp = payload.stamp.as_ref().ok_or(Withheld::BadStamp)?;
    let header = entry.header();
    let place = StampPlace {
        space: header.space,
        document: header.document,
        log: header.log,
        sequence: header.sequence,
        previous: header.previous,
        at: payload.at,
    };
    let certificate = stamp.verify(&place, &payload.content).map_err(|_| Withheld::BadStamp)?;
    let party = world.directory.node(&writer).map(|node| node.party);
    let of_party = |node: &NodeId, party: &PartyId| {
        world.directory.node(node).is_some_and(|node| node.party == *party)
    };
    let person = certificate.check(payload.at, of_party).map_err(|_| Withheld::BadStamp)?;
    if Some(person.party) != party {
        return Err(Withheld::BadStamp);
    }
    person_in(&certificate).ok_or(Withheld::BadStamp)
}

fn person_in(certificate: &PersonCertificate) -> Option<Person> {
    let person = certificate.person();
    let role = serde_json::from_value(serde_json::Value::String(person.role.clone())).ok()?;
    Some(Person { id: hex::encode(*person.key), name: Private::new(person.name.clone()), role })
}
