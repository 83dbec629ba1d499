//! How far the work of the removed counts: many logs, forked ones, and those of a second membership.

use linli_core::authority::{Right, SpaceCertificate};
use linli_core::document::Withheld;
use linli_core::limits::CUT_LOGS_MAX;
use linli_core::payload::Content;
use linli_model::profile::{self, ProfileField};
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::EntryId;
use linli_tests::neighbourhood::grant;

use crate::authority::held_back;
use crate::removal::{shared, withheld};

#[test]
fn of_a_party_with_more_logs_than_a_cut_lists_most_of_the_work_counts() {
    const MORE: usize = 40;
    let (mut net, [a, b, c], space) = shared(80);
    // One document in eleven has more than one entry.
    let facts = |number: usize| if number.is_multiple_of(11) { 2 } else { 1 };
    for number in 0..CUT_LOGS_MAX + MORE {
        for fact in 0..facts(number) {
            let (name, key) = (format!("order/{number}"), format!("fact {fact}"));
            net.add_fact(c, space, &name, &key, Urgency::Normal).unwrap();
        }
    }
    net.heal();
    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.heal();
    for id in [a, b] {
        assert!(!net.members(id, space).contains(&party));
        let mut held = Vec::new();
        for number in 0..CUT_LOGS_MAX + MORE {
            let view = net.view(id, space, &format!("order/{number}")).unwrap();
            assert_eq!(view.changes + view.withheld.len(), facts(number), "order/{number}");
            let of_many = view.withheld.is_empty() || facts(number) == 1;
            assert!(of_many, "order/{number} is held back, and others with less in them count");
            held.extend(view.withheld);
        }
        assert_eq!(held.len(), MORE, "all but what a cut has no room for counts");
        assert!(held.iter().all(|entry| entry.reason == Withheld::PastCut));
    }
    assert_eq!(net.own_past_cut(c, space), u64::try_from(MORE).unwrap(), "who wrote it is told");
}

#[test]
fn a_forked_log_is_cut_where_its_branches_part() {
    let (mut net, [a, b, c], space) = shared(81);
    net.set(c, space, ProfileField::Health, "honest so far").unwrap();
    net.heal();
    let forger = net.forger(c, space, "profile");
    let doc = net.copy(c, space, "profile");
    let mut rng = net.rng.clone();
    net.isolate_all();
    for (at, id) in [a, b].into_iter().enumerate() {
        let (mut forger, mut doc) = (forger.clone(), doc.clone());
        let mut write = |value: &str| {
            let note = |doc: &mut _| profile::set(doc, ProfileField::Note, value).unwrap();
            let change = forger.change(&mut doc, note).raw_bytes().to_vec();
            forger.write(&mut rng, vec![change])
        };
        let entries: Vec<Entry> = (0..=at).map(|n| write(&format!("branch {at}.{n}"))).collect();
        net.inject(id, &entries);
        net.drain();
        net.crash(id);
    }
    net.heal();
    assert_eq!(held_back(&mut net, b, space), [(Some(c), Withheld::Forked); 3]);
    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.heal();
    let profile = net.space(b, space, |space| space.document("profile"));
    let cuts = net.state(b, space).cuts.remove(&party).unwrap();
    let point = cuts[0].logs[&(forger.log_id(), profile)];
    assert_eq!((point.sequence, point.entry), (forger.sequence - 1, forger.previous));
    for id in [a, b] {
        assert_eq!(net.values(id, space, "health"), [("honest so far".to_owned(), vec![c])]);
        assert!(net.values(id, space, "note").is_empty());
        assert_eq!(held_back(&mut net, id, space), [(Some(c), Withheld::PastCut); 3]);
    }
    // A steward says which of the two it was.
    let held = withheld(&mut net, b, space);
    let longer = held.iter().find(|entry| entry.sequence > forger.sequence).unwrap().entry;
    let said = net.inspect(b, space, "profile", longer);
    assert_eq!(said, [("note".to_owned(), Some("branch 1.1".to_owned()))]);
    let shorter = |entry: &EntryId| {
        let said = net.inspect(b, space, "profile", *entry);
        said == [("note".to_owned(), Some("branch 0.0".to_owned()))]
    };
    let shorter = held.iter().map(|entry| entry.entry).find(shorter).unwrap();
    net.judge(b, space, &[shorter], true).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.values(id, space, "note"), [("branch 0.0".to_owned(), vec![c])]);
        assert_eq!(withheld(&mut net, id, space).len(), 2);
    }
    assert!(net.check_same(&[a, b], space) >= 6);
}

