use std::io::BufRead as _;

use clap::Subcommand;

use linli_node::control::DeviceClient;

use crate::{
    context::Context,
    failure::{CliError, Exit},
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Device {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Send(Send),
}

#[derive(Debug, clap::Args)]
struct Send {
    /// What each line of standard input is: the JSON of a reading, or of a pressed button
    #[arg(value_parser = ["readings", "button"])]
    what: String,
}

impl Device {
    /// Speaks to the device address over HTTP, as a sensor or a button on this machine does.
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Act::Send(Send { what }) = self.act;
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
