//! The emergency card on paper, for 110, 119 and 120: a file that prints without a network.

use std::{fs, path::Path};

use jiff::Timestamp;
use linli_node::api::{
    alerts::AlertShow,
    cards::{AlertCard, CardAnswer},
};
use serde_json::Value;

use super::told;
use crate::{
    context::Context,
    failure::Exit,
    local::officers::{replace, write_new},
    output::printable,
    verb::{about, fields, who::Parties, who::items},
};

/// What whoever comes asks for first; where it is not written down the paper says that.
const FIRST: [&str; 7] =
    ["birth_date", "address", "entry", "allergies", "conditions", "medicines", "implants"];

/// How the paper looks: A5, and legible in a stairwell.
const STYLE: &str = "@page { size: A5; margin: 10mm } body { font: 12pt/1.4 sans-serif; color: #000; background: #fff } \
    h1 { font-size: 18pt; margin: 0 } h2 { font-size: 13pt; margin: 4mm 0 1mm } table { border-collapse: collapse; width: 100% } \
    th, td { border: 0.3mm solid #000; padding: 1mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere } \
    th { width: 28% } .sign { height: 12mm }";

/// Reads the card on the record, as always, and writes it into a file that is not there yet and that only its owner reads.
pub(super) async fn print(
    context: &Context,
    request: &AlertCard,
    file: &Path,
) -> anyhow::Result<Exit> {
    // Nothing is read that cannot be written down.
    write_new(file, b"")?;
    let written = write(context, request, file).await;
    if written.is_err() {
        // It is empty; what kept the card from being read says more than what keeps it from being removed.
        let _ = fs::remove_file(file);
    }
    let answer = written?;
    let name = printable(&file.display().to_string());
    context.show(&answer, || context.text.say("paper-written", &[("file", name.into())]))
}

async fn write(context: &Context, request: &AlertCard, file: &Path) -> anyhow::Result<CardAnswer> {
    let answer = context.ask(request).await?;
    let shown = context.look(AlertShow { alert: request.alert.clone() }).await?;
    let parties = Parties::known(context).await?;
    replace(file, page(context, &parties, &answer, &shown).as_bytes())?;
    Ok(answer)
}

fn page(context: &Context, parties: &Parties, answer: &CardAnswer, shown: &Value) -> String {
    let text = &context.text;
    let view = shown.get("view").unwrap_or(&Value::Null);
    let title = text.say("paper-title", &[]);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\"><title>{}</title><style>{STYLE}</style></head>\n<body>\n<h1>{} · {}</h1>\n",
        text.say("paper-lang", &[]),
        escaped(&title),
        escaped(&title),
        escaped(&about(shown)),
    );
    html += &table(&[
        (text.say("paper-what", &[]), super::kind(context, view, "what")),
        (
            text.say("paper-since", &[]),
            context.zone.show_known(view.get("since").and_then(Value::as_u64)),
        ),
        (text.say("paper-alert", &[]), super::field(view, "id")),
    ]);
    for sheet in &answer.cards {
        html += &format!("<h2>{}</h2>\n", escaped(&text.word("kind", "card")));
        html += &table(&fields::plain(context, sheet.get("card").unwrap_or(sheet), &FIRST));
    }
    html += &format!("<h2>{}</h2>\n", escaped(&text.say("paper-handed", &[])));
    let handed = items(view, "timeline")
        .iter()
        .filter(|entry| entry.pointer("/body/kind").and_then(Value::as_str) == Some("handed_to"));
    let mut rows: Vec<_> = handed
        .map(|entry| {
            let to = super::field(entry.get("body").unwrap_or(&Value::Null), "service");
            let line = told::happened(context, parties, entry);
            (text.word("paper-to", &to), line.trim().to_owned())
        })
        .collect();
    let read = view.pointer("/card/read_by").and_then(Value::as_array).and_then(|all| all.last());
    rows.extend(read.map(|read| (text.say("paper-read", &[]), parties.statement(context, read))));
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    rows.push((text.say("paper-printed", &[]), context.zone.show(now)));
    html += &table(&rows);
    // Whoever takes it and whoever gives it sign.
    for key in ["paper-gives", "paper-takes"] {
        html += &format!("<p class=\"sign\">{}</p>\n", escaped(&text.say_key(key, &[])));
    }
    html += &format!("<p>{}</p>\n</body>\n</html>\n", escaped(&text.say("paper-end", &[])));
    html
}

fn table(rows: &[(String, String)]) -> String {
    let row = |(name, value): &(String, String)| {
        format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
    };
    format!("<table>\n{}</table>\n", rows.iter().map(row).collect::<String>())
}

/// The text as HTML shows it: what somebody wrote into a card is no markup.
fn escaped(text: &str) -> String {
    let text = printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
