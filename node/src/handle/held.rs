//! What is held back: listed, looked at, admitted and refused by a steward.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::document::{Withheld, WithheldEntry};
use linli_model::document::DocumentName;
use linli_replica::id::{DocTag, EntryId, NodeId, PartyId, SpaceTag};

use super::{Outcome, elders, not_found, now_known, spaces};
use crate::api::grants::{HeldEntry, HeldJudge, HeldList, HeldRow, HeldShow, NodeRef};
use crate::api::{ApiError, Code, Done};
use crate::catalogue::Name;
use crate::node::{Node, world};

/// An entry that is held back, and where it stands.
struct Held {
    space: SpaceTag,
    document: DocTag,
    entry: WithheldEntry,
    row: HeldRow,
}

pub(crate) fn list(node: &mut Node, request: HeldList) -> Outcome<Vec<HeldRow>> {
    let about = match &request.elder {
        None => None,
        Some(elder) => {
            let elder = elders::find(node, elder)?;
            Some(spaces::about(node, elder)?.into_iter().map(|(space, _)| space).collect())
        }
    };
    let mut rows: Vec<HeldRow> = find(node, about)?.into_iter().map(|held| held.row).collect();
    rows.retain(|row| request.all || !row.refused);
    rows.sort_by(|a, b| (a.at_ms, &a.entry).cmp(&(b.at_ms, &b.entry)));
    now_known(rows)
}

/// Finds what is held back: in some spaces everything; in all spaces what a look at their certificates,
/// or at documents that are open, gives reason to look for.
fn find(node: &mut Node, about: Option<BTreeSet<SpaceTag>>) -> Result<Vec<Held>, ApiError> {
    elders::refresh(node);
    let all = about.is_none();
    let spaces = about.unwrap_or_else(|| node.core.spaces().collect());
    let mut found = Vec::new();
    for space in spaces {
        let outline = node.core.outline(world(&node.replica, &node.store), space)?;
        let reason = outline.may_hold_back || node.core.has_signed_late(space);
        if !all || reason || has_ended_node(node, &outline.members) {
            of_space(node, space, &mut found)?;
        }
    }
    Ok(found)
}

/// Says whether the own certificate of a node of these parties has ended.
fn has_ended_node(node: &Node, parties: &BTreeSet<PartyId>) -> bool {
    let now = crate::node::now();
    let mut nodes = node.replica.directory().nodes();
    nodes.any(|(_, member)| member.ends < now && parties.contains(&member.party))
}

fn of_space(node: &mut Node, space: SpaceTag, found: &mut Vec<Held>) -> Result<(), ApiError> {
    let (own, me) = (node.core.party(), node.core.node());
    let own_world = world(&node.replica, &node.store);
    let loaded = node.core.space(own_world, space)?;
    let authority = loaded.authority_document();
    let scope = loaded.kind().to_owned();
    let may_judge = spaces::is_steward(loaded.state(), &own, own_world.now);
    let refused = loaded.state().refused_entries.clone();
    let documents: Vec<DocTag> =
        own_world.index.documents(&space).map(|(tag, _)| tag).filter(|t| *t != authority).collect();
    for document in documents {
        let world = world(&node.replica, &node.store);
        let held: Vec<WithheldEntry> = node.core.open(world, space, document)?.withheld().to_vec();
        let name = node.core.space(world, space)?.name_of(&document).map(str::to_owned);
        let elder = match name.as_deref().and_then(Name::parse) {
            Some(Name::Elder(elder, _)) => Some(elder.to_string()),
            Some(Name::Plain(_)) | None => None,
        };
        for entry in held {
            let Some(reason) = reason(entry.reason) else { continue };
            let row = HeldRow {
                entry: entry.entry.to_string(),
                document: name.clone().unwrap_or_default(),
                scope: scope.clone(),
                elder: elder.clone(),
                by: by(node, entry.node),
                own: entry.node == Some(me),
                reason: reason.to_owned(),
                at_ms: entry.at.map(|at| at.0),
                refused: refused.contains(&entry.entry),
                // Stewards agree on the checkpoint again, or they do not.
                may_judge: may_judge && entry.reason != Withheld::Unattested,
            };
            found.push(Held { space, document, entry, row });
        }
    }
    Ok(())
}

