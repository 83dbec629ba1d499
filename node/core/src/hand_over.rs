//! Hand-overs that officers are asked to sign, as a file that goes round among them.
//!
//! `docs/spec/space-certificate.md` is the format. Officers cannot read the spaces: whose they are is
//! said by the node that asks, and signed by it. What is signed, for whom, and by which officers, the
//! certificates prove.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use linli_replica::certificate::{
    Act as CommunityAct, Certificate, CertificateError, OfficerSet, PartyKind, Subject,
};
use linli_replica::codec;
use linli_replica::directory::Directory;
use linli_replica::id::{
    CertificateId, CommunityId, NodeId, OfficerId, PartyId, SpaceTag, Timestamp,
};
use linli_replica::limits::{REQUEST_BYTES_MAX, REQUEST_KNOWN_MAX};
use linli_replica::request::{RequestError, explain};
use linli_replica::signed::{Envelope, EnvelopeError};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::authority::{Act, HandOver, Owner, SpaceCertificate, Under};
use crate::limits::{CODE_BYTES_MAX, HAND_OVERS_MAX};

const MAGIC: &str = "linli hand-over";
const VERSION: u8 = 1;

/// What the node that asks says and signs.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    /// `linli hand-over`: text where a certificate has a number, so that neither reads as the other.
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
    /// The community.
    #[n(2)]
    pub community: CommunityId,
    /// The certificate that names the officers asked.
    #[n(3)]
    pub officers: CertificateId,
    /// The node that asks.
    #[n(4)]
    pub node: NodeId,
    /// When it asked, by its clock.
    #[n(5)]
    pub at: Timestamp,
    /// Whose the spaces are as far as the node that asks knows; the community's where there is none.
    #[n(6)]
    pub from: Option<PartyId>,
    /// The elder, as a person can recognise them. Personal data: never logged.
    #[n(7)]
    pub elder: String,
    /// The spaces, in the order of the certificates.
    #[n(8)]
    pub spaces: Vec<Asked>,
}

/// One space to be handed over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Asked {
    /// The certificate to be signed.
    #[n(0)]
    pub certificate: CertificateId,
    /// The space, as carriers see it.
    #[n(1)]
    pub space: SpaceTag,
    /// What it is for, such as `care`.
    #[n(2)]
    pub kind: String,
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement")
            .field("officers", &self.officers)
            .field("node", &self.node)
            .field("at", &self.at)
            .field("spaces", &self.spaces)
            .finish_non_exhaustive()
    }
}

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
    #[n(2)]
    statement: ByteVec,
    #[n(3)]
    acts: Vec<ByteVec>,
    #[n(4)]
    known: Vec<ByteVec>,
}

/// What every version of the file and of a statement begins with.
#[derive(Decode)]
struct Head {
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
}

/// Hand-overs that still lack officers' signatures, with what explains them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOverRequest {
    statement: Statement,
    envelope: Envelope,
    acts: Vec<SpaceCertificate>,
    known: Vec<Certificate>,
    over: HandOver,
    name: String,
    set: OfficerSet,
}

/// What is known of a party from what came along: its kind, its public name, its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The party's key.
    pub party: PartyId,
    /// What it is and its public name, where that came along.
    pub enrolled: Option<(PartyKind, Option<String>)>,
    /// Its devices: the names they give themselves.
    pub nodes: Vec<(NodeId, String)>,
    /// Whether it was expelled.
    pub expelled: bool,
}

