use std::path::PathBuf;

use crate::{context::Context, failure::Exit, local, output::Spinner, prompt::PASSPHRASE};

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The folder that `linli backup` wrote
    dir: PathBuf,
    /// A file whose first line is the passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let data = context.data()?;
        let passphrase = PASSPHRASE.get(context, self.passphrase_file.as_deref())?;
        let spinner = Spinner::start(context, context.text.say("restore-runs", &[]));
        let restored = local::restore(&data, &self.dir, &passphrase).await?;
        drop(spinner);
        let path = data.display().to_string();
        context.show(&restored, || {
            let done = context.text.say("restore-done", &[("path", path.into())]);
            let missing = match restored.files {
                None => context.text.say("restore-no-files", &[]),
                Some(_) if restored.missing == 0 => return done,
                Some(files) => {
                    let numbers = [("files", files.into()), ("missing", restored.missing.into())];
                    context.text.say("restore-missing", &numbers)
                }
            };
            format!("{missing}\n{done}")
        })
    }
}
