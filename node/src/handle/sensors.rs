//! Sensors: what should speak, that it does, and switching monitoring off and on.

use std::collections::BTreeSet;

use linli_core::audit::{AuditRecord, What, clip};
use linli_core::engine::Acting;
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::private::Private;
use linli_model::sensor::{
    self, NAME_MAX, OFF_MS_MAX, REASON_MAX, SENSORS_MAX, SILENT_MS, SensorFact, SensorsView,
};
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::SpaceTag;
use linli_replica::replica::Save;
use uuid::Uuid;

use super::{Outcome, elders, facts, invalid, not_found, now_known, spaces};
use crate::api::sensors::{
    SensorDrop, SensorExpect, SensorList, SensorRow, SensorSeen, SwitchOff, SwitchOn,
};
use crate::api::{ApiError, Code, Done};
use crate::catalogue::Name;
use crate::node::{Node, now, world};

pub(crate) fn expect(node: &mut Node, request: SensorExpect) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let sensor = name(&request.sensor)?;
    let silent_after_ms = request.silent_after_s.saturating_mul(1_000);
    if !SILENT_MS.contains(&silent_after_ms) {
        return Err(invalid("error-sensor-silence"));
    }
    let known = read(node, elder)?.sensors();
    if !known.contains_key(sensor.as_str()) && known.len() >= SENSORS_MAX {
        let error = ApiError::new(Code::Conflict, "error-sensor-many");
        return Err(error.with("max", SENSORS_MAX));
    }
    let saves = add(node, elder, &person, SensorFact::Expected { sensor, silent_after_ms })?;
    Ok((Done {}, saves))
}

pub(crate) fn drop_one(node: &mut Node, request: SensorDrop) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let facts = read(node, elder)?.facts_of(&request.sensor);
    if facts.is_empty() {
        return Err(not_found("error-sensor-none"));
    }
    let mut saves = BTreeSet::new();
    for expected in facts {
        saves.extend(add(node, elder, &person, SensorFact::Dropped { expected })?);
    }
    Ok((Done {}, saves))
}

pub(crate) fn off(node: &mut Node, request: SwitchOff) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let sensor = request.sensor.as_deref().map(name).transpose()?;
    if let Some(sensor) = &sensor {
        let known = read(node, elder)?.sensors();
        known
            .contains_key(sensor.as_str())
            .then_some(())
            .ok_or_else(|| not_found("error-sensor-none"))?;
    }
    let reason = Private::new(request.reason.trim());
    if !sensor::is_line(&reason, REASON_MAX) {
        return Err(invalid("error-monitoring-reason").with("max", REASON_MAX));
    }
    let (at, until) = (now().0, request.until_ms);
    if until <= at || until - at > OFF_MS_MAX {
        return Err(invalid("error-monitoring-until"));
    }
    note(node, What::MonitoringOff, elder, sensor.as_ref(), Some(&reason));
    let fact = SensorFact::SwitchedOff { sensor, until: Timestamp(until), reason };
    Ok((Done {}, add(node, elder, &person, fact)?))
}

