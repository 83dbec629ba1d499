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
    let refused = |code, key| Err(ApiError::new(code, key));
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let Some(person) = person else {
        return refused(Code::Forbidden, "error-call-person");
    };
    if !is_number(&request.number) {
        return Err(invalid("error-telephone-number"));
    }
    let (document, view) = match alerts::find(node, &request.alert) {
        Ok(document) => (document, alerts::read(node, document)?),
        // What could not be stored is open too.
        Err(error) => alerts::find_lost(node, &request.alert, error)?,
    };
    let (Some(round), false) = (view.round, view.stage == Stage::Resolved) else {
        return refused(Code::Conflict, "error-alert-not-open");
    };
    if view.drill && phone::is_emergency(&request.number) {
        return refused(Code::Conflict, "error-call-drill");
    }
    if !node.bells.ways().contains(&Way::DialOut) {
        return refused(Code::Conflict, "error-call-no-telephone");
    }
    let after_ms = ladder::elapsed_ms(node, document, &view);
    let does = LadderAct::DialOut { phone: request.number.into() };
    let saves = ladder::dial(node, document, &view, round, Step { after_ms, does }, &person)?;
    let state = alerts::word(&view.stage);
    let (alert, stored) = (view.id.to_string(), saves.is_some());
    Ok((AlertAnswer { alert, state, stored }, saves.unwrap_or_default()))
}
