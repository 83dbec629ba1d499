//! One alert in words, and what an act came to.

use linli_node::api::{
    alerts::{AlertAnswer, AlertShow},
    network::Status,
};
use serde_json::Value;

use crate::{
    context::Context,
    failure::{CliError, conflict},
    output::field,
    text::Argument,
    verb::{
        about, card,
        who::{Parties, at, items},
    },
};

/// An alert: who has it, who was reached, who read the card, and all that happened.
pub(in crate::verb) fn told(context: &Context, parties: &Parties, shown: &Value) -> String {
    let text = &context.text;
    let view = shown.get("view").unwrap_or(&Value::Null);
    let head: [Argument<'_>; 5] = [
        ("alert", field(view, "id").into()),
        ("state", text.word("state", &field(view, "stage")).into()),
        ("kind", super::kind(context, view, "what").into()),
        ("elder", about(shown).into()),
        ("since", at(context, view, "since").into()),
    ];
    let mut lines = vec![text.say("alert-head", &head)];
    lines.push(owner(context, parties, view));
    let times = [("happened", "alert-happened-before"), ("expected", "alert-expected")];
    for (name, key) in
        times.into_iter().filter(|(name, _)| view.get(*name).is_some_and(Value::is_number))
    {
        lines.push(text.say_key(key, &[("at", at(context, view, name).into())]));
    }
    let reached = view.get("delivered").and_then(Value::as_object).map_or(0, |nodes| nodes.len());
    lines.push(text.say("alert-reached", &[("count", reached.into())]));
    if view.get("called_off") == Some(&Value::Bool(true)) {
        lines.push(text.say("alert-called-off", &[]));
    }
    if view.get("outcome").is_some_and(Value::is_string) {
        let outcome = text.word("outcome", &field(view, "outcome"));
        lines.push(text.say("alert-outcome", &[("outcome", outcome.into())]));
    }
    lines.extend(silent(context, parties, view));
    lines.extend(items(view, "sensors").iter().map(|of| sensor(context, of)));
    let steps = super::ladder::steps(context, parties, shown);
    if !steps.is_empty() {
        lines.extend([String::new(), text.say("alert-ladder", &[])]);
        lines.extend(steps.into_iter().map(|line| format!("  {line}")));
    }
    let of_card = view.get("card").unwrap_or(&Value::Null);
    let of_card = card::history(context, parties, of_card);
    if !of_card.is_empty() {
        lines.extend([String::new(), text.word("kind", "card")]);
        lines.extend(of_card.into_iter().map(|line| format!("  {line}")));
    }
    lines.extend([String::new(), text.say("alert-timeline", &[])]);
    lines.extend(items(view, "timeline").iter().map(|entry| happened(context, parties, entry)));
    lines.join("\n")
}

/// Which hubs are silent, where it breaks off, and which were heard again.
fn silent(context: &Context, parties: &Parties, view: &Value) -> Vec<String> {
    let text = &context.text;
    let mut lines = Vec::new();
    let said = view.get("silent").and_then(Value::as_object);
    for silent in said.into_iter().flat_map(|said| said.values()) {
        let hubs = items(silent, "parties").iter().filter_map(Value::as_str);
        let arguments = [
            ("count", items(silent, "parties").len().into()),
            ("since", at(context, silent, "heard").into()),
            ("where", text.word("broken", &field(silent, "broken")).into()),
            ("hubs", hubs.map(|hub| parties.name(hub)).collect::<Vec<_>>().join(", ").into()),
        ];
        lines.push(text.say("alert-silent", &arguments));
    }
    let again = view.get("heard_again").unwrap_or(&Value::Null);
    for party in again.as_object().into_iter().flat_map(|again| again.keys()) {
        let at = at(context, again, party);
        let arguments = [("hub", parties.name(party).into()), ("at", at.into())];
        lines.push(text.say("alert-heard-again", &arguments));
    }
    lines
}

/// A sensor that is silent, or spoke again.
fn sensor(context: &Context, of: &Value) -> String {
    let arguments = [
        ("sensor", field(of, "sensor").into()),
        ("elder", crate::verb::short(&field(of, "elder")).into()),
        ("seen", at(context, of, "seen").into()),
        ("at", at(context, of, "spoke").into()),
    ];
    let has_spoken = of.get("spoke").is_some_and(Value::is_number);
    let key = if has_spoken { "alert-sensor-spoke" } else { "alert-sensor" };
    context.text.say_key(key, &arguments)
}

