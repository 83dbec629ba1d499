//! The simulator: years of a neighbourhood in seconds, with everything that goes wrong in them, and the promises of the
//! design as its checks. `docs/simulator.md` says what is modelled and how a failing seed is replayed.
//!
//! ```text
//! seed ─→ cast, then steps: each throws its own dice, and may be left out
//!           │  act or fault (a table each), frames and commits by chance, time passes
//!           ↓
//!         neighbourhood (the real replica and core) ─→ checks after steps, and at rest
//!           │ what was done, and who knew what          ↑ who may write and read what
//!           └────────────────→ model ───────────────────┘
//! ```

#![expect(clippy::wildcard_enum_match_arm, reason = "of most acts and frames a rule says nothing")]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use linli_replica::planted::Bug;

mod acts;
mod audience;
mod beats;
mod books;
mod checks;
mod collision;
mod counts;
mod courier;
mod crooks;
mod dice;
mod faults;
mod late;
mod model;
mod pruning;
mod rest;
mod rights;
mod shrink;
mod town;

pub use checks::PROMISES;
pub use counts::Counts;
pub use shrink::shrink;

use dice::Dice;
use town::Town;

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which, by its name in [`PROMISES`].
    pub promise: &'static str,
    /// The step after which it was noticed; none at rest.
    pub step: Option<usize>,
    /// What was found.
    pub what: String,
}

/// What checks come to.
type Checked = Result<(), Failure>;

fn broken(promise: &'static str, what: String) -> Checked {
    Err(Failure { promise, step: None, what })
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What happened, by kind.
    pub counts: Counts,
    /// A hash over all that happened, equal where the run was.
    pub trace: [u8; 32],
    /// The first promise that did not hold.
    pub failure: Option<Failure>,
    /// The steps that did something, and what.
    pub done: BTreeMap<usize, String>,
}

/// Which run it is.
#[derive(Debug, Clone)]
pub struct Run {
    /// From which everything is drawn.
    pub seed: u64,
    /// How many steps the plan has.
    pub steps: usize,
    /// Which of them are taken; none for all.
    pub keep: Option<BTreeSet<usize>>,
}

impl Run {
    /// Lives the run, and says what came of it. A panic anywhere is a failure like others.
    #[must_use]
    pub fn live(&self) -> Outcome {
        let Ok(mut town) = catch_unwind(|| Town::new(self.seed)) else { return self.stillborn() };
        let lived = catch_unwind(AssertUnwindSafe(|| self.steps_of(&mut town)));
        let failure = match lived {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => {
                Some(Failure { promise: "goes on", step: town.step, what: said(panic.as_ref()) })
            }
        };
        town.close(failure)
    }

    fn steps_of(&self, town: &mut Town) -> Checked {
        for number in 0..self.steps {
            if self.keep.as_ref().is_some_and(|keep| !keep.contains(&number)) {
                continue;
            }
            town.step = Some(number);
            let dice = Dice::of(self.seed, u64::try_from(number).unwrap_or(u64::MAX));
            let taken = town.take_step(number, dice);
            taken.map_err(|failure| Failure { step: Some(number), ..failure })?;
        }
        town.step = None;
        town.come_to_rest(self.seed)
    }

    fn stillborn(&self) -> Outcome {
        let what = format!("the neighbourhood of seed {} could not begin", self.seed);
        let failure = Some(Failure { promise: "goes on", step: None, what });
        Outcome { counts: Counts::default(), trace: [0; 32], failure, done: BTreeMap::new() }
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it stopped: {}", text.unwrap_or_else(|| "nothing was said".to_owned()))
}

/// Plants a bug in what this thread runs, or takes it out; says whether it could.
#[cfg(debug_assertions)]
pub fn plant(bug: Option<Bug>) -> bool {
    linli_replica::planted::plant(bug);
    true
}

/// Plants nothing: bugs can be planted in builds for development only.
#[cfg(not(debug_assertions))]
pub fn plant(bug: Option<Bug>) -> bool {
    bug.is_none()
}

/// Every bug that can be planted, by the name it is asked for.
pub const BUGS: [(&str, Bug); 11] = [
    ("no-authority", Bug::NoAuthority),
    ("no-cut", Bug::NoCut),
    ("fork-stands", Bug::ForkStands),
    ("epoch-by-time", Bug::EpochByTime),
    ("early-answer", Bug::EarlyAnswer),
    ("false-receipt", Bug::FalseReceipt),
    ("alert-waits", Bug::AlertWaits),
    ("expelled-served", Bug::ExpelledServed),
    ("xor-sums", Bug::XorSums),
    ("prunes-early", Bug::PrunesEarly),
    ("prunes-uncovered", Bug::PrunesUncovered),
];
