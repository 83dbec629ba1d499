//! The emergency card.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Acting, methods};

methods! {
    "elder.card" ElderCard => CardAnswer;
    "alert.card" AlertCard => CardAnswer;
}

/// Opens an elder's emergency card. Anybody but household and family reads it in an open alert about
/// the elder; where there is none and this party opens the card by itself, it raises one with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderCard {
    /// The elder, as in `elder.show`.
    pub elder: String,
    /// Why, such as `call`.
    pub reason: Option<String>,
    /// Who reads: a named person.
    pub acting: Option<Acting>,
}

/// Reads the emergency card in an alert.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertCard {
    /// The alert, or a part of its id that fits one only.
    pub alert: String,
    /// Why, where it is not plain from the alert.
    pub reason: Option<String>,
    /// Who reads: a named person.
    pub acting: Option<Acting>,
}

/// The card, and where it stands that it was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CardAnswer {
    /// The elder's id.
    pub elder: String,
    /// The alert in which the reading is recorded; none for household and family.
    pub alert: Option<String>,
    /// Whether that alert was raised by this.
    pub raised: bool,
    /// The card as `card`, the view of `crdt-model/`, and as `by` who wrote it whole; several where
    /// they were written apart.
    pub cards: Vec<Value>,
    /// Where the elder was measured last: `at`, `latitude`, `longitude` (WGS 84) and `accuracy_m`, the position of
    /// `crdt-model/`; none where nobody said.
    pub position: Option<Value>,
}
