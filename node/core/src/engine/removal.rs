//! Taking rights away, beginning an epoch on demand, and judging what is held back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use linli_replica::entry::Entry;
use linli_replica::id::{CertificateId, EntryId, EpochId, LogKey, PartyId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::membership::authority_of;
use super::open::{Chain, payload, read_log};
use super::{Authored, Core, CoreError, World};
use crate::authority::{Act, CutPoint, Owner, Revoked, Right, SpaceCertificate};
use crate::limits::{CUT_LOGS_MAX, ENTRIES_JUDGED_MAX};
use crate::payload::Content;
use crate::space::Space;

/// What came of renewing several spaces.
#[derive(Debug, Default)]
pub struct Renewed {
    /// What this node wrote.
    pub authored: Authored,
    /// Where nothing was done, and why.
    pub failed: BTreeMap<SpaceTag, CoreError>,
}

impl Core {
    /// Takes every right from a party, and says how far its writing counts: as far as it is held here.
    ///
    /// # Errors
    /// This party may not revoke there.
    pub fn revoke(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        party: PartyId,
    ) -> Result<Authored, CoreError> {
        self.remove(world, rng, tag, &[Revoked::Party(party)])
    }

    /// Takes single grants away, and what was granted under them. A party that loses its last grant to
    /// write thereby is cut as [`Core::revoke`] cuts it.
    ///
    /// # Errors
    /// This party may not revoke there, or a certificate is no grant that it knows.
    pub fn revoke_grants(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        grants: &BTreeSet<CertificateId>,
    ) -> Result<Authored, CoreError> {
        let revoked: Vec<Revoked> = grants.iter().copied().map(Revoked::Grant).collect();
        self.remove(world, rng, tag, &revoked)
    }

    fn remove(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        revoked: &[Revoked],
    ) -> Result<Authored, CoreError> {
        let own = self.party;
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            if revoked == [Revoked::Party(own)] {
                core.leave(&mut draft, rng, tag)?;
            } else {
                core.take_away(&mut draft, rng, tag, revoked)?;
            }
            core.open.clear();
            core.published(draft, rng, tag)
        })
    }

    fn take_away(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        revoked: &[Revoked],
    ) -> Result<(), CoreError> {
        let world = draft.world();
        let space = self.space_mut(world.directory, tag)?;
        let subjects: BTreeSet<PartyId> =
            revoked.iter().filter_map(|revoked| subject(space, *revoked)).collect();
        let told = told_under(space, &subjects);
        let wrote = |space: &Space, party: &PartyId| {
            let member = space.state().members.get(party);
            member.is_some_and(|m| m.grants.iter().any(|grant| grant.right >= Right::Write))
        };
        let writers: Vec<PartyId> =
            subjects.iter().copied().filter(|party| wrote(space, party)).collect();
        let mut certificates = Vec::new();
        for revoked in revoked {
            certificates.push(self.act(world, tag, Act::Revoke(*revoked))?);
        }
        for party in &subjects {
            let stays = wrote(self.space_mut(world.directory, tag)?, party);
            let named = revoked.contains(&Revoked::Party(*party));
            if named || (writers.contains(party) && !stays) {
                let logs = self.cut_points(world, tag, *party)?;
                certificates.push(self.act(world, tag, Act::Cut { party: *party, logs })?);
            }
        }
        // Under a key that the removed have, so that they learn of it and of what is held back.
        match told {
            Some(epoch) => {
                for certificate in &certificates {
                    draft.act(tag, certificate);
                }
                let items = certificates.iter().map(|c| c.encode().into()).collect();
                let content = Content::Certificates(items);
                self.write_under(draft, rng, epoch, authority_of(tag), content)?;
                self.mint(draft, rng, tag)?;
            }
            None => {
                self.mint(draft, rng, tag)?;
                self.publish(draft, rng, tag, certificates)?;
            }
        }
        Ok(())
    }

    /// Gives up this party's own rights, and says so under the epoch that it may still write under:
    /// whoever has left says nothing more. What it wrote counts.
    fn leave(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<(), CoreError> {
        let epoch = self.writable_epoch(draft, rng, tag)?;
        let revoked = Revoked::Party(self.party);
        let certificate = self.act(draft.world(), tag, Act::Revoke(revoked))?;
        draft.act(tag, &certificate);
        let content = Content::Certificates(vec![certificate.encode().into()]);
        self.write_under(draft, rng, epoch, authority_of(tag), content)
    }

    /// How far each log of a party counts: as far as it is held here, and a forked one up to the fork.
    fn cut_points(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        party: PartyId,
    ) -> Result<Vec<CutPoint>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let authority = space.authority_document();
        let mut points = Vec::new();
        for (document, _) in world.index.documents(&tag).filter(|(tag, _)| *tag != authority) {
            // Whose a log is that begins late, its checkpoint says.
            if world.index.bases(&document).next().is_some() {
                self.open(world, tag, document)?;
            }
            let space = self.space_mut(world.directory, tag)?;
            for (log, tips) in world.index.frontier(&document).unwrap_or_default().0 {
                let writer = space.writer(&log).and_then(|node| world.directory.node(&node));
                if writer.is_none_or(|writer| writer.party != party) {
                    continue;
                }
                let counts = match tips.as_slice() {
                    [tip] => Some((tip.sequence, tip.id)),
                    _ => {
                        let base = world.index.base(&document, &log).map(|base| base.tip);
                        Chain::of(&read_log(world, document, log)?, base).trunk()
                    }
                };
                points.extend(counts.map(|(sequence, entry)| CutPoint {
                    log,
                    document,
                    sequence,
                    entry,
                }));
            }
        }
        // A removal takes place however much there is to cut: most of the work counts, and the rest
        // is held back until a steward admits it.
        points.sort_by_key(|point| (Reverse(point.sequence), *point));
        points.truncate(CUT_LOGS_MAX);
        points.sort();
        Ok(points)
    }

    /// Begins an epoch: what is written from here on is sealed under a key that only those get who may
    /// read at this time.
    ///
    /// # Errors
    /// This party may not write there.
    pub fn rotate(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<Authored, CoreError> {
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            core.mint(&mut draft, rng, tag)?;
            core.published(draft, rng, tag)
        })
    }

    /// Begins an epoch in each of several spaces, and takes every right from parties there before: what one
    /// node is given in all of them goes in few letters. A space where it cannot be done stays as it was
    /// and hinders none.
    ///
    /// # Errors
    /// A space is not held, or its letters cannot be sealed: then all stay as they were.
    pub fn renew(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        due: &BTreeMap<SpaceTag, BTreeSet<PartyId>>,
    ) -> Result<Renewed, CoreError> {
        let mut renewed = Renewed::default();
        let mut draft = Draft::new(world);
        let mut before = BTreeMap::new();
        for tag in due.keys() {
            before.insert(*tag, self.space_mut(world.directory, *tag)?.encode());
        }
        for (tag, out) in due {
            let revoked: Vec<Revoked> = out.iter().copied().map(Revoked::Party).collect();
            let mut one = Draft::new(world);
            let done = if revoked.is_empty() {
                self.mint(&mut one, rng, *tag).map(|_| ())
            } else {
                self.take_away(&mut one, rng, *tag, &revoked)
            };
            match done {
                Ok(()) => draft.absorb(one),
                Err(error) => {
                    if let Some(record) = before.remove(tag) {
                        self.restore(world, *tag, &record)?;
                    }
                    renewed.failed.insert(*tag, error);
                }
            }
        }
        self.open.clear();
        for tag in before.keys() {
            renewed.authored.records.push(self.space_mut(world.directory, *tag)?.record());
        }
        if let Err(error) = self.finish(draft, rng, &mut renewed.authored) {
            for (tag, record) in before {
                self.restore(world, tag, &record)?;
            }
            return Err(error);
        }
        Ok(renewed)
    }

    /// Lets entries count that are held back by cuts or by an end date.
    ///
    /// # Errors
    /// This party is no steward there, or there are more than [`ENTRIES_JUDGED_MAX`].
    pub fn admit(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        entries: &BTreeSet<EntryId>,
    ) -> Result<Authored, CoreError> {
        let entries = entries.iter().copied().collect();
        self.judge_held(world, rng, tag, Act::Admit { entries })
    }

    /// Says that entries stay held back: they wait for nobody's judgement.
    ///
    /// # Errors
    /// As [`Core::admit`].
    pub fn refuse(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        entries: &BTreeSet<EntryId>,
    ) -> Result<Authored, CoreError> {
        let entries = entries.iter().copied().collect();
        self.judge_held(world, rng, tag, Act::Refuse { entries })
    }

    fn judge_held(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        act: Act,
    ) -> Result<Authored, CoreError> {
        if let Act::Admit { entries } | Act::Refuse { entries } = &act
            && entries.len() > ENTRIES_JUDGED_MAX
        {
            return Err(CoreError::TooMany(ENTRIES_JUDGED_MAX));
        }
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let certificate = core.act(world, tag, act)?;
            core.publish(&mut draft, rng, tag, vec![certificate])?;
            core.open.clear();
            core.published(draft, rng, tag)
        })
    }

    /// Lists the entries of the space's authority document that tell of removals of a party, or of its
    /// handing the space over: who holds one of them has learned of it.
    ///
    /// # Errors
    /// This node is no member of the space, or the store cannot be read.
    pub fn removal_entries(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        party: PartyId,
    ) -> Result<BTreeMap<LogKey, u64>, CoreError> {
        let authority = self.space_mut(world.directory, tag)?.authority_document();
        let own = self.unsettled.get(&authority).into_iter().flatten();
        let own: Vec<Entry> = own.map(|own| own.entry.clone()).collect();
        let space = self.space_mut(world.directory, tag)?;
        let concerns = |certificate: &SpaceCertificate| {
            let (state, id) = (space.state(), certificate.id());
            match certificate.act() {
                Some(Act::Revoke(revoked)) => {
                    state.removals.contains(&id) && subject(space, *revoked) == Some(party)
                }
                Some(Act::HandOver(_)) => {
                    let title = state.hand_overs.get(&id);
                    title.and_then(|title| space.owner_by(title)) == Some(Owner::Party(party))
                }
                _ => false,
            }
        };
        let mut found = BTreeMap::new();
        let mut look = |entry: &Entry| {
            let Ok(payload) = payload(space, entry) else { return };
            let Content::Certificates(items) = payload.content else { return };
            let mut read = items.iter().filter_map(|bytes| SpaceCertificate::decode(bytes).ok());
            if read.any(|certificate| concerns(&certificate)) {
                found.entry(entry.header().log).or_insert(entry.header().sequence);
            }
        };
        for log in world.index.frontier(&authority).unwrap_or_default().0.keys() {
            read_log(world, authority, *log)?.iter().for_each(&mut look);
        }
        own.iter().for_each(look);
        Ok(found)
    }
}

/// The party that a revocation concerns.
fn subject(space: &Space, revoked: Revoked) -> Option<PartyId> {
    match revoked {
        Revoked::Party(party) => Some(party),
        Revoked::Grant(id) => space.holder(&id),
    }
}

/// Finds an epoch whose key this node and all of `parties` have, the newest: of those that no other
/// such epoch follows the one of lowest id.
fn told_under(space: &Space, parties: &BTreeSet<PartyId>) -> Option<EpochId> {
    let shared: Vec<_> = space
        .state()
        .epochs
        .iter()
        .filter(|(id, state)| {
            let excluded = parties.iter().any(|party| state.epoch.excludes.contains(party));
            state.covers && !excluded && space.content_key(id).is_some()
        })
        .collect();
    let followed: BTreeSet<EpochId> =
        shared.iter().flat_map(|(_, state)| state.after.iter().copied()).collect();
    shared.iter().map(|(id, _)| **id).find(|id| !followed.contains(id))
}
