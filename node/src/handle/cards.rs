//! The emergency card: who keeps it, to whom an alert opens it, and on what record it is read.
//!
//! Household and family write the card, and write it whole on a sheet for each epoch. An alert carries what opens the
//! present epoch to its readers; when the alert is closed the next writer begins an epoch. A centre keeps the cards of
//! elders without a hub and opens them by itself, in the same entry as the alert that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use automerge::AutoCommit;
use linli_core::authority::{Grant, Member, Owner, Right, StandingGrant};
use linli_core::engine::{Acting, Authored, Edit};
use linli_core::recovery::Record;
use linli_core::space::Space;
use linli_model::alert::{AlertFact, AlertKind, AlertView, CardKey, CardView, Position, Stage};
use linli_model::card::{self, CardField, CardPlace, SheetId};
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::field::{FieldsView, Place, WriteError};
use linli_model::private::Private;
use linli_replica::certificate::PartyKind;
use linli_replica::directory::Directory;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::replica::Save;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, alerts, elders, facts, invalid, not_found, now_known, spaces};
use crate::api::cards::{AlertCard, CardAnswer, ElderCard};
use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, now, world};

mod opened;
mod position;

pub(crate) use opened::{noted, tick};
pub(crate) use position::set as set_position;

/// What this node has seen of alerts, as far as cards are concerned.
#[derive(Debug, Default)]
pub(crate) struct Cards {
    alerts: BTreeMap<DocTag, Seen>,
    /// Where elders were last, at the household's own node.
    positions: BTreeMap<Uuid, Position>,
    /// An alert was closed: a card may be open that should be no more.
    untidy: bool,
    /// Whose the cards are and who reads them, and when that was looked at.
    known: BTreeMap<SpaceTag, (Owner, Arc<BTreeSet<PartyId>>)>,
    looked_at: Timestamp,
}

#[derive(Debug)]
struct Seen {
    elder: Uuid,
    /// The raise or reopening that an answer is about.
    round: Option<FactId>,
    open: bool,
    card: CardView,
    /// When the household opens the card by itself; none where it refused.
    answer_at_ms: Option<u64>,
    /// Epochs whose key is on its way into the alert.
    sent: BTreeSet<SheetId>,
    /// As of when the alert was told where the elder is, and when it was told.
    told: Option<(linli_model::time::Timestamp, u64)>,
    /// What this node reads by the alert's keys.
    opened: BTreeMap<SheetId, SpaceTag>,
}

/// Whether parties of a kind keep cards, and read theirs without an alert.
const fn keeps(kind: PartyKind) -> bool {
    matches!(kind, PartyKind::Household | PartyKind::Family)
}

/// Whether this party answers for an elder's card: a household does, and a family that owns it.
fn answers_for(node: &mut Node, elder: Uuid) -> bool {
    match spaces::own_kind(node) {
        Ok(PartyKind::Household) => true,
        Ok(PartyKind::Family) => {
            let own = Owner::Party(node.core.party());
            space(node, elder, Right::Write).is_some_and(|(_, owner)| owner == own)
        }
        Ok(_) | Err(_) => false,
    }
}

/// Says whether a party is of the household or family that a card is sealed to.
fn is_keeper(space: &Space, directory: &Directory, owner: Owner, now: Timestamp) -> bool {
    let Owner::Party(party) = owner else { return false };
    directory.party(&party).is_some_and(|known| keeps(known.kind))
        && space.state().right(&party, now) >= Some(Right::Read)
}

/// Finds the space of an elder's card where this party has a right in it.
fn space(node: &mut Node, elder: Uuid, right: Right) -> Option<(SpaceTag, Owner)> {
    let tag = elders::space_of(node, elder, spaces::EMERGENCY)?;
    let party = node.core.party();
    let world = world(&node.replica, &node.store);
    let state = node.core.space(world, tag).ok()?.state();
    let owner = state.owner?;
    (state.right(&party, world.now) >= Some(right)).then_some((tag, owner))
}

