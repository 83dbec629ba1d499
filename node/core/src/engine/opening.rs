//! Giving somebody the present epoch of a space to read, and reading by what was given.

use linli_replica::batch::{Record, Shelf};
use linli_replica::id::{CertificateId, EpochId, SpaceTag};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::receive::News;
use super::{Arrival, Authored, Core, CoreError, World};
use crate::inbox::Wrap;
use crate::limits::PLAINTEXT_BYTES_MAX;
use crate::opening::Opening;

/// Bytes of certificates that are written in one entry: what is left takes the largest certificate.
const RESTATED_BYTES: usize = PLAINTEXT_BYTES_MAX / 2;

impl Core {
    /// Returns the epoch that this node would write under, none where it must begin one first.
    ///
    /// # Errors
    /// As [`Core::space`].
    pub fn present_epoch(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
    ) -> Result<Option<EpochId>, CoreError> {
        let space = self.space_mut(world.directory, tag)?;
        let out = space.out(world.directory, world.now);
        let epoch = space.state().writable_epoch(&out);
        Ok(epoch.filter(|epoch| space.content_key(epoch).is_some()))
    }

    /// Returns what opens the present epoch of a space, none where this node would begin one first.
    ///
    /// # Errors
    /// As [`Core::space`].
    pub fn opening(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
    ) -> Result<Option<Opening>, CoreError> {
        let Some(epoch) = self.present_epoch(world, tag)? else { return Ok(None) };
        let space = self.space_mut(world.directory, tag)?;
        let certificate = space.certificates().get(&CertificateId(epoch.0));
        let parts = (space.genesis(), certificate, space.content_key(&epoch));
        let (Some(genesis), Some(certificate), Some(key)) = parts else { return Ok(None) };
        Ok(Opening::new(genesis.clone(), certificate.clone(), key).ok())
    }

    /// Writes every certificate of a space that counts again, under its present epoch: who holds the key of that epoch only can
    /// then judge who may write there.
    ///
    /// # Errors
    /// This party may not write there.
    pub fn restate(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<Authored, CoreError> {
        self.whole(world, tag, |core| {
            let mut draft = Draft::new(world);
            let (mut part, mut bytes) = (Vec::new(), 0);
            let space = core.space_mut(world.directory, tag)?;
            let all: Vec<_> = space.counting().cloned().collect();
            for certificate in all {
                let size = certificate.encode().len();
                if bytes + size > RESTATED_BYTES {
                    core.publish(&mut draft, rng, tag, std::mem::take(&mut part))?;
                    bytes = 0;
                }
                bytes += size;
                part.push(certificate);
            }
            core.publish(&mut draft, rng, tag, part)?;
            let authored = core.published(draft, rng, tag)?;
            // Each was an act when it was signed, and is none now.
            Ok(Authored { acts: Vec::new(), ..authored })
        })
    }

    /// Takes up an opening: this node asks for the space and reads what was written in that epoch. It
    /// is no member by this.
    ///
    /// # Errors
    /// The store or the space's record cannot be read.
    pub fn open_with(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        opening: &Opening,
    ) -> Result<Arrival, CoreError> {
        let mut arrival = Arrival::default();
        let mut news = News::new();
        let certificates = opening.certificates().into_iter().cloned().collect();
        let keys = [Wrap { epoch: opening.epoch(), key: opening.key() }];
        self.take_in(world, rng, opening.space(), certificates, &keys, &mut arrival, &mut news)?;
        self.settle(world, rng, news, &mut arrival)?;
        Ok(arrival)
    }

    /// Says whether an epoch of a space can be read here.
    #[must_use]
    pub fn reads(&mut self, world: World<'_>, tag: SpaceTag, epoch: EpochId) -> bool {
        let space = self.space_mut(world.directory, tag);
        space.is_ok_and(|space| space.content_key(&epoch).is_some())
    }

    /// Forgets a space that was opened to this node and of which its party never was a member; none
    /// where it is or was one.
    ///
    /// # Errors
    /// As [`Core::space`].
    pub fn forget(
        &mut self,
        world: World<'_>,
        tag: SpaceTag,
    ) -> Result<Option<Authored>, CoreError> {
        let party = self.party;
        let state = self.space_mut(world.directory, tag)?.state();
        if state.members.contains_key(&party) || state.former.contains_key(&party) {
            return Ok(None);
        }
        self.spaces.remove(&tag);
        self.open.clear();
        let record = Record { shelf: Shelf::Space, key: tag.0.to_vec(), value: None };
        Ok(Some(Authored { records: vec![record], ..Authored::default() }))
    }
}
