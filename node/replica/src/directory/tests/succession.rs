//! Officers who change, rivals, and a stolen key: the same directory in every order of arrival.

use super::*;

/// A community of three officers, two of whom sign; officer 2's key is stolen.
struct Town(World);

impl Town {
    fn change(&self, at: u64, seeds: &[u8], kept: Option<Vec<CertificateId>>) -> Certificate {
        let act = Act::Officers { previous: self.0.set, officers: officers(seeds, 2), kept };
        Certificate::new(self.0.community, Timestamp(at), act)
    }
}

pub(super) fn same(one: &Directory, other: &Directory) -> bool {
    one.officers() == other.officers()
        && one.line() == other.line()
        && one.parties == other.parties
        && one.nodes == other.nodes
        && one.notices == other.notices
        && one.refused() == other.refused()
}

/// All orders of a small set, by Heap's algorithm.
fn permutations(mut items: Vec<Certificate>) -> Vec<Vec<Certificate>> {
    fn heap(n: usize, items: &mut Vec<Certificate>, all: &mut Vec<Vec<Certificate>>) {
        if n <= 1 {
            return all.push(items.clone());
        }
        for i in 0..n {
            heap(n - 1, items, all);
            items.swap(if n.is_multiple_of(2) { i } else { 0 }, n - 1);
        }
    }
    let mut all = Vec::new();
    heap(items.len(), &mut items, &mut all);
    all
}

/// Adds the certificates one by one in every order, and returns what they all come to.
pub(super) fn in_every_order(certificates: &[Certificate]) -> Directory {
    let whole = directory(certificates);
    let orders = permutations(certificates.to_vec());
    assert_eq!(orders.len(), (1..=certificates.len()).product::<usize>());
    for order in orders {
        let mut one = Directory::new(genesis()).unwrap();
        for certificate in order {
            one.add([certificate]);
        }
        assert!(same(&one, &whole));
    }
    whole
}

#[test]
fn a_stolen_key_completes_nothing_once_it_is_struck_out() {
    let town = Town(world());
    let w = &town.0;
    // Officer 1 signed this once and the others decided against it; then the thief adds 2's signature.
    let declined = w.enrol(11, &[1, 2]);
    let before = w.enrol(10, &[2, 3]);
    let by_others = w.enrol(12, &[1, 3]);
    let replaced = signed(town.change(5, &[1, 3, 4], Some(vec![before.id()])), &[1, 3]);
    let next = World { community: w.community, set: replaced.id() };
    let again = next.enrol(13, &[1, 4]);
    let thief = next.enrol(14, &[1, 2]);
    let all = [declined.clone(), before, by_others, replaced.clone(), again, thief.clone()];
    let d = in_every_order(&all);
    assert_eq!(d.officers().0, replaced.id());
    let enrolled: Vec<u8> =
        (10..15).filter(|party| d.party(&PartyId(public(*party))).is_some()).collect();
    assert_eq!(enrolled, [10, 12, 13]);
    assert_eq!(d.refused().get(&declined.id()), Some(&Refusal::StruckOut));
    assert_eq!(d.refused().get(&thief.id()), Some(&Refusal::Pending { signed: 1, needed: 2 }));
}

#[test]
fn who_leaves_in_good_standing_takes_nothing_along() {
    let town = Town(world());
    let before = town.0.enrol(10, &[2, 3]);
    let left = signed(town.change(5, &[1, 3, 4], None), &[1, 3]);
    let late = town.0.enrol(11, &[1, 2]);
    let d = in_every_order(&[before, left.clone(), late]);
    assert_eq!(d.officers().0, left.id());
    assert!([10, 11].iter().all(|party| d.party(&PartyId(public(*party))).is_some()));
}

#[test]
fn what_rests_on_a_key_is_found() {
    let town = Town(world());
    let resting = town.0.enrol(10, &[2, 3]);
    let expel = town.0.expel(Subject::Party(PartyId(public(12))), &[1, 2]);
    let all = [resting.clone(), town.0.enrol(11, &[1, 3]), town.0.enrol(12, &[1, 2, 3])];
    let half = town.0.enrol(13, &[2]);
    let d = directory(&[&all[..], &[expel.clone(), half]].concat());
    let mut expected = vec![resting.id(), expel.id()];
    expected.sort();
    assert_eq!(d.resting_on(&BTreeSet::from([OfficerId(public(2))])), expected);
    assert!(d.resting_on(&BTreeSet::new()).is_empty());
}

#[test]
fn thieves_of_two_officers_one_after_the_other_cannot_act_as_the_first_set() {
    let town = Town(world());
    let first = signed(town.change(5, &[1, 3, 4], Some(Vec::new())), &[1, 3]);
    let second = Act::Officers {
        previous: first.id(),
        officers: officers(&[1, 4, 5], 2),
        kept: Some(Vec::new()),
    };
    let second = town.0.act(second, &[1, 4]);
    // Keys 2 and 3 are enough of the first set, and both were struck out.
    let old = town.0.enrol(10, &[2, 3]);
    let rival = signed(town.change(9, &[2, 3, 6], None), &[2, 3]);
    let d = in_every_order(&[first.clone(), second.clone(), old.clone()]);
    assert_eq!(d.line(), [town.0.set, first.id(), second.id()]);
    assert_eq!(d.refused().get(&old.id()), Some(&Refusal::StruckOut));
    // They can still name a rival of the first successor, for 3 signed both: until the officers of the
    // first set choose, that one is in force, and the directory says so alike everywhere.
    let d = in_every_order(&[first.clone(), second, rival.clone()]);
    assert_eq!(d.officers().0, town.0.set);
    assert_eq!(d.refused().get(&first.id()), Some(&Refusal::RivalOfficers));
    assert_eq!(d.refused().get(&rival.id()), Some(&Refusal::RivalOfficers));
}

