//! Requests in words: an officer reads what is signed before it is.

use linli_node::api::{
    hand_over::PartyWords,
    officers::{DeedRow, DeviceRow, RequestRow, RequestState},
};

use crate::{
    context::Context,
    failure::Exit,
    output::{self, printable},
    prompt,
};

/// All that a request asks, and who has signed.
pub(crate) fn request(context: &Context, row: &RequestRow) -> String {
    let text = &context.text;
    let head = [
        ("name", printable(&row.name).into()),
        ("community", row.community.as_str().into()),
        ("at", context.zone.show(row.at_ms).into()),
    ];
    let mut lines = vec![text.say("request-head", &head)];
    lines.extend(row.deeds.iter().map(|deed| details(context, deed)));
    let count = [("signed", row.signed.len().into()), ("needed", row.needed.into())];
    lines.push(text.say("request-count", &count));
    lines.extend(keys(context, "deed-officer-signed", &row.signed));
    lines.extend(keys(context, "deed-officer-lacking", &row.lacking));
    lines.join("\n")
}

/// Shows the request and asks whether to sign it. A script that has decided hears only the answer.
pub(crate) fn agreed(context: &Context, row: &RequestRow, yes: bool) -> anyhow::Result<bool> {
    if !(yes && context.json) {
        output::complain(&request(context, row));
    }
    match yes {
        true => Ok(true),
        false => prompt::agrees(&context.text.say("request-ask", &[])),
    }
}

/// Shows how a request stands after something was done: done, or waiting for signatures.
pub(crate) fn settle(context: &Context, row: &RequestRow) -> anyhow::Result<Exit> {
    context.show(row, || {
        let said = match row.state {
            RequestState::Counts => context.text.say("request-counts", &[]),
            RequestState::Outdated => context.text.say("error-request-old-officers", &[]),
            RequestState::Waits => {
                context.text.say("request-waits", &[("id", crate::verb::short(&row.id).into())])
            }
        };
        format!("{}\n\n{said}", request(context, row))
    })?;
    Ok(match row.state {
        RequestState::Counts => Exit::DONE,
        RequestState::Waits | RequestState::Outdated => Exit::WAITS,
    })
}

/// Whether a request begins a community: no node takes it in before `linli community finish`.
pub(crate) fn founds(row: &RequestRow) -> bool {
    row.deeds.iter().any(|deed| matches!(deed, DeedRow::Found { .. }))
}

/// One line for a list.
pub(crate) fn title(context: &Context, deed: &DeedRow) -> String {
    let of = |kind: Option<&String>, name: Option<&String>| {
        let kind = kind.map(|kind| context.text.word("kind", kind)).unwrap_or_default();
        let name = name.map(|name| printable(name)).unwrap_or_default();
        format!("{kind} {name}").trim().to_owned()
    };
    match deed {
        DeedRow::Found { .. } => context.text.say("deed-found-title", &[]),
        DeedRow::Officers { .. } => context.text.say("deed-officers-title", &[]),
        DeedRow::Enrol { kind, name, .. } => {
            let who = of(Some(kind), name.as_ref());
            context.text.say("deed-enrol-title", &[("who", who.into())])
        }
        DeedRow::ExpelParty { kind, name, .. } => {
            let who = of(kind.as_ref(), name.as_ref());
            context.text.say("deed-expel-party-title", &[("who", who.into())])
        }
        DeedRow::ExpelNode { label, .. } => {
            let label = label.as_deref().map(printable).unwrap_or_default();
            context.text.say("deed-expel-node-title", &[("label", label.into())])
        }
        DeedRow::HandOver { elder, .. } => {
            context.text.say("deed-hand-over-title", &[("elder", printable(elder).into())])
        }
    }
}

