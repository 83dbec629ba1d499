use std::path::PathBuf;

use clap::Subcommand;
use linli_node::api::officers::{
    RequestDrop, RequestExport, RequestImport, RequestList, RequestRow, RequestSign, RequestState,
};

use super::words;
use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::officers,
    output::Columns,
    prompt::OFFICER_PASSPHRASE,
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Requests {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    Export(Export),
    Import(Import),
    Sign(Sign),
    Drop(Discard),
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The request, as `linli keys requests` lists it
    id: String,
    /// The file to write; it must not exist
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// A file that officers have signed; may be given again
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Sign {
    /// The request, as `linli keys requests` lists it
    id: String,
    /// A file whose first line opens the officers' key files [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
    /// Sign without asking: for scripts
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
struct Discard {
    /// The request, as `linli keys requests` lists it
    id: String,
}

impl Requests {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            None => {
                let rows = context.ask(&RequestList {}).await?;
                context.show(&rows, || table(context, &rows))
            }
            Some(Act::Export(export)) => export.run(context).await,
            Some(Act::Import(import)) => import.run(context).await,
            Some(Act::Sign(sign)) => sign.run(context).await,
            Some(Act::Drop(drop)) => {
                let done = context.ask(&RequestDrop { id: drop.id }).await?;
                context.show(&done, || context.text.say("request-dropped", &[]))
            }
        }
    }
}

impl Export {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.ask(&RequestExport { id: self.id }).await?;
        let bytes = hex::decode(&answer.bytes)?;
        officers::write_new(&self.file, &bytes)?;
        context.show(&answer.request, || {
            let file = self.file.display().to_string();
            let said = context.text.say("request-exported", &[("file", file.into())]);
            format!("{}\n\n{said}", words::request(context, &answer.request))
        })
    }
}

impl Import {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let client = context.client().await?;
        let mut last = None;
        for file in &self.files {
            let bytes = hex::encode(officers::read_request(file)?);
            last = Some(client.call(&RequestImport { bytes }).await?);
            if last.as_ref().is_some_and(|row| row.state == RequestState::Counts) {
                break;
            }
        }
        match last {
            Some(row) => words::settle(context, &row),
            None => Ok(Exit::USAGE),
        }
    }
}

impl Sign {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let client = context.client().await?;
        let asked = client.call(&RequestExport { id: self.id }).await?.request;
        if !words::agreed(context, &asked, self.yes)? {
            return Err(CliError::NotSigned.into());
        }
        let secret = OFFICER_PASSPHRASE.get(context, self.officer_passphrase_file.as_deref())?;
        let officer_passphrase = secret.as_str().to_owned();
        let request = RequestSign { id: asked.id, officer_passphrase };
        words::settle(context, &client.call(&request).await?)
    }
}

fn table(context: &Context, rows: &[RequestRow]) -> String {
    let row = |row: &RequestRow| {
        let state = match row.state {
            RequestState::Waits => "waits",
            RequestState::Counts => "counts",
            RequestState::Outdated => "outdated",
        };
        vec![
            short(&row.id),
            format!("{}/{}", row.signed.len(), row.needed),
            context.text.word("request-state", state),
            context.zone.show(row.at_ms),
            row.deeds.iter().map(|deed| words::title(context, deed)).collect::<Vec<_>>().join("; "),
        ]
    };
    let columns = Columns(&["request", "signed", "state", "since", "what"]);
    columns.table(&context.text, rows.iter().map(row).collect())
}
