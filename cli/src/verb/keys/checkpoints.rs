use linli_node::api::checkpoints::{CheckpointList, CheckpointRow};
use linli_node::api::grants::PartyRef;

use super::{consent::scope, grants::party};
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Checkpoints {
    /// The elder's id or name, or a part that fits one only [default: those found wrong since the start]
    elder: Option<String>,
}

impl Checkpoints {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.look(CheckpointList { elder: self.elder }).await?;
        context.show(&answer, || table(context, &answer))
    }
}

fn table(context: &Context, rows: &[CheckpointRow]) -> String {
    let row = |row: &CheckpointRow| {
        vec![
            short(&row.entry),
            printable(&row.document),
            scope(context, &row.scope),
            format!("{} ({})", party(context, &row.by.party), printable(&row.by.label)),
            context.zone.show(row.at_ms),
            row.entries.to_string(),
            found(context, row),
            agreement(context, row),
        ]
    };
    let columns =
        ["id", "document", "data", "written-by", "signed-at", "entries", "compared", "agreement"];
    Columns(&columns).table(&context.text, rows.iter().map(row).collect())
}

/// Who has signed for it, whose signature it lacks, and from when on carriers drop what it stands for.
fn agreement(context: &Context, row: &CheckpointRow) -> String {
    let names = |parties: &[PartyRef]| {
        let names: Vec<String> = parties.iter().map(|of| party(context, of)).collect();
        names.join(", ")
    };
    let signed = names(&row.signed);
    match row.prunes_from_ms {
        _ if row.signed.is_empty() => String::new(),
        Some(from) => {
            let at = context.zone.show(from);
            context.text.say("agreement-ordered", &[("signed", signed.into()), ("at", at.into())])
        }
        None if row.agreed => context.text.say("agreement-reached", &[("signed", signed.into())]),
        None => {
            let missing = names(&row.missing);
            let arguments = [("signed", signed.into()), ("missing", missing.into())];
            context.text.say("agreement-lacks", &arguments)
        }
    }
}

/// What comparing it with what is held showed.
fn found(context: &Context, row: &CheckpointRow) -> String {
    let word = context.text.word("checkpoint", &row.finding);
    match (&row.flaw, row.unknown) {
        (Some(flaw), _) => format!("{word}: {}", context.text.word("flaw", flaw)),
        (None, 0) => word,
        (None, unknown) => format!("{word} ({unknown})"),
    }
}
