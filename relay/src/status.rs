//! How the relay stands, and the two pages that say so to this machine.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use linli_net::PeerPath;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::carrier::{Carrier, node_id};
use crate::error::RelayError;
use crate::limits::ANSWER_TIMEOUT;

/// How a relay stands. Nodes are named by their bare keys, without addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The carrier's node id, 64 hex digits.
    pub node: String,
    /// The community's id, 64 hex digits.
    pub community: String,
    /// Whether the relay's own certificate is in force.
    pub admitted: bool,
    /// Whether that certificate names it as a carrier; else members ask it to keep nothing.
    pub carrier: bool,
    /// The relay server.
    pub relay: RelayStatus,
    /// Members the directory admits, the relay itself left out.
    pub peers: Vec<PeerStatus>,
    /// What is kept.
    pub held: Held,
    /// What may be kept.
    pub quota: Quota,
    /// Why the store takes nothing at this moment, and what to do.
    pub problem: Option<String>,
}

/// How the relay server stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelayStatus {
    /// Nodes connected to it.
    pub connected: usize,
    /// Connections refused since the start.
    pub refused: u64,
}

/// How a member stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerStatus {
    /// Its node id, 64 hex digits.
    pub node: String,
    /// How it is connected to the carrier: `direct`, `relayed`, or not at all.
    pub connected: Option<&'static str>,
    /// Whether it is connected to the relay server.
    pub at_relay: bool,
    /// Bytes kept for it, of its quota.
    pub bytes: u64,
    /// Spaces kept for it.
    pub spaces: usize,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Documents, by their tags.
    pub documents: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
    /// Whether the disk was full when something was last to be stored.
    pub full: bool,
}

/// What may be kept for each sending endpoint, and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// Bytes of entries.
    pub bytes: u64,
    /// Bytes of urgent entries beyond every quota.
    pub urgent_bytes: u64,
    /// Spaces.
    pub spaces: usize,
    /// Bytes of entries for the whole community.
    pub community_bytes: u64,
    /// How many of those are used.
    pub community_used: u64,
    /// Seconds since the start in which something of a member was refused because a quota was used
    /// up, added up over members.
    pub refused: u64,
}

/// Asks the driver how it stands.
pub(crate) type Question = oneshot::Sender<Status>;

/// Looks at a carrier.
pub(crate) fn look(carrier: &Carrier, quota: linli_replica::replica::Policy) -> Status {
    let (replica, gate) = (&carrier.replica, &carrier.gate);
    let at_relay = gate.connected();
    let ways = carrier.net.peers();
    let connected = |node| {
        let peer = ways.iter().find(|peer| node_id(&peer.peer) == node);
        peer.and_then(|peer| peer.connected.as_ref()).map(|connection| match connection.path {
            PeerPath::Relayed(_) => "relayed",
            PeerPath::Direct(_) | PeerPath::None => "direct",
        })
    };
    let members = gate.members(crate::clock::now());
    let peers = members.iter().filter(|node| **node != replica.me()).map(|node| PeerStatus {
        node: node.to_string(),
        connected: connected(*node),
        at_relay: at_relay.contains(node),
        bytes: replica.carried_bytes(node),
        spaces: replica.carried_spaces(node),
    });
    let (stats, unreadable) = match carrier.store.stats() {
        Ok(stats) => (stats, None),
        Err(error) => (linli_store::Stats::default(), Some(error)),
    };
    Status {
        node: replica.me().to_string(),
        community: replica.directory().community().to_string(),
        admitted: members.contains(&replica.me()),
        carrier: replica.directory().node(&replica.me()).is_some_and(|node| node.carrier),
        relay: RelayStatus { connected: at_relay.len(), refused: gate.refused() },
        peers: peers.collect(),
        held: Held {
            documents: stats.documents,
            entries: stats.entries,
            bytes: stats.entry_bytes,
            full: stats.full,
        },
        quota: Quota {
            bytes: quota.quota_bytes,
            urgent_bytes: quota.urgent_bytes,
            spaces: quota.spaces_max,
            community_bytes: quota.community_bytes,
            community_used: replica.carried_in_all(),
            refused: carrier.over_quota,
        },
        problem: unreadable.as_ref().or(carrier.problem.as_ref()).map(ToString::to_string),
    }
}

/// Opens the address of the status pages.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), RelayError> {
    if !address.ip().is_loopback() {
        return Err(RelayError::StatusNotLoopback(address));
    }
    let failed = |source| RelayError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let opened = listener.local_addr().map_err(failed)?;
    Ok((listener, opened))
}

/// Serves the status pages.
pub(crate) async fn serve(listener: TcpListener, questions: mpsc::Sender<Question>) {
    let router = Router::new()
        .route("/health", get(health))
        .route("/status", get(status))
        .layer(from_fn(only_this_machine))
        .with_state(questions);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::warn!(%error, "the status pages ended");
    }
}

/// Refuses requests under another name than this machine's: a web page may point a name of its own
/// at loopback (DNS rebinding).
async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let names = ["127.0.0.1", "[::1]", "localhost"];
    if host.is_some_and(|host| names.contains(&host.host())) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

async fn ask(questions: &mpsc::Sender<Question>) -> Option<Status> {
    let (answer, answered) = oneshot::channel();
    questions.try_send(answer).ok()?;
    timeout(ANSWER_TIMEOUT, answered).await.ok()?.ok()
}

/// 200 while the driver answers and the store takes entries, else 503; `{"ok": …}`.
async fn health(State(questions): State<mpsc::Sender<Question>>) -> (StatusCode, Json<Health>) {
    let status = ask(&questions).await;
    let ok = status.is_some_and(|status| status.problem.is_none() && !status.held.full);
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Health { ok }))
}

#[derive(Serialize)]
struct Health {
    ok: bool,
}

async fn status(
    State(questions): State<mpsc::Sender<Question>>,
) -> Result<Json<Status>, StatusCode> {
    ask(&questions).await.map(Json).ok_or(StatusCode::SERVICE_UNAVAILABLE)
}
