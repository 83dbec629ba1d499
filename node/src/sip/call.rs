//! One call outwards, as inputs and outputs: time is an argument, and what is to be sent an output.
//!
//! ```text
//! Inviting ─ 401/407 ─→ Inviting, with the password proved ─ 180 ─→ it rings ─ 200 ─→ Talking ─ a key, BYE, time ─→ Closing ─→ Over
//!     └─ no answer at all, busy, turned away, nobody there ──────────────────────────────────────────────────────────↗
//! ```
//!
//! The transactions are those of RFC 3261, section 17, for one caller over UDP. Two of its times are shorter: whoever
//! cannot be reached this way is to be reached another way soon.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytesstr::BytesStr;
use ezk_sip_types::Method;
use ezk_sip_types::header::typed::{Contact, Routing};
use ezk_sip_types::print::{AppendCtx as _, PrintCtx, UriContext};
use linli_model::alert::CallEnd;
use linli_model::private::Private;

use super::digest::{Asked, Challenge, Credentials};
use super::message::{Message, push};
use super::offer::{self, Agreed};
use super::voice::{self, Key, Press, Prompt, Stream};

/// When a message that is not answered is sent again first (T1 of RFC 3261).
const AGAIN: Duration = Duration::from_millis(500);

/// The longest time between two sendings (T2).
const AGAIN_MAX: Duration = Duration::from_secs(4);

/// A telephone network that says nothing for so long is not there: five sendings.
const SILENT_MAX: Duration = Duration::from_secs(8);

/// How long it rings: some eight times.
const RING_MAX: Duration = Duration::from_secs(45);

/// How long is spoken to whoever answers and presses no key. With the ringing it is less than a call may take.
const TALK_MAX: Duration = Duration::from_secs(45);

/// How long a word that is not answered is sent again after the end, and what comes late is answered (timer B of
/// RFC 3261): a telephone that rings after all is taken back.
const LINGER: Duration = Duration::from_secs(32);

/// Packets of the recording after which whoever answers at an emergency service was spoken to: five seconds.
const SPOKEN_PACKETS: usize = 250;

/// The time of a packet of sound.
const PACKET: Duration = Duration::from_millis(20);

/// Packets that are sent at once after a delay; what is more late than this is left out.
const PACKETS_LATE_MAX: u32 = 5;

/// How often the password is proved in one call: once, and once more where the number for it had become too old.
const PROOFS_MAX: u8 = 2;

/// What a call is made with.
pub(super) struct Plan {
    /// Where everything is sent, and from where alone something is heard.
    pub(super) server: SocketAddr,
    /// The name after the `@`.
    pub(super) domain: String,
    pub(super) user: String,
    pub(super) password: Private,
    /// Who is shown to be calling.
    pub(super) caller: String,
    /// Digits, a `+` before them or not.
    pub(super) number: Private,
    pub(super) local: SocketAddr,
    pub(super) media: SocketAddr,
    pub(super) prompt: Arc<Prompt>,
    /// Whoever answers there presses no keys.
    pub(super) is_emergency: bool,
    /// What is drawn for this call.
    pub(super) drawn: [u8; 16],
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// To the telephone network.
    Sip(Vec<u8>),
    /// Sound.
    Rtp(SocketAddr, Vec<u8>),
    /// How it ended, once.
    Ended(CallEnd),
}

/// A call.
pub(super) struct Call {
    plan: Plan,
    began: Duration,
    /// The number of the present invitation.
    sequence: u32,
    proofs: u8,
    is_cancelled: bool,
    ended: Option<CallEnd>,
    /// What the end of each invitation is acknowledged by, which may have to be done again.
    acks: BTreeMap<u32, Vec<u8>>,
    dialog: Option<Dialog>,
    state: State,
}

/// Whom a call that was answered is with.
struct Dialog {
    /// Their `To`, with their tag.
    to: BytesStr,
    tag: Option<BytesStr>,
    target: String,
    routes: Vec<String>,
    is_left: bool,
}

enum State {
    Inviting {
        resend: Option<Resend>,
        rings: bool,
        until: Duration,
    },
    Talking {
        with: Agreed,
        stream: Stream,
        next: Duration,
        until: Duration,
        /// Packets that went out to somebody who takes them.
        spoken: usize,
        /// The key that is held down, by the last packet that said so.
        pressed: Option<Press>,
    },
    Closing {
        resend: Option<Resend>,
        until: Duration,
    },
    Over,
}

