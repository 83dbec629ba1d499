//! What people do at the nodes of a neighbourhood.

use std::collections::BTreeSet;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, AutomergeError, ROOT};
use linli_core::authority::{Grant, Owner, Right};
use linli_core::blob;
use linli_core::engine::{Acting, Authored, Core, CoreError, Edit, EditError, NewSpace, World};
use linli_core::heartbeat::Heartbeat;
use linli_core::secret::Secret;
use linli_model::field::WriteError;
use linli_model::profile::{self, ProfileField};
use linli_replica::blob::Blob;
use linli_replica::entry::Urgency;
use linli_replica::erasure;
use linli_replica::frame::Cell;
use linli_replica::id::{DocTag, NodeId, PartyId, SpaceTag};
use linli_replica::replica::Input;
use rand_chacha::ChaCha8Rng;

use super::Neighbourhood;
use super::node::inputs;

/// Makes a grant without an end.
#[must_use]
pub fn grant(party: PartyId, right: Right, history: bool) -> Grant {
    Grant { party, right, purpose: "care".into(), ends: None, consent: None, history }
}

impl Neighbourhood {
    /// Lets the core of a node act, and gives what it wrote to its replica.
    ///
    /// # Errors
    /// The core's.
    pub fn act<E>(
        &mut self,
        id: NodeId,
        act: impl FnOnce(&mut Core, World<'_>, &mut ChaCha8Rng) -> Result<Authored, E>,
    ) -> Result<(), E> {
        let now = self.now;
        let authored = self.node_mut(id).with_core(now, act)?;
        let entries = authored.pages.iter().flat_map(|page| page.entries().to_vec());
        self.written = (entries.collect(), authored.acts.clone());
        for input in inputs(authored) {
            self.input(id, input);
        }
        Ok(())
    }

    /// Begins a space of the node's own party.
    ///
    /// # Panics
    /// The core refuses.
    pub fn begin(&mut self, id: NodeId, grants: Vec<Grant>) -> SpaceTag {
        let owner = Owner::Party(self.party(id));
        let new = NewSpace { kind: "care", owner, steward: None, grants };
        let mut begun = SpaceTag([0; 32]);
        self.act(id, |core, world, rng| {
            let (tag, authored) = core.begin_space(world, rng, new)?;
            begun = tag;
            Ok::<_, CoreError>(authored)
        })
        .expect("a party begins its own space");
        begun
    }

    /// Seals a file beside a document of a node; others that read it may want the blob.
    ///
    /// # Panics
    /// The file is none, or the node does not know the space.
    pub fn keep_file(&mut self, id: NodeId, space: SpaceTag, name: &str, file: &[u8]) -> Blob {
        let key = Secret::draw(&mut self.rng);
        let mut sealed = Vec::new();
        blob::seal(&key, file, file.len() as u64, &mut sealed).expect("a file");
        let size = sealed.len() as u64;
        let (of, _) = linli_replica::blob::hash(sealed.as_slice(), size).expect("bytes in memory");
        let document = self.space(id, space, |space| space.document(name));
        self.node_mut(id).blobs.insert(of, sealed);
        let blob = Blob { id: of, space, document, size };
        self.input(id, Input::KeepBlob(blob));
        blob
    }

    /// Gives a party a right.
    ///
    /// # Errors
    /// The core's.
    pub fn grant(&mut self, id: NodeId, space: SpaceTag, grant: Grant) -> Result<(), CoreError> {
        self.act(id, |core, world, rng| core.grant(world, rng, space, grant))
    }

    /// Takes a party's rights.
    ///
    /// # Errors
    /// The core's.
    pub fn revoke(&mut self, id: NodeId, space: SpaceTag, party: PartyId) -> Result<(), CoreError> {
        self.act(id, |core, world, rng| core.revoke(world, rng, space, party))
    }

    /// Writes a field of the profile.
    ///
    /// # Errors
    /// The core's, or the rules'.
    pub fn set(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        field: ProfileField,
        value: &str,
    ) -> Result<(), EditError<WriteError>> {
        self.set_as(id, space, field, value, None)
    }

    /// Writes a field of the profile as a person.
    ///
    /// # Errors
    /// The core's, or the rules'.
    pub fn set_as(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        field: ProfileField,
        value: &str,
        person: Option<&Acting>,
    ) -> Result<(), EditError<WriteError>> {
        let (name, urgency, isolated) = ("profile", Urgency::Normal, false);
        let what = Edit { space, name, urgency, isolated, person };
        self.edit(id, what, |doc| profile::set(doc, field, value))
    }

    /// Orders a space, or documents of it, to be erased, as the steward that began it.
    ///
    /// # Errors
    /// The core's.
    pub fn order_erasure(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        documents: Option<&BTreeSet<DocTag>>,
    ) -> Result<(), CoreError> {
        let now = self.now;
        let body = self
            .node_mut(id)
            .with_core(now, |core, world, _| core.order_erasure(world, space, documents))?;
        self.publish_order(id, body);
        Ok(())
    }

    /// Publishes bytes as an order to erase, whoever signed them.
    pub fn publish_order(&mut self, id: NodeId, body: Vec<u8>) {
        let node = self.node(id);
        let community = node.replica.directory().community();
        let notice = erasure::publish(body, community, self.now, node.keys.signing());
        self.certify(id, vec![notice]);
    }

    /// Lets a node confirm what it has erased, as it does each second.
    pub fn confirm(&mut self, id: NodeId) {
        let node = self.node(id);
        let orders = node.replica.unconfirmed();
        if !orders.is_empty() {
            let community = node.replica.directory().community();
            let notice = erasure::confirm(orders, community, self.now, node.keys.signing());
            self.certify(id, vec![notice]);
        }
    }

    /// Lets a node give keys again that its disk refused, and say that it was restored, as it does each second.
    pub(super) fn give_again(&mut self, id: NodeId) {
        let now = self.now;
        let given =
            self.node_mut(id).with_core(now, |core, world, rng| core.give_again(world, rng));
        for input in inputs(given.expect("own records can be read")) {
            self.input(id, input);
        }
        let said = self.node_mut(id).with_core(now, |core, world, _| core.restoration(world));
        if let Some(notice) = said {
            self.certify(id, vec![notice]);
        }
    }

    /// Adds a fact to an event document.
    ///
    /// # Errors
    /// The core's.
    pub fn add_fact(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        name: &str,
        key: &str,
        urgency: Urgency,
    ) -> Result<(), EditError<AutomergeError>> {
        let what = Edit { space, name, urgency, isolated: true, person: None };
        self.edit(id, what, |doc| doc.put(ROOT, key, "fact"))
    }

    /// Edits any document.
    ///
    /// # Errors
    /// The core's, or the rules'.
    pub fn edit<E: std::error::Error>(
        &mut self,
        id: NodeId,
        what: Edit<'_>,
        edit: impl FnOnce(&mut AutoCommit) -> Result<(), E>,
    ) -> Result<(), EditError<E>> {
        self.act(id, |core, world, rng| {
            core.edit(world, rng, what, edit).map(Option::unwrap_or_default)
        })
    }

    /// Seals a heartbeat in an alert space, and gives it to the node's replica. None where an epoch must be
    /// begun first.
    ///
    /// # Errors
    /// The core's.
    pub fn heartbeat(&mut self, id: NodeId, space: SpaceTag) -> Result<Option<Cell>, CoreError> {
        let now = self.now;
        let cell = self
            .node_mut(id)
            .with_core(now, |core, world, rng| core.heartbeat(world, rng, space))?;
        if let Some(cell) = &cell {
            self.input(id, Input::Heartbeat(cell.clone()));
        }
        Ok(cell)
    }

    /// Lets a node read a heartbeat.
    pub fn hear(&mut self, id: NodeId, cell: &Cell) -> Option<Heartbeat> {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| core.hear(world, cell))
    }

    /// Gives a node's replica entries as though its core had written them.
    ///
    /// # Panics
    /// The entries make no page.
    pub fn inject(&mut self, id: NodeId, entries: &[linli_replica::entry::Entry]) {
        let pages = entries
            .chunks(linli_replica::limits::PAGE_ENTRIES_MAX)
            .map(|page| linli_replica::entry::Page(page.to_vec()).verify().expect("a chain"))
            .collect();
        let (certificates, records, urgent) = (Vec::new(), Vec::new(), false);
        self.input(id, Input::Authored { pages, certificates, records, urgent });
    }
}
