use std::path::{PathBuf, absolute};

use linli_node::api::audit::{
    AuditBroken, AuditExport, AuditExported, AuditFilter, AuditList, AuditPage, AuditRow,
    AuditVerdict, AuditVerify,
};

use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, Spinner, printable},
    verb::short,
};

mod file;

#[derive(Debug, clap::Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    filter: Filter,
    /// Only records with a lower number: what the page before ended with
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// How many to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    /// Write the audit to a new file that somebody without a node can verify; records that do not fit
    /// are in it as digests only
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    export: Option<PathBuf>,
    /// Check the audit and name the first link that does not hold: of this node, or of an exported
    /// file, for which no node is needed
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    verify: Option<Option<PathBuf>>,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// About this elder: the id or name, or a part that fits one only
    #[arg(long)]
    elder: Option<String>,
    /// About this party: the id or name
    #[arg(long)]
    party: Option<String>,
    /// Done or read by this person: the name, or the beginning of the id
    #[arg(long)]
    by: Option<String>,
    /// The first day
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// The last day
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let filter = self.filter.read(context)?;
        match (self.verify, self.export) {
            (Some(Some(path)), _) => file::verify(context, &path, &filter, self.limit),
            (Some(None), _) => {
                let spinner = Spinner::start(context, context.text.say("audit-verifies", &[]));
                let verdict = context.ask(&AuditVerify {}).await?;
                drop(spinner);
                context.show(&verdict, || found(context, &verdict))?;
                Ok(exit(&verdict))
            }
            (None, Some(path)) => {
                let to = absolute(&path)?.display().to_string();
                let request = AuditExport { to, filter, acting: context.acting()? };
                let spinner = Spinner::start(context, context.text.say("audit-exports", &[]));
                let answer = context.ask(&request).await?;
                drop(spinner);
                context.show(&answer, || exported(context, &answer))
            }
            (None, None) => {
                let (before, limit) = (self.before, self.limit);
                let request = AuditList { filter, before, limit, acting: context.acting()? };
                let page = context.ask(&request).await?;
                context.show(&page, || listed(context, &page))
            }
        }
    }
}

impl Filter {
    fn read(self, context: &Context) -> anyhow::Result<AuditFilter> {
        let day = |day: Option<String>, end: bool| match (day, end) {
            (Some(day), true) => context.zone.end_of(&day).map(|end| Some(end.saturating_sub(1))),
            (Some(day), false) => context.zone.start_of(&day).map(Some),
            (None, _) => Ok(None),
        };
        Ok(AuditFilter {
            elder: self.elder,
            party: self.party,
            person: self.by,
            since_ms: day(self.since, false)?,
            until_ms: day(self.until, true)?,
        })
    }
}

/// A chain with a link that does not hold is an error for whoever asked in a script.
fn exit(verdict: &AuditVerdict) -> Exit {
    if verdict.broken.is_some() { Exit::FAILED } else { Exit::DONE }
}

fn listed(context: &Context, page: &AuditPage) -> String {
    let table = table(context, &page.rows);
    match page.next {
        Some(next) => {
            format!("{table}\n\n{}", context.text.say("audit-more", &[("before", next.into())]))
        }
        None => table,
    }
}

fn table(context: &Context, rows: &[AuditRow]) -> String {
    let shown = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), printable);
    let row = |row: &AuditRow| {
        let elder = match row.names.is_empty() {
            true => row.elder.as_deref().map_or_else(|| "–".to_owned(), short),
            false => printable(&row.names.join(" / ")),
        };
        let party = row.party.as_deref().map_or_else(|| "–".to_owned(), short);
        let what = match row.what.as_str() {
            "unknown" => row.kind.to_string(),
            word => context.text.word("act", word),
        };
        vec![
            row.sequence.to_string(),
            context.zone.show(row.at_ms),
            what,
            shown(&row.person),
            elder,
            row.party_name.as_deref().map_or(party, printable),
            row.of.as_deref().map_or_else(|| "–".to_owned(), |of| kind(context, of)),
            row.count.to_string(),
            detail(context, row),
        ]
    };
    let columns =
        Columns(&["number", "at", "what", "person", "elder", "party", "of", "count", "detail"]);
    columns.table(&context.text, rows.iter().map(row).collect())
}

