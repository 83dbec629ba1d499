//! A party's steward enrols its people, ends them, and helps who forgot the PIN.

use serde_json::{Value, json};

use crate::{
    community::{add_elder, centre_and_hub, folder},
    site::{Desk, Run, finished},
};

fn refused(run: &Run, expected: &str) -> String {
    let (code, message) = run.refusal();
    assert_eq!(code, expected, "{message}");
    message
}

/// Runs the program where the PIN and, where one is set up, the new PIN are these.
fn with_pins(desk: &Desk, words: &[&str], pin: &str, new: &str) -> Run {
    finished(desk.command(words).env("LINLI_PIN", pin).env("LINLI_NEW_PIN", new))
}

fn people(desk: &Desk, name: &str) -> Vec<Value> {
    let rows = desk.ask(&["person", "list"]);
    rows.as_array().unwrap().iter().filter(|row| row["name"] == name).cloned().collect()
}

/// The entries that a node withholds of documents whose name ends so, with the reasons.
fn withheld(desk: &Desk, name: &str) -> Vec<Value> {
    let rows = desk.ask(&["documents", "--readable"]);
    let of = |row: &&Value| row["name"].as_str().is_some_and(|of| of.ends_with(name));
    let rows = rows.as_array().unwrap().iter().filter(of);
    rows.flat_map(|row| row["withheld"].as_array().unwrap()).cloned().collect()
}

#[test]
fn a_steward_ends_a_person_and_every_node_judges_by_it() {
    let folder = folder();
    let (mut centre, hub) = centre_and_hub(folder.path());
    // A household has no operators: what they wrote would count nowhere.
    refused(&hub.run(&["person", "add", "李明", "--role", "operator"]), "invalid");
    let carer = ["person", "add", "李明", "--role", "carer", "--qualification", "HL-2231"];
    centre.ask(&[&carer[..], &["--ends", "2098-12-31"]].concat());
    centre.ask(&["person", "add", "高主任", "--role", "steward"]);
    assert_eq!(people(&centre, "李明")[0]["qualification"], "HL-2231");

    // With a steward there, nobody else enrols or ends anybody.
    let other = ["person", "add", "王芳", "--role", "operator"];
    refused(&centre.run(&other), "forbidden");
    let by_carer = [&["--as", "李明"], &other[..]].concat();
    refused(&with_pins(&centre, &by_carer, "2468", "1357"), "forbidden");
    refused(&centre.run(&["--as", "李明", "person", "end", "高主任"]), "forbidden");
    let by_steward = [&["--as", "高主任"], &other[..]].concat();
    assert_eq!(with_pins(&centre, &by_steward, "2468", "1357").code, 0);
    refused(&with_pins(&centre, &["person", "switch", "王芳"], "2468", ""), "wrong-secret");

    // What she writes while she acts, the hub shows in her name, before and after.
    let elder = add_elder(&hub, "王秀英");
    let party = centre.ask(&["status"])["party"].as_str().unwrap().to_owned();
    let grant = ["keys", "grant", &elder, &party, "--scope", "care", "--right", "write"];
    hub.ask(&[&grant[..], &["--purpose", "care at home"]].concat());
    crate::community::sees(&centre, &elder);
    centre.ask(&["--as", "李明", "elder", "edit", &elder, "note", "visited on Monday"]);
    let told = |shown: &Value| shown.to_string().contains("visited on Monday").then_some(());
    hub.await_answer(&["elder", "show", &elder], told);

    // A date is kept, moved earlier, and never later.
    let end = ["--as", "高主任", "person", "end", "李明"];
    let planned = centre.ask(&[&end[..], &["--on", "2090-06-30"]].concat());
    assert_eq!((&planned["ended"], &planned["qualification"]), (&json!(false), &json!("HL-2231")));
    refused(&centre.run(&[&end[..], &["--on", "2091-06-30"]].concat()), "conflict");
    centre.ask(&["person", "switch", "李明"]);
    let ended = centre.ask(&end);
    assert_eq!(ended["ended"], true);

    // Neither by the seat nor by the PIN does she act, read, or take a seat.
    let seat = |words: &[&str]| finished(centre.command(words).env_remove("LINLI_PIN"));
    refused(&seat(&["elder", "show", &elder]), "forbidden");
    refused(&seat(&["elder", "edit", &elder, "note", "again"]), "wrong-secret");
    centre.ask(&["person", "leave"]);
    let alert = centre.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    for words in [
        &["--as", "李明", "elder", "show", &elder][..],
        &["--as", "李明", "alert", "ack", &alert],
        &["--as", "李明", "elder", "edit", &elder, "note", "again"],
        &["person", "switch", "李明"],
        &["person", "pin", "李明"],
        &end,
    ] {
        let run = with_pins(&centre, words, "2468", "9753");
        assert!(refused(&run, "forbidden").contains("the end date has passed"), "{words:?}");
    }
    centre.stop();
    centre.up();
    refused(&centre.run(&["person", "switch", "李明"]), "forbidden");
    hub.await_answer(&["elder", "show", &elder], told);
    assert_eq!((withheld(&hub, "profile"), withheld(&centre, "profile")), (vec![], vec![]));
    let audit = centre.ask(&["keys", "audit", "--by", "高主任"])["rows"].clone();
    let rows = audit.as_array().unwrap().iter().filter(|row| row["what"] == "person-ended");
    let whom: Vec<&str> = rows.map(|row| row["detail"].as_str().unwrap()).collect();
    assert!(whom.len() == 2 && whom.iter().all(|who| who.contains("李明")), "{audit}");
}

