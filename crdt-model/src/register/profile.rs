//! From a row to a profile.

use automerge::transaction::Transactable;

use super::RegisterRow;
use crate::field::WriteError;
use crate::matching::Identity;
use crate::profile::{self, ProfileField as F};

impl RegisterRow {
    /// What the row says of a profile: fields and their values. What could not be read is among them as it was typed.
    pub fn fields(&self, source: &str) -> Vec<(F, String)> {
        let text = |field, value: Option<&str>| value.map(|v| (field, v.to_owned()));
        let code = |field, value: Option<&'static str>| value.map(|v| (field, v.to_owned()));
        let mut fields: Vec<(F, String)> = [
            text(F::Name, Some(self.name.as_str())),
            code(F::Sex, self.sex.value().map(|v| v.code())),
            self.birth_date.value().map(|date| (F::BirthDate, date.to_string())),
            text(F::BirthDateUnchecked, self.birth_date.unread()),
            text(F::NationalId, self.national_id.value().map(|id| id.as_str())),
            text(F::NationalIdUnchecked, self.national_id.unread()),
            text(F::Phone, self.phone.value().map(|phone| phone.as_str())),
            text(F::PhoneUnchecked, self.phone.unread()),
            text(F::Address, self.address.as_ref().map(|v| v.as_str())),
            code(F::LivingSituation, self.living_situation.value().map(|v| v.code())),
            code(F::PaymentClass, self.payment_class.value().map(|v| v.code())),
            code(F::AbilityLevel, self.ability_level.value().map(|v| v.code())),
            Some((F::Source, format!("{source}/{}", self.record))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let notes: Vec<String> = self.notes().collect();
        if !notes.is_empty() {
            fields.push((F::Note, notes.join("\n")));
        }
        fields
    }

    /// The remarks, and every word that no field could take.
    fn notes(&self) -> impl Iterator<Item = String> {
        let words = [
            self.sex.unread(),
            self.living_situation.unread(),
            self.payment_class.unread(),
            self.ability_level.unread(),
        ];
        let note = self.note.as_ref().map(|note| note.as_str().to_owned());
        let words = words.into_iter().flatten().map(str::to_owned);
        let other = self.other.iter().map(|(heading, v)| format!("{heading}: {}", v.as_str()));
        note.into_iter().chain(words).chain(other)
    }

    /// Writes the row into a profile.
    ///
    /// # Errors
    /// [`WriteError`] when Automerge refuses a write or the remarks of all columns together are too long.
    pub fn to_profile(&self, doc: &mut impl Transactable, source: &str) -> Result<(), WriteError> {
        for (field, value) in self.fields(source) {
            profile::set(doc, field, &value)?;
        }
        Ok(())
    }

    /// What matching compares.
    pub fn identity(&self, source: &str) -> Identity {
        Identity {
            record: crate::joins::RecordRef {
                source: source.to_owned(),
                record: self.record.clone(),
            },
            name: self.name.clone(),
            sex: self.sex.value().copied().filter(|sex| sex.is_known()),
            birth_date: self.birth_date.value().copied(),
            national_id: self.national_id.value().cloned(),
        }
    }
}
