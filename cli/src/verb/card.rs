//! An emergency card as it is shown, and who opened and read it.

use linli_node::api::cards::CardAnswer;
use serde_json::Value;

use super::{
    fields,
    who::{Parties, at, items},
};
use crate::{
    context::Context,
    failure::Exit,
    output::{field, printable},
};

/// Shows a card, and where it stands that it was read.
pub(super) async fn shown(context: &Context, answer: &CardAnswer) -> anyhow::Result<Exit> {
    let parties = Parties::ask(context).await?;
    context.show(answer, || told(context, &parties, answer))
}

/// A card in words.
pub(super) fn told(context: &Context, parties: &Parties, answer: &CardAnswer) -> String {
    let mut lines = Vec::new();
    lines.extend(answer.position.as_ref().map(|position| located(context, position)));
    for sheet in &answer.cards {
        lines.extend(fields::lines(context, parties, sheet.get("card").unwrap_or(sheet)));
        lines.extend(items(sheet, "by").iter().map(|by| {
            let by = parties.statement(context, by);
            context.text.say("card-written", &[("by", by.into())])
        }));
        lines.push(String::new());
    }
    lines.extend(answer.alert.as_deref().map(|alert| {
        let key = if answer.raised { "card-raised" } else { "card-read" };
        context.text.say_key(key, &[("alert", printable(alert).into())])
    }));
    lines.join("\n")
}

/// Where the elder was measured last.
fn located(context: &Context, position: &Value) -> String {
    let arguments = [
        ("latitude", field(position, "latitude").into()),
        ("longitude", field(position, "longitude").into()),
        ("at", at(context, position, "at").into()),
    ];
    let place = context.text.say("card-position", &arguments);
    match position.get("accuracy_m").and_then(Value::as_u64) {
        None => place,
        Some(metres) => {
            let within =
                context.text.say("card-position-within", &[("metres", metres.to_string().into())]);
            format!("{place} {within}")
        }
    }
}

/// Who opened the card to an alert, who refused it, and who read it.
pub(super) fn history(context: &Context, parties: &Parties, card: &Value) -> Vec<String> {
    let text = &context.text;
    let mut lines = Vec::new();
    lines.extend(items(card, "given").iter().map(|given| {
        let by = parties.statement(context, given);
        text.say("card-given", &[("by", by.into())])
    }));
    if card.get("refused").is_some_and(Value::is_string) {
        lines.push(text.say("card-refused", &[]));
    }
    lines.extend(items(card, "read_by").iter().map(|read| {
        let by = parties.statement(context, read);
        match read.get("reason").is_some_and(Value::is_string) {
            false => text.say("card-read-by", &[("by", by.into())]),
            true => {
                let arguments = [("by", by.into()), ("reason", field(read, "reason").into())];
                text.say("card-read-why", &arguments)
            }
        }
    }));
    lines
}
