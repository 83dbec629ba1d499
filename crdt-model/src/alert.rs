//! Alerts: raised → delivered → acknowledged by a named person → responding → resolved (document `alert/<uuid>`).
//!
//! The document's id is derived from the cause, so raises of one cause at several nodes are one alert. An
//! acknowledgement is not a resolution. Of several acknowledgements made apart exactly one owns the alert, the same on
//! every node; the others see who does. The escalation ladder lies in the raise and runs on every node that holds it.

use std::collections::BTreeMap;

use automerge::Automerge;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::author::{Authors, NodeId, PartyId, PartyKind, Person};
use crate::contact::Means;
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Refused, Waiting};
use crate::private::Private;
use crate::sensor::{self, SilentSensor};
use crate::silence::Silent;
use crate::time::{HOUR_MS, Timestamp};

mod card;
mod fold;
mod ladder;
pub mod plan;
mod position;
pub mod report;

pub use card::{CardKey, CardView, Given, Located, Read, card_keys, position};
pub use ladder::{
    CallEnd, Climb, Climbed, Here, Ladder, LadderAct, LadderError, STEPS_MAX, Step, Turn, Watch,
    Way,
};
pub use position::Position;

/// Separates alert ids from every other use of BLAKE3.
const ALERT_ID_CONTEXT: &str = "linli 1 alert id";

/// Whoever is on the way says within how long they are there, in milliseconds: four hours at most.
pub const WITHIN_MS_MAX: u64 = 4 * HOUR_MS;

/// What caused an alert: a device's event, an episode of readings, a silence. Equal causes are one alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CauseId(pub String);

/// The id of the alert of a cause, for the document's name `alert/<uuid>`: UUID version 8 of a BLAKE3 hash.
pub fn alert_id(cause: &CauseId) -> Uuid {
    crate::event::derived_uuid(ALERT_ID_CONTEXT, cause.0.as_bytes())
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A person pressed the button.
    Button,
    /// A fall.
    Fall,
    /// Smoke.
    Smoke,
    /// Gas.
    Gas,
    /// Carbon monoxide.
    CarbonMonoxide,
    /// Water where it should not be.
    Flood,
    /// The person wandered off.
    Wandering,
    /// No movement when there should be some.
    Inactivity,
    /// The bed was left and not returned to.
    BedExit,
    /// A dose of medicine was missed.
    MissedDose,
    /// A reading beyond its threshold.
    Reading,
    /// A household fell silent.
    Silence,
    /// A device says that its battery is low or its power failed.
    Power,
    /// The emergency card of an elder without a hub was opened at the duty desk.
    CardOpened,
    /// For too long nobody was in contact with an elder who lives alone: no emergency, and it waits for the morning.
    NoContact,
    /// Sensors of a household are silent: a battery, a detector that fell off the wall. No emergency.
    Sensors,
    /// Somebody switched monitoring off: whoever answers alerts is to know. No emergency.
    MonitoringOff,
    /// A person asks to be called back: nothing happened, and nobody is alarmed.
    Call,
    /// Something else, told in the note.
    Other,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Button,
        Self::Fall,
        Self::Smoke,
        Self::Gas,
        Self::CarbonMonoxide,
        Self::Flood,
        Self::Wandering,
        Self::Inactivity,
        Self::BedExit,
        Self::MissedDose,
        Self::Reading,
        Self::Silence,
        Self::Power,
        Self::CardOpened,
        Self::NoContact,
        Self::Sensors,
        Self::MonitoringOff,
        Self::Call,
        Self::Other,
    ];

    /// Whether somebody may be in need: what is no more than a call to be made opens no card and sounds no siren.
    pub fn is_emergency(self) -> bool {
        !matches!(self, Self::Call | Self::NoContact | Self::Sensors | Self::MonitoringOff)
    }

    /// The word that stands for it in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Fall => "fall",
            Self::Smoke => "smoke",
            Self::Gas => "gas",
            Self::CarbonMonoxide => "carbon_monoxide",
            Self::Flood => "flood",
            Self::Wandering => "wandering",
            Self::Inactivity => "inactivity",
            Self::BedExit => "bed_exit",
            Self::MissedDose => "missed_dose",
            Self::Reading => "reading",
            Self::Silence => "silence",
            Self::Power => "power",
            Self::CardOpened => "card_opened",
            Self::NoContact => "no_contact",
            Self::Sensors => "sensors",
            Self::MonitoringOff => "monitoring_off",
            Self::Call => "call",
            Self::Other => "other",
        }
    }
}

/// Whom an alert was handed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyService {
    /// 110.
    Police,
    /// 119.
    Fire,
    /// 120.
    Ambulance,
}

/// How an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Help was given on the spot.
    Helped,
    /// The person was taken to hospital.
    Hospital,
    /// Nothing had happened.
    FalseAlarm,
    /// A test of the chain.
    Drill,
    /// The person died.
    Died,
    /// Somebody was in contact with the elder; of an alert that nobody was, and never said by hand.
    Contacted,
}

