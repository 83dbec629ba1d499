//! What nodes show, and whether they show the same.

use std::collections::BTreeMap;

use automerge::ChangeHash;
use linli_core::authority::SpaceState;
use linli_core::checkpoint::Checkpoint;
use linli_core::document::{AuthorIndex, WithheldEntry};
use linli_core::engine::CoreError;
use linli_core::space::Space;
use linli_model::document::canonical;
use linli_model::field::FieldsView;
use linli_model::profile;
use linli_replica::id::{CertificateId, DocTag, NodeId, SpaceTag, Timestamp};

use super::Neighbourhood;

/// What a node shows of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The heads, in order.
    pub heads: Vec<ChangeHash>,
    /// The canonical bytes of the document read as a profile; fields that a profile does not have
    /// are in it too.
    pub canonical: Vec<u8>,
    /// What is held but not shown.
    pub withheld: Vec<WithheldEntry>,
    /// The changes that were applied.
    pub changes: usize,
}

impl Neighbourhood {
    /// Shows a document, by its name.
    ///
    /// # Errors
    /// The core's.
    pub fn view(&mut self, id: NodeId, space: SpaceTag, name: &str) -> Result<View, CoreError> {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| {
            let tag = core.space(world, space)?.document(name);
            core.open(world, space, tag).map(show)
        })
    }

    /// Reads a space as a node has it.
    ///
    /// # Panics
    /// The node is no member of it.
    pub fn space<T>(&mut self, id: NodeId, space: SpaceTag, read: impl FnOnce(&Space) -> T) -> T {
        let now = self.now;
        self.node_mut(id)
            .with_core(now, |core, world, _| read(core.space(world, space).expect("a member")))
    }

    /// Returns what the certificates of a space amount to at a node.
    ///
    /// # Panics
    /// See [`Self::space`].
    pub fn state(&mut self, id: NodeId, space: SpaceTag) -> SpaceState {
        self.space(id, space, |space| space.state().clone())
    }

    /// Returns as of when a node knows who may do what in a space.
    ///
    /// # Panics
    /// See [`Self::space`].
    pub fn authority_at(&mut self, id: NodeId, space: SpaceTag) -> Option<Timestamp> {
        let state = self.state(id, space);
        let (node, now) = (self.node(id), self.now);
        node.heard.authority_at(node.replica.directory(), &state, node.party, node.clock(now))
    }

    /// Lists the certificates of a space that a node has.
    ///
    /// # Panics
    /// See [`Self::space`].
    pub fn certificates(&mut self, id: NodeId, space: SpaceTag) -> Vec<CertificateId> {
        self.space(id, space, |space| space.certificates().iter().map(|(id, _)| *id).collect())
    }

    /// Returns a copy of a document as Automerge has it, to be changed past the rules.
    ///
    /// # Panics
    /// The node does not show it.
    pub fn copy(&mut self, id: NodeId, space: SpaceTag, name: &str) -> automerge::AutoCommit {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| {
            core.document(world, space, name).expect("a member shows it").parts().0.clone()
        })
    }

    /// Reads a document by any rules.
    ///
    /// # Errors
    /// The core's.
    pub fn with_document<T>(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        name: &str,
        read: impl FnOnce(&automerge::Automerge, &AuthorIndex) -> T,
    ) -> Result<T, CoreError> {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| {
            let (doc, authors) = core.document(world, space, name)?.parts();
            Ok(read(doc.document(), authors))
        })
    }

    /// Lists the checkpoints of a document, as a node finds them.
    ///
    /// # Panics
    /// The node does not show it.
    pub fn checkpoints(&mut self, id: NodeId, space: SpaceTag, name: &str) -> Vec<Checkpoint> {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| {
            let document = core.space(world, space).expect("a member shows it").document(name);
            core.checkpoints(world, space, document).expect("a member shows it")
        })
    }

    /// Shows the profile.
    ///
    /// # Errors
    /// The core's.
    pub fn profile(&mut self, id: NodeId, space: SpaceTag) -> Result<FieldsView, CoreError> {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| {
            let (doc, authors) = core.document(world, space, "profile")?.parts();
            Ok(profile::view(doc.document(), authors))
        })
    }

    /// Lists the values of a field with the nodes that stated them.
    ///
    /// # Panics
    /// The node shows no profile.
    pub fn values(
        &mut self,
        id: NodeId,
        space: SpaceTag,
        field: &str,
    ) -> Vec<(String, Vec<NodeId>)> {
        let profile = self.profile(id, space).expect("a member shows the profile");
        let values =
            profile.fields.get(field).map(|field| field.values.clone()).unwrap_or_default();
        let by = |stated: &linli_model::field::Stated| {
            stated.by.iter().map(|statement| NodeId(statement.author.node.0)).collect()
        };
        values.iter().map(|stated| (stated.value.as_str().to_owned(), by(stated))).collect()
    }

    /// Shows every document of a space but those that hold its certificates and shares.
    ///
    /// # Errors
    /// The core's.
    pub fn views(
        &mut self,
        id: NodeId,
        space: SpaceTag,
    ) -> Result<BTreeMap<DocTag, View>, CoreError> {
        let now = self.now;
        self.node_mut(id).with_core(now, |core, world, _| {
            let authority = core.space(world, space)?.authority_document();
            let tags: Vec<DocTag> = world.index.documents(&space).map(|(tag, _)| tag).collect();
            let orders = linli_replica::prune::document_tag(&space);
            let reserved = [authority, linli_core::kdf::recovery_tag(&space), orders];
            let tags = tags.into_iter().filter(|tag| !reserved.contains(tag));
            tags.map(|tag| Ok((tag, core.open(world, space, tag).map(show)?))).collect()
        })
    }

    /// Checks that nodes hold and show the same of a space; returns how many changes it compared.
    ///
    /// # Panics
    /// They do not.
    pub fn check_same(&mut self, ids: &[NodeId], space: SpaceTag) -> usize {
        let mut compared = 0;
        let mut first: Option<(NodeId, BTreeMap<DocTag, View>)> = None;
        for id in ids {
            let views = self.views(*id, space).expect("a member shows the space");
            compared += views.values().map(|view| view.changes).sum::<usize>();
            match &first {
                None => first = Some((*id, views)),
                Some((other, expected)) => {
                    for (tag, view) in &views {
                        let other_view = expected.get(tag);
                        let withheld = other_view.map(|view| &view.withheld);
                        assert_eq!(withheld, Some(&view.withheld), "{other:?} and {id:?}, {tag:?}");
                        let same = other_view == Some(view);
                        assert!(same, "{other:?} and {id:?} show {tag:?} differently");
                    }
                    assert_eq!(expected.len(), views.len(), "{other:?} and {id:?}");
                }
            }
        }
        compared
    }
}

fn show(document: &mut linli_core::document::Document) -> View {
    let (heads, withheld) = (document.heads(), document.withheld().to_vec());
    let (doc, authors) = document.parts();
    let changes = doc.get_changes(&[]).len();
    let view = profile::view(doc.document(), authors);
    let canonical = canonical(&view).expect("a view is JSON");
    View { heads, canonical, withheld, changes }
}
