//! Event documents: facts, their ids, their order, and why one does not stand.
//!
//! A fact is a JSON text under the key `fact/<id>`, where the id is the BLAKE3 hash of that text. It therefore cannot be
//! edited: another text under the same key is not the fact of that id, and adding the same fact twice changes nothing.
//! A fact names the newest facts its author had seen (`after`) and the facts it acts upon (inside its body). From this
//! comes one order that is the same everywhere: every fact after those it names, and among facts that knew nothing of
//! one another the lower id first. Clocks order nothing.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    ActorId, AutoCommit, Automerge, ChangeHash, ScalarValue, transaction::Transactable,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::author::{Author, Authors, NodeId, Person, id32};
use crate::document::{Schema, commit_options, schema_of, state_schema};
use crate::history::{self, Write};
use crate::limits::{AFTER_MAX, FACT_BYTES_MAX, FACTS_MAX};
use crate::time::Timestamp;

mod order;
mod reason;

pub use reason::Reason;

/// Separates fact ids from every other use of BLAKE3.
const FACT_ID_CONTEXT: &str = "linli 1 fact id";
/// What the key of a fact begins with.
const FACT_PREFIX: &str = "fact/";

id32! {
    /// The id of a fact: the BLAKE3 hash (key derivation mode, context `linli 1 fact id`) of its text.
    FactId
}

impl FactId {
    /// The id of a fact's text.
    pub fn of(text: &str) -> Self {
        Self(blake3::derive_key(FACT_ID_CONTEXT, text.as_bytes()))
    }

    /// The key at the root of the document.
    pub fn key(self) -> String {
        format!("{FACT_PREFIX}{self}")
    }
}

/// What a kind of fact says, and upon which facts it acts.
pub trait Body: Clone + std::fmt::Debug + Serialize + DeserializeOwned {
    /// The facts this one cannot be judged without.
    fn builds_on(&self) -> Vec<FactId>;

    /// Whether nothing is judged by who had seen it: that a node has an alert.
    fn is_note(&self) -> bool {
        false
    }

    /// The fact as views show it: without keys.
    fn shown(&self) -> Self {
        self.clone()
    }
}

/// A fact as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<B> {
    /// When, by the author's own clock.
    pub at: Timestamp,
    /// The node that wrote it; it does not stand under another author.
    pub node: NodeId,
    /// The person who acted, on the word of the node.
    pub person: Option<Person>,
    /// The newest facts the author had seen.
    pub after: Vec<FactId>,
    /// What it says.
    pub body: B,
}

/// A fact could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// The fact is too large.
    #[error("this takes more than {FACT_BYTES_MAX} bytes: shorten the text")]
    TooLarge,
    /// The body is not representable.
    #[error("the fact could not be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Automerge refused the write.
    #[error("the document could not be written")]
    Document(#[from] automerge::AutomergeError),
}

impl<B: Body> Fact<B> {
    /// A fact of an author who has seen `facts`.
    pub fn new(at: Timestamp, author: &Author, facts: &Facts<B>, body: B) -> Self {
        Self { at, node: author.node, person: author.person.clone(), after: facts.heads(), body }
    }

    /// The fact again, naming fewer of the `facts` that its author had seen: first only what [`Facts::weighty_heads`]
    /// are, then the last half of those. None where it names none.
    #[must_use]
    pub fn shorter(&self, facts: &Facts<B>) -> Option<Self> {
        let weighty = facts.weighty_heads();
        let after = if weighty.len() < self.after.len() {
            weighty
        } else {
            self.after.get(self.after.len().div_ceil(2)..)?.to_vec()
        };
        (after.len() < self.after.len()).then(|| Self { after, ..self.clone() })
    }

    /// The text that is stored, and its id.
    ///
    /// # Errors
    /// [`FactError::TooLarge`] over [`FACT_BYTES_MAX`] bytes.
    pub fn text(&self) -> Result<(FactId, String), FactError> {
        let text = serde_json::to_string(self)?;
        if text.len() > FACT_BYTES_MAX {
            return Err(FactError::TooLarge);
        }
        Ok((FactId::of(&text), text))
    }
}

