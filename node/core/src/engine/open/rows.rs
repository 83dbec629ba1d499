//! What stands for the beginning of a log that is not held: the rows of a checkpoint that an order to prune names.
//!
//! A row is taken only at or below a base, from a checkpoint that says the same of the base, and only where its parts
//! count and it says of no entry that is held other than this does. Whose word it is, the agreement says that stands
//! for this very checkpoint; without one it is held back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linli_model::author::PartyId;
use linli_replica::frontier::Tip;
use linli_replica::id::{DocTag, EntryId, LogKey, SpaceTag, Timestamp};
use linli_replica::prune::{Checkpoint, Order};

use super::{Core, CoreError, Cuts, Piece, Pieces, Place, World, judge};
use crate::authority::Prune;
use crate::checkpoint::{Manifest, Part, StatedLog, StatedRow, is_same, join, open};
use crate::document::{Withheld, read_change};
use crate::engine::agree::is_prunable;
use crate::limits::{CHECKPOINT_PARTS_MAX, CHECKPOINTS_COMPARED_MAX};
use crate::person::PersonCertificate;
use crate::space::Space;

/// The table of the checkpoint that was last read from, none where it cannot be read: to open it is much work, and
/// documents are opened often.
#[derive(Debug, Default)]
pub(in crate::engine) struct Table {
    of: Option<(SpaceTag, Prune)>,
    logs: Option<Arc<[StatedLog]>>,
}

/// A checkpoint that an order names and of which all parts are held.
struct Stated {
    prune: Prune,
    manifest: Manifest,
    bytes: Vec<u8>,
    parts: Vec<Piece>,
}

impl Core {
    /// Puts rows in the place of what is not held, at or below the bases of a document's logs. Where there is no base
    /// this costs nothing.
    ///
    /// Which order came first says nothing: of all checkpoints that say the same of a base the first is taken for which an
    /// agreement stands, then the one that reaches furthest.
    pub(super) fn take_rows(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
        pieces: &mut Pieces,
    ) -> Result<(), CoreError> {
        if pieces.bases.is_empty() || !is_prunable(self.space_mut(world.directory, tag)?, &document)
        {
            return Ok(());
        }
        let all = self.stated(world, tag, document, pieces)?;
        let (mut left, mut bound) = (pieces.bases.clone(), false);
        let mut opened = 0;
        for stated in all {
            if !stated.reaches(&left) || opened == CHECKPOINTS_COMPARED_MAX {
                continue;
            }
            opened += 1;
            let Some(logs) = self.table.open(tag, &stated) else { continue };
            let space = self.space_mut(world.directory, tag)?;
            for log in logs.iter() {
                if space.writer(&log.log).is_none() {
                    bound |= space.bind(log.log, log.binding.node);
                }
            }
            if stated.counts(world, space, pieces) && contradicts_nothing(&logs, pieces) {
                stated.take(space, &logs, pieces, &mut left);
            }
        }
        // What was opened before may look different.
        if bound {
            self.open.clear();
        }
        Ok(())
    }

    /// Finds the checkpoints that the orders held here name, in the order in which they are asked.
    fn stated(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
        pieces: &Pieces,
    ) -> Result<Vec<Stated>, CoreError> {
        let mut all: BTreeMap<Prune, Stated> = BTreeMap::new();
        for id in world.index.orders(&tag, &document) {
            let order = world.index.order(&tag, &document, &id, world.held)?;
            let stated = order.and_then(|order| Stated::find(&order, pieces));
            all.extend(stated.map(|stated| (stated.prune, stated)));
        }
        let agreements = &self.space_mut(world.directory, tag)?.state().agreements;
        let mut all: Vec<Stated> = all.into_values().collect();
        all.sort_by_key(|Stated { prune, manifest, .. }| {
            let stands = agreements.get(prune).is_some_and(|agreement| agreement.stands());
            Reverse((stands, manifest.covered(), *prune))
        });
        Ok(all)
    }
}

impl Table {
    fn open(&mut self, space: SpaceTag, stated: &Stated) -> Option<Arc<[StatedLog]>> {
        let of = Some((space, stated.prune));
        if self.of != of {
            // One at a time.
            *self = Self::default();
            let logs = open(&stated.manifest, &stated.bytes, space).ok().map(Arc::from);
            *self = Self { of, logs };
        }
        self.logs.clone()
    }
}

