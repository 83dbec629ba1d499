//! The desk as a state machine: [`Desk::handle`] takes what happened and says what is to be done. It reads no clock, asks
//! no node and knows no terminal.

use std::collections::{BTreeMap, BTreeSet};

use linli_node::api::{
    calls::{CallElder, CallRow},
    plans::PlanInForce,
    seat::SeatAnswer,
    sensors::MonitoringOff,
    watch::{AlertRow, AlertWatched},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::keys::Key;
use crate::prompt::Secret;

mod board;
mod calls;
mod typed;

pub(super) use board::Row;

/// The bell rings again after this, as long as it rings.
const BELL_MS: u64 = 3_000;
/// A node that could not be reached is tried again after this.
const AGAIN_MS: u64 = 1_000;
/// How often it is asked whether it does its work.
const CHECK_MS: u64 = 5_000;
/// How long a message stays.
const SAID_MS: u64 = 12_000;
/// A node that is gone or not well for less than this, as it is when it starts anew, rings no bell.
const GONE_MS: u64 = 5_000;
/// What is to be done after a PIN is forgotten where nobody types for this long: whoever types then may mean nothing by it.
const THEN_MS: u64 = 30_000;

/// A moment in milliseconds by two clocks: what is shown follows the wall clock, and what is waited for the one that is
/// never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clocks {
    /// Since 1970.
    pub(super) wall: u64,
    /// Since the machine was started.
    pub(super) steady: u64,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A second has passed, or less.
    Tick,
    Key(Key),
    /// Text was pasted.
    Pasted(Zeroizing<String>),
    /// What a watch came to; it names which.
    Watched(u64, AlertWatched),
    /// A watch came to nothing: the node could not be reached, or nobody sits here any more.
    Unwatched(u64, Lost),
    /// How the node is: it does its work, it does not and says why, or nothing is heard of it.
    Checked(Health),
    /// Somebody has a seat.
    Seated(SeatAnswer),
    /// Nobody has, with the reason.
    NotSeated(String),
    /// What was asked is done.
    Acted(Asked),
    /// An alert was raised for a call: whether it is stored, and with whoever works here.
    Raised {
        asked: Asked,
        alert: String,
        stored: bool,
        owned: bool,
    },
    /// What was asked to be read, in lines.
    Read(Asked, Vec<String>),
    /// Elders that were looked for.
    Found(Asked, Vec<CallElder>),
    /// It was refused, with the reason.
    Refused(Asked, String),
    /// It was refused because nobody sits here any more.
    Lapsed(Asked),
}

/// Why a watch came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Node,
    Seat,
}

/// How the node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    Ill(String),
    Silent,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Watch the board, in the place of any watch before.
    Watch { number: u64, after: Option<String>, resolved: bool, seat: Option<Seat> },
    /// Ask how the node is.
    Check,
    /// Take a seat.
    Sit { person: String, pin: Pin },
    /// Leave a seat.
    Leave(Seat),
    /// Act, or read.
    Ask(Asked, Seat),
    /// Ring the terminal's bell.
    Bell,
    /// End.
    End,
}

/// What stands for a PIN; shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Seat(pub(super) Secret);

/// A PIN as far as it is typed; shown nowhere.
#[derive(PartialEq, Eq)]
pub(super) struct Pin(pub(super) Secret);

impl Default for Pin {
    fn default() -> Self {
        // With room for all, so that no piece of it is left behind where it grew.
        Self(Zeroizing::new(String::with_capacity(4 * typed::TYPED_MAX)))
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seat(…)")
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// Something asked of the node about one alert, or one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) about: String,
    pub(super) what: What,
    /// Whom something is taken from, by id; or what is looked for.
    pub(super) word: Option<String>,
}

impl Asked {
    pub(super) const fn of(about: String, what: What) -> Self {
        Self { about, what, word: None }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// An act of `alert.act`: its word, and the service or outcome that goes with it.
    Act(&'static str, Option<&'static str>),
    /// All that happened.
    History,
    /// The emergency card.
    Card,
    /// An act of `call.act`: its word, and the elder that goes with it.
    Call(&'static str, Option<Uuid>),
    /// The emergency card of who calls, or is called about.
    CallerCard(Uuid),
    /// Elders who may be meant, and what is done about the one who is.
    Find(Option<Deed>),
}

/// What is done about an elder when a call comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Card,
    Raise,
}

impl What {
    /// Whether it changes something, and shows nothing.
    const fn acts(self) -> bool {
        matches!(self, Self::Act(..) | Self::Call(..))
    }

