//! What went wrong: the sentence a person reads, the JSON a program reads, and the exit code.

use std::{io::ErrorKind, path::PathBuf, process::ExitCode};

use linli_node::{
    api::{ApiError, Code},
    config::ConfigError,
    control::{ClientError, ControlError},
    home::HomeError,
};
use serde_json::json;

use crate::{local::LocalError, output::printable, text::Text};

/// An exit code of `linli`; `docs/operations.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// It was done.
    pub(crate) const DONE: Self = Self(0);
    /// Something is wrong with the program, the node or the machine.
    pub(crate) const FAILED: Self = Self(1);
    /// The command line, a value or the configuration cannot be used.
    pub(crate) const USAGE: Self = Self(2);
    /// Nothing has this id or name.
    pub(crate) const NOT_FOUND: Self = Self(3);
    /// Not allowed.
    pub(crate) const FORBIDDEN: Self = Self(4);
    /// It is already so.
    pub(crate) const CONFLICT: Self = Self(5);
    /// It waits for something.
    pub(crate) const WAITS: Self = Self(6);
    /// There is no room.
    pub(crate) const FULL: Self = Self(7);
    /// The node is not running.
    pub(crate) const NOT_RUNNING: Self = Self(8);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// What the command line itself finds wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// There is nobody to ask for a secret.
    #[error("no secret was given: set {variable}, or run this at a terminal")]
    NoSecret { variable: &'static str },
    /// The desktop's keyring gives nothing.
    #[error(
        "the keyring gave no passphrase: install secret-tool, unlock the keyring, and store one with `secret-tool store --label=linli linli {data}`"
    )]
    Keyring { data: PathBuf },
    /// The two entries of a new secret differ.
    #[error("the two entries are not the same: start again")]
    EntriesDiffer,
    /// A secret that is too short or empty.
    #[error("the secret is too short: use at least {least} characters")]
    ShortSecret { least: usize },
    /// There is nobody to ask yes or no.
    #[error("nobody can be asked here: pass --yes, or run this at a terminal")]
    NobodyToAsk,
    /// A value on the command line that cannot be used.
    #[error("`{value}` cannot be used: write {example}")]
    Value { value: String, example: &'static str },
    /// A file named on the command line.
    #[error("cannot read {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A file that was to be written.
    #[error("cannot write {path}")]
    Unwritten {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// What is shown on a whole screen has none.
    #[error("the duty desk needs a terminal: run `linli desk` in one")]
    NoTerminal,
    /// The officer said no.
    #[error("nothing was signed")]
    NotSigned,
    /// The officer at the terminal gave no share.
    #[error("no share was given")]
    NotGiven,
    /// What was typed back is not the key that was printed.
    #[error(
        "this is not the key that was shown, and the key file is good: compare the paper with `linli keys officer check -`, or make another key with `linli keys officer new`, into another file"
    )]
    PrintedDiffers,
    /// A secret key where other users of the machine can see it.
    #[error(
        "a secret key does not belong on the command line, where others can see it: give - and type it"
    )]
    SecretOnCommandLine,
    /// Something was written down and counts for nothing.
    #[error("{why}")]
    NoEffect { why: String },
    /// A community waits here for its officers.
    #[error(
        "the community waits for its officers: {signed} of {needed} have signed; bring the signed files with `linli community finish FILE`"
    )]
    Founding { signed: u64, needed: u64 },
    /// A program works in the data directory and answers nothing: it waits, or begins.
    #[error(
        "a program works in this data directory and does not answer yet: `linli up` waits for the officers to sign, or has just begun"
    )]
    Silent,
    /// An invitation that came to nothing.
    #[error("the invitation failed: {reason}")]
    InvitationFailed { reason: ApiError },
    /// The person at the terminal said that the numbers differ.
    #[error("the numbers differ: the invitation was refused")]
    NumbersDiffer,
    /// The configuration names no device address.
    #[error(
        "this node has no device address: set api = \"127.0.0.1:4480\" in linli.toml and start it again"
    )]
    NoDeviceAddress,
    /// Nothing answers at the device address.
    #[error("nothing answers at the device address {api}: start the node with `linli up`")]
    DeviceSilent { api: std::net::SocketAddr },
    /// No relay runs in the data directory.
    #[error("no relay runs in this data directory: start it with `linli relay up`")]
    RelayNotRunning,
    /// The node was told to stop and works on.
    #[error("the node has not stopped after {seconds} s: look at its log")]
    StillRunning { seconds: u64 },
}

