use std::path::PathBuf;

use clap::Subcommand;

use linli_node::{api::officers::RequestRow, home::Home, setup::Founded};
use linli_replica::certificate::PartyKind;

use super::keys::words;
use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::{
        self, MadeCommunity, NewCommunity,
        officers::{self, Founding},
    },
    output::Spinner,
    prompt::{OFFICER_PASSPHRASE, PASSPHRASE, Secret},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Community {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(Create),
    Finish(Finish),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The community's name
    name: String,
    /// How many privacy officers there are
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    officers: u8,
    /// The key of an officer who sits elsewhere (linlioff1…), for each; they sign a request then
    #[arg(long, value_name = "KEY", conflicts_with = "officers")]
    officer: Vec<String>,
    /// With --officer, the file of the request that goes round among them
    #[arg(long, value_name = "FILE", default_value = "community.request")]
    request: PathBuf,
    /// Give up a community that waits here for its officers
    #[arg(long, requires = "officer")]
    again: bool,
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

#[derive(Debug, clap::Args)]
struct Finish {
    /// A request's file that officers have signed; may be given again
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A file whose first line is the node's passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Community {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let create = match self.act {
            Act::Create(create) => create,
            Act::Finish(finish) => return finish.run(context).await,
        };
        let home = context.home()?;
        let passphrase = PASSPHRASE.get(context, create.passphrase_file.as_deref())?;
        if !create.officer.is_empty() {
            return create.found(context, &home, &passphrase).await;
        }
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

impl Create {
    /// Begins a community whose officers sit elsewhere.
    async fn found(
        self,
        context: &Context,
        home: &Home,
        passphrase: &Secret,
    ) -> anyhow::Result<Exit> {
        if self.request.exists() {
            let source = std::io::ErrorKind::AlreadyExists.into();
            return Err(CliError::Unwritten { path: self.request, source }.into());
        }
        let founding = Founding {
            name: self.name,
            officers: self.officer,
            threshold: self.threshold,
            kind: self.kind,
            party_name: self.party_name,
            again: self.again,
        };
        let request = officers::found(home, passphrase, founding).await?;
        officers::write_new(&self.request, &request.encode())?;
        let row = RequestRow::of(&request, false);
        context.show(&row, || {
            let file = self.request.display().to_string();
            let said = context.text.say("community-waits", &[("file", file.into())]);
            format!("{}\n\n{said}", words::request(context, &row))
        })?;
        Ok(Exit::WAITS)
    }
}

impl Finish {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let home = context.home()?;
        let files = self.files.iter().map(|file| officers::read_request(file));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let passphrase = PASSPHRASE.get(context, self.passphrase_file.as_deref())?;
        match officers::finish_founding(&home, &passphrase, files).await? {
            Founded::Done(community) => {
                let made = MadeCommunity { community: community.to_string() };
                context.show(&made, || {
                    let community = made.community.as_str();
                    context.text.say("community-begun", &[("community", community.into())])
                })
            }
            Founded::Waits(request) => {
                let row = RequestRow::of(&request, false);
                let signed = u64::try_from(row.signed.len()).unwrap_or(u64::MAX);
                let lacks = row.needed.saturating_sub(signed);
                context.show(&row, || {
                    let said = context.text.say("community-lacks", &[("lacks", lacks.into())]);
                    format!("{}\n\n{said}", words::request(context, &row))
                })?;
                Ok(Exit::WAITS)
            }
        }
    }
}

/// Reads a kind of party.
fn kind(word: &str) -> Result<PartyKind, String> {
    linli_node::setup::party_kind(word).ok_or_else(|| format!("one of {}", super::KINDS.join(", ")))
}
