//! Standing offers: what a household's hub may order while the centre is away (document `offers`).
//!
//! The centre signs beforehand: this provider, this service, in this area, up to this price, until this time.

use std::collections::BTreeMap;

use automerge::Automerge;
use serde::{Deserialize, Serialize};

use crate::area;
use crate::author::{Authors, PartyId, PartyKind};
use crate::event::{Body, Entry, FactId, Facts, Known, Reason, Refused, Waiting};
use crate::private::Private;
use crate::time::Timestamp;

/// A standing offer of a centre.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingOffer {
    /// The provider that may be asked.
    pub provider: PartyId,
    /// The service's code in the catalogue.
    pub service: String,
    /// The area in words, as addresses name it ([`area::lies_in`]); empty is everywhere.
    pub area: String,
    /// The highest price in fen.
    pub ceiling_fen: u64,
    /// From when it holds.
    pub begins: Timestamp,
    /// Until when it holds.
    pub ends: Timestamp,
}

impl StandingOffer {
    /// Says whether the offer is for this provider, service and place. The addresses are all that the elder's profile
    /// holds at once: every one of them must lie in the area.
    pub fn covers(&self, provider: PartyId, service: &str, addresses: &[Private]) -> bool {
        self.provider == provider && self.is_for(service, addresses)
    }

    fn is_for(&self, service: &str, addresses: &[Private]) -> bool {
        let everywhere = area::lies_in("", &self.area);
        let lies_in = |address: &Private| area::lies_in(address.as_str(), &self.area);
        self.service == service
            && (everywhere || (!addresses.is_empty() && addresses.iter().all(lies_in)))
    }
}

/// A fact of the standing offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OfferFact {
    /// The centre offers.
    Given {
        /// The offer.
        offer: StandingOffer,
    },
    /// The centre ends an offer before its time. Orders confirmed under it before stay.
    Ended {
        /// The offer.
        given: FactId,
        /// From when.
        from: Timestamp,
    },
}

impl Body for OfferFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Given { .. } => Vec::new(),
            Self::Ended { given, .. } => vec![*given],
        }
    }
}

/// The canonical view of the standing offers.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Offers {
    /// The offers by their fact, with the end that holds.
    pub standing: BTreeMap<FactId, StandingOffer>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<OfferFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

impl Offers {
    /// An offer by its fact.
    pub fn get(&self, id: FactId) -> Option<&StandingOffer> {
        self.standing.get(&id)
    }

    /// Says whether any offer is for this service and place, at whatever time.
    pub fn any_for(&self, service: &str, addresses: &[Private]) -> bool {
        self.standing.values().any(|o| o.is_for(service, addresses))
    }

    /// The offers for a service at a place and time, cheapest ceiling first.
    pub fn for_service(
        &self,
        service: &str,
        addresses: &[Private],
        now: Timestamp,
    ) -> Vec<(FactId, &StandingOffer)> {
        let mut found: Vec<_> = self
            .standing
            .iter()
            .filter(|(_, o)| o.is_for(service, addresses) && o.begins <= now && now <= o.ends)
            .map(|(id, offer)| (*id, offer))
            .collect();
        found.sort_by_key(|(id, offer)| (offer.ceiling_fen, *id));
        found
    }
}

/// Reads the facts of an `offers` document, for writing the next one.
pub fn facts(doc: &Automerge, authors: &impl Authors) -> Facts<OfferFact> {
    Facts::read(doc, authors)
}

/// Reads the standing offers.
pub fn view(doc: &Automerge, authors: &impl Authors) -> Offers {
    fold(&facts(doc, authors))
}

/// Folds facts that were read before.
pub fn fold(facts: &Facts<OfferFact>) -> Offers {
    let mut offers = Offers {
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
        ..Offers::default()
    };
    let mut givers = BTreeMap::new();
    for known in &facts.known {
        let verdict = apply(&mut offers, &mut givers, known);
        offers.timeline.push(Entry::new(known, verdict));
    }
    offers
}

fn apply(
    offers: &mut Offers,
    givers: &mut BTreeMap<FactId, PartyId>,
    known: &Known<OfferFact>,
) -> Result<(), Reason> {
    if known.author.kind != PartyKind::Centre {
        return Err(Reason::PartyMayNot);
    }
    match &known.fact.body {
        OfferFact::Given { offer } => {
            if crate::catalogue::service(&offer.service).is_none() || offer.ends < offer.begins {
                return Err(Reason::OutOfRange);
            }
            offers.standing.insert(known.id, offer.clone());
            givers.insert(known.id, known.author.party);
            Ok(())
        }
        OfferFact::Ended { given, from } => {
            if givers.get(given) != Some(&known.author.party) {
                return Err(Reason::WrongReference);
            }
            let offer = offers.standing.get_mut(given).ok_or(Reason::WrongReference)?;
            offer.ends = offer.ends.min(*from);
            Ok(())
        }
    }
}
