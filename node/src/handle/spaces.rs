//! Which spaces there are, and who is let in from the beginning.

use std::collections::BTreeSet;

use linli_core::authority::{Grant, Owner, Right, SpaceState};
use linli_core::engine::{Authored, NewSpace};
use linli_replica::certificate::PartyKind;
use linli_replica::id::{PartyId, SpaceTag, Timestamp};
use uuid::Uuid;

use super::{elders, plans};
use crate::api::grants::PartyRef;
use crate::api::{ApiError, Code};
use crate::node::{Node, world};

/// What a space is for: the code in its genesis.
pub(crate) const CARE: &str = "care";
pub(crate) const HEALTH: &str = "health";
pub(crate) const EMERGENCY: &str = "emergency";
pub(crate) const ALERT: &str = "alert";
pub(crate) const ORDER: &str = "order";
pub(crate) const OFFERS: &str = "offers";
pub(crate) const REGISTRY: &str = "registry";
pub(crate) const PLANS: &str = "plans";

/// Begins a space of this party: its own, where it is a household or a provider, and otherwise the
/// community's with this party as steward.
pub(crate) fn begin(
    node: &mut Node,
    kind: &str,
    grants: Vec<Grant>,
) -> Result<(SpaceTag, Authored), ApiError> {
    let party = node.core.party();
    let own = own_kind(node)?;
    let (owner, steward) = match own {
        PartyKind::Household | PartyKind::Family | PartyKind::Provider => {
            (Owner::Party(party), None)
        }
        PartyKind::Centre
        | PartyKind::Station
        | PartyKind::Regulator
        | PartyKind::Evaluator
        | PartyKind::Carrier => (Owner::Community, Some(party)),
    };
    let world = world(&node.replica, &node.store);
    Ok(node.core.begin_space(world, &mut node.rng, NewSpace { kind, owner, steward, grants })?)
}

/// Returns what this party is.
pub(crate) fn own_kind(node: &Node) -> Result<PartyKind, ApiError> {
    let party = node.replica.directory().party(&node.core.party());
    party
        .map(|party| party.kind)
        .ok_or_else(|| ApiError::new(Code::Forbidden, "error-not-enrolled"))
}

/// Grants every other party of these kinds a right.
pub(crate) fn grants_to(
    node: &Node,
    kinds: &[PartyKind],
    right: Right,
    purpose: &str,
) -> Vec<Grant> {
    let own = node.core.party();
    let parties = node.replica.directory().parties();
    parties
        .filter(|(id, party)| **id != own && !party.expelled && kinds.contains(&party.kind))
        .map(|(id, _)| grant(*id, right, purpose))
        .collect()
}

/// A grant that stands until it is revoked and opens history.
pub(crate) fn grant(party: PartyId, right: Right, purpose: &str) -> Grant {
    Grant { party, right, purpose: purpose.to_owned(), ends: None, consent: None, history: true }
}

/// Finds a space of one kind that this party began, by a document in it or by its kind alone.
pub(crate) fn own(node: &mut Node, kind: &str) -> Option<SpaceTag> {
    let party = node.core.party();
    let spaces: Vec<SpaceTag> = node.core.spaces().collect();
    spaces.into_iter().find(|tag| {
        let world = world(&node.replica, &node.store);
        node.core.outline(world, *tag).is_ok_and(|space| {
            space.kind == kind && space.owner.is_some_and(|owner| is_kept_by(owner, party))
        })
    })
}

/// Whether a party keeps a space: it owns it, or is the steward that was named with the owner.
pub(crate) fn is_kept_by((owner, steward): (Owner, Option<PartyId>), party: PartyId) -> bool {
    owner == Owner::Party(party) || steward == Some(party)
}

/// Finds a party by its id, the beginning of it, or its public name.
pub(crate) fn party(node: &Node, text: &str) -> Result<PartyId, ApiError> {
    let mut found = node.replica.directory().parties().filter(|(id, party)| {
        party.name.as_deref() == Some(text) || (text.len() >= 8 && id.to_string().starts_with(text))
    });
    match (found.next(), found.next()) {
        (Some((id, _)), None) => Ok(*id),
        (None, _) => Err(super::not_found("error-party-none")),
        (Some(_), Some(_)) => Err(super::not_found("error-party-several")),
    }
}

/// Names a party for lists.
pub(crate) fn party_ref(node: &Node, id: PartyId) -> PartyRef {
    let party = node.replica.directory().party(&id);
    PartyRef {
        party: id.to_string(),
        kind: party.map(|party| super::network::kind(party.kind)).unwrap_or_default(),
        name: party.and_then(|party| party.name.clone()),
    }
}

/// Says whether a party may grant and revoke, as the owner or a steward.
pub(crate) fn is_steward(state: &SpaceState, party: &PartyId, now: Timestamp) -> bool {
    state.right(party, now) == Some(Right::Steward)
}

/// Lists the spaces that are about an elder, each with its scope: `care`, `health`, `emergency` and
/// `order/<id>`.
pub(crate) fn about(node: &mut Node, elder: Uuid) -> Result<Vec<(SpaceTag, String)>, ApiError> {
    elders::refresh(node);
    let named: BTreeSet<SpaceTag> =
        node.catalogue.of_elder(elder).map(|(_, row)| row.space).collect();
    let mut found = Vec::new();
    for space in named {
        let kind = kind_of(node, space)?;
        if [CARE, HEALTH, EMERGENCY].contains(&kind.as_str()) {
            found.push((space, kind));
        }
    }
    for (space, id) in super::orders::of_elder(node, elder) {
        found.push((space, format!("{ORDER}/{id}")));
    }
    found.sort_by(|(a, left), (b, right)| (left, a).cmp(&(right, b)));
    Ok(found)
}

/// Returns what a space is for.
pub(crate) fn kind_of(node: &mut Node, space: SpaceTag) -> Result<String, ApiError> {
    let world = world(&node.replica, &node.store);
    Ok(node.core.outline(world, space)?.kind)
}

/// Lets parties of the right kind that joined since into what this party keeps for them: every centre
/// and station into care and registry, every centre into alerts, health and orders, everybody into plans.
pub(crate) fn let_in(node: &mut Node) {
    let care = [PartyKind::Centre, PartyKind::Station];
    let centre = [PartyKind::Centre];
    let rules: [(&str, &[PartyKind], Right); 7] = [
        (CARE, &care, Right::Write),
        (REGISTRY, &care, Right::Write),
        (ALERT, &centre, Right::Write),
        (HEALTH, &centre, Right::Read),
        (ORDER, &centre, Right::Steward),
        (PLANS, &plans::WRITERS, Right::Write),
        (PLANS, &plans::READERS, Right::Read),
    ];
    let own = node.core.party();
    for tag in node.core.spaces().collect::<Vec<_>>() {
        for (kind, to, right) in rules {
            for grant in grants_to(node, to, right, kind) {
                let world = world(&node.replica, &node.store);
                let lacking = node.core.space(world, tag).is_ok_and(|space| {
                    let state = space.state();
                    let steward = state.right(&own, world.now) == Some(Right::Steward);
                    let former = state.former.contains_key(&grant.party);
                    let member = state.members.contains_key(&grant.party);
                    space.kind() == kind && steward && !former && !member
                });
                if lacking && let Ok(authored) = node.core.grant(world, &mut node.rng, tag, grant) {
                    node.author(authored);
                }
            }
        }
    }
}
