use linli_node::api::grants::KeysRevoke;

use super::exposure;
use crate::{context::Context, failure::Exit};

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The party's id or name
    party: String,
    /// care, health, emergency or order/ID [default: all]
    #[arg(long)]
    scope: Option<String>,
}

impl Revoke {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { elder, party, scope } = self;
        let request = KeysRevoke { elder, party, scope, acting: context.acting()? };
        let answer = context.ask(&request).await?;
        context.show(&answer, || exposure::told(context, &answer))
    }
}
