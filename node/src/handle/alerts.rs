//! Alerts: raised, acknowledged by a named person, answered, resolved.

use std::collections::BTreeSet;

use linli_core::audit::{AuditRecord, What};
use linli_core::authority::{Owner, Right};
use linli_core::engine::{Acting, Authored};
use linli_model::alert::{
    self, AlertFact, AlertKind, AlertView, CardKey, CauseId, EmergencyService, Ladder,
    Outcome as Ending, Stage, WITHIN_MS_MAX,
};
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::private::Private;
use linli_model::silence::Silent;
use linli_model::time::{MINUTE_MS, Timestamp};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, PartyId, SpaceTag};
use linli_replica::replica::Save;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, cards, elders, facts, invalid, ladders, not_found, now_known, spaces};
use crate::api::alerts::{AlertAct, AlertAnswer, AlertList, AlertRaise, AlertShow};
use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, now};
use crate::views;

/// Presses of one button within this time are one alert, as long as it is open.
const REPEAT_MS: u64 = 60_000;

/// The act by which a household says that nothing happened.
const CALL_OFF: &str = "call-off";

/// The act by which a household keeps the card closed to an alert of others.
const REFUSE_CARD: &str = "refuse-card";

pub(crate) fn raise(node: &mut Node, request: AlertRaise) -> Outcome<AlertAnswer> {
    // Somebody must come: a locked desk or a wrong PIN costs the name, not the alert.
    let person = node.people.acting(&node.pepper, request.acting.as_ref()).unwrap_or_default();
    let what = serde_json::from_value::<AlertKind>(Value::String(request.kind.clone()))
        .map_err(|_| invalid("error-alert-kind"))?;
    // Its cause says since when nobody was in contact, and that is what ends it.
    if what == AlertKind::NoContact {
        return Err(invalid("error-alert-no-contact"));
    }
    if matches!(what, AlertKind::Sensors | AlertKind::MonitoringOff) {
        return Err(invalid("error-alert-by-node"));
    }
    let elder = elders::find(node, &request.elder)?;
    // What is raised in earnest never joins a drill.
    let apart = if request.drill { "drill/" } else { "" };
    let cause = match request.cause {
        Some(cause) => CauseId(format!("{apart}{elder}/{cause}")),
        None => pressed(node, format!("{apart}{}/{elder}/{}", request.kind, now().0 / REPEAT_MS)),
    };
    let event = Event { drill: request.drill, ..Event::now(cause, what) };
    let (document, saves) = raise_cause(node, elder, event, person.as_ref())?;
    let view = read(node, document)?;
    let answer = AlertAnswer { alert: view.id.to_string(), state: word(&view.stage), stored: true };
    Ok((answer, saves))
}

/// The cause of a press: a minute's presses are one alert, unless somebody has that one already, who may think it done.
fn pressed(node: &mut Node, minute: String) -> CauseId {
    let cause = CauseId(minute);
    let existing = find(node, &alert::alert_id(&cause).to_string());
    match existing.and_then(|document| read(node, document)) {
        Ok(view) if view.owner.is_some() => {
            let CauseId(minute) = cause;
            CauseId(format!("{minute}/{}", node.draw_uuid()))
        }
        Ok(_) | Err(_) => cause,
    }
}

/// What an alert is raised for.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) cause: CauseId,
    pub(crate) what: AlertKind,
    /// Nothing happened: the chain is tested.
    pub(crate) drill: bool,
    /// When it happened, where that was some time ago.
    pub(crate) happened: Option<Timestamp>,
}

impl Event {
    /// What happens now, in earnest.
    pub(crate) const fn now(cause: CauseId, what: AlertKind) -> Self {
        Self { cause, what, drill: false, happened: None }
    }
}

