//! A call about an alert, and how it ended.

use std::time::Duration;

use linli_node::api::alerts::{AlertDial, AlertShow};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    context::Context,
    failure::{CliError, Exit},
    verb::who::items,
};

use super::ladder;

/// How often it is looked at whether the call has ended.
const LOOK: Duration = Duration::from_secs(1);

/// A call takes two minutes at most; a node that says nothing for longer has stopped.
const PATIENCE: Duration = Duration::from_secs(180);

/// Calls a number, and tells how that ended.
///
/// # Errors
/// [`CliError::NoEffect`] where nobody was spoken to.
pub(super) async fn dial(
    context: &Context,
    alert: String,
    number: String,
    waits: bool,
) -> anyhow::Result<Exit> {
    let began = crate::moment::now_ms();
    let acting = context.acting()?;
    let request = AlertDial { alert, number: number.clone(), acting };
    let answer = context.ask(&request).await?;
    // What could not be written down says nothing of how it ends.
    if !waits || !answer.stored {
        return super::answered(context, &answer);
    }
    let Some(end) = ended(context, &answer.alert, &number, began).await? else {
        return super::answered(context, &answer);
    };
    if end.get("done") != Some(&Value::Bool(true)) {
        let english = context.in_english();
        let text = if context.json { &english.text } else { &context.text };
        return Err(CliError::NoEffect { why: ladder::went(text, &end) }.into());
    }
    let mut told = serde_json::to_value(&answer)?;
    if let Some(told) = told.as_object_mut() {
        told.insert("call".to_owned(), end.get("call").cloned().unwrap_or_default());
    }
    context.show(&told, || ladder::went(&context.text, &end))
}

/// How the latest call of the number by a person's word ended; none where nothing is heard of it.
async fn ended(
    context: &Context,
    alert: &str,
    number: &str,
    began: u64,
) -> anyhow::Result<Option<Value>> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        sleep(LOOK).await;
        let shown = context.look(AlertShow { alert: alert.to_owned() }).await?;
        let is_it = |of: &&Value| {
            let at = of.get("at").and_then(Value::as_u64).unwrap_or_default();
            let phone = of.pointer("/step/does/phone").and_then(Value::as_str);
            of.get("decided") == Some(&Value::Bool(true)) && phone == Some(number) && at >= began
        };
        let view = shown.get("view").unwrap_or(&Value::Null);
        let call = items(view, "climbed").iter().rfind(is_it);
        let has_ended = |of: &&Value| of.get("done").is_some_and(Value::is_boolean);
        if let Some(end) = call.filter(has_ended) {
            return Ok(Some(end.clone()));
        }
    }
    Ok(None)
}
