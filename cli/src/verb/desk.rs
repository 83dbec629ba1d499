//! The duty desk: who rings, and who has it, on a whole screen. [`state`] decides, [`view`] draws; here is what they do
//! not know: the terminal, the node and the clock.

use std::{
    fs::File,
    io::{Read as _, stdin},
    os::fd::AsFd as _,
    panic::resume_unwind,
    thread,
    time::Duration,
};

use linli_node::{
    api::{
        Acting, ApiError, Code, Method, Reading,
        alerts::{AlertAct, AlertShow},
        calls::{CallAct, CallActed, CallElder},
        cards::{AlertCard, CardAnswer, ElderCard},
        care::{ElderList, ElderRow},
        network::{PartyList, PartyRow},
        seat::{SeatAnswer, SeatLeave, SeatTake},
        watch::{AlertWatch, AlertWatched},
    },
    control::{Client, ClientError},
};
use serde_json::Value;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use zeroize::{Zeroize as _, Zeroizing};

use self::{
    keys::{Keys, Typed},
    state::{Asked, Clocks, Desk as State, Effect, Event, Health, Lost, Pin, Seat, What},
    terminal::Terminal,
    view::View,
};
use super::{alert, card, who::Parties};
use crate::{
    context::Context,
    failure::{CliError, Exit, explained},
    moment::{now_ms, since_boot_ms},
};

mod keys;
mod line;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

/// How often ages are drawn anew.
const TICK: Duration = Duration::from_millis(500);
/// A node that does not say how it is within this is not there.
const CHECK_PATIENCE: Duration = Duration::from_secs(6);
/// A node answers an act within this: an alert on a full disk is answered sooner.
const PATIENCE: Duration = Duration::from_secs(15);
/// A watch is answered after 30 s at the latest.
const WATCH_PATIENCE: Duration = Duration::from_secs(45);
/// How long a seat is waited for that is left at the end.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// Elders that are shown where somebody looks for one: more of the name finds fewer.
const FOUND_MAX: u64 = 50;
/// Bytes taken from the terminal at once.
const TYPED_BYTES: usize = 1 << 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Desk {
    /// Ring no bell
    #[arg(long)]
    quiet: bool,
}

/// What something that was begun came to.
enum Back {
    Watched(u64, Result<AlertWatched, ClientError>),
    Checked(Health),
    Sat(Result<SeatAnswer, ClientError>),
    Left,
    Acted(Asked, Result<(), ClientError>),
    Called(Asked, Result<CallActed, ClientError>),
    Found(Asked, Result<Vec<CallElder>, ClientError>),
    History(Asked, Result<(Value, Vec<PartyRow>), ClientError>),
    Card(Asked, Result<(CardAnswer, Vec<PartyRow>), ClientError>),
}

/// What the desk does its work with.
struct Shell<'a> {
    context: &'a Context,
    client: Client,
    terminal: Terminal,
    keys: Keys,
    state: State,
    begun: JoinSet<Back>,
    watch: Option<AbortHandle>,
    colour: bool,
    ended: bool,
}

impl Desk {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let client = Client::at(context.home()?.socket());
        let colour = context.environment.text("NO_COLOR")?.is_none();
        let typed = typed()?;
        let resized = signal(SignalKind::window_change())?;
        let hung_up = signal(SignalKind::hangup())?;
        let stop = super::told_to_stop()?;
        let terminal = Terminal::open().map_err(|_| CliError::NoTerminal)?;
        let (state, first) = State::begin(clocks(), context.person(), self.quiet);
        let (begun, watch, ended) = (JoinSet::new(), None, false);
        let keys = Keys::default();
        let mut shell =
            Shell { context, client, terminal, keys, state, begun, watch, colour, ended };
        let done = shell.run(first, typed, resized, hung_up, stop).await;
        if let Some(seat) = shell.state.end() {
            // Where the node does not answer, the seat is left by itself.
            drop(timeout(END_PATIENCE, leave(shell.client, seat)).await);
        }
        done?;
        Ok(Exit::DONE)
    }
}

fn clocks() -> Clocks {
    Clocks { wall: now_ms(), steady: since_boot_ms() }
}

/// What is typed, from a thread of its own: it waits for the terminal until the program ends.
/// Among it are PINs: each copy is wiped, and the terminal is read without a buffer between.
fn typed() -> std::io::Result<mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut tty = File::from(stdin().as_fd().try_clone_to_owned()?);
    thread::spawn(move || {
        let mut bytes = Zeroizing::new([0_u8; TYPED_BYTES]);
        while let Ok(read) = tty.read(&mut *bytes)
            && let Some(typed) = bytes.get(..read).filter(|typed| !typed.is_empty())
            && sender.send(Zeroizing::new(typed.to_vec())).is_ok()
        {}
    });
    Ok(receiver)
}

