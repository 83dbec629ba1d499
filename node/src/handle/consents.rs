//! Consents: recorded, listed, withdrawn.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::audit::{AuditRecord, What, clip};
use linli_core::engine::{Acting, Authored};
use linli_model::author::PartyId;
use linli_model::consent::{self, Consent, ConsentFact, Giver, Obtained, Standing, State};
use linli_model::document::DocumentName;
use linli_model::event::{FactId, Reason};
use linli_model::private::Private;
use linli_model::time::Timestamp;
use linli_replica::batch::Record;
use linli_replica::entry::Urgency;
use linli_replica::id::{CertificateId, DocTag, SpaceTag};
use linli_replica::replica::Save;
use uuid::Uuid;

use super::{Outcome, elders, exposure, facts, invalid, not_found, now_known, spaces};
use crate::api::grants::{
    ConsentAnswer, ConsentList, ConsentRecord, ConsentRow, ConsentWithdraw, Exposure,
};
use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, now, world};
use crate::views;

/// Every consent about an elder that this node can read, with the document it stands in.
pub(crate) type Consents = BTreeMap<FactId, (DocTag, Standing)>;

pub(crate) fn record(node: &mut Node, request: ConsentRecord) -> Outcome<ConsentAnswer> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let space = elders::space_of(node, elder, spaces::CARE)
        .ok_or_else(|| not_found("error-consent-no-record"))?;
    let consent = consent(node, &request)?;
    let world = world(&node.replica, &node.store);
    let author = node.core.own_author(world, person.as_ref()).ok_or_else(not_enrolled)?;
    consent::may_give(&author, &consent).map_err(|reason| refused(&reason))?;
    let name = Name::Elder(elder, DocumentName::Consents);
    let fact = ConsentFact::Given { consent: consent.clone() };
    let (id, authored) = facts::make(node, space, &name, Urgency::Normal, person.as_ref(), fact)?;
    let mut authored = authored.unwrap_or_default();
    authored.records.push(audit(node, elder, id, &consent, GIVEN));
    let saves = [node.author(authored)].into();
    note(node, space, &name)?;
    Ok((ConsentAnswer { consent: id.to_string() }, saves))
}

/// What the audit says of a consent that was written down, in the field `of`.
const GIVEN: &str = "given";
const WITHDRAWN: &str = "withdrawn";

/// What the audit says of a consent: whose data, to whom, what was done, and which consent.
fn audit(node: &mut Node, elder: Uuid, id: FactId, consent: &Consent, of: &str) -> Record {
    let categories: Vec<String> = consent.categories.iter().map(ToString::to_string).collect();
    let detail = format!("{id} {}: {}", categories.join(" "), consent.purpose);
    AuditRecord {
        elder: Some(elder.into_bytes().into()),
        party: Some(linli_replica::id::PartyId(consent.to.0)),
        of: Some(of.to_owned()),
        detail: Some(clip(&detail)),
        ..node.record_of(What::Consent)
    }
    .for_store()
}

/// Lists the document at once, so that the next request finds it.
fn note(node: &mut Node, space: SpaceTag, name: &Name) -> Result<(), ApiError> {
    let world = world(&node.replica, &node.store);
    let document = node.core.space(world, space)?.document(&name.to_string());
    node.catalogue.put(document, space, name.clone());
    Ok(())
}

fn consent(node: &Node, request: &ConsentRecord) -> Result<Consent, ApiError> {
    let categories = request.categories.iter().map(|text| text.parse());
    let categories = categories
        .collect::<Result<BTreeSet<_>, consent::CategoryError>>()
        .map_err(|_| invalid("error-consent-category"))?;
    let proof = Private::new(request.proof.clone());
    let obtained = match request.obtained.as_str() {
        "paper" => Obtained::Paper { kept: proof },
        "spoken" => Obtained::Spoken { witness: proof },
        "recorded" => Obtained::Recorded { kept: proof },
        "on_device" => Obtained::OnDevice,
        _ => return Err(invalid("error-consent-how")),
    };
    Ok(Consent {
        by: giver(request.guardian.as_deref()),
        to: PartyId(spaces::party(node, &request.to)?.0),
        purpose: request.purpose.clone(),
        categories,
        obtained,
        begins: Timestamp(request.begins_ms.unwrap_or(now().0)),
        ends: request.ends_ms.map(Timestamp),
        necessity: request.necessity.clone().map(Private::new),
        keep_days: request.keep_days,
    })
}

fn giver(guardian: Option<&str>) -> Giver {
    match guardian {
        None => Giver::Elder,
        Some(name) => Giver::Guardian { name: Private::new(name) },
    }
}

