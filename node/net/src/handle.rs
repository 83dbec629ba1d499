//! The owner's handle: nothing here waits for the actor.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use iroh::{Endpoint, EndpointAddr, EndpointId, RelayUrl, Watcher};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    config::RelaySettings,
    dial::{DialPolicy, Peer},
    endpoint::{NetError, relay_config},
    event::EventSender,
    gate::Gate,
    lane::Lane,
    limits::MAX_FRAME_BYTES,
    outbox::PushError,
    pairing::{self, PairError, PairStream, PairTarget},
    pins::Pins,
    probe::Troubles,
    status::{PeerStatus, RelayStatus},
    sync::locked,
};

/// Why a frame was not sent. The frame comes back where it can be sent later.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The lane's queue to this peer is full; a `Writable` event follows.
    #[error("the queue to this peer is full; wait until it is writable")]
    Full(Vec<u8>),
    /// There is no connection to this peer.
    #[error("the peer is not connected; it is dialled by itself")]
    NotConnected(Vec<u8>),
    /// Over [`MAX_FRAME_BYTES`].
    #[error(
        "a frame of {bytes} bytes is over the {MAX_FRAME_BYTES} bytes that a lane takes: split it"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// An empty frame is the network's own heartbeat.
    #[error("an empty frame cannot be sent")]
    Empty,
}

/// What the handles and the actor share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) peers: Mutex<BTreeMap<EndpointId, Peer>>,
    pub(crate) own_relays: Mutex<BTreeSet<RelayUrl>>,
    /// Whether one of them is to tell this node its public address, over UDP.
    pub(crate) discovering: AtomicBool,
    pub(crate) troubles: Mutex<Troubles>,
    /// What relays said that did not let this node in.
    pub(crate) denied: Mutex<BTreeMap<RelayUrl, String>>,
    pub(crate) pins: Pins,
}

/// What a handle asks of the actor.
#[derive(Debug)]
pub(crate) enum Command {
    MembersChanged,
    SetAddresses {
        peer: EndpointId,
        addresses: BTreeSet<SocketAddr>,
        relays: BTreeSet<RelayUrl>,
    },
    SetDialPolicy(DialPolicy),
    SetDiscoverySecret(Option<[u8; 32]>),
    SetRelays(Vec<iroh::RelayConfig>),
    DialNow(EndpointId),
    Disconnect(EndpointId),
    OfferPairing(bool),
    FindInviter {
        key_hash: [u8; 10],
        found: oneshot::Sender<PairTarget>,
    },
    /// Somebody stopped waiting for an inviter.
    StopLooking,
    Shutdown {
        done: oneshot::Sender<()>,
    },
}

/// A handle to the running network; clones share it. Its calls return at once except where they are `async`.
#[derive(Clone, Debug)]
pub struct NetHandle {
    pub(crate) endpoint: Endpoint,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: EventSender,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

impl NetHandle {
    /// This node's endpoint id.
    pub fn id(&self) -> EndpointId {
        self.endpoint.id()
    }

    /// The UDP addresses this node listens on.
    pub fn bound_addresses(&self) -> Vec<SocketAddr> {
        self.endpoint.bound_sockets()
    }

    /// Queues a frame of 1 to [`MAX_FRAME_BYTES`] bytes for a connected peer.
    ///
    /// # Errors
    /// When the queue is full, the peer is not connected, or the size is wrong.
    pub fn try_send(&self, peer: &EndpointId, lane: Lane, frame: Vec<u8>) -> Result<(), SendError> {
        if frame.is_empty() {
            return Err(SendError::Empty);
        }
        if frame.len() > MAX_FRAME_BYTES {
            return Err(SendError::TooLarge { bytes: frame.len() });
        }
        let link = locked(&self.shared.peers).get(peer).and_then(|peer| peer.link.clone());
        let Some(link) = link else { return Err(SendError::NotConnected(frame)) };
        link.outbox(lane).push(frame).map_err(|error| match error {
            PushError::Full(frame) => SendError::Full(frame),
            PushError::Closed(frame) => SendError::NotConnected(frame),
        })
    }

    /// Sets who may connect, from now on; whoever is no longer among them is disconnected.
    pub fn set_members(&self, members: BTreeSet<EndpointId>) {
        self.shared.gate.set_members(members);
        self.ask(Command::MembersChanged);
    }

    /// Sets where a peer may be reached, beside what mDNS finds: direct addresses (8 at most) and relay URLs (none:
    /// this node's own relays).
    ///
    /// # Errors
    /// When a relay URL makes no sense.
    pub fn set_addresses(
        &self,
        peer: EndpointId,
        addresses: impl IntoIterator<Item = SocketAddr>,
        relays: &[String],
    ) -> Result<(), NetError> {
        let relays = relay_urls(relays)?;
        let addresses = crate::dial::capped(addresses);
        self.ask(Command::SetAddresses { peer, addresses, relays });
        Ok(())
    }

