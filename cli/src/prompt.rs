//! Asks the person at the terminal: secrets, and yes or no.

use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::{Path, PathBuf, absolute},
    process::{Command, Stdio},
};

use console::Term;
use zeroize::Zeroizing;

use crate::{context::Context, failure::CliError, text::Text};

/// The largest file a passphrase is read from, in bytes.
const MAX_SECRET_BYTES: u64 = 4_096;

/// A passphrase or PIN; wiped when it is dropped.
pub(crate) type Secret = Zeroizing<String>;

/// A secret that is asked for: where else it may come from, and what a new one must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The variable it may come from.
    pub(crate) variable: &'static str,
    /// The systemd credential it may come from; what may be one may lie in the keyring, too.
    pub(crate) credential: Option<&'static str>,
    /// The message that asks for it.
    pub(crate) question: fn(&Text) -> String,
    /// The fewest characters of a new one.
    pub(crate) least: usize,
}

/// What opens the node's keys.
pub(crate) const PASSPHRASE: Wanted = Wanted {
    variable: "LINLI_PASSPHRASE",
    credential: Some("linli-passphrase"),
    question: |text| text.say("ask-passphrase", &[]),
    least: 8,
};

/// What is to open the node's keys from now on.
pub(crate) const NEW_PASSPHRASE: Wanted = Wanted {
    variable: "LINLI_NEW_PASSPHRASE",
    credential: None,
    question: |text| text.say("ask-new-passphrase", &[]),
    least: PASSPHRASE.least,
};

/// What opens the officers' key files.
pub(crate) const OFFICER_PASSPHRASE: Wanted = Wanted {
    variable: "LINLI_OFFICER_PASSPHRASE",
    credential: None,
    question: |text| text.say("ask-officer-passphrase", &[]),
    least: 8,
};

/// The same where it is one officer's, about one key.
pub(crate) const OWN_KEY_PASSPHRASE: Wanted =
    Wanted { question: |text| text.say("ask-own-key-passphrase", &[]), ..OFFICER_PASSPHRASE };

/// What a person acts with.
pub(crate) const PIN: Wanted = Wanted {
    variable: "LINLI_PIN",
    credential: None,
    question: |text| text.say("ask-pin", &[]),
    least: 4,
};

/// What a person is to act with from now on.
pub(crate) const NEW_PIN: Wanted = Wanted {
    variable: "LINLI_NEW_PIN",
    credential: None,
    question: |text| text.say("ask-new-pin", &[]),
    least: PIN.least,
};

impl Wanted {
    /// Takes the secret from the file, where one is named, else from the variable, else asks.
    pub(crate) fn get(&self, context: &Context, file: Option<&Path>) -> anyhow::Result<Secret> {
        if let Some(given) = self.given(context, file)? {
            return Ok(given);
        }
        self.ask(&(self.question)(&context.text))
    }

    /// As [`Self::get`], but for a secret that begins with this: it is asked for twice.
    pub(crate) fn get_new(&self, context: &Context, file: Option<&Path>) -> anyhow::Result<Secret> {
        let secret = match self.given(context, file)? {
            Some(given) => given,
            None => {
                let first = self.ask(&(self.question)(&context.text))?;
                let second = self.ask(&context.text.say("ask-again", &[]))?;
                if first != second {
                    return Err(CliError::EntriesDiffer.into());
                }
                first
            }
        };
        match secret.chars().count() >= self.least {
            true => Ok(secret),
            false => Err(CliError::ShortSecret { least: self.least }.into()),
        }
    }

    fn given(&self, context: &Context, file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
        let path = match (file, context.environment.text(self.variable)?) {
            (Some(path), _) => path.to_owned(),
            (None, Some(value)) => return Ok(Some(Zeroizing::new(value.to_owned()))),
            (None, None) if self.credential.is_some() && asks_keyring(context)? => {
                return from_keyring(&absolute(context.data()?)?).map(Some);
            }
            (None, None) => match self.credential(context) {
                Some(path) => path,
                None => return Ok(None),
            },
        };
        let failed = |source| CliError::File { path: path.clone(), source };
        let mut text = Zeroizing::new(String::new());
        let file = fs::File::open(&path).map_err(failed)?;
        file.take(MAX_SECRET_BYTES).read_to_string(&mut text).map_err(failed)?;
        let line = text.lines().next().unwrap_or_default();
        Ok(Some(Zeroizing::new(line.to_owned())))
    }

    /// Where systemd put the credential (`systemd.exec(5)`, `LoadCredential=`), where it did.
    fn credential(&self, context: &Context) -> Option<PathBuf> {
        let path = context.environment.path("CREDENTIALS_DIRECTORY")?.join(self.credential?);
        path.exists().then_some(path)
    }

    fn ask(&self, question: &str) -> anyhow::Result<Secret> {
        let terminal = Term::stderr();
        if !console::user_attended() && !console::user_attended_stderr() {
            return Err(CliError::NoSecret { variable: self.variable }.into());
        }
        terminal.write_str(&format!("{question} "))?;
        let secret = Zeroizing::new(terminal.read_secure_line()?);
        match secret.is_empty() {
            true => Err(CliError::NoSecret { variable: self.variable }.into()),
            false => Ok(secret),
        }
    }
}

/// Whether the operator wants the passphrase taken from the desktop's keyring.
fn asks_keyring(context: &Context) -> anyhow::Result<bool> {
    match context.environment.text("LINLI_PASSPHRASE_FROM")? {
        None => Ok(false),
        Some("keyring") => Ok(true),
        Some(other) => Err(CliError::Value { value: other.to_owned(), example: "keyring" }.into()),
    }
}

/// Asks the keyring (the Secret Service of freedesktop.org) for the passphrase of a data directory,
/// through libsecret's own program: one string is not worth a D-Bus library in every node.
fn from_keyring(data: &Path) -> anyhow::Result<Secret> {
    let nothing = || CliError::Keyring { data: data.to_owned() };
    let mut lookup = Command::new("secret-tool");
    lookup.args(["lookup", "linli"]).arg(data).stdin(Stdio::null()).stderr(Stdio::null());
    let output = lookup.output().map_err(|_| nothing())?;
    let bytes = Zeroizing::new(output.stdout);
    let text = std::str::from_utf8(&bytes).map_err(|_| nothing())?;
    let line = text.lines().next().filter(|line| !line.is_empty()).ok_or_else(nothing)?;
    Ok(Zeroizing::new(line.to_owned()))
}

/// Whether somebody sits at a terminal who can be asked.
pub(crate) fn somebody_is_there() -> bool {
    console::user_attended_stderr() && std::io::stdin().is_terminal()
}

/// Reads the printed form of a secret key: from the terminal, where it shows as it is typed, else from
/// standard input.
pub(crate) fn printed_key(context: &Context) -> anyhow::Result<Secret> {
    if somebody_is_there() {
        let terminal = Term::stderr();
        terminal.write_str(&format!("{} ", context.text.say("ask-printed-key", &[])))?;
        return Ok(Zeroizing::new(terminal.read_line()?));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Asks a question that is answered with yes or no; anything but yes is no.
pub(crate) fn agrees(question: &str) -> anyhow::Result<bool> {
    let terminal = Term::stderr();
    if !console::user_attended_stderr() {
        return Err(CliError::NobodyToAsk.into());
    }
    terminal.write_str(&format!("{question} "))?;
    let answer = terminal.read_line()?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是" | "shi"))
}
