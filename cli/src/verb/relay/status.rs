use linli_node::control::{Client, ClientError};
use linli_relay::{Ill, PeerStatus, STATUS_SOCKET, Status as Standing, Way};

use crate::{
    context::Context,
    failure::{CliError, Exit},
    output::{Columns, printable},
    verb::short,
};

/// Members that are shown: those for whom most is kept.
const ROWS_MAX: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

impl Status {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let socket = context.home()?.path().join(STATUS_SOCKET);
        let client = match Client::connect(&socket).await {
            Err(ClientError::NotRunning { .. }) => return Err(CliError::RelayNotRunning.into()),
            connected => connected?,
        };
        let (_, page) = client.look("/status").await?;
        let standing: Standing = serde_json::from_value(page).map_err(ClientError::Answer)?;
        context.show(&standing, || screen(context, &standing))
    }
}

/// Everything an operator looks for, on one screen.
fn screen(context: &Context, of: &Standing) -> String {
    format!("{}\n\n{}\n\n{}", head(context, of), kept(context, of), members(context, of))
}

/// Who the relay is, and whether it does its work.
fn head(context: &Context, of: &Standing) -> String {
    let (text, zone) = (&context.text, &context.zone);
    let mut lines = vec![
        text.say(
            "relay-status-node",
            &[
                ("node", of.node.as_str().into()),
                ("version", of.version.as_str().into()),
                ("since", zone.show(of.since_ms).into()),
            ],
        ),
        text.say(
            "relay-status-community",
            &[
                ("name", printable(&of.name).into()),
                ("id", of.community.as_str().into()),
                ("ends", zone.show_known(of.ends_ms).into()),
            ],
        ),
    ];
    if let Some(hash) = &of.fingerprint {
        lines.push(text.say("relay-status-fingerprint", &[("hash", hash.as_str().into())]));
    }
    lines.push(match of.ill() {
        None => text.say("relay-well", &[]),
        Some(Ill::Store) => {
            let problem = of.problem.as_deref().map(printable).unwrap_or_default();
            text.say("relay-ill-store", &[("problem", problem.into())])
        }
        Some(Ill::Full) => text.say("relay-ill-full", &[]),
        Some(Ill::NotAdmitted) => text.say("relay-ill-not-admitted", &[]),
        Some(Ill::Silent) => text.say("relay-ill-silent", &[]),
    });
    if of.admitted && !of.carrier {
        lines.push(text.say("relay-no-carrier", &[]));
    }
    lines.join("\n")
}

/// What it keeps, of what it may.
fn kept(context: &Context, of: &Standing) -> String {
    let text = &context.text;
    let held = text.say(
        "relay-status-held",
        &[
            ("documents", of.held.documents.into()),
            ("entries", of.held.entries.into()),
            ("mib", mib(of.held.bytes).into()),
        ],
    );
    let quota = text.say(
        "relay-status-quota",
        &[
            ("used", mib(of.quota.community_used).into()),
            ("all", mib(of.quota.community_bytes).into()),
            ("each", mib(of.quota.bytes).into()),
            ("refused", of.quota.refused.into()),
        ],
    );
    let gone = [
        ("entries", of.held.pruned_entries.into()),
        ("mib", mib(of.held.pruned_bytes).into()),
        ("logs", of.held.late_logs.into()),
        ("orders", of.held.prune_orders.into()),
    ];
    let any = of.held.late_logs > 0 || of.held.prune_orders > 0;
    let pruned = any.then(|| text.say("relay-status-pruned", &gone));
    let keeps_all = (!of.held.prunes).then(|| text.say("relay-status-keeps-all", &[]));
    let lines = [Some(held), pruned, keeps_all, Some(quota)];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Who is connected, and for whom most is kept.
fn members(context: &Context, of: &Standing) -> String {
    let text = &context.text;
    let on = |way| of.peers.iter().filter(|peer| peer.connected == way).count();
    let head = text.say(
        "relay-status-members",
        &[
            ("all", of.peers.len().into()),
            ("direct", on(Some(Way::Direct)).into()),
            ("relayed", on(Some(Way::Relayed)).into()),
            ("away", on(None).into()),
            ("connected", of.relay.connected.into()),
            ("refused", of.relay.refused.into()),
        ],
    );
    let mut most: Vec<&PeerStatus> = of.peers.iter().collect();
    most.sort_by_key(|peer| std::cmp::Reverse(peer.bytes));
    let row = |peer: &&PeerStatus| {
        let path = match peer.connected {
            Some(Way::Direct) => text.say("path-direct", &[]),
            Some(Way::Relayed) => text.say("path-relayed", &[]),
            None => text.say("path-away", &[]),
        };
        let at_relay = if peer.at_relay { text.say("yes", &[]) } else { text.say("no", &[]) };
        let share = peer.bytes.saturating_mul(100) / of.quota.bytes.max(1);
        let (kept, spaces) = (mib(peer.bytes).to_string(), peer.spaces.to_string());
        vec![short(&peer.node), path, at_relay, kept, format!("{share} %"), spaces]
    };
    let columns = Columns(&["node", "path", "at-relay", "kept-mib", "share", "spaces"]);
    let rows = most.iter().take(ROWS_MAX).map(row).collect();
    format!("{head}\n{}", columns.table(text, rows))
}

/// Whole MiB, what is begun counted.
fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
