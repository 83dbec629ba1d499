use clap::Subcommand;
use linli_node::api::sensors::{
    MonitoringOff, SensorDrop, SensorExpect, SensorList, SensorRow, SensorSeen, SwitchOff, SwitchOn,
};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    moment::{Zone, seconds_of},
    output::{Columns, printable},
    text::Text,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Sensor {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add {
        #[command(flatten)]
        which: Which,
        /// After how long without a word it is thought to be dead, such as 26h
        #[arg(long)]
        silent_after: String,
    },
    Remove(Which),
    Seen {
        /// The sensor's name
        sensor: String,
        /// The elder's id or name, where several have a sensor of this name
        #[arg(long)]
        elder: Option<String>,
    },
    List,
    Off {
        #[command(flatten)]
        of: Of,
        /// Until when, such as 2026-03-01T08:30:00: at most 30 days
        #[arg(long)]
        until: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    On(Of),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The sensor's name, such as "smoke kitchen"
    sensor: String,
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// Of this sensor only
    #[arg(long)]
    sensor: Option<String>,
}

impl Sensor {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::List => {
                let answer = context.look(SensorList {}).await?;
                return context.show(&answer, || table(context, &answer));
            }
            Act::Seen { sensor, elder } => context.ask(&SensorSeen { sensor, elder }).await?,
            Act::Add { which: Which { elder, sensor }, silent_after } => {
                let silent_after_s = seconds_of(&silent_after)?;
                let acting = context.acting()?;
                context.ask(&SensorExpect { elder, sensor, silent_after_s, acting }).await?
            }
            Act::Remove(Which { elder, sensor }) => {
                let acting = context.acting()?;
                context.ask(&SensorDrop { elder, sensor, acting }).await?
            }
            Act::Off { of: Of { elder, sensor }, until, reason } => {
                let until_ms = context.zone.time_of(&until)?;
                let acting = context.acting()?;
                context.ask(&SwitchOff { elder, sensor, until_ms, reason, acting }).await?
            }
            Act::On(Of { elder, sensor }) => {
                let acting = context.acting()?;
                context.ask(&SwitchOn { elder, sensor, acting }).await?
            }
        };
        context.show(&linli_node::api::Done {}, || context.text.say("saved", &[]))
    }
}

fn table(context: &Context, rows: &[SensorRow]) -> String {
    let text = &context.text;
    let row = |row: &SensorRow| {
        vec![
            whom(&row.names, &row.elder),
            printable(&row.sensor),
            text.word("sensor-state", &row.state),
            context.zone.show_known(row.seen_ms),
            super::alert::duration(row.silent_after_s.saturating_mul(1_000)),
        ]
    };
    let columns = Columns(&["elder", "sensor", "sensor-state", "seen", "silent-after"]);
    columns.table(text, rows.iter().map(row).collect())
}

fn whom(names: &[String], elder: &str) -> String {
    if names.is_empty() { short(elder) } else { printable(&names.join(" / ")) }
}

/// Monitoring that is off, in one line.
pub(super) fn off(text: &Text, zone: &Zone, off: &MonitoringOff) -> String {
    let sensor = off.sensor.as_deref().map(printable);
    let arguments = [
        ("elder", whom(&off.names, &off.elder).into()),
        ("sensor", sensor.unwrap_or_else(|| text.say("monitoring-all", &[])).into()),
        ("until", zone.show(off.until_ms).into()),
        ("who", off.who.as_deref().map_or_else(|| "–".to_owned(), printable).into()),
        ("reason", printable(&off.reason).into()),
    ];
    text.say("monitoring-off", &arguments)
}