/// Who has the alert.
fn owner(context: &Context, parties: &Parties, view: &Value) -> String {
    let Some(owner) = view.get("owner").filter(|owner| owner.is_object()) else {
        return context.text.say("alert-nobody", &[]);
    };
    let arguments = [
        ("who", parties.author(context, owner).into()),
        ("since", at(context, owner, "since").into()),
    ];
    context.text.say("alert-owner", &arguments)
}

pub(super) fn happened(context: &Context, parties: &Parties, entry: &Value) -> String {
    let text = &context.text;
    let body = entry.get("body").unwrap_or(&Value::Null);
    let author = entry.get("author").unwrap_or(&Value::Null);
    let arguments = [
        ("at", at(context, entry, "at").into()),
        ("what", text.word("fact", &field(body, "kind")).into()),
        ("who", parties.author(context, author).into()),
    ];
    let line = text.say("alert-happened", &arguments);
    match refused(entry) {
        None => format!("  {line}"),
        Some(reason) => {
            let why = text.word("reason", reason);
            format!("  {line}{}", text.say("alert-not-standing", &[("why", why.into())]))
        }
    }
}

/// Why an entry of a timeline does not stand.
fn refused(entry: &Value) -> Option<&str> {
    entry.pointer("/not_standing/reason").and_then(Value::as_str)
}

/// The facts by which the acts of this program stand in a timeline.
const FACTS: [(&str, &str); 10] = [
    ("ack", "acknowledged"),
    ("take-over", "took_over"),
    ("respond", "responding"),
    ("arrive", "arrived"),
    ("hand-to", "handed_to"),
    (CALL_OFF, "called_off"),
    ("resolve", "resolved"),
    ("false-alarm", "resolved"),
    ("reopen", "reopened"),
    (REFUSE_CARD, "card_refused"),
];

/// The act by which a household says that nothing happened.
pub(super) const CALL_OFF: &str = "call-off";

/// The act by which a household keeps the card closed.
pub(super) const REFUSE_CARD: &str = "refuse-card";

/// Looks at what an act came to: it is written down in any case, and may count for nothing.
///
/// # Errors
/// [`CliError::NoEffect`] where it counts for nothing, or where the card was open before it was refused.
pub(super) async fn settled(
    context: &Context,
    act: &str,
    answer: &AlertAnswer,
) -> anyhow::Result<()> {
    let looked = async {
        let node = context.ask(&Status {}).await?.node;
        let shown = context.look(AlertShow { alert: answer.alert.clone() }).await?;
        anyhow::Ok((node, shown, Parties::known(context).await?))
    };
    // The act is written down, whatever becomes of the look.
    let Ok((node, shown, parties)) = looked.await else { return Ok(()) };
    let english = context.in_english();
    let context = if context.json { &english } else { context };
    let text = &context.text;
    let view = shown.get("view").unwrap_or(&Value::Null);
    let fact = FACTS.iter().find(|(of, _)| *of == act).map(|(_, fact)| *fact);
    let own = |entry: &&Value| {
        let author = entry.pointer("/author/node").and_then(Value::as_str);
        author == Some(&node) && entry.pointer("/body/kind").and_then(Value::as_str) == fact
    };
    // Of this node's own facts the last one is the last in every order.
    let entry = items(view, "timeline").iter().rfind(own);
    if let Some(reason) = entry.and_then(refused) {
        let why = text.word("reason", reason);
        let owner = owner(context, &parties, view);
        let arguments = [("why", why.into()), ("owner", owner.into())];
        return Err(CliError::NoEffect { why: text.say("alert-in-vain", &arguments) }.into());
    }
    if act == REFUSE_CARD
        && let Some(given) = opened(view)
    {
        let by = parties.statement(context, given);
        let why = text.say("card-open-already", &[("by", by.into())]);
        return Err(CliError::NoEffect { why }.into());
    }
    Ok(())
}

/// An act that the node refuses because of who has the alert: who that is, for programs too.
pub(super) fn in_vain(context: &Context, error: anyhow::Error) -> anyhow::Error {
    let english = context.in_english();
    let context = if context.json { &english } else { context };
    match conflict(&error, &context.text) {
        Some(why) => CliError::NoEffect { why }.into(),
        None => error,
    }
}

/// The first opening of the card to the present round of an alert.
fn opened(view: &Value) -> Option<&Value> {
    let place = |id: Option<&Value>| items(view, "timeline").iter().position(|e| e.get("id") == id);
    let round = place(view.get("round"))?;
    let given = items(view.get("card")?, "given").iter();
    given.into_iter().find(|given| place(given.get("fact")).is_some_and(|at| at >= round))
}
