//! What a removal takes, what it leaves, and what a steward makes of the work it holds back.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::authority::{Grant, Right};
use linli_core::document::{Withheld, WithheldEntry};
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::id::{CertificateId, EntryId, NodeId, SpaceTag, inbox_tag};
use linli_tests::neighbourhood::{Neighbourhood, grant};

/// An owner, another steward and a writer, with a profile that all three see.
pub(crate) fn shared(seed: u64) -> (Neighbourhood, [NodeId; 3], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let c = net.join(PartyKind::Provider);
    let grants =
        [grant(net.party(b), Right::Steward, true), grant(net.party(c), Right::Write, true)];
    let space = net.begin(a, grants.to_vec());
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    (net, [a, b, c], space)
}

pub(crate) fn withheld(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> Vec<WithheldEntry> {
    net.view(id, space, "profile").unwrap().withheld
}

/// A removal of `c` by `a` that `c` learns of only after it wrote on.
fn removed_late(seed: u64) -> (Neighbourhood, [NodeId; 3], SpaceTag, Vec<EntryId>) {
    let (mut net, [a, b, c], space) = shared(seed);
    net.set(c, space, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    net.isolate(c);
    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.set(c, space, ProfileField::Health, "written late").unwrap();
    net.set(c, space, ProfileField::Housing, "written later").unwrap();
    net.heal();
    let held = withheld(&mut net, a, space);
    assert!(held.iter().all(|entry| entry.reason == Withheld::PastCut && entry.at.is_some()));
    let entries: Vec<EntryId> = held.iter().map(|entry| entry.entry).collect();
    assert_eq!(entries.len(), 2);
    (net, [a, b, c], space, entries)
}

#[test]
fn a_removal_wins_over_a_grant_made_apart_and_a_grant_that_cites_it_stands() {
    let (mut net, [a, b, c], space) = shared(40);
    net.isolate_all();
    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.grant(b, space, grant(party, Right::Write, true)).unwrap();
    net.settle();
    net.heal();
    for id in [a, b] {
        assert!(!net.members(id, space).contains(&party), "the grant made apart died");
        assert_eq!(net.dead(id, space).len(), 2, "both grants are reported");
    }
    net.set(a, space, ProfileField::Health, "after the removal").unwrap();
    net.heal();
    assert!(net.values(c, space, "health").is_empty());

    net.grant(b, space, grant(party, Right::Write, true)).unwrap();
    net.heal();
    net.set(c, space, ProfileField::Language, "zh").unwrap();
    net.heal();
    for id in [a, b, c] {
        assert!(net.members(id, space).contains(&party), "the grant that cites it stands");
        assert_eq!(net.values(id, space, "language"), [("zh".to_owned(), vec![c])]);
        assert_eq!(net.values(id, space, "health").len(), 1);
    }
}

#[test]
fn a_grant_by_a_removed_steward_that_comes_late_gives_nothing() {
    let (mut net, [a, b, c], space) = shared(41);
    let d = net.join(PartyKind::Family);
    net.heal();
    net.isolate(b);
    let (steward, newcomer) = (net.party(b), net.party(d));
    net.revoke(a, space, steward).unwrap();
    net.settle();
    // It has not heard of its removal.
    net.grant(b, space, grant(newcomer, Right::Write, true)).unwrap();
    net.set(a, space, ProfileField::Health, "not for who left").unwrap();
    net.settle();
    net.heal();
    for id in [a, c] {
        assert!(!net.members(id, space).contains(&newcomer));
        assert_eq!(net.dead(id, space).len(), 2, "the steward's grant and what hung on it");
        assert_eq!(net.values(id, space, "health").len(), 1);
    }
    for id in [b, d] {
        assert_eq!(net.finds(id, b"not for who left"), 0);
        if net.spaces(id).contains(&space) {
            assert!(net.values(id, space, "health").is_empty());
        }
    }
}

#[test]
fn the_removed_learns_that_its_work_is_held_back_and_why() {
    let (mut net, [a, _, c], space, entries) = removed_late(42);
    let own: Vec<_> = withheld(&mut net, c, space)
        .into_iter()
        .filter(|entry| entry.node == Some(c))
        .map(|entry| (entry.entry, entry.reason))
        .collect();
    let expected: Vec<_> = entries.iter().map(|id| (*id, Withheld::PastCut)).collect();
    assert_eq!(own, expected);
    assert_eq!((net.own_past_cut(c, space), net.own_past_cut(a, space)), (2, 0));
    let refused = net.set(c, space, ProfileField::Health, "again");
    assert!(refused.is_err(), "it knows that it was removed");
}

#[test]
fn what_is_held_back_counts_once_a_steward_admits_it() {
    let (mut net, [a, b, c], space, entries) = removed_late(43);
    let said = net.inspect(b, space, "profile", entries[0]);
    assert_eq!(said, [("health".to_owned(), Some("written late".to_owned()))]);
    net.judge(b, space, &[entries[0]], true).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.values(id, space, "health"), [("written late".to_owned(), vec![c])]);
        assert!(net.values(id, space, "housing").is_empty());
        let left: Vec<_> = withheld(&mut net, id, space).iter().map(|e| e.entry).collect();
        assert_eq!(left, [entries[1]]);
    }
    net.judge(a, space, &[entries[1]], false).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.refused_entries(id, space), BTreeSet::from([entries[1]]));
        assert!(net.values(id, space, "housing").is_empty(), "a refusal changes no view");
    }
    net.judge(b, space, &[entries[1]], true).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.refused_entries(id, space), BTreeSet::new());
        assert_eq!(net.values(id, space, "housing"), [("written later".to_owned(), vec![c])]);
    }
    assert!(net.check_same(&[a, b], space) >= 8);
    net.judge(c, space, &[entries[1]], false).unwrap_err();
}

