use clap::Subcommand;
use linli_node::api::network::{PartyList, PartyRow};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Party {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    List,
}

impl Party {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Act::List = self.act;
        let answer = context.ask(&PartyList {}).await?;
        let text = &context.text;
        let row = |party: &PartyRow| {
            vec![
                short(&party.party),
                text.word("kind", &party.kind),
                party.name.as_deref().map_or_else(|| "–".to_owned(), printable),
                party.nodes.len().to_string(),
                if party.expelled { text.say("expelled", &[]) } else { text.say("enrolled", &[]) },
            ]
        };
        context.show(&answer, || {
            let columns = Columns(&["party", "kind", "label", "nodes", "state"]);
            columns.table(text, answer.iter().map(row).collect())
        })
    }
}
