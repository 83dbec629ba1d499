//! What was measured: the readings of an elder one by one, and what they come to over a day or a year.

use std::collections::{BTreeMap, BTreeSet};

use linli_model::document::DocumentName;
use linli_model::field::Statement;
use linli_model::readings::{self, Measure, Reading};
use linli_model::rule::{Rule, Source};
use linli_model::time::{Month, Timestamp};
use linli_model::trend::{Span, trend};
use linli_replica::id::DocTag;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Outcome, elders, invalid, now_known, rules};
use crate::api::ApiError;
use crate::api::care::{
    ChartAnswer, ChartLimit, ChartPoint, ChartSeries, ReadingChart, ReadingList, ReadingPage,
    ReadingRow,
};
use crate::catalogue::Name;
use crate::node::Node;
use crate::views;

/// Readings in one answer where nobody says how many, and at most.
const PAGE: u64 = 100;
const PAGE_MAX: u64 = 1_000;

pub(crate) fn list(node: &mut Node, request: ReadingList) -> Outcome<ReadingPage> {
    let measures = match &request.code {
        Some(code) => measures(code)?,
        None => Measure::ALL.to_vec(),
    };
    let from = Timestamp(request.from_ms.unwrap_or(0));
    let until = Timestamp(request.until_ms.unwrap_or(u64::MAX));
    let elder = elders::find(node, &request.elder)?;
    let known = between(node, elder, from, until)?;
    let of: Vec<_> = known.iter().filter(|(of, _)| measures.contains(&of.measure)).collect();
    let limit = if request.limit == 0 { PAGE } else { request.limit.min(PAGE_MAX) };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let readings = of.iter().rev().take(limit).map(|(reading, first)| row(reading, first));
    now_known(ReadingPage {
        elder: elder.to_string(),
        total: u64::try_from(of.len()).unwrap_or(u64::MAX),
        readings: readings.collect(),
    })
}

pub(crate) fn chart(node: &mut Node, request: ReadingChart) -> Outcome<ChartAnswer> {
    let measures = measures(&request.code)?;
    let (from, until) = (Timestamp(request.from_ms), Timestamp(request.until_ms));
    let span = Span::new(from, until).map_err(|_| invalid("error-reading-span"))?;
    let elder = elders::find(node, &request.elder)?;
    let rules = rules::in_force(node, elder)?;
    let known = between(node, elder, from, until)?;
    let series = measures.into_iter().map(|measure| {
        let of: Vec<&Reading> = known.keys().filter(|of| of.measure == measure).collect();
        let implausible = of.iter().filter(|of| !of.is_plausible()).count();
        let points = trend(of, span).into_iter().map(|point| ChartPoint {
            at_ms: point.at.0,
            count: point.count,
            low: point.low.to_string(),
            mean: point.mean.to_string(),
            high: point.high.to_string(),
        });
        let coding = measure.coding();
        ChartSeries {
            measure: word(&measure),
            code: coding.loinc.to_owned(),
            unit: coding.ucum.to_owned(),
            points: points.collect(),
            implausible: u64::try_from(implausible).unwrap_or(u64::MAX),
            limits: limits(&rules, measure),
        }
    });
    now_known(ChartAnswer {
        elder: elder.to_string(),
        from_ms: from.0,
        until_ms: until.0,
        step_ms: span.step_ms(),
        series: series.collect(),
    })
}

pub(super) fn measures(code: &str) -> Result<Vec<Measure>, ApiError> {
    let measures = Measure::of_panel(code);
    if measures.is_empty() { Err(invalid("error-reading-code")) } else { Ok(measures) }
}

/// The readings of a time that this node may read, each with who wrote it down first: they may stand in several records.
pub(super) fn between(
    node: &mut Node,
    elder: Uuid,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<Reading, Statement>, ApiError> {
    let mut known: BTreeMap<Reading, Statement> = BTreeMap::new();
    for (document, month) in months(node, elder, from, until) {
        let (opened, _) = views::open(node, document)?;
        let (doc, authors) = opened.parts();
        for observation in readings::view(month, doc.document(), authors).observations {
            let Some(first) = observation.by.into_iter().next() else { continue };
            if (from..until).contains(&observation.reading.at) {
                let kept = known.entry(observation.reading).or_insert_with(|| first.clone());
                if first < *kept {
                    *kept = first;
                }
            }
        }
    }
    Ok(known)
}

/// The documents in which an elder's readings of a time stand.
fn months(node: &Node, elder: Uuid, from: Timestamp, until: Timestamp) -> Vec<(DocTag, Month)> {
    let months = node.catalogue.of_elder(elder).filter_map(|(document, row)| match row.name {
        Name::Elder(_, DocumentName::Readings(month)) if month.overlaps(from, until) => {
            Some((*document, month))
        }
        Name::Elder(..) | Name::Plain(_) => None,
    });
    months.collect()
}

/// The readings of a measure in a time, without reading the others: what a rule judges.
pub(super) fn within(
    node: &mut Node,
    elder: Uuid,
    measure: Measure,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeSet<Reading>, ApiError> {
    let mut known = BTreeSet::new();
    for (document, _) in months(node, elder, from, until) {
        let (doc, authors) = views::open(node, document)?.0.parts();
        known.extend(readings::within(doc.document(), authors, measure, from..until));
    }
    Ok(known)
}

fn row(reading: &Reading, first: &Statement) -> ReadingRow {
    let coding = reading.measure.coding();
    ReadingRow {
        at_ms: reading.at.0,
        received_ms: first.at.0,
        measure: word(&reading.measure),
        code: coding.loinc.to_owned(),
        value: reading.value.to_string(),
        unit: coding.ucum.to_owned(),
        device: reading.device.clone(),
        plausible: reading.is_plausible(),
        party: first.author.party.to_string(),
    }
}

/// Where the rules of a measure begin to fire, the gravest last.
fn limits(rules: &[Rule], measure: Measure) -> Vec<ChartLimit> {
    let mut rules: Vec<&Rule> = rules.iter().filter(|rule| rule.measure == measure).collect();
    rules.sort_by_key(|rule| rule.severity);
    let limit = |rule: &&Rule| ChartLimit {
        rule: rule.id.clone(),
        side: word(&rule.side),
        value: rule.limit.to_string(),
        source: match rule.source {
            Source::Published { text } => Some(text.to_owned()),
            Source::Clinician { .. } | Source::Proposed => None,
        },
    };
    rules.iter().map(limit).collect()
}

/// The word of a value that is written as one.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
