//! A batch being written: each entry continues the log it belongs to.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use linli_replica::entry::VerifiedPage;
use linli_replica::frontier::Tip;
use linli_replica::id::{DocTag, EntryId, LogKey, NodeId, SpaceTag};

use super::{CoreError, SpaceAct, World};
use crate::authority::SpaceCertificate;
use crate::inbox::InboxItem;

pub(super) struct Draft<'a> {
    world: World<'a>,
    /// A page each: within a page only the last signature is kept, and a long log must be served in parts
    /// that end in one.
    logs: BTreeMap<(DocTag, LogKey), Vec<VerifiedPage>>,
    acts: Vec<SpaceAct>,
    /// What goes into whose inbox, sealed when all is known.
    given: BTreeMap<NodeId, Vec<InboxItem>>,
}

impl<'a> Draft<'a> {
    pub(super) const fn new(world: World<'a>) -> Self {
        Self { world, logs: BTreeMap::new(), acts: Vec::new(), given: BTreeMap::new() }
    }

    pub(super) const fn world(&self) -> World<'a> {
        self.world
    }

    /// Returns the sequence number and predecessor of the next entry of a log, of which `written`
    /// may be on its way to the replica.
    pub(super) fn place(
        &self,
        document: DocTag,
        key: &SigningKey,
        written: Option<Tip>,
    ) -> Result<(u64, EntryId), CoreError> {
        let log = crate::identity::log_key(key);
        let pages = self.logs.get(&(document, log)).into_iter().flatten();
        if let Some(last) = pages.flat_map(VerifiedPage::entries).next_back() {
            return Ok((last.header().sequence + 1, last.id()));
        }
        let tips = self.world.index.admitted_tips(&document, &log);
        match (tips.as_slice(), written) {
            ([], None) => Ok((1, EntryId::default())),
            ([tip], Some(later)) if later.sequence > tip.sequence => {
                Ok((later.sequence + 1, later.id))
            }
            ([tip], _) => Ok((tip.sequence + 1, tip.id)),
            ([], Some(later)) => Ok((later.sequence + 1, later.id)),
            _ => Err(CoreError::ForkedLog),
        }
    }

    pub(super) fn push(&mut self, page: VerifiedPage) {
        let place = page.entries().last().map(|e| (e.header().document, e.header().log));
        self.logs.entry(place.unwrap_or_default()).or_default().push(page);
    }

    /// Notes an act of authority that this node signed.
    pub(super) fn act(&mut self, space: SpaceTag, certificate: &SpaceCertificate) {
        self.acts.push(SpaceAct { space, certificate: certificate.clone() });
    }

    /// Notes what a node is given.
    pub(super) fn give(&mut self, node: NodeId, items: Vec<InboxItem>) {
        self.given.entry(node).or_default().extend(items);
    }

    /// Takes what nodes are given.
    pub(super) fn take_given(&mut self) -> BTreeMap<NodeId, Vec<InboxItem>> {
        std::mem::take(&mut self.given)
    }

    /// Adds what was written in another space.
    pub(super) fn absorb(&mut self, other: Self) {
        self.logs.extend(other.logs);
        self.acts.extend(other.acts);
        for (node, items) in other.given {
            self.give(node, items);
        }
    }

    /// Takes what was written, beside the acts in it.
    pub(super) fn finish(self) -> (Vec<VerifiedPage>, Vec<SpaceAct>) {
        (self.logs.into_values().flatten().collect(), self.acts)
    }
}