#[test]
fn honest_work_on_a_held_back_change_shows_before_and_after_it_is_admitted() {
    let (mut net, [a, b, c], space) = shared(44);
    net.isolate_all();
    net.set(c, space, ProfileField::Health, "by the removed").unwrap();
    net.set(c, space, ProfileField::Interests, "chess").unwrap();
    net.connect(b, c);
    net.settle();
    assert_eq!(net.values(b, space, "health"), [("by the removed".to_owned(), vec![c])]);
    net.set(b, space, ProfileField::Health, "by b over it").unwrap();
    net.settle();
    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.heal();
    let held = withheld(&mut net, b, space);
    assert_eq!(held.iter().map(|e| e.node).collect::<Vec<_>>(), [Some(c), Some(c)]);
    for id in [a, b] {
        assert_eq!(net.values(id, space, "health"), [("by b over it".to_owned(), vec![b])]);
        assert!(net.values(id, space, "interests").is_empty(), "applied, and shown as nobody's");
    }
    let entries: Vec<EntryId> = held.iter().map(|entry| entry.entry).collect();
    net.judge(a, space, &entries, true).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.values(id, space, "health"), [("by b over it".to_owned(), vec![b])]);
        assert_eq!(net.values(id, space, "interests"), [("chess".to_owned(), vec![c])]);
        assert_eq!(withheld(&mut net, id, space), []);
    }
    assert!(net.check_same(&[a, b], space) >= 8);
}

/// The one that must not pass on nothing: what was before opens, to the last entry, and nothing after.
#[test]
fn with_every_byte_of_the_network_the_removed_opens_all_that_was_before_and_nothing_after() {
    let (mut net, [a, b, c], space) = shared(45);
    for (id, value) in [(a, "a before"), (b, "b before"), (c, "c before")] {
        net.set(id, space, ProfileField::Health, value).unwrap();
        net.add_fact(id, space, "order/1", value, linli_replica::entry::Urgency::Normal).unwrap();
        net.heal();
    }
    net.rotate(b, space).unwrap();
    net.set(a, space, ProfileField::Housing, "under a second epoch, before").unwrap();
    net.heal();
    // What is split among the officers is sealed to them, whoever is a member.
    let shares = linli_core::kdf::recovery_tag(&space);
    let own = |entry: &&linli_replica::entry::Entry| entry.header().document != shares;
    let before: BTreeSet<EntryId> =
        net.entries(a, space).iter().filter(own).map(|e| e.id()).collect();
    assert!(before.len() >= 10, "{}", before.len());

    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.heal();
    net.set(b, space, ProfileField::Interests, "secret chess").unwrap();
    net.rotate(a, space).unwrap();
    net.set(a, space, ProfileField::Language, "secret zh").unwrap();
    net.add_fact(b, space, "order/2", "secret order", linli_replica::entry::Urgency::Normal)
        .unwrap();
    net.heal();

    let ids: Vec<NodeId> = net.nodes.keys().copied().collect();
    let everything: Vec<_> = ids.iter().flat_map(|id| net.entries(*id, space)).collect();
    let after: BTreeSet<EntryId> = everything.iter().map(|e| e.id()).collect();
    assert!(after.difference(&before).count() >= 6, "there is something after");
    let opened = net.opened_with_keys_of(c, space, &everything);
    assert!(before.is_subset(&opened), "all that it was entitled to");
    let told = net.removal_entries(a, space, party);
    let newer: BTreeSet<EntryId> = opened.difference(&before).copied().collect();
    assert_eq!(newer, told, "nothing newer but that it was removed");
    // Nor does its own program show more, holding the same entries.
    assert_eq!(net.entries(c, space).len(), net.entries(a, space).len());
    assert_eq!(net.values(c, space, "health").len(), 1);
    for field in ["interests", "language"] {
        assert!(net.values(c, space, field).is_empty());
        assert_eq!(net.values(a, space, field).len(), 1);
    }
    assert_eq!(net.finds(c, b"secret"), 0);
}