/// Raises the alert of a cause, or joins it where it is raised already.
pub(crate) fn raise_cause(
    node: &mut Node,
    elder: Uuid,
    event: Event,
    person: Option<&Acting>,
) -> Result<(DocTag, BTreeSet<Save>), ApiError> {
    let id = alert::alert_id(&event.cause);
    let name = Name::Plain(DocumentName::Alert(id));
    let existing = find(node, &id.to_string()).ok();
    let joined = existing.and_then(|document| node.catalogue.get(&document));
    let (space, mut saves) = match joined.map(|row| row.space) {
        Some(space) => (space, BTreeSet::new()),
        None => space_for(node, elder)?,
    };
    let view = existing.map(|document| read(node, document)).transpose()?;
    let fact = |node: &mut Node, card| {
        let raised = raised(node, Some(elder), event.clone(), card);
        match &view {
            Some(view) => view.raise(raised),
            None => raised,
        }
    };
    // Nobody needs to read the card in a drill, or to call somebody back.
    let reads = !event.drill && event.what.is_emergency();
    let card = if reads { cards::key(node, elder, space) } else { None };
    let with_card = fact(node, card.clone());
    let whole = match facts::add_urgent(node, space, &name, person, with_card) {
        // Whatever it is that keeps the card from being opened, somebody must come.
        Err(_) if card.is_some() => None,
        whole => whole?,
    };
    if let Some(whole) = whole {
        saves.extend(whole);
    } else {
        let alone = fact(node, None);
        let (raise, new) = facts::add_to(node, space, &name, Urgency::Urgent, person, alone)?;
        saves.extend(new);
        // The alert goes first; what opens the card, if it takes more, follows with less haste. Whoever raised it is
        // answered when the alert is stored: on a full disk that is all there is room for.
        if card.is_some() {
            let given = AlertFact::CardGiven { raise, card };
            if let Err(error) = facts::add_to(node, space, &name, Urgency::Normal, None, given) {
                tracing::warn!(%error, "an alert goes without what opens the card");
            }
        }
    }
    let document = begun(node, space, name)?;
    Ok((document, saves))
}

/// Raises an alert with another fact about it, in one entry.
pub(crate) fn raise_both(
    node: &mut Node,
    space: SpaceTag,
    elder: Option<Uuid>,
    event: Event,
    second: impl FnOnce(FactId) -> AlertFact,
) -> Result<DocTag, ApiError> {
    let name = Name::Plain(DocumentName::Alert(alert::alert_id(&event.cause)));
    let raised = raised(node, elder, event, None);
    facts::add_both(node, space, &name, None, raised, second)?;
    begun(node, space, name)
}

/// Raises an alert that says which hubs are silent, in one entry. None where it was raised before: by another node of
/// a centre, or before this start.
pub(crate) fn raise_silence(
    node: &mut Node,
    space: SpaceTag,
    elder: Option<Uuid>,
    cause: CauseId,
    silent: Silent,
) -> Result<Option<DocTag>, ApiError> {
    let id = alert::alert_id(&cause);
    if find(node, &id.to_string()).is_ok() {
        return Ok(None);
    }
    let event = Event::now(cause, AlertKind::Silence);
    let silent = |raise| AlertFact::Silent { raise, silent };
    raise_both(node, space, elder, event, silent).map(Some)
}

/// Raises an alert that says that the card was opened, and by whom, in one entry.
pub(crate) fn raise_read(
    node: &mut Node,
    elder: Uuid,
    person: &Acting,
    reason: Option<String>,
) -> Result<(Uuid, BTreeSet<Save>), ApiError> {
    let cause = CauseId(format!("{elder}/card/{}", node.draw_uuid()));
    let id = alert::alert_id(&cause);
    let (space, mut saves) = space_for(node, elder)?;
    let name = Name::Plain(DocumentName::Alert(id));
    let event = Event::now(cause, AlertKind::CardOpened);
    let raise = raised(node, Some(elder), event, None);
    let reason = reason.map(Private::new);
    let read = |raise| AlertFact::CardRead { raise, reason };
    saves.extend(facts::add_both(node, space, &name, Some(person), raise, read)?);
    begun(node, space, name)?;
    Ok((id, saves))
}

/// The raise of an alert, with the ladder that it climbs.
fn raised(node: &mut Node, elder: Option<Uuid>, event: Event, card: Option<CardKey>) -> AlertFact {
    let Event { cause, what, drill, happened } = event;
    let ladder = match elder {
        Some(elder) => ladders::of(node, elder, what),
        None => Ladder::common(what),
    };
    let note = elder.map(|elder| Private::new(elder.to_string()));
    AlertFact::Raised { cause, what, ladder, place: None, note, card, drill, happened }
}

