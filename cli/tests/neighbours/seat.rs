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

/// Who raised an alert, as far as a person is named.
fn raiser(desk: &Desk, alert: &str) -> Value {
    // Whoever asks is named: what the desk's own file says of them is what is tried here.
    let shown = desk.ask(&["--as", "李明", "alert", "show", alert]);
    let first = &shown["view"]["timeline"][0];
    assert_eq!(first["body"]["kind"], "raised", "{shown}");
    first["author"]["person"]["name"].clone()
}

/// The words of somebody who gives a name.
fn named<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["--as", "李明"], words].concat()
}

#[test]
fn an_alert_is_raised_whatever_is_wrong_with_the_name() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    add_elder(&centre, "王秀英");
    let raise = |kind: &str, run: &dyn Fn(&[&str]) -> Run| {
        let run = run(&["alert", "raise", "王秀英", "--kind", kind]);
        assert_eq!(run.code, 0, "{kind}: {run:?}");
        let answer = run.answer();
        assert_eq!(answer["stored"], true, "{kind}: {answer}");
        raiser(&centre, answer["alert"].as_str().unwrap())
    };
    assert_eq!(raise("button", &|words| centre.run(&named(words))), "李明");
    let wrong = |words: &[&str]| finished(centre.command(&named(words)).env("LINLI_PIN", "0000"));
    assert_eq!(raise("fall", &wrong), Value::Null);
    let nobody = |words: &[&str]| centre.run(&[&["--as", "nobody here"], words].concat());
    assert_eq!(raise("smoke", &nobody), Value::Null);
    assert_eq!(raise("inactivity", &|words| without_pin(&centre, &named(words))), Value::Null);

    // Somebody has left the desk; whoever comes by holds what opened it.
    centre.ask(&["person", "switch", "李明"]);
    let file = centre.data().join("seat");
    let former = fs::read(&file).unwrap();
    assert_eq!(raise("silence", &|words| without_pin(&centre, words)), "李明");
    centre.ask(&["person", "leave"]);
    fs::write(&file, &former).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(raise("reading", &|words| without_pin(&centre, words)), Value::Null);
    // The file cannot be trusted, or cannot be read.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(raise("gas", &|words| without_pin(&centre, words)), Value::Null);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, [0xff]).unwrap();
    assert_eq!(raise("other", &|words| without_pin(&centre, words)), Value::Null);
    let list = centre.ask(&["--as", "李明", "alert", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 8);
}
