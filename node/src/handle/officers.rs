//! The officers of the community and what they are asked: changes of the officers, expulsions, and the
//! requests that wait for signatures.

use std::collections::BTreeSet;

use linli_core::hand_over::HandOverRequest;
use linli_core::identity::{officer_word, read_officer};
use linli_replica::certificate::{Act, Certificate, OfficerSet, Subject};
use linli_replica::directory::Directory;
use linli_replica::id::OfficerId;
use linli_replica::limits::{KEPT_MAX, REQUEST_BYTES_MAX, SIGNATURES_MAX};
use linli_replica::replica::Save;
use linli_replica::request::{Request, explain};

use super::{Outcome, hand_over, invalid, not_found, now_known};
use crate::api::officers::{
    Expel, OfficerRow, Officers, OfficersAnswer, OfficersReplace, RequestDrop, RequestExport,
    RequestFile, RequestImport, RequestList, RequestRow, RequestSign,
};
use crate::api::{ApiError, Code, Done};
use crate::node::Node;
use crate::requests;

pub(crate) fn officers(node: &mut Node, _: Officers) -> Outcome<OfficersAnswer> {
    let held = requests::held_keys(node);
    let directory = node.replica.directory();
    let (certificate, set) = directory.officers();
    let row = |officer: &OfficerId| OfficerRow {
        officer: officer_word(officer),
        held_here: held.contains(officer),
    };
    now_known(OfficersAnswer {
        community: directory.name().to_owned(),
        certificate: certificate.to_string(),
        threshold: u64::from(set.threshold),
        officers: set.officers.iter().map(row).collect(),
    })
}

fn answer((request, save): (Request, Save)) -> Outcome<RequestRow> {
    Ok((RequestRow::of(&request, false), BTreeSet::from([save])))
}

pub(crate) fn replace(node: &mut Node, request: OfficersReplace) -> Outcome<RequestRow> {
    let is_change =
        |r: &Request| r.acts().iter().any(|act| matches!(act.body().act, Act::Officers { .. }));
    let directory = node.replica.directory();
    let (previous, set) = directory.officers().clone();
    if node.requests.waiting().any(|r| r.under() == previous && is_change(r)) {
        return Err(ApiError::new(Code::Conflict, "error-officers-waits"));
    }
    let (officers, gone) = successors(&set, &request)?;
    let kept = match request.stolen {
        false => None,
        true if gone.is_empty() => {
            return Err(invalid("error-officers-stolen"));
        }
        true => Some(kept(directory, &gone)?),
    };
    let act = Act::Officers { previous, officers, kept };
    let known = explain(directory, None);
    let keys = requests::opened_keys(node, request.officer_passphrase.as_deref())?;
    answer(requests::begin(node, act, known, &keys)?)
}

/// The set that follows, and who is not in it any more.
fn successors(
    set: &OfficerSet,
    request: &OfficersReplace,
) -> Result<(OfficerSet, BTreeSet<OfficerId>), ApiError> {
    let mut gone = BTreeSet::new();
    for start in &request.remove {
        let word = start.trim().to_lowercase();
        let mut fitting = set.officers.iter().filter(|o| officer_word(o).starts_with(&word));
        match (fitting.next(), fitting.next()) {
            (Some(officer), None) if !word.is_empty() => gone.insert(*officer),
            (Some(_), _) => return Err(invalid("error-officers-several")),
            (None, _) => {
                return Err(not_found("error-officers-none"));
            }
        };
    }
    let mut all: BTreeSet<OfficerId> = set.officers.iter().copied().collect();
    all.retain(|officer| !gone.contains(officer));
    for word in &request.add {
        let officer = read_officer(word).map_err(|_| invalid("error-officers-word"))?;
        if gone.contains(&officer) || !all.insert(officer) {
            return Err(ApiError::new(Code::Conflict, "error-officers-already"));
        }
    }
    let officers: Vec<OfficerId> = all.into_iter().collect();
    let fewest = officers.len() / 2 + 1;
    let keeps = |threshold: u8| OfficerSet { officers: officers.clone(), threshold }.is_sound();
    let threshold = match request.threshold {
        Some(threshold) => threshold,
        None if keeps(set.threshold) => set.threshold,
        None => u8::try_from(fewest).unwrap_or(u8::MAX),
    };
    let next = OfficerSet { officers, threshold };
    if next.officers.is_empty() || next.officers.len() > SIGNATURES_MAX || !next.is_sound() {
        return Err(invalid("error-officers-threshold"));
    }
    if next == *set {
        return Err(invalid("error-officers-same"));
    }
    Ok((next, gone))
}

