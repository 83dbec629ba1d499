//! Orders: opened → offered → claimed → confirmed → started → done → called back (document `order/<uuid>`).
//!
//! An order has one holder, even when the network is split: it names one *arbiter*, a single node, and an acceptance is
//! a claim until that node confirms it. A node's own facts never run apart from one another, so two confirmations
//! cannot both stand. The arbiter is a node of the centre, or the household's hub for an order made while the centre is
//! out of reach; the hub confirms only what a standing offer of the centre covers ([`crate::standing`]).

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::attachment::{Attached, Attachment, FileBody};
use crate::author::{Author, Authors, NodeId, PartyId, PartyKind};
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Refused, Waiting};
use crate::private::Private;
use crate::standing::Offers;
use crate::time::{HOUR_MS, Timestamp};

mod fold;

/// How long after completion the centre must have called back (step 4 of the order's way): 24 hours.
pub const CALLBACK_MS: u64 = 24 * HOUR_MS;

/// Separates order ids from every other use of BLAKE3.
const ORDER_ID_CONTEXT: &str = "linli 1 order id";

/// The id of an order, for the document's name `order/<uuid>`: UUID version 8 of a BLAKE3 hash over the opening node and
/// its nonce, so that nobody else can open an order under the same id. The nonce is drawn by the caller.
pub fn order_id(opener: NodeId, nonce: Uuid) -> Uuid {
    let mut bytes = opener.0.to_vec();
    bytes.extend_from_slice(nonce.as_bytes());
    crate::event::derived_uuid(ORDER_ID_CONTEXT, &bytes)
}

/// The one node that confirms, withdraws and hands its office over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arbiter {
    /// The node.
    pub node: NodeId,
    /// Its party.
    pub party: PartyId,
    /// What that party is: centre or household.
    pub kind: PartyKind,
}

impl Arbiter {
    /// The author's own node.
    pub fn of(author: &Author) -> Self {
        Self { node: author.node, party: author.party, kind: author.kind }
    }
}

/// How a request came (B1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By telephone.
    Phone,
    /// On a web page.
    Web,
    /// By WeChat.
    Wechat,
    /// In an app.
    App,
    /// At a household's terminal.
    Terminal,
    /// On the television.
    Tv,
    /// At the front desk.
    FrontDesk,
    /// Proposed by a rule (B9).
    Rule,
}

/// How soon (FHIR request priority).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// As usual.
    Routine,
    /// Before others.
    Urgent,
    /// As soon as possible.
    Asap,
    /// At once.
    Stat,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The service's code in the catalogue.
    pub service: String,
    /// The elder it is for.
    pub elder: Uuid,
    /// The household it is for.
    pub household: PartyId,
    /// How it came.
    pub channel: Channel,
    /// How soon.
    pub priority: Priority,
    /// When it is wanted.
    pub wanted_at: Option<Timestamp>,
    /// Where the visit goes: every address that the profile held at once, in their order.
    pub addresses: Vec<Private>,
    /// What the visit needs to know.
    pub note: Option<Private>,
}

/// A fact of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OrderFact {
    /// The order is opened.
    Opened {
        /// With the opening node it gives the order's id.
        nonce: Uuid,
        /// What is asked for.
        request: Request,
        /// Who decides.
        arbiter: Arbiter,
    },
    /// The arbiter offers the order to a provider.
    Offered {
        /// The opening.
        opened: FactId,
        /// The provider.
        to: PartyId,
        /// The standing offer of the centre under which a hub offers.
        under: Option<FactId>,
    },
    /// The provider accepts: a claim until confirmed.
    Accepted {
        /// The offer.
        offer: FactId,
        /// The price in fen.
        price_fen: u64,
    },
    /// The provider declines, or drops its claim before it is confirmed.
    Declined {
        /// The offer.
        offer: FactId,
        /// Why.
        note: Option<Private>,
    },
    /// The arbiter confirms a claim: that provider holds the order.
    Confirmed {
        /// The claim.
        claim: FactId,
    },
    /// The arbiter takes the order from its holder; it may be offered again.
    Withdrawn {
        /// The confirmation.
        confirmed: FactId,
        /// Why.
        note: Option<Private>,
    },
    /// The arbiter hands its office over.
    HandedOver {
        /// The opening.
        opened: FactId,
        /// The next arbiter.
        to: Arbiter,
    },
    /// The holder begins.
    Started {
        /// The confirmation.
        confirmed: FactId,
    },
    /// The holder is done.
    Done {
        /// The beginning.
        started: FactId,
        /// What was done.
        note: Option<Private>,
    },
    /// Satisfaction was asked for, by the centre, or told by household or family; never by the provider.
    CalledBack {
        /// The completion.
        done: FactId,
        /// From 1 (bad) to 5 (good).
        rating: u8,
        /// What should be better.
        improvements: Option<Private>,
    },
    /// A file is put beside the order: proof of the service where its holder does so.
    Attached {
        /// The opening.
        opened: FactId,
        /// The file.
        file: Attachment,
    },
    /// A file beside the order is taken away.
    Detached {
        /// Where it was attached.
        attached: FactId,
    },
    /// The order is called off before it is done.
    Cancelled {
        /// The opening.
        opened: FactId,
        /// Why.
        note: Option<Private>,
    },
}

impl FileBody for OrderFact {
    fn file(&self) -> Option<&Attachment> {
        if let Self::Attached { file, .. } = self { Some(file) } else { None }
    }

    fn takes_away(&self) -> Option<FactId> {
        if let Self::Detached { attached } = self { Some(*attached) } else { None }
    }
}

