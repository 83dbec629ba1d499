//! Checkpoints of documents: made by stewards, compared by everybody who holds what they stand for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use automerge::ChangeHash;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, LogKey, NodeId, PartyId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::open::{Pieces, Reading};
use super::{Authored, Core, CoreError, Edit, World};
use crate::authority::Right;
use crate::checkpoint::{
    Checkpoint, Covered, Finding, Found, HeldLog, Room, Row, Whole, check, join, open,
};
use crate::document::{Judged, apply};
use crate::limits::{CHECKPOINTS_COMPARED_MAX, CUT_LOGS_MAX};
use crate::payload::Binding;
use crate::space::Space;

/// The kind of the spaces whose latest key is given away by itself when a card is opened: what is sealed
/// under it must not hold what is older.
const OPENED_BY_KEY: &str = "emergency";

impl Core {
    /// Writes a checkpoint of a document: what of it counts and could be opened, from the first entry of each
    /// log to the last before something else. None where that is nothing beyond the
    /// one that reaches furthest of those that agree with what is held.
    ///
    /// # Errors
    /// This party is no steward there; members read from now on or the space is opened by its latest key
    /// alone, so that the checkpoint would show them what is older.
    pub fn checkpoint(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Option<Authored>, CoreError> {
        let party = self.party;
        let space = self.space_mut(world.directory, tag)?;
        if space.state().right(&party, world.now) < Some(Right::Steward) {
            return Err(CoreError::Forbidden(Right::Steward));
        }
        let Some(name) = space.name_of(&document).map(str::to_owned) else { return Ok(None) };
        if !is_open_to_all(world, space) {
            return Err(CoreError::NotForAll);
        }
        let (name, urgency) = (name.as_str(), Urgency::Normal);
        let what = Edit { space: tag, name, urgency, isolated: false, person: None };
        self.may_write(world, what)?;
        self.unstick(world, rng, what)?;
        let Some(whole) = self.whole_of(world, tag, document)? else { return Ok(None) };
        let parts = whole.parts().ok_or(CoreError::TooLargeToCheckpoint)?;
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let epoch = core.writable_epoch(&mut draft, rng, tag)?;
            core.tie(&mut draft, rng, epoch, tag)?;
            for part in parts {
                core.write_under(&mut draft, rng, epoch, what, part)?;
            }
            let record = core.space_mut(world.directory, tag)?.record();
            let mut authored = Authored { records: vec![record], ..Authored::default() };
            core.finish(draft, rng, &mut authored)?;
            core.open.remove(&document);
            Ok(Some(authored))
        })
    }

    /// Puts together what a checkpoint is to hold; none where the furthest sound one has it all.
    fn whole_of(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Option<Whole>, CoreError> {
        let held = self.held_logs(world, tag, document)?;
        let space = self.space_mut(world.directory, tag)?;
        let reading = Reading::new(world, space, Pieces::new(world, space, document, &held));
        // In order: the last one reaches furthest.
        let found = reading.checkpoints(world, space);
        let sound = found.iter().rfind(|checkpoint| checkpoint.finding == Finding::Agrees);
        let had: BTreeMap<LogKey, u64> = sound
            .map(|latest| latest.manifest.frontier.iter().map(|u| (u.log, u.sequence)).collect())
            .unwrap_or_default();
        let whole = whole(document, space, reading);
        Ok(whole.filter(|whole| {
            let news = |log: &Covered| {
                let had = had.get(&log.log).map_or(0, |had| usize::try_from(*had).unwrap_or(0));
                log.rows.iter().skip(had).any(|row| !row.changes.is_empty())
            };
            whole.logs().iter().any(news)
        }))
    }

    /// Lists the checkpoints of a document that stewards wrote, compared with what is held, from the one that
    /// reaches least to the one that reaches furthest; of each node those few that say they reach furthest.
    /// Remembers which are wrong. This is work: a document is opened without it.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn checkpoints(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Vec<Checkpoint>, CoreError> {
        let held = self.held_logs(world, tag, document)?;
        let space = self.space_mut(world.directory, tag)?;
        let reading = Reading::new(world, space, Pieces::new(world, space, document, &held));
        let found = reading.checkpoints(world, space);
        let wrong = found.iter().filter(|c| matches!(c.finding, Finding::Wrong(_)));
        let wrong: Vec<Checkpoint> = wrong.cloned().collect();
        let place = (tag, document);
        match wrong.is_empty() {
            true => self.wrong.remove(&place),
            false => self.wrong.insert(place, wrong),
        };
        Ok(found)
    }

    /// Lists the checkpoints that contradicted what was held when they were last compared, since the start.
    pub fn wrong_checkpoints(&self) -> impl Iterator<Item = (SpaceTag, DocTag, &Checkpoint)> {
        let of = |((space, document), list): (&(SpaceTag, DocTag), _)| (*space, *document, list);
        let all = self.wrong.iter().map(of);
        all.flat_map(|(space, document, list): (_, _, &Vec<Checkpoint>)| {
            list.iter().map(move |checkpoint| (space, document, checkpoint))
        })
    }
}

