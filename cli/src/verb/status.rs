use linli_node::api::{
    network::{self, StatusAnswer, UnfoundedPrune},
    reach::RelayRow,
};

use super::peers;
use crate::{context::Context, failure::Exit, output::printable};

#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.ask(&network::Status {}).await?;
        context.show(&answer, || {
            let peers = peers::brief(context, &answer.peers);
            format!("{}\n\n{peers}\n\n{}", head(context, &answer), health(context, &answer))
        })
    }
}

/// Who this node is.
fn head(context: &Context, answer: &StatusAnswer) -> String {
    let text = &context.text;
    let community = match &answer.community {
        Some((name, id)) => text.say(
            "status-community",
            &[("name", printable(name).into()), ("id", id.as_str().into())],
        ),
        None => text.say("status-no-community", &[]),
    };
    let kind = answer.kind.as_ref().map(|kind| text.word("kind", kind)).unwrap_or_default();
    let node = text.say(
        "status-node",
        &[
            ("label", printable(&answer.label).into()),
            ("kind", kind.into()),
            ("node", answer.node.as_str().into()),
            ("version", answer.version.as_str().into()),
        ],
    );
    format!("{node}\n{community}")
}

/// What it holds, and what an operator should know.
fn health(context: &Context, answer: &StatusAnswer) -> String {
    let text = &context.text;
    let mut lines = vec![
        text.say(
            "status-documents",
            &[
                ("held", answer.documents_held.into()),
                ("readable", answer.documents_readable.into()),
            ],
        ),
        text.say(
            "status-entries",
            &[
                ("held", answer.entries_held.into()),
                ("carried", answer.entries_carried.into()),
                ("withheld", answer.entries_withheld.into()),
            ],
        ),
        text.say("status-alerts", &[("open", answer.alerts_open.into())]),
        plans(context, answer),
        text.say("status-store", &[("kib", answer.store_bytes.div_ceil(1024).into())]),
        text.say(
            "status-blobs",
            &[
                ("held", answer.blobs.held.into()),
                ("mib", answer.blobs.bytes.div_ceil(1 << 20).into()),
                ("missing", answer.blobs.missing.into()),
            ],
        ),
        text.say(
            "status-times",
            &[
                ("now", context.zone.show(answer.now_ms).into()),
                ("ends", context.zone.show_known(answer.ends_ms).into()),
            ],
        ),
        text.say("status-addresses", &[("addresses", listed(&answer.addresses).into())]),
        text.say("status-relays", &[("relays", relays(context, answer).into())]),
    ];
    let off = |off| super::sensor::off(text, &context.zone, off);
    lines.extend(answer.monitoring.iter().map(off));
    if !answer.reach.public.is_empty() {
        let addresses = listed(&answer.reach.public);
        lines.push(text.say("status-public", &[("addresses", addresses.into())]));
    }
    if answer.logs_late > 0 {
        lines.push(text.say("status-late", &[("logs", answer.logs_late.into())]));
    }
    if answer.requests_waiting > 0 {
        lines.push(text.say("status-requests", &[("waiting", answer.requests_waiting.into())]));
    }
    let unfounded = answer.prunes_unfounded.iter().map(|row| unfounded(context, row));
    lines.extend(unfounded.map(|what| text.say("status-warning", &[("what", what.into())])));
    let went_back = answer.went_back.iter().map(|node| peers::went_back(context, node));
    lines.extend(went_back.map(|what| text.say("status-warning", &[("what", what.into())])));
    lines.extend(
        answer
            .warnings
            .iter()
            .map(|warning| text.say("status-warning", &[("what", printable(warning).into())])),
    );
    lines.join("\n")
}

/// What relays are told to forget, though nobody stands for it.
pub(super) fn unfounded(context: &Context, row: &UnfoundedPrune) -> String {
    let arguments = [
        ("document", printable(&row.document).into()),
        ("orders", row.orders.into()),
        ("at", context.zone.show(row.prunes_from_ms).into()),
        ("why", context.text.word("prune-flaw", &row.why).into()),
    ];
    context.text.say("prune-unfounded", &arguments)
}

/// The plans that are in force.
fn plans(context: &Context, answer: &StatusAnswer) -> String {
    let rows: Vec<String> =
        answer.plans.iter().map(|plan| super::plan::in_force(context, plan)).collect();
    context.text.say("status-plans", &[("plans", listed(&rows).into())])
}

/// The relays it uses, and how each is.
fn relays(context: &Context, answer: &StatusAnswer) -> String {
    let row = |relay: &RelayRow| {
        let state = super::doctor::state(relay.state, &context.text);
        let url = printable(&relay.url);
        context.text.say("status-relay", &[("url", url.into()), ("state", state.into())])
    };
    listed(&answer.reach.relays.iter().map(row).collect::<Vec<_>>())
}

fn listed(items: &[String]) -> String {
    match items.is_empty() {
        true => "–".to_owned(),
        false => items.join(", "),
    }
}
