//! Recovery of a space: the request, the end of it, and the list.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::audit::{AuditRecord, What};
use linli_core::engine::{prove, splits, wanted};
use linli_core::identity::officer_word;
use linli_core::recovery::{
    NOTICE_TOPIC, Record as Recovered, RecoveryError, RecoveryNotice, Request, Words,
};
use linli_replica::batch::{Erase, Record, Shelf};
use linli_replica::certificate::{Act, Certificate};
use linli_replica::id::{NodeId, SpaceTag};
use linli_replica::replica::Input;
use linli_store::StoreError;
use uuid::Uuid;

use super::{Outcome, elders, invalid, not_found, now_known, spaces};
use crate::api::recovery::{
    RecoveryAnswer, RecoveryBegin, RecoveryFile, RecoveryFinish, RecoveryList, RecoveryRow,
};
use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, now, world};

/// Where rehearsals are kept: they concern this node only.
const REHEARSAL: &[u8] = b"rehearsal/";

/// The fewest digits of a tag that name a space.
const TAG_DIGITS_MIN: usize = 8;

impl From<RecoveryError> for ApiError {
    fn from(error: RecoveryError) -> Self {
        let (code, key) = match &error {
            RecoveryError::Malformed => (Code::Invalid, "error-recovery-malformed"),
            RecoveryError::Version(_) => (Code::Invalid, "error-recovery-version"),
            RecoveryError::Missing { had, needed } => {
                let refused = Self::new(Code::Waits, "error-recovery-missing");
                let more = needed.saturating_sub(*had);
                return refused.with("had", had).with("needed", needed).with("more", more);
            }
            RecoveryError::NothingHeld => (Code::NotFound, "error-recovery-nothing"),
            RecoveryError::Stale => (Code::Conflict, "error-recovery-stale"),
            RecoveryError::OtherOfficers => (Code::Conflict, "error-recovery-old-officers"),
            RecoveryError::OtherNode => (Code::Conflict, "error-recovery-other-node"),
            RecoveryError::BadSignature => (Code::Forbidden, "error-recovery-signature"),
            RecoveryError::Requester(_) => (Code::Forbidden, "error-recovery-requester"),
            RecoveryError::NoOfficer => (Code::Forbidden, "error-recovery-no-officer"),
            RecoveryError::Sealed(officer) => {
                let refused = Self::new(Code::Forbidden, "error-recovery-share-shut");
                return refused.with("officer", officer_word(officer));
            }
            RecoveryError::WrongShare(officer) => {
                let refused = Self::new(Code::Forbidden, "error-recovery-share-wrong");
                return refused.with("officer", officer_word(officer));
            }
            RecoveryError::BadSplit => (Code::Forbidden, "error-recovery-split"),
            RecoveryError::OtherKey => (Code::Forbidden, "error-recovery-other-key"),
            RecoveryError::Unsplittable => return Self::internal(error),
        };
        Self::new(code, key).because(error)
    }
}

pub(crate) fn begin(node: &mut Node, request: RecoveryBegin) -> Outcome<RecoveryFile> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    if request.reason.trim().is_empty() {
        return Err(invalid("error-recovery-reason"));
    }
    let (space, known) = find(node, &request.space, &request.scope)?;
    let person = person.map(|acting| {
        let person = acting.certificate.person();
        format!("{} ({})", person.name, person.role)
    });
    let words = Words {
        reason: request.reason,
        about: request.about.or(known).unwrap_or_default(),
        person: person.unwrap_or_default(),
    };
    let reading = world(&node.replica, &node.store);
    let wanted = wanted(reading, space, splits(reading, space)?);
    if wanted.is_empty() {
        return Err(ask_for(node, space));
    }
    let signing = node.core.signing_key().clone();
    let directory = node.replica.directory();
    let made =
        Request::new(&signing, directory, (space, words), wanted, (now(), request.rehearsal))?;
    let officers = made.officers(directory)?;
    now_known(RecoveryFile {
        id: made.id().to_string(),
        space: space.to_string(),
        officers: officers.officers.iter().map(officer_word).collect(),
        needed: officers.threshold.into(),
        request: hex::encode(made.encode()),
    })
}

