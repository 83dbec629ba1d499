//! Orders: from the request to the callback.

use std::collections::BTreeSet;

use linli_core::authority::{Grant, Right};
use linli_core::engine::Acting;
use linli_model::author::{PartyId, PartyKind as Kind};
use linli_model::catalogue;
use linli_model::document::DocumentName;
use linli_model::event::FactId;
use linli_model::order::{
    self, Arbiter, Channel, OrderFact, OrderView, Priority, Request, WaitsFor,
};
use linli_model::private::Private;
use linli_model::profile;
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use linli_replica::replica::Save;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, elders, facts, invalid, not_found, now_known, spaces};
use crate::api::care::{OrderAct, OrderAnswer, OrderList, OrderNew, OrderShow};
use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, now, world};
use crate::upkeep::DAY_MS;
use crate::views;

/// How long a provider may read and write an order that it was offered, 30 days: wanted, visited and
/// called back long before. It ends by that date where nobody can be asked, and as soon as the order is
/// over where its arbiter can.
const ACCESS_MS: u64 = 30 * DAY_MS;

pub(crate) fn new(node: &mut Node, request: OrderNew) -> Outcome<OrderAnswer> {
    let nonce = node.draw_uuid();
    begin(node, request, nonce)
}

/// The id of the order that this node opens with a nonce.
pub(super) fn id(node: &Node, nonce: Uuid) -> Uuid {
    order::order_id(linli_model::author::NodeId(node.core.node().0), nonce)
}

/// Opens an order, whose id comes from the nonce.
pub(super) fn begin(node: &mut Node, request: OrderNew, nonce: Uuid) -> Outcome<OrderAnswer> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let service = catalogue::service(&request.service)
        .or_else(|| catalogue::find(&request.service))
        .ok_or_else(|| invalid("error-order-service"))?;
    let channel = serde_json::from_value::<Channel>(Value::String(request.channel.clone()))
        .map_err(|_| invalid("error-order-channel"))?;
    let elder = elders::find(node, &request.elder)?;
    let arbiter = arbiter(node)?;
    let asked = Request {
        service: service.code.to_owned(),
        elder,
        household: PartyId(node.core.party().0),
        channel,
        priority: Priority::Routine,
        wanted_at: None,
        addresses: addresses(node, elder),
        note: (!request.note.is_empty()).then(|| Private::new(request.note.clone())),
    };
    let id = id(node, nonce);
    // Whoever offers an order lets its provider in.
    let grants = spaces::grants_to(node, &[PartyKind::Centre], Right::Steward, spaces::ORDER);
    let (space, authored) = spaces::begin(node, spaces::ORDER, grants)?;
    node.author(authored);
    let name = Name::Plain(DocumentName::Order(id));
    let opened = OrderFact::Opened { nonce, request: asked, arbiter };
    let (opened, mut saves) =
        facts::add_to(node, space, &name, Urgency::Normal, person.as_ref(), opened)?;
    let world = world(&node.replica, &node.store);
    let document = node.core.space(world, space)?.document(&name.to_string());
    node.catalogue.put(document, space, name);
    if arbiter.kind == Kind::Household {
        saves.extend(offer_standing(node, document, opened, person.as_ref())?);
    }
    answer(node, document, saves)
}

/// The centre decides while it is in reach; otherwise the household's own hub.
fn arbiter(node: &Node) -> Result<Arbiter, ApiError> {
    let own = world(&node.replica, &node.store);
    let author = node
        .core
        .own_author(own, None)
        .ok_or_else(|| ApiError::new(Code::Forbidden, "error-not-enrolled"))?;
    if author.kind == Kind::Centre {
        return Ok(Arbiter::of(&author));
    }
    let directory = node.replica.directory();
    let centre = node.peers.iter().filter(|(_, peer)| peer.connected).find_map(|(id, _)| {
        let member = directory.node(id).filter(|member| member.kind == PartyKind::Centre)?;
        Some(Arbiter {
            node: linli_model::author::NodeId(id.0),
            party: PartyId(member.party.0),
            kind: Kind::Centre,
        })
    });
    Ok(centre.unwrap_or_else(|| Arbiter::of(&author)))
}