/// A fact of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AlertFact {
    /// It happened. Several raises of the document's cause join.
    Raised {
        /// The cause, from which the document's id comes.
        cause: CauseId,
        /// What happened.
        what: AlertKind,
        /// Who is told, when.
        ladder: Ladder,
        /// Where in the home.
        place: Option<Private>,
        /// What a reader should know.
        note: Option<Private>,
        /// What opens the emergency card to the readers of the alert: of household and family only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<CardKey>,
        /// Nothing happened: the chain is being tested.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        drill: bool,
        /// When it happened, where whoever raises it knows of it only now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        happened: Option<Timestamp>,
    },
    /// A node holds the alert and has shown or sounded it.
    Delivered {
        /// The raise.
        raise: FactId,
    },
    /// A node begins a step of the ladder: it rings, sounds or dials.
    Climbed {
        /// The raise or reopening.
        raise: FactId,
        /// The step.
        step: Step,
    },
    /// How a step that this node began went.
    StepEnded {
        /// The beginning.
        climbed: FactId,
        /// Whether it was carried out: it rang, or a call need not be made again.
        done: bool,
        /// How the call ended, where the node made it itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallEnd>,
    },
    /// Which hubs are silent, of an alert about silence.
    Silent {
        /// The raise or reopening.
        raise: FactId,
        /// Which, and where it breaks off.
        silent: Silent,
    },
    /// A hub whose silence this is was heard again. The alert stays until it is resolved.
    HeardAgain {
        /// The raise or reopening.
        raise: FactId,
        /// Whose hub.
        party: PartyId,
    },
    /// Which sensors of the household are silent, of an alert about those.
    SensorsSilent {
        /// The raise or reopening.
        raise: FactId,
        /// Which.
        sensors: Vec<SilentSensor>,
    },
    /// A sensor of which the alert tells spoke again. The alert stays until it is resolved.
    SensorSpoke {
        /// The raise or reopening.
        raise: FactId,
        /// Whose.
        elder: Uuid,
        /// Its name.
        sensor: Private,
    },
    /// Somebody was in contact with the elder, of an alert that nobody was: it is over.
    Contacted {
        /// The raise or reopening.
        raise: FactId,
        /// The fact that says so, of another document.
        contact: FactId,
        /// How.
        by: Means,
        /// When.
        when: Timestamp,
    },
    /// A named person takes care of it.
    Acknowledged {
        /// The raise or reopening it answers.
        raise: FactId,
    },
    /// A named person takes over from another.
    TookOver {
        /// The acknowledgement or takeover it follows.
        from: FactId,
    },
    /// The owner is acting: somebody is on the way or in contact.
    Responding {
        /// The owner's acknowledgement or takeover.
        ack: FactId,
        /// Within how long somebody is there, in milliseconds after the fact's own time; none: not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_ms: Option<u64>,
    },
    /// Somebody is there.
    Arrived {
        /// The owner's acknowledgement or takeover.
        ack: FactId,
    },
    /// The alert was handed to 110, 119 or 120; it stays the owner's until resolved.
    HandedTo {
        /// The owner's acknowledgement or takeover.
        ack: FactId,
        /// Whom to.
        service: EmergencyService,
    },
    /// The household says that nothing happened. The alert stays until its owner resolves it.
    CalledOff {
        /// The raise or reopening.
        raise: FactId,
    },
    /// It is over.
    Resolved {
        /// The owner's acknowledgement or takeover.
        ack: FactId,
        /// How it ended.
        outcome: Outcome,
        /// What was done.
        note: Option<Private>,
    },
    /// It was not over, or happened again.
    Reopened {
        /// The resolution.
        resolved: FactId,
        /// Why.
        note: Option<Private>,
    },
    /// Household or family open the emergency card to the readers of the alert.
    CardGiven {
        /// The raise or reopening it answers.
        raise: FactId,
        /// What opens it; none only where a view shows the fact.
        card: Option<CardKey>,
    },
    /// The household does not open the card to this round of the alert by itself.
    CardRefused {
        /// The raise or reopening.
        raise: FactId,
    },
    /// Household or family say where the elder is, to whoever reads the card in the alert.
    Located {
        /// The raise or reopening.
        raise: FactId,
        /// Where; none only where a view shows the fact.
        position: Option<Position>,
    },
    /// A named person read the card.
    CardRead {
        /// A raise or reopening, of any round.
        raise: FactId,
        /// Why, in the reader's words.
        reason: Option<Private>,
    },
}

impl Body for AlertFact {
    fn builds_on(&self) -> Vec<FactId> {
        match self {
            Self::Raised { .. } => Vec::new(),
            Self::Delivered { raise }
            | Self::Climbed { raise, .. }
            | Self::Silent { raise, .. }
            | Self::HeardAgain { raise, .. }
            | Self::SensorsSilent { raise, .. }
            | Self::SensorSpoke { raise, .. }
            | Self::Contacted { raise, .. }
            | Self::Acknowledged { raise }
            | Self::CalledOff { raise }
            | Self::CardGiven { raise, .. }
            | Self::CardRefused { raise }
            | Self::Located { raise, .. }
            | Self::CardRead { raise, .. } => vec![*raise],
            Self::StepEnded { climbed, .. } => vec![*climbed],
            Self::TookOver { from } => vec![*from],
            Self::Responding { ack, .. }
            | Self::Arrived { ack }
            | Self::HandedTo { ack, .. }
            | Self::Resolved { ack, .. } => vec![*ack],
            Self::Reopened { resolved, .. } => vec![*resolved],
        }
    }

