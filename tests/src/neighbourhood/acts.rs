//! What people do at the nodes of a neighbourhood.

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, AutomergeError, ROOT};
use linli_core::authority::{Grant, Owner, Right};
use linli_core::engine::{Acting, Authored, Core, CoreError, Edit, EditError, NewSpace, World};
use linli_model::field::WriteError;
use linli_model::profile::{self, ProfileField};
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, PartyId, SpaceTag};
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
