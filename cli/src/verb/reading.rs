use std::path::PathBuf;

use clap::Subcommand;
use linli_node::api::care::{
    ChartAnswer, ReadingAdd, ReadingAnswer, ReadingChart, ReadingList, ReadingPage,
};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    local::officers::write_new,
    moment::now_ms,
    output::{Columns, printable},
};

mod chart;
mod payload;

/// What a chart is about where nobody says: the last 30 days, in milliseconds.
const LATELY_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add(Add),
    Payload(payload::Payload),
    List {
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// What was measured: a LOINC code; 85354-9 is both blood pressures [default: everything]
        #[arg(long)]
        code: Option<String>,
        /// A day, a month or a year, such as 2026-03-01, 2026-03 or 2026 [default: all]
        #[arg(long)]
        during: Option<String>,
        /// How many at most, the latest first
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000))]
        limit: u64,
    },
    Chart {
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// What was measured: a LOINC code, such as 15074-8 for glucose; 85354-9 is both blood pressures
        #[arg(long)]
        code: String,
        /// A day, a month or a year, such as 2026-03-01, 2026-03 or 2026 [default: the last 30 days]
        #[arg(long)]
        during: Option<String>,
        /// Where to draw it, as SVG: a file that is not there yet [default: a table on the screen]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// What was measured: a LOINC code, such as 15074-8 for glucose
    #[arg(long)]
    code: String,
    /// The value, a decimal number
    #[arg(long, allow_hyphen_values = true)]
    value: String,
    /// The UCUM unit, such as mmol/L
    #[arg(long)]
    unit: String,
    /// When it was measured, such as 2026-03-01T08:30:00 [default: now]
    #[arg(long)]
    time: Option<String>,
    /// What it was measured with
    #[arg(long, default_value = "manual")]
    device: String,
}

impl Reading {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let span = |during: Option<String>| during.map(|text| context.zone.span_of(&text));
        match self.act {
            Act::Add(request) => add(context, request).await,
            Act::Payload(payload) => payload.run(context).await,
            Act::List { elder, code, during, limit } => {
                let (from_ms, until_ms) = span(during).transpose()?.unzip();
                let request = ReadingList { elder, code, from_ms, until_ms, limit };
                let answer = context.look(request).await?;
                context.show(&answer, || listed(context, &answer))
            }
            Act::Chart { elder, code, during, out } => {
                let lately = || (now_ms().saturating_sub(LATELY_MS), now_ms().saturating_add(1));
                let (from_ms, until_ms) = span(during).transpose()?.unwrap_or_else(lately);
                let request = ReadingChart { elder, code, from_ms, until_ms };
                let answer = context.look(request).await?;
                let Some(out) = out else {
                    return context.show(&answer, || steps(context, &answer));
                };
                write_new(&out, chart::svg(&context.text, &context.zone, &answer)?.as_bytes())?;
                let file = out.display().to_string();
                context.show(&answer, || {
                    context.text.say("chart-written", &[("file", file.as_str().into())])
                })
            }
        }
    }
}

async fn add(context: &Context, request: Add) -> anyhow::Result<Exit> {
    let Add { elder, code, value, unit, time, device } = request;
    let time_ms = match &time {
        Some(time) => context.zone.time_of(time)?,
        None => now_ms(),
    };
    let request = ReadingAdd { elder, code, value, unit, time_ms, device };
    let answer = context.ask(&request).await?;
    context.show(&answer, || shown(context, &answer))
}

fn shown(context: &Context, answer: &ReadingAnswer) -> String {
    let text = &context.text;
    let kept = if answer.new { text.say("saved", &[]) } else { text.say("reading-known", &[]) };
    let Some(alert) = &answer.alert else { return kept };
    let arguments = [("alert", alert.as_str().into())];
    let alert = match answer.raised {
        true => text.say("reading-raised", &arguments),
        false => text.say("reading-joined", &arguments),
    };
    format!("{kept}\n{alert}")
}

fn listed(context: &Context, page: &ReadingPage) -> String {
    let text = &context.text;
    let row = |row: &linli_node::api::care::ReadingRow| {
        let doubt =
            if row.plausible { String::new() } else { text.say("reading-implausible", &[]) };
        vec![
            context.zone.show(row.at_ms),
            text.word("measure", &row.measure),
            row.value.clone(),
            row.unit.clone(),
            printable(&row.device),
            context.zone.show(row.received_ms),
            short(&row.party),
            doubt,
        ]
    };
    let columns =
        ["measured", "measure", "value", "unit", "device", "received", "party", "plausible"];
    let table = Columns(&columns).table(text, page.readings.iter().map(row).collect());
    let shown = u64::try_from(page.readings.len()).unwrap_or(u64::MAX);
    match page.total > shown {
        false => table,
        true => {
            let arguments = [("shown", shown.into()), ("total", page.total.into())];
            format!("{table}\n{}", text.say("reading-more", &arguments))
        }
    }
}

/// The steps of a chart as a table.
fn steps(context: &Context, chart: &ChartAnswer) -> String {
    let rows = chart.series.iter().flat_map(|series| {
        series.points.iter().map(|point| {
            vec![
                context.zone.show(point.at_ms),
                context.text.word("measure", &series.measure),
                point.low.clone(),
                point.mean.clone(),
                point.high.clone(),
                series.unit.clone(),
                point.count.to_string(),
            ]
        })
    });
    let columns = ["measured", "measure", "low", "mean", "high", "unit", "count"];
    Columns(&columns).table(&context.text, rows.collect())
}
