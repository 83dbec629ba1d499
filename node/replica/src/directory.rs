//! Who belongs to the community: a pure function of its set of certificates.
//!
//! The order in which certificates arrive never matters. What does not count is listed with the
//! reason ([`Refusal`]); what may still count once more signatures arrive is [`Refusal::Pending`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use crate::id::{CertificateId, CommunityId, NodeId, OfficerId, PartyId, Timestamp};
use crate::reconcile::Item;

mod carried;
mod evaluate;

pub use carried::RECOVERY_TOPIC;

/// A party of the community.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// What it is.
    pub kind: PartyKind,
    /// Its public name, none for a household.
    pub name: Option<String>,
    /// Whether officers put it out.
    pub expelled: bool,
}

/// A node of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Whose node it is.
    pub party: PartyId,
    /// What that party is.
    pub kind: PartyKind,
    /// Its HPKE public key.
    pub seal_key: [u8; 32],
    /// Its end date.
    pub ends: Timestamp,
    /// The device's name.
    pub label: String,
    /// Whether it lends space to entries it cannot read.
    pub carrier: bool,
    /// Whether officers put it or its party out.
    pub expelled: bool,
}

/// Something a node published to every member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The certificate.
    pub id: CertificateId,
    /// Who published it.
    pub node: NodeId,
    /// Its party.
    pub party: PartyId,
    /// When, by the publisher's clock.
    pub at: Timestamp,
    /// The content, in the format of its topic.
    pub body: Vec<u8>,
}

/// Why a certificate does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// Another community's.
    #[error("it belongs to another community")]
    OtherCommunity,
    /// More officers must sign.
    #[error("{signed} of {needed} officers have signed; ask the others to sign")]
    Pending {
        /// How many officers have signed.
        signed: usize,
        /// How many must.
        needed: usize,
    },
    /// It rests on an officer set that does not stand.
    #[error("it names a set of officers that does not stand")]
    UnknownOfficers,
    /// Two successors of one officer set, neither chosen by enough officers that signed only one.
    #[error("the officers named two successors; enough of those who signed one must choose")]
    RivalOfficers,
    /// The officer set is not sound: m of n with m > n/2, keys in order.
    #[error("its officers and threshold are not m of n with m more than half")]
    UnsoundOfficers,
    /// It rests on a key that the officers struck out as lost or stolen.
    #[error(
        "it rests on an officer's key that was struck out; the officers in force must sign anew"
    )]
    StruckOut,
    /// Its signer is not the party or node it speaks for.
    #[error("it is not signed by the party or node it speaks for")]
    WrongSigner,
    /// The party is not enrolled.
    #[error("its party is not enrolled")]
    UnknownParty,
    /// The node is not certified.
    #[error("its node is not certified")]
    UnknownNode,
    /// Another certificate about the same key came to stand, the one of lower id.
    #[error("another certificate about the same key stands")]
    Superseded,
}

/// Why an endpoint is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotMember {
    /// No certificate names it.
    #[error("the node is not enrolled here; invite it first")]
    Unknown,
    /// Put out by officers.
    #[error("the node was expelled")]
    Expelled,
    /// Past its end date by this node's clock.
    #[error("the node's certificate has ended; it renews itself when its clock is right")]
    Ended,
}

/// The community as its certificates make it.
#[derive(Debug, Clone)]
pub struct Directory {
    community: CommunityId,
    certificates: BTreeMap<CertificateId, Certificate>,
    /// The hash of each as it is encoded, by id: what every session compares.
    digests: Arc<[Item]>,
    /// Of those that nodes which only carry are told.
    carried: Arc<[Item]>,
    name: String,
    officers: (CertificateId, OfficerSet),
    line: Vec<CertificateId>,
    parties: BTreeMap<PartyId, Party>,
    nodes: BTreeMap<NodeId, Node>,
    notices: BTreeMap<String, Vec<Notice>>,
    refused: BTreeMap<CertificateId, Refusal>,
    /// Of acts that stand, the signatures that do not count any more.
    struck: BTreeMap<CertificateId, BTreeSet<OfficerId>>,
}

/// The first certificate is not a genesis that enough of its own officers signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this certificate does not begin a community: it is no genesis, or too few officers signed it"
)]
pub struct NotGenesis;

impl Directory {
    /// Begins from a community's genesis certificate.
    ///
    /// # Errors
    /// The certificate is not a genesis, its officer set is unsound, or too few have signed.
    pub fn new(genesis: Certificate) -> Result<Self, NotGenesis> {
        let Act::Genesis { name, officers, .. } = &genesis.body().act else {
            return Err(NotGenesis);
        };
        let enough = evaluate::signatures(&genesis, officers) >= usize::from(officers.threshold);
        if !officers.is_sound() || !enough || genesis.body().community != CommunityId::default() {
            return Err(NotGenesis);
        }
        let id = genesis.id();
        let digests: Arc<[Item]> = [(id.0, digest(&genesis))].into();
        Ok(Self {
            carried: Arc::clone(&digests),
            digests,
            community: CommunityId(id.0),
            name: name.clone(),
            officers: (id, officers.clone()),
            line: vec![id],
            certificates: BTreeMap::from([(id, genesis)]),
            parties: BTreeMap::new(),
            nodes: BTreeMap::new(),
            notices: BTreeMap::new(),
            refused: BTreeMap::new(),
            struck: BTreeMap::new(),
        })
    }

