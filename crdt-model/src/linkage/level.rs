//! How far two records agree, field by field.

use serde::Serialize;

/// Defines the levels of a field. Each level but `Missing` has its place in the table of weights.
macro_rules! levels {
    ($(#[$doc:meta])* $name:ident from $first:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// One of the two says nothing, which speaks for and against nothing.
            Missing,
        }

        impl $name {
            /// Every level that has a weight.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The level in a word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ Self::Missing => "missing" }
            }

            /// The level's place in the table of weights.
            pub(super) fn place(self) -> Option<usize> {
                let place = Self::ALL.iter().position(|level| *level == self)?;
                place.checked_add($first)
            }
        }
    };
}

levels! {
    /// The numbers of the identity cards.
    IdLevel from 0 {
        /// Equal, and both check.
        Equal = "equal",
        /// The same 17 digits, but a check character is wrong or one has the old form, which has none.
        SameDigits = "same digits",
        /// One of the 17 digits differs, and not both check.
        OneDigit = "one digit off",
        /// Two digits next to one another are swapped, and not both check.
        Swapped = "two digits swapped",
        /// They differ, and not both check.
        Different = "different",
        /// They differ, and both check: two people, or a borrowed number.
        TwoValid = "two valid numbers",
    }
}
levels! {
    /// The names.
    NameLevel from 6 {
        /// Equal.
        Equal = "equal",
        /// Every character sounds like its counterpart.
        Homophone = "sounds alike",
        /// One character differs, is missing or stands one place further.
        Near = "one character off",
        /// They differ.
        Different = "different",
    }
}
levels! {
    /// The dates of birth.
    BirthLevel from 10 {
        /// The same day.
        Equal = "equal",
        /// Year and month agree, and one says no day.
        Month = "same month",
        /// The year agrees, and one says no more.
        Year = "same year",
        /// Month and day are swapped.
        Swapped = "month and day swapped",
        /// One of the eight digits differs.
        OneDigit = "one digit off",
        /// They differ.
        Different = "different",
    }
}
levels! {
    /// The sexes.
    SexLevel from 16 {
        /// The same.
        Equal = "equal",
        /// They differ.
        Different = "different",
    }
}
levels! {
    /// The telephone numbers; of several the best pair counts.
    PhoneLevel from 18 {
        /// Equal.
        Equal = "equal",
        /// One digit differs.
        OneDigit = "one digit off",
        /// They differ.
        Different = "different",
    }
}
levels! {
    /// The addresses.
    AddressLevel from 21 {
        /// The same room.
        Room = "same room",
        /// The same building.
        Building = "same building",
        /// The same community.
        Community = "same community",
        /// They differ.
        Different = "different",
    }
}

/// Levels that have a weight.
pub const PLACES: usize = 25;

/// A field that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The number of the identity card.
    Id,
    /// The name.
    Name,
    /// The date of birth.
    Birth,
    /// The sex.
    Sex,
    /// The telephone number.
    Phone,
    /// The address.
    Address,
}

/// How far two records agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// The numbers of the identity cards.
    pub id: IdLevel,
    /// The names.
    pub name: NameLevel,
    /// The dates of birth.
    pub birth: BirthLevel,
    /// The sexes.
    pub sex: SexLevel,
    /// The telephone numbers.
    pub phone: PhoneLevel,
    /// The addresses.
    pub address: AddressLevel,
}

impl Evidence {
    /// Every field with its level in a word and the level's place in the table of weights.
    pub(super) fn levels(&self) -> [(Field, &'static str, Option<usize>); 6] {
        [
            (Field::Id, self.id.word(), self.id.place()),
            (Field::Name, self.name.word(), self.name.place()),
            (Field::Birth, self.birth.word(), self.birth.place()),
            (Field::Sex, self.sex.word(), self.sex.place()),
            (Field::Phone, self.phone.word(), self.phone.place()),
            (Field::Address, self.address.word(), self.address.place()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_its_own_place() {
        let places: Vec<Option<usize>> = IdLevel::ALL
            .iter()
            .map(|l| l.place())
            .chain(NameLevel::ALL.iter().map(|l| l.place()))
            .chain(BirthLevel::ALL.iter().map(|l| l.place()))
            .chain(SexLevel::ALL.iter().map(|l| l.place()))
            .chain(PhoneLevel::ALL.iter().map(|l| l.place()))
            .chain(AddressLevel::ALL.iter().map(|l| l.place()))
            .collect();
        assert_eq!(places, (0..PLACES).map(Some).collect::<Vec<_>>());
        assert_eq!((IdLevel::Missing.place(), IdLevel::Missing.word()), (None, "missing"));
    }
}
