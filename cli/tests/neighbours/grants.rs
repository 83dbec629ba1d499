//! Who may read what: on a consent, until it is withdrawn, and what that leaves.

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder, join, met, sees},
    site::{Site, finished, plain},
};

const GRANT: [&str; 10] = [
    "keys",
    "grant",
    "王秀英",
    "Fast Care",
    "--scope",
    "care",
    "--right",
    "write",
    "--purpose",
    "visits",
];

/// The words that record a consent to the provider, by a person.
fn record<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    let words = ["--as", "高主任", "keys", "consent", "record", "王秀英", "--to", "Fast Care"];
    [&words[..], &["--purpose", "visits", "--paper", "folder 7"], rest].concat()
}

fn refused(site: &Site, words: &[&str], expected: &str) -> String {
    let (code, message) = site.run(words).refusal();
    assert_eq!(code, expected, "{words:?}: {message}");
    message
}

/// The rows of the provider's grants.
fn grants(site: &Site, provider: &Value) -> Vec<Value> {
    let rows = site.ask(&["keys", "grants", "王秀英", "--all"]);
    let of = |row: &&Value| row["party"]["party"] == *provider;
    rows.as_array().unwrap().iter().filter(of).cloned().collect()
}

#[test]
fn a_provider_reads_on_a_consent_until_it_is_withdrawn_and_its_late_work_is_judged() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut provider = Site::init(folder.path().join("provider"), None, LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "Fast Care"]);
    provider.up();
    met(&centre, &provider);
    let elder = add_elder(&centre, "王秀英");
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    let party = provider.ask(&["status"])["party"].clone();

    let consent = consented(&centre);
    sees(&provider, &elder);
    let rows = grants(&centre, &party);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!((&row["state"], &row["right"]), (&json!("standing"), &json!("write")));
    assert_eq!((&row["consent"], &row["consent_row"]["state"]), (&consent, &json!("standing")));
    assert_eq!(row["consent_row"]["recorded_by"], "高主任");
    let ends = row["ends_ms"].as_u64().unwrap();
    assert_eq!(ends, row["consent_row"]["ends_ms"].as_u64().unwrap(), "with its consent");

    // The centre is away while the provider writes, and the provider while it loses its right.
    provider.ask(&["elder", "edit", &elder, "phone", "13800138000"]);
    shows(&centre, &elder, "13800138000");
    centre.stop();
    provider.ask(&["elder", "edit", &elder, "note", "the key is under the mat"]);
    provider.stop();
    centre.up();
    withdrawn(&centre, &consent, &party);
    centre.ask(&["elder", "edit", &elder, "housing", "second floor"]);
    provider.up();
    met(&provider, &centre);
    met(&centre, &provider);

    let held = centre.await_answer(&["keys", "held", "list", "王秀英"], |list| {
        list.as_array()?.first().cloned()
    });
    assert_eq!((&held["reason"], &held["own"]), (&json!("past_cut"), &json!(false)));
    assert_eq!(held["by"]["party"]["party"], party);
    audited(&centre, &elder, &consent, &party);
    let entry = held["entry"].as_str().unwrap();
    let desk = centre.ask(&["keys", "inbox"]);
    let section = |name| desk.as_array().unwrap().iter().find(|item| item["section"] == name);
    let waits = section("held").unwrap();
    assert_eq!(
        (&waits["id"], &waits["detail"]["arguments"]["count"]),
        (&held["entry"], &json!("1"))
    );
    assert_eq!(section("consent").unwrap()["detail"]["key"], "inbox-consent");
    told(&provider, entry);
    judged(&centre, &elder, entry);
    let seen = provider.ask(&["elder", "show", &elder]).to_string();
    assert!(seen.contains("13800138000") && !seen.contains("second floor"), "{seen}");
    rotated(&centre);
}