/// Returns the exit code of an error.
pub(crate) fn exit(error: &anyhow::Error) -> Exit {
    if let Some(refused) = refused(error) {
        return Exit(refused.code.exit());
    }
    if let Some(ClientError::NotRunning { .. }) = error.downcast_ref() {
        return Exit::NOT_RUNNING;
    }
    if let Some(home) = home_error(error) {
        return match home {
            HomeError::NoPlace => Exit::USAGE,
            HomeError::Missing { .. } => Exit::NOT_FOUND,
            HomeError::Exists { .. } | HomeError::NotOurs { .. } | HomeError::InUse { .. } => {
                Exit::CONFLICT
            }
            HomeError::OtherOwner { .. } | HomeError::Open { .. } | HomeError::Denied { .. } => {
                Exit::FORBIDDEN
            }
            HomeError::ReadOnly { .. } | HomeError::Full { .. } => Exit::FULL,
            HomeError::Io { .. } => Exit::FAILED,
        };
    }
    if error.is::<ConfigError>() {
        return Exit::USAGE;
    }
    if let Some(local) = error.downcast_ref::<LocalError>() {
        return local.exit;
    }
    if let Some(ControlError::AddressInUse { .. }) = error.downcast_ref() {
        return Exit::CONFLICT;
    }
    match error.downcast_ref::<CliError>() {
        None | Some(CliError::StillRunning { .. }) => Exit::FAILED,
        Some(CliError::DeviceSilent { .. } | CliError::Silent | CliError::RelayNotRunning) => {
            Exit::NOT_RUNNING
        }
        Some(
            CliError::InvitationFailed { .. }
            | CliError::NoEffect { .. }
            | CliError::Founding { .. },
        ) => Exit::CONFLICT,
        Some(CliError::NumbersDiffer | CliError::NotGiven) => Exit::FORBIDDEN,
        Some(CliError::File { .. }) => Exit::NOT_FOUND,
        Some(CliError::NotSigned) => Exit::FORBIDDEN,
        Some(CliError::Unwritten { source, .. }) => unwritten(source.kind()),
        Some(_) => Exit::USAGE,
    }
}

/// Why a file cannot be written: it is there, its folder is not, it is not allowed, or there is no room.
fn unwritten(kind: ErrorKind) -> Exit {
    let reasons = [
        (ErrorKind::AlreadyExists, Exit::CONFLICT),
        (ErrorKind::NotFound, Exit::NOT_FOUND),
        (ErrorKind::PermissionDenied, Exit::FORBIDDEN),
    ];
    reasons.iter().find(|(of, _)| *of == kind).map_or(Exit::FULL, |(_, exit)| *exit)
}

/// Returns what is written to standard error.
pub(crate) fn shown(error: &anyhow::Error, text: &Text, json: bool) -> String {
    match json {
        true => json!({ "code": code(error), "message": chain(error) }).to_string(),
        false => text.say("failed", &[("what", explained(error, text).into())]),
    }
}

/// The code for programs: that of the node, or `not-running`, or the kind of the exit code.
fn code(error: &anyhow::Error) -> serde_json::Value {
    if let Some(refused) = refused(error) {
        return json!(refused.code);
    }
    json!(match exit(error) {
        Exit::USAGE => "invalid",
        Exit::NOT_FOUND => "not-found",
        Exit::FORBIDDEN => "forbidden",
        Exit::CONFLICT => "conflict",
        Exit::WAITS => "waits",
        Exit::FULL => "full",
        Exit::NOT_RUNNING => "not-running",
        _ => "internal",
    })
}

fn refused(error: &anyhow::Error) -> Option<&ApiError> {
    match error.downcast_ref() {
        Some(ClientError::Refused(refused)) => Some(refused),
        _ => error.downcast_ref(),
    }
}

fn home_error(error: &anyhow::Error) -> Option<&HomeError> {
    match error.downcast_ref() {
        Some(ControlError::Home(home)) => Some(home),
        _ => error.downcast_ref(),
    }
}

