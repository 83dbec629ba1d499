//! Coded values of a profile, with the words offices use for them.

use serde::{Deserialize, Serialize};

/// Defines an enum whose values have one stored code and the words that registers use.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal [$($word:literal),*],)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code that documents hold.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The value of a code.
            pub fn of_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The value of a code or of a word that registers use; spaces do not matter.
            pub fn of_word(word: &str) -> Option<Self> {
                let word: String = word.chars().filter(|c| !c.is_whitespace()).collect();
                match word.as_str() { $($code $(| $word)* => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

coded! {
    /// Sex, GB/T 2261.1.
    Sex {
        /// Not known.
        Unknown = "0" ["未知", "不详"],
        /// Male.
        Male = "1" ["男", "男性"],
        /// Female.
        Female = "2" ["女", "女性"],
        /// Not stated.
        Unstated = "9" ["未说明"],
    }
}
coded! {
    /// With whom the elder lives.
    LivingSituation {
        /// Alone (独居).
        Alone = "alone" ["独居"],
        /// With the spouse (夫妻同住).
        WithSpouse = "with_spouse" ["夫妻同住"],
        /// With children (与子女同住).
        WithChildren = "with_children" ["与子女同住"],
        /// The children have left (空巢).
        EmptyNest = "empty_nest" ["空巢"],
        /// Without family (孤寡).
        WithoutFamily = "without_family" ["孤寡"],
    }
}
coded! {
    /// Who pays for services.
    PaymentClass {
        /// The elder pays (自费).
        SelfPaid = "self_paid" ["自费"],
        /// Low income, subsidised (低收入).
        LowIncome = "low_income" ["低收入"],
        /// Minimum living allowance (低保).
        MinimumAllowance = "minimum_allowance" ["低保"],
        /// In special hardship (特困).
        SpecialHardship = "special_hardship" ["特困"],
    }
}
coded! {
    /// Ability level of GB/T 42195-2022.
    AbilityLevel {
        /// 0: able (完好).
        Able = "0" ["0完好", "完好", "能力完好"],
        /// 1: mildly disabled (轻度).
        Mild = "1" ["1轻度", "轻度", "轻度失能"],
        /// 2: moderately disabled (中度).
        Moderate = "2" ["2中度", "中度", "中度失能"],
        /// 3: severely disabled (重度).
        Severe = "3" ["3重度", "重度", "重度失能"],
        /// 4: fully disabled (完全失能).
        Full = "4" ["4完全失能", "完全失能"],
    }
}
coded! {
    /// Kinship, GB/T 4761 by its first digit.
    Kinship {
        /// The elder.
        Oneself = "0" ["本人"],
        /// Spouse.
        Spouse = "1" ["配偶"],
        /// Son.
        Son = "2" ["儿子", "子"],
        /// Daughter.
        Daughter = "3" ["女儿", "女"],
        /// Grandchild.
        Grandchild = "4" ["孙子女"],
        /// Parents.
        Parent = "5" ["父母"],
        /// Grandparents.
        Grandparent = "6" ["祖父母"],
        /// Siblings.
        Sibling = "7" ["兄弟姐妹"],
        /// Other.
        Other = "8" ["其他"],
    }
}

impl Sex {
    /// Says whether the value names a sex rather than its absence.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Male | Self::Female)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for sex in Sex::ALL {
            assert_eq!(Sex::of_code(sex.code()), Some(*sex));
        }
        assert_eq!(AbilityLevel::of_word("4 完全失能"), Some(AbilityLevel::Full));
        assert_eq!(AbilityLevel::of_code("4 完全失能"), None);
        assert_eq!(Sex::of_word("男"), Some(Sex::Male));
        assert_eq!(Sex::of_word("m"), None);
    }
}
