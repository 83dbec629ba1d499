//! The errors of the node's own start, each with its exit code.

use linli_core::identity::{KeyFileError, NotAWord};
use linli_node::{
    RunError,
    api::officers::sort_request_error,
    setup::{JoinError, SetupError},
};
use linli_relay::RelayError;
use linli_replica::request::RequestError;
use linli_store::{StoreError, keyring::KeyringError};

use crate::failure::Exit;

/// The message that says that a node has no community.
pub(super) const NO_COMMUNITY: &str = "error-no-community";

/// Why something could not be done without a running node.
#[derive(Debug, thiserror::Error)]
#[error("{cause:#}")]
pub(crate) struct LocalError {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The message that says it to people, where there is a translation; else the source speaks.
    pub(crate) key: Option<&'static str>,
    cause: anyhow::Error,
}

impl LocalError {
    fn of(exit: Exit, key: Option<&'static str>, cause: impl Into<anyhow::Error>) -> anyhow::Error {
        Self { exit, key, cause: cause.into() }.into()
    }
}

/// Sorts an error of `setup`.
pub(super) fn setup(error: SetupError) -> anyhow::Error {
    let (exit, key) = match &error {
        SetupError::Home(_) => {
            let SetupError::Home(home) = error else { return error.into() };
            return home.into();
        }
        SetupError::Keyring(KeyringError::WrongPassphrase)
        | SetupError::KeyFile(KeyFileError::WrongPassphrase) => {
            (Exit::FORBIDDEN, Some("error-wrong-secret"))
        }
        SetupError::Keyring(KeyringError::Missing) | SetupError::NotInitialised => {
            (Exit::NOT_FOUND, None)
        }
        SetupError::AlreadyInitialised(_)
        | SetupError::Keyring(KeyringError::AlreadyExists)
        | SetupError::Store(StoreError::Locked { .. } | StoreError::AlreadyExists) => {
            (Exit::CONFLICT, None)
        }
        SetupError::AlreadyMember => (Exit::CONFLICT, Some("already-member")),
        SetupError::NoCommunity => (Exit::CONFLICT, Some(NO_COMMUNITY)),
        SetupError::Store(StoreError::Full | StoreError::ReadOnly) => {
            (Exit::FULL, Some("error-full"))
        }
        SetupError::Officers { .. } => (Exit::USAGE, None),
        SetupError::Request(error) => request(error),
        SetupError::AlreadyFounding => (Exit::CONFLICT, Some("request-founding-already")),
        SetupError::NotFounding => (Exit::NOT_FOUND, Some("request-founding-none")),
        SetupError::NotOfficerKey => (Exit::USAGE, None),
        SetupError::NoPartyKey => (Exit::NOT_FOUND, Some("no-party-key")),
        SetupError::Keyring(_)
        | SetupError::Store(_)
        | SetupError::KeyFile(_)
        | SetupError::Damaged
        | SetupError::NotGenesis(_)
        | SetupError::NoRandomness => (Exit::FAILED, None),
    };
    LocalError::of(exit, key, error)
}

/// Sorts what is wrong with a request.
fn request(error: &RequestError) -> (Exit, Option<&'static str>) {
    let (code, key) = sort_request_error(error);
    (Exit(code.exit()), Some(key))
}

/// Sorts what is wrong with a key that was typed.
pub(super) fn word(error: NotAWord) -> anyhow::Error {
    let key = match error {
        NotAWord::Officer => "bad-officer-word",
        NotAWord::Printed => "bad-printed-key",
    };
    LocalError::of(Exit::USAGE, Some(key), error)
}

/// Sorts an error of `join`.
pub(super) fn join(error: JoinError) -> anyhow::Error {
    let (exit, key) = match error {
        JoinError::Setup(error) => return setup(error),
        JoinError::Config(error) => return error.into(),
        JoinError::Code(_) => (Exit::USAGE, Some("bad-code")),
        JoinError::OtherNode => (Exit::USAGE, None),
        JoinError::Pair(linli_net::PairError::NotFound) => (Exit::NOT_FOUND, Some("no-inviter")),
        JoinError::NotProved | JoinError::Refused(_) => (Exit::FORBIDDEN, None),
        JoinError::AwaitingOfficers { .. } => (Exit::WAITS, Some("join-awaits-officers")),
        JoinError::NotJoining => (Exit::NOT_FOUND, Some("join-nothing")),
        JoinError::Net(_) | JoinError::Pair(_) | JoinError::Protocol => (Exit::FAILED, None),
    };
    LocalError::of(exit, key, error)
}

/// Sorts an error of `run`.
pub(super) fn run(error: RunError) -> anyhow::Error {
    match error {
        RunError::Setup(error) => setup(error),
        RunError::Control(error) => error.into(),
        RunError::Config(error) => error.into(),
        RunError::Net(_) | RunError::Core(_) => LocalError::of(Exit::FAILED, None, error),
    }
}

/// Sorts an error of a relay.
pub(super) fn relay(error: RelayError) -> anyhow::Error {
    let (exit, key) = match error {
        RelayError::Keyring(error) => return setup(error.into()),
        RelayError::Store(error) => return setup(error.into()),
        RelayError::NotEnrolled => (Exit::CONFLICT, Some("relay-not-enrolled")),
        RelayError::NotMember(_) => (Exit::FORBIDDEN, None),
        RelayError::Listen { .. } | RelayError::Server(_) => (Exit::CONFLICT, None),
        RelayError::StatusNotLoopback(_) | RelayError::PublicUrl(_) | RelayError::Tls(_) => {
            (Exit::USAGE, None)
        }
        RelayError::File { .. } => (Exit::NOT_FOUND, None),
        RelayError::Net(_) | RelayError::Damaged | RelayError::ServerEnded => (Exit::FAILED, None),
    };
    LocalError::of(exit, key, error)
}
