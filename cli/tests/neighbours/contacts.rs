//! An elder who lives alone and whom nobody was in contact with.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    community::{add_elder, centre_and_hub, folder, id, parted, sees},
    site::{Desk, finished, plain},
};

/// The alerts that nobody was in contact, as a node lists them.
fn unasked(node: &Desk) -> Vec<Value> {
    let all = node.ask(&["alert", "list", "--all"]);
    all.as_array().unwrap().iter().filter(|alert| alert["kind"] == "no_contact").cloned().collect()
}

fn due(node: &Desk, words: &[&str]) -> Value {
    node.ask(&[&["elder", "due"], words].concat())["elders"].clone()
}

fn state(node: &Desk, alert: &str) -> Option<String> {
    let found = unasked(node).into_iter().find(|row| row["alert"] == alert)?;
    Some(found["state"].as_str()?.to_owned())
}

#[test]
fn nobody_asked_for_days_is_one_alert_that_is_over_with_a_call() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let nobody = centre.run(&["elder", "contact", &elder, "--by", "phone"]);
    assert_eq!(nobody.refusal().0, "forbidden");
    let note = |words: &[&str]| {
        let all = [&["--as", "李明", "elder", "contact", &elder], words].concat();
        centre.run(&all)
    };
    let ten_days_ago = Timestamp::now() - SignedDuration::from_hours(240);
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let ahead = note(&["--by", "phone", "--time", &tomorrow.to_string()]);
    assert_eq!(ahead.refusal().0, "invalid");
    let long_ago = note(&["--by", "visit", "--time", &ten_days_ago.to_string()]);
    assert_eq!(long_ago.code, 0, "{long_ago:?}");
    assert_eq!(due(&centre, &["--all"]), json!([]), "nobody is to look");
    hub.ask(&["elder", "edit", "王秀英", "contact_days", "3"]);
    for node in [&centre, &hub] {
        let row = node.await_answer(&["elder", "due"], |answer| {
            let row = answer["elders"].get(0)?;
            (row["by"] == "visit").then(|| row.clone())
        });
        assert_eq!((&row["state"], &row["days"]), (&json!("overdue"), &json!(3)));
    }
    // Both see the same, and raise one.
    let raised = centre.await_answer(&["alert", "list"], |list| list.get(0).cloned());
    assert_eq!((&raised["kind"], &raised["names"]), (&json!("no_contact"), &json!(["王秀英"])));
    let alert = raised["alert"].as_str().unwrap();
    hub.await_answer(&["alert", "list"], |list| (list[0]["alert"] == alert).then_some(()));
    assert_eq!((unasked(&centre).len(), unasked(&hub).len()), (1, 1));
    assert_eq!(due(&centre, &[])[0]["alert"], alert);
    let chinese =
        finished(plain(&centre.command(&["--lang", "zh", "elder", "due"])).env("LINLI_LANG", "zh"));
    assert!(chinese.out.contains("逾期") && chinese.out.contains("王秀英"), "{chinese:?}");

    // The hub is cut off, and its people write down that they were there; the centre calls.
    let (away, desk) = (id(&hub), id(&centre));
    centre.kill();
    parted(&hub, &desk);
    hub.ask(&["person", "add", "王丽", "--role", "family"]);
    hub.ask(&["--as", "王丽", "elder", "contact", "王秀英", "--by", "visit"]);
    hub.await_answer(&["alert", "list"], |open| (*open == json!([])).then_some(()));
    hub.stop();
    centre.up();
    assert_ne!(state(&centre, alert).unwrap(), "resolved");
    let called = centre.ask(&["--as", "李明", "elder", "contact", &elder, "--by", "phone"]);
    centre.await_answer(&["alert", "list"], |open| (*open == json!([])).then_some(()));
    assert_eq!(due(&centre, &[]), json!([]));
    hub.up();
    centre.await_answer(&["status"], |status| {
        let peer = crate::community::peer(status, &away)?;
        (peer["synced"] == true).then_some(())
    });
    for node in [&centre, &hub] {
        let shown = node.await_answer(&["alert", "show", alert], |shown| {
            let timeline = shown["view"]["timeline"].as_array()?;
            let over = timeline.iter().filter(|entry| entry["body"]["kind"] == "contacted");
            (over.count() == 2).then(|| shown["view"].clone())
        });
        assert_eq!((&shown["stage"], &shown["outcome"]), (&json!("resolved"), &json!("contacted")));
        assert_eq!(unasked(node).len(), 1);
        assert_eq!(due(node, &["--all"])[0]["state"], "later");
    }

    // It was another elder: the visit of the family is what counts.
    let contact = called["contact"].as_str().unwrap();
    centre.ask(&["--as", "李明", "elder", "contact", &elder, "--take-back", contact]);
    assert_eq!(due(&centre, &["--all"])[0]["by"], "visit");
}
