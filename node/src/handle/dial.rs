//! A call about an alert that a person decides upon.

use linli_model::alert::{LadderAct, Stage, Step, Way};
use linli_model::phone;

use super::{Outcome, alerts, invalid};
use crate::api::alerts::{AlertAnswer, AlertDial};
use crate::api::{ApiError, Code};
use crate::config::is_number;
use crate::ladder;
use crate::node::Node;

pub(crate) fn dial(node: &mut Node, request: AlertDial) -> Outcome<AlertAnswer> {
    let refused = |code, message: &str| Err(ApiError::new(code, message));
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let Some(person) = person else {
        let message = "a call is decided upon by a named person: say who acts, with --as";
        return refused(Code::Forbidden, message);
    };
    if !is_number(&request.number) {
        return Err(invalid("a telephone number has 3 to 20 digits, a + before them or not"));
    }
    let stored = alerts::find(node, &request.alert)
        .and_then(|document| Ok((document, alerts::read(node, document)?)));
    // What could not be stored is open too.
    let lost = || node.ladders.find_lost(&request.alert);
    let (document, view) = stored.or_else(|error| lost().ok_or(error))?;
    let (Some(round), false) = (view.round, view.stage == Stage::Resolved) else {
        return refused(Code::Conflict, "this alert is not open");
    };
    if view.drill && phone::is_emergency(&request.number) {
        return refused(Code::Conflict, "this is a drill: no emergency service is called");
    }
    if !node.bells.ways().contains(&Way::DialOut) {
        let message = "this node has no telephone: write [sip] into its configuration, or a program of [[bells]] for dial_out";
        return refused(Code::Conflict, message);
    }
    let after_ms = ladder::elapsed_ms(node, document, &view);
    let does = LadderAct::DialOut { phone: request.number.into() };
    let saves = ladder::dial(node, document, &view, round, Step { after_ms, does }, &person)?;
    let state = alerts::word(&view.stage);
    let (alert, stored) = (view.id.to_string(), saves.is_some());
    Ok((AlertAnswer { alert, state, stored }, saves.unwrap_or_default()))
}