/// Puts a fact. The document must be isolated at the author's own heads: see [`commit_fact`].
///
/// # Errors
/// [`FactError`]; nothing is written then.
pub fn put_fact<B: Body>(doc: &mut impl Transactable, fact: &Fact<B>) -> Result<FactId, FactError> {
    let (id, text) = fact.text()?;
    state_schema(doc)?;
    doc.put(automerge::ROOT, id.key(), text)?;
    Ok(id)
}

/// Commits a fact so that its change depends on its author's own changes only.
///
/// `own_heads` are the heads of the author's own log in this document: empty for its first change, otherwise the hash
/// of its last one ([`own_heads`]). They must cover all changes of the document's actor; otherwise Automerge would write
/// under an actor derived from it, which belongs to no log. Returns the fact's id and the hash of the change, or no
/// hash when the author had already written this very fact. The document is left integrated.
///
/// # Errors
/// [`FactError`]; nothing is written then.
pub fn commit_fact<B: Body>(
    doc: &mut AutoCommit,
    own_heads: &[ChangeHash],
    fact: &Fact<B>,
) -> Result<(FactId, Option<ChangeHash>), FactError> {
    fact.text()?;
    doc.isolate(own_heads);
    let put = put_fact(doc, fact);
    let hash = match put {
        Ok(_) => doc.commit_with(commit_options(fact.at)),
        Err(_) => {
            doc.rollback();
            None
        }
    };
    doc.integrate();
    Ok((put?, hash))
}

/// The heads of an actor's own changes: its last change, or nothing.
pub fn own_heads(doc: &Automerge, actor: &ActorId) -> Vec<ChangeHash> {
    let own = doc.get_changes_meta(&[]).into_iter().filter(|c| *c.actor == *actor);
    own.max_by_key(|c| c.seq).map(|c| c.hash).into_iter().collect()
}

/// A fact whose author is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<B> {
    /// Its id.
    pub id: FactId,
    /// What was written.
    pub fact: Fact<B>,
    /// Who wrote it; the person is the proved one, or else the one the node names.
    pub author: Author,
}

/// A write that is no fact, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refused {
    /// The key it was written to.
    pub key: String,
    /// Who wrote it, where that is known.
    pub author: Option<Author>,
    /// Why it is no fact.
    pub reason: Reason,
}

/// A fact that acts upon facts which are not here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Waiting {
    /// The fact.
    pub id: FactId,
    /// The facts that are missing.
    pub missing: Vec<FactId>,
}

/// The facts of a document in their one order.
#[derive(Clone, Debug)]
pub struct Facts<B> {
    /// The document's schema.
    pub schema: Schema,
    /// The facts with proved authors, every one after those it names.
    pub known: Vec<Known<B>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

impl<B: Body> Facts<B> {
    /// A document without facts.
    pub fn empty() -> Self {
        let schema = Schema { version: 0, newer: false };
        Self { schema, known: Vec::new(), refused: Vec::new(), waiting: Vec::new() }
    }

    /// Reads the facts of a document.
    pub fn read(doc: &Automerge, authors: &impl Authors) -> Self {
        let writes = history::writes(doc);
        let mut found = BTreeMap::new();
        let mut refused = BTreeSet::new();
        for write in &writes {
            let Some(name) = write.key.strip_prefix(FACT_PREFIX) else { continue };
            let author = authors.author(&write.id.actor, write.id.counter);
            match check::<B>(name, write, author) {
                Ok(known) => {
                    found.entry(known.id).or_insert(known);
                }
                Err(reason) => {
                    let author = author.cloned();
                    refused.insert(Refused { key: write.key.clone(), author, reason });
                }
            }
        }
        let (mut known, waiting) = order::order(found);
        if let Some(over) = known.get(FACTS_MAX..) {
            refused.extend(over.iter().map(|fact| Refused {
                key: fact.id.key(),
                author: Some(fact.author.clone()),
                reason: Reason::TooMany,
            }));
        }
        known.truncate(FACTS_MAX);
        Self { schema: schema_of(&writes), known, refused: refused.into_iter().collect(), waiting }
    }

    /// The facts that no other one names: what a new fact states as seen. At most [`AFTER_MAX`], the last ones.
    pub fn heads(&self) -> Vec<FactId> {
        let mut heads: Vec<FactId> = self.known.iter().map(|k| k.id).collect();
        let named: BTreeSet<FactId> = self.known.iter().flat_map(order::names).collect();
        heads.retain(|id| !named.contains(id));
        heads.drain(..heads.len().saturating_sub(AFTER_MAX));
        heads
    }

