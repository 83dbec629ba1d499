//! How fast alerts were answered.

use linli_model::alert::report::ANSWERED;
use linli_node::api::alerts::AlertReport;
use serde_json::Value;

use super::duration;
use crate::{context::Context, failure::Exit, text::Text};

#[derive(Debug, clap::Args)]
pub(super) struct Period {
    /// The first day, such as 2026-11-01
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// The last day
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
}

impl Period {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let since_ms = self.since.map(|day| context.zone.start_of(&day)).transpose()?;
        let until_ms = self.until.map(|day| context.zone.end_of(&day)).transpose()?;
        let answer = context.ask(&AlertReport { since_ms, until_ms }).await?;
        context.show(&answer, || told(&context.text, &answer))
    }
}

fn told(text: &Text, report: &Value) -> String {
    let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
    let mut lines = vec![
        text.say(
            "report-count",
            &[("alerts", count("alerts").into()), ("drills", count("drills").into())],
        ),
        text.say(
            "report-open",
            &[("unanswered", count("unanswered").into()), ("open", count("open").into())],
        ),
    ];
    for (name, key) in [("acknowledged", "report-acknowledged"), ("arrived", "report-arrived")] {
        lines.extend(times(text, report.get(name), text.say(key, &[])));
    }
    let answered = report.get("answered_permille").and_then(Value::as_array);
    for (met, (limit_ms, wanted)) in answered.into_iter().flatten().zip(ANSWERED) {
        let share = |permille: u64| format!("{}.{}", permille / 10, permille % 10);
        let arguments = [
            ("limit", duration(limit_ms).into()),
            ("share", share(met.as_u64().unwrap_or_default()).into()),
            ("wanted", share(wanted.into()).into()),
        ];
        lines.push(text.say("report-target", &arguments));
    }
    for (name, prefix) in [("kinds", "alert-kind"), ("outcomes", "outcome")] {
        for (word, count) in report.get(name).and_then(Value::as_object).into_iter().flatten() {
            lines.push(format!("  {count}  {}", text.word(prefix, word)));
        }
    }
    lines.push(text.say("report-clocks", &[]));
    lines.join("\n")
}

fn times(text: &Text, times: Option<&Value>, what: String) -> Option<String> {
    let times = times.filter(|times| times.is_object())?;
    let ms = |name: &str| duration(times.get(name).and_then(Value::as_u64).unwrap_or_default());
    let count = times.get("count").and_then(Value::as_u64).unwrap_or_default();
    let arguments = [
        ("what", what.into()),
        ("p50", ms("p50_ms").into()),
        ("p90", ms("p90_ms").into()),
        ("p99", ms("p99_ms").into()),
        ("count", count.into()),
    ];
    Some(text.say("report-times", &arguments))
}