#[test]
fn an_end_in_the_past_holds_back_what_was_signed_since_until_it_is_admitted() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    centre.ask(&["person", "add", "李明", "--role", "carer"]);
    let elder = add_elder(&hub, "王秀英");
    let party = centre.ask(&["status"])["party"].as_str().unwrap().to_owned();
    let grant = ["keys", "grant", &elder, &party, "--scope", "care", "--right", "write"];
    hub.ask(&[&grant[..], &["--purpose", "care at home"]].concat());
    crate::community::sees(&centre, &elder);
    let shown =
        |text: &'static str| move |shown: &Value| shown.to_string().contains(text).then_some(());
    centre.ask(&["--as", "李明", "elder", "edit", &elder, "note", "signed too late"]);
    hub.await_answer(&["elder", "show", &elder], shown("signed too late"));

    // The key was out of hand since long ago, as is found out today.
    centre.ask(&["person", "end", "李明", "--on", "2020-01-01"]);
    let held = hub.await_answer(&["keys", "held", "list"], |list| {
        list.as_array()?.iter().find(|row| row["reason"] == "person_ended").cloned()
    });
    assert_eq!((&held["by"]["party"]["party"], &held["may_judge"]), (&json!(party), &json!(true)));
    let without = hub.ask(&["elder", "show", &elder]).to_string();
    assert!(!without.contains("signed too late") && without.contains("王秀英"), "{without}");
    assert_eq!(withheld(&hub, "profile").len(), 1);
    hub.ask(&["keys", "held", "admit", held["entry"].as_str().unwrap()]);
    for desk in [&*hub, &*centre] {
        desk.await_answer(&["elder", "show", &elder], shown("signed too late"));
    }
}

#[test]
fn a_pin_is_changed_by_the_person_and_reset_by_the_steward() {
    let folder = folder();
    let mut centre = crate::community::centre(folder.path(), None, crate::community::LOOPBACK);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let switch = ["person", "switch", "李明"];
    let change = ["person", "pin", "李明"];
    refused(&with_pins(&centre, &change, "0000", "1357"), "wrong-secret");
    assert_eq!(with_pins(&centre, &change, "2468", "135").code, 2, "too short");
    assert_eq!(with_pins(&centre, &change, "2468", "1357").code, 0);
    refused(&centre.run(&switch), "wrong-secret");
    centre.stop();
    centre.up();
    assert_eq!(with_pins(&centre, &switch, "1357", "").code, 0);
    centre.ask(&["person", "leave"]);

    centre.ask(&["person", "add", "高主任", "--role", "steward"]);
    refused(&with_pins(&centre, &["person", "reset", "李明"], "8642", ""), "forbidden");
    let reset = ["--as", "高主任", "person", "reset", "李明"];
    let renewed = with_pins(&centre, &reset, "2468", "8642");
    assert_eq!(renewed.code, 0, "{renewed:?}");
    let rows = people(&centre, "李明");
    let of = |ended: bool| rows.iter().find(|row| row["ended"] == ended).unwrap();
    assert_eq!((rows.len(), &of(false)["id"]), (2, &renewed.answer()["id"]));
    assert_eq!(of(false)["role"], of(true)["role"]);
    // The name means who acts; the former key is named by its id, and acts no more.
    assert_eq!(with_pins(&centre, &switch, "8642", "").code, 0);
    let former = of(true)["id"].as_str().unwrap();
    refused(&with_pins(&centre, &["person", "switch", former], "1357", ""), "forbidden");
    centre.stop();
}