/// Gives the orders that wait for the centre to it, where it is in reach: those that this hub opened
/// alone and that no standing offer covers to this day.
pub(crate) fn hand_over(node: &mut Node) {
    if node.undecided.is_empty() {
        return;
    }
    let Some(to) = arbiter(node).ok().filter(|to| to.kind == Kind::Centre) else { return };
    for document in std::mem::take(&mut node.undecided) {
        if let Err(error) = hand_over_one(node, document, to) {
            tracing::warn!(%error, "an order could not be handed to the centre");
            node.undecided.insert(document);
        }
    }
}

/// Whether an order waits for its first offer.
pub(crate) const fn waits_for_offer(view: &OrderView) -> bool {
    matches!(view.waits_for, WaitsFor::ArbiterToOffer | WaitsFor::StandingOffer)
}

fn hand_over_one(node: &mut Node, document: DocTag, to: Arbiter) -> Result<(), ApiError> {
    let view = read(node, document)?;
    let Some(opened) = view.opened.filter(|_| waits_for_offer(&view)) else { return Ok(()) };
    if offer_standing(node, document, opened, None)?.is_empty() {
        let fact = OrderFact::HandedOver { opened, to };
        facts::add(node, document, Urgency::Normal, None, fact)?;
    }
    Ok(())
}

/// Every address that the elder's profiles hold.
fn addresses(node: &mut Node, elder: Uuid) -> Vec<Private> {
    let documents: Vec<DocTag> = node
        .catalogue
        .of_elder(elder)
        .filter(|(_, row)| row.name == Name::Elder(elder, DocumentName::Profile))
        .map(|(document, _)| *document)
        .collect();
    let mut addresses = BTreeSet::new();
    for document in documents {
        let Ok((opened, _)) = views::open(node, document) else { continue };
        let (doc, authors) = opened.parts();
        let view = profile::view(doc.document(), authors);
        let stated = view.fields.get("address").into_iter().flat_map(|field| &field.values);
        addresses.extend(stated.map(|stated| Private::new(stated.value.as_str())));
    }
    addresses.into_iter().collect()
}

/// Offers an order under a standing offer of the centre, where one covers it.
fn offer_standing(
    node: &mut Node,
    document: DocTag,
    opened: FactId,
    person: Option<&Acting>,
) -> Result<BTreeSet<Save>, ApiError> {
    let view = read(node, document)?;
    match covering(node, &view) {
        Some((under, to)) => offer_to(node, document, opened, to, Some(under), person),
        None => Ok(BTreeSet::new()),
    }
}

/// The cheapest standing offer that covers an order at this time, and its provider.
fn covering(node: &mut Node, view: &OrderView) -> Option<(FactId, PartyId)> {
    let request = view.request.as_ref()?;
    let offers = views::offers(node);
    let at = Timestamp(now().0);
    let (under, offer) =
        offers.for_service(&request.service, &request.addresses, at).into_iter().next()?;
    Some((under, offer.provider))
}

/// Lets a provider read and write the order, and offers it.
fn offer_to(
    node: &mut Node,
    document: DocTag,
    opened: FactId,
    to: PartyId,
    under: Option<FactId>,
    person: Option<&Acting>,
) -> Result<BTreeSet<Save>, ApiError> {
    let space = node
        .catalogue
        .get(&document)
        .map(|row| row.space)
        .ok_or_else(|| not_found("error-order-none"))?;
    let party = linli_replica::id::PartyId(to.0);
    let ends = Some(now().plus_ms(ACCESS_MS));
    let grant = Grant { ends, ..spaces::grant(party, Right::Write, "visit") };
    let world = world(&node.replica, &node.store);
    let authored = node.core.grant(world, &mut node.rng, space, grant)?;
    let mut saves: BTreeSet<Save> = [node.author(authored)].into();
    let fact = OrderFact::Offered { opened, to, under };
    saves.extend(facts::add(node, document, Urgency::Normal, person, fact)?.1);
    Ok(saves)
}

/// Takes the order from providers once it is over, where this node decides about it.
pub(crate) fn close(node: &mut Node, space: SpaceTag, view: &OrderView) {
    let over = matches!(view.stage, order::Stage::CalledBack | order::Stage::Cancelled);
    let me = linli_model::author::NodeId(node.core.node().0);
    if !over || view.arbiter.is_none_or(|arbiter| arbiter.node != me) {
        return;
    }
    let own = world(&node.replica, &node.store);
    let Ok(loaded) = node.core.space(own, space) else { return };
    let is_provider = |party: &&linli_replica::id::PartyId| {
        own.directory.party(party).is_some_and(|known| known.kind == PartyKind::Provider)
    };
    let providers: Vec<_> = loaded.state().members.keys().filter(is_provider).copied().collect();
    for party in providers {
        let world = world(&node.replica, &node.store);
        match node.core.revoke(world, &mut node.rng, space, party) {
            Ok(authored) => {
                node.author(authored);
            }
            Err(error) => tracing::warn!(%error, "an order that is over stays open to a provider"),
        }
    }
}

