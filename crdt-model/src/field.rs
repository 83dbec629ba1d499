//! Field documents: one key a field, every concurrent value kept, a person resolves.

use std::collections::BTreeMap;

use automerge::{Automerge, ScalarValue, transaction::Transactable};
use serde::Serialize;
use uuid::Uuid;

use crate::author::{Author, Authors};
use crate::document::{SCHEMA_KEY, Schema, schema_of, state_schema};
use crate::history::{self, Standing};
use crate::limits::FIELD_BYTES_MAX;
use crate::private::Private;
use crate::time::Timestamp;

/// The fields that a kind of field document has.
pub trait FieldName: Copy + Ord + std::fmt::Debug {
    /// The key at the root; without a slash.
    fn key(self) -> &'static str;
    /// The field of a key.
    fn of_key(key: &str) -> Option<Self>;
    /// Says whether a value has the form the field demands.
    fn accepts(self, value: &str) -> bool;
}

/// The parts of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactField {
    /// The contact's name.
    Name,
    /// The telephone number.
    Phone,
    /// The kinship to the elder, a code of GB/T 4761.
    Kinship,
}

impl ContactField {
    const ALL: [Self; 3] = [Self::Name, Self::Phone, Self::Kinship];

    fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Kinship => "kinship",
        }
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Name => true,
            Self::Phone => crate::phone::Phone::parse(value).is_ok(),
            Self::Kinship => crate::codes::Kinship::of_code(value).is_some(),
        }
    }
}

/// A place for one value in a field document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place<F> {
    /// A field of the document.
    Field(F),
    /// A part of a contact: `contact/<uuid>/<part>`.
    Contact(Uuid, ContactField),
}

impl<F: FieldName> Place<F> {
    /// The key at the root.
    pub fn key(self) -> String {
        match self {
            Self::Field(field) => field.key().to_owned(),
            Self::Contact(id, part) => format!("contact/{}/{}", id.hyphenated(), part.key()),
        }
    }

    /// The place of a key, if this code knows it.
    pub fn of_key(key: &str) -> Option<Self> {
        if let Some(field) = F::of_key(key) {
            return Some(Self::Field(field));
        }
        let (id, part) = key.strip_prefix("contact/")?.split_once('/')?;
        let part = ContactField::ALL.into_iter().find(|p| p.key() == part)?;
        let place = Self::Contact(id.parse().ok()?, part);
        (place.key() == key).then_some(place)
    }

    /// Says whether a value has the form this place demands.
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Field(field) => field.accepts(value),
            Self::Contact(_, part) => part.accepts(value),
        }
    }
}

/// Why a value was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The value has not the form of the field.
    #[error("{key} does not take this value: correct it and save again")]
    Form {
        /// The key of the field.
        key: String,
    },
    /// The value is too long.
    #[error("{key} takes at most {FIELD_BYTES_MAX} bytes: shorten the text")]
    TooLong {
        /// The key of the field.
        key: String,
    },
    /// Automerge refused the write.
    #[error("the document could not be written")]
    Document(#[from] automerge::AutomergeError),
}

/// Writes a value. It replaces every value the writer's document shows, so a person resolves a conflict by writing.
/// Writing a value that is there already states it anew, in the writer's name: do not call this where nothing is stated.
///
/// # Errors
/// [`WriteError`] when the value has not the form of the field or is too long; nothing is written then.
pub fn set<F: FieldName>(
    doc: &mut impl Transactable,
    place: Place<F>,
    value: &str,
) -> Result<(), WriteError> {
    let key = place.key();
    if value.len() > FIELD_BYTES_MAX {
        return Err(WriteError::TooLong { key });
    }
    if !place.accepts(value) {
        return Err(WriteError::Form { key });
    }
    state_schema(doc)?;
    // Automerge drops a put of the value it shows already, and the writer's word with it: deleting first makes the write
    // the writer's own.
    let shown = doc.get_all(automerge::ROOT, &key)?;
    if shown.iter().any(|(shown, _)| shown.as_str() == Some(value)) {
        doc.delete(automerge::ROOT, key.clone())?;
    }
    Ok(doc.put(automerge::ROOT, key, value)?)
}

