//! Who may decide in a space, when those who decide turn on each other, are stolen or are gone.

use std::collections::BTreeSet;

use linli_core::authority::{Act, Owner, Refusal, Right, SpaceCertificate, Under};
use linli_core::document::Withheld;
use linli_core::engine::{CoreError, NewSpace};
use linli_core::payload::Content;
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Entry;
use linli_replica::id::{CertificateId, EntryId, NodeId, PartyId, SpaceTag, Timestamp};
use linli_tests::neighbourhood::{Neighbourhood, grant};

use crate::removal::{shared, withheld};

const DAY_MS: u64 = 24 * 3_600_000;

/// What is held back of the profile at a node, by whom it was written.
pub(crate) fn held_back(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
) -> Vec<(Option<NodeId>, Withheld)> {
    withheld(net, id, space).iter().map(|entry| (entry.node, entry.reason)).collect()
}

/// The grant by which a party is a steward of a space.
pub(crate) fn grant_of(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
    party: PartyId,
) -> Under {
    let grants = net.grants(id, space, party);
    Under::Grant(grants.iter().find(|grant| grant.right == Right::Steward).unwrap().id)
}

/// Has a node sign a certificate past its core's rules, and publishes it in the node's own log.
pub(crate) fn forge(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
    (under, heads, at): (Under, Vec<CertificateId>, Timestamp),
    act: &Act,
) -> CertificateId {
    let (party, state) = (net.party(id), net.state(id, space));
    let mut forger = net.authority_forger(id, space);
    let key = forger.node.clone();
    let mut certificate =
        SpaceCertificate::sign(&key, state.space, party, under, heads, at, act).unwrap();
    if matches!(under, Under::Officers { .. }) {
        net.community.countersign(&mut certificate);
    }
    let mut rng = net.rng.clone();
    let content = Content::Certificates(vec![certificate.encode().into()]);
    let entry = forger.write_content(&mut rng, content, None);
    net.inject(id, &[entry]);
    net.settle();
    // Its own core knows of it from the disk only.
    net.crash(id);
    certificate.id()
}

#[test]
fn stewards_who_remove_each_other_are_both_out_until_the_owner_decides() {
    let (mut net, [a, b, c], space) = shared(60);
    let [owner, of_b, of_c] = [a, b, c].map(|id| net.party(id));
    net.grant(a, space, grant(of_c, Right::Steward, true)).unwrap();
    net.heal();
    net.set(b, space, ProfileField::Health, "b before").unwrap();
    net.set(c, space, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    net.isolate_all();
    net.revoke(b, space, of_c).unwrap();
    net.revoke(c, space, of_b).unwrap();
    net.set(b, space, ProfileField::Housing, "b after").unwrap();
    net.set(c, space, ProfileField::Interests, "c after").unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(net.members(id, space), BTreeSet::from([owner]), "neither wins");
    }
    let mut held = held_back(&mut net, a, space);
    held.sort();
    let mut expected = [b, c].map(|id| (Some(id), Withheld::PastCut));
    expected.sort();
    assert_eq!(held, expected, "what either wrote after the other's cut");
    assert_eq!(net.values(a, space, "health"), [("b before".to_owned(), vec![b])]);
    assert_eq!(net.values(a, space, "phone"), [("13800138000".to_owned(), vec![c])]);
    for field in ["housing", "interests"] {
        assert!(net.values(a, space, field).is_empty());
    }
    for id in [b, c] {
        assert!(net.set(id, space, ProfileField::Note, "refused").is_err(), "it knows");
    }
    net.set(a, space, ProfileField::Language, "for neither").unwrap();
    net.heal();
    assert!([b, c].iter().all(|id| net.finds(*id, b"for neither") == 0));

    net.grant(a, space, grant(of_b, Right::Steward, true)).unwrap();
    net.heal();
    net.set(b, space, ProfileField::Note, "b again").unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.members(id, space), BTreeSet::from([owner, of_b]));
        assert_eq!(net.values(id, space, "note"), [("b again".to_owned(), vec![b])]);
        assert_eq!(net.values(id, space, "language").len(), 1);
    }
    assert!(net.check_same(&[a, b], space) >= 5);
}

