//! Views: documents opened and read through the rules of `linli-model`.

use linli_core::document::Document;
use linli_core::engine::CoreError;
use linli_model::document::{DocumentName, canonical};
use linli_model::event::FactId;
use linli_model::field::FieldsView;
use linli_model::standing::Offers;
use linli_model::{
    alert, card, consent, contact, files, joins, order, plan, profile, readings, rule, sensor,
    standing,
};
use linli_replica::id::DocTag;
use serde_json::Value;

use crate::catalogue::{ElderSummary, Name, Numbers, Withdrawn};
use crate::node::{Node, world};

/// Withdrawn consents that a row keeps of one elder.
const WITHDRAWN_MAX: usize = 8;

/// Documents renewed before the driver looks for other inputs.
const RENEW_AT_ONCE: usize = 16;

/// Opens a document this node can read.
pub(crate) fn open(node: &mut Node, document: DocTag) -> Result<(&mut Document, Name), CoreError> {
    let row = node.catalogue.get(&document).ok_or(CoreError::NoSuchSpace)?;
    let (space, name) = (row.space, row.name.clone());
    let opened = node.core.open(world(&node.replica, &node.store), space, document)?;
    Ok((opened, name))
}

/// Returns the standing offers of every centre.
pub(crate) fn offers(node: &mut Node) -> Offers {
    let documents: Vec<DocTag> = node
        .catalogue
        .rows()
        .filter(|(_, row)| row.name == Name::Plain(DocumentName::Offers))
        .map(|(document, _)| *document)
        .collect();
    let mut all = Offers::default();
    for document in documents {
        if let Ok((opened, _)) = open(node, document) {
            let (doc, authors) = opened.parts();
            all.standing.extend(standing::view(doc.document(), authors).standing);
        }
    }
    all
}

/// Returns a document's canonical view as JSON.
pub(crate) fn view(node: &mut Node, document: DocTag) -> Result<Value, CoreError> {
    let offers = match node.catalogue.get(&document).map(|row| &row.name) {
        Some(Name::Plain(DocumentName::Order(_))) => offers(node),
        _ => Offers::default(),
    };
    let (opened, name) = open(node, document)?;
    let (doc, authors) = opened.parts();
    let doc = doc.document();
    let (Name::Elder(_, name) | Name::Plain(name)) = name;
    let json = match name {
        DocumentName::Profile => serde_json::to_value(profile::view(doc, authors)),
        DocumentName::CardSheet(_) => serde_json::to_value(card::sheets(doc, authors)),
        DocumentName::EmergencyCard => serde_json::to_value(card::view(doc, authors)),
        DocumentName::Readings(month) => serde_json::to_value(readings::view(month, doc, authors)),
        DocumentName::Order(id) => serde_json::to_value(order::view(id, doc, authors, &offers)),
        DocumentName::Alert(id) => serde_json::to_value(alert::view(id, doc, authors)),
        DocumentName::Ladders => serde_json::to_value(alert::plan::view(doc, authors)),
        DocumentName::Joins => serde_json::to_value(joins::view(doc, authors)),
        DocumentName::Offers => serde_json::to_value(standing::view(doc, authors)),
        DocumentName::Consents => serde_json::to_value(consent::view(doc, authors)),
        DocumentName::Contacts => serde_json::to_value(contact::view(doc, authors)),
        DocumentName::Checks => serde_json::to_value(plan::checks(doc, authors)),
        DocumentName::Files => serde_json::to_value(files::view(doc, authors)),
        DocumentName::Sensors => serde_json::to_value(sensor::view(doc, authors)),
        DocumentName::Rules => serde_json::to_value(rule::view(doc, authors)),
        DocumentName::Plan(id) => serde_json::to_value(plan::view(id, doc, authors)),
        DocumentName::Authority => Ok(Value::Null),
    };
    Ok(json.unwrap_or(Value::Null))
}

