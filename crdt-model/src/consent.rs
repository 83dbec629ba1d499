//! Consents: who agreed to what, how it was obtained, and when it was withdrawn (document `consents`).
//!
//! A consent names one party, one purpose and the kinds of data. What is sensitive (health, emergency) is consented to
//! by itself: a consent that bundles it with anything else does not stand. A withdrawal is a fact of its own, holds at
//! once whatever a clock says, and is never taken back: who agrees again agrees anew.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::author::{Author, Authors, PartyId, PartyKind};
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Known, Reason, Refused, Waiting};
use crate::limits::PURPOSE_BYTES_MAX;
use crate::private::Private;
use crate::time::Timestamp;

/// A kind of data: `care`, `health`, `emergency`, or `order/<uuid>` for one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The profile, the plan, the contacts log.
    Care,
    /// Conditions, medicines, readings. Sensitive (PIPL 28).
    Health,
    /// The emergency card. Sensitive: it tells of health and how to get in.
    Emergency,
    /// One order.
    Order(Uuid),
}

/// The text names no kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kind of data is care, health, emergency or order/<id>")]
pub struct CategoryError;

impl Category {
    /// Says whether it is consented to by itself, never together with anything else.
    pub fn is_sensitive(self) -> bool {
        match self {
            Self::Health | Self::Emergency => true,
            Self::Care | Self::Order(_) => false,
        }
    }
}

impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Care => f.write_str("care"),
            Self::Health => f.write_str("health"),
            Self::Emergency => f.write_str("emergency"),
            Self::Order(id) => write!(f, "order/{}", id.hyphenated()),
        }
    }
}

impl std::str::FromStr for Category {
    type Err = CategoryError;

    /// Reads the one spelling that `Display` gives.
    fn from_str(text: &str) -> Result<Self, CategoryError> {
        let category = match text {
            "care" => Self::Care,
            "health" => Self::Health,
            "emergency" => Self::Emergency,
            _ => {
                let id = text.strip_prefix("order/").and_then(|id| id.parse().ok());
                Self::Order(id.ok_or(CategoryError)?)
            }
        };
        if category.to_string() == text { Ok(category) } else { Err(CategoryError) }
    }
}

impl Serialize for Category {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "who")]
pub enum Giver {
    /// The elder's own.
    Elder,
    /// A guardian's, for an elder who cannot decide.
    Guardian {
        /// The guardian's name.
        name: Private,
    },
}

/// How a consent was obtained, so that it can be shown later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Obtained {
    /// Signed on paper.
    Paper {
        /// Where the paper is kept.
        kept: Private,
    },
    /// Said in the presence of somebody.
    Spoken {
        /// Who heard it besides the person who recorded it.
        witness: Private,
    },
    /// Said on a call or before a camera that was recorded.
    Recorded {
        /// Where the recording is kept.
        kept: Private,
    },
    /// Given on the elder's own device.
    OnDevice,
}

/// A consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Whose word it is.
    pub by: Giver,
    /// Who may read.
    pub to: PartyId,
    /// What for: the code that a grant under it names, such as `visits`.
    pub purpose: String,
    /// Which kinds of data.
    pub categories: BTreeSet<Category>,
    /// How it was obtained.
    pub obtained: Obtained,
    /// From when it holds.
    pub begins: Timestamp,
    /// Until when; none where it holds until it is withdrawn.
    pub ends: Option<Timestamp>,
    /// Why it is needed, as it was explained (PIPL 17, 30).
    pub necessity: Option<Private>,
    /// How many days the party keeps what it read, as it was explained.
    pub keep_days: Option<u32>,
}

/// A fact of the consents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ConsentFact {
    /// Somebody agreed.
    Given {
        /// To what.
        consent: Consent,
    },
    /// Somebody no longer agrees. It holds at once.
    Withdrawn {
        /// The consent.
        given: FactId,
        /// Whose word it is.
        by: Giver,
        /// What was said.
        note: Option<Private>,
    },
}

impl Body for ConsentFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Given { .. } => Vec::new(),
            Self::Withdrawn { given, .. } => vec![*given],
        }
    }
}

/// The end of a consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// The fact.
    pub fact: FactId,
    /// When, by the clock of the node that recorded it.
    pub at: Timestamp,
    /// Whose word it is.
    pub by: Giver,
    /// Who recorded it.
    pub recorded_by: Author,
}

/// A consent as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What was agreed to.
    pub consent: Consent,
    /// When it was recorded, by the clock of the node that did.
    pub recorded_at: Timestamp,
    /// Who recorded it.
    pub recorded_by: Author,
    /// The withdrawal, the first in the order of facts.
    pub withdrawn: Option<Withdrawal>,
}

/// Whether a consent can carry a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Standing,
    /// It begins later.
    NotYet,
    /// Its time is over.
    Ended,
    /// It was withdrawn.
    Withdrawn,
}

impl Standing {
    /// Whether it holds at `now`. A withdrawal holds whatever the clock says.
    pub fn state(&self, now: Timestamp) -> State {
        if self.withdrawn.is_some() {
            State::Withdrawn
        } else if self.consent.ends.is_some_and(|ends| now > ends) {
            State::Ended
        } else if now < self.consent.begins {
            State::NotYet
        } else {
            State::Standing
        }
    }