impl Reading {
    /// Finds the checkpoints that stewards wrote and compares them with what is held, of each node those few
    /// that reach furthest; in order of how far they reach.
    fn checkpoints(&self, world: World<'_>, space: &Space) -> Vec<Checkpoint> {
        let mut by_node: BTreeMap<(PartyId, NodeId), Vec<(LogKey, Found<'_>)>> = BTreeMap::new();
        for (log, forked, entries) in self.judged() {
            let writer =
                space.writer(&log).and_then(|id| Some((id, world.directory.node(&id)?.party)));
            let Some((node, party)) = writer.filter(|_| !forked) else { continue };
            // Whoever writes under a content key is not thereby somebody whose checkpoint counts.
            if space.state().right(&party, world.now) < Some(Right::Steward) {
                continue;
            }
            let counting = entries.filter(|e| e.standing.is_ok());
            let parts = counting.map(|e| (e.sequence, e.entry, e.at, e.part.as_deref()));
            let found = join(parts).into_iter().map(|found| (log, found));
            by_node.entry((party, node)).or_default().extend(found);
        }
        if by_node.values().all(Vec::is_empty) {
            return Vec::new();
        }
        let held = self.held();
        let mut checkpoints = Vec::new();
        for ((party, node), mut all) in by_node {
            all.sort_by_key(|(_, found)| Reverse((found.manifest.covered(), found.entry)));
            for (log, found) in all.into_iter().take(CHECKPOINTS_COMPARED_MAX) {
                let finding = compare(&found, space.tag(), &held);
                let Found { first, last, entry, at, .. } = found;
                let manifest = found.manifest.clone();
                checkpoints.push(Checkpoint {
                    log,
                    first,
                    last,
                    entry,
                    node,
                    party,
                    at,
                    manifest,
                    finding,
                });
            }
        }
        checkpoints.sort_by_key(|checkpoint| (checkpoint.covered(), checkpoint.entry));
        checkpoints
    }
}

/// Compares a checkpoint with what is held.
fn compare(found: &Found<'_>, space: SpaceTag, held: &BTreeMap<LogKey, HeldLog<'_>>) -> Finding {
    if !found.is_whole() {
        return Finding::Incomplete;
    }
    let stated = open(found.manifest, &found.bytes(), space);
    match stated.and_then(|stated| check(&stated, held)) {
        Ok(0) => Finding::Agrees,
        Ok(unknown) => Finding::Unknown(unknown),
        Err(flaw) => Finding::Wrong(flaw),
    }
}

/// Says whether whoever is given the present key of a space may read all that is in it.
pub(super) fn is_open_to_all(world: World<'_>, space: &Space) -> bool {
    let mut members = space.state().members.values();
    let all = |right: Option<Right>, history: bool| right < Some(Right::Read) || history;
    space.kind() != OPENED_BY_KEY
        && members.all(|member| all(member.right(world.now), member.reads_history(world.now)))
}

/// Takes of each log what a checkpoint may stand for: from its first entry on as long as each counts and
/// builds on nothing but what is taken, too, and as there is room. Nothing of a log that forked.
fn whole(document: DocTag, space: &Space, reading: Reading) -> Option<Whole> {
    let mut entries = BTreeMap::new();
    for (log, _, judged) in reading.judged().filter(|(_, forked, _)| !forked) {
        entries.insert(log, judged.cloned().collect::<Vec<Judged>>());
    }
    // A certificate names so many logs; what is most work goes first.
    let mut longest: Vec<(usize, LogKey)> = entries.iter().map(|(l, e)| (e.len(), *l)).collect();
    longest.sort_by(|a, b| b.cmp(a));
    let dropped = longest.into_iter().skip(CUT_LOGS_MAX).map(|(_, log)| log);
    for log in dropped.collect::<Vec<_>>() {
        entries.remove(&log);
    }
    let mut room = Room::new(entries.len());
    let (_, run) = apply(document, entries.into_values().flatten().collect(), &mut Vec::new());
    let mut taken: BTreeSet<ChangeHash> = BTreeSet::new();
    let mut logs: BTreeMap<LogKey, Covered> = BTreeMap::new();
    for entry in run {
        let known = |dep: &ChangeHash| {
            taken.contains(dep) || entry.changes.iter().any(|change| change.hash() == *dep)
        };
        let sound = entry.standing.is_ok()
            && entry.changes.iter().flat_map(automerge::Change::deps).all(known);
        let Some(log) = covered(space, &mut logs, &entry).filter(|log| {
            sound && entry.sequence == u64::try_from(log.rows.len() + 1).unwrap_or(0)
        }) else {
            continue;
        };
        // Of its log nothing that follows is taken, nor what builds on it.
        if !room.take(&entry) {
            continue;
        }
        taken.extend(entry.changes.iter().map(automerge::Change::hash));
        let Judged { entry, at, certificate, changes, .. } = entry;
        log.rows.push(Row { entry, at, certificate, changes });
    }
    Whole::new(logs.into_values().collect())
}

/// Finds what is taken of an entry's log, beginning with its first entry: the one that says whose it is.
fn covered<'a>(
    space: &Space,
    logs: &'a mut BTreeMap<LogKey, Covered>,
    entry: &Judged,
) -> Option<&'a mut Covered> {
    let own = |binding: &Binding| {
        let node = binding.verify(entry.log, space.tag());
        node.ok().is_some_and(|node| space.writer(&entry.log) == Some(node))
    };
    if let Some(binding) = entry.binding.clone().filter(|b| entry.sequence == 1 && own(b)) {
        let log = entry.log;
        logs.entry(log).or_insert_with(|| Covered { log, binding, rows: Vec::new() });
    }
    logs.get_mut(&entry.log)
}
