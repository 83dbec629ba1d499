use clap::Subcommand;
use linli_node::api::grants::{HeldEntry, HeldJudge, HeldList, HeldRow, HeldShow};

use super::{consent::scope, grants::party};
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Held {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    List {
        /// One elder's only: id or name, or a part that fits one only
        elder: Option<String>,
        /// Those that were refused too
        #[arg(long)]
        all: bool,
    },
    Show {
        /// The entry's id, or a part that fits one only
        entry: String,
    },
    Admit {
        /// The entries' ids, or parts that fit one only
        #[arg(required = true)]
        entries: Vec<String>,
    },
    Refuse {
        /// The entries' ids, or parts that fit one only
        #[arg(required = true)]
        entries: Vec<String>,
    },
}

impl Held {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::List { elder, all } => {
                let answer = context.look(HeldList { elder, all }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Show { entry } => {
                let answer = context.look(HeldShow { entry }).await?;
                context.show(&answer, || told(context, &answer))
            }
            Act::Admit { entries } => judge(context, entries, true).await,
            Act::Refuse { entries } => judge(context, entries, false).await,
        }
    }
}

async fn judge(context: &Context, entries: Vec<String>, admit: bool) -> anyhow::Result<Exit> {
    let request = HeldJudge { entries, admit, acting: context.acting()? };
    let answer = context.ask(&request).await?;
    context.show(&answer, || context.text.say("saved", &[]))
}

fn table(context: &Context, rows: &[HeldRow]) -> String {
    let row = |row: &HeldRow| {
        vec![
            short(&row.entry),
            printable(&row.document),
            scope(context, &row.scope),
            match row.own {
                true => context.text.say("held-own", &[]),
                false => {
                    format!("{} ({})", party(context, &row.by.party), printable(&row.by.label))
                }
            },
            context.zone.show_known(row.at_ms),
            why(context, row),
        ]
    };
    let columns = Columns(&["id", "document", "data", "written-by", "signed-at", "why"]);
    columns.table(&context.text, rows.iter().map(row).collect())
}

/// Why an entry is held back, and whether a steward has said that it stays so.
fn why(context: &Context, row: &HeldRow) -> String {
    let why = context.text.word("held", &row.reason);
    match row.refused {
        true => format!("{why}; {}", context.text.say("held-refused", &[])),
        false => why,
    }
}

fn told(context: &Context, held: &HeldEntry) -> String {
    let mut lines = vec![table(context, std::slice::from_ref(&held.row)), String::new()];
    lines.extend(held.writes.iter().map(|(key, value)| {
        let value = value.as_deref().map_or_else(|| "–".to_owned(), printable);
        format!("{}: {value}", printable(key))
    }));
    lines.join("\n")
}