impl Shell<'_> {
    /// Works until somebody ends it, or the terminal is gone.
    async fn run(
        &mut self,
        first: Vec<Effect>,
        mut typed: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>,
        mut resized: Signal,
        mut hung_up: Signal,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let mut stop = std::pin::pin!(stop);
        self.carry_out(first)?;
        let mut tick = tokio::time::interval(TICK);
        while !self.ended {
            self.paint()?;
            tokio::select! {
                () = &mut stop => break,
                _ = hung_up.recv() => break,
                _ = resized.recv() => self.terminal.clear(),
                _ = tick.tick() => self.happened(Event::Tick)?,
                more = typed.recv() => match more {
                    Some(bytes) => self.typed(&bytes)?,
                    // The terminal is gone.
                    None => break,
                },
                Some(back) = self.begun.join_next() => match back {
                    Ok(back) => self.back(back)?,
                    Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                    // A watch in whose place another one is.
                    Err(_) => {}
                },
            }
        }
        Ok(())
    }

    fn typed(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.keys.take(bytes, bytes.len() == TYPED_BYTES);
        while let Some(typed) = self.keys.next() {
            self.happened(match typed {
                Typed::Key(key) => Event::Key(key),
                Typed::Pasted(text) => Event::Pasted(text),
            })?;
        }
        Ok(())
    }

    fn paint(&mut self) -> std::io::Result<()> {
        let view = View::new(&self.context.text, &self.context.zone, self.terminal.size());
        self.terminal.paint(view.lines(&self.state), self.colour)
    }

    fn happened(&mut self, event: Event) -> std::io::Result<()> {
        let effects = self.state.handle(clocks(), event);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> std::io::Result<()> {
        for effect in effects {
            let client = self.client.clone();
            match effect {
                Effect::Watch { number, after, resolved, seat } => {
                    let acting = seat.map(sitting);
                    let request = AlertWatch { after, resolved, acting };
                    let watch = self.begun.spawn(async move {
                        let asked = timeout(WATCH_PATIENCE, client.call(&request)).await;
                        Back::Watched(number, asked.unwrap_or_else(|_| Err(silent())))
                    });
                    if let Some(before) = self.watch.replace(watch) {
                        before.abort();
                    }
                }
                Effect::Check => drop(self.begun.spawn(check(client))),
                Effect::Sit { person, pin } => {
                    self.keys.wipe();
                    drop(self.begun.spawn(sit(client, person, pin)));
                }
                Effect::Leave(seat) => drop(self.begun.spawn(async move {
                    leave(client, seat).await;
                    Back::Left
                })),
                Effect::Ask(asked, seat) => drop(self.begun.spawn(ask(client, asked, seat))),
                Effect::Bell => self.terminal.bell()?,
                Effect::End => self.ended = true,
            }
        }
        Ok(())
    }

    fn back(&mut self, back: Back) -> std::io::Result<()> {
        let (context, text) = (self.context, &self.context.text);
        let event = match back {
            Back::Watched(number, Ok(watched)) => Event::Watched(number, watched),
            Back::Watched(number, Err(error)) => {
                let lost = if has_lapsed(&error) { Lost::Seat } else { Lost::Node };
                Event::Unwatched(number, lost)
            }
            Back::Checked(health) => Event::Checked(health),
            Back::Sat(Ok(seat)) => Event::Seated(seat),
            Back::Sat(Err(error)) => Event::NotSeated(explained(&error.into(), text)),
            Back::Left => return Ok(()),
            Back::Acted(asked, Ok(())) | Back::Called(asked, Ok(CallActed { alert: None, .. })) => {
                Event::Acted(asked)
            }
            Back::Called(asked, Ok(CallActed { alert: Some(alert), stored, owned })) => {
                Event::Raised { asked, alert, stored, owned }
            }
            Back::Found(asked, Ok(found)) => Event::Found(asked, found),
            Back::History(asked, Ok((shown, rows))) => {
                let told = alert::told::told(context, &Parties::of(rows), &shown);
                Event::Read(asked, told.lines().map(str::to_owned).collect())
            }
            Back::Card(asked, Ok((card, rows))) => {
                let told = card::told(context, &Parties::of(rows), &card);
                Event::Read(asked, told.lines().map(str::to_owned).collect())
            }
            Back::Acted(asked, Err(error))
            | Back::Called(asked, Err(error))
            | Back::Found(asked, Err(error))
            | Back::History(asked, Err(error))
            | Back::Card(asked, Err(error)) => match has_lapsed(&error) {
                true => Event::Lapsed(asked),
                false => Event::Refused(asked, explained(&error.into(), text)),
            },
        };
        self.happened(event)
    }
}

