//! Who may read what: giving a right on a consent, and telling who has one and why.

use std::collections::BTreeSet;

use linli_core::authority::{Grant, Member, Owner, Right, SpaceState, StandingGrant};
use linli_core::space::Space;
use linli_model::consent::{Category, State};
use linli_model::event::FactId;
use linli_model::time::Timestamp as ModelTime;
use linli_replica::certificate::PartyKind;
use linli_replica::id::{CertificateId, PartyId, SpaceTag, Timestamp};
use uuid::Uuid;

use super::consents::{self, Consents};
use super::{Outcome, elders, invalid, not_found, now_known, spaces};
use crate::api::grants::{GrantRow, KeysGrant, KeysGrants, RemovalRow};
use crate::api::{ApiError, Code, Done};
use crate::node::{Node, now, world};

pub(crate) fn grant(node: &mut Node, request: KeysGrant) -> Outcome<Done> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let party = spaces::party(node, &request.party)?;
    let right = match request.right.as_str() {
        "read" => Right::Read,
        "write" => Right::Write,
        _ => return Err(invalid("error-right")),
    };
    let kind = [spaces::CARE, spaces::HEALTH, spaces::EMERGENCY]
        .into_iter()
        .find(|kind| *kind == request.scope)
        .ok_or_else(|| invalid("error-scope"))?;
    let space =
        elders::space_of(node, elder, kind).ok_or_else(|| not_found("error-nothing-of-kind"))?;
    let basis = basis(node, elder, party, &request)?;
    let grant = Grant {
        consent: basis.consent.map(|id| id.to_string()),
        ends: basis.ends.map(Timestamp),
        history: !request.from_now,
        ..spaces::grant(party, right, &request.purpose)
    };
    let world = world(&node.replica, &node.store);
    let held = node.core.space(world, space)?.state().members.get(&party);
    let same = |held: &StandingGrant| {
        (held.right, &held.purpose, &held.consent, held.ends, held.history)
            == (grant.right, &grant.purpose, &grant.consent, grant.ends, grant.history)
    };
    if held.is_some_and(|member| member.grants.iter().any(same)) {
        return Err(ApiError::new(Code::Conflict, "error-grant-same"));
    }
    let authored = node.core.grant(world, &mut node.rng, space, grant)?;
    let mut saves = BTreeSet::from([node.author(authored)]);
    saves.extend(super::cards::match_family(node));
    Ok((Done {}, saves))
}

/// What a grant rests on, and until when it can hold.
struct Basis {
    consent: Option<FactId>,
    ends: Option<u64>,
}

/// Finds the consent that covers what is to be granted; whoever is of the household, the family or the
/// centre needs none.
fn basis(
    node: &mut Node,
    elder: Uuid,
    party: PartyId,
    request: &KeysGrant,
) -> Result<Basis, ApiError> {
    let known = node.replica.directory().party(&party);
    let known = known.ok_or_else(|| not_found("error-party-unknown"))?;
    if known.expelled {
        return Err(ApiError::new(Code::Forbidden, "error-party-expelled"));
    }
    let outside = known.kind != PartyKind::Centre && !is_of_elder(node, elder, party, known.kind);
    let category: Category = request.scope.parse().map_err(|_| invalid("error-scope"))?;
    let consents = consents::of_elder(node, elder)?;
    let to = linli_model::author::PartyId(party.0);
    let at = ModelTime(now().0);
    let covers = |(_, (_, standing)): &(&FactId, &(_, linli_model::consent::Standing))| {
        standing.is_about(to, &request.purpose, category) && standing.state(at) == State::Standing
    };
    let found = match &request.consent {
        Some(text) => {
            let id = consents::find(&consents, text)?;
            check(&consents, id, to, &request.purpose, category, at)?;
            Some(id)
        }
        // Of several the one that holds longest.
        None => consents
            .iter()
            .filter(covers)
            .max_by_key(|(_, (_, standing))| standing.consent.ends.map_or(u64::MAX, |ends| ends.0))
            .map(|(id, _)| *id),
    };
    if outside && found.is_none() {
        return Err(needed(request));
    }
    let consented = found.and_then(|id| consents.get(&id));
    let until = consented.and_then(|(_, standing)| standing.consent.ends).map(|ends| ends.0);
    let ends = match (request.ends_ms, until) {
        (Some(asked), Some(until)) if asked > until => {
            return Err(invalid("error-consent-shorter"));
        }
        (asked, until) => asked.or(until),
    };
    match ends {
        None if outside => Err(invalid("error-consent-endless")),
        Some(ends) if ends <= at.0 => Err(invalid("error-grant-past")),
        ends => Ok(Basis { consent: found, ends }),
    }
}

