//! What signing, withdrawing and reading come upon that is not as it should be.

use std::collections::BTreeMap;

use linli_core::authority::{Prune, Under};
use linli_core::checkpoint::Flaw;
use linli_core::engine::OrderFlaw;
use linli_replica::frontier::Tip;
use linli_replica::id::{CommunityId, LogKey};
use linli_replica::prune::{Checkpoint, Cut, Order, Terms};

use super::*;
use crate::authority::{forge, grant_of};
use crate::checkpoints::{lie, rewrite};

#[test]
fn a_lying_stewards_checkpoint_is_not_signed_by_the_other() {
    // Both say that they reach as far: here the lie is asked first.
    let lied = |seed| {
        let mut town = Town::new(seed);
        let victim = town.written(town.c)[1].id();
        lie(&mut town.net, town.b, town.space, victim);
        let (entry, finding) = town.furthest(town.a);
        (finding == Finding::Wrong(Flaw::OtherEntry)).then_some((town, entry))
    };
    let (mut town, entry) = (414..430).find_map(lied).unwrap();
    assert!(town.agrees(town.a), "the honest one");
    let signed = town.net.space(town.a, town.space, |space| {
        space.state().agreements.keys().map(|prune| prune.entry).collect::<Vec<_>>()
    });
    assert_eq!(signed.len(), 1);
    assert_ne!(signed, [entry]);
    assert!(!town.agrees(town.a), "there is no other");
}

/// A checkpoint is nobody's work: whoever made one apart from their own removal was told of it as work that counts no more.
#[test]
fn nobody_is_told_of_a_checkpoint_past_their_cut_as_work_in_vain() {
    let mut town = Town::new(413);
    town.net.isolate(town.b);
    let out = town.net.party(town.b);
    town.net.revoke(town.a, town.space, out).unwrap();
    assert!(town.makes(town.b));
    town.net.set(town.b, town.space, ProfileField::Health, "in vain").unwrap();
    town.net.heal();
    assert_eq!(town.net.own_past_cut(town.b, town.space), 1);
}

#[test]
fn all_that_names_a_checkpoint_is_taken_back() {
    let mut town = Town::new(431);
    town.agree();
    let (entry, _) = town.furthest(town.a);
    let junk = Prune {
        document: DocTag([0; 32]),
        log: LogKey([0; 32]),
        first: 1,
        last: 1,
        entry,
        hash: [0; 32].into(),
    };
    let of_b = town.net.party(town.b);
    let under = grant_of(&mut town.net, town.a, town.space, of_b);
    let heads = town.net.state(town.b, town.space).heads;
    let place = (under, heads, town.net.now);
    forge(&mut town.net, town.b, town.space, place, &Act::Prune(junk));
    town.net.heal();
    let signed = town.net.space(town.a, town.space, |space| space.state().agreements.len());
    assert_eq!(signed, 2);
    assert!(town.takes_back(town.a, entry));
    assert_eq!(town.is_agreed(town.a), (false, false));
    assert_eq!(town.standing(town.a), 0);
    assert!(!town.takes_back(town.a, entry), "nothing is left");
}

#[test]
fn an_idle_log_is_read_whichever_order_comes_first() {
    for seed in 432..438 {
        let mut town = Town::new(seed);
        town.net.isolate(town.c);
        town.net.isolate(town.late);
        town.agree();
        // The family writes nothing, and what the first order names goes by the second.
        let edit = |town: &mut Town, what: &str| {
            for id in [town.a, town.b] {
                town.net.set(id, town.space, ProfileField::Health, what).unwrap();
                town.net.settle();
            }
        };
        edit(&mut town, "later");
        assert!(town.makes(town.a));
        assert!(town.agrees(town.a) && town.agrees(town.b));
        assert_eq!(town.orders(town.a), Ok(true));
        edit(&mut town, "since");
        let late = grant(town.net.party(town.late), Right::Read, true);
        town.net.grant(town.a, town.space, late).unwrap();
        town.net.settle();
        town.pass(DELAY_HOURS);
        assert_eq!(town.bases(town.carrier), 3);
        town.meets_the_carrier(town.late);
        assert_eq!(town.bases(town.late), 3);
        town.shows_the_same(town.late, town.a);
        assert_eq!(town.view(town.late).withheld, [], "{seed}");
    }
}

