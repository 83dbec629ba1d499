//! The audit: what was done by authority at this node, and who read what.
//!
//! `docs/spec/audit.md` is the format. An [`AuditRecord`] says one thing; the store appends it to a
//! chain ([`linli_replica::audit`]) in the batch of the act itself. Now and then the node signs how
//! far its chain reaches, in a record of the chain's own; [`Verifier`] checks all of it, one record at
//! a time, and [`ExportReader`] does the same for a file that somebody without a node was given.

use ed25519_dalek::{Signer as _, SigningKey};
use linli_replica::audit::Head;
use linli_replica::batch::{Record, Shelf};
use linli_replica::certificate::{self, Certificate, Subject};
use linli_replica::codec;
use linli_replica::erasure::{ORDER_TOPIC, Order};
use linli_replica::id::{CertificateId, NodeId, PartyId, SpaceTag, Timestamp};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Decoder, Encode, Encoder};
use rand_core::CryptoRng;

use crate::authority::{Act, Owner, Revoked, Right, SpaceCertificate};
use crate::limits::{AUDIT_RECORD_BYTES_MAX, CODE_BYTES_MAX};
use crate::person::{self, PersonCertificate};

mod export;
mod verify;

pub use export::{ExportItem, ExportReader, Header, Shown, closing, record_item, withheld_item};
pub use verify::{Broken, Summary, Verifier, Why};

#[cfg(test)]
mod tests;

/// What a signature of the chain is made over: this ‖ node ‖ number (8, LE) ‖ hash.
const SIGN_CONTEXT: &[u8] = b"linli 1 audit signature";

macro_rules! whats {
    ($($(#[$doc:meta])* $name:ident = $number:literal $word:literal;)*) => {
        /// What a record says was done. A kind this version does not know keeps its number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum What {
            $($(#[$doc])* $name,)*
            /// A kind of a later version.
            Unknown(u16),
        }

        impl What {
            /// Every kind this version knows.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the number it is kept by.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// Returns the kind of a number.
            #[must_use]
            pub const fn of_number(number: u16) -> Self {
                match number {
                    $($number => Self::$name,)*
                    _ => Self::Unknown(number),
                }
            }

            /// Returns its word, by which it is translated; `unknown` for what is not known.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Unknown(_) => "unknown",
                }
            }
        }
    };
}

whats! {
    /// A community was founded.
    Founded = 1 "founded";
    /// A party was enrolled, or its enrolment signed.
    Enrolled = 2 "enrolled";
    /// A party or a node was put out.
    Expelled = 3 "expelled";
    /// The officers were replaced.
    Officers = 4 "officers";
    /// A node was certified by its party.
    NodeCertified = 5 "node-certified";
    /// A node extended its own end date.
    NodeExtended = 6 "node-extended";
    /// A node published something in the directory.
    Notice = 7 "notice";
    /// A space was begun.
    SpaceBegun = 10 "space-begun";
    /// A party was given a right.
    Granted = 11 "granted";
    /// A party's rights or one grant were taken back.
    Revoked = 12 "revoked";
    /// A new content key was begun.
    Rotated = 13 "rotated";
    /// It was said how far a removed party's writing counts.
    Cut = 14 "cut";
    /// Entries that were held back were admitted.
    Admitted = 15 "admitted";
    /// A space was handed over to another owner.
    HandedOver = 16 "handed-over";
    /// A space or documents of it were ordered to be erased.
    Erased = 17 "erased";
    /// A consent was recorded or withdrawn.
    Consent = 18 "consent";
    /// It was said that entries stay held back.
    Refused = 19 "refused";
    /// It was signed that a checkpoint stands for what carriers may drop.
    Agreed = 23 "agreed";
    /// What was signed for a checkpoint was taken back.
    AgreementWithdrawn = 24 "agreement-withdrawn";
    /// A person was added.
    PersonAdded = 20 "person-added";
    /// A person was ended.
    PersonEnded = 21 "person-ended";
    /// A person changed their PIN.
    PinChanged = 22 "pin-changed";
    /// Monitoring was switched off for an elder.
    MonitoringOff = 25 "monitoring-off";
    /// Monitoring was switched on again before its time.
    MonitoringOn = 26 "monitoring-on";
    /// A tablet of the flat was paired with the page at home.
    TabletPaired = 27 "tablet-paired";
    /// A tablet's pairing was ended.
    TabletRemoved = 28 "tablet-removed";
    /// An alert that could not be stored was ended by a person.
    AlertEnded = 29 "alert-ended";
    /// A space was opened with the officers' keys.
    Recovered = 30 "recovered";
    /// An emergency card was opened.
    CardOpened = 31 "card-opened";
    /// A backup was made.
    BackedUp = 32 "backed-up";
    /// The store was restored from a backup.
    Restored = 33 "restored";
    /// A courier file was packed: for which node, or for all.
    Packed = 34 "packed";
    /// A courier file was taken in: whose, and how many entries were new.
    Unpacked = 35 "unpacked";
    /// A checkpoint was found that contradicts what is held.
    WrongCheckpoint = 36 "wrong-checkpoint";
    /// An order to carriers to prune was found that rests on nothing.
    UnfoundedOrder = 37 "unfounded-order";
    /// A person, or somebody at the node, read a record.
    Read = 40 "read";
    /// A person, or somebody at the node, saw a list.
    Listed = 41 "listed";
    /// The audit was exported.
    Exported = 42 "exported";
    /// The node signed how far its chain reaches.
    Signed = 50 "signed";
}

impl<C> Encode<C> for What {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u16(self.number()).map(drop)
    }
}

