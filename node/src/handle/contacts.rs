//! Contact with elders who live alone: writing it down, and whom to ask next.

use std::collections::BTreeMap;

use linli_core::engine::Acting;
use linli_model::contact::{ContactFact, ContactsView, Means, SKEW_MS, State};
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::private::Private;
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use linli_replica::id::SpaceTag;
use serde_json::Value;
use uuid::Uuid;

use super::{Outcome, alerts, elders, facts, invalid, json, not_found, now_known};
use crate::api::contacts::{
    ContactAnswer, ContactDue, ContactNote, ContactTakeBack, DueAnswer, DueRow,
};
use crate::api::{ApiError, Code, Done};
use crate::catalogue::Name;
use crate::contacts;
use crate::node::{Node, now, world};

pub(crate) fn note(node: &mut Node, request: ContactNote) -> Outcome<ContactAnswer> {
    let person = person(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let by = serde_json::from_value(Value::String(request.by)).ok();
    let by = by
        .filter(|by: &Means| !by.is_shown_elsewhere())
        .ok_or_else(|| invalid("error-contact-means"))?;
    let when = request.when_ms.unwrap_or(now().0);
    if when > now().0.saturating_add(SKEW_MS) {
        return Err(invalid("error-contact-time"));
    }
    let note = request.note.filter(|note| !note.trim().is_empty()).map(Private::from);
    let fact = ContactFact::Noted { by, when: Timestamp(when), note };
    add(node, elder, &person, fact).map(|(id, saves)| {
        let contact = id.to_string();
        (ContactAnswer { contact }, saves)
    })
}

pub(crate) fn take_back(node: &mut Node, request: ContactTakeBack) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let view = read(node, elder)?;
    let fits = |id: &&FactId| id.to_string().starts_with(&request.contact);
    let mut found = view.contacts.keys().filter(fits);
    let noted = match (found.next(), found.next()) {
        (Some(noted), None) => *noted,
        (None, _) => return Err(not_found("error-contact-none")),
        (Some(_), Some(_)) => return Err(not_found("error-contact-several")),
    };
    let (_, saves) = add(node, elder, &person, ContactFact::TakenBack { noted })?;
    Ok((Done {}, saves))
}

fn person(node: &mut Node, acting: Option<&crate::api::Acting>) -> Result<Acting, ApiError> {
    let person = node.people.acting(&node.pepper, acting)?;
    person.ok_or_else(|| ApiError::new(Code::Forbidden, "error-contact-person"))
}

fn place(node: &mut Node, elder: Uuid) -> Result<(SpaceTag, Name), ApiError> {
    let space = elders::care_of(node, elder).ok_or_else(|| not_found("error-elder-no-profile"))?;
    Ok((space, Name::Elder(elder, DocumentName::Contacts)))
}

fn read(node: &mut Node, elder: Uuid) -> Result<ContactsView, ApiError> {
    let (space, name) = place(node, elder)?;
    let world = world(&node.replica, &node.store);
    let (doc, authors) = node.core.document(world, space, &name.to_string())?.parts();
    Ok(linli_model::contact::view(doc.document(), authors))
}

fn add(node: &mut Node, elder: Uuid, person: &Acting, fact: ContactFact) -> Outcome<FactId> {
    let (space, name) = place(node, elder)?;
    facts::add_to(node, space, &name, Urgency::Normal, Some(person), fact)
}

pub(crate) fn due(node: &mut Node, request: ContactDue) -> Outcome<DueAnswer> {
    elders::refresh(node);
    let alerts = open_alerts(node);
    let mut rows = contacts::due(node);
    let is_listed = |state: State| request.all || !matches!(state, State::Later | State::Away);
    rows.retain(|(_, due, _)| is_listed(due.state));
    rows.sort_by_key(|(elder, due, _)| (due.state, due.day.clone(), *elder));
    let of: BTreeMap<Uuid, _> =
        node.catalogue.elders().map(|(elder, _, summary)| (elder, summary)).collect();
    let row = |(elder, due, last): contacts::Row| {
        let summary = of.get(&elder);
        Ok(DueRow {
            elder: elder.to_string(),
            names: summary.map(|summary| summary.names.clone()).unwrap_or_default(),
            phone: summary.and_then(|summary| summary.phone.clone()),
            days: due.days,
            from_ms: due.from.0,
            by: last.as_ref().map(|last| alerts::word(&last.by)),
            author: last.as_ref().map(|last| json(&last.author)).transpose()?,
            day: due.day,
            state: alerts::word(&due.state),
            alert: alerts.get(&elder).cloned(),
        })
    };
    let elders = rows.into_iter().map(row).collect::<Result<_, ApiError>>()?;
    now_known(DueAnswer { usual_days: contacts::usual(node), elders })
}

/// The open alerts that there was no contact, by elder.
fn open_alerts(node: &mut Node) -> BTreeMap<Uuid, String> {
    let open = contacts::open(node).into_iter();
    open.filter_map(|(_, view)| Some((alerts::elder(&view)?, view.id.to_string()))).collect()
}
