use std::path::PathBuf;

use clap::Subcommand;
use jiff::SignedDuration;
use linli_node::api::alerts::{AlertAct, AlertAnswer, AlertList, AlertRaise, AlertShow};
use linli_node::api::cards::AlertCard;
use serde_json::Value;

use super::{about, who::Parties};
use crate::{
    context::Context,
    failure::{Exit, explained},
    output::{Columns, complain, field},
};

mod dial;
mod ladder;
mod print;
mod report;
pub(super) mod told;

#[derive(Debug, clap::Args)]
pub(crate) struct Alert {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Raise(Raise),
    Drill(Raise),
    List {
        /// Resolved ones too
        #[arg(long)]
        all: bool,
    },
    Show(Which),
    Ack(Which),
    TakeOver(Which),
    Respond {
        #[command(flatten)]
        which: Which,
        /// Within how many minutes somebody is there
        #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(0..=240))]
        eta: Option<u32>,
    },
    Arrive(Which),
    HandTo {
        #[command(flatten)]
        which: Which,
        /// Whom to: 110, 119 or 120
        #[arg(value_parser = ["police", "fire", "ambulance"])]
        service: String,
    },
    Dial {
        #[command(flatten)]
        which: Which,
        /// The number, such as 120
        number: String,
        /// Do not wait for how the call ends
        #[arg(long)]
        no_wait: bool,
    },
    Resolve {
        #[command(flatten)]
        which: Which,
        /// How it ended; a false alarm has a verb of its own
        #[arg(long, value_parser = ["helped", "hospital", "drill", "died"])]
        outcome: String,
    },
    FalseAlarm(Which),
    Reopen(Which),
    CallOff(Which),
    Ladder(ladder::LadderOf),
    Report(report::Period),
    Card {
        #[command(flatten)]
        which: Which,
        /// Why, where it is not plain from the alert
        #[arg(long)]
        reason: Option<String>,
        /// Write it into a new file, to be printed for the police, the fire service or an ambulance
        #[arg(long, value_name = "FILE")]
        print: Option<PathBuf>,
    },
    RefuseCard(Which),
}

#[derive(Debug, clap::Args)]
struct Raise {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// What kind of alert
    #[arg(long, default_value = "button")]
    kind: String,
    /// What joins repeats of one cause [default: drawn from kind and elder]
    #[arg(long)]
    cause: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The alert's id, or a part that fits one only
    alert: String,
}

impl Alert {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Raise(raise) => raise.send(context, false).await,
            Act::Drill(raise) => raise.send(context, true).await,
            Act::Report(period) => period.run(context).await,
            Act::Ladder(of) => of.run(context).await,
            Act::List { all } => {
                let answer = context.look(AlertList { all }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Show(Which { alert }) => {
                let answer = context.look(AlertShow { alert }).await?;
                let parties = Parties::ask(context).await?;
                context.show(&answer, || told::told(context, &parties, &answer))
            }
            Act::Ack(which) => which.act(context, "ack").await,
            Act::TakeOver(which) => which.act(context, "take-over").await,
            Act::Respond { which: Which { alert }, eta } => {
                let (act, within_minutes) = ("respond".to_owned(), eta);
                done(context, AlertAct { alert, act, within_minutes, ..AlertAct::default() }).await
            }
            Act::Arrive(which) => which.act(context, "arrive").await,
            Act::HandTo { which: Which { alert }, service } => {
                let (act, service) = ("hand-to".to_owned(), Some(service));
                done(context, AlertAct { alert, act, service, ..AlertAct::default() }).await
            }
            Act::Dial { which: Which { alert }, number, no_wait } => {
                dial::dial(context, alert, number, !no_wait).await
            }
            Act::Resolve { which: Which { alert }, outcome } => {
                let (act, outcome) = ("resolve".to_owned(), Some(outcome));
                done(context, AlertAct { alert, act, outcome, ..AlertAct::default() }).await
            }
            Act::FalseAlarm(which) => which.act(context, "false-alarm").await,
            Act::Reopen(which) => which.act(context, "reopen").await,
            Act::CallOff(which) => which.act(context, told::CALL_OFF).await,
            Act::Card { which, reason, print } => {
                let acting = context.acting()?;
                let request = AlertCard { alert: which.alert, reason, acting };
                if let Some(file) = print {
                    return print::print(context, &request, &file).await;
                }
                super::card::shown(context, &context.ask(&request).await?).await
            }
            Act::RefuseCard(which) => which.act(context, told::REFUSE_CARD).await,
        }
    }
}

impl Raise {
    async fn send(self, context: &Context, drill: bool) -> anyhow::Result<Exit> {
        // Somebody must come: a name that cannot be given is not worth the alert.
        let acting = context.acting().unwrap_or_else(|error| {
            if !context.json {
                complain(&explained(&error, &context.text));
            }
            None
        });
        let Self { elder, kind, cause } = self;
        let request = AlertRaise { elder, kind, cause, drill, acting };
        answered(context, &context.ask(&request).await?)
    }
}

impl Which {
    async fn act(self, context: &Context, act: &str) -> anyhow::Result<Exit> {
        let request = AlertAct { alert: self.alert, act: act.to_owned(), ..AlertAct::default() };
        done(context, request).await
    }
}

async fn done(context: &Context, request: AlertAct) -> anyhow::Result<Exit> {
    let request = AlertAct { acting: context.acting()?, ..request };
    let asked = context.ask(&request).await;
    let answer = asked.map_err(|error| told::in_vain(context, error))?;
    told::settled(context, &request.act, &answer).await?;
    match request.act.as_str() {
        told::REFUSE_CARD => context.show(&answer, || context.text.say("card-stays-closed", &[])),
        _ => answered(context, &answer),
    }
}

fn answered(context: &Context, answer: &AlertAnswer) -> anyhow::Result<Exit> {
    context.show(answer, || {
        let line = format!("{}\t{}", answer.alert, context.text.word("state", &answer.state));
        match answer.stored {
            true => line,
            false => format!("{line}\n{}", context.text.say("alert-not-stored", &[])),
        }
    })
}

/// A length of time as people write it: 1m 30s.
pub(super) fn duration(ms: u64) -> String {
    format!("{:#}", SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)))
}

/// What happened, marked where it is a drill.
fn kind(context: &Context, alert: &Value, key: &str) -> String {
    let kind = context.text.word("alert-kind", &field(alert, key));
    match alert.get("drill") {
        Some(Value::Bool(true)) => context.text.say("alert-drill", &[("kind", kind.into())]),
        _ => kind,
    }
}

fn table(context: &Context, alerts: &[Value]) -> String {
    let row = |alert: &Value| {
        vec![
            field(alert, "alert"),
            about(alert),
            context.text.word("state", &field(alert, "state")),
            kind(context, alert, "kind"),
            context.zone.show_known(alert.get("since_ms").and_then(Value::as_u64)),
            field(alert, "delivered_to"),
            field(alert, "owner"),
        ]
    };
    let columns =
        Columns(&["alert", "elder", "state", "alert-kind", "since", "delivered-to", "owner"]);
    columns.table(&context.text, alerts.iter().map(row).collect())
}
