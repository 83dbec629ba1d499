//! The pairing transport: one framed stream between two nodes that do not know each other yet.
//!
//! It proves which key each end holds and gives both the same exporter secret; that the *people* mean each other is for
//! the protocol above to prove. That protocol also limits guesses.

use std::{collections::BTreeSet, fmt, net::SocketAddr, sync::Arc, time::Duration};

use iroh::{
    Endpoint, EndpointAddr, EndpointId,
    endpoint::{Connection, ConnectionError, ReadExactError, RecvStream, SendStream, VarInt},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    PAIR_ALPN, PAIR_LABEL,
    event::ConnectionSecret,
    frame::{FrameError, read_frame, write_frame},
    limits::{CONNECT_TIMEOUT, MAX_PAIR_FRAME_BYTES, PAIR_OPEN_TIMEOUT, PAIR_WRITE_TIMEOUT},
    reason::{code, printable, words},
};

/// The byte that opens a pairing stream: QUIC shows a stream to the other side only once it carries something.
const OPENING: u8 = 1;

/// Why pairing's transport failed.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// Nobody on the local network offers this pairing.
    #[error(
        "the inviting node was not found on this network: check that it shows the code and is on the same network"
    )]
    NotFound,
    /// The inviting node does not answer.
    #[error("the inviting node does not answer: check that it is on and within reach")]
    NoAnswer,
    /// The other side refuses.
    #[error("the other node refuses: {words}")]
    Refused {
        /// Its reason in words, cut and cleaned.
        words: String,
    },
    /// The connection could not be made.
    #[error("the connection to the other node failed: {what}")]
    Failed {
        /// What was said about it.
        what: String,
    },
    /// The other side said nothing in the time given.
    #[error("the other node said nothing for too long: begin again with a new code")]
    TimedOut,
    /// A frame over the cap.
    #[error("a frame of {bytes} bytes is over the {MAX_PAIR_FRAME_BYTES} bytes that pairing takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The other side broke off or broke the protocol.
    #[error("the other node broke off: {what}")]
    BrokenOff {
        /// What was said about it.
        what: String,
    },
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// The 80 bits of an inviter's key that a pairing code carries: the start of BLAKE3 (derive-key context
/// `linli 1 pairing key hash`) of the endpoint id.
pub fn pairing_key_hash(id: &EndpointId) -> [u8; 10] {
    let hash = blake3::derive_key("linli 1 pairing key hash", id.as_bytes());
    let mut short = [0; 10];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = from;
    }
    short
}

/// Where an inviting node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairTarget {
    /// Its endpoint id; the caller has checked it against the code.
    pub id: EndpointId,
    /// Where it may be reached directly.
    pub addresses: BTreeSet<SocketAddr>,
    /// URLs of relays it may be reached through; empty: this node's own.
    pub relays: Vec<String>,
}

/// A framed stream to one other node, frames of at most 64 KiB. Dropping it breaks off.
pub struct PairStream {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    secret: ConnectionSecret,
    initiator: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for PairStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairStream")
            .field("remote", &self.remote())
            .field("initiator", &self.initiator)
            .finish_non_exhaustive()
    }
}

impl PairStream {
    /// The other node's id, proven by the TLS handshake.
    pub fn remote(&self) -> EndpointId {
        self.connection.remote_id()
    }

    /// TLS exporter (RFC 5705) with the label `linli-pair/1`: equal at both ends, known to nobody else.
    pub fn secret(&self) -> ConnectionSecret {
        self.secret
    }

    /// This side dialled: it is the joiner.
    pub fn initiator(&self) -> bool {
        self.initiator
    }

    /// Sends one frame of at most [`MAX_PAIR_FRAME_BYTES`].
    ///
    /// # Errors
    /// When it is too large, the other side does not take it within 10 s, or the connection is gone.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), PairError> {
        if frame.len() > MAX_PAIR_FRAME_BYTES {
            return Err(PairError::TooLarge { bytes: frame.len() });
        }
        match timeout(PAIR_WRITE_TIMEOUT, write_frame(&mut self.send, frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(&self.connection, &error)),
            Err(_elapsed) => Err(PairError::TimedOut),
        }
    }

    /// Waits up to `within` for one frame; `None` when the other side has finished. Not cancel-safe.
    ///
    /// # Errors
    /// When nothing comes in time, the frame is too large, or the connection is gone.
    pub async fn receive(&mut self, within: Duration) -> Result<Option<Vec<u8>>, PairError> {
        let reading = read_frame(&mut self.receive, MAX_PAIR_FRAME_BYTES, || {});
        match timeout(within, reading).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(FrameError::TooLarge { announced_bytes, .. })) => {
                self.break_off(code::TOO_LARGE, "the frame is too large");
                Err(PairError::TooLarge { bytes: announced_bytes })
            }
            Ok(Err(FrameError::Cut)) => {
                Err(PairError::BrokenOff { what: "the stream ended inside a frame".to_owned() })
            }
            Ok(Err(FrameError::Read(error))) => Err(lost(&self.connection, &error)),
            Err(_elapsed) => Err(PairError::TimedOut),
        }
    }

    /// Ends in good order: waits up to 10 s until the other side has everything that was sent.
    ///
    /// # Errors
    /// When the other side did not confirm that it has everything.
    pub async fn finish(mut self) -> Result<(), PairError> {
        self.send.finish().map_err(|e| lost(&self.connection, &e))?;
        match timeout(PAIR_WRITE_TIMEOUT, self.send.stopped()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_code))) => {
                Err(PairError::BrokenOff { what: "it stopped reading".to_owned() })
            }
            Ok(Err(error)) => Err(lost(&self.connection, &error)),
            Err(_elapsed) => Err(PairError::TimedOut),
        }
    }

    /// Ends at once and tells the other side why, in a short sentence.
    pub fn refuse(self, why: &str) {
        self.break_off(code::REFUSED, why);
    }

    fn break_off(&self, code: u32, why: &str) {
        self.connection.close(VarInt::from_u32(code), why.as_bytes());
    }
}

