//! Documents: the authorised changes of all logs, applied in causal order.

use std::collections::BTreeMap;

use automerge::{ActorId, AutoCommit, Change, ChangeHash};
use linli_model::author::{Author, Authors};
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, Timestamp};

mod change;
mod run;

pub use change::read_change;
pub(crate) use change::{CHUNK_TYPE_CHANGE, Cost, MAGIC, Reader, cost};
pub(crate) use run::{Judged, apply};

const ACTOR_CONTEXT: &str = "linli 1 automerge actor";

/// Returns the Automerge actor that writes a log in a document: 16 bytes.
#[must_use]
pub fn actor(log: LogKey, document: DocTag) -> ActorId {
    let mut hasher = blake3::Hasher::new_derive_key(ACTOR_CONTEXT);
    hasher.update(log.as_bytes()).update(document.as_bytes());
    let mut half = [0; 16];
    hasher.finalize_xof().fill(&mut half);
    ActorId::from(half)
}

/// Why an entry's changes are not shown as facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Withheld {
    /// Its epoch's key has not reached this node.
    #[error("its key has not reached this node yet")]
    NoKey,
    /// It could not be decrypted or its content could not be read.
    #[error("its content is damaged")]
    Damaged,
    /// The log is not bound to a node by a valid binding.
    #[error("its log is not bound to a node")]
    Unbound,
    /// The node is not known to the community yet.
    #[error("its author is not enrolled, or its enrolment has not arrived")]
    UnknownAuthor,
    /// The certificates give the author no right to write here.
    #[error("its author has no right to write here")]
    NoRight,
    /// Signed after the author's right or certificate ended.
    #[error("it was written after its author's right had ended")]
    Ended,
    /// Past the point up to which a removed author's writing counts.
    #[error("it was written after its author was removed")]
    PastCut,
    /// The person's stamp is wrong or its certificate does not stand.
    #[error("the person it names did not sign it")]
    BadStamp,
    /// Signed after the person's end date.
    #[error("it was signed by a person whose end date had passed")]
    PersonEnded,
    /// A change is compressed, too large, unreadable, or not by the log's own actor in sequence.
    #[error("it holds a change that breaks the rules")]
    BadChange,
    /// It builds on a change that is withheld or has not arrived.
    #[error("it builds on something that has not arrived or does not count")]
    MissingDependency,
    /// What it says is known from a checkpoint only, and no agreement of stewards stands for that.
    #[error("it is known from a checkpoint only, and no two stewards stand for that")]
    Unattested,
    /// Its log forked: another branch stands, or nobody has built on it.
    #[error("its author's device wrote two histories, and the other one stands")]
    Forked,
}

/// An entry whose changes are not shown, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WithheldEntry {
    /// The log.
    pub log: LogKey,
    /// The place in it.
    pub sequence: u64,
    /// Who wrote it, where that is known.
    pub node: Option<NodeId>,
    /// Why it does not count.
    pub reason: Withheld,
    /// The entry itself.
    pub entry: EntryId,
    /// When it was signed, where it could be read.
    pub at: Option<Timestamp>,
}

/// A document as its authorised entries make it.
#[derive(Debug)]
pub struct Document {
    doc: AutoCommit,
    authors: AuthorIndex,
    withheld: Vec<WithheldEntry>,
    own: Option<ChangeHash>,
    stuck: bool,
}

/// Who wrote which operations: for each actor the ranges of its changes in order.
#[derive(Debug, Default)]
pub struct AuthorIndex {
    changes: BTreeMap<ActorId, Vec<(u64, Option<Author>)>>,
}

impl AuthorIndex {
    fn add(&mut self, change: &Change, author: Option<Author>) {
        let ranges = self.changes.entry(change.actor_id().clone()).or_default();
        ranges.push((change.max_op(), author));
    }
}

impl Authors for AuthorIndex {
    fn author(&self, actor: &ActorId, counter: u64) -> Option<&Author> {
        let ranges = self.changes.get(actor)?;
        let at = ranges.partition_point(|(last, _)| *last < counter);
        ranges.get(at).and_then(|(_, author)| author.as_ref())
    }
}

impl Document {
    /// Applies entries, given in sequence within each log: those that count, and of the others what
    /// those that count build on. The latter have no author, so that views show nothing of them.
    ///
    /// `own` is the log this node writes to, whose last change is where its next fact builds on.
    pub(crate) fn build(
        document: DocTag,
        entries: Vec<Judged>,
        mut withheld: Vec<WithheldEntry>,
        own: LogKey,
    ) -> Self {
        let (mut doc, run) = apply(document, entries, &mut withheld);
        let own_actor = actor(own, document);
        let mut authors = AuthorIndex::default();
        let mut last = None;
        for entry in &run {
            for change in entry.changes.iter() {
                authors.add(change, entry.standing.as_ref().ok().cloned());
                if *change.actor_id() == own_actor {
                    last = Some(change.hash());
                }
            }
        }
        withheld.sort();
        let stuck = withheld.iter().any(|entry| entry.log == own);
        doc.set_actor(own_actor);
        Self { doc, authors, withheld, own: last, stuck }
    }

    /// Says whether an entry of this node's own log is not shown. What is written after it in that
    /// log might not be either: a fresh log is to be started.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Returns the Automerge document and who wrote what in it.
    pub fn parts(&mut self) -> (&mut AutoCommit, &AuthorIndex) {
        (&mut self.doc, &self.authors)
    }

    /// Returns the heads, in order.
    pub fn heads(&mut self) -> Vec<ChangeHash> {
        let mut heads = self.doc.get_heads();
        heads.sort();
        heads
    }

    /// Lists the entries that are held but not shown, with the reason.
    #[must_use]
    pub fn withheld(&self) -> &[WithheldEntry] {
        &self.withheld
    }

    /// Runs an edit as `actor` and returns the one change it made, none where it changed nothing.
    ///
    /// Facts (`isolated`) are written as though this log's own history were all there is, so that
    /// they depend on no other author.
    pub(crate) fn edit<E>(
        &mut self,
        actor: ActorId,
        isolated: bool,
        at: Timestamp,
        edit: impl FnOnce(&mut AutoCommit) -> Result<(), E>,
    ) -> Result<Option<Change>, E> {
        self.doc.set_actor(actor);
        if isolated {
            let heads: Vec<ChangeHash> = self.own.into_iter().collect();
            self.doc.isolate(&heads);
        }
        let result = edit(&mut self.doc);
        let hash = match result {
            Ok(()) => {
                let at = linli_model::time::Timestamp(at.0);
                self.doc.commit_with(linli_model::document::commit_options(at))
            }
            Err(_) => {
                self.doc.rollback();
                None
            }
        };
        if isolated {
            self.doc.integrate();
        }
        result?;
        Ok(hash.and_then(|hash| self.doc.get_change_by_hash(&hash)))
    }

    /// Records the author of a change just made by [`Self::edit`].
    pub(crate) fn authored(&mut self, change: &Change, author: Author) {
        self.own = Some(change.hash());
        self.authors.add(change, Some(author));
    }
}
