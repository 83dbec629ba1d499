//! The relay's figures for monitoring: counts only, without a label that names anybody.

use std::sync::Arc;

use iroh_metrics::{Counter, Gauge, MetricsGroup, MetricsGroupSet as _};
use iroh_relay::server::Server;
use linli_net::{ProcessMetrics, exposition, gauge};

use crate::carrier::Carrier;
use crate::status::Status;

/// How the carrier stands at a moment.
#[derive(Debug, Default, MetricsGroup)]
#[metrics(name = "linli_relay")]
struct RelayMetrics {
    /// 1 while the relay does its work, else 0; `GET /health` says why.
    healthy: Gauge,
    /// Members the directory admits, the relay itself left out.
    members: Gauge,
    /// Nodes connected to the relay server.
    connected: Gauge,
    /// Connections that the relay server refused.
    refused: Counter,
    /// Documents held.
    documents: Gauge,
    /// Entries held.
    entries: Gauge,
    /// Bytes of all entries held.
    entry_bytes: Gauge,
    /// Blobs held.
    blobs: Gauge,
    /// Bytes of them.
    blob_bytes: Gauge,
    /// Bytes that count towards the community's quota.
    quota_used_bytes: Gauge,
    /// Bytes that may be kept for the community.
    quota_bytes: Gauge,
    /// Members that have used up nine tenths of their own quota or more.
    members_near_quota: Gauge,
    /// Seconds in which something of a member was refused because a quota was used up, of all members.
    quota_refused_seconds: Counter,
    /// Entries removed since the start by orders to prune.
    pruned_entries: Counter,
    /// About how many bytes these took.
    pruned_bytes: Counter,
    /// 1 where the disk was full when something was last to be stored.
    disk_full: Gauge,
    /// Commits under way.
    storing: Gauge,
}

/// The figures of a relay, in the text format of OpenMetrics.
pub(crate) fn text(carrier: &Carrier, server: &Server, status: &Status) -> String {
    let metrics = RelayMetrics::default();
    let count = |count: usize| gauge(u64::try_from(count).unwrap_or(u64::MAX));
    metrics.healthy.set(i64::from(status.ill().is_none()));
    metrics.members.set(count(status.peers.len()));
    metrics.connected.set(count(status.relay.connected));
    metrics.refused.set(status.relay.refused);
    metrics.documents.set(gauge(status.held.documents));
    metrics.entries.set(gauge(status.held.entries));
    metrics.entry_bytes.set(gauge(status.held.bytes));
    metrics.blobs.set(gauge(status.held.blobs));
    metrics.blob_bytes.set(gauge(status.held.blob_bytes));
    metrics.quota_used_bytes.set(gauge(status.quota.community_used));
    metrics.quota_bytes.set(gauge(status.quota.community_bytes));
    let near = status.peers.iter().filter(|peer| peer.bytes / 9 >= status.quota.bytes / 10);
    metrics.members_near_quota.set(count(near.count()));
    metrics.quota_refused_seconds.set(status.quota.refused);
    metrics.pruned_entries.set(status.held.pruned_entries);
    metrics.pruned_bytes.set(status.held.pruned_bytes);
    metrics.disk_full.set(i64::from(status.held.full));
    metrics.storing.set(count(carrier.storing()));
    let own: [Arc<dyn MetricsGroup>; 3] =
        [Arc::new(metrics), Arc::new(carrier.net.metrics()), Arc::new(ProcessMetrics::read())];
    // What iroh counts at its relay server: packets, bytes and connections, of nobody in particular.
    exposition(own.into_iter().chain(server.metrics().groups_cloned()))
}
