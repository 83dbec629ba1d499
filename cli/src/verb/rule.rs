use clap::Subcommand;
use linli_node::api::rules::{
    EpisodeRow, RuleList, RuleRow, RuleSet, RuleTry, RuleUnset, RulesAnswer, TrialRow, TrialsAnswer,
};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    moment::now_ms,
    output::{Columns, printable},
    text::Text,
};

/// What is tried where nobody says: the last 30 days, in milliseconds.
const LATELY_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Rule {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    List {
        /// The elder's id or name, or a part that fits one only
        elder: String,
    },
    Set {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        values: Values,
        /// How grave it is [default: as published, or high]
        #[arg(long, value_parser = ["moderate", "high"])]
        severity: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
    },
    Unset(Which),
    Explain {
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// Of one rule only
        #[arg(long)]
        rule: Option<String>,
        /// Of what is measured: a LOINC code; 85354-9 is both blood pressures
        #[arg(long)]
        code: Option<String>,
        /// A day, a month or a year, such as 2026-03-01, 2026-03 or 2026 [default: the last 30 days]
        #[arg(long)]
        during: Option<String>,
    },
    Replay {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        values: Values,
        /// A day, a month or a year, such as 2026-03-01, 2026-03 or 2026 [default: the last 30 days]
        #[arg(long)]
        during: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The rule, such as oxygen-low: see `linli rule list`
    rule: String,
}

#[derive(Debug, clap::Args)]
struct Values {
    /// The threshold, in the unit of what is measured
    #[arg(long)]
    limit: String,
    /// The value at which an episode begins to end
    #[arg(long)]
    clear: String,
    /// What is measured, a LOINC code, where no rule of this name is published
    #[arg(long)]
    code: Option<String>,
    /// On which side of the threshold it fires, where no rule of this name is published
    #[arg(long, value_parser = ["below", "at-most", "at-least", "above"])]
    side: Option<String>,
}

impl Values {
    fn side(&self) -> Option<String> {
        self.side.as_ref().map(|side| side.replace('-', "_"))
    }
}

impl Rule {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::List { elder } => {
                let answer = context.look(RuleList { elder }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Set { which: Which { elder, rule }, values, severity, reason } => {
                let (side, acting) = (values.side(), context.acting()?);
                let Values { limit, clear, code, .. } = values;
                let request =
                    RuleSet { elder, rule, code, side, limit, clear, severity, reason, acting };
                let answer = context.ask(&request).await?;
                context.show(&answer, || context.text.say("saved", &[]))
            }
            Act::Unset(Which { elder, rule }) => {
                let acting = context.acting()?;
                let answer = context.ask(&RuleUnset { elder, rule, acting }).await?;
                context.show(&answer, || context.text.say("saved", &[]))
            }
            Act::Explain { elder, rule, code, during } => {
                tried(context, RuleTry { elder, rule, code, ..RuleTry::default() }, during).await
            }
            Act::Replay { which: Which { elder, rule }, values, during } => {
                let side = values.side();
                let (limit, clear) = (Some(values.limit), Some(values.clear));
                let (rule, code) = (Some(rule), values.code);
                let request =
                    RuleTry { elder, rule, code, limit, clear, side, ..RuleTry::default() };
                tried(context, request, during).await
            }
        }
    }
}

async fn tried(
    context: &Context,
    request: RuleTry,
    during: Option<String>,
) -> anyhow::Result<Exit> {
    let (from_ms, until_ms) = match during {
        Some(text) => context.zone.span_of(&text)?,
        None => (now_ms().saturating_sub(LATELY_MS), now_ms().saturating_add(1)),
    };
    let answer = context.look(RuleTry { from_ms, until_ms, ..request }).await?;
    context.show(&answer, || told(context, &answer))
}

fn table(context: &Context, answer: &RulesAnswer) -> String {
    let row = |row: &RuleRow| {
        vec![
            printable(&row.rule),
            context.text.word("measure", &row.measure),
            fires(row),
            row.clear.clone(),
            context.text.word("severity", &row.severity),
            source(context, row),
        ]
    };
    let columns = Columns(&["rule", "measure", "fires", "ends-at", "severity", "rule-source"]);
    columns.table(&context.text, answer.rules.iter().map(row).collect())
}

/// At which values a rule fires, as `≤ 88 %`.
fn fires(row: &RuleRow) -> String {
    let sign = match row.side.as_str() {
        "below" => "<",
        "at_most" => "≤",
        "at_least" => "≥",
        _ => ">",
    };
    format!("{sign} {} {}", row.limit, row.unit)
}

/// Where a rule comes from.
fn source(context: &Context, row: &RuleRow) -> String {
    match (&row.source, &row.set) {
        (Some(source), _) => source.clone(),
        (None, Some(set)) => {
            let who = set.who.as_deref().map_or_else(|| short(&set.party), printable);
            let arguments = [
                ("who", who.into()),
                ("at", context.zone.show(set.at_ms).into()),
                ("reason", printable(&set.reason).into()),
            ];
            context.text.say("rule-set-by", &arguments)
        }
        (None, None) => context.text.say("rule-proposed", &[]),
    }
}

fn told(context: &Context, answer: &TrialsAnswer) -> String {
    let lines = answer.trials.iter().flat_map(|trial| {
        let episodes = trial.episodes.iter().map(|of| episode(context, trial, of));
        std::iter::once(verdict(context, trial)).chain(episodes)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a rule fired, and how near it came where it did not.
fn verdict(context: &Context, trial: &TrialRow) -> String {
    let text = &context.text;
    let mut arguments = vec![
        ("rule", printable(&trial.rule.rule).into()),
        ("fires", fires(&trial.rule).into()),
        ("source", source(context, &trial.rule).into()),
        ("readings", trial.readings.into()),
        ("fired", trial.fired.into()),
    ];
    let line = match &trial.worst {
        None => text.say("rule-nothing", &arguments),
        Some(_) if trial.fired > 0 => text.say("rule-fired", &arguments),
        Some(worst) => {
            arguments.push(("value", worst.value.as_str().into()));
            arguments.push(("at", context.zone.show(worst.at_ms).into()));
            text.say("rule-quiet", &arguments)
        }
    };
    match trial.implausible {
        0 => line,
        count => format!("{line} {}", text.say("rule-passed-over", &[("count", count.into())])),
    }
}

fn episode(context: &Context, trial: &TrialRow, of: &EpisodeRow) -> String {
    let text: &Text = &context.text;
    let arguments = [
        ("from", context.zone.show(of.from_ms).into()),
        ("to", context.zone.show(of.to_ms).into()),
        ("worst", of.worst.as_str().into()),
        ("device", printable(&of.device).into()),
        ("crossings", of.crossings.into()),
    ];
    let line = text.say("rule-episode", &arguments);
    let alert = match &of.alert {
        Some(alert) => text.say("rule-alert", &[("alert", short(alert).into())]),
        None if trial.proposed => return format!("  {line}"),
        None => text.say("rule-no-alert", &[]),
    };
    format!("  {line} {alert}")
}
