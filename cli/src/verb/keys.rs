use clap::Subcommand;

use crate::{context::Context, failure::Exit};

mod recover;
mod recover_share;
mod recoveries;

#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Recover(recover::Recover),
    RecoverShare(recover_share::RecoverShare),
    Recoveries(recoveries::Recoveries),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Recover(verb) => verb.run(context).await,
            Act::RecoverShare(verb) => verb.run(context).await,
            Act::Recoveries(verb) => verb.run(context).await,
        }
    }
}