pub(crate) fn on(node: &mut Node, request: SwitchOn) -> Outcome<Done> {
    let person = person(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let sensor = request.sensor.as_deref().map(name).transpose()?;
    let view = read(node, elder)?;
    let of = view.off_at(Timestamp(now().0)).filter(|(_, off)| off.sensor == sensor);
    let of: Vec<FactId> = of.map(|(id, _)| *id).collect();
    if of.is_empty() {
        return Err(ApiError::new(Code::Conflict, "error-monitoring-on"));
    }
    note(node, What::MonitoringOn, elder, sensor.as_ref(), None);
    let mut saves = BTreeSet::new();
    for off in of {
        saves.extend(add(node, elder, &person, SensorFact::SwitchedOn { off })?);
    }
    Ok((Done {}, saves))
}

/// Writes into the audit who switched what off or on, and why.
fn note(node: &mut Node, what: What, elder: Uuid, sensor: Option<&Private>, why: Option<&Private>) {
    let of = sensor.map(|sensor| clip(sensor.as_str()));
    let detail = why.map(|why| clip(why.as_str()));
    let elder = Some(elder.into_bytes().into());
    let record = AuditRecord { elder, of, detail, ..node.record_of(what) };
    node.note(&record);
}

pub(crate) fn seen(node: &mut Node, request: SensorSeen) -> Outcome<Done> {
    crate::reactions::react(node);
    if spaces::own_kind(node)? != PartyKind::Household {
        return Err(ApiError::new(Code::Forbidden, "error-sensor-hub"));
    }
    let elder = request.elder.as_deref().map(|elder| elders::find(node, elder)).transpose()?;
    let mut of = node.sensors.named(&request.sensor);
    of.retain(|of| elder.is_none_or(|elder| elder == *of));
    match of.as_slice() {
        [elder] => Ok((Done {}, crate::sensors::seen(node, *elder, request.sensor))),
        [] => Err(not_found("error-sensor-none")),
        _ => Err(not_found("error-sensor-several")),
    }
}

pub(crate) fn list(node: &mut Node, _: SensorList) -> Outcome<Vec<SensorRow>> {
    elders::refresh(node);
    let at = Timestamp(now().0);
    let hears = spaces::own_kind(node)? == PartyKind::Household;
    let names = elders::names(node, &node.sensors.elders());
    let row = |(elder, sensor, silent_after_ms): (Uuid, &str, u64)| {
        let heard = node.sensors.heard(elder, sensor);
        let state = if node.sensors.is_off(elder, sensor, at) {
            "off"
        } else if !hears {
            "elsewhere"
        } else if heard.is_some_and(|heard| heard.silent_ms >= silent_after_ms) {
            "silent"
        } else {
            "speaks"
        };
        SensorRow {
            elder: elder.to_string(),
            names: names.get(&elder).into_iter().flatten().cloned().collect(),
            sensor: sensor.to_owned(),
            silent_after_s: silent_after_ms / 1_000,
            seen_ms: heard.and_then(|heard| heard.seen_ms),
            state: state.to_owned(),
        }
    };
    now_known(node.sensors.all().map(row).collect())
}

fn name(text: &str) -> Result<Private, ApiError> {
    let name = Private::new(text);
    match sensor::is_line(&name, NAME_MAX) {
        true => Ok(name),
        false => Err(invalid("error-sensor-name").with("max", NAME_MAX)),
    }
}

/// Who acts: a named person of a party that lives or serves there.
fn person(node: &mut Node, acting: Option<&crate::api::Acting>) -> Result<Acting, ApiError> {
    let person = node.people.acting(&node.pepper, acting)?;
    let person = person.ok_or_else(|| ApiError::new(Code::Forbidden, "error-sensor-person"))?;
    let world = world(&node.replica, &node.store);
    let author = node.core.own_author(world, Some(&person));
    match author.is_some_and(|author| sensor::may_write(&author).is_ok()) {
        true => Ok(person),
        false => Err(ApiError::new(Code::Forbidden, "error-sensor-party")),
    }
}

fn place(node: &mut Node, elder: Uuid) -> Result<(SpaceTag, Name), ApiError> {
    let space = elders::care_of(node, elder).ok_or_else(|| not_found("error-elder-no-profile"))?;
    Ok((space, Name::Elder(elder, DocumentName::Sensors)))
}

fn read(node: &mut Node, elder: Uuid) -> Result<SensorsView, ApiError> {
    let (space, name) = place(node, elder)?;
    let world = world(&node.replica, &node.store);
    let (doc, authors) = node.core.document(world, space, &name.to_string())?.parts();
    Ok(sensor::view(doc.document(), authors))
}

fn add(
    node: &mut Node,
    elder: Uuid,
    person: &Acting,
    fact: SensorFact,
) -> Result<BTreeSet<Save>, ApiError> {
    let (space, name) = place(node, elder)?;
    Ok(facts::add_to(node, space, &name, Urgency::Normal, Some(person), fact)?.1)
}
