//! What is true in a neighbourhood, gathered from members and never from the carrier.

use linli_core::authority::Act;
use linli_core::kdf;
use linli_replica::certificate::PartyKind;
use linli_replica::erasure::{ORDER_TOPIC, Order};
use linli_replica::id::{EntryId, NodeId, SpaceTag, inbox_tag};
use linli_replica::prune::document_tag;

use super::{Class, Known};
use crate::neighbourhood::Neighbourhood;

impl Known {
    /// Adds what all members know and hold at this moment.
    ///
    /// # Panics
    /// A member cannot read what it holds.
    pub fn gather(&mut self, net: &mut Neighbourhood) {
        let nodes: Vec<NodeId> = net.nodes.keys().copied().collect();
        for id in &nodes {
            self.add(Class::Endpoint, [id.0]);
            self.add(Class::Inbox, [inbox_tag(id).0]);
            self.add(Class::Document, [kdf::inbox(id).1.0]);
            self.forbid_beyond_counts("a node's key", id.as_bytes());
        }
        let officers = net.community.officers().iter();
        self.add(Class::Officer, officers.map(|key| key.verifying_key().to_bytes()));
        for id in &nodes {
            if net.node(*id).replica.directory().only_carries(id) {
                continue;
            }
            self.community(net, *id);
            for other in &nodes {
                self.held(net, *id, inbox_tag(other));
            }
            let blobs: Vec<[u8; 32]> =
                net.node(*id).replica.blobs().map(|blob| blob.id.0).collect();
            self.add(Class::Blob, blobs);
            for space in net.spaces(*id) {
                self.space(net, *id, space);
                self.held(net, *id, space);
            }
        }
    }

    fn community(&mut self, net: &Neighbourhood, id: NodeId) {
        let directory = net.node(id).replica.directory();
        self.add(Class::Community, [directory.community().0]);
        self.add(Class::Certificate, directory.certificates().map(|c| c.id().0));
        for (party, facts) in directory.parties() {
            self.add(Class::Party, [party.0]);
            if facts.kind != PartyKind::Carrier {
                self.forbid_beyond_directory("a party", party.as_bytes());
            }
        }
        for notice in directory.notices(ORDER_TOPIC) {
            if let Ok(order) = Order::decode(&notice.body, directory.community()) {
                self.add(Class::Order, [order.id().0]);
            }
        }
    }

    /// What the members of a space know of it.
    fn space(&mut self, net: &mut Neighbourhood, id: NodeId, tag: SpaceTag) {
        self.add(Class::Space, [tag.0]);
        self.add(Class::Document, [kdf::recovery_tag(&tag).0, document_tag(&tag).0]);
        net.space(id, tag, |space| {
            self.add(Class::Document, [space.authority_document().0]);
            for (document, name) in space.documents() {
                self.add(Class::Document, [document.0]);
                self.forbid("a document's name", name.as_bytes());
            }
            for (certificate, body) in space.certificates().iter() {
                if matches!(body.act(), Some(Act::Epoch(_))) {
                    self.add(Class::Epoch, [certificate.0]);
                } else if !self.has(Class::ShownSpace, &certificate.0) {
                    self.forbid("a certificate of a space", &certificate.0);
                }
            }
        });
    }

    /// Logs and entries of a space that a member holds. Logs are those of which it knows the writer.
    fn held(&mut self, net: &mut Neighbourhood, id: NodeId, tag: SpaceTag) {
        let inbox = self.has(Class::Inbox, &tag.0);
        for entry in net.entries(id, tag) {
            let log = entry.header().log;
            if inbox || net.space(id, tag, |space| space.writer(&log).is_some()) {
                self.add(Class::Log, [log.0]);
                let EntryId(entry) = entry.id();
                self.add(Class::Entry, [entry]);
            }
        }
    }

    /// Allows the id of a space to be seen, for an order to carriers shows it.
    ///
    /// # Panics
    /// The node is no member of it.
    pub fn shows(&mut self, net: &mut Neighbourhood, id: NodeId, tag: SpaceTag) {
        let genesis: Vec<[u8; 32]> = net.space(id, tag, |space| {
            let all = space.certificates().iter();
            let genesis = all.filter(|(_, body)| matches!(body.act(), Some(Act::Genesis(_))));
            genesis.map(|(id, _)| id.0).collect()
        });
        for id in &genesis {
            self.allow(id);
        }
        self.add(Class::ShownSpace, genesis);
    }
}
