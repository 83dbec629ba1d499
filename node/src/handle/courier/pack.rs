//! Packing a file, a few frames at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use linli_core::audit::{AuditRecord, What};
use linli_core::courier::Sealer;
use linli_replica::courier::{Head, Packer, Preamble, Writer, chunk};
use linli_replica::id::NodeId;
use linli_replica::replica::Save;
use rand_core::Rng as _;
use serde_json::Value;

use super::choice::{For, packer};
use super::stick::{Outgoing, Unwritten};
use super::{Done, receiver};
use crate::api::courier::{CourierPack, CourierPacked};
use crate::api::{ApiError, Code};
use crate::handle::refusals::{taken, unusable};
use crate::handle::{Work, invalid, json};
use crate::node::{Node, now};

/// Frames made before the driver looks for other inputs: half a mebibyte.
const FRAMES_AT_ONCE: usize = 4;

struct Pack {
    path: PathBuf,
    packer: Packer,
    /// None once its last part was made.
    writer: Option<Writer>,
    sealer: Option<Sealer>,
    out: Outgoing,
    /// What the stick had no time for yet.
    waiting: Option<Vec<u8>>,
    finished: bool,
    waits: bool,
    /// That it was packed, for whom, and by whom; written when it is.
    record: AuditRecord,
    answer: CourierPacked,
}

pub(in crate::handle) fn begin(
    node: &mut Node,
    request: CourierPack,
) -> Result<Box<dyn Work>, ApiError> {
    let to = match request.to.as_str() {
        "all" => For::All,
        text => For::One(receiver(node, text)?),
    };
    let mut secret = [0; 32];
    node.rng.fill_bytes(&mut secret);
    let at = now();
    let (packer, receipts) = packer(node, to, &secret, request.whole);
    let (peer, label) = match to {
        For::One(peer) => {
            (Some(peer), node.replica.directory().node(&peer).map(|n| n.label.clone()))
        }
        For::All => (None, None),
    };
    let answer = CourierPacked {
        node: peer.map(|peer| peer.to_string()),
        label,
        written: false,
        documents: 0,
        entries: 0,
        needed_bytes: 0,
        certificates: 0,
        receipts,
        bytes: 0,
    };
    if packer.is_empty() {
        return Ok(Box::new(Nothing(answer)));
    }
    let path = PathBuf::from(request.file);
    let out = Outgoing::create(&path).map_err(|why| unwritten(&path, why))?;
    let acted = node.record_of(What::Packed);
    let record = AuditRecord { node: peer, ..acted };
    let sealer = peer.map(|peer| sealer(node, &peer)).transpose()?;
    let clear = Preamble { encapped: None };
    let preamble = sealer.as_ref().map_or(clear, Sealer::preamble);
    let head = Head {
        community: node.replica.directory().community(),
        from: node.core.node(),
        to: peer,
        at,
        secret: secret.into(),
        taken: peer.and_then(|peer| node.courier.trip(&peer).taken),
    };
    let (writer, first) = Writer::begin(&preamble, &head, node.core.signing_key());
    let (writer, waiting, finished) = (Some(writer), None, false);
    let waits = false;
    let mut pack =
        Pack { path, packer, writer, sealer, out, waiting, finished, waits, record, answer };
    let first = pack.sealed(&first)?;
    pack.write([preamble.encode().to_vec(), first].concat())?;
    Ok(Box::new(pack))
}

fn sealer(node: &mut Node, peer: &NodeId) -> Result<Sealer, ApiError> {
    let key = node.replica.directory().node(peer).map(|member| member.seal_key);
    Sealer::new(&mut node.rng, &key.unwrap_or_default())
        .map_err(|error| invalid("error-courier-key").because(error))
}

fn unwritten(path: &Path, why: Unwritten) -> ApiError {
    match why {
        Unwritten::Taken => taken(),
        Unwritten::Full(bytes) => ApiError::new(Code::Full, "error-courier-no-room")
            .with("mebibytes", bytes.div_ceil(1 << 20)),
        Unwritten::Other(error) => unusable(path, &error),
    }
}

/// There was nothing to pack.
struct Nothing(CourierPacked);

impl Work for Nothing {
    fn step(&mut self, _: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        Some(json(&self.0).map(|answer| (answer, BTreeSet::new())))
    }
}

impl Work for Pack {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        self.waits = false;
        self.some(node).transpose()
    }

    fn waits(&self) -> bool {
        self.waits
    }
}

impl Pack {
    fn some(&mut self, node: &mut Node) -> Done {
        for _ in 0..FRAMES_AT_ONCE {
            if let Some(bytes) = self.waiting.take() {
                self.write(bytes)?;
                if self.waits {
                    return Ok(None);
                }
            }
            let Some(mut writer) = self.writer.take() else { return self.finish(node) };
            let (index, directory) = (node.replica.index(), node.replica.directory());
            let frame = self.packer.next(index, directory, node.store.as_ref());
            let frame = frame.map_err(ApiError::internal)?;
            let key = node.core.signing_key();
            let part = match frame {
                Some(frame) => {
                    let part = writer.frame(&frame, key);
                    self.writer = Some(writer);
                    part
                }
                None => writer.end(key),
            };
            let bytes = self.sealed(&part)?;
            self.write(bytes)?;
        }
        Ok(None)
    }

    fn sealed(&mut self, part: &[u8]) -> Result<Vec<u8>, ApiError> {
        let Some(sealer) = &mut self.sealer else { return Ok(chunk(part)) };
        let sealed =
            sealer.seal(part).map_err(|error| invalid("error-courier-key").because(error))?;
        Ok(chunk(&sealed))
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<(), ApiError> {
        self.waiting = self.out.write(bytes).map_err(|why| unwritten(&self.path, why))?;
        self.waits = self.waiting.is_some();
        Ok(())
    }

    fn finish(&mut self, node: &mut Node) -> Done {
        self.finished = self.finished || self.out.finish();
        let Some(written) = self.finished.then(|| self.out.written()).flatten() else {
            self.waits = true;
            return Ok(None);
        };
        let packed = self.packer.packed();
        let answer = CourierPacked {
            written: true,
            documents: packed.documents,
            entries: packed.entries,
            needed_bytes: packed.entry_bytes.saturating_add(packed.certificate_bytes),
            certificates: packed.certificates,
            bytes: written.map_err(|why| unwritten(&self.path, why))?,
            ..self.answer.clone()
        };
        // Not waited for: from a full disk what lacks elsewhere is to leave all the same.
        node.note(&AuditRecord { count: answer.entries, ..self.record.clone() });
        Ok(Some((json(&answer)?, BTreeSet::new())))
    }
}
