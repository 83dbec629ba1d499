//! Heartbeats: a hub says in its alert space, once a minute, that it is there. A
//! [`Cell`] holds one, sealed for the space's readers; nothing is logged. `docs/spec/keys.md` has the
//! format.
//!
//! On the wire a heartbeat is as long as an alert or an acknowledgement, so that who counts bytes
//! cannot tell them apart.

use chacha20poly1305::aead::{Aead as _, Payload as Sealing};
use linli_replica::frame::Cell;
use linli_replica::id::{EpochId, LogKey, NodeId, SpaceTag, Timestamp};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::authority::Right;
use crate::codec::version;
use crate::engine::{Core, CoreError, World};
use crate::limits::HEARTBEAT_BYTES;
use crate::payload::Binding;
use crate::seal::{SealError, cipher, pad_to, unpad};
use crate::secret::{Secret, draw};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// A sign of life that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The alert space.
    pub space: SpaceTag,
    /// Who was there.
    pub node: NodeId,
    /// When, by its own clock.
    pub at: Timestamp,
}

#[derive(Debug, Encode, Decode)]
struct Beat {
    #[n(0)]
    version: u8,
    #[n(1)]
    at: Timestamp,
    /// Whose log it is: the reader may have seen no entry of it.
    #[n(2)]
    binding: Binding,
}

/// What a cell is sealed for: its clear fields.
fn place(space: &SpaceTag, log: &LogKey, counter: u64, epoch: &EpochId) -> Vec<u8> {
    let counter = counter.to_le_bytes();
    [b"linli 1 heartbeat".as_slice(), space.as_bytes(), log.as_bytes(), &counter, &epoch.0].concat()
}

impl Core {
    /// Seals a heartbeat of this node for the readers of a space; none where an epoch must be
    /// begun before anything is written there.
    ///
    /// # Errors
    /// This node is no member of the space, or may not write there.
    pub fn heartbeat(
        &mut self,
        world: World<'_>,
        rng: &mut impl CryptoRng,
        tag: SpaceTag,
    ) -> Result<Option<Cell>, CoreError> {
        let (party, signing) = (self.party(), self.signing_key().clone());
        let Some(epoch) = self.present_epoch(world, tag)? else { return Ok(None) };
        let space = self.space(world, tag)?;
        if space.state().right(&party, world.now) < Some(Right::Write) {
            return Err(CoreError::Forbidden(Right::Write));
        }
        let content_key = space.content_key(&epoch).ok_or(CoreError::NoKey)?;
        let key = space.log_key();
        let (log, at) = (crate::identity::log_key(&key), world.now);
        let beat = Beat { version: VERSION, at, binding: Binding::new(&signing, &key, tag) };
        let aad = place(&tag, &log, at.0, &epoch);
        let sealed = seal(rng, &content_key, &linli_replica::codec::encode(&beat), &aad)?;
        Ok(Some(Cell::new(tag, at.0, [&epoch.0, sealed.as_slice()].concat(), &key)))
    }

    /// Reads a heartbeat; none unless it is of a node that may write in its space, at a time that has
    /// been.
    pub fn hear(&mut self, world: World<'_>, cell: &Cell) -> Option<Heartbeat> {
        let (epoch, sealed) = cell.content.split_first_chunk::<32>()?;
        let epoch = EpochId(*epoch);
        let space = self.space(world, cell.space).ok()?;
        let aad = place(&cell.space, &cell.log, cell.counter, &epoch);
        let opened = open(&space.content_key(&epoch)?, sealed, &aad)?;
        if version(&opened) != Some(VERSION) {
            return None;
        }
        let beat: Beat = linli_replica::codec::decode(&opened).ok()?;
        let node = beat.binding.verify(cell.log, cell.space).ok()?;
        let member = world.directory.admits(&node, world.now).ok()?;
        let may = space.state().right(&member.party, world.now) >= Some(Right::Write);
        let has_been = beat.at.0 == cell.counter && beat.at <= world.now.plus_ms(CLOCK_SKEW_MS_MAX);
        (may && has_been).then_some(Heartbeat { space: cell.space, node, at: beat.at })
    }
}

/// Seals bytes in one size: nonce ‖ ciphertext.
fn seal(
    rng: &mut impl CryptoRng,
    key: &Secret,
    bytes: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, SealError> {
    let padded = pad_to(bytes, HEARTBEAT_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = draw(rng);
    let sealing = Sealing { msg: &padded, aad };
    let sealed = cipher(key)
        .encrypt(&nonce.into(), sealing)
        .map_err(|_| SealError::TooLarge(bytes.len()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(key: &Secret, sealed: &[u8], aad: &[u8]) -> Option<crate::secret::Plaintext> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let padded = cipher(key).decrypt(&(*nonce).into(), Sealing { msg: sealed, aad }).ok()?;
    unpad(Zeroizing::new(padded)).ok()
}
