//! Where elders are: the household's node keeps the latest in memory, and tells it to alerts that open the card.

use linli_model::alert::{self, AlertFact, Position};
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;
use serde_json::Value;
use uuid::Uuid;

use super::{answers_for, facts};
use crate::api::alerts::PositionSet;
use crate::api::{ApiError, Code, Done};
use crate::catalogue::Name;
use crate::handle::{Outcome, elders, invalid, now_known};
use crate::node::{Node, now};
use crate::views;

/// A device's clock may be so far ahead of this node's.
const AHEAD_MS: u64 = 600_000;

/// How often an alert is told where somebody is, at most.
const TELL_MS: u64 = 60_000;

/// An alert that is open for long is told after this part of its age: some 150 times in the first day.
const TELL_SHARE: u64 = 30;

/// Takes in where an elder is. What was measured before what is known already changes nothing.
pub(crate) fn set(node: &mut Node, request: PositionSet) -> Outcome<Done> {
    let elder = elders::find(node, &request.elder)?;
    if !answers_for(node, elder) {
        return Err(ApiError::new(Code::Forbidden, "error-position-household"));
    }
    let degrees = |text: &str| text.parse().map_err(|_| invalid("error-position-degrees"));
    let position = Position {
        at: Timestamp(request.time_ms),
        latitude: degrees(&request.latitude)?,
        longitude: degrees(&request.longitude)?,
        accuracy_m: request.accuracy_m,
    };
    if !position.is_on_earth() {
        return Err(invalid("error-position-degrees"));
    }
    if position.at.0 > now().0.saturating_add(AHEAD_MS) {
        return Err(invalid("error-position-future"));
    }
    let known = node.cards.positions.get(&elder);
    if known.is_none_or(|known| known.at < position.at) {
        node.cards.positions.insert(elder, position);
    }
    now_known(Done {})
}

/// Tells an alert that opens the card where the elder is, where that is news.
pub(super) fn tell(node: &mut Node, document: DocTag, elder: Uuid, raise: FactId) {
    let at = now().0;
    let Some(position) = node.cards.positions.get(&elder).cloned() else { return };
    let Some(seen) = node.cards.alerts.get_mut(&document) else { return };
    let age = at.saturating_sub(seen.answer_at_ms.unwrap_or(at));
    let pause = (age / TELL_SHARE).max(TELL_MS);
    let is_news = seen
        .told
        .is_none_or(|(measured, told)| measured < position.at && told.saturating_add(pause) <= at);
    if !is_news {
        return;
    }
    seen.told = Some((position.at, at));
    let fact = AlertFact::Located { raise, position: Some(position) };
    if let Err(error) = facts::add(node, document, Urgency::Urgent, None, fact) {
        tracing::warn!(%error, "an alert could not be told where it is");
    }
}

/// Where the elder was measured last, as an alert says.
pub(super) fn told(node: &mut Node, document: DocTag) -> Option<Value> {
    let (opened, name) = views::open(node, document).ok()?;
    let Name::Plain(DocumentName::Alert(id)) = name else { return None };
    let (doc, authors) = opened.parts();
    let facts = alert::facts(doc.document(), authors);
    let view = alert::fold(id, &facts);
    serde_json::to_value(alert::position(&facts, &view)?).ok()
}

/// Where the elder is, as the household's own node knows.
pub(super) fn known(node: &Node, elder: Uuid) -> Option<Value> {
    serde_json::to_value(node.cards.positions.get(&elder)?).ok()
}