#[test]
fn who_held_a_part_of_what_was_pruned_reads_on_from_a_carrier_alone() {
    let mut town = pruned(440);
    // It was there in the beginning, and nothing since.
    let mut part = town.written(town.a);
    part.truncate(2);
    town.net.inject(town.late, &part);
    town.net.drain();
    town.net.crash(town.late);
    town.meets_the_carrier(town.late);
    assert_eq!(town.bases(town.late), 3);
    town.shows_the_same(town.late, town.a);
    assert_eq!(town.view(town.late).withheld, []);
}

#[test]
fn another_branch_below_the_base_takes_nothing_from_the_rest() {
    let mut town = pruned(441);
    let first = town.written(town.c)[0].clone();
    let mut forger = town.net.forger(town.c, town.space, PROFILE);
    (forger.sequence, forger.previous) = (2, first.id());
    let mut rng = town.net.rng.clone();
    let branch = forger.write(&mut rng, Vec::new());
    town.net.inject(town.late, &[first, branch.clone()]);
    town.net.drain();
    town.net.crash(town.late);
    town.meets_the_carrier(town.late);
    assert_eq!(town.bases(town.late), 3);
    let (shown, whole) = (town.view(town.late), town.view(town.a));
    assert_eq!((shown.heads, shown.changes), (whole.heads, whole.changes));
    let held_back: Vec<_> = shown.withheld.iter().map(|held| (held.entry, held.reason)).collect();
    assert_eq!(held_back, [(branch.id(), Withheld::Forked)]);
    let both = BTreeSet::from([town.a, town.b].map(|id| town.net.party(id)));
    assert_eq!(town.attested(town.late), both);
}

/// What stands at the family's node for the beginning of what it wrote, and up to where.
fn stands_for(town: &mut Town) -> Option<(Prune, u64)> {
    let (id, space) = (town.c, town.space);
    let log = town.net.forger(id, space, PROFILE).log_id();
    let mut found = None;
    town.asks(id, |core, world, _, space, document| {
        found = core.stands_for(world, space, document, &log)?;
        Ok(None)
    })
    .unwrap();
    found
}

#[test]
fn what_was_written_is_stood_for_where_stewards_agree_and_as_far_as_the_checkpoint_reaches() {
    let mut town = Town::new(450);
    let written = u64::try_from(town.written(town.c).len()).unwrap();
    assert_eq!(stands_for(&mut town), None);
    assert!(town.makes(town.b) && town.agrees(town.b));
    assert_eq!(stands_for(&mut town), None, "one steward alone");
    assert!(town.agrees(town.a));
    let (prune, upto) = stands_for(&mut town).unwrap();
    assert_eq!((prune.entry, upto), (town.furthest(town.b).0, written));
    town.write("later");
    assert_eq!(stands_for(&mut town), Some((prune, written)));
    assert!(town.takes_back(town.a, prune.entry));
    assert_eq!(stands_for(&mut town), None);
}

/// What it announces was never written: there is nothing to compare.
#[test]
fn a_checkpoint_of_which_parts_are_missing_stands_for_nothing() {
    let mut town = Town::new(452);
    rewrite(&mut town.net, town.b, town.space, |manifest, _| manifest.parts += 1);
    let (space, document) = (town.space, town.document());
    let found = town.net.checkpoints(town.c, space, PROFILE);
    let found = found.iter().find(|found| found.finding == Finding::Incomplete).unwrap();
    let act = Act::Prune(found.terms(document));
    let of_b = town.net.party(town.b);
    let granted = grant_of(&mut town.net, town.a, space, of_b);
    for (id, under) in [(town.a, Under::Genesis), (town.b, granted)] {
        let heads = town.net.state(id, space).heads;
        let place = (under, heads, town.net.now);
        forge(&mut town.net, id, space, place, &act);
    }
    town.net.heal();
    let Act::Prune(prune) = act else { unreachable!() };
    let stands = town.net.space(town.c, space, |space| space.state().agreements[&prune].stands());
    assert!(stands);
    assert_eq!(stands_for(&mut town), None);
}

