//! Where an elder is stays at home, until an alert that opens the card needs it.

use serde_json::{Value, json};

use crate::{
    community::{add_elder, centre_and_hub, folder, sees},
    site::{Desk, plain},
};

const NORTH: &str = "30.274152";
const EAST: &str = "120.15507";

fn locate(node: &Desk, elder: &str, place: [&str; 2], time: &[&str]) -> Value {
    let words = [&["elder", "locate", elder][..], &place, &["--accuracy", "25"], time].concat();
    let run = node.run(&words);
    if run.code == 0 { run.answer() } else { json!(run.refusal().0) }
}

fn raise(node: &Desk, elder: &str, words: &[&str]) -> String {
    let alert = node.ask(&[&["alert", "raise", elder], words].concat());
    alert["alert"].as_str().unwrap().to_owned()
}

fn located(node: &Desk, alert: &str) -> usize {
    let shown = node.ask(&["alert", "show", alert]);
    assert!(!shown.to_string().contains(NORTH), "no view shows it: {shown}");
    shown["view"]["card"]["located"].as_array().unwrap().len()
}

#[test]
fn an_alert_of_the_household_tells_who_reads_the_card_where_the_elder_is() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);

    assert_eq!(locate(&hub, &elder, [NORTH, EAST], &[]), json!({}));
    assert_eq!(locate(&hub, &elder, ["1.5", "1.5"], &["--time", "2026-01-01T08:00:00"]), json!({}));
    assert_eq!(locate(&hub, &elder, ["90.1", EAST], &[]), "invalid");
    assert_eq!(locate(&hub, &elder, ["here", EAST], &[]), "invalid");
    assert_eq!(locate(&hub, &elder, ["1", "2"], &["--time", "2098-01-01T08:00:00"]), "invalid");
    assert_eq!(locate(&centre, &elder, [NORTH, EAST], &[]), "forbidden");
    assert_eq!(centre.run(&["--as", "李明", "elder", "card", &elder]).code, 4);

    // An alert of others waits for the household, and a drill needs nobody's place.
    let alert = hub.ask(&["alert", "raise", &elder]);
    let first = alert["alert"].as_str().unwrap();
    centre.await_answer(&["alert", "show", first], |_| Some(()));
    let theirs = raise(&centre, &elder, &["--kind", "smoke"]);
    hub.await_answer(&["alert", "show", &theirs], |_| Some(()));
    let drill = hub.ask(&["alert", "drill", &elder])["alert"].as_str().unwrap().to_owned();
    let card = ["--as", "李明", "alert", "card", first, "--reason", "找人"];
    let open =
        centre.await_answer(&card, |answer| answer["position"].is_object().then(|| answer.clone()));
    let position = &open["position"];
    assert_eq!(
        ["latitude", "longitude", "accuracy_m"].map(|key| position[key].clone()),
        [json!(NORTH), json!(EAST), json!(25)]
    );
    assert_eq!(open["cards"], json!([]), "there is no card of her");
    let read = &hub.await_answer(&["alert", "show", first], |shown| {
        let read = shown["view"]["card"]["read_by"].as_array()?.first()?;
        Some(read.clone())
    });
    assert_eq!(
        (&read["author"]["person"]["name"], &read["reason"]),
        (&json!("李明"), &json!("找人"))
    );
    let words = plain(&centre.command(&card)).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains(NORTH) && words.contains("within 25 m"), "{words}");

    hub.ask(&["elder", "locate", &elder, "30.5", EAST]);
    let second = raise(&hub, &elder, &["--kind", "wandering"]);
    centre.await_answer(&["--as", "李明", "alert", "card", &second], |answer| {
        (answer["position"]["latitude"] == "30.5").then_some(())
    });
    assert_eq!([first, &second, &theirs, &drill].map(|alert| located(&hub, alert)), [1, 1, 0, 0]);

    for act in [&["ack"][..], &["resolve", "--outcome", "helped"]] {
        centre.ask(&[&["--as", "李明", "alert", act[0], first], &act[1..]].concat());
    }
    assert_eq!(centre.run(&card).refusal().0, "conflict");
}