#[test]
fn what_a_removed_party_writes_under_an_earlier_date_does_not_count() {
    let (mut net, [a, b, c], space) = shared(61);
    let d = net.join(PartyKind::Family);
    let (of_c, of_d) = (net.party(c), net.party(d));
    net.grant(a, space, grant(of_c, Right::Steward, true)).unwrap();
    net.set(c, space, ProfileField::Health, "honest").unwrap();
    net.heal();
    let (then, heads) = (net.now, net.state(c, space).heads);
    let under = grant_of(&mut net, c, space, of_c);
    net.tick(40 * DAY_MS);
    net.revoke(a, space, of_c).unwrap();
    net.heal();
    let before = net.views(a, space).unwrap();

    // It goes on in its log and begins another, all signed with the time at which it was a member.
    let mut rng = net.rng.clone();
    let going_on = net.forger(c, space, "profile");
    let mut anew = going_on.clone();
    anew.log = linli_core::identity::draw_signing_key(&mut rng);
    (anew.sequence, anew.previous) = (1, EntryId::default());
    for (mut forger, value) in [(going_on, "backdated"), (anew, "backdated in a fresh log")] {
        forger.at = then;
        let mut doc = net.copy(a, space, "profile");
        let change = forger.change(&mut doc, |doc| {
            profile::set(doc, ProfileField::Housing, value).unwrap();
        });
        let entry = forger.write(&mut rng, vec![change.raw_bytes().to_vec()]);
        net.inject(c, &[entry]);
    }
    net.heal();
    for id in [a, b] {
        let past = (Some(c), Withheld::PastCut);
        assert_eq!(held_back(&mut net, id, space), [past, past]);
        let views = net.views(id, space).unwrap();
        let heads = |views: &std::collections::BTreeMap<_, linli_tests::neighbourhood::View>| {
            views.values().map(|view| (view.heads.clone(), view.changes)).collect::<Vec<_>>()
        };
        assert_eq!(heads(&views), heads(&before), "it is not even applied");
        assert_eq!(net.values(id, space, "health"), [("honest".to_owned(), vec![c])]);
    }
    // So does a grant that cites what was known then: it hangs on a right that is gone.
    let act = Act::Grant(grant(of_d, Right::Write, true));
    let late = forge(&mut net, c, space, (under, heads, then), &act);
    net.heal();
    for id in [a, b] {
        assert!(net.dead(id, space).contains(&late), "it came, and died of the removal");
        assert!(!net.members(id, space).contains(&of_d));
    }
}

/// A steward's disk, of which a copy is stolen, and what the thief signs with it: removals of
/// everybody, dated and grounded before its own.
fn stolen(
    net: &mut Neighbourhood,
    steward: NodeId,
    image: usize,
    space: SpaceTag,
    out: &[PartyId],
) {
    net.restore(steward, image);
    net.nodes.get_mut(&steward).unwrap().ahead_ms = -i64::try_from(40 * DAY_MS).unwrap();
    for party in out {
        net.revoke(steward, space, *party).unwrap();
    }
    let signed = net.state(steward, space).removals.len();
    assert_eq!(signed, out.len(), "the thief knows of no other removal");
    net.heal();
}

