//! What a node remembers of the courier's trips: who is known to have taken what, and what is to be
//! said with the next one.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::apart::Heard;
use linli_replica::batch::{Record, Shelf};
use linli_replica::codec;
use linli_replica::custody::{Custody, Terms};
use linli_replica::directory::Directory;
use linli_replica::fingerprint::{NAME_BYTES, Salt};
use linli_replica::id::{CertificateId, DocTag, NodeId, SpaceTag, Timestamp};
use linli_replica::replica::Carried;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// What the names of the records begin with, on the node's own shelf.
const TRIPS: &[u8] = b"courier/trip/";
const ARRIVED: &[u8] = b"courier/certificate/";
const GROWN: &[u8] = b"courier/document/";
const KEPT: &[u8] = b"courier/custody/";

/// Documents that files made grow and of which receipts may be owed: 6 MB.
const GROWN_MAX: usize = 65_536;
/// Receipts of others that are passed on.
const KEPT_MAX: usize = 1_024;
/// Bytes of them: one as large as an honest node makes takes 128 KiB, most take a few hundred bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// What each of them is charged besides its bytes where it is asked who has most.
const KEPT_ITEM_BYTES: usize = 256;
/// What was told in a comparison is durable at the other end within this long.
const MARGIN_MS: u64 = 10 * 60 * 1_000;

/// What is known of the trips to and from one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Trip {
    /// The time of its latest file that was taken here, by its clock.
    #[n(0)]
    pub(crate) taken: Option<Timestamp>,
    /// The time of the latest file of this node's that it has taken, by this node's clock.
    #[n(1)]
    pub(crate) acknowledged: Option<Timestamp>,
    /// The spaces that it has named in a file.
    #[n(2)]
    pub(crate) named: Option<Named>,
    /// The time of its latest receipt that a file has brought, by its clock.
    #[n(3)]
    pub(crate) said: Option<Timestamp>,
}

/// Spaces by their names under a file's secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Named {
    #[n(0)]
    pub(crate) secret: ByteArray<32>,
    #[n(1)]
    pub(crate) names: ByteVec,
}

/// A receipt that is kept for others.
#[derive(Debug)]
struct Kept {
    /// When it came.
    at: Timestamp,
    /// Who gave it.
    by: NodeId,
    custody: Custody,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Courier {
    trips: BTreeMap<NodeId, Trip>,
    /// When each certificate of the community came here.
    arrived: BTreeMap<CertificateId, Timestamp>,
    /// Documents that a file made grow, and when.
    grown: BTreeMap<DocTag, Timestamp>,
    /// Receipts of others, for others.
    kept: BTreeMap<[u8; 32], Kept>,
    /// What the file that is being taken in has brought, until it is counted.
    pub(crate) carried: Carried,
    /// Entries of others that could not be stored.
    pub(crate) lost: u64,
}

fn record(prefix: &[u8], key: &[u8; 32], value: Option<Vec<u8>>) -> Record {
    Record { shelf: Shelf::Own, key: [prefix, key].concat(), value }
}

impl Courier {
    /// Takes up what an earlier run has kept; other records are passed over.
    pub(crate) fn load<'a>(records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut courier = Self::default();
        for (name, value) in records {
            let key = |prefix: &[u8]| name.strip_prefix(prefix)?.first_chunk::<32>().copied();
            if let Some(key) = key(TRIPS) {
                let trip = codec::decode(value).unwrap_or_default();
                courier.trips.insert(NodeId(key), trip);
            } else if let Some(key) = key(ARRIVED) {
                let at = codec::decode(value).unwrap_or_default();
                courier.arrived.insert(CertificateId(key), at);
            } else if let Some(key) = key(GROWN) {
                let at = codec::decode(value).unwrap_or_default();
                courier.grown.insert(DocTag(key), at);
            } else if let Some(key) = key(KEPT)
                && let Ok((at, custody)) = codec::decode::<(Timestamp, Custody)>(value)
                && let Ok(Terms { by, .. }) = codec::decode(&custody.terms)
            {
                courier.kept.insert(key, Kept { at, by, custody });
            }
        }
        courier
    }

