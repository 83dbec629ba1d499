//! Sensors of a home that fall silent, and monitoring that is off.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    community::{add_elder, centre_and_hub, folder, sees},
    site::{Desk, finished, plain},
};

/// The open alerts of a kind, as a node lists them.
fn open(node: &Desk, kind: &str) -> Vec<Value> {
    let all = node.ask(&["alert", "list"]);
    all.as_array().unwrap().iter().filter(|alert| alert["kind"] == kind).cloned().collect()
}

fn await_open(node: &Desk, kind: &str) -> String {
    node.await_answer(&["alert", "list"], |list| {
        let found = list.as_array()?.iter().find(|alert| alert["kind"] == kind)?;
        Some(found["alert"].as_str()?.to_owned())
    })
}

/// How the hub says that a sensor is.
fn state(node: &Desk, sensor: &str) -> Option<String> {
    let rows = node.ask(&["sensor", "list"]);
    let row = rows.as_array().unwrap().iter().find(|row| row["sensor"] == sensor)?.clone();
    Some(row["state"].as_str().unwrap().to_owned())
}

/// Waits until a node's alert tells this of its sensors: a name and whether it spoke again, each.
fn await_sensors(node: &Desk, alert: &str, wanted: &[(&str, bool)]) {
    node.await_answer(&["alert", "show", alert], |shown| {
        let told = shown["view"]["sensors"].as_array()?.iter();
        let mut told: Vec<_> = told
            .map(|of| Some((of["sensor"].as_str()?, of["spoke"].is_number())))
            .collect::<Option<_>>()?;
        told.sort_unstable();
        (told == wanted).then_some(())
    });
}

#[test]
fn dead_sensors_are_one_alert_of_their_own_until_they_speak() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    let nobody = hub.run(&["sensor", "add", &elder, "smoke", "--silent-after", "4s"]);
    assert_eq!(nobody.refusal().0, "forbidden");
    hub.ask(&["person", "add", "王丽", "--role", "family"]);
    let add = |name: &str, silence: &str| {
        hub.ask(&["--as", "王丽", "sensor", "add", &elder, name, "--silent-after", silence]);
    };
    add("bed", "720h");
    add("gas", "4s");
    add("smoke", "4s");
    assert_eq!(hub.run(&["sensor", "seen", "water"]).refusal().0, "not-found");
    assert_eq!(centre.run(&["sensor", "seen", "bed"]).refusal().0, "forbidden");
    let alert = await_open(&centre, "sensors");
    await_sensors(&centre, &alert, &[("gas", false), ("smoke", false)]);
    assert_eq!(
        (state(&hub, "gas"), state(&hub, "bed")),
        (Some("silent".into()), Some("speaks".into()))
    );
    assert_eq!(open(&hub, "silence"), Vec::<Value>::new(), "the hub itself is there");
    let mut chinese = plain(&centre.command(&["--lang", "zh", "alert", "show", &alert]));
    let chinese = finished(chinese.env("LINLI_LANG", "zh"));
    assert!(chinese.out.contains("传感器无声") && chinese.out.contains("smoke"), "{chinese:?}");

    // A battery is changed; and the alert and the other silence survive a power cut.
    hub.ask(&["sensor", "seen", "gas"]);
    centre.await_answer(&["alert", "show", &alert], |shown| {
        let mut timeline = shown["view"]["timeline"].as_array()?.iter();
        timeline.any(|entry| entry["body"]["kind"] == "sensor_spoke").then_some(())
    });
    hub.kill();
    hub.up();
    hub.await_answer(&["sensor", "list"], |rows| (rows.as_array()?.len() == 3).then_some(()));
    assert_eq!(state(&hub, "smoke").as_deref(), Some("silent"), "it has not spoken since");
    // What spoke falls silent anew, in the same alert.
    await_sensors(&centre, &alert, &[("gas", false), ("smoke", false)]);
    assert_eq!(open(&centre, "sensors").len(), 1);
    hub.ask(&["--as", "王丽", "sensor", "remove", &elder, "gas"]);
    hub.ask(&["sensor", "seen", "smoke", "--elder", "王秀英"]);
    await_sensors(&centre, &alert, &[("gas", false), ("smoke", true)]);
}

#[test]
fn monitoring_that_is_off_is_told_shown_and_ends_by_itself() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    hub.ask(&["person", "add", "王丽", "--role", "family"]);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let off = |until: Timestamp| {
        let until = until.to_string();
        let words =
            ["--as", "王丽", "sensor", "off", &elder, "--until", &until, "--reason", "刷墙"];
        hub.run(&words)
    };
    let hours = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    assert_eq!(off(hours(-1)).refusal().0, "invalid");
    assert_eq!(off(hours(31 * 24)).refusal().0, "invalid");
    assert_eq!(off(hours(2)).code, 0);
    hub.ask(&["--as", "王丽", "sensor", "add", &elder, "smoke", "--silent-after", "2s"]);
    for node in [&centre, &hub] {
        let row = node.await_answer(&["status"], |status| status["monitoring"].get(0).cloned());
        assert_eq!(
            (&row["who"], &row["reason"], &row["names"]),
            (&json!("王丽"), &json!("刷墙"), &json!(["王秀英"]))
        );
    }
    // The desk is told, for nobody is safe because nothing rings; and nothing does ring.
    let alert = await_open(&centre, "monitoring_off");
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(state(&hub, "smoke").as_deref(), Some("off"));
    assert_eq!(open(&hub, "sensors"), Vec::<Value>::new());
    let audit = hub.ask(&["keys", "audit"]).to_string();
    assert!(audit.contains("monitoring-off") && audit.contains("刷墙"), "{audit}");
    let mut chinese = plain(&centre.command(&["--lang", "zh", "status"]));
    let chinese = finished(chinese.env("LINLI_LANG", "zh"));
    assert!(chinese.out.contains("监测已暂停：王秀英"), "{chinese:?}");

    // Its time is over: the sensor has all its silence, and then it is told.
    hub.ask(&["--as", "王丽", "sensor", "on", &elder]);
    assert_eq!(hub.run(&["--as", "王丽", "sensor", "on", &elder]).refusal().0, "conflict");
    let soon = Timestamp::now() + SignedDuration::from_secs(6);
    assert_eq!(off(soon).code, 0);
    let sensors = await_open(&centre, "sensors");
    assert!(Timestamp::now() >= soon, "it was off until then");
    centre.await_answer(&["status"], |status| (status["monitoring"] == json!([])).then_some(()));
    await_sensors(&centre, &sensors, &[("smoke", false)]);
    let told = open(&centre, "monitoring_off");
    assert_eq!(told.len(), 2, "each time is told once: {told:?}");
    assert!(told.iter().any(|row| row["alert"] == *alert));

    // What the desk itself switches off it knows.
    centre.ask(&[
        "--as",
        "李明",
        "sensor",
        "off",
        &elder,
        "--until",
        &hours(1).to_string(),
        "--reason",
        "test",
    ]);
    hub.await_answer(&["status"], |status| {
        (status["monitoring"][0]["who"] == "李明").then_some(())
    });
    assert_eq!(open(&hub, "monitoring_off").len(), 2);
}
