//! A household whose only hub is gone: officers open its emergency card at the centre.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, folder, join, met, sees},
    site::{Desk, Run, Site, wait},
};

const ALLERGY: &str = "青霉素";
const REASON: &str = "the flat burnt down";

/// A centre whose community has three officers, two of whom must sign.
fn centre(folder: &Path) -> Site {
    let mut centre = Site::init(folder.join("centre"), None, LOOPBACK);
    let officers = ["--officers", "3", "--threshold", "2", "--party-name", "North Gate centre"];
    centre.ask(&[&["community", "create", "North Gate"][..], &officers].concat());
    centre.up();
    centre
}

/// The tag of the space that holds a document, as a node that reads it shows it.
fn space_of(node: &Desk, document: &str) -> String {
    let rows = node.ask(&["documents", "--readable"]);
    let named = |row: &&Value| row["name"].as_str().is_some_and(|name| name.ends_with(document));
    let row = rows.as_array().unwrap().iter().find(named).unwrap();
    row["space"].as_str().unwrap().to_owned()
}

/// What an officer does, at a machine without a node.
fn share(officer: &Desk, file: &str, key: &Path) -> Run {
    officer.run(&["keys", "recover-share", file, "--yes", "--key", key.to_str().unwrap()])
}

fn card(node: &Desk, elder: &str) -> bool {
    node.ask(&["elder", "show", elder])["documents"].to_string().contains(ALLERGY)
}

#[test]
fn officers_open_the_card_of_a_household_whose_hub_is_gone() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let centre = centre(folder.path());
    let [mut hub, mut carrier] =
        ["hub", "carrier"].map(|name| Site::init(folder.path().join(name), None, LOOPBACK));
    join(&centre, &hub, &["household"]);
    join(&centre, &carrier, &["carrier"]);
    hub.up();
    carrier.up();
    met(&hub, &centre);
    met(&hub, &carrier);
    let elder = add_elder(&hub, "王秀英");
    hub.ask(&["elder", "edit", &elder, "card/allergies", ALLERGY]);
    let space = space_of(&hub, "card");
    sees(&centre, &elder);
    // The card's certificates, shares, content and sheet lie at the carrier.
    carrier.await_answer(&["documents"], |rows| {
        let held = rows.as_array()?.iter().filter(|row| row["space"] == space.as_str());
        (held.count() == 4).then_some(())
    });
    hub.kill();
    fs::remove_dir_all(hub.data()).unwrap();
    assert!(!card(&centre, &elder), "the centre was never let in");

    // The centre holds nothing of it, and asks the carrier; then it is rehearsed, and done.
    let officer = Site::at(folder.path().join("nowhere"), None);
    let keys: Vec<_> = (1..=3)
        .map(|number| centre.data().join(format!("officers/officer-{number}.key")))
        .collect();
    for rehearsal in [true, false] {
        let file = path(if rehearsal { "rehearsal.linli" } else { "request.linli" });
        let about = "Wang Xiuying, emergency card";
        let words =
            ["keys", "recover", &space, "--reason", REASON, "--about", about, "--to", &file];
        let words = [&words[..], if rehearsal { &["--rehearse"] } else { &[] }].concat();
        let begun = wait("the carrier has sent what it holds", || {
            let begun = centre.run(&words);
            assert!(matches!(begun.code, 0 | 6), "{begun:?}");
            (begun.code == 0).then(|| begun.answer())
        });
        assert_eq!((&begun["needed"], &begun["space"]), (&2.into(), &space.as_str().into()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let party = share(&officer, &file, &centre.data().join("party.key"));
        assert_ne!(party.code, 0, "{party:?}");
        let first = share(&officer, &file, &keys[0]);
        assert_eq!((first.code, &first.answer()["needed"]), (0, &2.into()), "{first:?}");
        assert!(first.err.contains(REASON) && first.err.contains(about), "{first:?}");
        assert_eq!(first.err.contains("REHEARSAL"), rehearsal, "{first:?}");
        let few = centre.run(&["keys", "recover", "--finish", &file]);
        assert_eq!(few.code, 6, "{few:?}");
        assert!(few.refusal().1.contains("1 of 2"), "{few:?}");
        // Another node can do nothing with the file.
        let stranger = carrier.run(&["keys", "recover", "--finish", &file]);
        assert_eq!(stranger.refusal().0, "conflict", "{stranger:?}");

        let last = share(&officer, &file, &keys[2]);
        assert_eq!(last.answer()["given"].as_array().unwrap().len(), 2, "{last:?}");
        let done = centre.ask(&["keys", "recover", "--finish", &file]);
        assert_eq!((&done["kind"], &done["rehearsal"]), (&"emergency".into(), &rehearsal.into()));
        assert_eq!(card(&centre, &elder), !rehearsal);
        let listed = centre.ask(&["keys", "recoveries"]);
        let rows = listed.as_array().unwrap();
        assert_eq!(rows.len(), if rehearsal { 1 } else { 2 }, "{listed}");
        let row = rows.iter().find(|row| row["id"] == done["id"]).unwrap();
        assert_eq!((&row["proved"], &row["reason"]), (&true.into(), &REASON.into()), "{row}");
        assert_eq!(row["rehearsal"], rehearsal, "{row}");
    }
    // The community is told, without the reason.
    let told = carrier.await_answer(&["keys", "recoveries"], |rows| rows.get(0).cloned());
    assert_eq!((&told["space"], &told["reason"]), (&space.as_str().into(), &Value::Null), "{told}");
    assert_eq!(told["officers"].as_array().unwrap().len(), 2);
    // It stays open after the power fails.
    let mut centre = centre;
    centre.kill();
    centre.up();
    assert!(card(&centre, &elder));
}
