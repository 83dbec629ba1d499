use clap::Subcommand;
use linli_node::api::care::{OrderAct, OrderAnswer, OrderList, OrderNew, OrderShow};
use serde_json::Value;

use super::{
    about,
    photo::{Beside, Photo},
    short,
};
use crate::{
    context::Context,
    failure::Exit,
    output::{self, Columns, field, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Order {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    New(New),
    List {
        /// Closed ones too
        #[arg(long)]
        all: bool,
    },
    Show {
        /// The order's id, or a part that fits one only
        order: String,
    },
    Offer(Towards),
    Accept(Step),
    Decline(Step),
    Confirm(Step),
    Withdraw(Step),
    Start(Step),
    Done(Step),
    Callback {
        #[command(flatten)]
        step: Step,
        /// How content the elder is, from 1 to 5
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5))]
        rating: u8,
    },
    Cancel(Step),
    Photo(Photo),
}

#[derive(Debug, clap::Args)]
struct New {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The service's code in the catalogue
    service: String,
    /// What else the provider must know
    #[arg(long, default_value = "")]
    note: String,
    /// How it was asked for, such as phone
    #[arg(long, default_value = "front_desk")]
    channel: String,
}

#[derive(Debug, clap::Args)]
struct Step {
    /// The order's id, or a part that fits one only
    order: String,
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Towards {
    #[command(flatten)]
    step: Step,
    /// The provider party's id or name
    #[arg(long)]
    provider: String,
}

impl Order {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::New(New { elder, service, note, channel }) => {
                let acting = context.acting()?;
                let request = OrderNew { elder, service, note, channel, acting };
                answered(context, &context.ask(&request).await?)
            }
            Act::List { all } => {
                let answer = context.look(OrderList { all }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Show { order } => {
                let answer = context.look(OrderShow { order }).await?;
                context.show(&answer, || output::tree(&answer))
            }
            Act::Offer(Towards { step, provider }) => {
                act(context, "offer", step, Some(provider), None).await
            }
            Act::Callback { step, rating } => {
                act(context, "callback", step, None, Some(rating)).await
            }
            Act::Accept(step) => act(context, "accept", step, None, None).await,
            Act::Decline(step) => act(context, "decline", step, None, None).await,
            Act::Confirm(step) => act(context, "confirm", step, None, None).await,
            Act::Withdraw(step) => act(context, "withdraw", step, None, None).await,
            Act::Start(step) => act(context, "start", step, None, None).await,
            Act::Done(step) => act(context, "done", step, None, None).await,
            Act::Cancel(step) => act(context, "cancel", step, None, None).await,
            Act::Photo(photo) => photo.of(context, Beside::Order).await,
        }
    }
}

async fn act(
    context: &Context,
    act: &str,
    step: Step,
    provider: Option<String>,
    rating: Option<u8>,
) -> anyhow::Result<Exit> {
    let acting = context.acting()?;
    let Step { order, note } = step;
    let request = OrderAct { order, act: act.to_owned(), provider, rating, note, acting };
    answered(context, &context.ask(&request).await?)
}

/// Shows an order's state and its next step. Where something holds that up, such as that no offer
/// covers the order, it is said, and the exit code says so too.
fn answered(context: &Context, answer: &OrderAnswer) -> anyhow::Result<Exit> {
    let text = &context.text;
    context.show(answer, || {
        let mut lines = vec![format!("{}\t{}", answer.order, text.word("state", &answer.state))];
        match (&answer.waits, &answer.next) {
            (Some(waits), next) => {
                let key = format!("held-{}", next.as_deref().unwrap_or_default().replace('_', "-"));
                let why = text.find(&key).unwrap_or_else(|| printable(waits));
                lines.push(text.say("order-waits", &[("why", why.into())]));
            }
            (None, Some(next)) => {
                let next = text.word("waits", next);
                lines.push(text.say("order-next", &[("next", next.into())]));
            }
            (None, None) => {}
        }
        lines.join("\n")
    })?;
    Ok(if answer.waits.is_some() { Exit::WAITS } else { Exit::DONE })
}

fn table(context: &Context, orders: &[Value]) -> String {
    let row = |order: &Value| {
        vec![
            field(order, "order"),
            about(order),
            context.text.word("state", &field(order, "state")),
            context.text.word("waits", &field(order, "waits_for")),
            field(order, "service"),
            context.zone.show_known(order.get("opened_ms").and_then(Value::as_u64)),
            short(&field(order, "holder")),
        ]
    };
    let columns = Columns(&["order", "elder", "state", "waits", "service", "since", "provider"]);
    columns.table(&context.text, orders.iter().map(row).collect())
}
