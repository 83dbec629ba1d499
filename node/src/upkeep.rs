//! What a node does each second by itself.

use linli_core::apart;
use linli_replica::certificate::Certificate;
use linli_replica::replica::Input;

pub(crate) use linli_core::apart::NODE_TERM_MS;

use crate::node::{Node, now, world};

pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Alerts and orders from before a start that each second looks at.
const SEEN_AT_ONCE: usize = 16;

pub(crate) fn tick(node: &mut Node) {
    // Alerts from before this start, also where there is no quiet time for them.
    for _ in 0..SEEN_AT_ONCE {
        node.catalogue.see_one();
    }
    crate::ladder::climb(node);
    crate::handle::cards::tick(node);
    crate::heartbeats::tick(node);
    crate::board::tick(node);
    crate::silence::tick(node);
    crate::contacts::tick(node);
    crate::sensors::tick(node);
    crate::handle::orders::hand_over(node);
    crate::handle::rotation::sweep(node);
    let mut records = node.receipts.take_unsaved();
    records.extend(node.heard.due(now()));
    if !records.is_empty() {
        node.feed(Input::Learned { pages: Vec::new(), records });
    }
    give_again(node);
    crate::erasures::confirm(node);
    crate::handle::checkpoints::note_unfounded(node);
    crate::blobs::tick(node);
    renew(node);
    crate::handle::tablets::tick(node);
    crate::audit::tick(node);
    node.people.seats.tick(crate::seat::since_boot());
    crate::recovery::split_some(node);
    node.tell_members();
    crate::requests::tick(node);
    crate::invitation::tick(node);
    node.service.alive();
}

/// Gives keys again that the disk refused, and says that this node was restored.
fn give_again(node: &mut Node) {
    match node.core.give_again(world(&node.replica, &node.store), &mut node.rng) {
        Ok(authored) if authored.records.is_empty() => {}
        Ok(authored) => drop(node.author(authored)),
        Err(error) => tracing::error!(%error, "lost keys could not be given again"),
    }
    if let Some(notice) = node.core.restoration(world(&node.replica, &node.store)) {
        publish(node, notice);
    }
}

fn publish(node: &mut Node, certificate: Certificate) {
    node.feed(Input::Authored {
        pages: Vec::new(),
        certificates: vec![certificate],
        records: Vec::new(),
        urgent: false,
    });
}

/// Extends this node's own certificate, so that an unattended hub is never locked out.
fn renew(node: &mut Node) {
    let renewal = apart::renewal(node.replica.directory(), node.core.signing_key(), now());
    if let Some(certificate) = renewal {
        publish(node, certificate);
    }
}
