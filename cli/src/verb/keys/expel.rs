use std::path::PathBuf;

use linli_node::api::officers;

use super::{officers::passphrase, words};
use crate::{context::Context, failure::Exit};

#[derive(Debug, clap::Args)]
pub(crate) struct Expel {
    /// The party or node: its id, a beginning of it, or the party's public name
    subject: String,
    /// A file whose first line opens the officers' key files [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl Expel {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let client = context.client().await?;
        let file = self.officer_passphrase_file.as_deref();
        let officer_passphrase = passphrase(context, &client, file).await?;
        let request = officers::Expel { subject: self.subject, officer_passphrase };
        words::settle(context, &client.call(&request).await?)
    }
}
