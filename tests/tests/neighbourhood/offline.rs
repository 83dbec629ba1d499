//! Authority while nodes are apart: ends that pass unseen, clocks that are wrong, epochs begun apart.

use std::collections::BTreeSet;

use linli_core::apart::renewal;
use linli_core::authority::{Grant, Right};
use linli_core::document::Withheld;
use linli_core::engine::{Authored, CoreError, Edit, EditError};
use linli_model::alert::{self, AlertFact, AlertKind, CauseId, Climb, Ladder, Watch, alert_id};
use linli_model::event::{Fact, Facts, put_fact};
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{EntryId, NodeId, SpaceTag, Timestamp};
use linli_tests::neighbourhood::{Neighbourhood, grant};

use crate::authority::held_back;
use crate::removal::{shared, withheld};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn set_clock(net: &mut Neighbourhood, id: NodeId, ahead_ms: i64) {
    net.nodes.get_mut(&id).unwrap().ahead_ms = ahead_ms;
}

/// As [`shared`], with a visitor whose grant ends in an hour, and who wrote a note before that.
fn visited(seed: u64) -> (Neighbourhood, [NodeId; 4], SpaceTag) {
    let (mut net, [a, b, c], space) = shared(seed);
    let visitor = net.join(PartyKind::Station);
    net.settle();
    let ends = Some(Timestamp(net.now.0 + HOUR_MS));
    let visit = Grant { ends, ..grant(net.party(visitor), Right::Write, true) };
    net.grant(a, space, visit).unwrap();
    net.heal();
    net.isolate_all();
    net.tick(HOUR_MS / 2);
    net.set(visitor, space, ProfileField::Health, "the honest note").unwrap();
    net.tick(DAY_MS);
    let refused = net.set(visitor, space, ProfileField::Health, "late");
    assert!(matches!(refused, Err(EditError::Core(CoreError::Forbidden(Right::Write)))));
    (net, [a, b, c, visitor], space)
}

#[test]
fn an_honest_note_from_before_the_end_counts_when_it_comes_after_everybody_was_offline() {
    let (mut net, [a, b, c, visitor], space) = visited(70);
    net.set(a, space, ProfileField::Housing, "after the visit").unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(
            net.values(id, space, "health"),
            [("the honest note".to_owned(), vec![visitor])]
        );
        assert_eq!(held_back(&mut net, id, space), []);
        assert_eq!(net.values(id, space, "housing").len(), 1);
    }
    assert!(net.values(visitor, space, "housing").is_empty());
    assert_eq!(net.finds(visitor, b"after the visit"), 0);
    assert!(net.check_same(&[a, b, c], space) >= 9);
}

#[test]
fn an_honest_note_is_held_back_by_a_steward_who_noticed_the_end_and_counts_once_admitted() {
    let (mut net, [a, b, c, visitor], space) = visited(71);
    let of_visitor = net.party(visitor);
    net.revoke(b, space, of_visitor).unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(held_back(&mut net, id, space), [(Some(visitor), Withheld::PastCut)]);
        assert!(net.values(id, space, "health").is_empty());
    }
    assert_eq!(net.own_past_cut(visitor, space), 1, "who wrote it is told");
    let entry = withheld(&mut net, b, space)[0].entry;
    net.judge(b, space, &[entry], true).unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(
            net.values(id, space, "health"),
            [("the honest note".to_owned(), vec![visitor])]
        );
    }
    assert!(net.check_same(&[a, b, c], space) >= 6);
}