/// As [`shared`], with a fourth who writes, a copy of the second's disk, and work done since.
fn with_a_copy(seed: u64) -> (Neighbourhood, [NodeId; 4], SpaceTag, usize) {
    let (mut net, [a, b, c], space) = shared(seed);
    let d = net.join(PartyKind::Family);
    let of_d = net.party(d);
    net.grant(a, space, grant(of_d, Right::Write, true)).unwrap();
    net.set(c, space, ProfileField::Health, "c before").unwrap();
    net.heal();
    let image = net.node(b).disk.commits();
    net.tick(40 * DAY_MS);
    net.set(c, space, ProfileField::Housing, "c since").unwrap();
    net.set(d, space, ProfileField::Interests, "d since").unwrap();
    net.heal();
    (net, [a, b, c, d], space, image)
}

#[test]
fn removals_of_everybody_that_a_stolen_steward_back_dates_are_void_when_the_owner_removed_it() {
    let (mut net, [a, b, c, d], space, image) = with_a_copy(62);
    let [owner, of_b, of_c, of_d] = [a, b, c, d].map(|id| net.party(id));
    net.revoke(a, space, of_b).unwrap();
    net.heal();
    stolen(&mut net, b, image, space, &[of_c, of_d]);
    net.revoke(b, space, owner).unwrap_err();
    for id in [a, c, d] {
        assert_eq!(net.members(id, space), BTreeSet::from([owner, of_c, of_d]));
        assert_eq!(net.state(id, space).void.len(), 4, "two removals and their cuts are listed");
        assert_eq!(held_back(&mut net, id, space), [], "nobody's work is held back");
    }
    for (id, field) in [(a, ProfileField::Language), (c, ProfileField::Note)] {
        net.set(id, space, field, "life goes on").unwrap();
        net.heal();
    }
    for id in [a, c, d] {
        assert_eq!(net.values(id, space, "housing"), [("c since".to_owned(), vec![c])]);
        assert_eq!(net.values(id, space, "note"), [("life goes on".to_owned(), vec![c])]);
    }
    assert_eq!(net.finds(b, b"life goes on"), 0);
    assert!(net.check_same(&[a, c, d], space) >= 18);
}

/// Only the owner outranks a steward: that is the price of having no clock, and the owner settles it.
#[test]
fn removals_that_a_stolen_steward_back_dates_stand_until_the_owner_settles_it() {
    let (mut net, [a, b, c, d], space, image) = with_a_copy(63);
    let [owner, of_b, of_c, of_d] = [a, b, c, d].map(|id| net.party(id));
    let e = net.join(PartyKind::Station);
    let of_e = net.party(e);
    net.grant(a, space, grant(of_e, Right::Steward, true)).unwrap();
    net.heal();
    net.revoke(e, space, of_b).unwrap();
    net.heal();
    stolen(&mut net, b, image, space, &[of_c, of_d]);
    for id in [a, e] {
        assert_eq!(net.members(id, space), BTreeSet::from([owner, of_e]));
        assert_eq!(net.state(id, space).void.len(), 0);
        let held = held_back(&mut net, id, space);
        assert_eq!(held.len(), 2, "what both wrote since lies past the thief's cuts: {held:?}");
    }
    for party in [of_c, of_d] {
        net.grant(a, space, grant(party, Right::Write, true)).unwrap();
    }
    let entries: Vec<EntryId> = withheld(&mut net, a, space).iter().map(|e| e.entry).collect();
    net.judge(a, space, &entries, true).unwrap();
    net.heal();
    for (id, field) in [(c, ProfileField::Note), (d, ProfileField::Language)] {
        net.set(id, space, field, "again").unwrap();
        net.heal();
    }
    for id in [a, c, d, e] {
        assert_eq!(net.members(id, space), BTreeSet::from([owner, of_c, of_d, of_e]));
        assert_eq!(held_back(&mut net, id, space), []);
        assert_eq!(net.values(id, space, "housing"), [("c since".to_owned(), vec![c])]);
        assert_eq!(net.values(id, space, "interests"), [("d since".to_owned(), vec![d])]);
        assert_eq!(net.values(id, space, "note"), [("again".to_owned(), vec![c])]);
    }
    assert!(net.check_same(&[a, c, d, e], space) >= 24);
}

