//! A community of homes and one relay, all keys from small numbers.

use ed25519_dalek::SigningKey;
use linli_net::{EndpointId, SecretKey};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use linli_replica::entry::{Entry, Header, Page, Suite, Urgency, VerifiedPage};
use linli_replica::id::{
    CommunityId, DocTag, EntryId, EpochId, LogKey, NodeId, OfficerId, PartyId, SpaceTag, Timestamp,
};

/// The relay's number.
pub(crate) const RELAY: u8 = 9;
const OFFICER: u8 = 250;

/// The year 2096.
pub(crate) const ENDS: Timestamp = Timestamp(4_000_000_000_000);

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn node(number: u8) -> NodeId {
    NodeId(key(number).verifying_key().to_bytes())
}

pub(crate) fn endpoint(number: u8) -> EndpointId {
    SecretKey::from_bytes(&[number; 32]).public()
}

fn genesis() -> Certificate {
    let officers = vec![OfficerId(node(OFFICER).0)];
    let act = Act::Genesis {
        name: "North".into(),
        officers: OfficerSet { officers, threshold: 1 },
        nonce: [0; 32].into(),
    };
    Certificate::new(CommunityId::default(), Timestamp(1), act).signed(&key(OFFICER))
}

fn make(act: Act, signer: u8) -> Certificate {
    Certificate::new(CommunityId(genesis().id().0), Timestamp(1), act).signed(&key(signer))
}

/// The certificates that make a node a member until `ends`.
pub(crate) fn enrolled(number: u8, ends: Timestamp) -> [Certificate; 2] {
    let carrier = number == RELAY;
    let party = PartyId(node(number + 100).0);
    let kind = if carrier { PartyKind::Carrier } else { PartyKind::Household };
    let enrol = Act::Enrol { under: genesis().id(), party, kind, name: None };
    let certify = Act::Node {
        party,
        node: node(number),
        seal_key: [3; 32].into(),
        ends,
        label: "box".into(),
        carrier,
    };
    [make(enrol, OFFICER), make(certify, number + 100)]
}

/// The certificates of the relay and these members.
pub(crate) fn certificates(members: &[u8]) -> Vec<Certificate> {
    let enrolled = members.iter().chain([&RELAY]).flat_map(|number| enrolled(*number, ENDS));
    std::iter::once(genesis()).chain(enrolled).collect()
}

pub(crate) fn expel(number: u8) -> Certificate {
    let subject = Subject::Node(node(number));
    make(Act::Expel { under: genesis().id(), subject }, OFFICER)
}

pub(crate) fn notice(number: u8) -> Certificate {
    let body = b"open on Sundays".to_vec().into();
    make(Act::Notice { node: node(number), topic: "erased".into(), body }, number)
}

pub(crate) const SPACE: SpaceTag = SpaceTag([7; 32]);
pub(crate) const DOCUMENT: DocTag = DocTag([8; 32]);

/// A log of sealed entries of about `bytes` each that a member wrote.
pub(crate) fn log(number: u8, count: u64, bytes: usize) -> Vec<Entry> {
    entries(number, DOCUMENT, Urgency::Normal, (count, bytes))
}

/// An alert of about `bytes` that a member raised.
pub(crate) fn alert(number: u8, bytes: usize) -> Vec<Entry> {
    entries(number, DocTag([9; 32]), Urgency::Urgent, (1, bytes))
}

/// A log of sealed entries that a member wrote.
pub(crate) fn entries(
    number: u8,
    document: DocTag,
    urgency: Urgency,
    (count, bytes): (u64, usize),
) -> Vec<Entry> {
    let key = key(number + 50);
    let length = bytes.next_multiple_of(256) + 16;
    let mut previous = EntryId::default();
    let mut entries = Vec::new();
    for sequence in 1..=count {
        let header = Header {
            version: Header::VERSION,
            suite: Suite::Epoch,
            space: SPACE,
            document,
            log: LogKey(key.verifying_key().to_bytes()),
            sequence,
            previous,
            epoch: EpochId([9; 32]),
            urgency,
            nonce: [number; 24].into(),
            length: u32::try_from(length).unwrap(),
        };
        let entry = Entry::assemble(&header, vec![number; length], &key).unwrap();
        previous = entry.id();
        entries.push(entry);
    }
    entries
}

pub(crate) fn pages(entries: &[Entry]) -> Vec<VerifiedPage> {
    entries.iter().map(|entry| Page(vec![entry.clone()]).verify().unwrap()).collect()
}
