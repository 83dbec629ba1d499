//! The kinds of documents, their names, their schema, and the canonical bytes of a view.

use std::str::FromStr;

use automerge::{Automerge, ScalarValue, Value, transaction::Transactable};
use serde::Serialize;
use uuid::Uuid;

use crate::card::SheetId;
use crate::history;
use crate::time::Month;

/// The key of the schema version in every document.
pub const SCHEMA_KEY: &str = "schema";

/// The schema version this code writes.
pub const SCHEMA_VERSION: u64 = 1;

/// The name of a document within its space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentName {
    /// `profile`: the elder's profile.
    Profile,
    /// `card`: the emergency card.
    EmergencyCard,
    /// `card/<64 hex>`: a sheet, the whole card as of one epoch.
    CardSheet(SheetId),
    /// `readings/2024-01`: the readings of a month (UTC).
    Readings(Month),
    /// `order/<uuid>`: one order.
    Order(Uuid),
    /// `alert/<uuid>`: one alert.
    Alert(Uuid),
    /// `ladders`: whom an elder's alerts call, and when.
    Ladders,
    /// `joins`: which records are one person.
    Joins,
    /// `offers`: the standing offers of a centre.
    Offers,
    /// `consents`: what an elder agreed to.
    Consents,
    /// `contacts`: who was in contact with an elder.
    Contacts,
    /// `checks`: how an elder was found when a plan was in force.
    Checks,
    /// `files`: the photos and documents of an elder.
    Files,
    /// `sensors`: what should speak at an elder's home, and when nobody listens.
    Sensors,
    /// `rules`: the thresholds that a clinician set for an elder.
    Rules,
    /// `plan/<uuid>`: one contingency plan.
    Plan(Uuid),
    /// `authority`: the certificates of the space; not an Automerge document.
    Authority,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The elder's profile.
    Profile,
    /// The emergency card.
    EmergencyCard,
    /// The whole emergency card as of one epoch.
    CardSheet,
    /// The readings of a month.
    Readings,
    /// One order.
    Order,
    /// One alert.
    Alert,
    /// Whom an elder's alerts call.
    Ladders,
    /// Which records are one person.
    Joins,
    /// Standing offers.
    Offers,
    /// What an elder agreed to.
    Consents,
    /// Who was in contact with an elder.
    Contacts,
    /// How an elder was found when a plan was in force.
    Checks,
    /// The photos and documents of an elder.
    Files,
    /// What should speak at an elder's home.
    Sensors,
    /// The thresholds that a clinician set for an elder.
    Rules,
    /// One contingency plan.
    Plan,
    /// The certificates of the space.
    Authority,
}

impl Kind {
    /// Says whether the document consists of facts, which are committed isolated.
    pub fn is_event(self) -> bool {
        match self {
            Self::Profile
            | Self::EmergencyCard
            | Self::CardSheet
            | Self::Readings
            | Self::Ladders
            | Self::Authority => false,
            Self::Order
            | Self::Alert
            | Self::Joins
            | Self::Offers
            | Self::Consents
            | Self::Contacts
            | Self::Checks
            | Self::Files
            | Self::Sensors
            | Self::Rules
            | Self::Plan => true,
        }
    }
}

/// The text names no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no document has this name: profile, card, card/<epoch>, readings/<month>, order/<id>, alert/<id>, ladders, joins, offers, consents, contacts, checks, files, sensors, rules, plan/<id> or authority is expected"
)]
pub struct NameError;

impl DocumentName {
    /// Reads which document a name is of that may begin with the id of the elder whom it is about: `<elder>/<document>`.
    ///
    /// # Errors
    /// It is the name of no document.
    pub fn of_elder(text: &str) -> Result<Self, NameError> {
        let about = |id: &str| id.parse::<Uuid>().is_ok_and(|uuid| uuid.to_string() == id);
        match text.split_once('/') {
            Some((id, name)) if about(id) => name.parse(),
            Some(_) | None => text.parse(),
        }
    }

    /// What the document is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Profile => Kind::Profile,
            Self::EmergencyCard => Kind::EmergencyCard,
            Self::CardSheet(_) => Kind::CardSheet,
            Self::Readings(_) => Kind::Readings,
            Self::Order(_) => Kind::Order,
            Self::Alert(_) => Kind::Alert,
            Self::Ladders => Kind::Ladders,
            Self::Joins => Kind::Joins,
            Self::Offers => Kind::Offers,
            Self::Consents => Kind::Consents,
            Self::Contacts => Kind::Contacts,
            Self::Checks => Kind::Checks,
            Self::Files => Kind::Files,
            Self::Sensors => Kind::Sensors,
            Self::Rules => Kind::Rules,
            Self::Plan(_) => Kind::Plan,
            Self::Authority => Kind::Authority,
        }
    }
}

