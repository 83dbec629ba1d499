//! Register files of stations: what an office typed, read without losing a row.
//!
//! A register is a text of comma-separated values in UTF-8 (with or without a byte order mark) or GB18030. Headings of
//! the two forms in use are known. Every row ends as accepted or as refused with a reason; a cell that cannot be read
//! (a mistyped number, an impossible date) does not refuse its row but is kept as it was typed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::codes::{AbilityLevel, LivingSituation, PaymentClass, Sex};
use crate::dates::DateError;
use crate::limits::{CELL_CHARS_MAX, REGISTER_BYTES_MAX, REGISTER_ROWS_MAX};
use crate::national_id::{NationalId, NationalIdError};
use crate::phone::{Phone, PhoneError};
use crate::private::Private;
use crate::time::Date;

mod column;
mod encoding;
mod profile;
mod row;

pub use column::Column;
pub use encoding::Encoding;

/// Why a file is no register.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The file is too large.
    #[error("the file has {bytes} bytes, at most {REGISTER_BYTES_MAX} are taken: split it")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The file has no row of headings.
    #[error("the file is empty: the first row must name the columns")]
    Empty,
    /// The file is no text.
    #[error("the file is no text ({found}): save it as CSV in UTF-8")]
    NotText {
        /// What it looks like.
        found: &'static str,
    },
    /// The text breaks off its encoding.
    #[error(
        "the text is broken as {encoding} at byte {offset}, line {line}: save the file again as CSV in UTF-8"
    )]
    Broken {
        /// The encoding it was read as.
        encoding: Encoding,
        /// The offset of the first wrong byte, from 0.
        offset: usize,
        /// Its line, from 1.
        line: usize,
    },
    /// Columns are missing.
    #[error(
        "the first row lacks these headings: {}; of the file's own headings these were read: {}. Name the columns in the first row so, adding those that are missing (their cells may stay empty), and save the file again",
        listed(.missing), listed(.found)
    )]
    MissingColumns {
        /// The columns that are missing.
        missing: Vec<Column>,
        /// The headings of the file; none where not one of them is known.
        found: Vec<String>,
    },
    /// Two headings name one column.
    #[error(
        "two headings name the same column ({column}): remove one of the two columns and save the file again"
    )]
    DoubleColumn {
        /// The column.
        column: Column,
    },
}

/// Lists columns or headings as a message shows them: with commas between them; a dash for none.
#[must_use]
pub fn listed(items: &[impl std::fmt::Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    if items.is_empty() { "–".to_owned() } else { items.join(", ") }
}

/// A cell: absent, read, or kept as it was typed with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell<T, E> {
    /// Nothing was typed.
    Absent,
    /// It was read.
    Read(T),
    /// It could not be read.
    Unread {
        /// What was typed.
        raw: Private,
        /// Why.
        why: E,
    },
}

impl<T, E> Cell<T, E> {
    /// The value, where it was read.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Absent | Self::Unread { .. } => None,
        }
    }

    /// What was typed, where it could not be read.
    pub fn unread(&self) -> Option<&str> {
        match self {
            Self::Unread { raw, .. } => Some(raw.as_str()),
            Self::Absent | Self::Read(_) => None,
        }
    }
}

/// The word is not one of those this column knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the word is not one this column knows")]
pub struct UnknownWord;

/// A row that was accepted. `Debug` shows its line and number only.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisterRow {
    /// The line it begins on, from 1.
    pub line: u64,
    /// The record's number in the register.
    pub record: String,
    /// The name as typed, without spaces around it.
    pub name: Private,
    /// Sex.
    pub sex: Cell<Sex, UnknownWord>,
    /// Date of birth.
    pub birth_date: Cell<Date, DateError>,
    /// National id.
    pub national_id: Cell<NationalId, NationalIdError>,
    /// Telephone.
    pub phone: Cell<Phone, PhoneError>,
    /// Address.
    pub address: Option<Private>,
    /// With whom the elder lives.
    pub living_situation: Cell<LivingSituation, UnknownWord>,
    /// Who pays.
    pub payment_class: Cell<PaymentClass, UnknownWord>,
    /// Ability level.
    pub ability_level: Cell<AbilityLevel, UnknownWord>,
    /// Remarks.
    pub note: Option<Private>,
    /// What stands in columns that are not known, by heading.
    pub other: BTreeMap<String, Private>,
}