/// Asks carriers for a space of which nothing is held: only its tag is needed for that.
fn ask_for(node: &mut Node, space: SpaceTag) -> ApiError {
    if node.replica.index().documents(&space).next().is_some() {
        return RecoveryError::NothingHeld.into();
    }
    node.feed(Input::Want(space));
    ApiError::new(Code::Waits, "error-recovery-asked")
}

/// Finds a space by its elder, its tag, or the beginning of the tag; says whose it is, where known.
fn find(node: &mut Node, text: &str, scope: &str) -> Result<(SpaceTag, Option<String>), ApiError> {
    if let Ok(tag) = text.parse::<SpaceTag>() {
        let about = about(node, tag);
        return Ok((tag, about));
    }
    if text.len() >= TAG_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let fits = |tag: &SpaceTag| tag.to_string().starts_with(&text.to_lowercase());
        let mut found = node.replica.index().spaces().filter(fits);
        if let (Some(tag), None) = (found.next(), found.next()) {
            drop(found);
            let about = about(node, tag);
            return Ok((tag, about));
        }
    }
    let elder = elders::find(node, text)?;
    let kind = [spaces::CARE, spaces::HEALTH, spaces::EMERGENCY]
        .into_iter()
        .find(|kind| *kind == scope)
        .ok_or_else(|| invalid("error-scope"))?;
    let space =
        elders::space_of(node, elder, kind).ok_or_else(|| not_found("error-nothing-of-kind"))?;
    let about = about(node, space);
    Ok((space, about))
}

/// Says in words whose a space is, where this node can read it.
fn about(node: &mut Node, space: SpaceTag) -> Option<String> {
    let kind = {
        let world = world(&node.replica, &node.store);
        node.core.space(world, space).ok()?.kind().to_owned()
    };
    let (_, names) = elder_in(node, space)?;
    Some(format!("{} ({kind})", names.join(" / ")))
}

/// The elder whose documents stand in a space, and the names.
fn elder_in(node: &mut Node, space: SpaceTag) -> Option<(Uuid, Vec<String>)> {
    elders::refresh(node);
    let elder = node.catalogue.rows().find_map(|(_, row)| match row.name {
        Name::Elder(elder, _) if row.space == space => Some(elder),
        Name::Elder(..) | Name::Plain(_) => None,
    })?;
    let names = elders::names(node, &[elder].into()).remove(&elder).unwrap_or_default();
    Some((elder, names.into_iter().collect()))
}

pub(crate) fn finish(node: &mut Node, request: RecoveryFinish) -> Outcome<RecoveryAnswer> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let bytes = hex::decode(&request.request).map_err(|_| RecoveryError::Malformed)?;
    let request = Request::decode(&bytes)?;
    let world = world(&node.replica, &node.store);
    let own = (node.core.node(), node.core.seal_key());
    let opened = request.open(own, world.directory, world.now)?;
    let space = request.statement().space;
    let proved = prove(world, space, &opened)??;
    let record = request.record();
    let (officers, enough) = record.officers(world.directory);
    if !enough {
        return Err(RecoveryError::NoOfficer.into());
    }
    let answer = RecoveryAnswer {
        id: record.id().to_string(),
        space: space.to_string(),
        kind: proved.kind().to_owned(),
        rehearsal: request.statement().rehearsal,
        officers: officers.iter().map(officer_word).collect(),
        refused: opened.refused.iter().map(ToString::to_string).collect(),
        epochs: u64::try_from(proved.epochs()).unwrap_or(u64::MAX),
    };
    let audited = |node: &mut Node, detail: Option<&str>| AuditRecord {
        space: Some(space),
        elder: elder_in(node, space).map(|(elder, _)| elder.into_bytes().into()),
        of: Some(answer.kind.clone()),
        count: u64::try_from(answer.officers.len()).unwrap_or(u64::MAX),
        detail: detail.map(ToOwned::to_owned),
        ..node.record_of(What::Recovered)
    };
    if request.statement().rehearsal {
        // The key ends here.
        drop((proved, opened));
        let key = [REHEARSAL, record.id().to_string().as_bytes()].concat();
        let kept = Record { shelf: Shelf::Own, key, value: Some(record.encode()) };
        let records = vec![kept, audited(node, Some("rehearsed")).for_store()];
        let kept = linli_core::engine::Authored { records, ..Default::default() };
        return Ok((answer, [node.author(kept)].into()));
    }
    let notice = RecoveryNotice::of(&record, world.directory);
    let act = Act::Notice {
        node: node.core.node(),
        topic: NOTICE_TOPIC.to_owned(),
        body: notice.encode().into(),
    };
    let notice = Certificate::new(world.directory.community(), world.now, act)
        .signed(node.core.signing_key());
    let arrival = node.core.open_recovered(world, &mut node.rng, proved, &record)?;
    for space in arrival.authored.wants {
        node.feed(Input::Want(space));
    }
    // The record in the space, the notice, the key and the audit's record: one batch.
    node.catalogue.changed(arrival.changed);
    let mut records = arrival.authored.records;
    records.push(audited(node, None).for_store());
    node.feed(Input::Authored {
        pages: arrival.authored.pages,
        certificates: vec![notice],
        records,
        urgent: false,
    });
    let save = node.replica.last_save();
    Ok((answer, [save].into()))
}

