//! Who called in, and whose number it is.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::engine::Acting;
use linli_model::alert::{self, AlertFact, AlertKind, CauseId, Stage};
use linli_model::private::Private;
use linli_replica::entry::Urgency;
use linli_replica::replica::Save;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, alerts, elders, facts, invalid, not_found, now_known};
use crate::api::calls::{
    CallAct, CallActed, CallAnswer, CallElder, CallEnded, CallList, CallNote, CallOwner, CallRow,
};
use crate::api::{ApiError, Code, Done};
use crate::callers::{self, Caller, NUMBER_CHARS_MAX};
use crate::catalogue::ElderSummary;
use crate::node::Node;

pub(crate) fn note(node: &mut Node, request: CallNote) -> Outcome<CallAnswer> {
    let number = request.number.map(|number| number.trim().to_owned());
    let number = number.filter(|number| !number.is_empty());
    if let Some(number) = &number {
        let has_digit = number.chars().any(|c| c.is_numeric());
        if !has_digit || number.chars().count() > NUMBER_CHARS_MAX {
            return Err(invalid("error-call-number").with("max", NUMBER_CHARS_MAX));
        }
    }
    let call = callers::note(node, number.map(Private::from));
    now_known(CallAnswer { call: call.to_string() })
}

pub(crate) fn ended(node: &mut Node, request: CallEnded) -> Outcome<Done> {
    let known = node.callers.find(request.call).ok_or_else(|| not_found("error-call-none"))?;
    known.hung_up = true;
    node.board.touch_calls();
    now_known(Done {})
}

pub(crate) fn list(node: &mut Node, CallList {}: CallList) -> Outcome<Value> {
    crate::reactions::react(node);
    let calls: Vec<CallRow> = node.callers.newest().map(|call| row(node, call)).collect();
    let open = match calls.iter().all(|call| call.elders.is_empty()) {
        true => BTreeMap::new(),
        false => open_alerts(node),
    };
    let mut listed = super::json(&calls)?;
    for call in listed.as_array_mut().into_iter().flatten() {
        let elders = call.get_mut("elders").and_then(Value::as_array_mut);
        for elder in elders.into_iter().flatten().filter_map(Value::as_object_mut) {
            let id = elder.get("elder").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let alerts = id.and_then(|id: Uuid| open.get(&id)).cloned().unwrap_or_default();
            elder.insert("alerts".to_owned(), Value::Array(alerts));
        }
    }
    let (revision, dropped) = (node.callers.revision, node.callers.dropped());
    now_known(json!({ "revision": revision, "dropped": dropped, "calls": listed }))
}

/// The calls that nobody has seen to, the newest first.
pub(crate) fn open(node: &Node) -> Vec<CallRow> {
    node.callers.newest().filter(|call| !call.done).map(|call| row(node, call)).collect()
}

fn row(node: &Node, call: &Caller) -> CallRow {
    CallRow {
        call: call.id.to_string(),
        number: call.number.as_ref().map(|number| number.as_str().to_owned()),
        first_ms: call.first_ms,
        last_ms: call.last_ms,
        times: call.times,
        rings: call.rings(),
        elders: elders_of(node, call),
        owner: call.owner.clone(),
        alert: call.alert.map(|alert| alert.to_string()),
        done: call.done,
    }
}

/// Whose number it is in what this node may read, or who it is as an operator said. Opens no document.
fn elders_of(node: &Node, call: &Caller) -> Vec<CallElder> {
    let mut elders: BTreeMap<Uuid, CallElder> = BTreeMap::new();
    let mut add = |elder: Uuid, summary: &ElderSummary, own| {
        let of = elders.entry(elder).or_default();
        of.elder = elder.to_string();
        of.names.extend(summary.names.iter().cloned());
        of.addresses.extend(summary.address.clone());
        of.own |= own;
    };
    let number = call.number.iter();
    for (elder, summary, own) in number.flat_map(|number| node.catalogue.callers(number.as_str())) {
        if call.elder.is_none_or(|said| said == elder) {
            add(elder, summary, own);
        }
    }
    let said = call.elder.into_iter();
    for (elder, document) in
        said.flat_map(|of| node.catalogue.profiles_of(of).map(move |at| (of, at)))
    {
        if let Some(summary) = node.catalogue.get(&document).and_then(|row| row.summary.as_ref()) {
            add(elder, summary, false);
        }
    }
    for of in elders.values_mut() {
        for words in [&mut of.names, &mut of.addresses] {
            words.sort();
            words.dedup();
        }
    }
    elders.into_values().collect()
}

