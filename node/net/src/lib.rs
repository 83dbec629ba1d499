//! The network of a linli node: framed, laned, authenticated byte streams between members over iroh (QUIC), found by
//! mDNS or reached through relays. It knows nothing of documents.
//!
//! # The run loop
//! [`start`] binds the endpoint and returns a [`NetHandle`], to ask for things, and [`NetEvents`], to hear of them. The
//! owner is a loop:
//!
//! ```no_run
//! # async fn example(config: linli_net::NetConfig) -> Result<(), linli_net::NetError> {
//! use linli_net::{Lane, NetEvent};
//! let (net, mut events) = linli_net::start(config).await?;
//! while let Some(event) = events.recv().await {
//!     match event {
//!         NetEvent::Connected { peer, .. } => {
//!             let _ = net.try_send(&peer, Lane::Normal, b"hello".to_vec());
//!         }
//!         NetEvent::Frame { peer, lane, bytes } => { /* feed the session with `peer` */ }
//!         NetEvent::Writable { peer, lane } => { /* send on what was handed back as `Full` */ }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **One task, the actor** ([`actor`](start)), owns the endpoint. It takes one of: a command of a handle, an incoming
//! handshake, a finished handshake, a connection's end, a find of mDNS, the time of the next dial; acts without
//! waiting; and looks for the next. What takes time (handshakes, opening lanes) runs in tasks of its own that report
//! back, at most 64 at once.
//!
//! **A connection** begins with a TLS handshake that proves both endpoint ids. The *gate* refuses whoever is not a member
//! before any application byte. Then each side opens three unidirectional streams, one a [`Lane`]; when both have, it is
//! a *link*: reported as [`NetEvent::Connected`], run by one task that writes and reads each lane, sends a heartbeat a
//! second and listens for the peer's, and ended with one [`DisconnectReason`]. A pair keeps one link: of two dialled at
//! the same moment the one dialled by the lower id stands; a later one replaces the earlier, because a side that has a
//! link does not dial.
//!
//! **Frames out** go into a bounded queue a lane and peer. [`NetHandle::try_send`] never waits: a full queue hands the
//! frame back, and [`NetEvent::Writable`] follows when half of it is free. **Frames in** are charged against a budget a
//! lane; when the owner falls behind, that lane's readers wait, and QUIC stops the senders; the other lanes go on.
//! [`NetEvents::recv`] gives control events, then urgent, normal, bulk frames.
//!
//! **Dialling**: every member in the [`DialPolicy`] with a known way (told by the owner, found by mDNS, learned from the
//! last connection, or through relays) is dialled, with exponential back-off and jitter; after a refusal with a long one.
//! New addresses end a back-off, except after a refusal. When the home relay fails, another takes its place within seconds.
//!
//! **Pairing** has an ALPN of its own, accepted only while armed ([`NetHandle::offer_pairing`]), and gives both sides a
//! [`PairStream`].
//!
//! Nothing is sent that was not asked for: no public relay, lookup service, DNS server or port mapper is contacted. The
//! wire format is in `docs/spec/transport.md`.

mod actor;
mod alias;
mod backlog;
mod config;
mod dial;
mod endpoint;
mod event;
mod frame;
mod gate;
mod handle;
mod lane;
mod limits;
mod link;
mod mdns;
mod metrics;
mod outbox;
mod pairing;
mod pins;
mod probe;
mod reason;
mod report;
mod status;
mod sync;

pub use iroh::{EndpointId, SecretKey};

pub use self::{
    actor::start,
    alias::{alias, aliases_at, day_of},
    backlog::Backlog,
    config::{Interfaces, NetConfig, RelaySettings},
    dial::{DialFailure, DialPolicy},
    endpoint::NetError,
    event::{ConnectionSecret, NetEvent, NetEvents},
    gate::RefusalReason,
    handle::{NetHandle, SendError},
    lane::Lane,
    limits::{MAX_FRAME_BYTES, MAX_PAIR_FRAME_BYTES},
    metrics::{METRICS_TYPE, NetMetrics, ProcessMetrics, exposition, gauge, resident_bytes},
    pairing::{PairError, PairStream, PairTarget, pairing_key_hash},
    pins::{OtherCertificate, Pin, pin},
    probe::RelayTrouble,
    reason::{DisconnectReason, code},
    report::{RelayReport, RelayState, Report},
    status::{ConnectionStatus, PeerPath, PeerStatus, RelayStatus},
};

/// ALPN of the members' protocol.
pub const MEMBER_ALPN: &[u8] = b"linli/1";
/// ALPN of pairing.
pub const PAIR_ALPN: &[u8] = b"linli-pair/1";
/// Label of the TLS exporter of a member connection.
pub const SESSION_LABEL: &[u8] = b"linli/1 session";
/// Label of the TLS exporter of a pairing connection.
pub const PAIR_LABEL: &[u8] = b"linli-pair/1";