/// Whether a party is the elder's own household, or family that this household lets in. Where the
/// community keeps the record, the first household that is let in is the elder's.
fn is_of_elder(node: &mut Node, elder: Uuid, party: PartyId, kind: PartyKind) -> bool {
    let Some(care) = elders::space_of(node, elder, spaces::CARE) else { return false };
    let own = node.core.party();
    let world = world(&node.replica, &node.store);
    let Ok(outline) = node.core.outline(world, care) else { return false };
    let is_household = |party: &PartyId| {
        let known = world.directory.party(party);
        known.is_some_and(|known| known.kind == PartyKind::Household)
    };
    match outline.owner.map(|(owner, _)| owner) {
        Some(Owner::Party(owner)) => owner == party || (kind == PartyKind::Family && owner == own),
        Some(Owner::Community) => {
            let others = || outline.members.iter().filter(|member| **member != party);
            kind == PartyKind::Household && !others().any(is_household)
        }
        None => false,
    }
}

fn needed(request: &KeysGrant) -> ApiError {
    invalid("error-consent-needed")
        .with_private("elder", &request.elder)
        .with("party", &request.party)
        .with("purpose", &request.purpose)
        .with("scope", &request.scope)
}

/// Refuses a consent that does not carry the grant, with the reason.
fn check(
    consents: &Consents,
    id: FactId,
    to: linli_model::author::PartyId,
    purpose: &str,
    category: Category,
    at: ModelTime,
) -> Result<(), ApiError> {
    let (_, standing) = consents.get(&id).ok_or_else(|| not_found("error-consent-none"))?;
    let consent = &standing.consent;
    let key = if consent.to != to {
        "error-consent-other-party"
    } else if consent.purpose != purpose {
        "error-consent-other-purpose"
    } else if !consent.categories.contains(&category) {
        "error-consent-other-kind"
    } else {
        match standing.state(at) {
            State::Standing => return Ok(()),
            State::NotYet => "error-consent-not-yet",
            State::Ended => "error-consent-ended",
            State::Withdrawn => "error-consent-withdrawn",
        }
    };
    Err(invalid(key))
}

pub(crate) fn list(node: &mut Node, request: KeysGrants) -> Outcome<Vec<GrantRow>> {
    let elder = elders::find(node, &request.elder)?;
    let consents = consents::of_elder(node, elder)?;
    let mut rows = Vec::new();
    for (space, scope) in spaces::about(node, elder)? {
        rows.extend(of_space(node, space, &scope, &consents)?);
    }
    rows.retain(|row| request.all || row.state == "standing");
    let standing = |row: &GrantRow| row.state != "standing";
    rows.sort_by(|a, b| {
        (&a.scope, standing(a), a.since_ms, &a.grant).cmp(&(
            &b.scope,
            standing(b),
            b.since_ms,
            &b.grant,
        ))
    });
    now_known(rows)
}

/// One grant, as a space's certificates have it.
pub(super) struct Told {
    pub(super) party: PartyId,
    pub(super) grant: StandingGrant,
    pub(super) right: &'static str,
    pub(super) since: Timestamp,
    removal: Option<(CertificateId, PartyId, Timestamp, Option<PartyId>)>,
    /// Whether it ended with a hand-over.
    handed_over: bool,
}