/// The space of a card that a household or its family keeps, where this party is one of them.
fn kept(node: &mut Node, elder: Uuid, right: Right) -> Option<SpaceTag> {
    if !spaces::own_kind(node).is_ok_and(keeps) {
        return None;
    }
    let (tag, owner) = space(node, elder, right)?;
    matches!(owner, Owner::Party(_)).then_some(tag)
}

/// The nodes at which an elder's card was read in an alert, as far as this node has looked at alerts:
/// they held it, whether or not their parties ever had a right in its space.
pub(crate) fn read_at(node: &Node, elder: Uuid) -> BTreeSet<NodeId> {
    let seen = node.cards.alerts.values().filter(|seen| seen.elder == elder);
    seen.flat_map(|seen| &seen.card.read_by).map(|read| NodeId(read.author.node.0)).collect()
}

/// Whether a card may be shown without an alert: not where the community's steward keeps it, nor where
/// an alert opened it; but where officers opened it to this node, on the record.
pub(crate) fn is_shown(node: &mut Node, tag: SpaceTag) -> bool {
    let keeps = spaces::own_kind(node).is_ok_and(keeps);
    let (party, me) = (node.core.party(), node.core.node());
    let world = world(&node.replica, &node.store);
    let kept = node.core.space(world, tag).is_ok_and(|space| {
        let state = space.state();
        let granted = state.members.get(&party).is_some_and(|member| {
            let reading = member.grants.iter().filter(|grant| grant.right >= Right::Read);
            // A steward whom a title names looks after the card: that is no leave to look into it.
            until(reading.filter(|grant| space.owner_by(&grant.id).is_none()), world.now).is_some()
        });
        let owned = matches!(state.owner, Some(Owner::Party(_)));
        state.right(&party, world.now) >= Some(Right::Read) && (keeps || (owned && granted))
    });
    let by_officers = |record: &Record| record.statement().node == me;
    kept || node.core.recoveries(world, tag).is_ok_and(|all| all.iter().any(by_officers))
}

/// Sets or clears a field of an elder's card, and brings the sheet up to date.
pub(crate) fn edit(
    node: &mut Node,
    elder: Uuid,
    person: Option<&Acting>,
    set: impl FnOnce(&mut AutoCommit) -> Result<(), WriteError>,
) -> Result<BTreeSet<Save>, ApiError> {
    let mut saves = match space(node, elder, Right::Write) {
        Some((space, _)) => {
            let mut saves = rotate(node, elder)?;
            let written = elders::write(node, space, elder, CARD, person, set)?;
            saves.extend(written.0);
            saves
        }
        None => begin(node, elder, person, set)?,
    };
    saves.extend(renew(node, elder)?);
    Ok(saves)
}

const CARD: DocumentName = DocumentName::EmergencyCard;

/// Opens the space of an elder's card and writes the card's first field, as one batch.
fn begin<E: std::error::Error + Into<ApiError>>(
    node: &mut Node,
    elder: Uuid,
    person: Option<&Acting>,
    edit: impl FnOnce(&mut AutoCommit) -> Result<(), E>,
) -> Result<BTreeSet<Save>, ApiError> {
    let own = node.core.party();
    let care =
        elders::space_of(node, elder, spaces::CARE).ok_or_else(|| not_found("error-no-profile"))?;
    let at = world(&node.replica, &node.store);
    let outline = node.core.outline(at, care)?;
    if !outline.owner.is_some_and(|owner| spaces::is_kept_by(owner, own)) {
        return Err(ApiError::new(Code::Forbidden, "error-card-keeper"));
    }
    let grants = outline.members.iter().filter(|party| is_family(at.directory, party));
    let grants = grants.map(|party| spaces::grant(*party, Right::Write, spaces::EMERGENCY));
    let grants = grants.collect();
    let (space, mut authored) = spaces::begin(node, spaces::EMERGENCY, grants)?;
    let name = Name::Elder(elder, CARD);
    let text = name.to_string();
    let what = Edit { space, name: &text, urgency: Urgency::Normal, isolated: false, person };
    let world = world(&node.replica, &node.store);
    let written = node.core.edit(world, &mut node.rng, what, edit)?;
    authored.absorb(written.unwrap_or_default());
    let mut saves = BTreeSet::from([node.author(authored)]);
    catalogue(node, space, name)?;
    if keeps(spaces::own_kind(node)?) {
        // Others' alerts about the elder need a place that the household sees.
        saves.extend(alerts::space(node)?.1);
        saves.extend(match_family(node));
    }
    Ok(saves)
}

