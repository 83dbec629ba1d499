//! Inboxes: what lies in them goes to their owner and to carriers, and nowhere else.
//!
//! The owner gives its own to carriers too: what it has sealed to itself comes back from there when
//! its disk is restored from an older state.
//!
//! Only carriers hold an inbox alike, so only a pair of carriers compares one. Everybody else would
//! find a difference each time: the owner holds what all wrote, a writer only its own.

use std::collections::BTreeMap;

use super::Session;
use crate::frontier::Frontier;
use crate::id::{DocTag, SpaceTag, inbox_tag};
use crate::replica::world::World;

/// What a peer has said it holds of inboxes that are not compared with it.
pub(crate) type Delivered = BTreeMap<DocTag, Frontier>;

impl Session {
    /// Says whether what is held of a space is given to the peer.
    pub(crate) fn gives(&self, world: &World, space: &SpaceTag) -> bool {
        let goes_there = || *space == inbox_tag(&self.peer) || world.is_carrier(&self.peer);
        self.shares(space) && (!world.inboxes.contains(space) || goes_there())
    }

    /// Says whether both sides are to hold the same of a space that they share.
    pub(super) fn compares(&self, world: &World, space: &SpaceTag) -> bool {
        let [ours, theirs] = [&world.me, &self.peer];
        let of_others = || {
            [ours, theirs].iter().all(|node| world.is_carrier(node) && inbox_tag(node) != *space)
        };
        !world.inboxes.contains(space) || of_others()
    }

    /// Notes what the peer holds of an inbox.
    pub(super) fn note_delivered(&mut self, world: &World, document: DocTag, held: &Frontier) {
        let space = world.index.space_of(&document);
        if space.is_some_and(|space| !self.compares(world, &space)) {
            let known = self.delivered.entry(document).or_default();
            known.0.extend(held.0.iter().map(|(log, tips)| (*log, tips.clone())));
        }
    }

    /// Offers what lies in inboxes and is not known to have come to the peer.
    pub(super) fn offer_inboxes(&mut self, world: &World) {
        let inboxes = self.shared.intersection(&world.inboxes);
        let one_way =
            inboxes.filter(|space| self.gives(world, space) && !self.compares(world, space));
        let waiting: Vec<DocTag> = one_way
            .flat_map(|space| world.index.documents(space))
            .map(|(document, _)| document)
            .filter(|document| {
                let held = world.index.frontier(document).unwrap_or_default();
                !self.delivered.get(document).is_some_and(|known| known.covers(&held))
            })
            .collect();
        self.offering.extend(waiting);
    }
}