/// Notes an alert that was raised here.
fn begun(node: &mut Node, space: SpaceTag, name: Name) -> Result<DocTag, ApiError> {
    let world = crate::node::world(&node.replica, &node.store);
    let document = node.core.space(world, space)?.document(&name.to_string());
    node.catalogue.put(document, space, name);
    let view = read(node, document)?;
    node.ladders.raised(document, &view, node.replica.last_save());
    node.board.touch(document);
    cards::noted(node, document, &view, &[]);
    Ok(document)
}

/// Where an alert about an elder is raised: in the standing space of the household that keeps the
/// elder's records, where this party may write there; otherwise in its own.
fn space_for(node: &mut Node, elder: Uuid) -> Result<(SpaceTag, BTreeSet<Save>), ApiError> {
    match keeper(node, elder) {
        Some((household @ Owner::Party(party), _)) if party != node.core.party() => {
            match of_household(node, household) {
                Some(space) => Ok((space, BTreeSet::new())),
                None => space(node),
            }
        }
        Some(_) | None => space(node),
    }
}

/// Who owns an elder's records, and the steward who began them where that is the community.
fn keeper(node: &mut Node, elder: Uuid) -> Option<(Owner, Option<PartyId>)> {
    let care = elders::care_of(node, elder)?;
    let world = crate::node::world(&node.replica, &node.store);
    node.core.outline(world, care).ok()?.owner
}

/// The standing space of another household, where this party may write there.
fn of_household(node: &mut Node, household: Owner) -> Option<SpaceTag> {
    let own = node.core.party();
    node.core.spaces().collect::<Vec<_>>().into_iter().find(|tag| {
        let world = crate::node::world(&node.replica, &node.store);
        let of_household = node.core.outline(world, *tag).is_ok_and(|space| {
            space.kind == spaces::ALERT && space.owner.is_some_and(|(of, _)| of == household)
        });
        of_household
            && node
                .core
                .space(world, *tag)
                .is_ok_and(|space| space.state().right(&own, world.now) >= Some(Right::Write))
    })
}

/// Whether this party is to ask after an elder by itself. Whoever is raises the alert in one and the same space: the
/// household and its centres in the household's, and of an elder whose records the community owns the steward alone.
pub(crate) fn asks_after(node: &mut Node, elder: Uuid) -> bool {
    let own = node.core.party();
    match keeper(node, elder) {
        Some((Owner::Party(party), _)) if party == own => true,
        Some((household @ Owner::Party(_), _)) => {
            spaces::own_kind(node).is_ok_and(|kind| kind == PartyKind::Centre)
                && of_household(node, household).is_some()
        }
        Some((Owner::Community, steward)) => steward == Some(own),
        None => false,
    }
}

/// The standing space in which this party's alerts are raised: it is there before it is needed.
pub(crate) fn space(node: &mut Node) -> Result<(SpaceTag, BTreeSet<Save>), ApiError> {
    if let Some(space) = spaces::own(node, spaces::ALERT) {
        return Ok((space, BTreeSet::new()));
    }
    let grants = spaces::grants_to(node, &[PartyKind::Centre], Right::Write, cards::DUTY);
    let (space, authored) = spaces::begin(node, spaces::ALERT, grants)?;
    // A disk that takes nothing but alerts takes what they are raised in.
    let authored = Authored { urgent: true, ..authored };
    Ok((space, [node.author(authored)].into()))
}

pub(crate) fn find(node: &mut Node, text: &str) -> Result<DocTag, ApiError> {
    crate::reactions::react(node);
    let fits = |name: &Name| matches!(name, Name::Plain(DocumentName::Alert(id)) if id.to_string().starts_with(text));
    let found = node.catalogue.rows().filter(|(_, row)| fits(&row.name));
    let mut found = found.map(|(document, _)| *document);
    match (found.next(), found.next()) {
        (Some(document), None) => Ok(document),
        (None, _) => Err(not_found("error-alert-none")),
        (Some(_), Some(_)) => Err(not_found("error-alert-several")),
    }
}

pub(crate) fn read(node: &mut Node, document: DocTag) -> Result<AlertView, ApiError> {
    let (opened, name) = views::open(node, document)?;
    let Name::Plain(DocumentName::Alert(id)) = name else {
        return Err(not_found("error-alert-none"));
    };
    let (doc, authors) = opened.parts();
    Ok(alert::view(id, doc.document(), authors))
}

