//! How far a removed party's logs count.

use super::*;

const LOG: LogKey = LogKey([3; 32]);
const LATER: LogKey = LogKey([5; 32]);
const DOCUMENT: DocTag = DocTag([4; 32]);

fn cut(out: u8, sequence: u64) -> Act {
    let entry = EntryId([u8::try_from(sequence).unwrap(); 32]);
    let point = CutPoint { log: LOG, document: DOCUMENT, sequence, entry };
    Act::Cut { party: party(out), logs: vec![point] }
}

#[test]
fn a_cut_follows_a_removal() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let early = world.act(1, Under::Grant(steward), &[], &cut(2, 5));
    assert_eq!(world.refusal(early), Some(Refusal::NotRemoved));
    world.revoke(0, Under::Genesis, &[], 2);
    let first = world.act(1, Under::Grant(steward), &[], &cut(2, 5));
    let second = world.act(0, Under::Genesis, &[], &cut(2, 3));
    let cuts = &world.state().cuts[&party(2)];
    assert_eq!(cuts.len(), 2);
    let sequence = |id| cuts.iter().find(|c| c.id == id).unwrap().logs[&(LOG, DOCUMENT)].sequence;
    assert_eq!((sequence(first), sequence(second)), (5, 3));
}

#[test]
fn an_admission_counts_against_the_cuts_it_cites() {
    let mut world = World::owned();
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let removal = world.revoke(0, Under::Genesis, &[], 2);
    let cited = world.act(0, Under::Genesis, &[removal], &cut(2, 5));
    let apart = world.act(0, Under::Genesis, &[removal], &cut(2, 4));
    let late = EntryId([8; 32]);
    world.act(0, Under::Genesis, &[cited], &Act::Admit { entries: vec![late] });
    let state = world.state();
    let admitted = |id| {
        let cut = state.cuts[&party(2)].iter().find(|cut| cut.id == id).unwrap();
        cut.admitted.contains(&late)
    };
    assert!(admitted(cited) && !admitted(apart));
    assert_eq!(state.admitted, BTreeSet::from([late]));
}

#[test]
fn a_grant_that_cites_a_cut_reopens_logs_it_does_not_list() {
    let mut world = World::owned();
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    world.revoke(0, Under::Genesis, &[], 2);
    world.act(0, Under::Genesis, &[], &cut(2, 5));
    assert!(!world.state().cuts[&party(2)][0].reopened);
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    assert!(world.state().cuts[&party(2)][0].reopened);
}

/// Cuts a party's second log, which the first cut knew nothing of.
fn cut_later(out: u8, sequence: u64) -> Act {
    let entry = EntryId([u8::try_from(sequence).unwrap(); 32]);
    let point = CutPoint { log: LATER, document: DOCUMENT, sequence, entry };
    Act::Cut { party: party(out), logs: vec![point] }
}

fn written_later(by: u8, sequence: u64) -> Written {
    let entry = EntryId([u8::try_from(sequence).unwrap(); 32]);
    let at = Timestamp(1_000);
    Written { party: party(by), log: LATER, document: DOCUMENT, sequence, entry, at }
}

#[test]
fn what_a_party_wrote_in_a_second_membership_outlives_its_second_removal() {
    let mut world = World::owned();
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    world.revoke(0, Under::Genesis, &[], 2);
    let first = world.act(0, Under::Genesis, &[], &cut(2, 5));
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let ask =
        |world: &World, sequence| world.state().verdict(&written_later(2, sequence), |_| true);
    assert_eq!(ask(&world, 8), Verdict::Counts);
    world.revoke(0, Under::Genesis, &[], 2);
    assert_eq!(ask(&world, 8), Verdict::PastCut(first), "until somebody says how far it counts");
    let second = world.act(0, Under::Genesis, &[], &cut_later(2, 8));
    assert_eq!(ask(&world, 8), Verdict::Counts);
    assert_eq!(ask(&world, 9), Verdict::PastCut(second));
    let other = Written { log: LogKey([9; 32]), ..written_later(2, 1) };
    let neither = world.state().verdict(&other, |_| true);
    assert!(matches!(neither, Verdict::PastCut(_)), "no cut lists it: {neither:?}");
}

#[test]
fn a_cut_does_not_silence_a_party_that_holds_a_grant_made_apart_from_it() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let known = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let meals = world.act(1, Under::Grant(steward), &[known], &grant(2, Right::Write));
    let removal = world.act(0, Under::Genesis, &[known], &Act::Revoke(Revoked::Grant(known)));
    world.act(0, Under::Genesis, &[removal], &cut(2, 5));
    assert!(world.state().members.contains_key(&party(2)), "by {meals:?}");
    let verdict = world.state().verdict(&written_later(2, 1), |_| true);
    assert_eq!(verdict, Verdict::Counts);
}

#[test]
fn a_cut_by_a_steward_whom_the_owner_removed_meanwhile_is_void() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let removal = world.revoke(0, Under::Genesis, &[], 2);
    let cut = world.act(1, Under::Grant(steward), &[removal], &cut(2, 1));
    let overruling = world.revoke(0, Under::Genesis, &[removal], 1);
    let state = world.state();
    assert_eq!(state.void, BTreeMap::from([(cut, overruling)]));
    assert!(state.cuts.is_empty());
}

