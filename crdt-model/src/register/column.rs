//! The columns of a register and the headings that offices give them.

use serde::Serialize;

use super::RegisterError;

/// A column this code knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// The record's number.
    Record,
    /// Name.
    Name,
    /// Sex.
    Sex,
    /// Date of birth.
    BirthDate,
    /// National id.
    NationalId,
    /// Telephone.
    Phone,
    /// Address.
    Address,
    /// With whom the elder lives.
    LivingSituation,
    /// Who pays.
    PaymentClass,
    /// Ability level.
    AbilityLevel,
    /// Remarks.
    Note,
}

impl Column {
    /// The columns without which a file is no register.
    pub const REQUIRED: [Self; 7] = [
        Self::Record,
        Self::Name,
        Self::Sex,
        Self::BirthDate,
        Self::NationalId,
        Self::Phone,
        Self::Address,
    ];

    const OPTIONAL: [Self; 4] =
        [Self::LivingSituation, Self::PaymentClass, Self::AbilityLevel, Self::Note];

    /// The headings that offices give the column.
    #[must_use]
    pub const fn headings(self) -> &'static [&'static str] {
        match self {
            Self::Record => &["编号", "序号"],
            Self::Name => &["姓名", "老人姓名"],
            Self::Sex => &["性别"],
            Self::BirthDate => &["出生日期", "出生年月日"],
            Self::NationalId => &["身份证号", "身份证号码", "证件号码"],
            Self::Phone => &["联系电话", "手机/座机", "电话"],
            Self::Address => &["家庭住址", "地址", "住址"],
            Self::LivingSituation => &["居住状况", "居住情况"],
            Self::PaymentClass => &["缴费类别", "补贴类别"],
            Self::AbilityLevel => &["能力等级", "失能程度"],
            Self::Note => &["备注"],
        }
    }

    fn of_heading(heading: &str) -> Option<Self> {
        let mut all = Self::REQUIRED.into_iter().chain(Self::OPTIONAL);
        all.find(|column| column.headings().contains(&heading))
    }
}

/// The column as offices write it: its headings, with ` / ` between them.
impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.headings().join(" / "))
    }
}

/// The headings of a file in their order.
#[derive(Debug)]
pub(super) struct Columns(Vec<(String, Option<Column>)>);

impl Columns {
    pub(super) fn of(headings: &csv::StringRecord) -> Result<Self, RegisterError> {
        let columns: Vec<(String, Option<Column>)> = headings
            .iter()
            .map(|heading| {
                let heading: String = heading.chars().filter(|c| !c.is_whitespace()).collect();
                let column = Column::of_heading(&heading);
                (heading.chars().take(40).collect(), column)
            })
            .collect();
        let mut known: Vec<Column> = columns.iter().filter_map(|(_, column)| *column).collect();
        let missing: Vec<Column> =
            Column::REQUIRED.into_iter().filter(|column| !known.contains(column)).collect();
        if !missing.is_empty() {
            // Where no heading is known, the first row may be a person's: it is not repeated.
            let headings = columns.into_iter().map(|(heading, _)| heading).take(100);
            let found = if known.is_empty() { Vec::new() } else { headings.collect() };
            return Err(RegisterError::MissingColumns { missing, found });
        }
        known.sort();
        if let Some([column, _]) = known.windows(2).find(|w| w.first() == w.last()) {
            return Err(RegisterError::DoubleColumn { column: *column });
        }
        Ok(Self(columns))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, column)| column.is_none()).map(|(heading, _)| heading.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<Column>)> {
        self.0.iter().map(|(heading, column)| (heading.as_str(), *column))
    }
}
