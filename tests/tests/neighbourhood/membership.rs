//! Grants, revocations, epochs and ends.

use linli_core::authority::{Grant, Right};
use linli_core::document::Withheld;
use linli_core::engine::{CoreError, EditError};
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, SpaceTag, Timestamp};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use linli_tests::neighbourhood::{ENDS, Neighbourhood, grant};

/// A household with two members that may write, and a profile with a name.
fn shared(seed: u64) -> (Neighbourhood, [NodeId; 3], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let c = net.join(PartyKind::Provider);
    let grants = [b, c].map(|id| grant(net.party(id), Right::Write, true)).to_vec();
    let space = net.begin(a, grants);
    net.set(a, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    (net, [a, b, c], space)
}

fn reasons(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
) -> Vec<(Option<NodeId>, Withheld)> {
    let view = net.view(id, space, "profile").unwrap();
    view.withheld.iter().map(|entry| (entry.node, entry.reason)).collect()
}

#[test]
fn a_removed_party_reads_nothing_new_and_its_late_entries_are_held_back() {
    let (mut net, [a, b, c], space) = shared(10);
    net.set(c, space, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    net.isolate(c);
    let (removed, before) = (net.party(c), net.values(a, space, "phone"));
    net.revoke(a, space, removed).unwrap();
    // The removed node has not heard of it and writes on.
    net.set(c, space, ProfileField::Health, "too late").unwrap();
    net.settle();
    net.set(b, space, ProfileField::Housing, "second floor").unwrap();
    net.set(a, space, ProfileField::Interests, "chess").unwrap();
    net.heal();

    for id in [a, b] {
        assert_eq!(reasons(&mut net, id, space), [(Some(c), Withheld::PastCut)]);
        assert_eq!(net.values(id, space, "phone"), before, "what it wrote before counts");
        assert!(net.values(id, space, "health").is_empty());
        assert_eq!(net.values(id, space, "interests").len(), 1);
    }
    assert!(net.check_same(&[a, b], space) >= 8);
    assert!(net.values(c, space, "interests").is_empty());
    let unread = reasons(&mut net, c, space);
    assert!(unread.contains(&(Some(a), Withheld::NoKey)), "{unread:?}");
    assert_eq!(net.finds(c, b"chess"), 0);
}

#[test]
fn what_others_built_on_a_held_back_change_stands_without_it() {
    let (mut net, [a, b, c], space) = shared(11);
    net.isolate(a);
    net.set(c, space, ProfileField::Health, "by the removed").unwrap();
    net.settle();
    net.set(b, space, ProfileField::Health, "by b over it").unwrap();
    net.set(b, space, ProfileField::Housing, "lift").unwrap();
    net.settle();
    let removed = net.party(c);
    net.revoke(a, space, removed).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.values(id, space, "health"), [("by b over it".to_owned(), vec![b])]);
        assert_eq!(net.values(id, space, "housing").len(), 1);
        assert_eq!(reasons(&mut net, id, space), [(Some(c), Withheld::PastCut)]);
    }
    net.set(b, space, ProfileField::Interests, "tea").unwrap();
    net.settle();
    assert_eq!(net.values(a, space, "interests"), [("tea".to_owned(), vec![b])]);
    assert!(net.check_same(&[a, b], space) >= 8);

    // Granted again, it writes to a fresh log.
    net.grant(a, space, grant(removed, Right::Write, true)).unwrap();
    net.heal();
    net.set(c, space, ProfileField::Language, "zh").unwrap();
    net.settle();
    for id in [a, b, c] {
        assert_eq!(net.values(id, space, "language"), [("zh".to_owned(), vec![c])]);
    }
    assert!(net.check_same(&[a, b, c], space) >= 12);
}

#[test]
fn who_is_let_in_again_writes_to_a_fresh_log() {
    let (mut net, [a, b, c], space) = shared(25);
    net.set(c, space, ProfileField::Health, "before").unwrap();
    net.heal();
    let party = net.party(c);
    net.revoke(a, space, party).unwrap();
    net.grant(a, space, grant(party, Right::Write, true)).unwrap();
    net.heal();
    net.set(c, space, ProfileField::Housing, "after").unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(net.values(id, space, "housing"), [("after".to_owned(), vec![c])]);
        assert_eq!(net.values(id, space, "health"), [("before".to_owned(), vec![c])]);
    }
    assert!(net.check_same(&[a, b, c], space) >= 9);
}

