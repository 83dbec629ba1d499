//! Photos and other files: a document in parts, on the bulk lane.

use std::collections::BTreeSet;
use std::io::Read as _;

use automerge::transaction::Transactable as _;
use automerge::{Automerge, ReadDoc as _, ScalarValue, Value as Cell};
use linli_core::authority::Right;
use linli_core::engine::Edit;
use linli_model::attachment::FILE_BYTES_MAX;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::SpaceTag;
use linli_replica::replica::Save;
use serde_json::{Value, json};

use super::refusals::unusable;
use super::{Work, elders, invalid, spaces};
use crate::api::ApiError;
use crate::api::care::{PhotoAdd, PhotoAnswer};
use crate::catalogue::Name;
use crate::node::{Node, world};

/// Bytes of one part: an entry holds it with room to spare.
const PART_BYTES: usize = 192 << 10;

struct Photo {
    space: SpaceTag,
    name: String,
    path: String,
    file: std::fs::File,
    part: u64,
    answer: PhotoAnswer,
    saves: BTreeSet<Save>,
}

pub(super) fn begin(node: &mut Node, request: PhotoAdd) -> Result<Box<dyn Work>, ApiError> {
    let elder = elders::find(node, &request.elder)?;
    let io = |error: std::io::Error| unusable(&request.path, &error);
    // Before it is opened: a pipe would be waited for.
    let meta = std::fs::metadata(&request.path).map_err(io)?;
    if !meta.is_file() {
        return Err(invalid("error-file-no-file").with("path", &request.path));
    }
    let bytes = meta.len();
    if bytes > FILE_BYTES_MAX {
        return Err(invalid("error-file-large").with("max", FILE_BYTES_MAX));
    }
    let file = std::fs::File::open(&request.path).map_err(io)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&file).map_err(io)?;
    let hash = hasher.finalize().to_hex().to_string();
    let space = match elders::space_of(node, elder, spaces::HEALTH) {
        Some(space) => space,
        None => {
            let kinds = [PartyKind::Centre, PartyKind::Family];
            let grants = spaces::grants_to(node, &kinds, Right::Read, spaces::HEALTH);
            elders::begin_other(node, spaces::HEALTH, grants)?
        }
    };
    let file = std::fs::File::open(&request.path).map_err(io)?;
    let name = Name::Photo(elder, hash.clone()).to_string();
    let answer = PhotoAnswer { hash, bytes };
    Ok(Box::new(Photo {
        space,
        name,
        path: request.path,
        file,
        part: 0,
        answer,
        saves: BTreeSet::new(),
    }))
}

impl Photo {
    /// Writes one part; false after the last.
    fn part(&mut self, node: &mut Node) -> Result<bool, ApiError> {
        let mut part = Vec::new();
        let limit = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
        std::io::Read::by_ref(&mut self.file)
            .take(limit)
            .read_to_end(&mut part)
            .map_err(|error| unusable(&self.path, &error))?;
        if part.is_empty() {
            return Ok(false);
        }
        let key = format!("part/{:06}", self.part);
        self.part += 1;
        let world = world(&node.replica, &node.store);
        let (space, name) = (self.space, self.name.as_str());
        let what = Edit { space, name, urgency: Urgency::Bulk, isolated: false, person: None };
        let authored = node.core.edit(world, &mut node.rng, what, |doc| {
            doc.put(automerge::ROOT, key, ScalarValue::Bytes(part))
        })?;
        if let Some(authored) = authored {
            self.saves.insert(node.author(authored));
        }
        Ok(true)
    }
}

impl Work for Photo {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        match self.part(node) {
            Ok(true) => None,
            Ok(false) => {
                let saves = std::mem::take(&mut self.saves);
                Some(super::json(&self.answer).map(|answer| (answer, saves)))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Says how much of a file is here, and whether it is whole and unchanged.
pub(crate) fn view(doc: &Automerge, hash: &str) -> Value {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = 0;
    let keys: Vec<String> =
        doc.keys(automerge::ROOT).filter(|key| key.starts_with("part/")).collect();
    for key in &keys {
        if let Ok(Some((Cell::Scalar(cell), _))) = doc.get(automerge::ROOT, key)
            && let ScalarValue::Bytes(part) = cell.as_ref()
        {
            hasher.update(part);
            bytes += part.len();
        }
    }
    let whole = hasher.finalize().to_hex().as_str() == hash;
    json!({ "parts": keys.len(), "bytes": bytes, "whole": whole })
}