    fn is_note(&self) -> bool {
        matches!(
            self,
            Self::Delivered { .. }
                | Self::Climbed { .. }
                | Self::StepEnded { .. }
                | Self::Silent { .. }
                | Self::HeardAgain { .. }
                | Self::SensorsSilent { .. }
                | Self::SensorSpoke { .. }
                | Self::Located { .. }
                | Self::CardRead { .. }
        )
    }

    fn shown(&self) -> Self {
        let mut shown = self.clone();
        if let Self::Raised { card, .. } | Self::CardGiven { card, .. } = &mut shown {
            *card = None;
        }
        if let Self::Located { position, .. } = &mut shown {
            *position = None;
        }
        shown
    }
}

/// How far an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was raised that stands.
    Nothing,
    /// Raised, nobody else is known to have it.
    Raised,
    /// Another node has it.
    Delivered,
    /// A person owns it.
    Acknowledged,
    /// The owner is acting.
    Responding,
    /// Over.
    Resolved,
}

/// Who takes care of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The acknowledgement or takeover.
    pub fact: FactId,
    /// The person.
    pub person: Person,
    /// Their party.
    pub party: PartyId,
    /// What that party is.
    pub kind: PartyKind,
    /// The node they acted at.
    pub node: NodeId,
    /// Since when, by their clock.
    pub since: Timestamp,
}

/// The canonical view of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertView {
    /// The alert's id.
    pub id: Uuid,
    /// The document's schema.
    pub schema: Schema,
    /// How far it is.
    pub stage: Stage,
    /// The cause.
    pub cause: Option<CauseId>,
    /// What happened, by the first raise.
    pub what: Option<AlertKind>,
    /// The first raise's ladder.
    pub ladder: Ladder,
    /// The raise or reopening that an acknowledgement must answer.
    pub round: Option<FactId>,
    /// When the round began: the earliest time its raises state.
    pub since: Option<Timestamp>,
    /// All raises that joined.
    pub raises: Vec<FactId>,
    /// Nothing happened: all raises are of a drill.
    pub drill: bool,
    /// The steps of the ladder that were begun in this round.
    pub climbed: Vec<Climbed>,
    /// Which hubs are silent, as each node that listens said last.
    pub silent: BTreeMap<NodeId, Silent>,
    /// Whose hubs were heard again, and since when.
    pub heard_again: BTreeMap<PartyId, Timestamp>,
    /// Which sensors are silent, and which spoke again.
    pub sensors: Vec<sensor::Silence>,
    /// The nodes that have it, and since when.
    pub delivered: BTreeMap<NodeId, Timestamp>,
    /// Who takes care of it; `None` is nobody.
    pub owner: Option<Owner>,
    /// When it happened, where that was before it could be raised: the earliest that is stated.
    pub happened: Option<Timestamp>,
    /// The owner is acting since.
    pub responding: Option<Timestamp>,
    /// When somebody is to be there, as the owner said last.
    pub expected: Option<Timestamp>,
    /// Somebody is there since.
    pub arrived: Option<Timestamp>,
    /// Whom it was handed to.
    pub handed_to: Vec<EmergencyService>,
    /// The household said that nothing happened.
    pub called_off: bool,
    /// To whom the emergency card was opened, and who read it.
    pub card: CardView,
    /// The resolution that stands.
    pub resolved: Option<FactId>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<AlertFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Reads the facts of an alert's document, for writing the next one.
pub fn facts(doc: &Automerge, authors: &impl Authors) -> Facts<AlertFact> {
    Facts::read(doc, authors)
}

/// Reads an alert.
pub fn view(id: Uuid, doc: &Automerge, authors: &impl Authors) -> AlertView {
    fold::fold(id, &facts(doc, authors))
}

/// Folds facts that were read before.
pub fn fold(id: Uuid, facts: &Facts<AlertFact>) -> AlertView {
    fold::fold(id, facts)
}

impl AlertView {
    /// How often the alert was opened again: which round it is in, whatever raises join it and in whatever order.
    pub fn reopenings(&self) -> usize {
        let stands = |entry: &&Entry<AlertFact>| {
            matches!(entry.body, AlertFact::Reopened { .. }) && entry.not_standing.is_none()
        };
        self.timeline.iter().filter(stands).count()
    }

    /// The fact that a raise of the cause is here: itself, or a reopening where the alert was resolved.
    pub fn raise(&self, raised: AlertFact) -> AlertFact {
        match (self.resolved, raised) {
            (Some(resolved), AlertFact::Raised { note, .. }) => {
                AlertFact::Reopened { resolved, note }
            }
            (_, raised) => raised,
        }
    }
}
