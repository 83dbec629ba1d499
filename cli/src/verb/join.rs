use std::{net::SocketAddr, path::PathBuf};

use linli_node::api::network::InvitePhase;

use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::{self, Inviter, Joined},
    output::{Spinner, printable},
    prompt::PASSPHRASE,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Join {
    /// The code that the inviting node shows
    #[arg(required_unless_present = "finish")]
    code: Option<String>,
    /// Ask the inviting node again, after it said that officers must sign first
    #[arg(long, conflicts_with_all = ["code", "at", "node"])]
    finish: bool,
    /// Where the inviting node is, where the local network does not find it; may be given again
    #[arg(long, value_name = "ADDRESS:PORT", requires = "node")]
    at: Vec<SocketAddr>,
    /// The inviting node's id, with --at or a relay
    #[arg(long, value_name = "ID")]
    node: Option<String>,
    /// A file whose first line is the passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Join {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let home = context.home()?;
        let config = context.config(&home)?;
        let passphrase = PASSPHRASE.get(context, self.passphrase_file.as_deref())?;
        let Some(code) = &self.code else {
            let spinner = Spinner::start(context, context.text.say("join-seeks", &[]));
            let joined = local::finish_joining(&home, &config, &passphrase).await?;
            drop(spinner);
            return done(context, &joined);
        };
        let inviter = match &self.node {
            None => None,
            Some(id) => {
                let example = "the 64 hexadecimal digits that `linli status` shows there";
                let wrong = |_| CliError::Value { value: id.clone(), example };
                Some(Inviter { node: id.parse().map_err(wrong)?, addresses: self.at })
            }
        };
        let mut spinner = Some(Spinner::start(context, context.text.say("join-seeks", &[])));
        let mut printed = Ok(());
        let number = |number: &str| {
            drop(spinner.take());
            let phase = InvitePhase::Pending { number: number.to_owned(), label: String::new() };
            let shown = context
                .show(&phase, || context.text.say("join-number", &[("number", number.into())]));
            spinner = Some(Spinner::start(context, context.text.say("join-waits", &[])));
            printed = shown.map(drop);
        };
        let joined = local::join(&home, &config, &passphrase, code, inviter, number).await?;
        drop(spinner);
        printed?;
        done(context, &joined)
    }
}

fn done(context: &Context, joined: &Joined) -> anyhow::Result<Exit> {
    context
        .show(joined, || context.text.say("join-done", &[("name", printable(&joined.name).into())]))
}
