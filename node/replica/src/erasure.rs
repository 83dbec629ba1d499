//! Orders to erase, and what nodes have confirmed. `docs/spec/erasure.md` is the format.
//!
//! An order is a notice of the community (topic [`ORDER_TOPIC`]), so that everybody enrolled learns
//! of it and nobody need hold a key to check it: the tag of a space is made of its id and of the
//! public half of its carrier-order key, and whoever shows both and a signature by that key speaks
//! for a steward of the space. It stands for ever, whoever published it and whatever became of them.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::batch::Erase;
use crate::certificate::{Act, Certificate};
use crate::directory::{Directory, Notice};
use crate::id::{
    CertificateId, CommunityId, DocTag, NodeId, OrderId, SpaceTag, Timestamp, space_tag,
};
use crate::limits::{CONFIRMED_ORDERS_MAX, ERASE_DOCUMENTS_MAX};

/// The topic of a notice that is an order to erase.
pub const ORDER_TOPIC: &str = "erase";
/// The topic of a notice in which a node confirms that it has erased.
pub const CONFIRMATION_TOPIC: &str = "erased";

const CONTEXT: &str = "linli 1 erase order";
const VERSION: u8 = 1;

/// What an order is about: its terms, which are signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// The community in which it holds.
    #[n(0)]
    pub community: CommunityId,
    /// The space's id: the hash of its genesis.
    #[n(1)]
    pub space: ByteArray<32>,
    /// The public half of the space's carrier-order key.
    #[n(2)]
    pub carrier_key: ByteArray<32>,
    /// The documents, in order, each once; none for the whole space.
    #[n(3)]
    pub documents: Option<Vec<DocTag>>,
    /// When it was given, by its signer's clock. Tells people; decides nothing.
    #[n(4)]
    pub at: Timestamp,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    version: u8,
    #[n(1)]
    terms: ByteVec,
    #[n(2)]
    signature: ByteArray<64>,
}

#[derive(Encode, Decode)]
struct Confirmation {
    #[n(0)]
    version: u8,
    #[n(1)]
    orders: Vec<OrderId>,
}

/// An order whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    id: OrderId,
    erase: Erase,
    at: Timestamp,
}

/// Why bytes are not an order to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// They cannot be read, or list too much.
    #[error("this order to erase cannot be read; its steward gives it again")]
    Malformed,
    /// A later format.
    #[error("this order to erase has format version {0}; update this node to carry it out")]
    Version(u8),
    /// Given in another community.
    #[error("this order to erase was given in another community")]
    OtherCommunity,
    /// Not signed by the key that the space's tag commits to.
    #[error("this order to erase is not signed by the key of the space that it names")]
    BadSignature,
}

fn id(terms: &[u8]) -> OrderId {
    OrderId(blake3::derive_key(CONTEXT, terms))
}

fn message(terms: &[u8]) -> Vec<u8> {
    [CONTEXT.as_bytes(), &id(terms).0].concat()
}

impl Terms {
    /// Signs the terms with the space's carrier-order key; what is returned is a notice's body.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let terms = crate::codec::encode(self);
        let signature = key.sign(&message(&terms)).to_bytes().into();
        crate::codec::encode(&Signed { version: VERSION, terms: terms.into(), signature })
    }

    /// Returns the tag of the space.
    #[must_use]
    pub fn tag(&self) -> SpaceTag {
        space_tag(&self.space, &self.carrier_key)
    }
}

impl Order {
    /// Reads an order and checks its signature.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub fn decode(bytes: &[u8], community: CommunityId) -> Result<Self, OrderError> {
        let signed: Signed = crate::codec::decode(bytes).map_err(|_| OrderError::Malformed)?;
        if signed.version != VERSION {
            return Err(OrderError::Version(signed.version));
        }
        let terms: Terms =
            crate::codec::decode(&signed.terms).map_err(|_| OrderError::Malformed)?;
        if terms.community != community {
            return Err(OrderError::OtherCommunity);
        }
        VerifyingKey::from_bytes(&terms.carrier_key)
            .and_then(|key| {
                let signature = Signature::from_bytes(&signed.signature);
                key.verify_strict(&message(&signed.terms), &signature)
            })
            .map_err(|_| OrderError::BadSignature)?;
        let documents = terms.documents.as_deref();
        let sound = documents.is_none_or(|documents| {
            let ordered = documents.windows(2).all(|pair| pair.first() < pair.last());
            ordered && (1..=ERASE_DOCUMENTS_MAX).contains(&documents.len())
        });
        if !sound {
            return Err(OrderError::Malformed);
        }
        let (space, at) = (terms.tag(), terms.at);
        let documents = terms.documents.map(|documents| documents.into_iter().collect());
        Ok(Self { id: id(&signed.terms), erase: Erase { space, documents }, at })
    }

    /// Returns the id, the same whoever publishes the order.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        self.id
    }

    /// Returns what is to be erased.
    #[must_use]
    pub const fn erase(&self) -> &Erase {
        &self.erase
    }

    /// Returns when it was given, by its signer's clock.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// Publishes an order as a notice of this node's.
