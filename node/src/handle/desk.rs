//! The officer's desk: what waits for an officer at this node, section by section.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::id::{PartyId, SpaceTag, Timestamp};
use uuid::Uuid;

use super::{Outcome, elders, erasures, held, now_known, spaces};
use crate::api::Detail;
use crate::api::grants::PartyRef;
use crate::api::officers::{DeedRow, Desk, DeskItem, RequestRow, RequestState, kind_word};
use crate::catalogue::{Name, Withdrawn};
use crate::node::{Node, now, world};

/// What ends within this is shown, and what was withdrawn so long ago. Nodes renew their certificates 60
/// days before, so that one that is shown has been away for a month.
const ENDING_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// The sections, in the order they are shown.
const SECTIONS: [fn(&mut Node) -> Vec<DeskItem>; 6] =
    [requests, endings, grants, held_back, consents, erasures::waiting];

pub(crate) fn list(node: &mut Node, _: Desk) -> Outcome<Vec<DeskItem>> {
    elders::refresh(node);
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

/// Grants near their end, by party and kind of data. Those of orders end by themselves as they should.
fn grants(node: &mut Node) -> Vec<DeskItem> {
    let at = now();
    let mut ending: BTreeMap<(PartyId, String), (Timestamp, u64)> = BTreeMap::new();
    for space in node.core.spaces().collect::<Vec<_>>() {
        let Ok(outline) = node.core.outline(world(&node.replica, &node.store), space) else {
            continue;
        };
        let near = |(ends, _): &&(Timestamp, PartyId)| *ends >= at && *ends < at.plus_ms(ENDING_MS);
        if outline.kind == spaces::ORDER {
            continue;
        }
        for (ends, party) in outline.ends.iter().flat_map(|ends| ends.iter()).filter(near) {
            let (first, count) = ending.entry((*party, outline.kind.clone())).or_insert((*ends, 0));
            (*first, *count) = ((*first).min(*ends), *count + 1);
        }
    }
    let item = |((party, kind), (ends, count)): ((PartyId, String), (Timestamp, u64))| {
        let of = spaces::party_ref(node, party);
        let arguments = [
            ("party", called(&of)),
            ("kind", kind),
            ("count", count.to_string()),
            ("ends_ms", ends.0.to_string()),
        ];
        let detail = Detail::new("inbox-grants", &arguments);
        DeskItem { section: "ending".to_owned(), id: of.party, due_ms: Some(ends.0), detail }
    };
    let mut items: Vec<DeskItem> = ending.into_iter().map(item).collect();
    items.sort_by_key(|item| item.due_ms);
    items
}

/// A party's name, or the beginning of its id.
fn called(party: &PartyRef) -> String {
    party.name.clone().unwrap_or_else(|| party.party.chars().take(8).collect())
}

/// Entries that wait for the judgement of this party, by author.
fn held_back(node: &mut Node) -> Vec<DeskItem> {
    let rows = held::waiting(node).unwrap_or_else(|error| {
        tracing::error!(%error, "what is held back cannot be looked at");
        Vec::new()
    });
    let mut by: BTreeMap<String, (PartyRef, String, u64)> = BTreeMap::new();
    for row in rows {
        let party = row.by.party;
        let (_, _, count) = by.entry(party.party.clone()).or_insert_with(|| (party, row.entry, 0));
        *count += 1;
    }
    let item = |(party, entry, count): (PartyRef, String, u64)| {
        let arguments = [("party", called(&party)), ("count", count.to_string())];
        let detail = Detail::new("inbox-held", &arguments);
        DeskItem { section: "held".to_owned(), id: entry, due_ms: None, detail }
    };
    by.into_values().map(item).collect()
}

/// Consents that were withdrawn lately, and those of any age on which a grant still rests.
fn consents(node: &mut Node) -> Vec<DeskItem> {
    let at = now();
    let withdrawn: Vec<(Uuid, Withdrawn)> =
        node.catalogue.withdrawn().map(|(elder, of)| (elder, of.clone())).collect();
    let mut about: BTreeMap<Uuid, BTreeSet<SpaceTag>> = BTreeMap::new();
    if !withdrawn.is_empty() {
        for (_, row) in node.catalogue.rows() {
            if let Name::Elder(elder, _) = &row.name {
                about.entry(*elder).or_default().insert(row.space);
            }
        }
    }
    let mut items = Vec::new();
    for (elder, Withdrawn { consent, party, at_ms }) in withdrawn {
        let of_elder = about.get(&elder).into_iter().flatten();
        let rests = of_elder.filter(|space| rests_on(node, **space, &consent)).count() > 0;
        if !rests && at.since_ms(Timestamp(at_ms)) > ENDING_MS {
            continue;
        }
        let key = if rests { "inbox-consent-rests" } else { "inbox-consent" };
        let party = party.parse().map(|party| spaces::party_ref(node, party)).unwrap_or_default();
        let arguments = [("party", called(&party)), ("at_ms", at_ms.to_string())];
        let (detail, id) = (Detail::new(key, &arguments), elder.to_string());
        items.push(DeskItem { section: "consent".to_owned(), id, due_ms: None, detail });
    }
    items
}

/// Says whether a grant that stands in a space rests on a consent.
fn rests_on(node: &Node, space: SpaceTag, consent: &str) -> bool {
    let world = world(&node.replica, &node.store);
    let rests = node.core.glance(world, space, |space| {
        let mut grants = space.state().members.values().flat_map(|member| &member.grants);
        grants.any(|grant| {
            let standing = grant.ends.is_none_or(|ends| world.now <= ends);
            standing && grant.consent.as_deref() == Some(consent)
        })
    });
    rests.unwrap_or(false)
}