    /// Says whether it is about this party, purpose and kind of data, at whatever time.
    pub fn is_about(&self, to: PartyId, purpose: &str, category: Category) -> bool {
        let consent = &self.consent;
        consent.to == to && consent.purpose == purpose && consent.categories.contains(&category)
    }
}

/// The canonical view of an elder's consents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentsView {
    /// The document's schema.
    pub schema: Schema,
    /// The consents that were given by whoever may, withdrawn ones too.
    pub consents: BTreeMap<FactId, Standing>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<ConsentFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the facts of a `consents` document, for writing the next one.
pub fn facts(doc: &Automerge, authors: &impl Authors) -> Facts<ConsentFact> {
    Facts::read(doc, authors)
}

/// Reads the consents.
pub fn view(doc: &Automerge, authors: &impl Authors) -> ConsentsView {
    fold(&facts(doc, authors))
}

/// Folds facts that were read before.
pub fn fold(facts: &Facts<ConsentFact>) -> ConsentsView {
    let mut view = ConsentsView {
        schema: facts.schema,
        consents: BTreeMap::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        let verdict = apply(&mut view.consents, known);
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}

fn apply(
    consents: &mut BTreeMap<FactId, Standing>,
    known: &Known<ConsentFact>,
) -> Result<(), Reason> {
    let author = &known.author;
    match &known.fact.body {
        ConsentFact::Given { consent } => {
            may_give(author, consent)?;
            let standing = Standing {
                consent: consent.clone(),
                recorded_at: known.fact.at,
                recorded_by: author.clone(),
                withdrawn: None,
            };
            consents.insert(known.id, standing);
        }
        ConsentFact::Withdrawn { given, by, .. } => {
            let standing = consents.get_mut(given).ok_or(Reason::WrongReference)?;
            may_withdraw(author, standing, by)?;
            standing.withdrawn = Some(Withdrawal {
                fact: known.id,
                at: known.fact.at,
                by: by.clone(),
                recorded_by: author.clone(),
            });
        }
    }
    Ok(())
}

/// Says whether an author may write a consent down, and whether it can stand.
///
/// # Errors
/// The reason why it would not.
pub fn may_give(author: &Author, consent: &Consent) -> Result<(), Reason> {
    if author.person.is_none() {
        return Err(Reason::PersonNeeded);
    }
    // Nobody writes down a consent to themselves, but a household or a centre, which every elder's care is with.
    let itself = author.party == consent.to && author.kind == PartyKind::Station;
    if itself || !keeps_records(author.kind) {
        return Err(Reason::PartyMayNot);
    }
    check(consent)
}

/// Says whether an author may write down that a consent is withdrawn.
///
/// # Errors
/// The reason why that would not stand.
pub fn may_withdraw(author: &Author, standing: &Standing, by: &Giver) -> Result<(), Reason> {
    if author.person.is_none() {
        return Err(Reason::PersonNeeded);
    }
    if author.party != standing.consent.to && !keeps_records(author.kind) {
        return Err(Reason::PartyMayNot);
    }
    is_named(by)?;
    if standing.withdrawn.is_some() { Err(Reason::AlreadyDone) } else { Ok(()) }
}

/// Says whether a party of this kind writes down what an elder agreed to.
fn keeps_records(kind: PartyKind) -> bool {
    match kind {
        PartyKind::Household | PartyKind::Family | PartyKind::Centre | PartyKind::Station => true,
        PartyKind::Provider | PartyKind::Regulator | PartyKind::Evaluator => false,
    }
}

fn check(consent: &Consent) -> Result<(), Reason> {
    is_named(&consent.by)?;
    let proof = match &consent.obtained {
        Obtained::Paper { kept: text }
        | Obtained::Recorded { kept: text }
        | Obtained::Spoken { witness: text } => !text.as_str().trim().is_empty(),
        Obtained::OnDevice => true,
    };
    let purpose = &consent.purpose;
    let code = !purpose.trim().is_empty() && purpose.len() <= PURPOSE_BYTES_MAX;
    let times = consent.ends.is_none_or(|ends| consent.begins <= ends);
    if !proof || !code || !times || consent.categories.is_empty() {
        return Err(Reason::OutOfRange);
    }
    let sensitive = consent.categories.iter().any(|category| category.is_sensitive());
    if sensitive && consent.categories.len() > 1 { Err(Reason::Bundled) } else { Ok(()) }
}

fn is_named(giver: &Giver) -> Result<(), Reason> {
    match giver {
        Giver::Elder => Ok(()),
        Giver::Guardian { name } if name.as_str().trim().is_empty() => Err(Reason::OutOfRange),
        Giver::Guardian { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_data_has_one_spelling() {
        let id = "018f3d3e-0000-7000-8000-000000000001";
        for text in ["care", "health", "emergency", &format!("order/{id}")] {
            let category: Category = text.parse().unwrap();
            assert_eq!(category.to_string(), text);
            let json = serde_json::to_string(&category).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Category>(&json).unwrap(), category);
        }
        for bad in
            ["", "Care", "order", "order/", "order/x", &format!("order/{}", id.to_uppercase())]
        {
            assert_eq!(bad.parse::<Category>(), Err(CategoryError), "{bad}");
        }
    }
}