    /// Whether it is an act that ends an alert or a call.
    const fn ends(self) -> bool {
        matches!(
            self,
            Self::Act(act, _) | Self::Call(act, _)
                if matches!(act.as_bytes(), b"resolve" | b"false-alarm" | b"done")
        )
    }
}

/// What fills the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Screen {
    Board,
    Resolved,
    /// Something that was asked to be read; no lines until it is there.
    Reading {
        asked: Asked,
        lines: Option<Vec<String>>,
        scroll: usize,
    },
    /// Elders, of whom one is meant; none until they are found.
    Elders {
        asked: Asked,
        found: Option<Vec<CallElder>>,
        place: usize,
    },
    Help,
}

/// What is asked of the person at the desk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Who it is.
    Name { typed: String, then: Option<Asked> },
    /// The PIN of that person.
    Pin { person: String, typed: Pin, then: Option<Asked> },
    /// Whether to take an alert or a call from whoever has it: a person's id.
    TakeOver { about: String, from: String },
    /// Whom to look for, who calls or is called about.
    Find { call: String, typed: String, then: Option<Deed> },
    /// Which service it is handed to.
    Service(String),
    /// How it ended.
    Outcome(String),
    /// Within how long somebody is there.
    Within(String),
    /// Whether to end what only this node knows of.
    Forget(String),
    /// Whether to leave although somebody rings.
    End,
}

/// A message: words of the node, or a message of ours with a name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Words(String),
    Key(&'static str, String),
}

/// Who works here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) person: String,
    pub(super) name: String,
}

/// A desk.
#[derive(Debug)]
pub(super) struct Desk {
    /// Open alerts, and resolved ones where those are shown, by id.
    alerts: BTreeMap<String, AlertRow>,
    /// Calls that nobody has seen to, by id.
    calls: BTreeMap<String, CallRow>,
    /// Calls that the node does not show.
    pub(super) calls_dropped: u64,
    /// The alert or call that keys act upon: it stays the same while rows move.
    pub(super) chosen: Option<String>,
    pub(super) screen: Screen,
    pub(super) prompt: Option<Prompt>,
    said: Option<(u64, Said)>,
    pub(super) operator: Option<Operator>,
    /// Who was named before anybody sat down.
    named: Option<String>,
    seat: Option<Seat>,
    idle_ms: u64,
    /// Who takes a seat at the moment, and what waits for it.
    sitting: Option<(String, Option<Asked>)>,
    /// What was asked and is not answered.
    asked: Vec<Asked>,
    /// The alert or call that was ended here last.
    ended: Option<String>,
    /// Whether the desk ends as soon as it is known how what was asked ended.
    leaving: bool,
    quiet: bool,
    watch: u64,
    mark: Option<String>,
    /// Alerts from before the node was started that it has not shown again.
    before: BTreeSet<String>,
    /// Whether the node has looked at all its alerts.
    pub(super) complete: bool,
    /// The plans that are in force.
    pub(super) plans: Vec<PlanInForce>,
    /// Monitoring that is off.
    pub(super) monitoring: Vec<MonitoringOff>,
    /// Since when the node does not answer.
    pub(super) gone: Option<Clocks>,
    /// Why the node does not do its work, and since when by the steady clock.
    pub(super) ill: Option<(u64, String)>,
    /// Whether anything was heard of the node.
    pub(super) has_begun: bool,
    again: Option<u64>,
    checks: bool,
    checked: u64,
    rang: Option<u64>,
    /// When the bell rang for a call, and whether it did so twice.
    strokes: Option<(u64, bool)>,
    key: u64,
    pub(super) now: u64,
    steady: u64,
}

impl Desk {
    /// A desk that begins, for whom it may have been begun, and what is to be done first.
    pub(super) fn begin(now: Clocks, named: Option<String>, quiet: bool) -> (Self, Vec<Effect>) {
        let Clocks { wall, steady } = now;
        let mut desk = Self {
            alerts: BTreeMap::new(),
            calls: BTreeMap::new(),
            calls_dropped: 0,
            chosen: None,
            screen: Screen::Board,
            prompt: None,
            said: None,
            operator: None,
            named,
            seat: None,
            idle_ms: 0,
            sitting: None,
            asked: Vec::new(),
            ended: None,
            leaving: false,
            quiet,
            watch: 0,
            mark: None,
            before: BTreeSet::new(),
            complete: false,
            plans: Vec::new(),
            monitoring: Vec::new(),
            gone: None,
            ill: None,
            has_begun: false,
            again: None,
            checks: true,
            checked: steady,
            rang: None,
            strokes: None,
            key: steady,
            now: wall,
            steady,
        };
        desk.ask_who(None);
        let effects = vec![desk.watch_all(), Effect::Check];
        (desk, effects)
    }

