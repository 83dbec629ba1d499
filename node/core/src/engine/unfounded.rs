//! Orders to prune that rest on nothing: whoever has a space's carrier-order key can give them, and relays cannot tell.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::id::{DocTag, PruneId, SpaceTag, Timestamp};
use linli_replica::limits::PRUNE_DELAY_MS;
use linli_replica::prune::{Judged, Order, document_tag};

use super::agree::{is_by, is_of_facts};
use super::open::part;
use super::{Core, CoreError, World};
use crate::authority::Prune;
use crate::checkpoint::Manifest;
use crate::space::Space;

/// Why an order to prune rests on nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderFlaw {
    /// It is about a document of facts, or the certificates: these are not pruned.
    OfFacts,
    /// Stewards never agreed on its checkpoint.
    NotAgreed,
    /// It cuts further than its checkpoint reaches.
    CutsFurther,
    /// They agreed, and do no more.
    Fallen,
}

/// An order that rests on nothing and that none which is held takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfounded {
    /// The order.
    pub order: PruneId,
    /// Why.
    pub flaw: OrderFlaw,
    /// From when on carriers prune by it.
    pub due: Timestamp,
    /// When this node found it, since the start.
    pub since: Timestamp,
}

impl Core {
    /// Lists the orders that were found to rest on nothing, of the documents of this node's spaces. Those on which stewards
    /// did agree are listed until they are due: carriers have carried them out then.
    pub fn unfounded(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (SpaceTag, DocTag, &Unfounded)> {
        let all = self.unfounded.iter().flat_map(|((space, document), orders)| {
            orders.iter().map(move |order| (*space, *document, order))
        });
        all.filter(move |(.., order)| order.flaw != OrderFlaw::Fallen || now < order.due)
    }

    /// Looks at all orders to prune documents of a space, or at those about the documents that changed.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn judge_orders(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        changed: Option<&BTreeSet<DocTag>>,
    ) -> Result<Vec<Judged>, CoreError> {
        let ordered = world.index.ordered(&tag);
        let mut judged = Vec::new();
        if ordered.is_empty() {
            return Ok(judged);
        }
        let certificates = self.space_mut(world.directory, tag)?.authority_document();
        let is_changed =
            |document: &DocTag| changed.is_none_or(|changed| changed.contains(document));
        let all = is_changed(&certificates) || is_changed(&document_tag(&tag));
        for document in ordered.into_iter().filter(|document| all || is_changed(document)) {
            let known = self.unfounded.remove(&(tag, document)).unwrap_or_default();
            let since: BTreeMap<PruneId, Timestamp> =
                known.into_iter().map(|known| (known.order, known.since)).collect();
            let orders = self.prune_orders(world, tag, document)?;
            let space = self.space_mut(world.directory, tag)?;
            let mut unfounded = Vec::new();
            for order in &orders {
                let (id, found) = (order.id(), flaw(world, space, order)?);
                let is_followed = matches!(found, None | Some(OrderFlaw::Fallen));
                judged.push(Judged { space: tag, document, order: id, is_followed });
                unfounded.extend(found.map(|flaw| Unfounded {
                    order: id,
                    flaw,
                    due: order.terms().at.plus_ms(PRUNE_DELAY_MS),
                    since: since.get(&id).copied().unwrap_or(world.now),
                }));
            }
            if !unfounded.is_empty() {
                self.unfounded.insert((tag, document), unfounded);
            }
        }
        Ok(judged)
    }
}

/// Says why an order rests on nothing, as far as what is held tells: it does, where its checkpoint has not come.
pub(super) fn flaw(
    world: World<'_>,
    space: &Space,
    order: &Order,
) -> Result<Option<OrderFlaw>, CoreError> {
    if is_of_facts(space, &order.terms().document) == Some(true) {
        return Ok(Some(OrderFlaw::OfFacts));
    }
    let agreements = space.state().agreements.iter();
    let reached: Vec<_> =
        agreements.filter(|(prune, of)| of.was_reached && is_by(order, prune)).collect();
    if reached.is_empty() {
        return Ok(Some(OrderFlaw::NotAgreed));
    }
    for (prune, _) in &reached {
        if let Some(manifest) = manifest(world, space, prune)?
            && !reaches(&manifest, order)
        {
            return Ok(Some(OrderFlaw::CutsFurther));
        }
    }
    let stands = reached.iter().any(|(_, agreement)| agreement.stands());
    Ok((!stands).then_some(OrderFlaw::Fallen))
}

/// Reads what a checkpoint says of itself; none where it is not held, or cannot be opened.
fn manifest(world: World<'_>, space: &Space, prune: &Prune) -> Result<Option<Manifest>, CoreError> {
    let Prune { document, log, first, hash, .. } = *prune;
    let found = world.held.entries(document, log, first.saturating_sub(1), 1)?;
    let found = found.iter().filter(|entry| entry.header().sequence == first);
    let manifests = found.filter_map(|entry| part(space, entry)?.manifest.clone());
    Ok(manifests.into_iter().find(|manifest| manifest.hash == hash))
}

/// Says whether a checkpoint stands for all that goes by an order.
fn reaches(manifest: &Manifest, order: &Order) -> bool {
    let upto: BTreeMap<_, _> =
        manifest.frontier.iter().map(|upto| (upto.log, upto.sequence)).collect();
    order
        .terms()
        .cuts
        .iter()
        .all(|cut| upto.get(&cut.log).is_some_and(|upto| cut.sequence <= *upto))
}
