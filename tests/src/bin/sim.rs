//! `sim`: lives seeds of the simulator and says what happened; `docs/simulator.md` tells how to read it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to whoever runs it")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use linli_tests::simulator::{BUGS, Counts, Failure, Outcome, PROMISES, Run, plant, shrink};
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
    let mut total = live(&asked, begun);
    let seconds = begun.elapsed().as_secs_f64();
    if let Some((run, outcome)) = total.failed.take() {
        total.failed =
            Some(if asked.keep.is_empty() { shrink(&run, outcome) } else { (run, outcome) });
    }
    // One seed says little; over many every promise must have been looked at.
    let whole = asked.seed.is_none() && asked.bug.is_none() && total.failed.is_none();
    let unchecked: Vec<&str> = PROMISES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| whole && !total.checked(name))
        .collect();
    if asked.json {
        total.say_json(seconds)
    } else {
        total.say(seconds)
    }
    for name in &unchecked {
        eprintln!("sim: “{name}” was never checked: a run that compares nothing proves nothing");
    }
    let found = total.failed.is_some();
    let well = found == asked.bug.is_some() && unchecked.is_empty();
    if asked.bug.is_some() && !found {
        eprintln!("sim: the planted bug was not found");
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn live(asked: &Asked, begun: Instant) -> Total {
    let mut total = Total::default();
    let last = asked.until_minutes.map(|minutes| Duration::from_secs(60 * minutes));
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
    fn checked(&self, promise: &str) -> bool {
        self.counts.checks.get(promise).is_some_and(|count| *count > 0)
    }

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
        let Counts { acts, refused, faults, checks, steps, events, virtual_ms } = &self.counts;
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
            "checks": checks, "promises": promises, "failed": failed,
        });
        println!("{said}");
    }
}
