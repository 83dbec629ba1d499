//! The officer's desk: grants near their end, and consents that were withdrawn.

use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};

use crate::{
    community::{add_elder, centre_and_hub, folder, join, sees},
    site::{Desk, Site},
};

/// What the desk lists in a section, as the message and what it names.
fn items(desk: &Desk, section: &str) -> Vec<(String, Value)> {
    let items = desk.ask(&["keys", "inbox"]);
    let items = items.as_array().unwrap().iter().filter(|item| item["section"] == section);
    items.map(|item| (item["detail"]["key"].as_str().unwrap().to_owned(), item.clone())).collect()
}

fn keys(items: &[(String, Value)]) -> Vec<&str> {
    items.iter().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn the_desk_shows_grants_near_their_end_and_consents_that_were_withdrawn() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let provider = Site::init(folder.path().join("provider"), None, crate::community::LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "Fast Care"]);
    hub.ask(&["person", "add", "王小明", "--role", "family"]);
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    hub.await_answer(&["party", "list"], |parties| {
        let mut names = parties.as_array()?.iter().map(|party| &party["name"]);
        names.any(|name| name == "Fast Care").then_some(())
    });
    let until = (&Zoned::now() + 10.days()).date().to_string();
    let words = ["--as", "王小明", "keys", "consent", "record", &elder, "--to", "Fast Care"];
    let what = ["--purpose", "visits", "--category", "care", "--paper", "folder 7"];
    let consent = hub.ask(&[&words[..], &what, &["--until", &until]].concat())["consent"].clone();
    let consent = consent.as_str().unwrap();
    for desk in [&*hub, &*centre] {
        assert_eq!((items(desk, "ending"), items(desk, "consent")), (vec![], vec![]));
    }
    let grant = ["keys", "grant", &elder, "Fast Care", "--scope", "care", "--right", "read"];
    hub.ask(&[&grant[..], &["--purpose", "visits"]].concat());
    let ending = items(&hub, "ending");
    assert_eq!(keys(&ending), ["inbox-grants"]);
    let named = &ending[0].1["detail"]["arguments"];
    assert_eq!((&named["party"], &named["count"]), (&json!("Fast Care"), &json!("1")));
    assert_eq!(ending[0].1["due_ms"].to_string(), named["ends_ms"].as_str().unwrap());
    centre
        .await_answer(&["keys", "inbox"], |_| (!items(&centre, "ending").is_empty()).then_some(()));

    // The centre hears of it and is no steward there: the grant stands until the hub takes it away.
    let withdraw = ["--as", "高主任", "keys", "consent", "withdraw", &elder, consent];
    centre.await_answer(&["keys", "consent", "list", &elder], |rows| {
        (!rows.as_array()?.is_empty()).then_some(())
    });
    hub.stop();
    centre.ask(&withdraw);
    let rests = items(&centre, "consent");
    assert_eq!(keys(&rests), ["inbox-consent-rests"]);
    assert_eq!(rests[0].1["id"], elder);
    assert_eq!(rests[0].1["detail"]["arguments"]["party"], "Fast Care");
    hub.up();
    hub.await_answer(&["keys", "inbox"], |_| items(&hub, "consent").pop());
    // A hub that does so by itself has nothing left to take away.
    hub.run(&["keys", "revoke", &elder, "Fast Care", "--scope", "care"]);
    hub.await_answer(&["keys", "inbox"], |_| {
        (keys(&items(&hub, "consent")) == ["inbox-consent"]).then_some(())
    });
    assert_eq!(items(&hub, "ending"), []);
}
