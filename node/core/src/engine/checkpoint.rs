//! Checkpoints of documents: made by stewards, compared by everybody who holds what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use automerge::ChangeHash;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, EntryId, LogKey, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::open::Reading;
use super::{Authored, Core, CoreError, Edit, World};
use crate::authority::{Act, Prune, Right};
use crate::checkpoint::{Checkpoint, Covered, Finding, Row, Whole, check, join};
use crate::document::{Judged, apply};
use crate::limits::CUT_LOGS_MAX;
use crate::payload::Binding;
use crate::space::Space;

/// The kind of the spaces whose latest key is given away by itself when a card is opened: what is sealed
/// under it must not hold what is older.
const OPENED_BY_KEY: &str = "emergency";

impl Core {
    /// Writes a checkpoint of a document: what of it counts and could be opened, from the first entry of each
    /// log to the last before something else. None where that is nothing beyond the latest sound one.
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
        let mut draft = Draft::new(world);
        let epoch = self.writable_epoch(&mut draft, rng, tag)?;
        self.tie(&mut draft, rng, epoch, tag)?;
        for part in parts {
            self.write_under(&mut draft, rng, epoch, what, part)?;
        }
        let record = self.space_mut(world.directory, tag)?.record();
        let mut authored = Authored { records: vec![record], ..Authored::default() };
        self.finish(draft, rng, &mut authored)?;
        self.open.remove(&document);
        Ok(Some(authored))
    }

    /// Puts together what a checkpoint is to hold; none where the latest sound one has it all.
    fn whole_of(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        document: DocTag,
    ) -> Result<Option<Whole>, CoreError> {
        let had: BTreeMap<LogKey, u64> = self
            .open(world, tag, document)?
            .checkpoints()
            .iter()
            .filter(|checkpoint| checkpoint.finding == Finding::Agrees)
            .max_by_key(|checkpoint| (checkpoint.at, checkpoint.entry))
            .map(|latest| latest.manifest.frontier.iter().map(|u| (u.log, u.sequence)).collect())
            .unwrap_or_default();
        let held = self.held_logs(world, tag, document)?;
        let space = self.space_mut(world.directory, tag)?;
        let reading = Reading::new(world, space, &held);
        let whole = whole(document, space, reading);
        Ok(whole.filter(|whole| {
            let news = |log: &Covered| {
                let had = had.get(&log.log).map_or(0, |had| usize::try_from(*had).unwrap_or(0));
                log.rows.iter().skip(had).any(|row| !row.changes.is_empty())
            };
            whole.logs().iter().any(news)
        }))
    }

    /// Signs that a checkpoint stands for what it covers: the one that another steward has signed for, else
    /// the latest. Only one that agrees with everything it stands for, all of which is held here and counts.
    /// None where there is no such, or this party has signed for it.
    ///
    /// # Errors
    /// This party is no steward there, or the store cannot be read.
    pub fn agree(
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
        // What has no name holds no record.
        if space.name_of(&document).is_none() {
            return Ok(None);
        }
        let sound = |checkpoint: &Checkpoint| {
            (checkpoint.finding == Finding::Agrees).then(|| checkpoint.terms(document))
        };
        let found = self.open(world, tag, document)?.checkpoints().iter().rev();
        let sound: Vec<Prune> = found.filter_map(sound).collect();
        let space = self.space_mut(world.directory, tag)?;
        let signed = |prune: &Prune| space.state().prunes.get(prune).map(|signed| &signed.parties);
        let waits = |prune: &&Prune| signed(prune).is_some_and(|by| !by.is_empty());
        let Some(prune) = sound.iter().find(waits).or(sound.first()) else { return Ok(None) };
        if signed(prune).is_some_and(|by| by.contains(&party)) {
            return Ok(None);
        }
        let act = Act::Prune(prune.clone());
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let certificate = core.act(world, tag, act)?;
            core.publish(&mut draft, rng, tag, vec![certificate])?;
            core.published(draft, rng, tag).map(Some)
        })
    }

    /// Remembers the checkpoints of a document that are wrong.
    pub(super) fn note_checkpoints(
        &mut self,
        place: (SpaceTag, DocTag),
        checkpoints: &[Checkpoint],
    ) {
        let wrong = checkpoints.iter().filter(|c| matches!(c.finding, Finding::Wrong(_)));
        let wrong: Vec<Checkpoint> = wrong.cloned().collect();
        if wrong.is_empty() {
            self.wrong.remove(&place);
        } else {
            self.wrong.insert(place, wrong);
        }
    }

    /// Lists the checkpoints that contradict what is held, of the documents that were opened since the start.
    pub fn wrong_checkpoints(&self) -> impl Iterator<Item = (SpaceTag, DocTag, &Checkpoint)> {
        let of = |((space, document), list): (&(SpaceTag, DocTag), _)| (*space, *document, list);
        let all = self.wrong.iter().map(of);
        all.flat_map(|(space, document, list): (_, _, &Vec<Checkpoint>)| {
            list.iter().map(move |checkpoint| (space, document, checkpoint))
        })
    }
}