fn not_enrolled() -> ApiError {
    ApiError::new(Code::Forbidden, "error-not-enrolled")
}

fn refused(reason: &Reason) -> ApiError {
    let (code, key) = if *reason == Reason::PersonNeeded {
        (Code::Forbidden, "error-consent-person")
    } else if *reason == Reason::PartyMayNot {
        (Code::Forbidden, "error-consent-writer")
    } else if *reason == Reason::AlreadyDone {
        (Code::Conflict, "error-consent-gone")
    } else if *reason == Reason::Bundled {
        (Code::Invalid, "error-consent-bundled")
    } else {
        (Code::Invalid, "error-consent-incomplete")
    };
    ApiError::new(code, key)
}

/// Reads every consent about an elder.
pub(crate) fn of_elder(node: &mut Node, elder: Uuid) -> Result<Consents, ApiError> {
    elders::refresh(node);
    let documents: Vec<DocTag> = node
        .catalogue
        .of_elder(elder)
        .filter(|(_, row)| row.name == Name::Elder(elder, DocumentName::Consents))
        .map(|(document, _)| *document)
        .collect();
    let mut all = Consents::new();
    for document in documents {
        let (opened, _) = views::open(node, document)?;
        let (doc, authors) = opened.parts();
        let view = consent::view(doc.document(), authors);
        all.extend(view.consents.into_iter().map(|(id, standing)| (id, (document, standing))));
    }
    Ok(all)
}

/// Finds one consent by its id or the beginning of it.
pub(crate) fn find(consents: &Consents, text: &str) -> Result<FactId, ApiError> {
    let mut found =
        consents.keys().filter(|id| !text.is_empty() && id.to_string().starts_with(text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(*id),
        (None, _) => Err(not_found("error-consent-none")),
        (Some(_), Some(_)) => Err(not_found("error-consent-several")),
    }
}

pub(crate) fn list(node: &mut Node, request: ConsentList) -> Outcome<Vec<ConsentRow>> {
    let elder = elders::find(node, &request.elder)?;
    let consents = of_elder(node, elder)?;
    let at = Timestamp(now().0);
    let over = |standing: &Standing| matches!(standing.state(at), State::Ended | State::Withdrawn);
    let shown = consents.iter().filter(|(_, (_, standing))| request.all || !over(standing));
    let mut rows: Vec<ConsentRow> =
        shown.map(|(id, (_, standing))| row(node, *id, standing)).collect();
    rows.sort_by(|a, b| (a.recorded_ms, &a.consent).cmp(&(b.recorded_ms, &b.consent)));
    now_known(rows)
}

/// A consent as lists show it.
pub(crate) fn row(node: &Node, id: FactId, standing: &Standing) -> ConsentRow {
    let Standing { consent, recorded_at, recorded_by, withdrawn } = standing;
    let (obtained, proof) = match &consent.obtained {
        Obtained::Paper { kept } => ("paper", Some(kept)),
        Obtained::Spoken { witness } => ("spoken", Some(witness)),
        Obtained::Recorded { kept } => ("recorded", Some(kept)),
        Obtained::OnDevice => ("on_device", None),
    };
    let state = match standing.state(Timestamp(now().0)) {
        State::Standing => "standing",
        State::NotYet => "not_yet",
        State::Ended => "ended",
        State::Withdrawn => "withdrawn",
    };
    let text = |private: &Private| private.as_str().to_owned();
    let party = |party: PartyId| spaces::party_ref(node, linli_replica::id::PartyId(party.0));
    ConsentRow {
        consent: id.to_string(),
        state: state.to_owned(),
        to: party(consent.to),
        purpose: consent.purpose.clone(),
        categories: consent.categories.iter().map(ToString::to_string).collect(),
        guardian: match &consent.by {
            Giver::Elder => None,
            Giver::Guardian { name } => Some(text(name)),
        },
        obtained: obtained.to_owned(),
        proof: proof.map(text),
        necessity: consent.necessity.as_ref().map(text),
        keep_days: consent.keep_days,
        begins_ms: consent.begins.0,
        ends_ms: consent.ends.map(|ends| ends.0),
        recorded_by: recorded_by.person.as_ref().map(|person| text(&person.name)),
        recorded_at: party(recorded_by.party),
        recorded_ms: recorded_at.0,
        withdrawn_ms: withdrawn.as_ref().map(|withdrawal| withdrawal.at.0),
    }
}

/// Writes the withdrawal down and takes every grant away that rests on the consent: all of it becomes
/// durable together, or nothing.
pub(crate) fn withdraw(node: &mut Node, request: ConsentWithdraw) -> Outcome<Vec<Exposure>> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let consents = of_elder(node, elder)?;
    let id = find(&consents, &request.consent)?;
    let (document, standing) = consents.get(&id).ok_or_else(|| not_found("error-consent-none"))?;
    let by = giver(request.guardian.as_deref());
    let own = world(&node.replica, &node.store);
    let author = node.core.own_author(own, person.as_ref()).ok_or_else(not_enrolled)?;
    consent::may_withdraw(&author, standing, &by).map_err(|reason| refused(&reason))?;
    let party = linli_replica::id::PartyId(standing.consent.to.0);

    let resting = resting_on(node, elder, party, id)?;
    let taken: Vec<SpaceTag> = resting.iter().filter(|of| of.steward).map(|of| of.space).collect();
    let record = audit(node, elder, id, &standing.consent, WITHDRAWN);
    let note = request.note.clone().map(Private::new);
    let fact = ConsentFact::Withdrawn { given: id, by, note };
    let saves = write_withdrawal(node, *document, fact, person.as_ref(), &resting, record)?;
    let mut statements = Vec::new();
    for Resting { space, scope, .. } in resting {
        statements.push(exposure::statement(node, space, scope, party, taken.contains(&space))?);
    }
    Ok((statements, saves))
}

