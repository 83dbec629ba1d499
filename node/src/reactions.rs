//! What a node does by itself when documents change: it says that it has an alert, and where it
//! decides about an order, it confirms the first claim, or hands it to the centre.

use linli_model::alert::{self, AlertFact, CardKey, Stage as AlertStage};
use linli_model::author::PartyKind;
use linli_model::document::DocumentName;
use linli_model::order::{self, OrderFact};
use linli_replica::entry::Urgency;
use linli_replica::id::DocTag;
use uuid::Uuid;

use crate::catalogue::Name;
use crate::contacts;
use crate::handle::{cards, consents, facts, plans};
use crate::node::{Node, world};
use crate::views;

/// Looks at everything that changed since the last input.
pub(crate) fn react(node: &mut Node) {
    for changed in node.catalogue.take_news() {
        let world = world(&node.replica, &node.store);
        let Ok(space) = node.core.space(world, changed.space) else { continue };
        if changed.document == space.authority_document() {
            crate::handle::held::note_own(node, changed.space);
            crate::handle::checkpoints::order_agreed(node, changed.space);
            continue;
        }
        let Some(name) = space.name_of(&changed.document).and_then(Name::parse) else { continue };
        node.catalogue.put(changed.document, changed.space, name.clone());
        match name {
            Name::Plain(DocumentName::Alert(id)) => deliver(node, changed.document, id),
            Name::Plain(DocumentName::Order(id)) => decide(node, changed.document, id),
            Name::Elder(elder, DocumentName::Profile) => {
                node.board.renamed(elder);
                contacts::kept(node, changed.space, elder);
            }
            Name::Elder(elder, DocumentName::EmergencyCard) => cards::write_whole(node, elder),
            Name::Elder(elder, DocumentName::Consents) => enforce(node, elder),
            Name::Elder(elder, DocumentName::Contacts) => {
                contacts::noted(node, changed.document, elder);
            }
            Name::Elder(elder, DocumentName::Checks) => {
                contacts::checked(node, changed.document, elder);
            }
            Name::Elder(elder, DocumentName::Sensors) => {
                crate::sensors::changed(node, changed.document, elder);
            }
            Name::Plain(DocumentName::Plan(_)) => {
                let rows = plans::in_force(node, changed.document);
                node.board.in_force(changed.document, rows);
            }
            Name::Elder(_, DocumentName::Files) => files(node, changed.document),
            Name::Plain(_) | Name::Elder(..) => {}
        }
    }
}

/// Says that this node has an alert that another one raised.
fn deliver(node: &mut Node, document: DocTag, id: Uuid) {
    let me = linli_model::author::NodeId(node.core.node().0);
    let Ok((opened, _)) = views::open(node, document) else { return };
    let (doc, authors) = opened.parts();
    let facts = alert::facts(doc.document(), authors);
    let view = alert::fold(id, &facts);
    let keys: Vec<CardKey> = alert::card_keys(&facts, &view).cloned().collect();
    let open = view.stage != AlertStage::Resolved;
    node.board.changed(document, crate::board::resolved_ms(&view));
    if open {
        node.ladders.note(document);
    }
    cards::noted(node, document, &view, &keys);
    node.contacts.alert(document, &view);
    if !open {
        return;
    }
    if facts.known.iter().any(|known| known.author.node == me) {
        return;
    }
    if let Some(raise) = view.round {
        let fact = AlertFact::Delivered { raise };
        if let Err(error) = facts::add(node, document, Urgency::Urgent, None, fact) {
            tracing::warn!(%error, "an alert's delivery could not be written down");
        }
    }
}

/// Notes which files an elder has.
fn files(node: &mut Node, document: DocTag) {
    let Ok((opened, _)) = views::open(node, document) else {
        return crate::blobs::note_unread(node, document);
    };
    let (doc, authors) = opened.parts();
    let view = linli_model::files::view(doc.document(), authors);
    if let Some(space) = node.catalogue.get(&document).map(|row| row.space) {
        crate::blobs::note(node, space, document, &view.attached, &view.timeline);
    }
}

/// Takes away what rested on a consent that was withdrawn at another node.
fn enforce(node: &mut Node, elder: Uuid) {
    if let Err(error) = consents::enforce(node, elder) {
        tracing::error!(%error, "grants that rest on a withdrawn consent could not be taken away");
    }
}

/// Confirms the first claim, where this node is a hub that decides. What waits for an offer is noted,
/// for the centre when it is in reach.
fn decide(node: &mut Node, document: DocTag, id: Uuid) {
    let me = linli_model::author::NodeId(node.core.node().0);
    let offers = views::offers(node);
    let Ok((opened, _)) = views::open(node, document) else {
        return crate::blobs::note_unread(node, document);
    };
    let (doc, authors) = opened.parts();
    let view = order::view(id, doc.document(), authors, &offers);
    node.contacts.order(document, &view);
    let space = node.catalogue.get(&document).map(|row| row.space);
    if let Some(space) = space {
        crate::blobs::note(node, space, document, &view.attached, &view.timeline);
        crate::handle::orders::close(node, space, &view);
    }
    let decides = view.arbiter.is_some_and(|a| a.node == me && a.kind == PartyKind::Household);
    if let (true, Some(claim)) = (decides, view.next_claim()) {
        let fact = OrderFact::Confirmed { claim };
        if let Err(error) = facts::add(node, document, Urgency::Normal, None, fact) {
            tracing::warn!(%error, "a claim could not be confirmed");
        }
    } else if decides && crate::handle::orders::waits_for_offer(&view) {
        node.undecided.insert(document);
    }
}