#[test]
fn what_was_written_in_two_memberships_is_cut_twice_and_its_writer_is_told_of_all() {
    let (mut net, [a, b, c], space) = shared(82);
    let party = net.party(c);
    net.set(c, space, ProfileField::Note, "in the first").unwrap();
    net.heal();
    net.isolate(c);
    net.revoke(a, space, party).unwrap();
    net.set(c, space, ProfileField::Health, "late in the first").unwrap();
    net.heal();
    assert_eq!(net.own_past_cut(c, space), 1);
    net.grant(b, space, grant(party, Right::Write, true)).unwrap();
    net.heal();
    net.set(c, space, ProfileField::Interests, "in the second").unwrap();
    net.heal();
    assert_eq!(net.values(a, space, "interests"), [("in the second".to_owned(), vec![c])]);
    assert_eq!(net.own_past_cut(c, space), 1, "nothing was taken back");

    net.isolate(c);
    net.revoke(a, space, party).unwrap();
    net.set(c, space, ProfileField::Housing, "late in the second").unwrap();
    net.set(c, space, ProfileField::Language, "later in the second").unwrap();
    net.heal();
    for id in [a, b] {
        for (field, value) in [("note", "in the first"), ("interests", "in the second")] {
            assert_eq!(net.values(id, space, field), [(value.to_owned(), vec![c])]);
        }
        for field in ["health", "housing", "language"] {
            assert!(net.values(id, space, field).is_empty(), "{field}");
        }
        assert_eq!(held_back(&mut net, id, space), [(Some(c), Withheld::PastCut); 3]);
    }
    assert_eq!(net.own_past_cut(c, space), 3);
    // One of each is admitted: both cuts let it through.
    let held = withheld(&mut net, a, space);
    let mut one_of_each = held.clone();
    one_of_each.dedup_by_key(|entry| entry.log);
    assert_eq!(one_of_each.len(), 2, "{held:?}");
    let entries: Vec<EntryId> = one_of_each.iter().map(|entry| entry.entry).collect();
    net.judge(b, space, &entries, true).unwrap();
    net.heal();
    assert_eq!(held_back(&mut net, a, space), [(Some(c), Withheld::PastCut)]);
    assert!(net.check_same(&[a, b], space) >= 6);
}

#[test]
fn certificates_of_another_space_are_not_taken_in() {
    let (mut net, [a, b, c], space) = shared(83);
    let of_b = grant(net.party(b), Right::Steward, true);
    let other = net.begin(c, vec![of_b]);
    net.settle();
    let before = net.certificates(a, space);
    let foreign: Vec<SpaceCertificate> = net.space(c, other, |space| {
        space.certificates().iter().map(|(_, certificate)| certificate.clone()).collect()
    });
    assert!(foreign.len() >= 3, "a genesis, a grant and an epoch: {foreign:?}");
    let mut forger = net.authority_forger(c, space);
    let mut rng = net.rng.clone();
    let items = foreign.iter().map(|certificate| certificate.encode().into()).collect();
    let entry = forger.write_content(&mut rng, Content::Certificates(items), None);
    net.inject(c, std::slice::from_ref(&entry));
    net.settle();
    net.crash(c);
    net.heal();
    for id in [a, b, c] {
        assert!(net.entries(id, space).contains(&entry), "it came");
        assert_eq!(net.certificates(id, space), before);
        assert_eq!(net.state(id, space).refused.len(), 0);
    }
    // Nor is whoever read them a member of the other space.
    assert_eq!(net.spaces(a), [space]);
}