impl std::fmt::Display for DocumentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Profile => f.write_str("profile"),
            Self::EmergencyCard => f.write_str("card"),
            Self::CardSheet(id) => write!(f, "card/{id}"),
            Self::Readings(month) => write!(f, "readings/{month}"),
            Self::Order(id) => write!(f, "order/{}", id.hyphenated()),
            Self::Alert(id) => write!(f, "alert/{}", id.hyphenated()),
            Self::Ladders => f.write_str("ladders"),
            Self::Joins => f.write_str("joins"),
            Self::Offers => f.write_str("offers"),
            Self::Consents => f.write_str("consents"),
            Self::Contacts => f.write_str("contacts"),
            Self::Checks => f.write_str("checks"),
            Self::Files => f.write_str("files"),
            Self::Sensors => f.write_str("sensors"),
            Self::Rules => f.write_str("rules"),
            Self::Plan(id) => write!(f, "plan/{}", id.hyphenated()),
            Self::Authority => f.write_str("authority"),
        }
    }
}

impl FromStr for DocumentName {
    type Err = NameError;

    /// Reads a name. Only the one spelling that `Display` gives is a name, so that a document has one tag.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = match text.split_once('/') {
            None => match text {
                "profile" => Self::Profile,
                "card" => Self::EmergencyCard,
                "ladders" => Self::Ladders,
                "joins" => Self::Joins,
                "offers" => Self::Offers,
                "consents" => Self::Consents,
                "contacts" => Self::Contacts,
                "checks" => Self::Checks,
                "files" => Self::Files,
                "sensors" => Self::Sensors,
                "rules" => Self::Rules,
                "authority" => Self::Authority,
                _ => return Err(NameError),
            },
            Some(("card", id)) => Self::CardSheet(id.parse().map_err(|_| NameError)?),
            Some(("readings", month)) => Self::Readings(month.parse().map_err(|_| NameError)?),
            Some(("order", id)) => Self::Order(id.parse().map_err(|_| NameError)?),
            Some(("plan", id)) => Self::Plan(id.parse().map_err(|_| NameError)?),
            Some(("alert", id)) => Self::Alert(id.parse().map_err(|_| NameError)?),
            Some(_) => return Err(NameError),
        };
        if name.to_string() == text { Ok(name) } else { Err(NameError) }
    }
}

/// Which schema a document states, and whether this code knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// The highest version stated in the document; 0 where none is.
    pub version: u64,
    /// The document is from later code: what is not understood is kept and listed, not shown as understood.
    pub newer: bool,
}

/// Reads the schema version: the highest one anybody stated, so that an older writer never lowers it.
pub fn schema(doc: &Automerge) -> Schema {
    schema_of(&history::writes(doc))
}

