//! A ladder that rings, sounds and calls, by programs of the machine.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    community::{add_elder, centre_and_hub, folder, id, parted, sees},
    site::{Site, plain, wait},
};

/// Programs that write down that they were begun, and go on until they are killed or end by themselves.
pub(crate) fn bells(site: &Site) -> PathBuf {
    let rung = site.data().with_extension("rung");
    let says = |what: &str| format!("echo {what} $LINLI_DRILL $LINLI_PHONE >> {}", rung.display());
    let (rings, still) = (says("rings $LINLI_WAY"), says("still $LINLI_WAY"));
    let (calls, missing) = (says("calls $LINLI_WAY"), "/there/is/no/such/program");
    let leaks = "test -z \"$LINLI_PASSPHRASE\"";
    let mut text = String::new();
    for (ways, ring, end) in [
        ("\"siren\", \"duty_desk\"", format!("{rings}; exec sleep 600"), Some(still)),
        ("\"contact\", \"dial_out\"", format!("{leaks} && {calls}"), None),
    ] {
        let program = |script: &str| format!("[\"/bin/sh\", \"-c\", '''{script}''']");
        writeln!(text, "[[bells]]\nways = [{ways}]\nring = {}", program(&ring)).unwrap();
        if let Some(end) = end {
            writeln!(text, "still = {}", program(&end)).unwrap();
        }
    }
    writeln!(text, "[[bells]]\nways = [\"neighbour\"]\nring = [\"{missing}\"]").unwrap();
    let mut file = File::options().append(true).open(site.data().join("linli.toml")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    fs::write(&rung, "").unwrap();
    rung
}

fn lines(rung: &Path) -> Vec<String> {
    let text = fs::read_to_string(rung).unwrap();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

pub(crate) fn has(rung: &Path, line: &str) {
    wait(line, || lines(rung).iter().any(|found| found == line).then_some(()));
}

fn count(rung: &Path, line: &str) -> usize {
    lines(rung).iter().filter(|found| *found == line).count()
}

/// How the steps of an alert went that were begun, by what they do.
fn begun(alert: &Value) -> Vec<(String, Option<bool>)> {
    let climbed = alert["view"]["climbed"].as_array().unwrap().iter();
    let step = |begun: &Value| {
        (begun["step"]["does"]["act"].as_str().unwrap().to_owned(), begun["done"].as_bool())
    };
    let mut steps: Vec<_> = climbed.map(step).collect();
    steps.sort();
    steps
}

fn sets_ladder(site: &Site, elder: &str) {
    let words =
        ["siren@0s", "neighbour@0s", "contact:13800138000@1s", "dial-out:120@2s", "desk@3s"];
    let steps = words.iter().flat_map(|step| ["--step", step]);
    let words: Vec<&str> = ["alert", "ladder", elder].into_iter().chain(steps).collect();
    let answer = site.ask(&words);
    assert_eq!(answer["others"]["steps"].as_array().unwrap().len(), 5, "{answer}");
}

#[test]
fn a_hub_alone_sounds_and_calls_and_nobody_does_it_again() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    sets_ladder(&hub, &elder);
    let away = id(&centre);
    centre.stop();
    hub.stop();
    let (at_hub, at_centre) = (bells(&hub), bells(&centre));
    hub.up();
    parted(&hub, &away);

    let alert = hub.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    has(&at_hub, "rings siren 0");
    has(&at_hub, "calls contact 0 13800138000");
    has(&at_hub, "calls dial_out 0 120");
    let all = [
        ("contact", Some(true)),
        ("dial_out", Some(true)),
        ("neighbour", Some(false)),
        ("siren", Some(true)),
    ]
    .map(|(step, done)| (step.to_owned(), done));
    let show = ["alert", "show", &alert];
    hub.await_answer(&show, |shown| (begun(shown) == all).then_some(()));

    // After a power cut it sounds again, and calls nobody again.
    hub.kill();
    hub.up();
    wait("the siren again", || (count(&at_hub, "rings siren 0") == 2).then_some(()));
    assert_eq!(count(&at_hub, "calls contact 0 13800138000"), 1);
    let since = hub.ask(&show)["view"]["since"].as_i64().unwrap();
    // Were it not for what the hub did, the centre would call by then.
    wait("the centre's turn", || {
        (Timestamp::now().as_millisecond() > since + 20_000).then_some(())
    });
    centre.up();
    has(&at_centre, "rings duty_desk 0");
    // What the hub could not do it tries, and cannot either; and its desk rings.
    let mut both = all.to_vec();
    let its_own = [("neighbour", false), ("duty_desk", true)];
    both.extend(its_own.map(|(step, done)| (step.to_owned(), Some(done))));
    both.sort();
    centre.await_answer(&show, |shown| (begun(shown) == both).then_some(()));
    let words = plain(&centre.command(&show)).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("could not be done"), "{words}");

    // Each start ended what a former run may have left ringing; now it ends for good.
    let ends = [(&at_centre, "still duty_desk 0"), (&at_hub, "still siren 0")];
    let before = ends.map(|(rung, line)| count(rung, line));
    assert_eq!(before, [1, 2]);
    centre.ask(&["--as", "高主任", "alert", "ack", &alert]);
    for ((rung, line), before) in ends.into_iter().zip(before) {
        wait(line, || (count(rung, line) > before).then_some(()));
    }
    assert_eq!(count(&at_hub, "calls dial_out 0 120"), 1);
    assert!(!lines(&at_centre).iter().any(|line| line.starts_with("calls")), "{at_centre:?}");
}