impl Reading {
    /// Finds the checkpoints that stewards wrote, and compares them with what is held. `sound` remembers those
    /// that agreed with everything: they are not compared again.
    pub(super) fn checkpoints(
        &self,
        world: World<'_>,
        space: &Space,
        document: DocTag,
        sound: &mut BTreeSet<EntryId>,
    ) -> Vec<Checkpoint> {
        let mut checkpoints = Vec::new();
        let mut held = None;
        for (log, forked, entries) in self.judged() {
            let writer =
                space.writer(&log).and_then(|id| Some((id, world.directory.node(&id)?.party)));
            let Some((node, party)) = writer.filter(|_| !forked) else { continue };
            let Some(member) = space.state().members.get(&party) else { continue };
            // Whoever writes under a content key is not thereby somebody whose checkpoint counts.
            let steward = |at| member.right_when_signed(at) >= Some(Right::Steward);
            let counting = entries.filter(|e| e.standing.is_ok() && steward(e.at));
            let parts = counting.map(|e| (e.sequence, e.entry, e.at, e.part.as_deref()));
            for found in join(parts) {
                let finding = if !found.is_whole() {
                    Finding::Incomplete
                } else if sound.contains(&found.entry) {
                    Finding::Agrees
                } else {
                    let held = held.get_or_insert_with(|| self.held());
                    let whole = Whole::open(found.manifest, &found.bytes(), space.tag(), document);
                    match whole.and_then(|whole| check(&whole, held)) {
                        Ok(0) => Finding::Agrees,
                        Ok(unknown) => Finding::Unknown(unknown),
                        Err(flaw) => Finding::Wrong(flaw),
                    }
                };
                if finding == Finding::Agrees {
                    sound.insert(found.entry);
                }
                let (first, last, entry, at) = (found.first, found.last, found.entry, found.at);
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
        checkpoints.sort_by_key(|checkpoint| (checkpoint.at, checkpoint.entry));
        checkpoints
    }
}

/// Says whether whoever is given the present key of a space may read all that is in it.
fn is_open_to_all(world: World<'_>, space: &Space) -> bool {
    let mut members = space.state().members.values();
    let all = |right: Option<Right>, history: bool| right < Some(Right::Read) || history;
    space.kind() != OPENED_BY_KEY
        && members.all(|member| all(member.right(world.now), member.reads_history(world.now)))
}

/// Takes of each log what a checkpoint may stand for: from its first entry on as long as each counts and
/// builds on nothing but what is taken, too. Nothing of a log that forked.
fn whole(document: DocTag, space: &Space, reading: Reading) -> Option<Whole> {
    let mut entries = BTreeMap::new();
    for (log, forked, judged) in reading.judged().filter(|(_, forked, _)| !forked) {
        debug_assert!(!forked);
        entries.insert(log, judged.cloned().collect::<Vec<Judged>>());
    }
    // A certificate names so many logs; what is most work goes first.
    let mut longest: Vec<(usize, LogKey)> = entries.iter().map(|(l, e)| (e.len(), *l)).collect();
    longest.sort_by(|a, b| b.cmp(a));
    let dropped = longest.into_iter().skip(CUT_LOGS_MAX).map(|(_, log)| log);
    for log in dropped.collect::<Vec<_>>() {
        entries.remove(&log);
    }
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