/// The word that stands for a value without fields in documents.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(crate) fn list(node: &mut Node, request: AlertList) -> Outcome<Vec<Value>> {
    crate::reactions::react(node);
    let documents: Vec<DocTag> = node
        .catalogue
        .rows()
        .filter(|(_, row)| matches!(row.name, Name::Plain(DocumentName::Alert(_))))
        .map(|(document, _)| *document)
        .collect();
    let mut views = Vec::new();
    for document in documents {
        let view = read(node, document)?;
        if request.all || view.stage != Stage::Resolved {
            views.push((document, view));
        }
    }
    let names = elders::names(node, &views.iter().filter_map(|(_, view)| elder(view)).collect());
    let row = |(document, view): &(DocTag, AlertView)| {
        json!({
            "elder": elder(view).map(|elder| elder.to_string()),
            "names": elder(view).and_then(|elder| names.get(&elder)),
            "alert": view.id.to_string(),
            "state": word(&view.stage),
            "kind": view.what.as_ref().map(word),
            "drill": view.drill,
            "since_ms": view.since.map(|at| at.0),
            "raises": view.raises.len(),
            "owner": view.owner.as_ref().map(|o| o.person.name.as_str()),
            "delivered_to": view.delivered.len(),
            "steps": node.ladders.state(document).map(|state| state.steps),
        })
    };
    now_known(views.iter().map(row).collect())
}

/// The elder an alert is about: the first raise that stands names the id.
pub(crate) fn elder(view: &AlertView) -> Option<Uuid> {
    let standing = view.timeline.iter().filter(|entry| entry.not_standing.is_none());
    let note = standing.into_iter().find_map(|entry| {
        if let AlertFact::Raised { note, .. } = &entry.body { note.as_ref() } else { None }
    });
    note?.as_str().parse().ok()
}

pub(crate) fn show(node: &mut Node, request: AlertShow) -> Outcome<Value> {
    let document = find(node, &request.alert)?;
    let view = read(node, document)?;
    let state = node.ladders.state(&document);
    let climb = state.map(|state| view.climb(state.watch(&view)));
    let mut shown = json!({
        "view": view,
        "climb": climb,
        "steps": state.map(|state| state.steps),
        "held_since_ms": state.map(|state| state.held_since().0),
        "hub_heard_ms": node.heartbeats.of_alert(node.catalogue.get(&document), now()),
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(elders::named(node, elder(&view)));
    }
    now_known(shown)
}

pub(crate) fn act(node: &mut Node, request: AlertAct) -> Outcome<AlertAnswer> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let is_of_home = [REFUSE_CARD, CALL_OFF].contains(&request.act.as_str());
    if person.is_none() && !is_of_home {
        return Err(ApiError::new(Code::Forbidden, "error-alert-person"));
    }
    let document = match find(node, &request.alert) {
        Ok(document) => document,
        Err(error) => return unstored(node, &request, error),
    };
    let view = read(node, document)?;
    if request.act == REFUSE_CARD {
        cards::may_refuse(node)?;
    }
    let fact = fact(&view, &request, person.as_ref())?;
    let (_, saves) = facts::add(node, document, Urgency::Urgent, person.as_ref(), fact)?;
    let view = read(node, document)?;
    let answer = AlertAnswer { alert: view.id.to_string(), state: word(&view.stage), stored: true };
    Ok((answer, saves))
}

/// Finds an alert that could not be stored, where no stored one fits.
pub(crate) fn find_lost(
    node: &Node,
    text: &str,
    error: ApiError,
) -> Result<(DocTag, AlertView), ApiError> {
    let is_none = error.detail.key == "error-alert-none" && !text.is_empty();
    let mut lost = node.ladders.find_lost(text).filter(|_| is_none);
    match (lost.next(), lost.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(error),
        (Some(_), Some(_)) => Err(not_found("error-alert-several")),
    }
}