    /// Sets which members this node dials.
    pub fn set_dial_policy(&self, policy: DialPolicy) {
        self.ask(Command::SetDialPolicy(policy));
    }

    /// Sets the secret of the daily mDNS aliases; `None` silences mDNS for members.
    pub fn set_discovery_secret(&self, secret: Option<[u8; 32]>) {
        self.ask(Command::SetDiscoverySecret(secret));
    }

    /// Sets this node's relays, and which of their certificates are trusted.
    ///
    /// # Errors
    /// When a relay URL makes no sense; nothing is changed then.
    pub fn set_relays(&self, relays: &[RelaySettings]) -> Result<(), NetError> {
        let configs = relays.iter().map(relay_config).collect::<Result<Vec<_>, _>>()?;
        self.shared.pins.set(relays);
        self.ask(Command::SetRelays(configs));
        Ok(())
    }

    /// Dials a member now, whatever the back-off says.
    pub fn dial_now(&self, peer: EndpointId) {
        self.ask(Command::DialNow(peer));
    }

    /// Ends the connection to a peer. It is dialled again unless the members or the dial policy leave it out.
    pub fn disconnect(&self, peer: EndpointId) {
        self.ask(Command::Disconnect(peer));
    }

    /// Everything known about every peer.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let now = Instant::now();
        let peers = locked(&self.shared.peers);
        peers
            .iter()
            .map(|(id, peer)| PeerStatus {
                peer: *id,
                connected: peer.link.as_ref().map(|link| link.status()),
                dialing: peer.dialing.is_some(),
                failures: peer.failures,
                last_failure: peer.last_failure.clone(),
                retry_in: peer.not_before.map(|at| at.saturating_duration_since(now)),
                addresses: peer.sockets().into_iter().collect(),
                on_lan: !peer.found.is_empty(),
            })
            .collect()
    }

    /// The connection to the home relays.
    pub fn relays(&self) -> Vec<RelayStatus> {
        let mut statuses = self.endpoint.home_relay_status();
        statuses
            .get()
            .iter()
            .map(|status| RelayStatus {
                url: status.url().to_string(),
                connected: status.is_connected(),
                denied: status.auth_denied_reason().map(ToOwned::to_owned),
                last_error: status.last_error().map(ToString::to_string),
            })
            .collect()
    }

    /// Bytes of a lane, over all peers, that have arrived and wait in [`NetEvents`](crate::NetEvents); each frame counts
    /// 64 bytes more than its length.
    pub fn untaken_bytes(&self, lane: Lane) -> usize {
        self.events.untaken_bytes(lane)
    }

    /// How many connections the gate has turned away since the start.
    pub fn refused_total(&self) -> u64 {
        self.shared.gate.refused_total()
    }

    /// Arms or disarms pairing: while armed, anybody may open a pairing stream, and mDNS shows this node's id.
    pub fn offer_pairing(&self, offer: bool) {
        self.shared.gate.open_pairing(offer);
        self.ask(Command::OfferPairing(offer));
    }

    /// Looks on the local network for the inviter whose key hash a pairing code holds.
    ///
    /// # Errors
    /// [`PairError::NotFound`] when it does not show itself in time.
    pub async fn find_inviter(
        &self,
        key_hash: [u8; 10],
        within: Duration,
    ) -> Result<PairTarget, PairError> {
        let (found, finding) = oneshot::channel();
        self.ask(Command::FindInviter { key_hash, found });
        match timeout(within, finding).await {
            Ok(Ok(target)) => Ok(target),
            Ok(Err(_gone)) => Err(PairError::Stopped),
            Err(_elapsed) => {
                self.ask(Command::StopLooking);
                Err(PairError::NotFound)
            }
        }
    }

    /// Opens a pairing stream to an inviting node.
    ///
    /// # Errors
    /// When the node does not answer, does not offer pairing, or a relay URL makes no sense.
    pub async fn pair_dial(&self, target: &PairTarget) -> Result<PairStream, PairError> {
        let mut relays = relay_urls(&target.relays)
            .map_err(|error| PairError::Failed { what: error.to_string() })?;
        if relays.is_empty() {
            relays.clone_from(&locked(&self.shared.own_relays));
        }
        let mut address = EndpointAddr::new(target.id);
        for socket in &target.addresses {
            address = address.with_ip_addr(*socket);
        }
        for relay in relays {
            address = address.with_relay_url(relay);
        }
        pairing::dial(&self.endpoint, address).await
    }

    /// Closes every connection and stops. Returns when the peers have been told, after 3 s at most.
    pub async fn shutdown(&self) {
        let (done, finished) = oneshot::channel();
        self.ask(Command::Shutdown { done });
        let _ = finished.await;
    }

    /// The actor may have stopped already; then there is nothing to be done.
    fn ask(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

fn relay_urls(urls: &[String]) -> Result<BTreeSet<RelayUrl>, NetError> {
    urls.iter()
        .map(|url| url.parse().map_err(|_bad| NetError::RelayUrl { url: url.clone() }))
        .collect()
}