#[test]
fn history_is_opened_only_where_the_grant_says_so() {
    let (mut net, [a, b, c], space) = shared(12);
    let gone = net.party(c);
    net.revoke(a, space, gone).unwrap();
    net.set(a, space, ProfileField::Health, "after the removal").unwrap();
    net.heal();
    let [with, without] = [PartyKind::Family, PartyKind::Station].map(|kind| net.join(kind));
    net.settle();
    net.grant(a, space, grant(net.party(with), Right::Write, true)).unwrap();
    net.grant(a, space, grant(net.party(without), Right::Write, false)).unwrap();
    net.heal();
    assert!(net.check_same(&[a, b, with], space) >= 6);

    assert!(net.values(without, space, "name").is_empty());
    assert!(net.values(without, space, "health").is_empty(), "the epoch of its grant is a new one");
    assert!(reasons(&mut net, without, space).iter().all(|(_, why)| *why == Withheld::NoKey));
    net.add_fact(a, space, "order/1", "a", Urgency::Normal).unwrap();
    net.settle();
    net.add_fact(without, space, "order/1", "b", Urgency::Normal).unwrap();
    net.settle();
    let orders: Vec<_> = [a, b, with, without]
        .into_iter()
        .map(|id| net.view(id, space, "order/1").unwrap())
        .collect();
    assert!(orders.iter().all(|view| view.changes == 2 && *view == orders[0]), "{orders:?}");
}

#[test]
fn a_right_to_carry_gives_no_key() {
    let (mut net, [a, b, _], space) = shared(13);
    let carrying = net.join(PartyKind::Station);
    net.settle();
    net.grant(a, space, grant(net.party(carrying), Right::Carry, true)).unwrap();
    net.heal();
    assert_eq!(net.finds(carrying, b"Wang"), 0);
    if net.spaces(carrying).contains(&space) {
        assert!(net.values(carrying, space, "name").is_empty());
    }
    assert_eq!(net.values(b, space, "name").len(), 1);
}

#[test]
fn epochs_begun_apart_and_grants_made_apart_come_together() {
    let (mut net, [a, b, c], space) = shared(14);
    net.grant(a, space, grant(net.party(b), Right::Steward, true)).unwrap();
    let d = net.join(PartyKind::Family);
    net.heal();
    net.isolate_all();
    let (gone, newcomer) = (net.party(c), net.party(d));
    net.revoke(a, space, gone).unwrap();
    net.revoke(b, space, gone).unwrap();
    net.grant(b, space, grant(newcomer, Right::Write, true)).unwrap();
    net.set(a, space, ProfileField::Health, "a's epoch").unwrap();
    net.set(b, space, ProfileField::Housing, "b's epoch").unwrap();
    net.heal();
    net.set(a, space, ProfileField::Interests, "one epoch").unwrap();
    net.set(b, space, ProfileField::Language, "zh").unwrap();
    net.settle();
    assert!(net.check_same(&[a, b, d], space) >= 15);
    net.set(d, space, ProfileField::Phone, "13800138000").unwrap();
    net.settle();
    assert_eq!(net.values(a, space, "phone"), [("13800138000".to_owned(), vec![d])]);
    assert!(net.check_same(&[a, b, d], space) >= 18);
}

#[test]
fn a_device_added_later_is_given_the_keys() {
    let (mut net, [a, b, c], space) = shared(15);
    let second = net.join_node(net.party(b), ENDS);
    net.heal();
    net.heal();
    assert_eq!(net.values(second, space, "name"), [("Wang".to_owned(), vec![a])]);
    net.set(second, space, ProfileField::Health, "well").unwrap();
    net.settle();
    assert!(net.check_same(&[a, b, c, second], space) >= 8);
}

#[test]
fn what_a_node_signs_after_its_end_is_withheld() {
    let (mut net, [a, b, _], space) = shared(16);
    let ends = Timestamp(net.now.0 + 3_600_000);
    let hub = net.join_node(net.party(b), ends);
    net.heal();
    net.heal();
    net.set(hub, space, ProfileField::Health, "in time").unwrap();
    net.settle();
    let mut forger = net.forger(hub, space, "profile");
    net.tick(3_600_000 + CLOCK_SKEW_MS_MAX + 60_000);
    let refused = net.set(hub, space, ProfileField::Health, "refused");
    assert!(matches!(refused, Err(EditError::Core(CoreError::NodeEnded))), "{refused:?}");

    forger.at = Timestamp(ends.0 + CLOCK_SKEW_MS_MAX + 1);
    let mut doc = net.copy(hub, space, "profile");
    let change = forger.change(&mut doc, |doc| {
        linli_model::profile::set(doc, ProfileField::Health, "after its end").unwrap();
    });
    let mut rng = net.rng.clone();
    let entry = forger.write(&mut rng, vec![change.raw_bytes().to_vec()]);
    // A neighbour passes it on: the node itself is let in no more.
    net.inject(a, &[entry]);
    net.settle();
    for id in [a, b] {
        assert_eq!(reasons(&mut net, id, space), [(Some(hub), Withheld::Ended)]);
        assert_eq!(net.values(id, space, "health"), [("in time".to_owned(), vec![hub])]);
    }
    assert!(net.check_same(&[a, b], space) >= 4);
}