#[test]
fn keys_that_were_struck_out_at_different_times_complete_nothing_together() {
    let town = Town(world());
    // Honest, by all three; and one that only 3 signed before it was declined.
    let before = town.0.enrol(10, &[1, 2, 3]);
    let half = town.0.enrol(11, &[3]);
    let d = directory(&[before.clone(), half.clone()]);
    let kept = d.resting_on(&BTreeSet::from([OfficerId(public(1))]));
    let first = signed(town.change(5, &[2, 3, 4], Some(kept)), &[2, 3]);
    let d = directory(&[before.clone(), half, first.clone()]);
    let kept = d.resting_on(&BTreeSet::from([OfficerId(public(2))]));
    assert_eq!(kept, [before.id()], "3 alone is left of those who signed it");
    let second =
        Act::Officers { previous: first.id(), officers: officers(&[3, 4, 5], 2), kept: Some(kept) };
    let second = town.0.act(second, &[3, 4]);
    let completed = town.0.enrol(11, &[1, 2, 3]);
    let d = in_every_order(&[first, second, before, completed.clone()]);
    assert!(d.party(&PartyId(public(10))).is_some());
    assert!(d.party(&PartyId(public(11))).is_none());
    assert_eq!(d.refused().get(&completed.id()), Some(&Refusal::StruckOut));
}

#[test]
fn rivals_come_to_the_same_in_every_order() {
    let five = Act::Genesis {
        name: "Five".into(),
        officers: officers(&[1, 2, 3, 4, 5], 3),
        nonce: [0; 32].into(),
    };
    let begin = Certificate::new(CommunityId::default(), Timestamp(1), five);
    let begin = signed(begin, &[1, 2, 3]);
    let (community, set) = (CommunityId(begin.id().0), begin.id());
    let change = |at: u64, seeds: &[u8], signers: &[u8]| {
        let act = Act::Officers { previous: set, officers: officers(seeds, 3), kept: None };
        signed(Certificate::new(community, Timestamp(at), act), signers)
    };
    // 3 and 4 signed both: with 1, 2 and 5 the first has three that signed only it.
    let chosen = change(2, &[1, 2, 3, 4, 6], &[1, 2, 3, 4, 5]);
    let rival = change(3, &[3, 4, 5, 7, 8], &[3, 4, 9]);
    let other = change(4, &[2, 3, 4, 7, 8], &[3, 4, 2]);
    let parts = [
        change(2, &[1, 2, 3, 4, 6], &[1, 3]),
        change(2, &[1, 2, 3, 4, 6], &[2, 4]),
        change(2, &[1, 2, 3, 4, 6], &[5]),
        rival.clone(),
    ];
    let expected = [(vec![chosen.clone(), rival], chosen.id()), (vec![chosen, other], set)];
    for (certificates, stands) in expected {
        for order in permutations(certificates) {
            let mut d = Directory::new(begin.clone()).unwrap();
            order.into_iter().for_each(|certificate| drop(d.add([certificate])));
            assert_eq!(d.officers().0, stands);
        }
    }
    let mut wholes = Vec::new();
    for order in permutations(parts.to_vec()) {
        let mut d = Directory::new(begin.clone()).unwrap();
        order.into_iter().for_each(|part| drop(d.add([part])));
        wholes.push(d);
    }
    assert!(wholes.windows(2).all(|pair| same(&pair[0], &pair[1])), "signatures that come apart");
}

proptest! {
    /// Random changes of officers, rivals among them, with struck keys and acts under every set.
    #[test]
    fn random_successions_come_to_the_same(
        acts in prop::collection::vec((0usize..4, 0u8..6, 0u8..64, any::<bool>(), 0u8..5), 1..9),
        seed in any::<prop::sample::Index>(),
    ) {
        let w = world();
        let mut sets = vec![w.set];
        let mut all = Vec::new();
        for (at, (under, gone, signers, strikes, party)) in acts.into_iter().enumerate() {
            let under = sets[under % sets.len()];
            let signers: Vec<u8> = (0..6).filter(|bit| signers & (1 << bit) != 0).map(|b| b + 1).collect();
            let certificate = if strikes || at % 2 == 0 {
                let seeds: Vec<u8> = (1..=4).map(|s| if s == gone { s + 4 } else { s }).take(3).collect();
                let kept = strikes.then(|| {
                    let mut ids: Vec<_> = all.iter().map(Certificate::id).collect();
                    ids.sort();
                    ids.dedup();
                    ids
                });
                let act = Act::Officers { previous: under, officers: officers(&seeds, 2), kept };
                signed(Certificate::new(w.community, Timestamp(at as u64), act), &signers)
            } else {
                World { community: w.community, set: under }.enrol(10 + party, &signers)
            };
            if matches!(certificate.body().act, Act::Officers { .. }) {
                sets.push(certificate.id());
            }
            all.push(certificate);
        }
        let whole = directory(&all);
        let by = seed.index(all.len());
        all.rotate_left(by);
        let mut one = Directory::new(genesis()).unwrap();
        all.iter().rev().for_each(|certificate| drop(one.add([certificate.clone()])));
        prop_assert!(same(&one, &whole));
    }
}