fn details(context: &Context, deed: &DeedRow) -> String {
    let text = &context.text;
    let mut lines = Vec::new();
    match deed {
        DeedRow::Found { officers, threshold } => {
            let arguments =
                [("officers", officers.len().into()), ("threshold", (*threshold).into())];
            lines.push(text.say("deed-found", &arguments));
            lines.extend(officers.iter().map(|officer| format!("  {officer}")));
        }
        DeedRow::Officers { come, go, stay, threshold, struck_keeping } => {
            let count = come.len() + stay.len();
            let arguments = [("officers", count.into()), ("threshold", (*threshold).into())];
            lines.push(text.say("deed-officers", &arguments));
            lines.extend(keys(context, "deed-officer-goes", go));
            lines.extend(keys(context, "deed-officer-comes", come));
            lines.extend(keys(context, "deed-officer-stays", stay));
            if let Some(kept) = struck_keeping {
                lines.push(text.say("deed-struck", &[("kept", (*kept).into())]));
            }
            lines.push(text.say("deed-officers-rivals", &[]));
        }
        DeedRow::Enrol { party, kind, name, nodes } => {
            let arguments = [
                ("kind", text.word("kind", kind).into()),
                ("name", named(context, name.as_ref()).into()),
                ("party", party.as_str().into()),
            ];
            lines.push(text.say("deed-enrol", &arguments));
            lines.extend(devices(context, nodes));
        }
        DeedRow::ExpelParty { party, kind, name, nodes } => {
            let kind = kind.as_ref().map(|kind| text.word("kind", kind)).unwrap_or_default();
            let arguments = [
                ("kind", kind.into()),
                ("name", named(context, name.as_ref()).into()),
                ("party", party.as_str().into()),
            ];
            lines.push(text.say("deed-expel-party", &arguments));
            lines.extend(devices(context, nodes));
        }
        DeedRow::ExpelNode { node, label, kind, name } => {
            let kind = kind.as_ref().map(|kind| text.word("kind", kind)).unwrap_or_default();
            let arguments = [
                ("label", named(context, label.as_ref()).into()),
                ("kind", kind.into()),
                ("name", named(context, name.as_ref()).into()),
                ("node", node.as_str().into()),
            ];
            lines.push(text.say("deed-expel-node", &arguments));
        }
        DeedRow::HandOver { elder, scopes, from, to, steward } => {
            let kinds: Vec<String> = scopes.iter().map(|kind| text.word("kind", kind)).collect();
            let arguments = [
                ("elder", printable(elder).into()),
                ("kinds", printable(&kinds.join(", ")).into()),
            ];
            lines.push(text.say("deed-hand-over", &arguments));
            lines.extend(party(context, "deed-hand-over-from", from.as_deref()));
            lines.extend(party(context, "deed-hand-over-to", to.as_deref()));
            if let Some(steward) = steward {
                lines.extend(party(context, "deed-hand-over-steward", Some(steward)));
            }
            lines.push(text.say("deed-hand-over-words", &[]));
        }
    }
    lines.join("\n")
}

/// A party of a hand-over, with its devices; none is the community.
fn party(context: &Context, key: &str, words: Option<&PartyWords>) -> Vec<String> {
    let text = &context.text;
    let Some(words) = words else {
        let community = text.say("deed-hand-over-community", &[]);
        return vec![text.say_key(key, &[("party", community.into())])];
    };
    let kind = words.kind.as_ref().map(|kind| text.word("kind", kind)).unwrap_or_default();
    let arguments = [
        ("kind", kind.into()),
        ("name", named(context, words.name.as_ref()).into()),
        ("party", words.party.as_str().into()),
    ];
    let who = text.say("deed-hand-over-party", &arguments);
    let mut lines = vec![text.say_key(key, &[("party", who.into())])];
    if words.expelled {
        lines.push(text.say("deed-hand-over-expelled", &[]));
    }
    lines.extend(devices(context, &words.nodes));
    lines
}

fn named(context: &Context, name: Option<&String>) -> String {
    name.map_or_else(|| context.text.say("deed-no-name", &[]), |name| printable(name))
}

fn keys(context: &Context, key: &str, officers: &[String]) -> Vec<String> {
    let line =
        |officer: &String| context.text.say_key(key, &[("officer", officer.as_str().into())]);
    officers.iter().map(line).collect()
}

fn devices(context: &Context, nodes: &[DeviceRow]) -> Vec<String> {
    let line = |device: &DeviceRow| {
        let arguments =
            [("label", printable(&device.label).into()), ("node", device.node.as_str().into())];
        context.text.say("deed-device", &arguments)
    };
    nodes.iter().map(line).collect()
}