#[test]
fn a_steward_signs_for_nothing_that_it_cannot_compare_whole() {
    for (seed, alone) in [(413, false), (414, true)] {
        let mut town = Town::new(seed);
        town.net.isolate(town.a);
        // What was written without a network counts as well, once it has come to whoever makes the checkpoint.
        if alone {
            town.net.isolate(town.c);
        }
        town.net.set(town.c, town.space, ProfileField::Health, "unseen").unwrap();
        town.net.settle();
        town.net.connect(town.b, town.c);
        town.net.settle();
        assert!(town.makes(town.b));
        let unseen = town.written(town.c).pop().unwrap().id();
        let made = town.net.checkpoints(town.b, town.space, PROFILE).pop().unwrap();
        assert_eq!(made.finding, Finding::Agrees);
        assert!(made.manifest.frontier.iter().any(|upto| upto.entry == unseen));
        // The checkpoint alone comes, and not the entry that it stands for.
        let part = town.written(town.b).pop().unwrap();
        town.net.inject(town.a, &[part]);
        town.net.drain();
        town.net.crash(town.a);
        assert_eq!(town.furthest(town.a), (made.entry, Finding::Unknown(1)));
        assert!(!town.agrees(town.a));
        town.net.connect(town.a, town.b);
        town.net.settle();
        assert!(town.agrees(town.a), "once that has come");
    }
}

/// Whether a node would order something by itself.
fn would_order(town: &mut Town, id: NodeId) -> bool {
    let mut unordered = BTreeMap::new();
    town.asks(id, |core, world, _, space, _| {
        unordered = core.agreed_unordered(world, space)?;
        Ok(None)
    })
    .unwrap();
    let document = town.document();
    assert!(unordered.keys().all(|of| *of == document));
    !unordered.is_empty()
}

#[test]
fn an_agreement_asks_for_an_order_where_the_key_is_and_once() {
    let mut town = Town::new(451);
    assert!(town.makes(town.b) && town.agrees(town.a));
    let (a, b) = (town.a, town.b);
    assert!(!would_order(&mut town, a), "one steward alone");
    assert!(town.agrees(town.b));
    let asked = [a, b].map(|id| would_order(&mut town, id));
    assert_eq!(asked, [true, false], "the other has no key");
    assert_eq!(town.orders(town.a), Ok(true));
    assert!(!would_order(&mut town, a));
    let (entry, _) = town.furthest(town.a);
    assert!(town.takes_back(town.b, entry));
    assert!(!would_order(&mut town, a), "it was taken back");
}

/// Has the household's node order a document pruned by itself: every log is cut at its latest entry, but for the one that holds
/// what it calls the checkpoint.
fn orders_alone(town: &mut Town, name: &str, checkpoint: Option<Checkpoint>) -> DocTag {
    let (a, space) = (town.a, town.space);
    let document = town.net.space(a, space, |space| space.document(name));
    let frontier = town.net.node(a).replica.index().frontier(&document).unwrap();
    let mut tips: Vec<(LogKey, Tip)> =
        frontier.0.into_iter().map(|(log, tips)| (log, tips[0])).collect();
    let checkpoint = checkpoint.unwrap_or_else(|| {
        let (log, Tip { sequence, id: entry }) = tips[0];
        Checkpoint { log, first: sequence, last: sequence, entry }
    });
    tips.retain(|(log, _)| *log != checkpoint.log);
    let cut = |(log, tip): (LogKey, Tip)| Cut { log, sequence: tip.sequence, entry: tip.id };
    let terms = Terms {
        community: CommunityId([0; 32]),
        space: [0; 32].into(),
        carrier_key: [0; 32].into(),
        document,
        cuts: tips.into_iter().map(cut).collect(),
        checkpoint: Some(checkpoint),
        withdraws: Vec::new(),
        at: town.net.now,
    };
    town.net.order_pruning(a, space, terms);
    town.net.settle();
    document
}

