use std::{io::BufRead as _, time::Duration};

use clap::Subcommand;
use serde_json::Value;

use crate::{
    context::Context,
    failure::{CliError, Exit},
    output,
};

/// How long the node may take to answer one line: an alert on a full disk is answered sooner.
const PATIENCE: Duration = Duration::from_secs(30);

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
        let bearer = format!("Bearer {}", token.trim());
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .into();
        let sending = tokio::task::spawn_blocking(move || {
            let mut exit = Exit::DONE;
            for line in std::io::stdin().lock().lines() {
                let request = agent
                    .post(format!("http://{api}/v1/{what}"))
                    .header("Authorization", &bearer)
                    .header("Content-Type", "application/json");
                let mut answer = request.send(line?).map_err(|_| CliError::DeviceSilent { api })?;
                if !answer.status().is_success() {
                    exit = Exit::FAILED;
                }
                output::print(&answer.body_mut().read_json::<Value>()?.to_string());
            }
            anyhow::Ok(exit)
        });
        sending.await?
    }
}
