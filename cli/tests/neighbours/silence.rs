//! A hub of which nothing is heard any more.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, folder, id, join, met, peer, sees},
    site::{Desk, Site, wait},
};

/// The shortest silence that can be configured.
const SOON: Duration = Duration::from_secs(120);

fn configure(site: &Desk, line: &str) {
    let mut file = File::options().append(true).open(site.data().join("linli.toml")).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

/// The alerts of silence that a node lists.
fn silences(desk: &Desk) -> Vec<Value> {
    let all = desk.ask(&["alert", "list", "--all"]);
    all.as_array().unwrap().iter().filter(|alert| alert["kind"] == "silence").cloned().collect()
}

#[test]
fn a_hub_that_falls_silent_is_an_alert_and_one_whose_people_are_away_is_none() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let mut away = Site::init(folder.path().join("away"), None, LOOPBACK);
    join(&centre, &away, &["household"]);
    away.up();
    met(&away, &centre);
    let elder = add_elder(&hub, "王秀英");
    let traveller = add_elder(&away, "李桂兰");
    sees(&centre, &elder);
    sees(&centre, &traveller);
    away.ask(&["elder", "edit", &traveller, "away_until", "9999-12-31"]);
    centre.await_answer(&["elder", "show", &traveller], |shown| {
        let documents = shown["documents"].as_object()?;
        documents.values().find(|view| view["fields"]["away_until"] != Value::Null).map(drop)
    });
    let refused = hub.run(&["elder", "edit", &elder, "away_until", "soon"]);
    assert!(refused.code > 0, "{refused:?}");
    centre.stop();
    configure(&centre, &format!("silent_after_seconds = {}\n", SOON.as_secs()));
    centre.up();
    met(&hub, &centre);
    met(&away, &centre);
    // Both have been heard: each says so when it meets the centre, and each minute.
    for hub in [&hub, &away].map(|site| id(site)) {
        centre.await_answer(&["status"], |status| peer(status, &hub)?["heartbeat_ms"].as_u64());
    }
    hub.kill();
    away.kill();

    std::thread::sleep(SOON);
    let found = wait("the silence is told", || silences(&centre).pop());
    assert_eq!(found["names"], json!(["王秀英"]), "{found}");
    let show = ["alert", "show", found["alert"].as_str().unwrap()];
    let shown = centre.ask(&show);
    let said: Vec<&Value> = shown["view"]["silent"].as_object().unwrap().values().collect();
    let [said] = said[..] else { panic!("{shown}") };
    assert_eq!(said["parties"].as_array().unwrap().len(), 1);
    // Nobody else is connected either: it may be this node's own line.
    assert_eq!(said["broken"], "here", "{shown}");
    // It is told once, also after a power cut of the centre.
    centre.kill();
    centre.up();
    hub.up();
    let again = centre.await_answer(&show, |shown| {
        let again = shown["view"]["heard_again"].as_object()?;
        (again.len() == 1).then(|| shown.clone())
    });
    assert_eq!(again["view"]["resolved"], Value::Null);
    assert_eq!(silences(&centre).len(), 1);
    // The household sees that it was missed.
    hub.await_answer(&show, |shown| (shown["view"]["what"] == "silence").then_some(()));
}
