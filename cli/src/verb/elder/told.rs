//! All that a node may read of an elder, in words.

use serde_json::Value;

use crate::{
    context::Context,
    output::{self, field, printable},
    verb::{
        card, fields, short,
        who::{Parties, at, items},
    },
};

/// Heads each document by what it is; ids stand only where a command takes them.
pub(super) fn told(context: &Context, parties: &Parties, shown: &Value) -> String {
    let text = &context.text;
    let id = field(shown, "elder");
    let mut parts = Vec::new();
    let documents = shown.get("documents").and_then(Value::as_object);
    for (name, view) in documents.into_iter().flatten() {
        let name = name.strip_prefix(&format!("{id}/")).unwrap_or(name);
        let (kind, rest) = name.split_once('/').unwrap_or((name, ""));
        let rest = if kind == "files" { text.word("kind", rest) } else { short(rest) };
        let head = format!("{} {rest}", text.word("kind", kind));
        let lines = document(context, parties, kind, view);
        parts.push(section(head.trim(), &lines));
    }
    let openings = items(shown, "card_openings");
    if !openings.is_empty() {
        let mut lines = Vec::new();
        for opening in openings {
            let key = if opening.get("open") == Some(&Value::Bool(true)) {
                "openings-open"
            } else {
                "openings-closed"
            };
            let alert = short(&field(opening, "alert"));
            lines.push(text.say_key(key, &[("alert", alert.into())]));
            let told = opening.get("card").unwrap_or(&Value::Null);
            let told = card::history(context, parties, told).into_iter();
            lines.extend(told.map(|line| format!("  {line}")));
        }
        parts.push(section(&text.say("openings", &[]), &lines));
    }
    let arguments = [("elder", printable(&id).into())];
    parts.insert(0, text.say("elder-head", &arguments));
    parts.join("\n\n")
}

fn section(head: &str, lines: &[String]) -> String {
    let lines = lines.iter().map(|line| format!("\n  {line}"));
    format!("{head}{}", lines.collect::<String>())
}

fn document(context: &Context, parties: &Parties, kind: &str, view: &Value) -> Vec<String> {
    let text = &context.text;
    match kind {
        "profile" | "card" => fields::lines(context, parties, view),
        "readings" => items(view, "observations")
            .iter()
            .map(|reading| {
                let measure = text.word("measure", &field(reading, "measure"));
                let by = items(reading, "by").iter().map(|by| parties.statement(context, by));
                let arguments = [
                    ("at", at(context, reading, "at").into()),
                    ("measure", measure.into()),
                    ("value", field(reading, "value").into()),
                    ("by", by.collect::<Vec<_>>().join("; ").into()),
                ];
                text.say("reading-line", &arguments)
            })
            .collect(),
        "consents" => {
            let count = view.get("consents").and_then(Value::as_object).map_or(0, |all| all.len());
            vec![text.say("consents-line", &[("count", count.into())])]
        }
        "contacts" => items(view, "timeline")
            .iter()
            .map(|entry| {
                let body = entry.get("body").unwrap_or(&Value::Null);
                let of = field(body, "noted");
                let id = if field(body, "kind") == "noted" { field(entry, "id") } else { of };
                let means = text.word("contact", &field(body, "by"));
                let arguments = [
                    ("contact", short(&id).into()),
                    ("what", text.word("contact-fact", &field(body, "kind")).into()),
                    ("means", means.into()),
                    ("when", at(context, body, "when").into()),
                    ("note", field(body, "note").into()),
                    ("by", parties.statement(context, entry).into()),
                ];
                text.say("contact-line", &arguments)
            })
            .collect(),
        "files" => items(view, "attached")
            .iter()
            .map(|of| {
                let file = of.get("file").unwrap_or(&Value::Null);
                let arguments = [
                    ("file", short(&field(file, "blob")).into()),
                    ("title", field(file, "title").into()),
                    ("media", field(file, "content_type").into()),
                    ("bytes", field(file, "size").into()),
                    ("when", at(context, of, "at").into()),
                ];
                text.say("file-line", &arguments)
            })
            .collect(),
        _ => output::tree(view).lines().map(str::to_owned).collect(),
    }
}