/// What orders were found to rest on nothing at a node, and why.
fn unfounded(town: &mut Town, id: NodeId) -> Vec<(DocTag, OrderFlaw)> {
    let now = town.net.now;
    let found = town.net.node(id).core.unfounded(now);
    found.map(|(_, document, order)| (document, order.flaw)).collect()
}

/// How many logs of a document begin late at a node.
fn late(town: &mut Town, id: NodeId, document: DocTag) -> usize {
    town.net.node(id).replica.index().bases(&document).count()
}

/// What a node holds of a document.
fn held(town: &mut Town, id: NodeId, document: DocTag) -> BTreeSet<EntryId> {
    let entries = town.net.entries(id, town.space).into_iter();
    entries.filter(|entry| entry.header().document == document).map(|entry| entry.id()).collect()
}

/// Whoever began the record has the key that gives orders, and carriers cannot tell.
#[test]
fn what_nobody_agreed_to_is_told_at_members_and_begins_no_log_late_there() {
    for (seed, name, why) in
        [(460, "consents", OrderFlaw::OfFacts), (461, PROFILE, OrderFlaw::NotAgreed)]
    {
        let mut town = Town::new(seed);
        for (day, id) in [town.a, town.b, town.c].repeat(3).into_iter().enumerate() {
            let text = format!("day {day}");
            town.net.add_fact(id, town.space, "consents", &text, Urgency::Normal).unwrap();
            town.net.settle();
        }
        town.net.isolate(town.late);
        let grants = grant(town.net.party(town.late), Right::Read, true);
        town.net.grant(town.a, town.space, grants).unwrap();
        town.net.settle();
        let document = orders_alone(&mut town, name, None);
        let told = vec![(document, why)];
        let (b, c, carrier, newcomer) = (town.b, town.c, town.carrier, town.late);
        assert_eq!(
            (unfounded(&mut town, b), unfounded(&mut town, c)),
            (told.clone(), told.clone())
        );
        town.net.crash(c);
        assert_eq!(unfounded(&mut town, c), told, "after a start, too");
        town.pass(DELAY_HOURS);
        assert_eq!(unfounded(&mut town, c), told, "carriers have pruned by it");
        assert_eq!(late(&mut town, carrier, document), 2);
        town.meets_the_carrier(newcomer);
        assert_eq!(late(&mut town, newcomer, document), 0);
        assert_eq!(unfounded(&mut town, newcomer).len(), 1, "it has the order");
        // The carrier was asked first, and goes on sending other things.
        town.net.heal();
        for round in 0..3 {
            town.write(&format!("since {round}"));
        }
        assert_eq!(late(&mut town, newcomer, document), 0);
        assert_eq!(held(&mut town, newcomer, document), held(&mut town, b, document));
    }
}

#[test]
fn an_order_that_cuts_further_than_its_checkpoint_is_told_and_taken_back() {
    let mut town = Town::new(462);
    town.agree();
    let mut orders: Vec<Order> = Vec::new();
    town.asks(town.a, |core, world, _, space, document| {
        orders = core.prune_orders(world, space, document)?;
        Ok(None)
    })
    .unwrap();
    let checkpoint = orders[0].terms().checkpoint;
    let (a, b, newcomer) = (town.a, town.b, town.late);
    assert_eq!(unfounded(&mut town, b), []);
    town.write("later");
    let document = orders_alone(&mut town, PROFILE, checkpoint);
    assert_eq!(unfounded(&mut town, b), [(document, OrderFlaw::CutsFurther)]);
    assert_eq!(town.standing(b), 2);
    // Its own node takes it back as soon as it looks: the honest one stays.
    let grants = grant(town.net.party(newcomer), Right::Read, true);
    town.net.grant(b, town.space, grants).unwrap();
    town.net.settle();
    assert_eq!((town.standing(a), town.standing(b)), (1, 1));
    assert_eq!(unfounded(&mut town, b), []);
}
