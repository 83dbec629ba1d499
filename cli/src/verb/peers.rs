use linli_node::api::{
    network::{Path, PeerRow, Status, WentBack},
    reach::Why,
};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Peers {}

impl Peers {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let peers = context.ask(&Status {}).await?.peers;
        context.show(&peers, || full(context, &peers))
    }
}

/// What `status` shows of each peer.
pub(super) fn brief(context: &Context, peers: &[PeerRow]) -> String {
    let row = |peer: &PeerRow| {
        vec![
            name(peer),
            context.text.word("kind", &peer.kind),
            path(context, peer),
            context.zone.show_known(peer.since_ms),
            why(context, peer),
            context.zone.show_known(peer.last_seen_ms),
            peer.waiting_entries.to_string(),
        ]
    };
    let columns = Columns(&["peer", "kind", "path", "since", "why", "last-seen", "waiting"]);
    columns.table(&context.text, peers.iter().map(row).collect())
}

/// A node that holds less than it has said to hold.
pub(super) fn went_back(context: &Context, node: &WentBack) -> String {
    let arguments = [
        ("label", printable(&node.label).into()),
        ("at", context.zone.show(node.at_ms).into()),
        ("documents", node.documents.into()),
        ("missing", node.missing.into()),
    ];
    context.text.say("went-back", &arguments)
}

fn full(context: &Context, peers: &[PeerRow]) -> String {
    let text = &context.text;
    let row = |peer: &PeerRow| {
        let synced = if peer.synced { text.say("yes", &[]) } else { text.say("no", &[]) };
        vec![
            short(&peer.node),
            name(peer),
            text.word("kind", &peer.kind),
            path(context, peer),
            why(context, peer),
            peer.address.clone().unwrap_or_else(|| "–".to_owned()),
            context.zone.show_known(peer.since_ms),
            context.zone.show_known(peer.last_seen_ms),
            peer.waiting_entries.to_string(),
            synced,
            peer.sent_bytes.to_string(),
            peer.received_bytes.to_string(),
        ]
    };
    let columns = Columns(&[
        "node",
        "peer",
        "kind",
        "path",
        "why",
        "address",
        "since",
        "last-seen",
        "waiting",
        "synced",
        "sent",
        "received",
    ]);
    columns.table(text, peers.iter().map(row).collect())
}

/// The party's public name and the device's; a household has only the latter.
fn name(peer: &PeerRow) -> String {
    match &peer.party_name {
        Some(party) => printable(&format!("{party} / {}", peer.label)),
        None => printable(&peer.label),
    }
}

/// Why it is reached so, and what was said of it.
fn why(context: &Context, peer: &PeerRow) -> String {
    let Some(why) = peer.why else { return "–".to_owned() };
    let word = super::doctor::word(why, &context.text);
    match &peer.words {
        Some(words) if why == Why::Refused => format!("{word}: {}", printable(words)),
        _ => word,
    }
}

fn path(context: &Context, peer: &PeerRow) -> String {
    match peer.path {
        Path::Direct if peer.lan => context.text.say("path-lan", &[]),
        Path::Direct => context.text.say("path-direct", &[]),
        Path::Relayed => context.text.say("path-relayed", &[]),
        Path::Away => context.text.say("path-away", &[]),
    }
}