    /// Takes what happened at a moment; says what is to be done.
    pub(super) fn handle(&mut self, now: Clocks, event: Event) -> Vec<Effect> {
        let Clocks { wall, steady } = now;
        (self.now, self.steady) = (wall, steady);
        let mut effects = match event {
            Event::Tick => self.tick(),
            Event::Key(key) => {
                self.key = steady;
                self.key(key)
            }
            Event::Pasted(text) => {
                self.key = steady;
                self.pasted(&text);
                Vec::new()
            }
            Event::Watched(number, _) | Event::Unwatched(number, _) if number != self.watch => {
                Vec::new()
            }
            Event::Watched(_, watched) => self.watched(watched),
            Event::Unwatched(_, Lost::Seat) => {
                let left = self.lock();
                left.into_iter().chain([self.watch_on()]).collect()
            }
            Event::Unwatched(_, Lost::Node) => {
                self.lose();
                self.again = Some(steady + AGAIN_MS);
                Vec::new()
            }
            Event::Checked(health) => {
                self.checked(health);
                Vec::new()
            }
            Event::Seated(seat) => self.seated(seat),
            Event::NotSeated(why) => self.not_seated(why),
            Event::Acted(asked) => self.acted(&asked),
            Event::Raised { asked, alert, stored, owned } => {
                self.raised(&asked, alert, stored, owned)
            }
            Event::Read(asked, lines) => self.read(&asked, lines),
            Event::Found(asked, elders) => self.found(&asked, elders),
            Event::Refused(asked, why) => {
                self.answered(&asked);
                self.leaving = false;
                self.say(Said::Words(why));
                if let Screen::Reading { asked: of, lines: None, .. }
                | Screen::Elders { asked: of, found: None, .. } = &self.screen
                    && *of == asked
                {
                    self.screen = Screen::Board;
                }
                Vec::new()
            }
            Event::Lapsed(asked) => {
                self.answered(&asked);
                self.leaving = false;
                self.lock();
                self.ask_who(Some(asked));
                Vec::new()
            }
        };
        effects.extend(self.ring());
        effects.extend(self.ring_for_calls());
        // What waits for a seat is an act too, and a seat that comes late is left.
        let waits = self.sitting.is_some() || self.asked.iter().any(|asked| asked.what.acts());
        if self.leaving && !waits {
            effects.push(Effect::End);
        }
        effects
    }

    fn tick(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.said.as_ref().is_some_and(|(since, _)| self.since(*since) > SAID_MS) {
            self.said = None;
        }
        if self.seat.is_some() && self.since(self.key) >= self.idle_ms {
            effects.extend(self.lock());
        }
        if self.since(self.key) >= THEN_MS
            && let Some(Prompt::Name { then, .. } | Prompt::Pin { then, .. }) = &mut self.prompt
        {
            *then = None;
        }
        if self.again.is_some_and(|again| self.steady >= again) {
            self.again = None;
            effects.push(self.watch_on());
        }
        if !self.checks && self.since(self.checked) >= CHECK_MS {
            self.checks = true;
            effects.push(Effect::Check);
        }
        effects
    }

    /// The milliseconds since a time by the steady clock.
    const fn since(&self, steady: u64) -> u64 {
        self.steady.saturating_sub(steady)
    }

    /// For how many milliseconds the node has not answered.
    pub(super) fn lacks_ms(&self) -> Option<u64> {
        self.gone.map(|gone| self.since(gone.steady))
    }

    /// Rings the bell where it is time.
    fn ring(&mut self) -> Option<Effect> {
        let ill = self.ill.as_ref().map(|(since, _)| self.since(*since));
        let is_blind = self.lacks_ms().max(ill) >= Some(GONE_MS);
        let rings = is_blind || self.open().iter().any(|row| self.rings(row));
        let is_due = self.rang.is_none_or(|rang| self.since(rang) >= BELL_MS);
        (rings && is_due && !self.quiet).then(|| {
            self.rang = Some(self.steady);
            Effect::Bell
        })
    }

    /// Watches on. Where the node sends everything once more, it writes down who sits here.
    fn watch_on(&mut self) -> Effect {
        self.watch += 1;
        let seat = self.seat.clone();
        let resolved = self.shows_resolved();
        Effect::Watch { number: self.watch, after: self.mark.clone(), resolved, seat }
    }

    fn watch_all(&mut self) -> Effect {
        self.mark = None;
        self.watch_on()
    }

    fn lose(&mut self) {
        self.gone.get_or_insert(Clocks { wall: self.now, steady: self.steady });
    }

