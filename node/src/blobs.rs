//! The blobs of a node: which ones its documents name, what of the store's answers goes to the replica, and what no
//! document names any more.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::attachment::{Attached, FileBody};
use linli_model::event::{Entry, FactId};
use linli_replica::batch::Erase;
use linli_replica::blob::Blob;
use linli_replica::id::{BlobId, DocTag, NodeId, SpaceTag, Timestamp};
use linli_replica::replica::{Input, Written};
use linli_store::StoreError;

use crate::node::{Node, now};
use crate::upkeep::DAY_MS;

/// How long a blob is kept that no document names: a fact that does not stand for want of a certificate comes back.
const GRACE_MS: u64 = DAY_MS;

/// How often is looked for blobs to fetch or remove, beyond those of a document that has just changed.
const LOOK_MS: u64 = 60_000;

/// What the documents of a node say of blobs.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// By document.
    documents: BTreeMap<DocTag, Vec<Blob>>,
    /// All that were ever put beside a document, whether they stand or not.
    ever: BTreeMap<DocTag, BTreeSet<BlobId>>,
    /// Those of them that this node's party attached.
    own: BTreeMap<DocTag, BTreeSet<BlobId>>,
    /// Documents that could not be opened: what they name is not known.
    unread: BTreeSet<DocTag>,
    /// Blobs of files that were taken away, and from which document.
    gone: BTreeMap<BlobId, (SpaceTag, DocTag)>,
    /// Since when no document names a blob that is held.
    idle: BTreeMap<BlobId, Timestamp>,
    looked: Timestamp,
}

impl Named {
    fn all(&self) -> impl Iterator<Item = &Blob> {
        self.documents.values().flatten()
    }

    /// The blobs that were ever put beside a document: who read it had them, whether they stand or not.
    pub(crate) fn ever(&self, document: &DocTag) -> impl Iterator<Item = &BlobId> {
        self.ever.get(document).into_iter().flatten()
    }

    /// The blobs that this node's party put beside its documents.
    pub(crate) fn own(&self) -> impl Iterator<Item = &BlobId> {
        self.own.values().flatten()
    }

    /// Forgets documents that are erased.
    pub(crate) fn erase(&mut self, erase: &Erase, gone: &BTreeSet<DocTag>) {
        self.documents.retain(|document, blobs| {
            !blobs.first().is_some_and(|blob| erase.covers(&blob.space, document))
        });
        self.ever.retain(|document, _| !gone.contains(document));
        let documents = &self.documents;
        self.own.retain(|document, _| documents.contains_key(document));
        self.unread.retain(|document| !gone.contains(document));
    }
}

/// Notes that a document could not be opened.
pub(crate) fn note_unread(node: &mut Node, document: DocTag) {
    node.named.unread.insert(document);
}

/// Notes which blobs stand beside a document: those that are not here are wanted, and those that were taken away go once
/// all documents were looked at.
pub(crate) fn note<B: FileBody>(
    node: &mut Node,
    space: SpaceTag,
    document: DocTag,
    attached: &[Attached],
    timeline: &[Entry<B>],
) {
    node.named.unread.remove(&document);
    let blobs: Vec<Blob> = attached
        .iter()
        .map(|of| (of.file.blob, of.file.sealed))
        .map(|(id, size)| Blob { id: BlobId(id.0), space, document, size })
        .collect();
    let ever = timeline.iter().filter_map(|entry| Some(BlobId(entry.body.file()?.blob.0)));
    node.named.ever.insert(document, ever.collect());
    let party = node.core.party();
    let own = attached.iter().filter(|of| of.by.party.0 == party.0);
    node.named.own.insert(document, own.map(|of| BlobId(of.file.blob.0)).collect());
    if blobs.is_empty() {
        node.named.documents.remove(&document);
        node.named.own.remove(&document);
    } else {
        let missing = missing(node, blobs.iter());
        node.named.documents.insert(document, blobs);
        if !missing.is_empty() {
            node.feed(Input::WantBlobs(missing));
        }
    }
    node.named.gone.retain(|_, (_, of)| *of != document);
    node.named.gone.extend(taken_away(timeline).map(|id| (id, (space, document))));
}

/// The blobs of files that were taken away from a document and that no other fact of it names, whether it stands or not: what
/// one names goes by the grace.
fn taken_away<B: FileBody>(timeline: &[Entry<B>]) -> impl Iterator<Item = BlobId> + use<B> {
    let standing = timeline.iter().filter(|entry| entry.not_standing.is_none());
    let detached: BTreeSet<FactId> = standing.filter_map(|entry| entry.body.takes_away()).collect();
    let mut named: BTreeMap<BlobId, Vec<FactId>> = BTreeMap::new();
    for entry in timeline {
        if let Some(file) = entry.body.file() {
            named.entry(BlobId(file.blob.0)).or_default().push(entry.id);
        }
    }
    let gone = move |facts: &[FactId]| matches!(facts, [fact] if detached.contains(fact));
    named.into_iter().filter(move |(_, facts)| gone(facts)).map(|(blob, _)| blob)
}