/// The grants of a space that rest on a consent.
struct Resting {
    space: SpaceTag,
    scope: String,
    grants: BTreeSet<CertificateId>,
    /// Whether this node's party may take them away.
    steward: bool,
}

fn resting_on(
    node: &mut Node,
    elder: Uuid,
    party: linli_replica::id::PartyId,
    consent: FactId,
) -> Result<Vec<Resting>, ApiError> {
    let (named, own) = (consent.to_string(), node.core.party());
    let mut found = Vec::new();
    for (space, scope) in spaces::about(node, elder)? {
        let world = world(&node.replica, &node.store);
        let state = node.core.space(world, space)?.state();
        let grants: BTreeSet<CertificateId> = state
            .members
            .get(&party)
            .into_iter()
            .flat_map(|member| &member.grants)
            .filter(|grant| grant.consent.as_deref() == Some(&named))
            .map(|grant| grant.id)
            .collect();
        let steward = spaces::is_steward(state, &own, world.now);
        if !grants.is_empty() {
            found.push(Resting { space, scope, grants, steward });
        }
    }
    Ok(found)
}

/// Makes one batch of the withdrawal, its record in the audit, and the revocations.
fn write_withdrawal(
    node: &mut Node,
    document: DocTag,
    fact: ConsentFact,
    person: Option<&Acting>,
    resting: &[Resting],
    record: Record,
) -> Result<BTreeSet<Save>, ApiError> {
    let mut authored = Authored::default();
    let mut made = revoke_all(node, resting, &mut authored);
    if made.is_ok() {
        // Last, so that what was said is sealed under a key that the removed have not.
        made = facts::write(node, document, Urgency::Normal, person, fact).map(|withdrawn| {
            authored.absorb(withdrawn);
            authored.records.push(record);
        });
    }
    // What was made is known to the core: it must not be lost, whatever else failed.
    let saves = [node.author(authored)].into();
    made.map(|()| saves)
}

/// Takes the grants away that this party may.
fn revoke_all(
    node: &mut Node,
    resting: &[Resting],
    authored: &mut Authored,
) -> Result<(), ApiError> {
    for of in resting.iter().filter(|of| of.steward) {
        let world = world(&node.replica, &node.store);
        let revoked = node.core.revoke_grants(world, &mut node.rng, of.space, &of.grants)?;
        authored.absorb(revoked);
    }
    Ok(())
}

/// Takes every grant away that rests on a consent of an elder that was withdrawn somewhere else, where
/// this party may.
pub(crate) fn enforce(node: &mut Node, elder: Uuid) -> Result<(), ApiError> {
    let consents = of_elder(node, elder)?;
    let withdrawn = consents.into_iter().filter(|(_, (_, standing))| standing.withdrawn.is_some());
    let withdrawn: Vec<(FactId, PartyId)> =
        withdrawn.map(|(id, (_, standing))| (id, standing.consent.to)).collect();
    let mut authored = Authored::default();
    let mut made = Ok(());
    for (id, to) in withdrawn {
        let party = linli_replica::id::PartyId(to.0);
        let resting = resting_on(node, elder, party, id)?;
        made = made.and(revoke_all(node, &resting, &mut authored));
    }
    if !authored.pages.is_empty() {
        node.author(authored);
        super::cards::match_family(node);
    }
    made
}
