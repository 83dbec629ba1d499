//! Erasing: signing the order, and forgetting what an order takes away.

use std::collections::BTreeSet;

use linli_replica::batch::{Erase, Record, Shelf};
use linli_replica::directory::Directory;
use linli_replica::erasure::Terms;
use linli_replica::id::{DocTag, PartyId, SpaceTag};

use super::open::Table;
use super::{Core, CoreError, World};
use crate::authority::Right;

impl Core {
    /// Signs an order to erase a space, or documents of it, with the space's carrier-order key. What
    /// is returned is the body of the notice that publishes it.
    ///
    /// # Errors
    /// This party is no steward of the space, or the key is kept at another node.
    pub fn order_erasure(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        documents: Option<&BTreeSet<DocTag>>,
    ) -> Result<Vec<u8>, CoreError> {
        let party = self.party;
        let space = self.space_mut(world.directory, tag)?;
        if space.state().right(&party, world.now) != Some(Right::Steward) {
            return Err(CoreError::Forbidden(Right::Steward));
        }
        let genesis = space.genesis().ok_or(CoreError::NoSuchSpace)?;
        let began = space.began_by().ok_or(CoreError::NoSuchSpace)?;
        let public = genesis.genesis().ok_or(CoreError::NoSuchSpace)?.carrier_key;
        let key = space.carrier_key().ok_or(CoreError::NoCarrierKey(began))?;
        let terms = Terms {
            community: world.directory.community(),
            space: space.id().0.into(),
            carrier_key: public,
            documents: documents.map(|documents| documents.iter().copied().collect()),
            at: world.now,
        };
        Ok(terms.sign(&key))
    }

    /// Lists the parties that had any right in a space at any time: their nodes may hold it.
    ///
    /// # Errors
    /// As [`Core::space`].
    pub fn ever_members(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
    ) -> Result<BTreeSet<PartyId>, CoreError> {
        let state = self.space_mut(world.directory, tag)?.state();
        Ok(state.members.keys().chain(state.former.keys()).copied().collect())
    }

    /// Forgets what an order takes away: a space with its keys and certificates, or documents with
    /// their names. Returns the records that are to go, or to be written anew, with the entries.
    ///
    /// Keys of a space stay where only documents of it go: entries of those that come later are
    /// refused, but a copy elsewhere could still be opened with them.
    ///
    /// # Errors
    /// The space's record cannot be read.
    pub fn erase(
        &mut self,
        directory: &Directory,
        erase: &Erase,
    ) -> Result<Vec<Record>, CoreError> {
        let Erase { space: tag, documents } = erase;
        self.open.clear();
        self.table = Table::default();
        for own in self.unsettled.values_mut() {
            own.retain(|own| {
                let header = own.entry.header();
                !erase.covers(&header.space, &header.document)
            });
        }
        self.unsettled.retain(|_, own| !own.is_empty());
        self.wrong.retain(|(space, document), _| !erase.covers(space, document));
        self.unfounded.retain(|(space, document), _| !erase.covers(space, document));
        match documents {
            None if self.spaces.remove(tag).is_some() => {
                Ok(vec![Record { shelf: Shelf::Space, key: tag.0.to_vec(), value: None }])
            }
            Some(documents) if self.is_member(tag) => {
                let space = self.space_mut(directory, *tag)?;
                space.forget_documents(documents);
                Ok(vec![space.record()])
            }
            None | Some(_) => Ok(Vec::new()),
        }
    }
}