/// What an operator does with a call. The node does one act after the other, so that of two who take a call the
/// second is told who has it.
pub(crate) fn act(node: &mut Node, request: CallAct) -> Outcome<CallActed> {
    let CallAct { call, act, elder, from, acting } = request;
    let Some(person) = node.people.acting(&node.pepper, acting.as_ref())? else {
        return Err(ApiError::new(Code::Forbidden, "error-call-answerer"));
    };
    let elder = elder.map(|elder| elders::find(node, &elder)).transpose()?;
    let named = || elder.ok_or_else(|| invalid("error-call-about"));
    let no_such = || not_found("error-call-none");
    let known = call.parse().ok().and_then(|id| node.callers.find(id)).ok_or_else(no_such)?;
    let of = person.certificate.person();
    let own = CallOwner { person: hex::encode(*of.key), name: of.name.clone() };
    let taken = |owner: &CallOwner| {
        ApiError::new(Code::Conflict, "error-call-taken").with_private("who", owner.name.as_str())
    };
    match &known.owner {
        Some(owner) if act == "take-over" && from.as_ref() != Some(&owner.person) => {
            return Err(taken(owner));
        }
        Some(owner) if act != "take-over" && *owner != own => {
            return Err(taken(owner));
        }
        None if matches!(act.as_str(), "take-over" | "done") => {
            return Err(ApiError::new(Code::Conflict, "error-call-nobody"));
        }
        Some(_) | None => {}
    }
    let mut answer = CallActed { alert: None, stored: true, owned: false };
    let mut saves = BTreeSet::new();
    match act.as_str() {
        "take" | "take-over" => known.owner = Some(own),
        "who" => known.elder = Some(named()?),
        "done" => known.done = true,
        "raise" => {
            let (elder, id) = (named()?, known.id);
            let (alert, owned, new) = raise(node, id, elder, &person)?;
            if let Some(known) = node.callers.find(id) {
                (known.owner, known.elder, known.alert) = (Some(own), Some(elder), Some(alert));
            }
            (answer.alert, answer.owned, saves) = (Some(alert.to_string()), owned, new);
        }
        _ => return Err(invalid("error-call-act")),
    }
    node.board.touch_calls();
    Ok((answer, saves))
}

/// Raises the alert of a call about an elder, or opens it again, in the hands of whoever took the call; says whether
/// it is in them. The same again changes nothing.
fn raise(
    node: &mut Node,
    call: Uuid,
    elder: Uuid,
    person: &Acting,
) -> Result<(Uuid, bool, BTreeSet<Save>), ApiError> {
    let cause = CauseId(format!("{elder}/call/{call}"));
    let id = alert::alert_id(&cause);
    let existing = alerts::find(node, &id.to_string()).ok();
    let view = existing.map(|document| alerts::read(node, document)).transpose()?;
    let open = view.filter(|view| view.stage != Stage::Resolved);
    if let Some(owner) = open.as_ref().and_then(|view| view.owner.as_ref()) {
        let is_own = owner.person.id == hex::encode(*person.certificate.person().key);
        return if is_own { Ok((id, true, BTreeSet::new())) } else { Err(alerts::taken(owner)) };
    }
    let (document, mut saves) = match existing.filter(|_| open.is_some()) {
        Some(document) => (document, BTreeSet::new()),
        None => {
            let event = alerts::Event::now(cause, AlertKind::Other);
            alerts::raise_cause(node, elder, event, Some(person))?
        }
    };
    let round = alerts::read(node, document)?.round;
    let ack = round.map(|raise| AlertFact::Acknowledged { raise });
    let owned = match ack.map(|ack| facts::add(node, document, Urgency::Urgent, Some(person), ack))
    {
        Some(Ok((_, new))) => {
            saves.extend(new);
            true
        }
        // It rings then, for somebody to take.
        Some(Err(error)) => {
            tracing::warn!(%error, "an alert of a call is nobody's yet");
            false
        }
        None => false,
    };
    Ok((id, owned, saves))
}

/// The alerts that are open, by whom they are about.
fn open_alerts(node: &mut Node) -> BTreeMap<Uuid, Vec<Value>> {
    let mut open: BTreeMap<Uuid, Vec<Value>> = BTreeMap::new();
    for document in node.ladders.documents().collect::<Vec<_>>() {
        let Ok(view) = alerts::read(node, document) else { continue };
        let Some(elder) = alerts::elder(&view).filter(|_| view.stage != Stage::Resolved) else {
            continue;
        };
        open.entry(elder).or_default().push(json!({
            "alert": view.id.to_string(),
            "state": alerts::word(&view.stage),
            "kind": view.what.as_ref().map(alerts::word),
            "drill": view.drill,
            "owner": view.owner.as_ref().map(|owner| owner.person.name.as_str()),
        }));
    }
    open
}
