use std::path::PathBuf;

use clap::Subcommand;

use linli_replica::certificate::PartyKind;

use crate::{
    context::Context,
    failure::Exit,
    local::{self, NewCommunity},
    output::Spinner,
    prompt::{OFFICER_PASSPHRASE, PASSPHRASE},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Community {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(Create),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The community's name
    name: String,
    /// How many privacy officers there are
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    officers: u8,
    /// How many of them must sign: more than half [default: the fewest that are more than half]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    threshold: Option<u8>,
    /// What this node's party is
    #[arg(long, default_value = "centre", value_parser = kind)]
    kind: PartyKind,
    /// This node's party's public name; none for a household
    #[arg(long, value_name = "NAME")]
    party_name: Option<String>,
    /// A file whose first line is the node's passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A file whose first line opens the officers' key files [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl Community {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Act::Create(create) = self.act;
        let home = context.home()?;
        let passphrase = PASSPHRASE.get(context, create.passphrase_file.as_deref())?;
        let officer_passphrase =
            OFFICER_PASSPHRASE.get_new(context, create.officer_passphrase_file.as_deref())?;
        let options = NewCommunity {
            name: create.name,
            officers: create.officers,
            threshold: create.threshold.unwrap_or(create.officers / 2 + 1),
            kind: create.kind,
            party_name: create.party_name,
            officer_passphrase,
        };
        let spinner = Spinner::start(context, context.text.say("community-making", &[]));
        let made = local::create_community(&home, &passphrase, options).await?;
        drop(spinner);
        context.show(&made, || {
            let folder = home.officers().display().to_string();
            let arguments =
                [("community", made.community.as_str().into()), ("folder", folder.into())];
            context.text.say("community-done", &arguments)
        })
    }
}

/// Reads a kind of party.
fn kind(word: &str) -> Result<PartyKind, String> {
    linli_node::setup::party_kind(word).ok_or_else(|| format!("one of {}", super::KINDS.join(", ")))
}
