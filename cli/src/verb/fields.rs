//! Profiles and cards in words: a line a field, with whose word each value is.

use linli_model::{card::CardField, field::FieldName as _, profile::ProfileField};
use serde_json::{Map, Value};

use super::who::{Parties, items};
use crate::{
    context::Context,
    output::{field, printable},
};

/// The lines of a field document's view; one that says so where it holds nothing.
pub(super) fn lines(context: &Context, parties: &Parties, view: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, value) in ordered(view.get("fields")) {
        lines.push(line(context, parties, key, value));
    }
    for (_, contact) in ordered(view.get("contacts")) {
        lines.push(context.text.say("field-contact", &[]));
        let parts = ordered(Some(contact)).into_iter();
        lines.extend(parts.map(|(key, part)| format!("  {}", line(context, parties, key, part))));
    }
    for (key, value) in ordered(view.get("unknown")) {
        lines.push(line(context, parties, key, value));
    }
    if lines.is_empty() {
        lines.push(context.text.say("nothing", &[]));
    }
    lines
}

/// The fields of a view and their values alone, as they stand on paper; those of `first` come first, and also where they
/// hold nothing.
pub(super) fn plain(context: &Context, view: &Value, first: &[&str]) -> Vec<(String, String)> {
    let text = &context.text;
    let name = |key: &str| printable(&text.word("field", key));
    let all = ordered(view.get("fields"));
    let of = |key: &str| all.iter().find(|(field, _)| *field == key).map(|(_, view)| *view);
    let row = |key: &str, view: Option<&Value>| (name(key), values(context, key, view));
    let mut rows: Vec<_> = first.iter().map(|key| row(key, of(key))).collect();
    let rest = all.iter().filter(|(key, _)| !first.contains(&key.as_str()));
    rows.extend(rest.map(|(key, view)| row(key, Some(view))));
    for (_, contact) in ordered(view.get("contacts")) {
        let parts = ordered(Some(contact)).into_iter();
        let parts: Vec<_> = parts.map(|(key, part)| values(context, key, Some(part))).collect();
        rows.push((text.say("field-contact", &[]), parts.join(", ")));
    }
    rows.extend(ordered(view.get("unknown")).into_iter().map(|(key, view)| row(key, Some(view))));
    rows
}

/// All values of a field; where there is none, that.
fn values(context: &Context, key: &str, view: Option<&Value>) -> String {
    let text = &context.text;
    let word = format!("value-{}", key.replace('_', "-"));
    let values = view.map_or(&[][..], |view| items(view, "values")).iter();
    let values: Vec<_> = values.map(|one| text.word(&word, &field(one, "value"))).collect();
    let mut shown = match values.is_empty() {
        true => text.say("paper-unknown", &[]),
        false => values.join(" | "),
    };
    let withheld = view.and_then(|view| view.get("held_back")?.as_u64()).unwrap_or(0);
    if withheld > 0 {
        shown.push_str(&text.say("field-withheld", &[("count", withheld.into())]));
    }
    shown
}

/// What an object holds, in the order in which people expect it.
fn ordered(object: Option<&Value>) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> =
        object.and_then(Value::as_object).into_iter().flat_map(Map::iter).collect();
    let card = CardField::ALL.iter().map(|field| field.key());
    let known: Vec<&str> = card.chain(ProfileField::ALL.iter().map(|field| field.key())).collect();
    let place = |key: &str| known.iter().position(|field| *field == key).unwrap_or(known.len());
    all.sort_by_key(|(key, _)| place(key));
    all
}

/// One field: its value, or all of them side by side where they differ.
fn line(context: &Context, parties: &Parties, key: &str, view: &Value) -> String {
    let text = &context.text;
    let values = items(view, "values").iter().map(|stated| {
        let by = items(stated, "by").iter().map(|by| parties.statement(context, by));
        let value = field(stated, "value");
        let value = text.word(&format!("value-{}", key.replace('_', "-")), &value);
        let by = by.collect::<Vec<_>>().join("; ");
        text.say("field-value", &[("value", value.into()), ("by", by.into())])
    });
    let values: Vec<String> = values.collect();
    let name = printable(&text.word("field", key));
    let shown = if values.is_empty() { "–".to_owned() } else { values.join(" | ") };
    let arguments = [("field", name.into()), ("values", shown.into())];
    let mut line = text.say("field-line", &arguments);
    if values.len() > 1 {
        line.push_str(&text.say("field-differ", &[]));
    }
    let withheld = view.get("held_back").and_then(Value::as_u64).unwrap_or(0);
    if withheld > 0 {
        line.push_str(&text.say("field-withheld", &[("count", withheld.into())]));
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use linli_node::config::Environment;
    use serde_json::json;

    use super::*;
    use crate::{
        command::Cli,
        text::{Language, Text},
    };

    #[test]
    fn a_field_is_a_line_with_whose_word_it_is_and_values_that_differ_stand_side_by_side() {
        let cli = Cli::parse_from(["linli", "status"]);
        let environment = Environment::of(&[("LINLI_TZ", "Asia/Shanghai")]);
        let context = Context::new(&cli, environment, Text::of(Language::Zh)).unwrap();
        let by = |name: &str| {
            let person = json!({ "id": "1", "name": name, "role": "family" });
            let author = json!({ "party": "ab".repeat(32), "kind": "household", "person": person });
            json!([{ "at": 0, "author": author }])
        };
        let stated = |value: &str, name| json!({ "value": value, "by": by(name) });
        let view = json!({ "fields": {
            "allergies": { "values": [stated("青霉素", "甲"), stated("花生\u{1b}", "乙")], "held_back": 0 },
            "sex": { "values": [stated("2", "甲")], "held_back": 2 },
            "later": { "values": [], "held_back": 0 },
        } });
        let when = "家庭 abababab，1970-01-01 08:00:00";
        assert_eq!(
            lines(&context, &Parties::default(), &view),
            [
                format!("性别：女（甲，{when}） ——另有 2 处未显示：作者在此无效"),
                format!(
                    "过敏：青霉素（甲，{when}） | 花生 （乙，{when}） ——说法不一：请知情者用 `linli elder edit` 写明"
                ),
                "later：–".to_owned(),
            ]
        );
        let nothing = Text::of(Language::Zh).say("nothing", &[]);
        assert_eq!(lines(&context, &Parties::default(), &json!({})), [nothing]);
    }
}