fn of_space(
    node: &mut Node,
    space: SpaceTag,
    scope: &str,
    consents: &Consents,
) -> Result<Vec<GrantRow>, ApiError> {
    let told = {
        let world = world(&node.replica, &node.store);
        told(node.core.space(world, space)?)
    };
    let row = |told: Told| {
        let state = state_of(node, &told);
        let Told { party, grant, right, since, removal, handed_over: _ } = told;
        let consent = grant.consent.as_ref().and_then(|id| id.parse().ok());
        let standing = consent.and_then(|id| Some((id, consents.get(&id)?)));
        GrantRow {
            grant: grant.id.to_string(),
            state: state.to_owned(),
            scope: scope.to_owned(),
            party: spaces::party_ref(node, party),
            right: right.to_owned(),
            purpose: grant.purpose,
            history: grant.history,
            since_ms: since.0,
            ends_ms: grant.ends.map(|ends| ends.0),
            by: spaces::party_ref(node, grant.by),
            consent: grant.consent,
            consent_row: standing.map(|(id, (_, standing))| consents::row(node, id, standing)),
            removal: removal.map(|(id, by, at, hung_on)| RemovalRow {
                removal: id.to_string(),
                by: spaces::party_ref(node, by),
                at_ms: at.0,
                hung_on: hung_on.map(|party| spaces::party_ref(node, party)),
            }),
        }
    };
    Ok(told.into_iter().map(row).collect())
}

/// Whether a grant stands, or what ended it.
pub(super) fn state_of(node: &Node, told: &Told) -> &'static str {
    let expelled = node.replica.directory().party(&told.party).is_some_and(|p| p.expelled);
    if told.handed_over {
        "handed_over"
    } else if told.removal.is_some() {
        "revoked"
    } else if expelled {
        "expelled"
    } else if told.grant.ends.is_some_and(|ends| now() > ends) {
        "ended"
    } else {
        "standing"
    }
}

/// Lists the grants of a space, those that are over too.
pub(super) fn told(space: &Space) -> Vec<Told> {
    let state = space.state();
    let sides = state.members.iter().chain(&state.former);
    let grants = sides.flat_map(|(party, Member { grants })| {
        grants.iter().map(move |grant| (*party, grant.clone()))
    });
    grants.map(|(party, grant)| told_of(space, state, party, grant)).collect()
}

fn told_of(space: &Space, state: &SpaceState, party: PartyId, grant: StandingGrant) -> Told {
    let body = |id: &CertificateId| space.certificates().get(id).map(|c| c.body());
    let stands = stands(state, party, &grant);
    let ended = match grant.depth {
        _ if stands => None,
        // An owner's right ends with a hand-over: its own, or one that outranks what made it the owner.
        0 => state.handed_over_by(&grant.id).or_else(|| state.void.get(&grant.id).copied()),
        _ => state.dead.get(&grant.id).map(|death| death.removal),
    };
    let removal = ended.and_then(|removal| {
        let by = body(&removal)?;
        let link = state.dead.get(&grant.id).map(|death| death.link).filter(|_| grant.depth > 0);
        let hung_on = link.filter(|link| *link != grant.id).and_then(|link| space.holder(&link));
        Some((removal, by.party, by.at, hung_on))
    });
    let handed_over = ended.is_some_and(|ended| space.owner_by(&ended).is_some());
    let since = body(&grant.id).map_or(Timestamp(0), |body| body.at);
    Told { party, right: right(&grant), since, removal, handed_over, grant }
}

fn stands(state: &SpaceState, party: PartyId, grant: &StandingGrant) -> bool {
    let member = state.members.get(&party);
    member.is_some_and(|member| member.grants.iter().any(|of| of == grant))
}

fn right(grant: &StandingGrant) -> &'static str {
    match grant.right {
        Right::Steward if grant.depth == 0 => "owner",
        Right::Steward => "steward",
        Right::Write => "write",
        Right::Read => "read",
        Right::Carry => "carry",
    }
}
