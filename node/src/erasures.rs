//! Carrying orders to erase out at this node, and confirming them.

use std::collections::BTreeSet;

use linli_replica::batch::Erase;
use linli_replica::erasure;
use linli_replica::id::{DocTag, OrderId};
use linli_replica::replica::{Input, Save, Saved};

use crate::handle::recovery;
use crate::node::{Node, now};

/// The confirmation that is on its way to disk: one at a time, for all orders that are due.
#[derive(Debug, Default)]
pub(crate) struct Confirming(Option<Save>);

/// Forgets what an order takes away: keys, rows, receipts, timers. What is left to do is durable work.
pub(crate) fn carry_out(
    node: &mut Node,
    order: OrderId,
    erase: &Erase,
    gone: &BTreeSet<DocTag>,
) -> Option<Input> {
    let mut records = match node.core.erase(node.replica.directory(), erase) {
        Ok(records) => records,
        Err(error) => {
            // Begun again at the next start, from the same order.
            tracing::error!(%error, "an order to erase could not be carried out");
            return None;
        }
    };
    records.extend(node.catalogue.erase(erase));
    node.named.erase(erase, gone);
    records.extend(node.receipts.erase(gone));
    node.leaving.erase(gone);
    node.ordering.erase(gone);
    records.extend(node.courier.erase(gone));
    match recovery::forget_rehearsals(node, erase) {
        Ok(rehearsals) => records.extend(rehearsals),
        Err(error) => tracing::error!(%error, "rehearsed recoveries cannot be looked through"),
    }
    node.contacts.erase(gone);
    records.extend(node.sensors.erase(gone));
    node.board.erase_plans(gone);
    node.board.touch_all();
    node.undecided.retain(|document| !gone.contains(document));
    tracing::info!(order = ?order, documents = gone.len(), "erasing by order of a steward");
    Some(Input::Erase { order, records })
}

/// Confirms the orders that were carried out and are not confirmed yet.
pub(crate) fn confirm(node: &mut Node) {
    if let Some(save) = node.confirming.0
        && matches!(node.replica.saved(save), Saved::Pending(_))
    {
        return;
    }
    node.confirming.0 = None;
    let orders = node.replica.unconfirmed();
    if orders.is_empty() {
        return;
    }
    let community = node.replica.directory().community();
    let certificate = erasure::confirm(orders, community, now(), node.core.signing_key());
    node.feed(Input::Authored {
        pages: Vec::new(),
        certificates: vec![certificate],
        records: Vec::new(),
        urgent: false,
    });
    node.confirming.0 = Some(node.replica.last_save());
}
