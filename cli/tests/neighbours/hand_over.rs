//! An elder whom the centre serves gets a hub, and later the family takes over.

use std::fs;

use serde_json::{Value, json};

use crate::{
    community::{add_elder, met, sees},
    officers::{Town, enrolled_in_parallel, town},
    site::{Site, wait},
};

const PHONE: &str = "13800138000";

fn party(node: &Site) -> String {
    node.ask(&["status"])["party"].as_str().unwrap().to_owned()
}

fn shows(node: &Site, elder: &str, text: &str) {
    node.await_answer(&["elder", "show", elder], |shown| {
        shown.to_string().contains(text).then_some(())
    });
}

/// Who owns what of an elder, as a node sees it: scope and party.
fn owners(node: &Site, elder: &str) -> Vec<(String, String)> {
    let rows = node.ask(&["keys", "grants", elder]);
    let owner = |row: &&Value| row["right"] == "owner";
    let told = |row: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&row["scope"]), text(&row["party"]["party"]))
    };
    rows.as_array().unwrap().iter().filter(owner).map(told).collect()
}

/// The officers sign the hand-over far from any node, and it is brought in.
fn signed_by_officers(town: &Town, elder: &str, household: &str) {
    let [li, wang, zhao] = &town.officers;
    let begun = town.centre.run(&["keys", "hand-over", elder, household]);
    assert_eq!(begun.code, 6, "{begun:?}");
    let answer = begun.answer();
    assert_eq!(
        answer["spaces"],
        json!([{ "scope": "care", "state": "officers" }, { "scope": "emergency", "state": "officers" }])
    );
    let deed = &answer["request"]["deeds"][0];
    assert_eq!((&deed["deed"], &deed["elder"]), (&json!("hand-over"), &json!("王秀英")));
    assert_eq!((&deed["from"], &deed["to"]["party"]), (&Value::Null, &json!(household)));
    assert_eq!(deed["to"]["nodes"][0]["label"], "second");
    assert_eq!(town.centre.ask(&["keys", "inbox"])[0]["detail"]["key"], "inbox-hand-over");

    let file = town.export("hand-over");
    let copy = town.copy(&file, "hand-over-copy");
    // The words that the officers read cannot be changed on the way.
    let bytes = fs::read(&file).unwrap();
    let name = "王秀英".as_bytes();
    let at = bytes.windows(name.len()).position(|part| part == name).unwrap();
    let mut other = bytes;
    other[at..at + name.len()].copy_from_slice("李明明".as_bytes());
    let forged = town.file("forged");
    fs::write(&forged, other).unwrap();
    assert_eq!(wang.sign(&forged).code, 2);
    assert_eq!(town.import(&[&forged]).code, 2);

    let first = li.sign(&file);
    assert_eq!((first.code, &first.answer()["state"]), (0, &json!("waits")), "{first:?}");
    assert_eq!(zhao.sign(&copy).code, 0);
    assert_eq!(town.import(&[&file]).code, 6, "one of two");
    assert!(owners(&town.centre, elder).is_empty(), "the community's still");
    let done = town.import(&[&copy]);
    assert_eq!((done.code, &done.answer()["state"]), (0, &json!("counts")), "{done:?}");
    assert_eq!(town.import(&[&file, &copy]).refusal().0, "conflict", "once");
    assert!(town.centre.ask(&["keys", "requests"]).as_array().unwrap().is_empty());
}

/// The owner asks, and the officers confirm.
fn handed_on_by_the_hub(town: &Town, hub: &Site, elder: &str, daughter: &str, keep: &str) {
    let [li, wang, _] = &town.officers;
    let begun = hub.run(&["keys", "hand-over", elder, daughter, "--keep", keep]);
    assert_eq!(begun.code, 6, "{begun:?}");
    let answer = begun.answer();
    let deed = &answer["request"]["deeds"][0];
    assert_eq!(deed["from"]["party"], json!(party(hub)));
    let file = town.file("hand-on");
    let (id, path) = (answer["request"]["id"].as_str().unwrap(), file.to_str().unwrap());
    hub.ask(&["keys", "requests", "export", id, path]);
    assert_eq!(li.sign(&file).code, 0);
    assert_eq!(wang.sign(&file).code, 0);
    let done = hub.run(&["keys", "requests", "import", path]);
    assert_eq!((done.code, &done.answer()["state"]), (0, &json!("counts")), "{done:?}");
}

