//! Why a write is no fact, or a fact does not stand.

use serde::Serialize;

use super::FactId;
use crate::author::PartyId;

/// Why a write is no fact, or a fact does not stand. Views show it beside what it concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    // The write is no fact.
    /// Nobody who counts here wrote it.
    #[error("its author is not known or is held back here")]
    UnknownAuthor,
    /// The value is no text.
    #[error("it is no text")]
    NotText,
    /// Somebody tried to delete a fact.
    #[error("facts are never deleted")]
    Deletion,
    /// The text is larger than a fact may be.
    #[error("it is larger than a fact may be")]
    TooLarge,
    /// The text is not the one of this id: an edit, or a second value under the id.
    #[error("it is not the text of this id: facts are never edited")]
    NotItsId,
    /// The text is no fact this code knows; it is kept.
    #[error("it is of a kind that this version does not know")]
    NotUnderstood,
    /// It names another node as its author.
    #[error("it names another author than the one who wrote it")]
    NotItsAuthor,
    /// It names another person than the proved one.
    #[error("it names another person than the one who wrote it")]
    NotItsPerson,
    /// The party cannot have a person in this role.
    #[error("a party of this kind has nobody in this role")]
    RoleNotOfParty,
    /// The document holds more facts than are folded.
    #[error("the document holds too many facts")]
    TooMany,
    // The fact does not stand.
    /// Only a named person may do this.
    #[error("only a named person may do this")]
    PersonNeeded,
    /// The person's role does not allow it.
    #[error("this person's role does not allow it")]
    RoleMayNot,
    /// The party does not have the right.
    #[error("this party may not do this")]
    PartyMayNot,
    /// It acts upon a fact that does not stand or is of another kind.
    #[error("what it acts upon does not stand")]
    WrongReference,
    /// It belongs to another document.
    #[error("it belongs to another document")]
    OtherDocument,
    /// A value is out of its range.
    #[error("a value is out of its range")]
    OutOfRange,
    // Orders.
    /// The order was not opened yet.
    #[error("the order is not open")]
    NotOpen,
    /// The order was opened before.
    #[error("the order was opened before")]
    AlreadyOpened,
    /// Only the arbiter may do this.
    #[error("only the order's arbiter may do this")]
    NotArbiter,
    /// Another claim was confirmed.
    #[error("the order went to another provider")]
    HeldByOther {
        /// The party that holds the order.
        holder: PartyId,
        /// The confirmation.
        by: FactId,
    },
    /// The party does not hold the order.
    #[error("this party does not hold the order")]
    NotHolder,
    /// The step was taken before.
    #[error("this step was taken before")]
    AlreadyDone,
    /// The order was cancelled.
    #[error("the order was cancelled")]
    Cancelled,
    /// The arbiter is not the centre, and no standing offer covers this.
    #[error("no standing offer of the centre covers this while the centre is away")]
    NoStandingOffer,
    /// The price is over the ceiling of the standing offer.
    #[error("the price is over the ceiling of the standing offer")]
    OverCeiling,
    /// The standing offer had ended.
    #[error("the standing offer had ended")]
    OfferEnded,
    /// Satisfaction is never written by who provided the service.
    #[error("satisfaction is never written by a provider")]
    SatisfactionByProvider,
    // Alerts.
    /// The alert is owned by somebody else.
    #[error("somebody else acknowledged the alert")]
    OwnedByOther {
        /// The acknowledgement that stands.
        by: FactId,
    },
    /// Only who owns the alert may do this.
    #[error("only who acknowledged the alert may do this")]
    NotOwner,
    /// The alert is resolved.
    #[error("the alert is resolved: open it again")]
    AlreadyResolved,
    /// It answers an earlier raise of the alert.
    #[error("it answers an earlier raise of this alert")]
    EarlierRound,
    // Plans.
    /// It was stopped.
    #[error("the plan is no longer in force")]
    Stopped,
    // Consents.
    /// What is sensitive is consented to by itself.
    #[error(
        "health and emergency data are consented to one by one, never together with anything else"
    )]
    Bundled,
    // Joins.
    /// A clerk said that these are two people.
    #[error("a clerk said that these are two people")]
    ClerkRefused,
    /// A later decision replaced it.
    #[error("a later decision replaced it")]
    Replaced {
        /// The decision that replaced it.
        by: FactId,
    },
    /// A record cannot be joined with itself.
    #[error("a record cannot be joined with itself")]
    SameRecord,
}
