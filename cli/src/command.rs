//! The command line as a whole: what stands before the verb, and how it is read.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser};

use crate::{failure::Exit, text::Text, verb::Verb};

/// Care that goes on when the network does not.
#[derive(Debug, Parser)]
#[command(name = "linli", version, propagate_version = true, infer_subcommands = false)]
pub(crate) struct Cli {
    /// The data directory [default: $XDG_DATA_HOME/linli]
    #[arg(long, global = true, env = "LINLI_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The language of messages [default: from LANG]
    #[arg(long, global = true, env = "LINLI_LANG", value_parser = ["zh", "en"])]
    pub(crate) lang: Option<String>,
    /// Who acts: a person's id or name; the PIN is asked for, or taken from LINLI_PIN
    #[arg(long = "as", global = true, env = "LINLI_AS", value_name = "PERSON")]
    pub(crate) person: Option<String>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Returns the language that was asked for on the command line, right or wrong as the rest may be.
pub(crate) fn asked_language() -> Option<String> {
    asked_language_in(std::env::args_os().collect())
}

fn asked_language_in(arguments: Vec<OsString>) -> Option<String> {
    let lenient = Cli::command()
        .ignore_errors(true)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true);
    let matches = lenient.try_get_matches_from(arguments).ok()?;
    matches.try_get_one::<String>("lang").ok().flatten().cloned()
}

/// Reads the command line, with the help in the language of `text`.
pub(crate) fn parse(text: &Text) -> Result<Cli, clap::Error> {
    parse_from(text, std::env::args_os().collect())
}

fn parse_from(text: &Text, arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let matches = translated(text).try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// Shows what clap has to say: help and version on standard output, mistakes on standard error.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    // Where standard error is closed, the exit code is all that can be said.
    let _ = error.print();
    match error.use_stderr() {
        true => Exit::USAGE.into(),
        false => Exit::DONE.into(),
    }
}

/// Returns the command with what each verb is for in the language of `text`.
pub(crate) fn translated(text: &Text) -> Command {
    translate(Cli::command(), "about", text)
}

fn translate(command: Command, key: &str, text: &Text) -> Command {
    let about = text.find(key);
    let key = key.to_owned();
    let command = command.mut_subcommands(|verb| {
        let key = format!("{key}-{}", verb.get_name());
        translate(verb, &key, text)
    });
    match about {
        Some(about) => command.about(about),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    fn keys(command: &Command, key: &str, found: &mut Vec<String>) {
        found.push(key.to_owned());
        for verb in command.get_subcommands() {
            keys(verb, &format!("{key}-{}", verb.get_name()), found);
        }
    }

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_says_what_it_is_for_in_both_languages() {
        let mut found = Vec::new();
        keys(&Cli::command(), "about", &mut found);
        assert!(found.len() > 50, "{found:?}");
        for language in [Language::Zh, Language::En] {
            let text = Text::of(language);
            let missing: Vec<_> = found.iter().filter(|key| text.find(key).is_none()).collect();
            assert!(missing.is_empty(), "{language:?}: {missing:?}");
        }
    }

    #[test]
    fn the_language_is_found_wherever_it_stands() {
        let found = |words: &str| asked_language_in(words.split(' ').map(OsString::from).collect());
        for words in [
            "linli --lang zh",
            "linli --lang=zh --help",
            "linli --as li --lang zh alert ack a1",
            "linli alert ack a1 --lang zh --json",
            "linli order --lang zh --help",
            "linli --lang zh help order",
            "linli --lang zh fly away",
        ] {
            assert_eq!(found(words).as_deref(), Some("zh"), "{words}");
        }
        assert_eq!(found("linli status"), None);
    }

    #[test]
    fn verbs_are_told_apart() {
        let text = Text::of(Language::En);
        let parse = |words: &str| parse_from(&text, words.split(' ').map(OsString::from).collect());
        let cli = parse("linli status --data d --json --as wang").unwrap();
        assert!(cli.json && cli.person.as_deref() == Some("wang"));
        for wrong in
            ["linli", "linli fly", "linli status --lang fr", "linli elder", "linli order accept"]
        {
            assert!(parse(wrong).unwrap_err().use_stderr(), "{wrong}");
        }
        let cli = parse("linli order callback 7 --rating 6");
        assert!(cli.is_err(), "a rating over 5");
    }
}
