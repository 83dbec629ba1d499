//! Tablets of the flat: browsers that were paired once and show the page at home.
//!
//! ```text
//! tablet.pair ─→ code (one use, ten minutes) ─→ the tablet gives it back ─→ a token in its cookie ─→ the page
//! ```
//!
//! Whoever else is on the flat's network gets a page without names, and presses nothing.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::{TryRng as _, rngs::SysRng};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::api::tablets::TabletRow;
use crate::home::{Home, HomeError, TABLETS_FILE};

mod limits;
mod routes;
mod serve;

pub(crate) use serve::serve;

/// What the page at home says: pairs of a key and its words, in Chinese and in English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// In Chinese.
    pub zh: std::collections::BTreeMap<String, String>,
    /// In English.
    pub en: std::collections::BTreeMap<String, String>,
}

/// Letters and digits of a code: none that is taken for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters of a code, 60 bits: at a million tries a second one is right in a thousand years.
const CODE_LETTERS: usize = 12;

/// How long a code is good for: the way from the hub to the tablet.
const CODE_VALID: Duration = Duration::from_secs(600);

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Tablets of one home.
pub(crate) const TABLETS_MAX: usize = 16;

/// Letters of a tablet's name.
pub(crate) const LABEL_MAX: usize = 40;

/// Questions for news, and apart from these presses, that a tablet may send a minute: it asks once a second at most while everything changes,
/// and sends again every two seconds what the hub did not take.
const REQUESTS_PER_MINUTE: u32 = 240;

/// Why a tablet is not paired or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairError {
    #[error("a tablet's name has 1 to {LABEL_MAX} letters, and no other tablet has it")]
    Label,
    #[error(
        "there are {TABLETS_MAX} tablets already: remove one with `linli device tablet remove`"
    )]
    TooMany,
    #[error("no tablet has this id or name, or several do: see `linli device tablet list`")]
    Unknown,
    #[error("the operating system gives no random bytes: restart the machine")]
    NoRandomness,
    #[error(
        "the file `{TABLETS_FILE}` of the data directory cannot be read: mend that, and start the node again"
    )]
    Unreadable,
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// The paired tablets, and the code that pairs another.
#[derive(Debug)]
pub(crate) struct Tablets {
    home: Home,
    address: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    paired: Vec<Paired>,
    code: Option<Code>,
    /// The names of those that were paired and are not in the audit yet.
    news: Vec<String>,
    /// The list is there and cannot be read: nobody is a stranger yet, and it is not written over.
    unreadable: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Paired {
    id: String,
    label: String,
    since_ms: u64,
    /// BLAKE3 of the token: who reads the file is no tablet.
    token: String,
    #[serde(skip)]
    seen_ms: Option<u64>,
    #[serde(skip)]
    minutes: [Option<(Instant, u32)>; 2],
}

struct Code {
    code: String,
    label: String,
    until: Instant,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Whether a request comes from a paired tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    Tablet,
    Stranger,
    TooMany,
    /// It is not known who is paired.
    Unknown,
}

/// What a request is counted as: presses have a number of their own, so that no looking keeps them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Look,
    Press,
    /// The same look goes on.
    Not,
}

