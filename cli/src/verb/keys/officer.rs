use std::path::PathBuf;

use clap::Subcommand;
use linli_core::identity::is_printed;
use serde_json::json;

use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::officers,
    output::{self, Spinner},
    prompt::{self, OWN_KEY_PASSPHRASE},
};

/// How often the printed key may be typed back: a slip of one letter spoils no paper.
const ATTEMPTS: u32 = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Officer {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    New(New),
    Check(Check),
    Restore(Restore),
}

#[derive(Debug, clap::Args)]
struct New {
    /// The key file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Show the secret key once, to be printed and locked away, and ask to type it back
    #[arg(long)]
    print: bool,
    /// A file whose first line is the new passphrase [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// A key file, a public key (linlioff1…), or - to read a printed secret key
    what: String,
    /// A file whose first line opens the key file [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Restore {
    /// The key file to write; it must not exist. The printed secret key is asked for, or read from
    /// standard input
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A file whose first line is the new passphrase [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl Officer {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::New(new) => new.run(context),
            Act::Check(check) => check.run(context),
            Act::Restore(restore) => restore.run(context),
        }
    }
}

impl New {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let secret =
            OWN_KEY_PASSPHRASE.get_new(context, self.officer_passphrase_file.as_deref())?;
        let spinner = Spinner::start(context, context.text.say("officer-key-making", &[]));
        let key = officers::new_key(&self.out, None, &secret)?;
        drop(spinner);
        let (word, file) = (officers::word(&key), self.out.display().to_string());
        if !self.print {
            let answer = json!({ "officer": word, "file": file });
            return context.show(&answer, || said(context, "officer-key-made", &word, &file));
        }
        let printed = officers::printed(&key);
        let answer = json!({ "officer": word, "file": file, "printed": printed.as_str() });
        context.show(&answer, || {
            let made = said(context, "officer-key-made", &word, &file);
            let picture = output::qr(&printed.replace('-', "").to_uppercase()).unwrap_or_default();
            let paper =
                context.text.say("officer-printed", &[("printed", printed.as_str().into())]);
            format!("{made}\n\n{picture}\n{paper}")
        })?;
        if context.json || !prompt::somebody_is_there() {
            return Ok(Exit::DONE);
        }
        for left in (0..ATTEMPTS).rev() {
            let typed = prompt::printed_key(context)?;
            if officers::of_printed(&typed).is_ok_and(|typed| officers::word(&typed) == word) {
                return context.show(&answer, || context.text.say("officer-printed-right", &[]));
            }
            if left > 0 {
                output::complain(&context.text.say("officer-printed-again", &[]));
            }
        }
        Err(CliError::PrintedDiffers.into())
    }
}

impl Check {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        if is_printed(&self.what) {
            return Err(CliError::SecretOnCommandLine.into());
        }
        let (what, word) = if self.what == "-" {
            let typed = prompt::printed_key(context)?;
            ("printed", officers::word(&officers::of_printed(&typed)?))
        } else if self.what.to_lowercase().starts_with("linlioff1") {
            ("public", officers::checked_word(&self.what)?)
        } else {
            let sealed = officers::read_key(self.what.as_ref())?;
            let secret =
                OWN_KEY_PASSPHRASE.get(context, self.officer_passphrase_file.as_deref())?;
            ("file", officers::word(&officers::open_key(&sealed, &secret)?))
        };
        let answer = json!({ "is": what, "officer": word });
        context.show(&answer, || {
            context.text.say("officer-key-right", &[("officer", word.as_str().into())])
        })
    }
}

impl Restore {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let printed = officers::of_printed(&prompt::printed_key(context)?)?;
        let secret =
            OWN_KEY_PASSPHRASE.get_new(context, self.officer_passphrase_file.as_deref())?;
        let spinner = Spinner::start(context, context.text.say("officer-key-making", &[]));
        let key = officers::new_key(&self.out, Some(printed), &secret)?;
        drop(spinner);
        let (word, file) = (officers::word(&key), self.out.display().to_string());
        let answer = json!({ "officer": word, "file": file });
        context.show(&answer, || said(context, "officer-key-restored", &word, &file))
    }
}

fn said(context: &Context, key: &str, word: &str, file: &str) -> String {
    context.text.say_key(key, &[("officer", word.into()), ("file", file.into())])
}
