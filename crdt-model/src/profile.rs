//! The elder's profile: who, where, in which situation (space `elder/care`, document `profile`).

use automerge::{Automerge, transaction::Transactable};

use crate::author::Authors;
use crate::codes::{AbilityLevel, LivingSituation, PaymentClass, Sex};
use crate::dates;
use crate::field::{self, FieldName, FieldsView, Place, WriteError};
use crate::national_id::NationalId;
use crate::phone::Phone;

/// Defines the fields of a document: variant, key and the check of its values.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $key:literal $check:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl $crate::field::FieldName for $name {
            fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)+ }
            }

            fn of_key(key: &str) -> Option<Self> {
                match key { $($key => Some(Self::$variant),)+ _ => None }
            }

            fn accepts(self, value: &str) -> bool {
                let check: fn(&str) -> bool = match self { $(Self::$variant => $check,)+ };
                check(value)
            }
        }
    };
}
pub(crate) use fields;

/// Any text that is not blank.
pub(crate) fn text(value: &str) -> bool {
    !value.trim().is_empty()
}

/// A calendar date in the stored form `1936-05-23`.
pub(crate) fn iso_date(value: &str) -> bool {
    dates::parse(value).is_ok_and(|date| date.to_string() == value)
}

/// A telephone number.
pub(crate) fn phone(value: &str) -> bool {
    Phone::parse(value).is_ok()
}

fields! {
    /// The fields of a profile.
    ProfileField {
        /// Name.
        Name = "name" text,
        /// Sex, a code of GB/T 2261.1.
        Sex = "sex" |v| Sex::of_code(v).is_some(),
        /// Date of birth, `1936-05-23`.
        BirthDate = "birth_date" iso_date,
        /// A date of birth as it was typed, which is no date; kept for the clerk.
        BirthDateUnchecked = "birth_date_unchecked" text,
        /// National id, 18 digits with a valid check digit (GB 11643).
        NationalId = "national_id" |v| NationalId::parse(v).is_ok_and(|id| id.as_str() == v),
        /// A national id as it was typed, which does not check; kept for the clerk.
        NationalIdUnchecked = "national_id_unchecked" text,
        /// Telephone number.
        Phone = "phone" phone,
        /// A telephone number as it was typed, which has no known form; kept for the clerk.
        PhoneUnchecked = "phone_unchecked" text,
        /// Address.
        Address = "address" text,
        /// With whom the elder lives.
        LivingSituation = "living_situation" |v| LivingSituation::of_code(v).is_some(),
        /// Who pays.
        PaymentClass = "payment_class" |v| PaymentClass::of_code(v).is_some(),
        /// Ability level of GB/T 42195-2022.
        AbilityLevel = "ability_level" |v| AbilityLevel::of_code(v).is_some(),
        /// Health in a few words; conditions and medicines have documents of their own.
        Health = "health" text,
        /// Interests.
        Interests = "interests" text,
        /// Housing: floor, lift, heating.
        Housing = "housing" text,
        /// Finances: pension, insurance.
        Finances = "finances" text,
        /// Family: who there is and where they live.
        Family = "family" text,
        /// What the elder prefers: provider, carer, time and form.
        Preferences = "preferences" text,
        /// The language or dialect spoken.
        Language = "language" text,
        /// Remarks.
        Note = "note" text,
        /// Until which day nobody is at home, `2024-02-17`: a silent hub is no alarm till then.
        AwayUntil = "away_until" iso_date,
        /// After how many days without contact somebody is to ask, 0 to 90; 0: never.
        ContactDays = "contact_days" |v| crate::contact::days(v).is_some(),
        /// The register row the profile was begun from: `<source>/<record id>`.
        Source = "source" text,
    }
}

/// A place in a profile.
pub type ProfilePlace = Place<ProfileField>;

/// Writes a field of the profile; to resolve a conflict is to write.
///
/// # Errors
/// [`WriteError`] when the value has not the form of the field or is too long.
pub fn set(
    doc: &mut impl Transactable,
    field: ProfileField,
    value: &str,
) -> Result<(), WriteError> {
    field::set(doc, Place::Field(field), value)
}

/// Removes a field's values.
///
/// # Errors
/// When Automerge refuses the write.
pub fn clear(doc: &mut impl Transactable, field: ProfileField) -> Result<(), WriteError> {
    field::clear(doc, Place::Field(field))
}

/// Reads a profile.
pub fn view(doc: &Automerge, authors: &impl Authors) -> FieldsView {
    field::view::<ProfileField>(doc, authors)
}

/// The field of a key that a person typed, for commands and forms.
pub fn field_of_key(key: &str) -> Option<ProfileField> {
    ProfileField::of_key(key)
}
