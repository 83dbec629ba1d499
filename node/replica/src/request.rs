//! Requests: acts of officers that still lack signatures, as they go round from officer to officer.
//!
//! `docs/spec/certificate.md` is the format. A request holds the certificates to be signed and those
//! that explain them: the genesis, the officers since, and whom the acts are about. Nothing in it is
//! believed that these do not prove; an officer far from any node sees from it in what community which
//! officers are to sign what ([`Request::deeds`]).

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::certificate::{Act, Certificate, CertificateError, OfficerSet, PartyKind, Subject};
use crate::directory::Directory;
use crate::id::{CertificateId, CommunityId, NodeId, OfficerId, PartyId};
use crate::limits::{REQUEST_ACTS_MAX, REQUEST_BYTES_MAX, REQUEST_KNOWN_MAX};

const MAGIC: &str = "linli request";
const VERSION: u8 = 1;

/// Acts that officers are asked to sign together, and what explains them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    acts: Vec<Certificate>,
    known: Vec<Certificate>,
    community: CommunityId,
    name: String,
    under: CertificateId,
    set: OfficerSet,
}

/// The bytes of a request.
#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
    #[n(2)]
    acts: Vec<ByteVec>,
    #[n(3)]
    known: Vec<ByteVec>,
}

/// What is enough to tell a request of a later version from bytes that are none.
#[derive(Decode)]
struct Head {
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
}

/// Why something is not a request, or cannot be signed or joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The bytes exceed the cap.
    #[error("a request of {0} bytes is larger than the limit of {REQUEST_BYTES_MAX}")]
    TooLarge(usize),
    /// The bytes are no request.
    #[error("this is not a request, or it was damaged on the way; ask for it again")]
    Malformed,
    /// A later format.
    #[error("this request has format version {0}; update linli to read it")]
    Version(u8),
    /// A certificate in it is damaged or forged.
    #[error(
        "a certificate in this request does not hold: it was damaged or changed; do not sign it"
    )]
    Certificate(#[source] CertificateError),
    /// Nothing is asked, or too much at once.
    #[error("a request asks for one to {REQUEST_ACTS_MAX} acts")]
    Acts,
    /// It asks for something that is not for officers to sign.
    #[error("this request asks for an act that officers do not sign")]
    NotForOfficers,
    /// Its acts are not of one community, or not under one set of officers.
    #[error("the acts in this request do not belong together; do not sign it")]
    Mixed,
    /// The genesis, or the officers that are to sign, are not proved by what comes along.
    #[error("this request does not prove which officers are to sign it; ask for it again")]
    UnknownOfficers,
    /// The officers that it names are not in force any more.
    #[error("the officers have changed since this request was begun; it must be begun again")]
    OldOfficers,
    /// Somebody who is no officer has signed.
    #[error("somebody who is no officer of this community has signed this request; do not sign it")]
    Stranger,
    /// The key is not one of the officers'.
    #[error("this key belongs to no officer of this community")]
    NotOfficer,
    /// Another request.
    #[error("these are two different requests; their signatures cannot be joined")]
    OtherRequest,
}

/// What one act of a request does, as far as the certificates that come along tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Begins a community.
    Found {
        /// Its officers and how many must sign.
        officers: OfficerSet,
    },
    /// Changes the officers.
    Officers {
        /// Who becomes one.
        come: Vec<OfficerId>,
        /// Who is one no more.
        go: Vec<OfficerId>,
        /// Who stays one.
        stay: Vec<OfficerId>,
        /// How many must sign from here on.
        threshold: u8,
        /// For keys that are lost or stolen: how many certificates go on counting that rest on them.
        struck: Option<usize>,
    },
    /// Takes a party in.
    Enrol {
        /// The party's key.
        party: PartyId,
        /// What it is.
        kind: PartyKind,
        /// Its public name.
        name: Option<String>,
        /// Its devices: the names they give themselves.
        nodes: Vec<(NodeId, String)>,
    },
    /// Puts a party out.
    ExpelParty {
        /// The party's key.
        party: PartyId,
        /// What it is and its public name, where that came along.
        known: Option<(PartyKind, Option<String>)>,
        /// Its devices that came along.
        nodes: Vec<(NodeId, String)>,
    },
    /// Puts one node out.
    ExpelNode {
        /// The node's key.
        node: NodeId,
        /// The name of the device and what its party is, where that came along.
        known: Option<(String, PartyKind, Option<String>)>,
    },
}

