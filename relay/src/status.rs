//! How the relay stands, and the pages that say so to this machine: at a socket in the data directory, and where
//! it is wanted at a loopback address.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use iroh_relay::server::Server;
use linli_net::{METRICS_TYPE, PeerPath};
use linli_replica::replica::Policy;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::carrier::{Carrier, node_id};
use crate::error::RelayError;
use crate::limits::ANSWER_TIMEOUT;
use crate::metrics;

/// The socket in the data directory where the relay says how it stands.
pub const STATUS_SOCKET: &str = "relay.sock";

/// How a relay stands. Nodes are named by their bare keys, without addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The carrier's node id, 64 hex digits.
    pub node: String,
    /// The community's id, 64 hex digits.
    pub community: String,
    /// The community's name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// Since when it runs, by its clock.
    pub since_ms: u64,
    /// The relay's clock.
    pub now_ms: u64,
    /// When its certificate ends; none where the directory does not know it.
    pub ends_ms: Option<u64>,
    /// SHA-256 of the self-signed TLS certificate, 64 hex digits.
    pub fingerprint: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayStatus {
    /// Nodes connected to it.
    pub connected: usize,
    /// Connections refused since the start.
    pub refused: u64,
}

/// How a member stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its node id, 64 hex digits.
    pub node: String,
    /// How it is connected to the carrier: `direct`, `relayed`, or not at all.
    pub connected: Option<Way>,
    /// Whether it is connected to the relay server.
    pub at_relay: bool,
    /// Bytes kept for it, of its quota.
    pub bytes: u64,
    /// Spaces kept for it.
    pub spaces: usize,
    /// Bytes of blobs kept for it, of their quota.
    pub blob_bytes: u64,
}

/// How a member is connected to the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Without a relay.
    Direct,
    /// Through a relay.
    Relayed,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Documents, by their tags.
    pub documents: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
    /// Entries removed since the start by orders to prune.
    pub pruned_entries: u64,
    /// About how many bytes these took.
    pub pruned_bytes: u64,
    /// Logs whose beginning was pruned, here or where they came from.
    #[serde(default)]
    pub late_logs: usize,
    /// Orders to prune that are neither carried out nor taken back.
    #[serde(default)]
    pub prune_orders: usize,
    /// Whether it carries such orders out.
    #[serde(default)]
    pub prunes: bool,
    /// Blobs, whole.
    pub blobs: u64,
    /// Bytes of them.
    pub blob_bytes: u64,
    /// Whether the disk was full when something was last to be stored.
    pub full: bool,
}

/// What may be kept for each sending endpoint, and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Bytes of entries.
    pub bytes: u64,
    /// Bytes of urgent entries beyond every quota.
    pub urgent_bytes: u64,
    /// Spaces.
    pub spaces: usize,
    /// Bytes of blobs.
    pub blob_bytes: u64,
    /// Bytes of blobs for the whole community.
    pub blob_bytes_all: u64,
    /// Bytes of entries for the whole community.
    pub community_bytes: u64,
    /// How many of those are used.
    pub community_used: u64,
    /// Seconds since the start in which something of a member was refused because a quota was used
    /// up, added up over members.
    pub refused: u64,
}

impl Status {
    /// Says why the relay does not do its work; none where it does.
    #[must_use]
    pub const fn ill(&self) -> Option<Ill> {
        if self.problem.is_some() {
            Some(Ill::Store)
        } else if self.held.full {
            Some(Ill::Full)
        } else if !self.admitted {
            Some(Ill::NotAdmitted)
        } else {
            None
        }
    }
}

/// Why a relay does not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ill {
    /// The store takes nothing; the status says what its problem is.
    #[error("the store takes nothing: `problem` of GET /status says why")]
    Store,
    /// The disk is full.
    #[error("the disk is full: free some space; alerts are still kept")]
    Full,
    /// The directory does not admit the relay.
    #[error("its certificate has ended, or officers put it out: members refuse it")]
    NotAdmitted,
    /// The driver does not answer.
    #[error("it does not answer in time: it is busy, or hangs")]
    Silent,
}

/// Something asked of the driver.
#[derive(Debug)]
pub(crate) enum Question {
    /// How it stands.
    Status(oneshot::Sender<Status>),
    /// Its figures, as text.
    Metrics(oneshot::Sender<String>),
}

impl Question {
    /// Answers; whoever asked may have gone.
    pub(crate) fn answer(self, carrier: &Carrier, server: &Server, facts: &Facts) {
        let status = look(carrier, facts);
        match self {
            Self::Status(answer) => drop(answer.send(status)),
            Self::Metrics(answer) => drop(answer.send(metrics::text(carrier, server, &status))),
        }
    }
}

