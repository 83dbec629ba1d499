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

/// Spoils the condition of one check: it fails, and what was checked before it holds.
fn fails_by_name(check: &str) {
    let (output, report) = day(&["--break", check]);
    let story = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && report["passed"] == false, "{story}");
    let made = report["checks"].as_array().unwrap();
    let failed = made.iter().find(|check| check["ok"] == false);
    let failed = failed.unwrap_or_else(|| panic!("nothing failed: {story}"));
    assert_eq!(failed["name"], check, "{story}");
}

macro_rules! breaks {
    ($($test:ident: $check:literal,)+) => {
        $(#[test]
        fn $test() {
            fails_by_name($check);
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
            let known: Vec<&str> = list.split(", ").map(str::trim).collect();
            assert_eq!(known, [$($check),+]);
        }
    };
}

breaks! {
    break_network_is_cut_off: "network-is-cut-off",
    break_numbers_agree: "numbers-agree",
    break_rows_become_elders: "rows-become-elders",
    break_ids_are_joined: "ids-are-joined",
    break_borrowed_ids_wait: "borrowed-ids-wait",
    break_neighbours_find_each_other: "neighbours-find-each-other",
    break_far_hub_through_relay: "far-hub-through-relay",
    break_readable_is_exact: "readable-is-exact",
    break_order_under_offer: "order-under-offer",
    break_glucose_is_one_alert: "glucose-is-one-alert",
    break_button_is_another: "button-is-another",
    break_killed_loses_nothing: "killed-loses-nothing",
    break_leaves_when_held: "leaves-when-held",
    break_order_is_done: "order-is-done",
    break_ladder_climbs_alone: "ladder-climbs-alone",
    break_alert_before_bulk: "alert-before-bulk",
    break_alerts_resolved_by_name: "alerts-resolved-by-name",
    break_order_called_back: "order-called-back",
    break_one_field_two_values: "one-field-two-values",
    break_same_heads_and_views: "same-heads-and-views",
    break_markers_found_by_readers: "markers-found-by-readers",
    break_markers_unseen_outside: "markers-unseen-outside",
    break_silent_card_opens: "silent-card-opens",
    break_carer_reads_nothing_new: "carer-reads-nothing-new",
    break_erasure_is_proved: "erasure-is-proved",
    break_stolen_node_is_shut_out: "stolen-node-is-shut-out",
    break_stick_brings_what_lacked: "stick-brings-what-lacked",
    break_stick_is_sealed: "stick-is-sealed",
    break_custody_comes_back: "custody-comes-back",
    break_wiped_relay_is_refilled: "wiped-relay-is-refilled",
}