    fn checked(&mut self, health: Health) {
        (self.checks, self.checked) = (false, self.steady);
        match health {
            Health::Well => self.ill = None,
            // A node that hangs says so too: that it is back is known where it does something.
            Health::Ill(why) => {
                let since = self.ill.as_ref().map_or(self.steady, |(since, _)| *since);
                self.ill = Some((since, why));
                return;
            }
            Health::Silent => return self.lose(),
        }
        // A watch that runs tells of changes by itself; where none runs, the next one says that the node is back.
        if self.again.is_none() {
            self.gone = None;
        }
    }

    /// Asks for the PIN, and before that for the name where nobody is named.
    fn ask_who(&mut self, then: Option<Asked>) {
        let named =
            self.operator.as_ref().map(|of| of.person.clone()).or_else(|| self.named.clone());
        self.prompt = Some(match named {
            Some(person) => Prompt::Pin { person, typed: Pin::default(), then },
            None => Prompt::Name { typed: String::new(), then },
        });
    }

    fn seated(&mut self, answer: SeatAnswer) -> Vec<Effect> {
        let SeatAnswer { seat, person, name, idle_minutes } = answer;
        let then = self.sitting.take().and_then(|(_, then)| then);
        let before = self.seat.replace(Seat(Zeroizing::new(seat)));
        (self.operator, self.named) = (Some(Operator { person, name }), None);
        (self.idle_ms, self.key) = (idle_minutes.saturating_mul(60_000), self.steady);
        let mut effects: Vec<Effect> = before.map(Effect::Leave).into_iter().collect();
        // The audit says who looks from here on.
        effects.push(self.watch_all());
        effects.extend(then.map(|asked| self.attempt(asked)).unwrap_or_default());
        effects
    }

    fn not_seated(&mut self, why: String) -> Vec<Effect> {
        let (person, then) = self.sitting.take().unwrap_or_default();
        self.leaving = false;
        self.say(Said::Words(why));
        self.ask_who(then.clone());
        // Another name is looked at again, before its PIN.
        let asks = matches!(&self.prompt, Some(Prompt::Pin { person: of, .. }) if *of == person);
        if !asks {
            self.prompt = Some(Prompt::Name { typed: person, then });
        }
        Vec::new()
    }

    /// Nobody sits here any more: what rings is still shown.
    fn lock(&mut self) -> Option<Effect> {
        if matches!(self.screen, Screen::Reading { .. } | Screen::Resolved | Screen::Elders { .. })
        {
            self.screen = Screen::Board;
        }
        self.alerts.retain(|_, row| row.resolved_ms.is_none());
        self.prompt = None;
        self.seat.take().map(Effect::Leave)
    }

    /// Does what is asked, or has the person give a PIN first.
    fn attempt(&mut self, asked: Asked) -> Vec<Effect> {
        let Some(seat) = self.seat.clone() else {
            self.ask_who(Some(asked));
            return Vec::new();
        };
        if self.refuses(&asked) || self.asked.contains(&asked) {
            return Vec::new();
        }
        match asked.what {
            What::History | What::Card | What::CallerCard(_) => {
                self.screen = Screen::Reading { asked: asked.clone(), lines: None, scroll: 0 };
            }
            What::Find(_) => {
                self.screen = Screen::Elders { asked: asked.clone(), found: None, place: 0 };
            }
            What::Act(..) | What::Call(..) => {}
        }
        self.asked.push(asked.clone());
        vec![Effect::Ask(asked, seat)]
    }

    fn answered(&mut self, asked: &Asked) {
        self.asked.retain(|of| of != asked);
    }

    fn acted(&mut self, asked: &Asked) -> Vec<Effect> {
        self.answered(asked);
        // Where the board was quicker it is over already.
        if asked.what.ends() && self.is_open(&asked.about) {
            self.ended = Some(asked.about.clone());
        }
        self.say(Said::Key("desk-done", self.about(&asked.about)));
        Vec::new()
    }

    fn read(&mut self, asked: &Asked, read: Vec<String>) -> Vec<Effect> {
        self.answered(asked);
        if let Screen::Reading { asked: of, lines, .. } = &mut self.screen
            && of == asked
        {
            *lines = Some(read);
        }
        Vec::new()
    }

    fn say(&mut self, said: Said) {
        self.said = Some((self.steady, said));
    }

    /// The message that is shown.
    pub(super) fn said(&self) -> Option<&Said> {
        self.said.as_ref().map(|(_, said)| said)
    }

    /// Whether nobody has given a PIN, or nobody has for too long.
    pub(super) const fn is_locked(&self) -> bool {
        self.seat.is_none()
    }

    /// Whether something was asked of the node that is not answered.
    pub(super) const fn waits(&self) -> bool {
        self.sitting.is_some() || !self.asked.is_empty()
    }

    /// What to do with the seat when the desk ends.
    pub(super) fn end(&mut self) -> Option<Seat> {
        self.seat.take()
    }
}
