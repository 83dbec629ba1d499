//! Handing what is kept about an elder over: at once by its owner, or by officers who sign a file.

use std::collections::BTreeSet;

use linli_core::authority::{Grant, HandOver, Owner, Right, SpaceCertificate};
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
use crate::api::{ApiError, Code, Detail};
use crate::node::{Node, now, world};
use crate::requests;

pub(crate) fn begin(node: &mut Node, request: KeysHandOver) -> Outcome<HandOverAnswer> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let over = asked(node, &request)?;
    let kept = kept(node, request.keep.as_deref())?;
    let scope = request.scope.as_deref();
    if scope.is_some_and(|scope| !SCOPES.contains(&scope)) {
        return Err(invalid("a scope is care, health or emergency"));
    }
    let about: Vec<(SpaceTag, String)> = spaces::about(node, elder)?
        .into_iter()
        .filter(|(_, kind)| SCOPES.contains(&kind.as_str()))
        .filter(|(_, kind)| scope.is_none_or(|scope| scope == kind))
        .collect();
    if about.is_empty() {
        return Err(not_found("this node has nothing of this kind about this elder"));
    }
    let keys = requests::opened_keys(node, request.officer_passphrase.as_deref())?;
    let (mut rows, mut saves) = (Vec::new(), BTreeSet::new());
    let (mut drafts, mut from) = (Vec::new(), None);
    for (space, scope) in about {
        let owner = spaces::owner(node, space)?;
        let state = if owner == Some(over.to) {
            "already"
        } else if owner == Some(Owner::Party(node.core.party())) {
            let world = world(&node.replica, &node.store);
            let authored = node.core.hand_over(world, &mut node.rng, space, over, kept.clone())?;
            saves.insert(node.author(authored));
            "handed_over"
        } else if let Some(draft) = draft(node, space, over) {
            if let Some(Owner::Party(party)) = owner {
                from = Some(party);
            }
            drafts.push((space, scope.clone(), draft));
            "officers"
        } else {
            "not_owner"
        };
        rows.push(HandedRow { scope, state: state.to_owned() });
    }
    if rows.iter().all(|row| row.state == "not_owner") {
        let message = "what is kept about this elder belongs to somebody else, who hands it over; officers do so only once that party is expelled";
        let detail = Detail::new("error-hand-over-not-owner", &[]);
        return Err(ApiError::new(Code::Forbidden, message).with(detail));
    }
    let request = match drafts.is_empty() {
        true => None,
        false => {
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
            Some(row)
        }
    };
    Ok((HandOverAnswer { spaces: rows, request }, saves))
}

const SCOPES: [&str; 3] = [spaces::CARE, spaces::HEALTH, spaces::EMERGENCY];

/// Reads to whom something goes, and checks that they can take it.
fn asked(node: &Node, request: &KeysHandOver) -> Result<HandOver, ApiError> {
    let steward = match &request.steward {
        Some(text) => Some(taker(node, text)?),
        None => None,
    };
    match (request.to.as_str(), steward) {
        ("community", None) => {
            Err(invalid("say with steward who acts for the community: it has no device of its own")
                .with(Detail::new("error-hand-over-steward", &[])))
        }
        ("community", steward) => Ok(HandOver { to: Owner::Community, steward }),
        (_, Some(_)) => Err(invalid("a party that owns needs no steward; it grants by itself")),
        (text, None) => Ok(HandOver { to: Owner::Party(taker(node, text)?), steward: None }),
    }
}

fn taker(node: &Node, text: &str) -> Result<PartyId, ApiError> {
    let party = spaces::party(node, text)?;
    let directory = node.replica.directory();
    let fits = directory.party(&party).is_some_and(|known| {
        let kind = matches!(
            known.kind,
            PartyKind::Household | PartyKind::Family | PartyKind::Centre | PartyKind::Station
        );
        kind && !known.expelled
    });
    if !fits {
        let message = "what is kept about an elder goes to a household, a family, a centre or a station that is not expelled";
        let detail = Detail::new("error-hand-over-taker", &[]);
        return Err(ApiError::new(Code::Forbidden, message).with(detail));
    }
    if directory.nodes_of(party, now()).next().is_none() {
        let message = "this party has no device that could take the keys; let it join first";
        let detail = Detail::new("error-hand-over-no-node", &[]);
        return Err(ApiError::new(Code::Conflict, message).with(detail));
    }
    Ok(party)
}

fn kept(node: &Node, keep: Option<&str>) -> Result<Option<Grant>, ApiError> {
    let right = match keep {
        None => return Ok(None),
        Some("read") => Right::Read,
        Some("write") => Right::Write,
        Some("steward") => Right::Steward,
        Some(_) => return Err(invalid("what is kept is read, write or steward")),
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
        return Err(invalid("this elder has too many spaces for one request; name a scope"));
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
        let message = "this request is another community's; take it to a node of that one";
        let detail = Detail::new("request-other-community", &[]);
        return Err(ApiError::new(Code::Invalid, message).with(detail));
    }
    let old = request.statement().officers != directory.officers().0;
    let ids: Vec<_> = request.acts().map(|(asked, act)| (asked.space, act.id())).collect();
    if ids.into_iter().all(|(space, id)| stands(node, space, id)) {
        let message = "it was signed by enough officers before, and counts";
        let detail = Detail::new("request-counts-already", &[]);
        return Err(ApiError::new(Code::Conflict, message).with(detail));
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
    let (mut saves, mut failed) = (BTreeSet::new(), 0_u64);
    for (space, act) in &acts {
        if stands(node, *space, act.id()) {
            continue;
        }
        let world = world(&node.replica, &node.store);
        match node.core.complete_hand_over(world, &mut node.rng, *space, act.clone()) {
            Ok(authored) => drop(saves.insert(node.author(authored))),
            Err(error) => {
                tracing::warn!(%error, "a hand-over that officers signed could not be published");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        requests::keep_hand_over(node, request.id(), Some(request.clone()))?;
        let message = format!(
            "{failed} of {} spaces could not be handed over here: they have an owner again, or this node has no key of them",
            acts.len()
        );
        let arguments = [("failed", failed.to_string()), ("all", acts.len().to_string())];
        let detail = Detail::new("error-hand-over-failed", &arguments);
        return Err(ApiError::new(Code::Conflict, message).with(detail));
    }
    Ok(saves)
}

/// Says whether a hand-over counts here already.
fn stands(node: &mut Node, space: SpaceTag, id: CertificateId) -> bool {
    let world = world(&node.replica, &node.store);
    node.core.space(world, space).is_ok_and(|space| space.state().hand_overs.contains_key(&id))
}