/// Whether nobody sits there any more.
fn has_lapsed(error: &ClientError) -> bool {
    let ClientError::Refused(ApiError { code, detail, .. }) = error else { return false };
    let has_ended = detail.key == "error-person-ended";
    *code == Code::WrongSecret || has_ended
}

fn silent() -> ClientError {
    ClientError::Refused(ApiError::new(Code::Internal, "error-no-answer"))
}

/// Who acts: whoever has the seat.
fn sitting(Seat(seat): Seat) -> Acting {
    Acting { person: String::new(), pin: String::new(), seat: Some(seat.as_str().to_owned()) }
}

async fn check(client: Client) -> Back {
    let health = match timeout(CHECK_PATIENCE, client.look("/health")).await {
        Ok(Ok((200, _))) => Health::Well,
        Ok(Ok((_, page))) => {
            let reason = page.get("reason").and_then(Value::as_str).unwrap_or_default();
            Health::Ill(reason.to_owned())
        }
        Ok(Err(_)) | Err(_) => Health::Silent,
    };
    Back::Checked(health)
}

async fn sit(client: Client, person: String, Pin(pin): Pin) -> Back {
    let acting = Acting { person, pin: pin.as_str().to_owned(), seat: None };
    let mut request = SeatTake { acting, own: true };
    let sat = timeout(PATIENCE, client.call(&request)).await;
    request.acting.pin.zeroize();
    Back::Sat(sat.unwrap_or_else(|_| Err(silent())))
}

/// Leaves a seat. A node that does not answer leaves it by itself.
async fn leave(client: Client, Seat(seat): Seat) {
    let request = SeatLeave { seat: Some(seat.as_str().to_owned()) };
    drop(timeout(PATIENCE, client.call(&request)).await);
}

async fn ask(client: Client, asked: Asked, seat: Seat) -> Back {
    let (about, word, acting) = (asked.about.clone(), asked.word.clone(), Some(sitting(seat)));
    match asked.what {
        What::Act(act, with) => {
            let with = with.map(str::to_owned);
            let mut request = AlertAct { alert: about, from: word, acting, ..AlertAct::default() };
            match act {
                "hand-to" => request.service = with,
                "respond" => request.within_minutes = with.and_then(|text| text.parse().ok()),
                _ => request.outcome = with,
            }
            request.act = act.to_owned();
            Back::Acted(asked, in_time(client.call(&request)).await.map(drop))
        }
        What::Call(act, elder) => {
            let (act, elder) = (act.to_owned(), elder.map(|elder| elder.to_string()));
            let request = CallAct { call: about, act, elder, from: word, acting };
            Back::Called(asked, in_time(client.call(&request)).await)
        }
        What::Find(_) => {
            let what = ElderList { find: word, limit: FOUND_MAX, ..ElderList::default() };
            let request = Reading { what, acting };
            let found = in_time(client.call(&request)).await;
            let found = found.map(|page| page.elders.into_iter().map(meant).collect());
            Back::Found(asked, found)
        }
        What::History => {
            let request = Reading { what: AlertShow { alert: about }, acting };
            let shown = in_time(async {
                Ok((client.call(&request).await?, client.call(&PartyList {}).await?))
            });
            Back::History(asked, shown.await)
        }
        What::Card => {
            let request = AlertCard { alert: about, reason: None, acting };
            Back::Card(asked, card_of(&client, request).await)
        }
        What::CallerCard(elder) => {
            let (elder, reason) = (elder.to_string(), Some("call".to_owned()));
            let card = card_of(&client, ElderCard { elder, reason, acting });
            Back::Card(asked, card.await)
        }
    }
}

/// A card, and the parties that its statements name.
async fn card_of<M: Method<Answer = CardAnswer>>(
    client: &Client,
    request: M,
) -> Result<(CardAnswer, Vec<PartyRow>), ClientError> {
    in_time(async { Ok((client.call(&request).await?, client.call(&PartyList {}).await?)) }).await
}

async fn in_time<T>(asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(silent()))
}

fn meant(row: ElderRow) -> CallElder {
    let ElderRow { elder, names, address, .. } = row;
    CallElder { elder, names, addresses: address.into_iter().collect(), own: false }
}