/// Nothing is granted without a consent that covers it; returns the one that does.
fn consented(centre: &Site) -> Value {
    let message = refused(centre, &GRANT, "invalid");
    assert!(message.contains("keys consent record"), "{message}");
    // What is to be typed instead stands there so that it can be pasted, as people read it.
    let asked = finished(&mut plain(&centre.command(&GRANT)));
    let words = "--as NAME keys consent record '王秀英' --to 'Fast Care' --purpose 'visits'";
    assert!(asked.err.contains(words), "{asked:?}");
    refused(centre, &record(&["--category", "care"])[2..], "forbidden");
    let bundled = ["--category", "care", "--category", "health"];
    refused(centre, &record(&bundled), "invalid");
    let until = ["--category", "care", "--until", "2098-12-31"];
    let consent = centre.ask(&record(&until))["consent"].clone();
    let other = ["keys", "grant", "王秀英", "Fast Care", "--scope", "health", "--right", "read"];
    let other = [&other[..], &["--purpose", "visits"]].concat();
    // There is a health record, and the consent is about care.
    let pulse = ["reading", "add", "王秀英", "--code", "8867-4", "--value", "72"];
    centre.ask(&[&pulse[..], &["--unit", "/min"]].concat());
    refused(centre, &other, "invalid");
    refused(centre, &[&other[..], &["--consent", consent.as_str().unwrap()]].concat(), "invalid");
    let longer = [&GRANT[..], &["--until", "2099-12-31"]].concat();
    refused(centre, &longer, "invalid");
    let id = consent.as_str().unwrap();
    let wrong = [&["--as", "高主任"], &GRANT[..]].concat();
    let wrong = finished(centre.command(&wrong).env("LINLI_PIN", "0000"));
    assert_eq!((wrong.code, wrong.refusal().0.as_str()), (4, "wrong-secret"));
    let rows = centre.ask(&["keys", "grants", "王秀英"]);
    assert!(!rows.to_string().contains("Fast Care"), "nothing was given: {rows}");
    let granting = centre.command(&[&GRANT[..], &["--consent", &id[..8]]].concat());
    let granted = finished(&mut plain(&granting));
    assert_eq!(granted.code, 0, "{granted:?}");
    for words in ["Fast Care may read and write the care record", "through 2098-12-31", &id[..8]] {
        assert!(granted.out.contains(words), "{words}: {granted:?}");
    }
    consent
}

/// The withdrawal ends the grant and says what the provider had.
fn withdrawn(centre: &Site, consent: &Value, party: &Value) {
    let id = consent.as_str().unwrap();
    let words = ["--as", "高主任", "keys", "consent", "withdraw", "王秀英", id];
    let statements = centre.ask(&words);
    assert_eq!(statements.as_array().unwrap().len(), 1, "{statements}");
    let exposure = &statements[0];
    assert_eq!((&exposure["scope"], &exposure["removed"]), (&json!("care"), &json!(true)));
    let had = exposure["had"].as_array().unwrap();
    let profile = had.iter().find(|row| row["kind"] == "profile").unwrap();
    // The name, the birth date and the rest in one entry, and the provider's own.
    assert_eq!((&profile["documents"], &profile["entries"]), (&json!(1), &json!(2)), "{had:?}");
    // Its own, and what it gave a receipt for that was kept before the centre was stopped.
    assert!(matches!(profile["known"].as_u64(), Some(1 | 2)), "{had:?}");
    assert!(exposure["known_until_ms"].is_u64());
    let rows = grants(centre, party);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["state"], &rows[0]["consent_row"]["state"]),
        (&json!("revoked"), &json!("withdrawn"))
    );
    assert!(rows[0]["removal"]["hung_on"].is_null());
    refused(centre, &words, "conflict");
    refused(centre, &GRANT, "invalid");
    assert_eq!(centre.ask(&["keys", "exposure", "王秀英", "Fast Care"])[0]["had"], exposure["had"]);
}

/// The audit says who wrote the consent down, and who its withdrawal.
fn audited(centre: &Site, elder: &str, consent: &Value, party: &Value) {
    let words = ["keys", "audit", "--elder", elder, "--by", "高主任"];
    let rows = centre.ask(&words)["rows"].clone();
    let rows = rows.as_array().unwrap().iter().filter(|row| row["what"] == "consent");
    let rows: Vec<&Value> = rows.filter(|row| row["party"] == *party).collect();
    let done: Vec<&str> = rows.iter().map(|row| row["of"].as_str().unwrap()).collect();
    assert_eq!(done, ["withdrawn", "given"], "{rows:?}");
    let detail = format!("{} care: visits", consent.as_str().unwrap());
    assert!(rows.iter().all(|row| row["detail"] == detail.as_str()), "{rows:?}");
}

