use clap::Subcommand;
use linli_node::api::care::{ReadingAdd, ReadingAnswer};

use crate::{context::Context, failure::Exit, moment::now_ms};

#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add(Add),
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
        let Act::Add(Add { elder, code, value, unit, time, device }) = self.act;
        let time_ms = match &time {
            Some(time) => context.zone.time_of(time)?,
            None => now_ms(),
        };
        let request = ReadingAdd { elder, code, value, unit, time_ms, device };
        let answer = context.ask(&request).await?;
        context.show(&answer, || shown(context, &answer))
    }
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
