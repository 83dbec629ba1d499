//! Elders: their profiles and cards, and who may read them.

use std::collections::{BTreeMap, BTreeSet};

use automerge::AutoCommit;
use linli_core::authority::{Owner, Right};
use linli_core::engine::{Acting, Authored, Edit};
use linli_model::card::CardField;
use linli_model::document::DocumentName;
use linli_model::field::{self, ContactField, FieldName, Place, WriteError};
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use linli_replica::replica::Save;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, cards, invalid, not_found, now_known, spaces};
use crate::api::care::{
    ElderAdd, ElderAnswer, ElderEdit, ElderList, ElderPage, ElderRelate, ElderRow, ElderShow,
    RelateAnswer,
};
use crate::api::{ApiError, Done};
use crate::catalogue::{ElderSummary, Name};
use crate::node::{Node, world};
use crate::views;

const PAGE_MAX: u64 = 1_000;

pub(crate) fn add(node: &mut Node, request: ElderAdd) -> Outcome<ElderAnswer> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = node.draw_uuid();
    let fields = request
        .fields
        .iter()
        .map(|(key, value)| match place(key)? {
            Place::Field(field) => Ok((field, value.clone())),
            Place::Contact(..) => Err(invalid("error-elder-contacts")),
        })
        .collect::<Result<Vec<_>, ApiError>>()?;
    if !fields.iter().any(|(field, _)| *field == ProfileField::Name) {
        return Err(invalid("error-elder-name"));
    }
    let authored = begin(node, elder, &fields, person.as_ref())?;
    let saves = [node.author(authored)].into();
    Ok((ElderAnswer { elder: elder.to_string() }, saves))
}

/// Opens an elder's care space and writes the profile, as one batch.
pub(crate) fn begin(
    node: &mut Node,
    elder: Uuid,
    fields: &[(ProfileField, String)],
    person: Option<&Acting>,
) -> Result<Authored, ApiError> {
    let kinds = [PartyKind::Centre, PartyKind::Station];
    let grants = spaces::grants_to(node, &kinds, Right::Write, spaces::CARE);
    let (space, mut authored) = spaces::begin(node, spaces::CARE, grants)?;
    let name = Name::Elder(elder, DocumentName::Profile).to_string();
    let what = Edit { space, name: &name, urgency: Urgency::Normal, isolated: false, person };
    let world = world(&node.replica, &node.store);
    let written = node.core.edit(world, &mut node.rng, what, |doc| {
        fields.iter().try_for_each(|(field, value)| profile::set(doc, *field, value))
    })?;
    authored.absorb(written.unwrap_or_default());
    Ok(authored)
}

/// Reads the name of a field, or of a part of a contact: `contact/<uuid>/<part>`.
fn place<F: FieldName>(key: &str) -> Result<Place<F>, ApiError> {
    Place::of_key(key).ok_or_else(|| invalid("error-no-field").with("field", key))
}

/// Finds one elder by the id, the beginning of it, or a part of the name.
pub(crate) fn find(node: &mut Node, text: &str) -> Result<Uuid, ApiError> {
    refresh(node);
    let fits = |(elder, _, summary): &(Uuid, _, &ElderSummary)| {
        elder.to_string().starts_with(text) || summary.names.iter().any(|name| name.contains(text))
    };
    let found: BTreeSet<Uuid> =
        node.catalogue.elders().filter(fits).map(|(elder, ..)| elder).collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(elder), None) => Ok(elder),
        (None, _) => without_profile(node, text).ok_or_else(|| not_found("error-elder-none")),
        (Some(_), Some(_)) => Err(not_found("error-elder-several")),
    }
}

/// An elder of whom this node may read something, but not the profile: by the whole id.
fn without_profile(node: &Node, text: &str) -> Option<Uuid> {
    let elder = text.parse().ok()?;
    node.catalogue.of_elder(elder).next().map(|_| elder)
}

/// The names of elders whose profile this node may read; several where they differ.
pub(crate) fn names(node: &mut Node, elders: &BTreeSet<Uuid>) -> BTreeMap<Uuid, BTreeSet<String>> {
    let profiles = |elder: &Uuid| {
        let of = node.catalogue.profiles_of(*elder);
        of.map(|document| (*elder, document)).collect::<Vec<_>>()
    };
    let profiles: Vec<(Uuid, DocTag)> = elders.iter().flat_map(profiles).collect();
    let mut names: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
    for (elder, document) in profiles {
        let found = views::summary_of(node, document).map(|summary| summary.names);
        let found = found.unwrap_or_default();
        if !found.is_empty() {
            names.entry(elder).or_default().extend(found);
        }
    }
    names
}

/// Whom an answer is about: `elder`, the id, and `names`, null where this node may not read them.
pub(crate) fn named(node: &mut Node, elder: Option<Uuid>) -> [(String, Value); 2] {
    let found = elder.and_then(|elder| names(node, &[elder].into()).remove(&elder));
    [
        ("elder".to_owned(), json!(elder.map(|elder| elder.to_string()))),
        ("names".to_owned(), json!(found)),
    ]
}

