//! The emergency card: what a rescuer must know (space `elder/emergency`, document `card`).

use automerge::{Automerge, transaction::Transactable};

use crate::author::Authors;
use crate::codes::Sex;
use crate::field::{self, FieldsView, Place, WriteError};
use crate::profile::{fields, iso_date, phone, text};

mod sheet;

pub use sheet::{Sheet, SheetError, SheetId, sheets, write_sheet};

fields! {
    /// The fields of an emergency card.
    CardField {
        /// Name.
        Name = "name" text,
        /// Sex, a code of GB/T 2261.1.
        Sex = "sex" |v| Sex::of_code(v).is_some(),
        /// Date of birth, `1936-05-23`.
        BirthDate = "birth_date" iso_date,
        /// Telephone number.
        Phone = "phone" phone,
        /// Where the elder is to be found.
        Address = "address" text,
        /// How to get in: key, code, neighbour.
        Entry = "entry" text,
        /// Blood group.
        BloodGroup = "blood_group" |v| matches!(v, "A" | "B" | "AB" | "O"),
        /// Allergies.
        Allergies = "allergies" text,
        /// Conditions.
        Conditions = "conditions" text,
        /// Medicines.
        Medicines = "medicines" text,
        /// Implants and aids: pacemaker, hearing aid.
        Implants = "implants" text,
        /// The hospital that knows the elder.
        Hospital = "hospital" text,
        /// The family doctor.
        Doctor = "doctor" text,
        /// The insurance.
        Insurance = "insurance" text,
        /// Remarks.
        Note = "note" text,
    }
}

/// A place in an emergency card.
pub type CardPlace = Place<CardField>;

/// Writes a field of the card; to resolve a conflict is to write.
///
/// # Errors
/// [`WriteError`] when the value has not the form of the field or is too long.
pub fn set(doc: &mut impl Transactable, field: CardField, value: &str) -> Result<(), WriteError> {
    field::set(doc, Place::Field(field), value)
}

/// Removes a field's values.
///
/// # Errors
/// When Automerge refuses the write.
pub fn clear(doc: &mut impl Transactable, field: CardField) -> Result<(), WriteError> {
    field::clear(doc, Place::Field(field))
}

/// Reads a card.
pub fn view(doc: &Automerge, authors: &impl Authors) -> FieldsView {
    field::view::<CardField>(doc, authors)
}
