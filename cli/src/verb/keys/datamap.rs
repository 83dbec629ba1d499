use std::path::{Path, PathBuf};

use linli_node::api::datamap::{Datamap, DatamapAnswer, DatamapRow};

use super::grants::party;
use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::officers::write_new,
    output::{Columns, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Map {
    /// What is over too: whoever had it may keep what it had read
    #[arg(long)]
    all: bool,
    /// Write it to a new file: a table for a spreadsheet (.csv) or a page (.md)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The columns of the table, in order.
const COLUMNS: [&str; 11] = [
    "party",
    "data-held",
    "right",
    "purpose",
    "ground",
    "elders",
    "since",
    "until",
    "keeps",
    "state",
    "needed",
];

impl Map {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let write = self.out.as_deref().map(format_of).transpose()?;
        let answer = context.ask(&Datamap { all: self.all }).await?;
        if let (Some(path), Some(write)) = (&self.out, write) {
            write_new(path, &write(context, &answer)?)?;
            let path = [("path", path.display().to_string().into())];
            return context.show(&answer, || context.text.say("datamap-written", &path));
        }
        context.show(&answer, || {
            let mut parts = vec![context.text.say("datamap-title", &[]), made(context, &answer)];
            let rows = answer.rows.iter().map(|row| cells(context, row)).collect();
            parts.push(Columns(&COLUMNS).table(&context.text, rows));
            for (heading, lines) in sections(context, &answer) {
                parts.push(format!("{heading}\n  {}", lines.join("\n  ")));
            }
            parts.join("\n\n")
        })
    }
}

type Write = fn(&Context, &DatamapAnswer) -> anyhow::Result<Vec<u8>>;

fn format_of(path: &Path) -> Result<Write, CliError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(csv),
        Some("md") => Ok(markdown),
        _ => {
            let value = path.display().to_string();
            Err(CliError::Value { value, example: "FILE.csv, or FILE.md" })
        }
    }
}

/// As of when, by which node, about how many.
fn made(context: &Context, answer: &DatamapAnswer) -> String {
    let arguments = [
        ("at", context.zone.show(answer.at_ms).into()),
        ("node", printable(&answer.node.label).into()),
        ("elders", answer.elders.into()),
        ("spaces", answer.spaces.into()),
    ];
    let mut lines = vec![context.text.say("datamap-made", &arguments)];
    if answer.left_out > 0 {
        lines.push(context.text.say("datamap-left-out", &[("count", answer.left_out.into())]));
    }
    lines.join("\n")
}

fn cells(context: &Context, row: &DatamapRow) -> Vec<String> {
    let (text, zone) = (&context.text, &context.zone);
    let necessity: Vec<String> = row.necessity.iter().map(|why| printable(why)).collect();
    let or_dash = |cell: String| if cell.is_empty() { "–".to_owned() } else { cell };
    vec![
        party(context, &row.party),
        text.word("data", &row.category),
        text.word("may", &row.right),
        or_dash(printable(&row.purpose)),
        text.word("ground", &row.ground),
        row.elders.to_string(),
        zone.show(row.since_ms),
        row.until_ms.map_or_else(|| text.say("until-open", &[]), |until| zone.show(until)),
        or_dash(row.keep_days.map(|days| days.to_string()).unwrap_or_default()),
        text.word("state", &row.state),
        or_dash(necessity.join("; ")),
    ]
}

/// What stands below the table: where it lies, who carries it, and who is outside.
fn sections(context: &Context, answer: &DatamapAnswer) -> Vec<(String, Vec<String>)> {
    let text = &context.text;
    let holders = answer.holders.iter().map(|holder| {
        let labels: Vec<String> = holder.nodes.iter().map(|node| printable(&node.label)).collect();
        let none = || text.say("datamap-no-node", &[]);
        let nodes = if labels.is_empty() { none() } else { labels.join(", ") };
        let arguments = [("party", party(context, &holder.party).into()), ("nodes", nodes.into())];
        text.say("datamap-holder", &arguments)
    });
    let mut carriers: Vec<String> = answer
        .carriers
        .iter()
        .map(|carrier| {
            let arguments = [
                ("label", printable(&carrier.node.label).into()),
                ("party", party(context, &carrier.node.party).into()),
                ("documents", carrier.documents.into()),
            ];
            text.say("datamap-carrier", &arguments)
        })
        .collect();
    if carriers.is_empty() {
        carriers.push(text.say("datamap-no-carrier", &[]));
    }
    let mut outside = vec![text.say("datamap-outside-none", &[])];
    let mut expelled: Vec<String> = answer
        .rows
        .iter()
        .filter(|row| row.state == "expelled")
        .map(|row| party(context, &row.party))
        .collect();
    expelled.dedup();
    outside.extend(
        expelled
            .into_iter()
            .map(|party| text.say("datamap-outside-expelled", &[("party", party.into())])),
    );
    vec![
        (text.say("datamap-holders", &[]), holders.collect()),
        (text.say("datamap-carriers", &[]), carriers),
        (text.say("datamap-outside", &[]), outside),
    ]
}

fn headings(context: &Context) -> Vec<String> {
    COLUMNS.iter().map(|name| context.text.say_key(&format!("column-{name}"), &[])).collect()
}

/// A table as offices' spreadsheets read it (RFC 4180): in UTF-8 with the mark that says so.
fn csv(context: &Context, answer: &DatamapAnswer) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(headings(context))?;
    for row in &answer.rows {
        writer.write_record(cells(context, row).into_iter().map(inert))?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// A cell that a spreadsheet shows and does not calculate: names and purposes are others' words.
fn inert(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@']) {
        true => format!("'{cell}"),
        false => cell,
    }
}

/// A page in Markdown (GitHub's tables).
fn markdown(context: &Context, answer: &DatamapAnswer) -> anyhow::Result<Vec<u8>> {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        format!("| {} |", cells.join(" | "))
    };
    let mut lines = vec![
        format!("# {}", context.text.say("datamap-title", &[])),
        String::new(),
        plain(&made(context, answer)),
        String::new(),
        line(headings(context)),
        format!("|{}", "---|".repeat(COLUMNS.len())),
    ];
    lines.extend(answer.rows.iter().map(|row| line(cells(context, row))));
    for (heading, items) in sections(context, answer) {
        lines.extend([String::new(), format!("## {heading}"), String::new()]);
        lines.extend(items.iter().map(|item| format!("- {}", plain(item))));
    }
    lines.push(String::new());
    Ok(lines.join("\n").into_bytes())
}

/// Text without what Markdown or HTML would take for a sign (CommonMark 2.4).
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => out.push(' '),
            '|' | '<' | '>' | '[' | ']' | '*' | '_' | '\\' | '#' | '&' => {
                out.extend(['\\', letter]);
            }
            '`' => out.push('\''),
            letter => out.push(letter),
        }
    }
    out
}
