//! The file that goes round: what is asked of the officers, and what each has given.

use ed25519_dalek::SigningKey;
use linli_replica::certificate::{Act, Certificate, OfficerSet, Subject};
use linli_replica::codec;
use linli_replica::directory::Directory;
use linli_replica::id::{
    CertificateId, CommunityId, EpochId, NodeId, OfficerId, SpaceTag, Timestamp,
};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use linli_replica::signed::{Envelope, EnvelopeError};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use super::RecoveryError;
use super::record::Record;
use super::split::{Share, Split};
use crate::identity::{SealKey, officer_id};
use crate::kdf::{RECOVERY_SPLITS, derive};
use crate::limits::{REQUEST_BYTES_MAX, REQUEST_SPLITS_MAX, REQUEST_TERM_MS, WORDS_BYTES_MAX};
use crate::seal::{hpke_open, hpke_seal};
use crate::secret::Secret;

const INFO: &[u8] = b"linli 1 recovery answer";
const MAGIC: &str = "linli recovery";

/// What the requesting node signs, and each officer who gives a share.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    /// `linli recovery`: text where a certificate has a number, so that neither reads as the other.
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
    /// The community.
    #[n(2)]
    pub community: CommunityId,
    /// The space to be opened.
    #[n(3)]
    pub space: SpaceTag,
    /// The certificate that names the officers asked.
    #[n(4)]
    pub officers: CertificateId,
    /// The node that asks, to which the shares are sealed.
    #[n(5)]
    pub node: NodeId,
    /// When it asked, by its clock.
    #[n(6)]
    pub at: Timestamp,
    /// Whether nothing is to be opened: it is rehearsed.
    #[n(7)]
    pub rehearsal: bool,
    /// In words, for the officers and for the record.
    #[n(8)]
    pub words: Words,
    /// Hash of the list of splits.
    #[n(9)]
    splits: ByteArray<32>,
}

/// What people say of a recovery. Personal data: never logged.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Words {
    /// For what reason.
    #[n(0)]
    pub reason: String,
    /// Whose space it is, as a person can recognise it.
    #[n(1)]
    pub about: String,
    /// Who asks, where a person does.
    #[n(2)]
    pub person: String,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words(…)")
    }
}

/// A split that the officers are asked for their shares of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Offered {
    /// The epoch, as the header of the split's entry names it.
    #[n(0)]
    pub epoch: EpochId,
    /// The [`Split`], as bytes.
    #[n(1)]
    pub split: ByteVec,
}

/// A secret that m shares have made. Whether it is the epoch's, its certificate says.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The epoch it is said to be of.
    pub epoch: EpochId,
    /// The secret.
    pub secret: Secret,
}

/// What the answers of a request make.
#[derive(Debug, Default)]
pub struct Opened {
    /// Secrets, at least one.
    pub candidates: Vec<Candidate>,
    /// Shares that were refused, each with its officer; the others were enough.
    pub refused: Vec<RecoveryError>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Answer {
    #[n(0)]
    officer: OfficerId,
    /// For each split: encapsulated key ‖ share, sealed to the node that asks; empty where the
    /// officer's share did not open.
    #[n(1)]
    shares: Vec<ByteVec>,
}

#[derive(Encode, Decode)]
struct Wire {
    #[n(0)]
    statement: ByteVec,
    #[n(1)]
    splits: Vec<Offered>,
    #[n(2)]
    certificates: Vec<ByteVec>,
    #[n(3)]
    answers: Vec<Answer>,
}

/// A recovery in the making: a file that goes from the node that asks to m officers and back.
#[derive(Debug, Clone)]
pub struct Request {
    statement: Statement,
    /// The statement as signed: by the node, and by each officer who has given a share.
    envelope: Envelope,
    pub(super) splits: Vec<(EpochId, Split)>,
    offered: Vec<Offered>,
    pub(super) certificates: Vec<Certificate>,
    answers: Vec<Answer>,
}

impl Request {
    /// Begins a request at a node that holds the space's splits.
    ///
    /// # Errors
    /// No split, too many, or words longer than 1 KiB.
    pub fn new(
        node: &SigningKey,
        directory: &Directory,
        (space, words): (SpaceTag, Words),
        splits: Vec<(EpochId, Split)>,
        (at, rehearsal): (Timestamp, bool),
    ) -> Result<Self, RecoveryError> {
        let officers = splits.first().map(|(_, split)| split.officers);
        let officers = officers.ok_or(RecoveryError::NothingHeld)?;
        let offered: Vec<Offered> = splits
            .iter()
            .map(|(epoch, split)| Offered { epoch: *epoch, split: split.encode().into() })
            .collect();
        let id = NodeId(node.verifying_key().to_bytes());
        let statement = Statement {
            magic: MAGIC.to_owned(),
            version: Record::VERSION,
            community: directory.community(),
            space,
            officers,
            node: id,
            at,
            rehearsal,
            words,
            splits: derive(RECOVERY_SPLITS, &codec::encode(&offered)).into(),
        };
        let mut envelope = Envelope::new(codec::encode(&statement));
        envelope.sign(node);
        let certificates = evidence(directory, id);
        let request =
            Self { statement, envelope, splits, offered, certificates, answers: Vec::new() };
        // Whatever the officers would refuse is refused here.
        Self::decode(&request.encode())
    }