impl HandOverRequest {
    /// Says whether a file claims to be a request to hand over.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        minicbor::decode::<Head>(bytes).is_ok_and(|head| head.magic == MAGIC)
    }

    /// Puts a request together from drafts of this node's, one a space, all to the same owner.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn new(
        node: &SigningKey,
        directory: &Directory,
        (elder, from): (String, Option<PartyId>),
        drafts: Vec<(SpaceTag, String, SpaceCertificate)>,
        at: Timestamp,
    ) -> Result<Self, RequestError> {
        let asked = |(space, kind, act): &(SpaceTag, String, SpaceCertificate)| Asked {
            certificate: act.id(),
            space: *space,
            kind: kind.clone(),
        };
        let id = NodeId(node.verifying_key().to_bytes());
        let statement = Statement {
            magic: MAGIC.to_owned(),
            version: VERSION,
            community: directory.community(),
            officers: directory.officers().0,
            node: id,
            at,
            from,
            elder,
            spaces: drafts.iter().map(asked).collect(),
        };
        let acts: Vec<SpaceCertificate> = drafts.into_iter().map(|(_, _, act)| act).collect();
        let over = acts.first().and_then(hand_over).ok_or(RequestError::Malformed)?;
        let mut envelope = Envelope::new(codec::encode(&statement));
        envelope.sign(node);
        let about = [parties(&over), from.into_iter().collect()].concat();
        let known = evidence(directory, id, &about);
        let wire = Wire {
            magic: MAGIC.to_owned(),
            version: VERSION,
            statement: envelope.encode().into(),
            acts: acts.iter().map(|act| act.encode().into()).collect(),
            known: known.iter().map(|certificate| certificate.encode().into()).collect(),
        };
        // Whatever the officers would refuse is refused here.
        Self::decode(&codec::encode(&wire))
    }

    /// Reads a request: bounded, every signature checked, and who asks and is to sign proved.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RequestError> {
        use RequestError::{Malformed, TooLarge};
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(TooLarge(bytes.len()));
        }
        check_head(bytes)?;
        let wire: Wire = codec::decode(bytes).map_err(|_| Malformed)?;
        if wire.acts.len() > HAND_OVERS_MAX || wire.known.len() > REQUEST_KNOWN_MAX {
            return Err(Malformed);
        }
        let envelope = Envelope::decode(&wire.statement).map_err(|_| forged())?;
        check_head(envelope.body())?;
        let statement: Statement = codec::decode(envelope.body()).map_err(|_| Malformed)?;
        let acts = wire.acts.iter().map(|bytes| SpaceCertificate::decode(bytes));
        let acts: Vec<_> = acts.collect::<Result<_, _>>().map_err(|_| forged())?;
        let known = wire.known.iter().map(|bytes| Certificate::decode(bytes));
        let known: Vec<_> = known.collect::<Result<_, _>>().map_err(|_| forged())?;
        if !envelope.signed_by(statement.node.as_bytes()) {
            return Err(forged());
        }
        let over = fitting(&statement, &acts)?;
        let (name, set) = proved(&statement, &over, &known)?;
        let allowed = |key: &[u8; 32]| {
            key == statement.node.as_bytes() || set.officers.iter().any(|o| o.as_bytes() == key)
        };
        if !acts.iter().flat_map(|act| act.envelope().signers()).all(allowed) {
            return Err(RequestError::Stranger);
        }
        Ok(Self { statement, envelope, acts, known, over, name, set })
    }

    /// Returns the request as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&Wire {
            magic: MAGIC.to_owned(),
            version: VERSION,
            statement: self.envelope.encode().into(),
            acts: self.acts.iter().map(|act| act.encode().into()).collect(),
            known: self.known.iter().map(|certificate| certificate.encode().into()).collect(),
        })
    }

    /// Returns the id: the statement's, whoever has signed so far.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        self.envelope.id()
    }

    /// Returns what the node that asks says.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Returns to whom the spaces go.
    #[must_use]
    pub const fn over(&self) -> &HandOver {
        &self.over
    }

    /// Returns the community's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the officers who are to sign.
    #[must_use]
    pub const fn officers(&self) -> &OfficerSet {
        &self.set
    }

    /// Lists the hand-overs with their spaces.
    pub fn acts(&self) -> impl Iterator<Item = (&Asked, &SpaceCertificate)> {
        self.statement.spaces.iter().zip(&self.acts)
    }

    /// Lists the officers who have signed every hand-over.
    #[must_use]
    pub fn signed(&self) -> BTreeSet<OfficerId> {
        let all = |officer: &&OfficerId| {
            self.acts.iter().all(|act| act.envelope().signed_by(officer.as_bytes()))
        };
        self.set.officers.iter().filter(all).copied().collect()
    }

    /// Says whether enough officers have signed every hand-over.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed().len() >= usize::from(self.set.threshold)
    }

    /// Signs every hand-over as an officer; says whether that is new.
    ///
    /// # Errors
    /// [`RequestError::NotOfficer`].
    pub fn sign(&mut self, key: &SigningKey) -> Result<bool, RequestError> {
        let officer = OfficerId(key.verifying_key().to_bytes());
        if !self.set.officers.contains(&officer) {
            return Err(RequestError::NotOfficer);
        }
        let known = self.signed().contains(&officer);
        self.acts.iter_mut().for_each(|act| act.countersign(key));
        Ok(!known)
    }

    /// Takes over the signatures of another copy; says whether any was new.
    ///
    /// # Errors
    /// [`RequestError::OtherRequest`].
    pub fn merge(&mut self, other: &Self) -> Result<bool, RequestError> {
        if self.id() != other.id() {
            return Err(RequestError::OtherRequest);
        }
        let pairs = self.acts.iter_mut().zip(&other.acts);
        Ok(pairs.fold(false, |news, (own, other)| own.merge(other) || news))
    }

    /// Says what came along about a party.
    #[must_use]
    pub fn known(&self, of: PartyId) -> Known {
        let Some(directory) = directory(&self.known) else {
            return Known { party: of, enrolled: None, nodes: Vec::new(), expelled: false };
        };
        let party = directory.party(&of);
        let nodes = directory.nodes().filter(|(_, node)| node.party == of);
        Known {
            party: of,
            enrolled: party.map(|party| (party.kind, party.name.clone())),
            nodes: nodes.map(|(id, node)| (*id, node.label.clone())).collect(),
            expelled: party.is_some_and(|party| party.expelled),
        }
    }
}

