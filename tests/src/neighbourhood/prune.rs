//! Orders to prune, as a steward's node gives them: with the keys on its disk.

use ed25519_dalek::SigningKey;
use linli_core::authority::Act;
use linli_core::identity::log_key;
use linli_core::seal::{Place, order_page};
use linli_core::secret::Secret;
use linli_replica::batch::Shelf;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, PruneId, SpaceTag};
use linli_replica::prune::{Order, Terms, document_tag};
use linli_replica::replica::Input;

use super::Neighbourhood;

impl Neighbourhood {
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
