use linli_node::api::grants::{Exposure, HadRow, KeysExposure, NodeRef};

use super::{consent::scope, grants::party};
use crate::{context::Context, failure::Exit, output::printable, verb::short};

#[derive(Debug, clap::Args)]
pub(crate) struct Ask {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The removed party's id or name
    party: String,
}

impl Ask {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.look(KeysExposure { elder: self.elder, party: self.party }).await?;
        context.show(&answer, || told(context, &answer))
    }
}

/// What a removal takes, what it cannot take back, and who has not learned of it.
pub(super) fn told(context: &Context, statements: &[Exposure]) -> String {
    statements.iter().map(|one| statement(context, one)).collect::<Vec<_>>().join("\n\n")
}

fn statement(context: &Context, exposure: &Exposure) -> String {
    let (text, zone) = (&context.text, &context.zone);
    let named = [
        ("party", party(context, &exposure.party).into()),
        ("scope", scope(context, &exposure.scope).into()),
        ("purposes", printable(&exposure.remaining.join(", ")).into()),
    ];
    let first = match (exposure.removed, exposure.remaining.is_empty()) {
        (false, _) => return text.say("exposure-not-removed", &named),
        (true, false) => text.say("exposure-some-remain", &named),
        (true, true) => text.say("exposure-removed", &named),
    };
    let mut lines = vec![first];
    if exposure.had.is_empty() {
        lines.push(text.say("exposure-had-nothing", &[]));
    } else {
        lines.push(text.say("exposure-had", &[]));
        lines.extend(exposure.had.iter().map(|row| had(context, row)));
        let times = [
            ("known", zone.show_known(exposure.known_until_ms).into()),
            ("could", zone.show_known(exposure.could_until_ms).into()),
        ];
        lines.push(text.say("exposure-until", &times));
    }
    if exposure.unaware.is_empty() && exposure.aware == 0 {
        lines.push(text.say("exposure-no-others", &[]));
    } else if exposure.unaware.is_empty() {
        lines.push(text.say("exposure-all-aware", &[("count", exposure.aware.into())]));
    } else {
        lines.push(text.say("exposure-unaware", &[("count", exposure.aware.into())]));
        lines.extend(exposure.unaware.iter().map(|node| unaware(context, node)));
    }
    if !exposure.ended_with_it.is_empty() {
        let others = exposure.ended_with_it.iter().map(|other| party(context, other));
        let others = others.collect::<Vec<_>>().join(", ");
        lines.push(text.say("exposure-ended-with-it", &[("parties", others.into())]));
    }
    lines.join("\n")
}

fn had(context: &Context, row: &HadRow) -> String {
    let arguments = [
        ("kind", context.text.word("kind", &row.kind).into()),
        ("documents", row.documents.into()),
        ("entries", row.entries.into()),
        ("known", row.known.into()),
    ];
    let entries = context.text.say("exposure-had-kind", &arguments);
    if row.files == 0 {
        return entries;
    }
    let arguments = [("files", row.files.into()), ("known", row.files_known.into())];
    format!("{entries}; {}", context.text.say("exposure-had-files", &arguments))
}

fn unaware(context: &Context, node: &NodeRef) -> String {
    let label = printable(&node.label);
    format!("  {label} ({}, {})", party(context, &node.party), short(&node.node))
}
