//! A member that means ill: forked logs and changes that break the rules.

use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, ObjType, ROOT};
use linli_core::authority::Right;
use linli_core::document::Withheld;
use linli_core::payload::Content;
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Entry;
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::forge::Forger;
use linli_tests::neighbourhood::{Neighbourhood, grant};
use rand_chacha::ChaCha8Rng;

fn shared(seed: u64) -> (Neighbourhood, [NodeId; 3], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let hostile = net.join(PartyKind::Provider);
    let grants = [b, hostile].map(|id| grant(net.party(id), Right::Write, true)).to_vec();
    let space = net.begin(a, grants);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    net.set(hostile, space, ProfileField::Health, "honest so far").unwrap();
    net.heal();
    (net, [a, b, hostile], space)
}

fn reasons(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
) -> Vec<(Option<NodeId>, Withheld)> {
    let view = net.view(id, space, "profile").unwrap();
    view.withheld.iter().map(|entry| (entry.node, entry.reason)).collect()
}

fn set(forger: &Forger, doc: &mut AutoCommit, value: &str) -> Vec<u8> {
    let change = forger.change(doc, |doc| profile::set(doc, ProfileField::Note, value).unwrap());
    change.raw_bytes().to_vec()
}

#[test]
fn of_a_forked_log_the_same_branch_stands_everywhere() {
    for built_on in [None, Some(0), Some(1)] {
        let (mut net, [a, b, hostile], space) = shared(40);
        let forger = net.forger(hostile, space, "profile");
        let doc = net.copy(hostile, space, "profile");
        let mut rng = net.rng.clone();
        net.isolate_all();
        for (at, id) in [a, b].into_iter().enumerate() {
            let (mut forger, mut doc) = (forger.clone(), doc.clone());
            let entries: Vec<Entry> = (0..=at)
                .map(|n| {
                    let change = set(&forger, &mut doc, &format!("branch {at}.{n}"));
                    forger.write(&mut rng, vec![change])
                })
                .collect();
            net.inject(id, &entries);
            net.drain();
            net.crash(id);
            if built_on == Some(at) {
                net.set(id, space, ProfileField::Housing, "built on it").unwrap();
            }
        }
        net.heal();
        let view = net.view(a, space, "profile").unwrap();
        let forked = view.withheld.len();
        assert!(
            view.withheld.iter().all(|w| (w.node, w.reason) == (Some(hostile), Withheld::Forked))
        );
        match built_on {
            None => assert_eq!(forked, 3, "nobody built on either branch"),
            Some(branch) => {
                assert_eq!(forked, 2 - branch, "the other branch is listed");
                assert_eq!(net.values(b, space, "housing").len(), 1);
                let note = net.values(a, space, "note");
                assert!(note[0].0.starts_with(&format!("branch {branch}")), "{note:?}");
            }
        }
        assert!(net.check_same(&[a, b, hostile], space) >= 6);
    }
}

/// A change of one writer's whose columns are runs: `operations` times the same put.
fn runs(actor: &ActorId, operations: i64, key: &str) -> Vec<u8> {
    let mut body = vec![0];
    body.push(u8::try_from(actor.to_bytes().len()).unwrap());
    body.extend(actor.to_bytes());
    body.extend([1, 1, 0, 0, 0]);
    let text = [unsigned(key.len() as u64), key.as_bytes().to_vec()].concat();
    let run = |value: &[u8]| [signed(operations), value.to_vec()].concat();
    let columns: [(u8, Vec<u8>); 5] = [
        (0x15, run(&text)),
        (0x34, unsigned(operations.unsigned_abs())),
        (0x42, run(&[1])),
        (0x56, run(&[0])),
        (0x70, run(&[0])),
    ];
    body.extend(unsigned(columns.len() as u64));
    for (number, data) in &columns {
        body.push(*number);
        body.extend(unsigned(data.len() as u64));
    }
    body.extend(columns.into_iter().flat_map(|(_, data)| data));
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    chunk.extend(unsigned(body.len() as u64));
    chunk.extend(body);
    chunk
}