#[test]
fn clocks_that_are_wrong_by_a_day_keep_nobody_from_showing_the_same() {
    let (mut net, [a, b, c], space) = shared(72);
    let day = i64::try_from(DAY_MS).unwrap();
    let visitor = net.join(PartyKind::Station);
    let of_visitor = net.party(visitor);
    net.settle();
    let ends = Timestamp(net.now.0 + DAY_MS / 2);
    let visit = Grant { ends: Some(ends), ..grant(of_visitor, Right::Write, true) };
    net.grant(a, space, visit).unwrap();
    net.heal();
    set_clock(&mut net, b, day);
    set_clock(&mut net, c, -day);
    set_clock(&mut net, visitor, -day);

    // By b's clock the visit is over: it writes under a key that the visitor does not get.
    net.set(b, space, ProfileField::Housing, "by the fast clock").unwrap();
    net.set(visitor, space, ProfileField::Health, "by the slow clock").unwrap();
    net.set(c, space, ProfileField::Interests, "chess").unwrap();
    net.heal();
    for id in [a, b, c] {
        assert!(net.members(id, space).contains(&of_visitor), "a clock decides nothing for others");
        assert_eq!(held_back(&mut net, id, space), []);
        for (field, by) in [("housing", b), ("health", visitor), ("interests", c)] {
            let values = net.values(id, space, field);
            assert_eq!(values.iter().map(|(_, by)| by.clone()).collect::<Vec<_>>(), [vec![by]]);
        }
    }
    assert!(net.values(visitor, space, "housing").is_empty(), "it only excludes");
    let state = net.state(a, space);
    assert!([b, c].into_iter().all(|id| net.state(id, space) == state));

    // Twelve hours after its end the visitor's own clock still lets it write, dated before the end.
    net.tick(DAY_MS);
    net.set(visitor, space, ProfileField::Note, "dated too early").unwrap();
    net.set(a, space, ProfileField::Language, "not for the visitor").unwrap();
    net.heal();
    // Then somebody sets it right, and what it goes on to write past its core's rules is held back.
    set_clock(&mut net, visitor, 0);
    let refused = net.set(visitor, space, ProfileField::Note, "late");
    assert!(matches!(refused, Err(EditError::Core(CoreError::Forbidden(Right::Write)))));
    let mut forger = net.forger(visitor, space, "profile");
    let mut doc = net.copy(visitor, space, "profile");
    let change = forger.change(&mut doc, |doc| {
        profile::set(doc, ProfileField::Note, "dated truly").unwrap();
    });
    let mut rng = net.rng.clone();
    let entry = forger.write(&mut rng, vec![change.raw_bytes().to_vec()]);
    net.inject(visitor, &[entry]);
    net.heal();
    for id in [a, b, c] {
        assert_eq!(held_back(&mut net, id, space), [(Some(visitor), Withheld::Ended)]);
        let note = [("dated too early".to_owned(), vec![visitor])];
        assert_eq!(net.values(id, space, "note"), note, "only what it signed itself decides");
    }
    assert_eq!(net.finds(visitor, b"not for the visitor"), 0);
    assert!(net.check_same(&[a, b, c], space) >= 18);
}

/// Lists the entries of a space that are held anywhere, the space's certificates left out.
fn everything(net: &mut Neighbourhood, at: NodeId, space: SpaceTag) -> Vec<Entry> {
    let authority = net.space(at, space, linli_core::space::Space::authority_document);
    let ids: Vec<NodeId> = net.nodes.keys().copied().collect();
    // What is split among the officers is sealed to them, whoever is a member.
    let aside = [authority, linli_core::kdf::recovery_tag(&space)];
    let all = ids.iter().flat_map(|id| net.entries(*id, space));
    all.filter(|entry| !aside.contains(&entry.header().document)).collect()
}

fn ids(entries: &[Entry]) -> BTreeSet<EntryId> {
    entries.iter().map(Entry::id).collect()
}

/// An epoch begun apart from the grant may hold months of what was before; it is not given on.
#[test]
fn who_reads_from_now_on_reads_nothing_older_when_epochs_begun_apart_join() {
    let (mut net, [a, b, c], space) = shared(73);
    let reader = net.join(PartyKind::Family);
    let of_reader = net.party(reader);
    net.heal();
    net.isolate_all();
    // At b's, where nobody has heard of the reader.
    net.rotate(b, space).unwrap();
    net.set(b, space, ProfileField::Health, "b's, from before").unwrap();
    net.add_fact(b, space, "order/1", "b's, from before", Urgency::Normal).unwrap();
    net.set(a, space, ProfileField::Housing, "a's, from before").unwrap();
    net.settle();
    let older = ids(&everything(&mut net, a, space));
    assert!(older.len() >= 4);
    net.grant(a, space, grant(of_reader, Right::Write, false)).unwrap();
    net.add_fact(a, space, "order/2", "a's, from now", Urgency::Normal).unwrap();
    net.heal();
    net.add_fact(b, space, "order/3", "b's, joined", Urgency::Normal).unwrap();
    net.add_fact(c, space, "order/3", "c's, joined", Urgency::Normal).unwrap();
    net.heal();

    let all = everything(&mut net, a, space);
    let opened = net.opened_with_keys_of(reader, space, &all);
    let newer: BTreeSet<EntryId> = ids(&all).difference(&older).copied().collect();
    assert!(opened.is_disjoint(&older), "it opens something from before");
    assert_eq!((newer.len(), opened), (3, newer), "and it opens all that came after");
    net.add_fact(reader, space, "order/3", "the reader's", Urgency::Normal).unwrap();
    net.heal();
    for name in ["order/2", "order/3"] {
        let expected = net.view(a, space, name).unwrap();
        assert_eq!(expected.changes, if name == "order/2" { 1 } else { 3 });
        for id in [b, c, reader] {
            assert_eq!(net.view(id, space, name).unwrap(), expected);
        }
    }
    // Who reads history reads both sides of it.
    for id in [a, b, c] {
        assert_eq!(net.values(id, space, "health").len(), 1);
        assert_eq!(net.values(id, space, "housing").len(), 1);
    }
}

