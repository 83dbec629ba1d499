//! Taking a register in, a few rows at a time.

use std::collections::BTreeSet;

use linli_core::engine::Acting;
use linli_model::register::{self, Register, RegisterError, listed};
use linli_replica::replica::Save;
use serde_json::Value;
use uuid::Uuid;

use super::{Work, elders, invalid, json};
use crate::api::care::{ElderImport, ImportAnswer};
use crate::api::{ApiError, Detail};
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
    let io = |error: std::io::Error| invalid(format!("{} cannot be read: {error}", request.path));
    if std::fs::metadata(path).map_err(io)?.len() > FILE_BYTES_MAX {
        return Err(invalid(format!(
            "a register has at most {FILE_BYTES_MAX} bytes: split the file"
        )));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let register = register::read(&bytes).map_err(no_register)?;
    let source = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or_else(|| invalid("the file's name must say which register it is"))?
        .to_owned();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let answer = ImportAnswer {
        rows: count(register.rows.len() + register.refused.len()),
        added: 0,
        known: 0,
        refused: register.refused.iter().map(|row| (row.line, row.reason.to_string())).collect(),
        encoding: format!("{:?}", register.encoding),
    };
    elders::refresh(node);
    let (dry_run, next, saves) = (request.dry_run, 0, BTreeSet::new());
    Ok(Box::new(Import { source, register, person, dry_run, next, answer, saves }))
}

/// Says why a file is no register, so that an office can put it right.
fn no_register(error: RegisterError) -> ApiError {
    let detail = match &error {
        RegisterError::TooLarge { bytes } => {
            Detail::new("register-too-large", &[("bytes", bytes.to_string())])
        }
        RegisterError::Empty => Detail::new("register-empty", &[]),
        RegisterError::NotText { found } => {
            Detail::new("register-not-text", &[("found", (*found).to_owned())])
        }
        RegisterError::Broken { encoding, offset, line } => {
            let place = [
                ("encoding", encoding.to_string()),
                ("offset", offset.to_string()),
                ("line", line.to_string()),
            ];
            Detail::new("register-broken", &place)
        }
        RegisterError::MissingColumns { missing, found } => {
            let columns = [("missing", listed(missing)), ("found", listed(found))];
            Detail::new("register-missing-columns", &columns)
        }
        RegisterError::DoubleColumn { column } => {
            Detail::new("register-double-column", &[("column", column.to_string())])
        }
    };
    invalid(error.to_string()).with(detail)
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
                Err(error) => self.answer.refused.push((row.line, error.message)),
            }
        }
        None
    }
}
