//! Spaces: beginning them, granting, and beginning epochs.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::entry::Urgency;
use linli_replica::id::{CertificateId, EpochId, NodeId, PartyId, SpaceTag};
use linli_replica::planted::{self, Bug};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::edit::Edit;
use super::open::{payload, read_log};
use super::{Authored, Core, CoreError, Slot, World};
use crate::authority::{
    Act, EpochKey, Genesis, Grant, Owner, Right, SpaceCertificate, SpaceCertificates, mint,
};
use crate::identity::draw_signing_key;
use crate::payload::Content;
use crate::secret::{Secret, draw};
use crate::space::Space;

/// A space to begin.
#[derive(Debug, Clone)]
pub struct NewSpace<'a> {
    /// What it is for, such as `care`.
    pub kind: &'a str,
    /// Whose it is.
    pub owner: Owner,
    /// A steward from the beginning, where the owner is the community.
    pub steward: Option<PartyId>,
    /// Who else may do what.
    pub grants: Vec<Grant>,
}

impl Core {
    /// Begins a space and passes it to every node of those who are granted a right to read.
    ///
    /// # Errors
    /// A grant is beyond the limits, or a key of a node in the directory is unusable.
    pub fn begin_space(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        new: NewSpace<'_>,
    ) -> Result<(SpaceTag, Authored), CoreError> {
        let signing = self.keys.signing().clone();
        let carrier = draw_signing_key(rng);
        let genesis = Genesis {
            community: world.directory.community(),
            owner: new.owner,
            steward: new.steward,
            kind: new.kind.to_owned(),
            carrier_key: carrier.verifying_key().to_bytes().into(),
            nonce: draw::<32>(rng).into(),
        };
        let genesis = SpaceCertificate::begin(&signing, self.party, world.now, genesis)?;
        let certificates: SpaceCertificates = [genesis].into_iter().collect();
        let log = Secret::draw(rng);
        let mut space =
            Space::new(certificates, log, world.directory).ok_or(CoreError::NoSuchSpace)?;
        space.keep_carrier_key(Secret::new(carrier.to_bytes()));
        let tag = space.tag();
        let mut granted = Vec::new();
        for grant in new.grants {
            granted.push(sign(&signing, self.party, world, &mut space, &Act::Grant(grant))?);
        }
        space.judge(world.directory);
        for certificate in &granted {
            counted(&space, certificate)?;
        }
        self.spaces.insert(tag, Slot::Loaded(Box::new(space)));
        let mut draft = Draft::new(world);
        self.mint(&mut draft, rng, tag)?;
        let authored = self.published(draft, rng, tag)?;
        Ok((tag, Authored { wants: vec![tag], ..authored }))
    }