impl Request {
    /// Puts a request together. `known` holds at least the genesis and every change of officers up to
    /// those who are to sign; an act that begins the community explains itself.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn new(acts: Vec<Certificate>, known: Vec<Certificate>) -> Result<Self, RequestError> {
        if acts.is_empty() || acts.len() > REQUEST_ACTS_MAX {
            return Err(RequestError::Acts);
        }
        if known.len() > REQUEST_KNOWN_MAX {
            return Err(RequestError::Malformed);
        }
        let (community, name, under, set) = authority(&acts, &known)?;
        for (at, act) in acts.iter().enumerate() {
            if acts.iter().skip(at + 1).any(|other| other.id() == act.id()) {
                return Err(RequestError::Mixed);
            }
            let officer = |key: &&[u8; 32]| set.officers.iter().any(|o| o.as_bytes() == *key);
            if !act.envelope().signers().all(|key| officer(&key)) {
                return Err(RequestError::Stranger);
            }
        }
        Ok(Self { acts, known, community, name, under, set })
    }

    /// Reads a request: bounded, every signature checked, and the officers that are to sign it proved.
    ///
    /// # Errors
    /// See [`RequestError`]; nothing of the bytes is kept then.
    pub fn decode(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLarge(bytes.len()));
        }
        let head: Head = minicbor::decode(bytes).map_err(|_| RequestError::Malformed)?;
        if head.magic != MAGIC {
            return Err(RequestError::Malformed);
        }
        if head.version != VERSION {
            return Err(RequestError::Version(head.version));
        }
        let wire: Wire = crate::codec::decode(bytes).map_err(|_| RequestError::Malformed)?;
        if wire.acts.len() > REQUEST_ACTS_MAX || wire.known.len() > REQUEST_KNOWN_MAX {
            return Err(RequestError::Malformed);
        }
        let all = |list: Vec<ByteVec>| -> Result<Vec<Certificate>, RequestError> {
            let read = |bytes: ByteVec| Certificate::decode(&bytes);
            list.into_iter().map(read).collect::<Result<_, _>>().map_err(RequestError::Certificate)
        };
        Self::new(all(wire.acts)?, all(wire.known)?)
    }

    /// Returns the request as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let all = |list: &[Certificate]| list.iter().map(|c| c.encode().into()).collect();
        crate::codec::encode(&Wire {
            magic: MAGIC.to_owned(),
            version: VERSION,
            acts: all(&self.acts),
            known: all(&self.known),
        })
    }

    /// Returns the id: that of its first act, whoever has signed so far.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        self.acts.first().map(Certificate::id).unwrap_or_default()
    }

    /// Returns the community.
    #[must_use]
    pub const fn community(&self) -> CommunityId {
        self.community
    }

    /// Returns the community's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the certificate that names the officers who are to sign.
    #[must_use]
    pub const fn under(&self) -> CertificateId {
        self.under
    }

    /// Returns the officers who are to sign.
    #[must_use]
    pub const fn officers(&self) -> &OfficerSet {
        &self.set
    }

    /// Lists what is to be signed.
    #[must_use]
    pub fn acts(&self) -> &[Certificate] {
        &self.acts
    }

    /// Lists what came along.
    #[must_use]
    pub fn known(&self) -> &[Certificate] {
        &self.known
    }

    /// Lists the officers who have signed every act.
    #[must_use]
    pub fn signed(&self) -> BTreeSet<OfficerId> {
        let all = |officer: &&OfficerId| {
            self.acts.iter().all(|act| act.envelope().signed_by(officer.as_bytes()))
        };
        self.set.officers.iter().filter(all).copied().collect()
    }

    /// Says whether enough officers have signed every act.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let needed = usize::from(self.set.threshold);
        self.acts.iter().all(|act| Directory::signed_by(act, &self.set).len() >= needed)
    }

    /// Signs every act as an officer; says whether that is new.
    ///
    /// # Errors
    /// [`RequestError::NotOfficer`].
    pub fn sign(&mut self, key: &SigningKey) -> Result<bool, RequestError> {
        let officer = OfficerId(key.verifying_key().to_bytes());
        if !self.set.officers.contains(&officer) {
            return Err(RequestError::NotOfficer);
        }
        let known = self.signed().contains(&officer);
        self.acts.iter_mut().for_each(|act| act.sign(key));
        Ok(!known)
    }

    /// Takes over the signatures of another copy; says whether any was new.
    ///
    /// # Errors
    /// [`RequestError::OtherRequest`] where it is not a copy of this request.
    pub fn merge(&mut self, other: &Self) -> Result<bool, RequestError> {
        let ids = |request: &Self| request.acts.iter().map(Certificate::id).collect::<Vec<_>>();
        if ids(self) != ids(other) {
            return Err(RequestError::OtherRequest);
        }
        let pairs = self.acts.iter_mut().zip(&other.acts);
        Ok(pairs.fold(false, |news, (own, other)| own.merge(other) || news))
    }

    /// Says what the acts do, one each.
    #[must_use]
    pub fn deeds(&self) -> Vec<Deed> {
        self.acts.iter().filter_map(|act| self.deed(&act.body().act)).collect()
    }

    fn deed(&self, act: &Act) -> Option<Deed> {
        Some(match act {
            Act::Genesis { officers, .. } => Deed::Found { officers: officers.clone() },
            Act::Officers { officers, kept, .. } => {
                let (old, new) = (&self.set.officers, &officers.officers);
                let only = |a: &[OfficerId], b: &[OfficerId], both: bool| {
                    a.iter().filter(|o| b.contains(o) == both).copied().collect()
                };
                Deed::Officers {
                    come: only(new, old, false),
                    go: only(old, new, false),
                    stay: only(old, new, true),
                    threshold: officers.threshold,
                    struck: kept.as_ref().map(Vec::len),
                }
            }
            Act::Enrol { party, kind, name, .. } => Deed::Enrol {
                party: *party,
                kind: *kind,
                name: name.clone(),
                nodes: self.nodes_of(party),
            },
            Act::Expel { subject: Subject::Party(party), .. } => Deed::ExpelParty {
                party: *party,
                known: self.party(party),
                nodes: self.enrolled_nodes(party),
            },
            Act::Expel { subject: Subject::Node(node), .. } => {
                Deed::ExpelNode { node: *node, known: self.node(node) }
            }
            Act::Node { .. } | Act::Extend { .. } | Act::Notice { .. } => return None,
        })
    }

    /// What is known of a party: what an enrolment says that enough officers signed.
    fn party(&self, of: &PartyId) -> Option<(PartyKind, Option<String>)> {
        let directory = directory(&self.known).ok()?;
        directory.party(of).map(|party| (party.kind, party.name.clone()))
    }

    /// The devices that the community knows a party by.
    fn enrolled_nodes(&self, of: &PartyId) -> Vec<(NodeId, String)> {
        let Ok(directory) = directory(&self.known) else { return Vec::new() };
        let nodes = directory.nodes().filter(|(_, node)| node.party == *of);
        nodes.map(|(id, node)| (*id, node.label.clone())).collect()
    }

    /// The devices of a party that its own key certifies, whether it is enrolled or asks to be.
    fn nodes_of(&self, of: &PartyId) -> Vec<(NodeId, String)> {
        let certified = self.known.iter().filter(|c| c.envelope().signed_by(of.as_bytes()));
        certified
            .filter_map(|certificate| {
                let Act::Node { party, node, label, .. } = &certificate.body().act else {
                    return None;
                };
                (party == of).then(|| (*node, label.clone()))
            })
            .collect()
    }

    fn node(&self, of: &NodeId) -> Option<(String, PartyKind, Option<String>)> {
        let directory = directory(&self.known).ok()?;
        let node = directory.node(of)?;
        let name = directory.party(&node.party)?.name.clone();
        Some((node.label.clone(), node.kind, name))
    }
}

