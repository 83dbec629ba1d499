use linli_node::api::network::{self, DocumentStatus};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Documents {
    /// Only those this node can read
    #[arg(long)]
    readable: bool,
}

impl Documents {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.look(network::Documents { readable: self.readable }).await?;
        context.show(&answer, || {
            let columns = Columns(&[
                "space",
                "document",
                "label",
                "entries",
                "withheld",
                "as-of",
                "authority",
                "holders",
                "frontier",
            ]);
            columns.table(&context.text, answer.iter().map(|row| cells(context, row)).collect())
        })
    }
}

fn cells(context: &Context, row: &DocumentStatus) -> Vec<String> {
    vec![
        short(&row.space),
        short(&row.document),
        row.name.as_deref().map_or_else(|| context.text.say("sealed", &[]), printable),
        row.entries.to_string(),
        row.withheld.len().to_string(),
        context.zone.show_known(row.as_of_ms),
        context.zone.show_known(row.authority_ms),
        row.held_by.len().to_string(),
        short(&row.frontier),
    ]
}