#[test]
fn a_grant_that_has_ended_ends_writing() {
    let (mut net, [a, b, _], space) = shared(17);
    let d = net.join(PartyKind::Provider);
    net.settle();
    let ends = Some(Timestamp(net.now.0 + 60_000));
    let visit = Grant { ends, ..grant(net.party(d), Right::Write, true) };
    net.grant(a, space, visit).unwrap();
    net.heal();
    net.set(d, space, ProfileField::Health, "visited").unwrap();
    net.settle();
    net.tick(60_000 + 2 * CLOCK_SKEW_MS_MAX);
    let refused = net.set(d, space, ProfileField::Health, "late");
    assert!(matches!(refused, Err(EditError::Core(CoreError::Forbidden(Right::Write)))));
    net.set(a, space, ProfileField::Housing, "not for the visitor").unwrap();
    net.settle();
    assert_eq!(net.values(b, space, "housing").len(), 1);
    assert!(
        net.values(d, space, "housing").is_empty(),
        "the next writer begins an epoch without it"
    );
    assert_eq!(net.values(a, space, "health"), [("visited".to_owned(), vec![d])]);
    assert!(net.check_same(&[a, b], space) >= 6);
}

#[test]
fn a_party_leaves_by_itself() {
    let (mut net, [a, b, c], space) = shared(18);
    let party = net.party(c);
    net.grant(a, space, grant(party, Right::Steward, true)).unwrap();
    net.heal();
    net.set(c, space, ProfileField::Health, "before it left").unwrap();
    net.revoke(c, space, party).unwrap();
    let refused = net.set(c, space, ProfileField::Health, "left");
    assert!(matches!(refused, Err(EditError::Core(CoreError::Forbidden(Right::Write)))));
    net.settle();
    net.set(b, space, ProfileField::Housing, "not for who left").unwrap();
    net.settle();
    assert_eq!(net.values(a, space, "health"), [("before it left".to_owned(), vec![c])]);
    assert_eq!(net.values(a, space, "housing").len(), 1);
    assert!(net.values(c, space, "housing").is_empty());
    assert!(net.check_same(&[a, b], space) >= 6);
}

#[test]
fn what_may_not_be_done_changes_nothing() {
    let (mut net, [a, b, c], space) = shared(19);
    let (owner, other) = (net.party(a), net.party(c));
    let before: Vec<_> = [a, b].map(|id| net.certificates(id, space)).to_vec();
    for _ in 0..2 {
        assert!(net.revoke(b, space, other).is_err(), "a writer revokes nobody");
        assert!(net.grant(b, space, grant(other, Right::Steward, true)).is_err());
    }
    net.revoke(a, space, owner).unwrap_err();
    net.settle();
    let after: Vec<_> = [a, b].map(|id| net.certificates(id, space)).to_vec();
    assert_eq!(before, after);
    net.set(a, space, ProfileField::Health, "well").unwrap();
    net.settle();
    assert!(net.check_same(&[a, b, c], space) >= 6);
}

/// A run of chance found this: a key that came before the certificates of the epochs it opens.
#[test]
fn former_epochs_open_once_their_certificates_come() {
    let (mut net, [a, b, c], space) = shared(24);
    let d = net.join(PartyKind::Family);
    net.heal();
    net.grant(a, space, grant(net.party(b), Right::Steward, true)).unwrap();
    net.heal();
    net.isolate_all();
    let (gone, newcomer) = (net.party(c), net.party(d));
    // B's epoch is not known to A when A lets the newcomer in, and to B when it does so too.
    net.revoke(b, space, gone).unwrap();
    net.set(b, space, ProfileField::Health, "under b's epoch").unwrap();
    net.grant(a, space, grant(newcomer, Right::Write, true)).unwrap();
    net.connect(a, d);
    net.settle();
    net.isolate_all();
    net.heal();
    net.revoke(a, space, gone).unwrap();
    net.set(a, space, ProfileField::Housing, "under the joint epoch").unwrap();
    net.heal();
    assert_eq!(net.values(d, space, "health"), [("under b's epoch".to_owned(), vec![b])]);
    assert!(net.check_same(&[a, b, d], space) >= 9);
}
