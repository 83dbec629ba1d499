//! The privacy officer's work, one file a verb.

use clap::Subcommand;

use crate::{context::Context, failure::Exit};

mod erase;
mod erasures;

#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Erase(erase::Erase),
    Erasures(erasures::Erasures),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Erase(verb) => verb.run(context).await,
            Act::Erasures(verb) => verb.run(context).await,
        }
    }
}
