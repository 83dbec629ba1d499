//! Why a relay cannot run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use linli_net::NetError;
use linli_replica::directory::NotMember;
use linli_store::StoreError;
use linli_store::keyring::KeyringError;

/// Why a relay cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The passphrase or the key file.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The carrier's endpoint.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The data directory belongs to no community yet.
    #[error("this relay belongs to no community yet: join one with `linli relay join CODE`")]
    NotEnrolled,
    /// The community put the relay out, or its certificates do not count.
    #[error("the relay cannot serve its community: {0}")]
    NotMember(NotMember),
    /// What the store keeps of the relay cannot be read.
    #[error("what the store keeps of this relay cannot be read: restore the latest backup")]
    Damaged,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: stop the other program, or choose another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The status page could be read from other machines.
    #[error("the status address {0} can be reached from outside: use 127.0.0.1 or [::1]")]
    StatusNotLoopback(SocketAddr),
    /// The URL that members would be told is none.
    #[error("`{0}` is no URL of a relay: write it like https://relay.example:443")]
    PublicUrl(String),
    /// The relay server does not start.
    #[error(
        "the relay server cannot start: check that its addresses are free and belong to this machine"
    )]
    Server(#[source] Box<iroh_relay::server::SpawnError>),
    /// The relay server ended although nobody stopped it.
    #[error("the relay server ended by itself; start the relay again")]
    ServerEnded,
    /// A file cannot be read.
    #[error("{path} cannot be read, or is larger than any file of its kind")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The certificate and the key make no TLS server.
    #[error("the certificate and its key cannot be used for TLS: {0}")]
    Tls(String),
}