pub(super) fn is_family(directory: &Directory, party: &PartyId) -> bool {
    let known = directory.party(party);
    known.is_some_and(|party| party.kind == PartyKind::Family && !party.expelled)
}

fn catalogue(node: &mut Node, space: SpaceTag, name: Name) -> Result<(), ApiError> {
    let world = world(&node.replica, &node.store);
    let document = node.core.space(world, space)?.document(&name.to_string());
    node.catalogue.put(document, space, name);
    Ok(())
}

/// Until when a right stands; the end of time where it has no end.
type Until = Timestamp;

const FOREVER: Until = Timestamp(u64::MAX);

/// Until when the latest of some grants stands; none where all have ended.
fn until<'a>(grants: impl Iterator<Item = &'a StandingGrant>, now: Timestamp) -> Option<Until> {
    grants.map(|grant| grant.ends.unwrap_or(FOREVER)).filter(|until| now <= *until).max()
}

/// What centres, and family, are let into a household's alerts for.
pub(crate) const DUTY: &str = "duty";

/// Lets the family, and the owner, of the cards that this party owns or handed over into its alerts, and
/// out again with the last card: every alert carries the key of the card.
pub(crate) fn match_family(node: &mut Node) -> BTreeSet<Save> {
    let own = node.core.party();
    let mut saves = BTreeSet::new();
    let Some(alerts) = spaces::own(node, spaces::ALERT) else { return saves };
    let mut family: BTreeMap<PartyId, Until> = BTreeMap::new();
    for tag in node.core.spaces().collect::<Vec<_>>() {
        let world = world(&node.replica, &node.store);
        let Ok(outline) = node.core.outline(world, tag) else { continue };
        if outline.kind != spaces::EMERGENCY || !outline.members.contains(&own) {
            continue;
        }
        let Ok(space) = node.core.space(world, tag) else { continue };
        let state = space.state();
        let former = state.former.get(&own);
        let before = former.is_some_and(|f| f.grants.iter().any(|grant| grant.depth == 0));
        let owned = state.owner == Some(Owner::Party(own));
        // Whoever handed a card over and keeps a right raises alerts about the elder as before.
        if !(owned || before) || state.right(&own, world.now) < Some(Right::Read) {
            continue;
        }
        for (party, member) in &state.members {
            let until = until(member.grants.iter().filter(|g| g.right >= Right::Read), world.now);
            let hears =
                is_family(world.directory, party) || state.owner == Some(Owner::Party(*party));
            if let Some(until) = until.filter(|_| hears && *party != own) {
                let latest = family.entry(*party).or_insert(until);
                *latest = (*latest).max(until);
            }
        }
    }
    let at = world(&node.replica, &node.store);
    let Ok(space) = node.core.space(at, alerts) else { return saves };
    // Centres are on duty too, whosever card it is.
    let on_duty = |(party, member): (&PartyId, &Member)| {
        let duty = member.grants.iter().filter(|grant| grant.purpose == DUTY);
        let kind = at.directory.party(party).filter(|known| !known.expelled).map(|p| p.kind);
        let on_duty = kind.is_some_and(keeps) && duty.clone().count() > 0;
        on_duty.then(|| (*party, until(duty, at.now)))
    };
    let present: BTreeMap<PartyId, Option<Until>> =
        space.state().members.iter().filter_map(on_duty).collect();
    for (party, until) in &family {
        if present.get(party).is_some_and(|held| *held >= Some(*until)) {
            continue;
        }
        let at = world(&node.replica, &node.store);
        let ends = (*until != FOREVER).then_some(*until);
        let grant = Grant { ends, ..spaces::grant(*party, Right::Write, DUTY) };
        match node.core.grant(at, &mut node.rng, alerts, grant) {
            Ok(authored) => drop(saves.insert(node.author(authored))),
            Err(error) => tracing::warn!(%error, "family could not be let into the alerts"),
        }
    }
    for party in present.keys().filter(|party| !family.contains_key(*party)) {
        let at = world(&node.replica, &node.store);
        match node.core.revoke(at, &mut node.rng, alerts, *party) {
            Ok(authored) => drop(saves.insert(node.author(authored))),
            Err(error) => tracing::warn!(%error, "family could not be let out of the alerts"),
        }
    }
    saves
}

