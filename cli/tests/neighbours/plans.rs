//! A contingency plan: on every node, started at the centre, ticked off where the network does not reach.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, folder, id, join, met, parted, peer, sees},
    site::{Desk, Site, finished, plain},
};

const HEAT: &str = r#"
name = "高温"
hazard = "heat"

[[steps]]
id = "call"
does = "给独居老人打电话"
who = ["station"]
within_minutes = 240
phone = "029-87654321"
each = { living = ["alone"], area = "3号楼" }

[[steps]]
id = "water"
does = "送水"
"#;

/// The plans in force, as a node's status has them.
fn in_force(node: &Desk, look: impl Fn(&Value) -> bool) -> Value {
    node.await_answer(&["status"], |status| {
        let plans = &status["plans"];
        look(plans).then(|| plans.clone())
    })
}

/// A centre, a station and a household; the centre keeps the records of two elders.
struct Town {
    centre: Site,
    station: Site,
    hub: Site,
    elder: String,
}

fn town(folder: &Path) -> Town {
    let (centre, hub) = centre_and_hub(folder);
    let mut station = Site::init(folder.join("station"), None, LOOPBACK);
    join(&centre, &station, &["station", "--name", "South"]);
    station.up();
    met(&station, &centre);
    let words = ["elder", "add", "--name", "王秀英", "--address", "桃园路 3号楼 2单元"];
    let alone = ["--field", "living_situation=alone"];
    let added = centre.ask(&[&words[..], &alone].concat());
    let elder = added["elder"].as_str().unwrap().to_owned();
    let other = add_elder(&centre, "李桂兰");
    sees(&station, &elder);
    sees(&station, &other);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    station.ask(&["person", "add", "张静", "--role", "social_worker"]);
    Town { centre, station, hub, elder }
}

#[test]
fn a_plan_is_tried_and_started_and_ticked_off_without_a_network() {
    let folder = folder();
    let mut town = town(folder.path());
    started(&town, &folder.path().join("heat.toml"));
    ticked_apart(&mut town);
    let Town { centre, hub, .. } = &town;
    // The household reads the plan, and nothing of an elder of others.
    let at_home = hub.await_answer(&["plan", "show", "高温"], |shown| {
        shown["steps"][1]["done"].is_object().then(|| shown.clone())
    });
    assert!(!at_home.to_string().contains("王秀英"), "{at_home}");
    assert_eq!(centre.run(&["--as", "李明", "plan", "stop", "高温"]).code, 0);
    in_force(hub, |plans| *plans == json!([]));
    let paper = finished(plain(&centre.command(&["plan", "show", "高温"])).env("LINLI_LANG", "zh"));
    for word in ["王秀英", "需要帮助", "没有水", "已结束", "剩余：0 步"] {
        assert!(paper.out.contains(word), "{word}: {paper:?}");
    }
}

/// Nobody but the centre puts a plan into force, and every node says that it is.
fn started(town: &Town, file: &Path) {
    let Town { centre, station, hub, .. } = town;
    let write = |text: &str| {
        fs::write(file, text).unwrap();
        centre.run(&["--as", "李明", "plan", "write", file.to_str().unwrap()])
    };
    for wrong in ["name = 1", &HEAT.replace("送水", "送水 13800138000"), &"#".repeat(13 * 1024)]
    {
        assert_eq!(write(wrong).refusal().0, "invalid", "{wrong}");
    }
    let plan = write(HEAT).answer()["plan"].as_str().unwrap().to_owned();
    for node in [station, hub] {
        node.await_answer(&["plan", "show", "高温"], |shown| {
            (shown["plan"] == *plan).then_some(())
        });
    }
    let hubs = hub.run(&["--as", "nobody", "plan", "start", "高温"]);
    assert!(hubs.code > 0, "{hubs:?}");
    let stations = station.run(&["--as", "张静", "plan", "start", "高温"]);
    assert_eq!(stations.refusal().0, "forbidden");
    let act = |words: &[&str]| centre.run(&[&["--as", "李明", "plan"], words].concat());
    assert_eq!(act(&["drill", "高温"]).code, 0);
    in_force(station, |plans| plans[0]["drill"] == true);
    assert_eq!(act(&["stop", "高温"]).code, 0);
    assert_eq!(act(&["start", "高温"]).code, 0);
    assert_eq!(act(&["start", "高温"]).refusal().0, "conflict");
    for node in [centre, station, hub] {
        let plans = in_force(node, |plans| plans[0]["drill"] == false);
        assert_eq!((&plans[0]["name"], &plans[0]["steps"]), (&json!("高温"), &json!(2)));
    }
}

/// The station is cut off and looks after whom it knows; the centre goes on; both come to one report.
fn ticked_apart(town: &mut Town) {
    let Town { centre, station, elder, .. } = town;
    let (desk, away) = (id(centre), id(station));
    centre.stop();
    parted(station, &desk);
    let shown = station.ask(&["plan", "show", "高温"]);
    let known = shown["steps"][0]["elders"].as_array().unwrap();
    assert_eq!((known.len(), &known[0]["names"]), (1, &json!(["王秀英"])), "{shown}");
    let at_station = |words: &[&str]| station.ask(&[&["--as", "张静", "plan"], words].concat());
    at_station(&["check", "高温", "call", elder, "--found", "needs-help", "--note", "没有水"]);
    at_station(&["tick", "高温", "call"]);
    station.stop();
    centre.up();
    centre.ask(&["--as", "李明", "plan", "tick", "高温", "water"]);
    station.up();
    centre
        .await_answer(&["status"], |status| (peer(status, &away)?["synced"] == true).then_some(()));
    for node in [centre, station] {
        let shown = node.await_answer(&["plan", "show", "高温"], |shown| {
            let checked = &shown["steps"][0]["elders"][0]["checked"];
            let ticked = |step: usize| shown["steps"][step]["done"].is_object();
            (ticked(0) && ticked(1) && checked.is_object()).then(|| shown.clone())
        });
        let checked = &shown["steps"][0]["elders"][0]["checked"];
        assert_eq!((&checked["found"], &checked["note"]), (&json!("needs_help"), &json!("没有水")));
        assert_eq!(shown["steps"][0]["done"]["author"]["person"]["name"], "张静");
    }
}
