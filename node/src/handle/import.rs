//! Taking a register in, a few rows at a time.

use std::collections::BTreeSet;

use linli_core::engine::Acting;
use linli_model::limits::{CELL_CHARS_MAX, REGISTER_ROWS_MAX};
use linli_model::register::{self, Register, RegisterError, RowError, listed};
use linli_replica::replica::Save;
use serde_json::Value;
use uuid::Uuid;

use super::refusals::unusable;
use super::{Work, elders, invalid, json};
use crate::api::ApiError;
use crate::api::care::{ElderImport, ImportAnswer};
use crate::node::Node;

/// Rows taken in before the driver looks for other inputs.
const ROWS_AT_ONCE: usize = 4;

/// The largest register file, in bytes: the model's own limit and no more is read.
const FILE_BYTES_MAX: u64 = linli_model::limits::REGISTER_BYTES_MAX as u64;

struct Import {
    source: String,
    register: Register,
    person: Option<Acting>,
    dry_run: bool,
    next: usize,
    answer: ImportAnswer,
    saves: BTreeSet<Save>,
}

pub(super) fn begin(node: &mut Node, request: ElderImport) -> Result<Box<dyn Work>, ApiError> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let path = std::path::Path::new(&request.path);
    let io = |error: std::io::Error| unusable(&request.path, &error);
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(invalid("error-register-too-large").with("bytes", bytes));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let register = register::read(&bytes).map_err(no_register)?;
    let source = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or_else(|| invalid("error-register-name"))?
        .to_owned();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let answer = ImportAnswer {
        rows: count(register.rows.len() + register.refused.len()),
        added: 0,
        known: 0,
        refused: register.refused.iter().map(|row| (row.line, no_row(&row.reason))).collect(),
        encoding: format!("{:?}", register.encoding),
    };
    elders::refresh(node);
    let (dry_run, next, saves) = (request.dry_run, 0, BTreeSet::new());
    Ok(Box::new(Import { source, register, person, dry_run, next, answer, saves }))
}

/// Says why a file is no register, so that an office can put it right.
fn no_register(error: RegisterError) -> ApiError {
    match &error {
        RegisterError::TooLarge { bytes } => {
            invalid("error-register-too-large").with("bytes", bytes)
        }
        RegisterError::Empty => invalid("error-register-empty"),
        RegisterError::NotText { found } => invalid("error-register-not-text").with("found", found),
        RegisterError::Broken { encoding, offset, line } => {
            let refused = invalid("error-register-broken").with("encoding", encoding);
            refused.with("offset", offset).with("line", line)
        }
        RegisterError::MissingColumns { missing, found } => {
            let refused = invalid("error-register-missing-columns");
            refused.with("missing", listed(missing)).with("found", listed(found))
        }
        RegisterError::DoubleColumn { column } => {
            invalid("error-register-double-column").with("column", column)
        }
    }
}

/// Says why a row is left out.
fn no_row(error: &RowError) -> ApiError {
    match error {
        RowError::Cells { found, expected } => {
            invalid("error-row-cells").with("found", found).with("expected", expected)
        }
        RowError::CellTooLong { column, chars } => invalid("error-row-cell-long")
            .with("column", column)
            .with("chars", chars)
            .with("max", CELL_CHARS_MAX),
        RowError::NoRecord => invalid("error-row-no-record"),
        RowError::NoName => invalid("error-row-no-name"),
        RowError::SameRecord { first_line } => {
            invalid("error-row-same-record").with("line", first_line)
        }
        RowError::TooMany => invalid("error-row-too-many").with("max", REGISTER_ROWS_MAX),
        RowError::Unreadable => invalid("error-row-unreadable"),
    }
}

/// The elder of a row: the same for the same register and number, so that a second import finds it.
fn elder_id(source: &str, record: &str) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("linli 1 elder of a register");
    hasher.update(&u64::try_from(source.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(source.as_bytes()).update(record.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl Work for Import {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        node.people.goes_on(self.person.as_ref());
        let done = self.some(node);
        node.people.goes_on(None);
        done
    }
}

impl Import {
    /// Takes some rows in; none until all are.
    fn some(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        for _ in 0..ROWS_AT_ONCE {
            let Some(row) = self.register.rows.get(self.next) else {
                let saves = std::mem::take(&mut self.saves);
                return Some(json(&self.answer).map(|answer| (answer, saves)));
            };
            self.next += 1;
            let elder = elder_id(&self.source, &row.record);
            if node.catalogue.of_elder(elder).next().is_some() {
                self.answer.known += 1;
                continue;
            }
            if self.dry_run {
                self.answer.added += 1;
                continue;
            }
            let fields = row.fields(&self.source);
            match elders::begin(node, elder, &fields, self.person.as_ref()) {
                Ok(authored) => {
                    self.saves.insert(node.author(authored));
                    self.answer.added += 1;
                }
                Err(error) => self.answer.refused.push((row.line, error)),
            }
        }
        None
    }
}
