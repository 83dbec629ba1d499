use std::time::Duration;

use linli_node::{
    api::network,
    home::{Home, HomeError},
};

use crate::{
    context::Context,
    failure::{CliError, Exit},
    output::Spinner,
};

/// How long a node may take to make durable what it accepted, in seconds.
const STOP_SECONDS_MAX: u64 = 30;

/// How often it is looked whether the node has let go of its directory.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub(crate) struct Stop {}

impl Stop {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let home = context.home()?;
        let answer = context.ask(&network::Stop {}).await?;
        let spinner = Spinner::start(context, context.text.say("stop-waits", &[]));
        let waited =
            tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), let_go(&home)).await;
        drop(spinner);
        waited.map_err(|_| CliError::StillRunning { seconds: STOP_SECONDS_MAX })??;
        context.show(&answer, || context.text.say("stop-done", &[]))
    }
}

/// Waits until no program works in the data directory.
async fn let_go(home: &Home) -> Result<(), HomeError> {
    loop {
        match home.lock() {
            Err(HomeError::InUse { .. }) => tokio::time::sleep(LOOK_INTERVAL).await,
            other => return other.map(drop),
        }
    }
}
