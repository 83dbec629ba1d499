//! Who holds which kind of data, for what purpose and how long: counted, and nobody named.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder, join, met},
    site::Site,
};

const ELDERS: [&str; 2] = ["王秀英", "李桂兰"];

/// A consent of an elder to the provider, and a grant that rests on it; returns the consent.
fn granted(centre: &Site, elder: &str, why: &str) -> String {
    let words = ["--as", "高主任", "keys", "consent", "record", elder, "--to", "+Fast Care"];
    let what = ["--purpose", "visits", "--category", "care", "--paper", "folder 7"];
    let how = ["--until", "2098-12-31", "--keep-days", "90", "--necessity", why];
    let consent = centre.ask(&[&words[..], &what, &how].concat())["consent"].clone();
    let words = ["keys", "grant", elder, "+Fast Care", "--scope", "care", "--right", "read"];
    centre.ask(&[&words[..], &["--purpose", "visits"]].concat());
    consent.as_str().unwrap().to_owned()
}

fn rows(map: &Value, party: &Value) -> Vec<Value> {
    let rows = map["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["party"]["party"] == *party).cloned().collect()
}

#[test]
fn the_map_counts_who_holds_what_on_which_ground_and_names_no_elder() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut provider = Site::init(folder.path().join("provider"), None, LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "+Fast Care"]);
    let carrier = Site::init(folder.path().join("carrier"), None, LOOPBACK);
    join(&centre, &carrier, &["carrier", "--name", "Relay of the district"]);
    provider.up();
    met(&centre, &provider);
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    for elder in ELDERS {
        add_elder(&centre, elder);
    }
    let consent = granted(&centre, ELDERS[0], "so that the carer knows the way");
    granted(&centre, ELDERS[1], "to visit 李桂兰 each morning");
    let [own, other] = [&centre, &provider].map(|site| site.ask(&["status"])["party"].clone());

    let map = centre.ask(&["keys", "datamap"]);
    assert!(ELDERS.iter().all(|name| !map.to_string().contains(name)), "{map}");
    assert_eq!((&map["elders"], &map["left_out"]), (&json!(2), &json!(0)), "{map}");
    let theirs = rows(&map, &other);
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    let row = &theirs[0];
    for (key, expected) in [
        ("state", json!("standing")),
        ("category", json!("care")),
        ("right", json!("read")),
        ("purpose", json!("visits")),
        ("ground", json!("consent")),
        ("elders", json!(2)),
        ("spaces", json!(2)),
        ("keep_days", json!(90)),
        ("necessity", json!(["so that the carer knows the way"])),
    ] {
        assert_eq!(row[key], expected, "{key} of {row}");
    }
    assert!(row["until_ms"].as_u64().unwrap() > row["since_ms"].as_u64().unwrap());
    let ours = rows(&map, &own);
    let care = ours.iter().find(|row| row["category"] == "care").unwrap();
    assert_eq!((&care["ground"], &care["elders"]), (&json!("care"), &json!(2)));
    assert_eq!((&care["right"], &care["until_ms"]), (&json!("steward"), &Value::Null));
    let holders = map["holders"].as_array().unwrap();
    let nodes = holders.iter().find(|holder| holder["party"]["party"] == other).unwrap();
    assert_eq!(nodes["nodes"][0]["label"], "provider");
    // A provider goes from home to home and carries for others too.
    let carriers = map["carriers"].as_array().unwrap().iter();
    let labels: BTreeSet<&str> = carriers.map(|of| of["node"]["label"].as_str().unwrap()).collect();
    assert_eq!(labels, BTreeSet::from(["carrier", "provider"]));

    withdrawn_and_written(&centre, &consent, &other);
    // The provider's own map holds what it was given, and nothing of the other spaces.
    let map = provider.ask(&["keys", "datamap"]);
    assert!(map["rows"].as_array().unwrap().iter().all(|row| row["category"] == "care"), "{map}");
    centre.stop();
    centre.up();
    assert_eq!(rows(&centre.ask(&["keys", "datamap"]), &other)[0]["elders"], 1, "as it is stored");
}

/// What was withdrawn is among what is over, and the files say the same as the screen.
fn withdrawn_and_written(centre: &Site, consent: &str, party: &Value) {
    centre.ask(&["--as", "高主任", "keys", "consent", "withdraw", ELDERS[0], consent]);
    let standing = rows(&centre.ask(&["keys", "datamap"]), party);
    assert_eq!((standing.len(), &standing[0]["elders"]), (1, &json!(1)));
    assert_eq!(standing[0]["necessity"], json!([]), "what names the elder is not shown");
    let all = rows(&centre.ask(&["keys", "datamap", "--all"]), party);
    let states: Vec<&Value> = all.iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["revoked", "standing"], "{all:?}");

    let file = |name: &str| centre.data().join(name);
    let write = |name: &str| {
        let path = file(name);
        let run = centre.run(&["keys", "datamap", "--all", "--out", path.to_str().unwrap()]);
        (run.code, fs::read_to_string(path).unwrap_or_default())
    };
    let (code, table) = write("map.csv");
    assert!(code == 0 && table.starts_with('\u{feff}'), "{table}");
    let lines: Vec<&str> = table.lines().collect();
    let of_provider: Vec<_> = lines.iter().filter(|line| line.contains("Fast Care")).collect();
    assert_eq!(of_provider.len(), 2, "{table}");
    assert!(of_provider.iter().all(|line| line.starts_with("'+Fast Care,care record,")), "{table}");
    let (code, page) = write("map.md");
    assert!(code == 0 && page.contains("| +Fast Care | care record | reads | visits |"), "{page}");
    assert!(page.contains("carrier (Relay of the district)"), "{page}");
    for text in [&table, &page] {
        assert!(ELDERS.iter().all(|name| !text.contains(name)), "{text}");
    }
    assert_ne!(write("map.csv").0, 0, "a file that is there is not written over");
    assert_eq!((write("map.pdf").0, file("map.pdf").exists()), (2, false));
}
