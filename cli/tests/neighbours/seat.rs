//! A shared desk: one PIN for many acts, switched in one command, locked when it is left.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, centre, folder},
    site::{Desk, Run, finished},
};

/// Runs the program where nobody can be asked for a PIN and none is given.
fn without_pin(desk: &Desk, words: &[&str]) -> Run {
    finished(desk.command(words).env_remove("LINLI_PIN"))
}

fn owner(desk: &Desk, alert: &str) -> Value {
    desk.ask(&["alert", "show", alert])["view"]["owner"]["person"]["name"].clone()
}

#[test]
fn people_take_turns_at_a_desk_with_one_pin_each() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    for name in ["李明", "王芳"] {
        centre.ask(&["person", "add", name, "--role", "operator"]);
    }
    add_elder(&centre, "王秀英");
    let alert = centre.ask(&["alert", "raise", "王秀英"])["alert"].as_str().unwrap().to_owned();
    assert_eq!(without_pin(&centre, &["alert", "ack", &alert]).code, 4, "nobody sits here");

    let wrong = finished(centre.command(&["person", "switch", "李明"]).env("LINLI_PIN", "0000"));
    assert_eq!((wrong.code, wrong.refusal().0.as_str()), (4, "wrong-secret"));
    let seated = centre.ask(&["person", "switch", "李明"]);
    assert_eq!((&seated["name"], &seated["idle_minutes"]), (&"李明".into(), &5.into()));
    let file = centre.data().join("seat");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read_to_string(&file).unwrap();
    assert_eq!(without_pin(&centre, &["alert", "ack", &alert]).code, 0);
    assert_eq!(without_pin(&centre, &["alert", "show", &alert]).code, 0);
    assert_eq!(owner(&centre, &alert), "李明");

    // The next takes the seat in one command; what the former had opens nothing more.
    centre.ask(&["person", "switch", "王芳"]);
    let second = fs::read_to_string(&file).unwrap();
    assert_eq!(without_pin(&centre, &["alert", "take-over", &alert]).code, 0);
    assert_eq!(owner(&centre, &alert), "王芳");
    fs::write(&file, &first).unwrap();
    let stale = without_pin(&centre, &["alert", "respond", &alert]);
    assert_eq!((stale.code, stale.refusal().0.as_str()), (4, "wrong-secret"), "{stale:?}");
    fs::write(&file, &second).unwrap();

    // Who is named with a PIN acts, whoever sits there.
    centre.ask(&["--as", "李明", "alert", "take-over", &alert]);
    assert_eq!(owner(&centre, &alert), "李明");
    centre.ask(&["person", "leave"]);
    assert!(!file.exists());
    fs::write(&file, &second).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let locked = without_pin(&centre, &["alert", "respond", &alert]);
    assert_eq!((locked.code, locked.refusal().0.as_str()), (4, "wrong-secret"), "{locked:?}");

    // Nobody sits there after a start.
    centre.ask(&["person", "switch", "王芳"]);
    centre.stop();
    centre.up();
    let started = without_pin(&centre, &["alert", "respond", &alert]);
    assert_eq!((started.code, started.refusal().0.as_str()), (4, "wrong-secret"), "{started:?}");
    centre.ask(&["person", "leave"]);

    let rows = centre.ask(&["keys", "audit", "--by", "李明"])["rows"].clone();
    assert!(rows.as_array().unwrap().iter().any(|row| row["what"] == "read"), "{rows}");
    centre.stop();
}