#[test]
fn an_elder_without_a_device_is_handed_to_a_hub_and_on_to_the_family() {
    let town = town();
    let elder = add_elder(&town.centre, "王秀英");
    town.centre.ask(&["elder", "edit", &elder, "phone", PHONE]);
    town.centre.ask(&["elder", "edit", &elder, "card/allergies", "penicillin"]);
    let mut hub = enrolled_in_parallel(&town);
    let (household, desk) = (party(&hub), party(&town.centre));
    signed_by_officers(&town, &elder, &household);

    // The hub owns it and reads all that was written before it was there.
    sees(&hub, &elder);
    shows(&hub, &elder, PHONE);
    shows(&hub, &elder, "penicillin");
    let both = [("care", &household), ("emergency", &household)];
    let both = both.map(|(scope, party)| (scope.to_owned(), party.clone()));
    assert_eq!(
        (owners(&hub, &elder), owners(&town.centre, &elder)),
        (both.to_vec(), both.to_vec())
    );
    let audit = town.centre.ask(&["keys", "audit", "--limit", "1000"]).to_string();
    assert_eq!(audit.matches("\"handed-over\"").count(), 2, "{audit}");
    // Nobody else hands it over again, the officers neither.
    let late = town.centre.run(&["keys", "hand-over", &elder, &desk]);
    assert_eq!((late.code, late.refusal().0.as_str()), (4, "forbidden"), "{late:?}");

    // What is written from here on is for whom the hub wants.
    hub.ask(&["keys", "revoke", &elder, &desk]);
    hub.ask(&["elder", "edit", &elder, "housing", "ground floor"]);
    shows(&hub, &elder, "ground floor");
    let family = town.joined("daughter", "family");
    met(&family, &hub);
    let daughter = party(&family);
    handed_on_by_the_hub(&town, &hub, &elder, &daughter, "read");
    sees(&family, &elder);
    shows(&family, &elder, "ground floor");
    shows(&family, &elder, PHONE);
    let refused = hub.run(&["elder", "edit", &elder, "note", "still mine"]);
    assert_eq!(refused.code, 4, "it kept the right to read: {refused:?}");
    family.ask(&["elder", "edit", &elder, "note", "visits on Sundays"]);
    shows(&hub, &elder, "visits on Sundays");
    let rows = hub.ask(&["keys", "grants", &elder, "--all"]);
    let former = rows.as_array().unwrap().iter().find(|row| {
        row["party"]["party"] == *household && row["right"] == "owner" && row["scope"] == "care"
    });
    assert_eq!(former.unwrap()["state"], "handed_over");
    let seen = town.centre.ask(&["elder", "show", &elder]).to_string();
    assert!(!seen.contains("ground floor") && !seen.contains("Sundays"), "{seen}");

    // It is there after a restart.
    hub.stop();
    hub.up();
    shows(&hub, &elder, "visits on Sundays");
}

/// Waits until the card that the desk reads in an alert holds a text.
fn opens(desk: &Site, alert: &Value, text: &str) {
    let alert = alert["alert"].as_str().unwrap();
    desk.await_answer(&["--as", "李明", "alert", "card", alert], |answer| {
        answer["cards"].to_string().contains(text).then_some(())
    });
}

#[test]
fn a_card_that_was_handed_over_opens_with_alerts_as_before_and_not_without() {
    let town = town();
    let desk = &town.centre;
    let elder = add_elder(desk, "王秀英");
    desk.ask(&["elder", "edit", &elder, "card/allergies", "penicillin"]);
    desk.ask(&["person", "add", "李明", "--role", "operator"]);
    let hub = enrolled_in_parallel(&town);
    signed_by_officers(&town, &elder, &party(&hub));
    shows(&hub, &elder, "penicillin");
    // The centre is its steward still: that is no leave to look.
    let shown = desk.ask(&["elder", "show", &elder]).to_string();
    assert!(!shown.contains("penicillin"), "{shown}");
    hub.ask(&["keys", "revoke", &elder, &party(desk)]);
    opens(desk, &hub.ask(&["alert", "raise", &elder]), "penicillin");

    // The daughter owns it, and the hub in the flat raises alerts as before.
    let family = town.joined("daughter", "family");
    met(&family, &hub);
    handed_on_by_the_hub(&town, &hub, &elder, &party(&family), "write");
    shows(&family, &elder, "penicillin");
    // Nobody has written under her key yet; her alerts open the card all the same.
    wait("her node writes the card whole under its own key", || {
        let alert = family.ask(&["alert", "raise", &elder, "--kind", "gas"]);
        let shown = family.ask(&["alert", "show", alert["alert"].as_str().unwrap()]);
        (shown["view"]["card"]["given"] != json!([])).then_some(())
    });
    opens(desk, &family.ask(&["alert", "raise", &elder, "--kind", "gas"]), "penicillin");
    family.ask(&["elder", "edit", &elder, "card/allergies", "latex"]);
    shows(&hub, &elder, "latex");
    hub.ask(&["person", "add", "王小明", "--role", "family"]);
    let record = ["--as", "王小明", "keys", "consent", "record", &elder, "--to", &party(desk)];
    let what = ["--purpose", "visits", "--category", "care", "--paper", "folder 7"];
    hub.ask(&[&record[..], &what].concat());
    let alert = hub.ask(&["alert", "raise", &elder, "--kind", "fall"]);
    opens(desk, &alert, "latex");
    let id = alert["alert"].as_str().unwrap();
    wait("the daughter hears of it", || {
        (family.run(&["alert", "show", id]).code == 0).then_some(())
    });
}
