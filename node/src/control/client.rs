//! The client of the control socket.

use std::{
    io,
    path::{Path, PathBuf},
};

use axum::http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::limits::MAX_ANSWER_BYTES;
use crate::api::{ApiError, Method};

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
        /// Where it would listen.
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

impl Client {
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
        let stream = self.open().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::BrokenOff)?;
        let request = Request::post(format!("/v1/{name}"))
            .header(header::HOST, "linli")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| ClientError::Request(error.into()))?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(ClientError::BrokenOff)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
            Ok::<_, ClientError>((status, body.map_err(body_error)?.to_bytes()))
        };
        // The connection does the reading and writing that the exchange waits for; where it ends
        // first, the exchange learns it.
        let drive = async {
            let _ = connection.await;
            std::future::pending().await
        };
        let (status, bytes) = tokio::select! {
            done = exchange => done?,
            never = drive => never,
        };
        match status {
            StatusCode::OK => serde_json::from_slice(&bytes).map_err(ClientError::Answer),
            _ => Err(match serde_json::from_slice::<ApiError>(&bytes) {
                Ok(refusal) => ClientError::Refused(refusal),
                Err(error) => ClientError::Answer(error),
            }),
        }
    }

    async fn open(&self) -> Result<UnixStream, ClientError> {
        let socket = self.socket.clone();
        UnixStream::connect(&self.socket).await.map_err(|source| {
            let nobody = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
            match nobody.contains(&source.kind()) {
                true => ClientError::NotRunning { socket },
                false => ClientError::Unreachable { socket, source },
            }
        })
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
