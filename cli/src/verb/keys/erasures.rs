use linli_node::api::erasure::{ErasureList, ErasureNode, ErasureRow};

use crate::{context::Context, failure::Exit, output::printable};

#[derive(Debug, clap::Args)]
pub(crate) struct Erasures {}

impl Erasures {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.ask(&ErasureList {}).await?;
        context.show(&answer, || match answer.is_empty() {
            true => context.text.say("nothing", &[]),
            false => {
                let orders: Vec<String> = answer.iter().map(|row| order(context, row)).collect();
                orders.join("\n\n")
            }
        })
    }
}

fn order(context: &Context, row: &ErasureRow) -> String {
    let id = super::super::short(&row.order);
    let given = context.zone.show(row.at_ms);
    let mut lines = vec![match &row.details {
        Some(details) => {
            let arguments = [
                ("order", id.into()),
                ("at", given.into()),
                ("scope", context.text.word("erased-kind", &details.kind).into()),
                ("elder", super::super::short(&details.elder).into()),
                ("reason", printable(&details.reason).into()),
            ];
            context.text.say("erasure-own", &arguments)
        }
        None => {
            let arguments = [("order", id.into()), ("at", given.into())];
            context.text.say("erasure-other", &arguments)
        }
    }];
    lines.extend(row.confirmed.iter().map(|node| {
        let at = context.zone.show_known(node.confirmed_ms);
        let arguments = [("who", who(node).into()), ("at", at.into())];
        context.text.say("erasure-confirmed", &arguments)
    }));
    match &row.unconfirmed {
        None => {}
        Some(nodes) if nodes.is_empty() => lines.push(context.text.say("erasure-complete", &[])),
        Some(nodes) => lines.extend(nodes.iter().map(|node| waiting(context, node))),
    }
    lines.join("\n")
}

fn waiting(context: &Context, node: &ErasureNode) -> String {
    let seen = context.zone.show_known(node.last_seen_ms);
    let arguments = [("who", who(node).into()), ("seen", seen.into())];
    match node.expelled {
        true => context.text.say("erasure-expelled", &arguments),
        false => context.text.say("erasure-waits", &arguments),
    }
}

/// A node by its device, its party where that has a name, and the beginning of its id.
fn who(node: &ErasureNode) -> String {
    let party = node.party_name.as_deref().map(|name| format!("{}, ", printable(name)));
    let party = party.unwrap_or_default();
    format!("{} ({party}{})", printable(&node.label), super::super::short(&node.node))
}