#[test]
fn one_grant_of_several_is_taken_and_the_last_one_ends_it() {
    let (mut net, [a, b, c], space) = shared(46);
    let party = net.party(c);
    let meals = Grant { purpose: "meals".into(), ..grant(party, Right::Write, true) };
    net.grant(a, space, meals).unwrap();
    net.heal();
    let by_purpose = |net: &mut Neighbourhood, purpose: &str| -> BTreeSet<CertificateId> {
        let grants = net.grants(a, space, party);
        grants.into_iter().filter(|grant| grant.purpose == purpose).map(|g| g.id).collect()
    };
    let care = by_purpose(&mut net, "care");
    assert_eq!(care.len(), 1);
    net.revoke_grants(a, space, &care).unwrap();
    net.heal();
    net.set(c, space, ProfileField::Health, "still here").unwrap();
    net.heal();
    assert_eq!(net.values(b, space, "health"), [("still here".to_owned(), vec![c])]);
    let meals = by_purpose(&mut net, "meals");
    net.revoke_grants(a, space, &meals).unwrap();
    net.set(a, space, ProfileField::Housing, "not for it").unwrap();
    net.heal();
    assert!(!net.members(b, space).contains(&party));
    assert_eq!(net.values(b, space, "health"), [("still here".to_owned(), vec![c])]);
    assert!(net.values(c, space, "housing").is_empty());
}

#[test]
fn a_rotation_begins_an_epoch_that_every_member_reads() {
    let (mut net, [a, b, c], space) = shared(47);
    let before = net.newest_epoch(a, space).unwrap();
    net.tick(60_000);
    net.rotate(b, space).unwrap();
    net.set(c, space, ProfileField::Health, "under c's last key").unwrap();
    net.heal();
    let after = net.newest_epoch(a, space).unwrap();
    assert!(after.1 > before.1 && after.0 == b, "{before:?} {after:?}");
    net.set(c, space, ProfileField::Housing, "under the new key").unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(net.values(id, space, "housing"), [("under the new key".to_owned(), vec![c])]);
    }
    assert!(net.check_same(&[a, b, c], space) >= 9);
}

#[test]
fn many_spaces_are_renewed_at_once_and_a_reader_is_given_all_in_one_letter() {
    let (mut net, [a, b, c], first) = shared(52);
    let [b_party, c_party] = [b, c].map(|id| net.party(id));
    let both = [grant(b_party, Right::Read, true), grant(c_party, Right::Write, true)];
    let mut spaces: Vec<SpaceTag> = (0..4).map(|_| net.begin(a, both.to_vec())).collect();
    spaces.push(first);
    // One where its word counts for nothing.
    let elsewhere = net.begin(b, vec![grant(net.party(a), Right::Read, true), both[1].clone()]);
    net.heal();
    let letters = |net: &Neighbourhood, to: NodeId| {
        let inbox = net.entries(to, inbox_tag(&to));
        inbox.len()
    };
    let before = [b, c].map(|id| letters(&net, id));
    let epochs = |net: &mut Neighbourhood, space| net.state(a, space).epochs.len();
    let begun = epochs(&mut net, elsewhere);

    let due: BTreeMap<SpaceTag, _> =
        spaces.iter().chain([&elsewhere]).map(|space| (*space, [c_party].into())).collect();
    assert_eq!(net.renew(a, &due).unwrap(), [elsewhere].into());
    for space in &spaces {
        net.set(a, *space, ProfileField::Health, "not for who is out").unwrap();
    }
    net.heal();
    assert_eq!(letters(&net, b), before[0] + 1, "one letter for five spaces");
    assert_eq!(letters(&net, c), before[1], "none for who is out");
    assert_eq!(epochs(&mut net, elsewhere), begun, "as it was");
    for id in [a, b] {
        assert!(net.members(id, elsewhere).contains(&c_party));
        for space in &spaces {
            assert!(!net.members(id, *space).contains(&c_party));
            assert_eq!(net.values(id, *space, "health").len(), 1, "read under the new key");
        }
    }
    for space in &spaces {
        assert!(net.values(c, *space, "health").is_empty());
    }

    // Without anybody to remove it is a new epoch each.
    let due: BTreeMap<SpaceTag, _> = spaces.iter().map(|space| (*space, BTreeSet::new())).collect();
    let begun: Vec<usize> = spaces.iter().map(|space| epochs(&mut net, *space)).collect();
    assert!(net.renew(a, &due).unwrap().is_empty());
    net.heal();
    for (space, begun) in spaces.iter().zip(begun) {
        assert_eq!(epochs(&mut net, *space), begun + 1);
        net.set(c, *space, ProfileField::Housing, "by who is out").unwrap_err();
    }
}