/// What goes on counting although it rests on keys that are struck out.
fn kept(
    directory: &Directory,
    gone: &BTreeSet<OfficerId>,
) -> Result<Vec<linli_replica::id::CertificateId>, ApiError> {
    let kept = directory.resting_on(gone);
    if kept.len() > KEPT_MAX {
        let refused = ApiError::new(Code::Conflict, "error-officers-kept");
        return Err(refused.with("count", kept.len()).with("max", KEPT_MAX));
    }
    Ok(kept)
}

pub(crate) fn expel(node: &mut Node, request: Expel) -> Outcome<RequestRow> {
    let directory = node.replica.directory();
    let subject = subject(directory, request.subject.trim())?;
    let out = match &subject {
        Subject::Party(party) => directory.party(party).is_some_and(|party| party.expelled),
        Subject::Node(node) => directory.node(node).is_some_and(|node| node.expelled),
    };
    if out {
        return Err(ApiError::new(Code::Conflict, "error-expelled-already"));
    }
    let act = Act::Expel { under: directory.officers().0, subject };
    let asks = |asked: &Certificate| asked.body().act == act;
    if let Some(held) = node.requests.waiting().find(|request| request.acts().iter().any(asks)) {
        let refused = ApiError::new(Code::Conflict, "error-expulsion-waits");
        return Err(refused.with("request", held.id()));
    }
    let known = explain(directory, Some(&subject));
    let keys = requests::opened_keys(node, request.officer_passphrase.as_deref())?;
    answer(requests::begin(node, act, known, &keys)?)
}

/// Finds whom somebody means: by the beginning of an id, or by a party's public name.
fn subject(directory: &Directory, text: &str) -> Result<Subject, ApiError> {
    let start = text.to_lowercase();
    let parties = directory.parties().filter_map(|(id, party)| {
        let named = party.name.as_deref() == Some(text);
        (named || id.to_string().starts_with(&start)).then_some(Subject::Party(*id))
    });
    let nodes = directory
        .nodes()
        .filter_map(|(id, _)| id.to_string().starts_with(&start).then_some(Subject::Node(*id)));
    let mut fitting = parties.chain(nodes);
    match (fitting.next(), fitting.next()) {
        (Some(subject), None) if !text.is_empty() => Ok(subject),
        (Some(_), Some(_)) => Err(invalid("error-subject-several")),
        _ => Err(not_found("error-subject-none")),
    }
}

pub(crate) fn list(node: &mut Node, _: RequestList) -> Outcome<Vec<RequestRow>> {
    let under = node.replica.directory().officers().0;
    let row = |request: &Request| RequestRow::of(request, request.under() != under);
    let over = |request: &HandOverRequest| {
        RequestRow::of_hand_over(request, request.statement().officers != under)
    };
    let hand_overs = node.requests.hand_overs().map(over);
    now_known(node.requests.waiting().map(row).chain(hand_overs).collect())
}

pub(crate) fn export(node: &mut Node, request: RequestExport) -> Outcome<RequestFile> {
    let under = node.replica.directory().officers().0;
    if let Some(found) = node.requests.find_hand_over(&request.id) {
        let row = RequestRow::of_hand_over(found, found.statement().officers != under);
        return now_known(RequestFile { request: row, bytes: hex::encode(found.encode()) });
    }
    let found = node.requests.find(&request.id)?;
    let row = RequestRow::of(found, found.under() != under);
    now_known(RequestFile { request: row, bytes: hex::encode(found.encode()) })
}

pub(crate) fn import(node: &mut Node, request: RequestImport) -> Outcome<RequestRow> {
    if request.bytes.len() > 2 * REQUEST_BYTES_MAX {
        return Err(invalid("error-request-large"));
    }
    let bytes = hex::decode(&request.bytes).map_err(|_| invalid("error-request-digits"))?;
    if HandOverRequest::is_one(&bytes) {
        return hand_over::submit(node, HandOverRequest::decode(&bytes)?);
    }
    answer(requests::submit(node, Request::decode(&bytes)?)?)
}

pub(crate) fn sign(node: &mut Node, request: RequestSign) -> Outcome<RequestRow> {
    if let Some(found) = node.requests.find_hand_over(&request.id) {
        let mut found = found.clone();
        for key in requests::opened_keys(node, Some(&request.officer_passphrase))? {
            found.sign(&key)?;
        }
        return hand_over::submit(node, found);
    }
    let mut found = node.requests.find(&request.id)?.clone();
    for key in requests::opened_keys(node, Some(&request.officer_passphrase))? {
        found.sign(&key)?;
    }
    answer(requests::submit(node, found)?)
}

pub(crate) fn forget(node: &mut Node, request: RequestDrop) -> Outcome<Done> {
    if let Some(found) = node.requests.find_hand_over(&request.id) {
        let id = found.id();
        return Ok((Done {}, BTreeSet::from([requests::keep_hand_over(node, id, None)?])));
    }
    let id = node.requests.find(&request.id)?.id();
    Ok((Done {}, BTreeSet::from([requests::forget(node, id)])))
}
