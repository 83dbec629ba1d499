use std::path::PathBuf;

use linli_node::home::Home;

use crate::{context::Context, failure::Exit, local, prompt::PASSPHRASE};

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The device's name, which the community sees
    #[arg(long)]
    label: String,
    /// A file whose first line is the passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Init {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let home = Home::create(&context.data()?)?;
        let passphrase = PASSPHRASE.get_new(context, self.passphrase_file.as_deref())?;
        let made = local::init(&home, self.label, &passphrase).await?;
        context.show(&made, || {
            let path = home.path().display().to_string();
            let node = made.node.as_str();
            context.text.say("init-done", &[("path", path.into()), ("node", node.into())])
        })
    }
}
