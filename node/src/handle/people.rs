//! The people of this party.

use linli_core::audit::{AuditRecord, What, clip};
use linli_core::engine::Authored;
use linli_core::person::{PersonDetails, end};
use linli_model::author::Role;
use linli_replica::batch::Record;
use linli_replica::certificate::Certificate;
use linli_replica::id::Timestamp;
use linli_replica::replica::{Input, Save};
use serde_json::Value;

use super::{Outcome, invalid, now_known};
use crate::api::network::{PersonAdd, PersonList, PersonRow};
use crate::api::people::{PersonEnd, PersonPin, PersonReset};
use crate::api::{Acting, ApiError, Code, Done};
use crate::node::{Node, now, world};
use crate::upkeep::NODE_TERM_MS;

/// The role of whoever may enrol and end people, where a party has somebody in it.
const STEWARD: &str = "steward";

pub(crate) fn add(node: &mut Node, request: PersonAdd) -> Outcome<PersonRow> {
    by_steward(node, request.acting.as_ref())?;
    let Ok(role) = serde_json::from_value::<Role>(Value::String(request.role.clone())) else {
        return Err(invalid("error-role"));
    };
    let author = node.core.own_author(world(&node.replica, &node.store), None);
    if author.is_some_and(|author| !role.fits(author.kind)) {
        return Err(invalid("error-role-party"));
    }
    let details = PersonDetails {
        key: [0; 32],
        party: node.core.party(),
        name: request.name,
        role: request.role,
        qualification: request.qualification.filter(|text| !text.is_empty()),
        ends: request.ends_ms.map_or(now().plus_ms(NODE_TERM_MS), Timestamp),
    };
    let (row, records) = enrol(node, &request.pin, details)?;
    let save = node.author(Authored { records, ..Authored::default() });
    Ok((row, [save].into()))
}

/// Draws a person's key; what is returned is still to be written.
fn enrol(
    node: &mut Node,
    pin: &str,
    details: PersonDetails,
) -> Result<(PersonRow, Vec<Record>), ApiError> {
    let key = node.core.signing_key().clone();
    let (row, record) = node.people.add(&mut node.rng, &key, &node.pepper, pin, details)?;
    let added = AuditRecord {
        detail: Some(clip(&format!("{} {} {}", row.role, row.name, row.id))),
        ..node.record_of(What::PersonAdded)
    };
    Ok((row, vec![record, added.for_store()]))
}

pub(crate) fn list(node: &mut Node, _: PersonList) -> Outcome<Vec<PersonRow>> {
    now_known(node.people.rows())
}

pub(super) fn end(node: &mut Node, request: PersonEnd) -> Outcome<PersonRow> {
    by_steward(node, request.acting.as_ref())?;
    let person = node.people.find(&request.person)?;
    let at = request.at_ms.map_or_else(now, Timestamp);
    if at >= person.ends {
        return Err(ApiError::new(Code::Conflict, "error-person-ends-earlier"));
    }
    let save = publish_end(node, &person.key, at, Vec::new());
    Ok((node.people.row(&person.key)?, [save].into()))
}

pub(super) fn pin(node: &mut Node, request: PersonPin) -> Outcome<Done> {
    if request.acting.seat.is_some() {
        return Err(invalid("error-pin-present"));
    }
    node.people.acting(&node.pepper, Some(&request.acting))?;
    let (rng, pepper) = (&mut node.rng, &node.pepper);
    let record = node.people.change_pin(rng, pepper, &request.acting, &request.pin)?;
    let changed = node.record_of(What::PinChanged);
    let records = vec![record, changed.for_store()];
    let save = node.author(Authored { records, ..Authored::default() });
    Ok((Done {}, [save].into()))
}

pub(super) fn reset(node: &mut Node, request: PersonReset) -> Outcome<PersonRow> {
    by_steward(node, request.acting.as_ref())?;
    let person = node.people.find(&request.person)?;
    let key = person.key;
    let (row, records) = enrol(node, &request.pin, person)?;
    let save = publish_end(node, &key, now(), records);
    Ok((row, [save].into()))
}

/// Publishes in the directory that a person of this party ends, so that every node judges by it.
fn publish_end(node: &mut Node, key: &[u8; 32], at: Timestamp, records: Vec<Record>) -> Save {
    let act = end::act(node.core.node(), key, at);
    let community = node.replica.directory().community();
    let notice = Certificate::new(community, now(), act).signed(node.core.signing_key());
    node.feed(Input::Authored {
        pages: Vec::new(),
        certificates: vec![notice],
        records,
        urgent: false,
    });
    let save = node.replica.last_save();
    node.people.end(key, at);
    save
}

/// Refuses whoever is no steward, where this party has one at this node. Before there is a steward,
/// and when none is left, the operator of the node enrols the first.
fn by_steward(node: &mut Node, acting: Option<&Acting>) -> Result<(), ApiError> {
    let person = node.people.acting(&node.pepper, acting)?;
    let is_steward = person.is_some_and(|person| person.certificate.person().role == STEWARD);
    if is_steward || !node.people.has_role(STEWARD) {
        return Ok(());
    }
    Err(ApiError::new(Code::Forbidden, "error-person-steward-needed"))
}