/// Returns the hash of a document's canonical view.
pub(crate) fn digest(node: &mut Node, document: DocTag) -> Option<String> {
    let view = view(node, document).ok()?;
    Some(blake3::hash(&canonical(&view).ok()?).to_hex().to_string())
}

/// Renews some of the views that may look different, and looks at what was there at the start.
pub(crate) fn renew_some(node: &mut Node) {
    node.catalogue.see_one();
    let mut records = Vec::new();
    for _ in 0..RENEW_AT_ONCE {
        let Some(document) = node.catalogue.take_stale() else { break };
        let (summary, withdrawn) = match node.catalogue.get(&document).map(|row| &row.name) {
            Some(Name::Elder(_, DocumentName::Profile)) => (summary(node, document), Vec::new()),
            Some(Name::Elder(_, DocumentName::Consents)) => (None, withdrawn(node, document)),
            _ => (None, Vec::new()),
        };
        records.extend(node.catalogue.summarise(document, summary, withdrawn));
    }
    if !records.is_empty() {
        node.feed(linli_replica::replica::Input::Learned { pages: Vec::new(), records });
    }
}

/// The consents of a document that were withdrawn, the newest first and not more than fit a row.
fn withdrawn(node: &mut Node, document: DocTag) -> Vec<Withdrawn> {
    let Ok((opened, _)) = open(node, document) else { return Vec::new() };
    let (doc, authors) = opened.parts();
    let consents = consent::view(doc.document(), authors).consents;
    let row = |(id, standing): (FactId, consent::Standing)| {
        let at_ms = standing.withdrawn?.at.0;
        let (consent, party) = (id.to_string(), standing.consent.to.to_string());
        Some(Withdrawn { consent, party, at_ms })
    };
    let mut withdrawn: Vec<Withdrawn> = consents.into_iter().filter_map(row).collect();
    withdrawn.sort_by_key(|of| std::cmp::Reverse(of.at_ms));
    withdrawn.truncate(WITHDRAWN_MAX);
    withdrawn
}

/// What lists show of a profile, opened only where it may look different from what is kept.
pub(crate) fn summary_of(node: &mut Node, document: DocTag) -> Option<ElderSummary> {
    let kept = node.catalogue.get(&document).and_then(|row| row.summary.clone());
    match kept {
        Some(kept) if !node.catalogue.is_stale(&document) => Some(kept),
        _ => summary(node, document),
    }
}

fn summary(node: &mut Node, document: DocTag) -> Option<ElderSummary> {
    let (opened, _) = open(node, document).ok()?;
    let (doc, authors) = opened.parts();
    let view = profile::view(doc.document(), authors);
    let single = |field: &str| view.fields.get(field).and_then(|f| f.single()).map(str::to_owned);
    Some(ElderSummary {
        names: values(&view, "name"),
        sex: single("sex"),
        birth_date: single("birth_date"),
        national_id: single("national_id"),
        phone: single("phone"),
        address: single("address"),
        source: single("source"),
        conflicts: u64::try_from(view.conflicts().len()).unwrap_or(u64::MAX),
        numbers: Some(numbers(&view)),
        contact: Some(contact::rule(&view)),
        living: values(&view, "living_situation"),
        ability: values(&view, "ability_level"),
        addresses: values(&view, "address"),
        birth_dates: values(&view, "birth_date"),
    })
}

/// By which numbers a caller is known: all that somebody wrote, in conflict or not.
fn numbers(view: &FieldsView) -> Numbers {
    let own = ["phone", "phone_unchecked"].into_iter().flat_map(|field| values(view, field));
    let contacts = view.contacts.values().filter_map(|parts| parts.get("phone"));
    let contacts = contacts.flat_map(|field| &field.values).map(|stated| stated.value.as_str());
    Numbers::new(own.collect(), contacts)
}

fn values(view: &FieldsView, field: &str) -> Vec<String> {
    let stated = view.fields.get(field).into_iter().flat_map(|field| &field.values);
    stated.map(|stated| stated.value.as_str().to_owned()).collect()
}