#[test]
fn a_cut_falls_with_the_removal_it_followed() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let other = world.grant(0, Under::Genesis, &[], 3);
    let writer = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let removal = world.revoke(1, Under::Grant(steward), &[writer], 2);
    let cut = world.act(3, Under::Grant(other), &[removal], &cut(2, 1));
    assert!(world.state().cuts.contains_key(&party(2)));
    let overruling = world.revoke(0, Under::Genesis, &[writer], 1);
    let state = world.state();
    assert_eq!(state.void, BTreeMap::from([(removal, overruling), (cut, overruling)]));
    assert!(state.cuts.is_empty());
}

#[test]
fn an_entry_counts_by_right_time_and_cut() {
    let mut world = World::owned();
    let end = Timestamp(10_000_000);
    let Act::Grant(terms) = grant(2, Right::Write) else { unreachable!() };
    world.act(0, Under::Genesis, &[], &Act::Grant(Grant { ends: Some(end), ..terms }));
    world.act(0, Under::Genesis, &[], &grant(3, Right::Read));
    let written = |by, sequence, at| Written {
        party: party(by),
        log: LOG,
        document: DOCUMENT,
        sequence,
        entry: EntryId([u8::try_from(sequence).unwrap(); 32]),
        at,
    };
    let late = end.plus_ms(CLOCK_SKEW_MS_MAX + 1);
    let ask = |world: &World, written| world.state().verdict(&written, |_| true);
    assert_eq!(ask(&world, written(2, 1, end)), Verdict::Counts);
    assert_eq!(ask(&world, written(2, 1, late)), Verdict::Ended);
    assert_eq!(ask(&world, written(3, 1, end)), Verdict::NoRight);
    assert_eq!(ask(&world, written(4, 1, end)), Verdict::NoRight);

    world.revoke(0, Under::Genesis, &[], 2);
    assert_eq!(ask(&world, written(2, 9, end)), Verdict::Uncut);
    let cut = world.act(0, Under::Genesis, &[], &cut(2, 5));
    assert_eq!(ask(&world, written(2, 5, end)), Verdict::Counts);
    assert_eq!(ask(&world, written(2, 6, end)), Verdict::PastCut(cut));
    let branch = world.state().verdict(&written(2, 5, end), |_| false);
    assert_eq!(branch, Verdict::PastCut(cut), "another branch of the log");
    let unlisted = Written { log: LogKey([9; 32]), ..written(2, 1, end) };
    assert_eq!(ask(&world, unlisted), Verdict::PastCut(cut));

    world.act(0, Under::Genesis, &[], &Act::Admit { entries: vec![EntryId([6; 32])] });
    assert_eq!(ask(&world, written(2, 6, end)), Verdict::Counts);
    assert_eq!(ask(&world, written(2, 7, end)), Verdict::PastCut(cut));
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    assert_eq!(ask(&world, unlisted), Verdict::Counts, "the grant reopens");
    assert_eq!(ask(&world, written(2, 7, end)), Verdict::PastCut(cut));
}

#[test]
fn an_entry_that_is_refused_waits_for_nobody_until_it_is_admitted() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    world.revoke(0, Under::Genesis, &[], 2);
    let cited = world.act(0, Under::Genesis, &[], &cut(2, 5));
    let (late, later) = (EntryId([6; 32]), EntryId([7; 32]));
    let refusal = Act::Refuse { entries: vec![late, later] };
    world.act(1, Under::Grant(steward), &[cited], &refusal);
    assert_eq!(world.state().refused_entries, BTreeSet::from([late, later]));
    // An admission made apart outweighs it, and so does one that knew of it.
    world.act(0, Under::Genesis, &[cited], &Act::Admit { entries: vec![late] });
    assert_eq!(world.state().refused_entries, BTreeSet::from([later]));
    world.act(0, Under::Genesis, &[], &Act::Admit { entries: vec![later] });
    world.act(1, Under::Grant(steward), &[], &Act::Refuse { entries: vec![later] });
    let state = world.state();
    assert_eq!(state.refused_entries, BTreeSet::new());
    assert_eq!(state.admitted, BTreeSet::from([late, later]));
}

#[test]
fn a_refusal_by_a_steward_whom_the_owner_removed_meanwhile_is_void() {
    let mut world = World::owned();
    let steward = world.grant(0, Under::Genesis, &[], 1);
    let refused = Act::Refuse { entries: vec![EntryId([6; 32])] };
    let refusal = world.act(1, Under::Grant(steward), &[steward], &refused);
    let overruling = world.revoke(0, Under::Genesis, &[steward], 1);
    assert_eq!(world.state().void, BTreeMap::from([(refusal, overruling)]));
    assert_eq!(world.state().refused_entries, BTreeSet::new());
    let writer = world.act(0, Under::Genesis, &[], &grant(2, Right::Write));
    let no_steward = world.act(2, Under::Grant(writer), &[], &refused);
    assert_eq!(world.refusal(no_steward), Some(Refusal::Lacks(Right::Steward)));
}
