//! Figures of the network and of this process, as monitoring reads them (OpenMetrics 1.0 text). Labels are words of
//! this program, never an id, an address or a name.

use std::sync::Arc;

use iroh_metrics::{
    Counter, EncodeLabelSet, Family, Gauge, MetricsGroup, MetricsSource as _, Registry,
};

use crate::{
    handle::NetHandle,
    lane::Lane,
    status::{PeerPath, PeerStatus, RelayStatus},
};

/// The media type of [`exposition`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct ByPath {
    path: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct ByLane {
    lane: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

/// How the network stands at a moment.
#[derive(Debug, Default, MetricsGroup)]
#[metrics(name = "linli_net")]
pub struct NetMetrics {
    /// Members of the community, by how they are connected.
    peers: Family<ByPath, Gauge>,
    /// Relays of this node, by how it stands with them.
    relays: Family<ByState, Gauge>,
    /// Bytes that have arrived and wait for this program.
    untaken_bytes: Family<ByLane, Gauge>,
    /// Bytes that wait to be sent, over all connections.
    queued_bytes: Gauge,
    /// Connections turned away because who asked is no member.
    refused: Counter,
}

/// What this process takes of the machine.
#[derive(Debug, Default, MetricsGroup)]
#[metrics(name = "process")]
pub struct ProcessMetrics {
    /// Resident memory in bytes.
    resident_memory_bytes: Gauge,
}

impl ProcessMetrics {
    /// Reads `/proc/self/status` (proc(5)); where there is none, nothing is known.
    #[must_use]
    pub fn read() -> Self {
        let metrics = Self::default();
        if let Some(bytes) = resident_bytes() {
            metrics.resident_memory_bytes.set(gauge(bytes));
        }
        metrics
    }
}

/// The memory of this process that is in RAM, in bytes.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

impl NetHandle {
    /// How the network stands now.
    #[must_use]
    pub fn metrics(&self) -> NetMetrics {
        let metrics = NetMetrics::default();
        metrics.fill(&self.peers(), &self.relays());
        for lane in Lane::ALL {
            let label = ByLane { lane: word(lane) };
            let bytes = u64::try_from(self.untaken_bytes(lane)).unwrap_or(u64::MAX);
            metrics.untaken_bytes.get_or_create(&label).set(gauge(bytes));
        }
        metrics.refused.set(self.refused_total());
        metrics
    }
}

impl NetMetrics {
    fn fill(&self, peers: &[PeerStatus], relays: &[RelayStatus]) {
        for path in ["lan", "direct", "relayed", "away"] {
            self.peers.get_or_create(&ByPath { path });
        }
        for peer in peers {
            self.peers.get_or_create(&ByPath { path: path(peer) }).inc();
            let queued = peer.connected.as_ref().map_or(0, |connection| connection.bytes_queued);
            self.queued_bytes.inc_by(gauge(u64::try_from(queued).unwrap_or(u64::MAX)));
        }
        for state in ["connected", "denied", "away"] {
            self.relays.get_or_create(&ByState { state });
        }
        for relay in relays {
            let state = match relay {
                RelayStatus { connected: true, .. } => "connected",
                RelayStatus { denied: Some(_), .. } => "denied",
                RelayStatus { .. } => "away",
            };
            self.relays.get_or_create(&ByState { state }).inc();
        }
    }
}

const fn word(lane: Lane) -> &'static str {
    match lane {
        Lane::Urgent => "urgent",
        Lane::Normal => "normal",
        Lane::Bulk => "bulk",
    }
}

fn path(peer: &PeerStatus) -> &'static str {
    match peer.connected.as_ref().map(|connection| &connection.path) {
        Some(PeerPath::Direct(_)) if peer.on_lan => "lan",
        Some(PeerPath::Direct(_)) => "direct",
        Some(PeerPath::Relayed(_)) => "relayed",
        Some(PeerPath::None) | None => "away",
    }
}

/// A count as a gauge takes it.
#[must_use]
pub fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Writes figures out for monitoring to read.
#[must_use]
pub fn exposition(groups: impl IntoIterator<Item = Arc<dyn MetricsGroup>>) -> String {
    let mut registry = Registry::default();
    groups.into_iter().for_each(|group| registry.register(group));
    // Writing into memory does not fail.
    registry.encode_openmetrics_to_string().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use iroh::SecretKey;

    use super::*;
    use crate::status::ConnectionStatus;

    fn peer(number: u8, path: Option<PeerPath>, on_lan: bool) -> PeerStatus {
        let connected = path.map(|path| ConnectionStatus {
            connection: 1,
            initiator: true,
            path,
            round_trip: None,
            since: Duration::ZERO,
            bytes_sent: 0,
            bytes_received: 0,
            bytes_queued: 10,
        });
        PeerStatus {
            peer: SecretKey::from_bytes(&[number; 32]).public(),
            connected,
            dialing: false,
            failures: 0,
            last_failure: None,
            retry_in: None,
            addresses: Vec::new(),
            on_lan,
        }
    }

    #[test]
    fn peers_and_relays_are_counted_by_how_they_are_reached_and_never_named() {
        let direct = || Some(PeerPath::Direct("192.0.2.7:4400".parse().unwrap()));
        let relay = "https://relay.example/".to_owned();
        let peers = [
            peer(1, direct(), true),
            peer(2, direct(), false),
            peer(3, Some(PeerPath::Relayed(relay.clone())), true),
            peer(4, None, true),
            peer(5, None, false),
        ];
        let denied = Some("expelled".to_owned());
        let relays = [RelayStatus { url: relay, connected: false, denied, last_error: None }];
        let metrics = NetMetrics::default();
        metrics.fill(&peers, &relays);
        let text = exposition([Arc::new(metrics) as Arc<dyn MetricsGroup>]);
        for line in [
            "linli_net_peers{path=\"lan\"} 1",
            "linli_net_peers{path=\"direct\"} 1",
            "linli_net_peers{path=\"relayed\"} 1",
            "linli_net_peers{path=\"away\"} 2",
            "linli_net_relays{state=\"denied\"} 1",
            "linli_net_relays{state=\"connected\"} 0",
            "linli_net_queued_bytes 30",
            "# TYPE linli_net_refused counter",
            "linli_net_refused_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        assert!(!text.contains("192.0.2.7") && !text.contains("relay.example"), "{text}");
    }

    #[test]
    fn a_process_takes_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
