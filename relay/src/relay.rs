//! A relay from start to stop: the one loop.

use std::net::SocketAddr;
use std::sync::Arc;

use iroh_relay::server::Server;
use linli_net::{DialPolicy, NetConfig, NetEvent, NetEvents, RelaySettings, SecretKey};
use linli_replica::complaints::Of;
use linli_replica::id::NodeId;
use linli_replica::replica::Input;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, timeout_at};
use zeroize::Zeroizing;

use crate::carrier::{Carrier, Held, PartDone, Stored, endpoint, node_id};
use crate::clock::now;
use crate::error::RelayError;
use crate::gate::Gate;
use crate::identity::{self, Identity};
use crate::limits::{QUESTIONS_MAX, STOP_TIMEOUT, TICK};
use crate::options::Options;
use crate::server::{self, Relaying};
use crate::status::{self, Facts, Question};
use crate::tls;

/// A relay that has started and waits to be served.
pub struct Relay {
    carrier: Carrier,
    server: Server,
    events: NetEvents,
    stored: mpsc::UnboundedReceiver<Stored>,
    parts: mpsc::UnboundedReceiver<PartDone>,
    facts: Facts,
    status: Option<(TcpListener, SocketAddr)>,
    socket: Option<UnixListener>,
    url: String,
    quic_port: Option<u16>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("node", &self.node()).finish_non_exhaustive()
    }
}

