//! Who calls in: the number of each call, and an answer that sends the caller to the desk's telephone.
//!
//! Answers are made without keeping anything of a call (RFC 3261, section 8.2.7): one for each request, and no bigger
//! than a few lines, so that a flood makes no more of itself here.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytesstr::BytesStr;
use ezk_sip_types::Method;
use ezk_sip_types::header::typed::FromTo;
use ezk_sip_types::print::AppendCtx as _;
use linli_model::private::Private;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::message::{MESSAGE_BYTES_MAX, Message};
use crate::callers::NUMBER_CHARS_MAX;
use crate::config::Sip;
use crate::driver;

/// Calls whose repeats are known.
const KNOWN_MAX: usize = 256;

/// Calls that are told of at once, and how long it takes until one more is: a desk has a few telephones.
const BURST: u32 = 16;
const REFILL: Duration = Duration::from_millis(100);

/// After this a socket that fails is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a datagram leads to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reaction {
    answer: Option<Vec<u8>>,
    /// A new call: the number, where it is shown.
    called: Option<Option<Private>>,
    /// A new call that is one too many to be told of.
    untold: bool,
}

/// What is known of calls that come in.
struct Incoming {
    desk: Option<String>,
    known: VecDeque<[u8; 32]>,
    tokens: u32,
    refilled: Duration,
    drawn: [u8; 32],
}

impl Incoming {
    fn new(desk: Option<String>, drawn: [u8; 32]) -> Self {
        let known = VecDeque::with_capacity(KNOWN_MAX);
        Self { desk, known, tokens: BURST, refilled: Duration::ZERO, drawn }
    }

    fn take(&mut self, now: Duration, datagram: &[u8]) -> Reaction {
        let Ok(message) = Message::read(datagram) else { return Reaction::default() };
        let Some(method) = message.method() else { return Reaction::default() };
        if *method == Method::ACK {
            return Reaction::default();
        }
        let Some(id) = message.only("Call-ID") else { return Reaction::default() };
        let id = *blake3::keyed_hash(&self.drawn, id.as_bytes()).as_bytes();
        let tag = hex::encode(id.get(..8).unwrap_or_default());
        let contact = self.desk.as_ref().map(|desk| format!("<{desk}>"));
        let more: &[(&str, &str)] = match (&contact, method) {
            (Some(contact), &Method::INVITE) => &[("Contact", contact)],
            _ => &[],
        };
        let status = match *method {
            Method::INVITE if self.desk.is_some() => "302 Moved Temporarily",
            Method::INVITE => "480 Temporarily Unavailable",
            Method::OPTIONS => "200 OK",
            Method::CANCEL | Method::BYE => "481 Call/Transaction Does Not Exist",
            _ => "501 Not Implemented",
        };
        let answer = message.answer(status, &tag, more);
        let is_call = *method == Method::INVITE && answer.is_some();
        if !is_call || self.known.contains(&id) {
            return Reaction { answer, ..Reaction::default() };
        }
        let is_told = self.may_tell(now, id);
        Reaction { answer, called: is_told.then(|| number(&message)), untold: !is_told }
    }

    /// Whether a new call is to be told of: there are not too many.
    fn may_tell(&mut self, now: Duration, id: [u8; 32]) -> bool {
        let since = now.saturating_sub(self.refilled);
        let filled = u32::try_from(since.as_millis() / REFILL.as_millis()).unwrap_or(u32::MAX);
        if filled > 0 {
            (self.tokens, self.refilled) = (self.tokens.saturating_add(filled).min(BURST), now);
        }
        let Some(left) = self.tokens.checked_sub(1) else { return false };
        self.tokens = left;
        if self.known.len() == KNOWN_MAX {
            self.known.pop_front();
        }
        self.known.push_back(id);
        true
    }
}

/// Who calls: whom the telephone network asserts (RFC 3325), as often as it does, else whom the caller says.
fn number(message: &Message) -> Option<Private> {
    let mut values = message.all("P-Asserted-Identity").chain(message.only("From"));
    values.find_map(number_of)
}

fn number_of(value: &BytesStr) -> Option<Private> {
    let mut one = ezk_sip_types::Headers::new();
    let name = ezk_sip_types::Name::from("From");
    one.insert(name.clone(), value.clone());
    let user = match one.get::<FromTo>(name) {
        Ok(from) => {
            // The parser keeps the type of this part to itself, and gives it as text.
            let uri = from.uri.uri.default_print_ctx().to_string();
            uri.split_once(':')?.1.split_once('@')?.0.to_owned()
        }
        // It reads no `tel:` (RFC 3966).
        Err(_) => {
            let place = value.rsplit_once('<').map_or(value.as_str(), |(_, place)| place);
            let (_, number) = place.split_once(':').filter(|(scheme, _)| is_tel(scheme))?;
            number.split(['>', ',']).next()?.to_owned()
        }
    };
    // What comes after it are parameters of the number.
    let number: String =
        user.chars().take_while(|c| ![';', ':'].contains(c)).take(NUMBER_CHARS_MAX).collect();
    number.bytes().any(|byte| byte.is_ascii_digit()).then(|| Private::from(number))
}

fn is_tel(scheme: &str) -> bool {
    scheme.trim().eq_ignore_ascii_case("tel")
}

/// Hears who calls in, for as long as the node runs; counts calls of which too many come to be told of.
pub(crate) fn listen(
    settings: &Sip,
    drawn: [u8; 32],
    calls: mpsc::UnboundedSender<driver::Call>,
    dropped: Arc<AtomicU64>,
) {
    let (address, server) = (settings.address, settings.server);
    let mut incoming = Incoming::new(settings.desk.clone(), drawn);
    tokio::spawn(async move {
        let socket = loop {
            match UdpSocket::bind(address).await {
                Ok(socket) => break socket,
                Err(error) => {
                    tracing::error!(%address, %error, "nobody hears who calls in: correct sip.address");
                    tokio::time::sleep(60 * PAUSE).await;
                }
            }
        };
        let began = Instant::now();
        let mut datagram = vec![0; MESSAGE_BYTES_MAX + 1];
        while !calls.is_closed() {
            let Ok((length, from)) = socket.recv_from(&mut datagram).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if !is_heard(server, from) {
                continue;
            }
            let bytes = datagram.get(..length).unwrap_or_default();
            let Reaction { answer, called, untold } = incoming.take(began.elapsed(), bytes);
            dropped.fetch_add(u64::from(untold), Ordering::Relaxed);
            if let Some(number) = called {
                // The node may have stopped meanwhile.
                let _ = calls.send(Box::new(move |node| {
                    crate::callers::note(node, number);
                }));
            }
            if let Some(answer) = answer {
                // It asks again where this is lost.
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
}

/// Only the configured server is heard; its messages may come from another port than the one it takes them at.
fn is_heard(server: SocketAddr, from: SocketAddr) -> bool {
    server.ip() == from.ip()
}

#[cfg(test)]
mod tests;
