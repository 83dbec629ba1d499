//! Sheets: the whole card as of one epoch (space `elder/emergency`, document `card/<epoch>`).
//!
//! The card itself is a field document: what stands in it builds on what was written in former epochs, which the key of
//! the present one does not open. A sheet is the card's view as one text, in a document of its own, so that the key of
//! its epoch opens all of it and nothing from before.

use automerge::{Automerge, transaction::Transactable};
use serde::Serialize;
use serde_json::Value;

use crate::author::{Authors, id32};
use crate::document::{canonical, state_schema};
use crate::field::{self, FieldName, FieldsView, Statement};
use crate::limits::SHEET_BYTES_MAX;

id32! {
    /// The epoch that a sheet is written for: its id.
    SheetId
}

const KEY: &str = "card";

/// The one field of a sheet: the view of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SheetField;

impl FieldName for SheetField {
    fn key(self) -> &'static str {
        KEY
    }

    fn of_key(key: &str) -> Option<Self> {
        (key == KEY).then_some(Self)
    }

    fn accepts(self, value: &str) -> bool {
        read(value).is_some()
    }
}

/// A card as its writer saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// The view of the card: the JSON of a [`FieldsView`].
    pub card: Value,
    /// Who wrote the sheet, and when.
    pub by: Vec<Statement>,
}

/// A sheet could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The card is too large to be written whole.
    #[error("the card takes more than {SHEET_BYTES_MAX} bytes: shorten its texts")]
    TooLarge,
    /// The view is not representable.
    #[error("the card could not be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Automerge refused the write.
    #[error("the document could not be written")]
    Document(#[from] automerge::AutomergeError),
}

/// Writes the card whole; what the sheet showed before is replaced. Says nothing where the sheet shows just this.
///
/// # Errors
/// [`SheetError::TooLarge`] over [`SHEET_BYTES_MAX`] bytes; nothing is written then.
pub fn write_sheet(doc: &mut impl Transactable, card: &FieldsView) -> Result<(), SheetError> {
    let text = String::from_utf8_lossy(&canonical(card)?).into_owned();
    if text.len() > SHEET_BYTES_MAX {
        return Err(SheetError::TooLarge);
    }
    let shown = doc.get_all(automerge::ROOT, KEY)?;
    let same = |(shown, _): &(automerge::Value<'_>, _)| shown.as_str() == Some(text.as_str());
    if shown.len() == 1 && shown.iter().all(same) {
        return Ok(());
    }
    state_schema(doc)?;
    Ok(doc.put(automerge::ROOT, KEY, text)?)
}

/// Reads the sheets of a document: several where writers apart wrote one each. What is no card is left out.
pub fn sheets(doc: &Automerge, authors: &impl Authors) -> Vec<Sheet> {
    let view = field::view::<SheetField>(doc, authors);
    let values = view.fields.get(KEY).map(|field| field.values.as_slice()).unwrap_or_default();
    let sheet = |stated: &field::Stated| {
        Some(Sheet { card: read(stated.value.as_str())?, by: stated.by.clone() })
    };
    values.iter().filter_map(sheet).collect()
}

fn read(text: &str) -> Option<Value> {
    if text.len() > SHEET_BYTES_MAX {
        return None;
    }
    serde_json::from_str(text).ok().filter(Value::is_object)
}
