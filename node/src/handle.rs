//! The methods of the control interface: each reads its request, acts on the node, and answers once
//! what it wrote is durable.

use std::collections::BTreeSet;

use linli_core::engine::{CoreError, EditError};
use linli_replica::replica::Save;
use serde_json::Value;

use crate::api::{ApiError, Code, Method};
use crate::node::Node;

pub(crate) mod alerts;
pub(crate) mod elders;
mod erasures;
pub(crate) mod facts;
mod import;
mod joins;
mod network;
mod offers;
pub(crate) mod orders;
mod people;
pub(crate) mod photo;
mod readings;
pub(crate) mod spaces;

/// What a method leads to.
pub(crate) enum Reply {
    /// An answer, once the saves are durable.
    Answer {
        answer: Value,
        saves: BTreeSet<Save>,
        /// Whether it must not wait for the disk longer than a second.
        urgent: bool,
    },
    /// Long work, done a little at a time.
    Work(Box<dyn Work>),
}

/// Work that takes longer than the driver may.
pub(crate) trait Work: Send {
    /// Does a little; none until the work is done.
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>>;
}

type Outcome<T> = Result<(T, BTreeSet<Save>), ApiError>;

/// Does one method.
pub(crate) fn handle(node: &mut Node, method: &str, body: Value) -> Result<Reply, ApiError> {
    match method {
        "status" => answer(node, body, network::status),
        "documents" => answer(node, body, network::documents),
        "invite" => answer(node, body, crate::invitation::begin),
        "invite.state" => answer(node, body, crate::invitation::state),
        "invite.confirm" => answer(node, body, crate::invitation::confirm),
        "person.add" => answer(node, body, people::add),
        "person.list" => answer(node, body, people::list),
        "party.list" => answer(node, body, network::parties),
        "leave" => answer(node, body, network::leave),
        "backup" => answer(node, body, network::backup),
        "stop" => answer(node, body, network::stop),
        "elder.add" => answer(node, body, elders::add),
        "elder.show" => answer(node, body, elders::show),
        "elder.edit" => answer(node, body, elders::edit),
        "elder.list" => answer(node, body, elders::list),
        "elder.import" => import::begin(node, read(body)?).map(Reply::Work),
        "elder.grant" => answer(node, body, elders::grant),
        "erasure.order" => answer(node, body, erasures::order),
        "erasure.list" => answer(node, body, erasures::list),
        "join.list" => answer(node, body, joins::list),
        "join.decide" => answer(node, body, joins::decide),
        "reading.add" => urgent(node, body, readings::add),
        "photo.add" => photo::begin(node, read(body)?).map(Reply::Work),
        "offer.sign" => answer(node, body, offers::sign),
        "offer.list" => answer(node, body, offers::list),
        "order.new" => answer(node, body, orders::new),
        "order.list" => answer(node, body, orders::list),
        "order.show" => answer(node, body, orders::show),
        "order.act" => answer(node, body, orders::act),
        "alert.raise" => urgent(node, body, alerts::raise),
        "alert.list" => answer(node, body, alerts::list),
        "alert.show" => answer(node, body, alerts::show),
        "alert.act" => answer(node, body, alerts::act),
        _ => {
            Err(ApiError::new(Code::NotFound, "there is no such method; see docs/spec/control.md"))
        }
    }
}

fn read<M: Method>(body: Value) -> Result<M, ApiError> {
    serde_json::from_value(body).map_err(|error| {
        ApiError::new(Code::BadRequest, format!("the request cannot be read: {error}"))
    })
}

fn answer<M: Method>(
    node: &mut Node,
    body: Value,
    act: impl FnOnce(&mut Node, M) -> Outcome<M::Answer>,
) -> Result<Reply, ApiError> {
    let (answer, saves) = act(node, read(body)?)?;
    Ok(Reply::Answer { answer: json(&answer)?, saves, urgent: false })
}

fn urgent<M: Method>(
    node: &mut Node,
    body: Value,
    act: impl FnOnce(&mut Node, M) -> Outcome<M::Answer>,
) -> Result<Reply, ApiError> {
    let (answer, saves) = act(node, read(body)?)?;
    Ok(Reply::Answer { answer: json(&answer)?, saves, urgent: true })
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(|error| ApiError::new(Code::Internal, error.to_string()))
}

/// An answer that waits for nothing.
pub(crate) fn now_known<T>(answer: T) -> Outcome<T> {
    Ok((answer, BTreeSet::new()))
}

impl From<CoreError> for ApiError {
    fn from(error: CoreError) -> Self {
        let code = match &error {
            CoreError::NoSuchSpace | CoreError::UnknownParty => Code::NotFound,
            CoreError::Forbidden(_) | CoreError::NodeEnded => Code::Forbidden,
            CoreError::NoKey => Code::Waits,
            CoreError::ForkedLog => Code::Conflict,
            CoreError::Seal(_) => Code::Invalid,
            CoreError::Erased => Code::NotFound,
            CoreError::NoCarrierKey(_) => Code::Forbidden,
            CoreError::Held(_)
            | CoreError::Record(_)
            | CoreError::Page(_)
            | CoreError::Certificate(_)
            | CoreError::Epoch(_)
            | CoreError::Person(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl<E: std::error::Error> From<EditError<E>> for ApiError {
    fn from(error: EditError<E>) -> Self {
        match error {
            EditError::Core(error) => error.into(),
            EditError::Rules(error) => Self::new(Code::Invalid, error.to_string()),
        }
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::Invalid, message)
}

pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::NotFound, message)
}

/// Lets a party that has just joined into what is for everybody of its kind.
pub(crate) fn welcome(node: &mut Node) {
    offers::let_in(node);
    spaces::let_in(node);
}