/// Ends an alert that could not be stored, which this node alone knows of. Whoever would answer it otherwise is told that
/// nobody can take it.
fn unstored(node: &mut Node, request: &AlertAct, error: ApiError) -> Outcome<AlertAnswer> {
    let (document, view) = find_lost(node, &request.alert, error)?;
    if !matches!(request.act.as_str(), "resolve" | "false-alarm") {
        return Err(ApiError::new(Code::Conflict, "error-alert-unstored"));
    }
    // Nothing else is left of it.
    tracing::warn!(alert = %view.id, act = request.act, "an alert that could not be stored was ended by a person");
    let record = AuditRecord {
        elder: elder(&view).map(|elder| elder.into_bytes().into()),
        of: Some(request.act.clone()),
        detail: Some(view.id.to_string()),
        ..node.record_of(What::AlertEnded)
    };
    // It is kept where there is room; that the alert is over waits for none.
    node.note(&record);
    node.ladders.forget(&document);
    node.board.touch(document);
    let state = word(&Stage::Resolved);
    now_known(AlertAnswer { alert: view.id.to_string(), state, stored: false })
}

/// Refuses what somebody else has.
pub(crate) fn taken(owner: &alert::Owner) -> ApiError {
    let who = owner.person.name.as_str();
    ApiError::new(Code::Conflict, "error-alert-taken").with_private("who", who)
}

/// The fact that an act of a person adds to an alert as it stands.
fn fact(
    view: &AlertView,
    request: &AlertAct,
    person: Option<&Acting>,
) -> Result<AlertFact, ApiError> {
    let conflict = |key| ApiError::new(Code::Conflict, key);
    let round = || view.round.ok_or_else(|| conflict("error-alert-not-open"));
    let owned = || {
        view.owner.as_ref().map(|owner| owner.fact).ok_or_else(|| conflict("error-alert-nobody"))
    };
    let id = person.map(|person| hex::encode(*person.certificate.person().key));
    let own = || match &view.owner {
        Some(owner) if id.as_ref() != Some(&owner.person.id) => {
            let who = owner.person.name.as_str();
            Err(conflict("error-alert-not-yours").with_private("who", who))
        }
        Some(_) | None => owned(),
    };
    let resolved =
        |outcome| Ok::<_, ApiError>(AlertFact::Resolved { ack: own()?, outcome, note: None });
    Ok(match request.act.as_str() {
        "ack" => match &view.owner {
            None => AlertFact::Acknowledged { raise: round()? },
            Some(owner) => return Err(taken(owner)),
        },
        CALL_OFF => AlertFact::CalledOff { raise: round()? },
        "hand-to" => AlertFact::HandedTo { ack: own()?, service: service(request)? },
        "take-over" => match (&view.owner, &request.from) {
            (Some(owner), Some(from)) if *from != owner.person.id => return Err(taken(owner)),
            (Some(_) | None, _) => AlertFact::TookOver { from: owned()? },
        },
        "respond" => {
            let within_ms = request.within_minutes.map(|minutes| u64::from(minutes) * MINUTE_MS);
            if within_ms.is_some_and(|within_ms| within_ms > WITHIN_MS_MAX) {
                return Err(invalid("error-alert-within").with("max", WITHIN_MS_MAX / MINUTE_MS));
            }
            AlertFact::Responding { ack: own()?, within_ms }
        }
        "arrive" => AlertFact::Arrived { ack: own()? },
        "resolve" => resolved(ending(request.outcome.as_deref())?)?,
        "false-alarm" => resolved(Ending::FalseAlarm)?,
        "reopen" => AlertFact::Reopened {
            resolved: view.resolved.ok_or_else(|| conflict("error-alert-not-resolved"))?,
            note: None,
        },
        REFUSE_CARD => AlertFact::CardRefused { raise: round()? },
        _ => {
            return Err(invalid("error-alert-act"));
        }
    })
}

/// Reads whom an alert is handed to.
fn service(request: &AlertAct) -> Result<EmergencyService, ApiError> {
    let word = request.service.clone().map(Value::String);
    let named = word.and_then(|word| serde_json::from_value(word).ok());
    named.ok_or_else(|| invalid("error-alert-service"))
}

/// Reads an outcome's word.
fn ending(word: Option<&str>) -> Result<Ending, ApiError> {
    let named = word.and_then(|word| serde_json::from_value(Value::String(word.to_owned())).ok());
    let named = named.filter(|ending| *ending != Ending::Contacted);
    named.ok_or_else(|| invalid("error-alert-outcome"))
}
