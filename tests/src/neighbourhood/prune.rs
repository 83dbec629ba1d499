//! Checkpoints and orders to prune: what a steward's node does about them, and what one does that lies.

use std::io::{Read as _, Write as _};

use ed25519_dalek::SigningKey;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use linli_core::authority::Act;
use linli_core::checkpoint::Manifest;
use linli_core::engine::CoreError;
use linli_core::identity::log_key;
use linli_core::payload::Content;
use linli_core::seal::{Place, order_page};
use linli_core::secret::Secret;
use linli_replica::batch::Shelf;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{DocTag, EntryId, NodeId, PruneId, SpaceTag};
use linli_replica::prune::{Order, Terms, document_tag};
use linli_replica::replica::Input;

use super::Neighbourhood;
use super::forge::read_record as read_keys;

/// What a steward's node does about the checkpoints of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// Makes one.
    Make,
    /// Signs for one.
    Agree,
    /// Orders carriers to prune by one.
    Order,
    /// Takes back what was signed for the one whose last part this is.
    TakeBack(EntryId),
}

impl Neighbourhood {
    /// Has a node do something about the checkpoints of a document; says whether it wrote anything.
    ///
    /// # Errors
    /// The core's.
    pub fn prune(
        &mut self,
        id: NodeId,
        (space, document): (SpaceTag, DocTag),
        what: Pruning,
    ) -> Result<bool, CoreError> {
        let mut wrote = false;
        self.act(id, |core, world, rng| {
            let authored = match what {
                Pruning::Make => core.checkpoint(world, rng, space, document),
                Pruning::Agree => core.agree(world, rng, space, document),
                Pruning::Order => core.order_pruning(world, rng, space, document),
                Pruning::TakeBack(entry) => core.withdraw(world, rng, space, entry),
            }?;
            wrote = authored.is_some();
            Ok::<_, CoreError>(authored.unwrap_or_default())
        })?;
        Ok(wrote)
    }

    /// Takes the checkpoint that a node wrote last to a document, has `lie` change its table, and seals that as the next
    /// entry of the node's log, which its core knows nothing of. None where there is none that it can read, in one part.
    pub fn forge_checkpoint(
        &mut self,
        id: NodeId,
        (space, name): (SpaceTag, &str),
        lie: impl FnOnce(&mut Vec<u8>),
    ) -> Option<Entry> {
        let mut forger = self.forger(id, space, name);
        let document = self.space(id, space, |space| space.document(name));
        let of = |entry: &Entry| {
            (entry.header().document, entry.header().log) == (document, forger.log_id())
        };
        let own = self.entries(id, space).into_iter().filter(of);
        let parts = own.filter_map(|entry| Some((entry.header().sequence, forger.open(&entry)?)));
        let parts = parts.filter(|(_, part)| matches!(part.content, Content::Checkpoint(_)));
        let (_, part) = parts.max_by_key(|(sequence, _)| *sequence)?;
        let [manifest, bytes] = part.content.items() else { return None };
        let mut manifest: Manifest = minicbor::decode(manifest).ok()?;
        let mut table = Vec::new();
        DeflateDecoder::new(bytes.as_slice()).read_to_end(&mut table).ok()?;
        lie(&mut table);
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(&table).ok()?;
        let bytes = deflate.finish().ok()?;
        manifest.bytes = u32::try_from(bytes.len()).ok()?;
        manifest.hash = (*blake3::hash(&bytes).as_bytes()).into();
        let manifest = minicbor::to_vec(&manifest).ok()?;
        let content = Content::Checkpoint(vec![manifest.into(), bytes.into()]);
        Some(forger.write_content(&mut self.rng, content, None))
    }

    /// Whether a node has a key of a space.
    #[must_use]
    pub fn has_key(&self, id: NodeId, space: SpaceTag) -> bool {
        let record = self.node(id).disk.store.record(Shelf::Space, space.as_bytes());
        record.and_then(|record| read_keys(&record)).is_some_and(|(keys, _)| !keys.is_empty())
    }

    /// Whether a node keeps the key that gives orders to the carriers of a space.
    #[must_use]
    pub fn keeps_carrier_key(&self, id: NodeId, space: SpaceTag) -> bool {
        let record = self.node(id).disk.store.record(Shelf::Space, space.as_bytes());
        record.is_some_and(|record| read_record(&record).is_some())
    }

    /// Gives an order to prune in a space that the node began. The terms say what; whose space it is and when
    /// it is given are put in.
    ///
    /// # Panics
    /// The node did not begin the space, or the order contradicts itself.
    pub fn order_pruning(&mut self, id: NodeId, space: SpaceTag, terms: Terms) -> PruneId {
        let genesis = self.space(id, space, |space| {
            let mut all = space.certificates().iter();
            let genesis = all.find(|(_, body)| matches!(body.act(), Some(Act::Genesis(_))));
            genesis.map(|(id, _)| id.0)
        });
        let (now, node) = (self.now, self.node(id));
        let record = node.disk.store.record(Shelf::Space, space.as_bytes()).expect("a member");
        let (log, key) = read_record(&record).expect("whoever began a space has its key");
        let terms = Terms {
            community: node.replica.directory().community(),
            space: genesis.expect("a member knows how it began").into(),
            carrier_key: key.verifying_key().to_bytes().into(),
            at: now,
            ..terms
        };
        let (order, content) = Order::give(&terms, &key).expect("an order");
        let document = document_tag(&space);
        let tip = node.replica.index().tips(&document, &log_key(&log)).last().copied();
        let (sequence, previous) = tip.map_or_else(Default::default, |tip| (tip.sequence, tip.id));
        let (sequence, urgency) = (sequence + 1, Urgency::Normal);
        let place = Place { space, document, log_key: &log, sequence, previous, urgency };
        let pages = vec![order_page(&place, &content).expect("it fits an entry")];
        let (certificates, records, urgent) = (Vec::new(), Vec::new(), false);
        self.input(id, Input::Authored { pages, certificates, records, urgent });
        order.id()
    }
}

/// Reads the key of the log and the carrier-order key from a space's record.
fn read_record(record: &[u8]) -> Option<(SigningKey, SigningKey)> {
    let mut decoder = minicbor::Decoder::new(record);
    decoder.array().ok()?;
    decoder.skip().ok()?;
    decoder.skip().ok()?;
    let log: Secret = decoder.decode().ok()?;
    for _ in 0..3 {
        decoder.skip().ok()?;
    }
    let key: Secret = decoder.decode().ok()?;
    Some((SigningKey::from_bytes(log.expose()), SigningKey::from_bytes(key.expose())))
}
