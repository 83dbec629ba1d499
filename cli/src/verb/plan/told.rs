//! One plan in words, as it is read aloud or printed: what is done, who did it, and what is left.

use linli_node::api::plans::PlanInForce;
use serde_json::Value;

use crate::{
    context::Context,
    output::{field, printable},
    verb::{
        about, short,
        who::{Parties, at, items},
    },
};

/// A plan that is in force, in one line.
pub(in crate::verb) fn in_force(context: &Context, plan: &PlanInForce) -> String {
    let arguments = [
        ("name", printable(&plan.name).into()),
        ("since", context.zone.show(plan.since_ms).into()),
        ("done", plan.done.into()),
        ("steps", plan.steps.into()),
    ];
    context.text.say_key(if plan.drill { "plan-tried" } else { "plan-in-force" }, &arguments)
}

pub(super) fn told(context: &Context, parties: &Parties, shown: &Value) -> String {
    let text = &context.text;
    let head = [
        ("name", field(shown, "name").into()),
        ("hazard", text.word("hazard", &field(shown, "hazard")).into()),
        ("version", field(shown, "version").into()),
        ("by", said(context, parties, shown.get("written")).into()),
        ("plan", short(&field(shown, "plan")).into()),
    ];
    let mut lines = vec![text.say("plan-head", &head)];
    if shown.get("conflict") == Some(&Value::Bool(true)) {
        lines.push(text.say("plan-conflict", &[]));
    }
    let run = shown.get("run").filter(|run| run.is_object());
    match run {
        None => lines.push(text.say("plan-not-started", &[])),
        Some(run) => {
            let drill = run.get("drill") == Some(&Value::Bool(true));
            let by = said(context, parties, run.get("started"));
            let arguments = [("by", by.into()), ("run", short(&field(run, "run")).into())];
            lines.push(text.say_key(if drill { "plan-drill" } else { "plan-started" }, &arguments));
            if let Some(stopped) = run.get("stopped").filter(|stopped| stopped.is_object()) {
                let by = said(context, parties, Some(stopped));
                lines.push(text.say("plan-stopped", &[("by", by.into())]));
            }
        }
    }
    let steps = items(shown, "steps");
    for (number, step) in (1_usize..).zip(steps) {
        lines.push(String::new());
        lines.extend(of_step(context, parties, number, step, run.is_some()));
    }
    if run.is_some() {
        let left = steps.iter().filter(|step| step.get("done").is_none_or(Value::is_null)).count();
        let elders = steps.iter().flat_map(|step| items(step, "elders"));
        let unseen = elders.filter(|row| row.get("checked").is_none_or(Value::is_null)).count();
        let arguments = [("left", left.into()), ("unseen", unseen.into())];
        lines.extend([String::new(), text.say("plan-left", &arguments)]);
    }
    lines.join("\n")
}

/// Whose word it is, and when.
fn said(context: &Context, parties: &Parties, said: Option<&Value>) -> String {
    said.map(|said| parties.statement(context, said)).unwrap_or_default()
}

fn of_step(
    context: &Context,
    parties: &Parties,
    number: usize,
    row: &Value,
    is_run: bool,
) -> Vec<String> {
    let text = &context.text;
    let step = row.get("step").unwrap_or(&Value::Null);
    let done = row.get("done").filter(|done| done.is_object());
    let mark = if done.is_some() { "[x]" } else { "[ ]" };
    let arguments = [
        ("mark", if is_run { mark } else { "" }.into()),
        ("number", number.into()),
        ("id", field(step, "id").into()),
        ("does", field(step, "does").into()),
    ];
    let mut lines = vec![text.say("plan-step", &arguments).trim_start().to_owned()];
    let mut who: Vec<String> = items(step, "who")
        .iter()
        .filter_map(|kind| Some(text.word("kind", kind.as_str()?)))
        .collect();
    who.extend(step.get("role").and_then(Value::as_str).map(|role| text.word("role", role)));
    let mut add = |key: &'static str, value: String| {
        lines.push(format!("    {}", text.say(key, &[("value", value.into())])));
    };
    if !who.is_empty() {
        add("plan-who", who.join(", "));
    }
    if row.get("due_ms").is_some_and(Value::is_u64) {
        add("plan-by", at(context, row, "due_ms"));
    } else if step.get("within_minutes").is_some_and(Value::is_u64) {
        add("plan-within", field(step, "within_minutes"));
    }
    if step.get("phone").is_some_and(Value::is_string) {
        add("plan-phone", field(step, "phone"));
    }
    if done.is_some() {
        add("plan-done", said(context, parties, done));
    }
    let elders = items(row, "elders");
    if row.get("elders").is_some_and(Value::is_array) {
        add("plan-elders", elders.len().to_string());
    }
    lines.extend(elders.iter().map(|elder| of_elder(context, parties, elder)));
    lines
}

fn of_elder(context: &Context, parties: &Parties, row: &Value) -> String {
    let text = &context.text;
    let checked = row.get("checked").filter(|checked| checked.is_object());
    let found = match checked {
        None => text.say("plan-not-checked", &[]),
        Some(checked) => {
            let note = checked.get("note").and_then(Value::as_str).map(printable);
            let arguments = [
                ("found", text.word("found", &field(checked, "found")).into()),
                ("note", note.unwrap_or_default().into()),
                ("by", said(context, parties, checked.get("said")).into()),
            ];
            text.say("plan-checked", &arguments)
        }
    };
    let addresses = items(row, "addresses").iter().filter_map(Value::as_str).map(printable);
    let arguments = [
        ("mark", if checked.is_some() { "[x]" } else { "[ ]" }.into()),
        ("elder", about(row).into()),
        ("phone", field(row, "phone").into()),
        ("address", addresses.collect::<Vec<_>>().join(" / ").into()),
        ("found", found.into()),
    ];
    format!("    {}", text.say("plan-elder", &arguments))
}