/// Dials an inviting node and opens the stream.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    address: EndpointAddr,
) -> Result<PairStream, PairError> {
    let connection = match timeout(CONNECT_TIMEOUT, endpoint.connect(address, PAIR_ALPN)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(PairError::Failed { what: printable(&error) }),
        Err(_elapsed) => return Err(PairError::NoAnswer),
    };
    let opening = async {
        let (mut send, mut receive) =
            connection.open_bi().await.map_err(|e| lost(&connection, &e))?;
        send.write_all(&[OPENING]).await.map_err(|e| lost(&connection, &e))?;
        read_opening(&connection, &mut receive).await?;
        stream(connection.clone(), send, receive, true, None)
    };
    timeout(PAIR_OPEN_TIMEOUT, opening).await.unwrap_or(Err(PairError::NoAnswer))
}

/// Accepts the stream of a joiner; when too many are open it is told to come later.
pub(crate) async fn accept(
    connection: Connection,
    streams: Arc<Semaphore>,
) -> Result<PairStream, PairError> {
    let Ok(permit) = streams.try_acquire_owned() else {
        connection
            .close(VarInt::from_u32(code::BUSY), b"too many pairings at once; try again later");
        return Err(PairError::BrokenOff { what: "too many pairings at once".to_owned() });
    };
    let opening = async {
        let (mut send, mut receive) =
            connection.accept_bi().await.map_err(|e| lost(&connection, &e))?;
        read_opening(&connection, &mut receive).await?;
        send.write_all(&[OPENING]).await.map_err(|e| lost(&connection, &e))?;
        stream(connection.clone(), send, receive, false, Some(permit))
    };
    timeout(PAIR_OPEN_TIMEOUT, opening).await.unwrap_or(Err(PairError::TimedOut))
}

async fn read_opening(connection: &Connection, receive: &mut RecvStream) -> Result<(), PairError> {
    let mut byte = [0];
    match receive.read_exact(&mut byte).await {
        Ok(()) if byte == [OPENING] => Ok(()),
        Ok(()) | Err(ReadExactError::FinishedEarly(_)) => {
            Err(PairError::BrokenOff { what: "it does not speak this pairing protocol".to_owned() })
        }
        Err(ReadExactError::ReadError(error)) => Err(lost(connection, &error)),
    }
}

/// What ended the connection: the other side's own words, where it gave some.
fn lost(connection: &Connection, noticed: &impl fmt::Display) -> PairError {
    let Some(ConnectionError::ApplicationClosed(close)) = connection.close_reason() else {
        return PairError::BrokenOff { what: printable(noticed) };
    };
    let words = words(&close);
    if close.error_code == VarInt::from_u32(code::REFUSED) {
        PairError::Refused { words }
    } else {
        PairError::BrokenOff { what: words }
    }
}

fn stream(
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    initiator: bool,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<PairStream, PairError> {
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(0));
    let mut secret = [0; 32];
    connection.export_keying_material(&mut secret, PAIR_LABEL, b"").map_err(|_unavailable| {
        PairError::Failed { what: "TLS gave no exporter secret".to_owned() }
    })?;
    let secret = ConnectionSecret(secret);
    Ok(PairStream { connection, send, receive, secret, initiator, _permit: permit })
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    #[test]
    fn the_key_hash_is_ten_bytes_of_a_context_bound_hash() {
        let id = SecretKey::from_bytes(&[1; 32]).public();
        let hash = pairing_key_hash(&id);
        assert_eq!(hash, blake3::derive_key("linli 1 pairing key hash", id.as_bytes())[..10]);
        assert_ne!(hash[..], blake3::hash(id.as_bytes()).as_bytes()[..10], "the context counts");
        assert_ne!(hash, pairing_key_hash(&SecretKey::from_bytes(&[2; 32]).public()));
    }
}
