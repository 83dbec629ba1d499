//! What can be seen of the network at a moment.

use std::{net::SocketAddr, time::Duration};

use iroh::{EndpointId, TransportAddr, endpoint::Connection};

use crate::dial::DialFailure;

/// How a connection's bytes travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerPath {
    /// Straight to this address.
    Direct(SocketAddr),
    /// Through the relay with this URL.
    Relayed(String),
    /// No path at this moment.
    None,
}

impl PeerPath {
    /// What kind of way it is: logs name no addresses.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Direct(_) => "direct",
            Self::Relayed(_) => "relayed",
            Self::None => "none",
        }
    }

    /// The path a connection has selected, with its round-trip time.
    pub(crate) fn of(connection: &Connection) -> (Self, Option<Duration>) {
        let paths = connection.paths();
        let Some(path) =
            paths.iter().find(|path| path.is_selected()).or_else(|| paths.iter().next())
        else {
            return (Self::None, None);
        };
        let way = match path.remote_addr() {
            TransportAddr::Ip(address) => Self::Direct(*address),
            TransportAddr::Relay(url) => Self::Relayed(url.to_string()),
            // A custom transport, which this endpoint has none of.
            TransportAddr::Custom(_) | _ => Self::None,
        };
        (way, Some(path.rtt()))
    }
}

/// One open connection.
#[derive(Clone, Debug)]
pub struct ConnectionStatus {
    /// The number its `Connected` event carried.
    pub connection: u64,
    /// This side dialled.
    pub initiator: bool,
    /// How the bytes travel.
    pub path: PeerPath,
    /// Round-trip time of the path.
    pub round_trip: Option<Duration>,
    /// How long it has stood.
    pub since: Duration,
    /// UDP bytes sent, retransmissions included.
    pub bytes_sent: u64,
    /// UDP bytes received.
    pub bytes_received: u64,
    /// Bytes queued and not yet handed to QUIC, over all lanes.
    pub bytes_queued: usize,
}

/// One peer this node knows or is connected to.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Who.
    pub peer: EndpointId,
    /// Its connection, if there is one.
    pub connected: Option<ConnectionStatus>,
    /// A dial is under way.
    pub dialing: bool,
    /// Dials that failed in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_failure: Option<DialFailure>,
    /// Time to the next dial; `None` when none is planned.
    pub retry_in: Option<Duration>,
    /// Where the peer may be reached directly.
    pub addresses: Vec<SocketAddr>,
    /// Found on the local network by mDNS.
    pub on_lan: bool,
}

/// The connection to one relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayStatus {
    /// Which.
    pub url: String,
    /// The relay lets this node in, and the connection stands.
    pub connected: bool,
    /// The relay's words when it denied this node's token.
    pub denied: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
}
