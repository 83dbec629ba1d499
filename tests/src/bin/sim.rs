//! `sim`: lives seeds of the simulator and says what happened; `docs/simulator.md` tells how to read it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to whoever runs it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use linli_tests::simulator::{BUGS, Counts, Failure, Outcome, PROMISES, Run, plant, shrink};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Lives a neighbourhood's years in seconds, with everything that goes wrong, and checks the promises.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Asked {
    /// How many seeds are lived.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many steps each has.
    #[arg(long, default_value_t = 120)]
    steps: usize,
    /// Lives one seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Takes only these steps, such as `3,17,20`.
    #[arg(long, value_delimiter = ',')]
    keep: Vec<usize>,
    /// Says everything as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Plants a bug, and fails unless it is found.
    #[arg(long, value_parser = BUGS.map(|(name, _)| name))]
    bug: Option<String>,
    /// Goes on with further seeds for so many minutes.
    #[arg(long)]
    until_minutes: Option<u64>,
    /// Keeps in this file how far it came, goes on there when it is run again, and goes on past findings.
    #[arg(long, conflicts_with_all = ["seed", "keep", "bug"])]
    progress: Option<PathBuf>,
}

/// How far a long run came.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    first: u64,
    steps: usize,
    /// Seeds that were lived, one after the other.
    seeds: u64,
    seconds: f64,
    counts: Counts,
    /// Seeds in which a promise did not hold, with the promise.
    found: BTreeMap<u64, String>,
}

impl Progress {
    /// Reads what a file holds; a fresh run where there is none.
    fn read(path: &Path, asked: &Asked) -> anyhow::Result<Self> {
        let fresh = Self { first: asked.first, steps: asked.steps, ..Self::default() };
        let read = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => fresh,
            Err(error) => return Err(error.into()),
        };
        let same = (read.first, read.steps) == (asked.first, asked.steps);
        anyhow::ensure!(same, "{} is of a run with another --first or --steps", path.display());
        Ok(read)
    }

    /// Replaces the file as a whole.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let aside = path.with_extension("part");
        std::fs::write(&aside, serde_json::to_vec(self)?)?;
        Ok(std::fs::rename(aside, path)?)
    }
}