/// Begins an epoch where the key of the present one was given in an alert that is closed.
fn rotate(node: &mut Node, elder: Uuid) -> Result<BTreeSet<Save>, ApiError> {
    let Some(space) = kept(node, elder, Right::Write) else { return Ok(BTreeSet::new()) };
    let world = world(&node.replica, &node.store);
    let present = node.core.present_epoch(world, space)?.map(|epoch| SheetId(epoch.0));
    let closed = node.cards.alerts.values().filter(|seen| seen.elder == elder && !seen.open);
    let mut disclosed = closed.map(|seen| &seen.card.disclosed);
    if present.is_some_and(|epoch| disclosed.all(|epochs| !epochs.contains(&epoch))) {
        return Ok(BTreeSet::new());
    }
    let authored = node.core.rotate(world, &mut node.rng, space)?;
    Ok([node.author(authored)].into())
}

/// Brings the epoch of a card that this party keeps up to date, and the sheet of that epoch.
fn renew(node: &mut Node, elder: Uuid) -> Result<BTreeSet<Save>, ApiError> {
    let Some(space) = kept(node, elder, Right::Write) else { return Ok(BTreeSet::new()) };
    let Some(card) = read(node, space, elder)? else { return Ok(BTreeSet::new()) };
    let mut saves = rotate(node, elder)?;
    let at = world(&node.replica, &node.store);
    let Some(epoch) = node.core.present_epoch(at, space)? else { return Ok(saves) };
    let sheet = DocumentName::CardSheet(SheetId(epoch.0));
    let name = Name::Elder(elder, sheet.clone());
    let document = node.core.document(at, space, &name.to_string())?;
    let fresh = document.heads().is_empty();
    let (doc, authors) = document.parts();
    let shown = card::sheets(doc.document(), authors);
    let expected = super::json(&card)?;
    if matches!(shown.as_slice(), [sheet] if sheet.card == expected) {
        return Ok(saves);
    }
    if fresh {
        let authored: Authored = node.core.restate(at, &mut node.rng, space)?;
        saves.insert(node.author(authored));
    }
    let write = |doc: &mut AutoCommit| card::write_sheet(doc, &card);
    saves.extend(elders::write(node, space, elder, sheet, None, write)?.0);
    catalogue(node, space, name)?;
    Ok(saves)
}

/// Writes a card whole for its present epoch, where this party answers for it: the key in an alert opens
/// nothing else. Nothing that waits for it is held up where it cannot be done.
pub(crate) fn write_whole(node: &mut Node, elder: Uuid) {
    if answers_for(node, elder)
        && let Err(error) = renew(node, elder)
    {
        tracing::warn!(%error, "a card could not be written whole");
    }
}

/// Reads the card itself; none where nobody wrote one.
fn read(node: &mut Node, space: SpaceTag, elder: Uuid) -> Result<Option<FieldsView>, ApiError> {
    let world = world(&node.replica, &node.store);
    let document = node.core.document(world, space, &Name::Elder(elder, CARD).to_string())?;
    let (doc, authors) = document.parts();
    if doc.get_heads().is_empty() {
        return Ok(None);
    }
    Ok(Some(card::view(doc.document(), authors)))
}