fn unsigned(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        bytes.push(if value == 0 { byte } else { byte | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

fn signed(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        let done = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        bytes.push(if done { byte } else { byte | 0x80 });
        if done {
            return bytes;
        }
    }
}

type Make = fn(&mut Forger, &mut AutoCommit, &mut ChaCha8Rng) -> Entry;

const CASES: [(&str, Make, Withheld); 14] = [
    (
        "compressed",
        |forger, doc, rng| {
            let mut change =
                forger.change(doc, |doc| doc.put(ROOT, "note", "x".repeat(4_000)).unwrap());
            let bytes = change.bytes().into_owned();
            assert!(bytes.len() < 1_000, "Automerge has compressed it");
            forger.write(rng, vec![bytes])
        },
        Withheld::BadChange,
    ),
    (
        "another's actor",
        |forger, doc, rng| {
            doc.set_actor(ActorId::from([9; 16]));
            doc.put(ROOT, "note", "x").unwrap();
            let hash = doc.commit().unwrap();
            let change = doc.get_change_by_hash(&hash).unwrap();
            forger.write(rng, vec![change.raw_bytes().to_vec()])
        },
        Withheld::BadChange,
    ),
    (
        "an operation on what a stranger made, whom nothing brings",
        |forger, doc, rng| {
            let heads = doc.get_heads();
            doc.set_actor(ActorId::from([9; 16]));
            let object = doc.put_object(ROOT, "note", ObjType::Map).unwrap();
            doc.commit();
            let change = forger.change(doc, |doc| doc.put(&object, "key", "x").unwrap());
            let mut change = change.decode();
            (change.deps, change.hash) = (heads, None);
            forger.write(rng, vec![automerge::Change::from(change).raw_bytes().to_vec()])
        },
        Withheld::BadChange,
    ),
    (
        "a repeated number",
        |forger, _, rng| {
            let change = set(forger, &mut AutoCommit::new(), "again the first");
            forger.write(rng, vec![change])
        },
        Withheld::BadChange,
    ),
    (
        "a change twice",
        |forger, doc, rng| {
            let change = set(forger, doc, "twice");
            forger.write(rng, vec![change.clone(), change])
        },
        Withheld::BadChange,
    ),
    (
        "a change that builds on nothing known",
        |forger, doc, rng| {
            doc.set_actor(ActorId::from([9; 16]));
            doc.put(ROOT, "note", "kept back").unwrap();
            doc.commit();
            let change = set(forger, doc, "builds on it");
            forger.write(rng, vec![change])
        },
        Withheld::MissingDependency,
    ),
    (
        "no change",
        |forger, _, rng| forger.write(rng, vec![b"no change at all".to_vec()]),
        Withheld::BadChange,
    ),
    (
        "a whole document",
        |forger, doc, rng| {
            let document = doc.save();
            forger.write(rng, vec![document])
        },
        Withheld::BadChange,
    ),
    (
        "half a change",
        |forger, doc, rng| {
            let mut change = set(forger, doc, "half");
            change.truncate(change.len() / 2);
            forger.write(rng, vec![change])
        },
        Withheld::BadChange,
    ),
    (
        "certificates in a document",
        |forger, _, rng| forger.write_content(rng, Content::Certificates(vec![]), None),
        Withheld::Damaged,
    ),
    ("no payload", |forger, _, rng| forger.write_raw(rng, &[0xff; 300]), Withheld::Damaged),
    (
        "millions of operations in a few bytes",
        |forger, _, rng| {
            let bomb = runs(&forger.actor(), 1 << 62, "note");
            assert!(bomb.len() < 200);
            forger.write(rng, vec![bomb])
        },
        Withheld::BadChange,
    ),
    (
        "more operations than any edit makes",
        |forger, _, rng| {
            let bomb = runs(&forger.actor(), (1 << 16) + 1, "note");
            forger.write(rng, vec![bomb])
        },
        Withheld::BadChange,
    ),
    (
        "one long key ten thousand times",
        |forger, _, rng| {
            let bomb = runs(&forger.actor(), 10_000, &"k".repeat(100_000));
            forger.write(rng, vec![bomb])
        },
        Withheld::BadChange,
    ),
];

#[test]
fn hostile_changes_are_withheld_with_the_reason_and_harm_nobody() {
    for (name, make, reason) in CASES {
        let (mut net, [a, b, hostile], space) = shared(41);
        let before = net.views(a, space).unwrap();
        let before = before.values().next().unwrap();
        let mut forger = net.forger(hostile, space, "profile");
        let mut doc = net.copy(hostile, space, "profile");
        let mut rng = net.rng.clone();
        let bad = make(&mut forger, &mut doc, &mut rng);
        net.inject(hostile, &[bad]);
        net.heal();
        for id in [a, b] {
            assert_eq!(reasons(&mut net, id, space), [(Some(hostile), reason)], "{name}");
            let view = net.view(id, space, "profile").unwrap();
            assert_eq!((&view.heads, &view.canonical), (&before.heads, &before.canonical));
        }
        // Others go on, and so does the node once it is honest again.
        net.crash(hostile);
        net.set(b, space, ProfileField::Housing, "lift").unwrap();
        net.heal();
        net.set(hostile, space, ProfileField::Interests, "chess").unwrap();
        net.heal();
        for id in [a, b, hostile] {
            assert_eq!(net.values(id, space, "housing").len(), 1, "{name}");
            assert_eq!(net.values(id, space, "interests").len(), 1, "{name}");
        }
        assert!(net.check_same(&[a, b, hostile], space) >= 12, "{name}");
    }
}

#[test]
fn a_change_of_a_thousand_equal_operations_is_taken() {
    let (mut net, [a, _, hostile], space) = shared(42);
    let mut forger = net.forger(hostile, space, "order/1");
    let mut rng = net.rng.clone();
    let change = runs(&forger.actor(), 1_000, "key");
    // As Automerge writes it, checksum and all.
    let change = automerge::Change::try_from(change.as_slice()).unwrap();
    assert_eq!(change.len(), 1_000);
    let change = automerge::Change::from(change.decode()).raw_bytes().to_vec();
    let entry = forger.write(&mut rng, vec![change]);
    net.inject(hostile, &[entry]);
    net.heal();
    let view = net.view(a, space, "order/1").unwrap();
    assert_eq!((view.changes, view.withheld.len()), (1, 0), "{:?}", view.withheld);
}

/// Writes a change as Automerge would, where it can read it at all.
fn whole(change: &[u8]) -> Option<Vec<u8>> {
    let read = std::panic::catch_unwind(|| {
        let change = automerge::Change::try_from(change).ok()?;
        Some(automerge::Change::from(change.decode()).raw_bytes().to_vec())
    });
    read.ok().flatten()
}

/// Every byte of a change is turned into others; Automerge or the core refuses it, or takes it, but
/// the members go on and agree.
#[test]
fn damaged_changes_stop_nobody() {
    let (mut net, [a, b, hostile], space) = shared(43);
    let mut rng = net.rng.clone();
    let (mut entries, mut taken) = (Vec::new(), 0);
    for round in 0..300_usize {
        let mut forger = net.forger(hostile, space, "profile");
        forger.log = linli_core::identity::draw_signing_key(&mut rng);
        (forger.sequence, forger.previous) = (1, Default::default());
        let mut doc = net.copy(a, space, "profile");
        let mut change = set(&forger, &mut doc, "to be damaged");
        let sound = change.clone();
        let at = 9 + (round * 7) % (change.len() - 9);
        change[at] = change[at].wrapping_add(u8::try_from(1 + round % 200).unwrap());
        // Every second one is made whole again, so that only its meaning is damaged.
        if round % 2 == 0
            && let Some(whole) = whole(&change)
        {
            taken += usize::from(whole != sound);
            change = whole;
        }
        entries.push(forger.write(&mut rng, vec![change]));
    }
    for entry in entries {
        net.inject(hostile, &[entry]);
    }
    net.heal();
    let view = net.view(a, space, "profile").unwrap();
    assert!(view.withheld.len() > 100, "{}", view.withheld.len());
    assert!(taken > 20, "{taken} changes were whole but others than meant");
    net.set(b, space, ProfileField::Housing, "lift").unwrap();
    net.heal();
    assert_eq!(net.values(a, space, "housing").len(), 1);
    assert!(net.check_same(&[a, b], space) >= 6);
}
