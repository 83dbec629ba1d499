//! What stands for the beginning of a log that is not held: the rows of the checkpoint by which it was pruned.
//!
//! A row is taken only at or below a base, from the checkpoint that the order names which gave this base, and only
//! where its parts count and it contradicts nothing that is held. Whose word it is, the agreement says that stands
//! for this very checkpoint; without one it is held back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linli_model::author::PartyId;
use linli_replica::entry::Entry;
use linli_replica::frontier::Tip;
use linli_replica::id::{DocTag, EntryId, LogKey, PruneId, SpaceTag, Timestamp};
use linli_replica::prune::Order;

use super::{Core, CoreError, Piece, Reading, World, payload};
use crate::authority::{Agreement, Prune};
use crate::checkpoint::{Part, StatedLog, StatedRow, check, join, open};
use crate::document::{Withheld, read_change};
use crate::limits::{CHECKPOINT_PARTS_MAX, CHECKPOINTS_COMPARED_MAX};
use crate::payload::Content;
use crate::person::PersonCertificate;
use crate::space::Space;

/// A row in the place of an entry.
pub(in crate::engine) struct Taken {
    pub(super) sequence: u64,
    pub(super) entry: EntryId,
    pub(super) previous: EntryId,
    pub(super) piece: Result<Piece, Withheld>,
    /// The parties whose word it is; none where no agreement stands.
    pub(super) attested_by: Option<Arc<[PartyId]>>,
}

/// The rows that are taken of each log, in sequence.
pub(in crate::engine) type Rows = BTreeMap<LogKey, Vec<Taken>>;

/// A checkpoint that an order names, opened.
struct Table {
    prune: Prune,
    parts: BTreeSet<EntryId>,
    logs: Vec<StatedLog>,
    /// The logs that begin late here by that order, and the entry before their beginning.
    bases: Vec<(LogKey, Tip)>,
}

impl Core {
    /// Takes rows for what lies at or below the bases of a document's logs. Where there is none this costs nothing.
    pub(super) fn rows(
        &mut self,
        world: World<'_>,
        space: SpaceTag,
        document: DocTag,
        held: &BTreeMap<LogKey, Vec<Entry>>,
    ) -> Result<Rows, CoreError> {
        let mut by_order: BTreeMap<PruneId, Vec<(LogKey, Tip)>> = BTreeMap::new();
        for (log, base) in world.index.bases(&document) {
            by_order.entry(base.order).or_default().push((log, base.tip));
        }
        let (tag, mut tables, mut bound) = (space, Vec::new(), false);
        for (id, bases) in by_order.into_iter().take(CHECKPOINTS_COMPARED_MAX) {
            let Some(order) = world.index.order(&tag, &document, &id, world.held)? else {
                continue;
            };
            let space = self.space_mut(world.directory, tag)?;
            let Some(table) = Table::open(space, &order, bases, held) else { continue };
            for log in &table.logs {
                if space.writer(&log.log).is_none() {
                    bound |= space.bind(log.log, log.binding.node);
                }
            }
            tables.push(table);
        }
        // What was opened before may look different.
        if bound {
            self.open.clear();
        }
        let mut rows = Rows::new();
        if !tables.is_empty() {
            let space = self.space_mut(world.directory, tag)?;
            let reading = Reading::new(world, space, held, Rows::new());
            let (judged, counting) = (reading.held(), reading.counting());
            let sound = |table: &&Table| {
                table.parts.is_subset(&counting) && check(&table.logs, &judged).is_ok()
            };
            for table in tables.iter().filter(sound) {
                table.take(space, held, &mut rows);
            }
        }
        Ok(rows)
    }
}