/// What an alert of this household or family carries: none where there is no card to open, or where the
/// alert stands in a space of somebody who does not keep the card.
pub(crate) fn key(node: &mut Node, elder: Uuid, alerts: SpaceTag) -> Option<CardKey> {
    let space = kept(node, elder, Right::Read)?;
    let world = world(&node.replica, &node.store);
    let (of, _) = node.core.outline(world, alerts).ok()?.owner?;
    let card = node.core.space(world, space).ok()?;
    if !is_keeper(card, world.directory, of, world.now) {
        return None;
    }
    let opening = node.core.opening(world, space).ok()??;
    let epoch = SheetId(opening.epoch().0);
    let name = Name::Elder(elder, DocumentName::CardSheet(epoch)).to_string();
    let (doc, authors) = node.core.document(world, space, &name).ok()?.parts();
    if card::sheets(doc.document(), authors).is_empty() {
        return None;
    }
    match opening.encode() {
        Ok(bytes) => Some(CardKey { epoch, opening: Private::new(hex::encode(&*bytes)) }),
        Err(error) => {
            tracing::warn!(%error, "an alert goes without the card");
            None
        }
    }
}

/// Reads a field's name: `allergies`, or a part of a contact.
pub(crate) fn place(key: &str) -> Result<CardPlace, ApiError> {
    Place::<CardField>::of_key(key)
        .ok_or_else(|| invalid("error-no-field").with("field", format_args!("card/{key}")))
}

/// Lists the alerts in which an elder's card was opened or read, for household and family.
pub(crate) fn openings(node: &Node, elder: Uuid) -> Vec<Value> {
    let seen = node.cards.alerts.iter().filter(|(_, seen)| seen.elder == elder);
    let told =
        seen.filter(|(_, seen)| !seen.card.given.is_empty() || !seen.card.read_by.is_empty());
    let row = |(document, seen): (&DocTag, &Seen)| {
        let name = node.catalogue.get(document).map(|row| &row.name);
        let alert = match name {
            Some(Name::Plain(DocumentName::Alert(id))) => Some(id.to_string()),
            _ => None,
        };
        json!({ "alert": alert, "open": seen.open, "card": seen.card })
    };
    told.map(row).collect()
}

/// Only household and family keep a card closed.
pub(crate) fn may_refuse(node: &Node) -> Result<(), ApiError> {
    if keeps(spaces::own_kind(node)?) {
        return Ok(());
    }
    Err(ApiError::new(Code::Forbidden, "error-card-refuser"))
}

fn named(node: &mut Node, acting: Option<&crate::api::Acting>) -> Result<Acting, ApiError> {
    node.people
        .acting(&node.pepper, acting)?
        .ok_or_else(|| ApiError::new(Code::Forbidden, "error-card-person"))
}

pub(crate) fn of_alert(node: &mut Node, request: AlertCard) -> Outcome<CardAnswer> {
    let person = named(node, request.acting.as_ref())?;
    let document = alerts::find(node, &request.alert)?;
    read_in(node, document, &person, request.reason)
}

/// Reads a card in an open alert, and says so there.
fn read_in(
    node: &mut Node,
    document: DocTag,
    person: &Acting,
    reason: Option<String>,
) -> Outcome<CardAnswer> {
    let view = alerts::read(node, document)?;
    let (Some(raise), false) = (view.round, view.stage == Stage::Resolved) else {
        return Err(ApiError::new(Code::Conflict, "error-card-closed"));
    };
    if !view.what.is_none_or(AlertKind::is_emergency) {
        return Err(ApiError::new(Code::Forbidden, "error-card-call"));
    }
    let elder = alerts::elder(&view).ok_or_else(|| not_found("error-card-no-elder"))?;
    let position = position::told(node, document);
    let cards = match legible(node, elder, Some(document)) {
        // Where somebody is can be told of whom there is no card.
        Err(error) if position.is_some() && error.code != Code::Waits => Vec::new(),
        cards => cards?,
    };
    let fact = AlertFact::CardRead { raise, reason: reason.map(Private::new) };
    let (_, saves) = facts::add(node, document, Urgency::Urgent, Some(person), fact)?;
    let alert = Some(view.id.to_string());
    Ok((CardAnswer { elder: elder.to_string(), alert, raised: false, cards, position }, saves))
}