#[must_use]
pub fn publish(
    body: Vec<u8>,
    community: CommunityId,
    at: Timestamp,
    key: &SigningKey,
) -> Certificate {
    notice(ORDER_TOPIC, body, community, at, key)
}

/// Confirms orders as a notice of this node's: what they name was removed here, durably. Takes the
/// first [`CONFIRMED_ORDERS_MAX`].
#[must_use]
pub fn confirm(
    orders: impl IntoIterator<Item = OrderId>,
    community: CommunityId,
    at: Timestamp,
    key: &SigningKey,
) -> Certificate {
    let orders = orders.into_iter().take(CONFIRMED_ORDERS_MAX).collect();
    let body = crate::codec::encode(&Confirmation { version: VERSION, orders });
    notice(CONFIRMATION_TOPIC, body, community, at, key)
}

fn notice(
    topic: &str,
    body: Vec<u8>,
    community: CommunityId,
    at: Timestamp,
    key: &SigningKey,
) -> Certificate {
    let node = NodeId(key.verifying_key().to_bytes());
    let act = Act::Notice { node, topic: topic.to_owned(), body: body.into() };
    Certificate::new(community, at, act).signed(key)
}

/// Every order that stands, and who has confirmed it: a function of the community's certificates.
#[derive(Debug, Clone, Default)]
pub struct Erasures {
    /// Notices that were looked at: each costs a signature once, however often others come.
    judged: BTreeSet<CertificateId>,
    orders: BTreeMap<OrderId, Order>,
    refused: BTreeMap<CertificateId, OrderError>,
    confirmed: BTreeMap<OrderId, BTreeMap<NodeId, Timestamp>>,
}

impl Erasures {
    /// Looks at the notices that have come since; returns the orders that are new.
    pub fn learn(&mut self, directory: &Directory) -> Vec<Order> {
        let mut fresh = Vec::new();
        for notice in directory.notices(ORDER_TOPIC) {
            if !self.judged.insert(notice.id) {
                continue;
            }
            match Order::decode(&notice.body, directory.community()) {
                Ok(order) => {
                    if self.orders.insert(order.id, order.clone()).is_none() {
                        fresh.push(order);
                    }
                }
                Err(error) => drop(self.refused.insert(notice.id, error)),
            }
        }
        for notice in directory.notices(CONFIRMATION_TOPIC) {
            if self.judged.insert(notice.id) {
                self.take_confirmation(notice);
            }
        }
        fresh
    }

    fn take_confirmation(&mut self, notice: &Notice) {
        let confirmation = crate::codec::decode::<Confirmation>(&notice.body).ok();
        let confirmation = confirmation.filter(|confirmation| {
            confirmation.version == VERSION && confirmation.orders.len() <= CONFIRMED_ORDERS_MAX
        });
        let Some(confirmation) = confirmation else {
            self.refused.insert(notice.id, OrderError::Malformed);
            return;
        };
        for order in confirmation.orders {
            let by = self.confirmed.entry(order).or_default();
            let at = by.entry(notice.node).or_insert(notice.at);
            *at = notice.at.min(*at);
        }
    }

    /// Lists the orders that stand.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Looks an order up.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Lists the nodes that have confirmed an order, each with when by its own clock.
    pub fn confirmed(&self, id: &OrderId) -> impl Iterator<Item = (NodeId, Timestamp)> {
        let by = self.confirmed.get(id).into_iter().flatten();
        by.map(|(node, at)| (*node, *at))
    }

    /// Says whether a node has confirmed an order.
    #[must_use]
    pub fn has_confirmed(&self, id: &OrderId, node: &NodeId) -> bool {
        self.confirmed.get(id).is_some_and(|by| by.contains_key(node))
    }

    /// Lists the notices of both topics that are not what they say, with the reason.
    #[must_use]
    pub const fn refused(&self) -> &BTreeMap<CertificateId, OrderError> {
        &self.refused
    }
}

#[cfg(test)]
mod tests;
