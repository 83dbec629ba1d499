//! Step 4: a node is killed while it writes, again and again, and loses nothing that it acknowledged.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use linli_model::readings::Measure;
use linli_node::api::care::{ElderShow, ReadingAdd};
use serde_json::Value;

use super::{day::Day, morning::now_ms};

/// How often the node is killed.
const KILLS: usize = 10;
/// Writes that are acknowledged before each kill; one more is under way then.
const WRITES: usize = 6;
/// The site that is killed.
const SITE: &str = "hub2";
/// The device of these readings.
const DEVICE: &str = "kill-test";

/// The driver's own record of what was acknowledged: a line is on disk before the next write begins.
struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    fn create(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(&path)?;
        Ok(Self { path, file })
    }

    fn note(&mut self, time_ms: u64) -> Result<()> {
        writeln!(self.file, "{time_ms}")?;
        Ok(self.file.sync_all()?)
    }
}

/// The times that a journal holds.
fn journal(path: &Path) -> Result<BTreeSet<u64>> {
    let text = std::fs::read_to_string(path)?;
    text.lines().map(|line| line.parse().context("a damaged journal")).collect()
}

impl Day<'_> {
    /// Kills a node ten times while it writes, and looks for everything it acknowledged.
    pub(crate) async fn kills(&mut self) -> Result<()> {
        self.tell("demo-kills", &[]);
        let path = self.town.root().join("journal");
        let mut journal_file = Journal::create(path)?;
        let begun = now_ms();
        let mut number = 0;
        for _ in 0..KILLS {
            for _ in 0..WRITES {
                number += 1;
                let time_ms = begun.saturating_sub(number);
                self.beat(time_ms).await?;
                journal_file.note(time_ms)?;
            }
            number += 1;
            // Whether the last one is acknowledged is not waited for: the kill comes in its midst.
            let _ = tokio::time::timeout(
                Duration::from_millis(number % 4),
                self.beat(begun.saturating_sub(number)),
            )
            .await;
            let (lab, place) = self.town.at_mut(SITE)?;
            place.kill()?;
            place.start(lab).await?;
        }
        let check = "killed-loses-nothing";
        if self.spoils(check) {
            journal_file.note(begun.saturating_add(1))?;
        }
        let acknowledged = journal(&journal_file.path)?;
        let shown = self.beats().await?;
        let missing = acknowledged.difference(&shown).count();
        let arguments = [("kills", KILLS.into()), ("writes", acknowledged.len().into())];
        self.tell("demo-killed", &arguments);
        let enough = acknowledged.len() >= 50;
        let expected = (KILLS, acknowledged.len(), 0);
        let seen = (KILLS, acknowledged.intersection(&shown).count(), missing);
        let holds = enough && expected == seen;
        self.checks.note(check, acknowledged.len(), holds, &expected, &seen);
        Ok(())
    }

    async fn beat(&self, time_ms: u64) -> Result<()> {
        let coding = Measure::HeartRate.coding();
        let reading = ReadingAdd {
            elder: self.own.get(SITE).context("no elder")?.clone(),
            code: coding.loinc.to_owned(),
            value: "70".to_owned(),
            unit: coding.ucum.to_owned(),
            time_ms,
            device: DEVICE.to_owned(),
        };
        self.town.at(SITE)?.call(&reading).await.map(drop)
    }

    /// The times of the readings that the node shows.
    async fn beats(&self) -> Result<BTreeSet<u64>> {
        let elder = self.own.get(SITE).context("no elder")?.clone();
        let shown = self.town.at(SITE)?.call(&ElderShow { elder }).await?;
        let mut found = BTreeSet::new();
        times(&shown, &mut found);
        Ok(found)
    }
}

/// Collects the time of every reading of the device, wherever it stands in a view.
fn times(value: &Value, found: &mut BTreeSet<u64>) {
    match value {
        Value::Object(map) => {
            if map.get("device").and_then(Value::as_str) == Some(DEVICE) {
                found.extend(map.get("at").and_then(Value::as_u64));
            }
            map.values().for_each(|value| times(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| times(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
