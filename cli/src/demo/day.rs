//! The day as a whole: what is told, what is spoilt, and how it ends.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    check::{CHECKS, Checks},
    inputs::Inputs,
    lab::Ground,
    report,
    town::Town,
};
use crate::{
    context::Context,
    output,
    text::{Argument, Text},
};

/// How long something that comes about by itself may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is waited for where it was spoilt.
const SPOILT: Duration = Duration::from_secs(8);

/// The parts of the day.
#[derive(Debug, Clone, Copy)]
enum Step {
    SetUp,
    Registers,
    Discovery,
    Offline,
    Call,
    Kills,
    Visit,
    Ladder,
    Heal,
    Evening,
    Keys,
    Courier,
    Relay,
}

impl Step {
    const ALL: [Self; 13] = [
        Self::SetUp,
        Self::Registers,
        Self::Discovery,
        Self::Offline,
        Self::Call,
        Self::Kills,
        Self::Visit,
        Self::Ladder,
        Self::Heal,
        Self::Evening,
        Self::Keys,
        Self::Courier,
        Self::Relay,
    ];
}

/// The day.
pub(crate) struct Day<'a> {
    /// The neighbourhood.
    pub(crate) town: Town,
    /// The input files and what must come of them.
    pub(crate) inputs: Inputs,
    /// What was checked.
    pub(crate) checks: Checks,
    /// How long things took, in milliseconds.
    pub(crate) times: BTreeMap<&'static str, u64>,
    /// The elders that households added themselves, by site.
    pub(crate) own: BTreeMap<&'static str, String>,
    /// The elders the station measured.
    pub(crate) measured: Vec<String>,
    /// The elder whose profile centre and provider may both write.
    pub(crate) shared: String,
    /// The order of the meal.
    pub(crate) order: String,
    /// The alert of the button, and when it was pressed.
    pub(crate) alert: String,
    pub(crate) pressed: Option<Instant>,
    /// What became of that alert and when, in milliseconds since the Unix epoch.
    pub(crate) timeline: Vec<(&'static str, u64)>,
    text: &'a Text,
    json: bool,
    spoil: Vec<String>,
    begun: Instant,
}

impl<'a> Day<'a> {
    /// Builds the network and writes the input files.
    pub(crate) fn begin(context: &'a Context, ground: Ground, spoil: Vec<String>) -> Result<Self> {
        let town = Town::build(ground)?;
        let inputs = Inputs::write(town.root())?;
        Ok(Self {
            town,
            inputs,
            checks: Checks::default(),
            times: BTreeMap::new(),
            own: BTreeMap::new(),
            measured: Vec::new(),
            shared: String::new(),
            order: String::new(),
            alert: String::new(),
            pressed: None,
            timeline: Vec::new(),
            text: &context.text,
            json: context.json,
            spoil,
            begun: Instant::now(),
        })
    }

    /// Lives the day; where checks were spoilt, until these have been made.
    pub(crate) async fn live(&mut self) -> Result<()> {
        for step in Step::ALL {
            match step {
                Step::SetUp => self.set_up().await?,
                Step::Registers => self.registers().await?,
                Step::Discovery => self.discovery().await?,
                Step::Offline => self.offline().await?,
                Step::Call => self.call().await?,
                Step::Kills if self.needs("killed-loses-nothing") => self.kills().await?,
                Step::Visit => self.visit().await?,
                Step::Ladder if self.needs("ladder-climbs-alone") => self.ladder().await?,
                Step::Heal => self.heal().await?,
                Step::Evening => self.evening().await?,
                Step::Keys => self.keys().await?,
                Step::Courier => self.courier().await?,
                Step::Relay => self.relay_lost().await?,
                Step::Kills | Step::Ladder => {}
            }
            let is_made = |name: &String| self.checks.made.iter().any(|check| check.name == name);
            if !self.spoil.is_empty() && self.spoil.iter().all(is_made) {
                break;
            }
        }
        Ok(())
    }

    /// Whether a step that only makes this check is to be lived: all are, unless another is spoilt.
    fn needs(&self, check: &str) -> bool {
        self.spoil.is_empty() || self.spoils(check)
    }

    /// Tells what happens and why it matters.
    pub(crate) fn tell(&self, key: &'static str, arguments: &[Argument<'_>]) {
        let line = format!(
            "{:>6.1} s  {}",
            self.begun.elapsed().as_secs_f32(),
            self.text.say_key(key, arguments)
        );
        if self.json { output::complain(&line) } else { output::print(&line) }
    }

    /// Whether the condition of this check is to be spoilt.
    pub(crate) fn spoils(&self, check: &str) -> bool {
        self.spoil.iter().any(|spoilt| spoilt == check)
    }

    /// How long to wait for what this check looks at.
    pub(crate) fn patience(&self, check: &str) -> Duration {
        if self.spoils(check) { SPOILT } else { PATIENCE }
    }

    /// Notes how long something took.
    pub(crate) fn took(&mut self, what: &'static str, since: Instant) {
        let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.times.insert(what, ms);
    }

    /// Notes that a step could not be done.
    pub(crate) fn broke_off(&mut self, error: &anyhow::Error) {
        self.checks.broke_off = Some(format!("{error:#}"));
    }

    /// Shows the checks and writes the report; says whether the day was as it must be.
    pub(crate) async fn finish(&mut self, file: Option<&Path>) -> Result<bool> {
        let report = report::make(self).await;
        if let Some(file) = file {
            std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
        }
        if self.json {
            output::print(&serde_json::to_string(&report)?);
        }
        let mut table = Vec::new();
        for check in &self.checks.made {
            let mark = if check.ok { "✓" } else { "✗" };
            let seen = if check.ok {
                String::new()
            } else {
                format!("\n      {} ≠ {}", check.expected, check.seen)
            };
            table.push(format!("  {mark} {} ({}){seen}", check.name, check.compared));
        }
        for name in self.checks.missing() {
            table.push(format!("  – {name}: {}", self.text.say("demo-not-made", &[])));
        }
        self.tell("demo-checks", &[("table", table.join("\n").into())]);
        if let Some(why) = &self.checks.broke_off {
            self.tell("demo-broke-off", &[("why", why.as_str().into())]);
        }
        let passed = self.checks.passed();
        let good = self.checks.made.iter().filter(|check| check.ok).count();
        let arguments = [("good", good.into()), ("all", CHECKS.len().into())];
        self.tell(if passed { "demo-passed" } else { "demo-failed" }, &arguments);
        Ok(passed)
    }

    /// Leaves the nodes running and says how to talk to each, until the program is interrupted.
    pub(crate) async fn stay(&mut self) -> Result<()> {
        let program = std::env::current_exe()?.display().to_string();
        for place in self.town.places.iter().filter(|place| place.kind != "carrier") {
            let data = place.data.display().to_string();
            let arguments = [
                ("site", place.site.into()),
                ("program", program.as_str().into()),
                ("data", data.into()),
            ];
            self.tell("demo-talk", &arguments);
        }
        self.tell("demo-stays", &[]);
        crate::verb::told_to_stop()?.await;
        Ok(())
    }
}
