//! One row of a register.

use std::collections::BTreeMap;

use super::column::{Column, Columns};
use super::{Cell, RegisterRow, RowError, UnknownWord};
use crate::codes::{AbilityLevel, LivingSituation, PaymentClass, Sex};
use crate::limits::CELL_CHARS_MAX;
use crate::national_id::NationalId;
use crate::phone::Phone;
use crate::private::Private;

pub(super) fn read(
    columns: &Columns,
    record: &csv::StringRecord,
    line: u64,
) -> Result<RegisterRow, RowError> {
    if record.len() != columns.len() {
        return Err(RowError::Cells { found: record.len(), expected: columns.len() });
    }
    let mut known: BTreeMap<Column, &str> = BTreeMap::new();
    let mut other = BTreeMap::new();
    for ((heading, column), cell) in columns.iter().zip(record) {
        let chars = cell.chars().count();
        if chars > CELL_CHARS_MAX {
            return Err(RowError::CellTooLong { column: heading.to_owned(), chars });
        }
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        match column {
            Some(column) => {
                known.insert(column, cell);
            }
            None => {
                other.insert(heading.to_owned(), Private::from(cell));
            }
        }
    }
    let get = |column: Column| known.get(&column).copied();
    Ok(RegisterRow {
        line,
        record: get(Column::Record).ok_or(RowError::NoRecord)?.to_owned(),
        name: Private::from(get(Column::Name).ok_or(RowError::NoName)?),
        sex: word(get(Column::Sex), Sex::of_word),
        birth_date: cell(get(Column::BirthDate), crate::dates::parse),
        national_id: cell(get(Column::NationalId), NationalId::parse),
        phone: cell(get(Column::Phone), Phone::parse),
        address: get(Column::Address).map(Private::from),
        living_situation: word(get(Column::LivingSituation), LivingSituation::of_word),
        payment_class: word(get(Column::PaymentClass), PaymentClass::of_word),
        ability_level: word(get(Column::AbilityLevel), AbilityLevel::of_word),
        note: get(Column::Note).map(Private::from),
        other,
    })
}

fn cell<T, E>(raw: Option<&str>, read: impl Fn(&str) -> Result<T, E>) -> Cell<T, E> {
    match raw.map(|raw| (raw, read(raw))) {
        None => Cell::Absent,
        Some((_, Ok(value))) => Cell::Read(value),
        Some((raw, Err(why))) => Cell::Unread { raw: Private::from(raw), why },
    }
}

fn word<T>(raw: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Cell<T, UnknownWord> {
    cell(raw, |raw| read(raw).ok_or(UnknownWord))
}