/// The error and its causes in English, for programs and where there is no translation.
fn chain(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

/// The error as a person reads it: a title for its code, then what the node says in detail.
pub(crate) fn explained(error: &anyhow::Error, text: &Text) -> String {
    if let Some(refused) = refused(error) {
        let title = format!("error-{}", code_name(refused.code));
        let said = text.say_key(&title, &[]);
        if refused.detail.key == title {
            return said;
        }
        return format!("{said}\n{}", detailed(refused, text));
    }
    if let Some(client) = error.downcast_ref() {
        return client_explained(client, text);
    }
    if let Some(home) = home_error(error) {
        return home_explained(home, text);
    }
    if let Some(config) = error.downcast_ref() {
        return config_explained(config, text);
    }
    if let Some(LocalError { key: Some(key), .. }) = error.downcast_ref() {
        return text.say_key(key, &[]);
    }
    match error.downcast_ref() {
        Some(own) => own_explained(own, text),
        None => chain(error),
    }
}

/// What the node says in detail of what stands against a request.
pub(crate) fn conflict(error: &anyhow::Error, text: &Text) -> Option<String> {
    let refused = refused(error).filter(|refused| refused.code == Code::Conflict)?;
    Some(detailed(refused, text))
}

/// What the node says in detail; a later node may know messages that this program does not.
pub(crate) fn detailed(refused: &ApiError, text: &Text) -> String {
    let ApiError { message, detail, .. } = refused;
    if text.find(&detail.key).is_none() {
        return printable(message);
    }
    let argument = |(name, value): (&String, &String)| (name.clone(), printable(value));
    let arguments: Vec<(String, String)> = detail.arguments.iter().map(argument).collect();
    let arguments: Vec<_> =
        arguments.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect();
    text.say_key(&detail.key, &arguments)
}

fn client_explained(error: &ClientError, text: &Text) -> String {
    match error {
        ClientError::NotRunning { .. } => text.say("not-running", &[]),
        ClientError::Unreachable { socket, .. } => {
            text.say("node-unreachable", &[("path", socket.display().to_string().into())])
        }
        ClientError::BrokenOff(_) => text.say("node-broke-off", &[]),
        ClientError::TooLarge => text.say("answer-too-large", &[]),
        ClientError::Answer(_) => text.say("answer-unreadable", &[]),
        ClientError::Request(_) => text.say("request-unwritable", &[]),
        ClientError::Refused(refused) => detailed(refused, text),
    }
}

/// The name of a code in JSON, which is also the key of its translations.
pub(crate) fn code_name(code: Code) -> String {
    json!(code).as_str().map(str::to_owned).unwrap_or_default()
}

fn home_explained(error: &HomeError, text: &Text) -> String {
    let of =
        |key, path: &PathBuf| text.say_key(key, &[("path", path.display().to_string().into())]);
    match error {
        HomeError::NoPlace => text.say("home-no-place", &[]),
        HomeError::Missing { path } => of("home-missing", path),
        HomeError::Exists { path } => of("home-exists", path),
        HomeError::NotOurs { path } => of("home-not-ours", path),
        HomeError::OtherOwner { path, .. } => of("home-other-owner", path),
        HomeError::Open { path, .. } => of("home-open", path),
        HomeError::InUse { path } => of("home-in-use", path),
        HomeError::ReadOnly { path } => of("home-read-only", path),
        HomeError::Full { path } => of("home-full", path),
        HomeError::Denied { path } => of("home-denied", path),
        HomeError::Io { path, source } => format!("{}: {source}", of("home-io", path)),
    }
}

fn config_explained(error: &ConfigError, text: &Text) -> String {
    match error {
        ConfigError::Syntax { file, line, what } => {
            let line = u64::try_from(*line).unwrap_or(u64::MAX);
            let file = file.display().to_string();
            let arguments =
                [("file", file.into()), ("line", line.into()), ("what", what.as_str().into())];
            text.say("config-syntax", &arguments)
        }
        ConfigError::Value { origin, what } => {
            let arguments = [("origin", origin.as_str().into()), ("what", what.as_str().into())];
            text.say("config-value", &arguments)
        }
        ConfigError::TooLarge { file, max } => {
            let file = file.display().to_string();
            text.say("config-too-large", &[("file", file.into()), ("max", (*max).into())])
        }
        ConfigError::Unreadable { file, source } => {
            let said =
                text.say("config-unreadable", &[("file", file.display().to_string().into())]);
            format!("{said}: {source}")
        }
    }
}

fn own_explained(error: &CliError, text: &Text) -> String {
    match error {
        CliError::NoSecret { variable } => {
            text.say("no-secret", &[("variable", (*variable).into())])
        }
        CliError::Keyring { data } => {
            text.say("no-keyring", &[("path", data.display().to_string().into())])
        }
        CliError::EntriesDiffer => text.say("entries-differ", &[]),
        CliError::ShortSecret { least } => text.say("short-secret", &[("least", (*least).into())]),
        CliError::NobodyToAsk => text.say("nobody-to-ask", &[]),
        CliError::Value { value, example } => {
            let arguments = [("value", value.as_str().into()), ("example", (*example).into())];
            text.say("bad-value", &arguments)
        }
        CliError::File { path, source } => {
            let said = text.say("bad-file", &[("path", path.display().to_string().into())]);
            format!("{said}: {source}")
        }
        CliError::Unwritten { path, source } => {
            let said = text.say("unwritten-file", &[("path", path.display().to_string().into())]);
            format!("{said}: {source}")
        }
        CliError::NoTerminal => text.say("desk-no-terminal", &[]),
        CliError::NotSigned => text.say("not-signed", &[]),
        CliError::NotGiven => text.say("not-given", &[]),
        CliError::PrintedDiffers => text.say("officer-printed-wrong", &[]),
        CliError::NoEffect { why } => why.clone(),
        CliError::Founding { signed, needed } => {
            let arguments = [("signed", (*signed).into()), ("needed", (*needed).into())];
            text.say("community-waits-here", &arguments)
        }
        CliError::Silent => text.say("node-silent", &[]),
        CliError::RelayNotRunning => text.say("relay-not-running", &[]),
        CliError::SecretOnCommandLine => text.say("secret-on-command-line", &[]),
        CliError::InvitationFailed { reason } => {
            text.say("invitation-failed", &[("reason", detailed(reason, text).into())])
        }
        CliError::DeviceSilent { api } => {
            text.say("device-silent", &[("api", api.to_string().into())])
        }
        CliError::NoDeviceAddress => text.say("no-device-address", &[]),
        CliError::NumbersDiffer => text.say("numbers-differ", &[]),
        CliError::StillRunning { seconds } => {
            text.say("still-running", &[("seconds", (*seconds).into())])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::text::Language;

    const CODES: [Code; 11] = [
        Code::BadRequest,
        Code::Invalid,
        Code::NotFound,
        Code::Forbidden,
        Code::WrongSecret,
        Code::Conflict,
        Code::Waits,
        Code::Full,
        Code::NoCommunity,
        Code::Unauthorized,
        Code::Internal,
    ];

    #[test]
    fn every_code_of_the_node_is_translated_and_keeps_its_exit_code() {
        for language in [Language::Zh, Language::En] {
            let text = Text::of(language);
            for code in CODES {
                let refused = ApiError::new(code, "error-of-a-later-node");
                let error = anyhow::Error::new(ClientError::from(refused));
                assert_eq!(exit(&error), Exit(code.exit()));
                assert!(text.find(&format!("error-{}", code_name(code))).is_some(), "{code:?}");
                assert!(shown(&error, &text, false).ends_with("error-of-a-later-node"));
            }
        }
    }

    #[test]
    fn json_carries_the_code_and_the_message() {
        let text = Text::of(Language::Zh);
        let refused =
            ApiError::new(Code::Conflict, "error-alert-taken").with_private("who", "王芳");
        let error = anyhow::Error::new(refused.because("so it is"));
        let said: serde_json::Value = serde_json::from_str(&shown(&error, &text, true)).unwrap();
        let message = "… has it already: take it over to answer it yourself (so it is)";
        assert_eq!(said, json!({ "code": "conflict", "message": message }));
        assert!(shown(&error, &text, false).ends_with("已由 王芳 负责：要自己处理请接手"));
        let full = anyhow::Error::new(HomeError::Full { path: "/x".into() });
        assert_eq!(code(&full), "full");
    }

    #[test]
    fn a_directory_in_use_is_a_conflict_whoever_finds_it() {
        let home = || HomeError::InUse { path: Path::new("/x").to_owned() };
        for error in [anyhow::Error::new(home()), ControlError::from(home()).into()] {
            assert_eq!(exit(&error), Exit::CONFLICT);
            assert!(shown(&error, &Text::of(Language::En), false).contains("/x"));
        }
    }
}
