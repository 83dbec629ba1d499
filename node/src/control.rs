//! The control interface: HTTP with JSON over the node's control socket, and for devices over loopback
//! TCP with a bearer token.
//!
//! `POST /v1/<method>` takes a request of [`crate::api`] and answers it; `GET /health` says whether
//! the node does its work, `GET /metrics` gives its figures. Devices need no more than `POST /v1/readings` and `POST /v1/button`. The socket lies
//! in the data directory, which only its owner can enter, so it asks for no token.
//! `docs/spec/control.md` describes both.

mod client;
pub(crate) mod listen;
mod pages;
mod routes;
mod server;
mod token;

pub use client::{Client, ClientError, DEVICE_PATIENCE, DeviceClient};
pub use routes::Handler;
pub(crate) use routes::Refusal;
pub use server::{ControlError, Server};

/// What a request or an answer may cost.
pub mod limits {
    use std::time::Duration;

    /// The largest request body, in bytes. Files are given as paths, so the largest request is a
    /// form filled in by a person; this leaves it room a hundred times over.
    pub const MAX_REQUEST_BYTES: usize = 1 << 20;

    /// The largest answer a client reads, in bytes: a list of 10,000 documents with heads and
    /// holders is about 10 MB.
    pub const MAX_ANSWER_BYTES: usize = 64 << 20;

    /// Connections at once, each to the socket and to the device address: eight operators and
    /// their scripts, several times over. Further ones wait.
    pub const MAX_CONNECTIONS: usize = 64;

    /// How long a caller may take to send the head of a request, and then its body.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

    /// How long requests under way may take to end once the node stops.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);
}
