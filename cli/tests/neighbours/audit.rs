//! The audit: acts and readings are found in it, it is verified here and by somebody without a node,
//! and a node that is killed keeps act and record together.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, centre, centre_and_hub, elders, folder, id},
    site::{Desk, Run, finished, plain},
};

fn audit(node: &Desk, words: &[&str]) -> Vec<Value> {
    let words = [&["keys", "audit", "--limit", "1000"], words].concat();
    node.ask(&words)["rows"].as_array().unwrap().clone()
}

fn of_kind<'a>(rows: &'a [Value], what: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["what"] == what).collect()
}

/// Verifies a file as an inspector does: with the program and the file, and nothing else.
fn inspect(file: &Path, words: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linli"));
    command.env_clear().env("LINLI_LANG", "en").stdin(Stdio::null());
    command.args(["--json", "keys", "audit", "--verify"]).arg(file).args(words);
    finished(&mut command)
}

fn broken(file: &Path) -> (u64, String) {
    let run = inspect(file, &[]);
    assert_eq!(run.code, 1, "{run:?}");
    let answer = run.answer();
    let broken = if answer["broken"].is_object() { &answer["broken"] } else { &answer };
    (broken["sequence"].as_u64().unwrap(), broken["why"].as_str().unwrap().to_owned())
}

#[test]
fn acts_and_readings_are_found_by_elder_party_person_and_period() {
    let folder = folder();
    let (mut centre, hub) = centre_and_hub(folder.path());
    centre.ask(&["person", "add", "李明", "--role", "steward"]);
    let (elder, other) = (add_elder(&centre, "王秀英"), add_elder(&centre, "李桂兰"));
    let party = hub.ask(&["status"])["party"].as_str().unwrap().to_owned();
    let grant = ["--scope", "care", "--right", "read", "--purpose", "care at home"];
    let grant = [&["--as", "李明", "keys", "grant", &elder, &party], &grant[..]].concat();
    let wrong = finished(centre.command(&grant).env("LINLI_PIN", "0000"));
    assert_eq!((wrong.code, wrong.refusal().0.as_str()), (4, "wrong-secret"));
    centre.ask(&grant);
    let wrong = centre.command(&["--as", "李明", "elder", "show", &elder]);
    let wrong = finished({ wrong }.env("LINLI_PIN", "0000"));
    assert_eq!((wrong.code, wrong.refusal().0.as_str()), (4, "wrong-secret"));
    for _ in 0..3 {
        centre.ask(&["--as", "李明", "elder", "show", &elder]);
    }
    centre.ask(&["elder", "show", &other]);

    let rows = audit(&centre, &[]);
    let numbers: Vec<u64> = rows.iter().map(|row| row["sequence"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| *a == b + 1) && numbers.last() == Some(&1), "{numbers:?}");
    for what in ["founded", "enrolled", "node-certified", "space-begun", "rotated", "granted"] {
        assert!(!of_kind(&rows, what).is_empty(), "{what}: {rows:#?}");
    }
    let added = of_kind(&rows, "person-added");
    assert!(added.len() == 1 && added[0]["detail"].as_str().unwrap().contains("李明"));

    let about = audit(&centre, &["--elder", "王秀英"]);
    assert!(about.iter().all(|row| row["elder"] == elder), "{about:#?}");
    let granted = of_kind(&about, "granted");
    let granted: Vec<_> = granted.iter().filter(|row| row["party"] == party).collect();
    assert_eq!(granted.len(), 1, "{about:#?}");
    let row = granted[0];
    assert_eq!((&row["person"], &row["of"]), (&"李明".into(), &"care".into()));
    assert_eq!(
        (&row["names"][0], &row["detail"]),
        (&"王秀英".into(), &"read: care at home".into())
    );
    // Three readings within a minute are one record until the minute is over.
    let read = of_kind(&about, "read");
    assert_eq!(read.len(), 1, "{about:#?}");
    assert_eq!((&read[0]["person"], &read[0]["of"]), (&"李明".into(), &"elder.show".into()));
    assert_eq!(read[0]["count"], 1);
    let unnamed = audit(&centre, &["--elder", &other]);
    assert_eq!(of_kind(&unnamed, "read")[0]["person"], Value::Null);

    let by_party = audit(&centre, &["--party", &party]);
    assert!(!by_party.is_empty() && by_party.iter().all(|row| row["party"] == party));
    assert!(!of_kind(&by_party, "enrolled").is_empty());
    let by_person = audit(&centre, &["--by", "李明"]);
    assert!(by_person.iter().all(|row| row["person"] == "李明") && by_person.len() >= 2);
    assert_eq!(audit(&centre, &["--since", "2100-01-01"]), Vec::<Value>::new());
    assert_eq!(audit(&centre, &["--until", "2020-01-01"]), Vec::<Value>::new());
    assert!(
        audit(&centre, &["--since", "2020-01-01", "--until", "2100-01-01"]).len() >= rows.len()
    );

    // A page ends where the next one begins.
    let page = centre.ask(&["keys", "audit", "--limit", "3"]);
    let next = page["next"].as_u64().unwrap().to_string();
    assert_eq!(page["rows"].as_array().unwrap().len(), 3);
    let then = centre.ask(&["keys", "audit", "--limit", "1", "--before", &next]);
    assert_eq!(then["rows"][0]["sequence"].as_u64().unwrap() + 1, next.parse::<u64>().unwrap());
    // The repeats of the minute are written down when the node stops.
    centre.stop();
    centre.up();
    let about = audit(&centre, &["--elder", &elder]);
    let repeated: Vec<_> =
        of_kind(&about, "read").into_iter().filter(|row| row["detail"] == "repeated").collect();
    assert!(repeated.len() == 1 && repeated[0]["count"] == 2, "{about:#?}");
}

