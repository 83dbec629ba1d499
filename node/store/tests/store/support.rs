//! Things to store.

use ed25519_dalek::SigningKey;
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::certificate::{Act, Certificate};
use linli_replica::entry::{Entry, Header, Page, Suite, Urgency};
use linli_replica::id::{
    CommunityId, DocTag, EntryId, EpochId, LogKey, NodeId, SpaceTag, Timestamp,
};

/// A log of one document, able to write.
pub(crate) struct Log {
    pub(crate) space: SpaceTag,
    pub(crate) document: DocTag,
    key: SigningKey,
}

impl Log {
    pub(crate) fn new(space: u8, document: u8, key: u8) -> Self {
        Self {
            space: SpaceTag([space; 32]),
            document: DocTag([document; 32]),
            key: SigningKey::from_bytes(&[key; 32]),
        }
    }

    pub(crate) fn log(&self) -> LogKey {
        LogKey(self.key.verifying_key().to_bytes())
    }

    /// Returns the first `count` entries, each signed; `salt` makes another log of the same key.
    pub(crate) fn chain(&self, count: u64, salt: u8) -> Vec<Entry> {
        let mut chain: Vec<Entry> = Vec::new();
        for _ in 0..count {
            chain.push(self.entry(chain.last(), salt));
        }
        chain
    }

    /// Returns the first `count` entries as a verified page holds them: the last one signed.
    pub(crate) fn page(&self, count: u64, salt: u8) -> Vec<Entry> {
        Page(self.chain(count, salt)).verify().unwrap().into_entries()
    }

    /// Returns the entries after `shared` up to `last` of a fork of the chain of salt 0.
    pub(crate) fn branch(&self, shared: u64, last: u64, salt: u8) -> Vec<Entry> {
        let mut chain = self.chain(shared, 0);
        while (chain.len() as u64) < last {
            chain.push(self.entry(chain.last(), salt));
        }
        chain.split_off(usize::try_from(shared).unwrap())
    }

    pub(crate) fn entry(&self, after: Option<&Entry>, salt: u8) -> Entry {
        let header = Header {
            version: 1,
            suite: Suite::Epoch,
            space: self.space,
            document: self.document,
            log: self.log(),
            sequence: after.map_or(1, |entry| entry.header().sequence + 1),
            previous: after.map_or(EntryId::default(), Entry::id),
            epoch: EpochId([9; 32]),
            urgency: Urgency::Normal,
            nonce: [salt; 24].into(),
            length: 272,
        };
        Entry::assemble(&header, vec![salt; 272], &self.key).unwrap()
    }
}

pub(crate) fn officer(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Returns an unsigned certificate.
pub(crate) fn certificate(seed: u8) -> Certificate {
    let act = Act::Extend { node: NodeId([seed; 32]), ends: Timestamp(u64::from(seed)) };
    Certificate::new(CommunityId([3; 32]), Timestamp(1), act)
}

pub(crate) fn record(shelf: Shelf, key: &[u8], value: Option<&[u8]>) -> Record {
    Record { shelf, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
}

pub(crate) fn entries(entries: &[Entry], urgent: bool) -> Batch {
    Batch { entries: entries.to_vec(), urgent, ..Batch::default() }
}