    /// The facts that are no notes ([`Body::is_note`]) and that no other such fact names, directly or through
    /// notes: whoever names them has seen all that facts are judged by. At most [`AFTER_MAX`], the last ones.
    pub fn weighty_heads(&self) -> Vec<FactId> {
        let by_id: BTreeMap<FactId, &Known<B>> = self.known.iter().map(|k| (k.id, k)).collect();
        let weighty = || self.known.iter().filter(|known| !known.fact.body.is_note());
        let mut path: Vec<FactId> = weighty().flat_map(order::names).collect();
        let mut named = BTreeSet::new();
        while let Some(id) = path.pop() {
            let note = by_id.get(&id).filter(|known| known.fact.body.is_note());
            if named.insert(id)
                && let Some(note) = note
            {
                path.extend(order::names(note));
            }
        }
        let mut heads: Vec<FactId> = weighty().map(|known| known.id).collect();
        heads.retain(|id| !named.contains(id));
        heads.drain(..heads.len().saturating_sub(AFTER_MAX));
        heads
    }

    /// A fact by its id.
    pub fn get(&self, id: FactId) -> Option<&Known<B>> {
        self.known.iter().find(|k| k.id == id)
    }

    /// Says whether the author of `later` had seen `earlier`.
    pub fn had_seen(&self, later: FactId, earlier: FactId) -> bool {
        let by_id: BTreeMap<FactId, &Known<B>> = self.known.iter().map(|k| (k.id, k)).collect();
        let mut path = vec![later];
        let mut seen = BTreeSet::new();
        while let Some(id) = path.pop() {
            let Some(known) = by_id.get(&id) else { continue };
            for named in order::names(known) {
                if named == earlier {
                    return true;
                }
                if seen.insert(named) {
                    path.push(named);
                }
            }
        }
        false
    }
}

fn check<B: Body>(name: &str, write: &Write, author: Option<&Author>) -> Result<Known<B>, Reason> {
    let author = author.ok_or(Reason::UnknownAuthor)?;
    let text = match &write.value {
        Some(ScalarValue::Str(text)) => text.as_str(),
        Some(_) => return Err(Reason::NotText),
        None => return Err(Reason::Deletion),
    };
    if text.len() > FACT_BYTES_MAX {
        return Err(Reason::TooLarge);
    }
    let id = FactId::of(text);
    if name.parse() != Ok(id) {
        return Err(Reason::NotItsId);
    }
    let fact: Fact<B> = serde_json::from_str(text).map_err(|_| Reason::NotUnderstood)?;
    if fact.node != author.node {
        return Err(Reason::NotItsAuthor);
    }
    if fact.after.len() > AFTER_MAX {
        return Err(Reason::TooLarge);
    }
    let mut author = author.clone();
    match (&author.person, &fact.person) {
        (Some(proved), named) if named.as_ref().map(|p| &p.id) != Some(&proved.id) => {
            return Err(Reason::NotItsPerson);
        }
        (Some(_), _) => {}
        (None, named) => author.person.clone_from(named),
    }
    if author.person.as_ref().is_some_and(|p| !p.role.fits(author.kind)) {
        return Err(Reason::RoleNotOfParty);
    }
    Ok(Known { id, fact, author })
}

/// A line of the history that a view shows: a fact and whether it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry<B> {
    /// The fact.
    pub id: FactId,
    /// When, by the author's own clock, in milliseconds.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
    /// What.
    pub body: B,
    /// Why it does not stand; `None` when it stands.
    pub not_standing: Option<Reason>,
}

impl<B: Body> Entry<B> {
    pub(crate) fn new(known: &Known<B>, verdict: Result<(), Reason>) -> Self {
        Self {
            id: known.id,
            at: known.fact.at,
            author: known.author.clone(),
            body: known.fact.body.shown(),
            not_standing: verdict.err(),
        }
    }
}

/// A UUID of version 8 from a BLAKE3 hash, for documents whose name follows from what they are about.
pub(crate) fn derived_uuid(context: &str, bytes: &[u8]) -> uuid::Uuid {
    let mut short = [0; 16];
    let hash = blake3::derive_key(context, bytes);
    short.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    uuid::Builder::from_custom_bytes(short).into_uuid()
}