pub(crate) fn schema_of(writes: &[history::Write]) -> Schema {
    let version = writes
        .iter()
        .filter(|w| w.key == SCHEMA_KEY)
        .filter_map(|w| match &w.value {
            Some(ScalarValue::Uint(version)) => Some(*version),
            Some(ScalarValue::Int(version)) => u64::try_from(*version).ok(),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    Schema { version, newer: version > SCHEMA_VERSION }
}

/// Why a document could not be brought to a schema.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// This code knows no such version.
    #[error("schema {wanted} is not known here (at most {known}): update this node")]
    Unknown {
        /// The version that was asked for.
        wanted: u64,
        /// The highest version this code knows.
        known: u64,
    },
    /// Migrations only go up.
    #[error("a document is never brought down from schema {from} to {to}")]
    Down {
        /// The version of the document.
        from: u64,
        /// The version that was asked for.
        to: u64,
    },
    /// Automerge refused the write.
    #[error("the document could not be written")]
    Document(#[from] automerge::AutomergeError),
}

/// Brings a document from schema `from` to schema `to`.
///
/// Every step only adds, and adds the same on every node, so that two nodes that migrate apart agree afterwards.
/// Version 0 is a document that states no version; the step to 1 states it.
///
/// # Errors
/// [`MigrateError`] when the versions are unknown or go down, or the write fails.
pub fn migrate(doc: &mut impl Transactable, from: u64, to: u64) -> Result<(), MigrateError> {
    if to > SCHEMA_VERSION {
        return Err(MigrateError::Unknown { wanted: to, known: SCHEMA_VERSION });
    }
    if from > to {
        return Err(MigrateError::Down { from, to });
    }
    if from < to {
        state_schema(doc)?;
    }
    Ok(())
}

/// States the schema version in a document that does not yet; writers call it with their first write.
///
/// # Errors
/// When Automerge refuses the write.
pub fn state_schema(doc: &mut impl Transactable) -> Result<(), automerge::AutomergeError> {
    let stated = match doc.get(automerge::ROOT, SCHEMA_KEY)? {
        Some((Value::Scalar(value), _)) => value.as_u64(),
        Some((Value::Object(_), _)) | None => None,
    };
    if stated.is_none_or(|version| version < SCHEMA_VERSION) {
        doc.put(automerge::ROOT, SCHEMA_KEY, ScalarValue::Uint(SCHEMA_VERSION))?;
    }
    Ok(())
}

/// The options with which every change is committed: the author's time in milliseconds.
pub fn commit_options(at: crate::time::Timestamp) -> automerge::transaction::CommitOptions {
    automerge::transaction::CommitOptions::default()
        .with_time(i64::try_from(at.0).unwrap_or(i64::MAX))
}

/// The canonical bytes of a view: JSON without spaces, keys in a fixed order. Equal writes give equal bytes.
///
/// # Errors
/// Never for the views of this crate; a view that is not representable in JSON gives serde's error.
pub fn canonical(view: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(view)
}

#[cfg(test)]
mod tests {
    use automerge::{AutoCommit, ReadDoc};

    use super::*;

    #[test]
    fn names_have_one_spelling() {
        let id = "018f3d3e-0000-7000-8000-000000000001";
        for name in [
            "profile",
            "card",
            "readings/2024-01",
            "ladders",
            "joins",
            "offers",
            "consents",
            "files",
            "sensors",
            "rules",
            "authority",
        ]
        .map(String::from)
        {
            assert_eq!(name.parse::<DocumentName>().unwrap().to_string(), name);
        }
        let order = format!("order/{id}");
        assert_eq!(order.parse::<DocumentName>().unwrap().to_string(), order);
        for bad in [
            "",
            "Profile",
            "profile/",
            "readings",
            "readings/2024-1",
            "order/018F3D3E-0000-7000-8000-000000000001",
            "order/018f3d3e000070008000000000000001",
            "alert/x",
            "card/1",
        ] {
            assert_eq!(bad.parse::<DocumentName>(), Err(NameError), "{bad}");
        }
    }

    #[test]
    fn a_name_may_begin_with_whom_the_document_is_about() {
        let id = "018f3d3e-0000-7000-8000-000000000001";
        let name = |text: &str| DocumentName::of_elder(&text.replace("ID", id));
        assert_eq!(name("ID/profile"), Ok(DocumentName::Profile));
        assert_eq!(name("ID/consents"), Ok(DocumentName::Consents));
        assert_eq!(name("profile"), Ok(DocumentName::Profile));
        assert_eq!(name("order/ID"), Ok(DocumentName::Order(id.parse().unwrap())));
        for bad in ["ID", "ID/", "ID/photo/1", "ID/ID/profile", "x/profile", "{ID}/profile"] {
            assert_eq!(name(bad), Err(NameError), "{bad}");
        }
    }

    #[test]
    fn a_migration_done_apart_agrees_and_adds_only() {
        let mut old = AutoCommit::new();
        old.put(automerge::ROOT, "name", "a").unwrap();
        let mut other = old.fork();
        migrate(&mut old, 0, 1).unwrap();
        migrate(&mut other, 0, 1).unwrap();
        old.merge(&mut other).unwrap();
        assert_eq!(schema(old.document()), Schema { version: 1, newer: false });
        assert!(old.get(automerge::ROOT, "name").unwrap().is_some());
        assert!(matches!(migrate(&mut old, 1, 0), Err(MigrateError::Down { .. })));
        assert!(matches!(migrate(&mut old, 1, 2), Err(MigrateError::Unknown { .. })));
    }

    #[test]
    fn a_later_schema_is_said_and_never_lowered() {
        let mut doc = AutoCommit::new();
        doc.put(automerge::ROOT, SCHEMA_KEY, 7_u64).unwrap();
        state_schema(&mut doc).unwrap();
        assert_eq!(schema(doc.document()), Schema { version: 7, newer: true });
    }
}
