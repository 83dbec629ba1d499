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

fn erase(entry: &Entry, documents: Option<&[DocTag]>) -> Erase {
    let documents = documents.map(|documents| documents.iter().copied().collect());
    Erase { space: entry.header().space, documents }
}

#[test]
fn what_is_erased_is_forgotten_and_not_taken_in_again() {
    let refused = Ok(Admission::Refused(AdmissionRefusal::Erased));
    let (a, b) = (chain(1, TAG, 3, 0), chain(2, DocTag([2; 32]), 2, 0));
    let (space, other) = (a[0].header().space, b[0].header().document);
    for whole in [true, false] {
        let (mut index, disk) = (Index::default(), Disk::default());
        for entries in [&a[..2], &b] {
            ids(index.admit(page(entries), &disk).unwrap());
            index.persisted(entries);
        }
        // One entry is on its way to disk.
        ids(index.admit(page(&a[2..]), &disk).unwrap());
        let gone = index.erase(&erase(&a[0], (!whole).then_some(&[TAG])));
        assert_eq!(gone.contains(&other), whole);
        assert!(gone.contains(&TAG));
        assert_eq!((index.frontier(&TAG), index.space_of(&TAG)), (None, None));
        assert_eq!(index.has_space(&space), !whole);
        assert_eq!(index.documents(&space).count(), usize::from(!whole));
        assert_eq!(index.admit(page(&a), &disk), refused);
        assert_eq!(index.admitted_tips(&TAG, &a[0].header().log), []);
        assert_eq!(index.admit(page(&b), &disk) == refused, whole);
        assert!(index.erase(&erase(&a[0], Some(&[TAG]))).is_empty(), "there is nothing left");
    }
}

#[test]
fn a_document_is_erased_in_the_space_that_is_named_only() {
    let (mut index, disk) = (Index::default(), Disk::default());
    let entries = chain(1, TAG, 2, 0);
    ids(index.admit(page(&entries[..1]), &disk).unwrap());
    index.persisted(&entries[..1]);
    // Somebody who carries knows the tag, and has a space of their own.
    let space = SpaceTag([0xee; 32]);
    let theirs = Erase { space, documents: Some([TAG].into()) };
    assert!(index.erase(&theirs).is_empty());
    assert!(index.frontier(&TAG).is_some());
    ids(index.admit(page(&entries[1..]), &disk).unwrap());
    assert!(index.is_erased(&space, &TAG));
}

#[test]
fn an_erasure_leaves_the_same_whenever_it_comes() {
    let (a, b) = (chain(1, TAG, 4, 0), chain(2, DocTag([2; 32]), 2, 0));
    let expected = {
        let (mut index, disk) = (Index::default(), Disk::default());
        ids(index.admit(page(&b), &disk).unwrap());
        index.persisted(&b);
        index.documents(&b[0].header().space).collect::<Vec<_>>()
    };
    for at in 0..=a.len() {
        let (mut index, mut disk) = (Index::default(), Disk::default());
        ids(index.admit(page(&b), &disk).unwrap());
        index.persisted(&b);
        for (n, entry) in a.iter().enumerate() {
            if n == at {
                index.erase(&erase(entry, Some(&[TAG])));
                disk.0.clear();
            }
            let admission = index.admit(page(std::slice::from_ref(entry)), &disk).unwrap();
            assert_eq!(matches!(admission, Admission::New(_)), n < at);
            if n < at {
                index.persisted(std::slice::from_ref(entry));
                disk.0.push(entry.clone());
            }
        }
        index.erase(&erase(&a[0], Some(&[TAG])));
        assert_eq!(index.documents(&b[0].header().space).collect::<Vec<_>>(), expected);
        assert_eq!(index.len(), 1);
    }
}
