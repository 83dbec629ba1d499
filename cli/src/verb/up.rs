use std::path::PathBuf;

use linli_store::harden;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    context::Context,
    failure::Exit,
    local::{self, officers},
    logs,
    prompt::PASSPHRASE,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// A file whose first line is the passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Up {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        harden()?;
        let home = context.home()?;
        let config = context.config(&home)?;
        logs::begin(&config.log)?;
        let passphrase = PASSPHRASE.get(context, self.passphrase_file.as_deref())?;
        let ran = local::run(home.lock()?, config, &passphrase, told_to_stop()?).await;
        match ran {
            Err(error) if local::lacks_community(&error) => {
                Err(officers::founding(&home, &passphrase).await.unwrap_or(error))
            }
            ran => ran.map(|()| Exit::DONE),
        }
    }
}

/// Waits for Ctrl-C or the service manager's SIGTERM.
pub(crate) fn told_to_stop() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
