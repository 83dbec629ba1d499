//! The page at home: the tablets that show it, and what is pressed on them.

use serde::{Deserialize, Serialize};

use super::{Done, methods};

methods! {
    "tablet.pair" TabletPair => TabletCode;
    "tablet.list" TabletList => Vec<TabletRow>;
    "tablet.remove" TabletRemove => Done;
    "tablet.state" TabletState => HomeState;
    "tablet.press" TabletPress => PressAnswer;
    "tablet.cancel" TabletCancel => Done;
}

/// Draws a code by which one tablet is paired once; an earlier one ends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TabletPair {
    /// What the tablet is called in the list, such as `kitchen`.
    pub label: String,
}

/// A code that pairs one tablet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TabletCode {
    /// The code, to be typed.
    pub code: String,
    /// Where the tablet goes, with the code in it: to be shown as QR.
    pub url: String,
    /// When it expires.
    pub expires_ms: u64,
}

/// Lists the paired tablets.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct TabletList {}

/// A paired tablet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabletRow {
    /// Its id.
    pub tablet: String,
    /// What it is called.
    pub label: String,
    /// When it was paired.
    pub since_ms: u64,
    /// When it last asked for something, since the node's start.
    pub seen_ms: Option<u64>,
}

/// Ends a tablet's pairing: it shows nothing and presses nothing from then on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TabletRemove {
    /// Its id or label.
    pub tablet: String,
}

/// Asks for what the page at home shows. Households only.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct TabletState {}

/// What the page at home shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeState {
    /// The elders of this home, by name.
    pub elders: Vec<HomeElder>,
    /// What was asked for and is not long over, the latest first.
    pub requests: Vec<HomeRequest>,
    /// Whether a centre is connected.
    pub centre: bool,
}

/// An elder of this home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeElder {
    /// The id.
    pub elder: String,
    /// The name.
    pub name: String,
}

/// Something that was asked for at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeRequest {
    /// The alert's or the order's id.
    pub request: String,
    /// What for.
    pub kind: HomeKind,
    /// With `alert`: the kind of the alert, such as `fall`.
    pub what: Option<String>,
    /// For whom: the elder's id.
    pub elder: String,
    /// When it was asked for, by the hub's clock.
    pub at_ms: u64,
    /// How far it is.
    pub stage: HomeStage,
    /// Since when, where that is known.
    pub stage_ms: Option<u64>,
    /// Who has it: a person's or a provider's name.
    pub who: Option<String>,
    /// The person's role, such as `operator`.
    pub role: Option<String>,
    /// When somebody is to be there, as who has it says.
    pub expected_ms: Option<u64>,
    /// Nobody acts, or whoever was expected did not come: others are told again.
    pub goes_on: bool,
    /// Whether it can be taken back on the page.
    pub may_cancel: bool,
}

/// What is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PressKind {
    /// An alert.
    Help,
    /// An order of a meal.
    Meal,
    /// A wish to be called.
    Call,
}

/// What the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomeKind {
    /// Somebody pressed for help.
    Help,
    /// A meal.
    Meal,
    /// A wish to be called.
    Call,
    /// An alert that nobody pressed: a fall, smoke, silence.
    Alert,
}

impl From<PressKind> for HomeKind {
    fn from(kind: PressKind) -> Self {
        match kind {
            PressKind::Help => Self::Help,
            PressKind::Meal => Self::Meal,
            PressKind::Call => Self::Call,
        }
    }
}

/// How far something is that was asked for at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomeStage {
    /// The hub has it.
    Stored,
    /// The centre has it.
    Reached,
    /// Somebody has it.
    Taken,
    /// Somebody is on the way, or at it.
    Coming,
    /// Somebody is there.
    There,
    /// It is over.
    Done,
    /// It was taken back at home.
    Cancelled,
}

/// Asks for something at home. The same press again changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TabletPress {
    /// The press: a UUID that the tablet draws.
    pub press: uuid::Uuid,
    /// What for.
    pub kind: PressKind,
    /// For whom: the elder's id; none is everybody of this home.
    pub elder: Option<String>,
    /// How long ago, in milliseconds by the tablet's clock, where the hub was away.
    #[serde(default)]
    pub ago_ms: Option<u64>,
}

/// What a press came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PressAnswer {
    /// The alert or order, or the earlier one that it joined; several where the press was for everybody.
    pub requests: Vec<String>,
    /// Whether it is on disk; an alert goes out even where it is not yet.
    pub stored: bool,
}

/// Takes back what was asked for: an alert is called off, an order cancelled. Nothing where there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TabletCancel {
    /// The request, or the press that made it.
    pub request: uuid::Uuid,
}
