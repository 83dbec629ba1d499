//! Why connections end: QUIC application close codes and their meaning.

use iroh::endpoint::{ApplicationClose, ConnectionError, VarInt};

use crate::{lane::Lane, limits::WORDS_MAX_BYTES};

/// Close codes of `linli/1` and `linli-pair/1`, after the HTTP codes people know.
pub mod code {
    /// The bytes made no sense.
    pub const GARBAGE: u32 = 400;
    /// The endpoint is not a member, or pairing is not open.
    pub const REFUSED: u32 = 403;
    /// Silence: no heartbeat.
    pub const SILENT: u32 = 408;
    /// Another connection of the same pair stands.
    pub const DUPLICATE: u32 = 409;
    /// This side has no more use for the connection.
    pub const GONE: u32 = 410;
    /// A frame over the cap was announced.
    pub const TOO_LARGE: u32 = 413;
    /// Too much at once; try later.
    pub const BUSY: u32 = 429;
    /// The node stops in good order.
    pub const SHUTDOWN: u32 = 503;
    /// The connection was dropped without a word: a dial was given up, or the program ended.
    pub const DROPPED: u32 = 0;
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisconnectReason {
    /// [`NetHandle::disconnect`](crate::NetHandle::disconnect) was called.
    #[error("this node ended the connection")]
    Local,
    /// The peer is not a member (any more); this side closed.
    #[error("the peer is not a member; nothing is exchanged until it is enrolled")]
    NotMember,
    /// The peer refuses this node.
    #[error("the peer refuses this node: {words}")]
    RefusedByPeer {
        /// The peer's reason in words, cut and cleaned.
        words: String,
    },
    /// A newer or preferred connection of the same pair takes over.
    #[error("another connection to the same peer takes over")]
    Replaced,
    /// This side or the peer stops.
    #[error("the node at one end stops")]
    Shutdown,
    /// Nothing was heard from the peer for four seconds.
    #[error("nothing was heard from the peer; it is dialled again")]
    Silent,
    /// The peer announced a frame over the cap.
    #[error(
        "the peer announced a frame of {announced_bytes} bytes on the {lane:?} lane, over the cap"
    )]
    FrameTooLarge {
        /// Where.
        lane: Lane,
        /// What it announced.
        announced_bytes: usize,
    },
    /// The peer broke the protocol otherwise.
    #[error("the peer broke the protocol: {what}")]
    Garbage {
        /// What was wrong.
        what: &'static str,
    },
    /// The peer closed for another reason.
    #[error("the peer closed the connection with code {code}: {words}")]
    ClosedByPeer {
        /// The close code.
        code: u64,
        /// The peer's reason in words, cut and cleaned.
        words: String,
    },
    /// QUIC gave up.
    #[error("the connection was lost: {what}")]
    Lost {
        /// QUIC's word for it.
        what: String,
    },
}

impl DisconnectReason {
    /// The close code this side sends for the reason.
    pub(crate) fn code(&self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Local
            | Self::RefusedByPeer { .. }
            | Self::ClosedByPeer { .. }
            | Self::Lost { .. } => code::GONE,
            Self::NotMember => code::REFUSED,
            Self::Replaced => code::DUPLICATE,
            Self::Shutdown => code::SHUTDOWN,
            Self::Silent => code::SILENT,
            Self::FrameTooLarge { .. } => code::TOO_LARGE,
            Self::Garbage { .. } => code::GARBAGE,
        })
    }

    /// Reads QUIC's word for the end of a connection that this side did not close.
    pub(crate) fn of(error: &ConnectionError) -> Self {
        let ConnectionError::ApplicationClosed(close) = error else {
            return if matches!(error, ConnectionError::TimedOut) {
                Self::Silent
            } else {
                Self::Lost { what: printable(error) }
            };
        };
        let words = words(close);
        match u32::try_from(close.error_code.into_inner()) {
            Ok(code::SHUTDOWN) => Self::Shutdown,
            Ok(code::DROPPED) => Self::Lost { what: "the peer let go of it".to_owned() },
            Ok(code::REFUSED) => Self::RefusedByPeer { words },
            Ok(code::DUPLICATE) => Self::Replaced,
            _ => Self::ClosedByPeer { code: close.error_code.into_inner(), words },
        }
    }
}

/// A peer's reason as short printable text: it is the peer's bytes and may be anything.
pub(crate) fn words(close: &ApplicationClose) -> String {
    clean(&close.reason)
}

/// An error's text, which may hold a peer's bytes, made fit for a terminal.
pub(crate) fn printable(error: &impl std::fmt::Display) -> String {
    clean(error.to_string().as_bytes())
}

fn clean(bytes: &[u8]) -> String {
    let cut = bytes.get(..WORDS_MAX_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(cut).chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_words_are_cut_and_cleaned() {
        assert_eq!(clean(b"not\x1b[31m a\nmember\xff"), "not[31m amember\u{fffd}");
        assert_eq!(clean(&[b'x'; 4000]).len(), WORDS_MAX_BYTES);
    }
}
