//! What was measured is seen alike by the home, the centre and the provider that was granted it, and by nobody else.

use std::fs;

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder, join, met},
    site::{Site, finished, plain},
};

const PRESSURE: &str = "85354-9";

fn measured(site: &Site, elder: &str, code: &str, value: &str, time: &str) {
    let unit = if code == "8867-4" { "/min" } else { "mm[Hg]" };
    let words = ["reading", "add", elder, "--code", code, "--value", value, "--unit", unit];
    site.ask(&[&words[..], &["--time", time, "--device", "cuff-1"]].concat());
}

fn pressures(site: &Site, elder: &str) -> Value {
    site.ask(&["reading", "list", elder, "--code", PRESSURE])["readings"].clone()
}

#[test]
fn three_parties_see_the_same_values_and_others_see_none() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let [mut hub, mut doctor, mut other] =
        ["hub", "doctor", "other"].map(|name| Site::init(folder.path().join(name), None, LOOPBACK));
    join(&centre, &hub, &["household"]);
    join(&centre, &doctor, &["provider", "--name", "Clinic"]);
    join(&centre, &other, &["provider", "--name", "Fast Care"]);
    for site in [&mut hub, &mut doctor, &mut other] {
        site.up();
        met(&centre, site);
    }
    let elder = add_elder(&hub, "王秀英");
    for (code, value, time) in [
        ("8480-6", "142", "2026-03-01T08:30:00Z"),
        ("8462-4", "85.5", "2026-03-01T08:30:00Z"),
        ("8480-6", "950", "2026-03-02T08:30:00Z"),
        ("8867-4", "72", "2026-03-01T08:30:00Z"),
    ] {
        measured(&hub, &elder, code, value, time);
    }
    // What was sent before is known, also what cannot be.
    let again = ["reading", "add", &elder, "--code", "8480-6", "--value", "950"];
    let rest = ["--unit", "mm[Hg]", "--time", "2026-03-02T08:30:00Z", "--device", "cuff-1"];
    assert_eq!(hub.ask(&[&again[..], &rest].concat())["new"], false);
    let known = pressures(&hub, &elder);
    let rows: Vec<_> =
        known.as_array().unwrap().iter().map(|row| (&row["value"], &row["plausible"])).collect();
    let [yes, no] = [json!(true), json!(false)];
    let values = [json!("950"), json!("85.5"), json!("142")];
    assert_eq!(rows, [(&values[0], &no), (&values[1], &yes), (&values[2], &yes)]);
    let first = &known[2];
    assert_eq!((&first["measure"], &first["device"]), (&json!("systolic"), &json!("cuff-1")));

    // The centre reads health records from their beginning, the clinic once it is granted that.
    let listed = ["reading", "list", elder.as_str(), "--code", PRESSURE];
    let same = |answer: &Value| (answer["readings"] == known).then_some(());
    centre.await_answer(&listed, same);
    hub.ask(&["person", "add", "王女士", "--role", "family"]);
    let consent = ["--as", "王女士", "keys", "consent", "record", &elder, "--to", "Clinic"];
    let rest = ["--purpose", "blood pressure", "--category", "health", "--paper", "folder 7"];
    hub.ask(&[&consent[..], &rest, &["--until", "2098-12-31"]].concat());
    let grant = ["keys", "grant", &elder, "Clinic", "--scope", "health", "--right", "read"];
    hub.ask(&[&grant[..], &["--purpose", "blood pressure"]].concat());
    doctor.await_answer(&["documents"], |rows| (!rows.as_array()?.is_empty()).then_some(()));
    doctor.await_answer(&listed, same);
    let refused = other.run(&listed).refusal();
    assert_eq!(refused.0, "not-found", "{refused:?}");

    drawn(&doctor, &elder, folder.path());
}

/// A month in steps of six hours, and the same as a picture that names nobody.
fn drawn(site: &Site, elder: &str, folder: &std::path::Path) {
    let words = ["reading", "chart", elder, "--code", PRESSURE, "--during", "2026-03"];
    let chart = site.ask(&words);
    assert_eq!(chart["step_ms"], json!(6 * 3_600_000));
    let [systolic, diastolic] = [&chart["series"][0], &chart["series"][1]];
    assert_eq!(systolic["implausible"], json!(1));
    assert_eq!(systolic["points"].as_array().unwrap().len(), 1);
    assert_eq!(diastolic["points"][0]["mean"], json!("85.5"));
    assert!(systolic["limits"].as_array().unwrap().iter().any(|limit| limit["value"] == "180"));

    let file = folder.join("chart.svg");
    let out = ["--out", file.to_str().unwrap()];
    let drawing = site.command(&[&words[..], &out].concat());
    let done = finished(&mut plain(&drawing));
    assert_eq!(done.code, 0, "{done:?}");
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("mm[Hg]"), "{svg}");
    assert!(!svg.contains(elder) && !svg.contains("王秀英"));
    let again = finished(&mut plain(&drawing));
    assert_ne!(again.code, 0, "a file that is there is kept: {again:?}");
    let long = ["reading", "chart", elder, "--code", "1-1", "--during", "2026-03"];
    assert_eq!(site.run(&long).refusal().0, "invalid");
}