#[test]
fn of_cuts_that_disagree_what_all_of_them_let_pass_counts() {
    let (mut net, [a, b, c], space) = shared(64);
    let of_c = net.party(c);
    net.set(c, space, ProfileField::Phone, "13800138000").unwrap();
    net.heal();
    net.isolate(a);
    net.set(c, space, ProfileField::Health, "known to the steward only").unwrap();
    net.settle();
    net.isolate_all();
    net.set(c, space, ProfileField::Housing, "known to nobody").unwrap();
    net.revoke(a, space, of_c).unwrap();
    net.revoke(b, space, of_c).unwrap();
    assert_eq!(net.values(b, space, "health").len(), 1, "the steward's own cut lets it pass");
    net.heal();
    for id in [a, b] {
        assert_eq!(net.state(id, space).cuts[&of_c].len(), 2);
        let past = (Some(c), Withheld::PastCut);
        assert_eq!(held_back(&mut net, id, space), [past, past]);
        assert_eq!(net.values(id, space, "phone"), [("13800138000".to_owned(), vec![c])]);
        assert!(net.values(id, space, "health").is_empty(), "the owner's does not");
        assert!(net.values(id, space, "housing").is_empty());
    }
    let held: Vec<Entry> = net.entries(a, space);
    let health = withheld(&mut net, a, space);
    let first = health.iter().min_by_key(|entry| entry.sequence).unwrap().entry;
    assert!(held.iter().any(|entry| entry.id() == first), "held back is held");
    net.judge(b, space, &[first], true).unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(
            net.values(id, space, "health"),
            [("known to the steward only".to_owned(), vec![c])],
            "an admission that cites both cuts"
        );
        assert!(net.values(id, space, "housing").is_empty());
    }
    assert!(net.check_same(&[a, b], space) >= 6);
}

#[test]
fn a_right_that_is_passed_on_too_often_gives_nothing() {
    let (mut net, [a, b, c], space) = shared(65);
    let [d, e] = [PartyKind::Family, PartyKind::Station].map(|kind| net.join(kind));
    let [of_c, of_d, of_e] = [c, d, e].map(|id| net.party(id));
    net.heal();
    // From the owner to b, and on to c and d: three steps.
    net.revoke(a, space, of_c).unwrap();
    net.heal();
    for (by, to) in [(b, of_c), (c, of_d)] {
        net.grant(by, space, grant(to, Right::Steward, true)).unwrap();
        net.heal();
    }
    let last = grant(of_e, Right::Read, true);
    let refused = net.grant(d, space, last.clone());
    assert!(matches!(refused, Err(CoreError::Forbidden(Right::Steward))), "{refused:?}");
    let (under, heads) = (grant_of(&mut net, d, space, of_d), net.state(d, space).heads);
    let at = net.now;
    let forged = forge(&mut net, d, space, (under, heads, at), &Act::Grant(last));
    net.heal();
    net.set(a, space, ProfileField::Health, "for members").unwrap();
    net.heal();
    for id in [a, b, c, d] {
        assert_eq!(net.state(id, space).refused.get(&forged), Some(&Refusal::TooDeep));
        assert!(!net.members(id, space).contains(&of_e));
        assert_eq!(net.values(id, space, "health").len(), 1);
    }
    assert!(!net.spaces(e).contains(&space), "nobody gave it a key");
}