    /// Encodes the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&Wire {
            statement: self.envelope.encode().into(),
            splits: self.offered.clone(),
            certificates: self.certificates.iter().map(|c| c.encode().into()).collect(),
            answers: self.answers.clone(),
        })
    }

    /// Reads a file: bounded, signed by the node it names and by the officers who have answered.
    /// Whether the node is a member and those are officers, [`Self::directory`] says.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecoveryError> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(RecoveryError::Malformed);
        }
        let wire: Wire = codec::decode(bytes).map_err(|_| RecoveryError::Malformed)?;
        let (envelope, statement) = Statement::decode(&wire.statement)?;
        let offered = wire.splits;
        let splits_hash = derive(RECOVERY_SPLITS, &codec::encode(&offered));
        if offered.is_empty() || offered.len() > REQUEST_SPLITS_MAX {
            return Err(RecoveryError::Malformed);
        }
        if splits_hash != *statement.splits {
            return Err(RecoveryError::BadSignature);
        }
        let split = |o: &Offered| Ok((o.epoch, Split::decode(&o.split)?));
        let splits: Vec<(EpochId, Split)> =
            offered.iter().map(split).collect::<Result<_, RecoveryError>>()?;
        let same = splits.iter().all(|(_, split)| split.officers == statement.officers);
        let certificates = wire
            .certificates
            .iter()
            .map(|bytes| Certificate::decode(bytes))
            .collect::<Result<_, _>>()
            .map_err(|_| RecoveryError::Malformed)?;
        let answers = wire.answers;
        let signed = |answer: &Answer| {
            answer.shares.len() == offered.len() && envelope.signed_by(answer.officer.as_bytes())
        };
        let ordered =
            answers.windows(2).all(|p| p.first().map(|a| a.officer) < p.last().map(|a| a.officer));
        if !same || !ordered || !answers.iter().all(signed) {
            return Err(RecoveryError::Malformed);
        }
        Ok(Self { statement, envelope, splits, offered, certificates, answers })
    }

    /// Returns what is asked.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Returns the request's id: what the officers' signatures are over.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        self.envelope.id()
    }

    /// Lists who has given a share.
    pub fn answered(&self) -> impl Iterator<Item = OfficerId> {
        self.answers.iter().map(|answer| answer.officer)
    }

    /// Makes the community out of the certificates in the file, as far as it goes: the officers, and
    /// the node that asks. An officer needs no node.
    ///
    /// # Errors
    /// The file does not show that the node is a member now, or that the officers asked stand or
    /// stood.
    pub fn directory(&self, now: Timestamp) -> Result<Directory, RecoveryError> {
        let other = |reason: &str| RecoveryError::Requester(reason.to_owned());
        let genesis = self.certificates.iter().find(|c| c.id().0 == self.statement.community.0);
        let genesis = genesis.ok_or_else(|| other("its genesis is missing"))?.clone();
        let mut directory = Directory::new(genesis).map_err(|error| other(&error.to_string()))?;
        directory.add(self.certificates.iter().cloned());
        directory
            .admits(&self.statement.node, now)
            .map_err(|error| RecoveryError::Requester(error.to_string()))?;
        self.officers(&directory)?;
        Ok(directory)
    }

    /// Returns the officers who are asked.
    ///
    /// # Errors
    /// The set neither stands nor stood.
    pub fn officers<'a>(&self, directory: &'a Directory) -> Result<&'a OfficerSet, RecoveryError> {
        super::officers(directory, &self.statement.officers).ok_or(RecoveryError::OtherOfficers)
    }

    /// Gives an officer's shares, sealed to the node that asks, and signs what is asked. Says whether
    /// that is news.
    ///
    /// # Errors
    /// The request is stale, the key is no officer's, or none of the officer's shares opens.
    pub fn answer(
        &mut self,
        rng: &mut impl CryptoRng,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<bool, RecoveryError> {
        let directory = self.directory(now)?;
        self.check_age(now)?;
        let officers = self.officers(&directory)?;
        let officer = officer_id(key);
        if !officers.officers.contains(&officer) {
            return Err(RecoveryError::NoOfficer);
        }
        if self.answered().any(|given| given == officer) {
            return Ok(false);
        }
        let asking = directory.node(&self.statement.node).ok_or(RecoveryError::OtherNode)?;
        let mut shares = Vec::with_capacity(self.splits.len());
        let mut failed = None;
        for (at, (epoch, split)) in self.splits.iter().enumerate() {
            let place = (self.statement.space, *epoch);
            match split.open_share(place, officers, key) {
                Ok(share) => {
                    let aad = aad(self.id(), officer, at);
                    let sealed = hpke_seal(rng, &asking.seal_key, INFO, &aad, share.expose());
                    shares.push(sealed.map_err(|_| RecoveryError::OtherNode)?.into());
                }
                Err(error) => {
                    failed = Some(error);
                    shares.push(ByteVec::from(Vec::new()));
                }
            }
        }
        if let Some(error) = failed.filter(|_| shares.iter().all(|share| share.is_empty())) {
            return Err(error);
        }
        self.envelope.sign(key);
        self.answers.push(Answer { officer, shares });
        self.answers.sort_by_key(|answer| answer.officer);
        Ok(true)
    }

    /// Takes over what officers gave in another copy of the file; says whether any was new.
    pub fn merge(&mut self, other: &Self) -> bool {
        if other.id() != self.id() {
            return false;
        }
        let given: Vec<OfficerId> = self.answered().collect();
        let news: Vec<Answer> =
            other.answers.iter().filter(|a| !given.contains(&a.officer)).cloned().collect();
        let any = !news.is_empty();
        self.envelope.merge(&other.envelope);
        self.answers.extend(news);
        self.answers.sort_by_key(|answer| answer.officer);
        any
    }

    /// Opens the answers at the node that asked and puts the secrets together. A share that is not
    /// the one sealed to its officer is refused by name; where the others are enough, it goes on.
    ///
    /// # Errors
    /// Another node's request, too few officers, a wrong share without which they are too few, or a
    /// split that was made wrongly.
    pub fn open(
        &self,
        own: (NodeId, &SealKey),
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Opened, RecoveryError> {
        let (node, seal) = own;
        if self.statement.node != node || self.statement.community != directory.community() {
            return Err(RecoveryError::OtherNode);
        }
        self.check_age(now)?;
        let officers = self.officers(directory)?;
        let mut opened = Opened::default();
        let mut failed = None;
        for (at, (epoch, split)) in self.splits.iter().enumerate() {
            let (shares, refused) = self.shares(at, split, officers, seal);
            match split.combine(officers, &shares) {
                Ok(secret) => opened.candidates.push(Candidate { epoch: *epoch, secret }),
                // Whose share was refused says more than how many are missing.
                Err(error) => failed = failed.or(refused.first().cloned()).or(Some(error)),
            }
            opened.refused.extend(refused);
        }
        match failed.filter(|_| opened.candidates.is_empty()) {
            Some(error) => Err(error),
            None => Ok(opened),
        }
    }

    /// Returns what is kept of the recovery: what was asked, signed by the node and the officers.
    #[must_use]
    pub fn record(&self) -> Record {
        Record::new(self.statement.clone(), self.envelope.clone())
    }

    fn shares(
        &self,
        at: usize,
        split: &Split,
        officers: &OfficerSet,
        seal: &SealKey,
    ) -> (Vec<(OfficerId, Share)>, Vec<RecoveryError>) {
        let (mut shares, mut refused) = (Vec::new(), Vec::new());
        for answer in &self.answers {
            let officer = answer.officer;
            let Some(sealed) = answer.shares.get(at).filter(|sealed| !sealed.is_empty()) else {
                continue;
            };
            let share = hpke_open(seal, INFO, &aad(self.id(), officer, at), sealed);
            let checked = share
                .and_then(Share::decode)
                .ok_or(RecoveryError::WrongShare(officer))
                .and_then(|share| split.check(officers, officer, &share).map(|()| share));
            match checked {
                Ok(share) => shares.push((officer, share)),
                Err(error) => refused.push(error),
            }
        }
        (shares, refused)
    }

    fn check_age(&self, now: Timestamp) -> Result<(), RecoveryError> {
        let early = self.statement.at > now.plus_ms(CLOCK_SKEW_MS_MAX);
        if early || now.since_ms(self.statement.at) > REQUEST_TERM_MS {
            return Err(RecoveryError::Stale);
        }
        Ok(())
    }
}

impl Statement {
    /// Reads a signed statement: bounded, and signed by the node it names.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Envelope, Self), RecoveryError> {
        let envelope = Envelope::decode(bytes).map_err(|error| match error {
            EnvelopeError::BadSignature => RecoveryError::BadSignature,
            EnvelopeError::TooLarge(_)
            | EnvelopeError::Malformed
            | EnvelopeError::TooManySignatures => RecoveryError::Malformed,
        })?;
        let head: Head = codec::decode(envelope.body()).map_err(|_| RecoveryError::Malformed)?;
        if head.magic != MAGIC {
            return Err(RecoveryError::Malformed);
        }
        if head.version != Record::VERSION {
            return Err(RecoveryError::Version(head.version));
        }
        let statement: Self =
            codec::decode(envelope.body()).map_err(|_| RecoveryError::Malformed)?;
        let Words { reason, about, person } = &statement.words;
        if [reason, about, person].iter().any(|words| words.len() > WORDS_BYTES_MAX) {
            return Err(RecoveryError::Malformed);
        }
        if !envelope.signed_by(statement.node.as_bytes()) {
            return Err(RecoveryError::BadSignature);
        }
        Ok((envelope, statement))
    }
}

