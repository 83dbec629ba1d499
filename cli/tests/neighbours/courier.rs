//! Homes that never meet while this lasts: a stick between them, and what may happen to it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use linli_tests::{Capability, requires};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    community::{
        LOOPBACK, add_elder, centre, centre_and_hub, documents, elders, folder, id, join, met, sees,
    },
    site::{Desk, Site, finished, plain},
};

/// A place for files.
fn stick(folder: &TempDir) -> impl Fn(&str) -> PathBuf {
    let stick = folder.path().join("stick");
    fs::create_dir(&stick).unwrap();
    move |name| stick.join(name)
}

fn pack(node: &Desk, to: &str, file: &Path) -> Value {
    let packed = node.ask(&["courier", "pack", "--for", to, file.to_str().unwrap()]);
    assert_eq!(packed["written"], true, "{packed}");
    assert_eq!(packed["bytes"], fs::metadata(file).unwrap().len());
    packed
}

fn unpack(node: &Desk, file: &Path) -> Value {
    let taken = node.ask(&["courier", "unpack", file.to_str().unwrap()]);
    assert_eq!(taken["end"], "whole", "{taken}");
    taken
}

/// What is told of a file.
fn list(node: &Desk, file: &Path) -> Value {
    node.ask(&["courier", "list", file.to_str().unwrap()])
}

/// What the audit says of files: which node's, and how many entries.
fn recorded(node: &Desk, what: &str) -> Vec<(Value, Value)> {
    let page = node.ask(&["keys", "audit", "--limit", "1000"]);
    let rows = page["rows"].as_array().unwrap().iter().filter(|row| row["what"] == what);
    rows.map(|row| (row["node"].clone(), row["count"].clone())).collect()
}

/// Why a file is refused, and the exit code.
fn refused(node: &Desk, file: &Path) -> (i32, String) {
    let run = node.run(&["courier", "unpack", file.to_str().unwrap()]);
    (run.code, run.refusal().1)
}

/// What a node does not know another to hold.
fn waiting(node: &Desk, peer: &Value) -> u64 {
    let status = node.ask(&["status"]);
    crate::community::peer(&status, peer).unwrap()["waiting_entries"].as_u64().unwrap()
}

/// How much more than what is needed a file takes, in percent.
fn overhead(packed: &Value) -> u64 {
    let number = |key: &str| packed[key].as_u64().unwrap();
    (number("bytes") * 100).div_ceil(number("needed_bytes")) - 100
}

/// Writes notes that cannot be compressed to less than half, each of 16,000 letters.
fn notes(node: &Desk, elder: &str, count: u8) {
    for number in 0..count {
        let mut content = vec![0; 8_000];
        blake3::Hasher::new().update(&[number]).finalize_xof().fill(&mut content);
        node.ask(&["elder", "edit", elder, "note", &hex::encode(content)]);
    }
}

#[test]
fn a_look_at_a_file_tells_whose_it_is_and_takes_nothing_in() {
    let folder = folder();
    let at = stick(&folder);
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let [at_centre, at_hub] = [id(&centre), id(&hub)];
    centre.stop();
    let elder = add_elder(&hub, "王秀英");
    let file = at("file");
    let packed = pack(&hub, "centre", &file);
    // Only its receiver sees into it.
    let foreign = list(&hub, &file);
    assert_eq!((&foreign["sealed"], &foreign["node"]), (&json!(true), &Value::Null));
    assert_eq!((&foreign["bytes"], &foreign["entries"]), (&packed["bytes"], &json!(0)));
    assert_eq!(recorded(&hub, "packed"), [(at_centre, packed["entries"].clone())]);
    hub.stop();

    centre.up();
    let listed = list(&centre, &file);
    assert_eq!((&listed["node"], &listed["label"]), (&at_hub, &json!("hub")));
    assert_eq!((&listed["end"], &listed["parts"]), (&json!("whole"), &foreign["parts"]));
    for number in ["entries", "certificates", "receipts", "bytes"] {
        assert_eq!(listed[number], packed[number], "{number}");
    }
    assert!(!elders(&centre).contains(&elder), "nothing was taken in");
    let taken = unpack(&centre, &file);
    assert!(elders(&centre).contains(&elder));
    assert_eq!(recorded(&centre, "unpacked"), [(at_hub, taken["entries"].clone())]);
    centre.stop();
}