    /// Notes when certificates came; returns what is to be kept.
    pub(crate) fn arrived(&mut self, ids: &[CertificateId], now: Timestamp) -> Vec<Record> {
        self.arrived.extend(ids.iter().map(|id| (*id, now)));
        let note = |id: &CertificateId| record(ARRIVED, &id.0, Some(codec::encode(&now)));
        ids.iter().map(note).collect()
    }

    /// Notes those certificates of which it is not known when they came: too late rather than too early.
    pub(crate) fn arrived_unnoted(&mut self, all: &Directory, now: Timestamp) -> Vec<Record> {
        let ids: Vec<CertificateId> = all
            .certificates()
            .map(|c| c.id())
            .filter(|id| !self.arrived.contains_key(id))
            .collect();
        self.arrived(&ids, now)
    }

    pub(crate) fn trip(&self, node: &NodeId) -> Trip {
        self.trips.get(node).cloned().unwrap_or_default()
    }

    /// Keeps what a file has told of the trips; returns the record.
    pub(crate) fn travelled(&mut self, node: NodeId, trip: Trip) -> Record {
        let kept = record(TRIPS, &node.0, Some(codec::encode(&trip)));
        self.trips.insert(node, trip);
        kept
    }

    /// As of when a node is known to have all that was here: its last comparison, less what may not have
    /// been durable then, or the last file that it has taken.
    pub(crate) fn known_at(&self, node: &NodeId, heard: &Heard) -> Option<Timestamp> {
        let compared = heard.at(node).map(|at| Timestamp(at.0.saturating_sub(MARGIN_MS)));
        let acknowledged = self.trips.get(node).and_then(|trip| trip.acknowledged);
        compared.max(acknowledged)
    }

    /// Lists the certificates that came after a time.
    pub(crate) fn since(&self, all: &Directory, known: Option<Timestamp>) -> Vec<CertificateId> {
        let ids = all.certificates().map(|certificate| certificate.id());
        let is_news = |id: &CertificateId| match (known, self.arrived.get(id)) {
            (Some(known), Some(arrived)) => *arrived >= known,
            _ => true,
        };
        ids.filter(is_news).collect()
    }

    /// Notes documents that a file made grow; returns what is to be kept.
    pub(crate) fn grew(
        &mut self,
        documents: impl IntoIterator<Item = DocTag>,
        now: Timestamp,
    ) -> Vec<Record> {
        let mut records = Vec::new();
        for document in documents {
            self.grown.insert(document, now);
            records.push(record(GROWN, &document.0, Some(codec::encode(&now))));
        }
        let over = self.grown.len().saturating_sub(GROWN_MAX);
        if over > 0 {
            let mut oldest: Vec<(Timestamp, DocTag)> =
                self.grown.iter().map(|(document, at)| (*at, *document)).collect();
            oldest.sort_unstable();
            for (_, document) in oldest.into_iter().take(over) {
                self.grown.remove(&document);
                records.push(record(GROWN, &document.0, None));
            }
        }
        records
    }

    /// Forgets documents that are erased; returns the records to remove.
    pub(crate) fn erase(&mut self, gone: &BTreeSet<DocTag>) -> Vec<Record> {
        let known = gone.iter().filter(|document| self.grown.remove(document).is_some());
        known.map(|document| record(GROWN, &document.0, None)).collect()
    }

    /// Lists the documents that files made grow after a time.
    pub(crate) fn grown_since(&self, known: Option<Timestamp>) -> impl Iterator<Item = DocTag> {
        let news = self.grown.iter().filter(move |(_, at)| known.is_none_or(|known| **at >= known));
        news.map(|(document, _)| *document)
    }