impl Body for OrderFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Opened { .. } => Vec::new(),
            Self::Offered { opened, .. }
            | Self::HandedOver { opened, .. }
            | Self::Attached { opened, .. }
            | Self::Cancelled { opened, .. } => vec![*opened],
            Self::Detached { attached } => vec![*attached],
            Self::Accepted { offer, .. } | Self::Declined { offer, .. } => vec![*offer],
            Self::Confirmed { claim } => vec![*claim],
            Self::Withdrawn { confirmed, .. } | Self::Started { confirmed } => vec![*confirmed],
            Self::Done { started, .. } => vec![*started],
            Self::CalledBack { done, .. } => vec![*done],
        }
    }

    fn shown(&self) -> Self {
        match self {
            Self::Attached { opened, file } => {
                Self::Attached { opened: *opened, file: file.shown() }
            }
            Self::Opened { .. }
            | Self::Offered { .. }
            | Self::Accepted { .. }
            | Self::Declined { .. }
            | Self::Confirmed { .. }
            | Self::Withdrawn { .. }
            | Self::HandedOver { .. }
            | Self::Started { .. }
            | Self::Done { .. }
            | Self::CalledBack { .. }
            | Self::Detached { .. }
            | Self::Cancelled { .. } => self.clone(),
        }
    }
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Not opened by anybody who may.
    NotOpen,
    /// Opened; nobody was offered it, or all declined.
    Open,
    /// Offered.
    Offered,
    /// A provider claims it.
    Claimed,
    /// A provider holds it.
    Confirmed,
    /// The holder has begun.
    Started,
    /// Done; the callback is due.
    Done,
    /// Called back.
    CalledBack,
    /// Called off.
    Cancelled,
}

/// For what an order waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// For the arbiter to offer it.
    ArbiterToOffer,
    /// The household's hub decides, and no standing offer covers the service: for the centre to come back.
    StandingOffer,
    /// For a provider's answer.
    ProviderToAnswer,
    /// For the arbiter to confirm a claim.
    ArbiterToConfirm,
    /// For the holder to begin.
    HolderToStart,
    /// For the holder to be done.
    HolderToFinish,
    /// For the callback.
    Callback,
    /// For nothing.
    Nothing,
}

/// A provider's claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The acceptance.
    pub fact: FactId,
    /// The provider.
    pub provider: PartyId,
    /// The price in fen.
    pub price_fen: u64,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// The offer it accepts.
    pub offer: FactId,
}

/// Who holds an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The confirmation.
    pub confirmed: FactId,
    /// The provider.
    pub provider: PartyId,
    /// The price in fen.
    pub price_fen: u64,
    /// Since when, by the arbiter's clock.
    pub since: Timestamp,
}

/// Satisfaction as it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Callback {
    /// The fact.
    pub fact: FactId,
    /// When.
    pub at: Timestamp,
    /// Who wrote it down.
    pub by: Author,
    /// From 1 to 5.
    pub rating: u8,
    /// What should be better.
    pub improvements: Option<Private>,
}

/// The canonical view of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderView {
    /// The order's id.
    pub id: Uuid,
    /// The document's schema.
    pub schema: Schema,
    /// How far it is.
    pub stage: Stage,
    /// For what it waits.
    pub waits_for: WaitsFor,
    /// The opening.
    pub opened: Option<FactId>,
    /// When it was opened, by the opener's clock.
    pub opened_at: Option<Timestamp>,
    /// What is asked for.
    pub request: Option<Request>,
    /// Who decides.
    pub arbiter: Option<Arbiter>,
    /// To whom it is offered, by the offer.
    pub offers: Vec<(FactId, PartyId)>,
    /// The claims that may be confirmed, in the one order of facts.
    pub claims: Vec<Claim>,
    /// Who holds it.
    pub holder: Option<Holder>,
    /// Providers that accepted and did not get it.
    pub lost: Vec<PartyId>,
    /// The beginning.
    pub started: Option<FactId>,
    /// The completion.
    pub done: Option<FactId>,
    /// When it was done, by the holder's clock.
    pub done_at: Option<Timestamp>,
    /// Satisfaction as it was told, every telling.
    pub callbacks: Vec<Callback>,
    /// The files beside it, in the one order of facts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<Attached>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<OrderFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the facts of an order's document, for writing the next one.
pub fn facts(doc: &Automerge, authors: &impl Authors) -> Facts<OrderFact> {
    Facts::read(doc, authors)
}

/// Reads an order. `offers` are the centre's standing offers as far as the reader holds them.
pub fn view(id: Uuid, doc: &Automerge, authors: &impl Authors, offers: &Offers) -> OrderView {
    fold::fold(id, &facts(doc, authors), offers)
}

/// Folds facts that were read before.
pub fn fold(id: Uuid, facts: &Facts<OrderFact>, offers: &Offers) -> OrderView {
    fold::fold(id, facts, offers)
}

impl OrderView {
    /// When the callback is due: 24 hours after completion; `None` when not done or already called back.
    pub fn callback_due(&self) -> Option<Timestamp> {
        match (self.stage, self.done_at) {
            (Stage::Done, Some(at)) => Some(at.plus_ms(CALLBACK_MS)),
            _ => None,
        }
    }

    /// Says whether the callback is overdue at `now`.
    pub fn callback_overdue(&self, now: Timestamp) -> bool {
        self.callback_due().is_some_and(|due| now > due)
    }

    /// The claim that an arbiter without a person at it confirms: the first in the order of facts.
    pub fn next_claim(&self) -> Option<FactId> {
        if self.holder.is_some() { None } else { self.claims.first().map(|c| c.fact) }
    }
}
