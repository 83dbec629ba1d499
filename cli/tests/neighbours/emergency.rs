//! The emergency card, opened by an alert: who reads it, on what record, and when it is closed again.

use std::{thread, time::Instant};

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, centre_and_hub, folder, sees},
    site::{Desk, Site, finished, plain, wait},
};

/// When the node is killed, in percent of the time that opening a card took before.
const KILLS: [u32; 7] = [30, 60, 75, 85, 92, 98, 105];

fn write(node: &Desk, elder: &str, field: &str, value: &str) {
    node.ask(&["elder", "edit", elder, &format!("card/{field}"), value]);
}

fn person(centre: &Desk) {
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
}

/// The id of the one alert in the list that has this kind.
fn raised(node: &Desk, kind: &str) -> String {
    node.await_answer(&["alert", "list"], |list| {
        let row = list.as_array()?.iter().find(|row| row["kind"] == kind)?;
        Some(row["alert"].as_str()?.to_owned())
    })
}

/// Who read the card in an alert, by name, with the reasons.
fn readers(node: &Desk, alert: &str) -> Vec<(String, Value)> {
    let shown = node.ask(&["alert", "show", alert]);
    let read = shown["view"]["card"]["read_by"].as_array().unwrap();
    let name = |row: &Value| row["author"]["person"]["name"].as_str().unwrap().to_owned();
    read.iter().map(|row| (name(row), row["reason"].clone())).collect()
}

#[test]
fn the_button_opens_the_card_to_the_duty_desk_and_the_end_of_the_alert_closes_it() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    write(&hub, &elder, "allergies", "青霉素");
    write(&hub, &elder, "entry", "钥匙在门垫下");
    person(&centre);
    let card = |words: &[&str]| centre.run(&[&["--as", "李明"], words].concat());
    let before = card(&["elder", "card", &elder]);
    assert_eq!((before.code, before.refusal().0.as_str()), (4, "forbidden"));
    assert!(!centre.ask(&["elder", "show", &elder]).to_string().contains("青霉素"));

    let alert = hub.ask(&["alert", "raise", &elder]);
    let alert = alert["alert"].as_str().unwrap();
    let raised = raised(&centre, "button");
    assert_eq!(raised, alert);
    let nobody = centre.run(&["alert", "card", alert]);
    assert_eq!((nobody.code, nobody.refusal().0.as_str()), (4, "forbidden"));
    assert!(nobody.refusal().1.contains("--as"));
    let open = centre.await_answer(&["--as", "李明", "alert", "card", alert], |answer| {
        answer["cards"].to_string().contains("青霉素").then(|| answer.clone())
    });
    assert_eq!((&open["raised"], &open["alert"]), (&json!(false), &json!(alert)));
    assert!(open["cards"].to_string().contains("钥匙在门垫下"));
    // Nothing but a named person's reading shows it, and no view shows the key.
    assert!(!centre.ask(&["elder", "show", &elder]).to_string().contains("青霉素"));
    let again = card(&["elder", "card", &elder, "--reason", "救护车在问"]);
    assert_eq!(again.answer()["alert"], alert, "it is read in the open alert");

    // Too late to keep it closed, which is said.
    let late = hub.run(&["alert", "refuse-card", alert]);
    let (code, message) = late.refusal();
    assert_eq!((late.code, code.as_str()), (5, "conflict"), "{message}");
    assert!(message.contains("household"), "who opened it: {message}");

    let told = hub.await_answer(&["elder", "show", &elder], |shown| {
        let read = &shown["card_openings"][0]["card"]["read_by"];
        (read.as_array()?.len() == 2).then(|| shown.clone())
    });
    assert!(told["documents"].to_string().contains("青霉素"), "the household reads its own");
    let readers = readers(&hub, alert);
    assert_eq!(readers[0], ("李明".to_owned(), Value::Null));
    assert_eq!(readers[1], ("李明".to_owned(), json!("救护车在问")));
    for node in [&hub, &centre] {
        let shown = node.ask(&["alert", "show", alert]).to_string();
        assert!(!shown.contains("opening"), "{shown}");
    }

    in_words(&centre, &hub, &elder, alert);
    ended(&centre, &hub, alert);
    write(&hub, &elder, "entry", "钥匙在邻居家");
    for words in [["alert", "card", alert], ["elder", "card", &elder]] {
        let after = card(&words);
        assert!(after.code > 0 && after.out.is_empty(), "{after:?}");
    }
    // The card's space is no longer asked for.
    let emergency = format!("{elder}/card/");
    centre.await_answer(&["documents", "--readable"], |rows| {
        let names = rows.as_array()?.iter().filter_map(|row| row["name"].as_str());
        (!names.into_iter().any(|name| name.starts_with(&emergency))).then_some(())
    });

    // Another alert opens what stands on it then.
    let second = hub.ask(&["alert", "raise", &elder, "--kind", "fall"]);
    let second = second["alert"].as_str().unwrap();
    let open = centre.await_answer(&["--as", "李明", "alert", "card", second], |answer| {
        answer["cards"].to_string().contains("邻居").then(|| answer["cards"].to_string())
    });
    assert!(open.contains("青霉素") && !open.contains("门垫"), "{open}");

    // Of two that are open one is closed: the other gets the new key.
    let third = hub.ask(&["alert", "raise", &elder, "--kind", "smoke"]);
    let third = third["alert"].as_str().unwrap();
    reads(&centre, third, "邻居");
    resolve(&centre, second);
    hub.await_answer(&["alert", "show", third], |answer| {
        (answer["view"]["card"]["given"].as_array()?.len() == 2).then_some(())
    });
    write(&hub, &elder, "hospital", "第一医院");
    reads(&centre, third, "第一医院");
}

