//! The officer's desk: what waits for an officer at this node, section by section.

use super::{Outcome, now_known};
use crate::api::Detail;
use crate::api::officers::{DeedRow, Desk, DeskItem, RequestRow, RequestState, kind_word};
use crate::node::{Node, now};

/// Certificates that end within this are shown: nodes renew theirs 60 days before, so that such a node
/// has been away for a month.
const ENDING_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// The sections, in the order they are shown.
const SECTIONS: [fn(&mut Node) -> Vec<DeskItem>; 2] = [requests, endings];

pub(crate) fn list(node: &mut Node, _: Desk) -> Outcome<Vec<DeskItem>> {
    now_known(SECTIONS.iter().flat_map(|section| section(node)).collect())
}

/// Signatures that are asked, and parties that wait to be enrolled.
fn requests(node: &mut Node) -> Vec<DeskItem> {
    let under = node.replica.directory().officers().0;
    let rows = node.requests.waiting().map(|r| RequestRow::of(r, r.under() != under));
    let hand_overs = node
        .requests
        .hand_overs()
        .map(|r| RequestRow::of_hand_over(r, r.statement().officers != under));
    let rows = rows.chain(hand_overs);
    rows.map(|row| {
        let (section, key, kind) = match (row.state, row.deeds.first()) {
            (RequestState::Outdated, _) => ("signature", "inbox-outdated", None),
            (_, Some(DeedRow::Enrol { kind, .. })) => {
                ("enrolment", "inbox-enrolment", Some(kind.clone()))
            }
            (_, Some(DeedRow::Officers { .. })) => ("signature", "inbox-officers", None),
            (_, Some(DeedRow::ExpelParty { kind, .. } | DeedRow::ExpelNode { kind, .. })) => {
                ("signature", "inbox-expulsion", kind.clone())
            }
            (_, Some(DeedRow::HandOver { .. })) => ("signature", "inbox-hand-over", None),
            (_, Some(DeedRow::Found { .. }) | None) => ("signature", "inbox-signature", None),
        };
        let arguments = [
            ("signed", row.signed.len().to_string()),
            ("needed", row.needed.to_string()),
            ("since_ms", row.at_ms.to_string()),
            ("kind", kind.unwrap_or_default()),
        ];
        let detail = Detail::new(key, &arguments);
        DeskItem { section: section.to_owned(), id: row.id, due_ms: None, detail }
    })
    .collect()
}

/// Nodes whose certificate is near its end, or past it.
fn endings(node: &mut Node) -> Vec<DeskItem> {
    let at = now();
    let near = |member: &&linli_replica::directory::Node| {
        !member.expelled && member.ends < at.plus_ms(ENDING_MS)
    };
    let mut items: Vec<DeskItem> = node
        .replica
        .directory()
        .nodes()
        .filter(|(_, member)| near(member))
        .map(|(id, member)| {
            let key = if member.ends < at { "inbox-ended" } else { "inbox-ending" };
            let arguments = [
                ("label", member.label.clone()),
                ("kind", kind_word(member.kind)),
                ("ends_ms", member.ends.0.to_string()),
            ];
            let detail = Detail::new(key, &arguments);
            let due_ms = Some(member.ends.0);
            DeskItem { section: "ending".to_owned(), id: id.to_string(), due_ms, detail }
        })
        .collect();
    items.sort_by_key(|item| item.due_ms);
    items
}
