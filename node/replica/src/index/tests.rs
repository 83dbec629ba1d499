use super::*;
use crate::entry::Page;
use crate::entry::tests::chain;

const TAG: DocTag = DocTag([1; 32]);

/// What the test says is durable.
#[derive(Default)]
struct Disk(Vec<Entry>);

impl Held for Disk {
    fn entries(
        &self,
        document: DocTag,
        log: LogKey,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, HeldError> {
        let mut found: Vec<Entry> = self
            .0
            .iter()
            .filter(|e| e.header().document == document && e.header().log == log)
            .filter(|e| e.header().sequence > after)
            .cloned()
            .collect();
        found.sort_by_key(Entry::tip);
        found.truncate(1 + bytes_max / 300);
        Ok(found)
    }
}

fn page(entries: &[Entry]) -> VerifiedPage {
    Page(entries.to_vec()).verify().unwrap()
}

fn ids(admission: Admission) -> Vec<EntryId> {
    let Admission::New(entries) = admission else { panic!("not new: {admission:?}") };
    entries.iter().map(Entry::id).collect()
}

#[test]
fn what_is_admitted_is_known_but_counted_only_once_durable() {
    let (mut index, mut disk) = (Index::default(), Disk::default());
    let entries = chain(1, TAG, 5, 0);
    let first = ids(index.admit(page(&entries[..3]), &disk).unwrap());
    assert_eq!(first.len(), 3);
    assert_eq!(index.frontier(&TAG), None);
    assert_eq!(index.admit(page(&entries[1..3]), &disk), Ok(Admission::Known));
    let rest = ids(index.admit(page(&entries[1..]), &disk).unwrap());
    assert_eq!(rest, [entries[3].id(), entries[4].id()], "only what is new of an overlap");
    index.persisted(&entries[..3]);
    disk.0.extend_from_slice(&entries[..3]);
    assert_eq!(index.tips(&TAG, &entries[0].header().log), [entries[2].tip()]);
    assert_eq!(index.admitted_tips(&TAG, &entries[0].header().log), [entries[4].tip()]);
    index.persisted(&entries[3..]);
    disk.0.extend_from_slice(&entries[3..]);
    assert_eq!(index.admit(page(&entries), &disk), Ok(Admission::Known));
    assert_eq!(index.admit(page(&entries[..1]), &disk), Ok(Admission::Known), "read from disk");
    let frontier = index.frontier(&TAG).unwrap();
    assert_eq!(index.digest(&TAG), Some(frontier.digest()));
    assert_eq!(index.documents(&entries[0].header().space).count(), 1);
}

#[test]
fn a_gap_is_told_and_leaves_nothing() {
    let (mut index, disk) = (Index::default(), Disk::default());
    let entries = chain(1, TAG, 5, 0);
    assert_eq!(index.admit(page(&entries[2..]), &disk), Ok(Admission::Gap));
    assert_eq!(index.space_of(&TAG), None);
    ids(index.admit(page(&entries[..1]), &disk).unwrap());
    assert_eq!(index.admit(page(&entries[2..]), &disk), Ok(Admission::Gap));
}

#[test]
fn what_failed_is_new_again() {
    let (mut index, disk) = (Index::default(), Disk::default());
    let entries = chain(1, TAG, 3, 0);
    ids(index.admit(page(&entries), &disk).unwrap());
    index.failed(&entries);
    assert_eq!(index.space_of(&TAG), None, "the space is free again");
    assert_eq!(ids(index.admit(page(&entries), &disk).unwrap()).len(), 3);
}

#[test]
fn branches_are_kept_up_to_the_limit_and_grow_apart() {
    let (mut index, mut disk) = (Index::default(), Disk::default());
    let trunk = chain(1, TAG, 4, 0);
    ids(index.admit(page(&trunk), &disk).unwrap());
    index.persisted(&trunk);
    disk.0.extend(trunk);
    for salt in 1..BRANCHES_MAX {
        let branch = chain(1, TAG, 2, u8::try_from(salt).unwrap());
        let admission = index.admit(page(&branch), &disk).unwrap();
        assert!(matches!(&admission, Admission::Fork(entries) if entries.len() == 2));
        index.persisted(&branch);
        disk.0.extend(branch);
    }
    let one_more = chain(1, TAG, 2, 99);
    let full = Admission::Refused(AdmissionRefusal::TooManyBranches);
    assert_eq!(index.admit(page(&one_more), &disk), Ok(full));
    let longer = chain(1, TAG, 3, 2);
    assert_eq!(ids(index.admit(page(&longer), &disk).unwrap()), [longer[2].id()], "it grows");
    index.persisted(&longer[2..]);
    let tips = index.tips(&TAG, &longer[0].header().log);
    assert_eq!(tips.len(), BRANCHES_MAX);
    assert!(tips.is_sorted() && tips.contains(&longer[2].tip()));
}

#[test]
fn loading_gives_the_same_index() {
    let disk = Disk::default();
    let mut index = Index::default();
    let (a, b) = (chain(1, TAG, 4, 0), chain(2, DocTag([2; 32]), 2, 0));
    for entries in [&a, &b] {
        ids(index.admit(page(entries), &disk).unwrap());
        index.persisted(entries);
    }
    let space = a[0].header().space;
    let branches = [&b, &a].map(|entries| {
        let last = entries.last().unwrap();
        (space, last.header().document, last.header().log, Branch::of(last))
    });
    let loaded = Index::load(branches);
    assert_eq!(
        loaded.documents(&space).collect::<Vec<_>>(),
        index.documents(&space).collect::<Vec<_>>()
    );
    assert_eq!(loaded.len(), 2);
}
