//! What a Bluetooth cuff sends is a reading, an alert where it is grave, and nobody's by guess.

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder},
    site::Site,
};

/// 182/96 mmHg, pulse 72, at 2026-03-01 08:30 by the cuff's clock.
const HIGH: &str = "06b60060007d00ea070301081e004800";
/// An hour later, by the second of the people who use it.
const USER: &str = "0e780050005d00ea070301091e00480002";
/// Another hour later: 120/80, and the body moved.
const MOVED: &str = "16780050005d00ea0703010a1e0048000100";

fn payload<'a>(elder: &'a str, characteristic: &'a str, payload: &'a str) -> Vec<&'a str> {
    let words = ["reading", "payload", elder, "--characteristic", characteristic];
    [&words[..], &["--payload", payload, "--device", "cuff-1"]].concat()
}

fn listed(site: &Site, elder: &str) -> usize {
    let page = site.ask(&["reading", "list", elder]);
    page["readings"].as_array().unwrap().len()
}

#[test]
fn a_cuff_is_heard_and_credits_nobody_by_guess() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let elder = add_elder(&centre, "王秀英");
    let answer = centre.ask(&payload(&elder, "2A35", HIGH));
    assert_eq!(answer["by_device"], true);
    assert_eq!(answer["at_ms"], json!(1_772_325_000_000_u64));
    let values: Vec<(&Value, &Value)> = answer["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (&of["value"], &of["raised"]))
        .collect();
    let [high, low, pulse] = ["182", "96", "72"].map(|value| json!(value));
    let [yes, no] = [json!(true), json!(false)];
    assert_eq!(values, [(&high, &yes), (&low, &no), (&pulse, &no)]);
    // The gateway sends it again, and writes the characteristic as some do.
    let long = "00002a35-0000-1000-8000-00805F9B34FB";
    let again = centre.ask(&payload(&elder, long, HIGH));
    assert_eq!((&again["readings"][0]["new"], &again["readings"][0]["raised"]), (&no, &no));
    assert_eq!(again["readings"][0]["alert"], answer["readings"][0]["alert"]);
    assert_eq!(listed(&centre, &elder), 3);

    let of = |user: &'static str| [payload(&elder, "2A35", USER), vec!["--user", user]].concat();
    assert_eq!(centre.run(&payload(&elder, "2A35", USER)).refusal().0, "conflict");
    assert_eq!(centre.run(&of("1")).refusal().0, "conflict");
    let one = [payload(&elder, "2A35", MOVED), vec!["--user", "2"]].concat();
    assert_eq!(centre.run(&one).refusal().0, "conflict", "it did not say so");
    assert_eq!(listed(&centre, &elder), 3, "nothing is taken in");
    centre.ask(&of("2"));
    assert_eq!(centre.ask(&payload(&elder, "0x2a35", MOVED))["doubts"], json!(["body_moved"]));
    assert_eq!(listed(&centre, &elder), 9);

    let cut = HIGH.get(..HIGH.len() - 2).unwrap();
    let (more, much) = (format!("{HIGH}00"), "00".repeat(65));
    for (characteristic, wrong) in [
        ("2A35", cut),
        ("2A35", &more),
        ("2A35", &much),
        ("2A35", "0z"),
        ("2A00", HIGH),
        ("x", HIGH),
    ] {
        let refused = centre.run(&payload(&elder, characteristic, wrong)).refusal();
        assert_eq!(refused.0, "invalid", "{characteristic} {wrong}");
    }
    assert_eq!(listed(&centre, &elder), 9);
}