#[test]
fn an_export_is_verified_without_a_node_and_every_change_in_it_is_named() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let (elder, other) = (add_elder(&centre, "王秀英"), add_elder(&centre, "李桂兰"));
    centre.ask(&["elder", "show", &elder]);
    centre.ask(&["elder", "show", &other]);
    // The node signs within a second or two.
    centre.await_answer(&["keys", "audit", "--verify"], |verdict| {
        assert_eq!(verdict["broken"], Value::Null);
        (verdict["unsigned"] == 0 && verdict["verified"].as_u64()? > 5).then_some(())
    });
    let file = folder.path().join("audit");
    let path = file.to_str().unwrap();
    let exported = centre.ask(&["keys", "audit", "--export", path]);
    assert_eq!((&exported["first"], &exported["withheld"]), (&1.into(), &0.into()));
    let again = centre.run(&["keys", "audit", "--export", path]);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let run = inspect(&file, &["--limit", "1000"]);
    assert_eq!(run.code, 0, "{run:?}");
    let seen = run.answer();
    assert_eq!(seen["node"], id(&centre));
    assert_eq!((&seen["verified"], &seen["last"]), (&exported["last"], &exported["last"]));
    assert_eq!((&seen["unsigned"], &seen["broken"]), (&0.into(), &Value::Null));
    let community = centre.ask(&["status"])["community"].clone();
    assert_eq!(
        [&seen["community"]["name"], &seen["community"]["id"]],
        [&community[0], &community[1]]
    );
    assert_eq!(seen["community"]["member"], true);
    let read = inspect(&file, &["--elder", &elder]).answer();
    let read = of_kind(read["rows"].as_array().unwrap(), "read").len();
    assert_eq!(read, 1);

    let signed = of_kind(seen["rows"].as_array().unwrap(), "signed");
    let signed: Vec<u64> = signed.iter().map(|row| row["sequence"].as_u64().unwrap()).collect();
    let last = exported["last"].as_u64().unwrap();
    every_change_is_named(folder.path(), &fs::read(&file).unwrap(), &signed, last);
    let none = folder.path().join("none");
    fs::write(&none, "a letter to the inspector\n").unwrap();
    let verify = centre.command(&["keys", "audit", "--verify", none.to_str().unwrap()]);
    let said = finished(&mut plain(&verify));
    assert!(said.code == 1 && said.out.contains("no file of an exported audit"), "{said:?}");

    // An inspector of one elder learns nothing of the other.
    let part = folder.path().join("part");
    let exported =
        centre.ask(&["keys", "audit", "--elder", &elder, "--export", part.to_str().unwrap()]);
    assert!(exported["withheld"].as_u64().unwrap() > 0);
    let bytes = fs::read(&part).unwrap();
    let holds = |elder: &str| {
        let id = uuid(elder);
        bytes.windows(id.len()).any(|window| window == id)
    };
    assert!(holds(&elder) && !holds(&other));
    let seen = inspect(&part, &[]).answer();
    assert_eq!((&seen["withheld"], &seen["broken"]), (&exported["withheld"], &Value::Null));
    assert!(!of_kind(&audit(&centre, &[]), "exported").is_empty());
    centre.stop();
}