/// Words or a certificate do not carry the signature that they name.
const fn forged() -> RequestError {
    RequestError::Certificate(CertificateError::Envelope(EnvelopeError::BadSignature))
}

fn check_head(bytes: &[u8]) -> Result<(), RequestError> {
    let head: Head = minicbor::decode(bytes).map_err(|_| RequestError::Malformed)?;
    if head.magic != MAGIC {
        return Err(RequestError::Malformed);
    }
    if head.version == VERSION { Ok(()) } else { Err(RequestError::Version(head.version)) }
}

fn hand_over(certificate: &SpaceCertificate) -> Option<HandOver> {
    match certificate.act() {
        Some(Act::HandOver(over)) => Some(*over),
        _ => None,
    }
}

/// The parties that a hand-over gives something.
fn parties(over: &HandOver) -> Vec<PartyId> {
    let owner = match over.to {
        Owner::Party(party) => Some(party),
        Owner::Community => None,
    };
    owner.into_iter().chain(over.steward).collect()
}

/// Checks that the certificates are those the statement tells of, and all do the same.
fn fitting(statement: &Statement, acts: &[SpaceCertificate]) -> Result<HandOver, RequestError> {
    let over = acts.first().and_then(hand_over).ok_or(RequestError::Malformed)?;
    let ids: BTreeSet<CertificateId> = acts.iter().map(SpaceCertificate::id).collect();
    let told = statement.spaces.iter().map(|asked| asked.certificate);
    let same = told.eq(acts.iter().map(SpaceCertificate::id)) && ids.len() == acts.len();
    let short = statement.elder.len() <= CODE_BYTES_MAX
        && statement.spaces.iter().all(|asked| asked.kind.len() <= CODE_BYTES_MAX);
    let asked = |act: &SpaceCertificate| {
        let under =
            matches!(act.body().under, Under::Officers { set, .. } if set == statement.officers);
        under && act.body().by == statement.node && hand_over(act) == Some(over)
    };
    if same && short && acts.iter().all(asked) { Ok(over) } else { Err(RequestError::Malformed) }
}

/// Finds the community's name and the officers who are to sign, proved from the genesis on.
fn proved(
    statement: &Statement,
    over: &HandOver,
    known: &[Certificate],
) -> Result<(String, OfficerSet), RequestError> {
    let directory = directory(known).ok_or(RequestError::UnknownOfficers)?;
    let (present, set) = directory.officers();
    let member = directory.node(&statement.node).is_some_and(|node| !node.expelled);
    if directory.community() != statement.community || !member {
        return Err(RequestError::UnknownOfficers);
    }
    if *present != statement.officers {
        return Err(RequestError::OldOfficers);
    }
    // Who asks for what is a party's is that party, unless it is out; and somebody can take it.
    let expelled = |party: &PartyId| directory.party(party).map(|known| known.expelled);
    let asks = directory.node(&statement.node).map(|node| node.party);
    let may = |from| Some(from) == asks || expelled(&from) == Some(true);
    let takes = |party| expelled(party) == Some(false);
    if !statement.from.is_none_or(may) || !parties(over).iter().all(takes) {
        return Err(RequestError::Malformed);
    }
    Ok((directory.name().to_owned(), set.clone()))
}

fn directory(known: &[Certificate]) -> Option<Directory> {
    let genesis = known.iter().find(|c| matches!(c.body().act, CommunityAct::Genesis { .. }));
    let mut directory = Directory::new(genesis?.clone()).ok()?;
    directory.add(known.iter().cloned());
    Some(directory)
}

/// The certificates that show who the officers are, who asks, and of whom the request tells.
fn evidence(directory: &Directory, node: NodeId, about: &[PartyId]) -> Vec<Certificate> {
    let mut known = explain(directory, Some(&Subject::Node(node)));
    for party in about {
        known.extend(explain(directory, Some(&Subject::Party(*party))));
        let out = |c: &&Certificate| matches!(&c.body().act, CommunityAct::Expel { subject: Subject::Party(of), .. } if of == party);
        known.extend(directory.certificates().filter(out).cloned());
    }
    let mut seen = BTreeSet::new();
    known.retain(|certificate| seen.insert(certificate.id()));
    known
}

#[cfg(test)]
mod tests;