/// Lists the orders for an elder that this node can read, with their spaces.
pub(crate) fn of_elder(node: &mut Node, elder: Uuid) -> Vec<(SpaceTag, Uuid)> {
    let orders: Vec<(DocTag, SpaceTag)> = node
        .catalogue
        .rows()
        .filter(|(_, row)| matches!(row.name, Name::Plain(DocumentName::Order(_))))
        .map(|(document, row)| (*document, row.space))
        .collect();
    let mut found = Vec::new();
    for (document, space) in orders {
        if let Ok(view) = read(node, document)
            && view.request.as_ref().is_some_and(|request| request.elder == elder)
        {
            found.push((space, view.id));
        }
    }
    found
}

/// The elder an order is for, where this node can read it.
pub(super) fn elder(node: &mut Node, document: DocTag) -> Option<Uuid> {
    read(node, document).ok()?.request.map(|request| request.elder)
}

/// Finds an order by its id or the beginning of it.
pub(super) fn document(node: &mut Node, text: &str) -> Result<DocTag, ApiError> {
    elders::refresh(node);
    let fits = |name: &Name| matches!(name, Name::Plain(DocumentName::Order(id)) if id.to_string().starts_with(text));
    let found = node.catalogue.rows().filter(|(_, row)| fits(&row.name));
    let mut found = found.map(|(document, _)| *document);
    match (found.next(), found.next()) {
        (Some(document), None) => Ok(document),
        (None, _) => Err(not_found("error-order-none")),
        (Some(_), Some(_)) => Err(not_found("error-order-several")),
    }
}

pub(super) fn read(node: &mut Node, document: DocTag) -> Result<OrderView, ApiError> {
    let offers = views::offers(node);
    let (opened, name) = views::open(node, document)?;
    let Name::Plain(DocumentName::Order(id)) = name else {
        return Err(not_found("error-order-none"));
    };
    let (doc, authors) = opened.parts();
    Ok(order::view(id, doc.document(), authors, &offers))
}

fn answer(node: &mut Node, document: DocTag, saves: BTreeSet<Save>) -> Outcome<OrderAnswer> {
    let view = read(node, document)?;
    let held_up = held_up(node, &view);
    let waits = held_up.map(|(_, why)| why.to_owned());
    let next = held_up.map_or(view.waits_for, |(next, _)| next);
    let next = (next != WaitsFor::Nothing).then(|| word(&next));
    let (order, state) = (view.id.to_string(), word(&view.stage));
    Ok((OrderAnswer { order, state, next, waits }, saves))
}

