//! Readings: kept by the month, and judged by the rules at once, without a network.

use std::collections::BTreeSet;

use linli_model::alert::{AlertKind, CauseId};
use linli_model::document::DocumentName;
use linli_model::readings::{self, Measure, Reading};
use linli_model::rule::{episodes, standard_rules};
use linli_model::time::{Month, Timestamp};
use linli_replica::id::SpaceTag;
use linli_replica::replica::Save;
use uuid::Uuid;

use super::{Outcome, alerts, elders, invalid};
use crate::api::ApiError;
use crate::api::care::{ReadingAdd, ReadingAnswer};
use crate::catalogue::Name;
use crate::node::{Node, world};

pub(crate) fn add(node: &mut Node, request: ReadingAdd) -> Outcome<ReadingAnswer> {
    let measure = Measure::of_loinc(&request.code).ok_or_else(|| invalid("error-reading-code"))?;
    if measure.coding().ucum != request.unit {
        return Err(invalid("error-reading-unit").with("unit", measure.coding().ucum));
    }
    let value = request.value.parse().map_err(|_| invalid("error-reading-value"))?;
    let reading =
        Reading { at: Timestamp(request.time_ms), measure, device: request.device, value };
    let month = reading.month()?;
    let elder = elders::find(node, &request.elder)?;
    let space = elders::health(node, elder)?;
    let name = DocumentName::Readings(month);
    let mut series = series(node, space, elder, month)?;
    if series.contains(&reading) {
        let answer = ReadingAnswer { new: false, alert: None, raised: false };
        return Ok((answer, BTreeSet::new()));
    }
    let (mut saves, _) =
        elders::write(node, space, elder, name, None, |doc| readings::add(doc, month, &reading))?;
    series.push(reading.clone());
    let (alert, raised) = judge(node, elder, &reading, &series, &mut saves)?;
    Ok((ReadingAnswer { new: true, alert, raised }, saves))
}

/// The readings of a month, those that cannot be among them.
fn series(
    node: &mut Node,
    space: SpaceTag,
    elder: Uuid,
    month: Month,
) -> Result<Vec<Reading>, ApiError> {
    let name = Name::Elder(elder, DocumentName::Readings(month));
    let world = world(&node.replica, &node.store);
    let document = node.core.document(world, space, &name.to_string())?;
    let (doc, authors) = document.parts();
    let view = readings::view(month, doc.document(), authors);
    let tag = node.core.space(world, space)?.document(&name.to_string());
    node.catalogue.put(tag, space, name);
    Ok(view.observations.into_iter().map(|o| o.reading).collect())
}

/// Raises an alert for each episode that this reading begins, and joins those it goes on with.
fn judge(
    node: &mut Node,
    elder: Uuid,
    reading: &Reading,
    series: &[Reading],
    saves: &mut BTreeSet<Save>,
) -> Result<(Option<String>, bool), ApiError> {
    let series: Vec<&Reading> = series.iter().collect();
    for rule in standard_rules().iter().filter(|rule| rule.measure == reading.measure) {
        if !rule.fires(reading.value) {
            continue;
        }
        let Some(episode) = episodes(rule, &series)
            .into_iter()
            .find(|e| (e.first.at..=e.last.at).contains(&reading.at))
        else {
            continue;
        };
        let cause = CauseId(format!("{elder}/{}", episode.cause().0));
        let id = linli_model::alert::alert_id(&cause).to_string();
        let raised = episode.first == *reading;
        if raised {
            let event = alerts::Event::now(cause, AlertKind::Reading);
            saves.extend(alerts::raise_cause(node, elder, event, None)?.1);
        }
        return Ok((Some(id), raised));
    }
    Ok((None, false))
}