/// Removes the values the writer's document shows.
///
/// # Errors
/// When Automerge refuses the write.
pub fn clear<F: FieldName>(doc: &mut impl Transactable, place: Place<F>) -> Result<(), WriteError> {
    Ok(doc.delete(automerge::ROOT, place.key())?)
}

/// Somebody's word for a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Statement {
    /// When, by the author's own clock.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
}

/// One value and everybody who stated it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Stated {
    /// The value as it was written.
    pub value: Private,
    /// The value has the form this code expects of the field.
    pub understood: bool,
    /// Who stated it, earliest first.
    pub by: Vec<Statement>,
}

/// What a field holds: every value that nobody replaced.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct FieldView {
    /// The values, ordered by the value. More than one is a conflict.
    pub values: Vec<Stated>,
    /// More than one value stands: a person must choose.
    pub conflict: bool,
    /// Writes that are not shown because their author does not count here.
    pub held_back: usize,
}

impl FieldView {
    /// The one value, unless there is none or a conflict.
    pub fn single(&self) -> Option<&str> {
        match self.values.as_slice() {
            [only] => Some(only.value.as_str()),
            _ => None,
        }
    }
}

/// The canonical view of a field document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldsView {
    /// The document's schema.
    pub schema: Schema,
    /// The fields that hold something or held something back, by key.
    pub fields: BTreeMap<String, FieldView>,
    /// The contacts by id, each part by its key.
    pub contacts: BTreeMap<Uuid, BTreeMap<String, FieldView>>,
    /// What later code wrote, by key: kept and shown as it is.
    pub unknown: BTreeMap<String, FieldView>,
}

impl FieldsView {
    /// The fields and contact parts in conflict, by key.
    pub fn conflicts(&self) -> Vec<String> {
        let fields = self.fields.iter().filter(|(_, v)| v.conflict).map(|(k, _)| k.clone());
        let contacts = self.contacts.iter().flat_map(|(id, parts)| {
            let conflicts = parts.iter().filter(|(_, v)| v.conflict);
            conflicts.map(move |(part, _)| format!("contact/{}/{part}", id.hyphenated()))
        });
        fields.chain(contacts).collect()
    }
}

/// Reads a field document.
pub fn view<F: FieldName>(doc: &Automerge, authors: &impl Authors) -> FieldsView {
    let writes = history::writes(doc);
    let mut view = FieldsView {
        schema: schema_of(&writes),
        fields: BTreeMap::new(),
        contacts: BTreeMap::new(),
        unknown: BTreeMap::new(),
    };
    for (key, slot) in history::slots(&writes, authors) {
        if key == SCHEMA_KEY || (slot.standing.is_empty() && slot.unattributed == 0) {
            continue;
        }
        let place = Place::<F>::of_key(key);
        let field = field_view(&slot, |value| place.is_some_and(|p| p.accepts(value)));
        match place {
            Some(Place::Field(_)) => {
                view.fields.insert(key.to_owned(), field);
            }
            Some(Place::Contact(id, part)) => {
                view.contacts.entry(id).or_default().insert(part.key().to_owned(), field);
            }
            None => {
                view.unknown.insert(key.to_owned(), field);
            }
        }
    }
    view
}

fn field_view(slot: &history::Slot<'_>, accepts: impl Fn(&str) -> bool) -> FieldView {
    let mut values: BTreeMap<String, (bool, Vec<Statement>)> = BTreeMap::new();
    for Standing { write, author } in &slot.standing {
        let (text, is_text) = match &write.value {
            Some(ScalarValue::Str(text)) => (text.to_string(), true),
            Some(other) => (other.to_string(), false),
            None => continue,
        };
        let understood = is_text && accepts(&text);
        let entry = values.entry(text).or_insert((understood, Vec::new()));
        entry.0 |= understood;
        entry.1.push(Statement { at: write.at, author: (*author).clone() });
    }
    let values: Vec<Stated> = values
        .into_iter()
        .map(|(value, (understood, mut by))| {
            by.sort();
            by.dedup();
            Stated { value: Private::from(value), understood, by }
        })
        .collect();
    FieldView { conflict: values.len() > 1, values, held_back: slot.unattributed }
}
