//! Elders, orders, alerts and readings.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Acting, ApiError, Done, methods};

methods! {
    "elder.add" ElderAdd => ElderAnswer;
    "elder.show" ElderShow => Value;
    "elder.edit" ElderEdit => Done;
    "elder.relate" ElderRelate => RelateAnswer;
    "elder.list" ElderList => ElderPage;
    "elder.import" ElderImport => ImportAnswer;
    "join.list" JoinList => JoinAnswer;
    "join.decide" JoinDecide => Done;
    "reading.add" ReadingAdd => ReadingAnswer;
    "reading.list" ReadingList => ReadingPage;
    "reading.chart" ReadingChart => ChartAnswer;
    "offer.sign" OfferSign => OfferAnswer;
    "offer.list" OfferList => Vec<Value>;
    "order.new" OrderNew => OrderAnswer;
    "order.list" OrderList => Vec<Value>;
    "order.show" OrderShow => Value;
    "order.act" OrderAct => OrderAnswer;
}

/// Adds an elder: opens the care space and writes the profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderAdd {
    /// Field names of the profile and their values.
    pub fields: std::collections::BTreeMap<String, String>,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// The elder's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderAnswer {
    /// The id, a UUID.
    pub elder: String,
}

/// Asks for everything this node may read of an elder: the views as `crdt-model` makes them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderShow {
    /// The id, or a part of it or of the name that fits one elder only.
    pub elder: String,
}

/// Sets one field of the profile, or of the emergency card (`card/<field>`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderEdit {
    /// The elder, as in [`ElderShow`].
    pub elder: String,
    /// The field.
    pub field: String,
    /// The value; empty clears it.
    pub value: String,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// Adds somebody whom an elder's profile names: a family member, a neighbour.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderRelate {
    /// The elder, as in [`ElderShow`].
    pub elder: String,
    /// What the person is called.
    pub name: String,
    /// The telephone number.
    pub phone: String,
    /// What the person is to the elder: the first digit of GB/T 4761.
    pub kinship: String,
    /// Whether the emergency card names the person too.
    #[serde(default)]
    pub card: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// Who was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RelateAnswer {
    /// The id in `contact/<id>/phone` and the other fields, a UUID.
    pub contact: String,
}

/// Lists elders, a page at a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ElderList {
    /// Only those whose name, id, phone or address holds this, or who are known by this number however it is written.
    pub find: Option<String>,
    /// How many to pass over.
    pub offset: u64,
    /// How many to list, at most 1,000.
    pub limit: u64,
}

/// A page of elders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderPage {
    /// How many fit in all.
    pub total: u64,
    /// The page.
    pub elders: Vec<ElderRow>,
}

/// One elder in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderRow {
    /// The id.
    pub elder: String,
    /// The name; several where they differ.
    pub names: Vec<String>,
    /// The birth date, where it is known and agreed.
    pub birth_date: Option<String>,
    /// The address, where it is known and agreed.
    pub address: Option<String>,
    /// How many fields hold values that contradict each other.
    pub conflicts: u64,
    /// Other records of the same person.
    pub joined: Vec<String>,
}

/// Takes in a register.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElderImport {
    /// The file, as a path on the node's machine.
    pub path: String,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// What became of each row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// Rows in the file, its heading not counted.
    pub rows: u64,
    /// Rows that became elders.
    pub added: u64,
    /// Rows that were in the store already.
    pub known: u64,
    /// Rows refused: the line and the reason.
    pub refused: Vec<(u64, ApiError)>,
    /// The encoding that was found.
    pub encoding: String,
}

/// Lists what was joined and what waits for a clerk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JoinList {}

/// Joined and doubtful records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// Groups of records that are one person.
    pub joined: Vec<Vec<String>>,
    /// Pairs that wait, with the reasons.
    pub waiting: Vec<(String, String, Vec<String>)>,
}

/// Decides about a pair that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinDecide {
    /// One record.
    pub left: String,
    /// The other.
    pub right: String,
    /// Whether they are one person.
    pub same: bool,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// Takes in a measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadingAdd {
    /// The elder.
    pub elder: String,
    /// LOINC code.
    pub code: String,
    /// The value as a decimal number.
    pub value: String,
    /// UCUM unit.
    pub unit: String,
    /// The device's time.
    pub time_ms: u64,
    /// The device.
    pub device: String,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadingAnswer {
    /// Whether it was new.
    pub new: bool,
    /// The alert it raised or joined.
    pub alert: Option<String>,
    /// Whether that alert began with this reading.
    pub raised: bool,
}