/// The word for why an entry is held back; none for what waits or is damaged, which nobody judges.
const fn reason(withheld: Withheld) -> Option<&'static str> {
    match withheld {
        Withheld::PastCut => Some("past_cut"),
        Withheld::Ended => Some("ended"),
        Withheld::PersonEnded => Some("person_ended"),
        Withheld::Unattested => Some("unattested"),
        Withheld::NoKey
        | Withheld::Damaged
        | Withheld::Unbound
        | Withheld::UnknownAuthor
        | Withheld::NoRight
        | Withheld::BadStamp
        | Withheld::BadChange
        | Withheld::MissingDependency
        | Withheld::Forked => None,
    }
}

pub(super) fn by(node: &Node, id: Option<NodeId>) -> NodeRef {
    let member = id.and_then(|id| node.replica.directory().node(&id));
    NodeRef {
        node: id.map(|id| id.to_string()).unwrap_or_default(),
        label: member.map(|member| member.label.clone()).unwrap_or_default(),
        party: member.map(|member| spaces::party_ref(node, member.party)).unwrap_or_default(),
    }
}

/// Picks one entry by its id or the beginning of it.
fn pick<'a>(held: &'a [Held], text: &str) -> Result<&'a Held, ApiError> {
    let mut fits = held.iter().filter(|held| !text.is_empty() && held.row.entry.starts_with(text));
    match (fits.next(), fits.next()) {
        (Some(held), None) => Ok(held),
        (None, _) => Err(not_found("error-held-none")),
        (Some(_), Some(_)) => Err(not_found("error-held-several")),
    }
}

/// Lists what waits for the judgement of this party.
pub(super) fn waiting(node: &mut Node) -> Result<Vec<HeldRow>, ApiError> {
    let rows = find(node, None)?.into_iter().map(|held| held.row);
    Ok(rows.filter(|row| row.may_judge && !row.refused).collect())
}

pub(crate) fn show(node: &mut Node, request: HeldShow) -> Outcome<HeldEntry> {
    let all = find(node, None)?;
    let held = pick(&all, &request.entry)?;
    let (log, entry) = (held.entry.log, held.entry.entry);
    let card = |name: &Name| {
        matches!(name, Name::Elder(_, DocumentName::EmergencyCard | DocumentName::CardSheet(_)))
    };
    let is_card = node.catalogue.get(&held.document).is_some_and(|row| card(&row.name));
    if is_card && !super::cards::is_shown(node, held.space) {
        return Err(ApiError::new(Code::Forbidden, "error-held-card"));
    }
    let world = world(&node.replica, &node.store);
    let writes = node.core.inspect(world, held.space, held.document, log, entry)?;
    let writes = writes.into_iter().map(|write| (write.key, write.value)).collect();
    now_known(HeldEntry { row: held.row.clone(), writes })
}

pub(crate) fn judge(node: &mut Node, request: HeldJudge) -> Outcome<Done> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let all = find(node, None)?;
    let mut by_space: BTreeMap<SpaceTag, BTreeSet<EntryId>> = BTreeMap::new();
    for text in &request.entries {
        let held = pick(&all, text)?;
        if !held.row.may_judge {
            return Err(ApiError::new(Code::Forbidden, "error-held-judge"));
        }
        by_space.entry(held.space).or_default().insert(held.entry.entry);
    }
    let mut saves = BTreeSet::new();
    for (space, entries) in by_space {
        let world = world(&node.replica, &node.store);
        let authored = match request.admit {
            true => node.core.admit(world, &mut node.rng, space, &entries)?,
            false => node.core.refuse(world, &mut node.rng, space, &entries)?,
        };
        saves.insert(node.author(authored));
    }
    Ok((Done {}, saves))
}

/// Notes how much of this node's own writing in a space is held back, for its status.
pub(crate) fn note_own(node: &mut Node, space: SpaceTag) {
    let world = world(&node.replica, &node.store);
    let past = node.core.own_past_cut(world, space).unwrap_or(0);
    if past > 0 {
        node.own_held_back.insert(space, past);
    } else {
        node.own_held_back.remove(&space);
    }
}