/// What stays the same while a relay runs.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) policy: Policy,
    pub(crate) fingerprint: Option<String>,
    pub(crate) since_ms: u64,
}

/// Looks at a carrier.
fn look(carrier: &Carrier, facts: &Facts) -> Status {
    let quota = facts.policy;
    let (replica, gate) = (&carrier.replica, &carrier.gate);
    let at_relay = gate.connected();
    let ways = carrier.net.peers();
    let connected = |node| {
        let peer = ways.iter().find(|peer| node_id(&peer.peer) == node);
        peer.and_then(|peer| peer.connected.as_ref()).map(|connection| match connection.path {
            PeerPath::Relayed(_) => Way::Relayed,
            PeerPath::Direct(_) | PeerPath::None => Way::Direct,
        })
    };
    let now = crate::clock::now();
    let members = gate.members(now);
    let directory = replica.directory();
    let peers = members.iter().filter(|node| **node != replica.me()).map(|node| PeerStatus {
        node: node.to_string(),
        connected: connected(*node),
        at_relay: at_relay.contains(node),
        bytes: replica.carried_bytes(node),
        spaces: replica.carried_spaces(node),
        blob_bytes: replica.carried_blob_bytes(node),
    });
    let blobs = replica.blobs_held();
    let (stats, unreadable) = match carrier.store.stats() {
        Ok(stats) => (stats, None),
        Err(error) => (linli_store::Stats::default(), Some(error)),
    };
    Status {
        node: replica.me().to_string(),
        community: directory.community().to_string(),
        name: directory.name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        since_ms: facts.since_ms,
        now_ms: now.0,
        ends_ms: directory.node(&replica.me()).map(|node| node.ends.0),
        fingerprint: facts.fingerprint.clone(),
        admitted: members.contains(&replica.me()),
        carrier: directory.node(&replica.me()).is_some_and(|node| node.carrier),
        relay: RelayStatus { connected: at_relay.len(), refused: gate.refused() },
        peers: peers.collect(),
        held: Held {
            documents: stats.documents,
            entries: stats.entries,
            bytes: stats.entry_bytes,
            pruned_entries: replica.pruned().entries,
            pruned_bytes: replica.pruned().bytes,
            late_logs: replica.index().late_logs(),
            prune_orders: replica.prune_orders_waiting(),
            prunes: quota.prunes,
            blobs: blobs.blobs,
            blob_bytes: blobs.bytes,
            full: stats.full,
        },
        quota: Quota {
            bytes: quota.quota_bytes,
            urgent_bytes: quota.urgent_bytes,
            spaces: quota.spaces_max,
            blob_bytes: quota.blob_bytes,
            blob_bytes_all: quota.blob_bytes_all,
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

/// Opens the socket of the status pages in a data directory that this process has to itself; whoever may
/// enter the directory may ask.
pub(crate) fn bind_socket(data: &Path) -> io::Result<UnixListener> {
    let path = data.join(STATUS_SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // What a killed relay left behind.
        Ok(()) | Err(_) => {}
    }
    let socket = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(socket)
}

fn pages(questions: mpsc::Sender<Question>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/metrics", get(figures))
        .with_state(questions)
}

/// Serves the status pages at the socket.
pub(crate) async fn serve_socket(socket: UnixListener, questions: mpsc::Sender<Question>) {
    if let Err(error) = axum::serve(socket, pages(questions)).await {
        tracing::warn!(%error, "the status socket ended");
    }
}

/// Serves the status pages at the loopback address.
pub(crate) async fn serve(listener: TcpListener, questions: mpsc::Sender<Question>) {
    let router = pages(questions).layer(from_fn(only_this_machine));
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

async fn ask<T>(
    questions: &mpsc::Sender<Question>,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    questions.try_send(question(answer)).ok()?;
    timeout(ANSWER_TIMEOUT, answered).await.ok()?.ok()
}

/// 200 while the relay does its work, else 503 with the reason.
async fn health(State(questions): State<mpsc::Sender<Question>>) -> (StatusCode, Json<Health>) {
    let reason = match ask(&questions, Question::Status).await {
        Some(status) => status.ill(),
        None => Some(Ill::Silent),
    };
    let ok = reason.is_none();
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Health { ok, reason: reason.map(|ill| ill.to_string()) }))
}

#[derive(Serialize)]
struct Health {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn figures(State(questions): State<mpsc::Sender<Question>>) -> Response {
    match ask(&questions, Question::Metrics).await {
        Some(text) => ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn status(
    State(questions): State<mpsc::Sender<Question>>,
) -> Result<Json<Status>, StatusCode> {
    ask(&questions, Question::Status).await.map(Json).ok_or(StatusCode::SERVICE_UNAVAILABLE)
}