/// Lists the readings of an elder that this node may read, the latest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReadingList {
    /// The elder.
    pub elder: String,
    /// Of one LOINC code only; `85354-9` is both blood pressures.
    #[serde(default)]
    pub code: Option<String>,
    /// From when, by the device's clock.
    #[serde(default)]
    pub from_ms: Option<u64>,
    /// Until when, that instant excluded.
    #[serde(default)]
    pub until_ms: Option<u64>,
    /// How many at most, from 1 to 1000; 0 is 100.
    #[serde(default)]
    pub limit: u64,
}

/// Readings of an elder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadingPage {
    /// The elder's id.
    pub elder: String,
    /// How many there are.
    pub total: u64,
    /// The latest of them.
    pub readings: Vec<ReadingRow>,
}

/// A reading.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadingRow {
    /// When it was measured, by the device's clock.
    pub at_ms: u64,
    /// When it was written down first, by that node's clock.
    pub received_ms: u64,
    /// What was measured, as `systolic`.
    pub measure: String,
    /// Its LOINC code.
    pub code: String,
    /// The value as a decimal number.
    pub value: String,
    /// UCUM unit.
    pub unit: String,
    /// The device.
    pub device: String,
    /// Whether a living body can have this value; rules pass over what it cannot.
    pub plausible: bool,
    /// The party whose node wrote it down first.
    pub party: String,
}

/// Asks what readings come to over a day, a month or a year.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadingChart {
    /// The elder.
    pub elder: String,
    /// LOINC code; `85354-9` is both blood pressures.
    pub code: String,
    /// From when, by the device's clock.
    pub from_ms: u64,
    /// Until when, that instant excluded: at most 400 days later.
    pub until_ms: u64,
}

/// Readings over a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChartAnswer {
    /// The elder's id.
    pub elder: String,
    /// From when.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// How long a step is: 15 minutes, an hour, 6 hours or a day.
    pub step_ms: u64,
    /// A line for each measure.
    pub series: Vec<ChartSeries>,
}

/// The readings of a measure over a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChartSeries {
    /// What was measured.
    pub measure: String,
    /// Its LOINC code.
    pub code: String,
    /// UCUM unit.
    pub unit: String,
    /// The steps in which something was measured, by time.
    pub points: Vec<ChartPoint>,
    /// How many values are left out since no living body can have them.
    pub implausible: u64,
    /// Where rules begin to fire.
    pub limits: Vec<ChartLimit>,
}

/// What was measured in one step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChartPoint {
    /// When the first was measured.
    pub at_ms: u64,
    /// How many.
    pub count: u64,
    /// The lowest, a decimal number.
    pub low: String,
    /// The mean, to two places.
    pub mean: String,
    /// The highest.
    pub high: String,
}

/// Where a rule begins to fire.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChartLimit {
    /// The rule's id.
    pub rule: String,
    /// `below`, `at_most`, `at_least` or `above`.
    pub side: String,
    /// The threshold, a decimal number.
    pub value: String,
    /// The guideline that it is from; none: a clinician set it for this elder.
    pub source: Option<String>,
}

/// Signs a standing offer, which hubs may order under while the centre is out of reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfferSign {
    /// The provider party's id or name.
    pub provider: String,
    /// The service's code in the catalogue.
    pub service: String,
    /// Where it holds, as addresses name it, such as `桃园路街道`; empty is everywhere.
    pub area: String,
    /// The most one order may cost, in fen.
    pub ceiling_fen: u64,
    /// When it ends.
    pub ends_ms: u64,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// The offer's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfferAnswer {
    /// The id of the notice that holds it.
    pub offer: String,
}

/// Lists the standing offers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OfferList {}

/// Asks for a service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderNew {
    /// The elder.
    pub elder: String,
    /// The service's code in the catalogue.
    pub service: String,
    /// What else the provider must know.
    pub note: String,
    /// By which channel it was asked, such as `phone`.
    pub channel: String,
    /// Who acts.
    pub acting: Option<Acting>,
}

/// An order's id and state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// The id, a UUID.
    pub order: String,
    /// The state, such as `requested`.
    pub state: String,
    /// The next step it needs, such as `provider_to_answer`; none once it is over.
    pub next: Option<String>,
    /// Why that step is not to be expected soon; none while the order takes its ordinary way.
    pub waits: Option<String>,
}

/// Lists orders.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderList {
    /// Closed ones too.
    pub all: bool,
}

/// Asks for one order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderShow {
    /// The order, or a part of its id that fits one only.
    pub order: String,
}

/// Does something with an order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderAct {
    /// The order.
    pub order: String,
    /// `offer`, `accept`, `decline`, `confirm`, `withdraw`, `start`, `done`, `callback`, `cancel`.
    pub act: String,
    /// With `offer`: the provider party's id or name.
    pub provider: Option<String>,
    /// With `callback`: satisfaction from 1 to 5.
    pub rating: Option<u8>,
    /// A note.
    pub note: Option<String>,
    /// Who acts.
    pub acting: Option<Acting>,
}
