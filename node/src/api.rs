//! What the node can be asked through its control socket, as types.
//!
//! `POST /v1/<method>` with a JSON body; the answer is the method's JSON, or [`ApiError`] with a
//! status of 4xx or 5xx. `docs/spec/control.md` lists the methods. Times are milliseconds since the
//! Unix epoch, UTC; ids are hexadecimal.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

pub mod alerts;
pub mod audit;
pub mod blobs;
pub mod calls;
pub mod cards;
pub mod care;
pub mod checkpoints;
pub mod contacts;
pub mod courier;
pub mod datamap;
pub mod erasure;
pub mod grants;
pub mod hand_over;
pub mod network;
pub mod officers;
pub mod payloads;
pub mod people;
pub mod plans;
pub mod reach;
pub mod recovery;
pub mod rules;
pub mod seat;
pub mod sensors;
pub mod tablets;
pub mod watch;

/// Lists the names of all methods, in the order of the specification.
pub fn names() -> impl Iterator<Item = &'static str> {
    [
        network::NAMES,
        officers::NAMES,
        care::NAMES,
        cards::NAMES,
        audit::NAMES,
        seat::NAMES,
        people::NAMES,
        recovery::NAMES,
        erasure::NAMES,
        grants::NAMES,
        checkpoints::NAMES,
        hand_over::NAMES,
        datamap::NAMES,
        courier::NAMES,
        blobs::NAMES,
        alerts::NAMES,
        watch::NAMES,
        calls::NAMES,
        tablets::NAMES,
        contacts::NAMES,
        plans::NAMES,
        sensors::NAMES,
        rules::NAMES,
        payloads::NAMES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// A method of the control interface: its name, what it takes and what it answers.
pub trait Method: Serialize + serde::de::DeserializeOwned + Send + 'static {
    /// The name in the path, such as `elder.show`.
    const NAME: &'static str;
    /// The answer.
    type Answer: Serialize + serde::de::DeserializeOwned + Send + 'static;
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:literal $request:ty => $answer:ty;)*) => {
        $(impl $crate::api::Method for $request {
            const NAME: &'static str = $name;
            type Answer = $answer;
        })*
        /// The names of this module's methods.
        pub const NAMES: &[&str] = &[$($name),*];
    };
}
pub(crate) use methods;

/// The English of what the node refuses, from the files that people read it from.
const ENGLISH: &str = include_str!("../../cli/locales/en/refusals.ftl");

/// What went wrong, for a program (`code`) and for a person (`detail`, which is translated).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// A stable code, such as `not-found`; the key of its translations.
    pub code: Code,
    /// What happened, what it means and what to do, in English: for programs and logs.
    pub message: String,
    /// The same for people: which message says it in their language.
    pub detail: Detail,
}

/// A translated message and what it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The key of the message, such as `error-register-missing-columns`.
    pub key: String,
    /// Its named arguments.
    pub arguments: std::collections::BTreeMap<String, String>,
}

impl Detail {
    /// Names a message and its arguments.
    #[must_use]
    pub fn new(key: &str, arguments: &[(&str, String)]) -> Self {
        let owned = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        Self { key: key.to_owned(), arguments: arguments.iter().map(owned).collect() }
    }
}

/// The kinds of errors, each with the HTTP status and the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request cannot be read.
    BadRequest,
    /// A value breaks a rule, such as a national id with a wrong check digit.
    Invalid,
    /// Nothing has this id or name.
    NotFound,
    /// The certificates do not allow this party or person to do it.
    Forbidden,
    /// The passphrase or PIN is wrong.
    WrongSecret,
    /// It is already so, or somebody else did it first.
    Conflict,
    /// It has to wait for something that is said in the message; it is stored.
    Waits,
    /// The store has no room.
    Full,
    /// The node has no community yet.
    NoCommunity,
    /// The token is missing or wrong.
    Unauthorized,
    /// Something is wrong with the node itself.
    Internal,
}

impl Code {
    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::Invalid => 400,
            Self::Unauthorized | Self::WrongSecret => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::NoCommunity => 409,
            Self::Waits => 202,
            Self::Full => 507,
            Self::Internal => 500,
        }
    }

    /// Returns the exit code of the command line.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::BadRequest | Self::Invalid => 2,
            Self::NotFound => 3,
            Self::Forbidden | Self::WrongSecret | Self::Unauthorized => 4,
            Self::Conflict | Self::NoCommunity => 5,
            Self::Waits => 6,
            Self::Full => 7,
            Self::Internal => 1,
        }
    }
}

impl ApiError {
    /// Refuses with a message of `refusals.ftl`, by its key, which begins with `error-`.
    #[must_use]
    pub fn new(code: Code, key: &'static str) -> Self {
        let english = ENGLISH.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        Self { code, message: english.unwrap_or(key).to_owned(), detail: Detail::new(key, &[]) }
    }

    /// Says that something is wrong with the node itself: people are told to look at its log.
    pub fn internal(cause: impl Display) -> Self {
        let detail = Detail::new("error-internal", &[]);
        Self { code: Code::Internal, message: cause.to_string(), detail }
    }

    /// Says what stands at `{ $name }` in the message.
    #[must_use]
    pub fn with(self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        Self { message: self.message.replace(&placed(name), &value), ..self }.told(name, value)
    }

    /// Says who stands at `{ $name }`, to people only: the English that is logged leaves it out.
    #[must_use]
    pub fn with_private(self, name: &str, who: impl Into<String>) -> Self {
        Self { message: self.message.replace(&placed(name), "…"), ..self }.told(name, who.into())
    }

    /// Adds the cause, for programs and logs.
    #[must_use]
    pub fn because(self, cause: impl Display) -> Self {
        Self { message: format!("{} ({cause})", self.message), ..self }
    }

    fn told(mut self, name: &str, value: String) -> Self {
        self.detail.arguments.insert(name.to_owned(), value);
        self
    }
}

/// How a message names its argument.
fn placed(name: &str) -> String {
    format!("{{ ${name} }}")
}

/// Who acts: a person of this party, proved by the PIN or by the seat they have taken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// The person's id or name; not looked at with a seat.
    #[serde(default)]
    pub person: String,
    /// The PIN; not looked at with a seat.
    #[serde(default)]
    pub pin: String,
    /// What stands for both at a shared desk: the answer of `seat.take`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
}

impl std::fmt::Debug for Acting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acting(…)")
    }
}

/// A method by which a person reads: the same method, and who it is. Without `acting` the audit says
/// that somebody at the node read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reading<M> {
    /// What is asked for.
    #[serde(flatten)]
    pub what: M,
    /// Who reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<Acting>,
}

impl<M: Method> Method for Reading<M> {
    const NAME: &'static str = M::NAME;
    type Answer = M::Answer;
}

/// Nothing to say beyond "done".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {}
