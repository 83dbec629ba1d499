use std::path::PathBuf;

use crate::{
    context::Context,
    failure::Exit,
    local,
    prompt::{NEW_PASSPHRASE, PASSPHRASE},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Passphrase {
    /// A file whose first line is the present passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A file whose first line is the new one [default: LINLI_NEW_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let home = context.home()?;
        let from = PASSPHRASE.get(context, self.passphrase_file.as_deref())?;
        local::check_passphrase(&home, &from).await?;
        let to = NEW_PASSPHRASE.get_new(context, self.new_passphrase_file.as_deref())?;
        let changed = local::passphrase(&home, &from, &to).await?;
        context.show(&changed, || match changed.party_key {
            true => context.text.say("passphrase-changed", &[]),
            false => context.text.say("passphrase-changed-alone", &[]),
        })
    }
}
