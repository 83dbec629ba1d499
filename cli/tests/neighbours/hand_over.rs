//! An elder whom the centre serves gets a hub, and later the family takes over.

use std::fs;

use serde_json::{Value, json};

use crate::{
    community::{add_elder, met, sees},
    officers::{Town, enrolled_in_parallel, town},
    site::Site,
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
    let handed = hub.ask(&["keys", "hand-over", &elder, &daughter, "--keep", "read"]);
    assert_eq!(handed["request"], Value::Null);
    assert!(handed["spaces"].as_array().unwrap().iter().all(|row| row["state"] == "handed_over"));
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
