//! How fast alerts were answered.

use std::collections::BTreeSet;

use linli_model::alert::AlertView;
use linli_model::alert::report::report;
use linli_model::document::DocumentName;
use linli_replica::id::DocTag;
use linli_replica::replica::Save;
use serde_json::Value;

use super::{Work, alerts};
use crate::api::ApiError;
use crate::api::alerts::AlertReport;
use crate::catalogue::Name;
use crate::node::Node;

/// Reads one alert after the other: a year of a centre has thousands.
struct Reading {
    request: AlertReport,
    left: Vec<DocTag>,
    views: Vec<AlertView>,
}

pub(super) fn begin(node: &mut Node, request: &AlertReport) -> Box<dyn Work> {
    crate::reactions::react(node);
    let rows = node.catalogue.rows();
    let left = rows
        .filter(|(_, row)| matches!(row.name, Name::Plain(DocumentName::Alert(_))))
        .map(|(document, _)| *document)
        .collect();
    Box::new(Reading { request: request.clone(), left, views: Vec::new() })
}

impl Work for Reading {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        let Some(document) = self.left.pop() else {
            return Some(
                super::json(&report(self.views.iter())).map(|value| (value, BTreeSet::new())),
            );
        };
        let period = self.request.since_ms.unwrap_or(0)..self.request.until_ms.unwrap_or(u64::MAX);
        match alerts::read(node, document) {
            // By its first raise, so that one that was opened again stays where it was.
            Ok(view) => {
                let raised = view.timeline.first().map(|entry| entry.at.0);
                if raised.is_some_and(|at| period.contains(&at)) {
                    self.views.push(view);
                }
            }
            // Erased meanwhile, or of a space that is not open to this node any more.
            Err(error) => tracing::debug!(%error, "an alert is left out of the report"),
        }
        None
    }
}