#[test]
fn of_two_epochs_begun_apart_everybody_goes_on_under_the_same() {
    let (mut net, [a, b, c], space) = shared(74);
    net.isolate_all();
    for (id, field) in [(a, ProfileField::Health), (b, ProfileField::Housing)] {
        net.rotate(id, space).unwrap();
        net.set(id, space, field, "under its own epoch").unwrap();
    }
    net.heal();
    let state = net.state(a, space);
    let chosen = state.writable_epoch(&BTreeSet::new()).unwrap();
    let apart = state.epochs.iter().filter(|(_, epoch)| epoch.after.len() == 1);
    let apart: Vec<_> = apart.map(|(id, _)| *id).collect();
    assert_eq!(apart.len(), 2, "both cover, and neither follows the other");
    assert_eq!(apart[0], chosen, "the lower id is written under");
    for (id, field) in
        [(a, ProfileField::Note), (b, ProfileField::Interests), (c, ProfileField::Language)]
    {
        net.set(id, space, field, "under one epoch").unwrap();
        net.heal();
    }
    for id in [a, b, c] {
        assert_eq!(net.state(id, space), state, "nobody had to begin another");
        for field in ["health", "housing", "note", "interests", "language"] {
            assert_eq!(net.values(id, space, field).len(), 1, "{field}");
        }
    }
    assert!(net.check_same(&[a, b, c], space) >= 18);
}

#[test]
fn who_writes_two_entries_in_one_place_is_proved_frozen_and_survived() {
    let (mut net, [a, b, c], space) = shared(75);
    net.set(c, space, ProfileField::Health, "before").unwrap();
    net.heal();
    let forger = net.forger(c, space, "profile");
    let doc = net.copy(c, space, "profile");
    let mut rng = net.rng.clone();
    net.isolate_all();
    let mut last = Vec::new();
    for (id, side) in [(a, "a"), (b, "b")] {
        let (mut forger, mut doc) = (forger.clone(), doc.clone());
        for step in 0..2 {
            let value = format!("shown to {side}, {step}");
            let change = forger.change(&mut doc, |doc| {
                profile::set(doc, ProfileField::Note, &value).unwrap();
            });
            let entry = forger.write(&mut rng, vec![change.raw_bytes().to_vec()]);
            net.inject(id, std::slice::from_ref(&entry));
            net.drain();
            last.push(entry);
        }
        net.crash(id);
        assert_eq!(net.values(id, space, "note"), [(format!("shown to {side}, 1"), vec![c])]);
    }
    net.heal();
    // Proved: both branches are held by everybody, each signed by the same log in the same place.
    let firsts = [&last[0], &last[2]];
    assert_eq!(firsts[0].header().sequence, firsts[1].header().sequence);
    for id in [a, b, c] {
        let held = ids(&net.entries(id, space));
        assert!(last.iter().all(|entry| held.contains(&entry.id())));
    }
    // Frozen: of what lies past the fork nothing counts, and all of it is listed.
    for id in [a, b] {
        assert_eq!(held_back(&mut net, id, space), [(Some(c), Withheld::Forked); 4]);
        assert!(net.values(id, space, "note").is_empty());
        assert_eq!(net.values(id, space, "health"), [("before".to_owned(), vec![c])]);
    }
    // Survived: others go on, the log's owner in a fresh one, and a steward may take a branch over.
    net.set(b, space, ProfileField::Housing, "lift").unwrap();
    net.heal();
    net.set(c, space, ProfileField::Interests, "chess").unwrap();
    net.heal();
    net.judge(b, space, &[last[2].id()], true).unwrap();
    net.heal();
    for id in [a, b, c] {
        assert_eq!(net.values(id, space, "housing").len(), 1);
        assert_eq!(net.values(id, space, "interests"), [("chess".to_owned(), vec![c])]);
        assert_eq!(net.values(id, space, "note"), [("shown to b, 0".to_owned(), vec![c])]);
        assert_eq!(held_back(&mut net, id, space), [(Some(c), Withheld::Forked); 3]);
    }
    assert!(net.check_same(&[a, b, c], space) >= 12);
}

/// What a node does each day by itself.
fn a_day(net: &mut Neighbourhood, id: NodeId) {
    net.tick(DAY_MS);
    let (node, now) = (net.node(id), net.now);
    if let Some(renewed) = renewal(node.replica.directory(), node.core.signing_key(), now) {
        net.certify(id, vec![renewed]);
    }
    net.drain();
}

