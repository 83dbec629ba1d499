//! Taking rights away, and saying truthfully what that cannot take back.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::{Member, Right, SpaceState, StandingGrant};
use linli_core::engine::Readable;
use linli_model::document::DocumentName;
use linli_replica::frontier::Frontier;
use linli_replica::id::{CertificateId, LogKey, NodeId, PartyId, SpaceTag, Timestamp};

use super::{Outcome, elders, not_found, now_known, spaces};
use crate::api::grants::{Exposure, HadRow, KeysExposure, KeysRevoke, NodeRef};
use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, world};

pub(crate) fn revoke(node: &mut Node, request: KeysRevoke) -> Outcome<Vec<Exposure>> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let party = spaces::party(node, &request.party)?;
    let own = node.core.party();
    let (mut saves, mut statements, mut member_of) = (BTreeSet::new(), Vec::new(), 0_u32);
    for (space, scope) in spaces::about(node, elder)? {
        if request.scope.as_ref().is_some_and(|asked| *asked != scope) {
            continue;
        }
        let world = world(&node.replica, &node.store);
        let state = node.core.space(world, space)?.state();
        // A former owner, and whom a word that fell let in, is revoked once to say how far its work counts.
        let uncut = party != own && state.uncut().any(|former| former == party);
        let member = state.members.contains_key(&party) || uncut;
        let may = spaces::is_steward(state, &own, world.now) || own == party;
        let owner =
            state.members.get(&party).is_some_and(|m| m.grants.iter().any(|g| g.depth == 0));
        if !member {
            continue;
        }
        member_of += 1;
        if may && !owner {
            let authored = node.core.revoke(world, &mut node.rng, space, party)?;
            saves.insert(node.author(authored));
        }
        statements.push(statement(node, space, scope, party, may && !owner)?);
    }
    if member_of == 0 {
        return Err(not_found("error-grant-none"));
    }
    if saves.is_empty() {
        return Err(ApiError::new(Code::Forbidden, "error-grant-not-yours"));
    }
    saves.extend(super::cards::match_family(node));
    Ok((statements, saves))
}

pub(crate) fn ask(node: &mut Node, request: KeysExposure) -> Outcome<Vec<Exposure>> {
    let elder = elders::find(node, &request.elder)?;
    let party = spaces::party(node, &request.party)?;
    let mut statements = Vec::new();
    for (space, scope) in spaces::about(node, elder)? {
        let world = world(&node.replica, &node.store);
        if node.core.space(world, space)?.state().former.contains_key(&party) {
            statements.push(statement(node, space, scope, party, false)?);
        }
    }
    if statements.is_empty() {
        return Err(not_found("error-grant-not-taken"));
    }
    now_known(statements)
}

/// Says what a party had in a space, and who may not have learned of its removal. `done` says that this
/// node has just removed it.
pub(crate) fn statement(
    node: &mut Node,
    space: SpaceTag,
    scope: String,
    party: PartyId,
    done: bool,
) -> Result<Exposure, ApiError> {
    let own = world(&node.replica, &node.store);
    let readable = node.core.readable_by(own, space, party)?;
    let told = node.core.removal_entries(own, space, party)?;
    let loaded = node.core.space(own, space)?;
    let authority = loaded.authority_document();
    let state = loaded.state();
    let Standing { remaining, stands, ended_with_it, writers } = standing(state, party, own.now);
    let (unaware, aware) = learned(node, &writers, |node, id| {
        let held = node.receipts.of(&authority, id);
        held.is_some_and(|held| told.iter().any(|(log, sequence)| reached(held, log) >= *sequence))
    });
    let had = had(node, party, &readable);
    Ok(Exposure {
        scope,
        party: spaces::party_ref(node, party),
        removed: done || !stands,
        remaining,
        had: had.rows,
        known_until_ms: had.known_until.map(|at| at.0),
        could_until_ms: had.could_until.map(|at| at.0),
        unaware,
        aware,
        ended_with_it: ended_with_it.iter().map(|id| spaces::party_ref(node, *id)).collect(),
    })
}

/// What is left of a party's rights in a space, and who else is concerned.
struct Standing {
    /// The purposes of the grants that stand.
    remaining: Vec<String>,
    stands: bool,
    /// Parties whose every right hung on one of its grants.
    ended_with_it: BTreeSet<PartyId>,
    /// The other parties that write.
    writers: BTreeSet<PartyId>,
}

/// The grants of a party that were taken away.
fn former<'a>(state: &'a SpaceState, party: &PartyId) -> &'a [StandingGrant] {
    state.former.get(party).map_or(&[], |member| member.grants.as_slice())
}

