//! The demonstration as a test: the day holds, and each check fails by its name once its condition is
//! spoilt.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected has failed"
)]

use std::process::{Command, Output};

use serde_json::Value;

/// Lives a day with these words more.
fn day(words: &[&str]) -> (Output, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linli"));
    command.args(["--json", "--lang", "en", "demo"]).args(words);
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr))
    });
    (output, report)
}

/// Lives a whole day, and returns what the network stood on.
fn holds(words: &[&str]) -> String {
    let (output, report) = day(words);
    let story = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && report["passed"] == true, "{story}");
    report["ground"].as_str().unwrap().to_owned()
}

#[test]
fn the_day_holds() {
    holds(&[]);
}

#[test]
fn the_day_holds_on_forwarders() {
    let ground = holds(&["--forwarders"]);
    assert!(ground.starts_with("loopback forwarders"), "{ground}");
}

/// Spoils the conditions of these checks, in the order they are made, in one day: they fail, and of what was checked
/// until then all else holds.
fn fail_by_name(checks: &[&str]) {
    let words: Vec<&str> = checks.iter().flat_map(|check| ["--break", check]).collect();
    let (output, report) = day(&words);
    let story = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && report["passed"] == false, "{story}");
    let made = report["checks"].as_array().unwrap();
    let last = made.iter().rposition(|check| check["name"] == checks[checks.len() - 1]);
    let last = last.unwrap_or_else(|| panic!("the day ended too early: {story}"));
    let failed = made[..=last].iter().filter(|check| check["ok"] == false);
    let failed: Vec<&str> = failed.map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(failed, checks, "{story}");
}

macro_rules! breaks {
    ($($test:ident: $checks:expr,)+) => {
        $(#[test]
        fn $test() {
            fail_by_name(&$checks);
        })+

        #[test]
        fn every_check_can_be_spoilt() {
            let output = Command::new(env!("CARGO_BIN_EXE_linli"))
                .args(["--lang", "en", "demo", "--break", "no-such-check"])
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            let (_, list) = said.split_once("[possible values: ").unwrap();
            let (list, _) = list.split_once(']').unwrap();
            let mut known: Vec<&str> = list.split(", ").map(str::trim).collect();
            let mut spoilt: Vec<&str> = [$($checks.as_slice()),+].concat();
            known.sort_unstable();
            spoilt.sort_unstable();
            assert_eq!(known, spoilt);
        }
    };
}

// A day takes minutes: checks whose spoiling changes nothing else are spoilt together.
breaks! {
    break_numbers: ["numbers-agree"],
    break_rows: ["rows-become-elders"],
    break_joins: ["ids-are-joined"],
    break_borrowed_ids: ["borrowed-ids-wait"],
    break_neighbours: ["neighbours-find-each-other"],
    break_relay: ["far-hub-through-relay"],
    break_grants: ["readable-is-exact"],
    break_offer: ["order-under-offer"],
    break_glucose: ["glucose-is-one-alert"],
    break_button: ["button-is-another"],
    break_visit: ["order-is-done"],
    break_lanes: ["alert-before-bulk"],
    break_who_hears: ["leaves-when-held", "ladder-climbs-alone"],
    break_what_is_done: [
        "network-is-cut-off",
        "caller-is-answered",
        "killed-loses-nothing",
        "alerts-resolved-by-name",
        "order-called-back",
        "one-field-two-values",
        "markers-found-by-readers",
        "silent-card-opens",
        "carer-reads-nothing-new",
        "stick-is-sealed",
        "custody-comes-back",
        "wiped-relay-is-refilled",
    ],
    break_what_arrives: [
        "same-heads-and-views",
        "markers-unseen-outside",
        "erasure-is-proved",
        "stolen-node-is-shut-out",
        "stick-brings-what-lacked",
    ],
}