    /// Adds certificates; says which of them brought something: a new one, or new signatures.
    pub fn add(
        &mut self,
        certificates: impl IntoIterator<Item = Certificate>,
    ) -> Vec<CertificateId> {
        let mut changed = Vec::new();
        for certificate in certificates {
            let id = certificate.id();
            let news = match self.certificates.get_mut(&id) {
                Some(held) => held.merge(&certificate),
                None => self.certificates.insert(id, certificate).is_none(),
            };
            if news {
                changed.push(id);
            }
        }
        if !changed.is_empty() {
            self.digest_anew(&changed.iter().copied().collect());
            evaluate::evaluate(self);
        }
        changed
    }

    /// Returns the hash of each certificate as it is encoded, by id and in order; only of those that nodes
    /// which only carry are told, where asked so.
    #[must_use]
    pub fn digests(&self, for_carriers: bool) -> Arc<[Item]> {
        Arc::clone(if for_carriers { &self.carried } else { &self.digests })
    }

    fn digest_anew(&mut self, changed: &BTreeSet<CertificateId>) {
        let known = |id: &CertificateId| {
            let at = self.digests.binary_search_by_key(&id.0, |(known, _)| *known).ok()?;
            self.digests.get(at).filter(|_| !changed.contains(id)).copied()
        };
        let item = |(id, held)| known(id).unwrap_or_else(|| (id.0, digest(held)));
        let digests: Arc<[Item]> = self.certificates.iter().map(item).collect();
        let both = digests.iter().zip(self.certificates.values());
        let carried = both.filter(|(_, held)| held.is_for_carriers());
        self.carried = carried.map(|(item, _)| *item).collect();
        self.digests = digests;
    }

    /// Returns the community's id.
    #[must_use]
    pub const fn community(&self) -> CommunityId {
        self.community
    }

    /// Returns the community's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the officers in force and the certificate that names them.
    #[must_use]
    pub const fn officers(&self) -> &(CertificateId, OfficerSet) {
        &self.officers
    }

    /// Lists the certificates that name the officers in force and, before them, those that were, from
    /// the genesis on.
    #[must_use]
    pub fn line(&self) -> &[CertificateId] {
        &self.line
    }

    /// Returns the officers that a certificate of the [line](Self::line) names.
    #[must_use]
    pub fn set(&self, id: &CertificateId) -> Option<&OfficerSet> {
        let named = self.line.contains(id).then(|| self.certificates.get(id)).flatten()?;
        evaluate::set_of(named)
    }

    /// Lists what counts as an act of officers and would not without the signatures of `gone`: what a
    /// change of officers that strikes them out has to name for it to go on counting.
    #[must_use]
    pub fn resting_on(&self, gone: &BTreeSet<OfficerId>) -> Vec<CertificateId> {
        let rests = |(id, certificate): (&CertificateId, &Certificate)| {
            let (Act::Enrol { under, .. } | Act::Expel { under, .. }) = &certificate.body().act
            else {
                return None;
            };
            let set = self.set(under).filter(|_| !self.refused.contains_key(id))?;
            let struck = self.struck.get(id);
            let counts = |officer: &&OfficerId| {
                !gone.contains(*officer) && struck.is_none_or(|struck| !struck.contains(*officer))
            };
            let left = evaluate::signers(certificate, set).iter().filter(counts).count();
            (left < usize::from(set.threshold)).then_some(*id)
        };
        self.certificates.iter().filter_map(rests).collect()
    }

    /// Looks a party up.
    #[must_use]
    pub fn party(&self, party: &PartyId) -> Option<&Party> {
        self.parties.get(party)
    }

    /// Lists the parties.
    pub fn parties(&self) -> impl Iterator<Item = (&PartyId, &Party)> {
        self.parties.iter()
    }

    /// Looks a node up, expelled ones too: who wrote an entry stays known.
    #[must_use]
    pub fn node(&self, node: &NodeId) -> Option<&Node> {
        self.nodes.get(node)
    }

    /// Lists the nodes, expelled ones too.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter()
    }

    /// Lists the nodes of a party that stand at `now`.
    pub fn nodes_of(
        &self,
        party: PartyId,
        now: Timestamp,
    ) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes
            .iter()
            .filter(move |(id, node)| node.party == party && self.admits(id, now).is_ok())
    }

    /// Says whether a node may connect at `now`.
    ///
    /// # Errors
    /// See [`NotMember`].
    pub fn admits(&self, node: &NodeId, now: Timestamp) -> Result<&Node, NotMember> {
        let node = self.nodes.get(node).ok_or(NotMember::Unknown)?;
        if node.expelled {
            Err(NotMember::Expelled)
        } else if node.ends < now {
            Err(NotMember::Ended)
        } else {
            Ok(node)
        }
    }

    /// Lists what was published under a topic, oldest first.
    #[must_use]
    pub fn notices(&self, topic: &str) -> &[Notice] {
        self.notices.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Lists the certificates that do not count, with the reason.
    #[must_use]
    pub const fn refused(&self) -> &BTreeMap<CertificateId, Refusal> {
        &self.refused
    }

    /// Looks a certificate up.
    #[must_use]
    pub fn certificate(&self, id: &CertificateId) -> Option<&Certificate> {
        self.certificates.get(id)
    }

    /// Lists all certificates, those that do not count too, by id.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.values()
    }

    /// Lists the officers of a set who have signed a certificate.
    #[must_use]
    pub fn signed_by(certificate: &Certificate, set: &OfficerSet) -> BTreeSet<OfficerId> {
        evaluate::signers(certificate, set)
    }
}

/// The hash of a certificate as it is encoded, signatures included.
fn digest(certificate: &Certificate) -> [u8; 32] {
    *blake3::hash(&certificate.encode()).as_bytes()
}

#[cfg(test)]
mod tests;
