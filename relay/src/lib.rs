//! The relay of a community: forwards live connections of members who cannot reach each other
//! directly, and keeps sealed entries for those who are away. It reads nothing.
//!
//! Two things in one process. The **relay server** (iroh-relay) passes encrypted packets on between
//! endpoints that its community's directory admits. The **carrier** is a node without content keys:
//! an endpoint of its own ([`linli_net`]), a [`Replica`](linli_replica::replica::Replica) with a
//! carrier's [`Policy`](linli_replica::replica::Policy), and a [`Store`](linli_store::Store). It
//! verifies chains and signatures, holds entries durably, and gives them to members who name their
//! space. Nothing here links a crate that can decrypt an entry.
//!
//! [`Relay::start`] opens the data directory and begins; [`Relay::serve`] is the one loop: take one
//! input (a frame, a stored batch, a second passed, a question), carry all outputs out, wait. What
//! can be seen of members by a relay is listed in `docs/spec/relay.md`.

mod carrier;
mod clock;
mod error;
mod gate;
mod identity;
pub mod limits;
mod metrics;
mod options;
mod published;
mod relay;
mod server;
mod status;
mod tls;

pub use error::RelayError;
pub use options::{Certificate, Https, Options, policy, rate};
pub use relay::Relay;
pub use status::{Held, Ill, PeerStatus, Quota, RelayStatus, STATUS_SOCKET, Status, Way};
pub use tls::{CERTIFICATE_FILE, read_small_file};

/// Runs a relay until `stop` is done. Then everything accepted is durable.
///
/// # Errors
/// See [`RelayError`].
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> Result<(), RelayError> {
    Relay::start(options).await?.serve(stop).await
}
