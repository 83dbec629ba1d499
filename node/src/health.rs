//! Whether this node does its work, and its figures for monitoring. Any program of the machine may ask for both, so neither
//! says anything of people: alerts, for one, are not counted here.

use std::sync::Arc;

use iroh_metrics::{Counter, Gauge, MetricsGroup};
use linli_net::{ProcessMetrics, exposition, gauge};
use linli_replica::directory::NotMember;

use crate::handle::network;
use crate::node::{Node, now};

/// Why a node does not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ill {
    /// The store takes nothing.
    #[error("the store takes nothing: `linli status` says why")]
    Store,
    /// The disk is full.
    #[error("the disk is full: free some space; alerts still go out")]
    Full,
    /// Others do not serve it.
    #[error("this node is not served by others: {0}")]
    NotServed(NotMember),
    /// The driver does not answer.
    #[error("the node does not answer in time: it is busy, or hangs")]
    Silent,
}

/// Says why the node does not do its work; none where it does.
pub(crate) fn ill(node: &Node) -> Option<Ill> {
    if node.warnings.contains_key("store") {
        return Some(Ill::Store);
    }
    match node.store.stats() {
        Err(_) => return Some(Ill::Store),
        Ok(stats) if stats.full => return Some(Ill::Full),
        Ok(_) => {}
    }
    node.replica.directory().admits(&node.core.node(), now()).err().map(Ill::NotServed)
}

/// How a node stands at a moment.
#[derive(Debug, Default, MetricsGroup)]
#[metrics(name = "linli_node")]
struct NodeMetrics {
    /// 1 while the node does its work, else 0; `GET /health` says why.
    healthy: Gauge,
    /// Documents held.
    documents: Gauge,
    /// Entries held.
    entries: Gauge,
    /// Bytes of all entries held.
    entry_bytes: Gauge,
    /// 1 where the disk was full when something was last to be stored.
    disk_full: Gauge,
    /// Things that `linli status` warns of.
    warnings: Gauge,
    /// Connected peers with which everything was compared.
    peers_compared: Gauge,
    /// When everything was last compared with some peer, in seconds since 1970; 0: never.
    compared_timestamp_seconds: Gauge,
    /// When this node's certificate ends, in seconds since 1970.
    certificate_end_timestamp_seconds: Gauge,
    /// Acts that wait here for officers' signatures.
    requests_waiting: Gauge,
    /// Blobs held.
    blobs: Gauge,
    /// Bytes of them.
    blob_bytes: Gauge,
    /// Blobs that documents name and that are still to come.
    blobs_missing: Gauge,
    /// Pieces of data of others that were refused.
    refused: Counter,
}

/// The figures of a node, in the text format of OpenMetrics.
pub(crate) fn figures(node: &Node) -> String {
    let metrics = NodeMetrics::default();
    let count = |count: usize| gauge(u64::try_from(count).unwrap_or(u64::MAX));
    let stats = node.store.stats().unwrap_or_default();
    metrics.healthy.set(i64::from(ill(node).is_none()));
    metrics.documents.set(gauge(stats.documents));
    metrics.entries.set(gauge(stats.entries));
    metrics.entry_bytes.set(gauge(stats.entry_bytes));
    metrics.disk_full.set(i64::from(stats.full));
    metrics.warnings.set(count(network::warnings(node).len()));
    let compared = node.peers.values().filter(|peer| peer.connected && peer.synced);
    metrics.peers_compared.set(count(compared.count()));
    let latest = node.heard.latest(now()).map_or(0, |at| at.0 / 1_000);
    metrics.compared_timestamp_seconds.set(gauge(latest));
    let own = node.replica.directory().node(&node.core.node());
    metrics.certificate_end_timestamp_seconds.set(gauge(own.map_or(0, |own| own.ends.0 / 1_000)));
    metrics.requests_waiting.set(gauge(network::requests_waiting(node)));
    let (held, missing) = (node.replica.blobs_held(), node.replica.blobs_missing());
    metrics.blobs.set(gauge(held.blobs));
    metrics.blob_bytes.set(gauge(held.bytes));
    metrics.blobs_missing.set(gauge(missing.blobs));
    metrics.refused.set(node.refused);
    let groups: [Arc<dyn MetricsGroup>; 3] =
        [Arc::new(metrics), Arc::new(node.net.metrics()), Arc::new(ProcessMetrics::read())];
    exposition(groups)
}
