//! Readings: kept by the month, and judged by the rules at once, without a network.

use std::collections::BTreeSet;

use linli_model::alert::AlertKind;
use linli_model::document::DocumentName;
use linli_model::readings::{self, Measure, Reading};
use linli_model::rule;
use linli_model::time::{DAY_MS, Timestamp};
use linli_replica::replica::Save;
use uuid::Uuid;

use super::{Outcome, alerts, elders, invalid, rules, trends};
use crate::api::ApiError;
use crate::api::care::{ReadingAdd, ReadingAnswer};
use crate::catalogue::Name;
use crate::node::{Node, world};

/// Among the readings of how long before and after it one is judged, in milliseconds: what goes on for longer is told again.
const AROUND_MS: u64 = 2 * DAY_MS;

pub(crate) fn add(node: &mut Node, request: ReadingAdd) -> Outcome<ReadingAnswer> {
    let measure = Measure::of_loinc(&request.code).ok_or_else(|| invalid("error-reading-code"))?;
    if measure.coding().ucum != request.unit {
        return Err(invalid("error-reading-unit").with("unit", measure.coding().ucum));
    }
    let value = request.value.parse().map_err(|_| invalid("error-reading-value"))?;
    let reading =
        Reading { at: Timestamp(request.time_ms), measure, device: request.device, value };
    let elder = elders::find(node, &request.elder)?;
    take(node, elder, &reading)
}

/// Keeps a reading of an elder and judges it.
pub(super) fn take(node: &mut Node, elder: Uuid, reading: &Reading) -> Outcome<ReadingAnswer> {
    let month = reading.month()?;
    let space = elders::health(node, elder)?;
    let document = DocumentName::Readings(month);
    let name = Name::Elder(elder, document.clone());
    let world = world(&node.replica, &node.store);
    let (doc, authors) = node.core.document(world, space, &name.to_string())?.parts();
    let new = !readings::is_known(doc.document(), authors, reading);
    let mut saves = BTreeSet::new();
    if new {
        let add = |doc: &mut automerge::AutoCommit| readings::add(doc, month, reading);
        saves = elders::write(node, space, elder, document, None, add)?.0;
        let world = crate::node::world(&node.replica, &node.store);
        let tag = node.core.space(world, space)?.document(&name.to_string());
        node.catalogue.put(tag, space, name);
    }
    // What is sent again is judged again: the power may have gone before its alert was stored.
    let (alert, raised) = judge(node, elder, reading, &mut saves)?;
    Ok((ReadingAnswer { new, alert, raised }, saves))
}

/// Raises an alert where the reading begins an event, and joins the one it goes on with.
fn judge(
    node: &mut Node,
    elder: Uuid,
    reading: &Reading,
    saves: &mut BTreeSet<Save>,
) -> Result<(Option<String>, bool), ApiError> {
    let rules = rules::in_force(node, elder)?;
    let mut of = rules.iter().filter(|rule| rule.measure == reading.measure);
    if !reading.is_plausible() || !of.any(|rule| rule.fires(reading.value)) {
        return Ok((None, false));
    }
    let from = Timestamp(reading.at.0.saturating_sub(AROUND_MS));
    let until = reading.at.plus_ms(AROUND_MS);
    let known = trends::within(node, elder, reading.measure, from, until)?;
    let series: Vec<&Reading> = known.iter().collect();
    let is_raised = rules::raised(node, elder);
    let is_raised = |cause: &_| is_raised(cause).is_some();
    let Some(judged) = rule::judge(&rules, &series, reading, is_raised) else {
        return Ok((None, false));
    };
    let cause = rules::cause_of(elder, &judged.cause);
    let id = linli_model::alert::alert_id(&cause).to_string();
    if !judged.known {
        let event = alerts::Event::now(cause, AlertKind::Reading);
        saves.extend(alerts::raise_cause(node, elder, event, None)?.1);
    }
    Ok((Some(id), !judged.known))
}
