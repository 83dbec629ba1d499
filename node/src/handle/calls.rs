//! Who called in, and whose number it is.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::alert::Stage;
use linli_model::private::Private;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, alerts, invalid, now_known};
use crate::api::calls::{CallAnswer, CallList, CallNote};
use crate::callers::{self, NUMBER_CHARS_MAX};
use crate::node::Node;

/// What is known of whom a number belongs to.
#[derive(Default)]
struct Known {
    names: BTreeSet<String>,
    addresses: BTreeSet<String>,
    is_own: bool,
}

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

pub(crate) fn list(node: &mut Node, CallList {}: CallList) -> Outcome<Value> {
    crate::reactions::react(node);
    let calls: Vec<_> = node.callers.newest().cloned().collect();
    let known: Vec<_> = calls.iter().map(|call| elders(node, call.number.as_ref())).collect();
    let open = match known.iter().all(BTreeMap::is_empty) {
        true => BTreeMap::new(),
        false => open_alerts(node),
    };
    let elder = |(elder, known): (Uuid, Known)| {
        json!({
            "elder": elder.to_string(),
            "names": known.names,
            "addresses": known.addresses,
            "own": known.is_own,
            "alerts": open.get(&elder).map_or(&[][..], Vec::as_slice),
        })
    };
    let row = |(call, known): (callers::Caller, BTreeMap<Uuid, Known>)| {
        json!({
            "call": call.id.to_string(),
            "number": call.number,
            "first_ms": call.first_ms,
            "last_ms": call.last_ms,
            "times": call.times,
            "elders": known.into_iter().map(elder).collect::<Vec<_>>(),
        })
    };
    let calls: Vec<Value> = calls.into_iter().zip(known).map(row).collect();
    let (revision, dropped) = (node.callers.revision, node.callers.dropped());
    now_known(json!({ "revision": revision, "dropped": dropped, "calls": calls }))
}

/// Whose number it is, in what this node may read.
fn elders(node: &Node, number: Option<&Private>) -> BTreeMap<Uuid, Known> {
    let mut elders: BTreeMap<Uuid, Known> = BTreeMap::new();
    let found = number.into_iter().flat_map(|number| node.catalogue.callers(number.as_str()));
    for (elder, summary, is_own) in found {
        let known = elders.entry(elder).or_default();
        known.names.extend(summary.names.iter().cloned());
        known.addresses.extend(summary.address.clone());
        known.is_own |= is_own;
    }
    elders
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
