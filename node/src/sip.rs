//! The telephone of this node: it calls out for steps of a ladder, and hears who calls in. [Decision 30](../../docs/decisions/0030-telephone.md).
//!
//! ```text
//! ladder ─→ bells ─→ Trunk::call ─→ one task and two sockets a call ─→ call (sans-IO) ─→ CallEnd
//! telephone network ─→ incoming ─→ callers, the list that the desk reads
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use linli_model::alert::{AlertKind, CallEnd, Way};
use linli_model::phone;
use linli_model::private::Private;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use crate::bells::Told;
use crate::config::{ConfigError, Language, Sip, is_number, read_capped};

mod call;
mod digest;
pub(crate) mod incoming;
mod message;
mod offer;
mod voice;

use call::{Call, Output, Plan};
use message::MESSAGE_BYTES_MAX;
use voice::Prompt;

/// The longest password file.
const PASSWORD_BYTES_MAX: u64 = 1 << 10;

/// Calls outwards at once: the lines of a small telephone system. Others are made a minute later.
const LINES: usize = 8;

/// The largest packet of sound that is read.
const SOUND_BYTES_MAX: usize = 1_500;

/// What a node calls through.
pub(crate) struct Trunk {
    settings: Sip,
    password: Private,
    prompts: Vec<(Said, Arc<Prompt>)>,
    tone: Arc<Prompt>,
    lines: Arc<Semaphore>,
}

/// When a recording is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    language: Language,
    kind: Option<AlertKind>,
    drill: bool,
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trunk").field("server", &self.settings.server).finish_non_exhaustive()
    }
}

impl Trunk {
    /// Reads the password and the recordings of a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] where a file cannot be read or used.
    pub(crate) fn load(settings: &Sip) -> Result<Self, ConfigError> {
        let password = match &settings.password_file {
            None => String::new(),
            Some(file) => {
                let bytes = read_capped(file, PASSWORD_BYTES_MAX)?;
                let wrong = |_| ConfigError::Value {
                    origin: file.display().to_string(),
                    what: "is not UTF-8: write the password and nothing else".to_owned(),
                };
                String::from_utf8(bytes).map_err(wrong)?.trim().to_owned()
            }
        };
        let prompt = |of: &crate::config::SipPrompt| {
            let said = Said { language: of.language, kind: of.kind, drill: of.drill };
            let prompt = Prompt::read(&of.file).map_err(|error| ConfigError::Value {
                origin: of.file.display().to_string(),
                what: error.to_string(),
            })?;
            Ok((said, Arc::new(prompt)))
        };
        let prompts = settings.prompts.iter().map(prompt).collect::<Result<_, ConfigError>>()?;
        Ok(Self {
            settings: settings.clone(),
            password: Private::from(password),
            prompts,
            tone: Arc::new(Prompt::tone()),
            lines: Arc::new(Semaphore::new(LINES)),
        })
    }

    /// The steps that it does.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Way> {
        let neighbour = self.settings.neighbour.is_some().then_some(Way::Neighbour);
        [Way::Contact, Way::DialOut].into_iter().chain(neighbour)
    }

    /// Calls, and says how it ended.
    pub(crate) async fn call(self: Arc<Self>, told: Told, drawn: [u8; 16]) -> CallEnd {
        let neighbour = || self.settings.neighbour.clone().filter(|_| told.way == Way::Neighbour);
        let Some(number) = told.phone.clone().or_else(neighbour) else { return CallEnd::NoNumber };
        let is_emergency = phone::is_emergency(number.as_str());
        // Whoever wrote the step: nobody comes for a drill.
        if !is_number(number.as_str()) || told.drill && is_emergency {
            return CallEnd::NoNumber;
        }
        let Ok(line) = Arc::clone(&self.lines).try_acquire_owned() else { return CallEnd::NoLine };
        let Ok((sip, sound)) = self.sockets().await else { return CallEnd::NoLine };
        let (Ok(local), Ok(media)) = (sip.local_addr(), sound.local_addr()) else {
            return CallEnd::NoLine;
        };
        let Sip { server, domain, user, caller_id, .. } = &self.settings;
        let plan = Plan {
            server: *server,
            domain: domain.clone().unwrap_or_else(|| match server {
                SocketAddr::V4(server) => server.ip().to_string(),
                SocketAddr::V6(server) => format!("[{}]", server.ip()),
            }),
            user: user.clone(),
            password: self.password.clone(),
            caller: caller_id.clone().unwrap_or_else(|| user.clone()),
            number,
            local,
            media,
            prompt: self.prompt(told.what, told.drill),
            is_emergency,
            drawn,
        };
        let (end, ended) = oneshot::channel();
        tokio::spawn(speak(plan, sip, sound, end, line));
        // Without a word of its task it cannot be said that the call went well.
        ended.await.unwrap_or(CallEnd::NoLine)
    }

    /// What is said of an alert: a drill is never told as an alert.
    fn prompt(&self, kind: Option<AlertKind>, drill: bool) -> Arc<Prompt> {
        let language = self.settings.language;
        let of = |kind| {
            let wanted = Said { language, kind, drill };
            self.prompts.iter().find(|(said, _)| *said == wanted).map(|(_, prompt)| prompt)
        };
        let own = kind.and_then(|kind| of(Some(kind)));
        Arc::clone(own.or_else(|| of(None)).unwrap_or(&self.tone))
    }

    /// A socket that hears the server only, and one for sound.
    async fn sockets(&self) -> std::io::Result<(UdpSocket, UdpSocket)> {
        let ip = self.settings.address.ip();
        let sip = UdpSocket::bind((ip, 0)).await?;
        sip.connect(self.settings.server).await?;
        Ok((sip, UdpSocket::bind((ip, 0)).await?))
    }
}

/// Makes one call; what comes late is answered after it ended.
async fn speak(
    plan: Plan,
    sip: UdpSocket,
    sound: UdpSocket,
    end: oneshot::Sender<CallEnd>,
    _line: OwnedSemaphorePermit,
) {
    let began = Instant::now();
    let (mut call, mut outputs) = Call::begin(plan, Duration::ZERO);
    let mut end = Some(end);
    let mut message = vec![0; MESSAGE_BYTES_MAX + 1];
    let mut packet = vec![0; SOUND_BYTES_MAX];
    loop {
        let mut is_refused = false;
        for output in outputs {
            match output {
                Output::Sip(bytes) => is_refused |= sip.send(&bytes).await.is_err(),
                // What is lost of it is lost.
                Output::Rtp(to, bytes) => drop(sound.send_to(&bytes, to).await),
                Output::Ended(how) => {
                    if let Some(end) = end.take() {
                        // The node may have stopped meanwhile.
                        let _ = end.send(how);
                    }
                }
            }
        }
        if call.is_over() {
            return;
        }
        if is_refused {
            outputs = call.unreachable(began.elapsed());
            continue;
        }
        let next = began + call.next_at();
        outputs = tokio::select! {
            biased;
            () = tokio::time::sleep_until(next) => call.tick(began.elapsed()),
            received = sip.recv(&mut message) => match received {
                Ok(length) => {
                    let datagram = message.get(..length).unwrap_or_default();
                    call.message(began.elapsed(), datagram)
                }
                Err(_) => call.unreachable(began.elapsed()),
            },
            received = sound.recv_from(&mut packet) => match received {
                Ok((length, from)) => {
                    let datagram = packet.get(..length).unwrap_or_default();
                    call.sound(began.elapsed(), from, datagram)
                }
                // Whoever should hear it does not listen; they may yet.
                Err(_) => Vec::new(),
            },
        };
    }
}
