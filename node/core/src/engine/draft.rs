//! A batch being written: each entry continues the log it belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use linli_replica::entry::VerifiedPage;
use linli_replica::frontier::Tip;
use linli_replica::id::{DocTag, EntryId, EpochId, LogKey, NodeId, SpaceTag};

use super::giving::Given;
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
    gifts: BTreeMap<NodeId, Gift>,
    /// What the sealed letters of each inbox give.
    given: BTreeMap<DocTag, Arc<Given>>,
}

/// What a node is given, and the keys in it.
#[derive(Default)]
pub(super) struct Gift {
    pub(super) items: Vec<InboxItem>,
    pub(super) keys: Vec<(SpaceTag, EpochId)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(world: World<'a>) -> Self {
        let (logs, gifts, given) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { world, logs, acts: Vec::new(), gifts, given }
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
    pub(super) fn give(&mut self, node: NodeId, space: SpaceTag, items: Vec<InboxItem>) {
        let gift = self.gifts.entry(node).or_default();
        let keys = items.iter().flat_map(InboxItem::epochs);
        gift.keys.extend(keys.map(|wrap| (space, wrap.epoch)));
        gift.items.extend(items);
    }

    /// Notes with what a node is given the notice that it answers.
    pub(super) fn answer(&mut self, node: NodeId, notice: (SpaceTag, EpochId)) {
        self.gifts.entry(node).or_default().keys.push(notice);
    }

    /// Takes what nodes are given.
    pub(super) fn take_gifts(&mut self) -> BTreeMap<NodeId, Gift> {
        std::mem::take(&mut self.gifts)
    }

    /// Notes what the letters in an inbox give.
    pub(super) fn gave(&mut self, inbox: DocTag, given: Given) {
        self.given.insert(inbox, Arc::new(given));
    }

    /// Returns what an entry gives, where it is a letter.
    pub(super) fn given(&self, document: &DocTag) -> Option<Arc<Given>> {
        self.given.get(document).cloned()
    }

    /// Adds what was written in another space.
    pub(super) fn absorb(&mut self, other: Self) {
        self.logs.extend(other.logs);
        self.acts.extend(other.acts);
        for (node, Gift { items, keys }) in other.gifts {
            let gift = self.gifts.entry(node).or_default();
            gift.items.extend(items);
            gift.keys.extend(keys);
        }
    }

    /// Takes what was written, beside the acts in it.
    pub(super) fn finish(&mut self) -> (Vec<VerifiedPage>, Vec<SpaceAct>) {
        let logs = std::mem::take(&mut self.logs);
        (logs.into_values().flatten().collect(), std::mem::take(&mut self.acts))
    }
}