impl Table {
    /// Opens the checkpoint that an order names, from the entries that it names.
    fn open(
        space: &Space,
        order: &Order,
        bases: Vec<(LogKey, Tip)>,
        held: &BTreeMap<LogKey, Vec<Entry>>,
    ) -> Option<Self> {
        let checkpoint = order.terms().checkpoint?;
        let entries = held.get(&checkpoint.log)?;
        let by_id: BTreeMap<EntryId, &Entry> = entries.iter().map(|e| (e.id(), e)).collect();
        let count = checkpoint.last.checked_sub(checkpoint.first)?;
        if count >= u64::from(CHECKPOINT_PARTS_MAX) {
            return None;
        }
        let (mut parts, mut at) = (Vec::new(), checkpoint.entry);
        for sequence in (checkpoint.first..=checkpoint.last).rev() {
            let entry = by_id.get(&at).filter(|entry| entry.header().sequence == sequence)?;
            let payload = payload(space, entry).ok()?;
            let Content::Checkpoint(items) = &payload.content else { return None };
            parts.push((sequence, at, payload.at, Part::read(items)?));
            at = entry.header().previous;
        }
        parts.reverse();
        let joined = join(parts.iter().map(|(n, id, at, part)| (*n, *id, *at, Some(part))));
        let [found] = joined.as_slice() else { return None };
        if found.last != checkpoint.last || !found.is_whole() {
            return None;
        }
        let logs = open(found.manifest, &found.bytes(), space.tag()).ok()?;
        let document = order.terms().document;
        let linli_replica::prune::Checkpoint { log, first, last, entry } = checkpoint;
        let prune = Prune { document, log, first, last, entry, hash: found.manifest.hash };
        let parts = parts.iter().map(|(_, id, ..)| *id).collect();
        Some(Self { prune, parts, logs, bases })
    }

    /// Takes the rows up to each base, where they end in the entry that the base names, but for what is held.
    fn take(&self, space: &Space, held: &BTreeMap<LogKey, Vec<Entry>>, rows: &mut Rows) {
        let agreement = space.state().agreements.get(&self.prune).filter(|a| a.stands());
        let attested_by = agreement.map(|Agreement { parties, .. }| {
            parties.iter().map(|party| PartyId(party.0)).collect::<Arc<[PartyId]>>()
        });
        for (log, tip) in &self.bases {
            let Some(stated) = self.logs.iter().find(|stated| stated.log == *log) else { continue };
            let upto = usize::try_from(tip.sequence).unwrap_or(usize::MAX);
            let Some(before) = stated.rows.get(..upto) else { continue };
            if before.last().map(|row| row.entry) != Some(tip.id) {
                continue;
            }
            let held: BTreeSet<EntryId> =
                held.get(log).into_iter().flatten().map(Entry::id).collect();
            let mut previous = EntryId::default();
            for (row, sequence) in before.iter().zip(1_u64..) {
                let before = std::mem::replace(&mut previous, row.entry);
                if held.contains(&row.entry) {
                    continue;
                }
                rows.entry(*log).or_default().push(Taken {
                    sequence,
                    entry: row.entry,
                    previous: before,
                    piece: piece(self.prune.document, stated, row, sequence),
                    attested_by: attested_by.clone(),
                });
            }
        }
    }
}

/// Reads what a row says, as though its entry had been opened.
fn piece(
    document: DocTag,
    log: &StatedLog,
    row: &StatedRow,
    sequence: u64,
) -> Result<Piece, Withheld> {
    let changes = row.changes.iter().map(|raw| read_change(raw)).collect::<Result<_, _>>()?;
    let certificate = row.certificate.as_ref().map(|bytes| PersonCertificate::decode(bytes));
    let person = match certificate {
        None => Ok(None),
        Some(Ok(certificate)) => Ok(Some(Arc::new(certificate))),
        Some(Err(_)) => Err(Withheld::BadStamp),
    };
    let binding = (sequence == 1).then(|| log.binding.clone());
    let (entry, at): (EntryId, Timestamp) = (row.entry, row.at);
    Ok(Piece { document, log: log.log, sequence, entry, at, binding, changes, part: None, person })
}
