//! The one task that owns the endpoint: it accepts, dials, adopts and replaces connections.

mod dialing;
mod relays;
mod settings;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use iroh::{
    Endpoint, EndpointId, RelayConfig, RelayUrl,
    endpoint::{Connection, Incoming, VarInt},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use crate::{
    MEMBER_ALPN,
    config::{Interfaces, NetConfig},
    dial::{Candidate, DialFailure, DialPolicy, Peer, Want, replaces},
    endpoint::{NetError, bind, relay_config},
    event::{EventSender, NetEvent, NetEvents, events},
    gate::Gate,
    handle::{Command, NetHandle, Shared},
    limits::{
        CLOSE_TIMEOUT, CONNECT_TIMEOUT, HANDSHAKES_MAX, PAIR_STREAMS_MAX, RELAY_WATCH_INTERVAL,
        STABLE_AFTER,
    },
    link::{self, Opened},
    mdns::{self, Found, Wish},
    pairing::{self, PairStream, PairTarget},
    pins::Pins,
    probe,
    reason::{DisconnectReason, code},
    status::PeerPath,
    sync::locked,
};

use relays::Home;

/// Starts the network and returns its handle and its events.
///
/// It runs until [`NetHandle::shutdown`] is called, or the last handle or the events are dropped.
///
/// # Errors
/// When the address cannot be bound or a relay URL makes no sense. mDNS never makes it fail.
pub async fn start(config: NetConfig) -> Result<(NetHandle, NetEvents), NetError> {
    let (sender, receiver) = events();
    let gate = Arc::new(Gate::new(config.members.clone(), sender.clone()));
    let pins = Pins::of(&config.relays);
    let endpoint = bind(&config, gate.clone(), &pins).await?;
    let ca = pins.trust(&config.relay_ca_der);
    let discovering = config.relays.iter().any(|relay| relay.quic_port.is_some());
    let relays = config.relays.iter().filter_map(|relay| relay_config(relay).ok());
    let relays: BTreeMap<_, _> = relays.map(|relay| (relay.url.clone(), Arc::new(relay))).collect();
    let shared = Arc::new(Shared {
        gate,
        peers: Mutex::new(BTreeMap::new()),
        pins,
        own_relays: Mutex::new(relays.keys().cloned().collect()),
        discovering: AtomicBool::new(discovering),
        troubles: Mutex::default(),
        denied: Mutex::default(),
    });
    let (commands, command_receiver) = mpsc::unbounded_channel();
    let (wish, finds) = start_mdns(&config, &endpoint);
    let mut probing = JoinSet::new();
    probing.spawn(probe::run(endpoint.clone(), shared.clone(), ca));
    let actor = Actor {
        endpoint: endpoint.clone(),
        me: endpoint.id(),
        shared: shared.clone(),
        events: sender.clone(),
        commands: command_receiver,
        wish,
        finds,
        policy: config.dial,
        want: Want::default(),
        dials: JoinSet::new(),
        handshakes: JoinSet::new(),
        links: JoinSet::new(),
        probing,
        next_number: 1,
        pair_streams: Arc::new(Semaphore::new(PAIR_STREAMS_MAX)),
        seekers: Vec::new(),
        relays,
        home: Home::default(),
    };
    tokio::spawn(actor.run());
    Ok((NetHandle { endpoint, shared, events: sender, commands }, receiver))
}

fn start_mdns(
    config: &NetConfig,
    endpoint: &Endpoint,
) -> (watch::Sender<Wish>, Option<mpsc::Receiver<Found>>) {
    let (wish, wishes) = watch::channel(Wish {
        discovery_secret: config.discovery_secret,
        members: config.members.clone(),
        ..Wish::default()
    });
    if config.interfaces == Interfaces::Off {
        return (wish, None);
    }
    let setup = mdns::Setup {
        me: endpoint.id(),
        port: endpoint.bound_sockets().iter().find(|s| s.is_ipv4()).map_or(0, |s| s.port()),
        interfaces: config.interfaces.clone(),
    };
    let (sender, finds) = mpsc::channel(64);
    tokio::spawn(mdns::run(setup, wishes, sender));
    (wish, Some(finds))
}

/// The outcome of a piece of work that may take a few seconds.
enum Work {
    Dialled {
        peer: EndpointId,
        outcome: Result<Opened, DialFailure>,
    },
    Accepted(Opened),
    Paired(PairStream),
    /// Turned away, timed out or failed; the gate has counted what is worth counting.
    Nothing,
}

/// The end of a link's run loop.
struct Ended {
    peer: EndpointId,
    number: u64,
    reason: DisconnectReason,
}

struct Seeker {
    key_hash: [u8; 10],
    found: oneshot::Sender<PairTarget>,
}

struct Actor {
    endpoint: Endpoint,
    me: EndpointId,
    shared: Arc<Shared>,
    events: EventSender,
    commands: mpsc::UnboundedReceiver<Command>,
    wish: watch::Sender<Wish>,
    finds: Option<mpsc::Receiver<Found>>,
    policy: DialPolicy,
    want: Want,
    /// Dials under way.
    dials: JoinSet<Work>,
    /// Incoming handshakes under way.
    handshakes: JoinSet<Work>,
    links: JoinSet<Ended>,
    /// Looks why relays do not answer.
    probing: JoinSet<()>,
    next_number: u64,
    pair_streams: Arc<Semaphore>,
    seekers: Vec<Seeker>,
    relays: BTreeMap<RelayUrl, Arc<RelayConfig>>,
    home: Home,
}

impl Actor {
    async fn run(mut self) {
        self.members_changed();
        let mut watch = interval(RELAY_WATCH_INTERVAL);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            let next_dial = self.dial_due(Instant::now());
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Shutdown { done }) => break Some(done),
                    Some(command) => self.command(command).await,
                    None => break None,
                },
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.incoming(incoming),
                    None => break None,
                },
                Some(work) = self.dials.join_next() => self.worked(work.unwrap_or(Work::Nothing)),
                Some(work) = self.handshakes.join_next() => self.worked(work.unwrap_or(Work::Nothing)),
                Some(Ok(ended)) = self.links.join_next() => self.ended(ended),
                _ = watch.tick() => self.watch_home_relay().await,
                found = next_find(&mut self.finds) => self.found(found),
                () = until(next_dial) => {}
                () = self.events.closed() => break None,
            }
        };
        self.stop().await;
        // Lets go of the endpoint first: whoever waited may want its port.
        drop(self);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    /// Ends every connection with a word, and lets the words be sent.
    async fn stop(&mut self) {
        for peer in std::mem::take(&mut *locked(&self.shared.peers)).into_values() {
            if let Some(link) = peer.link {
                link.end(DisconnectReason::Shutdown);
            }
        }
        self.dials.shutdown().await;
        self.handshakes.shutdown().await;
        self.probing.shutdown().await;
        while let Some(ended) = self.links.join_next().await {
            if let Ok(Ended { peer, number, reason }) = ended {
                self.events.control(NetEvent::Disconnected { peer, connection: number, reason });
            }
        }
        // The words are on their way; over a slow link QUIC would wait long for the last to be acknowledged.
        let _ = timeout(CLOSE_TIMEOUT, self.endpoint.close()).await;
    }

    /// Takes up a handshake, unless there are too many.
    fn incoming(&mut self, incoming: Incoming) {
        if self.handshakes.len() >= HANDSHAKES_MAX || self.events.is_congested() {
            incoming.refuse();
            return;
        }
        if self.handshakes.len() >= HANDSHAKES_MAX / 2 && !incoming.remote_addr_validated() {
            // An address that cannot prove itself is not worth a further packet.
            let _ = incoming.retry();
            return;
        }
        let streams = self.pair_streams.clone();
        self.handshakes.spawn(async move {
            match timeout(CONNECT_TIMEOUT, incoming).await {
                Ok(Ok(connection)) => accepted(connection, streams).await,
                Ok(Err(_)) | Err(_) => Work::Nothing,
            }
        });
    }

    fn worked(&mut self, work: Work) {
        match work {
            Work::Dialled { peer, outcome } => self.dialled(peer, outcome),
            Work::Accepted(opened) => self.opened(opened),
            Work::Paired(stream) => self.events.control(NetEvent::Pairing(stream)),
            Work::Nothing => {}
        }
    }

    /// Adopts an opened connection, or closes it where another of the pair stands.
    fn opened(&mut self, opened: Opened) {
        let id = opened.connection.remote_id();
        if !self.shared.gate.is_member(&id) {
            link::close(&opened.connection, &DisconnectReason::NotMember);
            return;
        }
        let by_lower = opened.initiator == (self.me < id);
        let mut peers = locked(&self.shared.peers);
        let peer = peers.entry(id).or_default();
        if self.me > id
            && !opened.initiator
            && let Some(dialing) = peer.dialing.take()
        {
            // The lower id's connection stands in any case.
            dialing.abort();
        }
        let Some(standing) = &peer.link else {
            Self::adopt(peer, opened, &mut self.next_number, &self.events, &mut self.links);
            if peers.values().filter(|peer| peer.link.is_some()).nth(1).is_none() {
                peers.values_mut().for_each(Peer::network_is_back);
            }
            return;
        };
        let candidate =
            Candidate { by_lower: standing.initiator == (self.me < id), age: standing.age() };
        if replaces(candidate, by_lower) {
            standing.end(DisconnectReason::Replaced);
            if let Some(passed_over) = peer.successor.replace(opened) {
                link::close(&passed_over.connection, &DisconnectReason::Replaced);
            }
        } else {
            link::close(&opened.connection, &DisconnectReason::Replaced);
        }
    }

    fn adopt(
        peer: &mut Peer,
        opened: Opened,
        next_number: &mut u64,
        events: &EventSender,
        links: &mut JoinSet<Ended>,
    ) {
        let number = *next_number;
        *next_number += 1;
        let (link, running) = link::start(opened, number, events.clone());
        let id = link.peer;
        tracing::debug!(peer = %id.fmt_short(), connection = number, initiator = link.initiator, path = link.last_path().word(), "connected");
        peer.link = Some(link);
        peer.not_before = None;
        peer.last_failure = None;
        links.spawn(async move { Ended { peer: id, number, reason: running.await } });
    }

    fn ended(&mut self, ended: Ended) {
        let Ended { peer: id, number, reason } = ended;
        tracing::debug!(peer = %id.fmt_short(), connection = number, %reason, "disconnected");
        let mut peers = locked(&self.shared.peers);
        let Some(peer) = peers.get_mut(&id) else { return };
        let Some(link) = peer.link.take_if(|link| link.number == number) else { return };
        match link.last_path() {
            PeerPath::Direct(address) => peer.learned = Some(address),
            PeerPath::Relayed(url) if reason == DisconnectReason::Silent => self.home.doubt(url),
            PeerPath::Relayed(_) | PeerPath::None => {}
        }
        let refusal = if let DisconnectReason::RefusedByPeer { words } = &reason {
            Some(words.clone())
        } else {
            None
        };
        self.events.control(NetEvent::Disconnected { peer: id, connection: number, reason });
        if let Some(words) = refusal {
            self.events.control(NetEvent::RefusedBy { peer: id, words: words.clone() });
            peer.failed(DialFailure::Refused { words }, Instant::now(), self.me.as_bytes());
        } else if link.age() >= STABLE_AFTER {
            peer.succeeded();
        } else {
            peer.failed(DialFailure::ShortLived, Instant::now(), self.me.as_bytes());
        }
        if !self.shared.gate.is_member(&id) {
            peers.remove(&id);
            return;
        }
        let Some(successor) = peer.successor.take() else { return };
        if successor.connection.close_reason().is_none() {
            Self::adopt(peer, successor, &mut self.next_number, &self.events, &mut self.links);
        }
    }
}

async fn accepted(connection: Connection, pair_streams: Arc<Semaphore>) -> Work {
    if connection.alpn() == MEMBER_ALPN {
        return link::open_lanes(connection, false).await.map_or(Work::Nothing, Work::Accepted);
    }
    match pairing::accept(connection.clone(), pair_streams).await {
        Ok(stream) => Work::Paired(stream),
        Err(error) => {
            connection.close(VarInt::from_u32(code::GARBAGE), error.to_string().as_bytes());
            Work::Nothing
        }
    }
}

async fn next_find(finds: &mut Option<mpsc::Receiver<Found>>) -> Found {
    if let Some(receiver) = finds {
        if let Some(found) = receiver.recv().await {
            return found;
        }
        *finds = None;
    }
    pending().await
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// Forgets peers that are nobody's business any more: not members, not connected, no address told.
fn forget(peers: &mut BTreeMap<EndpointId, Peer>, members: &BTreeSet<EndpointId>) {
    peers.retain(|id, peer| {
        members.contains(id)
            || peer.link.is_some()
            || !peer.told.is_empty()
            || !peer.relays.is_empty()
    });
}
