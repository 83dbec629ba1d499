//! A clinician's thresholds stand for one elder, at the hub that judges, and one event is one alert.

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder, join, met},
    site::Site,
};

fn saturation(site: &Site, elder: &str, value: &str, time: &str, device: &str) -> Value {
    let words = ["reading", "add", elder, "--code", "2708-6", "--value", value, "--unit", "%"];
    site.ask(&[&words[..], &["--time", time, "--device", device]].concat())
}

/// The rule of an id, as it is in force at a node.
fn oxygen(answer: &Value) -> Option<&Value> {
    answer["rules"].as_array()?.iter().find(|rule| rule["rule"] == "oxygen-low")
}

#[test]
fn a_clinician_sets_a_threshold_that_the_hub_judges_by() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let [mut hub, mut clinic] =
        ["hub", "clinic"].map(|name| Site::init(folder.path().join(name), None, LOOPBACK));
    join(&centre, &hub, &["household"]);
    join(&centre, &clinic, &["provider", "--name", "Clinic"]);
    for site in [&mut hub, &mut clinic] {
        site.up();
        met(&centre, site);
    }
    let elder = add_elder(&hub, "王秀英");
    let first = saturation(&hub, &elder, "91", "2026-03-01T08:00:00Z", "clip-1");
    assert_eq!(first["raised"], true);
    // A second device, a late reading, and one that is sent again tell of the same event.
    for (value, time, device) in [
        ("90", "2026-03-01T08:03:00Z", "clip-2"),
        ("92", "2026-03-01T07:58:00Z", "clip-1"),
        ("91", "2026-03-01T08:00:00Z", "clip-1"),
    ] {
        let answer = saturation(&hub, &elder, value, time, device);
        assert_eq!((&answer["raised"], &answer["alert"]), (&json!(false), &first["alert"]));
    }

    // The clinic may write health records, and only its clinician sets thresholds.
    hub.ask(&["person", "add", "王女士", "--role", "family"]);
    let consent = ["--as", "王女士", "keys", "consent", "record", &elder, "--to", "Clinic"];
    let rest = ["--purpose", "lungs", "--category", "health", "--paper", "folder 7"];
    hub.ask(&[&consent[..], &rest, &["--until", "2098-12-31"]].concat());
    let grant = ["keys", "grant", &elder, "Clinic", "--scope", "health", "--right", "write"];
    hub.ask(&[&grant[..], &["--purpose", "lungs"]].concat());
    let list = ["rule", "list", elder.as_str()];
    clinic.await_answer(&list, |answer| oxygen(answer).map(drop));
    clinic.ask(&["person", "add", "李医生", "--role", "clinician"]);
    clinic.ask(&["person", "add", "张护工", "--role", "carer"]);
    let set = ["rule", "set", elder.as_str(), "oxygen-low", "--limit", "88", "--clear", "90"];
    let set = [&set[..], &["--reason", "COPD"]].concat();
    assert_eq!(clinic.run(&set).refusal().0, "forbidden");
    assert_eq!(clinic.run(&[&["--as", "张护工"][..], &set].concat()).refusal().0, "forbidden");
    let wrong = ["--as", "李医生", "rule", "set", &elder, "oxygen-low", "--limit", "88"];
    let wrong = [&wrong[..], &["--clear", "87", "--reason", "COPD"]].concat();
    assert_eq!(clinic.run(&wrong).refusal().0, "invalid");
    let unknown = ["--as", "李医生", "rule", "set", &elder, "pulse-low", "--limit", "45"];
    let unknown = [&unknown[..], &["--clear", "50", "--reason", "beta blocker"]].concat();
    assert_eq!(clinic.run(&unknown).refusal().0, "invalid");
    clinic.ask(&[&["--as", "李医生"][..], &set].concat());
    let side = ["--code", "8867-4", "--side", "below"];
    clinic.ask(&[&unknown[..], &side].concat());

    let pulse = |answer: &Value| {
        answer["rules"].as_array()?.iter().find(|of| of["rule"] == "pulse-low").cloned()
    };
    let pulse = hub.await_answer(&list, pulse);
    assert_eq!((&pulse["side"], &pulse["limit"]), (&json!("below"), &json!("45")));
    let rules = hub.ask(&list);
    let own = oxygen(&rules).unwrap();
    assert_eq!((&own["limit"], &own["source"]), (&json!("88"), &json!(null)));
    assert_eq!((&own["set"]["who"], &own["set"]["reason"]), (&json!("李医生"), &json!("COPD")));

    // The hub judges by it without a network, and says why.
    drop(centre);
    let quiet = saturation(&hub, &elder, "90", "2026-03-02T08:00:00Z", "clip-1");
    assert_eq!((&quiet["new"], &quiet["alert"]), (&json!(true), &json!(null)));
    let low = saturation(&hub, &elder, "88", "2026-03-02T12:00:00Z", "clip-1");
    assert_eq!(low["raised"], true);
    explained(&hub, &elder, &low);
    let unset = ["--as", "李医生", "rule", "unset", elder.as_str(), "oxygen-low"];
    clinic.ask(&unset);
    assert_eq!(clinic.run(&unset).refusal().0, "not-found");
    hub.await_answer(&list, |answer| (oxygen(answer)?["limit"] == "92").then_some(()));
}

fn explained(hub: &Site, elder: &str, low: &Value) {
    let during = ["--during", "2026-03"];
    let explain = ["rule", "explain", elder, "--code", "2708-6"];
    let trials = hub.ask(&[&explain[..], &during].concat())["trials"].clone();
    assert_eq!(trials.as_array().unwrap().len(), 1);
    let trial = &trials[0];
    assert_eq!((&trial["readings"], &trial["fired"]), (&json!(5), &json!(1)));
    assert_eq!(trial["episodes"][0]["alert"], low["alert"]);

    // What another threshold would have done stands beside it, and raises nothing.
    let replay = ["rule", "replay", elder, "oxygen-low", "--limit", "92", "--clear", "93"];
    let trials = hub.ask(&[&replay[..], &during].concat())["trials"].clone();
    let proposed = &trials[1];
    assert_eq!((&trials[0]["proposed"], &proposed["proposed"]), (&json!(false), &json!(true)));
    assert_eq!(proposed["worst"]["value"], "88");
    assert_eq!(proposed["fired"], json!(4));
    let alerts = hub.ask(&["alert", "list"]);
    assert_eq!(alerts.as_array().unwrap().len(), 2);
    let quiet = hub.ask(&["rule", "explain", elder, "--during", "2026-04"])["trials"].clone();
    assert!(quiet.as_array().unwrap().iter().all(|trial| trial["fired"] == 0));
    assert_eq!(hub.run(&["rule", "explain", elder, "--rule", "none"]).refusal().0, "not-found");
}