#[test]
fn an_alert_that_is_too_long_goes_ahead_of_what_opens_the_card() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    write(&hub, &elder, "allergies", "青霉素");
    person(&centre);
    // Each fits an urgent entry, and both together do not.
    let cause = "smoke in the kitchen, ".repeat(80);
    let alert = hub.ask(&["alert", "raise", &elder, "--kind", "smoke", "--cause", &cause]);
    let alert = alert["alert"].as_str().unwrap();
    reads(&centre, alert, "青霉素");
    let shown = centre.ask(&["alert", "show", alert]);
    let facts: Vec<&str> = shown["view"]["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["body"]["kind"].as_str())
        .collect();
    let place = |kind: &str| facts.iter().position(|fact| *fact == kind);
    assert!(place("raised").is_some() && place("raised") < place("card_given"), "{facts:?}");

    // The hub says each minute that it is there.
    centre.await_answer(&["alert", "show", alert], |answer| answer["hub_heard_ms"].as_u64());
}

/// Who has the alert ends it; somebody else is told that it had no effect, and who has it.
fn ended(centre: &Desk, hub: &Desk, alert: &str) {
    let resolve = ["alert", "resolve", alert, "--outcome", "helped"];
    let stage = |stage: &str| {
        hub.await_answer(&["alert", "show", alert], |answer| {
            (answer["view"]["stage"] == stage).then_some(())
        });
    };
    centre.ask(&["--as", "李明", "alert", "ack", alert]);
    stage("acknowledged");
    hub.ask(&["person", "add", "王建国", "--role", "family"]);
    let (code, message) = hub.run(&[&["--as", "王建国"], &resolve[..]].concat()).refusal();
    assert!(code == "conflict" && message.contains("李明"), "{message}");
    assert!(message.contains("only who has the alert"), "{message}");
    stage("acknowledged");
    centre.ask(&[&["--as", "李明"], &resolve[..]].concat());
    stage("resolved");
}

/// What people see: words, names and times, and no ids but those that commands take.
fn in_words(centre: &Desk, hub: &Desk, elder: &str, alert: &str) {
    let typed = |node: &Desk, words: &[&str]| {
        let run = finished(plain(&node.command(words)).env("LINLI_LANG", "zh"));
        assert_eq!(run.code, 0, "{run:?}");
        run.out
    };
    let card = typed(centre, &["--as", "李明", "alert", "card", alert]);
    let allergies = card.lines().find(|line| line.contains("青霉素")).unwrap();
    assert!(allergies.starts_with("过敏：青霉素（家庭 "), "{allergies}");
    let shown = typed(hub, &["elder", "show", elder]);
    let read = shown.lines().find(|line| line.contains("救护车在问")).unwrap();
    assert!(read.contains("李明，North Gate centre"), "who read it: {read}");
    let shown = typed(centre, &["alert", "show", alert]);
    assert!(shown.contains("按钮") && shown.contains("查看急救卡：李明"), "{shown}");
    for text in [card, shown] {
        let long = |word: &str| word.len() >= 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(!text.split(|c: char| !c.is_ascii_alphanumeric()).any(long), "{text}");
    }
}

/// Waits until the card that is read in an alert holds a text.
fn reads(centre: &Desk, alert: &str, text: &str) {
    centre.await_answer(&["--as", "李明", "alert", "card", alert], |answer| {
        answer["cards"].to_string().contains(text).then_some(())
    });
}