/// The kind of a space or party, or the verb by which somebody looked.
fn kind(context: &Context, of: &str) -> String {
    let word = context.text.word("by", &of.replace('.', "-"));
    match word == of.replace('.', "-") {
        true => printable(&context.text.word("kind", of)),
        false => word,
    }
}

/// What else is to be known: the code before it, such as a right or a role, in words.
fn detail(context: &Context, row: &AuditRow) -> String {
    let Some(detail) = row.detail.as_deref() else { return "–".to_owned() };
    let text = &context.text;
    let said = match (row.what.as_str(), detail.split_once(": "), detail.split_once(' ')) {
        ("granted", Some((right, purpose)), _) => {
            let arguments =
                [("right", text.word("right", right).into()), ("purpose", purpose.into())];
            text.say("audit-granted", &arguments)
        }
        ("person-added", _, Some((role, rest))) => added(&text.word("role", role), rest),
        (_, _, _) => text.word("detail", detail),
    };
    printable(&said)
}

/// A person who was added: role, name and the beginning of the id.
fn added(role: &str, rest: &str) -> String {
    match rest.rsplit_once(' ') {
        Some((name, id)) => format!("{role} {name} {}", short(id)),
        None => format!("{role} {rest}"),
    }
}

fn exported(context: &Context, answer: &AuditExported) -> String {
    let arguments = [
        ("first", answer.first.into()),
        ("last", answer.last.into()),
        ("shown", answer.shown.into()),
        ("withheld", answer.withheld.into()),
    ];
    context.text.say("audit-done-exported", &arguments)
}

/// Which link does not hold, and why, in words.
fn broken_words(context: &Context, broken: &AuditBroken) -> String {
    let why = context.text.word("broken", &broken.why);
    let arguments = [("number", broken.sequence.into()), ("why", why.into())];
    context.text.say("audit-broken", &arguments)
}

/// What a check found, in words.
fn found(context: &Context, verdict: &AuditVerdict) -> String {
    let node = [("node", verdict.node.as_str().into())];
    let mut lines = vec![context.text.say("audit-node", &node)];
    let arguments = [
        ("first", verdict.first.into()),
        ("last", verdict.last.into()),
        ("verified", verdict.verified.into()),
        ("withheld", verdict.withheld.into()),
    ];
    match &verdict.broken {
        None => lines.push(context.text.say("audit-holds", &arguments)),
        Some(broken) => lines.push(broken_words(context, broken)),
    }
    if verdict.unsigned > 0 {
        let unsigned = [("unsigned", verdict.unsigned.into())];
        lines.push(context.text.say("audit-unsigned", &unsigned));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use linli_core::audit::{Broken, What, Why};

    use super::*;
    use crate::text::{Language, Text};

    #[test]
    fn every_kind_and_every_break_is_said_in_both_languages() {
        let breaks = [
            Why::Malformed,
            Why::Hash,
            Why::Gap,
            Why::Order,
            Why::Signature,
            Why::Signer,
            Why::Unfinished,
            Why::Closing,
        ];
        let why = |why| AuditBroken::from(Broken { sequence: 1, why }).why;
        let mut keys: Vec<String> =
            What::ALL.iter().map(|what| format!("act-{}", what.word())).collect();
        keys.extend(breaks.into_iter().map(|broken| format!("broken-{}", why(broken))));
        for language in [Language::Zh, Language::En] {
            let text = Text::of(language);
            let missing: Vec<_> = keys.iter().filter(|key| text.find(key).is_none()).collect();
            assert!(missing.is_empty(), "{language:?}: {missing:?}");
        }
    }
}
