use std::path::{PathBuf, absolute};

use clap::Subcommand;
use linli_node::api::care::PhotoAdd;

use crate::{context::Context, failure::Exit, output::Spinner};

#[derive(Debug, clap::Args)]
pub(crate) struct Photo {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add {
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// The photo
        file: PathBuf,
    },
}

impl Photo {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Act::Add { elder, file } = self.act;
        let path = absolute(&file)?.display().to_string();
        let spinner = Spinner::start(context, context.text.say("photo-runs", &[]));
        let answer = context.ask(&PhotoAdd { elder, path }).await?;
        drop(spinner);
        context.show(&answer, || {
            let arguments = [("hash", answer.hash.as_str().into()), ("bytes", answer.bytes.into())];
            context.text.say("photo-done", &arguments)
        })
    }
}
