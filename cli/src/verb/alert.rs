use clap::Subcommand;
use linli_node::api::cards::AlertCard;
use linli_node::api::care::{AlertAct, AlertAnswer, AlertList, AlertRaise, AlertShow};
use serde_json::Value;

use super::{about, who::Parties};
use crate::{
    context::Context,
    failure::{Exit, explained},
    output::{Columns, complain, field},
};

mod told;

#[derive(Debug, clap::Args)]
pub(crate) struct Alert {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Raise(Raise),
    List {
        /// Resolved ones too
        #[arg(long)]
        all: bool,
    },
    Show(Which),
    Ack(Which),
    TakeOver(Which),
    Respond(Which),
    Resolve {
        #[command(flatten)]
        which: Which,
        /// How it ended; a false alarm has a verb of its own
        #[arg(long, value_parser = ["helped", "hospital", "drill", "died"])]
        outcome: String,
    },
    FalseAlarm(Which),
    Reopen(Which),
    Card {
        #[command(flatten)]
        which: Which,
        /// Why, where it is not plain from the alert
        #[arg(long)]
        reason: Option<String>,
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
            Act::Raise(Raise { elder, kind, cause }) => {
                // Somebody must come: a name that cannot be given is not worth the alert.
                let acting = context.acting().unwrap_or_else(|error| {
                    if !context.json {
                        complain(&explained(&error, &context.text));
                    }
                    None
                });
                let request = AlertRaise { elder, kind, cause, acting };
                answered(context, &context.ask(&request).await?)
            }
            Act::List { all } => {
                let answer = context.look(AlertList { all }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Show(Which { alert }) => {
                let answer = context.look(AlertShow { alert }).await?;
                let parties = Parties::ask(context).await?;
                context.show(&answer, || told::told(context, &parties, &answer))
            }
            Act::Ack(which) => act(context, "ack", which, None).await,
            Act::TakeOver(which) => act(context, "take-over", which, None).await,
            Act::Respond(which) => act(context, "respond", which, None).await,
            Act::Resolve { which, outcome } => act(context, "resolve", which, Some(outcome)).await,
            Act::FalseAlarm(which) => act(context, "false-alarm", which, None).await,
            Act::Reopen(which) => act(context, "reopen", which, None).await,
            Act::Card { which, reason } => {
                let acting = context.acting()?;
                let request = AlertCard { alert: which.alert, reason, acting };
                super::card::shown(context, &context.ask(&request).await?).await
            }
            Act::RefuseCard(which) => act(context, told::REFUSE_CARD, which, None).await,
        }
    }
}

async fn act(
    context: &Context,
    act: &str,
    which: Which,
    outcome: Option<String>,
) -> anyhow::Result<Exit> {
    let acting = context.acting()?;
    let request = AlertAct { alert: which.alert, act: act.to_owned(), outcome, acting };
    let answer = context.ask(&request).await?;
    told::settled(context, act, &answer).await?;
    match act {
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

fn table(context: &Context, alerts: &[Value]) -> String {
    let row = |alert: &Value| {
        vec![
            field(alert, "alert"),
            about(alert),
            context.text.word("state", &field(alert, "state")),
            context.text.word("alert-kind", &field(alert, "kind")),
            context.zone.show_known(alert.get("since_ms").and_then(Value::as_u64)),
            field(alert, "delivered_to"),
            field(alert, "owner"),
        ]
    };
    let columns =
        Columns(&["alert", "elder", "state", "alert-kind", "since", "delivered-to", "owner"]);
    columns.table(&context.text, alerts.iter().map(row).collect())
}
