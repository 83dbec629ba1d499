//! Tables, trees, QR codes, and the two streams.

use std::{io::Write as _, time::Duration};

use comfy_table::{Cell, ContentArrangement, Table, presets};
use fast_qr::qr::QRBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::{context::Context, text::Text};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Writes a result to standard output. Whoever closed it does not want to read on.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
}

/// Writes a message to standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}

/// The headings of a table: the messages `column-<name>`.
pub(crate) struct Columns<'a>(pub(crate) &'a [&'a str]);

impl Columns<'_> {
    /// Lays out rows under the headings; says so where there are none.
    pub(crate) fn table(&self, text: &Text, rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return text.say("nothing", &[]);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.0.iter().map(|name| text.say_key(&format!("column-{name}"), &[])));
        for row in rows {
            table.add_row(row.into_iter().map(Cell::new));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// Shows JSON to a person: a line a value, what belongs together indented.
pub(crate) fn tree(value: &Value) -> String {
    let mut lines = Vec::new();
    branch(value, 0, &mut lines);
    lines.join("\n")
}

fn branch(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (name, item) in map {
                match leaf(item) {
                    Some(leaf) => lines.push(format!("{indent}{name}: {leaf}")),
                    None => {
                        lines.push(format!("{indent}{name}:"));
                        branch(item, depth + 1, lines);
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match leaf(item) {
                    Some(leaf) => lines.push(format!("{indent}- {leaf}")),
                    None => {
                        lines.push(format!("{indent}-"));
                        branch(item, depth + 1, lines);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            lines.push(format!("{indent}{}", leaf(value).unwrap_or_default()));
        }
    }
}

/// A value that fits on its name's line.
fn leaf(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("–".to_owned()),
        Value::String(text) => Some(printable(text)),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) if items.is_empty() => Some("–".to_owned()),
        Value::Object(map) if map.is_empty() => Some("–".to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text without control characters: what another node wrote must not steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// A field of a JSON answer as text; a dash where it is missing.
pub(crate) fn field(value: &Value, name: &str) -> String {
    value.get(name).and_then(leaf).unwrap_or_else(|| "–".to_owned())
}

/// A QR code in half blocks; nothing where the text is too long for one.
pub(crate) fn qr(text: &str) -> Option<String> {
    QRBuilder::new(text).build().ok().map(|code| code.to_str())
}

/// A turning spinner on standard error, where somebody looks; it ends when it is dropped.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn start(context: &Context, message: String) -> Self {
        if context.json {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(message);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::Language;

    #[test]
    fn a_table_lines_up_where_letters_are_wide() {
        let text = Text::of(Language::En);
        let rows = vec![
            vec!["王秀英".to_owned(), "x".to_owned()],
            vec!["abcdef".to_owned(), "y".to_owned()],
        ];
        let table = Columns(&["name", "role"]).table(&text, rows);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        // Three wide letters take the room of six narrow ones.
        assert_eq!(lines[1].replace("王秀英", "abcdef").replace('x', "y"), lines[2]);
        assert_eq!(Columns(&["name"]).table(&text, Vec::new()), text.say("nothing", &[]));
    }

    #[test]
    fn a_tree_shows_every_value_once() {
        let value = json!({ "a": { "b": [1, "two"], "c": null }, "d": [{ "e": true }], "f": {} });
        let shown = "a:\n  b:\n    - 1\n    - two\n  c: –\nd:\n  -\n    e: true\nf: –";
        assert_eq!(tree(&value), shown);
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(tree(&json!({ "name": "\u{1b}[2Jx\n" })), "name:  [2Jx ");
    }

    #[test]
    fn a_code_becomes_a_picture() {
        let code = qr("linli-0123456789").unwrap();
        assert!(code.lines().count() > 10 && code.contains('█'), "{code}");
        assert_eq!(qr(&"x".repeat(10_000)), None);
    }
}
