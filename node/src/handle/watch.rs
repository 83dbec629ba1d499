//! The board of the duty desk, for those who watch it.

use linli_core::audit::What;
use serde_json::Value;

use super::{Reply, acts, json, read};
use crate::api::watch::AlertWatch;
use crate::api::{ApiError, Method as _};
use crate::board;
use crate::node::Node;

/// Answers with everything, or has the caller wait for changes. Who begins to watch is in the audit; the changes
/// that follow belong to that reading.
pub(super) fn watch(node: &mut Node, body: Value) -> Result<Reply, ApiError> {
    let AlertWatch { after, resolved, .. } = read(body.clone())?;
    crate::reactions::react(node);
    board::refresh(node);
    if let Some(after) = after.and_then(|mark| node.board.revision_of(&mark)) {
        return Ok(Reply::Watch { after, resolved });
    }
    acts(node, &body)?;
    // What depends on other documents than the alert itself, and on the day, is looked at once more.
    node.board.touch_all();
    board::refresh(node);
    let answer = node.board.since(None, resolved);
    let count = u64::try_from(answer.alerts.len()).unwrap_or(u64::MAX);
    let asked = super::asked(&Value::Bool(resolved));
    let save = node.read_by_somebody(What::Listed, AlertWatch::NAME, None, count, asked);
    Ok(Reply::Read { answer: json(&answer)?, saves: [save].into() })
}
