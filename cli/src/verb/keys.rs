use clap::Subcommand;

use crate::{context::Context, failure::Exit};

mod audit;
mod passphrase;

#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Audit(audit::Audit),
    Passphrase(passphrase::Passphrase),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Audit(verb) => verb.run(context).await,
            Act::Passphrase(verb) => verb.run(context).await,
        }
    }
}
