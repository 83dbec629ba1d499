//! Documents: the authorised changes of all logs, applied in causal order.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ActorId, AutoCommit, Change, ChangeHash};
use linli_model::author::{Author, Authors};
use linli_replica::id::{DocTag, LogKey, NodeId};

use crate::limits::CHANGE_BYTES_MAX;

const ACTOR_CONTEXT: &str = "linli 1 automerge actor";
const CHANGE_MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHUNK_TYPE_CHANGE: u8 = 1;

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
    /// A change is compressed, too large, unreadable, or not by the log's own actor in sequence.
    #[error("it holds a change that breaks the rules")]
    BadChange,
    /// It builds on a change that is withheld or has not arrived.
    #[error("it builds on something that has not arrived or does not count")]
    MissingDependency,
    /// Its log forked, and another branch stands.
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
}

/// The changes of one authorised entry.
#[derive(Debug, Clone)]
pub struct Authorized {
    pub(crate) log: LogKey,
    pub(crate) sequence: u64,
    pub(crate) author: Author,
    pub(crate) changes: Vec<Change>,
}

/// Reads a raw change, refusing before parsing whatever would inflate.
pub(crate) fn read_change(bytes: &[u8]) -> Result<Change, Withheld> {
    let plain = bytes.starts_with(&CHANGE_MAGIC) && bytes.get(8) == Some(&CHUNK_TYPE_CHANGE);
    if !plain || bytes.len() > CHANGE_BYTES_MAX {
        return Err(Withheld::BadChange);
    }
    Change::try_from(bytes).map_err(|_| Withheld::BadChange)
}

/// A document as its authorised entries make it.
#[derive(Debug)]
pub struct Document {
    doc: AutoCommit,
    authors: AuthorIndex,
    withheld: Vec<WithheldEntry>,
    own: Option<ChangeHash>,
}

/// Who wrote which operations: for each actor the ranges of its changes in order.
#[derive(Debug, Default)]
pub struct AuthorIndex {
    changes: BTreeMap<ActorId, Vec<(u64, Author)>>,
}

impl AuthorIndex {
    fn add(&mut self, change: &Change, author: Author) {
        let ranges = self.changes.entry(change.actor_id().clone()).or_default();
        ranges.push((change.max_op(), author));
    }
}

impl Authors for AuthorIndex {
    fn author(&self, actor: &ActorId, counter: u64) -> Option<&Author> {
        let ranges = self.changes.get(actor)?;
        let at = ranges.partition_point(|(last, _)| *last < counter);
        ranges.get(at).map(|(_, author)| author)
    }
}

impl Document {
    /// Applies authorised entries, given in sequence within each log.
    ///
    /// `own` is the log this node writes to, whose last change is where its next fact builds on.
    pub(crate) fn build(
        document: DocTag,
        entries: Vec<Authorized>,
        mut withheld: Vec<WithheldEntry>,
        own: LogKey,
    ) -> Self {
        let run = causal_run(document, entries, &mut withheld);
        let own_actor = actor(own, document);
        let mut authors = AuthorIndex::default();
        let mut last = None;
        for (change, author) in &run {
            authors.add(change, author.clone());
            if *change.actor_id() == own_actor {
                last = Some(change.hash());
            }
        }
        let mut doc = AutoCommit::new();
        let applied = doc.apply_changes(run.into_iter().map(|(change, _)| change));
        debug_assert!(applied.is_ok(), "a causal run of well-formed changes applies");
        withheld.sort();
        Self { doc, authors, withheld, own: last }
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
        seconds: i64,
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
                let options = automerge::transaction::CommitOptions::default().with_time(seconds);
                self.doc.commit_with(options)
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
        self.authors.add(change, author);
    }
}

/// Orders changes so that each comes after what it builds on; the rest is withheld.
fn causal_run(
    document: DocTag,
    entries: Vec<Authorized>,
    withheld: &mut Vec<WithheldEntry>,
) -> Vec<(Change, Author)> {
    let mut logs: BTreeMap<LogKey, Vec<Authorized>> = BTreeMap::new();
    for entry in entries {
        logs.entry(entry.log).or_default().push(entry);
    }
    let mut queues: Vec<_> = logs
        .into_iter()
        .map(|(log, entries)| Queue { actor: actor(log, document), next: 1, entries: entries.into() })
        .collect();
    let mut applied = BTreeSet::new();
    let mut run = Vec::new();
    loop {
        let before = run.len();
        for queue in &mut queues {
            queue.advance(&mut applied, &mut run, withheld);
        }
        if run.len() == before {
            break;
        }
    }
    for entry in queues.into_iter().flat_map(|queue| queue.entries) {
        withheld.push(entry.withheld(Withheld::MissingDependency));
    }
    run
}

impl Authorized {
    fn withheld(&self, reason: Withheld) -> WithheldEntry {
        let node = Some(NodeId(self.author.node.0));
        WithheldEntry { log: self.log, sequence: self.sequence, node, reason }
    }
}

struct Queue {
    actor: ActorId,
    next: u64,
    entries: std::collections::VecDeque<Authorized>,
}

impl Queue {
    /// Takes entries from the front while all that they build on is there.
    ///
    /// An entry is taken whole or not at all; one that breaks a rule ends its log.
    fn advance(
        &mut self,
        applied: &mut BTreeSet<ChangeHash>,
        run: &mut Vec<(Change, Author)>,
        withheld: &mut Vec<WithheldEntry>,
    ) {
        while let Some(entry) = self.entries.front() {
            let mut inside = BTreeSet::new();
            let (mut ready, mut sound, mut next) = (true, true, self.next);
            for change in &entry.changes {
                sound &= *change.actor_id() == self.actor && change.seq() == next;
                ready &= change.deps().iter().all(|d| applied.contains(d) || inside.contains(d));
                next = next.saturating_add(1);
                inside.insert(change.hash());
            }
            if !sound {
                withheld.extend(self.entries.drain(..).map(|e| e.withheld(Withheld::BadChange)));
                return;
            }
            if !ready {
                return;
            }
            let Some(entry) = self.entries.pop_front() else { return };
            self.next = next;
            applied.extend(inside);
            run.extend(entry.changes.into_iter().map(|change| (change, entry.author.clone())));
        }
    }
}
