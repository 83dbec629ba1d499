use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

type Set = BTreeMap<[u8; 32], [u8; 32]>;

fn key(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

struct Run {
    rounds: u32,
    bytes: usize,
    ours: BTreeSet<[u8; 32]>,
    theirs: BTreeSet<[u8; 32]>,
}

/// Runs a reconciliation to its end; a round is a request and its answer.
fn run(ours: &Set, theirs: &Set) -> Run {
    let salt = Salt::new(&[9; 32]);
    let snapshot = |set: &Set| Snapshot::new(&salt, set.iter().map(|(k, d)| (*k, *d)));
    let (a, b) = (snapshot(ours), snapshot(theirs));
    let mut run = Run { rounds: 0, bytes: 0, ours: BTreeSet::new(), theirs: BTreeSet::new() };
    let mut request = vec![a.opening()];
    while !request.is_empty() {
        run.rounds += 1;
        assert!(run.rounds <= 10, "too many rounds");
        run.bytes += crate::codec::encode(&request).len();
        let answer = b.answer(&request).unwrap();
        run.theirs.extend(answer.differing);
        run.bytes += crate::codec::encode(&answer.ranges).len();
        let next = a.answer(&answer.ranges).unwrap();
        run.ours.extend(next.differing);
        request = next.ranges;
    }
    run
}

fn differing(from: &Set, to: &Set) -> BTreeSet<[u8; 32]> {
    from.iter().filter(|(key, digest)| to.get(*key) != Some(*digest)).map(|(key, _)| *key).collect()
}

fn set(numbers: impl IntoIterator<Item = u64>, version: u8) -> Set {
    numbers.into_iter().map(|number| (key(number), [version; 32])).collect()
}

fn check(a: &Set, b: &Set) -> Run {
    let run = run(a, b);
    assert_eq!(run.ours, differing(a, b));
    assert_eq!(run.theirs, differing(b, a));
    run
}

#[test]
fn equal_sets_cost_one_round_of_a_few_bytes() {
    for count in [0, 1, 2_000, 10_000] {
        let a = set(0..count, 1);
        let run = check(&a, &a.clone());
        assert_eq!(run.rounds, 1);
        assert!(run.bytes <= 32, "{} bytes for {count} items", run.bytes);
    }
}

#[test]
fn one_percent_of_two_thousand_takes_two_rounds() {
    let a = set(0..2_000, 1);
    let mut b = a.clone();
    b.extend(set((0..2_000).step_by(100), 2));
    let run = check(&a, &b);
    assert_eq!(run.ours.len(), 20);
    assert!(run.rounds <= 3, "{} rounds", run.rounds);
    assert!(run.bytes <= 8_000, "{} bytes", run.bytes);
}

#[test]
fn an_empty_end_learns_in_two_rounds() {
    let (empty, full) = (Set::new(), set(0..10_000, 1));
    assert!(check(&empty, &full).rounds <= 2);
    assert!(check(&full, &empty).rounds <= 2);
}

#[test]
fn keys_that_share_long_prefixes_are_told_apart() {
    let near = |last: u8| {
        let mut key = [7; 32];
        key[31] = last;
        key
    };
    let a: Set = (0..200u8).map(|i| (near(i), [1; 32])).collect();
    let b: Set = (0..200u8).filter(|i| *i != 77).map(|i| (near(i), [1; 32])).collect();
    assert_eq!(check(&a, &b).ours, BTreeSet::from([near(77)]));
}

#[test]
fn overlapping_and_malformed_ranges_are_refused() {
    let salt = Salt::new(&[1; 32]);
    let snapshot = Snapshot::new(&salt, set(0..100, 1));
    let range = |start: &[u8], end: &[u8], claim: Claim| Range {
        start: start.to_vec().into(),
        end: end.to_vec().into(),
        claim,
    };
    let print = || Claim::Fingerprint([0; 16].into());
    assert!(snapshot.answer(&[range(&[], &[8], print()), range(&[8], &[], print())]).is_ok());
    for bad in [
        vec![range(&[], &[9], print()), range(&[8], &[], print())],
        vec![range(&[], &[], print()), range(&[], &[], print())],
        vec![range(&[8], &[], print()), range(&[], &[8], print())],
        vec![range(&[9], &[8], print())],
        vec![range(&[9], &[9], print())],
        vec![range(&[0; 33], &[], print())],
        vec![range(&[], &[], Claim::Items(vec![1; 9].into()))],
        vec![range(&[], &[], Claim::Missing(vec![1; 7].into()))],
    ] {
        assert_eq!(snapshot.answer(&bad), Err(BadRanges), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_two_sets_are_told_apart(
        a in proptest::collection::btree_map(0u64..600, 0u8..3, 0..400),
        b in proptest::collection::btree_map(0u64..600, 0u8..3, 0..400),
    ) {
        let build = |map: BTreeMap<u64, u8>| -> Set {
            map.into_iter().map(|(number, version)| (key(number), [version; 32])).collect()
        };
        check(&build(a), &build(b));
    }
}
