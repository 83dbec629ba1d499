use std::path::{PathBuf, absolute};

use linli_node::api::network;

use crate::{context::Context, failure::Exit, output::Spinner};

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// Where to: a folder that does not exist yet
    dir: PathBuf,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let to = absolute(&self.dir)?.display().to_string();
        let spinner = Spinner::start(context, context.text.say("backup-runs", &[]));
        let answer = context.ask(&network::Backup { to: to.clone() }).await?;
        drop(spinner);
        context.show(&answer, || {
            let done = context.text.say("backup-done", &[("path", to.into())]);
            if answer.missing == 0 {
                return done;
            }
            let numbers = [("files", answer.files.into()), ("missing", answer.missing.into())];
            format!("{}\n{done}", context.text.say("backup-missing", &numbers))
        })
    }
}
