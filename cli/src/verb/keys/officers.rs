use std::path::{Path, PathBuf};

use clap::Subcommand;
use linli_node::{
    api::officers::{self, OfficersAnswer, OfficersReplace},
    control::Client,
};

use super::words;
use crate::{context::Context, failure::Exit, output::printable, prompt::OFFICER_PASSPHRASE};

#[derive(Debug, clap::Args)]
pub(crate) struct Officers {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    Replace(Replace),
}

#[derive(Debug, clap::Args)]
struct Replace {
    /// The key of an officer who leaves, or its beginning; may be given again
    #[arg(long, value_name = "KEY", required_unless_present_any = ["add", "threshold"])]
    remove: Vec<String>,
    /// The key of an officer who comes; may be given again
    #[arg(long, value_name = "KEY")]
    add: Vec<String>,
    /// How many must sign from here on [default: as before, or the fewest that are more than half]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    threshold: Option<u8>,
    /// The keys that leave are lost or stolen: what they sign counts no more
    #[arg(long, requires = "remove")]
    stolen: bool,
    /// A file whose first line opens the officers' key files [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl Officers {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            None => {
                let answer = context.ask(&officers::Officers {}).await?;
                context.show(&answer, || list(context, &answer))
            }
            Some(Act::Replace(replace)) => replace.run(context).await,
        }
    }
}

impl Replace {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let client = context.client().await?;
        let file = self.officer_passphrase_file.as_deref();
        let officer_passphrase = passphrase(context, &client, file).await?;
        let Self { remove, add, threshold, stolen, .. } = self;
        let request = OfficersReplace { remove, add, threshold, stolen, officer_passphrase };
        words::settle(context, &client.call(&request).await?)
    }
}

/// What opens the officers' key files of the node; nothing where it has none.
pub(crate) async fn passphrase(
    context: &Context,
    client: &Client,
    file: Option<&Path>,
) -> anyhow::Result<Option<String>> {
    let answer = client.call(&officers::Officers {}).await?;
    match answer.officers.iter().any(|row| row.held_here) {
        false => Ok(None),
        true => Ok(Some(OFFICER_PASSPHRASE.get(context, file)?.as_str().to_owned())),
    }
}

fn list(context: &Context, answer: &OfficersAnswer) -> String {
    let count = u64::try_from(answer.officers.len()).unwrap_or(u64::MAX);
    let arguments = [
        ("name", printable(&answer.community).into()),
        ("threshold", answer.threshold.into()),
        ("officers", count.into()),
    ];
    let mut lines = vec![context.text.say("officers-are", &arguments)];
    lines.extend(answer.officers.iter().map(|row| match row.held_here {
        true => context.text.say("officer-held-here", &[("officer", row.officer.as_str().into())]),
        false => format!("  {}", row.officer),
    }));
    lines.join("\n")
}