/// A changed byte is found at its record or at the next of the node's signatures, and so is an early end.
fn every_change_is_named(folder: &Path, good: &[u8], signed: &[u64], last: u64) {
    let tampered = folder.join("tampered");
    for at in (0..good.len()).step_by(good.len() / 12) {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        fs::write(&tampered, bad).unwrap();
        // At the record that was changed, or at the next signature over it; what stands before the
        // first record is signed by the last item, which has the number of the last record.
        let item = item_at(good, at);
        let next = signed.iter().filter(|number| **number > item).min();
        let until = if item == 0 { last + 1 } else { next.map_or(last + 1, |number| *number) };
        let (number, why) = broken(&tampered);
        assert!((item.min(last)..=until).contains(&number), "byte {at} of {item}: {number} {why}");
        fs::write(&tampered, &good[..at]).unwrap();
        let (number, why) = broken(&tampered);
        assert!(
            number <= last + 1 && ["unfinished", "malformed"].contains(&why.as_str()),
            "{at} {why}"
        );
    }
    let mut longer = good.to_vec();
    longer.extend_from_slice(good);
    fs::write(&tampered, longer).unwrap();
    assert_eq!(broken(&tampered).1, "order");
}

/// The number of the record that holds a byte of an export; 0 is what stands before the first.
fn item_at(export: &[u8], byte: usize) -> u64 {
    let (mut item, mut end) = (0, 0);
    loop {
        let length = <[u8; 4]>::try_from(&export[end..end + 4]).unwrap();
        end += 4 + usize::try_from(u32::from_le_bytes(length)).unwrap();
        if byte < end {
            return item;
        }
        item += 1;
    }
}

fn uuid(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|digit| *digit != b'-').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn a_killed_node_has_every_act_with_its_record_or_neither() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut acknowledged = BTreeSet::new();
    for round in 0..4_u64 {
        thread::scope(|scope| {
            let writers: Vec<_> = (0..2)
                .map(|writer| {
                    let desk = (*centre).clone();
                    scope.spawn(move || write(&desk, &format!("{round}-{writer}")))
                })
                .collect();
            // Which moment of a write the kill meets is left to the round's figures.
            thread::sleep(Duration::from_millis(700 + round * 13));
            centre.kill();
            acknowledged.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
        });
        centre.up();
        let begun: Vec<String> = of_kind(&audit(&centre, &[]), "space-begun")
            .into_iter()
            .filter(|row| row["of"] == "care")
            .map(|row| row["elder"].as_str().unwrap().to_owned())
            .collect();
        let shown = elders(&centre);
        assert!(shown.is_superset(&acknowledged), "acknowledged and lost");
        assert_eq!(begun.len(), shown.len(), "round {round}: an act without record, or twice");
        assert_eq!(begun.into_iter().collect::<BTreeSet<_>>(), shown);
        let verdict = centre.ask(&["keys", "audit", "--verify"]);
        assert_eq!(verdict["broken"], Value::Null, "{verdict}");
    }
    assert!(!acknowledged.is_empty(), "nothing was written before any kill");
    centre.await_answer(&["keys", "audit", "--verify"], |verdict| {
        (verdict["unsigned"] == 0).then_some(())
    });
    centre.stop();
}

/// Adds elders until the node is gone; returns those that were acknowledged.
fn write(desk: &Desk, name: &str) -> Vec<String> {
    let mut written = Vec::new();
    for number in 0.. {
        let run = desk.run(&["elder", "add", "--name", &format!("{name}-{number}")]);
        if run.code != 0 {
            break;
        }
        written.push(run.answer()["elder"].as_str().unwrap().to_owned());
    }
    written
}
