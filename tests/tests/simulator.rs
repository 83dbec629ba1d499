//! The simulator keeps its promises: seeds that hold, seeds that once did not, and planted bugs that it finds.

use std::collections::BTreeSet;

use linli_tests::simulator::{BUGS, Counts, PROMISES, Run, plant};

/// Steps of a plan.
const STEPS: usize = 120;

/// Lives a run and demands that nothing broke; returns what was counted.
fn holds(run: &Run) -> Counts {
    let outcome = run.live();
    let again =
        format!("cargo run -p linli-tests --bin sim -- --seed {} --steps {}", run.seed, run.steps);
    assert_eq!(outcome.failure, None, "again: {again}");
    outcome.counts
}

const fn whole(seed: u64) -> Run {
    Run { seed, steps: STEPS, keep: None }
}

/// The steps of a seed that were left when a failing run was made smaller.
fn part(seed: u64, keep: &[usize]) -> Run {
    Run { seed, steps: STEPS, keep: Some(keep.iter().copied().collect::<BTreeSet<_>>()) }
}

/// What fixed seeds must come upon, or nothing is compared where carriers prune.
const REACHED: [&str; 5] = ["orders", "logs pruned", "logs begun late", "rows read", "checkpoints"];

fn lives(seeds: std::ops::Range<u64>) {
    let mut counts = Counts::default();
    for seed in seeds {
        counts.add(&holds(&whole(seed)));
    }
    for (promise, _) in PROMISES {
        assert!(
            counts.checks.get(promise).is_some_and(|count| *count > 0),
            "“{promise}” was never checked"
        );
    }
    for state in REACHED {
        assert!(counts.reached.contains_key(state), "{state} were never come upon");
    }
    assert!(counts.faults.len() > 20 && counts.acts.len() > 18, "{counts:?}");
}

#[test]
fn fixed_seeds_hold_1() {
    lives(0..16);
}

#[test]
fn fixed_seeds_hold_2() {
    lives(100..116);
}

#[test]
fn a_seed_is_lived_the_same_twice() {
    for seed in 4..6 {
        let [one, other] = [(); 2].map(|()| whole(seed).live());
        assert_eq!(one, other);
        assert_ne!(one.trace, whole(seed + 1).live().trace);
    }
}

/// Plants a bug and lives seeds until it is found.
fn found(name: &str, seeds: u64) {
    let bug = BUGS.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug);
    assert!(bug.is_some() && plant(bug), "{name} can be planted");
    let failed = (0..seeds).find_map(|seed| whole(seed).live().failure);
    plant(None);
    assert!(failed.is_some(), "{name} was not found in {seeds} seeds");
}

macro_rules! planted {
    ($($test:ident $name:literal within $seeds:literal;)*) => {
        $(#[test] fn $test() { found($name, $seeds); })*

        #[test]
        fn every_bug_is_planted_here() {
            assert_eq!([$($name),*], BUGS.map(|(name, _)| name));
        }
    };
}

planted! {
    finds_writing_without_a_right "no-authority" within 12;
    finds_writing_past_a_cut "no-cut" within 20;
    finds_a_fork_that_stands "fork-stands" within 12;
    finds_an_epoch_chosen_by_time "epoch-by-time" within 40;
    finds_an_answer_before_the_disk "early-answer" within 4;
    finds_a_false_receipt "false-receipt" within 12;
    finds_an_alert_that_waits "alert-waits" within 4;
    finds_the_expelled_served "expelled-served" within 8;
    finds_sums_by_exclusive_or "xor-sums" within 20;
    finds_pruning_before_the_delay "prunes-early" within 6;
    finds_pruning_of_what_no_checkpoint_covers "prunes-uncovered" within 6;
}

/// Shares of an epoch stand in a document of their own. Where a node that began an epoch was removed apart from that, they
/// lay past its cut, and it told its people of work held back that they had never done.
#[test]
fn shares_of_an_epoch_are_not_told_as_work_held_back() {
    holds(&part(15, &[77, 78, 82, 86, 87, 96, 97, 100, 101, 105]));
}

/// A node wrote the first entry of a document, and learned of its own removal while that was on its way to a slow disk: the
/// document was not judged anew, and the node went on showing as a fact what lies past the cut.
#[test]
fn what_is_on_its_way_to_disk_is_judged_anew_too() {
    let keep = [12, 19, 27, 28, 29, 34, 40, 41, 43, 49, 70, 71, 72, 73, 74, 77, 78, 79];
    holds(&part(100_057, &keep));
}

/// A recovered space was opened at a node whose disk was full: the record of the recovery was lost, and the node read on by
/// the keys, until it was restarted.
#[test]
fn nobody_reads_by_a_recovery_of_which_the_space_has_no_record() {
    holds(&part(1_000_375, &[60, 65, 76, 78]));
}

/// A grant arrived, and the disk refused the record that says so; then it refused something of the node's own, too, and the
/// node forgot the grant until it was restarted.
#[test]
fn what_others_signed_outlives_a_failing_disk() {
    let keep = [
        6, 7, 12, 66, 74, 81, 82, 87, 97, 100, 103, 104, 105, 107, 109, 110, 111, 112, 113, 114,
        116, 117, 118, 119,
    ];
    holds(&part(100_032, &keep));
}