#[test]
fn a_removal_that_comes_before_what_it_removes_takes_it_away_when_it_comes() {
    let (mut net, [a, b, c], space) = shared(66);
    let d = net.join(PartyKind::Family);
    let of_d = net.party(d);
    net.heal();
    net.isolate(c);
    net.grant(a, space, grant(of_d, Right::Write, true)).unwrap();
    net.settle();
    let by_b = |net: &Neighbourhood, log| -> Vec<Entry> {
        net.entries(b, space).into_iter().filter(|entry| entry.header().log == log).collect()
    };
    let log = net.authority_forger(b, space).log_id();
    let before = by_b(&net, log).len();
    net.revoke(b, space, of_d).unwrap();
    net.settle();
    // Only what b wrote reaches c: the removal, and not the grant that it cites.
    let news: Vec<Entry> = by_b(&net, log);
    assert!(news.len() > before);
    news.iter().for_each(|entry| net.inject(c, std::slice::from_ref(entry)));
    net.settle();
    net.crash(c);
    let state = net.state(c, space);
    assert!(!state.waiting.is_empty(), "what it cites is missing, and it says so");
    assert!(state.removals.is_empty() && !state.members.contains_key(&of_d));
    net.heal();
    for id in [a, b, c] {
        let state = net.state(id, space);
        assert_eq!(state, net.state(a, space));
        assert!(state.waiting.is_empty() && state.removals.len() == 1);
        assert!(!state.members.contains_key(&of_d), "it was never in for a moment too long");
        assert_eq!(state.dead.len(), 1);
    }
}

#[test]
fn a_space_whose_only_steward_is_gone_goes_on_under_one_whom_the_officers_name() {
    let mut net = Neighbourhood::new(67);
    let [gone, writer, heir] =
        [PartyKind::Centre, PartyKind::Family, PartyKind::Station].map(|kind| net.join(kind));
    let [of_gone, of_writer, of_heir] = [gone, writer, heir].map(|id| net.party(id));
    net.heal();
    let grants = vec![grant(of_writer, Right::Write, true)];
    let new = NewSpace { kind: "care", owner: Owner::Community, steward: Some(of_gone), grants };
    let mut begun = None;
    net.act(gone, |core, world, rng| {
        let (tag, authored) = core.begin_space(world, rng, new)?;
        begun = Some(tag);
        Ok::<_, CoreError>(authored)
    })
    .unwrap();
    let space = begun.unwrap();
    net.set(gone, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    // The device is lost. Who is left may write and can let nobody in.
    net.isolate(gone);
    net.grant(writer, space, grant(of_heir, Right::Steward, true)).unwrap_err();
    let officers = Under::Officers { set: net.community.under(), title: None };
    let (heads, at) = (net.state(writer, space).heads, net.now);
    let act = Act::Grant(grant(of_heir, Right::Steward, true));
    let named = forge(&mut net, writer, space, (officers, heads, at), &act);
    net.connect(writer, heir);
    net.settle();
    for id in [writer, heir] {
        assert_eq!(net.state(id, space).refused.get(&named), None);
        assert_eq!(net.members(id, space), BTreeSet::from([of_gone, of_heir, of_writer]));
        assert_eq!(net.values(id, space, "name"), [("Wang".to_owned(), vec![gone])]);
    }
    // It decides. What hung on the first steward goes with it, and is granted again.
    net.revoke(heir, space, of_gone).unwrap();
    assert_eq!(net.members(heir, space), BTreeSet::from([of_heir]));
    let late = net.join(PartyKind::Provider);
    let of_late = net.party(late);
    for party in [of_writer, of_late] {
        net.grant(heir, space, grant(party, Right::Write, true)).unwrap();
    }
    net.heal();
    net.set(writer, space, ProfileField::Health, "under the new steward").unwrap();
    net.heal();
    for id in [writer, heir, late] {
        assert_eq!(net.members(id, space), BTreeSet::from([of_heir, of_writer, of_late]));
        assert_eq!(net.values(id, space, "health").len(), 1);
        assert_eq!(net.values(id, space, "name").len(), 1, "what it wrote before counts");
    }
    assert!(net.values(gone, space, "health").is_empty());
    assert_eq!(net.finds(gone, b"under the new steward"), 0);
    net.grant(gone, space, grant(of_gone, Right::Steward, true)).unwrap_err();
    assert!(net.check_same(&[writer, heir, late], space) >= 6);
}
