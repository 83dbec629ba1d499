use std::collections::BTreeMap;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ChangeHash, ROOT};
use ed25519_dalek::SigningKey;
use linli_model::author::{Author, PartyKind};
use linli_replica::id::DocTag;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::document::{Judged, Withheld, actor};
use crate::person::PersonDetails;

const SPACE: SpaceTag = SpaceTag([1; 32]);
const DOCUMENT: DocTag = DocTag([2; 32]);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn log(writer: u8) -> LogKey {
    crate::identity::log_key(&key(10 + writer))
}

fn binding(writer: u8) -> Binding {
    Binding::new(&key(20 + writer), &key(10 + writer), SPACE)
}

fn person(seed: u8) -> Arc<PersonCertificate> {
    let details = PersonDetails {
        key: key(30 + seed).verifying_key().to_bytes(),
        party: PartyId([3; 32]),
        name: format!("person {seed}"),
        role: "carer".to_owned(),
        qualification: None,
        ends: Timestamp(u64::MAX),
    };
    Arc::new(PersonCertificate::sign(&key(40), details).unwrap())
}

fn author(node: NodeId) -> Author {
    let party = linli_model::author::PartyId([3; 32]);
    let node = linli_model::author::NodeId(node.0);
    Author { node, party, kind: PartyKind::Centre, person: None, attested_by: Vec::new() }
}

/// Draws what some nodes wrote to a document, each having seen some of the others' work.
fn history(seed: u64, edits: usize) -> Vec<Judged> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let writers = rng.random_range(1..4_u8);
    let mut docs: Vec<AutoCommit> = (0..writers).map(|_| AutoCommit::new()).collect();
    let mut entries: Vec<Judged> = Vec::new();
    for (writer, doc) in (0..).zip(&mut docs) {
        doc.set_actor(actor(log(writer), DOCUMENT));
    }
    for edit in 0..edits {
        let writer = rng.random_range(0..writers);
        let other = usize::from(rng.random_range(0..writers));
        let mut theirs = docs[other].clone();
        let doc = &mut docs[usize::from(writer)];
        if rng.random_bool(0.4) {
            doc.merge(&mut theirs).unwrap();
        }
        let mut changes = Vec::new();
        // An entry holds one change mostly; a part of a checkpoint holds none.
        for part in 0..[1, 1, 1, 1, 0, 2][rng.random_range(0..6)] {
            let value = i64::try_from(edit * 2 + part).unwrap();
            doc.put(ROOT, format!("key {}", rng.random_range(0..5)), value).unwrap();
            let hash = doc.commit().unwrap();
            changes.push(doc.get_change_by_hash(&hash).unwrap());
        }
        let sequence = 1 + entries.iter().filter(|e| e.log == log(writer)).count() as u64;
        let certificate = rng.random_bool(0.5).then(|| person(rng.random_range(0..2)));
        let at = Timestamp(1_700_000_000_000 + rng.random_range(0..1_000_000));
        let entry = EntryId(
            *blake3::hash(&[&seed.to_le_bytes()[..], &edit.to_le_bytes()].concat()).as_bytes(),
        );
        entries.push(judged(writer, sequence, entry, at, certificate, changes));
    }
    entries
}

/// The first history drawn that several nodes wrote.
fn of_several(edits: usize) -> Vec<Judged> {
    let logs = |entries: &[Judged]| entries.iter().map(|e| e.log).collect::<BTreeSet<_>>().len();
    (0..).map(|seed| history(seed, edits)).find(|entries| logs(entries) > 1).unwrap()
}

fn judged(
    writer: u8,
    sequence: u64,
    entry: EntryId,
    at: Timestamp,
    certificate: Option<Arc<PersonCertificate>>,
    changes: Vec<Change>,
) -> Judged {
    let node = binding(writer).node;
    Judged {
        log: log(writer),
        sequence,
        node: Some(node),
        entry,
        at,
        standing: Ok(author(node)),
        binding: (sequence == 1).then(|| binding(writer)),
        certificate,
        changes: changes.into(),
        part: None,
    }
}

