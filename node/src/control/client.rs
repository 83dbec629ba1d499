//! The clients of the control socket and of the device address.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use super::limits::MAX_ANSWER_BYTES;
use crate::api::{ApiError, Method};

/// How long a node may take to answer a device: an alert on a full disk is answered sooner.
pub const DEVICE_PATIENCE: Duration = Duration::from_secs(30);

/// Calls the node of one data directory. Each call has a connection of its own, so calls may run side by
/// side.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the socket.
    #[error("the node is not running: start it with `linli up`")]
    NotRunning {
        /// Where it would listen: a path, or the device address.
        socket: PathBuf,
    },
    /// The socket cannot be used.
    #[error("cannot speak to the node at {socket}")]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The node ended, or was stopped, before it answered.
    #[error("the node broke off before it answered: look at its log, start it and try again")]
    BrokenOff(#[source] hyper::Error),
    /// The answer is larger than a client reads.
    #[error("the answer is larger than {MAX_ANSWER_BYTES} bytes: ask for a part of it")]
    TooLarge,
    /// The answer is not what this program knows.
    #[error(
        "the answer cannot be read: the node may be of another version than this program; restart the node"
    )]
    Answer(#[source] serde_json::Error),
    /// The request cannot be written.
    #[error("the request cannot be written")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The node refused.
    #[error(transparent)]
    Refused(#[from] ApiError),
}

impl ClientError {
    fn unopened(socket: PathBuf, source: io::Error) -> Self {
        let nobody = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
        match nobody.contains(&source.kind()) {
            true => Self::NotRunning { socket },
            false => Self::Unreachable { socket, source },
        }
    }
}

impl Client {
    /// Calls whichever node listens at the socket when it is called: none has to yet.
    #[must_use]
    pub const fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Finds out whether a node listens at the socket.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] when nobody does; else when the socket cannot be used.
    pub async fn connect(socket: &Path) -> Result<Self, ClientError> {
        let client = Self { socket: socket.to_owned() };
        client.open().await?;
        Ok(client)
    }

    /// Calls a method.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the node's own error; else when it cannot be reached or understood.
    pub async fn call<M: Method>(&self, method: &M) -> Result<M::Answer, ClientError> {
        let body =
            serde_json::to_value(method).map_err(|error| ClientError::Request(error.into()))?;
        let answer = self.call_json(M::NAME, &body).await?;
        serde_json::from_value(answer).map_err(ClientError::Answer)
    }

    /// Calls a method by its name, with JSON in and out.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_json(&self, name: &str, body: &Value) -> Result<Value, ClientError> {
        let request = Request::post(format!("/v1/{name}"))
            .header(header::HOST, "linli")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| ClientError::Request(error.into()))?;
        let (status, bytes) = exchange(self.open().await?, request).await?;
        match status {
            StatusCode::OK => serde_json::from_slice(&bytes).map_err(ClientError::Answer),
            _ => Err(match serde_json::from_slice::<ApiError>(&bytes) {
                Ok(refusal) => ClientError::Refused(refusal),
                Err(error) => ClientError::Answer(error),
            }),
        }
    }

    /// Looks at a page, with its HTTP status.
    ///
    /// # Errors
    /// It cannot be reached or understood.
    pub async fn look(&self, path: &str) -> Result<(u16, Value), ClientError> {
        let request = Request::get(path)
            .header(header::HOST, "linli")
            .body(Full::default())
            .map_err(|error| ClientError::Request(error.into()))?;
        let (status, bytes) = exchange(self.open().await?, request).await?;
        let page = serde_json::from_slice(&bytes).map_err(ClientError::Answer)?;
        Ok((status.as_u16(), page))
    }

    async fn open(&self) -> Result<UnixStream, ClientError> {
        let opened = UnixStream::connect(&self.socket).await;
        opened.map_err(|source| ClientError::unopened(self.socket.clone(), source))
    }
}

/// Speaks to the device address of a node on this machine, as a sensor or a button does.
#[derive(Debug, Clone)]
pub struct DeviceClient {
    address: SocketAddr,
    bearer: HeaderValue,
}

impl DeviceClient {
    /// Takes the device address and the token of its node.
    ///
    /// # Errors
    /// The token holds what no header may.
    pub fn new(address: SocketAddr, token: &str) -> Result<Self, ClientError> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|error| ClientError::Request(error.into()))?;
        bearer.set_sensitive(true);
        Ok(Self { address, bearer })
    }

    /// Sends the JSON of a reading (`readings`) or of a pressed button (`button`); returns whether
    /// the node took it, and its answer.
    ///
    /// # Errors
    /// The node cannot be reached or understood, or does not answer within [`DEVICE_PATIENCE`].
    pub async fn send(&self, what: &str, body: String) -> Result<(bool, Value), ClientError> {
        let (address, socket) = (self.address, PathBuf::from(self.address.to_string()));
        let request = Request::post(format!("/v1/{what}"))
            .header(header::HOST, address.to_string())
            .header(header::AUTHORIZATION, &self.bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ClientError::Request(error.into()))?;
        let exchange = async {
            let stream = TcpStream::connect(address)
                .await
                .map_err(|source| ClientError::unopened(socket.clone(), source))?;
            exchange(stream, request).await
        };
        let (status, bytes) =
            tokio::time::timeout(DEVICE_PATIENCE, exchange).await.map_err(|elapsed| {
                ClientError::Unreachable { socket: socket.clone(), source: elapsed.into() }
            })??;
        let answer = serde_json::from_slice(&bytes).map_err(ClientError::Answer)?;
        Ok((status.is_success(), answer))
    }
}

/// Sends one request on a connection of its own and reads the answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::BrokenOff)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(ClientError::BrokenOff)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        Ok((status, body.map_err(body_error)?.to_bytes()))
    };
    // The connection does the reading and writing that the exchange waits for; where it ends first,
    // the exchange learns it.
    let drive = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        done = exchange => done,
        never = drive => never,
    }
}

fn body_error(error: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
    match error.downcast::<LengthLimitError>() {
        Ok(_) => ClientError::TooLarge,
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => ClientError::BrokenOff(*error),
            Err(error) => ClientError::Request(error),
        },
    }
}