    /// Gives a party a right, and its nodes the keys.
    ///
    /// # Errors
    /// This party may not grant there.
    pub fn grant(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
        grant: Grant,
    ) -> Result<Authored, CoreError> {
        let to = grant.party;
        let reads_from_now = grant.right >= Right::Read && !grant.history;
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let certificate = core.act(world, tag, Act::Grant(grant))?;
            if reads_from_now {
                // The present epoch's key would open what was written under it before.
                core.mint(&mut draft, rng, tag)?;
            }
            core.publish(&mut draft, rng, tag, vec![certificate])?;
            let nodes = core.others_of(world, to);
            core.wrap(&mut draft, tag, &nodes, !reads_from_now)?;
            // What its party wrote before may count from here on.
            core.open.clear();
            core.published(draft, rng, tag)
        })
    }

    /// Publishes certificates of this node's own that its record holds and its logs do not: the
    /// record went to disk with an urgent entry, and the power failed before the rest.
    pub(super) fn publish_again(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<Authored, CoreError> {
        let me = self.keys.id();
        let space = self.space_mut(world.directory, tag)?;
        let authority = space.authority_document();
        let own = |certificate: &SpaceCertificate| certificate.body().by == me;
        let mut missing: BTreeMap<CertificateId, SpaceCertificate> = space
            .certificates()
            .iter()
            .filter(|(_, certificate)| own(certificate))
            .map(|(id, certificate)| (*id, certificate.clone()))
            .collect();
        for log in world.index.frontier(&authority).unwrap_or_default().0.keys() {
            for entry in read_log(world, authority, *log)? {
                let Ok(payload) = payload(space, &entry) else { continue };
                let Content::Certificates(items) = payload.content else { continue };
                for bytes in &items {
                    if let Ok(certificate) = SpaceCertificate::decode(bytes) {
                        missing.remove(&certificate.id());
                    }
                }
            }
        }
        if missing.is_empty() {
            return Ok(Authored::default());
        }
        space.forget_wraps();
        space.note_own_wraps(me);
        let mut draft = Draft::new(world);
        self.publish(&mut draft, rng, tag, missing.into_values().collect())?;
        self.wrap(&mut draft, tag, &[me], false)?;
        self.published(draft, rng, tag)
    }

    /// Does all of an act or nothing: on an error the space is as it was.
    pub(super) fn whole<T>(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        act: impl FnOnce(&mut Self) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        let before = self.space_mut(world.directory, tag)?.encode();
        let result = act(self);
        if result.is_err() {
            self.restore(world, tag, &before)?;
        }
        result
    }

    /// Puts a space back to what it was.
    pub(super) fn restore(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        before: &[u8],
    ) -> Result<(), CoreError> {
        let mut space = Space::from_record(before, world.directory)?;
        // The store's record may be older than this one.
        space.mark();
        self.spaces.insert(tag, Slot::Loaded(Box::new(space)));
        Ok(())
    }

    /// Signs an act by the nearest authority this party has, and judges the space again.
    pub(super) fn act(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
        act: Act,
    ) -> Result<SpaceCertificate, CoreError> {
        let signing = self.keys.signing().clone();
        let party = self.party;
        let space = self.space_mut(world.directory, tag)?;
        let certificate = sign(&signing, party, world, space, &act)?;
        space.judge(world.directory);
        counted(space, &certificate)?;
        Ok(certificate)
    }

    /// Returns the epoch to write under, beginning one where none fits.
    pub(super) fn writable_epoch(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<EpochId, CoreError> {
        let world = draft.world();
        let space = self.space_mut(world.directory, tag)?;
        let out = space.out(world.directory, world.now);
        let epoch = match planted::is(Bug::EpochByTime) {
            true => begun_last(space),
            false => space.state().writable_epoch(&out),
        };
        match epoch {
            Some(epoch) if space.content_key(&epoch).is_some() => Ok(epoch),
            Some(_) | None => self.whole(world, tag, |core| core.mint(draft, rng, tag)),
        }
    }

    /// Begins an epoch and passes its key to everybody who may read, to this node's own inbox first:
    /// from a carrier it comes back after the disk was restored from an older state.
    pub(super) fn mint(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<EpochId, CoreError> {
        let world = draft.world();
        let me = self.keys.id();
        let space = self.space_mut(world.directory, tag)?;
        let out = space.out(world.directory, world.now);
        let parents = latest_secrets(space);
        let (epoch, secret) = mint(rng, &parents, out.iter().copied())?;
        let certificate = self.act(world, tag, Act::Epoch(epoch))?;
        let id = EpochId(certificate.id().0);
        let space = self.space_mut(world.directory, tag)?;
        if !space.learn(id, EpochKey::Secret(secret)) {
            return Err(CoreError::NoKey);
        }
        let readers: BTreeSet<PartyId> = space
            .state()
            .members
            .iter()
            .filter(|(party, member)| {
                !out.contains(party) && member.right(world.now) >= Some(Right::Read)
            })
            .map(|(party, _)| *party)
            .collect();
        let certificates = if space.knows(me) {
            vec![certificate]
        } else {
            space.certificates().iter().map(|(_, certificate)| certificate.clone()).collect()
        };
        space.note_wrap(id, me);
        self.publish(draft, rng, tag, certificates)?;
        self.split(draft, rng, tag, id)?;
        let mut nodes = vec![me];
        nodes.extend(readers.into_iter().flat_map(|party| self.others_of(world, party)));
        self.wrap(draft, tag, &nodes, false)?;
        Ok(id)
    }

    /// Lists the nodes of a party, this one not among them.
    pub(super) fn others_of(&self, world: World<'_>, party: PartyId) -> Vec<NodeId> {
        let nodes = world.directory.nodes_of(party, world.now).map(|(id, _)| *id);
        nodes.filter(|id| *id != self.keys.id()).collect()
    }

    /// Puts certificates into the space's authority document.
    pub(super) fn publish(
        &mut self,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
        space: SpaceTag,
        certificates: Vec<SpaceCertificate>,
    ) -> Result<(), CoreError> {
        let me = self.keys.id();
        for own in certificates.iter().filter(|certificate| certificate.body().by == me) {
            draft.act(space, own);
        }
        let items = certificates.iter().map(|certificate| certificate.encode().into()).collect();
        self.write(draft, rng, authority_of(space), Content::Certificates(items))
    }

    pub(super) fn published(
        &mut self,
        draft: Draft<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<Authored, CoreError> {
        let record = self.space_mut(draft.world().directory, tag)?.record();
        let mut authored = Authored { records: vec![record], ..Authored::default() };
        self.finish(draft, rng, &mut authored)?;
        Ok(authored)
    }
}

/// Says where certificates are written.
pub(super) const fn authority_of(space: SpaceTag) -> Edit<'static> {
    Edit { space, name: "", urgency: Urgency::Normal, isolated: false, person: None }
}

fn sign(
    signing: &ed25519_dalek::SigningKey,
    party: PartyId,
    world: World<'_>,
    space: &mut Space,
    act: &Act,
) -> Result<SpaceCertificate, CoreError> {
    let right = match act {
        Act::Epoch(_) => Right::Write,
        Act::Genesis(_)
        | Act::Grant(_)
        | Act::Revoke(_)
        | Act::HandOver(_)
        | Act::Cut { .. }
        | Act::Admit { .. }
        | Act::Refuse { .. }
        | Act::Prune(_)
        | Act::Withdraw(_) => Right::Steward,
    };
    let under =
        space.state().authority(&party, right, world.now).ok_or(CoreError::Forbidden(right))?;
    let heads = space.state().heads.clone();
    let certificate =
        SpaceCertificate::sign(signing, space.id(), party, under, heads, world.now, act)?;
    space.add(certificate.clone());
    Ok(certificate)
}

/// Refuses an act that no member would count: an owner's removal, a grant too far from the owner.
pub(super) fn counted(space: &Space, certificate: &SpaceCertificate) -> Result<(), CoreError> {
    let refused = space.state().refused.contains_key(&certificate.id());
    if refused { Err(CoreError::Forbidden(Right::Steward)) } else { Ok(()) }
}

/// The epoch that was begun last by its author's clock: what must never be written under for that.
fn begun_last(space: &Space) -> Option<EpochId> {
    let begun = |id: &&EpochId| Some(space.certificates().get(&CertificateId(id.0))?.body().at);
    let known = space.state().epochs.keys().filter(|id| space.content_key(id).is_some());
    known.max_by_key(begun).copied()
}

/// The secrets of known epochs that no other known epoch follows.
fn latest_secrets(space: &Space) -> BTreeMap<EpochId, Secret> {
    let followed: BTreeSet<EpochId> = space
        .state()
        .epochs
        .values()
        .flat_map(|state| state.epoch.parents.iter().map(|p| p.epoch))
        .collect();
    space
        .keys()
        .iter()
        .filter(|(id, _)| !followed.contains(id))
        .filter_map(|(id, key)| Some((*id, key.secret()?.clone())))
        .take(crate::limits::PARENTS_MAX)
        .collect()
}
