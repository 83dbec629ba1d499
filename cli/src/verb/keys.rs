//! The privacy officer's work, one file a verb.

use clap::Subcommand;

use crate::{context::Context, failure::Exit};

mod consent;
mod exposure;
mod grant;
mod grants;
mod held;
mod revoke;
mod rotate;

#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Consent(consent::Consent),
    Grant(grant::Grant),
    Grants(grants::Grants),
    Revoke(revoke::Revoke),
    Exposure(exposure::Ask),
    Rotate(rotate::Rotate),
    Held(held::Held),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Consent(verb) => verb.run(context).await,
            Act::Grant(verb) => verb.run(context).await,
            Act::Grants(verb) => verb.run(context).await,
            Act::Revoke(verb) => verb.run(context).await,
            Act::Exposure(verb) => verb.run(context).await,
            Act::Rotate(verb) => verb.run(context).await,
            Act::Held(verb) => verb.run(context).await,
        }
    }
}