#[test]
fn a_drill_goes_the_real_way_and_dials_no_emergency_service() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    hub.ask(&["elder", "edit", &elder, "card/allergies", "青霉素"]);
    sets_ladder(&hub, &elder);
    hub.stop();
    let rung = bells(&hub);
    hub.up();
    let alert = hub.ask(&["alert", "drill", &elder])["alert"].as_str().unwrap().to_owned();
    // Who tries twice has not raised it in earnest.
    let cause = ["--cause", "again"];
    let twice = [(); 2].map(|()| hub.ask(&[&["alert", "drill", &elder], &cause[..]].concat()));
    assert_eq!(twice[0]["alert"], twice[1]["alert"]);
    let again = hub.ask(&["alert", "show", twice[0]["alert"].as_str().unwrap()]);
    assert_eq!(
        (&again["view"]["drill"], again["view"]["raises"].as_array().unwrap().len()),
        (&true.into(), 2)
    );
    has(&rung, "calls contact 1 13800138000");
    has(&rung, "rings siren 1");
    let shown = centre.await_answer(&["alert", "show", &alert], |shown| {
        (shown["climb"]["due"] == 5).then(|| shown.clone())
    });
    assert_eq!(shown["view"]["drill"], true);
    assert_eq!(shown["view"]["card"]["given"], json!([]));
    let listed = centre.ask(&["alert", "list"]);
    assert!(
        listed.as_array().unwrap().iter().any(|row| row["alert"] == alert && row["drill"] == true)
    );
    let in_earnest = hub.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    assert_ne!(alert, in_earnest);
    has(&rung, "calls dial_out 0 120");
    assert_eq!(count(&rung, "calls dial_out 1 120"), 0);
    // From the household: nothing happened. It stays all the same.
    hub.ask(&["alert", "call-off", &in_earnest]);
    let shown = hub.ask(&["alert", "show", &in_earnest]);
    reported(&centre, &in_earnest);
    assert_eq!(
        (&shown["view"]["called_off"], &shown["view"]["resolved"]),
        (&true.into(), &Value::Null)
    );
}

/// The centre answers an alert, and counts it and not the drill.
fn reported(centre: &Site, alert: &str) {
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    centre.await_answer(&["alert", "show", alert], |_| Some(()));
    for act in ["ack", "arrive"] {
        centre.ask(&["--as", "高主任", "alert", act, alert]);
    }
    let report = centre.ask(&["alert", "report"]);
    let counted = ["alerts", "drills", "unanswered"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counted, [1, 2, 0], "{report}");
    let seen = (&report["arrived"]["count"], &report["kinds"]);
    assert_eq!(seen, (&1.into(), &json!({ "button": 1 })));
    assert_eq!(centre.ask(&["alert", "report", "--since", "2099-01-01"])["alerts"], 0);
    let words = plain(&centre.command(&["alert", "report"])).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("2 drills") && words.contains("TSA"), "{words}");
}

#[test]
fn a_ladder_that_helps_nobody_is_refused() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    for step in ["contact@0s", "contact:abc@0s", "siren@25h", "party:nobody@0s", "bell@0s"] {
        let refused = hub.run(&["alert", "ladder", &elder, "--step", step]);
        assert!(refused.code > 0, "{step}: {refused:?}");
        refused.refusal();
    }
    for step in ["siren", "siren@soon"] {
        assert_eq!(hub.run(&["alert", "ladder", &elder, "--step", step]).code, 2, "{step}");
    }
    let common = hub.ask(&["alert", "ladder", &elder]);
    assert_eq!(common["others_own"], false);
    let words = ["alert", "ladder", &elder, "--kind", "smoke", "--step", "dial-out:119@0s"];
    let own = hub.ask(&words);
    assert_eq!(own["kinds"]["smoke"]["steps"][0]["does"]["phone"], "119");
    centre.await_answer(&["alert", "ladder", &elder], |seen| (*seen == own).then_some(()));
    let back = hub.ask(&["alert", "ladder", &elder, "--kind", "smoke", "--default"]);
    assert_eq!(back, common);
}
