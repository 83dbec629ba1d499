//! What is taken away at one node is taken away at the others that answer for it.

use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, centre_and_hub, folder, join, met, sees},
    site::{Desk, Site},
};

/// A node that has joined, runs, and has met the hub.
fn joined(centre: &Site, hub: &Site, folder: &std::path::Path, party: &[&str]) -> Site {
    let mut node = Site::init(folder.join(party[0]), None, LOOPBACK);
    join(centre, &node, party);
    node.up();
    met(&node, hub);
    met(hub, &node);
    node
}

fn party(node: &Desk) -> String {
    node.ask(&["status"])["party"].as_str().unwrap().to_owned()
}

/// The state of the one grant that a party was given at this node.
fn state(rows: &Value, party: &str) -> Option<String> {
    let mut rows = rows.as_array()?.iter().filter(|row| row["party"]["party"] == party);
    let row = rows.next()?;
    assert!(rows.next().is_none());
    Some(row["state"].as_str()?.to_owned())
}

#[test]
fn a_consent_withdrawn_at_the_centre_ends_the_grant_that_the_hub_gave() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let provider = joined(&centre, &hub, folder.path(), &["provider", "--name", "Fast Care"]);
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    centre.ask(&["person", "add", "高主任", "--role", "steward"]);
    let record = ["--as", "高主任", "keys", "consent", "record", "王秀英", "--to", "Fast Care"];
    let paper = ["--purpose", "visits", "--category", "care", "--paper", "cabinet 2"];
    let until = ["--until", "2098-12-31"];
    let consent = centre.ask(&[&record[..], &paper, &until].concat())["consent"].clone();
    let consent = consent.as_str().unwrap();
    let grant = ["keys", "grant", "王秀英", "Fast Care", "--scope", "care", "--right", "read"];
    let grant = [&grant[..], &["--purpose", "visits"]].concat();
    hub.await_answer(&["keys", "consent", "list", "王秀英"], |list| {
        list.as_array()?.iter().find(|row| row["consent"] == consent).map(drop)
    });
    hub.ask(&grant);
    let again = hub.run(&grant);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"), "it stands already");
    sees(&provider, &elder);

    let withdraw = ["--as", "高主任", "keys", "consent", "withdraw", "王秀英", consent];
    let statements = centre.ask(&withdraw);
    assert_eq!(statements[0]["removed"], false, "the centre is no steward there: {statements}");
    let provider = party(&provider);
    hub.await_answer(&["keys", "grants", "王秀英", "--all"], |rows| {
        (state(rows, &provider)? == "revoked").then_some(())
    });
    // Everybody who looked is in the audit, also who looked at nothing but rights.
    let audit = hub.ask(&["keys", "audit", "--elder", &elder]);
    let looked = |method: &str| {
        audit["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["what"] == "listed" && row["of"] == method)
    };
    assert!(looked("keys.grants") && looked("keys.consent.list"), "{audit}");
}

#[test]
fn family_that_loses_the_card_loses_the_alerts_that_carry_its_key() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let daughter = joined(&centre, &hub, folder.path(), &["family"]);
    let elder = add_elder(&hub, "王秀英");
    hub.ask(&["elder", "edit", &elder, "card/allergies", "青霉素"]);
    let daughter_id = party(&daughter);
    for scope in ["care", "emergency"] {
        let grant = ["keys", "grant", &elder, &daughter_id, "--scope", scope, "--right", "read"];
        hub.ask(&[&grant[..], &["--purpose", "family"]].concat());
    }
    sees(&daughter, &elder);
    let raise = |kind: &str| {
        let raised = hub.ask(&["alert", "raise", &elder, "--kind", kind]);
        raised["alert"].as_str().unwrap().to_owned()
    };
    let first = raise("button");
    let has = |list: &Value, alert: &str| {
        list.as_array().is_some_and(|rows| rows.iter().any(|row| row["alert"] == alert))
    };
    daughter.await_answer(&["alert", "list"], |list| has(list, &first).then_some(()));

    hub.ask(&["keys", "revoke", &elder, &daughter_id]);
    let second = raise("fall");
    centre.await_answer(&["alert", "list"], |list| has(list, &second).then_some(()));
    // What is written after its removal has reached its node and stays closed there.
    met(&daughter, &hub);
    let withheld = daughter.await_answer(&["status"], |status| {
        status["entries_withheld"].as_u64().filter(|count| *count > 0)
    });
    assert!(withheld > 0);
    let list = daughter.ask(&["alert", "list"]);
    assert!(!has(&list, &second), "{list}");

    // Let in again, it has the next alert.
    for scope in ["care", "emergency"] {
        let grant = ["keys", "grant", &elder, &daughter_id, "--scope", scope, "--right", "read"];
        hub.ask(&[&grant[..], &["--purpose", "family"]].concat());
    }
    let third = raise("smoke");
    daughter.await_answer(&["alert", "list"], |list| has(list, &third).then_some(()));
}
