//! Parties, their nodes and documents, as the tests use them.

use std::collections::BTreeMap;

use automerge::{ActorId, AutoCommit};
use linli_model::author::{Author, NodeId, PartyId, PartyKind, Person, Role};
use linli_model::document::commit_options;
use linli_model::event::{Body, Fact, FactId, Facts, commit_fact, own_heads};
use linli_model::time::Timestamp;

pub(crate) type Directory = BTreeMap<ActorId, Author>;

/// A node of the tests: number `n` of a party.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) author: Author,
    pub(crate) actor: ActorId,
}

pub(crate) fn node(n: u8, kind: PartyKind, role: Option<Role>) -> Node {
    let person = role.map(|role| Person { id: format!("p{n}"), name: "某人".into(), role });
    let author = Author {
        node: NodeId([n; 32]),
        party: PartyId([n; 32]),
        kind,
        person,
        attested_by: Vec::new(),
    };
    Node { author, actor: ActorId::from([n; 16].as_slice()) }
}

/// Another node of the same party.
pub(crate) fn sibling(of: &Node, n: u8) -> Node {
    let author = Author { node: NodeId([n; 32]), ..of.author.clone() };
    Node { author, actor: ActorId::from([n; 16].as_slice()) }
}

impl Node {
    /// The author as the directory proves it: the person is the node's word.
    fn proved(&self) -> Author {
        Author { person: None, ..self.author.clone() }
    }

    pub(crate) fn doc(&self) -> AutoCommit {
        AutoCommit::new().with_actor(self.actor.clone())
    }

    pub(crate) fn say<B: Body>(
        &self,
        doc: &mut AutoCommit,
        directory: &Directory,
        at: u64,
        body: B,
    ) -> FactId {
        let facts = Facts::<B>::read(doc.document(), directory);
        let fact = Fact::new(Timestamp(at), &self.author, &facts, body);
        let own = own_heads(doc.document(), &self.actor);
        commit_fact(doc, &own, &fact).unwrap().0
    }
}

pub(crate) fn directory(nodes: &[&Node]) -> Directory {
    nodes.iter().map(|n| (n.actor.clone(), n.proved())).collect()
}

/// Brings both documents to the same changes.
pub(crate) fn sync(a: &mut AutoCommit, b: &mut AutoCommit) {
    a.merge(b).unwrap();
    b.merge(a).unwrap();
}

pub(crate) fn commit(doc: &mut AutoCommit, at: u64) {
    doc.commit_with(commit_options(Timestamp(at)));
}
