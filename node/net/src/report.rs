//! What this node has found out about the network around it: whether UDP gets out, what stands in front of it, and how
//! each of its relays is. The one place that uses iroh's `unstable-net-report`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::atomic::Ordering,
    time::Duration,
};

use iroh::{Endpoint, RelayUrl, Watcher as _};

use crate::{
    handle::{NetHandle, Shared},
    probe::RelayTrouble,
    sync::locked,
};

/// What the last look at the network came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether UDP gets out and back. None where no relay of this node's answers UDP (QUIC address discovery), or
    /// none was asked yet.
    pub udp: Option<bool>,
    /// The public addresses of this node, as relays see them.
    pub public: Vec<SocketAddr>,
    /// Whether relays see it at different addresses: the NAT in front of it gives each destination another one, so that
    /// others cannot come in. None with fewer than two relays to compare.
    pub varies: Option<bool>,
}

/// How one of this node's relays is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayReport {
    /// Which.
    pub url: String,
    /// How it is.
    pub state: RelayState,
    /// Time to an answer, where one came lately.
    pub round_trip: Option<Duration>,
}

/// How a relay is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// This node is connected to it and can be reached through it.
    Connected,
    /// It answers; another one is used at the moment.
    Ready,
    /// Not looked at yet.
    Untried,
    /// It does not let this node in.
    Denied {
        /// Its words.
        words: String,
    },
    /// It cannot be used.
    Trouble(RelayTrouble),
}

impl NetHandle {
    /// What is known of the network around this node.
    #[must_use]
    pub fn report(&self) -> Report {
        let found = self.endpoint.net_report().get();
        let Some(found) = found else { return Report::default() };
        let discovering = self.shared.discovering.load(Ordering::Relaxed);
        let public = found.global_v4.map(SocketAddr::V4).into_iter();
        Report {
            // No relay answered anything: then it is not UDP that fails.
            udp: (discovering && (found.has_udp() || found.preferred_relay.is_some()))
                .then_some(found.has_udp()),
            public: public.chain(found.global_v6.map(SocketAddr::V6)).collect(),
            varies: found.mapping_varies_by_dest(),
        }
    }

    /// How each of this node's relays is.
    #[must_use]
    pub fn relay_reports(&self) -> Vec<RelayReport> {
        let urls = locked(&self.shared.own_relays).clone();
        relay_reports(&self.endpoint, &self.shared, &urls)
    }
}

/// How each of these relays is.
pub(crate) fn relay_reports(
    endpoint: &Endpoint,
    shared: &Shared,
    urls: &BTreeSet<RelayUrl>,
) -> Vec<RelayReport> {
    let answered = latencies(endpoint);
    let homes = endpoint.home_relay_status().get();
    let denied = locked(&shared.denied).clone();
    let troubles = locked(&shared.troubles).clone();
    let report = |url: &RelayUrl| {
        let connected = homes.iter().any(|home| home.url() == url && home.is_connected());
        let round_trip = answered.get(url).copied();
        let state = match (denied.get(url), troubles.get(url)) {
            _ if connected => RelayState::Connected,
            (Some(words), _) => RelayState::Denied { words: words.clone() },
            (None, Some(trouble)) => RelayState::Trouble(trouble.clone()),
            (None, None) if round_trip.is_some() => RelayState::Ready,
            (None, None) => RelayState::Untried,
        };
        RelayReport { url: url.to_string(), state, round_trip }
    };
    urls.iter().map(report).collect()
}

/// The relays that answered when last asked, and how soon.
fn latencies(endpoint: &Endpoint) -> BTreeMap<RelayUrl, Duration> {
    let mut soonest = BTreeMap::new();
    if let Some(report) = endpoint.net_report().get() {
        for (_, url, latency) in report.relay_latency.iter() {
            let kept = soonest.entry(url.clone()).or_insert(latency);
            *kept = latency.min(*kept);
        }
    }
    soonest
}
