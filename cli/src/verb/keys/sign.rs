use std::path::PathBuf;

use linli_node::api::officers::RequestState;

use super::words;
use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::officers,
    prompt::OWN_KEY_PASSPHRASE,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Sign {
    /// The request's file; the signature is added to it
    file: PathBuf,
    /// The officer's key file
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
    /// A file whose first line opens the key file [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
    /// Write the signed request here instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Sign without asking: for scripts
    #[arg(long)]
    yes: bool,
}

impl Sign {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let key = officers::read_key(&self.key)?;
        let mut request = officers::parse_request(&officers::read_request(&self.file)?)?;
        if !words::agreed(context, &request.row(), self.yes)? {
            return Err(CliError::NotSigned.into());
        }
        let secret = OWN_KEY_PASSPHRASE.get(context, self.officer_passphrase_file.as_deref())?;
        let key = officers::open_key(&key, &secret)?;
        request.sign(&key)?;
        match &self.out {
            Some(out) => officers::write_new(out, &request.encode())?,
            None => officers::replace(&self.file, &request.encode())?,
        }
        let row = request.row();
        let file = self.out.as_ref().unwrap_or(&self.file).display().to_string();
        context.show(&row, || match row.state {
            RequestState::Counts if words::founds(&row) => {
                context.text.say("request-signed-founds", &[("file", file.as_str().into())])
            }
            RequestState::Counts => {
                context.text.say("request-signed-enough", &[("file", file.as_str().into())])
            }
            RequestState::Outdated => context.text.say("error-request-old-officers", &[]),
            RequestState::Waits => {
                let arguments = [
                    ("file", file.as_str().into()),
                    ("signed", row.signed.len().into()),
                    ("needed", row.needed.into()),
                ];
                context.text.say("request-signed", &arguments)
            }
        })
    }
}
