//! One day of a hub and a centre: paired by a code, written, alerted, answered, left.

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, agree, centre, elders, folder, join, met, sees},
    site::Site,
};

#[test]
fn hub_and_centre_pair_and_sync_over_mdns_on_loopback() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let mut hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    let (here, there) = join(&centre, &hub, &["household"]);
    assert_eq!(here, there);
    assert!(here.len() == 6 && here.bytes().all(|digit| digit.is_ascii_digit()), "{here}");
    hub.up();
    met(&hub, &centre);
    met(&centre, &hub);

    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    let read = agree(&hub, &centre);
    let profile = format!("\"{elder}/profile\"");
    assert!(read.values().any(|[name, ..]| *name == profile), "{read:?}");

    let alert = hub.ask(&["alert", "raise", "王秀英", "--kind", "button"]);
    assert_eq!(alert["stored"], true);
    let alert = alert["alert"].as_str().unwrap();
    hub.await_answer(&["alert", "list"], |list| {
        let row = list.as_array()?.iter().find(|row| row["alert"] == alert)?;
        (row["state"] == "delivered" && row["delivered_to"] == 1).then_some(())
    });
    for node in [&hub, &centre] {
        let [row, shown] = [&node.ask(&["alert", "list"])[0], &node.ask(&["alert", "show", alert])];
        for about in [row, shown] {
            assert_eq!((&about["elder"], &about["names"]), (&json!(elder), &json!(["王秀英"])));
        }
    }
    answer(&centre, alert);

    let view = hub.await_answer(&["alert", "show", alert], |answer| {
        (answer["view"]["stage"] == "resolved").then(|| answer["view"].clone())
    });
    assert_eq!(view["owner"]["person"]["name"], "李明");
    assert_eq!(view["outcome"], "helped");
    assert_eq!(acts(&view), ["raised", "delivered", "acknowledged", "responding", "resolved"]);
    agree(&hub, &centre);

    let left = hub.await_answer(&["leave"], |answer| Some(answer.clone()));
    assert_eq!(left, json!({ "may_leave": true, "waiting_entries": 0, "waiting_files": 0 }));
    assert_eq!(elders(&hub), elders(&centre));
    hub.stop();
}

/// A named person at the centre answers the alert; nobody else can.
fn answer(centre: &Site, alert: &str) {
    let nobody = centre.run(&["alert", "ack", alert]);
    let (code, message) = nobody.refusal();
    assert_eq!((nobody.code, code.as_str()), (4, "forbidden"));
    assert!(message.contains("--as"), "{message}");
    let stranger = centre.run(&["--as", "nobody here", "alert", "ack", alert]);
    assert!(stranger.code > 0 && stranger.out.is_empty(), "{stranger:?}");

    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let act = |words: &[&str]| centre.ask(&[&["--as", "李明", "alert"], words].concat());
    assert_eq!(act(&["ack", alert])["state"], "acknowledged");
    let again = centre.run(&["--as", "李明", "alert", "ack", alert]);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"));
    assert_eq!(act(&["respond", alert])["state"], "responding");
    assert_eq!(act(&["resolve", alert, "--outcome", "helped"])["state"], "resolved");
    assert_eq!(centre.ask(&["alert", "list"]), json!([]));
}

/// What was done with an alert, in order.
fn acts(view: &Value) -> Vec<&str> {
    let timeline = view["timeline"].as_array().unwrap();
    timeline.iter().map(|entry| entry["body"]["kind"].as_str().unwrap()).collect()
}