/// What every version of a statement begins with.
#[derive(Decode)]
struct Head {
    #[n(0)]
    magic: String,
    #[n(1)]
    version: u8,
}

/// What a share is sealed to the node that asks for: it opens in no other place.
fn aad(request: CertificateId, officer: OfficerId, at: usize) -> Vec<u8> {
    let at = u64::try_from(at).unwrap_or(u64::MAX).to_le_bytes();
    [request.as_bytes().as_slice(), officer.as_bytes(), &at].concat()
}

/// The certificates that show who the officers are, and that a node is a member.
fn evidence(directory: &Directory, node: NodeId) -> Vec<Certificate> {
    let party = directory.node(&node).map(|member| member.party);
    let of_node = |certificate: &&Certificate| match &certificate.body().act {
        Act::Genesis { .. } | Act::Officers { .. } => true,
        Act::Enrol { party: enrolled, .. } => Some(*enrolled) == party,
        Act::Expel { subject: Subject::Party(out), .. } => Some(*out) == party,
        Act::Expel { subject: Subject::Node(out), .. } => *out == node,
        Act::Node { node: certified, .. } => *certified == node,
        Act::Extend { node: extended, .. } => *extended == node,
        Act::Notice { .. } => false,
    };
    directory.certificates().filter(of_node).cloned().collect()
}
