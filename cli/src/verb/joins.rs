use clap::Subcommand;
use linli_node::api::care::{JoinAnswer, JoinDecide, JoinList};

use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Joins {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    List,
    Decide {
        /// One record
        left: String,
        /// The other
        right: String,
        /// Whether they are one person
        #[arg(value_parser = ["same", "different"])]
        verdict: String,
    },
}

impl Joins {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::List => {
                let answer = context.ask(&JoinList {}).await?;
                context.show(&answer, || shown(context, &answer))
            }
            Act::Decide { left, right, verdict } => {
                let same = verdict == "same";
                let request = JoinDecide { left, right, same, acting: context.acting()? };
                let answer = context.ask(&request).await?;
                context.show(&answer, || context.text.say("saved", &[]))
            }
        }
    }
}

fn shown(context: &Context, answer: &JoinAnswer) -> String {
    let joined = u64::try_from(answer.joined.len()).unwrap_or(u64::MAX);
    let waiting = u64::try_from(answer.waiting.len()).unwrap_or(u64::MAX);
    let counts =
        context.text.say("joins-counts", &[("joined", joined.into()), ("waiting", waiting.into())]);
    let row = |(left, right, reasons): &(String, String, Vec<String>)| {
        vec![left.clone(), right.clone(), printable(&reasons.join("; "))]
    };
    let columns = Columns(&["record", "other-record", "reasons"]);
    let table = columns.table(&context.text, answer.waiting.iter().map(row).collect());
    format!("{counts}\n\n{table}")
}
