use std::io::BufRead as _;

use clap::Subcommand;

use linli_node::{
    api::tablets::{TabletCode, TabletList, TabletPair, TabletRemove, TabletRow},
    control::DeviceClient,
};

use crate::{
    context::Context,
    failure::{CliError, Exit},
    output::{self, Columns},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Device {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    #[command(subcommand)]
    Tablet(Tablet),
    Send(Send),
}

#[derive(Debug, Subcommand)]
enum Tablet {
    Add {
        /// What the tablet is called in the list
        #[arg(long, default_value = "tablet")]
        label: String,
    },
    List,
    Remove {
        /// The tablet's id or name
        tablet: String,
    },
}

#[derive(Debug, clap::Args)]
struct Send {
    /// What each line of standard input is: the JSON of a reading, or of a pressed button
    #[arg(value_parser = ["readings", "button"])]
    what: String,
}

impl Device {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Tablet(act) => act.run(context).await,
            Act::Send(send) => send.run(context).await,
        }
    }
}

impl Tablet {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            Self::Add { label } => {
                let answer = context.ask(&TabletPair { label }).await?;
                context.show(&answer, || code(context, &answer))
            }
            Self::List => {
                let answer = context.ask(&TabletList {}).await?;
                context.show(&answer, || table(context, &answer))
            }
            Self::Remove { tablet } => {
                let answer = context.ask(&TabletRemove { tablet }).await?;
                context.show(&answer, || context.text.say("tablet-removed", &[]))
            }
        }
    }
}

/// The way to the page as a picture and as text.
fn code(context: &Context, answer: &TabletCode) -> String {
    // In groups of four it is typed with fewer mistakes.
    let letters: Vec<char> = answer.code.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    let url = answer.url.split('#').next().unwrap_or_default();
    let arguments = [
        ("url", url.into()),
        ("code", groups.join("-").into()),
        ("expires", context.zone.show(answer.expires_ms).into()),
    ];
    let typed = context.text.say("tablet-code", &arguments);
    match output::qr(&answer.url) {
        Some(picture) => format!("{picture}\n{typed}"),
        None => typed,
    }
}

fn table(context: &Context, tablets: &[TabletRow]) -> String {
    let row = |row: &TabletRow| {
        vec![
            row.tablet.clone(),
            output::printable(&row.label),
            context.zone.show(row.since_ms),
            context.zone.show_known(row.seen_ms),
        ]
    };
    let columns = Columns(&["tablet", "label", "since", "seen"]);
    columns.table(&context.text, tablets.iter().map(row).collect())
}

impl Send {
    /// Speaks to the device address over HTTP, as a sensor or a button on this machine does.
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { what } = self;
        let home = context.home()?;
        let api = context.config(&home)?.api.ok_or(CliError::NoDeviceAddress)?;
        let path = home.token();
        // The token is drawn when the node first starts with a device address.
        let token = std::fs::read_to_string(&path).map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                CliError::DeviceSilent { api }
            } else {
                CliError::File { path, source }
            }
        })?;
        let client = DeviceClient::new(api, &token)?;
        let node = tokio::runtime::Handle::current();
        let sending = tokio::task::spawn_blocking(move || {
            let mut exit = Exit::DONE;
            for line in std::io::stdin().lock().lines() {
                let sent = node.block_on(client.send(&what, line?));
                let (taken, answer) = sent.map_err(|_| CliError::DeviceSilent { api })?;
                if !taken {
                    exit = Exit::FAILED;
                }
                output::print(&answer.to_string());
            }
            anyhow::Ok(exit)
        });
        sending.await?
    }
}