    /// Keeps a receipt for others, which a node gave; returns what is to be kept.
    pub(crate) fn keep(&mut self, custody: Custody, by: NodeId, now: Timestamp) -> Vec<Record> {
        let key = *blake3::hash(&codec::encode(&custody)).as_bytes();
        if self.kept.contains_key(&key) {
            return Vec::new();
        }
        let mut records = vec![record(KEPT, &key, Some(codec::encode(&(now, &custody))))];
        self.kept.insert(key, Kept { at: now, by, custody });
        let mut bytes: usize = self.kept.values().map(|kept| kept.custody.terms.len()).sum();
        while self.kept.len() > KEPT_MAX || bytes > KEPT_BYTES_MAX {
            let gone = self.displaced(&key).and_then(|key| self.kept.remove_entry(&key));
            let Some((key, gone)) = gone else { break };
            bytes = bytes.saturating_sub(gone.custody.terms.len());
            records.push(record(KEPT, &key, None));
        }
        records
    }

    /// Which receipt gives way to a new one: the oldest of the node that has most of them.
    fn displaced(&self, new: &[u8; 32]) -> Option<[u8; 32]> {
        let mut bytes: BTreeMap<NodeId, usize> = BTreeMap::new();
        for kept in self.kept.values() {
            *bytes.entry(kept.by).or_default() += kept.custody.terms.len() + KEPT_ITEM_BYTES;
        }
        let (most, _) = bytes.into_iter().max_by_key(|(_, bytes)| *bytes)?;
        let of_most = self.kept.iter().filter(|(key, kept)| *key != new && kept.by == most);
        of_most.min_by_key(|(_, kept)| kept.at).map(|(key, _)| *key)
    }

    /// Lists the receipts of others that came after a time.
    pub(crate) fn kept_since(&self, known: Option<Timestamp>) -> impl Iterator<Item = &Custody> {
        let news =
            self.kept.values().filter(move |kept| known.is_none_or(|known| kept.at >= known));
        news.map(|kept| &kept.custody)
    }
}

impl Trip {
    /// Lists those of some spaces that the node has named in a file.
    pub(crate) fn named(&self, spaces: impl IntoIterator<Item = SpaceTag>) -> Vec<SpaceTag> {
        let Some(named) = &self.named else { return Vec::new() };
        let salt = Salt::new(&named.secret);
        let (names, _) = named.names.as_chunks::<NAME_BYTES>();
        let names: BTreeSet<_> = names.iter().collect();
        spaces.into_iter().filter(|space| names.contains(&salt.name(space))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custody(number: u64, bytes: usize) -> Custody {
        let terms = [number.to_le_bytes().as_slice(), &vec![0; bytes]].concat();
        Custody { version: 1, terms: terms.into(), signature: [0; 64].into() }
    }

    #[test]
    fn receipts_of_others_take_a_bounded_part_of_the_disk_and_one_node_displaces_its_own() {
        let mut courier = Courier::default();
        let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut keep = |courier: &mut Courier, custody: &Custody, by: u8, now: u64| {
            for record in courier.keep(custody.clone(), NodeId([by; 32]), Timestamp(now)) {
                match record.value {
                    Some(value) => drop(stored.insert(record.key, value)),
                    None => drop(stored.remove(&record.key)),
                }
            }
            stored.values().map(Vec::len).sum::<usize>()
        };
        let honest = custody(0, 200);
        keep(&mut courier, &honest, 1, 0);
        let each = KEPT_BYTES_MAX / 10;
        for number in 1..=40 {
            let bytes = keep(&mut courier, &custody(number, each), 2, number);
            assert!(bytes <= KEPT_BYTES_MAX + (64 << 10), "{bytes} bytes are stored");
        }
        let kept: Vec<&Custody> = courier.kept_since(None).collect();
        assert!(kept.contains(&&honest), "another's flood displaces it not");
        assert!(kept.len() == 10 && kept.contains(&&custody(40, each)), "{}", kept.len());
    }
}