/// The author's own node says that its work is held back, and cannot let it count.
fn told(provider: &Site, entry: &str) {
    let own = provider.await_answer(&["keys", "held", "list"], |list| {
        list.as_array()?.iter().find(|row| row["entry"] == entry).cloned()
    });
    assert_eq!((&own["own"], &own["may_judge"]), (&json!(true), &json!(false)));
    provider.await_answer(&["status"], |status| {
        let warnings = status["warnings"].as_array()?.iter().filter_map(Value::as_str);
        warnings.into_iter().find(|warning| warning.contains("held back")).map(drop)
    });
    refused(provider, &["keys", "held", "admit", entry], "forbidden");
}

/// A steward looks, refuses, thinks again and admits.
fn judged(centre: &Site, elder: &str, entry: &str) {
    let short = &entry[..12];
    let shown = centre.ask(&["keys", "held", "show", short]);
    assert!(shown["writes"].to_string().contains("the key is under the mat"), "{shown}");
    let before = centre.ask(&["elder", "show", elder]).to_string();
    assert!(!before.contains("the key is under the mat"), "{before}");
    centre.ask(&["keys", "held", "refuse", short]);
    assert_eq!(centre.ask(&["keys", "held", "list"]), json!([]));
    assert_eq!(centre.ask(&["keys", "held", "list", "--all"])[0]["refused"], true);
    centre.ask(&["keys", "held", "admit", short]);
    shows(centre, elder, "the key is under the mat");
    assert_eq!(centre.ask(&["keys", "held", "list", "--all"]), json!([]));
}

/// Every space gets a new epoch once, and none again in what is the same piece of work.
fn rotated(centre: &Site) {
    let first = centre.ask(&["keys", "rotate", "--all"]);
    assert!(first["rotated"].as_u64().unwrap() >= 1, "{first}");
    assert_eq!((&first["next"], &first["failed"]), (&Value::Null, &json!(0)));
    let again = centre.ask(&["keys", "rotate", "--all", "--since", "2020-01-01T00:00:00"]);
    assert_eq!((&again["seen"], &again["rotated"]), (&first["seen"], &json!(0)));
    let nobody = centre.ask(&["keys", "rotate", "--expelled"]);
    assert_eq!((&nobody["rotated"], &nobody["revoked"]), (&json!(0), &json!(0)));
}

/// Waits until a node shows this text of an elder.
fn shows(site: &Site, elder: &str, text: &str) {
    site.await_answer(&["elder", "show", elder], |shown| {
        shown.to_string().contains(text).then_some(())
    });
}

#[test]
fn a_provider_has_an_order_until_it_is_called_back_and_no_longer_than_thirty_days() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let mut provider = Site::init(folder.path().join("provider"), None, LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "Fast Care"]);
    provider.up();
    met(&centre, &provider);
    add_elder(&centre, "王秀英");
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    let party = provider.ask(&["status"])["party"].clone();
    let new = ["order", "new", "王秀英", "daily.meal_delivery", "--channel", "phone"];
    let order = centre.ask(&new)["order"].as_str().unwrap().to_owned();
    centre.ask(&["order", "offer", &order, "--provider", "Fast Care"]);
    let act = |site: &Site, act: &str, before: &str| {
        site.await_answer(&["order", "show", &order], |shown| {
            (shown["stage"] == before).then_some(())
        });
        site.ask(&["order", act, &order]);
    };
    act(&provider, "accept", "offered");
    act(&centre, "confirm", "claimed");
    act(&provider, "start", "confirmed");
    act(&provider, "done", "started");
    let rows = grants(&centre, &party);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["state"], &rows[0]["scope"]),
        (&json!("standing"), &json!(format!("order/{order}")))
    );
    let time = |key: &str| rows[0][key].as_u64().unwrap();
    let days = (time("ends_ms") - time("since_ms")).div_ceil(24 * 3_600_000);
    assert_eq!(days, 30, "by a date in the certificate");

    centre
        .await_answer(&["order", "show", &order], |shown| (shown["stage"] == "done").then_some(()));
    centre.ask(&["--as", "高主任", "order", "callback", &order, "--rating", "5"]);
    centre.await_answer(&["keys", "grants", "王秀英", "--all"], |rows| {
        let rows = rows.as_array()?.iter().filter(|row| row["party"]["party"] == party);
        let states: Vec<&Value> = rows.map(|row| &row["state"]).collect();
        (states == ["revoked"]).then_some(())
    });
    let shown = provider.await_answer(&["order", "show", &order], |shown| {
        (shown["stage"] == "called_back").then(|| shown.clone())
    });
    assert_eq!(shown["holder"]["provider"], party, "what it had, it keeps");
}
