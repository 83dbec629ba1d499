use linli_node::api::officers::{Desk, DeskItem};

use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Inbox {}

impl Inbox {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let items = context.ask(&Desk {}).await?;
        context.show(&items, || {
            let rows = items.iter().map(|item| row(context, item)).collect();
            Columns(&["id", "section", "due", "what"]).table(&context.text, rows)
        })
    }
}

fn row(context: &Context, item: &DeskItem) -> Vec<String> {
    vec![
        short(&item.id),
        context.text.word("section", &item.section),
        context.zone.show_known(item.due_ms),
        what(context, item),
    ]
}

/// What waits, in words: kinds and times among the arguments are said in the reader's language.
fn what(context: &Context, item: &DeskItem) -> String {
    let said = |(name, value): (&String, &String)| {
        let value = match (name.as_str(), value.parse()) {
            ("kind", _) => context.text.word("kind", value),
            (name, Ok(time_ms)) if name.ends_with("_ms") => context.zone.show(time_ms),
            (_, _) => printable(value),
        };
        (name.clone(), value)
    };
    let arguments: Vec<(String, String)> = item.detail.arguments.iter().map(said).collect();
    let arguments: Vec<_> =
        arguments.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect();
    context.text.say_key(&item.detail.key, &arguments)
}