fn missing<'a>(node: &Node, blobs: impl Iterator<Item = &'a Blob>) -> Vec<Blob> {
    let replica = &node.replica;
    let lacks =
        |blob: &&Blob| replica.blob(&blob.id).is_none() && replica.blob_bytes(&blob.id).is_none();
    blobs.filter(lacks).copied().collect()
}

/// Asks again for what is missing, and removes what no document names.
pub(crate) fn tick(node: &mut Node) {
    // Before every document was looked at once nobody knows what they name.
    let known = !node.catalogue.has_stale() && node.named.unread.is_empty();
    if known {
        remove_gone(node);
    }
    let at = now();
    if at.since_ms(node.named.looked) < LOOK_MS && at >= node.named.looked {
        return;
    }
    node.named.looked = at;
    let missing = missing(node, node.named.all());
    if !missing.is_empty() {
        node.feed(Input::WantBlobs(missing));
    }
    if known {
        remove_idle(node, at);
    }
}

/// Removes the blobs of files that were taken away, where they belong to that document and no other names them.
fn remove_gone(node: &mut Node) {
    let gone = std::mem::take(&mut node.named.gone);
    let here = gone.into_iter().filter(|(id, of)| {
        let known = node.replica.blob(id).or_else(|| node.replica.wanted_blob(id));
        known.is_some_and(|blob| (blob.space, blob.document) == *of)
            && node.named.all().all(|blob| blob.id != *id)
    });
    let gone: BTreeSet<BlobId> = here.map(|(id, _)| id).collect();
    if !gone.is_empty() {
        node.feed(Input::DropBlobs(gone));
    }
}

fn remove_idle(node: &mut Node, at: Timestamp) {
    let wanted: BTreeSet<SpaceTag> = node.replica.wanted().collect();
    let named = node.named.all().filter(|blob| wanted.contains(&blob.space));
    let named: BTreeSet<BlobId> = named.map(|blob| blob.id).collect();
    let carries = node.replica.carries();
    // What is kept for others is named by documents that cannot be read here.
    let own = |blob: &&Blob| !carries || wanted.contains(&blob.space);
    let idle = node.replica.blobs().chain(node.replica.wanted_blobs()).filter(own);
    let idle: BTreeSet<BlobId> =
        idle.map(|blob| blob.id).filter(|blob| !named.contains(blob)).collect();
    node.named.idle.retain(|blob, _| idle.contains(blob));
    let since = &mut node.named.idle;
    let over = |blob: &BlobId| at.since_ms(*since.entry(*blob).or_insert(at)) >= GRACE_MS;
    let gone: BTreeSet<BlobId> = idle.into_iter().filter(over).collect();
    if !gone.is_empty() {
        tracing::info!(blobs = gone.len(), "removing blobs that no document names");
        node.feed(Input::DropBlobs(gone));
    }
}

/// Reads a part for a peer, on the store's own thread.
pub(crate) fn read(node: &Node, peer: NodeId, blob: Blob, offset: u64) {
    let calls = node.calls.clone();
    let done = move |slice| {
        let input = Input::PartRead { peer, blob: blob.id, offset, slice };
        // The driver is gone only when the node stops.
        let _ = calls.send(Box::new(move |node: &mut Node| node.feed(input)));
    };
    node.blobs.read(blob, offset, Box::new(done));
}

/// Writes a part that was checked, on the store's own thread.
pub(crate) fn write(node: &Node, blob: Blob, offset: u64, bytes: Vec<u8>) {
    let calls = node.calls.clone();
    let done = move |written, error| {
        // As above.
        let _ = calls.send(Box::new(move |node: &mut Node| told(node, blob.id, written, error)));
    };
    node.blobs.write(blob, offset, bytes, Box::new(done));
}

fn told(node: &mut Node, blob: BlobId, written: Written, error: Option<StoreError>) {
    match error {
        Some(error) => {
            tracing::warn!(%error, "a part of a blob could not be stored; it is fetched again later");
            node.warnings.insert("blobs", format!("files cannot be stored: {error}"));
        }
        None => drop(node.warnings.remove("blobs")),
    }
    node.feed(Input::PartWritten { blob, written });
}

/// Removes blobs from the store, on its own thread.
pub(crate) fn remove(node: &Node, blobs: BTreeSet<BlobId>) {
    let (calls, gone) = (node.calls.clone(), blobs.clone());
    let done = move |removed| {
        // As above.
        let _ = calls.send(Box::new(move |node: &mut Node| match removed {
            Ok(()) => node.feed(Input::BlobsRemoved(gone)),
            // They are removed at the next start; an erasure of them is not confirmed before.
            Err(error) => {
                tracing::error!(%error, "blobs could not be removed");
                node.warnings.insert("blobs", format!("files cannot be removed: {error}"));
            }
        }));
    };
    node.blobs.remove(blobs, Box::new(done));
}