#[test]
fn the_hub_answers_an_alert_of_the_centre_unless_the_household_refuses() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    write(&hub, &elder, "allergies", "青霉素");
    person(&centre);
    // Where the household's alerts stand is known at the centre with the first of them.
    let drill = hub.ask(&["alert", "raise", &elder]);
    assert_eq!(raised(&centre, "button"), drill["alert"]);
    resolve(&centre, drill["alert"].as_str().unwrap());
    let alert = |kind: &str| {
        let answer = centre.ask(&["alert", "raise", &elder, "--kind", kind]);
        answer["alert"].as_str().unwrap().to_owned()
    };
    let placed = |alert: &str| hub.run(&["alert", "show", alert]).code == 0;
    let first = alert("inactivity");
    wait("the hub has the centre's alert", || placed(&first).then_some(()));
    let waits = centre.run(&["--as", "李明", "alert", "card", &first]);
    assert_eq!((waits.code, waits.refusal().0.as_str()), (4, "forbidden"));
    let refused = centre.run(&["--as", "李明", "alert", "refuse-card", &first]);
    assert_eq!((refused.code, refused.refusal().0.as_str()), (4, "forbidden"));
    let refusal = hub.command(&["alert", "refuse-card", &first]);
    let refusal = finished(&mut plain(&refusal));
    assert!(refusal.code == 0 && refusal.out.contains("stays closed"), "{refusal:?}");

    // From here on the hub answers at once.
    hub.stop();
    hub.configure(&format!("{LOOPBACK}\nopen_card_after_seconds = 0"));
    hub.up();
    let second = alert("silence");
    centre.await_answer(&["--as", "李明", "alert", "card", &second], |answer| {
        answer["cards"].to_string().contains("青霉素").then_some(())
    });
    let shown = hub.ask(&["alert", "show", &second]);
    assert_eq!(shown["view"]["card"]["given"].as_array().unwrap().len(), 1);
    let shown = hub.ask(&["alert", "show", &first]);
    assert!(shown["view"]["card"]["refused"].is_string(), "{shown}");
    assert_eq!(shown["view"]["card"]["given"], json!([]), "a refusal outlasts a start");
    let refused = centre.run(&["--as", "李明", "alert", "card", &first]);
    assert_eq!((refused.code, refused.refusal().0.as_str()), (4, "forbidden"));
}

#[test]
fn a_card_of_an_elder_without_a_hub_opens_with_the_alert_that_says_so_or_not_at_all() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let elder = add_elder(&centre, "赵德海");
    write(&centre, &elder, "allergies", "花生");
    person(&centre);
    let ask = ["--as", "李明", "elder", "card", &elder, "--reason", "call"];
    assert!(!centre.ask(&["elder", "show", &elder]).to_string().contains("花生"));
    assert_eq!(centre.run(&ask[2..]).refusal().0, "forbidden");
    assert_eq!(centre.ask(&["alert", "list"]), json!([]));

    let begun = Instant::now();
    let opened = centre.ask(&ask);
    let took = begun.elapsed();
    assert_eq!(opened["raised"], true);
    assert!(opened["cards"].to_string().contains("花生"));
    let alert = opened["alert"].as_str().unwrap().to_owned();
    assert_eq!(raised(&centre, "card_opened"), alert);
    let name = format!("alert/{alert}");
    let rows = centre.ask(&["documents", "--readable"]);
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == name.as_str()).unwrap();
    assert_eq!(row["entries"], 1, "the alert and the reading are one entry");
    let again = centre.ask(&ask);
    assert_eq!((&again["raised"], &again["alert"]), (&json!(false), &json!(alert)));
    assert_eq!(
        readers(&centre, &alert),
        [("李明".to_owned(), json!("call")), ("李明".to_owned(), json!("call"))]
    );
    resolve(&centre, &alert);

    let mut shown = vec![alert];
    for percent in KILLS {
        let asking = {
            let (desk, ask) = ((*centre).clone(), ask.map(str::to_owned));
            thread::spawn(move || desk.run(&ask.each_ref().map(String::as_str)))
        };
        thread::sleep(took * percent / 100);
        centre.kill();
        let asked = asking.join().unwrap();
        centre.up();
        if asked.code == 0 {
            shown.push(asked.answer()["alert"].as_str().unwrap().to_owned());
        }
        for row in centre.ask(&["alert", "list", "--all"]).as_array().unwrap() {
            let alert = row["alert"].as_str().unwrap();
            assert!(!readers(&centre, alert).is_empty(), "an alert without its reading: {row}");
            if row["state"] != "resolved" {
                resolve(&centre, alert);
            }
        }
    }
    let list = centre.ask(&["alert", "list", "--all"]);
    let known: Vec<&str> =
        list.as_array().unwrap().iter().filter_map(|row| row["alert"].as_str()).collect();
    for alert in shown {
        assert!(known.contains(&alert.as_str()), "a card was shown and its alert is gone: {alert}");
    }
}

fn resolve(centre: &Site, alert: &str) {
    for act in [&["ack", alert][..], &["resolve", alert, "--outcome", "drill"]] {
        let done = centre.run(&[&["--as", "李明", "alert"], act].concat());
        assert_eq!(done.code, 0, "{done:?}");
    }
}
