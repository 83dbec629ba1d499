//! Asks the person at the terminal: secrets, and yes or no.

use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::Path,
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
    /// The message that asks for it.
    pub(crate) question: fn(&Text) -> String,
    /// The fewest characters of a new one.
    pub(crate) least: usize,
}

/// What opens the node's keys.
pub(crate) const PASSPHRASE: Wanted = Wanted {
    variable: "LINLI_PASSPHRASE",
    question: |text| text.say("ask-passphrase", &[]),
    least: 8,
};

/// What opens the officers' key files.
pub(crate) const OFFICER_PASSPHRASE: Wanted = Wanted {
    variable: "LINLI_OFFICER_PASSPHRASE",
    question: |text| text.say("ask-officer-passphrase", &[]),
    least: 8,
};

/// What a person acts with.
pub(crate) const PIN: Wanted =
    Wanted { variable: "LINLI_PIN", question: |text| text.say("ask-pin", &[]), least: 4 };

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
        let Some(path) = file else {
            let variable = context.environment.text(self.variable)?;
            return Ok(variable.map(|value| Zeroizing::new(value.to_owned())));
        };
        let failed = |source| CliError::File { path: path.to_owned(), source };
        let mut text = Zeroizing::new(String::new());
        let file = fs::File::open(path).map_err(failed)?;
        file.take(MAX_SECRET_BYTES).read_to_string(&mut text).map_err(failed)?;
        let line = text.lines().next().unwrap_or_default();
        Ok(Some(Zeroizing::new(line.to_owned())))
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