pub(crate) fn list(node: &mut Node, _: RecoveryList) -> Outcome<Vec<RecoveryRow>> {
    let told = node.replica.directory().notices(NOTICE_TOPIC).to_vec();
    let mut rows = Vec::new();
    let mut read: BTreeMap<SpaceTag, Vec<Recovered>> = BTreeMap::new();
    for notice in told {
        let Some(body) = RecoveryNotice::decode(&notice.body) else { continue };
        if node.core.is_member(&body.space) && !read.contains_key(&body.space) {
            let world = world(&node.replica, &node.store);
            read.insert(body.space, node.core.recoveries(world, body.space)?);
        }
        let records = read.get(&body.space).map(Vec::as_slice).unwrap_or_default();
        let record = records.iter().find(|record| record.id() == body.record).cloned();
        let officers = body.officers.iter().map(officer_word).collect();
        let what = (body.record.to_string(), body.space, body.at.0);
        rows.push(row(node, what, notice.node, officers, record.as_ref()));
    }
    for (key, value) in node.store.records(Shelf::Own).map_err(internal)? {
        if !key.starts_with(REHEARSAL) {
            continue;
        }
        let Ok(record) = Recovered::read(&value) else { continue };
        let statement = record.statement().clone();
        let what = (record.id().to_string(), statement.space, statement.at.0);
        rows.push(row(node, what, statement.node, BTreeSet::new(), Some(&record)));
    }
    rows.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
    now_known(rows)
}

/// Removes the notes of rehearsals of a space that is erased: they say whose it was.
pub(crate) fn forget_rehearsals(node: &Node, erase: &Erase) -> Result<Vec<Record>, StoreError> {
    let of = |(key, value): (Vec<u8>, Vec<u8>)| {
        let record = key.starts_with(REHEARSAL).then(|| Recovered::read(&value).ok())??;
        let gone = erase.documents.is_none() && record.statement().space == erase.space;
        gone.then_some(Record { shelf: Shelf::Own, key, value: None })
    };
    Ok(node.store.records(Shelf::Own)?.into_iter().filter_map(of).collect())
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(error)
}

fn row(
    node: &mut Node,
    (id, space, at_ms): (String, SpaceTag, u64),
    by: NodeId,
    told: BTreeSet<String>,
    record: Option<&Recovered>,
) -> RecoveryRow {
    let (elder, names) = elder_in(node, space).unzip();
    let directory = node.replica.directory();
    let party = directory.node(&by).map(|member| member.party);
    let signed = record.map(|record| record.officers(directory));
    let words = record.map(|record| record.statement().words.clone());
    let person = words.as_ref().map(|words| words.person.clone());
    RecoveryRow {
        id,
        space: space.to_string(),
        elder: elder.map(|elder| elder.to_string()),
        names: names.unwrap_or_default(),
        at_ms,
        node: by.to_string(),
        party: party.map(|party| party.to_string()).unwrap_or_default(),
        party_name: party.and_then(|party| directory.party(&party)?.name.clone()),
        officers: match &signed {
            Some((officers, _)) => officers.iter().map(officer_word).collect(),
            None => told.into_iter().collect(),
        },
        reason: words.map(|words| words.reason),
        person: person.filter(|person| !person.is_empty()),
        proved: signed.is_some_and(|(_, enough)| enough),
        rehearsal: record.is_some_and(|record| record.statement().rehearsal),
    }
}