/// Brings every view that may look different up to date.
pub(crate) fn refresh(node: &mut Node) {
    crate::reactions::react(node);
    while node.catalogue.has_stale() {
        views::renew_some(node);
        crate::reactions::react(node);
    }
}

/// Finds the space of one kind in which an elder's documents stand.
pub(crate) fn space_of(node: &mut Node, elder: Uuid, kind: &str) -> Option<SpaceTag> {
    let spaces: BTreeSet<SpaceTag> =
        node.catalogue.of_elder(elder).map(|(_, row)| row.space).collect();
    of_kind(node, spaces, kind)
}

/// The space in which an elder's profile stands, as [`space_of`] finds it, without a walk over everything.
pub(crate) fn care_of(node: &mut Node, elder: Uuid) -> Option<SpaceTag> {
    let profiles = node.catalogue.profiles_of(elder);
    let rows = profiles.filter_map(|document| node.catalogue.get(&document));
    let spaces = rows.map(|row| row.space).collect();
    of_kind(node, spaces, spaces::CARE)
}

/// Of several the one that this party writes; what a provider began for an elder comes behind what others keep.
fn of_kind(node: &mut Node, spaces: BTreeSet<SpaceTag>, kind: &str) -> Option<SpaceTag> {
    let own = node.core.party();
    let fitting = spaces.into_iter().filter_map(|tag| {
        let world = world(&node.replica, &node.store);
        let outline = node.core.outline(world, tag).ok()?;
        let owner = match outline.owner?.0 {
            Owner::Party(party) => world.directory.party(&party).map(|known| known.kind),
            Owner::Community => None,
        };
        let foreign = owner == Some(PartyKind::Provider);
        (outline.kind == kind).then(|| (foreign, !outline.writers.contains(&own), tag))
    });
    fitting.min().map(|(.., tag)| tag)
}

/// The health space of an elder; it begins where this node knows of none. Centres read it, and the family that reads the
/// care record.
pub(crate) fn health(node: &mut Node, elder: Uuid) -> Result<SpaceTag, ApiError> {
    if let Some(space) = space_of(node, elder, spaces::HEALTH) {
        return Ok(space);
    }
    let mut grants = spaces::grants_to(node, &[PartyKind::Centre], Right::Read, spaces::HEALTH);
    if let Some(care) = care_of(node, elder) {
        let own = node.core.party();
        let world = world(&node.replica, &node.store);
        let outline = node.core.outline(world, care)?;
        let family = outline.members.iter().filter(|party| **party != own);
        let family = family.filter(|party| cards::is_family(world.directory, party));
        grants.extend(family.map(|party| spaces::grant(*party, Right::Read, spaces::HEALTH)));
    }
    begin_other(node, spaces::HEALTH, grants)
}

/// Whether this party may begin the health record of an elder: it keeps the care record, or is the household or the family
/// and writes there.
pub(crate) fn begins_health(node: &mut Node, elder: Uuid) -> Result<bool, ApiError> {
    let own = node.core.party();
    let home = matches!(spaces::own_kind(node)?, PartyKind::Household | PartyKind::Family);
    let Some(care) = care_of(node, elder) else { return Ok(false) };
    let outline = node.core.outline(world(&node.replica, &node.store), care)?;
    let begun = outline.owner.is_some_and(|owner| spaces::is_kept_by(owner, own));
    Ok(begun || (home && outline.writers.contains(&own)))
}

pub(crate) fn show(node: &mut Node, request: ElderShow) -> Outcome<Value> {
    let elder = find(node, &request.elder)?;
    let documents: Vec<_> = node
        .catalogue
        .of_elder(elder)
        .filter(|(_, row)| !matches!(row.name, Name::Elder(_, DocumentName::CardSheet(_))))
        .map(|(document, row)| (*document, row.space, row.name.clone()))
        .collect();
    let mut views = serde_json::Map::new();
    for (document, space, name) in documents {
        let card = matches!(name, Name::Elder(_, DocumentName::EmergencyCard));
        if !card || cards::is_shown(node, space) {
            let mut key = name.to_string();
            // They stand in two spaces.
            if matches!(name, Name::Elder(_, DocumentName::Files)) {
                key = format!("{key}/{}", spaces::kind_of(node, space)?);
            }
            views.insert(key, views::view(node, document)?);
        }
    }
    let openings = cards::openings(node, elder);
    now_known(json!({
        "elder": elder.to_string(),
        "documents": views,
        "card_openings": openings,
    }))
}

