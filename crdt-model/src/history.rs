//! The writes of a document, read from its changes.
//!
//! The current values alone would let a write that does not count hide the one it replaced. So views start from all
//! writes: which key, which value, and which earlier writes its author had seen and replaced.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ActorId, Automerge, Change, ScalarValue, legacy};

use crate::author::{Author, Authors};
use crate::time::Timestamp;

/// One operation of the document: the counter first, so that ordering is close to order of writing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId {
    /// The operation's counter.
    pub counter: u64,
    /// The actor that made it.
    pub actor: ActorId,
}

impl OpId {
    fn from_legacy(id: &legacy::OpId) -> Self {
        Self { counter: id.counter(), actor: id.actor().clone() }
    }
}

/// One write to a key at the root.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The operation.
    pub id: OpId,
    /// The key.
    pub key: String,
    /// The value put, or `None` for a deletion (and for anything that is no scalar).
    pub value: Option<ScalarValue>,
    /// The writes it replaced.
    pub replaces: Vec<OpId>,
    /// The time its change states, in milliseconds: the author's own clock.
    pub at: Timestamp,
}

/// Reads all writes to root keys, in the order of their operation ids. Anything below the root is not looked at.
pub fn writes(doc: &Automerge) -> Vec<Write> {
    let mut writes: Vec<Write> = doc.get_changes(&[]).iter().flat_map(writes_of).collect();
    writes.sort_by(|a, b| a.id.cmp(&b.id));
    writes
}

/// Reads the writes to root keys of one change, in the order it made them.
pub fn writes_of(change: &Change) -> Vec<Write> {
    let mut writes = Vec::new();
    let change = change.decode();
    let at = Timestamp(u64::try_from(change.time).unwrap_or(0));
    for (counter, op) in (change.start_op.get()..).zip(&change.operations) {
        let (legacy::ObjectId::Root, legacy::Key::Map(key)) = (&op.obj, &op.key) else {
            continue;
        };
        let value = match &op.action {
            legacy::OpType::Put(value) => Some(value.clone()),
            legacy::OpType::Delete
            | legacy::OpType::Make(_)
            | legacy::OpType::Increment(_)
            | legacy::OpType::MarkBegin(_)
            | legacy::OpType::MarkEnd(_) => None,
        };
        writes.push(Write {
            id: OpId { counter, actor: change.actor_id.clone() },
            key: key.to_string(),
            value,
            replaces: op.pred.iter().map(OpId::from_legacy).collect(),
            at,
        });
    }
    writes
}

/// One value that stands: nobody who counts has replaced it.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// The write.
    pub write: &'a Write,
    /// Its author.
    pub author: &'a Author,
}

/// What a key holds.
#[derive(Clone, Debug, Default)]
pub struct Slot<'a> {
    /// The values that stand, by operation id. Deletions are not among them.
    pub standing: Vec<Standing<'a>>,
    /// How many writes do not count, because their author is not known or held back.
    pub unattributed: usize,
}

/// Sorts the writes into keys and finds what stands in each.
///
/// A write is replaced when a write that counts replaced it, directly or through others. Writes that do not count
/// replace nothing by themselves.
pub fn slots<'a>(writes: &'a [Write], authors: &'a impl Authors) -> BTreeMap<&'a str, Slot<'a>> {
    let mut keys: BTreeMap<&str, Vec<&Write>> = BTreeMap::new();
    for write in writes {
        keys.entry(&write.key).or_default().push(write);
    }
    keys.into_iter().map(|(key, writes)| (key, slot(&writes, authors))).collect()
}

fn slot<'a>(writes: &[&'a Write], authors: &'a impl Authors) -> Slot<'a> {
    let by_id: BTreeMap<&OpId, &Write> = writes.iter().map(|w| (&w.id, *w)).collect();
    let mut slot = Slot::default();
    let mut counted = Vec::new();
    let mut replaced: BTreeSet<&OpId> = BTreeSet::new();
    for write in writes {
        let Some(author) = authors.author(&write.id.actor, write.id.counter) else {
            slot.unattributed += 1;
            continue;
        };
        counted.push(Standing { write, author });
        let mut path: Vec<&OpId> = write.replaces.iter().collect();
        while let Some(id) = path.pop() {
            if let Some(earlier) = by_id.get(id)
                && replaced.insert(&earlier.id)
            {
                path.extend(&earlier.replaces);
            }
        }
    }
    counted.retain(|s| s.write.value.is_some() && !replaced.contains(&s.write.id));
    slot.standing = counted;
    slot
}