impl std::fmt::Debug for RegisterRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut row = f.debug_struct("RegisterRow");
        row.field("line", &self.line).field("record", &self.record).finish_non_exhaustive()
    }
}

/// Why a row was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It has another number of cells than there are headings.
    #[error(
        "the row has {found} cells, the headings are {expected}: look for a comma or quote too many or missing"
    )]
    Cells {
        /// How many it has.
        found: usize,
        /// How many headings there are.
        expected: usize,
    },
    /// A cell is too long.
    #[error(
        "the cell {column} has {chars} characters, at most {CELL_CHARS_MAX} are taken: shorten it"
    )]
    CellTooLong {
        /// The heading.
        column: String,
        /// Its length.
        chars: usize,
    },
    /// There is no record number.
    #[error("the row has no record number")]
    NoRecord,
    /// There is no name.
    #[error("the row has no name")]
    NoName,
    /// The record number was used before.
    #[error("the record number was used before, on line {first_line}")]
    SameRecord {
        /// Where.
        first_line: u64,
    },
    /// The register has too many rows.
    #[error("a register has at most {REGISTER_ROWS_MAX} rows: split the file")]
    TooMany,
    /// The row is not of the form of the file.
    #[error("the row could not be read as comma-separated values")]
    Unreadable,
}

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Why.
    pub reason: RowError,
    /// The cells as typed.
    pub raw: Vec<Private>,
}

/// A register that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The encoding it was in.
    pub encoding: Encoding,
    /// Headings that are not known; their cells are kept in [`RegisterRow::other`].
    pub unknown_columns: Vec<String>,
    /// The rows that were accepted.
    pub rows: Vec<RegisterRow>,
    /// The rows that were refused.
    pub refused: Vec<RefusedRow>,
}

/// Reads a register file.
///
/// # Errors
/// [`RegisterError`] when the file as a whole is no register. Rows have errors of their own.
pub fn read(bytes: &[u8]) -> Result<Register, RegisterError> {
    if bytes.len() > REGISTER_BYTES_MAX {
        return Err(RegisterError::TooLarge { bytes: bytes.len() });
    }
    let (encoding, text) = encoding::decode(bytes)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).unwrap_or(false) {
        return Err(RegisterError::Empty);
    }
    let columns = column::Columns::of(&record)?;
    let mut register = Register {
        encoding,
        unknown_columns: columns.unknown().map(str::to_owned).collect(),
        rows: Vec::new(),
        refused: Vec::new(),
    };
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let line = reader.position().line();
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(line, csv::Position::line);
        let row = match read {
            Ok(false) => break,
            Ok(true) if register.rows.len() >= REGISTER_ROWS_MAX => Err(RowError::TooMany),
            Ok(true) => row::read(&columns, &record, line),
            Err(_) => Err(RowError::Unreadable),
        };
        let row = row.and_then(|row| match lines.get(&row.record) {
            Some(first_line) => Err(RowError::SameRecord { first_line: *first_line }),
            None => Ok(row),
        });
        match row {
            Ok(row) => {
                lines.insert(row.record.clone(), line);
                register.rows.push(row);
            }
            Err(reason) => {
                let raw = record.iter().map(Private::from).collect();
                register.refused.push(RefusedRow { line, reason, raw });
            }
        }
    }
    Ok(register)
}

/// The separator the headings use most: a comma, a semicolon or a tabulator.
fn delimiter(text: &str) -> u8 {
    let headings = text.lines().next().unwrap_or("");
    let count = |c: u8| headings.bytes().filter(|b| *b == c).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|c| count(*c)).unwrap_or(b',')
}