impl<'b, C> Decode<'b, C> for What {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.u16().map(Self::of_number)
    }
}

/// Who acted: what their certificate says of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ActedBy {
    /// Their public key.
    #[n(0)]
    pub key: ByteArray<32>,
    /// Their name.
    #[n(1)]
    pub name: String,
    /// Their certificate.
    #[n(2)]
    pub certificate: CertificateId,
}

impl std::fmt::Debug for ActedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ActedBy(…)")
    }
}

impl From<&PersonCertificate> for ActedBy {
    fn from(certificate: &PersonCertificate) -> Self {
        let person = certificate.person();
        Self { key: person.key, name: person.name.clone(), certificate: certificate.id() }
    }
}

/// How far the chain reached when the node signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedHead {
    /// The node that signed.
    #[n(0)]
    pub node: NodeId,
    /// The number of the last record that is covered.
    #[n(1)]
    pub sequence: u64,
    /// Its hash.
    #[n(2)]
    pub hash: ByteArray<32>,
    /// The node's signature.
    #[n(3)]
    pub signature: ByteArray<64>,
}

impl SignedHead {
    /// Signs how far a chain reaches.
    #[must_use]
    pub fn sign(key: &SigningKey, head: &Head) -> Self {
        let node = NodeId(key.verifying_key().to_bytes());
        let signature = key.sign(&message(SIGN_CONTEXT, &node, head)).to_bytes().into();
        Self { node, sequence: head.sequence, hash: head.hash.into(), signature }
    }
}

fn message(context: &[u8], node: &NodeId, head: &Head) -> Vec<u8> {
    [context, &node.0, &head.sequence.to_le_bytes(), &head.hash].concat()
}

/// One record: one thing done or read. What does not apply is none.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct AuditRecord {
    /// Format version, 1.
    #[n(0)]
    pub version: u8,
    /// Drawn, so that nobody can guess a withheld record from its digest.
    #[n(1)]
    pub salt: ByteArray<16>,
    /// When, by the node's clock.
    #[n(2)]
    pub at: Timestamp,
    /// What.
    #[n(3)]
    pub what: What,
    /// Who acted; none where the node did so by itself, or nobody was named.
    #[n(4)]
    pub person: Option<ActedBy>,
    /// Which elder it is about: the UUID.
    #[n(5)]
    pub elder: Option<ByteArray<16>>,
    /// Which party it is about.
    #[n(6)]
    pub party: Option<PartyId>,
    /// Which node it is about.
    #[n(7)]
    pub node: Option<NodeId>,
    /// Which space.
    #[n(8)]
    pub space: Option<SpaceTag>,
    /// Of what kind that is: of a space, a party, or what was read.
    #[n(9)]
    pub of: Option<String>,
    /// The certificate of the act.
    #[n(10)]
    pub certificate: Option<CertificateId>,
    /// How many: signatures on a certificate, rows of a list, readings within the minute.
    #[n(11)]
    pub count: u64,
    /// What else is to be known: right and purpose of a grant, the name of a backup's folder.
    #[n(12)]
    pub detail: Option<String>,
    /// How far the chain reached, where the node signed it.
    #[n(13)]
    pub signed: Option<SignedHead>,
}

impl std::fmt::Debug for AuditRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditRecord").field("what", &self.what).finish_non_exhaustive()
    }
}

/// Why bytes are no record of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAuditRecord {
    /// The bytes exceed the cap.
    #[error("a record of the audit has at most {AUDIT_RECORD_BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are no record, or a text in it is too long.
    #[error("these bytes are no record of the audit")]
    Malformed,
    /// A later format.
    #[error("this record has format version {0}; update linli to read it")]
    Version(u8),
}

impl AuditRecord {
    /// The format version written here.
    pub const VERSION: u8 = 1;

    /// Begins a record; `count` is one.
    pub fn new(rng: &mut impl CryptoRng, at: Timestamp, what: What) -> Self {
        Self {
            version: Self::VERSION,
            salt: crate::secret::draw::<16>(rng).into(),
            at,
            what,
            person: None,
            elder: None,
            party: None,
            node: None,
            space: None,
            of: None,
            certificate: None,
            count: 1,
            detail: None,
            signed: None,
        }
    }