/// What came of all seeds.
#[derive(Debug, Default)]
struct Total {
    counts: Counts,
    seeds: u64,
    failed: Option<(Run, Outcome)>,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    let bug = asked.bug.as_ref().and_then(|name| BUGS.iter().find(|(known, _)| known == name));
    if !plant(bug.map(|(_, bug)| *bug)) {
        eprintln!("sim: bugs are planted in builds for development only; leave --release out");
        return ExitCode::from(2);
    }
    // What stops a run is a finding, and is reported as one.
    std::panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    if let Some(path) = &asked.progress {
        return go_on(&asked, path, begun).unwrap_or_else(|error| {
            eprintln!("sim: {error}");
            ExitCode::from(2)
        });
    }
    let mut total = live(&asked, begun);
    let seconds = begun.elapsed().as_secs_f64();
    if let Some((run, outcome)) = total.failed.take() {
        total.failed =
            Some(if asked.keep.is_empty() { shrink(&run, outcome) } else { (run, outcome) });
    }
    if asked.json {
        total.say_json(seconds)
    } else {
        total.say(seconds)
    }
    let found = total.failed.is_some();
    // One seed says little; over many every promise must have been looked at.
    let whole = asked.seed.is_none() && asked.bug.is_none() && !found;
    let well = found == asked.bug.is_some() && (!whole || all_checked(&total.counts));
    if asked.bug.is_some() && !found {
        eprintln!("sim: the planted bug was not found");
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says whether every promise was looked at, and which were not.
fn all_checked(counts: &Counts) -> bool {
    let never = |name: &&str| counts.checks.get(*name).is_none_or(|count| *count == 0);
    let unchecked: Vec<&str> = PROMISES.iter().map(|(name, _)| *name).filter(never).collect();
    for name in &unchecked {
        eprintln!("sim: “{name}” was never checked: a run that compares nothing proves nothing");
    }
    unchecked.is_empty()
}

/// Lives the seeds that are left of a long run, and writes after each how far it came.
fn go_on(asked: &Asked, path: &Path, begun: Instant) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::read(path, asked)?;
    let (last, before) = (asked.last(), progress.seconds);
    while last.map_or(progress.seeds < asked.seeds, |last| begun.elapsed() < last) {
        let run = Run { seed: asked.first + progress.seeds, steps: asked.steps, keep: None };
        let outcome = run.live();
        progress.seeds += 1;
        progress.seconds = before + begun.elapsed().as_secs_f64();
        progress.counts.add(&outcome.counts);
        if let Some(failure) = outcome.failure {
            println!("BROKEN: “{}”: {}", failure.promise, failure.what);
            println!("again: cargo run -p linli-tests --bin sim -- {}", again(&run));
            progress.found.insert(run.seed, failure.promise.to_owned());
        }
        progress.write(path)?;
    }
    let Progress { seconds, seeds, counts, found, .. } = progress;
    let total = Total { counts, seeds, failed: None };
    if asked.json {
        total.say_json(seconds)
    } else {
        total.say(seconds)
    }
    for (seed, promise) in &found {
        eprintln!("sim: in seed {seed} “{promise}” did not hold");
    }
    let well = all_checked(&total.counts) && found.is_empty();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Asked {
    fn last(&self) -> Option<Duration> {
        self.until_minutes.map(|minutes| Duration::from_secs(60 * minutes))
    }
}

fn live(asked: &Asked, begun: Instant) -> Total {
    let mut total = Total::default();
    let last = asked.last();
    let keep: BTreeSet<usize> = asked.keep.iter().copied().collect();
    let mut seed = asked.seed.unwrap_or(asked.first);
    loop {
        let keep = Some(keep.clone()).filter(|keep| !keep.is_empty());
        let run = Run { seed, steps: asked.steps, keep };
        let outcome = run.live();
        total.seeds += 1;
        total.counts.add(&outcome.counts);
        if outcome.failure.is_some() {
            total.failed = Some((run, outcome));
            return total;
        }
        seed += 1;
        let on = match last {
            _ if asked.seed.is_some() => false,
            Some(last) => begun.elapsed() < last,
            None => total.seeds < asked.seeds,
        };
        if !on {
            return total;
        }
    }
}

/// How a run is lived again.
fn again(run: &Run) -> String {
    let keep = run.keep.as_ref().map(|keep| {
        let steps: Vec<String> = keep.iter().map(usize::to_string).collect();
        format!(" --keep {}", steps.join(","))
    });
    format!("--seed {} --steps {}{}", run.seed, run.steps, keep.unwrap_or_default())
}

impl Total {
    fn say(&self, seconds: f64) {
        let Counts { steps, events, virtual_ms, .. } = self.counts;
        let years = Duration::from_millis(virtual_ms).as_secs_f64() / 31_557_600.0;
        println!(
            "{} seeds, {steps} steps, {events} frames and commits, {years:.1} years",
            self.seeds
        );
        let rate = f64::from(u32::try_from(self.seeds).unwrap_or(u32::MAX)) / seconds.max(0.001);
        println!("{seconds:.1} s, {rate:.2} seeds a second");
        let kinds = [
            ("acts", &self.counts.acts),
            ("refused by their node", &self.counts.refused),
            ("faults", &self.counts.faults),
            ("reached", &self.counts.reached),
            ("compared, by promise", &self.counts.checks),
        ];
        for (title, counts) in kinds {
            println!("\n{title}: {}", counts.values().sum::<u64>());
            for (kind, count) in counts {
                println!("  {count:>9}  {kind}");
            }
        }
        if let Some((run, outcome @ Outcome { failure: Some(failure), .. })) = &self.failed {
            let Failure { promise, step, what } = failure;
            let when = step.map_or("at rest".to_owned(), |step| format!("after step {step}"));
            println!("\nBROKEN: “{promise}”, {when}: {what}");
            for (step, what) in &outcome.done {
                println!("  step {step}: {what}");
            }
            println!("again: cargo run -p linli-tests --bin sim -- {}", again(run));
        }
    }

    fn say_json(&self, seconds: f64) {
        let Counts { acts, refused, faults, reached, checks, steps, events, virtual_ms } =
            &self.counts;
        let promises: BTreeMap<&str, u8> = PROMISES.into_iter().collect();
        let failed = self.failed.as_ref().and_then(|(run, outcome)| {
            let failure = outcome.failure.as_ref()?;
            Some(json!({
                "promise": failure.promise,
                "step": failure.step,
                "what": failure.what,
                "again": again(run),
            }))
        });
        let said = json!({
            "seeds": self.seeds, "seconds": seconds, "steps": steps, "events": events,
            "virtual_ms": virtual_ms, "acts": acts, "refused": refused, "faults": faults,
            "reached": reached, "checks": checks, "promises": promises, "failed": failed,
        });
        println!("{said}");
    }
}
