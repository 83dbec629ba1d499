use linli_node::api::erasure::{ErasedSpace, ErasureAnswer, ErasureOrder};

use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    prompt,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Erase {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// What to erase
    #[arg(long, default_value = "all", value_parser = ["care", "health", "emergency", "all"])]
    scope: String,
    /// Why; kept at this node only
    #[arg(long)]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let mut request = ErasureOrder {
            elder: self.elder,
            scope: self.scope,
            reason: self.reason,
            dry_run: true,
            acting: context.acting()?,
        };
        if !self.yes {
            let preview = context.ask(&request).await?;
            let question =
                context.text.say("erase-ask", &[("elder", preview.elder.as_str().into())]);
            if !prompt::agrees(&format!("{}\n\n{question}", spaces(context, &preview)))? {
                return Ok(Exit::DONE);
            }
        }
        request.dry_run = false;
        let answer = context.ask(&request).await?;
        context.show(&answer, || {
            format!("{}\n\n{}", spaces(context, &answer), context.text.say("erase-ordered", &[]))
        })
    }
}

/// What is erased, and what this node cannot erase.
fn spaces(context: &Context, answer: &ErasureAnswer) -> String {
    let row = |space: &ErasedSpace| {
        let kind = context.text.word("erased-kind", &space.kind);
        let order = space.order.as_deref().map(super::super::short);
        let order = order.unwrap_or_else(|| "–".to_owned());
        vec![order, kind, space.documents.to_string(), space.nodes.to_string()]
    };
    let columns = Columns(&["erasure", "erased-kind", "documents", "may-hold"]);
    let mut text = columns.table(&context.text, answer.spaces.iter().map(row).collect());
    for kept in &answer.elsewhere {
        let arguments = [
            ("scope", context.text.word("erased-kind", &kept.kind).into()),
            ("label", printable(&kept.label).into()),
            ("node", super::super::short(&kept.node).into()),
        ];
        text.push_str("\n! ");
        text.push_str(&context.text.say("erase-elsewhere", &arguments));
    }
    text
}