/// A message that is sent until it is answered.
struct Resend {
    bytes: Vec<u8>,
    at: Duration,
    every: Duration,
}

impl Resend {
    fn new(bytes: &[u8], now: Duration) -> Option<Self> {
        Some(Self { bytes: bytes.to_vec(), at: now + AGAIN, every: AGAIN })
    }

    fn due(&mut self, now: Duration) -> Option<Output> {
        if now < self.at {
            return None;
        }
        self.every = (self.every * 2).min(AGAIN_MAX);
        self.at = now + self.every;
        Some(Output::Sip(self.bytes.clone()))
    }
}

impl Call {
    /// Begins a call.
    pub(super) fn begin(plan: Plan, now: Duration) -> (Self, Vec<Output>) {
        let mut call = Self {
            plan,
            began: now,
            sequence: 0,
            proofs: 0,
            is_cancelled: false,
            ended: None,
            acks: BTreeMap::new(),
            dialog: None,
            state: State::Over,
        };
        let first = call.invite(now, None);
        (call, first)
    }

    /// Whether there is nothing more to do.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether somebody answers, or did.
    pub(super) const fn is_answered(&self) -> bool {
        self.dialog.is_some()
    }

    /// When [`Call::tick`] is to be called at the latest.
    pub(super) fn next_at(&self) -> Duration {
        let resent = |resend: &Option<Resend>, until: Duration| {
            resend.as_ref().map_or(until, |resend| resend.at.min(until))
        };
        match &self.state {
            State::Inviting { resend, until, .. } | State::Closing { resend, until } => {
                resent(resend, *until)
            }
            State::Talking { next, until, .. } => *next.min(until),
            State::Over => Duration::ZERO,
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<Output> {
        match &mut self.state {
            State::Inviting { rings: true, until, .. } if now >= *until => self.cancel(now),
            State::Inviting { until, .. } if now >= *until => self.close(now, CallEnd::NoLine),
            State::Talking { until, .. } if now >= *until => {
                let end = self.unanswered();
                self.leave(now, end)
            }
            State::Talking { with, stream, next, .. } => {
                *next = (*next).max(now.saturating_sub(PACKET * PACKETS_LATE_MAX));
                let mut packets = Vec::new();
                while *next <= now {
                    packets.push(Output::Rtp(with.to, stream.next(&self.plan.prompt)));
                    *next += PACKET;
                }
                packets
            }
            State::Closing { until, .. } if now >= *until => {
                self.state = State::Over;
                Vec::new()
            }
            State::Inviting { resend, .. } | State::Closing { resend, .. } => {
                resend.as_mut().and_then(|resend| resend.due(now)).into_iter().collect()
            }
            State::Over => Vec::new(),
        }
    }

    /// A packet of sound went out.
    pub(super) const fn spoke(&mut self) {
        if let State::Talking { with: Agreed { hears: true, .. }, spoken, .. } = &mut self.state {
            *spoken += 1;
        }
    }

    /// Ends the call: nobody waits for it any more.
    pub(super) fn hang_up(&mut self, now: Duration) -> Vec<Output> {
        match &self.state {
            State::Inviting { rings: true, .. } => self.cancel(now),
            State::Inviting { .. } => self.close(now, CallEnd::NoAnswer),
            State::Talking { .. } => {
                let end = self.unanswered();
                self.leave(now, end)
            }
            State::Closing { .. } | State::Over => Vec::new(),
        }
    }

    /// The telephone network cannot be reached at all.
    pub(super) fn unreachable(&mut self, now: Duration) -> Vec<Output> {
        match &self.state {
            State::Inviting { rings: false, .. } => self.close(now, CallEnd::NoLine),
            State::Inviting { .. }
            | State::Talking { .. }
            | State::Closing { .. }
            | State::Over => Vec::new(),
        }
    }

    /// Takes a datagram of the telephone network.
    pub(super) fn message(&mut self, now: Duration, datagram: &[u8]) -> Vec<Output> {
        let Ok(message) = Message::read(datagram) else { return Vec::new() };
        if message.only("Call-ID").is_none_or(|id| id.as_str() != self.name("call")) {
            return Vec::new();
        }
        match message.status() {
            Some(status) => self.response(now, status, &message),
            None => self.request(now, &message),
        }
    }

    /// Takes a packet that came where sound is heard.
    pub(super) fn sound(&mut self, now: Duration, from: SocketAddr, packet: &[u8]) -> Vec<Output> {
        let State::Talking { with, pressed, .. } = &mut self.state else { return Vec::new() };
        if from != with.to {
            return Vec::new();
        }
        let numbers = with.keys.into_iter().flat_map(|keys| [keys, offer::KEYS]);
        let heard = numbers.into_iter().find_map(|number| voice::key(packet, number));
        let Some(press) = heard else { return Vec::new() };
        // One packet alone is no press: its end is said three times, and its beginning before that.
        let same = |before: Press| (before.key, before.which) == (press.key, press.which);
        match pressed.replace(press).is_some_and(same) && press.is_over {
            true => self.key(now, press.key),
            false => Vec::new(),
        }
    }

    /// The only two ways in which whoever answers says something: everything else is no acknowledgement.
    fn key(&mut self, now: Duration, key: Key) -> Vec<Output> {
        match key {
            // Nobody told them which key says what.
            _ if !self.plan.prompt.has_words => Vec::new(),
            Key::One => self.leave(now, CallEnd::Accepted),
            Key::Two => self.leave(now, CallEnd::Declined),
        }
    }

    /// How a call ended in which nobody pressed a key.
    fn unanswered(&self) -> CallEnd {
        let State::Talking { spoken, .. } = &self.state else { return CallEnd::Unconfirmed };
        let is_said = self.plan.prompt.has_words && *spoken >= SPOKEN_PACKETS;
        match self.plan.is_emergency && is_said {
            true => CallEnd::Spoken,
            false => CallEnd::Unconfirmed,
        }
    }

    fn response(&mut self, now: Duration, status: u16, message: &Message) -> Vec<Output> {
        let Some((sequence, method)) = message.sequence() else { return Vec::new() };
        if method != Method::INVITE {
            if let State::Closing { resend, .. } = &mut self.state
                && status >= 200
            {
                resend.take_if(|sent| sent.bytes.starts_with(method.to_string().as_bytes()));
            }
            return Vec::new();
        }
        if let Some(ack) = self.acks.get(&sequence) {
            let is_final = status >= 200;
            return is_final.then(|| Output::Sip(ack.clone())).into_iter().collect();
        }
        let branch = self.branch(sequence, "invite");
        if sequence != self.sequence
            || message.branch().is_none_or(|given| given.as_str() != branch)
        {
            return Vec::new();
        }
        match status {
            ..200 => self.provisional(now),
            200..300 => self.answered(now, message),
            300.. => self.refused(now, status, message),
        }
    }

    fn provisional(&mut self, now: Duration) -> Vec<Output> {
        match &mut self.state {
            State::Inviting { resend, rings, until } => {
                (*resend, *rings, *until) = (None, true, self.began + RING_MAX);
                Vec::new()
            }
            // It rings after all where nobody waits any more.
            State::Closing { .. } if !self.is_cancelled => self.cancel(now),
            State::Closing { .. } | State::Talking { .. } | State::Over => Vec::new(),
        }
    }

    fn answered(&mut self, now: Duration, message: &Message) -> Vec<Output> {
        let Some(to) = message.only("To").cloned() else { return Vec::new() };
        let contact = message.headers.get_named::<Contact>().ok();
        let target = contact.map(|contact| {
            let place = PrintCtx { method: None, uri: Some(UriContext::ReqUri) };
            contact.uri.uri.print_ctx(place).to_string()
        });
        let routes = message.headers.get::<Vec<Routing>>("Record-Route".into()).unwrap_or_default();
        let print = |route: &Routing| route.print_ctx(PrintCtx::default()).to_string();
        self.dialog = Some(Dialog {
            to,
            tag: message.peer("To").and_then(|to| to.tag),
            target: target.unwrap_or_else(|| self.uri()),
            routes: routes.iter().rev().map(print).collect(),
            is_left: false,
        });
        let ack = self.within("ACK", self.sequence);
        self.acks.insert(self.sequence, ack.clone());
        let mut outputs = vec![Output::Sip(ack)];
        let waits = matches!(self.state, State::Inviting { .. });
        let is_near = self.plan.server.ip().is_loopback();
        outputs.extend(match offer::answer(&message.body, is_near) {
            Some(with) if waits => {
                let stream = self.stream(with);
                let until = now + TALK_MAX;
                let (next, spoken, pressed) = (now, 0, None);
                self.state = State::Talking { with, stream, next, until, spoken, pressed };
                self.tick(now)
            }
            // Answered after it was given up, or without a voice.
            Some(_) | None => self.leave(now, CallEnd::NoLine),
        });
        outputs
    }

    fn refused(&mut self, now: Duration, status: u16, message: &Message) -> Vec<Output> {
        let Some(to) = message.only("To") else { return Vec::new() };
        let branch = self.branch(self.sequence, "invite");
        let ack = self.write("ACK", &self.uri(), to, (self.sequence, &branch), &[], "");
        self.acks.insert(self.sequence, ack.clone());
        let mut outputs = vec![Output::Sip(ack)];
        if matches!(self.state, State::Inviting { .. }) {
            let challenge = Challenge::of(message, status);
            let again = challenge.filter(|asks| self.proofs == 0 || asks.is_stale());
            outputs.extend(match again {
                Some(challenge) if self.proofs < PROOFS_MAX => self.invite(now, Some(&challenge)),
                Some(_) | None => self.close(now, end_of(status)),
            });
        }
        outputs
    }

    /// Sends an invitation.
    fn invite(&mut self, now: Duration, challenge: Option<&Challenge>) -> Vec<Output> {
        self.sequence += 1;
        let uri = self.uri();
        let nonce = self.name("own nonce");
        let asked = Asked { method: "INVITE", uri: &uri, nonce: &nonce };
        let who = Credentials { user: &self.plan.user, password: self.plan.password.as_str() };
        let proof = challenge.map(|challenge| challenge.answer(&who, &asked));
        self.proofs += u8::from(proof.is_some());
        let contact = format!("<sip:{}@{}>", self.plan.user, self.plan.local);
        let mut more = vec![
            ("Contact", contact.as_str()),
            ("Allow", "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS"),
            ("Content-Type", "application/sdp"),
        ];
        more.extend(proof.as_ref().map(|(name, value)| (*name, value.as_str())));
        let offer = offer::offer(self.plan.media, self.number("session"));
        let branch = self.branch(self.sequence, "invite");
        let to = format!("<{uri}>");
        let bytes = self.write("INVITE", &uri, &to, (self.sequence, &branch), &more, &offer);
        let until = (now + SILENT_MAX).min(self.began + RING_MAX);
        self.state = State::Inviting { resend: Resend::new(&bytes, now), rings: false, until };
        vec![Output::Sip(bytes)]
    }

    /// Takes an invitation back that nobody answered.
    fn cancel(&mut self, now: Duration) -> Vec<Output> {
        self.is_cancelled = true;
        let (uri, branch) = (self.uri(), self.branch(self.sequence, "invite"));
        let to = format!("<{uri}>");
        let bytes = self.write("CANCEL", &uri, &to, (self.sequence, &branch), &[], "");
        self.closing(now, Some(bytes), CallEnd::NoAnswer)
    }

    /// Hangs up.
    fn leave(&mut self, now: Duration, end: CallEnd) -> Vec<Output> {
        let bye = self.within("BYE", self.sequence + 1);
        let is_left =
            self.dialog.as_mut().is_none_or(|with| std::mem::replace(&mut with.is_left, true));
        self.closing(now, (!is_left).then_some(bye), end)
    }

    /// Ends what needs no word.
    fn close(&mut self, now: Duration, end: CallEnd) -> Vec<Output> {
        self.closing(now, None, end)
    }

    fn closing(&mut self, now: Duration, last: Option<Vec<u8>>, end: CallEnd) -> Vec<Output> {
        let resend = last.as_ref().and_then(|bytes| Resend::new(bytes, now));
        self.state = State::Closing { resend, until: now + LINGER };
        let is_first = self.ended.is_none();
        self.ended.get_or_insert(end);
        let ended = is_first.then_some(Output::Ended(end));
        last.map(Output::Sip).into_iter().chain(ended).collect()
    }

    /// Answers what the other side asks within a call.
    fn request(&mut self, now: Duration, message: &Message) -> Vec<Output> {
        let Some(method) = message.method() else { return Vec::new() };
        if *method == Method::ACK {
            return Vec::new();
        }
        let tag = self.name("tag");
        let own = message.peer("To").and_then(|to| to.tag);
        let theirs = message.peer("From").and_then(|from| from.tag);
        let is_ours = self.dialog.as_ref().is_some_and(|with| theirs == with.tag)
            && own.is_some_and(|own| own.as_str() == tag);
        let status = match () {
            () if !is_ours => "481 Call/Transaction Does Not Exist",
            () if [Method::BYE, Method::INFO, Method::OPTIONS].contains(method) => "200 OK",
            // What was agreed stays.
            () if [Method::INVITE, Method::UPDATE].contains(method) => "488 Not Acceptable Here",
            () => "501 Not Implemented",
        };
        let mut outputs: Vec<Output> =
            message.answer(status, &tag, &[]).map(Output::Sip).into_iter().collect();
        let talks = is_ours && matches!(self.state, State::Talking { .. });
        if talks && *method == Method::BYE {
            let end = self.unanswered();
            outputs.extend(self.close(now, end));
        } else if talks && *method == Method::INFO {
            let kind = message.only("Content-Type").map(|kind| kind.to_ascii_lowercase());
            let key = voice::key_of_info(kind.as_deref().unwrap_or_default().trim(), &message.body);
            outputs.extend(key.map(|key| self.key(now, key)).unwrap_or_default());
        }
        outputs
    }

    /// Writes a request within the call that was answered.
    fn within(&self, method: &str, sequence: u32) -> Vec<u8> {
        let Some(with) = &self.dialog else { return Vec::new() };
        let routes: Vec<(&str, &str)> =
            with.routes.iter().map(|route| ("Route", route.as_str())).collect();
        let branch = self.branch(sequence, method);
        self.write(method, &with.target, &with.to, (sequence, &branch), &routes, "")
    }

    fn write(
        &self,
        method: &str,
        uri: &str,
        to: &str,
        (sequence, branch): (u32, &str),
        more: &[(&str, &str)],
        body: &str,
    ) -> Vec<u8> {
        let Plan { local, caller, domain, .. } = &self.plan;
        let tag = self.name("tag");
        let mut text = format!("{method} {uri} SIP/2.0\r\n");
        push(&mut text, "Via", &format!("SIP/2.0/UDP {local};branch={branch};rport"));
        push(&mut text, "Max-Forwards", "70");
        push(&mut text, "From", &format!("<sip:{caller}@{domain}>;tag={tag}"));
        push(&mut text, "To", to);
        push(&mut text, "Call-ID", &self.name("call"));
        push(&mut text, "CSeq", &format!("{sequence} {method}"));
        for (name, value) in more {
            push(&mut text, name, value);
        }
        push(&mut text, "Content-Length", &body.len().to_string());
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }

    fn uri(&self) -> String {
        format!("sip:{}@{}", self.plan.number.as_str(), self.plan.domain)
    }

    fn branch(&self, sequence: u32, what: &str) -> String {
        format!("z9hG4bK{}", self.name(&format!("{sequence} {what}")))
    }

    fn stream(&self, with: Agreed) -> Stream {
        let sequence = u16::try_from(self.number("sequence") >> 16).unwrap_or_default();
        Stream {
            codec: with.codec,
            source: self.number("source"),
            sequence,
            timestamp: self.number("timestamp"),
            frames: 0,
        }
    }

    /// A name that nobody guesses, the same for the same purpose.
    fn name(&self, what: &str) -> String {
        hex::encode(self.drawn(what))
    }

    fn number(&self, what: &str) -> u32 {
        let [a, b, c, d, ..] = self.drawn(what);
        u32::from_be_bytes([a, b, c, d])
    }

    fn drawn(&self, what: &str) -> [u8; 12] {
        let mut name = [0; 12];
        let mut hasher = blake3::Hasher::new_derive_key("linli 1 names of a call");
        hasher.update(&self.plan.drawn).update(what.as_bytes());
        hasher.finalize_xof().fill(&mut name);
        name
    }
}

/// What a refusal says of the call (RFC 3261, section 21).
const fn end_of(status: u16) -> CallEnd {
    match status {
        401 | 403 | 407 => CallEnd::NotAllowed,
        404 | 410 | 484 | 604 => CallEnd::NoNumber,
        408 | 480 | 487 => CallEnd::NoAnswer,
        486 | 600 => CallEnd::Busy,
        603 => CallEnd::Rejected,
        _ => CallEnd::NoLine,
    }
}

#[cfg(test)]
mod tests;