fn standing(state: &SpaceState, party: PartyId, now: Timestamp) -> Standing {
    let member = state.members.get(&party);
    let purposes = member.map(|member| member.purposes(now)).unwrap_or_default();
    let own: BTreeSet<CertificateId> = former(state, &party).iter().map(|grant| grant.id).collect();
    let hung = |other: &&PartyId| {
        let mut deaths = former(state, other).iter().filter_map(|grant| state.dead.get(&grant.id));
        deaths.any(|death| own.contains(&death.link))
    };
    let gone = state.former.keys().filter(|other| **other != party);
    let gone = gone.filter(|other| !state.members.contains_key(*other)).filter(hung);
    let writes = |(other, member): &(&PartyId, &Member)| {
        **other != party && member.right(now) >= Some(Right::Write)
    };
    Standing {
        remaining: purposes.into_iter().map(str::to_owned).collect(),
        stands: state.right(&party, now).is_some(),
        ended_with_it: gone.copied().collect(),
        writers: state.members.iter().filter(writes).map(|(other, _)| *other).collect(),
    }
}

fn reached(frontier: &Frontier, log: &LogKey) -> u64 {
    frontier.tips(log).iter().map(|tip| tip.sequence).max().unwrap_or(0)
}

/// Lists the nodes of some parties that have not said to hold the removal, and counts those that have.
fn learned(
    node: &Node,
    parties: &BTreeSet<PartyId>,
    has_learned: impl Fn(&Node, &NodeId) -> bool,
) -> (Vec<NodeRef>, u64) {
    let (me, now) = (node.core.node(), crate::node::now());
    let (mut unaware, mut aware) = (Vec::new(), 0);
    for party in parties {
        for (id, member) in node.replica.directory().nodes_of(*party, now) {
            if *id == me {
                continue;
            }
            if has_learned(node, id) {
                aware += 1;
                continue;
            }
            unaware.push(NodeRef {
                node: id.to_string(),
                label: member.label.clone(),
                party: spaces::party_ref(node, *party),
            });
        }
    }
    (unaware, aware)
}

struct Had {
    rows: Vec<HadRow>,
    known_until: Option<Timestamp>,
    could_until: Option<Timestamp>,
}

/// Counts what a party could open, and what of it a node of it has said to hold.
fn had(node: &Node, party: PartyId, readable: &[Readable]) -> Had {
    let directory = node.replica.directory();
    let nodes: Vec<NodeId> =
        directory.nodes().filter(|(_, n)| n.party == party).map(|(id, _)| *id).collect();
    let mut by_kind: BTreeMap<String, HadRow> = BTreeMap::new();
    let (mut known_until, mut could_until) = (None, None);
    for Readable { document, name, entries, own } in readable {
        let kind = kind(name);
        let row = by_kind.entry(kind.clone()).or_insert_with(|| HadRow {
            kind,
            documents: 0,
            entries: 0,
            known: 0,
            files: 0,
            files_known: 0,
        });
        row.documents += 1;
        for blob in node.named.ever(document) {
            let said = nodes.iter().any(|id| node.replica.blob_is_at(blob, id));
            row.files += 1;
            row.files_known += u64::from(said);
        }
        for (log, entries) in entries {
            let held = nodes.iter().filter_map(|id| node.receipts.of(document, id));
            // What it wrote itself, it has.
            let own = own.contains(log);
            let said = held.map(|held| reached(held, log)).max().unwrap_or(0);
            for (sequence, at) in entries {
                row.entries += 1;
                could_until = could_until.max(Some(*at));
                if own || *sequence <= said {
                    row.known += 1;
                    known_until = known_until.max(Some(*at));
                }
            }
        }
    }
    Had { rows: by_kind.into_values().collect(), known_until, could_until }
}

/// The kind of a document, by its name.
fn kind(name: &str) -> String {
    match Name::parse(name) {
        Some(Name::Elder(_, document) | Name::Plain(document)) => word(&document).to_owned(),
        None => "other".to_owned(),
    }
}

const fn word(document: &DocumentName) -> &'static str {
    match document {
        DocumentName::Profile => "profile",
        DocumentName::EmergencyCard | DocumentName::CardSheet(_) => "card",
        DocumentName::Readings(_) => "readings",
        DocumentName::Order(_) => "order",
        DocumentName::Alert(_) => "alert",
        DocumentName::Ladders => "ladders",
        DocumentName::Joins => "joins",
        DocumentName::Offers => "offers",
        DocumentName::Consents => "consents",
        DocumentName::Contacts => "contacts",
        DocumentName::Checks => "checks",
        DocumentName::Files => "files",
        DocumentName::Sensors => "sensors",
        DocumentName::Rules => "rules",
        DocumentName::Plan(_) => "plan",
        DocumentName::Authority => "authority",
    }
}
