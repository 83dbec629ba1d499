//! What the network is started with.

use std::{collections::BTreeSet, fmt, net::SocketAddr};

use iroh::{EndpointId, SecretKey};

use crate::{
    dial::DialPolicy,
    endpoint::{NetError, relay_config},
    pins::Pin,
};

/// A relay of the community.
#[derive(Clone, PartialEq, Eq)]
pub struct RelaySettings {
    /// `https://relay.example:443` or, in a closed network, `http://10.0.0.2:3340`.
    pub url: String,
    /// Sent as a bearer token; the relay decides by it and by the proven endpoint id.
    pub auth_token: Option<String>,
    /// UDP port where the relay tells this node its public address (QUIC address discovery).
    pub quic_port: Option<u16>,
    /// SHA-256 of its own certificate, trusted besides what authorities signed.
    pub pin: Option<Pin>,
}

impl RelaySettings {
    /// A relay of which nothing but the URL is known.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), auth_token: None, quic_port: None, pin: None }
    }

    /// The URL as relays are compared by it.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn normal_url(&self) -> Result<String, NetError> {
        Ok(relay_config(self)?.url.to_string())
    }
}

impl fmt::Debug for RelaySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelaySettings")
            .field("url", &self.url)
            .field("has_auth_token", &self.auth_token.is_some())
            .field("quic_port", &self.quic_port)
            .field("pin", &self.pin.map(hex::encode))
            .finish()
    }
}

/// Where mDNS speaks and listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interfaces {
    /// On every interface but loopback.
    #[default]
    All,
    /// On IPv4 loopback only: several nodes of one machine.
    Loopback,
    /// On these interfaces only, for example `eth0`.
    Named(Vec<String>),
    /// Nowhere.
    Off,
}

/// What the network is started with. Whatever is neither named here nor named by a connected peer as its own address is
/// never contacted.
#[derive(Clone)]
pub struct NetConfig {
    /// The node's Ed25519 key; its public half is the endpoint id.
    pub secret_key: SecretKey,
    /// UDP address to listen on; `None`: any free port on all interfaces, IPv4 and IPv6.
    pub bind: Option<SocketAddr>,
    /// How many leading bits of the `bind` address are its network's (RFC 4632). No datagram then goes to an address
    /// outside that network unless one came from there: neither to addresses this node was told, nor to those that
    /// peers name while they look for better paths. `None`: any address.
    pub prefix_length: Option<u8>,
    /// Relays to stay connected to and to reach others through.
    pub relays: Vec<RelaySettings>,
    /// Further certificate authorities (X.509 DER) for relays, beside the public ones: for self-signed relays.
    pub relay_ca_der: Vec<Vec<u8>>,
    /// No UDP at all: everything goes through relays.
    pub relay_only: bool,
    /// Where mDNS works.
    pub interfaces: Interfaces,
    /// Secret of the community's members from which daily mDNS aliases come; without one mDNS keeps still.
    pub discovery_secret: Option<[u8; 32]>,
    /// Which members are dialled.
    pub dial: DialPolicy,
    /// Who may connect at the start.
    pub members: BTreeSet<EndpointId>,
}

impl NetConfig {
    /// A node that listens on any port, uses mDNS on all interfaces, has no relay and knows nobody.
    pub fn new(secret_key: SecretKey) -> Self {
        Self {
            secret_key,
            bind: None,
            prefix_length: None,
            relays: Vec::new(),
            relay_ca_der: Vec::new(),
            relay_only: false,
            interfaces: Interfaces::default(),
            discovery_secret: None,
            dial: DialPolicy::default(),
            members: BTreeSet::new(),
        }
    }
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("bind", &self.bind)
            .field("prefix_length", &self.prefix_length)
            .field("relays", &self.relays)
            .field("relay_only", &self.relay_only)
            .field("interfaces", &self.interfaces)
            .field("dial", &self.dial)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}