    /// Says what a certificate of the community does; `count` is how many have signed it.
    pub fn of_certificate(
        rng: &mut impl CryptoRng,
        at: Timestamp,
        certificate: &Certificate,
    ) -> Self {
        use certificate::Act;
        let mut record = Self::new(rng, at, What::Founded);
        record.certificate = Some(certificate.id());
        record.count = u64::try_from(certificate.envelope().signers().count()).unwrap_or(u64::MAX);
        record.what = match &certificate.body().act {
            Act::Genesis { name, .. } => {
                record.detail = Some(clip(name));
                What::Founded
            }
            Act::Officers { .. } => What::Officers,
            Act::Enrol { party, kind, .. } => {
                record.party = Some(*party);
                record.of = Some(format!("{kind:?}").to_lowercase());
                What::Enrolled
            }
            Act::Expel { subject, .. } => {
                match subject {
                    Subject::Party(party) => record.party = Some(*party),
                    Subject::Node(node) => record.node = Some(*node),
                }
                What::Expelled
            }
            Act::Node { party, node, .. } => {
                (record.party, record.node) = (Some(*party), Some(*node));
                What::NodeCertified
            }
            Act::Extend { node, .. } => {
                record.node = Some(*node);
                What::NodeExtended
            }
            Act::Notice { node, topic, body } => {
                record.node = Some(*node);
                let order = (topic == ORDER_TOPIC)
                    .then(|| Order::decode(body, certificate.body().community).ok())
                    .flatten();
                record.space = order.as_ref().map(|order| order.erase().space);
                let ended = person::end::ended_by(topic);
                record.detail = ended.map(str::to_owned);
                record.of = ended.is_none().then(|| clip(topic));
                match (order, ended) {
                    (Some(_), _) => What::Erased,
                    (None, Some(_)) => What::PersonEnded,
                    (None, None) => What::Notice,
                }
            }
        };
        record
    }

    /// Says what a certificate of a space does; none for an act this version does not know.
    pub fn of_space_certificate(
        rng: &mut impl CryptoRng,
        space: SpaceTag,
        kind: &str,
        certificate: &SpaceCertificate,
    ) -> Option<Self> {
        let mut record = Self::new(rng, certificate.body().at, What::SpaceBegun);
        record.space = Some(space);
        record.of = Some(clip(kind));
        record.certificate = Some(certificate.id());
        record.what = match certificate.act()? {
            Act::Genesis(_) => What::SpaceBegun,
            Act::Grant(grant) => {
                let right = match grant.right {
                    Right::Carry => "carry",
                    Right::Read => "read",
                    Right::Write => "write",
                    Right::Steward => "steward",
                };
                record.party = Some(grant.party);
                record.detail = Some(clip(&format!("{right}: {}", grant.purpose)));
                What::Granted
            }
            Act::Revoke(Revoked::Party(party)) => {
                record.party = Some(*party);
                What::Revoked
            }
            Act::Revoke(Revoked::Grant(grant)) => {
                record.detail = Some(grant.to_string());
                What::Revoked
            }
            Act::Epoch(_) => What::Rotated,
            Act::HandOver(over) => {
                match over.to {
                    Owner::Party(party) => record.party = Some(party),
                    Owner::Community => record.detail = Some("community".to_owned()),
                }
                What::HandedOver
            }
            Act::Cut { party, .. } => {
                record.party = Some(*party);
                What::Cut
            }
            Act::Admit { entries } => {
                record.count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
                What::Admitted
            }
            Act::Refuse { entries } => {
                record.count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
                What::Refused
            }
            Act::Prune(prune) => {
                record.detail = Some(prune.entry.to_string());
                What::Agreed
            }
            Act::Withdraw(prune) => {
                record.detail = Some(prune.entry.to_string());
                What::AgreementWithdrawn
            }
        };
        Some(record)
    }

    /// Says that the node signs how far its chain reaches.
    pub fn signature(
        rng: &mut impl CryptoRng,
        at: Timestamp,
        key: &SigningKey,
        head: &Head,
    ) -> Self {
        Self { signed: Some(SignedHead::sign(key, head)), ..Self::new(rng, at, What::Signed) }
    }

    /// Returns the record as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Returns what puts the record into a batch: the store links it when the batch is durable.
    #[must_use]
    pub fn for_store(&self) -> Record {
        Record { shelf: Shelf::Audit, key: self.salt.to_vec(), value: Some(self.encode()) }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// See [`BadAuditRecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadAuditRecord> {
        if bytes.len() > AUDIT_RECORD_BYTES_MAX {
            return Err(BadAuditRecord::TooLarge);
        }
        let version = crate::codec::version(bytes).ok_or(BadAuditRecord::Malformed)?;
        if version != Self::VERSION {
            return Err(BadAuditRecord::Version(version));
        }
        let record: Self = codec::decode(bytes).map_err(|_| BadAuditRecord::Malformed)?;
        let name = record.person.as_ref().map(|person| &person.name);
        let mut texts = record.of.iter().chain(&record.detail).chain(name);
        if texts.any(|text| text.len() > CODE_BYTES_MAX) {
            return Err(BadAuditRecord::Malformed);
        }
        Ok(record)
    }
}

/// As much of a text as a record takes.
#[must_use]
pub fn clip(text: &str) -> String {
    text.get(..text.floor_char_boundary(CODE_BYTES_MAX)).unwrap_or_default().to_owned()
}