fn whole(entries: &[Judged]) -> Whole {
    let mut logs: BTreeMap<LogKey, Covered> = BTreeMap::new();
    for entry in entries {
        if let Some(binding) = entry.binding.clone() {
            logs.insert(entry.log, Covered { log: entry.log, binding, rows: Vec::new() });
        }
        let Judged { entry, log, at, certificate, changes, .. } = entry.clone();
        logs.get_mut(&log).unwrap().rows.push(Row { entry, at, certificate, changes });
    }
    Whole::new(logs.into_values().collect()).unwrap()
}

fn held(entries: &[Judged]) -> BTreeMap<LogKey, HeldLog<'_>> {
    let mut held: BTreeMap<LogKey, HeldLog<'_>> = BTreeMap::new();
    for judged in entries {
        let log = held.entry(judged.log).or_default();
        log.entry(judged.sequence).or_default().push((judged.entry, Some(judged)));
    }
    held
}

fn parts(whole: &Whole) -> Vec<Part> {
    let contents = whole.parts().unwrap();
    contents.iter().map(|content| Part::read(content.items()).unwrap()).collect()
}

/// Brings a checkpoint through the parts into which it is sealed.
fn travelled(whole: &Whole) -> Result<Vec<StatedLog>, Flaw> {
    let parts = parts(whole);
    let manifest = parts[0].manifest.clone().unwrap();
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.bytes.iter().copied()).collect();
    open(&manifest, &bytes, SPACE)
}

