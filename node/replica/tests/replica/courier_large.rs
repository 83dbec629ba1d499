//! A file for ten thousand documents passes through little memory at both ends.

use ed25519_dalek::SigningKey;
use linli_replica::courier::{Head, Load, Packer, Part, Preamble, Reader, Writer, chunk};
use linli_replica::directory::Directory;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frontier::{Branch, Frontier};
use linli_replica::held::{Held, HeldError};
use linli_replica::id::{CommunityId, DocTag, EntryId, LogKey, Timestamp};
use linli_replica::index::Index;
use linli_replica::replica::{Input, Output, Policy, Replica};

use crate::community::{Community, key, node};
use crate::cost::resident_kib;
use crate::network::{document, entry, space};

const DOCUMENTS: u32 = 10_000;
const ENTRIES: u64 = 2;
const ENTRY_BYTES: usize = 8 << 10;
const MEMORY_KIB: i64 = 64 << 10;

/// A store that makes each entry when it is asked for: nothing of it stays in memory.
struct Made(SigningKey);

impl Made {
    fn log(&self, document: DocTag) -> Vec<Entry> {
        let mut previous = EntryId::default();
        let made = |sequence| {
            let how = (Urgency::Normal, ENTRY_BYTES, 7);
            let entry = entry(&self.0, space(7), document, sequence, previous, how);
            previous = entry.id();
            entry
        };
        (1..=ENTRIES).map(made).collect()
    }
}

impl Held for Made {
    fn entries(
        &self,
        document: DocTag,
        _: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, HeldError> {
        let mut entries = self.log(document);
        entries.retain(|entry| entry.header().sequence > after);
        entries.truncate(bytes_max.div_ceil(ENTRY_BYTES));
        Ok(entries)
    }
}

/// A disk from which nothing has to be read.
struct Forgetful;

impl Held for Forgetful {
    fn entries(&self, _: DocTag, _: LogKey, _: u64, _: usize) -> Result<Vec<Entry>, HeldError> {
        Ok(Vec::new())
    }
}

fn directory(community: &Community) -> Directory {
    let mut directory = Directory::new(community.genesis.clone()).unwrap();
    directory.add([1, 2].into_iter().flat_map(|number| community.member(number, false)));
    directory
}

#[test]
fn ten_thousand_documents_are_packed_and_taken_in_within_64_mib() {
    let community = Community::new("North");
    let made = Made(key(30));
    let log = LogKey(made.0.verifying_key().to_bytes());
    let before = resident_kib();
    let index = Index::load((0..DOCUMENTS).map(|number| {
        let tag = document(7, number);
        let entries = made.log(tag);
        let branch = Branch { tip: entries.last().unwrap().tip(), urgency: Urgency::Normal };
        (space(7), tag, log, branch)
    }));
    let (packing, policy) = (directory(&community), Policy::MEMBER);
    let mut receiver = Replica::new(node(2), directory(&community), Index::default(), policy);
    let now = Timestamp(10);
    receiver.handle(now, &Forgetful, Input::Want(space(7)));

    let head = Head {
        community: CommunityId(community.genesis.id().0),
        from: node(1),
        to: None,
        at: now,
        secret: [5; 32].into(),
        taken: None,
    };
    let preamble = Preamble { encapped: None };
    let documents = (0..DOCUMENTS).map(|number| (document(7, number), Frontier::default()));
    let mut packer = Packer::new(&index, &[5; 32], None, Load::default(), documents);
    let (mut writer, first) = Writer::begin(&preamble, &head, &key(1));
    let mut reader = Reader::new(&preamble);
    assert!(matches!(reader.part(&first), Ok(Part::Head(_))));
    let (mut bytes, mut most) = (first.len(), 0);
    while let Some(frame) = packer.next(&index, &packing, &made).unwrap() {
        let part = writer.frame(&frame, &key(1));
        bytes += chunk(&part).len();
        let Part::Frame(frame) = reader.part(&part).unwrap() else { panic!("a frame") };
        let mut inputs = vec![Input::Carried { from: node(1), frame }];
        while let Some(input) = inputs.pop() {
            for output in receiver.handle(now, &Forgetful, input) {
                if let Output::Commit { ticket, .. } = output {
                    inputs.push(Input::Persisted { ticket });
                }
            }
        }
        most = most.max(resident_kib() - before);
    }
    let packed = packer.packed();
    let last = writer.end(&key(1));
    assert_eq!(reader.part(&last), Ok(Part::End));
    let entries = u64::from(DOCUMENTS) * ENTRIES;
    assert_eq!((packed.documents, packed.entries), (u64::from(DOCUMENTS), entries));
    assert_eq!(receiver.index().len(), usize::try_from(DOCUMENTS).unwrap());
    assert_eq!(receiver.index().digest(&document(7, 9)), index.digest(&document(7, 9)));
    let needed = usize::try_from(packed.entry_bytes).unwrap();
    println!("{bytes} bytes for {needed} needed, {most} KiB of memory");
    assert!(needed > 160_000_000, "far more than the memory: {needed}");
    assert!(bytes * 100 <= needed * 110, "{bytes} bytes for {needed}");
    assert!(most > 0 && most <= MEMORY_KIB, "{most} KiB");
}