pub(crate) fn edit(node: &mut Node, request: ElderEdit) -> Outcome<Done> {
    let elder = find(node, &request.elder)?;
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let (saves, _) = match request.field.strip_prefix("card/") {
        None => {
            let space =
                space_of(node, elder, spaces::CARE).ok_or_else(|| not_found("error-no-profile"))?;
            let place = place::<ProfileField>(&request.field)?;
            write(node, space, elder, DocumentName::Profile, person.as_ref(), |doc| {
                set_or_clear(doc, place, &request.value)
            })?
        }
        Some(field) => {
            let place = cards::place(field)?;
            let set = |doc: &mut AutoCommit| set_or_clear(doc, place, &request.value);
            (cards::edit(node, elder, person.as_ref(), set)?, true)
        }
    };
    Ok((Done {}, saves))
}

/// Adds somebody whom the profile names, and the card where that is wanted.
pub(crate) fn relate(node: &mut Node, request: ElderRelate) -> Outcome<RelateAnswer> {
    let elder = find(node, &request.elder)?;
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let space = space_of(node, elder, spaces::CARE).ok_or_else(|| not_found("error-no-profile"))?;
    let contact = node.draw_uuid();
    let profile = |doc: &mut AutoCommit| set_contact::<ProfileField>(doc, contact, &request);
    let (mut saves, _) =
        write(node, space, elder, DocumentName::Profile, person.as_ref(), profile)?;
    if request.card {
        let card = |doc: &mut AutoCommit| set_contact::<CardField>(doc, contact, &request);
        saves.extend(cards::edit(node, elder, person.as_ref(), card)?);
    }
    Ok((RelateAnswer { contact: contact.to_string() }, saves))
}

fn set_contact<F: FieldName>(
    doc: &mut AutoCommit,
    contact: Uuid,
    request: &ElderRelate,
) -> Result<(), WriteError> {
    let ElderRelate { name, phone, kinship, .. } = request;
    let parts = [
        (ContactField::Name, name),
        (ContactField::Phone, phone),
        (ContactField::Kinship, kinship),
    ];
    let mut parts = parts.into_iter();
    parts.try_for_each(|(part, value)| field::set(doc, Place::<F>::Contact(contact, part), value))
}

pub(crate) fn set_or_clear<F: FieldName>(
    doc: &mut AutoCommit,
    place: Place<F>,
    value: &str,
) -> Result<(), WriteError> {
    if value.is_empty() { field::clear(doc, place) } else { field::set(doc, place, value) }
}

/// Begins a space of an elder beside the care space.
pub(crate) fn begin_other(
    node: &mut Node,
    kind: &str,
    grants: Vec<linli_core::authority::Grant>,
) -> Result<SpaceTag, ApiError> {
    let (space, authored) = spaces::begin(node, kind, grants)?;
    node.author(authored);
    Ok(space)
}

/// Writes to a document about an elder; says whether anything changed.
pub(crate) fn write<E: std::error::Error + Into<ApiError>>(
    node: &mut Node,
    space: SpaceTag,
    elder: Uuid,
    document: DocumentName,
    person: Option<&Acting>,
    edit: impl FnOnce(&mut AutoCommit) -> Result<(), E>,
) -> Result<(BTreeSet<Save>, bool), ApiError> {
    let name = Name::Elder(elder, document).to_string();
    let what = Edit { space, name: &name, urgency: Urgency::Normal, isolated: false, person };
    let world = world(&node.replica, &node.store);
    let authored = node.core.edit(world, &mut node.rng, what, edit)?;
    let changed = authored.is_some();
    Ok((authored.map(|a| node.author(a)).into_iter().collect(), changed))
}

pub(crate) fn list(node: &mut Node, request: ElderList) -> Outcome<ElderPage> {
    refresh(node);
    let find = request.find.unwrap_or_default();
    // However a number is written.
    let known: BTreeSet<Uuid> = node.catalogue.callers(&find).map(|(elder, ..)| elder).collect();
    let fits = |(elder, _, summary): &(Uuid, _, &ElderSummary)| {
        find.is_empty()
            || known.contains(elder)
            || elder.to_string().starts_with(&find)
            || summary.names.iter().any(|name| name.contains(&find))
            || [&summary.phone, &summary.national_id, &summary.address]
                .into_iter()
                .flatten()
                .any(|text| text.contains(&find))
    };
    let joined = super::joins::groups(node);
    let mut rows: Vec<ElderRow> = node
        .catalogue
        .elders()
        .filter(fits)
        .map(|(elder, _, summary)| ElderRow {
            elder: elder.to_string(),
            names: summary.names.clone(),
            birth_date: summary.birth_date.clone(),
            address: summary.address.clone(),
            conflicts: summary.conflicts,
            joined: joined.get(&elder).cloned().unwrap_or_default(),
        })
        .collect();
    rows.sort_by(|a, b| (&a.names, &a.elder).cmp(&(&b.names, &b.elder)));
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let skip = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(request.limit.clamp(1, PAGE_MAX)).unwrap_or(usize::MAX);
    now_known(ElderPage { total, elders: rows.into_iter().skip(skip).take(take).collect() })
}