#[test]
fn a_stick_brings_what_lacked_and_custody_comes_back() {
    let folder = folder();
    let at = stick(&folder);
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let [at_centre, at_hub] = [id(&centre), id(&hub)];
    centre.stop();
    // The centre has yet to learn that there is an elder, whose spaces they are, and of the alert.
    let elder = add_elder(&hub, "王秀英");
    notes(&hub, &elder, 40);
    hub.ask(&["elder", "edit", &elder, "note", "钥匙在邻居家"]);
    let alert = hub.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    let before = waiting(&hub, &at_centre);
    assert!(before > 4, "{before}");

    let first = at("first");
    let packed = pack(&hub, "centre", &first);
    assert_eq!((&packed["node"], &packed["label"]), (&at_centre, &json!("centre")));
    assert!(overhead(&packed) <= 10, "{packed}");
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!at("first.part").exists());
    let bytes = fs::read(&first).unwrap();
    for told in ["王秀英", "钥匙在邻居家", at_hub.as_str().unwrap(), alert.as_str()] {
        let told = told.as_bytes();
        assert!(!bytes.windows(told.len()).any(|found| found == told), "{told:?} is in the file");
    }
    assert_eq!(waiting(&hub, &at_centre), before, "a stick may be lost");
    let written = documents(&hub);
    hub.stop();

    centre.up();
    let taken = unpack(&centre, &first);
    assert_eq!((&taken["node"], &taken["label"]), (&at_hub, &json!("hub")));
    assert_eq!(
        (&taken["gaps"], &taken["refused"], &taken["elsewhere"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert!(taken["entries"].as_u64().unwrap() >= before, "{taken}");
    assert!(elders(&centre).contains(&elder));
    let read = documents(&centre);
    let missing: Vec<_> = written.iter().filter(|(tag, _)| !read.contains_key(*tag)).collect();
    assert!(missing.is_empty(), "not brought: {missing:?}");
    let again = unpack(&centre, &first);
    assert_eq!((&again["entries"], &again["certificates"]), (&json!(0), &json!(0)), "{again}");

    // Somebody answers the alert; the stick goes back with that and with the receipt.
    centre.ask(&["--as", "李明", "alert", "ack", &alert]);
    let second = at("second");
    let packed = pack(&centre, "hub", &second);
    assert!(packed["receipts"].as_u64().unwrap() > 0, "{packed}");
    centre.stop();
    hub.up();
    assert_eq!(waiting(&hub, &at_centre), before, "nobody has said anything yet");
    let taken = unpack(&hub, &second);
    assert!(taken["entries"].as_u64().unwrap() > 0 && taken["receipts"] != 0, "{taken}");
    assert_eq!(waiting(&hub, &at_centre), 0, "the centre holds all, by its own word");
    assert_eq!(hub.ask(&["leave"])["may_leave"], true);
    let shown = hub.ask(&["alert", "show", &alert]);
    assert_eq!(shown["view"]["owner"]["person"]["name"], "李明");
    // What came is receipted with the next trip, and then there is nothing more to be said.
    let third = at("third");
    let packed = pack(&hub, "centre", &third);
    assert_eq!((&packed["certificates"], &packed["documents"]), (&json!(0), &packed["documents"]));
    let mut words = plain(&hub.command(&["courier", "unpack", second.to_str().unwrap()]));
    words.env("LINLI_LANG", "zh");
    let told = finished(&mut words);
    assert!(told.out.contains("由 centre 于"), "{told:?}");
    hub.stop();
    centre.up();
    unpack(&centre, &third);
    assert_eq!(waiting(&centre, &at_hub), 0);
    assert_eq!(documents(&centre).len(), read.len());
    let nothing = at("nothing");
    let packed = centre.ask(&["courier", "pack", "--for", "hub", nothing.to_str().unwrap()]);
    assert_eq!((&packed["entries"], &packed["certificates"]), (&json!(0), &json!(0)), "{packed}");
    centre.stop();
}

#[test]
fn a_file_for_others_cut_damaged_or_from_elsewhere_is_refused_with_the_reason() {
    let folder = folder();
    let at = stick(&folder);
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let mut third = Site::init(folder.path().join("third"), None, LOOPBACK);
    join(&centre, &third, &["household"]);
    third.up();
    met(&third, &centre);
    centre.stop();
    add_elder(&hub, "王秀英");
    let whole = at("whole");
    pack(&hub, "centre", &whole);
    let taken = hub.run(&["courier", "pack", "--for", "centre", whole.to_str().unwrap()]);
    assert_eq!((taken.code, taken.refusal().0.as_str()), (5, "conflict"));
    let nobody = hub.run(&["courier", "pack", "--for", "nobody", at("x").to_str().unwrap()]);
    assert_eq!((nobody.code, nobody.refusal().0.as_str()), (3, "not-found"));
    hub.stop();

    let before = third.ask(&["status"])["entries_held"].clone();
    let (code, why) = refused(&third, &whole);
    assert_eq!(code, 4);
    assert!(why.contains("for another node"), "{why}");
    let text = at("text");
    fs::write(&text, "not a courier file, but long enough to be looked at as if it were one")
        .unwrap();
    assert_eq!(refused(&third, &text).0, 2);
    let folder_itself = refused(&third, folder.path());
    assert_eq!(folder_itself.0, 2, "{folder_itself:?}");
    assert_eq!(third.ask(&["status"])["entries_held"], before, "nothing of it was kept");
    third.stop();

    let mut elsewhere = crate::community::centre(&folder.path().join("south"), None, "\"off\"");
    let foreign = at("foreign");
    add_elder(&elsewhere, "张大爷");
    pack(&elsewhere, "all", &foreign);
    elsewhere.stop();

    centre.up();
    let (code, why) = refused(&centre, &foreign);
    assert_eq!(code, 4);
    assert!(why.contains("another community"), "{why}");
    let bytes = fs::read(&whole).unwrap();
    let odd = |name: &str, bytes: &[u8]| {
        let file = at(name);
        fs::write(&file, bytes).unwrap();
        centre.run(&["courier", "unpack", file.to_str().unwrap()])
    };
    assert_eq!(odd("cut at once", &bytes[..30]).code, 2);
    let mut bad = bytes.clone();
    bad[60] ^= 1;
    assert_eq!(odd("damaged at once", &bad).code, 4);
    bad = bytes.clone();
    let last = bad.len() - 100;
    bad[last] ^= 1;
    let damaged = odd("damaged", &bad);
    assert_eq!((damaged.code, &damaged.answer()["end"]), (2, &json!("damaged")), "{damaged:?}");
    let cut = odd("cut", &bytes[..bytes.len() - 1]);
    assert_eq!((cut.code, &cut.answer()["end"]), (6, &json!("cut")), "{cut:?}");
    unpack(&centre, &whole);
    assert_eq!(elders(&centre).len(), 1);
    centre.stop();
}

#[test]
fn an_expelled_home_brings_nothing_and_a_new_one_shows_that_it_was_enrolled() {
    let folder = folder();
    let at = stick(&folder);
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut homes = ["one", "other"].map(|name| {
        let mut home = Site::init(folder.path().join(name), None, LOOPBACK);
        join(&centre, &home, &["household"]);
        home.up();
        met(&home, &centre);
        home
    });
    let other = id(&homes[1]);
    homes[1].stop();
    // Enrolled while the other home is away, which knows nothing of it.
    let mut fresh = Site::init(folder.path().join("fresh"), None, LOOPBACK);
    join(&centre, &fresh, &["household"]);
    fresh.up();
    met(&fresh, &centre);
    let from_fresh = at("fresh");
    pack(&fresh, other.as_str().unwrap(), &from_fresh);
    fresh.stop();
    let from_one = at("one");
    homes[0].ask(&["courier", "pack", "--whole", "--for", "centre", from_one.to_str().unwrap()]);
    let one = id(&homes[0]);
    homes[0].stop();
    let expelled = centre.run(&["keys", "expel", one.as_str().unwrap()]);
    assert_eq!(expelled.code, 0, "{expelled:?}");
    let (code, why) = refused(&centre, &from_one);
    assert_eq!(code, 4);
    assert!(why.contains("expelled"), "{why}");
    centre.stop();
    homes[1].up();
    let taken = unpack(&homes[1], &from_fresh);
    assert!(taken["certificates"].as_u64().unwrap() > 1, "{taken}");
    assert_eq!(taken["label"], "fresh");
    homes[1].stop();
}

/// What a node that does not read it carries for homes that meet neither it nor each other. A space that
/// the receiver has yet to hear of takes two trips: its letter goes first, then it is asked for.
#[test]
fn a_provider_carries_what_it_cannot_read_and_brings_custody_back() {
    let folder = folder();
    let at = stick(&folder);
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let mut provider = Site::init(folder.path().join("provider"), None, LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "Fast Care"]);
    provider.up();
    let known = add_elder(&hub, "王秀英");
    sees(&centre, &known);
    // The provider knows that the centre holds what it carries of the elder.
    let at_centre = id(&centre);
    let about: Vec<String> = documents(&hub).into_keys().collect();
    provider.await_answer(&["documents"], |rows| {
        let known = |row: &&Value| row["held_by"].as_array().unwrap().contains(&at_centre);
        let known = rows.as_array()?.iter().filter(known).map(|row| row["document"].to_string());
        let known = known.collect::<Vec<_>>().concat();
        about.iter().all(|document| known.contains(document)).then_some(())
    });
    provider.stop();
    hub.stop();
    centre.stop();

    hub.up();
    hub.ask(&["elder", "edit", &known, "note", "钥匙在邻居家"]);
    let new = add_elder(&hub, "李桂兰");
    let before = waiting(&hub, &at_centre);
    let carried = |trip: &str, from: &mut Site, by: &mut Site, to: &mut Site, name: &str| {
        let [out, on] = ["out", "on"].map(|way| at(&format!("{trip}-{way}")));
        let there = pack(from, "provider", &out);
        from.stop();
        by.up();
        let taken = unpack(by, &out);
        assert_eq!(taken["over_quota"], 0, "{taken}");
        pack(by, name, &on);
        by.stop();
        to.up();
        unpack(to, &on);
        there
    };
    let packed = carried("1", &mut hub, &mut provider, &mut centre, "centre");
    assert!(packed["entries"].as_u64().unwrap() >= before, "{packed}");
    let note = centre.ask(&["elder", "show", &known]).to_string();
    assert!(note.contains("钥匙在邻居家"), "{note}");
    assert!(!elders(&centre).contains(&new), "only its letter has come");
    let packed = carried("2", &mut centre, &mut provider, &mut hub, "hub");
    assert!(packed["receipts"].as_u64().unwrap() > 0, "{packed}");
    let left = waiting(&hub, &at_centre);
    assert!(left < before, "the centre's own word, through the provider: {left} of {before}");
    carried("3", &mut hub, &mut provider, &mut centre, "centre");
    assert!(elders(&centre).contains(&new), "it was asked for");
    carried("4", &mut centre, &mut provider, &mut hub, "hub");
    assert_eq!(waiting(&hub, &at_centre), 0);
    hub.stop();
}

#[test]
fn a_node_that_is_killed_while_it_takes_a_file_in_takes_it_in_again() {
    let folder = folder();
    let at = stick(&folder);
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let at_hub = id(&hub);
    centre.stop();
    let elder = add_elder(&hub, "王秀英");
    notes(&hub, &elder, 200);
    let file = at("file");
    pack(&hub, "centre", &file);
    let written = documents(&hub);
    hub.stop();
    let mut interrupted = 0;
    for into_ms in [30, 120, 250, 400, 700] {
        centre.up();
        let held = centre.ask(&["status"])["entries_held"].as_u64().unwrap();
        let mut command = centre.command(&["courier", "unpack", file.to_str().unwrap()]);
        let mut unpacking = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Which moment the kill meets is left to the machine.
        thread::sleep(Duration::from_millis(into_ms));
        centre.kill();
        interrupted += i32::from(!unpacking.wait().unwrap().success());
        centre.up();
        let then = centre.ask(&["status"])["entries_held"].as_u64().unwrap();
        assert!(then >= held, "{then} of {held} entries are left");
        // What it says to hold it holds.
        let receipts = at(&format!("receipts-{into_ms}"));
        centre.ask(&["courier", "pack", "--for", "hub", receipts.to_str().unwrap()]);
        centre.stop();
    }
    assert!(interrupted > 0, "every kill came too late");
    hub.up();
    let at_centre = peer(&hub, "centre");
    for into_ms in [30, 120, 250, 400, 700] {
        let receipts = at(&format!("receipts-{into_ms}"));
        if receipts.exists() {
            unpack(&hub, &receipts);
        }
    }
    let known = waiting(&hub, &at_centre);
    hub.stop();
    centre.up();
    let taken = unpack(&centre, &file);
    assert!(taken["entries"].as_u64().unwrap() <= known, "a receipt was given too early");
    let read = documents(&centre);
    let missing: Vec<_> =
        written.iter().filter(|(tag, row)| read.get(*tag) != Some(*row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let receipts = at("receipts");
    pack(&centre, at_hub.as_str().unwrap(), &receipts);
    centre.stop();
    hub.up();
    unpack(&hub, &receipts);
    assert_eq!(waiting(&hub, &at_centre), 0);
    hub.stop();
}

#[test]
fn a_stick_that_is_full_keeps_no_half_file_and_says_how_much_is_needed() {
    if !requires(Capability::Mounts) {
        return;
    }
    let folder = folder();
    let centre = centre(folder.path(), None, "\"off\"");
    let elder = add_elder(&centre, "王秀英");
    notes(&centre, &elder, 100);
    let stick = folder.path().join("full");
    fs::create_dir(&stick).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=512k,mode=0700", "none"];
    assert!(Command::new("mount").args(mount).arg(&stick).status().unwrap().success());
    let file = stick.join("file");
    // What an earlier attempt has left when the stick was pulled out.
    fs::write(stick.join("file.part"), "half a file").unwrap();
    let run = centre.run(&["courier", "pack", "--whole", "--for", "all", file.to_str().unwrap()]);
    let left: Vec<_> =
        fs::read_dir(&stick).unwrap().map(|file| file.unwrap().file_name()).collect();
    drop(Command::new("umount").arg("--lazy").arg(&stick).status());
    assert_eq!((run.code, run.refusal().0.as_str()), (7, "full"), "{run:?}");
    assert!(run.refusal().1.contains("MiB are needed"), "{run:?}");
    assert_eq!(left, Vec::<std::ffi::OsString>::new());
}

/// The id of the node of this label, as another knows it.
fn peer(node: &Desk, label: &str) -> Value {
    let status = node.ask(&["status"]);
    let rows = status["peers"].as_array().unwrap();
    rows.iter().find(|row| row["label"] == label).unwrap()["node"].clone()
}
