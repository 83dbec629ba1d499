//! Contact with elders who live alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Acting, Done, methods};

methods! {
    "contact.note" ContactNote => ContactAnswer;
    "contact.take-back" ContactTakeBack => Done;
    "contact.due" ContactDue => DueAnswer;
}

/// Writes down that somebody was in contact with an elder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContactNote {
    /// The elder.
    pub elder: String,
    /// `phone`, `visit` or `message`.
    pub by: String,
    /// When; none: now.
    pub when_ms: Option<u64>,
    /// What was said.
    pub note: Option<String>,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

/// A contact's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContactAnswer {
    /// The fact that says so.
    pub contact: String,
}

/// Says that a contact was written down by mistake.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContactTakeBack {
    /// The elder.
    pub elder: String,
    /// The contact, or the beginning of its id that fits one only.
    pub contact: String,
    /// Who acts: it needs a named person.
    pub acting: Option<Acting>,
}

/// Asks whom somebody is to ask how they are, and when.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ContactDue {
    /// Those with whom contact is due later, too.
    pub all: bool,
}

/// With whom contact is due, the most pressing first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DueAnswer {
    /// The days for who lives alone and has none of their own; none where nobody looks.
    pub usual_days: Option<u16>,
    /// A row an elder.
    pub elders: Vec<DueRow>,
}

/// When contact with an elder is due.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DueRow {
    /// The id.
    pub elder: String,
    /// The name; several where they differ.
    pub names: Vec<String>,
    /// The telephone number, where it is known and agreed.
    pub phone: Option<String>,
    /// After how many days without contact it is due.
    pub days: u16,
    /// Since when those count.
    pub from_ms: u64,
    /// How the last contact was: `phone`, `visit`, `message`, `alert` or `check`; none where there was none.
    pub by: Option<String>,
    /// Who wrote that down, an author of the views.
    pub author: Option<Value>,
    /// The day it is due, by the clock of China.
    pub day: String,
    /// `ahead`, `overdue`, `today`, `later` or `away`.
    pub state: String,
    /// The open alert about it.
    pub alert: Option<String>,
}