impl Relay {
    /// Opens the data directory, starts the relay server and the carrier's endpoint.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn start(options: Options) -> Result<Self, RelayError> {
        let status = match options.status {
            None => None,
            Some(address) => Some(status::bind(address).await?),
        };
        // Stretching the passphrase takes about a second; nothing else runs yet.
        let store = identity::open(&options.data, &options.passphrase)?;
        let identity = identity::identity(&store)?;
        let mut replica = identity::replica(&store, identity.node(), options.policy)?;
        let blobs = identity::blobs(&options.data, &mut replica)?;
        let gate = Arc::new(Gate::new(replica.directory()));
        let tls = options.https.as_ref();
        let tls = tls.map(|https| tls::prepare(https, &store, &options.data)).transpose()?;
        let relaying = server::start(&options, tls, Arc::clone(&gate)).await?;
        let (net, events) = linli_net::start(network(&options, &identity, &relaying)).await?;
        if let Some((peer, addresses)) = &identity.inviter
            && let Some(peer) = endpoint(peer)
        {
            net.set_addresses(peer, addresses.iter().copied(), &[])?;
        }
        let (sender, stored) = mpsc::unbounded_channel();
        let (parts, parts_done) = mpsc::unbounded_channel();
        let held = Held { store, blobs, stored: sender, parts };
        let mut carrier = Carrier::new(replica, held, net, gate, identity.key);
        carrier.told = relaying.told;
        carrier.warn_where_no_carrier();
        carrier.renew();
        carrier.admit(&relaying.server);
        let Relaying { server, url, fingerprint, quic_port, .. } = relaying;
        // Only the path may be too long for a socket; what matters works without.
        let socket = status::bind_socket(&options.data)
            .inspect_err(|error| tracing::warn!(%error, "there is no status socket"))
            .ok();
        let facts = Facts { policy: options.policy, fingerprint, since_ms: now().0 };
        let parts = parts_done;
        Ok(Self { carrier, server, events, stored, parts, facts, status, socket, url, quic_port })
    }

    /// The carrier's node id.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.carrier.replica.me()
    }

    /// UDP addresses of the carrier's endpoint.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.carrier.net.bound_addresses()
    }

    /// The URL under which this machine reaches the relay server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The UDP port of address discovery.
    #[must_use]
    pub const fn quic_port(&self) -> Option<u16> {
        self.quic_port
    }

    /// The loopback address of the status pages.
    #[must_use]
    pub fn status_address(&self) -> Option<SocketAddr> {
        self.status.as_ref().map(|(_, address)| *address)
    }

    /// SHA-256 of the self-signed certificate, 64 hex digits.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.facts.fingerprint.as_deref()
    }

    /// Serves until `stop` is done. Then nothing more is taken in, what was accepted becomes durable
    /// and is receipted, connections are closed, and at last the store.
    ///
    /// # Errors
    /// [`RelayError::ServerEnded`] where the relay server ended by itself; the order is kept.
    pub async fn serve(mut self, stop: impl Future<Output = ()>) -> Result<(), RelayError> {
        let mut pages = JoinSet::new();
        let (ask, mut questions) = mpsc::channel::<Question>(QUESTIONS_MAX);
        if let Some((listener, _)) = self.status.take() {
            pages.spawn(status::serve(listener, ask.clone()));
        }
        if let Some(socket) = self.socket.take() {
            pages.spawn(status::serve_socket(socket, ask.clone()));
        }
        tracing::info!(
            node = %self.node(),
            url = self.url,
            members_are_told = self.carrier.told.first().map(|told| told.url.as_str()),
            certificate_sha256 = self.fingerprint(),
            "relay started"
        );
        let mut service = linli_store::Service::default();
        service.ready("runs");
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        let ended = loop {
            let sends = self.carrier.has_room();
            tokio::select! {
                biased;
                () = &mut stop => break Ok(()),
                _ = self.server.join() => break Err(RelayError::ServerEnded),
                // Before the network: a flood of frames must not keep an expelled member in.
                _ = tick.tick() => {
                    service.alive();
                    self.carrier.tick(&self.server);
                }
                Some(stored) = self.stored.recv() => self.carrier.stored(stored),
                Some(done) = self.parts.recv() => self.carrier.part_done(done),
                Some(question) = questions.recv() => {
                    question.answer(&self.carrier, &self.server, &self.facts);
                }
                event = self.events.recv() => match event {
                    Some(event) => self.event(event),
                    None => break Err(linli_net::NetError::Stopped.into()),
                },
                () = std::future::ready(()), if sends => {}
            }
            self.carrier.send_more();
            // What was given to other tasks goes on before the next turn, not only after many.
            tokio::task::yield_now().await;
        };
        service.stopping();
        pages.shutdown().await;
        self.close(ended.is_ok()).await;
        ended
    }

    fn event(&mut self, event: NetEvent) {
        let carrier = &mut self.carrier;
        match event {
            NetEvent::Connected { peer, connection_secret, initiator, .. } => {
                let (name, peer, secret) = (peer.fmt_short(), node_id(&peer), connection_secret.0);
                if let Some(times) = carrier.complaints.note(peer, Of::Connected, now()) {
                    tracing::info!(peer = %name, times, "connected");
                }
                carrier.feed(Input::Connected { peer, secret, initiator });
            }
            NetEvent::Disconnected { peer, reason, .. } => {
                let (name, peer) = (peer.fmt_short(), node_id(&peer));
                if let Some(times) = carrier.complaints.note(peer, Of::Disconnected, now()) {
                    tracing::info!(peer = %name, %reason, times, "disconnected");
                }
                carrier.disconnected(peer);
            }
            NetEvent::Frame { peer, lane, bytes } => carrier.frame(node_id(&peer), lane, bytes),
            NetEvent::Writable { peer, lane } => carrier.writable(peer, lane),
            NetEvent::Refused { endpoint, reason, count } => {
                tracing::warn!(endpoint = %endpoint.fmt_short(), %reason, count, "refused an endpoint");
            }
            NetEvent::RefusedBy { peer, words } => {
                tracing::warn!(peer = %peer.fmt_short(), %words, "refused by a peer");
            }
            NetEvent::MdnsFailed { what } => {
                tracing::warn!(%what, "mDNS does not work; other ways go on");
            }
            // A relay never opens pairing.
            NetEvent::Pairing(_) | NetEvent::PathChanged { .. } => {}
        }
    }

    async fn close(self, server_runs: bool) {
        let Self { mut carrier, server, mut stored, .. } = self;
        let end = Instant::now() + STOP_TIMEOUT;
        while carrier.is_storing() {
            match timeout_at(end, stored.recv()).await {
                Ok(Some(done)) => carrier.stored(done),
                Ok(None) | Err(_) => {
                    tracing::warn!(
                        "the store is slow: what was accepted is written, but not receipted"
                    );
                    break;
                }
            }
        }
        carrier.net.shutdown().await;
        if server_runs && let Err(error) = server.shutdown().await {
            tracing::warn!(%error, "the relay server did not end in order");
        }
        // Dropping the store waits for its writers.
        if tokio::task::spawn_blocking(move || drop(carrier)).await.is_err() {
            tracing::error!("the store did not close in order");
        }
    }
}

fn network(options: &Options, identity: &Identity, relaying: &Relaying) -> NetConfig {
    let seed = Zeroizing::new(identity.key.to_bytes());
    let own = RelaySettings { quic_port: relaying.quic_port, ..RelaySettings::new(&relaying.url) };
    NetConfig {
        bind: options.listen,
        prefix_length: options.prefix_length,
        relays: vec![own],
        relay_ca_der: relaying.authorities.clone(),
        interfaces: options.mdns.clone(),
        discovery_secret: Some(identity.discovery),
        dial: DialPolicy::Nobody,
        ..NetConfig::new(SecretKey::from_bytes(&seed))
    }
}