/// Which certificate names the officers whose signatures an act needs.
fn under(act: &Certificate) -> Option<CertificateId> {
    match &act.body().act {
        Act::Genesis { .. } => Some(act.id()),
        Act::Officers { previous, .. } => Some(*previous),
        Act::Enrol { under, .. } | Act::Expel { under, .. } => Some(*under),
        Act::Node { .. } | Act::Extend { .. } | Act::Notice { .. } => None,
    }
}

type Authority = (CommunityId, String, CertificateId, OfficerSet);

/// Finds the officers who are to sign all acts, proved from the genesis on.
fn authority(acts: &[Certificate], known: &[Certificate]) -> Result<Authority, RequestError> {
    let unders: BTreeSet<Option<CertificateId>> = acts.iter().map(under).collect();
    let unders: Vec<Option<CertificateId>> = unders.into_iter().collect();
    let [Some(under)] = unders.as_slice() else {
        let foreign = unders.contains(&None);
        return Err(if foreign { RequestError::NotForOfficers } else { RequestError::Mixed });
    };
    let founding = acts.iter().find(|act| act.id() == *under);
    let (community, name, set) = match founding.map(|act| (act, &act.body().act)) {
        Some((genesis, Act::Genesis { name, officers, .. }))
            if genesis.body().community == CommunityId::default() && officers.is_sound() =>
        {
            (CommunityId(genesis.id().0), name.clone(), officers.clone())
        }
        Some(_) => return Err(RequestError::UnknownOfficers),
        None => {
            let directory = directory(known)?;
            let set = directory.set(under).cloned().ok_or(RequestError::UnknownOfficers)?;
            if directory.officers().0 != *under {
                return Err(RequestError::OldOfficers);
            }
            (directory.community(), directory.name().to_owned(), set)
        }
    };
    let ours = |act: &&Certificate| {
        act.body().community == community
            || founding.is_some_and(|genesis| act.id() == genesis.id())
    };
    if !acts.iter().all(|act| ours(&act)) {
        return Err(RequestError::Mixed);
    }
    Ok((community, name, *under, set))
}