/// What an order needs and why that is not to be expected soon; none where it takes its ordinary way.
fn held_up(node: &mut Node, view: &OrderView) -> Option<(WaitsFor, &'static str)> {
    const NO_OFFER: &str = "the centre is out of reach and no standing offer covers this service at this address; it waits until the centre is back";
    const NO_ARBITER: &str =
        "the node that decides about it is out of reach; it waits until that node is back";
    let arbiter = view.arbiter?;
    let own = arbiter.node.0 == node.core.node().0;
    match view.waits_for {
        WaitsFor::StandingOffer => Some((view.waits_for, NO_OFFER)),
        WaitsFor::ArbiterToOffer if own && arbiter.kind == Kind::Household => {
            covering(node, view).is_none().then_some((WaitsFor::StandingOffer, NO_OFFER))
        }
        WaitsFor::ArbiterToOffer | WaitsFor::ArbiterToConfirm if !own => {
            let decides = linli_replica::id::NodeId(arbiter.node.0);
            let reached = node.peers.get(&decides).is_some_and(|peer| peer.connected);
            (!reached).then_some((view.waits_for, NO_ARBITER))
        }
        WaitsFor::ArbiterToOffer
        | WaitsFor::ArbiterToConfirm
        | WaitsFor::ProviderToAnswer
        | WaitsFor::HolderToStart
        | WaitsFor::HolderToFinish
        | WaitsFor::Callback
        | WaitsFor::Nothing => None,
    }
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(crate) fn list(node: &mut Node, request: OrderList) -> Outcome<Vec<Value>> {
    elders::refresh(node);
    let documents: Vec<DocTag> = node
        .catalogue
        .rows()
        .filter(|(_, row)| matches!(row.name, Name::Plain(DocumentName::Order(_))))
        .map(|(document, _)| *document)
        .collect();
    let mut views = Vec::new();
    for document in documents {
        let view = read(node, document)?;
        let over = matches!(view.stage, order::Stage::CalledBack | order::Stage::Cancelled);
        if request.all || !over {
            views.push(view);
        }
    }
    let elder = |view: &OrderView| view.request.as_ref().map(|request| request.elder);
    let names = elders::names(node, &views.iter().filter_map(elder).collect());
    let row = |view: OrderView| {
        json!({
            "order": view.id.to_string(),
            "elder": elder(&view).map(|elder| elder.to_string()),
            "names": elder(&view).and_then(|elder| names.get(&elder)),
            "state": word(&view.stage),
            "waits_for": word(&view.waits_for),
            "service": view.request.as_ref().map(|r| r.service.clone()),
            "opened_ms": view.opened_at.map(|at| at.0),
            "holder": view.holder.as_ref().map(|h| h.provider.to_string()),
            "callback_overdue": view.callback_overdue(Timestamp(now().0)),
        })
    };
    now_known(views.into_iter().map(row).collect())
}

pub(crate) fn show(node: &mut Node, request: OrderShow) -> Outcome<Value> {
    let document = document(node, &request.order)?;
    let view = read(node, document)?;
    let elder = view.request.as_ref().map(|request| request.elder);
    let mut shown = super::json(&view)?;
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(elders::named(node, elder));
    }
    now_known(shown)
}

pub(crate) fn act(node: &mut Node, request: OrderAct) -> Outcome<OrderAnswer> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let document = document(node, &request.order)?;
    let view = read(node, document)?;
    if request.act == "offer" {
        let opened = view.opened.ok_or_else(|| not_yet("error-order-not-opened"))?;
        let provider = request.provider.as_deref().ok_or_else(|| invalid("error-order-to-whom"))?;
        let to = PartyId(spaces::party(node, provider)?.0);
        let saves = offer_to(node, document, opened, to, None, person.as_ref())?;
        return answer(node, document, saves);
    }
    let fact = fact(node, &view, &request)?;
    let (_, saves) = facts::add(node, document, Urgency::Normal, person.as_ref(), fact)?;
    answer(node, document, saves)
}

pub(super) fn not_yet(key: &'static str) -> ApiError {
    ApiError::new(Code::Conflict, key)
}

/// The fact that an act adds to an order as it stands.
fn fact(node: &Node, view: &OrderView, request: &OrderAct) -> Result<OrderFact, ApiError> {
    let note = request.note.clone().map(Private::new);
    let me = PartyId(node.core.party().0);
    let offer = || view.offers.iter().find(|(_, to)| *to == me).map(|(fact, _)| *fact);
    let confirmed = || view.holder.as_ref().map(|holder| holder.confirmed);
    Ok(match request.act.as_str() {
        "accept" => OrderFact::Accepted {
            offer: offer().ok_or_else(|| not_yet("error-order-not-offered"))?,
            price_fen: 0,
        },
        "decline" => OrderFact::Declined {
            offer: offer().ok_or_else(|| not_yet("error-order-not-offered"))?,
            note,
        },
        "confirm" => OrderFact::Confirmed {
            claim: view.next_claim().ok_or_else(|| not_yet("error-order-not-accepted"))?,
        },
        "withdraw" => OrderFact::Withdrawn {
            confirmed: confirmed().ok_or_else(|| not_yet("error-order-not-held"))?,
            note,
        },
        "start" => OrderFact::Started {
            confirmed: confirmed().ok_or_else(|| not_yet("error-order-not-confirmed"))?,
        },
        "done" => OrderFact::Done {
            started: view.started.ok_or_else(|| not_yet("error-order-not-begun"))?,
            note,
        },
        "callback" => OrderFact::CalledBack {
            done: view.done.ok_or_else(|| not_yet("error-order-not-done"))?,
            rating: request.rating.ok_or_else(|| invalid("error-order-rating"))?,
            improvements: note,
        },
        "cancel" => OrderFact::Cancelled {
            opened: view.opened.ok_or_else(|| not_yet("error-order-not-opened"))?,
            note,
        },
        _ => {
            return Err(invalid("error-order-act"));
        }
    })
}
