//! What a relay is started with.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use linli_net::Interfaces;
use linli_replica::replica::Policy;
use zeroize::Zeroizing;

use crate::limits::MEMBER_BYTES_PER_SECOND;

/// What a relay is started with. Whatever is not named here is never contacted.
#[derive(Clone)]
pub struct Options {
    /// The data directory, made and enrolled before; only one program may use it at a time.
    pub data: PathBuf,
    /// Unlocks the data directory.
    pub passphrase: Zeroizing<String>,
    /// TCP address of the relay over plain HTTP, for closed networks. With `https` it answers only
    /// the probe for captive portals. The relayed connections are encrypted end to end either way.
    pub http: SocketAddr,
    /// The relay over HTTPS.
    pub https: Option<Https>,
    /// The URL by which members reach the relay, which they are told; none: it is made of the names and addresses it
    /// listens on, unless those say nothing to other machines.
    pub public_url: Option<String>,
    /// UDP address of the carrier's endpoint; none: any free port on all interfaces.
    pub listen: Option<SocketAddr>,
    /// How many leading bits of `listen` are its network's; the carrier's endpoint begins no direct
    /// path out of that network. None: to any address.
    pub prefix_length: Option<u8>,
    /// Where the carrier's mDNS works.
    pub mdns: Interfaces,
    /// Loopback TCP address of `GET /health`, `/status` and `/metrics`; none: only the socket in the data
    /// directory serves them.
    pub status: Option<SocketAddr>,
    /// What is kept for members.
    pub policy: Policy,
    /// Bytes a second that the relay server takes from each connection of a member; 0: as many as come. Beyond
    /// them it reads later, and TCP slows the member down.
    pub member_bytes_per_second: u32,
}

/// What is kept with quotas in MiB: for each member, and for the whole community. Blobs have as much again, counted
/// apart, so that photos never keep an entry out. `prunes` says whether orders to prune are carried out.
#[must_use]
pub fn policy(quota_mib: u32, community_mib: u32, prunes: bool) -> Policy {
    let bytes = |mib| u64::from(mib) << 20;
    Policy {
        quota_bytes: bytes(quota_mib),
        community_bytes: bytes(community_mib),
        blob_bytes: bytes(quota_mib),
        blob_bytes_all: bytes(community_mib),
        prunes,
        ..Policy::CARRIER
    }
}

/// Bytes a second of a rate in Mbit/s (10⁶ bits).
#[must_use]
pub fn rate(megabits: u32) -> u32 {
    megabits.saturating_mul(125_000)
}

impl Options {
    /// A relay over plain HTTP that keeps what [`Policy::CARRIER`] says and has no status page.
    #[must_use]
    pub fn new(data: PathBuf, passphrase: String, http: SocketAddr) -> Self {
        Self {
            data,
            passphrase: Zeroizing::new(passphrase),
            http,
            https: None,
            public_url: None,
            listen: None,
            prefix_length: None,
            mdns: Interfaces::All,
            status: None,
            policy: Policy::CARRIER,
            member_bytes_per_second: MEMBER_BYTES_PER_SECOND,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("http", &self.http)
            .field("https", &self.https)
            .field("public_url", &self.public_url)
            .field("listen", &self.listen)
            .field("prefix_length", &self.prefix_length)
            .field("mdns", &self.mdns)
            .field("status", &self.status)
            .field("policy", &self.policy)
            .field("member_bytes_per_second", &self.member_bytes_per_second)
            .finish_non_exhaustive()
    }
}

/// The relay over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Https {
    /// TCP address.
    pub listen: SocketAddr,
    /// UDP address of QUIC address discovery, by which members behind NAT learn their public
    /// address and find direct paths; none: all their traffic stays on the relay.
    pub quic: Option<SocketAddr>,
    /// What proves the relay's name.
    pub certificate: Certificate,
}

/// What proves the relay's name to TLS clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// PEM files of a certificate chain and its key (PKCS #8, SEC 1 or PKCS #1).
    Files {
        /// The chain, the relay's own certificate first.
        chain: PathBuf,
        /// Its private key.
        key: PathBuf,
        /// The host name it is for, under which the carrier reaches its own relay.
        name: String,
    },
    /// A certificate that the relay makes once and keeps. Members trust it by the file
    /// `relay.cert.pem` that is written into the data directory.
    SelfSigned {
        /// Host names and IP addresses under which members reach the relay; loopback is added.
        names: Vec<String>,
    },
}