/// The community as far as what came along proves it.
fn directory(known: &[Certificate]) -> Result<Directory, RequestError> {
    let genesis = known.iter().find(|c| matches!(c.body().act, Act::Genesis { .. }));
    let genesis = genesis.cloned().ok_or(RequestError::UnknownOfficers)?;
    let mut directory = Directory::new(genesis).map_err(|_| RequestError::UnknownOfficers)?;
    directory.add(known.iter().cloned());
    Ok(directory)
}

/// Lists what must come along with a request under the officers in force, and what explains whom it is
/// about: the party or node, where the directory has them.
#[must_use]
pub fn explain(directory: &Directory, about: Option<&Subject>) -> Vec<Certificate> {
    let line = directory.line().iter().filter_map(|id| directory.certificate(id));
    let mut known: Vec<Certificate> = line.cloned().collect();
    let of = match about {
        None => return known,
        Some(Subject::Party(party)) => Some(*party),
        Some(Subject::Node(node)) => directory.node(node).map(|node| node.party),
    };
    let concerns = |certificate: &&Certificate| match (&certificate.body().act, about) {
        (Act::Enrol { party, .. }, _) | (Act::Node { party, .. }, Some(Subject::Party(_))) => {
            Some(*party) == of
        }
        (Act::Node { node, .. }, Some(Subject::Node(one))) => node == one,
        (_, _) => false,
    };
    let counts = |c: &&Certificate| !directory.refused().contains_key(&c.id());
    let left = REQUEST_KNOWN_MAX.saturating_sub(known.len());
    known.extend(directory.certificates().filter(counts).filter(concerns).take(left).cloned());
    known
}

#[cfg(test)]
mod tests;
