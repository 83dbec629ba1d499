//! The people of this party.

use linli_core::audit::{AuditRecord, What, clip};
use linli_core::engine::Authored;
use linli_core::person::PersonDetails;
use linli_model::author::Role;
use linli_replica::id::Timestamp;
use serde_json::Value;

use super::{Outcome, invalid, now_known};
use crate::api::network::{PersonAdd, PersonList, PersonRow};
use crate::node::{Node, now};
use crate::upkeep::NODE_TERM_MS;

pub(crate) fn add(node: &mut Node, request: PersonAdd) -> Outcome<PersonRow> {
    if serde_json::from_value::<Role>(Value::String(request.role.clone())).is_err() {
        let message = "no such role: elder, family, operator, carer, social_worker, grid_worker, volunteer, clinician, clerk, steward, official or evaluator";
        return Err(invalid(message));
    }
    let details = PersonDetails {
        key: [0; 32],
        party: node.core.party(),
        name: request.name,
        role: request.role,
        qualification: None,
        ends: request.ends_ms.map_or(now().plus_ms(NODE_TERM_MS), Timestamp),
    };
    let key = node.core.signing_key().clone();
    let (row, record) =
        node.people.add(&mut node.rng, &key, &node.pepper, &request.pin, details)?;
    let added = AuditRecord {
        detail: Some(clip(&format!("{} {} {}", row.role, row.name, row.id))),
        ..node.record_of(What::PersonAdded)
    };
    let records = vec![record, added.for_store()];
    let save = node.author(Authored { records, ..Authored::default() });
    Ok((row, [save].into()))
}

pub(crate) fn list(node: &mut Node, _: PersonList) -> Outcome<Vec<PersonRow>> {
    now_known(node.people.rows())
}
