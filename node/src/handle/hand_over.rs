//! Handing what is kept about an elder over: its owner asks, and officers sign a file.

use std::collections::BTreeSet;

use linli_core::authority::{Grant, HandOver, Owner, Right, SpaceCertificate};
use linli_core::engine::CoreError;
use linli_core::hand_over::HandOverRequest;
use linli_core::limits::{CODE_BYTES_MAX, HAND_OVERS_MAX};
use linli_replica::certificate::PartyKind;
use linli_replica::id::{CertificateId, PartyId, SpaceTag};
use linli_replica::replica::Save;
use linli_replica::request::RequestError;
use uuid::Uuid;

use super::{Outcome, elders, invalid, not_found, spaces};
use crate::api::hand_over::{HandOverAnswer, HandedRow, KeysHandOver};
use crate::api::officers::RequestRow;
use crate::api::{ApiError, Code};
use crate::node::{Node, now, world};
use crate::requests;

pub(crate) fn begin(node: &mut Node, request: KeysHandOver) -> Outcome<HandOverAnswer> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let over = asked(node, &request)?;
    let kept = kept(node, request.keep.as_deref())?;
    let about = about(node, elder, request.scope.as_deref())?;
    let keys = requests::opened_keys(node, request.officer_passphrase.as_deref())?;
    let (mut rows, mut saves) = (Vec::new(), BTreeSet::new());
    let mut due = Vec::new();
    let mut from: BTreeSet<Option<PartyId>> = BTreeSet::new();
    for (space, scope) in about {
        let world = world(&node.replica, &node.store);
        let owner = node.core.outline(world, space)?.owner;
        let is_already = owner.is_some_and(|(owner, steward)| {
            owner == over.to && (over.steward.is_none() || steward == over.steward)
        });
        let state = if is_already {
            "already"
        } else if draft(node, space, over).is_some() {
            from.insert(match owner {
                Some((Owner::Party(party), _)) => Some(party),
                Some((Owner::Community, _)) | None => None,
            });
            due.push((space, scope.clone()));
            "officers"
        } else {
            "not_owner"
        };
        rows.push(HandedRow { scope, state: state.to_owned() });
    }
    if rows.iter().all(|row| row.state == "not_owner") {
        return Err(ApiError::new(Code::Forbidden, "error-hand-over-not-owner"));
    }
    if from.len() > 1 {
        return Err(ApiError::new(Code::Conflict, "error-hand-over-owners"));
    }
    let Some(from) = from.into_iter().next() else {
        return Ok((HandOverAnswer { spaces: rows, request: None }, saves));
    };
    let mut drafts = Vec::new();
    for (space, scope) in due {
        if from == Some(node.core.party())
            && let Some(grant) = &kept
        {
            saves.extend(keep(node, space, grant)?);
        }
        drafts.extend(draft(node, space, over).map(|draft| (space, scope, draft)));
    }
    let mut request = file(node, elder, from, drafts)?;
    for key in &keys {
        match request.sign(key) {
            // The officers may have changed since the keys were opened.
            Ok(_) | Err(RequestError::NotOfficer) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (row, done) = submit(node, request)?;
    saves.extend(done);
    Ok((HandOverAnswer { spaces: rows, request: Some(row) }, saves))
}

/// The elder's spaces that are handed over together.
fn about(
    node: &mut Node,
    elder: Uuid,
    scope: Option<&str>,
) -> Result<Vec<(SpaceTag, String)>, ApiError> {
    if scope.is_some_and(|scope| !SCOPES.contains(&scope)) {
        return Err(invalid("error-scope"));
    }
    let about: Vec<(SpaceTag, String)> = spaces::about(node, elder)?
        .into_iter()
        .filter(|(_, kind)| SCOPES.contains(&kind.as_str()))
        .filter(|(_, kind)| scope.is_none_or(|scope| scope == kind))
        .collect();
    if about.is_empty() {
        return Err(not_found("error-nothing-of-kind"));
    }
    Ok(about)
}

/// Gives this party what it is to keep, by its own word while it still owns.
fn keep(node: &mut Node, space: SpaceTag, grant: &Grant) -> Result<Option<Save>, ApiError> {
    let at = world(&node.replica, &node.store);
    let members = &node.core.space(at, space)?.state().members;
    let has = members.get(&grant.party).is_some_and(|member| {
        member.grants.iter().any(|g| g.right == grant.right && g.purpose == grant.purpose)
    });
    if has {
        return Ok(None);
    }
    let world = world(&node.replica, &node.store);
    let authored = node.core.grant(world, &mut node.rng, space, grant.clone())?;
    Ok(Some(node.author(authored)))
}

const SCOPES: [&str; 3] = [spaces::CARE, spaces::HEALTH, spaces::EMERGENCY];

/// Reads to whom something goes, and checks that they can take it.
fn asked(node: &Node, request: &KeysHandOver) -> Result<HandOver, ApiError> {
    let steward = match &request.steward {
        Some(text) => Some(taker(node, text, false)?),
        None => None,
    };
    match (request.to.as_str(), steward) {
        ("community", None) => Err(invalid("error-hand-over-steward")),
        ("community", steward) => Ok(HandOver { to: Owner::Community, steward }),
        (_, Some(_)) => Err(invalid("error-hand-over-no-steward")),
        (text, None) => Ok(HandOver { to: Owner::Party(taker(node, text, true)?), steward: None }),
    }
}

fn taker(node: &Node, text: &str, as_owner: bool) -> Result<PartyId, ApiError> {
    let party = spaces::party(node, text)?;
    let directory = node.replica.directory();
    let fits = directory.party(&party).is_some_and(|known| {
        let kind = match as_owner {
            true => matches!(known.kind, PartyKind::Household | PartyKind::Family),
            false => matches!(known.kind, PartyKind::Centre | PartyKind::Station),
        };
        kind && !known.expelled
    });
    if !fits {
        return Err(ApiError::new(Code::Forbidden, "error-hand-over-taker"));
    }
    if directory.nodes_of(party, now()).next().is_none() {
        return Err(ApiError::new(Code::Conflict, "error-hand-over-no-node"));
    }
    Ok(party)
}

fn kept(node: &Node, keep: Option<&str>) -> Result<Option<Grant>, ApiError> {
    let right = match keep {
        None => return Ok(None),
        Some("read") => Right::Read,
        Some("write") => Right::Write,
        Some("steward") => Right::Steward,
        Some(_) => return Err(invalid("error-hand-over-kept")),
    };
    Ok(Some(spaces::grant(node.core.party(), right, "handed-over")))
}

/// What officers would have to sign; none where they may not hand this space over.
fn draft(node: &mut Node, space: SpaceTag, over: HandOver) -> Option<SpaceCertificate> {
    let world = world(&node.replica, &node.store);
    node.core.draft_hand_over(world, space, over).ok()
}

/// The file that goes round: the words about the elder are this node's.
fn file(
    node: &mut Node,
    elder: Uuid,
    from: Option<PartyId>,
    drafts: Vec<(SpaceTag, String, SpaceCertificate)>,
) -> Result<HandOverRequest, ApiError> {
    if drafts.len() > HAND_OVERS_MAX {
        return Err(invalid("error-hand-over-spaces"));
    }
    let names = elders::names(node, &[elder].into()).remove(&elder).unwrap_or_default();
    let mut words = names.into_iter().collect::<Vec<_>>().join(", ");
    if words.is_empty() {
        words = elder.to_string();
    }
    words.truncate(words.floor_char_boundary(CODE_BYTES_MAX));
    let directory = node.replica.directory();
    let key = node.core.signing_key();
    Ok(HandOverRequest::new(key, directory, (words, from), drafts, now())?)
}

/// Takes a request in, with the signatures that it and the copy here have; hands over once they are
/// enough.
pub(crate) fn submit(
    node: &mut Node,
    mut request: HandOverRequest,
) -> Result<(RequestRow, BTreeSet<Save>), ApiError> {
    let directory = node.replica.directory();
    if request.statement().community != directory.community() {
        return Err(ApiError::new(Code::Invalid, "error-request-other-community"));
    }
    let old = request.statement().officers != directory.officers().0;
    let ids: Vec<_> = request.acts().map(|(asked, act)| (asked.space, act.id())).collect();
    if ids.into_iter().all(|(space, id)| stands(node, space, id)) {
        return Err(ApiError::new(Code::Conflict, "error-request-counts-already"));
    }
    if old {
        return Err(RequestError::OldOfficers.into());
    }
    if let Some(held) = node.requests.hand_over(&request.id()) {
        let mut own = held.clone();
        own.merge(&request)?;
        request = own;
    }
    let mut saves = BTreeSet::new();
    if request.is_signed() {
        saves.extend(complete(node, &request)?);
        saves.insert(requests::keep_hand_over(node, request.id(), None)?);
    } else {
        saves.insert(requests::keep_hand_over(node, request.id(), Some(request.clone()))?);
    }
    Ok((RequestRow::of_hand_over(&request, false), saves))
}

/// Publishes the hand-overs of a request that enough officers have signed. One that cannot be published
/// hinders no other; the request stays then, and can be brought in again.
fn complete(node: &mut Node, request: &HandOverRequest) -> Result<BTreeSet<Save>, ApiError> {
    let acts: Vec<(SpaceTag, SpaceCertificate)> =
        request.acts().map(|(asked, act)| (asked.space, act.clone())).collect();
    let (mut saves, mut failed, mut overtaken) = (BTreeSet::new(), 0_u64, false);
    for (space, act) in &acts {
        if stands(node, *space, act.id()) {
            continue;
        }
        let world = world(&node.replica, &node.store);
        match node.core.complete_hand_over(world, &mut node.rng, *space, act.clone()) {
            Ok(authored) => drop(saves.insert(node.author(authored))),
            Err(CoreError::Overtaken) => overtaken = true,
            Err(error) => {
                tracing::warn!(%error, "a hand-over that officers signed could not be published");
                failed += 1;
            }
        }
    }
    if overtaken {
        requests::keep_hand_over(node, request.id(), None)?;
        return Err(ApiError::new(Code::Conflict, "error-hand-over-overtaken"));
    }
    if failed > 0 {
        requests::keep_hand_over(node, request.id(), Some(request.clone()))?;
        let refused = ApiError::new(Code::Conflict, "error-hand-over-failed");
        return Err(refused.with("failed", failed).with("all", acts.len()));
    }
    Ok(saves)
}

/// Says whether a hand-over counts here already.
fn stands(node: &mut Node, space: SpaceTag, id: CertificateId) -> bool {
    let world = world(&node.replica, &node.store);
    node.core.space(world, space).is_ok_and(|space| space.state().hand_overs.contains_key(&id))
}

/// Forgets requests that were completed elsewhere.
pub(crate) fn settle(node: &mut Node) {
    let requests: Vec<(CertificateId, Vec<(SpaceTag, CertificateId)>)> = node
        .requests
        .hand_overs()
        .map(|r| (r.id(), r.acts().map(|(asked, act)| (asked.space, act.id())).collect()))
        .collect();
    for (request, acts) in requests {
        if acts.into_iter().all(|(space, act)| stands(node, space, act))
            && let Err(error) = requests::keep_hand_over(node, request, None)
        {
            tracing::warn!(%error, "a request that is done could not be forgotten");
        }
    }
}
