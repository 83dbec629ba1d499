//! The emergency card in an alert: what opens it, who refused, who read it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AlertFact, AlertView, Position};
use crate::author::Author;
use crate::card::SheetId;
use crate::event::{FactId, Facts};
use crate::private::Private;
use crate::time::Timestamp;

/// What opens the emergency card to whoever reads the alert: the content key of one epoch, and what is needed to find
/// the card. Views never show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardKey {
    /// The epoch, and the sheet that was written for it.
    pub epoch: SheetId,
    /// An opening as `docs/spec/keys.md` describes it, as hexadecimal digits.
    pub opening: Private,
}

/// Somebody opened the card to the readers of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Given {
    /// The raise or the answer that carries the key.
    pub fact: FactId,
    /// The epoch that it opens.
    pub epoch: SheetId,
    /// When, by the author's own clock.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
}

/// Household or family said where the elder is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located {
    /// The fact that says so.
    pub fact: FactId,
    /// When, by the author's own clock.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
}

/// Somebody read the card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Read {
    /// The fact that says so.
    pub fact: FactId,
    /// When, by the author's own clock.
    pub at: Timestamp,
    /// The node and the person.
    pub author: Author,
    /// Why, in the reader's words.
    pub reason: Option<Private>,
}

/// To whom the card was opened, and who read it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct CardView {
    /// Household or family raised or reopened this round: it need not wait for their word.
    pub asked: bool,
    /// The household refused it to this round.
    pub refused: Option<FactId>,
    /// What opened it, in every round.
    pub given: Vec<Given>,
    /// The epochs whose key household or family wrote into the alert, whether that stands or not:
    /// whoever reads the alert has it.
    pub disclosed: BTreeSet<SheetId>,
    /// Where the elder was, in every round: told to who reads the card.
    pub located: Vec<Located>,
    /// Who read it, in every round.
    pub read_by: Vec<Read>,
}

/// The keys that the facts of an alert give, the latest first.
pub fn card_keys<'a>(
    facts: &'a Facts<AlertFact>,
    view: &AlertView,
) -> impl Iterator<Item = &'a CardKey> {
    let given: Vec<FactId> = view.card.given.iter().rev().map(|given| given.fact).collect();
    given.into_iter().filter_map(|id| match &facts.get(id)?.fact.body {
        AlertFact::Raised { card, .. } | AlertFact::CardGiven { card, .. } => card.as_ref(),
        AlertFact::Delivered { .. }
        | AlertFact::Acknowledged { .. }
        | AlertFact::TookOver { .. }
        | AlertFact::Responding { .. }
        | AlertFact::HandedTo { .. }
        | AlertFact::CalledOff { .. }
        | AlertFact::Resolved { .. }
        | AlertFact::Reopened { .. }
        | AlertFact::CardRefused { .. }
        | AlertFact::CardRead { .. }
        | AlertFact::Located { .. }
        | AlertFact::Arrived { .. }
        | AlertFact::Climbed { .. }
        | AlertFact::StepEnded { .. }
        | AlertFact::Silent { .. }
        | AlertFact::HeardAgain { .. }
        | AlertFact::SensorsSilent { .. }
        | AlertFact::SensorSpoke { .. }
        | AlertFact::Contacted { .. } => None,
    })
}

/// Where the elder was measured last, of what the facts of an alert tell.
pub fn position<'a>(facts: &'a Facts<AlertFact>, view: &AlertView) -> Option<&'a Position> {
    let told = view.card.located.iter().filter_map(|located| facts.get(located.fact));
    let positions = told.filter_map(|known| {
        let AlertFact::Located { position, .. } = &known.fact.body else { return None };
        position.as_ref()
    });
    positions.max_by_key(|position| position.at)
}