fn ends_at(net: &Neighbourhood, at: NodeId, of: NodeId) -> Timestamp {
    net.node(at).replica.directory().node(&of).unwrap().ends
}

/// Presses the button at a hub; returns the name of the alert's document.
fn raise(net: &mut Neighbourhood, hub: NodeId, space: SpaceTag) -> String {
    let cause = CauseId("button/1".to_owned());
    let name = format!("alert/{}", alert_id(&cause));
    let mut author = None;
    net.act(hub, |core, world, _| {
        author = core.own_author(world, None);
        Ok::<_, CoreError>(Authored::default())
    })
    .unwrap();
    let (what, ladder) = (AlertKind::Button, Ladder::default());
    let (place, note, card, drill) = (None, None, None, false);
    let raised =
        AlertFact::Raised { cause, what, ladder, place, note, card, drill, happened: None };
    let at = linli_model::time::Timestamp(net.now.0);
    let fact = Fact::new(at, &author.unwrap(), &Facts::empty(), raised);
    let urgency = Urgency::Urgent;
    let what = Edit { space, name: &name, urgency, isolated: true, person: None };
    net.edit(hub, what, |doc| put_fact(doc, &fact).map(drop)).unwrap();
    name
}

/// How many steps of an alert's ladder are due at a node that has held it since it was raised.
fn due(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
    name: &str,
    raised: Timestamp,
) -> usize {
    let alert = alert_id(&CauseId("button/1".to_owned()));
    let [since, now] = [raised, net.now].map(|at| linli_model::time::Timestamp(at.0));
    let climb = net.with_document(id, space, name, |doc, authors| {
        alert::view(alert, doc, authors).climb(Watch { held_since: since, now, ..Watch::default() })
    });
    match climb.unwrap() {
        Climb::Climbing { due, .. } => due,
        Climb::Over | Climb::Paused { .. } => 0,
    }
}

#[test]
fn a_node_cut_off_for_thirty_days_says_since_when_renews_itself_and_its_ladder_climbs() {
    let (mut net, [a, b, c], space) = shared(76);
    let ends = Timestamp(net.now.0 + 75 * DAY_MS);
    let hub = net.join_node(net.party(a), ends);
    net.heal();
    net.heal();
    let alone = net.begin(hub, Vec::new());
    net.set(hub, alone, ProfileField::Name, "Wang").unwrap();
    net.heal();
    assert_eq!(net.authority_at(hub, space), Some(net.now), "a steward is connected");
    net.isolate(hub);
    let since = net.now;
    net.revoke(b, space, net.party(c)).unwrap();
    let mut raised = None;
    for day in 0..30 {
        a_day(&mut net, hub);
        // Whoever else could decide there was last heard then; nobody else decides in its own space.
        assert_eq!(net.authority_at(hub, space), Some(since), "day {day}");
        assert_eq!(net.authority_at(hub, alone), Some(net.now), "day {day}");
        net.set(hub, space, ProfileField::Health, &format!("day {day}")).unwrap();
        if day == 20 {
            let (name, at) = (raise(&mut net, hub, space), net.now);
            assert_eq!(due(&mut net, hub, space, &name, at), 1, "the desk, at once");
            net.tick(90_000);
            assert_eq!(due(&mut net, hub, space, &name, at), 2, "the siren, without a network");
            raised = Some((name, at));
        }
    }
    let (name, at) = raised.unwrap();
    assert_eq!(due(&mut net, hub, space, &name, at), 3);
    assert_eq!(ends_at(&net, b, hub), ends);
    let renewed = ends_at(&net, hub, hub);
    assert!(renewed > Timestamp(ends.0 + 200 * DAY_MS), "it renewed itself");

    net.heal();
    assert_eq!(ends_at(&net, b, hub), renewed);
    assert_eq!(net.authority_at(hub, space), Some(net.now));
    assert!(!net.members(hub, space).contains(&net.party(c)), "it has learned what was decided");
    net.heal();
    assert_eq!(net.values(b, space, "health"), [("day 29".to_owned(), vec![hub])]);
    assert_eq!(due(&mut net, b, space, &name, at), 3);
    // Past the end that it had when it was cut off.
    net.tick(60 * DAY_MS);
    assert!(net.now > ends);
    net.set(hub, space, ProfileField::Housing, "lift").unwrap();
    net.heal();
    for id in [a, b] {
        assert_eq!(net.values(id, space, "housing"), [("lift".to_owned(), vec![hub])]);
        assert_eq!(held_back(&mut net, id, space), []);
    }
    assert!(net.check_same(&[a, b, hub], space) >= 90);
}