/// What comparing a checkpoint shows, once it has travelled.
fn compared(whole: &Whole, entries: &[Judged]) -> Result<usize, Flaw> {
    travelled(whole).and_then(|stated| check(&stated, &held(entries)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn a_checkpoint_says_what_the_entries_say(seed: u64, edits in 1_usize..40, kept: prop::sample::Index) {
        let entries = history(seed, edits);
        prop_assert_eq!(compared(&whole(&entries), &entries), Ok(0));
        // One of what was held before agrees as well.
        let first = whole(&entries[..=kept.index(entries.len())]);
        prop_assert_eq!(compared(&first, &entries), Ok(0));
    }

    #[test]
    fn whatever_is_twisted_is_found(seed: u64, edits in 4_usize..40, at: prop::sample::Index, what in 0..6) {
        let entries = history(seed, edits);
        let mut lie = whole(&entries);
        let which = at.index(lie.0.len());
        let log = &mut lie.0[which];
        let row = at.index(log.rows.len());
        let expected = match what {
            0 => {
                log.rows[row].entry = EntryId([7; 32]);
                Flaw::OtherEntry
            }
            1 => {
                log.rows[row].at.0 += 1;
                Flaw::OtherAuthor
            }
            2 => {
                log.rows[row].certificate = Some(person(9));
                Flaw::OtherAuthor
            }
            3 => {
                let node = &key(99);
                let writer = (0..3).find(|writer| self::log(*writer) == log.log).unwrap();
                log.binding = Binding::new(node, &key(10 + writer), SPACE);
                Flaw::OtherAuthor
            }
            4 => {
                // A change more, in the last entry: it depends on nothing that is not there.
                let mut doc = AutoCommit::new();
                let all = entries.iter().flat_map(|entry| entry.changes.iter().cloned());
                doc.apply_changes(all).unwrap();
                doc.set_actor(actor(log.log, DOCUMENT));
                doc.put(ROOT, "lie", 1).unwrap();
                let hash = doc.commit().unwrap();
                let last = log.rows.last_mut().unwrap();
                let more = [last.changes.to_vec(), vec![doc.get_change_by_hash(&hash).unwrap()]];
                last.changes = more.concat().into();
                Flaw::OtherChanges
            }
            _ => {
                // An entry is left out, and the ones after it move up.
                let left_out = log.rows.remove(row);
                if log.rows.is_empty() {
                    return Ok(());
                }
                if row == log.rows.len() && left_out.changes.is_empty() {
                    return Ok(());
                }
                Flaw::OtherEntry
            }
        };
        if what == 5 && lie.parts().is_none() {
            // Others build on it, and have nothing to name.
            return Ok(());
        }
        let found = compared(&lie, &entries);
        if what == 5 && row == lie.0[which].rows.len() {
            // Its last entry: the checkpoint stands for one less and says so.
            prop_assert_eq!(found, Ok(0));
        } else {
            prop_assert_eq!(found, Err(expected));
        }
    }

    #[test]
    fn bytes_that_are_damaged_are_refused(seed: u64, at: prop::sample::Index, by in 1_u8..) {
        let parts = parts(&whole(&history(seed, 12)));
        let manifest = parts[0].manifest.clone().unwrap();
        let mut bytes = parts[0].bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        let refused = open(&manifest, &bytes, SPACE).unwrap_err();
        prop_assert_eq!(refused, Flaw::Unreadable);
        // Not for the hash alone: whoever writes it hashes what they like.
        let hash = (*blake3::hash(&bytes).as_bytes()).into();
        drop(open(&Manifest { hash, ..manifest }, &bytes, SPACE));
    }
}

#[test]
fn what_is_not_held_or_does_not_count_is_unknown_and_not_agreed() {
    let entries = history(5, 30);
    let opened = travelled(&whole(&entries)).unwrap();
    assert_eq!(check(&opened, &held(&entries[..20])), Ok(10));
    assert_eq!(check(&opened, &BTreeMap::new()), Ok(30));
    let mut cut = entries.clone();
    cut[3].standing = Err(Withheld::PastCut);
    assert_eq!(check(&opened, &held(&cut)), Ok(1));
    // What could not be opened has an id, and no more.
    let mut closed = held(&entries);
    for places in closed.values_mut() {
        places.values_mut().flatten().for_each(|(_, judged)| *judged = None);
    }
    assert_eq!(check(&opened, &closed), Ok(30));
    // Of an author who wrote two histories nothing is agreed on; a third one is a lie.
    let mut forked = held(&entries);
    let place = forked.get_mut(&entries[4].log).unwrap().get_mut(&entries[4].sequence).unwrap();
    place.push((EntryId([9; 32]), None));
    assert_eq!(check(&opened, &forked), Ok(1));
    forked.get_mut(&entries[4].log).unwrap().get_mut(&entries[4].sequence).unwrap()[0].0 =
        EntryId([8; 32]);
    assert_eq!(check(&opened, &forked), Err(Flaw::OtherEntry));
}

#[test]
fn a_log_is_not_the_node_s_that_the_checkpoint_says() {
    let mut lie = whole(&history(5, 30));
    lie.0[0].binding = Binding::new(&key(99), &key(98), SPACE);
    assert_eq!(travelled(&lie).unwrap_err(), Flaw::Unbound);
}

#[test]
fn changes_that_build_on_others_must_be_there_too() {
    let entries = of_several(40);
    let alone = entries.iter().find_map(|entry| {
        let mut lie = whole(&entries);
        lie.0.retain(|log| log.log == entry.log);
        let changes = || lie.0[0].rows.iter().flat_map(|row| row.changes.iter());
        let hashes: BTreeSet<ChangeHash> = changes().map(Change::hash).collect();
        let apart = changes().flat_map(Change::deps).any(|dep| !hashes.contains(dep));
        apart.then_some(lie)
    });
    assert!(alone.unwrap().parts().is_none());
    // And none of another log's.
    let mut lie = whole(&entries);
    let other = lie.0[1].rows.iter().find(|row| !row.changes.is_empty()).unwrap().changes.clone();
    lie.0[0].rows.last_mut().unwrap().changes = other;
    assert_eq!(compared(&lie, &entries), Err(Flaw::OtherChanges));
}

#[test]
fn changes_in_a_circle_or_on_what_has_no_place_are_refused() {
    let read = |places: &[&[usize]]| {
        let bare = |on: &&[usize]| Bare { on: on.to_vec(), body: b"a change's rest" };
        bare::whole(&places.iter().map(bare).collect::<Vec<_>>())
    };
    assert_eq!(read(&[&[2], &[], &[1, 1]]).map(|all| all.len()), Some(3));
    assert_eq!(read(&[&[0]]), None);
    assert_eq!(read(&[&[], &[2], &[1, 0]]), None);
    assert_eq!(read(&[&[], &[2]]), None);
    let many = vec![0; CHECKPOINT_INFLATED_BYTES_MAX / 32];
    assert_eq!(read(&[&[], &many]), None);
}

#[test]
fn of_a_log_that_its_author_bound_to_two_nodes_nothing_is_known() {
    let mut entries = history(5, 30);
    let sound = whole(&entries);
    let (bound, node) = (entries[0].log, binding(9).node);
    let rows = entries.iter_mut().filter(|entry| entry.log == bound);
    // Another document came first, in which the same log is said to be another node's.
    let count = rows.map(|entry| entry.node = Some(node)).count();
    assert_eq!(compared(&sound, &entries), Ok(count));
    // Where no binding of its own speaks for the checkpoint, it is wrong.
    entries.iter_mut().for_each(|entry| entry.binding = None);
    assert_eq!(compared(&sound, &entries), Err(Flaw::OtherAuthor));
}

#[test]
fn changes_are_counted_over_all_logs_before_any_is_looked_at() {
    let entries = of_several(40);
    let mut large = whole(&entries);
    assert!(large.0.len() > 1);
    let changes = |whole: &Whole| -> usize {
        whole.0.iter().flat_map(|log| &log.rows).map(|row| row.changes.len()).sum()
    };
    let change = large.0[0].rows.iter().find_map(|row| row.changes.first().cloned()).unwrap();
    let more = CHECKPOINT_CHANGES_MAX - changes(&large);
    for (log, count) in [(0, more / 2), (1, more - more / 2)] {
        let row = &mut large.0[log].rows[0];
        row.changes = [row.changes.to_vec(), vec![change.clone(); count]].concat().into();
    }
    let stored = |whole: &Whole| {
        let table = whole.table().unwrap();
        let bytes = deflated(&table, flate2::Compression::none()).unwrap();
        let manifest = Manifest {
            version: 1,
            parts: 64,
            bytes: u32::try_from(bytes.len()).unwrap(),
            inflated: u32::try_from(table.len()).unwrap(),
            hash: (*blake3::hash(&bytes).as_bytes()).into(),
            frontier: whole.frontier().unwrap(),
        };
        open(&manifest, &bytes, SPACE).map(drop)
    };
    assert_eq!(stored(&large), Ok(()));
    let row = &mut large.0[1].rows[0];
    row.changes = [row.changes.to_vec(), vec![change]].concat().into();
    assert_eq!(stored(&large), Err(Flaw::Unreadable));
}

#[test]
fn what_does_not_fit_is_left_out() {
    let entries = history(5, 30);
    let certificate = Some(person(1));
    let mut entry = Judged { certificate, changes: Arc::default(), ..entries[0].clone() };
    let mut room = Room::new(1);
    let fit = (0..).take_while(|_| room.take(&entry)).count();
    assert_eq!(fit, CHECKPOINT_ROWS_MAX);
    // Large changes end it before that, and what was taken can be sealed though nothing of it shrinks.
    let mut doc = AutoCommit::new();
    doc.set_actor(actor(log(0), DOCUMENT));
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let mut large: Vec<Judged> = Vec::new();
    let mut room = Room::new(1);
    for sequence in 1_u64.. {
        let noise: Vec<u8> = (0..(240 << 10)).map(|_| rng.random()).collect();
        doc.put(ROOT, "noise", noise).unwrap();
        let hash = doc.commit().unwrap();
        entry = judged(
            0,
            sequence,
            EntryId(*blake3::hash(&sequence.to_le_bytes()).as_bytes()),
            Timestamp(sequence),
            None,
            vec![doc.get_change_by_hash(&hash).unwrap()],
        );
        if !room.take(&entry) {
            break;
        }
        large.push(entry);
    }
    assert!(large.len() > 40);
    assert_eq!(compared(&whole(&large), &large), Ok(0));
}

#[test]
fn a_writer_whose_changes_unfold_to_much_leaves_the_others_their_room() {
    let mut doc = AutoCommit::new();
    doc.set_actor(actor(log(0), DOCUMENT));
    let list = doc.put_object(ROOT, "list", automerge::ObjType::List).unwrap();
    doc.splice(&list, 0, 0, (0..60_000).map(|_| automerge::ScalarValue::Null)).unwrap();
    let hash = doc.commit().unwrap();
    let change = doc.get_change_by_hash(&hash).unwrap();
    assert!(change.raw_bytes().len() < 1_000, "it says little");
    let of = |writer, changes| judged(writer, 1, EntryId([1; 32]), Timestamp(1), None, changes);
    let fit = |logs| {
        let mut room = Room::new(logs);
        let count = (0..100).take_while(|_| room.take(&of(0, vec![change.clone()]))).count();
        (count, room)
    };
    let (alone, _) = fit(1);
    let (shared, mut room) = fit(2);
    assert_eq!((alone, shared), (17, 8));
    assert!(room.take(&of(1, vec![change.clone()])), "another one's");
    assert!(!room.take(&of(0, vec![change])));
    assert!(room.take(&of(0, Vec::new())), "what was refused took nothing");
}

#[test]
fn what_shrinks_too_much_is_sealed_as_it_is() {
    let mut doc = AutoCommit::new();
    doc.set_actor(actor(log(0), DOCUMENT));
    doc.put(ROOT, "text", vec![b'a'; 240 << 10]).unwrap();
    let hash = doc.commit().unwrap();
    let change = doc.get_change_by_hash(&hash).unwrap();
    let entries = [judged(0, 1, EntryId([1; 32]), Timestamp(1), None, vec![change])];
    assert_eq!(compared(&whole(&entries), &entries), Ok(0));
}

#[test]
fn numbers_beyond_the_limits_are_refused_before_anything_is_taken() {
    let part = &parts(&whole(&history(5, 12)))[0];
    let good = part.manifest.clone().unwrap();
    let read = |manifest: &Manifest| {
        let items = [codec::encode(manifest).into(), part.bytes.clone()];
        Part::read(&items).is_some()
    };
    assert!(read(&good));
    let upto = good.frontier[0];
    let logs = |count: u16| {
        let log = |index: u16| {
            LogKey([[0; 30].as_slice(), &index.to_be_bytes()].concat().try_into().unwrap())
        };
        (0..count).map(|index| Upto { log: log(index), sequence: 1, ..upto }).collect::<Vec<_>>()
    };
    let rows = |sequence| vec![Upto { sequence, ..upto }];
    let fits = [
        Manifest { frontier: logs(400), ..good.clone() },
        Manifest { frontier: rows(1 << 16), ..good.clone() },
        Manifest { inflated: good.bytes * 64, ..good.clone() },
    ];
    assert!(fits.iter().all(read));
    let bad = [
        Manifest { version: 2, ..good.clone() },
        Manifest { parts: 0, ..good.clone() },
        Manifest { parts: 65, ..good.clone() },
        Manifest { bytes: (12 << 20) + 1, ..good.clone() },
        Manifest { inflated: good.bytes * 64 + 1, ..good.clone() },
        Manifest { bytes: 12 << 20, inflated: (16 << 20) + 1, ..good.clone() },
        Manifest { frontier: Vec::new(), ..good.clone() },
        Manifest { frontier: logs(401), ..good.clone() },
        Manifest { frontier: vec![upto, upto], ..good.clone() },
        Manifest { frontier: rows(0), ..good.clone() },
        Manifest { frontier: rows((1 << 16) + 1), ..good },
    ];
    for (which, manifest) in bad.iter().enumerate() {
        assert!(!read(manifest), "the one numbered {which}");
    }
    assert!(Part::read(&[Vec::new().into()]).is_none());
    assert!(Part::read(&[vec![0; CHECKPOINT_PART_BYTES_MAX + 1].into()]).is_none());
    assert!(Part::read(&[vec![0; CHECKPOINT_PART_BYTES_MAX].into()]).is_some());
    assert!(Part::read(&[]).is_none());
}

#[test]
fn what_inflates_to_something_else_than_it_says_is_refused() {
    let part = &parts(&whole(&history(5, 12)))[0];
    let manifest = part.manifest.clone().unwrap();
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(&vec![0; 8 << 20]).unwrap();
    let bomb = deflate.finish().unwrap();
    let hash = (*blake3::hash(&bomb).as_bytes()).into();
    let bytes = u32::try_from(bomb.len()).unwrap();
    for inflated in [bytes * 64, bytes, 0] {
        let manifest = Manifest { hash, bytes, inflated, ..manifest.clone() };
        assert_eq!(open(&manifest, &bomb, SPACE).unwrap_err(), Flaw::Unreadable);
    }
    // A list that says it is longer than anything.
    let lists = [
        vec![0x82, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x82, 0x80, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x82, 0x9f, 0xff, 0x80],
        vec![0x82, 0x80],
    ];
    assert!(lists.iter().all(|list| read_table(list).is_none()));
}

fn joined(entries: &[(u64, Option<&Part>)]) -> Vec<(u64, u64, bool)> {
    let entries = entries
        .iter()
        .map(|(sequence, part)| (*sequence, EntryId::default(), Timestamp(*sequence), *part));
    join(entries).iter().map(|found| (found.first, found.last, found.is_whole())).collect()
}

#[test]
fn parts_are_joined_by_their_places_alone() {
    let first = |parts| {
        let part = &self::parts(&whole(&history(5, 12)))[0];
        let manifest = Manifest { parts, ..part.manifest.clone().unwrap() };
        Part { manifest: Some(manifest), bytes: part.bytes.clone() }
    };
    let (one, three) = (first(1), first(3));
    let more = Part { manifest: None, bytes: vec![1].into() };
    let (one, three, more) = (Some(&one), Some(&three), Some(&more));
    assert_eq!(joined(&[(3, three), (4, more), (5, more)]), [(3, 5, true)]);
    assert_eq!(joined(&[(3, three), (4, more)]), [(3, 4, false)]);
    // Something between them, a place left out, or one too many.
    assert_eq!(joined(&[(3, three), (4, more), (5, None), (6, more)]), [(3, 4, false)]);
    assert_eq!(joined(&[(3, three), (4, more), (6, more)]), [(3, 4, false)]);
    assert_eq!(joined(&[(1, one), (2, more), (3, more)]), [(1, 1, true)]);
    assert_eq!(joined(&[(1, more), (2, None)]), []);
    // Another begins before one has ended.
    let both = [(1, three), (2, more), (3, three), (4, more), (5, more)];
    assert_eq!(joined(&both), [(1, 2, false), (3, 5, true)]);
}

#[test]
fn a_large_checkpoint_takes_several_parts() {
    let mut doc = AutoCommit::new();
    doc.set_actor(actor(log(0), DOCUMENT));
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let entries: Vec<Judged> = (1..=4)
        .map(|sequence| {
            let noise: Vec<u8> = (0..(150 << 10)).map(|_| rng.random()).collect();
            doc.put(ROOT, "noise", noise).unwrap();
            let hash = doc.commit().unwrap();
            let change = doc.get_change_by_hash(&hash).unwrap();
            judged(
                0,
                sequence,
                EntryId([u8::try_from(sequence).unwrap(); 32]),
                Timestamp(sequence),
                None,
                vec![change],
            )
        })
        .collect();
    let whole = whole(&entries);
    let parts = parts(&whole);
    assert_eq!(parts.len(), 4);
    assert!(parts[0].manifest.is_some() && parts[1..].iter().all(|part| part.manifest.is_none()));
    let opened = travelled(&whole).unwrap();
    assert_eq!(check(&opened, &held(&entries)), Ok(0));
}
