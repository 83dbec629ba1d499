//! The telephone of this node: it calls out for steps of a ladder, and hears who calls in. [Decision 30](../../docs/decisions/0030-telephone.md).
//!
//! ```text
//! ladder ─→ bells ─→ Trunk::call ─→ one task and two sockets a call ─→ call (sans-IO) ─→ CallEnd
//! telephone network ─→ incoming ─→ callers, the list that the desk reads
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use linli_model::alert::{AlertKind, CallEnd, Way};
use linli_model::phone;
use linli_model::private::Private;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

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

/// Calls outwards at once: the lines of a small telephone system. Others wait until one is free.
const LINES: usize = 8;

/// Lines that are kept for emergency services.
const LINES_KEPT: usize = 2;

/// Lines that one alert has at once beside those to emergency services, and all drills together.
const LINES_OF_ONE: usize = 2;

/// The largest packet of sound that is read.
const SOUND_BYTES_MAX: usize = 1_500;

/// What a node calls through.
pub(crate) struct Trunk {
    settings: Sip,
    password: Private,
    prompts: Vec<(Said, Arc<Prompt>)>,
    tone: Arc<Prompt>,
    lines: Arc<Semaphore>,
    /// Those of them that are not kept for emergency services.
    common: Arc<Semaphore>,
    /// Those of each alert; of all drills under no alert's id.
    of_one: Mutex<BTreeMap<Uuid, Arc<Semaphore>>>,
}

/// A line that is held for one call.
#[derive(Debug)]
pub(crate) struct Line(
    #[expect(dead_code, reason = "held, and given back with it")] Vec<OwnedSemaphorePermit>,
);

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
    /// Reads the password and the recordings of a configuration, and says what is wrong with them: a node whose
    /// recordings are lost still rings and sends.
    pub(crate) fn load(settings: &Sip) -> (Self, Vec<String>) {
        let mut wrong = Vec::new();
        let password = settings.password_file.as_deref().map(password);
        let password = password.transpose().unwrap_or_else(|error| {
            wrong.push(error.to_string());
            None
        });
        let mut prompts = Vec::new();
        for of in &settings.prompts {
            let said = Said { language: of.language, kind: of.kind, drill: of.drill };
            match Prompt::read(&of.file) {
                Ok(prompt) => prompts.push((said, Arc::new(prompt))),
                Err(error) => wrong.push(format!("{}: {error}", of.file.display())),
            }
        }
        let trunk = Self {
            settings: settings.clone(),
            password: Private::from(password.unwrap_or_default()),
            prompts,
            tone: Arc::new(Prompt::tone()),
            lines: Arc::new(Semaphore::new(LINES)),
            common: Arc::new(Semaphore::new(LINES - LINES_KEPT)),
            of_one: Mutex::default(),
        };
        for (drill, whom) in [(false, "alerts"), (true, "drills")] {
            if !trunk.prompt(None, drill).has_words {
                wrong.push(format!(
                    "no recording of this language is for {whom} of every kind: whoever is called hears a tone, and keys are not taken"
                ));
            }
        }
        (trunk, wrong)
    }

    /// Takes a line for a call, where one is free.
    pub(crate) fn line(&self, told: &Told) -> Option<Line> {
        let number = self.number(told);
        if number.is_some_and(|number| phone::is_emergency(number.as_str())) {
            return Some(Line(vec![Arc::clone(&self.lines).try_acquire_owned().ok()?]));
        }
        let whose = if told.drill { Uuid::nil() } else { told.alert };
        let mut of_one = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        of_one.retain(|_, lines| lines.available_permits() < LINES_OF_ONE);
        let own = of_one.entry(whose).or_insert_with(|| Arc::new(Semaphore::new(LINES_OF_ONE)));
        let needed =
            [own, &self.common, &self.lines].map(Arc::clone).map(Semaphore::try_acquire_owned);
        needed.into_iter().collect::<Result<_, _>>().ok().map(Line)
    }

    /// The number that is called.
    fn number(&self, told: &Told) -> Option<Private> {
        let neighbour = || self.settings.neighbour.clone().filter(|_| told.way == Way::Neighbour);
        told.phone.clone().or_else(neighbour)
    }

    /// The steps that it does.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Way> {
        let neighbour = self.settings.neighbour.is_some().then_some(Way::Neighbour);
        [Way::Contact, Way::DialOut].into_iter().chain(neighbour)
    }

    /// Calls, and says how it ended, and as soon as somebody answers that they did. It hangs up where nobody waits for
    /// its end any more.
    pub(crate) async fn call(
        self: Arc<Self>,
        told: Told,
        drawn: [u8; 16],
        line: Line,
        answered: Arc<AtomicBool>,
    ) -> CallEnd {
        let Some(number) = self.number(&told) else { return CallEnd::NoNumber };
        let is_emergency = phone::is_emergency(number.as_str());
        // Whoever wrote the step: nobody comes for a drill.
        if !is_number(number.as_str()) || told.drill && is_emergency {
            return CallEnd::NoNumber;
        }
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
        tokio::spawn(speak(plan, (sip, sound), (end, line), answered));
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

fn password(file: &Path) -> Result<String, ConfigError> {
    let wrong = |_| ConfigError::Value {
        origin: file.display().to_string(),
        what: "is not UTF-8: write the password and nothing else".to_owned(),
    };
    let text = String::from_utf8(read_capped(file, PASSWORD_BYTES_MAX)?).map_err(wrong)?;
    Ok(text.trim().to_owned())
}

/// Done when nobody waits for the end; never after it was told.
async fn forgotten(end: &mut Option<(oneshot::Sender<CallEnd>, Line)>) {
    match end {
        Some((end, _)) => end.closed().await,
        None => std::future::pending().await,
    }
}

/// Makes one call; what comes late is answered after it ended, when its line is another's.
async fn speak(
    plan: Plan,
    (sip, sound): (UdpSocket, UdpSocket),
    end: (oneshot::Sender<CallEnd>, Line),
    answered: Arc<AtomicBool>,
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
                Output::Rtp(to, bytes) => {
                    // What is lost of it is lost, and was not spoken.
                    if sound.send_to(&bytes, to).await.is_ok() {
                        call.spoke();
                    }
                }
                Output::Ended(how) => {
                    if let Some((end, _line)) = end.take() {
                        // The node may have stopped meanwhile.
                        let _ = end.send(how);
                    }
                }
            }
        }
        if call.is_answered() {
            answered.store(true, Ordering::Relaxed);
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
            () = forgotten(&mut end) => call.hang_up(began.elapsed()),
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

#[cfg(test)]
mod tests;
