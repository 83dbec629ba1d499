//! Standing offers: what a centre lets hubs order while it is out of reach.

use linli_core::authority::Right;
use linli_model::author::PartyId;
use linli_model::catalogue;
use linli_model::document::DocumentName;
use linli_model::standing::{OfferFact, StandingOffer};
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use serde_json::{Value, json};

use super::{Outcome, facts, invalid, now_known, spaces};
use crate::api::care::{OfferAnswer, OfferList, OfferSign};
use crate::catalogue::Name;
use crate::node::{Node, now, world};
use crate::views;

/// Who may read the standing offers: everybody who orders or serves.
pub(crate) const READERS: [PartyKind; 5] = [
    PartyKind::Household,
    PartyKind::Family,
    PartyKind::Provider,
    PartyKind::Station,
    PartyKind::Centre,
];

pub(crate) fn sign(node: &mut Node, request: OfferSign) -> Outcome<OfferAnswer> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    if catalogue::service(&request.service).is_none() {
        return Err(invalid("error-offer-service"));
    }
    let provider = spaces::party(node, &request.provider)?;
    let space = match spaces::own(node, spaces::OFFERS) {
        Some(space) => space,
        None => {
            let grants = spaces::grants_to(node, &READERS, Right::Read, spaces::OFFERS);
            super::elders::begin_other(node, spaces::OFFERS, grants)?
        }
    };
    let offer = StandingOffer {
        provider: PartyId(provider.0),
        service: request.service,
        area: request.area,
        ceiling_fen: request.ceiling_fen,
        begins: Timestamp(now().0),
        ends: Timestamp(request.ends_ms),
    };
    let name = Name::Plain(DocumentName::Offers);
    let fact = OfferFact::Given { offer };
    let (id, tickets) = facts::add_to(node, space, &name, Urgency::Normal, person.as_ref(), fact)?;
    Ok((OfferAnswer { offer: id.to_string() }, tickets))
}

/// Lets parties that joined since read this centre's offers.
pub(crate) fn let_in(node: &mut Node) {
    let Some(space) = spaces::own(node, spaces::OFFERS) else { return };
    for grant in spaces::grants_to(node, &READERS, Right::Read, spaces::OFFERS) {
        let world = world(&node.replica, &node.store);
        let known = node
            .core
            .space(world, space)
            .is_ok_and(|space| space.state().members.contains_key(&grant.party));
        if !known && let Ok(authored) = node.core.grant(world, &mut node.rng, space, grant) {
            node.author(authored);
        }
    }
}

pub(crate) fn list(node: &mut Node, _: OfferList) -> Outcome<Vec<Value>> {
    let standing = views::offers(node).standing;
    now_known(
        standing
            .iter()
            .map(|(id, offer)| json!({ "id": id.to_string(), "offer": offer }))
            .collect(),
    )
}