impl Stated {
    fn find(order: &Order, pieces: &Pieces) -> Option<Self> {
        let Checkpoint { log, first, last, entry } = order.terms().checkpoint?;
        if last.checked_sub(first)? >= u64::from(CHECKPOINT_PARTS_MAX) {
            return None;
        }
        let places = pieces.logs.get(&log)?.iter().filter(|p| (first..=last).contains(&p.sequence));
        let by_id: BTreeMap<EntryId, &Place> = places.map(|place| (place.entry, place)).collect();
        let (mut parts, mut at) = (Vec::new(), entry);
        for sequence in (first..=last).rev() {
            let place = by_id.get(&at).filter(|place| place.sequence == sequence)?;
            parts.push(place.piece.as_ref().ok()?.clone());
            at = place.previous;
        }
        parts.reverse();
        let part = |piece: &'_ Piece| piece.part.clone();
        let held: Vec<Arc<Part>> = parts.iter().filter_map(part).collect();
        let joined = join(
            parts.iter().zip(&held).map(|(p, part)| (p.sequence, p.entry, p.at, Some(&**part))),
        );
        let [found] = joined.as_slice() else { return None };
        if held.len() != parts.len() || found.last != last || !found.is_whole() {
            return None;
        }
        let (manifest, bytes) = (found.manifest.clone(), found.bytes());
        let document = order.terms().document;
        let prune = Prune { document, log, first, last, entry, hash: manifest.hash };
        Some(Self { prune, manifest, bytes, parts })
    }

    /// Says whether it stands for what is before any of these bases.
    fn reaches(&self, bases: &BTreeMap<LogKey, Tip>) -> bool {
        self.manifest.frontier.iter().any(|upto| {
            bases.get(&upto.log).is_some_and(|base| {
                upto.sequence > base.sequence
                    || (upto.sequence, upto.entry) == (base.sequence, base.id)
            })
        })
    }

    /// Says whether all its parts count.
    fn counts(&self, world: World<'_>, space: &Space, pieces: &Pieces) -> bool {
        let log = self.prune.log;
        let cuts = Cuts::new(world, space, log, &pieces.chain(&log));
        self.parts.iter().all(|part| judge(world, space, part.clone(), &cuts).standing.is_ok())
    }

    /// Takes the rows up to each base that it says the same of, but for what is held. A log that is another node's by
    /// what is known here is held back.
    fn take(
        &self,
        space: &Space,
        logs: &[StatedLog],
        pieces: &mut Pieces,
        left: &mut BTreeMap<LogKey, Tip>,
    ) {
        let agreement = space.state().agreements.get(&self.prune).filter(|a| a.stands());
        let parties = agreement.map(|agreement| agreement.parties.iter().map(|p| PartyId(p.0)));
        let attested_by: Result<Arc<[PartyId]>, Withheld> =
            parties.map(Iterator::collect).ok_or(Withheld::Unattested);
        for stated in logs {
            let Some(tip) = left.get(&stated.log) else { continue };
            let upto = usize::try_from(tip.sequence).unwrap_or(usize::MAX);
            let Some(before) = stated.rows.get(..upto) else { continue };
            if before.last().map(|row| row.entry) != Some(tip.id) {
                continue;
            }
            left.remove(&stated.log);
            let attested_by = match space.writer(&stated.log) == Some(stated.binding.node) {
                true => attested_by.clone(),
                false => Err(Withheld::Unbound),
            };
            let places = pieces.logs.entry(stated.log).or_default();
            let held: BTreeSet<EntryId> = places.iter().map(|place| place.entry).collect();
            let mut previous = EntryId::default();
            for (row, sequence) in before.iter().zip(1_u64..) {
                let previous = std::mem::replace(&mut previous, row.entry);
                if !held.contains(&row.entry) {
                    let piece = piece(self.prune.document, stated, row, sequence);
                    let (entry, attested_by) = (row.entry, Some(attested_by.clone()));
                    places.push(Place { sequence, entry, previous, piece, attested_by });
                }
            }
        }
    }
}

/// Says whether every entry that is held and could be opened is what its row says. One that is on another branch has no
/// row: its log has forked, and nothing else has.
fn contradicts_nothing(logs: &[StatedLog], pieces: &Pieces) -> bool {
    logs.iter().all(|stated| {
        let places = pieces.logs.get(&stated.log).into_iter().flatten();
        places.filter(|place| place.attested_by.is_none()).all(|place| {
            let at = usize::try_from(place.sequence - 1).unwrap_or(usize::MAX);
            let row = stated.rows.get(at).filter(|row| row.entry == place.entry);
            match (row, &place.piece) {
                (Some(row), Ok(Piece { at, changes, person: Ok(person), .. })) => {
                    is_same(row, *at, person.as_deref(), changes)
                }
                _ => true,
            }
        })
    })
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