impl Tablets {
    /// Reads the tablets of a data directory. Where the file is damaged they have to be paired again; where it cannot be
    /// read nobody is told that they are not. A hub starts all the same.
    pub(crate) fn load(home: &Home, address: SocketAddr) -> Self {
        let read = home.read_private(TABLETS_FILE).map(|bytes| {
            bytes.map_or_else(|| Ok(Vec::new()), |bytes| serde_json::from_slice(&bytes))
        });
        let (paired, unreadable) = match read {
            Ok(Ok(paired)) => (paired, false),
            Ok(Err(_)) => {
                tracing::error!("the list of tablets is damaged: pair them again");
                (Vec::new(), false)
            }
            Err(error) => {
                tracing::error!(%error, "the list of tablets cannot be read: no tablet is answered");
                (Vec::new(), true)
            }
        };
        let state = Mutex::new(State { paired, unreadable, ..State::default() });
        Self { home: home.clone(), address, state }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before it is made.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws the code that pairs one tablet under this name; returns it with the time of its end.
    pub(crate) fn draw(&self, label: &str, now_ms: u64) -> Result<(String, u64), PairError> {
        let label = label.trim();
        let mut state = self.state();
        if state.unreadable {
            return Err(PairError::Unreadable);
        }
        let taken = state.paired.iter().any(|paired| paired.label == label);
        let odd = label.is_empty() || label.chars().count() > LABEL_MAX;
        if taken || odd || label.chars().any(char::is_control) {
            return Err(PairError::Label);
        }
        if state.paired.len() >= TABLETS_MAX {
            return Err(PairError::TooMany);
        }
        let letter =
            |byte: u8| ALPHABET.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
        let code: String = random::<CODE_LETTERS>()?.into_iter().filter_map(letter).collect();
        let until = Instant::now() + CODE_VALID;
        state.code = Some(Code { code: code.clone(), label: label.to_owned(), until });
        let valid_ms = u64::try_from(CODE_VALID.as_millis()).unwrap_or(u64::MAX);
        Ok((code, now_ms.saturating_add(valid_ms)))
    }

    /// Takes a code back from a tablet and gives it its token; none where the code is not the one, or was used.
    fn redeem(&self, typed: &str, now_ms: u64) -> Result<Option<String>, PairError> {
        let typed: String = typed
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_uppercase();
        let mut state = self.state();
        let right = |code: &Code| {
            Instant::now() < code.until && bool::from(code.code.as_bytes().ct_eq(typed.as_bytes()))
        };
        let Some(Code { label, .. }) = state.code.take_if(|code| right(code)) else {
            return Ok(None);
        };
        let token = hex::encode(random::<TOKEN_BYTES>()?);
        let id = hex::encode(random::<4>()?);
        let mut paired = state.paired.clone();
        let hash = hash(&token);
        let news = label.clone();
        paired.push(Paired {
            id,
            label,
            since_ms: now_ms,
            token: hash,
            seen_ms: None,
            minutes: [None; 2],
        });
        self.save(&mut state, paired)?;
        state.news.push(news);
        Ok(Some(token))
    }

    /// Says whether a request with this token is to be answered.
    fn admits(&self, token: Option<&str>, counted: Counted, now_ms: u64) -> Admission {
        if self.state().unreadable {
            return Admission::Unknown;
        }
        let Some(token) = token else { return Admission::Stranger };
        let hash = hash(token);
        let mut state = self.state();
        let known =
            |paired: &&mut Paired| bool::from(paired.token.as_bytes().ct_eq(hash.as_bytes()));
        let Some(paired) = state.paired.iter_mut().find(known) else { return Admission::Stranger };
        paired.seen_ms = Some(now_ms);
        let [looks, presses] = &mut paired.minutes;
        let of = match counted {
            Counted::Look => looks,
            Counted::Press => presses,
            Counted::Not => return Admission::Tablet,
        };
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        let (since, count) = of.unwrap_or((now, 0));
        let fresh = now.duration_since(since) >= minute;
        let (since, count) = if fresh { (now, 0) } else { (since, count) };
        *of = Some((since, count.saturating_add(1)));
        if count < REQUESTS_PER_MINUTE { Admission::Tablet } else { Admission::TooMany }
    }

    pub(crate) fn rows(&self) -> Vec<TabletRow> {
        let row = |paired: &Paired| TabletRow {
            tablet: paired.id.clone(),
            label: paired.label.clone(),
            since_ms: paired.since_ms,
            seen_ms: paired.seen_ms,
        };
        self.state().paired.iter().map(row).collect()
    }

    /// The names of the tablets that were paired since this was asked.
    pub(crate) fn take_news(&self) -> Vec<String> {
        std::mem::take(&mut self.state().news)
    }

    /// Ends a tablet's pairing; returns its name.
    pub(crate) fn remove(&self, named: &str) -> Result<String, PairError> {
        let mut state = self.state();
        if state.unreadable {
            return Err(PairError::Unreadable);
        }
        let (gone, paired): (Vec<Paired>, Vec<Paired>) =
            state.paired.iter().cloned().partition(|one| one.id == named || one.label == named);
        let [gone] = gone.as_slice() else { return Err(PairError::Unknown) };
        self.save(&mut state, paired)?;
        Ok(gone.label.clone())
    }

    fn save(&self, state: &mut State, paired: Vec<Paired>) -> Result<(), PairError> {
        let text = serde_json::to_vec(&paired).unwrap_or_default();
        self.home.write_private(TABLETS_FILE, &text)?;
        state.paired = paired;
        Ok(())
    }
}

fn random<const N: usize>() -> Result<[u8; N], PairError> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| PairError::NoRandomness)?;
    Ok(bytes)
}

fn hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests;
