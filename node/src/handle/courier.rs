//! Packing what others lack onto a stick, and taking in what a stick brings.

use std::collections::BTreeSet;

use linli_core::courier::Opener;
use linli_replica::courier::{CourierError, Part, Reader};
use linli_replica::directory::NotMember;
use linli_replica::id::NodeId;
use linli_replica::replica::Save;
use serde_json::Value;

use super::not_found;
use crate::api::{ApiError, Code};
use crate::node::{Node, now};

mod choice;
mod list;
mod pack;
mod stick;
mod unpack;

pub(super) use list::begin as list;
pub(super) use pack::begin as pack;
pub(super) use unpack::begin as unpack;

type Done = Result<Option<(Value, BTreeSet<Save>)>, ApiError>;

/// Finds the member node that somebody means.
fn receiver(node: &Node, text: &str) -> Result<NodeId, ApiError> {
    let (directory, me, at) = (node.replica.directory(), node.core.node(), now());
    let fits = |id: &NodeId, member: &linli_replica::directory::Node| {
        let party = directory.party(&member.party).and_then(|party| party.name.as_deref());
        let by_id = text.len() >= 8 && id.to_string().starts_with(text);
        by_id || member.label == text || party == Some(text)
    };
    let others = directory.nodes().filter(|(id, _)| **id != me && directory.admits(id, at).is_ok());
    let mut found = others.filter(|(id, member)| fits(id, member)).map(|(id, _)| *id);
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(not_found("error-node-none")),
        (Some(_), Some(_)) => Err(not_found("error-node-several")),
    }
}

/// Reads the next part of a file, opened first where it is sealed.
fn part(
    reader: &mut Reader,
    opener: Option<&mut Opener>,
    chunk: &[u8],
) -> Result<Part, CourierError> {
    let Some(opener) = opener else { return reader.part(chunk) };
    match opener.open(chunk) {
        Ok(part) => reader.part(&part),
        Err(_) if reader.parts() == 0 => Err(CourierError::NotForUs),
        Err(_) => Err(CourierError::Damaged { part: reader.parts() }),
    }
}

/// Says why a file is not taken, in words for whoever holds the stick.
fn refusal(error: CourierError) -> ApiError {
    let (code, key) = match error {
        CourierError::NotCourier => (Code::Invalid, "error-courier-not-one"),
        CourierError::Version => (Code::Invalid, "error-courier-version"),
        CourierError::OtherCommunity => (Code::Forbidden, "error-courier-other-community"),
        CourierError::NotForUs => (Code::Forbidden, "error-courier-not-for-us"),
        CourierError::Stranger(NotMember::Unknown) => (Code::Forbidden, "error-courier-unknown"),
        CourierError::Stranger(NotMember::Expelled) => (Code::Forbidden, "error-courier-expelled"),
        CourierError::Stranger(NotMember::Ended) => (Code::Forbidden, "error-courier-ended"),
        CourierError::Damaged { .. } => (Code::Invalid, "error-courier-damaged"),
        CourierError::Cut { .. } => (Code::Invalid, "error-courier-cut"),
    };
    ApiError::new(code, key).because(error)
}