pub(crate) fn of_elder(node: &mut Node, request: ElderCard) -> Outcome<CardAnswer> {
    let person = named(node, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    if keeps(spaces::own_kind(node)?) {
        let cards = legible(node, elder, None)?;
        return now_known(CardAnswer {
            elder: elder.to_string(),
            alert: None,
            raised: false,
            cards,
            position: position::known(node, elder),
        });
    }
    let open = |(_, seen): &(&DocTag, &Seen)| seen.elder == elder && seen.open;
    let open: Vec<DocTag> = node.cards.alerts.iter().filter(open).map(|(tag, _)| *tag).collect();
    let given =
        |tag: &&DocTag| node.cards.alerts.get(tag).is_some_and(|seen| !seen.opened.is_empty());
    // One that opens the card, where there is one.
    if let Some(document) = open.iter().find(given).or_else(|| open.first()) {
        return read_in(node, *document, &person, request.reason);
    }
    let cards = legible(node, elder, None)?;
    let (id, saves) = alerts::raise_read(node, elder, &person, request.reason)?;
    let alert = Some(id.to_string());
    Ok((CardAnswer { elder: elder.to_string(), alert, raised: true, cards, position: None }, saves))
}

/// Reads the card where this party may: as a member, or by the keys of an alert.
fn legible(node: &mut Node, elder: Uuid, alert: Option<DocTag>) -> Result<Vec<Value>, ApiError> {
    if let Some((space, _)) = space(node, elder, Right::Read) {
        let view = read(node, space, elder)?;
        let view = view.ok_or_else(|| not_found("error-card-none"))?;
        return Ok(vec![json!({ "card": view, "by": null })]);
    }
    let seen = alert.and_then(|alert| node.cards.alerts.get(&alert));
    let given = seen.map(|seen| &seen.card.given[..]).unwrap_or_default();
    let (Some(seen), false) = (seen, given.is_empty()) else {
        return Err(shut(seen));
    };
    let opened: Vec<_> = given
        .iter()
        .rev()
        .filter_map(|given| Some((given.epoch, *seen.opened.get(&given.epoch)?)))
        .collect();
    let of = alert.and_then(|alert| node.catalogue.get(&alert)).map(|row| row.space);
    for (epoch, space) in opened {
        let name = Name::Elder(elder, DocumentName::CardSheet(epoch)).to_string();
        let world = world(&node.replica, &node.store);
        let of = of.and_then(|of| node.core.outline(world, of).ok()?.owner);
        // Whose the card is now, the certificates say that came with it.
        let card = node.core.space(world, space)?;
        if !of.is_some_and(|(of, _)| is_keeper(card, world.directory, of, world.now)) {
            continue;
        }
        let (doc, authors) = node.core.document(world, space, &name)?.parts();
        let sheets = card::sheets(doc.document(), authors);
        if !sheets.is_empty() {
            return sheets.iter().map(super::json).collect();
        }
    }
    Err(ApiError::new(Code::Waits, "error-card-coming"))
}

/// Says why an alert that carries no key opens no card.
fn shut(alert: Option<&Seen>) -> ApiError {
    match alert.map(|seen| &seen.card) {
        Some(card) if card.refused.is_some() => {
            ApiError::new(Code::Forbidden, "error-card-refused")
        }
        // Whoever raised it would have put the key there.
        Some(card) if card.asked => not_found("error-card-unwritten"),
        Some(_) | None => ApiError::new(Code::Forbidden, "error-card-shut"),
    }
}

/// What an alert says of the card, taken from its view.
fn seen(node: &Node, document: DocTag, elder: Uuid, view: &AlertView) -> Seen {
    let me = linli_model::author::NodeId(node.core.node().0);
    let held = view.delivered.get(&me).map(|at| at.0);
    let held = held.or_else(|| node.ladders.state(&document).map(|state| state.held_since().0));
    let wait_ms = if view.card.asked { 0 } else { node.open_card_after_ms };
    let answer_at_ms = held.unwrap_or_else(|| now().0).saturating_add(wait_ms);
    Seen {
        elder,
        round: view.round,
        open: !view.drill
            && view.what.is_none_or(AlertKind::is_emergency)
            && !matches!(view.stage, Stage::Nothing | Stage::Resolved),
        card: view.card.clone(),
        answer_at_ms: view.card.refused.is_none().then_some(answer_at_ms),
        sent: BTreeSet::new(),
        told: None,
        opened: BTreeMap::new(),
    }
}
